/* DescribeTopicPartitions against a broker: pages, cursors, topics that are not there. */
#include "admin_fixture.h"

#include "kmsg_describe_topic_partitions.h"

static struct kmsg_describe_topic_partitions_response describe(struct client *client, const char *const *names, int32_t limit, const char *cursor_topic, int32_t cursor_partition)
{
	struct kmsg_describe_topic_partitions_topic topics[8];
	struct kmsg_describe_topic_partitions_cursor cursor = {.topic_name = slice_from(cursor_topic), .partition_index = cursor_partition};
	struct kmsg_describe_topic_partitions_request in;
	struct kmsg_describe_topic_partitions_response out;
	kmsg_describe_topic_partitions_request_init(&in);
	in.topics.items = topics;
	for (; *names; names++)
		topics[in.topics.count++].name = slice_from(*names);
	in.response_partition_limit = limit;
	in.cursor = cursor_topic ? &cursor : NULL;
	client_call(client, "describe_topic_partitions", 0, &in, &out);
	return out;
}

/* "a:0,1,2 b! next b:1": topics with their partitions, "!3" for an error, and the cursor. */
static const char *told(const struct kmsg_describe_topic_partitions_response *out)
{
	static char text[4096];
	size_t size = 0;
	text[0] = '\0';
	for (int32_t t = 0; t < out->topics.count; t++) {
		const struct kmsg_describe_topic_partitions_topic_result *topic = &out->topics.items[t];
		size += (size_t)snprintf(text + size, sizeof text - size, "%s%s", t ? " " : "", text_of(topic->name));
		if (topic->error_code)
			size += (size_t)snprintf(text + size, sizeof text - size, "!%d", topic->error_code);
		for (int32_t p = 0; p < topic->partitions.count; p++)
			size += (size_t)snprintf(text + size, sizeof text - size, "%c%d", p ? ',' : ':', topic->partitions.items[p].partition_index);
	}
	if (out->next_cursor)
		snprintf(text + size, sizeof text - size, " next %s:%d", text_of(out->next_cursor->topic_name), out->next_cursor->partition_index);
	return text;
}

/* With topics a, b and c of three partitions each, as a Kafka 4.3 node answers. */
Test(describe_topic_partitions, pages)
{
	static const struct {
		const char *names[5];
		int32_t limit;
		const char *cursor_topic;
		int32_t cursor_partition;
		const char *told;
	} cases[] = {
		{{"a"}, 2000, NULL, 0, "a:0,1,2"},
		{{"c", "a", "b", "a"}, 2000, NULL, 0, "a:0,1,2 b:0,1,2 c:0,1,2"},
		{{NULL}, 2000, NULL, 0, "a:0,1,2 b:0,1,2 c:0,1,2"},
		{{"a", "b", "c"}, 4, NULL, 0, "a:0,1,2 b:0 next b:1"},
		{{"a", "b", "c"}, 3, NULL, 0, "a:0,1,2 next b:0"},
		{{"a"}, 3, NULL, 0, "a:0,1,2"},
		{{"a"}, 0, NULL, 0, "a:0 next a:1"},
		{{"a"}, -1, NULL, 0, "a:0 next a:1"},
		{{"a"}, INT32_MAX, NULL, 0, "a:0,1,2"},
		{{"a", "b", "c"}, 2, "b", 1, "b:1,2 next c:0"},
		{{"a", "b", "c"}, 3, "a", 3, "a b:0,1,2 next c:0"},
		{{"a", "b"}, 9, "a", 7, "a b:0,1,2"},
		{{"a", "b"}, 9, "a", INT32_MAX, "a b:0,1,2"},
		{{NULL}, 9, "b", 2, "b:2 c:0,1,2"},
		{{NULL}, 9, "aa", 2, "b:0,1,2 c:0,1,2"},
		{{NULL}, 9, "zz", 0, ""},
		{{"a", "nope", "c"}, 9, NULL, 0, "a:0,1,2 c:0,1,2 nope!3"},
		{{"a", "b", "zz"}, 6, NULL, 0, "a:0,1,2 b:0,1,2 next zz:0"},
		{{"a b", "", "a"}, 9, NULL, 0, "!17 a:0,1,2 a b!17"},
		{{"a", "c"}, 9, "b", 1, "a!42 c!42"},
		{{"a"}, 9, "a", -1, "a!42"},
		{{"a"}, 9, "zz", 0, "a!42"},
		{{NULL}, 9, "a", -1, ""},
	};
	struct admin admin;
	admin_open(&admin, NULL);
	create_topic(&admin.client, "c", 3, NULL);
	create_topic(&admin.client, "a", 3, NULL);
	create_topic(&admin.client, "b", 3, NULL);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct kmsg_describe_topic_partitions_response out =
			describe(&admin.other, cases[i].names, cases[i].limit, cases[i].cursor_topic, cases[i].cursor_partition);
		cr_expect_str_eq(told(&out), cases[i].told, "case %zu: \"%s\"", i, told(&out));
	}
	admin_close(&admin);
}

/* Following the cursor gives every partition once; no page has more than 2000. */
Test(describe_topic_partitions, a_large_topic)
{
	static const char *const all[] = {NULL};
	struct admin admin;
	admin_open(&admin, NULL);
	create_topic(&admin.client, "large", 4500, NULL);
	char cursor[300] = "";
	int32_t next = 0, pages = 0;
	do {
		struct kmsg_describe_topic_partitions_response out = describe(&admin.client, all, 1 << 20, *cursor ? cursor : NULL, next);
		cr_assert_eq(out.topics.count, 1);
		cr_assert_leq(out.topics.items[0].partitions.count, 2000);
		for (int32_t p = 0; p < out.topics.items[0].partitions.count; p++)
			cr_assert_eq(out.topics.items[0].partitions.items[p].partition_index, next++);
		snprintf(cursor, sizeof cursor, "%s", out.next_cursor ? text_of(out.next_cursor->topic_name) : "");
		pages++;
	} while (*cursor);
	cr_expect_eq(next, 4500);
	cr_expect_eq(pages, 3);
	admin_close(&admin);
}

/* All that is told of a partition: this broker has it, leads it, is in sync; nothing is null. */
Test(describe_topic_partitions, what_a_partition_tells)
{
	static const char *const names[] = {"t", "__consumer_offsets", NULL};
	struct admin admin;
	admin_open(&admin, NULL);
	struct uuid id = create_topic(&admin.client, "t", 1, NULL);
	create_topic(&admin.client, "__consumer_offsets", 1, NULL);
	struct kmsg_describe_topic_partitions_response out = describe(&admin.client, names, 2000, NULL, 0);
	cr_assert_eq(out.topics.count, 2);
	cr_expect(out.topics.items[0].is_internal && !out.topics.items[1].is_internal);
	const struct kmsg_describe_topic_partitions_topic_result *topic = &out.topics.items[1];
	const struct kmsg_describe_topic_partitions_partition *partition = &topic->partitions.items[0];
	cr_expect(uuid_equal(&topic->topic_id, &id));
	cr_expect_eq(topic->topic_authorized_operations, 3576);
	cr_expect_eq(partition->leader_id, 1);
	cr_expect_eq(partition->leader_epoch, 0);
	cr_expect(partition->replica_nodes.count == 1 && partition->replica_nodes.items[0] == 1);
	cr_expect(partition->isr_nodes.count == 1 && partition->isr_nodes.items[0] == 1);
	cr_expect(partition->eligible_leader_replicas.count == 0 && partition->last_known_elr.count == 0 && partition->offline_replicas.count == 0);
	admin_close(&admin);
}
