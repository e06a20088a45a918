/* DescribeProducers against a broker. */
#include "admin_fixture.h"

#include "kmsg_describe_producers.h"
#include "kmsg_init_producer_id.h"

static int64_t new_producer(struct client *client)
{
	struct kmsg_init_producer_id_request in;
	struct kmsg_init_producer_id_response out;
	kmsg_init_producer_id_request_init(&in);
	in.transactional_id = (struct slice){0};
	client_call(client, "init_producer_id", 4, &in, &out);
	cr_assert_eq(out.error_code, 0);
	return out.producer_id;
}

/* One batch of three records of an idempotent producer. */
static void produce_as(struct client *client, const char *topic, int32_t partition, int64_t producer_id, int32_t sequence)
{
	uint8_t memory[1024];
	struct batch_builder builder;
	uint32_t size;
	struct batch_builder_options options = BATCH_BUILDER_PLAIN;
	options.producer_id = producer_id;
	options.producer_epoch = 0;
	options.base_sequence = sequence;
	cr_assert_eq(batch_builder_open(&builder, NULL, &options, memory, sizeof memory), 0);
	for (int i = 0; i < 3; i++) {
		struct record record = {.timestamp_ms = 1600000000000 + sequence + i};
		cr_assert_eq(batch_builder_append(&builder, &record), 0);
	}
	cr_assert_eq(batch_builder_finish(&builder, &size), 0);
	struct produce_one one;
	struct kmsg_produce_response out;
	client_call(client, "produce", 9, produce_one(&one, topic, partition, -1, (struct slice){memory, size}), &out);
	cr_assert_eq(produce_result(&out).error_code, 0);
}

static struct kmsg_describe_producers_response describe(struct client *client, const char *topic, const int32_t *partitions, int count)
{
	struct kmsg_describe_producers_topic asked = {.name = slice_from(topic), .partition_indexes = {(int32_t *)partitions, count}};
	struct kmsg_describe_producers_request in;
	struct kmsg_describe_producers_response out;
	kmsg_describe_producers_request_init(&in);
	in.topics.items = &asked;
	in.topics.count = 1;
	client_call(client, "describe_producers", 0, &in, &out);
	cr_assert_eq(out.topics.count, 1);
	cr_assert_eq(out.topics.items[0].partitions.count, count);
	return out;
}

/* Each producer with its epoch, its last sequence and time; no transaction; partitions that nobody idempotent wrote to have none. */
Test(describe_producers, what_partitions_remember)
{
	static const int32_t all[] = {0, 1, 2};
	struct admin admin;
	admin_open(&admin, NULL);
	create_topic(&admin.client, "t", 3, NULL);
	int64_t one = new_producer(&admin.client), two = new_producer(&admin.other);
	cr_assert_neq(one, two);
	produce_as(&admin.client, "t", 0, one, 0);
	produce_as(&admin.client, "t", 0, one, 3);
	produce_as(&admin.client, "t", 0, two, 0);
	produce_as(&admin.client, "t", 2, two, 0);
	struct kmsg_describe_producers_response out = describe(&admin.other, "t", all, 3);
	static const int counts[] = {2, 0, 1};
	for (int p = 0; p < 3; p++) {
		const struct kmsg_describe_producers_partition *partition = &out.topics.items[0].partitions.items[p];
		cr_expect_eq(partition->partition_index, p);
		check_outcome("partition", KERR_NONE, NULL, partition->error_code, partition->error_message);
		cr_assert_eq(partition->active_producers.count, counts[p], "partition %d: %d", p, partition->active_producers.count);
		for (int i = 0; i < counts[p]; i++) {
			const struct kmsg_describe_producers_producer *producer = &partition->active_producers.items[i];
			cr_expect(producer->producer_id == one || producer->producer_id == two);
			int32_t last = producer->producer_id == one ? 5 : 2;
			cr_expect_eq(producer->last_sequence, last, "partition %d: %d", p, producer->last_sequence);
			cr_expect_eq(producer->last_timestamp, 1600000000000 + last);
			cr_expect_eq(producer->producer_epoch, 0);
			cr_expect_eq(producer->coordinator_epoch, -1);
			cr_expect_eq(producer->current_txn_start_offset, -1);
		}
	}
	admin_close(&admin);
}

/* Unknown partitions and topics, and names that are not allowed, each with Kafka's answer. */
Test(describe_producers, refusals)
{
	static const struct {
		const char *topic;
		int32_t partition;
		enum kerr error;
		const char *message;
	} cases[] = {
		{"t", 1, KERR_UNKNOWN_TOPIC_OR_PARTITION, NULL},
		{"t", -1, KERR_UNKNOWN_TOPIC_OR_PARTITION, NULL},
		{"t", INT32_MAX, KERR_UNKNOWN_TOPIC_OR_PARTITION, NULL},
		{"nope", 0, KERR_UNKNOWN_TOPIC_OR_PARTITION, "This server does not host this topic-partition."},
		{"a b", 0, KERR_INVALID_TOPIC_EXCEPTION, "Topic name is invalid: 'a b' contains"},
	};
	struct admin admin;
	admin_open(&admin, NULL);
	create_topic(&admin.client, "t", 1, NULL);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct kmsg_describe_producers_response out = describe(&admin.client, cases[i].topic, &cases[i].partition, 1);
		const struct kmsg_describe_producers_partition *got = &out.topics.items[0].partitions.items[0];
		check_outcome(cases[i].topic, cases[i].error, cases[i].message, got->error_code, got->error_message);
		cr_expect_eq(got->active_producers.count, 0);
	}
	describe(&admin.client, "t", NULL, 0);
	admin_close(&admin);
}
