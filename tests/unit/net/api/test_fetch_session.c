/* Fetch sessions (KIP-227) as a structure: ids, epochs, what is remembered, what is told, and who goes when
 * there is no room. */
#include "net/api/fetch_session.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define SECOND (1000ull * 1000 * 1000)

static const struct fetch_session_limits roomy = {.slots = 1000, .bytes_max = 64 << 20, .shard_count = 1, .seed = 77};

/* A request for the partitions of one topic; the parts live here. */
struct ask {
	struct kmsg_fetch_request in;
	struct kmsg_fetch_topic topic;
	struct kmsg_fetch_partition partitions[64];
	struct kmsg_fetch_forgotten forgotten;
	int32_t forgotten_partitions[64];
};

static const struct kmsg_fetch_request *ask(struct ask *ask, int32_t id, int32_t epoch, const char *topic, int32_t added, int32_t forgotten)
{
	*ask = (struct ask){0};
	kmsg_fetch_request_init(&ask->in);
	kmsg_fetch_topic_init(&ask->topic);
	kmsg_fetch_forgotten_init(&ask->forgotten);
	ask->in.session_id = id;
	ask->in.session_epoch = epoch;
	ask->topic.topic = ask->forgotten.topic = slice_from(topic);
	memcpy(&ask->topic.topic_id, topic, strlen(topic) < 16 ? strlen(topic) : 16);
	ask->forgotten.topic_id = ask->topic.topic_id;
	for (int32_t p = 0; p < added; p++) {
		kmsg_fetch_partition_init(&ask->partitions[p]);
		ask->partitions[p].partition = p;
		ask->partitions[p].fetch_offset = 100 * epoch + p;
	}
	for (int32_t p = 0; p < forgotten; p++)
		ask->forgotten_partitions[p] = p;
	ask->topic.partitions.items = ask->partitions;
	ask->topic.partitions.count = added;
	ask->forgotten.partitions.items = ask->forgotten_partitions;
	ask->forgotten.partitions.count = forgotten;
	ask->in.topics.items = &ask->topic;
	ask->in.topics.count = 1;
	ask->in.forgotten_topics_data.items = &ask->forgotten;
	ask->in.forgotten_topics_data.count = 1;
	return &ask->in;
}

static int32_t open_session(struct fetch_sessions *sessions, uint64_t now_ns, bool is_by_id, int32_t count)
{
	struct ask full;
	ask(&full, 0, 0, "t", count, 0);
	struct fetch_session *session = fetch_session_open(sessions, now_ns, is_by_id, (uint32_t)count);
	for (int32_t p = 0; session && p < count; p++)
		cr_assert_not_null(fetch_session_add(sessions, session, &full.topic.topic_id, full.topic.topic, &full.partitions[p]));
	return session ? session->id : 0;
}

static enum kerr go_on(struct fetch_sessions *sessions, uint64_t now_ns, bool is_by_id, int32_t id, int32_t epoch)
{
	struct ask next;
	struct fetch_session *session;
	return fetch_session_continue(sessions, now_ns, is_by_id, ask(&next, id, epoch, "t", 0, 0), &session);
}

/* Ids are positive, and no two shards give out the same. */
Test(fetch_session, ids)
{
	for (uint32_t seed = 0; seed < 3; seed++)
		for (uint32_t shard = 0; shard < 4; shard++) {
			struct fetch_session_limits limits = {
				.slots = 100, .bytes_max = 1 << 20, .shard = shard, .shard_count = 4, .seed = seed == 2 ? UINT32_MAX - 50 : seed * 12345};
			struct fetch_sessions *sessions = fetch_sessions_create(&limits);
			for (int i = 0; i < 100; i++) {
				int32_t id = open_session(sessions, 0, true, 1);
				cr_assert_gt(id, 0);
				cr_assert_eq((uint32_t)id % 4, shard);
				cr_assert_eq(fetch_session_find(sessions, id)->id, id);
			}
			cr_assert_eq(fetch_sessions_count(sessions), 100, "all ids differ");
			fetch_sessions_destroy(sessions);
		}
}

