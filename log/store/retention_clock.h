/* What time it is for retention. The wall clock may jump (a wrong battery clock that is put right, a slip of the administrator's), and what is deleted because
 * of that is gone; the monotonic clock says how much time has really gone by since the start. So a wall clock that is suddenly far ahead of where it must be
 * is not believed until it has stayed there for a day of monotonic time. One that is behind deletes less, and is believed at once.
 *
 * Nobody knows how long a broker was down: a machine may come up with any time at all. One that is more than a day ahead of the time the broker was left at
 * is put to the same trial: whoever was down for longer keeps what is due for a day more.
 *
 * Pure: owns nothing, asks no clock. */
#pragma once

#include "log/base/types.h"

#define RETENTION_CLOCK_SLACK_MS INT64_C(600000)
#define RETENTION_CLOCK_DOWN_MS INT64_C(86400000)
#define RETENTION_CLOCK_TRIAL_NS (86400ull * 1000 * 1000 * 1000)

struct retention_clock {
	bool is_set;
	bool is_resumed;          /* the line is where an earlier life left it */
	int64_t line_ms;          /* the wall's time at line_ns, believed */
	uint64_t line_ns;
	bool is_off;              /* the wall is elsewhere, by off_ms, since off_ns */
	int64_t off_ms;
	uint64_t off_ns;
	uint64_t tried_ns;        /* how long it was on trial in the lives before */
	bool is_told;             /* a checkpoint said what the life before has left, or is too old to say so */
	int64_t told_ms;          /* of a start: the line that was resumed, or would have been; 0: none */
	int64_t seen_ms;          /* of a start: the time that the journal tells; 0: none */
};

/* At a start, before the first question: what the life before has left (retention_clock_left) when it was last written down. */
void retention_clock_resume(struct retention_clock *clock, int64_t left_ms, int64_t wall_ms, uint64_t now_ns);

/* The same, as the journal's groups come upon it: an earlier life's line, or this checkpoint's, against which those behind it are held. */
void retention_clock_hear(struct retention_clock *clock, int64_t left_ms);
/* At a start as well, for the time of each group of the journal, oldest first: it tells where a life was that has left no checkpoint. Groups of a day and
 * more later than the one before were written by a clock that may have jumped, and tell nothing; a clock that went back is believed, as in a life. */
void retention_clock_see(struct retention_clock *clock, int64_t time_ms);
/* When all is read, if no checkpoint has told, or if the groups behind its word tell of a clock that went back by more than a day: what was appended then has its
 * times, and the life ended before it wrote that down. The line is what the groups have told. Where there are records and nothing tells when they were written, no
 * time at all is believed before a day of trial. */
void retention_clock_guess(struct retention_clock *clock, bool has_records, int64_t wall_ms, uint64_t now_ns);
/* Nobody knows when the broker was left (for words). */
bool retention_clock_is_lost(const struct retention_clock *clock);

/* Where the line is. */
int64_t retention_clock_due(const struct retention_clock *clock, int64_t wall_ms, uint64_t now_ns);

/* What to write down for the next life: the line, and in the bits from 48 on for how many minutes a wall that is ahead has been on trial. No life of a machine
 * that is off at night lasts for a whole trial. */
int64_t retention_clock_left(const struct retention_clock *clock, int64_t wall_ms, uint64_t now_ns);

/* Is the wall behind the line? What is appended now has its times, and would be old as soon as it is put right: so it is to be looked at before that, and its
 * return is a jump ahead like any other. */
bool retention_clock_is_behind(const struct retention_clock *clock, int64_t wall_ms, uint64_t now_ns);

/* The time to go by. *has_jumped: it has just been seen, by clock->off_ms. */
int64_t retention_clock_now(struct retention_clock *clock, int64_t wall_ms, uint64_t now_ns, bool *has_jumped);
