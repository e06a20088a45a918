/* A broker's storage under test_rot.c: two shards and a catalog, opened and stopped as the broker does it, and what is written to them. */
#pragma once

#include <errno.h>

#include "tests/unit/log/store/world.h"

#define SHARDS 2
#define JOURNAL_SIZE (1u << 20)

/* What was acknowledged. */
struct expected {
	const char *topic;
	uint32_t index, tag;
	int64_t start, end;
};

struct broker {
	struct sim_disk *disk;
	struct io *io;
	struct catalog *catalog;
	const struct catalog_image *image;
	struct store *stores[SHARDS];
	struct catalog_report found;
	struct store_report reports[SHARDS];
};

static struct broker_config *config;
static uint64_t seed_now;

/* ---- a broker's storage ---------------------------------------------------------------------------------------- */

static inline void open_io(struct broker *broker)
{
	struct io_options options = {.backend = IO_SIM, .disk = broker->disk, .seed = ++seed_now};
	cr_assert_eq(io_open(&broker->io, &options), 0);
}

static inline void close_broker(struct broker *broker)
{
	for (int shard = 0; shard < SHARDS; shard++)
		if (broker->stores[shard])
			store_close(broker->stores[shard]);
	if (broker->image)
		catalog_image_release(broker->image);
	if (broker->catalog)
		catalog_close(broker->catalog);
	io_close(broker->io);
	*broker = (struct broker){.disk = broker->disk};
}

/* As the broker opens a directory. On failure everything but the reports is closed. */
static inline int open_broker(struct broker *broker, bool is_loss_accepted)
{
	open_io(broker);
	struct catalog_knowledge known = {.is_loss_accepted = is_loss_accepted};
	int err = store_read_catalog_mark(broker->io, "/", SHARDS, &known.mark);
	if (!err)
		err = catalog_open_knowing(&broker->catalog, broker->io, "/", config, &known, &broker->found);
	if (!err)
		broker->image = catalog_image_acquire(broker->catalog);
	for (uint32_t shard = 0; shard < SHARDS && !err; shard++) {
		struct store_options options = {
			.dir = "/", .shard = shard, .shard_count = SHARDS, .incarnation = catalog_incarnation(broker->catalog),
			.journal_incarnation = catalog_journal_incarnation(broker->catalog),
			.directory_id = catalog_directory_id(broker->catalog),
			.is_catalog_new = broker->found.was_created,
			.journal_size_bytes = JOURNAL_SIZE, .cache_size_bytes = 4 << 20, .direct_size_bytes_min = 3000, .producers_max = 100,
			.producer_expiration_ms = 86400000, .is_loss_accepted = is_loss_accepted,
		};
		err = store_open(&broker->stores[shard], broker->io, &options, broker->image, &broker->reports[shard]);
	}
	bool have_started = !err;
	for (uint32_t shard = 0; shard < SHARDS && !err; shard++)
		have_started &= store_has_started(broker->stores[shard]);
	return have_started ? catalog_note_journals(broker->catalog) : err;
}

static inline void turn(struct broker *broker)
{
	cr_assert_geq(io_turn(broker->io, true), 0);
	for (int shard = 0; shard < SHARDS; shard++)
		store_turn(broker->stores[shard]);
}

static inline bool stop_broker(struct broker *broker)
{
	bool is_stopped = false;
	for (int shard = 0; shard < SHARDS; shard++)
		store_stop(broker->stores[shard]);
	for (int turns = 0; !is_stopped && turns < 10000; turns++) {
		turn(broker);
		is_stopped = store_is_stopped(broker->stores[0]) && store_is_stopped(broker->stores[1]);
	}
	bool has_failed = store_has_failed(broker->stores[0]) || store_has_failed(broker->stores[1]);
	close_broker(broker);
	return is_stopped && !has_failed;
}

static inline void take_image(struct broker *broker)
{
	const struct catalog_image *image = catalog_image_acquire(broker->catalog);
	for (int shard = 0; shard < SHARDS; shard++)
		store_set_image(broker->stores[shard], image);
	catalog_image_release(broker->image);
	broker->image = image;
}

