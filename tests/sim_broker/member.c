/* A member of a classic group, as the Java client is one: it finds its coordinator, joins, and is told what it owns (or tells the others, if it leads); it beats,
 * commits what it owns, and joins again when it must. Now and then it leaves, or is gone without a word and comes back as somebody else (a static one as
 * itself).
 *
 * What is asked for: in one generation a partition has one owner; who comes to own a partition finds every commit that was acknowledged before it asked; and
 * in the calm all are members of one generation, and every partition is owned. */
#include <stdlib.h>

#include "kmsg_find_coordinator.h"
#include "kmsg_heartbeat.h"
#include "kmsg_join_group.h"
#include "kmsg_leave_group.h"
#include "kmsg_offset_commit.h"
#include "kmsg_offset_fetch.h"
#include "kmsg_sync_group.h"
#include "log/base/check.h"
#include "tests/sim_broker/offset_calls.h"

#define BEAT_NS (1000ull * 1000 * 1000)
#define AWAY_NS_MAX (12ull * 1000 * 1000 * 1000)
#define SESSION_MS 6000
#define REBALANCE_MS 8000
#define GROUP "members"
#define ID_SIZE 128

enum member_state { SEEKING, JOINING, SYNCING, LOOKING, STABLE };

struct member {
	struct world *world;
	struct peer *peer;
	uint64_t random;
	uint32_t number;
	enum member_state state;
	bool is_asking, is_static;
	char id[ID_SIZE], instance[16];
	int32_t generation, synced_generation; /* one that nobody has synced is not durable, and may be given again */
	uint64_t life;             /* answers to an earlier one are passed over */
	uint64_t wait_until_ns, beat_ns;
	bool owns[GROUP_PARTITIONS];
	uint32_t to_look;          /* the partition whose commit is looked up next */
	int64_t next[GROUP_PARTITIONS];  /* what it commits next */
	int64_t acked_before;      /* of `to_look`, when it asked */
	/* As leader, between join and sync. */
	char ids[MEMBERS_MAX + 4][ID_SIZE];
	uint32_t id_count;
};

struct member *member_open(struct world *world, uint32_t number)
{
	struct member *member = calloc(1, sizeof *member);
	CHECK(member);
	member->world = world;
	member->random = world_stream(world, "member", number);
	member->number = number;
	member->is_static = draw(&member->random, 2);
	snprintf(member->instance, sizeof member->instance, "instance-%u", number);
	member->peer = peer_create(world, member);
	return member;
}

void member_describe(const struct member *member, char *out, size_t size)
{
	static const char *const states[] = {"seeks its coordinator", "joins", "syncs", "looks for commits", "is stable"};
	uint32_t owned = 0;
	for (uint32_t p = 0; p < GROUP_PARTITIONS; p++)
		owned += member->owns[p];
	snprintf(out, size, "member %u (%s) %s in generation %d and owns %u partitions", member->number, member->id, states[member->state], member->generation, owned);
}

bool member_is_stable(const struct member *member, int32_t *generation, uint32_t *owned)
{
	*generation = member->generation;
	for (uint32_t p = 0; p < GROUP_PARTITIONS; p++)
		*owned += member->owns[p];
	return member->state == STABLE;
}

static void back_off(struct member *member)
{
	member->wait_until_ns = world_now_ns(member->world) + BACKOFF_NS;
}

static void disown(struct member *member)
{
	memset(member->owns, 0, sizeof member->owns);
}

static void go(struct member *member, enum member_state state)
{
	member->state = state;
	if (state == SEEKING || state == JOINING)
		disown(member);
}

void member_reset(struct member *member)
{
	peer_break(member->peer);
}

/* Gone without a word. */
void member_vanish(struct member *member)
{
	meet(member->world, MOMENT_MEMBER_VANISHED);
	world_tell(member->world, member->number, "member %u is gone without a word", member->number);
	member->life++;
	peer_break(member->peer);
	member->is_asking = false;
	member->id[0] = 0;
	go(member, SEEKING);
	member->wait_until_ns = world_now_ns(member->world) + (member->world->is_calm ? 0 : draw(&member->random, AWAY_NS_MAX));
}

static struct slice instance_of(const struct member *member)
{
	return member->is_static ? slice_from(member->instance) : (struct slice){NULL, 0};
}

