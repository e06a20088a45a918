/* The pace of write-behind: with how much in the journal a cycle begins, how much of the ring may be in use, and how much is written at once.
 *
 * Few partitions file large pieces of little; many wait for more, up to half of the journal, as each piece costs the same system calls whatever its size. The disk has one
 * queue, and whoever waits for durability does so behind what is being filed: so little at a time, and more the more waits in the journal; all that the disk takes
 * when appends wait for room, or somebody for the end. */
#include "log/store/store_priv.h"

/* A cycle begins with so much in the journal: few partitions file large pieces of it, and a start after a kill has little to read. Many wait for more, as each
 * piece costs the same system calls whatever its size. */
#define BEGIN_BYTES_MIN (32ull << 20)
#define BEGIN_BYTES_A_PARTITION (128ull << 10)
#define BEHIND_BYTES (1u << 20)
#define BEHIND_BYTES_PRESSED (4u << 20) /* with a full journal */
#define BEHIND_BYTES_URGENT (16u << 20)

static uint64_t begin_bytes(const struct store *store)
{
	uint64_t half = journal_size_bytes(store->journal) / 2, wanted = store->cycle.filed_count * BEGIN_BYTES_A_PARTITION;
	wanted = wanted > BEGIN_BYTES_MIN ? wanted : BEGIN_BYTES_MIN;
	return wanted < half ? wanted : half;
}

/* A replay leaves as many partitions to file as the life before had: no fewer are a reason to begin earlier, or to keep appends waiting for a cycle. */
void store__count_replayed(struct store *store)
{
	uint32_t count = 0;
	LIST_FOR_EACH(node, &store->home.unfiled)
		count++;
	if (count > store->cycle.filed_count)
		store->cycle.filed_count = count;
}

/* What comes faster than it is filed waits, rather than being written twice: few partitions need no more of a large ring than a small one has. */
void store__set_journal_span(struct store *store)
{
	journal_set_span(store->journal, 2 * begin_bytes(store));
}

bool store__has_much_to_file(const struct store *store)
{
	return journal_untrimmed_bytes(store->journal) > begin_bytes(store);
}

/* Whoever waits for durability does so behind what is being filed, as the disk has one queue; but when appends wait for room, in the journal
 * or in memory, or for a start, filing is what they wait for. */
bool store__must_hurry(const struct store *store)
{
	return store->is_stopping || store->must_file_first || store->is_full || store->home.wants_room || !list_is_empty(&store->home.room_waits) ||
	       journal_used_bytes(store->journal) > begin_bytes(store) / 4 * 7 || cache_pinned_bytes(store->cache) > cache_size_bytes(store->cache) / 4 * 3;
}

/* The more waits in the journal, the more at once, so that filing comes to keep up with the load long before all wait for it. */
static uint64_t behind_bytes(const struct store *store)
{
	uint64_t begin = begin_bytes(store), untrimmed = journal_untrimmed_bytes(store->journal);
	if (store__must_hurry(store))
		return BEHIND_BYTES_URGENT;
	return untrimmed <= begin ? BEHIND_BYTES : BEHIND_BYTES + (BEHIND_BYTES_PRESSED - BEHIND_BYTES) * (untrimmed - begin) / begin;
}

void store__set_pace(struct store *store)
{
	store->home.segments.behind_bytes_max = behind_bytes(store);
}
