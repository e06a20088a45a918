#include "tests/unit/log/store/world.h"
#include <errno.h>

#include "log/partition/producer.h"
#include "log/partition/partition_priv.h"

static void advance(struct world *world, int turns)
{
	for (int i = 0; i < turns; i++)
		world_turn(world);
}

static int trim_to(struct world *world, struct partition *partition, int64_t offset, int64_t *start)
{
	struct trim trim = {.op = {.done = trim_done, .offset = offset}};
	int err = partition_trim(partition, &trim.op);
	if (err)
		return err;
	store_turn(world->store);
	for (int turns = 0; !trim.is_done && turns < 1000; turns++)
		world_turn(world);
	cr_assert(trim.is_done);
	*start = trim.op.log_start_offset;
	return trim.op.err;
}

/* DeleteRecords: the start moves, durably; -1 means the high watermark; above it is refused; below the start changes nothing. */
Test(partition, delete_records)
{
	struct world world;
	world_init(&world, 1);
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	struct partition *partition = world_partition(&world, "t", 0);
	for (uint64_t n = 0; n < 50; n += 5)
		world_append(&world, partition, n, 5, 50);
	int64_t start;
	cr_assert_eq(trim_to(&world, partition, 51, &start), ERR_OFFSET_OUT_OF_RANGE);
	cr_assert_eq(trim_to(&world, partition, 12, &start), 0);
	cr_assert_eq(start, 12);
	cr_assert_eq(trim_to(&world, partition, 3, &start), 0);
	cr_assert_eq(start, 12);
	struct read read;
	world_read_begin(&world, partition, &read, 11, 100);
	cr_assert_eq(read.op.err, ERR_OFFSET_OUT_OF_RANGE);
	cr_assert_eq(read.op.log_start_offset, 12);
	partition_read_release(&read.op);
	world_crash(&world);

	world_open(&world);
	partition = world_partition(&world, "t", 0);
	cr_assert_eq(partition_log_start_offset(partition), 12);
	world_check_all(&world, partition, 12, 1000);
	cr_assert_eq(trim_to(&world, partition, -1, &start), 0);
	cr_assert_eq(start, 50);
	world_append(&world, partition, 50, 1, 10);
	world_stop(&world);
	world_open(&world);
	cr_assert_eq(partition_log_start_offset(world_partition(&world, "t", 0)), 50);
	world_fini(&world);
}

/* Retention by size: the oldest complete segments go, their files too, and none more than are too many; offsets stay. */
Test(partition, retention_by_size)
{
	struct world world;
	world_init(&world, 2);
	world.options.retention_check_ms = 60000;
	world_open(&world);
	struct config_override overrides[] = {{"retention.bytes", "3000000"}, {"segment.bytes", "1048576"}, {"retention.ms", "-1"}};
	world_create_topic(&world, "t", 1, overrides, 3);
	for (uint64_t n = 0; n < 200; n += 2)
		world_append(&world, world_partition(&world, "t", 0), n, 2, 30000);
	struct partition *partition = world_partition(&world, "t", 0);
	uint64_t before = partition_size_bytes(partition);
	advance(&world, 200);
	cr_assert_gt(partition_log_start_offset(partition), 0);
	cr_assert_lt(partition_size_bytes(partition), before);
	cr_assert_leq(partition_size_bytes(partition), 3000000 + 1048576 * 2);
	cr_assert_geq(partition_size_bytes(partition), 3000000);
	world_check_all(&world, partition, partition_log_start_offset(partition), 100000);
	int64_t start = partition_log_start_offset(partition);
	world_crash(&world);
	world_open(&world);
	cr_assert_geq(partition_log_start_offset(world_partition(&world, "t", 0)), start);
	world_check_all(&world, world_partition(&world, "t", 0), partition_log_start_offset(world_partition(&world, "t", 0)), 5000);
	world_fini(&world);
}

