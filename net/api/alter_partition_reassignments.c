/* AlterPartitionReassignments (KIP-455): a partition can be sent only to where it is, this broker, which is
 * done at once. To stop a move fails, as none is ever under way. Failure modes, for each partition: unknown,
 * replicas that there are not. */
#include "kmsg_alter_partition_reassignments.h"
#include "net/api/handlers.h"
#include "net/api/refusal.h"

static void judge(struct request *request, const struct topic *topic, struct slice name,
		  const struct kmsg_alter_partition_reassignments_partition *in,
		  struct kmsg_alter_partition_reassignments_partition_result *out)
{
	struct refusal refusal = {0};
	if (!topic)
		refuse(request, &refusal, KERR_UNKNOWN_TOPIC_OR_PARTITION, "Unable to find a topic named %.*s.", SHOWN(name));
	else if (in->partition_index < 0 || (uint32_t)in->partition_index >= topic->partition_count)
		refuse(request, &refusal, KERR_UNKNOWN_TOPIC_OR_PARTITION, "Unable to find partition %s:%d.", topic->name,
		       (int)in->partition_index);
	else if (in->replicas.count < 0)
		refusal.error = KERR_NO_REASSIGNMENT_IN_PROGRESS;
	else
		refuse_replicas(request, &refusal, in->replicas.items, in->replicas.count);
	*out = (struct kmsg_alter_partition_reassignments_partition_result){in->partition_index, (int16_t)refusal.error, refusal.message};
}

static bool judge_topic(struct request *request, const struct kmsg_alter_partition_reassignments_topic *in,
			struct kmsg_alter_partition_reassignments_topic_result *out)
{
	const struct topic *topic = request_topic_by_name(request, in->name);
	out->name = in->name;
	out->partitions.count = in->partitions.count;
	out->partitions.items = request_alloc_array(request, (size_t)in->partitions.count, sizeof *out->partitions.items);
	for (int32_t p = 0; out->partitions.items && p < in->partitions.count; p++)
		judge(request, topic, in->name, &in->partitions.items[p], &out->partitions.items[p]);
	return out->partitions.items != NULL;
}

enum step alter_partition_reassignments_handle(struct request *request)
{
	struct kmsg_alter_partition_reassignments_request in;
	struct kmsg_alter_partition_reassignments_response out;
	if (kmsg_alter_partition_reassignments_request_decode(&request->body, &request->arena, request->version, &in))
		return request_reject(request, NULL);
	kmsg_alter_partition_reassignments_response_init(&out);
	out.allow_replication_factor_change = in.allow_replication_factor_change;
	out.error_message = in.topics.count ? (struct slice){0} : SLICE_EMPTY; /* Kafka's choice, too */
	out.responses.count = in.topics.count;
	out.responses.items = request_alloc_array(request, (size_t)in.topics.count, sizeof *out.responses.items);
	if (!out.responses.items)
		return request_reject(request, NULL);
	for (int32_t t = 0; t < in.topics.count; t++)
		if (!judge_topic(request, &in.topics.items[t], &out.responses.items[t]))
			return request_reject(request, NULL);
	return REQUEST_ANSWER(request, alter_partition_reassignments, &out);
}
