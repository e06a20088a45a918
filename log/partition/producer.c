/* The producer state: a dense array of producers in one allocation with an open-addressing index by producer id, and a list through
 * them from the longest idle to the newest, so that a check is one probe, and eviction and expiry look only at what leaves.
 *
 * The happy path: find the producer, its epoch is ours and the batch's first sequence follows the last: append. A repeated batch is found
 * among the last five by both its sequences. An unknown producer may begin anywhere (KIP-360): its state may have expired, and
 * refusing it would be fatal to it. Decoding bytes from disk fails as a whole: the state then stands empty. */
#include "log/partition/producer.h"

#include <errno.h>
#include <stdlib.h>

#include "log/base/check.h"
#include "log/partition/producer_priv.h"

#define NONE UINT32_MAX
#define CAPACITY_MIN 2 /* most partitions see one or two producers */

struct entry {
	struct producer producer;
	uint32_t older, newer;            /* in the order of last update; NONE at the ends */
};

struct producer_state {
	uint32_t count, capacity;
	uint32_t slot_mask;               /* slots: a power of two, at least twice the capacity */
	uint32_t oldest, newest;
	struct entry *entries;
	uint32_t *slots;                  /* entry index + 1; 0 = free */
};

/* ---- the table -------------------------------------------------------------------------------------------- */

/* Producer ids are handed out in order; the multiplication (2^64 over the golden ratio) spreads them. */
static uint32_t home_slot(const struct producer_state *state, int64_t producer_id)
{
	return (uint32_t)(((uint64_t)producer_id * 0x9E3779B97F4A7C15ull) >> 32) & state->slot_mask;
}

/* The slot that holds the id, or the free one where it would go. */
static uint32_t find_slot(const struct producer_state *state, int64_t producer_id)
{
	uint32_t slot = home_slot(state, producer_id);
	while (state->slots[slot] != 0 && state->entries[state->slots[slot] - 1].producer.producer_id != producer_id)
		slot = (slot + 1) & state->slot_mask;
	return slot;
}

static struct entry *find_entry(const struct producer_state *state, int64_t producer_id)
{
	if (!state)
		return NULL;
	uint32_t index = state->slots[find_slot(state, producer_id)];
	return index ? &state->entries[index - 1] : NULL;
}

static uint32_t index_of(const struct producer_state *state, const struct entry *entry)
{
	return (uint32_t)(entry - state->entries);
}

/* Frees a slot and moves back those behind it that probing would no longer reach. */
static void free_slot(struct producer_state *state, uint32_t slot)
{
	uint32_t next = slot;
	state->slots[slot] = 0;
	for (;;) {
		next = (next + 1) & state->slot_mask;
		if (state->slots[next] == 0)
			return;
		uint32_t home = home_slot(state, state->entries[state->slots[next] - 1].producer.producer_id);
		if (((next - home) & state->slot_mask) < ((next - slot) & state->slot_mask))
			continue;
		state->slots[slot] = state->slots[next];
		state->slots[next] = 0;
		slot = next;
	}
}

/* ---- the order of idleness --------------------------------------------------------------------------------- */

static void unlink_entry(struct producer_state *state, struct entry *entry)
{
	if (entry->older != NONE)
		state->entries[entry->older].newer = entry->newer;
	else
		state->oldest = entry->newer;
	if (entry->newer != NONE)
		state->entries[entry->newer].older = entry->older;
	else
		state->newest = entry->older;
}

static void link_newest(struct producer_state *state, struct entry *entry)
{
	uint32_t index = index_of(state, entry);
	entry->older = state->newest;
	entry->newer = NONE;
	if (state->newest != NONE)
		state->entries[state->newest].newer = index;
	else
		state->oldest = index;
	state->newest = index;
}

/* ---- growing and shrinking --------------------------------------------------------------------------------- */

static void free_state(struct producer_state *state)
{
	if (!state)
		return;
	free(state->entries);
	free(state->slots);
	free(state);
}

