/* Sizes in a checkpoint. Its checksum has vouched for it before one of them is believed, and each is held against the end all the same. */
#include "log/store/checkpoint_format.h"

#include <xxhash.h>

#include "log/segment/mark.h"

int checkpoint_check(struct slice file, size_t *header_size)
{
	if (file.size < CHECKPOINT_HEADER_SIZE_V1 + CHECKPOINT_CHECKSUM_SIZE || memcmp(file.data, CHECKPOINT_MAGIC, 8))
		return ERR_CORRUPT_LOG;
	if (XXH3_64bits(file.data, file.size - CHECKPOINT_CHECKSUM_SIZE) != load_le64(file.data + file.size - CHECKPOINT_CHECKSUM_SIZE))
		return ERR_CORRUPT_LOG;
	uint32_t version = load_le32(file.data + 8);
	if (version < 1 || version > CHECKPOINT_VERSION)
		return ERR_FORMAT;
	static const size_t header_sizes[CHECKPOINT_VERSION + 1] = {0, CHECKPOINT_HEADER_SIZE_V1, CHECKPOINT_HEADER_SIZE_V2, CHECKPOINT_HEADER_SIZE_V3, CHECKPOINT_HEADER_SIZE_V4,
								CHECKPOINT_HEADER_SIZE, CHECKPOINT_HEADER_SIZE, CHECKPOINT_HEADER_SIZE};
	*header_size = header_sizes[version];
	return file.size < *header_size + CHECKPOINT_CHECKSUM_SIZE ? ERR_CORRUPT_LOG : 0;
}

uint32_t checkpoint_segment_size(uint32_t version)
{
	return version < 3 ? CHECKPOINT_SEGMENT_SIZE_V2 : version < 6 ? CHECKPOINT_SEGMENT_SIZE_V5 : CHECKPOINT_SEGMENT_SIZE;
}

uint32_t checkpoint_step_count(uint32_t version, const uint8_t *segment)
{
	return version >= 7 ? load_le32(segment + 24) >> CHECKPOINT_STEPS_SHIFT & 0xff : 0;
}

size_t checkpoint_steps_size(uint32_t version, const uint8_t *segments, uint32_t count)
{
	uint64_t steps = 0;
	for (uint32_t i = 0; version >= 7 && i < count; i++)
		steps += checkpoint_step_count(version, segments + (size_t)i * CHECKPOINT_SEGMENT_SIZE);
	return (size_t)(steps * MARK_STEP_SIZE);
}

uint64_t checkpoint_partition_size(uint32_t version, const uint8_t *at, const uint8_t *end)
{
	if (end - at < CHECKPOINT_PARTITION_SIZE)
		return 0;
	uint64_t segments = (uint64_t)load_le32(at + 28) * checkpoint_segment_size(version), left = (uint64_t)(end - at) - CHECKPOINT_PARTITION_SIZE;
	if (segments > left)
		return 0;
	uint64_t size = CHECKPOINT_PARTITION_SIZE + segments + checkpoint_steps_size(version, at + CHECKPOINT_PARTITION_SIZE, load_le32(at + 28)) +
			(uint64_t)load_le32(at + 32) * CHECKPOINT_EPOCH_SIZE + (uint64_t)load_le32(at + 36) * CHECKPOINT_DAMAGE_SIZE + load_le32(at + 40);
	return size <= (uint64_t)(end - at) ? size : 0;
}
