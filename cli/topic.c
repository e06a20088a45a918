/* `spate topic create|list|describe|delete`.
 *
 * What can be seen to be wrong here (a name, a config key, a value) is refused before the broker is asked, with the nearest right one. */
#include "cli/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/out.h"
#include "cli/partition_offsets.h"
#include "cli/wire_client.h"
#include "log/base/uuid_text.h"
#include "log/config/config.h"
#include "log/catalog/catalog.h"

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

/* ---- answers of the admin API -------------------------------------------------------------------------------------------- */

/* Waits for the one event of an admin request; NULL after a complaint. */
static rd_kafka_event_t *wait_for_answer(rd_kafka_queue_t *queue)
{
	rd_kafka_event_t *event = kafka()->rd_kafka_queue_poll(queue, 2 * KAFKA_TIMEOUT_MS);
	if (!event) {
		complain("the broker does not answer");
		return NULL;
	}
	if (!kafka()->rd_kafka_event_error(event))
		return event;
	complain("%s", kafka()->rd_kafka_event_error_string(event));
	kafka()->rd_kafka_event_destroy(event);
	return NULL;
}

/* One line for each topic; STATUS_FAILED if one of them did not work. */
static int report_results(const rd_kafka_topic_result_t **results, size_t count, const char *done)
{
	int status = STATUS_OK;
	for (size_t i = 0; i < count; i++) {
		rd_kafka_resp_err_t err = kafka()->rd_kafka_topic_result_error(results[i]);
		const char *why = kafka()->rd_kafka_topic_result_error_string(results[i]);
		const char *name = kafka()->rd_kafka_topic_result_name(results[i]);
		if (err) {
			complain("topic '%s': %s", name, why && *why ? why : kafka()->rd_kafka_err2str(err));
			status = STATUS_FAILED;
		} else {
			printf("%s %s\n", done, name);
		}
	}
	return status;
}

/* ---- create ------------------------------------------------------------------------------------------------------------------ */

struct create_flags {
	struct kafka_flags kafka;
	int64_t partitions, replication_factor;
	struct flag_list configs;
};

static int check_config(const char *text)
{
	char name[256], why[512];
	const char *equals = strchr(text, '=');
	if (!equals || (size_t)(equals - text) >= sizeof name) {
		complain("--config %s: write --config key=value", text);
		return STATUS_USAGE;
	}
	snprintf(name, sizeof name, "%.*s", (int)(equals - text), text);
	const struct config_key *key = config_topic_key(slice_of(name));
	const char *nearest = config_nearest(name, true);
	if (!key) {
		complain(nearest ? "unknown topic key %s; did you mean %s?" : "unknown topic key %s; 'spate config explain' lists all", name, nearest);
		return STATUS_USAGE;
	}
	if (config_check(key, slice_of(equals + 1), why, sizeof why) == 0)
		return STATUS_OK;
	complain("%s", why);
	return STATUS_USAGE;
}

static int check_creation(const struct create_flags *flags, const struct arguments *names)
{
	int status = STATUS_OK;
	for (uint32_t i = 0; !status && i < names->count; i++)
		status = check_name(names->items[i]);
	for (uint32_t i = 0; !status && i < flags->configs.count; i++)
		status = check_config(flags->configs.items[i]);
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
		char key[256];
		const char *equals = strchr(flags->configs.items[i], '=');
		snprintf(key, sizeof key, "%.*s", (int)(equals - flags->configs.items[i]), flags->configs.items[i]);
		kafka()->rd_kafka_NewTopic_set_config(topic, key, equals + 1);
	}
	return topic;
}

