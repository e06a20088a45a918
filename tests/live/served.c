/* Which offsets of a partition a fetch serves, and which it refuses: one line a range, "from to error".
 *
 *   served HOST:PORT TOPIC PARTITION
 *
 * Asks from the log start to the high watermark; behind an error, from the next offset on.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/live/lib/cases.h"
#include "tests/live/lib/wire.h"

struct line {
	int64_t from, to;
	int16_t error;
};

static void add(struct line *line, int64_t from, int64_t to, int16_t error)
{
	if (line->to == from && line->error == error) {
		line->to = to;
		return;
	}
	if (line->to > line->from)
		printf("%lld %lld %d\n", (long long)line->from, (long long)line->to, line->error);
	*line = (struct line){ from, to, error };
}

/* The offset behind the last whole batch of a reply's records. */
static int64_t end_of(struct reader records, int64_t offset)
{
	while (records.end - records.at >= 61) {
		int64_t base_offset = get_i64(&records);
		int32_t size = get_i32(&records);
		struct reader batch = { records.at, records.end, false };
		if (!get_raw(&records, (size_t)size))
			break;
		get_raw(&batch, 11);
		offset = base_offset + get_i32(&batch) + 1;
	}
	return offset;
}

/* Fetch v4 from `offset`; the error, or -100 without a reply. */
static int16_t ask(struct peer *p, const char *topic, int32_t partition, int64_t offset,
		   int64_t *high_watermark, int64_t *end)
{
	struct buf request = { 0 };
	struct reader r;
	char name[300];
	put_fetch_request(&request, ++p->correlation_id, topic, partition, offset, 0, 0, 1 << 20);
	enum outcome outcome = peer_ask(p, &request, &r);
	buf_free(&request);
	if (outcome != REPLY)
		return -100;
	get_raw(&r, 8);
	get_string(&r, name, sizeof(name));
	get_raw(&r, 8);
	int16_t error = get_i16(&r);
	*high_watermark = get_i64(&r);
	get_i64(&r);
	for (int32_t aborted = get_i32(&r); aborted > 0 && !r.bad; aborted--)
		get_raw(&r, 16);
	int32_t size = get_i32(&r);
	const uint8_t *records = size > 0 ? get_raw(&r, (size_t)size) : NULL;
	*end = records ? end_of((struct reader){ records, records + size, false }, offset) : offset;
	return error;
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		fprintf(stderr, "usage: served HOST:PORT TOPIC PARTITION\n");
		return 2;
	}
	struct peer p;
	struct line line = { 0, 0, 0 };
	peer_target(argv[1]);
	peer_open(&p);
	int64_t high_watermark = 1, end;
	for (int64_t offset = 0; offset < high_watermark; offset = end) {
		int64_t known = high_watermark;
		int16_t error = ask(&p, argv[2], atoi(argv[3]), offset, &high_watermark, &end);
		if (error == -100) {
			fprintf(stderr, "no reply at offset %lld\n", (long long)offset);
			return 1;
		}
		if (high_watermark < known)
			high_watermark = known;
		if (error || end == offset)
			end = offset + 1;
		add(&line, offset, end, error ? error : end == offset ? -1 : 0);
	}
	add(&line, -1, -1, 0);
	peer_close(&p);
	return 0;
}
