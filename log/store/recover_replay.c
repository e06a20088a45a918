/* The replay of a recovery: what the journal has behind the checkpoint, entry by entry.
 *
 * Happy path: what is filed already is skipped, batches are staged again, and a direct piece is taken as it lies in its segment.
 *
 * Failure modes: acknowledged bytes that are missing or damaged are fenced by their offsets, and the log goes on behind them; a torn piece, of which nobody was
 * told, is dropped with all behind it; -ENOMEM; a disk that does not answer is an error. Nothing is written here, but for @F, which files what the journal has
 * before the damage.
 *
 * The decision for one entry of the journal, by its offsets [base, end), the partition's log end, and for a direct piece whether the
 * segment's bytes fit the entry:
 *
 *   @A  topic unknown or owned elsewhere                     -> skip: deleted
 *   @B  end <= log end                                       -> skip: filed before the stop
 *   @C  batches, base == log end                             -> stage
 *   @D  batches, base < log end < end                        -> stage the batches from log end on
 *   @E  direct, base == log end, bytes fit, vouched          -> take as filed
 *   @R  the same, and the entry tells the headers            -> take as filed, if the file is there and long enough; else as @E or @F
 *   @F  direct, base == log end, bytes do not fit, vouched   -> damage: fence the batches that are not whole (all, if there is no file), take the
 *                                                               others, go on behind it; unless the log turns out to start later
 *   @K  direct, base == log end, bytes fit, unvouched        -> stage it from the file: what was filed with it may not have survived
 *   @M  direct, base == log end, bytes fit, vouched, but a segment before is staged from the journal -> stage it from the file as well
 *   @G  direct, base == log end, bytes do not fit, unvouched -> torn: nobody was told; drop it and all behind it; but as @F if what
 *                                                               the checkpoint, or a piece before it, says is in that file is not
 *   @H  base > log end, after @G for this partition          -> skip: as unvouched as what it follows
 *   @I  base > log end                                       -> damage: fence [log end, base), then as @C or @E; a vouched piece of the same segment is
 *                                                               taken with what is whole of the gap there, as in @F
 *   @J  log start                                            -> move the log start
 *   @N  catalog, log ends and files                                -> nothing: it was read before the catalog was opened (catalog_mark.c), or behind a scan (recover_told.c)
 *   @L  batches, base <= log end, payload damaged            -> damage: fence [log end, end), go on behind it
 *   @O  as @I or @L, and the segment's file leads with whole batches exactly to where it must -> stage them from there: filed before the stop
 *   @P  a repeat (its group is lost): batches                -> as @L, whatever its base; any other as if its group were there
 *
 * What a loss leaves behind it when nothing tells how far a log went (@Q, @S, @T) is in recover_room.c. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/store/recover_priv.h"

static bool is_torn(const struct replay *replay, const struct journal_entry *entry)
{
	for (uint32_t i = 0; i < replay->torn_count; i++)
		if (replay->torn_indexes[i] == entry->partition && uuid_equal(&replay->torn_ids[i], &entry->topic_id))
			return true;
	return false;
}

static int note_torn(struct replay *replay, const struct journal_entry *entry)
{
	struct uuid *ids = realloc(replay->torn_ids, (replay->torn_count + 1) * sizeof *ids);
	if (ids)
		replay->torn_ids = ids;
	uint32_t *indexes = realloc(replay->torn_indexes, (replay->torn_count + 1) * sizeof *indexes);
	if (indexes)
		replay->torn_indexes = indexes;
	if (!ids || !indexes)
		return -ENOMEM;
	ids[replay->torn_count] = entry->topic_id;
	indexes[replay->torn_count++] = entry->partition;
	return 0;
}

void store__settle(struct partition *partition)
{
	LIST_FOR_EACH(node, &partition->segments) {
		struct segment *segment = LIST_ENTRY(node, struct segment, node);
		if (segment->durable.position == segment->staged.position)
			continue;
		segment->committing = segment->staged;
		partition__set_durable(partition, segment, segment->staged, false);
		partition__tell_durable(partition);
	}
}

static int note_unvouched(struct replay *replay, struct partition *partition, int64_t end_offset)
{
	uint32_t count = replay->unvouched_count;
	if (count && replay->unvouched[count - 1] == partition) {
		replay->unvouched_ends[count - 1] = end_offset;
		return 0;
	}
	struct partition **partitions = realloc(replay->unvouched, (count + 1) * sizeof(*partitions));
	if (partitions)
		replay->unvouched = partitions;
	int64_t *ends = realloc(replay->unvouched_ends, (count + 1) * sizeof(*ends));
	if (ends)
		replay->unvouched_ends = ends;
	if (!partitions || !ends)
		return -ENOMEM;
	partitions[count] = partition;
	ends[count] = end_offset;
	replay->unvouched_count++;
	return 0;
}

/* The segment the entry is for becomes the active one. Behind a gap the active one is newer than that of the entry, and stays. */
static int move_to_segment(struct partition *partition, const struct journal_entry *entry)
{
	if (partition->active && partition->active->base_offset >= entry->segment_base_offset)
		return 0;
	return partition__roll(partition);
}

