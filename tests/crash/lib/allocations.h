/* Allocations that fail by order. The programs here are linked with --wrap of malloc, calloc, realloc, aligned_alloc, posix_memalign, strdup,
 * strndup, asprintf and mmap, so every one of the log's passes through here. The simulation's own, and those of a program that has paused, do not count. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* The k-th from now fails (1 = the next, 0 = none any more); with `is_sticky` all later ones, too. */
void allocations_fail(uint64_t k, bool is_sticky);
/* How many there were under the last order of a k. */
uint64_t allocations_count(void);
/* Pairs, which may nest: what the program itself needs. */
void allocations_pause(void);
void allocations_resume(void);