/* Retention by time: records that are old by their timestamps go, the active segment included, and the log goes on behind them. */
Test(partition, retention_by_time)
{
	struct world world;
	world_init(&world, 3);
	world.options.retention_check_ms = 60000;
	world_open(&world);
	struct config_override overrides[] = {{"retention.ms", "1000"}};
	world_create_topic(&world, "t", 1, overrides, 1);
	struct partition *partition = world_partition(&world, "t", 0);
	world_append(&world, partition, 0, 10, 100); /* timestamps of 1970 */
	advance(&world, 100);
	cr_assert_eq(partition_log_start_offset(partition), 10);
	world_append(&world, partition, 10, 1, 100);
	cr_assert_eq(partition_high_watermark(partition), 11);
	cr_assert_eq(world_check_all(&world, partition, 10, 1000), 11);
	advance(&world, 100);
	cr_assert_eq(partition_log_start_offset(partition), 11, "and again");
	cr_assert_eq(partition_size_bytes(partition), 0);
	world_append(&world, partition, 11, 1, 100);
	cr_assert_eq(world_check_all(&world, partition, 11, 1000), 12);
	world_fini(&world);
}

/* Without a limit nothing is too old. */
Test(partition, retention_without_a_limit)
{
	struct world world;
	world_init(&world, 3);
	world.options.retention_check_ms = 60000;
	world_open(&world);
	struct config_override overrides[] = {{"retention.ms", "-1"}};
	world_create_topic(&world, "t", 1, overrides, 1);
	struct partition *partition = world_partition(&world, "t", 0);
	world_append(&world, partition, 0, 10, 100); /* timestamps of 1970 */
	advance(&world, 100);
	cr_assert_eq(partition_log_start_offset(partition), 0);
	world_fini(&world);
}

/* An internal topic is left alone, whatever its configs say: its coordinator trims. And an append that begins a segment makes that give files back. */
Test(partition, internal_topics_are_trimmed_by_their_coordinators)
{
	struct world world;
	world_init(&world, 4);
	world.options.retention_check_ms = 60000;
	world_open(&world);
	struct config_override overrides[] = {{"cleanup.policy", "delete"}, {"retention.ms", "1000"}, {"retention.bytes", "1000"}};
	world_create_topic(&world, "__consumer_offsets", 1, overrides, 3);
	struct partition *partition = world_partition(&world, "__consumer_offsets", 0);
	world_append(&world, partition, 0, 10, 20000); /* timestamps of 1970 */
	advance(&world, 100);
	cr_assert_eq(partition_log_start_offset(partition), 0);

	struct append append;
	uint8_t bytes[512];
	struct batch_builder builder;
	struct record record = {.timestamp_ms = 5, .value = {(const uint8_t *)"12345678", 8}};
	uint32_t size;
	cr_assert_eq(batch_builder_open(&builder, NULL, &BATCH_BUILDER_PLAIN, bytes, sizeof bytes), 0);
	cr_assert_eq(batch_builder_append(&builder, &record), 0);
	cr_assert_eq(batch_builder_finish(&builder, &size), 0);
	append = (struct append){.op = {.done = append_done, .records = bytes, .records_size_bytes = size, .is_internal = true, .begins_segment = true}};
	cr_assert_eq(partition_append(partition, &append.op), 0);
	advance(&world, 100);
	cr_assert(append.is_done);
	int64_t start = 0;
	cr_assert_eq(trim_to(&world, partition, 10, &start), 0);
	cr_assert_eq(start, 10);
	advance(&world, 100);
	cr_expect_leq(partition_size_bytes(partition), 512, "the segment before it is gone: %llu", (unsigned long long)partition_size_bytes(partition));
	world_fini(&world);
}

