/* A group coordinator: the consumer groups, and their committed offsets, of one partition of __consumer_offsets. A pure state machine:
 * inputs and a clock go in; records to append and calls to answer come out. It knows no socket, no shard, no disk, and reads no clock.
 *
 * Owner: the shard that owns the partition; one thread at a time. Whoever runs it (net/route/group_host) does, after every input:
 *   - append `outbox.records` to the partition, in order;
 *   - answer the calls in `outbox.finished` once these records, and all before them, are durable;
 *   - call coordinator_tick at coordinator_deadline.
 * If an append fails, what is in memory is no longer what is in the log: the coordinator is closed, and another is loaded from the log.
 *
 * A call is an operation of one client. Every call comes out in `outbox.finished` exactly once: at once, or when what it waits for has
 * happened. Its answer was made in its arena, and shows nothing that is not in the records before it. */
#pragma once

#include "log/base/arena.h"
#include "log/base/list.h"
#include "log/catalog/catalog.h"
#include "net/wire/kerr.h"
#include "kmsg_consumer_group_describe.h"
#include "kmsg_consumer_group_heartbeat.h"
#include "kmsg_delete_groups.h"
#include "kmsg_describe_groups.h"
#include "kmsg_heartbeat.h"
#include "kmsg_join_group.h"
#include "kmsg_leave_group.h"
#include "kmsg_list_groups.h"
#include "kmsg_offset_commit.h"
#include "kmsg_offset_delete.h"
#include "kmsg_offset_fetch.h"
#include "kmsg_sync_group.h"

struct coordinator;

/* The time of an input. */
struct group_clock {
	uint64_t now_ns;   /* monotonic: for timers */
	int64_t wall_ms;   /* for timestamps that are stored */
	int64_t doubt_ms;  /* of a tick: by how much wall_ms is ahead of what is believed; nothing is let go because of that */
};

/* Kafka's keys, resolved; see coordinator_config_from. */
struct coordinator_config {
	int32_t session_timeout_ms_min, session_timeout_ms_max;   /* group.min.session.timeout.ms, group.max... */
	int32_t initial_rebalance_delay_ms;                       /* group.initial.rebalance.delay.ms */
	int32_t group_size_max;                                   /* group.max.size */
	int32_t offset_metadata_size_max;                         /* offset.metadata.max.bytes */
	int64_t offsets_retention_ms;                             /* offsets.retention.minutes */
	int64_t offsets_retention_check_interval_ms;
	int32_t consumer_session_timeout_ms, consumer_heartbeat_interval_ms; /* group.consumer.*: KIP-848 */
	int32_t consumer_group_size_max;
	int32_t consumer_assignment_interval_ms;
	const char *consumer_assignors;                           /* group.consumer.assignors: the first is the default */
	const char *consumer_migration_policy;                    /* group.consumer.migration.policy */
	uint64_t memory_bytes_max;                                /* spate.group.memory.bytes; see net/group/README.md */
	uint64_t *memory_shared;                                  /* the caller's: what all coordinators of a shard hold together; NULL: this one counts alone */
};
struct broker_config;
void coordinator_config_from(struct coordinator_config *config, const struct broker_config *broker);

/* One operation of a client. The caller fills the first part and keeps all of it and the answer in place until the call is finished. A call
 * that may wait (JoinGroup, SyncGroup, ConsumerGroupHeartbeat) has copied what it needs of the request message, client_id and client_host
 * when its verb returns: those may go, and its answer has no views of them. The others' answers may. */
struct group_call {
	struct arena *arena;           /* the call's own: the answer is made there */
	int16_t version;               /* of the API */
	struct slice client_id;        /* data NULL: none */
	struct slice client_host;      /* "/127.0.0.1" */

	/* The coordinator's until it is finished. */
	struct list node;              /* in outbox.finished, or among the calls that wait */
	bool is_out_of_memory;         /* finished: the arena was full, the answer is not usable */
	bool is_waiting;
	void (*finish)(struct group_call *call, enum kerr error); /* of a call that waits: fills its answer with an error, and forgets it */
	void *answer;
	void *waiting_in;              /* whatever the state machine that holds it needs */
};

/* One record of __consumer_offsets. The bytes live in the outbox's arena. */
struct group_record {
	struct group_record *next;
	struct slice key, value;       /* value.data NULL: a tombstone */
};

/* A line for the operator's log: why a rebalance took long, who was put out of a group. */
struct group_note {
	struct group_note *next;
	const char *text;              /* in the outbox's arena */
};

