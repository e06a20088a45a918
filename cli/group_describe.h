/* What `spate group describe` knows of a group: cli/group_describe.c asks for it, cli/group_show.c shows it. Owner: the main thread. */
#pragma once

#include "cli/first_record.h"
#include "cli/group.h"
#include "cli/partition_offsets.h"
#include "cli/wire_client.h"

/* A partition that the group has committed for, or that a member has. */
struct describe_row {
	const char *topic;
	int32_t partition;
	int64_t committed; /* -1: nothing */
	const struct group_member *member;
};

struct describing {
	struct kafka_client *client;
	bool is_json;
	const struct group_view *group;
	rd_kafka_topic_partition_list_t *committed;
	struct describe_row *rows;
	/* Beside the rows. */
	struct partition_offsets *offsets;
	struct wire_append_time *appended;
	struct first_record *oldest; /* read where the broker does not say when it was appended */
	uint32_t count;
	int64_t now_ms;              /* when the records were read, by this machine's clock */
};

/* What is known of the time at which the i-th row's oldest unconsumed record was appended. */
enum age_source {
	AGE_UNKNOWN,
	AGE_NOTHING,        /* there is no such record */
	AGE_LOG,            /* the broker's log says it exactly */
	AGE_LOG_BOUND,      /* the broker's log says after what, and before what */
	AGE_RECORD_APPEND,  /* the record's timestamp, which the broker wrote (LogAppendTime) */
	AGE_RECORD_CREATE,  /* the record's timestamp, which its producer wrote: its word alone */
};
enum age_source describing_age_source(const struct describing *describing, uint32_t i);

/* Where the group reads on in the i-th row's partition: what retention has taken before it was read is not there to be read. */
int64_t describing_reads_from(const struct describing *describing, uint32_t i);
bool describing_has_lag(const struct describing *describing, uint32_t i);
int64_t describing_lag(const struct describing *describing, uint32_t i);

void describing_show(const struct describing *describing);
