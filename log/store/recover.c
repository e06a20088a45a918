/* Recovery of a shard: checkpoint, then journal.
 *
 *   1. The checkpoint gives each partition its segments and filed marks (recover_positions.c). Without one that can be trusted, the directories are scanned
 *      (recover_scan.c), held against what else there is (recover_told.c).
 *   2. The journal's whole groups are replayed in order (recover_replay.c; recover_direct.c: the pieces that lie in their segments). What is filed already is
 *      skipped; batches are staged again; a direct piece is taken as it lies in its segment. The decision table for one entry is at the head of that file.
 *   3. What was replayed is durable: it is in the journal. The first cycle of write-behind files it. What lies behind the ends is cut off (recover_end.c).
 *
 * A journal that is missing, though there are topics, was refused before (store_open), or its loss accepted; then the directories are scanned as
 * well, and offsets left out for what nobody tells of (recover_room.c). What a scan has found is written as a checkpoint at the end, as it is in no journal.
 *
 * Nothing is written before the replay is over, so a crash inside it leaves what it found; but for @F, which files what the journal has before the damage.
 *
 * When the journal starts, it vouches for all that was replayed. The entries of @G must be out of it by then (new batches may take
 * their offsets, and their place in the file): all is filed and the journal trimmed before, if there was one. The pieces of @K must be what a vouched piece is, in
 * their files for certain, with all before them: they are filed before. A full disk puts that off: the
 * store comes up without a journal that can be written, serves reads, and the cycle goes on in its turns (store.must_file_first). What it serves then of the journal is
 * made durable where it stands; the pieces of @K lie in room that is theirs, so they are filed nevertheless, or the start is refused. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/base/uuid_text.h"
#include "log/store/recover_priv.h"

/* One cycle of write-behind, before the journal starts. A full disk, or no descriptors, are no reason not to come up: then it goes on with the turns of the
 * running store. */
static int file_all(struct store *store)
{
	LIST_FOR_EACH(node, &store->partitions)
		store__settle(LIST_ENTRY(node, struct partition, store_node));
	store->must_file_first = true;
	store->cycle.is_due = true;
	for (;;) {
		store__cycle_turn(store);
		if (store->failure)
			return store->failure;
		if (!store->must_file_first)
			return 0;
		if ((store->is_full || store_is_short(store)) && store->cycle.in_flight == 0)
			break;
		int turned = io_turn(store->home.io, true);
		if (turned < 0)
			return turned;
	}
	int err = journal_keep_history(store->journal);
	if (err)
		return err;
	store__update_refusal(store);
	fprintf(stderr, "spate: error: %s: %s for what recovery has to file: what there is is served, everything else waits for that\n", store->dir,
		store->is_full ? "there is no room" : "no file can be opened");
	return 0;
}

/* A directory of a partition's name that says another topic's id is what a deletion left behind, or its partition.metadata has rotted, and the log is in there.
 * With a checkpoint that is known. Without one, the journal knows if it has the log from its first record on. */
static int refuse_doubtful_directory(const struct store *store, struct store_report *report)
{
	LIST_FOR_EACH(node, &store->partitions) {
		const struct partition *partition = LIST_ENTRY(node, struct partition, store_node);
		if (!partition->is_dir_doubtful || store->options.is_loss_accepted)
			continue;
		char id[UUID_TEXT_SIZE];
		uuid_text_format(id, &partition->topic_id);
		snprintf(report->why, sizeof report->why,
			 "checkpoint-%u cannot be used, and %s/partition.metadata says another topic's id: so whose records are in there is not known. If they are "
			 "this topic's, write 'topic_id: %s' there; if a deletion left them, move the directory away; or start once with --set "
			 "spate.accept.loss=true, which gives them up", store->options.shard, partition->dir, id);
		return ERR_CORRUPT_LOG;
	}
	return 0;
}

