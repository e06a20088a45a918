/* The bytes of a checkpoint as views. Its checksum has vouched for them before a size in them is believed,
 * and each is checked all the same. */
#include "log/verify/checkpoint_view.h"

#include "log/store/checkpoint_format.h"

int checkpoint_open(struct checkpoint_header *header, struct slice *rest, struct slice file)
{
	size_t header_size;
	int err = checkpoint_check(file, &header_size);
	if (err)
		return err;
	uint32_t version = load_le32(file.data + 8);
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
	header->journal_end = version >= 4 ? load_le64(file.data + 60) >> CHECKPOINT_FLAG_BITS : 0;
	*rest = (struct slice){file.data + header_size, file.size - CHECKPOINT_CHECKSUM_SIZE - header_size};
	return 0;
}

bool checkpoint_next(const struct checkpoint_header *header, struct checkpoint_partition *partition, struct slice *rest)
{
	const uint8_t *at = rest->data;
	uint64_t size = checkpoint_partition_size(header->version, at, at + rest->size);
	if (!size)
		return false;
	memcpy(partition->topic_id.bytes, at, 16);
	partition->index = load_le32(at + 16);
	partition->start_offset = (int64_t)load_le64(at + 20);
	partition->segment_count = load_le32(at + 28);
	partition->epoch_count = load_le32(at + 32);
	partition->damage_count = load_le32(at + 36);
	partition->producers_size_bytes = load_le32(at + 40);
	partition->version = header->version;
	partition->segment_size_bytes = checkpoint_segment_size(header->version);
	partition->segments = at + CHECKPOINT_PARTITION_SIZE;
	partition->steps = partition->segments + (size_t)partition->segment_count * partition->segment_size_bytes;
	partition->epochs = partition->steps + checkpoint_steps_size(header->version, partition->segments, partition->segment_count);
	partition->damages = partition->epochs + (size_t)partition->epoch_count * CHECKPOINT_EPOCH_SIZE;
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
		.has_file = flags & CHECKPOINT_SEGMENT_HAS_FILE,
		.is_complete = flags & CHECKPOINT_SEGMENT_IS_COMPLETE,
		.is_sealed = flags & CHECKPOINT_SEGMENT_IS_SEALED,
		.first_timestamp_ms = (int64_t)load_le64(at + 28),
		.max_timestamp_ms = (int64_t)load_le64(at + 36),
		.max_timestamp_offset = (int64_t)load_le64(at + 44),
		.batches = load_le64(at + 52),
		.records = load_le64(at + 60),
		.first_crc = partition->segment_size_bytes > CHECKPOINT_SEGMENT_SIZE_V2 ? load_le32(at + 76) : 0,
		.vouched_position = partition->segment_size_bytes >= CHECKPOINT_SEGMENT_SIZE ? load_le64(at + 80) : 0,
		.headers_checksum = partition->segment_size_bytes >= CHECKPOINT_SEGMENT_SIZE ? load_le64(at + 88) : 0,
		.step_count = checkpoint_step_count(partition->version, at),
	};
}

struct mark_steps *checkpoint_steps_at(const struct checkpoint_partition *partition, uint32_t i)
{
	struct checkpoint_segment segment;
	checkpoint_segment_at(partition, i, &segment);
	return mark_steps_decode(partition->steps + checkpoint_steps_size(partition->version, partition->segments, i), segment.step_count, segment.vouched_position);
}

void checkpoint_epoch_at(const struct checkpoint_partition *partition, uint32_t i, struct epoch_entry *out)
{
	const uint8_t *at = partition->epochs + (size_t)i * CHECKPOINT_EPOCH_SIZE;
	*out = (struct epoch_entry){(int32_t)load_le32(at), (int64_t)load_le64(at + 4)};
}

void checkpoint_damage_at(const struct checkpoint_partition *partition, uint32_t i, int64_t *from,
			  int64_t *to)
{
	const uint8_t *at = partition->damages + (size_t)i * CHECKPOINT_DAMAGE_SIZE;
	*from = (int64_t)load_le64(at);
	*to = (int64_t)load_le64(at + 8);
}
