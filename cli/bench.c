/* `spate bench`: one load against one broker, by the load generator of bench/load; here the table of its verbs, and produce and fetch.
 * `make bench` compares with the limit programs.
 * Speaks the wire protocol itself, so that any Kafka can be measured, and no client library stands between. */
#include "cli/bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/load/process_find.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/kafka_client.h"
#include "cli/wire_client.h"

static void print_progress(void *arg, double seconds, double mb_per_s, uint64_t p99_ns)
{
	fprintf(stderr, "%4.0f s  %8.1f MB/s  p99 %.2f ms\n", seconds, mb_per_s, (double)p99_ns / 1e6);
}

static int take_rate(const struct bench_flags *flags, struct load_config *config)
{
	if (!flags->rate)
		return STATUS_OK;
	char *end;
	config->requests_per_s = strtod(flags->rate, &end);
	if (*end || end == flags->rate || !(config->requests_per_s > 0)) {
		complain("--rate %s: it must be a number of requests a second above 0", flags->rate);
		return STATUS_USAGE;
	}
	return STATUS_OK;
}

static int take_acks(const struct bench_flags *flags, struct load_config *config)
{
	if (!flags->acks || strcmp(flags->acks, "all") == 0 || strcmp(flags->acks, "-1") == 0) {
		config->acks = -1;
	} else if (strcmp(flags->acks, "1") == 0) {
		config->acks = 1;
	} else {
		complain("--acks %s: it must be all or 1 (with 0 there is no answer to time)", flags->acks);
		return STATUS_USAGE;
	}
	return STATUS_OK;
}

int bench_configure(struct load_config *config, struct address *address, const struct bench_flags *flags, const char *topic)
{
	char why[512];
	load_config_init(config);
	if (!address_parse_broker(address, flags->broker, why, sizeof why)) {
		complain("--broker: %s", why);
		return STATUS_USAGE;
	}
	config->host = address->host;
	config->port = address->port;
	config->topic = topic;
	config->partitions = (uint32_t)flags->partitions;
	config->connections = (uint32_t)flags->connections;
	config->in_flight = (uint32_t)flags->in_flight;
	config->batch_bytes = (uint32_t)flags->batch_bytes;
	config->record_bytes = (uint32_t)flags->record_bytes;
	config->fetch_bytes = (uint32_t)flags->fetch_bytes;
	config->fetch_crcs = flags->check_crcs;
	config->fetch_once = flags->once;
	config->warmup_ns = (uint64_t)flags->warmup_s * 1000000000u;
	config->duration_ns = (uint64_t)flags->seconds * 1000000000u;
	config->requests_max = (uint64_t)flags->requests;
	config->server_pid = process_find_listener(config->port);
	config->progress = flags->is_json ? NULL : print_progress;
	int status = take_rate(flags, config);
	status = status ? status : take_acks(flags, config);
	const char *fault = load_config_fault(config);
	if (!status && fault) {
		complain("%s", fault);
		return STATUS_USAGE;
	}
	return status;
}

static void print_result(const struct bench_flags *flags, const struct load_config *config, const struct load_result *result)
{
	if (flags->is_json)
		load_print_json(stdout, config, result);
	else
		load_print_table(stdout, config, result);
}

typedef int load_run_fn(const struct load_config *config, struct load_result *result);

/* The load asks in its own way, and would wait for ever for who is no broker. */
int bench_reach(const struct bench_flags *flags, const struct load_config *config, bool is_fetch)
{
	struct wire_client *client = NULL;
	struct wire_topic topic = {0};
	int status = kafka_reach(&client, flags->broker, true);
	if (!status && is_fetch && wire_client_topic(client, config->topic, &topic) == -ENOENT) {
		complain("there is no topic '%s' at %s; 'spate bench produce %s' makes one that is worth reading", config->topic, flags->broker, config->topic);
		status = STATUS_FAILED;
	}
	free(topic.sizes_bytes);
	wire_client_close(client);
	return status;
}

static int measure(const struct bench_flags *flags, const struct load_config *config, load_run_fn *run)
{
	int status = bench_reach(flags, config, run == load_fetch);
	if (status)
		return status;
	struct load_result *result = calloc(1, sizeof *result);
	if (!result) {
		complain("out of memory");
		return STATUS_FAILED;
	}
	int err = run(config, result);
	if (result->requests || !err)
		print_result(flags, config, result);
	if (err)
		complain("%s", *result->failure ? result->failure : "the run failed");
	bool is_unreachable = err && !result->requests && !result->request_errors;
	free(result);
	return is_unreachable ? STATUS_UNREACHABLE : err ? STATUS_FAILED : STATUS_OK;
}

void bench_defaults(struct bench_flags *flags, bool is_fetch)
{
	struct load_config defaults;
	load_config_init(&defaults);
	const char *broker = getenv("SPATE_BROKER");
	*flags = (struct bench_flags){
		.broker = broker && *broker ? broker : "127.0.0.1:9092",
		.partitions = is_fetch ? 0 : defaults.partitions,
		.connections = defaults.connections,
		.in_flight = defaults.in_flight,
		.batch_bytes = defaults.batch_bytes,
		.record_bytes = defaults.record_bytes,
		.fetch_bytes = defaults.fetch_bytes,
		.seconds = 5,
		.warmup_s = 1,
	};
}

