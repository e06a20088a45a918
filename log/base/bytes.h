/* Loads and stores of fixed width in either byte order, unaligned, Kafka's varints, and whether bytes are zeros.
 * Owns nothing; any thread. The caller has checked the bounds, except in the varint reader. */
#pragma once

#include "log/base/types.h"

static inline uint16_t load_be16(const void *p) { uint16_t v; memcpy(&v, p, 2); return __builtin_bswap16(v); }
static inline uint32_t load_be32(const void *p) { uint32_t v; memcpy(&v, p, 4); return __builtin_bswap32(v); }
static inline uint64_t load_be64(const void *p) { uint64_t v; memcpy(&v, p, 8); return __builtin_bswap64(v); }
static inline uint16_t load_le16(const void *p) { uint16_t v; memcpy(&v, p, 2); return v; }
static inline uint32_t load_le32(const void *p) { uint32_t v; memcpy(&v, p, 4); return v; }
static inline uint64_t load_le64(const void *p) { uint64_t v; memcpy(&v, p, 8); return v; }

static inline void store_be16(void *p, uint16_t v) { v = __builtin_bswap16(v); memcpy(p, &v, 2); }
static inline void store_be32(void *p, uint32_t v) { v = __builtin_bswap32(v); memcpy(p, &v, 4); }
static inline void store_be64(void *p, uint64_t v) { v = __builtin_bswap64(v); memcpy(p, &v, 8); }
static inline void store_le16(void *p, uint16_t v) { memcpy(p, &v, 2); }
static inline void store_le32(void *p, uint32_t v) { memcpy(p, &v, 4); }
static inline void store_le64(void *p, uint64_t v) { memcpy(p, &v, 8); }

/* Of no bytes it is true. */
static inline bool bytes_are_zeros(const uint8_t *bytes, size_t size)
{
	return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

static inline int64_t zigzag_decode(uint64_t v) { return (int64_t)(v >> 1) ^ -(int64_t)(v & 1); }
static inline uint64_t zigzag_encode(int64_t v) { return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63); }

#define VARINT_SIZE_MAX 10

/* Reads an unsigned LEB128 of at most `bytes_max` bytes (5 for 32 bits, 10 for 64) from [at, end).
 * Returns the bytes read, or 0 if it is truncated or longer than that. */
static inline unsigned varint_read(const uint8_t *at, const uint8_t *end, unsigned bytes_max, uint64_t *value)
{
	uint64_t result = 0;
	for (unsigned i = 0; i < bytes_max && at + i < end; i++) {
		result |= (uint64_t)(at[i] & 0x7f) << (7 * i);
		if (!(at[i] & 0x80)) {
			*value = result;
			return i + 1;
		}
	}
	return 0;
}

/* Writes an unsigned LEB128, at most VARINT_SIZE_MAX bytes; returns the bytes written. */
static inline unsigned varint_write(uint8_t *at, uint64_t value)
{
	unsigned n = 0;
	while (value >= 0x80) {
		at[n++] = (uint8_t)(value | 0x80);
		value >>= 7;
	}
	at[n++] = (uint8_t)value;
	return n;
}
