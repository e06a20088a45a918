/* A broker is started on what is mounted, asked for everything, and what it says is held against what had been promised by then. */
#pragma once

#include "tests/power/broker.h"
#include "tests/power/story.h"

struct judge {
	struct broker *broker;
	const struct story *story;
	const char *const *settings;
	uint64_t random;
	bool damage_is_named;                 /* and may be: there is some */
	uint64_t starts, records, lives;      /* counted */
};

/* Started, read and judged; with `lives` it also takes records, ends, and is read again. The broker does not run afterwards. What is wrong is in place->history. */
void judge_image(struct judge *judge, struct story_place *place, uint64_t op, bool lives);
/* The same of a broker that runs. */
void judge_running(struct judge *judge, struct story_place *place, uint64_t op);
