/* What the golden bytes cannot show of the generated code: bytes no Kafka would write, and what it makes of them. */
#include "kmsg_api_versions.h"
#include "kmsg_describe_topic_partitions.h"
#include "kmsg_fetch.h"
#include "kmsg_metadata.h"
#include "kmsg_produce.h"

#include <criterion/criterion.h>

#define BYTES(...) ((struct slice){(const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})})

static struct arena arena;

static void set_up(void) { arena_init(&arena, NULL, 0, 1 << 16); }
static void tear_down(void) { arena_fini(&arena); }

TestSuite(messages, .init = set_up, .fini = tear_down);

/* Bytes behind a message are left alone, as Kafka leaves them: the caller may look, nobody must. */
Test(messages, trailing_bytes_are_left)
{
	struct reader r = reader_over(BYTES(0xff, 0xff, 0xff, 0xff, 1, 2, 3));
	struct kmsg_metadata_request m;
	cr_expect_eq(kmsg_metadata_request_decode(&r, &arena, 1, &m), 0);
	cr_expect_eq(m.topics.count, -1);
	cr_expect_eq(reader_left(&r), 3);
}

/* A tagged field nobody knows is skipped, at the end and inside an element, and is not written again. */
Test(messages, unknown_tags_are_skipped)
{
	struct slice wire = BYTES(2, /* topics */ 2, 't', /* tags of the topic */ 1, 100, 2, 9, 9, 1, 0, 0,
				  /* tags */ 2, 50, 0, 51, 1, 5);
	struct reader r = reader_over(wire);
	struct kmsg_metadata_request m;
	cr_expect_eq(kmsg_metadata_request_decode(&r, &arena, 9, &m), 0, "%s", r.reason);
	cr_expect_eq(reader_left(&r), 0);
	cr_assert_eq(m.topics.count, 1);
	cr_expect(slice_equal(m.topics.items[0].name, slice_from("t")));
	cr_expect_eq(m.allow_auto_topic_creation, true);
	cr_expect_eq(kmsg_metadata_request_size(&m, 9), wire.size - 4 - 5);
}

/* Null is refused in the versions that do not allow it: a topic's name before Metadata v10, all topics in v0. */
Test(messages, null_only_where_it_may_be)
{
	struct kmsg_metadata_request m;
	struct reader v9 = reader_over(BYTES(2, 0, 0, 1, 0, 0, 0));
	cr_expect_eq(kmsg_metadata_request_decode(&v9, &arena, 9, &m), -EBADMSG);
	struct reader v0 = reader_over(BYTES(0xff, 0xff, 0xff, 0xff));
	cr_expect_eq(kmsg_metadata_request_decode(&v0, &arena, 0, &m), -EBADMSG);
	struct reader v1 = reader_over(BYTES(0xff, 0xff, 0xff, 0xff));
	cr_expect_eq(kmsg_metadata_request_decode(&v1, &arena, 1, &m), 0);
}

/* A struct that may be null: absent, present, and cut off right behind the byte that announces it. */
Test(messages, nullable_struct)
{
	struct kmsg_describe_topic_partitions_request m;
	struct reader absent = reader_over(BYTES(1, 0, 0, 0, 5, 0xff, 0));
	cr_expect_eq(kmsg_describe_topic_partitions_request_decode(&absent, &arena, 0, &m), 0);
	cr_expect_null(m.cursor);
	struct reader present = reader_over(BYTES(1, 0, 0, 0, 5, 1, 2, 't', 0, 0, 0, 9, 0, 0));
	cr_expect_eq(kmsg_describe_topic_partitions_request_decode(&present, &arena, 0, &m), 0);
	cr_assert_not_null(m.cursor);
	cr_expect_eq(m.cursor->partition_index, 9);
	struct reader cut = reader_over(BYTES(1, 0, 0, 0, 5, 1));
	cr_expect_eq(kmsg_describe_topic_partitions_request_decode(&cut, &arena, 0, &m), -EBADMSG);
	cr_expect_null(m.cursor, "a message that failed is left at its defaults");
}

