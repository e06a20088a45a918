/* The life of a journal: open or create, replay, start, seal, close.
 *
 * Happy path of a restart: open reads the superblocks and walks the groups, replay hands their entries
 * out, start makes what was read durable for certain, says in a superblock that this opening goes on
 * behind it, and opens the first group.
 *
 * A new file is made under another name and renamed when it is whole, so that a journal without a valid
 * superblock is damage and never a crash during creation. Making it writes two blocks; the rest is
 * reserved and written in the background. Where nothing can have been lost before, it is whole when the journal starts: then its superblocks know this opening
 * from the beginning, and one sync of the file and one of its name are all there is. */
#include "log/journal/journal_priv.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/base/check.h"

#define SIZE_UNIT (64u << 10) /* a file's size is a multiple of it */

/* ---- creation ------------------------------------------------------------------------------------------------- */

static int reserve(struct io *io, int fd, uint64_t size)
{
	int err = io_file_truncate(io, fd, 0);
	if (err < 0)
		return err;
	err = io_file_allocate(io, fd, 0, size, true);
	return err == -EOPNOTSUPP ? io_file_truncate(io, fd, size) : err;
}

static int write_first_superblocks(struct io *io, int fd, struct superblock *superblock)
{
	uint8_t *blocks = aligned_alloc(JOURNAL_BLOCK_SIZE, JOURNAL_RING_POSITION);
	if (!blocks)
		return -ENOMEM;
	for (uint32_t slot = 0; slot < JOURNAL_SUPERBLOCKS; slot++) {
		superblock->write_number = slot + 1;
		superblock_encode(superblock, blocks + slot * JOURNAL_BLOCK_SIZE);
	}
	int64_t written = io_file_write(io, fd, blocks, JOURNAL_RING_POSITION, 0);
	free(blocks);
	if (written != JOURNAL_RING_POSITION)
		return written < 0 ? (int)written : -EIO;
	return io_file_sync(io, fd);
}

static int publish(struct io *io, const char *path_new, const char *path)
{
	int err = io_rename(io, path_new, path);
	return err < 0 ? err : io_parent_sync(io, path);
}

static int fill_and_publish(struct journal *journal, int fd, const char *path_new, struct superblock *superblock)
{
	int err = reserve(journal->io, fd, superblock->file_size_bytes);
	if (err == 0)
		err = write_first_superblocks(journal->io, fd, superblock);
	return err == 0 ? publish(journal->io, path_new, journal->options.path) : err;
}

static int name_new(const struct journal *journal, char *out, size_t size)
{
	return (size_t)snprintf(out, size, "%s.new", journal->options.path) >= size ? -ENAMETOOLONG : 0;
}

/* It has no name until here, so there is no order between the two superblocks, and whatever a crash leaves is made anew. */
static int publish_first(struct journal *journal)
{
	char path_new[PATH_MAX];
	int err = name_new(journal, path_new, sizeof path_new);
	if (err == 0)
		err = journal__write_first_superblocks(journal);
	if (err == 0)
		err = publish(journal->io, path_new, journal->options.path);
	journal->is_unnamed = err < 0;
	return err;
}

static int create(struct journal *journal)
{
	char path_new[PATH_MAX];
	if (name_new(journal, path_new, sizeof path_new))
		return -ENAMETOOLONG;
	int fd = io_file_open(journal->io, path_new, IO_CREATE | IO_DIRECT);
	if (fd < 0)
		return fd;
	struct superblock superblock = {.file_size_bytes = journal->options.size_bytes, .shard_plus_one = journal->options.shard_plus_one,
					.directory_id = journal->options.directory_id};
	io_random(journal->io, &superblock.seed, sizeof superblock.seed);
	journal->is_unnamed = journal->options.is_first;
	int err = journal->is_unnamed ? reserve(journal->io, fd, superblock.file_size_bytes) : fill_and_publish(journal, fd, path_new, &superblock);
	if (err < 0) {
		io_close_fd(journal->io, fd);
		return err;
	}
	journal->fd = fd;
	struct recovery *recovery = &journal->recovery;
	recovery->superblock = superblock;
	recovery->superblock_slot = JOURNAL_SUPERBLOCKS - 1;
	recovery->cursor = (struct recovery_cursor){.seq = 1};
	recovery->report.seed = superblock.seed;
	recovery->report.directory_id = superblock.directory_id;
	recovery->report.was_created = true;
	recovery->report.decision = recovery_decide(&recovery_file_table, 0)->label;
	return 0;
}

