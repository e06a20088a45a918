/* Metadata: the one broker there is, and the topics with their partitions, which it leads.
 *
 * A null list asks for all topics (in version 0 an empty one), an empty one for none. A topic asked for by name that is not there is
 * created if client and broker both allow it, and then returned as if it had been there; Kafka says UNKNOWN_TOPIC_OR_PARTITION the
 * first time, upon which clients ask again. By id nothing is created.
 *
 * Failure: a request by id in a version that may not ask so is refused whole. */
#include "kmsg_metadata.h"
#include "net/api/handlers.h"

/* At most so many topics are made by one request; clients ask again for the others. */
#define AUTO_CREATE_MAX 100
#define BY_ID_VERSION 12

struct metadata {
	struct kmsg_metadata_request in;
	struct kmsg_metadata_response out;
	/* For topics to be made. */
	struct control_op op;
	uint32_t wanted_count;
	struct topic_spec *wanted;
	int *errs;
	int err;
};

/* ---- the answer ------------------------------------------------------------------------------------------------------------ */

static bool fill_partitions(struct request *request, struct kmsg_metadata_topic_result *out, const struct topic *topic)
{
	int32_t *self = request_alloc(request, sizeof *self);
	struct kmsg_metadata_partition *items = request_alloc_array(request, topic->partition_count, sizeof *items);
	if (!self || !items)
		return false;
	*self = request->shard->facts->node_id;
	for (uint32_t i = 0; i < topic->partition_count; i++) {
		items[i].partition_index = (int32_t)i;
		items[i].leader_id = *self;
		items[i].leader_epoch = shard_leader_epoch(request->shard, topic);
		items[i].replica_nodes.items = items[i].isr_nodes.items = self;
		items[i].replica_nodes.count = items[i].isr_nodes.count = 1;
	}
	out->partitions.items = items;
	out->partitions.count = (int32_t)topic->partition_count;
	return true;
}

static bool fill_topic(struct request *request, struct kmsg_metadata_topic_result *out, const struct topic *topic)
{
	const struct metadata *state = request->state;
	out->name = slice_from(topic->name); /* the image stays until the answer is written, which is in this step */
	out->topic_id = topic->id;
	out->is_internal = topic->is_internal;
	if (state->in.include_topic_authorized_operations)
		out->topic_authorized_operations = TOPIC_OPERATIONS_ALL;
	return fill_partitions(request, out, topic);
}

/* The Java client that asks by id sends an empty name beside it, not a null one: an id given is what counts. */
static bool is_by_id(const struct kmsg_metadata_topic *asked)
{
	return !asked->name.data || !uuid_is_zero(&asked->topic_id);
}

static enum kerr error_of_missing(struct request *request, const struct kmsg_metadata_topic *asked)
{
	const struct metadata *state = request->state;
	if (is_by_id(asked))
		return KERR_UNKNOWN_TOPIC_ID;
	if (catalog_check_topic_name(asked->name))
		return KERR_INVALID_TOPIC_EXCEPTION;
	for (uint32_t i = 0; i < state->wanted_count; i++)
		if (slice_equal(state->wanted[i].name, asked->name) && state->errs[i] && state->errs[i] != ERR_TOPIC_EXISTS)
			return kerr_from(state->errs[i]);
	return state->err ? kerr_from(state->err) : KERR_UNKNOWN_TOPIC_OR_PARTITION;
}

static const struct topic *find(struct request *request, const struct kmsg_metadata_topic *asked)
{
	return is_by_id(asked) ? request_topic_by_id(request, &asked->topic_id) : request_topic_by_name(request, asked->name);
}

static bool fill_asked(struct request *request, struct kmsg_metadata_topic_result *out, const struct kmsg_metadata_topic *asked)
{
	const struct topic *topic = find(request, asked);
	kmsg_metadata_topic_result_init(out);
	if (topic)
		return fill_topic(request, out, topic);
	out->name = asked->name;
	out->topic_id = asked->topic_id;
	out->error_code = (int16_t)error_of_missing(request, asked);
	return true;
}

static bool fill_topics(struct request *request, struct metadata *state)
{
	const struct catalog_image *image = request->shard->image;
	bool is_all = state->in.topics.count < 0;
	uint32_t count = is_all ? image->topic_count : (uint32_t)state->in.topics.count;
	struct kmsg_metadata_topic_result *items = request_alloc_array(request, count, sizeof *items);
	if (!items)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		kmsg_metadata_topic_result_init(&items[i]);
		if (is_all ? !fill_topic(request, &items[i], image->topics[i]) : !fill_asked(request, &items[i], &state->in.topics.items[i]))
			return false;
	}
	state->out.topics.items = items;
	state->out.topics.count = (int32_t)count;
	return true;
}

