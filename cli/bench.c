/* `spate bench`: one load against one broker, by the load generator of bench/load; here the table of its verbs, and produce and fetch.
 * `make bench` compares with the limit programs.
 * Speaks the wire protocol itself, so that any Kafka can be measured, and no client library stands between. */
#include "cli/bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/load/process_find.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/interrupt.h"
#include "cli/kafka_client.h"
#include "cli/wire_client.h"

/* For whoever waits at a terminal. */
static void print_progress(void *arg, double seconds, double mb_per_s, uint64_t p99_ns)
{
	fprintf(stderr, "%4.0f s  %8.1f MB/s  p99 %.2f ms\n", seconds, mb_per_s, (double)p99_ns / 1e6);
}

static int take_rate(const struct bench_flags *flags, struct load_config *config)
{
	if (!flags->rate || (flags->is_max_a_rate && strcmp(flags->rate, "max") == 0))
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

int bench_configure(struct bench *bench, const char *topic)
{
	const struct bench_flags *flags = &bench->flags;
	struct load_config *config = &bench->config;
	struct address *address = &bench->address;
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
	config->progress = isatty(STDERR_FILENO) ? print_progress : NULL;
	config->is_interrupted = interrupt_was_seen;
	int status = take_rate(flags, config);
	status = status ? status : take_acks(flags, config);
	const char *fault = load_config_fault(config);
	if (!status && fault) {
		complain("%s", fault);
		return STATUS_USAGE;
	}
	return status;
}

int bench_configure_own(struct bench *bench)
{
	bool is_named = bench->arguments.count > 0;
	int status = bench_configure(bench, is_named ? bench->arguments.items[0] : "spate-bench");
	bench->config.create_topic = true;
	bench->config.delete_topic = !is_named;
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
int bench_reach(const struct bench *bench, bool is_fetch)
{
	const char *broker = bench->flags.broker, *name = bench->config.topic;
	struct wire_client *client = NULL;
	struct wire_topic topic = {0};
	int status = kafka_reach(&client, broker, true);
	if (!status && is_fetch && wire_client_topic(client, name, &topic) == -ENOENT) {
		complain("there is no topic '%s' at %s; 'spate bench produce %s' makes one that is worth reading", name, broker, name);
		status = STATUS_FAILED;
	}
	free(topic.sizes_bytes);
	wire_client_close(client);
	if (!status)
		interrupt_catch();
	return status;
}

static int measure(const struct bench *bench, load_run_fn *run)
{
	int status = bench_reach(bench, run == load_fetch);
	if (status)
		return status;
	struct load_result *result = calloc(1, sizeof *result);
	if (!result) {
		complain("out of memory");
		return STATUS_FAILED;
	}
	int err = run(&bench->config, result);
	if (result->requests || !err)
		print_result(&bench->flags, &bench->config, result);
	if (err)
		complain("%s", *result->failure ? result->failure : "the run failed");
	free(result);
	return err ? STATUS_FAILED : STATUS_OK;
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
	struct bench bench;
	bench_defaults(&bench.flags, false);
	const struct flag table[] = {
		BENCH_BROKER_FLAG(bench.flags),
		BENCH_PARTITIONS_FLAG(bench.flags),
		BENCH_CONNECTIONS_FLAG(bench.flags),
		INT_FLAG("in-flight", 'i', &bench.flags.in_flight, "N", 1, 100000, "requests outstanding on each (4)"),
		BENCH_BATCH_FLAG(bench.flags, "131072"),
		BENCH_RECORD_FLAG(bench.flags, LOAD_BATCH_BYTES_MAX),
		TEXT_FLAG("acks", 'a', &bench.flags.acks, "all|1", "when the broker answers (all)"),
		TEXT_FLAG("rate", 'R', &bench.flags.rate, "N", "requests a second on a fixed schedule; latency counts from it (as fast as answered)"),
		BENCH_SECONDS_FLAG(bench.flags),
		BENCH_WARMUP_FLAG(bench.flags),
		BENCH_REQUESTS_FLAG(bench.flags),
		BOOL_FLAG("keep", 'k', &bench.flags.keep, "keep the topic afterwards (to measure fetching)"),
		BENCH_JSON_FLAG(bench.flags),
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
	int status;
	if (!flags_parse(&flag_table, argc, argv, &bench.arguments, &status))
		return status;
	status = bench_configure_own(&bench);
	bench.config.delete_topic &= !bench.flags.keep;
	return status ? status : measure(&bench, load_produce);
}

static int bench_fetch(int argc, char **argv)
{
	struct bench bench;
	bench_defaults(&bench.flags, true);
	const struct flag table[] = {
		BENCH_BROKER_FLAG(bench.flags),
		INT_FLAG("partitions", 'p', &bench.flags.partitions, "N", 0, LOAD_PARTITIONS_MAX, "partitions to read (0: all)"),
		BENCH_CONNECTIONS_FLAG(bench.flags),
		INT_FLAG("in-flight", 'i', &bench.flags.in_flight, "N", 1, 100000, "requests outstanding on each (4)"),
		INT_FLAG("fetch-bytes", 'B', &bench.flags.fetch_bytes, "BYTES", 1, INT32_MAX, "bytes asked of a partition (1048576)"),
		TEXT_FLAG("rate", 'R', &bench.flags.rate, "N", "requests a second on a fixed schedule; latency counts from it (as fast as answered)"),
		BENCH_SECONDS_FLAG(bench.flags),
		BENCH_WARMUP_FLAG(bench.flags),
		BENCH_REQUESTS_FLAG(bench.flags),
		BOOL_FLAG("once", 'o', &bench.flags.once, "read each partition once, rather than round and round"),
		BOOL_FLAG("check-crcs", 'x', &bench.flags.check_crcs, "check each batch's CRC (costs this side's CPU)"),
		BENCH_JSON_FLAG(bench.flags),
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
	int status;
	if (!flags_parse(&flag_table, argc, argv, &bench.arguments, &status))
		return status;
	status = bench_configure(&bench, bench.arguments.items[0]);
	return status ? status : measure(&bench, load_fetch);
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
