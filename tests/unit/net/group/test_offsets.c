/* Committed offsets through the verbs of a coordinator: what is refused, what is found again (after a restart, too), what time, deleted topics and
 * OffsetDelete take, what a snapshot holds, and how memory is bounded. */
#include "kmsg_consumer_protocol.h"
#include "net/group/group_priv.h"
#include "tests/unit/net/group/offset_world.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define DAY_MS ((int64_t)24 * 3600 * 1000)
#define RETENTION_MS (7 * DAY_MS)
#define CHECK_MS 600000

static struct world *world;

static void open_world(void)
{
	world = malloc(sizeof *world);
	world_open(world);
	world_make_topic(world, "a", 4);
	world_make_topic(world, "b", 2);
}

static void close_world(void)
{
	world_close(world);
	free(world);
}

TestSuite(offsets, .init = open_world, .fini = close_world);

static uint32_t group_count(void)
{
	struct kmsg_list_groups_request in;
	struct kmsg_list_groups_group *groups;
	uint32_t count;
	kmsg_list_groups_request_init(&in);
	coordinator_list_groups(world->coordinator, world->clock, world_call(world, 5), &in, &groups, &count);
	world_flush(world);
	return count;
}

/* ---- commit and fetch ------------------------------------------------------------------------------------------------------------------------- */

/* What was committed last is found, with all that came with it, by this group alone, before and after a restart. */
Test(offsets, the_last_commit_is_found)
{
	cr_expect_eq(world_commit(world, COMMIT("g", "a", 1, 10, .metadata = "first", .leader_epoch = 3)), 0);
	cr_expect_eq(world_commit(world, COMMIT("g", "a", 1, 11, .metadata = "second", .leader_epoch = 4)), 0);
	cr_expect_eq(world_commit(world, COMMIT("g", "a", 0, 7)), 0);
	cr_expect_eq(world_commit(world, COMMIT("other", "a", 1, 99)), 0);
	for (int restarted = 0; restarted < 2; restarted++) {
		struct kmsg_offset_fetch_group_partition_result found = world_fetch(world, "g", "a", 1);
		cr_expect_eq(found.committed_offset, 11);
		cr_expect_eq(found.committed_leader_epoch, 4);
		cr_expect(found.metadata.size == 6 && memcmp(found.metadata.data, "second", 6) == 0);
		cr_expect_eq(world_offset(world, "g", "a", 0), 7);
		cr_expect_eq(world_offset(world, "other", "a", 1), 99);
		world_restart(world);
	}
}

/* What was never committed is -1, with an empty text, and no error: for an unknown group, topic and partition alike. */
Test(offsets, nothing_committed_is_minus_one)
{
	world_commit(world, COMMIT("g", "a", 1, 10));
	static const struct { const char *group, *topic; int32_t partition; } places[] = {
		{"nobody", "a", 1}, {"g", "nothing", 0}, {"g", "a", 2}, {"g", "a", -1}, {"", "", 0},
	};
	for (size_t i = 0; i < COUNT_OF(places); i++) {
		struct kmsg_offset_fetch_group_partition_result found = world_fetch(world, places[i].group, places[i].topic, places[i].partition);
		cr_expect_eq(found.committed_offset, -1, "%zu", i);
		cr_expect_eq(found.committed_leader_epoch, -1);
		cr_expect_eq(found.metadata.size, 0);
		cr_expect_not_null(found.metadata.data, "empty, not null");
		cr_expect_eq(found.error_code, 0);
	}
	cr_expect_eq(group_count(), 1, "looking makes no group");
}

static char *repeated(const char *character, int count)
{
	size_t size = strlen(character);
	char *result = malloc(size * (size_t)count + 1);
	for (int i = 0; i < count; i++)
		memcpy(result + size * (size_t)i, character, size);
	result[size * (size_t)count] = 0;
	return result;
}

