/* A log whose directory holds more than is known of it: catalog, journal and checkpoint were put back as a clean stop of an earlier time left them, and agree. A start
 * cannot look into every directory (log/store/recover_later.c looks into some); so each log's end is looked at before the first record is taken behind it, or somebody asks for what should be there.
 *
 * Happy path: once in a life, three files are looked for, and nothing is there.
 * Failure modes: records are there: their offsets are not given out again. Appends are refused, and so are reads of what is there; all before the end is served. That is said
 * on stderr, with what to do. A shortage says nothing, and is the caller's. */
#include <stdio.h>

#include "log/partition/partition_priv.h"
#include "log/segment/later_files.h"

int partition__find_later(const struct partition *partition, bool was_clean, int64_t *to)
{
	const struct segment *active = partition->active;
	struct log_end_asked asked = {.dir = partition->dir,
				      .owner = {.topic_id = partition->topic_id, .partition = partition->index, .base_offset = partition->next_offset},
				      .offset = partition->next_offset, .was_clean = was_clean};
	if (active) {
		asked.owner.base_offset = active->base_offset;
		asked.has_file = active->has_file;
		asked.is_sealed = active->is_complete;
		asked.position = active->staged.position;
	}
	return later_files_find(partition->home->io, &asked, to);
}

static void tell(const struct partition *partition)
{
	fprintf(stderr,
		"spate: error: %s holds records up to offset %ld, and by catalog, journal and checkpoint the log ends at %ld: those were put back, and are of an earlier time than "
		"this directory. Nothing is appended here, and offsets from %ld on are answered with CORRUPT_MESSAGE. Stop the broker and put the right files back; if they are lost, "
		"`spate log repair DIR --accept-loss` takes what the directories hold\n",
		partition->dir, (long)partition->later_to - 1, (long)partition->next_offset, (long)partition->next_offset);
}

int partition__look_behind_end(struct partition *partition, bool was_clean)
{
	int64_t to;
	int found = partition__find_later(partition, was_clean, &to);
	if (found < 0)
		return found;
	partition->is_end_doubtful = false;
	if (!found)
		return 0;
	partition->later_to = to;
	partition->home->damaged_ranges++;
	tell(partition);
	return ERR_CORRUPT_LOG;
}

int partition__look_at_end(struct partition *partition)
{
	if (partition->is_end_doubtful)
		return partition__look_behind_end(partition, true);
	return partition->later_to ? ERR_CORRUPT_LOG : 0;
}
