/* What clients in the field rely on without saying so: one case a quirk, each seen in a client's source and
 * answered so by Apache Kafka 4.3.
 *
 *   quirks HOST:PORT TOPIC_PREFIX
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/live/lib/cases.h"
#include "tests/live/lib/wire.h"

#define NOT_ASKED INT32_MIN
#define NULL_ARRAY (-1)

static char topic[200];
static uint8_t topic_id[16];

/* ---- Metadata ------------------------------------------------------------------------------------ */
struct metadata {
	enum outcome outcome;
	int32_t brokers, controller, topics;
	int32_t broker_id, port;
	int16_t error;           /* of the topic named like ours, or of the only one */
	bool is_found;
	uint8_t id[16];
	int32_t partitions, leader, leader_epoch, replicas, isr, offline, operations;
};

static void put_metadata_request(struct buf *b, int16_t version, int32_t count, const char *name, const uint8_t *id,
				 bool auto_create)
{
	bool flexible = version >= 9;
	flexible ? put_uvarint(b, (uint64_t)(count + 1)) : put_i32(b, count);
	for (int32_t i = 0; i < count; i++) {
		if (version >= 10)
			put_raw(b, id ? id : (uint8_t[16]){ 0 }, 16);
		flexible ? put_compact(b, name) : put_string(b, name);
		if (flexible)
			put_uvarint(b, 0);
	}
	if (version >= 4)
		put_i8(b, auto_create);
	if (version >= 8 && version <= 10)
		put_i8(b, 0);
	if (version >= 8)
		put_i8(b, 0);
	if (flexible)
		put_uvarint(b, 0);
}

static int32_t get_count(struct reader *r, bool flexible)
{
	return flexible ? (int32_t)get_uvarint(r) - 1 : get_i32(r);
}

static void get_text(struct reader *r, bool flexible, char *text, size_t room)
{
	flexible ? get_compact(r, text, room) : get_string(r, text, room);
}

static int32_t skip_i32_array(struct reader *r, bool flexible)
{
	int32_t count = get_count(r, flexible);
	for (int32_t i = 0; i < count && !r->bad; i++)
		get_i32(r);
	return count;
}

static void get_metadata_partitions(struct reader *r, int16_t version, struct metadata *m)
{
	bool flexible = version >= 9;
	m->partitions = get_count(r, flexible);
	for (int32_t i = 0; i < m->partitions && !r->bad; i++) {
		expect_int("partition error", 0, get_i16(r));
		get_i32(r);
		m->leader = get_i32(r);
		m->leader_epoch = version >= 7 ? get_i32(r) : -1;
		m->replicas = skip_i32_array(r, flexible);
		m->isr = skip_i32_array(r, flexible);
		m->offline = version >= 5 ? skip_i32_array(r, flexible) : 0;
		if (flexible)
			get_tags(r);
	}
}

static void get_metadata(struct reader *r, int16_t version, const char *wanted, struct metadata *m)
{
	bool flexible = version >= 9;
	char text[300];
	if (flexible)
		get_tags(r);
	if (version >= 3)
		get_i32(r);
	m->brokers = get_count(r, flexible);
	for (int32_t i = 0; i < m->brokers && !r->bad; i++) {
		m->broker_id = get_i32(r);
		get_text(r, flexible, text, sizeof(text));
		m->port = get_i32(r);
		if (version >= 1)
			get_text(r, flexible, text, sizeof(text));
		if (flexible)
			get_tags(r);
	}
	if (version >= 2)
		get_text(r, flexible, text, sizeof(text));
	m->controller = version >= 1 ? get_i32(r) : -1;
	m->topics = get_count(r, flexible);
	for (int32_t i = 0; i < m->topics && !r->bad; i++) {
		struct metadata one = { 0 };
		one.error = get_i16(r);
		get_text(r, flexible, text, sizeof(text));
		if (version >= 10 && r->end - r->at >= 16)
			memcpy(one.id, get_raw(r, 16), 16);
		if (version >= 1)
			get_i8(r);
		get_metadata_partitions(r, version, &one);
		one.operations = version >= 8 ? get_i32(r) : NOT_ASKED;
		if (flexible)
			get_tags(r);
		if (!wanted || !strcmp(text, wanted)) {
			one.outcome = REPLY;
			one.brokers = m->brokers, one.controller = m->controller, one.topics = m->topics;
			one.broker_id = m->broker_id, one.port = m->port;
			one.is_found = true;
			int32_t topics = m->topics;
			*m = one;
			m->topics = topics;
		}
	}
	if (version >= 8 && version <= 10)
		expect_int("cluster operations", NOT_ASKED, get_i32(r));
	if (version >= 13)
		expect_int("error", 0, get_i16(r));
	if (flexible)
		get_tags(r);
	expect(!r->bad && r->at == r->end, "a Metadata v%d reply has its exact size", version);
}

