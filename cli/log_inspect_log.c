/* The batches of one .log file, as kafka-dump-log shows them. The walk is the verifier's
 * (log/verify/segment_check.h), told that the file may break off anywhere and that offsets may be missing;
 * so bytes that are no batch are shown in their place, and it goes on behind them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/command.h"
#include "cli/format.h"
#include "cli/log_inspect.h"
#include "log/batch/record_iter.h"
#include "log/verify/segment_check.h"

#define HEADERS_MAX 256u

struct inspecting {
	struct verify_sink sink;
	const char *file, *topic;
	int32_t partition;
	struct inspect_range range;
	bool with_records, is_json, is_heading_printed;
};

/* ---- records ------------------------------------------------------------------------------------------- */

static uint32_t take_headers(const struct record *record, struct shown_header *out, char *names,
			     size_t names_size)
{
	struct slice rest = record->headers;
	struct record_header header;
	uint32_t count = 0;
	size_t used = 0;
	while (count < HEADERS_MAX && record_header_next(&rest, &header)) {
		if (used + header.key.size + 1 > names_size)
			break;
		memcpy(names + used, header.key.data, header.key.size);
		names[used + header.key.size] = '\0';
		out[count++] = (struct shown_header){names + used, header.value};
		used += header.key.size + 1;
	}
	return count;
}

static void show_record(const struct inspecting *inspecting, const struct batch *batch,
			const struct record *record)
{
	static struct shown_header headers[HEADERS_MAX];
	static char names[64 << 10];
	struct shown_record shown = {
		.topic = inspecting->topic,
		.partition = inspecting->partition,
		.offset = record->offset,
		.timestamp_ms = record->timestamp_ms,
		.is_append_time = batch_is_append_time(batch),
		.key = record->key,
		.value = record->value,
		.headers = headers,
		.header_count = take_headers(record, headers, names, sizeof names),
	};
	if (inspecting->is_json)
		format_print_json(stdout, &shown);
	else if (shown.header_count)
		format_print(stdout, "    offset %o  time %T  key %k  headers %h  value %s\\n", &shown, "null");
	else
		format_print(stdout, "    offset %o  time %T  key %k  value %s\\n", &shown, "null");
}

static void show_records(const struct inspecting *inspecting, const struct batch *batch, struct slice bytes)
{
	struct record_iter iter;
	struct record record;
	int err = record_iter_open(&iter, inspecting->sink.workspace, bytes);
	if (err)
		return; /* the walk has said so already */
	while (record_iter_next(&iter, &record) == 1)
		if (record.offset >= inspecting->range.from && record.offset < inspecting->range.to)
			show_record(inspecting, batch, &record);
	record_iter_close(&iter);
}

/* ---- batches ------------------------------------------------------------------------------------------- */

static const char *flags_of(const struct batch *batch)
{
	if (batch_is_control(batch))
		return batch_is_transactional(batch) ? "control,transactional" : "control";
	return batch_is_transactional(batch) ? "transactional" : "";
}

static const char *time_of(const struct batch *batch)
{
	return batch_is_append_time(batch) ? "append" : "create";
}

static void print_batch(const struct batch *batch, uint64_t position)
{
	printf("%12" PRIu64 " %14" PRId64 " %14" PRId64 " %8" PRId32 " %10" PRIu32, position, batch->base_offset,
	       batch_last_offset(batch), batch->records_count, batch->size_bytes);
	printf(" %-6s %6" PRId32 " %14" PRId64 " %-6s %08x", batch_codec_name(batch_codec(batch)),
	       batch->leader_epoch, batch->max_timestamp_ms, time_of(batch), batch->crc);
	if (batch_has_producer(batch))
		printf("  producer %" PRId64 " epoch %d sequence %" PRId32, batch->producer_id,
		       batch->producer_epoch, batch->base_sequence);
	printf("%s%s\n", *flags_of(batch) ? "  " : "", flags_of(batch));
}

static const char *json_bool(bool value)
{
	return value ? "true" : "false";
}

