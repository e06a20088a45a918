/* The k-th allocation fails in the whole broker, on a simulated disk and network, driven by hand: every API's request as a Kafka wrote it
 * (tests/golden/messages.txt), and some that do real work. Whatever happens, each request is answered or its connection closed, the broker goes on,
 * and stops cleanly; under ASan nothing leaks.
 *
 *   broker [--seed=N] [--step=N] [--first=K] */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "kmsg_create_topics.h"
#include "kmsg_fetch.h"
#include "kmsg_produce.h"
#include "kmsg_table.h"
#include "log/batch/batch_builder.h"
#include "log/io/sim_net.h"
#include "net/server.h"
#include "net/wire/header.h"
#include "tests/crash/lib/allocations.h"
#include "tests/crash/lib/machine.h"

#define REQUESTS_MAX 256
#define TURNS_MAX 4000
#define PORT 9092

struct request {
	char name[48];
	uint8_t *bytes;
	size_t size;
	bool is_answered; /* when nothing fails: answered, or its connection closed */
};

static struct request requests[REQUESTS_MAX];
static uint32_t request_count;
static struct broker_config *config;
static uint64_t k_now;
static bool is_sticky_now;
static const char *request_now = "start";
static uint64_t failures;

static void tell_context(FILE *out)
{
	fprintf(out, "      in: no memory at allocation %lu%s, request %s\n", (unsigned long)k_now, is_sticky_now ? " and later" : "", request_now);
}

static void fail(const char *what)
{
	if (failures++ < 10) {
		printf("FAIL  %s\n", what);
		tell_context(stdout);
		if (*machine_last_words())
			printf("      the log said: %s\n", machine_last_words());
	}
}

/* ---- requests --------------------------------------------------------------------------------------------------------------- */

static uint8_t *begin_request(struct request *request, const struct kmsg_message *message, int version, size_t body_size, struct writer *writer)
{
	struct request_header header = {
		.api_key = (int16_t)message->key, .api_version = (int16_t)version, .correlation_id = (int32_t)request_count, .client_id = slice_from("crash")};
	struct writer counter = writer_counting();
	request_header_encode(&counter, &header);
	request->size = 4 + counter.position + body_size;
	request->bytes = malloc(request->size);
	*writer = writer_into(request->bytes, request->size);
	writer_int32(writer, (int32_t)(request->size - 4));
	request_header_encode(writer, &header);
	return request->bytes + 4 + counter.position;
}

static void add_body(const char *name, int version, struct slice body)
{
	const struct kmsg_message *message = kmsg_message_find(name);
	struct writer writer;
	if (!message || message->key < 0 || request_count == REQUESTS_MAX)
		return;
	struct request *request = &requests[request_count++];
	snprintf(request->name, sizeof request->name, "%s", name);
	memcpy(begin_request(request, message, version, body.size, &writer), body.data, body.size);
}

static void add_message(const char *name, int version, const void *in)
{
	uint8_t body[4096];
	const struct kmsg_message *message = kmsg_message_find(name);
	struct writer writer = writer_into(body, sizeof body);
	message->encode(&writer, version, in);
	if (writer.error)
		abort();
	add_body(name, version, (struct slice){body, writer.position});
}

static struct slice parse_hex(char *text)
{
	size_t size = strlen(text) / 2;
	for (size_t i = 0; i < size; i++) {
		unsigned byte;
		sscanf(text + 2 * i, "%2x", &byte);
		text[i] = (char)byte;
	}
	return (struct slice){(uint8_t *)text, size};
}

/* The newest version of each request, with something in every field. */
static void add_golden(void)
{
	FILE *file = fopen("tests/golden/messages.txt", "r");
	char *line = NULL, before[64] = "";
	size_t capacity = 0;
	if (!file) {
		printf("FAIL  this runs at the top of the tree\n");
		exit(1);
	}
	while (getline(&line, &capacity, file) >= 0) {
		char *text = line, *name = strsep(&text, "\t");
		int version = text ? atoi(strsep(&text, "\t")) : 0;
		char *variant = text ? strsep(&text, "\t") : "", *hex = text ? strsep(&text, "\t") : "";
		if (!strstr(name, "_request") || strcmp(variant, "full"))
			continue;
		if (strcmp(before, name) == 0)
			free(requests[--request_count].bytes);
		snprintf(before, sizeof before, "%s", name);
		add_body(name, version, parse_hex(hex));
	}
	free(line);
	fclose(file);
}

