/* What lies behind the end that recovery found was never acknowledged, and a consumer has seen that it is not there: it must not come back when the
 * checkpoint, which says where the log ends, is lost later. (Found by check-sim, seed 400482: two faults, one behind the other.) */
#include "tests/unit/log/verify/rot.h"

#include <errno.h>

static const char *const log_path = "/t-0/00000000000000000000.log";

/* One batch that is filed and one that the journal alone has; killed. */
static void begin(struct world *world, uint64_t seed)
{
	world_init(world, seed);
	world_open(world);
	world_create_topic(world, "t", 1, NULL, 0);
	world_append(world, the_partition(world), 0, 1, 100);
	for (int turns = 0; turns < 300; turns++)
		world_turn(world);
	world_append(world, the_partition(world), 1, 1, 100);
	world_crash(world);
}

/* A whole batch of this offset at this place of a file: what a direct piece leaves whose group was torn. */
static void leave_batch(struct world *world, const char *path, uint64_t position, int64_t offset)
{
	uint8_t bytes[1024];
	uint32_t size = make_batch(bytes, sizeof bytes, (uint64_t)offset, 1, 100, 1000);
	store_be64(bytes, (uint64_t)offset);
	struct io *io = rot_open(world);
	int fd = io_file_open(io, path, IO_CREATE);
	cr_assert_geq(fd, 0);
	cr_assert_eq(io_file_write(io, fd, bytes, size, position), size);
	cr_assert_eq(io_file_sync(io, fd), 0);
	io_close_fd(io, fd);
	cr_assert_eq(io_dir_sync(io, "/t-0"), 0);
	io_close(io);
}

/* A start, at which a consumer sees that the log ends with 2; then the checkpoint is lost. */
static void lose_checkpoint(struct world *world)
{
	world_open(world);
	cr_assert_eq(partition_high_watermark(the_partition(world)), 2);
	world_crash(world);
	rot_unlink(world, "/checkpoint-0");
	world_open(world);
	cr_assert_eq(partition_high_watermark(the_partition(world)), 2);
	cr_assert_eq(world->report.damaged_ranges, 0);
	cr_assert_eq(world_check_all(world, the_partition(world), 0, 1 << 20), 2);
}

Test(recovery_end, what_lies_behind_it_in_the_file_is_cut_off)
{
	struct world world;
	begin(&world, 1);
	leave_batch(&world, log_path, 2 * rot_batch(&world, log_path, 0).end, 2);
	lose_checkpoint(&world);
	world_fini(&world);
}

Test(recovery_end, a_segment_that_nobody_knows_is_put_aside)
{
	struct world world;
	size_t size;
	begin(&world, 2);
	leave_batch(&world, "/t-0/00000000000000000002.log", 0, 2);
	lose_checkpoint(&world);
	world_append(&world, the_partition(&world), 2, 3, 100);
	world_stop(&world);
	free(rot_read(&world, "/t-0/00000000000000000002.log.torn", &size));
	cr_assert_gt(size, 0);
	world_open(&world);
	cr_assert_eq(world_check_all(&world, the_partition(&world), 0, 1 << 20), 5);
	world_fini(&world);
}

static bool is_there(struct sim_disk *disk, const char *path)
{
	return sim_disk_peek(disk, path, NULL, 0, 0) >= 0;
}

/* What was beside it tells of batches that are none, and goes with it: also if that fails at first, and however little comes through when the power fails behind
 * the start. (The file was renamed first, and nothing found the others any more.) */
Test(recovery_end, what_tells_of_it_goes_as_well)
{
	static const char *const log = "/t-0/00000000000000000002.log", *const index = "/t-0/00000000000000000002.index";
	struct world world;
	begin(&world, 6);
	leave_batch(&world, log, 0, 2);
	leave_batch(&world, index, 0, 2);
	rot_write(&world, index, "of an earlier time", 18);
	struct sim_disk *base = sim_disk_copy(world.disk);
	uint32_t failed = 0;
	bool has_struck = true;
	for (uint64_t k = 1; has_struck; k++) {
		sim_disk_close(world.disk);
		world.disk = sim_disk_copy(base);
		uint64_t before = sim_disk_fail_count(world.disk);
		sim_disk_fail_kinds(world.disk, SIM_NAMES, k, EIO, false);
		int err = world_try_open(&world);
		has_struck = sim_disk_fail_count(world.disk) > before;
		sim_disk_fail(world.disk, 0, EIO);
		failed += world_lacks_any(&world, err);
		if (world_lacks_any(&world, err)) {
			world_close(&world);
			world_open(&world);
		}
		struct sim_disk *left = world_lose_all(world.disk);
		cr_expect_not(is_there(left, log), "change of a name %lu", (unsigned long)k);
		cr_expect_not(is_there(left, index), "change of a name %lu", (unsigned long)k);
		sim_disk_close(left);
		world_close(&world);
	}
	cr_expect_gt(failed, 1u);
	sim_disk_close(base);
	world_open(&world);
	world_fini(&world);
}

