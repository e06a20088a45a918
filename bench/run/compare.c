/* Medians, ratios and their table. Ratios are taken within a round, where both ran side by side, and the
 * median of these is told: a slow minute of a shared machine then hits both sides of a ratio. */
#include "bench/run/compare.h"

#include <stdlib.h>

#define START_GOAL_MS 20.0
#define REST_RSS_GOAL_MIB 16.0

const struct workload workloads[] = {
	{ "P1", "durable produce, 16 connections x 4 in flight x 128 KiB, 16 partitions", "l2_durable", METRIC_THROUGHPUT, 0.5, 16, 4,
	  128 << 10, 1024, 16 },
	/* One record that makes the batch 4096 bytes. */
	{ "P2", "durable produce, one 4 KiB request outstanding", "l3_commit", METRIC_P50, 1.5, 1, 1, 4096, 4026, 1 },
};
const size_t workload_count = COUNT_OF(workloads);

struct run run_of(const struct load_result *result)
{
	double seconds = result->elapsed_ns ? (double)result->elapsed_ns / 1e9 : 1;
	return (struct run){
		.mb_per_s = (double)result->bytes / seconds / 1e6,
		.p50_us = (double)histogram_percentile(&result->latency, 50) / 1e3,
		.p99_us = (double)histogram_percentile(&result->latency, 99) / 1e3,
		.p999_us = (double)histogram_percentile(&result->latency, 99.9) / 1e3,
		.cpu_s_per_gb = result->bytes ? (double)result->server_cpu_ns / (double)result->bytes : 0,
		.rss_mib = (double)result->server_rss_bytes / 1048576,
	};
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

/* `field` is the offset of a double in struct run. */
static double median_of(const struct contestant *contestant, size_t field)
{
	double values[ROUNDS_MAX];
	for (uint32_t i = 0; i < contestant->count; i++)
		memcpy(&values[i], (const char *)&contestant->runs[i] + field, sizeof(double));
	return median(values, contestant->count);
}

struct run run_median(const struct contestant *contestant)
{
	return (struct run){
		.mb_per_s = median_of(contestant, offsetof(struct run, mb_per_s)),
		.p50_us = median_of(contestant, offsetof(struct run, p50_us)),
		.p99_us = median_of(contestant, offsetof(struct run, p99_us)),
		.p999_us = median_of(contestant, offsetof(struct run, p999_us)),
		.cpu_s_per_gb = median_of(contestant, offsetof(struct run, cpu_s_per_gb)),
		.rss_mib = median_of(contestant, offsetof(struct run, rss_mib)),
	};
}

static double value_of(const struct comparison *comparison, const struct run *run)
{
	return comparison->workload->metric == METRIC_THROUGHPUT ? run->mb_per_s : run->p50_us;
}

double comparison_ratio(const struct comparison *comparison, uint32_t contestant)
{
	const struct contestant *limit = &comparison->contestants[0], *other = &comparison->contestants[contestant];
	double ratios[ROUNDS_MAX];
	uint32_t count = 0;
	for (uint32_t i = 0; i < other->count && i < limit->count; i++)
		if (value_of(comparison, &limit->runs[i]) > 0)
			ratios[count++] = value_of(comparison, &other->runs[i]) / value_of(comparison, &limit->runs[i]);
	return median(ratios, count);
}

bool comparison_meets_goal(const struct comparison *comparison, uint32_t contestant)
{
	double ratio = comparison_ratio(comparison, contestant);
	if (comparison->workload->metric == METRIC_THROUGHPUT)
		return ratio >= comparison->workload->goal;
	return ratio > 0 && ratio <= comparison->workload->goal;
}

/* ---- table ------------------------------------------------------------------------------------------- */

static void print_contestant(FILE *out, const struct comparison *comparison, uint32_t number)
{
	const struct contestant *contestant = &comparison->contestants[number];
	struct run run = run_median(contestant);
	fprintf(out, "  %-12s %9.1f %9.0f %9.0f %9.0f %9.3f %9.1f", contestant->name, run.mb_per_s, run.p50_us, run.p99_us, run.p999_us,
		run.cpu_s_per_gb, run.rss_mib);
	if (number && contestant->count)
		fprintf(out, " %8.2f  %s", comparison_ratio(comparison, number),
			comparison_meets_goal(comparison, number) ? "met" : "missed");
	if (!contestant->count)
		fprintf(out, "  no run succeeded");
	fputc('\n', out);
}

static void print_comparison(FILE *out, const struct comparison *comparison)
{
	const struct workload *workload = comparison->workload;
	fprintf(out, "%s: %s\n", workload->name, workload->about);
	fprintf(out, "  ratio: %s to %s, goal %s %.2f; medians of %u rounds\n",
		workload->metric == METRIC_THROUGHPUT ? "throughput" : "p50 latency", workload->limit,
		workload->metric == METRIC_THROUGHPUT ? "at least" : "at most", workload->goal, comparison->contestants[0].count);
	fprintf(out, "  %-12s %9s %9s %9s %9s %9s %9s %8s  %s\n", "", "MB/s", "p50 us", "p99 us", "p99.9 us", "CPU s/GB", "RSS MiB", "ratio",
		"goal");
	for (uint32_t i = 0; i < comparison->count; i++)
		print_contestant(out, comparison, i);
	fputc('\n', out);
}

static void print_rest(FILE *out, const struct rest *rest)
{
	double start_ms = median(rest->start_ms, rest->count);
	fprintf(out, "P9, P10: the broker at rest, empty data directory\n");
	fprintf(out, "  start to first answer  %8.2f ms           goal at most %.0f ms   %s\n", start_ms, START_GOAL_MS,
		start_ms <= START_GOAL_MS ? "met" : "missed");
	fprintf(out, "  resident memory        %8.1f MiB          goal at most %.0f MiB  %s\n", rest->rss_mib, REST_RSS_GOAL_MIB,
		rest->rss_mib <= REST_RSS_GOAL_MIB ? "met" : "missed");
	fprintf(out, "  wake-ups               %8.1f a second     goal none            %s\n", rest->switches_per_s,
		rest->switches_per_s > 0 ? "missed" : "met");
}

void comparison_print_table(FILE *out, const struct comparison *comparisons, uint32_t count, const struct rest *rest)
{
	for (uint32_t i = 0; i < count; i++)
		print_comparison(out, &comparisons[i]);
	if (rest->is_measured)
		print_rest(out, rest);
}

/* ---- JSON -------------------------------------------------------------------------------------------- */

static void print_json_run(FILE *out, const struct run *run)
{
	fprintf(out, "{ \"megabytesPerSecond\": %.3f, \"p50Us\": %.1f, \"p99Us\": %.1f, \"p999Us\": %.1f, \"cpuSecondsPerGB\": %.4f, "
		     "\"rssMiB\": %.2f }",
		run->mb_per_s, run->p50_us, run->p99_us, run->p999_us, run->cpu_s_per_gb, run->rss_mib);
}

static void print_json_contestant(FILE *out, const struct comparison *comparison, uint32_t number)
{
	const struct contestant *contestant = &comparison->contestants[number];
	struct run middle = run_median(contestant);
	fprintf(out, "      { \"name\": \"%s\", \"median\": ", contestant->name);
	print_json_run(out, &middle);
	if (number)
		fprintf(out, ", \"ratio\": %.4f, \"meetsGoal\": %s", comparison_ratio(comparison, number),
			comparison_meets_goal(comparison, number) ? "true" : "false");
	fprintf(out, ",\n        \"rounds\": [");
	for (uint32_t i = 0; i < contestant->count; i++) {
		fprintf(out, "%s\n          ", i ? "," : "");
		print_json_run(out, &contestant->runs[i]);
	}
	fprintf(out, " ] }%s\n", number + 1 < comparison->count ? "," : "");
}

void comparison_print_json(FILE *out, const struct comparison *comparisons, uint32_t count, const struct rest *rest)
{
	fprintf(out, "{ \"workloads\": [");
	for (uint32_t i = 0; i < count; i++) {
		const struct workload *workload = comparisons[i].workload;
		fprintf(out, "%s\n  { \"name\": \"%s\", \"about\": \"%s\", \"metric\": \"%s\", \"goal\": %.2f, \"contestants\": [\n", i ? "," : "",
			workload->name, workload->about, workload->metric == METRIC_THROUGHPUT ? "throughput" : "p50", workload->goal);
		for (uint32_t j = 0; j < comparisons[i].count; j++)
			print_json_contestant(out, &comparisons[i], j);
		fprintf(out, "  ] }");
	}
	fprintf(out, " ]");
	if (rest->is_measured)
		fprintf(out, ",\n  \"rest\": { \"startMs\": %.3f, \"rssMiB\": %.2f, \"switchesPerSecond\": %.2f }",
			median(rest->start_ms, rest->count), rest->rss_mib, rest->switches_per_s);
	fprintf(out, " }\n");
}
