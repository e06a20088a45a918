/* Validation of a produced batch. The happy path: the header's fields agree, the CRC holds, one pass over the records finds all of them
 * whole and allowed, and the largest timestamp is what the header says, so that nothing is rewritten.
 *
 * The order of the checks and the errors are Kafka's (ProduceRequest, UnifiedLog, LogValidator), because clients act on the codes: a corrupt
 * batch is retried, a large one is split, an invalid record is not. A broken record format ends the walk; a record that is whole but not
 * allowed is listed and the walk goes on, as the answer names each. */
#include "log/batch/validate.h"

#include <errno.h>
#include <stddef.h>

#include "log/batch/batch_builder.h"
#include "log/batch/record_iter.h"
#include "log/batch/record_priv.h"

static int refuse(struct batch_verdict *verdict, int err, const char *message)
{
	verdict->err = err;
	verdict->message = message;
	return err;
}

/* ---- the batch ------------------------------------------------------------------------------------------- */

static int check_header(struct slice bytes, const struct batch_rules *rules, struct batch_verdict *verdict)
{
	struct batch *batch = &verdict->batch;
	int err = batch_parse_header(bytes, batch);
	if (err == ERR_INVALID_RECORD)
		return refuse(verdict, err, "the batch's magic is not 2");
	if (err == 0 && batch_codec(batch) == CODEC_ZSTD && !rules->is_zstd_allowed)
		return refuse(verdict, ERR_UNSUPPORTED_CODEC, "zstd needs Produce version 7 or later");
	if (err == 0 && batch->base_offset != 0 && !rules->is_internal)
		return refuse(verdict, ERR_INVALID_RECORD, "a producer's batch must have base offset 0");
	if (bytes.size > (uint32_t)rules->size_max)
		return refuse(verdict, ERR_BATCH_TOO_LARGE, "the batch is larger than max.message.bytes");
	if (err || batch->size_bytes != bytes.size)
		return refuse(verdict, ERR_CORRUPT_BATCH, "the batch's length field is wrong");
	if (batch_check_crc(bytes, batch))
		return refuse(verdict, ERR_CORRUPT_BATCH, "the batch fails its CRC");
	return 0;
}

static int check_client_fields(const struct batch_rules *rules, struct batch_verdict *verdict)
{
	const struct batch *batch = &verdict->batch;
	if (batch_codec(batch) >= batch_codec_count)
		return refuse(verdict, ERR_UNSUPPORTED_CODEC, "the compression codec is unknown");
	if (batch->last_offset_delta < 0)
		return refuse(verdict, ERR_INVALID_RECORD, "the batch's last offset delta is negative");
	if (batch->records_count <= 0)
		return refuse(verdict, ERR_INVALID_RECORD, "the batch's record count is not positive");
	if ((int64_t)batch->last_offset_delta + 1 != batch->records_count)
		return refuse(verdict, ERR_INVALID_RECORD, "the batch's record count and last offset delta disagree");
	if (rules->is_internal)
		return 0;
	if (batch_is_control(batch))
		return refuse(verdict, ERR_INVALID_RECORD, "clients may not write control records");
	if (batch_has_producer(batch) && batch->base_sequence < 0)
		return refuse(verdict, ERR_INVALID_RECORD, "an idempotent batch has no base sequence");
	return 0;
}

/* ---- its records ----------------------------------------------------------------------------------------- */

struct walk {
	const struct batch_rules *rules;
	struct batch_verdict *verdict;
	int64_t base_timestamp_ms;
	int64_t timestamp_min, timestamp_max;
	int64_t max_timestamp_ms;
	int32_t max_timestamp_index;
	bool checks_time;                 /* CreateTime */
	bool claims_append_time;          /* where a producer may not */
	bool is_compacted;
	bool is_sequential;
	bool has_bad_timestamp;
};

/* now - before and now + after, at most the ends of int64. */
static void set_bounds(struct walk *walk)
{
	const struct batch_rules *rules = walk->rules;
	if (__builtin_sub_overflow(rules->now_ms, rules->timestamp_before_max_ms, &walk->timestamp_min))
		walk->timestamp_min = INT64_MIN;
	if (__builtin_add_overflow(rules->now_ms, rules->timestamp_after_max_ms, &walk->timestamp_max))
		walk->timestamp_max = INT64_MAX;
}

