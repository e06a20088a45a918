/* `spate config get` and `spate config set`: configs of the broker, of all brokers and of groups, read and changed while the broker runs.
 *
 * Happy path of set: the keys and values are checked by the tables, the broker checks them, what was is read, then they are changed. Failure modes: what the
 * broker refuses changes nothing. */
#include "cli/config_alter.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/client_verb.h"
#include "cli/out.h"
#include "cli/wire_client.h"
#include "log/config/config.h"
#include "net/wire/cursor.h"

#define WHY_SIZE 1024

/* Whose configs. */
struct owner_flags {
	const char *group;
	bool is_all_brokers;
};

#define OWNER_FLAGS(where)                                                                                              \
	TEXT_FLAG("group", 'g', &(where)->group, "GROUP", "of this consumer group, instead of the broker"),               \
	BOOL_FLAG("all-brokers", 'a', &(where)->is_all_brokers, "of all brokers; what one broker has comes before that")

struct config_flags {
	struct kafka_flags kafka;
	struct owner_flags owner;
	struct flag_list deleted;
	bool is_rehearsal, is_json;
};

static int check_owner(const struct owner_flags *owner)
{
	if (!owner->group || !owner->is_all_brokers)
		return STATUS_OK;
	complain("--group and --all-brokers exclude each other; leave one out");
	return STATUS_USAGE;
}

static const struct config_key *find_key(const struct owner_flags *owner, struct slice name)
{
	return owner->group ? config_group_key(name) : config_broker_key(name);
}

/* The resource as the protocol names it; `id` holds a broker's. */
static int find_resource(const struct owner_flags *owner, const struct kafka_client *client, char id[16], struct wire_resource *out)
{
	*out = (struct wire_resource){owner->group ? WIRE_RESOURCE_GROUP : WIRE_RESOURCE_BROKER, owner->group ? owner->group : ""};
	if (owner->group || owner->is_all_brokers)
		return STATUS_OK;
	if (client->metadata->broker_cnt != 1) {
		complain("the cluster has %d brokers; give --all-brokers", client->metadata->broker_cnt);
		return STATUS_USAGE;
	}
	snprintf(id, 16, "%d", client->metadata->brokers[0].id);
	out->name = id;
	return STATUS_OK;
}

static void say_owner(struct out *out, const struct owner_flags *owner, const struct wire_resource *resource)
{
	if (owner->group)
		out_text(out, "group", "group", owner->group);
	else if (owner->is_all_brokers)
		out_text(out, "broker", "brokers", "all");
	else
		out_text(out, "broker", "broker", resource->name);
}

static char *text_of(struct slice text)
{
	char *copy = malloc(text.size + 1);
	if (!copy) {
		fputs("spate: out of memory\n", stderr);
		exit(STATUS_FAILED);
	}
	if (text.size)
		memcpy(copy, text.data, text.size);
	copy[text.size] = '\0';
	return copy;
}

/* A name that nobody knows. */
static int refuse_key(const struct config_flags *flags, struct slice name)
{
	char *text = text_of(name);
	const char *nearest = flags->owner.group ? NULL : config_nearest(text, false);
	if (config_absent_feature(text))
		complain("%s: %s", text, config_absent_feature(text));
	else if (nearest)
		complain("unknown key %s; did you mean %s?", text, nearest);
	else
		complain("unknown key %s; 'spate config explain' lists all", text);
	free(text);
	return STATUS_USAGE;
}

/* ---- get ------------------------------------------------------------------------------------------------------------- */

static const char *source_name(int source)
{
	switch (source) {
	case CONFIG_SOURCE_DYNAMIC_BROKER: return "broker, while running";
	case CONFIG_SOURCE_DYNAMIC_DEFAULT: return "all brokers, while running";
	case CONFIG_SOURCE_BROKER: return "broker, at start";
	case CONFIG_SOURCE_GROUP: return "group";
	default: return "default";
	}
}

/* A broker has this one set from its start, as Kafka has: nobody did it. */
static bool is_implied(const struct wire_config *config)
{
	return config->source == CONFIG_SOURCE_DYNAMIC_DEFAULT && slice_equal(config->name, slice_from("min.insync.replicas")) &&
	       slice_equal(config->value, slice_from("1"));
}

/* Without names: what was set. */
static bool is_wanted(const struct wire_config *config, const struct arguments *keys)
{
	for (uint32_t i = 0; i < keys->count; i++)
		if (slice_equal(config->name, slice_from(keys->items[i])))
			return true;
	return keys->count == 0 && config->source != CONFIG_SOURCE_DEFAULT && !is_implied(config);
}

static void show_config(struct out_table *table, const struct wire_config *config)
{
	char *name = text_of(config->name), *value = text_of(config->value);
	OUT_ROW(table, cell_text(name), cell_text(config->is_sensitive ? "(hidden)" : config->value.data ? value : NULL), cell_text(source_name(config->source)),
		cell_bool(!config->is_read_only));
	free(name);
	free(value);
}

