/* Bad and odd input over raw connections: what each gets is what Apache Kafka 4.3 was seen to answer.
 *
 *   wire HOST:PORT TOPIC_PREFIX [BROKER_PID]
 *
 * Topics are created under the prefix, so that an oracle which outlives a run can be asked again. With the
 * broker's pid its memory and descriptors are watched as well. Every group of cases ends by asking whether
 * the broker still serves a new connection.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include "tests/live/lib/cases.h"
#include "tests/live/lib/wire.h"

#define WAIT_MS 5000
#define QUIET_MS 300

static char topic[200];
static int broker_pid;

static void expect_alive(void)
{
	case_begin("the broker still serves others");
	expect(broker_answers(), "no ApiVersions reply on a new connection");
}

static const char *prefixed(const char *name)
{
	static char text[250];
	snprintf(text, sizeof(text), "%s-%s", topic, name);
	return text;
}

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

static void put_api_versions(struct buf *b, int16_t version, const char *name, const char *software_version)
{
	request_begin(b, API_VERSIONS, version, 5, version >= 3);
	if (version < 3)
		return;
	put_compact(b, name);
	put_compact(b, software_version);
	put_uvarint(b, 0);
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

struct range {
	int16_t min, max;
};

/* Reads the ranges of one ApiVersions reply; a key not named stays {-1, -1}. */
static void ask_ranges(int16_t version, struct range ranges[100])
{
	struct peer p;
	struct buf request = { 0 };
	struct reader r;
	memset(ranges, 0xff, 100 * sizeof(ranges[0]));
	peer_open(&p);
	put_api_versions(&request, version, "live-test", "1");
	if (expect_int("outcome", REPLY, peer_ask(&p, &request, &r))) {
		expect_int("error", 0, get_i16(&r));
		int64_t count = version >= 3 ? (int64_t)get_uvarint(&r) - 1 : get_i32(&r);
		expect(count > 0 && count < 100, "%lld entries", (long long)count);
		for (int64_t i = 0; i < count && !r.bad; i++) {
			int16_t key = get_i16(&r), min = get_i16(&r), max = get_i16(&r);
			expect(key >= 0 && key < 100 && min >= 0 && min <= max, "key %d has the range %d-%d", key, min, max);
			if (key >= 0 && key < 100)
				ranges[key] = (struct range){ min, max };
			if (version >= 3)
				get_tags(&r);
		}
		expect_int("throttle time", 0, version >= 1 ? get_i32(&r) : 0);
		if (version >= 3)
			get_tags(&r);
		expect(r.at == r.end && !r.bad, "the reply has its exact size");
	}
	peer_close(&p);
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

/* ---- produce ------------------------------------------------------------------------------------- */

/* One batch, wrong in one way, and the error that Kafka gives for it. */
static void test_bad_batches(void)
{
	struct batch good = batch_spec(3);
	struct row {
		const char *name;
		struct batch batch;
		int16_t error;
	} rows[] = {
		{ "a good batch", good, 0 },
		{ "a CRC off by one", good, 2 },
		{ "a record count of one more", good, 87 },
		{ "a record count of one less", good, 87 },
		{ "a record count of 2^31-1", good, 87 },
		{ "a record count of -1", good, 87 },
		{ "a last offset delta of one more", good, 87 },
		{ "a last offset delta of -1", good, 87 },
		{ "a count and last offset delta both one more than the records", good, 87 },
		{ "a count and last offset delta both one less than the records", good, 87 },
		{ "no records and count 0", batch_spec(0), 87 },
		{ "magic 0", good, 87 },
		{ "magic 1", good, 87 },
		{ "magic 3", good, 2 },
		{ "a base offset of 5", good, 87 },
		{ "a base offset of -1", good, 87 },
		{ "a control batch", good, 87 },
		{ "a timestamp two hours ahead", good, 32 },
		{ "a producer id without a sequence", good, 87 },
		{ "a batch larger than max.message.bytes", batch_spec(1), 10 },
	};
	size_t row = 1;
	rows[row++].batch.crc_wrong = 1;
	rows[row++].batch.count_wrong = 1;
	rows[row++].batch.count_wrong = -1;
	rows[row++].batch.count_wrong = 0x7fffffff - 3;
	rows[row++].batch.count_wrong = -4;
	rows[row++].batch.delta_wrong = 1;
	rows[row++].batch.delta_wrong = -3;
	rows[row].batch.delta_wrong = 1, rows[row++].batch.count_wrong = 1;
	rows[row].batch.delta_wrong = -1, rows[row++].batch.count_wrong = -1;
	row++;
	rows[row++].batch.magic = 0;
	rows[row++].batch.magic = 1;
	rows[row++].batch.magic = 3;
	rows[row++].batch.base_offset = 5;
	rows[row++].batch.base_offset = -1;
	rows[row++].batch.attributes = 1 << 5;
	rows[row++].batch.timestamp += 2 * 3600 * 1000;
	rows[row++].batch.producer_id = 12345;
	rows[row++].batch.value_size = 1048588;

	struct peer p;
	peer_open(&p);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		case_begin("%s gets error %d", rows[i].name, rows[i].error);
		struct produced got = peer_produce(&p, topic, 0, &rows[i].batch);
		if (!expect(got.outcome == REPLY, "got %s", outcome_name(got.outcome))) {
			peer_close(&p);
			peer_open(&p);
			continue;
		}
		expect_int("error", rows[i].error, got.error);
		if (rows[i].error)
			expect_int("base offset", -1, got.base_offset);
	}
	peer_close(&p);
	expect_alive();
}

