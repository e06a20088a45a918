/* Partitions that a client makes and takes away, against his controller_mutation_rate (KIP-599): drawn on the control shard, within the control
 * operation that changes the catalog, from the bucket that he has there; so nothing is posted.
 *
 * Strict versions of an API refuse what would be too much (THROTTLING_QUOTA_EXCEEDED, topic by topic), older ones do it; both hold the connection
 * back until the bucket is out of debt. Owner: the request. */
#pragma once

#include "net/quota/quota_bucket.h"
#include "net/route/quota_task.h"

struct quota_draw {
	struct request *request;
	struct slice meter;            /* data NULL: nothing limits the client */
	double limit;
	struct quota_window window;
	bool is_strict;

	uint32_t throttle_ms;          /* the outcome, of the last draw */
};

/* While the request has its frame. `strict_since`: the version of its API from which on too much is refused. */
void quota_draw_init(struct quota_draw *draw, struct request *request, int strict_since);
/* On the control shard. False: refused, nothing was drawn. */
MUST_USE bool quota_draw_take(struct quota_draw *draw, double partitions);
/* At home again: the time to tell, for which the connection is held back. */
int32_t quota_draw_settle(struct quota_draw *draw);
