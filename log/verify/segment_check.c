/* The walk over one segment file.
 *
 * Happy path: batch after batch is judged good and taken: counted, hashed for the seal, held against the
 * indexes.
 *
 * A batch that is judged bad begins a damaged range. It ends where the broker's readers go on
 * (log/segment/resync.h): what they fence is named. Ranges that touch are told as one.
 *
 * What a CRC does not cover needs care. A batch whose own CRC is good but whose base offset is not the one
 * due is either misplaced, or its base offset was changed (the batch behind it then goes on as if it had
 * not been), or batches are missing before it; where compaction leaves gaps, that is no loss. */
#include "log/verify/segment_check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/base/bytes.h"
#include "log/batch/record_iter.h"
#include "log/segment/hole_mark.h"
#include "log/segment/resync.h"
#include "log/verify/file_window.h"

const char *finding_kind_name(enum finding_kind kind)
{
	static const char *const names[finding_kind_count] = {"damage", "derived", "note"};
	return names[kind];
}

void verify_tell(struct verify_sink *sink, const struct finding *finding)
{
	sink->counts.findings[finding->kind]++;
	sink->found(sink->context, finding);
}

/* ---- ranges -------------------------------------------------------------------------------------------- */

void damaged_ranges_add(struct damaged_ranges *ranges, int64_t from, int64_t to)
{
	if (ranges->count == ranges->capacity) {
		uint32_t capacity = ranges->capacity ? 2 * ranges->capacity : 16;
		void *grown = realloc(ranges->ranges, capacity * sizeof *ranges->ranges);
		if (!grown)
			return;
		ranges->ranges = grown;
		ranges->capacity = capacity;
	}
	ranges->ranges[ranges->count].from = from;
	ranges->ranges[ranges->count++].to = to;
}

bool damaged_ranges_overlap(const struct damaged_ranges *ranges, int64_t from, int64_t to)
{
	for (uint32_t i = 0; i < ranges->count; i++)
		if (ranges->ranges[i].from < to && from < ranges->ranges[i].to)
			return true;
	return false;
}

bool damaged_ranges_miss(const struct damaged_ranges *ranges, int64_t *from, int64_t to, int64_t *end)
{
	*end = to;
	for (bool is_moved = true; is_moved && *from < to;) {
		is_moved = false;
		*end = to;
		for (uint32_t i = 0; i < ranges->count; i++) {
			int64_t begins = ranges->ranges[i].from, ends = ranges->ranges[i].to;
			if (begins <= *from && *from < ends) {
				*from = ends;
				is_moved = true;
			} else if (begins > *from && begins < *end) {
				*end = begins;
			}
		}
	}
	return *from < to;
}

bool damaged_ranges_hold(const struct damaged_ranges *ranges, int64_t from, int64_t to)
{
	for (uint32_t i = 0; i < ranges->count; i++)
		if (ranges->ranges[i].from <= from && (to == NOWHERE || to <= ranges->ranges[i].to) && from < ranges->ranges[i].to)
			return true;
	return false;
}

/* ---- the walk's state ---------------------------------------------------------------------------------- */

enum fault {
	FAULT_NONE,
	FAULT_UNREADABLE,
	FAULT_SHORT,
	FAULT_ZEROS,
	FAULT_LENGTH,
	FAULT_MAGIC,
	FAULT_CRC,
	FAULT_OFFSET,      /* the CRC is good, the base offset is not the one due */
	FAULT_HEADER,
	FAULT_EPOCH,       /* this and what follows: the batch can be walked over */
	FAULT_RECORDS,
};

/* A damaged range that the next one may still extend. */
struct pending {
	enum fault fault;
	int64_t from, to;
	uint64_t position_from, position_to;
	char what[192];
};

