/* A scan: the directories instead of a checkpoint, when there is none that can be used.
 *
 * Happy path: each partition's directory is listed, and its segments walked in the order of their offsets, batch by batch; what a checkpoint would have told
 * (ends, producers, epochs, indexes) is learnt from the batches. What the journal still has is left to the replay from the first batch on that is not whole:
 * the power may have failed while it was filed.
 *
 * Failure modes: damage is walked over and fenced, as far as a whole batch lies behind it; a file that its witnesses contradict (log/segment/witness.h), or that has offsets which
 * another has as well (log/segment/overlap.h), is set aside where it is known not to be of this log, else refused, or, where a loss is accepted, set aside; a disk that does not answer decides nothing, and is an error. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/segment/foreign_file.h"
#include "log/segment/overlap.h"
#include "log/store/recover_priv.h"

struct bases {
	struct store *store;
	struct partition *partition;
	struct overlap_file *files; /* in the order of their bases */
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
	struct overlap_file *grown = realloc(bases->files, (bases->count + 1) * sizeof *grown);
	if (!grown)
		return bases->err = -ENOMEM;
	bases->files = grown;
	bases->files[bases->count++] = (struct overlap_file){.base_offset = base};
	return 0;
}

static int compare_files(const void *a, const void *b)
{
	int64_t x = ((const struct overlap_file *)a)->base_offset, y = ((const struct overlap_file *)b)->base_offset;
	return x < y ? -1 : x > y;
}

/* 1: a whole batch is at `end`, and is due there. 0: there is none, or one of another offset: batches are missing before it, or its base offset has rotted, which no CRC covers. Or an error: a
 * disk that does not answer decides nothing. */
static int find_whole_batch(struct segment *segment, struct mark end, uint64_t size, uint8_t header[BATCH_HEADER_SIZE], struct batch *batch)
{
	uint8_t *bytes;
	struct io *io = segment->home->io;
	if (size - end.position < BATCH_HEADER_SIZE)
		return 0;
	int64_t got = io_file_read(io, segment->read_fd, header, BATCH_HEADER_SIZE, end.position);
	if (got != BATCH_HEADER_SIZE)
		return got < 0 ? (int)got : 0;
	if (batch_parse_header((struct slice){header, BATCH_HEADER_SIZE}, batch) || batch->base_offset != end.offset ||
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
	*end = (struct mark){.position = position, .offset = batch.base_offset};
	return 1;
}

static bool is_anothers_in_part(const struct segment_witness *witness)
{
	return witness->fails_seal || witness->told.bad_count > 0;
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
	struct mark end = {.offset = segment->base_offset};
	struct batch batch;
	uint8_t header[BATCH_HEADER_SIZE];
	segment_adopt(segment, (struct mark){.position = (uint64_t)size, .offset = limit_offset}); /* so far it may be read */
	segment->known_end.position = 0; /* which says nothing of where a batch ended */
	int found = 1;
	bool is_unbroken = true;
	while (found > 0) {
		found = find_whole_batch(segment, end, (uint64_t)size, header, &batch);
		if (found > 0 && batch_next_offset(&batch) > limit_offset) /* it reaches into the next segment: one of both is another's, and no checkpoint may say that they overlap */
			break;
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
			mark_pass(&end, header, &batch);
			mark_steps_note(&segment->steps, &end);
		} else if (found == 0 && end.offset < partition->journal_from) {
			found = find_behind(partition, segment, &end);
			is_unbroken &= found == 0;
		}
	}
	if (found < 0)
		return found;
	segment_witness_end(witness, end.offset, is_unbroken);
	if (is_anothers_in_part(witness))
		end.headers = 0; /* what was filed is something else */
	segment_adopt(segment, end);
	if (is_anothers_in_part(witness))
		segment_believe(segment, &witness->told);
	/* After a kill these bytes may be in the page cache alone, and the journal's entries for them will be skipped. */
	return end.position > 0 ? io_file_sync(io, fd) : 0;
}

/* What it is held against may show that another file stands in its place, or some of another's batches; or that headers have rotted where no CRC covers them: then
 * the segment is doubtful as a whole, as for the scrub. */
