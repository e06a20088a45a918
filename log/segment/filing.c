/* Happy path of a filing:
 *   - the file is opened (for large pieces blocks were reserved before, by segment_prepare);
 *   - the stretch, from the block that holds `filed` on, is written in passes of up to WRITES_MAX parallel O_DIRECT writes of at most
 *     WRITE_SIZE_MAX each, straight from the chunks; the last block is padded with zeros; where nobody waits for it a pass is smaller;
 *   - when the last pass has ended, the file is synced; a single write syncs as it writes;
 *   - done() tells the owner, who moves the marks.
 *
 * A file that somebody took away meanwhile, or put another in its place, has all of it where nobody will look: ERR_GONE, once everything else went well.
 * segment_forget_file, and the next filing finds what has the name then.
 *
 * Failures: a write or sync that fails ends the filing with its error after what is in flight has ended; nothing has moved, and the
 * same stretch may be filed again after an ENOSPC. A failed sync is final: the owner must not try again (the kernel forgets).
 *
 * The last block may be written again by the next filing with more bytes behind the same first ones. While a write is in flight the
 * partition may append into the same block of memory; whether the file gets those bytes does not matter, as they lie
 * behind the target and are written again. Two filings of one segment are never in flight together. */
#include "log/segment/filing.h"

#include <errno.h>
#include <stdlib.h>

#include "log/base/check.h"
#include "log/segment/segment_priv.h"

#define FILINGS_MAX 192 /* more than write-behind has at once: the rest are those of groups */
#define WRITES_MAX 8
/* What a group waits for goes in few large writes: each takes a hop over a kernel thread, and one that is all of a piece syncs as it writes. (16 partitions:
 * 2,400 context switches a GB less than by half a megabyte, the same throughput.) Where nobody waits the disk is to have little before it. */
#define WRITE_SIZE_MAX (2u << 20)
#define WRITE_SIZE_BEHIND_MAX (512u << 10)
#define PIECES_PER_WRITE_MAX 128

/* Large pieces find their blocks reserved, and the file as long as these: a write that makes a file longer is waited for by the kernel, one thread
 * for each (measured with 16 files: a tenth more throughput, a quarter less CPU). As much is reserved again as there is, within these bounds. */
#define RESERVE_MIN (1ull << 20)
#define RESERVE_MAX (64ull << 20)

struct filing_write {
	struct io_op op;
	struct filing *filing;
	struct iovec pieces[PIECES_PER_WRITE_MAX];
};

struct filing {
	struct list node; /* of the free ones */
	struct segment *segment;
	struct mark target;
	uint64_t at;      /* the next byte to write; a multiple of CHUNK_ALIGN */
	uint64_t pass_bytes; /* of the pass in flight */
	uint32_t pending;
	bool is_behind;
	bool is_one_write; /* all of it: the write syncs as well, which saves a trip */
	int err;
	filing_done_fn *done;
	void *context;
	struct io_op sync;
	struct filing_write writes[WRITES_MAX];
};

int filing_pool_open(struct segment_home *home)
{
	/* Three megabytes, of which few are ever used: each is zeroed when it is (segment_file). */
	home->filings = malloc(FILINGS_MAX * sizeof *home->filings);
	if (!home->filings)
		return -ENOMEM;
	list_init(&home->free_filings);
	list_init(&home->waiting_passes);
	home->behind_begun_max = UINT64_MAX;
	for (size_t i = 0; i < FILINGS_MAX; i++)
		list_push_back(&home->free_filings, &home->filings[i].node);
	return 0;
}

void filing_pool_close(struct segment_home *home)
{
	free(home->filings);
	home->filings = NULL;
}

static int check_name(const struct segment *segment)
{
	char path[PATH_SIZE];
	segment_path(segment, SEGMENT_FILE_LOG, path, sizeof path);
	return io_file_check_name(segment->home->io, segment->write_fd, path);
}

static void end(struct filing *filing)
{
	struct segment *segment = filing->segment;
	struct segment_home *home = segment->home;
	if (!filing->err)
		filing->err = check_name(segment);
	segment->filing = NULL;
	home->filings_in_flight--;
	list_push_front(&home->free_filings, &filing->node);
	filing->done(segment, filing->context, filing->target, filing->err);
	/* Those in use may be more than shall stay open. */
	while (home->open_count > home->open_max && segment_home_spare_files(home))
		;
}

static void sync_done(struct io_op *op)
{
	struct filing *filing = CONTAINER_OF(op, struct filing, sync);
	filing->err = op->result < 0 ? op->result : 0;
	end(filing);
}

static void start_pass(struct filing *filing);

static bool may_begin_behind(const struct segment_home *home)
{
	return home->behind_begun < home->behind_begun_max;
}

static void start_pass_or_wait(struct filing *filing)
{
	struct segment_home *home = filing->segment->home;
	if (filing->is_behind && !may_begin_behind(home))
		list_push_back(&home->waiting_passes, &filing->node);
	else
		start_pass(filing);
}

