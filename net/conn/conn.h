/* A connection: bytes in, requests started in order, answers out in order.
 *
 *	open      receives, starts requests, sends
 *	draining  takes no more input (the peer closed its side, broke the protocol, or the broker stops); what was started ends and is
 *	          answered, then it closes
 *	closing   the socket is shut down; the connection goes when nothing of it is in flight
 *
 * Owner: the shard it was given to. An idle connection holds no buffer. A connection stops receiving while it has CONN_REQUESTS_MAX
 * requests, or CONN_QUEUED_BYTES_MAX of answers not yet sent, or a request that must wait for its turn; a frame that finds no memory
 * waits for it: so a peer is slowed down by TCP and never by failure. */
#pragma once

#include "net/route/shard_state.h"

#define CONN_REQUESTS_MAX 64u
/* Of the shared buffers that are received into: a small request with its header in one piece. */
#define CONN_RECEIVE_BUFFER_SIZE (8u << 10)
#define CONN_QUEUED_BYTES_MAX (1u << 20)
/* A send may take so long, and as much again as its bytes take at 64 KiB/s: what it sends is held in memory meanwhile. */
#define CONN_STALL_NS (30ull * 1000 * 1000 * 1000)
#define CONN_NS_PER_BYTE_MAX 15259ull
/* While others wait for memory that files are read into, its peer must take it at that pace in each such time. */
#define CONN_SEND_LOOK_NS (2ull * 1000 * 1000 * 1000)
/* While others wait for memory, a frame that has some may take so long to come, and as much again as what has come takes at 64 KiB/s. */
#define CONN_FRAME_STALL_NS (5ull * 1000 * 1000 * 1000)

struct conn;

/* Takes over an accepted socket; closes it if there is no memory or max.connections is reached. The counter of its address (or NULL) is
 * lowered when it closes. */
void conn_open(struct shard *shard, int fd, uint32_t *address_counter);

/* Sends what this turn has made ready: one send a connection. While reads wait for memory that answers hold, looks every CONN_SEND_LOOK_NS for those that nobody reads. */
void conn_flush_all(struct shard *shard);

/* The broker stops: every connection drains. Connections that are gone are in shard->conn_count. */
void conn_drain_all(struct shard *shard);
/* What has not drained by now is closed. */
void conn_close_all(struct shard *shard);
