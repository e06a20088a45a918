/* Axes and pictures: every value is on its axis, ticks are in order, and no text breaks the page. */
#include "bench/report/chart.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

/* Whatever the values, low and high are on the axis, ticks rise and stay on it, and there are a few of them. */
Test(chart, axes_hold_their_values)
{
	static const struct {
		double low, high;
	} rows[] = { { 0.1, 3 }, { 1, 1 }, { 1, 10000 }, { 0.00012, 0.9 }, { 900, 1100 }, { 3, 7e9 }, { 1, 99999 }, { 0, 0 }, { NAN, NAN }, { INFINITY, -INFINITY } };
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		for (int is_log = 0; is_log < 2; is_log++) {
			double ticks[32];
			struct chart_scale scale = chart_scale_over(rows[i].low, rows[i].high, is_log);
			uint32_t count = chart_scale_ticks(&scale, ticks, 32);
			cr_expect(count >= 2 && count <= 24, "row %zu log %d: %u ticks", i, is_log, count);
			for (uint32_t j = 0; j < count; j++) {
				double place = chart_scale_place(&scale, ticks[j]);
				cr_expect(place > -1e-6 && place < 1 + 1e-6, "row %zu log %d tick %g at %g", i, is_log, ticks[j], place);
				cr_expect(j == 0 || ticks[j] > ticks[j - 1], "row %zu log %d", i, is_log);
			}
			if (isfinite(rows[i].high) && rows[i].high > 0) {
				cr_expect(chart_scale_place(&scale, rows[i].high) <= 1 + 1e-6, "row %zu log %d", i, is_log);
				cr_expect(chart_scale_place(&scale, rows[i].low) >= -1e-6, "row %zu log %d", i, is_log);
			}
		}
}

/* Ten times more is as far everywhere on a logarithmic axis. */
Test(chart, a_logarithmic_axis_is_one)
{
	struct chart_scale scale = chart_scale_over(1, 1000, true);
	cr_expect_float_eq(chart_scale_place(&scale, 10), 1 / 3.0, 1e-9);
	cr_expect_float_eq(chart_scale_place(&scale, 100), 2 / 3.0, 1e-9);
}

Test(chart, numbers)
{
	static const struct {
		double value;
		const char *text;
	} rows[] = { { 0, "0" }, { 0.25, "0.25" }, { 12.34, "12.3" }, { 1234, "1234" }, { 10000, "10k" }, { 2500000, "2.5M" }, { 3e9, "3G" } };
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char text[32];
		chart_format(text, sizeof text, rows[i].value);
		cr_expect_str_eq(text, rows[i].text);
	}
}

static char *print(struct report *report, const struct chart *chart, bool *is_printed)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	*is_printed = chart_print(out, chart, report);
	fclose(out);
	return text;
}

/* Series of other charts are not drawn, a chart without any is not printed, names cannot hold markup, and what is no number leaves no mark. */
Test(chart, pictures)
{
	static const struct chart lines = { "load", "Title", "about", "x", "ms", false, false, true, false }, none = { "none", "T", "a", "x", "y", false, false, false, false };
	struct report *report = report_open();
	struct report_point points[] = { { 1, 1 }, { 2, NAN }, { 3, 0 }, { 4, 20 } };
	bool is_printed;
	report_add_series(report, "load", "<script>&", points, 4);
	report_add_series(report, "other", "elsewhere", points, 4);
	char *text = print(report, &none, &is_printed);
	cr_expect_not(is_printed);
	cr_expect_str_empty(text);
	free(text);
	text = print(report, &lines, &is_printed);
	cr_expect(is_printed);
	cr_expect(strstr(text, "&lt;script>&amp;"));
	cr_expect_not(strstr(text, "<script"));
	cr_expect_not(strstr(text, "elsewhere"));
	cr_expect_not(strstr(text, "nan"));
	cr_expect(strstr(text, "M202.0 294.0M622.0 14.0"), "%s", text);
	free(text);
	report_close(report);
}

/* The page asks for nothing from outside, and has what was found. */
Test(chart, a_page_stands_alone)
{
	struct report *report = report_open();
	struct report_row row = { .id = "P1", .about = "a < b", .unit = "MB/s", .value = 5, .sense = GOAL_AT_LEAST, .goal = 4 };
	struct report_point point = { 0, 1500 };
	char *text;
	size_t size;
	report_add_row(report, &row);
	report_add_series(report, "throughput", "spate", &point, 1);
	FILE *out = open_memstream(&text, &size);
	report_print_page(out, report);
	fclose(out);
	static const char *const outside[] = { "http", "src=", "href=", "@import", "url(" };
	for (size_t i = 0; i < COUNT_OF(outside); i++)
		cr_expect_not(strstr(text, outside[i]), "%s", outside[i]);
	cr_expect(strstr(text, "a &lt; b"));
	cr_expect(strstr(text, "1 of 1 goals met"));
	cr_expect(strstr(text, "1500 MB/s"));
	free(text);
	report_close(report);
}