static int send_creation(struct kafka_client *client, rd_kafka_NewTopic_t **topics, size_t count)
{
	rd_kafka_queue_t *queue = kafka()->rd_kafka_queue_new(client->handle);
	kafka()->rd_kafka_CreateTopics(client->handle, topics, count, NULL, queue);
	rd_kafka_event_t *event = wait_for_answer(queue);
	int status = STATUS_FAILED;
	if (event) {
		size_t result_count;
		const rd_kafka_topic_result_t **results =
			kafka()->rd_kafka_CreateTopics_result_topics(kafka()->rd_kafka_event_CreateTopics_result(event), &result_count);
		status = report_results(results, result_count, "created");
		kafka()->rd_kafka_event_destroy(event);
	}
	kafka()->rd_kafka_queue_destroy(queue);
	return status;
}

static int create_topics(struct kafka_client *client, const struct create_flags *flags, const struct arguments *names)
{
	rd_kafka_NewTopic_t *topics[COUNT_OF(names->items)];
	uint32_t count = 0;
	while (count < names->count && (topics[count] = make_new_topic(flags, names->items[count])))
		count++;
	int status = count == names->count ? send_creation(client, topics, count) : STATUS_USAGE;
	while (count)
		kafka()->rd_kafka_NewTopic_destroy(topics[--count]);
	return status;
}

static int create(int argc, char **argv)
{
	struct create_flags flags = {.partitions = -1, .replication_factor = -1};
	kafka_flags_init(&flags.kafka);
	const struct flag table[] = {
		INT_FLAG("partitions", 'p', &flags.partitions, "N", 1, TOPIC_PARTITIONS_MAX, "how many (the broker's num.partitions)"),
		LIST_FLAG("config", 'c', &flags.configs, "KEY=VALUE", "a config of the topic; may be given often"),
		INT_FLAG("replication-factor", 'r', &flags.replication_factor, "N", 1, 32767, "copies of each (the broker's default; 1 here)"),
		KAFKA_FLAGS(&flags.kafka),
	};
	const struct flag_table flag_table = {
		.command = "spate topic create",
		.arguments = "TOPIC...",
		.about = "Creates topics. 'spate config explain' lists the configs a topic can have.",
		.examples = "  spate topic create orders --partitions 3\n  spate topic create audit -c retention.ms=-1 -c compression.type=zstd\n",
		.flags = table,
		.flag_count = COUNT_OF(table),
		.argument_min = 1,
		.argument_max = COUNT_OF(((struct arguments *)0)->items),
	};
	struct arguments names;
	struct kafka_client client = {0};
	int status;
	if (!flags_parse(&flag_table, argc, argv, &names, &status))
		return status;
	status = check_creation(&flags, &names);
	status = status ? status : kafka_client_open(&client, RD_KAFKA_PRODUCER, &flags.kafka, NULL, 0, NULL);
	if (status)
		return status;
	status = create_topics(&client, &flags, &names);
	kafka_client_close(&client);
	return status;
}

/* ---- delete ------------------------------------------------------------------------------------------------------------------- */

static int send_deletion(struct kafka_client *client, rd_kafka_DeleteTopic_t **topics, size_t count)
{
	rd_kafka_queue_t *queue = kafka()->rd_kafka_queue_new(client->handle);
	kafka()->rd_kafka_DeleteTopics(client->handle, topics, count, NULL, queue);
	rd_kafka_event_t *event = wait_for_answer(queue);
	int status = STATUS_FAILED;
	if (event) {
		size_t result_count;
		const rd_kafka_topic_result_t **results =
			kafka()->rd_kafka_DeleteTopics_result_topics(kafka()->rd_kafka_event_DeleteTopics_result(event), &result_count);
		status = report_results(results, result_count, "deleted");
		kafka()->rd_kafka_event_destroy(event);
	}
	kafka()->rd_kafka_queue_destroy(queue);
	return status;
}

