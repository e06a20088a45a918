/* Recovery of a shard: checkpoint, then journal.
 *
 *   1. The checkpoint gives each partition its segments and filed marks. Without one that can be trusted, the directories are scanned:
 *      batch by batch, over damage; but what the journal still has is left to the replay from the first batch on that is not whole: the
 *      power may have failed while it was filed.
 *   2. The journal's whole groups are replayed in order. What is filed already is skipped; batches are staged again; a direct piece is
 *      taken as it lies in its segment.
 *   3. What was replayed is durable: it is in the journal. The first cycle of write-behind files it.
 *
 * A journal that is missing, though there are topics, was refused before (store_open), or its loss accepted; then the directories are scanned as
 * well. What a scan has found is written as a checkpoint at the end, as it is in no journal.
 *
 * Nothing is written before the replay is over, so a crash inside it leaves what it found; but for @F, which files what the journal has before the damage.
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
 *                                                               the checkpoint says is in that file is not
 *   @H  base > log end, after @G for this partition          -> skip: as unvouched as what it follows
 *   @I  base > log end                                       -> damage: fence [log end, base), then as @C or @E; a vouched piece of the same segment is
 *                                                               taken with what is whole of the gap there, as in @F
 *   @J  log start                                            -> move the log start
 *   @N  catalog                                              -> nothing: it was read before the catalog was opened (catalog_mark.c)
 *   @L  batches, base <= log end, payload damaged            -> damage: fence [log end, end), go on behind it
 *   @O  as @I or @L, and the segment's file leads with whole batches exactly to where it must -> stage them from there: filed before the stop
 *   @P  a repeat (its group is lost): batches                -> as @L, whatever its base; any other as if its group were there
 *   @Q  nothing later tells of the partition, and groups that nothing tells of are lost, which is accepted -> fence 2^32 offsets for each of them, so
 *                                                               that none that was acknowledged is given out again
 *   @T  nothing tells how far the log went, and its directory or last segment is another's, whose loss is accepted -> fence 2^32 offsets behind where that begins
 *   @S  the journal is lost, or another's, or of an earlier time, which is accepted, and the checkpoint does not say that it had nothing of its own
 *                                                            -> in every partition, fence as many offsets as it can have held
 *
 * When the journal starts, it vouches for all that was replayed. The entries of @G must be out of it by then (new batches may take
 * their offsets, and their place in the file): all is filed and the journal trimmed before, if there was one. The pieces of @K must be what a vouched piece is, in
 * their files for certain, with all before them: they are filed before. A full disk puts that off: the
 * store comes up without a journal that can be written, serves reads, and the cycle goes on in its turns (store.must_file_first). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#include "log/base/check.h"
#include "log/base/uuid_text.h"
#include "log/store/store_priv.h"

struct replay {
	struct store *store;
	struct store_report *report;
	struct uuid *torn_ids; /* partitions that met @G */
	uint32_t *torn_indexes;
	uint32_t torn_count;
	bool has_unvouched_loss;   /* met @G, or @F of a piece that nobody vouches for */
	struct partition **unvouched; /* partitions that met @K; malloc'ed */
	uint32_t unvouched_count;
	bool has_given_up;         /* met @T */
	bool has_repeats;          /* groups are lost, of which later ones, or a superblock, tell */
	uint64_t untold_to;        /* what groups up to this one held, nobody tells; 0: there are none */
	struct fence *fences;
	uint32_t fence_count;
};

/* Damage that was met. Where the log starts is known at the end alone, and below that nothing is missed: those files may be removed already. */
struct fence {
	struct partition *partition;
	int64_t from, to;
};

/* ---- 1b. directories instead of a checkpoint ------------------------------------------------------------------- */

struct bases {
	struct store *store;
	struct partition *partition;
	int64_t *offsets;
	uint32_t count;
	int err;
};

