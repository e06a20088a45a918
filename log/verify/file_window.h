/* A window that moves forward over a file: whole batches of any size in memory, read in large pieces. What
 * the disk cannot read is zeros, and the window says where. Owner: the thread that opened it. Reads only;
 * its memory is bounded by the file's size. */
#pragma once

#include "log/io/io.h"

struct file_window {
	struct io *io;
	int fd;
	uint64_t file_size;
	uint8_t *buffer;
	size_t capacity;
	uint64_t start, end;                        /* what of the file is in memory */
	/* equal: nothing; else all that could not be read lies in here */
	uint64_t unreadable_from, unreadable_to;
	int read_error;                             /* why */
};

/* -errno. */
MUST_USE int file_window_open(struct file_window *window, struct io *io, const char *path);
void file_window_close(struct file_window *window);

/* Makes [position, position + size) visible at *out, valid until the next call. All of it lies within the
 * file. Going back is allowed, and reads again. -ENOMEM. */
MUST_USE int file_window_view(struct file_window *window, uint64_t position, size_t size,
			      const uint8_t **out);

/* The file holds nothing but zeros from `position` up to the result: a hole, which need not be read. `position` itself, where nothing is known. */
uint64_t file_window_next_data(const struct file_window *window, uint64_t position);
