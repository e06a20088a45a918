/* The segments of a partition: how far each file must be right, by checkpoint and seal; whether it is the file that was written there; and what stands beside the log. What is in a
 * file is walked by segment_check.c. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/base/bytes.h"
#include "log/segment/foreign_file.h"
#include "log/segment/hole_mark.h"
#include "log/verify/partition_walk.h"

#define INDEX_SIZE_MAX ((size_t)1 << 30)

/* What the checkpoint says of a sealed segment; NULL: it does not say that it is one. */
static const struct picture_segment *known_as_sealed(const struct partition_walk *walk, int64_t base_offset)
{
	struct picture_segment *known = walk__knows_marks(walk) ? picture_segment(walk->check->picture, base_offset) : NULL;
	return known && known->is_sealed ? known : NULL;
}

/* Derived files are not synced: a crash may take one whole. */
static void tell_missing(const struct partition_walk *walk, const struct segment_files *files, enum segment_file which)
{
	char file[4096];
	walk__segment_file_name(walk, files->base_offset, which, file, sizeof file);
	if (!walk->check->is_in_use)
		walk__tell(walk, walk->check->was_clean ? FINDING_DERIVED : FINDING_NOTE, file, NOWHERE, NOWHERE, "it is missing: the segment is sealed, and should have it");
}

/* A segment whose headers are damaged can have no seal; and for one that is fenced, and not as the seal says, nothing is made (log/segment/segment_seal.c). */
static void check_missing_files(const struct partition_walk *walk, const struct segment_files *files, const struct segment_check *segment)
{
	const struct seal *seal = segment->seal;
	if (!segment->fits_seal && walk__is_part_fenced(walk, files->base_offset))
		return;
	if (!files->has[SEGMENT_FILE_SEAL] && known_as_sealed(walk, files->base_offset) && !segment->damaged.count)
		tell_missing(walk, files, SEGMENT_FILE_SEAL);
	if (seal && seal->index_size_bytes && !files->has[SEGMENT_FILE_INDEX])
		tell_missing(walk, files, SEGMENT_FILE_INDEX);
	if (seal && seal->time_index_size_bytes && !files->has[SEGMENT_FILE_TIME_INDEX])
		tell_missing(walk, files, SEGMENT_FILE_TIME_INDEX);
}

enum seal_state { SEAL_NONE, SEAL_GOOD, SEAL_STALE };

/* A seal that says less than the checkpoint may be of an earlier life, which rolled here before a crash took that back, and a later one brought its file back: the
 * batches tell (check_stale_seal). */
static bool may_be_stale(const struct seal *seal, const struct picture_segment *known)
{
	return known && seal->base_offset == known->base_offset && seal->log_size_bytes < known->filed.position && seal->next_offset < known->filed.offset;
}

/* Where the segment of this base ends, as checkpoint and journal have it: where the next one begins, else the log's end. NOWHERE: they do not say. */
static int64_t known_end(const struct partition_walk *walk, int64_t base_offset)
{
	const struct picture_partition *picture = walk->check->picture;
	int64_t end = picture->next_offset;
	if (picture->begun_crc && picture->begun_base > base_offset && picture->begun_base < end)
		end = picture->begun_base;
	for (uint32_t i = picture->segment_count; i-- > 0 && picture->segments[i].base_offset > base_offset;)
		end = picture->segments[i].base_offset;
	return end;
}

/* It tells of records that are not so: of those of a later life. */
static bool is_ahead(const struct partition_walk *walk, const struct seal *seal)
{
	int64_t end = walk__knows_marks(walk) && !walk->check->is_in_use ? known_end(walk, seal->base_offset) : NOWHERE;
	return end != NOWHERE && seal->next_offset > end;
}

