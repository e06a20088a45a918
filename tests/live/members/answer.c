/* The answers to what a member asked: what it learns, and what it has to do next. */
#include "tests/live/members/members.h"

#include <stdlib.h>
#include <string.h>

/* Kafka's codes that members live with. */
enum { COORDINATOR_LOAD_IN_PROGRESS = 14, COORDINATOR_NOT_AVAILABLE = 15, NOT_COORDINATOR = 16, ILLEGAL_GENERATION = 22, UNKNOWN_MEMBER_ID = 25,
       REBALANCE_IN_PROGRESS = 27, MEMBER_ID_REQUIRED = 79, FENCED_INSTANCE_ID = 82, FENCED_MEMBER_EPOCH = 110, UNRELEASED_INSTANCE_ID = 111,
       STALE_MEMBER_EPOCH = 113 };

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
		member_start_anew(m, true);
	} else if (error == UNKNOWN_MEMBER_ID) {
		member_start_anew(m, m->is_consumer);
	} else if (error == FENCED_INSTANCE_ID) {
		member_start_anew(m, false); /* its answer was lost in a kill, and the next of the name came before it */
		m->idle_until_ms = now + 1000;
	} else {
		return false;
	}
	return true;
}

/* From a member's subscription: see put_subscription. */
static void read_claim(struct reader *r, struct claim *out)
{
	char text[300];
	int32_t size = get_i32(r);
	const uint8_t *bytes = get_raw(r, size > 0 ? (size_t)size : 0);
	struct reader s = { .at = bytes, .end = bytes + (bytes ? size : 0) };
	*out = (struct claim){ .generation = -1 };
	if (get_i16(&s) < 2)
		return;
	for (int32_t n = get_i32(&s); n > 0 && !s.bad; n--)
		get_string(&s, text, sizeof(text));
	get_i32(&s);
	for (int32_t t = get_i32(&s); t > 0 && !s.bad; t--) {
		get_string(&s, text, sizeof(text));
		for (int32_t n = get_i32(&s); n > 0 && !s.bad; n--)
			out->owned |= bit(get_i32(&s) & 63);
	}
	out->generation = get_i32(&s);
}

/* It is in. */
static void note_joined(struct member *m, int64_t now)
{
	if (now - m->asked_ms > longest_join_ms)
		longest_join_ms = now - m->asked_ms;
	lives += !m->has_joined;
	m->is_member = m->has_joined = true;
	m->needs_join = false;
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
			world_give_up(m, "JoinGroup: error %d", error);
		return;
	}
	note_joined(m, now);
	memcpy(m->id, id, sizeof(id));
	m->generation = generation;
	m->needs_sync = true;
	m->commit_refused = false;
	m->assignment.size = 0;
	if (generation > m->group->generation)
		m->group->generation = generation;
	if (count <= 0)
		return;
	char (*ids)[120] = calloc((size_t)count, sizeof(*ids));
	struct claim *claims = calloc((size_t)count, sizeof(*claims));
	for (int32_t i = 0; i < count; i++) {
		get_string(r, ids[i], sizeof(ids[i]));
		get_string(r, text, sizeof(text));
		read_claim(r, &claims[i]);
	}
	if (m->group->is_cooperative)
		assign_sticky(m, count, ids, claims);
	else
		assign_turns(m, count, ids);
	free(claims);
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
			world_give_up(m, "SyncGroup: error %d", error);
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
	owned_take(m, given);
	m->wanted = m->group->is_cooperative ? given : ~(uint64_t)0;
}

static void read_heartbeat(struct member *m, struct reader *r, int64_t now)
{
	get_i32(r);
	int error = get_i16(r);
	if (error && !bear(m, error, now))
		world_give_up(m, "Heartbeat: error %d", error);
}

static void read_leave(struct member *m, struct reader *r, int64_t now)
{
	get_i32(r);
	int error = get_i16(r);
	if (error && !is_passing(error))
		world_give_up(m, "LeaveGroup: error %d", error);
	if (error) {
		m->idle_until_ms = now + RETRY_MS;
		return;
	}
	leaves++;
	member_be_reborn(m, now);
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
		member_be_reborn(m, now);
		return;
	}
	if (error == UNRELEASED_INSTANCE_ID) {
		m->idle_until_ms = now + 500; /* it crashed: until its session ends */
		return;
	}
	if (error) {
		if (!bear(m, error, now))
			world_give_up(m, "ConsumerGroupHeartbeat: error %d, %s", error, text);
		return;
	}
	get_compact(r, text, sizeof(text));
	if (!m->is_member)
		note_joined(m, now);
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
		world_give_up(m, "OffsetCommit: %d topics in the answer", topics);
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
			world_give_up(m, "OffsetCommit: error %d", error);
		} else {
			m->commit_refused = true;
			m->uncommitted |= m->owned & bit(p);
		}
	}
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
		world_give_up(m, "OffsetFetch: error %d", error);
	for (int i = 0; i < count && !error; i++)
		owned_locate(m, found[i].partition, found[i].offset);
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
				world_give_up(m, "Fetch: partition %d, error %d", p, error);
			if (bytes && size > 0)
				owned_consume(m, p, bytes, size);
		}
	}
}

void answer_read(struct member *m, struct reader *r, int64_t now)
{
	int16_t asked = m->asked;
	m->asked = -1;
	if (get_i32(r) != m->correlation)
		world_give_up(m, "an answer to another request");
	switch (asked) {
	case API_JOIN: read_join(m, r, now); break;
	case API_SYNC: read_sync(m, r, now); break;
	case API_HEARTBEAT: read_heartbeat(m, r, now); break;
	case API_LEAVE: read_leave(m, r, now); break;
	case API_CONSUMER_HEARTBEAT: read_consumer_heartbeat(m, r, now); break;
	case API_OFFSET_COMMIT: read_commit(m, r, now); break;
	case API_OFFSET_FETCH: read_offsets(m, r, now); break;
	case API_FETCH: read_fetch(m, r); break;
	default: world_give_up(m, "an answer nobody waits for");
	}
	if (r->bad)
		world_give_up(m, "the answer to API %d breaks off", asked);
}
