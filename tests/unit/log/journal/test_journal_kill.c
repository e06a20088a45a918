/* A process is killed while a superblock is on its way, and the power fails during the next start. What a journal has written when it is idle, stopped or full is
 * looked at as well. */
#include "tests/unit/log/journal/rig.h"

#include <errno.h>

#include "log/io/sim.h"

#define PATH "/journal"
#define SIZE ((uint64_t)1 << 20)
#define GROUP (64u << 10)
#define ENTRIES 30
#define ITEMS_MAX 64
#define SAMPLES 200

static void open_on(struct rig *rig, struct sim_disk *disk, uint64_t incarnation)
{
	struct io_options options = {.backend = IO_SIM, .seed = incarnation, .disk = disk};
	*rig = (struct rig){.next_value = 0};
	cr_assert_eq(io_open(&rig->io, &options), 0);
	rig->options = rig_options(rig, PATH, SIZE, GROUP, 1);
	rig->options.incarnation = incarnation;
	int err = journal_open(&rig->journal, rig->io, &rig->options, &rig->report);
	cr_assert_eq(err, 0, "row %c", rig->report.decision);
}

static void close_now(struct rig *rig)
{
	journal_close(rig->journal);
	io_close(rig->io);
}

/* A group of so many partitions that a superblock, which tells of it, fills several sectors; another superblock is being written when the process ends. */
static void live_and_be_killed(struct sim_disk *disk)
{
	static struct rig rig;
	open_on(&rig, disk, 1);
	rig_replay(&rig);
	cr_assert_eq(journal_start(rig.journal), 0);
	for (int i = 0; i < ENTRIES; i++)
		cr_assert(rig_add(&rig, 10));
	journal_commit(rig.journal);
	rig_settle(&rig);
	journal__write_superblock(rig.journal);
	io_flush(rig.io);
	sim_disk_kill(disk);
	close_now(&rig);
}

struct watch {
	struct sim_disk *disk;
	uint64_t random, crashes;
};

static void judge(struct watch *watch, const struct sim_crash *look, const uint32_t *outcomes)
{
	static struct rig rig;
	struct sim_disk *crashed = sim_crash_make(look, outcomes);
	open_on(&rig, crashed, 3);
	struct replayed replayed = rig_replay(&rig);
	cr_expect_eq(replayed.next_value, ENTRIES, "what was durable before the kill is there");
	close_now(&rig);
	sim_disk_close(crashed);
	watch->crashes++;
}

static void crash_here(void *context)
{
	struct watch *watch = context;
	uint32_t outcomes[ITEMS_MAX];
	struct sim_crash *look = sim_crash_look(watch->disk);
	uint32_t items = sim_crash_items(look);
	cr_assert_leq(items, ITEMS_MAX);
	for (int sample = 0; sample < SAMPLES && (items || !sample); sample++) {
		for (uint32_t i = 0; i < items; i++)
			outcomes[i] = (uint32_t)(sim_random(&watch->random) % sim_crash_outcomes(look, i));
		judge(watch, look, outcomes);
	}
	sim_crash_close(look);
}

/* The superblock that the start reads may be in a cache alone. It must not write over the other one before it is durable: else one power cut tears both, and
 * no start is possible any more. (Found by tests/crash/worlds: idempotent-large, retry, kill.) */
Test(journal_kill, superblocks, .timeout = 60)
{
	static struct rig rig;
	struct watch watch = {.disk = sim_disk_open(1), .random = 7};
	live_and_be_killed(watch.disk);
	sim_disk_on_io(watch.disk, crash_here, &watch);
	open_on(&rig, watch.disk, 2);
	rig_replay(&rig);
	cr_assert_eq(journal_start(rig.journal), 0);
	sim_disk_on_io(watch.disk, NULL, NULL);
	close_now(&rig);
	cr_expect_gt(watch.crashes, 5 * SAMPLES);
	sim_disk_close(watch.disk);
}

static void start_anew(struct rig *rig, struct sim_disk *disk)
{
	open_on(rig, disk, 1);
	rig_replay(rig);
	cr_assert_eq(journal_start(rig->journal), 0);
}

