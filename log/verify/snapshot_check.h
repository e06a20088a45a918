/* Do the .snapshot files of a partition tell of its own log? Each names the last batch of each producer as of its offset; the walk over the segments says whether
 * that batch is there, and whether the producer has written since. Owns copies of what the files say; the thread that verifies; never touches the disk. */
#pragma once

#include "log/partition/producer.h"

struct snapshot_claim {
	int64_t snapshot;    /* the offset that the file is named by */
	int64_t producer_id, last_offset;
	bool is_met;         /* the batch is there */
	bool is_stale;       /* before the snapshot's offset there is a later one */
};

struct snapshot_check {
	struct snapshot_claim *claims;    /* by snapshot and producer */
	struct snapshot_claim **by_offset;
	uint32_t count, capacity;
};

/* Takes up what a snapshot says. -ENOMEM. */
MUST_USE int snapshot_check_add(struct snapshot_check *check, int64_t snapshot, const struct producer_state *state);
/* All are added; batches follow, in any order. -ENOMEM. */
MUST_USE int snapshot_check_begin(struct snapshot_check *check);
void snapshot_check_batch(struct snapshot_check *check, const struct batch *batch);
/* What is wrong with a snapshot, if all batches of [from, to) were seen: static words, or NULL. */
const char *snapshot_check_fault(const struct snapshot_check *check, int64_t snapshot, int64_t from, int64_t to);
void snapshot_check_fini(struct snapshot_check *check);
