/* A member of a group of the consumer protocol (KIP-848), as the Java client is one: it joins, is given partitions with its heartbeats, gives back what it is no longer
 * to have before it says so, looks for the commits of what is new, and commits. Now and then it leaves, or is gone without a word and comes back as somebody else.
 *
 * What is asked for: nobody is given what another has and may still think its own; a member that beats in time is not fenced; its epoch never goes back; who comes to own
 * a partition finds every commit that was acknowledged before it asked; and in the calm every partition of every topic is owned, by members of one epoch. */
#include <stdlib.h>

#include "kmsg_consumer_group_heartbeat.h"
#include "kmsg_find_coordinator.h"
#include "kmsg_offset_commit.h"
#include "kmsg_offset_fetch.h"
#include "log/base/check.h"
#include "net/wire/kerr.h"
#include "tests/sim_broker/offset_calls.h"

#define GROUP "consumers"
#define ID_SIZE 64
#define OWNED_MAX (TOPICS_MAX * PARTITIONS_MAX * 2)
#define AWAY_NS_MAX (12ull * 1000 * 1000 * 1000)
#define SILENT_NS_MAX (15ull * 1000 * 1000 * 1000)
#define REBALANCE_MS 6000
/* As soon as this after its last heartbeat that was answered may another own what it has: the shorter of its session (run.c sets it) and its rebalance timeout. */
#define TRUST_NS (REBALANCE_MS * 1000000ull)
/* A member that beats in time does so well within that. */
#define IN_TIME_NS (3ull * 1000 * 1000 * 1000)

enum state { SEEKING, OUTSIDE, INSIDE };

struct owned {
	struct uuid topic;
	int32_t partition;
	bool is_looked_for;         /* its commit is known, or is of no interest */
};

struct consumer_member {
	struct world *world;
	struct peer *peer;
	uint64_t random;
	uint32_t number;
	enum state state;
	bool is_asking, is_static, is_by_pattern, makes_id;
	char id[ID_SIZE], instance[24];
	int32_t epoch;
	uint64_t life;              /* answers to an earlier one are passed over */
	uint64_t silent_until_ns;   /* its process is stopped: it neither sends nor reads */
	uint64_t wait_until_ns, beat_ns, sent_ns, trusted_ns, lost_ns; /* trusted: when the last heartbeat that was answered was sent */
	struct owned owned[OWNED_MAX];
	uint32_t owned_count;
	bool has_news;              /* it owns other than it has said */
	uint32_t looking_for;       /* partition of the first topic */
	int64_t next[GROUP_PARTITIONS], acked_before;
};

struct consumer_member *consumer_member_open(struct world *world, uint32_t number)
{
	struct consumer_member *member = calloc(1, sizeof *member);
	CHECK(member);
	member->world = world;
	member->random = world_stream(world, "consumer member", number);
	member->number = number;
	member->is_static = draw(&member->random, 3) == 0;
	member->makes_id = draw(&member->random, 3);
	member->is_by_pattern = member->makes_id && draw(&member->random, 3) == 0;
	snprintf(member->instance, sizeof member->instance, "consumer-%u", number);
	member->peer = peer_create(world, member);
	return member;
}

static const struct world_topic *topic_of(const struct world *world, const struct uuid *id)
{
	for (uint32_t t = 0; t < TOPICS_MAX; t++)
		if (world->topics[t].state == TOPIC_LIVE && memcmp(&world->topics[t].id, id, sizeof *id) == 0)
			return &world->topics[t];
	return NULL;
}

bool consumer_member_is_stable(const struct consumer_member *member, int32_t *epoch, uint32_t *owned)
{
	bool is_stable = member->state == INSIDE && !member->has_news;
	*epoch = member->epoch;
	for (uint32_t i = 0; i < member->owned_count; i++) {
		const struct world_topic *topic = topic_of(member->world, &member->owned[i].topic);
		is_stable &= topic != NULL;
		*owned += topic != NULL;
	}
	return is_stable;
}

void consumer_member_describe(const struct consumer_member *member, char *out, size_t size)
{
	static const char *const states[] = {"seeks its coordinator", "is outside", "is inside"};
	snprintf(out, size, "consumer member %u (%s) %s in epoch %d and owns %u partitions%s", member->number, member->id, states[member->state], member->epoch,
		 member->owned_count, member->has_news ? ", which it has to say" : "");
}