static int read_seal(const struct partition_walk *walk, const struct segment_files *files, struct seal *seal, enum seal_state *state)
{
	char file[4096];
	struct slice bytes;
	const struct picture_segment *known = known_as_sealed(walk, files->base_offset);
	*state = SEAL_NONE;
	if (!files->has[SEGMENT_FILE_SEAL])
		return 0;
	walk__segment_file_name(walk, files->base_offset, SEGMENT_FILE_SEAL, file, sizeof file);
	int err = walk__read_file(walk, file, 16 * SEAL_SIZE, FINDING_DERIVED, &bytes);
	if (err || !bytes.data)
		return err;
	int fault = seal_decode(seal, bytes);
	bool is_unwritten = bytes_are_zeros(bytes.data, bytes.size);
	free((void *)bytes.data);
	bool is_good = !fault && seal->base_offset == files->base_offset &&
		   picture_is_possible(seal->base_offset, seal->log_size_bytes, seal->next_offset) &&
		   (!known || (seal->log_size_bytes == known->filed.position && seal->next_offset == known->filed.offset));
	if (is_good && is_ahead(walk, seal))
		walk__tell(walk, FINDING_DERIVED, file, NOWHERE, NOWHERE,
			   "it tells of records behind the segment's end, as if a backup was put back over what is of a later time; of those the next start cuts off what is behind the log's end");
	else if (is_good)
		*state = SEAL_GOOD;
	else if (is_unwritten)
		walk__note_unwritten(walk, file, bytes.size);
	else if (!fault && may_be_stale(seal, known))
		*state = SEAL_STALE;
	else if (!walk->check->is_in_use)
		walk__tell(walk, FINDING_DERIVED, file, NOWHERE, NOWHERE,
			   fault == ERR_FORMAT ? "it is no seal of this version"
			   : fault		 ? "the seal fails its checksum"
					       : "the seal is of another segment");
	return 0;
}

static int read_index(const struct partition_walk *walk, const struct segment_files *files,
		      enum segment_file which, struct slice *out)
{
	char file[4096];
	*out = (struct slice){NULL, 0};
	if (!files->has[which])
		return 0;
	walk__segment_file_name(walk, files->base_offset, which, file, sizeof file);
	return walk__read_file(walk, file, INDEX_SIZE_MAX, FINDING_DERIVED, out);
}

/* How far the file must be right. False: nothing of it must. */
static bool set_required(const struct partition_walk *walk, const struct segment_files *files,
			 int64_t next_base, struct segment_check *segment)
{
	struct picture_partition *picture = walk->check->picture;
	struct picture_segment *known = picture ? picture_segment(picture, files->base_offset) : NULL;
	if (known && !walk__knows_marks(walk) && picture->journal_from != NOWHERE && picture->journal_from < known->filed.offset)
		known = NULL; /* the journal has it as well */
	segment->limit_offset = NOWHERE;
	segment->required_offset = known ? known->required.offset : NOWHERE;
	segment->required_bytes = known ? known->required.position : 0;
	if (known) {
		segment->vouched = known->vouched;
		segment->steps = known->steps;
		if (walk__knows_marks(walk) || !walk->check->is_scanned) /* else the scan learns it from the file */
			segment->known_end = known->required;
	}
	bool is_told = picture && picture->file_crc && picture->file_base == files->base_offset && !walk__knows_marks(walk);
	if (is_told)
		segment->vouched_later = picture->file_vouched;
	if (segment->seal && (segment->seal->log_size_bytes < segment->required_bytes || segment->seal->next_offset < segment->required_offset))
		segment->seal = NULL; /* of an earlier life, when the log had rolled here and a crash took that back; or another segment's */
	if (segment->seal) {
		segment->required_bytes = segment->seal->log_size_bytes;
		segment->required_offset = segment->seal->next_offset;
	}
	if (walk->check->is_in_use)
		return segment->seal != NULL;
	if (walk__knows_marks(walk))
		return segment->required_bytes > 0;
	segment->limit_offset = next_base;
	segment->is_open_ended = next_base == NOWHERE && !segment->seal;
	if (next_base != NOWHERE && !segment->seal) {
		segment->required_bytes = files->size_bytes[SEGMENT_FILE_LOG];
		segment->required_offset = NOWHERE;
	}
	return true;
}

