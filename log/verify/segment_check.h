/* The check of one segment file: every batch of it (header, CRC-32C, offsets, epochs, every record,
 * compressed ones included), against its indexes and its seal. Damage is named by offsets and positions,
 * and the walk goes on behind it.
 *
 * Owner: the thread that verifies. Reads only; never prints: it calls back. Memory is bounded by the
 * largest batch, and in a damaged file by the file's size. */
#pragma once

#include "log/batch/compress.h"
#include "log/segment/epoch_file.h"
#include "log/segment/seal.h"
#include "log/segment/segment.h"
#include "log/verify/finding.h"
#include "log/verify/index_check.h"

/* Counted over all that is checked. */
struct verify_counts {
	uint64_t segments, sealed_segments, batches, records, bytes;
	/* bytes behind the durable point, which the journal holds or nobody was told of */
	uint64_t tails, tail_bytes;
	/* of a directory in use: segments that the broker still writes, which were not looked into */
	uint64_t open_segments, open_bytes;
	uint64_t findings[finding_kind_count];
};

typedef void verify_progress_fn(void *context, uint64_t done_bytes, uint64_t total_bytes);

/* Who is told, and what is counted. Shared by all files of a check. */
struct verify_sink {
	struct io *io;
	const char *dir;
	finding_fn *found;
	verify_progress_fn *progress;     /* now and then; may be NULL */
	uint64_t total_bytes;
	void *context;
	struct batch_workspace *workspace;
	struct verify_counts counts;
};

/* Tells, and counts. */
void verify_tell(struct verify_sink *sink, const struct finding *finding);

void verify_note_progress(struct verify_sink *sink);

/* Offsets that were found to be damaged, in order of the walk. */
struct damaged_ranges {
	struct { int64_t from, to; } *ranges;
	uint32_t count, capacity;
};
/* No memory forgets the range: what is known twice is then told twice. */
void damaged_ranges_add(struct damaged_ranges *ranges, int64_t from, int64_t to);
/* Is all of [from, to) in one of them? */
bool damaged_ranges_hold(const struct damaged_ranges *ranges, int64_t from, int64_t to);
bool damaged_ranges_overlap(const struct damaged_ranges *ranges, int64_t from, int64_t to);
/* The first part of [*from, to) that is in none of them: [*from, *end). False: there is none. */
bool damaged_ranges_miss(const struct damaged_ranges *ranges, int64_t *from, int64_t to, int64_t *end);

typedef void segment_batch_fn(void *context, const struct batch *batch, uint64_t position,
			      struct slice bytes);

/* What is expected of a segment. */
struct segment_check {
	struct verify_sink *sink;
	const char *topic;
	int32_t partition;
	const char *file;                 /* of the .log, below sink->dir */
	int64_t base_offset;
	int64_t limit_offset;             /* where the next segment begins; NOWHERE: there is none */
	uint64_t required_bytes;          /* everything before it is below the durable point */
	int64_t required_offset;          /* the offset there; NOWHERE: not known */
	/* It is not known where the durable point lies: the walk goes on behind `required_bytes`, and what breaks
	 * off with no good batch behind it is a torn tail. */
	bool is_open_ended;
	bool are_gaps_allowed;            /* Kafka's compaction may have taken batches out */
	bool is_foreign;                  /* Kafka wrote it, perhaps an older one */
	/* what is known of them, and trusted for offsets below epochs_limit; NULL: nothing */
	const struct epochs *epochs;
	int64_t epochs_limit;
	const struct damaged_ranges *fenced; /* known before: offsets that are missing there are no news */
	const struct damaged_ranges *held;   /* the journal has their batches, and a start takes them from there; NULL: nothing */
	const struct seal *seal;          /* NULL: not sealed, or the seal is damaged */
	const struct seal *stale_seal;    /* a good one that says less than the segment has, or NULL: of an earlier life, perhaps */
	struct mark known_end;            /* a batch ended there when the broker stopped; at 0: nobody knows */
	struct mark vouched;              /* what the headers of the batches before that position come to; at 0: nobody knows */
	struct mark vouched_later;        /* the same, by another's word */
	const struct mark_steps *steps;   /* and before those on the way; NULL: nobody knows */
	struct slice index, time_index;   /* the files' bytes; data NULL: there is none */
	/* called for each good batch, in order with the findings; NULL: nobody asks */
	segment_batch_fn *batch;
	void *batch_context;

	/* Out. */
	bool is_stale_seal_ours;          /* the batches begin as it says */
	bool is_broken;                   /* something was not as it should be or not there, be it fenced, or held by the journal */
	bool fits_seal;                   /* all headers together are what was sealed */
	uint32_t first_crc;               /* of the batch at the file's beginning, if that is whole; 0: it is not */
	struct damaged_ranges damaged;
	struct epochs seen;               /* where each epoch begins, by the batches */
	int64_t end_offset;               /* behind the last good batch */
	uint64_t end_position;
};

/* Checks the file and tells what it finds. -errno: the check itself failed (no memory, the file cannot be
 * opened). The caller frees with segment_check_fini. */
MUST_USE int segment_check_run(struct segment_check *check);
void segment_check_fini(struct segment_check *check);
