/* The broker as a whole: the shards, the listener, the catalog and the data directory's lock. What `spate serve` starts, and
 * what a test starts in a thread of its own.
 *
 * Owner: the thread that opens it; that thread runs shard 0; a metrics endpoint has a thread of its own. Only server_stop may be called from elsewhere. It prints nothing
 * but log lines on stderr (net/log_line.h), and never exits the process. */
#pragma once

#include "log/config/config.h"
#include "log/io/io.h"
#include "log/store/store.h"

struct server;

#define SERVER_SHARDS_MAX 64

struct server_options {
	const char *dir;                     /* the data directory; made if missing */
	const char *listen_host;             /* an address or a name */
	uint16_t listen_port;                /* 0: any free one */
	const char *advertised_host;         /* what Metadata says; NULL: listen_host, or the host's name for a wildcard address */
	uint16_t advertised_port;            /* 0: the port listened on */
	const char *metrics_host;            /* where metrics and health are answered over HTTP; NULL: nowhere */
	uint16_t metrics_port;               /* 0: any free one */
	const char *version;                 /* what metrics call it; NULL: nothing */
	uint32_t shard_count;                /* 0: one */
	bool is_pinned;                      /* pin each shard to a CPU of its own; with one shard, leave it to the scheduler */
	enum io_backend backend;             /* IO_URING falls back to IO_SYSCALLS where it is forbidden */
	bool is_backend_required;            /* it does not fall back: server_open fails instead */
	const struct broker_config *config;  /* outlives the server */
	/* IO_SIM: the machine it runs on, and the order in which its shards take their turns. */
	struct sim_disk *disk;
	struct sim_net *net;
	uint64_t seed;
	uint64_t journal_bytes;              /* may be smaller than spate.journal.bytes can; 0: as configured */
};

/* What start found; the strings live as long as the server. */
struct server_report {
	char listen_host[256];
	uint16_t listen_port;
	char advertised_host[256];
	uint16_t advertised_port;
	uint16_t metrics_port;               /* 0: there is no such endpoint */
	enum io_backend backend;
	int fallback_reason;                 /* -errno of io_uring if `backend` is not what was asked for, else 0 */
	uint32_t shard_count;
	const char *cluster_id;
	uint64_t incarnation;
	uint32_t topic_count;                /* without the broker's internal ones */
	uint64_t partition_count;            /* of those, whether they hold anything or not */
	uint64_t files_limit, files_wanted;  /* ulimit -n, and what it would have to be for what is there; 0: it is enough */
	struct catalog_report catalog;
	struct store_report stores[SERVER_SHARDS_MAX]; /* one a shard */
};

/* Takes the directory's lock, recovers, starts the shards' threads and listens: connections are answered once server_run runs. Where it cannot
 * listen, or cannot have the backend that is required, it fails before anything in the directory is changed.
 * On failure `why` is a sentence (what, why, how to fix) and nothing is left running: ERR_LOCKED, -EADDRINUSE, -EACCES ... */
MUST_USE int server_open(struct server **out, const struct server_options *options, struct server_report *report,
			 char *why, size_t why_size);

/* Runs shard 0 until server_stop: then ends what is in flight (within a bounded time), files and syncs everything, and returns 0, or
 * -errno if the loop broke, or ERR_FAILED if the stop was not clean (the next start recovers). */
MUST_USE int server_run(struct server *server);

/* Asks for the stop. Any thread; async-signal-safe; again is harmless. */
void server_stop(struct server *server);

/* Frees all; server_run has returned (or server_turn has said so), or was never called. */
void server_close(struct server *server);

/* ---- for a simulation, which drives it by hand ------------------------------------------------------------------------- */

/* In place of server_run: one turn of one shard's loop, which one the seed says. All run in this thread. 1: it runs on. Else what server_run returns. */
MUST_USE int server_turn(struct server *server);
/* As kill -9 leaves it: its loop lets go of files, locks and sockets, and nothing of it runs any more. Its memory stays where it is. */
void server_abandon(struct server *server);
