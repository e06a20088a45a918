/* Journals that were changed from outside: bytes behind their end, superblocks that are both lost. Any thread that holds the directory's lock. */
#pragma once

#include "log/journal/journal_salvage.h"

/* Finds the groups of a journal whose superblocks are both lost by the seed that the checkpoint beside it or their headers have, and unless `is_dry_run` makes the superblocks
 * anew (journal_salvage). ERR_CORRUPT_LOG: there are none. */
MUST_USE int lost_journal_salvage(struct io *io, const char *dir, uint32_t shard, bool is_dry_run, struct journal_salvage *found);
/* Cuts the file back to this size, durably. */
MUST_USE int lost_journal_cut(struct io *io, const char *dir, const char *name, uint64_t size);
