/* Assignors: who is to own which partition. Pure functions of the members, their topics and the last answer; they allocate in the
 * caller's arena alone and know no group. Any thread.
 *
 *   uniform   as evenly as it goes, and as few moves as that allows (Kafka's default)
 *   range     each topic in consecutive ranges over its subscribers, in the order of their names: topics with the same number of partitions
 *             and subscribers end up together (co-partitioned) */
#pragma once

#include "log/base/arena.h"
#include "log/base/err.h"

#define ASSIGNOR_NOBODY (-1)

struct assignor_member {
	struct slice id, instance_id;  /* instance_id.data NULL: a dynamic member */
	const uint32_t *topics;        /* what it subscribes to: ascending numbers of `topics` of the problem */
	uint32_t topic_count;
};

struct assignor_topic {
	struct uuid id;
	uint32_t partition_count;
	int32_t *owners;               /* of each partition, the number of a member. In: by the last target, or ASSIGNOR_NOBODY. Out: by the new one */
};

struct assignor_problem {
	const struct assignor_member *members; /* in the order of their ids */
	uint32_t member_count;         /* at least 1 */
	struct assignor_topic *topics; /* what nobody subscribes to has partition_count 0 */
	uint32_t topic_count;
	bool is_homogeneous;           /* all members subscribe to the same */
	struct arena *arena;
};

/* 0, or -ENOMEM: `owners` are then undefined. */
typedef int assignor_fn(struct assignor_problem *problem);

struct assignor {
	const char *name;
	assignor_fn *assign;
};

/* NULL if there is none of that name. */
const struct assignor *assignor_find(struct slice name);

assignor_fn assignor_uniform, assignor_range;
