/* Metadata and topic ids as clients rely on them. */
#include "quirk_fixture.h"

#include "kmsg_create_topics.h"
#include "kmsg_delete_topics.h"
#include "kmsg_offset_for_leader_epoch.h"

static struct kmsg_metadata_response metadata(struct client *client, int version, const char *name, const struct uuid *id, bool may_create)
{
	struct kmsg_metadata_topic topic = {.name = slice_from(name)};
	struct kmsg_metadata_request in;
	struct kmsg_metadata_response out;
	kmsg_metadata_request_init(&in);
	if (id)
		topic.topic_id = *id;
	in.topics.items = &topic;
	in.topics.count = 1;
	in.allow_auto_topic_creation = may_create;
	client_call(client, "metadata", version, &in, &out);
	return out;
}

/* Every id that an answer names is among its brokers, at the address clients shall use: the advertised one. Nothing is told that was not
 * asked for; epochs are real, nobody is offline. */
Test(topics, metadata_is_complete)
{
	struct quirk quirk;
	broker_configure(&quirk.broker, 1, (const char *const[]){"node.id", "5", NULL});
	quirk.broker.options.advertised_host = "log.example";
	quirk.broker.options.advertised_port = 9999;
	char why[256];
	cr_assert_eq(broker_try_start(&quirk.broker, why, sizeof why), 0, "%s", why);
	client_open(&quirk.client, &quirk.broker);
	make_topic(&quirk.client, "t", 1);
	for (int version = 0; version <= 13; version++) {
		struct kmsg_metadata_response out = metadata(&quirk.client, version, "t", NULL, false);
		cr_assert_eq(out.brokers.count, 1);
		cr_expect_eq(out.brokers.items[0].node_id, 5);
		cr_expect(slice_equal(out.brokers.items[0].host, slice_from("log.example")));
		cr_expect_eq(out.brokers.items[0].port, 9999);
		cr_expect_eq(out.controller_id, version >= 1 ? 5 : -1, "version %d", version);
		cr_expect_eq(out.cluster_authorized_operations, INT32_MIN);
		const struct kmsg_metadata_topic_result *topic = &out.topics.items[0];
		const struct kmsg_metadata_partition *partition = &topic->partitions.items[0];
		cr_expect_eq(topic->error_code, 0);
		cr_expect_eq(topic->topic_authorized_operations, INT32_MIN, "version %d", version);
		cr_expect_eq(uuid_is_zero(&topic->topic_id), version < 10, "version %d", version);
		cr_expect_eq(partition->leader_id, 5);
		cr_expect_eq(partition->leader_epoch, version >= 7 ? 0 : -1, "version %d", version);
		cr_expect(partition->isr_nodes.count == 1 && partition->isr_nodes.items[0] == 5);
		cr_expect_eq(partition->offline_replicas.count, 0);
	}
	quirk_close(&quirk);
}

/* Without leave nothing is created, in any version that can say so; versions before 4 always have leave. With leave the topic is there in the
 * same answer. */
Test(topics, creation_needs_leave)
{
	struct quirk quirk;
	quirk_open(&quirk, 2, NULL);
	for (int version = 4; version <= 13; version++)
		cr_expect_eq(metadata(&quirk.client, version, "t", NULL, false).topics.items[0].error_code, KERR_UNKNOWN_TOPIC_OR_PARTITION, "version %d", version);
	for (int version = 0; version <= 13; version++) {
		char name[32];
		snprintf(name, sizeof name, "made-%d", version);
		struct kmsg_metadata_response out = metadata(&quirk.client, version, name, NULL, true);
		cr_expect_eq(out.topics.items[0].error_code, 0, "version %d", version);
		cr_expect_eq(out.topics.items[0].partitions.count, 1, "version %d", version);
		cr_expect_eq(produce(&quirk.client, 9, name, NULL, 0, 1), KERR_NONE, "version %d", version);
	}
	quirk_close(&quirk);
}

