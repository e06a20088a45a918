/* The cases of a live-test program: each prints one line, "ok    name" or "FAIL  name: why".
 * One thread. Never aborts: a failed expectation is remembered and the program goes on. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Opens a case; closes the one before. The name is printf's. */
void case_begin(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Closes the last case and returns the program's status: 0 if all passed, 1 if not. */
int cases_end(void);

/* Remembers a failure of the open case; the first one is what its line says. Returns `condition`. */
bool expect(bool condition, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* expect() for numbers: "what: expected 3, got 5". */
bool expect_int(const char *what, int64_t wanted, int64_t got);

/* The open case is left out, for a reason that is printed: neither passed nor failed. */
void case_skip(const char *why);

/* Milliseconds of the monotonic clock. */
int64_t now_ms(void);
