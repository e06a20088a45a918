/* Results as a table for people and as JSON for programs. Field names are those of the OpenMessaging
 * benchmark where it has one. Rates are decimal: 1 MB is 10^6 bytes. */
#include "bench/load/load.h"
#include "net/wire/kerr.h"

#define MS_NS 1e6
#define US_NS 1e3

static const struct {
	double percentile;
	const char *name;   /* in the table */
	const char *suffix; /* behind aggregatedPublishLatency */
} percentiles[] = {
	{ 50, "p50", "50pct" }, { 75, "p75", "75pct" },       { 95, "p95", "95pct" },
	{ 99, "p99", "99pct" }, { 99.9, "p99.9", "999pct" }, { 99.99, "p99.99", "9999pct" },
};

static double seconds(const struct load_result *result)
{
	return result->elapsed_ns ? (double)result->elapsed_ns / 1e9 : 1;
}

static double cpu_s_per_gb(uint64_t cpu_ns, const struct load_result *result)
{
	return result->bytes ? (double)cpu_ns / (double)result->bytes : 0;
}

static bool is_produce(const struct load_result *result)
{
	return strncmp(result->workload, "produce", 7) == 0;
}

/* What was sent: one record larger than the batch asked for makes a larger batch. */
static uint32_t bytes_of_batch(const struct load_config *config, const struct load_result *result)
{
	return config->record_bytes > config->batch_bytes && result->requests ? (uint32_t)(result->bytes / result->requests) : config->batch_bytes;
}

static void print_latency_line(FILE *out, const char *name, const struct histogram *histogram)
{
	fprintf(out, "%-14s", name);
	for (size_t i = 0; i < COUNT_OF(percentiles); i++)
		fprintf(out, " %s %.1f", percentiles[i].name, (double)histogram_percentile(histogram, percentiles[i].percentile) / 1e3);
	fprintf(out, " max %.1f us\n", (double)histogram->max / 1e3);
}

static void print_faults(FILE *out, const struct load_result *result, double rate)
{
	for (int code = -1; code < LOAD_ERROR_CODES - 1; code++)
		if (result->errors[code + 1])
			fprintf(out, "%-14s %llu x %s (%d)\n", "errors", (unsigned long long)result->errors[code + 1],
				kerr_name(code), code);
	if (result->never_sent)
		fprintf(out, "%-14s %llu requests were due and never sent: less was taken than %g a second\n", "behind",
			(unsigned long long)result->never_sent, rate);
	if (result->damaged)
		fprintf(out, "%-14s %llu answers did not hold what was asked for\n", "damaged", (unsigned long long)result->damaged);
	if (result->disconnects || result->unanswered)
		fprintf(out, "%-14s %llu connections ended, %llu requests unanswered\n", "lost",
			(unsigned long long)result->disconnects, (unsigned long long)result->unanswered);
	if (result->failure[0])
		fprintf(out, "%-14s %s\n", "FAILED", result->failure);
}

void load_print_table(FILE *out, const struct load_config *config, const struct load_result *result)
{
	fprintf(out, "%-14s %s\n", "workload", result->workload);
	fprintf(out, "%-14s %u connections x %u in flight, %u bytes a %s", "load", config->connections, config->in_flight,
		is_produce(result) ? bytes_of_batch(config, result) : config->fetch_bytes, is_produce(result) ? "batch" : "fetch");
	if (config->requests_per_s > 0)
		fprintf(out, ", at a fixed rate of %g requests/s", config->requests_per_s);
	fputc('\n', out);
	fprintf(out, "%-14s %.1f MB/s, %.0f records/s, %.0f requests/s over %.1f s\n", "throughput",
		(double)result->bytes / seconds(result) / 1e6, (double)result->records / seconds(result),
		(double)result->requests / seconds(result), seconds(result));
	print_latency_line(out, "latency", &result->latency);
	if (config->requests_per_s > 0)
		print_latency_line(out, "send delay", &result->send_delay);
	if (config->server_pid)
		fprintf(out, "%-14s %.3f CPU s/GB, %.0f %% of a core, %.1f MiB resident, %.0f switches/s\n", "broker",
			cpu_s_per_gb(result->server_cpu_ns, result), (double)result->server_cpu_ns / 1e7 / seconds(result),
			(double)result->server_rss_bytes / 1048576, (double)result->server_switches / seconds(result));
	fprintf(out, "%-14s %.3f CPU s/GB, %.0f %% of a core\n", "load generator", cpu_s_per_gb(result->client_cpu_ns, result),
		(double)result->client_cpu_ns / 1e7 / seconds(result));
	print_faults(out, result, config->requests_per_s);
}

