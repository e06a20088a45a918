/* ElectLeaders (KIP-183, KIP-460): every partition is led by its only replica, the preferred one, so no
 * election is ever needed.
 *
 * Asked for all partitions, the answer names each topic and none of its partitions: those that need nothing
 * are left out, as in Kafka. Failure modes: a kind of election nobody knows; unknown topics and partitions,
 * each for itself. */
#include "kmsg_elect_leaders.h"
#include "net/api/handlers.h"
#include "net/api/refusal.h"

enum { ELECT_PREFERRED = 0, ELECT_UNCLEAN = 1 };

static bool list_all(struct request *request, struct kmsg_elect_leaders_response *out)
{
	const struct catalog_image *image = request->shard->image;
	out->replica_election_results.items =
		request_alloc_array(request, image->topic_count, sizeof *out->replica_election_results.items);
	if (!out->replica_election_results.items)
		return false;
	for (uint32_t t = 0; t < image->topic_count; t++)
		out->replica_election_results.items[t].topic = slice_from(image->topics[t]->name);
	out->replica_election_results.count = (int32_t)image->topic_count;
	return true;
}

static bool is_known_election(int8_t type)
{
	return type == ELECT_PREFERRED || type == ELECT_UNCLEAN;
}

static void judge(struct request *request, int8_t election_type, const struct topic *topic, struct slice name, int32_t index,
		  struct kmsg_elect_leaders_partition_result *out)
{
	struct refusal refusal;
	if (!is_known_election(election_type))
		refuse(request, &refusal, KERR_INVALID_REQUEST, "Unknown election type %d", election_type);
	else if (!topic)
		refuse(request, &refusal, KERR_UNKNOWN_TOPIC_OR_PARTITION, "No such topic as %.*s", SHOWN(name));
	else if (index < 0 || (uint32_t)index >= topic->partition_count)
		refuse(request, &refusal, KERR_UNKNOWN_TOPIC_OR_PARTITION, "No such partition as %s-%d", topic->name, (int)index);
	else
		refusal = (struct refusal){KERR_ELECTION_NOT_NEEDED, slice_from("Leader election not needed for topic partition.")};
	*out = (struct kmsg_elect_leaders_partition_result){index, (int16_t)refusal.error, refusal.message};
}

static bool judge_topic(struct request *request, int8_t election_type, const struct kmsg_elect_leaders_topic *in,
			struct kmsg_elect_leaders_topic_result *out)
{
	const struct topic *topic = request_topic_by_name(request, in->topic);
	out->topic = in->topic;
	out->partition_result.count = in->partitions.count;
	out->partition_result.items =
		request_alloc_array(request, (size_t)in->partitions.count, sizeof *out->partition_result.items);
	for (int32_t p = 0; out->partition_result.items && p < in->partitions.count; p++)
		judge(request, election_type, topic, in->topic, in->partitions.items[p], &out->partition_result.items[p]);
	return out->partition_result.items != NULL;
}

static bool list_asked(struct request *request, const struct kmsg_elect_leaders_request *in,
		       struct kmsg_elect_leaders_response *out)
{
	out->replica_election_results.count = in->topic_partitions.count;
	out->replica_election_results.items =
		request_alloc_array(request, (size_t)in->topic_partitions.count, sizeof *out->replica_election_results.items);
	if (!out->replica_election_results.items)
		return false;
	for (int32_t t = 0; t < in->topic_partitions.count; t++)
		if (!judge_topic(request, in->election_type, &in->topic_partitions.items[t], &out->replica_election_results.items[t]))
			return false;
	return true;
}

enum step elect_leaders_handle(struct request *request)
{
	struct kmsg_elect_leaders_request in;
	struct kmsg_elect_leaders_response out;
	if (kmsg_elect_leaders_request_decode(&request->body, &request->arena, request->version, &in))
		return request_reject(request, NULL);
	kmsg_elect_leaders_response_init(&out);
	bool is_known = is_known_election(in.election_type), is_all = in.topic_partitions.count < 0;
	if (!is_known && in.topic_partitions.count)
		out.error_code = KERR_INVALID_REQUEST;
	if (is_known || !is_all)
		if (!(is_all ? list_all(request, &out) : list_asked(request, &in, &out)))
			return request_reject(request, NULL);
	return REQUEST_ANSWER(request, elect_leaders, &out);
}