static void add_create(void)
{
	struct kmsg_create_topics_request in;
	struct kmsg_create_topics_topic topic;
	kmsg_create_topics_request_init(&in);
	kmsg_create_topics_topic_init(&topic);
	topic.name = slice_from("t");
	topic.num_partitions = 2;
	topic.replication_factor = 1;
	in.topics.items = &topic;
	in.topics.count = 1;
	in.timeout_ms = 1000;
	add_message("create_topics_request", 7, &in);
}

static void add_produce(int32_t partition)
{
	uint8_t bytes[1024];
	struct kmsg_produce_request in;
	struct kmsg_produce_topic topic;
	struct kmsg_produce_partition part = {.index = partition};
	struct batch_builder builder;
	struct record record = {.timestamp_ms = 1600000000000, .value = {(const uint8_t *)"hello", 5}};
	uint32_t size;
	if (batch_builder_open(&builder, NULL, &BATCH_BUILDER_PLAIN, bytes, sizeof bytes) || batch_builder_append(&builder, &record) ||
	    batch_builder_finish(&builder, &size))
		abort();
	kmsg_produce_request_init(&in);
	kmsg_produce_topic_init(&topic);
	part.records.whole = (struct slice){bytes, size};
	topic.name = slice_from("t");
	topic.partition_data.items = &part;
	topic.partition_data.count = 1;
	in.acks = -1;
	in.timeout_ms = 1000;
	in.topic_data.items = &topic;
	in.topic_data.count = 1;
	add_message("produce_request", 9, &in);
}

static void add_fetch(void)
{
	struct kmsg_fetch_request in;
	struct kmsg_fetch_topic topic;
	struct kmsg_fetch_partition part;
	kmsg_fetch_request_init(&in);
	kmsg_fetch_topic_init(&topic);
	kmsg_fetch_partition_init(&part);
	part.partition_max_bytes = 1 << 20;
	topic.topic = slice_from("t");
	topic.partitions.items = &part;
	topic.partitions.count = 1;
	in.max_wait_ms = 10;
	in.min_bytes = 1;
	in.topics.items = &topic;
	in.topics.count = 1;
	add_message("fetch_request", 11, &in);
}

static void make_requests(void)
{
	add_create();
	add_produce(0);
	add_produce(1);
	add_fetch();
	add_golden();
	add_produce(0);
	add_fetch();
}

/* ---- one run ------------------------------------------------------------------------------------------------------------------- */

struct run {
	struct sim_disk *disk;
	struct sim_net *net;
	struct server *server;
	struct sim_link *link;
};

static int open_server(struct run *run)
{
	struct server_options options = {.dir = "/data", .listen_host = "127.0.0.1", .listen_port = PORT, .shard_count = 1, .backend = IO_SIM, .config = config,
					 .disk = run->disk, .net = run->net, .seed = 5};
	static struct server_report report;
	char why[1024];
	return server_open(&run->server, &options, &report, why, sizeof why);
}

enum outcome { ANSWERED, CLOSED, NOTHING };

/* Until the whole answer is there, or the connection is over. */
static enum outcome await(struct run *run)
{
	uint8_t bytes[4096], prefix[4];
	size_t got = 0, due = 4;
	for (int turns = 0; turns < TURNS_MAX; turns++) {
		allocations_pause();
		int64_t size = sim_link_receive(run->link, bytes, sizeof bytes);
		allocations_resume();
		if (size < 0)
			return CLOSED;
		for (int64_t i = 0; i < size && got + (size_t)i < 4; i++)
			prefix[got + (size_t)i] = bytes[i];
		got += (size_t)size;
		if (got >= 4)
			due = 4 + load_be32(prefix);
		if (got >= due)
			return ANSWERED;
		if (server_turn(run->server) != 1)
			return NOTHING;
	}
	return NOTHING;
}

static enum outcome call(struct run *run, const struct request *request)
{
	request_now = request->name;
	allocations_pause();
	if (!run->link)
		run->link = sim_link_open(run->net, PORT);
	if (run->link)
		sim_link_send(run->link, request->bytes, request->size);
	allocations_resume();
	enum outcome outcome = run->link ? await(run) : CLOSED;
	if (outcome != ANSWERED && run->link) {
		sim_link_close(run->link);
		run->link = NULL;
	}
	return outcome;
}

