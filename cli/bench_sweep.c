/* `spate bench sweep`: the load of `bench produce` with one thing varied, a line for each value. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/bench.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/interrupt.h"

struct sweep {
	const char *name, *unit;
	int64_t max;
	int64_t values[8]; /* the usual ones; ends with 0 */
};

static const struct sweep sweeps[] = {
	{"partitions", "partitions", LOAD_PARTITIONS_MAX, {1, 10, 100, 1000, 10000, 0}},
	{"connections", "connections", LOAD_CONNECTIONS_MAX, {1, 4, 16, 64, 256, 1024, 0}},
	{"record-bytes", "bytes a record", LOAD_BATCH_BYTES_MAX, {10, 100, 1024, 10240, 65536, 0}},
	{"batch-bytes", "bytes a batch", LOAD_BATCH_BYTES_MAX, {1024, 4096, 16384, 65536, 262144, 1048576, 0}},
	{"load", "% of the maximum", 100, {10, 25, 50, 75, 90, 0}},
};

static const struct sweep *find_sweep(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(sweeps); i++)
		if (strcmp(sweeps[i].name, name) == 0)
			return &sweeps[i];
	complain("there is no sweep '%s': it is partitions, connections, record-bytes, batch-bytes or load", name);
	return NULL;
}

static void vary(struct load_config *config, const struct sweep *sweep, int64_t value, double maximum)
{
	if (strcmp(sweep->name, "partitions") == 0)
		config->partitions = (uint32_t)value;
	else if (strcmp(sweep->name, "connections") == 0)
		config->connections = (uint32_t)value;
	else if (strcmp(sweep->name, "record-bytes") == 0)
		config->record_bytes = (uint32_t)value;
	else if (strcmp(sweep->name, "batch-bytes") == 0)
		config->batch_bytes = (uint32_t)value;
	else
		config->requests_per_s = maximum * (double)value / 100;
}

static double per_second(uint64_t count, const struct load_result *result)
{
	return result->elapsed_ns ? (double)count / ((double)result->elapsed_ns / 1e9) : 0;
}

static void print_line(const struct sweep *sweep, int64_t value, const struct load_result *result, bool is_json)
{
	static const double percentiles[] = {50, 99, 99.9, 99.99};
	double us[COUNT_OF(percentiles)];
	for (size_t i = 0; i < COUNT_OF(percentiles); i++)
		us[i] = (double)histogram_percentile(&result->latency, percentiles[i]) / 1e3;
	if (is_json)
		printf("{\"%s\": %lld, \"publishRate\": %.1f, \"megabytesPerSecond\": %.3f, \"aggregatedPublishLatency50pct\": %.4f, "
		       "\"aggregatedPublishLatency99pct\": %.4f, \"aggregatedPublishLatency999pct\": %.4f, \"aggregatedPublishLatency9999pct\": %.4f}\n",
		       sweep->name, (long long)value, per_second(result->records, result), per_second(result->bytes, result) / 1e6, us[0] / 1e3, us[1] / 1e3,
		       us[2] / 1e3, us[3] / 1e3);
	else
		printf("%18lld %10.1f %11.0f %11.0f %9.0f %9.0f %9.0f %9.0f\n", (long long)value, per_second(result->bytes, result) / 1e6,
		       per_second(result->requests, result), per_second(result->records, result), us[0], us[1], us[2], us[3]);
	fflush(stdout);
}

/* The values that were given in place of the usual ones, or those. False: complained. */
static bool take_values(struct sweep *sweep, const char *const *texts, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		char *end;
		sweep->values[i] = strtoll(texts[i], &end, 10);
		sweep->values[i + 1] = 0;
		if (*end || sweep->values[i] < 1 || sweep->values[i] > sweep->max) {
			complain("%s: %s go from 1 to %lld", texts[i], sweep->unit, (long long)sweep->max);
			return false;
		}
	}
	return true;
}

