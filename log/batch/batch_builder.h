/* Builds a version 2 batch from records into a buffer of the caller's: for rebuilds, the load generator, tests and examples.
 * Owner: the workspace's thread; CODEC_NONE needs no workspace (NULL). Never allocates by itself, never does I/O. */
#pragma once

#include "log/batch/compress.h"
#include "log/batch/record.h"

struct batch_builder_options {
	unsigned codec;
	int level;                        /* codec_level_default(codec) is good */
	int64_t base_offset;              /* 0 from a producer */
	int32_t leader_epoch;             /* -1 from a producer */
	int64_t producer_id;              /* -1: none */
	int16_t producer_epoch;           /* -1: none */
	int32_t base_sequence;            /* -1: none */
	int16_t attributes;               /* BATCH_IS_TRANSACTIONAL, BATCH_IS_CONTROL */
	int64_t append_time_ms;           /* LogAppendTime; -1: CreateTime */
};

/* A producer's batch without idempotence, uncompressed. */
extern const struct batch_builder_options BATCH_BUILDER_PLAIN;

/* Embedded by value; the fields are the builder's. */
struct batch_builder {
	struct batch_builder_options options;
	struct batch_workspace *workspace;
	uint8_t *out;
	size_t capacity, used;            /* used: with CODEC_NONE alone */
	int32_t count;
	int64_t base_timestamp_ms, max_timestamp_ms;
	int32_t last_delta;
	int err;
};

/* Room for at least BATCH_HEADER_SIZE bytes. ERR_BATCH_TOO_LARGE, ERR_UNSUPPORTED_CODEC, -ENOMEM. */
MUST_USE int batch_builder_open(struct batch_builder *builder, struct batch_workspace *workspace,
				const struct batch_builder_options *options, uint8_t *out, size_t capacity);

/* Appends a record at the next offset (record->offset is not looked at). ERR_BATCH_TOO_LARGE: no room; uncompressed, the batch is as it was
 * before and can be finished; compressed, it is lost. */
MUST_USE int batch_builder_append(struct batch_builder *builder, const struct record *record);
/* The same at base offset + delta, as compaction leaves gaps; deltas rise. */
MUST_USE int batch_builder_append_at(struct batch_builder *builder, int32_t delta, const struct record *record);

/* Writes the header with its CRC. At least one record has been appended. */
MUST_USE int batch_builder_finish(struct batch_builder *builder, uint32_t *size_bytes);
