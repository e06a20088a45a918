/* OffsetCommit: how far a group has come; answered when it is durable. */
#include "net/api/group_api.h"

GROUP_API_STATE(offset_commit);

static bool fail_topic(struct request *request, const struct kmsg_offset_commit_topic *in, struct kmsg_offset_commit_topic_result *out,
		       enum kerr error)
{
	*out = (struct kmsg_offset_commit_topic_result){.name = in->name, .topic_id = in->topic_id};
	out->partitions.items = request_alloc_array(request, (size_t)in->partitions.count, sizeof *out->partitions.items);
	if (!out->partitions.items)
		return false;
	out->partitions.count = in->partitions.count;
	for (int32_t p = 0; p < in->partitions.count; p++)
		out->partitions.items[p] = (struct kmsg_offset_commit_partition_result){
			.partition_index = in->partitions.items[p].partition_index, .error_code = (int16_t)error};
	return true;
}

/* The answer has no error but those of partitions. */
static bool fail(struct request *request, struct offset_commit_api *api, enum kerr error)
{
	api->out.topics.items = request_alloc_array(request, (size_t)api->in.topics.count, sizeof *api->out.topics.items);
	if (!api->out.topics.items)
		return false;
	api->out.topics.count = api->in.topics.count;
	for (int32_t t = 0; t < api->in.topics.count; t++)
		if (!fail_topic(request, &api->in.topics.items[t], &api->out.topics.items[t], error))
			return false;
	return true;
}

GROUP_API(offset_commit, 0, fail)
