/* A world for the tests of committed offsets: a catalog on a simulated disk, one coordinator, a clock, and the log that a host would keep:
 * every record that came out, in order. One thread; aborts the test on whatever a test cannot go on from. */
#pragma once

#include "log/catalog/catalog.h"
#include "log/io/sim.h"
#include "net/group/coordinator.h"
#include "net/group/group_record.h"
#include "tests/unit/net/group/record_log.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define WORLD_DIR "/data"
#define WORLD_CALL_ARENA ((size_t)1 << 20)
#define WORLD_START_MS 1700000000000

struct world {
	struct sim_disk *disk;
	struct io *io;
	struct broker_config *broker;
	struct catalog *catalog;
	const struct catalog_image *image;
	struct coordinator_config config;
	struct coordinator *coordinator;
	struct group_clock clock;
	struct record_log log;
	struct group_call call;        /* the one in use; its arena lives until the next */
	struct arena arena;
};

static inline struct slice text(const char *string)
{
	return (struct slice){(const uint8_t *)string, strlen(string)};
}

/* What the host does after each input. Returns the number of records that came out. */
static inline uint32_t world_flush(struct world *world)
{
	struct group_outbox *outbox = coordinator_outbox(world->coordinator);
	uint32_t count = record_log_take(&world->log, outbox);
	while (list_pop_front(&outbox->finished))
		;
	group_outbox_clear(outbox);
	return count;
}

static inline void world_open_coordinator(struct world *world)
{
	world->image = catalog_image_acquire(world->catalog);
	cr_assert_eq(coordinator_open(&world->coordinator, &world->config, world->image, 1), 0);
	record_log_load(&world->log, world->coordinator, world->clock);
}

static inline void world_close_coordinator(struct world *world)
{
	coordinator_fail_calls(world->coordinator, KERR_COORDINATOR_NOT_AVAILABLE);
	world_flush(world);
	coordinator_close(world->coordinator);
	catalog_image_release(world->image);
}

static inline void world_open(struct world *world)
{
	memset(world, 0, sizeof *world);
	world->disk = sim_disk_open(1);
	struct io_options options = {.backend = IO_SIM, .disk = world->disk, .seed = 7};
	struct catalog_report report;
	cr_assert_eq(broker_config_create(&world->broker), 0);
	cr_assert_eq(io_open(&world->io, &options), 0);
	cr_assert_eq(io_dir_make(world->io, WORLD_DIR), 0);
	cr_assert_eq(catalog_open(&world->catalog, world->io, WORLD_DIR, world->broker, &report), 0, "%s", report.why);
	coordinator_config_from(&world->config, world->broker);
	world->clock = (struct group_clock){.now_ns = 1000000000, .wall_ms = WORLD_START_MS};
	arena_init(&world->arena, NULL, 0, WORLD_CALL_ARENA);
	world_open_coordinator(world);
	world_flush(world);
}

static inline void world_close(struct world *world)
{
	world_close_coordinator(world);
	arena_fini(&world->arena);
	catalog_close(world->catalog);
	io_close(world->io);
	sim_disk_close(world->disk);
	broker_config_destroy(world->broker);
	record_log_free(&world->log);
}

/* As after a crash: another coordinator, loaded from the log. */
static inline void world_restart(struct world *world)
{
	world_close_coordinator(world);
	world_open_coordinator(world);
	world_flush(world);
}

static inline void world_set_image(struct world *world)
{
	const struct catalog_image *before = world->image;
	world->image = catalog_image_acquire(world->catalog);
	coordinator_set_image(world->coordinator, world->clock, world->image);
	catalog_image_release(before);
}

static inline void world_make_topic(struct world *world, const char *name, uint32_t partitions)
{
	int err;
	struct topic_spec spec = {.name = text(name), .partition_count = partitions};
	cr_assert_eq(catalog_create_topics(world->catalog, &spec, 1, &err), 0);
	cr_assert_eq(err, 0);
	world_set_image(world);
	world_flush(world);
}

static inline struct uuid world_topic_id(struct world *world, const char *name)
{
	const struct topic *topic = catalog_topic_by_name(world->image, text(name));
	cr_assert_not_null(topic);
	return topic->id;
}

/* Returns the number of records that this made. */
static inline uint32_t world_delete_topic(struct world *world, const char *name)
{
	int err;
	struct uuid id = world_topic_id(world, name);
	cr_assert_eq(catalog_delete_topics(world->catalog, &id, 1, &err), 0);
	cr_assert_eq(err, 0);
	world_set_image(world);
	return world_flush(world);
}

