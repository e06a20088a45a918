/* Reading a small file whole, and replacing it so that a crash leaves the old or the new content: write a
 * temporary file beside it, sync it, rename it over, sync the directory. A leftover temporary file is
 * overwritten by the next. In the background each of these steps begins when the one before it has ended;
 * what is no I/O of size (opening, renaming) is done in between. */
#include "log/io/small_file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log/base/check.h"
#include "log/base/err.h"

static int read_open(struct io *io, int fd, size_t size_max, uint8_t **data, size_t *size)
{
	int64_t file_size = io_file_size(io, fd);
	if (file_size < 0)
		return (int)file_size;
	if ((uint64_t)file_size > size_max)
		return -EFBIG;
	uint8_t *bytes = malloc((size_t)file_size + 1);
	if (!bytes)
		return -ENOMEM;
	int64_t got = io_file_read(io, fd, bytes, (size_t)file_size, 0);
	if (got < 0) {
		free(bytes);
		return (int)got;
	}
	bytes[got] = 0;
	*data = bytes;
	*size = (size_t)got;
	return 0;
}

int small_file_read(struct io *io, const char *path, size_t size_max, uint8_t **data, size_t *size)
{
	int fd = io_file_open(io, path, IO_READ_ONLY);
	if (fd < 0)
		return fd;
	int err = read_open(io, fd, size_max, data, size);
	io_close_fd(io, fd);
	return err;
}

/* Empty. A descriptor, or the error. */
static int open_temporary(struct io *io, const char *path)
{
	int fd = io_file_open(io, path, IO_CREATE);
	if (fd == ERR_NOT_A_FILE || fd == -EACCES) { /* the name is ours: nothing that counts is ever under it */
		int err = io_unlink(io, path);
		if (err == -EISDIR)
			err = io_dir_remove(io, path);
		if (err == -ENOENT) /* nothing was in the way: the directory is what may not be written */
			return fd;
		fd = err ? err : io_file_open(io, path, IO_CREATE);
	}
	int err = fd < 0 ? fd : io_file_truncate(io, fd, 0);
	if (err && fd >= 0)
		io_close_fd(io, fd);
	return err ? err : fd;
}

static int name_temporary(const char *path, char *out, size_t out_size)
{
	return (size_t)snprintf(out, out_size, "%s.tmp", path) >= out_size ? -ENAMETOOLONG : 0;
}

/* One that stays is overwritten by the next. */
static void drop_temporary(struct io *io, const char *temporary)
{
	int ignored = io_unlink(io, temporary);
	(void)ignored;
}

int small_file_write(struct io *io, const char *path, const void *data, size_t size)
{
	char temporary[PATH_MAX];
	if (name_temporary(path, temporary, sizeof temporary))
		return -ENAMETOOLONG;
	int fd = open_temporary(io, temporary);
	int64_t written = fd < 0 ? fd : io_file_write(io, fd, data, size, 0);
	if (written >= 0)
		return fd;
	if (fd >= 0)
		io_close_fd(io, fd);
	drop_temporary(io, temporary);
	return (int)written;
}

static int sync_and_rename(struct io *io, const char *path, int fd)
{
	char temporary[PATH_MAX];
	if (name_temporary(path, temporary, sizeof temporary))
		return -ENAMETOOLONG;
	int err = io_file_sync(io, fd);
	return err < 0 ? err : io_rename(io, temporary, path);
}

int small_file_publish(struct io *io, const char *path, int fd)
{
	int err = sync_and_rename(io, path, fd);
	if (err == 0)
		err = io_parent_sync(io, path);
	return err;
}

int small_file_put(struct io *io, const char *path, const void *data, size_t size)
{
	char temporary[PATH_MAX];
	int fd = small_file_write(io, path, data, size);
	if (fd < 0)
		return fd;
	int err = sync_and_rename(io, path, fd);
	io_close_fd(io, fd);
	if (err < 0 && name_temporary(path, temporary, sizeof temporary) == 0)
		drop_temporary(io, temporary);
	return err;
}

int small_file_replace(struct io *io, const char *path, const void *data, size_t size)
{
	int err = small_file_put(io, path, data, size);
	return err < 0 ? err : io_parent_sync(io, path);
}

/* ---- in the background ------------------------------------------------------------------------------------ */

static void end(struct small_file_replacing *replacing, int err)
{
	replacing->is_in_flight = false;
	replacing->done(replacing, err);
}

/* Nothing has taken the old one's place. */
static void give_up(struct small_file_replacing *replacing, int err)
{
	drop_temporary(replacing->io, replacing->temporary);
	end(replacing, err);
}

static void entered(struct io_op *op)
{
	end(CONTAINER_OF(op, struct small_file_replacing, op), op->result < 0 ? op->result : 0);
}

static void synced(struct io_op *op)
{
	struct small_file_replacing *replacing = CONTAINER_OF(op, struct small_file_replacing, op);
	io_close_fd(replacing->io, replacing->fd);
	int err = op->result < 0 ? op->result : io_rename_behind(replacing->io, replacing->temporary, replacing->path);
	if (err) {
		give_up(replacing, err);
		return;
	}
	op->done = entered;
	io_dir_sync_start(replacing->io, op, replacing->parent);
}

static void written(struct io_op *op)
{
	struct small_file_replacing *replacing = CONTAINER_OF(op, struct small_file_replacing, op);
	if (op->result < 0) {
		io_close_fd(replacing->io, replacing->fd);
		give_up(replacing, op->result);
		return;
	}
	op->done = synced;
	io_datasync(replacing->io, op, replacing->fd);
}

int small_file_replace_start(struct small_file_replacing *replacing, struct io *io, const char *path, const void *data, size_t size)
{
	CHECK(!replacing->is_in_flight && replacing->done);
	if (size > INT32_MAX)
		return -EFBIG;
	if (name_temporary(path, replacing->temporary, sizeof replacing->temporary) || io_parent_of(path, replacing->parent, sizeof replacing->parent))
		return -ENAMETOOLONG;
	strcpy(replacing->path, path); /* shorter than the temporary one's */
	replacing->io = io;
	replacing->fd = open_temporary(io, replacing->temporary);
	if (replacing->fd < 0) {
		drop_temporary(io, replacing->temporary);
		return replacing->fd;
	}
	replacing->is_in_flight = true;
	replacing->data = (struct iovec){(void *)data, size};
	replacing->op.done = written;
	io_write(io, &replacing->op, replacing->fd, &replacing->data, 1, 0, 0);
	return 0;
}