static int append_sequenced(struct world *world, struct partition *partition, struct append *append, int64_t producer_id, int16_t epoch, int32_t sequence)
{
	uint8_t bytes[512];
	struct batch_builder_options options = BATCH_BUILDER_PLAIN;
	options.producer_id = producer_id;
	options.producer_epoch = epoch;
	options.base_sequence = sequence;
	struct batch_builder builder;
	struct record record = {.timestamp_ms = 5, .value = {(const uint8_t *)"12345678", 8}};
	uint32_t size;
	cr_assert_eq(batch_builder_open(&builder, NULL, &options, bytes, sizeof bytes), 0);
	cr_assert_eq(batch_builder_append(&builder, &record), 0);
	cr_assert_eq(batch_builder_finish(&builder, &size), 0);
	*append = (struct append){.op = {.done = append_done, .records = bytes, .records_size_bytes = size}};
	int err = partition_append(partition, &append->op);
	if (err)
		return err;
	store_turn(world->store);
	for (int turns = 0; !append->is_done && turns < 1000; turns++)
		world_turn(world);
	cr_assert(append->is_done);
	return append->op.err;
}

/* The idempotence window holds over a crash and over a clean stop: a repeated batch gets its first offset, a gap is refused. */
Test(partition, idempotence_survives_restarts)
{
	for (int is_clean = 0; is_clean < 2; is_clean++) {
		struct world world;
		world_init(&world, 4);
		world_open(&world);
		world_create_topic(&world, "t", 1, NULL, 0);
		struct append append;
		for (int32_t sequence = 0; sequence < 7; sequence++)
			cr_assert_eq(append_sequenced(&world, world_partition(&world, "t", 0), &append, 77, 0, sequence), 0);
		if (is_clean)
			world_stop(&world);
		else
			world_crash(&world);
		world_open(&world);
		struct partition *partition = world_partition(&world, "t", 0);
		for (int32_t sequence = 2; sequence < 7; sequence++) {
			cr_assert_eq(append_sequenced(&world, partition, &append, 77, 0, sequence), 0, "sequence %d", sequence);
			cr_assert_eq(append.op.base_offset, sequence);
		}
		cr_assert_eq(append_sequenced(&world, partition, &append, 77, 0, 8), ERR_OUT_OF_ORDER_SEQUENCE);
		cr_assert_eq(append_sequenced(&world, partition, &append, 77, 0, 7), 0);
		cr_assert_eq(append.op.base_offset, 7);
		cr_assert_eq(append_sequenced(&world, partition, &append, 77, 1, 0), 0);
		cr_assert_eq(append_sequenced(&world, partition, &append, 77, 0, 8), ERR_PRODUCER_EPOCH);
		cr_assert_eq(partition_high_watermark(partition), 9);
		world_fini(&world);
	}
}

/* A batch that was staged and not durable when the power went must not be taken for known afterwards. */
Test(partition, unacknowledged_sequences_are_forgotten)
{
	for (uint64_t seed = 0; seed < 20; seed++) {
		struct world world;
		world_init(&world, seed);
		world_open(&world);
		world_create_topic(&world, "t", 1, NULL, 0);
		struct append append;
		cr_assert_eq(append_sequenced(&world, world_partition(&world, "t", 0), &append, 5, 0, 0), 0);
		uint8_t bytes[512];
		struct batch_builder_options options = BATCH_BUILDER_PLAIN;
		options.producer_id = 5;
		options.producer_epoch = 0;
		options.base_sequence = 1;
		struct batch_builder builder;
		struct record record = {.timestamp_ms = 5, .value = {(const uint8_t *)"12345678", 8}};
		uint32_t size;
		cr_assert_eq(batch_builder_open(&builder, NULL, &options, bytes, sizeof bytes), 0);
		cr_assert_eq(batch_builder_append(&builder, &record), 0);
		cr_assert_eq(batch_builder_finish(&builder, &size), 0);
		struct append lost = {.op = {.done = append_done, .records = bytes, .records_size_bytes = size}};
		cr_assert_eq(partition_append(world_partition(&world, "t", 0), &lost.op), 0);
		world_crash(&world);
		world_open(&world);
		struct partition *partition = world_partition(&world, "t", 0);
		int64_t end = partition_high_watermark(partition);
		cr_assert(end == 1 || end == 2);
		cr_assert_eq(append_sequenced(&world, partition, &append, 5, 0, 1), 0);
		cr_assert_eq(append.op.base_offset, 1);
		cr_assert_eq(partition_high_watermark(partition), 2);
		world_fini(&world);
	}
}

