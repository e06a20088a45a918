/* The lock of a data directory.
 *
 * Happy path: the directory's own descriptor is locked, then the file's. Failures: either is another's (ERR_LOCKED); a file system that locks no directories
 * leaves the file alone to go by. */
#include "log/io/dir_lock.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log/base/err.h"

static int take(struct dir_lock *lock, struct io *io, const char *dir, bool wants_file, uint32_t wait_ms)
{
	char path[4352];
	*lock = DIR_LOCK_NONE;
	int fd = io_dir_lock(io, dir, wait_ms);
	if (fd < 0 && fd != -EOPNOTSUPP)
		return fd;
	lock->dir_fd = fd < 0 ? -1 : fd;
	if (!wants_file)
		return 0;
	snprintf(path, sizeof path, "%s/.lock", dir);
	fd = io_lock(io, path, wait_ms);
	if (fd < 0) {
		dir_lock_drop(lock, io);
		return fd;
	}
	lock->file_fd = fd;
	return 0;
}

int dir_lock_take(struct dir_lock *lock, struct io *io, const char *dir, uint32_t wait_ms)
{
	return take(lock, io, dir, true, wait_ms);
}

int dir_lock_look(struct dir_lock *lock, struct io *io, const char *dir, bool has_file)
{
	return take(lock, io, dir, has_file, 0);
}

/* A name that cannot be looked at, as on a disk that died, is not one that leads elsewhere. */
static bool leads_to(const char *dir, int fd)
{
	struct stat named, held;
	if (stat(dir, &named))
		return errno != ENOENT && errno != ENOTDIR;
	return fstat(fd, &held) || (named.st_dev == held.st_dev && named.st_ino == held.st_ino);
}

void dir_lock_whereabouts(const struct dir_lock *lock, const char *dir, char *out, size_t size)
{
	char link[64];
	*out = 0;
	if (lock->dir_fd < 0 || leads_to(dir, lock->dir_fd))
		return;
	snprintf(link, sizeof link, "/proc/self/fd/%d", lock->dir_fd);
	ssize_t length = readlink(link, out, size - 1);
	if (length < 0)
		snprintf(out, size, "a place of another name");
	else
		out[length] = 0;
}

void dir_lock_drop(struct dir_lock *lock, struct io *io)
{
	if (lock->file_fd >= 0)
		io_close_fd(io, lock->file_fd);
	if (lock->dir_fd >= 0)
		io_close_fd(io, lock->dir_fd);
	*lock = DIR_LOCK_NONE;
}
