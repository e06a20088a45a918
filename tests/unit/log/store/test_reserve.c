/* The reserve of disk space: what it lets go on when the disk is full, and that the disk counts as full until it can be had again. */
#include <errno.h>

#include "log/store/store_priv.h"
#include "tests/unit/log/store/world.h"

#define RESERVE (1u << 20)

static void fill_disk(struct world *world, struct partition *partition, uint64_t *next)
{
	struct append append;
	int err = 0;
	for (int i = 0; i < 2000 && !store_is_full(world->store); i++) {
		err = world_append_begin(partition, &append, *next, 1, 60000);
		if (err == 0) {
			*next += 1;
			store_turn(world->store);
			for (int turns = 0; !append.is_done && turns < 10000; turns++)
				world_turn(world);
			cr_assert(append.is_done && append.op.err == 0);
		}
		world_turn(world);
	}
	cr_assert(store_is_full(world->store));
	cr_assert_eq(world_append_begin(partition, &append, *next, 1, 100), -ENOSPC);
}

/* One record of a coordinator's. */
static int append_internal(struct world *world, struct partition *partition, uint64_t *next)
{
	uint8_t bytes[1024];
	struct append append = {.op = {.done = append_done, .records = bytes, .is_internal = true}};
	append.op.records_size_bytes = make_batch(bytes, sizeof bytes, *next, 1, 100, 1000);
	int err = partition_append(partition, &append.op);
	if (err)
		return err;
	store_turn(world->store);
	for (int turns = 0; !append.is_done && turns < 10000; turns++)
		world_turn(world);
	*next += 1;
	return append.is_done ? append.op.err : ERR_BUSY;
}

Test(reserve, lets_coordinators_go_on, .timeout = 60)
{
	struct world world;
	uint64_t next = 0, offsets = 0;
	world_init(&world, 3);
	world.options.reserve_bytes = RESERVE;
	world.options.journal_size_bytes = 2 << 20;
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	world_create_topic(&world, "commits", 1, NULL, 0);
	sim_disk_set_capacity(world.disk, 16 << 20);
	struct partition *partition = world_partition(&world, "t", 0), *commits = world_partition(&world, "commits", 0);
	world_append(&world, commits, offsets++, 1, 100);
	for (int turns = 0; turns < 200; turns++) /* the first cycle comes by its timer, and allocates the reserve */
		world_turn(&world);
	cr_assert_geq(sim_disk_peek(world.disk, "/reserve-0", NULL, 0, 0), 0);
	fill_disk(&world, partition, &next);
	cr_assert_lt(sim_disk_peek(world.disk, "/reserve-0", NULL, 0, 0), 0, "the room is given up while the disk is full");
	for (int i = 0; i < 20; i++) {
		cr_assert_eq(append_internal(&world, commits, &offsets), 0, "commit %d", i);
		for (int turns = 0; turns < 50; turns++)
			world_turn(&world);
	}
	cr_assert(store_is_full(world.store), "the reserve is not for produce");
	cr_assert_eq(world_check_all(&world, partition, 0, 1 << 20), (int64_t)next);

	sim_disk_set_capacity(world.disk, 64 << 20);
	uint64_t began_ns = io_now_ns(world.io);
	for (int turns = 0; store_is_full(world.store) && turns < 1000; turns++)
		world_turn(&world);
	cr_assert_not(store_is_full(world.store));
	cr_assert_leq(io_now_ns(world.io) - began_ns, 5000000000ull, "it resumes within 5 s");
	cr_assert_geq(sim_disk_peek(world.disk, "/reserve-0", NULL, 0, 0), 0);
	world_append(&world, partition, next++, 1, 100);
	world_stop(&world);
	world_open(&world);
	cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 1 << 20), (int64_t)next);
	cr_assert_eq(world_check_all(&world, world_partition(&world, "commits", 0), 0, 1 << 20), (int64_t)offsets);
	world_fini(&world);
}

