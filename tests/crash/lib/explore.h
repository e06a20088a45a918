/* Every crash of a running store: before each of its I/Os its disk is crashed in all the ways there are (up to a bound), a second store recovers
 * from each, and is judged by the model as it is at that moment. Of some of them the recovery is crashed in the same way, and the life after it. */
#pragma once

#include "tests/crash/lib/model.h"

#define EXPLORE_DEPTH_MAX 2

/* How many crashes of one moment, by depth: all, if there are no more than all_max; else those that lose or keep everything, all prefixes, all
 * with one thing lost or kept alone, and so many samples. */
struct explore_bound {
	uint32_t all_max, sample_count, single_max;
};

struct explorer {
	struct explore_bound bounds[EXPLORE_DEPTH_MAX];
	uint32_t deeper_of; /* one of so many recoveries is crashed as well; 0: none */
	uint32_t moment_of; /* one of so many moments is explored; 0: none */
	uint32_t live_of;   /* one of so many recovered stores lives on: a record, a clean stop, a start */
	uint64_t random;
	const char *story;  /* what is run, for the report */
	struct machine *machine;
	struct model *model;
	uint32_t depth;
	uint64_t model_hash; /* at the moment that is explored */
	uint64_t expected;  /* the hash of what must be seen; 0: whatever the model says */
	/* What was done. */
	uint64_t moments, states, recoveries, states_deeper, failures;
	uint64_t *known;    /* crashes that were judged already: image and model */
	uint64_t known_count, known_capacity;
	char trail[EXPLORE_DEPTH_MAX][160];
};

void explore_init(struct explorer *explorer, uint64_t seed);
void explore_fini(struct explorer *explorer);
/* From now on each I/O of the machine's disk is a moment; the model is kept up with what the machine shows. */
void explore_begin(struct explorer *explorer, struct machine *machine, struct model *model);
/* This is a moment, too. */
void explore_now(struct explorer *explorer);
void explore_end(struct explorer *explorer);
/* Seconds of a clock that only goes on: for how long a run took. */
double explore_clock_s(void);
/* Something is wrong with the run itself. */
void explore_fail(struct explorer *explorer, const char *why);
/* What the machine shows to consumers now is certain. */
void explore_note_visible(struct machine *machine, struct model *model);
