#include "tests/unit/log/store/world.h"

/* What was appended is there, from memory, in order, and the high watermark says so. */
Test(store, appends_are_durable_and_read_back)
{
	struct world world;
	world_init(&world, 1);
	world_open(&world);
	world_create_topic(&world, "t", 2, NULL, 0);
	struct partition *partition = world_partition(&world, "t", 1);
	for (uint64_t n = 0; n < 100; n += 5)
		world_append(&world, partition, n, 5, 100);
	cr_assert_eq(partition_high_watermark(partition), 100);
	cr_assert_eq(world_check_all(&world, partition, 0, 1000), 100);
	cr_assert_eq(world_check_all(&world, partition, 37, 1 << 20), 100);
	world_fini(&world);
}

/* A read at the high watermark is empty; beyond the log end, or before the start, it is refused. */
Test(store, reads_outside_the_log)
{
	struct world world;
	world_init(&world, 2);
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	struct partition *partition = world_partition(&world, "t", 0);
	world_append(&world, partition, 0, 3, 10);
	const struct { int64_t offset; int err; } rows[] = {{3, 0}, {4, ERR_OFFSET_OUT_OF_RANGE}, {-1, ERR_OFFSET_OUT_OF_RANGE}};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct read read;
		world_read_begin(&world, partition, &read, rows[i].offset, 100);
		cr_assert_eq(read.op.err, rows[i].err, "offset %ld", (long)rows[i].offset);
		cr_assert_eq(read.op.piece_count, 0);
		cr_assert_eq(read.op.high_watermark, 3);
		partition_read_release(&read.op);
	}
	world_fini(&world);
}

/* A clean stop and a start: everything is there, read from files now, and the log goes on behind it. */
Test(store, clean_stop_and_start)
{
	struct world world;
	world_init(&world, 3);
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	for (uint64_t n = 0; n < 200; n += 10)
		world_append(&world, world_partition(&world, "t", 0), n, 10, 300);
	int32_t epoch = partition_leader_epoch(world_partition(&world, "t", 0));
	world_stop(&world);

	world_open(&world);
	cr_assert(world.report.was_clean);
	cr_assert_eq(world.report.entries_replayed, 0);
	struct partition *partition = world_partition(&world, "t", 0);
	cr_assert_eq(partition_high_watermark(partition), 200);
	cr_assert_eq(partition_leader_epoch(partition), epoch + 1);
	cr_assert_eq(world_check_all(&world, partition, 0, 2000), 200);
	world_append(&world, partition, 200, 10, 300);
	cr_assert_eq(world_check_all(&world, partition, 0, 2000), 210);
	cr_assert_eq(partition_epoch_at(partition, 5), epoch);
	cr_assert_eq(partition_epoch_at(partition, 205), epoch + 1);
	world_fini(&world);
}

/* A power cut right after acknowledgements: all of them are there again, out of the journal. */
Test(store, power_cut_keeps_what_was_acknowledged)
{
	for (uint64_t seed = 10; seed < 30; seed++) {
		struct world world;
		world_init(&world, seed);
		world_open(&world);
		world_create_topic(&world, "t", 3, NULL, 0);
		for (uint64_t n = 0; n < 60; n += 3)
			for (uint32_t p = 0; p < 3; p++)
				world_append(&world, world_partition(&world, "t", p), n, 3, 500);
		struct append unacked;
		cr_assert_eq(world_append_begin(world_partition(&world, "t", 0), &unacked, 60, 3, 500), 0);
		world_crash(&world);

		world_open(&world);
		cr_assert_eq(world.report.damaged_ranges, 0);
		for (uint32_t p = 0; p < 3; p++) {
			struct partition *partition = world_partition(&world, "t", p);
			cr_assert_geq(partition_high_watermark(partition), 60, "seed %lu", (unsigned long)seed);
			world_check_all(&world, partition, 0, 4000);
		}
		struct partition *partition = world_partition(&world, "t", 1);
		world_append(&world, partition, 60, 1, 500);
		world_fini(&world);
	}
}