struct walk {
	struct segment_check *check;
	struct file_window window;
	uint64_t limit;            /* the walk ends here, at the latest */
	uint64_t position;
	int64_t offset;            /* due next */
	int32_t epoch;
	bool is_memory_short;
	struct pending pending;
	struct seal_hash *hash;
	struct mark_check filed;   /* against what was filed here */
	struct index_check index, time_index;
	struct offset_index places; /* of the index file, if it fits the seal: as the broker's own */
	uint64_t batches, records;
	uint64_t since_progress;
	char what[192];            /* of the batch judged last */
};

static struct slice view(struct walk *walk, uint64_t position, uint64_t size)
{
	const uint8_t *bytes = NULL;
	if (file_window_view(&walk->window, position, (size_t)size, &bytes)) {
		walk->is_memory_short = true;
		return (struct slice){NULL, 0};
	}
	return (struct slice){bytes, (size_t)size};
}

/* Bytes from `position` on that the walk may look at. */
static uint64_t bytes_left(const struct walk *walk, uint64_t position)
{
	uint64_t end = walk->limit < walk->window.file_size ? walk->limit : walk->window.file_size;
	return position < end ? end - position : 0;
}

/* The offset that no batch of this segment reaches; INT64_MAX if that is not known. */
static int64_t offset_limit(const struct segment_check *check)
{
	if (check->required_offset != NOWHERE && !check->is_open_ended)
		return check->required_offset;
	return check->limit_offset != NOWHERE ? check->limit_offset : INT64_MAX;
}

/* ---- telling ------------------------------------------------------------------------------------------- */

static void tell(struct segment_check *check, enum finding_kind kind, const char *file, int64_t from,
		 int64_t to, int64_t position_from, int64_t position_to, const char *what)
{
	struct finding finding = {kind, check->topic, check->partition, file, from, to, position_from,
				  position_to, .what = what};
	finding.is_fenced = kind == FINDING_DAMAGE && check->fenced && from != NOWHERE && damaged_ranges_hold(check->fenced, from, to);
	verify_tell(check->sink, &finding);
}

static void flush_pending(struct walk *walk)
{
	struct pending *pending = &walk->pending;
	if (pending->fault == FAULT_NONE)
		return;
	tell(walk->check, FINDING_DAMAGE, walk->check->file, pending->from, pending->to,
	     (int64_t)pending->position_from, (int64_t)pending->position_to, pending->what);
	pending->fault = FAULT_NONE;
}

static void note_damaged_part(struct walk *walk, enum fault fault, int64_t from, int64_t to, uint64_t position_from,
			      uint64_t position_to)
{
	struct pending *pending = &walk->pending;
	damaged_ranges_add(&walk->check->damaged, from, to == NOWHERE ? INT64_MAX : to);
	if (pending->fault == fault && pending->position_to == position_from && pending->to == from) {
		pending->to = to;
		pending->position_to = position_to;
		return;
	}
	flush_pending(walk);
	*pending = (struct pending){
		.fault = fault, .from = from, .to = to, .position_from = position_from, .position_to = position_to,
	};
	memcpy(pending->what, walk->what, sizeof pending->what);
}

/* But for what the journal has of it: that is not lost, whatever the file says. */
static void note_damage(struct walk *walk, enum fault fault, int64_t from, int64_t to, uint64_t position_from,
			uint64_t position_to)
{
	const struct damaged_ranges *held = walk->check->held;
	int64_t end;
	walk->check->is_broken = true;
	if (!held || to == NOWHERE) {
		note_damaged_part(walk, fault, from, to, position_from, position_to);
		return;
	}
	for (; damaged_ranges_miss(held, &from, to, &end); from = end)
		note_damaged_part(walk, fault, from, end, position_from, position_to);
}

/* ---- judging one batch --------------------------------------------------------------------------------- */

#define FAULT(walk, fault, ...) (snprintf((walk)->what, sizeof (walk)->what, __VA_ARGS__), (fault))

static bool is_unreadable(const struct walk *walk, uint64_t position, uint64_t size)
{
	const struct file_window *window = &walk->window;
	return window->unreadable_from < position + size && position < window->unreadable_to;
}

