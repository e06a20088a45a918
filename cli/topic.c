/* `spate topic create|delete|list`, and the table of the topic verbs.
 *
 * What can be seen to be wrong here (a name, a config key, a value) is refused before the broker is asked, with the nearest right one. */
#include "cli/topic.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/out.h"
#include "log/catalog/catalog.h"
#include "log/config/config.h"

static struct slice slice_of(const char *text)
{
	return (struct slice){(const uint8_t *)text, strlen(text)};
}

static int check_name(const char *name)
{
	if (catalog_check_topic_name(slice_of(name)) == 0)
		return STATUS_OK;
	complain("'%s' cannot be a topic's name: it takes 1 to %d of a-z A-Z 0-9 . _ - (not '.' or '..' alone)", name, TOPIC_NAME_SIZE_MAX);
	return STATUS_USAGE;
}

/* ---- settings -------------------------------------------------------------------------------------------------------------- */

int topic_key_check(const char *name)
{
	const char *nearest = config_nearest(name, true);
	if (config_topic_key(slice_of(name)))
		return STATUS_OK;
	complain(nearest ? "unknown topic key %s; did you mean %s?" : "unknown topic key %s; 'spate config explain' lists all", name, nearest);
	return STATUS_USAGE;
}

int topic_setting_parse(struct topic_setting *out, const char *flag, const char *text)
{
	char why[512];
	const char *equals = strchr(text, '=');
	if (!equals || (size_t)(equals - text) >= sizeof out->key) {
		complain("%s %s: write %s key=value", flag, text, flag);
		return STATUS_USAGE;
	}
	snprintf(out->key, sizeof out->key, "%.*s", (int)(equals - text), text);
	out->value = equals + 1;
	int status = topic_key_check(out->key);
	if (status || config_check(config_topic_key(slice_of(out->key)), slice_of(out->value), why, sizeof why) == 0)
		return status;
	complain("%s", why);
	return STATUS_USAGE;
}

/* ---- create ------------------------------------------------------------------------------------------------------------------ */

struct create_flags {
	struct kafka_flags kafka;
	int64_t partitions, replication_factor;
	struct flag_list configs;
};

static int check_creation(void *context, const struct arguments *names)
{
	struct create_flags *flags = context;
	struct topic_setting setting;
	int status = STATUS_OK;
	for (uint32_t i = 0; !status && i < names->count; i++)
		status = check_name(names->items[i]);
	for (uint32_t i = 0; !status && i < flags->configs.count; i++)
		status = topic_setting_parse(&setting, "--config", flags->configs.items[i]);
	return status;
}

static rd_kafka_NewTopic_t *make_new_topic(const struct create_flags *flags, const char *name)
{
	char why[256];
	rd_kafka_NewTopic_t *topic = kafka()->rd_kafka_NewTopic_new(name, (int)flags->partitions, (int)flags->replication_factor, why, sizeof why);
	if (!topic) {
		complain("topic '%s': %s", name, why);
		return NULL;
	}
	for (uint32_t i = 0; i < flags->configs.count; i++) {
		struct topic_setting setting;
		if (topic_setting_parse(&setting, "--config", flags->configs.items[i]) == STATUS_OK)
			kafka()->rd_kafka_NewTopic_set_config(topic, setting.key, setting.value);
	}
	return topic;
}

static int send_creation(struct kafka_client *client, rd_kafka_NewTopic_t **topics, size_t count, const char *done)
{
	struct admin_call call;
	admin_begin(&call, client, false);
	kafka()->rd_kafka_CreateTopics(client->handle, topics, count, call.options, call.queue);
	int status = admin_wait(&call);
	if (!status) {
		size_t result_count;
		const rd_kafka_topic_result_t **results =
			kafka()->rd_kafka_CreateTopics_result_topics(kafka()->rd_kafka_event_CreateTopics_result(call.event), &result_count);
		status = admin_report_topics(results, result_count, done);
	}
	admin_end(&call);
	return status;
}

