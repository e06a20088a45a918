/* The group that is under way, and what may not touch it: a failure, the end of an older group, a filing of the same segment, a stop. */
#include <errno.h>

#include "log/store/store_priv.h"
#include "tests/unit/log/store/world.h"

#define LARGE 100000

static struct partition *begin(struct world *world, uint64_t seed)
{
	world_init(world, seed);
	world_open(world);
	world_create_topic(world, "t", 1, NULL, 0);
	struct partition *partition = world_partition(world, "t", 0);
	world_append(world, partition, 0, 1, 100);
	for (int turns = 0; turns < 300; turns++)
		world_turn(world);
	return partition;
}

static void set_slow(struct world *world, uint64_t stall_ns)
{
	struct sim_pace pace = {.latency_percent = 100, .stall_per_mille = stall_ns ? 1000 : 0, .stall_ns = stall_ns};
	sim_disk_set_pace(world->disk, &pace);
}

/* The store breaks while a group is being written: whoever waits is refused, and the group's end moves nothing. */
Test(commit, nobody_is_told_of_success_after_a_failure)
{
	struct world world;
	struct append append;
	struct partition *partition = begin(&world, 1);
	cr_assert_eq(world_append_begin(partition, &append, 1, 1, 100), 0);
	store_turn(world.store);
	cr_assert(world.store->group.is_in_flight);
	store__fail(world.store, -EIO);
	for (int turns = 0; turns < 100; turns++) {
		cr_assert_geq(io_turn(world.io, false), 0);
		store_turn(world.store);
	}
	store__group_durable(world.store, world.store->group.seq);
	cr_expect(append.is_done);
	cr_expect_eq(append.op.err, ERR_FAILED);
	cr_expect_eq(partition_high_watermark(partition), 1);
	world_fini(&world);
}

/* That an older group is durable says nothing of the one under way. */
Test(commit, an_older_groups_end_is_not_this_ones)
{
	struct world world;
	struct append append;
	struct partition *partition = begin(&world, 2);
	cr_assert_eq(world_append_begin(partition, &append, 1, 1, 100), 0);
	store_turn(world.store);
	cr_assert(world.store->group.is_in_flight && !append.is_done);
	store__group_durable(world.store, world.store->group.seq - 1);
	cr_expect_not(append.is_done);
	cr_expect_eq(partition_high_watermark(partition), 1);
	cr_expect(world.store->group.is_in_flight);
	while (!append.is_done)
		world_turn(&world);
	cr_expect_eq(partition_high_watermark(partition), 2);
	world_fini(&world);
}

/* A large piece of a segment that is just being filed takes the way through the journal: two filings of one segment would race for its last block. */
Test(commit, a_large_piece_does_not_meet_a_filing)
{
	struct world world;
	struct append append;
	struct partition *partition = begin(&world, 3);
	world_append(&world, partition, 1, 1, 100);
	set_slow(&world, 1000000000);
	uint32_t room = world.store->group_size_bytes_max;
	world.store->group_size_bytes_max = (JOURNAL_OVERHEAD + 64) / 3 * 4; /* no group of its own for the cycle, to say where logs end */
	world.store->cycle.is_due = true;
	store_turn(world.store);
	world.store->group_size_bytes_max = room;
	set_slow(&world, 0);
	cr_assert(partition->active->filing && !world.store->group.is_in_flight);
	cr_assert_eq(world_append_begin(partition, &append, 2, 1, LARGE), 0);
	store_turn(world.store);
	cr_assert(partition->active->filing && world.store->group.is_in_flight);
	while (!append.is_done)
		world_turn(&world);
	cr_assert_eq(append.op.err, 0);
	world_crash(&world);
	world_open(&world);
	cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 1 << 20), 3);
	world_fini(&world);
}

