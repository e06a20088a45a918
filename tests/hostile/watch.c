/* The good client's requests are made once, and its answers compared as bytes. */
#include "tests/hostile/watch.h"

#include "kmsg_apis.h"
#include "log/base/check.h"
#include "net/wire/header.h"
#include "tests/differential/codec.h"
#include "tests/differential/link.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PRODUCE_EVERY 16
#define CODECS 5 /* none, gzip, snappy, lz4, zstd */
#define LINES_A_SECOND 10

struct watch_client {
	struct target target;
	struct link link;
	struct bytes_out produce[CODECS], fetch, fetched;
	int64_t next_offset;
	uint64_t asked;
};

/* ---- the good client ------------------------------------------------------------------------------- */

static void make_request(struct bytes_out *frame, const char *api, int version, json_t *request)
{
	char name[80];
	const char *why = "";
	snprintf(name, sizeof name, "%s_request", api);
	const struct kmsg_description *message = kmsg_description_find(name);
	struct request_header header = {.api_key = (int16_t)message->key, .api_version = (int16_t)version, .correlation_id = 7,
					.client_id = slice_from("good"), .api = kmsg_api_find((int16_t)message->key)};
	uint8_t bytes[64];
	struct writer writer = writer_into(bytes, sizeof bytes);
	request_header_encode(&writer, &header);
	bytes_out_put(frame, bytes, writer.position);
	CHECKF(!writer.error && codec_encode(frame, message, version, request, &why), "%s: %s", api, why);
	json_decref(request);
}

static json_t *produce_request(const char *topic, int codec)
{
	return json_pack("{si si s[{ss s[{si s{si si}}]}]}", "acks", -1, "timeout_ms", 10000, "topic_data", "name", topic, "partition_data", "index", 0,
			 "records", "count", 1, "codec", codec);
}

static json_t *fetch_request(const char *topic)
{
	return json_pack("{si si si s[{ss s[{si si}]}]}", "replica_id", -1, "max_wait_ms", 0, "max_bytes", 1 << 20, "topics", "topic", topic,
			 "partitions", "partition", 0, "partition_max_bytes", 1 << 20);
}

static json_t *topic_request(const char *topic)
{
	return json_pack("{s[{ss si si s[] s[]}] si}", "topics", "name", topic, "num_partitions", 1, "replication_factor", 1, "assignments", "configs",
			 "timeout_ms", 10000);
}

static bool ask(struct watch_client *client, const struct bytes_out *request)
{
	if (client->link.fd < 0)
		link_open(&client->link, client->target.host, client->target.port);
	bool is_answered = link_send(&client->link, bytes_out_slice(request)) && link_receive(&client->link, 10000) == RECEIVED;
	if (!is_answered)
		link_close(&client->link);
	return is_answered;
}

/* Produce v7: the partition's error, then its base offset, behind one topic's name of 12 bytes and fixed counts. */
static bool produce(struct watch *watch, struct watch_client *client)
{
	const char *why;
	json_t *answer = NULL;
	if (ask(client, &client->produce[client->asked / PRODUCE_EVERY % CODECS]) && client->link.frame.size > 4)
		answer = codec_decode((struct slice){client->link.frame.data + 4, client->link.frame.size - 4},
				      kmsg_description_find("produce_response"), 7, &why);
	json_t *topic = json_array_get(json_object_get(answer, "responses"), 0);
	json_t *partition = json_array_get(json_object_get(topic, "partition_responses"), 0);
	int64_t error = partition ? json_integer_value(json_object_get(partition, "error_code")) : -1;
	int64_t offset = json_integer_value(json_object_get(partition, "base_offset"));
	json_decref(answer);
	if (!partition || error != 0 || (client->next_offset >= 0 && offset != client->next_offset)) {
		snprintf(watch->why, sizeof watch->why, "a good produce is answered with error %lld, offset %lld; %lld was next", (long long)error,
			 (long long)offset, (long long)client->next_offset);
		return false;
	}
	client->next_offset = offset + 1;
	return true;
}

static bool fetch(struct watch *watch, struct watch_client *client)
{
	if (!ask(client, &client->fetch)) {
		snprintf(watch->why, sizeof watch->why, "a good fetch is not answered");
		return false;
	}
	struct slice got = bytes_out_slice(&client->link.frame);
	if (!client->fetched.size)
		bytes_out_put(&client->fetched, got.data, got.size);
	if (got.size == client->fetched.size && memcmp(got.data, client->fetched.data, got.size) == 0)
		return true;
	snprintf(watch->why, sizeof watch->why, "a good fetch of the same records brings other bytes (%zu, %zu before)", got.size, client->fetched.size);
	return false;
}

/* ---- the process ----------------------------------------------------------------------------------- */

static long rss_kib(int pid)
{
	char path[64], line[200];
	long kib = 0;
	snprintf(path, sizeof path, "/proc/%d/status", pid);
	FILE *file = pid ? fopen(path, "r") : NULL;
	while (file && fgets(line, sizeof line, file))
		if (sscanf(line, "VmRSS: %ld", &kib) == 1)
			break;
	if (file)
		fclose(file);
	return kib;
}

