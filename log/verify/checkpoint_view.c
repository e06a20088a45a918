/* The bytes of a checkpoint as views. Its checksum has vouched for them before a size in them is believed,
 * and each is checked all the same. */
#include "log/verify/checkpoint_view.h"

#include <xxhash.h>

#include "log/base/bytes.h"

#define CHECKPOINT_VERSION 7
#define HEADER_SIZE_V1 28u
#define PARTITION_SIZE 44u
#define SEGMENT_SIZE 104u
#define SEGMENT_SIZE_V5 80u
#define SEGMENT_SIZE_V2 76u
#define EPOCH_SIZE 12u
#define DAMAGE_SIZE 16u
#define CHECKSUM_SIZE 8u

int checkpoint_open(struct checkpoint_header *header, struct slice *rest, struct slice file)
{
	if (file.size < HEADER_SIZE_V1 + CHECKSUM_SIZE || memcmp(file.data, "SPATECKP", 8) != 0)
		return ERR_CORRUPT_LOG;
	size_t size = file.size - CHECKSUM_SIZE;
	if (XXH3_64bits(file.data, size) != load_le64(file.data + size))
		return ERR_CORRUPT_LOG;
	uint32_t version = load_le32(file.data + 8);
	if (version < 1 || version > CHECKPOINT_VERSION)
		return ERR_FORMAT;
	static const size_t header_sizes[CHECKPOINT_VERSION + 1] = {0, HEADER_SIZE_V1, 36, 60, 68, 76, 76, 76};
	size_t header_size = header_sizes[version];
	if (size < header_size)
		return ERR_CORRUPT_LOG;
	*header = (struct checkpoint_header){.version = version};
	header->shard = load_le32(file.data + 12);
	header->incarnation = load_le64(file.data + 16);
	header->partition_count = load_le32(file.data + 24);
	header->catalog_sequence = version == 1 ? 0 : load_le64(file.data + 28);
	if (version >= 3) {
		header->journal_seed = load_le64(file.data + 36);
		header->generation = load_le64(file.data + 44);
		header->journal_incarnation = load_le64(file.data + 52);
	}
	header->journal_end = version >= 4 ? load_le64(file.data + 60) >> 16 : 0;
	*rest = (struct slice){file.data + header_size, size - header_size};
	return 0;
}

static uint32_t step_count(const struct checkpoint_partition *partition, uint32_t i)
{
	return partition->has_steps ? load_le32(partition->segments + (size_t)i * partition->segment_size_bytes + 24) >> 8 & 0xff : 0;
}

/* Of all segments before that one. */
static uint64_t steps_before(const struct checkpoint_partition *partition, uint32_t i)
{
	uint64_t count = 0;
	while (i > 0)
		count += step_count(partition, --i);
	return count;
}

bool checkpoint_next(const struct checkpoint_header *header, struct checkpoint_partition *partition, struct slice *rest)
{
	const uint8_t *at = rest->data;
	if (rest->size < PARTITION_SIZE)
		return false;
	memcpy(partition->topic_id.bytes, at, 16);
	partition->index = load_le32(at + 16);
	partition->start_offset = (int64_t)load_le64(at + 20);
	partition->segment_count = load_le32(at + 28);
	partition->epoch_count = load_le32(at + 32);
	partition->damage_count = load_le32(at + 36);
	partition->producers_size_bytes = load_le32(at + 40);
	partition->segment_size_bytes = header->version < 3 ? SEGMENT_SIZE_V2 : header->version < 6 ? SEGMENT_SIZE_V5 : SEGMENT_SIZE;
	partition->has_steps = header->version >= 7;
	uint64_t segments = (uint64_t)partition->segment_count * partition->segment_size_bytes;
	if (segments > rest->size - PARTITION_SIZE)
		return false;
	partition->segments = at + PARTITION_SIZE;
	uint64_t steps = steps_before(partition, partition->segment_count) * MARK_STEP_SIZE;
	uint64_t size = PARTITION_SIZE + segments + steps + (uint64_t)partition->epoch_count * EPOCH_SIZE +
			(uint64_t)partition->damage_count * DAMAGE_SIZE + partition->producers_size_bytes;
	if (size > rest->size)
		return false;
	partition->steps = partition->segments + segments;
	partition->epochs = partition->steps + steps;
	partition->damages = partition->epochs + (size_t)partition->epoch_count * EPOCH_SIZE;
	*rest = (struct slice){at + size, rest->size - size};
	return true;
}

void checkpoint_segment_at(const struct checkpoint_partition *partition, uint32_t i,
			   struct checkpoint_segment *out)
{
	const uint8_t *at = partition->segments + (size_t)i * partition->segment_size_bytes;
	uint32_t flags = load_le32(at + 24);
	*out = (struct checkpoint_segment){
		.base_offset = (int64_t)load_le64(at),
		.filed_offset = (int64_t)load_le64(at + 8),
		.filed_position = load_le64(at + 16),
		.has_file = flags & 1,
		.is_complete = flags & 2,
		.is_sealed = flags & 4,
		.first_timestamp_ms = (int64_t)load_le64(at + 28),
		.max_timestamp_ms = (int64_t)load_le64(at + 36),
		.max_timestamp_offset = (int64_t)load_le64(at + 44),
		.batches = load_le64(at + 52),
		.records = load_le64(at + 60),
		.first_crc = partition->segment_size_bytes > SEGMENT_SIZE_V2 ? load_le32(at + 76) : 0,
		.vouched_position = partition->segment_size_bytes >= SEGMENT_SIZE ? load_le64(at + 80) : 0,
		.headers_checksum = partition->segment_size_bytes >= SEGMENT_SIZE ? load_le64(at + 88) : 0,
		.step_count = step_count(partition, i),
	};
}

struct mark_steps *checkpoint_steps_at(const struct checkpoint_partition *partition, uint32_t i)
{
	struct checkpoint_segment segment;
	checkpoint_segment_at(partition, i, &segment);
	return mark_steps_decode(partition->steps + steps_before(partition, i) * MARK_STEP_SIZE, segment.step_count, segment.vouched_position);
}

void checkpoint_epoch_at(const struct checkpoint_partition *partition, uint32_t i, struct epoch_entry *out)
{
	const uint8_t *at = partition->epochs + (size_t)i * EPOCH_SIZE;
	*out = (struct epoch_entry){(int32_t)load_le32(at), (int64_t)load_le64(at + 4)};
}

void checkpoint_damage_at(const struct checkpoint_partition *partition, uint32_t i, int64_t *from,
			  int64_t *to)
{
	const uint8_t *at = partition->damages + (size_t)i * DAMAGE_SIZE;
	*from = (int64_t)load_le64(at);
	*to = (int64_t)load_le64(at + 8);
}
