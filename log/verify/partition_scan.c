/* Without a checkpoint the next start learns the partition from its files: what it will hold them against (log/store/recover_told.c, log/segment/overlap.h). What it will refuse or
 * set aside is told here. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/verify/partition_walk.h"

static void raise_filed(struct partition_walk *walk, int64_t from, int64_t to)
{
	if (to <= from)
		return;
	walk->filed_from = walk->filed_to == 0 || from < walk->filed_from ? from : walk->filed_from;
	walk->filed_to = to > walk->filed_to ? to : walk->filed_to;
}

int walk__open_witness(const struct partition_walk *walk, int64_t base_offset, int64_t next_base, struct segment_witness *witness)
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
int walk__ask_append_times(struct partition_walk *walk)
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
		err = walk__open_witness(walk, files->segments[i].base_offset, NOWHERE, &witness);
		if (err)
			break;
		raise_filed(walk, files->segments[i].base_offset, witness.end_offset);
		walk->is_among_anothers |= witness.is_anothers;
		segment_witness_close(&witness);
	}
	return err;
}

bool walk__is_exchanged(struct partition_walk *walk, const struct segment_check *segment, int64_t next_base)
{
	struct segment_witness *witness = &walk->witness;
	if (!walk__is_scanned(walk) || !segment_witness_is_against(witness))
		return false;
	int64_t to = next_base != NOWHERE ? next_base : witness->end_offset > segment->base_offset ? witness->end_offset : segment->end_offset;
	walk__tell_lost_file(walk, segment, to,
		       witness->is_anothers || witness->is_among_anothers ? "its append times, or those beside it, are another partition's, so files were exchanged: the broker will refuse to start"
					    : "its append times, or the journal, tell of other batches, so files were exchanged: the broker will refuse to start");
	return true;
}

/* Behind the last segment, or before the first. */
void walk__check_filed(struct partition_walk *walk)
{
	static const char what[] = "what was filed here is not there: its append times, an earlier checkpoint or the journal tell of it";
	const struct picture_partition *picture = walk->check->picture;
	int64_t start = picture ? picture->start_offset : 0, from = walk->filed_from > start ? walk->filed_from : start;
	if (!walk__is_scanned(walk) || !walk->filed_to)
		return;
	if (walk->first_offset != NOWHERE && !walk->check->are_starts_lost && from < walk->first_offset &&
	    !damaged_ranges_overlap(&walk->found, from, walk->first_offset)) {
		walk__tell(walk, FINDING_DAMAGE, "", from, walk->first_offset, what);
		damaged_ranges_add(&walk->found, from, walk->first_offset);
	}
	if (walk->end_offset > from)
		from = walk->end_offset;
	bool has_journal = picture && picture->journal_from != NOWHERE;
	int64_t to = has_journal && picture->journal_from < walk->filed_to ? picture->journal_from : walk->filed_to;
	if ((has_journal && walk->end_offset != NOWHERE) || from >= to || damaged_ranges_hold(&walk->found, from, to))
		return;
	walk__tell(walk, FINDING_DAMAGE, "", from, to, what);
	damaged_ranges_add(&walk->found, from, to);
}

/* What the scan will make of it (log/segment/overlap.h); NULL: nothing but what is in it. */
const struct overlap_file *walk__fate_of(const struct partition_walk *walk, int64_t base_offset)
{
	for (uint32_t i = 0; i < walk->file_count; i++)
		if (walk->files[i].base_offset == base_offset && walk->files[i].fate != OVERLAP_NONE)
			return &walk->files[i];
	return NULL;
}

static int known_first_crc(void *context, int64_t base_offset, uint32_t *crc)
{
	const struct partition_walk *walk = context;
	const struct picture_segment *known = walk->check->picture ? picture_segment(walk->check->picture, base_offset) : NULL;
	struct segment_witness witness;
	int err = walk__open_witness(walk, base_offset, NOWHERE, &witness);
	if (err)
		return err;
	*crc = known && known->filed.position > 0 && known->first_crc ? known->first_crc : witness.first_crc;
	segment_witness_close(&witness);
	return 0;
}

/* What cannot be read is said where it is checked. */
int walk__judge_overlaps(struct partition_walk *walk)
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
