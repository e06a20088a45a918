/* The header of a batch: fields, refusals, and what is stamped in place. */
#include "tests/unit/log/batch/sample.h"

static const struct batch full = {
	.base_offset = 0x0102030405060708,
	.size_bytes = 100,
	.leader_epoch = 0x11121314,
	.magic = 2,
	.attributes = 0x35,
	.crc = 0xdeadbeef,
	.last_offset_delta = 41,
	.base_timestamp_ms = 1700000000001,
	.max_timestamp_ms = 1700000000002,
	.producer_id = 4000,
	.producer_epoch = 7,
	.base_sequence = 99,
	.records_count = 42,
};

/* Each field lies where Kafka's format says, big-endian. */
Test(batch, header_layout)
{
	static const struct { unsigned at, size; uint64_t value; } fields[] = {
		{0, 8, 0x0102030405060708}, {8, 4, 88}, {12, 4, 0x11121314}, {16, 1, 2}, {17, 4, 0xdeadbeef}, {21, 2, 0x35},
		{23, 4, 41}, {27, 8, 1700000000001}, {35, 8, 1700000000002}, {43, 8, 4000}, {51, 2, 7}, {53, 4, 99}, {57, 4, 42},
	};
	uint8_t bytes[BATCH_HEADER_SIZE];
	batch_write_header(bytes, &full);
	unsigned end = 0;
	for (size_t i = 0; i < COUNT_OF(fields); i++) {
		uint64_t value = 0;
		for (unsigned k = 0; k < fields[i].size; k++)
			value = value << 8 | bytes[fields[i].at + k];
		cr_expect_eq(value, fields[i].value, "field at %u", fields[i].at);
		cr_expect_eq(fields[i].at, end);
		end = fields[i].at + fields[i].size;
	}
	cr_expect_eq(end, BATCH_HEADER_SIZE);
}

/* What is written is read back, and the attribute helpers see their bits. */
Test(batch, header_round_trip)
{
	uint8_t bytes[BATCH_HEADER_SIZE];
	struct batch out;
	batch_write_header(bytes, &full);
	cr_assert_eq(batch_parse_header((struct slice){bytes, sizeof bytes}, &out), 0);
	cr_expect_eq(out.base_offset, full.base_offset);
	cr_expect_eq(out.size_bytes, full.size_bytes);
	cr_expect_eq(out.leader_epoch, full.leader_epoch);
	cr_expect_eq(out.attributes, full.attributes);
	cr_expect_eq(out.crc, full.crc);
	cr_expect_eq(out.last_offset_delta, full.last_offset_delta);
	cr_expect_eq(out.base_timestamp_ms, full.base_timestamp_ms);
	cr_expect_eq(out.max_timestamp_ms, full.max_timestamp_ms);
	cr_expect_eq(out.producer_id, full.producer_id);
	cr_expect_eq(out.producer_epoch, full.producer_epoch);
	cr_expect_eq(out.base_sequence, full.base_sequence);
	cr_expect_eq(out.records_count, full.records_count);
	cr_expect_eq(batch_codec(&out), 5);
	cr_expect(batch_is_transactional(&out) && batch_is_control(&out) && !batch_is_append_time(&out) && batch_has_producer(&out));
	cr_expect_eq(batch_next_offset(&out), full.base_offset + 42);
}

