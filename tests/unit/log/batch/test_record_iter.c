/* Walking stored batches: every field comes back, in every codec and with every window; lookups by time; damage ends the walk. */
#include "log/batch/record_iter.h"

#include "tests/unit/log/batch/sample.h"

static uint8_t bytes[SAMPLE_SIZE_MAX];

static void expect_bytes(struct slice actual, struct slice expected)
{
	cr_assert_eq(actual.size, expected.size);
	cr_assert_eq(actual.data == NULL, expected.data == NULL);
	cr_assert(expected.size == 0 || memcmp(actual.data, expected.data, expected.size) == 0);
}

static void expect_headers(struct slice headers, struct slice key)
{
	struct record_header header;
	cr_assert(record_header_next(&headers, &header));
	expect_bytes(header.key, text("h1"));
	expect_bytes(header.value, key);
	cr_assert(record_header_next(&headers, &header));
	expect_bytes(header.key, text("h2"));
	expect_bytes(header.value, (struct slice){NULL, 0});
	cr_assert_not(record_header_next(&headers, &header));
}

static void expect_walk(struct batch_workspace *workspace, uint32_t size, int64_t base_offset, int32_t count, uint32_t value_size)
{
	struct record_iter iter;
	struct record record;
	cr_assert_eq(record_iter_open(&iter, workspace, (struct slice){bytes, size}), 0);
	for (int32_t i = 0; i < count; i++) {
		struct sample_record sample;
		sample_record_make(&sample, i, value_size);
		cr_assert_eq(record_iter_next(&iter, &record), 1);
		cr_assert_eq(record.offset, base_offset + i);
		cr_assert_eq(record.timestamp_ms, sample.record.timestamp_ms);
		expect_bytes(record.key, sample.record.key);
		expect_bytes(record.value, sample.record.value);
		cr_assert_eq(record.header_count, 2);
		expect_headers(record.headers, text(sample.key));
		free(sample.value);
	}
	cr_assert_eq(record_iter_next(&iter, &record), 0);
	cr_assert_eq(record_iter_next(&iter, &record), 0, "the end stays the end");
	record_iter_close(&iter);
}

/* All fields, all codecs, records smaller and larger than the window. */
Test(record_iter, fields)
{
	static const size_t windows[] = {32, 100, 65536};
	static const uint32_t value_sizes[] = {0, 9, 1000, 70000};
	for (unsigned codec = CODEC_NONE; codec < batch_codec_count; codec++)
		for (size_t w = 0; w < COUNT_OF(windows); w++)
			for (size_t v = 0; v < COUNT_OF(value_sizes); v++) {
				struct batch_workspace *workspace;
				struct batch_builder_options options = sample_options(codec);
				cr_assert_eq(batch_workspace_open(&workspace, windows[w]), 0);
				uint32_t size = sample_build(workspace, &options, 12, value_sizes[v], bytes, sizeof bytes);
				batch_stamp_offset(bytes, 1000000, 3);
				expect_walk(workspace, size, 1000000, 12, value_sizes[v]);
				batch_workspace_close(workspace);
			}
}

/* Uncompressed batches need no workspace. */
Test(record_iter, plain_without_workspace)
{
	struct batch_builder_options options = sample_options(CODEC_NONE);
	uint32_t size = sample_build(NULL, &options, 12, 100, bytes, sizeof bytes);
	expect_walk(NULL, size, 0, 12, 100);
}

/* LogAppendTime: each record has the batch's time. */
Test(record_iter, append_time)
{
	struct batch_builder_options options = sample_options(CODEC_NONE);
	struct record_iter iter;
	struct record record;
	options.append_time_ms = 4242;
	uint32_t size = sample_build(NULL, &options, 3, 10, bytes, sizeof bytes);
	cr_assert_eq(record_iter_open(&iter, NULL, (struct slice){bytes, size}), 0);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(record_iter_next(&iter, &record), 1);
		cr_expect_eq(record.timestamp_ms, 4242);
	}
}

/* What compaction leaves: gaps between offsets, and a header with no records at all. */
Test(record_iter, compacted)
{
	static const int32_t deltas[] = {2, 3, 70, 100000};
	struct batch_builder builder;
	struct batch_builder_options options = sample_options(CODEC_NONE);
	struct record_iter iter;
	struct record record = {.timestamp_ms = 7, .value = text("v")};
	uint32_t size;
	options.base_offset = 50;
	cr_assert_eq(batch_builder_open(&builder, NULL, &options, bytes, sizeof bytes), 0);
	for (size_t i = 0; i < COUNT_OF(deltas); i++)
		cr_assert_eq(batch_builder_append_at(&builder, deltas[i], &record), 0);
	cr_assert_eq(batch_builder_finish(&builder, &size), 0);
	cr_assert_eq(record_iter_open(&iter, NULL, (struct slice){bytes, size}), 0);
	cr_expect_eq(batch_last_offset(&iter.batch), 100050);
	for (size_t i = 0; i < COUNT_OF(deltas); i++) {
		cr_assert_eq(record_iter_next(&iter, &record), 1);
		cr_expect_eq(record.offset, 50 + deltas[i]);
	}
	cr_expect_eq(record_iter_next(&iter, &record), 0);
	store_be32(bytes + BATCH_AT_RECORDS_COUNT, 0);
	store_be16(bytes + BATCH_AT_ATTRIBUTES, CODEC_ZSTD);
	store_be32(bytes + BATCH_AT_LENGTH, BATCH_HEADER_SIZE - BATCH_LENGTH_OVERHEAD);
	cr_assert_eq(record_iter_open(&iter, NULL, (struct slice){bytes, BATCH_HEADER_SIZE}), 0);
	cr_expect_eq(record_iter_next(&iter, &record), 0);
}

