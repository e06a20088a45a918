/* The listening socket. Shard 0 accepts, and hands the connections to the shards in turn, so that a few connections spread evenly
 * (the kernel's SO_REUSEPORT hash would not).
 *
 * Owner: shard 0. */
#pragma once

#include "net/conn/address_rates.h"
#include "net/conn/address_table.h"
#include "net/route/shard_state.h"

struct listener {
	struct shard *shard;
	int fd;                    /* -1: closed */
	uint32_t next;
	struct io_op accept;
	struct io_timer retry;
	bool is_stopping;
	struct address_table *addresses;   /* counted always: max.connections.per.ip may be set while they are connected */
	struct address_rates *rates;       /* connection_creation_rate of addresses; NULL until a quota has been set */
};

/* Returns 0 or -errno (-EADDRINUSE ...); *port_out is the port, chosen if `port` is 0. Who connects waits from now on, until he is accepted; he is reset
 * if that never comes to be. Reads the socket's settings from the broker's configuration. */
MUST_USE int listener_open(struct listener *listener, struct shard *shard, const char *host, uint16_t port, uint16_t *port_out);
/* Accepts from the next turn on, those who wait first. */
void listener_start(struct listener *listener);
/* Stops accepting; the socket closes when the accept in flight has ended. Harmless if closed. */
void listener_stop(struct listener *listener);
bool listener_is_closed(const struct listener *listener);
/* After all connections are closed. */
void listener_free(struct listener *listener);

/* For the shard: MESSAGE_ADOPT. */
void listener_receive(struct shard *shard, struct message *message);
