/* Both protocols in one group: consumers of the old and of the new protocol come and go at random, so that the group is classic, mixed and new in turn
 * (KIP-848, online migration), while its coordinator is loaded anew now and then. No partition has two owners; no call is left without an answer or
 * gets two; and in the end, when all is quiet, everybody is stable and everything is owned.
 * The classic clients are eager ones: told to join again, they give up all they have first. A failure prints its seed: run with SEED=n for that one. */
#include "consumer_client.h"
#include "kmsg_consumer_protocol.h"
#include "net/group/group_priv.h"

#define CLASSIC 4
#define NEW 4
#define STEPS 500
#define SEEDS 100
#define PARTITIONS 12
#define ALL (((uint64_t)1 << PARTITIONS) - 1)

enum phase { OUT, JOINING, SYNCING, IN };

/* A client of the classic protocol, with at most one call under way. */
struct old_client {
	enum phase phase;
	bool is_up;
	bool is_cooperative;            /* keeps what it owns while it joins again, and says so */
	char id[64];
	int32_t generation;
	uint64_t owned;
	struct group_call call;
	struct arena arena;
	bool is_finished;
	int64_t silent_ms;
	struct kmsg_join_group_response join;
	struct kmsg_sync_group_response sync;
};

struct both {
	struct world world;
	struct old_client old[CLASSIC];
	struct client new[NEW];
	char ids[NEW][16];
	bool is_in[NEW], is_up[NEW];
	int64_t silent_ms[NEW];
	uint64_t random, seed;
	uint32_t upgrades, downgrades;
	bool was_consumer;
};

static uint32_t pick(struct both *both, uint32_t count)
{
	uint64_t z = both->random += 0x9e3779b97f4a7c15u;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (uint32_t)((z ^ (z >> 31)) % count);
}

/* What has been answered, before the world forgets it. */
static void collect(struct both *both)
{
	struct list *node;
	while ((node = list_pop_front(&coordinator_outbox(both->world.coordinator)->finished))) {
		struct group_call *call = LIST_ENTRY(node, struct group_call, node);
		if (call == &both->world.call)
			continue;
		struct old_client *old = CONTAINER_OF(call, struct old_client, call);
		cr_assert_not(old->is_finished, "seed %llu: two answers", (unsigned long long)both->seed);
		cr_assert_not(call->is_out_of_memory);
		old->is_finished = true;
	}
	world_flush(&both->world);
	struct group *group = group__find(both->world.coordinator, text("g"));
	bool is_consumer = group && group->consumer;
	both->upgrades += is_consumer && !both->was_consumer;
	both->downgrades += !is_consumer && both->was_consumer;
	both->was_consumer = is_consumer;
}

static struct group_call *begin_call(struct old_client *old, int16_t version)
{
	arena_reset(&old->arena);
	old->silent_ms = 0;
	old->is_finished = false;
	old->call = (struct group_call){.arena = &old->arena, .version = version, .client_id = text("old"), .client_host = text("/127.0.0.1")};
	return &old->call;
}

/* ---- the old protocol ---------------------------------------------------------------------------------------------------------------------- */

/* `owned` are partitions of the one topic. */
static struct slice subscription(uint64_t owned, uint8_t *bytes, size_t size)
{
	struct slice topic = text("a");
	int32_t numbers[64];
	struct kmsg_consumer_protocol_topic_partition item = {.topic = topic, .partitions = {numbers, 0}};
	struct kmsg_consumer_protocol_subscription message;
	struct writer writer = writer_into(bytes, size);
	kmsg_consumer_protocol_subscription_init(&message);
	for (int32_t p = 0; p < 64; p++)
		if (owned >> p & 1)
			numbers[item.partitions.count++] = p;
	message.owned_partitions.items = &item;
	message.owned_partitions.count = owned != 0;
	message.topics.items = &topic;
	message.topics.count = 1;
	writer_int16(&writer, 1);
	kmsg_consumer_protocol_subscription_encode(&writer, 1, &message);
	return (struct slice){bytes, writer.position};
}

