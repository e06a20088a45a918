/* Asking for memory that will be needed soon: the core goes on with something else while it comes, line by line beside each other. Only a hint: nothing is read or
 * written, and any address will do. Owns nothing; any thread. */
#pragma once

#include "log/base/types.h"

#define PREFETCH_LINE 64u

static inline void prefetch_to_read(const void *from, size_t size)
{
	for (size_t i = 0; i < size; i += PREFETCH_LINE)
		__builtin_prefetch((const uint8_t *)from + i, 0);
}

static inline void prefetch_to_write(const void *from, size_t size)
{
	for (size_t i = 0; i < size; i += PREFETCH_LINE)
		__builtin_prefetch((const uint8_t *)from + i, 1);
}
