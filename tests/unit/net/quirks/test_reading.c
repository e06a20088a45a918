/* Fetch and ListOffsets as consumers rely on them. */
#include "quirk_fixture.h"

/* No transactions, so nothing is unstable: a reader of committed records sees the same, also where the log is empty (redpanda #3159), and every
 * position is told. Nobody is sent to another replica. Records are empty, never null. */
Test(reading, isolation_levels)
{
	struct quirk quirk;
	struct fetch_call call;
	quirk_open(&quirk, 1, NULL);
	make_topic(&quirk.client, "t", 1);
	for (int round = 0; round < 2; round++) {
		int64_t end = 5 * round;
		for (int version = 4; version <= 12; version++)
			for (int8_t isolation = 0; isolation < 2; isolation++) {
				fetch_prepare(&call, "t", NULL, 0, end);
				call.in.isolation_level = isolation;
				struct kmsg_fetch_partition_result result = fetch_run(&call, &quirk.client, version);
				cr_expect_eq(result.error_code, 0);
				cr_expect_eq(result.high_watermark, end);
				cr_expect_eq(result.last_stable_offset, end);
				cr_expect_eq(result.log_start_offset, version >= 5 ? 0 : -1);
				cr_expect_leq(result.aborted_transactions.count, 0);
				cr_expect_eq(result.preferred_read_replica, -1);
				cr_expect_not_null(result.records.whole.data, "version %d: null records", version);
				cr_expect_eq(result.records.whole.size, 0);
			}
		produce(&quirk.client, 9, "t", NULL, 0, 5);
	}
	quirk_close(&quirk);
}

/* An offset above the end is an error, not an empty answer (redpanda #4201). It tells no positions, as in Kafka: clients ask ListOffsets where to
 * go on. No other leader is named, since there is none (KIP-951). */
Test(reading, out_of_range)
{
	struct quirk quirk;
	struct fetch_call call;
	quirk_open(&quirk, 1, NULL);
	struct uuid id = make_topic(&quirk.client, "t", 1);
	produce(&quirk.client, 9, "t", NULL, 0, 5);
	for (int version = 4; version <= 18; version++) {
		fetch_prepare(&call, "t", &id, 0, 6);
		struct kmsg_fetch_partition_result result = fetch_run(&call, &quirk.client, version);
		cr_expect_eq(result.error_code, KERR_OFFSET_OUT_OF_RANGE, "version %d", version);
		cr_expect_eq(result.high_watermark, -1, "version %d", version);
		cr_expect_eq(result.last_stable_offset, -1, "version %d", version);
		cr_expect_eq(result.log_start_offset, -1, "version %d", version);
		cr_expect(result.current_leader.leader_id == -1 && result.current_leader.leader_epoch == -1 && call.out.node_endpoints.count == 0);
		cr_expect_not_null(result.records.whole.data, "version %d: null records", version);
	}
	quirk_close(&quirk);
}

/* An answer starts on a batch boundary, with the batch that holds the offset, and ends on one (AutoMQ #560); also what comes from disk. The
 * first batch comes whole, however small the limits (KIP-74). */
Test(reading, whole_batches)
{
	struct quirk quirk;
	struct fetch_call call;
	quirk_open(&quirk, 1, NULL);
	make_topic(&quirk.client, "t", 1);
	for (int i = 0; i < 4; i++)
		produce(&quirk.client, 9, "t", NULL, 0, 10);
	for (int round = 0; round < 2; round++) {
		for (int64_t offset = 0; offset < 40; offset++)
			for (int32_t limit = 1; limit < 8192; limit *= 8) {
				fetch_prepare(&call, "t", NULL, 0, offset);
				call.in.max_bytes = call.partition.partition_max_bytes = limit;
				struct slice rest = fetch_run(&call, &quirk.client, 11).records.whole;
				int64_t expected = offset / 10 * 10;
				cr_assert_gt(rest.size, 0, "offset %lld, limit %d", (long long)offset, limit);
				while (rest.size) {
					struct batch batch;
					cr_assert_eq(batch_parse_checked(rest, &batch), 0, "offset %lld, limit %d", (long long)offset, limit);
					cr_assert_eq(batch.base_offset, expected);
					expected += batch.records_count;
					rest = (struct slice){rest.data + batch.size_bytes, rest.size - batch.size_bytes};
				}
			}
		quirk_restart(&quirk);
	}
	quirk_close(&quirk);
}

