/* One run, from an empty disk to a verdict. */
#pragma once

#include "tests/sim_broker/world.h"

struct verdict {
	bool has_failed;
	char text[600];
	uint64_t trace, acked, virtual_ns, starts;
	uint64_t moments[moment_count];
};

/* `story` may be NULL. Leaves memory behind. */
void run_seed(uint64_t seed, struct verdict *verdict, FILE *story);
