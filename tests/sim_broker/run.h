/* One run of one plan, from an empty disk to a verdict. */
#pragma once

#include "tests/sim_broker/world.h"

struct verdict {
	bool has_failed;
	char kind[40];              /* in a word: the anomaly's name, or how the accusation begins */
	char text[500];
	uint64_t trace, acked, virtual_ns, starts;
	uint64_t moments[moment_count];
};

/* `story` may be NULL. Leaves memory behind. */
void run_plan(const struct plan *plan, struct verdict *verdict, FILE *story);
