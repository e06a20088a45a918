/* Does a sparse index fit its log? Its entries are held against the batches as a walk passes them. Owner:
 * the thread that verifies; one segment at a time. It never touches the disk. */
#pragma once

#include "log/batch/batch.h"

enum index_form { INDEX_FORM_OFFSET, INDEX_FORM_TIME };

struct index_check {
	enum index_form form;
	int64_t base_offset;
	struct slice bytes;      /* of the file; the caller's */
	/* ours: an entry is of just the batch it names; else it may be of an append of several (older
	 * Kafka) */
	bool is_strict;
	/* The seal vouches for the bytes, or nobody: then entries of batches that a crash took may stand in a time index,
	 * and only those are wrong that could lead a lookup astray. */
	bool is_lenient;
	int64_t max_timestamp_ms; /* of the batches passed */
	uint32_t count, next;    /* entries; the next one to be judged */
	bool has_holes;          /* sectors of zeros: a power cut came before they were on disk; their entries are not judged */
	uint32_t bad_from, bad_to; /* entries [bad_from, bad_to) hold all that are wrong; equal: none */
	const char *fault;       /* of the first one that is wrong; static storage */
};

/* `bytes` are the file's. Entries of nothing but zeros at the end are room that Kafka reserved, and not
 * judged. */
void index_check_begin(struct index_check *check, enum index_form form, int64_t base_offset,
		       struct slice bytes, bool is_strict);
/* A good batch at `position`; in order. */
void index_check_batch(struct index_check *check, const struct batch *batch, uint64_t position);
/* Nothing is known of the bytes before `position`, or the offsets before `offset`: entries that point
 * there are passed over. */
void index_check_skip(struct index_check *check, uint64_t position, int64_t offset);
/* The walk has ended at `position` and `offset`. `is_all`: the log ends there, so an entry that points
 * beyond is wrong; else it is passed over. */
void index_check_end(struct index_check *check, bool is_all);