/* Requests a second as fast as they are answered: what parts of the load are parts of. */
static int find_maximum(const struct load_config *config, struct load_result *result, double *maximum)
{
	int err = load_produce(config, result);
	*maximum = per_second(result->requests, result);
	if (err)
		complain("%s", result->failure);
	return err;
}

static int run_sweep(const struct sweep *sweep, const struct load_config *base, bool is_json)
{
	struct load_result *result = calloc(1, sizeof *result);
	double maximum = 0;
	bool is_load = strcmp(sweep->name, "load") == 0;
	int err = !result ? -1 : is_load ? find_maximum(base, result, &maximum) : 0;
	if (!is_json && !err)
		printf("%18s %10s %11s %11s %9s %9s %9s %9s\n", sweep->unit, "MB/s", "requests/s", "records/s", "p50 us", "p99", "p99.9", "p99.99");
	for (const int64_t *value = sweep->values; *value && !err && !interrupt_was_seen(); value++) {
		struct load_config config = *base;
		vary(&config, sweep, *value, maximum);
		err = load_produce(&config, result);
		if (!err && !interrupt_was_seen())
			print_line(sweep, *value, result, is_json);
		else if (err)
			complain("%lld %s: %s", (long long)*value, sweep->unit, result->failure);
	}
	free(result);
	if (!err && interrupt_was_seen())
		complain("interrupted: what is printed is not all");
	return err || interrupt_was_seen() ? STATUS_FAILED : STATUS_OK;
}

int bench_sweep(int argc, char **argv)
{
	struct bench bench;
	bench_defaults(&bench.flags, false);
	bench.flags.seconds = 2;
	const struct flag table[] = {
		BENCH_BROKER_FLAG(bench.flags),
		BENCH_PARTITIONS_FLAG(bench.flags),
		BENCH_CONNECTIONS_FLAG(bench.flags),
		INT_FLAG("in-flight", 'i', &bench.flags.in_flight, "N", 1, 60000, "requests outstanding on each (4)"),
		BENCH_BATCH_FLAG(bench.flags, "131072"),
		BENCH_RECORD_FLAG(bench.flags, LOAD_BATCH_BYTES_MAX),
		INT_FLAG("seconds", 's', &bench.flags.seconds, "N", 1, 86400, "how long to measure each value (2)"),
		BENCH_WARMUP_FLAG(bench.flags),
		INT_FLAG("requests", 'n', &bench.flags.requests, "N", 0, INT64_MAX, "stop after so many of each"),
		BOOL_FLAG("json", 'J', &bench.flags.is_json, "one JSON object a line"),
	};
	const struct flag_table flag_table = {
		.command = "spate bench sweep",
		.arguments = "partitions|connections|record-bytes|batch-bytes|load [VALUE...]",
		.about = "Produces with one thing varied, and prints a line for each value (up to seven, or usual ones). 'load' finds the broker's maximum first, and then\n"
			 "offers parts of it on a fixed schedule (latency from the intended send). The topic (spate-bench-sweep) is deleted after each value.",
		.examples = "  spate bench sweep partitions --batch-bytes 4096\n  spate bench sweep load 50 70 90 --batch-bytes 16384 --connections 64\n",
		.flags = table,
		.flag_count = COUNT_OF(table),
		.argument_min = 1,
		.argument_max = 8,
	};
	int status;
	if (!flags_parse(&flag_table, argc, argv, &bench.arguments, &status))
		return status;
	const struct sweep *known = find_sweep(bench.arguments.items[0]);
	if (!known)
		return STATUS_USAGE;
	struct sweep sweep = *known;
	if (!take_values(&sweep, bench.arguments.items + 1, bench.arguments.count - 1))
		return STATUS_USAGE;
	status = bench_configure(&bench, "spate-bench-sweep");
	bench.config.progress = NULL;
	bench.config.delete_topic = true;
	status = status ? status : bench_reach(&bench, false);
	return status ? status : run_sweep(&sweep, &bench.config, bench.flags.is_json);
}
