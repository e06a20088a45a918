/* A merge of two sorted lists: the batches of a walk, and the entries of an index. An entry that no batch
 * has matched when the walk is past it is wrong. */
#include "log/verify/index_check.h"

#include "log/base/bytes.h"
#include "log/segment/offset_index.h"
#include "log/segment/time_index.h"

#define SECTOR_SIZE 512u

/* An entry of either form: (offset, position) or (timestamp, offset). */
struct entry {
	int64_t offset;
	int64_t value;
};

static uint32_t entry_size(const struct index_check *check)
{
	return check->form == INDEX_FORM_OFFSET ? OFFSET_INDEX_ENTRY_SIZE : TIME_INDEX_ENTRY_SIZE;
}

/* A file system makes a file longer before its bytes are on disk: what a power cut kept from it reads as sectors of zeros. No entry but the first is
 * all zeros, so no sector that was written is. */
static bool is_hole(const struct index_check *check, uint32_t i)
{
	size_t from = (size_t)i * entry_size(check), to = from + entry_size(check);
	for (size_t at = align_down(from, SECTOR_SIZE); at < to; at += SECTOR_SIZE) {
		size_t left = check->bytes.size - at;
		if (bytes_are_zeros(check->bytes.data + at, left < SECTOR_SIZE ? left : SECTOR_SIZE))
			return true;
	}
	return false;
}

static int64_t offset_of(const struct index_check *check, uint32_t relative)
{
	return (int64_t)((uint64_t)check->base_offset + relative);
}

static struct entry entry_at(const struct index_check *check, uint32_t i)
{
	const uint8_t *at = check->bytes.data + (size_t)i * entry_size(check);
	if (check->form == INDEX_FORM_OFFSET)
		return (struct entry){offset_of(check, load_be32(at)), load_be32(at + 4)};
	return (struct entry){offset_of(check, load_be32(at + 8)), (int64_t)load_be64(at)};
}

static void mark_bad(struct index_check *check, uint32_t i, const char *fault)
{
	if (check->bad_from == check->bad_to) {
		check->bad_from = i;
		check->fault = fault;
	}
	check->bad_to = i + 1;
}

void index_check_begin(struct index_check *check, enum index_form form, int64_t base_offset,
		       struct slice bytes, bool is_strict)
{
	*check = (struct index_check){
		.form = form, .base_offset = base_offset, .bytes = bytes, .is_strict = is_strict,
		.max_timestamp_ms = NO_TIMESTAMP,
	};
	uint32_t size = entry_size(check);
	check->count = (uint32_t)(bytes.size / size);
	while (check->count > 0 && bytes_are_zeros(bytes.data + (size_t)(check->count - 1) * size, size))
		check->count--;
}

/* What an index is sorted by. */
static int64_t key_of(const struct index_check *check, uint32_t i)
{
	struct entry entry = entry_at(check, i);
	return check->form == INDEX_FORM_OFFSET ? entry.value : entry.offset;
}

/* An entry that is larger than the next one, which fits behind the one before it: it would hold up all
 * behind it. */
static bool is_out_of_order(const struct index_check *check, uint32_t i)
{
	if (i + 1 >= check->count || is_hole(check, i + 1))
		return false;
	int64_t next = key_of(check, i + 1);
	return key_of(check, i) > next && (i == 0 || next >= key_of(check, i - 1));
}

/* Marks and passes over entries that are out of order; passes over those that are not there. */
static bool has_next(struct index_check *check)
{
	for (; check->next < check->count; check->next++) {
		if (is_hole(check, check->next))
			check->has_holes = true;
		else if (is_out_of_order(check, check->next))
			mark_bad(check, check->next, "an entry is out of order");
		else
			break;
	}
	return check->next < check->count;
}

/* ---- the offset index: the walk's position decides ----------------------------------------------------- */

static void judge_position(struct index_check *check, const struct batch *batch, uint64_t position)
{
	for (; has_next(check); check->next++) {
		struct entry entry = entry_at(check, check->next);
		bool is_wrong = check->is_strict ? entry.offset != batch_last_offset(batch)
						 : entry.offset < batch->base_offset;
		if ((uint64_t)entry.value > position)
			return;
		if ((uint64_t)entry.value < position)
			mark_bad(check, check->next, "an entry points into the middle of a batch");
		else if (is_wrong)
			mark_bad(check, check->next,
				 "an entry names another offset than the batch it points at");
	}
}

/* ---- the time index: the walk's offset decides --------------------------------------------------------- */

static void judge_timestamp(struct index_check *check, const struct batch *batch)
{
	for (; has_next(check); check->next++) {
		struct entry entry = entry_at(check, check->next);
		if (entry.offset > batch_last_offset(batch))
			return;
		if (entry.offset < batch->base_offset)
			mark_bad(check, check->next,
				 "an entry names an offset that no batch holds, or out of order");
		else if (check->is_lenient ? entry.value < check->max_timestamp_ms : entry.value != batch->max_timestamp_ms)
			mark_bad(check, check->next,
				 "an entry has another timestamp than the batch of its offset");
	}
}

void index_check_batch(struct index_check *check, const struct batch *batch, uint64_t position)
{
	if (check->form == INDEX_FORM_OFFSET)
		judge_position(check, batch, position);
	else
		judge_timestamp(check, batch);
	if (batch->max_timestamp_ms > check->max_timestamp_ms)
		check->max_timestamp_ms = batch->max_timestamp_ms;
}

void index_check_skip(struct index_check *check, uint64_t position, int64_t offset)
{
	for (; has_next(check); check->next++) {
		struct entry entry = entry_at(check, check->next);
		bool is_before = check->form == INDEX_FORM_OFFSET ? (uint64_t)entry.value < position
								  : entry.offset < offset;
		if (!is_before)
			return;
	}
}

void index_check_end(struct index_check *check, bool is_all)
{
	for (; is_all && has_next(check); check->next++)
		mark_bad(check, check->next, "an entry points behind the end of the log");
}