static int delete_topics(struct kafka_client *client, const struct arguments *names)
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
	const struct flag table[] = {KAFKA_FLAGS(&flags)};
	const struct flag_table flag_table = {
		.command = "spate topic delete",
		.arguments = "TOPIC...",
		.about = "Deletes topics with all their records. There is no way back.",
		.examples = "  spate topic delete orders\n",
		.flags = table,
		.flag_count = COUNT_OF(table),
		.argument_min = 1,
		.argument_max = COUNT_OF(((struct arguments *)0)->items),
	};
	struct arguments names;
	struct kafka_client client = {0};
	int status;
	if (!flags_parse(&flag_table, argc, argv, &names, &status))
		return status;
	status = kafka_client_open(&client, RD_KAFKA_PRODUCER, &flags, NULL, 0, NULL);
	if (status)
		return status;
	status = delete_topics(&client, &names);
	kafka_client_close(&client);
	return status;
}

/* ---- list ---------------------------------------------------------------------------------------------------------------------- */

static int compare_topics(const void *a, const void *b)
{
	const struct rd_kafka_metadata_topic *const *x = a, *const *y = b;
	return strcmp((*x)->topic, (*y)->topic);
}

static bool is_internal(const char *name)
{
	return strncmp(name, "__", 2) == 0;
}

static int list_topics(struct kafka_client *client, bool with_internal, bool is_json)
{
	static const char *const columns[] = {"name=TOPIC", "partitions=>PARTITIONS"};
	uint32_t count = (uint32_t)client->metadata->topic_cnt;
	const struct rd_kafka_metadata_topic **sorted = calloc(count + 1, sizeof *sorted);
	if (!sorted)
		return STATUS_FAILED;
	for (uint32_t i = 0; i < count; i++)
		sorted[i] = &client->metadata->topics[i];
	qsort(sorted, count, sizeof *sorted, compare_topics);
	struct out *out = out_open(is_json);
	struct out_table *table = out_table_begin(out, "topics", columns, COUNT_OF(columns));
	for (uint32_t i = 0; i < count; i++) {
		if (is_internal(sorted[i]->topic) && !with_internal)
			continue;
		out_cell_text(table, sorted[i]->topic);
		out_cell_int(table, sorted[i]->partition_cnt);
	}
	out_table_end(table, NULL, "no topics; 'spate topic create NAME' makes one");
	out_close(out);
	free(sorted);
	return STATUS_OK;
}

static int list(int argc, char **argv)
{
	struct kafka_flags flags;
	bool is_json = false, with_internal = false;
	kafka_flags_init(&flags);
	const struct flag table[] = {
		BOOL_FLAG("internal", 'i', &with_internal, "the broker's own as well (__...)"),
		BOOL_FLAG("json", 'J', &is_json, "print JSON"),
		KAFKA_FLAGS(&flags),
	};
	const struct flag_table flag_table = {
		.command = "spate topic list",
		.arguments = "",
		.about = "Lists the topics and how many partitions each has.",
		.examples = "  spate topic list\n  spate topic list --json | jq -r '.topics[].name'\n",
		.flags = table,
		.flag_count = COUNT_OF(table),
	};
	struct arguments arguments;
	struct kafka_client client = {0};
	int status;
	if (!flags_parse(&flag_table, argc, argv, &arguments, &status))
		return status;
	status = kafka_client_open(&client, RD_KAFKA_PRODUCER, &flags, NULL, 0, NULL);
	if (status)
		return status;
	status = list_topics(&client, with_internal, is_json);
	kafka_client_close(&client);
	return status;
}

/* ---- describe ------------------------------------------------------------------------------------------------------------------- */

static const char *source_name(rd_kafka_ConfigSource_t source)
{
	switch (source) {
	case RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG: return "topic";
	case RD_KAFKA_CONFIG_SOURCE_DYNAMIC_BROKER_CONFIG:
	case RD_KAFKA_CONFIG_SOURCE_DYNAMIC_DEFAULT_BROKER_CONFIG:
	case RD_KAFKA_CONFIG_SOURCE_STATIC_BROKER_CONFIG: return "broker";
	default: return "default";
	}
}

