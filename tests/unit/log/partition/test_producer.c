/* The producer state: the rows of Kafka's rules, the window of five, eviction, expiry, and both encodings. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "log/base/bytes.h"
#include "log/batch/crc32c.h"
#include "log/partition/producer.h"

#define MANY 1000

static struct batch make_batch(int64_t producer_id, int16_t epoch, int32_t sequence, int32_t count, int64_t base_offset)
{
	return (struct batch){
		.magic = BATCH_MAGIC,
		.size_bytes = 100,
		.base_offset = base_offset,
		.last_offset_delta = count - 1,
		.records_count = count,
		.producer_id = producer_id,
		.producer_epoch = epoch,
		.base_sequence = sequence,
		.max_timestamp_ms = 5000 + base_offset,
	};
}

static void update(struct producer_state **state, int64_t producer_id, int16_t epoch, int32_t sequence, int32_t count, int64_t base_offset)
{
	struct batch batch = make_batch(producer_id, epoch, sequence, count, base_offset);
	cr_assert_eq(producer_update(state, &batch, 100000 + base_offset, MANY), 0);
}

static int check(const struct producer_state *state, int64_t producer_id, int16_t epoch, int32_t sequence, int32_t count)
{
	struct producer_batch duplicate;
	struct batch batch = make_batch(producer_id, epoch, sequence, count, -1);
	return producer_check(state, &batch, &duplicate);
}

/* After batches of sequences 0-9 and 10-14 in epoch 3: every way to go on. */
Test(producer, rules)
{
	static const struct { const char *what; int64_t id; int16_t epoch; int32_t sequence, count; int result; } rows[] = {
		{"the next", 1, 3, 15, 5, PRODUCER_APPEND},
		{"the last again", 1, 3, 10, 5, PRODUCER_DUPLICATE},
		{"the one before again", 1, 3, 0, 10, PRODUCER_DUPLICATE},
		{"the same first, another last", 1, 3, 10, 4, ERR_OUT_OF_ORDER_SEQUENCE},
		{"another first, the same last", 1, 3, 11, 4, ERR_OUT_OF_ORDER_SEQUENCE},
		{"two known batches as one", 1, 3, 0, 15, ERR_OUT_OF_ORDER_SEQUENCE},
		{"a gap of one", 1, 3, 16, 1, ERR_OUT_OF_ORDER_SEQUENCE},
		{"from the start", 1, 3, 0, 1, ERR_OUT_OF_ORDER_SEQUENCE},
		{"an older epoch", 1, 2, 15, 1, ERR_PRODUCER_EPOCH},
		{"an older epoch's duplicate", 1, 2, 10, 5, ERR_PRODUCER_EPOCH},
		{"a newer epoch from 0", 1, 4, 0, 5, PRODUCER_APPEND},
		{"a newer epoch from 15", 1, 4, 15, 5, ERR_OUT_OF_ORDER_SEQUENCE},
		{"an unknown producer from anywhere (KIP-360)", 2, 0, 12345, 1, PRODUCER_APPEND},
		{"no producer at all", -1, -1, -1, 1, PRODUCER_APPEND},
	};
	struct producer_state *state = NULL;
	update(&state, 1, 3, 0, 10, 0);
	update(&state, 1, 3, 10, 5, 10);
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		cr_expect_eq(check(state, rows[i].id, rows[i].epoch, rows[i].sequence, rows[i].count), rows[i].result, "%s", rows[i].what);
	producer_destroy(&state);
}

/* The empty state is NULL and accepts anything; batches without a producer leave it NULL. */
Test(producer, empty_state)
{
	struct producer_state *state = NULL;
	cr_expect_eq(check(state, 1, 0, 77, 1), PRODUCER_APPEND);
	update(&state, -1, -1, -1, 5, 0);
	cr_expect_null(state);
	cr_expect_eq(producer_count(state), 0);
	cr_expect_null(producer_find(state, 1));
	cr_expect_eq(producer_expire(&state, 1000000, 1), 0);
	cr_expect_eq(producer_first_open_offset(state), -1);
	producer_destroy(&state);
}