/* Each request has the next epoch; any other is refused and changes nothing. After the largest comes 1. */
Test(fetch_session, epochs)
{
	static const struct {
		bool is_by_id;
		int32_t id_offset, epoch;
		enum kerr wanted;
	} rows[] = {
		{true, 0, 2, KERR_INVALID_FETCH_SESSION_EPOCH}, {true, 0, 1, KERR_NONE},
		{true, 0, 1, KERR_INVALID_FETCH_SESSION_EPOCH}, {true, 0, 2, KERR_NONE},
		{true, 0, -5, KERR_INVALID_FETCH_SESSION_EPOCH}, {true, 1, 3, KERR_FETCH_SESSION_ID_NOT_FOUND},
		{false, 0, 3, KERR_FETCH_SESSION_TOPIC_ID_ERROR}, {true, 0, 3, KERR_NONE},
	};
	struct fetch_sessions *sessions = fetch_sessions_create(&roomy);
	int32_t id = open_session(sessions, 0, true, 2);
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		cr_expect_eq(go_on(sessions, 0, rows[i].is_by_id, id + rows[i].id_offset, rows[i].epoch), rows[i].wanted, "row %zu", i);
	fetch_session_find(sessions, id)->epoch = INT32_MAX;
	cr_expect_eq(go_on(sessions, 0, true, id, INT32_MAX), KERR_NONE);
	cr_expect_eq(go_on(sessions, 0, true, id, 1), KERR_NONE);
	fetch_session_close(sessions, id);
	fetch_session_close(sessions, id);
	cr_expect_eq(go_on(sessions, 0, true, id, 2), KERR_FETCH_SESSION_ID_NOT_FOUND);
	cr_expect_eq(go_on(sessions, 0, true, 0, 1), KERR_FETCH_SESSION_ID_NOT_FOUND);
	cr_expect_eq(fetch_sessions_bytes(sessions), 0);
	fetch_sessions_destroy(sessions);
}

/* "t-0@100 ...": topic, partition and offset of all, in order. */
static const char *text_of(const struct fetch_session *session)
{
	static char text[1024];
	size_t size = 0;
	text[0] = '\0';
	LIST_FOR_EACH(node, &session->partitions) {
		const struct session_partition *partition = LIST_ENTRY(node, struct session_partition, node);
		const struct session_topic *topic = partition->key.topic;
		const char *name = session->is_by_id ? (const char *)topic->id.bytes : topic->text;
		size += (size_t)snprintf(text + size, sizeof text - size, "%s%.*s-%d@%lld", size ? " " : "", 1, name, partition->in.partition,
					 (long long)partition->in.fetch_offset);
	}
	return text;
}

/* Requests add and change partitions first, and forget then; what has nothing left is closed. By names as by
 * ids. */
Test(fetch_session, what_is_remembered)
{
	static const struct {
		const char *topic;
		int added, forgotten;
		const char *wanted;
	} rows[] = {
		{"t", 0, 0, "t-0@0 t-1@1"},
		{"t", 1, 0, "t-0@200 t-1@1"},
		{"u", 2, 0, "t-0@200 t-1@1 u-0@300 u-1@301"},
		{"t", 3, 1, "t-1@401 u-0@300 u-1@301 t-2@402"},
		{"u", 0, 9, "t-1@401 t-2@402"},
		{"v", 0, 3, "t-1@401 t-2@402"},
		{"u", 1, 0, "t-1@401 t-2@402 u-0@700"},
		{"t", 0, 9, "u-0@700"},
		{"u", 9, 9, NULL},
	};
	for (int by_id = 0; by_id <= 1; by_id++) {
		struct fetch_sessions *sessions = fetch_sessions_create(&roomy);
		int32_t id = open_session(sessions, 0, by_id, 2);
		for (int32_t i = 0; i < (int32_t)COUNT_OF(rows); i++) {
			struct ask next;
			struct fetch_session *session;
			ask(&next, id, i + 1, rows[i].topic, rows[i].added, rows[i].forgotten);
			cr_assert_eq(fetch_session_continue(sessions, 0, by_id, &next.in, &session), KERR_NONE);
			if (rows[i].wanted)
				cr_expect_str_eq(text_of(session), rows[i].wanted, "row %d: %s", i, text_of(session));
			else
				cr_expect_null(session);
		}
		cr_expect_eq(fetch_sessions_count(sessions), 0);
		cr_expect_eq(fetch_sessions_bytes(sessions), 0);
		fetch_sessions_destroy(sessions);
	}
}

/* A partition is told when it brings records, when its watermark or start has moved, and when something is
 * wrong; and once more when that is over. The rows follow each other. */