static struct metadata ask_metadata(int16_t version, int32_t count, const char *name, const uint8_t *id, bool auto_create)
{
	struct peer p;
	struct buf request = { 0 };
	struct reader r;
	struct metadata m = { 0 };
	peer_open(&p);
	request_begin(&request, API_METADATA, version, 9, version >= 9);
	put_metadata_request(&request, version, count, name, id, auto_create);
	m.outcome = peer_ask(&p, &request, &r);
	if (m.outcome == REPLY)
		get_metadata(&r, version, id ? NULL : name ? name : topic, &m);
	peer_close(&p);
	return m;
}

static void test_metadata(void)
{
	for (int16_t version = 0; version <= 13; version++) {
		case_begin("Metadata v%d of one topic: leader, replicas, in-sync replicas", version);
		struct metadata m = ask_metadata(version, 1, topic, NULL, false);
		expect_int("outcome", REPLY, m.outcome);
		expect_int("brokers", 1, m.brokers);
		expect_int("topics", 1, m.topics);
		expect_int("error", 0, m.error);
		expect_int("partitions", 3, m.partitions);
		expect_int("leader is the broker", m.broker_id, m.leader);
		expect_int("replicas", 1, m.replicas);
		expect_int("in-sync replicas", 1, m.isr);
		expect_int("offline replicas", 0, m.offline);
		expect_int("operations, not asked for", NOT_ASKED, m.operations);
		if (version >= 1)
			expect(m.controller >= 0, "the controller is %d", m.controller);
		if (version >= 7)
			expect(m.leader_epoch >= 0, "the leader epoch is %d", m.leader_epoch);
		if (version >= 10)
			expect(memcmp(m.id, (uint8_t[16]){ 0 }, 16) != 0, "the topic id is zero");
	}
	case_begin("Metadata v0 with an empty list means all topics");
	expect(ask_metadata(0, 0, NULL, NULL, false).is_found, "our topic is not in it");
	case_begin("Metadata v1 with a null list means all topics");
	expect(ask_metadata(1, NULL_ARRAY, NULL, NULL, false).is_found, "our topic is not in it");
	case_begin("Metadata v1 and v12 with an empty list mean none");
	expect_int("topics in v1", 0, ask_metadata(1, 0, NULL, NULL, false).topics);
	expect_int("topics in v12", 0, ask_metadata(12, 0, NULL, NULL, false).topics);
	case_begin("Metadata v9 and v12 with a null list mean all topics");
	expect(ask_metadata(9, NULL_ARRAY, NULL, NULL, false).is_found, "our topic is not in v9");
	expect(ask_metadata(12, NULL_ARRAY, NULL, NULL, false).is_found, "our topic is not in v12");

	char absent[250];
	snprintf(absent, sizeof(absent), "%s-absent", topic);
	case_begin("an unknown name gets error 3, and is not created without leave");
	for (int i = 0; i < 2; i++)
		expect_int("error", 3, ask_metadata(12, 1, absent, NULL, false).error);
	case_begin("Metadata v4 with leave to create makes the topic, within five seconds");
	int16_t error = ask_metadata(4, 1, absent, NULL, true).error;
	expect(error == 0 || error == 3 || error == 5, "error %d", error);
	for (int tries = 0; tries < 50 && error; tries++) {
		usleep(100000);
		error = ask_metadata(4, 1, absent, NULL, true).error;
	}
	expect_int("error", 0, error);
	case_begin("a name that is not allowed gets error 17");
	expect_int("error", 17, ask_metadata(12, 1, "no/slash", NULL, false).error);
	case_begin("Metadata v12 finds a topic by its id alone");
	struct metadata m = ask_metadata(12, 1, NULL, topic_id, false);
	expect_int("error", 0, m.error);
	expect_int("partitions", 3, m.partitions);
	case_begin("Metadata v12 and v13 find it with an empty name beside the id, as the Java client asks");
	expect_int("v12 error", 0, ask_metadata(12, 1, "", topic_id, false).error);
	expect_int("v13 error", 0, ask_metadata(13, 1, "", topic_id, false).error);
	case_begin("Metadata v12 of an unknown id gets error 100");
	expect_int("error", 100, ask_metadata(12, 1, NULL, (const uint8_t *)"0123456789abcdef", false).error);
}

