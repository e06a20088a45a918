/* DescribeConfigs: the configs of topics, of this broker and of groups, where each value comes from, and what it would
 * be otherwise. Single groups, and subscriptions to client metrics, are never given configs of their own: any name has the defaults,
 * as in Kafka.
 *
 * Values come from the tables of log/config alone, so that what is told is what is in force. The broker's
 * are all read-only: they are read at start. A null or empty list of keys asks for all; unknown keys are
 * left out, as in Kafka. Failure modes, for each resource: an unknown topic, another broker, a kind of
 * resource that has no configs here. */
#include "kmsg_describe_configs.h"
#include "net/api/config_change.h"
#include "net/api/handlers.h"

/* Its own value, the broker's, the one built in. */
#define SYNONYMS_MAX 3

/* ConfigDef.Type */
static int8_t type_of(const struct config_key *key)
{
	switch (key->type) {
	case CONFIG_BOOL: return 1;
	case CONFIG_STRING:
	case CONFIG_ENUM: return 2;
	case CONFIG_INT: return 3;
	case CONFIG_LONG: return 5;
	case CONFIG_DOUBLE: return 6;
	case CONFIG_LIST: return 7;
	}
	return 0;
}

struct listing {
	struct request *request;
	const struct kmsg_describe_configs_request *in;
	const struct kmsg_describe_configs_resource *resource;
	struct kmsg_describe_configs_result *out;
};

static void add_synonym(struct kmsg_describe_configs_config *out, const char *name, const char *value,
			enum config_source source)
{
	out->synonyms.items[out->synonyms.count++] =
		(struct kmsg_describe_configs_synonym){.name = slice_from(name), .value = slice_from(value),
			.source = (int8_t)source};
}

/* What the broker's key would give: set by the user, built in. */
static void add_broker_synonyms(const struct listing *listing, struct kmsg_describe_configs_config *out,
				const char *name)
{
	const struct broker_config *config = listing->request->shard->image->config;
	const struct config_key *key = name ? config_broker_key(slice_from(name)) : NULL;
	if (!key)
		return;
	if (broker_config_is_set(config, name))
		add_synonym(out, name, broker_config_value(config, name), CONFIG_SOURCE_BROKER);
	if (key->default_value)
		add_synonym(out, name, key->default_value, CONFIG_SOURCE_DEFAULT);
}

/* The common part; the value is the caller's. */
static struct kmsg_describe_configs_config *add_config(const struct listing *listing, const struct config_key *key)
{
	struct kmsg_describe_configs_config *out = &listing->out->configs.items[listing->out->configs.count];
	kmsg_describe_configs_config_init(out);
	out->name = slice_from(key->name);
	out->config_type = type_of(key);
	if (listing->in->include_documentation)
		out->documentation = slice_from(key->doc);
	out->synonyms.items = listing->in->include_synonyms
		? request_alloc_array(listing->request, SYNONYMS_MAX, sizeof *out->synonyms.items) : NULL;
	if (listing->in->include_synonyms && !out->synonyms.items)
		return NULL;
	listing->out->configs.count++;
	return out;
}

static bool is_asked(const struct kmsg_describe_configs_resource *resource, const struct config_key *key)
{
	for (int32_t i = 0; i < resource->configuration_keys.count; i++)
		if (slice_equal(resource->configuration_keys.items[i], slice_from(key->name)))
			return true;
	return resource->configuration_keys.count <= 0;
}

static bool reserve(const struct listing *listing, uint32_t count)
{
	listing->out->configs.items = request_alloc_array(listing->request, count,
							  sizeof *listing->out->configs.items);
	return listing->out->configs.items != NULL;
}

/* ---- topics -------------------------------------------------------------------------------------------- */