static enum fault fault_short(struct walk *walk, uint64_t missing)
{
	return FAULT(walk, FAULT_SHORT, "the file ends %llu bytes early", (unsigned long long)missing);
}

/* The header alone: can it be one, and does its batch fit the file? */
static enum fault judge_header(struct walk *walk, uint64_t position, struct batch *batch)
{
	uint64_t left = bytes_left(walk, position);
	uint64_t due = walk->limit - position;
	memset(batch, 0, sizeof *batch);
	if (left < BATCH_HEADER_SIZE)
		return left < due ? fault_short(walk, due - left)
				  : FAULT(walk, FAULT_SHORT, "no whole batch fits the last %llu bytes",
					  (unsigned long long)left);
	struct slice header = view(walk, position, BATCH_HEADER_SIZE);
	if (!header.data)
		return FAULT_SHORT;
	int err = batch_parse_header(header, batch);
	if (err && is_unreadable(walk, position, BATCH_HEADER_SIZE))
		return FAULT(walk, FAULT_UNREADABLE, "the disk cannot read it: %s",
			     err_text(walk->window.read_error));
	if (err && bytes_are_zeros(header.data, header.size))
		return FAULT(walk, FAULT_ZEROS, "zeros where a batch should be");
	struct append_time_owner owner;
	if (err && position == 0 && hole_mark_decode(&owner, header))
		return FAULT(walk, FAULT_ZEROS, "a hole: the file was lost, or another stood in its place, and the log went on behind it");
	if (err == ERR_INVALID_RECORD)
		return FAULT(walk, FAULT_MAGIC, "a batch's magic is %d, not 2", batch->magic);
	if (err)
		return FAULT(walk, FAULT_LENGTH, "a batch's length field says what cannot be");
	if (batch->size_bytes > left)
		return left < due && batch->size_bytes <= due
			       ? fault_short(walk, due - left)
			       : FAULT(walk, FAULT_LENGTH, "a batch's length of %u bytes reaches behind the end",
				       batch->size_bytes);
	return FAULT_NONE;
}

/* Header and CRC; what the batch says of offsets is not looked at. */
static enum fault judge_bytes(struct walk *walk, uint64_t position, struct batch *batch)
{
	enum fault fault = judge_header(walk, position, batch);
	if (fault)
		return fault;
	struct slice bytes = view(walk, position, batch->size_bytes);
	if (!bytes.data)
		return FAULT_SHORT;
	if (batch_check_crc(bytes, batch))
		return is_unreadable(walk, position, batch->size_bytes)
			       ? FAULT(walk, FAULT_UNREADABLE, "the disk cannot read it: %s",
				       err_text(walk->window.read_error))
			       : FAULT(walk, FAULT_CRC, "a batch fails its CRC-32C");
	if (batch->last_offset_delta < 0 || batch->base_offset < 0 ||
	    batch->base_offset > INT64_MAX - 1 - batch->last_offset_delta)
		return FAULT(walk, FAULT_HEADER, "a batch's offsets cannot be (its CRC is good)");
	return FAULT_NONE;
}

/* May a batch of these offsets stand here, if nothing is known of what lies before it? */
static bool is_possible_here(const struct walk *walk, const struct batch *batch)
{
	return batch->base_offset >= walk->offset && batch_next_offset(batch) <= offset_limit(walk->check);
}

/* Where the batch behind this one begins its offsets; NOWHERE if there is no good one. */
static int64_t base_behind(struct walk *walk, uint64_t position)
{
	struct batch next;
	char kept[sizeof walk->what];
	memcpy(kept, walk->what, sizeof kept);
	bool is_good = judge_bytes(walk, position, &next) == FAULT_NONE;
	memcpy(walk->what, kept, sizeof kept);
	return is_good ? next.base_offset : NOWHERE;
}

/* The batch passes its CRC, but its base offset is not the one due. Was the base offset changed? Then what
 * follows goes on from what it was. */
