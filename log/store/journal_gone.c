/* The journal's file under a running store: somebody removed it, moved it, or put another in its place, perhaps a copy. What is written to it from then on no
 * start will find, so nothing more is acknowledged. What was is in memory still: one more cycle files all of it, the checkpoint says so, and then durability
 * is broken. The next start misses the journal, or finds one of an earlier time, and the loss that is to be accepted there is none.
 *
 * It is looked for with each group, while that is being written: two system calls that nobody waits for. A group that was under way is acknowledged;
 * a kill before the cycle's end loses what was acknowledged since the file went. */
#include "log/store/store_priv.h"

#include <stdio.h>

#include "log/base/err.h"

void store__look_for_journal(struct store *store)
{
	char path[4096], why[2048];
	store__journal_path(store, path, sizeof path);
	if (store->is_journal_gone || journal_check_name(store->journal, path) != ERR_GONE)
		return;
	store->is_journal_gone = true;
	store->is_final_cycle_done = false;
	store__update_refusal(store);
	fprintf(stderr, "spate: error: %s. Nothing is acknowledged any more; what was is filed now\n", io_explain(store->home.io, ERR_GONE, why, sizeof why));
}
