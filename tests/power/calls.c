#include "tests/power/calls.h"

#include <stdio.h>
#include <stdlib.h>

#include "kmsg_delete_topics.h"
#include "kmsg_fetch.h"
#include "kmsg_init_producer_id.h"
#include "log/base/check.h"
#include "log/batch/batch_builder.h"
#include "log/batch/record_iter.h"
#include "tests/requests/requests.h"
#include "tests/sim_broker/record.h"

#define NO_ANSWER -1
#define EPOCH_MS INT64_C(1700000000000) /* a record's time: this and the low bits of its mark */

/* ---- topics ---------------------------------------------------------------------------------------------------------------- */

int call_create_topic(struct client *client, const char *name, uint32_t partitions, const char *segment_ms, struct uuid *id)
{
	struct create_topics_ask ask;
	struct kmsg_create_topics_config configs[] = {{slice_from("retention.ms"), slice_from("-1")}, {slice_from("segment.bytes"), slice_from("1048576")}, {slice_from("segment.ms"), slice_from(segment_ms)}};
	ask_create_topic(&ask, name, (int32_t)partitions);
	ask.topic.configs.items = configs;
	ask.topic.configs.count = COUNT_OF(configs);
	const struct kmsg_create_topics_response *out = client_call(client, "create_topics", 7, &ask.in);
	if (!out || out->topics.count != 1)
		return NO_ANSWER;
	*id = out->topics.items[0].topic_id;
	return out->topics.items[0].error_code;
}

int call_delete_topic(struct client *client, const char *name)
{
	struct kmsg_delete_topics_request in;
	struct slice one = slice_from(name);
	kmsg_delete_topics_request_init(&in);
	in.topic_names.items = &one;
	in.topic_names.count = 1;
	in.timeout_ms = 10000;
	const struct kmsg_delete_topics_response *out = client_call(client, "delete_topics", 5, &in);
	return out && out->responses.count == 1 ? out->responses.items[0].error_code : NO_ANSWER;
}

int call_topic_id(struct client *client, const char *name, struct uuid *id)
{
	struct metadata_ask ask;
	ask_metadata(&ask, name);
	const struct kmsg_metadata_response *out = client_call(client, "metadata", 12, &ask.in);
	if (!out || out->topics.count != 1)
		return NO_ANSWER;
	*id = out->topics.items[0].topic_id;
	return out->topics.items[0].error_code;
}

int call_trim(struct client *client, const char *name, uint32_t partition, int64_t offset, int64_t *log_start)
{
	struct delete_records_ask ask;
	ask_delete_records(&ask, name, partition, offset, 10000);
	const struct kmsg_delete_records_response *out = client_call(client, "delete_records", 2, &ask.in);
	if (!out || out->topics.count != 1 || out->topics.items[0].partitions.count != 1)
		return NO_ANSWER;
	*log_start = out->topics.items[0].partitions.items[0].low_watermark;
	return out->topics.items[0].partitions.items[0].error_code;
}

/* ---- offsets ----------------------------------------------------------------------------------------------------------------- */

int call_commit(struct client *client, const char *name, int64_t offset)
{
	struct offset_commit_ask ask;
	ask_offset_commit(&ask, GROUP, name, 0, offset);
	const struct kmsg_offset_commit_response *out = client_call(client, "offset_commit", 8, &ask.in);
	if (!out || out->topics.count != 1 || out->topics.items[0].partitions.count != 1)
		return NO_ANSWER;
	return out->topics.items[0].partitions.items[0].error_code;
}

int call_committed(struct client *client, const char *name, int64_t *offset)
{
	struct offset_fetch_ask ask;
	ask_offset_fetch(&ask, GROUP, name, 0);
	const struct kmsg_offset_fetch_response *out = client_call(client, "offset_fetch", 8, &ask.in);
	if (!out || out->groups.count != 1)
		return NO_ANSWER;
	const struct kmsg_offset_fetch_group_result *result = &out->groups.items[0];
	if (result->error_code)
		return result->error_code;
	if (result->topics.count != 1 || result->topics.items[0].partitions.count != 1)
		return NO_ANSWER;
	*offset = result->topics.items[0].partitions.items[0].committed_offset;
	return result->topics.items[0].partitions.items[0].error_code;
}

int call_list_offset(struct client *client, const char *name, uint32_t partition, int64_t timestamp, int64_t *offset)
{
	struct list_offsets_ask ask;
	ask_list_offsets(&ask, name, partition, timestamp);
	const struct kmsg_list_offsets_response *out = client_call(client, "list_offsets", 7, &ask.in);
	if (!out || out->topics.count != 1 || out->topics.items[0].partitions.count != 1)
		return NO_ANSWER;
	*offset = out->topics.items[0].partitions.items[0].offset;
	return out->topics.items[0].partitions.items[0].error_code;
}