/* A cycle does the same, when there is room. */
static int write_what_was_scanned(struct store *store, bool has_scanned)
{
	int err = store__enter_all_now(store);
	if (!err && has_scanned && store->home.has_moved_start)
		err = store__write_log_starts(store);
	if (!err)
		err = store__write_checkpoint(store);
	return err_is_full(err) ? file_all(store) : err;
}

/* What was given up is behind the journal's beginning then: the next start does not meet it again. And what was found to be damaged or lost is in a
 * checkpoint before the journal is written: what told of it, the superblocks before all, may be written over then, and the next start would know nothing. */
static bool must_file_all(const struct replay *replay, bool has_unknown_past)
{
	const struct store *store = replay->store;
	return replay->has_unvouched_loss || replay->untold_to || has_unknown_past || store->is_journal_alien || replay->has_repeats ||
	       replay->has_given_up || store->home.has_new_damage || store__has_returned(store) || store__is_any_going(store);
}

/* Are the pieces themselves, and all before them? What lies behind them the journal has. */
static bool are_unvouched_filed(const struct replay *replay)
{
	for (uint32_t i = 0; i < replay->unvouched_count; i++) {
		const struct segment *segment = partition__segment_at(replay->unvouched[i], replay->unvouched_ends[i] - 1);
		if (!replay->unvouched[i]->offline_err && (segment->filed.offset < replay->unvouched_ends[i] || !store__are_filed_before(replay->unvouched[i], segment)))
			return false;
	}
	return true;
}

/* @K: from the journal's start on the entry counts as vouched for, and the next recovery takes the piece, and all before it in its segment, as the file has
 * them. So that is made true: these partitions alone are filed. A cycle would file everybody's, and write a checkpoint. (Their names need no sync here: those that the
 * entry counts on were durable before it was written, and what is in a file that is new by now is in the journal until a cycle has entered it.) */
static int file_unvouched(struct replay *replay)
{
	struct store *store = replay->store;
	struct partition *failed;
	int err;
	while ((err = store__file_now(store, replay->unvouched, replay->unvouched_count, &failed)) && failed && err_is_of_one_place(err))
		store__go_offline(store, failed, err); /* and what memory has of it is kept before the journal is written */
	if (!err_is_full(err) && !store__may_pass(err))
		return err;
	return are_unvouched_filed(replay) ? file_all(store) : err;
}

/* Before the first checkpoint, which hands it on. */
static void set_clock(const struct replay *replay)
{
	struct store *store = replay->store;
	bool has_records = false;
	if (replay->told_time_ms >= 0 && !store->retention_clock.is_told)
		retention_clock_resume(&store->retention_clock, replay->told_time_ms, io_wall_ms(store->home.io), io_now_ns(store->home.io));
	LIST_FOR_EACH(node, &store->partitions)
		has_records |= LIST_ENTRY(node, struct partition, store_node)->next_offset > 0;
	retention_clock_guess(&store->retention_clock, has_records, io_wall_ms(store->home.io), io_now_ns(store->home.io));
}

/* Where each log goes on: positions, replay, and what lies behind. */
static int find_ends(struct replay *replay, bool *has_scanned)
{
	struct store *store = replay->store;
	int err = store__find_positions(replay, has_scanned);
	store__release_told(store);
	uint32_t looked_at = !err && !replay->report->was_clean ? store__look_before_replay(store) : 0;
	replay->has_scanned = *has_scanned;
	if (!err)
		err = store__replay_kept(replay, false);
	cache_set_giver(store->cache, journal_give_memory, store->journal);
	if (!err)
		err = journal_replay(store->journal, store__replay_entry, replay);
	cache_set_giver(store->cache, NULL, NULL);
	if (!err)
		err = store__replay_kept(replay, true);
	if (!err && (store->is_journal_alien || (*has_scanned && store->journal_found.damaged_groups)))
		err = store__demand_what_was_not_replayed(replay);
	replay->report->was_clean &= !is_journal_gone(replay);
	if (!err && !replay->report->was_clean)
		err = store__find_tails(replay, looked_at);
	return !err && replay->must_begin_anew ? ERR_OFFLINE : err;
}