/* Batches in flight, several at a time, until the disk is full and remains so. How many were taken. */
static uint32_t fill_in_flight(struct world *world, struct append *appends, uint32_t most)
{
	uint32_t count = 0, refused_count = 0;
	for (uint32_t i = 0; refused_count < 500; i++) {
		cr_assert_lt(count, most, "the disk did not become full");
		int err = world_append_begin(world_partition(world, "t", count % 4), &appends[count], count, 1, 60000);
		count += err == 0;
		refused_count = err == -ENOSPC ? refused_count + 1 : err ? refused_count : 0;
		if (err || i % 8 == 7)
			world_turn(world);
	}
	return count;
}

static void expect_served_in_time(struct world *world, uint64_t *offsets)
{
	for (int i = 0; i < 20; i++)
		cr_assert_eq(append_internal(world, world_partition(world, "__consumer_offsets", 0), offsets), 0, "commit %d", i);
	world_trim(world, world_partition(world, "t", 1), 1);
	cr_assert_eq(partition_log_start_offset(world_partition(world, "t", 1)), 1);
}

/* What was taken fills more of the journal, and of memory, than the reserve can file. Commits and trims have room of their own there, and the one that gives room on the disk brings
 * all the rest. (Found by hand: the journal stayed full, and DeleteRecords, retention and commits waited for what they alone could have given.) */
static void more_than_the_reserve(uint64_t seed, uint64_t cache_size_bytes)
{
	enum { MOST = 4000 };
	struct world world;
	struct append *appends = calloc(MOST, sizeof *appends);
	uint64_t offsets = 0;
	world_init(&world, seed);
	world.options.reserve_bytes = RESERVE / 4;
	world.options.journal_size_bytes = 4 << 20;
	world.options.cache_size_bytes = cache_size_bytes;
	world_open(&world);
	world_create_topic(&world, "t", 4, NULL, 0);
	world_create_topic(&world, "__consumer_offsets", 1, NULL, 0);
	sim_disk_set_capacity(world.disk, 24 << 20);
	append_internal(&world, world_partition(&world, "__consumer_offsets", 0), &offsets);
	for (int turns = 0; turns < 200; turns++)
		world_turn(&world);
	uint32_t count = fill_in_flight(&world, appends, MOST);
	cr_assert(store_is_full(world.store));
	expect_served_in_time(&world, &offsets);

	sim_disk_set_capacity(world.disk, 0);
	world_idle(&world, 10);
	cr_assert_not(store_is_full(world.store));
	for (uint32_t i = 0; i < count; i++)
		cr_assert(appends[i].is_done && appends[i].op.err == 0, "batch %u", i);
	world_crash(&world);
	world_open(&world);
	cr_assert_eq(world_check_all(&world, world_partition(&world, "__consumer_offsets", 0), 0, 1 << 20), (int64_t)offsets);
	free(appends);
	world_fini(&world);
}

Test(reserve, smaller_than_what_the_journal_holds, .timeout = 60)
{
	for (uint64_t seed = 31; seed < 36; seed++)
		more_than_the_reserve(seed, 32 << 20);
}

Test(reserve, smaller_than_what_memory_holds, .timeout = 60)
{
	for (uint64_t seed = 41; seed < 46; seed++)
		more_than_the_reserve(seed, 4 << 20);
}

/* A batch that fits no group of the journal needs its segment at once. Without room for that it waits, and is not refused any more; but those behind it
 * are, instead of waiting with it for ever. (Found on a full XFS: no produce was answered, and nobody was told that the disk was full.) */
Test(reserve, a_batch_that_fits_no_group, .timeout = 60)
{
	struct world world;
	struct append large, next;
	world_init(&world, 4);
	world.options.journal_size_bytes = 1 << 20;
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	sim_disk_set_capacity(world.disk, (1 << 20) + 65536);
	struct partition *partition = world_partition(&world, "t", 0);
	cr_assert_eq(world_append_begin(partition, &large, 0, 1, 200000), 0);
	for (int turns = 0; turns < 20; turns++) {
		store_turn(world.store);
		world_turn(&world);
	}
	cr_assert_not(large.is_done);
	cr_assert(store_is_full(world.store));
	cr_assert_eq(world_append_begin(partition, &next, 1, 1, 100), -ENOSPC);
	sim_disk_set_capacity(world.disk, 16 << 20);
	for (int turns = 0; (!large.is_done || store_is_full(world.store)) && turns < 1000; turns++)
		world_turn(&world);
	cr_assert(large.is_done && large.op.err == 0);
	world_append(&world, partition, 1, 1, 100);
	world_fini(&world);
}

