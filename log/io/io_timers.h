/* The timers of one io: a binary heap of pointers to struct io_timer, each of which knows its place in it.
 * Owner: the thread of the io. Never reads a clock. */
#pragma once

#include "log/io/io.h"

struct io_timers {
	struct io_timer **heap; /* [1..count]; [0] is not used */
	uint32_t count;
	uint32_t capacity;
};

MUST_USE int io_timers_init(struct io_timers *timers);
void io_timers_fini(struct io_timers *timers);
void io_timers_set(struct io_timers *timers, struct io_timer *timer, uint64_t deadline_ns);
void io_timers_cancel(struct io_timers *timers, struct io_timer *timer);
/* The earliest deadline, or UINT64_MAX. */
uint64_t io_timers_next_ns(const struct io_timers *timers);
/* Takes the earliest timer off if it is due, else NULL. */
struct io_timer *io_timers_pop_due(struct io_timers *timers, uint64_t now_ns);
