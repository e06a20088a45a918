/* A cycle that finds many complete segments: they are sealed one at a time, and others are served between. */
#include "tests/unit/log/store/world.h"

#include "log/partition/partition_priv.h"

#define SEGMENTS 150
#define AT_ONCE_MAX 1
#define AT_ONCE_MAX_STOP 64
#define TIMED_AT_ONCE_MAX 16

struct counts {
	uint32_t segments, filed, sealed;
};

static struct counts count(const struct partition *partition)
{
	struct counts counts = {0};
	LIST_FOR_EACH(node, &partition->segments) {
		const struct segment *segment = LIST_ENTRY(node, struct segment, node);
		counts.segments++;
		counts.filed += segment_size_bytes(segment) > 0 && segment_is_filed(segment);
		counts.sealed += segment->is_sealed;
	}
	return counts;
}

/* So many segments that are durable in the journal alone. Returns the log's end. */
static uint64_t fill(struct world *world, uint64_t seed)
{
	struct config_override overrides[] = {{"index.interval.bytes", "0"}, {"segment.index.bytes", "16"}};
	world_init(world, seed);
	world_open(world);
	world_create_topic(world, "t", 1, overrides, 2);
	uint64_t end = 0;
	while (count(world_partition(world, "t", 0)).segments < SEGMENTS)
		world_append(world, world_partition(world, "t", 0), end++, 1, 100);
	cr_assert_lt(count(world_partition(world, "t", 0)).filed, 10, "no cycle has come between");
	return end;
}

/* The most that were sealed in one turn, until all that are complete are; and how long that took from the first on. */
static uint32_t seal_all(struct world *world, struct partition *partition, uint64_t *took_ns)
{
	uint32_t most = 0;
	struct counts before = count(partition);
	uint64_t began_ns = 0;
	for (int turns = 0; before.sealed + 1 < before.segments && turns < 10000; turns++) {
		world_turn(world);
		struct counts after = count(partition);
		most = after.sealed - before.sealed > most ? after.sealed - before.sealed : most;
		began_ns = began_ns || after.sealed == 0 ? began_ns : io_now_ns(world->io);
		before = after;
	}
	*took_ns = io_now_ns(world->io) - began_ns;
	cr_assert_eq(before.sealed + 1, before.segments);
	cr_assert_eq(before.filed, before.segments);
	return most;
}

Test(seal_pieces, a_few_in_each_turn)
{
	struct world world;
	uint64_t took_ns, end = fill(&world, 1);
	struct partition *partition = world_partition(&world, "t", 0);
	cr_assert_leq(seal_all(&world, partition, &took_ns), AT_ONCE_MAX);
	cr_assert_lt(took_ns, 50000000u, "each turn brings the next, whatever else there is to do");
	world_append(&world, partition, end, 1, 100);
	world_stop(&world);
	world_open(&world);
	cr_assert(world.report.was_clean);
	cr_assert_eq(world.report.entries_replayed, 0);
	cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 1000), (int64_t)end + 1);
	world_fini(&world);
}

static uint32_t count_untimed(const struct partition *partition)
{
	uint32_t count = 0;
	LIST_FOR_EACH(node, &partition->segments)
		count += LIST_ENTRY(node, struct segment, node)->append_times != NULL;
	return count;
}

/* Each has a file for its append times as well: so many a turn, though all are one partition's. */
Test(seal_pieces, their_append_times_too)
{
	struct world world;
	fill(&world, 3);
	struct partition *partition = world_partition(&world, "t", 0);
	uint32_t before = count_untimed(partition);
	cr_assert_gt(before, SEGMENTS / 2);
	for (int turns = 0; before && turns < 10000; turns++) {
		world_turn(&world);
		uint32_t after = count_untimed(partition);
		cr_assert_leq(before - after, TIMED_AT_ONCE_MAX);
		before = after;
	}
	cr_assert_eq(before, 0);
	world_fini(&world);
}

/* A stop is in more of a hurry, but its turns have their bound as well. */
Test(seal_pieces, at_a_stop)
{
	struct world world;
	uint64_t took_ns, end = fill(&world, 2);
	store_stop(world.store);
	cr_assert_leq(seal_all(&world, world_partition(&world, "t", 0), &took_ns), AT_ONCE_MAX_STOP);
	world_stop(&world);
	world_open(&world);
	cr_assert(world.report.was_clean);
	cr_assert_eq(world.report.entries_replayed, 0);
	struct counts counts = count(world_partition(&world, "t", 0));
	cr_assert_eq(counts.sealed + 1, counts.segments);
	cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 1000), (int64_t)end);
	world_fini(&world);
}

/* Records come, and the log start moves, while a cycle seals: nothing is forgotten, nor at a crash. */
Test(seal_pieces, while_the_log_moves_at_both_ends, .timeout = 60)
{
	for (uint64_t k = 0; k < 36; k += 3) {
		struct world world;
		uint64_t took_ns, end = fill(&world, 10 + k);
		struct partition *partition = world_partition(&world, "t", 0);
		while (count(partition).sealed < 4 * k)
			world_turn(&world);
		for (uint64_t i = 0; i < 10; i++, end++) {
			world_append(&world, partition, end, 1, 100);
			partition__set_start(partition, (int64_t)(end / 2));
		}
		seal_all(&world, partition, &took_ns);
		for (int turns = 0; turns < 200; turns++)
			world_turn(&world);
		struct counts counts = count(partition);
		cr_assert_eq(counts.filed, counts.segments);
		cr_assert_leq(counts.segments, SEGMENTS / 2 + 20);
		if (k % 2)
			world_stop(&world);
		else
			world_crash(&world);
		world_open(&world);
		cr_assert_eq(world.report.damaged_ranges, 0);
		partition = world_partition(&world, "t", 0);
		cr_assert_eq(partition_log_start_offset(partition), (int64_t)(end - 1) / 2);
		cr_assert_eq(world_check_all(&world, partition, partition_log_start_offset(partition), 1000), (int64_t)end);
		world_fini(&world);
	}
}