static int bench_produce(int argc, char **argv)
{
	struct bench_flags flags;
	bench_defaults(&flags, false);
	const struct flag table[] = {
		TEXT_FLAG("broker", 'b', &flags.broker, "HOST:PORT", "the broker to measure ($SPATE_BROKER, 127.0.0.1:9092)"),
		INT_FLAG("partitions", 'p', &flags.partitions, "N", 1, LOAD_PARTITIONS_MAX, "partitions of the topic (16)"),
		INT_FLAG("connections", 'c', &flags.connections, "N", 1, LOAD_CONNECTIONS_MAX, "connections (16)"),
		INT_FLAG("in-flight", 'i', &flags.in_flight, "N", 1, 100000, "requests outstanding on each (4)"),
		INT_FLAG("batch-bytes", 'B', &flags.batch_bytes, "BYTES", 1, LOAD_BATCH_BYTES_MAX, "size of a batch (131072)"),
		INT_FLAG("record-bytes", 'r', &flags.record_bytes, "BYTES", 1, LOAD_BATCH_BYTES_MAX, "size of a record's value (1024)"),
		TEXT_FLAG("acks", 'a', &flags.acks, "all|1", "when the broker answers (all)"),
		TEXT_FLAG("rate", 'R', &flags.rate, "N", "requests a second on a fixed schedule; latency counts from it (as fast as answered)"),
		INT_FLAG("seconds", 's', &flags.seconds, "N", 1, 86400, "how long to measure (5)"),
		INT_FLAG("warmup", 'w', &flags.warmup_s, "N", 0, 3600, "seconds before that (1)"),
		INT_FLAG("requests", 'n', &flags.requests, "N", 0, INT64_MAX, "stop after so many"),
		BOOL_FLAG("keep", 'k', &flags.keep, "keep the topic afterwards (to measure fetching)"),
		BOOL_FLAG("json", 'J', &flags.is_json, "print JSON"),
	};
	const struct flag_table flag_table = {
		.command = "spate bench produce",
		.arguments = "[TOPIC]",
		.about = "Produces as fast as the broker acknowledges, and prints throughput, latency and the broker's CPU (if it runs here).\n"
			 "The topic (spate-bench) is made if missing, and deleted at the end unless --keep.",
		.examples = "  spate bench produce\n  spate bench produce --connections 1 --in-flight 1 --partitions 1 --batch-bytes 4096\n"
			    "  spate bench produce --rate 2000 --seconds 30 --json\n",
		.flags = table,
		.flag_count = COUNT_OF(table),
		.argument_max = 1,
	};
	struct arguments arguments;
	struct load_config config;
	struct address address;
	int status;
	if (!flags_parse(&flag_table, argc, argv, &arguments, &status))
		return status;
	status = bench_configure(&config, &address, &flags, arguments.count ? arguments.items[0] : "spate-bench");
	config.create_topic = true;
	config.delete_topic = !flags.keep && !arguments.count;
	return status ? status : measure(&flags, &config, load_produce);
}

static int bench_fetch(int argc, char **argv)
{
	struct bench_flags flags;
	bench_defaults(&flags, true);
	const struct flag table[] = {
		TEXT_FLAG("broker", 'b', &flags.broker, "HOST:PORT", "the broker to measure ($SPATE_BROKER, 127.0.0.1:9092)"),
		INT_FLAG("partitions", 'p', &flags.partitions, "N", 0, LOAD_PARTITIONS_MAX, "partitions to read (0: all)"),
		INT_FLAG("connections", 'c', &flags.connections, "N", 1, LOAD_CONNECTIONS_MAX, "connections (16)"),
		INT_FLAG("in-flight", 'i', &flags.in_flight, "N", 1, 100000, "requests outstanding on each (4)"),
		INT_FLAG("fetch-bytes", 'B', &flags.fetch_bytes, "BYTES", 1, INT32_MAX, "bytes asked of a partition (1048576)"),
		TEXT_FLAG("rate", 'R', &flags.rate, "N", "requests a second on a fixed schedule; latency counts from it (as fast as answered)"),
		INT_FLAG("seconds", 's', &flags.seconds, "N", 1, 86400, "how long to measure (5)"),
		INT_FLAG("warmup", 'w', &flags.warmup_s, "N", 0, 3600, "seconds before that (1)"),
		INT_FLAG("requests", 'n', &flags.requests, "N", 0, INT64_MAX, "stop after so many"),
		BOOL_FLAG("once", 'o', &flags.once, "read each partition once, rather than round and round"),
		BOOL_FLAG("check-crcs", 'x', &flags.check_crcs, "check each batch's CRC (costs this side's CPU)"),
		BOOL_FLAG("json", 'J', &flags.is_json, "print JSON"),
	};
	const struct flag_table flag_table = {
		.command = "spate bench fetch",
		.arguments = "TOPIC",
		.about = "Fetches as fast as the broker sends, and prints throughput, latency and the broker's CPU (if it runs here).",
		.examples = "  spate bench produce load --seconds 3\n  spate bench fetch load\n",
		.flags = table,
		.flag_count = COUNT_OF(table),
		.argument_min = 1,
		.argument_max = 1,
	};
	struct arguments arguments;
	struct load_config config;
	struct address address;
	int status;
	if (!flags_parse(&flag_table, argc, argv, &arguments, &status))
		return status;
	status = bench_configure(&config, &address, &flags, arguments.items[0]);
	return status ? status : measure(&flags, &config, load_fetch);
}

int bench_run(int argc, char **argv)
{
	static const struct command commands[] = {
		{"produce", "how fast records are made durable", bench_produce},
		{"fetch", "how fast they are read", bench_fetch},
		{"end-to-end", "how long from a producer to consumers that wait", bench_end_to_end},
		{"backlog", "what a consumer that catches up does to producers", bench_backlog},
		{"sweep", "one thing varied: partitions, connections, sizes, load", bench_sweep},
		{"client", "the same through librdkafka, beside its mock broker", bench_client},
		{"compare", "two results of --json held against each other", bench_compare},
	};
	return command_dispatch(commands, COUNT_OF(commands), "spate bench", argc, argv);
}
