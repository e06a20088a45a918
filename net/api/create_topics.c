/* CreateTopics: each topic is judged for itself, and those that pass are made with one durable change of the
 * catalog.
 *
 * Happy path: the control operation judges all topics against the catalog as it is then, creates, and fills
 * in what was made; when it returns, every shard knows the topics. Order of judgement, as in Kafka: too many
 * partitions in all; named twice; the name; there already; configs; partitions, replicas and assignments; the client's quota,
 * which what is only validated uses up as well.
 *
 * Failure modes: a refusal for each topic; if the catalog cannot be written, the same one for all that would
 * have been made. */
#include <errno.h>

#include "kmsg_create_topics.h"
#include "net/api/config_change.h"
#include "net/api/handlers.h"
#include "net/route/quota_draw.h"

#define STRICT_QUOTA_SINCE 6

#define METADATA_TOPIC "__cluster_metadata"

struct candidate {
	const struct kmsg_create_topics_topic *in;
	struct kmsg_create_topics_topic_result *out;
	struct refusal refusal;
	struct config_overrides overrides;
	uint32_t partition_count;
};

struct create_topics {
	struct request *request;
	struct kmsg_create_topics_request in;
	struct kmsg_create_topics_response out;
	struct control_op op;
	struct quota_draw draw;
	uint32_t count;
	struct candidate *candidates;   /* one for each name */
};

/* ---- judging ------------------------------------------------------------------------------------------- */

/* Also bounds the number of topics, hence the work of one request. */
static bool asks_too_much(const struct kmsg_create_topics_request *in)
{
	int64_t sum = 0;
	for (int32_t i = 0; i < in->topics.count; i++) {
		const struct kmsg_create_topics_topic *topic = &in->topics.items[i];
		int64_t partitions = topic->assignments.count > topic->num_partitions
			? topic->assignments.count : topic->num_partitions;
		sum += partitions > 1 ? partitions : 1;
	}
	return sum > NEW_PARTITIONS_MAX;
}

static bool refuse_name(struct request *request, struct candidate *candidate, const struct catalog_image *image)
{
	struct slice name = candidate->in->name;
	if (slice_equal(name, slice_from(METADATA_TOPIC)))
		return refuse(request, &candidate->refusal, KERR_INVALID_REQUEST,
			      "Creation of internal topic " METADATA_TOPIC " is prohibited.");
	if (refuse_topic_name(request, &candidate->refusal, name))
		return true;
	if (catalog_topic_by_name(image, name))
		return refuse(request, &candidate->refusal, KERR_TOPIC_ALREADY_EXISTS,
			      "Topic '%.*s' already exists.", SHOWN(name));
	return false;
}

static bool refuse_collision(struct request *request, struct candidate *candidate, const struct catalog *catalog)
{
	const struct topic *other = catalog_topic_colliding(catalog, candidate->in->name);
	return other && refuse(request, &candidate->refusal, KERR_INVALID_TOPIC_EXCEPTION,
			       "Topic '%.*s' collides with existing topic: %s",
			       SHOWN(candidate->in->name), other->name);
}

static bool refuse_configs(struct request *request, struct candidate *candidate, const struct broker_config *config)
{
	const struct kmsg_create_topics_topic *in = candidate->in;
	struct config_overrides none = {0};
	struct config_change *changes = request_alloc_array(request, (size_t)in->configs.count, sizeof *changes);
	if (!changes)
		return refuse_err(request, &candidate->refusal, -ENOMEM);
	for (int32_t i = 0; i < in->configs.count; i++) {
		changes[i] = (struct config_change){
			.operation = CONFIG_SET, .name = in->configs.items[i].name, .value = in->configs.items[i].value};
		if (!changes[i].value.data)
			return refuse(request, &candidate->refusal, KERR_INVALID_CONFIG,
				      "Null value not supported for topic configs: %.*s",
				      SHOWN(changes[i].name));
	}
	return config_merge(request, &candidate->refusal, config, &none, changes, (uint32_t)in->configs.count,
			    &candidate->overrides);
}

static bool refuse_counts(struct request *request, struct candidate *candidate, const struct broker_config *config)
{
	const struct kmsg_create_topics_topic *in = candidate->in;
	int64_t replicas = in->replication_factor == -1
		? broker_config_int(config, "default.replication.factor") : in->replication_factor;
	candidate->partition_count = in->num_partitions == -1
		? (uint32_t)broker_config_int(config, "num.partitions") : (uint32_t)in->num_partitions;
	if (in->replication_factor < -1 || in->replication_factor == 0)
		return refuse(request, &candidate->refusal, KERR_INVALID_REPLICATION_FACTOR,
			      "Replication factor must be larger than 0, or -1 to use the default value.");
	if (in->num_partitions < -1 || in->num_partitions == 0)
		return refuse(request, &candidate->refusal, KERR_INVALID_PARTITIONS,
			      "Number of partitions was set to an invalid non-positive value.");
	if (replicas > 1)
		return refuse(request, &candidate->refusal, KERR_INVALID_REPLICATION_FACTOR,
			      "Unable to replicate the partition %lld time(s): The target replication factor of %lld cannot be reached because only "
			      "1 broker(s) are registered or some brokers have all their log directories cordoned.", (long long)replicas, (long long)replicas);
	return false;
}

