/* IncrementalAlterConfigs and AlterConfigs against a broker: one table for what they share, and what each does by itself. */
#include "admin_fixture.h"

#include "kmsg_alter_configs.h"
#include "kmsg_incremental_alter_configs.h"

enum { SET, DELETE, APPEND, SUBTRACT };
enum { TOPIC = 2, BROKER = 4, BROKER_LOGGER = 8, CLIENT_METRICS = 16, GROUP = 32 };

struct change {
	const char *name;
	int operation;
	const char *value;             /* NULL: null */
};

struct alteration {
	const char *what;
	int type;
	const char *resource;
	struct change changes[2];      /* those with a name */
	enum kerr error;
	const char *message;
};

static struct kmsg_incremental_alter_configs_response incremental(struct client *client, int version, const struct alteration *wanted, int count, bool validate_only)
{
	struct kmsg_incremental_alter_configs_config configs[4][2];
	struct kmsg_incremental_alter_configs_resource resources[4];
	struct kmsg_incremental_alter_configs_request in;
	struct kmsg_incremental_alter_configs_response out;
	kmsg_incremental_alter_configs_request_init(&in);
	for (int r = 0; r < count; r++) {
		resources[r] = (struct kmsg_incremental_alter_configs_resource){
			.resource_type = (int8_t)wanted[r].type, .resource_name = slice_from(wanted[r].resource), .configs.items = configs[r]};
		for (int c = 0; c < 2 && wanted[r].changes[c].name; c++)
			configs[r][resources[r].configs.count++] = (struct kmsg_incremental_alter_configs_config){
				.name = slice_from(wanted[r].changes[c].name), .config_operation = (int8_t)wanted[r].changes[c].operation,
				.value = slice_from(wanted[r].changes[c].value)};
	}
	in.resources.items = resources;
	in.resources.count = count;
	in.validate_only = validate_only;
	client_call(client, "incremental_alter_configs", version, &in, &out);
	cr_assert_eq(out.responses.count, count);
	return out;
}

static struct kmsg_alter_configs_response replace(struct client *client, int version, const struct alteration *wanted, int count, bool validate_only)
{
	struct kmsg_alter_configs_config configs[4][2];
	struct kmsg_alter_configs_resource resources[4];
	struct kmsg_alter_configs_request in;
	struct kmsg_alter_configs_response out;
	kmsg_alter_configs_request_init(&in);
	for (int r = 0; r < count; r++) {
		resources[r] = (struct kmsg_alter_configs_resource){
			.resource_type = (int8_t)wanted[r].type, .resource_name = slice_from(wanted[r].resource), .configs.items = configs[r]};
		for (int c = 0; c < 2 && wanted[r].changes[c].name; c++)
			configs[r][resources[r].configs.count++] = (struct kmsg_alter_configs_config){
				.name = slice_from(wanted[r].changes[c].name), .value = slice_from(wanted[r].changes[c].value)};
	}
	in.resources.items = resources;
	in.resources.count = count;
	in.validate_only = validate_only;
	client_call(client, "alter_configs", version, &in, &out);
	cr_assert_eq(out.responses.count, count);
	return out;
}

