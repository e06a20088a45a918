/* A page of what the groups of coordinators are: their states, members and committed offsets, for who watches them (metrics). The next page goes on
 * where this one ended, whatever has happened in between: what is there all the time is in exactly one page.
 *
 * Owner: whoever asks for it; it has no memory but its own, so that filling it takes none of the coordinator's. Reads only. */
#pragma once

#include "net/group/coordinator.h"

#define GROUP_PAGE_ENTRIES 512u
#define GROUP_PAGE_TEXT_SIZE (96u << 10)   /* more than a group's id, which is at most 32 KiB, and a topic's name */

/* A group, or one of its committed offsets, which follow it. */
struct group_entry {
	struct slice group;            /* in the page's text, as is `topic` */
	struct slice topic;            /* data NULL: this is the group itself */
	/* Of the group: */
	const char *type, *state;      /* Kafka's words */
	uint32_t member_count;
	/* Of an offset: */
	int32_t partition;
	int64_t committed;
};

/* Where the next page begins: behind this. Zeroed: at the first group. */
struct group_cursor {
	uint32_t coordinator;          /* the host's: which of its partitions */
	uint64_t group;                /* the number of the one that is not over yet, or was the last */
	bool is_within;                /* it was told itself, and so were its offsets up to this: */
	uint32_t topic_size;
	uint8_t topic[TOPIC_NAME_SIZE_MAX];
	int32_t partition;
};

struct group_page {
	struct group_cursor next;
	bool is_last;                  /* there is no more */
	uint32_t loading;              /* coordinators that are not in memory yet; their groups are not told */
	uint32_t entry_count, text_size;
	struct group_entry entries[GROUP_PAGE_ENTRIES];
	uint8_t text[GROUP_PAGE_TEXT_SIZE];
};

/* Empties it, for the next part from `next` on. */
static inline void group_page_clear(struct group_page *page)
{
	page->entry_count = page->text_size = 0;
	page->is_last = false;
}
/* Adds the groups of one coordinator from next.group on, as far as there is room. False: there is more, for the next page. True: all were told, and `next`
 * begins with the first group of another coordinator. */
MUST_USE bool coordinator_fill_page(const struct coordinator *coordinator, struct group_page *page);
