/* Bad and odd Produce requests, batches and records, and what an idempotent producer relies on: what each gets
 * is what Apache Kafka 4.3 was seen to answer.
 *
 *   produce HOST:PORT TOPIC_PREFIX [BROKER_PID]
 */
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "tests/live/lib/fixture.h"

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

/* The records field itself: empty, doubled, with a tail. */
static void test_bad_records_field(void)
{
	struct peer p;
	struct batch good = batch_spec(3);
	struct buf none = { 0 }, two = { 0 }, tail = { 0 };
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
	buf_free(&two);
	buf_free(&tail);
}

/* Kafka never answers this one, which no client deserves: an error or a closed connection will do. */
static void test_null_records(void)
{
	struct peer p;
	case_begin("null records are refused");
	if (!broker_pid) {
		case_skip("only asked of a broker of our own");
		return;
	}
	peer_open(&p);
	struct produced got = peer_produce_as(&p, 8, -1, topic, NULL, 0, NULL);
	expect(got.outcome == CLOSED || (got.outcome == REPLY && got.error == 87), "%s, error %d",
	       outcome_name(got.outcome), got.error);
	peer_close(&p);
}

/* A batch whose length does not agree with the bytes there are. */
static void test_cut_batches(void)
{
	struct peer p;
	struct buf bytes = { 0 };
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

/* Batches with right headers and CRC, whose records inside are wrong. -1 is taken for a refusal too. */
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
			expect(got.error == rows[i].error || (rows[i].error && got.error == -1), "error %d", got.error);
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
/* Compressed records that do not decompress, and codecs that do not exist. */
static void test_broken_compression(void)
{
	static const char *codecs[] = { "none", "gzip", "snappy", "lz4", "zstd", "codec 5", "codec 6", "codec 7" };
	struct buf noise = { 0 };
	put_raw(&noise, "this is no compressed stream at all, of none of them", 52);
	for (int codec = 1; codec <= 7; codec++) {
		struct peer p;
		case_begin("%s that does not decompress is refused", codecs[codec]);
		struct batch batch = batch_spec(1);
		batch.records = &noise;
		batch.attributes = (int16_t)codec;
		peer_open(&p);
		struct produced got = peer_produce(&p, topic, 0, &batch);
		/* Kafka gives -1 for a broken stream. */
		expect(got.outcome == CLOSED || got.error == -1 || got.error == 87 || (codec > 4 && got.error), "error %d", got.error);
		peer_close(&p);
	}
	buf_free(&noise);
	expect_alive();
}

/* A gzip stream that is right, cut, or holds fewer records than the header says. */
static void test_gzip(void)
{
	struct peer p;
	struct buf plain = { 0 }, packed = { 0 };
	struct batch batch = batch_spec(1);
	put_record(&plain, 0, 0, "k", "a compressed value", 18);
	put_gzip(&packed, plain.data, plain.size);
	batch.records = &packed;
	batch.attributes = 1;
	peer_open(&p);
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
	expect_int("error", 87, peer_produce(&p, topic, 0, &batch).error);
	buf_free(&plain);
	buf_free(&packed);
	peer_close(&p);
}

/* One record that decompresses to 256 times message.max.bytes. */
static void test_gzip_bomb(void)
{
	struct peer p;
	struct buf plain = { 0 }, packed = { 0 };
	struct batch batch = batch_spec(1);
	size_t huge = 256 << 20;
	uint8_t *zeros = calloc(1, huge);
	case_begin("a gzip bomb of 256 MiB in 260 KB is answered, and memory stays");
	long before = broker_rss_kib();
	put_record(&plain, 0, 0, NULL, zeros, (int64_t)huge);
	free(zeros);
	put_gzip(&packed, plain.data, plain.size);
	batch.records = &packed;
	batch.attributes = 1;
	peer_open(&p);
	struct produced got = peer_produce(&p, topic, 0, &batch);
	expect(got.outcome == REPLY, "got %s", outcome_name(got.outcome));
	long grown = broker_rss_kib() - before;
	expect(grown < 64 << 10, "the broker grew by %ld KiB", grown);
	buf_free(&plain);
	buf_free(&packed);
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
	peer_close(&p);
	buf_free(&records);
}

/* Every version that is served, and those that are advertised for librdkafka's sake but closed upon. */
static void test_produce_versions(void)
{
	struct peer p;
	struct buf records = { 0 };
	struct batch batch = batch_spec(2);
	put_batch(&records, &batch);
	peer_open(&p);
	for (int16_t version = 3; version <= 12; version++) {
		case_begin("Produce v%d is taken", version);
		expect_int("error", 0, peer_produce_as(&p, version, -1, topic, NULL, 0, &records).error);
	}
	struct range ranges[100];
	uint8_t id[16], unknown_id[16] = { 1, 2, 3, 4 };
	ask_ranges(3, ranges);
	case_begin("zstd in Produce v3 gets error 76");
	struct buf zstd_bytes = { 0 };
	batch.attributes = 4;
	put_batch(&zstd_bytes, &batch);
	expect_int("error", 76, peer_produce_as(&p, 3, -1, topic, NULL, 0, &zstd_bytes).error);
	buf_free(&zstd_bytes);
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

int main(int argc, char **argv)
{
	fixture_open(argc, argv);
	create_topics(2, (const char *const[]){ "idempotent", NULL });
	test_bad_batches();
	test_bad_records_field();
	test_null_records();
	test_cut_batches();
	test_bad_records();
	test_broken_compression();
	test_gzip();
	test_gzip_bomb();
	test_bad_produce_requests();
	test_produce_versions();
	test_acks_zero();
	test_idempotence();
	return cases_end();
}