static void old_join(struct both *both, struct old_client *old)
{
	struct kmsg_join_group_request in;
	uint8_t bytes[400];
	if (!old->is_cooperative)
		old->owned = 0;
	struct kmsg_join_group_protocol protocol = {.name = text("range"), .metadata = subscription(old->owned, bytes, sizeof bytes)};
	kmsg_join_group_request_init(&in);
	in.group_id = text("g");
	in.member_id = text(old->id);
	in.session_timeout_ms = 10000;
	in.rebalance_timeout_ms = 30000;
	in.protocol_type = text("consumer");
	in.protocols.items = &protocol;
	in.protocols.count = 1;
	old->phase = JOINING;
	coordinator_join_group(both->world.coordinator, both->world.clock, begin_call(old, 5), &in, &old->join);
	collect(both);
}

static struct slice assignment(uint64_t partitions, uint8_t *bytes, size_t size)
{
	int32_t numbers[64], count = 0;
	for (int32_t p = 0; p < 64; p++)
		if (partitions >> p & 1)
			numbers[count++] = p;
	struct kmsg_consumer_protocol_topic_partition item = {.topic = text("a"), .partitions = {numbers, count}};
	struct kmsg_consumer_protocol_assignment message = {.assigned_partitions = {&item, 1}};
	struct writer writer = writer_into(bytes, size);
	writer_int16(&writer, 1);
	kmsg_consumer_protocol_assignment_encode(&writer, 1, &message);
	return (struct slice){bytes, writer.position};
}

static uint64_t read_assignment(struct slice bytes)
{
	struct kmsg_consumer_protocol_assignment message;
	struct reader reader = reader_over(bytes);
	struct arena arena;
	uint64_t owned = 0;
	if (bytes.size == 0)
		return 0;
	arena_init(&arena, NULL, 0, 1 << 20);
	int version = reader_int16(&reader);
	cr_assert_eq(kmsg_consumer_protocol_assignment_decode(&reader, &arena, version, &message), 0);
	for (int32_t i = 0; i < message.assigned_partitions.count; i++)
		for (int32_t j = 0; j < message.assigned_partitions.items[i].partitions.count; j++)
			owned |= (uint64_t)1 << message.assigned_partitions.items[i].partitions.items[j];
	arena_fini(&arena);
	return owned;
}

/* The leader deals the partitions out like cards. */
static void old_sync(struct both *both, struct old_client *old)
{
	struct kmsg_sync_group_request in;
	uint8_t bytes[CLASSIC + NEW][400];
	struct kmsg_sync_group_assignment assignments[CLASSIC + NEW];
	char members[CLASSIC + NEW][64];
	int32_t count = old->join.members.count;
	kmsg_sync_group_request_init(&in);
	for (int32_t i = 0; i < count; i++) {
		uint64_t share = 0;
		for (int32_t p = i; p < PARTITIONS; p += count)
			share |= (uint64_t)1 << p;
		snprintf(members[i], sizeof members[i], "%.*s", (int)old->join.members.items[i].member_id.size, (const char *)old->join.members.items[i].member_id.data);
		assignments[i].member_id = text(members[i]);
		assignments[i].assignment = assignment(share, bytes[i], sizeof bytes[i]);
	}
	in.group_id = text("g");
	in.member_id = text(old->id);
	in.generation_id = old->generation;
	in.assignments.items = assignments;
	in.assignments.count = count;
	old->phase = SYNCING;
	coordinator_sync_group(both->world.coordinator, both->world.clock, begin_call(old, 3), &in, &old->sync);
	collect(both);
}

/* A member that its coordinator does not know begins anew. */
static void old_error(struct old_client *old, enum kerr error)
{
	old->owned = 0;
	old->phase = OUT;
	if (error == KERR_UNKNOWN_MEMBER_ID || error == KERR_FENCED_INSTANCE_ID)
		old->id[0] = '\0';
}