/* Partitions 0 to n - 1, in any order, each once. */
static bool refuse_assignments(struct request *request, struct candidate *candidate)
{
	const struct kmsg_create_topics_topic *in = candidate->in;
	struct refusal *refusal = &candidate->refusal;
	bool *is_there = request_alloc_array(request, (size_t)in->assignments.count, sizeof *is_there);
	if (!is_there)
		return refuse_err(request, refusal, -ENOMEM);
	if (in->replication_factor != -1)
		return refuse(request, refusal, KERR_INVALID_REQUEST,
			      "A manual partition assignment was specified, but replication factor was not set to -1.");
	if (in->num_partitions != -1)
		return refuse(request, refusal, KERR_INVALID_REQUEST,
			      "A manual partition assignment was specified, but numPartitions was not set to -1.");
	for (int32_t i = 0; i < in->assignments.count; i++) {
		const struct kmsg_create_topics_assignment *assignment = &in->assignments.items[i];
		int32_t index = assignment->partition_index;
		if (index < 0 || index >= in->assignments.count)
			return refuse(request, refusal, KERR_INVALID_REPLICA_ASSIGNMENT,
				      "partitions should be a consecutive 0-based integer sequence");
		if (is_there[index])
			return refuse(request, refusal, KERR_INVALID_REPLICA_ASSIGNMENT,
				      "Found multiple manual partition assignments for partition %d", (int)index);
		if (refuse_replicas(request, refusal, assignment->broker_ids.items, assignment->broker_ids.count))
			return true;
		is_there[index] = true;
	}
	candidate->partition_count = (uint32_t)in->assignments.count;
	return false;
}

static bool refuse_partitions(struct request *request, struct candidate *candidate, const struct broker_config *config)
{
	return candidate->in->assignments.count > 0 ? refuse_assignments(request, candidate) : refuse_counts(request, candidate, config);
}

static void judge(struct create_topics *state, struct candidate *candidate, const struct catalog *catalog, const struct catalog_image *image)
{
	struct request *request = state->request;
	if (refuse_name(request, candidate, image) || refuse_collision(request, candidate, catalog) ||
	    refuse_configs(request, candidate, image->config) || refuse_partitions(request, candidate, image->config))
		return;
	if (!quota_draw_take(&state->draw, candidate->partition_count))
		candidate->refusal.error = KERR_THROTTLING_QUOTA_EXCEEDED; /* without a sentence, as Kafka */
}

/* ---- creating ------------------------------------------------------------------------------------------ */

static void judge_all(struct create_topics *state, struct catalog *catalog)
{
	const struct catalog_image *image = catalog_image_acquire(catalog);
	for (uint32_t i = 0; i < state->count; i++)
		if (!state->candidates[i].refusal.error)
			judge(state, &state->candidates[i], catalog, image);
	catalog_image_release(image);
}

/* What the catalog itself found: only that two names of this request collide is news. */
static void take_outcome(struct create_topics *state, struct candidate *candidate, int err, const struct catalog *catalog)
{
	if (err != ERR_INVALID_TOPIC_NAME || !refuse_collision(state->request, candidate, catalog))
		refuse_err(state->request, &candidate->refusal, err);
}

static bool make_topics(struct create_topics *state, struct catalog *catalog, int *errs, struct topic_spec *specs)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < state->count; i++) {
		const struct candidate *candidate = &state->candidates[i];
		if (!candidate->refusal.error)
			specs[count++] = (struct topic_spec){
				.name = candidate->in->name, .partition_count = candidate->partition_count,
				.override_count = candidate->overrides.count, .overrides = candidate->overrides.items};
	}
	int err = count ? catalog_create_topics(catalog, specs, count, errs) : 0;
	for (uint32_t i = 0; err && i < count; i++)
		errs[i] = err;
	return count > 0;
}

static void create(struct create_topics *state, struct catalog *catalog)
{
	int *errs = request_alloc_array(state->request, state->count, sizeof *errs);
	struct topic_spec *specs = request_alloc_array(state->request, state->count, sizeof *specs);
	if (!errs || !specs) {
		for (uint32_t i = 0; i < state->count; i++)
			state->candidates[i].refusal.error = KERR_UNKNOWN_SERVER_ERROR;
		return;
	}
	if (!make_topics(state, catalog, errs, specs))
		return;
	const struct catalog_image *image = catalog_image_acquire(catalog);
	for (uint32_t i = 0, tried = 0; i < state->count; i++) {
		struct candidate *candidate = &state->candidates[i];
		if (candidate->refusal.error)
			continue;
		take_outcome(state, candidate, errs[tried++], catalog);
		const struct topic *topic = catalog_topic_by_name(image, candidate->in->name);
		if (!candidate->refusal.error && topic)
			candidate->out->topic_id = topic->id;
	}
	catalog_image_release(image);
}

