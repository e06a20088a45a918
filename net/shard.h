/* One shard at work: a thread with its loop, its connections, its store and its mailbox.
 *
 * Owner: the shard's thread opens, runs and closes it. Nothing polls: an idle shard never wakes. */
#pragma once

#include "log/store/store.h"
#include "net/conn/listener.h"
#include "net/route/shard_state.h"

/* What all shards share about the stop. Shared: atomic. */
struct stop_state {
	bool is_requested;
	uint32_t drained_count;        /* shards without connections */
	uint32_t stopped_count;        /* shards whose store has stopped, or given up */
	bool has_failed;
};

/* Opens loop and memory; `shard` has index, shard_count, peers, facts, conn_total and limits set. `base` says which backend, and of what it is made.
 * -errno as io_open. */
MUST_USE int shard_open_io(struct shard *shard, const struct io_options *base);
/* The part of spate.cache.bytes that is a shard's. */
uint64_t shard_cache_bytes(const struct broker_config *config, uint32_t shard_count);
/* Recovers the store; catalog and image are set. */
MUST_USE int shard_open_store(struct shard *shard, struct store_report *report);

/* A new directory of one shard has its files under their names, durably, from this on: called before the catalog takes its first change, and in any case soon
 * behind the start and before the stop. Harmless if they are there. */
MUST_USE int shard_settle(struct shard *shard);

/* One shard's loop, and how far it is on its way through the stop. */
struct shard_loop {
	struct shard *shard;
	struct listener *listener;     /* NULL but on shard 0 */
	struct stop_state *stop;
	uint8_t stage;
	struct io_timer timer;
	bool is_late, has_advanced;
};

void shard_loop_begin(struct shard_loop *loop, struct shard *shard, struct listener *listener, struct stop_state *stop);
/* One turn. 1: there are more; 0: all shards have stopped; -errno of a broken loop. */
MUST_USE int shard_loop_turn(struct shard_loop *loop);
/* Of a simulation: would a turn only wait? */
bool shard_loop_is_idle(const struct shard_loop *loop);
/* Turns until all shards have stopped: 0, or -errno. */
MUST_USE int shard_run(struct shard *shard, struct listener *listener, struct stop_state *stop);

/* Free what was opened; any part may be missing. After shard_run, any one thread; the catalog closes between the two. */
void shard_close_store(struct shard *shard);
void shard_close_io(struct shard *shard);