/* The first record at or after a time, from a least offset on. */
Test(record_iter, find_timestamp)
{
	static const struct { int64_t timestamp, offset_min; int result; int64_t offset; } rows[] = {
		{0, 0, 1, 100},
		{SAMPLE_NOW_MS, 0, 1, 100},
		{SAMPLE_NOW_MS + 1, 0, 1, 101},
		{SAMPLE_NOW_MS + 9, 0, 1, 109},
		{SAMPLE_NOW_MS + 10, 0, 0, 0},
		{0, 105, 1, 105},
		{SAMPLE_NOW_MS + 7, 105, 1, 107},
		{0, 110, 0, 0},
	};
	struct batch_workspace *workspace;
	int64_t offset, timestamp;
	cr_assert_eq(batch_workspace_open(&workspace, 100), 0);
	for (unsigned codec = CODEC_NONE; codec < batch_codec_count; codec++) {
		struct batch_builder_options options = sample_options(codec);
		options.base_offset = 100;
		uint32_t size = sample_build(workspace, &options, 10, 300, bytes, sizeof bytes);
		for (size_t i = 0; i < COUNT_OF(rows); i++) {
			int result = record_find_timestamp(workspace, (struct slice){bytes, size}, rows[i].timestamp, rows[i].offset_min, &offset,
							   &timestamp);
			cr_assert_eq(result, rows[i].result, "row %zu", i);
			if (result == 1) {
				cr_expect_eq(offset, rows[i].offset);
				cr_expect_eq(timestamp, SAMPLE_NOW_MS + rows[i].offset - 100);
			}
		}
		cr_assert_eq(record_find_max_timestamp(workspace, (struct slice){bytes, size}, &offset, &timestamp), 1);
		cr_expect_eq(offset, 109);
		cr_expect_eq(timestamp, SAMPLE_NOW_MS + 9);
	}
	batch_workspace_close(workspace);
}

/* Control records answer no time lookup. */
Test(record_iter, find_skips_control)
{
	struct batch_builder_options options = sample_options(CODEC_NONE);
	int64_t offset, timestamp;
	options.attributes = BATCH_IS_CONTROL;
	uint32_t size = sample_build(NULL, &options, 1, 4, bytes, sizeof bytes);
	cr_expect_eq(record_find_timestamp(NULL, (struct slice){bytes, size}, 0, 0, &offset, &timestamp), 0);
}

/* A count that disagrees with the records, in either direction, is told. */
Test(record_iter, lying_count)
{
	struct batch_workspace *workspace;
	cr_assert_eq(batch_workspace_open(&workspace, 64), 0);
	for (unsigned codec = CODEC_NONE; codec < batch_codec_count; codec++)
		for (int32_t count = 9; count <= 11; count += 2) {
			struct batch_builder_options options = sample_options(codec);
			struct record_iter iter;
			struct record record;
			int result;
			uint32_t size = sample_build(workspace, &options, 10, 30, bytes, sizeof bytes);
			store_be32(bytes + BATCH_AT_RECORDS_COUNT, (uint32_t)count);
			cr_assert_eq(record_iter_open(&iter, workspace, (struct slice){bytes, size}), 0);
			while ((result = record_iter_next(&iter, &record)) == 1)
				;
			cr_expect_eq(result, ERR_INVALID_RECORD, "%s", batch_codec_name(codec));
			record_iter_close(&iter);
		}
	batch_workspace_close(workspace);
}

/* A batch that is not all there does not open. */
Test(record_iter, truncated)
{
	struct batch_builder_options options = sample_options(CODEC_NONE);
	struct record_iter iter;
	uint32_t size = sample_build(NULL, &options, 2, 30, bytes, sizeof bytes);
	for (uint32_t cut = 0; cut < size; cut++)
		cr_expect_eq(record_iter_open(&iter, NULL, (struct slice){bytes, cut}), ERR_CORRUPT_BATCH);
}

/* Broken headers end the walk over them instead of running on. */
Test(record_iter, broken_headers)
{
	static const char *const rows[] = {"\x01\x01", "\x04h\x01", "\x02h", "\x02h\x03", "\x02h\x04v", "\x80"};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct slice rest = text(rows[i]);
		struct record_header header;
		cr_expect_not(record_header_next(&rest, &header), "row %zu", i);
	}
}
