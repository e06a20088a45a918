/* See cases.h. Output is flushed line by line, so that a hang or a crash shows which case it was in. */
#include "tests/live/lib/cases.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

static char open_name[200];
static char failure[600];
static const char *skipped;
static unsigned failed_count;

static void close_case(void)
{
	if (!open_name[0])
		return;
	if (failure[0])
		printf("FAIL  %s: %s\n", open_name, failure);
	else if (skipped)
		printf("skip  %s: %s\n", open_name, skipped);
	else
		printf("ok    %s\n", open_name);
	fflush(stdout);
	failed_count += failure[0] != 0;
	open_name[0] = failure[0] = 0;
	skipped = NULL;
}

void case_begin(const char *format, ...)
{
	close_case();
	va_list args;
	va_start(args, format);
	vsnprintf(open_name, sizeof(open_name), format, args);
	va_end(args);
}

int cases_end(void)
{
	close_case();
	return failed_count ? 1 : 0;
}

bool expect(bool condition, const char *format, ...)
{
	if (condition || failure[0])
		return condition;
	va_list args;
	va_start(args, format);
	vsnprintf(failure, sizeof(failure), format, args);
	va_end(args);
	return false;
}

bool expect_int(const char *what, int64_t wanted, int64_t got)
{
	return expect(wanted == got, "%s: expected %lld, got %lld", what, (long long)wanted, (long long)got);
}

void case_skip(const char *why)
{
	skipped = why;
}

int64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
