/* When the records of a segment were appended: steps, each "up to this offset: at this time". The time is that of the journal group that made
 * them durable, by the broker's clock; what producers write into their records has no part in it. Here are the steps that are in no
 * file yet, and the bytes of the file that the others are in (<base offset>.appendtime; log/README.md has the tables). That file is derived
 * and never synced: what a power cut takes of it is unknown afterwards, and said to be.
 *
 * Times are as the clock told them. It may have been set back: then a later step has an earlier time, and so it stays, as both are what the
 * clock said then.
 *
 * Owner: whoever owns the segment. It never touches the disk; an empty one holds no memory. */
#pragma once

#include "log/base/err.h"

#define APPEND_TIME_UNKNOWN INT64_C(-1)

struct append_step {
	int64_t end_offset; /* its first offset is where the step before it ends */
	int64_t time_ms;    /* or APPEND_TIME_UNKNOWN */
};

struct append_times {
	int64_t from;       /* where the first step begins */
	uint32_t count, capacity;
	struct append_step steps[];
};

/* So many steps of one segment wait for their file at most (16 MiB); what comes behind them is unknown. */
#define APPEND_STEPS_MAX (1u << 20)

/* Adds "[from, to) at time_ms". Offsets that were left out are unknown. Without memory nothing is added. *times is NULL when there is none. */
void append_times_note(struct append_times **times, int64_t from, int64_t to, int64_t time_ms);

static inline int64_t append_times_end(const struct append_times *times)
{
	return times->steps[times->count - 1].end_offset;
}

/* ---- looking one up -------------------------------------------------------------------------------------------------- */

/* When one record was appended. Equal and known: exact. Else it was at or after `low` and at or before `high`, as far as they are known. */
struct append_time {
	int64_t low_ms, high_ms; /* or APPEND_TIME_UNKNOWN */
};

static inline bool append_time_is_exact(const struct append_time *time)
{
	return time->low_ms != APPEND_TIME_UNKNOWN && time->low_ms == time->high_ms;
}

/* Where steps come from, in memory or in a file. 1: here it is; 0: that one is damaged, or cannot be had. */
typedef int append_step_fn(void *context, uint32_t index, struct append_step *out);

struct append_steps {
	int64_t from;
	uint32_t count;
	append_step_fn *get;
	void *context;
};

struct append_steps append_times_steps(const struct append_times *times);
/* The first step that ends behind `offset`, or a damaged one that might be it; count if none does. The one before it, if there is one, is good. */
uint32_t append_steps_search(const struct append_steps *steps, int64_t offset);
/* Says of the offset what these steps say. True: exactly. Else what is known is narrowed: called with what lies before the offset first, and
 * what lies behind it last. Begin with both unknown. */
bool append_steps_tell(const struct append_steps *steps, int64_t offset, struct append_time *out);

/* ---- the file's bytes --------------------------------------------------------------------------------------------------- */

#define APPEND_TIME_HEADER_SIZE 64u
#define APPEND_TIME_ENTRY_SIZE 16u

/* Whose file it is. */
struct append_time_owner {
	struct uuid topic_id;
	uint32_t partition;
	int64_t base_offset;
	uint32_t first_crc; /* of the segment's first batch: which records these are; 0: not known. No part of whose file it is */
};

/* Where a file ends, as far as its writer knows: then it goes on there and reads nothing. All zero: not known. */
struct append_time_end {
	uint32_t count;           /* entries */
	uint32_t relative_offset; /* where the last one ends, less the base offset */
	uint32_t seed;            /* of the checksums of this file's entries */
};

/* `out`: APPEND_TIME_HEADER_SIZE bytes. Returns the seed of the entries' checksums. */
uint32_t append_time_header_encode(const struct append_time_owner *owner, uint8_t *out);
/* ERR_FORMAT: of a later version; ERR_CORRUPT_LOG: it is none, or damaged. */
MUST_USE int append_time_header_decode(struct append_time_owner *owner, uint32_t *seed, struct slice bytes);
/* Offsets are told relative to the base: at most 2^32 - 1. An entry's checksum covers where the one before it ends, so that no entry is right in
 * another's place. */
void append_time_entry_encode(const struct append_step *step, int64_t previous_end, int64_t base_offset, uint32_t seed, uint8_t *out);
/* `previous`: the bytes of the entry before it, NULL for the first. False: it is damaged, or the one before it is. */
MUST_USE bool append_time_entry_decode(struct append_step *step, const uint8_t *bytes, const uint8_t *previous, int64_t base_offset, uint32_t seed);
