/* Where a recovery begins: each partition's segments and filed marks, from the checkpoint, its copy, or a scan.
 *
 * Happy path: there is a checkpoint of this journal's, and it is taken. Where there is none that can be used, its copy is, if it is not older than what the journal
 * was let go for.
 *
 * Failure modes: without either the directories are scanned (recover_scan.c), log starts are asked of their own file, and what was filed by anybody's word and is
 * not there is fenced. A journal and a checkpoint that are not of one time are refused, and so are log starts of an earlier time, unless their loss is accepted.
 * So are those of one time that directories know more than (recover_later.c).
 * A checkpoint that cannot be read now (no descriptor, no permission, no memory) is an error: it may well be there. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/store/recover_priv.h"

/* It was copied while the broker ran, and put back behind that same life. Or its end has rotted, and it does not know of more itself. */
static int refuse_journal_behind(const struct store *store, struct store_report *report)
{
	uint32_t shard = store->options.shard;
	snprintf(report->why, sizeof report->why,
		 "%s/journal-%u is of an earlier time, or its end is lost: it ends with group %llu, and checkpoint-%u knows a later one. Acknowledged records may be "
		 "missing. Nothing was changed. Put the right file back; if it is lost for good, start once with --set spate.accept.loss=true, which believes "
		 "the segments and then this journal", store->dir, shard, (unsigned long long)journal_end(&store->journal_found), shard);
	return ERR_CORRUPT_LOG;
}

/* Journal and checkpoint are not of one time: which of them is the right one, nobody knows. */
static int refuse_alien_journal(const struct store *store, struct store_report *report)
{
	uint32_t shard = store->options.shard;
	if (store->is_journal_behind)
		return refuse_journal_behind(store, report);
	snprintf(report->why, sizeof report->why,
		 "%s/journal-%u and checkpoint-%u do not belong together: one of them is another's, or of an earlier time, and acknowledged records may be "
		 "missing. Nothing was changed. Put the right files back; if that cannot be, start once with --set spate.accept.loss=true, which believes "
		 "the segments and then the journal", store->dir, shard, shard);
	return ERR_CORRUPT_LOG;
}

static void take_log_start(struct partition *partition, int64_t start_offset)
{
	partition->witness.start = start_offset;
	if (start_offset > partition->start_offset)
		partition->start_offset = start_offset;
}

/* The checkpoint has them: only which file it is counts. */
static void pass_log_start(struct partition *partition, int64_t start_offset)
{
	(void)partition;
	(void)start_offset;
}

static bool are_starts_worth_telling(const struct store *store)
{
	LIST_FOR_EACH(node, &store->partitions)
		if (LIST_ENTRY(node, struct partition, store_node)->start_offset > 0)
			return true;
	return false;
}

/* The file is not the one that the journal knows, or nobody knows which it is: it is written anew beside the next checkpoint. */
static void look_at_log_starts(struct store *store)
{
	int err = store__read_log_starts(store, pass_log_start);
	(void)err; /* then it says none */
	bool is_right = store->starts_generation && store->starts_generation == store->journal_found.log_starts;
	store->home.has_moved_start |= !is_right && are_starts_worth_telling(store);
}

/* A log whose records were all deleted has no file that says where it goes on; unless the journal has what comes next. */
static int go_on_behind_start(struct store *store)
{
	int err = 0;
	LIST_FOR_EACH(node, &store->partitions) {
		struct partition *partition = LIST_ENTRY(node, struct partition, store_node);
		if (partition->start_offset <= partition->next_offset || partition->journal_from <= partition->next_offset)
			continue;
		partition->next_offset = partition->durable_offset = partition->start_offset;
		err = partition__roll(partition);
		if (err)
			break;
	}
	return err;
}

/* What is known to have been filed and was not found is damaged, as far as the journal has not all of it, and the log goes on behind it. */
static int demand_filed(struct replay *replay, struct partition *partition)
{
	int64_t known_to = partition->witness.to < partition->journal_from ? partition->witness.to : partition->journal_from;
	return known_to <= partition->next_offset ? 0 : store__leave_gap(replay, partition, known_to);
}

/* An older journal comes first: it may have a part of it. What lies before the log start is dropped from the fences at the end. */
static int demand(struct replay *replay, struct partition *partition, bool are_starts_known)
{
	struct partition_witness known = partition->witness;
	bool is_empty = list_is_empty(&partition->segments);
	int64_t first = partition->start_offset, from = known.from > known.start ? known.from : known.start;
	int err = 0;
	if (known.to > partition->journal_from)
		known.to = partition->journal_from;
	if (is_empty && from < known.to)
		partition->start_offset = partition->next_offset = partition->durable_offset = from;
	else if (are_starts_known && known.to > 0 && from < first) {
		err = store__note_fence(replay, partition, from, first);
		partition->start_offset = from;
	}
	return err || replay->store->is_journal_alien ? err : demand_filed(replay, partition);
}

