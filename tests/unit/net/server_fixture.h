/* A broker in a thread of the test, on a free port and a directory of its own, and clients that speak to it in whole messages
 * of the generated codec or in raw bytes. Everything is removed at the end. */
#pragma once

/* No test uses all of it. */
#pragma GCC diagnostic ignored "-Wunused-function"

#include "net/server.h"

#include "kmsg_metadata.h"
#include "kmsg_produce.h"
#include "kmsg_table.h"
#include "log/batch/batch_builder.h"
#include "net/wire/header.h"
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct broker {
	char dir[64];
	struct broker_config *config;
	struct server_options options;
	struct server *server;
	struct server_report report;
	pthread_t thread;
	int result;
};

static void *broker_thread(void *argument)
{
	struct broker *broker = argument;
	broker->result = server_run(broker->server);
	return NULL;
}

/* `settings`: pairs of key and value, ended by NULL. */
static void broker_configure(struct broker *broker, uint32_t shards, const char *const *settings)
{
	char why[256];
	snprintf(broker->dir, sizeof broker->dir, "/tmp/spate-net.XXXXXX");
	cr_assert_not_null(mkdtemp(broker->dir));
	cr_assert_eq(broker_config_create(&broker->config), 0);
	cr_assert_eq(broker_config_set(broker->config, "spate.journal.bytes", "8388608", why, sizeof why), 0, "%s", why);
	for (; settings && settings[0]; settings += 2)
		cr_assert_eq(broker_config_set(broker->config, settings[0], settings[1], why, sizeof why), 0, "%s", why);
	broker->options = (struct server_options){
		.dir = broker->dir, .listen_host = "127.0.0.1", .shard_count = shards, .backend = IO_URING, .config = broker->config};
}

/* server_open and server_run belong to one thread; opening here and running there would be two, so the thread does both. */
struct broker_start {
	struct broker *broker;
	pthread_barrier_t opened;
	int err;
	char why[512];
};

static void *broker_open_and_run(void *argument)
{
	struct broker_start *start = argument;
	struct broker *broker = start->broker;
	start->err = server_open(&broker->server, &broker->options, &broker->report, start->why, sizeof start->why);
	bool is_open = start->err == 0;
	pthread_barrier_wait(&start->opened);
	if (is_open) {
		broker_thread(broker);
		server_close(broker->server);
	}
	return NULL;
}

/* Returns what server_open did; the sentence goes to `why`. */
static int broker_try_start(struct broker *broker, char *why, size_t why_size)
{
	struct broker_start start = {.broker = broker};
	pthread_barrier_init(&start.opened, NULL, 2);
	cr_assert_eq(pthread_create(&broker->thread, NULL, broker_open_and_run, &start), 0);
	pthread_barrier_wait(&start.opened);
	int err = start.err;
	if (why)
		snprintf(why, why_size, "%s", start.why);
	if (err)
		pthread_join(broker->thread, NULL);
	/* The thread is past the barrier only when nobody waits in it any more. */
	pthread_barrier_destroy(&start.opened);
	return err;
}

static void broker_start(struct broker *broker, uint32_t shards, const char *const *settings)
{
	char why[512];
	*broker = (struct broker){0};
	broker_configure(broker, shards, settings);
	cr_assert_eq(broker_try_start(broker, why, sizeof why), 0, "%s", why);
}

static void broker_stop(struct broker *broker)
{
	server_stop(broker->server);
	pthread_join(broker->thread, NULL);
	cr_assert_eq(broker->result, 0, "the stop is clean: %s", err_name(broker->result));
}

static void broker_restart(struct broker *broker)
{
	char why[512];
	broker_stop(broker);
	cr_assert_eq(broker_try_start(broker, why, sizeof why), 0, "%s", why);
}

static void broker_remove(struct broker *broker)
{
	char command[128];
	broker_config_destroy(broker->config);
	snprintf(command, sizeof command, "rm -rf %s", broker->dir);
	cr_assert_eq(system(command), 0);
}