/* Kafka's refusals, partition by partition. The text is measured in Java's characters: 4096 two-byte letters fit, as do 2048 emoji, and no more. */
Test(offsets, commits_are_refused_as_by_kafka)
{
	char *fits = repeated("x", 4096), *too_long = repeated("x", 4097), *wide = repeated("\xc3\xa4", 4096), *emoji = repeated("\xf0\x9f\x98\x80", 2049);
	const struct { int wanted; const struct commit_spec *spec; } cases[] = {
		{KERR_NONE, COMMIT("g", "a", 3, 1)},
		{KERR_UNKNOWN_TOPIC_OR_PARTITION, COMMIT("g", "a", 4, 1)},
		{KERR_UNKNOWN_TOPIC_OR_PARTITION, COMMIT("g", "a", -1, 1)},
		{KERR_UNKNOWN_TOPIC_OR_PARTITION, COMMIT("g", "nothing", 0, 1)},
		{KERR_UNKNOWN_TOPIC_OR_PARTITION, COMMIT("g", NULL, 0, 1)},
		{KERR_NONE, COMMIT("g", "a", 0, 1, .metadata = fits)},
		{KERR_OFFSET_METADATA_TOO_LARGE, COMMIT("g", "a", 0, 2, .metadata = too_long)},
		{KERR_NONE, COMMIT("g", "a", 0, 3, .metadata = wide)},
		{KERR_OFFSET_METADATA_TOO_LARGE, COMMIT("g", "a", 0, 4, .metadata = emoji)},
		{KERR_NONE, COMMIT("g", "a", 0, -1)},
		{KERR_NONE, COMMIT("", "a", 0, 1)},
		{KERR_NONE, COMMIT("g", "a", 0, 1, .version = 2)},
		{KERR_ILLEGAL_GENERATION, COMMIT("unknown", "a", 0, 1, .version = 8, .generation = 0, .member = "m")},
		{KERR_GROUP_ID_NOT_FOUND, COMMIT("unknown", "a", 0, 1, .version = 9, .generation = 0, .member = "m")},
		{KERR_NONE, COMMIT("g", "a", 0, 1, .generation = -1, .member = "m")},
		{KERR_UNKNOWN_MEMBER_ID, COMMIT("g", "a", 0, 1, .generation = 1, .member = "m")},
		{KERR_NONE, COMMIT("g", NULL, 2, 1, .version = 10, .topic_id = world_topic_id(world, "a"))},
		{KERR_UNKNOWN_TOPIC_OR_PARTITION, COMMIT("g", NULL, 4, 1, .version = 10, .topic_id = world_topic_id(world, "a"))},
		{KERR_UNKNOWN_TOPIC_ID, COMMIT("g", NULL, 0, 1, .version = 10, .topic_id = {{1}})},
		{KERR_UNKNOWN_TOPIC_ID, COMMIT("g", "a", 0, 1, .version = 10)},
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		uint32_t records = world->log.count;
		int got = world_commit(world, cases[i].spec);
		cr_expect_eq(got, cases[i].wanted, "case %zu: %s, not %s", i, kerr_name(got), kerr_name(cases[i].wanted));
		cr_expect_eq(world->log.count - records, got == 0 ? 1u : 0u, "case %zu: a record if it was taken", i);
	}
	cr_expect_eq(world_offset(world, "g", "a", 2), 1, "by id is by name");
	free(fits), free(too_long), free(wide), free(emoji);
}

static void init_commit(struct kmsg_offset_commit_topic *topic, const char *name, struct kmsg_offset_commit_partition *partitions, int count)
{
	kmsg_offset_commit_topic_init(topic);
	topic->name = text(name);
	topic->partitions.items = partitions;
	topic->partitions.count = count;
	for (int i = 0; i < count; i++) {
		kmsg_offset_commit_partition_init(&partitions[i]);
		partitions[i].partition_index = i;
		partitions[i].committed_offset = 100 + i;
	}
}

