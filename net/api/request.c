/* The life of a request between its first step and its answer.
 *
 * Happy path: the connection starts it; a step runs until the answer is written, or until it waits for tasks; the last task to return makes
 * it runnable, and the shard runs the next step later in the same turn. Steps never run from within a callback of the log: what a
 * callback sees of a partition is the same before and after.
 *
 * Failures: what cannot be decoded or encoded is rejected, which closes the connection. A request whose connection is gone runs on to its
 * end, and its answer goes nowhere. */
#include "net/api/api.h"

#include "log/base/check.h"
#include "net/route/quota_task.h"
#include "net/wire/header.h"

#include <time.h>

/* ---- running --------------------------------------------------------------------------------------------------------- */

static void make_runnable(struct request *request)
{
	request->is_parked = request->is_held = false;
	if (!list_is_linked(&request->runnable))
		list_push_back(&request->shard->runnable, &request->runnable);
}

/* All arenas of a shard share a budget: a step may take what is left of it, within what one request may take. */
static void lend_memory(struct request *request)
{
	struct shard *shard = request->shard;
	uint64_t left = shard->limits.arena_bytes > shard->arena_bytes ? shard->limits.arena_bytes - shard->arena_bytes : 0;
	uint64_t limit = arena_reserved(&request->arena) + left;
	arena_set_limit(&request->arena, limit < REQUEST_MEMORY_MAX ? limit : REQUEST_MEMORY_MAX);
}

static void count_memory(struct request *request)
{
	size_t reserved = arena_reserved(&request->arena);
	request->shard->arena_bytes += reserved - request->counted_bytes;
	request->counted_bytes = reserved;
}

/* ---- the time that requests take (the quota request_percentage) ------------------------------------------------------- */

/* The processor's time of this thread: that of the machine would count what other processes take. */
static uint64_t thread_time_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void prepare_time_charge(struct request *request)
{
	struct quota_task *task = request_alloc(request, sizeof *task);
	if (task && quota_task_init(task, request, QUOTA_REQUEST))
		request->time_charge = task;
}

/* In percent of a thread, as Kafka counts. The answer does not wait for it. */
static void charge_time(struct request *request)
{
	struct quota_task *task = request->time_charge;
	request->time_charge = NULL;
	if (task)
		request_count(request, quota_task_charge(task, (double)request->used_ns / 1e7));
}

/* ---- steps -------------------------------------------------------------------------------------------------------------- */

static enum step run_timed(struct request *request)
{
	uint64_t before_ns = thread_time_ns();
	enum step step = request->next(request);
	request->used_ns += thread_time_ns() - before_ns;
	return step;
}

static enum step run_next(struct request *request)
{
	lend_memory(request);
	enum step step = __builtin_expect(request->time_charge != NULL, 0) ? run_timed(request) : request->next(request);
	count_memory(request);
	return step;
}

static void run_step(struct request *request)
{
	switch (run_next(request)) {
	case STEP_DONE:
		CHECK(request->outcome != REQUEST_OPEN);
		charge_time(request);
		request->completed(request);
		return;
	case STEP_MORE:
		make_runnable(request);
		return;
	case STEP_PARKED:
		return;
	}
	UNREACHABLE();
}

void request_start(struct request *request)
{
	request->next = request->api->handle;
	if (quota_is_set(request->shard, 1u << QUOTA_REQUEST))
		prepare_time_charge(request);
	run_step(request);
}

void request_run_ready(struct shard *shard)
{
	struct list ready;
	list_init(&ready);
	list_splice(&ready, &shard->runnable);
	for (struct list *node; (node = list_pop_front(&ready));)
		run_step(LIST_ENTRY(node, struct request, runnable));
}

enum step request_join(struct request *request, step_fn *next)
{
	if (request->pending == 0)
		return next(request);
	request->next = next;
	request->is_parked = true;
	return STEP_PARKED;
}

enum step request_hold(struct request *request, step_fn *next)
{
	request->next = next;
	request->is_held = true;
	return STEP_PARKED;
}

enum step request_yield(struct request *request, step_fn *next)
{
	request->next = next;
	return STEP_MORE;
}

void request_resume(struct request *request)
{
	if (request->is_held)
		make_runnable(request);
}

void request_returned(struct request *request)
{
	CHECK(request->pending > 0);
	if (--request->pending > 0)
		return;
	if (request->is_finished)
		request->freed(request);
	else if (request->is_parked)
		make_runnable(request);
}

void request_cancel(struct request *request)
{
	if (request->is_cancelled || request->outcome != REQUEST_OPEN)
		return;
	request->is_cancelled = true;
	if (request->cancel)
		request->cancel(request);
}

void request_finish(struct request *request)
{
	CHECK(!request->is_finished && request->outcome != REQUEST_OPEN);
	if (request->release)
		request->release(request);
	request->is_finished = true;
	if (request->pending == 0)
		request->freed(request);
}

