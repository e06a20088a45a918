/* ListOffsets against a broker: what Spate adds to it, for who asks. (Its offsets and times: tests/unit/net/quirks/test_reading.c.) */
#include "admin_fixture.h"

#include <time.h>

#include "kmsg_list_offsets.h"

static struct kmsg_list_offsets_partition_result ask(struct client *client, int version, int32_t partition, int64_t append_time_of)
{
	struct kmsg_list_offsets_partition item;
	kmsg_list_offsets_partition_init(&item);
	item.partition_index = partition;
	item.timestamp = -1;
	item.append_time_of = append_time_of;
	struct kmsg_list_offsets_topic in_topic = {.name = slice_from("r"), .partitions = {&item, 1}};
	struct kmsg_list_offsets_request in;
	struct kmsg_list_offsets_response out;
	kmsg_list_offsets_request_init(&in);
	in.topics.items = &in_topic;
	in.topics.count = 1;
	client_call(client, "list_offsets", version, &in, &out);
	return out.topics.items[0].partitions.items[0];
}

static int64_t wall_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* When a record was appended is told in a tagged field, exactly, and only where it was asked for. */
Test(list_offsets, append_time)
{
	static const struct {
		const char *what;
		int version;
		int32_t partition;
		int64_t of, offset;
	} cases[] = {
		{"the first", 7, 0, 0, 0},
		{"inside a batch", 11, 0, 13, 13},
		{"the last", 6, 0, 19, 19},
		{"behind the end", 7, 0, 20, -1},
		{"nobody asks", 7, 0, -1, -1},
		{"no number", 7, 0, INT64_MIN, -1},
		{"far behind", 7, 0, INT64_MAX, -1},
		{"a version without tagged fields", 5, 0, 0, -1},
		{"an empty partition", 7, 1, 0, -1},
		{"a partition that is not there", 7, 2, 0, -1},
	};
	struct admin admin;
	admin_open(&admin, NULL);
	create_topic(&admin.client, "r", 2, NULL);
	int64_t before_ms = wall_ms();
	produce_tens(&admin.client, "r", 2);
	int64_t after_ms = wall_ms();
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct kmsg_list_offsets_partition_result got = ask(&admin.client, cases[i].version, cases[i].partition, cases[i].of);
		bool is_found = cases[i].offset >= 0;
		cr_expect_eq(got.error_code, cases[i].partition == 2 ? KERR_UNKNOWN_TOPIC_OR_PARTITION : KERR_NONE);
		cr_expect_eq(got.append_time.offset, cases[i].offset, "%s: %ld", cases[i].what, (long)got.append_time.offset);
		cr_expect_eq(got.append_time.low_ms, got.append_time.high_ms, "%s", cases[i].what);
		cr_expect(is_found ? got.append_time.low_ms >= before_ms - 20 && got.append_time.low_ms <= after_ms : got.append_time.low_ms == -1, "%s: %ld",
			  cases[i].what, (long)got.append_time.low_ms);
		cr_expect(!is_found || got.append_time.now_ms >= got.append_time.low_ms, "%s", cases[i].what);
	}
	admin_close(&admin);
}