static void broker_end(struct broker *broker)
{
	broker_stop(broker);
	broker_remove(broker);
}

/* ---- clients ------------------------------------------------------------------------------------------------------------- */

struct client {
	int fd;
	int32_t correlation_id;
	const char *client_id;         /* NULL: "test" */
	struct arena arena;
	uint8_t *answer;               /* the last one, with its header */
	size_t answer_size;
};

static void client_open(struct client *client, const struct broker *broker)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(broker->report.listen_port)};
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	*client = (struct client){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	cr_assert_geq(client->fd, 0);
	cr_assert_eq(connect(client->fd, (struct sockaddr *)&address, sizeof address), 0, "connect: %m");
	arena_init(&client->arena, NULL, 0, 64 << 20);
}

static void client_close(struct client *client)
{
	close(client->fd);
	free(client->answer);
	arena_fini(&client->arena);
}

static void client_send_raw(struct client *client, const void *data, size_t size)
{
	for (size_t at = 0; at < size;) {
		ssize_t sent = send(client->fd, (const uint8_t *)data + at, size - at, MSG_NOSIGNAL);
		cr_assert_gt(sent, 0, "send: %m");
		at += (size_t)sent;
	}
}

/* Is there something to read (or the end) within so many milliseconds? */
static bool client_has_answer(struct client *client, int wait_ms)
{
	struct pollfd poller = {.fd = client->fd, .events = POLLIN};
	return poll(&poller, 1, wait_ms) == 1;
}

static bool client_read(struct client *client, void *data, size_t size)
{
	for (size_t at = 0; at < size;) {
		if (!client_has_answer(client, 10000))
			cr_assert_fail("nothing came for 10 s");
		ssize_t got = recv(client->fd, (uint8_t *)data + at, size - at, 0);
		if (got <= 0)
			return false;
		at += (size_t)got;
	}
	return true;
}

/* True when the broker has closed the connection, without a byte before. */
static bool client_is_closed(struct client *client)
{
	uint8_t byte;
	return !client_read(client, &byte, 1);
}

/* A whole request: `name` is the API's in the codec, "metadata". Returns its size at *out (malloc'ed). */
static size_t encode_request_from(const char *client_id, const char *name, int version, int32_t correlation_id, const void *in, uint8_t **out)
{
	char full[64];
	snprintf(full, sizeof full, "%s_request", name);
	const struct kmsg_message *message = kmsg_message_find(full);
	cr_assert_not_null(message, "%s", full);
	struct request_header header = {
		.api_key = (int16_t)message->key, .api_version = (int16_t)version, .correlation_id = correlation_id, .client_id = slice_from(client_id)};
	struct writer counter = writer_counting();
	request_header_encode(&counter, &header);
	message->encode(&counter, version, in);
	size_t size = 4 + counter.position;
	*out = malloc(size);
	struct writer writer = writer_into(*out, size);
	writer_int32(&writer, (int32_t)(size - 4));
	request_header_encode(&writer, &header);
	message->encode(&writer, version, in);
	cr_assert_eq(writer.error, 0);
	return size;
}

static size_t encode_request(const char *name, int version, int32_t correlation_id, const void *in, uint8_t **out)
{
	return encode_request_from("test", name, version, correlation_id, in, out);
}

static void client_send(struct client *client, const char *name, int version, const void *in)
{
	uint8_t *bytes;
	size_t size = encode_request_from(client->client_id ? client->client_id : "test", name, version, ++client->correlation_id, in, &bytes);
	client_send_raw(client, bytes, size);
	free(bytes);
}