/* The records field itself: absent, cut, doubled. */
static void test_bad_records_field(void)
{
	struct peer p;
	struct batch good = batch_spec(3);
	struct buf none = { 0 }, two = { 0 }, tail = { 0 }, bytes = { 0 };
	put_batch(&two, &good);
	put_batch(&two, &good);
	put_batch(&tail, &good);
	put_raw(&tail, "garbage", 7);
	/* Kafka takes the batch and drops a tail too short to be another; to refuse it is as good. */
	const struct {
		const char *name;
		const struct buf *records;
		int16_t or_error;
	} fields[] = {
		{ "empty records", &none, 87 },
		{ "two batches for one partition", &two, 87 },
		{ "a batch and 7 bytes more", &tail, 0 },
	};
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		case_begin("%s get error 87", fields[i].name);
		peer_open(&p);
		struct produced got = peer_produce_as(&p, 8, -1, topic, NULL, 0, fields[i].records);
		if (expect(got.outcome == REPLY, "got %s", outcome_name(got.outcome)))
			expect(got.error == 87 || got.error == fields[i].or_error, "error %d", got.error);
		peer_close(&p);
	}
	/* Kafka never answers this one, which no client deserves: an error or a closed connection will do. */
	case_begin("null records are refused");
	if (broker_pid) {
		peer_open(&p);
		struct produced got = peer_produce_as(&p, 8, -1, topic, NULL, 0, NULL);
		expect(got.outcome == CLOSED || (got.outcome == REPLY && got.error == 87), "%s, error %d",
		       outcome_name(got.outcome), got.error);
		peer_close(&p);
	} else {
		case_skip("only asked of a broker of our own");
	}
	buf_free(&two);
	buf_free(&tail);

	static const struct {
		const char *name;
		int32_t length_wrong;
		int cut;
		int16_t error;
	} rows[] = {
		{ "a batch cut by 5 bytes", 0, 5, 87 },
		{ "a batch cut to 61 bytes", 0, -61, 87 },
		{ "a batch cut to 60 bytes", 0, -60, 87 },
		{ "a batch cut to 17 bytes", 0, -17, 87 },
		{ "a batch cut to 11 bytes", 0, -11, 87 },
		{ "a batch length of 5 more than there is", 5, 0, 87 },
		{ "a batch length of 5 less", -5, 0, 2 },
		{ "a batch length of -1", -(1 << 24), 0, 2 },
		{ "a batch length of 2^30", 1 << 30, 0, 87 },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		case_begin("%s gets error %d", rows[i].name, rows[i].error);
		struct batch batch = batch_spec(3);
		batch.length_wrong = rows[i].length_wrong;
		bytes.size = 0;
		put_batch(&bytes, &batch);
		bytes.size = rows[i].cut < 0 ? (size_t)-rows[i].cut : bytes.size - (size_t)rows[i].cut;
		peer_open(&p);
		struct produced got = peer_produce_as(&p, 8, -1, topic, NULL, 0, &bytes);
		if (expect(got.outcome == REPLY, "got %s", outcome_name(got.outcome)))
			expect_int("error", rows[i].error, got.error);
		peer_close(&p);
	}
	buf_free(&bytes);
	expect_alive();
}

