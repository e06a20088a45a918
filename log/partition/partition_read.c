/* Reading whole batches from an offset on.
 *
 * Happy paths:
 *   - the batch is in memory, as it is for consumers at the tail: the answer is views of the chunks, kept from eviction until
 *     the reader has sent them; nothing is copied and nothing is checked again, as the bytes were judged when they came in;
 *   - it is in a file: a stretch is read through the page cache into a read buffer, and every batch that is returned is checked
 *     (CRC, and that its offsets follow); then done().
 *
 * Failures: a batch that fails its check ends the answer before it; if it is the first, the answer is ERR_CORRUPT_LOG and the range
 * is fenced. All read buffers taken: the read waits for one. Nothing at or behind the high watermark is ever returned. */
#include <errno.h>
#include <stdlib.h>

#include "log/base/check.h"
#include "log/partition/partition_priv.h"

#define DISK_READ_SIZE_MAX (1u << 20)
/* In front of the wanted batch a read may begin up to an index interval early. */
#define READ_BUFFER_SIZE (DISK_READ_SIZE_MAX + (64u << 10))
#define READ_BUFFERS_MAX 64

/* Instead of an error: the answer is not there yet, another read is under way. */
#define READ_GOES_ON 1

struct read_buffer {
	struct read_buffer *next;
};

static uint8_t *take_buffer(struct partition_home *home)
{
	struct read_buffer *buffer = home->free_read_buffers;
	if (buffer) {
		home->free_read_buffers = buffer->next;
		return (uint8_t *)buffer;
	}
	if (home->read_buffers_used == READ_BUFFERS_MAX)
		return NULL;
	uint8_t *made = malloc(READ_BUFFER_SIZE);
	home->read_buffers_used += made != NULL;
	return made;
}

static void start_disk_read(struct read_op *op);

static void give_buffer(struct partition_home *home, uint8_t *data, uint32_t size)
{
	if (size != READ_BUFFER_SIZE) {
		free(data);
		return;
	}
	struct read_buffer *buffer = (struct read_buffer *)data;
	buffer->next = home->free_read_buffers;
	home->free_read_buffers = buffer;
	struct list *node = list_pop_front(&home->reads_waiting);
	if (node)
		start_disk_read(LIST_ENTRY(node, struct read_op, node));
}

void partition__free_read_buffers(struct partition_home *home)
{
	while (home->free_read_buffers) {
		struct read_buffer *buffer = home->free_read_buffers;
		home->free_read_buffers = buffer->next;
		free(buffer);
		home->read_buffers_used--;
	}
}

/* ---- damage --------------------------------------------------------------------------------------------------- */

/* The damage at or behind an offset, or NULL. */
static const struct damage *next_damage(const struct partition *partition, int64_t offset)
{
	for (uint32_t i = 0; i < partition->damage_count; i++)
		if (partition->damages[i].to > offset)
			return &partition->damages[i];
	return NULL;
}

/* Fences the damage at `position`, up to the next whole batch or the segment's end, and says where that is. Its offsets begin at `expected`; where
 * that is not known (-1: nothing good was read before it), only what certainly is damaged is fenced. */
static bool fence(struct partition *partition, struct segment *segment, uint64_t position, int64_t expected, int64_t wanted,
		  uint64_t *next_position, int64_t *next_offset)
{
	struct batch next;
	int64_t behind = (expected >= 0 ? expected : segment->base_offset) - 1;
	bool is_found = segment_resync(segment, position, behind, next_position, &next) == 0;
	*next_offset = is_found ? next.base_offset : segment->durable.offset;
	int64_t from = expected >= 0 ? expected : wanted < *next_offset ? wanted : *next_offset - 1;
	if (*next_offset > from)
		partition__add_damage(partition, from, *next_offset);
	return is_found;
}

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

static void answer_from_memory(struct read_op *op, struct segment *segment, uint64_t position, int64_t limit_offset)
{
	position = walk_to_offset(segment, position, op->offset);
	uint64_t end = end_of_batches(segment, position, op->size_bytes_max, op->is_first, limit_offset);
	uint64_t size;
	uint32_t count = segment_view(segment, position, end, op->pieces, op->chunks, READ_PIECES_MAX, &size);
	if (position + size < end) {
		end = end_within(segment, position, position + size);
		count = segment_view(segment, position, end, op->pieces, op->chunks, READ_PIECES_MAX, &size);
	}
	for (uint32_t i = 0; i < count; i++)
		chunk_retain(op->chunks[i]);
	op->piece_count = count;
	op->size_bytes = (uint32_t)size;
}

