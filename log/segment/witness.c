/* Happy path: the append times are opened, their last good step says how far the segment went; each batch that is walked moves on to the step that is to
 * end behind it, and is hashed as for the seal.
 *
 * Failure modes: whatever is missing, damaged or of a later version says nothing. */
#include "log/segment/witness.h"

#include <errno.h>
#include <stdlib.h>

#include "log/io/small_file.h"
#include "log/segment/segment_name.h"

/* ---- append times ---------------------------------------------------------------------------------------------------- */

static void close_times(struct segment_witness *witness)
{
	if (witness->times)
		append_time_file_close(witness->times);
	free(witness->times);
	witness->times = NULL;
}

/* The end of the next good step; the entries behind a damaged one tell nothing. */
static void go_to_step(struct segment_witness *witness, uint32_t index)
{
	struct append_step step;
	bool is_there = witness->times && index < witness->times->steps.count && witness->times->steps.get(witness->times, index, &step);
	witness->next = index;
	witness->step_end = is_there ? step.end_offset : -1;
}

static void find_end(struct segment_witness *witness)
{
	go_to_step(witness, 0);
	while (witness->step_end >= 0) {
		witness->end_offset = witness->step_end > witness->end_offset ? witness->step_end : witness->end_offset;
		go_to_step(witness, witness->next + 1);
	}
	go_to_step(witness, 0);
}

static int open_times(struct segment_witness *witness, struct io *io, const char *dir, const struct append_time_owner *owner)
{
	char path[4096];
	segment_path_format(path, sizeof path, dir, owner->base_offset, SEGMENT_FILE_APPEND_TIME);
	witness->times = malloc(sizeof *witness->times);
	int err = witness->times ? append_time_file_open(witness->times, io, path) : -ENOMEM;
	if (err) {
		free(witness->times);
		witness->times = NULL;
		return err_is_shortage(err) ? err : 0;
	}
	const struct append_time_owner *found = &witness->times->owner;
	witness->is_anothers = !uuid_equal(&found->topic_id, &owner->topic_id) || found->partition != owner->partition;
	witness->topic_id = found->topic_id;
	if (witness->is_anothers || found->base_offset != owner->base_offset) {
		close_times(witness);
	} else {
		witness->first_crc = found->first_crc;
		find_end(witness);
	}
	return 0;
}

/* ---- the seal ---------------------------------------------------------------------------------------------------------- */

static int open_seal(struct segment_witness *witness, struct io *io, const char *dir, int64_t base_offset, int64_t next_base)
{
	char path[4096];
	uint8_t *bytes;
	size_t size;
	segment_path_format(path, sizeof path, dir, base_offset, SEGMENT_FILE_SEAL);
	int err = next_base < 0 ? -ENOENT : small_file_read(io, path, 16 * SEAL_SIZE, &bytes, &size);
	if (err)
		return err_is_shortage(err) ? err : 0;
	witness->has_seal = seal_decode(&witness->seal, (struct slice){bytes, size}) == 0 && witness->seal.base_offset == base_offset;
	free(bytes);
	return witness->has_seal ? seal_hash_create(&witness->hash) : 0;
}

/* ---- the whole --------------------------------------------------------------------------------------------------------- */

int segment_witness_open(struct segment_witness *witness, struct io *io, const char *dir, const struct append_time_owner *owner, int64_t next_base)
{
	static const struct mark nothing;
	*witness = (struct segment_witness){.step_end = -1, .end_offset = owner->base_offset};
	mark_check_begin(&witness->told, owner->base_offset, NULL, &nothing);
	int err = open_times(witness, io, dir, owner);
	if (!err)
		err = open_seal(witness, io, dir, owner->base_offset, next_base);
	if (err)
		segment_witness_close(witness);
	return err;
}

static bool is_other_than_journals(const struct segment_witness *witness, const struct batch *batch)
{
	bool is_there = witness->journal_crc && batch->base_offset <= witness->journal_from && batch_last_offset(batch) >= witness->journal_from;
	return is_there && (batch->base_offset != witness->journal_from || batch->crc != witness->journal_crc);
}

void segment_witness_tell(struct segment_witness *witness, uint32_t first_crc, const struct mark_steps *steps, const struct mark *told)
{
	if (first_crc)
		witness->told_crc = first_crc;
	if (witness->told.count)
		mark_check_add(&witness->told, told);
	else
		mark_check_begin(&witness->told, witness->told.begin.offset, steps, told);
}

void segment_witness_batch(struct segment_witness *witness, uint64_t position, const uint8_t *header, const struct batch *batch)
{
	witness->is_contradicted |= position == 0 && witness->first_crc && batch->crc != witness->first_crc;
	witness->is_contradicted |= position == 0 && witness->told_crc && batch->crc != witness->told_crc;
	witness->is_identified |= position == 0 && witness->first_crc && batch->crc == witness->first_crc;
	bool is_other = is_other_than_journals(witness, batch);
	witness->is_journals = is_other && witness->is_identified;
	witness->is_contradicted |= is_other && !witness->is_identified;
	while (witness->step_end >= 0 && witness->step_end <= batch->base_offset)
		go_to_step(witness, witness->next + 1);
	witness->is_contradicted |= witness->step_end >= 0 && witness->step_end <= batch_last_offset(batch);
	mark_check_batch(&witness->told, position, header, batch);
	if (witness->hash)
		seal_hash_update(witness->hash, header, BATCH_HEADER_SIZE);
}

void segment_witness_end(struct segment_witness *witness, int64_t end_offset, bool is_unbroken)
{
	uint64_t low, high;
	mark_check_end(&witness->told);
	if (!witness->hash || !is_unbroken || end_offset != witness->seal.next_offset || witness->told.bad_count)
		return;
	seal_hash_result(witness->hash, &low, &high);
	witness->fails_seal |= low != witness->seal.headers_checksum_low || high != witness->seal.headers_checksum_high;
}

bool segment_witness_is_against(const struct segment_witness *witness)
{
	bool came_with_anothers = witness->is_among_anothers && !witness->times && !witness->told_crc; /* with one it begins with that batch */
	return witness->is_anothers || witness->is_contradicted || came_with_anothers;
}

void segment_witness_close(struct segment_witness *witness)
{
	close_times(witness);
	seal_hash_destroy(witness->hash);
	witness->hash = NULL;
}
