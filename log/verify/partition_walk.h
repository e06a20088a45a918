/* One partition on the way through its files (partition_check.c): what is known of it, what was seen, and what all parts of the check share. Private to partition_*.c.
 * Owner: the thread that verifies. Reads only; never prints: it calls back. */
#pragma once

#include "log/segment/overlap.h"
#include "log/segment/witness.h"
#include "log/verify/partition_check.h"
#include "log/verify/segment_check.h"
#include "log/verify/snapshot_check.h"

struct partition_walk {
	const struct partition_check *check;
	struct damaged_ranges found;
	struct damaged_ranges whole; /* of segments that certainly are what was filed, to their last byte */
	struct epochs seen;
	int64_t first_offset, end_offset; /* of what was walked; NOWHERE: nothing */
	struct snapshot_check snapshots;
	/* What the start will hold its scan against (log/store/recover_told.c). */
	int64_t segment_base;
	struct segment_witness witness; /* of the segment that is walked; all zero: none */
	int64_t filed_from, filed_to;   /* that much was filed at some time; filed_to = 0: nothing tells */
	bool is_among_anothers;         /* append times of another partition lie in its directory */
	bool has_exchanged;             /* the broker will refuse to start for a file of this partition */
	struct overlap_file *files;     /* its .log files; NULL: they are not held against each other */
	uint32_t file_count;
};

/* ---- partition_walk.c -------------------------------------------------------------------------------------- */

void walk__tell(const struct partition_walk *walk, enum finding_kind kind, const char *file, int64_t from, int64_t to, const char *what);
/* Offsets of a .log that is not there, or is none of ours. */
void walk__tell_lost_part(struct partition_walk *walk, struct finding finding);
/* A derived file as a crash leaves it. */
void walk__note_unwritten(const struct partition_walk *walk, const char *file, size_t size);

/* Below the data directory, as it is told. */
void walk__file_name(const struct partition_walk *walk, const char *name, char *out, size_t size);
void walk__segment_file_name(const struct partition_walk *walk, int64_t base_offset, enum segment_file file, char *out, size_t size);
/* A small file, malloc'ed. One that cannot be read is told as damaged, of that kind: *out has no data, and 0. -ENOMEM. */
MUST_USE int walk__read_file(const struct partition_walk *walk, const char *file, size_t size_max, enum finding_kind kind, struct slice *out);

/* Does a checkpoint tell of it? */
bool walk__knows_marks(const struct partition_walk *walk);
/* Will the next start learn it from its files? */
bool walk__is_scanned(const struct partition_walk *walk);
/* Is anything of a segment that the checkpoint knows fenced? */
bool walk__is_part_fenced(const struct partition_walk *walk, int64_t base_offset);
/* Wholly before the log start: the next start removes it. */
bool walk__is_leftover(const struct partition_walk *walk, int64_t base_offset);
/* Among the log's segments, and none of them, by the checkpoint. */
bool walk__is_stray(const struct partition_walk *walk, const struct segment_files *segment);
/* Is there such a file beside it, and does it have to say something? */
bool walk__is_to_check(const struct partition_walk *walk, const struct segment_files *segment, enum segment_file file);

/* ---- the parts, in the order in which they are gone through -------------------------------------------------- */

/* partition_scan.c: what the append times tell, before any segment is looked into. */
MUST_USE int walk__ask_append_times(struct partition_walk *walk);
/* partition_metadata_check.c. *is_ours = false: the directory is another topic's, and is not looked into. */
MUST_USE int walk__check_metadata(const struct partition_walk *walk, bool *is_ours);
/* partition_derived.c: snapshots that can be read are held until the batches have been seen. */
MUST_USE int walk__read_snapshots(struct partition_walk *walk);
/* partition_scan.c: which of the files cannot all be of one log (log/segment/overlap.h); and what the scan will make of this one; NULL: nothing but what is in it. */
MUST_USE int walk__judge_overlaps(struct partition_walk *walk);
const struct overlap_file *walk__fate_of(const struct partition_walk *walk, int64_t base_offset);
/* partition_segments.c: each of them, from its first batch to its last. */
MUST_USE int walk__check_segments(struct partition_walk *walk);
/* Nothing of what was filed, up to `to`, is there. */
void walk__tell_lost_file(struct partition_walk *walk, const struct segment_check *segment, int64_t to, const char *what);
/* partition_scan.c: what the segment is held against, to be closed; does that tell of another's batches (then that is told)? And of more than was found? */
MUST_USE int walk__open_witness(const struct partition_walk *walk, int64_t base_offset, int64_t next_base, struct segment_witness *witness);
bool walk__is_exchanged(struct partition_walk *walk, const struct segment_check *segment, int64_t next_base);
void walk__check_filed(struct partition_walk *walk);
/* partition_derived.c: leader epochs, producer snapshots and append times, against what the batches were. */
MUST_USE int walk__check_derived(const struct partition_walk *walk);