/* A stop while such a batch waits, on a disk that has room for checkpoints and none for it: it is given up, as nobody was told of it. (sim-broker 13034320: each
 * checkpoint was the last cycle's, said that not all is filed, and the next one began at once, for ever.) */
Test(reserve, a_stop_while_a_batch_waits_for_room, .timeout = 60)
{
	struct world world;
	struct append large;
	world_init(&world, 4);
	world.options.journal_size_bytes = 1 << 20;
	world_open(&world);
	world_create_topic(&world, "t", 2, NULL, 0);
	world_append(&world, world_partition(&world, "t", 1), 0, 3, 100);
	world_append(&world, world_partition(&world, "t", 0), 0, 3, 100);
	for (int turns = 0; turns < 300; turns++)
		world_turn(&world);
	sim_disk_set_capacity(world.disk, sim_disk_used(world.disk) + 65536);
	cr_assert_eq(world_append_begin(world_partition(&world, "t", 0), &large, 3, 1, 200000), 0);
	world_stop_within(&world, 10000);
	cr_expect_not(large.is_done && large.op.err == 0);
	sim_disk_set_capacity(world.disk, 0);
	world_open(&world);
	cr_expect_eq(world_check_all(&world, world_partition(&world, "t", 1), 0, 1 << 20), 3);
	cr_expect_eq(partition_high_watermark(world_partition(&world, "t", 0)), 3);
	world_fini(&world);
}

/* Looks that nobody waits for: a start that finds no room serves what there is. */
static void expect_reads_alone(struct world *world, int64_t end)
{
	struct append append;
	struct partition *partition = world_partition(world, "t", 0);
	cr_assert(store_is_full(world->store));
	cr_assert_not(store_takes_internal(world->store));
	cr_assert_eq(partition_high_watermark(partition), end);
	cr_assert_eq(world_check_all(world, partition, 0, 1 << 20), end);
	cr_assert_eq(world_check_all(world, world_partition(world, "other", 0), 0, 1 << 20), 5);
	cr_assert_eq(world_append_begin(partition, &append, (uint64_t)end, 1, 100), -ENOSPC);
	struct trim_op trim = {.done = NULL, .offset = 1};
	cr_assert_eq(partition_trim(partition, &trim), -ENOSPC);
}

/* A record of t is filed, and five of another topic are in the journal. */
static void begin_with_one_filed(struct world *world, uint64_t seed)
{
	world_init(world, seed);
	world_open(world);
	world_create_topic(world, "t", 1, NULL, 0);
	world_create_topic(world, "other", 1, NULL, 0);
	world_append(world, world_partition(world, "t", 0), 0, 1, 100);
	for (int turns = 0; turns < 300; turns++)
		world_turn(world);
	world_append(world, world_partition(world, "other", 0), 0, 5, 100);
}

/* A power cut in the middle of a large piece that went straight to its segment, whose group nobody vouches for: it is dropped, and its entry has to be out of the
 * journal before that is written again (row @G), so everything is filed first. */
static void cut_in_the_piece(struct world *world)
{
	world_crash(world);
	cr_assert_eq(sim_disk_flip_bit(world->disk, "/t-0/00000000000000000000.log", 50000, 1), 0);
	sim_disk_set_capacity(world->disk, 1);
}

/* On a full disk a batch waits for room, and what went straight to a segment for a checkpoint that cannot be written: that is tried once a second, and not each turn, which left no time for
 * anything else. (Found by sim-broker, seed 17000179: a stop never came to its end.) */
