/* DescribeConfigs against a broker. */
#include "admin_fixture.h"

static struct kmsg_describe_configs_response describe(struct client *client, int version, int type, const char *name, const char *const *keys, bool is_full)
{
	struct slice slices[8];
	struct kmsg_describe_configs_resource resource = {.resource_type = (int8_t)type, .resource_name = slice_from(name), .configuration_keys = {slices, keys ? 0 : -1}};
	struct kmsg_describe_configs_request in;
	struct kmsg_describe_configs_response out;
	kmsg_describe_configs_request_init(&in);
	for (; keys && *keys; keys++)
		slices[resource.configuration_keys.count++] = slice_from(*keys);
	in.resources.items = &resource;
	in.resources.count = 1;
	in.include_synonyms = in.include_documentation = is_full;
	client_call(client, "describe_configs", version, &in, &out);
	cr_assert_eq(out.results.count, 1);
	return out;
}

enum { TOPIC = 2, BROKER = 4, BROKER_LOGGER = 8, CLIENT_METRICS = 16, GROUP = 32 };

/* What cannot be described, and why. */
Test(describe_configs, refusals)
{
	static const struct {
		const char *what;
		int type;
		const char *name;
		enum kerr error;
		const char *message;
	} cases[] = {
		{"unknown topic", TOPIC, "nope", KERR_UNKNOWN_TOPIC_OR_PARTITION, "The topic 'nope' does not exist."},
		{"a name that is not allowed", TOPIC, "a b", KERR_INVALID_TOPIC_EXCEPTION, "Topic name is invalid: 'a b' contains"},
		{"no name", TOPIC, "", KERR_INVALID_TOPIC_EXCEPTION, "Topic name is invalid: the empty string is not allowed"},
		{"another broker", BROKER, "2", KERR_INVALID_REQUEST, "Unexpected broker id, expected 1 or empty string, but received 2"},
		{"no broker", BROKER, "x", KERR_INVALID_REQUEST, "Broker id must be an integer, but it is: x"},
		{"a space", BROKER, " 1", KERR_INVALID_REQUEST, "Broker id must be an integer, but it is:  1"},
		{"loggers of another broker", BROKER_LOGGER, "2", KERR_INVALID_REQUEST, "Unexpected broker id, expected 1"},
		{"loggers of nobody", BROKER_LOGGER, "", KERR_INVALID_REQUEST, "Broker id must not be empty"},
		{"no client metrics", CLIENT_METRICS, "", KERR_INVALID_REQUEST, "Client metrics subscription name must not be empty"},
		{"no group", GROUP, "", KERR_INVALID_REQUEST, "Group name must not be empty"},
		{"no type", 0, "t", KERR_INVALID_REQUEST, "Unknown resource type 0"},
		{"a negative type", -1, "t", KERR_INVALID_REQUEST, "Unknown resource type -1"},
	};
	struct admin admin;
	admin_open(&admin, NULL);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct kmsg_describe_configs_response out = describe(&admin.client, 4, cases[i].type, cases[i].name, NULL, true);
		check_outcome(cases[i].what, cases[i].error, cases[i].message, out.results.items[0].error_code, out.results.items[0].error_message);
		cr_expect_eq(out.results.items[0].configs.count, 0, "%s", cases[i].what);
		cr_expect_eq(out.results.items[0].resource_type, cases[i].type);
		cr_expect_str_eq(text_of(out.results.items[0].resource_name), cases[i].name);
	}
	admin_close(&admin);
}

