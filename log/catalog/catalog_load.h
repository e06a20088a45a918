/* The bytes of catalog.log, read into memory: all of them, but for a long stretch of zeros at the end, which a file has that was grown by mistake (a stray seek or truncate) and
 * which may be larger than memory. Cold calls of the thread that owns the io; reads alone. */
#pragma once

#include "log/io/io.h"

/* A larger file could not be read again: changes are refused before it is one. An opening makes it short. */
#define CATALOG_FILE_SIZE_MAX ((size_t)1 << 30)
/* So many zeros at the end are kept: more than any record ends with. */
#define CATALOG_ZEROS_KEPT ((size_t)1 << 20)

struct catalog_loaded {
	uint8_t *data;      /* freed by the caller, also after an error */
	size_t size;        /* at most CATALOG_FILE_SIZE_MAX */
	uint64_t file_size; /* all behind `size` is zeros, unless: */
	bool is_too_large;  /* there is more behind CATALOG_FILE_SIZE_MAX that was not read */
};

/* 0, -errno. */
MUST_USE int catalog_load(struct io *io, const char *path, struct catalog_loaded *out);
