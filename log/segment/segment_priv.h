/* What the files of log/segment share among themselves. Private interfaces. */
#pragma once

#include "log/segment/segment.h"

/* Takes a batch's facts into the segment's facts and indexes: when it is staged, and when they are rebuilt from the file. */
void segment__account(struct segment *segment, const struct batch *batch, uint64_t position, int64_t max_timestamp_offset);

/* The cache's question: may this chunk go? (cache_evict_fn) */
bool segment__evict(struct chunk *chunk);

/* Has the indexes cover the whole segment: reads their files, or scans the log. */
MUST_USE int segment__load_indexes(struct segment *segment);
