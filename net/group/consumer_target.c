/* The target assignment of a group: who is to own what, computed for a group epoch from all members, their topics and the last target.
 *
 * It is computed when a heartbeat finds that the group has a newer epoch than its target, but not more often than
 * group.consumer.assignment.interval.ms says: many members that come at once cost a few computations, not one each.
 *
 * Failure mode: memory. The last target stays, and the next heartbeat tries again; half of it emitted: consumer__broken. */
#include <stdlib.h>

#include "log/catalog/catalog.h"
#include "net/group/assignor.h"
#include "net/group/consumer_priv.h"

/* ---- which assignor ------------------------------------------------------------------------------------------------------------------- */

/* The next of "uniform,range"; false at the end. */
static bool next_name(const char **list, struct slice *name)
{
	*list += strspn(*list, ", ");
	*name = (struct slice){(const uint8_t *)*list, strcspn(*list, ", ")};
	*list += name->size;
	return name->size > 0;
}

static uint32_t count_wishes(const struct consumer *consumer, struct slice name)
{
	uint32_t count = 0;
	LIST_FOR_EACH(node, &consumer->members)
		count += slice_equal(consumer__member_at(node)->assignor, name);
	return count;
}

/* What most members wish for; the first of the broker's list if none does. */
static struct slice choose_assignor(const struct consumer *consumer)
{
	const char *list = consumer__coordinator(consumer)->config.consumer_assignors;
	struct slice chosen = SLICE_EMPTY, name;
	uint32_t most = 0;
	while (next_name(&list, &name)) {
		uint32_t count = count_wishes(consumer, name);
		if (!chosen.size || count > most) {
			chosen = name;
			most = count;
		}
	}
	return chosen;
}

const char *consumer__assignor_name(const struct consumer *consumer)
{
	const struct assignor *assignor = assignor_find(choose_assignor(consumer));
	return assignor ? assignor->name : "uniform";
}

/* ---- the problem ------------------------------------------------------------------------------------------------------------------------ */

struct computation {
	struct consumer *consumer;
	struct arena arena;
	struct assignor_problem problem;
	struct consumer_member **members; /* in the order of their ids */
	struct partition_maker *targets;  /* of each member */
};

static int compare_ids(const void *a, const void *b)
{
	const struct consumer_member *const *first = a, *const *second = b;
	struct slice x = consumer__member_id(*first), y = consumer__member_id(*second);
	size_t size = x.size < y.size ? x.size : y.size;
	int order = size ? memcmp(x.data, y.data, size) : 0;
	return order ? order : (x.size > y.size) - (x.size < y.size);
}

static bool list_members(struct computation *computation)
{
	struct consumer *consumer = computation->consumer;
	uint32_t count = 0;
	struct assignor_member *members = arena_alloc(&computation->arena, consumer->member_count * sizeof *members);
	computation->members = arena_alloc(&computation->arena, consumer->member_count * sizeof *computation->members);
	if (!members || !computation->members)
		return false;
	LIST_FOR_EACH(node, &consumer->members)
		computation->members[count++] = consumer__member_at(node);
	qsort(computation->members, count, sizeof *computation->members, compare_ids);
	for (uint32_t i = 0; i < count; i++) {
		struct consumer_member *member = computation->members[i];
		members[i] = (struct assignor_member){.id = consumer__member_id(member), .instance_id = consumer__instance_id(member)};
		if (!consumer__member_topics(member, &computation->arena, &members[i].topics, &members[i].topic_count))
			return false;
	}
	computation->problem.members = members;
	computation->problem.member_count = count;
	return true;
}

static bool enter_topic(struct computation *computation, uint32_t number)
{
	struct assignor_topic *topic = &computation->problem.topics[number];
	if (topic->owners)
		return true;
	topic->id = computation->consumer->topics[number]->id;
	const struct topic *known = catalog_topic_by_id(consumer__coordinator(computation->consumer)->image, &topic->id);
	topic->partition_count = known ? known->partition_count : 0;
	topic->owners = arena_alloc(&computation->arena, topic->partition_count * sizeof *topic->owners);
	for (uint32_t p = 0; topic->owners && p < topic->partition_count; p++)
		topic->owners[p] = ASSIGNOR_NOBODY;
	return topic->owners != NULL;
}

/* What somebody subscribes to. Members with the same subscription mostly stand side by side, and share its list. */
static bool list_topics(struct computation *computation)
{
	struct assignor_problem *problem = &computation->problem;
	const uint32_t *last = NULL;
	problem->topic_count = computation->consumer->topic_count;
	problem->topics = arena_alloc(&computation->arena, problem->topic_count * sizeof *problem->topics);
	if (!problem->topics)
		return false;
	memset(problem->topics, 0, problem->topic_count * sizeof *problem->topics);
	for (uint32_t i = 0; i < problem->member_count; last = problem->members[i].topics, i++)
		for (uint32_t j = 0; problem->members[i].topics != last && j < problem->members[i].topic_count; j++)
			if (!enter_topic(computation, problem->members[i].topics[j]))
				return false;
	return true;
}

