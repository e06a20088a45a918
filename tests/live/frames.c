/* Frames, headers, versions and odd peers over raw connections: what each gets is what Apache Kafka 4.3 was
 * seen to answer.
 *
 *   frames HOST:PORT TOPIC_PREFIX [BROKER_PID [SEED]]
 *
 * Topics are created under the prefix, so that an oracle which outlives a run can be asked again. With the
 * broker's pid its memory and descriptors are watched as well. Every group of cases ends by asking whether
 * the broker still serves a new connection.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/live/lib/fixture.h"

/* ---- frames and headers -------------------------------------------------------------------------- */

/* What no request can be is answered by closing the connection, at once and without a byte. */
static void test_broken_frames(void)
{
	static const struct {
		const char *name;
		uint8_t bytes[64];
		size_t size;
	} rows[] = {
		{ "a frame size of -1", { 0xff, 0xff, 0xff, 0xff, 0, 18, 0, 0, 0, 0, 0, 1, 0, 0 }, 14 },
		{ "the smallest frame size, -2^31", { 0x80, 0, 0, 0, 0, 18, 0, 0 }, 8 },
		{ "a frame size of 2^31-1", { 0x7f, 0xff, 0xff, 0xff, 0, 18, 0, 0 }, 8 },
		{ "a frame one byte over socket.request.max.bytes", { 6, 0x40, 0, 1, 0, 18, 0, 0 }, 8 },
		{ "an empty frame", { 0, 0, 0, 0 }, 4 },
		{ "a frame shorter than a header", { 0, 0, 0, 4, 0, 18, 0, 0 }, 8 },
		{ "an unknown API key", { 0, 0, 0, 10, 0x03, 0xe7, 0, 0, 0, 0, 0, 1, 0, 0 }, 14 },
		{ "a negative API key", { 0, 0, 0, 10, 0xff, 0xff, 0, 0, 0, 0, 0, 1, 0, 0 }, 14 },
		{ "an unknown version of Metadata", { 0, 0, 0, 10, 0, 3, 0, 99, 0, 0, 0, 1, 0, 0 }, 14 },
		{ "a negative version of Metadata", { 0, 0, 0, 14, 0, 3, 0xff, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0 }, 18 },
		{ "a client id longer than the frame", { 0, 0, 0, 10, 0, 3, 0, 1, 0, 0, 0, 1, 0x7f, 0xff }, 14 },
		{ "a Metadata body that ends in its array length", { 0, 0, 0, 12, 0, 3, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0 }, 16 },
		{ "2^31-1 topics in 4 bytes", { 0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 1, 0, 0, 0x7f, 0xff, 0xff, 0xff }, 18 },
		{ "an array length of -2", { 0, 0, 0, 14, 0, 3, 0, 0, 0, 0, 0, 1, 0, 0, 0xff, 0xff, 0xff, 0xfe }, 18 },
		{ "a topic name longer than the body",
		  { 0, 0, 0, 16, 0, 3, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0x10, 0 }, 20 },
		{ "a varint array length without an end",
		  { 0, 0, 0, 16, 0, 3, 0, 9, 0, 0, 0, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff }, 20 },
		{ "text in place of a frame", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 35 },
		{ "a TLS ClientHello", { 0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3 }, 11 },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct peer p;
		case_begin("%s closes the connection", rows[i].name);
		peer_open(&p);
		expect(peer_send(&p, rows[i].bytes, rows[i].size), "cannot send");
		expect(peer_is_closed(&p, WAIT_MS), "it stays open, or something is answered");
		peer_close(&p);
	}
	expect_alive();
}