/* The next answer, which must be the one to the request with this correlation id. False: the broker closed the connection. */
static bool client_receive(struct client *client, const char *name, int version, int32_t correlation_id, void *out)
{
	char full[64];
	uint8_t prefix[4];
	snprintf(full, sizeof full, "%s_response", name);
	const struct kmsg_message *message = kmsg_message_find(full);
	cr_assert_not_null(message, "%s", full);
	if (!client_read(client, prefix, 4))
		return false;
	client->answer_size = load_be32(prefix);
	client->answer = realloc(client->answer, client->answer_size + 1);
	if (!client_read(client, client->answer, client->answer_size))
		return false;
	struct reader reader = reader_over((struct slice){client->answer, client->answer_size});
	int32_t got_id;
	cr_assert_eq(response_header_decode(&reader, (int16_t)message->key, version, &got_id), 0);
	cr_assert_eq(got_id, correlation_id, "the answer to %d came for %d", got_id, correlation_id);
	arena_reset(&client->arena);
	cr_assert_eq(message->decode(&reader, &client->arena, version, out), 0, "%s", reader.reason);
	cr_assert_eq(reader_left(&reader), 0, "%zu bytes behind %s", reader_left(&reader), full);
	return true;
}

static void client_call(struct client *client, const char *name, int version, const void *in, void *out)
{
	client_send(client, name, version, in);
	cr_assert(client_receive(client, name, version, client->correlation_id, out), "%s version %d: the connection was closed", name, version);
}

/* ---- requests that many tests make -------------------------------------------------------------------------------------------- */

/* Metadata of one topic, made if need be; returns its id. */
static struct uuid make_topic(struct client *client, const char *name, int partition_count)
{
	struct kmsg_metadata_topic topic = {.name = slice_from(name)};
	struct kmsg_metadata_request in;
	struct kmsg_metadata_response out;
	kmsg_metadata_request_init(&in);
	in.topics.items = &topic;
	in.topics.count = 1;
	client_call(client, "metadata", 12, &in, &out);
	cr_assert_eq(out.topics.count, 1);
	cr_assert_eq(out.topics.items[0].error_code, 0);
	cr_assert_eq(out.topics.items[0].partitions.count, partition_count);
	return out.topics.items[0].topic_id;
}

/* One batch of `count` records whose values have `value_size` bytes. */
static struct slice make_batch(uint8_t *out, size_t capacity, int count, size_t value_size)
{
	static uint8_t value[1 << 20];
	struct batch_builder builder;
	uint32_t size;
	cr_assert_eq(batch_builder_open(&builder, NULL, &BATCH_BUILDER_PLAIN, out, capacity), 0);
	for (int i = 0; i < count; i++) {
		struct record record = {.timestamp_ms = 1600000000000 + i, .value = {value, value_size}};
		cr_assert_eq(batch_builder_append(&builder, &record), 0);
	}
	cr_assert_eq(batch_builder_finish(&builder, &size), 0);
	return (struct slice){out, size};
}

/* A produce of one batch to one partition; the parts live in the struct. */
struct produce_one {
	struct kmsg_produce_request in;
	struct kmsg_produce_topic topic;
	struct kmsg_produce_partition partition;
};

static const struct kmsg_produce_request *produce_one(struct produce_one *one, const char *topic, int32_t partition, int16_t acks,
						      struct slice records)
{
	kmsg_produce_request_init(&one->in);
	kmsg_produce_topic_init(&one->topic);
	one->partition = (struct kmsg_produce_partition){.index = partition, .records.whole = records};
	one->topic.name = slice_from(topic);
	one->topic.partition_data.items = &one->partition;
	one->topic.partition_data.count = 1;
	one->in.acks = acks;
	one->in.timeout_ms = 1000;
	one->in.topic_data.items = &one->topic;
	one->in.topic_data.count = 1;
	return &one->in;
}

static struct kmsg_produce_partition_result produce_result(const struct kmsg_produce_response *out)
{
	cr_assert_eq(out->responses.count, 1);
	cr_assert_eq(out->responses.items[0].partition_responses.count, 1);
	return out->responses.items[0].partition_responses.items[0];
}
