/* Journals of several lives and laps lose both superblocks: what an opening would have read before is read after their groups were found again, and nothing
 * that is damaged or a gap. */
#include "log/journal/journal_salvage.h"

#include "log/io/sim.h"
#include "tests/unit/log/journal/rig.h"

#define PATH "/journal"
#define SIZE ((uint64_t)1 << 20)
#define GROUP (64u << 10)
#define SHARD_PLUS_ONE 1u
#define GENERATION 9u

static void open_on(struct rig *rig, struct sim_disk *disk, uint64_t incarnation)
{
	struct io_options options = {.backend = IO_SIM, .seed = incarnation, .disk = disk};
	uint64_t next_value = rig->next_value;
	memset(rig, 0, sizeof *rig);
	rig->next_value = next_value;
	cr_assert_eq(io_open(&rig->io, &options), 0);
	rig->options = rig_options(rig, PATH, SIZE, GROUP, 1);
	rig->options.incarnation = incarnation;
	rig->options.shard_plus_one = SHARD_PLUS_ONE;
	int err = journal_open(&rig->journal, rig->io, &rig->options, &rig->report);
	cr_assert_eq(err, 0, "row %c", rig->report.decision);
}

static void close_now(struct rig *rig)
{
	journal_close(rig->journal);
	io_close(rig->io);
}

/* One life: groups of random sizes, of which all but the last few are trimmed now and then; killed in the end, or sealed. */
static void live(struct rig *rig, struct sim_disk *disk, uint64_t incarnation, uint64_t *random, int groups, bool is_sealed)
{
	open_on(rig, disk, incarnation);
	rig_replay(rig);
	cr_assert_eq(journal_start(rig->journal), 0);
	for (int i = 0; i < groups; i++) {
		uint64_t entries = 1 + sim_random(random) % 4;
		for (uint64_t k = 0; k < entries; k++)
			(void)!rig_add(rig, sim_random(random) % 9000);
		if (journal_can_commit(rig->journal))
			journal_commit(rig->journal);
		rig_settle(rig);
		if (i % 8 == 7 && journal_durable_seq(rig->journal) > 5) {
			journal_trim(rig->journal, journal_durable_seq(rig->journal) - 5);
			rig_settle(rig);
		}
	}
	if (is_sealed) {
		if (journal_durable_seq(rig->journal) > 5)
			journal_trim(rig->journal, journal_durable_seq(rig->journal) - 2);
		for (int turns = 0; turns < 20; turns++) /* the room comes back in the background */
			cr_assert_geq(io_turn(rig->io, true), 0);
		journal_quiesce(rig->journal);
		rig_settle(rig);
		int err = journal_seal(rig->journal);
		cr_assert_eq(err, 0, "%d, used %lu", err, (unsigned long)journal_used_bytes(rig->journal));
	} else {
		sim_disk_kill(disk);
	}
	close_now(rig);
}

static struct replayed look(struct rig *rig, struct sim_disk *disk, struct journal_report *report)
{
	open_on(rig, disk, 1000);
	struct replayed replayed = rig_replay(rig);
	*report = rig->report;
	close_now(rig);
	return replayed;
}

static void lose_superblocks(struct sim_disk *disk)
{
	cr_assert_eq(sim_disk_corrupt(disk, PATH, 50, 100), 0);
	cr_assert_eq(sim_disk_corrupt(disk, PATH, JOURNAL_BLOCK_SIZE + 50, 100), 0);
}

static int salvage(struct sim_disk *disk, uint64_t seed, bool is_dry_run, struct journal_salvage *found)
{
	struct io *io;
	cr_assert_eq(io_open(&io, &(struct io_options){.backend = IO_SIM, .disk = disk, .seed = 1}), 0);
	int err = journal_salvage(io, PATH, seed, SHARD_PLUS_ONE, GENERATION, is_dry_run, found);
	io_close(io);
	return err;
}

