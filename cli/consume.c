/* `spate consume TOPIC`: records to stdout, everything else to stderr.
 *
 * Happy path: ask which partitions there are and where they begin and end, turn the asked offsets into numbers, read all partitions through one
 * queue, print. It follows the topic until it is stopped, has read --count records, or has reached the end of the range; --exit-eof makes the range
 * end where the partitions end now. Nothing is committed; with --group, cli/consume_group.c takes over. */
#include "cli/consume.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/clock.h"
#include "cli/format.h"
#include "cli/partition_choice.h"
#include "cli/partition_offsets.h"
#include "cli/progress.h"

/* One partition on its way from `from` to `to`. */
struct lane {
	int32_t partition;
	int64_t from, to; /* `to` is INT64_MAX while it follows */
	bool is_started, is_done;
};

struct consuming {
	const struct consume_flags *flags;
	const char *topic_name;
	struct record_sink sink;
	struct kafka_client client;
	rd_kafka_topic_t *topic;
	rd_kafka_queue_t *queue;
	struct lane *lanes;
	uint32_t lane_count, lanes_left;
	bool was_warned;
};

/* ---- which partitions, from where to where ---------------------------------------------------------------------------------- */

static void warn_if_outside(const struct consuming *consuming, const struct offset_point *point, const struct partition_offsets *offsets)
{
	if (consuming->flags->is_quiet || point->kind != OFFSET_NUMBER || (point->value >= offsets->start && point->value <= offsets->end))
		return;
	complain("partition %" PRId32 " has offsets %" PRId64 " to %" PRId64 ", not %" PRId64 "; reading from the nearest", offsets->partition,
		 offsets->start, offsets->end, point->value);
}

/* Points of two kinds (-10:5) can run backwards as well, which shows once each partition has its numbers. */
static int refuse_reversed(const struct consuming *consuming, const int64_t *to)
{
	const struct lane *reversed = NULL;
	for (uint32_t i = 0; i < consuming->lane_count; i++) {
		if (consuming->lanes[i].from < to[i])
			return STATUS_OK;
		if (consuming->lanes[i].from > to[i])
			reversed = &consuming->lanes[i];
	}
	if (!reversed)
		return STATUS_OK;
	complain("--offset %s ends before it begins: in partition %" PRId32 " it is %" PRId64 ":%" PRId64, consuming->flags->offset,
		 reversed->partition, reversed->from, to[reversed - consuming->lanes]);
	return STATUS_USAGE;
}

static int plan_lanes(struct consuming *consuming, const struct offset_range *range, struct partition_offsets *offsets)
{
	uint32_t count = consuming->lane_count;
	int64_t *numbers = calloc(count ? count : 1, sizeof *numbers);
	if (!numbers)
		return STATUS_FAILED;
	int status = partition_offsets_ask(&consuming->client, consuming->topic_name, offsets, count);
	status = status ? status : partition_offsets_resolve(&consuming->client, consuming->topic_name, &range->from, offsets, count, numbers);
	for (uint32_t i = 0; !status && i < count; i++) {
		warn_if_outside(consuming, &range->from, &offsets[i]);
		consuming->lanes[i] = (struct lane){.partition = offsets[i].partition, .from = numbers[i], .to = INT64_MAX};
	}
	if (!status && range->has_to)
		status = partition_offsets_resolve(&consuming->client, consuming->topic_name, &range->to, offsets, count, numbers);
	if (!status && range->has_to)
		status = refuse_reversed(consuming, numbers);
	for (uint32_t i = 0; !status && i < count; i++) {
		if (range->has_to)
			consuming->lanes[i].to = numbers[i];
		if (consuming->flags->exit_eof && consuming->lanes[i].to > offsets[i].end)
			consuming->lanes[i].to = offsets[i].end;
	}
	free(numbers);
	return status;
}