static void old_joined(struct both *both, struct old_client *old)
{
	const struct kmsg_join_group_response *out = &old->join;
	if (out->error_code == KERR_MEMBER_ID_REQUIRED || out->error_code == KERR_NONE)
		snprintf(old->id, sizeof old->id, "%.*s", (int)out->member_id.size, (const char *)out->member_id.data);
	if (out->error_code != KERR_NONE) {
		old_error(old, out->error_code);
		return;
	}
	old->generation = out->generation_id;
	old_sync(both, old);
}

static void old_heartbeat(struct both *both, struct old_client *old)
{
	struct kmsg_heartbeat_request in;
	struct kmsg_heartbeat_response out;
	kmsg_heartbeat_request_init(&in);
	in.group_id = text("g");
	in.member_id = text(old->id);
	in.generation_id = old->generation;
	coordinator_heartbeat(both->world.coordinator, both->world.clock, begin_call(old, 3), &in, &out);
	collect(both);
	if (out.error_code != KERR_NONE)
		old_error(old, out.error_code);
}

static void old_leave(struct both *both, struct old_client *old)
{
	struct kmsg_leave_group_request in;
	struct kmsg_leave_group_response out;
	struct kmsg_leave_group_member member = {.member_id = text(old->id)};
	kmsg_leave_group_request_init(&in);
	in.group_id = text("g");
	in.members.items = &member;
	in.members.count = 1;
	coordinator_leave_group(both->world.coordinator, both->world.clock, begin_call(old, 3), &in, &out);
	collect(both);
	old_error(old, KERR_UNKNOWN_MEMBER_ID);
}

/* What a client does next, if it is not waiting. */
static void old_step(struct both *both, struct old_client *old)
{
	if (old->phase == OUT)
		old_join(both, old);
	else if (old->phase == IN)
		old_heartbeat(both, old);
	else if (old->is_finished && old->phase == JOINING)
		old_joined(both, old);
	else if (old->is_finished && old->sync.error_code != KERR_NONE)
		old_error(old, old->sync.error_code);
	else if (old->is_finished) {
		old->phase = IN;
		old->owned = old->silent_ms < 10000 ? read_assignment(old->sync.assignment) : 0; /* too late: its next heartbeat will say so */
	}
}

/* ---- the new protocol --------------------------------------------------------------------------------------------------------------------------- */

static void new_send(struct both *both, int i, struct kmsg_consumer_group_heartbeat_request *in)
{
	struct client *client = &both->new[i];
	both->silent_ms[i] = 0;
	client_send(client, 1, in);
	collect(both);
	client_done(client);
	if (client->error == KERR_NONE)
		return;
	client->epoch = 0;
	client->topic_count = 0;
	both->is_in[i] = false;
}

static void new_join(struct both *both, int i)
{
	static int serial;
	snprintf(both->ids[i], sizeof both->ids[i], "n%d-%d", i, serial++);
	both->new[i].id = both->ids[i];
	both->new[i].epoch = 0;
	both->new[i].topic_count = 0;
	arena_reset(&both->world.arena);
	struct kmsg_consumer_group_heartbeat_request in = client_request(&both->new[i], &both->world.arena, true);
	in.topic_partitions.count = 0;
	both->is_in[i] = both->is_up[i] = true;
	new_send(both, i, &in);
}

static void new_beat(struct both *both, int i)
{
	arena_reset(&both->world.arena);
	struct kmsg_consumer_group_heartbeat_request in = client_request(&both->new[i], &both->world.arena, false);
	client_add_owned(&both->new[i], &in, &both->world.arena);
	new_send(both, i, &in);
}

static void new_leave(struct both *both, int i)
{
	arena_reset(&both->world.arena);
	both->new[i].epoch = -1;
	struct kmsg_consumer_group_heartbeat_request in = client_request(&both->new[i], &both->world.arena, false);
	new_send(both, i, &in);
	both->is_in[i] = false;
	both->new[i].topic_count = 0;
}

