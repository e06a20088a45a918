/* Finding where a segment goes on behind damage: the one rule, for the broker that reads a segment and for `spate log verify` that walks over its file.
 * What the one fences the other must name, so neither has a rule of its own.
 *
 * Owns nothing; any thread; reads through the callback alone. */
#pragma once

#include "log/base/types.h"
#include "log/batch/batch.h"
#include "log/segment/mark.h"
#include "log/segment/offset_index.h"

/* All of [position, position + size) into `out`. ERR_CORRUPT_LOG: it is not all there; any other error ends the search with it. */
typedef int resync_read_fn(void *context, void *out, uint32_t size_bytes, uint64_t position);

/* The file holds nothing but zeros from `position` up to the result, as is known without reading; `position` itself, if nothing is known. */
typedef uint64_t resync_next_data_fn(void *context, uint64_t position);

/* Is it known that what is at this offset is damaged? Then from where on. */
typedef bool resync_find_fence_fn(const void *fences, int64_t offset, int64_t *from);

/* The bytes of a segment, wherever they are. */
struct resync_source {
	resync_read_fn *read;
	resync_next_data_fn *next_data; /* of the file alone, whatever is in memory; NULL: nobody knows */
	void *context;
	int64_t base_offset;
	uint64_t end_position;    /* batches lie before it */
	int64_t end_offset;       /* behind the last of them; INT64_MAX: not known */
	uint64_t fit_position;    /* the same for what headers may say: what is staged, at least up to the end */
	int64_t fit_offset;
	uint64_t file_end;        /* the file's; [file_end, memory_position) is nowhere */
	const struct mark_steps *steps; /* where batches are known to end; NULL: nowhere */
	uint64_t known_position;        /* here as well: what was filed when the broker last stopped; 0: nobody knows */
	int64_t known_offset;           /* behind the last of them */
	/* Each entry is of a batch that stood there before anything was damaged; NULL: nobody knows of any. One that was made from what stands there now
	 * proves nothing. */
	const struct offset_index *places;
	/* Ranges that are fenced already: what leads to the begin of one leads on, as nothing has to be there, and nothing is looked for within. NULL: nobody knows of any. */
	resync_find_fence_fn *find_fence;
	const void *fences;
	uint64_t memory_position; /* from here on bytes are in memory; the end, if none are */
};

/* Could the batch stand there, by its header: an offset range of this segment, and its bytes within? */
MUST_USE bool resync_header_fits(const struct resync_source *source, uint64_t position, const struct batch *batch);

/* At `*position`, where `*due_offset` is due, a batch is damaged. Where the headers that lead there from the last known place on pass another one by, they are of another
 * log's batches, be these whole: then the damage begins at that place, and so do both. Else they stay. 0, or a read error. */
MUST_USE int resync_find_begin(const struct resync_source *source, uint64_t *position, int64_t *due_offset);

/* Do the headers from this batch on lead to the next known place, or is there none? 1, 0, or a read error. */
MUST_USE int resync_leads_on(const struct resync_source *source, uint64_t position, const struct batch *batch);

/* The next whole batch at or behind `damaged_position`, where the batch behind `from_offset` is due and is not, or is damaged. ERR_CORRUPT_LOG: there
 * is none. Bounded memory: SCAN_SIZE and the largest batch. */
MUST_USE int resync_find(const struct resync_source *source, uint64_t damaged_position, int64_t from_offset, uint64_t *position,
			 struct batch *out);
