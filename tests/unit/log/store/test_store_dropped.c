/* Segments before the log start are removed, and then the power fails before the checkpoint says so: it still tells of files that are gone. */
#include "tests/unit/log/store/world.h"

struct trim {
	struct trim_op op;
	bool is_done;
};

static void trim_done(struct trim_op *op)
{
	CONTAINER_OF(op, struct trim, op)->is_done = true;
}

static void trim_to(struct world *world, int64_t offset)
{
	struct trim trim = {.op = {.done = trim_done, .offset = offset}};
	cr_assert_eq(partition_trim(world_partition(world, "t", 0), &trim.op), 0);
	for (int turns = 0; !trim.is_done && turns < 1000; turns++)
		world_turn(world);
	cr_assert_eq(trim.op.err, 0);
}

/* Until a cycle of write-behind has run, or the power is gone. */
static void idle(struct world *world)
{
	uint64_t until_ns = io_now_ns(world->io) + 6000000000ull;
	for (int turns = 0; io_now_ns(world->io) < until_ns && turns < 400 && !store_has_failed(world->store); turns++) {
		cr_assert_geq(io_turn(world->io, true), 0);
		store_turn(world->store);
	}
}

/* Two segments, and the first goes; `value_size` decides whether by way of the journal or straight to the file. */
static void drop_and_cut(uint64_t k, uint64_t seed, size_t value_size, bool is_filed_before)
{
	struct world world;
	struct config_override overrides[] = {{"segment.ms", "1"}, {"retention.ms", "-1"}};
	world_init(&world, seed);
	world.options.journal_size_bytes = 1 << 20;
	world.options.cache_size_bytes = 4 << 20;
	world.options.direct_size_bytes_min = 10000;
	world_open(&world);
	world_create_topic(&world, "t", 1, overrides, 2);
	world_append(&world, world_partition(&world, "t", 0), 0, 1, 100);
	idle(&world);
	world_append(&world, world_partition(&world, "t", 0), 1, 1, value_size);
	if (is_filed_before)
		idle(&world);
	world_append(&world, world_partition(&world, "t", 0), 2, 5, 100); /* these are later, and begin a segment */
	world_append(&world, world_partition(&world, "t", 0), 7, 5, 100);
	trim_to(&world, 7);
	sim_disk_cut_power(world.disk, k);
	idle(&world);
	world_crash(&world);
	world_open(&world);
	cr_assert_eq(world.report.damaged_ranges, 0, "k %lu", (unsigned long)k);
	cr_assert_eq(partition_log_start_offset(world_partition(&world, "t", 0)), 7);
	world_append(&world, world_partition(&world, "t", 0), 12, 1, 100);
	world_stop(&world); /* a store that has failed is not clean */
	world_open(&world);
	cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 7, 50000), 13);
	world_fini(&world);
}

/* At any I/O of the cycle: the store goes on, and no damage is named, for what is gone was deleted. */
Test(store_dropped, power_fails_behind_the_removal, .timeout = 60)
{
	for (uint64_t k = 1; k <= 60; k++)
		for (uint64_t seed = 1; seed <= 2; seed++) {
			drop_and_cut(k, seed, 100, true);
			drop_and_cut(k, seed, 100, false);
			drop_and_cut(k, seed, 12000, false);
		}
}
