/* One producer, one thread: produce until the queue is full, poll, and go on. librdkafka's own threads send. */
#include "bench/load/client.h"

#include "bench/load/process_cost.h"

#include <dlfcn.h>
#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define POLL_EVERY 1000
#define TAKEN_AT_ONCE 1000
#define DEADLINE_NS 20000000000ull /* behind the run, for what is still queued; and for the first delivery */

#define FUNCTIONS(X)                                                                                                      \
	X(rd_kafka_conf_new) X(rd_kafka_conf_set) X(rd_kafka_conf_destroy) X(rd_kafka_conf_set_dr_msg_cb) X(rd_kafka_conf_set_opaque) \
	X(rd_kafka_new) X(rd_kafka_destroy) X(rd_kafka_topic_new) X(rd_kafka_topic_destroy) X(rd_kafka_produce)            \
	X(rd_kafka_queue_new) X(rd_kafka_queue_destroy) X(rd_kafka_consume_start_queue) X(rd_kafka_consume_stop) \
	X(rd_kafka_consume_batch_queue) X(rd_kafka_message_destroy)                                                      \
	X(rd_kafka_poll) X(rd_kafka_purge) X(rd_kafka_outq_len) X(rd_kafka_last_error) X(rd_kafka_err2str)

struct library {
#define X(name) __typeof__(name) *name;
	FUNCTIONS(X)
#undef X
};

