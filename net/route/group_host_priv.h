/* What the files of the group host share. Private interfaces.
 *
 *   group_task.c   the way of a task to its owner and home
 *   group_host.c   the coordinators of the shard: when each is loaded, which calls it has, its timer, its end
 *   group_load.c   a partition read from its start into a coordinator
 *   group_log.c    what a coordinator emits becomes batches; snapshots, and the trim behind them
 *
 * A hosted coordinator's life:
 *
 *	COLD     nothing is in memory; the host loads those that have records, one after the other, once it has started; a call does not wait
 *	         for that, and begins the load of its own
 *	LOADING  its partition is read; calls wait, for LOAD_MAX_NS at most
 *	READY    calls run
 *	ENDING   closed, because its log refused a record, or the topic or the broker goes; what is in flight returns first, as a new
 *	         load must see what becomes of it; calls wait. Then COLD, and loaded again a second later, or for the next call
 *
 * READY or ENDING, it is late while the oldest of what it has to write has waited for offsets.commit.timeout.ms: then calls are answered
 * COORDINATOR_NOT_AVAILABLE, as a Kafka answers them, instead of waiting on; what becomes of their records is open. */
#pragma once

#include "log/batch/batch_builder.h"
#include "log/store/store.h"
#include "net/log_line.h"
#include "net/route/group_host.h"

enum hosted_state { HOSTED_COLD, HOSTED_LOADING, HOSTED_READY, HOSTED_ENDING };

struct load;

/* A batch on its way to stable storage, and the calls to answer then: all that finished since the one before. */
struct flight {
	struct append_op op;
	struct hosted *hosted;
	struct list node;              /* in the order of the log */
	struct list calls;
	uint64_t begun_ns;
};

enum snapshot_state { SNAPSHOT_NONE, SNAPSHOT_WRITING, SNAPSHOT_WRITTEN, SNAPSHOT_TRIMMING };

struct snapshot {
	enum snapshot_state state;
	bool begins_segment;           /* its first batch is still to come, and begins a segment */
	int64_t start_offset, end_offset;   /* of its records and what came between them */
	uint64_t log_bytes;            /* appended since the last one began, or loaded */
	struct trim_op trim;
};

/* What fails again with each try, as on a dead disk: said once, and once more when it is over, with how often it was. */
struct standing_trouble {
	int err;
	uint64_t count; /* of tries; 0: there is none */
};

struct hosted {
	struct group_host *host;
	struct uuid topic_id;
	uint32_t partition;
	enum hosted_state state;
	bool is_detached;              /* its topic is gone: freed when nothing is in flight */
	bool was_ready;                /* ENDING: it is loaded again though nobody asks: its groups have timers */
	struct coordinator *coordinator;   /* while LOADING and READY */
	struct load *load;             /* while LOADING */
	struct list waiting;           /* struct group_task: their turn comes when it is READY */
	struct list due;               /* in the host, when this turn has something to do */
	struct io_timer timer;         /* LOADING: how long calls wait; READY: the coordinator's */
	uint32_t in_flight;            /* reads, appends, trims */
	struct list flights;
	struct room_wait room_wait;    /* set: the log has no memory for what is in the outbox */
	uint64_t room_wait_begun_ns;   /* since nothing of it was appended; 0: nothing is left of it */
	struct io_timer late_timer;    /* set: something is to be written; looks whether that has become late */
	bool is_late;
	struct standing_trouble load_trouble, write_trouble;
	struct snapshot snapshot;
};

struct group_host {
	struct shard *shard;
	struct coordinator_config config;
	uint64_t memory_bytes;         /* of all coordinators */
	struct uuid topic_id;
	uint64_t commit_timeout_ns;    /* offsets.commit.timeout.ms */
	uint32_t partition_count;
	struct hosted **hosted;        /* by partition; NULL: not used yet */
	struct list due;
	uint32_t ahead;                /* partitions from here on may have groups that are not in memory yet */
	struct hosted *loading_ahead;  /* the one that is being loaded though nobody asks; NULL: none */
	uint32_t detached_count;
	bool is_stopping;
	uint8_t *batch;                /* one batch is built at a time: the log copies it */
	size_t batch_capacity;
	struct list idle_flights;
	uint32_t idle_flight_count;
	struct log_quota troubles, notes;
};

/* ---- group_host.c ------------------------------------------------------------------------------------------------------- */

/* NULL: no memory. The partition is one of the topic's. */
struct hosted *hosted__find_or_make(struct group_host *host, uint32_t partition);
/* Takes a task: it runs now, or waits for the load. */
void hosted__take(struct hosted *hosted, struct group_task *task);
void hosted__cancel(struct hosted *hosted, struct group_task *task);
/* After every input: what has come out is appended this turn, answered, or waits behind what was appended
 * before; the timer is set. */
void hosted__settle(struct hosted *hosted);
/* What has finished, and shows no record that is not appended: answered when all that is appended is durable, or as late. */
void hosted__deliver(struct hosted *hosted);
/* Answers calls: those of a flight that is durable (or not: `error`), or of the outbox. */
void hosted__answer(struct list *calls, enum kerr error);
void hosted__mark_due(struct hosted *hosted);
/* Unloads it: its calls end with `error`. A detached one may be gone when this returns. */
void hosted__end(struct hosted *hosted, enum kerr error);
/* One more try has failed. True: it is to be said, as nothing did before, or something else. */
bool hosted__has_new_trouble(struct standing_trouble *trouble, int err);
/* A try succeeded: says so, as "the groups of ... `again`", if one had failed before. */
void hosted__end_trouble(struct hosted *hosted, struct standing_trouble *trouble, const char *again);
/* Answers those that wait for the load, or for the end of what was before it. */
void hosted__refuse_waiting(struct hosted *hosted, enum kerr error);
/* Something in flight has returned. */
void hosted__returned(struct hosted *hosted);
/* The load is over: calls run, or end with `error`. */
void hosted__loaded(struct hosted *hosted, enum kerr error);
struct partition *hosted__partition(const struct hosted *hosted);
struct group_clock hosted__clock(const struct hosted *hosted);

/* ---- group_task.c ------------------------------------------------------------------------------------------------------- */

/* On the owner: the task is complete. It may be gone when this returns. */
void group_task__finish(struct group_task *task, enum kerr error);
/* Runs `start` for a task that waited for its coordinator. The task may be gone when this returns. */
void group_task__start(struct shard *owner, struct group_task *task, void (*start)(struct hosted *hosted, struct group_task *task));

/* ---- group_load.c ------------------------------------------------------------------------------------------------------- */

/* -ENOMEM. Marks it due; hosted__loaded follows in a later turn. */
MUST_USE int group_load__begin(struct hosted *hosted);
void group_load__step(struct hosted *hosted);
/* Harmless without a load. Its read may still be in flight. */
void group_load__end(struct hosted *hosted);

/* ---- group_log.c -------------------------------------------------------------------------------------------------------- */

/* Appends the outbox's records; what finds no room stays there. */
void group_log__flush(struct hosted *hosted);
/* Goes on with a snapshot, or begins one if the log has grown enough. */
void group_log__snapshot(struct hosted *hosted);
/* When the oldest of what is to be written has waited for too long: is it still there, and what waits for it is answered. */
void group_log__look_if_late(struct io_timer *timer);
void group_log__free_flights(struct group_host *host);
