/* Reports: goals, the JSON's names, and that lists end where they should. */
#include "bench/report/report.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

/* A goal is one of the ratio where there is a limit and of the value where there is none, and nothing measured meets nothing. */
Test(report, goals)
{
	static const struct {
		struct report_row row;
		bool is_met;
	} rows[] = {
		{ { .has_limit = true, .ratio = 0.86, .sense = GOAL_AT_LEAST, .goal = 0.85 }, true },
		{ { .has_limit = true, .ratio = 0.84, .sense = GOAL_AT_LEAST, .goal = 0.85 }, false },
		{ { .has_limit = true, .ratio = 1.1, .sense = GOAL_AT_MOST, .goal = 1.1 }, true },
		{ { .has_limit = true, .ratio = 1.2, .sense = GOAL_AT_MOST, .goal = 1.1 }, false },
		{ { .has_limit = true, .ratio = 0, .sense = GOAL_AT_MOST, .goal = 1.1 }, false },
		{ { .has_limit = true, .ratio = NAN, .sense = GOAL_AT_MOST, .goal = 1.1 }, false },
		{ { .value = 0, .sense = GOAL_AT_MOST, .goal = 0 }, true },
		{ { .value = 1, .sense = GOAL_AT_MOST, .goal = 0 }, false },
		{ { .value = -1, .sense = GOAL_AT_MOST, .goal = 1024 }, false },
		{ { .value = 5, .sense = GOAL_NONE }, false },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		cr_expect_eq(report_row_is_met(&rows[i].row), rows[i].is_met, "row %zu", i);
}

/* Medians of all rounds, ratios of each: the middle ratio is none of the medians. Used again, a row keeps nothing of before. */
Test(report, rows_of_rounds)
{
	struct report_row row = { 0 };
	double values[] = { 100, 300, 80 }, limits[] = { 50, 100, 200 };
	report_row_of_rounds(&row, values, limits, 3);
	cr_expect(row.has_limit && row.rounds == 3 && row.value == 100 && row.limit == 100);
	cr_expect(row.ratio == 2 && row.ratio_low == 0.4 && row.ratio_high == 3, "%g (%g-%g)", row.ratio, row.ratio_low, row.ratio_high);
	report_row_of_rounds(&row, values, values, 2);
	cr_expect(row.rounds == 2 && row.ratio == 1 && row.ratio_low == 1 && row.ratio_high == 1, "%g (%g-%g)", row.ratio, row.ratio_low, row.ratio_high);
	report_row_of_rounds(&row, values, NULL, 3);
	cr_expect(!row.has_limit && row.value == 100 && report_row_was_read(&row));
	report_row_of_rounds(&row, values, limits, 0);
	cr_expect(isnan(row.value) && isnan(row.limit) && isnan(row.ratio) && !report_row_was_read(&row));
}

static struct report *fill(void)
{
	struct report *report = report_open();
	struct report_row row = { .id = "P1", .about = "it says \"so\"", .unit = "MB/s", .limit_name = "l2", .has_limit = true, .limit = 2000, .value = 1800,
				  .ratio = 0.9, .ratio_low = 0.8, .ratio_high = 0.95, .rounds = 3, .sense = GOAL_AT_LEAST, .goal = 0.85 };
	struct report_run run = { .experiment = "produce", .contestant = "spate", .workload = "produce-1-topic-16-partitions-1kb", .rounds = 3,
				  .run = { .mb_per_s = 1800, .requests_per_s = 14000, .records_per_s = 1e6, .p99_us = 2500, .e2e_p50_us = 300, .e2e_p9999_us = 7000 } };
	struct report_point points[] = { { 1, 2 }, { 10, NAN } };
	report_add_row(report, &row);
	report_add_run(report, &run);
	report_add_series(report, "load", "spate p99", points, 2);
	return report;
}

static char *print(struct report *report)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	cr_assert_eq(report_print_json(out, report), 0);
	fclose(out);
	return text;
}

