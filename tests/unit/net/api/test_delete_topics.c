/* DeleteTopics against a broker: by name, by id, twice, unknown; and that what is gone is gone for everybody. */
#include "admin_fixture.h"

#include "kmsg_delete_topics.h"
#include "kmsg_fetch.h"

static struct kmsg_delete_topics_response delete(struct client *client, const struct kmsg_delete_topics_topic *topics, int count)
{
	struct kmsg_delete_topics_request in;
	struct kmsg_delete_topics_response out;
	kmsg_delete_topics_request_init(&in);
	in.topics.items = (struct kmsg_delete_topics_topic *)topics;
	in.topics.count = count;
	client_call(client, "delete_topics", 6, &in, &out);
	return out;
}

static struct kmsg_delete_topics_response delete_names(struct client *client, int version, const char *const *names, int count)
{
	struct slice slices[8];
	struct kmsg_delete_topics_request in;
	struct kmsg_delete_topics_response out;
	kmsg_delete_topics_request_init(&in);
	for (int i = 0; i < count; i++)
		slices[i] = slice_from(names[i]);
	in.topic_names.items = slices;
	in.topic_names.count = count;
	client_call(client, "delete_topics", version, &in, &out);
	return out;
}

#define BY_NAME(text) {.name = {(const uint8_t *)(text), sizeof(text) - 1}}
#define UNKNOWN_ID {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}}

/* What is refused, in Kafka's words, and deletes nothing. */
Test(delete_topics, refusals)
{
	struct admin admin;
	admin_open(&admin, NULL);
	struct uuid id = create_topic(&admin.client, "stays", 1, NULL);
	const struct {
		const char *what;
		struct kmsg_delete_topics_topic topics[2];
		int count, answers;
		enum kerr error;
		const char *message;
	} cases[] = {
		{"unknown name", {BY_NAME("nope")}, 1, 1, KERR_UNKNOWN_TOPIC_OR_PARTITION, "This server does not host this topic-partition."},
		{"a name that is not allowed", {BY_NAME("a b")}, 1, 1, KERR_UNKNOWN_TOPIC_OR_PARTITION, "This server does not host this topic-partition."},
		{"empty name", {BY_NAME("")}, 1, 1, KERR_UNKNOWN_TOPIC_OR_PARTITION, "This server does not host this topic-partition."},
		{"unknown id", {{.topic_id = UNKNOWN_ID}}, 1, 1, KERR_UNKNOWN_TOPIC_ID, "This server does not host this topic ID."},
		{"name and id", {{.name = slice_from("stays"), .topic_id = id}}, 1, 1, KERR_INVALID_REQUEST, "You may not specify both topic name and topic id."},
		{"neither", {{.name = {0}}}, 1, 1, KERR_INVALID_REQUEST, "Neither topic name nor id were specified."},
		{"a name twice", {BY_NAME("stays"), BY_NAME("stays")}, 2, 1, KERR_INVALID_REQUEST, "Duplicate topic name."},
		{"an unknown name twice", {BY_NAME("nope"), BY_NAME("nope")}, 2, 1, KERR_INVALID_REQUEST, "Duplicate topic name."},
		{"an id twice", {{.topic_id = id}, {.topic_id = id}}, 2, 1, KERR_INVALID_REQUEST, "Duplicate topic id."},
		{"its name and its id", {BY_NAME("stays"), {.topic_id = id}}, 2, 2, KERR_INVALID_REQUEST,
		 "The provided topic name maps to an ID that was already supplied."},
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct kmsg_delete_topics_response out = delete(&admin.client, cases[i].topics, cases[i].count);
		cr_expect_eq(out.responses.count, cases[i].answers, "%s: %d answers", cases[i].what, out.responses.count);
		for (int32_t r = 0; r < out.responses.count; r++)
			check_outcome(cases[i].what, cases[i].error, cases[i].message, out.responses.items[r].error_code, out.responses.items[r].error_message);
	}
	cr_expect_eq(partitions_of(&admin.other, "stays"), 1);
	admin_close(&admin);
}

/* By name and by id in one request: each answer tells both, what failed is told beside what went, and nobody sees the topics any more. */
Test(delete_topics, by_name_and_by_id)
{
	struct admin admin;
	admin_open(&admin, NULL);
	struct uuid one = create_topic(&admin.client, "one", 3, NULL), two = create_topic(&admin.client, "two", 2, NULL);
	const struct kmsg_delete_topics_topic topics[] = {BY_NAME("one"), {.topic_id = two}, BY_NAME("nope")};
	struct kmsg_delete_topics_response out = delete(&admin.client, topics, 3);
	cr_assert_eq(out.responses.count, 3);
	cr_expect_eq(out.responses.items[0].error_code, 0);
	cr_expect(uuid_equal(&out.responses.items[0].topic_id, &one));
	cr_expect_eq(out.responses.items[1].error_code, 0);
	cr_expect_str_eq(text_of(out.responses.items[1].name), "two");
	cr_expect_eq(out.responses.items[2].error_code, KERR_UNKNOWN_TOPIC_OR_PARTITION);
	cr_expect_eq(partitions_of(&admin.other, "one"), 0);
	cr_expect_eq(partitions_of(&admin.other, "two"), 0);
	admin_close(&admin);
}