/* Groups have the broker's values, subscriptions to client metrics the defaults, whatever their names. */
Test(describe_configs, defaults_of_any_name)
{
	static const char *const settings[] = {"group.consumer.session.timeout.ms", "30000", NULL};
	static const struct {
		int type;
		const char *name, *key, *value;
		int source, synonyms;
	} cases[] = {
		{GROUP, "g", "consumer.session.timeout.ms", "30000", CONFIG_SOURCE_BROKER, 2},
		{GROUP, "g", "consumer.heartbeat.interval.ms", "5000", CONFIG_SOURCE_DEFAULT, 1},
		{GROUP, "other", "consumer.assignment.interval.ms", "1000", CONFIG_SOURCE_DEFAULT, 1},
		{CLIENT_METRICS, "m", "interval.ms", "300000", CONFIG_SOURCE_DEFAULT, 0},
		{CLIENT_METRICS, "m", "match", "", CONFIG_SOURCE_DEFAULT, 0},
		{CLIENT_METRICS, "m", "metrics", "", CONFIG_SOURCE_DEFAULT, 0},
	};
	struct admin admin;
	admin_open(&admin, settings);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const char *const keys[] = {cases[i].key, "nope", NULL};
		struct kmsg_describe_configs_response out = describe(&admin.client, 4, cases[i].type, cases[i].name, keys, true);
		const struct kmsg_describe_configs_config *config = out.results.items[0].configs.items;
		cr_assert_eq(out.results.items[0].configs.count, 1, "%s", cases[i].key);
		cr_expect_str_eq(text_of(config->name), cases[i].key);
		cr_expect_str_eq(text_of(config->value), cases[i].value, "%s", cases[i].key);
		cr_expect_eq(config->config_source, cases[i].source, "%s", cases[i].key);
		cr_expect_eq(config->synonyms.count, cases[i].synonyms, "%s", cases[i].key);
		cr_expect_gt(config->documentation.size, 10);
		cr_expect_not(config->read_only);
	}
	cr_expect_eq(describe(&admin.client, 4, BROKER_LOGGER, "1", NULL, true).results.items[0].error_code, 0);
	cr_expect_eq(describe(&admin.client, 1, GROUP, "g", NULL, false).results.items[0].configs.count, 17);
	admin_close(&admin);
}

/* Null and empty lists of keys ask for all; unknown keys are left out; a key twice is told once. */
Test(describe_configs, keys)
{
	static const char *const none[] = {NULL}, *const some[] = {"segment.ms", "nope", "retention.ms", "segment.ms", NULL};
	struct admin admin;
	uint32_t topic_keys, broker_keys;
	config_topic_keys(&topic_keys);
	config_broker_keys(&broker_keys);
	admin_open(&admin, NULL);
	create_topic(&admin.client, "t", 1, NULL);
	for (int version = 1; version <= 4; version++) {
		cr_expect_eq(describe(&admin.client, version, TOPIC, "t", NULL, true).results.items[0].configs.count, (int32_t)topic_keys);
		cr_expect_eq(describe(&admin.client, version, TOPIC, "t", none, false).results.items[0].configs.count, (int32_t)topic_keys);
		cr_expect_eq(describe(&admin.client, version, TOPIC, "t", some, true).results.items[0].configs.count, 2);
		cr_expect_eq(describe(&admin.client, version, BROKER, "1", NULL, true).results.items[0].configs.count, (int32_t)broker_keys);
		cr_expect_eq(describe(&admin.client, version, BROKER, "", NULL, true).results.items[0].configs.count, 1, "min.insync.replicas");
	}
	admin_close(&admin);
}

struct config_case {
	int type;
	const char *key, *value;       /* value NULL: null */
	int source, config_type;
	bool is_read_only;
	int synonym_count;
	struct {
		const char *name, *value;
		int source;
	} synonyms[3];
};

