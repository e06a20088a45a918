/* A hash table of things that have a name: groups, members, protocols. The entries are embedded in the things and chained, so that adding
 * never fails: if there is no memory for more buckets, the chains only get longer. Names come from clients: the hash is seeded.
 *
 * Owner: whoever embeds it; it must not move once it has been initialised. Owns its buckets, never the entries or their names. */
#pragma once

#include "net/wire/cursor.h"

struct name_entry {
	struct name_entry *chain;
	struct slice name;
	uint64_t hash;
};

struct name_table {
	struct name_entry **buckets;
	struct name_entry *first_bucket;   /* what `buckets` points at before there is memory for more */
	uint32_t mask, count;
	uint64_t seed;
};

void name_table_init(struct name_table *table, uint64_t seed);
/* Gives the buckets back; the entries are the caller's. */
void name_table_fini(struct name_table *table);
/* NULL if there is none. */
struct name_entry *name_table_find(const struct name_table *table, struct slice name);
/* `name` stays in place as long as the entry is in. No other entry has it. */
void name_table_add(struct name_table *table, struct name_entry *entry, struct slice name);
void name_table_remove(struct name_table *table, struct name_entry *entry);
