/* Reading batches that are in files alone.
 *
 * Happy path: a stretch from the index's floor on is read with O_DIRECT into a recycled buffer (page cache that nobody has touched costs more than
 * the disk: measured 0.3 GB/s and 2 CPU s/GB through it), bytes that are not filed yet are added from memory, every batch that is returned is
 * checked (CRC, and that its offsets follow), then done(). Where the stretch holds nothing that is wanted, the read goes on behind it.
 *
 * Failures: a batch that fails its check ends the answer before it; if it is the first wanted, its range is fenced and the answer is
 * ERR_CORRUPT_LOG, unless the wanted offset lies behind the damage. A stretch that cannot be read: what lies before the place that fails shall be
 * served, so the read is made again carefully, a block at a time and then the one batch. All read buffers taken: the read waits for one. A batch that
 * fits none has a buffer of its own; where others hold as much as such may together, the read lets go of all it has, and is made again when they have given it back.
 *
 * Beside commits: whoever catches up reads as fast as the disk gives, and the disk serves what it has been given before the next group. So while groups
 * are written one read is under way, and it gives way to writes where the disk's queue is sorted (measured: 4,000 x 16 KiB a second beside four
 * readers: p99 2.5 s without either, 70 ms with the second alone; on another day 8-16 ms with two reads at once, 5.5-7 with one; the readers got 1.1-1.7
 * GB/s with two, 0.8-1.2 with one, and with one of 512 KiB 0.7 for 5-8 ms). */
#include "log/partition/disk_read.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "log/base/check.h"
#include "log/partition/partition_priv.h"

#define DISK_READ_SIZE_MAX (1u << 20)
/* In front of the wanted batch a read may begin up to an index interval early. */
#define READ_BUFFER_SIZE (DISK_READ_SIZE_MAX + (64u << 10))
#define READ_BUFFERS_MAX 64
#define READ_BUFFER_STRIDE ((size_t)READ_BUFFER_SIZE + 2 * CHUNK_ALIGN)
#define READS_BESIDE_COMMITS 1
#define COMMITS_LATELY_NS (50ull * 1000 * 1000)

/* Buffers of batches that fit no usual one: together, or one alone. Whoever is sent such an answer and reads none of it holds it for long. */
#define LARGE_BYTES_MAX (64ull << 20)

/* Instead of an error: the answer is not there yet, another read is under way, or it waits for others' large buffers. */
#define READ_GOES_ON 1
#define READ_WAITS 2

struct read_buffer {
	struct read_buffer *next;
};

/* Whole blocks are read: room for the rest of the first and of the last one. */
static uint8_t *make_buffer(uint64_t size_bytes)
{
	return aligned_alloc(CHUNK_ALIGN, align_up(size_bytes, CHUNK_ALIGN) + 2 * CHUNK_ALIGN);
}

/* Buffers of the usual size lie behind one another in huge pages, where the kernel has them: a read into 4 KiB pages is more pieces than a disk takes
 * at once (virtio: 254), and is then cut and handed to a worker thread. What nobody has read into takes no memory. */
