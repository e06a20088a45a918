/* Room reserved ahead of what write-behind files: there while the log grows, gone at the stop, and done without where the disk is full. */
#include "tests/unit/log/store/world.h"

#define BATCH 100000u
#define PATH "/t-0/00000000000000000000.log"

static int64_t size_of_log(struct world *world)
{
	int fd = io_file_open(world->io, PATH, IO_READ_ONLY);
	int64_t size = fd < 0 ? 0 : io_file_size(world->io, fd);
	if (fd >= 0)
		io_close_fd(world->io, fd);
	return size;
}

/* Everything goes through the journal, whose fill makes the cycles: there is pressure. */
static void open_world(struct world *world, uint64_t seed)
{
	world_init(world, seed);
	world->options.direct_size_bytes_min = 1 << 30;
	world_open(world);
	world_create_topic(world, "t", 1, NULL, 0);
}

static void append_until(struct world *world, uint64_t *next, uint64_t end)
{
	for (; *next < end; ++*next)
		world_append(world, world_partition(world, "t", 0), *next, 1, BATCH);
}

static void expect_whole_after_stop(struct world *world, uint64_t count)
{
	uint64_t size = partition_size_bytes(world_partition(world, "t", 0));
	world_stop(world);
	world_open(world);
	cr_assert_eq(size_of_log(world), (int64_t)size, "%ld bytes are left of a log of %lu", (long)size_of_log(world), (unsigned long)size);
	cr_assert_eq(world_check_all(world, world_partition(world, "t", 0), 0, 1 << 20), (int64_t)count);
}

/* At most as much again as is filed. */
Test(room_ahead, is_there_under_pressure_and_gone_at_the_stop, .timeout = 60)
{
	struct world world;
	uint64_t next = 0;
	bool was_ahead = false;
	open_world(&world, 1);
	while (next < 200) {
		append_until(&world, &next, next + 1);
		int64_t size = size_of_log(&world), appended = (int64_t)partition_size_bytes(world_partition(&world, "t", 0));
		was_ahead |= size > appended;
		cr_assert_leq(size, 2 * appended + 8192);
	}
	cr_assert(was_ahead);
	expect_whole_after_stop(&world, next);
	world_fini(&world);
}

/* What a segment can never need is not reserved: it would be cut off when that is sealed, and everybody waits for it. */
Test(room_ahead, is_no_more_than_the_segment_can_need, .timeout = 60)
{
	struct world world;
	uint64_t next = 0;
	const int64_t segment_bytes = 4 << 20;
	struct config_override override = {"segment.bytes", "4194304"};
	world_init(&world, 3);
	world.options.direct_size_bytes_min = 1 << 30;
	world_open(&world);
	world_create_topic(&world, "t", 1, &override, 1);
	bool was_ahead = false;
	while (next < 100) {
		append_until(&world, &next, next + 1);
		int64_t size = size_of_log(&world);
		was_ahead |= size == segment_bytes;
		cr_assert_leq(size, segment_bytes);
	}
	cr_expect(was_ahead);
	world_stop(&world);
	world_open(&world);
	cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 1 << 20), (int64_t)next);
	world_fini(&world);
}

/* What a crash leaves of it is cut off, and no record is lost. */
Test(room_ahead, a_crash_leaves_nothing_of_it, .timeout = 60)
{
	for (uint64_t seed = 10; seed < 20; seed++) {
		struct world world;
		uint64_t next = 0;
		open_world(&world, seed);
		append_until(&world, &next, 60 + seed * 7);
		world_crash(&world);
		world_open(&world);
		cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 1 << 20), (int64_t)next);
		append_until(&world, &next, next + 10);
		expect_whole_after_stop(&world, next);
		world_fini(&world);
	}
}

/* The disk has room for the log, but not for as much again: appends go on, nothing is refused, and what could be reserved is given back. */
Test(room_ahead, is_done_without_on_a_disk_nearly_full, .timeout = 60)
{
	struct world world;
	uint64_t next = 0;
	open_world(&world, 2);
	append_until(&world, &next, 100);
	for (; next < 300; next++) {
		sim_disk_set_capacity(world.disk, sim_disk_used(world.disk) + 6000000);
		world_append(&world, world_partition(&world, "t", 0), next, 1, BATCH);
		cr_assert_not(store_is_full(world.store));
	}
	sim_disk_set_capacity(world.disk, 0);
	expect_whole_after_stop(&world, next);
	world_fini(&world);
}
