/* The uniform assignor: loads that differ by one at most, where subscriptions allow it, and partitions that stay where they are.
 *
 * All members subscribe to the same: each has a quota, total / members, and some get one more; a member keeps what it has up to its quota, and what
 * is left over fills the members below theirs (that one pass is all: O(partitions + members)).
 *
 * Subscriptions differ: every member keeps what it may keep; what is free goes, topic by topic, to the least loaded subscriber; then topic by topic
 * the most loaded subscribers give to the least loaded ones, round after round until nothing moves (16 rounds at most). Topics with the most
 * partitions for each subscriber come first. It fails for memory alone. */
#include "net/group/assignor.h"

#include <errno.h>
#include <stdlib.h>

#include "net/group/sorted_numbers.h"

/* ---- all subscribe to the same ------------------------------------------------------------------------------------------------------- */

struct free_partition {
	uint32_t topic;
	int32_t partition;
};

struct uniform {
	struct assignor_problem *problem;
	struct free_partition *free;   /* nobody has it, or its owner has too many */
	uint32_t free_count;
	uint32_t *kept;                /* of each member: how many it keeps */
	uint32_t *quotas;              /* of each member: how many it is to have */
	uint32_t *loads;               /* of each member: how many it had */
};

static void count_loads(struct uniform *uniform)
{
	for (uint32_t t = 0; t < uniform->problem->topic_count; t++) {
		const struct assignor_topic *topic = &uniform->problem->topics[t];
		for (uint32_t p = 0; p < topic->partition_count; p++)
			if (topic->owners[p] != ASSIGNOR_NOBODY)
				uniform->loads[topic->owners[p]]++;
	}
}

/* The larger quota goes to members that have that much already; to others only when no more than those who must have it are left. */
static void set_quotas(struct uniform *uniform, uint32_t total)
{
	uint32_t members = uniform->problem->member_count;
	uint32_t extra = total % members;
	for (uint32_t i = 0; i < members; i++) {
		uniform->quotas[i] = total / members;
		if (extra > 0 && (uniform->loads[i] > uniform->quotas[i] || members - i <= extra)) {
			uniform->quotas[i]++;
			extra--;
		}
	}
}

static void take_surplus(struct uniform *uniform, uint32_t number)
{
	struct assignor_topic *topic = &uniform->problem->topics[number];
	for (uint32_t p = 0; p < topic->partition_count; p++) {
		int32_t owner = topic->owners[p];
		if (owner != ASSIGNOR_NOBODY && uniform->kept[owner] < uniform->quotas[owner]) {
			uniform->kept[owner]++;
			continue;
		}
		topic->owners[p] = ASSIGNOR_NOBODY;
		uniform->free[uniform->free_count++] = (struct free_partition){number, (int32_t)p};
	}
}

static void fill_quotas(struct uniform *uniform)
{
	uint32_t next = 0;
	for (uint32_t i = 0; i < uniform->problem->member_count; i++)
		for (; uniform->kept[i] < uniform->quotas[i] && next < uniform->free_count; uniform->kept[i]++, next++)
			uniform->problem->topics[uniform->free[next].topic].owners[uniform->free[next].partition] = (int32_t)i;
}

static int assign_homogeneous(struct assignor_problem *problem)
{
	uint32_t total = 0;
	for (uint32_t t = 0; t < problem->topic_count; t++)
		total += problem->topics[t].partition_count;
	struct uniform uniform = {.problem = problem, .free = arena_alloc(problem->arena, total * sizeof *uniform.free)};
	uint32_t *numbers = arena_alloc(problem->arena, (size_t)3 * problem->member_count * sizeof *numbers);
	if (!uniform.free || !numbers)
		return -ENOMEM;
	memset(numbers, 0, (size_t)3 * problem->member_count * sizeof *numbers);
	uniform.kept = numbers;
	uniform.quotas = numbers + problem->member_count;
	uniform.loads = numbers + 2 * (size_t)problem->member_count;
	count_loads(&uniform);
	set_quotas(&uniform, total);
	for (uint32_t t = 0; t < problem->topic_count; t++)
		take_surplus(&uniform, t);
	fill_quotas(&uniform);
	return 0;
}

