/* What the files of `spate group` share: the requests about a group, and which group is meant. Owner: the main thread.
 * Each function that returns an exit status has complained if it is not STATUS_OK. */
#pragma once

#include "cli/admin.h"
#include "cli/client_verb.h"
#include "cli/group_view.h"

int group_describe_run(int argc, char **argv);
int group_rewind_run(int argc, char **argv);

/* Groups that librdkafka lists; they live as long as `call`, which is to be ended whatever is returned. */
struct group_list {
	const rd_kafka_ConsumerGroupListing_t **items;
	size_t count;
};
MUST_USE int group_list_ask(struct admin_call *call, struct kafka_client *client, struct group_list *out);

/* "group 'x' has 2 active members (rdkafka at 10.0.0.1, ...)": says why `what` cannot be done now, and what to do. */
void group_complain_active(const struct group_view *group, const char *what);
/* Says that the group is not there, with the nearest name. */
void group_complain_unknown(struct kafka_client *client, const char *name);

/* All that the group has committed, sorted by topic and partition, with metadata; to be destroyed by the caller. */
MUST_USE int group_offsets_ask(struct kafka_client *client, const char *group, rd_kafka_topic_partition_list_t **out);
/* Commits for a group without members; `offsets` may be empty. */
MUST_USE int group_offsets_commit(struct kafka_client *client, const char *group, const rd_kafka_topic_partition_list_t *offsets);
/* Forgets what is committed for these partitions. */
MUST_USE int group_offsets_delete(struct kafka_client *client, const char *group, const rd_kafka_topic_partition_list_t *partitions);
/* 0, or librdkafka's code; says nothing. RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND: there is none. */
MUST_USE rd_kafka_resp_err_t group_delete_quietly(struct kafka_client *client, const char *name);
