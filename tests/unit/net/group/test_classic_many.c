/* Ten thousand members of one group: they join, are assigned, send heartbeats and leave, and nothing is left of them. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "net/group/classic.h"

#define MEMBERS 10000

struct join_call {
	struct group_call call;
	struct arena arena;
	struct kmsg_join_group_response out;
	uint32_t finished;
};

static const struct catalog_image image = {.by_id = (struct topic *[]){NULL}};
static struct join_call joins[MEMBERS];
static char ids[MEMBERS][64];

static uint64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* How long a step took, for whoever measures. */
static void tell(const char *what, uint64_t *since)
{
	if (getenv("SPATE_TELL"))
		fprintf(stderr, "%-40s %8.1f ms\n", what, (double)(now_ns() - *since) / 1e6);
	*since = now_ns();
}

static void collect(struct coordinator *coordinator)
{
	struct group_outbox *outbox = coordinator_outbox(coordinator);
	cr_assert_not(outbox->is_out_of_memory);
	while (list_pop_front(&outbox->finished))
		;
	group_outbox_clear(outbox);
}

static void join(struct coordinator *coordinator, struct group_clock clock, uint32_t i)
{
	struct join_call *c = &joins[i];
	struct kmsg_join_group_protocol protocol = {slice_from("range"), slice_from("what a consumer of three topics says is about so long, and no longer")};
	struct kmsg_join_group_request in;
	kmsg_join_group_request_init(&in);
	arena_init(&c->arena, NULL, 0, 64 << 20);
	c->call = (struct group_call){.arena = &c->arena, .version = 5, .client_id = slice_from("client"), .client_host = slice_from("/127.0.0.1")};
	in.group_id = slice_from("g");
	in.session_timeout_ms = 45000;
	in.rebalance_timeout_ms = 300000;
	in.member_id = ids[i][0] ? slice_from(ids[i]) : SLICE_EMPTY;
	in.protocol_type = slice_from("consumer");
	in.protocols.items = &protocol;
	in.protocols.count = 1;
	coordinator_join_group(coordinator, clock, &c->call, &in, &c->out);
	if (!ids[i][0])
		snprintf(ids[i], sizeof ids[i], "%.*s", (int)c->out.member_id.size, (const char *)c->out.member_id.data);
}

static void free_joins(void)
{
	for (uint32_t i = 0; i < MEMBERS; i++)
		arena_fini(&joins[i].arena);
}

static void sync_leader(struct coordinator *coordinator, struct group_clock clock)
{
	static struct kmsg_sync_group_assignment assignments[MEMBERS];
	struct kmsg_sync_group_request in;
	struct kmsg_sync_group_response out;
	struct arena arena;
	arena_init(&arena, NULL, 0, 1 << 20);
	struct group_call call = {.arena = &arena, .version = 3};
	kmsg_sync_group_request_init(&in);
	in.group_id = slice_from("g");
	in.generation_id = 1;
	in.member_id = slice_from(ids[0]);
	in.assignments.items = assignments;
	in.assignments.count = MEMBERS;
	for (uint32_t i = 0; i < MEMBERS; i++)
		assignments[i] = (struct kmsg_sync_group_assignment){slice_from(ids[i]), slice_from("some partitions of some topics")};
	coordinator_sync_group(coordinator, clock, &call, &in, &out);
	collect(coordinator);
	cr_assert_eq(out.error_code, KERR_NONE);
	arena_fini(&arena);
}

static int16_t heartbeat(struct coordinator *coordinator, struct group_clock clock, uint32_t i)
{
	struct kmsg_heartbeat_request in;
	struct kmsg_heartbeat_response out;
	struct group_call call = {.version = 3};
	kmsg_heartbeat_request_init(&in);
	in.group_id = slice_from("g");
	in.generation_id = 1;
	in.member_id = slice_from(ids[i]);
	coordinator_heartbeat(coordinator, clock, &call, &in, &out);
	collect(coordinator);
	return out.error_code;
}

static void leave(struct coordinator *coordinator, struct group_clock clock, uint32_t i)
{
	struct kmsg_leave_group_request in;
	struct kmsg_leave_group_response out;
	struct arena arena;
	arena_init(&arena, NULL, 0, 1 << 20);
	struct group_call call = {.arena = &arena, .version = 2};
	kmsg_leave_group_request_init(&in);
	in.group_id = slice_from("g");
	in.member_id = slice_from(ids[i]);
	coordinator_leave_group(coordinator, clock, &call, &in, &out);
	collect(coordinator);
	cr_assert_eq(out.error_code, KERR_NONE);
	arena_fini(&arena);
}

/* The whole life of a large group; SPATE_TELL=1 prints what each step took. */
Test(classic_many, join_assign_live_leave, .timeout = 60)
{
	struct coordinator_config config = {
		.session_timeout_ms_min = 6000, .session_timeout_ms_max = 1800000, .initial_rebalance_delay_ms = 3000, .group_size_max = INT32_MAX,
		.offsets_retention_ms = 1000000, .offsets_retention_check_interval_ms = 600000000, .memory_bytes_max = 64 << 20,
	};
	struct group_clock clock = {.now_ns = 1000000000, .wall_ms = 1700000000000};
	struct coordinator *coordinator;
	uint64_t since = now_ns();
	cr_assert_eq(coordinator_open(&coordinator, &config, &image, 7), 0);
	coordinator_loaded(coordinator, clock);
	for (uint32_t i = 0; i < MEMBERS; i++)
		join(coordinator, clock, i);
	collect(coordinator);
	free_joins();
	tell("10,000 are given an id", &since);
	for (uint32_t i = 0; i < MEMBERS; i++)
		join(coordinator, clock, i);
	tell("10,000 join", &since);
	for (int i = 0; i < 7; i++) {
		clock.now_ns += UINT64_C(1000000000);
		coordinator_tick(coordinator, clock);
	}
	collect(coordinator);
	cr_assert_eq(joins[0].out.members.count, MEMBERS);
	tell("the generation is answered", &since);
	free_joins();
	sync_leader(coordinator, clock);
	tell("the leader assigns", &since);
	for (uint32_t i = 0; i < MEMBERS; i++)
		cr_assert_eq(heartbeat(coordinator, clock, i), KERR_NONE);
	tell("10,000 heartbeats", &since);
	if (getenv("SPATE_TELL"))
		fprintf(stderr, "%.1f MB\n", (double)coordinator->memory_bytes / 1e6);
	for (uint32_t i = 0; i < MEMBERS; i++)
		leave(coordinator, clock, i);
	tell("10,000 leave, one by one", &since);

	struct arena arena;
	arena_init(&arena, NULL, 0, 1 << 20);
	struct group_call call = {.arena = &arena};
	struct kmsg_delete_groups_result deleted;
	coordinator_delete_group(coordinator, clock, &call, slice_from("g"), &deleted);
	collect(coordinator);
	cr_assert_eq(deleted.error_code, KERR_NONE);
	cr_assert_eq(coordinator->memory_bytes, 0);
	cr_assert_eq(coordinator->timers.count, 1);
	arena_fini(&arena);
	coordinator_close(coordinator);
}
