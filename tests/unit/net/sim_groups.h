/* A group "g" on a simulated broker, without members, that has committed an offset of partition 0 of topic "t". */
#pragma once

#include "kmsg_find_coordinator.h"
#include "kmsg_offset_commit.h"
#include "kmsg_offset_fetch.h"
#include "net/wire/kerr.h"
#include "tests/unit/net/sim_fixture.h"

static inline void sim_find_coordinator(struct sim_client *client)
{
	struct kmsg_find_coordinator_request in;
	struct kmsg_find_coordinator_response out;
	kmsg_find_coordinator_request_init(&in);
	in.key = slice_from("g");
	sim_call(client, "find_coordinator", 2, &in, &out);
	cr_assert_eq(out.error_code, 0);
}

static inline void sim_send_commit(struct sim_client *client, int64_t offset)
{
	struct kmsg_offset_commit_partition partition;
	struct kmsg_offset_commit_topic topic;
	struct kmsg_offset_commit_request in;
	kmsg_offset_commit_partition_init(&partition);
	kmsg_offset_commit_topic_init(&topic);
	kmsg_offset_commit_request_init(&in);
	partition.committed_offset = offset;
	topic.name = slice_from("t");
	topic.partitions.items = &partition;
	topic.partitions.count = 1;
	in.group_id = slice_from("g");
	in.generation_id_or_member_epoch = -1;
	in.topics.items = &topic;
	in.topics.count = 1;
	sim_send(client, "offset_commit", 8, &in);
}

/* The error of the answer to a commit; -1: none comes within so long. */
static inline int sim_receive_commit(struct sim_client *client, uint64_t within_ns)
{
	struct kmsg_offset_commit_response out;
	return sim_receive(client, "offset_commit", 8, &out, within_ns) ? out.topics.items[0].partitions.items[0].error_code : -1;
}

static inline void sim_send_fetch_offset(struct sim_client *client)
{
	struct kmsg_offset_fetch_group group;
	struct kmsg_offset_fetch_request in;
	kmsg_offset_fetch_group_init(&group);
	kmsg_offset_fetch_request_init(&in);
	group.group_id = slice_from("g");
	in.groups.items = &group;
	in.groups.count = 1;
	sim_send(client, "offset_fetch", 8, &in);
}

/* What is committed; -1: no answer; -2: nothing is; -1000 - code: an error. */
static inline int64_t sim_receive_offset(struct sim_client *client, uint64_t within_ns)
{
	struct kmsg_offset_fetch_response out;
	if (!sim_receive(client, "offset_fetch", 8, &out, within_ns))
		return -1;
	if (out.groups.items[0].error_code)
		return -1000 - out.groups.items[0].error_code;
	if (out.groups.items[0].topics.count == 0)
		return -2;
	return out.groups.items[0].topics.items[0].partitions.items[0].committed_offset;
}
