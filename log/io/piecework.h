/* Work that the loop waits for, like the removal of files, done a few pieces at a time: between them comes what others have asked for meanwhile, for at
 * least four times as long as they took, as a busy disk lets each file be waited for. What takes long is done one piece at a time.
 *
 * Embedded by value, zeroed. Owner: the thread of the io. Allocates nothing; without work it has no timer. */
#pragma once

#include "log/io/io.h"

struct piecework;
/* Does up to `count` pieces. Returns how many it did, 0 if nothing was left; PIECEWORK_LATER: nothing can be done now, but soon; or an error: something is short, and is
 * tried again a second later. */
#define PIECEWORK_LATER INT32_MAX
typedef int piecework_fn(struct piecework *work, uint32_t count);

struct piecework {
	struct io *io;
	piecework_fn *run;
	uint32_t at_once;    /* pieces */
	struct io_timer timer;
	uint64_t began_ns;   /* the turn of the last ones */
	bool is_slow;        /* which took long */
};

/* There is something to do: soon, if nothing is under way. `at_once` pieces are to take a few milliseconds where the disk is not busy. */
void piecework_begin(struct piecework *work, struct io *io, uint32_t at_once, piecework_fn *run);
/* The same, but the first pieces are done when it returns. */
void piecework_begin_now(struct piecework *work, struct io *io, uint32_t at_once, piecework_fn *run);
void piecework_stop(struct piecework *work);
