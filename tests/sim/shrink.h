/* Makes a failing plan short: leaves out steps, then knobs, as long as it fails in the same way. Each try runs in a process of its own, so that aborts and
 * endless loops can be shrunk as well. */
#pragma once

#include "tests/sim/run.h"

/* How a plan ends when it is run in a process of its own: the anomaly's name, "signal N", "hang", or nothing if it is good. `story`: told there. */
void shrink_try(const struct plan *plan, struct run_result *result, FILE *story);
/* At most so many seconds. Returns the number of tries. */
uint32_t shrink(struct plan *plan, const char *kind, uint32_t seconds_max);
