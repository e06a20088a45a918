/* The pace of write-behind: with how much in the journal a cycle begins, how much of the ring may be in use, and how much is written when.
 *
 * Few partitions file large pieces of little; many wait for more, up to half of the journal, as each piece costs the same system calls whatever its size. The disk has one
 * queue, and whoever waits for durability does so behind what is being filed. So filing keeps step with the load: while the journal takes four bytes it may write
 * five or more, a little at a time, so as to be over before the journal is full; without a load time brings it on. What comes faster than the disk takes it twice
 * is felt as a journal that fills: then more goes at once, and all that the disk takes when appends wait for room, or somebody for the end. */
#include "log/store/store_priv.h"

/* A cycle begins with a megabyte of each partition in the journal, within these bounds: few are filed often and little at a time, and a start after a kill has little to
 * read. Beyond the upper one many wait for 256 KiB each. */
#define BEGIN_BYTES_MIN (16ull << 20)
#define BEGIN_BYTES_FEW_MAX (32ull << 20)
#define BEGIN_BYTES_A_PARTITION (1ull << 20)
#define BEGIN_BYTES_A_PARTITION_OF_MANY (256ull << 10)
#define SPAN_BYTES_MIN (64ull << 20)
/* Of the ring, left to what must go on when the disk is full and nothing can be filed: commits of groups, and at the end of it log starts, which alone may give room again. */
#define KEPT_PART 4u
#define KEPT_BYTES_MAX (32ull << 20)
#define KEPT_FOR_STARTS_PART 4u /* of what is kept */
/* At once, in writes that have not ended. */
#define BEHIND_BYTES (1u << 20)
#define BEHIND_BYTES_PRESSED (4u << 20)
#define BEHIND_BYTES_URGENT (16u << 20)
/* In the time since the cycle began. */
#define FILED_FOR_4_TAKEN 5u /* at least */
#define FILED_A_MILLISECOND (64u << 10)
#define NS_A_MILLISECOND 1000000u

static uint64_t within(uint64_t value, uint64_t least, uint64_t most)
{
	return value < least ? least : value > most ? most : value;
}

static uint64_t kept_bytes(const struct store *store)
{
	return within(journal_size_bytes(store->journal) / KEPT_PART, 0, KEPT_BYTES_MAX);
}

static uint64_t span_bytes_max(const struct store *store)
{
	return journal_size_bytes(store->journal) - kept_bytes(store);
}

static uint64_t begin_bytes(const struct store *store)
{
	uint64_t half = span_bytes_max(store) / 2, count = store->cycle.filed_count;
	uint64_t few = within(count * BEGIN_BYTES_A_PARTITION, BEGIN_BYTES_MIN, BEGIN_BYTES_FEW_MAX);
	return within(count * BEGIN_BYTES_A_PARTITION_OF_MANY, few < half ? few : half, half);
}

/* What comes faster than it is filed waits, rather than being written twice: few partitions need no more of a large ring than a small one has. On a full disk what was
 * taken is answered, if the ring can hold it, as waiting would be of no use. */
static uint64_t span_bytes(const struct store *store)
{
	uint64_t most = span_bytes_max(store);
	uint64_t span = within(2 * begin_bytes(store), SPAN_BYTES_MIN, UINT64_MAX);
	return store->is_full || span > most ? most : span;
}

bool store__has_room_for_commits(const struct store *store)
{
	return journal_used_bytes(store->journal) < journal_size_bytes(store->journal) - kept_bytes(store) / KEPT_FOR_STARTS_PART;
}

void store__set_journal_span(struct store *store)
{
	journal_set_span(store->journal, span_bytes(store));
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

bool store__has_much_to_file(const struct store *store)
{
	return journal_untrimmed_bytes(store->journal) > begin_bytes(store);
}

/* By then a cycle is to be over: behind it more is written at once, and soon all that the disk takes. */
static uint64_t due_place(const struct store *store)
{
	return span_bytes(store) / 4 * 3;
}

/* A quarter of the way there. */
bool store__is_filing_late(const struct store *store)
{
	uint64_t begin = begin_bytes(store);
	return store->cycle.pace.is_pressed || journal_untrimmed_bytes(store->journal) > begin + (due_place(store) - begin) / 4;
}

void store__press_filing(struct store *store)
{
	store->cycle.pace.is_pressed = true;
}

bool store__must_hurry(const struct store *store)
{
	return store->is_stopping || store->must_file_first || store->is_full || store->home.wants_room || !list_is_empty(&store->home.room_waits) ||
	       journal_used_bytes(store->journal) > span_bytes(store) / 8 * 7 || cache_pinned_bytes(store->cache) > cache_size_bytes(store->cache) / 4 * 3;
}

static uint64_t bytes_at_once(const struct store *store)
{
	if (store__must_hurry(store))
		return BEHIND_BYTES_URGENT;
	return store->cycle.pace.is_pressed || journal_untrimmed_bytes(store->journal) > due_place(store) ? BEHIND_BYTES_PRESSED : BEHIND_BYTES;
}

/* ---- step by step ------------------------------------------------------------------------------------------------------- */

void store__begin_pace(struct store *store)
{
	store->cycle.pace = (struct pace){
		.began_ns = io_now_ns(store->home.io),
		.began_untrimmed = journal_untrimmed_bytes(store->journal),
		.began_taken = journal_taken_bytes(store->journal),
		.began_begun = store->home.segments.behind_begun,
	};
}

/* What is to be written while the journal takes so much. */
static uint64_t due_bytes(const struct store *store, uint64_t taken)
{
	uint64_t to_file = store->cycle.pace.began_untrimmed, most = due_place(store), least = FILED_FOR_4_TAKEN * taken / 4;
	if (to_file >= most)
		return UINT64_MAX / 2;
	uint64_t due = taken * to_file / (most - to_file);
	return due > least ? due : least;
}

/* Of what is filed, counted as behind_begun is. */
static uint64_t begun_max(const struct store *store)
{
	const struct pace *pace = &store->cycle.pace;
	uint64_t taken = journal_taken_bytes(store->journal) - pace->began_taken, now = io_now_ns(store->home.io);
	uint64_t passed_ms = (now - pace->began_ns) / NS_A_MILLISECOND;
	if (store->failure || pace->is_pressed || store__must_hurry(store))
		return UINT64_MAX;
	return pace->began_begun + BEHIND_BYTES + due_bytes(store, taken) + FILED_A_MILLISECOND * passed_ms;
}

static void turn(struct io_timer *timer)
{
}

/* Nobody else may bring the turn in which more may begin. */
static void turn_in_time(struct store *store)
{
	const struct segment_home *home = &store->home.segments;
	if (home->behind_begun < home->behind_begun_max || (list_is_empty(&home->waiting_passes) && list_is_empty(&store->cycle.queue)))
		return;
	uint64_t wait_ms = (home->behind_begun - home->behind_begun_max) / FILED_A_MILLISECOND + 1;
	store->cycle.timer.run = turn;
	io_timer_set(store->home.io, &store->cycle.timer, io_now_ns(store->home.io) + wait_ms * NS_A_MILLISECOND);
}

void store__set_pace(struct store *store)
{
	struct segment_home *home = &store->home.segments;
	home->behind_bytes_max = bytes_at_once(store);
	segment_let_behind(home, begun_max(store));
	turn_in_time(store);
}
