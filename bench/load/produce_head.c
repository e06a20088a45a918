/* Encodes a Produce request with the generated encoder, which can keep the records apart from the rest,
 * and cuts what it wrote where the records belong. */
#include "bench/load/produce_head.h"

#include "bench/load/frame.h"
#include "kmsg_produce.h"

static void cut(struct produce_head *head, struct produce_tail *tail, const uint8_t *bytes, size_t size, size_t at)
{
	head->size = (uint32_t)at;
	memcpy(head->bytes, bytes, at);
	tail->size = (uint32_t)(size - at);
	memcpy(tail->bytes, bytes + at, size - at);
}

int produce_head_encode(struct produce_head *head, struct produce_tail *tail, const char *topic, uint32_t partition,
			int16_t acks, struct slice batch)
{
	struct kmsg_produce_partition data = { .index = (int32_t)partition, .records = { .whole = batch } };
	struct kmsg_produce_topic to = { .name = slice_from(topic), .partition_data = { &data, 1 } };
	struct kmsg_produce_request request = { .acks = acks, .timeout_ms = 30000, .topic_data = { &to, 1 } };
	struct writer_external batch_at;
	uint8_t bytes[PRODUCE_HEAD_MAX];
	struct writer writer = writer_into_apart(bytes, sizeof bytes, &batch_at, 1);
	frame_begin(&writer, KMSG_PRODUCE_KEY, PRODUCE_VERSION, true);
	kmsg_produce_request_encode(&writer, PRODUCE_VERSION, &request);
	int err = frame_end(&writer);
	if (!err)
		cut(head, tail, bytes, writer.position, batch_at.position);
	return err;
}

bool produce_answer_read(struct slice frame, struct arena *arena, struct produce_answer *answer)
{
	struct reader reader = frame_body(frame, true);
	struct kmsg_produce_response response;
	*answer = (struct produce_answer){ .partition = -1 };
	if (kmsg_produce_response_decode(&reader, arena, PRODUCE_VERSION, &response) || response.responses.count != 1 ||
	    response.responses.items[0].partition_responses.count != 1)
		return false;
	const struct kmsg_produce_partition_result *result = response.responses.items[0].partition_responses.items;
	*answer = (struct produce_answer){ result->index, result->error_code, result->base_offset };
	return true;
}