static void delete_topic(struct client *client, const char *name)
{
	struct slice names[] = {slice_from(name)};
	struct kmsg_delete_topics_request in;
	struct kmsg_delete_topics_response out;
	kmsg_delete_topics_request_init(&in);
	in.topic_names.items = names;
	in.topic_names.count = 1;
	client_call(client, "delete_topics", 5, &in, &out);
	cr_assert_eq(out.responses.items[0].error_code, 0);
}

/* KIP-516: a topic made anew under a name has another id, and who still holds the old one is told so instead of writing to or reading from
 * the new topic. Unknown and zero ids have the same answer. */
Test(topics, an_old_id_is_unknown)
{
	struct quirk quirk;
	struct fetch_call call;
	quirk_open(&quirk, 2, NULL);
	struct uuid old = make_topic(&quirk.client, "t", 1), none = {{0}};
	delete_topic(&quirk.client, "t");
	struct uuid new = make_topic(&quirk.client, "t", 1);
	cr_expect(!uuid_equal(&old, &new));
	const struct {
		const struct uuid *id;
		enum kerr error;
	} rows[] = {{&new, KERR_NONE}, {&old, KERR_UNKNOWN_TOPIC_ID}, {&none, KERR_UNKNOWN_TOPIC_ID}};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		cr_expect_eq(produce(&quirk.client, 13, "", rows[i].id, 0, 1), rows[i].error, "produce, row %zu", i);
		for (int version = 13; version <= 18; version++) {
			fetch_prepare(&call, "", rows[i].id, 0, 0);
			cr_expect_eq(fetch_run(&call, &quirk.client, version).error_code, rows[i].error, "fetch %d, row %zu", version, i);
			cr_expect(uuid_equal(&call.out.responses.items[0].topic_id, rows[i].id), "the answer is under the id asked for");
		}
	}
	cr_expect_eq(metadata(&quirk.client, 12, NULL, &old, false).topics.items[0].error_code, KERR_UNKNOWN_TOPIC_ID);
	struct kmsg_metadata_response out = metadata(&quirk.client, 12, NULL, &new, false);
	cr_expect(slice_equal(out.topics.items[0].name, slice_from("t")));
	quirk_close(&quirk);
}

/* A negative partition is unknown, not a crash nor partition 0 (redpanda #23301). */
Test(topics, negative_partitions_are_unknown)
{
	struct quirk quirk;
	struct fetch_call call;
	quirk_open(&quirk, 2, NULL);
	make_topic(&quirk.client, "t", 1);
	static const int32_t numbers[] = {-1, INT32_MIN, INT32_MAX, 1};
	for (size_t i = 0; i < COUNT_OF(numbers); i++) {
		cr_expect_eq(produce(&quirk.client, 9, "t", NULL, numbers[i], 1), KERR_UNKNOWN_TOPIC_OR_PARTITION);
		fetch_prepare(&call, "t", NULL, numbers[i], 0);
		cr_expect_eq(fetch_run(&call, &quirk.client, 12).error_code, KERR_UNKNOWN_TOPIC_OR_PARTITION);
		cr_expect_eq(list_offset(&quirk.client, 7, "t", numbers[i], -1).error_code, KERR_UNKNOWN_TOPIC_OR_PARTITION);
		struct kmsg_offset_for_leader_epoch_partition asked = {.partition = numbers[i], .current_leader_epoch = -1};
		struct kmsg_offset_for_leader_epoch_topic topic = {.topic = slice_from("t"), .partitions = {&asked, 1}};
		struct kmsg_offset_for_leader_epoch_request in = {.replica_id = -2, .topics = {&topic, 1}};
		struct kmsg_offset_for_leader_epoch_response out;
		client_call(&quirk.client, "offset_for_leader_epoch", 2, &in, &out);
		cr_expect_eq(out.topics.items[0].partitions.items[0].error_code, KERR_UNKNOWN_TOPIC_OR_PARTITION);
	}
	quirk_close(&quirk);
}
