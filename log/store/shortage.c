/* The system gives no more descriptors, or no memory, or no right to a file, or a partition's directory leads nowhere, as its disk is not mounted: a state, as a full disk is one. Whatever wanted them is still to be done, and is tried again in a tenth of
 * a second, or when something that is under way ends. Appends go on meanwhile, into the journal, which is open; when it is full they wait, as ever.
 *
 * Happy path: none of this, as the segments' files share a budget (segment_home), and idle ones are closed when an open fails (io_on_no_descriptors).
 * Failure modes: it never ends: then a stop gives up after some tries (store_stop.c), and the next start takes from the journal what was not filed. */
#include <errno.h>
#include <stdio.h>

#include "log/store/store_priv.h"

#define RETRY_NS (100ull * 1000 * 1000)

static void nothing(struct io_timer *timer)
{
}

bool store__may_pass(int err)
{
	return err_is_shortage(err) || err_is_out_of_reach(err);
}

static void tell(const struct store *store, int err)
{
	char why[2048];
	const char *what = err_is_out_of_reach(err) ? io_explain(store->home.io, err, why, sizeof why) : err_text(err);
	const char *advice = err == -ENOMEM ? ". The system is out of memory" : err_is_out_of_reach(err) ? "" : ". Raise the limit of open files (ulimit -n), or close connections";
	fprintf(stderr, "spate: error: %s: %s (%s): records are taken into the journal, and what is to be filed waits; nothing is lost, and it goes on by itself%s\n",
		store->dir, what, err_name(err), advice);
}

bool store__must_wait(const struct store *store)
{
	return store->shortage.timer.heap_index != 0;
}

void store__try_again(struct store *store)
{
	io_timer_cancel(store->home.io, &store->shortage.timer);
}

void store__note_shortage(struct store *store, int err)
{
	if (!store__must_wait(store)) {
		store->tries_at_stop += store->is_stopping;
		store->shortage.count++;
		store->shortage.timer.run = nothing;
		io_timer_set(store->home.io, &store->shortage.timer, io_now_ns(store->home.io) + RETRY_NS);
	}
	if (store->shortage.err)
		return;
	store->shortage.err = err;
	tell(store, err);
}

void store__end_shortage(struct store *store)
{
	if (!store->shortage.err)
		return;
	store->shortage.err = 0;
	fprintf(stderr, "spate: %s: files can be opened again: all that waited is filed\n", store->dir);
}

bool store_is_short(const struct store *store) { return store->shortage.err != 0; }
