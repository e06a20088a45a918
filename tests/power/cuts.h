/* Every image that a power cut could have left: what was flushed, and of the writes behind it some, whole or in part, as a drive with a volatile cache may choose.
 * Each is mounted (the file system's own recovery runs), judged, and forgotten. */
#pragma once

#include "tests/power/judge.h"
#include "tests/power/volume.h"

struct cuts {
	struct volume *volume;            /* not mounted */
	struct judge *judge;
	const uint8_t *base;              /* the disk's bytes before the first op */
	uint64_t first, last;             /* the ops */
	uint64_t images_max;              /* about so many; 0: all boundaries, and `samples` between two of them */
	uint32_t samples;
	uint64_t until_ms;                /* of clock_ms: no more after it; 0: never */
	uint64_t random;
	/* Counted. */
	uint64_t boundaries, boundaries_all, between, nested, unmountable, wrong;
};

void cuts_run(struct cuts *cuts);
