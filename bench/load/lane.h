/* Lanes deal partitions to connections: lane L belongs to connection L % connections and partition
 * L % partitions, and there are as many as the larger of the two, so that each connection has one at least
 * and each partition is served. Owns one number a connection; one thread. */
#pragma once

#include "bench/load/load.h"

#include <stdlib.h>

struct lanes {
	uint32_t partitions, connections, count;
	uint32_t *next; /* by connection: the lane it comes to next */
};

/* False if there is no memory. */
static inline bool lanes_open(struct lanes *lanes, uint32_t partitions, uint32_t connections)
{
	uint32_t count = partitions > connections ? partitions : connections;
	*lanes = (struct lanes){ partitions, connections, count, calloc(connections, sizeof(uint32_t)) };
	for (uint32_t i = 0; lanes->next && i < connections; i++)
		lanes->next[i] = i;
	return lanes->next;
}

static inline void lanes_close(struct lanes *lanes)
{
	free(lanes->next);
}

/* The next lane of a connection, going round. */
static inline uint32_t lanes_take(struct lanes *lanes, uint32_t connection)
{
	uint32_t lane = lanes->next[connection];
	uint32_t after = lane + lanes->connections;
	lanes->next[connection] = after < lanes->count ? after : connection;
	return lane;
}

static inline uint32_t lanes_partition(const struct lanes *lanes, uint32_t lane)
{
	return lane % lanes->partitions;
}

/* How many lanes a connection has. */
static inline uint32_t lanes_of(const struct lanes *lanes, uint32_t connection)
{
	return (lanes->count - connection + lanes->connections - 1) / lanes->connections;
}
