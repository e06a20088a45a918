/* When records were appended: exact for all that a partition has, through rolls, filing, stops and kills, whatever the records' own timestamps say (here
 * they are years off); after a power cut exact or truly bounded; true after deletions too. */
#include <errno.h>

#include "tests/unit/log/store/world.h"

#define OFFSETS_MAX 20000
#define IN_FLIGHT 3

struct times {
	struct world world;
	uint64_t random;
	int64_t table[OFFSETS_MAX]; /* what was told of each offset when it was new; 0: not seen then */
	uint64_t exact, bound;
	uint64_t cut_at;            /* the I/O at which the power fails; 0: none */
};

static uint64_t draw(struct times *times, uint64_t count)
{
	times->random ^= times->random << 13;
	times->random ^= times->random >> 7;
	times->random ^= times->random << 17;
	return times->random % count;
}

static void learn(struct times *times, int64_t from, int64_t to, int64_t before_ms)
{
	for (int64_t offset = from; offset < to; offset++) {
		struct append_time_found found;
		partition_append_time(the_partition(&times->world), offset, &found);
		if (times->cut_at && sim_disk_io_count(times->world.disk) >= times->cut_at)
			return; /* nothing can be read any more */
		cr_assert_eq(found.offset, offset);
		cr_assert_not(found.is_bound);
		cr_assert_eq(found.low_ms, found.high_ms);
		cr_assert(found.low_ms >= before_ms && found.low_ms <= io_wall_ms(times->world.io), "%ld is not in [%ld, %ld]", (long)found.low_ms,
			  (long)before_ms, (long)io_wall_ms(times->world.io));
		times->table[offset] = found.low_ms;
	}
}

/* Everything that was ever told is told again, or truly bounded where that may be. */
static void check_all(struct times *times, bool is_bound_allowed)
{
	struct partition *partition = the_partition(&times->world);
	for (int64_t offset = partition_log_start_offset(partition); offset < partition_high_watermark(partition); offset++) {
		struct append_time_found found;
		partition_append_time(partition, offset, &found);
		cr_assert_eq(found.offset, offset);
		cr_assert(is_bound_allowed || !found.is_bound, "offset %ld is only known to be in [%ld, %ld]", (long)offset, (long)found.low_ms,
			  (long)found.high_ms);
		times->exact += !found.is_bound;
		times->bound += found.is_bound;
		if (times->table[offset])
			cr_assert(found.low_ms <= times->table[offset] && (found.high_ms == -1 || times->table[offset] <= found.high_ms), "offset %ld: %ld is not in [%ld, %ld]",
				  (long)offset, (long)times->table[offset], (long)found.low_ms, (long)found.high_ms);
	}
}

/* Several appends in flight, of different sizes; pauses, so that cycles of write-behind run. */
static void append_for_a_while(struct times *times, uint64_t turns)
{
	static struct append appends[IN_FLIGHT];
	struct world *world = &times->world;
	bool is_begun[IN_FLIGHT] = {false};
	int count_of[IN_FLIGHT];
	int64_t before_ms[IN_FLIGHT];
	int64_t next = partition_log_end_offset(the_partition(&times->world));
	for (; turns > 0; turns--) {
		for (int i = 0; i < IN_FLIGHT; i++) {
			if (is_begun[i] && appends[i].is_done && appends[i].op.err == 0) {
				learn(times, appends[i].op.base_offset, appends[i].op.base_offset + count_of[i], before_ms[i]);
				is_begun[i] = false;
			}
			if (is_begun[i] || turns < 10 || draw(times, 2) || next > OFFSETS_MAX - 10)
				continue;
			count_of[i] = 1 + (int)draw(times, 3);
			before_ms[i] = io_wall_ms(world->io);
			size_t value = draw(times, 3) ? 20 + draw(times, 500) : 12000 + draw(times, 60000);
			if (world_append_begin(the_partition(&times->world), &appends[i], (uint64_t)next, count_of[i], value))
				continue;
			is_begun[i] = true;
			next += count_of[i];
		}
		store_turn(world->store);
		if (io_turn(world->io, draw(times, 4) != 0 || turns < 10) < 0 || store_has_failed(world->store))
			return;
		store_turn(world->store);
	}
}

static void open_world(struct times *times, uint64_t seed)
{
	static const struct config_override override = {"segment.bytes", "1048576"};
	memset(times, 0, sizeof *times);
	times->random = seed * 0x9e3779b97f4a7c15ull + 1;
	world_init(&times->world, seed);
	times->world.options.direct_size_bytes_min = 10000;
	world_open(&times->world);
	world_create_topic(&times->world, "t", 1, &override, seed % 3 != 0);
}

static struct times times;