/* Lives of few and of many groups (a lap and more), killed and sealed in turn. */
Test(journal_salvage, finds_what_was_there, .timeout = 60)
{
	static struct rig rig;
	for (uint64_t seed = 1; seed <= 40; seed++) {
		uint64_t random = seed;
		struct sim_disk *disk = sim_disk_open(seed);
		struct journal_report before, after;
		struct journal_salvage found;
		int lives = 1 + (int)(seed % 3);
		rig.next_value = 0;
		for (int i = 0; i < lives; i++)
			live(&rig, disk, (uint64_t)i + 1, &random, 1 + (int)(sim_random(&random) % 200), (seed + (uint64_t)i) % 4 == 0);
		uint64_t end = rig.next_value;
		struct replayed was = look(&rig, disk, &before);
		cr_expect_eq(was.next_value, end);
		lose_superblocks(disk);
		cr_expect_eq(salvage(disk, before.seed, true, &found), 0);
		cr_expect_eq(salvage(disk, seed % 2 ? before.seed : 0, false, &found), 0);
		struct replayed is = look(&rig, disk, &after);
		cr_expect_leq(is.first_value, was.first_value, "seed %lu", (unsigned long)seed);
		cr_expect_eq(is.next_value, end, "seed %lu", (unsigned long)seed);
		cr_expect_eq(is.gaps, 0);
		cr_expect_eq(after.damaged_groups, 0, "seed %lu: %lu damaged", (unsigned long)seed, (unsigned long)after.damaged_groups);
		cr_expect_eq(after.was_clean, before.was_clean, "seed %lu", (unsigned long)seed);
		cr_expect_eq(after.checkpoint, GENERATION);
		cr_expect_eq(found.last_seq, after.last_seq);
		live(&rig, disk, 200, &random, 20, true); /* and it goes on */
		cr_expect_eq(look(&rig, disk, &after).gaps, 0);
		sim_disk_close(disk);
	}
}

/* With a group missing in the middle it begins before the gap, and recovery names it. */
Test(journal_salvage, goes_on_over_a_gap, .timeout = 60)
{
	static struct rig rig;
	uint64_t random = 3;
	struct sim_disk *disk = sim_disk_open(1);
	struct journal_report before, after;
	struct journal_salvage found;
	rig.next_value = 0;
	open_on(&rig, disk, 1);
	rig_replay(&rig);
	cr_assert_eq(journal_start(rig.journal), 0);
	for (int i = 0; i < 6; i++) {
		cr_assert(rig_add(&rig, 100 + sim_random(&random) % 100));
		journal_commit(rig.journal);
		rig_settle(&rig);
	}
	close_now(&rig);
	look(&rig, disk, &before);
	lose_superblocks(disk);
	cr_assert_eq(sim_disk_corrupt(disk, PATH, JOURNAL_RING_POSITION + 2 * JOURNAL_BLOCK_SIZE + 30, 4), 0);
	cr_assert_eq(salvage(disk, before.seed, false, &found), 0);
	cr_expect_eq(found.groups, 5);
	cr_expect_eq(found.first_seq, 1);
	struct replayed is = look(&rig, disk, &after);
	cr_expect_eq(is.next_value, 6);
	cr_expect_eq(is.gaps, 1);
	cr_expect_eq(after.damaged_groups, 1);
	sim_disk_close(disk);
}

/* ---- groups put there by hand ---------------------------------------------------------------------------------------- */

#define SEED 0x1234u

struct tape {
	struct io *io;
	struct sim_disk *disk;
	int fd;
};

/* One block, one entry without a payload, whose offset is the group's seq; the chain comes out. */
static uint64_t put(struct tape *tape, uint64_t block, uint64_t incarnation, uint64_t seq, uint64_t durable_seq, uint64_t chain)
{
	uint8_t bytes[JOURNAL_BLOCK_SIZE] = {0};
	struct journal_entry entry = entry_of(seq, (struct slice){NULL, 0});
	struct group_header header = {.length = JOURNAL_BLOCK_SIZE, .entry_count = 1, .body_size_bytes = GROUP_ENTRY_SIZE, .incarnation = incarnation, .seq = seq,
				      .place = block * JOURNAL_BLOCK_SIZE, .durable_seq = durable_seq, .chain = chain};
	header.body_checksum = group_entry_encode(&entry, 0, group_body_checksum_start(SEED), bytes + GROUP_HEADER_SIZE);
	group_header_encode(&header, SEED, bytes);
	cr_assert_eq(io_file_write(tape->io, tape->fd, bytes, sizeof bytes, JOURNAL_RING_POSITION + block * JOURNAL_BLOCK_SIZE), sizeof bytes);
	return header.checksum;
}

