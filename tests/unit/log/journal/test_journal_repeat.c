/* What a group repeats of those before it: everything of the one before, older things while there is room, nothing that is trimmed or goes on in
 * the group itself; and it never says that it tells more than it does. */
#include <criterion/criterion.h>

#include "log/journal/journal_repeat.h"

#define GROUP_SIZE (32u << 10) /* at most 113 entries are due then, and 256 partitions are remembered */

static void note(struct repeats *repeats, uint32_t partition, int64_t end_offset)
{
	struct journal_entry entry = {.kind = 1, .partition = partition, .base_offset = end_offset - 1, .end_offset = end_offset, .data_size_bytes = 10};
	repeats_note(repeats, &entry);
}

struct told {
	uint32_t count;
	uint64_t from;
	struct journal_entry entries[512];
};

static struct told tell(const struct repeats *repeats, uint64_t trim_seq, uint32_t count_max)
{
	static uint8_t bytes[512 * GROUP_ENTRY_SIZE];
	struct told told = {0};
	struct slice payload;
	told.count = repeats_write(repeats, trim_seq, count_max, bytes, &told.from);
	cr_assert_leq(told.count, count_max);
	size_t position = 0;
	for (uint32_t i = 0; i < told.count; i++) {
		cr_assert(group_entry_next((struct slice){bytes, sizeof bytes}, &position, &told.entries[i], &payload));
		cr_expect_eq(payload.size, 0);
	}
	return told;
}

static void begin(struct repeats *repeats)
{
	cr_assert_eq(repeats_init(repeats, GROUP_SIZE, 1u << 1 | 1u << 2), 0);
	repeats_reset(repeats, 0);
}

/* The newest first; what the group itself goes on with is not repeated; of a partition only the last is. */
Test(journal_repeat, newest_first)
{
	struct repeats repeats;
	begin(&repeats);
	repeats_begin(&repeats, 1);
	note(&repeats, 1, 10);
	note(&repeats, 1, 11);
	note(&repeats, 2, 20);
	repeats_begin(&repeats, 2);
	cr_expect_eq(repeats_due(&repeats), 2);
	note(&repeats, 3, 30);
	note(&repeats, 2, 21);
	cr_expect_eq(repeats_due(&repeats), 1);
	struct told told = tell(&repeats, 0, 10);
	cr_assert_eq(told.count, 1);
	cr_expect_eq(told.entries[0].partition, 1);
	cr_expect_eq(told.entries[0].end_offset, 11);
	cr_expect_eq(told.from, 0);
	repeats_begin(&repeats, 3);
	cr_expect_eq(repeats_due(&repeats), 2);
	told = tell(&repeats, 0, 10);
	cr_assert_eq(told.count, 3);
	cr_expect_eq(told.entries[2].partition, 1);
	repeats_fini(&repeats);
}

/* Where there is no room for all, it says from which group on it tells all. */
Test(journal_repeat, told_from)
{
	struct repeats repeats;
	begin(&repeats);
	for (uint64_t seq = 1; seq <= 9; seq++) {
		repeats_begin(&repeats, seq);
		note(&repeats, (uint32_t)seq, 1);
		note(&repeats, (uint32_t)seq + 100, 1);
	}
	repeats_begin(&repeats, 10);
	static const struct {
		uint64_t trim_seq;
		uint32_t room, count;
		uint64_t from;
	} rows[] = {{0, 100, 18, 0}, {0, 18, 18, 0}, {0, 17, 17, 2}, {0, 16, 16, 2}, {0, 15, 15, 3}, {0, 2, 2, 9}, {0, 1, 1, 10}, {0, 0, 0, 10},
		    {4, 100, 10, 0}, {4, 10, 10, 0}, {4, 9, 9, 6}, {9, 100, 0, 0}, {9, 0, 0, 0}};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct told told = tell(&repeats, rows[i].trim_seq, rows[i].room);
		cr_expect_eq(told.count, rows[i].count, "row %zu: %u", i, told.count);
		cr_expect_eq(told.from, rows[i].from, "row %zu: %lu", i, told.from);
	}
	repeats_fini(&repeats);
}

/* Of what it has not heard, or has forgotten for want of room, it does not say that it tells; unless it is trimmed. */
Test(journal_repeat, known_from)
{
	struct repeats repeats;
	begin(&repeats);
	repeats_reset(&repeats, 7);
	repeats_begin(&repeats, 7);
	cr_expect_eq(tell(&repeats, 0, 10).from, 7);
	cr_expect_eq(tell(&repeats, 5, 10).from, 7);
	cr_expect_eq(tell(&repeats, 6, 10).from, 0);
	repeats_reset(&repeats, 0);
	for (uint64_t seq = 1; seq <= 300; seq++) {
		repeats_begin(&repeats, seq);
		note(&repeats, (uint32_t)seq, 1);
	}
	repeats_begin(&repeats, 301);
	struct told told = tell(&repeats, 0, 512);
	cr_expect_eq(told.count, 256);
	cr_expect_eq(told.from, 45);
	cr_expect_eq(told.entries[255].partition, 45);
	repeats_fini(&repeats);
}

/* A group takes so many partitions as the next can repeat. */
Test(journal_repeat, full)
{
	struct repeats repeats;
	begin(&repeats);
	repeats_begin(&repeats, 1);
	uint32_t count = 0;
	for (; !repeats_is_full(&repeats); count++)
		note(&repeats, count, 1);
	cr_expect_eq(count, GROUP_SIZE / 4 / GROUP_ENTRY_SIZE);
	repeats_begin(&repeats, 2);
	cr_expect_eq(repeats_due(&repeats), count);
	cr_expect_not(repeats_is_full(&repeats));
	for (uint32_t i = 0; i < count; i++)
		note(&repeats, 1000 + i, 1);
	struct told told = tell(&repeats, 0, 512);
	cr_expect_eq(told.count, count, "the one before is never forgotten for the one that is filled");
	cr_expect_eq(told.from, 0);
	repeats_fini(&repeats);
}

/* Kinds that go on from each other are one series; another kind of the same partition is told beside it. */
Test(journal_repeat, series)
{
	struct repeats repeats;
	begin(&repeats);
	repeats_begin(&repeats, 1);
	for (uint8_t kind = 1; kind <= 4; kind++) {
		struct journal_entry entry = {.kind = kind, .partition = 5, .base_offset = kind};
		repeats_note(&repeats, &entry);
	}
	repeats_begin(&repeats, 2);
	struct told told = tell(&repeats, 0, 10);
	cr_assert_eq(told.count, 3);
	cr_expect_eq(told.entries[0].kind, 4);
	cr_expect_eq(told.entries[1].kind, 3);
	cr_expect_eq(told.entries[2].kind, 2);
	struct journal_entry older = {.kind = 1, .partition = 5};
	cr_expect(repeats_has_later(&repeats, &older, 0));
	cr_expect_not(repeats_has_later(&repeats, &older, 1));
	older.partition = 6;
	cr_expect_not(repeats_has_later(&repeats, &older, 0));
	repeats_fini(&repeats);
}
