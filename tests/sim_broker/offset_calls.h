/* The calls about committed offsets that clients of every kind make: of the topic, one partition at a time. As peer_call: false if there is no
 * connection now, and done() gets the answer or NULL. */
#pragma once

#include "tests/sim_broker/peer.h"

MUST_USE bool offset_call_seek(struct peer *peer, const char *group, uint64_t tag, peer_done_fn *done);

/* Who commits: a member of a generation, or (generation -1, an empty id, no instance) nobody's. */
struct committing {
	const char *group, *member_id;
	struct slice instance;
	int32_t generation;           /* or its epoch */
	bool is_consumer_member;      /* of the consumer protocol */
};
MUST_USE bool offset_call_commit(struct peer *peer, const struct committing *who, uint32_t partition, int64_t offset, uint64_t tag, peer_done_fn *done);
MUST_USE bool offset_call_look(struct peer *peer, const struct committing *who, uint32_t partition, uint64_t tag, peer_done_fn *done);
