/* A Kafka record batch, version 2 (magic 2): where its header fields lie, the header as a struct, and the few fields the log
 * stamps in place. Knows nothing of records (record.h) nor of what a topic allows (validate.h).
 *
 * Owns nothing: works on bytes the caller owns. Any thread; never allocates, never does I/O. Bytes from wire or disk may be anything. */
#pragma once

#include "log/base/bytes.h"
#include "log/base/err.h"

/* Byte positions in the header. The CRC covers everything from BATCH_AT_ATTRIBUTES to the end of the batch. */
enum {
	BATCH_AT_BASE_OFFSET = 0,
	BATCH_AT_LENGTH = 8,              /* bytes after this field: the whole batch is BATCH_LENGTH_OVERHEAD larger */
	BATCH_AT_LEADER_EPOCH = 12,
	BATCH_AT_MAGIC = 16,
	BATCH_AT_CRC = 17,
	BATCH_AT_ATTRIBUTES = 21,
	BATCH_AT_LAST_OFFSET_DELTA = 23,
	BATCH_AT_BASE_TIMESTAMP = 27,     /* the delete horizon instead, if BATCH_HAS_DELETE_HORIZON: deltas count from it all the same */
	BATCH_AT_MAX_TIMESTAMP = 35,
	BATCH_AT_PRODUCER_ID = 43,
	BATCH_AT_PRODUCER_EPOCH = 51,
	BATCH_AT_BASE_SEQUENCE = 53,
	BATCH_AT_RECORDS_COUNT = 57,
	BATCH_HEADER_SIZE = 61,
};

#define BATCH_LENGTH_OVERHEAD 12
#define BATCH_SIZE_MAX ((uint32_t)INT32_MAX) /* of a whole batch: message.max.bytes and segment.bytes are int32 in Kafka */
#define BATCH_MAGIC 2

/* Attribute bits; 7 to 15 are unused. */
enum {
	BATCH_CODEC_MASK = 0x07,
	BATCH_IS_APPEND_TIME = 0x08,
	BATCH_IS_TRANSACTIONAL = 0x10,
	BATCH_IS_CONTROL = 0x20,
	BATCH_HAS_DELETE_HORIZON = 0x40,
};

enum batch_codec { CODEC_NONE, CODEC_GZIP, CODEC_SNAPPY, CODEC_LZ4, CODEC_ZSTD, batch_codec_count };

/* "none", "gzip", ...; "unknown" outside the enum. Static storage. */
const char *batch_codec_name(unsigned codec);

#define NO_TIMESTAMP (-1)
#define NO_PRODUCER_ID (-1)
#define NO_SEQUENCE (-1)

/* The header, decoded; field for field as stored. */
struct batch {
	int64_t base_offset;
	uint32_t size_bytes;              /* of the whole batch, header included */
	int32_t leader_epoch;
	int8_t magic;
	int16_t attributes;
	uint32_t crc;
	int32_t last_offset_delta;
	int64_t base_timestamp_ms;
	int64_t max_timestamp_ms;
	int64_t producer_id;              /* -1: none */
	int16_t producer_epoch;
	int32_t base_sequence;
	int32_t records_count;            /* 0 is legal after compaction */
};

static inline unsigned batch_codec(const struct batch *batch) { return batch->attributes & BATCH_CODEC_MASK; }
static inline bool batch_is_append_time(const struct batch *batch) { return batch->attributes & BATCH_IS_APPEND_TIME; }
static inline bool batch_is_transactional(const struct batch *batch) { return batch->attributes & BATCH_IS_TRANSACTIONAL; }
static inline bool batch_is_control(const struct batch *batch) { return batch->attributes & BATCH_IS_CONTROL; }
static inline bool batch_has_producer(const struct batch *batch) { return batch->producer_id >= 0; }
static inline int64_t batch_last_offset(const struct batch *batch) { return batch->base_offset + batch->last_offset_delta; }
static inline int64_t batch_next_offset(const struct batch *batch) { return batch_last_offset(batch) + 1; }

/* The size a batch says it has, from its first 12 bytes; 0 if fewer are there or the length field is impossible. */
uint32_t batch_peek_size(struct slice bytes);

/* Decodes the header from the first BATCH_HEADER_SIZE bytes; the records need not be there. Checks only that the fields can be read:
 * ERR_CORRUPT_BATCH: fewer than BATCH_HEADER_SIZE bytes, or a length field below the minimum or above BATCH_SIZE_MAX;
 * ERR_INVALID_RECORD: the magic is not 2 (*out is filled as far as size_bytes and magic). */
MUST_USE int batch_parse_header(struct slice bytes, struct batch *out);

/* The CRC-32C over a whole batch; `bytes` holds at least batch->size_bytes. ERR_CORRUPT_BATCH if it fails or bytes are missing. */
MUST_USE int batch_check_crc(struct slice bytes, const struct batch *batch);

/* Header and CRC of one batch at the start of `bytes` (which may go on behind it): what recovery and readers of files ask. */
MUST_USE int batch_parse_checked(struct slice bytes, struct batch *out);

/* Stamps what lies outside the CRC: no CRC work. */
void batch_stamp_offset(uint8_t *bytes, int64_t base_offset, int32_t leader_epoch);

/* LogAppendTime: sets the attribute bit and the maximum timestamp, and renews the CRC. `size_bytes` is the whole batch's. */
void batch_stamp_append_time(uint8_t *bytes, uint32_t size_bytes, int64_t now_ms);

/* CreateTime with a wrong maximum: clears the LogAppendTime bit, sets the maximum timestamp, renews the CRC. */
void batch_stamp_max_timestamp(uint8_t *bytes, uint32_t size_bytes, int64_t max_timestamp_ms);

/* Computes and stores the CRC of a whole batch. */
void batch_stamp_crc(uint8_t *bytes, uint32_t size_bytes);

/* Writes all header fields, the CRC as batch->crc says (batch_stamp_crc renews it). Room for BATCH_HEADER_SIZE bytes. */
void batch_write_header(uint8_t *bytes, const struct batch *batch);
