/* The HTTP endpoint: /metrics for Prometheus, /livez and /readyz for whoever watches the process, / with a word on each. One thread of its own, by
 * libmicrohttpd, which is loaded only when an endpoint is opened: a broker without one pays nothing.
 *
 *   /livez    200 while the shards' loops turn, also while the broker starts; 503 if one has not answered for two seconds
 *   /readyz   200 once the log is recovered and as long as records can be acknowledged again without a restart; 503 while it starts or stops, and
 *             when durability is broken. A full disk stays ready, and says so: fetches and commits are served, and it ends by itself
 *
 * Owner: the thread that opens and closes it. Bounded: ENDPOINT_CONNECTIONS_MAX connections with ENDPOINT_CONNECTION_BYTES for a request's head
 * each, silent ones ended after ENDPOINT_IDLE_S; one request at a time; one answer of EXPOSITION_SIZE_MAX at most. */
#pragma once

#include "net/metrics/scrape.h"

#define ENDPOINT_CONNECTIONS_MAX 32u
#define ENDPOINT_CONNECTION_BYTES (16u << 10)
#define ENDPOINT_IDLE_S 10u

struct endpoint;

/* Takes the listening socket, also when it fails, with a sentence in `why`. `source` must stay, and need not be filled in before endpoint_ready. */
MUST_USE int endpoint_open(struct endpoint **out, int listen_fd, const struct scrape_source *source, char *why, size_t why_size);
/* The broker is recovered, its shards are about to run, `source` is filled in. -ENOMEM. */
MUST_USE int endpoint_ready(struct endpoint *endpoint);
/* Ends the thread and every connection, at once. The shards have ended, or never ran. NULL is fine. */
void endpoint_close(struct endpoint *endpoint);
