/* Groups on their way to the disk.
 *
 * Entries are copied into the open group's buffer. Commit closes it with a header that carries the
 * checksum of the header before, and writes it: a small group with one write that is durable when it is
 * done, a large one in pieces side by side and then a sync. The next group opens in another buffer, so
 * that filling goes on while up to groups_in_flight_max groups are written. They may end in any order;
 * they are reported in order, each when all before it are and nothing holds it.
 *
 * When a write or sync fails, the journal enters FAILED and reports nothing any more: what the disk holds
 * is known only to a recovery (a second sync that succeeds would prove nothing, reference: fsyncgate). */
#include "log/journal/journal_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "log/base/check.h"

/* One write up to this size, with its own flush; above, pieces of it in parallel and one flush for all
 * (measured: a flush for each of several writes costs 15 %, a write above 512 KiB is split by the block
 * layer anyway). */
#define PIECE_SIZE (512u << 10)

/* So much of a group it may be longer for the sake of what is older than the group before it. */
#define MORE_PART 32u

/* Kept resident when the journal has been idle: what the next small groups need at once. */
#define RESIDENT_BYTES (64u << 10)

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static void init_slot(struct journal *journal, struct group_slot *slot, struct group_op *ops, uint32_t op_count)
{
	slot->journal = journal;
	slot->ops = ops;
	for (uint32_t i = 0; i < op_count; i++)
		ops[i].slot = slot;
	list_push_back(&journal->free, &slot->node);
}

static void release_due(struct io_timer *timer);

int journal__groups_init(struct journal *journal)
{
	uint32_t slot_count = journal->options.groups_in_flight_max + 1;
	uint32_t op_count = (journal->group_length_max + PIECE_SIZE - 1) / PIECE_SIZE;
	list_init(&journal->free);
	list_init(&journal->in_flight);
	journal->release_timer.run = release_due;
	journal->slots = calloc(slot_count, sizeof *journal->slots);
	journal->ops = calloc((size_t)slot_count * op_count, sizeof *journal->ops);
	if (!journal->slots || !journal->ops)
		return -ENOMEM;
	for (uint32_t i = 0; i < slot_count; i++) {
		void *buffer = mmap(NULL, journal->group_length_max, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (buffer == MAP_FAILED)
			return -ENOMEM;
		/* A group of megabytes goes to the disk in few segments, and fills without a miss for each page. A refusal costs speed alone. */
		madvise(buffer, journal->group_length_max, MADV_HUGEPAGE);
		journal->slots[i].buffer = buffer;
		init_slot(journal, &journal->slots[i], journal->ops + (size_t)i * op_count, op_count);
	}
	return 0;
}

void journal__groups_fini(struct journal *journal)
{
	for (uint32_t i = 0; journal->slots && i <= journal->options.groups_in_flight_max; i++)
		if (journal->slots[i].buffer)
			munmap(journal->slots[i].buffer, journal->group_length_max);
	free(journal->slots);
	free(journal->ops);
}

void journal__drop_pages(struct journal *journal)
{
	LIST_FOR_EACH(node, &journal->free) {
		struct group_slot *slot = LIST_ENTRY(node, struct group_slot, node);
		madvise(slot->buffer, journal->group_length_max, MADV_DONTNEED);
	}
	if (journal->group_length_max > RESIDENT_BYTES && journal__open_is_empty(journal))
		madvise(journal->open->buffer + RESIDENT_BYTES, journal->group_length_max - RESIDENT_BYTES, MADV_DONTNEED);
}

/* ---- the open group ------------------------------------------------------------------------------------------------ */

void journal__open_group(struct journal *journal)
{
	struct list *node = list_pop_front(&journal->free);
	CHECK(node);
	struct group_slot *slot = LIST_ENTRY(node, struct group_slot, node);
	slot->state = SLOT_OPEN;
	slot->size_bytes = GROUP_HEADER_SIZE;
	slot->entry_count = 0;
	slot->body_checksum = group_body_checksum_start(journal->seed);
	slot->holds = 0;
	slot->time_ms = 0;
	journal->open = slot;
	repeats_begin(&journal->repeats, journal->open_seq);
}

bool journal__open_is_empty(const struct journal *journal)
{
	return journal->open->entry_count == 0 && journal->open->holds == 0;
}

uint64_t journal__place_for(const struct journal *journal, uint64_t length)
{
	uint64_t lap_rest = journal->ring_size - journal->head_place % journal->ring_size;
	return length <= lap_rest ? journal->head_place : journal->head_place + lap_rest;
}

static uint64_t payload_size(const struct iovec *payload, uint32_t count)
{
	uint64_t size = 0;
	for (uint32_t i = 0; i < count; i++)
		size += payload[i].iov_len;
	return size;
}

static uint8_t *copy_payload(uint8_t *at, const struct iovec *payload, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		memcpy(at, payload[i].iov_base, payload[i].iov_len);
		at += payload[i].iov_len;
	}
	return at;
}

