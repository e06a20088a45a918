/* DescribeQuorum (KIP-595, KIP-836, KIP-853): a quorum of one, this broker, which keeps the catalog. Its
 * changes are counted as offsets, its starts as epochs.
 *
 * There is one partition to ask for, __cluster_metadata-0, and it must be asked for alone: anything else in
 * the request makes all of it unknown, as in Kafka. */
#include "kmsg_describe_quorum.h"
#include "net/api/handlers.h"

struct describe_quorum {
	struct kmsg_describe_quorum_request in;
	struct kmsg_describe_quorum_response out;
	struct kmsg_describe_quorum_replica self;
	struct kmsg_describe_quorum_node node;
	struct kmsg_describe_quorum_listener listener;
};

static bool asks_for_metadata(const struct kmsg_describe_quorum_request *in)
{
	const struct kmsg_describe_quorum_topic *topic = in->topics.items;
	return in->topics.count == 1 && slice_equal(topic->topic_name, slice_from("__cluster_metadata")) &&
	       topic->partitions.count == 1 && topic->partitions.items[0].partition_index == 0;
}

static bool lay_out(struct request *request, struct describe_quorum *state)
{
	struct kmsg_describe_quorum_response *out = &state->out;
	out->topics.items = request_alloc_array(request, (size_t)state->in.topics.count, sizeof *out->topics.items);
	if (!out->topics.items)
		return false;
	for (; out->topics.count < state->in.topics.count; out->topics.count++) {
		const struct kmsg_describe_quorum_topic *in = &state->in.topics.items[out->topics.count];
		struct kmsg_describe_quorum_topic_result *topic = &out->topics.items[out->topics.count];
		topic->topic_name = in->topic_name;
		topic->partitions.items = request_alloc_array(request, (size_t)in->partitions.count, sizeof *topic->partitions.items);
		if (!topic->partitions.items)
			return false;
		for (; topic->partitions.count < in->partitions.count; topic->partitions.count++)
			topic->partitions.items[topic->partitions.count] = (struct kmsg_describe_quorum_partition_result){
				.partition_index = in->partitions.items[topic->partitions.count].partition_index,
				.error_code = KERR_UNKNOWN_TOPIC_OR_PARTITION,
				.error_message = slice_from("This server does not host this topic-partition.")};
	}
	return true;
}

static void describe(const struct request *request, struct describe_quorum *state)
{
	const struct broker_facts *facts = request->shard->facts;
	int64_t now_ms = io_wall_ms(request->shard->io), changes = (int64_t)request->shard->image->version;
	struct kmsg_describe_quorum_partition_result *partition = state->out.topics.items[0].partitions.items;
	state->self = (struct kmsg_describe_quorum_replica){.replica_id = facts->node_id, .replica_directory_id = *facts->directory_id,
		.log_end_offset = changes, .last_fetch_timestamp = now_ms, .last_caught_up_timestamp = now_ms};
	*partition = (struct kmsg_describe_quorum_partition_result){.error_message = SLICE_EMPTY, .leader_id = facts->node_id,
		.leader_epoch = (int32_t)facts->incarnation, .high_watermark = changes};
	partition->current_voters.items = &state->self;
	partition->current_voters.count = 1;
	state->listener = (struct kmsg_describe_quorum_listener){slice_from("PLAINTEXT"), slice_from(facts->advertised_host),
		(uint16_t)facts->advertised_port};
	state->node = (struct kmsg_describe_quorum_node){.node_id = facts->node_id};
	state->node.listeners.items = &state->listener;
	state->node.listeners.count = 1;
	state->out.nodes.items = &state->node;
	state->out.nodes.count = 1;
}

enum step describe_quorum_handle(struct request *request)
{
	struct describe_quorum *state = request_alloc_array(request, 1, sizeof *state);
	if (!state || kmsg_describe_quorum_request_decode(&request->body, &request->arena, request->version, &state->in))
		return request_reject(request, NULL);
	kmsg_describe_quorum_response_init(&state->out);
	state->out.error_message = SLICE_EMPTY;
	if (!lay_out(request, state))
		return request_reject(request, NULL);
	if (asks_for_metadata(&state->in))
		describe(request, state);
	return REQUEST_ANSWER(request, describe_quorum, &state->out);
}
