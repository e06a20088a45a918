/* File transfers and cold calls through all three backends. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "log/base/err.h"
#include "tests/unit/log/io/io_fixture.h"

static enum io_backend all_backends[] = {IO_URING, IO_SYSCALLS, IO_SIM};

#define EACH_TEST(name)                                                                                    \
	ParameterizedTestParameters(files, name)                                                           \
	{                                                                                                  \
		return cr_make_param_array(enum io_backend, all_backends, COUNT_OF(all_backends));         \
	}                                                                                                  \
	ParameterizedTest(enum io_backend *backend, files, name, .timeout = 30)

/* What was written in pieces is read in other pieces; flags and syncs answer the total and 0. */
EACH_TEST(write_and_read_vectors)
{
	struct fixture f;
	fixture_open(&f, *backend);
	int fd = io_file_open(f.io, fixture_path(&f, "a"), IO_CREATE);
	cr_assert_geq(fd, 0);
	static uint8_t data[100000], back[100000];
	fill(data, sizeof(data), 1);
	static const struct {
		uint32_t count, flags;
	} cases[] = {{1, 0}, {1, IO_DSYNC}, {3, 0}, {17, IO_DSYNC}, {1024, 0}, {2500, IO_DSYNC}};
	for (size_t c = 0; c < COUNT_OF(cases); c++) {
		uint32_t count = cases[c].count;
		struct iovec *vector = calloc(count, sizeof(*vector));
		size_t piece = sizeof(data) / count;
		for (uint32_t i = 0; i < count; i++)
			vector[i] = (struct iovec){data + i * piece, i % 7 == 3 ? 0 : piece};
		size_t total = 0;
		for (uint32_t i = 0; i < count; i++)
			total += vector[i].iov_len;
		struct probe p = {0};
		uint64_t position = 12345 * c;
		io_write(f.io, probe_op(&p), fd, vector, count, position, cases[c].flags);
		cr_assert_eq(p.calls, 0, "a callback ran from within a submit");
		cr_assert_eq(finish(f.io, &p), (int32_t)total);
		io_datasync(f.io, probe_op(&p), fd);
		cr_assert_eq(finish(f.io, &p), 0);
		struct iovec halves[2] = {{back, total / 2}, {back + total / 2, sizeof(back) - total / 2}};
		io_read(f.io, probe_op(&p), fd, halves, 2, position);
		int32_t got = finish(f.io, &p);
		cr_assert_geq(got, (int32_t)total);
		size_t at = 0;
		for (uint32_t i = 0; i < count; i++) {
			cr_assert_eq(memcmp(back + at, vector[i].iov_base, vector[i].iov_len), 0);
			at += vector[i].iov_len;
		}
		free(vector);
	}
	io_close_fd(f.io, fd);
	fixture_close(&f);
}

/* A read ends short at the end of the file, and is 0 behind it. */
EACH_TEST(read_ends_at_end_of_file)
{
	struct fixture f;
	fixture_open(&f, *backend);
	int fd = io_file_open(f.io, fixture_path(&f, "a"), IO_CREATE);
	uint8_t data[5000], back[9000];
	fill(data, sizeof(data), 2);
	cr_assert_eq(io_file_write(f.io, fd, data, sizeof(data), 0), (int64_t)sizeof(data));
	struct iovec pieces[2] = {{back, 100}, {back + 100, sizeof(back) - 100}};
	struct probe p = {0};
	io_read(f.io, probe_op(&p), fd, pieces, 2, 0);
	cr_assert_eq(finish(f.io, &p), 5000);
	cr_assert_arr_eq(back, data, 5000);
	io_read(f.io, probe_op(&p), fd, pieces, 2, 5000);
	cr_assert_eq(finish(f.io, &p), 0);
	io_read(f.io, probe_op(&p), fd, pieces, 0, 0);
	cr_assert_eq(finish(f.io, &p), 0);
	cr_assert_eq(io_file_read(f.io, fd, back, sizeof(back), 4000), 1000);
	io_close_fd(f.io, fd);
	fixture_close(&f);
}

