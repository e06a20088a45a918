/* Judging and making changes of configs.
 *
 * Happy path: the control operation looks at each resource: is it named once, are its keys, is the topic
 * there; merges the changes into the overrides the topic has; gives the whole set to the catalog. It runs on
 * shard 0, where nothing else changes the catalog in between.
 *
 * Failure modes: each resource has its own refusal; a change that the catalog cannot make durable is one as
 * well. */
#include "net/api/config_change.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/api/config_lists.h"
#include "net/api/config_loggers.h"
#include "net/api/config_settings.h"

#define TARGETS_AT_ONCE 8

/* ---- merging ------------------------------------------------------------------------------------------- */

/* A draft of a topic's overrides: a value, or NULL, for each topic key. */
struct draft {
	struct request *request;
	const struct broker_config *config; /* in force */
	struct refusal *refusal;
	const struct config_key *keys;
	uint32_t key_count;
	char **values;
};

static const struct config_key *key_of(const struct config_change *change)
{
	return config_topic_key(change->name);
}

static bool refuse_memory(struct draft *draft)
{
	return refuse(draft->request, draft->refusal, KERR_UNKNOWN_SERVER_ERROR,
		      "the request takes more memory than one may");
}

/* What a list has before it is edited: the topic's own value, or what it falls back to. */
static struct slice value_before(const struct draft *draft, const struct config_key *key)
{
	struct config_value value;
	const char *own = draft->values[key - draft->keys];
	if (own)
		return slice_from(own);
	topic_config_value(&value, key, draft->config, NULL, 0);
	return slice_from(value.text ? value.text : "");
}

static char *value_after(const struct draft *draft, const struct config_key *key,
			 const struct config_change *change)
{
	if (change->operation == CONFIG_APPEND || change->operation == CONFIG_SUBTRACT)
		return config_list_edit(draft->request, value_before(draft, key), change->value,
				 change->operation == CONFIG_APPEND);
	if (key->type == CONFIG_LIST)
		return config_list_edit(draft->request, SLICE_EMPTY, config_list(change->value), true);
	return text_copy(draft->request, change->value);
}

bool config_refuse_operation(struct request *request, struct refusal *refusal, const struct config_change *change, bool is_list)
{
	if (change->operation < CONFIG_SET || change->operation > CONFIG_SUBTRACT)
		return refuse(request, refusal, KERR_INVALID_REQUEST, "Unknown operation %d for config %.*s.", change->operation, SHOWN(change->name));
	if (change->operation < CONFIG_APPEND || is_list)
		return false;
	return refuse(request, refusal, KERR_INVALID_CONFIG, "Can't %s to key %.*s because its type is not LIST.",
		      change->operation == CONFIG_APPEND ? "APPEND" : "SUBTRACT", SHOWN(change->name));
}

/* Judges the client's own bytes: a string made of them would hide what follows a zero byte. What is
 * subtracted need not be a value. */
static bool refuse_value(struct draft *draft, const struct config_key *key, const struct config_change *change)
{
	char why[512];
	struct slice items = change->operation == CONFIG_APPEND ? change->value : config_list(change->value);
	if (key->type == CONFIG_LIST && change->operation != CONFIG_SUBTRACT && config_list_has(items, SLICE_EMPTY))
		return refuse(draft->request, draft->refusal, KERR_INVALID_CONFIG,
			      "Configuration '%s' values must not be empty.", key->name);
	if (change->operation == CONFIG_SUBTRACT && change->value.size < CONFIG_EDIT_SIZE_MAX)
		return false;
	return config_check(key, change->value, why, sizeof why) &&
		refuse(draft->request, draft->refusal, KERR_INVALID_CONFIG, "%s", why);
}

static bool refuse_change(struct draft *draft, const struct config_change *change)
{
	const struct config_key *key = key_of(change);
	char why[512];
	if (change->operation == CONFIG_DELETE) {
		if (key)
			draft->values[key - draft->keys] = NULL;
		return false;
	}
	if (!key)
		return refuse(draft->request, draft->refusal, KERR_INVALID_CONFIG,
			      "Unknown topic config name: %.*s", SHOWN(change->name));
	if (refuse_value(draft, key, change))
		return true;
	char *value = value_after(draft, key, change);
	if (!value)
		return refuse_memory(draft);
	if (config_check(key, slice_from(value), why, sizeof why))
		return refuse(draft->request, draft->refusal, KERR_INVALID_CONFIG, "%s", why);
	draft->values[key - draft->keys] = value;
	return false;
}

