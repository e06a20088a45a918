/* What a handler of one Kafka API sees: the request, how to decode it, how to reach topics and partitions, how to wait and how to
 * answer. One API is one file in this folder and one row of the table in api_table.c.
 *
 * Owner: the shard whose connection the request came from. A handler never blocks and never learns which connection, shard or socket it
 * serves; it may allocate from the request's arena alone. What the client sent is judged, never trusted.
 *
 * A handler is a step. It starts with what is in `request`, and ends in one of four ways:
 *
 *	return request_answer_end(request, &writer);      the answer is written: STEP_DONE
 *	return request_reject(request, "why");            the request cannot be answered: the connection closes, as Kafka does
 *	return request_join(request, next_step);          `next_step` runs when all pending tasks and control operations are back
 *	return request_yield(request, next_step);         there is more to do, but others wait: `next_step` runs in the next turn
 *
 * Example, a handler that asks one partition:
 *
 *	static enum step answer(struct request *request) { ... }
 *	enum step my_api_handle(struct request *request)
 *	{
 *		struct my_state *state = request_alloc(request, sizeof *state);
 *		if (!state || kmsg_my_api_request_decode(&request->body, &request->arena, request->version, &state->in))
 *			return request_reject(request, NULL);
 *		...
 *		request_count(request, query_task_submit(&state->query));
 *		return request_join(request, answer);
 *	}
 */
#pragma once

#include "log/base/arena.h"
#include "log/base/list.h"
#include "net/route/control.h"
#include "net/route/shard_state.h"
#include "net/route/task.h"
#include "net/wire/cursor.h"
#include "net/wire/kerr.h"

/* What one request may take beyond its frame: a fetch of 10,000 partitions takes about 15 MiB. */
#define REQUEST_MEMORY_MAX (48u << 20)

struct conn;
struct frame;
struct quota_task;
struct request;

enum step { STEP_DONE, STEP_PARKED, STEP_MORE };
typedef enum step step_fn(struct request *request);

/* ---- the table -------------------------------------------------------------------------------------------------------- */

struct api_row {
	int16_t key;
	const char *name;
	int16_t min, max;              /* as advertised */
	int16_t served_min;            /* Produce says 0 for old librdkafka's sake, and serves from 3 */
	bool is_pipelined;             /* may start while earlier requests of its connection that are pipelined too are in flight */
	step_fn *handle;
};

extern const struct api_row api_rows[];
extern const uint32_t api_row_count;
/* NULL: not served. */
const struct api_row *api_find(int16_t key);

/* ---- the request ------------------------------------------------------------------------------------------------------ */

enum request_outcome { REQUEST_OPEN, REQUEST_ANSWERED, REQUEST_SILENT, REQUEST_REJECTED };

struct request {
	/* Read by handlers. */
	struct shard *shard;
	const struct api_row *api;
	int16_t version;
	int32_t correlation_id;
	struct slice client_id;        /* data NULL: none */
	struct reader body;            /* at the body; views into it live as long as the request */
	struct arena arena;            /* bounded; freed as a whole when the answer has left */

	/* Set by handlers. */
	void *state;
	/* Ends waits that may take long (a timer, watches), because the connection or the broker goes: what was pending then returns, and the next
	 * step runs; its answer may go nowhere. NULL if there are none. */
	void (*cancel)(struct request *request);
	/* Gives back what the answer pointed at, once it has been sent; may leave tasks pending. NULL if there is nothing. */
	void (*release)(struct request *request);

	/* The answer: pieces to send. */
	enum request_outcome outcome;
	const char *reject_reason;
	struct iovec *pieces;
	uint32_t piece_count;
	uint64_t answer_size_bytes;
	struct iovec one_piece;

	/* The machinery's (request.c, net/conn). */
	uint64_t received_ns;          /* when its last byte was here */
	uint32_t size_bytes;           /* as received, the size in front not counted */
	struct quota_task *time_charge; /* for what its steps take of the processor; NULL: nothing limits that */
	uint64_t used_ns;
	step_fn *next;
	uint32_t pending;              /* tasks and control operations that are out */
	bool is_parked;                /* the next step runs when pending reaches 0 */
	bool is_held;                  /* the next step runs after request_resume, whatever returns */
	bool is_finished;              /* over for the connection; freed once nothing is pending */
	bool is_cancelled;             /* nobody waits for the answer, or nobody should: end soon */
	struct list runnable;          /* in the shard, while the next step may run */
	struct list node;              /* in its connection, in order of arrival */
	struct conn *conn;
	struct frame *frame;           /* holds the request's bytes */
	size_t counted_bytes;          /* of the arena, counted in the shard's */
	void (*drop_frame)(struct request *request); /* the connection's: see request_drop_frame */
	bool (*client_address)(const struct request *request, char *text, size_t size); /* the connection's */
	void (*hold_back)(struct request *request, uint32_t wait_ms); /* the connection's: no further requests for so long */
	void (*completed)(struct request *request); /* the connection's: the outcome is known */
	void (*freed)(struct request *request);     /* the connection's: nothing is pending any more, it takes the memory back */
};

