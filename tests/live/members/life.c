/* A member's life: birth, what it does next, and its end: it leaves, crashes (closes its connection without a word), or only loses its connection. */
#include "tests/live/members/members.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#define STUCK_MS 60000

void member_start_anew(struct member *m, bool keeps_id)
{
	owned_give_away(m, ~(uint64_t)0);
	m->is_member = m->needs_sync = m->is_leaving = m->must_report = m->commit_refused = false;
	m->needs_join = true;
	m->wanted = 0;
	m->generation = 0;
	if (!keeps_id)
		m->id[0] = 0;
}

void member_be_reborn(struct member *m, int64_t now)
{
	static long serial;
	member_hang_up(m);
	member_start_anew(m, false);
	m->has_joined = false;
	if (m->is_consumer)
		snprintf(m->id, sizeof(m->id), "m-%ld-%lld", ++serial, (long long)now);
	m->idle_until_ms = is_calm ? now : world_in_about(now, life_ms < 10000 ? life_ms / 10 + 50 : 1000);
	m->death_due_ms = world_in_about(m->idle_until_ms, life_ms);
	m->heartbeat_ms = 5000;
}

static void meet_fate(struct member *m, int64_t now)
{
	m->death_due_ms = world_in_about(now, life_ms);
	switch (world_roll(m->group->reads ? 4 : 40)) {
	case 0:
		crashes++;
		member_be_reborn(m, now);
		return;
	case 1:
		drops++;
		member_hang_up(m);
		return;
	default:
		m->is_leaving = m->is_member;
		if (!m->is_leaving)
			member_be_reborn(m, now);
	}
}

/* What a cooperative member has to give up, once it is in sync: then it joins again, so that somebody else gets it. */
static uint64_t to_give_up(const struct member *m)
{
	return m->group->is_cooperative && m->is_member && !m->needs_join && !m->needs_sync ? m->owned & ~m->wanted : 0;
}

static void step_classic(struct member *m, int64_t now)
{
	uint64_t lost = to_give_up(m);
	if (lost && (m->commit_refused || !(lost & m->uncommitted))) {
		owned_give_away(m, lost);
		m->needs_join = true;
	}
	if (m->is_leaving)
		ask_leave(m, now);
	else if (((m->needs_join && m->is_member) || to_give_up(m)) && m->uncommitted && !m->commit_refused)
		ask_commit(m, now);
	else if (m->needs_join)
		ask_join(m, now);
	else if (m->needs_sync)
		ask_sync(m, now);
	else if (now >= m->heartbeat_due_ms)
		ask_heartbeat(m, now);
}

static void step_consumer(struct member *m, int64_t now)
{
	uint64_t lost = m->owned & ~m->wanted;
	if (m->is_leaving) {
		/* The broker may hand on what it had before it hears the answer, or instead of that, if it is killed between. */
		owned_give_away(m, ~(uint64_t)0);
		ask_consumer_heartbeat(m, m->group->is_static ? -2 : -1, now);
	} else if (m->needs_join)
		ask_consumer_heartbeat(m, 0, now);
	else if (lost & m->uncommitted)
		ask_commit(m, now);
	else if (lost || m->must_report) {
		owned_give_away(m, lost);
		owned_take(m, m->wanted);
		m->must_report = true;
		ask_consumer_heartbeat(m, m->generation, now);
	} else if (now >= m->heartbeat_due_ms)
		ask_consumer_heartbeat(m, m->generation, now);
}

void member_step(struct member *m, int64_t now)
{
	if (m->asked >= 0 && now - m->asked_ms > STUCK_MS)
		world_give_up(m, "API %d is not answered for %d s", m->asked, STUCK_MS / 1000);
	if (m->asked >= 0 || now < m->idle_until_ms)
		return;
	if (!is_calm && now >= m->death_due_ms)
		meet_fate(m, now);
	if (now < m->idle_until_ms || (m->fd < 0 && !member_dial(m, now)))
		return;
	if (m->is_consumer)
		step_consumer(m, now);
	else
		step_classic(m, now);
	if (m->asked >= 0 || m->fd < 0 || !m->group->reads || !m->owned || now < m->idle_until_ms)
		return;
	if (m->owned & ~m->located)
		ask_offsets(m, now);
	else if (m->uncommitted && now >= m->commit_due_ms)
		ask_commit(m, now);
	else
		ask_fetch(m, now);
}

void member_receive(struct member *m, int64_t now)
{
	uint8_t piece[65536];
	ssize_t n = recv(m->fd, piece, sizeof(piece), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		/* A join whose answer was lost has made somebody a member, or not. */
		member_hang_up(m);
		m->idle_until_ms = now + RETRY_MS;
		return;
	}
	put_raw(&m->in, piece, (size_t)n);
	struct reader r = { .at = m->in.data, .end = m->in.data + m->in.size };
	if (m->in.size < 4 || (size_t)get_i32(&r) > m->in.size - 4)
		return;
	struct buf frame = m->in;
	m->in = (struct buf){ 0 };
	r.bad = false;
	answer_read(m, &r, now);
	buf_free(&frame);
	member_step(m, now);
}
