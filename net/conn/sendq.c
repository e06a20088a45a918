/* Two lists: `waiting` is the order, `leaving` what is on its way. */
#include "net/conn/sendq.h"

#include "log/base/check.h"

static struct request *request_of(struct list *node)
{
	return LIST_ENTRY(node, struct request, node);
}

void sendq_init(struct sendq *queue)
{
	list_init(&queue->waiting);
	list_init(&queue->leaving);
}

bool sendq_is_empty(const struct sendq *queue)
{
	return list_is_empty(&queue->waiting) && list_is_empty(&queue->leaving);
}

bool sendq_may_start(const struct sendq *queue, const struct api_row *api)
{
	return queue->open_count == 0 || (api->is_pipelined && queue->open_serial_count == 0);
}

void sendq_push(struct sendq *queue, struct request *request)
{
	list_push_back(&queue->waiting, &request->node);
	queue->open_count++;
	queue->open_serial_count += !request->api->is_pipelined;
}

void sendq_completed(struct sendq *queue, struct request *request)
{
	CHECK(queue->open_count > 0);
	queue->open_count--;
	queue->open_serial_count -= !request->api->is_pipelined;
	queue->queued_bytes += request->answer_size_bytes;
}

static void finish(struct request *request)
{
	list_remove(&request->node);
	request_finish(request);
}

static void drop_silent(struct sendq *queue)
{
	while (!list_is_empty(&queue->waiting) && request_of(queue->waiting.next)->outcome == REQUEST_SILENT)
		finish(request_of(queue->waiting.next));
}

static void move_to_leaving(struct sendq *queue, struct request *request)
{
	list_remove(&request->node);
	list_push_back(&queue->leaving, &request->node);
}

/* The next in line if its answer is known. */
static struct request *next_answer(struct sendq *queue)
{
	drop_silent(queue);
	struct request *next = list_is_empty(&queue->waiting) ? NULL : request_of(queue->waiting.next);
	return next && next->outcome == REQUEST_ANSWERED ? next : NULL;
}

bool sendq_has_several(const struct sendq *queue)
{
	struct list *first = queue->waiting.next;
	return first != &queue->waiting && first->next != &queue->waiting && request_of(first->next)->outcome == REQUEST_ANSWERED;
}

uint32_t sendq_gather(struct sendq *queue, const struct iovec **vector, struct iovec *own, uint32_t own_max, uint64_t size_max,
		      uint64_t *size_bytes)
{
	struct request *next = next_answer(queue);
	*size_bytes = 0;
	if (!next)
		return 0;
	if (!own || next->piece_count > own_max) {
		move_to_leaving(queue, next);
		*vector = next->pieces;
		*size_bytes = next->answer_size_bytes;
		return next->piece_count;
	}
	uint32_t count = 0;
	for (; next && next->piece_count <= own_max - count && *size_bytes < size_max; next = next_answer(queue)) {
		move_to_leaving(queue, next);
		memcpy(own + count, next->pieces, next->piece_count * sizeof *own);
		count += next->piece_count;
		*size_bytes += next->answer_size_bytes;
	}
	*vector = own;
	return count;
}

void sendq_left(struct sendq *queue)
{
	while (!list_is_empty(&queue->leaving)) {
		struct request *request = request_of(queue->leaving.next);
		queue->queued_bytes -= request->answer_size_bytes;
		finish(request);
	}
}

bool sendq_holds_log(const struct sendq *queue)
{
	LIST_FOR_EACH(node, &queue->leaving)
		if (request_of(node)->release)
			return true;
	return false;
}

bool sendq_is_rejected(const struct sendq *queue)
{
	return !list_is_empty(&queue->waiting) && request_of(queue->waiting.next)->outcome == REQUEST_REJECTED;
}

void sendq_cancel(struct sendq *queue)
{
	LIST_FOR_EACH_SAFE(node, &queue->waiting)
		request_cancel(request_of(node));
}

void sendq_abandon(struct sendq *queue)
{
	LIST_FOR_EACH_SAFE(node, &queue->waiting) {
		struct request *request = request_of(node);
		if (request->outcome == REQUEST_OPEN)
			request_cancel(request);
		else
			finish(request);
	}
}
