/* DeleteTopics: by name, from version 6 also by id. All that can be deleted goes with one durable change of
 * the catalog; when the answer leaves, no shard knows the topics any more. Their files go in the background.
 *
 * Failure modes: a refusal for each entry. An entry that is there twice is refused, as is a name and an id
 * that mean the same topic. */
#include "kmsg_delete_topics.h"
#include "net/api/handlers.h"
#include "net/api/refusal.h"
#include "net/route/quota_draw.h"

#define STRICT_QUOTA_SINCE 5

struct doomed {
	struct slice name;             /* data NULL: by id */
	struct uuid id;
	uint32_t partition_count;
	struct refusal refusal;
};

struct delete_topics {
	struct request *request;
	struct kmsg_delete_topics_request in;
	struct control_op op;
	struct quota_draw draw;
	uint32_t count;
	struct doomed *doomed;
};

/* ---- deleting ------------------------------------------------------------------------------------------ */

/* Fills in the half that the client did not say. */
static bool resolve(struct request *request, struct doomed *doomed, const struct catalog_image *image)
{
	bool is_by_name = doomed->name.data != NULL;
	const struct topic *topic = is_by_name ? catalog_topic_by_name(image, doomed->name)
					       : catalog_topic_by_id(image, &doomed->id);
	if (!topic && is_by_name)
		return !refuse(request, &doomed->refusal, KERR_UNKNOWN_TOPIC_OR_PARTITION,
			       "This server does not host this topic-partition.");
	if (!topic)
		return !refuse(request, &doomed->refusal, KERR_UNKNOWN_TOPIC_ID,
			       "This server does not host this topic ID.");
	doomed->id = topic->id;
	doomed->partition_count = topic->partition_count;
	if (!is_by_name)
		doomed->name = text_format(request, "%s", topic->name);
	return true;
}

/* After all are resolved: two entries with one id are one by name and one by id. */
static bool refuse_same(struct delete_topics *state)
{
	struct slice *ids = request_alloc_array(state->request, state->count, sizeof *ids);
	struct repeats repeats;
	for (uint32_t i = 0; ids && i < state->count; i++)
		ids[i] = state->doomed[i].refusal.error ? (struct slice){0}
			: (struct slice){state->doomed[i].id.bytes, sizeof state->doomed[i].id.bytes};
	if (!ids || !find_repeats(state->request, ids, state->count, &repeats))
		return false;
	for (uint32_t i = 0; i < state->count; i++)
		if (ids[i].size && repeats.is_repeated[i])
			refuse(state->request, &state->doomed[i].refusal, KERR_INVALID_REQUEST,
			       "The provided topic name maps to an ID that was already supplied.");
	return true;
}

static void draw(struct delete_topics *state)
{
	for (uint32_t i = 0; i < state->count; i++)
		if (!state->doomed[i].refusal.error && !quota_draw_take(&state->draw, state->doomed[i].partition_count))
			state->doomed[i].refusal.error = KERR_THROTTLING_QUOTA_EXCEEDED; /* without a sentence, as Kafka */
}

static void remove_topics(struct delete_topics *state, struct catalog *catalog, struct uuid *ids, int *errs)
{
	uint32_t count = 0, done = 0;
	for (uint32_t i = 0; i < state->count; i++)
		if (!state->doomed[i].refusal.error)
			ids[count++] = state->doomed[i].id;
	int err = count ? catalog_delete_topics(catalog, ids, count, errs) : 0;
	for (uint32_t i = 0; i < state->count; i++) {
		if (state->doomed[i].refusal.error)
			continue;
		refuse_err(state->request, &state->doomed[i].refusal, err ? err : errs[done]);
		done++;
	}
}

static void run(struct control_op *op, struct catalog *catalog)
{
	struct delete_topics *state = CONTAINER_OF(op, struct delete_topics, op);
	struct uuid *ids = request_alloc_array(state->request, state->count, sizeof *ids);
	int *errs = request_alloc_array(state->request, state->count, sizeof *errs);
	const struct catalog_image *image = catalog_image_acquire(catalog);
	for (uint32_t i = 0; i < state->count; i++)
		if (!state->doomed[i].refusal.error)
			(void)resolve(state->request, &state->doomed[i], image);
	catalog_image_release(image);
	if (ids && errs && refuse_same(state)) {
		draw(state);
		remove_topics(state, catalog, ids, errs);
		return;
	}
	for (uint32_t i = 0; i < state->count; i++)
		state->doomed[i].refusal.error = KERR_UNKNOWN_SERVER_ERROR;
}

/* ---- answering ----------------------------------------------------------------------------------------- */

