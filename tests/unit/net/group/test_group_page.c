/* Pages of groups for metrics: everything is told once, however many pages it takes and whatever comes and goes between two of them. */
#include "net/group/group_page.h"
#include "tests/unit/net/group/offset_world.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define PARTITIONS 700u
#define GROUPS 5u

static struct world *world;
static struct group_page page;

static void open_world(void)
{
	world = malloc(sizeof *world);
	world_open(world);
	world_make_topic(world, "a", PARTITIONS);
	world_make_topic(world, "aa", 2);
	memset(&page, 0, sizeof page);
}

static void close_world(void)
{
	world_close(world);
	free(world);
}

TestSuite(group_page, .init = open_world, .fini = close_world);

static void commit_all(const char *group)
{
	for (uint32_t p = 0; p < PARTITIONS; p++)
		cr_assert_eq(world_commit(world, COMMIT(group, "a", (int32_t)p, 10 + p)), 0);
	cr_assert_eq(world_commit(world, COMMIT(group, "aa", 1, 7)), 0);
}

/* How often each was told: groups by their last letter, offsets by group and partition; topic aa behind them. */
struct told {
	uint32_t groups[26], offsets[26][PARTITIONS + 1];
};

static void count(struct told *told)
{
	for (uint32_t i = 0; i < page.entry_count; i++) {
		const struct group_entry *entry = &page.entries[i];
		uint32_t group = entry->group.data[entry->group.size - 1] - 'a';
		cr_assert_lt(group, 26);
		if (!entry->topic.data) {
			cr_expect_str_eq(entry->state, "Empty");
			told->groups[group]++;
			continue;
		}
		bool is_second = entry->topic.size == 2;
		cr_expect_eq(entry->committed, is_second ? 7 : 10 + entry->partition);
		told->offsets[group][is_second ? PARTITIONS : (uint32_t)entry->partition]++;
	}
}

static void expect_whole(const struct told *told, char group)
{
	uint32_t g = (uint32_t)(group - 'a');
	cr_expect_eq(told->groups[g], 1, "group %c was told %u times", group, told->groups[g]);
	for (uint32_t p = 0; p <= PARTITIONS; p++)
		cr_expect_eq(told->offsets[g][p], 1, "partition %u of group %c was told %u times", p, group, told->offsets[g][p]);
}

/* Each group with 701 offsets takes more than a page. */
Test(group_page, everything_is_told_once)
{
	static struct told told;
	uint32_t pages = 0;
	for (uint32_t g = 0; g < GROUPS; g++)
		commit_all((char[]){'g', (char)('a' + g), 0});
	bool is_all;
	do {
		group_page_clear(&page);
		is_all = coordinator_fill_page(world->coordinator, &page);
		count(&told);
		pages++;
	} while (!is_all && pages < 100);
	cr_expect_eq(pages, (GROUPS * (PARTITIONS + 2) + GROUP_PAGE_ENTRIES - 1) / GROUP_PAGE_ENTRIES);
	for (uint32_t g = 0; g < GROUPS; g++)
		expect_whole(&told, (char)('a' + g));
}

/* Between two pages a group comes, another gets one more offset; those that were there all the time are told once. */
Test(group_page, what_comes_between_two_pages_spoils_nothing)
{
	static struct told told;
	commit_all("ga");
	commit_all("gb");
	group_page_clear(&page);
	cr_assert_not(coordinator_fill_page(world->coordinator, &page));
	count(&told);
	cr_assert_eq(world_commit(world, COMMIT("gc", "a", 3, 13)), 0);
	cr_assert_eq(world_commit(world, COMMIT("ga", "aa", 0, 7)), 0);
	bool is_all = false;
	for (uint32_t pages = 0; !is_all && pages < 100; pages++) {
		group_page_clear(&page);
		is_all = coordinator_fill_page(world->coordinator, &page);
		count(&told);
	}
	told.offsets[0][PARTITIONS]--; /* aa has two partitions there now */
	expect_whole(&told, 'a');
	expect_whole(&told, 'b');
	cr_expect_eq(told.groups[2], 1);
	cr_expect_eq(told.offsets[2][3], 1);
}

/* Ids as long as the protocol allows: a page holds few of them, and all come. */
Test(group_page, long_ids)
{
	static char id[30001];
	uint32_t entries = 0, pages = 0;
	memset(id, 'n', sizeof id - 1);
	for (char g = 'a'; g < 'k'; g++) {
		id[sizeof id - 2] = g;
		cr_assert_eq(world_commit(world, COMMIT(id, "a", 0, 10)), 0);
	}
	bool is_all;
	do {
		group_page_clear(&page);
		is_all = coordinator_fill_page(world->coordinator, &page);
		entries += page.entry_count;
		pages++;
	} while (!is_all && pages < 100);
	cr_expect_eq(entries, 20);
	cr_expect_lt(pages, 10);
}
