/* `spate topic alter`: configs set and deleted, partitions added.
 *
 * librdkafka 2.0 has AlterConfigs alone, which replaces all configs of a topic: what the topic has set is read first, changed, and written back. Two who
 * alter one topic in the same moment may so undo each other. Happy path: compare with what is there, let the broker check everything, then do it; with
 * --dry-run it ends with the check. Failure modes: what the broker refuses, it refuses before anything was changed. */
#include "cli/topic.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/out.h"
#include "log/catalog/catalog.h"

struct alter_flags {
	struct kafka_flags kafka;
	struct flag_list configs, deleted;
	int64_t partitions;
	bool is_rehearsal, is_json;
};

struct altering {
	const struct alter_flags *flags;
	struct kafka_client *client;
	const struct rd_kafka_metadata_topic *topic;
	const rd_kafka_ConfigResource_t *before;
	rd_kafka_ConfigResource_t *after; /* all that the topic is to have set */
};

static bool is_listed(const struct flag_list *settings, const char *name)
{
	for (uint32_t i = 0; i < settings->count; i++) {
		size_t size = strcspn(settings->items[i], "=");
		if (strlen(name) == size && memcmp(settings->items[i], name, size) == 0)
			return true;
	}
	return false;
}

static int refuse_both(const struct alter_flags *flags, const char *name)
{
	if (!is_listed(&flags->configs, name))
		return STATUS_OK;
	complain("%s is both to be set and to be deleted; leave one out", name);
	return STATUS_USAGE;
}

static int check_flags(void *context, const struct arguments *arguments)
{
	const struct alter_flags *flags = context;
	struct topic_setting setting;
	int status = STATUS_OK;
	for (uint32_t i = 0; !status && i < flags->configs.count; i++)
		status = topic_setting_parse(&setting, "--config", flags->configs.items[i]);
	for (uint32_t i = 0; !status && i < flags->deleted.count; i++)
		status = topic_key_check(flags->deleted.items[i]);
	for (uint32_t i = 0; !status && i < flags->deleted.count; i++)
		status = refuse_both(flags, flags->deleted.items[i]);
	if (status || flags->configs.count || flags->deleted.count || flags->partitions)
		return status;
	complain("nothing is to be altered; give --config, --delete-config or --partitions");
	return STATUS_USAGE;
}

/* ---- what it is and what it is to be ---------------------------------------------------------------------------------------- */

static const rd_kafka_ConfigEntry_t *find_entry(const rd_kafka_ConfigResource_t *resource, const char *name)
{
	size_t count;
	const rd_kafka_ConfigEntry_t **entries = kafka()->rd_kafka_ConfigResource_configs(resource, &count);
	for (size_t i = 0; i < count; i++)
		if (strcmp(kafka()->rd_kafka_ConfigEntry_name(entries[i]), name) == 0)
			return entries[i];
	return NULL;
}

static bool is_set(const rd_kafka_ConfigEntry_t *entry)
{
	return entry && kafka()->rd_kafka_ConfigEntry_source(entry) == RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG;
}

static void plan_configs(struct altering *altering)
{
	size_t count;
	const rd_kafka_ConfigEntry_t **entries = kafka()->rd_kafka_ConfigResource_configs(altering->before, &count);
	altering->after = kafka()->rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, altering->topic->topic);
	for (size_t i = 0; i < count; i++) {
		const char *name = kafka()->rd_kafka_ConfigEntry_name(entries[i]);
		if (is_set(entries[i]) && !is_listed(&altering->flags->configs, name) && !is_listed(&altering->flags->deleted, name))
			kafka()->rd_kafka_ConfigResource_set_config(altering->after, name, kafka()->rd_kafka_ConfigEntry_value(entries[i]));
	}
	for (uint32_t i = 0; i < altering->flags->configs.count; i++) {
		struct topic_setting setting;
		if (topic_setting_parse(&setting, "--config", altering->flags->configs.items[i]) == STATUS_OK)
			kafka()->rd_kafka_ConfigResource_set_config(altering->after, setting.key, setting.value);
	}
}

