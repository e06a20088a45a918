/* The journal's file under a running store: somebody removed it, moved it, or put another in its place, perhaps a copy. What is written to it from then on no
 * start will find, so nothing more is acknowledged. What was is in memory still: one more cycle files all of it, the checkpoint says so, and then durability
 * is broken. The next start misses the journal, or finds one of an earlier time, and the loss that is to be accepted there is none.
 *
 * It is looked for ten times a second while groups are committed, and with each cycle and stop: with each group it cost a lone producer 40 us of 250. What was
 * under way is acknowledged; a kill before that last cycle's end loses what was acknowledged since the file went. */
#include "log/store/store_priv.h"

#include <stdio.h>

#include "log/base/err.h"

#define LOOK_NS (100ull * 1000 * 1000)

void store__glance_at_journal(struct store *store)
{
	if (io_now_ns(store->home.io) - store->journal_looked_ns >= LOOK_NS)
		store__look_for_journal(store);
}

void store__look_for_journal(struct store *store)
{
	char path[4096], why[2048];
	store->journal_looked_ns = io_now_ns(store->home.io);
	store__journal_path(store, path, sizeof path);
	if (store->is_journal_gone || journal_check_name(store->journal, path) != ERR_GONE)
		return;
	store->is_journal_gone = true;
	store__update_refusal(store);
	fprintf(stderr, "spate: error: %s. Nothing is acknowledged any more; what was is filed now\n", io_explain(store->home.io, ERR_GONE, why, sizeof why));
}
