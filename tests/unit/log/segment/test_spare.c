/* Spare files: nothing of what was in one is seen again, whatever crash comes; what is not this store's alone is left as it was; and what goes wrong costs a file. */
#include <sys/stat.h>

#include "log/base/err.h"
#include "log/segment/spare.h"
#include "tests/unit/log/io/io_fixture.h"

#define SIZE (128u << 10)
#define MOST (1u << 20)

struct bench {
	struct sim_disk *disk;
	struct io *io;
	struct spares *spares;
};

static void open_spares(struct bench *bench, uint64_t bytes_max)
{
	bench->io = power_on(bench->disk, 5);
	cr_assert_eq(spares_open(&bench->spares, bench->io, "/", 0, bytes_max, SIZE / 2), 0);
	spares_find(bench->spares);
}

static void settle(struct bench *bench)
{
	for (int i = 0; i < 1000 && spares_are_busy(bench->spares); i++)
		cr_assert_geq(io_turn(bench->io, true), 0);
	cr_assert_not(spares_are_busy(bench->spares));
}

static void close_spares(struct bench *bench)
{
	spares_stop(bench->spares);
	settle(bench);
	spares_close(bench->spares);
	io_close(bench->io);
}

/* A file of a partition's, its name and bytes durable. */
static void make_file(struct bench *bench, const char *path, uint8_t byte, size_t size)
{
	uint8_t *bytes = malloc(size);
	memset(bytes, byte, size);
	int fd = io_file_open(bench->io, path, IO_CREATE);
	cr_assert_eq(io_file_write(bench->io, fd, bytes, size, 0), (int64_t)size);
	cr_assert_eq(io_file_sync(bench->io, fd), 0);
	io_close_fd(bench->io, fd);
	free(bytes);
}

static void begin(struct bench *bench, uint64_t seed, uint64_t bytes_max)
{
	bench->disk = sim_disk_open(seed);
	open_spares(bench, bytes_max);
	cr_assert_eq(io_dir_make(bench->io, "/t-0"), 0);
	make_file(bench, "/t-0/1.log", 7, SIZE);
	cr_assert_eq(io_dir_sync(bench->io, "/t-0"), 0);
	cr_assert_eq(io_dir_sync(bench->io, "/"), 0);
}

static void end(struct bench *bench)
{
	close_spares(bench);
	sim_disk_close(bench->disk);
}

static bool is_there(struct bench *bench, const char *path)
{
	return sim_disk_peek(bench->disk, path, NULL, 0, 0) >= 0;
}

static int64_t size_of(struct bench *bench, const char *path)
{
	uint8_t bytes[100];
	return sim_disk_peek(bench->disk, path, bytes, sizeof bytes, 0);
}

static bool is_zeros(struct bench *bench, const char *path, size_t size)
{
	uint8_t *bytes = malloc(size);
	bool are_zeros = sim_disk_peek(bench->disk, path, bytes, size, 0) == (int64_t)size;
	for (size_t i = 0; are_zeros && i < size; i++)
		are_zeros = bytes[i] == 0;
	free(bytes);
	return are_zeros;
}

static bool give(struct bench *bench)
{
	return spares_give(bench->spares, "/t-0/1.log", "/t-0", SIZE, SIZE);
}

static int take(struct bench *bench, uint64_t most, uint64_t *size)
{
	return spares_take(bench->spares, "/t-0/2.log", most, size);
}

Test(spare, becomes_another_segments_file)
{
	struct bench bench;
	uint64_t size = 0;
	begin(&bench, 1, MOST);
	cr_assert_eq(take(&bench, MOST, &size), -ENOENT);
	cr_assert(give(&bench));
	cr_assert_not(is_there(&bench, "/t-0/1.log"));
	cr_assert_eq(take(&bench, MOST, &size), -ENOENT, "it is not ready");
	settle(&bench);
	cr_assert_eq(spares_bytes(bench.spares), SIZE);
	cr_assert_eq(take(&bench, SIZE / 2, &size), -ENOENT, "it is too long");
	int fd = take(&bench, MOST, &size);
	cr_assert_geq(fd, 0);
	cr_assert_eq(size, SIZE);
	cr_assert(is_zeros(&bench, "/t-0/2.log", SIZE));
	cr_assert_eq(io_file_check_name(bench.io, fd, "/t-0/2.log"), 0);
	cr_assert_not(is_there(&bench, "/spare-0.0"));
	cr_assert_eq(spares_bytes(bench.spares), 0);
	io_close_fd(bench.io, fd);
	end(&bench);
}