/* A frame that never gets its last byte is waited for; closing then needs no answer. */
static void test_unfinished_frames(void)
{
	struct peer p;
	case_begin("half a frame is waited for, and others are served meanwhile");
	peer_open(&p);
	peer_send(&p, (uint8_t[]){ 0, 0, 1, 0, 0, 3 }, 6);
	expect(!peer_is_closed(&p, QUIET_MS), "closed early");
	expect(broker_answers(), "no answer on another connection");
	peer_close(&p);

	case_begin("half a frame, then end of stream, closes without a reply");
	peer_open(&p);
	peer_send(&p, (uint8_t[]){ 0, 0, 1, 0, 0, 3 }, 6);
	shutdown(p.fd, SHUT_WR);
	expect(peer_is_closed(&p, WAIT_MS), "it stays open");
	peer_close(&p);

	case_begin("half a frame, then a reset, harms nobody");
	peer_open(&p);
	peer_send(&p, (uint8_t[]){ 0, 0, 1, 0, 0, 3 }, 6);
	setsockopt(p.fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 }, sizeof(struct linger));
	peer_close(&p);
	expect(broker_answers(), "no answer on another connection");
}
/* ApiVersions is the one request that a newer client may send in a version unknown here: the reply is laid
 * out as version 0, says so (35), names ApiVersions' own range alone, and the connection goes on. */
static void test_api_versions(void)
{
	struct peer p;
	struct buf request = { 0 };
	struct reader r;
	static const int16_t unknown[] = { 6, 99, 32767, -1 };
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		case_begin("ApiVersions v%d gets a v0 reply: error 35 and {18, 0, max}", unknown[i]);
		peer_open(&p);
		request_begin(&request, API_VERSIONS, unknown[i], 5, unknown[i] >= 3);
		put_compact(&request, "a-client-of-the-future");
		put_raw(&request, "\x07\xff\xff\xff", 4);
		if (expect_int("outcome", REPLY, peer_ask(&p, &request, &r))) {
			expect_int("error", 35, get_i16(&r));
			expect_int("entries", 1, get_i32(&r));
			expect_int("key", 18, get_i16(&r));
			expect_int("min", 0, get_i16(&r));
			int16_t max = get_i16(&r);
			expect(max >= 4 && max < 99, "max is %d", max);
			expect(r.at == r.end && !r.bad, "the reply has its exact size");
		}
		put_api_versions(&request, 0, NULL, NULL);
		expect_int("the next request's outcome", REPLY, peer_ask(&p, &request, &r));
		expect_int("the next request's error", 0, get_i16(&r));
		peer_close(&p);
	}

	static const struct {
		const char *name, *version;
		int16_t error;
	} software[] = {
		{ "a", "1", 0 }, { "apache-kafka-java", "4.3.0", 0 }, { "a.b-c", "1.0-SNAPSHOT", 0 },
		{ "", "1", 42 }, { "a", "", 42 }, { "-a", "1", 42 }, { "a-", "1", 42 }, { ".a", "1", 42 },
		{ "a b", "1", 42 }, { "a_b", "1", 42 }, { "a", "1.0.", 42 }, { "\xc3\xa9", "1", 42 },
	};
	for (size_t i = 0; i < sizeof(software) / sizeof(software[0]); i++) {
		case_begin("client software '%s' '%s' gets error %d", software[i].name, software[i].version, software[i].error);
		peer_open(&p);
		put_api_versions(&request, 3, software[i].name, software[i].version);
		if (expect_int("outcome", REPLY, peer_ask(&p, &request, &r)))
			expect_int("error", software[i].error, get_i16(&r));
		peer_close(&p);
	}
}
/* The minima below are what clients in the field need to see; librdkafka 2.0 turns features on by them. */
static void test_advertised_ranges(void)
{
	struct range ranges[100];
	for (int16_t version = 0; version <= 4; version++) {
		case_begin("ApiVersions v%d lists sane ranges", version);
		ask_ranges(version, ranges);
		expect_int("ApiVersions min", 0, ranges[API_VERSIONS].min);
	}
	static const struct {
		const char *why;
		int16_t key, min, max_at_least;
	} rows[] = {
		{ "Produce from 0, or librdkafka 2.0 does not compress", 0, 0, 11 },
		{ "Fetch from 4: old clients speak only 4", 1, 4, 16 },
		{ "ListOffsets from 1", 2, 1, 8 },
		{ "Metadata from 0: python-kafka probes with it", 3, 0, 12 },
		{ "CreateTopics 2-7", 19, 2, 7 },
		{ "DeleteTopics 1-6", 20, 1, 6 },
		{ "DeleteRecords 0-2", 21, 0, 2 },
		{ "InitProducerId from 0, or librdkafka 2.0 has no idempotence", 22, 0, 5 },
		{ "OffsetForLeaderEpoch 2-4: librdkafka speaks 2 exactly", 23, 2, 4 },
		{ "DescribeConfigs 1-4", 32, 1, 4 },
		{ "AlterConfigs 0-2", 33, 0, 2 },
		{ "DescribeLogDirs from 1", 35, 1, 4 },
		{ "CreatePartitions 0-3", 37, 0, 3 },
		{ "IncrementalAlterConfigs 0-1", 44, 0, 1 },
		{ "DescribeCluster 0-2", 60, 0, 2 },
		{ "DescribeProducers 0", 61, 0, 0 },
		{ "DescribeTopicPartitions 0", 75, 0, 0 },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		case_begin("advertised: %s", rows[i].why);
		struct range seen = ranges[rows[i].key];
		expect_int("min", rows[i].min, seen.min);
		expect(seen.max >= rows[i].max_at_least, "max is %d", seen.max);
	}
}

