/* Small whole files: read, replace, and what a crash at each of its I/Os leaves; at once, and in the background. */
#include "log/base/err.h"
#include "log/io/small_file.h"
#include "tests/unit/log/io/io_fixture.h"

static enum io_backend all_backends[] = {IO_URING, IO_SYSCALLS, IO_SIM};

struct background {
	struct small_file_replacing replacing;
	int calls, err;
};

static void replaced(struct small_file_replacing *replacing, int err)
{
	struct background *background = CONTAINER_OF(replacing, struct background, replacing);
	background->calls++;
	background->err = err;
}

/* One or the other way, to its end. */
static int replace(struct io *io, bool is_background, const char *path, const void *data, size_t size)
{
	static struct background background;
	if (!is_background)
		return small_file_replace(io, path, data, size);
	background = (struct background){.replacing.done = replaced};
	int err = small_file_replace_start(&background.replacing, io, path, data, size);
	cr_assert_eq(background.replacing.is_in_flight, err == 0);
	if (err)
		return err;
	turn_until(io, &background.calls, 1);
	cr_assert(background.calls == 1 && !background.replacing.is_in_flight);
	return background.err;
}

ParameterizedTestParameters(small_file, read_and_replace)
{
	return cr_make_param_array(enum io_backend, all_backends, COUNT_OF(all_backends));
}

/* What was put is got, with a zero byte behind it; too large, missing and impossible are errors. */
static void read_and_replace(enum io_backend backend, bool is_background)
{
	struct fixture f;
	fixture_open(&f, backend);
	uint8_t *data;
	size_t size;
	const char *path = fixture_path(&f, "small");
	cr_assert_eq(small_file_read(f.io, path, 100, &data, &size), -ENOENT);
	static const char *const contents[] = {"first", "", "a longer one", "short"};
	for (size_t i = 0; i < COUNT_OF(contents); i++) {
		cr_assert_eq(replace(f.io, is_background, path, contents[i], strlen(contents[i])), 0);
		cr_assert_eq(small_file_read(f.io, path, 12, &data, &size), 0);
		cr_assert_eq(size, strlen(contents[i]));
		cr_assert_str_eq((char *)data, contents[i]);
		free(data);
	}
	cr_assert_eq(small_file_read(f.io, path, 4, &data, &size), -EFBIG);
	/* A longer temporary file that a crash left behind. */
	int fd = io_file_open(f.io, fixture_path(&f, "small.tmp"), IO_CREATE);
	cr_assert_eq(io_file_write(f.io, fd, "left behind", 11, 0), 11);
	io_close_fd(f.io, fd);
	cr_assert_eq(replace(f.io, is_background, path, "new", 3), 0);
	cr_assert_eq(small_file_read(f.io, path, 12, &data, &size), 0);
	cr_assert_eq(size, 3u);
	free(data);
	cr_assert_eq(io_file_open(f.io, fixture_path(&f, "small.tmp"), 0), -ENOENT);
	cr_assert_eq(replace(f.io, is_background, fixture_path(&f, "none/small"), "x", 1), -ENOENT);
	char long_path[5000];
	memset(long_path, 'x', sizeof(long_path));
	long_path[4999] = 0;
	cr_assert_eq(replace(f.io, is_background, long_path, "x", 1), -ENAMETOOLONG);
	fixture_close(&f);
}

ParameterizedTest(enum io_backend *backend, small_file, read_and_replace, .timeout = 30)
{
	read_and_replace(*backend, false);
	read_and_replace(*backend, true);
}

#define SIZE 3000

/* 'o' or 'n' if the file is wholly the old or the new content. */
static int content(struct io *io)
{
	uint8_t *data;
	size_t size;
	cr_assert_eq(small_file_read(io, "/small", SIZE * 2, &data, &size), 0);
	int first = data[0];
	cr_assert_eq(size, first == 'o' ? SIZE : SIZE + 7, "%zu bytes of %c", size, first);
	for (size_t i = 0; i < size; i++)
		cr_assert_eq(data[i], first);
	free(data);
	return first;
}

