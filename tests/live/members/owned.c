/* Who owns which partition, and how far each group has read: what must hold is checked whenever a member learns something.
 *
 *   - no partition is owned by two members of one generation; with the consumer protocol, of one group at one time;
 *   - a member that gets a partition finds at least the offset whose commit was acked last, and never more than was ever sent as a commit;
 *   - so it begins at or before what the group has consumed, and no record is skipped. */
#include "tests/live/members/members.h"

void owned_give_away(struct member *m, uint64_t partitions)
{
	for (int32_t p = 0; p < partition_count; p++)
		if (m->owned & partitions & bit(p) && m->group->owner[p] == m)
			m->group->owner[p] = NULL;
	m->owned &= ~partitions;
	m->located &= ~partitions;
	m->uncommitted &= ~partitions;
}

/* Members of the consumer protocol get nothing before its owner has let it go. With the classic protocol an owner of an earlier generation may
 * not know yet that it is over; its commits are refused. */
void owned_take(struct member *m, uint64_t partitions)
{
	for (int32_t p = 0; p < partition_count; p++) {
		struct member *other = m->group->owner[p];
		if (!(partitions & bit(p)) || (m->owned & bit(p) && other == m))
			continue;
		if (other && other != m && ((m->is_consumer && other->is_consumer) || other->generation == m->generation))
			world_give_up(m, "partition %d is owned by two members, the other one is %s (number %ld, generation %d)", p, other->id, (long)(other - members),
				other->generation);
		m->group->owner[p] = m;
	}
	m->owned |= partitions;
}

void owned_locate(struct member *m, int32_t p, int64_t offset)
{
	struct group *g = m->group;
	if (offset < m->asked_commit[p])
		world_give_up(m, "partition %d: offset %lld is committed, but the commit of %lld was acked", p, (long long)offset, (long long)m->asked_commit[p]);
	if (offset > g->tried[p])
		world_give_up(m, "partition %d: offset %lld is committed, but nobody has sent more than %lld", p, (long long)offset, (long long)g->tried[p]);
	m->position[p] = offset < 0 ? 0 : offset;
	m->located |= m->owned & bit(p);
}

void owned_consume(struct member *m, int32_t p, const uint8_t *at, int32_t size)
{
	struct group *g = m->group;
	if (!(m->owned & bit(p)))
		return;
	for (struct reader r = { .at = at, .end = at + size }; r.end - r.at >= 61;) {
		int64_t base = get_i64(&r);
		int32_t length = get_i32(&r);
		const uint8_t *batch = get_raw(&r, (size_t)length);
		if (!batch)
			break; /* the end was cut off by the bound of the fetch */
		struct reader delta = { .at = batch + 11, .end = batch + 15 };
		int64_t next = base + get_i32(&delta) + 1;
		if (base > m->position[p])
			world_give_up(m, "partition %d: record %lld comes where %lld is next", p, (long long)base, (long long)m->position[p]);
		if (next <= m->position[p])
			continue;
		if (m->position[p] > g->consumed[p])
			world_give_up(m, "partition %d: it begins at %lld, and nobody has consumed %lld", p, (long long)m->position[p], (long long)g->consumed[p]);
		fetched_records += next - m->position[p];
		m->position[p] = next;
		m->uncommitted |= bit(p);
		g->consumed[p] = next > g->consumed[p] ? next : g->consumed[p];
	}
}
