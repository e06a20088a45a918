/* The file is read once; the broker is asked for its ranges of versions and the topic's id with the codec of the differential test. */
#include "tests/hostile/seeds.h"

#include "log/base/check.h"
#include "net/wire/header.h"
#include "kmsg_apis.h"
#include "tests/differential/codec.h"
#include "tests/differential/relaxed.h"
#include "tests/differential/side.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SEEDS_MAX 100

static struct {
	char api[64];
	json_t *request;
} seeds[SEEDS_MAX];
static int seed_count;
static struct side side;

static json_t *ask(const char *api, int version, json_t *request)
{
	const char *why = "";
	CHECKF(side_send(&side, "main", api, version, request, -1, &why), "%s: %s", api, why);
	json_decref(request);
	return side_receive(&side, "main", 10000);
}

static int error_of(json_t *answer)
{
	json_t *error = json_object_get(answer, "error_code");
	int code = error ? (int)json_integer_value(error) : -1;
	json_decref(answer);
	return code;
}

static bool make_topic(void)
{
	json_decref(ask("create_topics", 7, json_pack("{s[{ss si si s[] s[]}] si}", "topics", "name", "hostile", "num_partitions", 1, "replication_factor", 1,
						       "assignments", "configs", "timeout_ms", 10000)));
	for (int i = 0; i < 100; i++, usleep(100000)) {
		json_t *answer = ask("metadata", 12, json_pack("{s[{ss}]}", "topics", "name", "hostile"));
		json_t *topic = json_array_get(json_object_get(answer, "topics"), 0), *id = json_object_get(topic, "topic_id");
		bool is_there = json_integer_value(json_object_get(topic, "error_code")) == 0 && id;
		if (is_there)
			json_object_set(side.variables, "id", id);
		json_decref(answer);
		if (is_there)
			return true;
	}
	return false;
}

/* A Kafka that has just started has no producer ids yet. */
static bool wait_for_producer_ids(void)
{
	for (int i = 0; i < 200; i++, usleep(100000))
		if (error_of(ask("init_producer_id", 4, json_pack("{sn si}", "transactional_id", "transaction_timeout_ms", 60000))) == 0)
			return true;
	return false;
}

static bool wait_for_groups(void)
{
	for (int i = 0; i < 200; i++, usleep(100000)) {
		json_decref(ask("find_coordinator", 4, json_pack("{si s[s]}", "key_type", 0, "coordinator_keys", "hostile")));
		if (error_of(ask("heartbeat", 4, json_pack("{ss si ss}", "group_id", "hostile", "generation_id", 1, "member_id", "nobody"))) == 25)
			return true;
	}
	return false;
}

static void read_seed(char *line, const char *path, int number)
{
	const char *why = "", *missing = NULL;
	char *space = strchr(line, ' ');
	CHECKF(space && seed_count < SEEDS_MAX, "%s:%d: an API and its request are needed", path, number);
	snprintf(seeds[seed_count].api, sizeof seeds[seed_count].api, "%.*s", (int)(space - line), line);
	json_t *parsed = relaxed_parse(space + 1, &why);
	CHECKF(parsed, "%s:%d: %s", path, number, why);
	seeds[seed_count].request = side_fill_in(&side, parsed, &missing);
	CHECKF(!missing, "%s:%d: there is no %s", path, number, missing);
	json_decref(parsed);
	seed_count++;
}

static void read_seeds(const char *directory)
{
	char path[512], line[2048];
	snprintf(path, sizeof path, "%s/seeds", directory);
	FILE *file = fopen(path, "r");
	CHECKF(file, "%s cannot be read", path);
	for (int number = 1; fgets(line, sizeof line, file); number++)
		if (line[0] != '#' && line[0] != '\n')
			read_seed(line, path, number);
	fclose(file);
}

bool seeds_prepare(const struct target *target, const char *directory)
{
	char address[96];
	snprintf(address, sizeof address, "%s:%s", target->host, target->port);
	if (!side_open(&side, "broker", address) || !make_topic() || !wait_for_groups() || !wait_for_producer_ids())
		return false;
	read_seeds(directory);
	return true;
}

static const json_t *seed_of(const char *api)
{
	for (int i = 0; i < seed_count; i++)
		if (strcmp(seeds[i].api, api) == 0)
			return seeds[i].request;
	return NULL;
}

static void take_version(struct good_request *good, const json_t *seed, good_request_fn take, void *context)
{
	const char *why = "";
	struct bytes_out body = {0};
	CHECKF(codec_encode(&body, good->message, good->version, seed, &why), "%s v%d: %s", good->api, good->version, why);
	good->body = bytes_out_slice(&body);
	take(context, good);
	bytes_out_free(&body);
}

void seeds_each(good_request_fn take, void *context)
{
	for (size_t i = 0; i < kmsg_description_count; i++) {
		const struct kmsg_description *message = &kmsg_descriptions[i];
		const char *suffix = strstr(message->name, "_request");
		char api[64], response[80];
		if (message->key < 0 || !suffix || suffix[strlen("_request")])
			continue;
		snprintf(api, sizeof api, "%.*s", (int)(suffix - message->name), message->name);
		snprintf(response, sizeof response, "%s_response", api);
		const json_t *seed = seed_of(api);
		struct good_request good = {.api = api, .message = message, .response = kmsg_description_find(response),
					    .min = side.ranges[message->key][0], .max = side.ranges[message->key][1]};
		CHECKF(seed || good.min > good.max, "there is no seed for %s", api);
		for (good.version = message->min; good.version <= message->max; good.version++)
			if (seed && side_serves(&side, message->key, good.version))
				take_version(&good, seed, take, context);
	}
}
