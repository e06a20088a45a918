/* Draws from a stream of randomness that a plan's seed began, for the plans of both simulators and for whoever acts on them. Any thread that owns the stream. */
#pragma once

#include "log/io/sim.h"

/* A number in [0, below); 0 of nothing, which draws all the same. */
static inline uint64_t draw(uint64_t *random, uint64_t below)
{
	uint64_t number = sim_random(random);
	return below ? number % below : 0;
}

/* One of the values that follow, as uint64_t: a value that is there twice comes up twice as often. */
#define PICK(random, ...) draw_pick(random, (const uint64_t[]){__VA_ARGS__}, sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))
static inline uint64_t draw_pick(uint64_t *random, const uint64_t *values, uint64_t count)
{
	return values[draw(random, count)];
}

/* The index of one of the weights, of which `total` is the sum: each as often as it weighs. */
static inline uint32_t draw_weighted(uint64_t *random, const uint32_t *weights, uint32_t total)
{
	uint32_t chosen = (uint32_t)draw(random, total), index = 0;
	for (; chosen >= weights[index]; index++)
		chosen -= weights[index];
	return index;
}
