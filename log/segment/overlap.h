/* The .log files of one partition's directory held against each other, where no checkpoint says which of them are its segments: another partition's that strayed in is
 * as whole as they are, and a batch does not say whose it is. But the segments of one log never have an offset twice: where whole batches of one file lead on, without a gap,
 * into the offsets of the next, one of both is not of this log.
 *
 * Which one is known by whoever knows a file's first batch (a witness, log/segment/witness.h; the journal), by what the journal has itself, or by where the first one leads:
 * just to where another file, or the journal, goes on. Where none of that tells, both are doubtful.
 *
 * For a scan and for `spate log verify`, which says what a scan will do. Owner: the thread that asks. Reads only. */
#pragma once

#include "log/io/io.h"

enum overlap_fate {
	OVERLAP_NONE,
	OVERLAP_STRAY,    /* it is not of this log */
	OVERLAP_DOUBTFUL, /* it has offsets that another file has as well, and nothing says which of both is this log's; or the other is */
};

struct overlap_file {
	int64_t base_offset; /* by its name */
	enum overlap_fate fate;
	int64_t beside;      /* the base of the other, if it has a fate */
	int64_t end;         /* behind the last of its batches, if it is doubtful */
	bool is_beyond;      /* it has none of the other's offsets, and begins where nothing says that this log had come to */
};

struct overlap_known {
	int64_t journal_from; /* the journal has the log from here on; INT64_MAX: nothing of it */
	uint32_t journal_crc; /* of the batch there; 0: not known */
	int64_t file_base;    /* the segment that the log went on in when the journal was let go last, and */
	uint32_t file_crc;    /* its first batch; 0: not known */
	bool is_file_last;    /* the journal has lost nothing since then: a segment behind that one has its first batch in it */
	/* The CRC of the file's first batch as something else knows it; 0: nothing does. */
	int (*first_crc)(void *context, int64_t base_offset, uint32_t *crc);
	void *context;
};

/* Of `count` files in the order of their bases. A read error, or of first_crc, ends it. */
MUST_USE int overlap_judge(struct io *io, const char *dir, const struct overlap_known *known, struct overlap_file *files, uint32_t count);