/* Pieces of every size, some straight to segments, some through the journal, with cycles of write-behind and rolls between; then a cut. */
Test(store, large_and_small_pieces_survive_a_cut, .timeout = 120)
{
	for (uint64_t seed = 100; seed < 112; seed++) {
		struct world world;
		world_init(&world, seed);
		world_open(&world);
		struct config_override overrides[] = {{"segment.bytes", "3000000"}};
		world_create_topic(&world, "t", 2, overrides, 1);
		uint64_t next[2] = {0, 0};
		srand((unsigned)seed);
		for (int i = 0; i < 120; i++) {
			uint32_t p = (uint32_t)rand() % 2;
			int count = 1 + rand() % 50;
			size_t value = rand() % 3 ? 10 + (size_t)rand() % 300 : 1000 + (size_t)rand() % 15000;
			world_append(&world, world_partition(&world, "t", p), next[p], count, value);
			next[p] += (uint64_t)count;
		}
		if (seed % 3 == 0)
			world_stop(&world);
		else
			world_crash(&world);

		world_open(&world);
		cr_assert_eq(world.report.damaged_ranges, 0, "seed %lu", (unsigned long)seed);
		for (uint32_t p = 0; p < 2; p++) {
			struct partition *partition = world_partition(&world, "t", p);
			cr_assert_eq(partition_high_watermark(partition), (int64_t)next[p], "seed %lu", (unsigned long)seed);
			world_check_all(&world, partition, 0, 300000);
			world_append(&world, partition, next[p], 2, 100);
			world_check_all(&world, partition, (int64_t)next[p] / 2, 10000);
		}
		world_fini(&world);
	}
}

/* The power is cut at every k-th I/O of a run with direct pieces and write-behind; recovery is cut as well, and run again. Whatever was
 * acknowledged is there, once, in order. */
Test(store, cut_at_every_io, .timeout = 280)
{
	uint64_t total = 0;
	for (uint64_t k = 1; k < 100000; k += k < 60 ? 1 : 7) {
		struct world world;
		world_init(&world, k);
		world.options.direct_size_bytes_min = 20000;
		world_open(&world);
		world_create_topic(&world, "t", 1, NULL, 0);
		sim_disk_cut_power(world.disk, k);
		uint64_t before = sim_disk_io_count(world.disk);
		uint64_t acked = 0;
		bool is_cut = false;
		for (int i = 0; i < 40 && !is_cut; i++) {
			struct append append;
			int count = 1 + i % 4;
			size_t value = i % 5 == 4 ? 30000 : 700;
			if (world_append_begin(world_partition(&world, "t", 0), &append, acked, count, value)) {
				is_cut = true;
				break;
			}
			for (int turns = 0; !append.is_done && turns < 1000; turns++) {
				store_turn(world.store);
				if (io_turn(world.io, true) < 0)
					break;
			}
			is_cut = !append.is_done || append.op.err;
			if (!is_cut)
				acked += (uint64_t)count;
			/* Idle for a while: the timer of write-behind comes due, and a cycle runs. */
			for (int turns = 0; i == 20 && turns < 12 && !is_cut; turns++) {
				is_cut = io_turn(world.io, true) < 0;
				store_turn(world.store);
			}
		}
		total = sim_disk_io_count(world.disk) - before;
		world_crash(&world);

		/* Recovery is cut too, further in each time. */
		for (uint64_t j = 1; j < 12; j += 3) {
			sim_disk_cut_power(world.disk, j + k % 3);
			int err = world_try_open(&world);
			(void)err;
			world_crash(&world);
		}
		world_open(&world);
		cr_assert_eq(world.report.damaged_ranges, 0, "k %lu", (unsigned long)k);
		struct partition *partition = world_partition(&world, "t", 0);
		cr_assert_geq(partition_high_watermark(partition), (int64_t)acked, "k %lu", (unsigned long)k);
		int64_t end = world_check_all(&world, partition, 0, 50000);
		world_append(&world, partition, (uint64_t)end, 3, 100);
		world_fini(&world);
		if (!is_cut && k > total)
			return;
	}
}

