/* Runs: their medians, and what of a result goes into which column. */
#include "bench/report/run.h"

#include <criterion/criterion.h>

/* Odd, even, one and none; the values stay as they were. */
Test(run, medians)
{
	static const struct {
		double values[4];
		uint32_t count;
		double median;
	} rows[] = { { { 3, 1, 2 }, 3, 2 }, { { 4, 1, 3, 2 }, 4, 2.5 }, { { 7 }, 1, 7 }, { { 0 }, 0, 0 } };
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		cr_expect_eq(median(rows[i].values, rows[i].count), rows[i].median, "row %zu", i);
	}
	cr_expect_eq(rows[0].values[0], 3);
}

/* Each column has the middle of its own values, the last column too. */
Test(run, columns_are_apart)
{
	struct run runs[3] = { { .mb_per_s = 1, .value = 30 }, { .mb_per_s = 3, .value = 10 }, { .mb_per_s = 2, .value = 20 } };
	struct run middle = run_median(runs, 3);
	cr_expect_eq(middle.mb_per_s, 2);
	cr_expect_eq(middle.value, 20);
	cr_expect_eq(run_field(&middle, offsetof(struct run, value)), 20);
}

/* Rates are over the time that was measured, and the broker's CPU is shared by what came in and what went out. */
Test(run, of_a_result)
{
	static struct load_result result = { .elapsed_ns = 2000000000, .bytes = 500000000, .records = 1000, .requests = 100, .server_cpu_ns = 500000000 };
	static struct load_result read = { .bytes = 1500000000 };
	histogram_init(&result.latency);
	histogram_init(&read.end_to_end);
	histogram_add(&result.latency, 50);
	histogram_add(&read.end_to_end, 60000);
	struct run alone = run_of(&result, NULL), mixed = run_of(&result, &read);
	cr_expect_float_eq(alone.mb_per_s, 250, 1e-9);
	cr_expect_float_eq(alone.requests_per_s, 50, 1e-9);
	cr_expect_float_eq(alone.cpu_s_per_gb, 1, 1e-9);
	cr_expect_float_eq(alone.max_us, 0.05, 1e-9);
	cr_expect_eq(alone.e2e_p50_us, 0);
	cr_expect_float_eq(mixed.cpu_s_per_gb, 0.25, 1e-9);
	cr_expect_float_eq(mixed.read_mb_per_s, 750, 1e-9);
	cr_expect_float_eq(mixed.e2e_max_us, 60, 1e-9);
}
