/* Room in the ring, and the superblocks that give it back.
 *
 * A trim says which groups nobody needs. Their bytes may be overwritten only when no recovery can begin in
 * them any more, so room returns when both superblock slots say so: then either of them can be lost.
 * Superblocks are written lazily, when an eighth of the ring can be had, when room is short, and when the
 * journal has been idle for a while.
 *
 * A superblock also says what was durable when it was written. So the one that is written when the journal
 * has become idle vouches for the last group, for which no later group does: rot in it is then told from a
 * torn write. */
#include "log/journal/journal_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "log/base/check.h"

#define IDLE_NS 100000000ull
#define GAIN_PART 8u          /* of what may be in use: worth a superblock at once */

/* How far a superblock lets groups reach beyond the last one: so much of the ring a recovery may have to search behind the end, which is most of what it reads where little
 * is in the journal. And of that, how much is used up before the next one says more: a group is not to wait for it, and the slot before that one counts as well.
 *
 * So it follows the load: such a step is to last for a while, in time and, within bounds, in groups, as a group shares the disk with the superblock that is written
 * meanwhile; and some of the longest groups of late fit in it. What needs more all the same waits for two superblocks, which say more. */
#define REACH_PART 6u
#define REACH_STEP_PART 4u
#define REACH_MAX (12ull << 20)
#define REACH_MIN_PART 12u      /* of the most */
#define REACH_FOR_GROUPS_PART 3u /* of the most, for the number of groups alone */
#define REACH_LONGEST 4u
#define STEP_NS 10000000ull
#define STEP_GROUPS 128u

static void idle_due(struct io_timer *timer);

int journal__space_init(struct journal *journal)
{
	const struct recovery *recovery = &journal->recovery;
	struct superblock_writer *writer = &journal->superblock;
	journal->idle_timer.run = idle_due;
	journal->boundaries = malloc(BOUNDARIES * sizeof *journal->boundaries);
	writer->block = aligned_alloc(JOURNAL_BLOCK_SIZE, JOURNAL_BLOCK_SIZE);
	if (!journal->boundaries || !writer->block)
		return -ENOMEM;
	writer->last = recovery->superblock;
	writer->slot = recovery->superblock_slot;
	for (uint32_t i = 0; i < JOURNAL_SUPERBLOCKS; i++)
		writer->slot_trim_place[i] =
			recovery->slot_is_valid[i] ? recovery->slot_trim_place[i] : recovery->superblock.trim_place;
	journal->trim = (struct boundary){writer->last.trim_seq, writer->last.trim_place, writer->last.trim_chain, writer->last.trim_incarnation};
	journal->last = journal->trim;
	journal->trim_seq_asked = journal->trim.seq;
	journal->prewriter.written_place = writer->last.written_place;
	return 0;
}

void journal__space_fini(struct journal *journal)
{
	free(journal->boundaries);
	free(journal->superblock.block);
}

/* ---- room -------------------------------------------------------------------------------------------------------- */

static uint64_t lower_of(const uint64_t places[JOURNAL_SUPERBLOCKS])
{
	return places[0] < places[1] ? places[0] : places[1];
}

static uint64_t reusable_place(const struct journal *journal)
{
	return lower_of(journal->superblock.slot_trim_place);
}

