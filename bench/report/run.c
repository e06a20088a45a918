/* Runs are arrays of doubles with names. */
#include "bench/report/run.h"

#include <stdlib.h>

#define COLUMNS (sizeof(struct run) / sizeof(double))

static double percentile_us(const struct histogram *histogram, double percentile)
{
	return (double)histogram_percentile(histogram, percentile) / 1e3;
}

static void fill_end_to_end(struct run *run, const struct histogram *histogram)
{
	run->e2e_mean_us = histogram_mean(histogram) / 1e3;
	run->e2e_p50_us = percentile_us(histogram, 50);
	run->e2e_p75_us = percentile_us(histogram, 75);
	run->e2e_p95_us = percentile_us(histogram, 95);
	run->e2e_p99_us = percentile_us(histogram, 99);
	run->e2e_p999_us = percentile_us(histogram, 99.9);
	run->e2e_p9999_us = percentile_us(histogram, 99.99);
	run->e2e_max_us = (double)histogram->max / 1e3;
}

struct run run_of(const struct load_result *result, const struct load_result *read)
{
	double seconds = result->elapsed_ns ? (double)result->elapsed_ns / 1e9 : 1;
	double bytes = (double)result->bytes + (read ? (double)read->bytes : 0);
	struct run run = {
		.mb_per_s = (double)result->bytes / seconds / 1e6,
		.records_per_s = (double)result->records / seconds,
		.requests_per_s = (double)result->requests / seconds,
		.mean_us = histogram_mean(&result->latency) / 1e3,
		.p50_us = percentile_us(&result->latency, 50),
		.p75_us = percentile_us(&result->latency, 75),
		.p95_us = percentile_us(&result->latency, 95),
		.p99_us = percentile_us(&result->latency, 99),
		.p999_us = percentile_us(&result->latency, 99.9),
		.p9999_us = percentile_us(&result->latency, 99.99),
		.max_us = (double)result->latency.max / 1e3,
		.cpu_s_per_gb = bytes > 0 ? (double)result->server_cpu_ns / bytes : 0,
		.load_cpu_s_per_gb = bytes > 0 ? (double)result->client_cpu_ns / bytes : 0,
		.rss_mib = (double)result->server_rss_bytes / 1048576,
		.switches_per_s = (double)result->server_switches / seconds,
	};
	if (read) {
		run.read_mb_per_s = (double)read->bytes / seconds / 1e6;
		run.read_records_per_s = (double)read->records / seconds;
		fill_end_to_end(&run, &read->end_to_end);
	}
	return run;
}

double run_field(const struct run *run, size_t field)
{
	double value;
	memcpy(&value, (const char *)run + field, sizeof value);
	return value;
}

static int compare_doubles(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;
	return (a > b) - (a < b);
}

double median(const double *values, uint32_t count)
{
	double sorted[ROUNDS_MAX];
	if (!count)
		return 0;
	memcpy(sorted, values, count * sizeof *values);
	qsort(sorted, count, sizeof *sorted, compare_doubles);
	return count % 2 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

struct run run_median(const struct run *runs, uint32_t count)
{
	struct run middle;
	for (size_t column = 0; column < COLUMNS; column++) {
		double values[ROUNDS_MAX];
		for (uint32_t i = 0; i < count; i++)
			values[i] = run_field(&runs[i], column * sizeof(double));
		double value = median(values, count);
		memcpy((char *)&middle + column * sizeof(double), &value, sizeof value);
	}
	return middle;
}
