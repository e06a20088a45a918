/* What tests of the groups' host ask a broker. */
#pragma once

#include "tests/unit/net/server_fixture.h"

#include "kmsg_find_coordinator.h"
#include "kmsg_list_offsets.h"
#include "kmsg_offset_fetch.h"
#include "net/route/group_host.h"

/* The first time makes __consumer_offsets. */
static int find_coordinator(struct client *client, const char *group)
{
	struct kmsg_find_coordinator_request in;
	struct kmsg_find_coordinator_response out;
	kmsg_find_coordinator_request_init(&in);
	in.key = slice_from(group);
	client_call(client, "find_coordinator", 2, &in, &out);
	return out.error_code;
}

/* Of a partition of __consumer_offsets: no coordinator is asked. */
static int64_t list_offset(struct client *client, uint32_t partition, int64_t time)
{
	struct kmsg_list_offsets_partition one = {.partition_index = (int32_t)partition, .current_leader_epoch = -1, .timestamp = time, .append_time_of = -1};
	struct kmsg_list_offsets_topic topic = {.name = slice_from(GROUP_TOPIC), .partitions = {&one, 1}};
	struct kmsg_list_offsets_request in;
	struct kmsg_list_offsets_response out;
	kmsg_list_offsets_request_init(&in);
	in.replica_id = -1;
	in.topics.items = &topic;
	in.topics.count = 1;
	client_call(client, "list_offsets", 7, &in, &out);
	cr_assert_eq(out.topics.items[0].partitions.items[0].error_code, 0);
	return out.topics.items[0].partitions.items[0].offset;
}

/* What a group has committed for the one partition it knows; -1: nothing; -1000 - code: an error. */
static inline int64_t group_committed(struct client *client, const char *group)
{
	struct kmsg_offset_fetch_group one;
	struct kmsg_offset_fetch_request in;
	struct kmsg_offset_fetch_response out;
	kmsg_offset_fetch_group_init(&one);
	kmsg_offset_fetch_request_init(&in);
	one.group_id = slice_from(group);
	in.groups.items = &one;
	in.groups.count = 1;
	client_call(client, "offset_fetch", 8, &in, &out);
	cr_assert_eq(out.groups.count, 1);
	if (out.groups.items[0].error_code)
		return -1000 - out.groups.items[0].error_code;
	return out.groups.items[0].topics.count ? out.groups.items[0].topics.items[0].partitions.items[0].committed_offset : -1;
}
