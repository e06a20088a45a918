/* Counters of one shard. Written by its thread alone; others read them with metrics_read, each value whole, the set not in one instant. */
#pragma once

#include "log/base/types.h"
#include "net/wire/cursor.h"

#define METRICS_API_KEYS 100
/* How long requests take: so many bounds, and what is above all of them. */
#define METRICS_TIMES 17
extern const uint64_t metrics_time_bounds_ns[METRICS_TIMES];

struct request_times {
	uint64_t counts[METRICS_TIMES + 1];   /* by the first bound that is not below */
	uint64_t sum_ns;
};

struct metrics {
	uint64_t requests[METRICS_API_KEYS];  /* by API key */
	uint64_t requests_refused;            /* that ended their connection */
	uint64_t bytes_in, bytes_out;
	uint64_t connections_opened, connections_closed, connections_refused;
	uint64_t throttles;                   /* how often a connection was held back for a quota */
	uint64_t messages_crossed;
	struct request_times times[METRICS_API_KEYS];
	uint64_t errors[METRICS_API_KEYS][WIRE_ERROR_CODES]; /* told in answers: see writer_error_code. Mostly untouched, and then no memory */
};

/* The writer's increment: a plain store of one word, so that a reader on another thread sees old or new. */
static inline void metrics_add(uint64_t *counter, uint64_t value)
{
	__atomic_store_n(counter, *counter + value, __ATOMIC_RELAXED);
}

static inline uint64_t metrics_read(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

/* The writer's: one more request took so long. */
void metrics_add_time(struct request_times *times, uint64_t time_ns);