struct client {
	const struct client_config *config;
	struct client_result *result;
	struct library rd;
	rd_kafka_t *handle;
	rd_kafka_topic_t *topic;
	char *record;
	uint64_t delivered, failures;
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec time;
	clock_gettime(clock, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static int fail(struct client *client, int err, const char *what)
{
	if (!client->result->failure[0])
		snprintf(client->result->failure, sizeof client->result->failure, "%s", what);
	return err;
}

static int load_library(struct client *client)
{
	void *handle = dlopen("librdkafka.so.1", RTLD_NOW | RTLD_LOCAL);
	if (!handle)
		return fail(client, -ENOENT, "librdkafka is not here (apt-get install librdkafka1)");
#define X(name)                                                                   \
	client->rd.name = (__typeof__(client->rd.name))dlsym(handle, #name);       \
	if (!client->rd.name)                                                     \
		return fail(client, -ENOENT, "the librdkafka that is here has no " #name);
	FUNCTIONS(X)
#undef X
	return 0;
}

static void take_delivery(rd_kafka_t *handle, const rd_kafka_message_t *message, void *opaque)
{
	struct client *client = opaque;
	if (message->err)
		client->failures++;
	else
		client->delivered++;
}

static int set_up(struct client *client, rd_kafka_type_t type)
{
	char brokers[300], why[200];
	snprintf(brokers, sizeof brokers, "%s:%u", client->config->host ? client->config->host : "127.0.0.1", client->config->port);
	const char *const settings[][2] = {
		{ client->config->host ? "bootstrap.servers" : "test.mock.num.brokers", client->config->host ? brokers : "1" },
		{ "log_level", "0" }, { "linger.ms", "5" }, { "acks", "all" }, { "queue.buffering.max.messages", "500000" },
	};
	size_t count = type == RD_KAFKA_PRODUCER ? COUNT_OF(settings) : 2; /* the rest is a producer's */
	rd_kafka_conf_t *conf = client->rd.rd_kafka_conf_new();
	for (size_t i = 0; i < count; i++)
		if (client->rd.rd_kafka_conf_set(conf, settings[i][0], settings[i][1], why, sizeof why) != RD_KAFKA_CONF_OK) {
			client->rd.rd_kafka_conf_destroy(conf);
			return fail(client, -EINVAL, why);
		}
	client->rd.rd_kafka_conf_set_opaque(conf, client);
	client->rd.rd_kafka_conf_set_dr_msg_cb(conf, take_delivery);
	client->handle = client->rd.rd_kafka_new(type, conf, why, sizeof why);
	if (!client->handle) {
		client->rd.rd_kafka_conf_destroy(conf);
		return fail(client, -EIO, why);
	}
	client->topic = client->rd.rd_kafka_topic_new(client->handle, client->config->topic, NULL);
	return client->topic ? 0 : fail(client, -EIO, "librdkafka does not take the topic's name");
}

/* Text that no codec shrinks; the record is the client's until it is delivered, so it is lent, not copied. */
static int make_record(struct client *client)
{
	uint64_t state = 88172645463325252;
	client->record = malloc(client->config->record_bytes + 1);
	for (uint32_t i = 0; client->record && i < client->config->record_bytes; i++) {
		state = state * 6364136223846793005u + 1442695040888963407u;
		client->record[i] = (char)('0' + (state >> 33) % 75);
	}
	return client->record ? 0 : fail(client, -ENOMEM, "no memory");
}

static bool is_interrupted(const struct client *client)
{
	return client->config->is_interrupted && client->config->is_interrupted();
}

/* Produces until `end_ns`. */
static int produce_until(struct client *client, uint64_t end_ns)
{
	while (clock_ns(CLOCK_MONOTONIC) < end_ns && !is_interrupted(client)) {
		for (int i = 0; i < POLL_EVERY; i++) {
			if (client->rd.rd_kafka_produce(client->topic, RD_KAFKA_PARTITION_UA, 0, client->record, client->config->record_bytes, NULL, 0,
							NULL) == 0)
				continue;
			if (client->rd.rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL)
				return fail(client, -EIO, client->rd.rd_kafka_err2str(client->rd.rd_kafka_last_error()));
			client->rd.rd_kafka_poll(client->handle, 1);
		}
		client->rd.rd_kafka_poll(client->handle, 0);
		if (client->failures)
			return fail(client, -EIO, "records were not delivered");
	}
	return 0;
}

/* Connects, and learns of the topic: until a record is there. */
static int await_first(struct client *client)
{
	uint64_t deadline_ns = clock_ns(CLOCK_MONOTONIC) + DEADLINE_NS;
	int err = produce_until(client, clock_ns(CLOCK_MONOTONIC) + 1000000);
	while (!err && !client->delivered && !client->failures && clock_ns(CLOCK_MONOTONIC) < deadline_ns && !is_interrupted(client))
		client->rd.rd_kafka_poll(client->handle, 10);
	return err ? err : client->delivered || is_interrupted(client) ? 0 : fail(client, -ETIMEDOUT, "no record was delivered");
}

static int measure(struct client *client)
{
	const struct client_config *config = client->config;
	struct client_result *result = client->result;
	int err = await_first(client);
	if (!err)
		err = produce_until(client, clock_ns(CLOCK_MONOTONIC) + config->warmup_ns);
	uint64_t begin_ns = clock_ns(CLOCK_MONOTONIC), cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID), before = client->delivered;
	struct process_cost server = process_cost_now(config->server_pid);
	if (!err)
		err = produce_until(client, begin_ns + config->duration_ns);
	result->records = client->delivered - before;
	result->elapsed_ns = clock_ns(CLOCK_MONOTONIC) - begin_ns;
	result->client_cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns;
	result->server_cpu_ns = process_cost_now(config->server_pid).cpu_ns - server.cpu_ns;
	return err;
}

static void tear_down(struct client *client)
{
	if (client->handle)
		client->rd.rd_kafka_purge(client->handle, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
	for (int i = 0; client->handle && i < 200 && client->rd.rd_kafka_outq_len(client->handle) > 0; i++)
		client->rd.rd_kafka_poll(client->handle, 10);
	if (client->topic)
		client->rd.rd_kafka_topic_destroy(client->topic);
	if (client->handle)
		client->rd.rd_kafka_destroy(client->handle);
	free(client->record);
}

int client_produce(const struct client_config *config, struct client_result *result)
{
	struct client client = { .config = config, .result = result };
	memset(result, 0, sizeof *result);
	int err = load_library(&client);
	if (!err)
		err = make_record(&client);
	if (!err)
		err = set_up(&client, RD_KAFKA_PRODUCER);
	if (!err)
		err = measure(&client);
	result->failures = client.failures;
	tear_down(&client);
	return err;
}

/* ---- consume ------------------------------------------------------------------------------------------ */

/* Takes records until there are `count`, or none came for DEADLINE_NS. */
static int take_until(struct client *client, rd_kafka_queue_t *queue, uint64_t count)
{
	rd_kafka_message_t *messages[TAKEN_AT_ONCE];
	uint64_t heard_ns = clock_ns(CLOCK_MONOTONIC);
	while (client->delivered < count && !is_interrupted(client)) {
		ssize_t taken = client->rd.rd_kafka_consume_batch_queue(queue, 100, messages, TAKEN_AT_ONCE);
		uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
		for (ssize_t i = 0; i < taken; i++) {
			client->delivered += !messages[i]->err;
			client->rd.rd_kafka_message_destroy(messages[i]);
		}
		heard_ns = taken > 0 ? now_ns : heard_ns;
		if (now_ns > heard_ns + DEADLINE_NS)
			return fail(client, -ETIMEDOUT, "records that were produced did not come");
	}
	return 0;
}

/* From the first record on: what finding the broker takes is not the broker's speed. */
static int read_all(struct client *client, uint64_t count)
{
	const struct client_config *config = client->config;
	struct client_result *result = client->result;
	rd_kafka_queue_t *queue = client->rd.rd_kafka_queue_new(client->handle);
	int err = 0;
	for (uint32_t i = 0; !err && i < config->partitions; i++)
		if (client->rd.rd_kafka_consume_start_queue(client->topic, (int32_t)i, RD_KAFKA_OFFSET_BEGINNING, queue))
			err = fail(client, -EIO, client->rd.rd_kafka_err2str(client->rd.rd_kafka_last_error()));
	if (!err)
		err = take_until(client, queue, 1);
	uint64_t begin_ns = clock_ns(CLOCK_MONOTONIC), cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID), before = client->delivered;
	struct process_cost server = process_cost_now(config->server_pid);
	if (!err)
		err = take_until(client, queue, count);
	result->records = client->delivered - before;
	result->elapsed_ns = clock_ns(CLOCK_MONOTONIC) - begin_ns;
	result->client_cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns;
	result->server_cpu_ns = process_cost_now(config->server_pid).cpu_ns - server.cpu_ns;
	for (uint32_t i = 0; i < config->partitions; i++)
		client->rd.rd_kafka_consume_stop(client->topic, (int32_t)i);
	client->rd.rd_kafka_queue_destroy(queue);
	return err;
}

int client_consume(const struct client_config *config, uint64_t count, struct client_result *result)
{
	struct client client = { .config = config, .result = result };
	memset(result, 0, sizeof *result);
	int err = load_library(&client);
	if (!err)
		err = set_up(&client, RD_KAFKA_CONSUMER);
	if (!err)
		err = read_all(&client, count);
	tear_down(&client);
	return err;
}
