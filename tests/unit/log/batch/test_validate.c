/* Validation of produced batches: each refusal of Kafka's with its code, their order, what is stamped and what is rebuilt. */
#include "log/batch/record_iter.h"
#include "tests/unit/log/batch/sample.h"

static struct batch_workspace *workspace;
static uint8_t batch_bytes[SAMPLE_SIZE_MAX], saved[SAMPLE_SIZE_MAX];
static struct batch_verdict verdict;

static void open_workspace(void)
{
	cr_assert_eq(batch_workspace_open(&workspace, 64), 0);
}

static void close_workspace(void)
{
	batch_workspace_close(workspace);
}

TestSuite(validate, .init = open_workspace, .fini = close_workspace);

/* Validates; the bytes must not have changed. */
static int validate(uint32_t size, const struct batch_rules *rules)
{
	memcpy(saved, batch_bytes, size);
	int err = batch_validate(workspace, batch_bytes, size, rules, &verdict);
	cr_assert_eq(err, verdict.err);
	cr_assert_eq(verdict.message == NULL, err == 0);
	cr_assert_eq(memcmp(saved, batch_bytes, size), 0, "validation changed the batch");
	return err;
}

/* A good batch passes in every codec, unchanged, and the verdict knows it. */
Test(validate, good)
{
	struct batch_rules rules = sample_rules();
	for (unsigned codec = CODEC_NONE; codec < batch_codec_count; codec++)
		for (uint32_t value_size = 0; value_size < 3000; value_size = value_size * 2 + 1) {
			struct batch_builder_options options = sample_options(codec);
			uint32_t size = sample_build(workspace, &options, 50, value_size, batch_bytes, sizeof batch_bytes);
			cr_assert_eq(validate(size, &rules), 0, "%s, values of %u: %s", batch_codec_name(codec), value_size, verdict.message);
			cr_assert_not(verdict.needs_rebuild || verdict.needs_stamp);
			cr_assert_eq(verdict.append_time_ms, -1);
			cr_assert_eq(verdict.batch.max_timestamp_ms, SAMPLE_NOW_MS + 49);
			cr_assert_eq(verdict.delta_of_max_timestamp, 49);
			cr_assert_eq(verdict.batch.records_count, 50);
			cr_assert_gt(verdict.records_size_bytes, 48 * value_size);
		}
}

/* One wrong field each, the CRC renewed unless it is the point. */
Test(validate, header_table)
{
	static const struct {
		const char *what;
		unsigned at, width;
		uint64_t value;
		bool keeps_crc;
		int err;
	} rows[] = {
		{"base offset 1", BATCH_AT_BASE_OFFSET, 8, 1, true, ERR_INVALID_RECORD},
		{"base offset -1", BATCH_AT_BASE_OFFSET, 8, UINT64_MAX, true, ERR_INVALID_RECORD},
		{"any leader epoch is fine", BATCH_AT_LEADER_EPOCH, 4, 77, true, 0},
		{"magic 1", BATCH_AT_MAGIC, 1, 1, true, ERR_INVALID_RECORD},
		{"magic 3", BATCH_AT_MAGIC, 1, 3, true, ERR_INVALID_RECORD},
		{"length one less", BATCH_AT_LENGTH, 4, 1, true, ERR_CORRUPT_BATCH}, /* replaced below by relative values */
		{"length negative", BATCH_AT_LENGTH, 4, 0xffffffff, true, ERR_CORRUPT_BATCH},
		{"length huge", BATCH_AT_LENGTH, 4, 0x7fffffff, true, ERR_CORRUPT_BATCH},
		{"CRC", BATCH_AT_CRC, 4, 1, true, ERR_CORRUPT_BATCH},
		{"codec 5", BATCH_AT_ATTRIBUTES, 2, 5, false, ERR_UNSUPPORTED_CODEC},
		{"codec 7", BATCH_AT_ATTRIBUTES, 2, 7, false, ERR_UNSUPPORTED_CODEC},
		{"control batch", BATCH_AT_ATTRIBUTES, 2, BATCH_IS_CONTROL, false, ERR_INVALID_RECORD},
		{"says gzip, is not", BATCH_AT_ATTRIBUTES, 2, CODEC_GZIP, false, ERR_BROKEN_COMPRESSION},
		{"says snappy, is not", BATCH_AT_ATTRIBUTES, 2, CODEC_SNAPPY, false, ERR_BROKEN_COMPRESSION},
		{"says lz4, is not", BATCH_AT_ATTRIBUTES, 2, CODEC_LZ4, false, ERR_BROKEN_COMPRESSION},
		{"says zstd, is not", BATCH_AT_ATTRIBUTES, 2, CODEC_ZSTD, false, ERR_BROKEN_COMPRESSION},
		{"last offset delta -1", BATCH_AT_LAST_OFFSET_DELTA, 4, 0xffffffff, false, ERR_INVALID_RECORD},
		{"last offset delta too small", BATCH_AT_LAST_OFFSET_DELTA, 4, 8, false, ERR_INVALID_RECORD},
		{"last offset delta too large", BATCH_AT_LAST_OFFSET_DELTA, 4, 10, false, ERR_INVALID_RECORD},
		{"last offset delta INT32_MAX", BATCH_AT_LAST_OFFSET_DELTA, 4, 0x7fffffff, false, ERR_INVALID_RECORD},
		{"count 0", BATCH_AT_RECORDS_COUNT, 4, 0, false, ERR_INVALID_RECORD},
		{"count -1", BATCH_AT_RECORDS_COUNT, 4, 0xffffffff, false, ERR_INVALID_RECORD},
		{"count one more", BATCH_AT_RECORDS_COUNT, 4, 11, false, ERR_INVALID_RECORD},
		{"producer id without sequence", BATCH_AT_PRODUCER_ID, 8, 1000, false, ERR_INVALID_RECORD},
		{"base timestamp far ahead", BATCH_AT_BASE_TIMESTAMP, 8, INT64_MAX - 100, false, ERR_INVALID_TIMESTAMP},
	};
	struct batch_builder_options options = sample_options(CODEC_NONE);
	struct batch_rules rules = sample_rules();
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint32_t size = sample_build(workspace, &options, 10, 20, batch_bytes, sizeof batch_bytes);
		uint64_t value = rows[i].at == BATCH_AT_LENGTH && rows[i].value == 1 ? size - BATCH_LENGTH_OVERHEAD - 1 : rows[i].value;
		for (unsigned k = 0; k < rows[i].width; k++)
			batch_bytes[rows[i].at + k] = (uint8_t)(value >> (8 * (rows[i].width - 1 - k)));
		if (!rows[i].keeps_crc)
			batch_stamp_crc(batch_bytes, size);
		cr_expect_eq(validate(size, &rules), rows[i].err, "%s: %s", rows[i].what, err_name(verdict.err));
	}
}