/* ---- from the disk ------------------------------------------------------------------------------------------------ */

static void finish_disk_read(struct read_op *op, int err)
{
	struct segment *segment = op->segment;
	struct partition *partition = op->partition;
	op->err = partition->is_closed ? ERR_CLOSED : err;
	if (op->err) {
		op->piece_count = 0;
		op->size_bytes = 0;
	}
	op->high_watermark = op->last_stable_offset = partition->durable_offset;
	op->log_start_offset = partition->start_offset;
	op->segment = NULL;
	if (--segment->readers == 0 && segment->is_dropped)
		segment_destroy(segment);
	op->done(op);
}

/* Reads [op->position, op->position + size) as far as it is filed; what lies behind is added from memory when that is there. */
static void read_stretch(struct read_op *op, uint64_t size_bytes)
{
	struct segment *segment = op->segment;
	uint64_t filed = segment->filed.position - op->position;
	op->vector = (struct iovec){op->buffer, filed < size_bytes ? filed : size_bytes};
	io_read(op->partition->home->io, &op->io, segment->read_fd, &op->vector, 1, op->position);
}

/* Bytes that are not filed yet are in memory: completes the stretch with them. Returns how much of the buffer is good. */
static uint64_t add_from_memory(struct read_op *op, uint64_t got)
{
	struct segment *segment = op->segment;
	uint64_t at = op->position + got;
	if (got < op->vector.iov_len || at < segment->memory_position || at >= segment->durable.position)
		return got;
	uint64_t size = segment->durable.position - at;
	if (size > op->buffer_size_bytes - got)
		size = op->buffer_size_bytes - got;
	segment_peek(segment, at, op->buffer + got, (uint32_t)size);
	return got + size;
}

/* The answer is further on: in memory, or in the next stretch of the file. A batch larger than the buffer gets one of its own size, which the
 * segment's bounds. */
static int go_on_at(struct read_op *op, uint64_t position, uint64_t size_bytes, int64_t limit_offset)
{
	struct segment *segment = op->segment;
	bool is_in_memory = position >= segment->memory_position;
	if (is_in_memory || size_bytes > op->buffer_size_bytes) {
		give_buffer(op->partition->home, op->buffer, op->buffer_size_bytes);
		op->buffer = is_in_memory ? NULL : malloc(size_bytes);
		op->buffer_size_bytes = (uint32_t)size_bytes;
	}
	if (is_in_memory) {
		if (position < segment->durable.position)
			answer_from_memory(op, segment, position, limit_offset);
		return 0;
	}
	if (!op->buffer)
		return -ENOMEM;
	op->position = position;
	read_stretch(op, size_bytes);
	return READ_GOES_ON;
}

/* Damage before anything that is wanted: if the wanted offset lies behind it, the read goes on there. */
static int skip_damage(struct read_op *op, uint64_t position, int64_t expected, int64_t limit_offset)
{
	uint64_t next_position;
	int64_t next_offset;
	bool is_found = fence(op->partition, op->segment, position, expected, op->offset, &next_position, &next_offset);
	if (!is_found || next_offset > op->offset)
		return ERR_CORRUPT_LOG;
	return go_on_at(op, next_position, op->buffer_size_bytes, limit_offset);
}

/* Checks the batches in the buffer and answers with those from op->offset on. */
static int take_batches(struct read_op *op, uint64_t got)
{
	struct segment *segment = op->segment;
	struct partition *partition = op->partition;
	const struct damage *damage = next_damage(partition, op->offset);
	int64_t limit_offset = damage ? damage->from : segment->durable.offset;
	int64_t expected = -1;
	uint64_t at = 0, start = UINT64_MAX;
	while (at + BATCH_HEADER_SIZE <= got) {
		struct batch batch;
		struct slice rest = {op->buffer + at, got - at};
		bool is_bad = batch_parse_header(rest, &batch) || batch.base_offset < segment->base_offset ||
			      (expected >= 0 && batch.base_offset < expected) || batch_next_offset(&batch) > segment->durable.offset ||
			      op->position + at + batch.size_bytes > segment->durable.position;
		bool is_wanted = is_bad || batch_next_offset(&batch) > op->offset;
		if (!is_bad && is_wanted && batch.size_bytes > rest.size) {
			if (start == UINT64_MAX && op->is_first)
				return go_on_at(op, op->position + at, batch.size_bytes, limit_offset);
			break;
		}
		if (!is_bad && is_wanted && start != UINT64_MAX && at + batch.size_bytes - start > op->size_bytes_max)
			break;
		if (!is_bad && is_wanted)
			is_bad = batch_check_crc(rest, &batch) != 0;
		if (is_bad) {
			if (start == UINT64_MAX)
				return skip_damage(op, op->position + at, expected, limit_offset);
			break;
		}
		expected = batch_next_offset(&batch);
		if (is_wanted && expected > limit_offset)
			break;
		if (is_wanted && start == UINT64_MAX)
			start = at;
		at += batch.size_bytes;
	}
	if (start == UINT64_MAX)
		return at ? go_on_at(op, op->position + at, op->buffer_size_bytes, limit_offset) : 0;
	if (at - start > op->size_bytes_max && !op->is_first)
		return 0;
	op->pieces[0] = (struct slice){op->buffer + start, at - start};
	op->chunks[0] = NULL;
	op->piece_count = 1;
	op->size_bytes = (uint32_t)(at - start);
	return 0;
}

