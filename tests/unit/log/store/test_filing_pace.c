/* What is filed behind the journal's back is written a little at a time, so that the group that somebody waits for finds a short queue at the disk. */
#include <errno.h>

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

/* Of what clients may have in use of it: a quarter is kept for what a full disk must not stop. The journal has room again a little after a cycle, when both superblocks say so; another cycle in between would bring none. */
Test(filing_pace, a_half_of_the_journal_takes_one_cycle, .timeout = 60)
{
	struct world world;
	open_world(&world, 3);
	for (uint64_t number = 0; number < 300; number++)
		append_to_all(&world, number);
	uint64_t halves = 300ull * PARTITIONS * BATCH / (world.options.journal_size_bytes / 8 * 3);
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

/* Some hundreds have 256 KiB each, which is less than half of it. */
Test(filing_pace, some_partitions_wait_for_large_pieces, .timeout = 60)
{
	struct world world;
	uint64_t number = 0;
	open_large(&world, 6);
	world.store->cycle.filed_count = 200;
	uint32_t before = count_cycles(&world);
	append_bytes(&world, &number, LARGE_JOURNAL / 16 * 6);
	cr_assert(store__cycle_is_idle(world.store));
	cr_assert_eq(count_cycles(&world), before);
	append_bytes(&world, &number, LARGE_JOURNAL / 16);
	cr_assert(!store__cycle_is_idle(world.store) || count_cycles(&world) > before);
	world_fini(&world);
}

/* ---- step by step ------------------------------------------------------------------------------------------------------- */

#define AT_ONCE (1u << 20)
#define A_MILLISECOND (64u << 10)
#define PASS_MAX (4u << 20)

static uint64_t begun(const struct world *world)
{
	return world->store->home.segments.behind_begun - world->store->cycle.pace.began_begun;
}

static uint64_t passed_ms(const struct world *world)
{
	return (io_now_ns(world->io) - world->store->cycle.pace.began_ns) / 1000000;
}

/* Up to the turn in which a cycle has begun. */
static void fill_until_cycle(struct world *world, uint64_t *number)
{
	struct append append;
	for (int i = 0; world->store->cycle.state != CYCLE_FILING && i < 10000; i++, (*number)++) {
		cr_assert_eq(world_append_begin(world_partition(world, "t", (uint32_t)(i % PARTITIONS)), &append, *number, 1, BATCH), 0);
		for (store_turn(world->store); !append.is_done && world->store->cycle.state != CYCLE_FILING;)
			world_turn(world);
		while (!append.is_done)
			world_turn(world);
	}
	cr_assert_eq(world->store->cycle.state, CYCLE_FILING);
}

/* While a load goes on, no more is filed than five bytes for four of it, and what time brings. */
Test(filing_pace, it_keeps_step_with_the_load, .timeout = 60)
{
	struct world world;
	uint64_t number = 0, looked = 0;
	open_large(&world, 6);
	fill_until_cycle(&world, &number);
	for (int i = 0; world.store->cycle.state == CYCLE_FILING && i < 1000; i++, looked++) {
		append_to_all(&world, number++);
		uint64_t taken = journal_taken_bytes(world.store->journal) - world.store->cycle.pace.began_taken;
		if (world.store->cycle.state == CYCLE_FILING)
			cr_assert_leq(begun(&world), AT_ONCE + taken / 4 * 5 + (passed_ms(&world) + 1) * A_MILLISECOND + PASS_MAX);
	}
	cr_assert_gt(looked, 3, "all was filed at once");
	world_fini(&world);
}

/* Without a load all is filed too, in its time, and nobody else brings the turns. */
Test(filing_pace, time_brings_it_on, .timeout = 60)
{
	struct world world;
	uint64_t number = 0;
	open_large(&world, 7);
	fill_until_cycle(&world, &number);
	uint64_t began_ns = world.store->cycle.pace.began_ns, unfiled = journal_untrimmed_bytes(world.store->journal);
	for (int turns = 0; !store__cycle_is_idle(world.store) && turns < 100000; turns++)
		world_turn(&world);
	cr_assert(store__cycle_is_idle(world.store));
	uint64_t took_ms = (io_now_ns(world.io) - began_ns) / 1000000, due_ms = unfiled / A_MILLISECOND;
	cr_assert(took_ms > due_ms / 2 && took_ms < due_ms * 2, "%lu ms for %lu bytes", (unsigned long)took_ms, (unsigned long)unfiled);
	world_fini(&world);
}

static void wait_for_a_pause(struct world *world)
{
	for (int turns = 0; list_is_empty(&world->store->home.segments.waiting_passes) && turns < 1000; turns++)
		world_turn(world);
	cr_assert(!list_is_empty(&world->store->home.segments.waiting_passes));
}

/* One partition, so that a filing of all there is stands between two passes. */
static void open_paused(struct world *world, uint64_t seed)
{
	open_large(world, seed);
	uint64_t number = 0;
	for (; world->store->cycle.state != CYCLE_FILING && number < 1000; number++)
		world_append(world, world_partition(world, "t", 0), number, 1, BATCH);
	wait_for_a_pause(world);
}

/* A stop waits for no pace. */
Test(filing_pace, a_stop_hurries, .timeout = 60)
{
	struct world world;
	open_paused(&world, 8);
	uint64_t began_ns = io_now_ns(world.io);
	world_stop(&world);
	world_open(&world);
	cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 1 << 20), world_partition(&world, "t", 0)->next_offset);
	cr_assert_lt(io_now_ns(world.io) - began_ns, 200000000ull);
	world_fini(&world);
}

