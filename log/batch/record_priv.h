/* How one encoded record is taken apart: shared by the validator and the iterator, inline because it is the inner loop of every
 * produce. Private to the room. Reads nothing behind the end it is given; any thread.
 *
 * A record: length, attributes int8, timestamp delta, offset delta, key length, key, value length, value, header count, headers. All but
 * the attributes are zigzag varints, the timestamp delta of 64 bits, the rest of 32. A length of -1 is null. */
#pragma once

#include "log/batch/record.h"

struct record_fields {
	int64_t timestamp_delta;
	int32_t offset_delta;
	int32_t key_size, value_size;     /* -1: null */
	const uint8_t *key, *value;
	int32_t header_count;
	const uint8_t *headers;
};

#define VARINT32_SIZE_MAX 5

/* A zigzag varint of 32 bits at [at, end); returns what follows it, or NULL if it is cut off or too long. Nearly all take one or two bytes, and
 * the last of a record (no headers) is the last byte there is. */
static inline const uint8_t *record__read_int(const uint8_t *at, const uint8_t *end, int32_t *value)
{
	if (__builtin_expect(at < end, 1) && at[0] < 0x80) {
		*value = (int32_t)zigzag_decode(at[0]);
		return at + 1;
	}
	if (__builtin_expect(end - at >= 2, 1) && at[1] < 0x80) {
		*value = (int32_t)zigzag_decode((uint32_t)(at[0] & 0x7f) | (uint32_t)at[1] << 7);
		return at + 2;
	}
	uint64_t raw;
	unsigned taken = varint_read(at, end, VARINT32_SIZE_MAX, &raw);
	*value = taken ? (int32_t)zigzag_decode((uint32_t)raw) : 0;
	return taken ? at + taken : NULL;
}

static inline const uint8_t *record__read_long(const uint8_t *at, const uint8_t *end, int64_t *value)
{
	if (__builtin_expect(at < end, 1) && at[0] < 0x80) {
		*value = zigzag_decode(at[0]);
		return at + 1;
	}
	if (__builtin_expect(end - at >= 2, 1) && at[1] < 0x80) {
		*value = zigzag_decode((uint64_t)(at[0] & 0x7f) | (uint64_t)at[1] << 7);
		return at + 2;
	}
	uint64_t raw;
	unsigned taken = varint_read(at, end, VARINT_SIZE_MAX, &raw);
	*value = taken ? zigzag_decode(raw) : 0;
	return taken ? at + taken : NULL;
}

/* A length and as many bytes, null if it is -1; NULL if the format is broken. `bytes` is set to the content either way. */
static inline const uint8_t *record__read_bytes(const uint8_t *at, const uint8_t *end, int32_t *size, const uint8_t **bytes)
{
	at = record__read_int(at, end, size);
	if (!at || *size < -1 || *size > end - at)
		return NULL;
	*bytes = at;
	return *size > 0 ? at + *size : at;
}

/* The headers, without their count; returns what follows them. Each takes at least two bytes, so that a lying count ends soon. */
static inline const uint8_t *record__skip_headers(const uint8_t *at, const uint8_t *end, int32_t count)
{
	for (int32_t i = 0; i < count; i++) {
		int32_t size;
		const uint8_t *bytes;
		at = record__read_bytes(at, end, &size, &bytes);
		if (!at || size < 0)
			return NULL;
		at = record__read_bytes(at, end, &size, &bytes);
		if (!at)
			return NULL;
	}
	return at;
}

/* Takes apart the body of a record (behind its length) that must fill [at, end) exactly. False if it breaks the format. */
static inline bool record__parse(const uint8_t *at, const uint8_t *end, struct record_fields *out)
{
	if (__builtin_expect(at == end, 0))
		return false;
	at = record__read_long(at + 1, end, &out->timestamp_delta);
	if (!at)
		return false;
	at = record__read_int(at, end, &out->offset_delta);
	if (!at)
		return false;
	at = record__read_bytes(at, end, &out->key_size, &out->key);
	if (!at)
		return false;
	at = record__read_bytes(at, end, &out->value_size, &out->value);
	if (!at)
		return false;
	at = record__read_int(at, end, &out->header_count);
	if (!at || out->header_count < 0)
		return false;
	out->headers = at;
	return record__skip_headers(at, end, out->header_count) == end;
}