static int note_base(void *context, const char *name, bool is_directory)
{
	struct bases *bases = context;
	int64_t base;
	enum segment_file file;
	if (is_directory || !segment_name_parse(name, &base, &file))
		return 0;
	if (file == SEGMENT_FILE_APPEND_TIME) /* the .log beside it may be gone */
		return bases->err = store__ask_append_times(bases->store, bases->partition, base);
	if (file != SEGMENT_FILE_LOG)
		return 0;
	int64_t *grown = realloc(bases->offsets, (bases->count + 1) * sizeof *grown);
	if (!grown)
		return bases->err = -ENOMEM;
	bases->offsets = grown;
	bases->offsets[bases->count++] = base;
	return 0;
}

static int compare_offsets(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return x < y ? -1 : x > y;
}

/* 1: a whole batch is at `end`. 0: there is none. Or an error: a disk that does not answer decides nothing. */
static int find_whole_batch(struct segment *segment, struct mark end, uint64_t size, uint8_t header[BATCH_HEADER_SIZE], struct batch *batch)
{
	uint8_t *bytes;
	struct io *io = segment->home->io;
	if (size - end.position < BATCH_HEADER_SIZE)
		return 0;
	int64_t got = io_file_read(io, segment->read_fd, header, BATCH_HEADER_SIZE, end.position);
	if (got != BATCH_HEADER_SIZE)
		return got < 0 ? (int)got : 0;
	if (batch_parse_header((struct slice){header, BATCH_HEADER_SIZE}, batch) || batch->base_offset < end.offset ||
	    batch->size_bytes > size - end.position)
		return 0;
	int err = segment_read_batch(segment, batch, end.position, &bytes);
	if (err)
		return err == ERR_CORRUPT_LOG ? 0 : err;
	free(bytes);
	return 1;
}

/* Whole batches behind bytes that are none: the bytes were batches as well, and their offsets are damaged. 1, 0 or an error as above. None is found that lies
 * beyond what the segment was adopted for. */
static int find_behind(struct partition *partition, struct segment *segment, struct mark *end)
{
	struct batch batch;
	uint64_t position;
	int err = segment_resync(segment, end->position, end->offset - 1, &position, &batch);
	if (err)
		return err == ERR_CORRUPT_LOG ? 0 : err;
	if (batch.base_offset > end->offset)
		partition__add_damage(partition, end->offset, batch.base_offset);
	*end = (struct mark){position, batch.base_offset};
	return 1;
}

/* Walks the whole checked batches of a segment's file, over damage; sets its end behind the last good one. What lies behind the last offset that is its own
 * nobody was told of: the next segment has those. */
static int scan_batches(struct partition *partition, struct segment *segment, int64_t limit_offset, struct segment_witness *witness)
{
	struct io *io = partition->home->io;
	store__identify_by_told(partition, segment);
	int fd = segment_open_read(segment);
	int64_t size = fd < 0 ? fd : io_file_size(io, fd);
	if (size < 0)
		return (int)size;
	struct mark end = {0, segment->base_offset};
	struct batch batch;
	uint8_t header[BATCH_HEADER_SIZE];
	segment_adopt(segment, (struct mark){(uint64_t)size, limit_offset}); /* so far it may be read */
	int found = 1;
	bool is_unbroken = true;
	while (found > 0) {
		found = end.offset < limit_offset ? find_whole_batch(segment, end, (uint64_t)size, header, &batch) : 0;
		int err = found > 0 ? store__make_room_for(partition, &batch) : 0;
		if (err)
			return err;
		if (found > 0) {
			segment_witness_batch(witness, end.position, header, &batch);
			if (witness->is_journals)
				break;
			is_unbroken &= batch.base_offset == end.offset;
			segment_learn(segment, &batch, end.position, batch_last_offset(&batch));
			partition__learn(partition, &batch);
			end.position += batch.size_bytes;
			end.offset = batch_next_offset(&batch);
		} else if (found == 0 && end.offset < partition->journal_from) {
			found = find_behind(partition, segment, &end);
			is_unbroken &= found == 0;
		}
	}
	if (found < 0)
		return found;
	segment_witness_end(witness, end.offset, is_unbroken);
	segment_adopt(segment, end);
	/* After a kill these bytes may be in the page cache alone, and the journal's entries for them will be skipped. */
	return end.position > 0 ? io_file_sync(io, fd) : 0;
}

