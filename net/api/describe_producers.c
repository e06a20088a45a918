/* DescribeProducers (KIP-664): the idempotent producers that partitions remember.
 *
 * The partitions are asked one after another: each answer is copied, on the shard that owns the partition,
 * into the request's arena, which is one thread's at a time. Failure modes, for each partition: unknown;
 * more producers than the answer may hold, of which then only the first are told. */
#include "kmsg_describe_producers.h"
#include "log/partition/producer.h"
#include "net/api/handlers.h"
#include "net/api/refusal.h"

/* In one answer: 48 bytes each. */
#define PRODUCERS_MAX 200000

struct describe_producers {
	struct query_task query;
	struct kmsg_describe_producers_request in;
	struct kmsg_describe_producers_response out;
	int32_t topic, partition;      /* the next one to ask */
	int32_t room;
	struct kmsg_describe_producers_partition *asked;
};

static enum step ask_next(struct request *request);

static void copy_producer(struct kmsg_describe_producers_producer *out, const struct producer *producer)
{
	*out = (struct kmsg_describe_producers_producer){
		.producer_id = producer->producer_id, .producer_epoch = producer->epoch,
		.last_sequence = producer_last_sequence(producer),
		.last_timestamp = producer->last_timestamp_ms, .coordinator_epoch = producer->coordinator_epoch,
		.current_txn_start_offset = producer->txn_first_offset};
}

/* On the owner. */
static void copy_producers(struct query_task *query, struct partition *partition)
{
	struct describe_producers *state = CONTAINER_OF(query, struct describe_producers, query);
	const struct producer_state *producers = partition_producers(partition);
	uint32_t all = producers ? producer_count(producers) : 0;
	int32_t count = all < (uint32_t)state->room ? (int32_t)all : state->room;
	state->asked->active_producers.items =
		request_alloc_array(query->task.request, (size_t)count, sizeof *state->asked->active_producers.items);
	if (!state->asked->active_producers.items)
		return;
	state->asked->active_producers.count = count;
	state->room -= count;
	for (int32_t i = 0; i < count; i++)
		copy_producer(&state->asked->active_producers.items[i], producer_at(producers, (uint32_t)i));
}

static enum step take_answer(struct request *request)
{
	struct describe_producers *state = request->state;
	state->asked->error_code = (int16_t)kerr_from(state->query.task.err);
	return ask_next(request);
}

static enum step answer(struct request *request)
{
	struct describe_producers *state = request->state;
	size_t size = kmsg_describe_producers_response_size(&state->out, request->version);
	struct writer writer = request_answer_begin(request, size);
	kmsg_describe_producers_response_encode(&writer, request->version, &state->out);
	return request_answer_end(request, &writer);
}

/* The topic is looked up for each partition anew: the image may be another after a wait. */
static bool refuse_partition(struct request *request, struct slice name, const struct topic *topic,
			     struct kmsg_describe_producers_partition *out)
{
	struct refusal refusal = {0};
	if (!topic && !refuse_topic_name(request, &refusal, name))
		refuse(request, &refusal, KERR_UNKNOWN_TOPIC_OR_PARTITION,
		       "This server does not host this topic-partition.");
	else if (topic && (out->partition_index < 0 || (uint32_t)out->partition_index >= topic->partition_count))
		refusal.error = KERR_UNKNOWN_TOPIC_OR_PARTITION;
	out->error_code = (int16_t)refusal.error;
	out->error_message = refusal.message;
	return refusal.error;
}

/* Each partition is its own step, so that others have their turn. */
static enum step ask_next(struct request *request)
{
	struct describe_producers *state = request->state;
	while (state->topic < state->in.topics.count &&
	       state->partition == state->in.topics.items[state->topic].partition_indexes.count) {
		state->topic++;
		state->partition = 0;
	}
	if (state->topic == state->in.topics.count || request->is_cancelled)
		return answer(request);
	const struct kmsg_describe_producers_topic *in = &state->in.topics.items[state->topic];
	const struct topic *topic = request_topic_by_name(request, in->name);
	state->asked = &state->out.topics.items[state->topic].partitions.items[state->partition++];
	if (refuse_partition(request, in->name, topic, state->asked))
		return request_yield(request, ask_next);
	task_init(&state->query.task, request, &topic->id, state->asked->partition_index);
	state->query.run = copy_producers;
	if (request_count(request, query_task_submit(&state->query)) == TASK_DONE)
		return request_yield(request, take_answer);
	return request_join(request, take_answer);
}

static bool lay_out(struct request *request, struct describe_producers *state)
{
	int32_t topic_count = state->in.topics.count;
	struct kmsg_describe_producers_topic_result *topics =
		request_alloc_array(request, (size_t)topic_count, sizeof *topics);
	if (!topics)
		return false;
	for (int32_t t = 0; t < topic_count; t++) {
		const struct kmsg_describe_producers_topic *in = &state->in.topics.items[t];
		topics[t].name = in->name;
		topics[t].partitions.items = request_alloc_array(request, (size_t)in->partition_indexes.count,
								 sizeof *topics[t].partitions.items);
		if (!topics[t].partitions.items)
			return false;
		topics[t].partitions.count = in->partition_indexes.count;
		for (int32_t p = 0; p < in->partition_indexes.count; p++) {
			kmsg_describe_producers_partition_init(&topics[t].partitions.items[p]);
			topics[t].partitions.items[p].partition_index = in->partition_indexes.items[p];
		}
	}
	state->out.topics.items = topics;
	state->out.topics.count = topic_count;
	return true;
}

enum step describe_producers_handle(struct request *request)
{
	struct describe_producers *state = request_alloc_array(request, 1, sizeof *state);
	if (!state ||
	    kmsg_describe_producers_request_decode(&request->body, &request->arena, request->version, &state->in))
		return request_reject(request, NULL);
	request->state = state;
	state->room = PRODUCERS_MAX;
	kmsg_describe_producers_response_init(&state->out);
	if (!lay_out(request, state))
		return request_reject(request, NULL);
	return ask_next(request);
}
