/* CreatePartitions against a broker. */
#include "admin_fixture.h"

#include "kmsg_create_partitions.h"

struct growth {
	const char *what, *name;
	int32_t count;
	int assignment_count;          /* -1: none given */
	int broker_count;              /* of each assignment */
	int32_t brokers[2];
	enum kerr error;
	const char *message;
};

static struct kmsg_create_partitions_response grow(struct client *client, int version, const struct growth *growths, int count, bool validate_only)
{
	struct kmsg_create_partitions_topic topics[4];
	struct kmsg_create_partitions_assignment assignments[4][4];
	struct kmsg_create_partitions_request in;
	struct kmsg_create_partitions_response out;
	kmsg_create_partitions_request_init(&in);
	for (int t = 0; t < count; t++) {
		kmsg_create_partitions_topic_init(&topics[t]);
		topics[t].name = slice_from(growths[t].name);
		topics[t].count = growths[t].count;
		for (int a = 0; a < growths[t].assignment_count; a++) {
			assignments[t][a].broker_ids.items = (int32_t *)growths[t].brokers;
			assignments[t][a].broker_ids.count = growths[t].broker_count;
		}
		topics[t].assignments.items = assignments[t];
		topics[t].assignments.count = growths[t].assignment_count;
	}
	in.topics.items = topics;
	in.topics.count = count;
	in.validate_only = validate_only;
	client_call(client, "create_partitions", version, &in, &out);
	return out;
}

static const struct growth refused[] = {
	{"the same count", "four", 4, -1, 0, {0}, KERR_INVALID_PARTITIONS, "Topic already has 4 partition(s)."},
	{"fewer", "four", 3, -1, 0, {0}, KERR_INVALID_PARTITIONS, "The topic four currently has 4 partition(s); 3 would not be an increase."},
	{"none", "four", 0, -1, 0, {0}, KERR_INVALID_PARTITIONS, "The topic four currently has 4 partition(s); 0 would not be an increase."},
	{"negative", "four", -1, -1, 0, {0}, KERR_INVALID_PARTITIONS, "The topic four currently has 4 partition(s); -1 would not be an increase."},
	{"unknown topic", "nope", 4, -1, 0, {0}, KERR_UNKNOWN_TOPIC_OR_PARTITION, NULL},
	{"more than one request may", "four", 10005, -1, 0, {0}, KERR_POLICY_VIOLATION, "Excessively large number of partitions per request."},
	{"all there are", "four", INT32_MAX, -1, 0, {0}, KERR_POLICY_VIOLATION, "Excessively large number of partitions per request."},
	{"too few assignments", "four", 6, 1, 1, {1}, KERR_INVALID_REPLICA_ASSIGNMENT,
	 "Attempted to add 2 additional partition(s), but only 1 assignment(s) were specified."},
	{"too many assignments", "four", 5, 2, 1, {1}, KERR_INVALID_REPLICA_ASSIGNMENT,
	 "Attempted to add 1 additional partition(s), but only 2 assignment(s) were specified."},
	{"no assignments", "four", 5, 0, 0, {0}, KERR_INVALID_REPLICA_ASSIGNMENT,
	 "Attempted to add 1 additional partition(s), but only 0 assignment(s) were specified."},
	{"another broker", "four", 5, 1, 1, {2}, KERR_INVALID_REPLICA_ASSIGNMENT,
	 "The manual partition assignment includes broker 2, but no such broker is registered."},
	{"one broker twice", "four", 5, 1, 2, {1, 1}, KERR_INVALID_REPLICA_ASSIGNMENT,
	 "The manual partition assignment includes the broker 1 more than once."},
	{"no broker", "four", 5, 1, 0, {0}, KERR_INVALID_REPLICA_ASSIGNMENT, "The manual partition assignment includes an empty replica list."},
};

/* Each mistake gets Kafka's code and sentence, and the topic stays as it is. */
Test(create_partitions, refusals)
{
	struct admin admin;
	admin_open(&admin, NULL);
	create_topic(&admin.client, "four", 4, NULL);
	for (size_t i = 0; i < COUNT_OF(refused); i++) {
		struct kmsg_create_partitions_response out = grow(&admin.client, 3, &refused[i], 1, false);
		cr_assert_eq(out.results.count, 1);
		check_outcome(refused[i].what, refused[i].error, refused[i].message, out.results.items[0].error_code, out.results.items[0].error_message);
	}
	cr_expect_eq(partitions_of(&admin.other, "four"), 4);
	admin_close(&admin);
}

