/* What the limit programs that serve reads share: the fields of a Fetch v12 request that cannot be
 * avoided, the head and the tail of its answer, and batches of a fixed size to answer with. The offset of
 * a batch is its number, so that where it lies needs no index. Single thread. */
#pragma once

#include "bench/limits/limit.h"

#define LIMIT_BATCH_BYTES (128u << 10)
#define LIMIT_FETCH_HEAD_MAX 384
#define LIMIT_FETCH_TAIL_BYTES 3u /* no tags, three times */

struct limit_fetch {
	uint32_t correlation, partition, bytes_max;
	uint64_t offset;
	const uint8_t *topic;
	uint32_t topic_size;
};

static inline bool limit_is_fetch(const uint8_t *frame)
{
	return load_be16(frame) == 1;
}

/* Reads a Fetch v12 request for one partition (after its size field). */
static inline void limit_parse_fetch(const uint8_t *frame, uint32_t size, struct limit_fetch *fetch)
{
	const uint8_t *at = frame, *end = frame + size;
	if (size < 64 || load_be16(at) != 1 || load_be16(at + 2) != 12)
		limit_die("a request that is not Fetch v12", 0);
	fetch->correlation = load_be32(at + 4);
	at += 10 + (int16_t)load_be16(at + 8); /* api key, version, correlation id, client id */
	at += 1 + 4 * 4 + 1 + 2 * 4;           /* no tags, replica, waits and bytes, isolation, session */
	limit_compact(&at, end);               /* one topic */
	fetch->topic = at;
	at += limit_compact(&at, end);
	fetch->topic_size = (uint32_t)(at - fetch->topic);
	limit_compact(&at, end); /* one partition */
	if (end - at < 32)
		limit_die("a Fetch request that is cut off", 0);
	fetch->partition = load_be32(at);
	fetch->offset = load_be64(at + 8);
	fetch->bytes_max = load_be32(at + 28);
}

/* The answer up to its records, its size in front. Returns the bytes; the tail is LIMIT_FETCH_TAIL_BYTES zeroes. */
static inline uint32_t limit_fetch_head(const struct limit_fetch *fetch, uint64_t end_offset, uint32_t records_bytes, uint8_t *out)
{
	uint8_t *at = out + 4;
	store_be32(at, fetch->correlation);
	memset(at + 4, 0, 1 + 4 + 2 + 4); /* no tags, no throttling, no error, no session */
	at += 15;
	*at++ = 2; /* one topic */
	memcpy(at, fetch->topic, fetch->topic_size);
	at += fetch->topic_size;
	*at++ = 2; /* one partition */
	store_be32(at, fetch->partition);
	store_be16(at + 4, 0);
	store_be64(at + 6, end_offset);  /* high watermark */
	store_be64(at + 14, end_offset); /* last stable offset */
	store_be64(at + 22, 0);          /* log start offset */
	at[30] = 1;                      /* no aborted transactions */
	store_be32(at + 31, ~0u);        /* no preferred replica */
	at += 35;
	at += varint_write(at, records_bytes + 1ull);
	store_be32(out, (uint32_t)(at - out) - 4 + records_bytes + LIMIT_FETCH_TAIL_BYTES);
	return (uint32_t)(at - out);
}

/* Fills memory with whole batches of one record each, their offsets counting from `offset`. */
static inline void limit_fill_batches(uint8_t *memory, size_t bytes, uint64_t offset)
{
	for (size_t i = 0; i < bytes / LIMIT_BATCH_BYTES; i++) {
		uint8_t *batch = memory + i * LIMIT_BATCH_BYTES;
		memset(batch, 0, 61);
		for (size_t j = 61; j < LIMIT_BATCH_BYTES; j++)
			batch[j] = (uint8_t)(j * 2654435761u >> 24);
		store_be64(batch, offset + i);
		store_be32(batch + 8, LIMIT_BATCH_BYTES - 12);
		batch[16] = 2;                    /* magic */
		store_be64(batch + 43, UINT64_MAX); /* no producer */
		store_be16(batch + 51, UINT16_MAX);
		store_be32(batch + 53, UINT32_MAX);
		store_be32(batch + 57, 1); /* one record */
		store_be32(batch + 17, ~crc32_iscsi(batch + 21, LIMIT_BATCH_BYTES - 21, ~0u));
	}
}
