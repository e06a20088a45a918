/* A member of a consumer group as its client is: it keeps its epoch and what it owns, heartbeats, and takes over what the answer says. On top of the
 * world of offset_world.h. */
#pragma once

#include "offset_world.h"

#include <stdio.h>
#define CLIENT_TOPICS_MAX 16
#define CLIENT_PARTITIONS_MAX 64

struct client {
	struct world *world;
	const char *group, *id, *instance;
	const char *topics[8];         /* NULL-terminated */
	const char *pattern, *assignor;
	int32_t epoch;
	bool is_asking;                /* an answer was lost: the next heartbeat says everything, and is told everything */
	/* What it owns, as its last answer said. */
	struct uuid ids[CLIENT_TOPICS_MAX];
	uint64_t owned[CLIENT_TOPICS_MAX]; /* a bit for each partition */
	int32_t topic_count;
	/* The last answer. */
	enum kerr error;
	char message[400];
	char member_id[64];
	int32_t answered_epoch, heartbeat_interval_ms;
	bool has_assignment;
};

static inline struct client client_make(struct world *world, const char *group, const char *id, const char *topic)
{
	return (struct client){.world = world, .group = group, .id = id, .topics = {topic}};
}

/* A request in the arena, for the caller to change; `full` says everything. */
static inline struct kmsg_consumer_group_heartbeat_request client_request(const struct client *client, struct arena *arena, bool full)
{
	struct kmsg_consumer_group_heartbeat_request in;
	kmsg_consumer_group_heartbeat_request_init(&in);
	in.group_id = text(client->group);
	in.member_id = text(client->id);
	in.member_epoch = client->epoch;
	in.instance_id = client->instance ? text(client->instance) : (struct slice){0};
	in.rebalance_timeout_ms = -1;
	in.subscribed_topic_names.count = -1;
	in.topic_partitions.count = -1;
	if (!full)
		return in;
	in.rebalance_timeout_ms = 60000;
	in.server_assignor = client->assignor ? text(client->assignor) : (struct slice){0};
	in.subscribed_topic_regex = client->pattern ? text(client->pattern) : (struct slice){0};
	in.subscribed_topic_names.items = arena_alloc(arena, sizeof client->topics / sizeof *client->topics * sizeof(struct slice));
	in.subscribed_topic_names.count = 0;
	for (int i = 0; i < 8 && client->topics[i]; i++)
		in.subscribed_topic_names.items[in.subscribed_topic_names.count++] = text(client->topics[i]);
	return in;
}

static inline void client_add_owned(const struct client *client, struct kmsg_consumer_group_heartbeat_request *in, struct arena *arena)
{
	in->topic_partitions.items = arena_alloc(arena, CLIENT_TOPICS_MAX * sizeof *in->topic_partitions.items);
	in->topic_partitions.count = client->topic_count;
	for (int32_t i = 0; i < client->topic_count; i++) {
		int32_t *partitions = arena_alloc(arena, CLIENT_PARTITIONS_MAX * sizeof *partitions), count = 0;
		for (int32_t p = 0; p < CLIENT_PARTITIONS_MAX; p++)
			if (client->owned[i] >> p & 1)
				partitions[count++] = p;
		in->topic_partitions.items[i].topic_id = client->ids[i];
		in->topic_partitions.items[i].partitions.items = partitions;
		in->topic_partitions.items[i].partitions.count = count;
	}
}

static inline void client_take(struct client *client, const struct kmsg_consumer_group_heartbeat_response *out)
{
	client->error = out->error_code;
	snprintf(client->message, sizeof client->message, "%.*s", (int)out->error_message.size, (const char *)out->error_message.data);
	snprintf(client->member_id, sizeof client->member_id, "%.*s", (int)out->member_id.size, (const char *)out->member_id.data);
	client->answered_epoch = out->member_epoch;
	client->heartbeat_interval_ms = out->heartbeat_interval_ms;
	client->has_assignment = out->assignment != NULL;
	if (!out->assignment)
		return;
	client->topic_count = out->assignment->topic_partitions.count;
	for (int32_t i = 0; i < client->topic_count; i++) {
		const struct kmsg_consumer_group_heartbeat_topic_partitions *item = &out->assignment->topic_partitions.items[i];
		client->ids[i] = item->topic_id;
		client->owned[i] = 0;
		for (int32_t j = 0; j < item->partitions.count; j++)
			client->owned[i] |= (uint64_t)1 << item->partitions.items[j];
	}
}

/* Sends any request in this version; the answer is in the client. Returns its error. */
static inline enum kerr client_send(struct client *client, int16_t version, const struct kmsg_consumer_group_heartbeat_request *in)
{
	struct kmsg_consumer_group_heartbeat_response out;
	struct group_call *call = &client->world->call;
	*call = (struct group_call){.arena = &client->world->arena, .version = version, .client_id = text("test"), .client_host = text("/127.0.0.1")};
	coordinator_consumer_group_heartbeat(client->world->coordinator, client->world->clock, call, in, &out);
	cr_assert(!list_is_empty(&coordinator_outbox(client->world->coordinator)->finished), "the call has not finished");
	cr_assert_not(call->is_out_of_memory);
	client_take(client, &out);
	return client->error;
}

static inline enum kerr client_done(struct client *client)
{
	world_flush(client->world);
	if (client->error == KERR_NONE)
		client->epoch = client->answered_epoch;
	return client->error;
}

static inline enum kerr client_join(struct client *client)
{
	arena_reset(&client->world->arena);
	client->epoch = 0;
	client->topic_count = 0;
	struct kmsg_consumer_group_heartbeat_request in = client_request(client, &client->world->arena, true);
	in.topic_partitions.count = 0;
	client_send(client, 1, &in);
	return client_done(client);
}

/* A heartbeat that says what the client owns. */
static inline enum kerr client_beat(struct client *client)
{
	arena_reset(&client->world->arena);
	struct kmsg_consumer_group_heartbeat_request in = client_request(client, &client->world->arena, client->is_asking);
	client_add_owned(client, &in, &client->world->arena);
	client_send(client, 1, &in);
	client->is_asking = false;
	return client_done(client);
}

/* A heartbeat that says nothing new. */
static inline enum kerr client_ping(struct client *client)
{
	arena_reset(&client->world->arena);
	struct kmsg_consumer_group_heartbeat_request in = client_request(client, &client->world->arena, false);
	client_send(client, 1, &in);
	return client_done(client);
}

static inline enum kerr client_leave(struct client *client, int32_t epoch)
{
	arena_reset(&client->world->arena);
	client->epoch = epoch;
	struct kmsg_consumer_group_heartbeat_request in = client_request(client, &client->world->arena, false);
	client_send(client, 1, &in);
	return client_done(client);
}

/* The partitions it owns of a topic, as bits. */
static inline uint64_t client_owned(const struct client *client, const char *topic)
{
	struct uuid id = world_topic_id(client->world, topic);
	for (int32_t i = 0; i < client->topic_count; i++)
		if (uuid_equal(&client->ids[i], &id))
			return client->owned[i];
	return 0;
}

/* "Stable". */
static inline const char *group_state(struct world *world, const char *group)
{
	static char state[32];
	struct kmsg_consumer_group_describe_group out;
	coordinator_describe_consumer_group(world->coordinator, world->clock, world_call(world, 1), text(group), &out);
	world_flush(world);
	snprintf(state, sizeof state, "%.*s", (int)out.group_state.size, (const char *)out.group_state.data);
	return out.error_code ? "absent" : state;
}
