/* The producer state as bytes: Kafka's .snapshot file and the checkpoint's own form. Both write producers from the longest idle to
 * the newest, so that a decoder with less room keeps the newest. Decoding builds a new state by the ordinary verbs, and the sizes
 * it allocates follow from bytes that are there, never from a count alone. */
#include "log/partition/producer.h"

#include "log/batch/crc32c.h"
#include "log/partition/producer_priv.h"

/* ---- Kafka's snapshot, version 1, big-endian ---------------------------------------------------------------
 *
 *   0  int16  version
 *   2  uint32 CRC-32C of all that follows
 *   6  int32  count of entries, each:
 *      0  int64 producer id          10  int32 last sequence    26 int64 timestamp
 *      8  int16 epoch                14  int64 last offset      34 int32 coordinator epoch
 *                                    22  int32 offset delta     38 int64 first offset of the open transaction */

#define SNAPSHOT_VERSION 1
#define SNAPSHOT_AT_CRC 2
#define SNAPSHOT_AT_COUNT 6
#define SNAPSHOT_AT_ENTRIES 10
#define SNAPSHOT_ENTRY_SIZE 46

size_t producer_snapshot_size(const struct producer_state *state)
{
	return SNAPSHOT_AT_ENTRIES + (size_t)producer_count(state) * SNAPSHOT_ENTRY_SIZE;
}

static void encode_snapshot_entry(uint8_t *at, const struct producer *producer)
{
	static const struct producer_batch none = {-1, NO_TIMESTAMP, NO_SEQUENCE, 0};
	const struct producer_batch *last = producer->batch_count ? &producer->batches[producer->batch_count - 1] : &none;
	store_be64(at, (uint64_t)producer->producer_id);
	store_be16(at + 8, (uint16_t)producer->epoch);
	store_be32(at + 10, (uint32_t)last->last_sequence);
	store_be64(at + 14, (uint64_t)last->last_offset);
	store_be32(at + 22, (uint32_t)last->offset_delta);
	store_be64(at + 26, (uint64_t)producer->last_timestamp_ms);
	store_be32(at + 34, (uint32_t)producer->coordinator_epoch);
	store_be64(at + 38, (uint64_t)producer->txn_first_offset);
}

void producer_snapshot_encode(const struct producer_state *state, uint8_t *out)
{
	size_t size = producer_snapshot_size(state);
	store_be16(out, SNAPSHOT_VERSION);
	store_be32(out + SNAPSHOT_AT_COUNT, producer_count(state));
	uint8_t *at = out + SNAPSHOT_AT_ENTRIES;
	for (const struct producer *producer = producer__oldest(state); producer; producer = producer__newer(state, producer)) {
		encode_snapshot_entry(at, producer);
		at += SNAPSHOT_ENTRY_SIZE;
	}
	store_be32(out + SNAPSHOT_AT_CRC, crc32c(out + SNAPSHOT_AT_COUNT, size - SNAPSHOT_AT_COUNT));
}

static void decode_snapshot_entry(const uint8_t *at, struct producer *out)
{
	struct producer_batch last = {
		.last_sequence = (int32_t)load_be32(at + 10),
		.last_offset = (int64_t)load_be64(at + 14),
		.offset_delta = (int32_t)load_be32(at + 22),
		.timestamp_ms = (int64_t)load_be64(at + 26),
	};
	*out = (struct producer){
		.producer_id = (int64_t)load_be64(at),
		.epoch = (int16_t)load_be16(at + 8),
		.last_timestamp_ms = last.timestamp_ms,
		.coordinator_epoch = (int32_t)load_be32(at + 34),
		.txn_first_offset = (int64_t)load_be64(at + 38),
		/* Coordinators write without sequences, and Kafka notes those batches too. */
		.batch_count = last.last_offset >= 0 && last.last_sequence >= 0,
		.batches = {last},
	};
}

static int check_snapshot(struct slice bytes, uint32_t *count)
{
	if (bytes.size < SNAPSHOT_AT_ENTRIES || load_be16(bytes.data) != SNAPSHOT_VERSION)
		return ERR_FORMAT;
	if (crc32c(bytes.data + SNAPSHOT_AT_COUNT, bytes.size - SNAPSHOT_AT_COUNT) != load_be32(bytes.data + SNAPSHOT_AT_CRC))
		return ERR_CORRUPT_LOG;
	*count = load_be32(bytes.data + SNAPSHOT_AT_COUNT);
	return (uint64_t)*count * SNAPSHOT_ENTRY_SIZE == bytes.size - SNAPSHOT_AT_ENTRIES ? 0 : ERR_FORMAT;
}