static struct producer_state *make_state(uint32_t capacity)
{
	struct producer_state *state = calloc(1, sizeof *state);
	if (!state)
		return NULL;
	uint32_t slots = 4;
	while (slots < 2 * capacity)
		slots *= 2;
	state->capacity = capacity;
	state->slot_mask = slots - 1;
	state->oldest = state->newest = NONE;
	state->entries = malloc(capacity * sizeof *state->entries);
	state->slots = calloc(slots, sizeof *state->slots);
	if (state->entries && state->slots)
		return state;
	free_state(state);
	return NULL;
}

static struct producer *add_entry(struct producer_state *state, const struct producer *producer)
{
	CHECK(state->count < state->capacity);
	uint32_t slot = find_slot(state, producer->producer_id);
	CHECK(state->slots[slot] == 0);
	struct entry *entry = &state->entries[state->count++];
	state->slots[slot] = state->count;
	entry->producer = *producer;
	link_newest(state, entry);
	return &entry->producer;
}

/* The last entry takes the place of the one that goes. */
static void remove_entry(struct producer_state *state, struct entry *entry)
{
	uint32_t index = index_of(state, entry);
	unlink_entry(state, entry);
	free_slot(state, find_slot(state, entry->producer.producer_id));
	uint32_t last = --state->count;
	if (index == last)
		return;
	struct entry *moved = &state->entries[last];
	state->slots[find_slot(state, moved->producer.producer_id)] = index + 1;
	*entry = *moved;
	if (entry->older != NONE)
		state->entries[entry->older].newer = index;
	else
		state->oldest = index;
	if (entry->newer != NONE)
		state->entries[entry->newer].older = index;
	else
		state->newest = index;
}

static int grow(struct producer_state **state, uint32_t producers_max)
{
	const struct producer_state *old = *state;
	uint32_t capacity = old ? 2 * old->capacity : CAPACITY_MIN;
	struct producer_state *made = make_state(capacity < producers_max ? capacity : producers_max);
	if (!made)
		return -ENOMEM;
	for (uint32_t at = old ? old->oldest : NONE; at != NONE; at = old->entries[at].newer)
		add_entry(made, &old->entries[at].producer);
	free_state(*state);
	*state = made;
	return 0;
}

static int evict(struct producer_state *state)
{
	for (uint32_t at = state->oldest; at != NONE; at = state->entries[at].newer) {
		if (state->entries[at].producer.txn_first_offset >= 0)
			continue;
		remove_entry(state, &state->entries[at]);
		return 0;
	}
	return ERR_BUSY;
}

int producer_reserve(struct producer_state **state, int64_t producer_id, uint32_t producers_max)
{
	CHECK(producers_max > 0);
	const struct producer_state *now = *state;
	if (producer_id < 0 || find_entry(now, producer_id))
		return 0;
	if (now && now->count >= producers_max)
		return evict(*state);
	return now && now->count < now->capacity ? 0 : grow(state, producers_max);
}

void producer_destroy(struct producer_state **state)
{
	free_state(*state);
	*state = NULL;
}

/* ---- sequences ---------------------------------------------------------------------------------------------- */

/* Sequences run from 0 to INT32_MAX and begin again at 0. */
static int32_t add_sequence(int32_t sequence, int32_t delta)
{
	return (int32_t)(((uint32_t)sequence + (uint32_t)delta) & INT32_MAX);
}

static int32_t batch_last_sequence(const struct batch *batch)
{
	return add_sequence(batch->base_sequence, batch->last_offset_delta);
}

static int32_t first_sequence(const struct producer_batch *batch)
{
	return add_sequence(batch->last_sequence, -batch->offset_delta);
}

static const struct producer_batch *last_batch(const struct producer *producer)
{
	return producer->batch_count ? &producer->batches[producer->batch_count - 1] : NULL;
}

