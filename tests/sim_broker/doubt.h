/* A disk that lies: writes that land elsewhere or nowhere, and rot in what everything rests on (journal, catalog, checkpoints). Then the logs may end early
 * where the damage looks like a torn end, and a start may be refused; but what is served is what was written, a refusal names a way out, and
 * that way leads to a broker that stands. Owner: the world. */
#pragma once

#include "tests/sim_broker/world.h"

/* Looks whether the disk has lied since. From the first lie on the world is in doubt. */
void doubt_look(struct world *world);
/* Nothing that this world's records, topics and groups rest on can be counted on any more. */
void doubt_begin(struct world *world);
/* A start in doubt was refused, and said why: the way that it names is taken, and the run ends. */
void doubt_take_way_out(struct world *world, const char *why);
/* The broker stands again, in doubt: does every topic still have all that was certain? If not the run ends. */
void doubt_survey(struct world *world);
