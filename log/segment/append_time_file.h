/* The file beside a segment that keeps when its records were appended (log/segment/append_times.h has the bytes). It only grows, a run of steps at
 * a time; a run that begins before its end (after a restart: what the journal replays) takes the place of what was there from that offset on.
 *
 * Never synced, and no failure of it is one of the log's: what it cannot keep is unknown later. Cold calls of the thread that owns the io. */
#pragma once

#include "log/io/io.h"
#include "log/segment/append_times.h"

/* Adds the steps; *end, of this file, is what the last addition made it (all zero before the first of a life). ERR_FORMAT: the file is of a later version, and stays as it is; -errno: as much of them as is there is good, and they may be added
 * again. */
MUST_USE int append_time_file_add(struct io *io, const char *path, const struct append_time_owner *owner, const struct append_times *times,
				  struct append_time_end *end);

/* A file that is open to be looked at. */
struct append_time_file {
	struct io *io;
	int fd;
	struct append_time_owner owner;
	uint32_t seed;
	struct append_steps steps;
	/* The stretch read last: the entry before `block_first`, if there is one, and those from it on. */
	uint32_t block_first, block_count;
	uint8_t block[257 * APPEND_TIME_ENTRY_SIZE];
};

/* For reading `out->steps`, from any place in them. -ENOENT: there is none. ERR_CORRUPT_LOG, ERR_FORMAT: its head is damaged, of a later version. */
MUST_USE int append_time_file_open(struct append_time_file *out, struct io *io, const char *path);
bool append_time_file_is_of(const struct append_time_file *file, const struct append_time_owner *owner);
void append_time_file_close(struct append_time_file *file);
