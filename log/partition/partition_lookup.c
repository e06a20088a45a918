/* Offsets by time: the first record at or after a timestamp, and the one with the largest. A segment is chosen by what is known of
 * its largest timestamp, its time index gives a place to begin, and from there headers are walked until a batch can hold the
 * answer; only that batch is read and decompressed. Damage on the way is fenced and passed over: the answer is the first that can be served.
 * Reads the disk in place: lookups are rare and touch few blocks. */
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

/* ---- past damage ------------------------------------------------------------------------------------------------ */

/* A place among the durable batches of a segment; `expected` is the offset due there, -1 if the place comes from an index, which says the last offset of
 * the batch there. The batch before it was passed over by its header alone (passed_offset is its base offset), or there is none (-1). */
struct walk {
	struct partition *partition;
	struct segment *segment;
	uint64_t position, passed_position;
	int64_t expected, index_offset, passed_offset;
	struct batch batch;
};

static struct walk walk_from_index(struct partition *partition, struct segment *segment, uint64_t position, int64_t last_offset)
{
	return (struct walk){
		.partition = partition, .segment = segment, .position = position, .expected = last_offset < 0 ? segment->base_offset : -1,
		.index_offset = last_offset, .passed_offset = -1,
	};
}

static struct walk walk_all(struct partition *partition, struct segment *segment)
{
	return walk_from_index(partition, segment, 0, -1);
}

/* 1: the batch here is not the one due, or none. 0: it is. Or a read error, which says nothing of the batch. */
static int is_here_wrong(struct walk *walk)
{
	int err = segment_read_header(walk->segment, walk->position, &walk->batch);
	if (err)
		return err == ERR_CORRUPT_LOG ? 1 : err;
	if (walk->expected < 0 && batch_last_offset(&walk->batch) != walk->index_offset)
		return 1;
	int64_t expected = walk->expected >= 0 ? walk->expected : walk->batch.base_offset;
	return !partition__is_header_right(walk->partition, &walk->batch, expected);
}

/* Here is no batch, or a damaged one; 1: the walk stands behind it. If the header that led here lies, it is its batch that is damaged. */
static int fence_here(struct walk *walk)
{
	int is_passed_bad = walk->passed_offset >= 0 ? partition__is_batch_bad(walk->segment, walk->passed_position) : 0;
	if (is_passed_bad < 0)
		return is_passed_bad;
	if (is_passed_bad) {
		walk->position = walk->passed_position;
		walk->expected = walk->passed_offset;
	}
	walk->passed_offset = -1;
	return partition__fence(walk->partition, walk->segment, walk->position, walk->expected, walk->expected, &walk->position, &walk->expected);
}

/* The batch here, whose header is right, is damaged: its own length need not be right. */
static int fence_batch(struct walk *walk)
{
	walk->expected = walk->batch.base_offset;
	walk->passed_offset = -1;
	return fence_here(walk);
}

static void pass(struct walk *walk)
{
	walk->passed_position = walk->position;
	walk->passed_offset = walk->batch.base_offset;
	walk->position += walk->batch.size_bytes;
	walk->expected = batch_next_offset(&walk->batch);
}

/* Stands at the next batch that is not damaged, as far as its header tells: 1. There is none: 0. Or a read error. Where an index led to no batch, the walk
 * begins anew at the segment's begin: what is damaged then is known. */
static int find_batch(struct walk *walk)
{
	int more = 1;
	while (more > 0 && walk->position < walk->segment->durable.position) {
		int is_wrong = is_here_wrong(walk);
		if (is_wrong < 0)
			return is_wrong;
		partition__note_lost(walk->partition, walk->segment);
		if (is_wrong && walk->expected < 0) {
			*walk = walk_all(walk->partition, walk->segment);
			continue;
		}
		bool is_fenced = !is_wrong && partition__is_damaged(walk->partition, walk->batch.base_offset, batch_next_offset(&walk->batch));
		if (!is_wrong && !is_fenced)
			return 1;
		more = is_fenced ? fence_batch(walk) : fence_here(walk);
	}
	return more < 0 ? more : 0;
}

/* Looks on from where the walk is for the first batch with a timestamp at or above the given one and a record that has it. A batch that turns out to be
 * damaged is fenced as by a read: the same bytes are judged alike by both, and what follows is the answer. */
