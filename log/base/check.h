/* CHECK: an always-on assertion for bugs. Input from the wire or the disk never reaches one.
 * Any thread. Prints the expression, the place and a message on stderr, then aborts. */
#pragma once

#include "log/base/types.h"

_Noreturn void check_failed(const char *expression, const char *file, int line, const char *function,
			    const char *format, ...) PRINTF_LIKE(5, 6);

#define CHECK(condition)                                                                          \
	do {                                                                                      \
		if (__builtin_expect(!(condition), 0))                                            \
			check_failed(#condition, __FILE__, __LINE__, __func__, " ");              \
	} while (0)

/* CHECK with a printf message that says what was seen. */
#define CHECKF(condition, ...)                                                                    \
	do {                                                                                      \
		if (__builtin_expect(!(condition), 0))                                            \
			check_failed(#condition, __FILE__, __LINE__, __func__, __VA_ARGS__);      \
	} while (0)

#define UNREACHABLE() check_failed("unreachable", __FILE__, __LINE__, __func__, " ")