static void back_off(struct consumer_member *member)
{
	member->wait_until_ns = world_now_ns(member->world) + BACKOFF_NS;
}

static struct slice instance_of(const struct consumer_member *member)
{
	return member->is_static ? slice_from(member->instance) : (struct slice){NULL, 0};
}

/* ---- a life --------------------------------------------------------------------------------------------------------------- */

/* Outside, as somebody new (by its id; a static one is known by its instance). */
static void begin_life(struct consumer_member *member, uint64_t away_ns_max)
{
	member->life++;
	member->is_asking = false;
	member->state = member->state == SEEKING ? SEEKING : OUTSIDE;
	member->epoch = 0;
	member->owned_count = 0;
	member->has_news = false;
	member->id[0] = 0;
	if (member->makes_id)
		snprintf(member->id, sizeof member->id, "member-%u-%lu", member->number, (unsigned long)member->life);
	member->wait_until_ns = world_now_ns(member->world) + draw(&member->random, away_ns_max + 1);
}

static void vanish(struct consumer_member *member)
{
	meet(member->world, MOMENT_KIP848_VANISHED);
	world_tell(member->world, member->number, "consumer member %u is gone without a word", member->number);
	peer_break(member->peer);
	begin_life(member, member->world->is_calm ? 0 : AWAY_NS_MAX);
}

void consumer_member_reset(struct consumer_member *member)
{
	peer_break(member->peer);
}

/* It gives up everything, and joins again as the one it was. */
static void take_fence(struct consumer_member *member, int16_t error)
{
	uint64_t now_ns = world_now_ns(member->world);
	world_tell(member->world, (uint64_t)error, "consumer member %u is fenced: %s", member->number, kerr_name(error));
	meet(member->world, MOMENT_KIP848_FENCED);
	if (now_ns - member->trusted_ns < IN_TIME_NS && now_ns - member->lost_ns > TRUST_NS)
		world_accuse(member->world, HISTORY_BROKER, -1, "consumer member %u, which has beaten in time, is fenced: error %d", member->number, error);
	member->state = OUTSIDE;
	member->epoch = 0;
	member->owned_count = 0;
	member->has_news = false;
	back_off(member);
}

static bool is_stale(struct consumer_member *member, uint64_t tag)
{
	if (tag != member->life)
		return true;
	member->is_asking = false;
	return false;
}

/* What an error of any call means for it. True if there was none. */
static bool take_error(struct consumer_member *member, int16_t error, const char *call)
{
	switch (error) {
	case 0:
		return true;
	case KERR_COORDINATOR_LOAD_IN_PROGRESS:
	case KERR_REQUEST_TIMED_OUT:
	case KERR_KAFKA_STORAGE_ERROR:
		break;
	case KERR_COORDINATOR_NOT_AVAILABLE:
	case KERR_NOT_COORDINATOR:
		member->lost_ns = world_now_ns(member->world);
		break;
	case KERR_STALE_MEMBER_EPOCH: /* the next heartbeat tells the epoch */
		member->beat_ns = 0;
		break;
	case KERR_UNKNOWN_MEMBER_ID:
	case KERR_FENCED_MEMBER_EPOCH:
		take_fence(member, error);
		return false;
	case KERR_UNRELEASED_INSTANCE_ID: /* its life before still has its session */
		if (member->is_static && member->state != INSIDE)
			break;
		/* fall through */
	default:
		world_accuse(member->world, HISTORY_BROKER, -1, "%s of consumer member %u: error %d", call, member->number, error);
	}
	back_off(member);
	return false;
}

/* ---- what is owned ------------------------------------------------------------------------------------------------------------ */

static bool owns(const struct consumer_member *member, const struct uuid *topic, int32_t partition)
{
	for (uint32_t i = 0; i < member->owned_count; i++)
		if (member->owned[i].partition == partition && memcmp(&member->owned[i].topic, topic, sizeof *topic) == 0)
			return true;
	return false;
}

/* Nobody else may still think it its own. */
static void judge_sole_owner(struct consumer_member *member, const struct uuid *topic, int32_t partition)
{
	struct world *world = member->world;
	for (uint32_t i = 0; i < world->consumer_member_count; i++) {
		const struct consumer_member *other = world->consumer_members[i];
		if (other == member || !owns(other, topic, partition) || world_now_ns(world) - other->trusted_ns >= TRUST_NS)
			continue;
		const struct world_topic *known = topic_of(world, topic);
		world_accuse(world, HISTORY_BROKER, -1, "consumer member %u is given %s-%d in epoch %d, and consumer member %u has it in epoch %d", member->number,
			     known ? known->name : "?", partition, member->epoch, other->number, other->epoch);
	}
}

