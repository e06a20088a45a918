/* OffsetForLeaderEpoch (KIP-320): where a leader epoch ended, so that a consumer notices that the log it has read from was cut.
 *
 * Every partition is asked on the shard that owns it. An epoch above the current one is unknown: (-1, -1). */
#include "kmsg_offset_for_leader_epoch.h"
#include "net/api/handlers.h"

struct epoch_lookup {
	struct query_task query;
	int32_t current_leader_epoch, leader_epoch;
	struct kmsg_offset_for_leader_epoch_partition_result *out;
	/* Set on the owner; copied into the answer at home. */
	int32_t epoch;
	int64_t end_offset;
};

struct epochs_request {
	struct kmsg_offset_for_leader_epoch_request in;
	struct kmsg_offset_for_leader_epoch_response out;
	uint32_t count;
	struct epoch_lookup *lookups;
};

/* On the owner. */
static void run_lookup(struct query_task *query, struct partition *partition)
{
	struct epoch_lookup *lookup = CONTAINER_OF(query, struct epoch_lookup, query);
	query->task.err = task_check_epoch(partition, lookup->current_leader_epoch);
	if (!query->task.err)
		partition_epoch_end(partition, lookup->leader_epoch, &lookup->epoch, &lookup->end_offset);
}

static void fill_result(const struct epoch_lookup *lookup)
{
	int err = lookup->query.task.err;
	lookup->out->error_code = (int16_t)(err > 0 ? err : kerr_from(err));
	if (err)
		return;
	lookup->out->leader_epoch = lookup->epoch;
	lookup->out->end_offset = lookup->end_offset;
}

static enum step answer(struct request *request)
{
	struct epochs_request *state = request->state;
	for (uint32_t i = 0; i < state->count; i++)
		fill_result(&state->lookups[i]);
	struct writer writer = request_answer_begin(request, kmsg_offset_for_leader_epoch_response_size(&state->out, request->version));
	kmsg_offset_for_leader_epoch_response_encode(&writer, request->version, &state->out);
	return request_answer_end(request, &writer);
}

static void start_topic(struct request *request, struct epochs_request *state, const struct kmsg_offset_for_leader_epoch_topic *in,
			struct kmsg_offset_for_leader_epoch_topic_result *out)
{
	const struct topic *topic = request_topic_by_name(request, in->topic);
	for (int32_t p = 0; p < in->partitions.count; p++) {
		const struct kmsg_offset_for_leader_epoch_partition *asked = &in->partitions.items[p];
		struct kmsg_offset_for_leader_epoch_partition_result *result = &out->partitions.items[p];
		kmsg_offset_for_leader_epoch_partition_result_init(result);
		result->partition = asked->partition;
		if (!topic) {
			result->error_code = KERR_UNKNOWN_TOPIC_OR_PARTITION;
			continue;
		}
		struct epoch_lookup *lookup = &state->lookups[state->count++];
		*lookup = (struct epoch_lookup){
			.current_leader_epoch = asked->current_leader_epoch, .leader_epoch = asked->leader_epoch, .out = result};
		task_init(&lookup->query.task, request, &topic->id, asked->partition);
		lookup->query.run = run_lookup;
		request_count(request, query_task_submit(&lookup->query));
	}
}

static bool lay_out(struct request *request, struct epochs_request *state)
{
	int32_t topic_count = state->in.topics.count;
	struct kmsg_offset_for_leader_epoch_topic_result *topics = request_alloc_array(request, (size_t)topic_count, sizeof *topics);
	size_t partition_count = 0;
	if (!topics)
		return false;
	for (int32_t t = 0; t < topic_count; t++) {
		const struct kmsg_offset_for_leader_epoch_topic *in = &state->in.topics.items[t];
		topics[t].topic = in->topic;
		topics[t].partitions.count = in->partitions.count;
		topics[t].partitions.items = request_alloc_array(request, (size_t)in->partitions.count, sizeof *topics[t].partitions.items);
		if (!topics[t].partitions.items)
			return false;
		partition_count += (size_t)in->partitions.count;
	}
	state->out.topics.items = topics;
	state->out.topics.count = topic_count;
	state->lookups = request_alloc_array(request, partition_count, sizeof *state->lookups);
	return state->lookups != NULL;
}

enum step offset_for_leader_epoch_handle(struct request *request)
{
	struct epochs_request *state = request_alloc_array(request, 1, sizeof *state);
	if (!state || kmsg_offset_for_leader_epoch_request_decode(&request->body, &request->arena, request->version, &state->in))
		return request_reject(request, NULL);
	request->state = state;
	kmsg_offset_for_leader_epoch_response_init(&state->out);
	if (!lay_out(request, state))
		return request_reject(request, NULL);
	for (int32_t t = 0; t < state->in.topics.count; t++)
		start_topic(request, state, &state->in.topics.items[t], &state->out.topics.items[t]);
	return request_join(request, answer);
}