/* When several things are wrong, the answer is the first of Kafka's order. */
Test(validate, order)
{
	struct batch_builder_options options = sample_options(CODEC_ZSTD);
	struct batch_rules rules = sample_rules();
	uint32_t size = sample_build(workspace, &options, 10, 20, batch_bytes, sizeof batch_bytes);
	rules.is_zstd_allowed = false;
	rules.size_max = 100;
	store_be64(batch_bytes, 5);
	store_be32(batch_bytes + BATCH_AT_CRC, 5);
	store_be32(batch_bytes + BATCH_AT_RECORDS_COUNT, 0);
	cr_expect_eq(validate(size, &rules), ERR_UNSUPPORTED_CODEC);
	rules.is_zstd_allowed = true;
	cr_expect_eq(validate(size, &rules), ERR_INVALID_RECORD, "then the base offset");
	store_be64(batch_bytes, 0);
	cr_expect_eq(validate(size, &rules), ERR_BATCH_TOO_LARGE, "then the size");
	rules.size_max = (int32_t)size;
	cr_expect_eq(validate(size, &rules), ERR_CORRUPT_BATCH, "then the CRC");
	batch_stamp_crc(batch_bytes, size);
	cr_expect_eq(validate(size, &rules), ERR_INVALID_RECORD, "then the counts");
	store_be32(batch_bytes + BATCH_AT_RECORDS_COUNT, 10);
	batch_stamp_crc(batch_bytes, size);
	cr_expect_eq(validate(size, &rules), 0, "max.message.bytes itself is allowed");
}

/* A batch cut off anywhere is corrupt, with every codec. */
Test(validate, truncation)
{
	struct batch_rules rules = sample_rules();
	for (unsigned codec = CODEC_NONE; codec < batch_codec_count; codec++) {
		struct batch_builder_options options = sample_options(codec);
		uint32_t size = sample_build(workspace, &options, 3, 20, batch_bytes, sizeof batch_bytes);
		for (uint32_t cut = 0; cut < size; cut++)
			cr_assert_eq(validate(cut, &rules), ERR_CORRUPT_BATCH, "%s cut at %u", batch_codec_name(codec), cut);
	}
}

/* Coordinators write control batches at any base offset without sequences. */
Test(validate, internal_batches)
{
	struct batch_builder_options options = sample_options(CODEC_NONE);
	struct batch_rules rules = sample_rules();
	options.attributes = BATCH_IS_CONTROL | BATCH_IS_TRANSACTIONAL;
	options.producer_id = 9;
	options.base_offset = 70;
	uint32_t size = sample_build(workspace, &options, 1, 4, batch_bytes, sizeof batch_bytes);
	rules.target_codec = CODEC_ZSTD;
	cr_expect_eq(validate(size, &rules), ERR_INVALID_RECORD);
	rules.is_internal = true;
	cr_expect_eq(validate(size, &rules), 0);
	cr_expect_not(verdict.needs_rebuild, "control records are not compressed");
}