/* ---- the world ------------------------------------------------------------------------------------------------------------------------------------ */

/* A client that is not heard of is out when its session is over, and knows that itself: it stops working then. */
static void pass(struct both *both, int64_t ms)
{
	for (; ms > 0; ms -= 500) {
		both->world.clock.now_ns += 500000000;
		both->world.clock.wall_ms += 500;
		coordinator_tick(both->world.coordinator, both->world.clock);
		collect(both);
		for (int i = 0; i < CLASSIC; i++)
			if ((both->old[i].silent_ms += 500) >= 10000)
				both->old[i].owned = 0;
		for (int i = 0; i < NEW; i++)
			if ((both->silent_ms[i] += 500) >= 45000)
				both->is_in[i] = false, both->new[i].topic_count = 0;
	}
}

static void restart(struct both *both)
{
	coordinator_fail_calls(both->world.coordinator, KERR_COORDINATOR_NOT_AVAILABLE);
	collect(both);
	world_restart(&both->world);
	both->world.coordinator->random_state = ++both->random; /* else it hands out the same ids again */
	for (int i = 0; i < CLASSIC; i++)
		if (both->old[i].silent_ms < 10000)
			both->old[i].silent_ms = 0; /* its session begins anew */
	memset(both->silent_ms, 0, sizeof both->silent_ms);
}

static uint64_t owned_by(struct both *both, int i)
{
	if (i < CLASSIC)
		return both->old[i].owned;
	return both->is_in[i - CLASSIC] ? client_owned(&both->new[i - CLASSIC], "a") : 0;
}

static void check_owners(struct both *both, const char *when)
{
	uint64_t all = 0;
	for (int i = 0; i < CLASSIC + NEW; i++) {
		cr_assert_eq(all & owned_by(both, i), 0, "seed %llu: %s: client %d owns what another does", (unsigned long long)both->seed, when, i);
		all |= owned_by(both, i);
	}
}

static void step(struct both *both)
{
	int i = (int)pick(both, CLASSIC), j = (int)pick(both, NEW);
	struct old_client *old = &both->old[i];
	uint32_t what = pick(both, 100);
	if (what < 45 && old->is_up) {
		old_step(both, old);
	} else if (what < 50 && !old->is_up && old->silent_ms >= 10000) {
		old->is_up = true;
		old->phase = OUT;
		old->id[0] = '\0';
	} else if (what < 53 && old->phase == IN) {
		old_leave(both, old);
	} else if (what < 54 && old->phase == IN) {
		old->is_up = false;
	} else if (what < 75 && both->is_up[j] && both->is_in[j]) {
		new_beat(both, j);
	} else if (what < 79 && !both->is_in[j]) {
		new_join(both, j);
	} else if (what < 84 && both->is_up[j] && both->is_in[j]) {
		new_leave(both, j);
	} else if (what < 85) {
		both->is_up[j] = false;
	} else if (what < 86) {
		restart(both);
	} else {
		pass(both, 500 * (1 + pick(both, 4)));
	}
}

static void check_rest(struct both *both)
{
	uint64_t all = 0;
	bool is_anybody = false;
	for (int i = 0; i < CLASSIC; i++) {
		if (both->old[i].is_up)
			cr_assert_eq(both->old[i].phase, IN, "seed %llu: old %d is in phase %d", (unsigned long long)both->seed, i, both->old[i].phase);
		is_anybody = is_anybody || both->old[i].is_up;
	}
	for (int i = 0; i < NEW; i++)
		is_anybody = is_anybody || both->is_in[i];
	for (int i = 0; i < CLASSIC + NEW; i++)
		all |= owned_by(both, i);
	if (is_anybody)
		cr_assert_eq(all, ALL, "seed %llu: %llx", (unsigned long long)both->seed, (unsigned long long)all);
}