/* Batches with right headers and CRC, whose records inside are wrong. */
static void test_bad_records(void)
{
	static const struct {
		const char *name;
		uint8_t bytes[40];
		size_t size;
		int16_t error;
	} rows[] = {
		/* length, attributes, timestamp delta, offset delta, key length, value length, value, headers */
		{ "a right record of seven bytes", { 14, 0, 0, 0, 1, 2, 'v', 0 }, 8, 0 },
		{ "a record length of more than the batch", { 100, 0, 0, 0, 1, 2, 'v', 0 }, 8, 87 },
		{ "a record length of one less", { 12, 0, 0, 0, 1, 2, 'v', 0 }, 8, 87 },
		{ "a record length of one more", { 16, 0, 0, 0, 1, 2, 'v', 0, 0 }, 9, 87 },
		{ "a negative record length", { 13, 0, 0, 0, 1, 2, 'v', 0 }, 8, 87 },
		/* Kafka says -1 here (an uncaught IllegalArgumentException); 87 says what is wrong. */
		{ "a record length varint without an end", { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, 7, 87 },
		{ "bytes behind the last record", { 14, 0, 0, 0, 1, 2, 'v', 0, 1, 2, 3 }, 11, 87 },
		{ "a key longer than the record", { 14, 0, 0, 0, 100, 2, 'v', 0 }, 8, 87 },
		{ "a value longer than the record", { 14, 0, 0, 0, 1, 100, 'v', 0 }, 8, 87 },
		{ "a header count of -1", { 14, 0, 0, 0, 1, 2, 'v', 1 }, 8, 87 },
		{ "a header count of 50 and no headers", { 14, 0, 0, 0, 1, 2, 'v', 100 }, 8, 87 },
		{ "a header with a null key", { 18, 0, 0, 0, 1, 2, 'v', 2, 1, 0 }, 10, 87 },
		{ "a header with a null value", { 20, 0, 0, 0, 1, 2, 'v', 2, 2, 'h', 1 }, 11, 0 },
		{ "a header value longer than the record", { 20, 0, 0, 0, 1, 2, 'v', 2, 2, 'h', 60 }, 11, 87 },
		{ "an offset delta of 1 in the first record", { 14, 0, 0, 2, 1, 2, 'v', 0 }, 8, 0 },
		{ "record attributes of 0x7f", { 14, 0x7f, 0, 0, 1, 2, 'v', 0 }, 8, 0 },
	};
	struct peer p;
	peer_open(&p);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		case_begin("%s gets error %d", rows[i].name, rows[i].error);
		struct buf records = { 0 };
		put_raw(&records, rows[i].bytes, rows[i].size);
		struct batch batch = batch_spec(1);
		batch.records = &records;
		struct produced got = peer_produce(&p, topic, 0, &batch);
		if (expect(got.outcome == REPLY, "got %s", outcome_name(got.outcome)))
			expect_int("error", rows[i].error, got.error);
		buf_free(&records);
	}
	peer_close(&p);
	expect_alive();
}

static void put_gzip(struct buf *b, const void *bytes, size_t size)
{
	z_stream stream = { 0 };
	deflateInit2(&stream, 9, Z_DEFLATED, 31, 9, Z_DEFAULT_STRATEGY);
	size_t room = deflateBound(&stream, size);
	uint8_t *packed = malloc(room);
	stream.next_in = (void *)(uintptr_t)bytes;
	stream.avail_in = (uInt)size;
	stream.next_out = packed;
	stream.avail_out = (uInt)room;
	deflate(&stream, Z_FINISH);
	put_raw(b, packed, stream.total_out);
	deflateEnd(&stream);
	free(packed);
}

static long broker_rss_kib(void)
{
	char path[64], line[200];
	long kib = 0;
	snprintf(path, sizeof(path), "/proc/%d/status", broker_pid);
	FILE *f = broker_pid ? fopen(path, "r") : NULL;
	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "VmRSS: %ld", &kib);
	if (f)
		fclose(f);
	return kib;
}

