/* Offsets on the command line: start | end | N | +N | -N | @TIME | A:B. One parser for all verbs. Owns nothing; any thread. */
#pragma once

#include "log/base/types.h"

enum offset_kind {
	OFFSET_START,      /* the first record there is */
	OFFSET_END,        /* behind the last one */
	OFFSET_NUMBER,     /* N: that offset */
	OFFSET_FROM_START, /* +N: N records behind the first */
	OFFSET_FROM_END,   /* -N: the last N records */
	OFFSET_TIME,       /* @TIME: the first record at or after it */
};

struct offset_point {
	enum offset_kind kind;
	int64_t value; /* N, or milliseconds since 1970 */
};

/* From `from` up to, and not including, `to`. */
struct offset_range {
	struct offset_point from, to;
	bool has_to;
};

/* TIME is milliseconds since 1970, a date (2026-01-31, 2026-01-31T08:30, ...:15.250, with Z or +01:00; local time without), or relative to now:
 * -90s, -15m, -1h, -7d. Of A:B either may be left out (start, end); one that ends before it begins is
 * refused. False with a sentence in `why`. */
MUST_USE bool offsets_parse(struct offset_range *out, const char *text, int64_t now_ms, char *why, size_t why_size);
/* One point; a range is refused. */
MUST_USE bool offsets_parse_point(struct offset_point *out, const char *text, int64_t now_ms, char *why, size_t why_size);

/* The offset a point means in a partition with these first and next offsets, within them. `time_offset` is where the log has the
 * time of a point of that kind; -1 = nothing is that late. */
int64_t offset_point_resolve(const struct offset_point *point, int64_t start, int64_t end, int64_t time_offset);
/* The same without regard to what is there: what lies below `start` or above `end` was cut by the other. */
int64_t offset_point_asked(const struct offset_point *point, int64_t start, int64_t end, int64_t time_offset);
