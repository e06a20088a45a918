/* `spate bench end-to-end` and `spate bench backlog`: producers and consumers at once. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/bench.h"
#include "cli/command.h"
#include "cli/flags.h"

struct results {
	struct load_result produce, read;
};

/* Runs and prints. The results are large, so they are on the heap. */
static int measure(const struct bench *bench)
{
	const struct load_config *config = &bench->config;
	struct results *results = calloc(1, sizeof *results);
	if (!results) {
		complain("out of memory");
		return STATUS_FAILED;
	}
	int err = load_mixed(config, &results->produce, &results->read);
	if ((results->produce.requests || !err) && bench->flags.is_json)
		load_print_mixed_json(stdout, config, &results->produce, &results->read);
	else if (results->produce.requests || !err)
		load_print_mixed_table(stdout, config, &results->produce, &results->read);
	if (err)
		complain("%s", *results->produce.failure ? results->produce.failure : "the run failed");
	free(results);
	return err ? STATUS_FAILED : STATUS_OK;
}

int bench_end_to_end(int argc, char **argv)
{
	struct bench bench;
	int64_t consumers = 1;
	bench_defaults(&bench.flags, false);
	bench.flags.rate = "1000";
	bench.flags.is_max_a_rate = true;
	bench.flags.batch_bytes = 4096;
	bench.flags.in_flight = 64;
	const struct flag table[] = {
		BENCH_BROKER_FLAG(bench.flags),
		INT_FLAG("consumers", 'c', &consumers, "N", 1, 10000, "consumers that wait for each batch (1)"),
		TEXT_FLAG("rate", 'R', &bench.flags.rate, "N|max", "batches a second on a fixed schedule (1000), or as fast as acknowledged"),
		INT_FLAG("in-flight", 'i', &bench.flags.in_flight, "N", 1, 60000, "produce requests outstanding at most (64)"),
		BENCH_BATCH_FLAG(bench.flags, "4096"),
		BENCH_RECORD_FLAG(bench.flags, LOAD_BATCH_BYTES_MAX),
		BENCH_SECONDS_FLAG(bench.flags),
		BENCH_WARMUP_FLAG(bench.flags),
		BENCH_REQUESTS_FLAG(bench.flags),
		BENCH_JSON_FLAG(bench.flags),
	};
	const struct flag_table flag_table = {
		.command = "spate bench end-to-end",
		.arguments = "[TOPIC]",
		.about = "One producer, one partition, and consumers that wait for what it sends: how long from the moment a batch was due to the\n"
			 "moment a consumer has it. The topic (spate-bench) is made if missing, and deleted at the end unless it was named.",
		.examples = "  spate bench end-to-end\n  spate bench end-to-end --consumers 8 --rate max --batch-bytes 65536 --in-flight 8\n",
		.flags = table,
		.flag_count = COUNT_OF(table),
		.argument_max = 1,
	};
	int status;
	if (!flags_parse(&flag_table, argc, argv, &bench.arguments, &status))
		return status;
	bench.flags.partitions = bench.flags.connections = 1;
	status = bench_configure_own(&bench);
	bench.config.readers = (uint32_t)consumers;
	status = status ? status : bench_reach(&bench, false);
	return status ? status : measure(&bench);
}

int bench_backlog(int argc, char **argv)
{
	struct bench bench;
	int64_t consumers = 4;
	bench_defaults(&bench.flags, false);
	bench.flags.rate = "1000";
	bench.flags.is_max_a_rate = true;
	bench.flags.batch_bytes = 16384;
	const struct flag table[] = {
		BENCH_BROKER_FLAG(bench.flags),
		INT_FLAG("consumers", 'C', &consumers, "N", 1, 10000, "connections that read the backlog (4)"),
		INT_FLAG("connections", 'c', &bench.flags.connections, "N", 1, LOAD_CONNECTIONS_MAX, "connections that produce (16)"),
		TEXT_FLAG("rate", 'R', &bench.flags.rate, "N|max", "produce requests a second on a fixed schedule (1000), or as fast as acknowledged"),
		BENCH_BATCH_FLAG(bench.flags, "16384"),
		INT_FLAG("fetch-bytes", 'F', &bench.flags.fetch_bytes, "BYTES", 1, LOAD_FETCH_BYTES_MAX, "bytes asked of a partition (1048576)"),
		BENCH_SECONDS_FLAG(bench.flags),
		BENCH_WARMUP_FLAG(bench.flags),
		BENCH_REQUESTS_FLAG(bench.flags),
		BENCH_JSON_FLAG(bench.flags),
	};
	const struct flag_table flag_table = {
		.command = "spate bench backlog",
		.arguments = "TOPIC",
		.about = "Produces to a topic of its own (spate-bench), while TOPIC is read from its start as fast as it comes. What producers see without\n"
			 "the readers is what 'spate bench produce' with the same flags prints.",
		.examples = "  spate bench produce load --seconds 5\n  spate bench produce --rate 1000 --batch-bytes 16384\n  spate bench backlog load --rate 1000\n",
		.flags = table,
		.flag_count = COUNT_OF(table),
		.argument_min = 1,
		.argument_max = 1,
	};
	int status;
	if (!flags_parse(&flag_table, argc, argv, &bench.arguments, &status))
		return status;
	status = bench_configure(&bench, bench.arguments.items[0]);
	status = status ? status : bench_reach(&bench, true);
	bench.config.readers = (uint32_t)consumers;
	bench.config.read_topic = bench.arguments.items[0];
	bench.config.topic = "spate-bench";
	bench.config.create_topic = bench.config.delete_topic = true;
	return status ? status : measure(&bench);
}
