/* The last piece in a segment, that nobody vouches for (row @K of recovery): a start files it, before the journal vouches for it, or says why it could not. */
#include <errno.h>

#include "log/store/store_priv.h"
#include "tests/unit/log/store/piece.h"

#define LARGE 100000

/* Offset 0 is filed, 1 is in the journal, 2 is a piece in the segment that no later group vouches for; the power failed. */
static void begin(struct world *world, uint64_t seed)
{
	world_init(world, seed);
	world_open(world);
	world_create_topic(world, "t", 1, NULL, 0);
	world_append(world, the_partition(world), 0, 1, 100);
	let_file(world);
	world_append(world, the_partition(world), 1, 1, 100);
	world_append(world, the_partition(world), 2, 1, LARGE);
	world_crash(world);
}

static void expect_all(struct world *world, int64_t end)
{
	cr_assert_eq(world->report.damaged_ranges, 0);
	cr_assert_eq(world_check_all(world, the_partition(world), 0, 1 << 20), end);
}

/* A disk that fails to file it ends the start, or the partition is offline: what was not filed is not taken for filed, and the next start has all. */
Test(unvouched, a_disk_that_fails, .timeout = 60)
{
	uint32_t failed_filings = 0;
	for (uint64_t k = 1; k < 100; k++) {
		struct world world;
		begin(&world, 1);
		uint64_t before = sim_disk_fail_count(world.disk);
		sim_disk_fail_kinds(world.disk, SIM_WRITE | SIM_SYNC, k, EIO, false);
		int err = world_try_open(&world);
		bool has_struck = sim_disk_fail_count(world.disk) > before;
		cr_assert(!err || err == -EIO, "I/O %lu: %s", (unsigned long)k, err_name(err));
		cr_assert_eq(world_lacks_any(&world, err), has_struck, "I/O %lu: %s", (unsigned long)k, err_name(err));
		failed_filings += has_struck;
		sim_disk_fail(world.disk, 0, EIO);
		if (has_struck) {
			world_crash(&world);
			world_open(&world);
		}
		expect_all(&world, 3);
		world_fini(&world);
		if (!has_struck)
			break;
	}
	cr_assert_gt(failed_filings, 2);
}

/* Begun in one turn, and so in one group: the piece, and a small batch behind a roll. */
static void append_with_a_roll(struct world *world)
{
	static uint8_t bytes[4096];
	struct append large, small = {.op = {.done = append_done, .records = bytes, .begins_segment = true, .is_zstd_allowed = true}};
	small.op.records_size_bytes = make_batch(bytes, sizeof bytes, 3, 1, 100, 1003);
	cr_assert_eq(world_append_begin(the_partition(world), &large, 2, 1, LARGE), 0);
	cr_assert_eq(partition_append(the_partition(world), &small.op), 0);
	store_turn(world->store);
	while (!small.is_done)
		world_turn(world);
	cr_assert(large.is_done && !large.op.err && !small.op.err);
}

/* Without room for it, as there is a segment behind that has no file yet, the start is none that ends: what there is is served, and the rest waits. */
Test(unvouched, a_full_disk_puts_it_off, .timeout = 60)
{
	struct world world;
	struct append append;
	world_init(&world, 2);
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	world_append(&world, the_partition(&world), 0, 1, 100);
	let_file(&world);
	world_append(&world, the_partition(&world), 1, 1, 100);
	append_with_a_roll(&world);
	world_crash(&world);
	sim_disk_set_capacity(world.disk, 1);
	world_open(&world);
	cr_assert(store_is_full(world.store) && !store_has_started(world.store));
	cr_assert_eq(world_append_begin(the_partition(&world), &append, 4, 1, 100), -ENOSPC);
	expect_all(&world, 4);
	sim_disk_set_capacity(world.disk, 0);
	for (int turns = 0; store_is_full(world.store) && turns < 1000; turns++)
		world_turn(&world);
	cr_assert(store_has_started(world.store));
	world_append(&world, the_partition(&world), 4, 1, 100);
	world_fini(&world);
}

/* Offset 0 is filed, 1 is a piece that the group of 2 vouches for, 2 one that nobody does, all in one file. If that is lost to another's bytes, 2 was not torn: it is as damaged as
 * the rest, and its offset is not given out again. Or there is no file at all, or no directory. */
