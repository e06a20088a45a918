/* `spate topic trim`: deletes the records before an offset (DeleteRecords).
 *
 * Happy path: turn the point into an offset of each partition, show what goes, delete. Failure modes: an offset behind a partition's end (N, or +N) is refused,
 * because deleting all of it is not what a number means; one that is below its start leaves that partition alone. */
#include "cli/topic.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/out.h"
#include "cli/partition_choice.h"
#include "cli/partition_offsets.h"

struct trim_flags {
	struct kafka_flags kafka;
	const char *to;
	struct flag_list partitions;
	bool is_rehearsal, is_json;
	struct offset_point point; /* what `to` says */
};

struct trimming {
	const struct trim_flags *flags;
	struct kafka_client *client;
	const char *topic;
	struct partition_offsets *partitions;
	int64_t *targets;
	uint32_t count;
};

static int check_flags(void *context, const struct arguments *arguments)
{
	struct trim_flags *flags = context;
	if (!flags->to) {
		complain("--to is missing: the offset that becomes the first (100, -1000 to keep the last thousand, @-1d, end); --dry-run shows what goes");
		return STATUS_USAGE;
	}
	return offset_point_from_flag(&flags->point, "--to", flags->to);
}

static int refuse_beyond(const struct trimming *trimming)
{
	const struct offset_point *point = &trimming->flags->point;
	for (uint32_t i = 0; i < trimming->count; i++) {
		const struct partition_offsets *partition = &trimming->partitions[i];
		if (partition->err) {
			complain("partition %" PRId32 ": %s", partition->partition, kafka()->rd_kafka_err2str(partition->err));
			return STATUS_FAILED;
		}
		if (point->kind == OFFSET_NUMBER && point->value > partition->end) {
			complain("partition %" PRId32 " ends at %" PRId64 ", before %" PRId64 "; to empty it write --to end, or choose others with --partition",
				 partition->partition, partition->end, point->value);
			return STATUS_USAGE;
		}
		if (point->kind == OFFSET_FROM_START && point->value > partition->end - partition->start) {
			complain("partition %" PRId32 " has no more than %" PRId64 " offsets, from %" PRId64 " to its end at %" PRId64 "; to empty it write --to end, or choose "
				 "others with --partition",
				 partition->partition, partition->end - partition->start, partition->start, partition->end);
			return STATUS_USAGE;
		}
	}
	return STATUS_OK;
}

/* ---- deleting ---------------------------------------------------------------------------------------------------------------- */

static int read_answer(const struct trimming *trimming, const struct admin_call *call)
{
	int status = STATUS_OK;
	const rd_kafka_topic_partition_list_t *answers =
		kafka()->rd_kafka_DeleteRecords_result_offsets(kafka()->rd_kafka_event_DeleteRecords_result(call->event));
	for (int i = 0; i < answers->cnt; i++) {
		if (!answers->elems[i].err)
			continue;
		/* It concerns all of them. */
		if (answers->elems[i].err == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION) {
			complain("records of '%s' cannot be deleted: the topic is the broker's own, and kept small by it", trimming->topic);
			return STATUS_FAILED;
		}
		complain("partition %" PRId32 " of '%s': %s", answers->elems[i].partition, trimming->topic, kafka()->rd_kafka_err2str(answers->elems[i].err));
		status = STATUS_FAILED;
	}
	return status;
}

static int delete_records(struct trimming *trimming)
{
	struct admin_call call;
	rd_kafka_topic_partition_list_t *before = kafka()->rd_kafka_topic_partition_list_new((int)trimming->count);
	for (uint32_t i = 0; i < trimming->count; i++)
		if (trimming->targets[i] > trimming->partitions[i].start)
			kafka()->rd_kafka_topic_partition_list_add(before, trimming->topic, trimming->partitions[i].partition)->offset = trimming->targets[i];
	int status = STATUS_OK;
	if (before->cnt) {
		rd_kafka_DeleteRecords_t *request = kafka()->rd_kafka_DeleteRecords_new(before);
		admin_begin(&call, trimming->client, false);
		kafka()->rd_kafka_DeleteRecords(trimming->client->handle, &request, 1, call.options, call.queue);
		status = admin_wait(&call);
		status = status ? status : read_answer(trimming, &call);
		admin_end(&call);
		kafka()->rd_kafka_DeleteRecords_destroy(request);
	}
	kafka()->rd_kafka_topic_partition_list_destroy(before);
	return status;
}

/* ---- what is said ------------------------------------------------------------------------------------------------------------- */