/* Room that was reserved ahead is no torn tail: a start after a kill does not read it, nor sync a file for it. */
Test(recovery_end, reserved_room_is_left)
{
	struct world world;
	size_t size;
	begin(&world, 3);
	uint8_t *data = rot_read(&world, log_path, &size);
	data = realloc(data, size + 100000);
	memset(data + size, 0, 100000);
	rot_write(&world, log_path, data, size + 100000);
	free(data);
	world_open(&world);
	world_crash(&world);
	free(rot_read(&world, log_path, &size));
	cr_assert_gt(size, 100000);
	world_open(&world);
	cr_assert_eq(world_check_all(&world, the_partition(&world), 0, 1 << 20), 2);
	world_fini(&world);
}

/* Nor when something is filed there: it serves this life, and goes when it ends. */
Test(recovery_end, reserved_room_is_taken_over)
{
	struct world world;
	size_t size;
	begin(&world, 5);
	uint64_t end = 2 * rot_batch(&world, log_path, 0).end;
	uint8_t *data = rot_read(&world, log_path, &size);
	data = realloc(data, 300000);
	memset(data + size, 0, 300000 - size);
	rot_write(&world, log_path, data, 300000);
	free(data);
	world_open(&world);
	for (int turns = 0; turns < 300; turns++)
		world_turn(&world);
	cr_expect_eq(sim_disk_peek(world.disk, log_path, NULL, 0, 299999), 0);
	uint8_t byte;
	cr_expect_eq(sim_disk_peek(world.disk, log_path, &byte, 1, 299999), 1, "the room is there");
	world_stop(&world);
	free(rot_read(&world, log_path, &size));
	cr_expect_eq(size, end);
	world_open(&world);
	cr_assert_eq(world_check_all(&world, the_partition(&world), 0, 1 << 20), 2);
	world_fini(&world);
}

/* The log's very first piece, in a segment without a file before: nothing but the directory tells that there is one. */
Test(recovery_end, the_first_segment_of_all)
{
	struct world world;
	world_init(&world, 4);
	world_open(&world);
	world_create_topic(&world, "other", 1, NULL, 0);
	world_create_topic(&world, "t", 1, NULL, 0);
	world_append(&world, world_partition(&world, "other", 0), 0, 1, 100);
	for (int turns = 0; turns < 300; turns++)
		world_turn(&world);
	world_crash(&world);
	struct io *io = rot_open(&world);
	cr_assert_eq(io_dir_make(io, "/t-0"), 0);
	cr_assert_eq(io_dir_sync(io, "/"), 0);
	io_close(io);
	leave_batch(&world, log_path, 0, 0);
	for (int life = 0; life < 2; life++) {
		world_open(&world);
		cr_assert_eq(partition_high_watermark(the_partition(&world)), 0);
		if (life == 0) {
			world_crash(&world);
			rot_unlink(&world, "/checkpoint-0");
		}
	}
	world_fini(&world);
}

/* Recovery had its file open to look into a piece that the last group did not vouch for. It was put aside, and the segment has another file now: that is the one to read from. (check-sim, seed 2704: what was
 * acknowledged was refused as damaged once memory had let it go.) */
Test(recovery_end, what_was_put_aside_is_not_read)
{
	struct world world;
	world_init(&world, 13);
	world.options.cache_size_bytes = 4 << 20;
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	world_append(&world, the_partition(&world), 0, 6, 100000);
	world_crash(&world);
	rot_flip(&world, log_path, 1000, 1);
	world_open(&world);
	cr_assert_eq(partition_high_watermark(the_partition(&world)), 0);
	cr_assert(is_there(world.disk, "/t-0/00000000000000000000.log.torn"));
	for (uint64_t i = 0; i < 80; i++)
		world_append(&world, the_partition(&world), i, 1, 100000);
	struct offset_found found;
	cr_assert_eq(partition_offset_for_time(the_partition(&world), 1, &found), 0);
	cr_expect(found.found);
	cr_expect_eq(found.offset, 0, "%ld", (long)found.offset);
	cr_expect_eq(world_check_all(&world, the_partition(&world), 0, 1 << 20), 80);
	world_fini(&world);
}