/* A superblock that could not be written gives no room back, and says nothing durable: the journal has failed, as for a group. */
Test(journal_kill, a_superblock_that_is_not_written)
{
	static struct rig rig;
	struct sim_disk *disk = sim_disk_open(1);
	start_anew(&rig, disk);
	cr_assert(rig_add(&rig, 10));
	journal_commit(rig.journal);
	rig_settle(&rig);
	cr_assert_not(journal_has_failed(rig.journal));
	sim_disk_fail_kinds(disk, SIM_WRITE, 1, EIO, true);
	journal__write_superblock(rig.journal);
	while (rig.journal->superblock.is_writing)
		cr_assert_geq(io_turn(rig.io, true), 0);
	cr_expect(journal_has_failed(rig.journal));
	close_now(&rig);
	sim_disk_close(disk);
}

/* After a kill the last group is in the cache alone. A start whose sync fails has lost it there, though the next one still reads it, and its sync succeeds: what
 * that one replays must be there after a power cut nonetheless. (Found by tests/crash/faults: seed 6189.) */
static void fail_a_start(uint64_t seed)
{
	static struct rig rig;
	struct sim_disk *disk = sim_disk_open(seed);
	start_anew(&rig, disk);
	cr_assert(rig_add(&rig, 5000));
	journal_commit(rig.journal);
	io_flush(rig.io);
	sim_disk_kill(disk);
	close_now(&rig);

	open_on(&rig, disk, 2);
	cr_assert_eq(rig_replay(&rig).next_value, 1, "the kill was late enough for its write");
	sim_disk_fail_kinds(disk, SIM_SYNC, 1, EIO, false);
	cr_assert_eq(journal_start(rig.journal), -EIO);
	close_now(&rig);

	open_on(&rig, disk, 3);
	cr_assert_eq(rig_replay(&rig).next_value, 1);
	cr_assert_eq(journal_start(rig.journal), 0);
	sim_disk_crash(disk);
	close_now(&rig);

	open_on(&rig, disk, 4);
	cr_expect_eq(rig.report.damaged_groups, 0, "row %c, seed %lu", rig.report.decision, (unsigned long)seed);
	cr_expect_eq(rig_replay(&rig).next_value, 1, "what the third start had is there, seed %lu", (unsigned long)seed);
	close_now(&rig);
	sim_disk_close(disk);
}

Test(journal_kill, what_a_failed_start_left_in_the_cache)
{
	for (uint64_t seed = 1; seed <= 20; seed++)
		fail_a_start(seed);
}

static void wait_until_idle(struct rig *rig)
{
	while (rig->journal->idle_timer_is_set || rig->journal->prewriter.state != PREWRITE_OFF || !journal_is_idle(rig->journal))
		cr_assert_geq(io_turn(rig->io, true), 0);
}

/* Each time that it has become idle, though nothing else asks for a superblock any more. */
Test(journal_kill, one_that_is_idle_vouches_for_its_last_group)
{
	static struct rig rig;
	struct sim_disk *disk = sim_disk_open(1);
	start_anew(&rig, disk);
	for (uint64_t seq = 1; seq <= 3; seq++) {
		cr_assert(rig_add(&rig, 10));
		journal_commit(rig.journal);
		wait_until_idle(&rig);
		cr_expect_eq(rig.journal->superblock.last.durable_seq, seq);
	}
	close_now(&rig);
	sim_disk_close(disk);
}

/* A stop that has ended is one, though the power fails at once; and a journal that takes no more entries can be stopped still. */
Test(journal_kill, a_stop_is_durable)
{
	for (int is_full = 0; is_full < 2; is_full++) {
		for (uint64_t seed = 1; seed <= (is_full ? 2 : 20); seed++) {
			static struct rig rig;
			struct sim_disk *disk = sim_disk_open(seed);
			start_anew(&rig, disk);
			wait_until_idle(&rig);
			bool has_room = rig_add(&rig, 3000);
			cr_assert(has_room);
			while (is_full && has_room) {
				journal_commit(rig.journal);
				rig_settle(&rig);
				has_room = rig_add(&rig, 3000);
			}
			if (has_room)
				journal_commit(rig.journal);
			rig_settle(&rig);
			cr_assert_eq(journal_seal(rig.journal), 0);
			sim_disk_crash(disk);
			close_now(&rig);
			open_on(&rig, disk, 2);
			cr_expect(rig.report.was_clean, "seed %lu", (unsigned long)seed);
			close_now(&rig);
			sim_disk_close(disk);
		}
	}
}

