/* What a read costs after a clean stop: the index files say where to look, whatever the records' timestamps are. */
#include "tests/unit/log/store/world.h"

#define BATCHES 1500

/* The largest timestamp comes first, as where old records are written again: the time index has one entry, and that says all there is to say. */
static void append_with_time(struct world *world, struct partition *partition, uint64_t number)
{
	static uint8_t bytes[8192];
	uint32_t size = make_batch(bytes, sizeof bytes, number, 1, 4000, number == 0 ? 9000 : 1000);
	struct append append = {.op = {.done = append_done, .records = bytes, .records_size_bytes = size}};
	cr_assert_eq(partition_append(partition, &append.op), 0);
	store_turn(world->store);
	while (!append.is_done)
		world_turn(world);
	cr_assert_eq(append.op.err, 0);
}

Test(index_life, first_read_after_a_stop_scans_no_log, .timeout = 60)
{
	struct world world;
	world_init(&world, 1);
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	for (uint64_t i = 0; i < BATCHES; i++)
		append_with_time(&world, world_partition(&world, "t", 0), i);
	world_stop(&world);

	world_open(&world);
	struct partition *partition = world_partition(&world, "t", 0);
	uint64_t before = sim_disk_io_count(world.disk);
	struct read read;
	world_read_begin(&world, partition, &read, BATCHES / 2, 4096);
	cr_assert_eq(read.op.err, 0);
	cr_assert_eq(check_records(&read.op, BATCHES / 2), BATCHES / 2 + 1);
	partition_read_release(&read.op);
	uint64_t count = sim_disk_io_count(world.disk) - before;
	cr_assert_leq(count, 16, "%lu I/Os for one read of a log of %d batches", (unsigned long)count, BATCHES);
	cr_assert_eq(world_check_all(&world, partition, 0, 1 << 20), BATCHES);
	world_fini(&world);
}