struct group_outbox {
	struct arena arena;            /* of records and notes: reset by whoever took them (group_outbox_clear) */
	struct group_record *records, **records_end;
	struct list finished;          /* struct group_call */
	struct group_note *notes, **notes_end;
	bool is_out_of_memory;         /* a record is missing: what is in memory is not what will be in the log, as after a failed append */
};
/* Forgets records and notes. */
void group_outbox_clear(struct group_outbox *outbox);

/* -ENOMEM. The image is held (catalog_image_acquire'd by the caller for as long as it is set). */
MUST_USE int coordinator_open(struct coordinator **out, const struct coordinator_config *config, const struct catalog_image *image,
			      uint64_t random_seed);
/* No call may be waiting: coordinator_fail_calls first. */
void coordinator_close(struct coordinator *coordinator);
struct group_outbox *coordinator_outbox(struct coordinator *coordinator);

/* ---- loading: every record of the partition, in order; then coordinator_loaded, before any call ---------------------------------------- */

/* A record that cannot be read: ERR_FORMAT, and it is left out. -ENOMEM. */
MUST_USE int coordinator_replay(struct coordinator *coordinator, struct slice key, struct slice value);
/* Timers start: sessions of members begin anew. */
void coordinator_loaded(struct coordinator *coordinator, struct group_clock clock);

/* ---- time and the world ------------------------------------------------------------------------------------------------------------------ */

/* UINT64_MAX: nothing to wait for. */
uint64_t coordinator_deadline(const struct coordinator *coordinator);
void coordinator_tick(struct coordinator *coordinator, struct group_clock clock);
/* group.consumer.assignment.interval.ms has changed; the other keys are read when the coordinator is opened. */
void coordinator_set_assignment_interval(struct coordinator *coordinator, int32_t interval_ms);
/* Topics were made, changed or deleted, or groups given configs of their own. */
void coordinator_set_image(struct coordinator *coordinator, struct group_clock clock, const struct catalog_image *image);
/* The client has gone: the call finishes now, nobody reads its answer; the member lives on until its session ends. Harmless if it is finished. */
void coordinator_cancel(struct coordinator *coordinator, struct group_clock clock, struct group_call *call);
/* Every waiting call finishes with `error`: the coordinator is about to close. */
void coordinator_fail_calls(struct coordinator *coordinator, enum kerr error);

/* Writes the whole state as records, a piece at a time, so that the log before them may go: begin, then next until it says false.
 * Other inputs may come in between. */
void coordinator_snapshot_begin(struct coordinator *coordinator);
MUST_USE bool coordinator_snapshot_next(struct coordinator *coordinator);
/* About how many bytes a snapshot would take now. */
uint64_t coordinator_state_size(const struct coordinator *coordinator);

/* ---- calls of one group: `out` is initialised (kmsg_X_init) by the coordinator -------------------------------------------------------------- */

#define GROUP_VERB(name)                                                                                                      \
	void coordinator_##name(struct coordinator *coordinator, struct group_clock clock, struct group_call *call,           \
				const struct kmsg_##name##_request *in, struct kmsg_##name##_response *out)
GROUP_VERB(join_group);              /* waits: until the group has assembled */
GROUP_VERB(sync_group);              /* waits: for the leader's assignment */
GROUP_VERB(heartbeat);
GROUP_VERB(leave_group);
GROUP_VERB(offset_commit);
GROUP_VERB(offset_delete);
GROUP_VERB(consumer_group_heartbeat);
#undef GROUP_VERB

/* ---- calls of one group among several of a request -------------------------------------------------------------------------------------------- */

/* `in` of v0-7 is brought into this form by the handler. */
void coordinator_offset_fetch(struct coordinator *coordinator, struct group_clock clock, struct group_call *call,
			      const struct kmsg_offset_fetch_group *in, bool is_stable_required, struct kmsg_offset_fetch_group_result *out);
void coordinator_describe_group(struct coordinator *coordinator, struct group_clock clock, struct group_call *call, struct slice group_id,
				struct kmsg_describe_groups_group *out);
void coordinator_describe_consumer_group(struct coordinator *coordinator, struct group_clock clock, struct group_call *call,
					 struct slice group_id, struct kmsg_consumer_group_describe_group *out);
void coordinator_delete_group(struct coordinator *coordinator, struct group_clock clock, struct group_call *call, struct slice group_id,
			      struct kmsg_delete_groups_result *out);
/* All groups that pass the request's filters, in an array of the call's arena. */
void coordinator_list_groups(struct coordinator *coordinator, struct group_clock clock, struct group_call *call,
			     const struct kmsg_list_groups_request *in, struct kmsg_list_groups_group **groups, uint32_t *count);
