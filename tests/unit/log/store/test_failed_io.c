/* One write or sync of a cycle of write-behind fails: the store breaks, unless it was of a file that is derived (those are written without a sync), and a power
 * cut takes nothing that was acknowledged. A failed sync loses for good what it should have made durable, though reads still show it, so whoever goes on behind
 * one finds a hole after the next crash. */
#include <errno.h>

#include "log/journal/journal_priv.h"
#include "log/store/store_priv.h"
#include "tests/unit/log/store/world.h"

#define RECORDS 3
#define LARGE 100000
#define TURNS_MAX 2000

/* A file that a checkpoint knows, a new segment beside it, a partition without a directory, and a log start that has moved: all kinds of names and bytes in one cycle. */
static void begin(struct world *world)
{
	struct append append;
	uint8_t bytes[1000];
	world_init(world, 7);
	world_open(world);
	world_create_topic(world, "t", 2, NULL, 0);
	world_append(world, world_partition(world, "t", 0), 0, 1, 100);
	for (int turns = 0; turns < 300; turns++)
		world_turn(world);
	world_append(world, world_partition(world, "t", 0), 1, 1, 100);
	append = (struct append){.op = {.done = append_done, .records = bytes, .begins_segment = true}};
	append.op.records_size_bytes = make_batch(bytes, sizeof bytes, 2, 1, 100, 1000);
	cr_assert_eq(partition_append(world_partition(world, "t", 0), &append.op), 0);
	for (store_turn(world->store); !append.is_done;)
		world_turn(world);
	world_append(world, world_partition(world, "t", 1), 0, 1, 100);
	world_trim(world, world_partition(world, "t", 0), 1);
}

/* A cycle, up to the next checkpoint or a failure. */
static bool cycle(struct world *world)
{
	uint64_t checkpoint = world->store->checkpoint_generation;
	world->store->cycle.is_due = true;
	for (int turns = 0; world->store->checkpoint_generation == checkpoint && !store_has_failed(world->store) && turns < TURNS_MAX; turns++) {
		store_turn(world->store);
		if (world->store->checkpoint_generation == checkpoint && !store_has_failed(world->store))
			cr_assert_geq(io_turn(world->io, true), 0);
	}
	return !store_has_failed(world->store);
}

/* A write that fails may cost its partition alone, or a file that is derived; nothing of it is taken for done. */
static void fail_each(uint32_t kind, int error, const char *what, uint64_t at_least)
{
	uint64_t k = 1;
	for (;; k++) {
		struct world world;
		begin(&world);
		uint64_t before = sim_disk_fail_count(world.disk);
		sim_disk_fail_kinds(world.disk, kind, k, error, false);
		bool has_gone_on = cycle(&world);
		bool has_struck = sim_disk_fail_count(world.disk) > before;
		sim_disk_fail(world.disk, 0, EIO);
		cr_assert(!has_struck || !has_gone_on || kind == SIM_WRITE, "%s %lu failed, and a checkpoint was written", what, (unsigned long)k);
		world_crash(&world);
		world_open(&world);
		cr_assert_eq(world.report.damaged_ranges, 0, "%s %lu", what, (unsigned long)k);
		cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 1, 1 << 20), RECORDS, "%s %lu", what, (unsigned long)k);
		cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 1), 0, 1 << 20), 1, "%s %lu", what, (unsigned long)k);
		world_fini(&world);
		if (!has_struck)
			break;
	}
	cr_assert_gt(k, at_least, "%s: %lu", what, (unsigned long)k);
}

Test(failed_io, a_write_of_a_cycle, .timeout = 60) { fail_each(SIM_WRITE, EIO, "write", 3); }
Test(failed_io, a_write_of_a_cycle_that_cannot_be, .timeout = 60) { fail_each(SIM_WRITE, EINVAL, "write", 3); }
Test(failed_io, a_sync_of_a_cycle, .timeout = 60) { fail_each(SIM_SYNC, EIO, "sync", 2); }
Test(failed_io, a_directorys_sync_of_a_cycle, .timeout = 60) { fail_each(SIM_DIR_SYNC, EIO, "directory sync", 3); }

/* A large piece goes beside its group: whichever write or sync of both fails, it was acknowledged only if a power cut leaves it. */
Test(failed_io, a_large_piece_that_cannot_be_written, .timeout = 60)
{
	static const uint32_t kinds[] = {SIM_WRITE, SIM_SYNC};
	for (size_t kind = 0; kind < COUNT_OF(kinds); kind++) {
		bool has_struck = true;
		for (uint64_t k = 1; has_struck; k++) {
			struct world world;
			struct append append;
			begin(&world);
			cr_assert(cycle(&world));
			world.store->options.direct_size_bytes_min = LARGE / 2;
			uint64_t before = sim_disk_fail_count(world.disk);
			sim_disk_fail_kinds(world.disk, kinds[kind], k, EIO, false);
			cr_assert_eq(world_append_begin(world_partition(&world, "t", 1), &append, 1, 1, LARGE), 0);
			for (store_turn(world.store); !append.is_done;)
				world_turn(&world);
			bool was_acknowledged = append.op.err == 0;
			has_struck = sim_disk_fail_count(world.disk) > before;
			sim_disk_fail(world.disk, 0, EIO);
			cr_expect(has_struck || was_acknowledged);
			world_crash(&world);
			world_open(&world);
			cr_expect_eq(world.report.damaged_ranges, 0, "kind %zu, %lu", kind, (unsigned long)k);
			cr_expect_geq(world_check_all(&world, world_partition(&world, "t", 1), 0, 1 << 20), was_acknowledged ? 2 : 1, "kind %zu, %lu", kind, (unsigned long)k);
			world_fini(&world);
		}
	}
}

/* A large piece ends well behind a failure, which has ended its group for good: nobody asks for that any more, and nothing of it is told. Whichever write of the journal
 * it is that fails meanwhile; and where something else has failed. */
Test(failed_io, a_large_piece_that_ends_behind_a_failure, .timeout = 60)
{
	static const struct sim_pace slow = {.latency_percent = 100, .stall_per_mille = 1000, .stall_ns = 1000000000}, usual = {.latency_percent = 100};
	for (int is_journal = 0; is_journal < 2; is_journal++) {
		struct world world;
		struct append append;
		begin(&world);
		struct partition *partition = world_partition(&world, "t", 1);
		cr_assert(cycle(&world));
		world.store->options.direct_size_bytes_min = LARGE / 2;
		uint64_t durable_seq = journal_durable_seq(world.store->journal);
		cr_assert_eq(world_append_begin(partition, &append, 1, 1, LARGE), 0);
		sim_disk_set_pace(world.disk, &slow);
		store_turn(world.store);
		sim_disk_set_pace(world.disk, &usual);
		cr_assert_eq(world.store->home.segments.filings_in_flight, 1);
		if (is_journal)
			journal__fail(world.store->journal, -EIO);
		store__fail(world.store, -EIO);
		for (int turns = 0; world.store->home.segments.filings_in_flight && turns < TURNS_MAX; turns++)
			world_turn(&world);
		world_idle(&world, 2);
		cr_expect_eq(world.store->home.segments.filings_in_flight, 0);
		cr_expect_eq(journal_durable_seq(world.store->journal), durable_seq, "its group was reported");
		cr_expect(append.is_done && append.op.err, "%s", err_name(append.op.err));
		world_fini(&world);
	}
}
