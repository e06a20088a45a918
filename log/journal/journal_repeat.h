/* What the groups before the open one were about, so that a group can repeat it: the newest entry of each partition, without its payload. A group
 * that is lost to rot is told by those behind it then: which partitions it held, and up to which offset.
 *
 * It repeats what it must (all of the group before it) and, where there is room, what is older. A partition that has an entry in the group itself
 * is not repeated: that entry begins where the one before it ended. So the more regular the load, the shorter the list; and where each group has
 * all partitions it is empty.
 *
 * Owner: the journal's thread. All memory is taken when it is made: as many partitions as it is given; the ones not heard of for longest are
 * forgotten, and what it tells says so. */
#pragma once

#include "log/journal/journal_format.h"

struct repeated {
	uint8_t bytes[GROUP_ENTRY_SIZE]; /* the entry as in a group, with a payload of 0 bytes */
	uint32_t series;
	uint32_t newer, older;           /* one more than their place in `entries`; 0: none */
	uint32_t next;                   /* of the same bucket, or of the free ones */
	uint64_t seq;                    /* of the group that it is in */
};

struct repeats {
	struct repeated *entries;        /* NULL: it notes nothing */
	uint32_t *buckets;
	uint32_t capacity;               /* a power of two */
	uint32_t free, used;             /* the first of the free list; so many have ever been used */
	uint32_t newest, oldest;
	uint32_t newest_before;          /* the newest that is not of the group `seq` */
	uint64_t seq;                    /* of the group that is being noted */
	uint32_t count;                  /* of partitions in it */
	uint32_t count_before;           /* of partitions that are in the group before it, and not in it */
	uint32_t due_max;                /* how many a group must repeat at most; more are not added to one group */
	uint32_t chained_kinds;
	uint64_t known_from;             /* of groups before this one it does not know all */
};

/* Groups of `group_size_bytes_max` repeat a part of that at most. -ENOMEM. */
MUST_USE int repeats_init(struct repeats *repeats, uint32_t group_size_bytes_max, uint32_t chained_kinds);
void repeats_fini(struct repeats *repeats);

/* Forgets all; nothing before this group is known. */
void repeats_reset(struct repeats *repeats, uint64_t known_from);
/* What is noted from now on is of this group, a later one. */
void repeats_begin(struct repeats *repeats, uint64_t seq);
void repeats_note(struct repeats *repeats, const struct journal_entry *entry);
/* Is something of its partition known that is of a later group than this? */
bool repeats_has_later(const struct repeats *repeats, const struct journal_entry *entry, uint64_t seq);

/* May another partition be added to the group? */
bool repeats_is_full(const struct repeats *repeats);
/* How many entries the group must repeat: those of the group before it. */
uint32_t repeats_due(const struct repeats *repeats);
/* Writes the newest first, `count_max` at most, nothing of `trim_seq` or before it. Returns how many. *told_from: all that groups from that one
 * on, and before the one being noted, held and that is still needed is either in the list or goes on in this group. */
uint32_t repeats_write(const struct repeats *repeats, uint64_t trim_seq, uint32_t count_max, uint8_t *out, uint64_t *told_from);