/* Compressed records: what does not decompress, what decompresses to nonsense, and what never ends. */
static void test_bad_compression(void)
{
	static const char *codecs[] = { "none", "gzip", "snappy", "lz4", "zstd" };
	struct peer p;
	peer_open(&p);
	for (int codec = 1; codec <= 4; codec++) {
		case_begin("%s that does not decompress is refused", codecs[codec]);
		struct buf records = { 0 };
		put_raw(&records, "this is no compressed stream at all, of none of them", 52);
		struct batch batch = batch_spec(1);
		batch.records = &records;
		batch.attributes = (int16_t)codec;
		struct produced got = peer_produce(&p, topic, 0, &batch);
		if (expect(got.outcome == REPLY, "got %s", outcome_name(got.outcome)))
			expect(got.error == -1 || got.error == 87, "error %d, neither -1 nor 87", got.error);
		buf_free(&records);
	}
	for (int codec = 5; codec <= 7; codec++) {
		case_begin("codec %d, which does not exist, is refused", codec);
		struct batch batch = batch_spec(1);
		batch.attributes = (int16_t)codec;
		struct produced got = peer_produce(&p, topic, 0, &batch);
		expect(got.outcome == CLOSED || got.error != 0, "outcome %d, error %d", got.outcome, got.error);
		if (got.outcome == CLOSED) {
			peer_close(&p);
			peer_open(&p);
		}
	}
	struct buf plain = { 0 }, packed = { 0 };
	put_record(&plain, 0, 0, "k", "a compressed value", 18);
	put_gzip(&packed, plain.data, plain.size);
	struct batch batch = batch_spec(1);
	batch.records = &packed;
	batch.attributes = 1;

	case_begin("a right gzip batch is taken");
	expect_int("error", 0, peer_produce(&p, topic, 0, &batch).error);
	case_begin("a gzip batch that lacks its last 10 bytes is refused");
	packed.size -= 10;
	struct produced got = peer_produce(&p, topic, 0, &batch);
	expect(got.outcome == REPLY && (got.error == -1 || got.error == 87), "error %d", got.error);
	case_begin("a gzip batch that says 2 records and holds 1 gets error 87");
	packed.size = 0;
	put_gzip(&packed, plain.data, plain.size);
	batch.count_wrong = batch.delta_wrong = 1;
	got = peer_produce(&p, topic, 0, &batch);
	expect_int("error", 87, got.error);
	case_begin("zstd in Produce v3 gets error 76");
	struct batch zstd = batch_spec(1);
	struct buf bytes = { 0 };
	zstd.attributes = 4;
	put_batch(&bytes, &zstd);
	expect_int("error", 76, peer_produce_as(&p, 3, -1, topic, NULL, 0, &bytes).error);

	case_begin("a gzip bomb of 256 MiB in 260 KB is answered, and memory stays");
	long before = broker_rss_kib();
	plain.size = 0;
	size_t huge = 256 << 20;
	uint8_t *zeros = calloc(1, huge);
	put_record(&plain, 0, 0, NULL, zeros, (int64_t)huge);
	free(zeros);
	packed.size = 0;
	put_gzip(&packed, plain.data, plain.size);
	batch.count_wrong = batch.delta_wrong = 0;
	got = peer_produce(&p, topic, 0, &batch);
	expect(got.outcome == REPLY, "got %s", outcome_name(got.outcome));
	long grown = broker_rss_kib() - before;
	expect(grown < 64 << 10, "the broker grew by %ld KiB", grown);
	buf_free(&plain);
	buf_free(&packed);
	buf_free(&bytes);
	peer_close(&p);
	expect_alive();
}

