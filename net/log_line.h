/* Log lines of the broker on stderr: one line each, with a time and a level. Lines that a peer can cause at will are limited in
 * rate, and what was left out is counted in the next one.
 *
 * Any thread: a line is one write(2). Never allocates, never fails. */
#pragma once

#include "log/base/types.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Lines above this level are dropped; LOG_INFO at first. */
void log_line_set_level(enum log_level level);

void log_line(enum log_level level, const char *format, ...) PRINTF_LIKE(2, 3);

/* A quota of lines for one kind of event, embedded in whoever sees the events (one thread). */
struct log_quota {
	uint64_t window_ns;      /* when the current second began */
	uint32_t in_window;
	uint64_t dropped;
};
#define LOG_QUOTA_LINES 10 /* a second */

/* As log_line, but for at most LOG_QUOTA_LINES in a second; `now_ns` is any monotonic clock. */
void log_line_limited(struct log_quota *quota, uint64_t now_ns, enum log_level level, const char *format, ...) PRINTF_LIKE(4, 5);