/* One partition's refusal does not keep the others. Topics with something unknown are answered first, and in them what is unknown. */
Test(offsets, partitions_of_a_commit_are_judged_alone)
{
	struct kmsg_offset_commit_partition of_a[2], of_b[4], of_none[1];
	struct kmsg_offset_commit_topic topics[3];
	struct kmsg_offset_commit_request in;
	struct kmsg_offset_commit_response out;
	init_commit(&topics[0], "a", of_a, 2);
	init_commit(&topics[1], "b", of_b, 4);
	init_commit(&topics[2], "none", of_none, 1);
	kmsg_offset_commit_request_init(&in);
	in.group_id = text("g");
	in.topics.items = topics;
	in.topics.count = 3;
	coordinator_offset_commit(world->coordinator, world->clock, world_call(world, 8), &in, &out);
	cr_expect_eq(world_flush(world), 4);
	cr_assert_eq(out.topics.count, 3);
	static const struct { const char *topic; int count; int partitions[4], errors[4]; } wanted[] = {
		{"b", 4, {2, 3, 0, 1}, {3, 3, 0, 0}}, {"none", 1, {0}, {3}}, {"a", 2, {0, 1}, {0, 0}},
	};
	for (int i = 0; i < 3; i++) {
		cr_expect(out.topics.items[i].name.size == strlen(wanted[i].topic) && !memcmp(out.topics.items[i].name.data, wanted[i].topic, 1));
		cr_assert_eq(out.topics.items[i].partitions.count, wanted[i].count);
		for (int k = 0; k < wanted[i].count; k++) {
			cr_expect_eq(out.topics.items[i].partitions.items[k].partition_index, wanted[i].partitions[k]);
			cr_expect_eq(out.topics.items[i].partitions.items[k].error_code, wanted[i].errors[k]);
		}
	}
	cr_expect_eq(world_offset(world, "g", "b", 1), 101);
}

/* Everything a group has committed, by name and by id. */
Test(offsets, all_of_a_group_are_fetched)
{
	for (int partition = 3; partition >= 0; partition--)
		world_commit(world, COMMIT("g", "a", partition, 10 + partition));
	world_commit(world, COMMIT("g", "b", 0, 20, .metadata = "m"));
	for (int16_t version = 8; version <= 10; version++) {
		struct kmsg_offset_fetch_group in;
		struct kmsg_offset_fetch_group_result out;
		struct uuid id = world_topic_id(world, "b");
		kmsg_offset_fetch_group_init(&in);
		in.group_id = text("g");
		coordinator_offset_fetch(world->coordinator, world->clock, world_call(world, version), &in, true, &out);
		world_flush(world);
		cr_assert_eq(out.topics.count, 2);
		cr_assert_eq(out.topics.items[0].partitions.count, 4);
		cr_assert_eq(out.topics.items[1].partitions.count, 1);
		for (int i = 0; i < 4; i++)
			cr_expect_eq(out.topics.items[0].partitions.items[i].committed_offset, 10 + i);
		cr_expect(uuid_equal(&out.topics.items[1].topic_id, &id));
		cr_expect_eq(out.topics.items[1].partitions.items[0].metadata.size, 1);
	}
}

/* By id: what is asked for is answered first, unknown ids last. */
Test(offsets, some_of_a_group_are_fetched_by_id)
{
	int32_t zero = 0;
	struct kmsg_offset_fetch_group_topic topics[3];
	struct kmsg_offset_fetch_group in;
	struct kmsg_offset_fetch_group_result out;
	world_commit(world, COMMIT("g", "b", 0, 20));
	for (int i = 0; i < 3; i++) {
		kmsg_offset_fetch_group_topic_init(&topics[i]);
		topics[i].partition_indexes.items = &zero;
		topics[i].partition_indexes.count = 1;
	}
	topics[0].topic_id = (struct uuid){{9}};
	topics[1].topic_id = world_topic_id(world, "b");
	topics[2].topic_id = world_topic_id(world, "a");
	kmsg_offset_fetch_group_init(&in);
	in.group_id = text("g");
	in.topics.items = topics;
	in.topics.count = 3;
	coordinator_offset_fetch(world->coordinator, world->clock, world_call(world, 10), &in, true, &out);
	world_flush(world);
	cr_assert_eq(out.topics.count, 3);
	static const struct { int error, offset; } wanted[] = {{0, 20}, {0, -1}, {KERR_UNKNOWN_TOPIC_ID, -1}};
	for (int i = 0; i < 3; i++) {
		cr_expect(uuid_equal(&out.topics.items[i].topic_id, &topics[(i + 1) % 3].topic_id));
		cr_expect_eq(out.topics.items[i].partitions.items[0].error_code, wanted[i].error);
		cr_expect_eq(out.topics.items[i].partitions.items[0].committed_offset, wanted[i].offset);
	}
}

/* ---- against a model ---------------------------------------------------------------------------------------------------------------------------- */

#define MODEL_GROUPS 3
#define MODEL_TOPICS 40
#define MODEL_PARTITIONS 9

