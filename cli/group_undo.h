/* What a rewind needs to be undone: the offsets from before, kept where the group's own are, on the broker, committed under a group of their own, the
 * keeper. So any shell on any machine can undo, also after the consumers have run on, and after a restart; the broker forgets them when it forgets
 * offsets (offsets.retention.minutes). A keeper is found by its name and known by its notes, the metadata of its commits: a group of that name whose
 * commits are no notes is a user's own. This file is the names and the notes; cli/group_keeper.h asks the broker. Owner: the main thread. */
#pragma once

#include "log/base/types.h"

#define GROUP_UNDO_SUFFIX ".before-rewind"
#define GROUP_NAME_SIZE_MAX 4096

/* The name of the group that keeps them; false if it does not fit. */
MUST_USE bool group_undo_name(char out[GROUP_NAME_SIZE_MAX], const char *group);
/* The group that a keeper of this name is for; no data: it cannot be one. */
struct slice group_undo_subject(const char *keeper);

/* One partition's commit from before. */
struct group_undo_note {
	int64_t rewound_ms;     /* when it was rewound */
	bool had_commit;        /* else the group had committed nothing there */
	struct slice metadata;  /* what its commit carried */
};
/* As metadata of a commit; malloc'ed, NULL without memory. Its size is in `size`. */
char *group_undo_note_format(const struct group_undo_note *note, size_t *size);
/* False: it is no such note, and the commit was another's. `out->metadata` points into `text`. */
MUST_USE bool group_undo_note_parse(struct group_undo_note *out, struct slice text);