/* ---- open ------------------------------------------------------------------------------------------------------ */

static void note_taken(void *context, const struct group_header *header)
{
	journal__note_group(context, header);
}

/* A group must be small against the ring, whatever the file's size: it is kept from its creation on. */
static int set_sizes(struct journal *journal)
{
	journal->size_bytes = journal->recovery.superblock.file_size_bytes;
	journal->ring_size = journal->span_bytes = journal->size_bytes - JOURNAL_RING_POSITION;
	journal->seed = journal->recovery.superblock.seed;
	journal->group_length_max = (uint32_t)align_up(journal->options.group_size_bytes_max, JOURNAL_BLOCK_SIZE);
	uint64_t in_flight = (uint64_t)journal->group_length_max * (journal->options.groups_in_flight_max + 1);
	if (journal->options.is_read_only)
		return 0;
	return journal->group_length_max > journal->ring_size / JOURNAL_GROUPS_PER_RING_MIN || in_flight > journal->ring_size ? -EINVAL : 0;
}

/* A seq that something vouches for is never used again, even if its group is lost. */
static void go_on_behind_history(struct journal *journal)
{
	const struct recovery *recovery = &journal->recovery;
	uint64_t last_seq = recovery->cursor.seq - 1;
	journal->durable_seq = last_seq > recovery->vouched_seq ? last_seq : recovery->vouched_seq;
	journal->open_seq = journal->durable_seq + 1;
	journal->head_place = journal->superblock.begun_place = recovery->cursor.place;
	journal->superblock.begun_seq = journal->open_seq;
	journal->chain = recovery->cursor.chain;
	journal->last_entry_seq = recovery->last_entry_seq;
	journal->last.seq = journal->durable_seq;
}

static uint64_t incarnation_of(const struct journal *journal)
{
	return journal->options.is_read_only ? UINT64_MAX : journal->options.incarnation;
}

static bool is_any_loss_accepted(const struct journal *journal)
{
	return journal->options.is_read_only || journal->options.is_loss_accepted;
}

/* Whoever put another shard's journal here has this one's elsewhere. */
static int check_shard(struct journal *journal)
{
	struct recovery *recovery = &journal->recovery;
	uint32_t written = recovery->superblock.shard_plus_one, asked = journal->options.shard_plus_one;
	if (!written || !asked || written == asked)
		return 0;
	recovery->report.decision = 'S';
	return ERR_CORRUPT_LOG;
}

/* What an opening just before has read is of the same lap of the same file, or is dropped. */
static void keep_what_is_read(struct journal *journal)
{
	const struct recovery *recovery = &journal->recovery;
	uint64_t base = recovery->superblock.trim_place, file_size = journal->reader.file_size;
	if (journal->image && !ring_image_fits(journal->image, base, journal->ring_size, file_size, recovery->fingerprint)) {
		ring_image_free(journal->image);
		journal->image = NULL;
	}
	if (!journal->image)
		journal->image = ring_image_create(base, journal->ring_size, file_size, recovery->fingerprint);
	if (journal->options.is_read_only && journal->image)
		journal->direct_fd = io_file_open(journal->io, journal->options.path, IO_READ_ONLY | IO_DIRECT);
	if (journal->image)
		ring_image_expect(journal->image, recovery_reach(recovery));
	journal->reader.image = journal->image;
	journal->reader.direct_fd = journal->fd >= 0 ? journal->fd : journal->direct_fd >= 0 ? journal->direct_fd : journal->read_fd;
}

struct ring_image *journal_take_image(struct journal *journal)
{
	struct ring_image *image = journal->image;
	if (image)
		ring_image_settle(image);
	journal->image = journal->reader.image = NULL;
	return image;
}

static int recover(struct journal *journal)
{
	struct recovery *recovery = &journal->recovery;
	if (!recovery->report.was_created) {
		int err = recovery_read_superblocks(recovery, journal->io, journal->read_fd, incarnation_of(journal));
		if (err == 0)
			err = check_shard(journal);
		if (err < 0)
			return err;
	}
	int err = set_sizes(journal);
	if (err < 0)
		return err;
	ring_reader_init(&journal->reader, journal->io, journal->read_fd, journal->ring_size, journal->seed);
	if (recovery->report.cut_bytes)
		journal->reader.file_size = recovery->file_size;
	if (!recovery->report.was_created)
		keep_what_is_read(journal);
	err = journal__space_init(journal);
	if (err == 0 && !recovery->report.was_created)
		err = recovery_walk(recovery, &journal->reader, incarnation_of(journal), is_any_loss_accepted(journal), note_taken, journal);
	if (err == 0)
		go_on_behind_history(journal);
	return err;
}

