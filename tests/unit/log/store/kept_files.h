/* What is kept of partitions that are offline (log/store/offline.c), by the names in the data directory. */
#pragma once

#include "log/store/store_priv.h"
#include "tests/unit/log/store/world.h"

static inline int count_kept(void *context, const char *name, bool is_directory)
{
	struct uuid id;
	uint32_t shard, index;
	*(int *)context += !is_directory && store_is_kept_file(name, &shard, &id, &index);
	return 0;
}

static inline int kept_files(struct world *world)
{
	int count = 0;
	cr_assert_eq(io_dir_list(world->io, "/", count_kept, &count), 0);
	return count;
}
