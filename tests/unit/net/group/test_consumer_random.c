/* A consumer group under clients that join, leave, crash, come back, lose answers and change their minds, while topics come, grow and go and the
 * coordinator is loaded anew from its records. After every step: no partition has two owners; epochs do not fall; the records make the same state. In the
 * end, when all is quiet: the group is stable and everything that somebody subscribes to is owned, as evenly as it can be.
 * A failure prints its seed: run with SEED=n for that one alone. */
#include "consumer_client.h"

#define CLIENTS 8
#define TOPICS 5
#define STEPS 400
#define SEEDS 100

static const char *const topic_names[TOPICS] = {"red", "green", "blue-1", "blue-2", "black"};

struct chaos {
	struct world world;
	struct client clients[CLIENTS];
	bool is_up[CLIENTS];            /* the process runs; a crashed one owns what it had until its session is over */
	bool is_in[CLIENTS];            /* it thinks that it is a member */
	char ids[CLIENTS][16];
	bool has_topic[TOPICS];
	uint64_t random, seed;
	int32_t epoch_before;
};

static uint32_t pick(struct chaos *chaos, uint32_t count)
{
	uint64_t z = chaos->random += 0x9e3779b97f4a7c15u;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (uint32_t)((z ^ (z >> 31)) % count);
}

/* ---- what must always be true ---------------------------------------------------------------------------------------------------------- */

static bool shares(const struct client *a, const struct client *b)
{
	for (int32_t i = 0; i < a->topic_count; i++)
		for (int32_t j = 0; j < b->topic_count; j++)
			if (uuid_equal(&a->ids[i], &b->ids[j]) && (a->owned[i] & b->owned[j]))
				return true;
	return false;
}

static void check_owners(struct chaos *chaos)
{
	for (int i = 0; i < CLIENTS; i++)
		for (int j = i + 1; j < CLIENTS; j++)
			cr_assert_not(chaos->is_in[i] && chaos->is_in[j] && shares(&chaos->clients[i], &chaos->clients[j]),
				      "seed %llu: %d and %d own the same", (unsigned long long)chaos->seed, i, j);
}

static void check_epoch(struct chaos *chaos)
{
	struct kmsg_consumer_group_describe_group out;
	coordinator_describe_consumer_group(chaos->world.coordinator, chaos->world.clock, world_call(&chaos->world, 1), text("g"), &out);
	world_flush(&chaos->world);
	if (out.error_code == KERR_NONE)
		cr_assert_geq(out.group_epoch, chaos->epoch_before, "seed %llu", (unsigned long long)chaos->seed);
	chaos->epoch_before = out.error_code == KERR_NONE ? out.group_epoch : 0;
}

struct picture {
	struct slice *lines;            /* key and value in one, sorted */
	uint32_t count;
};

static int compare_lines(const void *a, const void *b)
{
	const struct slice *x = a, *y = b;
	int order = memcmp(x->data, y->data, x->size < y->size ? x->size : y->size);
	return order ? order : (x->size > y->size) - (x->size < y->size);
}

/* All that a coordinator would write of itself, records in any order. */
static struct picture take_picture(struct coordinator *coordinator)
{
	struct picture picture = {0};
	coordinator_snapshot_begin(coordinator);
	while (coordinator_snapshot_next(coordinator))
		;
	for (struct group_record *record = coordinator_outbox(coordinator)->records; record; record = record->next) {
		picture.lines = realloc(picture.lines, (picture.count + 1) * sizeof *picture.lines);
		uint8_t *line = malloc(record->key.size + record->value.size);
		memcpy(line, record->key.data, record->key.size);
		memcpy(line + record->key.size, record->value.data, record->value.size);
		picture.lines[picture.count++] = (struct slice){line, record->key.size + record->value.size};
	}
	group_outbox_clear(coordinator_outbox(coordinator));
	if (picture.count)
		qsort(picture.lines, picture.count, sizeof *picture.lines, compare_lines);
	return picture;
}

static void free_picture(struct picture *picture)
{
	for (uint32_t i = 0; i < picture->count; i++)
		free((void *)picture->lines[i].data);
	free(picture->lines);
}

static void check_replay(struct chaos *chaos)
{
	struct world *world = &chaos->world;
	struct coordinator *loaded;
	cr_assert_eq(coordinator_open(&loaded, &world->config, world->image, 3), 0);
	record_log_load(&world->log, loaded, world->clock);
	struct picture is = take_picture(world->coordinator), should = take_picture(loaded);
	cr_assert_eq(is.count, should.count, "seed %llu: %u records and %u", (unsigned long long)chaos->seed, is.count, should.count);
	for (uint32_t i = 0; i < is.count; i++)
		cr_assert(compare_lines(&is.lines[i], &should.lines[i]) == 0, "seed %llu: record %u", (unsigned long long)chaos->seed, i);
	free_picture(&is);
	free_picture(&should);
	group_outbox_clear(coordinator_outbox(loaded));
	coordinator_close(loaded);
}