/* Each key that is named must be one that the broker has. */
static int check_names(const struct config_flags *flags, const struct arguments *keys, const struct wire_config *configs, uint32_t count)
{
	for (uint32_t i = 0; i < keys->count; i++) {
		uint32_t place = 0;
		while (place < count && !slice_equal(configs[place].name, slice_from(keys->items[i])))
			place++;
		if (place == count)
			return refuse_key(flags, slice_from(keys->items[i]));
	}
	return STATUS_OK;
}

static int get_configs(struct kafka_client *client, void *context, const struct arguments *keys)
{
	static const char *const columns[] = {"name=CONFIG", "value=VALUE", "source=SET BY", "is_dynamic=DYNAMIC"};
	const struct config_flags *flags = context;
	char why[WHY_SIZE] = "", id[16];
	struct wire_resource resource;
	struct wire_config *configs;
	uint32_t count;
	int status = find_resource(&flags->owner, client, id, &resource);
	if (status)
		return status;
	if (wire_client_configs(client->wire, &resource, &configs, &count, why, sizeof why)) {
		complain("%s", why);
		return STATUS_FAILED;
	}
	status = check_names(flags, keys, configs, count);
	if (status)
		return status;
	struct out *out = out_open(flags->is_json);
	say_owner(out, &flags->owner, &resource);
	struct out_table *table = out_table_begin(out, "configs", columns, COUNT_OF(columns));
	for (uint32_t i = 0; i < count; i++)
		if (is_wanted(&configs[i], keys))
			show_config(table, &configs[i]);
	out_table_end(table, NULL, "none set");
	out_close(out);
	return STATUS_OK;
}

static int check_get(void *context, const struct arguments *keys)
{
	const struct config_flags *flags = context;
	return check_owner(&flags->owner);
}

int config_get_run(int argc, char **argv)
{
	struct config_flags flags = {0};
	kafka_flags_init(&flags.kafka);
	const struct flag list[] = {
		OWNER_FLAGS(&flags.owner),
		BOOL_FLAG("json", 'J', &flags.is_json, "print JSON"),
		KAFKA_FLAGS(&flags.kafka),
	};
	const struct flag_table table = {
		.command = "spate config get",
		.arguments = "[KEY...]",
		.about = "Prints what the broker runs with: the keys that are named, or without a name those that were set, and by whom.",
		.examples = "  spate config get\n  spate config get log.retention.ms message.max.bytes\n  spate config get --group billing\n",
		.flags = list,
		.flag_count = COUNT_OF(list),
		.argument_max = ARGUMENTS_MAX,
	};
	const struct client_verb verb = {.table = &table, .kafka = &flags.kafka, .type = RD_KAFKA_PRODUCER, .check = check_get, .run = get_configs, .context = &flags};
	return client_verb_run(&verb, argc, argv);
}

/* ---- set ------------------------------------------------------------------------------------------------------------- */

struct setting {
	struct slice name, value; /* value.data NULL: back to what it is otherwise */
};

static struct setting setting_at(const struct config_flags *flags, const struct arguments *settings, uint32_t i)
{
	if (i >= settings->count)
		return (struct setting){.name = slice_from(flags->deleted.items[i - settings->count])};
	const char *text = settings->items[i];
	size_t size = strcspn(text, "=");
	return (struct setting){{(const uint8_t *)text, size}, slice_from(text + size + 1)};
}

static int check_setting(const struct config_flags *flags, const struct setting *setting)
{
	const struct config_key *key = find_key(&flags->owner, setting->name);
	char why[WHY_SIZE];
	if (!setting->value.data)
		return STATUS_OK;
	if (!key)
		return refuse_key(flags, setting->name);
	if (!flags->owner.group && !key->is_dynamic) {
		complain("%s is read when the broker starts: set it in the configuration file or with --set, and start it anew", key->name);
		return STATUS_USAGE;
	}
	if (!config_check(key, setting->value, why, sizeof why))
		return STATUS_OK;
	complain("%s", why);
	return STATUS_USAGE;
}

static int check_set(void *context, const struct arguments *settings)
{
	const struct config_flags *flags = context;
	int status = check_owner(&flags->owner);
	for (uint32_t i = 0; !status && i < settings->count; i++)
		if (!strchr(settings->items[i], '=')) {
			complain("'%s' is not of the form KEY=VALUE", settings->items[i]);
			status = STATUS_USAGE;
		}
	for (uint32_t i = 0; !status && i < settings->count; i++) {
		struct setting setting = setting_at(flags, settings, i);
		status = check_setting(flags, &setting);
	}
	if (status || settings->count || flags->deleted.count)
		return status;
	complain("nothing is to be set; give KEY=VALUE, or --delete KEY");
	return STATUS_USAGE;
}

