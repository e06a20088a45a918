/* One partition. With a checkpoint it is known up to which byte each file must be right. Without one (it
 * is damaged, or Kafka wrote the directory), every segment but the last must be right to its end, and the
 * last one up to where it breaks off.
 *
 * Its parts are in partition_*.c; here is what should be there and is not, and the order in which all is gone through. */
#include "log/verify/partition_check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/partition/partition_dir.h"
#include "log/verify/partition_walk.h"

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
		walk__tell_lost_part(walk, finding);
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
		walk__tell(walk, FINDING_DAMAGE, "", picture->lost.ranges[i].from, picture->lost.ranges[i].to,
			   "acknowledged records that neither a file nor the journal holds");
	for (uint32_t i = 0; picture && i < picture->fenced.count; i++) {
		int64_t from = picture->fenced.ranges[i].from, end = picture->fenced.ranges[i].to, to;
		for (; damaged_ranges_miss(&walk->found, &from, end, &to); from = to)
			check_fenced(walk, from, to);
	}
	int64_t from = picture ? reached(walk) : NOWHERE;
	if (picture && !picture->is_known && from != NOWHERE && from < picture->journal_from)
		walk__tell(walk, FINDING_DAMAGE, "", from, picture->journal_from, "acknowledged records that neither a file nor the journal holds");
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

static int run(struct partition_walk *walk)
{
	bool is_ours = true;
	if (walk->check->files && walk->check->files->unread)
		return walk->check->files->unread;
	int err = walk__is_scanned(walk) ? walk__ask_append_times(walk) : 0;
	if (!err && walk->check->files)
		err = walk__check_metadata(walk, &is_ours);
	if (err || !is_ours)
		return err;
	if (walk->check->files)
		err = walk__read_snapshots(walk);
	if (!err && walk->check->files && walk__is_scanned(walk))
		err = walk__judge_overlaps(walk);
	if (!err && walk->check->files)
		err = walk__check_segments(walk);
	if (err)
		return err;
	if (!walk->check->is_in_use)
		err = check_missing_segments(walk);
	if (err)
		return err;
	check_known_ranges(walk);
	walk__check_filed(walk);
	return walk->check->files ? walk__check_derived(walk) : 0;
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