static void show(const struct trimming *trimming)
{
	static const char *const columns[] = {"partition=>PARTITION", "start_offset=>START WAS", "new_start_offset=>START IS", "end_offset=>END",
					      "deleted=>DELETED"};
	const struct trim_flags *flags = trimming->flags;
	int64_t deleted = 0;
	for (uint32_t i = 0; i < trimming->count; i++)
		deleted += trimming->targets[i] - trimming->partitions[i].start;
	struct out *out = out_open(flags->is_json);
	out_text(out, "topic", flags->is_rehearsal ? "would trim" : "trimmed", trimming->topic);
	out_int(out, "deleted", flags->is_rehearsal ? "offsets to go" : "offsets gone", deleted);
	if (flags->is_json)
		out_bool(out, "dry_run", "", flags->is_rehearsal);
	struct out_table *table = out_table_begin(out, "partitions", columns, COUNT_OF(columns));
	for (uint32_t i = 0; i < trimming->count; i++) {
		const struct partition_offsets *partition = &trimming->partitions[i];
		OUT_ROW(table, cell_int(partition->partition), cell_int(partition->start), cell_int(trimming->targets[i]), cell_int(partition->end),
			cell_int(trimming->targets[i] - partition->start));
	}
	out_table_end(table, NULL, NULL);
	out_close(out);
}

/* ---- the verb ------------------------------------------------------------------------------------------------------------------ */

static int trim(struct trimming *trimming)
{
	int status = partition_offsets_ask(trimming->client, trimming->topic, trimming->partitions, trimming->count);
	status = status ? status : refuse_beyond(trimming);
	status = status ? status : partition_offsets_resolve(trimming->client, trimming->topic, &trimming->flags->point, trimming->partitions,
							     trimming->count, trimming->targets);
	if (!status && !trimming->flags->is_rehearsal)
		status = delete_records(trimming);
	if (!status)
		show(trimming);
	return status;
}

static int trim_topic(struct kafka_client *client, void *context, const struct arguments *arguments)
{
	struct trimming trimming = {.flags = context, .client = client, .topic = arguments->items[0]};
	const struct rd_kafka_metadata_topic *topic = kafka_client_topic(client, trimming.topic);
	struct partition_choice choice;
	if (!topic) {
		kafka_complain_topic(client, trimming.topic);
		return STATUS_FAILED;
	}
	int status = partition_choice_make(&choice, topic, &trimming.flags->partitions);
	trimming.count = choice.count;
	trimming.partitions = calloc(choice.count + 1, sizeof *trimming.partitions);
	trimming.targets = calloc(choice.count + 1, sizeof *trimming.targets);
	for (uint32_t i = 0; trimming.partitions && i < choice.count; i++)
		trimming.partitions[i].partition = choice.ids[i];
	if (!status)
		status = trimming.partitions && trimming.targets ? trim(&trimming) : STATUS_FAILED;
	partition_choice_free(&choice);
	free(trimming.partitions);
	free(trimming.targets);
	return status;
}

int topic_trim_run(int argc, char **argv)
{
	struct trim_flags flags = {0};
	kafka_flags_init(&flags.kafka);
	const struct flag list[] = {
		TEXT_FLAG("to", 't', &flags.to, "OFFSET", "what becomes the first record there is; see above"),
		LIST_FLAG("partition", 'p', &flags.partitions, "N", "trim this one alone; may be given often (all)"),
		BOOL_FLAG("dry-run", 'n', &flags.is_rehearsal, "show what would go, and delete nothing"),
		BOOL_FLAG("json", 'J', &flags.is_json, "print JSON"),
		KAFKA_FLAGS(&flags.kafka),
	};
	const struct flag_table table = {
		.command = "spate topic trim",
		.arguments = "TOPIC --to OFFSET",
		.about = "Deletes the records before an offset. There is no way back; --dry-run shows what would go.\n\n"
			 "OFFSET: 42 | +10 (the first ten go) | -1000 (the last thousand stay) | @-7d (what is older than seven days goes) | end (all goes)",
		.examples = "  spate topic trim orders --to @-7d --dry-run\n  spate topic trim orders --to -1000\n  spate topic trim orders --partition 0 --to 42\n",
		.flags = list,
		.flag_count = COUNT_OF(list),
		.argument_min = 1,
		.argument_max = 1,
	};
	const struct client_verb verb = {.table = &table, .kafka = &flags.kafka, .type = RD_KAFKA_PRODUCER, .check = check_flags, .run = trim_topic, .context = &flags};
	return client_verb_run(&verb, argc, argv);
}
