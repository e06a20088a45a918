/* A request for one topic or partition is three structs, each with a list of one of the next. */
#include "tests/requests/requests.h"

#include <stdio.h>

#include "log/base/check.h"

#define HOLD_ONE(list, item) ((list).items = (item), (list).count = 1)

void ask_create_topic(struct create_topics_ask *ask, const char *name, int32_t partitions)
{
	kmsg_create_topics_request_init(&ask->in);
	kmsg_create_topics_topic_init(&ask->topic);
	ask->topic.name = slice_from(name);
	ask->topic.num_partitions = partitions;
	ask->topic.replication_factor = 1;
	HOLD_ONE(ask->in.topics, &ask->topic);
}

void ask_metadata(struct metadata_ask *ask, const char *name)
{
	kmsg_metadata_request_init(&ask->in);
	kmsg_metadata_topic_init(&ask->topic);
	ask->topic.name = slice_from(name);
	ask->in.allow_auto_topic_creation = false;
	HOLD_ONE(ask->in.topics, &ask->topic);
}

void ask_delete_records(struct delete_records_ask *ask, const char *name, uint32_t partition, int64_t offset, int32_t timeout_ms)
{
	kmsg_delete_records_request_init(&ask->in);
	kmsg_delete_records_topic_init(&ask->topic);
	kmsg_delete_records_partition_init(&ask->partition);
	ask->partition.partition_index = (int32_t)partition;
	ask->partition.offset = offset;
	ask->topic.name = slice_from(name);
	ask->in.timeout_ms = timeout_ms;
	HOLD_ONE(ask->topic.partitions, &ask->partition);
	HOLD_ONE(ask->in.topics, &ask->topic);
}

void ask_offset_commit(struct offset_commit_ask *ask, const char *group, const char *name, uint32_t partition, int64_t offset)
{
	kmsg_offset_commit_request_init(&ask->in);
	kmsg_offset_commit_topic_init(&ask->topic);
	kmsg_offset_commit_partition_init(&ask->partition);
	ask->partition.partition_index = (int32_t)partition;
	ask->partition.committed_offset = offset;
	ask->topic.name = slice_from(name);
	ask->in.group_id = slice_from(group);
	ask->in.generation_id_or_member_epoch = -1;
	ask->in.member_id = slice_from("");
	HOLD_ONE(ask->topic.partitions, &ask->partition);
	HOLD_ONE(ask->in.topics, &ask->topic);
}

void ask_offset_fetch(struct offset_fetch_ask *ask, const char *group, const char *name, uint32_t partition)
{
	kmsg_offset_fetch_request_init(&ask->in);
	kmsg_offset_fetch_group_init(&ask->group);
	kmsg_offset_fetch_group_topic_init(&ask->topic);
	ask->partition = (int32_t)partition;
	ask->topic.name = slice_from(name);
	ask->group.group_id = slice_from(group);
	HOLD_ONE(ask->topic.partition_indexes, &ask->partition);
	HOLD_ONE(ask->group.topics, &ask->topic);
	HOLD_ONE(ask->in.groups, &ask->group);
}

void ask_list_offsets(struct list_offsets_ask *ask, const char *name, uint32_t partition, int64_t timestamp)
{
	kmsg_list_offsets_request_init(&ask->in);
	kmsg_list_offsets_topic_init(&ask->topic);
	kmsg_list_offsets_partition_init(&ask->partition);
	ask->partition.partition_index = (int32_t)partition;
	ask->partition.timestamp = timestamp;
	ask->topic.name = slice_from(name);
	ask->in.replica_id = -1;
	HOLD_ONE(ask->topic.partitions, &ask->partition);
	HOLD_ONE(ask->in.topics, &ask->topic);
}

void ask_produce(struct produce_ask *ask, const char *name, uint32_t partition, struct slice batch)
{
	kmsg_produce_request_init(&ask->in);
	kmsg_produce_topic_init(&ask->topic);
	ask->partition = (struct kmsg_produce_partition){.index = (int32_t)partition, .records.whole = batch};
	ask->topic.name = slice_from(name);
	ask->in.acks = -1;
	ask->in.timeout_ms = 30000;
	HOLD_ONE(ask->topic.partition_data, &ask->partition);
	HOLD_ONE(ask->in.topic_data, &ask->topic);
}

/* ---- from a request to a frame -------------------------------------------------------------------------------------------------- */

const struct kmsg_message *request_message(const char *api, const char *kind)
{
	char name[64];
	snprintf(name, sizeof name, "%s_%s", api, kind);
	const struct kmsg_message *message = kmsg_message_find(name);
	CHECK(message);
	return message;
}

size_t request_frame_size(const struct request_header *header, const struct kmsg_message *message, const void *body)
{
	struct writer counter = writer_counting();
	request_header_encode(&counter, header);
	message->encode(&counter, header->api_version, body);
	return 4 + counter.position;
}

void request_frame_write(const struct request_header *header, const struct kmsg_message *message, const void *body, uint8_t *out, size_t size)
{
	struct writer writer = writer_into(out, size);
	writer_int32(&writer, (int32_t)(size - 4));
	request_header_encode(&writer, header);
	message->encode(&writer, header->api_version, body);
	CHECK(writer.error == 0);
}
