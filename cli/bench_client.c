/* `spate bench client`: records through librdkafka, to the broker and back, and then to librdkafka's own mock broker. */
#include <stdio.h>
#include <unistd.h>

#include "bench/load/client.h"
#include "bench/load/topic.h"
#include "cli/bench.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/interrupt.h"
#include "cli/progress.h"

#define PARTITIONS 4 /* what the mock broker gives a topic */

static double records_per_s(const struct client_result *result)
{
	return result->elapsed_ns ? (double)result->records / ((double)result->elapsed_ns / 1e9) : 0;
}

static void print_line(const char *who, const struct client_config *config, const struct client_result *result)
{
	double gb = (double)result->records * config->record_bytes / 1e9;
	printf("%-12s %12.0f records/s %8.1f MB/s   client %.3f CPU s/GB", who, records_per_s(result),
	       records_per_s(result) * config->record_bytes / 1e6, gb > 0 ? (double)result->client_cpu_ns / 1e9 / gb : 0);
	if (result->server_cpu_ns && gb > 0)
		printf(", broker %.3f (%.2f of it)", (double)result->server_cpu_ns / 1e9 / gb,
		       (double)result->server_cpu_ns / (double)result->client_cpu_ns);
	printf("\n");
}

static void print_json(const struct client_config *config, const struct client_result *broker, const struct client_result *read,
		       const struct client_result *mock)
{
	printf("{\n  \"workload\": \"librdkafka-1-topic-%d-partitions-%ub\",\n  \"messageSize\": %u,\n  \"publishRate\": %.1f,\n  \"consumeRate\": %.1f,\n"
	       "  \"mockBrokerPublishRate\": %.1f,\n  \"ratio\": %.4f,\n  \"brokerCpuPerClientCpu\": %.4f\n}\n",
	       PARTITIONS, config->record_bytes, config->record_bytes, records_per_s(broker), records_per_s(read),
	       records_per_s(mock),
	       records_per_s(mock) > 0 ? records_per_s(broker) / records_per_s(mock) : 0,
	       broker->client_cpu_ns ? (double)broker->server_cpu_ns / (double)broker->client_cpu_ns : 0);
}

static int produce(struct client_config config, bool to_mock, struct client_result *result)
{
	if (to_mock)
		config.host = NULL;
	if (client_produce(&config, result) == 0)
		return STATUS_OK;
	complain("%s", result->failure);
	return STATUS_FAILED;
}

static int consume(const struct client_config *config, uint64_t count, struct client_result *result)
{
	if (client_consume(config, count, result) == 0)
		return STATUS_OK;
	complain("%s", result->failure);
	return STATUS_FAILED;
}

static int measure(const struct bench_flags *flags, struct load_config *load)
{
	struct client_config config = {.host = load->host, .port = load->port, .topic = load->topic, .record_bytes = load->record_bytes, .partitions = PARTITIONS,
				       .warmup_ns = load->warmup_ns, .duration_ns = load->duration_ns, .server_pid = load->server_pid, .is_interrupted = load->is_interrupted};
	struct client_result broker, read, mock = {0};
	char failure[LOAD_FAILURE_BYTES];
	if (load_topic_create(load, failure)) {
		complain("%s", failure);
		return STATUS_FAILED;
	}
	progress_begin("producing through librdkafka");
	int status = produce(config, false, &broker);
	progress_say("reading it back");
	status = status ? status : consume(&config, broker.records, &read);
	if (load_topic_delete(load, failure))
		complain("%s", failure);
	progress_say("producing to librdkafka's mock broker");
	status = status || interrupt_was_seen() ? status : produce(config, true, &mock);
	progress_end();
	if (!status && interrupt_was_seen()) {
		complain("interrupted: there is nothing to compare");
		status = STATUS_FAILED;
	}
	if (status)
		return status;
	if (flags->is_json) {
		print_json(&config, &broker, &read, &mock);
		return STATUS_OK;
	}
	print_line("broker", &config, &broker);
	print_line("read back", &config, &read);
	print_line("mock broker", &config, &mock);
	if (records_per_s(&mock) > 0)
		printf("%-12s %12.2f\n", "ratio", records_per_s(&broker) / records_per_s(&mock));
	return STATUS_OK;
}

int bench_client(int argc, char **argv)
{
	struct bench bench;
	bench_defaults(&bench.flags, false);
	bench.flags.partitions = PARTITIONS;
	const struct flag table[] = {
		BENCH_BROKER_FLAG(bench.flags),
		BENCH_RECORD_FLAG(bench.flags, 1000000),
		BENCH_SECONDS_FLAG(bench.flags),
		BENCH_WARMUP_FLAG(bench.flags),
		BENCH_JSON_FLAG(bench.flags),
	};
	const struct flag_table flag_table = {
		.command = "spate bench client",
		.about = "Produces through librdkafka (linger.ms 5, acks all), to the broker, reads it back, and then produces to the mock broker that librdkafka has within. The mock\n"
			 "broker does nothing, so it is the most that this client can reach: their ratio is what a real client feels of the broker.",
		.arguments = "",
		.examples = "  spate bench client\n  spate bench client --record-bytes 100\n",
		.flags = table,
		.flag_count = COUNT_OF(table),
	};
	int status;
	if (!flags_parse(&flag_table, argc, argv, &bench.arguments, &status))
		return status;
	status = bench_configure(&bench, "spate-bench-client");
	status = status ? status : bench_reach(&bench, false);
	return status ? status : measure(&bench.flags, &bench.config);
}
