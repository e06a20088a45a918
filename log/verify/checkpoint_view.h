/* A checkpoint file, read without a store (log/store/checkpoint_format.h says what its bytes are):
 * for tools. Any thread; never touches the disk. The tests hold it against what the store writes. */
#pragma once

#include "log/segment/epoch_file.h"
#include "log/segment/mark.h"

struct checkpoint_segment {
	int64_t base_offset;
	int64_t filed_offset;
	uint64_t filed_position;
	bool has_file, is_complete, is_sealed;
	int64_t first_timestamp_ms, max_timestamp_ms, max_timestamp_offset;
	uint64_t batches, records;
	uint32_t first_crc; /* of its first batch; 0: not known */
	uint64_t vouched_position, headers_checksum; /* of the headers of all batches before that position (struct mark); 0: not known */
	uint32_t step_count; /* of what is known of the headers before that */
};

struct checkpoint_partition {
	struct uuid topic_id;
	uint32_t index;
	int64_t start_offset;
	uint32_t segment_size_bytes; /* of each, in the file */
	uint32_t segment_count, epoch_count, damage_count, producers_size_bytes;
	uint32_t version; /* of the file */
	/* Views, for the functions below. */
	const uint8_t *segments, *steps, *epochs, *damages;
};

struct checkpoint_header {
	uint32_t shard;
	uint64_t incarnation;
	uint64_t catalog_sequence; /* of the catalog's last record by then; 0: written before that was noted */
	uint32_t partition_count;
	uint32_t version;
	/* Version 3: the journal that goes with it, the opening that had written that last, and which checkpoint this is. */
	uint64_t journal_seed, generation, journal_incarnation;
	uint64_t journal_end; /* version 4: its last group that was durable by then; 0: not said */
};

/* Checks the whole and reads the head; *rest is then what checkpoint_next takes from. ERR_FORMAT: not of
 * this version; ERR_CORRUPT_LOG. */
MUST_USE int checkpoint_open(struct checkpoint_header *header, struct slice *rest, struct slice file);
/* The next of header->partition_count partitions. False: its sizes do not fit the file. */
MUST_USE bool checkpoint_next(const struct checkpoint_header *header, struct checkpoint_partition *partition, struct slice *rest);
void checkpoint_segment_at(const struct checkpoint_partition *partition, uint32_t i,
			   struct checkpoint_segment *out);
/* What is known of a segment's headers on the way, to be freed; NULL: nothing, or no memory. */
struct mark_steps *checkpoint_steps_at(const struct checkpoint_partition *partition, uint32_t i);
void checkpoint_epoch_at(const struct checkpoint_partition *partition, uint32_t i, struct epoch_entry *out);
void checkpoint_damage_at(const struct checkpoint_partition *partition, uint32_t i, int64_t *from,
			  int64_t *to);
