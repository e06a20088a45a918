/* The producing part of a run: one batch, one ready-made request for each partition. load_produce and
 * load_mixed drive it through the engine. Owns the batch and the requests; the thread of its engine. */
#pragma once

#include "bench/load/engine.h"
#include "bench/load/lane.h"
#include "bench/load/payload.h"
#include "bench/load/produce_head.h"

struct produce {
	struct payload payload;
	struct lanes lanes;
	struct produce_head *heads; /* by partition */
	struct produce_tail tail;
	struct arena arena;
};

/* 0, or negative with `failure` (LOAD_FAILURE_BYTES) set; produce_close is due in either case. */
int produce_open(struct produce *produce, const struct load_config *config, char *failure) MUST_USE;
void produce_close(struct produce *produce);

/* As engine_calls has them. */
bool produce_next_request(void *arg, uint32_t connection, uint32_t correlation, struct engine_request *request);
struct engine_outcome produce_read_answer(void *arg, const struct engine_request *request, struct slice frame);
