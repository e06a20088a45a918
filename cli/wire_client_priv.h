/* What cli/wire_client.c, which connects and calls, and cli/wire_ask.c, which knows the questions, share. Private to the two. */
#pragma once

#include "cli/wire_client.h"
#include "log/base/arena.h"
#include "net/wire/cursor.h"

struct wire_client {
	int fd;
	int32_t correlation_id;
	uint8_t head[4];       /* how the last answer began: its size, or who else answers */
	uint8_t *answer;       /* the last one; what was decoded points into it */
	struct arena arena;
};

typedef void wire_encode_fn(struct writer *writer, const void *message);
/* One request and its answer; leaves the reader at the answer's body. */
MUST_USE int wire_client_call(struct wire_client *client, int16_t key, int16_t version, wire_encode_fn *encode, const void *message, struct reader *reader);
