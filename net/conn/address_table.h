/* How many connections each peer address has, for max.connections.per.ip.
 *
 * Owner: shard 0, which accepts and thereby looks addresses up. A connection on any shard holds the counter of its address and
 * lowers it when it closes: the counters are atomic, and an entry is reused only when its counter is 0. Bounded: with more addresses
 * at once than entries, connections from further ones are not counted. */
#pragma once

#include "log/base/types.h"

#define ADDRESS_TABLE_SIZE 4096u

struct address_entry {
	uint8_t bytes[16];           /* IPv6, or IPv4 mapped into it */
	uint32_t count;              /* atomic */
};

struct address_table {
	struct address_entry entries[ADDRESS_TABLE_SIZE];
};

/* Counts one connection more from the peer of this socket. *counter is then to be lowered by address_table_leave (NULL: not counted). False:
 * it would be more than `max`. */
MUST_USE bool address_table_enter(struct address_table *table, int fd, uint32_t max, uint32_t **counter);
/* Any thread. NULL is fine. */
void address_table_leave(uint32_t *counter);
