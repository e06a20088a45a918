/* What a failing disk must not take with it. */
#include <errno.h>

#include "tests/unit/log/store/world.h"

/* A read that is under way when its segment cannot be opened for writing still ends with the bytes: its descriptor was closed under it, and the next
 * file opened could have taken its number. (Found by check-sim, seed 31.) */
Test(store_faults, a_read_outlives_a_failed_open, .timeout = 60)
{
	struct world world;
	struct read read = {.op = {.done = read_done, .offset = 0, .size_bytes_max = 4096, .is_first = true}};
	struct append append;
	world_init(&world, 5);
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	world_append(&world, world_partition(&world, "t", 0), 0, 3, 100);
	world_stop(&world);
	world_open(&world);
	struct partition *partition = world_partition(&world, "t", 0);
	cr_assert_eq(world_append_begin(partition, &append, 3, 1, 100), 0);
	store_turn(world.store);
	while (!append.is_done)
		world_turn(&world);
	cr_assert_eq(partition_read(partition, &read.op), READ_PENDING);
	sim_disk_fail_kinds(world.disk, SIM_OPEN, 1, EIO, true);
	store_stop(world.store); /* files what is in memory, and cannot */
	store_turn(world.store);
	cr_assert(store_has_failed(world.store));
	for (int turns = 0; !read.is_done && turns < 1000; turns++)
		world_turn(&world);
	cr_assert(read.is_done);
	cr_assert_eq(read.op.err, 0, "%s", err_name(read.op.err));
	cr_assert_eq(check_records(&read.op, 0), 4);
	partition_read_release(&read.op);
	world_fini(&world);
}