static void learn(struct partition_walk *walk, const struct segment_check *segment)
{
	for (uint32_t i = 0; i < segment->damaged.count; i++)
		damaged_ranges_add(&walk->found, segment->damaged.ranges[i].from,
				   segment->damaged.ranges[i].to);
	for (uint32_t i = 0; i < segment->seen.count; i++) {
		const struct epoch_entry *entry = &segment->seen.entries[i];
		if (entry->epoch > epochs_latest(&walk->seen) &&
		    epochs_assign(&walk->seen, entry->epoch, entry->start_offset) < 0)
			damaged_ranges_add(&walk->found, 0, 0); /* no memory: the epochs are not compared */
	}
	if (walk->first_offset == NOWHERE)
		walk->first_offset = segment->base_offset;
	walk->end_offset = segment->end_offset;
}

/* A fence goes only where the file itself shows that it is what was filed: by the seal if there must be one, as each batch of another's may be whole; else by the
 * first batch, and all that the append times say. Offsets that no file held, as room behind a lost journal, are in no segment, so they stay fenced. */
static bool is_whole_again(const struct partition_walk *walk, const struct segment_check *segment)
{
	if (segment->is_broken || !walk__is_part_fenced(walk, segment->base_offset) || segment_witness_is_against(&walk->witness) || walk->witness.fails_seal || walk->witness.told.bad_count)
		return false;
	const struct picture_segment *known = picture_segment(walk->check->picture, segment->base_offset);
	bool is_to_the_end = segment->end_position == known->required.position && segment->end_offset == known->required.offset;
	bool is_identified = known->first_crc && segment->first_crc == known->first_crc;
	return is_to_the_end && (known->is_complete || known->is_sealed ? segment->fits_seal : is_identified);
}

static void note_batch(void *context, const struct batch *batch, uint64_t position, struct slice bytes)
{
	struct partition_walk *walk = context;
	if (walk->snapshots.count)
		snapshot_check_batch(&walk->snapshots, batch);
	if (walk__is_scanned(walk) || walk__is_part_fenced(walk, walk->segment_base))
		segment_witness_batch(&walk->witness, position, bytes.data, batch);
}

static void count_tail(const struct partition_walk *walk, const struct segment_files *files)
{
	struct verify_counts *counts = &walk->check->sink->counts;
	uint64_t size = files->size_bytes[SEGMENT_FILE_LOG];
	if (walk->check->is_in_use) {
		counts->open_segments++;
		counts->open_bytes += size;
		return;
	}
	counts->tails += size > 0;
	counts->tail_bytes += size;
}

/* A whole first batch that is not the one the checkpoint knows, the mark of another's hole, or no segment at all. */
static bool is_another_file(const struct partition_walk *walk, const char *file, int64_t base_offset, uint32_t first_crc)
{
	struct append_time_owner owner = {.topic_id = walk->check->topic->id, .partition = (uint32_t)walk->check->index, .base_offset = base_offset};
	char path[8192];
	uint8_t header[BATCH_HEADER_SIZE];
	struct io *io = walk->check->sink->io;
	struct batch batch;
	snprintf(path, sizeof path, "%s/%s", walk->check->sink->dir, file);
	int fd = io_file_open(io, path, IO_READ_ONLY);
	if (fd < 0)
		return false;
	bool is_stores = foreign_file_is_stores(io, fd) || hole_mark_is_anothers(io, fd, &owner);
	bool is_other = first_crc && !is_stores && io_file_read(io, fd, header, sizeof header, 0) == sizeof header &&
			batch_parse_header((struct slice){header, sizeof header}, &batch) == 0 && batch.crc != first_crc;
	uint8_t *bytes = is_other ? malloc(batch.size_bytes) : NULL;
	is_other = bytes && io_file_read(io, fd, bytes, batch.size_bytes, 0) == (int64_t)batch.size_bytes &&
		   batch_check_crc((struct slice){bytes, batch.size_bytes}, &batch) == 0;
	free(bytes);
	io_close_fd(io, fd);
	return is_other || is_stores;
}

