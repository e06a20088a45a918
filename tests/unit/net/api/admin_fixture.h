/* What the tests of the admin APIs share: a broker of two shards with a client on each, so that what one is
 * told the other must see, and requests in one line. */
#pragma once

#include "tests/unit/net/server_fixture.h"

#include "kmsg_create_topics.h"
#include "kmsg_describe_configs.h"
#include "net/wire/kerr.h"

/* The first connections go to the shards in turn. */
struct admin {
	struct broker broker;
	struct client client, other;
};

static void admin_open(struct admin *admin, const char *const *settings)
{
	broker_start(&admin->broker, 2, settings);
	client_open(&admin->client, &admin->broker);
	client_open(&admin->other, &admin->broker);
}

static void admin_close(struct admin *admin)
{
	client_close(&admin->client);
	client_close(&admin->other);
	broker_end(&admin->broker);
}

/* "" for a null text; a copy that lives until the next one but fifteen. */
static const char *text_of(struct slice text)
{
	static char copies[16][2048];
	static unsigned turn;
	turn = (turn + 1) % 16;
	snprintf(copies[turn], sizeof copies[turn], "%.*s", (int)text.size, text.data ? (const char *)text.data
		 : "");
	return copies[turn];
}

/* An outcome against what is expected; `message` NULL means none, else it must begin so. */
static void check_outcome(const char *what, enum kerr wanted, const char *message, int16_t error, struct slice got)
{
	cr_expect_eq(error, wanted, "%s: %s, not %s: %s", what, kerr_name(error), kerr_name(wanted), text_of(got));
	if (message)
		cr_expect(strncmp(text_of(got), message, strlen(message)) == 0, "%s: \"%s\", not \"%s\"", what,
			  text_of(got), message);
	else
		cr_expect_null(got.data, "%s: \"%s\"", what, text_of(got));
}

/* Creates one topic; `config` is "key=value" or NULL. Returns its id. */
static struct uuid create_topic(struct client *client, const char *name, int32_t partitions, const char *config)
{
	char key[64] = "";
	const char *value = config ? strchr(config, '=') : NULL;
	struct kmsg_create_topics_config pair;
	struct kmsg_create_topics_topic topic;
	struct kmsg_create_topics_request in;
	struct kmsg_create_topics_response out;
	kmsg_create_topics_request_init(&in);
	kmsg_create_topics_topic_init(&topic);
	topic.name = slice_from(name);
	topic.num_partitions = partitions;
	topic.replication_factor = 1;
	if (value) {
		snprintf(key, sizeof key, "%.*s", (int)(value - config), config);
		pair = (struct kmsg_create_topics_config){.name = slice_from(key), .value = slice_from(value + 1)};
		topic.configs.items = &pair;
		topic.configs.count = 1;
	}
	in.topics.items = &topic;
	in.topics.count = 1;
	client_call(client, "create_topics", 7, &in, &out);
	cr_assert_eq(out.topics.count, 1);
	cr_assert_eq(out.topics.items[0].error_code, 0, "%s: %s", name, text_of(out.topics.items[0].error_message));
	return out.topics.items[0].topic_id;
}

/* How many partitions a topic has, as Metadata says; 0: there is none. */
static int partitions_of(struct client *client, const char *name)
{
	struct kmsg_metadata_topic topic = {.name = slice_from(name)};
	struct kmsg_metadata_request in;
	struct kmsg_metadata_response out;
	kmsg_metadata_request_init(&in);
	in.topics.items = &topic;
	in.topics.count = 1;
	in.allow_auto_topic_creation = false;
	client_call(client, "metadata", 12, &in, &out);
	return out.topics.items[0].error_code ? 0 : out.topics.items[0].partitions.count;
}

/* The value of one config of a resource, and where it comes from. */
static const char *config_at(struct client *client, int type, const char *resource_name, const char *key, int *source)
{
	struct slice name = slice_from(key);
	struct kmsg_describe_configs_resource resource = {.resource_type = (int8_t)type, .resource_name = slice_from(resource_name)};
	struct kmsg_describe_configs_request in;
	struct kmsg_describe_configs_response out;
	kmsg_describe_configs_request_init(&in);
	resource.configuration_keys.items = &name;
	resource.configuration_keys.count = 1;
	in.resources.items = &resource;
	in.resources.count = 1;
	client_call(client, "describe_configs", 4, &in, &out);
	cr_assert_eq(out.results.items[0].error_code, 0);
	cr_assert_eq(out.results.items[0].configs.count, 1, "%s", key);
	if (source)
		*source = out.results.items[0].configs.items[0].config_source;
	return text_of(out.results.items[0].configs.items[0].value);
}

/* The same of a topic. */
__attribute__((unused)) static const char *config_of(struct client *client, const char *topic, const char *key, int *source)
{
	return config_at(client, 2, topic, key, source);
}

/* Produces batches of ten records to partition 0. */
static void produce_tens(struct client *client, const char *topic, int batches)
{
	uint8_t memory[4096];
	for (int i = 0; i < batches; i++) {
		struct produce_one one;
		struct kmsg_produce_response out;
		client_call(client, "produce", 9,
			    produce_one(&one, topic, 0, -1, make_batch(memory, sizeof memory, 10, 20)), &out);
		cr_assert_eq(produce_result(&out).error_code, 0);
	}
}
