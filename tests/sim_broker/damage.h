/* Rot: bits of a file that change under the broker. Which records that may reach is read from the file before, so that the judge lets nothing else be
 * called damaged; rot in what all records rest on, and writes that go astray, bring doubt (doubt.h). Owner: the world. */
#pragma once

#include "tests/sim_broker/world.h"

/* Whose log, index or else is it: of which partition of a topic that lives? */
bool damage_find_partition(const struct world *world, const char *path, uint32_t *topic, uint32_t *partition);
/* Damage may have reached these offsets: they may be called damaged, and producers may be told that the log does not know their batches. */
void damage_allow(struct world *world, uint32_t topic, uint32_t partition, int64_t from, int64_t to);
#define IN_FLIGHT_MAX (PRODUCERS_MAX * 5 * 16) /* records that were sent and not answered, and may be in a log all the same */
void damage_rot(struct world *world, const struct step *step);
/* A later write lands elsewhere or nowhere. */
void damage_astray(struct world *world, const struct step *step);