/* Power fails at the k-th I/O of a replacement, over and over by seed: old or new, never a mixture, and
 * new if it said so. A second replacement over what was left works. */
static void crash_at(uint64_t k, uint64_t seed, bool is_background, int *old_count, int *new_count, bool *was_whole)
{
	uint8_t old[SIZE], new[SIZE + 7];
	memset(old, 'o', sizeof(old));
	memset(new, 'n', sizeof(new));
	struct sim_disk *disk = sim_disk_open(seed);
	struct io *io = power_on(disk, 1);
	cr_assert_eq(small_file_replace(io, "/small", old, sizeof(old)), 0);
	sim_disk_cut_power(disk, k);
	int err = replace(io, is_background, "/small", new, sizeof(new));
	*was_whole = err == 0;
	sim_disk_crash(disk);
	io_close(io);
	io = power_on(disk, 1);
	int found = content(io);
	cr_assert(err < 0 || found == 'n', "a replacement that had answered 0 was lost");
	*old_count += found == 'o';
	*new_count += found == 'n';
	cr_assert_eq(small_file_replace(io, "/small", new, sizeof(new)), 0);
	cr_assert_eq(content(io), 'n');
	io_close(io);
	sim_disk_close(disk);
}

static void crash_at_every_io(bool is_background)
{
	int old_count = 0, new_count = 0, points = 0;
	bool was_whole = false;
	for (uint64_t k = 1; !was_whole; k++, points++)
		for (uint64_t seed = 0; seed < 300; seed++)
			crash_at(k, seed, is_background, &old_count, &new_count, &was_whole);
	cr_assert_geq(points, 6, "open, truncate, write, sync, rename and directory sync are six I/Os");
	cr_assert(old_count > 100 && new_count > 100);
}

Test(small_file, crash_at_every_io, .timeout = 60)
{
	crash_at_every_io(false);
	crash_at_every_io(true);
}

/* An error at any I/O is reported, the old or the new content is there, and a later replacement works. */
static void fail_at_every_io(bool is_background)
{
	bool was_whole = false;
	for (uint64_t k = 1; !was_whole; k++) {
		struct sim_disk *disk = sim_disk_open(k);
		struct io *io = power_on(disk, 1);
		uint8_t old[SIZE], new[SIZE + 7];
		memset(old, 'o', sizeof(old));
		memset(new, 'n', sizeof(new));
		cr_assert_eq(small_file_replace(io, "/small", old, sizeof(old)), 0);
		uint64_t before = sim_disk_io_count(disk);
		sim_disk_fail(disk, k, ENOSPC);
		int err = replace(io, is_background, "/small", new, sizeof(new));
		cr_assert(err == 0 || err == -ENOSPC);
		was_whole = sim_disk_io_count(disk) - before < k;
		cr_assert(was_whole == (err == 0));
		sim_disk_fail(disk, 0, EIO);
		content(io);
		cr_assert_eq(small_file_replace(io, "/small", new, sizeof(new)), 0);
		cr_assert_eq(content(io), 'n');
		io_close(io);
		sim_disk_close(disk);
	}
}

Test(small_file, failure_at_every_io, .timeout = 60)
{
	fail_at_every_io(false);
	fail_at_every_io(true);
}

/* A directory in which nothing may be made: that is the error, though there is no temporary file that stands in the way. */
Test(small_file, a_directory_that_may_not_be_written)
{
	for (int is_background = 0; is_background < 2; is_background++) {
		struct sim_disk *disk = sim_disk_open(1);
		struct io *io = power_on(disk, 1);
		char why[2048];
		sim_disk_fail_kinds(disk, SIM_OPEN, 1, EACCES, true);
		int err = replace(io, is_background, "/small", "new", 3);
		cr_expect_eq(err, -EACCES, "%s", err_name(err));
		cr_expect(strstr(io_explain(io, err, why, sizeof why), "/small.tmp cannot be made: "), "%s", why);
		io_close(io);
		sim_disk_close(disk);
	}
}