/* ---- fetching ---------------------------------------------------------------------------------------------------------------- */

static int tell_batch(struct slice rest, int64_t *next, call_record_fn *tell, void *context, size_t *size)
{
	struct batch batch;
	struct record_iter iter;
	struct record record;
	int more;
	*size = 0;
	if (rest.size < BATCH_HEADER_SIZE || batch_peek_size(rest) > rest.size)
		return 0; /* the last of an answer may be cut */
	if (batch_parse_checked(rest, &batch) || record_iter_open(&iter, NULL, (struct slice){rest.data, batch.size_bytes}))
		return 2;
	while ((more = record_iter_next(&iter, &record)) == 1)
		if (record.offset >= *next) {
			tell(context, record.offset, record_mark(record.value), record.timestamp_ms);
			*next = record.offset + 1;
		}
	record_iter_close(&iter);
	*size = batch.size_bytes;
	return more < 0 ? 2 : 0;
}

int call_fetch(struct client *client, const char *name, uint32_t partition, int64_t *next, int64_t *high_watermark, call_record_fn *tell, void *context)
{
	struct kmsg_fetch_request in;
	struct kmsg_fetch_topic topic;
	struct kmsg_fetch_partition one;
	kmsg_fetch_request_init(&in);
	kmsg_fetch_topic_init(&topic);
	kmsg_fetch_partition_init(&one);
	one.partition = (int32_t)partition;
	one.fetch_offset = *next;
	one.partition_max_bytes = 1 << 20;
	topic.topic = slice_from(name);
	topic.partitions.items = &one;
	topic.partitions.count = 1;
	in.max_wait_ms = 5;
	in.min_bytes = 1;
	in.max_bytes = 4 << 20;
	in.topics.items = &topic;
	in.topics.count = 1;
	const struct kmsg_fetch_response *out = client_call(client, "fetch", 11, &in);
	if (!out || (!out->error_code && (out->responses.count != 1 || out->responses.items[0].partitions.count != 1)))
		return NO_ANSWER;
	if (out->error_code)
		return out->error_code;
	const struct kmsg_fetch_partition_result *result = &out->responses.items[0].partitions.items[0];
	*high_watermark = result->high_watermark;
	int err = result->error_code;
	struct slice rest = result->records.whole;
	for (size_t size = 1; !err && rest.size && size; rest = (struct slice){rest.data + size, rest.size - size})
		err = tell_batch(rest, next, tell, context, &size);
	return err;
}

/* ---- producing --------------------------------------------------------------------------------------------------------------- */

int call_producer_id(struct client *client, int64_t *id, int16_t *epoch)
{
	struct kmsg_init_producer_id_request in;
	kmsg_init_producer_id_request_init(&in);
	const struct kmsg_init_producer_id_response *out = client_call(client, "init_producer_id", 4, &in);
	if (!out)
		return NO_ANSWER;
	*id = out->producer_id;
	*epoch = out->producer_epoch;
	return out->error_code;
}

uint8_t *call_make_batch(uint64_t first_mark, uint32_t count, uint32_t filler, int64_t producer_id, int16_t epoch, int32_t sequence, uint32_t *size_bytes)
{
	size_t capacity = (size_t)count * (filler + RECORD_VALUE_MIN + 64) + 128;
	struct batch_builder_options options = BATCH_BUILDER_PLAIN;
	struct batch_builder builder;
	uint8_t *bytes = malloc(capacity), *value = malloc(filler + RECORD_VALUE_MIN);
	options.producer_id = producer_id;
	options.producer_epoch = epoch;
	options.base_sequence = sequence;
	CHECK(bytes && value && batch_builder_open(&builder, NULL, &options, bytes, capacity) == 0);
	for (uint32_t i = 0; i < count; i++) {
		struct record record = {.timestamp_ms = EPOCH_MS + (int64_t)((first_mark + i) & 0xffffffff), .value = record_value(value, first_mark + i, filler)};
		CHECK(batch_builder_append(&builder, &record) == 0);
	}
	CHECK(batch_builder_finish(&builder, size_bytes) == 0);
	free(value);
	return bytes;
}

bool call_produce(struct client *client, const char *name, uint32_t partition, const uint8_t *batch, uint32_t size_bytes)
{
	struct produce_ask ask;
	ask_produce(&ask, name, partition, (struct slice){batch, size_bytes});
	return client_send(client, "produce", 9, &ask.in);
}

int call_produced(struct client *client, int64_t *base_offset)
{
	const struct kmsg_produce_response *out = client_receive(client);
	if (!out || out->responses.count != 1 || out->responses.items[0].partition_responses.count != 1)
		return NO_ANSWER;
	*base_offset = out->responses.items[0].partition_responses.items[0].base_offset;
	return out->responses.items[0].partition_responses.items[0].error_code;
}