/* Right batches to wrong places, or asked for in a wrong way. */
static void test_bad_produce_requests(void)
{
	struct peer p;
	struct buf records = { 0 };
	struct batch batch = batch_spec(2);
	put_batch(&records, &batch);
	peer_open(&p);

	static const struct {
		const char *name, *topic;
		int32_t partition;
		int16_t acks, error;
	} rows[] = {
		{ "a topic that does not exist", "no-such-topic-here", 0, -1, 3 },
		{ "a topic name that cannot exist", "no/such topic", 0, -1, 3 },
		{ "an empty topic name", "", 0, -1, 3 },
		{ "a partition that does not exist", NULL, 999, -1, 3 },
		{ "partition -1", NULL, -1, -1, 3 },
		{ "acks=5", NULL, 0, 5, 21 },
		{ "acks=-2", NULL, 0, -2, 21 },
		{ "acks=1", NULL, 0, 1, 0 },
		{ "acks=-1", NULL, 0, -1, 0 },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		case_begin("Produce to %s gets error %d", rows[i].name, rows[i].error);
		const char *to = rows[i].topic ? rows[i].topic : topic;
		expect_int("error", rows[i].error, peer_produce_as(&p, 8, rows[i].acks, to, NULL, rows[i].partition, &records).error);
	}
	for (int16_t version = 3; version <= 12; version++) {
		case_begin("Produce v%d is taken", version);
		expect_int("error", 0, peer_produce_as(&p, version, -1, topic, NULL, 0, &records).error);
	}
	struct range ranges[100];
	uint8_t id[16], unknown_id[16] = { 1, 2, 3, 4 };
	ask_ranges(3, ranges);
	case_begin("Produce v13 finds the topic by its id");
	if (ranges[API_PRODUCE].max < 13) {
		case_skip("v13 is not advertised");
	} else {
		expect(peer_topic_id(&p, topic, id), "Metadata has no topic id");
		expect_int("error", 0, peer_produce_as(&p, 13, -1, NULL, id, 0, &records).error);
		case_begin("Produce v13 to an unknown topic id gets error 100");
		expect_int("error", 100, peer_produce_as(&p, 13, -1, NULL, unknown_id, 0, &records).error);
	}
	peer_close(&p);

	for (int16_t version = 0; version <= 2; version++) {
		case_begin("Produce v%d, advertised but not served, closes the connection", version);
		peer_open(&p);
		struct buf request = { 0 };
		request_begin(&request, API_PRODUCE, version, 1, false);
		put_i16(&request, 1);
		put_i32(&request, 1000);
		put_i32(&request, 0);
		request_end(&request);
		peer_send(&p, request.data, request.size);
		expect(peer_is_closed(&p, WAIT_MS), "it stays open, or something is answered");
		buf_free(&request);
		peer_close(&p);
	}
	buf_free(&records);
	expect_alive();
}

/* acks=0 has no reply at all; an error can only be told by closing. */
static void test_acks_zero(void)
{
	struct peer p;
	struct buf records = { 0 }, request = { 0 };
	struct reader r;
	struct batch batch = batch_spec(2);
	put_batch(&records, &batch);

	case_begin("acks=0: the next reply on the connection is the next request's");
	peer_open(&p);
	struct fetched before = peer_fetch(&p, topic, 0, 0, 0, 0, 1000);
	peer_produce_as(&p, 8, 0, topic, NULL, 0, &records);
	put_api_versions(&request, 0, NULL, NULL);
	expect_int("outcome", REPLY, peer_ask(&p, &request, &r));
	struct fetched after = peer_fetch(&p, topic, 0, before.high_watermark, 5000, 1, 1000);
	expect(after.size > 0, "the records sent with acks=0 are not there");
	peer_close(&p);

	case_begin("acks=0 to a topic that does not exist closes the connection");
	peer_open(&p);
	peer_produce_as(&p, 8, 0, "no-such-topic-here", NULL, 0, &records);
	expect(peer_is_closed(&p, WAIT_MS), "it stays open");
	peer_close(&p);
	buf_free(&records);
}

/* A producer id, or -1. A coordinator that is still loading (14) is asked again, for up to ten seconds. */
static int64_t ask_producer_id(struct peer *p)
{
	struct reader r;
	int16_t error = 14;
	int64_t id = -1;
	for (int tries = 0; tries < 100 && error == 14; tries++) {
		struct buf request = { 0 };
		request_begin(&request, API_INIT_PRODUCER_ID, 0, ++p->correlation_id, false);
		put_string(&request, NULL);
		put_i32(&request, 60000);
		if (!expect_int("outcome", REPLY, peer_ask(p, &request, &r)))
			return -1;
		get_i32(&r);
		error = get_i16(&r);
		id = get_i64(&r);
		if (error == 14)
			usleep(100000);
	}
	expect_int("error", 0, error);
	expect(id >= 0, "the id is %lld", (long long)id);
	expect_int("epoch", 0, get_i16(&r));
	return id;
}

