/* __consumer_offsets comes into being: when a client first asks for a coordinator, as in Kafka.
 *
 * Owner: the request. */
#pragma once

#include "net/api/api.h"

struct group_topic_op {
	struct control_op op;
	const struct broker_config *config;
	int err;                       /* once the request has joined it: why there is no topic, or 0 */
};

/* Makes it if it is not there; pending only then. */
void group_topic_make(struct request *request, struct group_topic_op *make);