Test(spare, gets_the_size_that_its_segment_was_to_have)
{
	struct bench bench;
	begin(&bench, 2, MOST);
	cr_assert(spares_give(bench.spares, "/t-0/1.log", "/t-0", SIZE, SIZE + 10000));
	settle(&bench);
	cr_assert_eq(spares_bytes(bench.spares), align_up(SIZE + 10000, 4096));
	make_file(&bench, "/t-0/1.log", 7, SIZE);
	cr_assert(spares_give(bench.spares, "/t-0/1.log", "/t-0", SIZE, 100 * SIZE), "a short one keeps its own");
	settle(&bench);
	cr_assert_eq(spares_bytes(bench.spares), align_up(SIZE + 10000, 4096) + SIZE);
	end(&bench);
}

Test(spare, no_name_that_is_taken_is_taken_away)
{
	struct bench bench;
	uint64_t size;
	begin(&bench, 3, MOST);
	make_file(&bench, "/spare-0.0", 9, 10);
	cr_assert_not(give(&bench));
	cr_assert(is_there(&bench, "/t-0/1.log"));
	cr_assert_eq(size_of(&bench, "/spare-0.0"), 10, "somebody's file stays");
	cr_assert(give(&bench), "under another name");
	settle(&bench);
	make_file(&bench, "/t-0/2.log", 9, 10);
	cr_assert_eq(take(&bench, MOST, &size), -EEXIST);
	cr_assert_eq(size_of(&bench, "/t-0/2.log"), 10);
	end(&bench);
}

Test(spare, is_bounded)
{
	struct bench bench;
	begin(&bench, 4, SIZE + SIZE / 2);
	cr_assert(give(&bench));
	settle(&bench);
	make_file(&bench, "/t-0/1.log", 7, SIZE);
	cr_assert_not(give(&bench), "no more than asked for");
	sim_disk_set_capacity(bench.disk, sim_disk_used(bench.disk) + SIZE);
	spares_look_at_room(bench.spares);
	cr_assert_eq(spares_bytes(bench.spares), 0, "as much again is to be free");
	cr_assert_not(is_there(&bench, "/spare-0.0"));
	end(&bench);

	begin(&bench, 4, 0);
	cr_assert_not(give(&bench));
	end(&bench);
}

Test(spare, who_reads_it_goes_on)
{
	struct bench bench;
	uint64_t size;
	uint8_t byte;
	begin(&bench, 5, MOST);
	int reader = io_file_open(bench.io, "/t-0/1.log", IO_READ_ONLY);
	cr_assert(give(&bench));
	settle(&bench);
	cr_assert_eq(take(&bench, MOST, &size), -ENOENT);
	cr_assert_not(is_there(&bench, "/spare-0.0"));
	cr_assert_eq(io_file_read(bench.io, reader, &byte, 1, SIZE - 1), 1);
	cr_assert_eq(byte, 7);
	io_close_fd(bench.io, reader);
	end(&bench);
}

Test(spare, one_that_somebody_has_written_to_is_no_spare)
{
	struct bench bench;
	uint64_t size;
	begin(&bench, 6, MOST);
	cr_assert(give(&bench));
	settle(&bench);
	int fd = io_file_open(bench.io, "/spare-0.0", 0);
	cr_assert_eq(io_file_write(bench.io, fd, "x", 1, SIZE - 1), 1);
	cr_assert_eq(take(&bench, MOST, &size), -ENOENT, "and he has it open still");
	io_close_fd(bench.io, fd);
	cr_assert_not(is_there(&bench, "/spare-0.0"));
	make_file(&bench, "/t-0/1.log", 7, SIZE);
	cr_assert(give(&bench));
	settle(&bench);
	make_file(&bench, "/spare-0.0", 9, SIZE);
	cr_assert_eq(take(&bench, MOST, &size), -ENOENT);
	end(&bench);
}

