/* The plan of a rewind: each partition that moves, with what is committed and what is to be. Owner: the main thread.
 * Each function that returns an exit status has complained if it is not STATUS_OK. */
#pragma once

#include "cli/kafka_client.h"
#include "cli/partition_offsets.h"

/* One partition's commit, before and after; -1 is none. */
struct rewind_step {
	const char *topic;
	int32_t partition;
	int64_t before, after;
	struct slice metadata, metadata_after; /* of the commit before, and after */
};

struct rewind_plan {
	struct kafka_client *client;
	const char *group;
	rd_kafka_topic_partition_list_t *committed; /* all that the group has committed; the caller's */
	struct rewind_step *steps;                  /* by topic and partition */
	struct partition_offsets *offsets;          /* beside the steps, once aimed */
	uint32_t count, capacity;
};

/* Where to: a point in each partition, or so many records from what is committed. */
struct rewind_aim {
	bool is_shift;
	struct offset_point point;
	int64_t shift;
};

/* `topics`: TOPIC or TOPIC:0,1,2; none: all partitions of the topics that the group has committed for. */
MUST_USE int rewind_plan_choose(struct rewind_plan *plan, const struct flag_list *topics);
/* Sets `after` of each step. */
MUST_USE int rewind_plan_aim(struct rewind_plan *plan, const struct rewind_aim *aim);
/* A step more, with what is committed there; NULL: no memory. */
struct rewind_step *rewind_plan_add(struct rewind_plan *plan, const char *topic, int32_t partition);
bool rewind_plan_has_moves(const struct rewind_plan *plan);
void rewind_plan_free(struct rewind_plan *plan);