/* ---- subscriptions differ ------------------------------------------------------------------------------------------------------------- */

#define ROUNDS_MAX 16

struct subscribers {
	uint32_t *members;
	uint32_t count;
};

/* Subscribers of one topic by their load: [0, least_end) have the least, [most_start, most_end) the most. Both ranges are worked
 * through in turn, so that loads rise and fall by one before anybody is asked twice. */
struct balance {
	const uint32_t *loads;
	uint32_t *sorted;
	int32_t count;
	int32_t least_end, least_next, least_load;
	int32_t most_start, most_end, most_next, most_load;
};

struct hetero {
	struct assignor_problem *problem;
	struct subscribers *subscribers; /* of each topic */
	uint32_t *loads;               /* of each member */
	uint32_t *topics;              /* numbers of those that have subscribers, in the order they are worked on */
	uint32_t topic_count;
	struct balance balance;
	/* Of the topic that is balanced: its partitions by owner, and where each member's begin and end among them. */
	uint32_t *partitions, *starts, *ends;
};

static int compare_members_by_load(const void *a, const void *b, void *context)
{
	const uint32_t *loads = context;
	uint32_t first = *(const uint32_t *)a, second = *(const uint32_t *)b;
	if (loads[first] != loads[second])
		return loads[first] < loads[second] ? -1 : 1;
	return (first > second) - (first < second);
}

/* How far apart the loads are. */
static uint32_t balance_begin(struct balance *balance, const uint32_t *loads, const struct subscribers *subscribers)
{
	uint32_t *sorted = balance->sorted;
	int32_t count = (int32_t)subscribers->count;
	memcpy(sorted, subscribers->members, subscribers->count * sizeof *sorted);
	qsort_r(sorted, subscribers->count, sizeof *sorted, compare_members_by_load, (void *)loads);
	*balance = (struct balance){
		.loads = loads,
		.sorted = sorted,
		.count = count,
		.least_load = (int32_t)loads[sorted[0]] - 1,
		.most_start = count,
		.most_end = count,
		.most_next = count - 1,
		.most_load = (int32_t)loads[sorted[count - 1]] + 1,
	};
	return loads[sorted[count - 1]] - loads[sorted[0]];
}

static uint32_t next_least_loaded(struct balance *balance)
{
	if (balance->least_next >= balance->least_end) {
		balance->least_load++;
		while (balance->least_end < balance->count && (int32_t)balance->loads[balance->sorted[balance->least_end]] == balance->least_load)
			balance->least_end++;
		balance->least_next = 0;
	}
	return balance->sorted[balance->least_next++];
}

/* False: nobody is left that could give. */
static bool next_most_loaded(struct balance *balance, uint32_t *member)
{
	if (balance->most_next < balance->most_start) {
		if (balance->most_end <= balance->most_start && balance->most_start > 0)
			balance->most_load = (int32_t)balance->loads[balance->sorted[balance->most_start - 1]];
		else
			balance->most_load--;
		while (balance->most_start > 0 && (int32_t)balance->loads[balance->sorted[balance->most_start - 1]] == balance->most_load)
			balance->most_start--;
		balance->most_next = balance->most_end - 1;
	}
	if (balance->most_next < 0)
		return false;
	*member = balance->sorted[balance->most_next--];
	return true;
}

/* The member just named has nothing of this topic to give. */
static void exclude_most_loaded(struct balance *balance)
{
	uint32_t member = balance->sorted[balance->most_next + 1];
	balance->sorted[balance->most_next + 1] = balance->sorted[balance->most_end - 1];
	balance->sorted[--balance->most_end] = member;
}

static bool is_balanced(const struct balance *balance)
{
	return balance->most_load - balance->least_load <= 1;
}