/* Refusals of both, in Kafka's words; each has operation SET. */
static const struct alteration refused[] = {
	{"a key twice", TOPIC, "t", {{"retention.ms", SET, "5"}, {"retention.ms", SET, "6"}}, KERR_INVALID_REQUEST, "Error due to duplicate config keys"},
	{"twice and null", TOPIC, "t", {{"retention.ms", SET, NULL}, {"retention.ms", SET, "6"}}, KERR_INVALID_REQUEST, "Error due to duplicate config keys"},
	{"null values", TOPIC, "t", {{"retention.ms", SET, NULL}, {"segment.ms", SET, NULL}}, KERR_INVALID_REQUEST,
	 "Null value not supported for : retention.ms, segment.ms"},
	{"unknown key", TOPIC, "t", {{"nope", SET, "5"}}, KERR_INVALID_CONFIG, "Unknown topic config name: nope"},
	{"no number", TOPIC, "t", {{"retention.ms", SET, "x"}}, KERR_INVALID_CONFIG, "Invalid value x for configuration retention.ms: "},
	{"empty", TOPIC, "t", {{"retention.ms", SET, ""}}, KERR_INVALID_CONFIG, "Invalid value  for configuration retention.ms: "},
	{"one good, one bad", TOPIC, "t", {{"retention.ms", SET, "8"}, {"segment.ms", SET, "x"}}, KERR_INVALID_CONFIG,
	 "Invalid value x for configuration segment.ms: "},
	{"lags that contradict", TOPIC, "t", {{"max.compaction.lag.ms", SET, "5"}, {"min.compaction.lag.ms", SET, "10"}}, KERR_INVALID_CONFIG,
	 "conflict topic config setting min.compaction.lag.ms (10) > max.compaction.lag.ms (5)"},
	{"an empty item", TOPIC, "t", {{"cleanup.policy", SET, "compact,,delete"}}, KERR_INVALID_CONFIG, "Configuration 'cleanup.policy' values must not be empty."},
	{"unknown topic", TOPIC, "nope", {{"retention.ms", SET, "5"}}, KERR_UNKNOWN_TOPIC_OR_PARTITION, "The topic 'nope' does not exist."},
	{"unknown topic and key", TOPIC, "nope", {{"nope", SET, "5"}}, KERR_INVALID_CONFIG, "Unknown topic config name: nope"},
	{"a name that is not allowed", TOPIC, "a b", {{"retention.ms", SET, "5"}}, KERR_INVALID_TOPIC_EXCEPTION, "Topic name is invalid: 'a b' contains"},
	{"no topic", TOPIC, "", {{"retention.ms", SET, "5"}}, KERR_INVALID_REQUEST, "Default topic resources are not allowed."},
	{"the broker", BROKER, "1", {{"num.partitions", SET, "3"}, {"node.id", SET, "4"}}, KERR_INVALID_REQUEST,
	 "Cannot update these configs dynamically: [num.partitions, node.id]"},
	{"all brokers", BROKER, "", {{"log.retention.hours", SET, "3"}}, KERR_INVALID_REQUEST, "Cannot update these configs dynamically: [log.retention.hours]"},
	{"another broker", BROKER, "2", {{"log.retention.ms", SET, "3"}}, KERR_INVALID_REQUEST, "Unexpected broker id, expected 1, but received 2"},
	{"no broker", BROKER, "x", {{"log.retention.ms", SET, "3"}}, KERR_INVALID_REQUEST, "Node id must be an integer, but it is: x"},
	{"a number too large", BROKER, "4294967297", {{"log.retention.ms", SET, "3"}}, KERR_INVALID_REQUEST, "Node id must be an integer, but it is: 4294967297"},
	{"a value of the broker's", BROKER, "1", {{"log.retention.ms", SET, "x"}}, KERR_INVALID_REQUEST, "Invalid value x for configuration log.retention.ms: "},
	{"good and bad for the broker", BROKER, "1", {{"log.retention.ms", SET, "5"}, {"log.segment.bytes", SET, "1"}}, KERR_INVALID_REQUEST, "Invalid value 1 for"},
	{"a key of Kafka's that means nothing", BROKER, "1", {{"request.timeout.ms", SET, "5"}}, KERR_INVALID_REQUEST, "Cannot update these configs dynamically: [request.timeout.ms]"},
	{"TLS", BROKER, "1", {{"ssl.keystore.location", SET, "5"}}, KERR_INVALID_REQUEST,
	 "Cannot update these configs dynamically: [ssl.keystore.location]; TLS is not supported yet"},
	{"a limit that there is elsewhere", BROKER, "1", {{"max.connection.creation.rate", SET, "5"}}, KERR_INVALID_REQUEST,
	 "Cannot update these configs dynamically: [max.connection.creation.rate]; new connections are limited by address"},
	{"of one broker, for all", BROKER, "", {{"sasl.kerberos.min.time.before.relogin", SET, "5"}, {"log.retention.ms", SET, "5"}}, KERR_INVALID_REQUEST,
	 "Cannot update these configs at default cluster level, broker id must be specified: [sasl.kerberos.min.time.before.relogin]"},
	{"of one broker, what counts for all", BROKER, "1", {{"min.insync.replicas", SET, "1"}}, KERR_INVALID_CONFIG,
	 "Broker-level min.insync.replicas cannot be altered while ELR is enabled."},
	{"of one listener, for all", BROKER, "", {{"listener.name.plaintext.ssl.keystore.location", SET, "x"}}, KERR_INVALID_REQUEST,
	 "Cannot update these configs at default cluster level, broker id must be specified: [listener.name.plaintext.ssl.keystore.location]"},
	{"no group", GROUP, "", {{"consumer.session.timeout.ms", SET, "50000"}}, KERR_INVALID_REQUEST, "Default group resources are not allowed."},
	{"unknown key of a group", GROUP, "g", {{"nope", SET, "5"}}, KERR_INVALID_CONFIG, "Unknown group config name: nope"},
	{"below a group's bounds", GROUP, "g", {{"consumer.session.timeout.ms", SET, "44999"}}, KERR_INVALID_CONFIG,
	 "consumer.session.timeout.ms must be greater than or equal to group.consumer.min.session.timeout.ms"},
	{"above a group's bounds", GROUP, "g", {{"streams.num.standby.replicas", SET, "3"}}, KERR_INVALID_CONFIG,
	 "streams.num.standby.replicas must be less than or equal to group.streams.max.standby.replicas"},
	{"no number for a group", GROUP, "g", {{"consumer.session.timeout.ms", SET, "x"}}, KERR_INVALID_CONFIG, "Invalid value x for configuration consumer.session.timeout.ms: "},
	{"no subscription", CLIENT_METRICS, "", {{"interval.ms", SET, "1000"}}, KERR_INVALID_REQUEST, "Subscription name can't be empty"},
	{"unknown key of client metrics", CLIENT_METRICS, "m", {{"nope", SET, "1"}}, KERR_INVALID_REQUEST, "Unknown client metrics configuration: nope"},
	{"a short interval", CLIENT_METRICS, "m", {{"interval.ms", SET, "99"}}, KERR_INVALID_REQUEST,
	 "Invalid value 99 for interval.ms, interval must be between 100 and 3600000 (1 hour)"},
	{"no selector", CLIENT_METRICS, "m", {{"match", SET, "client_id=a,client_id=["}}, KERR_INVALID_CONFIG, "Illegal client matching pattern: client_id=["},
	{"an empty metric", CLIENT_METRICS, "m", {{"metrics", SET, "a,,b"}}, KERR_INVALID_CONFIG, "Configuration 'metrics' values must not be empty."},
	{"no type", 0, "t", {{"retention.ms", SET, "5"}}, KERR_INVALID_REQUEST, "Unknown resource type 0"},
	{"an unknown type", 99, "t", {{"retention.ms", SET, "5"}}, KERR_INVALID_REQUEST, "Unknown resource type 99"},
};

