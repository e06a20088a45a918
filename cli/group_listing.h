/* Which groups there are, for `group list` and `cluster` alike: users see their own, and not those that keep what `group rewind --undo` needs, unless they
 * ask for them or nobody else would show them. Owner: the main thread; complains if it does not return STATUS_OK. */
#pragma once

#include "cli/group.h"

struct group_listing_row {
	const char *name;
	struct slice undo_of; /* no data: it is a group like others */
	bool is_orphan;       /* the group that it was kept for is gone */
};

struct group_listing {
	struct admin_call call;
	struct group_listing_row *rows;       /* sorted by name */
	size_t count, hidden_count;
};

/* To be freed whatever is returned. */
MUST_USE int group_listing_ask(struct group_listing *out, struct kafka_client *client, bool with_internal);
void group_listing_free(struct group_listing *listing);