/* What an earlier life has left is of unknown content. */
Test(spare, a_start_zeroes_what_it_finds)
{
	struct bench bench;
	uint64_t size;
	begin(&bench, 7, MOST);
	make_file(&bench, "/spare-0.3", 9, SIZE);
	make_file(&bench, "/spare-0.4", 9, 10);
	make_file(&bench, "/spare-1.0", 9, SIZE);
	close_spares(&bench);
	open_spares(&bench, MOST);
	cr_assert_eq(take(&bench, MOST, &size), -ENOENT);
	settle(&bench);
	cr_assert(is_zeros(&bench, "/spare-0.3", SIZE));
	cr_assert_not(is_there(&bench, "/spare-0.4"), "too short to be worth it");
	cr_assert_not(is_zeros(&bench, "/spare-1.0", SIZE), "another shard's");
	int fd = take(&bench, MOST, &size);
	cr_assert_geq(fd, 0);
	io_close_fd(bench.io, fd);
	make_file(&bench, "/spare-0.5", 9, SIZE);
	close_spares(&bench);
	open_spares(&bench, 0);
	settle(&bench);
	cr_assert_not(is_there(&bench, "/spare-0.5"), "and removes it where it may keep none");
	end(&bench);
}

/* A disk that refuses, at each step. */
Test(spare, what_goes_wrong_costs_a_file)
{
	static const int errors[] = {EIO, ENOSPC, EOPNOTSUPP, EMFILE};
	static const enum sim_kind kinds[] = {SIM_SIZE, SIM_SYNC, SIM_DIR_SYNC, SIM_OPEN};
	for (size_t e = 0; e < 4; e++) {
		for (size_t k = 0; k < 4; k++) {
			struct bench bench;
			uint64_t size;
			begin(&bench, 8 + e, MOST);
			cr_assert(give(&bench));
			sim_disk_fail_kinds(bench.disk, kinds[k], 1, errors[e], false);
			settle(&bench);
			cr_assert_eq(sim_disk_fail_count(bench.disk), 1);
			cr_assert_eq(take(&bench, MOST, &size), -ENOENT, "kind %d error %d", kinds[k], errors[e]);
			cr_assert_not(is_there(&bench, "/spare-0.0"));
			make_file(&bench, "/t-0/1.log", 7, SIZE);
			cr_assert_eq(give(&bench), errors[e] != EOPNOTSUPP, "a file system that cannot is not asked again");
			end(&bench);
		}
	}
}

Test(spare, gives_its_room_up_at_any_step)
{
	for (int turns = 0; turns < 12; turns++) {
		struct bench bench;
		uint64_t size;
		begin(&bench, 20, MOST);
		uint64_t used = sim_disk_used(bench.disk);
		cr_assert(give(&bench));
		for (int i = 0; i < turns; i++)
			cr_assert_geq(io_turn(bench.io, spares_are_busy(bench.spares)), 0);
		cr_assert(spares_give_up(bench.spares));
		cr_assert_not(spares_give_up(bench.spares), "once");
		settle(&bench);
		cr_assert_eq(spares_bytes(bench.spares), 0);
		cr_assert_eq(sim_disk_used(bench.disk), used - SIZE);
		cr_assert_eq(take(&bench, MOST, &size), -ENOENT);
		make_file(&bench, "/t-0/1.log", 7, SIZE);
		cr_assert(give(&bench));
		end(&bench);
	}
}

/* The power fails at each I/O from the giving to the end of the next segment's first write. Where the segment's name is, nothing of the old bytes is; and where the old name
 * still is, its bytes are as they were. */