Test(reserve, a_full_disk_is_tried_once_a_second, .timeout = 60)
{
	struct world world;
	struct append large;
	world_init(&world, 4);
	world.options.journal_size_bytes = 1 << 20;
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	struct partition *partition = world_partition(&world, "t", 0);
	world_append(&world, partition, 0, 1, 100);
	for (int turns = 0; turns < 300; turns++)
		world_turn(&world);
	for (uint64_t next = 1; next < 3; next++)
		world_append(&world, partition, next, 1, 900000);
	cr_assert_gt(world.store->cycle.direct_bytes, 0);
	sim_disk_set_capacity(world.disk, 1);
	cr_assert_eq(world_append_begin(partition, &large, 3, 1, 1000000), 0);
	uint64_t until_ns = io_now_ns(world.io) + 60ull * 1000000000;
	int turns = 0;
	for (; io_now_ns(world.io) < until_ns && turns < 10000; turns++)
		world_turn(&world);
	cr_assert(store_is_full(world.store));
	cr_expect_lt(turns, 10000);
	cr_expect_not(large.is_done);
	sim_disk_set_capacity(world.disk, 0);
	for (turns = 0; !large.is_done && turns < 10000; turns++)
		world_turn(&world);
	cr_expect(large.is_done && large.op.err == 0, "it goes on by itself");
	world_stop(&world);
	world_open(&world);
	cr_expect_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 4 << 20), 4);
	world_fini(&world);
}

/* A start on a full disk, behind a crash that left a torn piece in its segment: all has to be filed before the journal may be written, and
 * there is no room for that. It comes up, serves, can be stopped and killed, and finishes by itself when there is room. (It waited in store_open, for ever:
 * check-sim, seeds 106 and 8279.) */
Test(reserve, a_start_on_a_full_disk, .timeout = 60)
{
	for (uint64_t seed = 5; seed < 15; seed++) {
		struct world world;
		begin_with_one_filed(&world, seed);
		world_append(&world, world_partition(&world, "t", 0), 1, 1, 100000);
		cut_in_the_piece(&world);
		for (int life = 0; life < 3; life++) {
			world_open(&world);
			expect_reads_alone(&world, 1);
			for (int turns = 0; turns < 100; turns++)
				world_turn(&world);
			expect_reads_alone(&world, 1);
			if (life == 1)
				world_stop(&world);
			else
				world_crash(&world);
		}
		world_open(&world);
		sim_disk_set_capacity(world.disk, 0);
		for (int turns = 0; store_is_full(world.store) && turns < 1000; turns++)
			world_turn(&world);
		cr_assert_not(store_is_full(world.store));
		world_append(&world, world_partition(&world, "t", 0), 1, 1, 100);
		world_append(&world, world_partition(&world, "other", 0), 5, 1, 100);
		world_crash(&world);
		world_open(&world);
		cr_assert_eq(world.report.damaged_ranges, 0);
		cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 1 << 20), 2);
		cr_assert_eq(world_check_all(&world, world_partition(&world, "other", 0), 0, 1 << 20), 6);
		world_fini(&world);
	}
}

/* Killed with a group in flight, whose piece in t is torn, started on a full disk: what that serves of the topic is there behind a power cut. */
static void expect_stays(struct world *world, const char *topic, int64_t end)
{
	store_turn(world->store);
	world_kill(world);
	cr_assert_eq(sim_disk_flip_bit(world->disk, "/t-0/00000000000000000000.log", 50000, 1), 0);
	sim_disk_set_capacity(world->disk, 1);
	world_open(world);
	cr_assert(store_is_full(world->store));
	cr_assert_eq(world_check_all(world, world_partition(world, topic, 0), 0, 1 << 20), end);
	world_crash(world);
	sim_disk_set_capacity(world->disk, 0);
	world_open(world);
	cr_assert_eq(world_check_all(world, world_partition(world, topic, 0), 0, 1 << 20), end);
	world_fini(world);
}

/* A kill with a group in flight, whose piece is torn: what else is in the group nobody vouches for, and the disk may not have kept it yet. A start that finds no room to file
 * serves it, so it is there behind a power cut. */
