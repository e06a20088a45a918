/* What a limit of open files is divided into. */
#include <criterion/criterion.h>

#include "net/descriptors.h"

static const uint64_t limits[] = {64, 256, 1024, 4096, 20000, 1u << 20, UINT64_MAX};
static const uint32_t shards[] = {1, 2, 4, 16};

/* Connections and files that are kept open leave a part for the engine itself, at each limit and number of shards that makes sense. */
Test(descriptors, something_is_left_for_the_engine)
{
	for (size_t l = 0; l < COUNT_OF(limits); l++)
		for (size_t s = 0; s < COUNT_OF(shards) && shards[s] * 32 <= limits[l]; s++) {
			struct descriptors part = descriptors_divide(limits[l], shards[s]);
			uint64_t taken = part.connections + (uint64_t)part.segments_a_shard * shards[s];
			cr_expect(taken + limits[l] / 8 <= limits[l] || taken + 32 + 48 * shards[s] <= limits[l], "%lu, %u shards: %lu taken", limits[l], shards[s], taken);
			cr_expect_geq(part.segments_a_shard, 8);
			cr_expect_geq(part.connections, limits[l] >= 256 ? 64 : 1);
		}
}

/* Twice as many descriptors as connections are enough for ten thousand of those. */
Test(descriptors, ten_thousand_connections_of_twenty_thousand)
{
	for (uint32_t shard_count = 1; shard_count <= 4; shard_count++)
		cr_expect_geq(descriptors_divide(20000, shard_count).connections, 10200);
}

/* The limit that is asked for is one that is enough, and where it is enough none is asked for. */
Test(descriptors, what_would_do_does)
{
	static const uint64_t counts[] = {0, 1, 100, 1500, 10000, 1000000};
	for (size_t l = 0; l < COUNT_OF(limits); l++)
		for (size_t s = 0; s < COUNT_OF(shards); s++)
			for (size_t c = 0; c < COUNT_OF(counts); c++) {
				struct descriptors part = descriptors_divide(limits[l], shards[s]);
				uint64_t wanted = descriptors_wanted(&part, counts[c], shards[s]);
				if (!wanted)
					continue;
				cr_expect_gt(wanted, limits[l]);
				struct descriptors better = descriptors_divide(wanted, shards[s]);
				cr_expect_eq(descriptors_wanted(&better, counts[c], shards[s]), 0);
			}
	struct descriptors part = descriptors_divide(1024, 2);
	cr_expect_eq(descriptors_wanted(&part, 100, 2), 0);
	cr_expect_neq(descriptors_wanted(&part, 1500, 2), 0);
}
