/* Who may use a data directory: one process at a time. Owns two descriptors: of the directory itself, which is what counts (it cannot be removed and made anew
 * beside its holder, and goes with the directory when that is renamed), and of the file `.lock` in it, which brokers of earlier versions hold alone.
 *
 * Called by the thread that owns the io. Never waits longer than it is told; never removes `.lock`. */
#pragma once

#include "log/io/io.h"

struct dir_lock {
	int dir_fd;  /* -1: not held, or this file system locks no directories */
	int file_fd; /* -1: not held */
};

#define DIR_LOCK_NONE ((struct dir_lock){-1, -1})

/* Takes both, making `.lock` if need be; ERR_LOCKED if somebody has either, -errno; nothing is held after an error. Retries for `wait_ms` (io_lock). */
MUST_USE int dir_lock_take(struct dir_lock *lock, struct io *io, const char *dir, uint32_t wait_ms);
/* The same for who only reads: a `.lock` that is not there (`has_file`) is not made. */
MUST_USE int dir_lock_look(struct dir_lock *lock, struct io *io, const char *dir, bool has_file);
/* Where the directory that is held is now, if `dir` no longer leads to it; else an empty text. */
void dir_lock_whereabouts(const struct dir_lock *lock, const char *dir, char *out, size_t size);
/* Lets go of what is held; may be nothing. */
void dir_lock_drop(struct dir_lock *lock, struct io *io);
