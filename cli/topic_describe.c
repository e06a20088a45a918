/* `spate topic describe`: partitions with their offsets (ListOffsets), sizes on disk (DescribeLogDirs, which librdkafka 2.0 cannot ask) and configs.
 * What a broker does not tell is shown as "-". */
#include "cli/topic.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/out.h"
#include "cli/partition_offsets.h"
#include "cli/wire_client.h"
#include "log/base/uuid_text.h"

/* ---- configs ---------------------------------------------------------------------------------------------------------------- */

const rd_kafka_ConfigResource_t *topic_configs_ask(struct admin_call *call, struct kafka_client *client, const char *name)
{
	size_t count = 0;
	const rd_kafka_ConfigResource_t **answers = NULL;
	rd_kafka_ConfigResource_t *question = kafka()->rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name);
	admin_begin(call, client, false);
	kafka()->rd_kafka_DescribeConfigs(client->handle, &question, 1, call->options, call->queue);
	kafka()->rd_kafka_ConfigResource_destroy(question);
	if (admin_wait(call))
		return NULL;
	answers = kafka()->rd_kafka_DescribeConfigs_result_resources(kafka()->rd_kafka_event_DescribeConfigs_result(call->event), &count);
	if (count && !kafka()->rd_kafka_ConfigResource_error(answers[0]))
		return answers[0];
	if (count)
		complain("configs of '%s': %s", name, kafka()->rd_kafka_ConfigResource_error_string(answers[0]));
	return NULL;
}

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
		OUT_ROW(table, cell_text(kafka()->rd_kafka_ConfigEntry_name(entries[i])), cell_text(kafka()->rd_kafka_ConfigEntry_value(entries[i])),
			cell_text(source));
	}
	out_table_end(table, "configs", "all as the broker's defaults; --all shows them");
}

static void describe_configs(struct kafka_client *client, struct out *out, const char *name, bool with_defaults)
{
	struct admin_call call;
	const rd_kafka_ConfigResource_t *resource = topic_configs_ask(&call, client, name);
	if (resource)
		show_configs(out, resource, with_defaults);
	admin_end(&call);
}

/* ---- partitions -------------------------------------------------------------------------------------------------------------- */

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
	int64_t size = size_of(described, (uint32_t)partition->id);
	format_nodes(nodes, sizeof nodes, partition->replicas, partition->replica_cnt);
	OUT_ROW(table, cell_int(partition->id), cell_int(partition->leader), cell_text(nodes), cell_int_if(!offsets->err, offsets->start),
		cell_int_if(!offsets->err, offsets->end), cell_int_if(!offsets->err, offsets->end - offsets->start), cell_int_if(size >= 0, size));
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

/* ---- the verb ------------------------------------------------------------------------------------------------------------------ */

struct describe_flags {
	struct kafka_flags kafka;
	bool is_json, with_defaults;
};

static int describe_topics(struct kafka_client *client, void *context, const struct arguments *names)
{
	const struct describe_flags *flags = context;
	int status = STATUS_OK;
	for (uint32_t i = 0; i < names->count; i++) {
		int one = describe_topic(client, names->items[i], flags->with_defaults, flags->is_json);
		status = status ? status : one;
		if (i + 1 < names->count && !flags->is_json)
			putchar('\n');
	}
	return status;
}

int topic_describe_run(int argc, char **argv)
{
	struct describe_flags flags = {0};
	kafka_flags_init(&flags.kafka);
	const struct flag list[] = {
		BOOL_FLAG("all", 'a', &flags.with_defaults, "configs that are at their defaults as well"),
		BOOL_FLAG("json", 'J', &flags.is_json, "print JSON: one document for each topic"),
		KAFKA_FLAGS(&flags.kafka),
	};
	const struct flag_table table = {
		.command = "spate topic describe",
		.arguments = "TOPIC...",
		.about = "Shows a topic's partitions with their offsets and sizes on disk, and its configs.",
		.examples = "  spate topic describe orders\n  spate topic describe orders --json | jq .size_bytes\n",
		.flags = list,
		.flag_count = COUNT_OF(list),
		.argument_min = 1,
		.argument_max = ARGUMENTS_MAX,
	};
	const struct client_verb verb = {.table = &table, .kafka = &flags.kafka, .type = RD_KAFKA_PRODUCER, .run = describe_topics, .context = &flags};
	return client_verb_run(&verb, argc, argv);
}