static void add_owned(struct consumer_member *member, struct owned *list, uint32_t *count, const struct uuid *topic, int32_t partition)
{
	const struct uuid *first = &member->world->topics[0].id;
	if (*count == OWNED_MAX) {
		world_accuse(member->world, HISTORY_BROKER, -1, "an assignment of more partitions than there are");
		return;
	}
	bool is_new = !owns(member, topic, partition);
	bool is_of_interest = memcmp(topic, first, sizeof *first) == 0 && partition < GROUP_PARTITIONS;
	if (is_new)
		judge_sole_owner(member, topic, partition);
	list[(*count)++] = (struct owned){.topic = *topic, .partition = partition, .is_looked_for = !is_of_interest || !is_new};
	member->has_news |= is_new;
}

static void take_assignment(struct consumer_member *member, const struct kmsg_consumer_group_heartbeat_assignment *assignment)
{
	struct owned list[OWNED_MAX];
	uint32_t count = 0;
	for (int32_t t = 0; t < assignment->topic_partitions.count; t++) {
		const struct kmsg_consumer_group_heartbeat_topic_partitions *topic = &assignment->topic_partitions.items[t];
		for (int32_t p = 0; p < topic->partitions.count; p++)
			add_owned(member, list, &count, &topic->topic_id, topic->partitions.items[p]);
	}
	if (member->has_news)
		meet(member->world, MOMENT_KIP848_GIVEN);
	for (uint32_t i = 0; i < member->owned_count; i++) {
		bool is_kept = false;
		for (uint32_t k = 0; k < count; k++)
			is_kept |= list[k].partition == member->owned[i].partition && memcmp(&list[k].topic, &member->owned[i].topic, sizeof list[k].topic) == 0;
		if (is_kept)
			continue;
		meet(member->world, MOMENT_KIP848_REVOKED);
		member->has_news = true;
	}
	memcpy(member->owned, list, count * sizeof list[0]);
	member->owned_count = count;
	member->beat_ns = member->has_news ? 0 : member->beat_ns;
	world_tell(member->world, count, "consumer member %u is to have %u partitions in epoch %d", member->number, count, member->epoch);
}

/* ---- the coordinator ----------------------------------------------------------------------------------------------------------- */

static void found(void *context, uint64_t tag, const void *answer)
{
	struct consumer_member *member = context;
	const struct kmsg_find_coordinator_response *out = answer;
	if (is_stale(member, tag))
		return;
	if (out && out->error_code == 0) {
		member->state = OUTSIDE;
		begin_life(member, 0);
	} else {
		back_off(member);
	}
}

/* ---- heartbeats ------------------------------------------------------------------------------------------------------------------ */

static void take_beat(struct consumer_member *member, const struct kmsg_consumer_group_heartbeat_response *out)
{
	if (out->member_epoch < member->epoch)
		world_accuse(member->world, HISTORY_BROKER, -1, "consumer member %u goes from epoch %d to %d", member->number, member->epoch, out->member_epoch);
	if (member->state == OUTSIDE) {
		meet(member->world, MOMENT_KIP848_JOINED);
		world_tell(member->world, (uint64_t)out->member_epoch, "consumer member %u has joined in epoch %d", member->number, out->member_epoch);
		if (!member->id[0])
			snprintf(member->id, sizeof member->id, "%.*s", (int)out->member_id.size, (const char *)out->member_id.data);
	}
	member->state = INSIDE;
	member->epoch = out->member_epoch;
	member->trusted_ns = member->sent_ns;
	if (out->assignment)
		take_assignment(member, out->assignment);
}

static void beaten(void *context, uint64_t tag, const void *answer)
{
	struct consumer_member *member = context;
	const struct kmsg_consumer_group_heartbeat_response *out = answer;
	if (is_stale(member, tag))
		return;
	if (!out) {
		member->has_news = member->state == INSIDE; /* was it heard? */
		member->lost_ns = world_now_ns(member->world);
		back_off(member);
	} else if (take_error(member, out->error_code, "a heartbeat")) {
		take_beat(member, out);
	} else if (member->state == INSIDE) {
		member->has_news = true;
	}
}

