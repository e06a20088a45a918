/* Sorted arrays of partitions. Lookups are binary; changes are made by merging into a new array. The only failure is memory. */
#include "net/group/partition_list.h"

#include <errno.h>
#include <stdlib.h>

void partition_list_free(struct partition_list *list)
{
	free(list->items);
	*list = (struct partition_list){0};
}

const struct owned_partition *partition_list_find(const struct partition_list *list, uint32_t topic, int32_t partition)
{
	const struct owned_partition wanted = {.topic = topic, .partition = partition};
	uint32_t low = 0, high = list->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int order = owned_partition_compare(&list->items[middle], &wanted);
		if (order == 0)
			return &list->items[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

bool partition_list_equal(const struct partition_list *a, const struct partition_list *b)
{
	return a->count == b->count && (a->count == 0 || memcmp(a->items, b->items, a->count * sizeof *a->items) == 0);
}

int partition_list_assign(struct partition_list *target, const struct owned_partition *items, uint32_t count)
{
	struct owned_partition *copy = NULL;
	if (count > 0) {
		copy = malloc(count * sizeof *copy);
		if (!copy)
			return -ENOMEM;
		memcpy(copy, items, count * sizeof *copy);
	}
	partition_list_free(target);
	*target = (struct partition_list){copy, count};
	return 0;
}

int partition_maker_init(struct partition_maker *maker, struct arena *arena, size_t room)
{
	*maker = (struct partition_maker){.items = arena_alloc(arena, room * sizeof *maker->items)};
	return maker->items ? 0 : -ENOMEM;
}

static int compare_items(const void *a, const void *b)
{
	return owned_partition_compare(a, b);
}

void partition_maker_sort(struct partition_maker *maker)
{
	if (maker->count == 0)
		return;
	qsort(maker->items, maker->count, sizeof *maker->items, compare_items);
	uint32_t kept = 1;
	for (uint32_t i = 1; i < maker->count; i++)
		if (owned_partition_compare(&maker->items[i], &maker->items[kept - 1]) != 0)
			maker->items[kept++] = maker->items[i];
	maker->count = kept;
}