static enum step answer(struct request *request)
{
	struct delete_topics *state = request->state;
	struct kmsg_delete_topics_response out;
	kmsg_delete_topics_response_init(&out);
	out.responses.count = (int32_t)state->count;
	out.responses.items = request_alloc_array(request, state->count, sizeof *out.responses.items);
	if (!out.responses.items)
		return request_reject(request, NULL);
	for (uint32_t i = 0; i < state->count; i++) {
		const struct doomed *doomed = &state->doomed[i];
		out.responses.items[i] = (struct kmsg_delete_topics_topic_result){
			.name = doomed->name, .topic_id = doomed->id,
			.error_code = (int16_t)doomed->refusal.error, .error_message = doomed->refusal.message};
	}
	out.throttle_time_ms = quota_draw_settle(&state->draw);
	size_t size = kmsg_delete_topics_response_size(&out, request->version);
	struct writer writer = request_answer_begin(request, size);
	kmsg_delete_topics_response_encode(&writer, request->version, &out);
	return request_answer_end(request, &writer);
}

/* ---- asking -------------------------------------------------------------------------------------------- */

static bool refuse_forms(struct request *request, struct doomed *doomed)
{
	if (doomed->name.data && !uuid_is_zero(&doomed->id))
		return refuse(request, &doomed->refusal, KERR_INVALID_REQUEST,
			      "You may not specify both topic name and topic id.");
	if (!doomed->name.data && uuid_is_zero(&doomed->id))
		return refuse(request, &doomed->refusal, KERR_INVALID_REQUEST,
			      "Neither topic name nor id were specified.");
	return false;
}

static bool take_entries(struct request *request, struct delete_topics *state, struct slice *keys)
{
	for (uint32_t i = 0; i < state->count; i++) {
		struct doomed *doomed = &state->doomed[i];
		if (request->version < 6)
			doomed->name = state->in.topic_names.items[i];
		else
			*doomed = (struct doomed){.name = state->in.topics.items[i].name, .id = state->in.topics.items[i].topic_id};
		refuse_forms(request, doomed);
		struct slice id = {doomed->id.bytes, sizeof doomed->id.bytes};
		keys[i] = text_entry(request, doomed->name.data != NULL, doomed->name.data ? doomed->name : id);
		if (!keys[i].data)
			return false;
	}
	return true;
}

/* Those named twice are answered once. */
static bool refuse_repeats(struct request *request, struct delete_topics *state, const struct slice *keys)
{
	struct repeats repeats;
	uint32_t kept = 0;
	if (!find_repeats(request, keys, state->count, &repeats))
		return false;
	for (uint32_t i = 0; i < state->count; i++) {
		if (!repeats.is_first[i])
			continue;
		state->doomed[kept] = state->doomed[i];
		if (repeats.is_repeated[i] && !state->doomed[kept].refusal.error)
			refuse(request, &state->doomed[kept].refusal, KERR_INVALID_REQUEST,
			       "Duplicate topic %s.", state->doomed[kept].name.data ? "name" : "id");
		kept++;
	}
	state->count = kept;
	return true;
}

static bool is_disabled(struct request *request, struct delete_topics *state)
{
	if (broker_config_bool(request->shard->image->config, "delete.topic.enable"))
		return false;
	for (uint32_t i = 0; i < state->count; i++)
		refuse(request, &state->doomed[i].refusal,
		       request->version < 3 ? KERR_INVALID_REQUEST : KERR_TOPIC_DELETION_DISABLED,
		       "Topic deletion is disabled (delete.topic.enable).");
	return true;
}

enum step delete_topics_handle(struct request *request)
{
	struct delete_topics *state = request_alloc_array(request, 1, sizeof *state);
	if (!state ||
	    kmsg_delete_topics_request_decode(&request->body, &request->arena, request->version, &state->in))
		return request_reject(request, NULL);
	request->state = state;
	state->request = request;
	quota_draw_init(&state->draw, request, STRICT_QUOTA_SINCE);
	state->count = (uint32_t)(request->version < 6 ? state->in.topic_names.count : state->in.topics.count);
	state->doomed = request_alloc_array(request, state->count, sizeof *state->doomed);
	struct slice *keys = request_alloc_array(request, state->count, sizeof *keys);
	if (!state->doomed || !keys || !take_entries(request, state, keys) || !refuse_repeats(request, state, keys))
		return request_reject(request, NULL);
	if (is_disabled(request, state))
		return answer(request);
	state->op = (struct control_op){.run = run};
	control_submit(request, &state->op);
	return request_join(request, answer);
}
