/* What all parts of a partition's check share: how a finding is told, how its files are named and read, and what is known of a segment before it is looked into. */
#include "log/verify/partition_walk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/io/small_file.h"

static bool is_fenced(const struct partition_walk *walk, enum finding_kind kind, int64_t from, int64_t to)
{
	const struct picture_partition *picture = walk->check->picture;
	return kind == FINDING_DAMAGE && picture && from != NOWHERE && damaged_ranges_hold(&picture->fenced, from, to);
}

void walk__tell(const struct partition_walk *walk, enum finding_kind kind, const char *file, int64_t from,
		       int64_t to, const char *what)
{
	const struct partition_check *check = walk->check;
	struct finding finding = {kind, check->topic_name, check->index, file, from, to, NOWHERE, NOWHERE,
				  .what = what};
	finding.is_fenced = is_fenced(walk, kind, from, to);
	verify_tell(check->sink, &finding);
}

void walk__file_name(const struct partition_walk *walk, const char *name, char *out, size_t size)
{
	const struct partition_dir *files = walk->check->files;
	snprintf(out, size, "%s%s%s", files->name, *files->name ? "/" : "", name);
}

void walk__segment_file_name(const struct partition_walk *walk, int64_t base_offset, enum segment_file file,
				    char *out, size_t size)
{
	char name[SEGMENT_NAME_SIZE];
	segment_name_format(name, base_offset, file);
	walk__file_name(walk, name, out, size);
}

/* Reads a small file of the partition. A file that cannot be read is told as one that is damaged: data
 * NULL, and 0. */
int walk__read_file(const struct partition_walk *walk, const char *file, size_t size_max,
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
	walk__tell(walk, kind, file, NOWHERE, NOWHERE, what);
	return 0;
}

bool walk__knows_marks(const struct partition_walk *walk)
{
	return walk->check->picture && walk->check->picture->is_known;
}

/* Wholly before the log start: a stop had no time to remove its files, some of which are gone, or were never made. The next start does, and nobody is served of
 * what is there. */
bool walk__is_leftover(const struct partition_walk *walk, int64_t base_offset)
{
	if (!walk__knows_marks(walk) || walk->check->is_in_use)
		return false;
	const struct picture_segment *known = picture_segment(walk->check->picture, base_offset);
	bool is_over = !known || known->is_complete; /* nothing is added to it */
	return is_over && (known ? known->required.offset - 1 : base_offset) < walk->check->picture->start_offset;
}

/* Among the log's segments, and none of them: the checkpoint knows all that begin before it ends. A copy that somebody put there: nobody is served of it, so nothing
 * that it says is held against anything, nor against it. */
bool walk__is_stray(const struct partition_walk *walk, const struct segment_files *segment)
{
	return segment->has[SEGMENT_FILE_LOG] && walk__knows_marks(walk) && !walk->check->is_in_use && segment->base_offset < walk->check->picture->epochs_limit &&
	       !picture_segment(walk->check->picture, segment->base_offset);
}

/* Is there such a file beside it, and does it have to say something? A running broker writes it whenever it likes. */
bool walk__is_to_check(const struct partition_walk *walk, const struct segment_files *segment, enum segment_file file)
{
	return segment->has[file] && !walk->check->is_in_use && !walk__is_leftover(walk, segment->base_offset) && !walk__is_stray(walk, segment);
}

void walk__note_unwritten(const struct partition_walk *walk, const char *file, size_t size)
{
	if (!walk->check->is_in_use)
		walk__tell(walk, FINDING_NOTE, file, NOWHERE, NOWHERE,
			   size ? "it has zeros, or ends early: a power cut came before it was on disk; it is made anew"
				: "it is empty: a crash came before it was on disk; it is made anew when it is needed");
}

/* Is anything of a segment that the checkpoint knows fenced? */
bool walk__is_part_fenced(const struct partition_walk *walk, int64_t base_offset)
{
	const struct picture_segment *known = walk__knows_marks(walk) ? picture_segment(walk->check->picture, base_offset) : NULL;
	return walk->check->topic && !walk->check->is_in_use && known && known->filed.position > 0 &&
	       damaged_ranges_overlap(&walk->check->picture->fenced, base_offset, known->required.offset);
}

bool walk__is_scanned(const struct partition_walk *walk)
{
	return walk->check->is_scanned && walk->check->topic && !walk__knows_marks(walk);
}

/* Offsets of a .log that is not there, or is none of ours. */
void walk__tell_lost_part(struct partition_walk *walk, struct finding finding)
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
