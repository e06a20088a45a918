/* One step of a member towards its target.
 *
 * What it owns is cut to what its target has. If it says that it still owns some of the rest, it stays in its epoch and must give that up first
 * (UNREVOKED). Otherwise it moves to the target's epoch, and gets what nobody has; if others still have some of it, it waits for them (UNRELEASED),
 * and gets that with a later heartbeat. So no partition ever has two owners, and nobody stops working but where partitions move.
 *
 * Failure mode: memory (consumer__broken). */
#include "net/group/consumer_priv.h"
#include "net/group/sorted_numbers.h"

/* Two heartbeats: longer than a client needs that revokes at once. */
#define SLOW_REVOCATION_NS 10000000000u
/* And the whole rebalance, in which a partition that moves needs three. */
#define SLOW_REBALANCE_NS 20000000000u

/* ---- what the member says ------------------------------------------------------------------------------------------------------------- */

static const struct group_topic *topic_of(const struct consumer *consumer, const struct kmsg_consumer_group_heartbeat_topic_partitions *item)
{
	return consumer__find_topic(consumer, &item->topic_id);
}

/* A member that does not say may still own anything. */
static bool owns_any(const struct consumer *consumer, const struct owned_topics *owned, const struct partition_list *list)
{
	if (!owned->is_known)
		return true;
	for (int32_t i = 0; i < owned->count; i++) {
		const struct group_topic *topic = topic_of(consumer, &owned->items[i]);
		for (int32_t j = 0; topic && j < owned->items[i].partitions.count; j++)
			if (partition_list_find(list, topic->number, owned->items[i].partitions.items[j]))
				return true;
	}
	return false;
}

bool consumer__owns_only(const struct consumer *consumer, const struct owned_topics *owned, const struct partition_list *list)
{
	if (!owned->is_known)
		return false;
	for (int32_t i = 0; i < owned->count; i++) {
		const struct group_topic *topic = topic_of(consumer, &owned->items[i]);
		if (!topic)
			return false;
		for (int32_t j = 0; j < owned->items[i].partitions.count; j++)
			if (!partition_list_find(list, topic->number, owned->items[i].partitions.items[j]))
				return false;
	}
	return true;
}

/* ---- the step --------------------------------------------------------------------------------------------------------------------------- */

struct step {
	struct consumer_member *member;
	const struct owned_topics *owned;
	const uint32_t *topics;        /* what it subscribes to now */
	uint32_t topic_count;
	struct partition_maker kept, surplus, gained;
	bool has_unreleased;           /* others still have some of its target */
};

static bool subscribes_to(const struct step *step, uint32_t topic)
{
	return sorted_numbers_have(step->topics, step->topic_count, topic);
}

/* What it has to give up is its own still: it may have it back. */
static bool is_available(const struct consumer_member *member, const struct owned_partition *wanted)
{
	return consumer__is_free(member->consumer, wanted->topic, wanted->partition) ||
	       partition_list_find(&member->revoking, wanted->topic, wanted->partition) != NULL;
}

/* Walks what it owns and its target side by side. */
static void compare_with_target(struct step *step)
{
	const struct consumer_member *member = step->member;
	const struct partition_list *owned = &member->assigned, *target = &member->target;
	for (uint32_t i = 0, j = 0; i < owned->count || j < target->count;) {
		int order = i == owned->count ? 1 : j == target->count ? -1 : owned_partition_compare(&owned->items[i], &target->items[j]);
		const struct owned_partition *item = order > 0 ? &target->items[j] : &owned->items[i];
		bool is_wanted = order >= 0 && subscribes_to(step, item->topic);
		if (order <= 0)
			partition_maker_add(is_wanted ? &step->kept : &step->surplus, item->topic, item->partition, item->epoch);
		else if (is_wanted && is_available(member, item))
			partition_maker_add(&step->gained, item->topic, item->partition, member->consumer->assignment_epoch);
		else if (is_wanted)
			step->has_unreleased = true;
		i += order <= 0;
		j += order >= 0;
	}
}

