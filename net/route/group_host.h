/* The coordinators of one shard: those of the partitions of __consumer_offsets that it owns, and the way of a call to them. It loads a
 * coordinator from its partition when the first call comes, appends the records it emits, answers its calls when they are durable,
 * runs its timers, and lets the log before a snapshot go.
 *
 * Owner: the shard's thread. A group task works as any task (net/route/task.h): it belongs to its request; between submit and return it belongs
 * to the shard that owns the group's partition; handlers cannot tell. A broken or full log unloads the coordinator: calls end with
 * COORDINATOR_NOT_AVAILABLE, and it is loaded again from what the log has. */
#pragma once

#include "net/group/coordinator.h"
#include "net/route/task.h"

#define GROUP_TOPIC "__consumer_offsets"

/* The partition of __consumer_offsets that has a group's state: |Java's String.hashCode| mod the partition count. */
uint32_t group_partition(struct slice group_id, uint32_t partition_count);

struct group_task {
	/* The handler's: fill `group_id` and `run`; the task is embedded in what else `run` needs. */
	struct message message;
	struct request *request;
	struct slice group_id;
	/* Runs on the owner: starts the call with one coordinator_ verb, whose answer goes into memory of the task's own arena. */
	void (*run)(struct group_task *task, struct coordinator *coordinator, struct group_clock clock);
	void (*done)(struct group_task *task);   /* as in struct task; or NULL */

	/* Valid when it is done: NONE, or why `run` did not run: COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR. */
	enum kerr error;

	/* The host's own. */
	struct group_call call;
	struct arena arena;
	uint32_t origin, owner, partition;
};
