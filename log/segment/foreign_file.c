/* By the first bytes: no file that is made anew begins with a batch's header or with another file's magic. Entries of an index, which are numbers, may pass for a
 * header at a glance; whoever believed that would call sound files exchanged. So the header's fields must fit each other, or the batch its CRC. */
#include "log/segment/foreign_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log/batch/batch.h"

enum kind { KIND_OTHER, KIND_BATCHES, KIND_KEPT, KIND_DERIVED };

/* The batch is all there, and as its CRC says. */
static bool is_whole_batch(struct io *io, int fd, const struct batch *batch)
{
	if (io_file_size(io, fd) < (int64_t)batch->size_bytes)
		return false;
	uint8_t *bytes = malloc(batch->size_bytes);
	bool is_whole = bytes && io_file_read(io, fd, bytes, batch->size_bytes, 0) == (int64_t)batch->size_bytes &&
			batch_check_crc((struct slice){bytes, batch->size_bytes}, batch) == 0;
	free(bytes);
	return is_whole;
}

/* One that has rotted, or was cut, is known by its fields: what a broker takes has no offset without a record. What another broker has compacted has, and its CRC
 * is asked. */
static bool is_batch(struct io *io, int fd, struct slice header)
{
	struct batch batch;
	if (batch_parse_header(header, &batch) || batch.base_offset < 0)
		return false;
	bool fits = batch.last_offset_delta >= 0 && batch.records_count == (int64_t)batch.last_offset_delta + 1;
	return fits || is_whole_batch(io, fd, &batch);
}

static enum kind kind_of(struct io *io, int fd)
{
	uint8_t header[BATCH_HEADER_SIZE];
	if (io_file_read(io, fd, header, sizeof header, 0) != sizeof header)
		return KIND_OTHER;
	if (memcmp(header, "SPATEJNL", 8) == 0 || memcmp(header, "SPATECAT", 8) == 0)
		return KIND_KEPT;
	if (memcmp(header, "SPATEHOL", 8) == 0) /* log/segment/hole_mark.h */
		return KIND_BATCHES;
	if (memcmp(header, "SPATECKP", 8) == 0 || memcmp(header, "SPATESEA", 8) == 0)
		return KIND_DERIVED;
	return is_batch(io, fd, (struct slice){header, sizeof header}) ? KIND_BATCHES : KIND_OTHER;
}

bool foreign_file_is_stores(struct io *io, int fd)
{
	enum kind kind = kind_of(io, fd);
	return kind == KIND_KEPT || kind == KIND_DERIVED;
}

bool foreign_file_is_in_the_way(int err)
{
	return err == ERR_NOT_A_FILE || err == -EACCES || err == -EPERM;
}

/* One that is kept already may be what no other can replace: a directory. */
static int rename_aside(struct io *io, const char *path, char *aside, size_t size)
{
	if (snprintf(aside, size, "%s" FOREIGN_FILE_SUFFIX, path) >= (int)size)
		return -ENAMETOOLONG;
	int err = io_rename(io, path, aside);
	if (err != -EISDIR && err != -ENOTDIR && err != -ENOTEMPTY && err != -EEXIST)
		return err;
	uint64_t tag;
	io_random(io, &tag, sizeof tag);
	if (snprintf(aside, size, "%s" FOREIGN_FILE_SUFFIX "-%016llx", path, (unsigned long long)tag) >= (int)size)
		return -ENAMETOOLONG;
	return io_rename(io, path, aside);
}

int foreign_file_put_aside(struct io *io, const char *path, const char *what)
{
	char aside[4096 + 32];
	int err = rename_aside(io, path, aside, sizeof aside);
	if (!err)
		err = io_parent_sync(io, path);
	if (!err)
		fprintf(stderr, "spate: error: %s %s; it is kept as %s\n", path, what, aside);
	return err;
}

int foreign_file_keep(struct io *io, const char *path)
{
	int fd = io_file_open(io, path, 0);
	if (foreign_file_is_in_the_way(fd))
		return foreign_file_put_aside(io, path, fd == ERR_NOT_A_FILE ? "is no regular file, and made anew" : "may not be read and written, and is made anew");
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	enum kind kind = kind_of(io, fd);
	io_close_fd(io, fd);
	if (kind != KIND_BATCHES && kind != KIND_KEPT)
		return 0;
	return foreign_file_put_aside(io, path, kind == KIND_BATCHES ? "holds record batches: two files were exchanged, and it is made anew"
								     : "holds what another file should: two files were exchanged, and it is made anew");
}

int foreign_file_write_over(struct io *io, const char *path, const void *data, size_t size)
{
	int fd = io_file_open(io, path, IO_CREATE | IO_EXCLUSIVE), err = 0;
	bool was_there = fd == -EEXIST;
	if (was_there) {
		err = foreign_file_keep(io, path);
		fd = err ? err : io_file_open(io, path, IO_CREATE);
	}
	if (fd < 0)
		return fd;
	int64_t done = io_file_write(io, fd, data, size, 0);
	err = done < 0 ? (int)done : was_there ? io_file_truncate(io, fd, size) : 0;
	io_close_fd(io, fd);
	return err;
}

int foreign_file_unlink(struct io *io, const char *path)
{
	int err = foreign_file_keep(io, path);
	return err ? err : io_unlink(io, path);
}

int foreign_file_lock_dir(struct dir_lock *lock, struct io *io, const char *dir, uint32_t wait_ms)
{
	char path[4352];
	int err = dir_lock_take(lock, io, dir, wait_ms);
	if (err != ERR_NOT_A_FILE)
		return err;
	snprintf(path, sizeof path, "%s/.lock", dir);
	err = foreign_file_put_aside(io, path, "is no regular file, and made anew");
	return err ? err : dir_lock_take(lock, io, dir, wait_ms);
}