/* Lookups by time, in memory and from files, with the epoch of the record that is found. */
Test(partition, offsets_by_time)
{
	struct world world;
	world_init(&world, 6);
	world_open(&world);
	struct config_override overrides[] = {{"segment.bytes", "1048576"}, {"retention.ms", "-1"}};
	world_create_topic(&world, "t", 1, overrides, 2);
	for (uint64_t n = 0; n < 300; n += 3)
		world_append(&world, world_partition(&world, "t", 0), n, 3, 15000); /* record n has timestamp 1000 + n */
	for (int round = 0; round < 2; round++) {
		struct partition *partition = world_partition(&world, "t", 0);
		const struct { int64_t timestamp, offset; } rows[] = {{0, 0}, {1000, 0}, {1001, 1}, {1100, 100}, {1299, 299}, {1300, -1}};
		for (size_t i = 0; i < COUNT_OF(rows); i++) {
			struct offset_found found;
			cr_assert_eq(partition_offset_for_time(partition, rows[i].timestamp, &found), 0);
			cr_assert_eq(found.offset, rows[i].offset, "timestamp %ld: %ld", (long)rows[i].timestamp, (long)found.offset);
			cr_assert_eq(found.found, rows[i].offset >= 0);
			if (found.found)
				cr_assert_eq(found.leader_epoch, 0);
		}
		struct offset_found found;
		cr_assert_eq(partition_offset_of_max_time(partition, &found), 0);
		cr_assert_eq(found.offset, 299);
		cr_assert_eq(found.timestamp_ms, 1299);
		world_stop(&world);
		world_open(&world);
	}
	world_fini(&world);
}

/* Rot in a file below the durable point: the batch is named and never served, everything around it is. */
Test(partition, rot_is_fenced)
{
	struct world world;
	world_init(&world, 7);
	world_open(&world);
	struct config_override overrides[] = {{"index.interval.bytes", "100"}};
	world_create_topic(&world, "t", 1, overrides, 1);
	for (uint64_t n = 0; n < 60; n += 2)
		world_append(&world, world_partition(&world, "t", 0), n, 2, 400);
	world_stop(&world);
	cr_assert_eq(sim_disk_corrupt(world.disk, "//t-0/00000000000000000000.log", 10000, 4), 0);
	world_open(&world);
	struct partition *partition = world_partition(&world, "t", 0);
	int64_t bad = -1, next = 0;
	while (next < 60) {
		struct read read;
		world_read_begin(&world, partition, &read, next, 100000);
		if (read.op.err) {
			cr_assert_eq(read.op.err, ERR_CORRUPT_LOG);
			cr_assert_eq(bad, -1, "damage at %ld and again at %ld", (long)bad, (long)next);
			bad = next;
			next += 2;
		} else {
			next = check_records(&read.op, next);
		}
		partition_read_release(&read.op);
	}
	cr_assert_neq(bad, -1);
	cr_assert_eq(partition_high_watermark(partition), 60);
	world_append(&world, partition, 60, 2, 10);
	world_fini(&world);
}

