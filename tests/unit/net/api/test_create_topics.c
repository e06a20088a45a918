/* CreateTopics against a broker: what is refused and with which words, in which order, and that what was made is there for everybody. The
 * expectations were taken from a Kafka 4.3 node. */
#include "admin_fixture.h"

struct assignment {
	int32_t partition;
	int32_t count;                 /* of brokers */
	int32_t brokers[3];
};

struct topic_case {
	const char *what, *name;
	int32_t partitions;
	int16_t replicas;
	int assignment_count;
	struct assignment assignments[3];
	const char *config, *value;    /* value NULL with a config: a null value */
	enum kerr error;
	const char *message;
};

static struct kmsg_create_topics_topic_result create_case(struct client *client, int version, const struct topic_case *wanted, bool validate_only)
{
	struct kmsg_create_topics_assignment assignments[3];
	struct kmsg_create_topics_config config = {.name = slice_from(wanted->config), .value = slice_from(wanted->value)};
	struct kmsg_create_topics_topic topic;
	struct kmsg_create_topics_request in;
	struct kmsg_create_topics_response out;
	kmsg_create_topics_request_init(&in);
	kmsg_create_topics_topic_init(&topic);
	topic.name = slice_from(wanted->name);
	topic.num_partitions = wanted->partitions;
	topic.replication_factor = wanted->replicas;
	for (int i = 0; i < wanted->assignment_count; i++) {
		assignments[i].partition_index = wanted->assignments[i].partition;
		assignments[i].broker_ids.items = (int32_t *)wanted->assignments[i].brokers;
		assignments[i].broker_ids.count = wanted->assignments[i].count;
	}
	topic.assignments.items = assignments;
	topic.assignments.count = wanted->assignment_count;
	topic.configs.items = &config;
	topic.configs.count = wanted->config != NULL;
	in.topics.items = &topic;
	in.topics.count = 1;
	in.validate_only = validate_only;
	client_call(client, "create_topics", version, &in, &out);
	cr_assert_eq(out.topics.count, 1, "%s", wanted->what);
	return out.topics.items[0];
}

#define LONG_NAME_50 "0123456789012345678901234567890123456789012345678x"
#define LONG_NAME_250 LONG_NAME_50 LONG_NAME_50 LONG_NAME_50 LONG_NAME_50 LONG_NAME_50

#define ON(index, broker_count, ...) {.partition = index, .count = broker_count, .brokers = {__VA_ARGS__}}