/* Both APIs refuse alike, whether to change or only to validate, and nothing changes. */
Test(alter_configs, refusals)
{
	struct admin admin;
	int source;
	admin_open(&admin, NULL);
	create_topic(&admin.client, "t", 1, "retention.ms=77");
	for (size_t i = 0; i < COUNT_OF(refused); i++)
		for (int validate_only = 0; validate_only < 2; validate_only++) {
			struct kmsg_incremental_alter_configs_response one = incremental(&admin.client, 1, &refused[i], 1, validate_only);
			check_outcome(refused[i].what, refused[i].error, refused[i].message, one.responses.items[0].error_code, one.responses.items[0].error_message);
			struct kmsg_alter_configs_response two = replace(&admin.client, 2, &refused[i], 1, validate_only);
			check_outcome(refused[i].what, refused[i].error, refused[i].message, two.responses.items[0].error_code, two.responses.items[0].error_message);
			cr_expect_eq(two.responses.items[0].resource_type, refused[i].type);
			cr_expect_str_eq(text_of(two.responses.items[0].resource_name), refused[i].resource);
		}
	cr_expect_str_eq(config_of(&admin.other, "t", "retention.ms", &source), "77");
	config_of(&admin.other, "t", "segment.ms", &source);
	cr_expect_eq(source, 5);
	admin_close(&admin);
}