static int choose_lanes(struct consuming *consuming, const struct offset_range *range)
{
	const struct rd_kafka_metadata_topic *topic = kafka_client_topic(&consuming->client, consuming->topic_name);
	if (!topic) {
		kafka_complain_topic(&consuming->client, consuming->topic_name);
		return STATUS_FAILED;
	}
	struct partition_choice choice;
	int status = partition_choice_make(&choice, topic, &consuming->flags->partitions);
	struct partition_offsets *offsets = calloc((size_t)choice.count + 1, sizeof *offsets);
	consuming->lanes = calloc((size_t)choice.count + 1, sizeof *consuming->lanes);
	consuming->lane_count = choice.count;
	for (uint32_t i = 0; offsets && i < choice.count; i++)
		offsets[i].partition = choice.ids[i];
	if (!status)
		status = offsets && consuming->lanes ? plan_lanes(consuming, range, offsets) : STATUS_FAILED;
	free(offsets);
	partition_choice_free(&choice);
	return status;
}

/* ---- reading ------------------------------------------------------------------------------------------------------------------- */

static int start_lanes(struct consuming *consuming)
{
	consuming->topic = kafka()->rd_kafka_topic_new(consuming->client.handle, consuming->topic_name, NULL);
	consuming->queue = kafka()->rd_kafka_queue_new(consuming->client.handle);
	for (uint32_t i = 0; i < consuming->lane_count; i++) {
		struct lane *lane = &consuming->lanes[i];
		lane->is_done = lane->from >= lane->to;
		if (lane->is_done)
			continue;
		if (kafka()->rd_kafka_consume_start_queue(consuming->topic, lane->partition, lane->from, consuming->queue)) {
			complain("cannot read partition %" PRId32 ": %s", lane->partition, kafka()->rd_kafka_err2str(kafka()->rd_kafka_last_error()));
			return STATUS_FAILED;
		}
		lane->is_started = true;
		consuming->lanes_left++;
	}
	return STATUS_OK;
}

static void stop_lanes(struct consuming *consuming)
{
	for (uint32_t i = 0; i < consuming->lane_count; i++)
		if (consuming->lanes[i].is_started)
			kafka()->rd_kafka_consume_stop(consuming->topic, consuming->lanes[i].partition);
	if (consuming->queue)
		kafka()->rd_kafka_queue_destroy(consuming->queue);
	if (consuming->topic)
		kafka()->rd_kafka_topic_destroy(consuming->topic);
}

static struct lane *lane_of(struct consuming *consuming, int32_t partition)
{
	for (uint32_t i = 0; i < consuming->lane_count; i++)
		if (consuming->lanes[i].partition == partition)
			return &consuming->lanes[i];
	return NULL;
}

static void finish(struct consuming *consuming, struct lane *lane)
{
	if (lane->is_done)
		return;
	lane->is_done = true;
	consuming->lanes_left--;
}

static int take_record(struct consuming *consuming, struct lane *lane, const rd_kafka_message_t *message)
{
	if (lane->is_done)
		return STATUS_OK;
	if (message->offset < lane->to)
		record_sink_print(&consuming->sink, message);
	if (message->offset + 1 >= lane->to)
		finish(consuming, lane);
	return STATUS_OK;
}

/* The end of a partition ends a lane that has one: its last offsets may hold no records (compaction, transaction markers). */
static int take_error(struct consuming *consuming, struct lane *lane, const rd_kafka_message_t *message)
{
	if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
		if (lane && lane->to != INT64_MAX)
			finish(consuming, lane);
		return STATUS_OK;
	}
	if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET)
		complain("partition %" PRId32 ": what was to be read next is gone (deleted, or past retention); begin again with --offset start", message->partition);
	else if (message->err == RD_KAFKA_RESP_ERR__BAD_MSG || message->err == RD_KAFKA_RESP_ERR_INVALID_MSG)
		complain("partition %" PRId32 ": the records at offset %" PRId64 " are damaged (they fail their check) and are not served; 'spate log verify' "
			 "names the range, read on behind it with --offset", message->partition, message->offset);
	else
		complain("partition %" PRId32 ": %s", message->partition, kafka()->rd_kafka_err2str(message->err));
	return STATUS_FAILED;
}

static int take_message(struct consuming *consuming, const rd_kafka_message_t *message)
{
	struct lane *lane = lane_of(consuming, message->partition);
	if (message->err || !lane)
		return take_error(consuming, lane, message);
	return take_record(consuming, lane, message);
}

