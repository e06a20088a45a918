/* A log whose segments are written over the files of those that were let go: what it serves, what a crash leaves of that, and a disk that fills up. */
#include "log/segment/spare.h"
#include "log/store/store_priv.h"
#include "tests/unit/log/store/many_segments.h"

#define VALUE 60000
#define TAKEN_MIN 3

/* Of what is seen, how many files have a spare's name. */
static void count_spare(void *context, const char *path, uint64_t size_bytes)
{
	(void)size_bytes;
	*(uint32_t *)context += strncmp(path, "/spare-0.", 9) == 0;
}

static uint32_t spares_of(struct world *world)
{
	uint32_t count = 0;
	sim_disk_list(world->disk, count_spare, &count);
	return count;
}

static void begin(struct world *world, uint64_t seed)
{
	struct config_override overrides[] = {{"segment.bytes", "1048576"}};
	world_init(world, seed);
	world->options.spare_bytes = 8 << 20;
	world_open(world);
	world_create_topic(world, "t", 1, overrides, 1);
}

/* All but the last two segments are let go, once the checkpoint knows them. */
static void let_go(struct world *world, struct partition *partition)
{
	struct trim trim = {.op = {.done = trim_done}};
	struct segment *last = partition->active;
	struct segment *before = LIST_ENTRY(last->node.prev, struct segment, node);
	trim.op.offset = before->base_offset < partition_high_watermark(partition) ? before->base_offset : -1;
	cr_assert_eq(partition_trim(partition, &trim.op), 0);
	for (int turns = 0; !trim.is_done && turns < 1000; turns++) {
		store_turn(world->store);
		if (io_turn(world->io, true) < 0)
			return;
	}
	cr_assert(trim.is_done);
}

/* Records until there are so many segments more. */
static void add_segments(struct world *world, struct partition *partition, uint64_t *next, uint32_t count)
{
	const struct segment *last = partition->active;
	for (uint32_t rolled = 0; rolled < count; last = partition->active) {
		world_append(world, partition, (*next)++, 1, VALUE);
		rolled += last && partition->active != last;
	}
}

static void leave_segments(struct world *world, struct partition *partition, uint64_t *next, uint32_t count)
{
	add_segments(world, partition, next, count);
	world_rest(world, 20000000000);
	let_go(world, partition);
	world_rest(world, 20000000000);
}

/* Segments come and go; a file that was let go becomes another's, and none but the first few were ever made. */
Test(spare_segments, are_written_over, .timeout = 60)
{
	struct world world;
	uint64_t next = 0;
	uint32_t spares_max = 0;
	begin(&world, 1);
	struct partition *partition = the_partition(&world);
	leave_segments(&world, partition, &next, 4);
	cr_assert_geq(spares_of(&world), 1);
	for (int round = 0; round < 6; round++) {
		uint32_t before = spares_of(&world);
		add_segments(&world, partition, &next, 1);
		world_append(&world, partition, next++, 1, VALUE);
		world_rest(&world, 20000000000);
		cr_assert_eq(spares_of(&world), before - 1, "round %d", round);
		let_go(&world, partition);
		world_rest(&world, 20000000000);
		spares_max = spares_of(&world) > spares_max ? spares_of(&world) : spares_max;
		cr_assert_geq(spares_of(&world), 1);
	}
	cr_assert_leq(spares_max, 8);
	cr_assert_eq(world_check_all(&world, partition, partition_log_start_offset(partition), 1 << 20), (int64_t)next);
	world_stop(&world);
	cr_assert_geq(spares_of(&world), 1, "they stay");
	world_open(&world);
	partition = the_partition(&world);
	cr_assert_eq(world_check_all(&world, partition, partition_log_start_offset(partition), 1 << 20), (int64_t)next);
	world_rest(&world, 1000000000);
	cr_assert_gt(spares_bytes(world.store->home.segments.spares), 0, "and serve the next life");
	add_segments(&world, partition, &next, 2);
	world_rest(&world, 20000000000);
	cr_assert_eq(world_check_all(&world, partition, partition_log_start_offset(partition), 1 << 20), (int64_t)next);
	world_fini(&world);
}