int32_t producer_last_sequence(const struct producer *producer)
{
	const struct producer_batch *last = last_batch(producer);
	return last ? last->last_sequence : NO_SEQUENCE;
}

int64_t producer_last_offset(const struct producer *producer)
{
	const struct producer_batch *last = last_batch(producer);
	return last ? last->last_offset : -1;
}

/* ---- truncation --------------------------------------------------------------------------------------------- */

static void truncate_producer(struct producer *producer, int64_t end_offset)
{
	while (producer->batch_count && last_batch(producer)->last_offset >= end_offset)
		producer->batch_count--;
	if (producer->txn_first_offset >= end_offset)
		producer->txn_first_offset = -1;
}

void producer_truncate(struct producer_state **state, int64_t end_offset)
{
	for (uint32_t i = *state ? (*state)->count : 0; i-- > 0;) {
		struct entry *entry = &(*state)->entries[i];
		truncate_producer(&entry->producer, end_offset);
		if (entry->producer.batch_count == 0 && entry->producer.txn_first_offset < 0)
			remove_entry(*state, entry);
	}
	if (*state && (*state)->count == 0)
		producer_destroy(state);
}

/* ---- judging ------------------------------------------------------------------------------------------------ */

static const struct producer_batch *find_duplicate(const struct producer *producer, const struct batch *batch)
{
	int32_t last = batch_last_sequence(batch);
	for (uint32_t i = 0; i < producer->batch_count; i++) {
		const struct producer_batch *known = &producer->batches[i];
		if (known->last_sequence == last && first_sequence(known) == batch->base_sequence)
			return known;
	}
	return NULL;
}

int producer_check(const struct producer_state *state, const struct batch *batch, struct producer_batch *duplicate)
{
	const struct entry *entry = batch_has_producer(batch) ? find_entry(state, batch->producer_id) : NULL;
	if (!entry || batch_is_control(batch))
		return PRODUCER_APPEND;
	const struct producer *producer = &entry->producer;
	if (batch->producer_epoch < producer->epoch)
		return ERR_PRODUCER_EPOCH;
	if (batch->producer_epoch > producer->epoch)
		return batch->base_sequence == 0 ? PRODUCER_APPEND : ERR_OUT_OF_ORDER_SEQUENCE;
	const struct producer_batch *known = find_duplicate(producer, batch);
	if (known) {
		*duplicate = *known;
		return PRODUCER_DUPLICATE;
	}
	/* -1 (no batch in this epoch yet) is followed by 0, as INT32_MAX is. */
	int32_t expected = add_sequence(producer_last_sequence(producer), 1);
	return batch->base_sequence == expected ? PRODUCER_APPEND : ERR_OUT_OF_ORDER_SEQUENCE;
}

/* ---- following ---------------------------------------------------------------------------------------------- */

static void push_batch(struct producer *producer, const struct batch *batch)
{
	if (producer->batch_count == PRODUCER_BATCHES_MAX) {
		producer->batch_count--;
		memmove(producer->batches, producer->batches + 1, producer->batch_count * sizeof producer->batches[0]);
	}
	producer->batches[producer->batch_count++] = (struct producer_batch){
		.last_offset = batch_last_offset(batch),
		.timestamp_ms = batch->max_timestamp_ms,
		.last_sequence = batch_last_sequence(batch),
		.offset_delta = batch->last_offset_delta,
	};
}

static void follow_batch(struct producer *producer, const struct batch *batch)
{
	if (batch->producer_epoch != producer->epoch) {
		producer->epoch = batch->producer_epoch;
		producer->batch_count = 0;
	}
	producer->last_timestamp_ms = batch->max_timestamp_ms;
	if (batch_is_control(batch)) {
		producer->txn_first_offset = -1;
		return;
	}
	if (batch->base_sequence >= 0)
		push_batch(producer, batch);
	if (batch_is_transactional(batch) && producer->txn_first_offset < 0)
		producer->txn_first_offset = batch->base_offset;
}

