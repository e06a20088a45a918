/* What one shard owns, as the handlers, the connections and the crossings see it. net/shard.c runs it.
 *
 * Owner: the shard's thread, but for `mailbox` and `io_wake(io)`, which other shards reach through `peers`. */
#pragma once

#include "log/io/io.h"
#include "log/partition/partition.h"
#include "net/conn/give_back.h"
#include "net/log_line.h"
#include "net/metrics.h"
#include "net/route/mailbox.h"

struct fetch_sessions;
struct frame_pool;
struct group_host;
struct quota_meters;
struct request_pool;

/* Facts that do not change while the broker runs. Shared: read-only once the shards run. What may change of the configuration is in the image's. */
struct broker_facts {
	const char *dir;
	const char *cluster_id;
	int32_t node_id;
	const char *advertised_host;
	int32_t advertised_port;
	uint64_t incarnation;
	uint64_t journal_incarnation; /* what the catalog knew of when it was opened (catalog_journal_incarnation) */
	const struct uuid *directory_id;
	bool is_catalog_new;                  /* made by this start */
	const struct broker_config *config;   /* as at start */
	uint64_t journal_bytes;
};

/* Bounds of what peers may take; set at start, but for one. */
struct net_limits {
	uint32_t request_size_max;            /* socket.request.max.bytes */
	uint64_t frame_memory_bytes;          /* spate.frame.memory.bytes, a shard's part of it */
	uint64_t arena_bytes;                 /* as much again for what requests are decoded into and answered from */
	uint64_t held_bytes;                  /* of the log's memory, by answers on their way: a quarter of spate.cache.bytes */
	uint32_t conns_max;                   /* max.connections, of all shards; may change */
	uint32_t conns_of_files_max;          /* what the open files allow */
	uint32_t segment_files_max;           /* descriptors for segments that are not in use now */
	uint64_t idle_max_ns;                 /* connections.max.idle.ms; 0: no limit */
};

struct shard {
	uint32_t index, shard_count;
	bool lacks_read_memory;               /* atomic: reads of this shard's files wait for what answers hold, of any shard's connections. All look each turn */
	struct shard **peers;                 /* all shards by index, this one included */
	const struct broker_facts *facts;
	struct io *io;
	struct store *store;
	struct ring_image *journal_image; /* what was read of the journal before the store is opened; NULL: nothing, or the store has it */
	bool is_unsettled;             /* the files of a new directory have no names yet (shard_settle) */
	struct catalog *catalog;              /* changed by shard 0 alone: through net/route/control.h */
	struct group_host *groups;            /* the coordinators of this shard */
	const struct catalog_image *image;    /* held; replaced between turns of a handler, so hold no topic across a park */

	struct mailbox mailbox;
	struct list blocked_appends;          /* struct append_task: wait for room, in order of arrival */
	struct room_wait room_wait;           /* set while the first of them waits */
	bool has_room_news;
	struct list runnable;                 /* struct request: its next step may run */
	struct list sendable;                 /* struct conn: answers to send at the end of the turn */
	struct frame_pool *frames;
	struct request_pool *requests;
	uint64_t arena_bytes;                 /* of all requests */
	uint64_t held_bytes;                  /* of the log's memory, by answers that have not left yet */
	struct list conns;
	uint32_t conn_count;
	uint32_t *conn_total;                 /* atomic; of all shards */
	struct give_back give_back;           /* a burst's memory, to the system */
	struct io_timer sweep;                /* set while there are connections: ends those that idle or stall */
	struct net_limits limits;

	/* A start that a full disk kept from some shard's journal (net/route/control.c): no store takes anything until all have started, and the catalog knows. */
	bool is_held, has_told_start;
	struct message started;
	uint32_t started_count;               /* of shard 0: those that have told */

	/* Of shard 0 (net/route/control.c): some shard has not taken the latest image yet, and what waits for that. */
	bool is_spreading;
	struct message *held_changes, *held_changes_last;

	/* Client quotas (net/route/quota_task.h). */
	unsigned quota_kinds;                 /* bits of those that anybody has */
	uint64_t quota_version;               /* of the settings that say so */
	struct quota_meters *quota_meters;    /* NULL until somebody is charged */

	struct fetch_sessions *fetch_sessions; /* NULL until a client asks for one (net/api/fetch_session.h) */

	/* Producer ids reserved for this shard and not yet handed out (net/api/init_producer_id.c). */
	int64_t producer_id_next, producer_id_end;

	struct metrics metrics;
	struct log_quota refusals;            /* peers that break the protocol */
	bool is_stopping;
};

/* The leader epoch of a topic's partitions: bumped by every start of the broker. */
static inline int32_t shard_leader_epoch(const struct shard *shard, const struct topic *topic)
{
	return (int32_t)(shard->facts->incarnation - topic->created_incarnation);
}