static uint64_t size_of_due(const struct journal *journal)
{
	return (uint64_t)repeats_due(&journal->repeats) * GROUP_ENTRY_SIZE;
}

bool journal_add(struct journal *journal, const struct journal_entry *entry, const struct iovec *payload, uint32_t count)
{
	CHECK(journal->is_started && !journal->is_sealed && entry->kind != 0);
	uint64_t size = payload_size(payload, count);
	struct group_slot *slot = journal->open;
	uint64_t size_after = slot->size_bytes + group_entry_size(size);
	uint64_t length_after = align_up(size_after + size_of_due(journal), JOURNAL_BLOCK_SIZE);
	if (journal->err || length_after > journal->group_length_max || repeats_is_full(&journal->repeats))
		return false;
	bool is_within_span = entry->may_pass_span || journal__is_within_span(journal, length_after);
	if (!is_within_span || !journal__has_room(journal, length_after, RESERVE_BYTES)) {
		journal__ask_for_room(journal, length_after);
		return false;
	}
	uint8_t *at = slot->buffer + slot->size_bytes;
	slot->body_checksum = group_entry_encode(entry, (uint32_t)size, slot->body_checksum, at);
	uint8_t *end = copy_payload(at + GROUP_ENTRY_SIZE, payload, count);
	memset(end, 0, align_up(size, 8) - size);
	slot->size_bytes = (uint32_t)size_after;
	slot->entry_count++;
	repeats_note(&journal->repeats, entry);
	return true;
}

uint64_t journal_hold(struct journal *journal)
{
	journal->open->holds++;
	return journal->open_seq;
}

void journal_set_time(struct journal *journal, int64_t wall_ms)
{
	journal->open->time_ms = wall_ms;
}

/* ---- commit --------------------------------------------------------------------------------------------------------- */

bool journal_can_commit(const struct journal *journal)
{
	return journal->is_started && !journal->err && journal->open->entry_count > 0 &&
	       journal->in_flight_count < journal->options.groups_in_flight_max;
}

/* As long as entries and what must be repeated make it; what is older goes where zeros would, and into a small part more of a large group. A seal
 * is one block: what it cannot repeat is trimmed, or nobody vouches for the seal's stop. */
static uint32_t length_with_repeats(const struct journal *journal, bool is_seal)
{
	if (is_seal)
		return JOURNAL_BLOCK_SIZE;
	uint64_t length = align_up(journal->open->size_bytes + size_of_due(journal), JOURNAL_BLOCK_SIZE);
	uint64_t longer = length + align_down(length / MORE_PART, JOURNAL_BLOCK_SIZE);
	bool is_allowed = longer <= journal->group_length_max && journal__has_room(journal, longer, RESERVE_BYTES);
	return (uint32_t)(is_allowed ? longer : length);
}

