/* The window: what it holds moves to its front, and the next piece of the file is read behind it. A read
 * that fails is repeated block by block, so that one bad sector costs its own bytes alone. */
#include "log/verify/file_window.h"

#include <errno.h>
#include <stdlib.h>

#define READ_SIZE ((size_t)1 << 20)
#define BLOCK_SIZE ((size_t)4096)

int file_window_open(struct file_window *window, struct io *io, const char *path)
{
	*window = (struct file_window){.io = io};
	window->fd = io_file_open(io, path, IO_READ_ONLY);
	if (window->fd < 0)
		return window->fd;
	int64_t size = io_file_size(io, window->fd);
	if (size < 0) {
		io_close_fd(io, window->fd);
		return (int)size;
	}
	window->file_size = (uint64_t)size;
	return 0;
}

void file_window_close(struct file_window *window)
{
	io_close_fd(window->io, window->fd);
	free(window->buffer);
}

static int make_room(struct file_window *window, size_t size)
{
	if (size <= window->capacity)
		return 0;
	size_t capacity = size > 2 * window->capacity ? size : 2 * window->capacity;
	uint8_t *grown = realloc(window->buffer, capacity);
	if (!grown)
		return -ENOMEM;
	window->buffer = grown;
	window->capacity = capacity;
	return 0;
}

static void note_unreadable(struct file_window *window, uint64_t position, size_t size, int err)
{
	if (window->unreadable_from == window->unreadable_to)
		window->unreadable_from = position;
	window->unreadable_to = position + size;
	window->read_error = err;
}

static void read_piece(struct file_window *window, uint8_t *out, size_t size, uint64_t position)
{
	int64_t got = io_file_read(window->io, window->fd, out, size, position);
	if (got == (int64_t)size)
		return;
	if (got >= 0) /* the file was cut while it was read */
		got = 0;
	for (size_t at = 0; at < size; at += BLOCK_SIZE) {
		size_t piece = size - at < BLOCK_SIZE ? size - at : BLOCK_SIZE;
		got = io_file_read(window->io, window->fd, out + at, piece, position + at);
		if (got == (int64_t)piece)
			continue;
		memset(out + at, 0, piece);
		note_unreadable(window, position + at, piece, got < 0 ? (int)got : -EIO);
	}
}

int file_window_view(struct file_window *window, uint64_t position, size_t size, const uint8_t **out)
{
	if (position < window->start || position > window->end)
		window->start = window->end = position;
	if (position + size > window->end) {
		size_t kept = (size_t)(window->end - position);
		size_t missing = size - kept > READ_SIZE ? size - kept : READ_SIZE;
		if (missing > window->file_size - window->end)
			missing = (size_t)(window->file_size - window->end);
		if (window->start != position && kept)
			memmove(window->buffer, window->buffer + (position - window->start), kept);
		window->start = position;
		int err = make_room(window, kept + missing);
		if (err)
			return err;
		read_piece(window, window->buffer + kept, missing, window->end);
		window->end += missing;
	}
	*out = window->buffer + (position - window->start);
	return 0;
}

uint64_t file_window_next_data(const struct file_window *window, uint64_t position)
{
	int64_t data = io_file_next_data(window->io, window->fd, position);
	return data < 0 ? position : (uint64_t)data;
}