static int stage_batch(struct store *store, struct partition *partition, const uint8_t *bytes, const struct batch *batch)
{
	int err = store__make_room_for(partition, batch);
	if (!err)
		err = segment_reserve(partition->active, batch->size_bytes);
	if (err == ERR_BUSY) {
		/* Filing in the middle of a replay would write over direct pieces whose entries come later. */
		fprintf(stderr, "spate: error: %s: the journal's replay needs more memory: raise spate.cache.bytes\n", store->dir);
		return -ENOMEM;
	}
	if (!err)
		partition__stage(partition, bytes, batch, batch_last_offset(batch));
	return err;
}

static int stage_payload(struct replay *replay, struct partition *partition, struct slice payload)
{
	while (payload.size) {
		struct batch batch;
		if (batch_parse_header(payload, &batch) || batch.size_bytes > payload.size)
			return ERR_CORRUPT_LOG; /* the journal's checksum vouched for it: a bug or a stranger wrote this */
		int err = batch.base_offset < partition->next_offset ? 0 : stage_batch(replay->store, partition, payload.data, &batch);
		if (err)
			return err;
		replay->report->bytes_replayed += batch.size_bytes;
		payload.data += batch.size_bytes;
		payload.size -= batch.size_bytes;
	}
	return 0;
}

int store__note_fence(struct replay *replay, struct partition *partition, int64_t from, int64_t to)
{
	struct fence *fences = realloc(replay->fences, (replay->fence_count + 1) * sizeof *fences);
	if (!fences)
		return -ENOMEM;
	replay->fences = fences;
	fences[replay->fence_count++] = (struct fence){partition, from, to};
	return 0;
}

void store__put_up_fences(struct replay *replay)
{
	for (uint32_t i = 0; i < replay->fence_count; i++) {
		const struct fence *fence = &replay->fences[i];
		if (fence->to <= fence->partition->start_offset)
			continue;
		partition__add_damage(fence->partition, fence->from, fence->to);
		replay->report->damaged_ranges++;
	}
}

/* Reads what check_direct found good into memory again, so that it is filed together with what lies before it. */
static int stage_direct(struct replay *replay, struct partition *partition, const struct journal_entry *entry)
{
	struct segment *segment = partition->active;
	uint8_t *bytes = malloc(entry->data_size_bytes);
	if (!bytes)
		return -ENOMEM;
	int fd = segment_open_read(segment);
	int64_t size = fd < 0 ? fd : io_file_read(segment->home->io, fd, bytes, entry->data_size_bytes, entry->position);
	int err = size == entry->data_size_bytes ? stage_payload(replay, partition, (struct slice){bytes, (size_t)size}) : fd < 0 ? fd : -EIO;
	free(bytes);
	return err;
}