/* What is printed is JSON with the benchmark's usual names; what is no number is null. */
Test(report, json)
{
	struct report *report = fill();
	char *text = print(report);
	json_t *root = json_loads(text, 0, NULL);
	cr_assert(root, "%s", text);
	const json_t *goal = json_array_get(json_object_get(root, "goals"), 0), *run = json_array_get(json_object_get(root, "runs"), 0);
	cr_expect(json_is_true(json_object_get(goal, "meetsGoal")));
	cr_expect_str_eq(json_string_value(json_object_get(goal, "about")), "it says \"so\"");
	cr_expect_float_eq(json_number_value(json_object_get(run, "aggregatedPublishLatency99pct")), 2.5, 1e-9);
	cr_expect_float_eq(json_number_value(json_object_get(run, "aggregatedEndToEndLatency9999pct")), 7, 1e-9);
	cr_expect_float_eq(json_number_value(json_object_get(run, "publishRate")), 1e6, 1e-3);
	const json_t *points = json_object_get(json_array_get(json_object_get(root, "charts"), 0), "points");
	cr_expect(json_is_null(json_array_get(json_array_get(points, 1), 1)));
	json_decref(root);
	free(text);
	report_close(report);
}

static char *print_table(const struct report *report)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	report_print_table(out, report);
	fclose(out);
	return text;
}

/* A goal of which no round succeeded is neither met nor missed, and its figures are none. */
Test(report, a_row_that_was_not_read)
{
	struct report *report = report_open();
	struct report_row row = { .id = "P1", .about = "produce", .unit = "MB/s", .limit_name = "l2", .sense = GOAL_AT_LEAST, .goal = 0.85 };
	double none[1] = { 0 };
	char *empty = print_table(report);
	cr_expect(strstr(empty, "nothing was read"), "%s", empty);
	report_row_of_rounds(&row, none, none, 0);
	report_add_row(report, &row);
	snprintf(report->version, sizeof report->version, "spate 9");
	char *text = print_table(report), *json = print(report);
	cr_expect(strncmp(text, "spate 9, ", 9) == 0 && strstr(text, ">= 0.85    not read\n"), "%s", text);
	cr_expect(!strstr(text, "nan") && !strstr(text, "MISSED"), "%s", text);
	cr_expect(strstr(json, "\"ratio\": null") && strstr(json, "\"version\": \"spate 9\""), "%s", json);
	free(empty);
	free(text);
	free(json);
	report_close(report);
}

/* Lists that are full take no more, and say so. */
Test(report, lists_are_bounded)
{
	struct report *report = report_open();
	struct report_row row = { .id = "P" };
	struct report_run run = { .experiment = "e" };
	struct report_point point = { 1, 1 };
	for (int i = 0; i < REPORT_ROWS_MAX; i++)
		report_add_row(report, &row);
	cr_expect_not(report->is_full);
	for (int i = 0; i < REPORT_RUNS_MAX + 1; i++)
		report_add_run(report, &run);
	for (int i = 0; i < REPORT_SERIES_MAX + 1; i++)
		report_add_series(report, "c", "n", &point, 1);
	report_add_row(report, &row);
	cr_expect_eq(report->rows_count, REPORT_ROWS_MAX);
	cr_expect_eq(report->series_count, REPORT_SERIES_MAX);
	cr_expect(report->is_full);
	report_close(report);
}

/* A percentile is drawn only as far as there are values to tell it. */
Test(report, percentiles_end_with_the_values)
{
	static struct histogram histogram;
	struct report *report = report_open();
	histogram_init(&histogram);
	report_add_percentiles(report, "p", "none", &histogram);
	cr_expect_eq(report->series_count, 0);
	for (int i = 1; i <= 1000; i++)
		histogram_add(&histogram, (uint64_t)i * 1000000);
	report_add_percentiles(report, "p", "thousand", &histogram);
	cr_assert_eq(report->series_count, 1);
	const struct report_series *series = report->series[0];
	cr_expect_float_eq(series->points[series->count - 1].x, 1000, 1e-3);
	cr_expect_float_eq(series->points[series->count - 1].y, 999, 20);
	report_close(report);
}
