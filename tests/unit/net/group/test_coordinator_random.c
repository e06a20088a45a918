/* Everything at once: all verbs, of both protocols, on a few groups with a few members, in any order and with arguments that are often wrong, with
 * restarts, snapshots, deleted topics and time that jumps. Held against: nothing aborts; every call ends exactly once; what is loaded is what
 * was there, as far as describing tells; and when all groups are deleted, no memory is held.
 *
 * SPATE_SEED=N runs one seed; a failure prints its seed. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/group/classic.h"
#include "net/group/offsets.h"
#include "tests/unit/net/group/record_log.h"

#define GROUPS 3
#define IDS_MAX 12
#define TOPICS 3

struct call {
	struct group_call call;
	struct arena arena;
	bool is_finished;
	const char *verb;
	uint32_t group;
	union {
		struct kmsg_join_group_response join;
		struct kmsg_sync_group_response sync;
		struct kmsg_heartbeat_response heartbeat;
		struct kmsg_leave_group_response leave;
		struct kmsg_offset_commit_response commit;
		struct kmsg_consumer_group_heartbeat_response consumer;
		struct kmsg_describe_groups_group describe;
		struct kmsg_consumer_group_describe_group describe_consumer;
		struct kmsg_delete_groups_result delete;
		struct {
			struct kmsg_list_groups_group *items;
			uint32_t count;
		} list;
	} out;
};

struct world {
	uint64_t seed, random;
	struct coordinator_config config;
	struct coordinator *coordinator;
	struct group_clock clock;
	struct topic topics[TOPICS];
	struct topic *by_name[TOPICS], *by_id[8];
	struct catalog_image images[2];    /* with all topics, and without the last */
	uint32_t image;
	char ids[GROUPS][IDS_MAX][80];     /* that members were given, or gave themselves */
	uint32_t id_count[GROUPS];
	int32_t epochs[GROUPS];            /* the last generation or epoch that was told */
	struct call **calls;
	uint32_t call_count, call_capacity;
	struct record_log log;
	uint64_t successes;
};

static const char *const group_names[GROUPS] = {"g0", "g1", "g2"};
static const char *const topic_names[TOPICS] = {"t0", "t1", "t2"};

#define HOLDS(condition) cr_assert(condition, "seed %llu: " #condition, (unsigned long long)w->seed)

static uint32_t below(struct world *w, uint32_t bound)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return (uint32_t)(w->random >> 20) % bound;
}

static void make_topics(struct world *w)
{
	for (uint32_t i = 0; i < TOPICS; i++) {
		struct topic *topic = &w->topics[i];
		snprintf(topic->name, sizeof topic->name, "%s", topic_names[i]);
		topic->id.bytes[8] = (uint8_t)(i + 1);
		topic->partition_count = 2 + 3 * i;
		w->by_name[i] = topic;
		w->by_id[i + 1] = topic;
	}
	static struct topic *without_last[8];
	memcpy(without_last, w->by_id, sizeof without_last);
	without_last[TOPICS] = NULL;
	w->images[0] = (struct catalog_image){.version = 1, .topic_count = TOPICS, .topics = w->by_name, .by_id = w->by_id, .by_id_mask = 7};
	w->images[1] = (struct catalog_image){.version = 2, .topic_count = TOPICS - 1, .topics = w->by_name, .by_id = without_last, .by_id_mask = 7};
}

/* ---- calls --------------------------------------------------------------------------------------------------------------------------------- */

static struct call *new_call(struct world *w, const char *verb, int16_t version)
{
	struct call *call = calloc(1, sizeof *call);
	if (w->call_count == w->call_capacity) {
		w->call_capacity = w->call_capacity ? 2 * w->call_capacity : 1024;
		w->calls = realloc(w->calls, w->call_capacity * sizeof(struct call *));
	}
	w->calls[w->call_count++] = call;
	arena_init(&call->arena, NULL, 0, 16 << 20);
	call->verb = verb;
	call->group = below(w, GROUPS);
	call->call.arena = &call->arena;
	call->call.version = version;
	call->call.client_id = slice_from("c");
	call->call.client_host = slice_from("/h");
	return call;
}

static struct slice group_of(const struct call *call)
{
	return slice_from(group_names[call->group]);
}

static struct slice any_id(struct world *w, uint32_t group)
{
	if (below(w, 12) == 0 || w->id_count[group] == 0)
		return below(w, 2) ? SLICE_EMPTY : slice_from("nobody");
	return slice_from(w->ids[group][below(w, w->id_count[group])]);
}