static int count_subscribers(struct hetero *hetero)
{
	const struct assignor_problem *problem = hetero->problem;
	size_t total = 0;
	for (uint32_t i = 0; i < problem->member_count; i++) {
		total += problem->members[i].topic_count;
		for (uint32_t j = 0; j < problem->members[i].topic_count; j++)
			hetero->subscribers[problem->members[i].topics[j]].count++;
	}
	uint32_t *room = arena_alloc(problem->arena, total * sizeof *room);
	if (!room)
		return -ENOMEM;
	for (uint32_t t = 0; t < problem->topic_count; t++) {
		hetero->subscribers[t].members = room;
		room += hetero->subscribers[t].count;
		hetero->subscribers[t].count = 0;
	}
	for (uint32_t i = 0; i < problem->member_count; i++)
		for (uint32_t j = 0; j < problem->members[i].topic_count; j++) {
			struct subscribers *subscribers = &hetero->subscribers[problem->members[i].topics[j]];
			subscribers->members[subscribers->count++] = i;
		}
	return 0;
}

/* Most partitions for each subscriber first; then fewest subscribers; then by id. */
static int compare_topics(const void *a, const void *b, void *context)
{
	const struct hetero *hetero = context;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	const struct assignor_topic *first = &hetero->problem->topics[x], *second = &hetero->problem->topics[y];
	uint64_t left = (uint64_t)first->partition_count * hetero->subscribers[y].count;
	uint64_t right = (uint64_t)second->partition_count * hetero->subscribers[x].count;
	if (left != right)
		return left > right ? -1 : 1;
	if (hetero->subscribers[x].count != hetero->subscribers[y].count)
		return hetero->subscribers[x].count < hetero->subscribers[y].count ? -1 : 1;
	return memcmp(&first->id, &second->id, sizeof first->id);
}

static void give(struct hetero *hetero, uint32_t topic, uint32_t partition, uint32_t member)
{
	int32_t *owner = &hetero->problem->topics[topic].owners[partition];
	if (*owner != ASSIGNOR_NOBODY)
		hetero->loads[*owner]--;
	*owner = (int32_t)member;
	hetero->loads[member]++;
}

/* Everybody keeps what it still subscribes to. */
static void keep_owners(struct hetero *hetero)
{
	for (uint32_t t = 0; t < hetero->problem->topic_count; t++) {
		struct assignor_topic *topic = &hetero->problem->topics[t];
		for (uint32_t p = 0; p < topic->partition_count; p++) {
			int32_t owner = topic->owners[p];
			if (owner == ASSIGNOR_NOBODY)
				continue;
			if (sorted_numbers_have(hetero->subscribers[t].members, hetero->subscribers[t].count, (uint32_t)owner))
				hetero->loads[owner]++;
			else
				topic->owners[p] = ASSIGNOR_NOBODY;
		}
	}
}

static void give_out_free(struct hetero *hetero, uint32_t number)
{
	const struct assignor_topic *topic = &hetero->problem->topics[number];
	bool has_begun = false;
	for (uint32_t p = 0; p < topic->partition_count; p++) {
		if (topic->owners[p] != ASSIGNOR_NOBODY)
			continue;
		if (!has_begun)
			balance_begin(&hetero->balance, hetero->loads, &hetero->subscribers[number]);
		has_begun = true;
		give(hetero, number, p, next_least_loaded(&hetero->balance));
	}
}

/* A counting sort of the topic's partitions by owner. All have one. */
static void sort_by_owner(struct hetero *hetero, uint32_t number)
{
	const struct assignor_topic *topic = &hetero->problem->topics[number];
	const struct subscribers *subscribers = &hetero->subscribers[number];
	for (uint32_t i = 0; i < subscribers->count; i++)
		hetero->ends[subscribers->members[i]] = 0;
	for (uint32_t p = 0; p < topic->partition_count; p++)
		hetero->ends[topic->owners[p]]++;
	uint32_t at = 0;
	for (uint32_t i = 0; i < subscribers->count; i++) {
		uint32_t member = subscribers->members[i], count = hetero->ends[member];
		hetero->starts[member] = hetero->ends[member] = at;
		at += count;
	}
	for (uint32_t p = 0; p < topic->partition_count; p++)
		hetero->partitions[hetero->ends[topic->owners[p]]++] = p;
}

