/* What clients conclude from the ranges of ApiVersions, and that each version offered is answered. */
#include "quirk_fixture.h"

#include "kmsg_api_versions.h"
#include "kmsg_apis.h"
#include "kmsg_describe_acls.h"
#include "net/api/api.h"

static void ask_versions(struct client *client, int version, struct kmsg_api_versions_response *out)
{
	struct kmsg_api_versions_request in;
	kmsg_api_versions_request_init(&in);
	in.client_software_name = in.client_software_version = slice_from("test");
	client_call(client, "api_versions", version, &in, out);
	cr_assert_eq(out->error_code, 0);
}

static const struct kmsg_api_versions_range *range_of(const struct kmsg_api_versions_response *out, int key)
{
	for (int32_t i = 0; i < out->api_keys.count; i++)
		if (out->api_keys.items[i].api_key == key)
			return &out->api_keys.items[i];
	return NULL;
}

enum { PRODUCE, FETCH, LIST_OFFSETS, METADATA, FIND_COORDINATOR = 10, API_VERSIONS = 18, INIT_PRODUCER_ID = 22, OFFSET_FOR_LEADER_EPOCH, DESCRIBE_ACLS = 29 };

/* librdkafka up to 2.11 switches features on where a range overlaps: each row is one of its gates, or a version that some client sends whatever
 * is offered. */
Test(versions, ranges_that_clients_look_for)
{
	static const struct {
		const char *why;
		int key, from, to;
	} gates[] = {
		{"MSGVER2: headers, idempotence", PRODUCE, 3, 3},
		{"MSGVER2", FETCH, 4, 4},
		{"LZ4", FIND_COORDINATOR, 0, 0},
		{"ZSTD", PRODUCE, 7, 7},
		{"ZSTD", FETCH, 10, 10},
		{"idempotence", INIT_PRODUCER_ID, 0, 0},
		{"OFFSET_TIME", LIST_OFFSETS, 1, 1},
		{"ApiVersion", API_VERSIONS, 0, 0},
		{"gzip, snappy and lz4 are sent at all (KAFKA-18659)", PRODUCE, 0, 0},
		{"truncation is detected", OFFSET_FOR_LEADER_EPOCH, 2, 2},
		{"rskafka and kafka-python 2.0.2 fetch with 4 only", FETCH, 4, 4},
		{"kafka-python 2.0.2 probes with Metadata 0", METADATA, 0, 0},
		{"kafka-go has fixed versions", PRODUCE, 7, 7},
		{"kafka-go", FETCH, 10, 10},
		{"kafka-go", FETCH, 5, 5},
		{"kafka-go", METADATA, 1, 1},
		{"kafka-go", METADATA, 6, 6},
		{"the REST proxy needs Metadata 2 or later (redpanda #1559)", METADATA, 2, 13},
		{"rskafka: DeleteRecords 2", 21, 2, 2},
		{"rskafka: CreateTopics", 19, 2, 5},
		{"Kafka Streams: CreateTopics 4 or later, for -1 replicas", 19, 4, 7},
		{"the Java admin client: DescribeTopicPartitions", 75, 0, 0},
		{"the Java admin client: DescribeCluster", 60, 0, 2},
		{"BROKER_BALANCED_CONSUMER: JoinGroup 0", 11, 0, 0},
		{"BROKER_BALANCED_CONSUMER: SyncGroup 0", 14, 0, 0},
		{"BROKER_BALANCED_CONSUMER: Heartbeat 0", 12, 0, 0},
		{"BROKER_BALANCED_CONSUMER: LeaveGroup 0", 13, 0, 0},
		{"BROKER_BALANCED_CONSUMER: OffsetFetch 1", 9, 1, 1},
		{"BROKER_BALANCED_CONSUMER: OffsetCommit 1 or 2", 8, 1, 2},
		{"static members need JoinGroup 5 wherever it is offered (redpanda #3842)", 11, 5, 9},
		{"librdkafka speaks the consumer protocol in version 1 alone", 68, 1, 1},
	};
	struct quirk quirk;
	struct kmsg_api_versions_response out;
	quirk_open(&quirk, 1, NULL);
	for (int version = 0; version <= 4; version++) {
		ask_versions(&quirk.client, version, &out);
		for (size_t i = 0; i < COUNT_OF(gates); i++) {
			const struct kmsg_api_versions_range *range = range_of(&out, gates[i].key);
			cr_assert_not_null(range, "%s: no API %d", gates[i].why, gates[i].key);
			cr_expect(range->min_version <= gates[i].to && range->max_version >= gates[i].from, "%s: %d-%d of API %d", gates[i].why,
				  range->min_version, range->max_version, gates[i].key);
		}
		for (int32_t i = 0; i < out.api_keys.count; i++)
			cr_expect(out.api_keys.items[i].min_version >= 0 && out.api_keys.items[i].min_version <= out.api_keys.items[i].max_version,
				  "aiokafka asserts min <= max: API %d", out.api_keys.items[i].api_key);
	}
	quirk_close(&quirk);
}

