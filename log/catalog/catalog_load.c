/* Happy path: one read of the whole, as a catalog is small. A larger one is read in pieces, and where a piece is all zeros the file system is asked where data goes on; the
 * memory grows up to the last piece that says something.
 * Failure modes: a failed read, no memory. */
#include "log/catalog/catalog_load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log/base/bytes.h"

#define PIECE_SIZE CATALOG_ZEROS_KEPT

/* What is between the old size and the new one is zeros. */
static int grow(struct catalog_loaded *out, size_t size)
{
	uint8_t *grown = realloc(out->data, size + 1);
	if (!grown)
		return -ENOMEM;
	memset(grown + out->size, 0, size + 1 - out->size);
	out->data = grown;
	out->size = size;
	return 0;
}

static size_t smaller(uint64_t size, uint64_t other)
{
	return (size_t)(size < other ? size : other);
}

/* The position behind it, or -errno. */
static int64_t load_piece(struct catalog_loaded *out, struct io *io, int fd, uint8_t *piece, uint64_t position)
{
	size_t wanted = smaller(PIECE_SIZE, out->file_size - position);
	int64_t got = io_file_read(io, fd, piece, wanted, position);
	if (got < 0)
		return got;
	if ((size_t)got < wanted)
		out->file_size = position + (uint64_t)got; /* it has become shorter */
	if (bytes_are_zeros(piece, (size_t)got))
		return io_file_next_data(io, fd, position + (uint64_t)got);
	if (position + (uint64_t)got > CATALOG_FILE_SIZE_MAX) {
		out->is_too_large = true;
		return (int64_t)out->file_size;
	}
	int err = grow(out, (size_t)position + (size_t)got);
	if (!err)
		memcpy(out->data + position, piece, (size_t)got);
	return err ? err : (int64_t)(position + (uint64_t)got);
}

static int load_open(struct catalog_loaded *out, struct io *io, int fd)
{
	int64_t position = 0, file_size = io_file_size(io, fd);
	if (file_size < 0)
		return (int)file_size;
	out->file_size = (uint64_t)file_size;
	uint8_t *piece = malloc(smaller(PIECE_SIZE, out->file_size) + 1);
	if (!piece)
		return -ENOMEM;
	while (position >= 0 && (uint64_t)position < out->file_size)
		position = load_piece(out, io, fd, piece, (uint64_t)position);
	free(piece);
	if (position < 0)
		return (int)position;
	return grow(out, smaller(smaller(out->size + CATALOG_ZEROS_KEPT, out->file_size), CATALOG_FILE_SIZE_MAX));
}

int catalog_load(struct io *io, const char *path, struct catalog_loaded *out)
{
	*out = (struct catalog_loaded){0};
	int fd = io_file_open(io, path, IO_READ_ONLY);
	if (fd < 0)
		return fd;
	int err = load_open(out, io, fd);
	io_close_fd(io, fd);
	return err;
}