Test(fetch_session, what_is_told)
{
	static const struct {
		const char *why;
		int16_t error;
		int32_t diverging_epoch;
		int64_t high_watermark, log_start;
		bool has_records, wanted;
	} rows[] = {
		{"new", 0, -1, 5, 0, false, true},
		{"the same", 0, -1, 5, 0, false, false},
		{"the watermark moved", 0, -1, 6, 0, false, true},
		{"the same", 0, -1, 6, 0, false, false},
		{"records", 0, -1, 6, 0, true, true},
		{"records again", 0, -1, 6, 0, true, true},
		{"none any more", 0, -1, 6, 0, false, false},
		{"the start moved", 0, -1, 6, 2, false, true},
		{"an error", 3, -1, -1, -1, false, true},
		{"the error stays", 3, -1, -1, -1, false, true},
		{"well again", 0, -1, 6, 2, false, true},
		{"the same", 0, -1, 6, 2, false, false},
		{"an error that knows the positions", 1, -1, 6, 2, false, true},
		{"well again", 0, -1, 6, 2, false, true},
		{"a log that parts", 0, 4, 6, 2, false, true},
		{"well again", 0, -1, 6, 2, false, true},
		{"the same", 0, -1, 6, 2, false, false},
	};
	struct fetch_sessions *sessions = fetch_sessions_create(&roomy);
	struct fetch_session *session = fetch_session_find(sessions, open_session(sessions, 0, true, 1));
	struct session_partition *partition = LIST_ENTRY(session->partitions.next, struct session_partition, node);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct kmsg_fetch_partition_result result;
		kmsg_fetch_partition_result_init(&result);
		result.error_code = rows[i].error;
		result.diverging_epoch.epoch = rows[i].diverging_epoch;
		result.high_watermark = rows[i].high_watermark;
		result.log_start_offset = rows[i].log_start;
		if (rows[i].has_records)
			result.records.whole = slice_from("records");
		cr_expect_eq(fetch_session_tells(session, partition, &result), rows[i].wanted, "row %zu: %s", i, rows[i].why);
	}
	fetch_sessions_destroy(sessions);
}

/* What brought records is read last the next time. */
Test(fetch_session, who_is_read_first)
{
	struct fetch_sessions *sessions = fetch_sessions_create(&roomy);
	struct fetch_session *session = fetch_session_find(sessions, open_session(sessions, 0, true, 4));
	struct kmsg_fetch_partition_result nothing, records;
	kmsg_fetch_partition_result_init(&nothing);
	kmsg_fetch_partition_result_init(&records);
	records.records.whole = slice_from("records");
	struct session_partition *all[4];
	int count = 0;
	LIST_FOR_EACH(node, &session->partitions)
		all[count++] = LIST_ENTRY(node, struct session_partition, node);
	for (int i = 0; i < 4; i++)
		fetch_session_tells(session, all[i], i == 1 || i == 2 ? &records : &nothing);
	cr_expect_str_eq(text_of(session), "t-0@0 t-3@3 t-1@1 t-2@2");
	fetch_sessions_destroy(sessions);
}

/* Two slots, taken by sessions made at 0: who goes for a new one? */
Test(fetch_session, who_goes)
{
	static const struct {
		const char *why;
		int sizes[2];
		uint64_t used_s[2], now_s;
		int new_size, wanted; /* the one that goes; -1: none does, and there is no new one */
	} rows[] = {
		{"both are young", {1, 1}, {10, 20}, 30, 50, -1},
		{"unused for two minutes, and no longer", {9, 9}, {0, 20}, 120, 1, -1},
		{"unused for longer", {9, 9}, {0, 20}, 121, 1, 0},
		{"the longest unused of both", {9, 9}, {1, 0}, 500, 1, 1},
		{"old and in use, and smaller", {3, 2}, {130, 140}, 150, 4, 1},
		{"old and in use, and smaller: the smallest", {2, 3}, {140, 130}, 150, 4, 0},
		{"old and in use, and of the same size", {4, 4}, {130, 140}, 150, 4, -1},
		{"old and in use, and larger", {5, 6}, {130, 140}, 150, 4, -1},
		{"one young and small, one old and larger", {1, 8}, {100, 140}, 150, 4, -1},
		{"one young and small, one old and not as large", {1, 3}, {100, 140}, 150, 4, 1},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct fetch_session_limits limits = {.slots = 2, .bytes_max = 1 << 20, .shard_count = 1};
		struct fetch_sessions *sessions = fetch_sessions_create(&limits);
		int32_t ids[2];
		for (int s = 0; s < 2; s++)
			ids[s] = open_session(sessions, 0, true, rows[i].sizes[s]);
		for (int order = 0; order < 2; order++) {
			int s = rows[i].used_s[0] <= rows[i].used_s[1] ? order : 1 - order;
			cr_assert_eq(go_on(sessions, rows[i].used_s[s] * SECOND, true, ids[s], 1), KERR_NONE);
		}
		int32_t id = open_session(sessions, rows[i].now_s * SECOND, true, rows[i].new_size);
		cr_expect_eq(id != 0, rows[i].wanted >= 0, "%s", rows[i].why);
		for (int s = 0; s < 2; s++)
			cr_expect_eq(fetch_session_find(sessions, ids[s]) == NULL, s == rows[i].wanted, "%s: %d", rows[i].why, s);
		fetch_sessions_destroy(sessions);
	}
}

