/* The coordinators of one shard: those of the partitions of __consumer_offsets that it owns, and the way of a
 * call to them. A host loads a coordinator from its partition when the first call comes, appends the records it
 * emits, answers its calls when those are durable, runs its timers, and lets the log before a snapshot go.
 *
 * Owner: the shard's thread. A group task works as any task (net/route/task.h): it belongs to its request;
 * between submit and return it belongs to the shard that owns the group's partition; handlers cannot tell. A
 * log that is broken or full unloads the coordinator: calls end with COORDINATOR_NOT_AVAILABLE, and it is
 * loaded again from what the log has when the next one comes. */
#pragma once

#include "net/group/coordinator.h"
#include "net/route/task.h"

struct group_host;
struct hosted;

#define GROUP_TOPIC "__consumer_offsets"

/* The partition of __consumer_offsets that has a group's state: |Java's String.hashCode| mod the partition count. */
uint32_t group_partition(struct slice group_id, uint32_t partition_count);

/* ---- tasks ------------------------------------------------------------------------------------------------------------ */

struct group_task {
	/* The handler's: group_task_init, then fill `run`, and the rest if it must. The task is embedded in
	 * what else `run` needs. */
	struct message message;
	struct request *request;
	/* Runs on the owner: starts the call with one coordinator_ verb, whose answer goes into memory of the
	 * task's own arena. */
	void (*run)(struct group_task *task, struct coordinator *coordinator, struct group_clock clock);
	void (*done)(struct group_task *task);   /* runs when a pending task has returned, before its request goes on; or NULL */
	bool is_reader;                          /* seldom or never emits records: goes on while the disk is full */
	bool lets_go;                            /* the request's frame, once the call waits: `in` is not looked at again */

	/* Valid when it is done: NONE, and the answer is there; or why there is none:
	 * COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR, UNKNOWN_SERVER_ERROR. */
	enum kerr error;
	struct group_call call;
	struct arena arena;

	/* The host's own. */
	struct uuid topic_id;
	uint32_t origin, owner, partition;
	struct hosted *hosted;                   /* NULL: it has nothing of this task (any more) */
	struct list node;
	struct message cancel, seen;
	size_t counted_bytes;
	bool is_known;                           /* there is such a partition, as far as the origin knows */
	bool is_pending, is_starting, is_cancelled;
};

/* For the coordinator of a group, or of one partition of GROUP_TOPIC. */
void group_task_init(struct group_task *task, struct request *request, struct slice group_id);
void group_task_init_at(struct group_task *task, struct request *request, uint32_t partition);
MUST_USE enum task_result group_task_submit(struct group_task *task);
/* The client has gone: makes it return soon. Harmless if it is not pending. */
void group_task_cancel(struct group_task *task);
/* Gives the answer's memory back, once it has been written out; every task that was initialised, whatever
 * became of it. */
void group_task_free(struct group_task *task);

/* How many partitions GROUP_TOPIC has; 0: it is not there. */
uint32_t group_partition_count(const struct shard *shard);

/* ---- for the shard ------------------------------------------------------------------------------------------------------ */

/* -ENOMEM. */
MUST_USE int group_host_open(struct group_host **out, struct shard *shard);
/* Nothing is in flight any more (group_host_is_idle), or the store is closed. NULL is fine. */
void group_host_close(struct group_host *host);
/* Once a turn, before store_turn: appends what the turn's calls have emitted. */
void group_host_turn(struct group_host *host);
/* Is there something to do that no completion will announce? */
bool group_host_has_work(const struct group_host *host);
/* After store_set_image; the image before it is still held. */
void group_host_set_image(struct group_host *host);
/* No more calls: unloads all. */
void group_host_stop(struct group_host *host);
bool group_host_is_idle(const struct group_host *host);
struct group_page;
/* Fills a page with what this shard's coordinators have, from page->next on; one that is not in memory is not loaded for it. */
void group_host_fill_page(const struct group_host *host, struct group_page *page);
/* MESSAGE_GROUP to MESSAGE_GROUP_SEEN. */
void group_host_receive(struct shard *shard, struct message *message);
