/* How far groups may reach (log/journal/journal_space.c), on the simulated disk: there the same load takes the same time on every machine, and how far they reach follows both. */
#include "tests/unit/log/journal/rig.h"

#include "log/io/sim.h"

#define MIB ((uint64_t)1 << 20)
#define PATH "/journal"

static struct rig rig;
static struct sim_disk *disk;

static void open_rig(void)
{
	disk = sim_disk_open(1);
	cr_assert_eq(io_open(&rig.io, &(struct io_options){.backend = IO_SIM, .seed = 1, .disk = disk}), 0);
	rig.options = rig_options(&rig, PATH, 16 * MIB, 2 * MIB, 3);
	cr_assert_eq(journal_open(&rig.journal, rig.io, &rig.options, &rig.report), 0);
	cr_assert_eq(journal_start(rig.journal), 0);
}

static void close_rig(void)
{
	rig_close(&rig);
	sim_disk_close(disk);
}

/* What the superblocks in the file say. */
static uint64_t lower_reach_on_disk(void)
{
	uint8_t blocks[JOURNAL_RING_POSITION];
	struct superblock superblocks[JOURNAL_SUPERBLOCKS];
	cr_assert_eq(sim_disk_peek(disk, PATH, blocks, sizeof blocks, 0), (int64_t)sizeof blocks);
	for (uint32_t slot = 0; slot < JOURNAL_SUPERBLOCKS; slot++)
		cr_assert_eq(superblock_decode(&superblocks[slot], blocks + slot * JOURNAL_BLOCK_SIZE), SUPERBLOCK_VALID);
	return superblocks[0].reach_place < superblocks[1].reach_place ? superblocks[0].reach_place : superblocks[1].reach_place;
}

/* No group is written where not both superblocks let groups be: a recovery searches no further. Nor does one of the longest have to wait for ever. */
Test(journal_reach, groups_stay_within)
{
	static const size_t sizes[] = {JOURNAL_ENTRY_MAX(2 * MIB), 1 << 20, 524288, 524288 - 200, 65536};
	open_rig();
	for (uint32_t i = 0; i < 32; i++) {
		while (!rig_add(&rig, sizes[i % COUNT_OF(sizes)])) {
			cr_assert_geq(io_turn(rig.io, !journal_is_idle(rig.journal)), 0);
			journal_trim(rig.journal, journal_durable_seq(rig.journal));
		}
		while (!journal_can_commit(rig.journal))
			cr_assert_geq(io_turn(rig.io, true), 0);
		journal_commit(rig.journal);
		cr_assert_leq(rig.journal->head_place, lower_reach_on_disk(), "group %u", i);
	}
	rig_settle(&rig);
	cr_expect_gt(rig.journal->head_place, rig.journal->ring_size, "more than a lap");
	for (uint32_t slot = 0; slot < JOURNAL_SUPERBLOCKS; slot++) { /* nor where one of them says that the group of the last lap is needed */
		uint64_t trim_place = rig.journal->superblock.slot_trim_place[slot];
		rig.journal->superblock.slot_trim_place[slot] = rig.journal->head_place + 2 * JOURNAL_BLOCK_SIZE - rig.journal->ring_size;
		cr_expect_not(journal__has_room(rig.journal, 1 << 20, 0), "slot %u", slot);
		rig.journal->superblock.slot_trim_place[slot] = trim_place;
	}
	close_rig();
}

/* ... and if one of them says less, its groups wait until it says more. */
Test(journal_reach, both_superblocks_say_how_far)
{
	open_rig();
	for (uint32_t slot = 0; slot < JOURNAL_SUPERBLOCKS; slot++) {
		rig.journal->superblock.slot_reach_place[slot] = rig.journal->head_place + 2 * JOURNAL_BLOCK_SIZE;
		cr_expect_not(rig_add(&rig, 1 << 20), "slot %u", slot);
		rig_settle(&rig);
		cr_expect(rig_add(&rig, 1 << 20), "slot %u", slot);
		journal_commit(rig.journal);
		rig_settle(&rig);
	}
	close_rig();
}

struct alarm {
	struct io_timer timer;
	bool has_rung;
};

static void ring(struct io_timer *timer)
{
	CONTAINER_OF(timer, struct alarm, timer)->has_rung = true;
}

static void let_pass(uint64_t ns)
{
	struct alarm alarm = {.timer.run = ring};
	io_timer_set(rig.io, &alarm.timer, io_now_ns(rig.io) + ns);
	while (!alarm.has_rung)
		cr_assert_geq(io_turn(rig.io, true), 0);
}

static void commit_one(uint32_t size)
{
	cr_assert(rig_add(&rig, size));
	journal_commit(rig.journal);
	rig_settle(&rig);
	journal_trim(rig.journal, journal_durable_seq(rig.journal));
}

/* A recovery searches as far as groups may be: where they are small that is not far, and never less than before. The first long one waits for two superblocks, not for ever,
 * and not for room. */
Test(journal_reach, follows_the_load)
{
	open_rig();
	uint64_t reach = lower_reach_on_disk() - rig.journal->head_place, place = lower_reach_on_disk();
	for (int i = 0; i < 100; i++) {
		let_pass(6000000);
		commit_one(60000); /* 10 MB/s */
		cr_expect_geq(lower_reach_on_disk(), place, "groups were let there");
		place = lower_reach_on_disk();
	}
	cr_expect_lt(place - rig.journal->head_place, reach / 2);
	cr_assert_lt(place - rig.journal->head_place, 2 * MIB, "one of the longest does not fit");
	uint64_t number = rig.journal->superblock.last.write_number;
	for (int turns = 0; !rig_add(&rig, JOURNAL_ENTRY_MAX(2 * MIB)); turns++) {
		cr_assert_lt(turns, 100);
		let_pass(1000000);
	}
	cr_expect_leq(rig.journal->superblock.last.write_number, number + JOURNAL_SUPERBLOCKS);
	journal_commit(rig.journal);
	rig_settle(&rig);
	cr_expect_geq(lower_reach_on_disk(), rig.journal->head_place);
	close_rig();
}
