/* `spate config explain [KEY]`: the tables of keys (log/config) as text. Asks no broker. (get and set are in cli/config_alter.c.) */
#include <inttypes.h>
#include <stdio.h>

#include "cli/command.h"
#include "cli/config_alter.h"
#include "cli/flags.h"
#include "cli/out.h"
#include "log/base/edit_distance.h"
#include "log/config/config.h"

static const char *type_name(enum config_type type)
{
	switch (type) {
	case CONFIG_BOOL: return "true or false";
	case CONFIG_INT: return "whole number";
	case CONFIG_LONG: return "whole number";
	case CONFIG_DOUBLE: return "number";
	case CONFIG_STRING: return "text";
	case CONFIG_LIST: return "list";
	case CONFIG_ENUM: return "one of";
	}
	return "?";
}

static void describe_bounds(const struct config_key *key, char *out, size_t size)
{
	*out = '\0';
	if (key->choices)
		snprintf(out, size, "%s", key->choices);
	else if (key->type == CONFIG_INT || key->type == CONFIG_LONG || key->type == CONFIG_DOUBLE)
		snprintf(out, size, "%" PRId64 " to %" PRId64, key->min, key->max);
}

static const char *kind_of(const struct config_key *key)
{
	if (key->is_topic)
		return "topic";
	if (config_broker_key(slice_from(key->name)) == key)
		return "broker";
	return config_group_key(slice_from(key->name)) == key ? "group" : "client metrics";
}

static const char *owner_of(const struct config_key *key)
{
	const char *kind = kind_of(key);
	if (strcmp(kind, "broker") == 0)
		return "the broker";
	return key->is_topic ? "a topic" : strcmp(kind, "group") == 0 ? "a consumer group" : "a subscription to client metrics";
}

/* What is no broker's is never read at start alone. */
static bool is_changeable(const struct config_key *key)
{
	return key->is_dynamic || strcmp(kind_of(key), "broker") != 0;
}

/* ---- one key ---------------------------------------------------------------------------------------------------------- */

static void explain_key(struct out *out, const struct config_key *key)
{
	char bounds[128];
	describe_bounds(key, bounds, sizeof bounds);
	out_text(out, "name", "key", key->name);
	out_text(out, "kind", "of", owner_of(key));
	out_text(out, "type", "type", type_name(key->type));
	if (*bounds)
		out_text(out, "values", "values", bounds);
	out_text(out, "default", "default", key->default_value && !*key->default_value ? "(empty)" : key->default_value);
	if (key->broker_name)
		out_text(out, "broker_key", "default set by", key->broker_name);
	if (key->is_inert)
		out_bool(out, "has_effect", "has effect", false);
	out_bool(out, "is_dynamic", "dynamic", is_changeable(key));
	out_text(out, "doc", "what it is", key->doc);
}

static bool is_set_by(const struct config_key *topic_key, const struct config_key *broker_key)
{
	return topic_key->broker_name && strcmp(topic_key->broker_name, broker_key->name) == 0;
}

/* A name may be a topic's and the broker's: the topic's is the one with an effect of its own. */
static const struct config_key *find_key(const char *name)
{
	const struct config_key *key = config_topic_key(slice_from(name));
	key = key ? key : config_broker_key(slice_from(name));
	key = key ? key : config_group_key(slice_from(name));
	return key ? key : config_client_metrics_key(slice_from(name));
}

static int refuse_key(const char *name)
{
	struct edit_search search = {.name = name};
	const char *topic = config_nearest(name, true), *broker = config_nearest(name, false);
	const char *absent = config_absent_feature(name);
	if (broker)
		edit_offer(&search, broker);
	if (topic)
		edit_offer(&search, topic);
	if (absent)
		complain("%s: %s", name, absent);
	else if (search.nearest)
		complain("unknown key %s; did you mean %s?", name, search.nearest);
	else
		complain("unknown key %s; 'spate config explain' lists all", name);
	return STATUS_USAGE;
}

/* ---- all keys ------------------------------------------------------------------------------------------------------------ */

static void list_keys(struct out_table *table, const struct config_key *keys, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		OUT_ROW(table, cell_text(keys[i].name), cell_text(kind_of(&keys[i])),
			cell_text(keys[i].default_value), cell_text(keys[i].is_inert ? "none" : "yes"),
			cell_text(is_changeable(&keys[i]) ? "yes" : "no"), cell_text(keys[i].doc));
	}
}

static void explain_all(struct out *out)
{
	static const char *const columns[] = {"name=KEY", "kind=OF", "default=DEFAULT", "effect=EFFECT", "is_dynamic=DYNAMIC", "doc=WHAT IT IS"};
	uint32_t topic_count, broker_count, group_count, metrics_count;
	const struct config_key *topic_keys = config_topic_keys(&topic_count), *broker_keys = config_broker_keys(&broker_count);
	struct out_table *table = out_table_begin(out, "keys", columns, COUNT_OF(columns));
	list_keys(table, broker_keys, broker_count);
	list_keys(table, topic_keys, topic_count);
	const struct config_key *group_keys = config_group_keys(&group_count), *metrics_keys = config_client_metrics_keys(&metrics_count);
	list_keys(table, group_keys, group_count);
	list_keys(table, metrics_keys, metrics_count);
	out_table_end(table, NULL, NULL);
}

static void explain_topic_keys_of(struct out *out, const struct config_key *broker_key)
{
	uint32_t count;
	const struct config_key *keys = config_topic_keys(&count);
	for (uint32_t i = 0; i < count; i++)
		if (is_set_by(&keys[i], broker_key))
			out_text(out, "topic_key", "topic key", keys[i].name);
}

static int explain(int argc, char **argv)
{
	bool is_json = false;
	const struct flag flags[] = {BOOL_FLAG("json", 'J', &is_json, "print JSON")};
	const struct flag_table table = {
		.command = "spate config explain",
		.arguments = "[KEY]",
		.about = "Says what a configuration key means, what it may be and what it is by default; without KEY, lists all keys. One that is dynamic can be "
			 "changed while the broker runs (spate config set, kafka-configs, any admin client).",
		.examples = "  spate config explain log.retention.ms\n  spate config explain --json | jq -r '.keys[].name'\n",
		.flags = flags,
		.flag_count = COUNT_OF(flags),
		.argument_max = 1,
	};
	struct arguments arguments;
	int status;
	if (!flags_parse(&table, argc, argv, &arguments, &status))
		return status;
	const struct config_key *key = arguments.count ? find_key(arguments.items[0]) : NULL;
	if (arguments.count && !key)
		return refuse_key(arguments.items[0]);
	struct out *out = out_open(is_json);
	if (key) {
		explain_key(out, key);
		if (!key->is_topic)
			explain_topic_keys_of(out, key);
	} else {
		explain_all(out);
	}
	out_close(out);
	return STATUS_OK;
}

int config_run(int argc, char **argv)
{
	static const struct command commands[] = {
		{"explain", "what a key means, what it may be, what it is by default", explain},
		{"get", "what the broker, or a group, runs with", config_get_run},
		{"set", "change configs while the broker runs", config_set_run},
	};
	return command_dispatch(commands, COUNT_OF(commands), "spate config", argc, argv);
}
