/* Segments that are dropped while the journal alone could say what was in them. */
#include "tests/unit/log/store/world.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A large batch of an idempotent producer, its first. */
static uint32_t make_idempotent(uint8_t *out, size_t capacity)
{
	static uint8_t value[70000];
	struct batch_builder builder;
	struct batch_builder_options options = BATCH_BUILDER_PLAIN;
	struct record record = {.timestamp_ms = 1000, .value = {value, sizeof value}};
	uint32_t size;
	options.producer_id = 7;
	options.producer_epoch = 0;
	options.base_sequence = 0;
	cr_assert_eq(batch_builder_open(&builder, NULL, &options, out, capacity), 0);
	cr_assert_eq(batch_builder_append(&builder, &record), 0);
	cr_assert_eq(batch_builder_finish(&builder, &size), 0);
	return size;
}

static int64_t append_idempotent(struct world *world, struct partition *partition)
{
	static uint8_t bytes[80000];
	uint32_t size = make_idempotent(bytes, sizeof bytes);
	struct append append = {.op = {.done = append_done, .records = bytes, .records_size_bytes = size}};
	cr_assert_eq(partition_append(partition, &append.op), 0);
	store_turn(world->store);
	for (int turns = 0; !append.is_done && turns < 1000; turns++)
		world_turn(world);
	cr_assert(append.is_done && append.op.err == 0);
	return append.op.base_offset;
}

/* All is deleted, then the power fails at the k-th I/O from there. False: there were fewer until the clean stop. */
static bool crash_behind_trim(uint64_t seed, uint64_t k)
{
	struct config_override overrides[] = {{"index.interval.bytes", "0"}, {"segment.index.bytes", "16"}};
	struct world world;
	world_init(&world, seed);
	world.options.journal_size_bytes = 1 << 20;
	world_open(&world);
	world_create_topic(&world, "t", 1, overrides, 2);
	struct partition *partition = world_partition(&world, "t", 0);
	cr_assert_eq(append_idempotent(&world, partition), 0);
	for (uint64_t i = 1; i < 5; i++)
		world_append(&world, partition, i, 1, 100);
	world_trim(&world, partition, -1);
	uint64_t last = sim_disk_io_count(world.disk) + k;
	sim_disk_cut_power(world.disk, k);
	store_stop(world.store);
	for (int turns = 0; !store_is_stopped(world.store) && sim_disk_io_count(world.disk) < last && turns < 5000; turns++)
		world_turn(&world);
	bool was_cut = sim_disk_io_count(world.disk) >= last;
	world_crash(&world);
	world_open(&world);
	partition = world_partition(&world, "t", 0);
	cr_assert_eq(world.report.damaged_ranges, 0);
	cr_assert_eq(partition_high_watermark(partition), 5);
	cr_assert_eq(partition_log_start_offset(partition), 5);
	cr_assert_eq(append_idempotent(&world, partition), 0, "power cut at I/O %lu: the batch was not known again", (unsigned long)k);
	world_fini(&world);
	return was_cut;
}

/* What a producer sent straight to a segment is known from that segment alone, until a checkpoint says it: so it was forgotten if the segment was removed
 * before that, and its retry appended again. (Found by check-sim, seed 220.) */
Test(store_dropped, a_producer_is_not_forgotten, .timeout = 60)
{
	for (uint64_t seed = 1; seed <= 6; seed++)
		for (uint64_t k = 1; crash_behind_trim(seed * 100 + k, k); k++)
			;
}

static void lose_copy(struct world *world)
{
	struct io_options options = {.backend = IO_SIM, .disk = world->disk};
	struct io *io;
	cr_assert_eq(io_open(&io, &options), 0);
	cr_assert_eq(io_unlink(io, "/checkpoint-0.copy"), 0);
	io_close(io);
}

/* The k-th file that a start opens cannot be opened, or the k-th read of one fails. False: it does fewer. */
static bool start_that_fails(uint32_t kind, uint64_t k, int error_number, bool has_copy)
{
	struct config_override overrides[] = {{"index.interval.bytes", "0"}, {"segment.index.bytes", "16"}};
	struct world world;
	world_init(&world, 7);
	world_open(&world);
	world_create_topic(&world, "t", 1, overrides, 2);
	cr_assert_eq(append_idempotent(&world, world_partition(&world, "t", 0)), 0);
	for (uint64_t i = 1; i < 5; i++)
		world_append(&world, world_partition(&world, "t", 0), i, 1, 100);
	world_trim(&world, world_partition(&world, "t", 0), -1);
	world_stop(&world);
	if (!has_copy)
		lose_copy(&world);
	sim_disk_fail_kinds(world.disk, kind, k, error_number, false);
	uint64_t failed_before = sim_disk_fail_count(world.disk);
	int err = world_try_open(&world);
	bool has_struck = sim_disk_fail_count(world.disk) > failed_before;
	sim_disk_fail(world.disk, 0, EIO);
	if (err) {
		world_close(&world);
		world_open(&world);
	}
	cr_expect_eq(append_idempotent(&world, world_partition(&world, "t", 0)), 0, "%s at I/O %lu: the batch was not known again", err_name(-error_number), (unsigned long)k);
	world_fini(&world);
	return has_struck;
}

static void check_unread(bool has_copy)
{
	static const int errors[] = {EIO, ENOMEM, EMFILE, EACCES, ENOSPC};
	for (size_t i = 0; i < COUNT_OF(errors); i++)
		for (uint64_t k = 1; start_that_fails(SIM_OPEN, k, errors[i], has_copy); k++)
			;
	for (uint64_t k = 1; start_that_fails(SIM_READ, k, EIO, has_copy); k++)
		;
}

/* A checkpoint that cannot be read now is no checkpoint that is lost: the directories, which are scanned instead of a lost one, do not tell of a producer whose
 * batches are deleted. Its retry was appended again after one start without descriptors, or without permission. (Found by tests/crash/faults, seed 1018.) */
Test(store_dropped, a_checkpoint_that_cannot_be_read, .timeout = 60)
{
	check_unread(false);
}

/* Nor is its copy taken then: the start says what is wrong with the disk, and the next one has the checkpoint itself. */
Test(store_dropped, a_copy_beside_one_that_cannot_be_read, .timeout = 60)
{
	static char said[1 << 20];
	FILE *told = tmpfile();
	cr_assert_not_null(told);
	cr_assert_eq(dup2(fileno(told), STDERR_FILENO), STDERR_FILENO);
	check_unread(true);
	rewind(told);
	said[fread(said, 1, sizeof said - 1, told)] = 0;
	cr_assert_null(strstr(said, "copy is taken"), "%.2000s", said);
	fclose(told);
}