static bool list_topic_key(const struct listing *listing, const struct topic *topic, const struct config_key *key)
{
	struct kmsg_describe_configs_config *out = add_config(listing, key);
	struct config_value *value = request_alloc_array(listing->request, 1,
							 sizeof *value); /* may hold its text */
	if (!out || !value)
		return false;
	topic_config_value(value, key, listing->request->shard->image->config, topic->overrides,
			   topic->override_count);
	out->value = slice_from(value->text);
	out->config_source = (int8_t)value->source;
	if (!listing->in->include_synonyms)
		return true;
	if (value->source == CONFIG_SOURCE_TOPIC)
		add_synonym(out, key->name, value->text, CONFIG_SOURCE_TOPIC);
	bool is_coarser = value->source == CONFIG_SOURCE_BROKER &&
		strcmp(value->broker_name, key->broker_name) != 0;
	add_broker_synonyms(listing, out, is_coarser ? value->broker_name : key->broker_name);
	return true;
}

static bool list_topic(const struct listing *listing)
{
	struct refusal refusal = {0};
	const struct topic *topic = request_topic_by_name(listing->request, listing->resource->resource_name);
	if (!topic && !refuse_topic_name(listing->request, &refusal, listing->resource->resource_name))
		refuse(listing->request, &refusal, KERR_UNKNOWN_TOPIC_OR_PARTITION,
		       "The topic '%.*s' does not exist.",
		       SHOWN(listing->resource->resource_name));
	listing->out->error_code = (int16_t)refusal.error;
	listing->out->error_message = refusal.error ? refusal.message : SLICE_EMPTY;
	uint32_t count;
	const struct config_key *keys = config_topic_keys(&count);
	if (!topic)
		return true;
	if (!reserve(listing, count))
		return false;
	for (uint32_t i = 0; i < count; i++)
		if (is_asked(listing->resource, &keys[i]) && !list_topic_key(listing, topic, &keys[i]))
			return false;
	return true;
}

/* ---- the broker ---------------------------------------------------------------------------------------- */

static bool list_broker_key(const struct listing *listing, const struct config_key *key)
{
	const struct broker_config *config = listing->request->shard->image->config;
	struct kmsg_describe_configs_config *out = add_config(listing, key);
	if (!out)
		return false;
	out->value = slice_from(broker_config_value(config, key->name));
	out->config_source = broker_config_is_set(config, key->name) ? CONFIG_SOURCE_BROKER : CONFIG_SOURCE_DEFAULT;
	out->read_only = true;
	if (listing->in->include_synonyms)
		add_broker_synonyms(listing, out, key->name);
	return true;
}

/* The empty name stands for what all brokers have been given while running: nothing. */
static bool list_broker(const struct listing *listing)
{
	struct refusal refusal = {0};
	struct slice name = listing->resource->resource_name;
	bool is_refused = name.size && refuse_broker_name(listing->request, &refusal, name, "Broker",
							  " or empty string");
	listing->out->error_code = (int16_t)refusal.error;
	listing->out->error_message = is_refused ? refusal.message : SLICE_EMPTY;
	uint32_t count;
	const struct config_key *keys = config_broker_keys(&count);
	if (is_refused || name.size == 0)
		return true;
	if (!reserve(listing, count))
		return false;
	for (uint32_t i = 0; i < count; i++)
		if (is_asked(listing->resource, &keys[i]) && !list_broker_key(listing, &keys[i]))
			return false;
	return true;
}

/* There are none, which is no error: tools ask. */
static void list_loggers(const struct listing *listing)
{
	struct refusal refusal = {.message = SLICE_EMPTY};
	struct slice name = listing->resource->resource_name;
	if (name.size == 0)
		refuse(listing->request, &refusal, KERR_INVALID_REQUEST, "Broker id must not be empty");
	else
		refuse_broker_name(listing->request, &refusal, name, "Broker", "");
	listing->out->error_code = (int16_t)refusal.error;
	listing->out->error_message = refusal.message;
}

/* ---- groups and client metrics ------------------------------------------------------------------------- */

static const struct config_key group_keys[] = {
	{.name = "consumer.assignment.interval.ms", .type = CONFIG_INT, .broker_name = "group.consumer.assignment.interval.ms",
	 .doc = "The group's assignment is computed at most once in so much time."},
	{.name = "consumer.heartbeat.interval.ms", .type = CONFIG_INT, .broker_name = "group.consumer.heartbeat.interval.ms",
	 .doc = "How often the group's members of the consumer protocol (KIP-848) send heartbeats."},
	{.name = "consumer.session.timeout.ms", .type = CONFIG_INT, .broker_name = "group.consumer.session.timeout.ms",
	 .doc = "A member of the consumer protocol (KIP-848) that sends no heartbeat for so long is dead."},
};

