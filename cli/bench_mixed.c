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
static int measure(const struct bench_flags *flags, const struct load_config *config)
{
	struct results *results = calloc(1, sizeof *results);
	if (!results) {
		complain("out of memory");
		return STATUS_FAILED;
	}
	int err = load_mixed(config, &results->produce, &results->read);
	if ((results->produce.requests || !err) && flags->is_json)
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
	struct bench_flags flags;
	int64_t consumers = 1;
	bench_defaults(&flags, false);
	flags.rate = "1000";
	flags.batch_bytes = 4096;
	flags.in_flight = 64;
	const struct flag table[] = {
		BENCH_BROKER_FLAG(flags),
		INT_FLAG("consumers", 'c', &consumers, "N", 1, 10000, "consumers that wait for each batch (1)"),
		TEXT_FLAG("rate", 'R', &flags.rate, "N|max", "batches a second on a fixed schedule (1000), or as fast as acknowledged"),
		INT_FLAG("in-flight", 'i', &flags.in_flight, "N", 1, 60000, "produce requests outstanding at most (64)"),
		INT_FLAG("batch-bytes", 'B', &flags.batch_bytes, "BYTES", 1, LOAD_BATCH_BYTES_MAX, "size of a batch (4096)"),
		INT_FLAG("record-bytes", 'r', &flags.record_bytes, "BYTES", 1, LOAD_BATCH_BYTES_MAX, "size of a record's value (1024)"),
		INT_FLAG("seconds", 's', &flags.seconds, "N", 1, 86400, "how long to measure (5)"),
		INT_FLAG("warmup", 'w', &flags.warmup_s, "N", 0, 3600, "seconds before that (1)"),
		INT_FLAG("requests", 'n', &flags.requests, "N", 0, INT64_MAX, "stop after so many"),
		BOOL_FLAG("json", 'J', &flags.is_json, "print JSON"),
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
	struct arguments arguments;
	struct load_config config;
	struct address address;
	int status;
	if (!flags_parse(&flag_table, argc, argv, &arguments, &status))
		return status;
	if (strcmp(flags.rate, "max") == 0)
		flags.rate = NULL;
	flags.partitions = flags.connections = 1;
	status = bench_configure(&config, &address, &flags, arguments.count ? arguments.items[0] : "spate-bench");
	config.readers = (uint32_t)consumers;
	config.create_topic = true;
	config.delete_topic = !arguments.count;
	status = status ? status : bench_reach(&flags, &config, false);
	return status ? status : measure(&flags, &config);
}

int bench_backlog(int argc, char **argv)
{
	struct bench_flags flags;
	int64_t consumers = 4;
	bench_defaults(&flags, false);
	flags.rate = "1000";
	flags.batch_bytes = 16384;
	const struct flag table[] = {
		BENCH_BROKER_FLAG(flags),
		INT_FLAG("consumers", 'C', &consumers, "N", 1, 10000, "connections that read the backlog (4)"),
		INT_FLAG("connections", 'c', &flags.connections, "N", 1, LOAD_CONNECTIONS_MAX, "connections that produce (16)"),
		TEXT_FLAG("rate", 'R', &flags.rate, "N|max", "produce requests a second on a fixed schedule (1000), or as fast as acknowledged"),
		INT_FLAG("batch-bytes", 'B', &flags.batch_bytes, "BYTES", 1, LOAD_BATCH_BYTES_MAX, "size of a batch (16384)"),
		INT_FLAG("fetch-bytes", 'F', &flags.fetch_bytes, "BYTES", 1, LOAD_FETCH_BYTES_MAX, "bytes asked of a partition (1048576)"),
		INT_FLAG("seconds", 's', &flags.seconds, "N", 1, 86400, "how long to measure (5)"),
		INT_FLAG("warmup", 'w', &flags.warmup_s, "N", 0, 3600, "seconds before that (1)"),
		INT_FLAG("requests", 'n', &flags.requests, "N", 0, INT64_MAX, "stop after so many"),
		BOOL_FLAG("json", 'J', &flags.is_json, "print JSON"),
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
	struct arguments arguments;
	struct load_config config;
	struct address address;
	int status;
	if (!flags_parse(&flag_table, argc, argv, &arguments, &status))
		return status;
	if (strcmp(flags.rate, "max") == 0)
		flags.rate = NULL;
	status = bench_configure(&config, &address, &flags, arguments.items[0]);
	status = status ? status : bench_reach(&flags, &config, true);
	config.readers = (uint32_t)consumers;
	config.read_topic = arguments.items[0];
	config.topic = "spate-bench";
	config.create_topic = config.delete_topic = true;
	return status ? status : measure(&flags, &config);
}