int producer_snapshot_decode(struct producer_state **state, struct slice bytes, int64_t now_ms, uint32_t producers_max)
{
	uint32_t count = 0;
	producer_destroy(state);
	int err = check_snapshot(bytes, &count);
	for (uint32_t i = 0; i < count && !err; i++) {
		struct producer producer;
		decode_snapshot_entry(bytes.data + SNAPSHOT_AT_ENTRIES + (size_t)i * SNAPSHOT_ENTRY_SIZE, &producer);
		producer.last_update_ms = now_ms;
		err = producer__put(state, &producer, producers_max);
	}
	if (err)
		producer_destroy(state);
	return err;
}

/* ---- the checkpoint's form, little-endian -------------------------------------------------------------------
 *
 *   0  uint32 count of producers, each:
 *      0  int64 producer id     10 int32 coordinator epoch     22 int64 last update
 *      8  int16 epoch           14 int64 open transaction      30 int64 last timestamp    38 uint8 count of batches, each:
 *         0  int64 last offset   8 int64 timestamp   16 int32 last sequence   20 int32 offset delta */

#define STATE_AT_PRODUCERS 4
#define STATE_PRODUCER_SIZE 39
#define STATE_BATCH_SIZE 24

size_t producer_state_size(const struct producer_state *state)
{
	size_t size = STATE_AT_PRODUCERS;
	for (uint32_t i = 0; i < producer_count(state); i++)
		size += STATE_PRODUCER_SIZE + producer_at(state, i)->batch_count * (size_t)STATE_BATCH_SIZE;
	return size;
}

static uint8_t *encode_producer(uint8_t *at, const struct producer *producer)
{
	store_le64(at, (uint64_t)producer->producer_id);
	store_le16(at + 8, (uint16_t)producer->epoch);
	store_le32(at + 10, (uint32_t)producer->coordinator_epoch);
	store_le64(at + 14, (uint64_t)producer->txn_first_offset);
	store_le64(at + 22, (uint64_t)producer->last_update_ms);
	store_le64(at + 30, (uint64_t)producer->last_timestamp_ms);
	at[38] = producer->batch_count;
	at += STATE_PRODUCER_SIZE;
	for (uint32_t i = 0; i < producer->batch_count; i++, at += STATE_BATCH_SIZE) {
		const struct producer_batch *batch = &producer->batches[i];
		store_le64(at, (uint64_t)batch->last_offset);
		store_le64(at + 8, (uint64_t)batch->timestamp_ms);
		store_le32(at + 16, (uint32_t)batch->last_sequence);
		store_le32(at + 20, (uint32_t)batch->offset_delta);
	}
	return at;
}

void producer_state_encode(const struct producer_state *state, uint8_t *out)
{
	store_le32(out, producer_count(state));
	uint8_t *at = out + STATE_AT_PRODUCERS;
	for (const struct producer *producer = producer__oldest(state); producer; producer = producer__newer(state, producer))
		at = encode_producer(at, producer);
}

/* Returns the bytes taken, 0 if they are no producer. */
static size_t decode_producer(const uint8_t *at, size_t size, struct producer *out)
{
	if (size < STATE_PRODUCER_SIZE || at[38] > PRODUCER_BATCHES_MAX)
		return 0;
	*out = (struct producer){
		.producer_id = (int64_t)load_le64(at),
		.epoch = (int16_t)load_le16(at + 8),
		.coordinator_epoch = (int32_t)load_le32(at + 10),
		.txn_first_offset = (int64_t)load_le64(at + 14),
		.last_update_ms = (int64_t)load_le64(at + 22),
		.last_timestamp_ms = (int64_t)load_le64(at + 30),
		.batch_count = at[38],
	};
	size_t taken = STATE_PRODUCER_SIZE + out->batch_count * (size_t)STATE_BATCH_SIZE;
	if (size < taken)
		return 0;
	at += STATE_PRODUCER_SIZE;
	for (uint32_t i = 0; i < out->batch_count; i++, at += STATE_BATCH_SIZE)
		out->batches[i] = (struct producer_batch){
			.last_offset = (int64_t)load_le64(at),
			.timestamp_ms = (int64_t)load_le64(at + 8),
			.last_sequence = (int32_t)load_le32(at + 16),
			.offset_delta = (int32_t)load_le32(at + 20),
		};
	return taken;
}

int producer_state_decode(struct producer_state **state, struct slice bytes, uint32_t producers_max, size_t *taken)
{
	producer_destroy(state);
	if (bytes.size < STATE_AT_PRODUCERS)
		return ERR_FORMAT;
	uint32_t count = load_le32(bytes.data);
	size_t at = STATE_AT_PRODUCERS;
	int err = 0;
	for (uint32_t i = 0; i < count && !err; i++) {
		struct producer producer;
		size_t size = decode_producer(bytes.data + at, bytes.size - at, &producer);
		err = size ? producer__put(state, &producer, producers_max) : ERR_FORMAT;
		at += size;
	}
	if (err)
		producer_destroy(state);
	*taken = at;
	return err;
}
