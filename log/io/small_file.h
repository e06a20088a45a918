/* Small whole files: read at once, and replaced at once (temporary file, sync, rename, sync of the
 * directory), so that a crash leaves the old or the new content and never a mixture. Cold calls of the
 * thread that owns the io; but for a replacement whose writing and syncs the loop does not wait for. */
#pragma once

#include <limits.h>

#include "log/io/io.h"

/* Reads the file into malloc'ed memory (freed by the caller), with a zero byte behind it. -EFBIG above
 * `size_max`. */
MUST_USE int small_file_read(struct io *io, const char *path, size_t size_max, uint8_t **data, size_t *size);

/* Replaces or makes `path`; durable when it returns 0. Uses `path` + ".tmp". */
MUST_USE int small_file_replace(struct io *io, const char *path, const void *data, size_t size);

/* The same without the sync of the directory: a power cut may leave the old one, or none, but never a part of the new one. */
MUST_USE int small_file_put(struct io *io, const char *path, const void *data, size_t size);

/* A replacement in two steps, with time between them. The first leaves the new content under the temporary name, and its descriptor; the second makes it durable, and
 * gives it the name, durably. Until then the old one is what there is. The descriptor stays the caller's, whatever the second says. */
MUST_USE int small_file_write(struct io *io, const char *path, const void *data, size_t size);
MUST_USE int small_file_publish(struct io *io, const char *path, int fd);

/* A replacement under way. In its owner; zeroed before the first one, and used again when done() runs. */
struct small_file_replacing {
	struct io *io;
	struct io_op op;
	struct iovec data;
	int fd;
	bool is_in_flight;
	char path[PATH_MAX], temporary[PATH_MAX], parent[PATH_MAX];
	void (*done)(struct small_file_replacing *replacing, int err); /* in io_turn; err as that of small_file_replace */
};

/* The same in the background: path and data are the caller's, and the data must stay until done() runs. What shows at once is returned, and nothing is
 * under way then. */
MUST_USE int small_file_replace_start(struct small_file_replacing *replacing, struct io *io, const char *path, const void *data, size_t size);