/* What only the incremental one can get wrong: its operations. */
Test(alter_configs, operations_refused)
{
	static const struct alteration cases[] = {
		{"append to a number", TOPIC, "t", {{"retention.ms", APPEND, "5"}}, KERR_INVALID_CONFIG, "Can't APPEND to key retention.ms because its type is not LIST."},
		{"subtract from a number", TOPIC, "t", {{"retention.ms", SUBTRACT, "5"}}, KERR_INVALID_CONFIG, "Can't SUBTRACT to key retention.ms because its type is not LIST."},
		{"append to nothing known", TOPIC, "t", {{"nope", APPEND, "5"}}, KERR_INVALID_CONFIG, "Can't APPEND to key nope because its type is not LIST."},
		{"an operation comes before the name", TOPIC, "a b", {{"retention.ms", APPEND, "5"}}, KERR_INVALID_CONFIG, "Can't APPEND"},
		{"append what is no choice", TOPIC, "t", {{"cleanup.policy", APPEND, "shred"}}, KERR_INVALID_CONFIG, "Invalid value shred for configuration cleanup.policy: "},
		{"append nothing", TOPIC, "t", {{"cleanup.policy", APPEND, ""}}, KERR_INVALID_CONFIG, "Configuration 'cleanup.policy' values must not be empty."},
		{"append null", TOPIC, "t", {{"cleanup.policy", APPEND, NULL}}, KERR_INVALID_REQUEST, "Null value not supported for : cleanup.policy"},
		{"an unknown operation", TOPIC, "t", {{"retention.ms", 4, "5"}}, KERR_INVALID_REQUEST, "Unknown operation 4 for config retention.ms."},
		{"append to the broker's number", BROKER, "1", {{"log.retention.ms", APPEND, "5"}}, KERR_INVALID_CONFIG, "Config value append is not allowed for config key: log.retention.ms"},
		{"subtract from nothing known", BROKER, "1", {{"nope", SUBTRACT, "5"}}, KERR_INVALID_CONFIG, "Unknown config name: nope"},
		{"append to a list of client metrics", CLIENT_METRICS, "m", {{"metrics", APPEND, "5"}}, KERR_INVALID_CONFIG, "Can't APPEND to key metrics because its type is not LIST."},
		{"a logger that is none", BROKER_LOGGER, "1", {{"root", SET, "INFO"}, {"nope", SET, "INFO"}}, KERR_INVALID_CONFIG, "Logger nope does not exist!"},
		{"a level that is none", BROKER_LOGGER, "1", {{"root", SET, "info"}}, KERR_INVALID_CONFIG, "Cannot set the log level of root to info as it is not a supported log level."},
		{"no level", BROKER_LOGGER, "1", {{"root", DELETE, NULL}}, KERR_INVALID_REQUEST, "Removing the log level of the root logger is not allowed"},
		{"a longer level", BROKER_LOGGER, "1", {{"root", APPEND, "INFO"}}, KERR_INVALID_REQUEST, "APPEND operation is not allowed for the BROKER_LOGGER resource"},
		{"loggers of another broker", BROKER_LOGGER, "2", {{"root", SET, "INFO"}}, KERR_INVALID_REQUEST, "Unexpected broker id, expected 1"},
		{"a negative operation", TOPIC, "t", {{"retention.ms", -1, "5"}}, KERR_INVALID_REQUEST, "Unknown operation -1"},
	};
	struct admin admin;
	admin_open(&admin, NULL);
	create_topic(&admin.client, "t", 1, NULL);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct kmsg_incremental_alter_configs_response out = incremental(&admin.client, 1, &cases[i], 1, false);
		check_outcome(cases[i].what, cases[i].error, cases[i].message, out.responses.items[0].error_code, out.responses.items[0].error_message);
	}
	admin_close(&admin);
}