static inline struct partition *find(struct broker *broker, const char *name, uint32_t index)
{
	const struct topic *topic = catalog_topic_by_name(broker->image, (struct slice){(const uint8_t *)name, strlen(name)});
	if (!topic || index >= topic->partition_count)
		return NULL;
	return store_partition(broker->stores[store_owner(&topic->id, index, SHARDS)], &topic->id, index);
}

/* ---- the load -------------------------------------------------------------------------------------------------- */

static inline void create_topic(struct broker *broker, const char *name, uint32_t partitions, const char *segment_ms)
{
	struct config_override override = {"segment.ms", (char *)segment_ms};
	struct topic_spec spec = {{(const uint8_t *)name, strlen(name)}, partitions, segment_ms ? 1 : 0, &override};
	int err;
	cr_assert_eq(catalog_create_topics(broker->catalog, &spec, 1, &err), 0);
	cr_assert_eq(err, 0);
	take_image(broker);
}

/* Nothing is compacted yet: in such a topic, too, a batch that is missing is a loss. */
static inline void make_compacted(struct broker *broker, const char *name)
{
	struct config_override overrides[] = {{"cleanup.policy", "compact"}};
	const struct topic *topic = catalog_topic_by_name(broker->image, (struct slice){(const uint8_t *)name, strlen(name)});
	struct uuid id = topic->id;
	cr_assert_eq(catalog_set_overrides(broker->catalog, &id, overrides, 1), 0);
	take_image(broker);
}

static inline void delete_topic(struct broker *broker, const char *name)
{
	const struct topic *topic = catalog_topic_by_name(broker->image, (struct slice){(const uint8_t *)name, strlen(name)});
	struct uuid id = topic->id;
	int err;
	cr_assert_eq(catalog_delete_topics(broker->catalog, &id, 1, &err), 0);
	take_image(broker);
}

/* A record's value says whose it is: no two in the directory are alike. */
static inline uint64_t value_of(const struct expected *partition, int64_t offset)
{
	return (uint64_t)partition->tag << 48 | (uint64_t)partition->index << 40 | (uint64_t)offset;
}

static inline int append_now(struct broker *broker, struct expected *expected, int count, size_t value_size)
{
	static uint8_t bytes[1 << 16];
	struct append append = {.op = {.done = append_done, .records = bytes, .is_zstd_allowed = true}};
	struct slice key = {(const uint8_t *)"key", strcmp(expected->topic, "rolled") == 0 ? 3 : 0};
	append.op.records_size_bytes = make_keyed_batch(bytes, sizeof bytes, key.size ? key : (struct slice){NULL, 0}, value_of(expected, expected->end), count,
							value_size, 1000 + expected->end);
	struct partition *partition = find(broker, expected->topic, expected->index);
	if (!partition)
		return ERR_UNKNOWN_TOPIC;
	int err = partition_append(partition, &append.op);
	if (err)
		return err;
	for (int turns = 0; !append.is_done && turns < 10000; turns++) {
		for (int shard = 0; shard < SHARDS; shard++)
			store_turn(broker->stores[shard]);
		if (!append.is_done)
			turn(broker);
	}
	if (!append.is_done)
		return ERR_BUSY;
	if (append.op.err)
		return append.op.err;
	if (append.op.base_offset != expected->end)
		return ERR_OFFSET_OUT_OF_RANGE;
	expected->end += count;
	return 0;
}

static inline void append(struct broker *broker, struct expected *expected, int count, size_t value_size)
{
	int err = append_now(broker, expected, count, value_size);
	cr_assert_eq(err, 0, "%s", err_name(err));
}

static inline int trim_now(struct broker *broker, struct expected *expected, int64_t offset)
{
	struct trim trim = {.op = {.done = trim_done, .offset = offset}};
	int err = partition_trim(find(broker, expected->topic, expected->index), &trim.op);
	for (int turns = 0; !err && !trim.is_done && turns < 10000; turns++) {
		for (int shard = 0; shard < SHARDS; shard++)
			store_turn(broker->stores[shard]);
		if (!trim.is_done)
			turn(broker);
	}
	err = err ? err : trim.is_done ? trim.op.err : ERR_BUSY;
	if (!err)
		expected->start = offset;
	return err;
}

static inline void let_write_behind(struct broker *broker)
{
	for (int turns = 0; turns < 300; turns++)
		turn(broker);
}
