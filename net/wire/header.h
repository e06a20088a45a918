/* The headers before each request and response body. Owns nothing; the client id is a view into the frame.
 * Any thread; never allocates. Which version of a header goes with which version of an API follows from the
 * generated ranges; the one exception, ApiVersions, is made here. */
#pragma once

#include "net/wire/cursor.h"

struct kmsg_api;

struct request_header {
	int16_t api_key;
	int16_t api_version;          /* As sent: it need not be one that is known or served. */
	int32_t correlation_id;
	struct slice client_id;       /* data NULL: the client gave none. */
	const struct kmsg_api *api;   /* NULL: no such API. */
};

/* Reads a request's header and leaves the reader at the body. The version is not judged here. Returns 0,
 * -EOPNOTSUPP for an API key nobody knows (its fields up to the correlation id are set), or the reader's error.
 * In both failures there is no way to answer: Kafka closes the connection. */
int request_header_decode(struct reader *reader, struct request_header *header) MUST_USE;

/* For clients. The API must be known, else the writer fails. */
void request_header_encode(struct writer *writer, const struct request_header *header);

/* The response to ApiVersions has the old header in every version, so that a client that guessed the
 * version wrong can read it (KIP-511). */
void response_header_encode(struct writer *writer, int16_t api_key, int version, int32_t correlation_id);
int response_header_decode(struct reader *reader, int16_t api_key, int version, int32_t *correlation_id) MUST_USE;
