/* Lines of recovery that nothing else would miss: what a replay does with a piece behind a segment that the journal has, with entries of a later version, with a
 * salvage that cannot read, and with directories that are another topic's. (Each was taken away first, and every other test passed: tests/mutants.) */
#include "tests/unit/log/verify/rot.h"

#include <errno.h>

#include "log/store/store_priv.h"

#define TOO_LARGE_FOR_A_GROUP 70000 /* of a journal of 1 MiB: such a piece goes straight to its segment, whatever that costs */
#define TOO_SMALL_TO_TELL 200       /* batches: their entry does not tell their headers */

static void begin(struct world *world, uint64_t seed, uint64_t journal_size)
{
	world_init(world, seed);
	world->options.journal_size_bytes = journal_size;
	world_open(world);
	world_create_topic(world, "t", 1, NULL, 0);
	world_append(world, the_partition(world), 0, 1, 100);
	for (int turns = 0; turns < 300; turns++)
		world_turn(world);
}

static void append_behind_a_roll(struct world *world, uint64_t number)
{
	static uint8_t bytes[4096];
	struct append append = {.op = {.done = append_done, .records = bytes, .begins_segment = true, .is_zstd_allowed = true}};
	append.op.records_size_bytes = make_batch(bytes, sizeof bytes, number, 1, 100, 1000 + (int64_t)number);
	cr_assert_eq(partition_append(the_partition(world), &append.op), 0);
	store_turn(world->store);
	while (!append.is_done)
		world_turn(world);
}

/* @M: a piece that later groups vouch for, behind a segment that was filed, but that no checkpoint tells of yet: it is read back into memory. If a byte of it
 * has rotted it is not, as what is in memory is served unchecked; what the journal has before it is filed then, and stays. */
Test(recovery_lines, a_piece_behind_a_segment_that_the_journal_has)
{
	for (int is_rot = 0; is_rot < 2; is_rot++) {
		struct world world;
		begin(&world, 1 + (uint64_t)is_rot, 1 << 20);
		world_append(&world, the_partition(&world), 1, 1, 100);
		append_behind_a_roll(&world, 2);
		world.store->cycle.is_due = true;
		while (world.store->cycle.state == CYCLE_IDLE)
			world_turn(&world);
		world.store->cycle.in_flight++; /* so this cycle never ends */
		for (int turns = 0; turns < 100 && !segment_is_filed(the_partition(&world)->active); turns++)
			world_turn(&world);
		cr_assert(segment_is_filed(the_partition(&world)->active));
		world_append(&world, the_partition(&world), 3, 1, TOO_LARGE_FOR_A_GROUP);
		world_append(&world, the_partition(&world), 4, 1, 100);
		world_crash(&world);
		const char *log = "/t-0/00000000000000000002.log";
		if (is_rot)
			cr_assert_eq(sim_disk_flip_bit(world.disk, log, rot_batch(&world, log, 1).position + 5000, 3), 0);
		for (int life = 0; life < 3; life++) {
			world_open(&world);
			if (life == 0)
				cr_assert_eq(world.report.damaged_ranges, (uint32_t)is_rot);
			world_expect_damaged(&world, the_partition(&world), 3, 3 + is_rot, 5);
			life == 1 ? world_stop(&world) : world_crash(&world);
		}
		world_open(&world);
		world_fini(&world);
	}
}

/* An entry of a later version's kind: nobody knows what it says, so the store does not open. */
Test(recovery_lines, an_entry_of_a_later_version)
{
	struct world world;
	begin(&world, 3, 8 << 20);
	struct journal_entry entry = {.kind = 77, .topic_id = the_partition(&world)->topic_id, .base_offset = 0, .end_offset = 50};
	cr_assert(journal_add(world.store->journal, &entry, NULL, 0));
	world_append(&world, the_partition(&world), 1, 1, 100);
	world_crash(&world);
	cr_assert_eq(world_try_open(&world), ERR_FORMAT);
	world_fini(&world);
}

/* Three batches in one piece, none of whose headers the entry tells. */
static void leave_a_piece(struct world *world, uint64_t seed)
{
	struct append appends[3];
	world_init(world, seed);
	world->options.direct_size_bytes_min = TOO_SMALL_TO_TELL;
	world_open(world);
	world_create_topic(world, "t", 1, NULL, 0);
	world_append(world, the_partition(world), 0, 1, 100);
	for (int turns = 0; turns < 300; turns++)
		world_turn(world);
	for (uint64_t i = 0; i < 3; i++)
		cr_assert_eq(world_append_begin(the_partition(world), &appends[i], 1 + i, 1, TOO_SMALL_TO_TELL), 0);
	store_turn(world->store);
	while (!appends[2].is_done)
		world_turn(world);
	world_append(world, the_partition(world), 4, 1, 100);
	world_crash(world);
}

