/* What the files of a run share. */
#pragma once

#include "log/io/sim.h"
#include "log/partition/partition.h"
#include "log/store/store_priv.h"
#include "tests/history/history.h"
#include "tests/sim/run.h"

#define TOPICS 3
#define PARTITIONS_MAX 4
#define FLIGHTS 64
#define READS 4
#define PRODUCERS 4
#define WINDOW 5               /* batches of a producer that the log must know again */
#define NUMBERS_MAX 512          /* partitions of a run, those of topics made again included */
#define JOURNAL_SIZE (1u << 20)

/* Nobody knows, until the next start tells, whether a change that failed has happened. */
enum topic_state { TOPIC_NONE, TOPIC_LIVE, TOPIC_MAYBE_MADE, TOPIC_MAYBE_GONE };

struct topic_slot {
	char name[8];
	enum topic_state state;
	struct uuid id;                       /* if it lives */
	bool was_there;                       /* under this name there was another one */
	uint32_t partition_count;             /* acknowledged */
	uint32_t numbers[PARTITIONS_MAX];     /* in the history */
	uint32_t number_count;
};

/* A batch of an idempotent producer, kept as long as it may be sent again. */
struct sent_batch {
	uint8_t *bytes;
	uint32_t size_bytes;
	uint64_t send;
	uint64_t life;                        /* in which it was first sent */
	bool is_acked, is_in_flight;
};

struct producer_slot {
	bool is_open;
	int64_t id;
	uint32_t topic, index;
	int32_t next_sequence;
	struct sent_batch window[WINDOW];     /* oldest first */
	uint32_t count;
};

struct run;

struct flight {
	struct append_op op;
	struct run *run;
	bool is_used;
	uint64_t send;
	uint32_t topic, index, size_bytes;
	struct producer_slot *producer;       /* NULL: none */
	uint64_t since_ns;
	uint32_t slot_life;                   /* of the topic's slot */
	/* times.c: what was appended with it, and when that was handed to the log */
	uint32_t number;
	int64_t staged_from, staged_to, staged_ms;
	uint64_t wall_jumps;
};

struct reading {
	struct read_op op;
	struct run *run;
	bool is_used, is_done;
	uint32_t number;                      /* the partition's in the history */
};

struct trimming {
	struct trim_op op;
	struct run *run;
	bool is_used;
	uint32_t number;
};

/* Where a batch was put. */
struct placing {
	uint32_t number;                      /* of its partition */
	int64_t segment_base;
	uint64_t position;
	uint32_t size_bytes;
	int64_t base_offset, end_offset;
};

/* When a record was appended: not before, and not after. 0: not known. */
struct append_interval {
	int64_t from_ms, to_ms;
};
struct append_table {
	struct append_interval *intervals;    /* by offset */
	uint64_t count;
};

struct run {
	const struct plan *plan;
	struct run_result *result;
	uint64_t *points;
	FILE *story;
	struct history *history;
	uint64_t hash;

	/* the machine */
	struct sim_disk *disk;
	struct io *io;
	struct broker_config *config;
	struct catalog *catalog;
	const struct catalog_image *image;
	struct store *store;
	struct store_report report;
	struct catalog_report found;
	uint64_t opens, life;
	uint64_t cut_at;                      /* the I/O at which the power was ordered to fail; 0: none */
	uint64_t recovery_cuts[2];            /* for the next starts */
	struct step recovery_fault;           /* for the next start: as STEP_FAIL; a is 0 if there is none */
	uint64_t trouble_ns;                  /* when the disk was last full, or out of order */
	bool has_fault;                       /* since the last start the disk was ordered to do something bad */
	bool has_failed_kind_sync;
	bool has_hard_fault;                  /* something else than descriptors that were not to be had: that alone breaks nothing */
	bool is_full;
	bool is_down;                         /* the power is gone: answers that still come say nothing */
	bool was_stopped_cleanly;

	struct topic_slot topics[TOPICS];
	struct producer_slot producers[PRODUCERS];
	struct flight flights[FLIGHTS];
	struct reading readings[READS];
	struct trimming trimmings[2];
	uint64_t next_record;
	int64_t wall_offset_ms;
	uint64_t wall_jumps;
	bool is_jump_unseen;                  /* the loop tells the time of the turn before */
	struct append_table times[NUMBERS_MAX];
	int64_t certain_producer_id;