/* Aligned direct transfers work, also where the end of the file is not aligned. */
EACH_TEST(direct_transfers)
{
	struct fixture f;
	fixture_open(&f, *backend);
	const char *path = fixture_path(&f, "direct");
	int fd = io_file_open(f.io, path, IO_CREATE | IO_DIRECT);
	cr_assert_geq(fd, 0);
	uint8_t *memory = aligned_alloc(4096, 16384), *back = aligned_alloc(4096, 16384);
	fill(memory, 16384, 3);
	struct iovec pieces[2] = {{memory, 4096}, {memory + 4096, 8192}};
	struct probe p = {0};
	io_write(f.io, probe_op(&p), fd, pieces, 2, 4096, IO_DSYNC);
	cr_assert_eq(finish(f.io, &p), 12288);
	cr_assert_eq(io_file_truncate(f.io, fd, 4096 + 9000), 0);
	struct iovec all = {back, 16384};
	io_read(f.io, probe_op(&p), fd, &all, 1, 4096);
	cr_assert_eq(finish(f.io, &p), 9000);
	cr_assert_eq(memcmp(back, memory, 9000), 0);
	cr_assert_eq(io_file_read(f.io, fd, back, 16384, 4096), 9000);
	free(memory);
	free(back);
	io_close_fd(f.io, fd);
	fixture_close(&f);
}

/* Many writes at once, more than the ring has entries, all end, each once. */
EACH_TEST(more_in_flight_than_entries)
{
	struct fixture f;
	fixture_open_with(&f, (struct io_options){.backend = *backend, .entries = 16});
	int fd = io_file_open(f.io, fixture_path(&f, "many"), IO_CREATE);
	enum { COUNT = 500 };
	static struct probe probes[COUNT];
	static uint32_t values[COUNT];
	static struct iovec pieces[COUNT];
	for (uint32_t i = 0; i < COUNT; i++) {
		values[i] = i * 77;
		pieces[i] = (struct iovec){&values[i], 4};
		io_write(f.io, probe_op(&probes[i]), fd, &pieces[i], 1, 4ull * i, 0);
	}
	for (int i = 0; i < COUNT; i++)
		cr_assert_eq(finish(f.io, &probes[i]), 4);
	for (int i = 0; i < 3; i++)
		cr_assert_geq(io_turn(f.io, false), 0);
	static uint32_t back[COUNT];
	cr_assert_eq(io_file_read(f.io, fd, back, sizeof(back), 0), (int64_t)sizeof(back));
	for (uint32_t i = 0; i < COUNT; i++) {
		cr_assert_eq(probes[i].calls, 1);
		cr_assert_eq(back[i], i * 77);
	}
	io_close_fd(f.io, fd);
	fixture_close(&f);
}

/* Errors of the system reach the callback. */
EACH_TEST(errors_arrive)
{
	struct fixture f;
	fixture_open(&f, *backend);
	cr_assert_eq(io_file_open(f.io, fixture_path(&f, "none"), 0), -ENOENT);
	int fd = io_file_open(f.io, fixture_path(&f, "a"), IO_CREATE | IO_EXCLUSIVE);
	cr_assert_geq(fd, 0);
	cr_assert_eq(io_file_open(f.io, fixture_path(&f, "a"), IO_CREATE | IO_EXCLUSIVE), -EEXIST);
	io_close_fd(f.io, fd);
	fd = io_file_open(f.io, fixture_path(&f, "a"), IO_READ_ONLY);
	struct probe p = {0};
	uint8_t byte = 1;
	struct iovec piece = {&byte, 1};
	io_write(f.io, probe_op(&p), fd, &piece, 1, 0, 0);
	cr_assert_eq(finish(f.io, &p), -EBADF);
	io_close_fd(f.io, fd);
	io_write(f.io, probe_op(&p), -1, &piece, 1, 0, 0);
	cr_assert_eq(finish(f.io, &p), -EBADF);
	io_datasync(f.io, probe_op(&p), -1);
	cr_assert_eq(finish(f.io, &p), -EBADF);
	fixture_close(&f);
}