/* Nothing is advertised that is not served: telemetry, once seen, is used by the Java client at once. */
static void test_not_advertised(void)
{
	struct range ranges[100];
	static const int16_t keys[] = { 4, 5, 6, 7, 52, 53, 54, 56, 58, 62, 63, 67, 70, 71, 72, 73 };
	case_begin("no inter-broker, removed or telemetry API is advertised");
	ask_ranges(3, ranges);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		expect(ranges[keys[i]].min < 0, "key %d is advertised", keys[i]);
}
/* ---- peers that behave in odd ways ---------------------------------------------------------------- */
static void test_slow_writer(void)
{
	struct peer p;
	struct buf request = { 0 };
	struct reader r;
	case_begin("requests sent one byte at a time are answered");
	peer_open(&p);
	for (int32_t i = 0; i < 3; i++) {
		put_metadata(&request, i);
		for (size_t at = 0; at < request.size; at++) {
			peer_send(&p, request.data + at, 1);
			usleep(500);
		}
		expect_int("outcome", REPLY, peer_receive(&p, WAIT_MS, i, &r));
	}
	buf_free(&request);
	peer_close(&p);
}

/* Requests of different kinds and costs, written at once: answers in the order of the requests. */
static void test_pipelining(void)
{
	enum { COUNT = 200 };
	struct peer p;
	struct buf all = { 0 }, one = { 0 }, records = { 0 };
	struct reader r;
	struct batch batch = batch_spec(1);
	put_batch(&records, &batch);
	case_begin("%d pipelined requests of five kinds are answered in order", COUNT);
	for (int32_t i = 0; i < COUNT; i++) {
		if (i % 5 == 0) {
			put_metadata(&one, i);
		} else if (i % 5 == 1) {
			put_api_versions(&one, 0, NULL, NULL);
			set_i32(&one, 8, i);
		} else if (i % 5 == 2) {
			put_fetch_request(&one, i, topic, 0, 0, 20, 1 << 20, 1000);
		} else {
			put_produce_request(&one, i, topic, i % 5 - 3, &records);
		}
		request_end(&one);
		put_raw(&all, one.data, one.size);
	}
	peer_open(&p);
	expect(peer_send(&p, all.data, all.size), "cannot send");
	for (int32_t i = 0; i < COUNT; i++)
		if (!expect(peer_receive(&p, 20000, i, &r) == REPLY, "no reply to request %d", i))
			break;
	buf_free(&all);
	buf_free(&one);
	buf_free(&records);
	peer_close(&p);
}

