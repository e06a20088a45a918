/* Happy path: find the last byte that is not zero, passing over what the file system knows to be zeros (so nothing is read ahead of it: that would be zeros in
 * the kernel's memory, which it takes for data, and all the room that was reserved would be read, piece by piece; and what was read ahead before is let go), copy up to there in pieces, sync. A file of that name from an earlier crash at the same place is
 * written over: what it held is what lies there again, or was cut off before. */
#include "log/segment/torn_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/base/err.h"

#define BLOCK_SIZE 4096u
#define PIECE_SIZE_FIRST BLOCK_SIZE /* mostly the log ends in a block, and room that was reserved follows */
#define PIECE_SIZE_MAX (256u << 10)

/* Calls for each piece of [from, to) that may hold anything but zeros; a short read ends the walk. */
typedef int piece_fn(void *context, const uint8_t *bytes, size_t size, uint64_t position);

static int walk_pieces(struct io *io, int fd, uint64_t from, uint64_t to, piece_fn *piece, void *context)
{
	/* Aligned, as the descriptor may be one of O_DIRECT. */
	uint8_t *buffer = aligned_alloc(BLOCK_SIZE, PIECE_SIZE_MAX);
	if (!buffer)
		return -ENOMEM;
	int err = 0;
	io_file_read_ahead(io, fd, false);
	io_file_forget(io, fd, align_up(from, BLOCK_SIZE));
	for (uint64_t size = PIECE_SIZE_FIRST; from < to && !err; size = size < PIECE_SIZE_MAX ? size * 8 : PIECE_SIZE_MAX) {
		int64_t data = io_file_next_data(io, fd, from);
		if (data < 0 || (uint64_t)data >= to) {
			err = data < 0 ? (int)data : 0;
			break;
		}
		from = (uint64_t)data;
		uint64_t at = align_down(from, BLOCK_SIZE), wanted = size < PIECE_SIZE_MAX ? size : PIECE_SIZE_MAX;
		int64_t got = io_file_read(io, fd, buffer, wanted, at);
		uint64_t end = got > 0 && at + (uint64_t)got < to ? at + (uint64_t)got : to;
		if (got < 0)
			err = (int)got;
		else if (from < end)
			err = piece(context, buffer + (from - at), (size_t)(end - from), from);
		if (got < (int64_t)wanted)
			break;
		from = end;
	}
	io_file_read_ahead(io, fd, true);
	free(buffer);
	return err;
}

/* Where the zeros at the end begin. What was reserved ahead is megabytes of them, and each kill leaves it to be looked through: many at a time. */
static size_t end_of_data(const uint8_t *bytes, size_t size)
{
	static const uint8_t zeros[512];
	while (size >= sizeof zeros && memcmp(bytes + size - sizeof zeros, zeros, sizeof zeros) == 0)
		size -= sizeof zeros;
	while (size > 0 && !bytes[size - 1])
		size--;
	return size;
}

static int note_last(void *context, const uint8_t *bytes, size_t size, uint64_t position)
{
	uint64_t *end = context;
	size_t last = end_of_data(bytes, size);
	if (last)
		*end = position + last;
	return 0;
}

/* Ends the walk. */
static int stop_at_data(void *context, const uint8_t *bytes, size_t size, uint64_t position)
{
	return end_of_data(bytes, size) > 0;
}

int torn_file_is_due(struct io *io, int fd, uint64_t from)
{
	int64_t size = io_file_size(io, fd);
	return size < 0 ? (int)size : walk_pieces(io, fd, from, (uint64_t)size, stop_at_data, NULL);
}

struct copy {
	struct io *io;
	int fd;
	uint64_t from;
};

static int copy_piece(void *context, const uint8_t *bytes, size_t size, uint64_t position)
{
	struct copy *copy = context;
	int64_t done = io_file_write(copy->io, copy->fd, bytes, size, position - copy->from);
	return done < 0 ? (int)done : 0;
}

static int save(struct io *io, int fd, uint64_t from, uint64_t to, const char *path)
{
	struct copy copy = {io, io_file_open(io, path, IO_CREATE), from};
	if (copy.fd < 0)
		return copy.fd;
	int err = io_file_truncate(io, copy.fd, 0);
	if (!err)
		err = walk_pieces(io, fd, from, to, copy_piece, &copy);
	if (!err)
		err = io_file_sync(io, copy.fd);
	io_close_fd(io, copy.fd);
	return err;
}

int torn_file_save(struct io *io, int fd, uint64_t from, uint64_t to, const char *path, bool is_end_found)
{
	uint64_t end = from;
	if (to - from > TORN_FILE_SIZE_MAX)
		to = from + TORN_FILE_SIZE_MAX;
	int err = walk_pieces(io, fd, from, to, note_last, &end);
	if (err || end == from)
		return err;
	err = save(io, fd, from, end, path);
	bool is_full = err_is_full(err);
	const char *what = is_end_found ? "that was found of a log: whether anybody was told of them is not known. They" : "of a log, acknowledged to nobody,";
	if (is_full) {
		int ignored = io_unlink(io, path);
		(void)ignored;
		fprintf(stderr, "spate: %lu bytes behind the end %s are cut off; the disk is too full to keep them in %s\n", (unsigned long)(end - from), what, path);
	} else if (!err) {
		fprintf(stderr, "spate: %lu bytes behind the end %s are cut off and kept in %s\n", (unsigned long)(end - from), what, path);
	}
	return is_full ? 0 : err;
}