static int alter(struct kafka_client *client, const struct config_flags *flags, const struct wire_resource *resource, const struct arguments *settings,
		 bool is_rehearsal)
{
	struct wire_config_change changes[ARGUMENTS_MAX + FLAG_LIST_MAX];
	uint32_t count = settings->count + flags->deleted.count;
	char why[WHY_SIZE] = "";
	for (uint32_t i = 0; i < count; i++) {
		struct setting setting = setting_at(flags, settings, i);
		changes[i] = (struct wire_config_change){setting.name, setting.value};
	}
	if (!wire_client_alter_configs(client->wire, resource, changes, count, is_rehearsal, why, sizeof why))
		return STATUS_OK;
	complain("%s", why);
	return STATUS_FAILED;
}

/* The value in force; the caller's to free. NULL: none. */
static char *value_of(struct kafka_client *client, const struct wire_resource *resource, struct slice name)
{
	char why[WHY_SIZE];
	struct wire_config *configs;
	uint32_t count;
	if (wire_client_configs(client->wire, resource, &configs, &count, why, sizeof why))
		return NULL;
	for (uint32_t i = 0; i < count; i++)
		if (slice_equal(configs[i].name, name) && configs[i].value.data)
			return text_of(configs[i].value);
	return NULL;
}

static void show_changes(struct kafka_client *client, const struct config_flags *flags, const struct wire_resource *resource, const struct arguments *settings,
			 char *const *before)
{
	static const char *const columns[] = {"name=CONFIG", "before=BEFORE", "after=AFTER"};
	struct out *out = out_open(flags->is_json);
	say_owner(out, &flags->owner, resource);
	if (flags->is_json || flags->is_rehearsal)
		out_bool(out, "dry_run", "dry run", flags->is_rehearsal);
	struct out_table *table = out_table_begin(out, "changes", columns, COUNT_OF(columns));
	for (uint32_t i = 0; i < settings->count + flags->deleted.count; i++) {
		struct setting setting = setting_at(flags, settings, i);
		char *name = text_of(setting.name), *wanted = setting.value.data ? text_of(setting.value) : NULL;
		char *after = flags->is_rehearsal ? NULL : value_of(client, resource, setting.name);
		OUT_ROW(table, cell_text(name), cell_text(before[i]), cell_text(after ? after : wanted));
		free(name);
		free(wanted);
		free(after);
	}
	out_table_end(table, NULL, NULL);
	out_close(out);
}

/* What is kept for tools alone: whoever sets it by hand should know. */
static void warn_of_inert(const struct config_flags *flags, const struct arguments *settings)
{
	for (uint32_t i = 0; i < settings->count; i++) {
		const struct config_key *key = find_key(&flags->owner, setting_at(flags, settings, i).name);
		if (key && key->is_inert)
			fprintf(stderr, "spate: %s is kept, and has no effect here: %s\n", key->name, key->doc);
	}
}

static int set_configs(struct kafka_client *client, void *context, const struct arguments *settings)
{
	const struct config_flags *flags = context;
	char id[16], *before[ARGUMENTS_MAX + FLAG_LIST_MAX];
	struct wire_resource resource;
	uint32_t count = settings->count + flags->deleted.count;
	int status = find_resource(&flags->owner, client, id, &resource);
	if (status)
		return status;
	for (uint32_t i = 0; i < count; i++)
		before[i] = value_of(client, &resource, setting_at(flags, settings, i).name);
	status = alter(client, flags, &resource, settings, flags->is_rehearsal);
	if (!status) {
		show_changes(client, flags, &resource, settings, before);
		warn_of_inert(flags, settings);
	}
	for (uint32_t i = 0; i < count; i++)
		free(before[i]);
	return status;
}

int config_set_run(int argc, char **argv)
{
	struct config_flags flags = {0};
	kafka_flags_init(&flags.kafka);
	const struct flag list[] = {
		OWNER_FLAGS(&flags.owner),
		LIST_FLAG("delete", 'd', &flags.deleted, "KEY", "back to what it is otherwise; may be given often"),
		BOOL_FLAG("dry-run", 'n', &flags.is_rehearsal, "let the broker check it, and change nothing"),
		BOOL_FLAG("json", 'J', &flags.is_json, "print JSON"),
		KAFKA_FLAGS(&flags.kafka),
	};
	const struct flag_table table = {
		.command = "spate config set",
		.arguments = "KEY=VALUE...",
		.about = "Changes configs while the broker runs: at once, and for its next starts as well. Only dynamic keys can be changed so ('spate config explain KEY'\n"
			 "says whether one is). What is set here comes before the configuration file. Topics that have no value of their own follow.",
		.examples = "  spate config set log.retention.ms=86400000 message.max.bytes=4000000\n  spate config set --delete log.retention.ms\n"
			    "  spate config set --group billing consumer.session.timeout.ms=60000\n",
		.flags = list,
		.flag_count = COUNT_OF(list),
		.argument_max = ARGUMENTS_MAX,
	};
	const struct client_verb verb = {.table = &table, .kafka = &flags.kafka, .type = RD_KAFKA_PRODUCER, .check = check_set, .run = set_configs, .context = &flags};
	return client_verb_run(&verb, argc, argv);
}