static bool is_offset_changed(struct walk *walk, const struct batch *batch)
{
	int64_t due = walk->offset + batch->last_offset_delta + 1;
	return base_behind(walk, walk->position + batch->size_bytes) == due;
}

static enum fault judge_offset(struct walk *walk, const struct batch *batch)
{
	if (batch->base_offset == walk->offset && batch_next_offset(batch) <= offset_limit(walk->check))
		return FAULT_NONE;
	if (walk->check->are_gaps_allowed && !is_offset_changed(walk, batch) && is_possible_here(walk, batch))
		return FAULT_NONE;
	return FAULT(walk, FAULT_OFFSET, "a batch says base offset %lld where %lld is due (its CRC is good)",
		     (long long)batch->base_offset, (long long)walk->offset);
}

static enum fault judge(struct walk *walk, struct batch *batch)
{
	enum fault fault = judge_bytes(walk, walk->position, batch);
	return fault ? fault : judge_offset(walk, batch);
}

/* ---- what is inside a good batch ----------------------------------------------------------------------- */

/* The epoch lies outside the CRC: it is held against what is known of the partition's epochs, or must not
 * fall. */
static enum fault judge_epoch(struct walk *walk, const struct batch *batch)
{
	const struct segment_check *check = walk->check;
	bool is_known = check->epochs && batch->base_offset < check->epochs_limit;
	int32_t due = is_known ? epochs_at(check->epochs, batch->base_offset) : -1;
	if (due >= 0 ? batch->leader_epoch == due : batch->leader_epoch >= walk->epoch)
		return FAULT_NONE;
	return FAULT(walk, FAULT_EPOCH, "a batch says leader epoch %d where %d is due (its CRC is good)",
		     batch->leader_epoch, due >= 0 ? due : walk->epoch);
}

static enum fault judge_records(struct walk *walk, const struct batch *batch, struct slice bytes)
{
	struct record_iter iter;
	struct record record;
	int64_t last = batch->base_offset - 1;
	int err = record_iter_open(&iter, walk->check->sink->workspace, bytes);
	if (err)
		return FAULT(walk, FAULT_RECORDS, "a batch's records cannot be read: %s (its CRC is good)",
			     err_text(err));
	while ((err = record_iter_next(&iter, &record)) == 1) {
		if (record.offset <= last || record.offset > batch_last_offset(batch))
			break;
		last = record.offset;
	}
	record_iter_close(&iter);
	walk->is_memory_short |= err == -ENOMEM;
	if (err == 0)
		return FAULT_NONE;
	if (err < 0)
		return FAULT(walk, FAULT_RECORDS, "a batch's records cannot be read: %s (its CRC is good)",
			     err_text(err));
	return FAULT(walk, FAULT_RECORDS, "a record says offset %lld, which its batch does not hold (its CRC is good)",
		     (long long)record.offset);
}

static void note_gap(struct walk *walk, int64_t from, int64_t to)
{
	walk->check->is_broken = true;
	if (walk->check->are_gaps_allowed ||
	    (walk->check->fenced && damaged_ranges_overlap(walk->check->fenced, from, to)))
		return;
	snprintf(walk->what, sizeof walk->what, "batches are missing");
	note_damage(walk, FAULT_OFFSET, from, to, walk->position, walk->position);
}

static void learn_epoch(struct walk *walk, const struct batch *batch)
{
	walk->epoch = batch->leader_epoch;
	if (batch->leader_epoch > epochs_latest(&walk->check->seen) &&
	    epochs_assign(&walk->check->seen, batch->leader_epoch, batch->base_offset) < 0)
		walk->is_memory_short = true;
}

void verify_note_progress(struct verify_sink *sink)
{
	if (sink->progress)
		sink->progress(sink->context, sink->counts.bytes, sink->total_bytes);
}

static void note_progress(struct walk *walk, uint64_t size)
{
	struct verify_sink *sink = walk->check->sink;
	sink->counts.bytes += size;
	walk->since_progress += size;
	if (walk->since_progress < 8u << 20)
		return;
	walk->since_progress = 0;
	verify_note_progress(sink);
}

