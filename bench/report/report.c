/* Lists of bounded length, the machine's name, and the table for terminals. */
#include "bench/report/report.h"

#include "log/base/check.h"

#include <math.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

/* "model name : AMD EPYC ..." of the first processor; "" if the kernel does not say. */
static void read_processor(char *out, size_t size)
{
	char line[256];
	FILE *file = fopen("/proc/cpuinfo", "re");
	out[0] = 0;
	while (file && !out[0] && fgets(line, sizeof line, file)) {
		char *at = strncmp(line, "model name", 10) == 0 ? strchr(line, ':') : NULL;
		if (at)
			snprintf(out, size, "%.*s", (int)strcspn(at + 2, "\n"), at + 2);
	}
	if (file)
		fclose(file);
}

struct report *report_open(void)
{
	struct report *report = calloc(1, sizeof *report);
	char processor[96];
	struct utsname name = { 0 };
	time_t now = time(NULL);
	if (!report)
		return NULL;
	read_processor(processor, sizeof processor);
	uname(&name);
	snprintf(report->machine, sizeof report->machine, "%ld x %s, %.20s %.40s", sysconf(_SC_NPROCESSORS_ONLN),
		 processor[0] ? processor : name.machine, name.sysname, name.release);
	strftime(report->when, sizeof report->when, "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
	return report;
}

void report_close(struct report *report)
{
	for (uint32_t i = 0; report && i < report->series_count; i++)
		free(report->series[i]);
	free(report);
}

void report_row_of_rounds(struct report_row *row, const double *values, const double *limits, uint32_t rounds)
{
	double ratios[ROUNDS_MAX];
	CHECK(rounds <= ROUNDS_MAX);
	row->rounds = rounds;
	row->value = rounds ? median(values, rounds) : NAN;
	row->has_limit = limits != NULL;
	row->limit = row->ratio = row->ratio_low = row->ratio_high = NAN;
	if (!limits || rounds == 0)
		return;
	for (uint32_t i = 0; i < rounds; i++) {
		ratios[i] = limits[i] > 0 ? values[i] / limits[i] : 0;
		row->ratio_low = i == 0 ? ratios[i] : fmin(row->ratio_low, ratios[i]);
		row->ratio_high = i == 0 ? ratios[i] : fmax(row->ratio_high, ratios[i]);
	}
	row->limit = median(limits, rounds);
	row->ratio = median(ratios, rounds);
}

void report_add_row(struct report *report, const struct report_row *row)
{
	report->is_full |= report->rows_count == REPORT_ROWS_MAX;
	if (report->rows_count < REPORT_ROWS_MAX)
		report->rows[report->rows_count++] = *row;
}

void report_add_run(struct report *report, const struct report_run *run)
{
	report->is_full |= report->runs_count == REPORT_RUNS_MAX;
	if (report->runs_count < REPORT_RUNS_MAX)
		report->runs[report->runs_count++] = *run;
}

void report_add_series(struct report *report, const char *chart, const char *name, const struct report_point *points, uint32_t count)
{
	if (count > REPORT_POINTS_MAX)
		count = REPORT_POINTS_MAX;
	struct report_series *series =
		report->series_count < REPORT_SERIES_MAX ? malloc(sizeof *series + count * sizeof *points) : NULL;
	if (!series) {
		report->is_full = true;
		return;
	}
	snprintf(series->chart, sizeof series->chart, "%s", chart);
	snprintf(series->name, sizeof series->name, "%s", name);
	series->count = count;
	memcpy(series->points, points, count * sizeof *points);
	report->series[report->series_count++] = series;
}

void report_add_percentiles(struct report *report, const char *chart, const char *name, const struct histogram *histogram)
{
	static const double percentiles[] = { 0, 25, 50, 75, 90, 95, 97, 99, 99.5, 99.9, 99.95, 99.99, 99.995, 99.999 };
	struct report_point points[COUNT_OF(percentiles)];
	uint32_t count = 0;
	/* Beyond the last value there is nothing to tell. */
	for (size_t i = 0; i < COUNT_OF(percentiles); i++)
		if ((double)histogram->count * (1 - percentiles[i] / 100) >= 1 - 1e-6)
			points[count++] = (struct report_point){ 1 / (1 - percentiles[i] / 100),
								 (double)histogram_percentile(histogram, percentiles[i]) / 1e6 };
	if (count)
		report_add_series(report, chart, name, points, count);
}

bool report_row_was_read(const struct report_row *row)
{
	double value = row->has_limit ? row->ratio : row->value;
	return value >= 0 && (value > 0 || !row->has_limit);
}

bool report_row_is_met(const struct report_row *row)
{
	double value = row->has_limit ? row->ratio : row->value;
	if (row->sense == GOAL_NONE || !report_row_was_read(row))
		return false;
	return row->sense == GOAL_AT_LEAST ? value >= row->goal : value <= row->goal;
}

/* ---- table ------------------------------------------------------------------------------------------- */

/* Three significant digits, or all before the point. */
static void print_number(FILE *out, int width, double value)
{
	if (!(value >= 0)) { /* not measured */
		fprintf(out, "%*s", width, "-");
		return;
	}
	int digits = value == 0 || fabs(value) >= 100 ? 0 : fabs(value) >= 10 ? 1 : fabs(value) >= 1 ? 2 : 3;
	fprintf(out, "%*.*f", width, digits, value);
}

static void print_row(FILE *out, const struct report_row *row)
{
	fprintf(out, "%-7s %-56.56s %-14.14s", row->id, row->about, row->limit_name);
	if (row->has_limit)
		print_number(out, 9, row->limit);
	else
		fprintf(out, "%9s", "");
	fputc(' ', out);
	print_number(out, 9, row->value);
	fprintf(out, " %-8s", row->unit);
	if (row->has_limit && row->rounds)
		fprintf(out, " %6.2f (%.2f-%.2f)%*s", row->ratio, row->ratio_low, row->ratio_high,
			row->ratio_low >= 10 || row->ratio_high >= 10 ? 0 : 2, "");
	else
		fprintf(out, " %19s", "");
	if (row->sense == GOAL_NONE)
		fprintf(out, "  -\n");
	else
		fprintf(out, "  %s %-7g %s\n", row->sense == GOAL_AT_LEAST ? ">=" : "<=", row->goal,
			!report_row_was_read(row) ? "not read" : report_row_is_met(row) ? "met" : "MISSED");
}

static void print_run(FILE *out, const struct report_run *line)
{
	const struct run *run = &line->run;
	fprintf(out, "%-12.12s %-26.26s %8.0f %9.0f %8.0f %8.0f %8.0f %8.0f %9.0f %7.3f %7.1f\n", line->experiment, line->contestant,
		run->mb_per_s + run->read_mb_per_s, run->requests_per_s, run->p50_us, run->p99_us, run->p999_us, run->p9999_us, run->max_us,
		run->cpu_s_per_gb, run->rss_mib);
	if (run->e2e_p50_us > 0)
		fprintf(out, "%-12s   end to end, us  %28s %8.0f %8.0f %8.0f %8.0f %9.0f\n", "", "", run->e2e_p50_us, run->e2e_p99_us,
			run->e2e_p999_us, run->e2e_p9999_us, run->e2e_max_us);
}

static bool is_load(const struct report_run *line)
{
	return line->run.mb_per_s > 0 || line->run.requests_per_s > 0;
}

void report_print_table(FILE *out, const struct report *report)
{
	bool has_runs = false;
	fprintf(out, "%s%s%s, %s\n\n", report->version, *report->version ? ", " : "", report->machine, report->when);
	for (uint32_t i = 0; i < report->runs_count; i++) {
		if (!is_load(&report->runs[i]))
			continue;
		if (!has_runs)
			fprintf(out, "%-12s %-26s %8s %9s %8s %8s %8s %8s %9s %7s %7s\n", "medians", "", "MB/s", "req/s", "p50 us", "p99", "p99.9",
				"p99.99", "max", "CPU/GB", "RSS MiB");
		has_runs = true;
		print_run(out, &report->runs[i]);
	}
	if (report->rows_count)
		fprintf(out, "%s%-7s %-56s %-14s%9s %9s %-8s %6s %-12s  goal\n", has_runs ? "\n" : "", "", "", "", "limit", "value", "", "ratio",
			"(of rounds)");
	for (uint32_t i = 0; i < report->rows_count; i++)
		print_row(out, &report->rows[i]);
	if (!report->runs_count && !report->rows_count)
		fprintf(out, "nothing was read\n");
	if (report->is_full)
		fprintf(out, "(there was more than a report can hold)\n");
}
