/* Offsets by time: the first record at or after a timestamp, and the one with the largest. A segment is chosen by what is known of
 * its largest timestamp, its time index gives a place to begin, and from there headers are walked until a batch can hold the
 * answer; only that batch is read and decompressed. Reads the disk in place: lookups are rare and touch few blocks. */
#include <stdlib.h>

#include "log/base/check.h"
#include "log/batch/record_iter.h"
#include "log/partition/partition_priv.h"

typedef int find_record_fn(struct partition *partition, struct slice bytes, int64_t timestamp_ms, struct offset_found *out);

static int first_at(struct partition *partition, struct slice bytes, int64_t timestamp_ms, struct offset_found *out)
{
	return record_find_timestamp(partition->home->workspace, bytes, timestamp_ms, partition->start_offset, &out->offset, &out->timestamp_ms);
}

static int largest(struct partition *partition, struct slice bytes, int64_t timestamp_ms, struct offset_found *out)
{
	return record_find_max_timestamp(partition->home->workspace, bytes, &out->offset, &out->timestamp_ms);
}

/* 1: found in this batch; 0: not; or an error. */
static int look_into(struct partition *partition, struct segment *segment, const struct batch *batch, uint64_t position,
		     int64_t timestamp_ms, find_record_fn *find, struct offset_found *out)
{
	uint8_t *bytes;
	int err = segment_read_batch(segment, batch, position, &bytes);
	if (err)
		return err;
	int found = find(partition, (struct slice){bytes, batch->size_bytes}, timestamp_ms, out);
	free(bytes);
	if (found == 1) {
		out->found = true;
		out->leader_epoch = batch->leader_epoch;
	}
	return found < 0 ? ERR_CORRUPT_LOG : found;
}

/* Walks the durable batches of a segment from `position` on to the first with a timestamp at or above the given one and a record that has it. */
static int search_segment(struct partition *partition, struct segment *segment, uint64_t position, int64_t timestamp_ms,
			  find_record_fn *find, struct offset_found *out)
{
	struct batch batch;
	for (; position < segment->durable.position; position += batch.size_bytes) {
		int err = segment_read_header(segment, position, &batch);
		if (err)
			return err;
		if (batch.max_timestamp_ms < timestamp_ms || batch_next_offset(&batch) <= partition->start_offset || batch_is_control(&batch))
			continue;
		int found = look_into(partition, segment, &batch, position, timestamp_ms, find, out);
		if (found)
			return found < 0 ? found : 0;
	}
	return 0;
}

int partition_offset_for_time(struct partition *partition, int64_t timestamp_ms, struct offset_found *out)
{
	*out = (struct offset_found){.offset = -1, .timestamp_ms = -1, .leader_epoch = -1};
	LIST_FOR_EACH(node, &partition->segments) {
		struct segment *segment = LIST_ENTRY(node, struct segment, node);
		if (segment->max_timestamp_ms < timestamp_ms || segment->durable.offset <= partition->start_offset)
			continue;
		uint64_t position;
		int err = segment_find_time(segment, timestamp_ms, &position);
		if (!err)
			err = search_segment(partition, segment, position, timestamp_ms, first_at, out);
		if (err || out->found)
			return err;
	}
	return 0;
}

/* The largest timestamp of a segment counts what is staged; what consumers may see can only be less, so the search goes by headers. */
static int max_durable_timestamp(struct partition *partition, struct segment *segment, int64_t *timestamp_ms)
{
	struct batch batch;
	*timestamp_ms = -1;
	uint64_t position = 0;
	if (segment->durable.position == segment->staged.position && segment->base_offset >= partition->start_offset) {
		*timestamp_ms = segment->max_timestamp_ms;
		return 0;
	}
	for (; position < segment->durable.position; position += batch.size_bytes) {
		int err = segment_read_header(segment, position, &batch);
		if (err)
			return err;
		if (batch_next_offset(&batch) > partition->start_offset && batch.max_timestamp_ms > *timestamp_ms)
			*timestamp_ms = batch.max_timestamp_ms;
	}
	return 0;
}

int partition_offset_of_max_time(struct partition *partition, struct offset_found *out)
{
	*out = (struct offset_found){.offset = -1, .timestamp_ms = -1, .leader_epoch = -1};
	struct segment *best = NULL;
	int64_t best_timestamp = -1;
	LIST_FOR_EACH(node, &partition->segments) {
		struct segment *segment = LIST_ENTRY(node, struct segment, node);
		int64_t timestamp;
		int err = max_durable_timestamp(partition, segment, &timestamp);
		if (err)
			return err;
		if (timestamp > best_timestamp) {
			best = segment;
			best_timestamp = timestamp;
		}
	}
	if (!best)
		return 0;
	uint64_t position;
	int err = segment_find_time(best, best_timestamp, &position);
	return err ? err : search_segment(partition, best, position, best_timestamp, largest, out);
}
