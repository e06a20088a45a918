/* A large piece in a segment, for the tests of what recovery makes of it: whole, damaged, or with others' batches in it. */
#pragma once

#include "tests/unit/log/verify/rot.h"

/* Until the first cycle has filed all and written the checkpoint. */
static inline void let_file(struct world *world)
{
	for (int turns = 0; turns < 300; turns++)
		world_turn(world);
}

/* Of batches so small that the entry of their piece does not tell their headers: recovery must look at them. */
#define UNTOLD 200

/* Offset 0 is filed, 1 in the journal, 2 to 4 are one piece in the segment, 5 vouches for it; killed. */
static inline void leave_a_piece(struct world *world, uint64_t seed, size_t value_size)
{
	struct append appends[3];
	world_init(world, seed);
	world->options.direct_size_bytes_min = (uint32_t)value_size * 3;
	world_open(world);
	world_create_topic(world, "t", 1, NULL, 0);
	world_append(world, the_partition(world), 0, 1, 100);
	let_file(world);
	world_append(world, the_partition(world), 1, 1, 100);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(world_append_begin(the_partition(world), &appends[i], 2 + (uint64_t)i, 1, value_size), 0);
	store_turn(world->store);
	for (int turns = 0; !appends[2].is_done && turns < 1000; turns++)
		world_turn(world);
	cr_assert(appends[2].is_done);
	world_append(world, the_partition(world), 5, 1, 100);
	world_crash(world);
}