/* ---- Fetch, every version ------------------------------------------------------------------------ */
struct fetch_request {
	int16_t version;
	int32_t session_id, session_epoch;
	const uint8_t *id;
	int32_t partition, leader_epoch;
	int64_t offset;
	int8_t isolation;
};

struct fetch_reply {
	enum outcome outcome;
	int16_t top_error, error;
	int32_t session_id;
	int64_t high_watermark, last_stable_offset, log_start_offset;
	int32_t aborted;
	size_t size;
};

static void put_fetch(struct buf *b, const struct fetch_request *q)
{
	int16_t v = q->version;
	bool flexible = v >= 12;
	if (v <= 14)
		put_i32(b, -1);
	put_i32(b, 50), put_i32(b, 1), put_i32(b, 1 << 20), put_i8(b, q->isolation);
	if (v >= 7)
		put_i32(b, q->session_id), put_i32(b, q->session_epoch);
	flexible ? put_uvarint(b, 2) : put_i32(b, 1);
	if (v >= 13)
		put_raw(b, q->id ? q->id : topic_id, 16);
	else
		flexible ? put_compact(b, topic) : put_string(b, topic);
	flexible ? put_uvarint(b, 2) : put_i32(b, 1);
	put_i32(b, q->partition);
	if (v >= 9)
		put_i32(b, q->leader_epoch);
	put_i64(b, q->offset);
	if (v >= 12)
		put_i32(b, -1);
	if (v >= 5)
		put_i64(b, -1);
	put_i32(b, 1 << 20);
	if (flexible)
		put_uvarint(b, 0), put_uvarint(b, 0);
	if (v >= 7)
		flexible ? put_uvarint(b, 1) : put_i32(b, 0);
	if (v >= 11)
		flexible ? put_compact(b, "") : put_string(b, "");
	if (flexible)
		put_uvarint(b, 0);
}

static void get_fetch_partition(struct reader *r, int16_t v, struct fetch_reply *reply)
{
	bool flexible = v >= 12;
	get_i32(r);
	reply->error = get_i16(r);
	reply->high_watermark = get_i64(r);
	reply->last_stable_offset = get_i64(r);
	reply->log_start_offset = v >= 5 ? get_i64(r) : -1;
	reply->aborted = get_count(r, flexible);
	for (int32_t i = 0; i < reply->aborted && !r->bad; i++)
		get_raw(r, 16);
	if (v >= 11)
		expect_int("preferred read replica", -1, get_i32(r));
	int64_t size = flexible ? (int64_t)get_uvarint(r) - 1 : get_i32(r);
	expect(size >= 0, "records are null, which clients do not expect");
	reply->size = size > 0 ? (size_t)size : 0;
	get_raw(r, reply->size);
	if (flexible)
		get_tags(r);
}

static struct fetch_reply ask_fetch(const struct fetch_request *q)
{
	struct peer p;
	struct buf request = { 0 };
	struct reader r;
	struct fetch_reply reply = { 0 };
	char name[300];
	bool flexible = q->version >= 12;
	peer_open(&p);
	request_begin(&request, API_FETCH, q->version, 9, flexible);
	put_fetch(&request, q);
	reply.outcome = peer_ask(&p, &request, &r);
	if (expect(reply.outcome == REPLY, "got %s", outcome_name(reply.outcome))) {
		if (flexible)
			get_tags(&r);
		expect_int("throttle", 0, get_i32(&r));
		reply.top_error = q->version >= 7 ? get_i16(&r) : 0;
		reply.session_id = q->version >= 7 ? get_i32(&r) : 0;
		for (int32_t topics = get_count(&r, flexible); topics > 0 && !r.bad; topics--) {
			if (q->version >= 13)
				get_raw(&r, 16);
			else
				get_text(&r, flexible, name, sizeof(name));
			for (int32_t count = get_count(&r, flexible); count > 0 && !r.bad; count--)
				get_fetch_partition(&r, q->version, &reply);
			if (flexible)
				get_tags(&r);
		}
		if (flexible)
			get_tags(&r);
		expect(!r.bad && r.at == r.end, "a Fetch v%d reply has its exact size", q->version);
	}
	peer_close(&p);
	return reply;
}