/* One that has nothing in it yet, behind another gap, is replaced: it would be complete and empty, which no checkpoint may tell. */
static int begin_segment(struct partition *partition)
{
	struct segment *empty = partition->active && segment_size_bytes(partition->active) == 0 ? partition->active : NULL;
	int err = partition__roll(partition);
	if (!err && empty)
		partition__let_segment_go(partition, empty);
	return err;
}

int store__leave_gap(struct replay *replay, struct partition *partition, int64_t end_offset)
{
	int err = store__note_fence(replay, partition, partition->next_offset, end_offset);
	store__settle(partition);
	partition->next_offset = partition->durable_offset = end_offset; /* it may be the last thing the journal says */
	return err ? err : begin_segment(partition);
}

/* What the batches of the group that is being replayed were stamped with. */
static int32_t epoch_of_replayed(const struct replay *replay, const struct partition *partition)
{
	uint64_t incarnation = replay->kept_incarnation ? replay->kept_incarnation : journal_replayed_incarnation(replay->store->journal);
	uint64_t epoch = incarnation - partition->topic->created_incarnation;
	return epoch > INT32_MAX ? INT32_MAX : (int32_t)epoch;
}

/* What the journal has lost may have been filed in the last cycle before the stop, or lie in the segment since its group was durable. It is staged, not
 * taken as filed: what lies before it in the file may not have survived. */
static int heal(struct replay *replay, struct partition *partition, int64_t segment_base_offset, struct mark to, bool *is_healed)
{
	struct segment *segment = partition->active;
	*is_healed = false;
	if (!segment || segment->base_offset != segment_base_offset || segment->staged.offset != partition->next_offset ||
	    to.position <= segment->staged.position || to.position - segment->staged.position > UINT32_MAX)
		return 0;
	int err = store__check_up_to(partition, segment, to, epoch_of_replayed(replay, partition), is_healed);
	struct journal_entry piece = {.position = segment->staged.position, .data_size_bytes = (uint32_t)(to.position - segment->staged.position)};
	return err || !*is_healed ? err : stage_direct(replay, partition, &piece);
}

/* @L, @O, @P */
static int pass_lost_batches(struct replay *replay, struct partition *partition, const struct journal_entry *entry)
{
	struct mark to = {.position = entry->position + entry->data_size_bytes, .offset = entry->end_offset};
	bool is_healed;
	int err = heal(replay, partition, entry->segment_base_offset, to, &is_healed);
	return err || is_healed ? err : store__leave_gap(replay, partition, to.offset);
}

static int note_fence_of(void *context, struct partition *partition, int64_t from, int64_t to)
{
	return store__note_fence(context, partition, from, to);
}

/* The piece is in the file, or what damage has left of it: the log goes on behind it there. */
static int adopt_direct(struct replay *replay, struct partition *partition, const struct journal_entry *entry, bool fits)
{
	struct segment *segment = partition->active;
	struct mark end = {.position = entry->position + entry->data_size_bytes, .offset = entry->end_offset};
	/* What was vouched for is durable, and so is all before it, in earlier segments too. */
	store__settle(partition);
	int err = fits ? store__learn_direct(partition, segment, entry) : store__file_before_direct(partition, segment);
	if (err)
		return err;
	/* The piece was written together with everything of its segment before it, so all of that is in the file as well. */
	segment_adopt(segment, end);
	if (!fits) /* @F */
		err = store__salvage_direct(partition, segment, entry, epoch_of_replayed(replay, partition), note_fence_of, replay);
	partition->next_offset = end.offset;
	partition->durable_offset = end.offset;
	return err;
}

