/* The stop of a store, and its close.
 *
 * Happy path of a stop: nothing is accepted any more; a last cycle files everything, and its checkpoint says so; what that lets go is removed, for a moment; the journal is
 * sealed. The close, which may come at any time, waits for what the kernel has in hand, and frees the rest.
 *
 * Failure modes: no room on the disk, or no descriptors: after some tries the rest stays in the journal, which the next start reads. Broken durability: only what the
 * disk still takes for the journal is waited for. */
#include "log/store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#include "log/journal/ring_image.h"
#include "log/segment/spare.h"
#include "log/store/store_priv.h"

/* What was not committed after so many tries, a second apart, finds no room in the journal either; nobody was told that it is there. */
#define FULL_TRIES_MAX 5
/* A tenth of a second apart: clients that are gone have given their descriptors back long before. */
#define SHORT_TRIES_MAX 50
#define DROPS_AT_STOP_NS (1000ull * 1000 * 1000)

/* ---- the stop ---------------------------------------------------------------------------------------------------------------- */

void store_stop(struct store *store)
{
	store->is_stopping = true;
	if (store->is_start_put_off)
		store->is_stopped = true;
	store->stop_began_ns = io_now_ns(store->home.io);
	store__update_refusal(store);
	journal_quiesce(store->journal);
	scrub_stop(&store->scrub);
	store__stop_removing(store);
	store__retry_now(store);
	io_timer_cancel(store->home.io, &store->retention_timer);
}

static bool is_stuck(const struct store *store)
{
	bool is_committed = list_is_empty(&store->home.dirty) && !journal_can_commit(store->journal);
	bool is_full = store->is_full && store->tries_at_stop > 0 && (is_committed || store->tries_at_stop >= FULL_TRIES_MAX);
	bool is_short = store_is_short(store) && store->tries_at_stop >= SHORT_TRIES_MAX;
	return (is_full || is_short) && store->cycle.in_flight == 0 && store->dir_syncs.in_flight == 0 &&
	       !store->checkpoint.replacing.is_in_flight && !store->group.is_in_flight &&
	       journal_is_idle(store->journal);
}

/* That this was a clean stop. Where the end of a log was not looked at, it is for the next start to look. */
static int seal_journal(struct store *store)
{
	return store__has_unseen_tails(store) ? 0 : journal_seal(store->journal);
}

/* All that was acknowledged is in the journal or filed. The seal says so if there is room for it; if not, the next start finds the same, and only
 * says that it recovered. */
static void stop_stuck(struct store *store)
{
	bool is_filed = list_is_empty(&store->home.unfiled) && list_is_empty(&store->cycle.queue);
	const char *why = store->is_full ? "the disk is full" : err_text(store->shortage.err);
	fprintf(stderr, is_filed ? "spate: %s: %s: the checkpoint cannot be written at this stop; nothing is lost, and the next start reads "
				   "the journal instead\n"
				 : "spate: %s: %s: what is not in segments yet stays in the journal; nothing is lost, and the next start takes "
				   "it from there\n",
		store->dir, why);
	if (!store->has_journal_started) /* it is as the crash before this start left it, and so is what the next one finds */
		;
	else if (list_is_empty(&store->home.dirty) && !journal_can_commit(store->journal) && seal_journal(store))
		fprintf(stderr, "spate: %s: the journal has no room to say that this was a clean stop: the next start recovers\n", store->dir);
	store->is_stopped = true;
}

/* What the last cycle lets go is removed before the stop is over, if that takes no longer than people wait; else the next life goes on with it. */
static bool may_drop_more(const struct store *store)
{
	return !list_is_empty(&store->home.dropping) && io_now_ns(store->home.io) - store->stop_began_ns < DROPS_AT_STOP_NS;
}

void store__stop_turn(struct store *store)
{
	bool is_quiet = store__cycle_is_idle(store) && !store->group.is_in_flight && list_is_empty(&store->home.dirty) &&
			list_is_empty(&store->home.unfiled) && !store__is_any_going(store);
	if (store->failure) {
		store->is_stopped = !journal_is_writing(store->journal); /* a group under way may wait for a piece that failed, for ever */
		return;
	}
	if (is_stuck(store)) {
		stop_stuck(store);
		return;
	}
	if (!is_quiet || !store->is_final_cycle_done || !journal_is_idle(store->journal) || may_drop_more(store))
		return;
	store__look_for_journal(store);
	int err = store->is_journal_gone ? ERR_GONE : seal_journal(store);
	if (err)
		store__fail(store, err);
	store->is_stopped = true;
}

/* ---- the close --------------------------------------------------------------------------------------------------------------- */

static bool is_under_way(const struct store *store)
{
	return store->home.segments.filings_in_flight || store->dir_syncs.in_flight || store->removals.is_syncing || store->checkpoint.replacing.is_in_flight ||
	       spares_are_busy(store->home.segments.spares) || scrub_is_reading(&store->scrub);
}

/* Memory that the kernel still reads from or writes to must stay until it is done with it. */
static void drain(struct store *store)
{
	store->is_closing = true;
	if (store->home.segments.filings_in_flight) /* what waits for its pace would never end */
		segment_let_behind(&store->home.segments, UINT64_MAX);
	for (int turns = 0; is_under_way(store) && turns < 100000; turns++)
		if (io_turn(store->home.io, true) < 0)
			return;
	for (uint32_t i = 0; i < store->group.count; i++)
		partition__release(store->group.items[i].partition);
	store->group.count = 0;
}

/* Timers whose turns begin something. Retention's sets that of drops again, so it goes first; what ends in a drain sets none of them, as the store is closing. */
static void stop_what_begins(struct store *store)
{
	io_timer_cancel(store->home.io, &store->retention_timer);
	io_timer_cancel(store->home.io, &store->unseen_timer);
	scrub_stop(&store->scrub);
	partition__stop_dropping(&store->home);
	store__stop_removing(store);
	spares_stop(store->home.segments.spares);
}

void store_close(struct store *store)
{
	stop_what_begins(store);
	drain(store);
	if (!scrub_is_reading(&store->scrub))
		scrub_close(&store->scrub);
	io_timer_cancel(store->home.io, &store->cycle.timer);
	io_timer_cancel(store->home.io, &store->cycle.retry);
	io_timer_cancel(store->home.io, &store->shortage.timer);
	if (store->buckets)
		store__forget_partitions(store);
	if (store->journal)
		journal_close(store->journal);
	partition__free_read_buffers(&store->home);
	io_on_no_descriptors(store->home.io, NULL, NULL);
	spares_close(store->home.segments.spares);
	segment_home_close(&store->home.segments);
	dir_syncs_close(&store->dir_syncs);
	if (store->cache)
		cache_close(store->cache);
	batch_workspace_close(store->home.workspace);
	free(store->home.rebuild_buffer);
	free(store->group.items);
	free(store->spare_items);
	free(store->direct_headers);
	ring_image_free(store->options.journal_image);
	store__free_offline(store);
	XXH3_freeState(store->hash);
	free(store->buckets);
	free(store->dir);
	free(store);
}
