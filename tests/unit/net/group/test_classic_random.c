/* Clients of a classic group that do what clients do, and crash, leave, lose connections and come back at random, over a coordinator that is killed
 * and loaded from its records at random. Held against: every call ends exactly once; generations rise; all members of a generation have one leader and
 * one protocol, and the leader was told of each of them; each gets what the leader gave it in this generation; what is loaded is what was
 * there; and when the noise ends, the group comes to rest with all who live in it, then without anybody, and holds nothing.
 *
 * SPATE_SEED=N runs one seed; a failure prints its seed. */
#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/group/classic.h"
#include "tests/unit/net/group/record_log.h"

#define CLIENTS 24
#define SESSION_MS 10000
#define REBALANCE_MS 30000
#define MEMBERS_MAX 128

enum phase { PHASE_OUT, PHASE_JOINING, PHASE_JOINED, PHASE_SYNCING, PHASE_STABLE };

struct client {
	bool is_alive;
	enum phase phase;
	int16_t version;
	char id[128], instance[32];      /* instance "": dynamic */
	char metadata[32], protocol[32];
	int32_t generation;
	bool is_leader, skips;
	char members[MEMBERS_MAX][128];
	int member_count;
	uint64_t heartbeat_ns;
	struct call *call;               /* what it waits for */
};

struct call {
	struct group_call call;
	struct arena arena;
	struct client *client;           /* NULL: nobody waits for it any more */
	bool is_finished, is_join, is_sync, is_heartbeat;
	struct kmsg_join_group_response join;
	struct kmsg_sync_group_response sync;
	struct kmsg_heartbeat_response heartbeat;
	struct kmsg_leave_group_response leave;
};

struct world {
	uint64_t seed, random;
	struct coordinator_config config;
	struct coordinator *coordinator;
	struct group_clock clock;
	struct client clients[CLIENTS];
	struct call **calls;
	uint32_t call_count, call_capacity;
	struct record_log log;
	int32_t generation;              /* the highest that anybody was told */
	char leader[128], protocol[32];  /* of that generation */
	uint32_t stable_syncs;
};

static const struct catalog_image image = {.by_id = (struct topic *[]){NULL}};

static uint32_t below(struct world *w, uint32_t bound)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return (uint32_t)(w->random >> 20) % bound;
}

#define HOLDS(condition, ...) cr_assert(condition, "seed %llu: " #condition, (unsigned long long)w->seed)

static void keep_text(char *out, size_t size, struct slice slice)
{
	snprintf(out, size, "%.*s", (int)slice.size, (const char *)slice.data);
}

/* ---- what clients do --------------------------------------------------------------------------------------------------------------------- */

static struct call *new_call(struct world *w, struct client *client)
{
	struct call *call = calloc(1, sizeof *call);
	if (w->call_count == w->call_capacity) {
		w->call_capacity = w->call_capacity ? 2 * w->call_capacity : 1024;
		w->calls = realloc(w->calls, w->call_capacity * sizeof(struct call *));
	}
	w->calls[w->call_count++] = call;
	arena_init(&call->arena, NULL, 0, 16 << 20);
	call->client = client;
	call->call.arena = &call->arena;
	call->call.version = client->version;
	call->call.client_id = slice_from("c");
	call->call.client_host = slice_from("/h");
	client->call = call;
	return call;
}

static struct slice instance_of(const struct client *client)
{
	return client->instance[0] ? slice_from(client->instance) : (struct slice){0};
}

static void join(struct world *w, struct client *client)
{
	struct call *call = new_call(w, client);
	struct kmsg_join_group_request in;
	struct kmsg_join_group_protocol protocols[2] = {{slice_from("range"), slice_from(client->metadata)}, {slice_from("rr"), slice_from(client->metadata)}};
	kmsg_join_group_request_init(&in);
	in.group_id = slice_from("g");
	in.session_timeout_ms = SESSION_MS;
	in.rebalance_timeout_ms = REBALANCE_MS;
	in.member_id = client->id[0] ? slice_from(client->id) : SLICE_EMPTY;
	in.group_instance_id = instance_of(client);
	in.protocol_type = slice_from("consumer");
	in.protocols.items = protocols;
	in.protocols.count = 2;
	call->is_join = true;
	client->phase = PHASE_JOINING;
	coordinator_join_group(w->coordinator, w->clock, &call->call, &in, &call->join);
}

