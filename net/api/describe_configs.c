/* DescribeConfigs: the configs of topics, of this broker and of all brokers, of groups and of subscriptions to client metrics; where each value comes
 * from, and what it would be otherwise. A group or a subscription of any name has the defaults at least, as in Kafka.
 *
 * Values come from the image this shard holds, so that what is told is what is in force. A null or empty list of keys asks for all; unknown keys are left
 * out, as in Kafka. Failure modes, for each resource: an unknown topic, another broker, no such kind of resource. */
#include "kmsg_describe_configs.h"
#include "net/api/config_loggers.h"
#include "net/api/handlers.h"

/* Its own value; and of each broker key that shares the meaning, three that were given and the default. */
#define SYNONYMS_MAX (1 + 3 * 4)

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

/* What the broker's key gives, first what is in force; then those that stand behind it. */
static void add_broker_synonyms(const struct listing *listing, struct kmsg_describe_configs_config *out, const char *name)
{
	const struct broker_config *config = listing->request->shard->image->config;
	if (!name || !config_broker_key(slice_from(name)) || !broker_config_value(config, name))
		return;
	for (uint32_t i = 0; config_broker_synonym(name, i); i++)
		for (enum config_source source = CONFIG_SOURCE_DYNAMIC_BROKER; source <= CONFIG_SOURCE_DEFAULT; source++) {
			const char *synonym = config_broker_synonym(name, i), *value = broker_config_value_from(config, synonym, source);
			if (value)
				add_synonym(out, synonym, value, source);
		}
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

static bool is_asked_for(const struct kmsg_describe_configs_resource *resource, struct slice name)
{
	for (int32_t i = 0; i < resource->configuration_keys.count; i++)
		if (slice_equal(resource->configuration_keys.items[i], name))
			return true;
	return resource->configuration_keys.count <= 0;
}

static bool is_asked(const struct kmsg_describe_configs_resource *resource, const struct config_key *key)
{
	return is_asked_for(resource, slice_from(key->name));
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
	bool is_coarser = value->broker_name && key->broker_name && strcmp(value->broker_name, key->broker_name) != 0;
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
	out->config_source = (int8_t)broker_config_source(config, key->name);
	out->read_only = !key->is_dynamic;
	if (listing->in->include_synonyms)
		add_broker_synonyms(listing, out, key->name);
	return true;
}

/* What all brokers have been given while they ran. */
static bool list_default_key(const struct listing *listing, const struct config_key *key)
{
	const char *value = broker_config_value_from(listing->request->shard->image->config, key->name, CONFIG_SOURCE_DYNAMIC_DEFAULT);
	if (!value)
		return true;
	struct kmsg_describe_configs_config *out = add_config(listing, key);
	if (!out)
		return false;
	out->value = slice_from(value);
	out->config_source = CONFIG_SOURCE_DYNAMIC_DEFAULT;
	out->read_only = !key->is_dynamic;
	if (listing->in->include_synonyms)
		add_synonym(out, key->name, value, CONFIG_SOURCE_DYNAMIC_DEFAULT);
	return true;
}

/* A key that nobody here knows may hold a secret: its value is not told, as in Kafka. */
static bool list_unknown_key(const struct listing *listing, const struct setting *setting, enum config_source source)
{
	const struct config_key key = {.name = (const char *)setting->key.data, .doc = NULL};
	struct kmsg_describe_configs_config *out = add_config(listing, &key);
	if (!out)
		return false;
	out->name = setting->key;
	out->config_type = 0;
	out->value = (struct slice){0};
	out->config_source = (int8_t)source;
	out->read_only = out->is_sensitive = true;
	if (listing->in->include_synonyms)
		add_synonym(out, key.name, NULL, source);
	return true;
}

static bool list_unknown_keys(const struct listing *listing, struct setting_range settings, enum config_source source)
{
	for (uint32_t i = 0; i < settings.count; i++)
		if (!config_broker_key(settings.at[i]->key) && is_asked_for(listing->resource, settings.at[i]->key) &&
		    !list_unknown_key(listing, settings.at[i], source))
			return false;
	return true;
}

/* The empty name stands for all brokers. */
static bool list_broker(const struct listing *listing)
{
	struct refusal refusal = {0};
	struct slice name = listing->resource->resource_name;
	bool is_default = name.size == 0, is_refused = !is_default && refuse_broker_name(listing->request, &refusal, name, "Broker", " or empty string");
	listing->out->error_code = (int16_t)refusal.error;
	listing->out->error_message = is_refused ? refusal.message : SLICE_EMPTY;
	if (is_refused)
		return true;
	struct slice self = text_format(listing->request, "%d", (int)listing->request->shard->facts->node_id);
	struct setting_range settings = catalog_settings_of(listing->request->shard->image, SETTING_BROKER, is_default ? name : self);
	uint32_t count;
	const struct config_key *keys = config_broker_keys(&count);
	if (!self.data || !reserve(listing, count + settings.count))
		return false;
	for (uint32_t i = 0; i < count; i++)
		if (is_asked(listing->resource, &keys[i]) && !(is_default ? list_default_key(listing, &keys[i]) : list_broker_key(listing, &keys[i])))
			return false;
	return list_unknown_keys(listing, settings, is_default ? CONFIG_SOURCE_DYNAMIC_DEFAULT : CONFIG_SOURCE_DYNAMIC_BROKER);
}

/* Kafka gives a logger no type, no synonyms, and nothing to read. */
static bool list_root_logger(const struct listing *listing)
{
	static const struct config_key key = {.name = ROOT_LOGGER};
	if (!is_asked(listing->resource, &key))
		return true;
	struct kmsg_describe_configs_config *out = reserve(listing, 1) ? add_config(listing, &key) : NULL;
	if (!out)
		return false;
	out->config_type = 0;
	out->documentation = SLICE_EMPTY;
	out->value = slice_from(config_root_level());
	out->config_source = CONFIG_SOURCE_LOGGER;
	return true;
}

static bool list_loggers(const struct listing *listing)
{
	struct refusal refusal = {.message = SLICE_EMPTY};
	struct slice name = listing->resource->resource_name;
	if (name.size == 0)
		refuse(listing->request, &refusal, KERR_INVALID_REQUEST, "Broker id must not be empty");
	else
		refuse_broker_name(listing->request, &refusal, name, "Broker", "");
	listing->out->error_code = (int16_t)refusal.error;
	listing->out->error_message = refusal.message;
	return refusal.error || list_root_logger(listing);
}

/* ---- groups and client metrics ------------------------------------------------------------------------- */

/* A kind of resource whose configs are settings of its name. */
struct settings_kind {
	enum setting_type type;
	enum config_source source;
	const char *what;              /* for the sentence about a resource without a name */
};

static void take_default(const struct listing *listing, const struct config_key *key, struct kmsg_describe_configs_config *out)
{
	const struct broker_config *config = listing->request->shard->image->config;
	out->value = slice_from(key->broker_name ? broker_config_value(config, key->broker_name) : key->default_value);
	out->config_source = (int8_t)(key->broker_name ? broker_config_source(config, key->broker_name) : CONFIG_SOURCE_DEFAULT);
}

static bool list_settings_key(const struct listing *listing, const struct settings_kind *kind, const struct config_key *key)
{
	struct kmsg_describe_configs_config *out = add_config(listing, key);
	if (!out)
		return false;
	const struct setting *own = catalog_setting(listing->request->shard->image, (uint8_t)kind->type, listing->resource->resource_name, slice_from(key->name));
	take_default(listing, key, out);
	if (own) {
		out->value = own->value;
		out->config_source = (int8_t)kind->source;
	}
	if (!listing->in->include_synonyms)
		return true;
	if (own)
		add_synonym(out, key->name, (const char *)own->value.data, kind->source);
	if (key->broker_name)
		add_broker_synonyms(listing, out, key->broker_name);
	else if (kind->type == SETTING_GROUP)
		add_synonym(out, key->name, key->default_value, CONFIG_SOURCE_DEFAULT);
	return true;
}

static bool list_settings(const struct listing *listing, const struct settings_kind *kind, const struct config_key *keys, uint32_t count)
{
	struct refusal refusal = {.message = SLICE_EMPTY};
	if (listing->resource->resource_name.size == 0)
		refuse(listing->request, &refusal, KERR_INVALID_REQUEST, "%s name must not be empty", kind->what);
	listing->out->error_code = (int16_t)refusal.error;
	listing->out->error_message = refusal.message;
	if (refusal.error)
		return true;
	if (!reserve(listing, count))
		return false;
	for (uint32_t i = 0; i < count; i++)
		if (is_asked(listing->resource, &keys[i]) && !list_settings_key(listing, kind, &keys[i]))
			return false;
	return true;
}

static bool list_group(const struct listing *listing)
{
	static const struct settings_kind kind = {SETTING_GROUP, CONFIG_SOURCE_GROUP, "Group"};
	uint32_t count;
	const struct config_key *keys = config_group_keys(&count);
	return list_settings(listing, &kind, keys, count);
}

static bool list_client_metrics(const struct listing *listing)
{
	static const struct settings_kind kind = {SETTING_CLIENT_METRICS, CONFIG_SOURCE_CLIENT_METRICS, "Client metrics subscription"};
	uint32_t count;
	const struct config_key *keys = config_client_metrics_keys(&count);
	return list_settings(listing, &kind, keys, count);
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
		return list_group(listing);
	if (listing->resource->resource_type == RESOURCE_CLIENT_METRICS)
		return list_client_metrics(listing);
	if (listing->resource->resource_type == RESOURCE_BROKER_LOGGER)
		return list_loggers(listing);
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
