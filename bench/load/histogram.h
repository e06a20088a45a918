/* A log-linear histogram of nanoseconds: 64 steps in each power of two, so that a value is off by at
 * most 1.6 %, from 1 ns to 18 minutes. Owns its counters, embedded by value; one thread; never
 * allocates. Values above the range land in the last step, and the true maximum is kept beside. */
#pragma once

#include "log/base/types.h"

#define HISTOGRAM_STEP_BITS 6
#define HISTOGRAM_STEPS (1u << HISTOGRAM_STEP_BITS)
#define HISTOGRAM_POWERS 35 /* 2^(6+34) ns and below: 18 minutes */
#define HISTOGRAM_BUCKETS (HISTOGRAM_STEPS * HISTOGRAM_POWERS)

struct histogram {
	uint64_t count, sum, min, max;
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_init(struct histogram *histogram);
void histogram_add(struct histogram *histogram, uint64_t value);
void histogram_merge(struct histogram *into, const struct histogram *from);

/* The smallest value that `percentile` (0..100) of the values do not exceed, as the upper edge of its
 * step, and never above the true maximum. 0 when empty. */
uint64_t histogram_percentile(const struct histogram *histogram, double percentile);

/* 0 when empty. */
double histogram_mean(const struct histogram *histogram);
