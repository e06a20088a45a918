/* How often each address may connect: the client quota connection_creation_rate.
 *
 * A connection above the rate is not closed at once, as its peer would try again at once: its socket is kept, unread, for as long as the address is
 * to be held back (one window at most), and closed then, as in Kafka. Owner: shard 0, with the listener. Never polls. */
#pragma once

#include "net/route/shard_state.h"

struct address_rates;

/* NULL: no memory. */
struct address_rates *address_rates_create(struct shard *shard);
/* After address_rates_stop; NULL is fine. */
void address_rates_destroy(struct address_rates *rates);
/* Closes what it holds; what is refused from now on is closed at once. */
void address_rates_stop(struct address_rates *rates);

/* True: the peer of this socket connects too often; the socket is taken over. */
bool address_rates_refuse(struct address_rates *rates, int fd);
