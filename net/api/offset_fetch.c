/* OffsetFetch: what groups have committed. From version 8 on several groups are asked for at once, each of its
 * own coordinator; before, one, which is brought into the newer form and back.
 *
 * Failures are a group's; version 1 has no place for that, and says it of every partition. */
#include "net/api/group_api.h"

struct offset_fetch_api {
	struct kmsg_offset_fetch_request in;
	struct kmsg_offset_fetch_response out;
	struct kmsg_offset_fetch_group *groups;
	struct kmsg_offset_fetch_group_result *results;
	uint32_t count;
	struct group_entry *entries;
};

static void run(struct group_task *task, struct coordinator *coordinator, struct group_clock clock)
{
	const struct group_entry *entry = CONTAINER_OF(task, struct group_entry, task);
	struct offset_fetch_api *api = entry->api;
	coordinator_offset_fetch(coordinator, clock, &task->call, &api->groups[entry->index], api->in.require_stable,
				 &api->results[entry->index]);
}

/* ---- versions 1 to 7 ---------------------------------------------------------------------------------------------------- */

static bool take_single(struct request *request, struct offset_fetch_api *api)
{
	struct kmsg_offset_fetch_group *group = api->groups;
	kmsg_offset_fetch_group_init(group);
	group->group_id = api->in.group_id;
	group->topics.count = api->in.topics.count;
	if (api->in.topics.count < 0)
		return true;
	group->topics.items = request_alloc_array(request, (size_t)api->in.topics.count, sizeof *group->topics.items);
	if (!group->topics.items)
		return false;
	for (int32_t t = 0; t < api->in.topics.count; t++) {
		group->topics.items[t].name = api->in.topics.items[t].name;
		group->topics.items[t].partition_indexes.items = api->in.topics.items[t].partition_indexes.items;
		group->topics.items[t].partition_indexes.count = api->in.topics.items[t].partition_indexes.count;
	}
	return true;
}

static bool give_topic(struct request *request, const struct kmsg_offset_fetch_group_topic_result *in,
		       struct kmsg_offset_fetch_topic_result *out)
{
	kmsg_offset_fetch_topic_result_init(out);
	out->name = in->name;
	out->partitions.items = request_alloc_array(request, (size_t)in->partitions.count, sizeof *out->partitions.items);
	if (!out->partitions.items)
		return false;
	out->partitions.count = in->partitions.count;
	for (int32_t p = 0; p < in->partitions.count; p++) {
		const struct kmsg_offset_fetch_group_partition_result *partition = &in->partitions.items[p];
		out->partitions.items[p] = (struct kmsg_offset_fetch_partition_result){
			.partition_index = partition->partition_index, .committed_offset = partition->committed_offset,
			.committed_leader_epoch = partition->committed_leader_epoch, .metadata = partition->metadata,
			.error_code = partition->error_code};
	}
	return true;
}

/* Of version 1: every partition that was asked for, with the group's error. */
static bool give_error(struct request *request, const struct kmsg_offset_fetch_topic *in, struct kmsg_offset_fetch_topic_result *out,
		       int16_t error)
{
	kmsg_offset_fetch_topic_result_init(out);
	out->name = in->name;
	out->partitions.items = request_alloc_array(request, (size_t)in->partition_indexes.count, sizeof *out->partitions.items);
	if (!out->partitions.items)
		return false;
	out->partitions.count = in->partition_indexes.count;
	for (int32_t p = 0; p < in->partition_indexes.count; p++)
		out->partitions.items[p] = (struct kmsg_offset_fetch_partition_result){
			.partition_index = in->partition_indexes.items[p], .committed_offset = -1, .committed_leader_epoch = -1,
			.metadata = slice_from(""), .error_code = error};
	return true;
}

static bool give_single(struct request *request, struct offset_fetch_api *api)
{
	const struct kmsg_offset_fetch_group_result *result = api->results;
	bool is_error_by_partition = result->error_code && request->version < 2;
	int32_t count = is_error_by_partition ? api->in.topics.count : result->topics.count;
	api->out.error_code = result->error_code;
	api->out.topics.items = request_alloc_array(request, (size_t)count, sizeof *api->out.topics.items);
	if (!api->out.topics.items)
		return false;
	api->out.topics.count = count;
	for (int32_t t = 0; t < count; t++)
		if (is_error_by_partition ? !give_error(request, &api->in.topics.items[t], &api->out.topics.items[t], result->error_code)
					  : !give_topic(request, &result->topics.items[t], &api->out.topics.items[t]))
			return false;
	return true;
}

/* ---- all versions --------------------------------------------------------------------------------------------------------- */

static void take_errors(struct offset_fetch_api *api)
{
	for (uint32_t i = 0; i < api->count; i++) {
		if (!api->entries[i].task.error)
			continue;
		kmsg_offset_fetch_group_result_init(&api->results[i]);
		api->results[i].group_id = api->groups[i].group_id;
		api->results[i].error_code = (int16_t)api->entries[i].task.error;
	}
}

static enum step answer(struct request *request)
{
	struct offset_fetch_api *api = request->state;
	take_errors(api);
	kmsg_offset_fetch_response_init(&api->out);
	bool is_filled = true;
	if (request->version < 8)
		is_filled = give_single(request, api);
	api->out.groups.items = api->results;
	api->out.groups.count = (int32_t)api->count;
	enum step step = is_filled ? REQUEST_ANSWER(request, offset_fetch, &api->out) : request_reject(request, NULL);
	group_entries_free(api->entries, api->count);
	return step;
}

static bool lay_out(struct request *request, struct offset_fetch_api *api)
{
	bool is_single = request->version < 8;
	api->count = is_single ? 1 : (uint32_t)api->in.groups.count;
	api->results = request_alloc_array(request, api->count, sizeof *api->results);
	api->groups = is_single ? request_alloc(request, sizeof *api->groups) : api->in.groups.items;
	if (!api->results || !api->groups)
		return api->count == 0;
	return !is_single || take_single(request, api);
}

enum step offset_fetch_handle(struct request *request)
{
	struct offset_fetch_api *api = request_alloc(request, sizeof *api);
	if (!api || kmsg_offset_fetch_request_decode(&request->body, &request->arena, request->version, &api->in) || !lay_out(request, api))
		return request_reject(request, NULL);
	request->state = api;
	struct slice *ids = request_alloc_array(request, api->count, sizeof *ids);
	for (uint32_t i = 0; ids && i < api->count; i++)
		ids[i] = api->groups[i].group_id;
	if (ids)
		api->entries = group_entries_submit(request, GROUP_READS, ids, api->count, api, run);
	return ids && api->entries ? request_join(request, answer) : request_reject(request, NULL);
}
