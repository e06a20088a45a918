/* Rot: bits of a log file that change under the broker. Which records that may reach is read from the file before, so that the judge lets nothing else be
 * called damaged. Owner: the world. */
#pragma once

#include "tests/sim_broker/world.h"

/* In a log file of some topic, or (one time in four) in a file that is derived from one, which may cost nothing. */
void damage_rot(struct world *world, const struct step *step);
