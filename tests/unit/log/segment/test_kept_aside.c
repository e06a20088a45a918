/* Bytes that are nobody's any more, or somebody else's, are kept under another name before anything is written in their place: durably, and not by half. */
#include "log/segment/foreign_file.h"
#include "log/base/bytes.h"
#include "log/segment/torn_file.h"
#include "tests/unit/log/verify/rot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

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
	cr_assert_eq(torn_file_save(io, fd, 4000, SIZE, "/file.torn", false), 0);
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
		cr_expect_eq(torn_file_save(io, fd, 4000, SIZE, "/file.torn", false), -EIO, "kind %u", kinds[i]);
		sim_disk_fail(world.disk, 0, EIO);
		io_close_fd(io, fd);
		io_close(io);
		sim_disk_close(world.disk);
	}
}

#define ROOM (8u << 20)

static uint32_t pages_in_memory(int fd)
{
	static uint8_t pages[ROOM / 4096];
	uint32_t count = 0;
	void *map = mmap(NULL, ROOM, PROT_READ, MAP_SHARED, fd, 0);
	cr_assert_neq(map, MAP_FAILED);
	cr_assert_eq(mincore(map, ROOM, pages), 0);
	munmap(map, ROOM);
	for (uint32_t i = 0; i < ROOM / 4096; i++)
		count += pages[i] & 1;
	return count;
}

/* Behind a log's end is room that was reserved, up to 64 MiB of it in each of many partitions: a start does not read it. (What the kernel read ahead of it passed for
 * data, and was read, with more ahead of that: half a second of a start after a kill.) */
Test(kept_aside, reserved_room_is_not_read)
{
	char path[] = "/tmp/spate-room-XXXXXX";
	uint8_t block[4096] = "a log's end";
	struct io *io;
	cr_assert_eq(io_open(&io, &(struct io_options){.backend = IO_SYSCALLS}), 0);
	close(mkstemp(path));
	int fd = io_file_open(io, path, 0);
	cr_assert_geq(fd, 0);
	bool is_reserved = io_file_allocate(io, fd, 0, ROOM, true) == 0;
	cr_assert_eq(io_file_write(io, fd, block, sizeof block, 0), sizeof block);
	cr_assert_eq(io_file_sync(io, fd), 0);
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	/* Not every file system can reserve, nor tell what was, nor forget what is in memory. */
	if (is_reserved && io_file_next_data(io, fd, sizeof block) == ROOM && pages_in_memory(fd) == 0) {
		cr_expect_eq(torn_file_is_due(io, fd, sizeof block - 100), 0);
		cr_expect_leq(pages_in_memory(fd), 1);
	}
	io_close_fd(io, fd);
	io_close(io);
	unlink(path);
}

/* ---- what stands under a derived file's name --------------------------------------------------------------------------- */

struct kind_row {
	const char *name;
	size_t (*fill)(uint8_t *out, size_t size);
	bool is_kept;
};

static size_t fill_log(uint8_t *out, size_t size)
{
	return make_batch(out, size, 7, 3, 100, 1000);
}

static size_t fill_rotten_log(uint8_t *out, size_t size)
{
	size_t used = fill_log(out, size);
	out[used - 1] ^= 1;
	return used;
}

static size_t fill_cut_log(uint8_t *out, size_t size)
{
	return fill_log(out, size) - 1;
}

/* As another broker leaves it behind compaction: fewer records than offsets, and sound. */
static size_t fill_compacted_log(uint8_t *out, size_t size)
{
	size_t used = fill_log(out, size);
	store_be32(out + BATCH_AT_LAST_OFFSET_DELTA, 9);
	batch_stamp_crc(out, (uint32_t)used);
	return used;
}

static size_t fill_hole(uint8_t *out, size_t size)
{
	memset(out, 0, size);
	memcpy(out, "SPATEHOL", 8);
	return size;
}

static size_t fill_times(uint8_t *out, int64_t first_ms, uint32_t step_offsets)
{
	for (uint32_t i = 0; i < 40; i++) {
		store_be64(out + i * 12, (uint64_t)(first_ms + (int64_t)i * 100));
		store_be32(out + i * 12 + 8, 69 + i * step_offsets);
	}
	return 480;
}

/* Byte 4 of the second entry's time is a batch's magic, as for 4.7 hours of each 50 days. */
static size_t fill_times_of_now(uint8_t *out, size_t size)
{
	(void)size;
	return fill_times(out, 0x1a202000000, 70);
}

static size_t fill_times_of_long_batches(uint8_t *out, size_t size)
{
	(void)size;
	return fill_times(out, 0x1a202000000, 256);
}

static size_t fill_times_of_another_day(uint8_t *out, size_t size)
{
	(void)size;
	return fill_times(out, 0x1a203000000, 70);
}

/* The third entry's offset begins with a magic: so many records are in no segment of ours, but a byte of it may rot. */
static size_t fill_positions(uint8_t *out, size_t size)
{
	(void)size;
	for (uint32_t i = 0; i < 40; i++) {
		store_be32(out + i * 8, (2u << 24) + i * 70);
		store_be32(out + i * 8 + 4, 4096 + i * 4096);
	}
	store_be32(out + 8, 200);
	return 320;
}

static size_t fill_zeros(uint8_t *out, size_t size)
{
	memset(out, 0, size);
	return size;
}

static size_t fill_nothing(uint8_t *out, size_t size)
{
	(void)out;
	(void)size;
	return 0;
}

/* Only what is another file's, damaged or not, is kept: a sound file that is made anew makes nobody believe that two were exchanged. */
Test(kept_aside, what_begins_as_another_file)
{
	static const struct kind_row rows[] = {
		{"a log", fill_log, true},
		{"a log whose first batch has rotted", fill_rotten_log, true},
		{"a log that was cut in its first batch", fill_cut_log, true},
		{"a compacted log", fill_compacted_log, true},
		{"a hole's mark", fill_hole, true},
		{"a time index of now", fill_times_of_now, false},
		{"a time index of long batches", fill_times_of_long_batches, false},
		{"a time index of another day", fill_times_of_another_day, false},
		{"an index", fill_positions, false},
		{"zeros", fill_zeros, false},
		{"nothing", fill_nothing, false},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct world world = {.disk = sim_disk_open(1)};
		uint8_t bytes[1000], byte;
		rot_write(&world, "/file", bytes, rows[i].fill(bytes, sizeof bytes));
		struct io *io = rot_open(&world);
		cr_assert_eq(foreign_file_keep(io, "/file"), 0, "%s", rows[i].name);
		int64_t kept = sim_disk_peek(world.disk, "/file" FOREIGN_FILE_SUFFIX, &byte, 0, 0);
		cr_expect_eq(kept, rows[i].is_kept ? 0 : -ENOENT, "%s", rows[i].name);
		io_close(io);
		sim_disk_close(world.disk);
	}
}
