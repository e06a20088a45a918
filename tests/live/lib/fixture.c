/* See fixture.h. */
#include "tests/live/lib/fixture.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char topic[200];
int broker_pid;
uint64_t seed;

void fixture_open(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: %s HOST:PORT TOPIC_PREFIX [BROKER_PID [SEED]]\n", argv[0]);
		exit(2);
	}
	peer_target(argv[1]);
	snprintf(topic, sizeof(topic), "%s", argv[2]);
	broker_pid = argc > 3 ? atoi(argv[3]) : 0;
	seed = argc > 4 ? strtoull(argv[4], NULL, 0) : (uint64_t)now_ms();
}

void create_topics(int32_t partitions, const char *const names[])
{
	struct peer p;
	case_begin("the topics of the test are created");
	peer_open(&p);
	expect_int("error", 0, peer_create_topic(&p, topic, partitions, 1, NULL, NULL));
	for (; *names; names++)
		expect_int("error", 0, peer_create_topic(&p, prefixed(*names), 1, 1, NULL, NULL));
	peer_close(&p);
}

const char *prefixed(const char *name)
{
	static char text[250];
	snprintf(text, sizeof(text), "%s-%s", topic, name);
	return text;
}

long broker_rss_kib(void)
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

int broker_descriptors(void)
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

void expect_alive(void)
{
	case_begin("the broker still serves others");
	expect(broker_answers(), "no ApiVersions reply on a new connection");
}

void put_api_versions(struct buf *b, int16_t version, const char *name, const char *software_version)
{
	request_begin(b, API_VERSIONS, version, 5, version >= 3);
	if (version < 3)
		return;
	put_compact(b, name);
	put_compact(b, software_version);
	put_uvarint(b, 0);
}

void put_metadata(struct buf *b, int32_t correlation_id)
{
	request_begin(b, API_METADATA, 1, correlation_id, false);
	put_i32(b, 1);
	put_string(b, topic);
	request_end(b);
}

void ask_ranges(int16_t version, struct range ranges[100])
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
