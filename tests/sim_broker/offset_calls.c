#include "tests/sim_broker/offset_calls.h"

#include "kmsg_find_coordinator.h"
#include "kmsg_offset_commit.h"
#include "kmsg_offset_fetch.h"

bool offset_call_seek(struct peer *peer, const char *group, uint64_t tag, peer_done_fn *done)
{
	struct kmsg_find_coordinator_request in;
	kmsg_find_coordinator_request_init(&in);
	in.key = slice_from(group);
	return peer_call(peer, "find_coordinator", 3, &in, tag, done);
}

bool offset_call_commit(struct peer *peer, const struct committing *who, uint32_t partition, int64_t offset, uint64_t tag, peer_done_fn *done)
{
	struct kmsg_offset_commit_request in;
	struct kmsg_offset_commit_topic topic;
	struct kmsg_offset_commit_partition one;
	kmsg_offset_commit_request_init(&in);
	kmsg_offset_commit_topic_init(&topic);
	kmsg_offset_commit_partition_init(&one);
	one.partition_index = (int32_t)partition;
	one.committed_offset = offset;
	topic.name = slice_from(FIRST_TOPIC);
	topic.partitions.items = &one;
	topic.partitions.count = 1;
	in.group_id = slice_from(who->group);
	in.generation_id_or_member_epoch = who->generation;
	in.member_id = slice_from(who->member_id);
	in.group_instance_id = who->instance;
	in.topics.items = &topic;
	in.topics.count = 1;
	return peer_call(peer, "offset_commit", 9, &in, tag, done);
}

bool offset_call_look(struct peer *peer, const struct committing *who, uint32_t partition, uint64_t tag, peer_done_fn *done)
{
	struct kmsg_offset_fetch_request in;
	struct kmsg_offset_fetch_group one;
	struct kmsg_offset_fetch_group_topic topic;
	int32_t index = (int32_t)partition;
	kmsg_offset_fetch_request_init(&in);
	kmsg_offset_fetch_group_init(&one);
	kmsg_offset_fetch_group_topic_init(&topic);
	topic.name = slice_from(FIRST_TOPIC);
	topic.partition_indexes.items = &index;
	topic.partition_indexes.count = 1;
	one.group_id = slice_from(who->group);
	if (who->is_consumer_member) {
		one.member_id = slice_from(who->member_id);
		one.member_epoch = who->generation;
	}
	one.topics.items = &topic;
	one.topics.count = 1;
	in.groups.items = &one;
	in.groups.count = 1;
	return peer_call(peer, "offset_fetch", 9, &in, tag, done);
}
