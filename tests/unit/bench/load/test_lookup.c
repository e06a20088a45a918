/* load_lookup: what it asks, and what it makes of an answer. No broker: the two functions that the engine calls are called here. */
#include "bench/load/lookup.c"

#include <criterion/criterion.h>

static const struct load_config config = { .topic = "t", .partitions = 3, .connections = 1 };

static void open_lookup(struct lookup *lookup)
{
	*lookup = (struct lookup){ .config = &config, .from_ms = 1000, .to_ms = 1009 };
	arena_init(&lookup->arena, NULL, 0, 1 << 20);
	cr_assert(lanes_open(&lookup->lanes, config.partitions, config.connections));
}

static void close_lookup(struct lookup *lookup)
{
	lanes_close(&lookup->lanes);
	arena_fini(&lookup->arena);
}

/* Partitions take turns, and every time of the range is asked for, no other. */
Test(lookup, asks_all_partitions_and_times)
{
	struct lookup lookup;
	bool times[10] = { false };
	open_lookup(&lookup);
	for (uint32_t i = 0; i < 300; i++) {
		struct engine_request request;
		struct arena arena;
		uint8_t memory[4096];
		struct kmsg_list_offsets_request body;
		cr_assert(next_request(&lookup, 0, 77, &request));
		cr_expect_eq(request.partition, i % 3);
		cr_expect_eq(load_be32(request.head + FRAME_CORRELATION_AT), 77);
		cr_expect_eq(load_be32(request.head), request.pieces[0].iov_len - 4);
		/* The header: key, version, correlation id, a client id, tags. */
		size_t header = 4 + 2 + 2 + 4 + 2 + load_be16(request.head + 12) + 1;
		struct reader reader = reader_over((struct slice){ request.head + header, request.pieces[0].iov_len - header });
		arena_init(&arena, memory, sizeof memory, sizeof memory);
		cr_assert_eq(kmsg_list_offsets_request_decode(&reader, &arena, LOOKUP_VERSION, &body), 0);
		cr_expect_eq(body.topics.items[0].partitions.items[0].partition_index, (int32_t)(i % 3));
		int64_t time_ms = body.topics.items[0].partitions.items[0].timestamp;
		cr_assert(time_ms >= 1000 && time_ms <= 1009, "%lld", (long long)time_ms);
		times[time_ms - 1000] = true;
	}
	for (int i = 0; i < 10; i++)
		cr_expect(times[i], "%d", i);
	close_lookup(&lookup);
}

static struct engine_outcome outcome_of(int partition, int error_code, int64_t offset)
{
	struct lookup lookup;
	uint8_t bytes[256];
	struct engine_request request = { .partition = 2 };
	struct kmsg_list_offsets_partition_result result;
	kmsg_list_offsets_partition_result_init(&result);
	result.partition_index = partition;
	result.error_code = (int16_t)error_code;
	result.offset = offset;
	struct kmsg_list_offsets_topic_result topic = { .name = slice_from("t"), .partitions = { &result, 1 } };
	struct kmsg_list_offsets_response response = { .topics = { &topic, 1 } };
	struct writer writer = writer_into(bytes, sizeof bytes);
	writer_uint32(&writer, 77); /* the correlation id, and no tags */
	writer_uint8(&writer, 0);
	kmsg_list_offsets_response_encode(&writer, LOOKUP_VERSION, &response);
	open_lookup(&lookup);
	struct engine_outcome outcome = read_answer(&lookup, &request, (struct slice){ bytes, writer.position });
	close_lookup(&lookup);
	return outcome;
}

/* An offset is an answer; none, another partition's, and half an answer are damage; an error is told as what it is. */
Test(lookup, judges_answers)
{
	struct engine_outcome good = outcome_of(2, 0, 12), none = outcome_of(2, 0, -1), other = outcome_of(1, 0, 12), error = outcome_of(2, 6, -1);
	cr_expect(!good.is_damaged && !good.error_code && good.records == 1);
	cr_expect(none.is_damaged);
	cr_expect(other.is_damaged);
	cr_expect(!error.is_damaged && error.error_code == 6);
	struct lookup lookup;
	struct engine_request request = { .partition = 2 };
	open_lookup(&lookup);
	cr_expect(read_answer(&lookup, &request, (struct slice){ (const uint8_t *)"\0\0\0\1\0\0", 6 }).is_damaged);
	close_lookup(&lookup);
}
