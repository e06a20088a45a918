/* Whose is a partition's directory that does not say so itself? For who makes a lost catalog anew, and finds partition.metadata lost or damaged as well.
 *
 * Its append times say it; and checkpoints and journals know with which batch each segment begins (by its CRC), and whose it is. A directory is of a topic if its files are, and
 * of none if they contradict each other.
 *
 * Owner: who opened it. Reads only. */
#pragma once

#include "log/io/io.h"
#include "log/verify/directory.h"

struct dir_owners {
	struct io *io;
	const char *dir;
	struct told_file *told;
	uint32_t count, capacity;
	bool is_short_of_memory;
};

/* Asks checkpoints and journals. -errno. */
MUST_USE int dir_owners_open(struct dir_owners *owners, struct io *io, const char *dir, uint32_t shard_count);
void dir_owners_close(struct dir_owners *owners);
/* 1: *id, and *by says who tells it. 0: nothing does. -errno: it cannot be asked now. */
MUST_USE int dir_owners_find(const struct dir_owners *owners, const struct partition_dir *partition, struct uuid *id, const char **by);
