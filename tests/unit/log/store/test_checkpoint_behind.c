/* The checkpoint is written in the background: what is so when it begins is what it says, and what happens meanwhile is for the next one. */
#include <errno.h>

#include "log/store/store_priv.h"
#include "tests/unit/log/store/world.h"

#define SEEDS 20
#define TURNS_MAX 10000

static const struct sim_pace usual = {.latency_percent = 100};

/* Record 0 of `t` is filed, and the checkpoint that says so on its way; each of its I/Os takes up to a second. */
static struct partition *open_while_checkpointing(struct world *world, uint64_t seed)
{
	struct sim_pace slow = {.latency_percent = 100, .stall_per_mille = 1000, .stall_ns = 1000000000};
	world_init(world, seed);
	world_open(world);
	world_create_topic(world, "t", 1, NULL, 0);
	struct partition *partition = world_partition(world, "t", 0);
	world_append(world, partition, 0, 1, 100);
	for (int turns = 0; world->store->cycle.state != CYCLE_CHECKPOINTING && turns < TURNS_MAX; turns++) {
		cr_assert_geq(io_turn(world->io, true), 0);
		sim_disk_set_pace(world->disk, &slow);
		store_turn(world->store);
		sim_disk_set_pace(world->disk, &usual);
	}
	cr_assert(world->store->cycle.state == CYCLE_CHECKPOINTING && world->store->checkpoint.replacing.is_in_flight);
	return partition;
}

/* Nobody waits for it: an append is answered while it is on its way, and found after a power cut whichever checkpoint that leaves; so is one of a topic that it
 * does not know. */
Test(checkpoint_behind, appends_go_on, .timeout = 60)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct world world;
		struct partition *partition = open_while_checkpointing(&world, seed);
		world_append(&world, partition, 1, 1, 100);
		world_create_topic(&world, "new", 1, NULL, 0);
		world_append(&world, world_partition(&world, "new", 0), 0, 1, 100);
		cr_assert_eq(world.store->cycle.state, CYCLE_CHECKPOINTING, "seed %lu: it was too fast for this test", (unsigned long)seed);
		world_crash(&world);
		world_open(&world);
		cr_assert_eq(world.report.damaged_ranges, 0);
		cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 50000), 2);
		cr_assert_eq(world_check_all(&world, world_partition(&world, "new", 0), 0, 50000), 1);
		world_fini(&world);
	}
}

/* A stop that comes meanwhile writes another behind it, which says that all is filed. */
Test(checkpoint_behind, a_stop_waits_for_it, .timeout = 60)
{
	struct world world;
	struct partition *partition = open_while_checkpointing(&world, 1);
	uint64_t generation = world.store->checkpoint_generation;
	world_append(&world, partition, 1, 1, 100);
	cr_assert_eq(world.store->checkpoint_generation, generation);
	store_stop(world.store);
	for (int turns = 0; !store_is_stopped(world.store) && turns < TURNS_MAX; turns++) {
		store_turn(world.store);
		cr_assert_geq(io_turn(world.io, !store_is_stopped(world.store)), 0);
	}
	cr_assert(store_is_stopped(world.store) && world.store->is_final_cycle_done);
	cr_assert(generation == 0 && (uint32_t)world.store->checkpoint_generation == 2, "that one and the last one");
	world_close(&world);
	world_open(&world);
	cr_assert(world.report.was_clean);
	cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 50000), 2);
	world_fini(&world);
}

/* A store that is closed meanwhile takes nothing away that the disk still needs: what is on its way gets there. */
Test(checkpoint_behind, a_close_waits_for_it, .timeout = 60)
{
	struct world world;
	(void)open_while_checkpointing(&world, 2);
	cr_assert_lt(sim_disk_peek(world.disk, "/checkpoint-0", NULL, 0, 0), 0);
	world_close(&world);
	cr_assert_geq(sim_disk_peek(world.disk, "/checkpoint-0", NULL, 0, 0), 0);
	world_open(&world);
	cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 50000), 1);
	world_fini(&world);
}

