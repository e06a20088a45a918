/* How many partitions __consumer_offsets had, when the catalog that said it is lost: going by which groups lie in which partition of it, on disk. A group's
 * partition is its hash modulo the count, so each group rules out most counts. For `spate log repair`, whose directory is in no broker's use. Reads only. */
#pragma once

#include "log/io/io.h"

/* At least `known`. `usual` if all groups lie where that count has them; else the smallest that fits; `usual` if none does, or nothing can be read. */
uint32_t group_count_partitions(struct io *io, const char *dir, uint32_t known, uint32_t usual);
