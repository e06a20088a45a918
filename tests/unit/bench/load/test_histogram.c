/* The histogram: percentiles exact in small cases, within 1.6 % elsewhere, and never above the maximum. */
#include "bench/load/histogram.h"

#include <criterion/criterion.h>

static struct histogram histogram;

/* Nothing added: every query is zero, none divides by it. */
Test(histogram, empty_answers_zero)
{
	histogram_init(&histogram);
	cr_expect_eq(histogram_percentile(&histogram, 50), 0);
	cr_expect_eq(histogram_mean(&histogram), 0);
}

/* Below 64 each value has its own bucket, so ranks can be checked exactly. */
Test(histogram, small_values_are_exact)
{
	histogram_init(&histogram);
	for (uint64_t value = 1; value <= 50; value++)
		histogram_add(&histogram, value);
	static const struct {
		double percentile;
		uint64_t value;
	} rows[] = { { 0, 1 }, { 2, 1 }, { 2.1, 2 }, { 50, 25 }, { 90, 45 }, { 99, 50 }, { 100, 50 } };
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		cr_expect_eq(histogram_percentile(&histogram, rows[i].percentile), rows[i].value, "p%g is %llu",
			     rows[i].percentile,
			     (unsigned long long)histogram_percentile(&histogram, rows[i].percentile));
	cr_expect_eq(histogram_mean(&histogram), 25.5);
}

/* 99.9 % of 1000 values is the 999th: binary fractions must not push the rank to the 1000th. */
Test(histogram, ranks_are_not_pushed_up_by_rounding)
{
	histogram_init(&histogram);
	for (int i = 0; i < 999; i++)
		histogram_add(&histogram, 10);
	histogram_add(&histogram, 1000000);
	cr_expect_eq(histogram_percentile(&histogram, 99.9), 10);
	cr_expect_eq(histogram_percentile(&histogram, 99.99), 1000000);
}

/* Any one value, of every magnitude, comes back at most 1.6 % too large and never too small. */
Test(histogram, error_is_bounded_at_every_magnitude)
{
	for (uint64_t value = 1; value < 1ull << 40; value += value / 7 + 1) {
		histogram_init(&histogram);
		histogram_add(&histogram, value);
		histogram_add(&histogram, UINT64_C(1) << 40);
		uint64_t seen = histogram_percentile(&histogram, 50);
		cr_assert(seen >= value && (double)seen <= (double)value * 1.016 + 1, "%llu came back as %llu",
			  (unsigned long long)value, (unsigned long long)seen);
	}
}

/* Values beyond the range are counted, and the true maximum is what p100 says. */
Test(histogram, beyond_the_range_keeps_the_maximum)
{
	histogram_init(&histogram);
	histogram_add(&histogram, UINT64_MAX / 2);
	histogram_add(&histogram, 5);
	cr_expect_eq(histogram.count, 2);
	cr_expect_eq(histogram_percentile(&histogram, 100), UINT64_MAX / 2);
	cr_expect_eq(histogram_percentile(&histogram, 50), 5);
}

/* Merging is the same as adding all values to one. */
Test(histogram, merge_is_addition)
{
	static struct histogram left, right;
	histogram_init(&histogram);
	histogram_init(&left);
	histogram_init(&right);
	for (uint64_t i = 0; i < 1000; i++) {
		uint64_t value = i * i * 37 + 11;
		histogram_add(&histogram, value);
		histogram_add(i % 3 ? &left : &right, value);
	}
	histogram_merge(&left, &right);
	cr_expect_eq(memcmp(&left, &histogram, sizeof left), 0);
}