/* What was fenced, rolled or written straight to a segment meanwhile is not forgotten with it. */
Test(checkpoint_behind, what_comes_meanwhile_is_told_by_the_next, .timeout = 60)
{
	struct world world;
	(void)open_while_checkpointing(&world, 3);
	world.store->home.has_new_damage = world.store->home.has_rolled = true;
	world.store->cycle.direct_bytes += 4096;
	while (world.store->cycle.state == CYCLE_CHECKPOINTING)
		world_turn(&world);
	cr_assert(world.store->home.has_new_damage && world.store->home.has_rolled);
	cr_assert_eq(world.store->cycle.direct_bytes, 4096u);
	uint64_t generation = world.store->checkpoint_generation;
	for (int turns = 0; world.store->cycle.state != CYCLE_IDLE || world.store->checkpoint_generation == generation; turns++) {
		cr_assert_lt(turns, TURNS_MAX, "nothing brings the next one");
		world_turn(&world);
	}
	cr_assert(!world.store->home.has_new_damage && !world.store->home.has_rolled);
	cr_assert_eq(world.store->cycle.direct_bytes, 0u);
	world_fini(&world);
}

/* A store that fails meanwhile lets nothing go for it, and tells nothing: neither the journal's groups nor segments that lie before the log start, and no disk that is
 * full, or has room again, is news of it. */
Test(checkpoint_behind, a_store_that_failed_lets_nothing_go, .timeout = 60)
{
	for (int is_full = 0; is_full < 2; is_full++) {
		struct world world;
		(void)open_while_checkpointing(&world, 6);
		uint64_t untrimmed = journal_untrimmed_bytes(world.store->journal);
		cr_assert_gt(untrimmed, 0);
		store__fail(world.store, -EIO);
		if (is_full)
			sim_disk_fail_kinds(world.disk, SIM_NAMES, 1, ENOSPC, true);
		for (int turns = 0; world.store->cycle.state == CYCLE_CHECKPOINTING && turns < TURNS_MAX; turns++)
			world_turn(&world);
		cr_assert_eq(world.store->cycle.state, CYCLE_IDLE);
		cr_expect_eq(journal_untrimmed_bytes(world.store->journal), untrimmed);
		cr_expect_not(world.store->is_full);
		sim_disk_fail_kinds(world.disk, SIM_NAMES, 0, ENOSPC, false);
		world_crash(&world);
		world_open(&world);
		cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 50000), 1);
		world_fini(&world);
	}
}

/* What it was to tell is not told when it finds no room: the journal stays as it is, and the next one, when there is room, tells it. */
Test(checkpoint_behind, no_room_for_it, .timeout = 60)
{
	struct world world;
	(void)open_while_checkpointing(&world, 4);
	uint64_t generation = world.store->checkpoint_generation, untrimmed = journal_untrimmed_bytes(world.store->journal);
	world.store->cycle.told_damage = world.store->cycle.told_rolled = true;
	sim_disk_fail_kinds(world.disk, SIM_NAMES, 1, ENOSPC, true);
	while (world.store->cycle.state == CYCLE_CHECKPOINTING)
		world_turn(&world);
	cr_assert(world.store->is_full && !world.store->failure);
	cr_assert(world.store->home.has_new_damage && world.store->home.has_rolled);
	cr_assert_eq(world.store->checkpoint_generation, generation);
	cr_assert_geq(journal_untrimmed_bytes(world.store->journal), untrimmed);
	sim_disk_fail_kinds(world.disk, SIM_NAMES, 0, ENOSPC, false);
	for (int turns = 0; (world.store->is_full || world.store->home.has_new_damage) && turns < TURNS_MAX; turns++)
		world_turn(&world);
	cr_assert(!world.store->is_full && !world.store->home.has_new_damage && world.store->checkpoint_generation > generation);
	world_fini(&world);
}

/* A sync of it that fails is final: nothing is let go, nothing more is taken, and what was acknowledged is there at the next start. */
Test(checkpoint_behind, a_failed_sync_breaks_durability, .timeout = 60)
{
	struct world world;
	(void)open_while_checkpointing(&world, 5);
	uint64_t generation = world.store->checkpoint_generation;
	sim_disk_fail_kinds(world.disk, SIM_DIR_SYNC, 1, EIO, true);
	while (world.store->cycle.state == CYCLE_CHECKPOINTING)
		world_turn(&world);
	cr_assert(store_has_failed(world.store) && world.store->checkpoint_generation == generation);
	sim_disk_fail_kinds(world.disk, SIM_DIR_SYNC, 0, EIO, false);
	world_crash(&world);
	world_open(&world);
	cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 50000), 1);
	world_fini(&world);
}