static void say_owned(const struct consumer_member *member, struct kmsg_consumer_group_heartbeat_topic_partitions *topics, int32_t *numbers, int32_t *count)
{
	*count = 0;
	for (uint32_t i = 0; i < member->owned_count; i++) {
		int32_t t = 0;
		while (t < *count && memcmp(&topics[t].topic_id, &member->owned[i].topic, sizeof topics[t].topic_id) != 0)
			t++;
		if (t == *count) {
			kmsg_consumer_group_heartbeat_topic_partitions_init(&topics[t]);
			topics[t].topic_id = member->owned[i].topic;
			topics[t].partitions.items = numbers + (size_t)t * OWNED_MAX;
			(*count)++;
		}
		topics[t].partitions.items[topics[t].partitions.count++] = member->owned[i].partition;
	}
}

static void beat(struct consumer_member *member)
{
	static int32_t numbers[OWNED_MAX * OWNED_MAX];
	struct kmsg_consumer_group_heartbeat_topic_partitions topics[OWNED_MAX];
	struct kmsg_consumer_group_heartbeat_request in;
	struct slice names[TOPICS_MAX];
	kmsg_consumer_group_heartbeat_request_init(&in);
	in.group_id = slice_from(GROUP);
	in.member_id = slice_from(member->id);
	in.member_epoch = member->state == INSIDE ? member->epoch : 0;
	in.instance_id = instance_of(member);
	in.rebalance_timeout_ms = REBALANCE_MS;
	for (uint32_t t = 0; t < TOPICS_MAX; t++)
		names[t] = slice_from(member->world->topics[t].name);
	if (member->is_by_pattern) {
		in.subscribed_topic_regex = slice_from("[tuv]");
	} else {
		in.subscribed_topic_names.items = names;
		in.subscribed_topic_names.count = TOPICS_MAX;
	}
	in.topic_partitions.items = topics;
	say_owned(member, topics, numbers, &in.topic_partitions.count);
	member->is_asking = peer_call(member->peer, "consumer_group_heartbeat", member->makes_id ? 1 : 0, &in, member->life, beaten);
	if (!member->is_asking)
		return;
	member->sent_ns = world_now_ns(member->world);
	member->beat_ns = member->sent_ns + 500000000 + draw(&member->random, 1500000000);
	member->has_news = false;
}

/* ---- leaving ------------------------------------------------------------------------------------------------------------------------ */

static void left(void *context, uint64_t tag, const void *answer)
{
	struct consumer_member *member = context;
	if (!is_stale(member, tag))
		begin_life(member, AWAY_NS_MAX);
}

static void leave(struct consumer_member *member)
{
	struct kmsg_consumer_group_heartbeat_request in;
	kmsg_consumer_group_heartbeat_request_init(&in);
	in.group_id = slice_from(GROUP);
	in.member_id = slice_from(member->id);
	in.member_epoch = member->is_static && draw(&member->random, 2) ? -2 : -1;
	in.instance_id = instance_of(member);
	meet(member->world, MOMENT_KIP848_LEFT);
	world_tell(member->world, member->number, "consumer member %u leaves", member->number);
	member->owned_count = 0;
	member->state = OUTSIDE;
	member->is_asking = peer_call(member->peer, "consumer_group_heartbeat", member->makes_id ? 1 : 0, &in, member->life, left);
	if (!member->is_asking)
		begin_life(member, AWAY_NS_MAX);
}

/* ---- commits --------------------------------------------------------------------------------------------------------------------------- */

static struct committing as_committing(const struct consumer_member *member)
{
	return (struct committing){.group = GROUP, .member_id = member->id, .instance = instance_of(member), .generation = member->epoch, .is_consumer_member = true};
}

/* What it owns of the first topic, or NULL. */
static struct owned *owned_of_first(struct consumer_member *member, uint32_t partition)
{
	for (uint32_t i = 0; i < member->owned_count; i++)
		if (member->owned[i].partition == (int32_t)partition && memcmp(&member->owned[i].topic, &member->world->topics[0].id, sizeof(struct uuid)) == 0)
			return &member->owned[i];
	return NULL;
}

