/* What a broker keeps, as text: one line a partition, "topic id partition start end". Two runs, before and after a
 * restart, must print the same.
 *
 *   state HOST:PORT TOPIC...
 */
#include <stdio.h>
#include <string.h>

#include "tests/live/lib/cases.h"
#include "tests/live/lib/wire.h"

/* The offset for a special timestamp, or -100 - error. */
static int64_t ask_offset(struct peer *p, const char *topic, int32_t partition, int64_t timestamp)
{
	struct buf request = { 0 };
	struct reader r;
	char name[300];
	request_begin(&request, API_LIST_OFFSETS, 1, ++p->correlation_id, false);
	put_i32(&request, -1), put_i32(&request, 1), put_string(&request, topic), put_i32(&request, 1);
	put_i32(&request, partition), put_i64(&request, timestamp);
	if (peer_ask(p, &request, &r) != REPLY)
		return -1;
	get_i32(&r), get_string(&r, name, sizeof(name)), get_i32(&r), get_i32(&r);
	int16_t error = get_i16(&r);
	get_i64(&r);
	return error ? -100 - error : get_i64(&r);
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: state HOST:PORT TOPIC...\n");
		return 2;
	}
	struct peer p;
	peer_target(argv[1]);
	peer_open(&p);
	for (int i = 2; i < argc; i++) {
		uint8_t id[16];
		if (!peer_topic_id(&p, argv[i], id)) {
			printf("%s absent\n", argv[i]);
			continue;
		}
		for (int32_t partition = 0;; partition++) {
			int64_t start = ask_offset(&p, argv[i], partition, -2), end = ask_offset(&p, argv[i], partition, -1);
			if (start < 0)
				break;
			printf("%s ", argv[i]);
			for (int n = 0; n < 16; n++)
				printf("%02x", id[n]);
			printf(" %d %lld %lld\n", partition, (long long)start, (long long)end);
		}
	}
	peer_close(&p);
	return 0;
}