static int64_t model[MODEL_GROUPS][MODEL_TOPICS][MODEL_PARTITIONS];

static int delete_offset(const char *group, const char *topic_name, int32_t partition_index, int *group_error)
{
	struct kmsg_offset_delete_partition partition;
	struct kmsg_offset_delete_topic topic;
	struct kmsg_offset_delete_request in;
	struct kmsg_offset_delete_response out;
	kmsg_offset_delete_partition_init(&partition);
	kmsg_offset_delete_topic_init(&topic);
	kmsg_offset_delete_request_init(&in);
	partition.partition_index = partition_index;
	topic.name = text(topic_name);
	topic.partitions.items = &partition;
	topic.partitions.count = 1;
	in.group_id = text(group);
	in.topics.items = &topic;
	in.topics.count = 1;
	coordinator_offset_delete(world->coordinator, world->clock, world_call(world, 0), &in, &out);
	world_flush(world);
	*group_error = out.error_code;
	return out.topics.count ? out.topics.items[0].partitions.items[0].error_code : -1;
}

static void expect_model(const char *when)
{
	for (int g = 0; g < MODEL_GROUPS; g++)
		for (int t = 0; t < MODEL_TOPICS; t++)
			for (int p = 0; p < MODEL_PARTITIONS; p++) {
				char group[20], topic[20];
				snprintf(group, sizeof group, "group-%d", g);
				snprintf(topic, sizeof topic, "topic-%d", t);
				cr_assert_eq(world_offset(world, group, topic, p), model[g][t][p], "%s: %s %s %d", when, group, topic, p);
			}
}

static void make_model(uint32_t *dice, int steps)
{
	for (int i = 0; i < steps; i++) {
		*dice = *dice * 1664525 + 1013904223;
		int g = (int)(*dice >> 8) % MODEL_GROUPS, t = (int)(*dice >> 12) % MODEL_TOPICS, p = (int)(*dice >> 20) % MODEL_PARTITIONS, ignored;
		char group[20], topic[20];
		snprintf(group, sizeof group, "group-%d", g);
		snprintf(topic, sizeof topic, "topic-%d", t);
		bool deletes = *dice % 4 == 0;
		if (deletes)
			delete_offset(group, topic, p, &ignored);
		else
			cr_assert_eq(world_commit(world, COMMIT(group, topic, p, i, .metadata = *dice % 3 ? "some text" : NULL)), 0);
		model[g][t][p] = deletes ? -1 : i;
	}
}

/* Thousands of commits and deletions in any order: each offset is what was last done to it, now, after a restart, and after a start from a
 * snapshot alone. */
Test(offsets, any_history_is_kept)
{
	uint32_t dice = 42;
	memset(model, -1, sizeof model);
	for (int t = 0; t < MODEL_TOPICS; t++) {
		char topic[20];
		snprintf(topic, sizeof topic, "topic-%d", t);
		world_make_topic(world, topic, MODEL_PARTITIONS);
	}
	make_model(&dice, 4000);
	expect_model("at once");
	world_restart(world);
	expect_model("after a restart");
	make_model(&dice, 300);

	uint64_t foretold = coordinator_state_size(world->coordinator), bytes = 0;
	uint32_t before = world->log.count;
	coordinator_snapshot_begin(world->coordinator);
	while (coordinator_snapshot_next(world->coordinator))
		world_flush(world);
	world_flush(world);
	for (uint32_t i = before; i < world->log.count; i++)
		bytes += world->log.records[i].key.size + world->log.records[i].value.size;
	cr_expect(foretold > bytes / 2 && foretold < bytes * 3, "%llu foretold, %llu written", (unsigned long long)foretold,
		  (unsigned long long)bytes);
	record_log_trim(&world->log, before);
	world_restart(world);
	expect_model("from the snapshot");
}

/* ---- what takes offsets away ---------------------------------------------------------------------------------------------------------------- */

