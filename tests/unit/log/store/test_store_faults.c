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
	sim_disk_fail_kinds(world.disk, SIM_OPEN, 1, EINVAL, true);
	store_stop(world.store); /* files what is in memory, and cannot */
	store_turn(world.store);
	cr_assert(store_has_failed(world.store));
	cr_assert_eq(world_append_begin(partition, &append, 4, 1, 100), ERR_FAILED);
	for (int turns = 0; !read.is_done && turns < 1000; turns++)
		world_turn(&world);
	cr_assert(read.is_done);
	cr_assert_eq(read.op.err, 0, "%s", err_name(read.op.err));
	cr_assert_eq(check_records(&read.op, 0), 4);
	partition_read_release(&read.op);
	world_fini(&world);
}

/* Appends a batch that can only go straight to its segment, the first of its partition, with the k-th sync failing once; then the power fails. What was
 * acknowledged is there. False: there are fewer than k syncs. */
static bool survives_failed_sync(uint64_t seed, uint64_t k)
{
	struct world world;
	struct append append;
	world_init(&world, seed);
	world.options.journal_size_bytes = 1 << 20;
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	sim_disk_fail_kinds(world.disk, SIM_SYNC | SIM_DIR_SYNC, k, EIO, false);
	cr_assert_eq(world_append_begin(world_partition(&world, "t", 0), &append, 0, 1, 70000), 0);
	store_turn(world.store);
	for (int turns = 0; !append.is_done && turns < 2000; turns++)
		world_turn(&world);
	cr_assert(append.is_done);
	bool is_acked = append.op.err == 0, has_failed = store_has_failed(world.store);
	world_crash(&world);
	world_open(&world);
	int64_t end = world_check_all(&world, world_partition(&world, "t", 0), 0, 100000);
	cr_assert(end == 1 || (end == 0 && !is_acked), "seed %lu, sync %lu", (unsigned long)seed, (unsigned long)k);
	world_fini(&world);
	return has_failed;
}

/* A failed sync of a directory, or of the file that says whose it is, was tried again, and the second try believed: the piece was acknowledged, and its
 * directory taken for another's after the next crash. (Found by check-sim, seed 1051.) */
Test(store_faults, a_failed_sync_of_a_directory_is_final, .timeout = 60)
{
	for (uint64_t seed = 1; seed <= 20; seed++)
		for (uint64_t k = 1; survives_failed_sync(seed, k); k++)
			cr_assert_lt(k, 20);
}

/* A lookup by time that the disk will not be read for ends with that error, and fences nothing: the same lookup is right once the disk is well. (Found by
 * check-sim, seed 26.) */
Test(store_faults, a_lookup_takes_no_error_for_damage, .timeout = 60)
{
	struct world world;
	world_init(&world, 7);
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	for (uint64_t i = 0; i < 10; i++)
		world_append(&world, world_partition(&world, "t", 0), i, 1, 100);
	world_stop(&world);
	for (uint64_t k = 1; k < 30; k++) {
		struct offset_found found;
		world_open(&world);
		struct partition *partition = world_partition(&world, "t", 0);
		sim_disk_fail_kinds(world.disk, SIM_ANY, k, EIO, false);
		int err = partition_offset_for_time(partition, 1005, &found);
		cr_assert(err == -EIO || (err == 0 && found.found && found.offset == 5), "I/O %lu: %s, offset %ld", (unsigned long)k, err_name(err),
			  (long)found.offset);
		sim_disk_fail(world.disk, 0, EIO);
		cr_assert_eq(partition_offset_for_time(partition, 1005, &found), 0);
		cr_assert(found.found && found.offset == 5, "I/O %lu: offset %ld", (unsigned long)k, (long)found.offset);
		cr_assert_eq(world_check_all(&world, partition, 0, 4096), 10);
		world_stop(&world);
	}
	world_open(&world);
	world_fini(&world);
}

static void append_at_time(struct world *world, int64_t timestamp_ms)
{
	uint8_t bytes[1000];
	uint32_t size = make_batch(bytes, sizeof bytes, 0, 1, 100, timestamp_ms);
	struct append append = {.op = {.done = append_done, .records = bytes, .records_size_bytes = size}};
	cr_assert_eq(partition_append(world_partition(world, "t", 0), &append.op), 0);
	store_turn(world->store);
	while (!append.is_done)
		world_turn(world);
	cr_assert_eq(append.op.err, 0);
}

