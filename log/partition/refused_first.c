/* A short array, the oldest first: it is there while somebody waits to be taken, and searched only when a producer is new. */
#include "log/partition/refused_first.h"

#include <stdlib.h>

#define REFUSED_MAX 64u

struct awaited {
	int64_t producer_id;
	int32_t sequence;
	int16_t epoch;
};

struct refused_first {
	uint32_t count;
	struct awaited awaited[REFUSED_MAX];
};

static uint32_t place_of(const struct refused_first *refused, int64_t producer_id)
{
	uint32_t at = 0;
	while (refused && at < refused->count && refused->awaited[at].producer_id != producer_id)
		at++;
	return at;
}

static void remove_at(struct refused_first *refused, uint32_t at)
{
	refused->count--;
	memmove(refused->awaited + at, refused->awaited + at + 1, (refused->count - at) * sizeof *refused->awaited);
}

void refused_first_note(struct refused_first **refused, const struct batch *batch)
{
	if (!*refused)
		*refused = calloc(1, sizeof **refused);
	struct refused_first *now = *refused;
	if (!now)
		return;
	uint32_t at = place_of(now, batch->producer_id);
	if (at < now->count && now->awaited[at].epoch >= batch->producer_epoch)
		return;
	if (at < now->count || now->count == REFUSED_MAX)
		remove_at(now, at < now->count ? at : 0);
	now->awaited[now->count++] = (struct awaited){batch->producer_id, batch->base_sequence, batch->producer_epoch};
}

int refused_first_check(const struct refused_first *refused, const struct batch *batch)
{
	uint32_t at = place_of(refused, batch->producer_id);
	if (!refused || at == refused->count)
		return 0;
	const struct awaited *awaited = &refused->awaited[at];
	return batch->producer_epoch > awaited->epoch || batch->base_sequence == awaited->sequence ? 0 : ERR_OUT_OF_ORDER_SEQUENCE;
}

void refused_first_forget(struct refused_first **refused, int64_t producer_id)
{
	uint32_t at = place_of(*refused, producer_id);
	if (!*refused || at == (*refused)->count)
		return;
	remove_at(*refused, at);
	if ((*refused)->count == 0)
		refused_first_destroy(refused);
}

void refused_first_destroy(struct refused_first **refused)
{
	free(*refused);
	*refused = NULL;
}