/* Where the offsets of a group are goes by the number of partitions of __consumer_offsets: nobody changes it, not even to try. */
Test(create_partitions, internal_topic_does_not_grow)
{
	static const struct growth more = {"more", "__consumer_offsets", 60, -1, 0, {0}, KERR_INVALID_PARTITIONS, NULL};
	struct admin admin;
	admin_open(&admin, NULL);
	create_topic(&admin.client, "__consumer_offsets", 5, NULL);
	for (int validate_only = 0; validate_only < 2; validate_only++) {
		struct kmsg_create_partitions_response out = grow(&admin.client, 3, &more, 1, validate_only);
		check_outcome(more.what, more.error, "The partitions of __consumer_offsets cannot be added to", out.results.items[0].error_code,
			      out.results.items[0].error_message);
	}
	cr_expect_eq(partitions_of(&admin.other, "__consumer_offsets"), 5);
	admin_close(&admin);
}

/* Topics grow in every version, for everybody, and keep their records; the new partitions take records at once. */
Test(create_partitions, grows)
{
	struct admin admin;
	admin_open(&admin, NULL);
	create_topic(&admin.client, "t", 1, NULL);
	produce_tens(&admin.client, "t", 1);
	for (int version = 0; version <= 3; version++) {
		struct growth wanted = {"t", "t", version + 2, version == 3 ? 1 : -1, 1, {1}, KERR_NONE, NULL};
		struct kmsg_create_partitions_response out = grow(&admin.client, version, &wanted, 1, false);
		check_outcome("t", KERR_NONE, NULL, out.results.items[0].error_code, out.results.items[0].error_message);
		cr_expect_eq(partitions_of(&admin.other, "t"), version + 2, "version %d", version);
		uint8_t memory[4096];
		struct produce_one one;
		struct kmsg_produce_response produced;
		client_call(&admin.other, "produce", 9, produce_one(&one, "t", version + 1, -1, make_batch(memory, sizeof memory, 1, 1)), &produced);
		cr_expect_eq(produce_result(&produced).error_code, 0, "version %d", version);
		client_call(&admin.other, "produce", 9, produce_one(&one, "t", 0, -1, make_batch(memory, sizeof memory, 1, 1)), &produced);
		cr_expect_eq(produce_result(&produced).base_offset, 10 + version, "version %d", version);
	}
	admin_close(&admin);
}

/* A topic named twice is refused once, the others grow; what passes the bound of a request is refused from there on. */
Test(create_partitions, several_in_one_request)
{
	static const struct growth twice[] = {
		{"a", "a", 5, -1, 0, {0}, KERR_NONE, NULL}, {"a", "a", 6, -1, 0, {0}, KERR_NONE, NULL}, {"b", "b", 3, -1, 0, {0}, KERR_NONE, NULL}};
	static const struct growth many[] = {{"a", "a", 6000, -1, 0, {0}, KERR_NONE, NULL}, {"b", "b", 6000, -1, 0, {0}, KERR_NONE, NULL}};
	struct admin admin;
	admin_open(&admin, NULL);
	create_topic(&admin.client, "a", 1, NULL);
	create_topic(&admin.client, "b", 1, NULL);
	struct kmsg_create_partitions_response out = grow(&admin.client, 3, twice, 3, false);
	cr_assert_eq(out.results.count, 2);
	check_outcome("a", KERR_INVALID_REQUEST, "Duplicate topic name.", out.results.items[0].error_code, out.results.items[0].error_message);
	cr_expect_eq(out.results.items[1].error_code, 0);
	cr_expect_eq(partitions_of(&admin.other, "a"), 1);
	cr_expect_eq(partitions_of(&admin.other, "b"), 3);
	out = grow(&admin.client, 3, many, 2, true);
	cr_expect_eq(out.results.items[0].error_code, 0);
	cr_expect_eq(out.results.items[1].error_code, KERR_POLICY_VIOLATION);
	cr_expect_eq(partitions_of(&admin.other, "a"), 1, "validating changes nothing");
	admin_close(&admin);
}

/* More topics than one round of changes has. */
Test(create_partitions, many_topics)
{
	enum { COUNT = 30 };
	static char names[COUNT][24];
	struct kmsg_create_partitions_topic topics[COUNT];
	struct kmsg_create_partitions_request in;
	struct kmsg_create_partitions_response out;
	struct admin admin;
	admin_open(&admin, NULL);
	kmsg_create_partitions_request_init(&in);
	for (int i = 0; i < COUNT; i++) {
		snprintf(names[i], sizeof names[i], "many-%d", i);
		create_topic(&admin.client, names[i], 1, NULL);
		kmsg_create_partitions_topic_init(&topics[i]);
		topics[i].name = slice_from(names[i]);
		topics[i].count = 2 + i;
		topics[i].assignments.count = -1;
	}
	in.topics.items = topics;
	in.topics.count = COUNT;
	client_call(&admin.client, "create_partitions", 3, &in, &out);
	cr_assert_eq(out.results.count, COUNT);
	for (int i = 0; i < COUNT; i++) {
		cr_expect_eq(out.results.items[i].error_code, 0);
		cr_expect_eq(partitions_of(&admin.other, names[i]), 2 + i);
	}
	admin_close(&admin);
}
