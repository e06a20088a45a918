/* The world of tests/live/members.c: groups, their members, what each of them was told, and what must hold of it. Shared by the files of this room:
 *
 *   world.c      the groups and members there are; chance; the end of the run at the first breach
 *   life.c       what a member does next, its birth and death
 *   ask.c        its connection, and its requests
 *   answer.c     their answers
 *   assign.c     what a leader assigns
 *   owned.c      who owns what, and how far it was read: **what must hold is checked here**
 *   producer.c   a thread that produces
 *
 * One thread, but for producer.c, which shares `produced` and `producer_stops` alone. */
#pragma once

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "tests/live/lib/cases.h"
#include "tests/live/lib/wire.h"

#define PARTITIONS_MAX 64
#define HEARTBEAT_MS 1000
#define RETRY_MS 50

enum { API_OFFSET_COMMIT = 8, API_OFFSET_FETCH = 9, API_FIND_COORDINATOR = 10, API_JOIN = 11, API_HEARTBEAT = 12, API_LEAVE = 13, API_SYNC = 14,
       API_CONSUMER_HEARTBEAT = 68 };

struct member;

struct group {
	char id[64];
	bool is_static, is_cooperative, reads;
	struct member *owner[PARTITIONS_MAX];
	int64_t consumed[PARTITIONS_MAX];   /* every record below was consumed by some member */
	int64_t acked[PARTITIONS_MAX];      /* the commit acked last; -1: none */
	int64_t tried[PARTITIONS_MAX];      /* the highest commit ever sent; -1: none */
	int32_t generation;                 /* the highest seen */
};

/* What a member said it owns when it joined. */
struct claim {
	uint64_t owned;
	int32_t generation;
};

struct member {
	struct group *group;
	char id[120], instance[80];
	bool is_consumer;                   /* speaks the consumer protocol */
	int fd;
	int32_t correlation;
	int16_t asked;                      /* the API whose answer is waited for; -1: none */
	int64_t asked_ms;
	struct buf in;

	bool is_member, needs_join, needs_sync, is_leaving, must_report;
	bool has_joined;                    /* in this life */
	bool commit_refused;                /* in this generation: it has gone by */
	int32_t generation;                 /* or epoch */
	uint64_t owned, wanted, located;    /* partitions: its own; those the coordinator has given it; those whose position is known */
	uint64_t uncommitted;
	int64_t position[PARTITIONS_MAX], asked_commit[PARTITIONS_MAX];
	struct buf assignment;              /* of the leader, for all */
	int64_t idle_until_ms, heartbeat_due_ms, commit_due_ms, death_due_ms;
	int32_t heartbeat_ms;
};

/* ---- world.c ---------------------------------------------------------------------------------------------------------------------------------------- */

extern const char *topic_name;
extern uint8_t topic_id[16];
extern struct sockaddr_in target;
extern int32_t partition_count;
extern int group_count, member_count, life_ms, poll_fd;
extern int commit_ms, fetch_wait_ms; /* a reading member's pace: COMMIT_MS, FETCH_WAIT_MS in the environment */
extern struct group *groups;
extern struct member *members;       /* group_count * member_count */
extern bool is_calm, any_reads;      /* calm: nobody is born or dies */
extern long lives, joins, rejoins, leaves, crashes, drops, commits, fetched_records, reconnects;
extern int64_t longest_join_ms;

/* The first breach: a FAIL line, and the end. `m` may be NULL. */
_Noreturn void world_give_up(const struct member *m, const char *format, ...) __attribute__((format(printf, 2, 3)));
void world_seed(uint64_t seed);
uint64_t world_roll(uint64_t sides);
/* Around `mean_ms` from now, never long after. */
int64_t world_in_about(int64_t now, int64_t mean_ms);
/* The groups, of the kinds that the letters say, and their members, none of which has joined. */
void world_make(const char *kinds);

static inline uint64_t bit(int32_t partition) { return (uint64_t)1 << partition; }

/* ---- life.c ------------------------------------------------------------------------------------------------------------------------------------------ */

/* Another member takes its place, after a while: nobody knows its id; a static one has its name still. */
void member_be_reborn(struct member *m, int64_t now);
/* What the coordinator knew of it is gone, or about to be: it has to join. */
void member_start_anew(struct member *m, bool keeps_id);
/* Asks what there is to ask, unless an answer is waited for. */
void member_step(struct member *m, int64_t now);
/* Its connection has something to say. */
void member_receive(struct member *m, int64_t now);

/* ---- ask.c ------------------------------------------------------------------------------------------------------------------------------------------- */

bool member_dial(struct member *m, int64_t now);
void member_hang_up(struct member *m);
void ask_join(struct member *m, int64_t now);
void ask_sync(struct member *m, int64_t now);
void ask_heartbeat(struct member *m, int64_t now);
void ask_leave(struct member *m, int64_t now);
void ask_consumer_heartbeat(struct member *m, int32_t epoch, int64_t now);
void ask_commit(struct member *m, int64_t now);
/* Where to begin in what it owns. What was acked until now must be found. */
void ask_offsets(struct member *m, int64_t now);
void ask_fetch(struct member *m, int64_t now);

/* ---- answer.c, assign.c ------------------------------------------------------------------------------------------------------------------------------ */

/* The answer to what was asked; an error that a member cannot get ends the run. */
void answer_read(struct member *m, struct reader *r, int64_t now);
/* All members in turn, one partition further with each generation, so that everything always moves: into m->assignment. */
void assign_turns(struct member *m, int32_t count, char (*ids)[120]);
/* As "cooperative-sticky": each keeps what it owns, up to its share; what is to move is nobody's for a generation. */
void assign_sticky(struct member *m, int32_t count, char (*ids)[120], const struct claim *claims);

/* ---- owned.c ----------------------------------------------------------------------------------------------------------------------------------------- */

void owned_give_away(struct member *m, uint64_t partitions);
void owned_take(struct member *m, uint64_t partitions);
/* What is committed for a partition, as the broker says. */
void owned_locate(struct member *m, int32_t p, int64_t offset);
/* Batches as they were fetched. */
void owned_consume(struct member *m, int32_t p, const uint8_t *at, int32_t size);

/* ---- producer.c -------------------------------------------------------------------------------------------------------------------------------------- */

extern _Atomic bool producer_stops;
extern int produce_ms;                           /* between two batches: PRODUCE_MS in the environment */
extern _Atomic int64_t produced[PARTITIONS_MAX]; /* acked: every offset below is there */
void *producer_main(void *unused);