/* A topic made anew under the name has another id and none of the records. */
Test(delete_topics, a_name_can_be_used_again)
{
	struct admin admin;
	admin_open(&admin, NULL);
	struct uuid before = create_topic(&admin.client, "again", 1, NULL);
	produce_tens(&admin.client, "again", 2);
	const struct kmsg_delete_topics_topic topics[] = {BY_NAME("again")};
	cr_assert_eq(delete(&admin.client, topics, 1).responses.items[0].error_code, 0);
	struct uuid after = create_topic(&admin.other, "again", 1, NULL);
	cr_expect(!uuid_equal(&before, &after));
	uint8_t memory[4096];
	struct produce_one one;
	struct kmsg_produce_response out;
	client_call(&admin.client, "produce", 9, produce_one(&one, "again", 0, -1, make_batch(memory, sizeof memory, 1, 1)), &out);
	cr_expect_eq(produce_result(&out).base_offset, 0);
	admin_close(&admin);
}

/* Versions 1 to 5 name topics; the sentence came with version 5. */
Test(delete_topics, older_versions)
{
	struct admin admin;
	admin_open(&admin, NULL);
	for (int version = 1; version <= 5; version++) {
		static const char *const names[] = {"t", "nope"};
		create_topic(&admin.client, "t", 1, NULL);
		struct kmsg_delete_topics_response out = delete_names(&admin.client, version, names, 2);
		cr_assert_eq(out.responses.count, 2, "version %d", version);
		cr_expect_eq(out.responses.items[0].error_code, 0, "version %d", version);
		cr_expect_eq(out.responses.items[1].error_code, KERR_UNKNOWN_TOPIC_OR_PARTITION, "version %d", version);
		cr_expect_eq(out.responses.items[1].error_message.data != NULL, version >= 5, "version %d", version);
		cr_expect_eq(partitions_of(&admin.other, "t"), 0, "version %d", version);
	}
	admin_close(&admin);
}

/* delete.topic.enable=false: an error of its own, which versions before 3 do not know. */
Test(delete_topics, switched_off)
{
	static const char *const settings[] = {"delete.topic.enable", "false", NULL}, *const names[] = {"t"};
	struct admin admin;
	admin_open(&admin, settings);
	create_topic(&admin.client, "t", 1, NULL);
	for (int version = 1; version <= 5; version++) {
		struct kmsg_delete_topics_response out = delete_names(&admin.client, version, names, 1);
		cr_expect_eq(out.responses.items[0].error_code, version < 3 ? KERR_INVALID_REQUEST : KERR_TOPIC_DELETION_DISABLED, "version %d", version);
	}
	cr_expect_eq(partitions_of(&admin.client, "t"), 1);
	admin_close(&admin);
}

/* What is deleted stays deleted. */
Test(delete_topics, survives_a_restart)
{
	struct admin admin;
	admin_open(&admin, NULL);
	create_topic(&admin.client, "gone", 2, NULL);
	produce_tens(&admin.client, "gone", 1);
	const struct kmsg_delete_topics_topic topics[] = {BY_NAME("gone")};
	cr_assert_eq(delete(&admin.client, topics, 1).responses.items[0].error_code, 0);
	client_close(&admin.client);
	client_close(&admin.other);
	broker_restart(&admin.broker);
	client_open(&admin.client, &admin.broker);
	client_open(&admin.other, &admin.broker);
	cr_expect_eq(partitions_of(&admin.client, "gone"), 0);
	admin_close(&admin);
}

/* A fetch that waits at the end of a topic's log is answered when the topic goes, with an error that makes the client look for it anew. */
Test(delete_topics, ends_a_waiting_fetch)
{
	static const struct kmsg_delete_topics_topic topics[] = {BY_NAME("t")};
	struct kmsg_fetch_partition partition;
	struct kmsg_fetch_topic topic;
	struct kmsg_fetch_request in;
	struct kmsg_fetch_response out;
	struct admin admin;
	admin_open(&admin, NULL);
	kmsg_fetch_request_init(&in);
	kmsg_fetch_topic_init(&topic);
	kmsg_fetch_partition_init(&partition);
	for (int round = 0; round < 2; round++) { /* so that the topic is once on this shard and once on the other, or about so */
		topic.topic_id = create_topic(&admin.client, "t", 1, NULL);
		partition.partition_max_bytes = 1 << 20;
		topic.partitions.items = &partition;
		topic.partitions.count = 1;
		in.max_wait_ms = 8000;
		in.min_bytes = 1;
		in.topics.items = &topic;
		in.topics.count = 1;
		client_send(&admin.other, "fetch", 13, &in);
		cr_expect(!client_has_answer(&admin.other, 100), "it waits");
		cr_expect_eq(delete(&admin.client, topics, 1).responses.items[0].error_code, 0);
		cr_assert(client_has_answer(&admin.other, 3000), "it still waits");
		cr_assert(client_receive(&admin.other, "fetch", 13, admin.other.correlation_id, &out));
		int16_t error = out.responses.items[0].partitions.items[0].error_code;
		cr_expect(error == KERR_UNKNOWN_TOPIC_ID || error == KERR_UNKNOWN_TOPIC_OR_PARTITION || error == KERR_NOT_LEADER_OR_FOLLOWER,
			  "%s", kerr_name(error));
	}
	admin_close(&admin);
}