static bool look_at_process(struct watch *watch)
{
	if (!watch->pid)
		return true;
	watch->rss_last_kib = rss_kib(watch->pid);
	if (watch->rss_last_kib > watch->rss_most_kib)
		watch->rss_most_kib = watch->rss_last_kib;
	if (kill(watch->pid, 0) == 0)
		return true;
	snprintf(watch->why, sizeof watch->why, "the broker has gone");
	return false;
}

bool watch_check(struct watch *watch)
{
	struct watch_client *client = watch->client;
	bool holds = (client->asked % PRODUCE_EVERY != 0 || produce(watch, client)) && fetch(watch, client) && look_at_process(watch);
	client->asked++;
	watch->answered += holds;
	return holds;
}

void watch_begin(struct watch *watch)
{
	watch->rss_first_kib = watch->rss_most_kib = watch->rss_last_kib = rss_kib(watch->pid);
	watch->begin_ms = player_now_ms();
}

bool watch_open(struct watch *watch, const struct target *target, int pid, const char *log_path)
{
	*watch = (struct watch){.pid = pid, .log_path = log_path, .client = calloc(1, sizeof *watch->client)};
	struct watch_client *client = watch->client;
	*client = (struct watch_client){.target = *target, .link = {.fd = -1}, .next_offset = -1};
	struct bytes_out request = {0}, other = {0};
	make_request(&request, "create_topics", 4, topic_request("hostile-good"));
	make_request(&other, "create_topics", 4, topic_request("hostile-beat"));
	bool is_open = ask(client, &request) && ask(client, &other);
	bytes_out_free(&request);
	bytes_out_free(&other);
	make_request(&request, "produce", 7, produce_request("hostile-good", 0));
	is_open = is_open && ask(client, &request);
	bytes_out_free(&request);
	for (int codec = 0; codec < CODECS; codec++)
		make_request(&client->produce[codec], "produce", 7, produce_request("hostile-beat", codec));
	make_request(&client->fetch, "fetch", 4, fetch_request("hostile-good"));
	/* A Kafka needs a while until a topic that it has made is served: what is fetched before is not the answer to compare with. */
	for (int i = 0; i < 100 && is_open && !produce(watch, client); i++)
		usleep(100000);
	if (!is_open)
		snprintf(watch->why, sizeof watch->why, "the good client is not served at all");
	return is_open && watch_check(watch);
}

void watch_close(struct watch *watch)
{
	struct watch_client *client = watch->client;
	link_close(&client->link);
	bytes_out_free(&client->link.frame);
	for (int codec = 0; codec < CODECS; codec++)
		bytes_out_free(&client->produce[codec]);
	bytes_out_free(&client->fetch);
	bytes_out_free(&client->fetched);
	free(client);
	watch->client = NULL;
}

/* ---- the log --------------------------------------------------------------------------------------- */

struct log_sum {
	uint64_t lines, named, left_out;
	unsigned port_twice;     /* a port that was named more often than refused; 0: none */
};

static void read_line(struct log_sum *sum, uint32_t left[65536], const char *line)
{
	static const char before[] = "the connection from 127.0.0.1:";
	unsigned port = 0;
	unsigned long long dropped = 0;
	const char *name = strstr(line, before), *out = strstr(line, " such lines left out)");
	sum->lines++;
	if (name && sscanf(name + strlen(before), "%u", &port) == 1 && port < 65536) {
		sum->named++;
		if (left[port] == 0)
			sum->port_twice = port;
		else
			left[port]--;
	}
	while (out && out > line && out[-1] != '(')
		out--;
	if (out && sscanf(out, "%llu", &dropped) == 1)
		sum->left_out += dropped;
}

bool watch_log(struct watch *watch, uint64_t refused_min, uint64_t refused_max, const uint32_t refused_by_port[65536], unsigned shards)
{
	char line[2048];
	struct log_sum sum = {0};
	FILE *file = watch->log_path ? fopen(watch->log_path, "r") : NULL;
	uint32_t *left = malloc(65536 * sizeof *left);
	CHECK(left);
	memcpy(left, refused_by_port, 65536 * sizeof *left);
	while (file && fgets(line, sizeof line, file))
		read_line(&sum, left, line);
	free(left);
	if (!file)
		return !watch->log_path;
	fclose(file);
	uint64_t seconds = (uint64_t)(player_now_ms() - watch->begin_ms) / 1000 + 2, told = sum.named + sum.left_out;
	printf("#     log: %llu lines in %llu s; %llu connections named, %llu counted as left out\n", (unsigned long long)sum.lines,
	       (unsigned long long)seconds, (unsigned long long)sum.named, (unsigned long long)sum.left_out);
	if (told < refused_min || told > refused_max)
		snprintf(watch->why, sizeof watch->why, "the log tells of %llu refused connections; there were %llu to %llu", (unsigned long long)told,
			 (unsigned long long)refused_min, (unsigned long long)refused_max);
	else if (sum.port_twice)
		snprintf(watch->why, sizeof watch->why, "the log names port %u more often than it was refused", sum.port_twice);
	else if (sum.lines > seconds * LINES_A_SECOND * shards + 100)
		snprintf(watch->why, sizeof watch->why, "the log has %llu lines in %llu s", (unsigned long long)sum.lines, (unsigned long long)seconds);
	else
		return true;
	return false;
}