/* A group of nobody: each offset lives for the retention since its commit, then it goes, and with the last the group. */
Test(offsets, offsets_of_nobody_expire_by_their_commit)
{
	world_commit(world, COMMIT("g", "a", 0, 1));
	world_pass(world, DAY_MS);
	world_commit(world, COMMIT("g", "a", 1, 2));
	cr_expect_eq(world_pass(world, RETENTION_MS - DAY_MS - CHECK_MS), 0);
	cr_expect_eq(world_offset(world, "g", "a", 0), 1, "not a moment too early");
	cr_expect_eq(world_pass(world, 3 * CHECK_MS), 1);
	cr_expect_eq(world_offset(world, "g", "a", 0), -1);
	cr_expect_eq(world_offset(world, "g", "a", 1), 2);
	world_restart(world);
	cr_expect_eq(world_offset(world, "g", "a", 0), -1, "for good");
	cr_expect_eq(group_count(), 1);
	world_pass(world, DAY_MS + CHECK_MS);
	cr_expect_eq(world_offset(world, "g", "a", 1), -1);
	cr_expect_eq(group_count(), 0);
	world_restart(world);
	cr_expect_eq(group_count(), 0);
}

/* A wall clock that is not believed yet lets nothing go, nor does it once it is back; one that is believed does. */
Test(offsets, a_doubtful_clock_lets_nothing_go)
{
	world_commit(world, COMMIT("g", "a", 0, 1));
	world_commit(world, COMMIT("g", "a", 1, 2, .version = 3, .retention_ms = DAY_MS));
	world->clock.wall_ms += 30 * DAY_MS;
	world->clock.doubt_ms = 30 * DAY_MS;
	cr_expect_eq(world_pass(world, 3 * CHECK_MS), 0);
	world_restart(world);
	cr_expect_eq(world_pass(world, 3 * CHECK_MS), 0);
	cr_expect_eq(world_offset(world, "g", "a", 0), 1);
	cr_expect_eq(world_offset(world, "g", "a", 1), 2);
	world->clock.doubt_ms = 0;
	world_pass(world, 3 * CHECK_MS);
	cr_expect_eq(world_offset(world, "g", "a", 0), -1);
	cr_expect_eq(group_count(), 0);
}

/* A retention of the commit's own (versions 2 to 4) holds whatever the broker's is, after a restart, too. */
Test(offsets, a_commit_can_bring_its_own_retention)
{
	world_commit(world, COMMIT("g", "a", 0, 1, .version = 3, .retention_ms = 2 * DAY_MS));
	world_commit(world, COMMIT("g", "a", 1, 2, .version = 3, .retention_ms = 20 * DAY_MS));
	world_pass(world, 2 * DAY_MS - CHECK_MS);
	world_restart(world);
	cr_expect_eq(world_offset(world, "g", "a", 0), 1);
	world_pass(world, 2 * CHECK_MS);
	cr_expect_eq(world_offset(world, "g", "a", 0), -1);
	world_pass(world, 17 * DAY_MS);
	cr_expect_eq(world_offset(world, "g", "a", 1), 2);
	world_pass(world, 2 * DAY_MS);
	cr_expect_eq(world_offset(world, "g", "a", 1), -1);
}

/* A deleted topic takes its offsets with it, in all groups; one of the same name that comes after begins without. */
Test(offsets, a_deleted_topic_takes_its_offsets)
{
	world_commit(world, COMMIT("g", "a", 0, 1));
	world_commit(world, COMMIT("g", "b", 0, 2));
	world_commit(world, COMMIT("h", "b", 1, 3));
	world_commit(world, COMMIT("h", "b", 0, 4, .version = 3, .retention_ms = DAY_MS));
	cr_expect_eq(world_delete_topic(world, "b"), 3);
	world_make_topic(world, "b", 2);
	for (int restarted = 0; restarted < 2; restarted++) {
		cr_expect_eq(world_offset(world, "g", "a", 0), 1);
		cr_expect_eq(world_offset(world, "g", "b", 0), -1);
		cr_expect_eq(world_offset(world, "h", "b", 1), -1);
		cr_expect_eq(world_offset(world, "h", "b", 0), -1);
		world_restart(world);
	}
}

