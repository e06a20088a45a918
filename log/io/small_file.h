/* Small whole files: read at once, and replaced at once (temporary file, sync, rename, sync of the
 * directory), so that a crash leaves the old or the new content and never a mixture. Cold calls of the
 * thread that owns the io. */
#pragma once

#include "log/io/io.h"

/* Reads the file into malloc'ed memory (freed by the caller), with a zero byte behind it. -EFBIG above
 * `size_max`. */
MUST_USE int small_file_read(struct io *io, const char *path, size_t size_max, uint8_t **data, size_t *size);

/* Replaces or makes `path`; durable when it returns 0. Uses `path` + ".tmp". */
MUST_USE int small_file_replace(struct io *io, const char *path, const void *data, size_t size);
