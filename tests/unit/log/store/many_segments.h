/* Topics of many small segments, for the tests of what goes in pieces. */
#pragma once

#include <errno.h>

#include "log/partition/partition_priv.h"
#include "tests/unit/log/store/world.h"

static inline uint32_t segments_of(const struct partition *partition)
{
	uint32_t count = 0;
	LIST_FOR_EACH(node, &partition->segments)
		count++;
	return count;
}

static inline int count_log(void *context, const char *name, bool is_directory)
{
	int64_t base;
	enum segment_file file;
	*(uint32_t *)context += !is_directory && segment_name_parse(name, &base, &file) && file == SEGMENT_FILE_LOG;
	return 0;
}

/* Of segments, in that directory. */
static inline uint32_t logs_of(struct world *world, const char *dir)
{
	uint32_t count = 0;
	int err = io_dir_list(world->io, dir, count_log, &count);
	cr_assert(err == 0 || err == -ENOENT);
	return count;
}

/* One whose segments hold few records each. */
static inline void make_topic(struct world *world, const char *name, uint32_t partitions)
{
	struct config_override overrides[] = {{"index.interval.bytes", "0"}, {"segment.index.bytes", "16"}};
	world_create_topic(world, name, partitions, overrides, 2);
}

/* So many segments in each partition, all but the last one sealed; all of them in files and in a checkpoint. */
static inline void fill(struct world *world, uint64_t seed, const char *name, uint32_t partitions, uint32_t segments)
{
	world_init(world, seed);
	world_open(world);
	make_topic(world, name, partitions);
	for (uint32_t index = 0; index < partitions; index++)
		for (uint64_t i = 0; segments_of(world_partition(world, name, index)) < segments; i++)
			world_append(world, world_partition(world, name, index), i, 1, 100);
	world_stop(world);
	world_open(world);
	for (uint32_t index = 0; index < partitions; index++)
		cr_assert_geq(logs_of(world, world_partition(world, name, index)->dir), segments);
}