/* The assignment says for whom and for which generation it was made. */
static void sync_group(struct world *w, struct client *client)
{
	struct call *call = new_call(w, client);
	struct kmsg_sync_group_request in;
	struct kmsg_sync_group_assignment assignments[MEMBERS_MAX];
	char texts[MEMBERS_MAX][160];
	kmsg_sync_group_request_init(&in);
	in.group_id = slice_from("g");
	in.generation_id = client->generation;
	in.member_id = slice_from(client->id);
	in.group_instance_id = instance_of(client);
	in.protocol_type = slice_from("consumer");
	in.protocol_name = slice_from(client->protocol);
	for (int i = 0; client->is_leader && i < client->member_count; i++) {
		snprintf(texts[i], sizeof texts[i], "%d:%s", client->generation, client->members[i]);
		assignments[i] = (struct kmsg_sync_group_assignment){slice_from(client->members[i]), slice_from(texts[i])};
	}
	in.assignments.items = assignments;
	in.assignments.count = client->is_leader && !client->skips ? client->member_count : 0;
	call->is_sync = true;
	client->phase = PHASE_SYNCING;
	coordinator_sync_group(w->coordinator, w->clock, &call->call, &in, &call->sync);
}

static void heartbeat(struct world *w, struct client *client)
{
	struct call *call = new_call(w, client);
	struct kmsg_heartbeat_request in;
	kmsg_heartbeat_request_init(&in);
	in.group_id = slice_from("g");
	in.generation_id = client->generation;
	in.member_id = slice_from(client->id);
	in.group_instance_id = instance_of(client);
	call->is_heartbeat = true;
	client->heartbeat_ns = w->clock.now_ns + UINT64_C(3000000000);
	coordinator_heartbeat(w->coordinator, w->clock, &call->call, &in, &call->heartbeat);
}

static void leave(struct world *w, struct client *client)
{
	struct call *call = new_call(w, client);
	struct kmsg_leave_group_request in;
	struct kmsg_leave_group_member member = {.member_id = slice_from(client->id), .group_instance_id = instance_of(client)};
	kmsg_leave_group_request_init(&in);
	in.group_id = slice_from("g");
	in.members.items = &member;
	in.members.count = 1;
	call->client = NULL;
	client->call = NULL;
	coordinator_leave_group(w->coordinator, w->clock, &call->call, &in, &call->leave);
}

/* Its process is gone. The broker may hear of it, or not. */
static void crash(struct world *w, struct client *client)
{
	if (client->call) {
		struct call *call = client->call;
		call->client = NULL;
		if (below(w, 2))
			coordinator_cancel(w->coordinator, w->clock, &call->call);
	}
	client->call = NULL;
	client->is_alive = false;
	client->phase = PHASE_OUT;
	client->id[0] = '\0';
}

static void start(struct world *w, struct client *client)
{
	static const int16_t versions[] = {3, 5, 7, 9};
	uint32_t number = (uint32_t)(client - w->clients);
	bool is_static = number % 3 == 0;
	*client = (struct client){.is_alive = true, .version = is_static ? 5 + 4 * (int16_t)below(w, 2) : versions[below(w, 4)]};
	snprintf(client->metadata, sizeof client->metadata, "m%u", below(w, 3));
	if (is_static)
		snprintf(client->instance, sizeof client->instance, "i%u", number);
}

/* ---- what clients hear ---------------------------------------------------------------------------------------------------------------------- */

static void start_over(struct client *client)
{
	client->id[0] = '\0';
	client->phase = PHASE_OUT;
}

/* All who are told of a generation are told the same. (A leader that came back and cannot skip is told the id it had.) */
static void check_generation(struct world *w, const struct client *client, const struct kmsg_join_group_response *out)
{
	char leader[128], protocol[32];
	keep_text(leader, sizeof leader, out->leader);
	keep_text(protocol, sizeof protocol, out->protocol_name);
	if (out->generation_id > w->generation) {
		w->generation = out->generation_id;
		snprintf(w->leader, sizeof w->leader, "%s", leader);
		snprintf(w->protocol, sizeof w->protocol, "%s", protocol);
	} else if (out->generation_id == w->generation) {
		HOLDS(strcmp(protocol, w->protocol) == 0);
		if (strcmp(leader, w->leader) != 0)
			snprintf(w->leader, sizeof w->leader, "%s", leader); /* the leader is static and came back */
	}
	HOLDS(!client->is_leader || out->members.count > 0);
}