/* As far as the seal goes, are these the batches it is of? */
static void compare_stale_seal(struct walk *walk)
{
	const struct seal *seal = walk->check->stale_seal;
	uint64_t low, high;
	if (!seal || walk->position != seal->log_size_bytes || walk->offset != seal->next_offset)
		return;
	seal_hash_result(walk->hash, &low, &high);
	walk->check->is_stale_seal_ours = low == seal->headers_checksum_low && high == seal->headers_checksum_high;
}

static void take(struct walk *walk, const struct batch *batch)
{
	struct slice bytes = view(walk, walk->position, batch->size_bytes);
	if (!bytes.data)
		return;
	if (batch->base_offset > walk->offset)
		note_gap(walk, walk->offset, batch->base_offset);
	enum fault fault = judge_epoch(walk, batch);
	if (fault)
		note_damage(walk, fault, batch->base_offset, batch_next_offset(batch), walk->position,
			    walk->position + batch->size_bytes);
	else
		learn_epoch(walk, batch);
	bool is_right = !fault;
	fault = judge_records(walk, batch, bytes);
	if (fault && !walk->is_memory_short)
		note_damage(walk, fault, batch->base_offset, batch_next_offset(batch), walk->position,
			    walk->position + batch->size_bytes);
	if (is_right && !fault) /* another header that is told by itself is not told by its sum as well */
		mark_check_batch(&walk->filed, walk->position, bytes.data, batch);
	if (walk->check->batch) {
		flush_pending(walk);
		walk->check->batch(walk->check->batch_context, batch, walk->position, bytes);
	}
	seal_hash_update(walk->hash, bytes.data, BATCH_HEADER_SIZE);
	index_check_batch(&walk->index, batch, walk->position);
	index_check_batch(&walk->time_index, batch, walk->position);
	if (walk->position == 0)
		walk->check->first_crc = batch->crc;
	walk->batches++;
	walk->records += (uint32_t)(batch->records_count > 0 ? batch->records_count : 0);
	walk->position += batch->size_bytes;
	walk->offset = batch_next_offset(batch);
	compare_stale_seal(walk);
	note_progress(walk, batch->size_bytes);
}

/* ---- going on behind a bad one ------------------------------------------------------------------------- */

static int read_for_resync(void *context, void *out, uint32_t size_bytes, uint64_t position)
{
	struct walk *walk = context;
	if (bytes_left(walk, position) < size_bytes)
		return ERR_CORRUPT_LOG;
	struct slice bytes = view(walk, position, size_bytes);
	if (!bytes.data)
		return -ENOMEM;
	memcpy(out, bytes.data, size_bytes);
	return 0;
}

static uint64_t next_data_for_resync(void *context, uint64_t position)
{
	const struct walk *walk = context;
	return file_window_next_data(&walk->window, position);
}

/* As the broker knows them: from the checkpoint. */
static bool find_fence(const void *fences, int64_t offset, int64_t *from)
{
	const struct damaged_ranges *ranges = fences;
	for (uint32_t i = 0; ranges && i < ranges->count; i++) {
		*from = ranges->ranges[i].from;
		if (*from <= offset && offset < ranges->ranges[i].to)
			return true;
	}
	return false;
}

static struct resync_source source_of(struct walk *walk)
{
	return (struct resync_source){
		.read = read_for_resync, .next_data = next_data_for_resync, .context = walk, .base_offset = walk->check->base_offset,
		.end_position = walk->limit, .end_offset = offset_limit(walk->check),
		.fit_position = walk->limit, .fit_offset = offset_limit(walk->check),
		.file_end = walk->window.file_size, .memory_position = walk->limit, .steps = walk->check->steps,
		.places = walk->places.count ? &walk->places : NULL, .find_fence = find_fence, .fences = walk->check->fenced,
		.known_position = walk->check->known_end.position, .known_offset = walk->check->known_end.offset,
	};
}

