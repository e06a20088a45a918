/* Produce requests taken apart at their batch, so that one batch serves them all, and their answers.
 * Owns nothing; any thread. */
#pragma once

#include "log/base/arena.h"
#include "log/base/types.h"

/* The newest version that names topics and the oldest flexible one: it needs no topic id, and the limit
 * programs can read it with a few lines. */
#define PRODUCE_VERSION 9

#define PRODUCE_HEAD_MAX 320 /* a topic's name is at most 249 bytes */

/* All before the batch, from the size on; the correlation id at FRAME_CORRELATION_AT is 0. */
struct produce_head {
	uint32_t size;
	uint8_t bytes[PRODUCE_HEAD_MAX];
};

/* All behind the batch. */
struct produce_tail {
	uint32_t size;
	uint8_t bytes[16];
};

/* 0, or the writer's error for a topic's name that is too long. */
int produce_head_encode(struct produce_head *head, struct produce_tail *tail, const char *topic, uint32_t partition,
			int16_t acks, struct slice batch) MUST_USE;

struct produce_answer {
	int32_t partition;
	int error_code;
	int64_t base_offset;
};

/* Reads the answer for one partition. False if it is not that: malformed, or for none or several. */
bool produce_answer_read(struct slice frame, struct arena *arena, struct produce_answer *answer);
