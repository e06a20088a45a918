/* The range assignor. Subscribers of a topic stand in a fixed order: static members by their instance id, then the others by member id. Each gets the
 * next partitions of the topic: count / subscribers of them, and the first (count mod subscribers) one more. It is not sticky, and does not look
 * at the last target. It fails for memory alone. */
#include "net/group/assignor.h"

#include <errno.h>
#include <stdlib.h>

struct range {
	uint32_t subscriber_count;
	uint32_t quota, extra;         /* each gets `quota`, `extra` more get one more */
	uint32_t next;                 /* the first partition that nobody has */
};

static int compare_slices(struct slice a, struct slice b)
{
	size_t size = a.size < b.size ? a.size : b.size;
	int order = size ? memcmp(a.data, b.data, size) : 0;
	return order ? order : (a.size > b.size) - (a.size < b.size);
}

static int compare_members(const void *a, const void *b, void *context)
{
	const struct assignor_member *members = context;
	const struct assignor_member *first = &members[*(const uint32_t *)a], *second = &members[*(const uint32_t *)b];
	if (first->instance_id.data && second->instance_id.data)
		return compare_slices(first->instance_id, second->instance_id);
	if (first->instance_id.data || second->instance_id.data)
		return first->instance_id.data ? -1 : 1;
	return compare_slices(first->id, second->id);
}

static void count_subscribers(const struct assignor_problem *problem, struct range *ranges)
{
	memset(ranges, 0, problem->topic_count * sizeof *ranges);
	for (uint32_t i = 0; i < problem->member_count; i++)
		for (uint32_t j = 0; j < problem->members[i].topic_count; j++)
			ranges[problem->members[i].topics[j]].subscriber_count++;
	for (uint32_t t = 0; t < problem->topic_count; t++) {
		struct range *range = &ranges[t];
		if (range->subscriber_count == 0)
			continue;
		range->quota = problem->topics[t].partition_count / range->subscriber_count;
		range->extra = problem->topics[t].partition_count % range->subscriber_count;
	}
}

static void give_next(struct assignor_topic *topic, struct range *range, int32_t member)
{
	uint32_t count = range->quota;
	if (range->extra > 0) {
		range->extra--;
		count++;
	}
	for (; count > 0 && range->next < topic->partition_count; count--)
		topic->owners[range->next++] = member;
}

int assignor_range(struct assignor_problem *problem)
{
	struct range *ranges = arena_alloc(problem->arena, problem->topic_count * sizeof *ranges);
	uint32_t *order = arena_alloc(problem->arena, problem->member_count * sizeof *order);
	if (!ranges || !order)
		return -ENOMEM;
	count_subscribers(problem, ranges);
	for (uint32_t t = 0; t < problem->topic_count; t++)
		for (uint32_t p = 0; p < problem->topics[t].partition_count; p++)
			problem->topics[t].owners[p] = ASSIGNOR_NOBODY;
	for (uint32_t i = 0; i < problem->member_count; i++)
		order[i] = i;
	qsort_r(order, problem->member_count, sizeof *order, compare_members, (void *)problem->members);
	for (uint32_t i = 0; i < problem->member_count; i++) {
		const struct assignor_member *member = &problem->members[order[i]];
		for (uint32_t j = 0; j < member->topic_count; j++)
			give_next(&problem->topics[member->topics[j]], &ranges[member->topics[j]], (int32_t)order[i]);
	}
	return 0;
}