/* Batches that were taken may turn out to be another log's: the damage begins before them. */
static void find_begin(struct walk *walk)
{
	struct resync_source source = source_of(walk);
	uint64_t met = walk->position;
	int err = resync_find_begin(&source, &walk->position, &walk->offset);
	walk->is_memory_short |= err == -ENOMEM;
	if (walk->position < met)
		snprintf(walk->what, sizeof walk->what, "batches stand where others did, by the index, and lead to no batch of this log");
}

/* Where the log goes on behind the bad batch at walk->position, by the broker's own rule: what its readers fence is what is named here. False if it does
 * not go on. */
static bool find_next(struct walk *walk, uint64_t *position, struct batch *next)
{
	struct resync_source source = source_of(walk);
	int err = resync_find(&source, walk->position, walk->offset - 1, position, next);
	walk->is_memory_short |= err == -ENOMEM;
	return !err;
}

/* Where the damaged range ends if nothing good follows. */
static int64_t last_offset_due(const struct walk *walk)
{
	int64_t limit = offset_limit(walk->check);
	return limit == INT64_MAX ? NOWHERE : limit;
}

static bool is_zero_to_end(struct walk *walk, uint64_t position)
{
	for (uint64_t size; (size = bytes_left(walk, position = file_window_next_data(&walk->window, position))); position += size) {
		size = size < 64u << 10 ? size : 64u << 10;
		struct slice bytes = view(walk, position, size);
		if (!bytes.data || !bytes_are_zeros(bytes.data, bytes.size))
			return false;
	}
	return true;
}

/* What lies behind the last batch. Where the durable point is known, it is nobody's loss, and only
 * counted. */
static void note_tail(struct walk *walk)
{
	uint64_t size = walk->window.file_size > walk->position ? walk->window.file_size - walk->position : 0;
	if (!size)
		return;
	walk->check->sink->counts.tails++;
	walk->check->sink->counts.tail_bytes += size;
	if (!walk->check->is_open_ended)
		return;
	char what[sizeof walk->what + 96] = "zeros to the end: room that was reserved";
	if (!is_zero_to_end(walk, walk->position))
		snprintf(what, sizeof what,
			 "a tail that is no batch (%s): torn by a crash, or damaged; nothing here can tell",
			 walk->what);
	tell(walk->check, FINDING_NOTE, walk->check->file, walk->offset, NOWHERE, (int64_t)walk->position,
	     (int64_t)walk->window.file_size, what);
}

/* True: the walk goes on. */
static bool pass_over(struct walk *walk, enum fault fault)
{
	uint64_t position;
	struct batch next;
	uint64_t met = walk->position;
	find_begin(walk);
	bool goes_on = !walk->is_memory_short && find_next(walk, &position, &next);
	if (walk->is_memory_short)
		return false;
	if (goes_on && position == walk->position) {
		note_gap(walk, walk->offset, next.base_offset);
		walk->offset = next.base_offset;
		return true;
	}
	if (!goes_on && walk->check->is_open_ended && walk->position >= walk->check->required_bytes)
		return false; /* a torn tail: the end */
	bool is_known = walk->check->required_offset != NOWHERE && walk->position < walk->check->required_bytes;
	int64_t to = is_known ? walk->check->required_offset : last_offset_due(walk);
	uint64_t end = is_known ? walk->check->required_bytes : walk->limit;
	if (goes_on) {
		to = next.base_offset;
		end = position;
	}
	note_damage(walk, fault, walk->offset, to, walk->position, end);
	note_progress(walk, end > met ? end - met : 0);
	index_check_skip(&walk->index, end, to);
	index_check_skip(&walk->time_index, end, to == NOWHERE ? INT64_MAX : to);
	walk->position = end;
	walk->offset = goes_on || to != NOWHERE ? to : walk->offset;
	return goes_on;
}