/* Recovery reads what it needs more than once: what the catalog's mark is, which groups are history, their entries. So it keeps what it reads (ring_image.h);
 * and of a ring that is too large for that it reads through the page cache, though the journal itself writes around it: the second time costs no disk. */
static int open_for_reading(struct journal *journal)
{
	journal->read_fd = io_file_open(journal->io, journal->options.path, IO_READ_ONLY);
	return journal->read_fd < 0 ? journal->read_fd : 0;
}

static void close_for_reading(struct journal *journal)
{
	if (journal->image)
		ring_image_settle(journal->image);
	if (journal->read_fd >= 0)
		io_close_fd(journal->io, journal->read_fd);
	if (journal->direct_fd >= 0)
		io_close_fd(journal->io, journal->direct_fd);
	journal->read_fd = journal->direct_fd = -1;
}

static int open_file(struct journal *journal)
{
	if (journal->options.is_read_only)
		return open_for_reading(journal);
	int fd = io_file_open(journal->io, journal->options.path, IO_DIRECT);
	if (fd == -ENOENT)
		return create(journal);
	journal->fd = fd;
	return fd < 0 ? fd : open_for_reading(journal);
}

static int check_options(const struct journal_options *options)
{
	if (options->is_read_only)
		return 0;
	if (options->incarnation == 0 || options->groups_in_flight_max == 0 || options->groups_in_flight_max > RECOVERY_PLACES)
		return -EINVAL;
	if (options->size_bytes == 0 || options->size_bytes % SIZE_UNIT || options->size_bytes > (uint64_t)1 << 40)
		return -EINVAL;
	return options->group_size_bytes_max < 2 * JOURNAL_OVERHEAD || options->group_size_bytes_max > 1u << 30 ? -EINVAL : 0;
}

static int open_journal(struct journal *journal)
{
	int err = open_file(journal);
	if (err == 0)
		err = recover(journal);
	if (err == 0 && !journal->options.is_read_only)
		err = journal__groups_init(journal);
	if (err == 0 && !journal->options.is_read_only)
		err = repeats_init(&journal->repeats, journal->options.group_size_bytes_max, journal->options.chained_kinds);
	repeats_reset(&journal->repeats, journal->open_seq);
	if (err == 0 && !journal->options.is_read_only)
		err = journal__prewriter_init(journal);
	return err;
}

int journal_open(struct journal **out, struct io *io, const struct journal_options *options, struct journal_report *report)
{
	*report = (struct journal_report){0};
	int err = check_options(options);
	struct journal *journal = err < 0 ? NULL : calloc(1, sizeof *journal);
	if (!journal) {
		ring_image_free(options->image);
		return err < 0 ? err : -ENOMEM;
	}
	journal->io = io;
	journal->options = *options;
	journal->options.path = strdup(options->path);
	journal->image = options->image;
	journal->fd = journal->read_fd = journal->direct_fd = -1;
	err = journal->options.path ? open_journal(journal) : -ENOMEM;
	*report = journal->recovery.report;
	if (err < 0) {
		journal_close(journal);
		return err;
	}
	*out = journal;
	return 0;
}

int64_t journal_size_of(struct io *io, const char *path)
{
	struct recovery recovery;
	int fd = io_file_open(io, path, IO_READ_ONLY);
	if (fd < 0)
		return fd;
	int err = recovery_read_superblocks(&recovery, io, fd, UINT64_MAX);
	int64_t size = err == 0 ? (int64_t)recovery.superblock.file_size_bytes : io_file_size(io, fd);
	io_close_fd(io, fd);
	return size;
}

/* The words of the tables, and of the one decision that is in neither. */
const char *journal_why(const struct journal_report *report)
{
	return report->decision == 'S' ? "it is the journal of another shard" : recovery_meaning(report->decision);
}

/* ---- replay ------------------------------------------------------------------------------------------------------ */

/* In a replay everything is noted: the first group of this opening repeats what was before it. */
static int hand_out_repeats(struct journal *journal, uint64_t seq, struct slice repeats, journal_replay_fn *replay, void *context)
{
	struct journal_entry entry;
	struct slice payload;
	int result = 0;
	for (size_t position = 0; result == 0 && group_entry_next(repeats, &position, &entry, &payload);) {
		if (payload.size)
			return ERR_CORRUPT_LOG;
		entry.is_repeat = true;
		if (!repeats_has_later(&journal->repeats, &entry, seq)) /* a superblock may be older than the last groups */
			repeats_note(&journal->repeats, &entry);
		result = replay(context, seq, true, &entry, payload);
	}
	return result;
}