static struct producer *add_producer(struct producer_state *state, const struct batch *batch)
{
	struct producer producer = {
		.producer_id = batch->producer_id,
		.epoch = batch->producer_epoch,
		.coordinator_epoch = -1,
		.txn_first_offset = -1,
	};
	return add_entry(state, &producer);
}

int producer_update(struct producer_state **state, const struct batch *batch, int64_t now_ms, uint32_t producers_max)
{
	if (!batch_has_producer(batch))
		return 0;
	int err = producer_reserve(state, batch->producer_id, producers_max);
	if (err)
		return err;
	struct entry *entry = find_entry(*state, batch->producer_id);
	struct producer *producer = entry ? &entry->producer : add_producer(*state, batch);
	if (entry) {
		unlink_entry(*state, entry);
		link_newest(*state, entry);
	}
	follow_batch(producer, batch);
	producer->last_update_ms = now_ms;
	return 0;
}

uint32_t producer_expire(struct producer_state **state, int64_t now_ms, int64_t expiration_ms)
{
	struct producer_state *now = *state;
	uint32_t gone = 0, before = now ? now->count : 0;
	/* Removal moves the last entry into the gap, so what is visited is found again by its id. */
	for (uint32_t at = now ? now->oldest : NONE; at != NONE;) {
		struct entry *entry = &now->entries[at];
		if (now_ms - entry->producer.last_update_ms < expiration_ms)
			break;
		uint32_t newer = entry->newer;
		int64_t newer_id = newer == NONE ? -1 : now->entries[newer].producer.producer_id;
		if (entry->producer.txn_first_offset < 0) {
			remove_entry(now, entry);
			gone++;
		}
		at = newer == NONE ? NONE : now->slots[find_slot(now, newer_id)] - 1;
	}
	if (before > 0 && now->count == 0)
		producer_destroy(state);
	return gone;
}

/* ---- looking ------------------------------------------------------------------------------------------------ */

uint32_t producer_count(const struct producer_state *state)
{
	return state ? state->count : 0;
}

const struct producer *producer_at(const struct producer_state *state, uint32_t index)
{
	CHECK(index < producer_count(state));
	return &state->entries[index].producer;
}

const struct producer *producer_find(const struct producer_state *state, int64_t producer_id)
{
	const struct entry *entry = find_entry(state, producer_id);
	return entry ? &entry->producer : NULL;
}

int64_t producer_first_open_offset(const struct producer_state *state)
{
	int64_t first = -1;
	for (uint32_t i = 0; i < producer_count(state); i++) {
		int64_t offset = state->entries[i].producer.txn_first_offset;
		if (offset >= 0 && (first < 0 || offset < first))
			first = offset;
	}
	return first;
}

/* ---- for producer_file.c ------------------------------------------------------------------------------------- */

const struct producer *producer__oldest(const struct producer_state *state)
{
	return state && state->oldest != NONE ? &state->entries[state->oldest].producer : NULL;
}

const struct producer *producer__newer(const struct producer_state *state, const struct producer *producer)
{
	const struct entry *entry = CONTAINER_OF(producer, struct entry, producer);
	return entry->newer != NONE ? &state->entries[entry->newer].producer : NULL;
}

static bool is_possible(const struct producer *producer)
{
	bool is_good = producer->producer_id >= 0;
	for (uint32_t i = 0; i < producer->batch_count; i++) {
		const struct producer_batch *batch = &producer->batches[i];
		is_good &= batch->last_sequence >= 0 && batch->offset_delta >= 0 && batch->last_offset >= batch->offset_delta;
	}
	return is_good;
}

int producer__put(struct producer_state **state, const struct producer *producer, uint32_t producers_max)
{
	if (!is_possible(producer) || find_entry(*state, producer->producer_id))
		return ERR_FORMAT;
	int err = producer_reserve(state, producer->producer_id, producers_max);
	if (err)
		return err;
	add_entry(*state, producer);
	return 0;
}