static struct slice any_instance(struct world *w)
{
	static const char *const instances[] = {"i0", "i1", "i2"};
	return below(w, 3) ? (struct slice){0} : slice_from(instances[below(w, 3)]);
}

static int32_t any_epoch(struct world *w, uint32_t group)
{
	return below(w, 8) ? w->epochs[group] : (int32_t)below(w, 5) - 2;
}

static void learn(struct world *w, uint32_t group, struct slice id)
{
	for (uint32_t i = 0; i < w->id_count[group]; i++)
		if (slice_equal(slice_from(w->ids[group][i]), id))
			return;
	if (id.size == 0 || id.size >= sizeof w->ids[0][0])
		return;
	uint32_t place = w->id_count[group] < IDS_MAX ? w->id_count[group]++ : below(w, IDS_MAX);
	snprintf(w->ids[group][place], sizeof w->ids[group][place], "%.*s", (int)id.size, (const char *)id.data);
}

/* What a consumer says of itself in JoinGroup, version 0: topics, no user data; now and then nonsense. */
static struct slice subscription(struct world *w, struct call *call)
{
	uint8_t *bytes = arena_alloc(&call->arena, 64);
	struct writer writer = writer_into(bytes, 64);
	if (below(w, 10) == 0)
		return slice_from("nonsense");
	writer_int16(&writer, 0);
	uint32_t count = 1 + below(w, 2);
	writer_int32(&writer, (int32_t)count);
	for (uint32_t i = 0; i < count; i++)
		writer_string(&writer, false, NOT_NULL, slice_from(topic_names[below(w, TOPICS)]));
	writer_int32(&writer, -1);
	return (struct slice){bytes, writer.position};
}

static void join(struct world *w)
{
	struct call *call = new_call(w, "join", (int16_t)(3 + below(w, 7)));
	struct kmsg_join_group_request in;
	struct kmsg_join_group_protocol protocols[2] = {{slice_from("range"), subscription(w, call)}, {slice_from("rr"), subscription(w, call)}};
	kmsg_join_group_request_init(&in);
	in.group_id = group_of(call);
	in.session_timeout_ms = below(w, 20) ? 6000 + (int32_t)below(w, 20000) : 5;
	in.rebalance_timeout_ms = (int32_t)below(w, 30000);
	in.member_id = below(w, 3) ? any_id(w, call->group) : SLICE_EMPTY;
	in.group_instance_id = call->call.version >= 5 ? any_instance(w) : (struct slice){0};
	in.protocol_type = below(w, 20) ? slice_from("consumer") : slice_from("connect");
	in.protocols.items = protocols;
	in.protocols.count = (int32_t)(below(w, 15) ? 1 + below(w, 2) : 0);
	coordinator_join_group(w->coordinator, w->clock, &call->call, &in, &call->out.join);
}

static void sync_group(struct world *w)
{
	struct call *call = new_call(w, "sync", 3);
	struct kmsg_sync_group_request in;
	struct kmsg_sync_group_assignment assignments[IDS_MAX];
	kmsg_sync_group_request_init(&in);
	in.group_id = group_of(call);
	in.generation_id = any_epoch(w, call->group);
	in.member_id = any_id(w, call->group);
	in.group_instance_id = any_instance(w);
	for (uint32_t i = 0; i < w->id_count[call->group]; i++)
		assignments[i] = (struct kmsg_sync_group_assignment){slice_from(w->ids[call->group][i]), slice_from("work")};
	in.assignments.items = assignments;
	in.assignments.count = (int32_t)w->id_count[call->group];
	coordinator_sync_group(w->coordinator, w->clock, &call->call, &in, &call->out.sync);
}

static void heartbeat(struct world *w)
{
	struct call *call = new_call(w, "heartbeat", 3);
	struct kmsg_heartbeat_request in;
	kmsg_heartbeat_request_init(&in);
	in.group_id = group_of(call);
	in.generation_id = any_epoch(w, call->group);
	in.member_id = any_id(w, call->group);
	in.group_instance_id = any_instance(w);
	coordinator_heartbeat(w->coordinator, w->clock, &call->call, &in, &call->out.heartbeat);
}