/* What an idempotent producer relies on, seen from its own side of the wire. */
static void test_idempotence(void)
{
	struct peer p;
	peer_open(&p);
	case_begin("InitProducerId without a transactional id gives an id and epoch 0");
	int64_t id = ask_producer_id(&p);
	static const struct {
		const char *name;
		int64_t id_wrong;
		int16_t epoch;
		int32_t sequence, count;
		int16_t error;
		int64_t offset_behind_first; /* -1: not looked at */
	} rows[] = {
		{ "sequence 0 of a new producer", 0, 0, 0, 2, 0, 0 },
		{ "sequence 2, the next", 0, 0, 2, 3, 0, 2 },
		{ "sequence 0 again: the first answer again", 0, 0, 0, 2, 0, 0 },
		{ "sequence 2 again", 0, 0, 2, 3, 0, 2 },
		{ "sequence 6, a gap", 0, 0, 6, 1, 45, -1 },
		{ "sequence 5, the next", 0, 0, 5, 1, 0, 5 },
		{ "sequence 1, which is inside a batch", 0, 0, 1, 1, 45, -1 },
		{ "sequence 6", 0, 0, 6, 1, 0, 6 },
		{ "sequence 7", 0, 0, 7, 1, 0, 7 },
		{ "sequence 8", 0, 0, 8, 1, 0, 8 },
		{ "sequence 5, the oldest of the last five", 0, 0, 5, 1, 0, 5 },
		{ "sequence 0, no more among the last five", 0, 0, 0, 2, 45, -1 },
		{ "epoch 1 with sequence 4", 0, 1, 4, 1, 45, -1 },
		{ "epoch 1 with sequence 0", 0, 1, 0, 1, 0, 9 },
		{ "epoch 0 after epoch 1", 0, 0, 9, 1, 47, -1 },
		{ "an id never given out, with sequence 77", 1000000, 0, 77, 1, 0, 10 },
	};
	int64_t first = -1;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		case_begin("idempotent: %s gets error %d", rows[i].name, rows[i].error);
		struct batch batch = batch_spec(rows[i].count);
		batch.producer_id = id + rows[i].id_wrong;
		batch.producer_epoch = rows[i].epoch;
		batch.sequence = rows[i].sequence;
		struct produced got = peer_produce(&p, prefixed("idempotent"), 0, &batch);
		expect_int("error", rows[i].error, got.error);
		if (i == 0)
			first = got.base_offset;
		if (rows[i].offset_behind_first >= 0)
			expect_int("base offset", first + rows[i].offset_behind_first, got.base_offset);
	}
	peer_close(&p);
}

