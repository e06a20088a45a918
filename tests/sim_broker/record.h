/* What a simulated producer writes and a simulated consumer checks: a value that begins with the record's mark, and bytes that follow from it. */
#pragma once

#include "log/base/bytes.h"

#define RECORD_VALUE_MIN 8

/* The bytes behind the mark count up from a number that follows from it: of what a pattern of two rounds holds, as many as wanted from some place on. */
static inline const uint8_t *record_pattern(uint64_t mark)
{
	static uint8_t pattern[512];
	if (!pattern[1])
		for (size_t i = 0; i < sizeof pattern; i++)
			pattern[i] = (uint8_t)i;
	return pattern + (uint8_t)(mark * 31);
}

static inline struct slice record_value(uint8_t *out, uint64_t mark, size_t filler)
{
	store_le64(out, mark);
	for (size_t i = 0; i < filler; i += 256)
		memcpy(out + RECORD_VALUE_MIN + i, record_pattern(mark), filler - i < 256 ? filler - i : 256);
	return (struct slice){out, RECORD_VALUE_MIN + filler};
}

/* 0: it is none. */
static inline uint64_t record_mark(struct slice value)
{
	if (value.size < RECORD_VALUE_MIN)
		return 0;
	uint64_t mark = load_le64(value.data);
	size_t filler = value.size - RECORD_VALUE_MIN;
	for (size_t i = 0; i < filler; i += 256)
		if (memcmp(value.data + RECORD_VALUE_MIN + i, record_pattern(mark), filler - i < 256 ? filler - i : 256) != 0)
			return 0;
	return mark;
}
