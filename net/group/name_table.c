/* Chained hashing with a power of two of buckets, doubled when there are more entries than buckets. It never shrinks: a table that was large
 * once is likely to be again, and its owner (a group) goes when it is empty for long. No failure modes: see the header. */
#include "net/group/name_table.h"

#include <stdlib.h>
#include <xxhash.h>

#include "log/base/check.h"

#define BUCKETS_FIRST 8

void name_table_init(struct name_table *table, uint64_t seed)
{
	*table = (struct name_table){.seed = seed};
	table->buckets = &table->first_bucket;
}

void name_table_fini(struct name_table *table)
{
	if (table->buckets != &table->first_bucket)
		free(table->buckets);
	name_table_init(table, table->seed);
}

struct name_entry *name_table_find(const struct name_table *table, struct slice name)
{
	uint64_t hash = XXH3_64bits_withSeed(name.data, name.size, table->seed);
	struct name_entry *entry = table->buckets[hash & table->mask];
	while (entry && (entry->hash != hash || !slice_equal(entry->name, name)))
		entry = entry->chain;
	return entry;
}

static void link_entry(struct name_table *table, struct name_entry *entry)
{
	struct name_entry **bucket = &table->buckets[entry->hash & table->mask];
	entry->chain = *bucket;
	*bucket = entry;
}

static void grow(struct name_table *table)
{
	uint32_t old_count = table->mask + 1;
	uint32_t count = old_count < BUCKETS_FIRST ? BUCKETS_FIRST : old_count * 2;
	struct name_entry **old = table->buckets;
	struct name_entry **buckets = calloc(count, sizeof *buckets);
	if (!buckets)
		return;
	table->buckets = buckets;
	table->mask = count - 1;
	for (uint32_t i = 0; i < old_count; i++)
		for (struct name_entry *entry = old[i], *next; entry; entry = next) {
			next = entry->chain;
			link_entry(table, entry);
		}
	if (old != &table->first_bucket)
		free(old);
}

void name_table_add(struct name_table *table, struct name_entry *entry, struct slice name)
{
	entry->name = name;
	entry->hash = XXH3_64bits_withSeed(name.data, name.size, table->seed);
	if (table->count > table->mask && table->mask < UINT32_MAX / 2)
		grow(table);
	link_entry(table, entry);
	table->count++;
}

void name_table_remove(struct name_table *table, struct name_entry *entry)
{
	struct name_entry **link = &table->buckets[entry->hash & table->mask];
	while (*link != entry) {
		CHECK(*link);
		link = &(*link)->chain;
	}
	*link = entry->chain;
	entry->chain = NULL;
	table->count--;
}