static void enter_last_target(struct computation *computation)
{
	struct assignor_problem *problem = &computation->problem;
	for (uint32_t i = 0; i < problem->member_count; i++) {
		const struct partition_list *target = &computation->members[i]->target;
		for (uint32_t j = 0; j < target->count; j++) {
			struct assignor_topic *topic = &problem->topics[target->items[j].topic];
			if ((uint32_t)target->items[j].partition < topic->partition_count)
				topic->owners[target->items[j].partition] = (int32_t)i;
		}
	}
}

/* ---- the answer --------------------------------------------------------------------------------------------------------------------------- */

/* Topics and partitions are walked in order, so each member's list comes out sorted. */
static bool list_targets(struct computation *computation)
{
	const struct assignor_problem *problem = &computation->problem;
	uint32_t *counts = arena_alloc(&computation->arena, problem->member_count * sizeof *counts);
	computation->targets = arena_alloc(&computation->arena, problem->member_count * sizeof *computation->targets);
	if (!counts || !computation->targets)
		return false;
	memset(counts, 0, problem->member_count * sizeof *counts);
	for (uint32_t t = 0; t < problem->topic_count; t++)
		for (uint32_t p = 0; p < problem->topics[t].partition_count; p++)
			if (problem->topics[t].owners[p] != ASSIGNOR_NOBODY)
				counts[problem->topics[t].owners[p]]++;
	for (uint32_t i = 0; i < problem->member_count; i++)
		if (partition_maker_init(&computation->targets[i], &computation->arena, counts[i]) < 0)
			return false;
	for (uint32_t t = 0; t < problem->topic_count; t++)
		for (uint32_t p = 0; p < problem->topics[t].partition_count; p++)
			if (problem->topics[t].owners[p] != ASSIGNOR_NOBODY)
				partition_maker_add(&computation->targets[problem->topics[t].owners[p]], t, (int32_t)p, 0);
	return true;
}

static bool compute(struct computation *computation)
{
	struct assignor_problem *problem = &computation->problem;
	const struct assignor *assignor = assignor_find(slice_from(consumer__assignor_name(computation->consumer)));
	if (!list_members(computation) || !list_topics(computation))
		return false;
	problem->arena = &computation->arena;
	problem->is_homogeneous = consumer__is_homogeneous(computation->consumer);
	enter_last_target(computation);
	return assignor->assign(problem) == 0 && list_targets(computation);
}

static bool take_over(struct computation *computation)
{
	struct consumer *consumer = computation->consumer;
	for (uint32_t i = 0; i < computation->problem.member_count; i++) {
		struct consumer_member *member = computation->members[i];
		const struct partition_list target = partition_maker_view(&computation->targets[i]);
		if (member->has_target && partition_list_equal(&member->target, &target))
			continue;
		if (!consumer__set_target(member, &target))
			return false;
		member->has_target = true;
		consumer__emit_target(member);
	}
	consumer->assignment_epoch = consumer->epoch;
	consumer->assignment_time_ms = consumer__coordinator(consumer)->clock.wall_ms;
	if (consumer->unsettled_since_ns == 0)
		consumer->unsettled_since_ns = consumer__coordinator(consumer)->clock.now_ns;
	consumer__emit_target_epoch(consumer);
	return true;
}

/* A clock that was set back must not stop a group. */
static bool is_too_early(const struct consumer *consumer)
{
	const struct coordinator *coordinator = consumer__coordinator(consumer);
	int64_t since_ms = coordinator->clock.wall_ms - consumer->assignment_time_ms;
	return consumer->assignment_time_ms != 0 && since_ms >= 0 && since_ms < consumer__assignment_interval_ms(consumer);
}

void consumer__update_target(struct consumer *consumer)
{
	struct computation computation = {.consumer = consumer};
	if (consumer->assignment_epoch >= consumer->epoch || consumer_is_empty(consumer) || is_too_early(consumer))
		return;
	arena_init(&computation.arena, NULL, 0, SCRATCH_BYTES_MAX);
	if (!compute(&computation))
		group__note(consumer__coordinator(consumer), "group %.*s: no memory for the assignment of epoch %d; the next heartbeat tries again",
			    NAME_ARGUMENTS(slice_from(consumer->group->id)), consumer->epoch);
	else if (!take_over(&computation))
		consumer__broken(consumer);
	arena_fini(&computation.arena);
	consumer__sweep_topics(consumer);
}
