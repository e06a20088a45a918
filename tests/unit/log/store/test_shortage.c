/* No more descriptors: what is to be filed waits, and nothing breaks; files that are not in use are closed for those that are. */
#include <errno.h>

#include "log/partition/partition_priv.h"
#include "log/store/store_priv.h"
#include "tests/unit/log/store/world.h"

#define SECOND_NS 1000000000ull
#define OPENS (SIM_OPEN | SIM_DIR_SYNC | SIM_LIST)

static void begin(struct world *world, uint64_t seed, uint32_t partitions)
{
	world_init(world, seed);
	world->options.journal_size_bytes = 1 << 20; /* groups of 64 KiB */
	world_open(world);
	world_create_topic(world, "t", partitions, NULL, 0);
}

static int count_moved(void *context, const char *name, bool is_directory)
{
	*(int *)context += is_directory && strstr(name, "-delete");
	return 0;
}

/* Appends go on into the journal while no file can be opened, and what they brought is filed when one can. Each of the errors is such a state. */
Test(shortage, filing_waits_and_goes_on, .timeout = 60)
{
	static const int errors[] = {EMFILE, ENFILE, ENOMEM};
	for (size_t e = 0; e < COUNT_OF(errors); e++) {
		struct world world;
		begin(&world, e + 1, 3);
		sim_disk_fail_kinds(world.disk, OPENS, 1, errors[e], true);
		for (uint32_t i = 0; i < 3; i++)
			world_append(&world, world_partition(&world, "t", i), 0, 1, 100);
		world_rest(&world, 8 * SECOND_NS);
		cr_expect(store_is_short(world.store));
		cr_expect_not(store_has_failed(world.store), "%s broke durability", err_name(-errors[e]));
		cr_expect_gt(store_counters(world.store).shortages, 0);
		world_append(&world, world_partition(&world, "t", 0), 1, 1, 100);
		sim_disk_fail(world.disk, 0, EIO);
		world_rest(&world, SECOND_NS);
		cr_expect_not(store_is_short(world.store), "%s: it goes on by itself", err_name(-errors[e]));
		int moved = 0;
		cr_assert_eq(io_dir_list(world.io, "/", count_moved, &moved), 0);
		cr_expect_leq(moved, 3, "%d directories were moved away, as nobody could say whose they are", moved);
		world_crash(&world);
		world_open(&world);
		cr_expect_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 1 << 20), 2);
		cr_expect_eq(world_check_all(&world, world_partition(&world, "t", 2), 0, 1 << 20), 1);
		world_fini(&world);
	}
}

/* Filed by a life that was killed before a checkpoint told of it: nothing but partition.metadata says whose the directory is. A moment without descriptors, or memory, in
 * which that cannot be read is no answer, though the directory itself can be listed. */
Test(shortage, whose_a_directory_is_is_asked_again, .timeout = 60)
{
	struct world world;
	int moved = 0;
	begin(&world, 40, 1);
	struct partition *partition = world_partition(&world, "t", 0);
	world_append(&world, partition, 0, 1, 100);
	struct partition *failed;
	cr_assert_eq(store__file_now(world.store, &partition, 1, &failed), 0);
	world_kill(&world);
	world_open(&world);
	sim_disk_fail_kinds(world.disk, SIM_OPEN, 1, ENOMEM, false);
	cr_assert_eq(partition__prepare_dir(world_partition(&world, "t", 0)), -ENOMEM);
	cr_assert_eq(io_dir_list(world.io, "/", count_moved, &moved), 0);
	cr_expect_eq(moved, 0, "it was moved away");
	world_rest(&world, 8 * SECOND_NS);
	cr_expect_not(store_has_failed(world.store));
	world_crash(&world);
	world_open(&world);
	cr_expect_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 1 << 20), 1);
	world_fini(&world);
}

