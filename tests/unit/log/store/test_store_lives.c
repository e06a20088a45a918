/* Many lives of a store on one disk, each ended by a cut of power at a random I/O, or by a kill, in the
 * middle of appends that are in flight: large ones that go straight to their segments and small ones
 * through the journal, with rolls and write-behind between. Whatever was acknowledged or served in any life is there in all later ones, and no
 * damage is ever named, for there is none. */
#include "tests/unit/log/store/world.h"

#define PARTITIONS 2
#define IN_FLIGHT 3

struct lives {
	struct world world;
	uint64_t random;
	uint64_t value_size_max; /* of a large record, beyond what makes it large */
	int64_t certain[PARTITIONS]; /* offsets below this were acknowledged or served */
	int64_t certain_producer_id; /* ids below this were handed out */
};

static uint64_t draw(struct lives *lives, uint64_t count)
{
	lives->random ^= lives->random << 13;
	lives->random ^= lives->random >> 7;
	lives->random ^= lives->random << 17;
	return lives->random % count;
}

static void check_all(struct lives *lives, uint64_t seed, int life)
{
	cr_assert_eq(lives->world.report.damaged_ranges, 0, "seed %lu life %d", seed, life);
	cr_assert_not(lives->world.found.is_lost || lives->world.report.is_journal_lost);
	for (uint32_t p = 0; p < PARTITIONS; p++) {
		struct partition *partition = world_partition(&lives->world, "t", p);
		int64_t end = world_check_all(&lives->world, partition, 0, 50000);
		cr_assert_geq(end, lives->certain[p], "seed %lu life %d", seed, life);
		lives->certain[p] = end;
	}
}

/* Appends until something fails or the turns are used up. Several are in flight at a time, of different sizes. */
static void append_for_a_while(struct lives *lives)
{
	static struct append appends[IN_FLIGHT];
	struct world *world = &lives->world;
	int64_t next[PARTITIONS];
	uint32_t partition_of[IN_FLIGHT];
	bool is_begun[IN_FLIGHT] = {false};
	int count_of[IN_FLIGHT];
	for (uint32_t p = 0; p < PARTITIONS; p++)
		next[p] = partition_log_end_offset(world_partition(world, "t", p));
	/* Sometimes nothing comes for a while at the end: then timers are due, and a cycle of write-behind runs. */
	uint64_t idle_turns = draw(lives, 3) ? 0 : 40;
	for (uint64_t turns = idle_turns + 5 + draw(lives, 60); turns > 0; turns--) {
		/* The catalog goes on as well; where the power is cut, so does its file end. */
		int64_t first;
		if (draw(lives, 16) == 0 && catalog_reserve_producer_ids(world->catalog, 1, &first) == 0) {
			cr_assert_geq(first, lives->certain_producer_id);
			lives->certain_producer_id = first + 1;
		}
		for (int i = 0; i < IN_FLIGHT; i++) {
			if (is_begun[i] && appends[i].is_done && appends[i].op.err == 0) {
				int64_t end = appends[i].op.base_offset + count_of[i];
				if (lives->certain[partition_of[i]] < end)
					lives->certain[partition_of[i]] = end;
				is_begun[i] = false;
			}
			if (is_begun[i] || turns < idle_turns || draw(lives, 2))
				continue;
			uint32_t p = partition_of[i] = (uint32_t)draw(lives, PARTITIONS);
			int count = 1 + (int)draw(lives, 3);
			size_t value = draw(lives, 3) ? 20 + draw(lives, 500) : 12000 + draw(lives, lives->value_size_max);
			if (world_append_begin(world_partition(world, "t", p), &appends[i], (uint64_t)next[p], count, value))
				continue;
			is_begun[i] = true;
			count_of[i] = count;
			next[p] += count;
		}
		store_turn(world->store);
		if (io_turn(world->io, true) < 0 || store_has_failed(world->store))
			return;
		store_turn(world->store);
	}
}

static uint64_t seeds_wanted(uint64_t by_default)
{
	const char *wanted = getenv("SPATE_TEST_SEEDS");
	return wanted ? strtoull(wanted, NULL, 10) : by_default;
}

Test(store_lives, nothing_is_lost_and_no_damage_is_named, .timeout = 280)
{
	uint64_t seeds = seeds_wanted(40);
	for (uint64_t seed = 1; seed <= seeds; seed++) {
		struct lives lives = {.random = seed * 0x9e3779b97f4a7c15ull + 1, .value_size_max = seed % 3 ? 100000 : 30000};
		world_init(&lives.world, seed);
		lives.world.options.direct_size_bytes_min = 10000;
		world_open(&lives.world);
		/* Rolls in the middle of everything, in two worlds of three. */
		struct config_override overrides[] = {{"segment.bytes", "1048576"}};
		world_create_topic(&lives.world, "t", PARTITIONS, overrides, seed % 3 != 0);
		for (int life = 0; life < 12; life++) {
			check_all(&lives, seed, life);
			bool is_cut = draw(&lives, 4) != 0;
			if (is_cut)
				sim_disk_cut_power(lives.world.disk, 1 + draw(&lives, draw(&lives, 2) ? 40 : 200));
			append_for_a_while(&lives);
			if (is_cut)
				world_crash(&lives.world);
			else
				world_kill(&lives.world);
			sim_disk_cut_power(lives.world.disk, 0);
			world_open(&lives.world);
		}
		world_fini(&lives.world);
	}
}
