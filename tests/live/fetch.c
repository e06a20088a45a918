/* Fetch v4 over raw connections: where it starts, when it waits, what it returns.
 *
 *   fetch HOST:PORT TOPIC_PREFIX
 */
#include "tests/live/lib/fixture.h"

/* The topic under test has two batches of ten records: base offsets 0 and 10, the end at 20. */
static void produce_two_batches(struct peer *p)
{
	struct batch batch = batch_spec(10);
	case_begin("two batches of ten records");
	expect_int("error", 0, peer_produce(p, topic, 0, &batch).error);
	expect_int("base offset of the second", 10, peer_produce(p, topic, 0, &batch).base_offset);
}

static void test_places(struct peer *p)
{
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
		const char *from = rows[i].topic ? rows[i].topic : topic;
		struct fetched got = peer_fetch(p, from, rows[i].partition, rows[i].offset, 100, 1, 1 << 20);
		if (expect(got.outcome == REPLY, "got %s", outcome_name(got.outcome)))
			expect_int("error", rows[i].error, got.error);
		if (!rows[i].error)
			expect_int("high watermark", 20, got.high_watermark);
	}
	case_begin("Fetch from inside a batch returns the batch from its start");
	expect_int("base offset", 10, peer_fetch(p, topic, 0, 13, 100, 1, 1 << 20).first_base_offset);

	case_begin("Fetch with partition max bytes 1 returns one whole batch");
	struct fetched got = peer_fetch(p, topic, 0, 0, 100, 1, 1);
	expect(got.size > 61 && got.first_base_offset == 0, "%zu bytes at %lld", got.size, (long long)got.first_base_offset);
}

/* min bytes and max wait: what waits, and what must not. */
static void test_waiting(struct peer *p)
{
	case_begin("a fetch error does not wait for max wait");
	struct fetched got = peer_fetch(p, topic, 0, 21, 3000, 1, 1 << 20);
	expect(got.error == 1 && got.waited_ms < 1000, "error %d after %lld ms", got.error, (long long)got.waited_ms);

	case_begin("Fetch at the end waits for max wait, then answers with nothing");
	got = peer_fetch(p, topic, 0, 20, 400, 1, 1 << 20);
	expect_int("size", 0, (int64_t)got.size);
	expect(got.waited_ms >= 390 && got.waited_ms < 1500, "waited %lld ms", (long long)got.waited_ms);

	case_begin("Fetch at the end with min bytes 0 answers at once");
	got = peer_fetch(p, topic, 0, 20, 3000, 0, 1 << 20);
	expect(got.waited_ms < 1000, "waited %lld ms", (long long)got.waited_ms);

	case_begin("Fetch for more than there is waits, then answers with what there is");
	got = peer_fetch(p, topic, 0, 0, 400, 10 << 20, 1 << 20);
	expect(got.size > 0 && got.waited_ms >= 390, "%zu bytes after %lld ms", got.size, (long long)got.waited_ms);
}

static void test_parking(struct peer *p)
{
	struct peer other;
	struct buf request = { 0 };
	struct reader r;
	struct batch batch = batch_spec(10);
	case_begin("a parked fetch is woken by a produce");
	put_fetch_request(&request, 77, topic, 0, 20, 8000, 1, 1 << 20);
	peer_send(p, request.data, request.size);
	peer_open(&other);
	expect(peer_receive(p, QUIET_MS, 77, &r) == SILENT, "answered before there was anything");
	int64_t begin = now_ms();
	peer_produce(&other, topic, 0, &batch);
	expect_int("outcome", REPLY, peer_receive(p, 4000, 77, &r));
	expect(now_ms() - begin < 2000, "woken after %lld ms", (long long)(now_ms() - begin));
	peer_close(&other);

	case_begin("a connection that closes while its fetch is parked harms nobody");
	peer_open(&other);
	put_fetch_request(&request, 78, topic, 0, 30, 8000, 1, 1 << 20);
	peer_send(&other, request.data, request.size);
	peer_close(&other);
	expect_int("error", 0, peer_produce(p, topic, 0, &batch).error);
	buf_free(&request);
	expect_alive();
}

int main(int argc, char **argv)
{
	struct peer p;
	fixture_open(argc, argv);
	create_topics(1, (const char *const[]){ NULL });
	peer_open(&p);
	produce_two_batches(&p);
	test_places(&p);
	test_waiting(&p);
	test_parking(&p);
	peer_close(&p);
	return cases_end();
}