static uint8_t *reserve_buffers(void)
{
	void *memory = mmap(NULL, READ_BUFFERS_MAX * READ_BUFFER_STRIDE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return NULL;
	madvise(memory, READ_BUFFERS_MAX * READ_BUFFER_STRIDE, MADV_HUGEPAGE);
	return memory;
}

static uint8_t *take_buffer(struct partition_home *home)
{
	struct read_buffer *buffer = home->free_read_buffers;
	if (buffer) {
		home->free_read_buffers = buffer->next;
		return (uint8_t *)buffer;
	}
	if (home->read_buffers_used == READ_BUFFERS_MAX)
		return NULL;
	if (!home->read_buffers)
		home->read_buffers = reserve_buffers();
	return home->read_buffers ? home->read_buffers + home->read_buffers_used++ * READ_BUFFER_STRIDE : NULL;
}

static void start_waiting(struct partition_home *home);

static void give_buffer(struct read_op *op)
{
	struct partition_home *home = op->partition->home;
	struct read_buffer *buffer = (struct read_buffer *)op->buffer;
	op->buffer = NULL;
	if (op->is_large) {
		op->is_large = false;
		free(buffer);
		return;
	}
	buffer->next = home->free_read_buffers;
	home->free_read_buffers = buffer;
	start_waiting(home);
}

void partition__free_read_buffers(struct partition_home *home)
{
	uint32_t given_back = 0;
	io_timer_cancel(home->io, &home->large_timer);
	for (struct read_buffer *buffer = home->free_read_buffers; buffer; buffer = buffer->next)
		given_back++;
	/* One that is still lent keeps all of them. */
	if (!home->read_buffers || given_back < home->read_buffers_used)
		return;
	munmap(home->read_buffers, READ_BUFFERS_MAX * READ_BUFFER_STRIDE);
	home->read_buffers = NULL;
	home->free_read_buffers = NULL;
	home->read_buffers_used = 0;
}

/* ---- large ones -------------------------------------------------------------------------------------------------- */

static bool has_large_room(const struct read_op *op, uint64_t size_bytes)
{
	uint64_t others = op->partition->home->large_bytes - op->large_bytes;
	return others == 0 || others + size_bytes <= LARGE_BYTES_MAX;
}

static void charge(struct read_op *op, uint64_t size_bytes)
{
	op->partition->home->large_bytes += size_bytes - op->large_bytes;
	op->large_bytes = size_bytes;
}

/* Each is made again from its beginning, with the room that it needs: meanwhile anything may have become of its log. */
static void read_large_again(struct io_timer *timer)
{
	struct partition_home *home = CONTAINER_OF(timer, struct partition_home, large_timer);
	while (!list_is_empty(&home->large_waiting)) {
		struct read_op *op = LIST_ENTRY(home->large_waiting.next, struct read_op, node);
		if (!has_large_room(op, op->large_bytes_wanted))
			return;
		list_remove(&op->node);
		charge(op, op->large_bytes_wanted);
		if (partition__read_again(op) == READ_DONE)
			op->done(op);
	}
}

static void uncharge(struct read_op *op)
{
	struct partition_home *home = op->partition->home;
	if (!op->large_bytes)
		return;
	charge(op, 0);
	home->large_timer.run = read_large_again;
	if (!list_is_empty(&home->large_waiting))
		io_timer_set(home->io, &home->large_timer, io_now_ns(home->io));
}

bool disk_read_take_large(struct read_op *op, uint64_t size_bytes)
{
	struct partition_home *home = op->partition->home;
	bool is_its_turn = op->large_bytes >= size_bytes || list_is_empty(&home->large_waiting);
	if (is_its_turn && has_large_room(op, size_bytes)) {
		charge(op, size_bytes);
		op->buffer = make_buffer(size_bytes);
		op->buffer_size_bytes = (uint32_t)size_bytes;
		op->is_large = true;
		return true;
	}
	uncharge(op);
	op->large_bytes_wanted = size_bytes;
	list_push_back(&home->large_waiting, &op->node);
	return false;
}

/* ---- the read ---------------------------------------------------------------------------------------------------- */

static void let_go_of_segment(struct read_op *op)
{
	struct segment *segment = op->segment;
	op->segment = NULL;
	if (--segment->readers == 0 && segment->is_dropped)
		segment_destroy(segment);
}

static void finish_disk_read(struct read_op *op, int err)
{
	struct partition *partition = op->partition;
	op->err = partition->is_closed ? ERR_CLOSED : err;
	if (op->err) {
		op->piece_count = 0;
		op->size_bytes = 0;
	}
	op->high_watermark = op->last_stable_offset = partition->durable_offset;
	op->log_start_offset = partition->start_offset;
	let_go_of_segment(op);
	op->done(op);
}

static bool is_beside_commits(const struct partition_home *home)
{
	return home->committed_ns && io_now_ns(home->io) < home->committed_ns + COMMITS_LATELY_NS;
}

/* Reads [op->position, op->position + size) as far as it is filed; what lies behind is added from memory when that is there. */
static void read_stretch(struct read_op *op, uint64_t size_bytes)
{
	struct segment *segment = op->segment;
	uint64_t filed = segment->filed.position - op->position;
	uint64_t from = align_down(op->position, CHUNK_ALIGN);
	op->wanted_bytes = filed < size_bytes ? (uint32_t)filed : (uint32_t)size_bytes;
	op->skip_bytes = (uint32_t)(op->position - from);
	op->vector = (struct iovec){op->buffer, align_up(op->skip_bytes + op->wanted_bytes, CHUNK_ALIGN)};
	struct partition_home *home = op->partition->home;
	(is_beside_commits(home) ? io_read_behind : io_read)(home->io, &op->io, segment->direct_fd, &op->vector, 1, from);
}

static uint8_t *stretch(const struct read_op *op)
{
	return op->buffer + op->skip_bytes;
}

/* Bytes that are not filed yet are in memory: completes the stretch with them. Returns how much of it is good. */
static uint64_t add_from_memory(struct read_op *op)
{
	struct segment *segment = op->segment;
	uint64_t got = op->wanted_bytes, at = op->position + got;
	if (at < segment->memory_position || at >= segment->durable.position)
		return got;
	uint64_t size = segment->durable.position - at;
	if (size > op->buffer_size_bytes - got)
		size = op->buffer_size_bytes - got;
	segment_peek(segment, at, stretch(op) + got, (uint32_t)size);
	return got + size;
}

/* How much to read where nothing is known of what lies there. */
static uint64_t stretch_size(const struct read_op *op)
{
	return op->is_careful ? CHUNK_ALIGN : op->buffer_size_bytes;
}

/* The answer is further on: in memory, or in the next stretch of the file. A batch larger than the buffer gets one of its own size, which the
 * segment's bounds. */
static int go_on_at(struct read_op *op, uint64_t position, int64_t due_offset, uint64_t size_bytes, int64_t limit_offset)
{
	struct segment *segment = op->segment;
	op->due_offset = due_offset;
	bool is_in_memory = position >= segment->memory_position;
	if (is_in_memory || size_bytes > op->buffer_size_bytes)
		give_buffer(op);
	if (is_in_memory)
		return position < segment->durable.position && !partition__answer_from_memory(op, segment, position, limit_offset) ? READ_WAITS : 0;
	if (size_bytes > op->buffer_size_bytes && !disk_read_take_large(op, size_bytes))
		return READ_WAITS;
	if (!op->buffer)
		return -ENOMEM;
	op->position = position;
	read_stretch(op, size_bytes);
	return READ_GOES_ON;
}

/* Damage before anything that is wanted: if the wanted offset lies behind it, the read goes on there. Batches before the wanted one are passed over by
 * their headers: if none begins where the last of them says it ends, it may be that one that lies. */
static int skip_damage(struct read_op *op, uint64_t position, int64_t expected, int64_t limit_offset)
{
	uint64_t next_position;
	int64_t next_offset;
	int is_passed_bad = op->passed_offset >= 0 ? partition__is_batch_bad(op->segment, op->passed_position) : 0;
	if (is_passed_bad < 0)
		return is_passed_bad;
	if (is_passed_bad) {
		position = op->passed_position;
		expected = op->passed_offset;
	}
	op->passed_offset = -1;
	int found = partition__fence(op->partition, op->segment, position, expected, op->offset, &next_position, &next_offset);
	if (found < 0)
		return found;
	if (!found || next_offset > op->offset)
		return ERR_CORRUPT_LOG;
	return go_on_at(op, next_position, next_offset, stretch_size(op), limit_offset);
}

/* Damage behind what is wanted, which whoever reads on will fence. Where it begins: what leads there may be another log's as well. */
static uint64_t damage_begin(const struct read_op *op, uint64_t position, int64_t expected)
{
	uint64_t begin = position;
	int err = segment_find_damage_begin(op->segment, &begin, &expected);
	return err ? position : begin; /* or it cannot be read, and whoever reads on is told so */
}

/* It begins behind some of what is wanted: up to there the read is made again. */
static int read_before_damage(struct read_op *op, uint64_t met, int64_t expected, uint64_t position, int64_t due_offset, int64_t limit_offset)
{
	uint64_t next_position;
	int64_t next_offset;
	int found = partition__fence(op->partition, op->segment, met, expected, expected, &next_position, &next_offset);
	if (found < 0)
		return found;
	if (!partition__is_damaged(op->partition, due_offset, expected))
		return -ENOMEM; /* there is no room in the list, and the read would not stop there */
	return go_on_at(op, position, due_offset, stretch_size(op), limit_offset);
}

/* A fenced range that the walk has passed over by its headers, as batches before the wanted one are. Where these are another log's, they may go on with the one that is wanted. */
struct passed_fence {
	uint64_t position;
	int64_t offset; /* -1: there was none */
};

static void note_fenced(const struct read_op *op, struct passed_fence *fence, uint64_t at, const struct batch *batch)
{
	if (fence->offset < 0 && op->partition->damage_count && partition__is_damaged(op->partition, batch->base_offset, batch_next_offset(batch)))
		*fence = (struct passed_fence){op->position + at, batch->base_offset};
}

/* What cannot be read says nothing against it. */
static bool is_strangers_next(struct read_op *op, const struct passed_fence *fence, uint64_t at, const struct batch *batch)
{
	return fence->offset >= 0 && segment_leads_on(op->segment, op->position + at, batch) == 0;
}

/* The index and the batch it points at do not agree, and one of them is damaged. A read from the entry before it finds out which: from there, the
 * order of offsets tells. */
static int go_back(struct read_op *op, int64_t limit_offset)
{
	struct segment *segment = op->segment;
	uint64_t position;
	int err = segment_find(segment, op->index_offset - 1, &position, &op->index_offset);
	return err ? err : go_on_at(op, position, op->index_offset < 0 ? segment->base_offset : -1, stretch_size(op), limit_offset);
}

/* Behind `at` no batch has room: what leads there without the wanted offset is damaged, as headers that were passed over unchecked may be. */
static bool is_end_of_batches(const struct read_op *op, uint64_t at)
{
	const struct segment *segment = op->segment;
	return op->position + at + BATCH_HEADER_SIZE > segment->durable.position;
}

/* Checks the batches in the buffer and answers with those from op->offset on. */
static int take_batches(struct read_op *op, uint64_t got)
{
	struct segment *segment = op->segment;
	struct partition *partition = op->partition;
	const struct damage *damage = partition__next_damage(partition, op->offset);
	int64_t limit_offset = damage ? damage->from : segment->durable.offset;
	int64_t expected = op->due_offset, start_offset = -1;
	uint64_t at = 0, start = UINT64_MAX;
	struct passed_fence fence = {.offset = -1};
	while (at + BATCH_HEADER_SIZE <= got || (start == UINT64_MAX && (op->is_cut || is_end_of_batches(op, at)))) {
		struct batch batch;
		struct slice rest = {stretch(op) + at, got - at};
		bool is_bad = at + BATCH_HEADER_SIZE > got || batch_parse_header(rest, &batch) || (op->is_cut && batch.size_bytes > rest.size) || !segment_header_fits(segment, op->position + at, &batch) ||
			      batch_next_offset(&batch) > segment->durable.offset ||
			      op->position + at + batch.size_bytes > segment->durable.position;
		if (expected < 0) {
			if (is_bad || batch_last_offset(&batch) != op->index_offset)
				return go_back(op, limit_offset);
			expected = batch.base_offset;
		}
		is_bad = is_bad || !partition__is_header_right(partition, &batch, expected);
		bool is_wanted = is_bad || batch_next_offset(&batch) > op->offset;
		if (!is_bad && is_wanted && batch.size_bytes > rest.size) {
			if (start == UINT64_MAX && op->is_first)
				return go_on_at(op, op->position + at, batch.base_offset, batch.size_bytes, limit_offset);
			break;
		}
		if (!is_bad && is_wanted && start != UINT64_MAX && at + batch.size_bytes - start > op->size_bytes_max)
			break;
		if (!is_bad && is_wanted)
			is_bad = batch_check_crc(rest, &batch) != 0;
		if (is_bad) {
			uint64_t met = op->position + at;
			bool is_news = start != UINT64_MAX && expected < limit_offset;
			uint64_t begin = is_news ? damage_begin(op, met, expected) : met;
			if (start == UINT64_MAX || begin <= op->position + start)
				return skip_damage(op, met, expected, limit_offset);
			if (begin < met)
				return read_before_damage(op, met, expected, op->position + start, start_offset, limit_offset);
			break;
		}
		expected = batch_next_offset(&batch);
		if (is_wanted && expected > limit_offset)
			break;
		if (!is_wanted)
			note_fenced(op, &fence, at, &batch);
		if (is_wanted && start == UINT64_MAX && is_strangers_next(op, &fence, at, &batch)) {
			op->passed_offset = -1;
			return skip_damage(op, fence.position, fence.offset, limit_offset);
		}
		if (is_wanted && start == UINT64_MAX) {
			start = at;
			start_offset = batch.base_offset;
		}
		op->passed_offset = is_wanted ? -1 : batch.base_offset;
		op->passed_position = op->position + at;
		at += batch.size_bytes;
	}
	if (start == UINT64_MAX)
		return at ? go_on_at(op, op->position + at, expected, stretch_size(op), limit_offset) : 0;
	if (at - start > op->size_bytes_max && !op->is_first)
		return 0;
	op->pieces[0] = (struct slice){stretch(op) + start, at - start};
	op->chunks[0] = NULL;
	op->piece_count = 1;
	op->size_bytes = (uint32_t)(at - start);
	partition__tell_more(op, segment, op->position + at);
	return 0;
}

/* What the disk has answered. An error, 0, READ_GOES_ON or READ_WAITS. */
static int take_answer(struct read_op *op, int32_t result)
{
	/* Deleted meanwhile, or offline: nothing is judged by a topic that is gone, nor by what memory has no more. */
	if (op->partition->is_closed || op->partition->offline_err)
		return op->partition->is_closed ? ERR_CLOSED : ERR_OFFLINE;
	if (result == -EIO && !op->is_careful) {
		op->is_careful = true;
		read_stretch(op, stretch_size(op));
		return READ_GOES_ON;
	}
	/* The file is shorter than what is filed: somebody cut it. What is left of it is served. */
	op->is_cut = result >= 0 && (uint32_t)result < op->skip_bytes + op->wanted_bytes;
	if (op->is_cut)
		op->wanted_bytes = (uint32_t)result > op->skip_bytes ? (uint32_t)result - op->skip_bytes : 0;
	return result < 0 ? result : take_batches(op, op->is_cut ? op->wanted_bytes : add_from_memory(op));
}

static void disk_read_done(struct io_op *io)
{
	struct read_op *op = CONTAINER_OF(io, struct read_op, io);
	struct partition_home *home = op->partition->home;
	int result = take_answer(op, io->result);
	if (result == READ_GOES_ON)
		return;
	home->reads_in_flight--;
	if (result == READ_WAITS)
		let_go_of_segment(op);
	else
		finish_disk_read(op, result);
	start_waiting(home);
}

static bool has_place(const struct partition_home *home)
{
	return home->reads_in_flight < (is_beside_commits(home) ? READS_BESIDE_COMMITS : READ_BUFFERS_MAX);
}

/* 1: it is under way. 0: it has to wait, for a read that is under way or an answer that is given back. -ENOMEM: there is neither. */
static int try_disk_read(struct read_op *op)
{
	struct partition_home *home = op->partition->home;
	if (!has_place(home))
		return 0;
	op->buffer = take_buffer(home);
	home->lacks_read_buffers = !op->buffer && home->read_buffers_used;
	if (!op->buffer)
		return home->lacks_read_buffers ? 0 : -ENOMEM;
	home->reads_in_flight++;
	op->buffer_size_bytes = READ_BUFFER_SIZE;
	uint64_t size = op->size_bytes_max < DISK_READ_SIZE_MAX ? op->size_bytes_max : DISK_READ_SIZE_MAX;
	read_stretch(op, size + READ_BUFFER_SIZE - DISK_READ_SIZE_MAX);
	return 1;
}

/* In the order in which they came. Each turn of the loop takes one off the list. */
static void start_waiting(struct partition_home *home)
{
	while (!list_is_empty(&home->reads_waiting)) {
		struct read_op *op = LIST_ENTRY(home->reads_waiting.next, struct read_op, node);
		int started = try_disk_read(op);
		if (started == 0)
			return;
		list_remove(&op->node);
		if (started < 0)
			finish_disk_read(op, started);
	}
}

/* The offset behind what is in the file alone. */
static int64_t offset_in_file(const struct segment *segment)
{
	return segment->memory_mark.offset < segment->filed.offset ? segment->memory_mark.offset : segment->filed.offset;
}

enum read_result disk_read_start(struct read_op *op, struct segment *segment, uint64_t position, int64_t last_offset)
{
	int fd = segment_open_direct(segment);
	if (fd < 0) {
		if (fd == -ENOENT || fd == ERR_CORRUPT_LOG) /* somebody took the file, or put another in its place */
			partition__add_damage(op->partition, segment->base_offset, offset_in_file(segment));
		op->err = fd == -ENOENT ? ERR_CORRUPT_LOG : fd;
		return READ_DONE;
	}
	partition__note_lost(op->partition, segment);
	if (partition__is_damaged(op->partition, op->offset, op->offset + 1)) {
		op->err = ERR_CORRUPT_LOG;
		return READ_DONE;
	}
	segment->readers++;
	op->segment = segment;
	op->position = position;
	op->index_offset = last_offset;
	op->passed_offset = -1;
	op->is_careful = false;
	op->due_offset = last_offset < 0 ? segment->base_offset : -1;
	op->io = (struct io_op){.done = disk_read_done};
	struct partition_home *home = op->partition->home;
	int started = list_is_empty(&home->reads_waiting) ? try_disk_read(op) : 0;
	if (started == 0)
		list_push_back(&home->reads_waiting, &op->node);
	if (started >= 0)
		return READ_PENDING;
	segment->readers--;
	op->segment = NULL;
	op->err = started;
	return READ_DONE;
}

void disk_read_give_back(struct read_op *op)
{
	if (op->buffer)
		give_buffer(op);
	uncharge(op);
}
