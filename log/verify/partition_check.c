/* One partition. With a checkpoint it is known up to which byte each file must be right. Without one (it
 * is damaged, or Kafka wrote the directory), every segment but the last must be right to its end, and the
 * last one up to where it breaks off. */
#include "log/verify/partition_check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/base/bytes.h"
#include "log/io/small_file.h"
#include "log/partition/partition_dir.h"
#include "log/partition/producer.h"
#include "log/segment/foreign_file.h"
#include "log/segment/hole_mark.h"
#include "log/segment/overlap.h"
#include "log/segment/partition_metadata.h"
#include "log/segment/witness.h"
#include "log/verify/append_time_check.h"
#include "log/verify/snapshot_check.h"

#define INDEX_SIZE_MAX ((size_t)1 << 30)
#define SNAPSHOT_SIZE_MAX ((size_t)1 << 30)
#define PRODUCERS_MAX 1000000u

struct partition_walk {
	const struct partition_check *check;
	struct damaged_ranges found;
	struct damaged_ranges whole; /* of segments that certainly are what was filed, to their last byte */
	struct epochs seen;
	int64_t first_offset, end_offset; /* of what was walked; NOWHERE: nothing */
	struct snapshot_check snapshots;
	/* What the start will hold its scan against (log/store/recover_told.c). */
	int64_t segment_base;
	struct segment_witness witness; /* of the segment that is walked; all zero: none */
	int64_t filed_from, filed_to;   /* that much was filed at some time; filed_to = 0: nothing tells */
	bool is_among_anothers;         /* append times of another partition lie in its directory */
	bool has_exchanged;             /* the broker will refuse to start for a file of this partition */
	struct overlap_file *files;     /* its .log files; NULL: they are not held against each other */
	uint32_t file_count;
};

static bool is_fenced(const struct partition_walk *walk, enum finding_kind kind, int64_t from, int64_t to)
{
	const struct picture_partition *picture = walk->check->picture;
	return kind == FINDING_DAMAGE && picture && from != NOWHERE && damaged_ranges_hold(&picture->fenced, from, to);
}

static void tell(const struct partition_walk *walk, enum finding_kind kind, const char *file, int64_t from,
		 int64_t to, const char *what)
{
	const struct partition_check *check = walk->check;
	struct finding finding = {kind, check->topic_name, check->index, file, from, to, NOWHERE, NOWHERE,
				  .what = what};
	finding.is_fenced = is_fenced(walk, kind, from, to);
	verify_tell(check->sink, &finding);
}

static void file_name(const struct partition_walk *walk, const char *name, char *out, size_t size)
{
	const struct partition_dir *files = walk->check->files;
	snprintf(out, size, "%s%s%s", files->name, *files->name ? "/" : "", name);
}

static void segment_file_name(const struct partition_walk *walk, int64_t base_offset, enum segment_file file,
			      char *out, size_t size)
{
	char name[SEGMENT_NAME_SIZE];
	segment_name_format(name, base_offset, file);
	file_name(walk, name, out, size);
}

/* Reads a small file of the partition. A file that cannot be read is told as one that is damaged: data
 * NULL, and 0. */
static int read_file(const struct partition_walk *walk, const char *file, size_t size_max,
		     enum finding_kind kind, struct slice *out)
{
	char path[4096], what[128];
	snprintf(path, sizeof path, "%s/%s", walk->check->sink->dir, file);
	uint8_t *data;
	size_t size;
	*out = (struct slice){NULL, 0};
	int err = small_file_read(walk->check->sink->io, path, size_max, &data, &size);
	if (!err) {
		*out = (struct slice){data, size};
		return 0;
	}
	if (err == -ENOMEM)
		return err;
	if (err == -ENOENT && walk->check->is_in_use)
		return 0;
	snprintf(what, sizeof what, "it cannot be read: %s", err_text(err));
	tell(walk, kind, file, NOWHERE, NOWHERE, what);
	return 0;
}

static bool knows_marks(const struct partition_walk *walk)
{
	return walk->check->picture && walk->check->picture->is_known;
}

/* Wholly before the log start: a stop had no time to remove its files, some of which are gone, or were never made. The next start does, and nobody is served of
 * what is there. */
static bool is_leftover(const struct partition_walk *walk, int64_t base_offset)
{
	if (!knows_marks(walk) || walk->check->is_in_use)
		return false;
	const struct picture_segment *known = picture_segment(walk->check->picture, base_offset);
	bool is_over = !known || known->is_complete; /* nothing is added to it */
	return is_over && (known ? known->required.offset - 1 : base_offset) < walk->check->picture->start_offset;
}

/* Among the log's segments, and none of them: the checkpoint knows all that begin before it ends. A copy that somebody put there: nobody is served of it, so nothing
 * that it says is held against anything, nor against it. */
static bool is_stray(const struct partition_walk *walk, const struct segment_files *segment)
{
	return segment->has[SEGMENT_FILE_LOG] && knows_marks(walk) && !walk->check->is_in_use && segment->base_offset < walk->check->picture->epochs_limit &&
	       !picture_segment(walk->check->picture, segment->base_offset);
}

