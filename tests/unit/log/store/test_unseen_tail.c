/* A log whose end cannot be looked at behind a crash: nothing is appended there until it can, what nobody was told of is cut then, and no stop is a clean one before. */
#include <errno.h>

#include "log/store/store_priv.h"
#include "tests/unit/log/verify/rot.h"

#define APPENDED 3

static void cut_in_a_piece(struct world *world, uint64_t seed)
{
	struct append piece;
	world_init(world, seed);
	world_open(world);
	world_create_topic(world, "t", 2, NULL, 0);
	for (uint64_t n = 0; n < APPENDED; n++)
		world_append(world, world_partition(world, "t", 1), n, 1, 100);
	world_stop(world);
	world_open(world);
	world_append(world, world_partition(world, "t", 0), 0, 1, 100);
	cr_assert_eq(world_append_begin(world_partition(world, "t", 1), &piece, APPENDED, 1, 100000), 0);
	store_turn(world->store);
	world_crash(world);
}

static bool has_tail(struct world *world)
{
	struct sim_disk *before = sim_disk_copy(world->disk);
	world_open(world);
	struct partition *partition = world_partition(world, "t", 1);
	bool found = partition->has_tail && partition_high_watermark(partition) == APPENDED;
	world_close(world);
	sim_disk_close(world->disk);
	world->disk = before;
	return found;
}

/* Partition 1 has records in its file, and behind them a piece of a group that was never durable. */
static void leave_a_tail(struct world *world, uint64_t seed)
{
	for (;; seed += 100) {
		cut_in_a_piece(world, seed);
		if (has_tail(world))
			return;
		world_open(world);
		world_fini(world);
	}
}

/* Opens copies of `base`, one I/O of `kind` after the other failing from then on, until partition 1 is one that could not be looked at. False: there is none. */
static bool open_unseen(struct world *world, struct sim_disk *base, unsigned kind, int error)
{
	bool has_struck = true;
	for (uint64_t k = 1; has_struck; k++) {
		sim_disk_close(world->disk);
		world->disk = sim_disk_copy(base);
		uint64_t before = sim_disk_fail_count(world->disk);
		sim_disk_fail_kinds(world->disk, kind, k, error, true);
		int err = world_try_open(world);
		has_struck = sim_disk_fail_count(world->disk) > before;
		if (!err && world_partition(world, "t", 1)->is_tail_unseen)
			return true;
		world_close(world);
	}
	return false;
}

static void expect_refused(struct world *world, uint32_t index)
{
	struct append append;
	struct partition *partition = world_partition(world, "t", index);
	cr_expect_eq(world_append_begin(partition, &append, (uint64_t)partition_high_watermark(partition), 1, 100), -EIO);
	cr_expect_not_null(append.op.error_message);
}

static void lose(struct world *world, const char *path)
{
	struct io *io = rot_open(world);
	int err = io_unlink(io, path);
	cr_assert(err == 0 || err == -ENOENT, "%s: %s", path, err_name(err));
	io_close(io);
}

/* Without a checkpoint a scan takes all that is whole in the file. */
static void expect_scanned_end(struct world *world, int64_t end)
{
	world_stop(world);
	lose(world, "/checkpoint-0");
	lose(world, "/checkpoint-0.copy");
	world_open(world);
	cr_expect_eq(partition_high_watermark(world_partition(world, "t", 1)), end);
}

/* What was cut off. */
static void expect_kept(struct world *world)
{
	int fd = io_file_open(world->io, "/t-1/00000000000000000000.log.torn", IO_READ_ONLY);
	cr_expect_geq(fd, 0);
	if (fd >= 0)
		io_close_fd(world->io, fd);
}

Test(unseen_tail, is_cut_when_it_can_be_seen, .timeout = 60)
{
	static const struct {
		unsigned kind;
		int error;
	} rows[] = {{SIM_LIST, EIO}, {SIM_LIST, EACCES}, {SIM_OPEN, EACCES}, {SIM_OPEN, ENOTDIR}};
	struct world world;
	uint32_t tails = 0;
	leave_a_tail(&world, 1);
	struct sim_disk *base = sim_disk_copy(world.disk);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (!open_unseen(&world, base, rows[i].kind, rows[i].error))
			continue;
		tails++;
		expect_refused(&world, 1);
		sim_disk_fail(world.disk, 0, EIO);
		for (int turns = 0; world_partition(&world, "t", 1)->is_tail_unseen && turns < 10000; turns++)
			world_turn(&world);
		expect_kept(&world);
		expect_scanned_end(&world, APPENDED);
		world_append(&world, world_partition(&world, "t", 1), APPENDED, 1, 100);
		world_close(&world);
	}
	cr_expect_geq(tails, 2u);
	sim_disk_close(base);
	world_open(&world);
	world_fini(&world);
}

/* What was cut and not made durable may be there again: nobody goes on with that file in this life, and it costs its own partition. */
Test(unseen_tail, a_cut_that_fails, .timeout = 60)
{
	struct world world;
	uint32_t offline = 0;
	bool has_struck = true;
	leave_a_tail(&world, 30);
	struct sim_disk *base = sim_disk_copy(world.disk);
	for (uint64_t k = 1; has_struck; k++) {
		sim_disk_close(world.disk);
		world.disk = sim_disk_copy(base);
		uint64_t before = sim_disk_fail_count(world.disk);
		sim_disk_fail_kinds(world.disk, SIM_SIZE, k, EIO, false);
		world_open(&world);
		has_struck = sim_disk_fail_count(world.disk) > before;
		sim_disk_fail(world.disk, 0, EIO);
		offline += partition_is_offline(world_partition(&world, "t", 1));
		world_append(&world, world_partition(&world, "t", 0), (uint64_t)partition_high_watermark(world_partition(&world, "t", 0)), 1, 100);
		world_stop(&world);
		world_open(&world);
		cr_expect_eq(world_check_all(&world, world_partition(&world, "t", 1), 0, 1 << 20), APPENDED);
		expect_kept(&world);
		expect_scanned_end(&world, APPENDED);
		world_close(&world);
	}
	cr_expect_gt(offline, 0);
	sim_disk_close(base);
	world_open(&world);
	world_fini(&world);
}

Test(unseen_tail, a_stop_before_is_not_clean, .timeout = 60)
{
	struct world world;
	leave_a_tail(&world, 2);
	struct sim_disk *base = sim_disk_copy(world.disk);
	cr_assert(open_unseen(&world, base, SIM_OPEN, EACCES));
	sim_disk_fail(world.disk, 0, EIO);
	world_stop(&world);
	world_open(&world);
	cr_expect_not(world.report.was_clean);
	expect_scanned_end(&world, APPENDED);
	sim_disk_close(base);
	world_fini(&world);
}
