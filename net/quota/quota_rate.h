/* The rate at which somebody does something, as Kafka measures it for quotas: over the last `samples` windows, each of them a
 * sum, the newest one unfinished. And how long to hold back who is too fast: until the rate, were nothing added, is what is allowed.
 *
 * Owner: whoever embeds it. Knows no clock: times are handed in, in milliseconds, and do not go back. */
#pragma once

#include "log/base/types.h"

/* quota.window.num and quota.window.size.seconds */
struct quota_window {
	uint32_t samples;
	uint32_t sample_ms;
};

struct quota_sample {
	uint64_t start_ms, last_ms;    /* of what it counts */
	double sum;
};

struct quota_rate {
	uint32_t count, current;       /* made so far; the newest */
	struct quota_sample samples[]; /* one more than the window's: the oldest reaches into the window from before it */
};

/* What to allocate for one; zeroed memory is a rate of nothing. */
static inline size_t quota_rate_size(const struct quota_window *window)
{
	return sizeof(struct quota_rate) + (window->samples + 1) * sizeof(struct quota_sample);
}

void quota_rate_add(struct quota_rate *rate, const struct quota_window *window, double amount, uint64_t now_ms);
/* Amounts a second. */
double quota_rate_measure(struct quota_rate *rate, const struct quota_window *window, uint64_t now_ms);
/* How long nothing should be added; 0 if the rate is at most `limit`, which is above 0. */
uint64_t quota_rate_excess_ms(struct quota_rate *rate, const struct quota_window *window, double limit, uint64_t now_ms);
/* How long until nothing is left in the window of what was added. */
uint64_t quota_rate_forgotten_ms(const struct quota_rate *rate, const struct quota_window *window, uint64_t now_ms);