static void run(struct control_op *op, struct catalog *catalog)
{
	struct create_topics *state = CONTAINER_OF(op, struct create_topics, op);
	judge_all(state, catalog);
	if (!state->in.validate_only)
		create(state, catalog);
}

/* ---- answering ----------------------------------------------------------------------------------------- */

static bool fill_configs(struct request *request, struct candidate *candidate)
{
	uint32_t count;
	const struct config_key *keys = config_topic_keys(&count);
	struct kmsg_create_topics_config_result *items = request_alloc_array(request, count, sizeof *items);
	struct config_value *values = request_alloc_array(request, count, sizeof *values);
	if (!items || !values)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		topic_config_value(&values[i], &keys[i], request->shard->image->config,
				   candidate->overrides.items, candidate->overrides.count);
		items[i] = (struct kmsg_create_topics_config_result){
			.name = slice_from(keys[i].name), .value = slice_from(values[i].text),
			.config_source = (int8_t)values[i].source};
	}
	candidate->out->configs.items = items;
	candidate->out->configs.count = (int32_t)count;
	return true;
}

static bool fill(struct request *request, struct candidate *candidate)
{
	const struct create_topics *state = request->state;
	struct kmsg_create_topics_topic_result *out = candidate->out;
	out->configs.count = 0; /* empty, not null, where there are none to tell */
	out->error_code = (int16_t)candidate->refusal.error;
	out->error_message = candidate->refusal.message;
	if (candidate->refusal.error || request->version < 5)
		return true;
	out->num_partitions = (int32_t)candidate->partition_count;
	out->replication_factor = 1;
	if (state->in.validate_only) /* an id like the one the topic would have, as Kafka tells */
		io_random(request->shard->io, &out->topic_id, sizeof out->topic_id);
	return fill_configs(request, candidate);
}

static enum step answer(struct request *request)
{
	struct create_topics *state = request->state;
	for (uint32_t i = 0; i < state->count; i++)
		if (!fill(request, &state->candidates[i]))
			return request_reject(request, NULL);
	state->out.throttle_time_ms = quota_draw_settle(&state->draw);
	size_t size = kmsg_create_topics_response_size(&state->out, request->version);
	struct writer writer = request_answer_begin(request, size);
	kmsg_create_topics_response_encode(&writer, request->version, &state->out);
	return request_answer_end(request, &writer);
}

/* One candidate and one result for each name. */
static bool lay_out(struct request *request, struct create_topics *state)
{
	uint32_t count = (uint32_t)state->in.topics.count;
	struct slice *names = request_alloc_array(request, count, sizeof *names);
	struct repeats repeats;
	state->candidates = request_alloc_array(request, count, sizeof *state->candidates);
	state->out.topics.items = request_alloc_array(request, count, sizeof *state->out.topics.items);
	if (!names || !state->candidates || !state->out.topics.items)
		return false;
	for (uint32_t i = 0; i < count; i++)
		names[i] = state->in.topics.items[i].name;
	if (!find_repeats(request, names, count, &repeats))
		return false;
	for (uint32_t i = 0; i < count; i++) {
		if (!repeats.is_first[i])
			continue;
		struct candidate *candidate = &state->candidates[state->count];
		*candidate = (struct candidate){.in = &state->in.topics.items[i], .out = &state->out.topics.items[state->count++]};
		kmsg_create_topics_topic_result_init(candidate->out);
		candidate->out->name = names[i];
		if (repeats.is_repeated[i])
			refuse(request, &candidate->refusal, KERR_INVALID_REQUEST, "Duplicate topic name.");
	}
	state->out.topics.count = (int32_t)state->count;
	return true;
}

static void refuse_all(struct request *request, struct create_topics *state)
{
	for (uint32_t i = 0; i < state->count; i++)
		refuse(request, &state->candidates[i].refusal, KERR_POLICY_VIOLATION,
		       "Excessively large number of partitions per request.");
}

enum step create_topics_handle(struct request *request)
{
	struct create_topics *state = request_alloc_array(request, 1, sizeof *state);
	if (!state ||
	    kmsg_create_topics_request_decode(&request->body, &request->arena, request->version, &state->in))
		return request_reject(request, NULL);
	request->state = state;
	state->request = request;
	quota_draw_init(&state->draw, request, STRICT_QUOTA_SINCE);
	kmsg_create_topics_response_init(&state->out);
	if (!lay_out(request, state))
		return request_reject(request, NULL);
	if (asks_too_much(&state->in)) {
		refuse_all(request, state);
		return answer(request);
	}
	state->op = (struct control_op){.run = run};
	control_submit(request, &state->op);
	return request_join(request, answer);
}
