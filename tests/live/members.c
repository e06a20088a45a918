/* Many members of many consumer groups, each with a connection of its own, that join, consume, commit, leave, crash and come back, through kill -9 of the
 * broker; and a checker that knows what each of them was told. One thread and epoll; one more thread produces.
 *
 *   members HOST:PORT TOPIC PARTITIONS KINDS GROUPS MEMBERS LIFE_MS [SECONDS]
 *
 * KINDS is a string of letters, and group number i is of the kind KINDS[i % length]:
 *   c  classic, dynamic members      s  classic, static members (KIP-345)
 *   n  consumer protocol (KIP-848)   t  consumer protocol, static members
 *   x  every other member of each protocol, in one group
 *   C, N, X  as c, n, x, but its members only join and leave, and seldom crash: they read nothing
 * GROUPS groups have MEMBERS members each, and a member lives LIFE_MS on the average, then it leaves, or crashes (closes its connection without
 * a word), or only loses its connection. Runs SECONDS, or until SIGTERM; then no more are born or die, and all must become quiet: all that was
 * acked to the producer is consumed and committed by each reading group, within a minute.
 *
 * What must hold, and is checked whenever a member learns something:
 *   - no partition is owned by two members of one generation; with the consumer protocol, of one group at one time;
 *   - a member that gets a partition finds at least the offset whose commit was acked last, and never more than was ever sent as a commit;
 *   - so it begins at or before what the group has consumed, and every record is consumed by every group;
 *   - no call waits for more than a minute, and no error comes that a member cannot get.
 * The first breach ends the run with a FAIL line and status 1. `random` choices come from SEED in the environment. At the end "committed GROUP PARTITION
 * OFFSET" lines say what each group has committed. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/live/lib/cases.h"
#include "tests/live/lib/wire.h"

#define PARTITIONS_MAX 64
#define SESSION_MS 6000
#define REBALANCE_MS 20000
#define HEARTBEAT_MS 1000
#define COMMIT_MS 300
#define STUCK_MS 60000
#define PATIENCE_MS 60000
#define RETRY_MS 50
#define FETCH_WAIT_MS 200

enum { API_OFFSET_COMMIT = 8, API_OFFSET_FETCH = 9, API_FIND_COORDINATOR = 10, API_JOIN = 11, API_HEARTBEAT = 12, API_LEAVE = 13, API_SYNC = 14,
       API_CONSUMER_HEARTBEAT = 68 };

/* Kafka's codes that members live with. */
enum { COORDINATOR_LOAD_IN_PROGRESS = 14, COORDINATOR_NOT_AVAILABLE = 15, NOT_COORDINATOR = 16, ILLEGAL_GENERATION = 22, UNKNOWN_MEMBER_ID = 25,
       REBALANCE_IN_PROGRESS = 27, MEMBER_ID_REQUIRED = 79, FENCED_INSTANCE_ID = 82, FENCED_MEMBER_EPOCH = 110, UNRELEASED_INSTANCE_ID = 111,
       STALE_MEMBER_EPOCH = 113 };

struct member;

struct group {
	char id[64];
	bool is_static, reads;
	struct member *owner[PARTITIONS_MAX];
	int64_t consumed[PARTITIONS_MAX];   /* every record below was consumed by some member */
	int64_t acked[PARTITIONS_MAX];      /* the commit acked last; -1: none */
	int64_t tried[PARTITIONS_MAX];      /* the highest commit ever sent; -1: none */
	int32_t generation;                 /* the highest seen */
};

struct member {
	struct group *group;
	char id[120], instance[80];
	bool is_consumer;                   /* speaks the consumer protocol */
	int fd;
	int32_t correlation;
	int16_t asked;                      /* the API whose answer is waited for; -1: none */
	int64_t asked_ms;
	struct buf in;

	bool is_member, needs_join, needs_sync, is_leaving, must_report;
	int32_t generation;                 /* or epoch */
	uint64_t owned, wanted, located;    /* partitions: its own; those the coordinator has given it; those whose position is known */
	uint64_t uncommitted;
	int64_t position[PARTITIONS_MAX], asked_commit[PARTITIONS_MAX];
	struct buf assignment;              /* of the leader, for all */
	int64_t idle_until_ms, heartbeat_due_ms, commit_due_ms, death_due_ms;
	int32_t heartbeat_ms;
};

