/* A run of the whole broker on a simulated machine: its disk, its network, its clock, and the clients that speak to it over that network in Kafka's protocol.
 *
 * One seed is one run: how many clients of which kind, how large their batches, how bad the network, and what befalls the machine when. The judge
 * (tests/history) is told what clients sent, were acknowledged and saw. Owner: one thread. What a run leaves of killed brokers stays in memory: each run has a
 * process of its own (main.c). */
#pragma once

#include <stdio.h>

#include "log/io/sim.h"
#include "log/io/sim_net.h"
#include "net/server.h"
#include "tests/history/history.h"

#define PARTITIONS 4
#define PRODUCERS_MAX 4
#define CONSUMERS_MAX 4
#define COMMITTERS_MAX 2
#define MEMBERS_MAX 5
#define TOPIC "t"

/* Situations that the runs together must have met; main.c counts them. */
#define MOMENTS(X)                                                          \
	X(POWER_CUT, "the power failed")                                    \
	X(POWER_CUT_IN_START, "the power failed while the broker started")  \
	X(KILL, "kill -9")                                                  \
	X(CLEAN_STOP, "a clean stop")                                       \
	X(RESETS, "all connections were reset")                             \
	X(SLOW_NETWORK, "the network was slow")                             \
	X(FULL_DISK, "the disk was full")                                   \
	X(FAILED_IO, "an I/O failed")                                       \
	X(REPEATED, "a batch sent again was known to the broker")           \
	X(LOST_ANSWER, "an answer was lost with its connection")            \
	X(REFUSED, "a produce was refused for the disk's sake")             \
	X(COMMITTED, "a commit was acknowledged")                           \
	X(COMMIT_SURVIVED, "and found after a restart")                     \
	X(REBALANCED, "a member was told what it owns")                      \
	X(MEMBER_COMMITTED, "a member's commit was acknowledged")           \
	X(MEMBER_LEFT, "a member left its group")                           \
	X(MEMBER_VANISHED, "a member was gone without a word")              \
	X(PARKED, "a fetch was answered empty")                             \
	X(REREAD, "a consumer began again at the start")

enum moment {
#define X(name, text) MOMENT_##name,
	MOMENTS(X)
#undef X
		moment_count
};
const char *moment_text(enum moment moment);

struct peer;
struct producer;
struct consumer;
struct committer;
struct member;

/* Who owns a partition for the group's members, by its latest generation that somebody was told of; and what was committed for it. */
struct ownership {
	int32_t generation;
	char id[128];
};
struct commits {
	int64_t sent, acked;          /* the highest; -1: none */
};

struct world {
	uint64_t seed, random;
	struct sim_disk *disk;
	struct sim_net *net;
	struct broker_config *config;
	struct server *server;
	uint16_t port;
	uint64_t life;              /* starts so far */
	uint64_t cut_at;            /* the I/O at which the power was ordered to fail; 0: none */
	bool is_calm;               /* the end: nothing befalls it any more */

	struct history *history;
	uint32_t numbers[PARTITIONS]; /* the partitions' in the history */
	bool has_topic;
	uint64_t next_mark;

	struct producer *producers[PRODUCERS_MAX];
	struct consumer *consumers[CONSUMERS_MAX];
	struct committer *committers[COMMITTERS_MAX];
	struct member *members[MEMBERS_MAX];
	uint32_t producer_count, consumer_count, committer_count, member_count;
	struct ownership owners[PARTITIONS];
	struct commits commits[PARTITIONS];
	uint64_t moments[moment_count];
	uint64_t trace;             /* a hash of all that happened */
	FILE *story;
};

static inline void meet(struct world *world, enum moment moment) { world->moments[moment]++; }

/* A random number in [0, below). */
uint64_t world_draw(struct world *world, uint64_t below);
uint64_t world_now_ns(const struct world *world);
/* Takes something that happened into the trace, and tells the story. */
PRINTF_LIKE(3, 4)
void world_tell(struct world *world, uint64_t number, const char *format, ...);
/* Something that no fault explains. */
PRINTF_LIKE(4, 5)
void world_accuse(struct world *world, uint32_t partition, int64_t offset, const char *format, ...);
bool world_is_over(const struct world *world);

/* broker.c: the broker's life. It is started until it stands; the power may fail in that, too. */
void broker_begin(struct world *world);
/* One turn; if the power has failed by order, that is a crash and a new start. A broker that ended by itself is started again. */
void broker_turn(struct world *world);
void broker_crash(struct world *world);
void broker_kill(struct world *world);
void broker_stop(struct world *world);
void broker_order_cut(struct world *world, uint64_t k);

/* The clients: each takes a step after each turn of the broker. */
struct producer *producer_open(struct world *world, uint32_t number);
void producer_step(struct producer *producer);
/* No more new batches; is everything answered? */
void producer_finish(struct producer *producer);
bool producer_is_done(const struct producer *producer);
void producer_reset(struct producer *producer);
void producer_describe(const struct producer *producer, char *out, size_t size);

struct consumer *consumer_open(struct world *world, uint32_t partition);
void consumer_step(struct consumer *consumer);
void consumer_reset(struct consumer *consumer);
/* Reads it all once more, from the start. */
void consumer_begin_again(struct consumer *consumer);
/* Has it come to the high watermark, as the broker told it last, and is that as far as the acknowledged records? */
bool consumer_is_done(const struct consumer *consumer);
void consumer_describe(const struct consumer *consumer, char *out, size_t size);

struct committer *committer_open(struct world *world, uint32_t number);
void committer_step(struct committer *committer);
void committer_reset(struct committer *committer);
void committer_restarted(struct committer *committer);
bool committer_is_done(const struct committer *committer);
void committer_describe(const struct committer *committer, char *out, size_t size);
void committer_finish(struct committer *committer);

struct member *member_open(struct world *world, uint32_t number);
void member_step(struct member *member);
void member_reset(struct member *member);
void member_vanish(struct member *member);
/* Its generation; what it owns is added to *owned. */
bool member_is_stable(const struct member *member, int32_t *generation, uint32_t *owned);
void member_describe(const struct member *member, char *out, size_t size);
