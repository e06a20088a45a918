/* partition.metadata: whose directory it is. */
#include <stdio.h>
#include <stdlib.h>

#include "log/base/bytes.h"
#include "log/segment/partition_metadata.h"
#include "log/verify/partition_walk.h"

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

/* A full disk, or a crash, came between the file and what it says, so nothing was filed there yet. */
static bool is_unwritten_metadata(const struct partition_walk *walk, struct slice text)
{
	char due[PARTITION_METADATA_SIZE_MAX];
	size_t size = partition_metadata_encode(&walk->check->topic->id, due);
	bool is_begun = text.size < size && (bytes_are_zeros(text.data, text.size) || memcmp(text.data, due, text.size) == 0);
	return is_begun && walk->check->files->segment_count == 0 && !holds_something(walk) && !walk->filed_to;
}

/* False: the directory is another topic's, and is not looked into. */
int walk__check_metadata(const struct partition_walk *walk, bool *is_ours)
{
	const struct partition_check *check = walk->check;
	char file[4096];
	*is_ours = true;
	if (!check->topic || (check->is_in_use && !check->files->has_metadata))
		return 0;
	walk__file_name(walk, PARTITION_METADATA_NAME, file, sizeof file);
	if (!check->files->has_metadata) {
		walk__tell(walk, FINDING_DAMAGE, file, NOWHERE, NOWHERE,
			   "it is missing: the directory cannot be told from one of a deleted topic");
		return 0;
	}
	struct slice text;
	struct uuid id;
	int err = walk__read_file(walk, file, PARTITION_METADATA_SIZE_MAX, FINDING_DAMAGE, &text);
	if (err || !text.data)
		return err;
	int fault = partition_metadata_decode(&id, text);
	bool is_unwritten = fault && is_unwritten_metadata(walk, text);
	free((void *)text.data);
	if (is_unwritten)
		walk__tell(walk, FINDING_NOTE, file, NOWHERE, NOWHERE,
			   "it says nothing yet: a full disk, or a crash, came before; it is made anew with the first record that is filed there");
	else if (fault)
		walk__tell(walk, FINDING_DAMAGE, file, NOWHERE, NOWHERE,
			   "it does not say a topic id: the directory cannot be told from one of a deleted topic");
	else if (!uuid_equal(&id, &check->topic->id)) {
		bool is_leftover = !holds_something(walk) && !walk->filed_to, is_doubtful = is_leftover && is_refused(walk);
		struct finding finding = {FINDING_DAMAGE, check->topic_name, check->index, file, NOWHERE, NOWHERE, NOWHERE, NOWHERE, .is_fatal = true,
					  .what = "it says another topic id than the catalog, and no checkpoint tells whose records are in there: the broker will refuse "
						  "to start"};
		if (is_doubtful)
			verify_tell(check->sink, &finding);
		else
			walk__tell(walk, is_leftover ? FINDING_NOTE : FINDING_DAMAGE, file, NOWHERE, NOWHERE,
				   is_leftover ? "the directory is of a deleted topic of the same name"
					       : "it says another topic id than the catalog");
		*is_ours = !is_leftover || is_doubtful;
	}
	return 0;
}