static bool is_stale(struct member *member, uint64_t tag)
{
	if (tag != member->life)
		return true;
	member->is_asking = false;
	return false;
}

/* What an error of any call of a member means for it. True if there was none. */
static bool take_error(struct member *member, int16_t error, const char *call)
{
	switch (error) {
	case 0:
		return true;
	case 14: /* COORDINATOR_LOAD_IN_PROGRESS */
	case 7:
	case 56:
		break;
	case 15: /* COORDINATOR_NOT_AVAILABLE */
	case 16: /* NOT_COORDINATOR */
		go(member, SEEKING);
		break;
	case 22: /* ILLEGAL_GENERATION */
	case 27: /* REBALANCE_IN_PROGRESS */
		go(member, JOINING);
		return false;
	case 25: /* UNKNOWN_MEMBER_ID */
	case 82: /* FENCED_INSTANCE_ID: of the life before */
		member->id[0] = 0;
		go(member, JOINING);
		break;
	default:
		world_accuse(member->world, HISTORY_BROKER, -1, "%s of member %u: error %d", call, member->number, error);
	}
	back_off(member);
	return false;
}

/* ---- the coordinator --------------------------------------------------------------------------------------------------- */

static void found(void *context, uint64_t tag, const void *answer)
{
	struct member *member = context;
	const struct kmsg_find_coordinator_response *out = answer;
	if (is_stale(member, tag))
		return;
	if (out && out->error_code == 0)
		go(member, JOINING);
	else
		back_off(member);
}

/* ---- joining -------------------------------------------------------------------------------------------------------------- */

static void keep_text(char out[ID_SIZE], struct slice text)
{
	snprintf(out, ID_SIZE, "%.*s", (int)text.size, (const char *)text.data);
}