Test(reserve, what_a_start_on_a_full_disk_serves_stays, .timeout = 60)
{
	struct world world;
	struct append large, small;
	begin_with_one_filed(&world, 21);
	cr_assert_eq(world_append_begin(world_partition(&world, "t", 0), &large, 1, 1, 100000), 0);
	cr_assert_eq(world_append_begin(world_partition(&world, "other", 0), &small, 5, 1, 100), 0);
	expect_stays(&world, "other", 6);
}

/* The same of a piece in the same group that went straight to its segment, and is whole: it is filed before all for which there is no room, over what it has on the disk. */
static void piece_stays(uint64_t seed)
{
	struct world world;
	struct append torn, whole;
	world_init(&world, seed);
	world_open(&world);
	world_create_topic(&world, "many", 100, NULL, 0);
	world_create_topic(&world, "t", 1, NULL, 0);
	world_create_topic(&world, "whole", 1, NULL, 0);
	world_append(&world, world_partition(&world, "t", 0), 0, 1, 100);
	world_append(&world, world_partition(&world, "whole", 0), 0, 1, 100);
	for (int turns = 0; turns < 300; turns++)
		world_turn(&world);
	for (uint32_t partition = 0; partition < 100; partition++)
		world_append(&world, world_partition(&world, "many", partition), 0, 1, 100);
	cr_assert_eq(world_append_begin(world_partition(&world, "t", 0), &torn, 1, 1, 100000), 0);
	cr_assert_eq(world_append_begin(world_partition(&world, "whole", 0), &whole, 1, 1, 100000), 0);
	expect_stays(&world, "whole", 2);
}

Test(reserve, a_piece_that_a_start_on_a_full_disk_serves_stays, .timeout = 60)
{
	for (uint64_t seed = 1; seed <= 5; seed++)
		piece_stays(seed);
}

/* The reserve that the life before left is known from the start on: it can be given up before there was a cycle. */
Test(reserve, is_found_again)
{
	struct world world;
	world_init(&world, 5);
	world.options.reserve_bytes = RESERVE;
	for (int life = 0; life < 2; life++) {
		world_open(&world);
		cr_assert_eq(world.store->has_reserve, life);
		if (life == 0)
			world_create_topic(&world, "t", 1, NULL, 0);
		world_append(&world, world_partition(&world, "t", 0), (uint64_t)life, 1, 100);
		for (int turns = 0; turns < 200; turns++)
			world_turn(&world);
		cr_assert(world.store->has_reserve);
		world_stop(&world);
	}
	world_open(&world);
	world_fini(&world);
}

/* A new producer's first batch is refused for want of room, and there is room again before the second of those in flight is judged: that one was taken
 * for the beginning, and the first, sent again, for its duplicate. (Found by sim-broker, seed 26984.) */
Test(reserve, nobody_begins_behind_what_was_refused, .timeout = 60)
{
	struct world world;
	uint64_t next = 0;
	world_init(&world, 5);
	world.options.journal_size_bytes = 2 << 20;
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	world_create_topic(&world, "u", 1, NULL, 0);
	sim_disk_set_capacity(world.disk, 16 << 20);
	struct partition *partition = world_partition(&world, "u", 0);
	fill_disk(&world, world_partition(&world, "t", 0), &next);
	cr_assert_eq(world_produce(&world, partition, 0), -ENOSPC);
	cr_assert_eq(world_produce(&world, partition, 1), -ENOSPC);

	sim_disk_set_capacity(world.disk, 64 << 20);
	for (int turns = 0; store_is_full(world.store) && turns < 1000; turns++)
		world_turn(&world);
	cr_assert_eq(world_produce(&world, partition, 2), ERR_OUT_OF_ORDER_SEQUENCE);
	for (int32_t sequence = 0; sequence < 4; sequence++)
		cr_assert_eq(world_produce(&world, partition, sequence), sequence);
	world_fini(&world);
}

/* A retry of what is there already needs no room: it is answered on a full disk as on any. Refused, it was overtaken by the retry of the batch behind it
 * once there was room again. What is new of that producer is refused as ever. (Found by sim-broker, seed 4851.) */