static int create_topics(struct kafka_client *client, void *context, const struct arguments *names)
{
	rd_kafka_NewTopic_t *topics[COUNT_OF(names->items)];
	uint32_t count = 0;
	while (count < names->count && (topics[count] = make_new_topic(context, names->items[count])))
		count++;
	int status = count == names->count ? send_creation(client, topics, count, "created") : STATUS_USAGE;
	while (count)
		kafka()->rd_kafka_NewTopic_destroy(topics[--count]);
	return status;
}

int topic_create_with_defaults(struct kafka_client *client, const char *name)
{
	struct create_flags flags = {.partitions = -1, .replication_factor = -1};
	int status = check_name(name);
	rd_kafka_NewTopic_t *topic = status ? NULL : make_new_topic(&flags, name);
	if (!topic)
		return status ? status : STATUS_USAGE;
	status = send_creation(client, &topic, 1, NULL);
	kafka()->rd_kafka_NewTopic_destroy(topic);
	return status;
}

static int create(int argc, char **argv)
{
	struct create_flags flags = {.partitions = -1, .replication_factor = -1};
	kafka_flags_init(&flags.kafka);
	const struct flag list[] = {
		INT_FLAG("partitions", 'p', &flags.partitions, "N", 1, TOPIC_PARTITIONS_MAX, "how many (the broker's num.partitions)"),
		LIST_FLAG("config", 'c', &flags.configs, "CONFIG=VALUE", "a config of the topic; may be given often"),
		INT_FLAG("replication-factor", 'r', &flags.replication_factor, "N", 1, 32767, "copies of each (the broker's default; 1 here)"),
		KAFKA_FLAGS(&flags.kafka),
	};
	const struct flag_table table = {
		.command = "spate topic create",
		.arguments = "TOPIC...",
		.about = "Creates topics. 'spate config explain' lists the configs a topic can have.",
		.examples = "  spate topic create orders --partitions 3\n  spate topic create audit -c retention.ms=-1 -c compression.type=zstd\n",
		.flags = list,
		.flag_count = COUNT_OF(list),
		.argument_min = 1,
		.argument_max = ARGUMENTS_MAX,
	};
	const struct client_verb verb = {.table = &table, .kafka = &flags.kafka, .type = RD_KAFKA_PRODUCER, .check = check_creation, .run = create_topics, .context = &flags};
	return client_verb_run(&verb, argc, argv);
}

/* ---- delete ------------------------------------------------------------------------------------------------------------------- */

static int send_deletion(struct kafka_client *client, rd_kafka_DeleteTopic_t **topics, size_t count)
{
	struct admin_call call;
	admin_begin(&call, client, false);
	kafka()->rd_kafka_DeleteTopics(client->handle, topics, count, call.options, call.queue);
	int status = admin_wait(&call);
	if (!status) {
		size_t result_count;
		const rd_kafka_topic_result_t **results =
			kafka()->rd_kafka_DeleteTopics_result_topics(kafka()->rd_kafka_event_DeleteTopics_result(call.event), &result_count);
		status = admin_report_topics(results, result_count, "deleted");
	}
	admin_end(&call);
	return status;
}

static int delete_topics(struct kafka_client *client, void *context, const struct arguments *names)
{
	rd_kafka_DeleteTopic_t *topics[COUNT_OF(names->items)];
	uint32_t count = 0;
	int status = STATUS_OK;
	for (uint32_t i = 0; i < names->count; i++) {
		if (kafka_client_topic(client, names->items[i])) {
			topics[count++] = kafka()->rd_kafka_DeleteTopic_new(names->items[i]);
		} else {
			kafka_complain_topic(client, names->items[i]);
			status = STATUS_FAILED;
		}
	}
	/* All or none: a mistyped name may mean that the others are not what was meant either. */
	if (!status)
		status = send_deletion(client, topics, count);
	else if (names->count > 1)
		complain("nothing was deleted");
	while (count)
		kafka()->rd_kafka_DeleteTopic_destroy(topics[--count]);
	return status;
}

