/* Two orders of the same claims: by snapshot and producer, to ask whether a snapshot is older than a batch before it; by offset, to find the claim that a batch
 * meets. */
#include "log/verify/snapshot_check.h"

#include <errno.h>
#include <stdlib.h>

int snapshot_check_add(struct snapshot_check *check, int64_t snapshot, const struct producer_state *state)
{
	for (uint32_t i = 0; i < producer_count(state); i++) {
		const struct producer *producer = producer_at(state, i);
		if (check->count == check->capacity) {
			uint32_t capacity = check->capacity ? 2 * check->capacity : 64;
			void *grown = realloc(check->claims, capacity * sizeof *check->claims);
			if (!grown)
				return -ENOMEM;
			check->claims = grown;
			check->capacity = capacity;
		}
		check->claims[check->count++] =
			(struct snapshot_claim){.snapshot = snapshot, .producer_id = producer->producer_id, .last_offset = producer_last_offset(producer)};
	}
	return 0;
}

static int compare(int64_t a, int64_t b)
{
	return a < b ? -1 : a > b;
}

static int by_snapshot(const void *a, const void *b)
{
	const struct snapshot_claim *x = a, *y = b;
	int order = compare(x->snapshot, y->snapshot);
	return order ? order : compare(x->producer_id, y->producer_id);
}

static int by_offset(const void *a, const void *b)
{
	const struct snapshot_claim *const *x = a, *const *y = b;
	return compare((*x)->last_offset, (*y)->last_offset);
}

int snapshot_check_begin(struct snapshot_check *check)
{
	if (!check->count)
		return 0;
	check->by_offset = malloc(check->count * sizeof(*check->by_offset));
	if (!check->by_offset)
		return -ENOMEM;
	qsort(check->claims, check->count, sizeof *check->claims, by_snapshot);
	for (uint32_t i = 0; i < check->count; i++)
		check->by_offset[i] = &check->claims[i];
	qsort(check->by_offset, check->count, sizeof(*check->by_offset), by_offset);
	return 0;
}

static void meet(struct snapshot_check *check, const struct batch *batch)
{
	int64_t offset = batch_last_offset(batch);
	uint32_t low = 0, high = check->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (check->by_offset[middle]->last_offset < offset)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < check->count && check->by_offset[low]->last_offset == offset; low++)
		check->by_offset[low]->is_met |= check->by_offset[low]->producer_id == batch->producer_id;
}

/* The first claim that is not before (snapshot, producer). */
static struct snapshot_claim *claim_at(const struct snapshot_check *check, int64_t snapshot, int64_t producer_id)
{
	struct snapshot_claim wanted = {.snapshot = snapshot, .producer_id = producer_id};
	uint32_t low = 0, high = check->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (by_snapshot(&check->claims[middle], &wanted) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < check->count ? &check->claims[low] : NULL;
}

/* The next snapshot behind the batch must know of it; one that does not name the producer at all may have forgotten it. */
static void find_stale(struct snapshot_check *check, const struct batch *batch)
{
	const struct snapshot_claim *next = claim_at(check, batch_next_offset(batch), INT64_MIN);
	struct snapshot_claim *claim = next ? claim_at(check, next->snapshot, batch->producer_id) : NULL;
	if (claim && claim->snapshot == next->snapshot && claim->producer_id == batch->producer_id && claim->last_offset < batch_last_offset(batch))
		claim->is_stale = true;
}

void snapshot_check_batch(struct snapshot_check *check, const struct batch *batch)
{
	if (!check->count || batch->producer_id < 0 || batch_is_control(batch))
		return;
	meet(check, batch);
	find_stale(check, batch);
}

const char *snapshot_check_fault(const struct snapshot_check *check, int64_t snapshot, int64_t from, int64_t to)
{
	for (const struct snapshot_claim *claim = claim_at(check, snapshot, INT64_MIN); claim && claim < check->claims + check->count; claim++) {
		if (claim->snapshot != snapshot)
			break;
		if (claim->last_offset >= snapshot)
			return "it tells of batches behind its place: it is of another place or partition";
		if (claim->is_stale)
			return "it misses batches before its place: it is of another place or partition";
		if (claim->last_offset >= from && claim->last_offset < to && !claim->is_met)
			return "it tells of a producer's batch that is not there: it is of another partition";
	}
	return NULL;
}

void snapshot_check_fini(struct snapshot_check *check)
{
	free(check->claims);
	free(check->by_offset);
}
