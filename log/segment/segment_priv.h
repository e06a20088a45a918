/* What the files of log/segment share among themselves. Private interfaces. */
#pragma once

#include "log/segment/segment.h"

#define PATH_SIZE 4096

/* Offers the indexes the batch at `position`; the largest timestamp is that of everything up to and with it. */
void segment__index(struct segment *segment, const struct batch *batch, uint64_t position, int64_t max_timestamp_ms,
		    int64_t max_timestamp_offset);

/* Takes a batch's timestamps, counts and epochs into the segment's. */
void segment__count(struct segment *segment, const struct batch *batch, int64_t max_timestamp_offset);

/* The chunk that covers a position; there is one. */
struct chunk *segment__chunk_at(struct segment *segment, uint64_t position);

/* Has the indexes cover the whole segment: reads their files, or scans the log. */
MUST_USE int segment__load_indexes(struct segment *segment);
