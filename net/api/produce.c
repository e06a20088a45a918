/* Produce: batches to partitions, answered when they are durable, whether acks is 1 or -1.
 *
 * Happy path: each partition's batch is judged as far as the request goes, and appended by the shard that owns it, which validates it, stamps
 * its offset into the frame and copies it; when the last one is durable the answer is written. With acks=0 there is no answer.
 *
 * Failures follow Kafka's order: a transactional batch without a transactional id refuses the whole request; then, for each partition, an
 * unknown topic or partition, records that are not one batch, acks, and a topic that is the broker's own; the rest is the log's to
 * judge. With acks=0 an error closes the connection, the only sign there is. */
#include "kmsg_produce.h"
#include "log/batch/validate.h"
#include "net/api/handlers.h"
#include "net/route/quota_task.h"

struct produce {
	struct kmsg_produce_request in;
	struct kmsg_produce_response out;
	/* By partition, in the order of the request; NULL: refused before the log saw it. */
	struct append_task **tasks;
	size_t partition_count;
	struct quota_task *charge;     /* NULL: nobody is limited */
};

/* ---- answering ----------------------------------------------------------------------------------------------------------- */

static bool fill_record_errors(struct request *request, struct kmsg_produce_partition_result *out, const struct append_op *op)
{
	if (op->record_error_count == 0)
		return true;
	out->record_errors.items = request_alloc_array(request, op->record_error_count, sizeof *out->record_errors.items);
	if (!out->record_errors.items)
		return false;
	out->record_errors.count = (int32_t)op->record_error_count;
	for (uint32_t i = 0; i < op->record_error_count; i++)
		out->record_errors.items[i] = (struct kmsg_produce_record_error){
			.batch_index = op->record_errors[i].batch_index,
			.batch_index_error_message = slice_from(op->record_errors[i].message),
		};
	return true;
}

static bool fill_result(struct request *request, struct kmsg_produce_partition_result *out, const struct append_task *append)
{
	const struct append_op *op = &append->op;
	out->error_code = (int16_t)kerr_from(append->task.err);
	if (append->task.err == ERR_UNKNOWN_TOPIC)
		return true;
	out->log_start_offset = op->log_start_offset;
	if (!append->task.err) {
		out->base_offset = op->base_offset;
		out->log_append_time_ms = op->log_append_time_ms;
		return true;
	}
	out->error_message = slice_from(op->error_message);
	return fill_record_errors(request, out, op);
}

/* *error is the first one. */
static bool fill_results(struct request *request, struct produce *produce, enum kerr *error)
{
	uint32_t next = 0;
	for (int32_t t = 0; t < produce->out.responses.count; t++) {
		struct kmsg_produce_topic_result *topic = &produce->out.responses.items[t];
		for (int32_t p = 0; p < topic->partition_responses.count; p++) {
			struct kmsg_produce_partition_result *out = &topic->partition_responses.items[p];
			struct append_task *task = produce->tasks[next++];
			if (task && !fill_result(request, out, task))
				return false;
			*error = *error ? *error : (enum kerr)out->error_code;
		}
	}
	return true;
}

static enum step answer(struct request *request)
{
	struct produce *produce = request->state;
	enum kerr error = KERR_NONE;
	if (!fill_results(request, produce, &error))
		return request_reject(request, NULL);
	if (produce->in.acks == 0)
		return error ? request_reject(request, kerr_text(error)) : request_answer_nothing(request);
	if (produce->charge)
		produce->out.throttle_time_ms = (int32_t)produce->charge->throttle_ms;
	struct writer writer = request_answer_begin(request, kmsg_produce_response_size(&produce->out, request->version));
	kmsg_produce_response_encode(&writer, request->version, &produce->out);
	return request_answer_end(request, &writer);
}

/* ---- judging ------------------------------------------------------------------------------------------------------------- */

static bool is_transactional(struct slice records)
{
	struct batch batch;
	return records.data && batch_parse_header(records, &batch) == 0 && batch_is_transactional(&batch);
}

/* What Kafka checks before it looks at any topic. */
static enum kerr judge_request(const struct kmsg_produce_request *in)
{
	if (in->transactional_id.data)
		return KERR_NONE;
	for (int32_t t = 0; t < in->topic_data.count; t++)
		for (int32_t p = 0; p < in->topic_data.items[t].partition_data.count; p++)
			if (is_transactional(in->topic_data.items[t].partition_data.items[p].records.whole))
				return KERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
	return KERR_NONE;
}

static enum kerr judge_partition(struct request *request, const struct produce *produce, const struct topic *topic,
				 const struct kmsg_produce_partition *in)
{
	if (in->index < 0 || (uint32_t)in->index >= topic->partition_count)
		return KERR_UNKNOWN_TOPIC_OR_PARTITION;
	int err = records_check_single_batch(in->records.whole);
	if (err)
		return kerr_from(err);
	if (produce->in.acks < -1 || produce->in.acks > 1)
		return KERR_INVALID_REQUIRED_ACKS;
	if (topic->is_internal && !request_is_from_admin(request))
		return KERR_INVALID_TOPIC_EXCEPTION;
	/* There are no transactions yet, so none can be ongoing. */
	return is_transactional(in->records.whole) ? KERR_INVALID_TXN_STATE : KERR_NONE;
}

/* ---- appending ----------------------------------------------------------------------------------------------------------- */

