/* The sparse time index of one segment, in memory, and its form on disk (Kafka's .timeindex): the largest
 * timestamp so far and the offset of its record, now and then. Every record with a timestamp above an
 * entry's lies behind the entry's offset. Derived, like the offset index.
 *
 * Owner: whoever owns the segment. It never touches the disk and grows as entries come, up to a bound; an
 * empty one holds no memory. Embedded by value; the fields are for reading. */
#pragma once

#include "log/base/err.h"

#define TIME_INDEX_ENTRY_SIZE 12u

struct time_index_entry {
	int64_t timestamp_ms;
	uint32_t relative_offset; /* to the base offset, <= INT32_MAX */
};

struct time_index {
	int64_t base_offset;
	uint32_t count, capacity, count_max;
	struct time_index_entry *entries; /* timestamps strictly increasing, offsets not decreasing */
};

/* `size_bytes_max`: segment.index.bytes (room for size / 12 entries, at least one). */
void time_index_init(struct time_index *index, int64_t base_offset, uint32_t size_bytes_max);
void time_index_fini(struct time_index *index);

/* Kafka keeps the last entry for the roll: full means that one more is left, which time_index_add takes
 * all the same. */
bool time_index_is_full(const struct time_index *index);

/* Adds (largest timestamp so far, the offset of its record). A timestamp not above the last entry's adds
 * nothing and returns 0, as in Kafka. -ENOSPC; -EINVAL for an offset below the last entry's or not within
 * 2^31 - 1 of the base; -ENOMEM: nothing has changed. */
MUST_USE int time_index_add(struct time_index *index, int64_t timestamp_ms, int64_t offset);

/* The last entry whose timestamp is not above the given one, or (-1, base offset): the first record at or
 * after that timestamp is not before that offset. */
void time_index_floor(const struct time_index *index, int64_t timestamp_ms, int64_t *entry_timestamp_ms, int64_t *entry_offset);
/* The last entry, or (-1, base offset). */
void time_index_last(const struct time_index *index, int64_t *entry_timestamp_ms, int64_t *entry_offset);

/* Drops the entries whose offset is >= `offset`. */
void time_index_truncate(struct time_index *index, int64_t offset);

/* Returns memory beyond what the entries take; for a segment that is complete. */
void time_index_shrink(struct time_index *index);

size_t time_index_encoded_size(const struct time_index *index);
void time_index_encode(const struct time_index *index, uint8_t *out);

/* Replaces the entries of an initialised index. ERR_CORRUPT_LOG: not a whole number of entries, more than
 * the bound, or out of order; -ENOMEM. After an error the index is empty. */
MUST_USE int time_index_decode(struct time_index *index, struct slice bytes);