/* A crash takes no file that the checkpoint knows, and no byte of it that was filed: then the piece behind it is lost as well, and not torn. Nor does it take what a later group
 * vouches for: behind a gap in its own segment, which has begun another, a piece is lost with what the gap was left for. */
static bool is_file_lost(struct segment *segment, const struct journal_entry *entry, enum direct_state state)
{
	if (segment->base_offset > entry->segment_base_offset)
		return true;
	int fd = state == DIRECT_HAS_NO_FILE ? -ENOENT : segment_open_read(segment);
	int64_t size = state == DIRECT_HAS_NO_FILE ? 0 : fd < 0 ? fd : io_file_size(segment->home->io, fd);
	return size >= 0 && (uint64_t)size < segment->filed.position;
}

/* @R. What is another's is taken as well, as it is known then that the segment's own is lost: nothing of it is served. 1: it was taken; 0: the file has to be looked into; or an error. */
static int take_told(struct partition *partition, const struct journal_entry *entry, struct slice headers)
{
	struct segment *segment = partition->active;
	int is_there = headers.size ? store__has_direct(segment, entry) : 0;
	if (is_there < 1 && (!segment->is_foreign || entry->position > 0)) /* what the journal has before it stays */
		return is_there;
	segment->has_file = true;
	store__settle(partition); /* what was vouched for is durable, and so is all before it */
	int err = store__learn_told(partition, segment, entry, headers);
	if (err)
		return err == ERR_CORRUPT_LOG ? 0 : err;
	segment_adopt(segment, store__told_end(segment, entry, headers));
	partition->next_offset = partition->durable_offset = entry->end_offset;
	return 1;
}

static int take_direct(struct replay *replay, struct partition *partition, const struct journal_entry *entry, struct slice headers, bool is_vouched)
{
	struct segment *segment = partition->active;
	bool had_file = segment->has_file;
	enum direct_state state;
	bool is_staged = !is_vouched || !store__are_filed_before(partition, segment);
	if (entry->position == 0)
		segment->first_crc = store__first_crc(entry, headers);
	int is_taken = is_staged ? 0 : take_told(partition, entry, headers);
	if (is_taken)
		return is_taken < 0 ? is_taken : 0;
	int err = store__check_direct(segment, entry, is_staged, &state);
	if (err)
		return err;
	replay->has_unvouched_loss |= !is_vouched && state != DIRECT_FITS;
	if (state == DIRECT_FITS && is_staged) { /* @K, @M */
		err = is_vouched ? 0 : note_unvouched(replay, partition, entry->end_offset);
		if (err)
			return err;
		/* The file stays, and is written over with what it holds: made anew it would be empty if the power failed now. */
		if (!had_file)
			partition__note_entry(partition);
		return stage_direct(replay, partition, entry);
	}
	if (!is_vouched || state == DIRECT_HAS_NO_FILE)
		segment->has_file = had_file;
	bool is_lost = !is_vouched && is_file_lost(segment, entry, state);
	if (!is_vouched && !is_lost) /* @G */
		return note_torn(replay, entry);
	if (is_lost || state == DIRECT_HAS_NO_FILE) /* @F; what the journal has before it stays */
		return store__leave_gap(replay, partition, entry->end_offset);
	return adopt_direct(replay, partition, entry, state == DIRECT_FITS); /* @E, @F */
}

/* @F as well: behind a gap in its own segment, a piece is taken together with what of the gap is whole there, batch by batch. */
static int take_direct_behind_gap(struct replay *replay, struct partition *partition, const struct journal_entry *entry, bool *is_taken)
{
	struct segment *segment = partition->active;
	enum direct_state state;
	*is_taken = false;
	if (!segment || segment->base_offset != entry->segment_base_offset || entry->position < segment->staged.position ||
	    segment->staged.offset != partition->next_offset || entry->position + entry->data_size_bytes - segment->staged.position > UINT32_MAX)
		return 0;
	bool had_file = segment->has_file;
	int err = store__check_direct(segment, entry, false, &state);
	*is_taken = !err && state != DIRECT_HAS_NO_FILE;
	if (!*is_taken) {
		segment->has_file = had_file;
		return err;
	}
	struct journal_entry longer = *entry;
	longer.base_offset = partition->next_offset;
	longer.position = segment->staged.position;
	longer.data_size_bytes += (uint32_t)(entry->position - segment->staged.position);
	return adopt_direct(replay, partition, &longer, false);
}

