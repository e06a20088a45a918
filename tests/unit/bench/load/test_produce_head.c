/* Produce requests in pieces, and what is made of their answers. */
#include "bench/load/frame.h"
#include "bench/load/payload.h"
#include "bench/load/produce_head.h"
#include "kmsg_header.h"
#include "kmsg_produce.h"
#include "log/batch/validate.h"

#include <criterion/criterion.h>

/* Head, batch and tail make one request that decodes to what was meant, and the correlation id is where it is patched. */
Test(produce_head, pieces_make_a_request)
{
	struct payload payload;
	struct produce_head head;
	struct produce_tail tail;
	cr_assert_eq(payload_build(&payload, 20000, 1000), 0);
	struct slice batch = { payload.batch, payload.size_bytes };
	cr_assert_eq(produce_head_encode(&head, &tail, "orders", 7, -1, batch), 0);
	store_be32(head.bytes + FRAME_CORRELATION_AT, 0x01020304);

	static uint8_t whole[32768], memory[4096];
	size_t size = head.size + batch.size + tail.size;
	memcpy(whole, head.bytes, head.size);
	memcpy(whole + head.size, batch.data, batch.size);
	memcpy(whole + head.size + batch.size, tail.bytes, tail.size);
	cr_assert_eq(load_be32(whole), size - 4);

	struct arena arena;
	arena_init(&arena, memory, sizeof memory, sizeof memory);
	struct reader reader = reader_over((struct slice){ whole + 4, size - 4 });
	struct kmsg_request_header header;
	struct kmsg_produce_request request;
	cr_assert_eq(kmsg_request_header_decode(&reader, &arena, 2, &header), 0);
	cr_expect_eq(header.request_api_key, KMSG_PRODUCE_KEY);
	cr_expect_eq(header.request_api_version, PRODUCE_VERSION);
	cr_expect_eq(header.correlation_id, 0x01020304);
	cr_assert_eq(kmsg_produce_request_decode(&reader, &arena, PRODUCE_VERSION, &request), 0);
	cr_assert_eq(reader_left(&reader), 0);
	cr_expect_eq(request.acks, -1);
	const struct kmsg_produce_topic *topic = request.topic_data.items;
	cr_expect(slice_equal(topic->name, slice_from("orders")));
	cr_expect_eq(topic->partition_data.items[0].index, 7);
	cr_expect(slice_equal(topic->partition_data.items[0].records.whole, batch));
	payload_free(&payload);
}

/* The longest name Kafka allows fits, and one that would overflow the head is refused. */
Test(produce_head, names_are_bounded)
{
	char name[400];
	uint8_t byte = 0;
	struct produce_head head;
	struct produce_tail tail;
	memset(name, 'x', sizeof name);
	name[249] = 0;
	cr_expect_eq(produce_head_encode(&head, &tail, name, 0, -1, (struct slice){ &byte, 1 }), 0);
	name[249] = 'x';
	name[399] = 0;
	cr_expect_neq(produce_head_encode(&head, &tail, name, 0, -1, (struct slice){ &byte, 1 }), 0);
}

/* As many whole records as fit, one at least, and their text is the same in each run. */
Test(produce_head, payload_fills_the_batch)
{
	static const struct {
		uint32_t batch_bytes, record_bytes, records;
	} rows[] = { { 131072, 1024, 126 }, { 4096, 4026, 1 }, { 100, 5000, 1 }, { 4096, 0, 512 } };
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct payload payload, again;
		cr_assert_eq(payload_build(&payload, rows[i].batch_bytes, rows[i].record_bytes), 0);
		cr_assert_eq(payload_build(&again, rows[i].batch_bytes, rows[i].record_bytes), 0);
		cr_expect_eq(payload.records, rows[i].records, "row %zu has %u records", i, payload.records);
		struct batch batch;
		cr_expect_eq(batch_parse_checked((struct slice){ payload.batch, payload.size_bytes }, &batch), 0);
		cr_expect_eq(batch.records_count, (int32_t)payload.records);
		if (rows[i].records > 1)
			cr_expect_leq(payload.size_bytes, rows[i].batch_bytes);
		cr_expect_eq(memcmp(payload.batch + BATCH_HEADER_SIZE, again.batch + BATCH_HEADER_SIZE,
				    payload.size_bytes - BATCH_HEADER_SIZE), 0);
		payload_free(&payload);
		payload_free(&again);
	}
}

static size_t encode_answer(uint8_t *out, size_t capacity, struct kmsg_produce_partition_result *results, int32_t count)
{
	struct kmsg_produce_topic_result topic = { .name = slice_from("orders"), .partition_responses = { results, count } };
	struct kmsg_produce_response response = { .responses = { &topic, 1 } };
	struct kmsg_response_header header = { .correlation_id = 5 };
	struct writer writer = writer_into(out, capacity);
	kmsg_response_header_encode(&writer, 1, &header);
	kmsg_produce_response_encode(&writer, PRODUCE_VERSION, &response);
	cr_assert_eq(writer.error, 0);
	return writer.position;
}

/* The error code and the partition are read; an answer for two partitions, or cut short anywhere, is none. */
Test(produce_head, answers_are_read_or_refused)
{
	uint8_t bytes[512], memory[2048];
	struct arena arena;
	struct produce_answer answer;
	struct kmsg_produce_partition_result results[2];
	arena_init(&arena, memory, sizeof memory, sizeof memory);
	for (int i = 0; i < 2; i++) {
		kmsg_produce_partition_result_init(&results[i]);
		results[i].index = 3 + i;
		results[i].error_code = 6;
		results[i].base_offset = -1;
	}
	size_t size = encode_answer(bytes, sizeof bytes, results, 1);
	cr_assert(produce_answer_read((struct slice){ bytes, size }, &arena, &answer));
	cr_expect_eq(answer.partition, 3);
	cr_expect_eq(answer.error_code, 6);
	cr_expect_eq(answer.base_offset, -1);
	for (size_t cut = 0; cut < size; cut++)
		cr_expect_not(produce_answer_read((struct slice){ bytes, cut }, &arena, &answer), "%zu bytes were enough", cut);
	size = encode_answer(bytes, sizeof bytes, results, 2);
	cr_expect_not(produce_answer_read((struct slice){ bytes, size }, &arena, &answer));
}
