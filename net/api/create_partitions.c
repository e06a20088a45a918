/* CreatePartitions: topics grow; they never shrink. Records stay where they are, and new ones with a key may
 * go elsewhere than older ones of the same key, as in Kafka.
 *
 * __consumer_offsets stays as it is: the number of its partitions decides which of them has a group's offsets, so after a growth they would be
 * looked for elsewhere. Kafka does grow it, and after its next start groups begin anew, without a word.
 *
 * Failure modes: a refusal for each topic. The bound on new partitions holds for the whole request: the
 * topic that passes it is refused. */
#include "kmsg_create_partitions.h"
#include "net/api/handlers.h"
#include "net/api/refusal.h"
#include "net/route/quota_draw.h"

#define STRICT_QUOTA_SINCE 3
#define TOPICS_AT_ONCE 8

struct growth {
	const struct kmsg_create_partitions_topic *in;
	struct refusal refusal;
};

struct create_partitions {
	struct request *request;
	struct kmsg_create_partitions_request in;
	struct control_op op;
	struct quota_draw draw;
	uint32_t count, done_count;
	struct growth *growths;
	int64_t new_count;             /* of all topics so far */
};

static bool refuse_count(struct create_partitions *state, struct growth *growth, const struct topic *topic)
{
	struct request *request = state->request;
	int64_t now = topic->partition_count, wanted = growth->in->count;
	if (topic->is_internal)
		return refuse(request, &growth->refusal, KERR_INVALID_PARTITIONS,
			      "The partitions of %s cannot be added to: their number says where a group's committed offsets are.", topic->name);
	if (wanted == now)
		return refuse(request, &growth->refusal, KERR_INVALID_PARTITIONS,
			      "Topic already has %lld partition(s).", (long long)now);
	if (wanted < now)
		return refuse(request, &growth->refusal, KERR_INVALID_PARTITIONS,
			      "The topic %s currently has %lld partition(s); %lld would not be an increase.",
			      topic->name, (long long)now, (long long)wanted);
	if (state->new_count + wanted - now > NEW_PARTITIONS_MAX)
		return refuse(request, &growth->refusal, KERR_POLICY_VIOLATION,
			      "Excessively large number of partitions per request.");
	if (wanted > TOPIC_PARTITIONS_MAX)
		return refuse(request, &growth->refusal, KERR_INVALID_PARTITIONS,
			      "A topic has at most %d partitions.", TOPIC_PARTITIONS_MAX);
	return false;
}

/* A null list leaves the choice to the broker; an empty one does not. */
static bool refuse_assignments(struct create_partitions *state, struct growth *growth, const struct topic *topic)
{
	const struct kmsg_create_partitions_topic *in = growth->in;
	int64_t added = (int64_t)in->count - topic->partition_count;
	if (in->assignments.count < 0)
		return false;
	if (in->assignments.count != added)
		return refuse(state->request, &growth->refusal, KERR_INVALID_REPLICA_ASSIGNMENT,
			      "Attempted to add %lld additional partition(s), but only %d assignment(s) were specified.", (long long)added,
			      (int)in->assignments.count);
	for (int32_t i = 0; i < in->assignments.count; i++)
		if (refuse_replicas(state->request, &growth->refusal, in->assignments.items[i].broker_ids.items,
				    in->assignments.items[i].broker_ids.count))
			return true;
	return false;
}

static void grow(struct create_partitions *state, struct growth *growth, struct catalog *catalog)
{
	const struct catalog_image *image = catalog_image_acquire(catalog);
	const struct topic *topic = catalog_topic_by_name(image, growth->in->name);
	if (!topic) {
		growth->refusal = (struct refusal){.error = KERR_UNKNOWN_TOPIC_OR_PARTITION}; /* without a sentence, as Kafka */
	} else if (refuse_count(state, growth, topic) || refuse_assignments(state, growth, topic)) {
		;
	} else if (!quota_draw_take(&state->draw, (double)growth->in->count - topic->partition_count)) {
		growth->refusal.error = KERR_THROTTLING_QUOTA_EXCEEDED;
	} else {
		state->new_count += (int64_t)growth->in->count - topic->partition_count;
		if (!state->in.validate_only)
			refuse_err(state->request, &growth->refusal,
				   catalog_grow_topic(catalog, &topic->id, (uint32_t)growth->in->count));
	}
	catalog_image_release(image);
}

/* A few at a time: each change is a sync, for which the control shard stands still. */
static void run(struct control_op *op, struct catalog *catalog)
{
	struct create_partitions *state = CONTAINER_OF(op, struct create_partitions, op);
	for (int i = 0; i < TOPICS_AT_ONCE && state->done_count < state->count; i++) {
		struct growth *growth = &state->growths[state->done_count++];
		if (!growth->refusal.error)
			grow(state, growth, catalog);
	}
}

static enum step answer(struct request *request)
{
	struct create_partitions *state = request->state;
	struct kmsg_create_partitions_response out;
	kmsg_create_partitions_response_init(&out);
	out.results.count = (int32_t)state->count;
	out.results.items = request_alloc_array(request, state->count, sizeof *out.results.items);
	if (!out.results.items)
		return request_reject(request, NULL);
	for (uint32_t i = 0; i < state->count; i++)
		out.results.items[i] = (struct kmsg_create_partitions_topic_result){
			.name = state->growths[i].in->name, .error_code = (int16_t)state->growths[i].refusal.error,
			.error_message = state->growths[i].refusal.message};
	out.throttle_time_ms = quota_draw_settle(&state->draw);
	size_t size = kmsg_create_partitions_response_size(&out, request->version);
	struct writer writer = request_answer_begin(request, size);
	kmsg_create_partitions_response_encode(&writer, request->version, &out);
	return request_answer_end(request, &writer);
}

static enum step grow_more(struct request *request)
{
	struct create_partitions *state = request->state;
	if (state->done_count == state->count)
		return answer(request);
	control_submit(request, &state->op);
	return request_join(request, grow_more);
}

/* One growth for each name. */
static bool lay_out(struct request *request, struct create_partitions *state)
{
	uint32_t count = (uint32_t)state->in.topics.count;
	struct slice *names = request_alloc_array(request, count, sizeof *names);
	struct repeats repeats;
	state->growths = request_alloc_array(request, count, sizeof *state->growths);
	for (uint32_t i = 0; names && i < count; i++)
		names[i] = state->in.topics.items[i].name;
	if (!names || !state->growths || !find_repeats(request, names, count, &repeats))
		return false;
	for (uint32_t i = 0; i < count; i++) {
		if (!repeats.is_first[i])
			continue;
		struct growth *growth = &state->growths[state->count++];
		growth->in = &state->in.topics.items[i];
		if (repeats.is_repeated[i])
			refuse(request, &growth->refusal, KERR_INVALID_REQUEST, "Duplicate topic name.");
	}
	return true;
}

enum step create_partitions_handle(struct request *request)
{
	struct create_partitions *state = request_alloc_array(request, 1, sizeof *state);
	if (!state ||
	    kmsg_create_partitions_request_decode(&request->body, &request->arena, request->version, &state->in))
		return request_reject(request, NULL);
	request->state = state;
	state->request = request;
	quota_draw_init(&state->draw, request, STRICT_QUOTA_SINCE);
	if (!lay_out(request, state))
		return request_reject(request, NULL);
	state->op = (struct control_op){.run = run};
	return grow_more(request);
}