/* Pipelined idempotent-style produces keep the order of their requests in the log. */
static void test_pipelined_produce_order(void)
{
	enum { COUNT = 100 };
	struct peer p;
	struct buf all = { 0 }, one = { 0 }, records = { 0 };
	struct reader r;
	char name[250];
	snprintf(name, sizeof(name), "%s", prefixed("pipelined"));
	case_begin("%d pipelined produces get rising offsets, without a gap", COUNT);
	for (int32_t i = 0; i < COUNT; i++) {
		records.size = 0;
		struct batch batch = batch_spec(i % 3 + 1);
		batch.value_size = i % 10 == 9 ? 100000 : 0;
		put_batch(&records, &batch);
		put_produce_request(&one, i, name, 0, &records);
		put_raw(&all, one.data, one.size);
	}
	peer_open(&p);
	expect(peer_send(&p, all.data, all.size), "cannot send");
	int64_t next = 0;
	for (int32_t i = 0; i < COUNT; i++) {
		char text[250];
		if (!expect(peer_receive(&p, 20000, i, &r) == REPLY, "no reply to request %d", i))
			break;
		get_i32(&r), get_string(&r, text, sizeof(text)), get_i32(&r), get_i32(&r);
		expect_int("error", 0, get_i16(&r));
		expect_int("base offset", next, get_i64(&r));
		next += i % 3 + 1;
	}
	buf_free(&all);
	buf_free(&one);
	buf_free(&records);
	peer_close(&p);
}

/* A peer that asks for much and reads nothing stands in nobody's way, and costs bounded memory. */
static void test_peer_that_never_reads(void)
{
	enum { PEERS = 8, FETCHES = 200 };
	struct peer deaf[PEERS], p;
	struct buf request = { 0 };
	char name[250];
	snprintf(name, sizeof(name), "%s", prefixed("deaf"));
	case_begin("%d peers that never read leave others served, in bounded memory", PEERS);
	peer_open(&p);
	struct batch batch = batch_spec(10);
	batch.value_size = 100000;
	for (int i = 0; i < 8; i++)
		expect_int("error", 0, peer_produce(&p, name, 0, &batch).error);
	long before = broker_rss_kib();
	put_fetch_request(&request, 1, name, 0, 0, 0, 1, 50 << 20);
	for (int i = 0; i < PEERS; i++) {
		peer_open(&deaf[i]);
		for (int n = 0; n < FETCHES; n++)
			if (send(deaf[i].fd, request.data, request.size, MSG_DONTWAIT | MSG_NOSIGNAL) < (ssize_t)request.size)
				break;
	}
	usleep(500000);
	struct batch small = batch_spec(1);
	for (int i = 0; i < 20; i++) {
		int64_t begin = now_ms();
		expect_int("error", 0, peer_produce(&p, topic, 1, &small).error);
		expect(now_ms() - begin < 1500, "a produce took %lld ms", (long long)(now_ms() - begin));
	}
	long grown = broker_rss_kib() - before;
	expect(grown < 160 << 10, "the broker grew by %ld KiB", grown);
	for (int i = 0; i < PEERS; i++)
		peer_close(&deaf[i]);
	buf_free(&request);
	peer_close(&p);
	expect_alive();
}

/* A produce too large for its topic is answered all the same: a request that is larger than the ordinary ones. The bound is that of a
 * hang, not of speed: the peers in the way stay for much longer. */
static void ask_others(const char *when, bool ask_large)
{
	struct peer p;
	peer_open(&p);
	struct batch large = batch_spec(1), middle = batch_spec(1), small = batch_spec(1);
	middle.value_size = 800000;
	large.value_size = 3000000;
	int64_t begin = now_ms();
	expect(broker_answers(), "%s: ApiVersions is not answered", when);
	expect_int("a small produce's error", 0, peer_produce(&p, topic, 0, &small).error);
	expect_int("a produce of 800 kB: its error", 0, peer_produce(&p, topic, 0, &middle).error);
	if (ask_large)
		expect_int("a produce of 3 MB: its error", 10, peer_produce(&p, topic, 0, &large).error);
	expect(now_ms() - begin < 8000, "%s: it took %lld ms", when, (long long)(now_ms() - begin));
	peer_close(&p);
}