static void test_fetch(int16_t max_version)
{
	struct fetch_request q = { .session_epoch = -1, .leader_epoch = -1 };
	size_t size_v4 = 0;
	for (q.version = 4; q.version <= max_version; q.version++) {
		case_begin("Fetch v%d: the same bytes, with watermark, stable offset and log start", q.version);
		q.isolation = q.version & 1;
		struct fetch_reply reply = ask_fetch(&q);
		expect_int("error", 0, reply.top_error ? reply.top_error : reply.error);
		expect_int("high watermark", 5, reply.high_watermark);
		expect_int("last stable offset", 5, reply.last_stable_offset);
		if (q.version >= 5)
			expect_int("log start offset", 0, reply.log_start_offset);
		expect(reply.aborted <= 0, "%d aborted transactions", reply.aborted);
		size_v4 = size_v4 ? size_v4 : reply.size;
		expect_int("size", (int64_t)size_v4, (int64_t)reply.size);
	}
	q = (struct fetch_request){ .version = 11, .session_epoch = -1, .leader_epoch = -1, .offset = 99 };
	case_begin("an out-of-range fetch has error 1, and no records that are null");
	expect_int("error", 1, ask_fetch(&q).error);
	q.offset = 0;
	q.leader_epoch = 1000000;
	case_begin("a leader epoch of the future gets error 76 UNKNOWN_LEADER_EPOCH or 75");
	int16_t error = ask_fetch(&q).error;
	expect(error == 75 || error == 76, "error %d", error);
	q.leader_epoch = -1;
	q.session_id = 123456, q.session_epoch = 7;
	case_begin("an unknown fetch session gets error 70");
	expect_int("error", 70, ask_fetch(&q).top_error);
	q.session_id = 0, q.session_epoch = 0;
	case_begin("a request for a session is answered in full, with a session or without");
	struct fetch_reply reply = ask_fetch(&q);
	expect_int("error", 0, reply.top_error);
	expect_int("size", (int64_t)size_v4, (int64_t)reply.size);
	if (reply.session_id) {
		case_begin("a fetch session out of order gets error 71");
		q.session_id = reply.session_id, q.session_epoch = 2;
		expect_int("error", 71, ask_fetch(&q).top_error);
		case_begin("a fetch session goes on, and is over when the client says so");
		q.session_epoch = 1;
		expect_int("error", 0, ask_fetch(&q).top_error);
		q.session_epoch = -1;
		expect_int("error", 0, ask_fetch(&q).top_error);
		q.session_epoch = 2;
		expect_int("error", 70, ask_fetch(&q).top_error);
	}
	if (max_version >= 13) {
		q = (struct fetch_request){ .version = 13, .session_epoch = -1, .leader_epoch = -1, .id = (const uint8_t *)"0123456789abcdef" };
		case_begin("Fetch v13 of an unknown topic id gets error 100");
		expect_int("error", 100, ask_fetch(&q).error);
	}
}

/* ---- offsets and epochs -------------------------------------------------------------------------- */
struct listed {
	int16_t error;
	int64_t timestamp, offset;
	int32_t leader_epoch;
};

static struct listed ask_offset(int16_t v, int64_t timestamp)
{
	struct peer p;
	struct buf request = { 0 };
	struct reader r;
	struct listed listed = { .error = -100 };
	char name[300];
	bool flexible = v >= 6;
	peer_open(&p);
	request_begin(&request, API_LIST_OFFSETS, v, 9, flexible);
	put_i32(&request, -1);
	if (v >= 2)
		put_i8(&request, 0);
	flexible ? put_uvarint(&request, 2) : put_i32(&request, 1);
	flexible ? put_compact(&request, topic) : put_string(&request, topic);
	flexible ? put_uvarint(&request, 2) : put_i32(&request, 1);
	put_i32(&request, 0);
	if (v >= 4)
		put_i32(&request, -1);
	put_i64(&request, timestamp);
	if (flexible)
		put_uvarint(&request, 0), put_uvarint(&request, 0);
	if (v >= 10)
		put_i32(&request, 5000);
	if (flexible)
		put_uvarint(&request, 0);
	if (expect_int("outcome", REPLY, peer_ask(&p, &request, &r))) {
		if (flexible)
			get_tags(&r);
		if (v >= 2)
			get_i32(&r);
		get_count(&r, flexible), get_text(&r, flexible, name, sizeof(name)), get_count(&r, flexible);
		get_i32(&r);
		listed.error = get_i16(&r);
		listed.timestamp = get_i64(&r);
		listed.offset = get_i64(&r);
		listed.leader_epoch = v >= 4 ? get_i32(&r) : -1;
		for (int i = 0; flexible && i < 3; i++)
			get_tags(&r);
		expect(!r.bad && r.at == r.end, "a ListOffsets v%d reply has its exact size", v);
	}
	peer_close(&p);
	return listed;
}

