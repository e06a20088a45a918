/* The loop of one run: connections, windows, the schedule, warm-up, measuring and drain. What a request
 * says and what an answer means is the caller's (produce.c, fetch.c), through two functions.
 * Owns the sockets, their buffers and the windows; one thread from open to close. All its memory is
 * taken at open, but for a receive buffer, which grows to the largest answer up to ENGINE_ANSWER_MAX. */
#pragma once

#include "bench/load/load.h"

#include <sys/uio.h>

#define ENGINE_PIECES_MAX 3
#define ENGINE_ANSWER_MAX (256u << 20)
#define ENGINE_HEAD_MAX 512

struct engine;

/* One request in flight. `head` is patched for each request; the other pieces are shared. */
struct engine_request {
	uint64_t intended_ns, sent_ns;
	uint32_t connection, correlation;
	uint32_t partition;    /* the caller's: which of its partitions */
	uint64_t position;     /* the caller's: an offset, for example */
	uint32_t piece_count;
	struct iovec pieces[ENGINE_PIECES_MAX];
	uint8_t head[ENGINE_HEAD_MAX];
};

/* What an answer came to. */
struct engine_outcome {
	int error_code;  /* Kafka's; 0: none */
	bool is_damaged; /* it does not hold what was asked for; `error_code` is not looked at */
	uint64_t records, bytes;
	struct load_result *into; /* what counts it; NULL: the engine's own result */
};

struct engine_calls {
	/* Fills pieces, partition and position of the next request of a connection (its times are there
	 * already); its bytes must stay until the answer. False if the connection has nothing to ask before another answer. */
	bool (*next_request)(void *arg, uint32_t connection, uint32_t correlation, struct engine_request *request);
	/* Reads an answer: the frame after its size, which begins with the correlation id. */
	struct engine_outcome (*read_answer)(void *arg, const struct engine_request *request, struct slice frame);
	/* So many of the first connections keep to the schedule of an open loop, and the others ask as soon as
	 * they are answered; 0: all keep to it. */
	uint32_t paced_connections;
};

/* Connects all connections. 0, or negative with `result->failure` set. */
int engine_open(struct engine **out, const struct load_config *config, struct load_result *result,
		const struct engine_calls *calls, void *arg) MUST_USE;
/* Runs warm-up, measuring and drain. 0, or negative with `result->failure` set. */
int engine_run(struct engine *engine) MUST_USE;
/* Whether a latency that began then belongs to the run: measuring has begun, and it began after that. */
bool engine_counts(const struct engine *engine, uint64_t since_ns);
void engine_close(struct engine *engine);