int store__demand_what_was_not_replayed(struct replay *replay)
{
	int err = 0;
	LIST_FOR_EACH(node, &replay->store->partitions)
		if (!err)
			err = demand_filed(replay, LIST_ENTRY(node, struct partition, store_node));
	return err;
}

/* It is not there, or is none: then the directories are scanned. Any other error (no descriptor, no permission, no memory) says nothing of it, and what it alone
 * knows, such as producers whose batches are deleted, must not be given up for that. */
static bool is_no_checkpoint(int err)
{
	return err <= ERR_CORRUPT_BATCH || err == -ENOENT || err == -EFBIG;
}

static int refuse_lost_starts(const struct store *store, int starts_err, struct store_report *report)
{
	uint32_t shard = store->options.shard;
	snprintf(report->why, sizeof report->why,
		 "checkpoint-%u cannot be used, and %s/log-start-%u is %s: where logs start is not known, so records that were deleted would be served again. Nothing "
		 "was changed. Put the right file back (either will do); if that cannot be, start once with --set spate.accept.loss=true, and delete them again", shard,
		 store->dir, shard, store__what_is_wrong_with_log_starts(starts_err));
	return ERR_CORRUPT_LOG;
}

/* What an older one says is deleted is deleted; there may be more. */
static int scan_log_starts(struct replay *replay, bool *are_known)
{
	struct store *store = replay->store;
	int err = store__read_log_starts(store, take_log_start);
	if (err && !is_no_checkpoint(err)) /* it may well be there and good, and then nothing that was deleted comes back */
		return err;
	bool are_behind = store__are_log_starts_behind(err, store->starts_generation, store->journal_found.log_starts);
	if (are_behind && !store->options.is_loss_accepted)
		return refuse_lost_starts(store, err, replay->report);
	*are_known = !are_behind && (!err || err == -ENOENT);
	store->home.has_moved_start |= are_behind;
	if (!*are_known)
		fprintf(stderr, "spate: error: %s: the checkpoint of shard %u cannot be used, and log-start-%u is %s: records that were deleted may be back\n", store->dir,
			store->options.shard, store->options.shard, store__what_is_wrong_with_log_starts(err));
	return 0;
}

/* Instead of a checkpoint. */
static int scan(struct replay *replay)
{
	struct store *store = replay->store;
	int err = store__ask_journal(store);
	if (!err)
		err = store__note_told(store);
	if (!err)
		err = store__ask_log_files(store);
	if (!err)
		err = store__scan_directories(store, replay->report);
	if (!err && !store->is_journal_alien && !store->journal_found.damaged_groups)
		err = store__ask_log_ends(store); /* not before: it knows how long a log was, and nothing of whose the files are */
	bool are_starts_known = false;
	if (!err)
		err = scan_log_starts(replay, &are_starts_known);
	if (!err)
		err = go_on_behind_start(store);
	store->is_all_filed &= !store__is_told_outgrown(store);
	LIST_FOR_EACH(node, &store->partitions)
		if (!err)
			err = demand(replay, LIST_ENTRY(node, struct partition, store_node), are_starts_known);
	if (!err && !store->is_journal_alien && store->journal_found.damaged_groups)
		err = store__ask_log_ends(store); /* for what is demanded behind the replay, as it does not say what it has itself */
	return err;
}

/* The journal is lost, and with it what it said of pieces that went straight to their segments since the checkpoint: the segments are asked, and from the
 * checkpoint the log starts alone are taken. */
static int scan_behind_checkpoint(struct replay *replay, bool is_copy, bool *has_scanned)
{
	struct store *store = replay->store;
	int err = are_starts_worth_telling(store) && !is_copy /* their own file may know later ones */ ? store__write_log_starts(store) : 0;
	store__forget_partitions(store);
	*has_scanned = store->home.segments.are_ends_found = true;
	return err ? err : scan(replay);
}

static void say_unusable(const struct store *store, int err, bool is_earlier, bool is_anothers, const char *then)
{
	fprintf(stderr, "spate: %s: checkpoint of shard %u: %s: %s instead\n", store->dir, store->options.shard,
		is_anothers	 ? "it is whole, but of another journal"
		: is_earlier	 ? "it is whole, but of an earlier time than the journal"
		: err == -ENOENT ? "it is missing"
				 : err_text(err), then);
}