	/* what damage may have reached (damage.c) */
	uint32_t damages_seen;
	bool may_end_early;
	bool has_floor[NUMBERS_MAX];
	int64_t floors[NUMBERS_MAX];
	/* How far each was filed when the journal's last group became durable, and when the one before it did: only what the latter has is vouched for by another. */
	uint64_t vouching_seq;
	int64_t filed_by_last[NUMBERS_MAX], filed_before[NUMBERS_MAX];
	struct placing *placings;
	uint32_t placing_count;
};

static inline void met(struct run *run, enum point point) { run->points[point]++; }

/* Takes something that happened into the trace: the number into the hash, the sentence into the story. */
PRINTF_LIKE(3, 4)
void run__tell(struct run *run, uint64_t number, const char *format, ...);
/* Is it over? An anomaly ends a run. */
bool run__is_over(const struct run *run);
void run__order_fault(struct run *run, const struct step *step);
void run__order_cut(struct run *run, uint64_t k);

/* machine.c */
/* Starts the broker's storage; power may fail in it, and then it is started again. Ends with everything read. */
void machine__start(struct run *run);
/* The power fails; or the process is killed. Then it is started again. */
void machine__crash(struct run *run);
void machine__kill(struct run *run);
/* A clean stop, with the power failing at the k-th I/O of it (0: not at all), and a start. */
void machine__stop(struct run *run, uint64_t cut);
void machine__close(struct run *run);
/* One turn of the loop. If the power has failed by order, that is a crash. */
void machine__turn(struct run *run);
/* Has the ordered cut of power happened? */
bool machine__is_cut(const struct run *run);
/* Turns until so much virtual time has passed. */
void machine__wait(struct run *run, uint64_t ns);
void machine__take_image(struct run *run);

/* topics.c */
void topics__create(struct run *run, const struct step *step);
void topics__delete(struct run *run, const struct step *step);
void topics__grow(struct run *run, const struct step *step);
void topics__configure(struct run *run, const struct step *step);
void topics__reserve(struct run *run);
/* After a start: what is there must be what was acknowledged. */
void topics__settle(struct run *run);
/* Could the start not read it, or the store not write it, as an I/O of it failed? Then it is passed over until the next one. */
bool topics__is_offline(struct run *run, uint32_t topic, uint32_t index);
/* A live partition by raw random numbers, of those that are not offline: its topic's slot and index. False: there is none. */
bool topics__pick(struct run *run, uint64_t random, uint32_t *topic, uint32_t *index);
struct partition *topics__partition(struct run *run, uint32_t topic, uint32_t index);

/* appends.c */
enum batch_size { BATCH_SMALL, BATCH_LARGE, BATCH_BURST };
void appends__append(struct run *run, const struct step *step, enum batch_size size);
void appends__burst(struct run *run, const struct step *step);
void appends__produce(struct run *run, const struct step *step);
void appends__retry(struct run *run, const struct step *step);
/* The machine is gone: nothing is in flight any more, and what was is unknown. */
void appends__forget(struct run *run);
void appends__close_producers_of(struct run *run, uint32_t topic);
bool appends__are_done(const struct run *run);
void appends__fini(struct run *run);

/* reads.c */
void reads__begin(struct run *run, const struct step *step);
void reads__look_up(struct run *run, const struct step *step);
void reads__trim(struct run *run, const struct step *step);
void reads__forget(struct run *run);
/* Situations that show only while a read is under way. */
void reads__meet(struct run *run);
/* Everything of every partition. */
void reads__scan(struct run *run);

/* times.c */
void times__staged(struct run *run, struct flight *flight, uint32_t number, int64_t from, int64_t to);
void times__acked(struct run *run, const struct flight *flight);
/* Of some of the partition's records, others in each life. */
void times__check(struct run *run, struct partition *partition, uint32_t number);
void times__fini(struct run *run);

/* peek.c */
/* The power fails now: so many other outcomes of that are started from, and judged. The run itself goes on as it was. */
void peek__other_outcomes(struct run *run, uint32_t count);

/* damage.c */
void damage__rot(struct run *run, const struct step *step);
/* Tells the judge which offsets the damage done so far may have reached. */
void damage__allow(struct run *run);
/* After each turn. */
void damage__note_group(struct run *run);
void damage__note_batch(struct run *run, uint32_t number, const struct segment *segment, uint32_t size_bytes, int64_t base_offset, int64_t end_offset);
/* After a start: may the log end where it ends now? */
void damage__judge_start(struct run *run);
