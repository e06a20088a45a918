/* The lock of a data directory, and paths that lead to the directory that was opened, whatever has its name since. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "log/base/err.h"
#include "log/io/dir_lock.h"
#include "log/io/io_impl.h"
#include "tests/unit/log/io/io_fixture.h"

static void make_file(struct io *io, const char *path)
{
	int fd = io_file_open(io, path, IO_CREATE | IO_EXCLUSIVE);
	cr_assert_geq(fd, 0, "%s", path);
	io_close_fd(io, fd);
}

static bool is_there(struct io *io, const char *path)
{
	int fd = io_file_open(io, path, IO_READ_ONLY);
	if (fd >= 0)
		io_close_fd(io, fd);
	return fd >= 0;
}

/* A `.lock` that somebody removed, "as it is stale", lets nobody in; nor does one that only a broker of an earlier version holds. */
Test(dir_lock, outlives_its_file)
{
	struct fixture f;
	struct dir_lock held, other;
	fixture_open(&f, IO_SYSCALLS);
	cr_assert_eq(dir_lock_take(&held, f.io, f.dir, 0), 0);
	cr_assert_geq(held.dir_fd, 0);
	cr_expect_eq(dir_lock_take(&other, f.io, f.dir, 0), ERR_LOCKED);
	cr_expect_eq(dir_lock_look(&other, f.io, f.dir, true), ERR_LOCKED);
	cr_assert_eq(io_unlink(f.io, fixture_path(&f, ".lock")), 0);
	cr_expect_eq(dir_lock_take(&other, f.io, f.dir, 30), ERR_LOCKED);
	cr_expect_eq(dir_lock_look(&other, f.io, f.dir, false), ERR_LOCKED);
	cr_expect_not(is_there(f.io, fixture_path(&f, ".lock")), "a refused one must not make the file anew");
	dir_lock_drop(&held, f.io);

	int earlier = io_lock(f.io, fixture_path(&f, ".lock"), 0);
	cr_expect_eq(dir_lock_take(&other, f.io, f.dir, 0), ERR_LOCKED);
	cr_expect_eq(other.dir_fd, -1, "nothing is held after a refusal");
	io_close_fd(f.io, earlier);
	cr_assert_eq(dir_lock_take(&other, f.io, f.dir, 0), 0);
	dir_lock_drop(&other, f.io);
	fixture_close(&f);
}

/* Who only reads makes no file. */
Test(dir_lock, looking_leaves_nothing)
{
	struct fixture f;
	struct dir_lock lock;
	fixture_open(&f, IO_SYSCALLS);
	cr_assert_eq(dir_lock_look(&lock, f.io, f.dir, false), 0);
	cr_expect_not(is_there(f.io, fixture_path(&f, ".lock")));
	dir_lock_drop(&lock, f.io);
	fixture_close(&f);
}

/* The simulated disk locks files alone. */
Test(dir_lock, goes_by_the_file_where_directories_cannot_be_locked)
{
	struct fixture f;
	struct dir_lock held, other;
	fixture_open(&f, IO_SIM);
	cr_assert_eq(dir_lock_take(&held, f.io, f.dir, 0), 0);
	cr_expect_eq(held.dir_fd, -1);
	cr_expect_eq(dir_lock_take(&other, f.io, f.dir, 0), ERR_LOCKED);
	dir_lock_drop(&held, f.io);
	fixture_close(&f);
}

