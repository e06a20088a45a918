/* The questions of the wire client, one request each. Failure modes: a broker that does not know the request, or is not asked in its version, ends the
 * connection: -ECONNRESET. */
#include <errno.h>
#include <stdlib.h>

#include "cli/wire_client_priv.h"
#include "kmsg_consumer_group_describe.h"
#include "kmsg_describe_log_dirs.h"
#include "kmsg_list_groups.h"
#include "kmsg_list_offsets.h"
#include "kmsg_metadata.h"
#include "net/wire/kerr.h"

#define METADATA_VERSION 12
#define LOG_DIRS_VERSION 2
#define LOG_DIRS_VERSION_OF_DISKS 4
#define LIST_GROUPS_VERSION 4
#define LIST_OFFSETS_VERSION 7 /* flexible: with tagged fields */
#define OFFSET_LATEST (-1)
#define CONSUMER_GROUP_DESCRIBE_VERSION 0

/* ---- what a topic is ---------------------------------------------------------------------------------------------------- */

static void encode_metadata(struct writer *writer, const void *message)
{
	kmsg_metadata_request_encode(writer, METADATA_VERSION, message);
}

static int ask_metadata(struct wire_client *client, const char *name, struct wire_topic *out)
{
	struct kmsg_metadata_request request;
	struct kmsg_metadata_topic topic;
	struct kmsg_metadata_response response;
	struct reader reader;
	kmsg_metadata_request_init(&request);
	kmsg_metadata_topic_init(&topic);
	topic.name = slice_from(name);
	request.topics.items = &topic;
	request.topics.count = 1;
	request.allow_auto_topic_creation = false;
	int err = wire_client_call(client, KMSG_METADATA_KEY, METADATA_VERSION, encode_metadata, &request, &reader);
	err = err ? err : kmsg_metadata_response_decode(&reader, &client->arena, METADATA_VERSION, &response);
	if (err)
		return err;
	if (response.topics.count != 1 || response.topics.items[0].error_code)
		return -ENOENT;
	out->id = response.topics.items[0].topic_id;
	out->partition_count = response.topics.items[0].partitions.count < 0 ? 0 : (uint32_t)response.topics.items[0].partitions.count;
	return 0;
}

static void encode_log_dirs(struct writer *writer, const void *message)
{
	kmsg_describe_log_dirs_request_encode(writer, LOG_DIRS_VERSION, message);
}

static void take_sizes(struct wire_topic *out, const char *name, const struct kmsg_describe_log_dirs_result *dir)
{
	for (int32_t i = 0; i < dir->topics.count; i++) {
		const struct kmsg_describe_log_dirs_topic_result *topic = &dir->topics.items[i];
		if (!slice_equal(topic->name, slice_from(name)))
			continue;
		for (int32_t j = 0; j < topic->partitions.count; j++) {
			const struct kmsg_describe_log_dirs_partition *partition = &topic->partitions.items[j];
			if (partition->partition_index >= 0 && (uint32_t)partition->partition_index < out->partition_count && !partition->is_future_key)
				out->sizes_bytes[partition->partition_index] = partition->partition_size;
		}
	}
}

static int ask_sizes(struct wire_client *client, const char *name, struct wire_topic *out)
{
	struct kmsg_describe_log_dirs_request request;
	struct kmsg_describe_log_dirs_topic topic;
	struct kmsg_describe_log_dirs_response response;
	struct reader reader;
	kmsg_describe_log_dirs_request_init(&request);
	kmsg_describe_log_dirs_topic_init(&topic);
	int32_t *indexes = arena_alloc(&client->arena, (size_t)out->partition_count * sizeof *indexes);
	if (!indexes)
		return -ENOMEM;
	for (uint32_t i = 0; i < out->partition_count; i++)
		indexes[i] = (int32_t)i;
	topic.topic = slice_from(name);
	topic.partitions.items = indexes;
	topic.partitions.count = (int32_t)out->partition_count;
	request.topics.items = &topic;
	request.topics.count = 1;
	int err = wire_client_call(client, KMSG_DESCRIBE_LOG_DIRS_KEY, LOG_DIRS_VERSION, encode_log_dirs, &request, &reader);
	err = err ? err : kmsg_describe_log_dirs_response_decode(&reader, &client->arena, LOG_DIRS_VERSION, &response);
	for (int32_t i = 0; !err && i < response.results.count; i++)
		take_sizes(out, name, &response.results.items[i]);
	return err;
}

int wire_client_topic(struct wire_client *client, const char *name, struct wire_topic *out)
{
	*out = (struct wire_topic){0};
	arena_reset(&client->arena);
	int err = ask_metadata(client, name, out);
	if (err)
		return err;
	out->sizes_bytes = malloc((out->partition_count ? out->partition_count : 1) * sizeof *out->sizes_bytes);
	if (!out->sizes_bytes)
		return -ENOMEM;
	for (uint32_t i = 0; i < out->partition_count; i++)
		out->sizes_bytes[i] = -1;
	/* Sizes are told by the brokers that hold the partitions; what this one does not tell stays unknown. */
	return ask_sizes(client, name, out) == -ENOMEM ? -ENOMEM : 0;
}

