/* Fetch sessions (KIP-227): what each consumer reads, remembered, so that a request names only what changes
 * and an answer only what is new.
 *
 * A session is a list of partitions, in the order they are read, each with what was asked of it and what was
 * told of it last. It is opened by a full request (epoch 0), and each request that continues it carries the
 * next epoch; one out of order is refused, and the client starts anew.
 *
 * Sessions belong to a shard, not to a connection: a client that reconnects may go on. An id is unlike all
 * those of other shards, so a request that arrives on another shard finds nothing, and its client starts anew
 * there.
 *
 * Bounded by slots and by bytes. When they are full, a new session may take the place of one that was not
 * used for two minutes, or of a smaller one that has lived for two; otherwise none is made, and the client's
 * requests stay full. Owner: the shard. Never reads, never waits. */
#pragma once

#include "kmsg_fetch.h"
#include "log/base/err.h"
#include "log/base/list.h"
#include "net/group/name_table.h"
#include "net/wire/kerr.h"

#define FETCH_SESSION_NONE 0           /* no session has this id */
#define FETCH_EPOCH_INITIAL 0          /* a full request that wants a session */
#define FETCH_EPOCH_FINAL (-1)         /* a full request that wants none */

struct fetch_sessions;

struct fetch_session_limits {
	uint32_t slots;
	uint64_t bytes_max;
	uint32_t shard, shard_count;
	uint32_t seed;                 /* where ids begin: another place at each start, so that sessions of before it are not found */
};

/* A topic that a session reads: by id (version 13 and later) or by name. */
struct session_topic {
	struct name_entry entry;       /* the key is the id's bytes, or the name */
	struct uuid id;
	struct slice name;             /* data NULL if it goes by id */
	char *seen_as;                 /* goes by id: the name it had when it was there; NULL: it has not been there yet */
	uint32_t partition_count;
	char text[];
};

struct session_partition_key {
	struct session_topic *topic;
	int64_t partition;
};

struct session_partition {
	struct name_entry entry;
	struct list node;              /* in its session, in the order of reading */
	struct session_partition_key key;
	struct kmsg_fetch_partition in;
	int64_t high_watermark, log_start_offset; /* as told last; -1: tell again */
};

struct fetch_session {
	struct name_entry entry;
	struct list node;              /* by last use */
	int32_t id, epoch;             /* the epoch that the next request must have */
	bool is_by_id;
	uint64_t created_ns, used_ns;
	uint64_t size_bytes;
	struct list partitions;        /* struct session_partition */
	uint32_t partition_count;
	struct name_table topic_table, partition_table;
};

/* NULL: no memory. */
struct fetch_sessions *fetch_sessions_create(const struct fetch_session_limits *limits);
void fetch_sessions_destroy(struct fetch_sessions *sessions);
uint32_t fetch_sessions_count(const struct fetch_sessions *sessions);
uint64_t fetch_sessions_bytes(const struct fetch_sessions *sessions);

/* NULL if there is none of this id. Valid until the next open, continue or close. */
struct fetch_session *fetch_session_find(struct fetch_sessions *sessions, int32_t id);
/* Harmless if there is none. */
void fetch_session_close(struct fetch_sessions *sessions, int32_t id);

/* A new session for so many partitions, to be added; its next epoch is 1. NULL: there is no room for it. */
struct fetch_session *fetch_session_open(struct fetch_sessions *sessions, uint64_t now_ns, bool is_by_id, uint32_t partition_count);

/* A partition to read: added at the end, or asked differently from now on. Names are copied. NULL: no
 * memory. */
struct session_partition *fetch_session_add(struct fetch_sessions *sessions, struct fetch_session *session, const struct uuid *topic_id,
					    struct slice topic_name, const struct kmsg_fetch_partition *in);

/* The session that a request of epoch `in->session_epoch` continues, with the request's partitions in and
 * the forgotten ones out; its epoch is the next one. A session that has nothing left is closed, and *session
 * NULL. FETCH_SESSION_ID_NOT_FOUND (also when its new partitions find no room: the client starts anew),
 * INVALID_FETCH_SESSION_EPOCH, FETCH_SESSION_TOPIC_ID_ERROR when names and ids are mixed. */
MUST_USE enum kerr fetch_session_continue(struct fetch_sessions *sessions, uint64_t now_ns, bool is_by_id,
					  const struct kmsg_fetch_request *in, struct fetch_session **session);

/* A topic that goes by its id is there, under this name: after that it is told to be gone, not to be unknown. Without memory it is unknown. */
void fetch_session_seen(struct fetch_sessions *sessions, struct fetch_session *session, struct session_topic *topic, const char *name);

/* Is there anything in the result that the client does not know? Takes it as told, if so. What brought
 * records is read last the next time, so that it does not keep others from being read. */
bool fetch_session_tells(struct fetch_session *session, struct session_partition *partition, const struct kmsg_fetch_partition_result *result);
/* It is told, whatever is in it: the answer to a full request. */
void fetch_session_told(struct session_partition *partition, const struct kmsg_fetch_partition_result *result);
