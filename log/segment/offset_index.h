/* The sparse offset index of one segment, in memory, and its form on disk (Kafka's .index): for some
 * batches, the last offset of the batch and the position where the batch begins. Derived from the .log: it
 * is rebuilt when it does not fit, and is never evidence about the log, but for where batches of a damaged part
 * stood, if it was made before that (log/segment/resync.h).
 *
 * Owner: whoever owns the segment. It never touches the disk and grows as entries come, up to a bound; an
 * empty one holds no memory. Embedded by value; the fields are for reading. */
#pragma once

#include "log/base/err.h"

#define OFFSET_INDEX_ENTRY_SIZE 8u

struct offset_index_entry {
	uint32_t relative_offset; /* to the base offset, <= INT32_MAX */
	uint32_t position;
};

struct offset_index {
	int64_t base_offset;
	uint32_t count, capacity, count_max;
	struct offset_index_entry *entries; /* both fields strictly increasing */
};

/* `size_bytes_max`: segment.index.bytes (room for size / 8 entries, at least one). */
void offset_index_init(struct offset_index *index, int64_t base_offset, uint32_t size_bytes_max);
void offset_index_fini(struct offset_index *index);

/* Kafka rolls the segment when its index is full. */
bool offset_index_is_full(const struct offset_index *index);

/* Adds the batch that begins at `position` and whose last offset is `last_offset`. 0; -ENOSPC when full,
 * -EINVAL when it does not lie behind the last entry in both respects or not within 2^31 - 1 offsets of
 * the base, -ENOMEM: in each case nothing has changed, and the index stays correct without the entry. */
MUST_USE int offset_index_add(struct offset_index *index, int64_t last_offset, uint32_t position);

/* Where to begin to look for `offset`: the position of the last entry whose offset is not above it, or 0. */
uint32_t offset_index_floor(const struct offset_index *index, int64_t offset);
/* The same, with that entry's offset: the last one of the batch there, or -1 with position 0. */
uint32_t offset_index_floor_entry(const struct offset_index *index, int64_t offset, int64_t *last_offset);

/* The first entry whose position is not below this one; the count, if there is none. */
uint32_t offset_index_at(const struct offset_index *index, uint64_t position);

/* Drops the entries whose offset is >= `offset`. */
void offset_index_truncate(struct offset_index *index, int64_t offset);

/* Returns memory beyond what the entries take; for a segment that is complete. */
void offset_index_shrink(struct offset_index *index);

size_t offset_index_encoded_size(const struct offset_index *index);
void offset_index_encode(const struct offset_index *index, uint8_t *out);

/* Replaces the entries of an initialised index. ERR_CORRUPT_LOG: not a whole number of entries, more than
 * the bound, not strictly increasing, or a position at or beyond `log_size_bytes`; -ENOMEM. After an error
 * the index is empty: rebuild it. */
MUST_USE int offset_index_decode(struct offset_index *index, struct slice bytes, uint64_t log_size_bytes);
