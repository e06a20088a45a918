/* A table of the partitions that were heard of, newest first: a hash table for finding, a list for the order.
 *
 * Happy path: an entry that is added moves its partition to the front. When a group is closed, those behind its own are written from the newest
 * to the oldest. Failure modes: none at run time; where the table is full the oldest is forgotten, and known_from moves. */
#include "log/journal/journal_repeat.h"

#include <errno.h>
#include <stdlib.h>
#include <xxhash.h>

#define PART_OF_GROUP 4u /* see JOURNAL_ENTRY_MAX */
#define KEY_AT 8         /* topic id and partition, in an entry */
#define KEY_SIZE 20

int repeats_init(struct repeats *repeats, uint32_t group_size_bytes_max, uint32_t chained_kinds)
{
	*repeats = (struct repeats){.chained_kinds = chained_kinds, .due_max = group_size_bytes_max / PART_OF_GROUP / GROUP_ENTRY_SIZE};
	repeats->capacity = 64;
	while (repeats->capacity < 2 * repeats->due_max + 1)
		repeats->capacity *= 2;
	repeats->entries = malloc(repeats->capacity * sizeof *repeats->entries); /* each is written when it is taken */
	repeats->buckets = calloc(repeats->capacity, sizeof *repeats->buckets);
	if (repeats->entries && repeats->buckets)
		return 0;
	repeats_fini(repeats);
	return -ENOMEM;
}

void repeats_fini(struct repeats *repeats)
{
	free(repeats->entries);
	free(repeats->buckets);
	*repeats = (struct repeats){0};
}

void repeats_reset(struct repeats *repeats, uint64_t known_from)
{
	if (!repeats->entries)
		return;
	memset(repeats->buckets, 0, repeats->capacity * sizeof *repeats->buckets);
	repeats->free = repeats->used = repeats->newest = repeats->oldest = repeats->newest_before = 0;
	repeats->count = repeats->count_before = 0;
	repeats->seq = 0;
	repeats->known_from = known_from;
}

static struct repeated *entry_at(const struct repeats *repeats, uint32_t index) { return &repeats->entries[index - 1]; }

static uint32_t *bucket_of(const struct repeats *repeats, const uint8_t *key, uint32_t series)
{
	return &repeats->buckets[XXH3_64bits_withSeed(key, KEY_SIZE, series) & (repeats->capacity - 1)];
}

static uint32_t find(const struct repeats *repeats, const uint8_t *key, uint32_t series)
{
	uint32_t index = *bucket_of(repeats, key, series);
	while (index && (entry_at(repeats, index)->series != series || memcmp(entry_at(repeats, index)->bytes + KEY_AT, key, KEY_SIZE)))
		index = entry_at(repeats, index)->next;
	return index;
}

/* ---- the order ------------------------------------------------------------------------------------------------- */

static void unlink_entry(struct repeats *repeats, uint32_t index)
{
	const struct repeated *entry = entry_at(repeats, index);
	if (repeats->newest_before == index)
		repeats->newest_before = entry->older;
	*(entry->newer ? &entry_at(repeats, entry->newer)->older : &repeats->newest) = entry->older;
	*(entry->older ? &entry_at(repeats, entry->older)->newer : &repeats->oldest) = entry->newer;
	repeats->count -= entry->seq == repeats->seq;
	repeats->count_before -= entry->seq + 1 == repeats->seq;
}

static void push_newest(struct repeats *repeats, uint32_t index)
{
	struct repeated *entry = entry_at(repeats, index);
	entry->seq = repeats->seq;
	entry->newer = 0;
	entry->older = repeats->newest;
	*(entry->older ? &entry_at(repeats, entry->older)->newer : &repeats->oldest) = index;
	repeats->newest = index;
	repeats->count++;
}

