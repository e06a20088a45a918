/* A store on a simulated disk, for tests: made, written to, read back, crashed and taken up again. */
#pragma once

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/batch/batch_builder.h"
#include "log/batch/record_iter.h"
#include "log/io/sim.h"
#include "log/partition/partition.h"
#include "log/store/store.h"

struct world {
	struct sim_disk *disk;
	struct io *io;
	struct broker_config *config;
	struct catalog *catalog;
	const struct catalog_image *image;
	struct store *store;
	struct store_report report;
	struct catalog_report found;
	struct store_options options;
	uint64_t seed;
};

static inline void world_set(struct world *world, const char *key, const char *value)
{
	char why[256];
	cr_assert_eq(broker_config_set(world->config, key, value, why, sizeof why), 0, "%s", why);
}

/* Opens catalog and store on the disk as it is. Returns what failed, with everything closed again. */
static inline int world_try_open(struct world *world)
{
	struct io_options io = {.backend = IO_SIM, .disk = world->disk, .seed = world->seed++};
	int err = io_open(&world->io, &io);
	cr_assert_eq(err, 0);
	struct catalog_knowledge known = {.is_loss_accepted = world->options.is_loss_accepted};
	world->catalog = NULL;
	world->store = NULL;
	world->image = NULL;
	world->found = (struct catalog_report){0};
	world->report = (struct store_report){0};
	struct ring_image *image = NULL;
	err = store_read_catalog_mark_keeping(world->io, "/", 1, &known.mark, &image);
	if (!err)
		err = catalog_open_knowing(&world->catalog, world->io, "/", world->config, &known, &world->found);
	if (!err) {
		world->image = catalog_image_acquire(world->catalog);
		world->options.incarnation = catalog_incarnation(world->catalog);
		world->options.journal_incarnation = catalog_journal_incarnation(world->catalog);
		world->options.directory_id = catalog_directory_id(world->catalog);
		world->options.is_catalog_new = world->found.was_created;
		struct store_options options = world->options;
		options.journal_image = image;
		err = store_open(&world->store, world->io, &options, world->image, &world->report);
	} else {
		store_free_journal_image(image);
	}
	if (!err && store_has_started(world->store))
		err = catalog_note_journals(world->catalog);
	return err;
}

/* What a failed I/O has cost of an opening: all of it, or a partition, which is offline until the next one. */
static inline bool world_lacks_any(const struct world *world, int err)
{
	return err || world->report.offline_partitions > 0;
}

static inline void world_close(struct world *world)
{
	if (world->store)
		store_close(world->store);
	if (world->image)
		catalog_image_release(world->image);
	if (world->catalog)
		catalog_close(world->catalog);
	io_close(world->io);
	world->store = NULL;
	world->image = NULL;
	world->catalog = NULL;
}

static inline void world_init(struct world *world, uint64_t seed)
{
	*world = (struct world){.seed = seed};
	world->disk = sim_disk_open(seed);
	cr_assert_eq(broker_config_create(&world->config), 0);
	world->options = (struct store_options){
		.dir = "/",
		.shard_count = 1,
		.journal_size_bytes = 8 << 20,
		.cache_size_bytes = 16 << 20,
		.producers_max = 100,
		.producer_expiration_ms = 86400000,
	};
}

static inline void world_fini(struct world *world)
{
	world_close(world);
	broker_config_destroy(world->config);
	sim_disk_close(world->disk);
}

static inline void world_turn(struct world *world)
{
	cr_assert_geq(io_turn(world->io, true), 0);
	store_turn(world->store);
}

static inline void world_wake(struct io_timer *timer)
{
	(void)timer;
}

/* Turns until so much time has passed, whether anything happens or not. */
static inline void world_rest(struct world *world, uint64_t ns)
{
	struct io_timer timer = {.run = world_wake};
	io_timer_set(world->io, &timer, io_now_ns(world->io) + ns);
	while (timer.heap_index)
		world_turn(world);
}

