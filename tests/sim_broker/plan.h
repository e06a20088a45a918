/* A plan: how the broker is set up and who uses it (the knobs), and what befalls it (the steps), each a kind, a time that passes before it, and raw
 * random numbers that are made to fit whatever they meet; so any step can be left out and the rest still make sense, which is what shrinking needs. */
#pragma once

#include "log/base/types.h"

#define PRODUCERS_MAX 5
#define CONSUMERS_MAX 32      /* the calm reads every partition */
#define COMMITTERS_MAX 2
#define FETCHERS_MAX 2
#define MEMBERS_MAX 5
#define GROUP_PARTITIONS 4    /* of the first topic: what classic members share, and what is committed for */

/* name, how a story tells it */
#define STEP_KINDS(X)                                                 \
	X(CRASH, "the power fails")                                   \
	X(KILL, "kill -9")                                            \
	X(STOP, "a clean stop")                                       \
	X(CUT, "the power will fail")                                 \
	X(CUT_START, "a restart in which the power will fail")        \
	X(RESET, "all connections are reset")                         \
	X(RESET_ONE, "one client's connection is reset")              \
	X(HALF_CLOSE, "a client half-closes its connection")          \
	X(DEAF, "a client does not read for a while")                 \
	X(NETWORK, "the network changes")                             \
	X(PACE, "the disk's pace changes")                            \
	X(FAIL, "an I/O will fail")                                   \
	X(SHORT, "there are no descriptors")                          \
	X(FAIL_START, "a restart in which an I/O will fail")          \
	X(FULL, "the disk is full")                                   \
	X(FULL_RESTART, "the disk is full and the broker is killed")  \
	X(CLOCK, "the wall clock jumps")                              \
	X(REREAD, "a consumer begins again")                          \
	X(MAKE, "a topic is made")                                    \
	X(DELETE, "a topic is deleted")                               \
	X(GROW, "a topic grows")                                      \
	X(TRIM, "records are deleted")                                \
	X(CONFIGURE, "a topic is configured")                         \
	X(ROT, "bits rot")                                            \
	X(ASTRAY, "a write will go astray")                           \
	X(ROLL_BACK, "files are as they were once, or each other's")

enum step_kind {
#define X(name, text) STEP_##name,
	STEP_KINDS(X)
#undef X
		step_kind_count
};
const char *step_name(enum step_kind kind);

struct step {
	enum step_kind kind;
	uint64_t wait_ns, a, b, c;
};

#define STEPS_MAX 40

struct knobs {
	uint32_t shards, topics, producers, consumers, fetchers, committers, members, consumer_members;
	uint32_t journal_bytes, cache_bytes, direct_bytes, segment_bytes, rebalance_delay_ms, retention_check_ms, offsets_partitions;
	bool may_rot;               /* a disk that lies */
	bool may_roll_back;         /* and whose owner puts old files back */
	bool may_exchange;          /* or one partition's in another's place */
	bool is_tireless;           /* producers send as quickly in the end as in the beginning */
};

struct plan {
	uint64_t seed;
	struct knobs knobs;
	uint32_t step_count;
	struct step steps[STEPS_MAX];
};

/* Each plan has a disk that lies from now on, not one in eight. */
void plan_let_all_rot(void);
/* And files that come back as they were. */
void plan_let_all_roll_back(void);
void plan_let_all_exchange(void);
void plan_make(struct plan *plan, uint64_t seed);
/* Makes the plan plainer in its n-th way; false: there are no more. */
bool plan_simplify(struct plan *plan, uint32_t n);