/* A count off the wire allocates no more than the arena allows, however many bytes follow it. */
Test(messages, counts_are_bounded_by_the_arena)
{
	static uint8_t wire[60000];
	struct writer w = writer_into(wire, sizeof wire);
	writer_int16(&w, -1);
	writer_int16(&w, 1);
	writer_int32(&w, 1000);
	writer_int32(&w, 50000);
	struct reader r = reader_over((struct slice){wire, sizeof wire});
	struct kmsg_produce_request m;
	cr_expect_eq(kmsg_produce_request_decode(&r, &arena, 8, &m), -ENOMEM);
	cr_expect_eq(m.topic_data.count, 0);
	cr_expect_leq(arena.reserved, 1 << 16);
}

/* A fetch response whose records lie elsewhere: the same bytes as if they had been copied. */
Test(messages, fetch_response_with_records_apart)
{
	static const struct slice pieces[] = {{(const uint8_t *)"first", 5}, {(const uint8_t *)"second", 6}};
	struct kmsg_fetch_partition_result partitions[2];
	kmsg_fetch_partition_result_init(&partitions[0]);
	kmsg_fetch_partition_result_init(&partitions[1]);
	partitions[0].records = (struct records){.pieces = pieces, .piece_count = 2};
	partitions[1].partition_index = 1;
	struct kmsg_fetch_topic_result topic;
	kmsg_fetch_topic_result_init(&topic);
	topic.topic = slice_from("t");
	topic.partitions.items = partitions;
	topic.partitions.count = 2;
	struct kmsg_fetch_response m;
	kmsg_fetch_response_init(&m);
	m.responses.items = &topic;
	m.responses.count = 1;

	for (int version = KMSG_FETCH_MIN; version <= KMSG_FETCH_MAX; version++) {
		uint8_t copied[512], buffer[512];
		struct writer plain = writer_into(copied, sizeof copied);
		kmsg_fetch_response_encode(&plain, version, &m);
		cr_expect_eq(plain.position, kmsg_fetch_response_size(&m, version));

		struct writer count = writer_counting_apart();
		kmsg_fetch_response_encode(&count, version, &m);
		cr_expect_eq(count.external_count, 2);
		cr_expect_eq(count.external_size, 11);
		cr_expect_eq(count.position + count.external_size, plain.position);

		struct writer_external externals[2];
		struct writer apart = writer_into_apart(buffer, count.position, externals, 2);
		kmsg_fetch_response_encode(&apart, version, &m);
		cr_expect_eq(apart.error, 0);
		cr_assert_eq(apart.external_count, 2);
		size_t at = externals[0].position;
		cr_expect_eq(externals[1].position, at, "the pieces follow each other");
		cr_expect_arr_eq(buffer, copied, at);
		cr_expect_arr_eq(copied + at, "firstsecond", 11);
		cr_expect_arr_eq(buffer + at, copied + at + 11, count.position - at);
	}
}

/* A partition's defaults answer an error as clients want it: no records but not null, offsets -1, no transactions. */
Test(messages, fetch_defaults_answer_an_error)
{
	struct kmsg_fetch_partition_result partition;
	kmsg_fetch_partition_result_init(&partition);
	cr_expect_not_null(partition.records.whole.data);
	cr_expect_eq(partition.records.whole.size, 0);
	cr_expect_eq(partition.last_stable_offset, -1);
	cr_expect_eq(partition.log_start_offset, -1);
	cr_expect_eq(partition.preferred_read_replica, -1);
	cr_expect_eq(partition.aborted_transactions.count, -1);
}

/* Decoding a produce request takes nothing from malloc as long as it fits the arena's first block; the records are
 * a view into the frame. */
Test(messages, produce_is_decoded_in_place)
{
	static uint8_t block[1024] __attribute__((aligned(16)));
	struct arena local;
	arena_init(&local, block, sizeof block, sizeof block);
	struct slice wire = BYTES(0xff, 0xff, 0, 1, 0, 0, 0x75, 0x30, 0, 0, 0, 1, 0, 1, 't', 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0,
				  3, 'r', 'e', 'c');
	struct reader r = reader_over(wire);
	struct kmsg_produce_request m;
	cr_expect_eq(kmsg_produce_request_decode(&r, &local, 7, &m), 0);
	cr_expect_null(m.transactional_id.data);
	cr_expect_eq(m.acks, 1);
	cr_expect_eq(m.timeout_ms, 30000);
	const struct kmsg_produce_partition *partition = &m.topic_data.items[0].partition_data.items[0];
	cr_expect_eq(partition->index, 4);
	cr_expect_eq(partition->records.whole.data, wire.data + wire.size - 3);
	cr_expect_null(local.blocks);
	arena_fini(&local);
}
