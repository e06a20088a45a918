/* DeleteRecords: moves the log start offset of partitions up. The new start is durable before the answer;
 * segments below it go with the next round of retention.
 *
 * Failure modes, for each partition: unknown; an offset above the high watermark; a topic that is compacted
 * only, whose old records others may rely on; an internal topic. */
#include "kmsg_delete_records.h"
#include "net/api/handlers.h"

#define HIGH_WATERMARK (-1)

struct removal {
	struct trim_task trim;
	struct kmsg_delete_records_partition_result *out;
};

struct delete_records {
	struct kmsg_delete_records_request in;
	struct kmsg_delete_records_response out;
	uint32_t count;
	struct removal *removals;
};

static enum step answer(struct request *request)
{
	struct delete_records *state = request->state;
	for (uint32_t i = 0; i < state->count; i++) {
		const struct removal *removal = &state->removals[i];
		removal->out->error_code = (int16_t)kerr_from(removal->trim.task.err);
		removal->out->low_watermark = removal->trim.task.err ? -1 : removal->trim.op.log_start_offset;
	}
	size_t size = kmsg_delete_records_response_size(&state->out, request->version);
	struct writer writer = request_answer_begin(request, size);
	kmsg_delete_records_response_encode(&writer, request->version, &state->out);
	return request_answer_end(request, &writer);
}

static enum kerr judge(const struct topic *topic, const struct kmsg_delete_records_partition *in)
{
	if (!topic || in->partition_index < 0 || (uint32_t)in->partition_index >= topic->partition_count)
		return KERR_UNKNOWN_TOPIC_OR_PARTITION;
	if (topic->is_internal)
		return KERR_INVALID_TOPIC_EXCEPTION;
	if (topic->config.is_compacted && !topic->config.is_deleted)
		return KERR_POLICY_VIOLATION;
	return in->offset < HIGH_WATERMARK ? KERR_OFFSET_OUT_OF_RANGE : KERR_NONE;
}

static void start_topic(struct request *request, struct delete_records *state,
			const struct kmsg_delete_records_topic *in,
			struct kmsg_delete_records_topic_result *out)
{
	const struct topic *topic = request_topic_by_name(request, in->name);
	for (int32_t p = 0; p < in->partitions.count; p++) {
		struct kmsg_delete_records_partition_result *result = &out->partitions.items[p];
		*result = (struct kmsg_delete_records_partition_result){
			.partition_index = in->partitions.items[p].partition_index, .low_watermark = -1,
			.error_code = (int16_t)judge(topic, &in->partitions.items[p])};
		if (result->error_code)
			continue;
		struct removal *removal = &state->removals[state->count++];
		removal->out = result;
		removal->trim.op.offset = in->partitions.items[p].offset;
		task_init(&removal->trim.task, request, &topic->id, result->partition_index);
		request_count(request, trim_task_submit(&removal->trim));
	}
}

static bool lay_out(struct request *request, struct delete_records *state)
{
	int32_t topic_count = state->in.topics.count;
	struct kmsg_delete_records_topic_result *topics =
		request_alloc_array(request, (size_t)topic_count, sizeof *topics);
	size_t partition_count = 0;
	if (!topics)
		return false;
	for (int32_t t = 0; t < topic_count; t++) {
		const struct kmsg_delete_records_topic *in = &state->in.topics.items[t];
		topics[t].name = in->name;
		topics[t].partitions.count = in->partitions.count;
		topics[t].partitions.items =
			request_alloc_array(request, (size_t)in->partitions.count, sizeof *topics[t].partitions.items);
		if (!topics[t].partitions.items)
			return false;
		partition_count += (size_t)in->partitions.count;
	}
	state->out.topics.items = topics;
	state->out.topics.count = topic_count;
	state->removals = request_alloc_array(request, partition_count, sizeof *state->removals);
	return state->removals != NULL;
}

enum step delete_records_handle(struct request *request)
{
	struct delete_records *state = request_alloc_array(request, 1, sizeof *state);
	if (!state ||
	    kmsg_delete_records_request_decode(&request->body, &request->arena, request->version, &state->in))
		return request_reject(request, NULL);
	request->state = state;
	kmsg_delete_records_response_init(&state->out);
	if (!lay_out(request, state))
		return request_reject(request, NULL);
	for (int32_t t = 0; t < state->in.topics.count; t++)
		start_topic(request, state, &state->in.topics.items[t], &state->out.topics.items[t]);
	return request_join(request, answer);
}
