/* A cycle that finds many segments to file and to seal: how often it looks at one does not grow with their number. */
#include <errno.h>

#include "log/store/store_priv.h"
#include "tests/unit/log/store/world.h"

#include "log/partition/partition_priv.h"

#define STEPS_A_SEGMENT 12 /* filed, passed, sealed, and looked at again by the cycle's end and by those that follow */

static uint32_t count_left(const struct partition *partition)
{
	uint32_t left = 0;
	LIST_FOR_EACH(node, &partition->segments) {
		const struct segment *segment = LIST_ENTRY(node, struct segment, node);
		left += segment->is_complete && !segment->is_sealed;
	}
	return left;
}

static uint32_t count_all(const struct partition *partition)
{
	uint32_t count = 0;
	LIST_FOR_EACH(node, &partition->segments)
		count++;
	return count;
}

/* All before them is as they say. */
static void check_marks(const struct partition *partition)
{
	bool is_before_filed = partition->filed_before, is_before_sealed = partition->sealed_before;
	LIST_FOR_EACH(node, &partition->segments) {
		const struct segment *segment = LIST_ENTRY(node, struct segment, node);
		is_before_filed &= segment != partition->filed_before;
		is_before_sealed &= segment != partition->sealed_before;
		cr_assert(!is_before_filed || (segment->is_complete && segment_is_filed(segment)));
		cr_assert(!is_before_sealed || segment->is_sealed);
	}
	cr_assert(!is_before_filed && !is_before_sealed, "both stand in the log");
}

static uint64_t fill(struct world *world, uint32_t segments, uint64_t from)
{
	struct partition *partition = world_partition(world, "t", 0);
	for (uint32_t before = count_all(partition); count_all(partition) < before + segments; from++)
		world_append(world, partition, from, 1, 100);
	return from;
}

static void file_all(struct world *world, struct partition *partition)
{
	for (int turns = 0; count_left(partition) && turns < 20000; turns++) {
		world_turn(world);
		check_marks(partition);
	}
	cr_assert_eq(count_left(partition), 0);
}

/* The more segments, the more steps; but so many for each, as in a log of few. It goes on so behind those that are filed already, and in a second life. */
Test(filing_steps, grow_with_the_segments_alone, .timeout = 60)
{
	static const uint32_t counts[] = {20, 150};
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
		struct world world;
		struct config_override overrides[] = {{"index.interval.bytes", "0"}, {"segment.index.bytes", "16"}};
		world_init(&world, i + 1);
		world_open(&world);
		world_create_topic(&world, "t", 1, overrides, 2);
		uint64_t end = 0;
		for (int part = 0; part < 3; part++) {
			struct partition *partition = world_partition(&world, "t", 0);
			uint64_t before = partition->home->filing_steps;
			end = fill(&world, counts[i], end);
			file_all(&world, partition);
			cr_assert_leq(partition->home->filing_steps - before, STEPS_A_SEGMENT * counts[i] + 20);
			/* those that are dropped are not remembered, whichever the last look ended at */
			partition->filed_before = partition->sealed_before = LIST_ENTRY(partition->segments.next, struct segment, node);
			partition__set_start(partition, (int64_t)end / 2);
			for (int turns = 0; turns < 100; turns++) {
				world_turn(&world);
				check_marks(partition);
			}
			if (part == 1) {
				world_crash(&world);
				world_open(&world);
			}
		}
		struct partition *partition = world_partition(&world, "t", 0);
		cr_assert_eq(world_check_all(&world, partition, partition_log_start_offset(partition), 1000), (int64_t)end);
		world_fini(&world);
	}
}

/* Append times that cannot be written are for the next cycle, however many they are: if the tries counted, this one would come back to them for ever, and the
 * journal would never be let go. */
Test(filing_steps, what_fails_is_passed)
{
	struct world world;
	struct config_override overrides[] = {{"index.interval.bytes", "0"}, {"segment.index.bytes", "16"}};
	uint32_t left = 16;
	world_init(&world, 3);
	world_open(&world);
	world_create_topic(&world, "t", 1, overrides, 2);
	struct partition *partition = world_partition(&world, "t", 0);
	uint64_t end = fill(&world, 40, 0);
	for (int turns = 0; turns < 20000 && !LIST_ENTRY(partition->segments.prev, struct segment, node)->has_file; turns++)
		world_turn(&world);
	sim_disk_fail_kinds(world.disk, SIM_OPEN, 1, EMFILE, true);
	cr_assert(partition__write_append_times(partition, &left));
	cr_assert_geq(sim_disk_fail_count(world.disk), 16);
	cr_assert_eq(left, 16);
	sim_disk_fail_kinds(world.disk, SIM_OPEN, 0, EMFILE, false);
	file_all(&world, partition);
	world_idle(&world, 7);
	cr_assert(list_is_empty(&world.store->home.untimed), "what is written is not looked at again");
	cr_assert_eq(world_check_all(&world, partition, 0, 1000), (int64_t)end);
	world_fini(&world);
}