static void show_configs(struct out *out, const rd_kafka_ConfigResource_t *resource, bool with_defaults)
{
	static const char *const columns[] = {"name=CONFIG", "value=VALUE", "source=SET BY"};
	struct out_table *table = out_table_begin(out, "configs", columns, COUNT_OF(columns));
	size_t count;
	const rd_kafka_ConfigEntry_t **entries = kafka()->rd_kafka_ConfigResource_configs(resource, &count);
	for (size_t i = 0; i < count; i++) {
		const char *source = source_name(kafka()->rd_kafka_ConfigEntry_source(entries[i]));
		if (!with_defaults && strcmp(source, "default") == 0)
			continue;
		out_cell_text(table, kafka()->rd_kafka_ConfigEntry_name(entries[i]));
		out_cell_text(table, kafka()->rd_kafka_ConfigEntry_value(entries[i]));
		out_cell_text(table, source);
	}
	out_table_end(table, "configs", "all as the broker's defaults; --all shows them");
}

static void describe_configs(struct kafka_client *client, struct out *out, const char *name, bool with_defaults)
{
	rd_kafka_queue_t *queue = kafka()->rd_kafka_queue_new(client->handle);
	rd_kafka_ConfigResource_t *resource = kafka()->rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name);
	kafka()->rd_kafka_DescribeConfigs(client->handle, &resource, 1, NULL, queue);
	rd_kafka_event_t *event = wait_for_answer(queue);
	if (event) {
		size_t count;
		const rd_kafka_ConfigResource_t **resources =
			kafka()->rd_kafka_DescribeConfigs_result_resources(kafka()->rd_kafka_event_DescribeConfigs_result(event), &count);
		if (count && !kafka()->rd_kafka_ConfigResource_error(resources[0]))
			show_configs(out, resources[0], with_defaults);
		else if (count)
			complain("configs of '%s': %s", name, kafka()->rd_kafka_ConfigResource_error_string(resources[0]));
		kafka()->rd_kafka_event_destroy(event);
	}
	kafka()->rd_kafka_ConfigResource_destroy(resource);
	kafka()->rd_kafka_queue_destroy(queue);
}

/* A list as "1,2,3". */
static void format_nodes(char *out, size_t size, const int32_t *nodes, int count)
{
	size_t used = 0;
	*out = '\0';
	for (int i = 0; i < count && used < size; i++)
		used += (size_t)snprintf(out + used, size - used, "%s%" PRId32, i ? "," : "", nodes[i]);
}

struct described {
	const struct rd_kafka_metadata_topic *topic;
	struct partition_offsets *partitions;
	struct wire_topic wire;
};

static int64_t size_of(const struct described *described, uint32_t partition)
{
	return partition < described->wire.partition_count ? described->wire.sizes_bytes[partition] : -1;
}

static void show_partition(struct out_table *table, const struct described *described, uint32_t i)
{
	char nodes[256];
	const struct rd_kafka_metadata_partition *partition = &described->topic->partitions[i];
	const struct partition_offsets *offsets = &described->partitions[i];
	out_cell_int(table, partition->id);
	out_cell_int(table, partition->leader);
	format_nodes(nodes, sizeof nodes, partition->replicas, partition->replica_cnt);
	out_cell_text(table, nodes);
	if (offsets->err) {
		out_cell_none(table);
		out_cell_none(table);
		out_cell_none(table);
	} else {
		out_cell_int(table, offsets->start);
		out_cell_int(table, offsets->end);
		out_cell_int(table, offsets->end - offsets->start);
	}
	int64_t size = size_of(described, (uint32_t)partition->id);
	if (size >= 0)
		out_cell_int(table, size);
	else
		out_cell_none(table);
}