/* ---- memory ------------------------------------------------------------------------------------------------------------ */

void *request_alloc_array(struct request *request, size_t count, size_t item_size)
{
	size_t size;
	if (__builtin_mul_overflow(count, item_size, &size))
		return NULL;
	void *items = request_alloc(request, size);
	if (items)
		memset(items, 0, size);
	return items;
}

bool request_keep(struct request *request, struct slice *view)
{
	if (view->size == 0)
		return true;
	uint8_t *copy = request_alloc(request, view->size);
	if (copy)
		view->data = memcpy(copy, view->data, view->size);
	return copy != NULL;
}

/* ---- answering ------------------------------------------------------------------------------------------------------------ */

static size_t header_size(const struct request *request)
{
	struct writer counter = writer_counting();
	response_header_encode(&counter, request->api->key, request->version, request->correlation_id);
	return counter.position;
}

/* The size in front and the header; the writer ends where the answer must. */
static struct writer begin(struct request *request, struct writer writer, size_t wire_size)
{
	if (wire_size > INT32_MAX)
		writer_fail(&writer, -EINVAL);
	writer.error_counts = request->shard->metrics.errors[request->api->key];
	writer_int32(&writer, (int32_t)(wire_size - 4));
	response_header_encode(&writer, request->api->key, request->version, request->correlation_id);
	return writer;
}

struct writer request_answer_begin(struct request *request, size_t body_size)
{
	size_t size = 4 + header_size(request) + body_size;
	void *data = request_alloc(request, size);
	if (!data)
		return (struct writer){.error = -ENOMEM};
	return begin(request, writer_into(data, size), size);
}

struct writer request_answer_begin_apart(struct request *request, const struct writer *body)
{
	size_t size = 4 + header_size(request) + body->position;
	void *data = request_alloc(request, size);
	struct writer_external *externals = request_alloc(request, body->external_count * sizeof *externals);
	if (!data || !externals || body->error)
		return (struct writer){.error = body->error ? body->error : -ENOMEM};
	return begin(request, writer_into_apart(data, size, externals, body->external_count), size + body->external_size);
}

static void add_piece(struct request *request, const void *data, size_t size)
{
	if (size == 0)
		return;
	request->pieces[request->piece_count++] = (struct iovec){(void *)data, size};
	request->answer_size_bytes += size;
}

/* The buffer, cut where external bytes belong. */
static bool lay_out_pieces(struct request *request, const struct writer *writer)
{
	request->pieces = request_alloc(request, (2 * writer->external_count + 1) * sizeof *request->pieces);
	if (!request->pieces)
		return false;
	size_t at = 0;
	for (uint32_t i = 0; i < writer->external_count; i++) {
		const struct writer_external *external = &writer->externals[i];
		add_piece(request, writer->data + at, external->position - at);
		add_piece(request, external->bytes.data, external->bytes.size);
		at = external->position;
	}
	add_piece(request, writer->data + at, writer->position - at);
	return true;
}

enum step request_answer_end(struct request *request, const struct writer *writer)
{
	if (writer->error || writer->position != writer->capacity)
		return request_reject(request, "its answer cannot be encoded");
	if (writer->external_count > 0) {
		if (!lay_out_pieces(request, writer))
			return request_reject(request, "its answer takes too much memory");
	} else {
		request->pieces = &request->one_piece;
		add_piece(request, writer->data, writer->position);
	}
	request->outcome = REQUEST_ANSWERED;
	return STEP_DONE;
}

enum step request_answer_nothing(struct request *request)
{
	request->outcome = REQUEST_SILENT;
	return STEP_DONE;
}

enum step request_reject(struct request *request, const char *why)
{
	if (!why)
		why = request->arena.overflow ? "it asks for too much" : request->body.reason ? request->body.reason : "it is malformed";
	request->outcome = REQUEST_REJECTED;
	request->reject_reason = why;
	return STEP_DONE;
}

/* ---- topics ------------------------------------------------------------------------------------------------------------------ */

const struct topic *request_topic_by_name(struct request *request, struct slice name)
{
	return name.data ? catalog_topic_by_name(request->shard->image, name) : NULL;
}

const struct topic *request_topic_by_id(struct request *request, const struct uuid *id)
{
	return uuid_is_zero(id) ? NULL : catalog_topic_by_id(request->shard->image, id);
}

struct slice request_client_host(struct request *request)
{
	char text[64] = "/";
	if (!request->client_address(request, text + 1, sizeof text - 1))
		return slice_from("");
	struct slice host = slice_from(text);
	return request_keep(request, &host) ? host : slice_from("");
}

bool request_is_from_admin(const struct request *request)
{
	return slice_equal(request->client_id, slice_from("__admin_client"));
}
