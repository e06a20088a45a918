/* The producer state of one partition: for each idempotent producer its epoch and its last five batches, so that a repeated batch
 * is recognised and a gap refused (KIP-98, KIP-360). Transactions' fields are carried through and kept, not yet judged.
 *
 * Owner: the partition's shard. NULL is the empty state: nothing is allocated before the first idempotent producer. Bounded: at most
 * `producers_max`, beyond which the longest idle is forgotten (it may then go on with any sequence). Never does I/O; times are the caller's.
 *
 * The state follows what has been staged, not what is durable, so that pipelined batches are judged in order: a duplicate of a batch that
 * is not durable yet is answered when its last offset is. */
#pragma once

#include "log/batch/batch.h"

#define PRODUCER_BATCHES_MAX 5 /* a client keeps at most five requests in flight */

struct producer_batch {
	int64_t last_offset;
	int64_t timestamp_ms;             /* the batch's max timestamp: what a duplicate's answer says with LogAppendTime */
	int32_t last_sequence;
	int32_t offset_delta;             /* last offset - base offset, and last sequence - first sequence (wrapping) */
};

struct producer {
	int64_t producer_id;
	int16_t epoch;
	uint8_t batch_count;
	int32_t coordinator_epoch;        /* of the last transaction marker; -1: none */
	int64_t txn_first_offset;         /* of the open transaction; -1: none */
	int64_t last_update_ms;
	int64_t last_timestamp_ms;        /* of its last batch or marker */
	struct producer_batch batches[PRODUCER_BATCHES_MAX]; /* the oldest first */
};

struct producer_state;

enum producer_result { PRODUCER_APPEND = 0, PRODUCER_DUPLICATE = 1 };

/* Judges a batch from a client. PRODUCER_APPEND: append it, then producer_update. PRODUCER_DUPLICATE: *duplicate is the stored batch, to be
 * answered as a success with its base offset (producer_batch_base_offset) and timestamp. ERR_OUT_OF_ORDER_SEQUENCE, ERR_PRODUCER_EPOCH.
 * Batches without a producer id are PRODUCER_APPEND. */
MUST_USE int producer_check(const struct producer_state *state, const struct batch *batch, struct producer_batch *duplicate);

static inline int64_t producer_batch_base_offset(const struct producer_batch *batch)
{
	return batch->last_offset - batch->offset_delta;
}

/* Makes room for one more producer, evicting the longest idle at the maximum, so that the next producer_update for this id cannot
 * fail: call it before a batch is staged. -ENOMEM; ERR_BUSY if all known producers have open transactions. */
MUST_USE int producer_reserve(struct producer_state **state, int64_t producer_id, uint32_t producers_max);

/* Takes a batch in that has its final base offset, as appended or as replayed from the log; without a producer id nothing happens. Markers
 * (control batches) end the transaction and move the epoch. Errors as producer_reserve. */
MUST_USE int producer_update(struct producer_state **state, const struct batch *batch, int64_t now_ms, uint32_t producers_max);

/* Forgets producers idle for `expiration_ms`, but for those with an open transaction; frees the state (NULL) when none is left.
 * Returns how many are gone. */
uint32_t producer_expire(struct producer_state **state, int64_t now_ms, int64_t expiration_ms);
void producer_destroy(struct producer_state **state);

/* For DescribeProducers: producers 0..count-1 in no particular order, valid until the next change; and one by its id, or NULL. */
uint32_t producer_count(const struct producer_state *state);
const struct producer *producer_at(const struct producer_state *state, uint32_t index);
const struct producer *producer_find(const struct producer_state *state, int64_t producer_id);
int32_t producer_last_sequence(const struct producer *producer); /* -1: none in this epoch */
int64_t producer_last_offset(const struct producer *producer);   /* -1: none */

/* The first offset of any open transaction (what bounds the last stable offset); -1: none. */
int64_t producer_first_open_offset(const struct producer_state *state);

/* Kafka's .snapshot file, version 1 (CRC-32C inside; it knows only each producer's last batch). Encode needs producer_snapshot_size bytes.
 * Decode replaces *state, which stands empty on error: ERR_FORMAT (version, lengths), ERR_CORRUPT_LOG (CRC), -ENOMEM. At most `producers_max` are
 * kept, the newest; `now_ms` is their last update, so that a restart forgets nobody early. */
size_t producer_snapshot_size(const struct producer_state *state);
void producer_snapshot_encode(const struct producer_state *state, uint8_t *out);
MUST_USE int producer_snapshot_decode(struct producer_state **state, struct slice bytes, int64_t now_ms, uint32_t producers_max);

/* The whole state, all batches: for the store's checkpoint, whose checksum covers it. Decode reads from the start of `bytes`, says how many
 * bytes it took, and replaces *state. ERR_FORMAT, -ENOMEM. */
size_t producer_state_size(const struct producer_state *state);
void producer_state_encode(const struct producer_state *state, uint8_t *out);
MUST_USE int producer_state_decode(struct producer_state **state, struct slice bytes, uint32_t producers_max, size_t *taken);

/* The log now ends at `end_offset`: batches at or behind it never happened. A producer with none left is forgotten. */
void producer_truncate(struct producer_state **state, int64_t end_offset);