/* Others wait for what a member has to give up; a client that takes long over it is why. */
static void note_revocation(struct consumer_member *member, enum member_state state)
{
	struct coordinator *coordinator = consumer__coordinator(member->consumer);
	uint64_t now_ns = coordinator->clock.now_ns;
	if (state == MEMBER_UNREVOKED && member->state != MEMBER_UNREVOKED)
		member->unrevoked_since_ns = now_ns;
	if (state == MEMBER_UNREVOKED || member->state != MEMBER_UNREVOKED || now_ns - member->unrevoked_since_ns < SLOW_REVOCATION_NS)
		return;
	group__note(coordinator, "group %.*s: member %.*s (%.*s) took %.1f s to give up its partitions; others have waited for them",
		    NAME_ARGUMENTS(slice_from(member->consumer->group->id)), NAME_ARGUMENTS(consumer__member_id(member)),
		    NAME_ARGUMENTS(member->client_host), (double)(now_ns - member->unrevoked_since_ns) / 1e9);
}

/* The member's next state, if it differs from what it is in. */
static bool move_to(struct consumer_member *member, enum member_state state, int32_t epoch, const struct partition_list *assigned,
		    const struct partition_list *revoking)
{
	if (member->state == state && member->epoch == epoch && member->previous_epoch == member->epoch &&
	    partition_list_equal(&member->assigned, assigned) && partition_list_equal(&member->revoking, revoking))
		return true;
	if (!consumer__set_partitions(member, assigned, revoking))
		return false;
	note_revocation(member, state);
	member->state = state;
	member->previous_epoch = member->epoch;
	member->epoch = epoch;
	consumer__emit_current(member);
	consumer__arm_rebalance(member);
	return true;
}

static bool advance(struct step *step)
{
	struct consumer_member *member = step->member;
	const struct partition_list kept = partition_maker_view(&step->kept), surplus = partition_maker_view(&step->surplus);
	const struct partition_list none = {0};
	if (surplus.count > 0 && owns_any(member->consumer, step->owned, &surplus))
		return move_to(member, MEMBER_UNREVOKED, member->epoch, &kept, &surplus);
	for (uint32_t i = 0; i < step->gained.count; i++)
		partition_maker_add(&step->kept, step->gained.items[i].topic, step->gained.items[i].partition, step->gained.items[i].epoch);
	partition_maker_sort(&step->kept);
	const struct partition_list assigned = partition_maker_view(&step->kept);
	return move_to(member, step->has_unreleased ? MEMBER_UNRELEASED : MEMBER_STABLE, member->consumer->assignment_epoch, &assigned, &none);
}

/* The subscription has changed, and the target has not yet: what is no longer subscribed to is given up at once. */
static bool drop_unsubscribed(struct step *step)
{
	struct consumer_member *member = step->member;
	const struct partition_list *assigned = &member->assigned, *revoking = &member->revoking;
	for (uint32_t i = 0; i < assigned->count; i++) {
		const struct owned_partition *item = &assigned->items[i];
		partition_maker_add(subscribes_to(step, item->topic) ? &step->kept : &step->surplus, item->topic, item->partition, item->epoch);
	}
	if (step->surplus.count == 0)
		return true;
	for (uint32_t i = 0; i < revoking->count; i++)
		partition_maker_add(&step->surplus, revoking->items[i].topic, revoking->items[i].partition, revoking->items[i].epoch);
	partition_maker_sort(&step->surplus);
	const struct partition_list kept = partition_maker_view(&step->kept), surplus = partition_maker_view(&step->surplus);
	if (owns_any(member->consumer, step->owned, &surplus))
		return move_to(member, MEMBER_UNREVOKED, member->epoch, &kept, &surplus);
	return move_to(member, member->state, member->epoch, &kept, revoking);
}

static bool begin(struct step *step, struct arena *arena)
{
	const struct consumer_member *member = step->member;
	size_t room = (size_t)member->assigned.count + member->revoking.count + member->target.count;
	return consumer__member_topics(step->member, arena, &step->topics, &step->topic_count) &&
	       partition_maker_init(&step->kept, arena, room) == 0 && partition_maker_init(&step->surplus, arena, room) == 0 &&
	       partition_maker_init(&step->gained, arena, room) == 0;
}

