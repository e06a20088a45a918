/* Draws a chart as inline SVG: lines over an axis, or bars. Colours come from the page's style sheet (classes
 * s0 to s7), so that a chart suits light and dark pages. Owns nothing; any thread. */
#pragma once

#include "bench/report/report.h"

#define CHART_SERIES_MAX 8

struct chart {
	const char *name; /* of the series that belong to it */
	const char *title, *about;
	const char *x_label, *y_label;
	bool is_bars; /* one value for each series; otherwise lines */
	bool is_x_log, is_y_log;
	bool is_x_percentile; /* x is 1/(1-p): ticks read 90 %, 99 % */
};

/* From a value to a place in [0, 1], and the ticks between. */
struct chart_scale {
	double low, high; /* of the axis, which begins and ends at ticks */
	bool is_log;
};

/* An axis that holds all of [low, high]: a linear one from 0 on, a logarithmic one from a power of ten to another (or to
 * the value itself, where a power more would leave the chart half empty). */
struct chart_scale chart_scale_over(double low, double high, bool is_log);
double chart_scale_place(const struct chart_scale *scale, double value);
/* Fills `ticks` with at most `capacity` values on the axis, in order; returns how many. */
uint32_t chart_scale_ticks(const struct chart_scale *scale, double *ticks, uint32_t capacity);

/* A number as it stands at an axis: 1, 2.5, 10k, 1.2M. */
void chart_format(char *out, size_t size, double value);

/* Text of which nothing is known, within markup or an attribute: no markup comes out of it. */
void chart_print_text(FILE *out, const char *text);

/* Prints the chart of those series that belong to it; false, and nothing printed, if there are none. */
bool chart_print(FILE *out, const struct chart *chart, const struct report *report);
