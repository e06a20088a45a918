/* What befalls the machine, the network, the disk and the topics: the steps of a plan. Owner: the world. */
#pragma once

#include "tests/sim_broker/world.h"

void befall(struct world *world, const struct step *step);
/* What was to last for a while, and has. Each turn asks. */
void befall_end_what_is_over(struct world *world);
/* Disk and network are well again, for good. */
void befall_nothing_more(struct world *world);