static void stop(struct run *run)
{
	int more = 1;
	request_now = "stop";
	if (run->link)
		sim_link_close(run->link);
	server_stop(run->server);
	for (int turns = 0; turns < 20 * TURNS_MAX && more == 1; turns++)
		more = server_turn(run->server);
	if (more == 1)
		fail("the broker never stops");
	server_close(run->server);
}

/* Returns how many allocations there were. k = 0: nothing fails, and the requests learn whether they are answered. */
static uint64_t run_once(struct sim_disk *base, uint64_t k, bool is_sticky)
{
	struct run run = {.disk = sim_disk_copy(base)};
	run.net = sim_net_open(run.disk, 1);
	k_now = k;
	is_sticky_now = is_sticky;
	request_now = "start";
	allocations_fail(k ? k : UINT64_MAX, is_sticky);
	int err = open_server(&run);
	if (err) {
		allocations_fail(0, false);
		err = open_server(&run);
	}
	if (err) {
		fail("the broker does not start");
		return 0;
	}
	for (uint32_t i = 0; i < request_count; i++) {
		enum outcome outcome = call(&run, &requests[i]);
		if (outcome == NOTHING && is_sticky) { /* what is to be filed waits for memory: once there is some, it goes on */
			allocations_fail(0, false);
			outcome = call(&run, &requests[i]);
		}
		if (!k)
			requests[i].is_answered = outcome != NOTHING;
		else if (outcome == NOTHING && requests[i].is_answered)
			fail("a request is neither answered nor refused");
	}
	uint64_t count = allocations_count();
	allocations_fail(0, false);
	if (run.link)
		sim_link_close(run.link);
	run.link = NULL;
	if (call(&run, &requests[0]) != ANSWERED)
		fail("with memory again, a request on a new connection is not answered");
	stop(&run);
	sim_net_close(run.net);
	sim_disk_close(run.disk);
	return count;
}

int main(int argc, char **argv)
{
	static const struct option names[] = {{"seed", 1, NULL, 's'}, {"step", 1, NULL, 'k'}, {"first", 1, NULL, 'f'}, {NULL, 0, NULL, 0}};
	uint64_t seed = 1, step = 1, first = 0, runs = 0;
	for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;)
		switch (c) {
		case 's': seed = strtoull(optarg, NULL, 10); break;
		case 'k': step = strtoull(optarg, NULL, 10); break;
		case 'f': first = strtoull(optarg, NULL, 10); break;
		default: return 2;
		}
	machine_init();
	/* The broker writes its lines to the descriptor itself: thousands of refusals. */
	int nowhere = getenv("CRASH_STDERR") ? -1 : open("/dev/null", O_WRONLY);
	if (nowhere >= 0)
		dup2(nowhere, STDERR_FILENO);
	machine_on_abort(tell_context);
	char why[256];
	if (broker_config_create(&config) || broker_config_set(config, "spate.journal.bytes", "8388608", why, sizeof why))
		return 1;
	make_requests();
	struct timespec began, ended;
	clock_gettime(CLOCK_MONOTONIC, &began);
	struct run run = {.disk = sim_disk_open(1)};
	run.net = sim_net_open(run.disk, 1);
	if (open_server(&run)) {
		printf("FAIL  the broker does not start on a new disk: %s\n", machine_last_words());
		return 1;
	}
	for (int turns = 0; turns < 200; turns++)
		if (server_turn(run.server) != 1)
			return 1;
	stop(&run);
	uint64_t all = run_once(run.disk, 0, false);
	for (int is_sticky = 0; is_sticky < 2; is_sticky++)
		for (uint64_t k = first ? first : 1 + seed % step; k <= all && failures < 10; k += step, runs++)
			run_once(run.disk, k, is_sticky);
	clock_gettime(CLOCK_MONOTONIC, &ended);
	uint32_t answered = 0;
	for (uint32_t i = 0; i < request_count; i++) {
		answered += requests[i].is_answered;
		free(requests[i].bytes);
	}
	sim_net_close(run.net);
	sim_disk_close(run.disk);
	broker_config_destroy(config);
	printf("%s  %lu of %lu allocations of %u requests failed in a broker, once and from then on, in %.1f s; %u of the requests are answered at all; %lu wrong\n",
	       failures ? "FAIL" : "ok  ", (unsigned long)runs, (unsigned long)all * 2, request_count,
	       (double)(ended.tv_sec - began.tv_sec) + (double)(ended.tv_nsec - began.tv_nsec) / 1e9, answered, (unsigned long)failures);
	return failures != 0;
}