/* Sizes: truncation, growth by truncation, reserved blocks with and without growth. */
EACH_TEST(sizes)
{
	struct fixture f;
	fixture_open(&f, *backend);
	int fd = io_file_open(f.io, fixture_path(&f, "a"), IO_CREATE);
	uint8_t data[100], back[300];
	memset(data, 7, sizeof(data));
	cr_assert_eq(io_file_write(f.io, fd, data, 100, 0), 100);
	cr_assert_eq(io_file_truncate(f.io, fd, 50), 0);
	cr_assert_eq(io_file_truncate(f.io, fd, 200), 0);
	cr_assert_eq(io_file_size(f.io, fd), 200);
	cr_assert_eq(io_file_read(f.io, fd, back, 300, 0), 200);
	for (int i = 0; i < 200; i++)
		cr_assert_eq(back[i], i < 50 ? 7 : 0);
	int err = io_file_allocate(f.io, fd, 0, 65536, false);
	cr_assert(err == 0 || err == -EOPNOTSUPP);
	cr_assert_eq(io_file_size(f.io, fd), 200);
	err = io_file_allocate(f.io, fd, 0, 65536, true);
	cr_assert(err == 0 || err == -EOPNOTSUPP);
	cr_assert_eq(io_file_size(f.io, fd), err == 0 ? 65536 : 200);
	cr_assert_eq(io_file_sync(f.io, fd), 0);
	io_close_fd(f.io, fd);
	fixture_close(&f);
}

struct listing {
	int files, directories;
	const char *stop_at;
};

static int count_entry(void *context, const char *name, bool is_directory)
{
	struct listing *listing = context;
	listing->files += !is_directory;
	listing->directories += is_directory;
	return listing->stop_at && strcmp(name, listing->stop_at) == 0 ? 42 : 0;
}

/* A link to a directory is a directory, one to a file or to nothing is none; it is removed itself, and what it led to stays. */
Test(files, links_to_directories)
{
	struct fixture f;
	fixture_open(&f, IO_SYSCALLS);
	char target[4200], file[4200], nothing[4200], to_file[4200];
	snprintf(target, sizeof target, "%s", fixture_path(&f, "target"));
	snprintf(file, sizeof file, "%s", fixture_path(&f, "file"));
	snprintf(nothing, sizeof nothing, "%s", fixture_path(&f, "nothing"));
	snprintf(to_file, sizeof to_file, "%s", fixture_path(&f, "to-file"));
	cr_assert_eq(io_dir_make(f.io, target), 0);
	io_close_fd(f.io, io_file_open(f.io, file, IO_CREATE));
	cr_assert_eq(symlink("target", fixture_path(&f, "link")), 0);
	cr_assert_eq(symlink("nowhere", nothing), 0);
	cr_assert_eq(symlink("file", to_file), 0);
	struct listing listing = {0};
	cr_assert_eq(io_dir_list(f.io, f.dir, count_entry, &listing), 0);
	cr_expect_eq(listing.directories, 2);
	cr_expect_eq(listing.files, 3);
	cr_expect_eq(io_unlink(f.io, to_file), 0);
	cr_expect_eq(io_dir_remove(f.io, fixture_path(&f, "link")), 0);
	cr_expect_eq(io_dir_remove(f.io, file), -ENOTDIR, "a file is not");
	cr_expect_eq(io_dir_remove(f.io, target), 0);
	cr_expect_eq(io_unlink(f.io, nothing), 0);
	cr_expect_eq(io_unlink(f.io, file), 0);
	fixture_close(&f);
}

/* Directories: made, listed, renamed over, removed. */
EACH_TEST(directories)
{
	struct fixture f;
	fixture_open(&f, *backend);
	cr_assert_eq(io_dir_make(f.io, fixture_path(&f, "d")), 0);
	cr_assert_eq(io_dir_make(f.io, fixture_path(&f, "d")), -EEXIST);
	io_close_fd(f.io, io_file_open(f.io, fixture_path(&f, "x"), IO_CREATE));
	int fd = io_file_open(f.io, fixture_path(&f, "d/y"), IO_CREATE);
	cr_assert_eq(io_file_write(f.io, fd, "y", 1, 0), 1);
	io_close_fd(f.io, fd);
	struct listing listing = {0};
	cr_assert_eq(io_dir_list(f.io, f.dir, count_entry, &listing), 0);
	cr_assert(listing.files == 1 && listing.directories == 1);
	listing.stop_at = "x";
	cr_assert_eq(io_dir_list(f.io, f.dir, count_entry, &listing), 42);
	cr_assert_eq(io_dir_list(f.io, fixture_path(&f, "none"), count_entry, &listing), -ENOENT);
	cr_assert_eq(io_dir_remove(f.io, fixture_path(&f, "d")), -ENOTEMPTY);
	cr_assert_eq(io_rename(f.io, fixture_path(&f, "d/y"), fixture_path(&f, "x")), 0);
	cr_assert_eq(io_rename(f.io, fixture_path(&f, "d/y"), fixture_path(&f, "x")), -ENOENT);
	fd = io_file_open(f.io, fixture_path(&f, "x"), IO_READ_ONLY);
	cr_assert_eq(io_file_size(f.io, fd), 1);
	/* An open file stays readable after its name is gone. */
	cr_assert_eq(io_unlink(f.io, fixture_path(&f, "x")), 0);
	cr_assert_eq(io_unlink(f.io, fixture_path(&f, "x")), -ENOENT);
	cr_assert_eq(io_dir_sync(f.io, f.dir), 0);
	char byte;
	cr_assert_eq(io_file_read(f.io, fd, &byte, 1, 0), 1);
	cr_assert_eq(byte, 'y');
	io_close_fd(f.io, fd);
	cr_assert_eq(io_dir_remove(f.io, fixture_path(&f, "d")), 0);
	cr_assert_eq(io_dir_sync(f.io, fixture_path(&f, "d")), -ENOENT);
	uint64_t free_bytes, total_bytes;
	cr_assert_eq(io_space(f.io, f.dir, &free_bytes, &total_bytes), 0);
	cr_assert(free_bytes > 0 && free_bytes <= total_bytes);
	fixture_close(&f);
}