/* What it is, before it is used as far as it goes. One that the catalog knows to be old was named when it was opened. */
static void say_alien_journal(const struct store *store)
{
	if (!store->is_journal_put_back)
		fprintf(stderr, "spate: error: %s/journal-%u is %s, and spate.accept.loss is true: acknowledged records that were in the right one alone are lost; what "
				"this one has of partitions that there are is used\n", store->dir, store->options.shard,
			store->is_checkpoint_anothers ? "not the one that the checkpoint was written beside" : "of an earlier time than the checkpoint");
}

/* It is written behind its checkpoint: one that is later stands beside a checkpoint that was put back, with a journal perhaps that it agrees with. */
static int take_later_copy(struct store *store, bool *is_copy)
{
	fprintf(stderr, "spate: %s: checkpoint of shard %u: it is whole, but of an earlier time than its copy: that is taken instead\n", store->dir, store->options.shard);
	store__forget_partitions(store);
	*is_copy = true;
	return store__read_checkpoint_copy(store);
}

/* The checkpoint, or its copy in its stead. */
static int read_checkpoints(struct store *store, bool *is_earlier, bool *is_anothers, bool *is_copy)
{
	int err = store__read_checkpoint(store);
	*is_earlier = store->is_checkpoint_earlier;
	*is_anothers = store->is_checkpoint_anothers;
	*is_copy = false;
	if (!err && store__is_copy_later(store))
		return take_later_copy(store, is_copy);
	if (!err || !is_no_checkpoint(err))
		return err;
	if (store->is_journal_alien && !store->is_journal_put_back)
		return err;
	int copy_err = store__read_checkpoint_copy(store);
	if (copy_err && copy_err != -EIO && !is_no_checkpoint(copy_err))
		return copy_err;
	if (!copy_err)
		say_unusable(store, err, *is_earlier, *is_anothers, "its copy is taken");
	*is_copy = !copy_err;
	return copy_err ? err : 0;
}

/* Numbers of openings and changes are small, and agree by chance; an identity does not. */
static bool is_of_another_directory(const struct store *store)
{
	const struct uuid *written = &store->journal_found.directory_id;
	const struct uuid *ours = store->options.directory_id;
	return ours && !store->options.is_catalog_new && !uuid_is_zero(written) && !uuid_equal(ours, written);
}

/* Nothing is lost yet, so there is no loss to accept: what is here is of deleted topics in the eyes of that catalog, and would go. */
static int refuse_anothers(const struct store *store, struct store_report *report)
{
	snprintf(report->why, sizeof report->why,
		 "%s/catalog.log and %s/journal-%u are of different data directories. No record was touched. Put the right files back. Is the right catalog.log lost, `spate log repair "
		 "%s --accept-loss` makes it anew, with the topics that journals and directories tell of; is the right journal lost, move this one away, and start once with --set "
		 "spate.accept.loss=true", store->dir, store->dir, store->options.shard, store->dir);
	return ERR_CORRUPT_LOG;
}

int store__find_positions(struct replay *replay, bool *has_scanned)
{
	struct store *store = replay->store;
	bool is_earlier, is_anothers, is_copy;
	int err = read_checkpoints(store, &is_earlier, &is_anothers, &is_copy);
	*has_scanned = false;
	if (store->is_journal_alien && !store->options.is_loss_accepted)
		return refuse_alien_journal(store, replay->report);
	if (!is_anothers && is_of_another_directory(store)) /* else it is the journal that is another's, as the checkpoint says as well */
		return refuse_anothers(store, replay->report);
	if (store->is_journal_alien)
		say_alien_journal(store);
	int later_err = err ? 0 : store__look_for_later(replay);
	if (later_err)
		return later_err;
	if (!err && is_journal_gone(replay))
		return scan_behind_checkpoint(replay, is_copy, has_scanned);
	if (!err)
		look_at_log_starts(store);
	if (!err || !is_no_checkpoint(err))
		return err;
	/* Without one it never came to a checkpoint: that is nothing to report. */
	if (err != -ENOENT || store->journal_found.checkpoint)
		say_unusable(store, err, is_earlier, is_anothers, "the partition directories are scanned");
	/* The journal is trimmed after a checkpoint alone: one that never was has everything, and files are what a crash left of the first
	 * cycle, in any state. */
	bool is_whole = err == -ENOENT && store->is_journal_whole && !store->is_journal_alien;
	*has_scanned = !is_whole && store->image->topic_count > 0;
	store->home.segments.are_ends_found = *has_scanned;
	return is_whole ? 0 : scan(replay);
}