static uint64_t larger_of(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t smaller_of(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Two of the longest groups at least, as one that does not fit before the ring's end leaves that empty. */
static uint64_t reach_max(const struct journal *journal)
{
	uint64_t least = 2 * (uint64_t)journal->group_length_max + RESERVE_BYTES;
	return larger_of(least, smaller_of(align_up(journal->ring_size / REACH_PART, JOURNAL_BLOCK_SIZE), REACH_MAX));
}

/* As the groups since the last superblock were. */
static uint64_t reach_for_load(const struct journal *journal)
{
	const struct superblock_writer *writer = &journal->superblock;
	uint64_t taken = journal->head_place - writer->begun_place, groups = journal->open_seq - writer->begun_seq, passed_ns = io_now_ns(journal->io) - writer->begun_ns;
	uint64_t for_time = REACH_STEP_PART * taken * (STEP_NS >> 10) / ((passed_ns >> 10) + 1);
	uint64_t for_groups = groups ? REACH_STEP_PART * taken / groups * STEP_GROUPS : 0;
	uint64_t for_longest = larger_of(REACH_LONGEST * (uint64_t)writer->longest, RESERVE_BYTES);
	return larger_of(larger_of(for_time, for_longest), smaller_of(for_groups, reach_max(journal) / REACH_FOR_GROUPS_PART));
}

/* Of a group that found no room within reach, as long as it was not written. */
static uint64_t reach_asked(const struct journal *journal)
{
	uint64_t asked = journal->superblock.asked_place;
	return asked > journal->head_place ? asked - journal->head_place : 0;
}

static uint64_t reach_size(const struct journal *journal)
{
	uint64_t most = reach_max(journal), least = most / REACH_MIN_PART;
	return align_up(smaller_of(most, larger_of(larger_of(least, journal->superblock.reach_size), reach_asked(journal))), JOURNAL_BLOCK_SIZE);
}

/* With each superblock: from the most, which an opening begins with, down by halves. */
static void follow_load(struct journal *journal)
{
	struct superblock_writer *writer = &journal->superblock;
	writer->reach_size = journal->is_started ? larger_of(reach_for_load(journal), reach_size(journal) / 2) : reach_max(journal);
	writer->longest -= writer->longest / 4;
	writer->begun_place = journal->head_place;
	writer->begun_seq = journal->open_seq;
	writer->begun_ns = io_now_ns(journal->io);
}

/* What recovery may rely on: no group ends behind it. */
static uint64_t reach_place(const struct journal *journal)
{
	return lower_of(journal->superblock.slot_reach_place);
}

static uint64_t end_of(const struct journal *journal, uint64_t length, uint64_t reserve_bytes)
{
	return journal__place_for(journal, length) + length + reserve_bytes;
}

bool journal__has_room(const struct journal *journal, uint64_t length, uint64_t reserve_bytes)
{
	uint64_t end = end_of(journal, length, reserve_bytes);
	return end <= reusable_place(journal) + journal->ring_size && end <= reach_place(journal);
}

void journal__ask_for_room(struct journal *journal, uint64_t length)
{
	journal->superblock.asked_place = end_of(journal, length, RESERVE_BYTES);
	journal->is_short_of_room = true;
	journal__consider_superblock(journal);
}

bool journal__is_within_span(const struct journal *journal, uint64_t length)
{
	return journal_used_bytes(journal) + length <= journal->span_bytes;
}

void journal_set_span(struct journal *journal, uint64_t size_bytes)
{
	journal->span_bytes = size_bytes < journal->ring_size ? size_bytes : journal->ring_size;
}

uint64_t journal_used_bytes(const struct journal *journal)
{
	return journal->head_place - reusable_place(journal);
}

uint64_t journal_untrimmed_bytes(const struct journal *journal)
{
	return journal->head_place - journal->trim.place;
}

uint64_t journal_taken_bytes(const struct journal *journal)
{
	return journal->head_place;
}

/* ---- trim ----------------------------------------------------------------------------------------------------------- */

static struct boundary *oldest_boundary(struct journal *journal)
{
	return &journal->boundaries[journal->boundary_first];
}

static void drop_oldest_boundary(struct journal *journal)
{
	journal->boundary_first = (journal->boundary_first + 1) % BOUNDARIES;
	journal->boundary_count--;
}

static uint64_t newest_boundary_place(const struct journal *journal)
{
	if (journal->boundary_count == 0)
		return journal->trim.place;
	return journal->boundaries[(journal->boundary_first + journal->boundary_count - 1) % BOUNDARIES].place;
}

void journal__note_group(struct journal *journal, const struct group_header *header)
{
	if (journal->superblock.longest < header->length)
		journal->superblock.longest = header->length;
	journal->last = (struct boundary){header->seq, header->place + header->length, header->checksum, header->incarnation};
	/* History is one lap long at most, so that boundaries this far apart are fewer than there is room for. */
	if (journal->last.place - newest_boundary_place(journal) < journal->ring_size / (BOUNDARIES / 2))
		return;
	CHECK(journal->boundary_count < BOUNDARIES);
	journal->boundaries[(journal->boundary_first + journal->boundary_count++) % BOUNDARIES] = journal->last;
}

void journal__apply_trim(struct journal *journal)
{
	if (journal->trim_seq_asked >= journal->last_entry_seq)
		journal->trim = journal->last;
	while (journal->boundary_count > 0 && oldest_boundary(journal)->seq <= journal->trim_seq_asked) {
		if (oldest_boundary(journal)->place > journal->trim.place)
			journal->trim = *oldest_boundary(journal);
		drop_oldest_boundary(journal);
	}
	if (journal->marked.seq <= journal->trim_seq_asked && journal->marked.place > journal->trim.place)
		journal->trim = journal->marked;
}

void journal_mark(struct journal *journal)
{
	journal->marked = journal->last;
}

void journal_trim(struct journal *journal, uint64_t group_seq)
{
	CHECKF(group_seq <= journal->durable_seq, "trim of group %lu, durable is %lu", group_seq, journal->durable_seq);
	if (group_seq <= journal->trim_seq_asked)
		return;
	journal->trim_seq_asked = group_seq;
	journal__apply_trim(journal);
	if (!journal->is_started)
		return;
	journal__consider_superblock(journal);
	journal__note_activity(journal);
}

void journal_note_checkpoint(struct journal *journal, uint64_t generation)
{
	journal->checkpoint = generation;
}

void journal_note_log_starts(struct journal *journal, uint64_t generation)
{
	journal->log_starts = generation;
}

/* ---- superblocks ---------------------------------------------------------------------------------------------------- */

/* It vouches for the last group when nothing else does, so it repeats that as a group behind it would. While groups are under way it says nothing:
 * what they hold is not durable. */
static void add_repeats(const struct journal *journal, struct superblock *next)
{
	bool is_quiet = journal->in_flight_count == 0 && (!journal->is_started || journal__open_is_empty(journal));
	next->tells = 1;
	next->repeat_count = 0;
	next->told_from = next->durable_seq + 1;
	if (is_quiet)
		next->repeat_count = repeats_write(&journal->repeats, journal->trim.seq, SUPERBLOCK_REPEATS_MAX, next->repeats, &next->told_from);
}

static struct superblock next_superblock(struct journal *journal)
{
	struct superblock next = journal->superblock.last;
	follow_load(journal);
	next.write_number++;
	next.incarnation = journal->options.incarnation;
	next.durable_seq = journal->durable_seq;
	next.trim_seq = journal->trim.seq;
	next.trim_place = journal->trim.place;
	next.trim_chain = journal->trim.chain;
	next.trim_incarnation = journal->trim.incarnation;
	next.written_place = journal->prewriter.written_place;
	uint64_t reach = journal->head_place + reach_size(journal);
	next.reach_place = journal->is_started ? larger_of(next.reach_place, reach) : reach; /* groups may be there already */
	if (journal->options.shard_plus_one)
		next.shard_plus_one = journal->options.shard_plus_one;
	if (!uuid_is_zero(&journal->options.directory_id))
		next.directory_id = journal->options.directory_id;
	if (next.checkpoint < journal->checkpoint)
		next.checkpoint = journal->checkpoint;
	if (next.log_starts < journal->log_starts)
		next.log_starts = journal->log_starts;
	add_repeats(journal, &next);
	return next;
}

/* The next superblock becomes the last one, encoded, in the other slot. Returns the slot's position in the
 * file. */
static uint64_t turn_superblock(struct journal *journal, struct superblock next)
{
	struct superblock_writer *writer = &journal->superblock;
	writer->last = next;
	writer->slot = (writer->slot + 1) % JOURNAL_SUPERBLOCKS;
	superblock_encode(&writer->last, writer->block);
	return writer->slot * JOURNAL_BLOCK_SIZE;
}

static void superblock_written(struct superblock_writer *writer)
{
	writer->slot_trim_place[writer->slot] = writer->last.trim_place;
	writer->slot_reach_place[writer->slot] = writer->last.reach_place;
	writer->slot_durable_seq[writer->slot] = writer->last.durable_seq;
}

/* Neither of the two vouches for less than all: so one of them may be lost together with the last group, as by one write of it that lands there. */
static bool is_vouched_twice(const struct journal *journal)
{
	const uint64_t *seqs = journal->superblock.slot_durable_seq;
	return seqs[0] == journal->durable_seq && seqs[1] == journal->durable_seq;
}

/* It ended while a superblock was under way, which does not say so. */
static bool is_prewriting_untold(const struct journal *journal)
{
	return journal->prewriter.written_place == journal->ring_size && journal->superblock.last.written_place < journal->ring_size;
}

static bool is_idle(const struct journal *journal)
{
	return journal->in_flight_count == 0 && io_now_ns(journal->io) >= journal->active_ns + IDLE_NS;
}

static void superblock_done(struct io_op *op)
{
	struct journal *journal = CONTAINER_OF(op, struct journal, superblock.op);
	struct superblock_writer *writer = &journal->superblock;
	writer->is_writing = false;
	if (op->result != (int32_t)JOURNAL_BLOCK_SIZE) {
		journal__fail(journal, op->result < 0 ? op->result : -EIO);
		return;
	}
	uint64_t reusable_before = reusable_place(journal), reach_before = reach_place(journal);
	superblock_written(writer);
	if (reusable_place(journal) > reusable_before || reach_place(journal) > reach_before)
		journal->is_short_of_room = false;
	journal__consider_superblock(journal);
	if (is_idle(journal) && (!is_vouched_twice(journal) || is_prewriting_untold(journal)))
		journal__write_superblock(journal);
}

void journal__write_superblock(struct journal *journal)
{
	struct superblock_writer *writer = &journal->superblock;
	if (writer->is_writing || journal->err || journal->is_sealed)
		return;
	uint64_t position = turn_superblock(journal, next_superblock(journal));
	writer->is_writing = true;
	writer->vector = (struct iovec){writer->block, JOURNAL_BLOCK_SIZE};
	writer->op.done = superblock_done;
	io_write(journal->io, &writer->op, journal->fd, &writer->vector, 1, position, IO_DSYNC);
}

void journal__consider_superblock(struct journal *journal)
{
	uint64_t gain = journal->trim.place - reusable_place(journal), reach = journal->head_place + reach_size(journal);
	bool is_room_due = gain > 0 && (journal->is_short_of_room || gain >= journal->span_bytes / GAIN_PART);
	bool is_reach_due = journal->superblock.last.reach_place + reach_size(journal) / REACH_STEP_PART <= reach;
	if (is_room_due || is_reach_due || (journal->is_short_of_room && reach_place(journal) < reach))
		journal__write_superblock(journal);
}

int journal__write_superblock_now(struct journal *journal)
{
	struct superblock_writer *writer = &journal->superblock;
	CHECK(!writer->is_writing);
	uint64_t position = turn_superblock(journal, next_superblock(journal));
	int64_t written = io_file_write(journal->io, journal->fd, writer->block, JOURNAL_BLOCK_SIZE, position);
	if (written != JOURNAL_BLOCK_SIZE)
		return written < 0 ? (int)written : -EIO;
	int err = io_file_sync(journal->io, journal->fd);
	if (err < 0)
		return err;
	superblock_written(writer);
	return 0;
}

int journal__write_first_superblocks(struct journal *journal)
{
	struct superblock_writer *writer = &journal->superblock;
	for (uint32_t i = 0; i < JOURNAL_SUPERBLOCKS; i++) {
		uint64_t position = turn_superblock(journal, next_superblock(journal));
		int64_t written = io_file_write(journal->io, journal->fd, writer->block, JOURNAL_BLOCK_SIZE, position);
		if (written != JOURNAL_BLOCK_SIZE)
			return written < 0 ? (int)written : -EIO;
	}
	int err = io_file_sync(journal->io, journal->fd);
	for (uint32_t i = 0; err == 0 && i < JOURNAL_SUPERBLOCKS; i++) {
		writer->slot = (writer->slot + 1) % JOURNAL_SUPERBLOCKS;
		superblock_written(writer);
	}
	return err;
}

/* ---- idle --------------------------------------------------------------------------------------------------------------- */

static void set_idle_timer(struct journal *journal)
{
	journal->idle_timer_is_set = true;
	io_timer_set(journal->io, &journal->idle_timer, journal->active_ns + IDLE_NS);
}

void journal__note_activity(struct journal *journal)
{
	journal->active_ns = io_now_ns(journal->io);
	if (!journal->idle_timer_is_set && !journal->is_quiet && !journal->err)
		set_idle_timer(journal);
}

static bool has_news(const struct journal *journal)
{
	return !is_vouched_twice(journal) || journal->superblock.last.trim_place != journal->trim.place;
}

/* Runs once after activity: again only if there was more of it meanwhile. Groups that are in flight set it
 * anew when they are durable. */
static void idle_due(struct io_timer *timer)
{
	struct journal *journal = CONTAINER_OF(timer, struct journal, idle_timer);
	journal->idle_timer_is_set = false;
	if (journal->in_flight_count > 0)
		return;
	if (io_now_ns(journal->io) < journal->active_ns + IDLE_NS) {
		set_idle_timer(journal);
		return;
	}
	if (has_news(journal))
		journal__write_superblock(journal);
	journal__drop_pages(journal);
}

void journal__space_stop(struct journal *journal)
{
	io_timer_cancel(journal->io, &journal->idle_timer);
	journal->idle_timer_is_set = false;
}
