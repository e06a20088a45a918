/* A line for whoever waits at a terminal: what is being done, and for how long. It appears once a second has passed, on stderr, and only if that is a
 * terminal that can erase a line; it is gone before anything else is printed there. A thread of its own shows it, so that it runs on while the verb waits for an answer.
 * Owner: the main thread calls; the text is shared with the progress thread under a lock. Never fails: without a thread there is no line. */
#pragma once

#include "log/base/types.h"

/* Starts the clock; the text is what is being done ("asking 127.0.0.1:9092"). */
void progress_begin(const char *format, ...) PRINTF_LIKE(1, 2);
/* What is being done now; the clock runs on. Nothing, if progress_begin was not called. */
void progress_say(const char *format, ...) PRINTF_LIKE(1, 2);
/* Erases the line and ends the thread; again is harmless. Whoever prints on stdout calls it first. */
void progress_end(void);

/* Around a line of another kind on stderr: erases the progress, and keeps it away until progress_show. */
void progress_hide(void);
void progress_show(void);

/* "12,345": for people. */
const char *progress_count(uint64_t count, char text[32]);