/* Nothing of what was filed, up to `to`, is there. */
void walk__tell_lost_file(struct partition_walk *walk, const struct segment_check *segment, int64_t to, const char *what)
{
	struct finding finding = {.file = segment->file, .from = segment->base_offset, .to = to, .position_to = (int64_t)segment->required_bytes,
				  .what = what, .is_fatal = walk__is_scanned(walk)};
	if (!segment->held || to == NOWHERE)
		walk__tell_lost_part(walk, finding);
	else
		for (; damaged_ranges_miss(segment->held, &finding.from, to, &finding.to); finding.from = finding.to)
			walk__tell_lost_part(walk, finding);
	walk->end_offset = to;
}

static int run_segment(struct partition_walk *walk, const struct segment_files *files, int64_t next_base,
		       struct segment_check *segment)
{
	char file[4096];
	walk__segment_file_name(walk, files->base_offset, SEGMENT_FILE_LOG, file, sizeof file);
	segment->file = file;
	if (!set_required(walk, files, next_base, segment)) {
		bool is_begun_since = walk__knows_marks(walk) && !picture_segment(walk->check->picture, files->base_offset);
		if (!is_begun_since || !walk->check->is_in_use)
			count_tail(walk, files); /* the journal has what must be there */
		return 0;
	}
	struct picture_segment *known = walk->check->picture ? picture_segment(walk->check->picture, files->base_offset) : NULL;
	bool must_ask = walk__is_scanned(walk) || (known && (known->first_crc || (walk__knows_marks(walk) && known->filed.position > 0)));
	if (must_ask && is_another_file(walk, file, files->base_offset, known ? known->first_crc : 0)) {
		walk__tell_lost_file(walk, segment, segment->required_offset != NOWHERE ? segment->required_offset : next_base,
			       "it is not the file that was written here: its first batch is another, or it says itself whose it is");
		return 0;
	}
	int err = read_index(walk, files, SEGMENT_FILE_INDEX, &segment->index);
	if (!err)
		err = read_index(walk, files, SEGMENT_FILE_TIME_INDEX, &segment->time_index);
	if (!err)
		err = segment_check_run(segment);
	if (err == -ENOENT && walk->check->is_in_use)
		return 0;
	if (err == ERR_NOT_A_FILE) {
		walk__tell_lost_file(walk, segment, segment->required_offset, "a directory, a FIFO, a socket, a device or a link to nowhere stands in its place");
		return 0;
	}
	if (!err && walk__is_exchanged(walk, segment, next_base))
		return 0;
	if (!err) {
		check_missing_files(walk, files, segment);
		learn(walk, segment);
	}
	if (!err && is_whole_again(walk, segment))
		damaged_ranges_add(&walk->whole, segment->base_offset, segment->end_offset);
	return err;
}

static void tell_stale_seal(const struct partition_walk *walk, const struct segment_check *segment)
{
	char file[4096];
	walk__segment_file_name(walk, segment->base_offset, SEGMENT_FILE_SEAL, file, sizeof file);
	walk__tell(walk, segment->is_stale_seal_ours ? FINDING_NOTE : FINDING_DERIVED, file, NOWHERE, NOWHERE,
		   segment->is_stale_seal_ours ? "it is of an earlier life, as a power cut may bring it back: it is made anew" : "the seal is of another segment");
}

static int check_segment(struct partition_walk *walk, const struct segment_files *files, int64_t next_base)
{
	const struct partition_check *check = walk->check;
	struct seal seal;
	enum seal_state seal_state;
	int err = read_seal(walk, files, &seal, &seal_state);
	if (err)
		return err;
	bool asks_witness = walk__is_scanned(walk) || walk__is_part_fenced(walk, files->base_offset);
	struct segment_check segment = {
		.sink = check->sink,
		.topic = check->topic_name,
		.partition = check->index,
		.base_offset = files->base_offset,
		.are_gaps_allowed = !check->topic,
		.is_foreign = !check->topic,
		.epochs = walk__knows_marks(walk) ? &check->picture->epochs : NULL,
		.epochs_limit = walk__knows_marks(walk) ? check->picture->epochs_limit : 0,
		.fenced = check->picture ? &check->picture->fenced : NULL,
		.held = check->picture ? &check->picture->held : NULL,
		.seal = seal_state == SEAL_GOOD ? &seal : NULL,
		.stale_seal = seal_state == SEAL_STALE ? &seal : NULL,
		.batch = walk->snapshots.count || asks_witness ? note_batch : NULL,
		.batch_context = walk,
	};
	walk->segment_base = files->base_offset;
	if (asks_witness)
		err = walk__open_witness(walk, files->base_offset, next_base, &walk->witness);
	if (err)
		return err;
	err = run_segment(walk, files, next_base, &segment);
	segment_witness_close(&walk->witness);
	if (!err && segment.stale_seal && !check->is_in_use)
		tell_stale_seal(walk, &segment);
	free((void *)segment.index.data);
	free((void *)segment.time_index.data);
	segment_check_fini(&segment);
	return err;
}