/* A header that cannot be read is refused, with the code Kafka would answer. */
Test(batch, header_refusals)
{
	static const struct { const char *what; size_t size; uint32_t length; uint8_t magic; int err; } rows[] = {
		{"good", 61, 49, 2, 0},
		{"one byte short", 60, 49, 2, ERR_CORRUPT_BATCH},
		{"nothing", 0, 49, 2, ERR_CORRUPT_BATCH},
		{"length below the header", 61, 48, 2, ERR_CORRUPT_BATCH},
		{"length 0", 61, 0, 2, ERR_CORRUPT_BATCH},
		{"length -1", 61, 0xffffffff, 2, ERR_CORRUPT_BATCH},
		{"length with the overhead above int32", 61, 0x7ffffff4, 2, ERR_CORRUPT_BATCH},
		{"largest length", 61, 0x7ffffff3, 2, 0},
		{"magic 0", 61, 49, 0, ERR_INVALID_RECORD},
		{"magic 1", 61, 49, 1, ERR_INVALID_RECORD},
		{"magic 3", 61, 49, 3, ERR_INVALID_RECORD},
		{"magic -1", 61, 49, 0xff, ERR_INVALID_RECORD},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint8_t bytes[BATCH_HEADER_SIZE];
		struct batch out;
		batch_write_header(bytes, &full);
		store_be32(bytes + BATCH_AT_LENGTH, rows[i].length);
		bytes[BATCH_AT_MAGIC] = rows[i].magic;
		cr_expect_eq(batch_parse_header((struct slice){bytes, rows[i].size}, &out), rows[i].err, "%s", rows[i].what);
	}
}

/* Every bit from the attributes on is under the CRC; base offset and leader epoch are not. */
Test(batch, crc_covers)
{
	uint8_t bytes[512];
	struct batch batch;
	struct batch_builder_options options = sample_options(CODEC_NONE);
	uint32_t size = sample_build(NULL, &options, 2, 50, bytes, sizeof bytes);
	struct slice view = {bytes, size};
	cr_assert_eq(batch_parse_checked(view, &batch), 0);
	for (uint32_t at = BATCH_AT_CRC; at < size; at++) {
		bytes[at] ^= 1u << (at % 8);
		cr_expect_eq(batch_parse_checked(view, &batch), ERR_CORRUPT_BATCH, "byte %u", at);
		bytes[at] ^= 1u << (at % 8);
	}
	batch_stamp_offset(bytes, 123456, 9);
	cr_assert_eq(batch_parse_checked(view, &batch), 0);
	cr_expect_eq(batch.base_offset, 123456);
	cr_expect_eq(batch.leader_epoch, 9);
	cr_expect_eq(batch_parse_checked((struct slice){bytes, size - 1}, &batch), ERR_CORRUPT_BATCH);
}

/* Stamping a time renews the CRC and touches its own bits alone. */
Test(batch, stamps_time)
{
	uint8_t bytes[512];
	struct batch batch;
	struct batch_builder_options options = sample_options(CODEC_NONE);
	options.attributes = BATCH_IS_TRANSACTIONAL;
	uint32_t size = sample_build(NULL, &options, 2, 50, bytes, sizeof bytes);
	batch_stamp_append_time(bytes, size, 777);
	cr_assert_eq(batch_parse_checked((struct slice){bytes, size}, &batch), 0);
	cr_expect_eq(batch.attributes, BATCH_IS_TRANSACTIONAL | BATCH_IS_APPEND_TIME);
	cr_expect_eq(batch.max_timestamp_ms, 777);
	batch_stamp_max_timestamp(bytes, size, 778);
	cr_assert_eq(batch_parse_checked((struct slice){bytes, size}, &batch), 0);
	cr_expect_eq(batch.attributes, BATCH_IS_TRANSACTIONAL);
	cr_expect_eq(batch.max_timestamp_ms, 778);
}

/* The size is known from 12 bytes on, and never an impossible one. */
Test(batch, peek_size)
{
	uint8_t bytes[BATCH_HEADER_SIZE];
	batch_write_header(bytes, &full);
	cr_expect_eq(batch_peek_size((struct slice){bytes, 12}), 100);
	cr_expect_eq(batch_peek_size((struct slice){bytes, 11}), 0);
	store_be32(bytes + BATCH_AT_LENGTH, 0x80000000);
	cr_expect_eq(batch_peek_size((struct slice){bytes, 12}), 0);
}

/* Names as Kafka prints them; anything else is "unknown". */
Test(batch, codec_names)
{
	cr_expect_str_eq(batch_codec_name(CODEC_SNAPPY), "snappy");
	cr_expect_str_eq(batch_codec_name(7), "unknown");
}