/* The checkpoint is lost, and what it alone knew, a fence, is in its copy. A moment in which that cannot be opened is no reason to do without it: the start ends with the
 * error, or has the fence. */
Test(shortage, a_copy_that_cannot_be_opened_is_not_given_up, .timeout = 60)
{
	struct world world;
	bool has_struck = true;
	begin(&world, 41, 1);
	for (uint64_t i = 0; i < 3; i++)
		world_append(&world, world_partition(&world, "t", 0), i, 1, 100);
	partition__add_damage(world_partition(&world, "t", 0), 1, 2);
	world_stop(&world);
	struct io *io;
	struct io_options options = {.backend = IO_SIM, .disk = world.disk, .seed = 1};
	cr_assert_eq(io_open(&io, &options), 0);
	int fd = io_file_open(io, "/checkpoint-0", 0);
	cr_assert_eq(io_file_truncate(io, fd, 20), 0);
	cr_assert_eq(io_file_sync(io, fd), 0);
	io_close_fd(io, fd);
	io_close(io);
	struct sim_disk *base = sim_disk_copy(world.disk);
	for (uint64_t k = 1; has_struck; k++) {
		sim_disk_close(world.disk);
		world.disk = sim_disk_copy(base);
		uint64_t before = sim_disk_fail_count(world.disk);
		sim_disk_fail_kinds(world.disk, SIM_OPEN, k, EMFILE, false);
		int err = world_try_open(&world);
		has_struck = sim_disk_fail_count(world.disk) > before;
		sim_disk_fail(world.disk, 0, EIO);
		cr_assert(err == 0 || err == -EMFILE, "open %lu: %s", (unsigned long)k, err_name(err));
		if (!err)
			cr_expect_eq(world_partition(&world, "t", 0)->damage_count, 1, "open %lu: the directories were scanned", (unsigned long)k);
		world_close(&world);
	}
	sim_disk_close(base);
	world_open(&world);
	world_fini(&world);
}

/* A segment's file that may not be opened (its mode, its owner) is such a state as well, until somebody puts that right: small batches and large ones go through
 * the journal, a stop leaves them there. */
Test(shortage, a_file_that_may_not_be_opened, .timeout = 60)
{
	static const int errors[] = {EACCES, EPERM, ENOTDIR};
	for (size_t e = 0; e < COUNT_OF(errors); e++) {
		struct world world;
		begin(&world, 20 + e, 1);
		struct partition *partition = world_partition(&world, "t", 0);
		world_append(&world, partition, 0, 1, 100);
		world_rest(&world, 8 * SECOND_NS); /* its directory is ours; now its file alone is to be opened */
		while (segment_home_spare_files(&partition->home->segments))
			;
		sim_disk_fail_kinds(world.disk, SIM_OPEN, 1, errors[e], true);
		world_append(&world, partition, 1, 1, 100);
		world_append(&world, partition, 2, 1, 12000);
		world_rest(&world, 8 * SECOND_NS);
		cr_expect(store_is_short(world.store));
		cr_assert_not(store_has_failed(world.store), "%s broke durability", err_name(-errors[e]));
		world_append(&world, partition, 3, 1, 100);
		if (e == 0) {
			sim_disk_fail(world.disk, 0, EIO);
			world_rest(&world, SECOND_NS);
			cr_expect_not(store_is_short(world.store), "it goes on by itself");
			world_crash(&world);
		} else {
			world_stop(&world);
			sim_disk_fail(world.disk, 0, EIO);
		}
		world_open(&world);
		cr_expect_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 1 << 20), 4);
		world_fini(&world);
	}
}

