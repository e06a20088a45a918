/* FindCoordinator: this node coordinates all groups. The topic that keeps their state, __consumer_offsets, is
 * made when the first client asks.
 *
 * It coordinates all transactions too, as far as there is anything to say of them: tools that ask about one hear that it is
 * not there, and a producer that wants one is refused by InitProducerId.
 *
 * Share groups are not served, and the answer says so with an error that ends the client's attempt:
 * COORDINATOR_NOT_AVAILABLE would have it try for ever. */
#include "kmsg_find_coordinator.h"
#include "net/api/group_topic.h"
#include "net/api/handlers.h"

enum key_type { KEY_GROUP, KEY_TRANSACTION, KEY_SHARE };

#define BATCH_VERSION 4 /* several keys; from here on success is told by an empty sentence, before by the name of no error, as in Kafka */

struct find_coordinator {
	struct kmsg_find_coordinator_request in;
	struct kmsg_find_coordinator_response out;
	struct group_topic_op make;
};

static enum kerr judge(const struct find_coordinator *state, const char **why)
{
	*why = NULL;
	switch ((enum key_type)state->in.key_type) {
	case KEY_GROUP:
		return state->make.err ? KERR_COORDINATOR_NOT_AVAILABLE : KERR_NONE;
	case KEY_TRANSACTION:
		return KERR_NONE;
	default:
		*why = "Share groups are not supported.";
		return KERR_INVALID_REQUEST;
	}
}

static struct kmsg_find_coordinator_coordinator coordinator_of(struct request *request, const struct find_coordinator *state,
							       struct slice key)
{
	const struct broker_facts *facts = request->shard->facts;
	const char *why;
	enum kerr error = judge(state, &why);
	struct kmsg_find_coordinator_coordinator out;
	kmsg_find_coordinator_coordinator_init(&out);
	out.key = key;
	out.error_code = (int16_t)error;
	out.error_message = slice_from(why ? why : error ? kerr_text(error) : request->version < BATCH_VERSION ? "NONE" : "");
	out.node_id = error ? -1 : facts->node_id;
	out.port = error ? -1 : facts->advertised_port;
	if (!error)
		out.host = slice_from(facts->advertised_host);
	return out;
}

static bool fill(struct request *request, struct find_coordinator *state)
{
	struct kmsg_find_coordinator_response *out = &state->out;
	kmsg_find_coordinator_response_init(out);
	struct kmsg_find_coordinator_coordinator one = coordinator_of(request, state, state->in.key);
	out->error_code = one.error_code;
	out->error_message = one.error_message;
	out->node_id = one.node_id;
	out->host = one.host;
	out->port = one.port;
	int32_t count = state->in.coordinator_keys.count;
	out->coordinators.items = request_alloc_array(request, (size_t)count, sizeof *out->coordinators.items);
	if (!out->coordinators.items)
		return false;
	out->coordinators.count = count;
	for (int32_t i = 0; i < count; i++)
		out->coordinators.items[i] = coordinator_of(request, state, state->in.coordinator_keys.items[i]);
	return true;
}

static enum step answer(struct request *request)
{
	struct find_coordinator *state = request->state;
	return fill(request, state) ? REQUEST_ANSWER(request, find_coordinator, &state->out) : request_reject(request, NULL);
}

enum step find_coordinator_handle(struct request *request)
{
	struct find_coordinator *state = request_alloc_array(request, 1, sizeof *state);
	if (!state || kmsg_find_coordinator_request_decode(&request->body, &request->arena, request->version, &state->in))
		return request_reject(request, NULL);
	request->state = state;
	if (state->in.key_type == KEY_GROUP)
		group_topic_make(request, &state->make);
	return request_join(request, answer);
}