/* Rot in a piece that went straight to its segment: a later group vouches for the piece, so it is damage and not a torn tail. Recovery does not look, as the
 * entry tells what it must know; who reads it finds it. Its offsets are fenced, everything before and behind is served, and nothing is cut off. */
Test(store, rot_in_a_direct_piece_is_fenced)
{
	struct world world;
	world_init(&world, 70);
	world.options.direct_size_bytes_min = 50000;
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	struct partition *partition = world_partition(&world, "t", 0);
	world_append(&world, partition, 0, 10, 100);
	for (int i = 0; i < 20; i++)
		world_turn(&world); /* filed: the file is there, so large pieces go straight to it */
	uint64_t position = partition_size_bytes(partition);
	world_append(&world, partition, 10, 5, 20000);
	world_append(&world, partition, 15, 5, 20000);
	world_append(&world, partition, 20, 2, 100);
	world_crash(&world);
	cr_assert_eq(sim_disk_corrupt(world.disk, "//t-0/00000000000000000000.log", position + 3, 2), 0);

	world_open(&world);
	cr_assert_eq(world.report.damaged_ranges, 0);
	partition = world_partition(&world, "t", 0);
	cr_assert_eq(partition_high_watermark(partition), 22);
	const struct { int64_t offset; int err; } rows[] = {{0, 0}, {9, 0}, {10, ERR_CORRUPT_LOG}, {14, ERR_CORRUPT_LOG}, {15, 0}, {21, 0}};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct read read;
		world_read_begin(&world, partition, &read, rows[i].offset, 1 << 20);
		cr_assert_eq(read.op.err, rows[i].err, "offset %ld: %s", (long)rows[i].offset, err_name(read.op.err));
		if (!rows[i].err)
			cr_assert_gt(check_records(&read.op, rows[i].offset), rows[i].offset);
		partition_read_release(&read.op);
	}
	world_append(&world, partition, 22, 3, 100);
	world_stop(&world);
	world_open(&world);
	cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 15, 1 << 20), 25);
	world_fini(&world);
}

/* The same rot in the last piece, for which nobody vouches: it may never have been acknowledged, so it is dropped, and its offsets are given
 * again. */
Test(store, an_unvouched_direct_piece_that_does_not_fit_is_dropped)
{
	struct world world;
	world_init(&world, 71);
	world.options.direct_size_bytes_min = 50000;
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	struct partition *partition = world_partition(&world, "t", 0);
	world_append(&world, partition, 0, 10, 100);
	for (int i = 0; i < 20; i++)
		world_turn(&world);
	uint64_t position = partition_size_bytes(partition);
	world_append(&world, partition, 10, 5, 20000);
	world_crash(&world);
	cr_assert_eq(sim_disk_corrupt(world.disk, "//t-0/00000000000000000000.log", position + 90000, 1), 0);
	world_open(&world);
	cr_assert_eq(world.report.damaged_ranges, 0);
	partition = world_partition(&world, "t", 0);
	cr_assert_eq(partition_high_watermark(partition), 10);
	world_append(&world, partition, 10, 3, 100);
	cr_assert_eq(world_check_all(&world, partition, 0, 1 << 20), 13);
	world_fini(&world);
}

#define FLIGHT 12

static void nothing(struct room_wait *wait)
{
}

/* Many appends in flight over little memory: direct pieces, journal pieces, write-behind and eviction all at once, in the random order of the
 * simulated disk. Then a cut or a stop: every record is there, and what the file says is what was appended. */