static const char *topic;
static uint8_t topic_id[16];
static struct sockaddr_in target;
static int32_t partition_count;
static int group_count, member_count, life_ms, poll_fd;
static struct group *groups;
static struct member *members;
static volatile sig_atomic_t stop_asked;
static bool is_calm, any_reads;
static _Atomic bool producer_stops;
static _Atomic int64_t produced[PARTITIONS_MAX]; /* acked: every offset below is there */
static uint64_t dice;
static long joins, rejoins, leaves, crashes, drops, commits, fetched_records, reconnects;
static int64_t longest_join_ms;

_Noreturn static void give_up(const struct member *m, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void give_up(const struct member *m, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	printf("FAIL  groups under churn: ");
	vprintf(format, arguments);
	if (m)
		printf(" (group %s, member %s, instance '%s', generation %d, number %ld)", m->group->id, m->id, m->instance, m->generation, (long)(m - members));
	printf("\n");
	fflush(stdout);
	_exit(1);
}

static uint64_t roll(uint64_t sides)
{
	dice = dice * 6364136223846793005u + 1442695040888963407u;
	return (dice >> 33) % sides;
}

/* Around `mean_ms`, never long after. */
static int64_t in_about(int64_t now, int64_t mean_ms)
{
	return now + mean_ms / 4 + (int64_t)roll((uint64_t)mean_ms * 3 / 2 + 1);
}

/* ---- what a member owns --------------------------------------------------------------------------------------------------------------------- */

static uint64_t bit(int32_t partition) { return (uint64_t)1 << partition; }

static void give_away(struct member *m, uint64_t partitions)
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
static void take(struct member *m, uint64_t partitions)
{
	for (int32_t p = 0; p < partition_count; p++) {
		if (!(partitions & bit(p)) || m->owned & bit(p))
			continue;
		struct member *other = m->group->owner[p];
		if (other && other != m && ((m->is_consumer && other->is_consumer) || other->generation == m->generation))
			give_up(m, "partition %d is owned by two members, the other one is %s (number %ld, generation %d)", p, other->id, (long)(other - members),
				other->generation);
		m->group->owner[p] = m;
	}
	m->owned |= partitions;
}

/* What the coordinator knew of it is gone, or about to be. */
static void start_anew(struct member *m, bool keeps_id)
{
	give_away(m, ~(uint64_t)0);
	m->is_member = m->needs_sync = m->is_leaving = m->must_report = false;
	m->needs_join = true;
	m->wanted = 0;
	m->generation = 0;
	if (!keeps_id)
		m->id[0] = 0;
}

/* ---- connections -------------------------------------------------------------------------------------------------------------------------------- */

static void hang_up(struct member *m)
{
	if (m->fd >= 0)
		close(m->fd);
	m->fd = -1;
	m->asked = -1;
	m->in.size = 0;
}

static bool dial(struct member *m, int64_t now)
{
	int one = 1;
	m->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (m->fd < 0)
		give_up(m, "socket: %s", strerror(errno));
	if (connect(m->fd, (struct sockaddr *)&target, sizeof(target)) != 0) {
		hang_up(m);
		m->idle_until_ms = now + RETRY_MS + (int64_t)roll(2 * RETRY_MS);
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
		hang_up(m);
	buf_free(b);
}

/* ---- requests ----------------------------------------------------------------------------------------------------------------------------------- */

static void put_subscription(struct buf *b)
{
	struct buf s = { 0 };
	put_i16(&s, 0);
	put_i32(&s, 1);
	put_string(&s, topic);
	put_i32(&s, -1);
	put_i32(b, (int32_t)s.size);
	put_raw(b, s.data, s.size);
	buf_free(&s);
}

static const char *instance_of(const struct member *m) { return m->instance[0] ? m->instance : NULL; }

static void ask_join(struct member *m, int64_t now)
{
	struct buf b = begin(m, API_JOIN, 5, false);
	give_away(m, ~(uint64_t)0);
	put_string(&b, m->group->id);
	put_i32(&b, SESSION_MS);
	put_i32(&b, REBALANCE_MS);
	put_string(&b, m->id);
	put_string(&b, instance_of(m));
	put_string(&b, "consumer");
	put_i32(&b, 1);
	put_string(&b, "turns");
	put_subscription(&b);
	send_off(m, &b, now);
	joins++;
}

static void ask_sync(struct member *m, int64_t now)
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

static void ask_heartbeat(struct member *m, int64_t now)
{
	struct buf b = begin(m, API_HEARTBEAT, 3, false);
	put_string(&b, m->group->id);
	put_i32(&b, m->generation);
	put_string(&b, m->id);
	put_string(&b, instance_of(m));
	send_off(m, &b, now);
	m->heartbeat_due_ms = now + HEARTBEAT_MS;
}

static void ask_leave(struct member *m, int64_t now)
{
	struct buf b = begin(m, API_LEAVE, 3, false);
	put_string(&b, m->group->id);
	put_i32(&b, 1);
	put_string(&b, m->id);
	put_string(&b, instance_of(m));
	give_away(m, ~(uint64_t)0);
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
static void ask_consumer_heartbeat(struct member *m, int32_t epoch, int64_t now)
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
		put_compact(&b, topic);
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
static void ask_commit(struct member *m, int64_t now)
{
	struct group *g = m->group;
	struct buf b = begin(m, API_OFFSET_COMMIT, m->is_consumer ? 9 : 7, m->is_consumer);
	put_text(&b, m, g->id);
	put_i32(&b, m->generation);
	put_text(&b, m, m->id);
	put_text(&b, m, instance_of(m));
	put_count(&b, m, 1);
	put_text(&b, m, topic);
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
	m->commit_due_ms = now + COMMIT_MS;
	send_off(m, &b, now);
}

/* OffsetFetch v5, or v9 for the consumer protocol. What was acked until now must be found. */
static void ask_offsets(struct member *m, int64_t now)
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
	put_text(&b, m, topic);
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

static void ask_fetch(struct member *m, int64_t now)
{
	struct buf b = begin(m, API_FETCH, 4, false);
	put_i32(&b, -1);
	put_i32(&b, FETCH_WAIT_MS);
	put_i32(&b, 1);
	put_i32(&b, 1 << 20);
	put_i8(&b, 0);
	put_i32(&b, 1);
	put_string(&b, topic);
	put_i32(&b, __builtin_popcountll(m->owned));
	for (int32_t p = 0; p < partition_count; p++)
		if (m->owned & bit(p)) {
			put_i32(&b, p);
			put_i64(&b, m->position[p]);
			put_i32(&b, 100000);
		}
	send_off(m, &b, now);
}

/* ---- answers ------------------------------------------------------------------------------------------------------------------------------------ */

static bool is_passing(int error)
{
	return error == COORDINATOR_LOAD_IN_PROGRESS || error == COORDINATOR_NOT_AVAILABLE || error == NOT_COORDINATOR;
}

/* What every call of a member may be told. False: it is not among them. */
static bool bear(struct member *m, int error, int64_t now)
{
	if (is_passing(error)) {
		m->idle_until_ms = now + RETRY_MS;
	} else if (error == REBALANCE_IN_PROGRESS) {
		m->needs_join = true;
		rejoins++;
	} else if (error == ILLEGAL_GENERATION || error == FENCED_MEMBER_EPOCH) {
		start_anew(m, true);
	} else if (error == UNKNOWN_MEMBER_ID) {
		start_anew(m, m->is_consumer);
	} else if (error == FENCED_INSTANCE_ID) {
		start_anew(m, false); /* its answer was lost in a kill, and the next of the name came before it */
		m->idle_until_ms = now + 1000;
	} else {
		return false;
	}
	return true;
}

/* All members in turn, one partition further with each generation, so that everything always moves. */
static void make_assignment(struct member *m, int32_t count, char (*ids)[120])
{
	m->assignment.size = 0;
	put_i32(&m->assignment, count);
	for (int32_t i = 0; i < count; i++) {
		struct buf a = { 0 };
		int32_t mine = 0;
		put_i16(&a, 0);
		put_i32(&a, 1);
		put_string(&a, topic);
		put_i32(&a, 0);
		for (int32_t p = 0; p < partition_count; p++)
			if ((p + m->generation) % count == i) {
				put_i32(&a, p);
				mine++;
			}
		set_i32(&a, a.size - 4 * (size_t)mine - 4, mine);
		put_i32(&a, -1);
		put_string(&m->assignment, ids[i]);
		put_i32(&m->assignment, (int32_t)a.size);
		put_raw(&m->assignment, a.data, a.size);
		buf_free(&a);
	}
}

static void read_join(struct member *m, struct reader *r, int64_t now)
{
	char text[300], leader[120], id[120];
	get_i32(r);
	int error = get_i16(r);
	int32_t generation = get_i32(r);
	get_string(r, text, sizeof(text));
	get_string(r, leader, sizeof(leader));
	get_string(r, id, sizeof(id));
	int32_t count = get_i32(r);
	if (error == MEMBER_ID_REQUIRED) {
		memcpy(m->id, id, sizeof(id));
		return;
	}
	if (error) {
		if (!bear(m, error, now))
			give_up(m, "JoinGroup: error %d", error);
		return;
	}
	if (now - m->asked_ms > longest_join_ms)
		longest_join_ms = now - m->asked_ms;
	memcpy(m->id, id, sizeof(id));
	m->generation = generation;
	m->is_member = m->needs_sync = true;
	m->needs_join = false;
	m->assignment.size = 0;
	if (generation > m->group->generation)
		m->group->generation = generation;
	if (count <= 0)
		return;
	char (*ids)[120] = calloc((size_t)count, sizeof(*ids));
	for (int32_t i = 0; i < count; i++) {
		get_string(r, ids[i], sizeof(ids[i]));
		get_string(r, text, sizeof(text));
		int32_t size = get_i32(r);
		get_raw(r, size > 0 ? (size_t)size : 0);
	}
	make_assignment(m, count, ids);
	free(ids);
}

static void read_sync(struct member *m, struct reader *r, int64_t now)
{
	char text[300];
	uint64_t given = 0;
	get_i32(r);
	int error = get_i16(r);
	if (error) {
		if (!bear(m, error, now))
			give_up(m, "SyncGroup: error %d", error);
		return;
	}
	if (get_i32(r) > 0) {
		get_i16(r);
		for (int32_t t = get_i32(r); t > 0 && !r->bad; t--) {
			get_string(r, text, sizeof(text));
			for (int32_t n = get_i32(r); n > 0 && !r->bad; n--)
				given |= bit(get_i32(r) & 63);
		}
	}
	m->needs_sync = false;
	m->assignment.size = 0;
	m->heartbeat_due_ms = now + HEARTBEAT_MS;
	take(m, given);
}

static void read_heartbeat(struct member *m, struct reader *r, int64_t now)
{
	get_i32(r);
	int error = get_i16(r);
	if (error && !bear(m, error, now))
		give_up(m, "Heartbeat: error %d", error);
}

static void be_reborn(struct member *m, int64_t now);

static void read_leave(struct member *m, struct reader *r, int64_t now)
{
	get_i32(r);
	int error = get_i16(r);
	if (error && !is_passing(error))
		give_up(m, "LeaveGroup: error %d", error);
	if (error) {
		m->idle_until_ms = now + RETRY_MS;
		return;
	}
	leaves++;
	be_reborn(m, now);
}

/* The new assignment; false: nothing new. */
static bool read_assignment(struct reader *r, uint64_t *out)
{
	*out = 0;
	if (get_i8(r) < 0)
		return false;
	for (uint64_t n = get_uvarint(r); n > 1 && !r->bad; n--) {
		get_raw(r, 16);
		for (uint64_t k = get_uvarint(r); k > 1 && !r->bad; k--)
			*out |= bit(get_i32(r) & 63);
		get_tags(r);
	}
	get_tags(r);
	return true;
}

static void read_consumer_heartbeat(struct member *m, struct reader *r, int64_t now)
{
	char text[600];
	uint64_t given;
	get_tags(r);
	get_i32(r);
	int error = get_i16(r);
	get_compact(r, text, sizeof(text));
	if (m->is_leaving && (error == 0 || error == UNKNOWN_MEMBER_ID || error == FENCED_MEMBER_EPOCH)) {
		leaves++;
		be_reborn(m, now);
		return;
	}
	if (error == UNRELEASED_INSTANCE_ID) {
		m->idle_until_ms = now + 500; /* it crashed: until its session ends */
		return;
	}
	if (error) {
		if (!bear(m, error, now))
			give_up(m, "ConsumerGroupHeartbeat: error %d, %s", error, text);
		return;
	}
	get_compact(r, text, sizeof(text));
	if (!m->is_member && now - m->asked_ms > longest_join_ms)
		longest_join_ms = now - m->asked_ms;
	m->is_member = true;
	m->needs_join = false;
	m->generation = get_i32(r);
	m->heartbeat_ms = get_i32(r);
	m->heartbeat_due_ms = now + m->heartbeat_ms;
	if (m->generation > m->group->generation)
		m->group->generation = m->generation;
	if (read_assignment(r, &given)) {
		m->wanted = given;
		m->must_report = true;
	}
}

static void read_commit(struct member *m, struct reader *r, int64_t now)
{
	struct group *g = m->group;
	char text[300];
	if (m->is_consumer)
		get_tags(r);
	get_i32(r);
	int32_t topics = m->is_consumer ? (int32_t)get_uvarint(r) - 1 : get_i32(r);
	if (topics != 1)
		give_up(m, "OffsetCommit: %d topics in the answer", topics);
	if (m->is_consumer)
		get_compact(r, text, sizeof(text));
	else
		get_string(r, text, sizeof(text));
	for (int32_t n = m->is_consumer ? (int32_t)get_uvarint(r) - 1 : get_i32(r); n > 0 && !r->bad; n--) {
		int32_t p = get_i32(r) & 63;
		int error = get_i16(r);
		if (m->is_consumer)
			get_tags(r);
		if (error == 0) {
			g->acked[p] = m->asked_commit[p];
			commits++;
		} else if (is_passing(error) || error == STALE_MEMBER_EPOCH) {
			m->uncommitted |= m->owned & bit(p);
			m->heartbeat_due_ms = error == STALE_MEMBER_EPOCH ? now : m->heartbeat_due_ms;
		} else if (!bear(m, error, now)) {
			give_up(m, "OffsetCommit: error %d", error);
		}
	}
}

static void locate(struct member *m, int32_t p, int64_t offset)
{
	struct group *g = m->group;
	if (offset < m->asked_commit[p])
		give_up(m, "partition %d: offset %lld is committed, but the commit of %lld was acked", p, (long long)offset, (long long)m->asked_commit[p]);
	if (offset > g->tried[p])
		give_up(m, "partition %d: offset %lld is committed, but nobody has sent more than %lld", p, (long long)offset, (long long)g->tried[p]);
	m->position[p] = offset < 0 ? 0 : offset;
	m->located |= m->owned & bit(p);
}

static void read_offsets(struct member *m, struct reader *r, int64_t now)
{
	bool flexible = m->is_consumer;
	char text[5000];
	int error = 0;
	struct { int32_t partition; int64_t offset; } found[PARTITIONS_MAX];
	int count = 0;
	if (flexible)
		get_tags(r);
	get_i32(r);
	if (flexible) {
		get_uvarint(r);
		get_compact(r, text, sizeof(text));
	}
	for (int32_t t = flexible ? (int32_t)get_uvarint(r) - 1 : get_i32(r); t > 0 && !r->bad; t--) {
		if (flexible)
			get_compact(r, text, sizeof(text));
		else
			get_string(r, text, sizeof(text));
		for (int32_t n = flexible ? (int32_t)get_uvarint(r) - 1 : get_i32(r); n > 0 && !r->bad && count < PARTITIONS_MAX; n--) {
			found[count].partition = get_i32(r) & 63;
			found[count++].offset = get_i64(r);
			get_i32(r);
			if (flexible)
				get_compact(r, text, sizeof(text));
			else
				get_string(r, text, sizeof(text));
			int partition_error = get_i16(r);
			error = partition_error ? partition_error : error;
			if (flexible)
				get_tags(r);
		}
		if (flexible)
			get_tags(r);
	}
	int group_error = get_i16(r);
	error = group_error ? group_error : error;
	if (error == STALE_MEMBER_EPOCH)
		m->heartbeat_due_ms = now;
	else if (error && !bear(m, error, now))
		give_up(m, "OffsetFetch: error %d", error);
	for (int i = 0; i < count && !error; i++)
		locate(m, found[i].partition, found[i].offset);
}

static void consume(struct member *m, int32_t p, const uint8_t *at, int32_t size)
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
			give_up(m, "partition %d: record %lld comes where %lld is next", p, (long long)base, (long long)m->position[p]);
		if (next <= m->position[p])
			continue;
		if (m->position[p] > g->consumed[p])
			give_up(m, "partition %d: it begins at %lld, and nobody has consumed %lld", p, (long long)m->position[p], (long long)g->consumed[p]);
		fetched_records += next - m->position[p];
		m->position[p] = next;
		m->uncommitted |= bit(p);
		g->consumed[p] = next > g->consumed[p] ? next : g->consumed[p];
	}
}

static void read_fetch(struct member *m, struct reader *r)
{
	char text[300];
	get_i32(r);
	for (int32_t t = get_i32(r); t > 0 && !r->bad; t--) {
		get_string(r, text, sizeof(text));
		for (int32_t n = get_i32(r); n > 0 && !r->bad; n--) {
			int32_t p = get_i32(r) & 63;
			int error = get_i16(r);
			get_i64(r);
			get_i64(r);
			for (int32_t aborted = get_i32(r); aborted > 0 && !r->bad; aborted--)
				get_raw(r, 16);
			int32_t size = get_i32(r);
			const uint8_t *bytes = get_raw(r, size > 0 ? (size_t)size : 0);
			if (error)
				give_up(m, "Fetch: partition %d, error %d", p, error);
			if (bytes && size > 0)
				consume(m, p, bytes, size);
		}
	}
}

static void read_answer(struct member *m, struct reader *r, int64_t now)
{
	int16_t asked = m->asked;
	m->asked = -1;
	if (get_i32(r) != m->correlation)
		give_up(m, "an answer to another request");
	switch (asked) {
	case API_JOIN: read_join(m, r, now); break;
	case API_SYNC: read_sync(m, r, now); break;
	case API_HEARTBEAT: read_heartbeat(m, r, now); break;
	case API_LEAVE: read_leave(m, r, now); break;
	case API_CONSUMER_HEARTBEAT: read_consumer_heartbeat(m, r, now); break;
	case API_OFFSET_COMMIT: read_commit(m, r, now); break;
	case API_OFFSET_FETCH: read_offsets(m, r, now); break;
	case API_FETCH: read_fetch(m, r); break;
	default: give_up(m, "an answer nobody waits for");
	}
	if (r->bad)
		give_up(m, "the answer to API %d breaks off", asked);
}

/* ---- a member's life ------------------------------------------------------------------------------------------------------------------------------ */

/* Another member takes its place, after a while: nobody knows its id; a static one has its name still. */
static void be_reborn(struct member *m, int64_t now)
{
	static long serial;
	hang_up(m);
	start_anew(m, false);
	if (m->is_consumer)
		snprintf(m->id, sizeof(m->id), "m-%ld-%lld", ++serial, (long long)now);
	m->idle_until_ms = is_calm ? now : in_about(now, life_ms < 10000 ? life_ms / 10 + 50 : 1000);
	m->death_due_ms = in_about(m->idle_until_ms, life_ms);
	m->heartbeat_ms = 5000;
}

static void meet_fate(struct member *m, int64_t now)
{
	m->death_due_ms = in_about(now, life_ms);
	switch (roll(m->group->reads ? 4 : 40)) {
	case 0:
		crashes++;
		be_reborn(m, now);
		return;
	case 1:
		drops++;
		hang_up(m);
		return;
	default:
		m->is_leaving = m->is_member;
		if (!m->is_leaving)
			be_reborn(m, now);
	}
}

static void step_classic(struct member *m, int64_t now)
{
	if (m->is_leaving)
		ask_leave(m, now);
	else if (m->needs_join && m->is_member && m->uncommitted)
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
		give_away(m, ~(uint64_t)0);
		ask_consumer_heartbeat(m, m->group->is_static ? -2 : -1, now);
	} else if (m->needs_join)
		ask_consumer_heartbeat(m, 0, now);
	else if (lost & m->uncommitted)
		ask_commit(m, now);
	else if (lost || m->must_report) {
		give_away(m, lost);
		take(m, m->wanted);
		m->must_report = true;
		ask_consumer_heartbeat(m, m->generation, now);
	} else if (now >= m->heartbeat_due_ms)
		ask_consumer_heartbeat(m, m->generation, now);
}