/* Is there such a file beside it, and does it have to say something? A running broker writes it whenever it likes. */
static bool is_to_check(const struct partition_walk *walk, const struct segment_files *segment, enum segment_file file)
{
	return segment->has[file] && !walk->check->is_in_use && !is_leftover(walk, segment->base_offset) && !is_stray(walk, segment);
}

/* ---- partition.metadata -------------------------------------------------------------------------------- */

static bool holds_something(const struct partition_walk *walk)
{
	const struct picture_partition *picture = walk->check->picture;
	for (uint32_t i = 0; picture && i < picture->segment_count; i++)
		if (picture->segments[i].required.position > 0)
			return true;
	return false;
}

/* A scan cannot tell what a deletion left from a partition.metadata that has rotted, unless the journal has the log from its first record on. */
static bool is_refused(const struct partition_walk *walk)
{
	const struct partition_check *check = walk->check;
	bool has_log = false;
	for (uint32_t i = 0; i < check->files->segment_count; i++)
		has_log |= check->files->segments[i].has[SEGMENT_FILE_LOG];
	return check->is_scanned && has_log && !(check->picture && check->picture->journal_from == 0);
}

/* Derived files are not synced: a power cut may leave one empty, or as zeros. */
static bool is_blank(struct slice bytes)
{
	return bytes_are_zeros(bytes.data, bytes.size);
}

/* A full disk, or a crash, came between the file and what it says, so nothing was filed there yet. */
static bool is_unwritten_metadata(const struct partition_walk *walk, struct slice text)
{
	char due[PARTITION_METADATA_SIZE_MAX];
	size_t size = partition_metadata_encode(&walk->check->topic->id, due);
	bool is_begun = text.size < size && (is_blank(text) || memcmp(text.data, due, text.size) == 0);
	return is_begun && walk->check->files->segment_count == 0 && !holds_something(walk) && !walk->filed_to;
}

/* False: the directory is another topic's, and is not looked into. */
static int check_metadata(const struct partition_walk *walk, bool *is_ours)
{
	const struct partition_check *check = walk->check;
	char file[4096];
	*is_ours = true;
	if (!check->topic || (check->is_in_use && !check->files->has_metadata))
		return 0;
	file_name(walk, PARTITION_METADATA_NAME, file, sizeof file);
	if (!check->files->has_metadata) {
		tell(walk, FINDING_DAMAGE, file, NOWHERE, NOWHERE,
		     "it is missing: the directory cannot be told from one of a deleted topic");
		return 0;
	}
	struct slice text;
	struct uuid id;
	int err = read_file(walk, file, PARTITION_METADATA_SIZE_MAX, FINDING_DAMAGE, &text);
	if (err || !text.data)
		return err;
	int fault = partition_metadata_decode(&id, text);
	bool is_unwritten = fault && is_unwritten_metadata(walk, text);
	free((void *)text.data);
	if (is_unwritten)
		tell(walk, FINDING_NOTE, file, NOWHERE, NOWHERE,
		     "it says nothing yet: a full disk, or a crash, came before; it is made anew with the first record that is filed there");
	else if (fault)
		tell(walk, FINDING_DAMAGE, file, NOWHERE, NOWHERE,
		     "it does not say a topic id: the directory cannot be told from one of a deleted topic");
	else if (!uuid_equal(&id, &check->topic->id)) {
		bool is_leftover = !holds_something(walk) && !walk->filed_to, is_doubtful = is_leftover && is_refused(walk);
		struct finding finding = {FINDING_DAMAGE, check->topic_name, check->index, file, NOWHERE, NOWHERE, NOWHERE, NOWHERE, .is_fatal = true,
					  .what = "it says another topic id than the catalog, and no checkpoint tells whose records are in there: the broker will refuse "
						  "to start"};
		if (is_doubtful)
			verify_tell(check->sink, &finding);
		else
			tell(walk, is_leftover ? FINDING_NOTE : FINDING_DAMAGE, file, NOWHERE, NOWHERE,
			     is_leftover ? "the directory is of a deleted topic of the same name"
					 : "it says another topic id than the catalog");
		*is_ours = !is_leftover || is_doubtful;
	}
	return 0;
}

static void note_unwritten(const struct partition_walk *walk, const char *file, size_t size)
{
	if (!walk->check->is_in_use)
		tell(walk, FINDING_NOTE, file, NOWHERE, NOWHERE,
		     size ? "it has zeros, or ends early: a power cut came before it was on disk; it is made anew"
			  : "it is empty: a crash came before it was on disk; it is made anew when it is needed");
}

/* ---- one segment --------------------------------------------------------------------------------------- */

/* What the checkpoint says of a sealed segment; NULL: it does not say that it is one. */
static const struct picture_segment *known_as_sealed(const struct partition_walk *walk, int64_t base_offset)
{
	struct picture_segment *known = knows_marks(walk) ? picture_segment(walk->check->picture, base_offset) : NULL;
	return known && known->is_sealed ? known : NULL;
}

/* Is anything of a segment that the checkpoint knows fenced? */
static bool is_part_fenced(const struct partition_walk *walk, int64_t base_offset)
{
	const struct picture_segment *known = knows_marks(walk) ? picture_segment(walk->check->picture, base_offset) : NULL;
	return walk->check->topic && !walk->check->is_in_use && known && known->filed.position > 0 &&
	       damaged_ranges_overlap(&walk->check->picture->fenced, base_offset, known->required.offset);
}