/* A producer says that the batch's time is the broker's. As in Kafka that is refused where the broker's time is kept, or where the batch
 * has none; else the claim is dropped, and the records have the times that the producer gave them. */
static bool claims_append_time(const struct batch_rules *rules, const struct batch *batch)
{
	return batch_is_append_time(batch) && !rules->is_internal && (rules->is_append_time || batch->max_timestamp_ms == NO_TIMESTAMP);
}

static void start_walk(struct walk *walk, const struct batch_rules *rules, struct batch_verdict *verdict)
{
	*walk = (struct walk){
		.rules = rules,
		.verdict = verdict,
		.base_timestamp_ms = verdict->batch.base_timestamp_ms,
		.max_timestamp_ms = NO_TIMESTAMP,
		.checks_time = !rules->is_append_time,
		.claims_append_time = claims_append_time(rules, &verdict->batch),
		.is_compacted = rules->is_compacted && !batch_is_control(&verdict->batch),
		.is_sequential = true,
	};
	set_bounds(walk);
}

static void __attribute__((cold, noinline)) note_bad(struct walk *walk, int32_t index, const char *message)
{
	struct batch_verdict *verdict = walk->verdict;
	if (verdict->bad_record_count < BAD_RECORDS_MAX)
		verdict->bad_records[verdict->bad_record_count] = (struct bad_record){index, message};
	verdict->bad_record_count++;
}

static void __attribute__((cold, noinline)) note_bad_timestamp(struct walk *walk, int32_t index, const char *message)
{
	walk->has_bad_timestamp = true;
	note_bad(walk, index, message);
}

/* Judges one whole record. */
static inline void judge(struct walk *walk, int32_t index, const struct record_fields *fields)
{
	int64_t timestamp_ms = record__timestamp(walk->base_timestamp_ms, fields->timestamp_delta);
	bool is_outside = timestamp_ms < walk->timestamp_min || timestamp_ms > walk->timestamp_max;
	if (__builtin_expect(walk->is_compacted && fields->key_size < 0, 0))
		note_bad(walk, index, "a compacted topic needs a key in each record");
	else if (__builtin_expect(walk->claims_append_time, 0))
		note_bad_timestamp(walk, index, "a producer may not set the timestamp type to LogAppendTime");
	else if (__builtin_expect(walk->checks_time && is_outside && timestamp_ms != NO_TIMESTAMP, 0))
		note_bad_timestamp(walk, index, "the timestamp is outside message.timestamp.before.max.ms and message.timestamp.after.max.ms");
	if (timestamp_ms > walk->max_timestamp_ms) {
		walk->max_timestamp_ms = timestamp_ms;
		walk->max_timestamp_index = index;
	}
	walk->is_sequential &= fields->offset_delta == index;
}

/* A record with headers, with large numbers, a small one, or none. Returns what follows it; NULL: it is refused. */
static const uint8_t *__attribute__((noinline)) parse_other(struct walk *walk, const uint8_t *at, const uint8_t *end, struct record_fields *fields)
{
	int32_t size;
	at = record__read_int(at, end, &size);
	if (__builtin_expect(at && size >= 0 && size <= end - at, 1)) {
		if (__builtin_expect(record__parse(at, at + size, fields), 1))
			return at + size;
		refuse(walk->verdict, ERR_INVALID_RECORD, "a record's fields do not fill its length");
		return NULL;
	}
	refuse(walk->verdict, ERR_INVALID_RECORD, "a record is longer than its batch");
	return NULL;
}

/* The hot path: nothing is copied, each record's few leading and trailing bytes are looked at. */
static int walk_plain(struct walk *walk, struct slice records)
{
	const uint8_t *at = records.data, *end = at + records.size;
	int32_t count = walk->verdict->batch.records_count;
	walk->verdict->records_size_bytes = records.size;
	for (int32_t index = 0; index < count; index++) {
		struct record_fields fields;
		const uint8_t *next = record__parse_plain(at, end, &fields);
		if (__builtin_expect(!next, 0)) {
			struct record_fields other; /* so that the others' fields stay in registers */
			next = parse_other(walk, at, end, &other);
			if (!next)
				return walk->verdict->err;
			fields = other;
		}
		judge(walk, index, &fields);
		at = next;
	}
	if (at != end)
		return refuse(walk->verdict, ERR_INVALID_RECORD, "bytes are left behind the batch's last record");
	return 0;
}

