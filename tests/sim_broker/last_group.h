/* The one loss that nothing can tell: the last group of a journal before a crash. No later one says that it was durable, so if the disk lost or spoiled it, that is a torn
 * write to whoever reads it, and what it held is gone without a word. Which crashes may be such is found out here, by the groups that are in the journals. Owner: the world. */
#pragma once

#include "tests/sim_broker/world.h"

/* A write was lost or went astray now: what it was for is in the group that is written next, or in the one behind it. */
void last_group_note_lie(struct world *world);
/* Bytes of a journal are about to rot. */
void last_group_note_rot(struct world *world, const char *path, const uint8_t *file, uint64_t size, uint64_t position);
/* A start is about to come: are there groups behind those? Where not, logs of that shard may end early from now on, and groups have older commits. */
void last_group_judge(struct world *world);
/* Does the last group that was there then say that the partition's records from `offset` on are in a file? If that was made another, it is a torn write to whoever reads it. */
bool last_group_begins(const struct world *world, const struct uuid *topic, uint32_t partition, int64_t offset);
