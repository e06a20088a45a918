/* Finding the next whole batch behind damage, so that a rotten header costs its own batch and not everything behind it.
 *
 * The damaged batch's own length field is tried first: if what it points at is the whole batch that is due behind it, it is believed. Otherwise every
 * position is a candidate: magic 2, an offset behind the damage and within the segment, a length that fits, and a good CRC. A batch inside a
 * record's value could only be taken for one if it carried such an offset; the length field keeps that from happening where records rot.
 *
 * The batch at the damaged place may be whole and only come too early: then batches are missing before it, and it is the next one.
 *
 * A block that was written to the wrong place may hold whole batches that are due much later. Behind them come those that are due now: so of the
 * candidates within LOOK_AHEAD the one with the smallest offset is taken. */
#include <errno.h>
#include <stdlib.h>

#include "log/base/check.h"
#include "log/segment/segment_priv.h"

#define SCAN_SIZE (256u << 10)
#define LOOK_AHEAD (64u << 10)

/* Bytes that are not what they should be say "no"; a disk that does not answer says nothing, and fences are for good. */
static int no_or(int err)
{
	return err == ERR_CORRUPT_LOG ? 0 : err;
}

/* 1: there is a whole batch at `position` that begins behind `from_offset`; 0: there is none; or a read error. */
static int is_batch(struct segment *segment, uint64_t position, int64_t from_offset, struct batch *out)
{
	uint8_t *bytes;
	int err = segment_read_header(segment, position, out);
	if (err || out->base_offset <= from_offset)
		return no_or(err);
	err = segment_read_batch(segment, out, position, &bytes);
	if (err)
		return no_or(err);
	free(bytes);
	return 1;
}

/* A batch says nothing of whose it is, and a block that was written to the wrong place may bring another log's. So what is found by looking must lead on:
 * to the segment's end, or to a header that is due behind it (be that one's batch damaged as well). */
static int leads_on(struct segment *segment, uint64_t position, const struct batch *batch)
{
	struct batch next;
	uint64_t behind = position + batch->size_bytes;
	if (behind == segment->durable.position)
		return batch_next_offset(batch) == segment->durable.offset || segment->durable.offset == INT64_MAX;
	int err = segment_read_header(segment, behind, &next);
	return err ? no_or(err) : next.base_offset == batch_next_offset(batch);
}

static bool looks_like_batch(const uint8_t *at, int64_t from_offset, int64_t end_offset, uint64_t room)
{
	int64_t base_offset = (int64_t)load_be64(at + BATCH_AT_BASE_OFFSET);
	return at[BATCH_AT_MAGIC] == BATCH_MAGIC && base_offset > from_offset && base_offset < end_offset &&
	       (uint64_t)load_be32(at + BATCH_AT_LENGTH) + BATCH_LENGTH_OVERHEAD <= room;
}

/* Where the file ends, which may be before it should. */
static uint64_t end_of_file(struct segment *segment)
{
	int fd = segment_open_read(segment);
	int64_t size = fd < 0 ? fd : io_file_size(segment->home->io, fd);
	return size < 0 ? 0 : (uint64_t)size;
}

/* What a search has found so far: the candidate with the smallest offset, and where to stop looking for a smaller one. */
struct candidate {
	bool is_there;
	uint64_t position, look_to;
	struct batch batch;
};

/* Looks at every position of the buffer, which holds [start, start + size) of the segment. */
static int search_buffer(struct segment *segment, const uint8_t *buffer, uint64_t start, uint64_t size, int64_t from_offset,
			 struct candidate *best)
{
	uint64_t end = segment->durable.position;
	for (uint64_t i = 0; i + BATCH_HEADER_SIZE <= size && start + i < best->look_to; i++) {
		struct batch batch;
		int64_t limit = best->is_there ? best->batch.base_offset : segment->durable.offset;
		if (!looks_like_batch(buffer + i, from_offset, limit, end - start - i))
			continue;
		int is_found = is_batch(segment, start + i, from_offset, &batch);
		if (is_found > 0)
			is_found = leads_on(segment, start + i, &batch);
		if (is_found < 0)
			return is_found;
		if (!is_found)
			continue;
		if (!best->is_there)
			best->look_to = start + i + LOOK_AHEAD;
		best->is_there = true;
		best->position = start + i;
		best->batch = batch;
		if (batch.base_offset == from_offset + 1)
			best->look_to = 0; /* nothing is lost */
	}
	return 0;
}

/* Looks at every position of [*position, end of the segment). */
static int search(struct segment *segment, int64_t from_offset, uint64_t *position, struct batch *out)
{
	uint8_t *buffer = malloc(SCAN_SIZE);
	if (!buffer)
		return -ENOMEM;
	uint64_t end = segment->durable.position, file_end = end_of_file(segment), in_memory = segment->memory_position;
	struct candidate best = {.look_to = UINT64_MAX};
	int err = 0;
	for (uint64_t start = *position; start + BATCH_HEADER_SIZE <= end && start < best.look_to && !err;) {
		if (start < in_memory && start + BATCH_HEADER_SIZE > file_end && file_end < in_memory) {
			start = in_memory;
			continue;
		}
		uint64_t limit = start < in_memory && file_end < in_memory ? file_end : end;
		uint64_t size = limit - start < SCAN_SIZE ? limit - start : SCAN_SIZE;
		err = segment_read_bytes(segment, buffer, (uint32_t)size, start);
		if (!err)
			err = search_buffer(segment, buffer, start, size, from_offset, &best);
		start += size - BATCH_HEADER_SIZE + 1;
	}
	free(buffer);
	if (!best.is_there || (err && err != ERR_CORRUPT_LOG))
		return err ? err : ERR_CORRUPT_LOG;
	*position = best.position;
	*out = best.batch;
	return 0;
}

/* Is the batch that is not the one due a whole one of later offsets, before which others are missing? Its base offset may have been changed instead: so
 * the next one must go on behind it. */
static int is_later_batch(struct segment *segment, uint64_t position, int64_t from_offset, struct batch *out)
{
	struct batch next;
	int is_found = is_batch(segment, position, from_offset + 1, out);
	if (is_found <= 0)
		return is_found;
	uint64_t behind = position + out->size_bytes;
	if (behind == segment->durable.position)
		return batch_next_offset(out) == segment->durable.offset;
	is_found = is_batch(segment, behind, from_offset, &next);
	return is_found > 0 ? next.base_offset == batch_next_offset(out) : is_found;
}

/* The same for what the damaged batch's own length leads to. */
static int is_behind_damaged(struct segment *segment, uint64_t *position, int64_t from_offset, struct batch *out)
{
	struct batch damaged;
	int err = segment_read_header(segment, *position, &damaged);
	if (err)
		return no_or(err);
	int64_t due = from_offset + 1 + damaged.last_offset_delta + 1;
	*position += damaged.size_bytes;
	int is_found = is_batch(segment, *position, from_offset, out);
	return is_found > 0 ? out->base_offset == due : is_found;
}

int segment_resync(struct segment *segment, uint64_t damaged_position, int64_t from_offset, uint64_t *position, struct batch *out)
{
	*position = damaged_position;
	int is_found = is_later_batch(segment, damaged_position, from_offset, out);
	if (!is_found)
		is_found = is_behind_damaged(segment, position, from_offset, out);
	if (is_found)
		return is_found < 0 ? is_found : 0;
	*position = damaged_position + 1;
	return search(segment, from_offset, position, out);
}
