/* Where each leader epoch of a partition began, in memory, and its file, Kafka's
 * `leader-epoch-checkpoint`: a text of "0", the number of entries, and a line "<epoch> <start offset>" for
 * each.
 *
 * Owner: whoever owns the partition. It never touches the disk; an empty one holds no memory. Embedded by
 * value; the fields are for reading. */
#pragma once

#include "log/base/err.h"

#define EPOCHS_COUNT_MAX 100000u /* of what a file may say: more is no history but damage */
#define EPOCH_FILE_SIZE_MAX (EPOCHS_COUNT_MAX * 32u + 64u)

struct epoch_entry {
	int32_t epoch;
	int64_t start_offset;
};

struct epochs {
	uint32_t count, capacity;
	struct epoch_entry *entries; /* epochs strictly increasing, start offsets not decreasing */
};

void epochs_init(struct epochs *epochs);
void epochs_fini(struct epochs *epochs);

/* Says that `epoch` begins at `start_offset`. An epoch known already, or below the latest, changes
 * nothing; entries that begin at or behind `start_offset` have no records and go. Returns 1 if the file is
 * to be written anew, 0 if nothing has changed, or -ENOMEM (then nothing has changed); -ENOSPC at
 * EPOCHS_COUNT_MAX. */
MUST_USE int epochs_assign(struct epochs *epochs, int32_t epoch, int64_t start_offset);
/* Room for one more: the next epochs_assign cannot fail for lack of memory. -ENOMEM. */
MUST_USE int epochs_reserve(struct epochs *epochs);

/* The latest epoch, or -1. */
int32_t epochs_latest(const struct epochs *epochs);
/* The epoch in force at an offset, or -1 if it lies before the first entry. */
int32_t epochs_at(const struct epochs *epochs, int64_t offset);
/* Kafka's LeaderEpochFileCache.endOffsetFor: the latest epoch ends at `log_end_offset`; an older one,
 * known or not, answers the largest known epoch not above it (itself if it lies below all) and where the
 * next one begins; one above the latest, or -1: (-1, -1). */
void epochs_end_offset(const struct epochs *epochs, int32_t epoch, int64_t log_end_offset, int32_t *epoch_out, int64_t *end_offset_out);

/* The log now ends at `end_offset`: entries that begin at or behind it go. True if something changed. */
bool epochs_truncate_end(struct epochs *epochs, int64_t end_offset);
/* The log now starts at `start_offset`: entries wholly before it go; the one that contains it begins
 * there. True if something changed. */
bool epochs_truncate_start(struct epochs *epochs, int64_t start_offset);

/* Room enough for the text; then the text itself, whose size is returned. */
size_t epochs_encoded_size_max(const struct epochs *epochs);
size_t epochs_encode(const struct epochs *epochs, char *out, size_t out_size);
/* Replaces the entries. ERR_FORMAT (another version), ERR_CORRUPT_LOG, -ENOMEM. After an error it is empty. */
MUST_USE int epochs_decode(struct epochs *epochs, struct slice text);
/* Is a text that epochs_decode refuses what a power cut leaves of one that was being replaced in place: its beginning, with or without zeros behind it? */
bool epochs_is_torn(struct slice text);
