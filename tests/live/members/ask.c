/* A member's connection, and its requests: each says what such a client says, and no more. */
#include "tests/live/members/members.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define SESSION_MS 6000
#define REBALANCE_MS 20000

void member_hang_up(struct member *m)
{
	if (m->fd >= 0)
		close(m->fd);
	m->fd = -1;
	m->asked = -1;
	m->in.size = 0;
}

bool member_dial(struct member *m, int64_t now)
{
	int one = 1;
	m->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (m->fd < 0)
		world_give_up(m, "socket: %s", strerror(errno));
	if (connect(m->fd, (struct sockaddr *)&target, sizeof(target)) != 0) {
		member_hang_up(m);
		m->idle_until_ms = now + RETRY_MS + (int64_t)world_roll(2 * RETRY_MS);
		return false;
	}
	setsockopt(m->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = m };
	epoll_ctl(poll_fd, EPOLL_CTL_ADD, m->fd, &event);
	reconnects++;
	return true;
}

static struct buf begin(struct member *m, int16_t key, int16_t version, bool flexible)
{
	struct buf b = { 0 };
	m->asked = key;
	request_begin(&b, key, version, ++m->correlation, flexible);
	return b;
}

static void send_off(struct member *m, struct buf *b, int64_t now)
{
	request_end(b);
	m->asked_ms = now;
	if (send(m->fd, b->data, b->size, MSG_NOSIGNAL) != (ssize_t)b->size)
		member_hang_up(m);
	buf_free(b);
}

static void put_partitions(struct buf *b, uint64_t partitions)
{
	put_i32(b, __builtin_popcountll(partitions));
	for (int32_t p = 0; p < partition_count; p++)
		if (partitions & bit(p))
			put_i32(b, p);
}

/* What a cooperative member owns, and since which generation, is in version 2. */
static void put_subscription(struct buf *b, const struct member *m)
{
	struct buf s = { 0 };
	put_i16(&s, m->group->is_cooperative ? 2 : 0);
	put_i32(&s, 1);
	put_string(&s, topic_name);
	put_i32(&s, -1);
	if (m->group->is_cooperative) {
		put_i32(&s, 1);
		put_string(&s, topic_name);
		put_partitions(&s, m->owned);
		put_i32(&s, m->owned ? m->generation : -1);
	}
	put_i32(b, (int32_t)s.size);
	put_raw(b, s.data, s.size);
	buf_free(&s);
}

static const char *instance_of(const struct member *m) { return m->instance[0] ? m->instance : NULL; }

void ask_join(struct member *m, int64_t now)
{
	struct buf b = begin(m, API_JOIN, 5, false);
	owned_give_away(m, m->group->is_cooperative ? ~m->wanted : ~(uint64_t)0);
	put_string(&b, m->group->id);
	put_i32(&b, SESSION_MS);
	put_i32(&b, REBALANCE_MS);
	put_string(&b, m->id);
	put_string(&b, instance_of(m));
	put_string(&b, "consumer");
	put_i32(&b, 1);
	put_string(&b, m->group->is_cooperative ? "sticky" : "turns");
	put_subscription(&b, m);
	send_off(m, &b, now);
	joins++;
}

void ask_sync(struct member *m, int64_t now)
{
	struct buf b = begin(m, API_SYNC, 3, false);
	put_string(&b, m->group->id);
	put_i32(&b, m->generation);
	put_string(&b, m->id);
	put_string(&b, instance_of(m));
	if (m->assignment.size)
		put_raw(&b, m->assignment.data, m->assignment.size);
	else
		put_i32(&b, 0);
	send_off(m, &b, now);
}

void ask_heartbeat(struct member *m, int64_t now)
{
	struct buf b = begin(m, API_HEARTBEAT, 3, false);
	put_string(&b, m->group->id);
	put_i32(&b, m->generation);
	put_string(&b, m->id);
	put_string(&b, instance_of(m));
	send_off(m, &b, now);
	m->heartbeat_due_ms = now + HEARTBEAT_MS;
}

void ask_leave(struct member *m, int64_t now)
{
	struct buf b = begin(m, API_LEAVE, 3, false);
	put_string(&b, m->group->id);
	put_i32(&b, 1);
	put_string(&b, m->id);
	put_string(&b, instance_of(m));
	owned_give_away(m, ~(uint64_t)0);
	send_off(m, &b, now);
}

static void put_owned(struct buf *b, const struct member *m)
{
	put_uvarint(b, m->owned ? 2 : 1);
	if (!m->owned)
		return;
	put_raw(b, topic_id, 16);
	put_uvarint(b, (uint64_t)__builtin_popcountll(m->owned) + 1);
	for (int32_t p = 0; p < partition_count; p++)
		if (m->owned & bit(p))
			put_i32(b, p);
	put_uvarint(b, 0);
}