/* Leaves ones all over the memory that the next request gets. */
static void stain_memory(struct client *client)
{
	enum { COUNT = 200 };
	struct kmsg_list_offsets_partition partitions[COUNT];
	struct kmsg_list_offsets_topic topic;
	struct kmsg_list_offsets_request in;
	struct kmsg_list_offsets_response out;
	memset(partitions, 1, sizeof partitions);
	kmsg_list_offsets_topic_init(&topic);
	topic.name = slice_from("none");
	topic.partitions.items = partitions;
	topic.partitions.count = COUNT;
	kmsg_list_offsets_request_init(&in);
	in.topics.items = &topic;
	in.topics.count = 1;
	client_call(client, "list_offsets", 7, &in, &out);
}

/* Small batches lie in one segment and come in one answer, whatever the memory of a request held before. */
Test(reading, many_batches_in_one_answer)
{
	enum { BATCHES = 100 };
	struct quirk quirk;
	struct fetch_call call;
	quirk_open(&quirk, 1, NULL);
	make_topic(&quirk.client, "t", 1);
	for (int i = 0; i < BATCHES; i++) {
		stain_memory(&quirk.client);
		produce(&quirk.client, 9, "t", NULL, 0, 1);
	}
	fetch_prepare(&call, "t", NULL, 0, 0);
	call.in.max_bytes = call.partition.partition_max_bytes = 1 << 20;
	struct slice rest = fetch_run(&call, &quirk.client, 11).records.whole;
	int count = 0;
	for (struct batch batch; rest.size && batch_parse_checked(rest, &batch) == 0; count++)
		rest = (struct slice){rest.data + batch.size_bytes, rest.size - batch.size_bytes};
	cr_expect_eq(count, BATCHES, "%d batches", count);
	quirk_close(&quirk);
}

/* From version 13 on forgotten topics come with ids (Dekaf #815); a request that only forgets is answered. */
Test(reading, forgotten_topics)
{
	struct quirk quirk;
	struct kmsg_fetch_request in;
	struct kmsg_fetch_response out;
	quirk_open(&quirk, 1, NULL);
	int32_t partition = 0;
	struct kmsg_fetch_forgotten forgotten = {.topic = slice_from("t"), .topic_id = make_topic(&quirk.client, "t", 1), .partitions = {&partition, 1}};
	for (int version = 7; version <= 18; version++) {
		kmsg_fetch_request_init(&in);
		in.forgotten_topics_data.items = &forgotten;
		in.forgotten_topics_data.count = 1;
		client_call(&quirk.client, "fetch", version, &in, &out);
		cr_expect_eq(out.error_code, 0, "version %d", version);
		cr_expect_eq(out.session_id, 0, "version %d", version);
		cr_expect_eq(out.responses.count, 0, "version %d", version);
	}
	quirk_close(&quirk);
}

/* ListOffsets answers with the offset, the time of the record, and the epoch of that record, not the current one: with the wrong epoch a
 * consumer fences itself (redpanda #30101, #9850; kop #135). None found is no error. */
Test(reading, offsets_with_their_epochs)
{
	static const struct {
		int64_t asked, offset, timestamp;
		int32_t epoch;
	} rows[] = {
		{-1, 8, -1, 1},                        /* latest: the current epoch */
		{-2, 0, -1, 0},                        /* earliest: that of the first record */
		{-3, 7, 1600000000004, 1},             /* of the largest time */
		{-4, 0, -1, 0},                        /* earliest local */
		{-5, -1, -1, -1},                      /* latest tiered: there are no tiers */
		{-6, -1, -1, -1},                      /* earliest pending upload */
		{1600000000000, 0, 1600000000000, 0},
		{1600000000002, 2, 1600000000002, 0},
		{1600000000003, 6, 1600000000003, 1},  /* only the second epoch has it */
		{0, 0, 1600000000000, 0},
		{1600000000005, -1, -1, -1},           /* none */
		{INT64_MAX, -1, -1, -1},
	};
	struct quirk quirk;
	quirk_open(&quirk, 1, NULL);
	make_topic(&quirk.client, "t", 1);
	produce(&quirk.client, 9, "t", NULL, 0, 3);
	quirk_restart(&quirk);
	produce(&quirk.client, 9, "t", NULL, 0, 5);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct kmsg_list_offsets_partition_result result = list_offset(&quirk.client, 11, "t", 0, rows[i].asked);
		cr_expect_eq(result.error_code, 0, "%lld", (long long)rows[i].asked);
		cr_expect_eq(result.offset, rows[i].offset, "%lld: offset %lld", (long long)rows[i].asked, (long long)result.offset);
		cr_expect_eq(result.timestamp, rows[i].timestamp, "%lld: time %lld", (long long)rows[i].asked, (long long)result.timestamp);
		cr_expect_eq(result.leader_epoch, rows[i].epoch, "%lld: epoch %d", (long long)rows[i].asked, result.leader_epoch);
	}
	quirk_close(&quirk);
}