static int refuse_stream(struct batch_verdict *verdict, int err)
{
	if (err == ERR_INVALID_RECORD)
		return refuse(verdict, err, "the compressed records break the record format or disagree with the record count");
	if (err == ERR_BATCH_TOO_LARGE)
		return refuse(verdict, err, "the records are too large when decompressed");
	if (err == ERR_BROKEN_COMPRESSION)
		return refuse(verdict, err, "the compressed records cannot be decompressed");
	return refuse(verdict, err, "no memory to decompress the records");
}

static int walk_compressed(struct walk *walk, struct batch_workspace *workspace, struct slice bytes)
{
	struct record_iter iter;
	struct record_fields fields;
	int result = record__open(&iter, workspace, bytes, walk->rules->decompressed_size_max);
	while (result == 0 || result == 1) {
		result = record__next_shape(&iter, &fields);
		if (result != 1)
			break;
		judge(walk, iter.seen - 1, &fields);
	}
	walk->verdict->records_size_bytes = iter.size_read;
	record_iter_close(&iter);
	return result < 0 ? refuse_stream(walk->verdict, result) : 0;
}

static int conclude(const struct walk *walk)
{
	struct batch_verdict *verdict = walk->verdict;
	if (verdict->bad_record_count == 0)
		return 0;
	if (walk->has_bad_timestamp)
		return refuse(verdict, ERR_INVALID_TIMESTAMP, "one or more records have an invalid timestamp");
	return refuse(verdict, ERR_INVALID_RECORD, "one or more records are not allowed in this topic");
}

/* ---- stamping --------------------------------------------------------------------------------------------- */

/* What the header will say of time. */
static void decide_time(const struct batch_rules *rules, int64_t max_timestamp_ms, struct batch_verdict *verdict)
{
	struct batch *batch = &verdict->batch;
	if (rules->is_append_time)
		max_timestamp_ms = rules->now_ms;
	verdict->needs_stamp = rules->is_append_time || batch_is_append_time(batch) || batch->max_timestamp_ms != max_timestamp_ms;
	verdict->append_time_ms = rules->is_append_time ? rules->now_ms : -1;
	batch->attributes = (int16_t)((batch->attributes & ~BATCH_IS_APPEND_TIME) | (rules->is_append_time ? BATCH_IS_APPEND_TIME : 0));
	batch->max_timestamp_ms = max_timestamp_ms;
}

void batch_stamp_verdict(uint8_t *bytes, struct batch_verdict *verdict)
{
	struct batch *batch = &verdict->batch;
	if (!verdict->needs_stamp)
		return;
	if (verdict->append_time_ms >= 0)
		batch_stamp_append_time(bytes, batch->size_bytes, verdict->append_time_ms);
	else
		batch_stamp_max_timestamp(bytes, batch->size_bytes, batch->max_timestamp_ms);
	batch->attributes = (int16_t)load_be16(bytes + BATCH_AT_ATTRIBUTES);
	batch->crc = load_be32(bytes + BATCH_AT_CRC);
	verdict->needs_stamp = false;
}

static unsigned target_codec(const struct batch_rules *rules, const struct batch *batch)
{
	if (rules->target_codec < 0 || (batch_is_control(batch) && batch_codec(batch) == CODEC_NONE))
		return batch_codec(batch);
	return (unsigned)rules->target_codec;
}