/* ---- cut, durably ---------------------------------------------------------------------------------------------------- */

/* Two batches that are filed, and behind them what a torn direct piece has left; killed. Returns where the log ends in the file. */
static size_t begin_with_tail(struct world *world, uint64_t seed)
{
	world_init(world, seed);
	world_open(world);
	world_create_topic(world, "t", 1, NULL, 0);
	world_append(world, the_partition(world), 0, 1, 100);
	world_append(world, the_partition(world), 1, 1, 100);
	for (int turns = 0; turns < 300; turns++)
		world_turn(world);
	world_crash(world);
	size_t end = rot_batch(world, log_path, 1).end;
	leave_batch(world, log_path, end, 2);
	return end;
}

/* Before anybody is served: a power cut right after the start does not bring it back, however little came through. */
Test(recovery_end, the_cut_is_durable_before_anybody_is_served)
{
	struct world world;
	size_t end = begin_with_tail(&world, 10);
	world_open(&world);
	struct sim_disk *left = world_lose_all(world.disk);
	cr_expect_eq(sim_disk_peek(world.disk, log_path, NULL, 0, end), 0);
	uint8_t byte;
	cr_expect_eq(sim_disk_peek(left, log_path, &byte, 1, end), 0, "the batch is there again");
	cr_expect_eq(sim_disk_peek(left, log_path, &byte, 1, end - 1), 1);
	sim_disk_close(left);
	world_fini(&world);
}

struct opening {
	struct world *world;
	uint32_t cuts;
};

/* Whenever the power fails during the start: another start has all three. */
static void lose_all_here(void *context)
{
	struct opening *opening = context;
	const struct world *world = opening->world;
	struct world other = {.disk = world_lose_all(world->disk), .config = world->config, .options = world->options, .seed = 1};
	world_open(&other);
	cr_assert_eq(other.report.damaged_ranges, 0, "cut %u", opening->cuts);
	cr_assert_eq(world_check_all(&other, the_partition(&other), 0, 1 << 20), 3, "cut %u", opening->cuts);
	world_close(&other);
	sim_disk_close(other.disk);
	opening->cuts++;
}

/* A large piece that was acknowledged last of all lies in the file alone. A tail behind it is cut off behind it, and not where the checkpoint ends: until the piece
 * is filed again there is no other copy of it. */
Test(recovery_end, what_is_cut_off_is_behind_the_last_piece)
{
	struct world world;
	struct opening opening = {&world, 0};
	world_init(&world, 11);
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	world_append(&world, the_partition(&world), 0, 1, 100);
	for (int turns = 0; turns < 300; turns++)
		world_turn(&world);
	world_append(&world, the_partition(&world), 1, 1, 100);
	world_append(&world, the_partition(&world), 2, 1, 100000);
	world_crash(&world);
	leave_batch(&world, log_path, rot_batch(&world, log_path, 2).end, 3);
	sim_disk_on_io(world.disk, lose_all_here, &opening);
	world_open(&world);
	sim_disk_on_io(world.disk, NULL, NULL);
	cr_assert_gt(opening.cuts, 10);
	cr_assert_eq(world_check_all(&world, the_partition(&world), 0, 1 << 20), 3);
	world_fini(&world);
}

/* A file that somebody cuts behind the start, so that its last block cannot be read back: the block is not made up, and the partition is offline. */
Test(recovery_end, a_block_that_is_not_there_is_not_made_up)
{
	struct world world;
	struct append append;
	begin_with_tail(&world, 12);
	world_open(&world);
	int fd = io_file_open(world.io, log_path, 0);
	cr_assert_geq(fd, 0);
	cr_assert_eq(io_file_truncate(world.io, fd, 10), 0);
	io_close_fd(world.io, fd);
	cr_assert_eq(world_append_begin(the_partition(&world), &append, 2, 1, 100), 0);
	for (int turns = 0; turns < 300; turns++)
		world_turn(&world);
	cr_expect(append.is_done && !append.op.err);
	cr_expect(partition_is_offline(the_partition(&world)));
	cr_expect_not(store_has_failed(world.store));
	uint8_t byte;
	cr_expect_eq(sim_disk_peek(world.disk, log_path, &byte, 1, 10), 0);
	world_fini(&world);
}