static void hear_join(struct world *w, struct client *client, const struct kmsg_join_group_response *out)
{
	switch (out->error_code) {
	case KERR_NONE:
		break;
	case KERR_MEMBER_ID_REQUIRED:
		HOLDS(client->id[0] == '\0' && client->version >= 4 && !client->instance[0]);
		keep_text(client->id, sizeof client->id, out->member_id);
		client->phase = PHASE_OUT;
		return;
	case KERR_REBALANCE_IN_PROGRESS:
	case KERR_NOT_COORDINATOR:
		client->phase = PHASE_OUT;
		return;
	case KERR_FENCED_INSTANCE_ID:
	case KERR_UNKNOWN_MEMBER_ID:
		start_over(client);
		return;
	default:
		cr_assert_fail("seed %llu: join %d", (unsigned long long)w->seed, out->error_code);
	}
	keep_text(client->id, sizeof client->id, out->member_id);
	keep_text(client->protocol, sizeof client->protocol, out->protocol_name);
	client->generation = out->generation_id;
	client->is_leader = slice_equal(out->leader, out->member_id);
	client->skips = out->skip_assignment;
	client->member_count = out->members.count;
	HOLDS(client->member_count <= MEMBERS_MAX);
	bool is_among = !client->is_leader;
	for (int32_t i = 0; i < out->members.count; i++) {
		keep_text(client->members[i], sizeof client->members[i], out->members.items[i].member_id);
		is_among |= slice_equal(out->members.items[i].member_id, out->member_id);
	}
	HOLDS(is_among);
	check_generation(w, client, out);
	client->phase = PHASE_JOINED;
	client->heartbeat_ns = w->clock.now_ns + UINT64_C(3000000000);
}

/* What a static member inherits was made for the id it had. */
static void check_assignment(struct world *w, const struct client *client, struct slice assignment)
{
	char text[192], wanted[192];
	keep_text(text, sizeof text, assignment);
	snprintf(wanted, sizeof wanted, "%d:%s", client->generation, client->id);
	bool is_of_generation = atoi(text) == client->generation;
	HOLDS(client->instance[0] ? is_of_generation || assignment.size == 0 : strcmp(text, wanted) == 0);
}

static void hear_sync(struct world *w, struct client *client, const struct kmsg_sync_group_response *out)
{
	switch (out->error_code) {
	case KERR_NONE:
		check_assignment(w, client, out->assignment);
		client->phase = PHASE_STABLE;
		w->stable_syncs++;
		return;
	case KERR_REBALANCE_IN_PROGRESS:
	case KERR_NOT_COORDINATOR:
		client->phase = PHASE_OUT;
		return;
	case KERR_ILLEGAL_GENERATION:
	case KERR_UNKNOWN_MEMBER_ID:
	case KERR_FENCED_INSTANCE_ID:
		start_over(client);
		return;
	default:
		cr_assert_fail("seed %llu: sync %d", (unsigned long long)w->seed, out->error_code);
	}
}

static void hear_heartbeat(struct world *w, struct client *client, const struct kmsg_heartbeat_response *out)
{
	switch (out->error_code) {
	case KERR_NONE:
	case KERR_NOT_COORDINATOR:
		return;
	case KERR_REBALANCE_IN_PROGRESS:
		client->phase = PHASE_OUT;
		return;
	case KERR_ILLEGAL_GENERATION:
	case KERR_UNKNOWN_MEMBER_ID:
	case KERR_FENCED_INSTANCE_ID:
		start_over(client);
		return;
	default:
		cr_assert_fail("seed %llu: heartbeat %d", (unsigned long long)w->seed, out->error_code);
	}
}

static void hear(struct world *w, struct call *call)
{
	struct client *client = call->client;
	HOLDS(!call->is_finished && !call->call.is_out_of_memory);
	call->is_finished = true;
	if (client && client->call == call) {
		client->call = NULL;
		if (call->is_join)
			hear_join(w, client, &call->join);
		else if (call->is_sync)
			hear_sync(w, client, &call->sync);
		else if (call->is_heartbeat)
			hear_heartbeat(w, client, &call->heartbeat);
	}
}

static void collect(struct world *w)
{
	struct group_outbox *outbox = coordinator_outbox(w->coordinator);
	record_log_take(&w->log, outbox);
	for (struct list *node; (node = list_pop_front(&outbox->finished));)
		hear(w, CONTAINER_OF(LIST_ENTRY(node, struct group_call, node), struct call, call));
	group_outbox_clear(outbox);
}

/* ---- the coordinator dies ------------------------------------------------------------------------------------------------------------------- */

static void open_and_load(struct world *w, struct coordinator **out)
{
	HOLDS(coordinator_open(out, &w->config, &image, w->random) == 0);
	record_log_load(&w->log, *out, w->clock);
}