static void run_both(uint64_t seed, uint32_t *upgrades, uint32_t *downgrades)
{
	struct both *both = calloc(1, sizeof *both);
	both->seed = both->random = seed;
	world_open(&both->world);
	world_make_topic(&both->world, "a", PARTITIONS);
	for (int i = 0; i < CLASSIC; i++) {
		arena_init(&both->old[i].arena, NULL, 0, 1 << 20);
		both->old[i].is_up = i < 2;
		both->old[i].silent_ms = 20000;
	}
	for (int i = 0; i < NEW; i++)
		both->new[i] = client_make(&both->world, "g", "", "a");
	for (int i = 0; i < STEPS; i++) {
		step(both);
		check_owners(both, "on the way");
	}
	for (int i = 0; i < 200; i++) {
		pass(both, 1500);
		for (int j = 0; j < CLASSIC; j++)
			if (both->old[j].is_up)
				old_step(both, &both->old[j]);
		for (int j = 0; j < NEW; j++)
			if (both->is_up[j] && both->is_in[j])
				new_beat(both, j);
		check_owners(both, "at the end");
	}
	check_rest(both);
	*upgrades += both->upgrades;
	*downgrades += both->downgrades;
	coordinator_fail_calls(both->world.coordinator, KERR_COORDINATOR_NOT_AVAILABLE);
	collect(both);
	world_close(&both->world);
	for (int i = 0; i < CLASSIC; i++)
		arena_fini(&both->old[i].arena);
	free(both);
}

Test(consumer_classic, both_protocols_at_random, .timeout = 300)
{
	const char *only = getenv("SEED");
	uint32_t upgrades = 0, downgrades = 0;
	if (only)
		run_both(strtoull(only, NULL, 10), &upgrades, &downgrades);
	for (uint64_t seed = 1; !only && seed <= SEEDS; seed++)
		run_both(seed, &upgrades, &downgrades);
	cr_log_info("%u upgrades, %u downgrades\n", upgrades, downgrades);
	cr_assert(only || (upgrades > SEEDS && downgrades > SEEDS / 5));
}

/* ---- step by step: as a Kafka 4.3 node answers, call for call ----------------------------------------------------------------------------- */

static struct both *make_both(void)
{
	struct both *both = calloc(1, sizeof *both);
	both->random = 1;
	world_open(&both->world);
	world_make_topic(&both->world, "a", PARTITIONS);
	for (int i = 0; i < CLASSIC; i++)
		arena_init(&both->old[i].arena, NULL, 0, 1 << 20);
	both->new[0] = client_make(&both->world, "g", "n", "a");
	return both;
}

static void free_both(struct both *both)
{
	coordinator_fail_calls(both->world.coordinator, KERR_COORDINATOR_NOT_AVAILABLE);
	collect(both);
	world_close(&both->world);
	for (int i = 0; i < CLASSIC; i++)
		arena_fini(&both->old[i].arena);
	free(both);
}

static enum kerr heartbeat_error(struct both *both, struct old_client *old)
{
	struct kmsg_heartbeat_request in;
	struct kmsg_heartbeat_response out;
	kmsg_heartbeat_request_init(&in);
	in.group_id = text("g");
	in.member_id = text(old->id);
	in.generation_id = old->generation;
	coordinator_heartbeat(both->world.coordinator, both->world.clock, begin_call(old, 3), &in, &out);
	collect(both);
	return out.error_code;
}

/* JoinGroup and SyncGroup, answered at once. */
static enum kerr join_and_sync(struct both *both, struct old_client *old)
{
	old_join(both, old);
	cr_assert(old->is_finished);
	if (old->join.error_code)
		return old->join.error_code;
	old_joined(both, old);
	cr_assert(old->is_finished);
	if (old->sync.error_code == KERR_NONE)
		old->owned = read_assignment(old->sync.assignment);
	return old->sync.error_code;
}