/* Time passes, and the coordinator is ticked whenever it wants to be. Returns the number of records that this made. */
static inline uint32_t world_pass(struct world *world, int64_t ms)
{
	uint32_t count = 0;
	uint64_t end_ns = world->clock.now_ns + (uint64_t)ms * 1000000;
	for (uint64_t deadline; (deadline = coordinator_deadline(world->coordinator)) <= end_ns;) {
		uint64_t step_ns = deadline > world->clock.now_ns ? deadline - world->clock.now_ns : 0;
		world->clock.now_ns += step_ns;
		world->clock.wall_ms += (int64_t)(step_ns / 1000000);
		coordinator_tick(world->coordinator, world->clock);
		count += world_flush(world);
	}
	world->clock.wall_ms += (int64_t)((end_ns - world->clock.now_ns) / 1000000);
	world->clock.now_ns = end_ns;
	return count;
}

/* A call of this version of its API; the arena of the one before is reset. */
static inline struct group_call *world_call(struct world *world, int16_t version)
{
	arena_reset(&world->arena);
	world->call = (struct group_call){.arena = &world->arena, .version = version, .client_id = text("test"), .client_host = text("/127.0.0.1")};
	return &world->call;
}

/* ---- short words for single partitions ------------------------------------------------------------------------------------------------------ */

/* What is zero is left out: version 9, no metadata, nobody's member, no retention, no leader epoch. */
struct commit_spec {
	const char *group, *topic;
	int32_t partition;
	int64_t offset;
	int16_t version;
	const char *metadata;
	const char *member;
	int32_t generation;            /* of `member` */
	int64_t retention_ms;
	int32_t leader_epoch;
	struct uuid topic_id;
};

#define COMMIT(group_, topic_, partition_, offset_, ...) \
	(&(struct commit_spec){.group = group_, .topic = topic_, .partition = partition_, .offset = offset_, __VA_ARGS__})

/* The error of the one partition. */
static inline int world_commit(struct world *world, const struct commit_spec *spec)
{
	struct kmsg_offset_commit_partition partition;
	struct kmsg_offset_commit_topic topic;
	struct kmsg_offset_commit_request in;
	struct kmsg_offset_commit_response out;
	kmsg_offset_commit_partition_init(&partition);
	kmsg_offset_commit_topic_init(&topic);
	kmsg_offset_commit_request_init(&in);
	partition.partition_index = spec->partition;
	partition.committed_offset = spec->offset;
	partition.committed_leader_epoch = spec->leader_epoch ? spec->leader_epoch : -1;
	if (spec->metadata)
		partition.committed_metadata = text(spec->metadata);
	topic.name = spec->topic ? text(spec->topic) : SLICE_EMPTY;
	topic.topic_id = spec->topic_id;
	topic.partitions.items = &partition;
	topic.partitions.count = 1;
	in.group_id = text(spec->group);
	in.generation_id_or_member_epoch = spec->member ? spec->generation : -1;
	in.member_id = spec->member ? text(spec->member) : SLICE_EMPTY;
	in.retention_time_ms = spec->retention_ms ? spec->retention_ms : -1;
	in.topics.items = &topic;
	in.topics.count = 1;
	coordinator_offset_commit(world->coordinator, world->clock, world_call(world, spec->version ? spec->version : 9), &in, &out);
	world_flush(world);
	cr_assert_eq(out.topics.count, 1);
	cr_assert_eq(out.topics.items[0].partitions.count, 1);
	cr_assert_eq(out.topics.items[0].partitions.items[0].partition_index, spec->partition);
	return out.topics.items[0].partitions.items[0].error_code;
}

/* What is committed; the answer lives until the next call. */
static inline struct kmsg_offset_fetch_group_partition_result world_fetch(struct world *world, const char *group, const char *topic_name,
									  int32_t partition)
{
	struct kmsg_offset_fetch_group_topic topic;
	struct kmsg_offset_fetch_group in;
	struct kmsg_offset_fetch_group_result out;
	kmsg_offset_fetch_group_topic_init(&topic);
	kmsg_offset_fetch_group_init(&in);
	topic.name = text(topic_name);
	topic.partition_indexes.items = &partition;
	topic.partition_indexes.count = 1;
	in.group_id = text(group);
	in.topics.items = &topic;
	in.topics.count = 1;
	coordinator_offset_fetch(world->coordinator, world->clock, world_call(world, 9), &in, true, &out);
	world_flush(world);
	cr_assert_eq(out.error_code, 0);
	cr_assert_eq(out.topics.count, 1);
	cr_assert_eq(out.topics.items[0].partitions.count, 1);
	return out.topics.items[0].partitions.items[0];
}

static inline int64_t world_offset(struct world *world, const char *group, const char *topic, int32_t partition)
{
	return world_fetch(world, group, topic, partition).committed_offset;
}
