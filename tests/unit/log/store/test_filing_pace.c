/* What is filed behind the journal's back is written a little at a time, so that the group that somebody waits for finds a short queue at the disk. */
#include "log/store/store_priv.h"
#include "tests/unit/log/store/world.h"

#define PARTITIONS 8
#define BATCH 60000u
#define QUEUE_MAX (2u << 20) /* what a paced cycle may have in writes at once, its last pass included */

static void open_world(struct world *world, uint64_t seed)
{
	world_init(world, seed);
	world->options.journal_size_bytes = 32 << 20;
	world->options.cache_size_bytes = 64 << 20;
	world->options.direct_size_bytes_min = 1 << 30; /* all of it through the journal, whose fill makes the cycles */
	world_open(world);
	world_create_topic(world, "t", PARTITIONS, NULL, 0);
}

/* One append to each partition; the most that was being filed after any turn meanwhile. */
static uint64_t append_to_all(struct world *world, uint64_t number)
{
	struct append appends[PARTITIONS];
	const struct store *store = world->store;
	uint64_t most = 0;
	for (uint32_t i = 0; i < PARTITIONS; i++)
		cr_assert_eq(world_append_begin(world_partition(world, "t", i), &appends[i], number, 1, BATCH), 0);
	store_turn(world->store);
	for (uint32_t i = 0; i < PARTITIONS; i++) {
		for (int turns = 0; !appends[i].is_done && turns < 100000; turns++) {
			world_turn(world);
			most = store->home.segments.behind_bytes > most ? store->home.segments.behind_bytes : most;
		}
		cr_assert(appends[i].is_done && appends[i].op.err == 0);
	}
	return most;
}

/* Several journals full, at a pace that the cycles keep up with: each had megabytes of every partition to file. */
Test(filing_pace, a_cycle_keeps_the_queue_short, .timeout = 60)
{
	struct world world;
	uint64_t most = 0;
	open_world(&world, 1);
	for (uint64_t number = 0; number < 300; number++) {
		uint64_t now = append_to_all(&world, number);
		most = now > most ? now : most;
	}
	cr_assert_gt(most, 0);
	cr_assert_leq(most, QUEUE_MAX, "%lu bytes were being filed at once", most);
	world_stop(&world);
	world_open(&world);
	for (uint32_t i = 0; i < PARTITIONS; i++)
		cr_assert_eq(world_check_all(&world, world_partition(&world, "t", i), 0, 1 << 20), 300);
	world_fini(&world);
}

/* What is filed in several writes, none of which syncs what it writes, is on stable storage when a checkpoint says that it is filed. */
Test(filing_pace, several_writes_are_synced_behind_the_last, .timeout = 60)
{
	struct world world;
	open_world(&world, 4);
	for (uint64_t number = 0; number < 40; number++)
		world_append(&world, world_partition(&world, "t", 0), number, 1, BATCH);
	uint64_t checkpoint = world.store->checkpoint_generation;
	world.store->cycle.is_due = true;
	for (int turns = 0; world.store->checkpoint_generation == checkpoint && turns < 10000; turns++)
		world_turn(&world);
	cr_assert_neq(world.store->checkpoint_generation, checkpoint);
	struct sim_disk *left = world_lose_all(world.disk);
	struct world other = {.disk = left, .config = world.config, .options = world.options, .seed = 1};
	world_open(&other);
	cr_assert_eq(world_check_all(&other, world_partition(&other, "t", 0), 0, 1 << 20), 40);
	world_close(&other);
	sim_disk_close(left);
	world_fini(&world);
}

/* Appends that outrun the cycle, until there is no room: filing is what they wait for, and goes as fast as the disk. */
Test(filing_pace, it_hurries_when_appends_wait, .timeout = 60)
{
	struct world world;
	uint64_t most = 0;
	open_world(&world, 2);
	for (uint64_t number = 0; number < 300; number++) {
		uint64_t now = append_to_all(&world, number);
		most = now > most ? now : most;
		world.store->home.wants_room = world.store->cycle.state == CYCLE_FILING;
	}
	cr_assert_gt(most, QUEUE_MAX, "only %lu bytes were being filed at once", most);
	world_fini(&world);
}

/* The journal has room again a little after a cycle, when both superblocks say so; another cycle in between would bring none. */
Test(filing_pace, a_half_of_the_journal_takes_one_cycle, .timeout = 60)
{
	struct world world;
	open_world(&world, 3);
	for (uint64_t number = 0; number < 300; number++)
		append_to_all(&world, number);
	uint64_t halves = 300ull * PARTITIONS * BATCH / (world.options.journal_size_bytes / 2);
	uint32_t cycles = (uint32_t)world.store->checkpoint_generation; /* each writes one; the other half says in which life */
	cr_assert_leq(cycles, halves + 1, "%u cycles for %lu halves of the journal", cycles, halves);
	world_fini(&world);
}

#define LARGE_JOURNAL (128ull << 20)

static uint32_t count_cycles(const struct world *world)
{
	return (uint32_t)world->store->checkpoint_generation;
}

static void append_bytes(struct world *world, uint64_t *number, uint64_t bytes)
{
	for (uint64_t end = *number + bytes / PARTITIONS / BATCH; *number < end; (*number)++)
		append_to_all(world, *number);
}

static void open_large(struct world *world, uint64_t seed)
{
	world_init(world, seed);
	world->options.journal_size_bytes = LARGE_JOURNAL;
	world->options.cache_size_bytes = 2 * LARGE_JOURNAL;
	world->options.direct_size_bytes_min = 1 << 30;
	world_open(world);
	world_create_topic(world, "t", PARTITIONS, NULL, 0);
}

/* A large journal is for many partitions: few have large pieces long before half of it is full, and what a start after a kill has to read is no more than with a
 * small one. */
Test(filing_pace, few_partitions_are_filed_as_with_a_small_journal, .timeout = 60)
{
	struct world world;
	uint64_t number = 0;
	open_large(&world, 4);
	uint32_t before = count_cycles(&world);
	append_bytes(&world, &number, LARGE_JOURNAL / 8 * 7);
	cr_assert_geq(count_cycles(&world) - before, 2, "only %u cycles", count_cycles(&world) - before);
	world_fini(&world);
}

/* The last cycle had so many to file that half of the journal is a small piece for each. */
Test(filing_pace, many_partitions_wait_for_half_of_it, .timeout = 60)
{
	struct world world;
	uint64_t number = 0;
	open_large(&world, 5);
	world.store->cycle.filed_count = 10000;
	uint32_t before = count_cycles(&world);
	append_bytes(&world, &number, LARGE_JOURNAL / 8 * 3);
	cr_assert(store__cycle_is_idle(world.store));
	cr_assert_eq(count_cycles(&world), before);
	append_bytes(&world, &number, LARGE_JOURNAL / 8 * 2);
	cr_assert(!store__cycle_is_idle(world.store) || count_cycles(&world) > before);
	world_fini(&world);
}

/* Some hundreds have 128 KiB each, which is less than half of it. */
Test(filing_pace, some_partitions_wait_for_large_pieces, .timeout = 60)
{
	struct world world;
	uint64_t number = 0;
	open_large(&world, 6);
	world.store->cycle.filed_count = 400;
	uint32_t before = count_cycles(&world);
	append_bytes(&world, &number, LARGE_JOURNAL / 16 * 6);
	cr_assert(store__cycle_is_idle(world.store));
	cr_assert_eq(count_cycles(&world), before);
	append_bytes(&world, &number, LARGE_JOURNAL / 16);
	cr_assert(!store__cycle_is_idle(world.store) || count_cycles(&world) > before);
	world_fini(&world);
}
