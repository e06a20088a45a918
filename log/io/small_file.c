/* Reading a small file whole, and replacing it so that a crash leaves the old or the new content: write a
 * temporary file beside it, sync it, rename it over, sync the directory. A leftover temporary file is
 * overwritten by the next. */
#include "log/io/small_file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

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

static int write_synced(struct io *io, const char *path, const void *data, size_t size)
{
	int fd = io_file_open(io, path, IO_CREATE);
	if (fd == ERR_NOT_A_FILE || fd == -EACCES) { /* the name is ours: nothing that counts is ever under it */
		int err = io_unlink(io, path);
		if (err == -EISDIR)
			err = io_dir_remove(io, path);
		fd = err ? err : io_file_open(io, path, IO_CREATE);
	}
	if (fd < 0)
		return fd;
	int err = io_file_truncate(io, fd, 0);
	if (err == 0) {
		int64_t written = io_file_write(io, fd, data, size, 0);
		err = written < 0 ? (int)written : io_file_sync(io, fd);
	}
	io_close_fd(io, fd);
	return err;
}

int small_file_replace(struct io *io, const char *path, const void *data, size_t size)
{
	char temporary[PATH_MAX];
	if ((size_t)snprintf(temporary, sizeof(temporary), "%s.tmp", path) >= sizeof(temporary))
		return -ENAMETOOLONG;
	int err = write_synced(io, temporary, data, size);
	if (err == 0)
		err = io_rename(io, temporary, path);
	if (err < 0) {
		int ignored = io_unlink(io, temporary);
		(void)ignored;
		return err;
	}
	return io_parent_sync(io, path);
}