/* A chain of changes; after each, the other shard's client sees the value and whether it is the topic's own. */
Test(alter_configs, incremental_changes)
{
	static const struct {
		struct alteration alteration;
		const char *key, *value;
		int source;
	} steps[] = {
		{{"set", TOPIC, "t", {{"retention.ms", SET, "5"}}, KERR_NONE, NULL}, "retention.ms", "5", 1},
		{{"others stay", TOPIC, "t", {{"segment.ms", SET, "500"}}, KERR_NONE, NULL}, "retention.ms", "5", 1},
		{{"delete", TOPIC, "t", {{"retention.ms", DELETE, NULL}}, KERR_NONE, NULL}, "retention.ms", "604800000", 5},
		{{"delete what is not there", TOPIC, "t", {{"retention.ms", DELETE, NULL}}, KERR_NONE, NULL}, "segment.ms", "500", 1},
		{{"delete, with a value", TOPIC, "t", {{"segment.ms", DELETE, "9"}}, KERR_NONE, NULL}, "segment.ms", "604800000", 5},
		{{"delete what nobody knows", TOPIC, "t", {{"nope", DELETE, NULL}}, KERR_NONE, NULL}, "segment.ms", "604800000", 5},
		{{"append to the default", TOPIC, "t", {{"cleanup.policy", APPEND, "compact"}}, KERR_NONE, NULL}, "cleanup.policy", "delete,compact", 1},
		{{"append what is there", TOPIC, "t", {{"cleanup.policy", APPEND, "compact,delete"}}, KERR_NONE, NULL}, "cleanup.policy", "delete,compact", 1},
		{{"subtract", TOPIC, "t", {{"cleanup.policy", SUBTRACT, " delete"}}, KERR_NONE, NULL}, "cleanup.policy", "compact", 1},
		{{"subtract what is not there", TOPIC, "t", {{"cleanup.policy", SUBTRACT, "delete"}}, KERR_NONE, NULL}, "cleanup.policy", "compact", 1},
		{{"subtract the last", TOPIC, "t", {{"cleanup.policy", SUBTRACT, "compact"}}, KERR_NONE, NULL}, "cleanup.policy", "", 1},
		{{"append to nothing", TOPIC, "t", {{"cleanup.policy", APPEND, "delete"}}, KERR_NONE, NULL}, "cleanup.policy", "delete", 1},
		{{"space in a list", TOPIC, "t", {{"cleanup.policy", SET, "compact , delete"}}, KERR_NONE, NULL}, "cleanup.policy", "compact,delete", 1},
		{{"two at once", TOPIC, "t", {{"retention.ms", SET, "9"}, {"cleanup.policy", DELETE, NULL}}, KERR_NONE, NULL}, "cleanup.policy", "delete", 5},
		{{"none", TOPIC, "t", {{NULL, SET, NULL}}, KERR_NONE, NULL}, "retention.ms", "9", 1},
		{{"nothing of the broker's is there to delete", BROKER, "1", {{"num.partitions", DELETE, NULL}}, KERR_NONE, NULL}, "retention.ms", "9", 1},
	};
	struct admin admin;
	admin_open(&admin, NULL);
	create_topic(&admin.client, "t", 1, NULL);
	for (size_t i = 0; i < COUNT_OF(steps); i++) {
		int source;
		struct kmsg_incremental_alter_configs_response out = incremental(&admin.client, i % 2, &steps[i].alteration, 1, false);
		check_outcome(steps[i].alteration.what, KERR_NONE, NULL, out.responses.items[0].error_code, out.responses.items[0].error_message);
		const char *value = config_of(&admin.other, "t", steps[i].key, &source);
		cr_expect_str_eq(value, steps[i].value, "%s: %s", steps[i].alteration.what, value);
		cr_expect_eq(source, steps[i].source, "%s: source %d", steps[i].alteration.what, source);
	}
	admin_close(&admin);
}

