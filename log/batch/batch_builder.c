/* The builder. Records are encoded behind the header's room as they come, through the compressor unless the codec is none; the header is
 * written at the end, when the largest timestamp and the size are known. Running out of room is the only failure in practice. */
#include "log/batch/batch_builder.h"

#include "log/base/check.h"
#include "log/batch/record_priv.h"

const struct batch_builder_options BATCH_BUILDER_PLAIN = {
	.codec = CODEC_NONE,
	.leader_epoch = -1,
	.producer_id = NO_PRODUCER_ID,
	.producer_epoch = -1,
	.base_sequence = NO_SEQUENCE,
	.append_time_ms = -1,
};

int batch_builder_open(struct batch_builder *builder, struct batch_workspace *workspace,
		       const struct batch_builder_options *options, uint8_t *out, size_t capacity)
{
	memset(builder, 0, sizeof *builder);
	builder->options = *options;
	builder->workspace = workspace;
	builder->out = out;
	builder->capacity = capacity < BATCH_SIZE_MAX ? capacity : BATCH_SIZE_MAX;
	builder->used = BATCH_HEADER_SIZE;
	builder->max_timestamp_ms = NO_TIMESTAMP;
	builder->last_delta = -1;
	if (capacity < BATCH_HEADER_SIZE)
		builder->err = ERR_BATCH_TOO_LARGE;
	else if (options->codec != CODEC_NONE)
		builder->err = compress_begin(workspace, options->codec, options->level, out + BATCH_HEADER_SIZE,
					      builder->capacity - BATCH_HEADER_SIZE);
	return builder->err;
}

/* The bytes of a record's body, which its length prefix says. */
static uint64_t body_size(const struct record *record, int64_t timestamp_delta, int32_t delta)
{
	return 1 + record__long_size(timestamp_delta) + record__long_size(delta) +
	       record__long_size(record->key.data ? (int64_t)record->key.size : -1) + record->key.size +
	       record__long_size(record->value.data ? (int64_t)record->value.size : -1) + record->value.size +
	       record__long_size(record->header_count) + record->headers.size;
}

static int put(struct batch_builder *builder, const void *data, size_t size)
{
	if (builder->options.codec != CODEC_NONE)
		return compress_write(builder->workspace, data, size);
	if (size > 0) /* its room was checked for the record as a whole */
		memcpy(builder->out + builder->used, data, size);
	builder->used += size;
	return 0;
}

static int put_sized(struct batch_builder *builder, struct slice bytes)
{
	uint8_t length[VARINT_SIZE_MAX];
	int err = put(builder, length, record__write_int(length, bytes.data ? (int32_t)bytes.size : -1));
	return err ? err : put(builder, bytes.data, bytes.size);
}

static int put_record(struct batch_builder *builder, const struct record *record, int32_t size, int64_t timestamp_delta, int32_t delta)
{
	uint8_t prefix[RECORD_PREFIX_MAX];
	unsigned at = record__write_int(prefix, size);
	prefix[at++] = 0; /* record attributes: none are defined */
	at += record__write_long(prefix + at, timestamp_delta);
	at += record__write_int(prefix + at, delta);
	int err = put(builder, prefix, at);
	if (!err)
		err = put_sized(builder, record->key);
	if (!err)
		err = put_sized(builder, record->value);
	if (!err)
		err = put(builder, prefix, record__write_int(prefix, (int32_t)record->header_count));
	return err ? err : put(builder, record->headers.data, record->headers.size);
}

static void note_record(struct batch_builder *builder, int64_t timestamp_ms, int32_t delta)
{
	if (timestamp_ms > builder->max_timestamp_ms)
		builder->max_timestamp_ms = timestamp_ms;
	builder->last_delta = delta;
	builder->count++;
}

int batch_builder_append_at(struct batch_builder *builder, int32_t delta, const struct record *record)
{
	CHECK(delta > builder->last_delta && record->header_count <= INT32_MAX);
	if (builder->err)
		return builder->err;
	if (builder->count == 0)
		builder->base_timestamp_ms = record->timestamp_ms;
	int64_t timestamp_delta = (int64_t)((uint64_t)record->timestamp_ms - (uint64_t)builder->base_timestamp_ms);
	uint64_t size = body_size(record, timestamp_delta, delta);
	if (size > BATCH_SIZE_MAX)
		return ERR_BATCH_TOO_LARGE;
	bool is_plain = builder->options.codec == CODEC_NONE;
	if (is_plain && builder->used + record__long_size((int64_t)size) + size > builder->capacity)
		return ERR_BATCH_TOO_LARGE;
	builder->err = put_record(builder, record, (int32_t)size, timestamp_delta, delta);
	if (!builder->err)
		note_record(builder, record->timestamp_ms, delta);
	return builder->err;
}

int batch_builder_append(struct batch_builder *builder, const struct record *record)
{
	return batch_builder_append_at(builder, builder->last_delta + 1, record);
}

static void write_header(const struct batch_builder *builder, uint32_t size_bytes)
{
	const struct batch_builder_options *options = &builder->options;
	bool is_append_time = options->append_time_ms >= 0;
	struct batch batch = {
		.base_offset = options->base_offset,
		.size_bytes = size_bytes,
		.leader_epoch = options->leader_epoch,
		.magic = BATCH_MAGIC,
		.attributes = (int16_t)(options->attributes | (int16_t)options->codec | (is_append_time ? BATCH_IS_APPEND_TIME : 0)),
		.last_offset_delta = builder->last_delta,
		.base_timestamp_ms = builder->base_timestamp_ms,
		.max_timestamp_ms = is_append_time ? options->append_time_ms : builder->max_timestamp_ms,
		.producer_id = options->producer_id,
		.producer_epoch = options->producer_epoch,
		.base_sequence = options->base_sequence,
		.records_count = builder->count,
	};
	batch_write_header(builder->out, &batch);
	batch_stamp_crc(builder->out, size_bytes);
}

int batch_builder_finish(struct batch_builder *builder, uint32_t *size_bytes)
{
	CHECK(builder->count > 0 || builder->err);
	size_t records_size = builder->used - BATCH_HEADER_SIZE;
	if (builder->options.codec != CODEC_NONE) {
		int err = compress_end(builder->workspace, &records_size);
		builder->err = builder->err ? builder->err : err;
	}
	if (builder->err)
		return builder->err;
	*size_bytes = (uint32_t)(BATCH_HEADER_SIZE + records_size);
	write_header(builder, *size_bytes);
	return 0;
}