Test(store, everything_at_once, .timeout = 250)
{
	for (uint64_t seed = 200; seed < 230; seed++) {
		struct world world;
		world_init(&world, seed);
		world.options.cache_size_bytes = 1 << 20;
		world.options.journal_size_bytes = 4 << 20;
		world.options.direct_size_bytes_min = 20000;
		world_open(&world);
		world_create_topic(&world, "t", 3, NULL, 0);
		srand((unsigned)seed);
		struct append flight[FLIGHT] = {0};
		bool is_used[FLIGHT] = {false};
		uint64_t next[3] = {0};
		struct room_wait wait = {.ready = nothing};
		for (int i = 0; i < 1500; i++) {
			int slot = rand() % FLIGHT;
			uint32_t p = (uint32_t)rand() % 3;
			int count = 1 + rand() % 3;
			size_t value = rand() % 3 ? 200 + (size_t)rand() % 3000 : 10000 + (size_t)rand() % 20000;
			if (is_used[slot] && flight[slot].is_done) {
				cr_assert_eq(flight[slot].op.err, 0);
				is_used[slot] = false;
			}
			if (!is_used[slot]) {
				int err = world_append_begin(world_partition(&world, "t", p), &flight[slot], next[p], count, value);
				cr_assert(err == 0 || err == ERR_BUSY);
				is_used[slot] = err == 0;
				next[p] += err ? 0 : (uint64_t)count;
			}
			if (rand() % 40 == 0 && !list_is_linked(&wait.node))
				partition_wait_room(world_partition(&world, "t", p), &wait);
			store_turn(world.store);
			if (rand() % 3)
				cr_assert_geq(io_turn(world.io, rand() % 2), 0);
		}
		for (int slot = 0; slot < FLIGHT; slot++) {
			for (int turns = 0; is_used[slot] && !flight[slot].is_done && turns < 10000; turns++) {
				store_turn(world.store);
				cr_assert_geq(io_turn(world.io, true), 0);
			}
			cr_assert(!is_used[slot] || (flight[slot].is_done && flight[slot].op.err == 0));
		}
		for (int round = 0; round < 2; round++) {
			for (uint32_t p = 0; p < 3; p++) {
				cr_assert_eq(partition_high_watermark(world_partition(&world, "t", p)), (int64_t)next[p], "seed %lu", (unsigned long)seed);
				world_check_all(&world, world_partition(&world, "t", p), 0, 100000);
			}
			if (seed % 2)
				world_stop(&world);
			else
				world_crash(&world);
			world_open(&world);
			cr_assert_eq(world.report.damaged_ranges, 0);
		}
		world_fini(&world);
	}
}

/* One batch in more pieces of memory than an answer takes is still answered whole, and from its file as well. */
Test(store, a_batch_larger_than_an_answers_pieces)
{
	struct world world;
	world_init(&world, 90);
	world.options.cache_size_bytes = 64 << 20;
	world_open(&world);
	struct config_override overrides[] = {{"max.message.bytes", "20000000"}};
	world_create_topic(&world, "t", 1, overrides, 1);
	world_append(&world, world_partition(&world, "t", 0), 0, 12, 1 << 20);
	world_append(&world, world_partition(&world, "t", 0), 12, 1, 100);
	cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 1 << 20), 13);
	world_stop(&world);
	world_open(&world);
	cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 1 << 20), 13);
	world_fini(&world);
}

/* More partitions have a large piece to commit than files can be written at once: those left over ride the next groups, and nothing breaks.
 * (Before, the 65th broke the store.) */
Test(store, more_direct_pieces_than_filings_wait_for_the_next_group)
{
	enum { PARTITIONS = 200, SIZE = 30000 };
	struct world world;
	world_init(&world, 1);
	world.options.direct_size_bytes_min = 20000;
	world_open(&world);
	world_create_topic(&world, "wide", PARTITIONS, NULL, 0);
	for (uint32_t round = 0; round < 2; round++) { /* the first one makes the files */
		static struct append appends[PARTITIONS];
		for (uint32_t i = 0; i < PARTITIONS; i++)
			cr_assert_eq(world_append_begin(world_partition(&world, "wide", i), &appends[i], round, 1, SIZE), 0);
		store_turn(world.store);
		for (uint32_t i = 0; i < PARTITIONS; i++) {
			for (int turns = 0; !appends[i].is_done && turns < 100000; turns++)
				world_turn(&world);
			cr_assert(appends[i].is_done);
			cr_assert_eq(appends[i].op.err, 0, "partition %u: %s", i, err_name(appends[i].op.err));
		}
	}
	cr_assert(!store_has_failed(world.store));
	world_fini(&world);
}