static void add_repeats(struct journal *journal, bool is_seal)
{
	struct group_slot *slot = journal->open;
	struct group_header *header = &slot->header;
	uint8_t *at = slot->buffer + slot->size_bytes;
	uint32_t room = length_with_repeats(journal, is_seal) - slot->size_bytes;
	header->repeat_count = repeats_write(&journal->repeats, journal->trim.seq, room / GROUP_ENTRY_SIZE, at, &header->told_from);
	struct slice written = {at, (size_t)header->repeat_count * GROUP_ENTRY_SIZE};
	header->repeats_checksum = group_repeats_checksum(journal->seed, written);
	header->length = (uint32_t)align_up(slot->size_bytes + written.size, JOURNAL_BLOCK_SIZE);
	memset(at + written.size, 0, header->length - slot->size_bytes - written.size);
}

void journal__finish_group(struct journal *journal, uint16_t flags)
{
	struct group_slot *slot = journal->open;
	add_repeats(journal, flags & GROUP_IS_SEAL);
	uint32_t length = slot->header.length;
	slot->header = (struct group_header){
		.flags = flags | GROUP_TELLS,
		.length = length,
		.entry_count = slot->entry_count,
		.body_size_bytes = slot->size_bytes - GROUP_HEADER_SIZE,
		.incarnation = journal->options.incarnation,
		.seq = journal->open_seq,
		.place = journal__place_for(journal, length),
		.durable_seq = journal->durable_seq,
		.chain = journal->chain,
		.body_checksum = slot->body_checksum,
		.time_ms = slot->time_ms,
		.repeat_count = slot->header.repeat_count,
		.told_from = slot->header.told_from,
		.repeats_checksum = slot->header.repeats_checksum,
	};
	group_header_encode(&slot->header, journal->seed, slot->buffer);
	journal->chain = slot->header.checksum;
	journal->head_place = slot->header.place + length;
	if (slot->entry_count > 0)
		journal->last_entry_seq = slot->header.seq;
	journal->open_seq++;
}

static void launch(struct group_slot *slot);

uint64_t journal_commit(struct journal *journal)
{
	CHECK(journal_can_commit(journal));
	struct group_slot *slot = journal->open;
	journal__finish_group(journal, 0);
	slot->state = SLOT_QUEUED;
	list_push_back(&journal->in_flight, &slot->node);
	journal->in_flight_count++;
	journal__open_group(journal);
	if (!journal__prewriter_overlaps(journal, slot->header.place, slot->header.length))
		launch(slot);
	journal__consider_superblock(journal);
	return slot->header.seq;
}

/* ---- writing ---------------------------------------------------------------------------------------------------------- */

static void sync_done(struct io_op *op);
static void write_done(struct io_op *op);

static void submit_piece(struct group_slot *slot, uint32_t index, uint32_t flags)
{
	struct journal *journal = slot->journal;
	struct group_op *piece = &slot->ops[index];
	uint32_t position = index * PIECE_SIZE;
	uint32_t rest = slot->header.length - position;
	piece->vector = (struct iovec){slot->buffer + position, rest < PIECE_SIZE ? rest : PIECE_SIZE};
	piece->op.done = write_done;
	slot->ops_in_flight++;
	journal->ops_in_flight++;
	uint64_t file_position = JOURNAL_RING_POSITION + slot->header.place % journal->ring_size + position;
	io_write(journal->io, &piece->op, journal->fd, &piece->vector, 1, file_position, flags);
}

static void launch(struct group_slot *slot)
{
	slot->state = SLOT_WRITING;
	uint32_t piece_count = (slot->header.length + PIECE_SIZE - 1) / PIECE_SIZE;
	for (uint32_t i = 0; i < piece_count; i++)
		submit_piece(slot, i, piece_count == 1 ? IO_DSYNC : 0);
}

void journal__launch_queued(struct journal *journal)
{
	LIST_FOR_EACH(node, &journal->in_flight) {
		struct group_slot *slot = LIST_ENTRY(node, struct group_slot, node);
		if (slot->state == SLOT_QUEUED && !journal->err)
			launch(slot);
	}
}

