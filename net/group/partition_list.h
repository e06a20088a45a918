/* Partitions of topics, as one member of a consumer group owns them, or is to own them: an array sorted by topic and partition. Topics are
 * numbers that the group gives out (consumer_priv.h), so that lists are merged without comparing ids.
 *
 * Owner: the member that embeds it. Lists are replaced as a whole, never changed in place: struct partition_maker makes the next one. */
#pragma once

#include "log/base/arena.h"
#include "log/base/err.h"

struct owned_partition {
	uint32_t topic;
	int32_t partition;
	int32_t epoch;                 /* the member's epoch when it was assigned (0 in a target) */
};

struct partition_list {
	struct owned_partition *items; /* malloc'ed; NULL when empty */
	uint32_t count;
};

/* Negative, 0 or positive: by topic, then partition. */
static inline int owned_partition_compare(const struct owned_partition *a, const struct owned_partition *b)
{
	if (a->topic != b->topic)
		return a->topic < b->topic ? -1 : 1;
	return (a->partition > b->partition) - (a->partition < b->partition);
}

void partition_list_free(struct partition_list *list);
/* NULL if it is not there. */
const struct owned_partition *partition_list_find(const struct partition_list *list, uint32_t topic, int32_t partition);
/* Epochs count. */
bool partition_list_equal(const struct partition_list *a, const struct partition_list *b);
/* Takes the place of *target, which is freed; -ENOMEM. `items` are sorted. */
MUST_USE int partition_list_assign(struct partition_list *target, const struct owned_partition *items, uint32_t count);

/* A list in the making, in an arena. The caller adds no more than it made room for. */
struct partition_maker {
	struct owned_partition *items;
	uint32_t count;
};
MUST_USE int partition_maker_init(struct partition_maker *maker, struct arena *arena, size_t room);
static inline void partition_maker_add(struct partition_maker *maker, uint32_t topic, int32_t partition, int32_t epoch)
{
	maker->items[maker->count++] = (struct owned_partition){topic, partition, epoch};
}
/* Sorts, and keeps the first of equal ones. */
void partition_maker_sort(struct partition_maker *maker);
/* The same partitions, as a list that borrows the arena's memory. */
static inline struct partition_list partition_maker_view(const struct partition_maker *maker)
{
	return (struct partition_list){maker->items, maker->count};
}