/* Nothing in it needs escaping. */
static void print_batch_json(const struct inspecting *inspecting, const struct batch *batch,
			     uint64_t position)
{
	printf("{\"file\":\"%s\",\"position\":%" PRIu64 ",\"base_offset\":%" PRId64 ",\"last_offset\":%" PRId64,
	       inspecting->file, position, batch->base_offset, batch_last_offset(batch));
	printf(",\"records\":%" PRId32 ",\"bytes\":%" PRIu32 ",\"codec\":\"%s\",\"leader_epoch\":%" PRId32,
	       batch->records_count, batch->size_bytes, batch_codec_name(batch_codec(batch)),
	       batch->leader_epoch);
	printf(",\"base_timestamp\":%" PRId64 ",\"max_timestamp\":%" PRId64 ",\"timestamp_type\":\"%s\"",
	       batch->base_timestamp_ms, batch->max_timestamp_ms, time_of(batch));
	printf(",\"crc\":%" PRIu32 ",\"producer_id\":%" PRId64 ",\"producer_epoch\":%d,\"base_sequence\":%" PRId32,
	       batch->crc, batch->producer_id, batch->producer_epoch, batch->base_sequence);
	printf(",\"is_transactional\":%s,\"is_control\":%s}\n", json_bool(batch_is_transactional(batch)),
	       json_bool(batch_is_control(batch)));
}

static void print_heading(struct inspecting *inspecting)
{
	if (inspecting->is_heading_printed || inspecting->is_json)
		return;
	inspecting->is_heading_printed = true;
	printf("%s\n%12s %14s %14s %8s %10s %-6s %6s %14s %-6s %8s\n", inspecting->file, "POSITION", "FIRST",
	       "LAST", "RECORDS", "BYTES", "CODEC", "EPOCH", "MAX TIME",
	       "TIME", "CRC");
}

static void take_batch(void *context, const struct batch *batch, uint64_t position, struct slice bytes)
{
	struct inspecting *inspecting = context;
	if (batch_next_offset(batch) <= inspecting->range.from || batch->base_offset >= inspecting->range.to)
		return;
	print_heading(inspecting);
	if (!inspecting->is_json)
		print_batch(batch, position);
	else if (!inspecting->with_records)
		print_batch_json(inspecting, batch, position);
	if (inspecting->with_records && !batch_is_control(batch))
		show_records(inspecting, batch, bytes);
}

static void take_finding(void *context, const struct finding *finding)
{
	struct inspecting *inspecting = context;
	if (finding->from >= inspecting->range.to ||
	    (finding->to != NOWHERE && finding->to <= inspecting->range.from))
		return;
	print_heading(inspecting);
	if (inspecting->is_json)
		printf("{\"file\":\"%s\",\"position\":%" PRId64 ",\"end_position\":%" PRId64 ",\"bad\":\"%s\"}\n",
		       inspecting->file, finding->position_from, finding->position_to, finding->what);
	else
		printf("%12" PRId64 " %" PRId64 " bytes: %s\n", finding->position_from,
		       finding->position_to - finding->position_from, finding->what);
}

int log_inspect_log(struct io *io, const char *dir, const char *file, const char *topic, int32_t partition,
		    int64_t base_offset, const struct inspect_range *range, bool with_records, bool is_json)
{
	struct inspecting inspecting = {
		.sink = {.io = io, .dir = dir, .found = take_finding},
		.file = file,
		.topic = topic,
		.partition = partition,
		.range = *range,
		.with_records = with_records,
		.is_json = is_json,
	};
	inspecting.sink.context = &inspecting;
	struct segment_check check = {
		.sink = &inspecting.sink,
		.file = file,
		.base_offset = base_offset,
		.limit_offset = NOWHERE,
		.required_offset = NOWHERE,
		.is_open_ended = true,
		.are_gaps_allowed = true,
		.is_foreign = true,
		.batch = take_batch,
		.batch_context = &inspecting,
	};
	int err = batch_workspace_open(&inspecting.sink.workspace, COMPRESS_WINDOW_SIZE);
	if (!err) {
		err = segment_check_run(&check);
		segment_check_fini(&check);
		batch_workspace_close(inspecting.sink.workspace);
	}
	if (err)
		complain("%s/%s: %s", dir, file, err_text(err));
	return err ? STATUS_FAILED : STATUS_OK;
}
