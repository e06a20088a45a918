/* Of a limit: 32 and 48 a shard for the engine, but at most a quarter; of the rest a quarter for segments, or 9 of 20 where there are many; at most what a store would keep open anyway; all else
 * is for connections. Nobody is held to it by force: what goes beyond meets EMFILE, which is a wait (log/store/shortage.c). */
#include "net/descriptors.h"

#include <sys/resource.h>

#define ENGINE_BASE 32u
#define ENGINE_A_SHARD 48u   /* two journals' descriptors, a checkpoint, 16 syncs of directories at once (two each), loop, wake, some air */
#define SEGMENTS_A_SHARD_MIN 8u
#define SEGMENTS_A_SHARD_MAX 16384u
#define MANY 8192u

static uint64_t engine(uint64_t limit, uint32_t shard_count)
{
	uint64_t wanted = ENGINE_BASE + (uint64_t)ENGINE_A_SHARD * shard_count;
	return wanted < limit / 4 ? wanted : limit / 4;
}

static uint32_t within(uint64_t value, uint32_t min, uint32_t max)
{
	return value < min ? min : value > max ? max : (uint32_t)value;
}

struct descriptors descriptors_divide(uint64_t limit, uint32_t shard_count)
{
	uint64_t rest = limit - engine(limit, shard_count);
	uint32_t segments = within((rest < MANY ? rest / 4 : rest * 9 / 20) / shard_count, SEGMENTS_A_SHARD_MIN, SEGMENTS_A_SHARD_MAX);
	uint64_t taken = (uint64_t)segments * shard_count;
	return (struct descriptors){limit, segments, within(rest > taken ? rest - taken : 1, 1, UINT32_MAX)};
}

struct descriptors descriptors_of_process(uint32_t shard_count)
{
	struct rlimit limit;
	bool is_known = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
	return descriptors_divide(is_known ? limit.rlim_cur : UINT64_MAX, shard_count);
}

uint64_t descriptors_wanted(const struct descriptors *descriptors, uint64_t partition_count, uint32_t shard_count)
{
	uint64_t most = (uint64_t)SEGMENTS_A_SHARD_MAX * shard_count, files = partition_count < most ? partition_count : most;
	if ((uint64_t)descriptors->segments_a_shard * shard_count >= files)
		return 0;
	/* Partitions are not spread evenly over the shards: an eighth more. */
	return ENGINE_BASE + (uint64_t)ENGINE_A_SHARD * shard_count + 4 * (files + files / 8);
}