/* Its second batch has rotted: that one is named by the start itself, whatever read of it fails; a read that fails ends the start, and the next one finds the
 * same. And with the first batch once more in the second's place, which is whole, and not the one that is due, it is the same. */
Test(recovery_lines, a_salvage_that_cannot_read, .timeout = 60)
{
	static const char *const log = "/t-0/00000000000000000000.log";
	for (int is_twice = 0; is_twice < 2; is_twice++) {
		struct world world;
		leave_a_piece(&world, 10);
		struct place first = rot_batch(&world, log, 1), second = rot_batch(&world, log, 2);
		if (is_twice) {
			size_t size;
			uint8_t *data = rot_read(&world, log, &size);
			cr_assert_eq(first.end - first.position, second.end - second.position);
			memcpy(data + second.position, data + first.position, second.end - second.position);
			rot_write(&world, log, data, size);
			free(data);
		} else {
			cr_assert_eq(sim_disk_flip_bit(world.disk, log, second.position + 50, 1), 0);
		}
		struct sim_disk *base = sim_disk_copy(world.disk);
		for (uint64_t k = 0; k < 40; k++) {
			sim_disk_close(world.disk);
			world.disk = sim_disk_copy(base);
			sim_disk_fail_kinds(world.disk, SIM_READ, k, EIO, false);
			int err = world_try_open(&world);
			sim_disk_fail(world.disk, 0, EIO);
			bool was_offline = world_lacks_any(&world, err);
			if (was_offline) {
				cr_assert(!err || err == -EIO, "read %lu: %s", (unsigned long)k, err_name(err));
				world_close(&world);
				world_open(&world);
			}
			cr_assert(world.report.damaged_ranges == 1 || was_offline, "read %lu", (unsigned long)k); /* else the checkpoint may tell of it already */
			world_expect_damaged(&world, the_partition(&world), 2, 3, 5);
			world_close(&world);
		}
		sim_disk_close(base);
		world_open(&world);
		world_fini(&world);
	}
}

static void count_moved(void *context, const char *path, uint64_t size_bytes)
{
	const char *name = strstr(path, "-delete/");
	*(int *)context += name && strcmp(name, "-delete/00000000000000000000.log") == 0;
}

/* A directory with our topic's name and another topic's id: nothing in there is ours to rename, so it goes as a whole when its name is needed. Bytes that nobody knows of in our own are put aside. */
Test(recovery_lines, a_file_in_anothers_directory)
{
	static const char metadata[] = "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ";
	static const char path[] = "/u-0/00000000000000000000.log";
	for (int is_anothers = 0; is_anothers < 2; is_anothers++) {
		struct world world;
		begin(&world, 20, 8 << 20);
		world_create_topic(&world, "u", 1, NULL, 0);
		world_append(&world, the_partition(&world), 1, 1, 100);
		world_crash(&world);
		struct io *io = rot_open(&world);
		int err = io_dir_make(io, "/u-0");
		cr_assert(err == 0 || err == -EEXIST);
		cr_assert_eq(io_dir_sync(io, "/"), 0);
		io_close(io);
		size_t size;
		uint8_t *data = rot_read(&world, "/t-0/00000000000000000000.log", &size);
		rot_write(&world, path, data, size);
		if (is_anothers)
			rot_write(&world, "/u-0/partition.metadata", metadata, sizeof metadata - 1);
		free(data);
		world_open(&world);
		cr_assert_eq(sim_disk_peek(world.disk, path, NULL, 0, 0) >= 0, is_anothers);
		cr_assert_eq(partition_high_watermark(world_partition(&world, "u", 0)), 0);
		world_append(&world, world_partition(&world, "u", 0), 0, 1, 100);
		world_stop(&world);
		int moved = 0;
		sim_disk_list(world.disk, count_moved, &moved);
		cr_assert_eq(moved, is_anothers);
		world_open(&world);
		cr_assert_eq(world_check_all(&world, world_partition(&world, "u", 0), 0, 1 << 20), 1);
		world_fini(&world);
	}
}

/* Somebody takes partition.metadata from under a running store: it is there again before a checkpoint tells of a new file. */
Test(recovery_lines, a_directory_says_whose_it_is)
{
	struct world world;
	begin(&world, 30, 8 << 20);
	rot_unlink(&world, "/t-0/partition.metadata");
	append_behind_a_roll(&world, 1);
	for (int turns = 0; turns < 300; turns++)
		world_turn(&world);
	cr_assert_geq(sim_disk_peek(world.disk, "/t-0/partition.metadata", NULL, 0, 0), 0);
	world_fini(&world);
}