/* The journal goes when all that it had at the cycle's begin is filed: what is queued behind a partition that waits for its large piece is not, though no filing is under way. */
Test(commit, a_cycle_waits_for_what_is_queued_behind_a_large_piece)
{
	struct world world;
	struct append append;
	struct partition *partition = begin(&world, 4);
	world_create_topic(&world, "u", 1, NULL, 0);
	world_append(&world, partition, 1, 1, 100);
	world_append(&world, world_partition(&world, "u", 0), 0, 1, 100);
	world.store->options.direct_size_bytes_min = LARGE / 2;
	cr_assert_eq(world_append_begin(partition, &append, 2, 1, LARGE), 0);
	set_slow(&world, 1000000000);
	store_turn(world.store);
	set_slow(&world, 0);
	uint64_t checkpoint = world.store->checkpoint_generation;
	world.store->cycle.is_due = true;
	store_turn(world.store);
	cr_assert(world.store->cycle.in_flight == 0 && !append.is_done);
	for (int turns = 0; world.store->checkpoint_generation == checkpoint && turns < 10000; turns++)
		world_turn(&world);
	cr_expect_gt(world.store->checkpoint_generation, checkpoint);
	cr_expect(list_is_empty(&world.store->cycle.queue));
	cr_expect_eq(world_partition(&world, "u", 0)->active->filed.offset, 1);
	cr_expect(append.is_done && append.op.err == 0);
	world_fini(&world);
}

/* A large piece is written with all that lies before it in the journal alone, and its group waits for that: where it is more than the piece, the journal takes the piece
 * as well. */
Test(commit, a_large_piece_does_not_bring_a_larger_one_along)
{
	struct world world;
	struct partition *partition = begin(&world, 7);
	uint64_t number = 1;
	world_append(&world, partition, number++, 1, LARGE);
	uint64_t before = world.store->cycle.direct_bytes;
	cr_assert_gt(before, 0);
	while (partition->active->committing.position - partition->active->filed.position <= 2 * LARGE)
		world_append(&world, partition, number++, 1, LARGE / 4);
	world_append(&world, partition, number++, 1, LARGE);
	cr_expect_eq(world.store->cycle.direct_bytes, before);
	world_append(&world, partition, number++, 1, 5 * LARGE);
	cr_expect_gt(world.store->cycle.direct_bytes, before);
	world_stop(&world);
	world_open(&world);
	cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 1 << 20), (int64_t)number);
	world_fini(&world);
}

/* But where filing is late it does, while write-behind is busy with others. */
Test(commit, a_large_piece_brings_a_larger_one_along_under_pressure)
{
	enum { OTHERS = 8 };
	struct world world;
	world_init(&world, 8);
	world.options.direct_size_bytes_min = LARGE;
	world_open(&world);
	world_create_topic(&world, "t", OTHERS + 1, NULL, 0);
	struct partition *partition = partition_of(&world, OTHERS);
	for (uint32_t index = 0; index <= OTHERS; index++)
		world_append(&world, partition_of(&world, index), 0, 1, 100);
	world_idle(&world, 7);
	for (uint32_t index = 0; index < OTHERS; index++) /* they are filed first */
		world_append(&world, partition_of(&world, index), 1, 1, LARGE / 2);
	for (uint64_t i = 1; i <= 5; i++)
		world_append(&world, partition, i, 1, LARGE / 2);
	for (uint64_t i = 0; !store__is_filing_late(world.store); i++)
		world_append(&world, partition_of(&world, i % OTHERS), 2 + i / OTHERS, 1, LARGE / 2);
	const struct segment *segment = partition->active;
	cr_assert(segment->committing.position - segment->filed.position > LARGE && !segment->filing);
	cr_assert_eq(world.store->cycle.direct_bytes, 0);
	world_append(&world, partition, 6, 1, LARGE);
	cr_expect_gt(world.store->cycle.direct_bytes, 0);
	world_fini(&world);
}