static bool open_draft(struct draft *draft, const struct config_overrides *base)
{
	draft->keys = config_topic_keys(&draft->key_count);
	draft->values = request_alloc_array(draft->request, draft->key_count, sizeof *draft->values);
	if (!draft->values)
		return false;
	for (uint32_t i = 0; i < base->count; i++)
		draft->values[config_topic_key(slice_from(base->items[i].name)) - draft->keys] = base->items[i].value;
	return true;
}

static bool close_draft(struct draft *draft, struct config_overrides *out)
{
	*out = (struct config_overrides){.items = request_alloc_array(draft->request, draft->key_count, sizeof *out->items)};
	if (!out->items)
		return false;
	for (uint32_t i = 0; i < draft->key_count; i++)
		if (draft->values[i])
			out->items[out->count++] = (struct config_override){draft->keys[i].name, draft->values[i]};
	return true;
}

static long long number_of(const struct draft *draft, const struct config_overrides *overrides, const char *name)
{
	struct config_value value;
	topic_config_value(&value, config_topic_key(slice_from(name)), draft->config,
			   overrides->items, overrides->count);
	return strtoll(value.text, NULL, 10);
}

/* The one rule of Kafka's that concerns two keys. */
static bool refuse_lags(struct draft *draft, const struct config_overrides *overrides)
{
	long long least = number_of(draft, overrides, "min.compaction.lag.ms");
	long long most = number_of(draft, overrides, "max.compaction.lag.ms");
	return least > most && refuse(draft->request, draft->refusal, KERR_INVALID_CONFIG,
				      "conflict topic config setting min.compaction.lag.ms (%lld) > max.compaction.lag.ms (%lld)", least, most);
}

bool config_merge(struct request *request, struct refusal *refusal, const struct broker_config *config, const struct config_overrides *base,
		  const struct config_change *changes, uint32_t count, struct config_overrides *out)
{
	struct draft draft = {.request = request, .refusal = refusal, .config = config};
	if (!open_draft(&draft, base))
		return refuse_memory(&draft);
	for (uint32_t i = 0; i < count; i++)
		if (refuse_change(&draft, &changes[i]))
			return true;
	return close_draft(&draft, out) ? refuse_lags(&draft, out) : refuse_memory(&draft);
}

/* ---- resources ----------------------------------------------------------------------------------------- */

bool refuse_resource_type(struct request *request, struct refusal *refusal, int8_t type)
{
	return refuse(request, refusal, KERR_INVALID_REQUEST, "Unknown resource type %d", type);
}

/* Keys named twice, values that are missing. */
static bool refuse_keys(struct request *request, struct config_target *target)
{
	struct slice *names = request_alloc_array(request, target->count, sizeof *names), nulls = {0};
	struct repeats repeats;
	for (uint32_t i = 0; names && i < target->count; i++)
		names[i] = target->changes[i].name;
	if (!names || !find_repeats(request, names, target->count, &repeats))
		return refuse(request, &target->refusal, KERR_UNKNOWN_SERVER_ERROR,
			      "the request takes more memory than one may");
	for (uint32_t i = 0; i < target->count; i++) {
		if (repeats.is_repeated[i])
			return refuse(request, &target->refusal, KERR_INVALID_REQUEST,
				      "Error due to duplicate config keys");
		if (!target->changes[i].value.data && target->changes[i].operation != CONFIG_DELETE)
			nulls = config_add_name(request, nulls, names[i]);
	}
	return nulls.data && refuse(request, &target->refusal, KERR_INVALID_REQUEST,
				    "Null value not supported for : %.*s", SHOWN(nulls));
}

static bool refuse_operations(struct request *request, struct config_target *target)
{
	for (uint32_t i = 0; i < target->count; i++) {
		const struct config_key *key = key_of(&target->changes[i]);
		if (config_refuse_operation(request, &target->refusal, &target->changes[i], key && key->type == CONFIG_LIST))
			return true;
	}
	return false;
}