/* Five batches are remembered, with their offsets and times; the sixth pushes the first out. */
Test(producer, window_of_five)
{
	struct producer_state *state = NULL;
	struct producer_batch duplicate;
	for (int i = 0; i < 7; i++)
		update(&state, 1, 0, i * 10, 10, 1000 + i * 10);
	for (int i = 0; i < 7; i++) {
		struct batch batch = make_batch(1, 0, i * 10, 10, -1);
		int result = producer_check(state, &batch, &duplicate);
		cr_assert_eq(result, i < 2 ? ERR_OUT_OF_ORDER_SEQUENCE : PRODUCER_DUPLICATE, "batch %d", i);
		if (i < 2)
			continue;
		cr_expect_eq(producer_batch_base_offset(&duplicate), 1000 + i * 10);
		cr_expect_eq(duplicate.last_offset, 1009 + i * 10);
		cr_expect_eq(duplicate.timestamp_ms, 6000 + i * 10);
	}
	producer_destroy(&state);
}

/* Sequences wrap from 2147483647 to 0, between batches and within one. */
Test(producer, sequence_wraps)
{
	struct producer_state *state = NULL;
	update(&state, 1, 0, INT32_MAX - 1, 2, 0);
	cr_expect_eq(check(state, 1, 0, 0, 1), PRODUCER_APPEND);
	cr_expect_eq(check(state, 1, 0, 1, 1), ERR_OUT_OF_ORDER_SEQUENCE);
	update(&state, 2, 0, INT32_MAX - 1, 5, 0);
	cr_expect_eq(producer_last_sequence(producer_find(state, 2)), 2);
	cr_expect_eq(check(state, 2, 0, 3, 1), PRODUCER_APPEND);
	cr_expect_eq(check(state, 2, 0, INT32_MAX - 1, 5), PRODUCER_DUPLICATE);
	cr_expect_eq(check(state, 2, 0, INT32_MAX, 1), ERR_OUT_OF_ORDER_SEQUENCE);
	producer_destroy(&state);
}

/* A new epoch forgets the old one's batches. */
Test(producer, new_epoch)
{
	struct producer_state *state = NULL;
	update(&state, 1, 0, 0, 10, 0);
	update(&state, 1, 1, 0, 10, 10);
	cr_expect_eq(producer_find(state, 1)->batch_count, 1);
	cr_expect_eq(check(state, 1, 1, 10, 1), PRODUCER_APPEND);
	cr_expect_eq(check(state, 1, 0, 10, 1), ERR_PRODUCER_EPOCH);
	producer_destroy(&state);
}

/* A transactional batch opens, a marker closes; a marker with a newer epoch leaves no sequence behind, so the next is 0. */
Test(producer, transactions_are_carried)
{
	struct producer_state *state = NULL;
	struct batch batch = make_batch(1, 0, 0, 3, 20);
	batch.attributes = BATCH_IS_TRANSACTIONAL;
	cr_assert_eq(producer_update(&state, &batch, 0, MANY), 0);
	batch = make_batch(1, 0, 3, 3, 23);
	batch.attributes = BATCH_IS_TRANSACTIONAL;
	cr_assert_eq(producer_update(&state, &batch, 0, MANY), 0);
	update(&state, 2, 0, 0, 1, 26);
	cr_expect_eq(producer_first_open_offset(state), 20);
	batch = make_batch(1, 1, -1, 1, 27);
	batch.attributes = BATCH_IS_TRANSACTIONAL | BATCH_IS_CONTROL;
	cr_assert_eq(producer_update(&state, &batch, 0, MANY), 0);
	cr_expect_eq(producer_first_open_offset(state), -1);
	cr_expect_eq(producer_find(state, 1)->epoch, 1);
	cr_expect_eq(producer_last_sequence(producer_find(state, 1)), -1);
	cr_expect_eq(check(state, 1, 1, 0, 1), PRODUCER_APPEND);
	cr_expect_eq(check(state, 1, 1, 6, 1), ERR_OUT_OF_ORDER_SEQUENCE);
	producer_destroy(&state);
}