static int replay_repeats(struct journal *journal, const struct found_group *group, journal_replay_fn *replay, void *context)
{
	struct slice repeats;
	journal->replayed_incarnation = group->header.incarnation;
	if (!group_repeats(&group->header, journal->seed, group->bytes, &repeats))
		return 0;
	return hand_out_repeats(journal, group->header.seq, repeats, replay, context);
}

static int replay_group(struct journal *journal, const struct found_group *group, journal_replay_fn *replay, void *context)
{
	bool is_vouched = group->header.seq <= journal->recovery.vouched_seq;
	struct slice body = {group->bytes + GROUP_HEADER_SIZE, group->header.body_size_bytes};
	size_t position = 0;
	journal->replayed_incarnation = group->header.incarnation;
	for (uint32_t i = 0; i < group->header.entry_count; i++) {
		struct journal_entry entry;
		struct slice payload;
		if (!group_entry_next(body, &position, &entry, &payload))
			return ERR_CORRUPT_LOG;
		entry.group_time_ms = group->header.time_ms;
		repeats_note(&journal->repeats, &entry);
		if (group->state == GROUP_DAMAGED && !group_payload_is_whole(&entry, payload))
			payload = (struct slice){NULL, 0};
		int result = replay(context, group->header.seq, is_vouched, &entry, payload);
		if (result != 0)
			return result;
	}
	return 0;
}

/* Reads a run again. What open found whole and is not whole now is a disk that answers differently each
 * time: no history. */
static int replay_run(struct journal *journal, const struct recovery_run *run, journal_replay_fn *replay, void *context)
{
	uint64_t place_end = journal->recovery.superblock.trim_place + journal->ring_size;
	struct recovery_cursor cursor = {.place = run->place};
	uint64_t missing_from = run->missing_from;
	for (uint64_t i = 0; i < run->group_count; i++) {
		struct found_group group;
		int found = i == 0 ? ring_read_group(&journal->reader, run->place, &group)
				   : recovery_find_next(&journal->recovery.superblock, &journal->reader, &cursor, place_end, &group);
		if (found < 0)
			return found;
		bool is_known_damage = found && group.state == GROUP_DAMAGED && group.header.seq <= journal->recovery.vouched_seq;
		bool is_whole = group.state == GROUP_WHOLE || is_known_damage || run->are_repeats_alone;
		if (!found || !is_whole || group.header.seq != run->seq + i)
			return ERR_CORRUPT_LOG;
		recovery_advance(&cursor, &group.header);
		repeats_begin(&journal->repeats, group.header.seq);
		int result = missing_from || journal->options.shows_all_repeats ? replay_repeats(journal, &group, replay, context) : 0;
		if (result == 0 && !run->are_repeats_alone)
			result = replay_group(journal, &group, replay, context);
		if (result != 0)
			return result;
		if (group.are_repeats_whole && group.header.told_from <= missing_from)
			missing_from = 0;
		if (journal->image)
			ring_image_pass(journal->image, cursor.place);
	}
	return 0;
}

int journal_replay(struct journal *journal, journal_replay_fn *replay, void *context)
{
	CHECK(!journal->is_started);
	const struct recovery *recovery = &journal->recovery;
	const struct superblock *superblock = &recovery->superblock;
	int result = 0;
	repeats_reset(&journal->repeats, journal->open_seq);
	if (journal->image)
		ring_image_pass(journal->image, 0);
	for (uint32_t i = 0; result == 0 && i < recovery->run_count; i++)
		result = replay_run(journal, &recovery->runs[i], replay, context);
	if (result == 0 && recovery->must_ask_superblock) {
		struct slice repeats = {superblock->repeats, (size_t)superblock->repeat_count * GROUP_ENTRY_SIZE};
		repeats_begin(&journal->repeats, journal->durable_seq);
		journal->replayed_incarnation = superblock->incarnation;
		result = hand_out_repeats(journal, superblock->durable_seq, repeats, replay, context);
	}
	if (result == 0) /* what a lost group held is known, or was given up */
		journal->repeats.known_from = recovery->report.untold_to ? recovery->report.untold_to + 1 : 0;
	return result;
}

