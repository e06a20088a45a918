/* Reports: the JSON is JSON, holds what the result holds, and names every error; the table does too. */
#include "bench/load/load.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>

static struct load_result result;

/* A result with two kinds of errors and a failure text with characters that JSON does not take as they are. */
static void fill(struct load_config *config)
{
	load_config_init(config);
	config->topic = "a\"b\\c";
	config->requests_per_s = 100;
	config->server_pid = 1;
	memset(&result, 0, sizeof result);
	histogram_init(&result.latency);
	histogram_init(&result.send_delay);
	strcpy(result.workload, "produce-1-topic-16-partitions-1kb");
	strcpy(result.failure, "it said \"no\"\n");
	result.elapsed_ns = 2000000000;
	result.requests = 100;
	result.records = 1000;
	result.bytes = 4000000;
	result.server_cpu_ns = 1000000000;
	result.errors[6 + 1] = 3;
	result.errors[-1 + 1] = 2;
	result.request_errors = 5;
	for (int i = 0; i < 100; i++)
		histogram_add(&result.latency, 2000000);
	histogram_add(&result.send_delay, 30000);
	result.never_sent = 9;
	result.seconds_count = 2;
	result.seconds[1] = (struct load_second){ 1, 5000000, 7000000 };
}

static char *print(void (*printer)(FILE *, const struct load_config *, const struct load_result *))
{
	struct load_config config;
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	fill(&config);
	printer(out, &config, &result);
	fclose(out);
	return text;
}

static double number(const json_t *root, const char *name)
{
	const json_t *value = json_object_get(root, name);
	cr_assert(json_is_number(value), "%s is missing", name);
	return json_number_value(value);
}

/* Parsed by a JSON library, field by field. */
Test(report, json_is_json)
{
	json_error_t error;
	char *text = print(load_print_json);
	json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	cr_assert(root, "%s at line %d: %s", error.text, error.line, text);
	cr_expect_str_eq(json_string_value(json_object_get(root, "topic")), "a\"b\\c");
	cr_expect_str_eq(json_string_value(json_object_get(root, "failure")), "it said \"no\"\n");
	cr_expect_eq(number(root, "megabytesPerSecond"), 2.0);
	cr_expect_eq(number(root, "publishRate"), 500.0);
	cr_expect_eq(number(root, "publishErrorRate"), 2.5);
	cr_expect_eq(number(root, "aggregatedPublishLatency99pct"), 2.0);
	cr_expect_eq(number(root, "brokerCpuSecondsPerGB"), 250.0);
	cr_expect_eq(number(json_object_get(root, "aggregatedPublishLatencyQuantiles"), "99.9"), 2.0);
	/* Microseconds, as OpenMessaging has this one. */
	cr_expect_eq(number(root, "aggregatedPublishDelayLatency99pct"), 30.0);
	cr_expect_eq(json_array_size(json_object_get(root, "publishLatency99pct")), 2);
	cr_expect_eq(json_number_value(json_array_get(json_object_get(root, "publishLatencyMax"), 1)), 7.0);
	cr_expect_eq(number(root, "neverSent"), 9);
	const json_t *errors = json_object_get(root, "errors");
	cr_expect_eq(number(errors, "NOT_LEADER_OR_FOLLOWER"), 3);
	cr_expect_eq(number(errors, "UNKNOWN_SERVER_ERROR"), 2);
	json_decref(root);
	free(text);
}

/* The table tells the figures and every kind of error. */
Test(report, table_tells_everything)
{
	static const char *const parts[] = { "2.0 MB/s", "500 records/s", "p99 2000.0", "3 x NOT_LEADER_OR_FOLLOWER (6)",
					     "2 x UNKNOWN_SERVER_ERROR (-1)", "250.000 CPU s/GB", "FAILED", "at a fixed rate of 100 requests/s",
					     "9 requests were due and never sent" };
	char *text = print(load_print_table);
	for (size_t i = 0; i < COUNT_OF(parts); i++)
		cr_expect(strstr(text, parts[i]), "no '%s' in:\n%s", parts[i], text);
	free(text);
}
