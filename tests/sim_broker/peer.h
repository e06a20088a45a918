/* One client's connection to the simulated broker: calls go out as whole requests of the generated codec, several at once if the client likes, and
 * answers come back in their order. A connection that breaks, is silent for too long, or cannot be had answers each call with NULL, and the next
 * call opens another. Owner: the client. */
#pragma once

#include "tests/sim_broker/world.h"

struct peer;

/* The decoded answer (struct kmsg_..._response), valid during the call; NULL: there will be none. */
typedef void peer_done_fn(void *context, uint64_t tag, const void *answer);

struct peer *peer_create(struct world *world, void *context);
/* `api` is the name in the codec: "produce". The message is encoded before this returns. False: there is no connection now. */
MUST_USE bool peer_call(struct peer *peer, const char *api, int version, const void *message, uint64_t tag, peer_done_fn *done);
/* Moves bytes, and runs done() of what has come. */
void peer_step(struct peer *peer);
uint32_t peer_waiting(const struct peer *peer);
/* Breaks the connection: from the client's side. */
void peer_break(struct peer *peer);
/* Says that it sends no more, once all calls so far are out, and reads on until the broker has had enough too. */
void peer_half_close(struct peer *peer);
/* Reads nothing for so long. */
void peer_be_deaf(struct peer *peer, uint64_t for_ns);