/* ---- the operation ------------------------------------------------------------------------------------- */

/* In Kafka's order: the operations, the topic's name, the values, and only then whether there is such a
 * topic. */
static void alter_topic(struct config_alteration *alteration, struct config_target *target, struct catalog *catalog)
{
	struct request *request = alteration->request;
	struct refusal *refusal = &target->refusal;
	const struct catalog_image *image = catalog_image_acquire(catalog);
	const struct topic *topic = catalog_topic_by_name(image, target->name);
	struct config_overrides base = {0}, merged;
	if (topic && !alteration->is_replacing)
		base = (struct config_overrides){topic->overrides, topic->override_count};
	if (target->name.size == 0)
		refuse(request, refusal, KERR_INVALID_REQUEST, "Default topic resources are not allowed.");
	else if (!refuse_operations(request, target) && !refuse_topic_name(request, refusal, target->name) &&
		 !config_merge(request, refusal, image->config, &base, target->changes, target->count, &merged)) {
		if (!topic)
			refuse(request, refusal, KERR_UNKNOWN_TOPIC_OR_PARTITION,
			       "The topic '%.*s' does not exist.", SHOWN(target->name));
		else if (!alteration->is_dry_run)
			refuse_err(request, refusal,
				   catalog_set_overrides(catalog, &topic->id, merged.items, merged.count));
	}
	catalog_image_release(image);
}

static void alter(struct config_alteration *alteration, struct config_target *target, struct catalog *catalog)
{
	if (refuse_keys(alteration->request, target))
		return;
	if (target->type == RESOURCE_TOPIC)
		alter_topic(alteration, target, catalog);
	else if (target->type == RESOURCE_BROKER)
		config_alter_broker(alteration, target, catalog);
	else if (target->type == RESOURCE_GROUP)
		config_alter_group(alteration, target, catalog);
	else if (target->type == RESOURCE_CLIENT_METRICS)
		config_alter_client_metrics(alteration, target, catalog);
	else if (target->type == RESOURCE_BROKER_LOGGER && !alteration->is_replacing)
		config_alter_loggers(alteration, target);
	else
		refuse_resource_type(alteration->request, &target->refusal, target->type);
}

/* A resource named twice is changed not at all: which change would come last is anybody's guess. */
static bool find_repeated_targets(struct config_alteration *alteration, struct repeats *out)
{
	struct request *request = alteration->request;
	struct slice *entries = request_alloc_array(request, alteration->count, sizeof *entries);
	for (uint32_t i = 0; entries && i < alteration->count; i++) {
		entries[i] = text_entry(request, alteration->targets[i].type, alteration->targets[i].name);
		if (!entries[i].data)
			return false;
	}
	return entries && find_repeats(request, entries, alteration->count, out);
}

/* A few at a time: each change is a sync, for which the control shard stands still. */
static void run(struct control_op *op, struct catalog *catalog)
{
	struct config_alteration *alteration = CONTAINER_OF(op, struct config_alteration, op);
	for (int i = 0; i < TARGETS_AT_ONCE && alteration->done_count < alteration->count; i++) {
		struct config_target *target = &alteration->targets[alteration->done_count];
		if (alteration->repeats.is_repeated[alteration->done_count++])
			refuse(alteration->request, &target->refusal, KERR_INVALID_REQUEST,
			       "Each resource must appear at most once.");
		else
			alter(alteration, target, catalog);
	}
}

static enum step alter_more(struct request *request)
{
	struct config_alteration *alteration = request->state;
	if (alteration->done_count == alteration->count)
		return alteration->next(request);
	control_submit(request, &alteration->op);
	return request_join(request, alter_more);
}

enum step config_alter(struct request *request, struct config_alteration *alteration, step_fn *next)
{
	alteration->request = request;
	alteration->next = next;
	alteration->op = (struct control_op){.run = run};
	request->state = alteration;
	if (!find_repeated_targets(alteration, &alteration->repeats))
		return request_reject(request, NULL);
	return alter_more(request);
}
