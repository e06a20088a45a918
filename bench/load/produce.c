/* load_produce: one batch, one ready-made request for each partition. What is sent is the request's head
 * (size, header, topic, partition, length of the records), the shared batch, and the shared end; of
 * these only the correlation id in the head differs from request to request. */
#include "bench/load/produce.h"

#include "bench/load/frame.h"
#include "bench/load/outcome.h"
#include "bench/load/topic.h"
#include "log/base/err.h"

#include <errno.h>

bool produce_next_request(void *arg, uint32_t connection, uint32_t correlation, struct engine_request *request)
{
	struct produce *produce = arg;
	request->partition = lanes_partition(&produce->lanes, lanes_take(&produce->lanes, connection));
	const struct produce_head *head = &produce->heads[request->partition];
	memcpy(request->head, head->bytes, head->size);
	store_be32(request->head + FRAME_CORRELATION_AT, correlation);
	request->pieces[0] = (struct iovec){ request->head, head->size };
	request->pieces[1] = (struct iovec){ produce->payload.batch, produce->payload.size_bytes };
	request->pieces[2] = (struct iovec){ produce->tail.bytes, produce->tail.size };
	request->piece_count = 3;
	return true;
}

struct engine_outcome produce_read_answer(void *arg, const struct engine_request *request, struct slice frame)
{
	struct produce *produce = arg;
	struct engine_outcome outcome = { .records = produce->payload.records, .bytes = produce->payload.size_bytes };
	arena_reset(&produce->arena);
	struct produce_answer answer;
	outcome.is_damaged = !produce_answer_read(frame, &produce->arena, &answer) ||
			     answer.partition != (int32_t)request->partition ||
			     (!answer.error_code && answer.base_offset < 0);
	outcome.error_code = answer.error_code;
	return outcome;
}

static int encode_heads(struct produce *produce, const struct load_config *config)
{
	struct slice batch = { produce->payload.batch, produce->payload.size_bytes };
	int err = 0;
	for (uint32_t i = 0; !err && i < config->partitions; i++)
		err = produce_head_encode(&produce->heads[i], &produce->tail, config->topic, i, config->acks, batch);
	return err;
}

static int prepare(struct produce *produce, const struct load_config *config)
{
	*produce = (struct produce){ 0 };
	arena_init(&produce->arena, NULL, 0, 1 << 20);
	int err = payload_build(&produce->payload, config->batch_bytes, config->record_bytes);
	produce->heads = calloc(config->partitions, sizeof *produce->heads);
	if (!err && (!produce->heads || !lanes_open(&produce->lanes, config->partitions, config->connections)))
		err = -ENOMEM;
	return err ? err : encode_heads(produce, config);
}

int produce_open(struct produce *produce, const struct load_config *config, char *failure)
{
	int err = prepare(produce, config);
	if (err)
		snprintf(failure, LOAD_FAILURE_BYTES, "cannot prepare requests: %s", err_text(err));
	return err;
}

void produce_close(struct produce *produce)
{
	payload_free(&produce->payload);
	lanes_close(&produce->lanes);
	free(produce->heads);
	arena_fini(&produce->arena);
}

int load_produce(const struct load_config *config, struct load_result *result)
{
	static const struct engine_calls calls = { produce_next_request, produce_read_answer, 0 };
	struct produce produce = { 0 };
	struct engine *engine = NULL;
	int err = load_result_begin(result, config, "produce");
	if (!err)
		err = produce_open(&produce, config, result->failure);
	if (!err && config->create_topic)
		err = load_topic_create(config, result->failure);
	if (!err)
		err = engine_open(&engine, config, result, &calls, &produce);
	if (!err)
		err = engine_run(engine);
	engine_close(engine);
	err = load_result_clean_up(result, config, err);
	produce_close(&produce);
	return load_result_end(result, err);
}
