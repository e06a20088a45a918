/* Partition directories that are moved to quarantine/, where nobody serves or deletes them. Owner: the calling thread, which holds the directory's lock. */
#pragma once

#include "log/io/io.h"

/* Moves `name` of the data directory `dir` to quarantine/; behind a number, if an earlier repair has left one of that name there. Gone is as good. Durable when
 * it returns 0, -errno else. */
MUST_USE int repair_move_aside(struct io *io, const char *dir, const char *name);

/* Renames the file to `path` + ".damaged". Gone is as good. Durable when it returns 0, -errno else. */
MUST_USE int repair_rename_damaged(struct io *io, const char *path);
