/* Medians and ratios of bench-run. The room is a program and no library, so the file is compiled in here. */
#include "bench/run/compare.c"

#include <criterion/criterion.h>
#include <jansson.h>

/* Odd, even, one and none; the values stay as they were. */
Test(compare, medians)
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

/* A ratio is taken within each round: a minute in which everything ran at a tenth does not move it. */
Test(compare, ratios_pair_rounds)
{
	static struct comparison comparison = {
		.workload = &workloads[0],
		.count = 2,
		.contestants = { { "limit", 3, { { .mb_per_s = 4000 }, { .mb_per_s = 400 }, { .mb_per_s = 4200 } } },
				 { "spate", 3, { { .mb_per_s = 2400 }, { .mb_per_s = 240 }, { .mb_per_s = 2100 } } } },
	};
	cr_expect_float_eq(comparison_ratio(&comparison, 1), 0.6, 1e-9);
	cr_expect(comparison_meets_goal(&comparison, 1));
	comparison.contestants[1].runs[0].mb_per_s = 1900;
	comparison.contestants[1].runs[1].mb_per_s = 190;
	cr_expect_not(comparison_meets_goal(&comparison, 1));
}

/* For latency less is better, and a workload that did not run meets no goal. */
Test(compare, latency_goals_are_upper_bounds)
{
	static struct comparison comparison = {
		.workload = &workloads[1],
		.count = 2,
		.contestants = { { "limit", 1, { { .p50_us = 100 } } }, { "spate", 1, { { .p50_us = 149 } } } },
	};
	cr_expect(comparison_meets_goal(&comparison, 1));
	comparison.contestants[1].runs[0].p50_us = 151;
	cr_expect_not(comparison_meets_goal(&comparison, 1));
	comparison.contestants[0].count = comparison.contestants[1].count = 0;
	cr_expect_not(comparison_meets_goal(&comparison, 1));
}

/* What --json prints is JSON, with and without runs, with and without the broker at rest. */
Test(compare, json_is_json)
{
	static struct comparison comparisons[2] = {
		{ .workload = &workloads[0], .count = 2,
		  .contestants = { { "limit", 2, { { .mb_per_s = 1 }, { .mb_per_s = 2 } } }, { "spate", 2, { { .mb_per_s = 3 } } } } },
		{ .workload = &workloads[1], .count = 2, .contestants = { { .name = "limit" }, { .name = "spate" } } },
	};
	static struct rest rests[2] = { { 0 }, { .count = 1, .start_ms = { 3.5 }, .is_measured = true } };
	for (uint32_t count = 0; count <= 2; count++)
		for (size_t i = 0; i < COUNT_OF(rests); i++) {
			char text[8192];
			json_error_t error;
			FILE *out = fmemopen(text, sizeof text, "w");
			comparison_print_json(out, comparisons, count, &rests[i]);
			fclose(out);
			json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
			cr_assert(root, "%s at line %d:\n%s", error.text, error.line, text);
			cr_expect_eq(json_array_size(json_object_get(root, "workloads")), count);
			cr_expect_eq(!json_object_get(root, "rest"), !rests[i].is_measured);
			json_decref(root);
		}
}