/* Derived files are not synced: a crash may take one whole. */
static void tell_missing(const struct partition_walk *walk, const struct segment_files *files, enum segment_file which)
{
	char file[4096];
	segment_file_name(walk, files->base_offset, which, file, sizeof file);
	if (!walk->check->is_in_use)
		tell(walk, walk->check->was_clean ? FINDING_DERIVED : FINDING_NOTE, file, NOWHERE, NOWHERE, "it is missing: the segment is sealed, and should have it");
}

/* A segment whose headers are damaged can have no seal; and for one that is fenced, and not as the seal says, nothing is made (log/segment/segment_seal.c). */
static void check_missing_files(const struct partition_walk *walk, const struct segment_files *files, const struct segment_check *segment)
{
	const struct seal *seal = segment->seal;
	if (!segment->fits_seal && is_part_fenced(walk, files->base_offset))
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
	int64_t end = knows_marks(walk) && !walk->check->is_in_use ? known_end(walk, seal->base_offset) : NOWHERE;
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
	segment_file_name(walk, files->base_offset, SEGMENT_FILE_SEAL, file, sizeof file);
	int err = read_file(walk, file, 16 * SEAL_SIZE, FINDING_DERIVED, &bytes);
	if (err || !bytes.data)
		return err;
	int fault = seal_decode(seal, bytes);
	bool is_unwritten = is_blank(bytes);
	free((void *)bytes.data);
	bool is_good = !fault && seal->base_offset == files->base_offset &&
		   picture_is_possible(seal->base_offset, seal->log_size_bytes, seal->next_offset) &&
		   (!known || (seal->log_size_bytes == known->filed.position && seal->next_offset == known->filed.offset));
	if (is_good && is_ahead(walk, seal))
		tell(walk, FINDING_DERIVED, file, NOWHERE, NOWHERE,
		     "it tells of records behind the segment's end, as if a backup was put back over what is of a later time; of those the next start cuts off what is behind the log's end");
	else if (is_good)
		*state = SEAL_GOOD;
	else if (is_unwritten)
		note_unwritten(walk, file, bytes.size);
	else if (!fault && may_be_stale(seal, known))
		*state = SEAL_STALE;
	else if (!walk->check->is_in_use)
		tell(walk, FINDING_DERIVED, file, NOWHERE, NOWHERE,
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
	segment_file_name(walk, files->base_offset, which, file, sizeof file);
	return read_file(walk, file, INDEX_SIZE_MAX, FINDING_DERIVED, out);
}

/* How far the file must be right. False: nothing of it must. */
static bool set_required(const struct partition_walk *walk, const struct segment_files *files,
			 int64_t next_base, struct segment_check *segment)
{
	struct picture_partition *picture = walk->check->picture;
	struct picture_segment *known = picture ? picture_segment(picture, files->base_offset) : NULL;
	if (known && !knows_marks(walk) && picture->journal_from != NOWHERE && picture->journal_from < known->filed.offset)
		known = NULL; /* the journal has it as well */
	segment->limit_offset = NOWHERE;
	segment->required_offset = known ? known->required.offset : NOWHERE;
	segment->required_bytes = known ? known->required.position : 0;
	if (known) {
		segment->vouched = known->vouched;
		segment->steps = known->steps;
		if (knows_marks(walk) || !walk->check->is_scanned) /* else the scan learns it from the file */
			segment->known_end = known->required;
	}
	bool is_told = picture && picture->file_crc && picture->file_base == files->base_offset && !knows_marks(walk);
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
	if (knows_marks(walk))
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
	if (segment->is_broken || !is_part_fenced(walk, segment->base_offset) || segment_witness_is_against(&walk->witness) || walk->witness.fails_seal || walk->witness.told.bad_count)
		return false;
	const struct picture_segment *known = picture_segment(walk->check->picture, segment->base_offset);
	bool is_to_the_end = segment->end_position == known->required.position && segment->end_offset == known->required.offset;
	bool is_identified = known->first_crc && segment->first_crc == known->first_crc;
	return is_to_the_end && (known->is_complete || known->is_sealed ? segment->fits_seal : is_identified);
}

static bool is_scanned(const struct partition_walk *walk)
{
	return walk->check->is_scanned && walk->check->topic && !knows_marks(walk);
}

static void note_batch(void *context, const struct batch *batch, uint64_t position, struct slice bytes)
{
	struct partition_walk *walk = context;
	if (walk->snapshots.count)
		snapshot_check_batch(&walk->snapshots, batch);
	if (is_scanned(walk) || is_part_fenced(walk, walk->segment_base))
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

/* Offsets of a .log that is not there, or is none of ours. */
static void tell_lost_part(struct partition_walk *walk, struct finding finding)
{
	const struct partition_check *check = walk->check;
	damaged_ranges_add(&walk->found, finding.from, finding.to);
	finding.kind = FINDING_DAMAGE;
	finding.topic = check->topic_name;
	finding.partition = check->index;
	finding.is_fenced = is_fenced(walk, FINDING_DAMAGE, finding.from, finding.to);
	walk->has_exchanged |= finding.is_fatal;
	verify_tell(check->sink, &finding);
}

/* Nothing of what was filed, up to `to`, is there. */
static void tell_lost_file(struct partition_walk *walk, const struct segment_check *segment, int64_t to, const char *what)
{
	struct finding finding = {.file = segment->file, .from = segment->base_offset, .to = to, .position_to = (int64_t)segment->required_bytes,
				  .what = what, .is_fatal = is_scanned(walk)};
	if (!segment->held || to == NOWHERE)
		tell_lost_part(walk, finding);
	else
		for (; damaged_ranges_miss(segment->held, &finding.from, to, &finding.to); finding.from = finding.to)
			tell_lost_part(walk, finding);
	walk->end_offset = to;
}

/* ---- what a scan is held against ----------------------------------------------------------------------- */

static void raise_filed(struct partition_walk *walk, int64_t from, int64_t to)
{
	if (to <= from)
		return;
	walk->filed_from = walk->filed_to == 0 || from < walk->filed_from ? from : walk->filed_from;
	walk->filed_to = to > walk->filed_to ? to : walk->filed_to;
}

static int open_witness(const struct partition_walk *walk, int64_t base_offset, int64_t next_base, struct segment_witness *witness)
{
	const struct partition_check *check = walk->check;
	char dir[4096];
	struct append_time_owner owner = {.topic_id = check->topic->id, .partition = (uint32_t)check->index, .base_offset = base_offset};
	snprintf(dir, sizeof dir, "%s/%s", check->sink->dir, check->files->name);
	int err = segment_witness_open(witness, check->sink->io, dir, &owner, next_base);
	if (!err && witness->is_anothers)
		witness->is_anothers = check->image && catalog_topic_by_id(check->image, &witness->topic_id);
	const struct picture_segment *known = check->picture ? picture_segment(check->picture, base_offset) : NULL;
	witness->is_among_anothers = walk->is_among_anothers && !(known && known->filed.position > 0 && known->first_crc);
	if (!err && check->picture) {
		witness->journal_from = check->picture->journal_from;
		witness->journal_crc = check->picture->journal_crc;
		if (check->picture->file_crc && check->picture->file_base == base_offset)
			segment_witness_tell(witness, check->picture->file_crc, NULL, &check->picture->file_vouched);
	}
	return err;
}

/* All that the append times know, those of segments that are gone too. */
static int ask_append_times(struct partition_walk *walk)
{
	const struct partition_dir *files = walk->check->files;
	const struct picture_partition *picture = walk->check->picture;
	int err = 0;
	if (picture && picture->filed_to)
		raise_filed(walk, picture->filed_from, picture->filed_to);
	for (uint32_t i = 0; files && i < files->segment_count && !err; i++) {
		struct segment_witness witness;
		if (!files->segments[i].has[SEGMENT_FILE_APPEND_TIME])
			continue;
		err = open_witness(walk, files->segments[i].base_offset, NOWHERE, &witness);
		if (err)
			break;
		raise_filed(walk, files->segments[i].base_offset, witness.end_offset);
		walk->is_among_anothers |= witness.is_anothers;
		segment_witness_close(&witness);
	}
	return err;
}

static bool is_exchanged(struct partition_walk *walk, const struct segment_check *segment, int64_t next_base)
{
	struct segment_witness *witness = &walk->witness;
	if (!is_scanned(walk) || !segment_witness_is_against(witness))
		return false;
	int64_t to = next_base != NOWHERE ? next_base : witness->end_offset > segment->base_offset ? witness->end_offset : segment->end_offset;
	tell_lost_file(walk, segment, to,
		       witness->is_anothers || witness->is_among_anothers ? "its append times, or those beside it, are another partition's, so files were exchanged: the broker will refuse to start"
					    : "its append times, or the journal, tell of other batches, so files were exchanged: the broker will refuse to start");
	return true;
}

/* Behind the last segment, or before the first. */
static void check_filed(struct partition_walk *walk)
{
	static const char what[] = "what was filed here is not there: its append times, an earlier checkpoint or the journal tell of it";
	const struct picture_partition *picture = walk->check->picture;
	int64_t start = picture ? picture->start_offset : 0, from = walk->filed_from > start ? walk->filed_from : start;
	if (!is_scanned(walk) || !walk->filed_to)
		return;
	if (walk->first_offset != NOWHERE && !walk->check->are_starts_lost && from < walk->first_offset &&
	    !damaged_ranges_overlap(&walk->found, from, walk->first_offset)) {
		tell(walk, FINDING_DAMAGE, "", from, walk->first_offset, what);
		damaged_ranges_add(&walk->found, from, walk->first_offset);
	}
	if (walk->end_offset > from)
		from = walk->end_offset;
	bool has_journal = picture && picture->journal_from != NOWHERE;
	int64_t to = has_journal && picture->journal_from < walk->filed_to ? picture->journal_from : walk->filed_to;
	if ((has_journal && walk->end_offset != NOWHERE) || from >= to || damaged_ranges_hold(&walk->found, from, to))
		return;
	tell(walk, FINDING_DAMAGE, "", from, to, what);
	damaged_ranges_add(&walk->found, from, to);
}

static int run_segment(struct partition_walk *walk, const struct segment_files *files, int64_t next_base,
		       struct segment_check *segment)
{
	char file[4096];
	segment_file_name(walk, files->base_offset, SEGMENT_FILE_LOG, file, sizeof file);
	segment->file = file;
	if (!set_required(walk, files, next_base, segment)) {
		bool is_begun_since = knows_marks(walk) && !picture_segment(walk->check->picture, files->base_offset);
		if (!is_begun_since || !walk->check->is_in_use)
			count_tail(walk, files); /* the journal has what must be there */
		return 0;
	}
	struct picture_segment *known = walk->check->picture ? picture_segment(walk->check->picture, files->base_offset) : NULL;
	bool must_ask = is_scanned(walk) || (known && (known->first_crc || (knows_marks(walk) && known->filed.position > 0)));
	if (must_ask && is_another_file(walk, file, files->base_offset, known ? known->first_crc : 0)) {
		tell_lost_file(walk, segment, segment->required_offset != NOWHERE ? segment->required_offset : next_base,
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
		tell_lost_file(walk, segment, segment->required_offset, "a directory, a FIFO, a socket, a device or a link to nowhere stands in its place");
		return 0;
	}
	if (!err && is_exchanged(walk, segment, next_base))
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
	segment_file_name(walk, segment->base_offset, SEGMENT_FILE_SEAL, file, sizeof file);
	tell(walk, segment->is_stale_seal_ours ? FINDING_NOTE : FINDING_DERIVED, file, NOWHERE, NOWHERE,
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
	bool asks_witness = is_scanned(walk) || is_part_fenced(walk, files->base_offset);
	struct segment_check segment = {
		.sink = check->sink,
		.topic = check->topic_name,
		.partition = check->index,
		.base_offset = files->base_offset,
		.are_gaps_allowed = !check->topic,
		.is_foreign = !check->topic,
		.epochs = knows_marks(walk) ? &check->picture->epochs : NULL,
		.epochs_limit = knows_marks(walk) ? check->picture->epochs_limit : 0,
		.fenced = check->picture ? &check->picture->fenced : NULL,
		.held = check->picture ? &check->picture->held : NULL,
		.seal = seal_state == SEAL_GOOD ? &seal : NULL,
		.stale_seal = seal_state == SEAL_STALE ? &seal : NULL,
		.batch = walk->snapshots.count || asks_witness ? note_batch : NULL,
		.batch_context = walk,
	};
	walk->segment_base = files->base_offset;
	if (asks_witness)
		err = open_witness(walk, files->base_offset, next_base, &walk->witness);
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

/* What the scan will make of it (log/segment/overlap.h); NULL: nothing but what is in it. */
static const struct overlap_file *fate_of(const struct partition_walk *walk, int64_t base_offset)
{
	for (uint32_t i = 0; i < walk->file_count; i++)
		if (walk->files[i].base_offset == base_offset && walk->files[i].fate != OVERLAP_NONE)
			return &walk->files[i];
	return NULL;
}

static bool is_left_out(const struct partition_walk *walk, int64_t base_offset)
{
	const struct overlap_file *file = fate_of(walk, base_offset);
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

static int known_first_crc(void *context, int64_t base_offset, uint32_t *crc)
{
	const struct partition_walk *walk = context;
	const struct picture_segment *known = walk->check->picture ? picture_segment(walk->check->picture, base_offset) : NULL;
	struct segment_witness witness;
	int err = open_witness(walk, base_offset, NOWHERE, &witness);
	if (err)
		return err;
	*crc = known && known->filed.position > 0 && known->first_crc ? known->first_crc : witness.first_crc;
	segment_witness_close(&witness);
	return 0;
}

/* What cannot be read is said where it is checked. */
static int judge_overlaps(struct partition_walk *walk)
{
	const struct partition_check *check = walk->check;
	const struct picture_partition *picture = check->picture;
	struct overlap_known known = {.journal_from = picture && picture->journal_from != NOWHERE ? picture->journal_from : INT64_MAX, .first_crc = known_first_crc, .context = walk};
	char dir[4096];
	if (picture) {
		known.journal_crc = picture->journal_crc;
		known.file_base = picture->file_base;
		known.file_crc = picture->file_crc;
		known.is_file_last = picture->is_file_last;
	}
	walk->files = calloc(check->files->segment_count + 1, sizeof *walk->files);
	if (!walk->files)
		return -ENOMEM;
	for (uint32_t i = 0; i < check->files->segment_count; i++)
		if (check->files->segments[i].has[SEGMENT_FILE_LOG])
			walk->files[walk->file_count++].base_offset = check->files->segments[i].base_offset;
	snprintf(dir, sizeof dir, "%s/%s", check->sink->dir, check->files->name);
	int err = overlap_judge(check->sink->io, dir, &known, walk->files, walk->file_count);
	if (err && err != -ENOMEM)
		walk->file_count = 0;
	return err == -ENOMEM ? err : 0;
}

static void note_left_out(const struct partition_walk *walk, const struct overlap_file *judged)
{
	char file[4096], what[256];
	segment_file_name(walk, judged->base_offset, SEGMENT_FILE_LOG, file, sizeof file);
	snprintf(what, sizeof what, "it is not of this log, by all that is known of it: %020ld.log %s; the next start keeps it aside as .log.foreign", (long)judged->beside,
		 judged->is_beyond ? "ends before it, and the journal has nothing of it" : "has offsets of it as well, and is of this log");
	tell(walk, FINDING_NOTE, file, NOWHERE, NOWHERE, what);
}

/* To where the next one begins, or as far as it goes itself. */
static void tell_doubtful(struct partition_walk *walk, const struct overlap_file *judged, int64_t next_base)
{
	char file[4096], what[256];
	struct segment_check segment = {.base_offset = judged->base_offset, .file = file};
	segment_file_name(walk, judged->base_offset, SEGMENT_FILE_LOG, file, sizeof file);
	snprintf(what, sizeof what, "%020ld.log has the same offsets, so one of them is not of this log, and nothing tells which: the broker will refuse to start", (long)judged->beside);
	tell_lost_file(walk, &segment, next_base != NOWHERE ? next_base : judged->end, what);
}

static void note_leftover(const struct partition_walk *walk, int64_t base_offset)
{
	char file[4096];
	segment_file_name(walk, base_offset, SEGMENT_FILE_LOG, file, sizeof file);
	tell(walk, FINDING_NOTE, file, NOWHERE, NOWHERE, "a segment below the log start: it was deleted, and is left over");
}

static void note_stray(const struct partition_walk *walk, int64_t base_offset)
{
	char file[4096];
	segment_file_name(walk, base_offset, SEGMENT_FILE_LOG, file, sizeof file);
	tell(walk, FINDING_NOTE, file, NOWHERE, NOWHERE, "the checkpoint does not tell of this segment: it is not part of the log");
}

static int check_segments(struct partition_walk *walk)
{
	const struct partition_dir *files = walk->check->files;
	int err = 0;
	for (uint32_t i = 0; i < files->segment_count && !err; i++) {
		const struct segment_files *segment = &files->segments[i];
		const struct overlap_file *judged = fate_of(walk, segment->base_offset);
		if (judged && judged->fate == OVERLAP_STRAY)
			note_left_out(walk, judged);
		else if (judged)
			tell_doubtful(walk, judged, next_log_base(walk, i));
		else if (segment->has[SEGMENT_FILE_LOG] && is_leftover(walk, segment->base_offset))
			note_leftover(walk, segment->base_offset);
		else if (is_stray(walk, segment))
			note_stray(walk, segment->base_offset);
		else if (segment->has[SEGMENT_FILE_LOG])
			err = check_segment(walk, segment, next_log_base(walk, i));
	}
	return err;
}

/* ---- what should be there and is not ------------------------------------------------------------------- */

static bool has_log(const struct partition_dir *files, int64_t base_offset)
{
	for (uint32_t i = 0; files && i < files->segment_count; i++)
		if (files->segments[i].base_offset == base_offset)
			return files->segments[i].has[SEGMENT_FILE_LOG];
	return false;
}

/* But for what the journal has of it. */
static void tell_missing_log(struct partition_walk *walk, const char *file, const struct picture_segment *segment)
{
	struct finding finding = {.file = file, .from = segment->base_offset, .what = "the file is missing"};
	for (; damaged_ranges_miss(&walk->check->picture->held, &finding.from, segment->required.offset, &finding.to); finding.from = finding.to) {
		bool is_whole = finding.from == segment->base_offset && finding.to == segment->required.offset;
		finding.position_from = is_whole ? 0 : NOWHERE;
		finding.position_to = is_whole ? (int64_t)segment->required.position : NOWHERE;
		tell_lost_part(walk, finding);
	}
}

static int no_entry(void *context, const char *name, bool is_directory)
{
	(void)context;
	(void)name;
	(void)is_directory;
	return 0;
}

/* A directory whose disk is not mounted is not missing: -ENOTDIR, nothing can be said of it. */
static int look_for_directory(const struct partition_walk *walk)
{
	char path[8192], name[PARTITION_DIR_NAME_SIZE];
	partition_dir_name(name, walk->check->topic_name, (uint32_t)walk->check->index);
	snprintf(path, sizeof path, "%s/%s", walk->check->sink->dir, name);
	int err = io_dir_list(walk->check->sink->io, path, no_entry, NULL);
	return err == -ENOTDIR ? err : 0;
}

static int check_missing_segments(struct partition_walk *walk)
{
	const struct partition_check *check = walk->check;
	int err = check->files ? 0 : look_for_directory(walk);
	if (err)
		return err;
	for (uint32_t i = 0; check->picture && i < check->picture->segment_count; i++) {
		const struct picture_segment *segment = &check->picture->segments[i];
		if (segment->required.position == 0 ||
		    segment->required.offset <= check->picture->start_offset)
			continue;
		if (has_log(check->files, segment->base_offset))
			continue;
		char dir[PARTITION_DIR_NAME_SIZE], name[SEGMENT_NAME_SIZE], file[4096];
		partition_dir_name(dir, check->topic_name, (uint32_t)check->index);
		segment_name_format(name, segment->base_offset, SEGMENT_FILE_LOG);
		snprintf(file, sizeof file, "%s/%s", dir, name);
		tell_missing_log(walk, file, segment);
	}
	return 0;
}

static void tell_fenced(const struct partition_walk *walk, int64_t from, int64_t to, bool is_whole)
{
	const struct partition_check *check = walk->check;
	struct finding finding = {FINDING_DAMAGE, check->topic_name, check->index, "", from, to, NOWHERE, NOWHERE, .is_fenced = true, .is_whole_again = is_whole,
				  .what = is_whole ? "fenced since an earlier start, but whole again: `spate log repair` serves it"
						   : "known since an earlier start to be damaged: fenced"};
	if (from < to && to > check->picture->start_offset)
		verify_tell(check->sink, &finding);
}

/* In its parts: where the file was put back, and where it was not. */
static void check_fenced(const struct partition_walk *walk, int64_t from, int64_t to)
{
	for (int64_t end; from < to; from = end) {
		int64_t broken_from = from;
		if (!damaged_ranges_miss(&walk->whole, &broken_from, to, &end))
			broken_from = end = to;
		tell_fenced(walk, from, broken_from, true);
		tell_fenced(walk, broken_from, end, false);
	}
}

/* How far files and witnesses tell of a log that no checkpoint knows; of one that has none of them, it began where it starts. NOWHERE: nobody can say. */
static int64_t reached(const struct partition_walk *walk)
{
	int64_t start = walk->check->are_starts_lost ? NOWHERE : walk->check->picture->start_offset;
	return walk->end_offset != NOWHERE ? walk->end_offset : walk->filed_to ? walk->filed_to : start;
}

static void check_known_ranges(const struct partition_walk *walk)
{
	const struct picture_partition *picture = walk->check->picture;
	for (uint32_t i = 0; picture && i < picture->lost.count; i++)
		tell(walk, FINDING_DAMAGE, "", picture->lost.ranges[i].from, picture->lost.ranges[i].to,
		     "acknowledged records that neither a file nor the journal holds");
	for (uint32_t i = 0; picture && i < picture->fenced.count; i++) {
		int64_t from = picture->fenced.ranges[i].from, end = picture->fenced.ranges[i].to, to;
		for (; damaged_ranges_miss(&walk->found, &from, end, &to); from = to)
			check_fenced(walk, from, to);
	}
	int64_t from = picture ? reached(walk) : NOWHERE;
	if (picture && !picture->is_known && from != NOWHERE && from < picture->journal_from)
		tell(walk, FINDING_DAMAGE, "", from, picture->journal_from, "acknowledged records that neither a file nor the journal holds");
}

/* ---- derived files ------------------------------------------------------------------------------------- */

/* The file may lag behind: it is not synced; and its first entry may begin where retention has cut. */
static bool fit_batches(const struct partition_walk *walk, const struct epochs *file)
{
	for (uint32_t i = 0; i < walk->seen.count; i++) {
		const struct epoch_entry *seen = &walk->seen.entries[i];
		int32_t told = epochs_at(file, seen->start_offset);
		if (told >= 0 && seen->epoch >= 0 && seen->epoch <= epochs_latest(file) &&
		    told != seen->epoch)
			return false;
	}
	return true;
}

/* Where an epoch begins by the file, batches of it begin; unless compaction has taken them. */
static bool fit_entries(const struct partition_walk *walk, const struct epochs *file)
{
	const struct topic *topic = walk->check->topic;
	if (!topic || walk->seen.count == 0)
		return true;
	for (uint32_t i = 0; i < file->count; i++) {
		const struct epoch_entry *entry = &file->entries[i];
		bool is_walked = entry->start_offset >= walk->seen.entries[0].start_offset &&
				 entry->start_offset < walk->end_offset;
		if (is_walked && epochs_at(&walk->seen, entry->start_offset) != entry->epoch)
			return false;
	}
	return true;
}

static bool do_epochs_agree(const struct partition_walk *walk, const struct epochs *file)
{
	return fit_batches(walk, file) && fit_entries(walk, file);
}

static int check_epoch_file(const struct partition_walk *walk)
{
	char file[4096];
	struct slice text;
	if (!walk->check->files->has_epochs || walk->check->is_in_use)
		return 0;
	file_name(walk, "leader-epoch-checkpoint", file, sizeof file);
	int err = read_file(walk, file, EPOCH_FILE_SIZE_MAX, FINDING_DERIVED, &text);
	if (err || !text.data)
		return err;
	struct epochs epochs;
	epochs_init(&epochs);
	int fault = epochs_decode(&epochs, text);
	bool is_unwritten = fault && fault != -ENOMEM && epochs_is_torn(text);
	free((void *)text.data);
	if (is_unwritten)
		note_unwritten(walk, file, text.size);
	else if (fault && fault != -ENOMEM)
		tell(walk, FINDING_DERIVED, file, NOWHERE, NOWHERE, "it is no list of leader epochs");
	else if (!fault && !walk->found.count && !do_epochs_agree(walk, &epochs))
		tell(walk, FINDING_DERIVED, file, NOWHERE, NOWHERE,
		     "it says other leader epochs than the batches");
	epochs_fini(&epochs);
	return fault == -ENOMEM ? fault : 0;
}

/* A snapshot that can be read is kept until the batches have been seen. */
static int read_snapshot(struct partition_walk *walk, int64_t base_offset)
{
	char file[4096];
	struct slice bytes;
	segment_file_name(walk, base_offset, SEGMENT_FILE_SNAPSHOT, file, sizeof file);
	int err = read_file(walk, file, SNAPSHOT_SIZE_MAX, FINDING_DERIVED, &bytes);
	if (err || !bytes.data)
		return err;
	struct producer_state *state = NULL;
	int fault = producer_snapshot_decode(&state, bytes, 0, PRODUCERS_MAX);
	if (!fault)
		err = snapshot_check_add(&walk->snapshots, base_offset, state);
	producer_destroy(&state);
	bool is_unwritten = is_blank(bytes);
	free((void *)bytes.data);
	if (err || fault == -ENOMEM)
		return err ? err : fault;
	if (is_unwritten)
		note_unwritten(walk, file, bytes.size);
	else if (fault)
		tell(walk, FINDING_DERIVED, file, NOWHERE, NOWHERE,
		     fault == ERR_FORMAT ? "it is no producer snapshot of version 1"
					 : "the snapshot fails its CRC-32C");
	return 0;
}

static int read_snapshots(struct partition_walk *walk)
{
	const struct partition_dir *files = walk->check->files;
	int err = 0;
	for (uint32_t i = 0; i < files->segment_count && !err; i++)
		if (is_to_check(walk, &files->segments[i], SEGMENT_FILE_SNAPSHOT))
			err = read_snapshot(walk, files->segments[i].base_offset);
	return err ? err : snapshot_check_begin(&walk->snapshots);
}

/* Where batches are damaged nothing is said of what is not there. */
static void check_snapshot(const struct partition_walk *walk, int64_t base_offset)
{
	char file[4096];
	if (!walk->check->topic || walk->found.count || walk->first_offset == NOWHERE)
		return;
	const char *fault = snapshot_check_fault(&walk->snapshots, base_offset, walk->first_offset, walk->end_offset);
	segment_file_name(walk, base_offset, SEGMENT_FILE_SNAPSHOT, file, sizeof file);
	if (fault)
		tell(walk, FINDING_DERIVED, file, NOWHERE, NOWHERE, fault);
}

static int check_append_times(const struct partition_walk *walk, int64_t base_offset)
{
	const struct partition_check *check = walk->check;
	struct append_time_owner owner = {.partition = (uint32_t)check->index, .base_offset = base_offset};
	enum finding_kind kind;
	const char *what;
	char file[4096], path[8192], why[128];
	if (check->topic)
		owner.topic_id = check->topic->id;
	segment_file_name(walk, base_offset, SEGMENT_FILE_APPEND_TIME, file, sizeof file);
	snprintf(path, sizeof path, "%s/%s", check->sink->dir, file);
	int err = append_time_check(check->sink->io, path, check->topic ? &owner : NULL, &kind, &what);
	if (err == -ENOMEM)
		return err;
	if (err) {
		kind = FINDING_DERIVED;
		snprintf(why, sizeof why, "it cannot be read: %s", err_text(err));
		what = why;
	}
	if (what)
		tell(walk, kind, file, NOWHERE, NOWHERE, what);
	return 0;
}

static int check_derived(const struct partition_walk *walk)
{
	const struct partition_dir *files = walk->check->files;
	int err = check_epoch_file(walk);
	for (uint32_t i = 0; i < files->segment_count && !err; i++)
		if (is_to_check(walk, &files->segments[i], SEGMENT_FILE_SNAPSHOT))
			check_snapshot(walk, files->segments[i].base_offset);
	for (uint32_t i = 0; i < files->segment_count && !err; i++)
		if (!walk->has_exchanged && is_to_check(walk, &files->segments[i], SEGMENT_FILE_APPEND_TIME))
			err = check_append_times(walk, files->segments[i].base_offset);
	return err;
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

static int run(struct partition_walk *walk)
{
	bool is_ours = true;
	if (walk->check->files && walk->check->files->unread)
		return walk->check->files->unread;
	int err = is_scanned(walk) ? ask_append_times(walk) : 0;
	if (!err && walk->check->files)
		err = check_metadata(walk, &is_ours);
	if (err || !is_ours)
		return err;
	if (walk->check->files)
		err = read_snapshots(walk);
	if (!err && walk->check->files && is_scanned(walk))
		err = judge_overlaps(walk);
	if (!err && walk->check->files)
		err = check_segments(walk);
	if (err)
		return err;
	if (!walk->check->is_in_use)
		err = check_missing_segments(walk);
	if (err)
		return err;
	check_known_ranges(walk);
	check_filed(walk);
	return walk->check->files ? check_derived(walk) : 0;
}

int partition_check_run(const struct partition_check *check)
{
	struct partition_walk walk = {.check = check, .first_offset = NOWHERE, .end_offset = NOWHERE};
	epochs_init(&walk.seen);
	int err = run(&walk);
	epochs_fini(&walk.seen);
	free(walk.found.ranges);
	free(walk.whole.ranges);
	free(walk.files);
	snapshot_check_fini(&walk.snapshots);
	return err;
}
