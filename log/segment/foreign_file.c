/* By the first bytes alone: no file that is made anew begins with a batch's header or with another file's magic. */
#include "log/segment/foreign_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "log/batch/batch.h"

enum kind { KIND_OTHER, KIND_BATCHES, KIND_KEPT, KIND_DERIVED };

static enum kind kind_of(struct io *io, int fd)
{
	uint8_t header[BATCH_HEADER_SIZE];
	struct batch batch;
	if (io_file_read(io, fd, header, sizeof header, 0) != sizeof header)
		return KIND_OTHER;
	if (memcmp(header, "SPATEJNL", 8) == 0 || memcmp(header, "SPATECAT", 8) == 0)
		return KIND_KEPT;
	if (memcmp(header, "SPATECKP", 8) == 0 || memcmp(header, "SPATESEA", 8) == 0)
		return KIND_DERIVED;
	return batch_parse_header((struct slice){header, sizeof header}, &batch) == 0 && batch.base_offset >= 0 ? KIND_BATCHES : KIND_OTHER;
}

bool foreign_file_is_stores(struct io *io, int fd)
{
	enum kind kind = kind_of(io, fd);
	return kind == KIND_KEPT || kind == KIND_DERIVED;
}

int foreign_file_keep(struct io *io, const char *path)
{
	int fd = io_file_open(io, path, IO_READ_ONLY);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	enum kind kind = kind_of(io, fd);
	io_close_fd(io, fd);
	if (kind != KIND_BATCHES && kind != KIND_KEPT)
		return 0;
	char aside[4096 + sizeof FOREIGN_FILE_SUFFIX];
	if (snprintf(aside, sizeof aside, "%s" FOREIGN_FILE_SUFFIX, path) >= (int)sizeof aside)
		return -ENAMETOOLONG;
	int err = io_rename(io, path, aside);
	if (!err)
		err = io_parent_sync(io, path);
	if (!err)
		fprintf(stderr, "spate: error: %s holds %s: two files were exchanged; it is kept as %s, and made anew\n", path,
			kind == KIND_BATCHES ? "record batches" : "what another file should", aside);
	return err;
}

int foreign_file_write_over(struct io *io, const char *path, const void *data, size_t size)
{
	int err = foreign_file_keep(io, path);
	int fd = err ? err : io_file_open(io, path, IO_CREATE);
	if (fd < 0)
		return fd;
	int64_t done = io_file_write(io, fd, data, size, 0);
	err = done < 0 ? (int)done : io_file_truncate(io, fd, size);
	io_close_fd(io, fd);
	return err;
}

int foreign_file_unlink(struct io *io, const char *path)
{
	int err = foreign_file_keep(io, path);
	return err ? err : io_unlink(io, path);
}
