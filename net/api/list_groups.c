/* ListGroups: every partition of __consumer_offsets is asked for its groups, on the shard that owns it;
 * coordinators that nobody has used yet are loaded for it. The lists are laid behind one another in the order
 * of the partitions.
 *
 * Failures: one partition that cannot say fails the whole, as with Kafka: a list that lacks groups looks like
 * one that has them all. */
#include "net/api/group_api.h"

struct list_groups_part {
	struct group_task task;
	struct kmsg_list_groups_group *groups;
	uint32_t count;
};

struct list_groups_api {
	struct kmsg_list_groups_request in;
	struct kmsg_list_groups_response out;
	uint32_t count;
	struct list_groups_part *parts;
};

static void run(struct group_task *task, struct coordinator *coordinator, struct group_clock clock)
{
	struct list_groups_part *part = CONTAINER_OF(task, struct list_groups_part, task);
	struct list_groups_api *api = task->request->state;
	coordinator_list_groups(coordinator, clock, &task->call, &api->in, &part->groups, &part->count);
}

static enum kerr first_error(const struct list_groups_api *api)
{
	for (uint32_t i = 0; i < api->count; i++)
		if (api->parts[i].task.error)
			return api->parts[i].task.error;
	return KERR_NONE;
}

static bool gather(struct request *request, struct list_groups_api *api)
{
	size_t count = 0;
	for (uint32_t i = 0; i < api->count; i++)
		count += api->parts[i].count;
	struct kmsg_list_groups_group *groups = request_alloc_array(request, count, sizeof *groups);
	if (!groups)
		return false;
	api->out.groups.items = groups;
	api->out.groups.count = (int32_t)count;
	for (uint32_t i = 0; i < api->count; i++) {
		if (api->parts[i].count)
			memcpy(groups, api->parts[i].groups, api->parts[i].count * sizeof *groups);
		groups += api->parts[i].count;
	}
	return true;
}

static enum step answer(struct request *request)
{
	struct list_groups_api *api = request->state;
	kmsg_list_groups_response_init(&api->out);
	api->out.error_code = (int16_t)first_error(api);
	bool is_filled = api->out.error_code || gather(request, api);
	enum step step = is_filled ? REQUEST_ANSWER(request, list_groups, &api->out) : request_reject(request, NULL);
	for (uint32_t i = 0; i < api->count; i++)
		group_task_free(&api->parts[i].task);
	return step;
}

enum step list_groups_handle(struct request *request)
{
	struct list_groups_api *api = request_alloc_array(request, 1, sizeof *api);
	if (!api || kmsg_list_groups_request_decode(&request->body, &request->arena, request->version, &api->in))
		return request_reject(request, NULL);
	request->state = api;
	uint32_t count = group_partition_count(request->shard);
	api->parts = request_alloc_array(request, count, sizeof *api->parts);
	if (!api->parts)
		return request_reject(request, NULL);
	api->count = count;
	for (uint32_t i = 0; i < count; i++) {
		group_task_init_at(&api->parts[i].task, request, i);
		api->parts[i].task.run = run;
		api->parts[i].task.is_reader = true;
		request_count(request, group_task_submit(&api->parts[i].task));
	}
	return request_join(request, answer);
}
