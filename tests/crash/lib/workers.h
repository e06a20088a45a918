/* Work in numbered pieces, done by processes that are forked for it: each takes the next piece when it is done with one, and what they count is added
 * up. A program has one such crew at a time; its one thread calls, and everything here is for that and its children. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define WORKERS_SUMS_MAX 96

/* Takes pieces until there are no more; adds what it did to its sums. False: something is wrong. */
typedef bool workers_fn(void *context, uint64_t *sums);

/* Returns when all have ended; false if one of them says that something is wrong, or was killed. `sums` is added to. */
bool workers_run(uint32_t count, workers_fn *work, void *context, uint64_t *sums);
/* For work: a number that nobody else gets, from 0 on. UINT64_MAX once somebody has called workers_end. */
uint64_t workers_next(void);
void workers_end(void);
/* What all have added to one of the sums up to now. */
uint64_t workers_sum(uint32_t index);
