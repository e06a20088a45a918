/* Clean stops with something under way. */
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