static void leave(struct world *w)
{
	struct call *call = new_call(w, "leave", 5);
	struct kmsg_leave_group_request in;
	struct kmsg_leave_group_member members[3];
	kmsg_leave_group_request_init(&in);
	in.group_id = group_of(call);
	in.members.items = members;
	in.members.count = (int32_t)below(w, 4);
	for (int32_t i = 0; i < in.members.count; i++)
		members[i] = (struct kmsg_leave_group_member){any_id(w, call->group), any_instance(w), {0}};
	coordinator_leave_group(w->coordinator, w->clock, &call->call, &in, &call->out.leave);
}

static void commit(struct world *w)
{
	struct call *call = new_call(w, "commit", (int16_t)(7 + below(w, 3)));
	struct kmsg_offset_commit_request in;
	struct kmsg_offset_commit_topic topic;
	struct kmsg_offset_commit_partition partition = {(int32_t)below(w, 4), (int64_t)below(w, 1000), -1, slice_from("note")};
	kmsg_offset_commit_request_init(&in);
	kmsg_offset_commit_topic_init(&topic);
	in.group_id = group_of(call);
	in.generation_id_or_member_epoch = below(w, 2) ? any_epoch(w, call->group) : -1;
	in.member_id = below(w, 2) ? any_id(w, call->group) : SLICE_EMPTY;
	in.group_instance_id = any_instance(w);
	topic.name = slice_from(topic_names[below(w, TOPICS)]);
	topic.partitions.items = &partition;
	topic.partitions.count = 1;
	in.topics.items = &topic;
	in.topics.count = 1;
	coordinator_offset_commit(w->coordinator, w->clock, &call->call, &in, &call->out.commit);
}

static void consumer_heartbeat(struct world *w)
{
	struct call *call = new_call(w, "consumer", (int16_t)below(w, 2));
	struct kmsg_consumer_group_heartbeat_request in;
	struct slice names[2] = {slice_from(topic_names[below(w, TOPICS)]), slice_from(topic_names[below(w, TOPICS)])};
	char fresh[80];
	kmsg_consumer_group_heartbeat_request_init(&in);
	in.group_id = group_of(call);
	in.member_epoch = below(w, 2) ? 0 : any_epoch(w, call->group);
	in.member_id = any_id(w, call->group);
	if (in.member_epoch == 0 && below(w, 2)) {
		snprintf(fresh, sizeof fresh, "m%u", below(w, 1000));
		learn(w, call->group, slice_from(fresh));
		in.member_id = slice_from(fresh);
	}
	in.instance_id = any_instance(w);
	if (in.member_epoch == 0 || below(w, 3) == 0) {
		in.rebalance_timeout_ms = 1 + (int32_t)below(w, 20000);
		in.subscribed_topic_names.items = names;
		in.subscribed_topic_names.count = (int32_t)below(w, 3);
		in.topic_partitions.count = 0;
	}
	if (call->call.version == 1 && below(w, 6) == 0)
		in.subscribed_topic_regex = slice_from(below(w, 5) ? "t[01]" : "t(");
	if (below(w, 6) == 0)
		in.server_assignor = slice_from(below(w, 4) ? "range" : "none");
	coordinator_consumer_group_heartbeat(w->coordinator, w->clock, &call->call, &in, &call->out.consumer);
}

static void describe(struct world *w)
{
	struct call *call = new_call(w, "describe", 6);
	coordinator_describe_group(w->coordinator, w->clock, &call->call, group_of(call), &call->out.describe);
	call = new_call(w, "describe_consumer", 1);
	coordinator_describe_consumer_group(w->coordinator, w->clock, &call->call, group_of(call), &call->out.describe_consumer);
}

static void list(struct world *w)
{
	struct call *call = new_call(w, "list", 5);
	struct kmsg_list_groups_request in;
	kmsg_list_groups_request_init(&in);
	coordinator_list_groups(w->coordinator, w->clock, &call->call, &in, &call->out.list.items, &call->out.list.count);
}

static void delete_group(struct world *w, struct call *call)
{
	coordinator_delete_group(w->coordinator, w->clock, &call->call, group_of(call), &call->out.delete);
}

static void cancel_one(struct world *w)
{
	for (uint32_t i = w->call_count; i > 0 && i + 50 > w->call_count; i--)
		if (!w->calls[i - 1]->is_finished && below(w, 2)) {
			coordinator_cancel(w->coordinator, w->clock, &w->calls[i - 1]->call);
			return;
		}
}

/* ---- what comes out ---------------------------------------------------------------------------------------------------------------------------- */

static void note_join(struct world *w, struct call *call)
{
	learn(w, call->group, call->out.join.member_id);
	if (call->out.join.error_code)
		return;
	w->epochs[call->group] = call->out.join.generation_id;
	w->successes++;
}