/* Prints what is there before it waits, so that a reader of a pipe sees each record at once. */
static rd_kafka_message_t *next_message(struct consuming *consuming)
{
	rd_kafka_message_t *message = kafka()->rd_kafka_consume_queue(consuming->queue, 0);
	if (message)
		return message;
	record_sink_pause(&consuming->sink);
	kafka()->rd_kafka_poll(consuming->client.handle, 0);
	return kafka()->rd_kafka_consume_queue(consuming->queue, 200);
}

static int notice_lost_broker(struct consuming *consuming)
{
	if (consuming->client.fatal != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
		return STATUS_OK;
	consuming->client.fatal = 0;
	if (consuming->flags->exit_eof) {
		complain("the broker at %s went away", consuming->client.brokers);
		return STATUS_UNREACHABLE;
	}
	if (!consuming->was_warned && !consuming->flags->is_quiet)
		complain("the broker at %s went away; waiting for it", consuming->client.brokers);
	consuming->was_warned = true;
	return STATUS_OK;
}

/* 0 while it follows; with --count, no more than that. Offsets may be missing, so it may be fewer. */
static int64_t count_expected(const struct consuming *consuming)
{
	int64_t expected = 0;
	for (uint32_t i = 0; i < consuming->lane_count; i++) {
		if (consuming->lanes[i].to == INT64_MAX)
			return consuming->flags->count;
		expected += consuming->lanes[i].is_started ? consuming->lanes[i].to - consuming->lanes[i].from : 0;
	}
	return consuming->flags->count && consuming->flags->count < expected ? consuming->flags->count : expected;
}

static int read_all(struct consuming *consuming)
{
	int status = STATUS_OK;
	consuming->sink.expected = count_expected(consuming);
	record_sink_ready(&consuming->sink);
	while (!status && consuming->lanes_left && !record_sink_is_full(&consuming->sink)) {
		rd_kafka_message_t *message = next_message(consuming);
		if (message) {
			consuming->was_warned = false;
			status = take_message(consuming, message);
			kafka()->rd_kafka_message_destroy(message);
		} else {
			status = notice_lost_broker(consuming);
		}
	}
	int written = record_sink_flush(&consuming->sink);
	return consuming->sink.is_reader_gone ? STATUS_OK : status ? status : written;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------------------ */

static int consume(const struct consume_flags *flags, const char *topic, const char *format, const struct offset_range *range)
{
	struct consuming consuming = {.flags = flags, .topic_name = topic};
	const struct kafka_setting settings[] = {
		{"enable.partition.eof", "true"},
		{"auto.offset.reset", "error"},
		{"check.crcs", "true"},
		CONSUME_DEPTH_SETTINGS,
	};
	const struct kafka_wishes wishes = {.settings = settings, .setting_count = COUNT_OF(settings)};
	int status = kafka_client_open(&consuming.client, RD_KAFKA_CONSUMER, &flags->kafka, &wishes);
	if (status)
		return status;
	record_sink_open(&consuming.sink, flags, topic, format);
	status = choose_lanes(&consuming, range);
	status = status ? status : start_lanes(&consuming);
	status = status ? status : read_all(&consuming);
	stop_lanes(&consuming);
	record_sink_close(&consuming.sink);
	kafka_client_close(&consuming.client);
	free(consuming.lanes);
	return status;
}

/* A group reads on where it has committed, and its members share the partitions. */
static int check_group_flags(const struct consume_flags *flags, const struct offset_range *range)
{
	if (range->has_to || (range->from.kind != OFFSET_START && range->from.kind != OFFSET_END)) {
		complain("--offset %s: with --group it is start or end, for where nothing is committed yet; 'spate group rewind %s --to %s' moves a group",
			 flags->offset, flags->group, flags->offset);
		return STATUS_USAGE;
	}
	if (flags->partitions.count) {
		complain("--partition and --group exclude each other: the members of a group share all partitions of the topic");
		return STATUS_USAGE;
	}
	size_t size = strlen(flags->group);
	if (size && size <= INT16_MAX)
		return STATUS_OK;
	complain(size ? "--group: a name of %zu bytes is too long; the protocol carries at most 32767" : "--group: it must not be empty", size);
	return STATUS_USAGE;
}

static int check_flags(const struct consume_flags *flags, const char *format, struct offset_range *range)
{
	char why[1024];
	if (!offsets_parse(range, flags->offset, clock_now_ms(), why, sizeof why)) {
		complain("--offset: %s", why);
		return STATUS_USAGE;
	}
	if (!format_check(format, why, sizeof why)) {
		complain("--format: %s", why);
		return STATUS_USAGE;
	}
	if (flags->is_json && flags->format) {
		complain("--json and --format exclude each other");
		return STATUS_USAGE;
	}
	return flags->group ? check_group_flags(flags, range) : STATUS_OK;
}

int consume_run(int argc, char **argv)
{
	struct consume_flags flags = {0};
	kafka_flags_init(&flags.kafka);
	const struct flag table[] = {
		TEXT_FLAG("offset", 'o', &flags.offset, "OFFSET", "where to begin, and end if it is a range (start); see above"),
		LIST_FLAG("partition", 'p', &flags.partitions, "N", "read this one alone; may be given often (all)"),
		TEXT_FLAG("group", 'g', &flags.group, "GROUP", "read as a member of this group, and commit what was printed"),
		INT_FLAG("count", 'c', &flags.count, "N", 1, INT64_MAX, "stop after so many records"),
		BOOL_FLAG("exit-eof", 'e', &flags.exit_eof, "stop where the topic ends now, rather than follow it"),
		BOOL_FLAG("exit", 0, &flags.exit_eof, "the same"),
		TEXT_FLAG("format", 'f', &flags.format, "FORMAT", "how to print a record ('%s\\n'); see above"),
		BOOL_FLAG("json", 'J', &flags.is_json, "print one JSON object a line"),
		BOOL_FLAG("null", 'Z', &flags.is_null_shown, "print NULL for a null key or value (nothing)"),
		BOOL_FLAG("quiet", 'q', &flags.is_quiet, "say nothing but what went wrong"),
		KAFKA_FLAGS(&flags.kafka),
	};
	const struct flag_table flag_table = {
		.command = "spate consume",
		.arguments = "TOPIC",
		.about = "Prints the records of a topic on stdout, and everything else on stderr. It follows the topic until Ctrl-C, unless --exit-eof,\n"
			 "--count or a range says where to stop. Nothing is committed: each run reads what it is asked for.\n\n"
			 "With --group it shares the topic's partitions with the other members, begins where the group has committed (where nothing is\n"
			 "committed, at --offset start or end), and commits what it has printed: a record may be printed twice, none is left out.\n\n"
			 "OFFSET: start | end | 42 | +10 (behind the first) | -10 (the last ten) | @TIME | FROM:TO (TO is not printed)\n"
			 "TIME:   1700000000000 (ms) | 2026-01-31T08:30Z | -1h (s, m, h, d, w ago)\n"
			 "FORMAT: " FORMAT_HELP,
		.examples = "  spate consume orders --exit-eof\n  spate consume orders --offset -10 -f '%p %o %k %s\\n'\n"
			    "  spate consume orders --group billing --exit-eof\n  spate consume orders --offset @-15m --json | jq .value\n  spate consume orders --partition 0 --offset 100:200\n",
		.flags = table,
		.flag_count = COUNT_OF(table),
		.argument_min = 1,
		.argument_max = 1,
	};
	struct arguments arguments;
	struct offset_range range;
	int status;
	if (!flags_parse(&flag_table, argc, argv, &arguments, &status))
		return status;
	flags.has_offset = flags.offset != NULL;
	flags.offset = flags.has_offset ? flags.offset : "start";
	const char *format = flags.format ? flags.format : "%s\\n";
	status = check_flags(&flags, format, &range);
	if (status)
		return status;
	progress_begin("asking %s", flags.kafka.brokers);
	status = flags.group ? consume_in_group(&flags, arguments.items[0], format, range.from.kind == OFFSET_END)
			     : consume(&flags, arguments.items[0], format, &range);
	progress_end();
	return status;
}