static void walk_batches(struct walk *walk)
{
	while (!walk->is_memory_short && walk->position < walk->limit) {
		struct batch batch;
		enum fault fault = judge(walk, &batch);
		if (walk->is_memory_short)
			return;
		if (fault == FAULT_NONE)
			take(walk, &batch);
		else if (!pass_over(walk, fault))
			return;
	}
}

/* ---- the file's own end, its seal and its indexes ------------------------------------------------------ */

/* The next segment begins behind a gap: batches are missing at the end of this one. */
static void check_limit(struct walk *walk)
{
	int64_t due = walk->check->limit_offset;
	if (due == NOWHERE || walk->check->is_open_ended || walk->offset >= due)
		return;
	note_gap(walk, walk->offset, due);
	flush_pending(walk);
}

/* Each is whole, and some of them are another's. Then the seal says nothing new. */
static void check_filed(struct walk *walk)
{
	struct segment_check *check = walk->check;
	mark_check_end(&walk->filed);
	for (uint32_t i = 0; i < walk->filed.bad_count; i++) {
		const struct mark_range *bad = &walk->filed.bad[i];
		check->is_broken = true;
		damaged_ranges_add(&check->damaged, bad->from, bad->to);
		tell(check, FINDING_DAMAGE, check->file, bad->from, bad->to, (int64_t)bad->position_from, (int64_t)bad->position_to,
		     "the batches' headers differ from what was filed, though each passes its own checks");
	}
}

static void check_seal(struct walk *walk)
{
	struct segment_check *check = walk->check;
	const struct seal *seal = check->seal;
	if (!seal || check->damaged.count || check->is_broken)
		return; /* not all of them are in the file: what is not, the journal has */
	uint64_t low, high;
	seal_hash_result(walk->hash, &low, &high);
	check->fits_seal = low == seal->headers_checksum_low && high == seal->headers_checksum_high;
	if (check->fits_seal)
		return;
	check->is_broken = true;
	damaged_ranges_add(&check->damaged, check->base_offset, walk->offset);
	tell(check, FINDING_DAMAGE, check->file, check->base_offset, walk->offset, 0, (int64_t)walk->position,
	     "the batches' headers differ from the seal's checksum, though each passes its own checks");
}

static bool is_sealed_file(struct slice bytes, uint64_t size_due, uint64_t checksum_due)
{
	return bytes.data && bytes.size == size_due && seal_index_checksum(bytes) == checksum_due;
}

/* What is there fits the log, and the rest was never written: the file is not synced. */
static const char *what_was_not_written(const struct index_check *index, struct slice bytes, uint64_t size_due)
{
	uint32_t entry_size = index->form == INDEX_FORM_OFFSET ? 8 : 12;
	if (bytes.size == 0 && size_due)
		return "it is empty: a crash came before it was on disk; it is made anew when it is needed";
	if (index->has_holes || (size_due && index->count < bytes.size / entry_size))
		return "it has zeros: a power cut came before it was on disk; it is made anew";
	return bytes.size < size_due ? "it ends early: a power cut came before it was on disk; it is made anew" : NULL;
}

static void check_index_file(struct walk *walk, struct index_check *index, struct slice bytes,
			     const char *ending, uint64_t size_due, uint64_t checksum_due)
{
	struct segment_check *check = walk->check;
	bool is_sealed = check->seal != NULL;
	index_check_end(index, is_sealed && !check->damaged.count);
	char file[4096];
	snprintf(file, sizeof file, "%.*s%s", (int)(strlen(check->file) - strlen(".log")), check->file,
		 ending);
	uint32_t entry_size = index->form == INDEX_FORM_OFFSET ? 8 : 12;
	const char *unwritten = what_was_not_written(index, bytes, size_due);
	bool is_as_sealed = is_sealed && is_sealed_file(bytes, size_due, checksum_due);
	if (index->bad_from < index->bad_to && !(is_as_sealed && check->damaged.count)) {
		uint64_t to = (uint64_t)index->bad_to * entry_size;
		tell(check, FINDING_DERIVED, file, check->base_offset, walk->offset,
		     (int64_t)index->bad_from * entry_size,
		     (int64_t)(to < bytes.size ? to : bytes.size), index->fault);
	} else if (unwritten && !is_as_sealed) {
		tell(check, FINDING_NOTE, file, NOWHERE, NOWHERE, NOWHERE, NOWHERE, unwritten);
	} else if (is_sealed && !is_as_sealed) {
		tell(check, FINDING_DERIVED, file, check->base_offset, walk->offset, 0, (int64_t)bytes.size,
		     bytes.size == size_due ? "the file fails the checksum in the seal"
					    : "the file has another size than the seal says");
	}
}

