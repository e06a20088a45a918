/* What a burst of requests took and nobody needs any more goes back to the system, once the shard has calmed: malloc alone keeps what lies between
 * blocks still in use, and a broker that many peers have plagued once would stay large for good. An idle shard has no timer set.
 *
 * Owner: the shard. */
#pragma once

#include "log/io/io.h"

struct shard;

struct give_back {
	struct io_timer timer;
	uint64_t freed_bytes;    /* by the pools, up to when memory was last given back */
};

/* Once a turn: has a burst been freed? Then its memory is given back some seconds later, when few requests are in flight. */
void give_back_turn(struct shard *shard);