/* The same, as long as something happens. */
static inline void world_idle(struct world *world, int seconds)
{
	uint64_t until_ns = io_now_ns(world->io) + (uint64_t)seconds * 1000000000ull;
	for (int turns = 0; io_now_ns(world->io) < until_ns && turns < 3000; turns++)
		world_turn(world);
}

/* What the catalog has become is the store's to see. */
static inline void world_take_image(struct world *world)
{
	const struct catalog_image *image = catalog_image_acquire(world->catalog);
	store_set_image(world->store, image);
	catalog_image_release(world->image);
	world->image = image;
}

static inline void world_create_topic(struct world *world, const char *name, uint32_t partitions, const struct config_override *overrides,
				      uint32_t override_count)
{
	struct topic_spec spec = {slice_from(name), partitions, override_count, overrides};
	int err;
	cr_assert_eq(catalog_create_topics(world->catalog, &spec, 1, &err), 0);
	cr_assert_eq(err, 0);
	world_take_image(world);
}

static inline void world_delete_topic(struct world *world, const char *name)
{
	struct uuid id = catalog_topic_by_name(world->image, slice_from(name))->id;
	int err;
	cr_assert_eq(catalog_delete_topics(world->catalog, &id, 1, &err), 0);
	cr_assert_eq(err, 0);
	world_take_image(world);
}

static inline struct partition *world_partition(struct world *world, const char *name, uint32_t index)
{
	const struct topic *topic = catalog_topic_by_name(world->image, (struct slice){(const uint8_t *)name, strlen(name)});
	cr_assert_not_null(topic);
	struct partition *partition = store_partition(world->store, &topic->id, index);
	cr_assert_not_null(partition);
	return partition;
}

/* Of the topic "t", which most tests have alone. */
static inline struct partition *partition_of(struct world *world, uint32_t index)
{
	return world_partition(world, "t", index);
}

static inline struct partition *the_partition(struct world *world)
{
	return partition_of(world, 0);
}

/* A batch of `count` records whose values are `value_size` bytes: the first eight say `number` + the record's place. Each has the key, if there is one. */
static inline uint32_t make_keyed_batch(uint8_t *out, size_t capacity, struct slice key, uint64_t number, int count, size_t value_size,
					int64_t timestamp_ms)
{
	static uint8_t value[1 << 20];
	struct batch_builder builder;
	cr_assert_eq(batch_builder_open(&builder, NULL, &BATCH_BUILDER_PLAIN, out, capacity), 0);
	for (int i = 0; i < count; i++) {
		memset(value, (int)(number + (uint64_t)i), value_size);
		store_le64(value, number + (uint64_t)i);
		struct record record = {.timestamp_ms = timestamp_ms + i, .key = key, .value = {value, value_size}};
		cr_assert_eq(batch_builder_append(&builder, &record), 0);
	}
	uint32_t size;
	cr_assert_eq(batch_builder_finish(&builder, &size), 0);
	return size;
}

static inline uint32_t make_batch(uint8_t *out, size_t capacity, uint64_t number, int count, size_t value_size, int64_t timestamp_ms)
{
	return make_keyed_batch(out, capacity, (struct slice){NULL, 0}, number, count, value_size, timestamp_ms);
}

struct append {
	struct append_op op;
	bool is_done;
};

static inline void append_done(struct append_op *op)
{
	CONTAINER_OF(op, struct append, op)->is_done = true;
}

/* Begins an append; the batch's bytes are copied by the log before this returns. */
static inline int world_append_begin(struct partition *partition, struct append *append, uint64_t number, int count, size_t value_size)
{
	size_t capacity = (size_t)count * (value_size + 64) + 128;
	uint8_t *bytes = malloc(capacity);
	uint32_t size = make_batch(bytes, capacity, number, count, value_size, 1000 + (int64_t)number);
	*append = (struct append){.op = {.done = append_done, .records = bytes, .records_size_bytes = size, .is_zstd_allowed = true}};
	int err = partition_append(partition, &append->op);
	append->op.records = NULL;
	free(bytes);
	return err;
}