/* ---- the record format ---- */

/* Hand-written record bytes (zigzag: 1 is -1, 2 is 1, 4 is 2), one batch each; plain and through a codec the answer is the same. */
Test(validate, record_table)
{
	static const struct { const char *what; const char *bytes; size_t size; int32_t count; int err; } rows[] = {
#define ROW(what, bytes, count, err) {what, bytes, sizeof(bytes) - 1, count, err}
		ROW("key, value", "\x10\0\0\0\x02k\x02v\0", 1, 0),
		ROW("null key, null value", "\x0c\0\0\0\x01\x01\0", 1, 0),
		ROW("empty key, empty value", "\x0c\0\0\0\0\0\0", 1, 0),
		ROW("a header", "\x14\0\0\0\x01\x01\x02\x02h\x02v", 1, 0),
		ROW("a header with a null value and one with none", "\x16\0\0\0\x01\x01\x04\x02h\x01\0\0", 1, 0),
		ROW("record attributes are not looked at", "\x0c\x7f\0\0\x01\x01\0", 1, 0),
		ROW("varints longer than needed", "\x12\0\x80\0\x80\0\x01\x81\0\0", 1, 0),
		ROW("nothing", "", 1, ERR_INVALID_RECORD),
		ROW("length 0", "\0", 1, ERR_INVALID_RECORD),
		ROW("length negative", "\x01\0\0\0\x01\x01\0", 1, ERR_INVALID_RECORD),
		ROW("length one too small", "\x0a\0\0\0\x01\x01\0", 1, ERR_INVALID_RECORD),
		ROW("length one too large", "\x0e\0\0\0\x01\x01\0", 1, ERR_INVALID_RECORD),
		ROW("length too large, bytes there", "\x0e\0\0\0\x01\x01\0\0", 1, ERR_INVALID_RECORD),
		ROW("length of 2 GiB", "\xfe\xff\xff\xff\x0f\0\0\0\x01\x01\0", 1, ERR_INVALID_RECORD),
		ROW("length varint of six bytes", "\x8c\x80\x80\x80\x80\0\0\0\0\x01\x01\0", 1, ERR_INVALID_RECORD),
		ROW("length varint without an end", "\x8c", 1, ERR_INVALID_RECORD),
		ROW("timestamp varint of eleven bytes", "\x20\0\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\0\0\x01\x01\0", 1, ERR_INVALID_RECORD),
		ROW("key length -2", "\x0c\0\0\0\x03\x01\0", 1, ERR_INVALID_RECORD),
		ROW("value length -2", "\x0c\0\0\0\x01\x03\0", 1, ERR_INVALID_RECORD),
		ROW("key runs out of its record", "\x10\0\0\0\x0ck\x02v\0", 1, ERR_INVALID_RECORD),
		ROW("key of 1 GiB", "\x18\0\0\0\xfe\xff\xff\xff\x07\x01\0kk", 1, ERR_INVALID_RECORD),
		ROW("value runs out of its record", "\x10\0\0\0\x02k\x08v\0", 1, ERR_INVALID_RECORD),
		ROW("header count -1", "\x0c\0\0\0\x01\x01\x01", 1, ERR_INVALID_RECORD),
		ROW("header count one more", "\x14\0\0\0\x01\x01\x04\x02h\x02v", 1, ERR_INVALID_RECORD),
		ROW("header count of 2 billion", "\x14\0\0\0\x01\x01\xfe\xff\xff\xff\x0f", 1, ERR_INVALID_RECORD),
		ROW("header count one less", "\x14\0\0\0\x01\x01\0\x02h\x02v", 1, ERR_INVALID_RECORD),
		ROW("null header key", "\x10\0\0\0\x01\x01\x02\x01\x01", 1, ERR_INVALID_RECORD),
		ROW("header value length -2", "\x12\0\0\0\x01\x01\x02\x02h\x03", 1, ERR_INVALID_RECORD),
		ROW("bytes behind the last record", "\x0c\0\0\0\x01\x01\0x", 1, ERR_INVALID_RECORD),
		ROW("more records than the count", "\x0c\0\0\0\x01\x01\0\x0c\0\0\x02\x01\x01\0", 1, ERR_INVALID_RECORD),
		ROW("fewer records than the count", "\x0c\0\0\0\x01\x01\0", 2, ERR_INVALID_RECORD),
		ROW("a count of 2 billion", "\x0c\0\0\0\x01\x01\0", INT32_MAX, ERR_INVALID_RECORD),
		ROW("two records", "\x0c\0\0\0\x01\x01\0\x0c\0\0\x02\x01\x01\0", 2, 0),
#undef ROW
	};
	struct batch_rules rules = sample_rules();
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		for (unsigned codec = CODEC_NONE; codec < batch_codec_count; codec++) {
			uint32_t size = sample_wrap(workspace, codec, rows[i].bytes, rows[i].size, rows[i].count, batch_bytes, 4096);
			cr_expect_eq(validate(size, &rules), rows[i].err, "%s (%s): %s", rows[i].what, batch_codec_name(codec),
				     err_name(verdict.err));
		}
}

