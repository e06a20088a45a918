/* The history of one run, and its judge: told what was sent, acknowledged, refused, served and named damaged, and when the broker crashed, it
 * says what of the log's promise was broken, by a name, the offsets, and the events that prove it.
 *
 * It knows nothing of how a log works, and of no store, socket or client: whoever drives one (the simulator, a kill loop, a soak) tells it what was
 * seen from outside. Records are known by a *mark*, 64 bits that no two records of a run share (a hash of all their bytes); a *send* is a batch of
 * records that went to one partition together.
 *
 * What is judged (reliability invariants 1-7, 9, 11-12): an acked record is there for ever at its offset, below the log start alone it may be
 * missing; the same offset always shows the same record; each record is at one offset; a batch is there whole or not at all; nothing shows
 * that was refused, never sent, sent elsewhere, or found missing before; offsets have no gaps; a sender's batches keep their order; high watermark and log
 * start never go back; lookups by time agree with what is read.
 *
 * Owner: one thread. Memory grows with the records between log start and end. Memory that cannot be had ends the program. */
#pragma once

#include "log/base/types.h"

struct history;

/* Names are those of Jepsen's Kafka workload where it has one. */
#define HISTORY_ANOMALIES(X)                                                                     \
	X(LOST_WRITE, "lost-write")                     /* acknowledged or served once, and gone */      \
	X(DUPLICATE, "duplicate")                       /* one record at two offsets */                  \
	X(INCONSISTENT_OFFSETS, "inconsistent-offsets") /* one offset, two records; or one send, two answers */ \
	X(PHANTOM, "phantom")                           /* a record that nobody sent here */             \
	X(REFUSED_WRITE, "refused-write")               /* a record that was refused, and is there */    \
	X(RESURRECTION, "resurrection")                 /* found missing after a crash, and back */      \
	X(TORN_BATCH, "torn-batch")                     /* some records of a batch, not all */           \
	X(GAP, "gap")                                   /* offsets that nothing is at */                 \
	X(NONMONOTONIC_SEND, "int-nonmonotonic-send")   /* a sender's batches out of order */            \
	X(POSITION_BACK, "position-back")               /* high watermark or log start went back, or their order is wrong */ \
	X(FALSE_DAMAGE, "false-damage")                 /* damage named where there can be none */       \
	X(LOST_DEDUP, "lost-dedup")                     /* a repeated batch that was not recognised */   \
	X(WRONG_TIME, "wrong-time-lookup")              /* a lookup by time that a scan contradicts */   \
	X(REFUSED_START, "refused-start")               /* a start that was refused without cause */     \
	X(STUCK, "stuck")                               /* something that does not end */                \
	X(WRONG_ANSWER, "wrong-answer")                 /* the driver's own: an answer that nothing explains */

enum anomaly_kind {
#define X(name, text) ANOMALY_##name,
	HISTORY_ANOMALIES(X)
#undef X
		anomaly_kind_count
};
const char *anomaly_name(enum anomaly_kind kind);

struct anomaly {
	enum anomaly_kind kind;
	uint64_t event;      /* when it showed: the number of things told before */
	uint32_t partition;
	int64_t offset;      /* the first that is concerned, or -1 */
	char text[400];      /* what, where, and what proves it */
};

struct history *history_open(void);
void history_close(struct history *history);
/* Another with all that this one knows: for one of several ways in which things may go on. */
struct history *history_copy(const struct history *history);

/* Another partition; its number. A topic made again under an old name has new partitions. The name is copied. */
uint32_t history_add_partition(struct history *history, const char *name);

/* ---- what went in ------------------------------------------------------------------------------------------- */

/* A batch was sent; its number. `sender` is whoever keeps an order (a producer); a sender's batches to one partition must be seen in the order
 * in which they were first sent. */
uint64_t history_send(struct history *history, uint32_t partition, uint64_t sender, const uint64_t *marks, uint32_t count);
/* The same batch once more, as a retry: from now on it may appear again, at one place only. */
void history_retry(struct history *history, uint64_t send);
/* Its offset as far as the log has said it without a promise: if the batch is ever seen, it is there. */
void history_staged(struct history *history, uint64_t send, int64_t base_offset);
void history_ack(struct history *history, uint64_t send, int64_t base_offset);
/* Refused, and so nowhere. */
void history_refuse(struct history *history, uint64_t send);
/* No answer came, or one that says nothing: it may be there. A crash says so of all that wait. */
void history_forget(struct history *history, uint64_t send);
void history_crash(struct history *history);

/* ---- what came out ------------------------------------------------------------------------------------------- */

/* One record was served. */
void history_read(struct history *history, uint32_t partition, int64_t offset, uint64_t mark, int64_t timestamp_ms);
/* A read of this offset was answered with "damaged". */
void history_read_damaged(struct history *history, uint32_t partition, int64_t offset);
/* Damage that was really done may have reached [from, to): from now on these may be answered with "damaged", once or for ever. Never with other bytes. A
 * batch all of which it reached, and that was never acknowledged, may be taken once more, at another offset: the first shows nothing from then on. */
void history_allow_damage(struct history *history, uint32_t partition, int64_t from, int64_t to);
/* Something was damaged that kept apart what was acknowledged from what was not, and told of records that were deleted: from now on these may come back. */
void history_allow_resurrection(struct history *history);
/* A log start that was promised (DeleteRecords acknowledged): it never goes below. */
void history_trimmed(struct history *history, uint32_t partition, int64_t log_start);
/* Positions as they were told. */
void history_positions(struct history *history, uint32_t partition, int64_t log_start, int64_t high_watermark, int64_t log_end);
/* The first record at or after a time: found or not. Judged if all records below `high_watermark` have been read. */
void history_looked_up(struct history *history, uint32_t partition, int64_t timestamp_ms, int64_t high_watermark, bool is_found, int64_t offset,
		       int64_t found_timestamp_ms);
/* Everything in [log start, high watermark) is read now, record by record, between these two. Behind the second, what was unknown when the broker
 * crashed last and has not been seen since is gone for good. */
void history_scan_begin(struct history *history, uint32_t partition);
void history_scan_end(struct history *history, uint32_t partition, int64_t log_start, int64_t high_watermark);

/* ---- the verdict ------------------------------------------------------------------------------------------------ */

/* An anomaly that the driver saw by itself; of the broker as a whole, if the partition is HISTORY_BROKER. */
#define HISTORY_BROKER UINT32_MAX
PRINTF_LIKE(5, 6)
void history_report(struct history *history, enum anomaly_kind kind, uint32_t partition, int64_t offset, const char *format, ...);
uint32_t history_anomalies(const struct history *history, const struct anomaly **out);
/* One past the last offset that was acknowledged or served: what must stay. */
int64_t history_certain_end(const struct history *history, uint32_t partition);
/* How many batches that were never answered turned out to be there after a crash, and how many not. */
void history_fates(const struct history *history, uint64_t *kept, uint64_t *lost);
/* Is the send acknowledged, or seen? Then at this offset; else -1. */
int64_t history_offset_of(const struct history *history, uint64_t send);
