/* One run of one plan: a store on a simulated disk, the workload, the faults, the judge. Deterministic: the same plan gives the same trace, of which a
 * hash is kept. Owner: one thread. What a broken log does to it (an abort, an endless loop) is the caller's to survive: main.c runs it in a
 * process of its own. */
#pragma once

#include <stdio.h>

#include "tests/sim/plan.h"
#include "tests/sim/points.h"

struct run_result {
	uint64_t trace_hash;
	uint64_t crash_states;      /* states of the disk that a recovery was tried on */
	uint64_t appends, acks, ios;
	bool has_failed;
	char verdict[500];          /* the first anomaly */
	char kind[40];              /* its name */
};

/* `story`, if given, gets a line for each thing that happens. `points` are counted up. */
void run_plan(const struct plan *plan, struct run_result *result, uint64_t points[point_count], FILE *story);
