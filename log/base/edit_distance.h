/* How far two short texts are apart, for "did you mean". Owns nothing; any thread; never allocates. */
#pragma once

#include "log/base/types.h"

#define EDIT_SIZE_MAX 64

/* Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b` (letter case counts for nothing). Texts longer than
 * EDIT_SIZE_MAX are UINT32_MAX apart. */
uint32_t edit_distance(const char *a, const char *b);

/* The candidate to offer: the nearest of those seen so far, if it is near enough that a slip explains it. Start with
 * {.name = what was typed}; offer each candidate; read `nearest`. */
struct edit_search {
	const char *name;
	const char *nearest;
	uint32_t distance;
};
void edit_offer(struct edit_search *search, const char *candidate);