/* One lock at a time; it goes with its descriptor. */
EACH_TEST(lock_is_exclusive)
{
	struct fixture f;
	fixture_open(&f, *backend);
	int fd = io_lock(f.io, fixture_path(&f, "lock"), 0);
	cr_assert_geq(fd, 0);
	cr_assert_eq(io_lock(f.io, fixture_path(&f, "lock"), 30), ERR_LOCKED);
	io_close_fd(f.io, fd);
	fd = io_lock(f.io, fixture_path(&f, "lock"), 0);
	cr_assert_geq(fd, 0);
	io_close_fd(f.io, fd);
	fixture_close(&f);
}

/* Directories are synced side by side, each answered for itself; one that is not there is an error of its own. */
EACH_TEST(dir_syncs_side_by_side)
{
	struct fixture f;
	fixture_open(&f, *backend);
	char present[256], missing[256];
	snprintf(present, sizeof present, "%s", fixture_path(&f, "d"));
	snprintf(missing, sizeof missing, "%s", fixture_path(&f, "e"));
	cr_assert_eq(io_dir_make(f.io, present), 0);
	struct probe a = {0}, b = {0}, c = {0};
	io_dir_sync_start(f.io, probe_op(&a), present);
	io_dir_sync_start(f.io, probe_op(&b), missing);
	io_dir_sync_start(f.io, probe_op(&c), f.dir);
	cr_assert_eq(a.calls + b.calls + c.calls, 0, "a callback ran from within a submit");
	cr_assert_eq(finish(f.io, &a), 0);
	cr_assert_eq(finish(f.io, &b), -ENOENT);
	cr_assert_eq(finish(f.io, &c), 0);
	fixture_close(&f);
}

