/* A connection to a broker, calls of the generated codec out, their answers in, in order. Blocks, for a bounded time. One thread each. */
#pragma once

#include "log/base/arena.h"
#include "log/base/types.h"

struct client;

struct client *client_create(void);
void client_destroy(struct client *client);
/* Is there a connection? If not, and somebody listens on that port of 127.0.0.1, there is one now. */
bool client_connect(struct client *client, uint16_t port);
void client_break(struct client *client);
/* The whole request is sent. `api` is the name in the codec: "produce". False, and no connection: the broker is gone. */
MUST_USE bool client_send(struct client *client, const char *api, int version, const void *message);
/* The answer to the oldest call that has none yet, valid until the next of these. NULL, and no connection: there will be none. */
MUST_USE const void *client_receive(struct client *client);
uint32_t client_waiting(const struct client *client);
/* Both. */
MUST_USE const void *client_call(struct client *client, const char *api, int version, const void *message);

void nap_ms(uint64_t ms);
uint64_t clock_ms(void);