/* ---- asking the broker ------------------------------------------------------------------------------------------------------- */

static int read_config_answer(struct altering *altering, const struct admin_call *call)
{
	size_t count;
	const rd_kafka_ConfigResource_t **answers =
		kafka()->rd_kafka_AlterConfigs_result_resources(kafka()->rd_kafka_event_AlterConfigs_result(call->event), &count);
	rd_kafka_resp_err_t err = count ? kafka()->rd_kafka_ConfigResource_error(answers[0]) : RD_KAFKA_RESP_ERR_UNKNOWN;
	if (!err)
		return STATUS_OK;
	complain("topic '%s': %s", altering->topic->topic, admin_reason(err, count ? kafka()->rd_kafka_ConfigResource_error_string(answers[0]) : NULL));
	return STATUS_FAILED;
}

static int alter_configs(struct altering *altering, bool is_rehearsal)
{
	struct admin_call call;
	if (!altering->flags->configs.count && !altering->flags->deleted.count)
		return STATUS_OK;
	admin_begin(&call, altering->client, is_rehearsal);
	kafka()->rd_kafka_AlterConfigs(altering->client->handle, &altering->after, 1, call.options, call.queue);
	int status = admin_wait(&call);
	status = status ? status : read_config_answer(altering, &call);
	admin_end(&call);
	return status;
}

static int add_partitions(struct altering *altering, bool is_rehearsal)
{
	char why[256];
	struct admin_call call;
	if (!altering->flags->partitions)
		return STATUS_OK;
	rd_kafka_NewPartitions_t *partitions = kafka()->rd_kafka_NewPartitions_new(altering->topic->topic, (size_t)altering->flags->partitions, why, sizeof why);
	if (!partitions) {
		complain("--partitions: %s", why);
		return STATUS_USAGE;
	}
	admin_begin(&call, altering->client, is_rehearsal);
	kafka()->rd_kafka_CreatePartitions(altering->client->handle, &partitions, 1, call.options, call.queue);
	int status = admin_wait(&call);
	if (!status) {
		size_t count;
		const rd_kafka_topic_result_t **results =
			kafka()->rd_kafka_CreatePartitions_result_topics(kafka()->rd_kafka_event_CreatePartitions_result(call.event), &count);
		status = admin_report_topics(results, count, NULL, NULL);
	}
	admin_end(&call);
	kafka()->rd_kafka_NewPartitions_destroy(partitions);
	return status;
}

/* A topic cannot shrink: the records of the partitions that went would be gone, and those of keys in the wrong place. */
static int check_partitions(const struct altering *altering)
{
	int now = altering->topic->partition_cnt;
	if (!altering->flags->partitions || altering->flags->partitions > now)
		return STATUS_OK;
	complain("topic '%s' has %d partitions%s", altering->topic->topic, now,
		 altering->flags->partitions == now ? " already" : "; their number can only grow");
	return STATUS_USAGE;
}

/* ---- what is said ------------------------------------------------------------------------------------------------------------- */

static void show_config(struct out_table *table, const struct altering *altering, const char *name, const char *after)
{
	const rd_kafka_ConfigEntry_t *before = find_entry(altering->before, name);
	OUT_ROW(table, cell_text(name), cell_text(before ? kafka()->rd_kafka_ConfigEntry_value(before) : NULL), cell_text(after));
}

static void show_partitions(struct out_table *table, const struct altering *altering)
{
	char before[16], after[24];
	snprintf(before, sizeof before, "%d", altering->topic->partition_cnt);
	snprintf(after, sizeof after, "%" PRId64, altering->flags->partitions);
	if (altering->flags->partitions)
		OUT_ROW(table, cell_text("partitions"), cell_text(before), cell_text(after));
}

