/* What a rewind keeps on the broker so that it can be undone (cli/group_undo.h has its names and notes): looked at, written, and thrown away. The
 * group that keeps it may have a user's own in its place; that one is never written. Owner: the main thread.
 * Each function that returns an exit status has complained if it is not STATUS_OK. */
#pragma once

#include "cli/group_undo.h"
#include "cli/rewind_plan.h"

enum keeper_kind {
	KEEPER_ABSENT,
	KEEPER_OURS,   /* each of its commits is a note */
	KEEPER_SPENT,  /* it has neither commits nor members: notes go with their topics, and leave the group behind */
	KEEPER_USERS,  /* a group that only has the name */
};

struct group_keeper {
	char name[GROUP_NAME_SIZE_MAX];
	enum keeper_kind kind;
	rd_kafka_topic_partition_list_t *kept; /* what is committed there, sorted; NULL before it was asked for */
	int64_t rewound_ms;                    /* when the last rewind was; of several notes the newest are its */
};

/* Asks what is kept for this group. To be freed whatever is returned. */
MUST_USE int group_keeper_open(struct group_keeper *out, struct kafka_client *client, const char *group);
void group_keeper_free(struct group_keeper *keeper);

/* True, with the partition's note: it is the last rewind's. */
MUST_USE bool group_keeper_note(const struct group_keeper *keeper, int index, struct group_undo_note *out);

/* Refuses a user's own group of that name. */
MUST_USE int group_keeper_check(const struct group_keeper *keeper, const char *group);
/* Keeps what the plan's partitions have committed, in place of what an earlier rewind kept. */
MUST_USE int group_keeper_write(const struct group_keeper *keeper, const struct rewind_plan *plan);
/* Throws away what is kept, if it is ours, and the empty group. */
MUST_USE int group_keeper_forget(const struct group_keeper *keeper, struct kafka_client *client);

/* Of what a group has committed: are these the notes of a keeper? With none it is not. */
bool group_keeper_is_one(const char *name, const rd_kafka_topic_partition_list_t *committed);