static void report_durable(struct journal *journal);

static void slot_written(struct group_slot *slot)
{
	slot->state = SLOT_WRITTEN;
	report_durable(slot->journal);
}

/* Takes note of an operation's end. False if the journal has failed, now or before: nothing follows from
 * it then. */
static bool op_ended(struct group_op *ended, int32_t result_expected)
{
	struct group_slot *slot = ended->slot;
	slot->ops_in_flight--;
	slot->journal->ops_in_flight--;
	if (ended->op.result != result_expected)
		journal__fail(slot->journal, ended->op.result < 0 ? ended->op.result : -EIO);
	return slot->journal->err == 0;
}

static void write_done(struct io_op *op)
{
	struct group_op *piece = CONTAINER_OF(op, struct group_op, op);
	struct group_slot *slot = piece->slot;
	if (!op_ended(piece, (int32_t)piece->vector.iov_len) || slot->ops_in_flight > 0)
		return;
	if (slot->header.length <= PIECE_SIZE) {
		slot_written(slot);
		return;
	}
	/* Every piece is written: one sync makes them all durable. */
	slot->state = SLOT_SYNCING;
	slot->ops_in_flight++;
	slot->journal->ops_in_flight++;
	slot->ops[0].op.done = sync_done;
	io_datasync(slot->journal->io, &slot->ops[0].op, slot->journal->fd);
}

static void sync_done(struct io_op *op)
{
	struct group_op *sync = CONTAINER_OF(op, struct group_op, op);
	if (op_ended(sync, 0))
		slot_written(sync->slot);
}

/* ---- in-order reports ---------------------------------------------------------------------------------------------------- */

static void report_group(struct journal *journal, struct group_slot *slot)
{
	uint64_t seq = slot->header.seq;
	list_remove(&slot->node);
	journal->in_flight_count--;
	journal->durable_seq = seq;
	journal__note_group(journal, &slot->header);
	slot->state = SLOT_FREE;
	list_push_front(&journal->free, &slot->node);
	journal__note_activity(journal);
	journal->options.durable(journal->options.context, seq);
}

/* The callback may add, commit and trim: the list is read anew each time. */
static void report_durable(struct journal *journal)
{
	while (!journal->err && !list_is_empty(&journal->in_flight)) {
		struct group_slot *slot = LIST_ENTRY(journal->in_flight.next, struct group_slot, node);
		if (slot->state != SLOT_WRITTEN || slot->holds > 0)
			return;
		report_group(journal, slot);
	}
	if (!journal->err)
		journal__prewriter_quiet(journal);
}

static struct group_slot *find_group(struct journal *journal, uint64_t seq)
{
	if (seq == journal->open_seq)
		return journal->open;
	LIST_FOR_EACH(node, &journal->in_flight) {
		struct group_slot *slot = LIST_ENTRY(node, struct group_slot, node);
		if (slot->header.seq == seq)
			return slot;
	}
	return NULL;
}

/* The report runs from the loop, by a timer that is due at once: never from within a call. */
void journal_release(struct journal *journal, uint64_t group_seq)
{
	struct group_slot *slot = find_group(journal, group_seq);
	CHECKF(slot && slot->holds > 0, "group %lu is not held", group_seq);
	slot->holds--;
	if (slot->holds == 0 && slot->state == SLOT_WRITTEN && !journal->err)
		io_timer_set(journal->io, &journal->release_timer, io_now_ns(journal->io));
}

static void release_due(struct io_timer *timer)
{
	report_durable(CONTAINER_OF(timer, struct journal, release_timer));
}

/* ---- failure --------------------------------------------------------------------------------------------------------------- */

void journal__fail(struct journal *journal, int err)
{
	if (journal->err)
		return;
	journal->err = err;
	journal__prewriter_stop(journal);
	journal__space_stop(journal);
	io_timer_cancel(journal->io, &journal->release_timer);
	journal->options.failed(journal->options.context, err);
}