/* The whole of it when it joins or has something to say, else the least. */
void ask_consumer_heartbeat(struct member *m, int32_t epoch, int64_t now)
{
	struct buf b = begin(m, API_CONSUMER_HEARTBEAT, 1, true);
	bool joins_now = epoch == 0;
	put_compact(&b, m->group->id);
	put_compact(&b, m->id);
	put_i32(&b, epoch);
	put_compact(&b, instance_of(m));
	put_compact(&b, NULL);
	put_i32(&b, joins_now ? REBALANCE_MS : -1);
	put_uvarint(&b, joins_now ? 2 : 0);
	if (joins_now)
		put_compact(&b, topic_name);
	put_compact(&b, NULL);
	put_compact(&b, NULL);
	if (joins_now || m->must_report)
		put_owned(&b, m);
	else
		put_uvarint(&b, 0);
	put_uvarint(&b, 0);
	send_off(m, &b, now);
	m->must_report = false;
	m->heartbeat_due_ms = now + m->heartbeat_ms;
	joins += joins_now;
}

static void put_count(struct buf *b, const struct member *m, int32_t count)
{
	if (m->is_consumer)
		put_uvarint(b, (uint64_t)count + 1);
	else
		put_i32(b, count);
}

static void put_text(struct buf *b, const struct member *m, const char *text)
{
	if (m->is_consumer)
		put_compact(b, text);
	else
		put_string(b, text);
}

static void put_tags(struct buf *b, const struct member *m)
{
	if (m->is_consumer)
		put_uvarint(b, 0);
}

/* OffsetCommit v7, or v9 for the consumer protocol. */
void ask_commit(struct member *m, int64_t now)
{
	struct group *g = m->group;
	struct buf b = begin(m, API_OFFSET_COMMIT, m->is_consumer ? 9 : 7, m->is_consumer);
	put_text(&b, m, g->id);
	put_i32(&b, m->generation);
	put_text(&b, m, m->id);
	put_text(&b, m, instance_of(m));
	put_count(&b, m, 1);
	put_text(&b, m, topic_name);
	put_count(&b, m, __builtin_popcountll(m->uncommitted));
	for (int32_t p = 0; p < partition_count; p++) {
		m->asked_commit[p] = m->uncommitted & bit(p) ? m->position[p] : -1;
		if (m->asked_commit[p] < 0)
			continue;
		g->tried[p] = g->tried[p] > m->position[p] ? g->tried[p] : m->position[p];
		put_i32(&b, p);
		put_i64(&b, m->position[p]);
		put_i32(&b, -1);
		put_text(&b, m, "of members.c");
		put_tags(&b, m);
	}
	put_tags(&b, m);
	put_tags(&b, m);
	m->uncommitted = 0;
	m->commit_due_ms = now + commit_ms;
	send_off(m, &b, now);
}

/* OffsetFetch v5, or v9 for the consumer protocol. What was acked until now must be found. */
void ask_offsets(struct member *m, int64_t now)
{
	struct group *g = m->group;
	uint64_t unknown = m->owned & ~m->located;
	struct buf b = begin(m, API_OFFSET_FETCH, m->is_consumer ? 9 : 5, m->is_consumer);
	if (m->is_consumer)
		put_count(&b, m, 1);
	put_text(&b, m, g->id);
	if (m->is_consumer) {
		put_text(&b, m, m->id);
		put_i32(&b, m->generation);
	}
	put_count(&b, m, 1);
	put_text(&b, m, topic_name);
	put_count(&b, m, __builtin_popcountll(unknown));
	for (int32_t p = 0; p < partition_count; p++) {
		m->asked_commit[p] = g->acked[p];
		if (unknown & bit(p))
			put_i32(&b, p);
	}
	put_tags(&b, m);
	put_tags(&b, m);
	if (m->is_consumer)
		put_i8(&b, 1);
	put_tags(&b, m);
	send_off(m, &b, now);
}

void ask_fetch(struct member *m, int64_t now)
{
	struct buf b = begin(m, API_FETCH, 4, false);
	put_i32(&b, -1);
	put_i32(&b, fetch_wait_ms);
	put_i32(&b, 1);
	put_i32(&b, 1 << 20);
	put_i8(&b, 0);
	put_i32(&b, 1);
	put_string(&b, topic_name);
	put_i32(&b, __builtin_popcountll(m->owned));
	for (int32_t p = 0; p < partition_count; p++)
		if (m->owned & bit(p)) {
			put_i32(&b, p);
			put_i64(&b, m->position[p]);
			put_i32(&b, 100000);
		}
	send_off(m, &b, now);
}
