/* A partition: an ordered log of record batches with its positions, all of them set in one function that asserts their order:
 *
 *   log start offset <= filed <= durable (= high watermark) <= committing <= staged (= log end offset)
 *
 *   staged      accepted, offsets assigned, bytes in memory
 *   committing  in the journal group that is being written
 *   durable     on stable storage; what consumers may see
 *   filed       in a synced segment file, so that the journal may drop it
 *
 * Owner: the shard's thread that owns the store. Callbacks run from the loop, never from within a call here. Damaged bytes are
 * never returned: a read of them ends with ERR_CORRUPT_LOG and the range is fenced. */
#pragma once

#include "log/catalog/catalog.h"
#include "log/io/io.h"

struct partition;

/* ---- append ---------------------------------------------------------------------------------------------- */

struct append_op;
typedef void append_done_fn(struct append_op *op);

struct record_error {
	int32_t batch_index;   /* Kafka's BatchIndex: the record's index in the batch */
	const char *message;   /* static */
};
#define RECORD_ERRORS_MAX 16

/* One produced batch. The caller fills the first part; `records` is writable memory of the caller's that the log stamps (base offset, epoch,
 * time) and copies, so it is the caller's again as soon as partition_append returns. */
struct append_op {
	append_done_fn *done;
	uint8_t *records;
	uint32_t records_size_bytes;
	bool is_zstd_allowed;          /* Produce v7 and later */
	bool is_internal;              /* from a coordinator, not from a client: control batches pass */
	bool begins_segment;           /* what is before it can be let go, files and all, once the log start is here */

	/* Valid in done(), or on an immediate refusal. */
	int err;
	int64_t base_offset;           /* -1 on error */
	int64_t log_append_time_ms;    /* -1 with CreateTime */
	int64_t log_start_offset;
	uint32_t record_error_count;
	struct record_error record_errors[RECORD_ERRORS_MAX];
	const char *error_message;     /* static, or NULL */

	/* The partition's own. */
	struct list node;
	int64_t end_offset;
};

/* Validates, assigns offsets, stages. 0: done() follows when the batch is durable (or durability broke: op->err). Negative: refused now,
 * nothing has changed, done() does not run. ERR_BUSY: no memory now; wait with partition_wait_room and try again. */
MUST_USE int partition_append(struct partition *partition, struct append_op *op);

/* Runs once when there may be room again; the list node is linked while waiting (list_remove to give up). */
struct room_wait {
	struct list node;
	void (*ready)(struct room_wait *wait);
};
void partition_wait_room(struct partition *partition, struct room_wait *wait);

/* ---- read ------------------------------------------------------------------------------------------------ */

struct chunk;
struct read_op;
typedef void read_done_fn(struct read_op *op);

#define READ_PIECES_MAX 40

/* Reads whole batches from the one that contains `offset` on. */
struct read_op {
	read_done_fn *done;
	int64_t offset;
	uint32_t size_bytes_max;
	bool is_first;                 /* KIP-74: return at least one whole batch, even if it is larger than the maximum */

	/* The answer. Pieces are views of the log's memory, valid until partition_read_release; together they are whole batches. */
	int err;                       /* 0, ERR_OFFSET_OUT_OF_RANGE, ERR_CORRUPT_LOG, ERR_CLOSED, -EIO */
	int64_t high_watermark, last_stable_offset, log_start_offset;
	bool has_more;                 /* there are batches behind the pieces, below the high watermark */
	uint32_t piece_count;
	uint32_t size_bytes;
	struct slice pieces[READ_PIECES_MAX];

	/* The partition's own. */
	struct partition *partition;
	void *segment;
	struct chunk *chunks[READ_PIECES_MAX]; /* of pieces that lie in the log's memory */
	uint8_t *buffer;                       /* of pieces that came from the disk, or of one large batch */
	uint32_t buffer_size_bytes;
	bool is_large;                         /* the buffer is one of its own */
	uint64_t large_bytes, large_bytes_wanted; /* of such, what is kept for it, or what it waits for */
	uint64_t position;                     /* in the file, of the first byte looked at */
	int64_t due_offset;                    /* base offset of the batch there; -1: its last offset is index_offset, says the index */
	int64_t index_offset;
	int64_t passed_offset;                 /* the batch before it was passed over by its header alone: its base offset, -1: none */
	uint64_t passed_position;
	uint32_t skip_bytes, wanted_bytes;     /* in the buffer before that byte, and from it on */
	bool is_cut;                           /* the file ends within what was read */
	bool is_careful;                       /* a read has failed: in pieces that are as small as can be */
	struct iovec vector;
	struct io_op io;
	struct list node;
};

enum read_result { READ_DONE, READ_PENDING };

/* READ_DONE: the answer is there now. READ_PENDING: it comes from the disk, done() follows. Nothing at the high watermark: READ_DONE with no pieces.
 * Every read is released, once what it answered has been sent. */