/* Bytes are bounded: for a new session, and for one that grows, which then is closed. None at all with no
 * slots. */
Test(fetch_session, bytes)
{
	struct fetch_session_limits limits = {.slots = 1000, .bytes_max = 100000, .shard_count = 1};
	struct fetch_sessions *sessions = fetch_sessions_create(&limits);
	int opened = 0;
	while (open_session(sessions, 0, true, 10))
		opened++;
	cr_expect(opened >= 10 && opened <= 60, "%d", opened);
	cr_expect_leq(fetch_sessions_bytes(sessions), limits.bytes_max);
	fetch_sessions_destroy(sessions);

	sessions = fetch_sessions_create(&limits);
	int32_t id = open_session(sessions, 0, false, 1);
	enum kerr error = KERR_NONE;
	int32_t epoch = 1;
	for (; !error && epoch < 100; epoch++) {
		struct ask next;
		struct fetch_session *session;
		char name[32];
		snprintf(name, sizeof name, "topic-%d", epoch);
		error = fetch_session_continue(sessions, 0, false, ask(&next, id, epoch, name, 60, 0), &session);
		cr_assert_leq(fetch_sessions_bytes(sessions), limits.bytes_max + 1000);
		cr_assert_eq(session == NULL, error != KERR_NONE);
	}
	cr_expect_eq(error, KERR_FETCH_SESSION_ID_NOT_FOUND);
	cr_expect_geq(epoch, 5);
	cr_expect_eq(fetch_sessions_bytes(sessions), 0);
	fetch_sessions_destroy(sessions);

	limits.slots = 0;
	sessions = fetch_sessions_create(&limits);
	cr_expect_eq(open_session(sessions, 0, true, 1), 0);
	fetch_sessions_destroy(sessions);
}

/* Many sessions, partitions added and forgotten at random: the counts agree, and nothing is left at the end. */
Test(fetch_session, storm)
{
	struct fetch_session_limits limits = {.slots = 20, .bytes_max = 200000, .shard_count = 1};
	struct fetch_sessions *sessions = fetch_sessions_create(&limits);
	struct {
		int32_t id, epoch;
	} known[40] = {0};
	uint64_t now_ns = 0;
	srand(1);
	for (int i = 0; i < 50000; i++) {
		int slot = rand() % 40;
		struct ask next;
		struct fetch_session *session;
		char name[8];
		now_ns += (uint64_t)(rand() % 20) * SECOND;
		if (!known[slot].id || rand() % 10 == 0) {
			fetch_session_close(sessions, known[slot].id);
			known[slot].id = open_session(sessions, now_ns, slot % 2, 1 + rand() % 20);
			known[slot].epoch = 1;
			continue;
		}
		snprintf(name, sizeof name, "%c", 't' + rand() % 4);
		ask(&next, known[slot].id, known[slot].epoch++, name, rand() % 30, rand() % 30);
		enum kerr error = fetch_session_continue(sessions, now_ns, slot % 2, &next.in, &session);
		cr_assert(error == KERR_NONE || error == KERR_FETCH_SESSION_ID_NOT_FOUND, "%s", kerr_name(error));
		uint32_t count = 0;
		if (session)
			LIST_FOR_EACH(node, &session->partitions)
				count++;
		cr_assert(!session || count == session->partition_count);
		if (!session)
			known[slot].id = 0;
		cr_assert_leq(fetch_sessions_count(sessions), limits.slots);
	}
	for (int slot = 0; slot < 40; slot++)
		fetch_session_close(sessions, known[slot].id);
	cr_expect_eq(fetch_sessions_count(sessions), 0);
	cr_expect_eq(fetch_sessions_bytes(sessions), 0);
	fetch_sessions_destroy(sessions);
}