/* The same when the topic was deleted, or replaced, while the coordinator was not there. */
Test(offsets, a_topic_that_went_unseen_takes_its_offsets)
{
	int err;
	world_commit(world, COMMIT("g", "a", 0, 1));
	world_commit(world, COMMIT("g", "b", 0, 2));
	struct uuid id = world_topic_id(world, "b");
	world_close_coordinator(world);
	cr_assert_eq(catalog_delete_topics(world->catalog, &id, 1, &err), 0);
	struct topic_spec spec = {.name = text("b"), .partition_count = 2};
	cr_assert_eq(catalog_create_topics(world->catalog, &spec, 1, &err), 0);
	world_open_coordinator(world);
	cr_expect_eq(world_flush(world), 1, "its tombstone is written");
	cr_expect_eq(world_offset(world, "g", "a", 0), 1);
	cr_expect_eq(world_offset(world, "g", "b", 0), -1);
}

/* OffsetDelete: the codes, and that it is for good. */
Test(offsets, offsets_are_deleted_on_demand)
{
	int group_error;
	world_commit(world, COMMIT("g", "a", 0, 1));
	cr_expect_eq(delete_offset("nobody", "a", 0, &group_error), -1);
	cr_expect_eq(group_error, KERR_GROUP_ID_NOT_FOUND);
	cr_expect_eq(delete_offset("g", "a", 9, &group_error), KERR_UNKNOWN_TOPIC_OR_PARTITION);
	cr_expect_eq(delete_offset("g", "nothing", 0, &group_error), KERR_UNKNOWN_TOPIC_OR_PARTITION);
	cr_expect_eq(delete_offset("g", "a", 1, &group_error), 0, "nothing there is no error");
	cr_expect_eq(delete_offset("g", "a", 0, &group_error), 0);
	cr_expect_eq(group_error, 0);
	world_restart(world);
	cr_expect_eq(world_offset(world, "g", "a", 0), -1);
}

/* ---- a group with a member ---------------------------------------------------------------------------------------------------------------------- */

struct membership {
	struct arena arena;            /* of the calls: their answers live on */
	struct slice member_id;
	int32_t generation;
};

/* Joins a classic group as its only member, subscribed to `topic`, and syncs. */
static void join(struct membership *membership, const char *group, const char *topic)
{
	struct slice name = text(topic);
	struct kmsg_consumer_protocol_subscription subscription;
	kmsg_consumer_protocol_subscription_init(&subscription);
	subscription.topics.items = &name;
	subscription.topics.count = 1;
	uint8_t metadata[200] = {0};
	struct writer writer = writer_into(metadata, sizeof metadata);
	writer_int16(&writer, 0);
	kmsg_consumer_protocol_subscription_encode(&writer, 0, &subscription);

	struct kmsg_join_group_protocol protocol = {.name = text("range"), .metadata = {metadata, writer.position}};
	struct kmsg_join_group_request in;
	struct kmsg_join_group_response out;
	kmsg_join_group_request_init(&in);
	in.group_id = text(group);
	in.session_timeout_ms = 1800000;
	in.rebalance_timeout_ms = 60000;
	in.protocol_type = text("consumer");
	in.protocols.items = &protocol;
	in.protocols.count = 1;
	in.member_id = SLICE_EMPTY;
	arena_init(&membership->arena, NULL, 0, WORLD_CALL_ARENA);
	struct group_call call = {.arena = &membership->arena, .version = 3, .client_id = text("c"), .client_host = text("/h")};
	coordinator_join_group(world->coordinator, world->clock, &call, &in, &out);
	world_flush(world);
	world_pass(world, 10000);
	cr_assert_eq(out.error_code, 0);
	membership->member_id = out.member_id;
	membership->generation = out.generation_id;

	struct kmsg_sync_group_request sync;
	struct kmsg_sync_group_response synced;
	kmsg_sync_group_request_init(&sync);
	sync.group_id = text(group);
	sync.generation_id = membership->generation;
	sync.member_id = membership->member_id;
	struct group_call sync_call = {.arena = &membership->arena, .version = 3, .client_id = text("c"), .client_host = text("/h")};
	coordinator_sync_group(world->coordinator, world->clock, &sync_call, &sync, &synced);
	world_flush(world);
	cr_assert_eq(synced.error_code, 0);
}

static int heartbeat(const struct membership *membership, const char *group)
{
	struct kmsg_heartbeat_request in;
	struct kmsg_heartbeat_response out;
	kmsg_heartbeat_request_init(&in);
	in.group_id = text(group);
	in.generation_id = membership->generation;
	in.member_id = membership->member_id;
	coordinator_heartbeat(world->coordinator, world->clock, world_call(world, 3), &in, &out);
	world_flush(world);
	return out.error_code;
}