static bool is_left_out(const struct partition_walk *walk, int64_t base_offset)
{
	const struct overlap_file *file = walk__fate_of(walk, base_offset);
	return file && file->fate == OVERLAP_STRAY;
}

static int64_t next_log_base(const struct partition_walk *walk, uint32_t i)
{
	const struct partition_dir *files = walk->check->files;
	for (i++; i < files->segment_count; i++)
		if (files->segments[i].has[SEGMENT_FILE_LOG] && !is_left_out(walk, files->segments[i].base_offset))
			return files->segments[i].base_offset;
	return NOWHERE;
}

static void note_left_out(const struct partition_walk *walk, const struct overlap_file *judged)
{
	char file[4096], what[256];
	walk__segment_file_name(walk, judged->base_offset, SEGMENT_FILE_LOG, file, sizeof file);
	snprintf(what, sizeof what, "it is not of this log, by all that is known of it: %020ld.log %s; the next start keeps it aside as .log.foreign", (long)judged->beside,
		 judged->is_beyond ? "ends before it, and the journal has nothing of it" : "has offsets of it as well, and is of this log");
	walk__tell(walk, FINDING_NOTE, file, NOWHERE, NOWHERE, what);
}

/* To where the next one begins, or as far as it goes itself. */
static void tell_doubtful(struct partition_walk *walk, const struct overlap_file *judged, int64_t next_base)
{
	char file[4096], what[256];
	struct segment_check segment = {.base_offset = judged->base_offset, .file = file};
	walk__segment_file_name(walk, judged->base_offset, SEGMENT_FILE_LOG, file, sizeof file);
	snprintf(what, sizeof what, "%020ld.log has the same offsets, so one of them is not of this log, and nothing tells which: the broker will refuse to start", (long)judged->beside);
	walk__tell_lost_file(walk, &segment, next_base != NOWHERE ? next_base : judged->end, what);
}

static void note_leftover(const struct partition_walk *walk, int64_t base_offset)
{
	char file[4096];
	walk__segment_file_name(walk, base_offset, SEGMENT_FILE_LOG, file, sizeof file);
	walk__tell(walk, FINDING_NOTE, file, NOWHERE, NOWHERE, "a segment below the log start: it was deleted, and is left over");
}

static void note_stray(const struct partition_walk *walk, int64_t base_offset)
{
	char file[4096];
	walk__segment_file_name(walk, base_offset, SEGMENT_FILE_LOG, file, sizeof file);
	walk__tell(walk, FINDING_NOTE, file, NOWHERE, NOWHERE, "the checkpoint does not tell of this segment: it is not part of the log");
}

int walk__check_segments(struct partition_walk *walk)
{
	const struct partition_dir *files = walk->check->files;
	int err = 0;
	for (uint32_t i = 0; i < files->segment_count && !err; i++) {
		const struct segment_files *segment = &files->segments[i];
		const struct overlap_file *judged = walk__fate_of(walk, segment->base_offset);
		if (judged && judged->fate == OVERLAP_STRAY)
			note_left_out(walk, judged);
		else if (judged)
			tell_doubtful(walk, judged, next_log_base(walk, i));
		else if (segment->has[SEGMENT_FILE_LOG] && walk__is_leftover(walk, segment->base_offset))
			note_leftover(walk, segment->base_offset);
		else if (walk__is_stray(walk, segment))
			note_stray(walk, segment->base_offset);
		else if (segment->has[SEGMENT_FILE_LOG])
			err = check_segment(walk, segment, next_log_base(walk, i));
	}
	return err;
}