/* Appends records number .. number + count - 1 and waits until they are durable; their offset is checked to be their number. */
static inline void world_append(struct world *world, struct partition *partition, uint64_t number, int count, size_t value_size)
{
	struct append append;
	int err = world_append_begin(partition, &append, number, count, value_size);
	for (int tries = 0; err == ERR_BUSY && tries < 1000; tries++) {
		world_turn(world);
		err = world_append_begin(partition, &append, number, count, value_size);
	}
	cr_assert_eq(err, 0, "append of %lu: %s", (unsigned long)number, err_name(err));
	store_turn(world->store);
	for (int turns = 0; !append.is_done && turns < 100000; turns++)
		world_turn(world);
	cr_assert(append.is_done);
	cr_assert_eq(append.op.err, 0);
	cr_assert_eq(append.op.base_offset, (int64_t)number);
}

/* The record of that sequence of idempotent producer 7, and waits until it is durable. Its base offset, or an error. */
static inline int64_t world_produce(struct world *world, struct partition *partition, int32_t sequence)
{
	uint8_t bytes[512], value[8];
	uint32_t size;
	struct batch_builder builder;
	struct batch_builder_options options = BATCH_BUILDER_PLAIN;
	options.producer_id = 7;
	options.producer_epoch = 0;
	options.base_sequence = sequence;
	store_le64(value, (uint64_t)sequence);
	struct record record = {.timestamp_ms = 1000, .value = {value, sizeof value}};
	cr_assert_eq(batch_builder_open(&builder, NULL, &options, bytes, sizeof bytes), 0);
	cr_assert_eq(batch_builder_append(&builder, &record), 0);
	cr_assert_eq(batch_builder_finish(&builder, &size), 0);
	struct append append = {.op = {.done = append_done, .records = bytes, .records_size_bytes = size, .is_zstd_allowed = true}};
	int err = partition_append(partition, &append.op);
	if (err)
		return err;
	store_turn(world->store);
	for (int turns = 0; !append.is_done && turns < 100000; turns++)
		world_turn(world);
	cr_assert(append.is_done);
	return append.op.err ? append.op.err : append.op.base_offset;
}

struct trim {
	struct trim_op op;
	bool is_done;
};

static inline void trim_done(struct trim_op *op)
{
	CONTAINER_OF(op, struct trim, op)->is_done = true;
}

static inline void world_trim_begin(struct partition *partition, struct trim *trim, int64_t offset)
{
	*trim = (struct trim){.op = {.done = trim_done, .offset = offset}};
	cr_assert_eq(partition_trim(partition, &trim->op), 0);
}

static inline void world_trim_wait(struct world *world, struct trim *trim)
{
	store_turn(world->store);
	for (int turns = 0; !trim->is_done && turns < 1000; turns++)
		world_turn(world);
	cr_assert(trim->is_done && trim->op.err == 0);
}

static inline void world_trim(struct world *world, struct partition *partition, int64_t offset)
{
	struct trim trim;
	world_trim_begin(partition, &trim, offset);
	world_trim_wait(world, &trim);
}

struct read {
	struct read_op op;
	bool is_done;
};

static inline void read_done(struct read_op *op)
{
	CONTAINER_OF(op, struct read, op)->is_done = true;
}

static inline void world_read_begin(struct world *world, struct partition *partition, struct read *read, int64_t offset, uint32_t size_max)
{
	*read = (struct read){.op = {.done = read_done, .offset = offset, .size_bytes_max = size_max, .is_first = true}};
	if (partition_read(partition, &read->op) == READ_DONE)
		return;
	for (int turns = 0; !read->is_done && turns < 100000; turns++)
		world_turn(world);
	cr_assert(read->is_done);
}

