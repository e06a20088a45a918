/* One hostile request: the bytes to send on a fresh connection, and what they are called. Makers (lies.h, batches.h, frames.h) hand each to a
 * callback; the case and its bytes live as long as the call. */
#pragma once

#include "kmsg_fields.h"
#include "log/base/bytes.h"

struct hostile_case {
	const char *api;                /* "produce"; "-" for what is no request of an API */
	int version;
	char lie[64];                   /* "count past the end" */
	char place[130];                /* where: "topic_data.partition_data"; may be empty */
	struct slice bytes;             /* with the frame's size before it */
	int32_t correlation_id;
	const struct kmsg_description *response;  /* NULL: nothing can be answered */
	bool is_half_closed;            /* nothing more comes behind the bytes, and the peer is told so */
	bool is_heavy;                  /* not for a Kafka of half a gigabyte */
};

typedef void (*hostile_case_fn)(void *context, const struct hostile_case *hostile);
