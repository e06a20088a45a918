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
	int64_t asked;                         /* what `after` would be, were it there: below the log's start or above its end it was cut */
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

/* Where to: a point in each partition, so many records from what is committed, or what each step asks for already. */
enum rewind_aim_kind { AIM_POINT, AIM_SHIFT, AIM_ASKED };
struct rewind_aim {
	enum rewind_aim_kind kind;
	struct offset_point point;
	int64_t shift;
};

/* `topics`: TOPIC or TOPIC:0,1,2; none: all partitions of the topics that the group has committed for. */
MUST_USE int rewind_plan_choose(struct rewind_plan *plan, const struct flag_list *topics);
/* Sets `after` and `asked` of each step; steps of one topic stand together. */
MUST_USE int rewind_plan_aim(struct rewind_plan *plan, const struct rewind_aim *aim);
/* A step more, with what is committed there; NULL: no memory. */
struct rewind_step *rewind_plan_add(struct rewind_plan *plan, const char *topic, int32_t partition);
/* The log ends before, or begins behind, what was asked for. */
bool rewind_plan_is_cut(const struct rewind_plan *plan, uint32_t step);
bool rewind_plan_has_moves(const struct rewind_plan *plan);
void rewind_plan_free(struct rewind_plan *plan);