static void begin(struct replay *replay, struct store *store, struct store_report *report)
{
	*replay = (struct replay){.store = store, .report = report, .untold_to = store->journal_found.untold_to, .told_time_ms = -1};
}

static void forget(struct replay *replay)
{
	free(replay->torn_ids);
	free(replay->torn_indexes);
	free(replay->fences);
	free(replay->unvouched);
	free(replay->unvouched_ends);
}

/* The directories may know that journal and checkpoint are of an earlier time. That loss accepted, they are asked instead. */
static int find_ends_by_all(struct replay *replay, bool *has_scanned)
{
	struct store *store = replay->store;
	struct store_report *report = replay->report, before = *report;
	int err = find_ends(replay, has_scanned);
	bool was_gone = is_journal_gone(replay);
	if (!err && !report->was_clean && !was_gone)
		err = store__look_for_later_tails(replay);
	if (err || is_journal_gone(replay) == was_gone)
		return err;
	forget(replay);
	store__forget_partitions(store);
	*report = before;
	begin(replay, store, report);
	return find_ends(replay, has_scanned);
}

static void count_offline(const struct store *store, struct store_report *report)
{
	LIST_FOR_EACH(node, &store->partitions)
		report->offline_partitions += LIST_ENTRY(node, struct partition, store_node)->offline_err != 0;
}

/* ERR_OFFLINE: a partition has gone offline, and all of it is to begin anew. */
static int recover(struct store *store, struct store_report *report)
{
	store->is_recovering = true;
	bool has_scanned;
	struct replay replay;
	begin(&replay, store, report);
	int err = find_ends_by_all(&replay, &has_scanned);
	if (err == ERR_OFFLINE) {
		forget(&replay);
		return err;
	}
	bool has_unknown_past = is_journal_gone(&replay) && !store->is_all_filed && store_must_have_journal(store->image);
	if (!err)
		err = store__leave_room(&replay, has_unknown_past);
	store__put_up_fences(&replay);
	LIST_FOR_EACH(node, &store->partitions) {
		struct partition *partition = LIST_ENTRY(node, struct partition, store_node);
		store__settle(partition);
		if (partition->start_offset > partition->durable_offset)
			partition->start_offset = partition->durable_offset;
		report->partitions++;
	}
	store->is_recovering = false;
	set_clock(&replay);
	if (!err)
		err = refuse_doubtful_directory(store, report);
	if (!err && !report->was_clean)
		err = store__cut_tails(store);
	if (!err)
		err = store__write_kept(store);
	store__doubt_ends(store, report->was_clean);
	/* First, and into room that they have: a full disk, or no descriptors for all, keeps the others only. */
	if (!err && replay.unvouched_count)
		err = file_unvouched(&replay);
	if (!err && !store->must_file_first && must_file_all(&replay, has_unknown_past))
		err = file_all(store);
	forget(&replay);
	/* What was found by scanning is in no journal: a new one that took the lost one's place must not pass for the whole history. (Beside a new journal,
	 * with topics, there has always been a scan: a lost journal's checkpoint is not believed.) */
	if (!err && !store->must_file_first && has_scanned && store->image->topic_count > 0)
		err = write_what_was_scanned(store, has_scanned);
	return err;
}

int store__recover(struct store *store, struct store_report *report)
{
	int err = store__find_kept(store);
	report->was_clean &= !store->offline_count; /* what is behind the ends of those that were offline nobody has looked at yet */
	struct store_report before = *report;
	if (!err)
		err = recover(store, report);
	while (err == ERR_OFFLINE) { /* each time one more at least */
		store__forget_partitions(store);
		store__forget_kept_entries(store);
		*report = before;
		err = recover(store, report);
	}
	count_offline(store, report);
	return err;
}
