/* A run of the whole broker on a simulated machine: its disk, its network, its clock, and the clients that speak to it over that network in Kafka's protocol.
 *
 * A plan (plan.h) is one run: how many clients of which kind, how the broker is set up, and what befalls the machine when. The judge
 * (tests/history) is told what clients sent, were acknowledged and saw. Owner: one thread. What a run leaves of killed brokers stays in memory: each run has a
 * process of its own (main.c). */
#pragma once

#include <stdio.h>

#include "log/io/sim.h"
#include "log/io/sim_net.h"
#include "net/server.h"
#include "net/wire/cursor.h"
#include "tests/history/history.h"
#include "tests/shrink/draw.h"
#include "tests/sim_broker/moments.h"
#include "tests/sim_broker/plan.h"

#define PARTITIONS_MAX 8
#define TOPICS_MAX 3
#define SHARDS_MAX 3
#define CONFIGS_MAX 8
#define FIRST_TOPIC "t"
#define LULL_PAUSES 10
/* Every so often something is tried again. */
#define BACKOFF_NS (50ull * 1000 * 1000)

struct admin;
struct peer;
struct producer;
struct consumer;
struct fetcher;
struct committer;
struct member;
struct consumer_member;
struct rollback;

/* A topic, by its name; a life of it is what is between a creation and the deletion behind it. The first topic is made once and stays. What the clients see of it
 * is what the admin is certain of. */
enum topic_state { TOPIC_ABSENT, TOPIC_MAKING, TOPIC_LIVE, TOPIC_GOING };
struct topic_part {
	uint32_t number;              /* in the history */
	int64_t start_asked, start_acked; /* what DeleteRecords asked for at most, and what was promised */
	bool may_be_damaged;          /* damage may have taken batches of producers, who are told so when they go on */
};
struct world_topic {
	const char *name;
	enum topic_state state;
	uint64_t life;                /* 0: never made */
	struct uuid id;               /* valid while TOPIC_LIVE or TOPIC_GOING */
	uint32_t partition_count;
	struct topic_part parts[PARTITIONS_MAX];
	bool may_retain;              /* retention may have moved its log starts */
	const char *configs[CONFIGS_MAX]; /* as they were set in this life, in the admin's order; NULL: not */
};

/* Who owns a partition for the group's members, by its latest generation that somebody was told of; and what was committed for it. */
struct ownership {
	int32_t generation;
	char id[128];
};
struct commits {
	int64_t sent, acked;          /* the highest; -1: none */
};

#define LAST_ENTRIES_MAX 32

/* Was the last group of a shard's journal lost by the disk (last_group.h)? */
struct last_entry {
	struct uuid topic;
	uint32_t partition;
	int64_t offset;               /* its first */
};
struct vouching {
	bool is_wanted, is_excused;   /* groups behind `seq` are to be there at the next start; they were not */
	uint64_t seq;
	uint32_t entry_count;         /* of the last group that was there at the last start in doubt */
	struct last_entry entries[LAST_ENTRIES_MAX];
};

struct world {
	const struct plan *plan;
	uint64_t random;
	struct sim_disk *disk;
	struct sim_net *net;
	const uint64_t *clock_ns;   /* of both */
	struct broker_config *config;
	struct server *server;
	uint16_t port;
	uint64_t life;              /* starts so far */
	uint64_t cut_at;            /* the I/O at which the power was ordered to fail; 0: none */
	uint64_t start_cut;         /* the I/O of the next start at which it will; 0: none */
	bool is_calm;               /* the end: nothing befalls it any more */
	uint64_t calm_ns;           /* when that began */
	bool is_lull;               /* nobody is in a hurry: the rest of a long wait */
	bool is_full;
	uint64_t full_until_ns;
	uint64_t room_at_ns;        /* in a start on a full disk: when there is room at last; 0: no such start */
	uint64_t offline_partitions; /* of the last start */
	bool has_failing_disk;      /* an I/O was ordered to fail: durability may be broken for good, until the next start */
	int64_t wall_offset_ms;
	uint32_t damages_seen;
	uint32_t lies_seen;         /* of the disk's own list */
	bool are_groups_struck;     /* rot in the log of groups and offsets: they may be refused for good, never be older */
	bool is_in_doubt;           /* doubt.h */
	bool must_survey_losses;    /* behind an accepted loss as well: no offset may be given out again */
	struct rollback *rollback;  /* rollback.h; NULL: nothing is kept */
	struct vouching vouching[SHARDS_MAX];
	bool is_spent;              /* in doubt, and the run has nothing more to say */

	struct history *history;
	struct world_topic topics[TOPICS_MAX];
	uint64_t next_mark;