/* What is only announced, or begun and then left, is in nobody's way: not when it is much, and not when many do so. */
static void test_stalled_large_frames(void)
{
	enum { PEERS = 40, START = 64 << 10 };
	static uint8_t start[4 + START] = { 6, 0x40, 0, 0 };
	struct peer stalled[PEERS];
	long before = broker_rss_kib();
	case_begin("%d peers announce 100 MiB and send 24 bytes: others are answered", PEERS);
	for (int i = 0; i < PEERS; i++) {
		peer_open(&stalled[i]);
		expect(peer_send(&stalled[i], start, 24), "cannot send");
	}
	usleep(200000);
	for (int round = 0; round < 4; round++)
		ask_others("announced", true);
	expect(broker_rss_kib() - before < 64 << 10, "the broker grew by %ld KiB", broker_rss_kib() - before);

	case_begin("... and when they have sent 64 KiB, and hold or want the memory");
	for (int i = 0; i < PEERS; i++)
		expect(peer_send(&stalled[i], start + 24, sizeof(start) - 24), "cannot send");
	usleep(200000);
	for (int round = 0; round < 4; round++)
		ask_others("begun", false);
	for (int i = 0; i < PEERS; i++)
		peer_close(&stalled[i]);

	case_begin("... and when they have gone, large ones are answered too");
	usleep(200000);
	for (int round = 0; round < 4; round++)
		ask_others("gone", true);
}

/* A byte to each of them twice a second, until it is killed. */
static pid_t trickle(const struct peer *peers, int count)
{
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	for (int round = 0; round < 60; round++, usleep(500000))
		for (int i = 0; i < count; i++)
			(void)!send(peers[i].fd, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	_exit(0);
}

/* Requests of ordinary size that are begun and never finished can take all memory: others wait some seconds and not for ever, and who sends
 * a byte now and then is no better than who is silent. */
static void test_stalled_ordinary_frames(void)
{
	enum { PEERS = 300 };
	static const uint8_t start[64] = { 0, 0x0f, 0, 0 };
	struct peer stalled[PEERS], p;
	struct buf request = { 0 }, records = { 0 };
	struct reader r;
	struct batch batch = batch_spec(1);
	case_begin("%d peers begin requests of 960 KiB and trickle: others are answered all the same", PEERS);
	for (int i = 0; i < PEERS; i++) {
		peer_open(&stalled[i]);
		expect(peer_send(&stalled[i], start, sizeof(start)), "cannot send");
	}
	pid_t child = trickle(stalled, PEERS);
	batch.value_size = 800000;
	put_batch(&records, &batch);
	put_produce_request(&request, 1, topic, 0, &records);
	peer_open(&p);
	expect(peer_send(&p, request.data, request.size), "cannot send");
	expect_int("outcome", REPLY, peer_receive(&p, 8000, 1, &r));
	buf_free(&records);
	buf_free(&request);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	for (int i = 0; i < PEERS; i++)
		peer_close(&stalled[i]);
	peer_close(&p);
}

/* Closing one's own direction after a request: the requests already sent still count. */
static void test_half_closed(void)
{
	struct peer p;
	struct buf request = { 0 };
	struct batch batch = batch_spec(1);
	struct buf records = { 0 };
	put_batch(&records, &batch);
	case_begin("a peer that closes its sending side is closed in the end, and others are served");
	peer_open(&p);
	put_metadata(&request, 3);
	peer_send(&p, request.data, request.size);
	shutdown(p.fd, SHUT_WR);
	struct reader r;
	enum outcome outcome = peer_receive(&p, WAIT_MS, 3, &r);
	expect(outcome != SILENT, "neither reply nor close");
	expect(outcome == CLOSED || peer_is_closed(&p, WAIT_MS), "it stays open");
	printf("#     half-closed after a request: %s\n", outcome_name(outcome));
	peer_close(&p);
	buf_free(&request);
	buf_free(&records);
	expect_alive();
}
static void test_many_connections(void)
{
	enum { TURNS = 1000, HELD = 300 };
	struct peer p, held[HELD];
	int before = broker_descriptors();
	long rss_before = broker_rss_kib();
	case_begin("%d connections opened and closed one after another", TURNS);
	for (int i = 0; i < TURNS; i++) {
		peer_open(&p);
		if (i % 3 == 1)
			peer_send(&p, "\0\0", 2);
		if (i % 3 == 2)
			setsockopt(p.fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 }, sizeof(struct linger));
		peer_close(&p);
	}
	expect(broker_answers(), "no answer afterwards");

	case_begin("%d idle connections at once, and one more is served", HELD);
	for (int i = 0; i < HELD; i++)
		peer_open(&held[i]);
	expect(broker_answers(), "no answer");
	for (int i = 0; i < HELD; i++)
		peer_close(&held[i]);

	case_begin("all their descriptors are given back, and memory with them");
	for (int tries = 0; tries < 100 && broker_descriptors() > before + 5; tries++)
		usleep(50000);
	expect(broker_descriptors() <= before + 5, "%d descriptors, %d before", broker_descriptors(), before);
	expect(broker_rss_kib() - rss_before < 16 << 10, "the broker grew by %ld KiB", broker_rss_kib() - rss_before);
}

