/* Lanes: every partition is served, every connection has work, and turns are fair. */
#include "bench/load/lane.h"

#include <criterion/criterion.h>

/* In any shape, one round of all connections visits each lane once, and all partitions are among them. */
Test(lane, each_round_visits_every_lane_once)
{
	static const struct {
		uint32_t partitions, connections;
	} rows[] = { { 1, 1 }, { 16, 16 }, { 16, 4 }, { 7, 3 }, { 3, 7 }, { 1, 9 }, { 1000, 16 } };
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct lanes lanes;
		uint32_t visits[1024] = { 0 }, partition_visits[1024] = { 0 };
		cr_assert(lanes_open(&lanes, rows[i].partitions, rows[i].connections));
		for (uint32_t connection = 0; connection < rows[i].connections; connection++) {
			cr_assert_gt(lanes_of(&lanes, connection), 0);
			for (uint32_t n = lanes_of(&lanes, connection); n; n--) {
				uint32_t lane = lanes_take(&lanes, connection);
				cr_assert_lt(lane, lanes.count);
				visits[lane]++;
				partition_visits[lanes_partition(&lanes, lane)]++;
			}
		}
		for (uint32_t lane = 0; lane < lanes.count; lane++)
			cr_expect_eq(visits[lane], 1, "row %zu lane %u", i, lane);
		for (uint32_t partition = 0; partition < rows[i].partitions; partition++)
			cr_expect_gt(partition_visits[partition], 0, "row %zu partition %u", i, partition);
		lanes_close(&lanes);
	}
}
