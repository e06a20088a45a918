/* Walks the records of one stored batch, compressed or not: for timestamp lookups, `spate log inspect`, and compaction.
 * The batch's header and CRC have been checked by the caller (batch_parse_checked); its records are still distrusted.
 *
 * Owner: the workspace's thread; one iterator at a time in a workspace. The records returned are views, valid until the next call.
 * Uncompressed batches need no workspace (NULL) and copy nothing. Never does I/O. */
#pragma once

#include "log/batch/compress.h"
#include "log/batch/record.h"

/* More than any batch decompresses to in practice, and what one thread can afford. */
#define RECORD_ITER_SIZE_MAX (512ull << 20)

/* Embedded by value; the fields are the iterator's. */
struct record_iter {
	struct batch batch;
	struct batch_workspace *workspace;
	const uint8_t *at, *end;          /* what is in memory of the records */
	bool is_compressed, is_drained;   /* drained: nothing more will come out of the decompressor */
	uint64_t size_max, size_read;     /* of decompressed bytes */
	int32_t seen;
};

/* 0, or what batch_parse_header and decompress_begin say; ERR_CORRUPT_BATCH if `bytes` is shorter than the batch says. */
MUST_USE int record_iter_open(struct record_iter *iter, struct batch_workspace *workspace, struct slice bytes);
/* 1: *out is the next record; 0: that was all, and the count agrees; ERR_INVALID_RECORD, ERR_BROKEN_COMPRESSION, ERR_BATCH_TOO_LARGE, -ENOMEM. */
MUST_USE int record_iter_next(struct record_iter *iter, struct record *out);
void record_iter_close(struct record_iter *iter);

/* The first record at or after both `offset_min` and `timestamp_ms`: 1 and its offset and timestamp, 0 if there is none, or an error as above.
 * Control batches have no records in this sense: 0. */
MUST_USE int record_find_timestamp(struct batch_workspace *workspace, struct slice bytes, int64_t timestamp_ms, int64_t offset_min,
				   int64_t *offset_out, int64_t *timestamp_out);

/* The first record with the batch's largest timestamp: as above. */
MUST_USE int record_find_max_timestamp(struct batch_workspace *workspace, struct slice bytes, int64_t *offset_out, int64_t *timestamp_out);