static void empty_file(struct world *world, const char *path)
{
	struct io_options options = {.backend = IO_SIM, .disk = world->disk, .seed = 1};
	struct io *io;
	cr_assert_eq(io_open(&io, &options), 0);
	int fd = io_file_open(io, path, 0);
	cr_assert_geq(fd, 0);
	cr_assert_eq(io_file_truncate(io, fd, 0), 0);
	io_close_fd(io, fd);
	io_close(io);
}

/* The two index files of a segment are not synced, and a crash may take the one and leave the other. What the time index lacked was not made up for, so a
 * record before it was not found by its time. (Found by check-sim, seed 859.) */
Test(store_faults, a_crash_takes_the_time_index_alone)
{
	struct config_override override = {"index.interval.bytes", "0"};
	struct world world;
	world_init(&world, 9);
	world_open(&world);
	world_create_topic(&world, "t", 1, &override, 1);
	append_at_time(&world, 5000);
	for (int64_t i = 1; i < 6; i++)
		append_at_time(&world, 100 + i);
	uint64_t until_ns = io_now_ns(world.io) + 7000000000ull;
	while (io_now_ns(world.io) < until_ns && sim_disk_io_count(world.disk) < 1000)
		world_turn(&world); /* write-behind files it, and saves the indexes */
	append_at_time(&world, 200);
	world_kill(&world); /* the files are as they are */
	empty_file(&world, "/t-0/00000000000000000000.timeindex");
	world_open(&world);
	struct offset_found found;
	cr_assert_eq(partition_offset_for_time(world_partition(&world, "t", 0), 4000, &found), 0);
	cr_assert(found.found && found.offset == 0, "found %d at %ld", found.found, (long)found.offset);
	world_fini(&world);
}

/* A read that is under way when its topic is deleted ends as closed, and looks at nothing of a topic that may be freed by then: it did, which shows under
 * ASan. (Found by check-sim under ASan, seed 18.) */
Test(store_faults, a_read_outlives_its_topic)
{
	struct world world;
	struct read read = {.op = {.done = read_done, .offset = 0, .size_bytes_max = 4096, .is_first = true}};
	world_init(&world, 11);
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	world_append(&world, world_partition(&world, "t", 0), 0, 3, 100);
	world_stop(&world);
	world_open(&world);
	struct partition *partition = world_partition(&world, "t", 0);
	cr_assert_eq(partition_read(partition, &read.op), READ_PENDING);
	world_delete_topic(&world, "t"); /* the last that held the topic */
	for (int turns = 0; !read.is_done && turns < 1000; turns++)
		world_turn(&world);
	cr_assert(read.is_done);
	cr_assert_eq(read.op.err, ERR_CLOSED);
	partition_read_release(&read.op);
	world_fini(&world);
}

static void open_with_failed_read(uint64_t k, bool is_checkpoint_lost)
{
	struct world world;
	world_init(&world, 21);
	world.options.journal_size_bytes = 1 << 20;
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	for (uint64_t i = 0; i < 3; i++)
		world_append(&world, world_partition(&world, "t", 0), i, 1, 70000);
	if (is_checkpoint_lost) {
		world_stop(&world);
		empty_file(&world, "/checkpoint-0");
	} else {
		world_crash(&world);
	}
	sim_disk_fail_kinds(world.disk, SIM_READ, k, EIO, false);
	int err = world_try_open(&world);
	sim_disk_fail(world.disk, 0, EIO);
	if (world_lacks_any(&world, err)) {
		cr_assert(!err || err == -EIO, "read %lu: %s", (unsigned long)k, err_name(err));
		world_close(&world);
		world_open(&world);
	}
	cr_assert_eq(world.report.damaged_ranges, 0, "read %lu", (unsigned long)k);
	cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 100000), 3, "read %lu", (unsigned long)k);
	world_fini(&world);
}

/* A read that fails in recovery says nothing of what is on the disk: the start is refused, and the next one finds everything. It was taken for a torn piece, which
 * is dropped, or for damage, which is fenced for good. (Found by check-sim, seed 700237.) */
Test(store_faults, a_failed_read_in_recovery_decides_nothing, .timeout = 60)
{
	for (uint64_t k = 1; k < 60; k++) {
		open_with_failed_read(k, false);
		open_with_failed_read(k, true);
	}
}