/* A record far larger than the window is taken apart in pieces with the same result: it passes whole, and a flaw behind its value is found. */
Test(validate, record_larger_than_window)
{
	struct batch_rules rules = sample_rules();
	static uint8_t record[70000];
	size_t prefix = 0, value_size = 60000;
	uint8_t body[64];
	size_t body_size = 0;
	memcpy(body, "\0\0\0\x02k", 5);
	body_size = 5 + varint_write(body + 5, 2 * value_size);
	prefix = varint_write(record, 2 * (body_size + value_size + 6));
	memcpy(record + prefix, body, body_size);
	sample_fill(record + prefix + body_size, value_size, 1);
	uint8_t *tail = record + prefix + body_size + value_size;
	static const struct { const char *tail; int err; } rows[] = {
		{"\x02\x04hh\x01", ERR_INVALID_RECORD}, /* a byte is missing at the end of the record */
		{"\x02\x04hh\x02v", 0},
		{"\x02\x03hh\x02v", ERR_INVALID_RECORD},
		{"\x02\x01\x06" "vvv", ERR_INVALID_RECORD}, /* a null header key */
		{"\x02\x04hh\x03v", ERR_INVALID_RECORD},
		{"\x02\x04hh\x01v", ERR_INVALID_RECORD},
		{"\x02\x04hh\x04v", ERR_INVALID_RECORD},
		{"\x03\x04hh\x02v", ERR_INVALID_RECORD},
		{"\x04\x04hh\x02v", ERR_INVALID_RECORD},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		for (unsigned codec = CODEC_NONE; codec < batch_codec_count; codec++) {
			size_t tail_size = i == 0 ? 5 : 6;
			memcpy(tail, rows[i].tail, tail_size);
			uint32_t size = sample_wrap(workspace, codec, record, prefix + body_size + value_size + tail_size, 1, batch_bytes,
						    sizeof batch_bytes);
			cr_expect_eq(validate(size, &rules), rows[i].err, "row %zu (%s): %s", i, batch_codec_name(codec),
				     err_name(verdict.err));
		}
	size_t window;
	batch_workspace_window(workspace, &window);
	cr_expect_eq(window, 64, "validation never needs a larger window");
}

/* A megabyte of zeros in a few kilobytes: refused at the limit, allowed below it. */
Test(validate, decompression_bomb)
{
	struct batch_rules rules = sample_rules();
	struct batch_builder builder;
	static uint8_t zeros[1 << 20];
	for (unsigned codec = CODEC_GZIP; codec < batch_codec_count; codec++) {
		struct batch_builder_options options = sample_options(codec);
		struct record record = {.timestamp_ms = SAMPLE_NOW_MS, .value = {zeros, sizeof zeros}};
		uint32_t size;
		cr_assert_eq(batch_builder_open(&builder, workspace, &options, batch_bytes, sizeof batch_bytes), 0);
		for (int i = 0; i < 8; i++)
			cr_assert_eq(batch_builder_append(&builder, &record), 0);
		cr_assert_eq(batch_builder_finish(&builder, &size), 0);
		cr_assert_lt(size, 500000);
		rules.decompressed_size_max = 9 << 20;
		cr_expect_eq(validate(size, &rules), 0);
		rules.decompressed_size_max = 5 << 20;
		cr_expect_eq(validate(size, &rules), ERR_BATCH_TOO_LARGE, "%s", batch_codec_name(codec));
	}
}

/* ---- what a topic allows ---- */

/* A compacted topic refuses null keys and says which; the sample's record 3 has none. */
Test(validate, compacted_topic)
{
	struct batch_rules rules = sample_rules();
	rules.is_compacted = true;
	for (unsigned codec = CODEC_NONE; codec < batch_codec_count; codec++) {
		struct batch_builder_options options = sample_options(codec);
		uint32_t size = sample_build(workspace, &options, 10, 200, batch_bytes, sizeof batch_bytes);
		cr_expect_eq(validate(size, &rules), ERR_INVALID_RECORD);
		cr_expect_eq(verdict.bad_record_count, 1);
		cr_expect_eq(verdict.bad_records[0].index, 3);
		size = sample_build(workspace, &options, 3, 200, batch_bytes, sizeof batch_bytes);
		cr_expect_eq(validate(size, &rules), 0);
	}
}

/* The bounds are inclusive, -1 is exempt, and the ends of int64 do not wrap around. */
Test(validate, timestamp_bounds)
{
	static const struct { int64_t before, after, timestamp; bool is_append_time; int err; } rows[] = {
		{INT64_MAX, 3600000, SAMPLE_NOW_MS + 3600000, false, 0},
		{INT64_MAX, 3600000, SAMPLE_NOW_MS + 3600001, false, ERR_INVALID_TIMESTAMP},
		{INT64_MAX, 3600000, 0, false, 0},
		{INT64_MAX, 3600000, INT64_MAX, false, ERR_INVALID_TIMESTAMP},
		{1000, 0, SAMPLE_NOW_MS - 1000, false, 0},
		{1000, 0, SAMPLE_NOW_MS - 1001, false, ERR_INVALID_TIMESTAMP},
		{1000, 0, SAMPLE_NOW_MS + 1, false, ERR_INVALID_TIMESTAMP},
		{1000, 0, -1, false, 0},
		{1000, 0, -2, false, ERR_INVALID_TIMESTAMP},
		{1000, INT64_MAX, INT64_MIN, false, ERR_INVALID_TIMESTAMP},
		{INT64_MAX, INT64_MAX, INT64_MAX, false, 0},
		{1000, 0, 5, true, 0},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct batch_rules rules = sample_rules();
		struct batch_builder_options options = sample_options(CODEC_NONE);
		struct batch_builder builder;
		struct record record = {.timestamp_ms = rows[i].timestamp, .value = text("v")};
		uint32_t size;
		rules.timestamp_before_max_ms = rows[i].before;
		rules.timestamp_after_max_ms = rows[i].after;
		rules.is_append_time = rows[i].is_append_time;
		cr_assert_eq(batch_builder_open(&builder, workspace, &options, batch_bytes, sizeof batch_bytes), 0);
		cr_assert_eq(batch_builder_append(&builder, &record), 0);
		cr_assert_eq(batch_builder_finish(&builder, &size), 0);
		cr_expect_eq(validate(size, &rules), rows[i].err, "row %zu: %s", i, err_name(verdict.err));
	}
}

/* The list of bad records is bounded; all are counted, and a bad timestamp among bad keys decides the code. */
Test(validate, bad_records_are_bounded)
{
	struct batch_rules rules = sample_rules();
	struct batch_builder_options options = sample_options(CODEC_LZ4);
	struct batch_builder builder;
	uint32_t size;
	rules.is_compacted = true;
	cr_assert_eq(batch_builder_open(&builder, workspace, &options, batch_bytes, sizeof batch_bytes), 0);
	for (int i = 0; i < 100; i++) {
		struct record record = {.timestamp_ms = SAMPLE_NOW_MS, .value = text("v")};
		if (i == 99) {
			record.key = text("k");
			record.timestamp_ms = INT64_MAX;
		}
		cr_assert_eq(batch_builder_append(&builder, &record), 0);
	}
	cr_assert_eq(batch_builder_finish(&builder, &size), 0);
	cr_expect_eq(validate(size, &rules), ERR_INVALID_TIMESTAMP);
	cr_expect_eq(verdict.bad_record_count, 100);
	for (int i = 0; i < BAD_RECORDS_MAX; i++)
		cr_expect_eq(verdict.bad_records[i].index, i);
}

/* ---- stamping and rebuilding ---- */

/* A wrong maximum timestamp is set right, with a valid CRC; a right one costs nothing. */
Test(validate, corrects_max_timestamp)
{
	struct batch_rules rules = sample_rules();
	struct batch batch;
	for (unsigned codec = CODEC_NONE; codec < batch_codec_count; codec++) {
		struct batch_builder_options options = sample_options(codec);
		uint32_t size = sample_build(workspace, &options, 10, 20, batch_bytes, sizeof batch_bytes);
		batch_stamp_max_timestamp(batch_bytes, size, 5);
		cr_assert_eq(validate(size, &rules), 0);
		cr_expect_eq(verdict.batch.max_timestamp_ms, SAMPLE_NOW_MS + 9, "known before it is stamped");
		batch_stamp_verdict(batch_bytes, &verdict);
		cr_assert_eq(batch_parse_checked((struct slice){batch_bytes, size}, &batch), 0);
		cr_expect_eq(batch.max_timestamp_ms, SAMPLE_NOW_MS + 9);
		cr_expect_eq(verdict.batch.max_timestamp_ms, SAMPLE_NOW_MS + 9);
		cr_expect_eq(verdict.batch.crc, batch.crc);
	}
}

/* Of several records with the largest timestamp the first is named, as ListOffsets answers it. */
Test(validate, first_of_equal_timestamps)
{
	static const char records[] = "\x0c\0\0\0\x01\x01\0" "\x0c\0\x08\x02\x01\x01\0" "\x0c\0\x08\x04\x01\x01\0" "\x0c\0\x06\x06\x01\x01\0";
	struct batch_rules rules = sample_rules();
	for (unsigned codec = CODEC_NONE; codec < batch_codec_count; codec++) {
		uint32_t size = sample_wrap(workspace, codec, records, sizeof records - 1, 4, batch_bytes, 4096);
		cr_assert_eq(validate(size, &rules), 0);
		cr_expect_eq(verdict.delta_of_max_timestamp, 1);
		cr_expect_eq(verdict.batch.max_timestamp_ms, SAMPLE_NOW_MS + 4);
	}
}

/* LogAppendTime: the broker's time in the header, the records as they were, no bounds on what they say. */
Test(validate, append_time)
{
	struct batch_rules rules = sample_rules();
	struct batch_builder_options options = sample_options(CODEC_GZIP);
	struct batch batch;
	uint32_t size = sample_build(workspace, &options, 10, 20, batch_bytes, sizeof batch_bytes);
	rules.is_append_time = true;
	rules.now_ms = SAMPLE_NOW_MS - 100000000;
	cr_assert_eq(validate(size, &rules), 0);
	cr_assert_eq(validate(size, &rules), 0, "judged again when there was no room");
	cr_expect(batch_is_append_time(&verdict.batch));
	batch_stamp_verdict(batch_bytes, &verdict);
	cr_assert_eq(batch_parse_checked((struct slice){batch_bytes, size}, &batch), 0);
	cr_expect(batch_is_append_time(&batch));
	cr_expect_eq(batch.max_timestamp_ms, rules.now_ms);
	cr_expect_eq(verdict.append_time_ms, rules.now_ms);
	cr_expect_eq(verdict.delta_of_max_timestamp, 0);
}

/* A producer that claims the broker's time: with CreateTime the claim is taken away and its records keep their times, unless the batch
 * has none; where the broker's time is kept, it is refused. In every codec, as Kafka 4.3 does. */
Test(validate, claims_append_time)
{
	static const struct { bool is_append_time; int64_t max_timestamp_ms; int err; } rows[] = {
		{false, SAMPLE_NOW_MS + 9, 0},
		{false, SAMPLE_NOW_MS + 5, 0},
		{false, -1, ERR_INVALID_TIMESTAMP},
		{true, SAMPLE_NOW_MS + 9, ERR_INVALID_TIMESTAMP},
	};
	for (unsigned codec = CODEC_NONE; codec < batch_codec_count; codec++)
		for (size_t i = 0; i < COUNT_OF(rows); i++) {
			struct batch_rules rules = sample_rules();
			struct batch_builder_options options = sample_options(codec);
			struct batch batch;
			uint32_t size = sample_build(workspace, &options, 10, 20, batch_bytes, sizeof batch_bytes);
			rules.is_append_time = rows[i].is_append_time;
			batch_bytes[BATCH_AT_ATTRIBUTES + 1] |= BATCH_IS_APPEND_TIME;
			store_be64(batch_bytes + BATCH_AT_MAX_TIMESTAMP, (uint64_t)rows[i].max_timestamp_ms);
			batch_stamp_crc(batch_bytes, size);
			cr_assert_eq(validate(size, &rules), rows[i].err, "row %zu, codec %u", i, codec);
			if (rows[i].err)
				continue;
			cr_expect_not(batch_is_append_time(&verdict.batch));
			batch_stamp_verdict(batch_bytes, &verdict);
			cr_assert_eq(batch_parse_checked((struct slice){batch_bytes, size}, &batch), 0);
			cr_expect_not(batch_is_append_time(&batch));
			cr_expect_eq(batch.max_timestamp_ms, SAMPLE_NOW_MS + 9);
			cr_expect_eq(batch_codec(&batch), codec);
			cr_expect_eq(verdict.append_time_ms, -1);
		}
}

static uint8_t rebuilt[SAMPLE_SIZE_MAX];

static void expect_sample_records(uint32_t size, int32_t count, uint32_t value_size)
{
	struct record_iter iter;
	struct record record;
	cr_assert_eq(record_iter_open(&iter, workspace, (struct slice){rebuilt, size}), 0);
	for (int32_t i = 0; i < count; i++) {
		struct sample_record sample;
		sample_record_make(&sample, i, value_size);
		cr_assert_eq(record_iter_next(&iter, &record), 1);
		cr_assert_eq(record.offset, i);
		cr_assert_eq(record.timestamp_ms, sample.record.timestamp_ms);
		cr_assert_eq(record.key.size, sample.record.key.size);
		cr_assert_eq(record.value.size, sample.record.value.size);
		cr_assert_eq(record.key.data == NULL, sample.record.key.data == NULL);
		cr_assert_eq(record.value.data == NULL, sample.record.value.data == NULL);
		cr_assert(record.value.size == 0 || memcmp(record.value.data, sample.value, record.value.size) == 0);
		cr_assert_eq(record.headers.size, sample.record.headers.size);
		cr_assert_eq(memcmp(record.headers.data, sample.headers, record.headers.size), 0);
		free(sample.value);
	}
	cr_assert_eq(record_iter_next(&iter, &record), 0);
	record_iter_close(&iter);
}

/* compression.type other than the producer's: every pair of codecs, records unchanged, header kept. */
Test(validate, rebuilds_codec)
{
	struct batch_rules rules = sample_rules();
	for (unsigned source = CODEC_NONE; source < batch_codec_count; source++)
		for (int8_t target = CODEC_NONE; target < (int8_t)batch_codec_count; target++) {
			struct batch_builder_options options = sample_options(source);
			uint32_t size, out_size;
			options.producer_id = 88;
			options.producer_epoch = 3;
			options.base_sequence = 1000;
			options.attributes = BATCH_IS_TRANSACTIONAL;
			size = sample_build(workspace, &options, 40, 3000, batch_bytes, sizeof batch_bytes);
			rules.target_codec = target;
			rules.level = codec_level_default((unsigned)target);
			cr_assert_eq(validate(size, &rules), 0);
			cr_assert_eq(verdict.needs_rebuild, source != (unsigned)target);
			if (!verdict.needs_rebuild)
				continue;
			struct slice view = {batch_bytes, size};
			cr_assert_eq(batch_rebuild(workspace, view, &rules, &verdict, rebuilt, sizeof rebuilt, &out_size), 0);
			struct batch batch;
			cr_assert_eq(batch_parse_checked((struct slice){rebuilt, out_size}, &batch), 0);
			cr_assert_eq(batch.size_bytes, out_size);
			cr_assert_eq(batch.attributes, BATCH_IS_TRANSACTIONAL | target);
			cr_assert(batch.producer_id == 88 && batch.producer_epoch == 3 && batch.base_sequence == 1000);
			cr_assert(batch.records_count == 40 && batch.last_offset_delta == 39);
			cr_assert_eq(batch.max_timestamp_ms, SAMPLE_NOW_MS + 39);
			cr_assert_eq(memcmp(&batch, &verdict.batch, sizeof batch), 0);
			expect_sample_records(out_size, 40, 3000);
		}
}

/* Offset deltas that are not 0, 1, 2 ("some older clients") are rewritten, and nothing is stamped before that. */
Test(validate, rebuilds_deltas)
{
	static const char records[] = "\x0e\0\0\x0a\x02" "a\x01\0\x0e\0\x04\x0a\x02" "b\x01\0";
	struct batch_rules rules = sample_rules();
	for (unsigned codec = CODEC_NONE; codec < batch_codec_count; codec++) {
		struct record_iter iter;
		struct record record;
		uint32_t out_size, size = sample_wrap(workspace, codec, records, sizeof records - 1, 2, batch_bytes, 4096);
		cr_assert_eq(validate(size, &rules), 0);
		cr_assert(verdict.needs_rebuild);
		cr_assert_eq(batch_rebuild(workspace, (struct slice){batch_bytes, size}, &rules, &verdict, rebuilt, sizeof rebuilt, &out_size), 0);
		cr_expect_eq(verdict.batch.max_timestamp_ms, SAMPLE_NOW_MS + 2);
		cr_expect_eq(verdict.delta_of_max_timestamp, 1);
		cr_assert_eq(record_iter_open(&iter, workspace, (struct slice){rebuilt, out_size}), 0);
		for (int i = 0; i < 2; i++) {
			cr_assert_eq(record_iter_next(&iter, &record), 1);
			cr_expect_eq(record.offset, i);
			cr_expect_eq(record.timestamp_ms, SAMPLE_NOW_MS + 2 * i);
			cr_expect_eq(record.key.data[0], "ab"[i]);
		}
		record_iter_close(&iter);
	}
}

/* A batch that grows beyond max.message.bytes, or beyond the buffer, when re-encoded is too large. */
Test(validate, rebuild_is_bounded)
{
	struct batch_rules rules = sample_rules();
	struct batch_builder_options options = sample_options(CODEC_ZSTD);
	uint32_t out_size, size = sample_build(workspace, &options, 100, 1000, batch_bytes, sizeof batch_bytes);
	struct slice view = {batch_bytes, size};
	rules.target_codec = CODEC_NONE;
	rules.size_max = (int32_t)size + 10;
	cr_assert_eq(validate(size, &rules), 0);
	cr_expect_eq(batch_rebuild(workspace, view, &rules, &verdict, rebuilt, sizeof rebuilt, &out_size), ERR_BATCH_TOO_LARGE);
	rules.size_max = (int32_t)SAMPLE_SIZE_MAX;
	cr_assert_eq(validate(size, &rules), 0);
	cr_expect_eq(batch_rebuild(workspace, view, &rules, &verdict, rebuilt, 5000, &out_size), ERR_BATCH_TOO_LARGE);
	cr_assert_eq(validate(size, &rules), 0);
	cr_expect_eq(batch_rebuild(workspace, view, &rules, &verdict, rebuilt, sizeof rebuilt, &out_size), 0);
}

/* With LogAppendTime the rebuilt batch carries the broker's time. */
Test(validate, rebuild_append_time)
{
	struct batch_rules rules = sample_rules();
	struct batch_builder_options options = sample_options(CODEC_NONE);
	uint32_t out_size, size = sample_build(workspace, &options, 10, 10, batch_bytes, sizeof batch_bytes);
	rules.target_codec = CODEC_SNAPPY;
	rules.is_append_time = true;
	rules.now_ms = 12345;
	cr_assert_eq(validate(size, &rules), 0);
	cr_assert_eq(batch_rebuild(workspace, (struct slice){batch_bytes, size}, &rules, &verdict, rebuilt, sizeof rebuilt, &out_size), 0);
	cr_expect(batch_is_append_time(&verdict.batch));
	cr_expect_eq(verdict.batch.max_timestamp_ms, 12345);
	memcpy(batch_bytes, rebuilt, out_size);
	batch_stamp_verdict(rebuilt, &verdict);
	cr_expect_eq(memcmp(batch_bytes, rebuilt, out_size), 0, "a rebuilt batch needs no stamp");
}

/* Exactly one whole batch of magic 2 is what a partition's records may be. */
Test(validate, single_batch)
{
	struct batch_builder_options options = sample_options(CODEC_NONE);
	uint32_t size = sample_build(workspace, &options, 2, 10, batch_bytes, sizeof batch_bytes);
	cr_expect_eq(records_check_single_batch((struct slice){batch_bytes, size}), 0);
	memcpy(batch_bytes + size, batch_bytes, size);
	cr_expect_eq(records_check_single_batch((struct slice){batch_bytes, 2 * size}), ERR_INVALID_RECORD);
	cr_expect_eq(records_check_single_batch((struct slice){batch_bytes, size + 1}), ERR_INVALID_RECORD);
	for (uint32_t cut = 0; cut < size; cut++)
		cr_expect_eq(records_check_single_batch((struct slice){batch_bytes, cut}), ERR_INVALID_RECORD, "cut at %u", cut);
	static const struct { uint8_t magic; int err; } rows[] = {{0, ERR_INVALID_RECORD}, {1, ERR_INVALID_RECORD}, {3, ERR_CORRUPT_BATCH},
								  {0x80, ERR_CORRUPT_BATCH}};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		batch_bytes[BATCH_AT_MAGIC] = rows[i].magic;
		cr_expect_eq(records_check_single_batch((struct slice){batch_bytes, size}), rows[i].err);
	}
	batch_bytes[BATCH_AT_MAGIC] = 2;
	store_be32(batch_bytes + BATCH_AT_LENGTH, 48);
	cr_expect_eq(records_check_single_batch((struct slice){batch_bytes, size}), ERR_CORRUPT_BATCH);
}

