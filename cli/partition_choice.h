/* Which partitions of a topic a user means: all, or those of --partition. Owner: the main thread. */
#pragma once

#include "cli/kafka_client.h"

/* Partition ids, in order, each once. */
struct partition_choice {
	int32_t *ids; /* malloc'ed */
	uint32_t count;
};

/* `chosen` are numbers as the user wrote them; empty means all. An exit status, after a complaint if one of them is none of the topic's. */
MUST_USE int partition_choice_make(struct partition_choice *out, const struct rd_kafka_metadata_topic *topic, const struct flag_list *chosen);
void partition_choice_free(struct partition_choice *choice);
