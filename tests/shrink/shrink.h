/* Makes a failing plan short: leaves out steps, then makes its knobs plainer, as long as it fails in the same way. Each try runs in a process of its own, so that
 * aborts and endless loops can be shrunk as well. What a plan is, only its owner knows: a struct with an array of steps in it, that can be copied as bytes. */
#pragma once

#include <stdio.h>

#include "log/base/types.h"

struct shrink_outcome {
	bool has_failed;
	char kind[40];              /* what failed, in a word: the anomaly's name, "signal N", "hang"; nothing if it is good */
	char verdict[500];          /* and in a sentence */
};

struct shrink_subject {
	size_t plan_size;
	size_t count_at, steps_at, step_size;  /* where in the plan: the number of steps (uint32_t), and the steps */
	/* Runs the plan: in this process, which may be lost by it. `story`, if given, is told there. */
	void (*run)(const void *plan, struct shrink_outcome *outcome, FILE *story);
	/* Makes the plan plainer in its n-th way; false: there are no more. */
	bool (*simplify)(void *plan, uint32_t n);
};

/* How the plan ends when it is run in a process of its own. */
void shrink_try(const struct shrink_subject *subject, const void *plan, struct shrink_outcome *outcome, FILE *story);
/* At most so many seconds. Returns the number of tries. */
uint32_t shrink(const struct shrink_subject *subject, void *plan, const char *kind, uint32_t seconds_max);