/* A group ends within a block, and what lies behind it there is nothing of an older group's. */
Test(journal_kill, behind_a_group_are_zeros)
{
	static struct rig rig;
	static uint8_t block[JOURNAL_BLOCK_SIZE];
	struct sim_disk *disk = sim_disk_open(1);
	start_anew(&rig, disk);
	uint64_t place = 0;
	for (int i = 0; i < 6; i++) {
		struct group_header header;
		cr_assert(rig_add(&rig, i % 4 < 2 ? 3500 : 10));
		journal_commit(rig.journal);
		rig_settle(&rig);
		cr_assert_eq(sim_disk_peek(disk, PATH, block, sizeof block, JOURNAL_RING_POSITION + place), (int64_t)sizeof block);
		cr_assert(group_header_decode(&header, rig.report.seed ? rig.report.seed : rig.journal->superblock.last.seed, sizeof block, block));
		for (size_t at = GROUP_HEADER_SIZE + header.body_size_bytes + header.repeat_count * GROUP_ENTRY_SIZE; at < sizeof block; at++)
			cr_assert_eq(block[at], 0, "group %d, byte %zu", i, at);
		place += header.length;
	}
	close_now(&rig);
	sim_disk_close(disk);
}

/* The disk as it is when the power fails now and nothing comes through that was not synced. */
static struct sim_disk *lose_all(struct sim_disk *disk)
{
	static const uint32_t nothing[ITEMS_MAX];
	struct sim_crash *look = sim_crash_look(disk);
	cr_assert_leq(sim_crash_items(look), ITEMS_MAX);
	struct sim_disk *left = sim_crash_make(look, nothing);
	sim_crash_close(look);
	return left;
}

/* False: the k-th I/O was not needed. */
static bool make_with_failure(uint64_t k, bool is_first)
{
	static struct rig rig;
	struct sim_disk *disk = sim_disk_open(k);
	struct io_options options = {.backend = IO_SIM, .seed = 1, .disk = disk};
	rig = (struct rig){.next_value = 0};
	cr_assert_eq(io_open(&rig.io, &options), 0);
	rig.options = rig_options(&rig, PATH, SIZE, GROUP, 1);
	rig.options.is_first = is_first;
	sim_disk_fail(disk, k, EIO);
	int err = journal_open(&rig.journal, rig.io, &rig.options, &rig.report);
	bool is_open = !err;
	struct sim_disk *unstarted = lose_all(disk);
	if (is_open) {
		rig_replay(&rig);
		err = journal_start(rig.journal);
	}
	bool has_struck = sim_disk_fail_count(disk) > 0;
	sim_disk_fail(disk, 0, EIO);
	struct sim_disk *left = lose_all(disk);
	if (is_open)
		journal_close(rig.journal);
	io_close(rig.io);
	sim_disk_close(disk);
	open_on(&rig, left, 2);
	cr_expect(err || !rig.report.was_created, "I/O %lu: it had started, and is gone", (unsigned long)k);
	close_now(&rig);
	sim_disk_close(left);
	open_on(&rig, unstarted, 2); /* the store had its reasons not to start it */
	close_now(&rig);
	sim_disk_close(unstarted);
	return has_struck;
}

/* A new one whose making fails somewhere is none, and is made anew by the next start; one that has started is there, whatever failed, and the power behind it. */
Test(journal_kill, a_new_one_that_cannot_be_made)
{
	for (int is_first = 0; is_first < 2; is_first++) {
		uint64_t k = 1;
		while (make_with_failure(k, is_first))
			k++;
		cr_expect_gt(k, 8u);
	}
}