/* A sync that is refused is no such state: nobody knows how far it had come, whatever it says. */
Test(shortage, a_sync_that_is_refused_is_final, .timeout = 60)
{
	static const int errors[] = {ENOMEM, EACCES, EPERM, ENOTDIR};
	for (size_t e = 0; e < COUNT_OF(errors); e++) {
		struct world world;
		begin(&world, 30 + e, 1);
		sim_disk_fail_kinds(world.disk, SIM_SYNC | SIM_DIR_SYNC, 1, errors[e], true);
		world_append(&world, world_partition(&world, "t", 0), 0, 1, 100);
		for (int turns = 0; !store_has_failed(world.store) && turns < 100; turns++)
			world_rest(&world, SECOND_NS);
		cr_expect(store_has_failed(world.store), "%s", err_name(-errors[e]));
		sim_disk_fail(world.disk, 0, EIO);
		world_fini(&world);
	}
}

/* A batch that fits no group has to wait for its file, and no other partition waits behind it. */
Test(shortage, a_batch_larger_than_a_group_holds_up_nobody, .timeout = 60)
{
	struct world world;
	struct append large;
	begin(&world, 7, 2);
	sim_disk_fail_kinds(world.disk, OPENS, 1, EMFILE, true);
	cr_assert_eq(world_append_begin(world_partition(&world, "t", 0), &large, 0, 1, 300000), 0);
	for (uint64_t i = 0; i < 3; i++)
		world_append(&world, world_partition(&world, "t", 1), i, 1, 100);
	world_rest(&world, SECOND_NS);
	cr_expect_not(large.is_done, "it is nowhere");
	cr_expect_not(store_has_failed(world.store));
	sim_disk_fail(world.disk, 0, EIO);
	world_rest(&world, SECOND_NS);
	cr_expect(large.is_done && large.op.err == 0);
	world_crash(&world);
	world_open(&world);
	cr_expect_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 1 << 20), 1);
	world_fini(&world);
}

/* Batches that fit a group, but not all of them one: they go through the journal in several, whatever their file is. (Found by faults, seed 5.) */
Test(shortage, batches_that_fit_a_group_wait_for_nothing, .timeout = 60)
{
	struct world world;
	struct append appends[6];
	begin(&world, 11, 1);
	struct partition *partition = world_partition(&world, "t", 0);
	world_append(&world, partition, 0, 1, 100);
	world_rest(&world, 8 * SECOND_NS); /* it has a file */
	sim_disk_fail_kinds(world.disk, OPENS, 1, EMFILE, true);
	while (segment_home_spare_files(&partition->home->segments))
		;
	for (uint64_t i = 0; i < COUNT_OF(appends); i++)
		cr_assert_eq(world_append_begin(partition, &appends[i], i + 1, 1, 12000), 0);
	store_turn(world.store);
	world_rest(&world, SECOND_NS);
	for (size_t i = 0; i < COUNT_OF(appends); i++)
		cr_expect(appends[i].is_done && appends[i].op.err == 0, "batch %zu: %d, %s", i, appends[i].is_done, err_name(appends[i].op.err));
	sim_disk_fail(world.disk, 0, EIO);
	world_fini(&world);
}

/* An open that finds no descriptor closes a file that is not in use, and needs no second turn for it. */
Test(shortage, idle_files_are_closed_first, .timeout = 60)
{
	struct world world;
	begin(&world, 8, 4);
	for (uint32_t i = 0; i < 3; i++)
		world_append(&world, world_partition(&world, "t", i), 0, 1, 100);
	world_rest(&world, 8 * SECOND_NS);
	uint32_t open_before = store_usage(world.store).open_files;
	cr_assert_geq(open_before, 3);
	world_append(&world, world_partition(&world, "t", 3), 0, 1, 100);
	sim_disk_fail_kinds(world.disk, OPENS, 1, EMFILE, false);
	world_rest(&world, 8 * SECOND_NS);
	cr_expect_eq(store_counters(world.store).shortages, 0);
	cr_expect_eq(store_usage(world.store).open_files, open_before, "one went, one came");
	world_fini(&world);
}