static struct append_task *append(struct request *request, const struct topic *topic, const struct kmsg_produce_partition *in)
{
	struct append_task *append = request_alloc(request, sizeof *append);
	if (!append)
		return NULL;
	task_init(&append->task, request, &topic->id, in->index);
	/* The bytes are the frame's, which is ours to write to. */
	append->op.records = (uint8_t *)in->records.whole.data;
	append->op.records_size_bytes = (uint32_t)in->records.whole.size;
	append->op.is_zstd_allowed = request->version >= 7;
	append->op.is_internal = append->op.begins_segment = false;
	append->op.record_error_count = 0;
	append->op.error_message = NULL;
	append->node = (struct list){0};
	request_count(request, append_task_submit(append));
	return append;
}

static bool append_topic(struct request *request, struct produce *produce, const struct kmsg_produce_topic *in,
			 struct kmsg_produce_topic_result *out, struct append_task **tasks)
{
	bool is_by_id = request->version >= 13;
	const struct topic *topic = is_by_id ? request_topic_by_id(request, &in->topic_id) : request_topic_by_name(request, in->name);
	for (int32_t p = 0; p < in->partition_data.count; p++) {
		struct kmsg_produce_partition_result *result = &out->partition_responses.items[p];
		if (result->error_code)
			continue;
		if (!topic)
			result->error_code = is_by_id ? KERR_UNKNOWN_TOPIC_ID : KERR_UNKNOWN_TOPIC_OR_PARTITION;
		else
			result->error_code = (int16_t)judge_partition(request, produce, topic, &in->partition_data.items[p]);
		if (!result->error_code && !(tasks[p] = append(request, topic, &in->partition_data.items[p])))
			return false;
	}
	return true;
}

/* Charged with all that it has sent, whatever becomes of it, as in Kafka; at once, so that what its client pipelines behind it is held back too.
 * False: no memory. */
static bool charge(struct request *request, struct produce *produce)
{
	struct quota_task *task = produce->charge = request_alloc_array(request, 1, sizeof *task);
	if (task && quota_task_init(task, request, QUOTA_PRODUCE))
		request_count(request, quota_task_charge(task, (double)request->size_bytes + 4));
	return task != NULL;
}

static bool append_all(struct request *request, struct produce *produce)
{
	struct append_task **tasks = produce->tasks;
	for (int32_t t = 0; t < produce->in.topic_data.count; t++) {
		const struct kmsg_produce_topic *in = &produce->in.topic_data.items[t];
		if (!append_topic(request, produce, in, &produce->out.responses.items[t], tasks))
			return false;
		tasks += in->partition_data.count;
	}
	return true;
}

/* The shape of the answer, which is that of the request; every partition starts with the same error or none. */
static bool lay_out(struct request *request, struct produce *produce, enum kerr error)
{
	size_t partition_count = 0;
	int32_t topic_count = produce->in.topic_data.count > 0 ? produce->in.topic_data.count : 0;
	kmsg_produce_response_init(&produce->out);
	produce->out.responses.items = request_alloc_array(request, (size_t)topic_count, sizeof *produce->out.responses.items);
	if (!produce->out.responses.items)
		return false;
	produce->out.responses.count = topic_count;
	for (int32_t t = 0; t < topic_count; t++) {
		const struct kmsg_produce_topic *in = &produce->in.topic_data.items[t];
		struct kmsg_produce_topic_result *out = &produce->out.responses.items[t];
		struct kmsg_produce_partition_result *results =
			request_alloc(request, (size_t)in->partition_data.count * sizeof *results);
		if (!results)
			return false;
		*out = (struct kmsg_produce_topic_result){.name = in->name, .topic_id = in->topic_id};
		if (!request_keep(request, &out->name))
			return false;
		out->partition_responses.items = results;
		out->partition_responses.count = in->partition_data.count;
		for (int32_t p = 0; p < in->partition_data.count; p++) {
			kmsg_produce_partition_result_init(&results[p]);
			results[p].index = in->partition_data.items[p].index;
			results[p].base_offset = -1;
			results[p].error_code = (int16_t)error;
		}
		partition_count += (size_t)in->partition_data.count;
	}
	produce->partition_count = partition_count;
	produce->tasks = request_alloc_array(request, partition_count, sizeof(struct append_task *));
	return produce->tasks != NULL;
}

/* Once the log has copied all records, the frame can serve the next request: what the answer needs of it has been kept. */
static void drop_frame_if_done(struct request *request, const struct produce *produce)
{
	for (size_t i = 0; i < produce->partition_count; i++)
		if (produce->tasks[i] && append_task_needs_records(produce->tasks[i]))
			return;
	request_drop_frame(request);
}

/* No memory for the rest of a request: what was appended stays, as after a lost connection. */
static enum step give_up(struct request *request)
{
	return request_reject(request, NULL);
}

enum step produce_handle(struct request *request)
{
	struct produce *produce = request_alloc(request, sizeof *produce);
	if (!produce || kmsg_produce_request_decode(&request->body, &request->arena, request->version, &produce->in))
		return request_reject(request, NULL);
	request->state = produce;
	if (!lay_out(request, produce, judge_request(&produce->in)))
		return request_reject(request, NULL);
	produce->charge = NULL;
	if (quota_is_set(request->shard, 1u << QUOTA_PRODUCE) && !charge(request, produce))
		return request_reject(request, NULL);
	if (!append_all(request, produce))
		return request_join(request, give_up);
	drop_frame_if_done(request, produce);
	return request_join(request, answer);
}