/* What must not be offered: topic ids without a Metadata that tells them (franz-go #1312), APIs whose mere presence makes clients
 * use them (telemetry 71, 72; transactions until they are there), and those between brokers. */
Test(versions, what_is_not_offered)
{
	static const int absent[] = {4, 5, 6, 7, 24, 25, 26, 27, 28, 58, 62, 63, 71, 72, 76, 78};
	struct quirk quirk;
	struct kmsg_api_versions_response out;
	quirk_open(&quirk, 1, NULL);
	ask_versions(&quirk.client, 4, &out);
	for (size_t i = 0; i < COUNT_OF(absent); i++)
		cr_expect_null(range_of(&out, absent[i]), "API %d", absent[i]);
	cr_expect(range_of(&out, METADATA)->max_version >= 10 || range_of(&out, PRODUCE)->max_version < 13);
	/* Clients ignore finalized features with a negative epoch; none may say transaction.version 2 (franz-go #1017). */
	cr_expect_geq(out.finalized_features_epoch, 0);
	for (int32_t i = 0; i < out.finalized_features.count; i++)
		cr_expect_neq(slice_equal(out.finalized_features.items[i].name, slice_from("transaction.version")), true);
	quirk_close(&quirk);
}

/* A default request: with what it cannot do without. */
static void *make_request(const struct kmsg_message *message)
{
	void *in = calloc(1, message->struct_size);
	message->init(in);
	if (message->key == PRODUCE)
		((struct kmsg_produce_request *)in)->acks = -1;
	if (message->key == DESCRIBE_ACLS)
		*(struct kmsg_describe_acls_request *)in = (struct kmsg_describe_acls_request){
			.resource_type_filter = 1, .pattern_type_filter = 1, .operation = 1, .permission_type = 1};
	if (message->key == API_VERSIONS) {
		struct kmsg_api_versions_request *versions = in;
		versions->client_software_name = versions->client_software_version = slice_from("test");
	}
	return in;
}

/* sarama and others end with "EOF" when a version they were offered closes the connection (redpanda #17581): each version of each API is
 * answered, in its own layout, on one connection. Produce before 3 is the one exception, and closes. */
Test(versions, each_one_offered_is_answered)
{
	struct quirk quirk;
	struct kmsg_api_versions_response ranges;
	struct client other;
	int answered = 0;
	quirk_open(&quirk, 2, NULL);
	client_open(&other, &quirk.broker);
	ask_versions(&quirk.client, 4, &ranges);
	for (int32_t i = 0; i < ranges.api_keys.count; i++) {
		const struct kmsg_api *api = kmsg_api_find(ranges.api_keys.items[i].api_key);
		cr_assert_not_null(api);
		char name[64];
		snprintf(name, sizeof name, "%s_request", api->name);
		void *in = make_request(kmsg_message_find(name));
		snprintf(name, sizeof name, "%s_response", api->name);
		void *out = calloc(1, kmsg_message_find(name)->struct_size);
		for (int version = api_find(api->key)->served_min; version <= ranges.api_keys.items[i].max_version; version++) {
			client_call(&other, api->name, version, in, out);
			answered++;
		}
		free(in);
		free(out);
	}
	cr_expect_gt(answered, 90, "%d versions", answered);
	client_close(&other);
	for (int version = 0; version < 3; version++) {
		static const uint8_t body[16];
		uint8_t request[4 + 8 + 2 + sizeof body] = {0, 0, 0, 8 + 2 + sizeof body, 0, 0, 0, (uint8_t)version, 0, 0, 0, 1, 0xff, 0xff};
		client_open(&other, &quirk.broker);
		client_send_raw(&other, request, sizeof request);
		cr_expect(client_is_closed(&other), "Produce %d", version);
		client_close(&other);
	}
	quirk_close(&quirk);
}

/* ApiVersions of the future is answered in the layout of version 0, with error 35 and the range of ApiVersions alone, whatever the body
 * holds; the connection stays, and the client asks again (kop #166, starlight #117, kafka-python #2602). */
Test(versions, a_later_api_versions_is_told_the_range)
{
	struct quirk quirk;
	struct kmsg_api_versions_response out;
	quirk_open(&quirk, 1, NULL);
	for (int version = 5; version < 200; version += 97) {
		uint8_t request[] = {0, 0, 0, 14, 0, 18, 0, (uint8_t)version, 0, 0, 0, 9, 0, 1, 'x', 0, 0xff, 0xff};
		client_send_raw(&quirk.client, request, sizeof request);
		cr_assert(client_receive(&quirk.client, "api_versions", 0, 9, &out));
		cr_expect_eq(out.error_code, KERR_UNSUPPORTED_VERSION);
		cr_assert_eq(out.api_keys.count, 1);
		cr_expect(out.api_keys.items[0].api_key == API_VERSIONS && out.api_keys.items[0].min_version == 0 && out.api_keys.items[0].max_version == 4);
		ask_versions(&quirk.client, 4, &out);
	}
	quirk_close(&quirk);
}