/* The state as text; only what a record knows. */
static void print_state(struct coordinator *coordinator, char *out, size_t size)
{
	struct group *group = group__find(coordinator, slice_from("g"));
	size_t used = 0;
	out[0] = '\0';
	if (!group)
		return;
	used += (size_t)snprintf(out, size, "%s g%d %.*s leader=%.*s", classic_state_name(group->classic->state), group->classic->generation,
				 (int)group->classic->protocol.size, (const char *)group->classic->protocol.data,
				 group->classic->leader ? (int)group->classic->leader->by_id.name.size : 0,
				 group->classic->leader ? (const char *)group->classic->leader->by_id.name.data : "");
	LIST_FOR_EACH(node, &group->classic->members) {
		const struct classic_member *member = LIST_ENTRY(node, struct classic_member, node);
		used += (size_t)snprintf(out + used, size - used, " %.*s/%.*s=%.*s", (int)member->by_id.name.size, (const char *)member->by_id.name.data,
					 (int)member->by_instance.name.size, (const char *)member->by_instance.name.data, (int)member->assignment.size,
					 (const char *)member->assignment.data);
	}
}

/* What is loaded is what was there, if no rebalance was on. */
static void check_load(struct world *w)
{
	static char now[1 << 16], loaded[1 << 16];
	struct group *group = group__find(w->coordinator, slice_from("g"));
	struct coordinator *other;
	if (!group || (group->classic->state != CLASSIC_STABLE && group->classic->state != CLASSIC_EMPTY) || group->classic->pending_count)
		return;
	open_and_load(w, &other);
	print_state(w->coordinator, now, sizeof now);
	print_state(other, loaded, sizeof loaded);
	cr_assert_str_eq(now, loaded, "seed %llu:\n%s\n%s", (unsigned long long)w->seed, now, loaded);
	coordinator_close(other);
}

static void restart(struct world *w)
{
	check_load(w);
	coordinator_fail_calls(w->coordinator, KERR_NOT_COORDINATOR);
	collect(w);
	coordinator_close(w->coordinator);
	open_and_load(w, &w->coordinator);
	w->generation = -1; /* an unfinished generation may be told again, to others */
	collect(w);
}

/* All that came before the snapshot goes. */
static void snapshot(struct world *w)
{
	record_log_trim(&w->log, w->log.count);
	coordinator_snapshot_begin(w->coordinator);
	while (coordinator_snapshot_next(w->coordinator))
		;
	collect(w);
	check_load(w);
}

/* ---- time --------------------------------------------------------------------------------------------------------------------------------------- */

static void pass(struct world *w, uint32_t ms)
{
	w->clock.now_ns += (uint64_t)ms * 1000000;
	w->clock.wall_ms += ms;
	if (coordinator_deadline(w->coordinator) <= w->clock.now_ns)
		coordinator_tick(w->coordinator, w->clock);
	collect(w);
}

static void act(struct world *w, struct client *client)
{
	if (!client->is_alive || client->call)
		return;
	if (client->phase == PHASE_OUT)
		join(w, client);
	else if (client->phase == PHASE_JOINED)
		sync_group(w, client);
	else if (client->phase == PHASE_STABLE && w->clock.now_ns >= client->heartbeat_ns)
		heartbeat(w, client);
	collect(w);
}

static void all_act(struct world *w)
{
	uint32_t first = below(w, CLIENTS);
	for (uint32_t i = 0; i < CLIENTS; i++)
		act(w, &w->clients[(first + i) % CLIENTS]);
}

static void make_trouble(struct world *w)
{
	struct client *client = &w->clients[below(w, CLIENTS)];
	switch (below(w, 12)) {
	case 0: case 1:
		if (client->is_alive)
			crash(w, client);
		break;
	case 2: case 3: case 4: case 5:
		if (!client->is_alive)
			start(w, client);
		break;
	case 6:
		if (client->is_alive && client->id[0] && !client->call) {
			leave(w, client);
			client->is_alive = false;
		}
		break;
	case 7: /* the connection breaks, and it joins anew by another */
		if (client->call && client->call->is_join) {
			client->call->client = NULL;
			coordinator_cancel(w->coordinator, w->clock, &client->call->call);
			client->call = NULL;
			client->phase = PHASE_OUT;
		}
		break;
	case 8: /* it subscribes to something else */
		snprintf(client->metadata, sizeof client->metadata, "m%u", below(w, 3));
		if (client->is_alive && client->phase == PHASE_STABLE && !client->call)
			client->phase = PHASE_OUT;
		break;
	case 9:
		if (below(w, 8) == 0)
			restart(w);
		break;
	case 10:
		if (below(w, 8) == 0)
			snapshot(w);
		break;
	default:
		pass(w, below(w, 8000)); /* everybody is slow */
	}
	collect(w);
}

