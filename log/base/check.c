#include "log/base/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

_Noreturn void check_failed(const char *expression, const char *file, int line, const char *function,
			    const char *format, ...)
{
	fprintf(stderr, "spate: bug: %s:%d: %s: CHECK(%s) failed: ", file, line, function, expression);
	va_list arguments;
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	abort();
}