bool journal_give_memory(void *journal, void *to, size_t size)
{
	struct ring_image *image = ((struct journal *)journal)->image;
	return image && ring_image_give(image, to, size);
}

uint64_t journal_replayed_incarnation(const struct journal *journal) { return journal->replayed_incarnation; }

/* ---- start -------------------------------------------------------------------------------------------------------- */

/* Zeros: nothing of what was there comes back. */
static int put_back_what_was_cut(struct journal *journal)
{
	uint64_t cut = journal->recovery.report.cut_bytes, size = journal->size_bytes;
	if (!cut)
		return 0;
	int err = io_file_truncate(journal->io, journal->fd, size);
	if (err == 0)
		err = io_file_allocate(journal->io, journal->fd, size - cut, cut, true);
	return err == -EOPNOTSUPP ? 0 : err;
}

static int write_again(struct journal *journal, uint64_t seq)
{
	struct found_group group;
	int found = ring_read_group(&journal->reader, journal->recovery.last_places[seq % RECOVERY_PLACES], &group);
	if (found < 0)
		return found;
	if (!found || group.header.seq != seq || group.state != GROUP_WHOLE)
		return ERR_CORRUPT_LOG; /* a disk that answers differently each time */
	size_t size = group.header.length;
	uint8_t *blocks = aligned_alloc(JOURNAL_BLOCK_SIZE, size);
	if (!blocks)
		return -ENOMEM;
	memcpy(blocks, group.bytes, size);
	int64_t written = io_file_write(journal->io, journal->fd, blocks, size, JOURNAL_RING_POSITION + group.header.place % journal->ring_size);
	free(blocks);
	return written < 0 ? (int)written : written == (int64_t)size ? 0 : -EIO;
}

/* One between damage that is vouched for and a later group may be none of the history. */
static bool is_taken(const struct recovery *recovery, uint64_t seq)
{
	for (uint32_t i = 0; i < recovery->run_count; i++)
		if (!recovery->runs[i].are_repeats_alone && seq >= recovery->runs[i].seq && seq - recovery->runs[i].seq < recovery->runs[i].group_count)
			return true;
	return false;
}

/* They may be of several openings; as many may have been in flight. */
static uint64_t first_unvouched(const struct recovery *recovery)
{
	uint64_t last = recovery->report.last_seq, first = recovery->vouched_seq + 1;
	first = first < recovery->report.first_seq ? recovery->report.first_seq : first;
	return first + RECOVERY_PLACES <= last ? last - RECOVERY_PLACES + 1 : first;
}

/* Groups that nobody vouches for count as durable from the start on. They may have been read from a cache that has them alone, after a kill, and that the sync
 * of an earlier start has failed to empty: what it could not write is never written any more, though the next sync succeeds. So they are written again. */
static int write_unvouched_again(struct journal *journal)
{
	const struct recovery *recovery = &journal->recovery;
	int err = 0;
	if (recovery->report.groups == 0)
		return 0;
	for (uint64_t seq = first_unvouched(recovery); err == 0 && seq <= recovery->report.last_seq; seq++)
		err = is_taken(recovery, seq) ? write_again(journal, seq) : 0;
	return err;
}

static int show_group(const struct found_group *group, journal_replay_fn *show, void *context)
{
	struct slice body = {group->bytes + GROUP_HEADER_SIZE, group->header.body_size_bytes}, payload;
	struct journal_entry entry;
	int result = 0;
	size_t position = 0;
	for (uint32_t i = 0; result == 0 && i < group->header.entry_count && group_entry_next(body, &position, &entry, &payload); i++)
		result = show(context, group->header.seq, false, &entry, payload);
	return result;
}

int journal_show_unvouched(struct journal *journal, journal_replay_fn *show, void *context)
{
	const struct recovery *recovery = &journal->recovery;
	int result = 0;
	for (uint64_t seq = first_unvouched(recovery); result == 0 && recovery->report.groups > 0 && seq <= recovery->report.last_seq; seq++) {
		struct found_group group;
		int found = is_taken(recovery, seq) ? ring_read_group(&journal->reader, recovery->last_places[seq % RECOVERY_PLACES], &group) : 0;
		if (found < 0)
			return found;
		if (found && group.header.seq == seq && group.state == GROUP_WHOLE)
			result = show_group(&group, show, context);
	}
	return result;
}