MUST_USE enum read_result partition_read(struct partition *partition, struct read_op *op);
void partition_read_release(struct read_op *op);

/* Waits until the high watermark passes `offset` (strictly) or the partition closes or its log start moves; runs once, from the loop. */
struct watch {
	struct list node;
	int64_t offset;
	void (*fire)(struct watch *watch);
};
void partition_watch(struct partition *partition, struct watch *watch);
void partition_unwatch(struct watch *watch);

/* ---- queries ----------------------------------------------------------------------------------------------- */

int64_t partition_log_start_offset(const struct partition *partition);
int64_t partition_high_watermark(const struct partition *partition);
int64_t partition_log_end_offset(const struct partition *partition);
int32_t partition_leader_epoch(const struct partition *partition);
uint64_t partition_size_bytes(const struct partition *partition);   /* of all segments, as DescribeLogDirs reports */
/* Where the damage ends that an offset lies in; behind the offset, if no more is known. */
int64_t partition_damage_end(const struct partition *partition, int64_t offset);
/* Offsets [from, to) that fail their check, for good: never served, never truncated. */
struct damage {
	int64_t from, to;
};
uint32_t partition_damage_count(const struct partition *partition);
/* The first of them, in order, and how many were put into `out`. */
uint32_t partition_damages(const struct partition *partition, struct damage *out, uint32_t count_max);
/* What it comes to: how many ranges and offsets, the first and the last offset (-1 if there are none). */
struct damage_span {
	uint64_t ranges, offsets;
	int64_t first_offset, last_offset;
};
struct damage_span partition_damage_span(const struct partition *partition);
/* What was asked of it since it was opened, by clients and by the broker itself: for metrics. */
struct partition_counters {
	uint64_t appends, appends_failed;    /* batches; those that wait for room are counted once they have it */
	uint64_t records_in, bytes_in;       /* accepted, as stored; a repeated batch of an idempotent producer is none */
	uint64_t reads, reads_failed;
	uint64_t bytes_out;
};
struct partition_counters partition_counters(const struct partition *partition);
bool partition_has_failed(const struct partition *partition); /* nothing is appended: durability is broken, or it is offline */
/* Its files could not be read at the start: every operation ends with ERR_OFFLINE, and what is known of its positions is of an earlier time. */
bool partition_is_offline(const struct partition *partition);
const struct topic *partition_topic(const struct partition *partition);
uint32_t partition_index(const struct partition *partition);
struct producer_state;
const struct producer_state *partition_producers(const struct partition *partition); /* NULL = none (log/partition/producer.h) */

/* The first record at or after `timestamp_ms` below the high watermark: its offset, its timestamp and its batch's leader epoch; found = false: none.
 * May read the disk in place. */
struct offset_found {
	bool found;
	int64_t offset, timestamp_ms;
	int32_t leader_epoch;
};
MUST_USE int partition_offset_for_time(struct partition *partition, int64_t timestamp_ms, struct offset_found *out);
/* The record with the largest timestamp (ListOffsets -3). */
MUST_USE int partition_offset_of_max_time(struct partition *partition, struct offset_found *out);
/* The leader epoch in force at an offset (ListOffsets answers it with earliest and latest); -1 if unknown. */
int32_t partition_epoch_at(const struct partition *partition, int64_t offset);
/* LeaderEpochFileCache.endOffsetFor: (-1, -1) for an epoch above ours; the current: (epoch, high watermark); an older one: the largest epoch known
 * that is not above it, and where the next begins. */
void partition_epoch_end(const struct partition *partition, int32_t epoch, int32_t *epoch_out, int64_t *end_offset_out);

/* When the first record at or behind `offset` was appended, by this broker's clock: when the write that made it durable was begun. Known exactly, unless
 * is_bound: then it was at low_ms or later, and at high_ms or earlier (-1: not known), as far as the clock was not set in between. offset -1: there is no such record below the high
 * watermark. May read the disk in place, a few blocks. */
struct append_time_found {
	int64_t offset;
	bool is_bound;
	int64_t low_ms, high_ms;
	int64_t now_ms;                /* what that clock says now */
};
void partition_append_time(struct partition *partition, int64_t offset, struct append_time_found *out);

/* ---- delete records ------------------------------------------------------------------------------------------ */

struct trim_op {
	void (*done)(struct trim_op *op);
	int64_t offset;                /* the new log start offset; -1 = the high watermark */
	int err;
	int64_t log_start_offset;      /* in done(): what it is now */
	/* The partition's own. */
	struct partition *partition;
	struct list node;
};
/* Durable before done(). ERR_OFFSET_OUT_OF_RANGE (negative return): above the high watermark. An offset below the log start changes nothing. */
MUST_USE int partition_trim(struct partition *partition, struct trim_op *op);