static void show_topic(struct out *out, const struct described *described)
{
	static const char *const columns[] = {"partition=>PARTITION", "leader=>LEADER", "replicas=REPLICAS", "start_offset=>START",
					      "end_offset=>END", "records=>OFFSETS", "size_bytes=>BYTES"};
	char id[UUID_TEXT_SIZE] = "-";
	int64_t total = 0, records = 0;
	uint32_t count = (uint32_t)described->topic->partition_cnt;
	for (uint32_t i = 0; i < count; i++) {
		total += size_of(described, (uint32_t)described->topic->partitions[i].id) > 0 ? size_of(described, (uint32_t)described->topic->partitions[i].id) : 0;
		records += described->partitions[i].end - described->partitions[i].start;
	}
	if (!uuid_is_zero(&described->wire.id))
		uuid_text_format(id, &described->wire.id);
	out_text(out, "name", "topic", described->topic->topic);
	out_text(out, "id", "id", id);
	out_int(out, "partition_count", "partitions", count);
	out_int(out, "offset_count", "offsets", records);
	out_int(out, "size_bytes", "bytes on disk", total);
	struct out_table *table = out_table_begin(out, "partitions", columns, COUNT_OF(columns));
	for (uint32_t i = 0; i < count; i++)
		show_partition(table, described, i);
	out_table_end(table, "partitions", NULL);
}

static int describe_topic(struct kafka_client *client, const char *name, bool with_defaults, bool is_json)
{
	struct described described = {.topic = kafka_client_topic(client, name)};
	if (!described.topic) {
		kafka_complain_topic(client, name);
		return STATUS_FAILED;
	}
	uint32_t count = (uint32_t)described.topic->partition_cnt;
	described.partitions = calloc(count ? count : 1, sizeof *described.partitions);
	if (!described.partitions)
		return STATUS_FAILED;
	for (uint32_t i = 0; i < count; i++)
		described.partitions[i].partition = described.topic->partitions[i].id;
	int status = partition_offsets_ask(client, name, described.partitions, count);
	if (wire_client_topic(client->wire, name, &described.wire))
		described.wire.partition_count = 0;
	if (!status) {
		struct out *out = out_open(is_json);
		show_topic(out, &described);
		describe_configs(client, out, name, with_defaults);
		out_close(out);
	}
	free(described.partitions);
	free(described.wire.sizes_bytes);
	return status;
}

static int describe(int argc, char **argv)
{
	struct kafka_flags flags;
	bool is_json = false, with_defaults = false;
	kafka_flags_init(&flags);
	const struct flag table[] = {
		BOOL_FLAG("all", 'a', &with_defaults, "configs that are at their defaults as well"),
		BOOL_FLAG("json", 'J', &is_json, "print JSON: one document for each topic"),
		KAFKA_FLAGS(&flags),
	};
	const struct flag_table flag_table = {
		.command = "spate topic describe",
		.arguments = "TOPIC...",
		.about = "Shows a topic's partitions with their offsets and sizes on disk, and its configs.",
		.examples = "  spate topic describe orders\n  spate topic describe orders --json | jq .size_bytes\n",
		.flags = table,
		.flag_count = COUNT_OF(table),
		.argument_min = 1,
		.argument_max = COUNT_OF(((struct arguments *)0)->items),
	};
	struct arguments names;
	struct kafka_client client = {0};
	int status;
	if (!flags_parse(&flag_table, argc, argv, &names, &status))
		return status;
	status = kafka_client_open(&client, RD_KAFKA_PRODUCER, &flags, NULL, 0, NULL);
	if (status)
		return status;
	for (uint32_t i = 0; i < names.count; i++) {
		int one = describe_topic(&client, names.items[i], with_defaults, is_json);
		status = status ? status : one;
		if (i + 1 < names.count && !is_json)
			putchar('\n');
	}
	kafka_client_close(&client);
	return status;
}

int topic_run(int argc, char **argv)
{
	static const struct command commands[] = {
		{"create", "create topics", create},
		{"list", "list the topics", list},
		{"describe", "show partitions, offsets, sizes and configs", describe},
		{"delete", "delete topics with all their records", delete},
	};
	return command_dispatch(commands, COUNT_OF(commands), "spate topic", argc, argv);
}