static void write_done(struct io_op *op)
{
	struct filing *filing = CONTAINER_OF(op, struct filing_write, op)->filing;
	if (op->result < 0 && !filing->err)
		filing->err = op->result;
	if (--filing->pending)
		return;
	if (filing->is_behind)
		filing->segment->home->behind_bytes -= filing->pass_bytes;
	if (filing->err || filing->is_one_write)
		end(filing);
	else if (filing->at < filing->target.position)
		start_pass_or_wait(filing);
	else {
		filing->sync.done = sync_done;
		io_datasync(filing->segment->home->io, &filing->sync, filing->segment->write_fd);
	}
}

/* Zeros behind what is staged, up to the end of its block: old memory never reaches a file. */
static void pad_last_block(struct segment *segment)
{
	uint64_t staged = segment->staged.position, padded = align_up(staged, CHUNK_ALIGN);
	if (staged == padded)
		return;
	struct chunk *last = LIST_ENTRY(segment->chunks.prev, struct chunk, node);
	while (last->position > staged)
		last = LIST_ENTRY(last->node.prev, struct chunk, node);
	memset(last->data + (staged - last->position), 0, padded - staged);
}

/* Fills one write with whole blocks of consecutive chunks from filing->at on. */
static uint32_t gather(struct filing *filing, struct filing_write *write, uint64_t to)
{
	struct segment *segment = filing->segment;
	uint32_t count = 0;
	uint64_t size = 0, size_max = filing->is_behind ? WRITE_SIZE_BEHIND_MAX : WRITE_SIZE_MAX;
	for (struct list *node = &segment__chunk_at(segment, filing->at)->node; node != &segment->chunks; node = node->next) {
		struct chunk *chunk = LIST_ENTRY(node, struct chunk, node);
		if (filing->at >= to || count == PIECES_PER_WRITE_MAX || size == size_max)
			break;
		uint64_t end_of_chunk = chunk->position + chunk->size_bytes;
		uint64_t piece = (end_of_chunk < to ? end_of_chunk : to) - filing->at;
		if (piece > size_max - size)
			piece = size_max - size;
		write->pieces[count++] = (struct iovec){chunk->data + (filing->at - chunk->position), piece};
		filing->at += piece;
		size += piece;
	}
	return count;
}

static size_t writes_in_pass(const struct filing *filing)
{
	uint64_t count = filing->segment->home->behind_bytes_max / 2 / WRITE_SIZE_BEHIND_MAX;
	if (!filing->is_behind || count > WRITES_MAX)
		return WRITES_MAX;
	return count ? count : 1;
}

static void start_pass(struct filing *filing)
{
	struct segment *segment = filing->segment;
	uint64_t to = align_up(filing->target.position, CHUNK_ALIGN), from = filing->at;
	size_t write_count = writes_in_pass(filing);
	for (size_t i = 0; i < write_count && filing->at < to; i++) {
		struct filing_write *write = &filing->writes[i];
		write->filing = filing;
		write->op.done = write_done;
		uint64_t position = filing->at;
		uint32_t count = gather(filing, write, to);
		CHECK(count > 0);
		filing->pending++;
		filing->is_one_write = position == align_down(segment->filed.position, CHUNK_ALIGN) && filing->at == to;
		io_write(segment->home->io, &write->op, segment->write_fd, write->pieces, count, position, filing->is_one_write ? IO_DSYNC : 0);
	}
	CHECK(filing->pending > 0);
	filing->pass_bytes = filing->at - from;
	if (filing->is_behind) {
		segment->home->behind_bytes += filing->pass_bytes;
		segment->home->behind_begun += filing->pass_bytes;
	}
}

/* The block that holds `filed` may begin with bytes that are in the file alone: fetches them, so that the block can be written whole. They may have rotted,
 * so readers still find them in the file, where they are checked: memory_position stays. */
static int fill_first_block(struct segment *segment)
{
	uint64_t start = align_down(segment->filed.position, CHUNK_ALIGN);
	if (segment->memory_position <= start || segment->is_first_block_filled)
		return 0;
	struct chunk *first = LIST_ENTRY(segment->chunks.next, struct chunk, node);
	CHECKF(first->position == start && segment->memory_position <= segment->filed.position,
	       "first chunk at %lu, memory from %lu, filed %lu, staged %lu", (unsigned long)first->position,
	       (unsigned long)segment->memory_position, (unsigned long)segment->filed.position, (unsigned long)segment->staged.position);
	uint8_t *block;
	if (posix_memalign((void **)&block, CHUNK_ALIGN, CHUNK_ALIGN))
		return -ENOMEM;
	int64_t got = io_file_read(segment->home->io, segment->write_fd, block, CHUNK_ALIGN, start);
	uint64_t wanted = segment->memory_position - start;
	int err = got < 0 ? (int)got : (uint64_t)got < wanted ? ERR_CORRUPT_LOG : 0;
	if (!err) {
		memcpy(first->data, block, wanted);
		segment->is_first_block_filled = true;
	}
	free(block);
	return err;
}

/* What is reserved behind the end of a segment is cut off when it is sealed, and the loop waits for that: where the file system is mounted with discard it is the
 * disk's time, 20 ms for 64 MiB. So no more than it can need. */