/* What is kept beside topics: a chain of changes, seen by the other shard's client at once, and of the broker's by topics as well; and by the next broker. */
static const struct {
	struct alteration alteration;
	int type;
	const char *resource, *key, *value;
	int source;
} settings_steps[] = {
	{{"all brokers", BROKER, "", {{"log.retention.ms", SET, "5000"}}, KERR_NONE, NULL}, BROKER, "1", "log.retention.ms", "5000", 3},
	{{"topics follow", BROKER, "", {{"log.roll.ms", SET, "6000"}}, KERR_NONE, NULL}, TOPIC, "t", "retention.ms", "5000", 3},
	{{"this broker", BROKER, "1", {{"log.retention.ms", SET, "7000"}}, KERR_NONE, NULL}, TOPIC, "t", "retention.ms", "7000", 2},
	{{"this broker, written otherwise", BROKER, "+1", {{"log.retention.bytes", SET, "70"}}, KERR_NONE, NULL}, TOPIC, "t", "retention.bytes", "70", 2},
	{{"all again", BROKER, "", {{"log.retention.ms", SET, "8000"}}, KERR_NONE, NULL}, BROKER, "1", "log.retention.ms", "7000", 2},
	{{"as asked of all", BROKER, "", {{NULL, SET, NULL}}, KERR_NONE, NULL}, BROKER, "", "log.retention.ms", "8000", 3},
	{{"a list", BROKER, "1", {{"log.cleanup.policy", APPEND, "compact"}}, KERR_NONE, NULL}, TOPIC, "t", "cleanup.policy", "delete,compact", 2},
	{{"less of it", BROKER, "1", {{"log.cleanup.policy", SUBTRACT, "delete"}}, KERR_NONE, NULL}, TOPIC, "t", "cleanup.policy", "compact", 2},
	{{"what nobody knows", BROKER, "1", {{"plugin.key", SET, "secret"}}, KERR_NONE, NULL}, BROKER, "1", "plugin.key", "", 2},
	{{"delete", BROKER, "1", {{"log.retention.ms", DELETE, NULL}}, KERR_NONE, NULL}, TOPIC, "t", "retention.ms", "8000", 3},
	{{"a group", GROUP, "g", {{"consumer.session.timeout.ms", SET, "50000"}}, KERR_NONE, NULL}, GROUP, "g", "consumer.session.timeout.ms", "50000", 8},
	{{"another", GROUP, "h", {{"share.isolation.level", SET, "read_committed"}}, KERR_NONE, NULL}, GROUP, "g", "consumer.session.timeout.ms", "50000", 8},
	{{"delete what is not there", GROUP, "h", {{"nope", DELETE, NULL}}, KERR_NONE, NULL}, GROUP, "h", "consumer.session.timeout.ms", "45000", 5},
	{{"the logger", BROKER_LOGGER, "1", {{"root", SET, "WARN"}}, KERR_NONE, NULL}, BROKER_LOGGER, "1", "root", "WARN", 6},
	{{"the logger again", BROKER_LOGGER, "1", {{"root", SET, "INFO"}}, KERR_NONE, NULL}, BROKER_LOGGER, "1", "root", "INFO", 6},
	{{"metrics", CLIENT_METRICS, "m", {{"metrics", SET, "a , b,a"}}, KERR_NONE, NULL}, CLIENT_METRICS, "m", "metrics", "a,b", 7},
	{{"selectors", CLIENT_METRICS, "m", {{"match", SET, "client_id=a.*"}}, KERR_NONE, NULL}, CLIENT_METRICS, "m", "match", "client_id=a.*", 7},
};

static void check_step(struct client *client, size_t i)
{
	int source;
	const char *value = config_at(client, settings_steps[i].type, settings_steps[i].resource, settings_steps[i].key, &source);
	cr_expect_str_eq(value, settings_steps[i].value, "%s: %s", settings_steps[i].alteration.what, value);
	cr_expect_eq(source, settings_steps[i].source, "%s: source %d", settings_steps[i].alteration.what, source);
}

