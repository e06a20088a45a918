/* Logs whose end could not be looked at behind a crash: a directory that may not be read, or leads nowhere, or a bad block. One of them costs its own partition and no other.
 *
 * Happy path: none of this. Else what the journal and memory have of such a log is served, and nothing is appended to it: behind its end may lie what nobody was told of
 * (recover_end.c). That is tried again every five seconds; once it can be read its tail is cut, and the log goes on.
 *
 * Failure modes: it can be read, and not be cut: then its partition is offline (go_offline.c). It stays so. Then the stop does not say that it was a clean one, and the next start looks again. Something lies behind the end that was filed: the journal was
 * put back (partition/later.c), and nothing is appended until that is put right. */
#include <errno.h>
#include <stdio.h>

#include "log/base/list.h"
#include "log/store/store_priv.h"

#define RETRY_NS (5ull * 1000 * 1000 * 1000)

void store__note_unseen_tail(struct store *store, struct partition *partition, int err)
{
	char why[2048];
	partition->is_tail_unseen = true;
	fprintf(stderr,
		"spate: error: %s: after a crash the end of each log is looked at, and of this one it cannot be: %s. Nothing is appended to this partition until it can, which is tried "
		"every five seconds; all others are served. If its files are lost for good, stop the broker and move that directory away: its records are told as damaged then\n",
		partition->dir, io_explain(store->home.io, err, why, sizeof why));
}

/* A cut that failed is no cut, and a second one might find nothing to be cut. */
void store__note_uncut_tail(struct store *store, struct partition *partition, int err)
{
	if (err_is_out_of_reach(err))
		store__note_unseen_tail(store, partition, err);
	else
		store__go_offline(store, partition, err);
}

/* As at the start. */
static void look_again(struct store *store, struct partition *partition)
{
	int found = store__has_tail(partition);
	int err = found > 0 ? partition__look_behind_end(partition, false) : found;
	bool is_to_cut = found > 0 && !err;
	if (is_to_cut)
		err = store__cut_tail(partition);
	if (is_to_cut && err_is_of_one_place(err) && !err_is_out_of_reach(err)) {
		store__go_offline(store, partition, err);
		return;
	}
	if (err_is_of_one_place(err) || err_is_shortage(err) || err_is_full(err))
		return;
	partition->is_tail_unseen = false;
	if (err && err != ERR_CORRUPT_LOG)
		store__fail(store, err);
	else if (!err)
		fprintf(stderr, "spate: %s: its end has been looked at, and records are appended again\n", partition->dir);
}

bool store__has_unseen_tails(const struct store *store)
{
	LIST_FOR_EACH(node, &store->partitions)
		if (LIST_ENTRY(node, struct partition, store_node)->is_tail_unseen)
			return true;
	return false;
}

static void look_at_all_again(struct io_timer *timer)
{
	struct store *store = CONTAINER_OF(timer, struct store, unseen_timer);
	LIST_FOR_EACH(node, &store->partitions) {
		struct partition *partition = LIST_ENTRY(node, struct partition, store_node);
		if (partition->is_tail_unseen && !partition->offline_err && !store->failure)
			look_again(store, partition);
	}
	store__wait_for_unseen_tails(store);
}

void store__wait_for_unseen_tails(struct store *store)
{
	if (store->failure || !store__has_unseen_tails(store))
		return;
	store->unseen_timer.run = look_at_all_again;
	io_timer_set(store->home.io, &store->unseen_timer, io_now_ns(store->home.io) + RETRY_NS);
}
