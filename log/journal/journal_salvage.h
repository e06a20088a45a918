/* A journal whose superblocks are both lost, while its groups are there: for `spate log repair` alone, never for a broker's start. Each group's header says
 * where it lies, its seq, its opening, and the checksum of the header before it; so the newest of them and all that it follows from are found by looking at
 * every block. What makes that possible is the file's seed, without which no header can be checked: the checkpoint beside it has it, and so have the headers.
 *
 * Any thread that owns the file; nobody may have it open. */
#pragma once

#include "log/io/io.h"

struct journal_salvage {
	uint64_t groups;               /* that belong to the history; from ... to */
	uint64_t first_seq, last_seq;
};

/* Finds the groups of this seed (0: the one that most headers say they have), and unless `is_dry_run` makes both superblocks anew, which begin with the first of them: what was trimmed already comes once more, and who
 * replays it passes over it. `checkpoint`: the generation of the one that had the seed; 0: none. The bytes that stood there are kept as `<path>.superblocks`.
 * ERR_FORMAT: a superblock is whole, or of a later version: nothing is to be done. ERR_CORRUPT_LOG: no group of that seed is there, or the file has a size that no
 * journal has. */
MUST_USE int journal_salvage(struct io *io, const char *path, uint64_t seed, uint32_t shard_plus_one, uint64_t checkpoint, bool is_dry_run,
			     struct journal_salvage *found);