static void note_end(struct world *w, struct call *call)
{
	HOLDS(!call->is_finished && !call->call.is_out_of_memory);
	call->is_finished = true;
	if (strcmp(call->verb, "join") == 0)
		note_join(w, call);
	else if (strcmp(call->verb, "sync") == 0)
		w->successes += call->out.sync.error_code == 0;
	else if (strcmp(call->verb, "consumer") == 0 && !call->out.consumer.error_code) {
		learn(w, call->group, call->out.consumer.member_id);
		w->epochs[call->group] = call->out.consumer.member_epoch;
		w->successes++;
	}
}

static void collect(struct world *w)
{
	struct group_outbox *outbox = coordinator_outbox(w->coordinator);
	record_log_take(&w->log, outbox);
	for (struct list *node; (node = list_pop_front(&outbox->finished));)
		note_end(w, CONTAINER_OF(LIST_ENTRY(node, struct group_call, node), struct call, call));
	group_outbox_clear(outbox);
}

/* ---- loading --------------------------------------------------------------------------------------------------------------------------------------- */

static void load(struct world *w, struct coordinator **out)
{
	HOLDS(coordinator_open(out, &w->config, &w->images[w->image], w->random) == 0);
	record_log_load(&w->log, *out, w->clock);
}

/* No record says that it is there: it held offsets of a topic that was deleted. */
static bool is_only_in_memory(struct coordinator *coordinator, const char *name)
{
	struct group *group = group__find(coordinator, slice_from(name));
	return group && group->classic && classic_is_simple(group->classic) && !group->classic->stored.data && offsets_is_empty(group);
}

/* Which groups there are, and what they are: what a record must not lose. Groups in the middle of a classic rebalance are left out, as their
 * state is not stored. */
static void print_groups(struct coordinator *coordinator, char *out, size_t size)
{
	struct arena arena;
	size_t used = 0;
	out[0] = '\0';
	for (uint32_t i = 0; i < GROUPS; i++) {
		struct kmsg_describe_groups_group classic;
		struct kmsg_consumer_group_describe_group consumer;
		arena_init(&arena, NULL, 0, 16 << 20);
		struct group_call call = {.arena = &arena, .version = 5};
		coordinator_describe_group(coordinator, coordinator->clock, &call, slice_from(group_names[i]), &classic);
		struct group_call other = {.arena = &arena, .version = 1};
		coordinator_describe_consumer_group(coordinator, coordinator->clock, &other, slice_from(group_names[i]), &consumer);
		while (list_pop_front(&coordinator_outbox(coordinator)->finished))
			;
		bool is_moving = slice_equal(classic.group_state, slice_from("PreparingRebalance")) ||
				 slice_equal(classic.group_state, slice_from("CompletingRebalance"));
		if (!is_moving && !is_only_in_memory(coordinator, group_names[i]))
			used += (size_t)snprintf(out + used, size - used, "%s: %.*s %d, %d %.*s %d %d %d\n", group_names[i],
						 (int)classic.group_state.size, (const char *)classic.group_state.data, classic.members.count,
						 consumer.error_code, (int)consumer.group_state.size, (const char *)consumer.group_state.data,
						 consumer.group_epoch, consumer.assignment_epoch, consumer.members.count);
		arena_fini(&arena);
	}
}