/* @I, @O. */
static int pass_gap(struct replay *replay, struct partition *partition, bool is_vouched, const struct journal_entry *entry)
{
	bool is_closed;
	int err = heal(replay, partition, entry->segment_base_offset, (struct mark){.position = entry->position, .offset = entry->base_offset}, &is_closed);
	if (!err && !is_closed && entry_is_direct(entry) && is_vouched)
		err = take_direct_behind_gap(replay, partition, entry, &is_closed);
	return err || is_closed ? err : store__leave_gap(replay, partition, entry->base_offset);
}

int store__replay_entry(void *context, uint64_t seq, bool is_vouched, const struct journal_entry *entry, struct slice payload)
{
	struct replay *replay = context;
	if (entry->group_time_ms)
		retention_clock_see(&replay->store->retention_clock, entry->group_time_ms);
	if (entry->kind == ENTRY_LOG_ENDS && payload.size) {
		replay->told_time_ms = store__told_retention_time(payload);
		retention_clock_hear(&replay->store->retention_clock, replay->told_time_ms);
	}
	if (entry->kind == ENTRY_CATALOG || entry->kind == ENTRY_LOG_ENDS || entry->kind == ENTRY_LOG_FILES) /* @N */
		return 0;
	struct partition *partition;
	int err = store__find_partition(replay->store, &entry->topic_id, entry->partition, &partition);
	if (err || !partition) /* @A */
		return err;
	replay->report->entries_replayed += !entry->is_repeat;
	replay->has_repeats |= entry->is_repeat;
	if (partition->has_kept)
		err = store__take_kept(replay, partition, false);
	if (err)
		return err;
	if (partition->offline_err)
		return store__keep_entry(replay, partition, seq, is_vouched, entry, payload);
	if (entry->kind == ENTRY_LOG_START) { /* @J */
		if (entry->base_offset > partition->start_offset) {
			partition->start_offset = entry->base_offset;
			partition->home->has_moved_start = true;
		}
		return 0;
	}
	partition->is_told |= seq > replay->untold_to;
	if (entry->base_offset == 0)
		partition->is_dir_doubtful = false; /* the journal has this log from its first record on, so no file of it was ever counted on */
	if (entry->end_offset <= partition->next_offset) /* @B */
		return 0;
	if (is_torn(replay, entry)) /* @H */
		return 0;
	if (entry->is_repeat && entry->kind == ENTRY_BATCHES) /* @P */
		return pass_lost_batches(replay, partition, entry);
	if (entry->base_offset > partition->next_offset)
		err = pass_gap(replay, partition, is_vouched, entry);
	else
		err = move_to_segment(partition, entry);
	if (err)
		return store__put_offline(replay, partition, err);
	if (entry->end_offset <= partition->next_offset)
		return 0;
	if (entry->kind == ENTRY_BATCHES && payload.size == 0) /* @L */
		return pass_lost_batches(replay, partition, entry);
	int64_t from = partition->next_offset;
	if (entry_is_direct(entry))
		err = take_direct(replay, partition, entry, payload, is_vouched);
	else if (entry->kind == ENTRY_BATCHES) /* @C, @D */
		err = stage_payload(replay, partition, payload);
	else
		return ERR_FORMAT; /* a kind of a later version */
	if (err)
		return store__put_offline(replay, partition, err);
	partition__note_append_time(partition, partition->active, from, partition->next_offset, entry->group_time_ms);
	return 0;
}