static void show_changes(const struct altering *altering)
{
	static const char *const columns[] = {"name=WHAT", "before=BEFORE", "after=AFTER"};
	const struct alter_flags *flags = altering->flags;
	struct out *out = out_open(flags->is_json);
	out_text(out, "topic", flags->is_rehearsal ? "would alter" : "altered", altering->topic->topic);
	if (flags->is_json)
		out_bool(out, "dry_run", "", flags->is_rehearsal);
	struct out_table *table = out_table_begin(out, "changes", columns, COUNT_OF(columns));
	for (uint32_t i = 0; i < flags->configs.count; i++) {
		struct topic_setting setting;
		if (topic_setting_parse(&setting, "--config", flags->configs.items[i]) == STATUS_OK)
			show_config(table, altering, setting.key, setting.value);
	}
	for (uint32_t i = 0; i < flags->deleted.count; i++)
		show_config(table, altering, flags->deleted.items[i], flags->is_json ? NULL : "(the broker's default)");
	show_partitions(table, altering);
	out_table_end(table, NULL, NULL);
	out_close(out);
}

/* ---- the verb ------------------------------------------------------------------------------------------------------------------ */

static int alter_in_order(struct altering *altering)
{
	int status = check_partitions(altering);
	if (status)
		return status;
	plan_configs(altering);
	status = alter_configs(altering, true);
	status = status ? status : add_partitions(altering, true);
	if (!altering->flags->is_rehearsal) {
		status = status ? status : alter_configs(altering, false);
		status = status ? status : add_partitions(altering, false);
	}
	kafka()->rd_kafka_ConfigResource_destroy(altering->after);
	if (!status)
		show_changes(altering);
	return status;
}

static int alter_topic(struct kafka_client *client, void *context, const struct arguments *arguments)
{
	struct admin_call call;
	struct altering altering = {.flags = context, .client = client, .topic = kafka_client_topic(client, arguments->items[0])};
	if (!altering.topic) {
		kafka_complain_topic(client, arguments->items[0]);
		return STATUS_FAILED;
	}
	altering.before = topic_configs_ask(&call, client, arguments->items[0]);
	int status = altering.before ? alter_in_order(&altering) : STATUS_FAILED;
	admin_end(&call);
	return status;
}

int topic_alter_run(int argc, char **argv)
{
	struct alter_flags flags = {0};
	kafka_flags_init(&flags.kafka);
	const struct flag list[] = {
		LIST_FLAG("config", 'c', &flags.configs, "CONFIG=VALUE", "sets a config; may be given often"),
		LIST_FLAG("delete-config", 'd', &flags.deleted, "CONFIG", "back to the broker's default; may be given often"),
		INT_FLAG("partitions", 'p', &flags.partitions, "N", 1, TOPIC_PARTITIONS_MAX, "have so many; never fewer than there are"),
		BOOL_FLAG("dry-run", 'n', &flags.is_rehearsal, "let the broker check it, and change nothing"),
		BOOL_FLAG("json", 'J', &flags.is_json, "print JSON"),
		KAFKA_FLAGS(&flags.kafka),
	};
	const struct flag_table table = {
		.command = "spate topic alter",
		.arguments = "TOPIC",
		.about = "Changes configs of a topic and adds partitions, and shows what was before. The broker checks all of it first: what it refuses\n"
			 "changes nothing. New partitions change where keys go: records of one key then lie in two partitions.",
		.examples = "  spate topic alter orders --config retention.ms=3600000 --dry-run\n  spate topic alter orders --delete-config retention.ms\n"
			    "  spate topic alter orders --partitions 12\n",
		.flags = list,
		.flag_count = COUNT_OF(list),
		.argument_min = 1,
		.argument_max = 1,
	};
	const struct client_verb verb = {.table = &table, .kafka = &flags.kafka, .type = RD_KAFKA_PRODUCER, .check = check_flags, .run = alter_topic, .context = &flags};
	return client_verb_run(&verb, argc, argv);
}
