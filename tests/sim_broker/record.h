/* What a simulated producer writes and a simulated consumer checks: a value that begins with the record's mark, and bytes that follow from it. */
#pragma once

#include "log/base/bytes.h"

#define RECORD_VALUE_MIN 8

static inline struct slice record_value(uint8_t *out, uint64_t mark, size_t filler)
{
	store_le64(out, mark);
	for (size_t i = 0; i < filler; i++)
		out[RECORD_VALUE_MIN + i] = (uint8_t)(mark * 31 + i);
	return (struct slice){out, RECORD_VALUE_MIN + filler};
}

/* 0: it is none. */
static inline uint64_t record_mark(struct slice value)
{
	if (value.size < RECORD_VALUE_MIN)
		return 0;
	uint64_t mark = load_le64(value.data);
	for (size_t i = 0; i + RECORD_VALUE_MIN < value.size; i++)
		if (value.data[RECORD_VALUE_MIN + i] != (uint8_t)(mark * 31 + i))
			return 0;
	return mark;
}