/* Checks the records in what was read: offsets follow `expected`, and each value says its offset. Returns the next offset. */
static inline int64_t check_records(const struct read_op *op, int64_t expected)
{
	uint8_t *bytes = malloc(op->size_bytes + 1);
	size_t size = 0;
	for (uint32_t i = 0; i < op->piece_count; i++) {
		memcpy(bytes + size, op->pieces[i].data, op->pieces[i].size);
		size += op->pieces[i].size;
	}
	cr_assert_eq(size, op->size_bytes);
	for (size_t at = 0; at < size;) {
		struct batch batch;
		cr_assert_eq(batch_parse_checked((struct slice){bytes + at, size - at}, &batch), 0);
		struct record_iter iter;
		struct record record;
		cr_assert_eq(record_iter_open(&iter, NULL, (struct slice){bytes + at, batch.size_bytes}), 0);
		while (record_iter_next(&iter, &record) == 1) {
			cr_assert_eq(load_le64(record.value.data), (uint64_t)record.offset);
			if (record.offset < expected)
				continue; /* the batch may begin before what was asked for */
			cr_assert_eq(record.offset, expected);
			expected++;
		}
		record_iter_close(&iter);
		at += batch.size_bytes;
	}
	free(bytes);
	return expected;
}

/* Reads [from, high watermark) and checks every record; returns the high watermark. */
static inline int64_t world_check_all(struct world *world, struct partition *partition, int64_t from, uint32_t size_max)
{
	int64_t next = from;
	while (next < partition_high_watermark(partition)) {
		struct read read;
		world_read_begin(world, partition, &read, next, size_max);
		cr_assert_eq(read.op.err, 0, "read at %ld: %s", (long)next, err_name(read.op.err));
		cr_assert_gt(read.op.piece_count, 0, "nothing at %ld below %ld", (long)next, (long)partition_high_watermark(partition));
		int64_t after = check_records(&read.op, next);
		cr_assert_gt(after, next);
		next = after;
		partition_read_release(&read.op);
	}
	return next;
}

/* A clean stop, and closed. */
static inline void world_stop_within(struct world *world, int turns_max)
{
	store_stop(world->store);
	for (int turns = 0; !store_is_stopped(world->store) && turns < turns_max; turns++) {
		store_turn(world->store);
		if (!store_is_stopped(world->store))
			cr_assert_geq(io_turn(world->io, true), 0);
	}
	cr_assert(store_is_stopped(world->store));
	cr_assert_not(store_has_failed(world->store));
	world_close(world);
}

static inline void world_stop(struct world *world)
{
	world_stop_within(world, 100000);
}

static inline void world_crash(struct world *world)
{
	sim_disk_crash(world->disk);
	world_close(world);
}

/* kill -9: what was in flight is written and not synced, and nothing is waited for. */
static inline void world_kill(struct world *world)
{
	sim_disk_kill(world->disk);
	world_close(world);
}

static inline void world_open(struct world *world)
{
	int err = world_try_open(world);
	cr_assert_eq(err, 0, "open: %s", err_name(err));
}

/* The disk as it would be if the power failed now and nothing that was not synced came through. */
static inline struct sim_disk *world_lose_all(struct sim_disk *disk)
{
	static const uint32_t nothing[4096];
	struct sim_crash *crash = sim_crash_look(disk);
	cr_assert_leq(sim_crash_items(crash), COUNT_OF(nothing));
	struct sim_disk *left = sim_crash_make(crash, nothing);
	sim_crash_close(crash);
	return left;
}

/* Exactly [from, to) is told of as damaged, offset by offset, and all else up to the high watermark, `end`, is served. */
static inline void world_expect_damaged(struct world *world, struct partition *partition, int64_t from, int64_t to, int64_t end)
{
	cr_assert_eq(partition_high_watermark(partition), end);
	for (int64_t offset = 0; offset < end; offset++) {
		struct read read;
		world_read_begin(world, partition, &read, offset, 1);
		cr_assert_eq(read.op.err, offset >= from && offset < to ? ERR_CORRUPT_LOG : 0, "offset %ld: %s", (long)offset, err_name(read.op.err));
		if (!read.op.err)
			cr_assert_gt(check_records(&read.op, offset), offset);
		partition_read_release(&read.op);
	}
}
