/* Writing the never-written part of the file in the background.
 *
 * A block that was only reserved costs a commit of the file system's own journal at its first durable
 * write (measured: 165 us instead of 85 for 4 KiB), so zeros are written ahead of the head during the
 * first lap. It is never needed for correctness. One piece is in flight at a time, begun only while no
 * group is, and a smaller one, not at once, while groups come; a group that must go where a piece is being
 * written waits for it. It keeps so far ahead of the head that it is never caught up with for long, and no further: most brokers never use as much as a large ring
 * holds, and a new one has better things to do than to fill that. Once the first lap is over this is off for the life of the file, which its
 * superblock remembers. */
#include "log/journal/journal_priv.h"

#include <errno.h>
#include <sys/mman.h>

#include "log/base/check.h"

/* Pieces: large when nobody waits, so that it is over soon; about as long as one small group under load. */
#define PIECE_SIZE_QUIET (1u << 20)
#define PIECE_SIZE_BUSY (128u << 10)

/* The first reply of a new broker is not to wait for zeros; and a loaded one gives them a small share of
 * the disk. */
#define DELAY_FIRST_NS 30000000ull
#define DELAY_BUSY_NS 2000000ull

#define AHEAD_BYTES (64ull << 20)

static void timer_due(struct io_timer *timer);

int journal__prewriter_init(struct journal *journal)
{
	struct prewriter *prewriter = &journal->prewriter;
	prewriter->timer.run = timer_due;
	prewriter->ahead_bytes = AHEAD_BYTES;
	void *zeros = mmap(NULL, PIECE_SIZE_QUIET, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (zeros == MAP_FAILED)
		return -ENOMEM;
	prewriter->zeros = zeros;
	return 0;
}

void journal__prewriter_fini(struct journal *journal)
{
	if (journal->prewriter.zeros)
		munmap(journal->prewriter.zeros, PIECE_SIZE_QUIET);
}

/* Groups write as well: what they have passed is written. */
static void catch_up_with_head(struct journal *journal)
{
	uint64_t head = journal->head_place < journal->ring_size ? journal->head_place : journal->ring_size;
	if (journal->prewriter.written_place < head)
		journal->prewriter.written_place = head;
}

static bool is_complete(struct journal *journal)
{
	catch_up_with_head(journal);
	return journal->prewriter.written_place >= journal->ring_size;
}

static bool is_ahead_by(const struct journal *journal, uint64_t bytes)
{
	return journal->prewriter.written_place >= journal->head_place + bytes;
}

static void wait_for(struct journal *journal, uint64_t delay_ns)
{
	journal->prewriter.state = PREWRITE_WAITING;
	io_timer_set(journal->io, &journal->prewriter.timer, io_now_ns(journal->io) + delay_ns);
}

void journal__prewriter_start(struct journal *journal)
{
	if (!is_complete(journal))
		wait_for(journal, DELAY_FIRST_NS);
}

void journal__prewriter_stop(struct journal *journal)
{
	io_timer_cancel(journal->io, &journal->prewriter.timer);
	if (journal->prewriter.state != PREWRITE_WRITING)
		journal->prewriter.state = PREWRITE_OFF;
}

bool journal__prewriter_overlaps(const struct journal *journal, uint64_t place, uint64_t length)
{
	const struct prewriter *prewriter = &journal->prewriter;
	uint64_t at = place % journal->ring_size;
	return prewriter->state == PREWRITE_WRITING && at < prewriter->place_end && at + length > prewriter->place;
}

static bool is_busy(const struct journal *journal)
{
	return journal->prewriter.seq_before != journal->open_seq;
}

static void piece_done(struct io_op *op);

static void write_piece(struct journal *journal)
{
	struct prewriter *prewriter = &journal->prewriter;
	if (is_complete(journal)) {
		prewriter->state = PREWRITE_OFF;
		return;
	}
	if (is_ahead_by(journal, prewriter->ahead_bytes)) {
		prewriter->state = PREWRITE_AHEAD;
		return;
	}
	uint64_t rest = journal->ring_size - prewriter->written_place;
	uint64_t size = is_busy(journal) ? PIECE_SIZE_BUSY : PIECE_SIZE_QUIET;
	size = size < rest ? size : rest;
	prewriter->state = PREWRITE_WRITING;
	prewriter->seq_before = journal->open_seq;
	prewriter->place = prewriter->written_place;
	prewriter->place_end = prewriter->place + size;
	prewriter->vector = (struct iovec){prewriter->zeros, size};
	prewriter->op.done = piece_done;
	/* Durable at once: else the next group's flush would pay for the extents of this piece. */
	io_write(journal->io, &prewriter->op, journal->fd, &prewriter->vector, 1, JOURNAL_RING_POSITION + prewriter->place, IO_DSYNC);
}

static void write_piece_when_quiet(struct journal *journal)
{
	if (journal->in_flight_count > 0)
		journal->prewriter.state = PREWRITE_WANTS_QUIET;
	else
		write_piece(journal);
}

static void timer_due(struct io_timer *timer)
{
	write_piece_when_quiet(CONTAINER_OF(timer, struct journal, prewriter.timer));
}

void journal__prewriter_quiet(struct journal *journal)
{
	const struct prewriter *prewriter = &journal->prewriter;
	bool is_wanted = prewriter->state == PREWRITE_WANTS_QUIET || (prewriter->state == PREWRITE_AHEAD && !is_ahead_by(journal, prewriter->ahead_bytes / 2));
	if (is_wanted && journal->in_flight_count == 0)
		write_piece(journal);
}

/* A piece that cannot be written ends the pre-writing and nothing else: if the disk is ill, the next group
 * will say so. */
static void piece_done(struct io_op *op)
{
	struct journal *journal = CONTAINER_OF(op, struct journal, prewriter.op);
	struct prewriter *prewriter = &journal->prewriter;
	bool is_written = op->result >= 0 && (uint64_t)op->result == prewriter->place_end - prewriter->place;
	prewriter->state = PREWRITE_OFF;
	if (journal->err)
		return;
	journal__launch_queued(journal);
	if (!is_written)
		return;
	if (prewriter->written_place < prewriter->place_end)
		prewriter->written_place = prewriter->place_end;
	if (is_complete(journal))
		journal__write_superblock(journal);
	else if (journal->is_quiet)
		return;
	else if (is_busy(journal))
		wait_for(journal, DELAY_BUSY_NS);
	else
		write_piece_when_quiet(journal);
}
