/* A disk that lies: writes that land elsewhere or nowhere, and rot in what everything rests on (journal, catalog, checkpoints), and files that come back as they were. Then
 * a start may be refused, and records of a journal be named damaged; but each log ends where it did, what is served is what was written, a refusal names a way
 * out, and that way leads to a broker that stands. Owner: the world. */
#pragma once

#include "tests/sim_broker/world.h"

/* Looks whether the disk has lied since. From the first lie on the world is in doubt. */
void doubt_look(struct world *world);
/* A start may be refused from now on, if it names a way out; no record is in doubt for that. */
void doubt_starts(struct world *world);
/* The same, and any record or group may be named damaged: something struck that held new records of all partitions. */
void doubt_begin(struct world *world);
/* A start in doubt was refused, and said why: the way that it names is taken, and the run ends. */
void doubt_take_way_out(struct world *world, const char *why);
/* The broker stands again, in doubt: does every log still end behind all that was certain? */
void doubt_survey(struct world *world);
