/* Sample batches for the tests of this room: records with keys, headers and rising timestamps, in any codec, and batches whose
 * record bytes are written by hand. Owns static buffers; one test, one thread. */
#pragma once

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/batch/batch_builder.h"
#include "log/batch/validate.h"

#define SAMPLE_NOW_MS 1700000000000
#define SAMPLE_SIZE_MAX (4u << 20)

static inline struct slice text(const char *string)
{
	return (struct slice){(const uint8_t *)string, strlen(string)};
}

static inline struct batch_rules sample_rules(void)
{
	return (struct batch_rules){
		.size_max = (int32_t)SAMPLE_SIZE_MAX,
		.now_ms = SAMPLE_NOW_MS,
		.timestamp_before_max_ms = INT64_MAX,
		.timestamp_after_max_ms = 3600000,
		.target_codec = -1,
		.is_zstd_allowed = true,
		.decompressed_size_max = BATCH_DECOMPRESSED_SIZE_MAX,
	};
}

/* Repeats a little, so that codecs have something to do, and not too much. */
static inline void sample_fill(uint8_t *bytes, size_t size, uint32_t seed)
{
	for (size_t i = 0; i < size; i++) {
		seed = seed * 1664525 + 1013904223;
		bytes[i] = seed >> 30 ? "an event log in which nothing is lost"[i % 37] : (uint8_t)(seed >> 20);
	}
}

/* Record i of a sample: a key unless i is 3, an empty value for 2, null for 1, two headers in each, timestamps now + i. */
struct sample_record {
	char key[16];
	uint8_t headers[64];
	uint8_t *value;
	struct record record;
};

static inline void sample_record_make(struct sample_record *out, int32_t i, uint32_t value_size)
{
	snprintf(out->key, sizeof out->key, "key-%d", i);
	out->value = malloc(value_size + 1);
	sample_fill(out->value, value_size, (uint32_t)i);
	struct record_header first = {text("h1"), text(out->key)}, second = {text("h2"), {NULL, 0}};
	size_t size = record_header_write(out->headers, &first);
	size += record_header_write(out->headers + size, &second);
	out->record = (struct record){
		.timestamp_ms = SAMPLE_NOW_MS + i,
		.key = i == 3 ? (struct slice){NULL, 0} : text(out->key),
		.value = i == 1 ? (struct slice){NULL, 0} : (struct slice){out->value, i == 2 ? 0 : value_size},
		.header_count = 2,
		.headers = {out->headers, size},
	};
}

/* A batch of `count` sample records; returns its size. */
static inline uint32_t sample_build(struct batch_workspace *workspace, const struct batch_builder_options *options, int32_t count,
				    uint32_t value_size, uint8_t *out, size_t capacity)
{
	struct batch_builder builder;
	cr_assert_eq(batch_builder_open(&builder, workspace, options, out, capacity), 0);
	for (int32_t i = 0; i < count; i++) {
		struct sample_record sample;
		sample_record_make(&sample, i, value_size);
		cr_assert_eq(batch_builder_append(&builder, &sample.record), 0);
		free(sample.value);
	}
	uint32_t size = 0;
	cr_assert_eq(batch_builder_finish(&builder, &size), 0);
	return size;
}

static inline struct batch_builder_options sample_options(unsigned codec)
{
	struct batch_builder_options options = BATCH_BUILDER_PLAIN;
	options.codec = codec;
	options.level = codec_level_default(codec);
	return options;
}

/* A batch around record bytes as they are, compressed or not; everything in the header agrees with `count`. */
static inline uint32_t sample_wrap(struct batch_workspace *workspace, unsigned codec, const void *records, size_t size, int32_t count,
				   uint8_t *out, size_t capacity)
{
	size_t stored = 0;
	cr_assert_eq(compress_begin(workspace, codec, codec_level_default(codec), out + BATCH_HEADER_SIZE, capacity - BATCH_HEADER_SIZE), 0);
	cr_assert_eq(compress_write(workspace, records, size), 0);
	cr_assert_eq(compress_end(workspace, &stored), 0);
	struct batch batch = {
		.size_bytes = (uint32_t)(BATCH_HEADER_SIZE + stored),
		.leader_epoch = -1,
		.magic = BATCH_MAGIC,
		.attributes = (int16_t)codec,
		.last_offset_delta = count - 1,
		.base_timestamp_ms = SAMPLE_NOW_MS,
		.max_timestamp_ms = SAMPLE_NOW_MS,
		.producer_id = NO_PRODUCER_ID,
		.producer_epoch = -1,
		.base_sequence = NO_SEQUENCE,
		.records_count = count,
	};
	batch_write_header(out, &batch);
	batch_stamp_crc(out, batch.size_bytes);
	return batch.size_bytes;
}
