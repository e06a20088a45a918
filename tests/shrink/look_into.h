/* A seed that fails, looked into: run again by itself, shrunk, told as a story, and how to repeat it. All simulators do it alike. */
#pragma once

#include "tests/shrink/shrink.h"

struct look {
	const struct shrink_subject *subject;
	void *plan;                 /* made from the seed; shrunk in place */
	uint64_t seed;
	uint32_t seconds_max;       /* for shrinking */
	bool is_loud;               /* what is told on stderr is shown */
	const char *why;            /* it failed, when it was one of many */
	const char *repeat;         /* a command, whose seed is its end: "make check-sim COUNT=1 SEED=" */
	const char *flags;          /* without which the seed makes another plan, each behind a space; NULL: none. `repeat` knows none, and is not told beside them */
	const char *program;        /* which tells it all by itself: PROGRAM --seed N --story */
	void (*describe)(const void *plan); /* prints a plan's head: seed, steps, knobs */
};

void look_into(const struct look *look);
/* The story alone, of the plan as it is. */
void look_tell(const struct look *look);