/* ---- fetch --------------------------------------------------------------------------------------- */
static void test_fetch(void)
{
	struct peer p, other;
	peer_open(&p);
	char name[250];
	snprintf(name, sizeof(name), "%s", prefixed("fetch"));
	struct batch batch = batch_spec(10);
	peer_produce(&p, name, 0, &batch);
	peer_produce(&p, name, 0, &batch);

	static const struct {
		const char *name;
		const char *topic;
		int32_t partition;
		int64_t offset;
		int16_t error;
	} rows[] = {
		{ "an offset behind the end", NULL, 0, 21, 1 },
		{ "offset -1", NULL, 0, -1, 1 },
		{ "offset -2^63", NULL, 0, INT64_MIN, 1 },
		{ "offset 2^63-1", NULL, 0, INT64_MAX, 1 },
		{ "a partition that does not exist", NULL, 7, 0, 3 },
		{ "partition -1", NULL, -1, 0, 3 },
		{ "a topic that does not exist", "no-such-topic-here", 0, 0, 3 },
		{ "the end", NULL, 0, 20, 0 },
		{ "offset 0", NULL, 0, 0, 0 },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		case_begin("Fetch from %s gets error %d", rows[i].name, rows[i].error);
		struct fetched got = peer_fetch(&p, rows[i].topic ? rows[i].topic : name, rows[i].partition, rows[i].offset, 100, 1, 1 << 20);
		if (expect(got.outcome == REPLY, "got %s", outcome_name(got.outcome)))
			expect_int("error", rows[i].error, got.error);
		if (!rows[i].error)
			expect_int("high watermark", 20, got.high_watermark);
	}
	case_begin("a fetch error does not wait for max wait");
	struct fetched got = peer_fetch(&p, name, 0, 21, 3000, 1, 1 << 20);
	expect(got.error == 1 && got.waited_ms < 1000, "error %d after %lld ms", got.error, (long long)got.waited_ms);

	case_begin("Fetch from inside a batch returns the batch from its start");
	got = peer_fetch(&p, name, 0, 13, 100, 1, 1 << 20);
	expect_int("base offset", 10, got.first_base_offset);

	case_begin("Fetch with partition max bytes 1 returns one whole batch");
	got = peer_fetch(&p, name, 0, 0, 100, 1, 1);
	expect(got.size > 61 && got.first_base_offset == 0, "%zu bytes at %lld", got.size, (long long)got.first_base_offset);

	case_begin("Fetch at the end waits for max wait, then answers with nothing");
	got = peer_fetch(&p, name, 0, 20, 400, 1, 1 << 20);
	expect_int("size", 0, (int64_t)got.size);
	expect(got.waited_ms >= 390 && got.waited_ms < 1500, "waited %lld ms", (long long)got.waited_ms);

	case_begin("Fetch at the end with min bytes 0 answers at once");
	got = peer_fetch(&p, name, 0, 20, 3000, 0, 1 << 20);
	expect(got.waited_ms < 1000, "waited %lld ms", (long long)got.waited_ms);

	case_begin("Fetch for more than there is waits, then answers with what there is");
	got = peer_fetch(&p, name, 0, 0, 400, 10 << 20, 1 << 20);
	expect(got.size > 0 && got.waited_ms >= 390, "%zu bytes after %lld ms", got.size, (long long)got.waited_ms);

	case_begin("a parked fetch is woken by a produce");
	struct buf request = { 0 };
	struct reader r;
	request_begin(&request, API_FETCH, 4, 77, false);
	put_i32(&request, -1);
	put_i32(&request, 8000);
	put_i32(&request, 1);
	put_i32(&request, 1 << 20);
	put_i8(&request, 0);
	put_i32(&request, 1);
	put_string(&request, name);
	put_i32(&request, 1);
	put_i32(&request, 0);
	put_i64(&request, 20);
	put_i32(&request, 1 << 20);
	request_end(&request);
	peer_send(&p, request.data, request.size);
	peer_open(&other);
	expect(peer_receive(&p, QUIET_MS, 77, &r) == SILENT, "answered before there was anything");
	int64_t begin = now_ms();
	peer_produce(&other, name, 0, &batch);
	expect_int("outcome", REPLY, peer_receive(&p, 4000, 77, &r));
	expect(now_ms() - begin < 2000, "woken after %lld ms", (long long)(now_ms() - begin));
	peer_close(&other);

	case_begin("a connection that closes while its fetch is parked harms nobody");
	peer_open(&other);
	set_i32(&request, 8, 78);
	peer_send(&other, request.data, request.size);
	peer_close(&other);
	expect_int("error", 0, peer_produce(&p, name, 0, &batch).error);
	buf_free(&request);
	peer_close(&p);
	expect_alive();
}