/* Which pieces of a group go straight to their segments: those of 64 KiB; of 16 KiB where few partitions commit a lot; or as it is set. */
Test(commit, few_partitions_send_smaller_pieces_straight_to_their_segments)
{
	enum { MOST = 17 };
	static const struct {
		const char *what;
		uint32_t direct_size_min, count;
		size_t size, last_size;
		uint32_t direct_count;
	} rows[] = {
		{"few with a lot", 0, 16, 17000, 17000, 16},
		{"one more than few", 0, 17, 17000, 17000, 0},
		{"few with less", 0, 15, 17000, 17000, 0},
		{"a small piece among them", 0, 16, 17500, 2000, 15},
		{"large ones of many", 0, 17, 70000, 17000, 16},
		{"one alone", 0, 1, 70000, 70000, 1},
		{"one alone, smaller", 0, 1, 60000, 60000, 0},
		{"set to 64 KiB", 65536, 16, 17000, 17000, 0},
		{"set to 4 KiB", 4096, 1, 5000, 5000, 1},
	};
	for (size_t r = 0; r < COUNT_OF(rows); r++) {
		struct world world;
		struct append appends[MOST];
		world_init(&world, 20 + r);
		world.options.direct_size_bytes_min = rows[r].direct_size_min;
		world_open(&world);
		world_create_topic(&world, "t", MOST, NULL, 0);
		for (uint32_t index = 0; index < MOST; index++)
			world_append(&world, partition_of(&world, index), 0, 1, 100);
		world_idle(&world, 7); /* each has its file */
		for (uint32_t index = 0; index < rows[r].count; index++)
			cr_assert_eq(world_append_begin(partition_of(&world, index), &appends[index], 1, 1, index + 1 < rows[r].count ? rows[r].size : rows[r].last_size), 0);
		store_turn(world.store);
		cr_expect_eq(world.store->group.count, rows[r].count, "%s", rows[r].what);
		cr_expect_eq(world.store->group.direct_count, rows[r].direct_count, "%s: %u", rows[r].what, world.store->group.direct_count);
		for (uint32_t index = 0; index < rows[r].count; index++) {
			for (int turns = 0; !appends[index].is_done && turns < 100000; turns++)
				world_turn(&world);
			cr_expect_eq(partition_high_watermark(partition_of(&world, index)), 2, "%s: %u", rows[r].what, index);
		}
		world_fini(&world);
	}
}

/* What a large piece needs before it may go to its segment was in part a sync, so whichever of it fails, that is final, for its partition at least: a second sync may say that all is well. */
Test(commit, a_failure_before_a_large_piece_is_final)
{
	for (uint64_t k = 1;; k++) {
		struct world world;
		struct append append;
		struct partition *partition = begin(&world, 4);
		world_stop(&world);
		world_open(&world);
		partition = world_partition(&world, "t", 0);
		cr_assert_eq(world_append_begin(partition, &append, 1, 1, LARGE), 0);
		sim_disk_fail_kinds(world.disk, SIM_SIZE | SIM_SYNC | SIM_DIR_SYNC, k, EIO, false);
		store_turn(world.store);
		bool has_struck = sim_disk_fail_count(world.disk) > 0;
		sim_disk_fail(world.disk, 0, EIO);
		cr_expect_eq(store_has_failed(world.store) || partition_is_offline(partition), has_struck, "%lu", (unsigned long)k);
		world_fini(&world);
		if (!has_struck) {
			cr_expect_gt(k, 1);
			break;
		}
	}
}

/* A stop that comes while a group is being written files that group too, at once: the next start has nothing to replay. Its cycle begins before that group has ended, as
 * there is something to file, and ends behind it. */
Test(commit, a_stop_waits_until_all_is_filed)
{
	struct world world;
	struct append append;
	struct partition *partition = begin(&world, 5);
	world_append(&world, partition, 1, 1, 100);
	set_slow(&world, 300000000);
	cr_assert_eq(world_append_begin(partition, &append, 2, 1, 100), 0);
	store_turn(world.store);
	set_slow(&world, 0);
	cr_assert(world.store->group.is_in_flight);
	uint64_t began_ns = io_now_ns(world.io);
	store_stop(world.store);
	for (int turns = 0; !store_is_stopped(world.store) && turns < 100000; turns++) {
		store_turn(world.store);
		if (!store_is_stopped(world.store))
			cr_assert_geq(io_turn(world.io, true), 0);
	}
	cr_expect(append.is_done && !append.op.err);
	cr_expect_lt(io_now_ns(world.io) - began_ns, 3000000000, "%lu ms", (unsigned long)((io_now_ns(world.io) - began_ns) / 1000000));
	world_close(&world);
	world_open(&world);
	cr_expect(world.report.was_clean);
	cr_expect_eq(world.report.bytes_replayed, 0);
	cr_expect_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 1 << 20), 3);
	world_fini(&world);
}
