/* Rot: bits of a file that change under the broker. Which records that may reach is read from the file before, so that the judge lets nothing else be
 * called damaged; rot in what all records rest on, and writes that go astray, bring doubt (doubt.h). Owner: the world. */
#pragma once

#include "tests/sim_broker/world.h"

void damage_rot(struct world *world, const struct step *step);
/* A later write lands elsewhere or nowhere. */
void damage_astray(struct world *world, const struct step *step);