static void forget_oldest(struct repeats *repeats)
{
	uint32_t index = repeats->oldest;
	struct repeated *entry = entry_at(repeats, index);
	unlink_entry(repeats, index);
	uint32_t *at = bucket_of(repeats, entry->bytes + KEY_AT, entry->series);
	while (*at != index)
		at = &entry_at(repeats, *at)->next;
	*at = entry->next;
	entry->next = repeats->free;
	repeats->free = index;
	if (repeats->known_from <= entry->seq)
		repeats->known_from = entry->seq + 1;
}

static uint32_t take_free(struct repeats *repeats)
{
	if (!repeats->free && repeats->used < repeats->capacity)
		return ++repeats->used;
	if (!repeats->free)
		forget_oldest(repeats);
	uint32_t index = repeats->free;
	repeats->free = entry_at(repeats, index)->next;
	return index;
}

/* ---- noting ---------------------------------------------------------------------------------------------------- */

void repeats_begin(struct repeats *repeats, uint64_t seq)
{
	if (!repeats->entries || repeats->seq == seq)
		return;
	repeats->count_before = repeats->seq + 1 == seq ? repeats->count : 0;
	repeats->count = 0;
	repeats->newest_before = repeats->newest;
	repeats->seq = seq;
}

/* Kinds that go on from each other are one series; any other is one of its own. */
static uint32_t series_of(const struct repeats *repeats, uint8_t kind)
{
	return kind < 32 && repeats->chained_kinds >> kind & 1 ? 0 : kind;
}

void repeats_note(struct repeats *repeats, const struct journal_entry *entry)
{
	uint8_t bytes[GROUP_ENTRY_SIZE];
	if (!repeats->entries)
		return;
	(void)!group_entry_encode(entry, 0, 0, bytes);
	uint32_t series = series_of(repeats, entry->kind);
	uint32_t index = find(repeats, bytes + KEY_AT, series);
	if (!index) {
		index = take_free(repeats);
		uint32_t *bucket = bucket_of(repeats, bytes + KEY_AT, series);
		entry_at(repeats, index)->series = series;
		entry_at(repeats, index)->next = *bucket;
		*bucket = index;
		push_newest(repeats, index);
	} else if (entry_at(repeats, index)->seq != repeats->seq) {
		unlink_entry(repeats, index);
		push_newest(repeats, index);
	}
	memcpy(entry_at(repeats, index)->bytes, bytes, sizeof bytes);
}

bool repeats_has_later(const struct repeats *repeats, const struct journal_entry *entry, uint64_t seq)
{
	uint8_t bytes[GROUP_ENTRY_SIZE];
	if (!repeats->entries)
		return false;
	(void)!group_entry_encode(entry, 0, 0, bytes);
	uint32_t index = find(repeats, bytes + KEY_AT, series_of(repeats, entry->kind));
	return index && entry_at(repeats, index)->seq > seq;
}

/* ---- telling --------------------------------------------------------------------------------------------------- */

bool repeats_is_full(const struct repeats *repeats) { return repeats->count >= repeats->due_max; }

uint32_t repeats_due(const struct repeats *repeats)
{
	return repeats->count_before < repeats->due_max ? repeats->count_before : repeats->due_max;
}

uint32_t repeats_write(const struct repeats *repeats, uint64_t trim_seq, uint32_t count_max, uint8_t *out, uint64_t *told_from)
{
	uint32_t count = 0, index = repeats->newest_before;
	for (; index && entry_at(repeats, index)->seq > trim_seq && count < count_max; count++) {
		memcpy(out + (size_t)count * GROUP_ENTRY_SIZE, entry_at(repeats, index)->bytes, GROUP_ENTRY_SIZE);
		index = entry_at(repeats, index)->older;
	}
	bool is_cut = index && entry_at(repeats, index)->seq > trim_seq;
	*told_from = is_cut ? entry_at(repeats, index)->seq + 1 : 0;
	if (repeats->known_from > trim_seq + 1 && repeats->known_from > *told_from)
		*told_from = repeats->known_from;
	return count;
}