/* Nor does a store that failed: what stands between two passes ends. */
Test(filing_pace, a_failure_waits_for_no_pace, .timeout = 60)
{
	struct world world;
	open_paused(&world, 10);
	store__fail(world.store, -EIO);
	for (int turns = 0; world.store->cycle.in_flight && turns < 100; turns++)
		world_turn(&world);
	cr_assert_eq(world.store->cycle.in_flight, 0);
	world_crash(&world);
	world_open(&world);
	world_fini(&world);
}

/* What is closed in between is ended first, and found again. */
Test(filing_pace, a_close_between_two_passes, .timeout = 60)
{
	struct world world;
	open_paused(&world, 9);
	int64_t end = world_partition(&world, "t", 0)->durable_offset;
	world_close(&world);
	world_open(&world);
	cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 1 << 20), end);
	world_fini(&world);
}

/* What comes of a load that lasts finds its segment being filed: it would go through the journal for ever if that kept step with it. */
Test(filing_pace, a_large_piece_hurries, .timeout = 60)
{
	struct world world;
	struct append appends[20];
	open_paused(&world, 11);
	struct partition *partition = world_partition(&world, "t", 0);
	for (uint64_t i = 0; i < 20; i++)
		cr_assert_eq(world_append_begin(partition, &appends[i], (uint64_t)partition->next_offset, 1, BATCH), 0);
	store_turn(world.store);
	cr_expect(world.store->cycle.pace.is_pressed);
	store_turn(world.store);
	cr_expect_not(store__must_hurry(world.store), "for another reason");
	cr_expect_eq(world.store->home.segments.behind_begun_max, UINT64_MAX, "no pace is kept to");
	cr_expect(list_is_empty(&world.store->home.segments.waiting_passes));
	for (int turns = 0; !store__cycle_is_idle(world.store) && turns < 100000; turns++)
		world_turn(&world);
	cr_expect(appends[19].is_done);
	world_fini(&world);
}

/* Seven partitions whose every batch is a segment of its own, a small journal that was just taken up again, and more than fits it at once: how many checkpoints a stop takes then. */
static uint32_t count_checkpoints_of_stop(uint64_t seed)
{
	struct config_override overrides[] = {{"segment.index.bytes", "16"}, {"index.interval.bytes", "0"}};
	struct sim_pace pace = {.latency_percent = 10, .stall_per_mille = 100, .stall_ns = 40ull * 1000 * 1000, .short_per_mille = 500};
	struct world world;
	struct append appends[32];
	world_init(&world, seed);
	world.options.journal_size_bytes = 1 << 20;
	world.options.cache_size_bytes = 1 << 19;
	world.options.direct_size_bytes_min = 10000;
	world_open(&world);
	world_create_topic(&world, "t", 7, overrides, COUNT_OF(overrides));
	for (uint32_t i = 0; i < seed % 7; i++)
		world_append(&world, world_partition(&world, "t", i), 0, 1, 100);
	world_crash(&world);
	world_open(&world);
	sim_disk_set_pace(world.disk, &pace);
	for (uint64_t i = 0; i < COUNT_OF(appends); i++)
		if (world_append_begin(world_partition(&world, "t", (uint32_t)(i * 5 + seed) % 7), &appends[i], seed + i, 1, 16000 + (i * 7777 + seed * 1000) % 38000))
			break;
	uint64_t before = world.store->checkpoint_generation;
	store_stop(world.store);
	for (int turns = 0; !store_is_stopped(world.store) && turns < 30000; turns++)
		world_turn(&world);
	uint64_t written = world.store->checkpoint_generation - before;
	cr_expect(store_is_stopped(world.store) && !store_has_failed(world.store), "seed %lu", (unsigned long)seed);
	world_fini(&world);
	return (uint32_t)written;
}

/* Memory that waits for room in the journal, which comes with a superblock that is under way: no cycle can give it back, and one that began would be over in the same turn, with a checkpoint, turn
 * for turn. (check-sim, seed 6007928: a stop wrote 30,000 of them.) */
Test(filing_pace, no_cycle_begins_for_nothing, .timeout = 60)
{
	for (uint64_t seed = 1; seed <= 60; seed++) {
		uint32_t count = count_checkpoints_of_stop(seed);
		cr_expect_leq(count, 30u, "seed %lu: %u checkpoints", (unsigned long)seed, count);
	}
}