/* At the maximum the longest idle goes, not the oldest known; an open transaction stays; when all are open, nobody comes in. */
Test(producer, eviction)
{
	struct producer_state *state = NULL;
	struct batch batch = make_batch(100, 0, 0, 1, 0);
	batch.attributes = BATCH_IS_TRANSACTIONAL;
	cr_assert_eq(producer_update(&state, &batch, 0, 4), 0);
	for (int64_t id = 1; id <= 3; id++) {
		batch = make_batch(id, 0, 0, 1, id);
		cr_assert_eq(producer_update(&state, &batch, id, 4), 0);
	}
	batch = make_batch(1, 0, 1, 1, 4);
	cr_assert_eq(producer_update(&state, &batch, 4, 4), 0);
	batch = make_batch(5, 0, 0, 1, 5);
	cr_assert_eq(producer_update(&state, &batch, 5, 4), 0);
	cr_expect_eq(producer_count(state), 4);
	cr_expect_null(producer_find(state, 2), "the longest idle without a transaction");
	cr_expect(producer_find(state, 100) && producer_find(state, 1) && producer_find(state, 3) && producer_find(state, 5));
	producer_destroy(&state);

	batch = make_batch(1, 0, 0, 1, 0);
	batch.attributes = BATCH_IS_TRANSACTIONAL;
	cr_assert_eq(producer_update(&state, &batch, 0, 1), 0);
	cr_expect_eq(producer_reserve(&state, 2, 1), ERR_BUSY);
	cr_expect_eq(producer_reserve(&state, 1, 1), 0);
	producer_destroy(&state);
}

/* Those idle for the whole time go, open transactions stay, and the last one takes the state with it. */
Test(producer, expiry)
{
	struct producer_state *state = NULL;
	for (int64_t id = 0; id < 100; id++)
		update(&state, id, 0, 0, 1, id); /* updated at 100000 + id */
	struct batch batch = make_batch(3, 0, 1, 1, 103);
	batch.attributes = BATCH_IS_TRANSACTIONAL;
	cr_assert_eq(producer_update(&state, &batch, 100003, MANY), 0);
	cr_expect_eq(producer_expire(&state, 100000 + 1000, 1001), 0);
	cr_expect_eq(producer_expire(&state, 100049 + 1000, 1000), 49, "0 to 49 without 3");
	cr_expect_eq(producer_count(state), 51);
	for (int64_t id = 0; id < 100; id++)
		cr_expect_eq(producer_find(state, id) != NULL, id == 3 || id >= 50, "producer %ld", (long)id);
	batch = make_batch(3, 0, -1, 1, 104);
	batch.attributes = BATCH_IS_CONTROL;
	cr_assert_eq(producer_update(&state, &batch, 200000, MANY), 0);
	cr_expect_eq(producer_expire(&state, 10000000, 1000), 51);
	cr_expect_null(state);
}

/* Batches behind the log's end never happened: a retry of one is appended, those before it are duplicates still; who has none left goes. */
Test(producer, truncation)
{
	struct producer_state *state = NULL;
	for (int i = 0; i < 4; i++)
		update(&state, 1, 0, i * 10, 10, i * 10);
	update(&state, 2, 0, 0, 5, 40);
	update(&state, 3, 0, 0, 5, 5);
	producer_truncate(&state, 25);
	cr_expect_eq(producer_count(state), 2);
	cr_expect_null(producer_find(state, 2));
	cr_expect_eq(check(state, 1, 0, 10, 10), PRODUCER_DUPLICATE);
	cr_expect_eq(check(state, 1, 0, 20, 10), PRODUCER_APPEND, "its last record lay behind the end");
	cr_expect_eq(check(state, 1, 0, 30, 10), ERR_OUT_OF_ORDER_SEQUENCE);
	cr_expect_eq(check(state, 3, 0, 0, 5), PRODUCER_DUPLICATE);
	producer_truncate(&state, 0);
	cr_expect_null(state);
	producer_truncate(&state, 0);
}

/* Against a plain array: random comings and goings leave the same producers, findable, each once. */
Test(producer, random_against_model)
{
	enum { IDS = 300, MAX = 64 };
	struct producer_state *state = NULL;
	int64_t last_use[IDS];
	int64_t now = 0;
	memset(last_use, -1, sizeof last_use);
	srandom(42);
	for (int step = 0; step < 20000; step++) {
		now++;
		if (random() % 500 == 0) {
			int64_t idle = random() % 100;
			producer_expire(&state, now, idle);
			for (int i = 0; i < IDS; i++)
				last_use[i] = last_use[i] >= 0 && now - last_use[i] >= idle ? -1 : last_use[i];
		}
		int id = (int)(random() % IDS), known = 0, oldest = -1;
		for (int i = 0; i < IDS; i++) {
			known += last_use[i] >= 0;
			if (last_use[i] >= 0 && (oldest < 0 || last_use[i] < last_use[oldest]))
				oldest = i;
		}
		if (last_use[id] < 0 && known == MAX)
			last_use[oldest] = -1;
		last_use[id] = now;
		struct batch batch = make_batch(id * 1000003ll, 0, 0, 1, now);
		cr_assert_eq(producer_update(&state, &batch, now, MAX), 0);
		uint32_t count = 0;
		for (int i = 0; i < IDS; i++) {
			const struct producer *producer = producer_find(state, i * 1000003ll);
			cr_assert_eq(producer != NULL, last_use[i] >= 0, "step %d, producer %d", step, i);
			cr_assert(!producer || producer->last_update_ms == last_use[i]);
			count += producer != NULL;
		}
		cr_assert_eq(producer_count(state), count);
	}
	producer_destroy(&state);
}

