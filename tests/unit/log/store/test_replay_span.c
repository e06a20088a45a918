/* What a replay leaves to file counts for how much of a large ring may be in use: a start over many partitions goes on where the life before was. */
#include "log/store/store_priv.h"
#include "tests/unit/log/store/world.h"

#define PARTITIONS 1200 /* of which a cycle begins with 75 MiB in the journal */
#define BIG 30000       /* beside what is below spate.direct.bytes: 34 MiB, more than a cycle of few partitions begins with */

/* One record to each, all in flight together. */
static void append_to_all(struct world *world, uint64_t number, size_t value_size)
{
	struct append *appends = calloc(PARTITIONS, sizeof *appends);
	for (uint32_t i = 0; i < PARTITIONS; i++) {
		cr_assert_eq(world_append_begin(partition_of(world, i), &appends[i], number, 1, value_size), 0);
		if (i % 100 == 99)
			store_turn(world->store);
	}
	for (uint32_t i = 0; i < PARTITIONS; i++)
		while (!appends[i].is_done)
			world_turn(world);
	free(appends);
}

Test(replay_span, many_partitions_wait_for_no_cycle, .timeout = 60)
{
	struct world world;
	struct append append;
	world_init(&world, 1);
	world.options.journal_size_bytes = 256 << 20;
	world.options.cache_size_bytes = 256 << 20;
	world_open(&world);
	world_create_topic(&world, "t", PARTITIONS, NULL, 0);
	append_to_all(&world, 0, 100);
	world_rest(&world, 20000000000ull);
	cr_assert_eq(world.store->cycle.filed_count, PARTITIONS);
	append_to_all(&world, 1, BIG);
	cr_assert_eq(world.store->cycle.state, CYCLE_IDLE);
	world_crash(&world);
	world_open(&world);
	cr_assert_eq(world_append_begin(the_partition(&world), &append, 2, 1, 100), 0);
	store_turn(world.store);
	while (!append.is_done)
		world_turn(&world);
	cr_expect_eq(append.op.err, 0);
	cr_expect_eq(world.store->cycle.state, CYCLE_IDLE, "it had to file first");
	world_fini(&world);
}