static void test_list_offsets(int16_t max_version, int64_t timestamp)
{
	for (int16_t v = 1; v <= max_version; v++) {
		case_begin("ListOffsets v%d: end, beginning, a timestamp, none", v);
		expect_int("end", 5, ask_offset(v, -1).offset);
		expect_int("beginning", 0, ask_offset(v, -2).offset);
		struct listed found = ask_offset(v, timestamp);
		expect_int("offset", 0, found.offset);
		expect_int("timestamp", timestamp, found.timestamp);
		if (v >= 4)
			expect(found.leader_epoch >= 0, "the record's leader epoch is %d", found.leader_epoch);
		struct listed none = ask_offset(v, timestamp + 3600000);
		expect_int("error where none is found", 0, none.error);
		expect_int("offset where none is found", -1, none.offset);
		expect_int("timestamp where none is found", -1, none.timestamp);
	}
	case_begin("ListOffsets v7 of the largest timestamp");
	struct listed largest = ask_offset(7, -3);
	expect_int("timestamp", timestamp, largest.timestamp);
	expect_int("offset", 0, largest.offset);
	case_begin("ListOffsets v8 of the earliest local offset");
	expect_int("offset", 0, ask_offset(8, -4).offset);
	if (max_version >= 9) {
		case_begin("ListOffsets v9 of the latest tiered offset, without tiers: -1 and no error");
		struct listed tiered = ask_offset(9, -5);
		expect_int("error", 0, tiered.error);
		expect_int("offset", -1, tiered.offset);
	}
}

static void ask_epoch_end(int32_t asked, int16_t *error, int32_t *epoch, int64_t *end)
{
	struct peer p;
	struct buf request = { 0 };
	struct reader r;
	char name[300];
	peer_open(&p);
	request_begin(&request, API_OFFSET_FOR_LEADER_EPOCH, 2, 9, false);
	put_i32(&request, 1), put_string(&request, topic), put_i32(&request, 1);
	put_i32(&request, 0), put_i32(&request, -1), put_i32(&request, asked);
	if (expect_int("outcome", REPLY, peer_ask(&p, &request, &r))) {
		get_i32(&r), get_i32(&r), get_string(&r, name, sizeof(name)), get_i32(&r);
		*error = get_i16(&r);
		get_i32(&r);
		*epoch = get_i32(&r);
		*end = get_i64(&r);
		expect(!r.bad && r.at == r.end, "the reply has its exact size");
	}
	peer_close(&p);
}

static void test_leader_epochs(void)
{
	int16_t error = -1;
	int32_t epoch = -1, current = ask_metadata(12, 1, topic, NULL, false).leader_epoch;
	int64_t end = -1;
	case_begin("OffsetForLeaderEpoch v2 of the current epoch: the epoch and the end");
	ask_epoch_end(current, &error, &epoch, &end);
	expect_int("error", 0, error);
	expect_int("epoch", current, epoch);
	expect_int("end", 5, end);
	case_begin("OffsetForLeaderEpoch v2 of an epoch of the future: -1 and -1");
	ask_epoch_end(current + 100, &error, &epoch, &end);
	expect_int("error", 0, error);
	expect_int("epoch", -1, epoch);
	expect_int("end", -1, end);
}