/* One that is not full by far does not get a whole one. */
Test(spare_segments, a_small_one_gets_none, .timeout = 60)
{
	struct world world;
	uint64_t next = 0, small = 0;
	begin(&world, 2);
	make_topic(&world, "small", 1);
	struct partition *partition = the_partition(&world);
	leave_segments(&world, partition, &next, 4);
	uint32_t before = spares_of(&world);
	cr_assert_geq(before, 1);
	while (segments_of(world_partition(&world, "small", 0)) < 4)
		world_append(&world, world_partition(&world, "small", 0), small++, 1, 100);
	world_rest(&world, 20000000000);
	cr_assert_eq(spares_of(&world), before);
	world_fini(&world);
}

/* Before anybody is refused, and before the reserve. */
Test(spare_segments, are_given_up_when_the_disk_is_full, .timeout = 60)
{
	struct world world;
	uint64_t next = 0;
	begin(&world, 3);
	world.options.spare_bytes = 2 << 20;
	world_stop(&world);
	world_open(&world);
	struct partition *partition = the_partition(&world);
	leave_segments(&world, partition, &next, 5);
	cr_assert_eq(spares_of(&world), 2);
	sim_disk_set_capacity(world.disk, sim_disk_used(world.disk) + (512 << 10));
	add_segments(&world, partition, &next, 1);
	world_rest(&world, 20000000000);
	cr_assert_eq(spares_of(&world), 0);
	cr_assert_not(store_is_full(world.store));
	cr_assert_eq(world_check_all(&world, partition, partition_log_start_offset(partition), 1 << 20), (int64_t)next);
	world_fini(&world);
}

static int64_t append_or_die(struct world *world, struct partition *partition, uint64_t number)
{
	struct append append;
	int err = world_append_begin(partition, &append, number, 1, VALUE);
	for (int turns = 0; !err && !append.is_done && turns < 3000; turns++) {
		store_turn(world->store);
		if (io_turn(world->io, true) < 0)
			break;
	}
	return err ? err : !append.is_done ? ERR_BUSY : append.op.err;
}

/* Power fails, or the process is killed, anywhere in all that: what was acknowledged is there, and nothing else. With and without the checkpoint. */
Test(spare_segments, a_crash_anywhere, .timeout = 240)
{
	uint32_t taken_count = 0;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct world world;
		uint64_t next = 0;
		begin(&world, 100 + seed);
		struct partition *partition = the_partition(&world);
		add_segments(&world, partition, &next, 4);
		world_rest(&world, 20000000000);
		let_go(&world, partition);
		if (seed % 2)
			world_rest(&world, 20000000000);
		uint32_t before = spares_of(&world);
		if (seed % 3)
			sim_disk_cut_power(world.disk, 1 + seed * 7 % 200);
		int err = 0;
		for (int i = 0; i < 30 && !err; i++) {
			err = (int)append_or_die(&world, partition, next);
			next += !err;
			if (i % 6 == 5 && !err)
				world_rest(&world, 6000000000); /* what is durable is filed */
		}
		taken_count += spares_of(&world) < before;
		int64_t start = partition_log_start_offset(partition);
		if (seed % 3)
			world_crash(&world);
		else
			world_kill(&world);
		world_open(&world);
		partition = the_partition(&world);
		cr_assert_eq(world.report.damaged_ranges, 0);
		cr_assert_geq(partition_log_start_offset(partition), start);
		cr_assert_geq(partition_high_watermark(partition), (int64_t)next);
		cr_assert_leq(partition_high_watermark(partition), (int64_t)next + 1);
		next = (uint64_t)world_check_all(&world, partition, partition_log_start_offset(partition), 1 << 20);
		add_segments(&world, partition, &next, 2);
		world_rest(&world, 20000000000);
		cr_assert_eq(world_check_all(&world, partition, partition_log_start_offset(partition), 1 << 20), (int64_t)next);
		world_fini(&world);
	}
	cr_assert_geq(taken_count, TAKEN_MIN);
}
