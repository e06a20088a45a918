/* Tasks: what a request asks of one partition. A task runs on the shard that owns the partition: at once if that is this one, else
 * it crosses as a message and comes back the same way. Handlers cannot tell.
 *
 * Owner: the request it belongs to, whose arena it lives in; between submit and return it belongs to the owner shard. A task counts as
 * pending for its request until it has returned (request_join waits for all), so a request is never freed under one.
 *
 * One that returns TASK_DONE is complete; with TASK_PENDING it comes back later, from the loop. A task may be submitted again after that. */
#pragma once

#include "log/partition/partition.h"
#include "net/route/mailbox.h"

struct request;
struct shard;

enum task_result { TASK_DONE, TASK_PENDING };

enum message_kind {
	MESSAGE_APPEND, MESSAGE_READ, MESSAGE_RELEASE, MESSAGE_WATCH, MESSAGE_UNWATCH, MESSAGE_TRIM, MESSAGE_QUERY,
	MESSAGE_RETURN,           /* a task comes home */
	MESSAGE_UNWATCH_RETURN,
	MESSAGE_CONTROL,          /* net/route/control.h */
	MESSAGE_CONTROL_RETURN,
	MESSAGE_IMAGE,
	MESSAGE_IMAGE_RETURN,
	MESSAGE_STARTED,
	MESSAGE_STARTED_RETURN,
	MESSAGE_ADOPT,            /* a new connection (net/conn/listener.h) */
	MESSAGE_GROUP,            /* net/route/group_host.h */
	MESSAGE_GROUP_RETURN,
	MESSAGE_GROUP_CANCEL,
	MESSAGE_GROUP_CANCEL_RETURN,
	MESSAGE_GROUP_SEEN,
	MESSAGE_QUOTA,            /* net/route/quota_task.h */
	MESSAGE_QUOTA_RETURN,
	MESSAGE_SURVEY,           /* net/metrics/survey.h */
	MESSAGE_STOP,             /* the stop goes on to its next stage (net/shard.c) */
};

struct task {
	/* The caller's. */
	struct message message;
	struct request *request;
	struct uuid topic_id;
	uint32_t partition;
	void (*done)(struct task *task);  /* runs when a pending task has returned, before its request goes on; or NULL */

	/* Valid after it is done: 0, ERR_UNKNOWN_TOPIC if the owner knows no such partition, or what the verb below says. */
	int err;

	/* The tasks' own. */
	uint32_t origin, owner;
	bool is_pending;
};

/* Fills the common part. `partition` may be any number off the wire. */
void task_init(struct task *task, struct request *request, const struct uuid *topic_id, int32_t partition);

/* ---- append: err is op.err; ERR_BUSY never comes back, the task waits for room, in order ------------------------------ */

struct append_task {
	struct task task;
	struct append_op op;          /* fill `records`, `records_size_bytes`, `is_zstd_allowed` */
	struct list node;
	bool is_taken;                /* the owner's: the log has copied the records */
};
MUST_USE enum task_result append_task_submit(struct append_task *task);
/* Are the records still needed? They are until the task is done, unless this shard's log has copied them. */
bool append_task_needs_records(const struct append_task *task);

/* ---- read --------------------------------------------------------------------------------------------------------- */

struct read_task {
	struct task task;
	int32_t current_leader_epoch;  /* what the client believes; -1: not said. Judged first: see err */
	int32_t last_fetched_epoch;    /* -1: not said; else a divergence is looked for */
	struct read_op op;             /* zeroed before its first use; fill `offset`, `size_bytes_max`, `is_first`; positions are filled in on every error but ERR_UNKNOWN_TOPIC */
	/* When the client's log has diverged: the epoch and end to go back to; no bytes are read then. */
	bool is_diverging;
	int32_t diverging_epoch;
	int64_t diverging_end_offset;
	bool has_pieces;               /* release it */
};
/* err: as read_op.err, or TASK_FENCED_EPOCH / TASK_UNKNOWN_EPOCH (Kafka's codes 74 and 75, which the log does not know). */
MUST_USE enum task_result read_task_submit(struct read_task *task);
/* Gives the pieces back, on the owner; pending until then. Harmless without pieces. */
MUST_USE enum task_result read_task_release(struct read_task *task);

#define TASK_NO_EPOCH (-1)   /* of a client that does not say; other negative ones are old */
#define TASK_FENCED_EPOCH 74
#define TASK_UNKNOWN_EPOCH 75

/* ---- watch ---------------------------------------------------------------------------------------------------------- */

struct watch_task {
	struct task task;
	struct watch watch;            /* fill `offset` */
	struct message cancel;
	bool is_watching;              /* the owner's: the watch is set */
	bool is_cancelled;             /* the origin's */
};
/* Always TASK_PENDING, unless the partition is unknown. Returns when the watch fired or was cancelled. */
MUST_USE enum task_result watch_task_submit(struct watch_task *task);
/* Makes it return soon (at once, without done(), if the owner is this shard). Harmless if it is not pending. */
void watch_task_cancel(struct watch_task *task);

/* ---- trim (DeleteRecords): err is op.err ---------------------------------------------------------------------------- */

struct trim_task {
	struct task task;
	struct trim_op op;             /* fill `offset` */
};
MUST_USE enum task_result trim_task_submit(struct trim_task *task);

/* ---- query: a function of the caller's run on the owner, with the partition -------------------------------------------- */

struct query_task {
	struct task task;
	/* Sets task.err if it must; may read and write what the task is embedded in, and nothing else of the request. */
	void (*run)(struct query_task *task, struct partition *partition);
};
MUST_USE enum task_result query_task_submit(struct query_task *task);

/* ---- for the shard ---------------------------------------------------------------------------------------------------- */

/* Tries the appends that wait for room, if there is news of room. */
void task_retry_appends(struct shard *shard);

/* Runs a message of one of the kinds above (MESSAGE_APPEND to MESSAGE_UNWATCH_RETURN) on the shard that took it. */
void task_receive(struct shard *shard, struct message *message);

/* Posts to a shard and wakes it if need be. */
void shard_post(struct shard *from, struct shard *to, struct message *message);

/* The current leader epoch against what a client believes: 0, TASK_FENCED_EPOCH or TASK_UNKNOWN_EPOCH. For queries. */
int task_check_epoch(const struct partition *partition, int32_t current_leader_epoch);
