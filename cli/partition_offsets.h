/* The first and next offsets of a topic's partitions, and where a time lies in them, asked of the brokers through librdkafka.
 * Owner: the main thread. */
#pragma once

#include "cli/kafka_client.h"
#include "cli/offsets.h"

struct partition_offsets {
	int32_t partition;
	int64_t start, end;
	int err;            /* librdkafka's, or 0 */
};

/* Fills start and end of each; `partition` is given. An exit status, with a line on stderr if it is not 0. */
MUST_USE int partition_offsets_ask(struct kafka_client *client, const char *topic, struct partition_offsets *partitions, uint32_t count);

/* What the point means in each partition, within what is there. */
MUST_USE int partition_offsets_resolve(struct kafka_client *client, const char *topic, const struct offset_point *point,
				       struct partition_offsets *partitions, uint32_t count, int64_t *offsets);

/* The same without regard to what is there. */
MUST_USE int partition_offsets_asked(struct kafka_client *client, const char *topic, const struct offset_point *point,
				     struct partition_offsets *partitions, uint32_t count, int64_t *offsets);
/* The nearest offset that is there. */
static inline int64_t partition_offsets_nearest(const struct partition_offsets *offsets, int64_t asked)
{
	return asked < offsets->start ? offsets->start : asked > offsets->end ? offsets->end : asked;
}

/* One point, no range, as a user wrote it behind `flag`; relative times count from now. An exit status, after a complaint if it is not STATUS_OK. */
MUST_USE int offset_point_from_flag(struct offset_point *out, const char *flag, const char *text);