/* A full disk is a state: what was acknowledged stays, appends are refused, reads go on; with space again it resumes by itself. */
Test(partition, full_disk)
{
	struct world world;
	world_init(&world, 8);
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	struct partition *partition = world_partition(&world, "t", 0);
	world_append(&world, partition, 0, 1, 100);
	advance(&world, 50);
	sim_disk_set_capacity(world.disk, 8 << 20); /* the journal's size: no room for anything more */
	uint64_t next = 1;
	int refused = 0;
	for (int i = 0; i < 200 && !refused; i++) {
		struct append append;
		int err = world_append_begin(partition, &append, next, 1, 60000);
		for (int turns = 0; !err && !append.is_done && turns < 50; turns++)
			world_turn(&world);
		if (err == ERR_BUSY) {
			world_turn(&world);
			continue;
		}
		refused = err ? err : append.op.err;
		next += !refused;
	}
	cr_assert_eq(refused, -ENOSPC);
	cr_assert(store_is_full(world.store));
	cr_assert_not(store_has_failed(world.store));
	world_check_all(&world, partition, 0, 200000);
	sim_disk_set_capacity(world.disk, 0);
	advance(&world, 60);
	cr_assert_not(store_is_full(world.store));
	world_append(&world, partition, next, 1, 1000);
	world_crash(&world);
	world_open(&world);
	cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 200000), (int64_t)next + 1);
	world_fini(&world);
}

/* A deleted topic's operations end, its files go, and the same name with a new id starts empty. */
Test(partition, deletion_and_recreation)
{
	struct world world;
	world_init(&world, 9);
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	world_append(&world, world_partition(&world, "t", 0), 0, 5, 100);
	advance(&world, 30); /* filed by now */
	struct append open;
	cr_assert_eq(world_append_begin(world_partition(&world, "t", 0), &open, 5, 1, 100), 0);
	world_delete_topic(&world, "t");
	cr_assert(open.is_done);
	cr_assert_eq(open.op.err, ERR_CLOSED);
	advance(&world, 5);
	world_create_topic(&world, "t", 1, NULL, 0);
	cr_assert_eq(partition_high_watermark(world_partition(&world, "t", 0)), 0);
	world_append(&world, world_partition(&world, "t", 0), 0, 3, 100);
	world_crash(&world);
	world_open(&world);
	cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 1000), 3);
	world_fini(&world);
}

/* The checkpoint is derived: without it, or with a damaged one, the directories are scanned and nothing is missing. */
Test(partition, lost_or_damaged_checkpoint)
{
	for (int is_damaged = 0; is_damaged < 2; is_damaged++) {
		struct world world;
		world_init(&world, 10);
		world_open(&world);
		struct config_override overrides[] = {{"segment.bytes", "1048576"}};
		world_create_topic(&world, "t", 2, overrides, 1);
		for (uint64_t n = 0; n < 100; n += 5)
			for (uint32_t p = 0; p < 2; p++)
				world_append(&world, world_partition(&world, "t", p), n, 5, 25000);
		world_stop(&world);
		struct io_options io_options = {.backend = IO_SIM, .disk = world.disk};
		struct io *io;
		cr_assert_eq(io_open(&io, &io_options), 0);
		if (is_damaged)
			cr_assert_eq(sim_disk_corrupt(world.disk, "//checkpoint-0", 40, 1), 0);
		else
			cr_assert_eq(io_unlink(io, "//checkpoint-0"), 0);
		io_close(io);
		world_open(&world);
		for (uint32_t p = 0; p < 2; p++)
			cr_assert_eq(world_check_all(&world, world_partition(&world, "t", p), 0, 30000), 100);
		world_fini(&world);
	}
}

/* A file of somebody's has the name of a partition's directory: it is kept under another, and durability of all the others does not break for it. */
Test(partition, a_file_in_the_directorys_place)
{
	struct world world;
	world_init(&world, 31);
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	int fd = io_file_open(world.io, "//t-0", IO_CREATE);
	cr_assert_geq(fd, 0);
	cr_assert_eq(io_file_write(world.io, fd, "notes", 5, 0), 5);
	io_close_fd(world.io, fd);
	world_append(&world, world_partition(&world, "t", 0), 0, 3, 100);
	world_stop(&world);
	world_open(&world);
	cr_assert_eq(partition_high_watermark(world_partition(&world, "t", 0)), 3);
	fd = io_file_open(world.io, "//t-0.foreign", IO_READ_ONLY);
	cr_assert_geq(fd, 0, "%s", err_name(fd));
	io_close_fd(world.io, fd);
	world_fini(&world);
}