static const struct config_key client_metrics_keys[] = {
	{.name = "interval.ms", .type = CONFIG_INT, .default_value = "300000", .doc = "How often clients push their metrics."},
	{.name = "match", .type = CONFIG_LIST, .default_value = "", .doc = "Which clients push."},
	{.name = "metrics", .type = CONFIG_LIST, .default_value = "", .doc = "Which metrics they push, by prefix."},
};

static bool list_default(const struct listing *listing, const struct config_key *key)
{
	const struct broker_config *config = listing->request->shard->image->config;
	struct kmsg_describe_configs_config *out = add_config(listing, key);
	if (!out)
		return false;
	out->value = slice_from(key->broker_name ? broker_config_value(config, key->broker_name) : key->default_value);
	bool is_set = key->broker_name && broker_config_is_set(config, key->broker_name);
	out->config_source = is_set ? CONFIG_SOURCE_BROKER : CONFIG_SOURCE_DEFAULT;
	if (listing->in->include_synonyms)
		add_broker_synonyms(listing, out, key->broker_name);
	return true;
}

/* `what`: for the sentence about a resource without a name. */
static bool list_defaults(const struct listing *listing, const char *what, const struct config_key *keys, uint32_t count)
{
	struct refusal refusal = {.message = SLICE_EMPTY};
	if (listing->resource->resource_name.size == 0)
		refuse(listing->request, &refusal, KERR_INVALID_REQUEST, "%s name must not be empty", what);
	listing->out->error_code = (int16_t)refusal.error;
	listing->out->error_message = refusal.message;
	if (refusal.error)
		return true;
	if (!reserve(listing, count))
		return false;
	for (uint32_t i = 0; i < count; i++)
		if (is_asked(listing->resource, &keys[i]) && !list_default(listing, &keys[i]))
			return false;
	return true;
}

/* ---- all ----------------------------------------------------------------------------------------------- */

static bool list_resource(const struct listing *listing)
{
	struct refusal refusal = {0};
	kmsg_describe_configs_result_init(listing->out);
	listing->out->resource_type = listing->resource->resource_type;
	listing->out->resource_name = listing->resource->resource_name;
	if (listing->resource->resource_type == RESOURCE_TOPIC)
		return list_topic(listing);
	if (listing->resource->resource_type == RESOURCE_BROKER)
		return list_broker(listing);
	if (listing->resource->resource_type == RESOURCE_GROUP)
		return list_defaults(listing, "Group", group_keys, COUNT_OF(group_keys));
	if (listing->resource->resource_type == RESOURCE_CLIENT_METRICS)
		return list_defaults(listing, "Client metrics subscription", client_metrics_keys, COUNT_OF(client_metrics_keys));
	if (listing->resource->resource_type == RESOURCE_BROKER_LOGGER) {
		list_loggers(listing);
		return true;
	}
	refuse_resource_type(listing->request, &refusal, listing->resource->resource_type);
	listing->out->error_code = (int16_t)refusal.error;
	listing->out->error_message = refusal.message;
	return true;
}

enum step describe_configs_handle(struct request *request)
{
	struct kmsg_describe_configs_request in;
	struct kmsg_describe_configs_response out;
	if (kmsg_describe_configs_request_decode(&request->body, &request->arena, request->version, &in))
		return request_reject(request, NULL);
	kmsg_describe_configs_response_init(&out);
	out.results.items = request_alloc_array(request, (size_t)in.resources.count, sizeof *out.results.items);
	if (!out.results.items)
		return request_reject(request, NULL);
	for (; out.results.count < in.resources.count; out.results.count++) {
		struct listing listing = {request, &in, &in.resources.items[out.results.count],
			&out.results.items[out.results.count]};
		if (!list_resource(&listing))
			return request_reject(request, NULL);
	}
	size_t size = kmsg_describe_configs_response_size(&out, request->version);
	struct writer writer = request_answer_begin(request, size);
	kmsg_describe_configs_response_encode(&writer, request->version, &out);
	return request_answer_end(request, &writer);
}