/* A zigzag varint of at most three bytes, all of which are there to be read, raw; returns what follows it, or NULL if it is longer. */
static inline const uint8_t *record__read_short(const uint8_t *at, uint32_t *raw)
{
	*raw = at[0];
	if (__builtin_expect(*raw < 0x80, 1))
		return at + 1;
	*raw = (*raw & 0x7f) | (uint32_t)at[1] << 7;
	if (__builtin_expect(at[1] < 0x80, 1))
		return at + 2;
	*raw = (*raw & 0x3fff) | (uint32_t)at[2] << 14;
	return at[2] < 0x80 ? at + 3 : NULL;
}

/* The bytes behind a length that lie in front of `end`; null if it is -1. False: they do not, or they are cut off. */
static inline bool record__skip_short(const uint8_t **at, const uint8_t *end, uint32_t raw, int32_t *size)
{
	*size = (int32_t)zigzag_decode(raw);
	if (raw == 1)
		return true;
	if ((raw & 1) || *size > end - *at)
		return false;
	*at += *size;
	return true;
}

#define RECORD_SHORT_HEAD_MAX 13 /* length, attributes, timestamp delta, offset delta, key length: each varint of three bytes */

/* What nearly all records are: short numbers, no headers. The same grammar as record__parse, with the length in front, and bounds that are asked once. Returns
 * what follows the record, or NULL: it is another, or broken, and record__parse tells which. */
static inline const uint8_t *record__parse_plain(const uint8_t *at, const uint8_t *end, struct record_fields *out)
{
	uint32_t size, timestamp_delta, offset_delta, key_size, value_size;
	if (end - at < RECORD_SHORT_HEAD_MAX)
		return NULL;
	at = record__read_short(at, &size);
	if (__builtin_expect(!at || (size & 1) || size / 2 > end - at || size / 2 < RECORD_SHORT_HEAD_MAX, 0))
		return NULL;
	end = at + size / 2;
	at = record__read_short(at + 1, &timestamp_delta);
	if (__builtin_expect(!at, 0))
		return NULL;
	at = record__read_short(at, &offset_delta);
	if (__builtin_expect(!at, 0))
		return NULL;
	at = record__read_short(at, &key_size);
	if (__builtin_expect(!at, 0))
		return NULL;
	out->key = at;
	if (__builtin_expect(!record__skip_short(&at, end, key_size, &out->key_size) || end - at < 3, 0))
		return NULL;
	at = record__read_short(at, &value_size);
	if (__builtin_expect(!at, 0))
		return NULL;
	out->value = at;
	if (__builtin_expect(!record__skip_short(&at, end, value_size, &out->value_size) || end - at != 1 || *at != 0, 0))
		return NULL;
	out->timestamp_delta = zigzag_decode(timestamp_delta);
	out->offset_delta = (int32_t)zigzag_decode(offset_delta);
	out->header_count = 0;
	out->headers = end;
	return end;
}

/* The encoding's other direction; each returns the bytes written or needed. */
static inline unsigned record__write_int(uint8_t *at, int32_t value) { return varint_write(at, (uint32_t)zigzag_encode(value)); }
static inline unsigned record__write_long(uint8_t *at, int64_t value) { return varint_write(at, zigzag_encode(value)); }

static inline unsigned record__long_size(int64_t value)
{
	uint64_t raw = zigzag_encode(value);
	return raw == 0 ? 1 : (unsigned)(63 - __builtin_clzll(raw)) / 7 + 1;
}

static inline int64_t record__timestamp(int64_t base_ms, int64_t delta_ms)
{
	return (int64_t)((uint64_t)base_ms + (uint64_t)delta_ms);
}

struct record_iter;
struct batch_workspace;
/* record_iter_open with a bound of its own on what may be decompressed. */
int record__open(struct record_iter *iter, struct batch_workspace *workspace, struct slice bytes, uint64_t size_max);
/* The next record of a compressed batch without its key, value and headers (those pointers mean nothing): 1, 0 or an error as
 * record_iter_next, in the window alone, however large the record is. */
int record__next_shape(struct record_iter *iter, struct record_fields *out);
