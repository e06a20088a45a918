/* Addresses on the command line and in `listeners`: HOST:PORT, [IPv6]:PORT, NAME://HOST:PORT. Owns nothing; any thread. */
#pragma once

#include "log/base/types.h"

#define HOST_SIZE_MAX 255

struct address {
	char host[HOST_SIZE_MAX + 1]; /* empty: every address */
	uint16_t port;
};

/* False with a sentence in `why`. */
MUST_USE bool address_parse(struct address *out, const char *text, char *why, size_t why_size);

/* The same for a broker to connect to: without a port it is Kafka's, 9092; without a host this machine. */
MUST_USE bool address_parse_broker(struct address *out, const char *text, char *why, size_t why_size);

/* Takes the one listener that speaks PLAINTEXT out of a list as in `listeners`; others are for what Spate does not have, or the controller of
 * Kafka's KRaft (`controller_names`, a list, or NULL). False with a sentence in `why`. */
MUST_USE bool address_from_listeners(struct address *out, const char *listeners, const char *controller_names, char *why, size_t why_size);
