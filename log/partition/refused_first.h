/* First batches of producers that were refused for a while (a full disk, no memory), and what must come next of each.
 *
 * A producer that the partition does not know may begin with any sequence (KIP-360). But a client sends up to five batches at once: if the first was
 * refused and there is room again before the second is judged, that one would be taken for the beginning, and the first, sent again, for a duplicate:
 * a record is lost, and the client told that it is there. So the partition keeps in mind whom it has refused, and lets nobody begin behind that.
 *
 * Owner: the partition's shard. In memory alone: a restart ends the connections, and a client then sends in order again. NULL is the empty state;
 * bounded, the oldest is forgotten first. */
#pragma once

#include "log/batch/batch.h"

struct refused_first;

/* A batch of a producer that is not known was refused, though it may be taken later. The first refusal counts. Without memory it is not noted. */
void refused_first_note(struct refused_first **refused, const struct batch *batch);
/* May a producer that is not known begin with this batch? 0, or ERR_OUT_OF_ORDER_SEQUENCE. A later epoch may begin anew. */
MUST_USE int refused_first_check(const struct refused_first *refused, const struct batch *batch);
/* The producer is known from now on. */
void refused_first_forget(struct refused_first **refused, int64_t producer_id);
void refused_first_destroy(struct refused_first **refused);
