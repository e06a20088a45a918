/* A file under a name that is not its own: somebody has exchanged two; or what is no file at all, or may not be written. What it holds may be there alone, so
 * before its name is written over or removed it is renamed to NAME.foreign. Owns nothing; the thread that owns the name; reads a header in place. */
#pragma once

#include "log/io/dir_lock.h"
#include "log/io/io.h"

#define FOREIGN_FILE_SUFFIX ".foreign"

/* Does the file begin as a journal, a catalog, a checkpoint or a seal does: it is no .log. False as well if it cannot be read. */
bool foreign_file_is_stores(struct io *io, int fd);
/* Of an opening: what stands there is no regular file, or may not be read and written, so it must be put aside for one that can be. */
bool foreign_file_is_in_the_way(int err);
/* Renames it, durably, and tells of it on stderr: the path, `what`, and the new name. */
MUST_USE int foreign_file_put_aside(struct io *io, const char *path, const char *what);
/* For names whose file can be made anew: one that begins as a .log, a journal or a catalog does, or is in the way, is put aside. 0 also if there is none,
 * or nothing of the kind. */
MUST_USE int foreign_file_keep(struct io *io, const char *path);
/* Writes a file that can be made anew over what stands there, which is kept first if it is another's. Not synced, and not whole after a failure. */
MUST_USE int foreign_file_write_over(struct io *io, const char *path, const void *data, size_t size);
/* The same for taking it away. */
MUST_USE int foreign_file_unlink(struct io *io, const char *path);
/* dir_lock_take; but a `.lock` that is no regular file is put aside first: whoever holds the directory holds the directory itself as well. */
MUST_USE int foreign_file_lock_dir(struct dir_lock *lock, struct io *io, const char *dir, uint32_t wait_ms);
