/* A line is put together on the stack and written at once, so that lines of several threads do not mix. A line that does not
 * fit is cut; a write that fails is nobody's problem. */
#include "net/log_line.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define LINE_SIZE_MAX 1024

static enum log_level level_max = LOG_INFO; /* atomic */

void log_line_set_level(enum log_level level)
{
	__atomic_store_n(&level_max, level, __ATOMIC_RELAXED);
}

static bool is_dropped(enum log_level level)
{
	return level > __atomic_load_n(&level_max, __ATOMIC_RELAXED);
}

static size_t write_prefix(char *line, enum log_level level)
{
	static const char *const names[] = {"error", "warn", "info", "debug"};
	struct timespec now;
	struct tm parts;
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &parts);
	size_t size = strftime(line, LINE_SIZE_MAX, "%Y-%m-%dT%H:%M:%S", &parts);
	return size + (size_t)snprintf(line + size, LINE_SIZE_MAX - size, ".%03ldZ %s: ", now.tv_nsec / 1000000, names[level]);
}

/* What clients call themselves is in lines: it cannot make a line of its own, nor move the cursor. */
static void make_printable(char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			text[i] = '?';
}

static void write_line(enum log_level level, uint64_t dropped, const char *format, va_list arguments)
{
	char line[LINE_SIZE_MAX];
	size_t size = write_prefix(line, level);
	size_t prefix = size;
	int more = vsnprintf(line + size, sizeof line - size, format, arguments);
	size += more > 0 ? (size_t)more : 0;
	if (size > sizeof line - 64)
		size = sizeof line - 64;
	make_printable(line + prefix, size - prefix);
	if (dropped)
		size += (size_t)snprintf(line + size, 48, " (%llu such lines left out)", (unsigned long long)dropped);
	line[size++] = '\n';
	if (write(STDERR_FILENO, line, size) < 0)
		return;
}

void log_line(enum log_level level, const char *format, ...)
{
	if (is_dropped(level))
		return;
	va_list arguments;
	va_start(arguments, format);
	write_line(level, 0, format, arguments);
	va_end(arguments);
}

void log_line_limited(struct log_quota *quota, uint64_t now_ns, enum log_level level, const char *format, ...)
{
	if (is_dropped(level))
		return;
	if (now_ns - quota->window_ns >= 1000000000ull) {
		quota->window_ns = now_ns;
		quota->in_window = 0;
	}
	if (quota->in_window >= LOG_QUOTA_LINES) {
		quota->dropped++;
		return;
	}
	quota->in_window++;
	va_list arguments;
	va_start(arguments, format);
	write_line(level, quota->dropped, format, arguments);
	va_end(arguments);
	quota->dropped = 0;
}