static void check_config(const struct config_case *wanted, const struct kmsg_describe_configs_config *got)
{
	cr_expect_str_eq(text_of(got->name), wanted->key);
	cr_expect_eq(got->value.data == NULL, wanted->value == NULL, "%s: null", wanted->key);
	cr_expect_str_eq(text_of(got->value), wanted->value ? wanted->value : "", "%s: %s", wanted->key, text_of(got->value));
	cr_expect_eq(got->config_source, wanted->source, "%s: source %d", wanted->key, got->config_source);
	cr_expect_eq(got->config_type, wanted->config_type, "%s: type %d", wanted->key, got->config_type);
	cr_expect_eq(got->read_only, wanted->is_read_only, "%s", wanted->key);
	cr_expect_eq(got->is_sensitive, false, "%s", wanted->key);
	cr_expect_gt(got->documentation.size, 20, "%s has no documentation", wanted->key);
	cr_assert_eq(got->synonyms.count, wanted->synonym_count, "%s: %d synonyms", wanted->key, got->synonyms.count);
	for (int s = 0; s < wanted->synonym_count; s++) {
		cr_expect_str_eq(text_of(got->synonyms.items[s].name), wanted->synonyms[s].name, "%s", wanted->key);
		cr_expect_str_eq(text_of(got->synonyms.items[s].value), wanted->synonyms[s].value, "%s", wanted->key);
		cr_expect_eq(got->synonyms.items[s].source, wanted->synonyms[s].source, "%s", wanted->key);
	}
}

/* Values, types, where each comes from, and what it would be otherwise: the topic's own, what the broker was given, what is built in. */
Test(describe_configs, sources_and_synonyms)
{
	static const char *const settings[] = {"log.segment.bytes", "2000000", "compression.type", "lz4", "log.roll.hours", "2", "num.partitions", "3", NULL};
	static const struct config_case cases[] = {
		{TOPIC, "retention.ms", "77", 1, 5, false, 1, {{"retention.ms", "77", 1}}},
		{TOPIC, "segment.bytes", "2000000", 4, 3, false, 2, {{"log.segment.bytes", "2000000", 4}, {"log.segment.bytes", "1073741824", 5}}},
		{TOPIC, "compression.type", "lz4", 4, 2, false, 2, {{"compression.type", "lz4", 4}, {"compression.type", "producer", 5}}},
		{TOPIC, "segment.ms", "7200000", 4, 5, false, 2, {{"log.roll.hours", "2", 4}, {"log.roll.hours", "168", 5}}},
		{TOPIC, "cleanup.policy", "delete", 5, 7, false, 1, {{"log.cleanup.policy", "delete", 5}}},
		{TOPIC, "preallocate", "false", 5, 1, false, 1, {{"log.preallocate", "false", 5}}},
		{TOPIC, "min.cleanable.dirty.ratio", "0.5", 5, 6, false, 1, {{"log.cleaner.min.cleanable.ratio", "0.5", 5}}},
		{TOPIC, "remote.storage.enable", "false", 5, 1, false, 0, {{NULL, NULL, 0}}},
		{BROKER, "num.partitions", "3", 4, 3, true, 2, {{"num.partitions", "3", 4}, {"num.partitions", "1", 5}}},
		{BROKER, "log.retention.ms", NULL, 5, 5, false, 0, {{NULL, NULL, 0}}},
		{TOPIC, "min.insync.replicas", "1", 3, 3, false, 2, {{"min.insync.replicas", "1", 3}, {"min.insync.replicas", "1", 5}}},
		{BROKER, "min.insync.replicas", "1", 3, 3, false, 2, {{"min.insync.replicas", "1", 3}, {"min.insync.replicas", "1", 5}}},
		{BROKER, "delete.topic.enable", "true", 5, 1, true, 1, {{"delete.topic.enable", "true", 5}}},
	};
	struct admin admin;
	admin_open(&admin, settings);
	create_topic(&admin.client, "t", 1, "retention.ms=77");
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const char *const key[] = {cases[i].key, NULL};
		const char *name = cases[i].type == TOPIC ? "t" : "1";
		struct kmsg_describe_configs_response out = describe(&admin.other, 4, cases[i].type, name, key, true);
		cr_assert_eq(out.results.items[0].configs.count, 1, "%s", cases[i].key);
		check_config(&cases[i], &out.results.items[0].configs.items[0]);
		out = describe(&admin.other, 4, cases[i].type, name, key, false);
		cr_expect_eq(out.results.items[0].configs.items[0].synonyms.count, 0, "%s: not asked for", cases[i].key);
		cr_expect_null(out.results.items[0].configs.items[0].documentation.data, "%s: not asked for", cases[i].key);
	}
	admin_close(&admin);
}
