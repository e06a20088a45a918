/* Do journal and checkpoint have the last word? Catalog, journal, checkpoint and its copy may have been put back as an earlier stop left them; then they agree,
 * and the partitions' directories alone know of what came since.
 *
 * Happy path: the ends of a few logs are looked at (log/segment/later_files.h), those that were written to last: what is busy goes on to be. All of them, in a shard
 * of few, and where a loss is accepted: then whoever starts has seen that something is wrong. The ends of the others are looked at before they move (log/partition/later.c).
 *
 * After a crash each log's end is looked at in any case, behind the replay (recover_end.c), and what lies there is asked for the same.
 *
 * Failure modes: something lies behind an end: refused, with a way out, as an older journal is that the catalog knows of; accepted, the journal is as good as lost, and the directories are
 * scanned. */
#include <errno.h>
#include <stdio.h>

#include "log/partition/partition_dir.h"
#include "log/store/recover_priv.h"

#define LOOKED_AT_MAX 16

/* The latest ones, in falling order. */
struct latest {
	struct partition *partitions[LOOKED_AT_MAX];
	uint32_t count;
};

static int64_t time_of(const struct partition *partition)
{
	return partition->active ? partition->active->max_timestamp_ms : -1;
}

static void note_latest(struct latest *latest, struct partition *partition)
{
	uint32_t at = latest->count;
	if (at == LOOKED_AT_MAX && time_of(partition) <= time_of(latest->partitions[at - 1]))
		return;
	latest->count += at < LOOKED_AT_MAX;
	for (at = latest->count - 1; at > 0 && time_of(latest->partitions[at - 1]) < time_of(partition); at--)
		latest->partitions[at] = latest->partitions[at - 1];
	latest->partitions[at] = partition;
}

static void say_accepted(const struct store *store, const struct partition *partition, int64_t to)
{
	fprintf(stderr,
		"spate: error: %s holds records up to offset %ld, and by journal-%u and checkpoint-%u its log ends at %ld: catalog, journal and checkpoint are of an earlier time, and "
		"spate.accept.loss is true: what the directories hold is used, and acknowledged records that were in a later journal alone are lost\n", partition->dir, (long)to - 1,
		store->options.shard, store->options.shard, (long)partition->next_offset);
}

static int refuse(const struct store *store, const struct partition *partition, int64_t to, struct store_report *report)
{
	snprintf(report->why, sizeof report->why,
		 "%s holds records up to offset %ld, and by journal-%u and checkpoint-%u its log ends at %ld: catalog, journal and checkpoint are of an earlier time than the "
		 "partitions' directories (put back from a backup?), and acknowledged records would be missing. Nothing was changed. Put the right files back; if they are lost for good, `spate "
		 "log repair --accept-loss`, or one start with --set spate.accept.loss=true, goes on with what the directories hold. If the backup is what is wanted, put all of it into an empty "
		 "directory", partition->dir, (long)to - 1, store->options.shard, store->options.shard, (long)partition->next_offset);
	return ERR_CORRUPT_LOG;
}

static int look_at(struct replay *replay, const struct partition *partition)
{
	struct store *store = replay->store;
	int64_t to;
	int found = partition__find_later(partition, replay->report->was_clean, &to);
	if (found <= 0)
		return found;
	if (!store->options.is_loss_accepted)
		return refuse(store, partition, to, replay->report);
	say_accepted(store, partition, to);
	store->is_journal_put_back = store->is_journal_alien = true;
	return 0;
}

static int look_at_latest(struct replay *replay)
{
	struct latest latest = {.count = 0};
	int err = 0;
	LIST_FOR_EACH(node, &replay->store->partitions)
		note_latest(&latest, LIST_ENTRY(node, struct partition, store_node));
	for (uint32_t i = 0; i < latest.count && !err; i++)
		err = look_at(replay, latest.partitions[i]);
	return err;
}

/* Those that had no record yet have nothing in the checkpoint. */
static int look_at_all(struct replay *replay)
{
	struct store *store = replay->store;
	int err = store__find_directories(store);
	LIST_FOR_EACH(node, &store->partitions) {
		if (err || store->is_journal_alien)
			break;
		err = look_at(replay, LIST_ENTRY(node, struct partition, store_node));
	}
	return err;
}

int store__look_for_later(struct replay *replay)
{
	const struct store *store = replay->store;
	bool is_last_word = replay->report->was_clean && store->is_all_filed && !is_journal_gone(replay);
	if (!is_last_word)
		return 0;
	return store->options.is_loss_accepted ? look_at_all(replay) : look_at_latest(replay);
}

int store__look_for_later_tails(struct replay *replay)
{
	struct store *store = replay->store;
	int err = 0;
	LIST_FOR_EACH(node, &store->partitions) {
		const struct partition *partition = LIST_ENTRY(node, struct partition, store_node);
		if (err || is_journal_gone(replay))
			break;
		err = partition->has_tail ? look_at(replay, partition) : 0;
	}
	return err;
}

void store__doubt_ends(struct store *store, bool was_clean)
{
	store->home.are_ends_doubtful = was_clean;
	LIST_FOR_EACH(node, &store->partitions)
		LIST_ENTRY(node, struct partition, store_node)->is_end_doubtful = was_clean;
}