/* Right requests with some bytes changed, by a generator with a printed seed. Any answer will do; what
 * must not happen is that the broker dies, hangs, or grows. */
static void test_mutations(void)
{
	enum { COUNT = 600 };
	struct buf request = { 0 }, records = { 0 };
	struct batch batch = batch_spec(5);
	put_batch(&records, &batch);
	long before = broker_rss_kib();
	case_begin("%d mutated requests (seed %llu) leave the broker serving", COUNT, (unsigned long long)seed);
	uint64_t state = seed;
	for (int i = 0; i < COUNT; i++) {
		struct peer p;
		if (i % 3 == 0) {
			put_metadata(&request, i);
		} else if (i % 3 == 1) {
			request_begin(&request, (int16_t)(i / 3 % 76), (int16_t)(i % 14), i, i & 1);
			for (int n = 0; n < 40; n++)
				put_i8(&request, (int8_t)(state >> (n % 56)));
		} else {
			put_produce_request(&request, i, topic, 0, &records);
		}
		request_end(&request);
		for (int changes = i % 4; changes >= 0; changes--) {
			state = state * 6364136223846793005u + 1442695040888963407u;
			size_t at = 4 + (state >> 33) % (request.size - 4);
			request.data[at] ^= (uint8_t)(1u << (state >> 60 & 7));
		}
		peer_open(&p);
		struct reader r;
		peer_send(&p, request.data, request.size);
		shutdown(p.fd, SHUT_WR);
		peer_receive(&p, 20, -1, &r);
		peer_close(&p);
	}
	expect(broker_answers(), "no answer afterwards");
	expect(broker_rss_kib() - before < 16 << 10, "the broker grew by %ld KiB", broker_rss_kib() - before);
	buf_free(&request);
	buf_free(&records);
}

int main(int argc, char **argv)
{
	fixture_open(argc, argv);
	create_topics(2, (const char *const[]){ "pipelined", "deaf", NULL });
	test_api_versions();
	test_advertised_ranges();
	test_not_advertised();
	test_broken_frames();
	test_unfinished_frames();
	test_slow_writer();
	test_pipelining();
	test_pipelined_produce_order();
	test_peer_that_never_reads();
	test_stalled_large_frames();
	test_stalled_ordinary_frames();
	test_half_closed();
	test_many_connections();
	test_mutations();
	return cases_end();
}