static uint32_t open_files(void)
{
	uint32_t count = 0;
	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* Hints change nothing, whatever they speak of: what is there and what is not, behind a file's end too; and they leave nothing open. */
EACH_TEST(hints)
{
	struct fixture f;
	fixture_open(&f, *backend);
	uint8_t data[5000], back[5000];
	fill(data, sizeof data, 9);
	char *file = strdup(fixture_path(&f, "there"));
	int fd = io_file_open(f.io, file, IO_CREATE);
	cr_assert_eq(io_file_write(f.io, fd, data, sizeof data, 0), sizeof data);
	char *missing = strdup(fixture_path(&f, "missing")), *dir = strdup(fixture_path(&f, "."));
	struct io_look looks[40];
	for (int i = 0; i < 40; i++)
		looks[i] = (struct io_look){i % 3 == 0 ? file : i % 3 == 1 ? missing : dir, i % 2 ? 4096 : 1ull << 40, i % 5 ? 0 : 4096ull * (unsigned)i, i % 4 ? 0 : 1u << 20};
	uint32_t before = open_files();
	io_look_ahead(f.io, looks, 40);
	io_look_ahead(f.io, NULL, 0);
	io_file_will_read(f.io, fd, 0, 1 << 20);
	io_file_will_read(f.io, fd, 1 << 20, 1);
	cr_assert_eq(open_files(), before);
	cr_assert_eq(io_file_read(f.io, fd, back, sizeof back, 0), sizeof back);
	cr_assert_eq(memcmp(back, data, sizeof data), 0);
	cr_assert_eq(io_file_open(f.io, missing, IO_READ_ONLY), -ENOENT);
	free(file);
	free(missing);
	free(dir);
	io_close_fd(f.io, fd);
	fixture_close(&f);
}

/* What stands in a file's place and is none is refused at once, whatever it is opened for: a FIFO that nobody writes into would be waited for. Nothing is
 * made through a link to nowhere. (The simulated disk has directories alone.) */
EACH_TEST(refuses_what_is_no_file)
{
	static const uint32_t flags[] = {0, IO_READ_ONLY, IO_DIRECT, IO_CREATE, IO_CREATE | IO_DIRECT};
	static const char *const names[] = {"directory", "fifo", "socket", "nowhere", "circle", "device"};
	struct fixture f;
	char why[512];
	fixture_open(&f, *backend);
	cr_assert_eq(io_dir_make(f.io, fixture_path(&f, "directory")), 0);
	if (*backend != IO_SIM) {
		cr_assert_eq(mkfifo(fixture_path(&f, "fifo"), 0644), 0);
		cr_assert_eq(mknod(fixture_path(&f, "socket"), S_IFSOCK | 0644, 0), 0);
		cr_assert_eq(symlink("missing", fixture_path(&f, "nowhere")), 0);
		cr_assert_eq(symlink("circle", fixture_path(&f, "circle")), 0);
		cr_assert_eq(symlink("/dev/zero", fixture_path(&f, "device")), 0);
	}
	for (size_t i = 0; i < (*backend == IO_SIM ? 1 : COUNT_OF(names)); i++)
		for (size_t k = 0; k < COUNT_OF(flags); k++) {
			cr_expect_eq(io_file_open(f.io, fixture_path(&f, names[i]), flags[k]), ERR_NOT_A_FILE, "%s, flags %u", names[i], flags[k]);
			cr_expect(strstr(io_explain(f.io, ERR_NOT_A_FILE, why, sizeof why), names[i]), "%s", why);
		}
	cr_assert_eq(io_file_open(f.io, fixture_path(&f, "missing"), 0), -ENOENT);
	fixture_close(&f);
}

/* Where a directory's name is a link to nowhere, or to itself, or a file, nothing is known of what is below it: it is not missing. Its disk is not mounted, perhaps. */
EACH_TEST(nothing_is_missing_below_a_link_to_nowhere)
{
	static const uint32_t flags[] = {0, IO_READ_ONLY, IO_DIRECT, IO_CREATE, IO_CREATE | IO_EXCLUSIVE};
	static const char *const names[] = {"nowhere", "circle", "file"};
	struct fixture f;
	struct listing listing = {0};
	if (*backend == IO_SIM)
		return;
	fixture_open(&f, *backend);
	cr_assert_eq(symlink("missing", fixture_path(&f, "nowhere")), 0);
	cr_assert_eq(symlink("circle", fixture_path(&f, "circle")), 0);
	io_close_fd(f.io, io_file_open(f.io, fixture_path(&f, "file"), IO_CREATE));
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		char below[64];
		snprintf(below, sizeof below, "%s/x", names[i]);
		for (size_t k = 0; k < COUNT_OF(flags); k++)
			cr_expect_eq(io_file_open(f.io, fixture_path(&f, below), flags[k]), -ENOTDIR, "%s, flags %u", names[i], flags[k]);
		cr_expect_eq(io_dir_list(f.io, fixture_path(&f, names[i]), count_entry, &listing), -ENOTDIR, "%s", names[i]);
	}
	cr_expect_eq(io_file_open(f.io, fixture_path(&f, "missing/x"), 0), -ENOENT);
	cr_expect_eq(io_dir_list(f.io, fixture_path(&f, "missing"), count_entry, &listing), -ENOENT);
	fixture_close(&f);
}

/* People move segments to another disk and leave a link: it is as good as the file, also where a file would be made. It blocks as files do. */
EACH_TEST(follows_a_link_to_a_file)
{
	struct fixture f;
	char back[5] = "";
	if (*backend == IO_SIM)
		return;
	fixture_open(&f, *backend);
	int fd = io_file_open(f.io, fixture_path(&f, "file"), IO_CREATE);
	cr_assert_eq(io_file_write(f.io, fd, "bytes", 5, 0), 5);
	io_close_fd(f.io, fd);
	cr_assert_eq(symlink("file", fixture_path(&f, "link")), 0);
	static const uint32_t flags[] = {0, IO_CREATE, IO_READ_ONLY};
	for (size_t i = 0; i < COUNT_OF(flags); i++) {
		fd = io_file_open(f.io, fixture_path(&f, "link"), flags[i]);
		cr_assert_geq(fd, 0);
		cr_expect_eq(io_file_read(f.io, fd, back, 5, 0), 5);
		cr_expect_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
		io_close_fd(f.io, fd);
	}
	fixture_close(&f);
}

