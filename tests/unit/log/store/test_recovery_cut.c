/* Recoveries that a cut of power interrupts, at each of their I/Os: the next one finds all that was acknowledged. */
#include "tests/unit/log/store/world.h"

/* Opens with the power failing at the k-th I/O of it, and again without. False: there are fewer than k. */
static bool open_twice(struct world *world, uint64_t k)
{
	uint64_t before = sim_disk_io_count(world->disk);
	sim_disk_cut_power(world->disk, k);
	int err = world_try_open(world);
	bool was_cut = sim_disk_io_count(world->disk) >= before + k;
	sim_disk_cut_power(world->disk, 0);
	if (!was_cut) {
		cr_assert_eq(err, 0);
		return false;
	}
	sim_disk_crash(world->disk);
	world_close(world);
	world_open(world);
	return true;
}

/* One batch that is too large for a group went straight to a segment that had no file before: nothing but the journal's last group knows of it, and
 * nothing but that file has it. Recovery made the file anew, to write what it had read from it. (Found by check-sim, seed 38.) */
Test(recovery_cut, the_first_piece_of_a_segment, .timeout = 100)
{
	for (uint64_t seed = 1; seed <= 12; seed++) {
		bool is_more = true;
		for (uint64_t k = 1; is_more; k++) {
			struct world world;
			world_init(&world, seed * 1000 + k);
			world.options.journal_size_bytes = 1 << 20;
			world_open(&world);
			world_create_topic(&world, "t", 1, NULL, 0);
			world_append(&world, world_partition(&world, "t", 0), 0, 1, 66000);
			world_crash(&world);
			is_more = open_twice(&world, k);
			cr_assert_eq(world.report.damaged_ranges, 0);
			cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 50000), 1, "seed %lu, power cut at I/O %lu", seed, k);
			world_fini(&world);
		}
	}
}