/* Of many partitions so many files stay open as the store may have, and all are read and written. */
Test(shortage, open_files_are_bounded, .timeout = 60)
{
	struct world world;
	world_init(&world, 9);
	world.options.open_files_max = 10;
	world_open(&world);
	world_create_topic(&world, "t", 60, NULL, 0);
	for (uint64_t round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < 60; i++)
			world_append(&world, world_partition(&world, "t", i), round, 1, 100);
		world_rest(&world, 8 * SECOND_NS);
		cr_expect_leq(store_usage(world.store).open_files, 10, "%u are open", store_usage(world.store).open_files);
		world_stop(&world);
		world_open(&world);
		for (uint32_t i = 0; i < 60; i++)
			cr_expect_eq(world_check_all(&world, world_partition(&world, "t", i), 0, 1 << 20), (int64_t)round + 1);
		cr_expect_leq(store_usage(world.store).open_files, 10, "%u are open", store_usage(world.store).open_files);
	}
	world_fini(&world);
}

/* I/Os of the third time that each of 100 partitions has something to file. */
static uint64_t count_ios(uint32_t open_files_max)
{
	struct world world;
	uint64_t before = 0;
	world_init(&world, 9);
	world.options.open_files_max = open_files_max;
	world_open(&world);
	world_create_topic(&world, "t", 100, NULL, 0);
	for (uint64_t round = 0; round < 3; round++) {
		before = sim_disk_io_count(world.disk);
		for (uint32_t i = 0; i < 100; i++)
			world_append(&world, world_partition(&world, "t", i), round, 1, 100);
		world_rest(&world, 8 * SECOND_NS);
	}
	uint64_t count = sim_disk_io_count(world.disk) - before;
	world_fini(&world);
	return count;
}

/* Where somewhat more files are written to in turn than may be open, most of them are found open. */
Test(shortage, who_is_written_to_in_turn_is_found_open, .timeout = 60)
{
	uint64_t all_open = count_ios(1000), some = count_ios(80);
	cr_expect_geq(some, all_open + 20, "%lu and %lu", some, all_open);
	cr_expect_leq(some, all_open + 60, "%lu and %lu", some, all_open);
}

/* A stop that finds no descriptors for all its time ends; what is not filed is in the journal. */
Test(shortage, a_stop_does_not_wait_for_ever, .timeout = 60)
{
	struct world world;
	begin(&world, 10, 1);
	world_append(&world, world_partition(&world, "t", 0), 0, 1, 100);
	sim_disk_fail_kinds(world.disk, OPENS, 1, EMFILE, true);
	store_stop(world.store);
	for (int turns = 0; !store_is_stopped(world.store) && turns < 10000; turns++)
		world_turn(&world);
	cr_expect(store_is_stopped(world.store));
	cr_expect_not(store_has_failed(world.store));
	sim_disk_fail(world.disk, 0, EIO);
	world_close(&world);
	world_open(&world);
	cr_expect_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 1 << 20), 1);
	world_fini(&world);
}

/* A directory that could not be opened to be synced was not: nothing in it is given up by the journal before that has come. */
Test(shortage, directories_are_synced_later, .timeout = 60)
{
	for (uint64_t seed = 1; seed <= 12; seed++) {
		struct world world;
		begin(&world, 100 + seed, 2);
		sim_disk_fail_kinds(world.disk, SIM_DIR_SYNC, 1, EMFILE, true);
		for (uint32_t i = 0; i < 2; i++)
			world_append(&world, world_partition(&world, "t", i), 0, 1, 100);
		world_rest(&world, 8 * SECOND_NS);
		cr_expect_not(store_has_failed(world.store));
		sim_disk_fail(world.disk, 0, EIO);
		world_rest(&world, 8 * SECOND_NS);
		world_crash(&world);
		world_open(&world);
		for (uint32_t i = 0; i < 2; i++)
			cr_expect_eq(world_check_all(&world, world_partition(&world, "t", i), 0, 1 << 20), 1, "seed %lu", seed);
		world_fini(&world);
	}
}