static void tape_open(struct tape *tape)
{
	tape->disk = sim_disk_open(1);
	cr_assert_eq(io_open(&tape->io, &(struct io_options){.backend = IO_SIM, .disk = tape->disk, .seed = 1}), 0);
	tape->fd = io_file_open(tape->io, PATH, IO_CREATE);
	cr_assert_eq(io_file_truncate(tape->io, tape->fd, SIZE), 0);
}

static struct replayed tape_salvage(struct tape *tape, struct journal_report *report)
{
	static struct rig rig;
	struct journal_salvage found;
	cr_assert_eq(io_file_sync(tape->io, tape->fd), 0);
	io_close_fd(tape->io, tape->fd);
	io_close(tape->io);
	cr_assert_eq(salvage(tape->disk, 0, false, &found), 0);
	struct replayed replayed = look(&rig, tape->disk, report);
	sim_disk_close(tape->disk);
	return replayed;
}

/* A future that a later opening has cut off has larger seqs than the history, and stays cut off. */
Test(journal_salvage, the_latest_opening_counts)
{
	struct tape tape;
	struct journal_report report;
	tape_open(&tape);
	uint64_t one = put(&tape, 0, 5, 1, 0, 0), two = put(&tape, 1, 5, 2, 1, one);
	put(&tape, 4, 5, 5, 2, put(&tape, 3, 5, 4, 2, 77));
	put(&tape, 2, 6, 3, 2, two);
	struct replayed is = tape_salvage(&tape, &report);
	cr_expect_eq(is.entries, 3);
	cr_expect_eq(is.next_value, 4);
	cr_expect_eq(report.damaged_groups, 0);
}

/* The first group of a later opening has rotted; before its next one lies one that it has cut off. */
Test(journal_salvage, what_was_cut_off_stays_so)
{
	struct tape tape;
	struct journal_report report;
	tape_open(&tape);
	uint64_t one = put(&tape, 0, 5, 1, 0, 0);
	put(&tape, 1, 5, 2, 1, one);
	put(&tape, 4, 5, 5, 4, 77);
	put(&tape, 5, 6, 4, 3, 88);
	struct replayed is = tape_salvage(&tape, &report);
	cr_expect_eq(is.entries, 3);
	cr_expect_eq(is.next_value, 5);
	cr_expect_eq(report.last_seq, 4);
	cr_expect_eq(report.damaged_groups, 1);
}

/* A superblock that is whole is never written over; another file's seed finds nothing; a dry run changes nothing. */
Test(journal_salvage, refuses)
{
	static struct rig rig;
	uint64_t random = 5;
	struct sim_disk *disk = sim_disk_open(1);
	struct journal_report before;
	struct journal_salvage found;
	rig.next_value = 0;
	live(&rig, disk, 1, &random, 10, false);
	look(&rig, disk, &before);
	cr_expect_eq(salvage(disk, before.seed, false, &found), ERR_FORMAT);
	cr_assert_eq(sim_disk_corrupt(disk, PATH, 50, 100), 0);
	cr_expect_eq(salvage(disk, before.seed, false, &found), ERR_FORMAT);
	cr_assert_eq(sim_disk_corrupt(disk, PATH, JOURNAL_BLOCK_SIZE + 50, 100), 0);
	cr_expect_eq(salvage(disk, before.seed + 1, false, &found), ERR_CORRUPT_LOG);
	cr_expect_eq(salvage(disk, before.seed, true, &found), 0);
	cr_expect_eq(salvage(disk, before.seed, true, &found), 0, "a dry run has written");
	sim_disk_close(disk);
}