void load_print_mixed_table(FILE *out, const struct load_config *config, const struct load_result *result, const struct load_result *read)
{
	load_print_table(out, config, result);
	fprintf(out, "%-14s %u readers, %.1f MB/s, %.0f records/s\n", "read", config->readers, (double)read->bytes / seconds(result) / 1e6,
		(double)read->records / seconds(result));
	if (read->end_to_end.count)
		print_latency_line(out, "end to end", &read->end_to_end);
}

/* ---- JSON ------------------------------------------------------------------------------------------ */

/* A string of which nothing is known but that it is short: quotes, backslashes and control bytes escaped. */
static void print_json_string(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text; text++)
		if (*text == '"' || *text == '\\')
			fprintf(out, "\\%c", *text);
		else if ((unsigned char)*text < ' ')
			fprintf(out, "\\u%04x", *text);
		else
			fputc(*text, out);
	fputc('"', out);
}

/* The curve for plotters, as the OpenMessaging benchmark's charts read it: from a percentile to a value. */
static void print_json_quantiles(FILE *out, const char *name, const struct histogram *histogram, double unit_ns)
{
	static const double quantiles[] = { 0, 10, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99, 99.995, 99.999, 100 };
	fprintf(out, "  \"aggregated%sQuantiles\": {", name);
	for (size_t i = 0; i < COUNT_OF(quantiles); i++)
		fprintf(out, "%s \"%g\": %.4f", i ? "," : "", quantiles[i], (double)histogram_percentile(histogram, quantiles[i]) / unit_ns);
	fprintf(out, " },\n");
}

/* In the units that OpenMessaging has: milliseconds, but microseconds for the delay of sending. */
static void print_json_latency(FILE *out, const char *name, const struct histogram *histogram, double unit_ns)
{
	fprintf(out, "  \"aggregated%sAvg\": %.4f,\n", name, histogram_mean(histogram) / unit_ns);
	for (size_t i = 0; i < COUNT_OF(percentiles); i++)
		fprintf(out, "  \"aggregated%s%s\": %.4f,\n", name, percentiles[i].suffix,
			(double)histogram_percentile(histogram, percentiles[i].percentile) / unit_ns);
	fprintf(out, "  \"aggregated%sMax\": %.4f,\n", name, (double)histogram->max / unit_ns);
	print_json_quantiles(out, name, histogram, unit_ns);
}

/* The course of the run, a second each: OpenMessaging's series have ten. */
static void print_json_seconds(FILE *out, const char *name, const struct load_result *result)
{
	fprintf(out, "  \"%s99pct\": [", name);
	for (uint32_t i = 0; i < result->seconds_count; i++)
		fprintf(out, "%s%.4f", i ? ", " : "", (double)result->seconds[i].p99_ns / 1e6);
	fprintf(out, "],\n  \"%sMax\": [", name);
	for (uint32_t i = 0; i < result->seconds_count; i++)
		fprintf(out, "%s%.4f", i ? ", " : "", (double)result->seconds[i].max_ns / 1e6);
	fprintf(out, "],\n");
}

static void print_json_errors(FILE *out, const struct load_result *result)
{
	const char *separator = "";
	fprintf(out, "  \"errors\": {");
	for (int code = -1; code < LOAD_ERROR_CODES - 1; code++)
		if (result->errors[code + 1]) {
			fprintf(out, "%s \"%s\": %llu", separator, kerr_name(code), (unsigned long long)result->errors[code + 1]);
			separator = ",";
		}
	fprintf(out, " },\n");
}