int journal_keep_history(struct journal *journal)
{
	CHECK(!journal->is_started && !journal->options.is_read_only);
	if (journal->is_unnamed) /* it has none */
		return 0;
	int err = write_unvouched_again(journal);
	return err == 0 ? io_file_sync(journal->io, journal->fd) : err;
}

/* What was read may come from a cache, if a process was killed: groups that nobody vouches for, which count as durable from here on, and the
 * superblock itself, several sectors of it. This sync makes both so before the other superblock is written over: else a power cut could tear
 * the two of them. */
static int make_history_durable(struct journal *journal)
{
	int err = put_back_what_was_cut(journal);
	return err == 0 ? journal_keep_history(journal) : err;
}

/* Into both slots: where this opening began is known then even if one of them is lost. */
static int note_opening(struct journal *journal)
{
	int err = journal->is_unnamed ? 0 : make_history_durable(journal);
	superblock_add_opening(&journal->superblock.last, journal->options.incarnation, journal->durable_seq);
	if (journal->is_unnamed)
		return publish_first(journal);
	for (uint32_t i = 0; err == 0 && i < JOURNAL_SUPERBLOCKS; i++)
		err = journal__write_superblock_now(journal);
	return err;
}

int journal_start(struct journal *journal)
{
	CHECK(!journal->is_started && !journal->options.is_read_only);
	journal__apply_trim(journal);
	repeats_begin(&journal->repeats, journal->open_seq);
	int err = note_opening(journal);
	if (err < 0) {
		journal->err = err;
		return err;
	}
	ring_reader_fini(&journal->reader);
	ring_image_free(journal_take_image(journal));
	close_for_reading(journal);
	recovery_fini(&journal->recovery);
	journal->is_started = true;
	journal__open_group(journal);
	journal__prewriter_start(journal);
	return 0;
}

/* ---- the end ------------------------------------------------------------------------------------------------------- */

void journal_quiesce(struct journal *journal)
{
	journal->is_quiet = true;
	journal__prewriter_stop(journal);
	journal__space_stop(journal);
}

static int write_seal(struct journal *journal)
{
	if (!journal__has_room(journal, JOURNAL_BLOCK_SIZE, 0))
		return -ENOSPC;
	struct group_slot *slot = journal->open;
	journal__finish_group(journal, GROUP_IS_SEAL);
	uint64_t position = JOURNAL_RING_POSITION + slot->header.place % journal->ring_size;
	int64_t written = io_file_write(journal->io, journal->fd, slot->buffer, slot->header.length, position);
	if (written != (int64_t)slot->header.length)
		return written < 0 ? (int)written : -EIO;
	return io_file_sync(journal->io, journal->fd);
}

int journal_seal(struct journal *journal)
{
	CHECK(journal->is_started && !journal->is_sealed && journal_is_idle(journal) && journal__open_is_empty(journal));
	if (journal->err)
		return journal->err;
	journal_quiesce(journal);
	int err = journal__write_superblock_now(journal);
	if (err == 0)
		err = write_seal(journal);
	journal->err = err;
	journal->is_sealed = true;
	return err;
}

void journal_close(struct journal *journal)
{
	if (journal->is_started) {
		journal_quiesce(journal);
		io_timer_cancel(journal->io, &journal->release_timer);
	}
	close_for_reading(journal);
	if (journal->fd >= 0)
		io_close_fd(journal->io, journal->fd);
	journal__groups_fini(journal);
	repeats_fini(&journal->repeats);
	journal__prewriter_fini(journal);
	journal__space_fini(journal);
	ring_reader_fini(&journal->reader);
	ring_image_free(journal->image);
	recovery_fini(&journal->recovery);
	free((char *)journal->options.path);
	free(journal);
}

/* ---- queries ------------------------------------------------------------------------------------------------------- */

uint64_t journal_size_bytes(const struct journal *journal) { return journal->size_bytes; }
uint64_t journal_open_seq(const struct journal *journal) { return journal->open_seq; }
uint64_t journal_durable_seq(const struct journal *journal) { return journal->durable_seq; }
bool journal_has_failed(const struct journal *journal) { return journal->err != 0; }

int journal_check_name(const struct journal *journal, const char *path)
{
	return io_file_check_name(journal->io, journal->fd, path);
}

bool journal_is_idle(const struct journal *journal)
{
	return !journal_is_writing(journal) && (journal->err || journal->in_flight_count == 0);
}

bool journal_is_writing(const struct journal *journal)
{
	return journal->ops_in_flight > 0 || journal->superblock.is_writing || journal->prewriter.state == PREWRITE_WRITING;
}
