/* What a start is held against where the journal does not tell how far all had come. */
#pragma once

#include "log/store/store_priv.h"
#include "tests/unit/log/store/world.h"

/* The journal tells where logs end, whose their files are, and what time it is; with that, little else is asked for. Without room for it (but for a moment, in which an append
 * goes through) it is as if there were too many partitions for an entry. */
static inline void world_let_ends_be_told(struct world *world, bool has_room)
{
	uint32_t room = (uint32_t)(world->options.journal_size_bytes / 16);
	world->store->group_size_bytes_max = has_room ? room : (JOURNAL_OVERHEAD + 64) / 3 * 4;
}
