/* Walks the bytes of a segment's .log file from front to back without a store: every whole batch that passes its CRC, every stretch of bytes that
 * is none, and what is behind the last batch. For `spate log verify` and `inspect`.
 *
 * Owner: the thread that owns the io. Reads through a window of memory (a batch at most), changes nothing, trusts nothing. */
#pragma once

#include "log/batch/batch.h"
#include "log/io/io.h"

enum walk_kind {
	WALK_BATCH, /* a good batch; `bytes` are all of it */
	WALK_BAD,   /* bytes that are no batch, with a good batch behind them */
	WALK_TAIL,  /* bytes that are no batch, up to the end of the file */
};

struct walk_event {
	enum walk_kind kind;
	uint64_t position, end_position;
	int64_t from_offset, to_offset; /* BAD: the offsets missing here; TAIL: from_offset alone, to_offset -1 */
	const struct batch *batch;
	struct slice bytes;
	bool is_zero;                   /* TAIL: nothing but zeros */
};

/* Nonzero ends the walk and is returned. */
typedef int walk_fn(void *context, const struct walk_event *event);

/* 0, what the function returned, or -errno. */
MUST_USE int segment_walk(struct io *io, const char *path, int64_t base_offset, walk_fn *event, void *context);