	struct admin *admin;
	struct producer *producers[PRODUCERS_MAX];
	struct consumer *consumers[CONSUMERS_MAX];
	struct fetcher *fetchers[FETCHERS_MAX];
	struct committer *committers[COMMITTERS_MAX];
	struct member *members[MEMBERS_MAX];
	struct consumer_member *consumer_members[MEMBERS_MAX];
	uint32_t producer_count, consumer_count, fetcher_count, committer_count, member_count, consumer_member_count;
	struct ownership owners[GROUP_PARTITIONS];
	struct commits commits[GROUP_PARTITIONS];     /* of the classic members' group */
	struct commits consumer_commits[GROUP_PARTITIONS]; /* of the other's */
	uint64_t moments[moment_count];
	uint64_t trace;             /* a hash of all that happened */
	char accusation[40];        /* the first, by its kind */
	FILE *story;
};

static inline void meet(struct world *world, enum moment moment) { world->moments[moment]++; }

/* The start of a stream of randomness of somebody's own: a plan that is changed in one place changes little elsewhere. */
uint64_t world_stream(const struct world *world, const char *whose, uint32_t number);
static inline uint64_t world_now_ns(const struct world *world) { return *world->clock_ns; }
/* How long somebody pauses who would pause so long at most; in a lull it is LULL_PAUSES times as long. */
uint64_t world_draw_pause_ns(const struct world *world, uint64_t *random, uint64_t pause_ns_max);
/* What the broker's clock says. */
int64_t world_wall_ms(const struct world *world);
/* Takes something that happened into the trace, and tells the story. */
PRINTF_LIKE(3, 4)
void world_tell(struct world *world, uint64_t number, const char *format, ...);
/* Something that no fault explains, but the loss of a last group (last_group.h): then the run ends. */
PRINTF_LIKE(4, 5)
void world_accuse(struct world *world, uint32_t partition, int64_t offset, const char *format, ...);
/* The same of what no doubt excuses. */
PRINTF_LIKE(2, 3)
void world_condemn(struct world *world, const char *format, ...);
bool world_is_over(const struct world *world);
/* Turns of everybody, for so long. */
void world_pass(struct world *world, uint64_t ns);

/* broker.c: the broker's life. It is started until it stands; the power may fail in that, too. */
void broker_begin(struct world *world);
/* One turn; if the power has failed by order, that is a crash and a new start. A broker that ended by itself is started again. */
void broker_turn(struct world *world);
void broker_crash(struct world *world);
void broker_kill(struct world *world);
void broker_stop(struct world *world);
void broker_order_cut(struct world *world, uint64_t k);
/* Its parts, for who takes the way out of a refused start: no fault that was ordered comes any more; one start (0, -errno), one turn (1: it runs on), a clean stop. */
void broker_forget_orders(struct world *world);
/* Stopped, or killed; was it a clean stop? Who calls it starts it again: broker_begin. */
bool broker_go_down(struct world *world, bool is_stop);
int broker_try(struct world *world, char *why, size_t why_size);
int broker_turn_once(struct world *world);
void broker_end(struct world *world);

/* The clients: each takes a step after each turn of the broker. */
struct producer *producer_open(struct world *world, uint32_t number);
void producer_step(struct producer *producer);
/* No more new batches; is everything answered? */
void producer_finish(struct producer *producer);
bool producer_is_done(const struct producer *producer);
void producer_reset(struct producer *producer);
struct peer *producer_peer(struct producer *producer);
void producer_describe(const struct producer *producer, char *out, size_t size);

struct consumer *consumer_open(struct world *world, uint32_t number, uint32_t topic, uint32_t partition);
void consumer_step(struct consumer *consumer);
void consumer_reset(struct consumer *consumer);
struct peer *consumer_peer(struct consumer *consumer);
/* Reads it all once more, from the start. */
void consumer_begin_again(struct consumer *consumer);
/* Has it come to the high watermark, as the broker told it last, and is that as far as the acknowledged records? */
bool consumer_is_done(const struct consumer *consumer);
void consumer_describe(const struct consumer *consumer, char *out, size_t size);

struct fetcher *fetcher_open(struct world *world, uint32_t number);
void fetcher_step(struct fetcher *fetcher);
void fetcher_reset(struct fetcher *fetcher);
bool fetcher_is_done(const struct fetcher *fetcher);
void fetcher_describe(const struct fetcher *fetcher, char *out, size_t size);

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

struct consumer_member *consumer_member_open(struct world *world, uint32_t number);
void consumer_member_step(struct consumer_member *member);
void consumer_member_reset(struct consumer_member *member);
/* Is it in its group, with all it was given and nothing to give back? How many partitions of living topics it owns is added to *owned. */
bool consumer_member_is_stable(const struct consumer_member *member, int32_t *epoch, uint32_t *owned);
void consumer_member_describe(const struct consumer_member *member, char *out, size_t size);
