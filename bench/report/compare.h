/* Holds two JSON results against each other: of one run, or of a whole suite. Numbers are matched by their names; what stands
 * in a list is known by its `name` (and `about`). Owns nothing but what it is given; one thread. */
#pragma once

#include <jansson.h>

#include "log/base/types.h"

#include <stdio.h>

/* Which way is better. */
enum compare_sense { COMPARE_NEUTRAL, COMPARE_MORE, COMPARE_LESS };

/* By the name of a field ("publishRate", "aggregatedPublishLatency99pct"); neutral for what is no result, as a number of connections. */
enum compare_sense compare_sense_of(const char *field);

struct compare_counts {
	uint32_t same, better, worse, missing; /* missing: numbers, or whole rows, that one of both lacks */
};

/* Prints a line for each thing that was asked for and differs (`not alike: connections 4 and 8`), and for each number that changed by more than `threshold` (0.05: 5 %), and says which way is better. */
struct compare_counts compare_print(FILE *out, const json_t *before, const json_t *after, double threshold);
/* The same as an object: `not_alike` and `changes`, a list each, and the counts. NULL: no memory. The caller's. */
json_t *compare_json(const json_t *before, const json_t *after, double threshold, struct compare_counts *counts);