Test(alter_configs, settings)
{
	struct admin admin;
	admin_open(&admin, NULL);
	create_topic(&admin.client, "t", 1, NULL);
	for (size_t i = 0; i < COUNT_OF(settings_steps); i++) {
		struct kmsg_incremental_alter_configs_response dry = incremental(&admin.client, 1, &settings_steps[i].alteration, 1, true);
		check_outcome(settings_steps[i].alteration.what, KERR_NONE, NULL, dry.responses.items[0].error_code, dry.responses.items[0].error_message);
		struct kmsg_incremental_alter_configs_response out = incremental(&admin.client, i % 2, &settings_steps[i].alteration, 1, false);
		check_outcome(settings_steps[i].alteration.what, KERR_NONE, NULL, out.responses.items[0].error_code, out.responses.items[0].error_message);
		check_step(&admin.other, i);
	}
	client_close(&admin.client);
	client_close(&admin.other);
	broker_restart(&admin.broker);
	client_open(&admin.client, &admin.broker);
	client_open(&admin.other, &admin.broker);
	check_step(&admin.other, 9);
	for (size_t i = 11; i < COUNT_OF(settings_steps); i++)
		if (settings_steps[i].type != BROKER_LOGGER)
			check_step(&admin.other, i);
	static const struct alteration only = {"replace", BROKER, "1", {{"message.max.bytes", SET, "2000"}}, KERR_NONE, NULL};
	cr_expect_eq(replace(&admin.client, 2, &only, 1, false).responses.items[0].error_code, 0);
	int source;
	cr_expect_str_eq(config_at(&admin.other, TOPIC, "t", "retention.bytes", &source), "-1");
	cr_expect_str_eq(config_at(&admin.other, TOPIC, "t", "max.message.bytes", &source), "2000");
	cr_expect_str_eq(config_at(&admin.other, TOPIC, "t", "retention.ms", &source), "8000");
	admin_close(&admin);
}

/* The broker's limit of connections may be changed while they are there: the next one is closed. */
Test(alter_configs, connections)
{
	static const struct alteration per_address = {"two", BROKER, "1", {{"max.connections.per.ip", SET, "2"}}, KERR_NONE, NULL},
		many = {"many", BROKER, "1", {{"max.connections.per.ip", DELETE, NULL}}, KERR_NONE, NULL},
		all = {"two", BROKER, "", {{"max.connections", SET, "2"}}, KERR_NONE, NULL};
	struct admin admin;
	struct client third;
	uint8_t byte;
	admin_open(&admin, NULL);
	cr_expect_eq(incremental(&admin.client, 1, &per_address, 1, false).responses.items[0].error_code, 0);
	client_open(&third, &admin.broker);
	cr_expect_leq(recv(third.fd, &byte, 1, 0), 0);
	client_close(&third);
	cr_expect_eq(incremental(&admin.client, 1, &many, 1, false).responses.items[0].error_code, 0);
	client_open(&third, &admin.broker);
	create_topic(&third, "t", 1, NULL);
	client_close(&third);
	cr_expect_eq(incremental(&admin.client, 1, &all, 1, false).responses.items[0].error_code, 0);
	client_open(&third, &admin.broker);
	cr_expect_leq(recv(third.fd, &byte, 1, 0), 0);
	client_close(&third);
	admin_close(&admin);
}

/* AlterConfigs, in every version: what is not named falls back. */
Test(alter_configs, replaces_the_set)
{
	struct admin admin;
	int source;
	admin_open(&admin, NULL);
	create_topic(&admin.client, "t", 1, "segment.ms=7000");
	for (int version = 0; version <= 2; version++) {
		static const struct alteration set = {"set", TOPIC, "t", {{"retention.ms", SET, "5"}}, KERR_NONE, NULL}, none = {"none", TOPIC, "t", {{NULL, SET, NULL}}, KERR_NONE, NULL};
		cr_expect_eq(replace(&admin.client, version, &set, 1, false).responses.items[0].error_code, 0);
		cr_expect_str_eq(config_of(&admin.other, "t", "retention.ms", &source), "5");
		config_of(&admin.other, "t", "segment.ms", &source);
		cr_expect_eq(source, 5);
		cr_expect_eq(replace(&admin.client, version, &none, 1, false).responses.items[0].error_code, 0);
		config_of(&admin.other, "t", "retention.ms", &source);
		cr_expect_eq(source, 5);
	}
	admin_close(&admin);
}