static void print_json_config(FILE *out, const struct load_config *config)
{
	fprintf(out, "  \"topic\": ");
	print_json_string(out, config->topic);
	fprintf(out, ",\n  \"partitionsPerTopic\": %u,\n  \"connections\": %u,\n  \"inFlight\": %u,\n", config->partitions,
		config->connections, config->in_flight);
	fprintf(out, "  \"batchBytes\": %u,\n  \"messageSize\": %u,\n  \"fetchBytes\": %u,\n", config->batch_bytes,
		config->record_bytes, config->fetch_bytes);
	fprintf(out, "  \"acks\": %d,\n  \"requestRate\": %g,\n", config->acks, config->requests_per_s);
}

/* All but the closing brace. */
static void print_json_body(FILE *out, const struct load_config *config, const struct load_result *result)
{
	const char *rate = is_produce(result) ? "publish" : "consume";
	fprintf(out, "{\n  \"workload\": ");
	print_json_string(out, result->workload);
	fprintf(out, ",\n");
	print_json_config(out, config);
	fprintf(out, "  \"testDurationSeconds\": %.3f,\n", seconds(result));
	fprintf(out, "  \"%sRate\": %.1f,\n", rate, (double)result->records / seconds(result));
	fprintf(out, "  \"%sErrorRate\": %.1f,\n", rate, (double)result->request_errors / seconds(result));
	fprintf(out, "  \"requestsPerSecond\": %.1f,\n", (double)result->requests / seconds(result));
	fprintf(out, "  \"megabytesPerSecond\": %.3f,\n", (double)result->bytes / seconds(result) / 1e6);
	print_json_latency(out, is_produce(result) ? "PublishLatency" : "FetchLatency", &result->latency, MS_NS);
	print_json_seconds(out, is_produce(result) ? "publishLatency" : "fetchLatency", result);
	if (config->requests_per_s > 0)
		print_json_latency(out, is_produce(result) ? "PublishDelayLatency" : "FetchDelayLatency", &result->send_delay, US_NS);
	print_json_errors(out, result);
	fprintf(out, "  \"damaged\": %llu,\n  \"disconnects\": %llu,\n  \"unanswered\": %llu,\n  \"neverSent\": %llu,\n",
		(unsigned long long)result->damaged, (unsigned long long)result->disconnects, (unsigned long long)result->unanswered,
		(unsigned long long)result->never_sent);
	if (config->server_pid)
		fprintf(out, "  \"brokerCpuSecondsPerGB\": %.4f,\n  \"brokerRssBytes\": %llu,\n  \"brokerSwitchesPerSecond\": %.1f,\n",
			cpu_s_per_gb(result->server_cpu_ns, result), (unsigned long long)result->server_rss_bytes,
			(double)result->server_switches / seconds(result));
	fprintf(out, "  \"loadCpuSecondsPerGB\": %.4f,\n  \"failure\": ", cpu_s_per_gb(result->client_cpu_ns, result));
	print_json_string(out, result->failure);
}

void load_print_json(FILE *out, const struct load_config *config, const struct load_result *result)
{
	print_json_body(out, config, result);
	fprintf(out, "\n}\n");
}

void load_print_mixed_json(FILE *out, const struct load_config *config, const struct load_result *result, const struct load_result *read)
{
	print_json_body(out, config, result);
	fprintf(out, ",\n");
	if (read->end_to_end.count)
		print_json_latency(out, "EndToEndLatency", &read->end_to_end, MS_NS);
	fprintf(out, "  \"consumers\": %u,\n  \"consumeRate\": %.1f,\n  \"consumeMegabytesPerSecond\": %.3f\n}\n", config->readers,
		(double)read->records / seconds(result), (double)read->bytes / seconds(result) / 1e6);
}
