/* InitProducerId for idempotent producers: an id nobody ever had. Each shard hands out ids from a block of its own, which it reserves
 * in the catalog; ids of a block that are not used up when the broker stops are never used.
 *
 * A producer that brings its id to have the epoch bumped (KIP-360) gets a new id, as from Kafka, where only transactional ids keep
 * theirs. Transactions are not served yet: a transactional id is refused with TRANSACTIONAL_ID_AUTHORIZATION_FAILED, which ends
 * the client's attempt: librdkafka would try UNSUPPORTED_VERSION again for ever. */
#include "kmsg_init_producer_id.h"
#include "net/api/handlers.h"

#define BLOCK_SIZE 1000

struct init_producer_id {
	struct kmsg_init_producer_id_request in;
	struct control_op op;
	int err;
	int64_t first;
};

static enum step answer(struct request *request, enum kerr error, int64_t producer_id)
{
	struct kmsg_init_producer_id_response out;
	kmsg_init_producer_id_response_init(&out);
	out.error_code = (int16_t)error;
	out.producer_id = producer_id;
	out.producer_epoch = producer_id < 0 ? -1 : 0;
	struct writer writer = request_answer_begin(request, kmsg_init_producer_id_response_size(&out, request->version));
	kmsg_init_producer_id_response_encode(&writer, request->version, &out);
	return request_answer_end(request, &writer);
}

static void reserve_block(struct control_op *op, struct catalog *catalog)
{
	struct init_producer_id *state = CONTAINER_OF(op, struct init_producer_id, op);
	state->err = catalog_reserve_producer_ids(catalog, BLOCK_SIZE, &state->first);
}

static enum step hand_out(struct request *request)
{
	return answer(request, KERR_NONE, request->shard->producer_id_next++);
}

/* Several requests may have reserved at once; a block that comes while ids are left is dropped. */
static enum step take_block(struct request *request)
{
	struct init_producer_id *state = request->state;
	struct shard *shard = request->shard;
	if (state->err)
		return answer(request, kerr_from(state->err), -1);
	if (shard->producer_id_next == shard->producer_id_end) {
		shard->producer_id_next = state->first;
		shard->producer_id_end = state->first + BLOCK_SIZE;
	}
	return hand_out(request);
}

static enum kerr judge(const struct kmsg_init_producer_id_request *in)
{
	if ((in->producer_id == -1) != (in->producer_epoch == -1))
		return KERR_INVALID_REQUEST;
	if (in->transactional_id.data)
		return in->transactional_id.size == 0 ? KERR_INVALID_REQUEST : KERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
	return KERR_NONE;
}

enum step init_producer_id_handle(struct request *request)
{
	struct init_producer_id *state = request_alloc(request, sizeof *state);
	if (!state || kmsg_init_producer_id_request_decode(&request->body, &request->arena, request->version, &state->in))
		return request_reject(request, NULL);
	enum kerr error = judge(&state->in);
	if (error)
		return answer(request, error, -1);
	if (request->shard->producer_id_next < request->shard->producer_id_end)
		return hand_out(request);
	request->state = state;
	state->op = (struct control_op){.run = reserve_block};
	control_submit(request, &state->op);
	return request_join(request, take_block);
}