/* Each resource has its own outcome; one that is named twice is not changed at all; validating changes nothing. */
Test(alter_configs, several_resources)
{
	static const struct alteration mixed[] = {
		{"good", TOPIC, "a", {{"retention.ms", SET, "50"}}, KERR_NONE, NULL},
		{"twice", TOPIC, "b", {{"retention.ms", SET, "50"}}, KERR_INVALID_REQUEST, "Each resource must appear at most once."},
		{"a broker of the same name", BROKER, "a", {{NULL, SET, NULL}}, KERR_INVALID_REQUEST, "Node id must be an integer, but it is: a"},
		{"twice", TOPIC, "b", {{"segment.ms", SET, "50"}}, KERR_INVALID_REQUEST, "Each resource must appear at most once."},
	};
	struct admin admin;
	int source;
	admin_open(&admin, NULL);
	create_topic(&admin.client, "a", 1, NULL);
	create_topic(&admin.client, "b", 1, NULL);
	for (int validate_only = 1; validate_only >= 0; validate_only--) {
		struct kmsg_incremental_alter_configs_response out = incremental(&admin.client, 1, mixed, 4, validate_only);
		for (int i = 0; i < 4; i++)
			check_outcome(mixed[i].what, mixed[i].error, mixed[i].message, out.responses.items[i].error_code, out.responses.items[i].error_message);
		config_of(&admin.other, "a", "retention.ms", &source);
		cr_expect_eq(source, validate_only ? 5 : 1);
	}
	config_of(&admin.other, "b", "retention.ms", &source);
	cr_expect_eq(source, 5);
	struct kmsg_alter_configs_response out = replace(&admin.client, 2, mixed, 4, false);
	cr_expect_eq(out.responses.items[1].error_code, KERR_INVALID_REQUEST);
	admin_close(&admin);
}

/* A changed config is in force at once: a batch that was small enough is too large now, on any connection. */
Test(alter_configs, are_in_force)
{
	static const struct alteration small = {"small", TOPIC, "t", {{"max.message.bytes", SET, "200"}}, KERR_NONE, NULL};
	struct admin admin;
	admin_open(&admin, NULL);
	create_topic(&admin.client, "t", 1, NULL);
	produce_tens(&admin.other, "t", 1);
	cr_expect_eq(incremental(&admin.client, 1, &small, 1, false).responses.items[0].error_code, 0);
	uint8_t memory[4096];
	struct produce_one one;
	struct kmsg_produce_response out;
	client_call(&admin.other, "produce", 9, produce_one(&one, "t", 0, -1, make_batch(memory, sizeof memory, 10, 20)), &out);
	cr_expect_eq(produce_result(&out).error_code, KERR_MESSAGE_TOO_LARGE);
	admin_close(&admin);
}

/* More resources than one round of changes has: each has its outcome, in the order of the request, and other clients are served
 * meanwhile. */
Test(alter_configs, many_resources)
{
	enum { COUNT = 50 };
	static char names[COUNT][24];
	struct kmsg_incremental_alter_configs_config config = {.name = slice_from("retention.ms"), .value = slice_from("99")};
	struct kmsg_incremental_alter_configs_resource resources[COUNT];
	struct kmsg_incremental_alter_configs_request in;
	struct kmsg_incremental_alter_configs_response out;
	struct admin admin;
	int source;
	admin_open(&admin, NULL);
	kmsg_incremental_alter_configs_request_init(&in);
	for (int i = 0; i < COUNT; i++) {
		snprintf(names[i], sizeof names[i], "many-%d", i);
		if (i % 7 != 3)
			create_topic(&admin.client, names[i], 1, NULL);
		resources[i] = (struct kmsg_incremental_alter_configs_resource){
			.resource_type = TOPIC, .resource_name = slice_from(names[i]), .configs = {&config, 1}};
	}
	in.resources.items = resources;
	in.resources.count = COUNT;
	client_send(&admin.client, "incremental_alter_configs", 1, &in);
	cr_expect_eq(partitions_of(&admin.other, names[0]), 1);
	cr_assert(client_receive(&admin.client, "incremental_alter_configs", 1, admin.client.correlation_id, &out));
	cr_assert_eq(out.responses.count, COUNT);
	for (int i = 0; i < COUNT; i++) {
		cr_expect_str_eq(text_of(out.responses.items[i].resource_name), names[i]);
		cr_expect_eq(out.responses.items[i].error_code, i % 7 == 3 ? KERR_UNKNOWN_TOPIC_OR_PARTITION : KERR_NONE, "%d", i);
	}
	for (int i = 0; i < COUNT; i++)
		if (i % 7 != 3)
			cr_expect_str_eq(config_of(&admin.other, names[i], "retention.ms", &source), "99");
	admin_close(&admin);
}