static bool is_at_rest(struct world *w)
{
	for (int i = 0; i < CLIENTS; i++)
		if (w->clients[i].is_alive && (w->clients[i].phase != PHASE_STABLE || w->clients[i].call))
			return false;
	return true;
}

static void check_rest(struct world *w)
{
	struct group *group = group__find(w->coordinator, slice_from("g"));
	uint32_t alive = 0;
	for (int i = 0; i < CLIENTS; i++)
		alive += w->clients[i].is_alive;
	HOLDS(group);
	if (!alive)
		return;
	HOLDS(group->classic->state == CLASSIC_STABLE);
	HOLDS(group->classic->member_count == alive);
	HOLDS(list_is_empty(&w->coordinator->waiting));
	for (int i = 0; i < CLIENTS; i++)
		HOLDS(!w->clients[i].is_alive || w->clients[i].generation == group->classic->generation);
}

/* Nobody makes trouble any more: all must come to rest. Who is dead is found out by then. */
static void come_to_rest(struct world *w)
{
	for (int i = 0; i < 600; i++) {
		pass(w, 200);
		all_act(w);
	}
	HOLDS(is_at_rest(w));
	check_rest(w);
	check_load(w);
}

static void check_nothing_is_left(struct world *w)
{
	struct client last = {.version = 5};
	for (int i = 0; i < CLIENTS; i++)
		if (w->clients[i].is_alive)
			crash(w, &w->clients[i]);
	for (int i = 0; i < 200; i++)
		pass(w, 2000);
	struct group *group = group__find(w->coordinator, slice_from("g"));
	HOLDS(group && classic_is_empty(group->classic) && group->classic->pending_count == 0);
	HOLDS(list_is_empty(&w->coordinator->waiting));
	HOLDS(w->coordinator->timers.count == 1); /* the expiry of offsets */
	struct call *call = new_call(w, &last);
	struct kmsg_delete_groups_result result;
	call->client = NULL;
	coordinator_delete_group(w->coordinator, w->clock, &call->call, slice_from("g"), &result);
	collect(w);
	HOLDS(result.error_code == KERR_NONE && w->coordinator->memory_bytes == 0);
}

static void run_seed(uint64_t seed, uint32_t rounds)
{
	struct world *w = calloc(1, sizeof *w);
	w->seed = w->log.seed = seed;
	w->random = seed * 0x9e3779b97f4a7c15u + 1;
	w->clock = (struct group_clock){.now_ns = 1000000000, .wall_ms = 1700000000000};
	w->generation = -1;
	w->config = (struct coordinator_config){
		.session_timeout_ms_min = 6000, .session_timeout_ms_max = 1800000, .initial_rebalance_delay_ms = 3000, .group_size_max = INT32_MAX,
		.offsets_retention_ms = INT64_C(7) * 86400000, .offsets_retention_check_interval_ms = 600000000, .memory_bytes_max = 64 << 20,
	};
	open_and_load(w, &w->coordinator);
	start(w, &w->clients[0]);
	for (uint32_t round = 0; round < rounds; round++) {
		for (int i = 0; i < 400; i++) {
			make_trouble(w);
			pass(w, below(w, 400));
			all_act(w);
		}
		come_to_rest(w);
	}
	check_nothing_is_left(w);
	if (getenv("SPATE_SEED")) fprintf(stderr, "syncs %u calls %u records %u\n", w->stable_syncs, w->call_count, w->log.count);
	cr_assert(w->stable_syncs > rounds, "seed %llu: nobody ever synced", (unsigned long long)seed);
	for (uint32_t i = 0; i < w->call_count; i++) {
		HOLDS(w->calls[i]->is_finished);
		arena_fini(&w->calls[i]->arena);
		free(w->calls[i]);
	}
	coordinator_close(w->coordinator);
	record_log_free(&w->log);
	free(w->calls);
	free(w);
}

/* Twenty seeds, or the one that is asked for. */
Test(classic_random, clients_come_and_go, .timeout = 120)
{
	const char *asked = getenv("SPATE_SEED");
	if (asked) {
		run_seed(strtoull(asked, NULL, 10), 10);
		return;
	}
	for (uint64_t seed = 1; seed <= 20; seed++)
		run_seed(seed, 5);
}