static int delete(int argc, char **argv)
{
	struct kafka_flags flags;
	kafka_flags_init(&flags);
	const struct flag list[] = {KAFKA_FLAGS(&flags)};
	const struct flag_table table = {
		.command = "spate topic delete",
		.arguments = "TOPIC...",
		.about = "Deletes topics with all their records. There is no way back.",
		.examples = "  spate topic delete orders\n",
		.flags = list,
		.flag_count = COUNT_OF(list),
		.argument_min = 1,
		.argument_max = ARGUMENTS_MAX,
	};
	const struct client_verb verb = {.table = &table, .kafka = &flags, .type = RD_KAFKA_PRODUCER, .run = delete_topics};
	return client_verb_run(&verb, argc, argv);
}

/* ---- list ---------------------------------------------------------------------------------------------------------------------- */

struct list_flags {
	struct kafka_flags kafka;
	bool is_json, with_internal;
};

static int compare_topics(const void *a, const void *b)
{
	const struct rd_kafka_metadata_topic *const *x = a, *const *y = b;
	return strcmp((*x)->topic, (*y)->topic);
}

static bool is_internal(const char *name)
{
	return strncmp(name, "__", 2) == 0;
}

static int list_topics(struct kafka_client *client, void *context, const struct arguments *arguments)
{
	static const char *const columns[] = {"name=TOPIC", "partitions=>PARTITIONS"};
	const struct list_flags *flags = context;
	uint32_t count = (uint32_t)client->metadata->topic_cnt;
	const struct rd_kafka_metadata_topic **sorted = calloc(count + 1, sizeof *sorted);
	if (!sorted)
		return STATUS_FAILED;
	for (uint32_t i = 0; i < count; i++)
		sorted[i] = &client->metadata->topics[i];
	qsort(sorted, count, sizeof *sorted, compare_topics);
	struct out *out = out_open(flags->is_json);
	struct out_table *table = out_table_begin(out, "topics", columns, COUNT_OF(columns));
	for (uint32_t i = 0; i < count; i++)
		if (flags->with_internal || !is_internal(sorted[i]->topic))
			OUT_ROW(table, cell_text(sorted[i]->topic), cell_int(sorted[i]->partition_cnt));
	out_table_end(table, NULL, "no topics; 'spate topic create NAME' makes one");
	out_close(out);
	free(sorted);
	return STATUS_OK;
}

static int list(int argc, char **argv)
{
	struct list_flags flags = {0};
	kafka_flags_init(&flags.kafka);
	const struct flag list_of_flags[] = {
		BOOL_FLAG("internal", 'i', &flags.with_internal, "the broker's own as well (__...)"),
		BOOL_FLAG("json", 'J', &flags.is_json, "print JSON"),
		KAFKA_FLAGS(&flags.kafka),
	};
	const struct flag_table table = {
		.command = "spate topic list",
		.arguments = "",
		.about = "Lists the topics and how many partitions each has.",
		.examples = "  spate topic list\n  spate topic list --json | jq -r '.topics[].name'\n",
		.flags = list_of_flags,
		.flag_count = COUNT_OF(list_of_flags),
	};
	const struct client_verb verb = {.table = &table, .kafka = &flags.kafka, .type = RD_KAFKA_PRODUCER, .run = list_topics, .context = &flags};
	return client_verb_run(&verb, argc, argv);
}

/* ---- the table ------------------------------------------------------------------------------------------------------------------ */

int topic_run(int argc, char **argv)
{
	static const struct command commands[] = {
		{"create", "create topics", create},
		{"list", "list the topics", list},
		{"describe", "show partitions, offsets, sizes and configs", topic_describe_run},
		{"alter", "change configs, add partitions", topic_alter_run},
		{"trim", "delete the oldest records", topic_trim_run},
		{"delete", "delete topics with all their records", delete},
	};
	return command_dispatch(commands, COUNT_OF(commands), "spate topic", argc, argv);
}
