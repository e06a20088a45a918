/* Bytes that are nobody's any more, or somebody else's, are kept under another name before anything is written in their place: durably, and not by half. */
#include "log/segment/foreign_file.h"
#include "log/segment/torn_file.h"
#include "tests/unit/log/verify/rot.h"

#include <errno.h>

#define SIZE 9000

static struct io *begin(struct world *world, const char *path)
{
	uint8_t bytes[SIZE];
	*world = (struct world){.disk = sim_disk_open(1)};
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(1 + i % 250);
	rot_write(world, path, bytes, sizeof bytes);
	struct io *io = rot_open(world);
	cr_assert_eq(io_dir_sync(io, "/"), 0);
	return io;
}

/* A power cut behind the call finds another's file under its new name, whatever of the unsynced is lost. */
Test(kept_aside, a_foreign_file_durably)
{
	struct world world;
	struct io *io = begin(&world, "/file");
	cr_assert_eq(foreign_file_put_aside(io, "/file", "is another's"), 0);
	struct sim_disk *left = world_lose_all(world.disk);
	uint8_t byte;
	cr_expect_eq(sim_disk_peek(left, "/file" FOREIGN_FILE_SUFFIX, &byte, 1, SIZE - 1), 1);
	cr_expect_eq(sim_disk_peek(left, "/file", &byte, 1, 0), -ENOENT);
	sim_disk_close(left);
	io_close(io);
	sim_disk_close(world.disk);
}

/* What is torn off a log's end is in the other file before it is cut off. (That its name is durable is not promised: so here it is.) */
Test(kept_aside, a_torn_tail_durably)
{
	struct world world;
	struct io *io = begin(&world, "/file");
	uint8_t last[2];
	rot_write(&world, "/file.torn", "x", 1);
	cr_assert_eq(io_dir_sync(io, "/"), 0);
	int fd = io_file_open(io, "/file", IO_READ_ONLY);
	cr_assert_geq(fd, 0);
	cr_assert_eq(torn_file_save(io, fd, 4000, SIZE, "/file.torn"), 0);
	struct sim_disk *left = world_lose_all(world.disk);
	cr_expect_eq(sim_disk_peek(left, "/file.torn", last, 2, SIZE - 4001), 1, "its last byte, and no more");
	cr_expect_eq(last[0], 1 + (SIZE - 1) % 250);
	sim_disk_close(left);
	io_close_fd(io, fd);
	io_close(io);
	sim_disk_close(world.disk);
}

/* A tail that cannot be read, or copied, is not reported as kept: the caller would cut it off. */
Test(kept_aside, a_torn_tail_that_cannot_be_copied)
{
	static const uint32_t kinds[] = {SIM_READ, SIM_WRITE, SIM_SYNC, SIM_OPEN, SIM_SIZE};
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		struct world world;
		struct io *io = begin(&world, "/file");
		int fd = io_file_open(io, "/file", IO_READ_ONLY);
		cr_assert_geq(fd, 0);
		sim_disk_fail_kinds(world.disk, kinds[i], 1, EIO, true);
		cr_expect_eq(torn_file_save(io, fd, 4000, SIZE, "/file.torn"), -EIO, "kind %u", kinds[i]);
		sim_disk_fail(world.disk, 0, EIO);
		io_close_fd(io, fd);
		io_close(io);
		sim_disk_close(world.disk);
	}
}