/* ---- encodings ---- */

static struct producer_state *sample_state(void)
{
	struct producer_state *state = NULL;
	for (int64_t id = 10; id < 20; id++)
		for (int32_t i = 0; i < id - 8; i++)
			update(&state, id, 2, i * 4, 4, id * 1000 + i * 4);
	struct batch batch = make_batch(12, 2, 16, 1, 90000);
	batch.attributes = BATCH_IS_TRANSACTIONAL;
	cr_assert_eq(producer_update(&state, &batch, 500000, MANY), 0);
	batch = make_batch(30, 5, -1, 1, 90001);
	batch.attributes = BATCH_IS_CONTROL;
	cr_assert_eq(producer_update(&state, &batch, 500001, MANY), 0);
	return state;
}

static void expect_same(const struct producer_state *state, const struct producer_state *other)
{
	cr_assert_eq(producer_count(state), producer_count(other));
	for (uint32_t i = 0; i < producer_count(state); i++) {
		const struct producer *a = producer_at(state, i), *b = producer_find(other, a->producer_id);
		cr_assert_not_null(b);
		cr_assert(a->epoch == b->epoch && a->batch_count == b->batch_count && a->coordinator_epoch == b->coordinator_epoch);
		cr_assert(a->txn_first_offset == b->txn_first_offset && a->last_update_ms == b->last_update_ms);
		cr_assert_eq(a->last_timestamp_ms, b->last_timestamp_ms);
		cr_assert_eq(memcmp(a->batches, b->batches, a->batch_count * sizeof a->batches[0]), 0);
	}
}

/* The checkpoint's form carries everything, knows its end, and refuses every truncation. */
Test(producer, state_round_trip)
{
	struct producer_state *state = sample_state(), *back = NULL;
	size_t size = producer_state_size(state), taken;
	uint8_t *bytes = malloc(size + 3);
	producer_state_encode(state, bytes);
	cr_assert_eq(producer_state_decode(&back, (struct slice){bytes, size + 3}, MANY, &taken), 0);
	cr_expect_eq(taken, size);
	expect_same(state, back);
	for (size_t cut = 0; cut < size; cut++) {
		cr_assert_eq(producer_state_decode(&back, (struct slice){bytes, cut}, MANY, &taken), ERR_FORMAT);
		cr_assert_null(back);
	}
	/* With room for three, the three last updated stay: 30, 12, 19. */
	cr_assert_eq(producer_state_decode(&back, (struct slice){bytes, size}, 3, &taken), 0);
	cr_expect_eq(producer_count(back), 3);
	cr_expect(producer_find(back, 30) && producer_find(back, 12) && producer_find(back, 19));
	free(bytes);
	producer_destroy(&state);
	producer_destroy(&back);
}

/* The empty state is four bytes and comes back as NULL. */
Test(producer, state_empty)
{
	struct producer_state *back = NULL;
	uint8_t bytes[4];
	size_t taken;
	cr_assert_eq(producer_state_size(NULL), sizeof bytes);
	producer_state_encode(NULL, bytes);
	cr_assert_eq(producer_state_decode(&back, (struct slice){bytes, sizeof bytes}, MANY, &taken), 0);
	cr_expect_null(back);
	cr_expect_eq(taken, 4);
}