Test(reserve, a_retry_needs_no_room, .timeout = 60)
{
	struct world world;
	uint64_t next = 0;
	world_init(&world, 6);
	world.options.journal_size_bytes = 2 << 20;
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	world_create_topic(&world, "u", 1, NULL, 0);
	sim_disk_set_capacity(world.disk, 16 << 20);
	struct partition *partition = world_partition(&world, "u", 0);
	for (int32_t sequence = 0; sequence < 3; sequence++)
		cr_assert_eq(world_produce(&world, partition, sequence), sequence);
	fill_disk(&world, world_partition(&world, "t", 0), &next);
	cr_assert_eq(world_produce(&world, partition, 1), 1);
	cr_assert_eq(world_produce(&world, partition, 2), 2);
	cr_assert_eq(world_produce(&world, partition, 3), -ENOSPC);
	cr_assert_eq(world_produce(&world, partition, 4), -ENOSPC, "a gap is not told while it is refused for want of room anyway");
	cr_assert_eq(partition_log_end_offset(partition), 3);
	world_fini(&world);
}

/* While a start has still to file what its replay found, nobody can say that this is durable: a retry is not answered from it. */
Test(reserve, no_retry_is_answered_from_what_is_to_be_filed, .timeout = 60)
{
	struct world world;
	world_init(&world, 7);
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	struct partition *partition = world_partition(&world, "t", 0);
	cr_assert_eq(world_produce(&world, partition, 0), 0);
	for (int turns = 0; turns < 300; turns++)
		world_turn(&world);
	world_append(&world, partition, 1, 1, 100000);
	cut_in_the_piece(&world);
	world_open(&world);
	partition = world_partition(&world, "t", 0);
	cr_assert(world.store->must_file_first);
	cr_assert_eq(world_produce(&world, partition, 0), -ENOSPC);
	sim_disk_set_capacity(world.disk, 0);
	for (int turns = 0; store_is_full(world.store) && turns < 1000; turns++)
		world_turn(&world);
	cr_assert_eq(world_produce(&world, partition, 0), 0);
	world_fini(&world);
}

static void trimmed(struct trim_op *op)
{
	op->done = NULL;
}

/* A disk that others have filled to the last byte, the reserve's room included, for hours: no checkpoint can be written, so each try is a cycle that lets
 * nothing of the journal go. What the tries tell the journal does not fill it: deletes are served, which may be what makes room again. */
Test(reserve, tries_do_not_fill_the_journal, .timeout = 60)
{
	struct world world;
	world_init(&world, 8);
	world.options.journal_size_bytes = 1 << 20;
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	struct partition *partition = world_partition(&world, "t", 0);
	world_append(&world, partition, 0, 1, 100);
	for (int turns = 0; turns < 300; turns++)
		world_turn(&world);
	sim_disk_set_capacity(world.disk, 1);
	for (uint64_t next = 1; next < 3; next++) /* into room that the segment has */
		world_append(&world, partition, next, 1, 100);
	uint64_t until_ns = io_now_ns(world.io) + 1000ull * 1000000000;
	while (io_now_ns(world.io) < until_ns)
		world_turn(&world);
	cr_assert(store_is_full(world.store));
	cr_expect_lt(journal_used_bytes(world.store->journal), journal_size_bytes(world.store->journal) / 4);
	struct trim_op trim = {.done = trimmed, .offset = 2};
	cr_assert_eq(partition_trim(partition, &trim), 0);
	for (int turns = 0; trim.done && turns < 1000; turns++)
		world_turn(&world);
	cr_assert_null(trim.done, "records are deleted on a full disk");
	sim_disk_set_capacity(world.disk, 0);
	for (int turns = 0; store_is_full(world.store) && turns < 1000; turns++)
		world_turn(&world);
	world_append(&world, partition, 3, 1, 100);
	world_stop(&world);
	world_open(&world);
	cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 2, 1 << 20), 4);
	world_fini(&world);
}
