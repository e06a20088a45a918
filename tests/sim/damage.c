/* Damage that no correct disk does, and which offsets it may have reached. */
#include "tests/sim/run_priv.h"

void damage__rot(struct run *run, const struct step *step)
{
}

void damage__allow(struct run *run)
{
}