/* ---- for the connection and the shard ----------------------------------------------------------------------------------- */

/* Runs the first step. */
void request_start(struct request *request);
/* Runs the next steps of those whose turn it is. */
void request_run_ready(struct shard *shard);
/* The connection or the broker goes: long waits end. */
void request_cancel(struct request *request);
/* The answer has been sent, or will not be: what it held is released; `freed` follows, maybe at once. */
void request_finish(struct request *request);

/* Not zeroed; NULL when the arena is full. */
static inline void *request_alloc(struct request *request, size_t size) { return arena_alloc(&request->arena, size); }
/* Zeroed array of `count` items; NULL when the arena is full. `count` may come off the wire. */
void *request_alloc_array(struct request *request, size_t count, size_t item_size);

/* Gives the frame's memory back before the request is over, so that the next request is received into bytes that are still in the
 * processor's cache. No view into it may be used afterwards: what is still needed has been copied (request_keep). */
static inline void request_drop_frame(struct request *request) { request->drop_frame(request); }
/* A copy that lives as long as the request. False: the arena is full. */
MUST_USE bool request_keep(struct request *request, struct slice *view);

/* ---- waiting ------------------------------------------------------------------------------------------------------------ */

/* Counts a submitted task: adds it to the pending ones if it did not complete at once. Returns what it was given. */
static inline enum task_result request_count(struct request *request, enum task_result result)
{
	if (result == TASK_PENDING)
		request->pending++;
	return result;
}

enum step request_join(struct request *request, step_fn *next);
enum step request_yield(struct request *request, step_fn *next);
/* Parks until request_resume, whatever is pending: for timers and watches. */
enum step request_hold(struct request *request, step_fn *next);
/* Ends a request_hold: the next step runs later in this turn. Harmless if nothing is held. */
void request_resume(struct request *request);
/* A task or control operation is back; tasks call it themselves. A step never runs from within: it runs later in the turn. */
void request_returned(struct request *request);

/* ---- answering ------------------------------------------------------------------------------------------------------------ */

/* Room for an answer whose body takes `body_size` bytes (kmsg_X_response_size), with the header already written:
 *	struct writer writer = request_answer_begin(request, kmsg_x_response_size(&out, request->version));
 *	kmsg_x_response_encode(&writer, request->version, &out);
 *	return request_answer_end(request, &writer); */
struct writer request_answer_begin(struct request *request, size_t body_size);
/* The same for bodies whose records stay where they are: `body` counts as writer_counting_apart does. They must stay until `release`. */
struct writer request_answer_begin_apart(struct request *request, const struct writer *body);
/* Both end here; a writer's error rejects the request. */
enum step request_answer_end(struct request *request, const struct writer *writer);
/* The three lines above, where nothing is special: return REQUEST_ANSWER(request, x, &out); */
#define REQUEST_ANSWER(request, name, out) \
	({ \
		struct writer writer_ = request_answer_begin(request, kmsg_##name##_response_size(out, (request)->version)); \
		kmsg_##name##_response_encode(&writer_, (request)->version, out); \
		request_answer_end(request, &writer_); \
	})
/* No answer (acks=0). */
enum step request_answer_nothing(struct request *request);
/* The connection closes. `why` is static; NULL: the body's reader or the arena says. */
enum step request_reject(struct request *request, const char *why);

/* ---- topics ------------------------------------------------------------------------------------------------------------------ */

/* NULL if there is none. Valid until the handler parks. */
const struct topic *request_topic_by_name(struct request *request, struct slice name);
const struct topic *request_topic_by_id(struct request *request, const struct uuid *id);

/* Where the client is, as Kafka shows it: "/127.0.0.1". Lives as long as the request. */
struct slice request_client_host(struct request *request);

/* Does the request come from Kafka's admin client, which alone may write to internal topics? */
bool request_is_from_admin(const struct request *request);

/* Bits of the operations allowed on a topic or the cluster when a client asks; nobody is denied anything yet. */
#define TOPIC_OPERATIONS_ALL 3576
#define CLUSTER_OPERATIONS_ALL 8096
#define OPERATIONS_NOT_ASKED INT32_MIN