/* Any single changed bit behind a renewed CRC is judged without a crash, and what passes can be walked to its end. */
Test(validate, mutation)
{
	struct batch_rules rules = sample_rules();
	for (unsigned codec = CODEC_NONE; codec < batch_codec_count; codec++) {
		struct batch_builder_options options = sample_options(codec);
		uint32_t size = sample_build(workspace, &options, 5, 100, batch_bytes, sizeof batch_bytes);
		for (uint32_t bit = BATCH_AT_ATTRIBUTES * 8; bit < size * 8; bit++) {
			batch_bytes[bit / 8] ^= 1u << (bit % 8);
			batch_stamp_crc(batch_bytes, size);
			memcpy(saved, batch_bytes, size);
			if (batch_validate(workspace, batch_bytes, size, &rules, &verdict) == 0) {
				struct record_iter iter;
				struct record record;
				int32_t count = 0;
				int result = record_iter_open(&iter, workspace, (struct slice){batch_bytes, size});
				while (result >= 0 && (result = record_iter_next(&iter, &record)) == 1)
					count++;
				record_iter_close(&iter);
				cr_assert_eq(result, 0);
				cr_assert_eq(count, verdict.batch.records_count);
			}
			memcpy(batch_bytes, saved, size);
			batch_bytes[bit / 8] ^= 1u << (bit % 8);
		}
	}
}
