/* The builder: what the iterator does not see of it, its bounds. Round trips are in test_record_iter.c. */
#include "log/batch/record_iter.h"
#include "tests/unit/log/batch/sample.h"

/* One record, byte by byte, as the format says. */
Test(batch_builder, golden_bytes)
{
	static const uint8_t expected[] = {
		0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 64, 0, 0, 0, 5, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100, 0, 0, 0, 0, 0, 0, 0,
		100, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 1,
		28, 0, 0, 0, 2, 'k', 4, 'v', 'v', 2, 2, 'h', 4, 'x', 'y',
	};
	uint8_t out[100], headers[8];
	struct record_header header = {text("h"), text("xy")};
	struct record record = {.timestamp_ms = 100, .key = text("k"), .value = text("vv"), .header_count = 1};
	record.headers = (struct slice){headers, record_header_write(headers, &header)};
	cr_assert_eq(record_header_size(&header), record.headers.size);
	struct batch_builder_options options = BATCH_BUILDER_PLAIN;
	struct batch_builder builder;
	uint32_t size;
	options.base_offset = 7;
	options.leader_epoch = 5;
	cr_assert_eq(batch_builder_open(&builder, NULL, &options, out, sizeof out), 0);
	cr_assert_eq(batch_builder_append(&builder, &record), 0);
	cr_assert_eq(batch_builder_finish(&builder, &size), 0);
	cr_assert_eq(size, sizeof expected);
	memset(out + BATCH_AT_CRC, 0, 4);
	cr_expect_eq(memcmp(out, expected, sizeof expected), 0);
}

/* A full plain batch refuses the next record, stays whole, and nothing is written behind its room. */
Test(batch_builder, full_plain_batch)
{
	for (size_t capacity = BATCH_HEADER_SIZE + 20; capacity < 400; capacity++) {
		static uint8_t out[500];
		struct batch_builder_options options = sample_options(CODEC_NONE);
		struct batch_builder builder;
		struct record record = {.timestamp_ms = 1, .value = text("0123456789")};
		struct batch batch;
		uint32_t size;
		int32_t count = 0;
		memset(out, 0x5a, sizeof out);
		cr_assert_eq(batch_builder_open(&builder, NULL, &options, out, capacity), 0);
		int err;
		while ((err = batch_builder_append(&builder, &record)) == 0)
			count++;
		cr_assert_eq(err, ERR_BATCH_TOO_LARGE);
		cr_assert_eq(batch_builder_finish(&builder, &size), 0);
		cr_assert_eq(batch_parse_checked((struct slice){out, capacity}, &batch), 0);
		cr_assert_eq(batch.records_count, count);
		cr_assert_gt(size + 17, capacity, "no room was left for a record of 17 bytes");
		cr_assert_eq(out[capacity], 0x5a);
	}
}

/* A compressed batch that does not fit says so at the latest at its end. */
Test(batch_builder, full_compressed_batch)
{
	struct batch_workspace *workspace;
	static uint8_t out[4096];
	cr_assert_eq(batch_workspace_open(&workspace, 64), 0);
	for (unsigned codec = CODEC_GZIP; codec < batch_codec_count; codec++) {
		struct batch_builder_options options = sample_options(codec);
		struct batch_builder builder;
		uint32_t size;
		int err = batch_builder_open(&builder, workspace, &options, out, sizeof out - 1);
		out[sizeof out - 1] = 0x5a;
		for (int32_t i = 0; i < 100 && !err; i++) {
			struct sample_record sample;
			sample_record_make(&sample, i, 1000);
			err = batch_builder_append(&builder, &sample.record);
			free(sample.value);
		}
		err = batch_builder_finish(&builder, &size);
		cr_expect_eq(err, ERR_BATCH_TOO_LARGE, "%s", batch_codec_name(codec));
		cr_expect_eq(out[sizeof out - 1], 0x5a);
	}
	cr_expect_eq(batch_builder_open(&(struct batch_builder){0}, workspace, &BATCH_BUILDER_PLAIN, out, 60), ERR_BATCH_TOO_LARGE);
	batch_workspace_close(workspace);
}

/* Timestamps before the first record's, and as far apart as int64 allows, come back. */
Test(batch_builder, timestamps_any_order)
{
	static const int64_t timestamps[] = {1000, 1, 2000, -1, INT64_MAX, 0, INT64_MIN};
	static uint8_t out[1000];
	struct batch_builder_options options = sample_options(CODEC_NONE);
	struct batch_builder builder;
	struct record_iter iter;
	struct record record = {.value = text("v")};
	uint32_t size;
	cr_assert_eq(batch_builder_open(&builder, NULL, &options, out, sizeof out), 0);
	for (size_t i = 0; i < COUNT_OF(timestamps); i++) {
		record.timestamp_ms = timestamps[i];
		cr_assert_eq(batch_builder_append(&builder, &record), 0);
	}
	cr_assert_eq(batch_builder_finish(&builder, &size), 0);
	cr_assert_eq(record_iter_open(&iter, NULL, (struct slice){out, size}), 0);
	cr_expect_eq(iter.batch.max_timestamp_ms, INT64_MAX);
	for (size_t i = 0; i < COUNT_OF(timestamps); i++) {
		cr_assert_eq(record_iter_next(&iter, &record), 1);
		cr_expect_eq(record.timestamp_ms, timestamps[i]);
	}
}
