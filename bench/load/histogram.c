/* Log-linear buckets: values below 64 have a bucket each; above, the top six bits below the leading
 * one choose one of 64 steps within the value's power of two. */
#include "bench/load/histogram.h"

void histogram_init(struct histogram *histogram)
{
	memset(histogram, 0, sizeof *histogram);
	histogram->min = UINT64_MAX;
}

static unsigned bucket_of(uint64_t value)
{
	if (value < HISTOGRAM_STEPS)
		return (unsigned)value;
	unsigned power = 63u - (unsigned)__builtin_clzll(value) - HISTOGRAM_STEP_BITS;
	unsigned bucket = (power + 1) * HISTOGRAM_STEPS + (unsigned)(value >> power) - HISTOGRAM_STEPS;
	return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

/* The largest value that falls into a bucket. */
static uint64_t upper_edge(unsigned bucket)
{
	if (bucket < HISTOGRAM_STEPS)
		return bucket;
	unsigned power = bucket / HISTOGRAM_STEPS - 1;
	uint64_t step = bucket % HISTOGRAM_STEPS + HISTOGRAM_STEPS;
	return ((step + 1) << power) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
	histogram->count++;
	histogram->sum += value;
	if (value < histogram->min)
		histogram->min = value;
	if (value > histogram->max)
		histogram->max = value;
	histogram->buckets[bucket_of(value)]++;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
	into->count += from->count;
	into->sum += from->sum;
	if (from->min < into->min)
		into->min = from->min;
	if (from->max > into->max)
		into->max = from->max;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		into->buckets[i] += from->buckets[i];
}

uint64_t histogram_percentile(const struct histogram *histogram, double percentile)
{
	if (!histogram->count)
		return 0;
	/* The rank is rounded up, so that p100 is the last value and p50 of two values the first; a hair is
	 * taken off first, for 99.9 % of 1000 is 999 and not the 1000 that binary fractions make of it. */
	double exact = (double)histogram->count * percentile / 100.0 - 1e-6;
	uint64_t rank = exact <= 0 ? 1 : (uint64_t)exact + 1;
	uint64_t seen = 0;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += histogram->buckets[i];
		if (seen >= rank) {
			uint64_t edge = upper_edge(i);
			return edge < histogram->max && i < HISTOGRAM_BUCKETS - 1 ? edge : histogram->max;
		}
	}
	return histogram->max;
}

double histogram_mean(const struct histogram *histogram)
{
	return histogram->count ? (double)histogram->sum / (double)histogram->count : 0;
}