/* ---- what happens -------------------------------------------------------------------------------------------------------------------------- */

static void forget_owned(struct client *client)
{
	client->topic_count = 0;
}

/* As clients do: fenced, it gives all up and joins again. */
static void heed(struct chaos *chaos, int i)
{
	struct client *client = &chaos->clients[i];
	if (client->error == KERR_NONE)
		return;
	cr_assert(client->error == KERR_UNKNOWN_MEMBER_ID || client->error == KERR_FENCED_MEMBER_EPOCH || client->error == KERR_UNRELEASED_INSTANCE_ID ||
			  client->error == KERR_FENCED_INSTANCE_ID || client->error == KERR_GROUP_ID_NOT_FOUND,
		  "seed %llu: %d %s", (unsigned long long)chaos->seed, client->error, client->message);
	forget_owned(client);
	client->epoch = 0;
	chaos->is_in[i] = false;
}

static void choose_topics(struct chaos *chaos, struct client *client)
{
	static const char *const patterns[] = {NULL, NULL, NULL, "blue-.*", "(red|green)"};
	memset(client->topics, 0, sizeof client->topics);
	client->pattern = patterns[pick(chaos, 5)];
	if (!client->pattern)
		client->pattern = ""; /* none: a pattern before is dropped */
	for (int n = 0, t = 0; t < TOPICS; t++)
		if (pick(chaos, 2))
			client->topics[n++] = topic_names[t];
}

static void join(struct chaos *chaos, int i)
{
	struct client *client = &chaos->clients[i];
	static int serial;
	if (!client->instance || pick(chaos, 2)) {
		snprintf(chaos->ids[i], sizeof chaos->ids[i], "m%d-%d", i, serial++);
		client->id = chaos->ids[i];
	}
	client_join(client);
	chaos->is_in[i] = chaos->is_up[i] = client->error == KERR_NONE;
	heed(chaos, i);
}

/* It has changed its mind, and says so; or only that it is there. */
static void beat(struct chaos *chaos, int i, bool is_answer_lost)
{
	struct client *client = &chaos->clients[i], before = *client;
	if (pick(chaos, 8) == 0) {
		choose_topics(chaos, client);
		arena_reset(&chaos->world.arena);
		struct kmsg_consumer_group_heartbeat_request in = client_request(client, &chaos->world.arena, true);
		client_add_owned(client, &in, &chaos->world.arena);
		client_send(client, 1, &in);
		client_done(client);
	} else if (client->is_asking || pick(chaos, 3)) {
		client_beat(client);
	} else {
		client_ping(client);
	}
	if (is_answer_lost && client->error == KERR_NONE) {
		client->is_asking = true;
		client->epoch = before.epoch;
		client->topic_count = before.topic_count;
		memcpy(client->ids, before.ids, sizeof client->ids);
		memcpy(client->owned, before.owned, sizeof client->owned);
	} else {
		heed(chaos, i);
	}
}

static void leave(struct chaos *chaos, int i)
{
	struct client *client = &chaos->clients[i];
	int32_t epoch = client->instance && pick(chaos, 2) ? -2 : -1;
	client_leave(client, epoch);
	forget_owned(client);
	chaos->is_in[i] = false;
	client->epoch = 0;
}

/* Clients that are down are out of the group when their session is over. */
static void pass(struct chaos *chaos, int64_t ms)
{
	world_pass(&chaos->world, ms);
	if (ms < 45000)
		return;
	for (int i = 0; i < CLIENTS; i++)
		if (!chaos->is_up[i]) {
			chaos->is_in[i] = false;
			forget_owned(&chaos->clients[i]);
		}
}

/* Everybody who is up is heard of often enough. */
static void pass_alive(struct chaos *chaos, int64_t ms)
{
	for (; ms > 0; ms -= 5000) {
		pass(chaos, 5000);
		for (int i = 0; i < CLIENTS; i++)
			if (chaos->is_up[i] && chaos->is_in[i]) {
				client_beat(&chaos->clients[i]);
				heed(chaos, i);
			}
	}
}

static void change_topic(struct chaos *chaos)
{
	uint32_t t = pick(chaos, TOPICS);
	if (!chaos->has_topic[t]) {
		world_make_topic(&chaos->world, topic_names[t], 1 + pick(chaos, 12));
		chaos->has_topic[t] = true;
	} else if (pick(chaos, 2)) {
		struct uuid id = world_topic_id(&chaos->world, topic_names[t]);
		uint32_t count = catalog_topic_by_id(chaos->world.image, &id)->partition_count;
		if (count < 40)
			cr_assert_eq(catalog_grow_topic(chaos->world.catalog, &id, count + 1 + pick(chaos, 5)), 0);
		world_set_image(&chaos->world);
		world_flush(&chaos->world);
	} else {
		world_delete_topic(&chaos->world, topic_names[t]);
		chaos->has_topic[t] = false;
	}
}

