/* The requests of one connection in order of arrival, and the answers that may leave: an answer leaves when it is known and all before it
 * have left or leave with it.
 *
 * Embedded in its connection; owner: the shard. Knows no sockets: it lays out what to send, and is told when that was sent. */
#pragma once

#include "net/api/api.h"

struct sendq {
	struct list waiting;           /* in order; started, not yet leaving */
	struct list leaving;           /* in the send that is in flight */
	uint32_t open_count;           /* of `waiting`: the outcome is not known */
	uint32_t open_serial_count;    /* of those: not pipelined */
	uint64_t queued_bytes;         /* of known answers that have not left */
};

void sendq_init(struct sendq *queue);
bool sendq_is_empty(const struct sendq *queue);

/* May this request start now, as Kafka orders the requests of a connection? Produces start behind produces; all else starts alone. */
bool sendq_may_start(const struct sendq *queue, const struct api_row *api);
/* It starts. */
void sendq_push(struct sendq *queue, struct request *request);
/* Its outcome is known. */
void sendq_completed(struct sendq *queue, struct request *request);

/* Are there two or more to go? Then gathering takes a vector to put them together in. */
bool sendq_has_several(const struct sendq *queue);
/* Moves answers to `leaving` as far as the order allows and they fit `own` (of `own_max` pieces; NULL: one answer at a time) and about
 * `size_max` bytes; a single answer is sent from its own vector. Requests without an answer finish. Returns the number of pieces at *vector. */
uint32_t sendq_gather(struct sendq *queue, const struct iovec **vector, struct iovec *own, uint32_t own_max, uint64_t size_max,
		      uint64_t *size_bytes);
/* What was leaving has left, or never will: those requests finish. */
void sendq_left(struct sendq *queue);

/* Does what is leaving point at the log's memory? */
bool sendq_holds_log(const struct sendq *queue);

/* Is the next in line a request that ends the connection? */
bool sendq_is_rejected(const struct sendq *queue);
/* The connection is over: requests with a known outcome finish, the others are cancelled and finish when they complete. */
void sendq_abandon(struct sendq *queue);
/* Long waits end; answers still leave. */
void sendq_cancel(struct sendq *queue);