/* What it is held against may show that another file stands in its place; or that headers have rotted where no CRC covers them: then the segment is
 * doubtful as a whole, as for the scrub. */
static int scan_segment(struct store *store, struct partition *partition, struct segment *segment, int64_t limit_offset)
{
	struct segment_witness witness;
	int err = store__open_witness(store, partition, segment->base_offset, limit_offset == INT64_MAX ? -1 : limit_offset, &witness);
	if (err)
		return err;
	err = scan_batches(partition, segment, limit_offset, &witness);
	segment->is_foreign |= !err && segment_witness_is_against(&witness);
	if (!err && !segment->is_foreign && witness.fails_seal)
		partition__add_damage(partition, segment->base_offset, segment->staged.offset);
	segment_witness_close(&witness);
	return err;
}

/* Without a checkpoint nobody knows what that file's records were; and what was put in its place is another file's content. */
static int refuse_foreign(const struct store *store, struct store_report *report, const struct segment *segment)
{
	snprintf(report->why, sizeof report->why,
		 "%s/%020ld.log is not the file that was written there: it begins as another file of this directory does, or what is beside it (its .appendtime), an "
		 "earlier checkpoint or the journal contradicts it, so files were exchanged, and the checkpoint that says what was in it is lost. Nothing was changed. Put the right "
		 "files back; if that cannot be, start once with --set spate.accept.loss=true, which keeps this one aside (in %s)",
		 segment->dir, (long)segment->base_offset, store->dir);
	return ERR_CORRUPT_LOG;
}

/* Its loss is accepted: it gets another name, and the log goes on behind the offsets it had, as far as they are known. */
static int pass_over_foreign(struct partition *partition, struct segment *segment, int64_t next_base)
{
	int64_t base = segment->base_offset;
	int err = segment_set_aside(segment);
	segment_destroy(segment);
	if (!partition->active)
		partition->start_offset = base;
	if (next_base >= 0)
		partition__add_damage(partition, base, next_base);
	else
		partition->given_up_base = base;
	if (next_base >= 0 || err || (!partition->active && base == 0))
		return err;
	partition->next_offset = partition->durable_offset = base;
	return partition__roll(partition);
}

static int scan_partition(struct store *store, struct store_report *report, struct partition *partition)
{
	struct bases bases = {.store = store, .partition = partition};
	int err = io_dir_list(partition->home->io, partition->dir, note_base, &bases);
	if (!err)
		err = bases.err;
	int is_anothers = !err && bases.count && !partition->witness.to ? partition__is_dir_anothers(partition) : 0;
	if (is_anothers < 0)
		err = is_anothers;
	partition->is_dir_doubtful = is_anothers == 1;
	for (uint32_t i = 0; i < bases.count && partition->is_dir_doubtful; i++)
		if (bases.offsets[i] > partition->given_up_base)
			partition->given_up_base = bases.offsets[i];
	if (err == -ENOENT || partition->is_dir_doubtful)
		bases.count = err = 0;
	if (bases.count) { /* who made the files may have been killed before their names were durable */
		partition__note_entry(partition);
		partition->home->is_top_unsynced = true;
	}
	if (bases.count > 1) /* qsort takes no NULL */
		qsort(bases.offsets, bases.count, sizeof *bases.offsets, compare_offsets);
	for (uint32_t i = 0; i < bases.count && !err; i++) {
		struct segment *segment = partition__create_segment(partition, bases.offsets[i]);
		if (!segment) {
			err = -ENOMEM;
			break;
		}
		segment->has_file = true;
		segment->is_identified = false;
		segment->is_complete = i + 1 < bases.count;
		bool goes_on_in_journal = false;
		list_push_back(&partition->segments, &segment->node);
		err = scan_segment(store, partition, segment, segment->is_complete ? bases.offsets[i + 1] : INT64_MAX);
		if (segment->is_foreign)
			err = store->options.is_loss_accepted ? 0 : refuse_foreign(store, report, segment);
		if (!err && segment->is_foreign) {
			err = pass_over_foreign(partition, segment, segment->is_complete ? bases.offsets[i + 1] : -1);
			continue;
		}
		if (!err && segment->is_complete && segment->staged.offset < bases.offsets[i + 1]) {
			goes_on_in_journal = segment->staged.offset >= partition->journal_from;
			if (goes_on_in_journal)
				segment->is_complete = false;
			else
				partition__add_damage(partition, segment->staged.offset, bases.offsets[i + 1]);
		}
		partition->has_unsealed |= segment->is_complete;
		if (!err && i == 0)
			partition->start_offset = segment->base_offset;
		partition__recovered_segment(partition, segment);
		if (goes_on_in_journal)
			break; /* so are the segments behind this one */
	}
	free(bases.offsets);
	return err;
}

