/* A file, or a partition's directory, is replaced by an earlier copy of itself, as a restore from a backup that was not whole does it; or two partitions' are exchanged.
 * Alone, or with a checkpoint lost as well, or that and its copy; or the catalog and the checkpoints come back together, and the journals are gone; or a journal comes
 * back that was copied while the broker ran. What the broker has to notice by itself: nothing that it is told says so. Owner: the world. */
#pragma once

#include "tests/sim_broker/world.h"

/* The broker is down: the disk as it is now may come back later, a file at a time. */
void rollback_keep(struct world *world);
/* The broker goes down, that happens, and it starts again. */
void rollback_befall(struct world *world, const struct step *step);
