/* TCP sockets of the load generator: connect, and a blocking request with its answer for the few calls
 * around a run. Owns nothing but what it returns; any thread. */
#pragma once

#include "log/base/types.h"

/* A connected socket with TCP_NODELAY, blocking, or negative: -errno. A name takes its first address. */
int socket_connect(const char *host, uint16_t port, uint64_t timeout_ns) MUST_USE;

/* Sends a whole request (size field included) and receives the answer after its size field into
 * `answer`, at most `capacity` bytes. Returns the answer's size, or -errno (-ETIMEDOUT, -EMSGSIZE ...). */
int socket_ask(int fd, struct slice request, uint8_t *answer, size_t capacity) MUST_USE;