static void looked(void *context, uint64_t tag, const void *answer)
{
	struct consumer_member *member = context;
	const struct kmsg_offset_fetch_response *out = answer;
	if (is_stale(member, tag))
		return;
	const struct kmsg_offset_fetch_group_result *group = out && out->groups.count == 1 ? &out->groups.items[0] : NULL;
	if (!group) {
		back_off(member);
		return;
	}
	if (!take_error(member, group->error_code, "an offset fetch"))
		return;
	if (group->topics.count != 1 || group->topics.items[0].partitions.count != 1) {
		world_accuse(member->world, HISTORY_BROKER, -1, "an offset fetch of one partition is answered with none or many");
		return;
	}
	const struct commits *commits = &member->world->consumer_commits[member->looking_for];
	int64_t offset = group->topics.items[0].partitions.items[0].committed_offset;
	if (offset < member->acked_before || offset > commits->sent)
		world_accuse(member->world, HISTORY_BROKER, offset, "consumer member %u, owner of partition %u, finds commit %ld; %ld was acknowledged before, and %ld asked for at most",
			     member->number, member->looking_for, (long)offset, (long)member->acked_before, (long)commits->sent);
	struct owned *owned = owned_of_first(member, member->looking_for);
	if (owned)
		owned->is_looked_for = true;
	member->next[member->looking_for] = offset + 1;
}

static bool look(struct consumer_member *member)
{
	for (uint32_t i = 0; i < member->owned_count; i++) {
		if (member->owned[i].is_looked_for)
			continue;
		struct committing who = as_committing(member);
		member->looking_for = (uint32_t)member->owned[i].partition;
		member->acked_before = member->world->consumer_commits[member->looking_for].acked;
		member->is_asking = offset_call_look(member->peer, &who, member->looking_for, member->life, looked);
		return true;
	}
	return false;
}

static void committed(void *context, uint64_t tag, const void *answer)
{
	struct consumer_member *member = context;
	const struct kmsg_offset_commit_response *out = answer;
	if (is_stale(member, tag))
		return;
	const struct kmsg_offset_commit_topic_result *topic = out && out->topics.count == 1 ? &out->topics.items[0] : NULL;
	if (!topic || topic->partitions.count != 1) {
		back_off(member);
		return;
	}
	uint32_t partition = (uint32_t)topic->partitions.items[0].partition_index % GROUP_PARTITIONS;
	if (!take_error(member, topic->partitions.items[0].error_code, "a commit"))
		return;
	meet(member->world, MOMENT_KIP848_COMMITTED);
	struct commits *commits = &member->world->consumer_commits[partition];
	if (member->next[partition] > commits->acked)
		commits->acked = member->next[partition];
	member->next[partition]++;
}

static void commit(struct consumer_member *member, uint32_t partition)
{
	struct committing who = as_committing(member);
	struct commits *commits = &member->world->consumer_commits[partition];
	const struct owned *owned = owned_of_first(member, partition);
	if (!owned || !owned->is_looked_for)
		return;
	member->is_asking = offset_call_commit(member->peer, &who, partition, member->next[partition], member->life, committed);
	if (member->is_asking && member->next[partition] > commits->sent)
		commits->sent = member->next[partition];
}

/* As a garbage collector, or a closed laptop. */
static void pause_process(struct consumer_member *member)
{
	meet(member->world, MOMENT_KIP848_PAUSED);
	member->silent_until_ns = world_now_ns(member->world) + draw(&member->random, SILENT_NS_MAX);
	world_tell(member->world, member->number, "consumer member %u is silent until %.3f s", member->number, (double)member->silent_until_ns / 1e9);
}

/* ---- a step --------------------------------------------------------------------------------------------------------------------------------- */

static void step_inside(struct consumer_member *member)
{
	struct world *world = member->world;
	if (world_now_ns(world) >= member->beat_ns || member->has_news)
		beat(member);
	else if (look(member) || world->is_calm)
		return;
	else if (draw(&member->random, 1500) == 0)
		leave(member);
	else if (draw(&member->random, 1500) == 0)
		vanish(member);
	else if (draw(&member->random, 1500) == 0)
		pause_process(member);
	else if (draw(&member->random, 10) == 0)
		commit(member, (uint32_t)draw(&member->random, GROUP_PARTITIONS));
}

void consumer_member_step(struct consumer_member *member)
{
	if (world_now_ns(member->world) < member->silent_until_ns && !member->world->is_calm)
		return;
	peer_step(member->peer);
	if (member->is_asking || member->world->topics[0].state != TOPIC_LIVE || world_now_ns(member->world) < member->wait_until_ns)
		return;
	switch (member->state) {
	case SEEKING: member->is_asking = offset_call_seek(member->peer, GROUP, member->life, found); break;
	case OUTSIDE: beat(member); break;
	case INSIDE: step_inside(member); break;
	}
}