static int note_journal_from(void *context, uint64_t seq, bool is_vouched, const struct journal_entry *entry, struct slice payload)
{
	(void)seq;
	struct partition *partition;
	if (entry->kind != ENTRY_BATCHES && !entry_is_direct(entry))
		return 0;
	int err = store__find_partition(context, &entry->topic_id, entry->partition, &partition);
	if (!err && partition && entry->base_offset < partition->journal_from) {
		partition->journal_from = entry->base_offset;
		partition->journal_crc = is_vouched ? store__first_crc(entry, payload) : 0;
	}
	return err;
}

/* From where on will the replay have each log, whatever is in its files? One that has lost groups, or is of another time than the checkpoint was, has not all
 * that its first entry promises: then the files are believed as far as they can be. */
static int ask_journal(struct store *store)
{
	bool is_whole = !store->journal_found.damaged_groups && !store->is_journal_alien;
	return is_whole ? journal_replay(store->journal, note_journal_from, store) : 0;
}

static int scan_directories(struct store *store, struct store_report *report)
{
	for (uint32_t i = 0; i < store->image->topic_count; i++) {
		const struct topic *topic = store->image->topics[i];
		for (uint32_t index = 0; index < topic->partition_count; index++) {
			struct partition *partition;
			int err = store__find_partition(store, &topic->id, index, &partition);
			if (!err && partition)
				err = scan_partition(store, report, partition);
			if (err)
				return err;
		}
	}
	return 0;
}

/* ---- 2. replay ---------------------------------------------------------------------------------------------------- */

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

/* Everything replayed so far is durable. */
static void settle(struct partition *partition)
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

/* One cycle of write-behind, before the journal starts. A full disk, or no descriptors, are no reason not to come up: then it goes on with the turns of the
 * running store. */
static int file_all(struct store *store)
{
	LIST_FOR_EACH(node, &store->partitions)
		settle(LIST_ENTRY(node, struct partition, store_node));
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
	store__update_refusal(store);
	fprintf(stderr, "spate: error: %s: %s for what recovery has to file: what there is is served, everything else waits for that\n", store->dir,
		store->is_full ? "there is no room" : "no file can be opened");
	return 0;
}