Test(spare, no_crash_brings_old_bytes_back, .timeout = 120)
{
	uint64_t taken_count = 0, kept_count = 0;
	for (uint64_t k = 1; k <= 16; k++) {
		for (uint64_t seed = 1; seed <= 60; seed++) {
			struct bench bench;
			uint64_t size;
			uint8_t bytes[SIZE];
			begin(&bench, seed, MOST);
			sim_disk_cut_power(bench.disk, k);
			if (give(&bench))
				settle(&bench);
			int fd = take(&bench, MOST, &size);
			if (fd >= 0) {
				int64_t done = io_file_write(bench.io, fd, "new", 3, 0);
				int err = done < 0 ? 0 : io_dir_sync(bench.io, "/t-0");
				(void)err;
				io_close_fd(bench.io, fd);
			}
			sim_disk_crash(bench.disk);
			if (sim_disk_peek(bench.disk, "/t-0/2.log", bytes, SIZE, 0) == SIZE) {
				taken_count++;
				for (size_t i = 3; i < SIZE; i++)
					cr_assert_eq(bytes[i], 0, "k %lu seed %lu: byte %zu", (unsigned long)k, (unsigned long)seed, i);
				cr_assert_neq(bytes[0], 7);
			}
			if (sim_disk_peek(bench.disk, "/t-0/1.log", bytes, SIZE, 0) == SIZE) {
				kept_count++;
				for (size_t i = 0; i < SIZE; i++)
					cr_assert_eq(bytes[i], 7, "k %lu seed %lu: byte %zu", (unsigned long)k, (unsigned long)seed, i);
			}
			end(&bench);
		}
	}
	cr_assert_gt(taken_count, 50);
	cr_assert_gt(kept_count, 50);
}

static void expect_byte(struct bench *bench, const char *path, uint8_t due)
{
	uint8_t byte = (uint8_t)~due;
	int fd = io_file_open(bench->io, path, IO_READ_ONLY);
	cr_assert_eq(io_file_read(bench->io, fd, &byte, 1, SIZE / 2), 1);
	cr_assert_eq(byte, due, "in the middle of %s", path);
	io_close_fd(bench->io, fd);
}

/* On the real file system of $TMPDIR, where it can. */
Test(spare, on_a_real_disk)
{
	struct io_options options = {.backend = IO_SYSCALLS};
	struct bench bench = {0};
	char dir[128], from[160], to[160], link_path[160], aside[160];
	const char *parent = getenv("TMPDIR");
	snprintf(dir, sizeof dir, "%.90s/spare-test-XXXXXX", parent ? parent : "/tmp");
	cr_assert(mkdtemp(dir));
	snprintf(from, sizeof from, "%s/1.log", dir);
	snprintf(to, sizeof to, "%s/2.log", dir);
	snprintf(link_path, sizeof link_path, "%s/backup", dir);
	snprintf(aside, sizeof aside, "%s/spare-0.0", dir);
	cr_assert_eq(io_open(&bench.io, &options), 0);
	cr_assert_eq(spares_open(&bench.spares, bench.io, dir, 0, MOST, SIZE / 2), 0);
	spares_find(bench.spares);
	uint64_t size;
	int fd;

	make_file(&bench, from, 7, SIZE);
	bool was_given = spares_give(bench.spares, from, dir, SIZE, SIZE);
	settle(&bench);
	fd = was_given ? spares_take(bench.spares, to, MOST, &size) : -1;
	if (fd >= 0) {
		int read_fd = io_file_open(bench.io, to, IO_READ_ONLY);
		cr_assert_eq(io_file_next_data(bench.io, read_fd, 0), SIZE, "room, as any that is reserved");
		io_close_fd(bench.io, read_fd);
		io_close_fd(bench.io, fd);
		expect_byte(&bench, to, 0);

		make_file(&bench, from, 7, SIZE);
		cr_assert_eq(link(from, link_path), 0);
		cr_assert(spares_give(bench.spares, from, dir, SIZE, SIZE));
		settle(&bench);
		cr_assert_eq(spares_bytes(bench.spares), 0, "a file with another name is somebody's");
		expect_byte(&bench, link_path, 7);

		cr_assert_eq(symlink(link_path, from), 0);
		cr_assert(spares_give(bench.spares, from, dir, SIZE, SIZE));
		settle(&bench);
		cr_assert_eq(spares_bytes(bench.spares), 0, "so is what a link leads to");
		expect_byte(&bench, link_path, 7);
		unlink(link_path);
		unlink(to);

		cr_assert_eq(mkdir(aside, 0755), 0);
		make_file(&bench, from, 7, SIZE);
		cr_assert_not(spares_give(bench.spares, from, dir, SIZE, SIZE));
		rmdir(aside);
		unlink(from);
	} else {
		fprintf(stderr, "no spare files on this file system\n");
		unlink(from);
	}
	spares_stop(bench.spares);
	spares_close(bench.spares);
	io_close(bench.io);
	cr_assert_eq(rmdir(dir), 0);
}