/* ---- peers that behave in odd ways ---------------------------------------------------------------- */
static void put_metadata(struct buf *b, int32_t correlation_id)
{
	request_begin(b, API_METADATA, 1, correlation_id, false);
	put_i32(b, 1);
	put_string(b, topic);
	request_end(b);
}

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
			request_begin(&one, API_FETCH, 4, i, false);
			put_i32(&one, -1), put_i32(&one, 20), put_i32(&one, 1 << 20), put_i32(&one, 1000), put_i8(&one, 0);
			put_i32(&one, 1), put_string(&one, topic), put_i32(&one, 1);
			put_i32(&one, 0), put_i64(&one, 0), put_i32(&one, 1000);
		} else {
			request_begin(&one, API_PRODUCE, 7, i, false);
			put_string(&one, NULL), put_i16(&one, -1), put_i32(&one, 10000);
			put_i32(&one, 1), put_string(&one, topic), put_i32(&one, 1), put_i32(&one, i % 5 - 3);
			put_i32(&one, (int32_t)records.size), put_raw(&one, records.data, records.size);
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
		request_begin(&one, API_PRODUCE, 7, i, false);
		put_string(&one, NULL), put_i16(&one, -1), put_i32(&one, 10000);
		put_i32(&one, 1), put_string(&one, name), put_i32(&one, 1), put_i32(&one, 0);
		put_i32(&one, (int32_t)records.size), put_raw(&one, records.data, records.size);
		request_end(&one);
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
	request_begin(&request, API_FETCH, 4, 1, false);
	put_i32(&request, -1), put_i32(&request, 0), put_i32(&request, 1), put_i32(&request, 50 << 20), put_i8(&request, 0);
	put_i32(&request, 1), put_string(&request, name), put_i32(&request, 1);
	put_i32(&request, 0), put_i64(&request, 0), put_i32(&request, 50 << 20);
	request_end(&request);
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

static int broker_descriptors(void)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/fd", broker_pid);
	DIR *dir = broker_pid ? opendir(path) : NULL;
	int count = 0;
	while (dir && readdir(dir))
		count++;
	if (dir)
		closedir(dir);
	return count;
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
static void test_mutations(uint64_t seed)
{
	enum { COUNT = 600 };
	struct buf request = { 0 }, records = { 0 };
	struct batch batch = batch_spec(5);
	put_batch(&records, &batch);
	long before = broker_rss_kib();
	case_begin("%d mutated requests (seed %llu) leave the broker serving", COUNT, (unsigned long long)seed);
	for (int i = 0; i < COUNT; i++) {
		struct peer p;
		if (i % 3 == 0) {
			put_metadata(&request, i);
		} else if (i % 3 == 1) {
			request_begin(&request, (int16_t)(i / 3 % 76), (int16_t)(i % 14), i, i & 1);
			for (int n = 0; n < 40; n++)
				put_i8(&request, (int8_t)(seed >> (n % 56)));
		} else {
			request_begin(&request, API_PRODUCE, 8, i, false);
			put_string(&request, NULL), put_i16(&request, -1), put_i32(&request, 1000);
			put_i32(&request, 1), put_string(&request, topic), put_i32(&request, 1), put_i32(&request, 0);
			put_i32(&request, (int32_t)records.size), put_raw(&request, records.data, records.size);
		}
		request_end(&request);
		for (int changes = i % 4; changes >= 0; changes--) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			size_t at = 4 + (seed >> 33) % (request.size - 4);
			request.data[at] ^= (uint8_t)(1u << (seed >> 60 & 7));
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
	if (argc < 3) {
		fprintf(stderr, "usage: wire HOST:PORT TOPIC_PREFIX [BROKER_PID]\n");
		return 2;
	}
	peer_target(argv[1]);
	snprintf(topic, sizeof(topic), "%s", argv[2]);
	broker_pid = argc > 3 ? atoi(argv[3]) : 0;
	uint64_t seed = argc > 4 ? strtoull(argv[4], NULL, 0) : (uint64_t)now_ms();

	struct peer p;
	case_begin("the topics of the test are created");
	peer_open(&p);
	expect_int("error", 0, peer_create_topic(&p, topic, 2, 1, NULL, NULL));
	expect_int("error", 0, peer_create_topic(&p, prefixed("idempotent"), 1, 1, NULL, NULL));
	expect_int("error", 0, peer_create_topic(&p, prefixed("fetch"), 1, 1, NULL, NULL));
	expect_int("error", 0, peer_create_topic(&p, prefixed("pipelined"), 1, 1, NULL, NULL));
	expect_int("error", 0, peer_create_topic(&p, prefixed("deaf"), 1, 1, NULL, NULL));
	peer_close(&p);

	test_api_versions();
	test_advertised_ranges();
	test_not_advertised();
	test_broken_frames();
	test_unfinished_frames();
	test_bad_batches();
	test_bad_records_field();
	test_bad_records();
	test_bad_compression();
	test_bad_produce_requests();
	test_acks_zero();
	test_idempotence();
	test_fetch();
	test_slow_writer();
	test_pipelining();
	test_pipelined_produce_order();
	test_peer_that_never_reads();
	test_half_closed();
	test_many_connections();
	test_mutations(seed);
	return cases_end();
}