static void check_load(struct world *w)
{
	char now[1024], loaded[1024];
	struct coordinator *other;
	load(w, &other);
	print_groups(w->coordinator, now, sizeof now);
	print_groups(other, loaded, sizeof loaded);
	for (char *line = now, *end; (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		bool is_there = strstr(loaded, line) != NULL;
		cr_assert(is_there, "seed %llu: there was\n%s\nloaded is\n%s", (unsigned long long)w->seed, line, loaded);
	}
	coordinator_close(other);
}

static void restart(struct world *w)
{
	coordinator_fail_calls(w->coordinator, KERR_NOT_COORDINATOR);
	collect(w);
	coordinator_close(w->coordinator);
	load(w, &w->coordinator);
	collect(w);
}

/* A piece at a time, with other inputs in between; what was before its beginning goes. */
static void step(struct world *w);
static void snapshot(struct world *w)
{
	record_log_trim(&w->log, w->log.count);
	coordinator_snapshot_begin(w->coordinator);
	while (coordinator_snapshot_next(w->coordinator)) {
		collect(w);
		if (below(w, 2))
			step(w);
	}
	collect(w);
}

static void pass(struct world *w, uint32_t ms)
{
	w->clock.now_ns += (uint64_t)ms * 1000000;
	w->clock.wall_ms += ms;
	if (coordinator_deadline(w->coordinator) <= w->clock.now_ns)
		coordinator_tick(w->coordinator, w->clock);
}

static void step(struct world *w)
{
	switch (below(w, 10)) {
	case 0: case 1: case 2: join(w); break;
	case 3: sync_group(w); break;
	case 4: heartbeat(w); break;
	case 5: if (below(w, 3) == 0) leave(w); break;
	case 6: commit(w); break;
	case 7: case 8: consumer_heartbeat(w); break;
	default: pass(w, below(w, 3) ? below(w, 1500) : below(w, 20000));
	}
	collect(w);
}

static void disturb(struct world *w)
{
	switch (below(w, 7)) {
	case 0: restart(w); break;
	case 1: snapshot(w); break;
	case 2: check_load(w); break;
	case 3: describe(w); list(w); break;
	case 4: delete_group(w, new_call(w, "delete", 2)); break;
	case 5: cancel_one(w); break;
	default:
		w->image = !w->image;
		coordinator_set_image(w->coordinator, w->clock, &w->images[w->image]);
	}
	collect(w);
}

static void check_nothing_is_left(struct world *w)
{
	for (int i = 0; i < 400; i++) {
		pass(w, 2000);
		collect(w);
	}
	for (uint32_t i = 0; i < GROUPS; i++) {
		struct call *call = new_call(w, "delete", 2);
		call->group = i;
		delete_group(w, call);
		collect(w);
		HOLDS(call->out.delete.error_code == KERR_NONE || call->out.delete.error_code == KERR_GROUP_ID_NOT_FOUND);
	}
	HOLDS(list_is_empty(&w->coordinator->waiting));
	HOLDS(w->coordinator->names.count == 0);
	HOLDS(w->coordinator->memory_bytes == 0);
	restart(w);
	HOLDS(w->coordinator->names.count == 0 && w->coordinator->memory_bytes == 0);
}

static uint64_t run_seed(uint64_t seed, uint32_t steps)
{
	struct world *w = calloc(1, sizeof *w);
	w->seed = w->log.seed = seed;
	w->random = seed * 0x9e3779b97f4a7c15u + 1;
	w->clock = (struct group_clock){.now_ns = 1000000000, .wall_ms = 1700000000000};
	w->config = (struct coordinator_config){
		.session_timeout_ms_min = 6000, .session_timeout_ms_max = 1800000, .initial_rebalance_delay_ms = 3000, .group_size_max = 8,
		.offset_metadata_size_max = 4096, .offsets_retention_ms = INT64_C(7) * 86400000, .offsets_retention_check_interval_ms = 600000000,
		.consumer_session_timeout_ms = 45000, .consumer_heartbeat_interval_ms = 5000, .consumer_group_size_max = 8,
		.consumer_assignment_interval_ms = 0, .consumer_assignors = "uniform,range", .consumer_migration_policy = "bidirectional",
		.memory_bytes_max = 64 << 20,
	};
	make_topics(w);
	load(w, &w->coordinator);
	for (uint32_t i = 0; i < steps; i++) {
		step(w);
		if (below(w, 15) == 0)
			disturb(w);
	}
	check_nothing_is_left(w);
	uint64_t successes = w->successes;
	for (uint32_t i = 0; i < w->call_count; i++) {
		cr_assert(w->calls[i]->is_finished, "seed %llu: %s never ended", (unsigned long long)seed, w->calls[i]->verb);
		arena_fini(&w->calls[i]->arena);
		free(w->calls[i]);
	}
	coordinator_close(w->coordinator);
	record_log_free(&w->log);
	free(w->calls);
	free(w);
	return successes;
}

/* Sixty seeds, or the one that is asked for. */
Test(coordinator_random, everything_at_once, .timeout = 120)
{
	const char *asked = getenv("SPATE_SEED");
	uint64_t successes = 0;
	for (uint64_t seed = 1; !asked && seed <= 60; seed++)
		successes += run_seed(seed, 1500);
	if (asked)
		successes = run_seed(strtoull(asked, NULL, 10), 1500);
	cr_assert_gt(successes, asked ? 20 : 2000, "too few calls succeeded to mean anything: %llu", (unsigned long long)successes);
}