static const struct topic_case refused[] = {
	{"it is there", "there", 1, 1, .error = KERR_TOPIC_ALREADY_EXISTS, .message = "Topic 'there' already exists."},
	{"it is there, which comes before all the rest", "there", 0, 7, .config = "x", .value = "y",
	 .error = KERR_TOPIC_ALREADY_EXISTS, .message = "Topic 'there' already exists."},
	{"empty name", "", 1, 1, .error = KERR_INVALID_TOPIC_EXCEPTION, .message = "Topic name is invalid: the empty string is not allowed"},
	{"name .", ".", 1, 1, .error = KERR_INVALID_TOPIC_EXCEPTION, .message = "Topic name is invalid: '.' is not allowed"},
	{"name ..", "..", 1, 1, .error = KERR_INVALID_TOPIC_EXCEPTION, .message = "Topic name is invalid: '..' is not allowed"},
	{"name with a space", "a b", 1, 1, .error = KERR_INVALID_TOPIC_EXCEPTION, .message = "Topic name is invalid: 'a b' contains one or more characters other than ASCII"},
	{"name beyond ASCII", "\xc3\xa9", 1, 1, .error = KERR_INVALID_TOPIC_EXCEPTION, .message = "Topic name is invalid: '\xc3\xa9' contains"},
	{"name too long", LONG_NAME_250, 1, 1, .error = KERR_INVALID_TOPIC_EXCEPTION, .message = "Topic name is invalid: the length of '" LONG_NAME_50},
	{"a name comes before configs", "a b", 0, 5, .config = "x", .value = "y", .error = KERR_INVALID_TOPIC_EXCEPTION, .message = "Topic name is invalid"},
	{"collision", "with_dot", 1, 1, .error = KERR_INVALID_TOPIC_EXCEPTION, .message = "Topic 'with_dot' collides with existing topic: with.dot"},
	{"Kafka's own log", "__cluster_metadata", 1, 1, .error = KERR_INVALID_REQUEST,
	 .message = "Creation of internal topic __cluster_metadata is prohibited."},
	{"no partitions", "p", 0, 1, .error = KERR_INVALID_PARTITIONS, .message = "Number of partitions was set to an invalid non-positive value."},
	{"partitions below -1", "p", -2, 1, .error = KERR_INVALID_PARTITIONS, .message = "Number of partitions"},
	{"no replicas", "p", 1, 0, .error = KERR_INVALID_REPLICATION_FACTOR, .message = "Replication factor must be larger than 0, or -1"},
	{"replicas below -1", "p", 1, -2, .error = KERR_INVALID_REPLICATION_FACTOR, .message = "Replication factor must be larger than 0, or -1"},
	{"more replicas than brokers", "p", 1, 3, .error = KERR_INVALID_REPLICATION_FACTOR,
	 .message = "Unable to replicate the partition 3 time(s): The target replication factor of 3 cannot be reached because only 1 broker(s) are registered or some brokers have all their log directories cordoned."},
	{"no partitions before too many replicas", "p", 0, 5, .error = KERR_INVALID_PARTITIONS, .message = "Number of partitions"},
	{"more partitions than one request may", "p", 10001, 1, .error = KERR_POLICY_VIOLATION, .message = "Excessively large number of partitions per request."},
	{"all partitions there are", "p", INT32_MAX, 1, .error = KERR_POLICY_VIOLATION, .message = "Excessively large number"},
	{"assigned, with a count", "p", 1, -1, 1, {ON(0, 1, 1)}, .error = KERR_INVALID_REQUEST,
	 .message = "A manual partition assignment was specified, but numPartitions was not set to -1."},
	{"assigned, with replicas", "p", -1, 1, 1, {ON(0, 1, 1)}, .error = KERR_INVALID_REQUEST,
	 .message = "A manual partition assignment was specified, but replication factor was not set to -1."},
	{"assigned to another broker", "p", -1, -1, 1, {ON(0, 1, 2)}, .error = KERR_INVALID_REPLICA_ASSIGNMENT,
	 .message = "The manual partition assignment includes broker 2, but no such broker is registered."},
	{"assigned to one broker twice", "p", -1, -1, 1, {ON(0, 2, 1, 1)}, .error = KERR_INVALID_REPLICA_ASSIGNMENT,
	 .message = "The manual partition assignment includes the broker 1 more than once."},
	{"assigned to none", "p", -1, -1, 1, {ON(0, 0, 0)}, .error = KERR_INVALID_REPLICA_ASSIGNMENT,
	 .message = "The manual partition assignment includes an empty replica list."},
	{"assigned with a hole", "p", -1, -1, 2, {ON(0, 1, 1), ON(2, 1, 1)}, .error = KERR_INVALID_REPLICA_ASSIGNMENT,
	 .message = "partitions should be a consecutive 0-based integer sequence"},
	{"assigned, a negative partition", "p", -1, -1, 1, {ON(-1, 1, 1)}, .error = KERR_INVALID_REPLICA_ASSIGNMENT,
	 .message = "partitions should be a consecutive 0-based integer sequence"},
	{"assigned, a partition twice", "p", -1, -1, 2, {ON(0, 1, 1), ON(0, 1, 1)}, .error = KERR_INVALID_REPLICA_ASSIGNMENT,
	 .message = "Found multiple manual partition assignments for partition 0"},
	{"unknown config", "p", 1, 1, .config = "nope", .value = "1", .error = KERR_INVALID_CONFIG, .message = "Unknown topic config name: nope"},
	{"config names have a case", "p", 1, 1, .config = "RETENTION.MS", .value = "1", .error = KERR_INVALID_CONFIG, .message = "Unknown topic config name: RETENTION.MS"},
	{"null config", "p", 1, 1, .config = "retention.ms", .error = KERR_INVALID_CONFIG, .message = "Null value not supported for topic configs: retention.ms"},
	{"no number", "p", 1, 1, .config = "retention.ms", .value = "abc", .error = KERR_INVALID_CONFIG, .message = "Invalid value abc for configuration retention.ms: "},
	{"too small", "p", 1, 1, .config = "segment.bytes", .value = "10", .error = KERR_INVALID_CONFIG, .message = "Invalid value 10 for configuration segment.bytes: "},
	{"no choice", "p", 1, 1, .config = "cleanup.policy", .value = "shred", .error = KERR_INVALID_CONFIG, .message = "Invalid value shred for configuration cleanup.policy: "},
	{"an empty item", "p", 1, 1, .config = "cleanup.policy", .value = "compact,", .error = KERR_INVALID_CONFIG,
	 .message = "Configuration 'cleanup.policy' values must not be empty."},
	{"tiered storage", "p", 1, 1, .config = "remote.storage.enable", .value = "true", .error = KERR_INVALID_CONFIG, .message = "Invalid value true for configuration remote.storage.enable"},
	{"configs come before counts", "p", 0, 5, .config = "nope", .value = "1", .error = KERR_INVALID_CONFIG, .message = "Unknown topic config name: nope"},
};

