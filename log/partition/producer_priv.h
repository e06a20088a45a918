/* What producer_file.c needs of producer.c: the order from the longest idle to the newest, and putting a decoded producer in.
 * Private to the two. Owner: the partition's shard. */
#pragma once

#include "log/partition/producer.h"

const struct producer *producer__oldest(const struct producer_state *state); /* NULL: none */
const struct producer *producer__newer(const struct producer_state *state, const struct producer *producer);

/* Adds a producer as the newest. ERR_FORMAT: its fields cannot be, or it is there already; else as producer_reserve. */
MUST_USE int producer__put(struct producer_state **state, const struct producer *producer, uint32_t producers_max);