/* True if a partition moved. */
static bool balance_topic(struct hetero *hetero, uint32_t number)
{
	struct balance *balance = &hetero->balance;
	if (balance_begin(balance, hetero->loads, &hetero->subscribers[number]) <= 1)
		return false;
	sort_by_owner(hetero, number);
	bool has_moved = false;
	while (!is_balanced(balance)) {
		uint32_t giver;
		bool is_there;
		while ((is_there = next_most_loaded(balance, &giver)) && hetero->ends[giver] == hetero->starts[giver])
			exclude_most_loaded(balance);
		if (!is_there)
			break;
		uint32_t partition = hetero->partitions[--hetero->ends[giver]];
		uint32_t taker = next_least_loaded(balance);
		if (is_balanced(balance))
			break;
		give(hetero, number, partition, taker);
		has_moved = true;
	}
	return has_moved;
}

/* Round after round over the topics, until a whole round long nothing has moved. */
static void balance_topics(struct hetero *hetero)
{
	int64_t last_moved = -1;
	for (int round = 0; round < ROUNDS_MAX; round++)
		for (uint32_t i = 0; i < hetero->topic_count; i++) {
			uint32_t number = hetero->topics[i];
			if (hetero->subscribers[number].count < 2)
				continue;
			if ((int64_t)i == last_moved)
				return;
			if (balance_topic(hetero, number) || last_moved < 0)
				last_moved = i;
		}
}

static int assign_heterogeneous(struct assignor_problem *problem)
{
	uint32_t partitions_max = 0;
	for (uint32_t t = 0; t < problem->topic_count; t++)
		if (problem->topics[t].partition_count > partitions_max)
			partitions_max = problem->topics[t].partition_count;
	struct hetero hetero = {.problem = problem};
	hetero.subscribers = arena_alloc(problem->arena, problem->topic_count * sizeof *hetero.subscribers);
	hetero.topics = arena_alloc(problem->arena, problem->topic_count * sizeof *hetero.topics);
	hetero.partitions = arena_alloc(problem->arena, partitions_max * sizeof *hetero.partitions);
	uint32_t *numbers = arena_alloc(problem->arena, (size_t)4 * problem->member_count * sizeof *numbers);
	if (!hetero.subscribers || !hetero.topics || !hetero.partitions || !numbers)
		return -ENOMEM;
	memset(hetero.subscribers, 0, problem->topic_count * sizeof *hetero.subscribers);
	hetero.loads = numbers;
	memset(hetero.loads, 0, problem->member_count * sizeof *hetero.loads);
	hetero.starts = numbers + problem->member_count;
	hetero.ends = numbers + 2 * (size_t)problem->member_count;
	hetero.balance.sorted = numbers + 3 * (size_t)problem->member_count;
	if (count_subscribers(&hetero) < 0)
		return -ENOMEM;
	for (uint32_t t = 0; t < problem->topic_count; t++)
		if (hetero.subscribers[t].count > 0 && problem->topics[t].partition_count > 0)
			hetero.topics[hetero.topic_count++] = t;
	qsort_r(hetero.topics, hetero.topic_count, sizeof *hetero.topics, compare_topics, &hetero);
	keep_owners(&hetero);
	for (uint32_t i = 0; i < hetero.topic_count; i++)
		give_out_free(&hetero, hetero.topics[i]);
	balance_topics(&hetero);
	return 0;
}

int assignor_uniform(struct assignor_problem *problem)
{
	return problem->is_homogeneous ? assign_homogeneous(problem) : assign_heterogeneous(problem);
}
