/* Reading whole batches from an offset on.
 *
 * Happy paths:
 *   - the batch is in memory, as it is for consumers at the tail: the answer is views of the chunks, kept from eviction until
 *     the reader has sent them; nothing is copied and nothing is checked again, as the bytes were judged when they came in;
 *   - it is in a file alone: disk_read.c.
 *
 * Failures: an offset outside the log, or in damage. Nothing at or behind the high watermark is ever returned. */
#include <errno.h>

#include "log/base/check.h"
#include "log/partition/disk_read.h"
#include "log/partition/partition_priv.h"

/* ---- from memory ------------------------------------------------------------------------------------------------ */

/* Walks from the batch at `position` to the one that holds the offset. */
static uint64_t walk_to_offset(struct segment *segment, uint64_t position, int64_t offset)
{
	struct batch batch;
	for (;;) {
		segment_peek_batch(segment, position, &batch);
		if (batch_next_offset(&batch) > offset)
			return position;
		position += batch.size_bytes;
		CHECK(position < segment->durable.position);
	}
}

/* The end of the whole batches from `position` on that fit `size_max`, and of the first one in any case if `is_first`. */
static uint64_t end_of_batches(struct segment *segment, uint64_t position, uint64_t size_max, bool is_first, int64_t limit_offset)
{
	uint64_t limit = segment->durable.position;
	if (limit - position <= size_max && limit_offset >= segment->durable.offset)
		return limit;
	uint64_t end = position;
	while (end < limit) {
		struct batch batch;
		segment_peek_batch(segment, end, &batch);
		if (batch_next_offset(&batch) > limit_offset)
			break;
		if (end + batch.size_bytes - position > size_max && !(is_first && end == position))
			break;
		end += batch.size_bytes;
	}
	return end;
}

/* The pieces may run out before the bytes do: then the answer ends with the last batch that is whole in them. */
static uint64_t end_within(struct segment *segment, uint64_t position, uint64_t reach)
{
	uint64_t end = position;
	struct batch batch;
	while (end < reach) {
		segment_peek_batch(segment, end, &batch);
		if (end + batch.size_bytes > reach)
			break;
		end += batch.size_bytes;
	}
	return end;
}

/* One batch in more pieces than an answer takes (a large one, or one in small chunks): it is copied out. Its size is bounded by the cache's. */
static bool copy_first_batch(struct read_op *op, struct segment *segment, uint64_t position)
{
	struct batch batch;
	segment_peek_batch(segment, position, &batch);
	if (!disk_read_take_large(op, batch.size_bytes))
		return false;
	if (!op->buffer) {
		op->err = -ENOMEM;
		return true;
	}
	partition__tell_more(op, segment, position + batch.size_bytes);
	segment_peek(segment, position, op->buffer, batch.size_bytes);
	op->pieces[0] = (struct slice){op->buffer, batch.size_bytes};
	op->piece_count = 1;
	op->size_bytes = batch.size_bytes;
	return true;
}

void partition__tell_more(struct read_op *op, const struct segment *segment, uint64_t end)
{
	op->has_more = end < segment->durable.position || segment->durable.offset < op->partition->durable_offset;
}

bool partition__answer_from_memory(struct read_op *op, struct segment *segment, uint64_t position, int64_t limit_offset)
{
	position = walk_to_offset(segment, position, op->offset);
	uint64_t end = end_of_batches(segment, position, op->size_bytes_max, op->is_first, limit_offset);
	uint64_t size;
	uint32_t count = segment_view(segment, position, end, op->pieces, op->chunks, READ_PIECES_MAX, &size);
	if (position + size < end) {
		end = end_within(segment, position, position + size);
		if (end == position)
			return copy_first_batch(op, segment, position);
		count = segment_view(segment, position, end, op->pieces, op->chunks, READ_PIECES_MAX, &size);
	}
	for (uint32_t i = 0; i < count; i++)
		chunk_retain(op->chunks[i]);
	op->piece_count = count;
	op->size_bytes = (uint32_t)size;
	partition__tell_more(op, segment, end);
	return true;
}

/* ---- the verb --------------------------------------------------------------------------------------------------------- */

/* Who asks for it may have read what is before it. */
static bool is_behind_known_end(struct partition *partition, int64_t offset)
{
	return offset > partition->next_offset && partition__look_at_end(partition) == ERR_CORRUPT_LOG && offset < partition->later_to;
}

static void begin(struct read_op *op)
{
	struct partition *partition = op->partition;
	op->err = partition->is_closed ? ERR_CLOSED : partition->offline_err ? ERR_OFFLINE : 0;
	op->high_watermark = op->last_stable_offset = partition->durable_offset;
	op->log_start_offset = partition->start_offset;
	op->has_more = false;
	op->piece_count = 0;
	op->size_bytes = 0;
	op->buffer = NULL;
	op->segment = NULL;
	op->node = (struct list){0};
	if (!op->err && (op->offset < partition->start_offset || op->offset > partition->next_offset))
		op->err = is_behind_known_end(partition, op->offset) ? ERR_CORRUPT_LOG : ERR_OFFSET_OUT_OF_RANGE;
}

enum read_result partition__read_again(struct read_op *op)
{
	struct partition *partition = op->partition;
	begin(op);
	if (op->err || op->offset >= partition->durable_offset)
		return READ_DONE;
	const struct damage *damage = partition__next_damage(partition, op->offset);
	if (damage && damage->from <= op->offset) {
		op->err = ERR_CORRUPT_LOG;
		return READ_DONE;
	}
	struct segment *segment = partition__segment_at(partition, op->offset);
	if (!segment || op->offset >= segment->staged.offset) {
		/* Offsets that compaction or damage took from between two segments: the next one answers. */
		struct list *next = segment ? segment->node.next : partition->segments.next;
		if (next == &partition->segments)
			return READ_DONE;
		segment = LIST_ENTRY(next, struct segment, node);
	}
	uint64_t position;
	int64_t last_offset;
	op->err = segment_find(segment, op->offset, &position, &last_offset);
	if (op->err)
		return READ_DONE;
	if (segment_is_in_memory(segment, position))
		return partition__answer_from_memory(op, segment, position, damage ? damage->from : INT64_MAX) ? READ_DONE : READ_PENDING;
	return disk_read_start(op, segment, position, last_offset);
}

enum read_result partition_read(struct partition *partition, struct read_op *op)
{
	op->partition = partition;
	op->large_bytes = 0;
	op->is_large = false;
	partition__retain(partition);
	return partition__read_again(op);
}

void partition_read_release(struct read_op *op)
{
	struct partition *partition = op->partition;
	if (!partition)
		return;
	struct partition_home *home = partition->home;
	partition->counters.reads++;
	partition->counters.reads_failed += op->err != 0;
	partition->counters.bytes_out += op->size_bytes;
	for (uint32_t i = 0; i < op->piece_count && !op->buffer; i++)
		chunk_release(home->segments.cache, op->chunks[i]);
	op->piece_count = 0;
	disk_read_give_back(op);
	op->partition = NULL;
	partition__release(partition);
}
