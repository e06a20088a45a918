/* The reading part of a run: where each lane stands in its partition. load_fetch and load_mixed drive it
 * through the engine. Owns the positions; the thread of its engine. */
#pragma once

#include "bench/load/engine.h"
#include "bench/load/lane.h"
#include "log/base/arena.h"

struct reading {
	uint64_t offset;
	bool is_open; /* a fetch is in flight */
	bool is_over; /* at its end and not to begin again */
};

struct fetch {
	struct load_config config; /* the caller's, with the partitions filled in */
	struct lanes lanes;
	struct reading *readings; /* by lane */
	uint64_t *starts;         /* by partition: its first offset */
	uint64_t random;          /* of where the next fetch begins, where that is asked for */
	struct arena arena;
};

/* 0, or negative with `failure` (LOAD_FAILURE_BYTES) set; fetch_close is due in either case. */
int fetch_open(struct fetch *fetch, const struct load_config *config, char *failure) MUST_USE;
void fetch_close(struct fetch *fetch);

/* As engine_calls has them. */
bool fetch_next_request(void *arg, uint32_t connection, uint32_t correlation, struct engine_request *request);
struct engine_outcome fetch_read_answer(void *arg, const struct engine_request *request, struct slice frame);