static void step(struct member *m, int64_t now)
{
	if (m->asked >= 0 && now - m->asked_ms > STUCK_MS)
		give_up(m, "API %d is not answered for %d s", m->asked, STUCK_MS / 1000);
	if (m->asked >= 0 || now < m->idle_until_ms)
		return;
	if (!is_calm && now >= m->death_due_ms)
		meet_fate(m, now);
	if (now < m->idle_until_ms || (m->fd < 0 && !dial(m, now)))
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

static void receive(struct member *m, int64_t now)
{
	uint8_t piece[65536];
	ssize_t n = recv(m->fd, piece, sizeof(piece), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		/* A join whose answer was lost has made somebody a member, or not. */
		hang_up(m);
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
	read_answer(m, &r, now);
	buf_free(&frame);
	step(m, now);
}

/* ---- the producer --------------------------------------------------------------------------------------------------------------------------------- */

static bool is_answered(struct peer *p, struct buf *request, struct reader *r)
{
	struct buf copy = *request;
	*request = (struct buf){ 0 };
	bool sent = peer_send(p, copy.data, copy.size);
	buf_free(&copy);
	return sent && peer_receive(p, 10000, -1, r) == REPLY;
}

static int try_dial(struct peer *p)
{
	*p = (struct peer){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
	if (connect(p->fd, (struct sockaddr *)&target, sizeof(target)) == 0)
		return 0;
	close(p->fd);
	p->fd = -1;
	return -1;
}

static void note_produced(struct reader *r, int32_t p, int32_t count)
{
	char text[300];
	get_i32(r);
	get_string(r, text, sizeof(text));
	get_i32(r);
	get_i32(r);
	int error = get_i16(r);
	int64_t base = get_i64(r);
	if (error || r->bad)
		give_up(NULL, "Produce: error %d", error);
	if (produced[p] < base + count)
		produced[p] = base + count;
}

/* Batches of a few records, one partition after the other; what is not acked may be there or not. */
static void *produce_main(void *unused)
{
	struct peer peer = { .fd = -1 };
	for (int32_t n = 0; !producer_stops && any_reads; n++) {
		struct buf request = { 0 }, records = { 0 };
		struct batch batch = batch_spec(1 + n % 5);
		struct reader r;
		put_batch(&records, &batch);
		put_produce_request(&request, n, topic, n % partition_count, &records);
		if ((peer.fd < 0 && try_dial(&peer) != 0) || !is_answered(&peer, &request, &r)) {
			if (peer.fd >= 0)
				peer_close(&peer);
			peer.fd = -1;
			usleep(RETRY_MS * 1000);
		} else {
			note_produced(&r, n % partition_count, batch.count);
		}
		buf_free(&request);
		buf_free(&records);
		usleep(2000);
	}
	if (peer.fd >= 0)
		peer_close(&peer);
	return unused;
}

/* ---- the run -------------------------------------------------------------------------------------------------------------------------------------- */

static void request_stop(int unused)
{
	(void)unused;
	stop_asked = 1;
}

static void resolve(const char *host_port)
{
	char host[100], port[20];
	struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM }, *found;
	if (sscanf(host_port, "%99[^:]:%19s", host, port) != 2 || getaddrinfo(host, port, &hints, &found) != 0) {
		fprintf(stderr, "members: not HOST:PORT: %s\n", host_port);
		exit(2);
	}
	memcpy(&target, found->ai_addr, sizeof(target));
	freeaddrinfo(found);
}

static void make_world(const char *kinds)
{
	int64_t now = now_ms();
	groups = calloc((size_t)group_count, sizeof(*groups));
	members = calloc((size_t)group_count * (size_t)member_count, sizeof(*members));
	for (int i = 0; i < group_count; i++) {
		char kind = kinds[(size_t)i % strlen(kinds)];
		groups[i].is_static = strchr("st", kind) != NULL;
		groups[i].reads = strchr("csntx", kind) != NULL;
		any_reads |= groups[i].reads;
		snprintf(groups[i].id, sizeof(groups[i].id), "%.40s-%c%d", topic, kind, i);
		for (int32_t p = 0; p < PARTITIONS_MAX; p++)
			groups[i].acked[p] = groups[i].tried[p] = -1;
		for (int k = 0; k < member_count; k++) {
			struct member *m = &members[i * member_count + k];
			m->group = &groups[i];
			m->is_consumer = strchr("ntN", kind) || (strchr("xX", kind) && k % 2);
			m->fd = -1;
			if (groups[i].is_static)
				snprintf(m->instance, sizeof(m->instance), "instance-%d", k);
			be_reborn(m, now);
		}
	}
}

/* Is everybody in, and all read and committed? */
static bool is_quiet(const char **why)
{
	static char text[300];
	*why = text;
	for (int i = 0; i < group_count * member_count; i++) {
		const struct member *m = &members[i];
		if (!m->is_member || m->needs_join || m->needs_sync || m->owned != (m->is_consumer ? m->wanted : m->owned)) {
			snprintf(text, sizeof(text), "member %s of %s is not in (waits for API %d)", m->id, m->group->id, m->asked);
			return false;
		}
	}
	for (int i = 0; i < group_count; i++)
		for (int32_t p = 0; p < partition_count && groups[i].reads; p++)
			if (groups[i].acked[p] < produced[p]) {
				snprintf(text, sizeof(text), "group %s has committed %lld of %lld in partition %d, and consumed %lld", groups[i].id,
					 (long long)groups[i].acked[p], (long long)produced[p], p, (long long)groups[i].consumed[p]);
				return false;
			}
	return true;
}

static void turn(void)
{
	static int64_t scanned_ms;
	struct epoll_event events[256];
	int count = epoll_wait(poll_fd, events, 256, 10);
	int64_t now = now_ms();
	for (int i = 0; i < count; i++) {
		struct member *m = events[i].data.ptr;
		if (m->fd >= 0)
			receive(m, now);
	}
	if (now - scanned_ms < 10)
		return;
	scanned_ms = now;
	for (int i = 0; i < group_count * member_count; i++)
		step(&members[i], now);
}

static void print_end(void)
{
	int32_t generation = 0;
	for (int i = 0; i < group_count; i++) {
		if (groups[i].generation > generation)
			generation = groups[i].generation;
		for (int32_t p = 0; p < partition_count && groups[i].reads; p++)
			if (groups[i].acked[p] >= 0)
				printf("committed %s %d %lld\n", groups[i].id, p, (long long)groups[i].acked[p]);
	}
	printf("#     %d groups of %d: %ld joins, %ld leaves, %ld crashes, %ld lost connections, %ld connections made; up to generation %d\n", group_count,
	       member_count, joins, leaves, crashes, drops, reconnects, generation);
	printf("#     %ld records consumed, %ld offsets committed; the longest join took %lld ms\n", fetched_records, commits, (long long)longest_join_ms);
}

/* The first time makes __consumer_offsets. One node coordinates all groups. */
static void find_coordinator(void)
{
	int error = -100;
	for (int64_t deadline = now_ms() + 10000; error && now_ms() < deadline; usleep(RETRY_MS * 1000)) {
		struct peer peer;
		struct buf request = { 0 };
		struct reader r;
		peer_open(&peer);
		request_begin(&request, API_FIND_COORDINATOR, 1, ++peer.correlation_id, false);
		put_string(&request, "any");
		put_i8(&request, 0);
		if (peer_ask(&peer, &request, &r) == REPLY) {
			get_i32(&r);
			error = get_i16(&r);
		}
		peer_close(&peer);
	}
	case_begin("there is a coordinator");
	expect_int("error", 0, error);
}

int main(int argc, char **argv)
{
	if (argc < 8 || atoi(argv[3]) < 1 || atoi(argv[3]) > PARTITIONS_MAX) {
		fprintf(stderr, "usage: members HOST:PORT TOPIC PARTITIONS KINDS GROUPS MEMBERS LIFE_MS [SECONDS]\n");
		return 2;
	}
	struct rlimit files;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	dice = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 10) : (uint64_t)now_ms();
	topic = argv[2], partition_count = atoi(argv[3]), group_count = atoi(argv[5]), member_count = atoi(argv[6]), life_ms = atoi(argv[7]);
	int64_t end_ms = argc > 8 ? now_ms() + atoll(argv[8]) * 1000 : INT64_MAX;
	struct sigaction on_term = { .sa_handler = request_stop };
	sigaction(SIGTERM, &on_term, NULL);
	signal(SIGPIPE, SIG_IGN);
	resolve(argv[1]);
	peer_target(argv[1]);
	struct peer peer;
	peer_open(&peer);
	case_begin("the topic is there");
	expect(peer_topic_id(&peer, topic, topic_id), "it is not");
	peer_close(&peer);
	find_coordinator();
	poll_fd = epoll_create1(EPOLL_CLOEXEC);
	make_world(argv[4]);
	pthread_t producer;
	pthread_create(&producer, NULL, produce_main, NULL);
	while (!stop_asked && now_ms() < end_ms)
		turn();

	producer_stops = true;
	pthread_join(producer, NULL);
	is_calm = true;
	const char *why = "";
	int64_t calm_ms = now_ms();
	while (!is_quiet(&why) && now_ms() - calm_ms < PATIENCE_MS)
		turn();
	case_begin("all groups become quiet, and have consumed and committed what was acked");
	expect(is_quiet(&why), "%s", why);
	print_end();
	printf("#     quiet after %lld ms\n", (long long)(now_ms() - calm_ms));
	return cases_end();
}