/* A classic member alone in its group, with all partitions. */
static void settle_classic(struct both *both, struct old_client *old)
{
	old_join(both, old);
	old_joined(both, old); /* an id is required, and given */
	old_join(both, old);
	world_pass(&both->world, 3000);
	collect(both);
	old->is_finished = true;
	old_joined(both, old);
	old->owned = read_assignment(old->sync.assignment);
}

/* Up: the classic member goes on as it was, hears that it has to join again, gives up half, and the new one gets that. Down: the new one leaves. */
Test(consumer_classic, up_and_down)
{
	struct both *both = make_both();
	struct old_client *old = &both->old[0];
	struct client *new = &both->new[0];
	old->is_cooperative = true;
	settle_classic(both, old);
	cr_assert_neq(old->owned, 0);
	cr_assert_str_eq(group_state(&both->world, "g"), "absent"); /* as a consumer group */
	cr_assert_eq(client_join(new), KERR_NONE, "%s", new->message);
	cr_assert_eq(new->epoch, 2);
	cr_assert_eq(client_owned(new, "a"), 0);
	cr_assert_str_eq(group_state(&both->world, "g"), "Reconciling");
	cr_assert_eq(heartbeat_error(both, old), KERR_REBALANCE_IN_PROGRESS);
	cr_assert_eq(join_and_sync(both, old), KERR_NONE);
	cr_assert_eq(old->generation, 1); /* it has to give up half first */
	cr_assert_eq(__builtin_popcountll(old->owned), PARTITIONS / 2);
	cr_assert_eq(old->join.leader.size, 0);
	cr_assert_eq(heartbeat_error(both, old), KERR_REBALANCE_IN_PROGRESS);
	cr_assert_eq(join_and_sync(both, old), KERR_NONE);
	cr_assert_eq(old->generation, 2);
	cr_assert_eq(heartbeat_error(both, old), KERR_NONE);
	cr_assert_eq(client_beat(new), KERR_NONE);
	cr_assert_eq(client_owned(new, "a") | old->owned, ALL);
	cr_assert_eq(client_owned(new, "a") & old->owned, 0);
	cr_assert_str_eq(group_state(&both->world, "g"), "Stable");
	world_restart(&both->world);
	cr_assert_eq(heartbeat_error(both, old), KERR_NONE);
	cr_assert_eq(client_leave(new, -1), KERR_NONE);
	cr_assert_str_eq(group_state(&both->world, "g"), "absent"); /* as a consumer group */
	cr_assert_eq(heartbeat_error(both, old), KERR_REBALANCE_IN_PROGRESS);
	cr_assert_eq(join_and_sync(both, old), KERR_NONE);
	cr_assert_eq(old->generation, 3);
	cr_assert_eq(old->join.members.count, 1); /* it leads */
	free_both(both);
}

/* Who may not: another protocol type, a policy that says no; and the sentences. */
Test(consumer_classic, refusals)
{
	static const struct {
		const char *policy;
		const char *message;
	} cases[] = {
		{"disabled", "Cannot upgrade classic group g to consumer group because online upgrade is disabled."},
		{"downgrade", "Cannot upgrade classic group g to consumer group because online upgrade is disabled."},
		{"upgrade", ""},
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct both *both = make_both();
		both->world.config.consumer_migration_policy = cases[i].policy;
		world_restart(&both->world);
		settle_classic(both, &both->old[0]);
		cr_expect_eq(client_join(&both->new[0]), *cases[i].message ? KERR_GROUP_ID_NOT_FOUND : KERR_NONE);
		cr_expect_str_eq(both->new[0].message, cases[i].message);
		if (!*cases[i].message) { /* and never back */
			cr_expect_eq(client_leave(&both->new[0], -1), KERR_NONE);
			cr_expect_str_eq(group_state(&both->world, "g"), "Assigning");
		}
		free_both(both);
	}
}
