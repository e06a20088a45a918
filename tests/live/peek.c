/* What is stored, as a fetch returns it: one line a batch, "base_offset count codec bytes".
 *
 *   peek HOST:PORT TOPIC PARTITION
 *
 * Shows what no client tells: whether a producer's compression arrived and stayed.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/live/lib/cases.h"
#include "tests/live/lib/wire.h"

static bool ask(struct peer *p, const char *topic, int32_t partition, int64_t offset, struct reader *records)
{
	struct buf request = { 0 };
	struct reader r;
	char name[300];
	put_fetch_request(&request, ++p->correlation_id, topic, partition, offset, 0, 0, 50 << 20);
	if (peer_ask(p, &request, &r) != REPLY)
		return false;
	get_i32(&r);
	get_i32(&r);
	get_string(&r, name, sizeof(name));
	get_i32(&r);
	get_i32(&r);
	int16_t error = get_i16(&r);
	get_i64(&r);
	get_i64(&r);
	for (int32_t aborted = get_i32(&r); aborted > 0 && !r.bad; aborted--)
		get_raw(&r, 16);
	int32_t size = get_i32(&r);
	*records = r;
	if (error)
		fprintf(stderr, "peek: error %d\n", error);
	return !error && size > 0;
}

int main(int argc, char **argv)
{
	static const char *codecs[] = { "none", "gzip", "snappy", "lz4", "zstd", "5", "6", "7" };
	if (argc != 4) {
		fprintf(stderr, "usage: peek HOST:PORT TOPIC PARTITION\n");
		return 2;
	}
	struct peer p;
	struct reader r;
	int64_t next = 0;
	peer_target(argv[1]);
	peer_open(&p);
	while (ask(&p, argv[2], atoi(argv[3]), next, &r)) {
		while (r.end - r.at >= 61) {
			int64_t base_offset = get_i64(&r);
			int32_t size = get_i32(&r);
			struct reader batch = { r.at, r.end, false };
			if (!get_raw(&r, (size_t)size))
				break;
			get_raw(&batch, 9);
			int16_t attributes = get_i16(&batch);
			next = base_offset + get_i32(&batch) + 1;
			get_raw(&batch, 30);
			printf("%lld %d %s %d\n", (long long)base_offset, get_i32(&batch), codecs[attributes & 7], size + 12);
		}
	}
	peer_close(&p);
	return 0;
}