/* ---- append times --------------------------------------------------------------------------------------------------------- */

static void encode_list_offsets(struct writer *writer, const void *message)
{
	kmsg_list_offsets_request_encode(writer, LIST_OFFSETS_VERSION, message);
}

/* Answers come as they were asked for; one that does not is not looked for. */
static void take_append_time(const struct kmsg_list_offsets_partition_result *told, struct wire_append_time *time)
{
	if (time->partition != told->partition_index || told->error_code || told->append_time.offset < 0)
		return;
	time->is_told = true;
	time->offset = told->append_time.offset;
	time->low_ms = told->append_time.low_ms;
	time->high_ms = told->append_time.high_ms;
	time->now_ms = told->append_time.now_ms;
}

static int ask_append_times(struct wire_client *client, struct kmsg_list_offsets_topic *topic, struct kmsg_list_offsets_response *out)
{
	struct kmsg_list_offsets_request request;
	struct reader reader;
	kmsg_list_offsets_request_init(&request);
	request.replica_id = -1;
	request.topics.items = topic;
	request.topics.count = 1;
	int err = wire_client_call(client, KMSG_LIST_OFFSETS_KEY, LIST_OFFSETS_VERSION, encode_list_offsets, &request, &reader);
	return err ? err : kmsg_list_offsets_response_decode(&reader, &client->arena, LIST_OFFSETS_VERSION, out);
}

int wire_client_append_times(struct wire_client *client, const char *topic, struct wire_append_time *times, uint32_t count)
{
	struct kmsg_list_offsets_topic asked;
	struct kmsg_list_offsets_response response;
	arena_reset(&client->arena);
	kmsg_list_offsets_topic_init(&asked);
	asked.name = slice_from(topic);
	asked.partitions.items = arena_alloc(&client->arena, (count + 1) * sizeof *asked.partitions.items);
	asked.partitions.count = (int32_t)count;
	if (!asked.partitions.items)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		struct kmsg_list_offsets_partition *one = &asked.partitions.items[i];
		kmsg_list_offsets_partition_init(one);
		one->partition_index = times[i].partition;
		one->timestamp = OFFSET_LATEST;
		one->append_time_of = times[i].of;
		times[i].is_told = false;
	}
	int err = ask_append_times(client, &asked, &response);
	bool is_whole = !err && response.topics.count == 1 && response.topics.items[0].partitions.count == (int32_t)count;
	for (uint32_t i = 0; is_whole && i < count; i++)
		take_append_time(&response.topics.items[0].partitions.items[i], &times[i]);
	return err;
}

/* ---- the disk --------------------------------------------------------------------------------------------------------------- */

static void encode_no_log_dirs(struct writer *writer, const void *message)
{
	kmsg_describe_log_dirs_request_encode(writer, LOG_DIRS_VERSION_OF_DISKS, message);
}

static const char *copy_path(struct wire_client *client, struct slice path)
{
	char *copy = arena_alloc(&client->arena, path.size + 1);
	if (!copy)
		return NULL;
	memcpy(copy, path.data, path.size);
	copy[path.size] = '\0';
	return copy;
}

/* Of no topic: the directories alone. */
int wire_client_disk(struct wire_client *client, struct wire_disk *out)
{
	struct kmsg_describe_log_dirs_request request;
	struct kmsg_describe_log_dirs_response response;
	struct reader reader;
	arena_reset(&client->arena);
	kmsg_describe_log_dirs_request_init(&request);
	request.topics.count = 0;
	int err = wire_client_call(client, KMSG_DESCRIBE_LOG_DIRS_KEY, LOG_DIRS_VERSION_OF_DISKS, encode_no_log_dirs, &request, &reader);
	err = err ? err : kmsg_describe_log_dirs_response_decode(&reader, &client->arena, LOG_DIRS_VERSION_OF_DISKS, &response);
	if (err || response.results.count < 1 || response.results.items[0].total_bytes < 0)
		return err ? err : -EOPNOTSUPP;
	const struct kmsg_describe_log_dirs_result *dir = &response.results.items[0];
	*out = (struct wire_disk){copy_path(client, dir->log_dir), dir->total_bytes, dir->usable_bytes};
	return out->path ? 0 : -ENOMEM;
}

/* ---- damage --------------------------------------------------------------------------------------------------------------- */

static void tell_damages(const struct kmsg_describe_log_dirs_topic_result *topic, wire_damage_fn *damage, void *context)
{
	for (int32_t i = 0; i < topic->partitions.count; i++)
		for (int32_t k = 0; k < topic->partitions.items[i].damages.count; k++)
			damage(context, topic->name, topic->partitions.items[i].partition_index, topic->partitions.items[i].damages.items[k].from_offset,
			       topic->partitions.items[i].damages.items[k].to_offset);
}