/* Kafka's cases: which step a member takes depends on the state it is in. */
static bool take_step(struct step *step, bool has_subscription_changed)
{
	const struct consumer_member *member = step->member;
	bool has_to_revoke = member->state == MEMBER_UNREVOKED && owns_any(member->consumer, step->owned, &member->revoking);
	bool is_at_target = member->state == MEMBER_STABLE && member->epoch == member->consumer->assignment_epoch;
	if (has_to_revoke || is_at_target)
		return !has_subscription_changed || drop_unsubscribed(step);
	compare_with_target(step);
	return advance(step);
}

/* The last member has its target. A rebalance takes two or three heartbeats; the operator hears of one that took longer. */
static void note_settled(struct consumer *consumer)
{
	struct coordinator *coordinator = consumer__coordinator(consumer);
	if (consumer->unsettled_since_ns == 0 || consumer->epoch > consumer->assignment_epoch)
		return;
	LIST_FOR_EACH(node, &consumer->members)
		if (!consumer__is_reconciled(consumer__member_at(node)))
			return;
	uint64_t took_ns = coordinator->clock.now_ns - consumer->unsettled_since_ns;
	consumer->unsettled_since_ns = consumer->unsettled_told_ns = 0;
	if (took_ns >= SLOW_REBALANCE_NS)
		group__note(coordinator, "group %.*s: it took %.1f s until all %u members had the assignment of epoch %d",
			    NAME_ARGUMENTS(slice_from(consumer->group->id)), (double)took_ns / 1e9, consumer->member_count, consumer->epoch);
}

struct awaited {
	uint32_t revoking, behind;     /* members that have to give something up; that have not heard of the target yet */
	const struct consumer_member *first_revoking, *first_behind;
};

static struct awaited find_awaited(const struct consumer *consumer)
{
	struct awaited awaited = {0};
	LIST_FOR_EACH(node, &consumer->members) {
		const struct consumer_member *member = consumer__member_at(node);
		bool is_revoking = member->state == MEMBER_UNREVOKED, is_behind = !is_revoking && member->epoch != consumer->assignment_epoch;
		if (is_revoking && awaited.revoking++ == 0)
			awaited.first_revoking = member;
		if (is_behind && awaited.behind++ == 0)
			awaited.first_behind = member;
	}
	return awaited;
}

/* Any heartbeat is an occasion to tell that it goes on, and for whom the others wait: after SLOW_REBALANCE_NS, and then when it has lasted twice as long. */
static void note_unsettled(struct consumer *consumer)
{
	struct coordinator *coordinator = consumer__coordinator(consumer);
	uint64_t took_ns = coordinator->clock.now_ns - consumer->unsettled_since_ns;
	if (consumer->unsettled_since_ns == 0 || took_ns < SLOW_REBALANCE_NS || took_ns < 2 * consumer->unsettled_told_ns)
		return;
	const struct awaited awaited = find_awaited(consumer);
	const struct consumer_member *first = awaited.first_revoking ? awaited.first_revoking : awaited.first_behind;
	if (!first)
		return;
	consumer->unsettled_told_ns = took_ns;
	group__note(coordinator,
		    "group %.*s: the assignment of epoch %d is not everybody's since %.0f s: %u of %u members have to give partitions up, %u have not heard of it; "
		    "%s %.*s (%.*s)",
		    NAME_ARGUMENTS(slice_from(consumer->group->id)), consumer->assignment_epoch, (double)took_ns / 1e9, awaited.revoking, consumer->member_count,
		    awaited.behind, awaited.first_revoking ? "others wait for" : "the first of them is", NAME_ARGUMENTS(consumer__member_id(first)),
		    NAME_ARGUMENTS(first->client_host));
}

void consumer__reconcile(struct consumer_member *member, bool has_subscription_changed, const struct owned_topics *owned)
{
	struct step step = {.member = member, .owned = owned};
	struct arena arena;
	note_unsettled(member->consumer);
	if (!has_subscription_changed && consumer__is_reconciled(member))
		return;
	arena_init(&arena, NULL, 0, SCRATCH_BYTES_MAX);
	if (!begin(&step, &arena) || !take_step(&step, has_subscription_changed))
		consumer__broken(member->consumer);
	arena_fini(&arena);
	if (consumer__is_reconciled(member))
		note_settled(member->consumer);
}
