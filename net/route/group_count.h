/* What the log of groups and offsets was, when the catalog that said it is lost. For `spate log repair`, whose directory is in no broker's use. Reads only. */
#pragma once

#include "log/io/io.h"

/* How many partitions __consumer_offsets had, going by which groups lie in which partition of it: in its directories, and in the journals' batches of this topic id (NULL: in
 * none). A group's partition is its hash modulo the count, so each group rules out most counts. At least `known`; `usual` if all groups lie where that count has them; else
 * the smallest that fits; `usual` if none does, or nothing can be read. */
uint32_t group_count_partitions(struct io *io, const char *dir, uint32_t shard_count, const struct uuid *id, uint32_t known, uint32_t usual);

/* Is each record in these batches, which are whole, one that a coordinator writes? */
bool group_count_is_groups(struct slice batches);
