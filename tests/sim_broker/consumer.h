/* A consumer whose fetches somebody else makes, with those of others: a fetcher. Owner: the fetcher. */
#pragma once

#include "kmsg_fetch.h"
#include "tests/sim_broker/world.h"

struct consumer *consumer_open_for_fetcher(struct world *world, uint32_t number, uint32_t topic, uint32_t partition);
/* True if it is to be asked for: of which topic, what, and the round that its answer is to come with. It may ask by itself where its log begins. */
bool consumer_wants(struct consumer *consumer, struct uuid *topic, struct kmsg_fetch_partition *partition, uint64_t *round);
void consumer_take(struct consumer *consumer, uint64_t round, const struct kmsg_fetch_partition_result *result);
