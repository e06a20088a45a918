/* A plan: what one seed does to a log. The knobs of its world, and a list of steps, each a kind and four raw random numbers that are
 * made to fit whatever state they meet; so any step can be left out and the rest still make sense, which is what shrinking needs. */
#pragma once

#include "log/base/types.h"

/* name, how a story begins to tell it */
#define STEP_KINDS(X)                                                                     \
	X(APPEND, "append")                                                               \
	X(APPEND_LARGE, "append a large batch")                                           \
	X(BURST, "a burst of large batches")                                              \
	X(PRODUCE, "produce (idempotent)")                                                \
	X(RETRY, "retry")                                                                 \
	X(TURN, "turn")                                                                   \
	X(WAIT, "wait")                                                                   \
	X(READ, "read")                                                                   \
	X(LOOKUP, "look up a time")                                                       \
	X(TRIM, "delete records")                                                         \
	X(SCAN, "read everything")                                                        \
	X(CREATE, "create a topic")                                                       \
	X(DELETE, "delete a topic")                                                       \
	X(GROW, "grow a topic")                                                           \
	X(CONFIGURE, "configure a topic")                                                 \
	X(RESERVE, "reserve producer ids")                                                \
	X(CUT, "order a power cut")                                                       \
	X(CRASH, "power fails")                                                           \
	X(KILL, "kill -9")                                                                \
	X(STOP, "clean stop")                                                             \
	X(CUT_STOP, "clean stop, power fails in it")                                      \
	X(CUT_RECOVERY, "order a power cut in the next recovery")                         \
	X(FAIL_RECOVERY, "order a failing I/O in the next recovery")                      \
	X(FAIL, "order a failing I/O")                                                    \
	X(HEAL, "the disk is well again")                                                 \
	X(FULL, "the disk fills up")                                                      \
	X(ROOM, "there is room again")                                                    \
	X(CLOCK, "the wall clock jumps")                                                  \
	X(ROT, "bits rot")                                                                \
	X(MISDIRECT, "order a misdirected write")                                         \
	X(LOSE, "order a lost write")

enum step_kind {
#define X(name, text) STEP_##name,
	STEP_KINDS(X)
#undef X
		step_kind_count
};
const char *step_name(enum step_kind kind);

struct step {
	enum step_kind kind;
	uint64_t a, b, c, d;
};

#define STEPS_MAX 1024

struct knobs {
	uint32_t direct_size_bytes_min;
	uint32_t cache_size_bytes;
	uint32_t index_interval_bytes, index_size_bytes, segment_ms;
	int64_t retention_bytes, retention_ms;   /* -1: none */
	uint32_t retention_check_ms;
	uint32_t latency_percent, stall_per_mille, short_per_mille;
	uint32_t peeks;                          /* other outcomes of each crash that are looked into */
	bool is_append_time;
	bool has_illegal_faults;                 /* rot, misdirected and lost writes: another oracle */
};

struct plan {
	uint64_t seed;
	struct knobs knobs;
	uint32_t step_count;
	struct step steps[STEPS_MAX];
};

void plan_make(struct plan *plan, uint64_t seed);
/* Makes the plan plainer in its n-th way; false: there are no more. */
bool plan_simplify(struct plan *plan, uint32_t n);