static int scan_segment(struct store *store, struct partition *partition, struct segment *segment, int64_t limit_offset)
{
	struct segment_witness witness;
	int err = store__open_witness(store, partition, segment->base_offset, limit_offset == INT64_MAX ? -1 : limit_offset, &witness);
	if (err)
		return err;
	err = scan_batches(partition, segment, limit_offset, &witness);
	segment->is_foreign |= !err && segment_witness_is_against(&witness);
	if (!err && !segment->is_foreign && is_anothers_in_part(&witness)) {
		for (uint32_t i = 0; i < witness.told.bad_count; i++)
			partition__add_damage(partition, witness.told.bad[i].from, witness.told.bad[i].to);
		if (witness.fails_seal)
			partition__add_damage(partition, segment->base_offset, segment->staged.offset);
		epochs_truncate_end(&partition->epochs, segment->base_offset); /* one that rotted to a later one would speak against all that is behind it */
	}
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

/* What is in both nobody can tell from the records: they are as whole as each other's. */
static int refuse_doubtful(const struct store *store, struct store_report *report, const struct segment *segment, const struct overlap_file *file)
{
	snprintf(report->why, sizeof report->why,
		 "%s/%020ld.log and %020ld.log have the same offsets, so one of them is not of this log, and the checkpoint that says which is lost. Whether its records were acknowledged "
		 "here is not known. No record was touched. Move the file that does not belong there away, and start again; if nobody knows which, start once with --set "
		 "spate.accept.loss=true, which keeps them aside (in %s) as .log.foreign, and refuses their offsets as damaged",
		 segment->dir, (long)segment->base_offset, (long)file->beside, store->dir);
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

/* One that says another topic's id is believed to hold nothing of this log, but for how far it may have gone. */
static int judge_directory(struct bases *bases)
{
	struct partition *partition = bases->partition;
	int is_anothers = bases->count && !partition->witness.to ? partition__is_dir_anothers(partition) : 0;
	partition->is_dir_doubtful = is_anothers == 1;
	if (!partition->is_dir_doubtful)
		return is_anothers;
	for (uint32_t i = 0; i < bases->count; i++)
		if (bases->files[i].base_offset > partition->given_up_base)
			partition->given_up_base = bases->files[i].base_offset;
	bases->count = 0;
	return 0;
}

/* ---- files that cannot all be of one log ------------------------------------------------------------------------------ */

static int known_first_crc(void *context, int64_t base_offset, uint32_t *crc)
{
	const struct bases *bases = context;
	struct segment_witness witness;
	int err = store__open_witness(bases->store, bases->partition, base_offset, -1, &witness);
	if (err)
		return err;
	*crc = store__told_first_crc(bases->partition, base_offset);
	if (!*crc)
		*crc = witness.first_crc;
	segment_witness_close(&witness);
	return 0;
}

/* It is somebody's, so it stays; and what it says is nothing of this log's. */
static int put_stray_aside(const struct bases *bases, const struct overlap_file *file)
{
	char name[SEGMENT_NAME_SIZE], path[4096], what[256];
	segment_name_format(name, file->base_offset, SEGMENT_FILE_LOG);
	snprintf(path, sizeof path, "%s/%s", bases->partition->dir, name);
	snprintf(what, sizeof what, "is not of this log, by all that is known of it: %020ld.log%s", (long)file->beside,
		 file->is_beyond ? " ends before it, and the journal has nothing of it" : " has offsets of it as well, and is of this log");
	return foreign_file_put_aside(bases->partition->home->io, path, what);
}

static int leave_out_strays(struct bases *bases)
{
	uint32_t count = bases->count;
	int err = 0;
	bases->count = 0;
	for (uint32_t i = 0; i < count && !err; i++) {
		if (bases->files[i].fate == OVERLAP_STRAY)
			err = put_stray_aside(bases, &bases->files[i]);
		else
			bases->files[bases->count++] = bases->files[i];
	}
	return err;
}

static int judge_overlaps(struct bases *bases)
{
	const struct partition *partition = bases->partition;
	const struct partition_witness *journals = &partition->witness;
	struct overlap_known known = {.journal_from = partition->journal_from, .journal_crc = partition->journal_crc, .file_base = journals->file_base,
				      .file_crc = journals->file_crc, .is_file_last = !bases->store->journal_found.damaged_groups, .first_crc = known_first_crc,
				      .context = bases};
	int err = overlap_judge(partition->home->io, partition->dir, &known, bases->files, bases->count);
	return err ? err : leave_out_strays(bases);
}

/* In the order of their offsets; none where there is no directory. */
static int find_bases(struct bases *bases)
{
	struct partition *partition = bases->partition;
	int err = io_dir_list(partition->home->io, partition->dir, note_base, bases);
	if (!err)
		err = bases->err;
	if (!err)
		err = judge_directory(bases);
	if (err == -ENOENT)
		bases->count = err = 0;
	if (err || !bases->count)
		return err;
	/* Who made the files may have been killed before their names were durable. */
	partition__note_entry(partition);
	partition->home->is_top_unsynced = true;
	qsort(bases->files, bases->count, sizeof *bases->files, compare_files);
	return judge_overlaps(bases);
}

/* No whole batch is left of one in the middle: it is no segment of the log, whose offsets are damage. One that is complete and empty may stand in no checkpoint. The
 * file stays, whatever it is. */
static void pass_over_nothing(struct partition *partition, struct segment *segment)
{
	if (!partition->active)
		partition->start_offset = segment->base_offset;
	segment_destroy(segment);
}

/* *goes_on_in_journal: what its file lacks, and so the segments behind it, come with the replay. */
static int take_segment(struct store *store, struct store_report *report, const struct bases *bases, uint32_t i, bool *goes_on_in_journal)
{
	struct partition *partition = bases->partition;
	bool is_last = i + 1 == bases->count;
	const struct overlap_file *file = &bases->files[i];
	int64_t next_base = is_last ? -1 : file[1].base_offset;
	struct segment *segment = partition__create_segment(partition, file->base_offset);
	if (!segment)
		return -ENOMEM;
	segment->has_file = true;
	segment->is_identified = false;
	segment->is_complete = !is_last;
	list_push_back(&partition->segments, &segment->node);
	bool is_doubtful = file->fate == OVERLAP_DOUBTFUL;
	int err = is_doubtful ? 0 : scan_segment(store, partition, segment, is_last ? INT64_MAX : next_base);
	if ((is_doubtful || segment->is_foreign) && store->options.is_loss_accepted)
		return pass_over_foreign(partition, segment, next_base);
	if (is_doubtful || segment->is_foreign)
		return is_doubtful ? refuse_doubtful(store, report, segment, file) : refuse_foreign(store, report, segment);
	if (!err && !is_last && segment->staged.offset < next_base) {
		*goes_on_in_journal = segment->staged.offset >= partition->journal_from;
		if (*goes_on_in_journal)
			segment->is_complete = false;
		else
			partition__add_damage(partition, segment->staged.offset, next_base);
	}
	if (!err && segment->is_complete && segment->staged.position == 0) {
		pass_over_nothing(partition, segment);
		return 0;
	}
	if (!err && i == 0)
		partition->start_offset = segment->base_offset;
	partition__recovered_segment(partition, segment);
	return err;
}

static int scan_partition(struct store *store, struct store_report *report, struct partition *partition)
{
	struct bases bases = {.store = store, .partition = partition};
	int err = find_bases(&bases);
	bool goes_on_in_journal = false;
	for (uint32_t i = 0; i < bases.count && !err && !goes_on_in_journal; i++)
		err = take_segment(store, report, &bases, i, &goes_on_in_journal);
	free(bases.files);
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

int store__ask_journal(struct store *store)
{
	bool is_whole = !store->journal_found.damaged_groups && !store->is_journal_alien;
	int err = is_whole ? journal_replay(store->journal, note_journal_from, store) : 0;
	return err ? err : store__note_kept_from(store);
}

int store__scan_directories(struct store *store, struct store_report *report)
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