static int compare_ids(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void joined(void *context, uint64_t tag, const void *answer)
{
	struct member *member = context;
	const struct kmsg_join_group_response *out = answer;
	if (is_stale(member, tag))
		return;
	if (!out) {
		back_off(member);
		return;
	}
	if (out->error_code == 79) { /* MEMBER_ID_REQUIRED */
		keep_text(member->id, out->member_id);
		return;
	}
	if (!take_error(member, out->error_code, "a join"))
		return;
	keep_text(member->id, out->member_id);
	if (out->generation_id < member->synced_generation)
		world_accuse(member->world, HISTORY_BROKER, -1, "member %u joins generation %d behind %d", member->number, out->generation_id, member->synced_generation);
	member->generation = out->generation_id;
	member->id_count = 0;
	for (int32_t i = 0; i < out->members.count && member->id_count < COUNT_OF(member->ids); i++)
		keep_text(member->ids[member->id_count++], out->members.items[i].member_id);
	qsort(member->ids, member->id_count, ID_SIZE, compare_ids);
	go(member, SYNCING);
}

static void join(struct member *member)
{
	struct kmsg_join_group_request in;
	struct kmsg_join_group_protocol protocol = {.name = slice_from("by-number"), .metadata = slice_from("-")};
	kmsg_join_group_request_init(&in);
	in.group_id = slice_from(GROUP);
	in.session_timeout_ms = SESSION_MS;
	in.rebalance_timeout_ms = REBALANCE_MS;
	in.member_id = slice_from(member->id);
	in.group_instance_id = instance_of(member);
	in.protocol_type = slice_from("sim");
	in.protocols.items = &protocol;
	in.protocols.count = 1;
	member->is_asking = peer_call(member->peer, "join_group", 7, &in, member->life, joined);
}

/* ---- what is owned ----------------------------------------------------------------------------------------------------------- */

/* One owner in a generation: a static member that came back as itself is the same. What is told late of an earlier one is of no interest. */
static void own(struct member *member, uint32_t partition)
{
	struct ownership *ownership = &member->world->owners[partition];
	const char *name = member->is_static ? member->instance : member->id;
	member->owns[partition] = true;
	if (ownership->generation == member->generation && strcmp(ownership->id, name) != 0)
		world_accuse(member->world, HISTORY_BROKER, -1, "partition %u has two owners in generation %d: %s and %s", partition, member->generation, ownership->id, name);
	if (ownership->generation >= member->generation)
		return;
	ownership->generation = member->generation;
	snprintf(ownership->id, sizeof ownership->id, "%s", name);
}

static void synced(void *context, uint64_t tag, const void *answer)
{
	struct member *member = context;
	const struct kmsg_sync_group_response *out = answer;
	if (is_stale(member, tag))
		return;
	if (!out) {
		go(member, JOINING);
		back_off(member);
		return;
	}
	if (!take_error(member, out->error_code, "a sync"))
		return;
	world_tell(member->world, (uint64_t)member->generation, "member %u has generation %d and %zu partitions", member->number, member->generation, out->assignment.size);
	disown(member);
	member->synced_generation = member->generation;
	for (size_t i = 0; i < out->assignment.size; i++) {
		if (out->assignment.data[i] >= GROUP_PARTITIONS)
			world_accuse(member->world, HISTORY_BROKER, -1, "an assignment that nobody made");
		else
			own(member, out->assignment.data[i]);
	}
	meet(member->world, MOMENT_REBALANCED);
	member->to_look = 0;
	member->beat_ns = world_now_ns(member->world) + BEAT_NS;
	go(member, LOOKING);
}

static void sync_with(struct member *member)
{
	struct kmsg_sync_group_request in;
	struct kmsg_sync_group_assignment assignments[COUNT_OF(member->ids)];
	uint8_t partitions[COUNT_OF(member->ids)][GROUP_PARTITIONS];
	kmsg_sync_group_request_init(&in);
	in.group_id = slice_from(GROUP);
	in.generation_id = member->generation;
	in.member_id = slice_from(member->id);
	in.group_instance_id = instance_of(member);
	in.protocol_type = slice_from("sim");
	in.protocol_name = slice_from("by-number");
	for (uint32_t i = 0; i < member->id_count; i++)
		assignments[i] = (struct kmsg_sync_group_assignment){.member_id = slice_from(member->ids[i]), .assignment = {partitions[i], 0}};
	for (uint32_t p = 0; p < GROUP_PARTITIONS && member->id_count; p++) {
		struct slice *to = &assignments[p % member->id_count].assignment;
		partitions[p % member->id_count][to->size++] = (uint8_t)p;
	}
	in.assignments.items = assignments;
	in.assignments.count = (int32_t)member->id_count;
	member->is_asking = peer_call(member->peer, "sync_group", 5, &in, member->life, synced);
}

/* ---- commits ---------------------------------------------------------------------------------------------------------------------- */

static void looked(void *context, uint64_t tag, const void *answer)
{
	struct member *member = context;
	const struct kmsg_offset_fetch_response *out = answer;
	if (is_stale(member, tag))
		return;
	const struct kmsg_offset_fetch_group_result *group = out && out->groups.count == 1 ? &out->groups.items[0] : NULL;
	if (!group || group->error_code || group->topics.count != 1 || group->topics.items[0].partitions.count != 1) {
		if (!group)
			back_off(member);
		else if (take_error(member, group->error_code, "an offset fetch"))
			world_accuse(member->world, HISTORY_BROKER, -1, "an offset fetch of one partition is answered with none or many");
		return;
	}
	int64_t offset = group->topics.items[0].partitions.items[0].committed_offset;
	if (offset < member->acked_before || offset > member->world->commits[member->to_look].sent)
		world_accuse(member->world, HISTORY_BROKER, offset, "the owner of partition %u finds commit %ld; %ld was acknowledged before, and %ld asked for at most",
			     member->to_look, (long)offset, (long)member->acked_before, (long)member->world->commits[member->to_look].sent);
	member->next[member->to_look++] = offset + 1;
}

static void look(struct member *member)
{
	while (member->to_look < GROUP_PARTITIONS && !member->owns[member->to_look])
		member->to_look++;
	if (member->to_look == GROUP_PARTITIONS) {
		go(member, STABLE);
		return;
	}
	member->acked_before = member->world->commits[member->to_look].acked;
	member->is_asking = offset_call_look(member->peer, &(struct committing){.group = GROUP}, member->to_look, member->life, looked);
}

static void committed(void *context, uint64_t tag, const void *answer)
{
	struct member *member = context;
	const struct kmsg_offset_commit_response *out = answer;
	if (is_stale(member, tag))
		return;
	if (!out) {
		back_off(member);
		return;
	}
	const struct kmsg_offset_commit_topic_result *topic = out->topics.count == 1 ? &out->topics.items[0] : NULL;
	if (!topic || topic->partitions.count != 1) {
		world_accuse(member->world, HISTORY_BROKER, -1, "a commit of one partition is answered with none or many");
		return;
	}
	uint32_t partition = (uint32_t)topic->partitions.items[0].partition_index % GROUP_PARTITIONS;
	int16_t error = topic->partitions.items[0].error_code;
	if (error == 0) {
		meet(member->world, MOMENT_MEMBER_COMMITTED);
		struct commits *commits = &member->world->commits[partition];
		if (member->next[partition] > commits->acked)
			commits->acked = member->next[partition];
		member->next[partition]++;
	} else {
		take_error(member, error, "a commit");
	}
}

static void commit(struct member *member, uint32_t partition)
{
	struct committing who = {.group = GROUP, .member_id = member->id, .instance = instance_of(member), .generation = member->generation};
	struct commits *commits = &member->world->commits[partition];
	member->is_asking = offset_call_commit(member->peer, &who, partition, member->next[partition], member->life, committed);
	if (member->is_asking && member->next[partition] > commits->sent)
		commits->sent = member->next[partition];
}

/* ---- beating and leaving -------------------------------------------------------------------------------------------------------------- */

static void beaten(void *context, uint64_t tag, const void *answer)
{
	struct member *member = context;
	const struct kmsg_heartbeat_response *out = answer;
	if (is_stale(member, tag))
		return;
	if (!out)
		back_off(member);
	else
		take_error(member, out->error_code, "a heartbeat");
}

static void beat(struct member *member)
{
	struct kmsg_heartbeat_request in;
	kmsg_heartbeat_request_init(&in);
	in.group_id = slice_from(GROUP);
	in.generation_id = member->generation;
	in.member_id = slice_from(member->id);
	in.group_instance_id = instance_of(member);
	member->beat_ns = world_now_ns(member->world) + BEAT_NS;
	member->is_asking = peer_call(member->peer, "heartbeat", 4, &in, member->life, beaten);
}

static void left(void *context, uint64_t tag, const void *answer)
{
	struct member *member = context;
	if (is_stale(member, tag))
		return;
	member->id[0] = 0;
	go(member, SEEKING);
	member->wait_until_ns = world_now_ns(member->world) + draw(&member->random, AWAY_NS_MAX);
}

static void leave(struct member *member)
{
	struct kmsg_leave_group_request in;
	struct kmsg_leave_group_member one;
	kmsg_leave_group_request_init(&in);
	kmsg_leave_group_member_init(&one);
	one.member_id = slice_from(member->id);
	one.group_instance_id = instance_of(member);
	in.group_id = slice_from(GROUP);
	in.members.items = &one;
	in.members.count = 1;
	meet(member->world, MOMENT_MEMBER_LEFT);
	world_tell(member->world, member->number, "member %u leaves", member->number);
	disown(member);
	member->is_asking = peer_call(member->peer, "leave_group", 4, &in, member->life, left);
}

/* ---- a step ------------------------------------------------------------------------------------------------------------------------------ */

static void step_stable(struct member *member)
{
	struct world *world = member->world;
	uint32_t partition = (uint32_t)draw(&member->random, GROUP_PARTITIONS);
	if (world_now_ns(world) >= member->beat_ns)
		beat(member);
	else if (!world->is_calm && draw(&member->random, 1500) == 0)
		leave(member);
	else if (!world->is_calm && draw(&member->random, 1500) == 0)
		member_vanish(member);
	else if (!world->is_calm && member->owns[partition] && draw(&member->random, 20) == 0)
		commit(member, partition);
}

void member_step(struct member *member)
{
	peer_step(member->peer);
	if (member->is_asking || member->world->topics[0].state != TOPIC_LIVE || world_now_ns(member->world) < member->wait_until_ns)
		return;
	switch (member->state) {
	case SEEKING: member->is_asking = offset_call_seek(member->peer, GROUP, member->life, found); break;
	case JOINING: join(member); break;
	case SYNCING: sync_with(member); break;
	case LOOKING: look(member); break;
	case STABLE: step_stable(member); break;
	}
}