int batch_validate(struct batch_workspace *workspace, const uint8_t *bytes, size_t size, const struct batch_rules *rules,
		   struct batch_verdict *out)
{
	struct slice view = {bytes, size};
	memset(out, 0, offsetof(struct batch_verdict, bad_records)); /* those are as many as bad_record_count says */
	out->append_time_ms = -1;
	int err = check_header(view, rules, out);
	if (!err)
		err = check_client_fields(rules, out);
	if (err)
		return err;
	struct walk walk;
	start_walk(&walk, rules, out);
	if (batch_codec(&out->batch) == CODEC_NONE)
		err = walk_plain(&walk, (struct slice){bytes + BATCH_HEADER_SIZE, size - BATCH_HEADER_SIZE});
	else
		err = walk_compressed(&walk, workspace, view);
	if (!err)
		err = conclude(&walk);
	if (err)
		return err;
	out->needs_rebuild = !walk.is_sequential || target_codec(rules, &out->batch) != batch_codec(&out->batch);
	out->delta_of_max_timestamp = rules->is_append_time ? 0 : walk.max_timestamp_index;
	decide_time(rules, walk.max_timestamp_ms, out);
	return 0;
}

/* ---- rebuilding ------------------------------------------------------------------------------------------- */

static int copy_records(struct record_iter *iter, struct batch_builder *builder)
{
	struct record record;
	int result;
	while ((result = record_iter_next(iter, &record)) == 1) {
		int err = batch_builder_append(builder, &record);
		if (err)
			return err;
	}
	return result;
}

static int rebuild(struct batch_workspace *workspace, struct slice bytes, const struct batch_rules *rules,
		   const struct batch *batch, uint8_t *out, size_t capacity, uint32_t *size_bytes)
{
	struct batch_builder_options options = {
		.codec = target_codec(rules, batch),
		.level = rules->level,
		.leader_epoch = -1,
		.producer_id = batch->producer_id,
		.producer_epoch = batch->producer_epoch,
		.base_sequence = batch->base_sequence,
		.attributes = batch->attributes & (BATCH_IS_TRANSACTIONAL | BATCH_IS_CONTROL),
		.append_time_ms = rules->is_append_time ? rules->now_ms : -1,
	};
	struct batch_builder builder;
	int err = batch_builder_open(&builder, workspace, &options, out, capacity);
	if (err)
		return err;
	struct record_iter iter;
	err = record__open(&iter, workspace, bytes, rules->decompressed_size_max);
	if (!err)
		err = copy_records(&iter, &builder);
	record_iter_close(&iter);
	if (err)
		return err;
	return batch_builder_finish(&builder, size_bytes);
}

int batch_rebuild(struct batch_workspace *workspace, struct slice bytes, const struct batch_rules *rules,
		  struct batch_verdict *verdict, uint8_t *out, size_t capacity, uint32_t *size_bytes)
{
	size_t room = capacity < (size_t)rules->size_max ? capacity : (size_t)rules->size_max;
	int err = rebuild(workspace, bytes, rules, &verdict->batch, out, room, size_bytes);
	if (err == ERR_BATCH_TOO_LARGE)
		return refuse(verdict, err, "the batch is larger than max.message.bytes once re-encoded for the topic's compression.type");
	if (err)
		return refuse_stream(verdict, err);
	verdict->needs_rebuild = verdict->needs_stamp = false;
	return batch_parse_header((struct slice){out, *size_bytes}, &verdict->batch);
}

/* ---- the request's part ----------------------------------------------------------------------------------- */

int records_check_single_batch(struct slice records)
{
	if (records.size <= BATCH_AT_MAGIC)
		return ERR_INVALID_RECORD; /* not even a length and a magic: no batch at all */
	uint64_t size = (uint64_t)load_be32(records.data + BATCH_AT_LENGTH) + BATCH_LENGTH_OVERHEAD;
	int8_t magic = (int8_t)records.data[BATCH_AT_MAGIC];
	if (size > BATCH_SIZE_MAX || magic < 0 || magic > BATCH_MAGIC)
		return ERR_CORRUPT_BATCH;
	if (magic != BATCH_MAGIC)
		return ERR_INVALID_RECORD;
	if (size < BATCH_HEADER_SIZE)
		return ERR_CORRUPT_BATCH;
	if (size == records.size)
		return 0;
	/* Cut off, or more behind it. Kafka's reader does not see a rest that cannot hold a length, and finds the first batch's CRC wrong
	 * first if a wrong length field is what left the rest. */
	struct batch batch;
	bool is_rest_unseen = size < records.size && records.size - size < BATCH_LENGTH_OVERHEAD;
	return is_rest_unseen && batch_parse_checked(records, &batch) ? ERR_CORRUPT_BATCH : ERR_INVALID_RECORD;
}
