/* Stops with something under way. */
#include <errno.h>

#include "log/journal/journal_priv.h"
#include "log/store/store_priv.h"
#include "tests/unit/log/store/world.h"

/* A large piece on its way straight to its segment when the stop begins: its file was cut to what was filed before, once the piece was written and
 * while the journal still was not, and the piece was acknowledged all the same. (Found by check-sim, seed 58.) */
Test(store_stop, a_direct_piece_under_way, .timeout = 60)
{
	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct world world;
		struct append append;
		world_init(&world, seed);
		world.options.direct_size_bytes_min = 1000;
		world_open(&world);
		world_create_topic(&world, "t", 1, NULL, 0);
		world_append(&world, world_partition(&world, "t", 0), 0, 1, 100);
		world_stop(&world);
		world_open(&world);
		cr_assert_eq(world_append_begin(world_partition(&world, "t", 0), &append, 1, 1, 2000), 0);
		world_stop(&world);
		cr_assert(append.is_done && append.op.err == 0);
		world_open(&world);
		cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 50000), 2, "seed %lu", seed);
		world_fini(&world);
	}
}

/* The piece of a group fails, for no fault of its partition's alone, so nobody lets that group go any more. A stop waits for what the disk has in hand, and not for the group: it did, for ever. (Found by the
 * kills of tests/power, where a broker had a minute to stop.) */
Test(store_stop, behind_a_piece_that_failed, .timeout = 60)
{
	uint32_t held = 0;
	for (uint64_t k = 0; k < 10; k++) { /* the group's write or the piece's, whichever of them comes first */
		struct world world;
		struct append append;
		world_init(&world, 1 + k / 2);
		world.options.direct_size_bytes_min = 1000;
		world_open(&world);
		world_create_topic(&world, "t", 1, NULL, 0);
		world_append(&world, the_partition(&world), 0, 1, 100);
		world_stop(&world);
		world_open(&world);
		cr_assert_eq(world_append_begin(the_partition(&world), &append, 1, 1, 2000), 0);
		sim_disk_fail_kinds(world.disk, SIM_WRITE, 1 + k % 2, EINVAL, false);
		for (int turns = 0; !append.is_done && turns < 1000; turns++) {
			store_turn(world.store);
			cr_assert_geq(io_turn(world.io, true), 0);
		}
		sim_disk_fail(world.disk, 0, EIO);
		held += store_has_failed(world.store) && !journal_has_failed(world.store->journal);
		uint64_t began_ns = io_now_ns(world.io);
		store_stop(world.store);
		for (int turns = 0; !store_is_stopped(world.store) && turns < 1000; turns++) {
			store_turn(world.store);
			if (!store_is_stopped(world.store))
				cr_assert_geq(io_turn(world.io, true), 0);
		}
		cr_assert(store_is_stopped(world.store), "case %lu", (unsigned long)k);
		cr_assert_lt(io_now_ns(world.io) - began_ns, 2000000000ull, "case %lu", (unsigned long)k);
		cr_assert_not(journal_is_writing(world.store->journal), "case %lu", (unsigned long)k);
		world_fini(&world);
	}
	cr_assert(held > 0 && held < 10, "a piece failed %u times of 10", held);
}

/* What waits for room in the journal gets it by the superblock that is being written. A stop waits for that, with nothing to file meanwhile: cycle after cycle, each with its checkpoint, would bring
 * no room, and keep the loop from what does. */
Test(store_stop, waits_for_room_without_cycles, .timeout = 60)
{
	static const struct sim_pace slow = {.latency_percent = 100, .stall_per_mille = 1000, .stall_ns = 1000000000}, usual = {.latency_percent = 100};
	struct world world;
	struct append append;
	world_init(&world, 1);
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	world_append(&world, the_partition(&world), 0, 1, 100);
	world_idle(&world, 12);
	struct journal *journal = world.store->journal;
	for (uint32_t slot = 0; slot < JOURNAL_SUPERBLOCKS; slot++)
		journal->superblock.slot_reach_place[slot] = journal->head_place;
	cr_assert_eq(world_append_begin(the_partition(&world), &append, 1, 1, 100), 0);
	sim_disk_set_pace(world.disk, &slow);
	store_turn(world.store);
	sim_disk_set_pace(world.disk, &usual);
	cr_assert(journal->superblock.is_writing && !world.store->group.is_in_flight);
	uint64_t checkpoint = world.store->checkpoint_generation, waited = 0;
	store_stop(world.store);
	for (; journal->superblock.is_writing && world.store->checkpoint_generation == checkpoint; waited++) {
		cr_assert_geq(io_turn(world.io, false), 0);
		store_turn(world.store);
	}
	cr_expect_eq(world.store->checkpoint_generation, checkpoint);
	cr_expect_gt(waited, 2);
	world_stop(&world);
	cr_expect(append.is_done && append.op.err == 0);
	world_open(&world);
	cr_expect_eq(world_check_all(&world, the_partition(&world), 0, 50000), 2);
	world_fini(&world);
}
