/* Produce against a broker: what is refused before the log sees it, in Kafka's order, and what a refusal leaves behind: nothing. (Offsets, acks and throttling:
 * tests/unit/net/quirks, tests/unit/net/test_server.c.) */
#include "admin_fixture.h"

#include "kmsg_find_coordinator.h"
#include "kmsg_init_producer_id.h"
#include "kmsg_list_offsets.h"

static int64_t end_offset(struct client *client, const char *name)
{
	struct kmsg_list_offsets_partition item;
	kmsg_list_offsets_partition_init(&item);
	item.timestamp = -1;
	struct kmsg_list_offsets_topic topic = {.name = slice_from(name), .partitions = {&item, 1}};
	struct kmsg_list_offsets_request in;
	struct kmsg_list_offsets_response out;
	kmsg_list_offsets_request_init(&in);
	in.topics.items = &topic;
	in.topics.count = 1;
	client_call(client, "list_offsets", 7, &in, &out);
	cr_assert_eq(out.topics.items[0].partitions.items[0].error_code, 0);
	return out.topics.items[0].partitions.items[0].offset;
}

static struct slice one_record(uint8_t *out, size_t capacity, int16_t attributes)
{
	struct batch_builder_options options = BATCH_BUILDER_PLAIN;
	struct batch_builder builder;
	struct record record = {.timestamp_ms = 1, .key = slice_from("k"), .value = slice_from("v")};
	uint32_t size;
	options.attributes = attributes;
	options.producer_id = 5;
	options.producer_epoch = 0;
	options.base_sequence = 0;
	cr_assert_eq(batch_builder_open(&builder, NULL, &options, out, capacity), 0);
	cr_assert_eq(batch_builder_append(&builder, &record), 0);
	cr_assert_eq(batch_builder_finish(&builder, &size), 0);
	return (struct slice){out, size};
}

/* A batch of a transaction, though the request names its transaction's id: there are no transactions, so none can be open. */
Test(produce, a_batch_of_a_transaction_is_refused)
{
	struct admin admin;
	struct produce_one one;
	struct kmsg_produce_response out;
	uint8_t bytes[512];
	admin_open(&admin, NULL);
	create_topic(&admin.client, "t", 1, NULL);
	for (int has_id = 0; has_id < 2; has_id++) {
		produce_one(&one, "t", 0, -1, one_record(bytes, sizeof bytes, BATCH_IS_TRANSACTIONAL));
		if (has_id)
			one.in.transactional_id = slice_from("tx");
		client_call(&admin.client, "produce", 9, &one.in, &out);
		cr_expect_eq(produce_result(&out).error_code, has_id ? KERR_INVALID_TXN_STATE : KERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, "%s",
			     kerr_name(produce_result(&out).error_code));
	}
	cr_expect_eq(end_offset(&admin.client, "t"), 0);
	admin_close(&admin);
}

/* The groups' own topic is written by the broker, and by those that say that they are administrators of it; by nobody else. */
Test(produce, clients_do_not_write_the_groups_topic)
{
	static const char *const settings[] = {"offsets.topic.num.partitions", "1", NULL};
	static const char topic[] = "__consumer_offsets";
	struct admin admin;
	struct kmsg_find_coordinator_request find;
	struct kmsg_find_coordinator_response found;
	struct produce_one one;
	struct kmsg_produce_response out;
	uint8_t bytes[512];
	admin_open(&admin, settings);
	kmsg_find_coordinator_request_init(&find);
	find.key = slice_from("any");
	client_call(&admin.client, "find_coordinator", 2, &find, &found); /* makes it */
	for (int is_admin = 0; is_admin < 2; is_admin++) {
		admin.client.client_id = is_admin ? "__admin_client" : "test";
		client_call(&admin.client, "produce", 9, produce_one(&one, topic, 0, -1, one_record(bytes, sizeof bytes, 0)), &out);
		cr_expect_eq(produce_result(&out).error_code, is_admin ? KERR_NONE : KERR_INVALID_TOPIC_EXCEPTION, "%s",
			     kerr_name(produce_result(&out).error_code));
		cr_expect_eq(end_offset(&admin.client, topic), is_admin);
	}
	admin_close(&admin);
}

/* Two batches in the place of one are refused as such, whatever else is wrong with the request: Kafka looks at the records before it looks at acks. */
Test(produce, two_batches_are_not_one)
{
	struct admin admin;
	struct produce_one one;
	struct kmsg_produce_response out;
	uint8_t bytes[1024];
	admin_open(&admin, NULL);
	create_topic(&admin.client, "t", 1, NULL);
	struct slice first = one_record(bytes, sizeof bytes, 0);
	memcpy(bytes + first.size, bytes, first.size);
	for (int16_t acks = -1; acks <= 2; acks += 3) {
		client_call(&admin.client, "produce", 9, produce_one(&one, "t", 0, acks, (struct slice){bytes, 2 * first.size}), &out);
		cr_expect_eq(produce_result(&out).error_code, KERR_INVALID_RECORD, "acks %d: %s", acks, kerr_name(produce_result(&out).error_code));
	}
	client_call(&admin.client, "produce", 9, produce_one(&one, "t", 0, 2, first), &out);
	cr_expect_eq(produce_result(&out).error_code, KERR_INVALID_REQUIRED_ACKS);
	cr_expect_eq(end_offset(&admin.client, "t"), 0);
	admin_close(&admin);
}

#define ASKS 30

/* Nobody gets a producer id that another has had: of the same shard, of another, or in a life before. */
Test(produce, producer_ids_are_given_once)
{
	struct admin admin;
	int64_t ids[2 * ASKS];
	struct kmsg_init_producer_id_request in;
	struct kmsg_init_producer_id_response out;
	admin_open(&admin, NULL);
	kmsg_init_producer_id_request_init(&in);
	in.producer_id = -1;
	in.producer_epoch = -1;
	for (int i = 0; i < 2 * ASKS; i++) {
		if (i == ASKS) {
			client_close(&admin.client);
			client_close(&admin.other);
			broker_restart(&admin.broker);
			client_open(&admin.client, &admin.broker);
			client_open(&admin.other, &admin.broker);
		}
		client_call(i % 3 ? &admin.client : &admin.other, "init_producer_id", 4, &in, &out);
		cr_assert_eq(out.error_code, 0);
		ids[i] = out.producer_id;
		for (int before = 0; before < i; before++)
			cr_expect_neq(ids[before], ids[i], "the %dth and the %dth", before, i);
	}
	admin_close(&admin);
}