/* Kafka's snapshot keeps each producer's last batch, and any changed byte is found. */
Test(producer, snapshot_round_trip)
{
	struct producer_state *state = sample_state(), *back = NULL;
	size_t size = producer_snapshot_size(state);
	uint8_t *bytes = malloc(size);
	producer_snapshot_encode(state, bytes);
	cr_assert_eq(producer_snapshot_decode(&back, (struct slice){bytes, size}, 777, MANY), 0);
	cr_assert_eq(producer_count(back), producer_count(state));
	for (uint32_t i = 0; i < producer_count(state); i++) {
		const struct producer *a = producer_at(state, i), *b = producer_find(back, a->producer_id);
		cr_assert(a->epoch == b->epoch && a->txn_first_offset == b->txn_first_offset);
		cr_assert_eq(producer_last_sequence(a), producer_last_sequence(b));
		cr_assert_eq(producer_last_offset(a), producer_last_offset(b));
		cr_assert_eq(b->last_update_ms, 777);
	}
	for (size_t at = 0; at < size; at++) {
		bytes[at] ^= 0x10;
		int err = producer_snapshot_decode(&back, (struct slice){bytes, size}, 777, MANY);
		cr_assert_eq(err, at < 2 ? ERR_FORMAT : ERR_CORRUPT_LOG, "byte %zu", at);
		cr_assert_null(back);
		bytes[at] ^= 0x10;
		cr_assert_lt(producer_snapshot_decode(&back, (struct slice){bytes, at}, 777, MANY), 0);
	}
	free(bytes);
	producer_destroy(&state);
}

/* A snapshot whose count lies, under a good CRC, is a wrong format. */
Test(producer, snapshot_lying_count)
{
	struct producer_state *state = sample_state();
	size_t size = producer_snapshot_size(state);
	uint8_t *bytes = malloc(size);
	producer_snapshot_encode(state, bytes);
	static const uint32_t counts[] = {0, 10, 12, 0x7fffffff, 0xffffffff};
	for (size_t i = 0; i < COUNT_OF(counts); i++) {
		store_be32(bytes + 6, counts[i]);
		store_be32(bytes + 2, crc32c(bytes + 6, size - 6));
		cr_expect_eq(producer_snapshot_decode(&state, (struct slice){bytes, size}, 0, MANY), ERR_FORMAT);
	}
	free(bytes);
}

/* A file Kafka 4.3 wrote at its clean stop, after its own producer had written two records. */
Test(producer, snapshot_from_kafka)
{
	static const uint8_t file[] = {
		0x00, 0x01, 0x55, 0x04, 0xa5, 0x1c, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00,
		0x01, 0xa1, 0xfd, 0xca, 0x3a, 0xfb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	};
	struct producer_state *state = NULL;
	uint8_t again[sizeof file];
	cr_assert_eq(producer_snapshot_decode(&state, (struct slice){file, sizeof file}, 5, MANY), 0);
	const struct producer *producer = producer_find(state, 0);
	cr_assert_not_null(producer);
	cr_expect(producer->epoch == 0 && producer->batch_count == 1 && producer->txn_first_offset == -1);
	cr_expect_eq(producer_last_sequence(producer), 1);
	cr_expect_eq(producer_last_offset(producer), 1);
	cr_expect_eq(check(state, 0, 0, 0, 2), PRODUCER_DUPLICATE);
	cr_expect_eq(check(state, 0, 0, 2, 1), PRODUCER_APPEND);
	cr_assert_eq(producer_snapshot_size(state), sizeof file);
	producer_snapshot_encode(state, again);
	cr_expect_eq(memcmp(file, again, sizeof file), 0);
	producer_destroy(&state);
}

/* What a checkpoint says of a producer is looked at before it is believed: one of an id that cannot be, and one of more batches than are remembered. */
Test(producer, that_cannot_be)
{
	enum { PRODUCER_SIZE = 39, BATCH_SIZE = 24 };
	static uint8_t bytes[1024];
	struct producer_state *state = NULL;
	size_t taken;
	update(&state, 7, 3, 0, 10, 0);
	size_t size = producer_state_size(state);
	uint8_t *producer = bytes + size - PRODUCER_SIZE - BATCH_SIZE;
	producer_state_encode(state, bytes);
	cr_assert_eq(load_le64(producer), 7);
	cr_assert_eq(producer_state_decode(&state, (struct slice){bytes, size}, MANY, &taken), 0);
	cr_assert_eq(taken, size);
	store_le64(producer, (uint64_t)-7);
	cr_expect_eq(producer_state_decode(&state, (struct slice){bytes, size}, MANY, &taken), ERR_FORMAT);
	store_le64(producer, 7);
	producer[PRODUCER_SIZE - 1] = 6;
	cr_expect_eq(producer_state_decode(&state, (struct slice){bytes, sizeof bytes}, MANY, &taken), ERR_FORMAT);
	producer_destroy(&state);
}
