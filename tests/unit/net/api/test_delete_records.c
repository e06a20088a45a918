/* DeleteRecords against a broker. */
#include "admin_fixture.h"

#include "kmsg_delete_records.h"
#include "kmsg_list_offsets.h"

static struct kmsg_delete_records_partition_result remove_below(struct client *client, int version, const char *topic, int32_t partition, int64_t offset)
{
	struct kmsg_delete_records_partition item = {.partition_index = partition, .offset = offset};
	struct kmsg_delete_records_topic in_topic = {.name = slice_from(topic), .partitions = {&item, 1}};
	struct kmsg_delete_records_request in;
	struct kmsg_delete_records_response out;
	kmsg_delete_records_request_init(&in);
	in.topics.items = &in_topic;
	in.topics.count = 1;
	in.timeout_ms = 1000;
	client_call(client, "delete_records", version, &in, &out);
	cr_assert_eq(out.topics.count, 1);
	cr_assert_eq(out.topics.items[0].partitions.count, 1);
	return out.topics.items[0].partitions.items[0];
}

static int64_t earliest(struct client *client, const char *topic)
{
	struct kmsg_list_offsets_partition item;
	kmsg_list_offsets_partition_init(&item);
	item.timestamp = -2;
	item.current_leader_epoch = -1;
	struct kmsg_list_offsets_topic in_topic = {.name = slice_from(topic), .partitions = {&item, 1}};
	struct kmsg_list_offsets_request in;
	struct kmsg_list_offsets_response out;
	kmsg_list_offsets_request_init(&in);
	in.topics.items = &in_topic;
	in.topics.count = 1;
	client_call(client, "list_offsets", 7, &in, &out);
	return out.topics.items[0].partitions.items[0].offset;
}

/* The start moves up and never back; -1 is the high watermark; what makes no sense is refused and moves nothing. */
Test(delete_records, moves_the_start)
{
	static const struct {
		const char *what;
		int32_t partition;
		int64_t offset;
		enum kerr error;
		int64_t low_watermark;
		int64_t start;         /* afterwards */
	} cases[] = {
		{"into a batch", 0, 5, KERR_NONE, 5, 5},
		{"below the start", 0, 3, KERR_NONE, 5, 5},
		{"at the start", 0, 5, KERR_NONE, 5, 5},
		{"above the high watermark", 0, 21, KERR_OFFSET_OUT_OF_RANGE, -1, 5},
		{"below -1", 0, -2, KERR_OFFSET_OUT_OF_RANGE, -1, 5},
		{"the least number", 0, INT64_MIN, KERR_OFFSET_OUT_OF_RANGE, -1, 5},
		{"a partition that is not there", 2, 0, KERR_UNKNOWN_TOPIC_OR_PARTITION, -1, 5},
		{"a negative partition", -1, 0, KERR_UNKNOWN_TOPIC_OR_PARTITION, -1, 5},
		{"an empty partition", 1, -1, KERR_NONE, 0, 5},
		{"an empty partition, beyond its end", 1, 1, KERR_OFFSET_OUT_OF_RANGE, -1, 5},
		{"the high watermark", 0, 20, KERR_NONE, 20, 20},
		{"all", 0, -1, KERR_NONE, 20, 20},
	};
	struct admin admin;
	admin_open(&admin, NULL);
	create_topic(&admin.client, "r", 2, NULL);
	produce_tens(&admin.client, "r", 2);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct kmsg_delete_records_partition_result got = remove_below(&admin.client, 2, "r", cases[i].partition, cases[i].offset);
		cr_expect_eq(got.error_code, cases[i].error, "%s: %s", cases[i].what, kerr_name(got.error_code));
		cr_expect_eq(got.low_watermark, cases[i].low_watermark, "%s: %lld", cases[i].what, (long long)got.low_watermark);
		cr_expect_eq(earliest(&admin.other, "r"), cases[i].start, "%s", cases[i].what);
	}
	admin_close(&admin);
}

/* A topic that is compacted only keeps its old records; one that is deleted as well, or neither, does not. The broker's own are off limits. */
Test(delete_records, policies)
{
	static const struct {
		const char *name, *config;
		enum kerr error;
	} cases[] = {
		{"compacted", "cleanup.policy=compact", KERR_POLICY_VIOLATION},
		{"both", "cleanup.policy=compact,delete", KERR_NONE},
		{"neither", "cleanup.policy=", KERR_NONE},
		{"__transaction_state", NULL, KERR_INVALID_TOPIC_EXCEPTION},
		{"nope", NULL, KERR_UNKNOWN_TOPIC_OR_PARTITION},
		{"a b", NULL, KERR_UNKNOWN_TOPIC_OR_PARTITION},
	};
	struct admin admin;
	admin_open(&admin, NULL);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		if (cases[i].error != KERR_UNKNOWN_TOPIC_OR_PARTITION)
			create_topic(&admin.client, cases[i].name, 1, cases[i].config);
		struct kmsg_delete_records_partition_result got = remove_below(&admin.client, 2, cases[i].name, 0, 0);
		cr_expect_eq(got.error_code, cases[i].error, "%s: %s", cases[i].name, kerr_name(got.error_code));
		cr_expect_eq(got.low_watermark, cases[i].error ? -1 : 0, "%s", cases[i].name);
	}
	admin_close(&admin);
}

/* Every version deletes; the new start is there after a restart. */
Test(delete_records, survives_a_restart)
{
	struct admin admin;
	admin_open(&admin, NULL);
	create_topic(&admin.client, "r", 1, NULL);
	produce_tens(&admin.client, "r", 1);
	for (int version = 0; version <= 2; version++)
		cr_expect_eq(remove_below(&admin.client, version, "r", 0, 4 + version).low_watermark, 4 + version, "version %d", version);
	client_close(&admin.client);
	client_close(&admin.other);
	broker_restart(&admin.broker);
	client_open(&admin.client, &admin.broker);
	client_open(&admin.other, &admin.broker);
	cr_expect_eq(earliest(&admin.client, "r"), 6);
	admin_close(&admin);
}