/* Stops and kills, in any order. */
Test(append_time, exact_through_stops_and_kills, .timeout = 100)
{
	for (uint64_t seed = 1; seed <= 7; seed++) {
		open_world(&times, seed);
		for (int life = 0; life < 10; life++) {
			append_for_a_while(&times, 20 + draw(&times, 60));
			if (draw(&times, 2))
				check_all(&times, false);
			if (draw(&times, 3))
				world_kill(&times.world);
			else
				world_stop(&times.world);
			world_open(&times.world);
			check_all(&times, false);
		}
		cr_assert_gt(times.exact, 100);
		world_fini(&times.world);
	}
}

/* The power goes at any I/O: the files beside the segments were never synced. */
Test(append_time, true_after_power_cuts, .timeout = 100)
{
	uint64_t exact = 0, bound = 0;
	for (uint64_t seed = 1; seed <= 7; seed++) {
		open_world(&times, seed);
		for (int life = 0; life < 10; life++) {
			uint64_t k = 1 + draw(&times, 200);
			times.cut_at = sim_disk_io_count(times.world.disk) + k;
			sim_disk_cut_power(times.world.disk, k);
			append_for_a_while(&times, 20 + draw(&times, 60));
			sim_disk_crash(times.world.disk);
			world_close(&times.world);
			sim_disk_cut_power(times.world.disk, 0);
			world_open(&times.world);
			check_all(&times, true);
		}
		exact += times.exact;
		bound += times.bound;
		world_fini(&times.world);
	}
	cr_assert(exact > 100 && bound > 0, "%lu exact, %lu bound: it shows nothing", (unsigned long)exact, (unsigned long)bound);
}

static void unlink_times(struct world *world, int64_t base_offset)
{
	char path[100];
	snprintf(path, sizeof path, "/t-0/%020ld.appendtime", (long)base_offset);
	cr_assert_eq(io_unlink(world->io, path), 0);
}

/* A log of an earlier version: what came before is bounded by what comes after. And an offset below the log start is asked about the record at it. */
Test(append_time, earlier_version_and_log_start)
{
	open_world(&times, 3);
	struct world *world = &times.world;
	int64_t before_ms = io_wall_ms(world->io);
	world_append(world, the_partition(&times.world), 0, 10, 100);
	world_stop(world);
	world_open(world);
	unlink_times(world, 0);
	struct append_time_found found;
	partition_append_time(the_partition(&times.world), 3, &found);
	cr_assert(found.is_bound && found.low_ms == -1 && found.high_ms == -1);

	sim_disk_shift_wall_clock(world->disk, 3600000);
	world_turn(world); /* a turn has one time */
	world_append(world, the_partition(&times.world), 10, 10, 100);
	partition_append_time(the_partition(&times.world), 3, &found);
	cr_assert(found.is_bound && found.low_ms == -1 && found.high_ms >= before_ms + 3600000 && found.high_ms <= found.now_ms);
	partition_append_time(the_partition(&times.world), 10, &found);
	cr_assert(!found.is_bound && found.low_ms >= before_ms + 3600000);
	int64_t second_ms = found.low_ms;

	partition_append_time(the_partition(&times.world), 20, &found);
	cr_assert_eq(found.offset, -1, "there is none");
	world_stop(world);
	world_open(world);
	partition_append_time(the_partition(&times.world), 12, &found);
	cr_assert(!found.is_bound && found.low_ms == second_ms);
	partition_append_time(the_partition(&times.world), 3, &found);
	cr_assert(found.is_bound && found.high_ms == second_ms);
	world_fini(world);
}

/* DeleteRecords and retention move the log start: then the oldest record there is. */
Test(append_time, below_the_log_start)
{
	open_world(&times, 4);
	struct world *world = &times.world;
	for (uint64_t i = 0; i < 40; i++) {
		int64_t before_ms = io_wall_ms(world->io);
		sim_disk_shift_wall_clock(world->disk, 1000);
		world_append(world, the_partition(&times.world), i * 2, 2, 60000);
		learn(&times, (int64_t)i * 2, (int64_t)i * 2 + 2, before_ms);
	}
	struct trim trim = {.op = {.done = trim_done, .offset = 61}};
	cr_assert_eq(partition_trim(the_partition(&times.world), &trim.op), 0);
	for (int turns = 0; !trim.is_done && turns < 1000; turns++)
		world_turn(world);
	for (int again = 0; again < 2; again++) {
		struct append_time_found found;
		cr_assert_eq(partition_log_start_offset(the_partition(&times.world)), 61);
		partition_append_time(the_partition(&times.world), 5, &found);
		cr_assert(found.offset == 61 && !found.is_bound && found.low_ms == times.table[61]);
		check_all(&times, false);
		world_stop(world);
		world_open(world);
	}
	int fd = io_file_open(world->io, "/t-0/00000000000000000000.appendtime", IO_READ_ONLY);
	cr_assert_eq(fd, -ENOENT, "it stays when its segment goes");
	world_fini(world);
}
