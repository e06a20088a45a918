/* The report as JSON: rows by their names, runs with the fields of the OpenMessaging benchmark's results
 * (milliseconds, records a second), and the points of the charts. */
#include "bench/report/report.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>

/* Not a number is not JSON; what could not be measured is null. */
static json_t *number(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static void set(json_t *object, const char *prefix, const char *name, double value)
{
	char key[64];
	snprintf(key, sizeof key, "%s%s", prefix, name);
	json_object_set_new(object, key, number(value));
}

static json_t *row_json(const struct report_row *row)
{
	json_t *object = json_pack("{s:s, s:s, s:s, s:o, s:i}", "name", row->id, "about", row->about, "unit", row->unit, "value",
				   number(row->value), "rounds", (int)row->rounds);
	if (row->has_limit) {
		json_object_set_new(object, "limitName", json_string(row->limit_name));
		set(object, "", "limit", row->limit);
		set(object, "", "ratio", row->ratio);
		set(object, "", "ratioLow", row->ratio_low);
		set(object, "", "ratioHigh", row->ratio_high);
	}
	if (row->sense != GOAL_NONE) {
		json_object_set_new(object, "goalSense", json_string(row->sense == GOAL_AT_LEAST ? "at least" : "at most"));
		set(object, "", "goal", row->goal);
		json_object_set_new(object, "meetsGoal", json_boolean(report_row_is_met(row)));
	}
	return object;
}

static void set_latencies(json_t *object, const char *prefix, const double *us)
{
	static const char *const names[] = { "Avg", "50pct", "75pct", "95pct", "99pct", "999pct", "9999pct", "Max" };
	for (size_t i = 0; i < COUNT_OF(names); i++)
		set(object, prefix, names[i], us[i] / 1e3);
}

static json_t *run_json(const struct report_run *line)
{
	const struct run *run = &line->run;
	char name[80];
	snprintf(name, sizeof name, "%s %s", line->experiment, line->contestant);
	json_t *object = json_pack("{s:s, s:s, s:s, s:s, s:i}", "name", name, "experiment", line->experiment, "driver", line->contestant,
				   "workload", line->workload, "rounds", (int)line->rounds);
	bool is_fetch = strncmp(line->workload, "fetch", 5) == 0;
	if (run->requests_per_s > 0) {
		set(object, is_fetch ? "consume" : "publish", "Rate", run->records_per_s);
		set(object, "", "megabytesPerSecond", run->mb_per_s);
		set(object, "", "requestsPerSecond", run->requests_per_s);
		set_latencies(object, is_fetch ? "aggregatedFetchLatency" : "aggregatedPublishLatency", &run->mean_us);
	}
	if (run->read_mb_per_s > 0) {
		set(object, "", "consumeRate", run->read_records_per_s);
		set(object, "", "consumeMegabytesPerSecond", run->read_mb_per_s);
	}
	if (run->e2e_p50_us > 0)
		set_latencies(object, "aggregatedEndToEndLatency", &run->e2e_mean_us);
	if (run->cpu_s_per_gb > 0) {
		set(object, "", "brokerCpuSecondsPerGB", run->cpu_s_per_gb);
		set(object, "", "loadCpuSecondsPerGB", run->load_cpu_s_per_gb);
		set(object, "", "brokerRssBytes", run->rss_mib * 1048576);
		set(object, "", "brokerSwitchesPerSecond", run->switches_per_s);
	}
	if (run->value != 0)
		set(object, "", "value", run->value);
	return object;
}

static json_t *series_json(const struct report_series *series)
{
	json_t *points = json_array();
	for (uint32_t i = 0; i < series->count; i++)
		json_array_append_new(points, json_pack("[o, o]", number(series->points[i].x), number(series->points[i].y)));
	return json_pack("{s:s, s:s, s:o}", "chart", series->chart, "name", series->name, "points", points);
}

int report_print_json(FILE *out, const struct report *report)
{
	json_t *rows = json_array(), *runs = json_array(), *series = json_array();
	for (uint32_t i = 0; i < report->rows_count; i++)
		json_array_append_new(rows, row_json(&report->rows[i]));
	for (uint32_t i = 0; i < report->runs_count; i++)
		json_array_append_new(runs, run_json(&report->runs[i]));
	for (uint32_t i = 0; i < report->series_count; i++)
		json_array_append_new(series, series_json(report->series[i]));
	json_t *root = json_pack("{s:s, s:s, s:s, s:o, s:o, s:o}", "machine", report->machine, "when", report->when, "version",
				 report->version, "goals", rows, "runs", runs, "charts", series);
	int err = json_dumpf(root, out, JSON_INDENT(1) | JSON_REAL_PRECISION(7));
	json_decref(root);
	return err || fputc('\n', out) < 0 ? -EIO : 0;
}