/* Each mistake gets Kafka's code and sentence, whether to create or only to validate, and nothing is made. */
Test(create_topics, refusals)
{
	struct admin admin;
	admin_open(&admin, NULL);
	create_topic(&admin.client, "there", 1, NULL);
	create_topic(&admin.client, "with.dot", 1, NULL);
	for (size_t i = 0; i < COUNT_OF(refused); i++)
		for (int validate_only = 0; validate_only < 2; validate_only++) {
			struct kmsg_create_topics_topic_result result = create_case(&admin.client, 7, &refused[i], validate_only);
			check_outcome(refused[i].what, refused[i].error, refused[i].message, result.error_code, result.error_message);
			cr_expect(uuid_is_zero(&result.topic_id) && result.num_partitions == -1 && result.replication_factor == -1 &&
				  result.configs.count == 0, "%s: tells of a topic", refused[i].what);
		}
	cr_expect_eq(partitions_of(&admin.other, "p"), 0);
	admin_close(&admin);
}

static const struct topic_case accepted[] = {
	{"plain", "plain", 3, 1, .error = KERR_NONE},
	{"defaults", "defaults", -1, -1, .error = KERR_NONE},
	{"assigned, in any order", "assigned", -1, -1, 2, {ON(1, 1, 1), ON(0, 1, 1)}, .error = KERR_NONE},
	{"a name of 249 bytes", LONG_NAME_50 LONG_NAME_50 LONG_NAME_50 LONG_NAME_50 "0123456789012345678901234567890123456789012345678", 1, 1, .error = KERR_NONE},
	{"a config for other brokers", "inert", 1, 1, .config = "min.insync.replicas", .value = "2"},
	{"cleanup switched off", "kept", 1, 1, .config = "cleanup.policy", .value = ""},
	{"space around a value", "space", 1, 1, .config = "retention.ms", .value = " 5 "},
	{"one of Kafka's own", "__consumer_offsets", 1, 1, .error = KERR_NONE},
};

/* What is good is made as asked in every version, and the other shard's clients see it with their next request. */
Test(create_topics, made_for_everybody)
{
	static const char *const settings[] = {"num.partitions", "4", NULL};
	struct admin admin;
	admin_open(&admin, settings);
	for (size_t i = 0; i < COUNT_OF(accepted); i++) {
		struct kmsg_create_topics_topic_result result = create_case(&admin.client, 7, &accepted[i], false);
		check_outcome(accepted[i].what, KERR_NONE, NULL, result.error_code, result.error_message);
		int wanted = accepted[i].assignment_count ? accepted[i].assignment_count : accepted[i].partitions == -1 ? 4 : accepted[i].partitions;
		cr_expect_eq(result.num_partitions, wanted, "%s: %d partitions", accepted[i].what, result.num_partitions);
		cr_expect_eq(result.replication_factor, 1);
		cr_expect_eq(result.topic_config_error_code, 0);
		cr_expect(!uuid_is_zero(&result.topic_id));
		cr_expect_eq(partitions_of(&admin.other, accepted[i].name), wanted, "%s: not seen by others", accepted[i].what);
	}
	admin_close(&admin);
}

/* Old versions know nothing of ids and configs; each that is advertised creates. */
Test(create_topics, every_version)
{
	struct admin admin;
	admin_open(&admin, NULL);
	for (int version = 2; version <= 7; version++) {
		char name[32];
		snprintf(name, sizeof name, "version-%d", version);
		struct topic_case wanted = {name, name, version < 4 ? 2 : -1, version < 4 ? 1 : -1, .error = KERR_NONE};
		struct kmsg_create_topics_topic_result result = create_case(&admin.client, version, &wanted, false);
		cr_expect_eq(result.error_code, 0, "version %d: %s", version, text_of(result.error_message));
		cr_expect_eq(!uuid_is_zero(&result.topic_id), version >= 7, "version %d", version);
		cr_expect_eq(result.configs.count > 30, version >= 5, "version %d: %d configs", version, result.configs.count);
		cr_expect_eq(partitions_of(&admin.other, name), version < 4 ? 2 : 1, "version %d", version);
	}
	admin_close(&admin);
}

