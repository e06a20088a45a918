/* The scrub: segments, which nobody may read for years, are read again and again in the background, at a bounded rate, and held against their batches' CRCs,
 * what was filed there (struct mark), and their seal. What has rotted is fenced and named as recovery would, while there is still a copy somewhere to put back.
 *
 * Owner: the shard's thread, as part of its store. Between two passes it is one timer; it never writes to a segment, and never blocks the loop for more
 * than a piece's CRC. Private to log/store. */
#pragma once

#include "log/io/io.h"
#include "log/segment/seal.h"
#include "log/segment/segment.h"

struct partition;
struct store;

struct scrub {
	struct store *store;
	struct io_timer timer;          /* the next piece, or the next pass */
	struct io_op op;
	struct iovec vector;
	bool is_reading;
	uint8_t *buffer;                /* during a pass */
	uint64_t buffer_size_bytes;
	uint32_t partitions_left;       /* of this pass; 0: none is under way */
	struct partition *partition;    /* held; NULL: the next one is to be taken */
	struct segment *segment;        /* held as a reader is */
	bool has_doubtful;              /* segments that are to be read before all others, perhaps */
	bool is_partition_checked;      /* its leader-epoch-checkpoint was looked at */
	int64_t next_base_offset;       /* segments of the partition below it have been read */
	bool is_sealed;                 /* the segment was when its reading began */
	struct mark end;                /* so far it is read */
	struct mark_check filed;        /* against what was filed there by then */
	uint64_t position;              /* the next batch of the segment: where it begins, and what its base offset should be */
	int64_t expected;
	uint64_t batches;
	bool is_damaged;                /* this segment, as far as it was read */
	struct seal_hash *hash;
	uint64_t piece_began_ns, pass_began_ns;
	uint64_t passes, bytes, segments; /* since the start */
};

/* Sets the first pass. `store->options` says rate and interval; a rate of 0 is no scrub. */
void scrub_start(struct scrub *scrub, struct store *store);
/* Some sealed segment's file was changed by somebody: it is read next, at the same rate, and a pass begins for that if none is under way. */
void scrub_hurry(struct scrub *scrub);
/* No piece is begun any more. */
void scrub_stop(struct scrub *scrub);
/* After scrub_stop, when nothing is being read. */
void scrub_close(struct scrub *scrub);
static inline bool scrub_is_reading(const struct scrub *scrub) { return scrub->is_reading; }