static int search_segment(struct walk *walk, int64_t timestamp_ms, find_record_fn *find, struct offset_found *out)
{
	int more = find_batch(walk);
	while (more > 0) {
		const struct batch *batch = &walk->batch;
		bool is_passed = batch->max_timestamp_ms < timestamp_ms || batch_next_offset(batch) <= walk->partition->start_offset || batch_is_control(batch);
		int found = is_passed ? 0 : look_into(walk->partition, walk->segment, batch, walk->position, timestamp_ms, find, out);
		if (found && found != ERR_CORRUPT_LOG)
			return found < 0 ? found : 0;
		if (!found)
			pass(walk);
		else if ((more = fence_batch(walk)) <= 0)
			return more;
		more = find_batch(walk);
	}
	return more;
}

/* ---- the first at or after a time ----------------------------------------------------------------------------- */

int partition_offset_for_time(struct partition *partition, int64_t timestamp_ms, struct offset_found *out)
{
	*out = (struct offset_found){.offset = -1, .timestamp_ms = -1, .leader_epoch = -1};
	if (partition->offline_err)
		return ERR_OFFLINE;
	LIST_FOR_EACH(node, &partition->segments) {
		struct segment *segment = LIST_ENTRY(node, struct segment, node);
		if (segment->max_timestamp_ms < timestamp_ms || segment->durable.offset <= partition->start_offset)
			continue;
		uint64_t position;
		int64_t last_offset;
		int err = segment_find_time(segment, timestamp_ms, &position, &last_offset);
		struct walk walk = walk_from_index(partition, segment, position, last_offset);
		if (!err)
			err = search_segment(&walk, timestamp_ms, first_at, out);
		if (err || out->found)
			return err;
	}
	return 0;
}

/* ---- the largest time -------------------------------------------------------------------------------------------- */

/* The largest timestamp of a segment counts what is staged, and what is damaged; what consumers may see can only be less, so the search goes by
 * headers. */
static int max_durable_timestamp(struct partition *partition, struct segment *segment, bool is_told_believed, int64_t *timestamp_ms)
{
	bool is_whole = segment->durable.position == segment->staged.position && segment->base_offset >= partition->start_offset;
	bool is_known = is_told_believed && is_whole && !partition__is_damaged(partition, segment->base_offset, segment->staged.offset);
	*timestamp_ms = is_known ? segment->max_timestamp_ms : -1;
	struct walk walk = walk_all(partition, segment);
	int more = 0;
	for (; !is_known && (more = find_batch(&walk)) > 0; pass(&walk))
		if (batch_next_offset(&walk.batch) > partition->start_offset && walk.batch.max_timestamp_ms > *timestamp_ms)
			*timestamp_ms = walk.batch.max_timestamp_ms;
	return more;
}

/* *best stays NULL if there is no record. */
static int find_segment_of_max_time(struct partition *partition, bool is_told_believed, struct segment **best, int64_t *timestamp_ms)
{
	*best = NULL;
	*timestamp_ms = -1;
	LIST_FOR_EACH(node, &partition->segments) {
		struct segment *segment = LIST_ENTRY(node, struct segment, node);
		int64_t largest_ms;
		int err = max_durable_timestamp(partition, segment, is_told_believed, &largest_ms);
		if (err)
			return err;
		if (largest_ms <= *timestamp_ms)
			continue;
		*best = segment;
		*timestamp_ms = largest_ms;
	}
	return 0;
}

/* Each round finds the record, or fences a batch that had promised it. If none does: what is told of the segments is of a batch that rotted since and
 * promises less now, so from then on only headers are believed. */
int partition_offset_of_max_time(struct partition *partition, struct offset_found *out)
{
	*out = (struct offset_found){.offset = -1, .timestamp_ms = -1, .leader_epoch = -1};
	for (bool is_told_believed = true;;) {
		int64_t timestamp_ms, last_offset;
		uint64_t position, known = partition->home->damaged_ranges;
		struct segment *best;
		int err = find_segment_of_max_time(partition, is_told_believed, &best, &timestamp_ms);
		if (err || !best)
			return err;
		err = segment_find_time(best, timestamp_ms, &position, &last_offset);
		struct walk walk = walk_from_index(partition, best, position, last_offset);
		if (!err)
			err = search_segment(&walk, timestamp_ms, largest, out);
		bool is_new_damage = known != partition->home->damaged_ranges;
		if (err || out->found || (!is_new_damage && !is_told_believed))
			return err;
		is_told_believed = is_new_damage;
	}
}