/* ---- the rest ------------------------------------------------------------------------------------ */
static void test_create_defaults(void)
{
	struct peer p;
	char name[250];
	peer_open(&p);
	snprintf(name, sizeof(name), "%s-defaults", topic);
	case_begin("CreateTopics v4 with -1 partitions and -1 replicas takes the broker's defaults");
	expect_int("error", 0, peer_create_topic(&p, name, -1, -1, NULL, NULL));
	struct metadata m = { 0 };
	for (int tries = 0; tries < 50 && m.partitions != 1; tries++, usleep(50000))
		m = ask_metadata(12, 1, name, NULL, false);
	expect_int("partitions", 1, m.partitions);
	case_begin("CreateTopics with three replicas on one node gets error 38");
	snprintf(name, sizeof(name), "%s-three", topic);
	expect_int("error", 38, peer_create_topic(&p, name, 1, 3, NULL, NULL));
	case_begin("CreateTopics with a topic config that is for other brokers takes it");
	snprintf(name, sizeof(name), "%s-config", topic);
	expect_int("error", 0, peer_create_topic(&p, name, 1, 1, "min.insync.replicas", "1"));
	peer_close(&p);
}

/* kafka-python 2.0.2 sends ApiVersions v0 and, without waiting, Metadata v0; the order of answers tells it the version. */
static void test_probe(void)
{
	struct peer p;
	struct buf both = { 0 }, one = { 0 };
	struct reader r;
	case_begin("ApiVersions v0 with Metadata v0 right behind it: two answers, in order");
	request_begin(&one, API_VERSIONS, 0, 1, false);
	request_end(&one);
	put_raw(&both, one.data, one.size);
	request_begin(&one, API_METADATA, 0, 2, false);
	put_i32(&one, 0);
	request_end(&one);
	put_raw(&both, one.data, one.size);
	peer_open(&p);
	peer_send(&p, both.data, both.size);
	expect_int("first", REPLY, peer_receive(&p, 5000, 1, &r));
	expect_int("second", REPLY, peer_receive(&p, 5000, 2, &r));
	buf_free(&both);
	buf_free(&one);
	peer_close(&p);
}

/* The client id is nullable, and its length is two bytes even where everything else is compact. */
static void test_client_ids(void)
{
	static const int16_t versions[] = { 0, 3 };
	for (size_t i = 0; i < 2; i++) {
		struct peer p;
		struct buf request = { 0 };
		struct reader r;
		case_begin("ApiVersions v%d with a null client id", versions[i]);
		peer_open(&p);
		put_i32(&request, 0), put_i16(&request, API_VERSIONS), put_i16(&request, versions[i]), put_i32(&request, 1);
		put_string(&request, NULL);
		if (versions[i] >= 3)
			put_uvarint(&request, 0), put_compact(&request, "a"), put_compact(&request, "1"), put_uvarint(&request, 0);
		expect_int("outcome", REPLY, peer_ask(&p, &request, &r));
		expect_int("error", 0, get_i16(&r));
		peer_close(&p);
	}
}

static int16_t advertised_max(int16_t key)
{
	struct peer p;
	struct buf request = { 0 };
	struct reader r;
	int16_t max = -1;
	peer_open(&p);
	request_begin(&request, API_VERSIONS, 0, 1, false);
	if (peer_ask(&p, &request, &r) == REPLY) {
		get_i16(&r);
		for (int32_t count = get_i32(&r); count > 0 && !r.bad; count--) {
			int16_t found = get_i16(&r);
			get_i16(&r);
			int16_t found_max = get_i16(&r);
			max = found == key ? found_max : max;
		}
	}
	peer_close(&p);
	return max;
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: quirks HOST:PORT TOPIC_PREFIX\n");
		return 2;
	}
	peer_target(argv[1]);
	snprintf(topic, sizeof(topic), "%s", argv[2]);
	struct peer p;
	struct batch batch = batch_spec(5);
	peer_open(&p);
	case_begin("a topic with five records");
	expect_int("error", 0, peer_create_topic(&p, topic, 3, 1, NULL, NULL));
	for (int tries = 0; tries < 50 && !peer_topic_id(&p, topic, topic_id); tries++)
		usleep(100000);
	/* Kafka's own broker may not know for a moment that it leads the new partition (6). */
	int16_t error = peer_produce(&p, topic, 0, &batch).error;
	for (int tries = 0; tries < 50 && error == 6; tries++, usleep(100000))
		error = peer_produce(&p, topic, 0, &batch).error;
	expect_int("error", 0, error);
	peer_close(&p);

	test_probe();
	test_client_ids();
	test_metadata();
	test_fetch(advertised_max(API_FETCH));
	test_list_offsets(advertised_max(API_LIST_OFFSETS), batch.timestamp);
	test_leader_epochs();
	test_create_defaults();
	return cases_end();
}
