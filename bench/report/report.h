/* What a suite found: rows that are held against goals, the runs behind them, and series for charts.
 * Filled by bench/run, printed as a table, as JSON and as a page. Owns its lists; one thread. Lists are
 * bounded: what is beyond a bound is dropped, and `is_full` says so. */
#pragma once

#include "bench/report/run.h"

#define REPORT_ROWS_MAX 96
#define REPORT_RUNS_MAX 160
#define REPORT_SERIES_MAX 96
#define REPORT_POINTS_MAX 2048

enum goal_sense { GOAL_NONE, GOAL_AT_LEAST, GOAL_AT_MOST };

/* One line of the judged table. Where there is a limit the goal is one of the ratio, otherwise of the value. */
struct report_row {
	char id[12], about[112], unit[12], limit_name[40];
	bool has_limit;
	double limit, value; /* medians */
	double ratio, ratio_low, ratio_high; /* the median of the rounds' ratios, the smallest, the largest */
	uint32_t rounds;
	enum goal_sense sense;
	double goal;
};

/* Medians of one contestant of one experiment. */
struct report_run {
	char experiment[24], contestant[40], workload[64];
	uint32_t rounds;
	struct run run;
};

struct report_point {
	double x, y;
};

/* A line of a chart, which is known by its name (page.c has them all). */
struct report_series {
	char chart[24], name[48];
	uint32_t count;
	struct report_point points[];
};

struct report {
	char machine[192], when[32], version[64]; /* the last: of what is measured; "" until whoever runs it fills it in */
	uint32_t rows_count, runs_count, series_count;
	bool is_full;
	struct report_row rows[REPORT_ROWS_MAX];
	struct report_run runs[REPORT_RUNS_MAX];
	struct report_series *series[REPORT_SERIES_MAX];
};

/* NULL if there is no memory. Says what machine this is, and when. */
struct report *report_open(void);
void report_close(struct report *report);

/* Sets the row's medians and its ratios from what each of `rounds` rounds read: ratios within a round, where both sides ran next to each other. `limits` NULL: it
 * has none. No rounds: none of them is a number. */
void report_row_of_rounds(struct report_row *row, const double *values, const double *limits, uint32_t rounds);
void report_add_row(struct report *report, const struct report_row *row);
void report_add_run(struct report *report, const struct report_run *run);
/* Copies the points. */
void report_add_series(struct report *report, const char *chart, const char *name, const struct report_point *points, uint32_t count);

/* False of a ratio of 0, and of a value that is no number or below 0. */
bool report_row_was_read(const struct report_row *row);
/* Whether a row meets its goal; one that was not read meets none. */
bool report_row_is_met(const struct report_row *row);

/* Where a throughput came from the same bytes as another: the percentile curve of a histogram, as points of
 * 1/(1-percentile) and milliseconds. */
void report_add_percentiles(struct report *report, const char *chart, const char *name, const struct histogram *histogram);

void report_print_table(FILE *out, const struct report *report);
/* 0, or -EIO if it cannot be written. */
int report_print_json(FILE *out, const struct report *report) MUST_USE;
/* One HTML page with inline charts; it asks for nothing from outside. */
void report_print_page(FILE *out, const struct report *report);