/* Versions 10 and 11 can carry an id but may not use it (Kafka's rule); from 12 on a name may be left out. */
static bool is_refused(const struct request *request, const struct metadata *state)
{
	for (int32_t i = 0; i < state->in.topics.count && request->version < BY_ID_VERSION; i++)
		if (is_by_id(&state->in.topics.items[i]))
			return true;
	return false;
}

static bool fill_refusals(struct request *request, struct metadata *state)
{
	uint32_t count = (uint32_t)state->in.topics.count;
	struct kmsg_metadata_topic_result *items = request_alloc_array(request, count, sizeof *items);
	for (uint32_t i = 0; items && i < count; i++) {
		const struct kmsg_metadata_topic *asked = &state->in.topics.items[i];
		kmsg_metadata_topic_result_init(&items[i]);
		items[i].error_code = KERR_INVALID_REQUEST;
		items[i].name = asked->name.data ? asked->name : slice_from("");
		items[i].topic_id = asked->topic_id;
	}
	state->out.topics.items = items;
	state->out.topics.count = (int32_t)count;
	return items != NULL;
}

static bool fill_brokers(struct request *request, struct metadata *state)
{
	const struct broker_facts *facts = request->shard->facts;
	struct kmsg_metadata_broker *self = request_alloc_array(request, 1, sizeof *self);
	if (!self)
		return false;
	*self = (struct kmsg_metadata_broker){
		.node_id = facts->node_id,
		.host = slice_from(facts->advertised_host),
		.port = facts->advertised_port,
		.rack = slice_from(broker_config_value(facts->config, "broker.rack")),
	};
	state->out.brokers.items = self;
	state->out.brokers.count = 1;
	state->out.controller_id = facts->node_id;
	state->out.cluster_id = slice_from(facts->cluster_id);
	if (state->in.include_cluster_authorized_operations)
		state->out.cluster_authorized_operations = CLUSTER_OPERATIONS_ALL;
	return true;
}

static bool fill(struct request *request, struct metadata *state)
{
	if (is_refused(request, state))
		return fill_refusals(request, state);
	return fill_brokers(request, state) && fill_topics(request, state);
}

static enum step answer(struct request *request)
{
	struct metadata *state = request->state;
	kmsg_metadata_response_init(&state->out);
	if (!fill(request, state))
		return request_reject(request, NULL);
	struct writer writer = request_answer_begin(request, kmsg_metadata_response_size(&state->out, request->version));
	kmsg_metadata_response_encode(&writer, request->version, &state->out);
	return request_answer_end(request, &writer);
}

/* ---- making topics ----------------------------------------------------------------------------------------------------------- */

static void create_wanted(struct control_op *op, struct catalog *catalog)
{
	struct metadata *state = CONTAINER_OF(op, struct metadata, op);
	state->err = catalog_create_topics(catalog, state->wanted, state->wanted_count, state->errs);
}

static bool is_wanted_already(const struct metadata *state, struct slice name)
{
	for (uint32_t i = 0; i < state->wanted_count; i++)
		if (slice_equal(state->wanted[i].name, name))
			return true;
	return false;
}

static void collect_wanted(struct request *request, struct metadata *state)
{
	uint32_t partition_count = (uint32_t)broker_config_int(request->shard->image->config, "num.partitions");
	for (int32_t i = 0; i < state->in.topics.count && state->wanted_count < AUTO_CREATE_MAX; i++) {
		struct slice name = state->in.topics.items[i].name;
		if (is_by_id(&state->in.topics.items[i]) || request_topic_by_name(request, name) || catalog_check_topic_name(name) || is_wanted_already(state, name))
			continue;
		state->wanted[state->wanted_count++] = (struct topic_spec){.name = name, .partition_count = partition_count};
	}
}

static bool may_create(struct request *request, const struct metadata *state)
{
	return state->in.topics.count > 0 && (request->version < 4 || state->in.allow_auto_topic_creation) &&
	       broker_config_bool(request->shard->image->config, "auto.create.topics.enable");
}

enum step metadata_handle(struct request *request)
{
	struct metadata *state = request_alloc_array(request, 1, sizeof *state);
	if (!state || kmsg_metadata_request_decode(&request->body, &request->arena, request->version, &state->in))
		return request_reject(request, NULL);
	request->state = state;
	if (request->version == 0 && state->in.topics.count == 0)
		state->in.topics.count = -1;
	if (is_refused(request, state) || !may_create(request, state))
		return answer(request);
	state->wanted = request_alloc_array(request, AUTO_CREATE_MAX, sizeof *state->wanted);
	state->errs = request_alloc_array(request, AUTO_CREATE_MAX, sizeof *state->errs);
	if (!state->wanted || !state->errs)
		return request_reject(request, NULL);
	collect_wanted(request, state);
	if (state->wanted_count == 0)
		return answer(request);
	state->op = (struct control_op){.run = create_wanted};
	control_submit(request, &state->op);
	return request_join(request, answer);
}
