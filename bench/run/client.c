/* librdkafka as the client (P7): against Spate, and against the mock broker that is part of it. Neither side is
 * pinned, for the client has threads of its own and the mock broker is one of them. */
#include "bench/run/suite.h"

#include "bench/load/client.h"
#include "bench/load/topic.h"

#include <sched.h>
#include <unistd.h>

#define CLIENT_PARTITIONS 4u /* what the mock broker gives a topic */

static void allow_all_cores(cpu_set_t *before)
{
	cpu_set_t all;
	CPU_ZERO(&all);
	for (int core = 0; core < CPU_SETSIZE; core++)
		CPU_SET(core, &all);
	sched_getaffinity(0, sizeof *before, before);
	sched_setaffinity(0, sizeof all, &all);
}

static bool produce(const struct suite *suite, struct client_config *config, struct client_result *result)
{
	config->topic = "spate-bench-client";
	config->warmup_ns = (uint64_t)(suite->options->warmup_s * 1e9);
	config->duration_ns = (uint64_t)(suite->options->seconds * 1e9);
	if (client_produce(config, result) == 0)
		return true;
	progress_clear();
	fprintf(stderr, "bench: client: %s\n", result->failure);
	return false;
}

/* Reads what was just produced; more was than was counted. */
static bool consume(const struct client_config *config, uint64_t count, struct client_result *result)
{
	if (client_consume(config, count, result) == 0)
		return true;
	progress_clear();
	fprintf(stderr, "bench: client: %s\n", result->failure);
	return false;
}

/* The broker's memory is touched, as the limit programs' and the mock's is; the topic has as many partitions as the mock's. */
static bool prepare(const struct server *server)
{
	char failure[LOAD_FAILURE_BYTES];
	struct load_config topic;
	load_config_init(&topic);
	topic.port = server->port;
	topic.topic = "spate-bench-client";
	topic.partitions = CLIENT_PARTITIONS;
	if (contest_warm_up(server->port, failure) == 0 && load_topic_create(&topic, failure) == 0)
		return true;
	progress_clear();
	fprintf(stderr, "bench: client: %s\n", failure);
	return false;
}

static bool run_spate(const struct suite *suite, uint32_t record_bytes, struct client_result *result, struct client_result *read)
{
	struct server_spec spec = { .kind = SERVER_SPATE, .name = "spate", .program = suite->options->spate, .directory = suite->options->directory, .core = -1 };
	struct server server;
	if (server_start(&server, &spec))
		return false;
	struct client_config config = { .host = "127.0.0.1", .port = server.port, .record_bytes = record_bytes, .partitions = CLIENT_PARTITIONS,
					.server_pid = server.pid };
	bool is_good = prepare(&server) && produce(suite, &config, result) && consume(&config, result->records, read);
	server_stop(&server);
	return is_good;
}

static double records_per_s(const struct client_result *result)
{
	return result->elapsed_ns ? (double)result->records / ((double)result->elapsed_ns / 1e9) : 0;
}

/* What each round read; CPU in seconds a GB of records. */
struct pairs {
	uint32_t count;
	double spate[ROUNDS_MAX], mock[ROUNDS_MAX], read[ROUNDS_MAX];
	double cpu[ROUNDS_MAX], client_cpu[ROUNDS_MAX], read_cpu[ROUNDS_MAX], reader_cpu[ROUNDS_MAX];
};

static double s_per_gb(uint64_t cpu_ns, const struct client_result *result, uint32_t record_bytes)
{
	return (double)cpu_ns / ((double)result->records * record_bytes);
}

/* One of each; the order turns from round to round. */
static bool run_pair(const struct suite *suite, uint32_t record_bytes, uint32_t round, struct pairs *pairs)
{
	struct client_result spate, mock, read;
	struct client_config to_mock = { .record_bytes = record_bytes };
	bool is_good = true;
	for (uint32_t i = 0; i < 2; i++)
		is_good &= (i + round) % 2 ? run_spate(suite, record_bytes, &spate, &read) : produce(suite, &to_mock, &mock);
	if (!is_good || !mock.records || !spate.records || !read.records)
		return false;
	uint32_t n = pairs->count++;
	pairs->spate[n] = records_per_s(&spate);
	pairs->mock[n] = records_per_s(&mock);
	pairs->read[n] = records_per_s(&read);
	pairs->cpu[n] = s_per_gb(spate.server_cpu_ns, &spate, record_bytes);
	pairs->client_cpu[n] = s_per_gb(spate.client_cpu_ns, &spate, record_bytes);
	pairs->read_cpu[n] = s_per_gb(read.server_cpu_ns, &read, record_bytes);
	pairs->reader_cpu[n] = s_per_gb(read.client_cpu_ns, &read, record_bytes);
	return true;
}

static void judge(struct suite *suite, uint32_t record_bytes, const struct pairs *pairs)
{
	struct report_row row = { .id = "P7", .unit = "rec/s", .limit_name = "librdkafka's mock broker", .sense = GOAL_AT_LEAST, .goal = 0.9 };
	report_row_of_rounds(&row, pairs->spate, pairs->mock, pairs->count);
	snprintf(row.about, sizeof row.about, "librdkafka, %u B records, %u partitions", record_bytes, CLIENT_PARTITIONS);
	report_add_row(suite->report, &row);
	struct report_row cpu = { .id = "P7", .unit = "s/GB", .limit_name = "the client's", .sense = GOAL_AT_MOST, .goal = 0.3 };
	report_row_of_rounds(&cpu, pairs->cpu, pairs->client_cpu, pairs->count);
	snprintf(cpu.about, sizeof cpu.about, "librdkafka, %u B records: CPU of the broker", record_bytes);
	report_add_row(suite->report, &cpu);
	struct report_row read = { .id = "P7", .unit = "rec/s", .sense = GOAL_NONE };
	report_row_of_rounds(&read, pairs->read, NULL, pairs->count);
	snprintf(read.about, sizeof read.about, "librdkafka consumes %u B records", record_bytes);
	report_add_row(suite->report, &read);
	report_row_of_rounds(&cpu, pairs->read_cpu, pairs->reader_cpu, pairs->count);
	snprintf(cpu.about, sizeof cpu.about, "librdkafka consumes %u B records: CPU of the broker", record_bytes);
	report_add_row(suite->report, &cpu);
}

bool run_client(struct suite *suite)
{
	static const uint32_t sizes[] = { 100, 1024 };
	cpu_set_t before;
	bool is_good = true;
	allow_all_cores(&before);
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		struct pairs pairs = { 0 };
		for (uint32_t round = 0; round < suite->options->rounds; round++) {
			progress_show("client: %u B records, round %u of %u ", sizes[i], round + 1, suite->options->rounds);
			is_good &= run_pair(suite, sizes[i], round, &pairs);
		}
		judge(suite, sizes[i], &pairs);
	}
	progress_clear();
	sched_setaffinity(0, sizeof before, &before);
	return is_good;
}
