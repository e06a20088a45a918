/* load_mixed: the first connections of the engine produce, the others read. Both are on one thread, so that
 * neither takes the core from the other in the middle of an answer.
 *
 * Timing end to end: one producer and one partition give batch number N the offsets from N times its records
 * on, counted from where the topic ended before; when it was due is kept by that number until a reader has it. */
#include "bench/load/fetch.h"
#include "bench/load/outcome.h"
#include "bench/load/produce.h"
#include "bench/load/topic.h"

#include <errno.h>
#include <time.h>

#define TIMED_MAX 65536u /* batches between the producer and the slowest reader */

struct mixed {
	struct produce produce;
	struct fetch fetch;
	struct load_config config; /* the engine's: all connections */
	uint32_t producers;
	struct load_result *read;
	struct engine *engine;
	bool is_timed;
	uint64_t first_offset, produced;
	uint64_t due_ns[TIMED_MAX];
};

static uint64_t now_ns(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static bool next_request(void *arg, uint32_t connection, uint32_t correlation, struct engine_request *request)
{
	struct mixed *mixed = arg;
	if (connection >= mixed->producers)
		return fetch_next_request(&mixed->fetch, connection - mixed->producers, correlation, request);
	mixed->due_ns[mixed->produced++ % TIMED_MAX] = request->intended_ns;
	return produce_next_request(&mixed->produce, connection, correlation, request);
}

/* Each whole batch that came is timed, unless it is so old that its time is forgotten. */
static void time_batches(struct mixed *mixed, uint64_t offset, uint64_t records)
{
	uint64_t arrived_ns = now_ns(), size = mixed->produce.payload.records;
	uint64_t first = (offset - mixed->first_offset) / size, end = (offset + records - mixed->first_offset) / size;
	for (uint64_t number = first; number < end; number++) {
		uint64_t due_ns = mixed->due_ns[number % TIMED_MAX];
		if (number + TIMED_MAX > mixed->produced && number < mixed->produced && engine_counts(mixed->engine, due_ns))
			histogram_add(&mixed->read->end_to_end, arrived_ns - due_ns);
	}
}

static struct engine_outcome read_answer(void *arg, const struct engine_request *request, struct slice frame)
{
	struct mixed *mixed = arg;
	if (request->connection < mixed->producers)
		return produce_read_answer(&mixed->produce, request, frame);
	struct engine_outcome outcome = fetch_read_answer(&mixed->fetch, request, frame);
	outcome.into = mixed->read;
	if (mixed->is_timed && !outcome.is_damaged && !outcome.error_code)
		time_batches(mixed, request->position, outcome.records);
	return outcome;
}

/* What the readers are told: another topic is read from its start, again and again; the own one from its end on. */
static struct load_config reading_config(const struct load_config *config)
{
	struct load_config reading = *config;
	reading.connections = config->readers;
	reading.fetch_tail = !config->read_topic;
	reading.topic = config->read_topic ? config->read_topic : config->topic;
	reading.partitions = config->read_topic ? config->read_partitions : config->partitions;
	return reading;
}

static int prepare(struct mixed *mixed, const struct load_config *config, struct load_result *result)
{
	int err = produce_open(&mixed->produce, config, result->failure);
	if (!err && config->create_topic)
		err = load_topic_create(config, result->failure);
	struct load_config reading = reading_config(config);
	if (!err)
		err = fetch_open(&mixed->fetch, &reading, result->failure);
	mixed->config = *config;
	mixed->config.connections += config->readers;
	mixed->producers = config->connections;
	mixed->is_timed = !err && !config->read_topic && config->connections == 1 && config->partitions == 1;
	mixed->first_offset = mixed->is_timed ? mixed->fetch.starts[0] : 0;
	return err;
}

static int run(struct mixed *mixed, struct load_result *result, struct load_result *read)
{
	const struct engine_calls calls = { next_request, read_answer, mixed->producers };
	int err = engine_open(&mixed->engine, &mixed->config, result, &calls, mixed);
	if (!err)
		err = engine_run(mixed->engine);
	engine_close(mixed->engine);
	read->elapsed_ns = result->elapsed_ns;
	return err;
}

/* Readers that failed fail the run. */
static int judge_readers(const struct load_result *read, struct load_result *result, int err)
{
	if (err || !(read->request_errors || read->damaged))
		return err;
	snprintf(result->failure, sizeof result->failure, "of the reads %llu were answered with an error, and %llu were damaged",
		 (unsigned long long)read->request_errors, (unsigned long long)read->damaged);
	return -EIO;
}

int load_mixed(const struct load_config *config, struct load_result *result, struct load_result *read)
{
	struct mixed *mixed = calloc(1, sizeof *mixed);
	int err = load_result_begin(result, config, "produce");
	if (!err && (!config->readers || config->readers + config->connections > LOAD_CONNECTIONS_MAX)) {
		snprintf(result->failure, sizeof result->failure, "a mixed run has 1 to %d readers", LOAD_CONNECTIONS_MAX);
		err = -EINVAL;
	}
	if (!err)
		err = load_result_begin(read, config, "fetch");
	if (!mixed)
		err = -ENOMEM;
	else
		mixed->read = read;
	if (!err)
		err = prepare(mixed, config, result);
	if (!err)
		err = run(mixed, result, read);
	if (mixed) {
		produce_close(&mixed->produce);
		fetch_close(&mixed->fetch);
	}
	free(mixed);
	return load_result_end(result, judge_readers(read, result, load_result_clean_up(result, config, err)));
}
