/* Words every room shares: slices, alignment, and the compiler attributes that make contracts hold.
 * Owns nothing; any thread; never allocates. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(string, first) __attribute__((format(printf, string, first)))

/* A view of bytes somebody else owns. */
struct slice {
	const uint8_t *data;
	size_t size;
};

/* A text without its end; NULL: null. */
static inline struct slice slice_from(const char *text)
{
	return (struct slice){(const uint8_t *)text, text ? strlen(text) : 0};
}

/* A 16-byte topic or directory id; all zero means "none" (KIP-516). */
struct uuid {
	uint8_t bytes[16];
};

static inline bool uuid_is_zero(const struct uuid *id)
{
	static const struct uuid zero;
	return memcmp(id, &zero, sizeof zero) == 0;
}

static inline bool uuid_equal(const struct uuid *a, const struct uuid *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* `align` is a power of two. */
static inline uint64_t align_up(uint64_t value, uint64_t align)
{
	return (value + align - 1) & ~(align - 1);
}

static inline uint64_t align_down(uint64_t value, uint64_t align)
{
	return value & ~(align - 1);
}

#define CONTAINER_OF(pointer, type, member) ((type *)((char *)(pointer) - offsetof(type, member)))