/* The answer tells the configs in force, with where they come from: the topic's, the broker's, the default. */
Test(create_topics, tells_the_configs)
{
	static const char *const settings[] = {"log.retention.hours", "5", NULL};
	struct admin admin;
	admin_open(&admin, settings);
	struct topic_case wanted = {"t", "t", 1, 1, .config = "segment.ms", .value = "7000"};
	struct kmsg_create_topics_topic_result result = create_case(&admin.client, 7, &wanted, false);
	unsigned seen = 0;
	for (int32_t i = 0; i < result.configs.count; i++) {
		const struct kmsg_create_topics_config_result *config = &result.configs.items[i];
		const char *name = text_of(config->name), *value = text_of(config->value);
		cr_expect(!config->read_only && !config->is_sensitive, "%s", name);
		int source = strcmp(name, "segment.ms") == 0 ? 1 : strcmp(name, "retention.ms") == 0 ? 4 : strcmp(name, "min.insync.replicas") == 0 ? 3 : 5;
		cr_expect_eq(config->config_source, source, "%s: %d", name, config->config_source);
		if (source == 1)
			cr_expect_str_eq(value, "7000");
		if (source == 4)
			cr_expect_str_eq(value, "18000000");
		seen += source < 5;
	}
	cr_expect_eq(seen, 3);
	admin_close(&admin);
}

static struct kmsg_create_topics_response create_names(struct client *client, const char *const *names, int count, bool validate_only)
{
	struct kmsg_create_topics_topic topics[8];
	struct kmsg_create_topics_request in;
	struct kmsg_create_topics_response out;
	kmsg_create_topics_request_init(&in);
	for (int i = 0; i < count; i++) {
		kmsg_create_topics_topic_init(&topics[i]);
		topics[i].name = slice_from(names[i]);
		topics[i].num_partitions = topics[i].replication_factor = 1;
	}
	in.topics.items = topics;
	in.topics.count = count;
	in.validate_only = validate_only;
	client_call(client, "create_topics", 7, &in, &out);
	return out;
}

/* A name that is there twice is refused once; the others of the request are made. Two that collide: the first wins. */
Test(create_topics, several_in_one_request)
{
	static const char *const names[] = {"twice", "fine", "twice", "..", "x.y", "x_y"};
	static const struct {
		const char *name;
		enum kerr error;
		const char *message;
	} wanted[] = {
		{"twice", KERR_INVALID_REQUEST, "Duplicate topic name."},
		{"fine", KERR_NONE, NULL},
		{"..", KERR_INVALID_TOPIC_EXCEPTION, "Topic name is invalid"},
		{"x.y", KERR_NONE, NULL},
		{"x_y", KERR_INVALID_TOPIC_EXCEPTION, "Topic 'x_y' collides with existing topic: x.y"},
	};
	struct admin admin;
	admin_open(&admin, NULL);
	struct kmsg_create_topics_response out = create_names(&admin.client, names, COUNT_OF(names), false);
	cr_assert_eq(out.topics.count, COUNT_OF(wanted));
	for (size_t i = 0; i < COUNT_OF(wanted); i++) {
		cr_expect_str_eq(text_of(out.topics.items[i].name), wanted[i].name);
		check_outcome(wanted[i].name, wanted[i].error, wanted[i].message, out.topics.items[i].error_code, out.topics.items[i].error_message);
	}
	cr_expect_eq(partitions_of(&admin.other, "twice"), 0);
	cr_expect_eq(partitions_of(&admin.other, "fine"), 1);
	admin_close(&admin);
}

/* To validate is not to create, though an id is told, as Kafka does; an empty request has an empty answer. */
Test(create_topics, validate_only_makes_nothing)
{
	static const char *const names[] = {"dry"};
	struct admin admin;
	admin_open(&admin, NULL);
	struct kmsg_create_topics_response out = create_names(&admin.client, names, 1, true);
	cr_expect_eq(out.topics.items[0].error_code, 0);
	cr_expect_eq(out.topics.items[0].num_partitions, 1);
	cr_expect_not(uuid_is_zero(&out.topics.items[0].topic_id));
	cr_expect_eq(partitions_of(&admin.client, "dry"), 0);
	out = create_names(&admin.client, names, 0, false);
	cr_expect_eq(out.topics.count, 0);
	admin_close(&admin);
}

/* What was made is there after a restart, with its id. */
Test(create_topics, survives_a_restart)
{
	struct admin admin;
	admin_open(&admin, NULL);
	struct uuid id = create_topic(&admin.client, "kept", 5, "retention.ms=12345");
	client_close(&admin.client);
	client_close(&admin.other);
	broker_restart(&admin.broker);
	client_open(&admin.client, &admin.broker);
	client_open(&admin.other, &admin.broker);
	struct uuid now = make_topic(&admin.client, "kept", 5);
	cr_expect(uuid_equal(&id, &now));
	int source;
	cr_expect_str_eq(config_of(&admin.other, "kept", "retention.ms", &source), "12345");
	cr_expect_eq(source, 1);
	admin_close(&admin);
}
