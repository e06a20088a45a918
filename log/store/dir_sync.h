/* The entries of new directories and files, made durable in the background: part of the store's write-behind. Owner: the shard's thread. It never
 * makes anything, and never says that a file's contents are durable. Private to log/store. */
#pragma once

#include "log/base/list.h"
#include "log/base/types.h"

struct store;
struct partition;
struct dir_sync;

/* Embedded in the store, zeroed. */
struct dir_syncs {
	struct dir_sync *pool; /* made when first needed */
	struct list free;
	uint32_t in_flight;
	bool is_top_in_flight; /* the data directory's own */
};

/* Nothing is in flight any more. */
void dir_syncs_close(struct dir_syncs *syncs);

/* Begins a few, while files are still being made and filled: neither waits for the other. The store may have failed. */
void store__sync_dirs_ahead(struct store *store);
/* Goes on with making all new entries durable; a few more are begun, and those that end bring the next turn. True when nothing is left to do, or
 * the store has failed. */
bool store__sync_dirs(struct store *store);
/* Will the partition's files be found after a crash, whatever happens now? */
bool store__is_entered(const struct store *store, const struct partition *partition);
/* Makes that so, now. */
MUST_USE int store__enter_now(struct store *store, struct partition *partition);
/* The same for all partitions with new entries: recovery's, before anything else is in flight. */
MUST_USE int store__enter_all_now(struct store *store);
