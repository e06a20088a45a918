/* `spate topic delete|list`, and the table of the topic verbs.
 *
 * What can be seen to be wrong here (a name, a config key, a value) is refused before the broker is asked, with the nearest right one. */
#include "cli/topic.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/deeds.h"
#include "cli/out.h"
#include "log/catalog/catalog.h"
#include "log/config/config.h"

int topic_name_check(const char *name)
{
	if (catalog_check_topic_name(slice_from(name)) == 0)
		return STATUS_OK;
	complain("'%s' cannot be a topic's name: it takes 1 to %d of a-z A-Z 0-9 . _ - (not '.' or '..' alone)", name, TOPIC_NAME_SIZE_MAX);
	return STATUS_USAGE;
}

/* ---- settings -------------------------------------------------------------------------------------------------------------- */

int topic_key_check(const char *name)
{
	const char *nearest = config_nearest(name, true);
	if (config_topic_key(slice_from(name)))
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
	if (status || config_check(config_topic_key(slice_from(out->key)), slice_from(out->value), why, sizeof why) == 0)
		return status;
	complain("%s", why);
	return STATUS_USAGE;
}

/* ---- delete ------------------------------------------------------------------------------------------------------------------- */

struct delete_flags {
	struct kafka_flags kafka;
	bool is_json, may_be_gone;
};

static int send_deletion(struct kafka_client *client, rd_kafka_DeleteTopic_t **topics, size_t count, const struct delete_flags *flags, struct deeds *deeds)
{
	const struct admin_deed deed = {
		.done = "deleted",
		.tolerated = flags->may_be_gone ? RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART : 0,
		.tolerated_result = "absent",
		.said = "not there:",
	};
	struct admin_call call;
	if (!count)
		return STATUS_OK;
	admin_begin(&call, client, false);
	kafka()->rd_kafka_DeleteTopics(client->handle, topics, count, call.options, call.queue);
	int status = admin_wait(&call);
	if (!status) {
		size_t result_count;
		const rd_kafka_topic_result_t **results =
			kafka()->rd_kafka_DeleteTopics_result_topics(kafka()->rd_kafka_event_DeleteTopics_result(call.event), &result_count);
		status = admin_report_topics(results, result_count, &deed, deeds);
	}
	admin_end(&call);
	return status;
}

/* All or none: a mistyped name may mean that the others are not what was meant either. */
static int check_all_there(struct kafka_client *client, const struct arguments *names)
{
	int status = STATUS_OK;
	for (uint32_t i = 0; i < names->count; i++) {
		if (kafka_client_topic(client, names->items[i]))
			continue;
		kafka_complain_topic(client, names->items[i]);
		status = STATUS_FAILED;
	}
	if (status && names->count > 1)
		complain("nothing was deleted");
	return status;
}

static int delete_topics(struct kafka_client *client, void *context, const struct arguments *names)
{
	const struct delete_flags *flags = context;
	rd_kafka_DeleteTopic_t *topics[COUNT_OF(names->items)];
	uint32_t count = 0;
	struct deeds deeds;
	int status = flags->may_be_gone ? STATUS_OK : check_all_there(client, names);
	if (status)
		return status;
	deeds_open(&deeds, flags->is_json, "topics");
	for (uint32_t i = 0; i < names->count; i++) {
		if (kafka_client_topic(client, names->items[i]))
			topics[count++] = kafka()->rd_kafka_DeleteTopic_new(names->items[i]);
		else
			deeds_add(&deeds, "absent", "not there:", names->items[i]);
	}
	status = send_deletion(client, topics, count, flags, &deeds);
	int told = deeds_close(&deeds);
	while (count)
		kafka()->rd_kafka_DeleteTopic_destroy(topics[--count]);
	return status ? status : told;
}

static int delete(int argc, char **argv)
{
	struct delete_flags flags = {0};
	kafka_flags_init(&flags.kafka);
	const struct flag list[] = {
		BOOL_FLAG("if-exists", 0, &flags.may_be_gone, "one that is not there is as good"),
		BOOL_FLAG("json", 'J', &flags.is_json, "print JSON"),
		KAFKA_FLAGS(&flags.kafka),
	};
	const struct flag_table table = {
		.command = "spate topic delete",
		.arguments = "TOPIC...",
		.about = "Deletes topics with all their records. There is no way back. If one of the names is none, nothing is deleted.",
		.examples = "  spate topic delete orders\n  spate topic delete orders audit --if-exists\n",
		.flags = list,
		.flag_count = COUNT_OF(list),
		.argument_min = 1,
		.argument_max = ARGUMENTS_MAX,
	};
	const struct client_verb verb = {.table = &table, .kafka = &flags.kafka, .type = RD_KAFKA_PRODUCER, .run = delete_topics, .context = &flags};
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
		{"create", "create topics", topic_create_run},
		{"list", "list the topics", list},
		{"describe", "show partitions, offsets, sizes and configs", topic_describe_run},
		{"alter", "change configs, add partitions", topic_alter_run},
		{"trim", "delete the oldest records", topic_trim_run},
		{"delete", "delete topics with all their records", delete},
	};
	return command_dispatch(commands, COUNT_OF(commands), "spate topic", argc, argv);
}