/* A member commits with its generation and nobody else can; OffsetDelete spares what it reads; of a group that lives, offsets of topics it does not
 * read expire, those it reads never do; once it is empty, they live for the retention from then on, not from their commit. */
Test(offsets, a_member_keeps_what_it_reads)
{
	struct membership member;
	char member_id[200] = {0};
	int group_error;
	world_commit(world, COMMIT("g", "b", 0, 5));
	join(&member, "g", "a");
	memcpy(member_id, member.member_id.data, member.member_id.size);
	cr_expect_eq(world_commit(world, COMMIT("g", "a", 0, 1)), KERR_UNKNOWN_MEMBER_ID);
	cr_expect_eq(world_commit(world, COMMIT("g", "a", 0, 1, .generation = member.generation, .member = "x")), KERR_UNKNOWN_MEMBER_ID);
	cr_expect_eq(world_commit(world, COMMIT("g", "a", 0, 1, .generation = member.generation + 1, .member = member_id)), KERR_ILLEGAL_GENERATION);
	cr_expect_eq(world_commit(world, COMMIT("g", "a", 0, 1, .generation = member.generation, .member = member_id)), 0);
	cr_expect_eq(delete_offset("g", "a", 0, &group_error), KERR_GROUP_SUBSCRIBED_TO_TOPIC);
	for (int64_t ms = 0; ms < RETENTION_MS + DAY_MS; ms += CHECK_MS) {
		world_pass(world, CHECK_MS);
		cr_assert_eq(heartbeat(&member, "g"), 0);
	}
	cr_expect_eq(world_offset(world, "g", "b", 0), -1);
	cr_expect_eq(world_offset(world, "g", "a", 0), 1);
	world_pass(world, 1800000 + RETENTION_MS - CHECK_MS);
	cr_expect_eq(heartbeat(&member, "g"), KERR_UNKNOWN_MEMBER_ID, "its session is over");
	cr_expect_eq(world_offset(world, "g", "a", 0), 1);
	world_pass(world, 3 * CHECK_MS);
	cr_expect_eq(world_offset(world, "g", "a", 0), -1);
	cr_expect_eq(group_count(), 0);
	arena_fini(&member.arena);
}

/* ---- bounds --------------------------------------------------------------------------------------------------------------------------------------- */

/* Past the bound, new offsets are refused with an error that clients retry, and what is there stays and can still be moved. */
Test(offsets, memory_is_bounded)
{
	int refused = 0;
	world->config.memory_bytes_max = 64 << 10;
	world_restart(world);
	world_make_topic(world, "many", 10000);
	for (int i = 0; i < 4000 && !refused; i++) {
		refused = world_commit(world, COMMIT("g", "many", i, i));
		cr_assert(refused || i < 3999, "it was never refused");
	}
	cr_expect_eq(refused, KERR_COORDINATOR_NOT_AVAILABLE);
	cr_expect_leq(world->coordinator->memory_bytes, 64u << 10);
	cr_expect_eq(world_commit(world, COMMIT("g", "many", 0, 77)), 0);
	cr_expect_eq(world_offset(world, "g", "many", 0), 77);
	world_restart(world);
	cr_expect_eq(world_offset(world, "g", "many", 0), 77, "what is in the log is loaded, whatever the bound");
}

/* An answer that does not fit the call's memory is said to be so. */
Test(offsets, an_answer_without_room_is_said)
{
	for (int partition = 0; partition < 4; partition++)
		world_commit(world, COMMIT("g", "a", partition, 1, .metadata = "some text that takes room"));
	for (size_t room = 16; room < 600; room += 16) {
		uint8_t memory[600];
		struct arena arena;
		struct kmsg_offset_fetch_group in;
		struct kmsg_offset_fetch_group_result out;
		arena_init(&arena, memory, room, room);
		struct group_call call = {.arena = &arena, .version = 9};
		kmsg_offset_fetch_group_init(&in);
		in.group_id = text("g");
		coordinator_offset_fetch(world->coordinator, world->clock, &call, &in, false, &out);
		world_flush(world);
		cr_expect(call.is_out_of_memory || (out.topics.count == 1 && out.topics.items[0].partitions.count == 4), "room %zu", room);
		arena_fini(&arena);
	}
}