int wire_client_damages(struct wire_client *client, wire_damage_fn *damage, void *context)
{
	struct kmsg_describe_log_dirs_request request;
	struct kmsg_describe_log_dirs_response response;
	struct reader reader;
	arena_reset(&client->arena);
	kmsg_describe_log_dirs_request_init(&request);
	request.topics.count = -1;
	request.tells_damage = true;
	int err = wire_client_call(client, KMSG_DESCRIBE_LOG_DIRS_KEY, LOG_DIRS_VERSION, encode_log_dirs, &request, &reader);
	err = err ? err : kmsg_describe_log_dirs_response_decode(&reader, &client->arena, LOG_DIRS_VERSION, &response);
	for (int32_t i = 0; !err && i < response.results.count; i++)
		for (int32_t k = 0; k < response.results.items[i].topics.count; k++)
			tell_damages(&response.results.items[i].topics.items[k], damage, context);
	return err;
}

/* ---- names -------------------------------------------------------------------------------------------------------------- */

int wire_client_topic_names(struct wire_client *client, wire_name_fn *name, void *context)
{
	struct kmsg_metadata_request request;
	struct kmsg_metadata_response response;
	struct reader reader;
	kmsg_metadata_request_init(&request);
	arena_reset(&client->arena);
	int err = wire_client_call(client, KMSG_METADATA_KEY, METADATA_VERSION, encode_metadata, &request, &reader);
	err = err ? err : kmsg_metadata_response_decode(&reader, &client->arena, METADATA_VERSION, &response);
	for (int32_t i = 0; !err && i < response.topics.count; i++)
		name(context, response.topics.items[i].name);
	return err;
}

static void encode_list_groups(struct writer *writer, const void *message)
{
	kmsg_list_groups_request_encode(writer, LIST_GROUPS_VERSION, message);
}

int wire_client_group_names(struct wire_client *client, wire_name_fn *name, void *context)
{
	struct kmsg_list_groups_request request;
	struct kmsg_list_groups_response response;
	struct reader reader;
	kmsg_list_groups_request_init(&request);
	arena_reset(&client->arena);
	int err = wire_client_call(client, KMSG_LIST_GROUPS_KEY, LIST_GROUPS_VERSION, encode_list_groups, &request, &reader);
	err = err ? err : kmsg_list_groups_response_decode(&reader, &client->arena, LIST_GROUPS_VERSION, &response);
	for (int32_t i = 0; !err && i < response.groups.count; i++)
		name(context, response.groups.items[i].group_id);
	return err;
}

/* ---- a group ------------------------------------------------------------------------------------------------------------ */

static void encode_group_describe(struct writer *writer, const void *message)
{
	kmsg_consumer_group_describe_request_encode(writer, CONSUMER_GROUP_DESCRIBE_VERSION, message);
}

static int take_assignment(struct wire_client *client, const struct kmsg_consumer_group_describe_assignment *assignment, struct wire_group_member *out)
{
	size_t count = 0;
	for (int32_t i = 0; i < assignment->topic_partitions.count; i++)
		count += (size_t)assignment->topic_partitions.items[i].partitions.count;
	out->partitions = arena_alloc(&client->arena, (count + 1) * sizeof *out->partitions);
	if (!out->partitions)
		return -ENOMEM;
	for (int32_t i = 0; i < assignment->topic_partitions.count; i++) {
		const struct kmsg_consumer_group_describe_topic_partitions *topic = &assignment->topic_partitions.items[i];
		for (int32_t j = 0; j < topic->partitions.count; j++)
			out->partitions[out->partition_count++] = (struct wire_group_partition){topic->topic_name, topic->partitions.items[j]};
	}
	return 0;
}

static int take_group(struct wire_client *client, const struct kmsg_consumer_group_describe_group *group, struct wire_group *out)
{
	int err = 0;
	*out = (struct wire_group){.state = group->group_state, .assignor = group->assignor_name};
	out->members = arena_alloc(&client->arena, ((size_t)group->members.count + 1) * sizeof *out->members);
	if (!out->members)
		return -ENOMEM;
	for (int32_t i = 0; !err && i < group->members.count; i++) {
		const struct kmsg_consumer_group_describe_member *member = &group->members.items[i];
		struct wire_group_member *one = &out->members[out->member_count++];
		*one = (struct wire_group_member){
			.id = member->member_id, .client_id = member->client_id, .host = member->client_host, .instance_id = member->instance_id};
		err = take_assignment(client, &member->assignment, one);
	}
	return err;
}

int wire_client_group(struct wire_client *client, const char *name, struct wire_group *out)
{
	struct kmsg_consumer_group_describe_request request;
	struct kmsg_consumer_group_describe_response response;
	struct reader reader;
	struct slice group_id = slice_from(name);
	kmsg_consumer_group_describe_request_init(&request);
	request.group_ids.items = &group_id;
	request.group_ids.count = 1;
	arena_reset(&client->arena);
	int err = wire_client_call(client, KMSG_CONSUMER_GROUP_DESCRIBE_KEY, CONSUMER_GROUP_DESCRIBE_VERSION, encode_group_describe, &request, &reader);
	err = err ? err : kmsg_consumer_group_describe_response_decode(&reader, &client->arena, CONSUMER_GROUP_DESCRIBE_VERSION, &response);
	if (err)
		return err;
	if (response.groups.count != 1 || response.groups.items[0].error_code)
		return -ENOENT;
	return take_group(client, &response.groups.items[0], out);
}