/* Every call that takes a path, in a directory that was renamed and whose name another one has got. */
static void use_all_calls(struct fixture *f, const char *moved)
{
	char in_moved[320];
	uint64_t free_bytes, total_bytes;
	struct probe sync = {0};
	make_file(f->io, fixture_path(f, "file"));
	snprintf(in_moved, sizeof in_moved, "%s/file", moved);
	cr_expect_eq(access(in_moved, F_OK), 0, "made in the directory that was opened");
	cr_expect_eq(io_rename(f->io, fixture_path(f, "file"), fixture_path(f, "renamed")), 0);
	cr_expect_eq(access(in_moved, F_OK), -1);
	cr_expect(is_there(f->io, fixture_path(f, "renamed")));
	cr_expect_not(is_there(f->io, fixture_path(f, "backup")), "a file of the one that has the name now");
	cr_expect_eq(io_dir_make(f->io, fixture_path(f, "t-0")), 0);
	make_file(f->io, fixture_path(f, "t-0/log"));
	cr_expect_eq(io_dir_sync(f->io, fixture_path(f, "t-0")), 0);
	io_dir_sync_start(f->io, probe_op(&sync), fixture_path(f, "t-0"));
	cr_expect_eq(finish(f->io, &sync), 0);
	cr_expect_eq(io_parent_sync(f->io, fixture_path(f, "t-0")), 0);
	cr_expect_eq(io_space(f->io, f->dir, &free_bytes, &total_bytes), 0);
	cr_expect_eq(io_unlink(f->io, fixture_path(f, "t-0/log")), 0);
	cr_expect_eq(io_dir_remove(f->io, fixture_path(f, "t-0")), 0);
	cr_expect_eq(io_unlink(f->io, fixture_path(f, "renamed")), 0);
}

static int count_entry(void *context, const char *name, bool is_directory)
{
	(void)name, (void)is_directory;
	++*(int *)context;
	return 0;
}

static void lead_to_what_was_opened(enum io_backend backend)
{
	struct fixture f;
	struct dir_lock lock;
	char moved[256], beside[256], at[512];
	fixture_open(&f, backend);
	cr_assert_eq(dir_lock_take(&lock, f.io, f.dir, 0), 0);
	io_anchor(f.io, f.dir, lock.dir_fd);
	dir_lock_whereabouts(&lock, f.dir, at, sizeof at);
	cr_expect_str_empty(at);
	char unreadable[400] = "/";
	memset(unreadable + 1, 'x', 300);
	dir_lock_whereabouts(&lock, unreadable, at, sizeof at);
	cr_expect_str_empty(at, "what cannot be looked at has not moved: %s", at);

	snprintf(moved, sizeof moved, "%s.moved", f.dir);
	cr_assert_eq(rename(f.dir, moved), 0);
	cr_assert_eq(mkdir(f.dir, 0755), 0);
	snprintf(beside, sizeof beside, "%s/backup", f.dir);
	cr_assert_eq(close(creat(beside, 0644)), 0);
	use_all_calls(&f, moved);
	dir_lock_whereabouts(&lock, f.dir, at, sizeof at);
	cr_expect_str_eq(at, moved);

	int entries = 0;
	cr_expect_eq(io_dir_list(f.io, f.dir, count_entry, &entries), 0);
	cr_expect_eq(entries, 1, "the lock alone, not the backup");
	snprintf(beside, sizeof beside, "%s-longer", f.dir);
	cr_expect_eq(io_dir_make(f.io, beside), 0);
	cr_expect_eq(rmdir(beside), 0, "a name that only begins alike is another path");

	dir_lock_drop(&lock, f.io);
	snprintf(at, sizeof at, "rm -rf '%s'", moved);
	cr_assert_eq(system(at), 0);
	f.io->anchor_length = 0;
	fixture_close(&f);
}

Test(anchor, leads_to_what_was_opened_plain)
{
	lead_to_what_was_opened(IO_SYSCALLS);
}

Test(anchor, leads_to_what_was_opened_uring)
{
	struct io *io;
	struct io_options options = {.backend = IO_URING};
	if (io_open(&io, &options) < 0)
		cr_skip_test("io_uring is forbidden here");
	io_close(io);
	lead_to_what_was_opened(IO_URING);
}

/* A directory that is gone altogether: the refusal names the path, and says what to do. */
Test(anchor, a_removed_directory_is_named)
{
	struct fixture f;
	struct dir_lock lock;
	char why[512];
	fixture_open(&f, IO_SYSCALLS);
	cr_assert_eq(dir_lock_take(&lock, f.io, f.dir, 0), 0);
	io_anchor(f.io, f.dir, lock.dir_fd);
	cr_expect_eq(io_file_open(f.io, fixture_path(&f, "t-0/log"), IO_CREATE), -ENOENT);
	cr_expect(strstr(io_explain(f.io, -ENOENT, why, sizeof why), "/t-0/log cannot be made: "), "%s", why);
	cr_expect(strstr(why, "put it back"), "%s", why);
	dir_lock_drop(&lock, f.io);
	fixture_close(&f);
}
