/* Judges one produced batch as Kafka does before it may enter the log: checks in Kafka's order with Kafka's errors, walks every record
 * (compressed ones through the workspace, in bounded memory), and says what must be stamped or re-encoded before it is stored.
 *
 * Owner: the workspace's thread. Never allocates for uncompressed batches, never does I/O. The bytes may be anything. */
#pragma once

#include "log/batch/compress.h"

#define BAD_RECORDS_MAX 16                              /* as many as an answer lists; the rest are counted */

/* A good value for rules.decompressed_size_max: far above what producers put in one batch, while a
 * compression bomb costs at most 0.15 s of one thread (gzip; the others 0.04 s) and, for zstd with a window as large, as much memory for
 * that time. What is refused for it gets MESSAGE_TOO_LARGE, upon which the Java client splits the batch. */
#define BATCH_DECOMPRESSED_SIZE_MAX (64ull << 20)

/* What the topic and the request allow. */
struct batch_rules {
	int32_t size_max;                 /* max.message.bytes */
	int64_t now_ms;
	int64_t timestamp_before_max_ms;  /* message.timestamp.before.max.ms */
	int64_t timestamp_after_max_ms;
	int8_t target_codec;              /* compression.type: -1 = producer's */
	int level;                        /* of the target codec, for a rebuild */
	bool is_append_time;              /* message.timestamp.type = LogAppendTime */
	bool is_compacted;                /* cleanup.policy has compact: null keys are refused */
	bool is_zstd_allowed;             /* Produce v7 and later */
	bool is_internal;                 /* from a coordinator: control batches, any base offset and no sequences are fine */
	uint64_t decompressed_size_max;   /* of the records of one batch */
};

struct bad_record {
	int32_t index;                    /* in the batch: Kafka's BatchIndex */
	const char *message;              /* static */
};

struct batch_verdict {
	int err;                          /* as batch_validate returns */
	const char *message;              /* static sentence, NULL if err is 0 */
	struct batch batch;               /* the header, its time already as it will be stamped; valid from the CRC check on */
	int64_t append_time_ms;           /* what Produce answers: now with LogAppendTime, else -1 */
	int32_t delta_of_max_timestamp;   /* offset delta of the first record that has the largest timestamp */
	uint64_t records_size_bytes;      /* decompressed */
	bool needs_rebuild;               /* batch_rebuild must re-encode it before it is stored */
	bool needs_stamp;                 /* batch_stamp_verdict has work to do */
	uint32_t bad_record_count;        /* may exceed BAD_RECORDS_MAX */
	struct bad_record bad_records[BAD_RECORDS_MAX];
};

/* Judges the batch of exactly `size` bytes, which stay as they are, so that the same bytes can be judged again when there was no room for
 * them. Returns 0 or, and in *out too: ERR_INVALID_RECORD, ERR_BATCH_TOO_LARGE, ERR_CORRUPT_BATCH, ERR_UNSUPPORTED_CODEC,
 * ERR_INVALID_TIMESTAMP, ERR_BROKEN_COMPRESSION, -ENOMEM. */
MUST_USE int batch_validate(struct batch_workspace *workspace, const uint8_t *bytes, size_t size, const struct batch_rules *rules,
			    struct batch_verdict *out);

/* Stamps the time into a batch that is about to be stored: LogAppendTime, or a maximum timestamp the producer had wrong. Nothing to do for
 * most batches, and for rebuilt ones. Once: the stamped bytes would not pass validation again. (Offset and epoch: batch_stamp_offset.) */
void batch_stamp_verdict(uint8_t *bytes, struct batch_verdict *verdict);

/* Re-encodes a batch whose verdict says needs_rebuild into [out, out + capacity): target codec, offset deltas 0..n-1, time stamped. Renews
 * verdict->batch. ERR_BATCH_TOO_LARGE if it exceeds rules->size_max or capacity; else as batch_validate. */
MUST_USE int batch_rebuild(struct batch_workspace *workspace, struct slice bytes, const struct batch_rules *rules,
			   struct batch_verdict *verdict, uint8_t *out, size_t capacity, uint32_t *size_bytes);

/* What a Produce request must hold for a partition: exactly one batch, magic 2 (older formats and several batches are refused since
 * Kafka 4.0). 0, ERR_INVALID_RECORD, or ERR_CORRUPT_BATCH for bytes that are no whole batch. */
MUST_USE int records_check_single_batch(struct slice records);