static int note_unvouched(struct replay *replay, struct partition *partition)
{
	if (replay->unvouched_count && replay->unvouched[replay->unvouched_count - 1] == partition)
		return 0;
	struct partition **grown = realloc(replay->unvouched, (replay->unvouched_count + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	replay->unvouched = grown;
	grown[replay->unvouched_count++] = partition;
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

static int note_fence(struct replay *replay, struct partition *partition, int64_t from, int64_t to)
{
	struct fence *fences = realloc(replay->fences, (replay->fence_count + 1) * sizeof *fences);
	if (!fences)
		return -ENOMEM;
	replay->fences = fences;
	fences[replay->fence_count++] = (struct fence){partition, from, to};
	return 0;
}

static void put_up_fences(struct replay *replay)
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
	if (!err && empty) {
		list_remove(&empty->node);
		segment_destroy(empty);
	}
	return err;
}

/* Acknowledged data are missing before this offset: their offsets are fenced, and the log goes on in a new segment. */
static int leave_gap(struct replay *replay, struct partition *partition, int64_t end_offset)
{
	int err = note_fence(replay, partition, partition->next_offset, end_offset);
	settle(partition);
	partition->next_offset = partition->durable_offset = end_offset; /* it may be the last thing the journal says */
	return err ? err : begin_segment(partition);
}

/* What the batches of the group that is being replayed were stamped with. */
static int32_t epoch_of_replayed(const struct replay *replay, const struct partition *partition)
{
	uint64_t epoch = journal_replayed_incarnation(replay->store->journal) - partition->topic->created_incarnation;
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
	struct mark to = {entry->position + entry->data_size_bytes, entry->end_offset};
	bool is_healed;
	int err = heal(replay, partition, entry->segment_base_offset, to, &is_healed);
	return err || is_healed ? err : leave_gap(replay, partition, to.offset);
}

static int note_fence_of(void *context, struct partition *partition, int64_t from, int64_t to)
{
	return note_fence(context, partition, from, to);
}

/* The piece is in the file, or what damage has left of it: the log goes on behind it there. */
static int adopt_direct(struct replay *replay, struct partition *partition, const struct journal_entry *entry, bool fits)
{
	struct segment *segment = partition->active;
	struct mark end = {entry->position + entry->data_size_bytes, entry->end_offset};
	/* What was vouched for is durable, and so is all before it, in earlier segments too. */
	settle(partition);
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

/* A crash takes no file that the checkpoint knows, and no byte of it that was filed: then the piece behind it is lost as well, and not torn. */
static bool is_file_lost(struct segment *segment, enum direct_state state)
{
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
	settle(partition); /* what was vouched for is durable, and so is all before it */
	int err = store__learn_told(partition, segment, entry, headers);
	if (err)
		return err == ERR_CORRUPT_LOG ? 0 : err;
	segment_adopt(segment, (struct mark){entry->position + entry->data_size_bytes, entry->end_offset});
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
		err = is_vouched ? 0 : note_unvouched(replay, partition);
		if (err)
			return err;
		/* The file stays, and is written over with what it holds: made anew it would be empty if the power failed now. */
		if (!had_file)
			partition__note_entry(partition);
		return stage_direct(replay, partition, entry);
	}
	if (!is_vouched || state == DIRECT_HAS_NO_FILE)
		segment->has_file = had_file;
	bool is_lost = !is_vouched && is_file_lost(segment, state);
	if (!is_vouched && !is_lost) /* @G */
		return note_torn(replay, entry);
	if (is_lost || state == DIRECT_HAS_NO_FILE) /* @F; what the journal has before it stays */
		return leave_gap(replay, partition, entry->end_offset);
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
	int err = heal(replay, partition, entry->segment_base_offset, (struct mark){entry->position, entry->base_offset}, &is_closed);
	if (!err && !is_closed && entry_is_direct(entry) && is_vouched)
		err = take_direct_behind_gap(replay, partition, entry, &is_closed);
	return err || is_closed ? err : leave_gap(replay, partition, entry->base_offset);
}

static int replay_entry(void *context, uint64_t seq, bool is_vouched, const struct journal_entry *entry, struct slice payload)
{
	struct replay *replay = context;
	if (entry->kind == ENTRY_CATALOG) /* @N */
		return 0;
	struct partition *partition;
	int err = store__find_partition(replay->store, &entry->topic_id, entry->partition, &partition);
	if (err || !partition) /* @A */
		return err;
	replay->report->entries_replayed += !entry->is_repeat;
	replay->has_repeats |= entry->is_repeat;
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
	if (err || entry->end_offset <= partition->next_offset)
		return err;
	if (entry->kind == ENTRY_BATCHES && payload.size == 0) /* @L */
		return pass_lost_batches(replay, partition, entry);
	int64_t from = partition->next_offset;
	if (entry_is_direct(entry))
		err = take_direct(replay, partition, entry, payload, is_vouched);
	else if (entry->kind == ENTRY_BATCHES) /* @C, @D */
		err = stage_payload(replay, partition, payload);
	else
		return ERR_FORMAT; /* a kind of a later version */
	if (!err)
		partition__note_append_time(partition, partition->active, from, partition->next_offset, entry->group_time_ms);
	return err;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------- */

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
	return known_to <= partition->next_offset ? 0 : leave_gap(replay, partition, known_to);
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
		err = note_fence(replay, partition, from, first);
		partition->start_offset = from;
	}
	return err || replay->store->is_journal_alien ? err : demand_filed(replay, partition);
}

static int demand_what_was_not_replayed(struct replay *replay)
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

/* The journal knows that there was a later one. */
static bool are_starts_behind(const struct store *store, int starts_err)
{
	uint64_t known = store->journal_found.log_starts;
	return known > 0 && (starts_err || store->starts_generation < known);
}

static const char *what_is_wrong_with_starts(int starts_err)
{
	return !starts_err ? "of an earlier time" : starts_err == -ENOENT ? "missing" : "damaged";
}

static int refuse_lost_starts(const struct store *store, int starts_err, struct store_report *report)
{
	uint32_t shard = store->options.shard;
	snprintf(report->why, sizeof report->why,
		 "checkpoint-%u cannot be used, and %s/log-start-%u is %s: where logs start is not known, so records that were deleted would be served again. Nothing "
		 "was changed. Put the right file back (either will do); if that cannot be, start once with --set spate.accept.loss=true, and delete them again", shard,
		 store->dir, shard, what_is_wrong_with_starts(starts_err));
	return ERR_CORRUPT_LOG;
}

/* What an older one says is deleted is deleted; there may be more. */
static int scan_log_starts(struct replay *replay, bool *are_known)
{
	struct store *store = replay->store;
	int err = store__read_log_starts(store, take_log_start);
	if (err && !is_no_checkpoint(err)) /* it may well be there and good, and then nothing that was deleted comes back */
		return err;
	bool are_behind = are_starts_behind(store, err);
	if (are_behind && !store->options.is_loss_accepted)
		return refuse_lost_starts(store, err, replay->report);
	*are_known = !are_behind && (!err || err == -ENOENT);
	store->home.has_moved_start |= are_behind;
	if (!*are_known)
		fprintf(stderr, "spate: error: %s: the checkpoint of shard %u cannot be used, and log-start-%u is %s: records that were deleted may be back\n", store->dir,
			store->options.shard, store->options.shard, what_is_wrong_with_starts(err));
	return 0;
}

/* Instead of a checkpoint. */
static int scan(struct replay *replay)
{
	struct store *store = replay->store;
	int err = ask_journal(store);
	if (!err)
		err = store__note_told(store);
	if (!err)
		err = scan_directories(store, replay->report);
	bool are_starts_known = false;
	if (!err)
		err = scan_log_starts(replay, &are_starts_known);
	if (!err)
		err = go_on_behind_start(store);
	store->is_all_filed &= !store__is_told_outgrown(store);
	LIST_FOR_EACH(node, &store->partitions)
		if (!err)
			err = demand(replay, LIST_ENTRY(node, struct partition, store_node), are_starts_known);
	return err;
}

/* The journal is lost, and with it what it said of pieces that went straight to their segments since the checkpoint: the segments are asked, and from the
 * checkpoint the log starts alone are taken. */
static int scan_behind_checkpoint(struct replay *replay, bool is_copy, bool *has_scanned)
{
	struct store *store = replay->store;
	int err = are_starts_worth_telling(store) && !is_copy /* their own file may know later ones */ ? store__write_log_starts(store) : 0;
	store__forget_partitions(store);
	*has_scanned = true;
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

/* Lost, another's, or of an earlier time; and that was accepted. */
static bool is_journal_gone(const struct replay *replay)
{
	return replay->report->is_journal_lost || replay->store->is_journal_alien;
}

/* The checkpoint, or its copy in its stead. */
static int read_checkpoints(struct store *store, bool *is_earlier, bool *is_anothers, bool *is_copy)
{
	int err = store__read_checkpoint(store);
	*is_earlier = store->is_checkpoint_earlier;
	*is_anothers = store->is_checkpoint_anothers;
	*is_copy = false;
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

/* From the checkpoint, or what is there instead of it. */
static int find_positions(struct replay *replay, bool *has_scanned)
{
	struct store *store = replay->store;
	bool is_earlier, is_anothers, is_copy;
	int err = read_checkpoints(store, &is_earlier, &is_anothers, &is_copy);
	*has_scanned = false;
	if (store->is_journal_alien && !store->options.is_loss_accepted)
		return refuse_alien_journal(store, replay->report);
	if (store->is_journal_alien)
		say_alien_journal(store);
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
	return is_whole ? 0 : scan(replay);
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

/* More than a group, or a journal, can hold: it is a thousand offsets for each byte of the largest. */
#define ROOM_PER_BYTE 1024
#define ROOM_PER_LOST_GROUP STORE_ROOM_OFFSETS

/* A log without records has none to fence: it begins further on. */
static int go_on_at(struct replay *replay, struct partition *partition, int64_t end_offset)
{
	if (partition->start_offset == partition->next_offset) {
		partition->start_offset = end_offset;
		partition->home->has_moved_start = true;
	}
	return leave_gap(replay, partition, end_offset);
}

/* @Q, @S */
static int leave_room_in(struct replay *replay, const struct topic *topic, uint32_t index, int64_t room)
{
	struct partition *partition;
	int err = store__find_partition(replay->store, &topic->id, index, &partition);
	if (err || !partition || (partition->is_told && !is_journal_gone(replay)))
		return err;
	return go_on_at(replay, partition, partition->next_offset + room);
}

static int leave_room_everywhere(struct replay *replay, int64_t room)
{
	const struct catalog_image *image = replay->store->image;
	int err = 0;
	for (uint32_t i = 0; i < image->topic_count && !err; i++)
		for (uint32_t index = 0; index < image->topics[i]->partition_count && !err; index++)
			err = leave_room_in(replay, image->topics[i], index, room);
	return err;
}

/* @S */
static int leave_room_of_journal(struct replay *replay)
{
	const struct store *store = replay->store;
	int64_t room = (int64_t)store->options.journal_size_bytes * ROOM_PER_BYTE;
	room = room < ROOM_PER_LOST_GROUP ? ROOM_PER_LOST_GROUP : room;
	fprintf(stderr, "spate: error: %s: what journal-%u had alone is not known: all its partitions go on %lld offsets further, so that none that was acknowledged "
			"is given out again\n", store->dir, store->options.shard, (long long)room);
	return leave_room_everywhere(replay, room);
}

static int leave_room(struct replay *replay)
{
	const struct store *store = replay->store;
	const struct journal_report *found = &store->journal_found;
	int64_t room = (int64_t)(found->untold_to - found->untold_from + 1) * ROOM_PER_LOST_GROUP;
	fprintf(stderr, "spate: error: %s/journal-%u: acknowledged groups %lu to %lu are lost, and spate.accept.loss is true: partitions that nothing later tells of "
			"go on %ld offsets further\n", store->dir, store->options.shard, (unsigned long)found->untold_from, (unsigned long)found->untold_to,
		(long)room);
	return leave_room_everywhere(replay, room);
}

/* @T. What stood in the place of what is given up: none of its offsets is given out again. */
static int leave_room_of_given_up(struct replay *replay)
{
	int err = 0;
	LIST_FOR_EACH(node, &replay->store->partitions) {
		struct partition *partition = LIST_ENTRY(node, struct partition, store_node);
		int64_t base = partition->given_up_base, end_offset = base >= 0 && base < INT64_MAX / 2 ? base + STORE_ROOM_OFFSETS : 0;
		if (err || partition->is_told || partition->witness.to > base || partition->next_offset >= end_offset)
			continue;
		fprintf(stderr, "spate: error: %s: what is another's in there is given up, as spate.accept.loss is true, and how much stood in its place is not known: the "
				"log goes on at offset %lld, so that none that was acknowledged is given out again\n", partition->dir, (long long)end_offset);
		err = go_on_at(replay, partition, end_offset);
		replay->has_given_up |= !err;
	}
	return err;
}

/* What was given up is behind the journal's beginning then: the next start does not meet it again. And what was found to be damaged or lost is in a
 * checkpoint before the journal is written: what told of it, the superblocks before all, may be written over then, and the next start would know nothing. */
static bool must_file_all(const struct replay *replay, bool has_unknown_past)
{
	const struct store *store = replay->store;
	return replay->has_unvouched_loss || replay->untold_to || has_unknown_past || store->is_journal_alien || replay->has_repeats ||
	       replay->has_given_up || store->home.has_new_damage;
}

/* @K: from the journal's start on the entry counts as vouched for, and the next recovery takes the piece, and all before it in its segment, as the file has
 * them. So that is made true: these partitions alone are filed, and their names durable. A cycle would file everybody's, and write a checkpoint. */
static int file_unvouched(struct replay *replay)
{
	struct store *store = replay->store;
	int err = store__file_now(store, replay->unvouched, replay->unvouched_count);
	for (uint32_t i = 0; i < replay->unvouched_count && !err; i++)
		if (!store__is_entered(store, replay->unvouched[i]))
			err = store__enter_now(store, replay->unvouched[i]);
	return err_is_full(err) || store__may_pass(err) ? file_all(store) : err;
}

int store__recover(struct store *store, struct store_report *report)
{
	store->is_recovering = true;
	bool has_scanned;
	struct replay replay = {.store = store, .report = report, .untold_to = store->journal_found.untold_to};
	int err = find_positions(&replay, &has_scanned);
	store__release_told(store);
	store->must_copy = has_scanned;
	if (!err)
		err = journal_replay(store->journal, replay_entry, &replay);
	if (!err && store->is_journal_alien)
		err = demand_what_was_not_replayed(&replay);
	bool has_unknown_past = is_journal_gone(&replay) && !store->is_all_filed && store_must_have_journal(store->image);
	report->was_clean &= !is_journal_gone(&replay);
	if (!err && has_unknown_past)
		err = leave_room_of_journal(&replay);
	else if (!err && replay.untold_to)
		err = leave_room(&replay);
	if (!err && store->options.is_loss_accepted)
		err = leave_room_of_given_up(&replay);
	free(replay.torn_ids);
	free(replay.torn_indexes);
	put_up_fences(&replay);
	free(replay.fences);
	LIST_FOR_EACH(node, &store->partitions) {
		struct partition *partition = LIST_ENTRY(node, struct partition, store_node);
		settle(partition);
		if (partition->start_offset > partition->durable_offset)
			partition->start_offset = partition->durable_offset;
		report->partitions++;
	}
	store->is_recovering = false;
	if (!err)
		err = refuse_doubtful_directory(store, report);
	if (!err && !report->was_clean)
		err = store__cut_tails(store);
	if (!err && must_file_all(&replay, has_unknown_past))
		err = file_all(store);
	else if (!err && replay.unvouched_count)
		err = file_unvouched(&replay);
	free(replay.unvouched);
	/* What was found by scanning is in no journal: a new one that took the lost one's place must not pass for the whole history. (Beside a new journal,
	 * with topics, there has always been a scan: a lost journal's checkpoint is not believed.) */
	if (!err && !store->must_file_first && has_scanned && store->image->topic_count > 0)
		err = write_what_was_scanned(store, has_scanned);
	return err;
}