static void check_indexes(struct walk *walk)
{
	struct segment_check *check = walk->check;
	static const struct seal none;
	const struct seal *seal = check->seal ? check->seal : &none;
	if (check->index.data)
		check_index_file(walk, &walk->index, check->index, ".index", seal->index_size_bytes,
				 seal->index_checksum);
	if (check->time_index.data)
		check_index_file(walk, &walk->time_index, check->time_index, ".timeindex",
				 seal->time_index_size_bytes, seal->time_index_checksum);
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

static void set_limit(struct walk *walk)
{
	const struct segment_check *check = walk->check;
	uint64_t size = walk->window.file_size;
	walk->limit = check->required_bytes;
	if (check->is_open_ended && size > walk->limit)
		walk->limit = size;
}

/* The broker's own rule: an index that a seal vouches for tells where batches stood. */
static void take_places(struct walk *walk)
{
	const struct segment_check *check = walk->check;
	const struct seal *seal = check->seal;
	offset_index_init(&walk->places, check->base_offset, UINT32_MAX);
	if (seal && is_sealed_file(check->index, seal->index_size_bytes, seal->index_checksum))
		walk->is_memory_short |= offset_index_decode(&walk->places, check->index, seal->log_size_bytes) == -ENOMEM;
}

static void run(struct walk *walk)
{
	struct segment_check *check = walk->check;
	walk->offset = check->base_offset;
	mark_check_begin(&walk->filed, check->base_offset, check->steps, &check->vouched);
	mark_check_add(&walk->filed, &check->vouched_later);
	walk->epoch = -1;
	set_limit(walk);
	index_check_begin(&walk->index, INDEX_FORM_OFFSET, check->base_offset, check->index,
			  !check->is_foreign);
	index_check_begin(&walk->time_index, INDEX_FORM_TIME, check->base_offset, check->time_index,
			  !check->is_foreign);
	const struct seal *seal = check->seal;
	walk->time_index.is_lenient = !seal || is_sealed_file(check->time_index, seal->time_index_size_bytes,
							      seal->time_index_checksum);
	take_places(walk);
	walk_batches(walk);
	flush_pending(walk);
	if (walk->is_memory_short)
		return;
	note_tail(walk);
	check_limit(walk);
	check_filed(walk);
	check_seal(walk);
	check_indexes(walk);
}

int segment_check_run(struct segment_check *check)
{
	struct walk walk = {.check = check};
	char path[4096];
	snprintf(path, sizeof path, "%s/%s", check->sink->dir, check->file);
	epochs_init(&check->seen);
	int err = file_window_open(&walk.window, check->sink->io, path);
	if (err)
		return err;
	err = seal_hash_create(&walk.hash);
	if (!err) {
		run(&walk);
		err = walk.is_memory_short ? -ENOMEM : 0;
	}
	check->end_offset = walk.offset;
	check->end_position = walk.position;
	struct verify_counts *counts = &check->sink->counts;
	counts->segments++;
	counts->sealed_segments += check->seal != NULL;
	counts->batches += walk.batches;
	counts->records += walk.records;
	verify_note_progress(check->sink);
	offset_index_fini(&walk.places);
	seal_hash_destroy(walk.hash);
	file_window_close(&walk.window);
	return err;
}

void segment_check_fini(struct segment_check *check)
{
	epochs_fini(&check->seen);
	free(check->damaged.ranges);
}