static uint64_t within_size(const struct segment *segment, uint64_t to, uint64_t until)
{
	uint64_t most = segment->size_bytes_max ? align_up(segment->size_bytes_max, CHUNK_ALIGN) : UINT64_MAX;
	return until < most ? until : to > most ? to : most;
}

/* Nothing to do where the life before had reserved as much: the file's opening, a moment ago, has found that. */
static int reserve_until(struct segment *segment, uint64_t until)
{
	uint64_t from = segment->allocated_bytes > segment->filed.position ? segment->allocated_bytes : segment->filed.position;
	if (until <= from)
		return 0;
	int err = io_file_allocate(segment->home->io, segment->write_fd, from, until - from, true);
	if (err == -EOPNOTSUPP || err == -ENOSYS)
		until = UINT64_MAX; /* this file system cannot: nothing is reserved, ever */
	else if (err)
		return err;
	segment->allocated_bytes = until;
	return 0;
}

static int reserve_ahead(struct segment *segment, uint64_t to)
{
	if (to <= segment->allocated_bytes)
		return 0;
	uint64_t ahead = to < RESERVE_MIN ? RESERVE_MIN : to > RESERVE_MAX ? RESERVE_MAX : to;
	return reserve_until(segment, within_size(segment, to, align_up(to + ahead, RESERVE_MIN)));
}

int segment_prepare(struct segment *segment, uint64_t to)
{
	int err = segment_open_write(segment);
	if (!err)
		err = reserve_ahead(segment, align_up(to, CHUNK_ALIGN));
	return err ? err : fill_first_block(segment);
}

int segment_prepare_growth(struct segment *segment, uint64_t to)
{
	to = align_up(to, CHUNK_ALIGN);
	if (segment->filed.position == 0 || to <= segment->allocated_bytes)
		return 0;
	int err = segment_open_write(segment);
	if (!err)
		err = reserve_until(segment, within_size(segment, to, to + (to < RESERVE_MAX ? to : RESERVE_MAX)));
	if (!err_is_full(err))
		return err;
	/* What it got of it may be the last there was. */
	segment->allocated_bytes = segment->filed.position + 1;
	segment_trim_padding(segment, true);
	return 0;
}

void segment_trim_padding(struct segment *segment, bool is_final)
{
	/* A piece may be written whose group is not durable yet: then `filed` does not speak of it, and it must stay. */
	if (segment->is_direct_pending)
		return;
	bool is_padded = segment->filed.position % CHUNK_ALIGN != 0;
	bool is_reserved = segment->allocated_bytes > segment->filed.position;
	if ((!is_padded && !is_reserved) || segment->filing || (is_reserved && !is_final))
		return;
	/* Of many files few stay open, and what was reserved must go when the broker stops. */
	if (segment->write_fd < 0 && (!is_reserved || segment->allocated_bytes == UINT64_MAX || segment_open_write(segment)))
		return;
	segment->allocated_bytes = 0;
	int err = io_file_truncate(segment->home->io, segment->write_fd, segment->filed.position);
	(void)err; /* the padding is harmless */
}

bool segment_can_file(const struct segment_home *home)
{
	return !list_is_empty(&home->free_filings);
}

bool segment_can_file_behind(const struct segment_home *home)
{
	return segment_can_file(home) && home->behind_bytes < home->behind_bytes_max && may_begin_behind(home);
}

void segment_let_behind(struct segment_home *home, uint64_t begun_max)
{
	struct list *node;
	home->behind_begun_max = begun_max;
	while (may_begin_behind(home) && (node = list_pop_front(&home->waiting_passes)))
		start_pass(LIST_ENTRY(node, struct filing, node));
}

static int file_segment(struct segment *segment, struct mark target, bool is_behind, filing_done_fn *done, void *context)
{
	CHECK(target.position > segment->filed.position && target.position <= segment->staged.position);
	if (segment->filing)
		return -EBUSY;
	if (list_is_empty(&segment->home->free_filings))
		return -EAGAIN;
	int err = segment_open_write(segment);
	if (!err)
		err = fill_first_block(segment);
	if (err)
		return err;
	pad_last_block(segment);

	struct filing *filing = LIST_ENTRY(list_pop_front(&segment->home->free_filings), struct filing, node);
	memset(filing, 0, offsetof(struct filing, writes));
	for (size_t i = 0; i < WRITES_MAX; i++)
		filing->writes[i].op = (struct io_op){0};
	filing->segment = segment;
	filing->target = target;
	filing->at = align_down(segment->filed.position, CHUNK_ALIGN);
	filing->is_behind = is_behind;
	filing->done = done;
	filing->context = context;
	segment->filing = filing;
	segment->home->filings_in_flight++;
	start_pass(filing);
	return 0;
}

int segment_file(struct segment *segment, struct mark target, filing_done_fn *done, void *context)
{
	return file_segment(segment, target, false, done, context);
}

int segment_file_behind(struct segment *segment, struct mark target, filing_done_fn *done, void *context)
{
	return file_segment(segment, target, true, done, context);
}
