/* Batches from specs, by the log's own builder and then spoilt as asked; and batches as JSON. */
#include "tests/differential/records.h"

#include "log/base/check.h"
#include "log/batch/batch_builder.h"
#include "log/batch/crc32c.h"

#include <stdio.h>
#include <stdlib.h>

static int64_t number_of(const json_t *spec, const char *name, int64_t otherwise)
{
	json_t *value = json_object_get(spec, name);
	return json_is_integer(value) ? json_integer_value(value) : json_is_boolean(value) ? json_is_true(value) : otherwise;
}

static struct batch_workspace *the_workspace(void)
{
	static struct batch_workspace *workspace;
	if (!workspace)
		CHECK(batch_workspace_open(&workspace, COMPRESS_WINDOW_SIZE) == 0);
	return workspace;
}

static struct slice make_value(const json_t *spec, int64_t number, char *text, size_t room)
{
	size_t size = (size_t)number_of(spec, "value_size", 0);
	if (size == 0)
		size = (size_t)snprintf(text, room, "value-%lld", (long long)number);
	else
		for (size_t i = 0; i < size && i < room; i++)
			text[i] = (char)('a' + (i * 7 + (size_t)number) % 26);
	return (struct slice){(uint8_t *)text, size < room ? size : room};
}

static bool append_records(struct batch_builder *builder, const json_t *spec)
{
	static char text[2 << 20];
	int64_t count = number_of(spec, "count", 1), timestamp = number_of(spec, "timestamp", 1700000000000);
	uint8_t headers[64];
	struct record_header header = {.key = {(const uint8_t *)"h", 1}, .value = {(const uint8_t *)"x", 1}};
	size_t headers_size = record_header_write(headers, &header);
	for (int64_t i = 0; i < count; i++) {
		char key[32];
		int key_size = snprintf(key, sizeof key, "key-%lld", (long long)i);
		struct record record = {.timestamp_ms = timestamp + i};
		if (!number_of(spec, "null_keys", 0))
			record.key = (struct slice){(uint8_t *)key, (size_t)key_size};
		if (!number_of(spec, "null_values", 0))
			record.value = make_value(spec, i, text, sizeof text);
		if (number_of(spec, "headers", 0)) {
			record.header_count = 1;
			record.headers = (struct slice){headers, headers_size};
		}
		if (batch_builder_append(builder, &record) != 0)
			return false;
	}
	return true;
}

/* The header is written again with what the case wants wrong, so the CRC is right unless that is what is wrong. */
static void spoil(uint8_t *bytes, uint32_t size, const json_t *spec)
{
	struct batch batch;
	CHECK(batch_parse_header((struct slice){bytes, size}, &batch) == 0);
	batch.attributes |= (int16_t)number_of(spec, "attributes", 0);
	batch.records_count += (int32_t)number_of(spec, "records_count", 0);
	batch.last_offset_delta += (int32_t)number_of(spec, "last_delta", 0);
	batch.max_timestamp_ms += number_of(spec, "max_timestamp", 0);
	batch_write_header(bytes, &batch);
	bytes[BATCH_AT_MAGIC] = (uint8_t)number_of(spec, "magic", BATCH_MAGIC);
	batch_stamp_crc(bytes, size);
	store_be32(bytes + BATCH_AT_CRC, load_be32(bytes + BATCH_AT_CRC) + (uint32_t)number_of(spec, "crc", 0));
	store_be32(bytes + BATCH_AT_LENGTH, load_be32(bytes + BATCH_AT_LENGTH) + (uint32_t)number_of(spec, "length", 0));
}

static bool build_batch(struct bytes_out *out, const json_t *spec)
{
	struct batch_builder builder;
	struct batch_builder_options options = BATCH_BUILDER_PLAIN;
	options.codec = (unsigned)number_of(spec, "codec", 0);
	options.level = codec_level_default(options.codec);
	options.base_offset = number_of(spec, "base_offset", 0);
	options.leader_epoch = (int32_t)number_of(spec, "leader_epoch", -1);
	options.producer_id = number_of(spec, "producer_id", -1);
	options.producer_epoch = (int16_t)number_of(spec, "producer_epoch", -1);
	options.base_sequence = (int32_t)number_of(spec, "sequence", -1);
	size_t capacity = (size_t)number_of(spec, "count", 1) * ((size_t)number_of(spec, "value_size", 0) + 256) + 4096;
	uint8_t *bytes = malloc(capacity);
	uint32_t size = 0;
	bool built = bytes && batch_builder_open(&builder, the_workspace(), &options, bytes, capacity) == 0 &&
		     append_records(&builder, spec) && batch_builder_finish(&builder, &size) == 0;
	if (built) {
		spoil(bytes, size, spec);
		bytes_out_put(out, bytes, size - (size_t)number_of(spec, "cut", 0));
	}
	free(bytes);
	return built;
}

bool records_build(struct bytes_out *out, const json_t *spec, const char **why)
{
	json_t *batches = json_object_get(spec, "batches"), *batch;
	size_t i;
	bool built = batches || build_batch(out, spec);
	json_array_foreach(batches, i, batch)
		built = built && build_batch(out, batch);
	if (!built)
		*why = "a batch cannot be built";
	return built;
}

#define LENGTH_POSITION 8

static json_t *batch_summary(const uint8_t *bytes, const struct batch *batch)
{
	uint32_t body = crc32c(bytes + BATCH_HEADER_SIZE, batch->size_bytes - BATCH_HEADER_SIZE);
	return json_pack("{sI si si si sI sI sI si si si sI}", "base_offset", (json_int_t)batch->base_offset, "size", (int)batch->size_bytes,
			 "attributes", batch->attributes, "last_offset_delta", batch->last_offset_delta, "base_timestamp",
			 (json_int_t)batch->base_timestamp_ms, "max_timestamp",
			 (json_int_t)(batch_is_append_time(batch) ? 0 : batch->max_timestamp_ms), "producer_id", (json_int_t)batch->producer_id,
			 "producer_epoch", batch->producer_epoch, "base_sequence", batch->base_sequence, "records_count",
			 batch->records_count, "records_crc", (json_int_t)body);
}

/* Fewer bytes than the batch that begins with them says it has. */
static bool is_cut_off(struct slice bytes)
{
	uint32_t length = 0;
	if (bytes.size < LENGTH_POSITION + sizeof length)
		return true;
	memcpy(&length, bytes.data + LENGTH_POSITION, sizeof length);
	return be32toh(length) <= INT32_MAX && be32toh(length) > bytes.size - LENGTH_POSITION - sizeof length;
}

json_t *records_summary(struct slice bytes)
{
	if (!bytes.data)
		return json_null();
	json_t *list = json_array();
	while (bytes.size > 0 && !is_cut_off(bytes)) {
		struct batch batch;
		if (batch_parse_checked(bytes, &batch) != 0) {
			json_array_append_new(list, json_pack("{sI}", "not_a_batch", (json_int_t)bytes.size));
			break;
		}
		json_array_append_new(list, batch_summary(bytes.data, &batch));
		bytes.data += batch.size_bytes;
		bytes.size -= batch.size_bytes;
	}
	return list;
}