/* What was refused is told with the path, the reason and the advice; another error than that alone. */
EACH_TEST(explains_what_was_refused)
{
	struct fixture f;
	char why[512];
	fixture_open(&f, *backend);
	int fd = io_file_open(f.io, fixture_path(&f, "file"), IO_CREATE);
	io_close_fd(f.io, fd);
	cr_assert_eq(io_file_open(f.io, fixture_path(&f, "file/child"), 0), -ENOTDIR);
	cr_expect(strstr(io_explain(f.io, -ENOTDIR, why, sizeof why), "file/child cannot be opened: "), "%s", why);
	cr_expect(strncmp(io_explain(f.io, -EIO, why, sizeof why), err_text(-EIO), strlen(err_text(-EIO))) == 0, "%s", why);
	cr_expect(strstr(why, "dmesg"), "%s", why);
	fixture_close(&f);
}

static int open_descriptors(void)
{
	int count = 0;
	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* What nobody waits for happens all the same: the name is gone at once, and no descriptor is left in the end. */
EACH_TEST(remove_and_replace_behind)
{
	struct fixture f;
	fixture_open(&f, *backend);
	char from[256], to[256];
	snprintf(from, sizeof from, "%s", fixture_path(&f, "from"));
	snprintf(to, sizeof to, "%s", fixture_path(&f, "to"));
	int before = open_descriptors();
	cr_assert_eq(io_unlink_behind(f.io, to), -ENOENT);
	for (int i = 0; i < 3; i++) {
		int fd = io_file_open(f.io, i < 2 ? to : from, IO_CREATE);
		cr_assert_geq(fd, 0);
		cr_assert_eq(io_file_write(f.io, fd, "12345678", (size_t)i + 1, 0), i + 1);
		io_close_fd(f.io, fd);
		if (i == 0)
			cr_assert_eq(io_unlink_behind(f.io, to), 0);
		cr_assert(i > 0 || io_file_open(f.io, to, 0) == -ENOENT);
	}
	cr_assert_eq(io_rename_behind(f.io, from, to), 0);
	cr_assert_eq(io_file_open(f.io, from, 0), -ENOENT);
	int fd = io_file_open(f.io, to, 0);
	cr_expect_eq(io_file_size(f.io, fd), 3);
	io_close_fd(f.io, fd);
	for (int i = 0; i < TURNS_MAX && io_behind_count(f.io); i++)
		cr_assert_geq(io_turn(f.io, true), 0);
	cr_expect_eq(io_behind_count(f.io), 0);
	cr_expect_eq(open_descriptors(), before);
	fixture_close(&f);
}

static void remove_behind(struct io *io, const char *path)
{
	cr_assert_eq(io_unlink_behind(io, path), 0);
	for (int i = 0; i < TURNS_MAX && io_behind_count(io); i++)
		cr_assert_geq(io_turn(io, true), 0);
	cr_assert_eq(io_behind_count(io), 0);
}

/* A file gets shorter before it goes; not under a reader's eyes, nor if it has another name, as a backup made of links has. */
EACH_TEST(what_others_have_is_not_shortened)
{
	const off_t size = 9 << 20;
	struct fixture f;
	struct stat st;
	fixture_open(&f, *backend);
	if (*backend == IO_SIM) {
		fixture_close(&f);
		return;
	}
	char path[256], other[256];
	snprintf(path, sizeof path, "%s", fixture_path(&f, "large"));
	snprintf(other, sizeof other, "%s", fixture_path(&f, "other"));
	for (int is_linked = 0; is_linked < 2; is_linked++) {
		int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
		cr_assert(fd >= 0 && ftruncate(fd, size) == 0 && link(path, other) == 0);
		if (is_linked)
			close(fd);
		else
			cr_assert_eq(unlink(other), 0);
		remove_behind(f.io, path);
		cr_assert_eq(is_linked ? stat(other, &st) : fstat(fd, &st), 0);
		cr_expect_eq(st.st_size, size);
		if (!is_linked)
			close(fd);
	}
	cr_expect_eq(unlink(other), 0);
	fixture_close(&f);
}
