/* A broker, a client, and reads in one line, for the tests of what clients rely on (tests/quirks.md). */
#pragma once

#include "tests/unit/net/server_fixture.h"

#include "kmsg_fetch.h"
#include "kmsg_list_offsets.h"
#include "net/wire/kerr.h"

struct quirk {
	struct broker broker;
	struct client client;
};

static void quirk_open(struct quirk *quirk, uint32_t shards, const char *const *settings)
{
	broker_start(&quirk->broker, shards, settings);
	client_open(&quirk->client, &quirk->broker);
}

static void quirk_close(struct quirk *quirk)
{
	client_close(&quirk->client);
	broker_end(&quirk->broker);
}

static void quirk_restart(struct quirk *quirk)
{
	client_close(&quirk->client);
	broker_restart(&quirk->broker);
	client_open(&quirk->client, &quirk->broker);
}

/* One batch of `count` records of 100 bytes; their times are 1600000000000 and the milliseconds after it.
 * Returns the error. */
static enum kerr produce(struct client *client, int version, const char *topic, const struct uuid *id,
			 int32_t partition, int count)
{
	static uint8_t memory[1 << 20];
	struct produce_one one;
	struct kmsg_produce_response out;
	produce_one(&one, topic, partition, -1, make_batch(memory, sizeof memory, count, 100));
	if (id)
		one.topic.topic_id = *id;
	client_call(client, "produce", version, &one.in, &out);
	return produce_result(&out).error_code;
}

struct fetch_call {
	struct kmsg_fetch_request in;
	struct kmsg_fetch_topic topic;
	struct kmsg_fetch_partition partition;
	struct kmsg_fetch_response out;
};

static void fetch_prepare(struct fetch_call *call, const char *topic, const struct uuid *id, int32_t partition,
			  int64_t offset)
{
	kmsg_fetch_request_init(&call->in);
	kmsg_fetch_topic_init(&call->topic);
	kmsg_fetch_partition_init(&call->partition);
	call->partition.partition = partition;
	call->partition.fetch_offset = offset;
	call->partition.partition_max_bytes = 1 << 20;
	call->topic.topic = slice_from(topic);
	if (id)
		call->topic.topic_id = *id;
	call->topic.partitions.items = &call->partition;
	call->topic.partitions.count = 1;
	call->in.topics.items = &call->topic;
	call->in.topics.count = 1;
}

static struct kmsg_fetch_partition_result fetch_run(struct fetch_call *call, struct client *client, int version)
{
	client_call(client, "fetch", version, &call->in, &call->out);
	cr_assert_eq(call->out.error_code, 0);
	cr_assert_eq(call->out.responses.count, 1);
	cr_assert_eq(call->out.responses.items[0].partitions.count, 1);
	return call->out.responses.items[0].partitions.items[0];
}

static struct kmsg_list_offsets_partition_result list_offset(struct client *client, int version,
							     const char *topic, int32_t partition,
								int64_t timestamp)
{
	struct kmsg_list_offsets_partition item;
	kmsg_list_offsets_partition_init(&item);
	item.partition_index = partition;
	item.timestamp = timestamp;
	item.current_leader_epoch = -1;
	struct kmsg_list_offsets_topic in_topic = {.name = slice_from(topic), .partitions = {&item, 1}};
	struct kmsg_list_offsets_request in;
	struct kmsg_list_offsets_response out;
	kmsg_list_offsets_request_init(&in);
	in.replica_id = -1;
	in.topics.items = &in_topic;
	in.topics.count = 1;
	client_call(client, "list_offsets", version, &in, &out);
	cr_assert_eq(out.topics.count, 1);
	cr_assert_eq(out.topics.items[0].partitions.count, 1);
	return out.topics.items[0].partitions.items[0];
}
