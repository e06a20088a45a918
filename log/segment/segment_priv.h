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

/* segment_resync() with what of the indexes is in memory. */
MUST_USE int segment__resync(struct segment *segment, uint64_t damaged_position, int64_t from_offset, uint64_t *position, struct batch *out);

/* Is the offset index right, as far as it was not made from the batches? The walk stands at a batch; *next is the entry to be judged, from 0 on. Once it is not, false. */
bool segment__index_fits(const struct segment *segment, uint32_t *next, uint64_t position, const struct batch *batch);

/* Makes the indexes anew from the log. */
MUST_USE int segment__remake_indexes(struct segment *segment);

/* It has its indexes in memory, and was the last to be asked: others that are complete may lose theirs. */
void segment__note_indexed(struct segment *segment);

/* Of the file alone. ERR_CORRUPT_LOG: it has no such bytes. */
MUST_USE int segment__read_file(struct segment *segment, void *out, size_t size, uint64_t position);

/* The sealed file is as its owner left it: what changes it from now on is somebody else. */
void segment__note_changed(struct segment *segment, int fd);

/* Both index files, as they are now; the seal gets what it says of them. */
MUST_USE int segment__write_indexes(struct segment *segment, struct seal *seal);

/* One of the files beside the log has these bytes from here on, and ends with them; what it has before is as it was. */
MUST_USE int segment__write_derived(struct segment *segment, enum segment_file file, const uint8_t *data, size_t size, size_t from);

/* A segment that goes on has no seal. One that is there is of a life whose end was taken back (a crash; a journal and a checkpoint of an earlier time beside this
 * directory) and would be held against what comes now. Durable before anything is cut, as nothing asks for it again behind that. */
void segment__drop_seal(struct segment *segment);
