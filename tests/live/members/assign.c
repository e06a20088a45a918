/* What the leader of a classic group assigns. */
#include "tests/live/members/members.h"

#include <stdlib.h>

static void put_one(struct buf *b, const char *id, uint64_t partitions)
{
	struct buf a = { 0 };
	put_i16(&a, 0);
	put_i32(&a, 1);
	put_string(&a, topic_name);
	put_i32(&a, __builtin_popcountll(partitions));
	for (int32_t p = 0; p < partition_count; p++)
		if (partitions & bit(p))
			put_i32(&a, p);
	put_i32(&a, -1);
	put_string(b, id);
	put_i32(b, (int32_t)a.size);
	put_raw(b, a.data, a.size);
	buf_free(&a);
}

void assign_turns(struct member *m, int32_t count, char (*ids)[120])
{
	m->assignment.size = 0;
	put_i32(&m->assignment, count);
	for (int32_t i = 0; i < count; i++) {
		uint64_t mine = 0;
		for (int32_t p = 0; p < partition_count; p++)
			if ((p + m->generation) % count == i)
				mine |= bit(p);
		put_one(&m->assignment, ids[i], mine);
	}
}

/* Who says, with the latest generation, that it owns the partition; -1: nobody. */
static int32_t claimant(int32_t p, int32_t count, const struct claim *claims)
{
	int32_t best = -1;
	for (int32_t i = 0; i < count; i++)
		if (claims[i].owned & bit(p) && (best < 0 || claims[i].generation > claims[best].generation))
			best = i;
	return best;
}

/* Shares differ by one at most: `plenty` members may have one more than the others. */
static bool may_have_one_more(uint64_t mine, int32_t count, int32_t *plenty)
{
	int32_t has = __builtin_popcountll(mine), least = partition_count / count;
	if (has < least)
		return true;
	if (has > least || *plenty == 0)
		return false;
	--*plenty;
	return true;
}

void assign_sticky(struct member *m, int32_t count, char (*ids)[120], const struct claim *claims)
{
	uint64_t *mine = calloc((size_t)count, sizeof(*mine)), kept = 0;
	int32_t plenty = partition_count % count;
	for (int32_t p = 0; p < partition_count; p++) {
		int32_t i = claimant(p, count, claims);
		if (i >= 0 && may_have_one_more(mine[i], count, &plenty))
			mine[i] |= bit(p);
		if (i >= 0)
			kept |= bit(p); /* given up or not: nobody else's yet */
	}
	for (int32_t p = 0; p < partition_count; p++)
		for (int32_t i = 0; i < count && !(kept & bit(p)); i++)
			if (may_have_one_more(mine[i], count, &plenty)) {
				mine[i] |= bit(p);
				kept |= bit(p);
			}
	m->assignment.size = 0;
	put_i32(&m->assignment, count);
	for (int32_t i = 0; i < count; i++)
		put_one(&m->assignment, ids[i], mine[i]);
	free(mine);
}