enum loss { LOST_TO_ANOTHER, LOST_FILE, LOST_DIRECTORY };

static void lose_the_file(enum loss loss)
{
	struct world world;
	uint8_t block[512];
	world_init(&world, 3);
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	world_append(&world, the_partition(&world), 0, 1, 100);
	let_file(&world);
	world_append(&world, the_partition(&world), 1, 1, LARGE);
	world_append(&world, the_partition(&world), 2, 1, LARGE);
	world_crash(&world);
	cr_assert_eq(sim_disk_peek(world.disk, "/journal-0", block, sizeof block, 0), sizeof block);
	if (loss == LOST_DIRECTORY)
		rot_rename(&world, "/t-0", "/elsewhere");
	else if (loss == LOST_FILE)
		rot_unlink(&world, "/t-0/00000000000000000000.log");
	else
		cr_assert_eq(sim_disk_overwrite(world.disk, "/t-0/00000000000000000000.log", 0, block, sizeof block), 0);
	world_open(&world);
	world_expect_damaged(&world, the_partition(&world), 0, 3, 3);
	world_append(&world, the_partition(&world), 3, 1, 100);
	world_fini(&world);
}

Test(unvouched, a_lost_file_takes_the_last_piece_with_it, .timeout = 60)
{
	for (enum loss loss = LOST_TO_ANOTHER; loss <= LOST_DIRECTORY; loss++)
		lose_the_file(loss);
}

/* Offset 0 of both is filed, 1 is in the journal, and 2 of both are pieces of the group in flight, whole in their files and in no stable storage: killed. */
static void kill_with_pieces_in_flight(struct world *world, uint64_t seed)
{
	struct append large[2];
	world_init(world, seed);
	world_open(world);
	world_create_topic(world, "t", 2, NULL, 0);
	for (uint32_t i = 0; i < 2; i++)
		world_append(world, partition_of(world, i), 0, 1, 100);
	let_file(world);
	for (uint32_t i = 0; i < 2; i++)
		world_append(world, partition_of(world, i), 1, 1, 100);
	for (uint32_t i = 0; i < 2; i++)
		cr_assert_eq(world_append_begin(partition_of(world, i), &large[i], 2, 1, LARGE), 0);
	store_turn(world->store);
	world_kill(world);
}

/* How far reads come. */
static int64_t served_to(struct world *world, struct partition *partition)
{
	int64_t next = 0;
	for (;;) {
		struct read read;
		world_read_begin(world, partition, &read, next, 1);
		int64_t after = !read.op.err && read.op.piece_count ? check_records(&read.op, next) : next;
		partition_read_release(&read.op);
		if (after == next)
			return next;
		next = after;
	}
}

/* A start that may open only some files, or none from some time on, is refused, or waits with its journal: what it serves then is there behind a power cut. */
Test(unvouched, what_is_served_before_all_can_be_opened_stays, .timeout = 60)
{
	static const int errors[] = {EMFILE, EACCES, ENOMEM};
	uint32_t refused = 0;
	for (uint64_t round = 0; round < COUNT_OF(errors) * 2; round++) {
		bool has_struck = true, is_sticky = round & 1;
		int error = errors[round / 2];
		for (uint64_t k = 1; has_struck && k < 100; k++) {
			struct world world;
			int64_t served[2] = {0, 0};
			kill_with_pieces_in_flight(&world, round + 1);
			uint64_t before = sim_disk_fail_count(world.disk);
			sim_disk_fail_kinds(world.disk, SIM_OPEN, k, error, is_sticky);
			int err = world_try_open(&world);
			has_struck = sim_disk_fail_count(world.disk) > before;
			refused += err == -error;
			sim_disk_fail(world.disk, 0, EIO);
			for (uint32_t i = 0; !err && i < 2; i++)
				served[i] = served_to(&world, partition_of(&world, i));
			world_crash(&world);
			world_open(&world);
			for (uint32_t i = 0; i < 2; i++)
				cr_assert_geq(world_check_all(&world, partition_of(&world, i), 0, 1 << 20), served[i], "%s at open %lu of round %lu, partition %u", strerror(error), (unsigned long)k, (unsigned long)round, i);
			world_fini(&world);
		}
	}
	cr_assert_gt(refused, 0);
}