static void disk_read_done(struct io_op *io)
{
	struct read_op *op = CONTAINER_OF(io, struct read_op, io);
	/* The file is shorter than what is filed: somebody cut it. */
	bool is_short = io->result >= 0 && (uint64_t)io->result < op->vector.iov_len;
	int result = io->result < 0 ? io->result : is_short ? ERR_CORRUPT_LOG : take_batches(op, add_from_memory(op, (uint64_t)io->result));
	if (result != READ_GOES_ON)
		finish_disk_read(op, result);
}

static void start_disk_read(struct read_op *op)
{
	struct partition_home *home = op->partition->home;
	op->buffer = take_buffer(home);
	if (!op->buffer) {
		list_push_back(&home->reads_waiting, &op->node);
		return;
	}
	op->buffer_size_bytes = READ_BUFFER_SIZE;
	uint64_t size = op->size_bytes_max < DISK_READ_SIZE_MAX ? op->size_bytes_max : DISK_READ_SIZE_MAX;
	read_stretch(op, size + READ_BUFFER_SIZE - DISK_READ_SIZE_MAX);
}

static enum read_result read_from_disk(struct read_op *op, struct segment *segment, uint64_t position)
{
	int fd = segment_open_read(segment);
	if (fd < 0) {
		op->err = fd == -ENOENT ? ERR_CORRUPT_LOG : fd;
		return READ_DONE;
	}
	segment->readers++;
	op->segment = segment;
	op->position = position;
	op->io = (struct io_op){.done = disk_read_done};
	start_disk_read(op);
	return READ_PENDING;
}

/* ---- the verb --------------------------------------------------------------------------------------------------------- */

static void begin(struct partition *partition, struct read_op *op)
{
	op->err = partition->is_closed ? ERR_CLOSED : 0;
	op->high_watermark = op->last_stable_offset = partition->durable_offset;
	op->log_start_offset = partition->start_offset;
	op->piece_count = 0;
	op->size_bytes = 0;
	op->buffer = NULL;
	op->segment = NULL;
	op->node = (struct list){0};
	op->partition = partition;
	partition__retain(partition);
	if (!op->err && (op->offset < partition->start_offset || op->offset > partition->next_offset))
		op->err = ERR_OFFSET_OUT_OF_RANGE;
}

enum read_result partition_read(struct partition *partition, struct read_op *op)
{
	begin(partition, op);
	if (op->err || op->offset >= partition->durable_offset)
		return READ_DONE;
	const struct damage *damage = next_damage(partition, op->offset);
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
	op->err = segment_find(segment, op->offset, &position);
	if (op->err)
		return READ_DONE;
	if (segment_is_in_memory(segment, position)) {
		answer_from_memory(op, segment, position, damage ? damage->from : INT64_MAX);
		return READ_DONE;
	}
	return read_from_disk(op, segment, position);
}

void partition_read_release(struct read_op *op)
{
	struct partition *partition = op->partition;
	if (!partition)
		return;
	struct partition_home *home = partition->home;
	for (uint32_t i = 0; i < op->piece_count && !op->buffer; i++)
		chunk_release(home->segments.cache, op->chunks[i]);
	uint8_t *buffer = op->buffer;
	op->buffer = NULL;
	op->partition = NULL;
	op->piece_count = 0;
	if (buffer)
		give_buffer(home, buffer, op->buffer_size_bytes);
	partition__release(partition);
}