static void step(struct chaos *chaos)
{
	int i = (int)pick(chaos, CLIENTS);
	uint32_t what = pick(chaos, 100);
	if (!chaos->is_in[i] && what < 60) {
		if (!chaos->is_in[i])
			choose_topics(chaos, &chaos->clients[i]);
		join(chaos, i);
	} else if (chaos->is_up[i] && chaos->is_in[i] && what < 80) {
		beat(chaos, i, pick(chaos, 6) == 0);
	} else if (chaos->is_up[i] && chaos->is_in[i] && what < 85) {
		leave(chaos, i);
	} else if (what < 88) {
		chaos->is_up[i] = false;
	} else if (what < 93) {
		change_topic(chaos);
	} else if (what < 94) {
		pass_alive(chaos, 60000);
		for (int j = 0; j < CLIENTS; j++)
			if (!chaos->is_up[j]) {
				chaos->is_in[j] = false;
				forget_owned(&chaos->clients[j]);
			}
	} else if (what < 95) {
		world_restart(&chaos->world);
	} else {
		pass(chaos, 1 + pick(chaos, 2000));
	}
}

/* ---- the end ----------------------------------------------------------------------------------------------------------------------------------- */

static bool wants(const struct client *client, uint32_t t)
{
	bool is_wanted = false;
	for (int i = 0; i < 8 && client->topics[i]; i++)
		is_wanted = is_wanted || strcmp(client->topics[i], topic_names[t]) == 0;
	if (client->pattern && strcmp(client->pattern, "blue-.*") == 0)
		is_wanted = is_wanted || strncmp(topic_names[t], "blue-", 5) == 0;
	if (client->pattern && strcmp(client->pattern, "(red|green)") == 0)
		is_wanted = is_wanted || t < 2;
	return is_wanted;
}

static void check_all_owned(struct chaos *chaos)
{
	for (uint32_t t = 0; t < TOPICS; t++) {
		uint64_t owned = 0;
		bool is_wanted = false;
		if (!chaos->has_topic[t])
			continue;
		for (int i = 0; i < CLIENTS; i++) {
			if (!chaos->is_in[i])
				continue;
			is_wanted = is_wanted || wants(&chaos->clients[i], t);
			uint64_t has = client_owned(&chaos->clients[i], topic_names[t]);
			cr_assert(has == 0 || wants(&chaos->clients[i], t), "seed %llu", (unsigned long long)chaos->seed);
			owned |= has;
		}
		uint32_t count = catalog_topic_by_name(chaos->world.image, text(topic_names[t]))->partition_count;
		cr_assert_eq(owned, is_wanted ? ((uint64_t)1 << count) - 1 : 0, "seed %llu: topic %s", (unsigned long long)chaos->seed, topic_names[t]);
	}
}

/* All that are still down are put out, the others hear of each other. */
static void come_to_rest(struct chaos *chaos)
{
	for (int i = 0; i < CLIENTS; i++)
		if (!chaos->is_up[i] || !chaos->is_in[i])
			chaos->is_in[i] = chaos->is_up[i] = false;
	pass_alive(chaos, 200000);
	for (int i = 0; i < CLIENTS; i++)
		if (!chaos->is_up[i])
			forget_owned(&chaos->clients[i]);
	bool is_empty = true;
	for (int i = 0; i < CLIENTS; i++)
		is_empty = is_empty && !chaos->is_in[i];
	const char *state = group_state(&chaos->world, "g");
	if (!is_empty)
		cr_assert_str_eq(state, "Stable", "seed %llu: %s", (unsigned long long)chaos->seed, state);
	check_all_owned(chaos);
}

static void run_chaos(uint64_t seed)
{
	struct chaos *chaos = calloc(1, sizeof *chaos);
	static const char *const instances[CLIENTS] = {[0] = "one", [1] = "two"};
	chaos->seed = chaos->random = seed;
	world_open(&chaos->world);
	chaos->world.config.consumer_assignors = "uniform,range";
	for (int i = 0; i < CLIENTS; i++) {
		chaos->clients[i] = (struct client){.world = &chaos->world, .group = "g", .instance = instances[i]};
		chaos->clients[i].assignor = i == 3 ? "range" : NULL;
		snprintf(chaos->ids[i], sizeof chaos->ids[i], "m%d", i);
		chaos->clients[i].id = chaos->ids[i];
	}
	for (int t = 0; t < 3; t++)
		world_make_topic(&chaos->world, topic_names[t], 1 + pick(chaos, 12)), chaos->has_topic[t] = true;
	for (int i = 0; i < STEPS; i++) {
		step(chaos);
		check_owners(chaos);
		check_epoch(chaos);
		if (i % 20 == 0)
			check_replay(chaos);
	}
	come_to_rest(chaos);
	check_owners(chaos);
	check_replay(chaos);
	world_close(&chaos->world);
	free(chaos);
}

Test(consumer_random, no_partition_has_two_owners, .timeout = 300)
{
	const char *only = getenv("SEED");
	if (only)
		run_chaos(strtoull(only, NULL, 10));
	for (uint64_t seed = 1; !only && seed <= SEEDS; seed++)
		run_chaos(seed);
}
