/* Happy path: a shared buffer arrives with some bytes; frames are cut from it; each whole frame becomes a request that starts at once or, if
 * the order of the connection demands it, waits as `next_request`, and then nothing more is taken in. A frame that is larger than what
 * arrived is received straight into its memory. Answers collect during a turn and leave in one send at its end.
 *
 * Who sends more than a shared buffer holds is received from in pieces of 64 KiB, for as long as they come: small requests that are pipelined come by
 * the dozen.
 *
 * `advance` does whatever can be done now; every callback ends with it. Bytes that arrived and cannot be taken in yet are kept in
 * `rest`, so that the shared buffer goes back at once.
 *
 * Failures: a peer that breaks the protocol is told nothing, as with Kafka: a log line, and the connection drains. Errors of the socket
 * close it. */
#include "net/conn/conn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/base/check.h"
#include "net/conn/address_table.h"
#include "net/conn/frame_reader.h"
#include "net/conn/peer.h"
#include "net/conn/request_pool.h"
#include "net/conn/sendq.h"
#include "net/wire/header.h"

#define SEND_PIECES_MAX 64u
#define SEND_BYTES_MAX (4u << 20)
/* One receive of a large frame: a step, so that progress is seen. */
#define RECEIVE_BYTES_MAX (1u << 20)
/* Who sends smaller frames gains nothing by a size that is received alone. */
#define LARGE_SIZE_MIN (16u << 10)

struct conn {
	struct shard *shard;
	uint32_t *address_counter;
	int fd;
	bool is_draining, is_closing, is_advancing;
	uint32_t request_count;            /* made and not yet freed */
	struct list node, sendable;
	struct io_op receive, send;
	struct frame_reader reader;
	uint8_t size_field[4];             /* of the next frame, received alone where a large one is expected */
	bool expects_large;
	bool expects_many;                 /* more has come than a shared buffer holds */
	struct frame *wide;                /* while it is received into */
	struct frame *rest;                /* bytes [rest_at, rest->size_bytes) wait to be taken in */
	uint32_t rest_at;
	struct frame_wait memory_wait;
	struct request *next_request;      /* whole, and its turn has not come */
	struct sendq sendq;
	struct iovec *vector;              /* of a send of several answers */
	uint64_t active_ns, send_due_ns;
	uint64_t send_look_ns;             /* when to look whether its peer reads */
	int64_t acked;                     /* what it had taken when that was looked at last; -1: nobody has */
	struct io_timer hold;              /* set while it is held back for a quota */
	bool is_held_back;
	uint64_t frame_ns;                 /* when the frame in the reader got its memory */
};

static void advance(struct conn *conn);
static void close_now(struct conn *conn);
static void let_go(struct io_timer *timer);

/* ---- the end ----------------------------------------------------------------------------------------------------------- */

static void free_if_over(struct conn *conn)
{
	struct shard *shard = conn->shard;
	if (!conn->is_closing || conn->is_advancing || conn->receive.is_in_flight || conn->send.is_in_flight || conn->request_count > 0)
		return;
	frame_reader_drop(&conn->reader, shard->frames);
	frame_pool_give(shard->frames, conn->rest);
	list_remove(&conn->sendable);
	list_remove(&conn->node);
	io_close_fd(shard->io, conn->fd);
	shard->conn_count--;
	__atomic_fetch_sub(shard->conn_total, 1, __ATOMIC_RELAXED);
	address_table_leave(conn->address_counter);
	metrics_add(&shard->metrics.connections_closed, 1);
	free(conn->vector);
	free(conn);
}

static void drop_next_request(struct conn *conn)
{
	struct request *request = conn->next_request;
	conn->next_request = NULL;
	if (request)
		request->freed(request);
}

static void close_now(struct conn *conn)
{
	if (conn->is_closing)
		return;
	conn->is_closing = conn->is_draining = true;
	bool was_advancing = conn->is_advancing;
	conn->is_advancing = true;
	list_remove(&conn->memory_wait.node);
	io_shutdown(conn->shard->io, conn->fd);
	io_cancel(conn->shard->io, &conn->receive);
	io_cancel(conn->shard->io, &conn->send);
	io_timer_cancel(conn->shard->io, &conn->hold);
	drop_next_request(conn);
	sendq_abandon(&conn->sendq);
	conn->is_advancing = was_advancing;
	free_if_over(conn);
}

/* No more input; what is in flight is answered. */
static void drain(struct conn *conn)
{
	if (conn->is_draining)
		return;
	conn->is_draining = true;
	list_remove(&conn->memory_wait.node);
	drop_next_request(conn);
	sendq_cancel(&conn->sendq);
	if (!list_is_linked(&conn->sendable))
		list_push_back(&conn->shard->sendable, &conn->sendable);
}

static void say_why(struct conn *conn, const char *why)
{
	struct shard *shard = conn->shard;
	char peer[PEER_TEXT_SIZE];
	peer_describe(conn->fd, peer);
	log_line_limited(&shard->refusals, io_now_ns(shard->io), LOG_WARN, "the connection from %s is closed: %s", peer, why);
}

static void refuse(struct conn *conn, const char *why)
{
	say_why(conn, why);
	metrics_add(&conn->shard->metrics.requests_refused, 1);
	drain(conn);
}

/* ---- requests ------------------------------------------------------------------------------------------------------------- */

static void request_freed(struct request *request)
{
	struct conn *conn = request->conn;
	conn->shard->arena_bytes -= request->counted_bytes;
	if (request->frame)
		frame_pool_give(conn->shard->frames, request->frame);
	else
		frame_pool_give_charge(conn->shard->frames);
	request_pool_give(conn->shard->requests, request);
	conn->request_count--;
	free_if_over(conn);
}

static void drop_frame(struct request *request)
{
	if (!request->frame)
		return;
	frame_pool_give_bytes(request->shard->frames, request->frame);
	request->frame = NULL;
}

static bool client_address(const struct request *request, char *text, size_t size)
{
	return peer_host(request->conn->fd, text, size);
}

/* A quota is exceeded (KIP-219): what has come is answered, and what is on its way taken in, as it holds memory; but no further frame begins
 * before the time is over. So a client that does not keep to the time it is told is slowed down by TCP. */
static void hold_back(struct request *request, uint32_t wait_ms)
{
	struct conn *conn = request->conn;
	struct io *io = conn->shard->io;
	uint64_t until_ns = io_now_ns(io) + wait_ms * 1000000ull;
	if (conn->is_closing || (conn->is_held_back && conn->hold.deadline_ns >= until_ns))
		return;
	conn->is_held_back = true;
	conn->hold.run = let_go;
	io_timer_set(io, &conn->hold, until_ns);
	metrics_add(&conn->shard->metrics.throttles, 1);
}

static void let_go(struct io_timer *timer)
{
	struct conn *conn = CONTAINER_OF(timer, struct conn, hold);
	conn->is_held_back = false;
	conn->active_ns = io_now_ns(conn->shard->io);
	advance(conn);
}

static void request_completed(struct request *request)
{
	struct conn *conn = request->conn;
	struct shard *shard = conn->shard;
	metrics_add_time(&shard->metrics.times[request->api->key], io_now_ns(shard->io) - request->received_ns);
	sendq_completed(&conn->sendq, request);
	if (conn->is_closing) {
		list_remove(&request->node);
		request_finish(request);
		return;
	}
	if (request->outcome == REQUEST_REJECTED) {
		char why[160];
		snprintf(why, sizeof why, "%s version %d: %s", request->api->name, request->version, request->reject_reason);
		refuse(conn, why);
	}
	if (!list_is_linked(&conn->sendable))
		list_push_back(&shard->sendable, &conn->sendable);
	advance(conn);
}

/* ApiVersions alone is answered in any version: its handler says which ones there are. */
static bool is_version_served(const struct api_row *api, int16_t version)
{
	return api->key == 18 || (version >= api->served_min && version <= api->max);
}

/* Fills the request from its frame; false, and the reason, if there is no way to answer it. */
static bool read_header(struct request *request, char *why, size_t why_size)
{
	struct request_header header;
	request->body = reader_over((struct slice){request->frame->data, request->frame->size_bytes});
	int err = request_header_decode(&request->body, &header);
	if (err && err != -EOPNOTSUPP) {
		snprintf(why, why_size, "a request's header is malformed");
		return false;
	}
	request->api = api_find(header.api_key);
	if (err || !request->api || !is_version_served(request->api, header.api_version)) {
		snprintf(why, why_size, "API key %d version %d is not served", header.api_key, header.api_version);
		return false;
	}
	request->version = header.api_version;
	request->correlation_id = header.correlation_id;
	request->client_id = header.client_id;
	return true;
}

/* The frame is whole: a request is made of it. */
static void take_frame(struct conn *conn)
{
	struct shard *shard = conn->shard;
	struct frame *frame = frame_reader_take(&conn->reader);
	struct request *request = request_pool_take(shard->requests);
	conn->expects_large = frame->size_bytes >= LARGE_SIZE_MIN;
	conn->expects_many &= !conn->expects_large;
	if (!request) {
		frame_pool_give(shard->frames, frame);
		refuse(conn, "there is no memory for its request");
		return;
	}
	request->shard = shard;
	request->conn = conn;
	request->frame = frame;
	request->drop_frame = drop_frame;
	request->client_address = client_address;
	request->size_bytes = frame->size_bytes;
	request->received_ns = io_now_ns(shard->io);
	request->hold_back = hold_back;
	request->completed = request_completed;
	request->freed = request_freed;
	conn->request_count++;
	conn->next_request = request;
	char why[128];
	if (!read_header(request, why, sizeof why))
		refuse(conn, why);
	else
		metrics_add(&shard->metrics.requests[request->api->key], 1);
}

static void start_next(struct conn *conn)
{
	struct request *request = conn->next_request;
	conn->next_request = NULL;
	sendq_push(&conn->sendq, request);
	request_start(request);
}

/* ---- receiving ------------------------------------------------------------------------------------------------------------ */

/* It was we who kept the peer waiting: its time to send begins now. */
static void memory_is_back(struct frame_wait *wait)
{
	struct conn *conn = CONTAINER_OF(wait, struct conn, memory_wait);
	conn->frame_ns = conn->active_ns = io_now_ns(conn->shard->io);
	advance(conn);
}

static bool may_take_more(const struct conn *conn)
{
	bool must_wait = conn->is_held_back && !conn->reader.frame;
	return !must_wait && !conn->is_draining && !conn->next_request && !list_is_linked(&conn->memory_wait.node) &&
	       conn->request_count < CONN_REQUESTS_MAX && conn->sendq.queued_bytes < CONN_QUEUED_BYTES_MAX;
}

static void need_deadline(struct shard *shard, uint64_t deadline_ns);

static void wait_for_memory(struct conn *conn)
{
	frame_reader_wait(&conn->reader, conn->shard->frames, &conn->memory_wait);
	need_deadline(conn->shard, io_now_ns(conn->shard->io) + CONN_FRAME_STALL_NS);
}

static void refuse_size(struct conn *conn)
{
	char why[128];
	int32_t size = frame_reader_size(&conn->reader);
	if (size < 0)
		snprintf(why, sizeof why, "a request of %d bytes is announced", size);
	else
		snprintf(why, sizeof why, "a request of %d bytes is larger than socket.request.max.bytes or spate.frame.memory.bytes allow",
			 size);
	refuse(conn, why);
}

/* Takes in bytes up to the end of a frame, or none if that must wait; returns how many. */
static size_t feed(struct conn *conn, const uint8_t *data, size_t size)
{
	struct shard *shard = conn->shard;
	size_t used;
	if (!conn->reader.frame)
		conn->frame_ns = conn->active_ns;
	switch (frame_reader_feed(&conn->reader, shard->frames, shard->limits.request_size_max, data, size, &used)) {
	case FRAME_MORE:
		break;
	case FRAME_WHOLE:
		take_frame(conn);
		break;
	case FRAME_NO_MEMORY:
		wait_for_memory(conn);
		break;
	case FRAME_BAD:
		refuse_size(conn);
		break;
	}
	return used;
}

/* Starts what may start and takes in what it may; returns the bytes used. */
static size_t take_bytes(struct conn *conn, const uint8_t *data, size_t size)
{
	size_t at = 0;
	for (;;) {
		if (conn->next_request && !conn->is_draining && sendq_may_start(&conn->sendq, conn->next_request->api))
			start_next(conn);
		else if (at < size && may_take_more(conn))
			at += feed(conn, data + at, size - at);
		else
			return at;
	}
}

static void keep_rest(struct conn *conn, const uint8_t *data, size_t size)
{
	conn->rest = frame_pool_take_small(conn->shard->frames, (uint32_t)size);
	conn->rest_at = 0;
	if (!conn->rest) {
		refuse(conn, "there is no memory for what it sent");
		return;
	}
	memcpy(conn->rest->data, data, size);
	conn->rest->size_bytes = (uint32_t)size;
}

static void received_nothing(struct conn *conn, int32_t result)
{
	if (result < 0)
		close_now(conn);
	else
		drain(conn);
}

static void take_in(struct conn *conn, const uint8_t *data, size_t size)
{
	conn->active_ns = io_now_ns(conn->shard->io);
	metrics_add(&conn->shard->metrics.bytes_in, size);
	size_t used = conn->is_draining ? size : take_bytes(conn, data, size);
	if (used < size && !conn->is_draining)
		keep_rest(conn, data + used, size - used);
}

static void received_pooled(struct io_op *op)
{
	struct conn *conn = CONTAINER_OF(op, struct conn, receive);
	conn->is_advancing = true;
	if (op->result <= 0) {
		received_nothing(conn, op->result);
	} else {
		conn->expects_many = op->result == CONN_RECEIVE_BUFFER_SIZE;
		take_in(conn, op->buffer, (size_t)op->result);
		io_buffer_return(conn->shard->io, op->buffer_id);
	}
	conn->is_advancing = false;
	advance(conn);
}

static void received_wide(struct io_op *op)
{
	struct conn *conn = CONTAINER_OF(op, struct conn, receive);
	struct frame *wide = conn->wide;
	conn->wide = NULL;
	conn->is_advancing = true;
	conn->expects_many = op->result > (int32_t)CONN_RECEIVE_BUFFER_SIZE;
	if (op->result > 0)
		take_in(conn, wide->data, (size_t)op->result);
	else if (op->result != -EAGAIN)
		received_nothing(conn, op->result);
	frame_pool_give(conn->shard->frames, wide);
	conn->is_advancing = false;
	advance(conn);
}

static void received_size(struct io_op *op)
{
	struct conn *conn = CONTAINER_OF(op, struct conn, receive);
	conn->is_advancing = true;
	if (op->result <= 0)
		received_nothing(conn, op->result);
	else
		take_in(conn, conn->size_field, (size_t)op->result);
	conn->is_advancing = false;
	advance(conn);
}

static void received_frame(struct io_op *op)
{
	struct conn *conn = CONTAINER_OF(op, struct conn, receive);
	conn->is_advancing = true;
	if (op->result <= 0) {
		received_nothing(conn, op->result);
	} else {
		conn->active_ns = io_now_ns(conn->shard->io);
		metrics_add(&conn->shard->metrics.bytes_in, (uint64_t)op->result);
		if (frame_reader_received(&conn->reader, (size_t)op->result) && !conn->is_draining)
			take_frame(conn);
	}
	conn->is_advancing = false;
	advance(conn);
}

/* False: that is not the way, or there is no memory. */
static bool receive_wide(struct conn *conn)
{
	uint8_t *at;
	size_t missing;
	if (!conn->expects_many || (frame_reader_room(&conn->reader, &at, &missing) && missing >= LARGE_SIZE_MIN))
		return false;
	conn->wide = frame_pool_take_small(conn->shard->frames, FRAME_SMALL_MAX);
	if (!conn->wide)
		return false;
	conn->receive.done = received_wide;
	io_recv_now(conn->shard->io, &conn->receive, conn->fd, conn->wide->data, FRAME_SMALL_MAX);
	return true;
}

static void start_receive(struct conn *conn)
{
	uint8_t *at;
	size_t size;
	if (conn->receive.is_in_flight || conn->is_draining || receive_wide(conn))
		return;
	if (frame_reader_room(&conn->reader, &at, &size)) {
		conn->receive.done = received_frame;
		io_recv(conn->shard->io, &conn->receive, conn->fd, at, size < RECEIVE_BYTES_MAX ? size : RECEIVE_BYTES_MAX, true);
	} else if (conn->expects_large && conn->reader.prefix_size == 0) {
		/* All behind its size goes straight to where it shall lie: what a shared buffer takes of it is copied. */
		conn->receive.done = received_size;
		io_recv(conn->shard->io, &conn->receive, conn->fd, conn->size_field, sizeof conn->size_field, true);
	} else {
		conn->receive.done = received_pooled;
		io_recv_pooled(conn->shard->io, &conn->receive, conn->fd);
	}
}

/* True when the rest has been used up. */
static bool take_rest(struct conn *conn)
{
	if (!conn->rest)
		return true;
	struct frame *rest = conn->rest;
	conn->rest_at += (uint32_t)take_bytes(conn, rest->data + conn->rest_at, rest->size_bytes - conn->rest_at);
	if (conn->rest_at < rest->size_bytes)
		return false;
	conn->rest = NULL;
	frame_pool_give(conn->shard->frames, rest);
	return true;
}

/* A peer of which all that came is taken in, and whose frame needs memory to go on: its bytes are still in the socket. */
static void get_memory(struct conn *conn)
{
	if (frame_reader_needs_memory(&conn->reader) && may_take_more(conn))
		feed(conn, (const uint8_t *)"", 0);
}

static void advance(struct conn *conn)
{
	if (conn->is_advancing)
		return;
	conn->is_advancing = true;
	if (!conn->is_closing) {
		take_bytes(conn, NULL, 0);
		get_memory(conn);
		if (take_rest(conn) && may_take_more(conn))
			start_receive(conn);
	}
	conn->is_advancing = false;
	free_if_over(conn);
}

/* ---- sending ------------------------------------------------------------------------------------------------------------- */

static void sent(struct io_op *op)
{
	struct conn *conn = CONTAINER_OF(op, struct conn, send);
	struct shard *shard = conn->shard;
	conn->is_advancing = true;
	sendq_left(&conn->sendq);
	free(conn->vector);
	conn->vector = NULL;
	if (op->result < 0) {
		close_now(conn);
	} else {
		conn->active_ns = io_now_ns(shard->io);
		metrics_add(&shard->metrics.bytes_out, (uint64_t)op->result);
		if (!list_is_linked(&conn->sendable))
			list_push_back(&shard->sendable, &conn->sendable);
	}
	conn->is_advancing = false;
	advance(conn);
}

/* Is all answered that will be? */
static bool is_drained(const struct conn *conn)
{
	return conn->is_draining && (sendq_is_empty(&conn->sendq) || sendq_is_rejected(&conn->sendq));
}

static void start_send(struct conn *conn, const struct iovec *vector, uint32_t count, uint64_t size)
{
	struct shard *shard = conn->shard;
	conn->send.done = sent;
	conn->send_due_ns = io_now_ns(shard->io) + CONN_STALL_NS + size * CONN_NS_PER_BYTE_MAX;
	conn->send_look_ns = io_now_ns(shard->io) + CONN_SEND_LOOK_NS;
	conn->acked = -1;
	need_deadline(shard, conn->send_due_ns);
	io_send(shard->io, &conn->send, conn->fd, vector, count);
}

static void flush(struct conn *conn)
{
	if (conn->is_closing || conn->send.is_in_flight)
		return;
	if (!conn->vector && sendq_has_several(&conn->sendq))
		conn->vector = malloc(SEND_PIECES_MAX * sizeof *conn->vector);
	const struct iovec *vector;
	uint64_t size;
	uint32_t count = sendq_gather(&conn->sendq, &vector, conn->vector, SEND_PIECES_MAX, SEND_BYTES_MAX, &size);
	if (count > 0)
		start_send(conn, vector, count, size);
	else if (is_drained(conn))
		close_now(conn);
}

static bool do_readers_wait(const struct shard *shard)
{
	bool are_waiting = false;
	for (uint32_t i = 0; i < shard->shard_count; i++)
		are_waiting |= __atomic_load_n(&shard->peers[i]->lacks_read_memory, __ATOMIC_RELAXED);
	return are_waiting;
}

void conn_flush_all(struct shard *shard)
{
	if (do_readers_wait(shard))
		need_deadline(shard, io_now_ns(shard->io) + CONN_SEND_LOOK_NS);
	struct list ready;
	list_init(&ready);
	list_splice(&ready, &shard->sendable);
	for (struct list *node; (node = list_pop_front(&ready));)
		flush(LIST_ENTRY(node, struct conn, sendable));
}

/* ---- idle and stalled peers ----------------------------------------------------------------------------------------------- */

/* Does its peer hold memory that others wait for? Who waits for memory as well, or for us to take more, is not to blame. */
static bool holds_up_others(const struct conn *conn)
{
	return conn->reader.frame && may_take_more(conn) && frame_pool_has_waiters(conn->shard->frames);
}

static uint64_t frame_due_ns(const struct conn *conn)
{
	return conn->frame_ns + CONN_FRAME_STALL_NS + conn->reader.filled * CONN_NS_PER_BYTE_MAX;
}

/* Does it hold memory of the log's that is lent to answers while others wait for such? */
static bool holds_up_readers(const struct conn *conn)
{
	return do_readers_wait(conn->shard) && sendq_holds_log(&conn->sendq);
}

/* A send is one operation, however long it takes; the socket knows how far it has come. */
static bool is_deaf(struct conn *conn, uint64_t now)
{
	if (!conn->send.is_in_flight || now < conn->send_look_ns)
		return false;
	int64_t before = conn->acked;
	conn->send_look_ns = now + CONN_SEND_LOOK_NS;
	conn->acked = holds_up_readers(conn) ? io_socket_acked(conn->shard->io, conn->fd) : -1;
	return before >= 0 && conn->acked >= 0 && (uint64_t)(conn->acked - before) * CONN_NS_PER_BYTE_MAX < CONN_SEND_LOOK_NS;
}

enum stall { STALL_IDLE, STALL_SEND, STALL_FRAME, STALL_DEAF };

/* When this connection will have done nothing for too long, and what that is. */
static uint64_t deadline_of(const struct conn *conn, enum stall *stall)
{
	const struct shard *shard = conn->shard;
	uint64_t deadline = UINT64_MAX;
	*stall = STALL_IDLE;
	if (shard->limits.idle_max_ns > 0 && sendq_is_empty(&conn->sendq))
		deadline = conn->active_ns + shard->limits.idle_max_ns;
	if (conn->send.is_in_flight && conn->send_due_ns < deadline) {
		deadline = conn->send_due_ns;
		*stall = STALL_SEND;
	}
	if (conn->send.is_in_flight && conn->send_look_ns < deadline && holds_up_readers(conn))
		deadline = conn->send_look_ns;
	if (holds_up_others(conn) && frame_due_ns(conn) < deadline) {
		deadline = frame_due_ns(conn);
		*stall = STALL_FRAME;
	}
	return deadline;
}

/* An idle connection ends without a word: that is its ordinary end. */
static void close_stalled(struct conn *conn, enum stall stall)
{
	char why[160];
	if (stall == STALL_SEND) {
		say_why(conn, "it does not read its answers");
	} else if (stall == STALL_DEAF) {
		say_why(conn, "it does not read its answers, and others wait for the memory");
	} else if (stall == STALL_FRAME) {
		snprintf(why, sizeof why, "of a request of %d bytes it has sent %u in %u s; others wait for the memory", frame_reader_size(&conn->reader),
			 conn->reader.filled, (unsigned)((io_now_ns(conn->shard->io) - conn->frame_ns) / 1000000000u));
		say_why(conn, why);
	}
	close_now(conn);
}

static void sweep(struct io_timer *timer)
{
	struct shard *shard = CONTAINER_OF(timer, struct shard, sweep);
	uint64_t now = io_now_ns(shard->io), next = UINT64_MAX;
	if (shard->limits.idle_max_ns > 0 && shard->conn_count > 0)
		next = now + shard->limits.idle_max_ns;
	LIST_FOR_EACH_SAFE(node, &shard->conns) {
		struct conn *conn = LIST_ENTRY(node, struct conn, node);
		enum stall stall = STALL_DEAF;
		uint64_t deadline = is_deaf(conn, now) ? now : deadline_of(conn, &stall);
		if (deadline <= now)
			close_stalled(conn, stall);
		else if (deadline < next)
			next = deadline;
	}
	if (next != UINT64_MAX)
		io_timer_set(shard->io, &shard->sweep, next);
}

static void need_deadline(struct shard *shard, uint64_t deadline_ns)
{
	if (shard->sweep.heap_index != 0 && shard->sweep.deadline_ns <= deadline_ns)
		return;
	shard->sweep.run = sweep;
	io_timer_set(shard->io, &shard->sweep, deadline_ns);
}

/* ---- all of them ----------------------------------------------------------------------------------------------------------- */

static void refuse_connection(struct shard *shard, int fd, uint32_t *address_counter)
{
	__atomic_fetch_sub(shard->conn_total, 1, __ATOMIC_RELAXED);
	address_table_leave(address_counter);
	metrics_add(&shard->metrics.connections_refused, 1);
	if (!shard->is_stopping)
		log_line_limited(&shard->refusals, io_now_ns(shard->io), LOG_WARN,
				 "a connection is refused: there are %u, which is what max.connections or the limit of open files (ulimit -n) allow",
				 shard->limits.conns_max);
	io_close_fd(shard->io, fd);
}

void conn_open(struct shard *shard, int fd, uint32_t *address_counter)
{
	uint32_t total = __atomic_add_fetch(shard->conn_total, 1, __ATOMIC_RELAXED);
	struct conn *conn = total <= shard->limits.conns_max && !shard->is_stopping ? calloc(1, sizeof *conn) : NULL;
	if (!conn) {
		refuse_connection(shard, fd, address_counter);
		return;
	}
	conn->shard = shard;
	conn->fd = fd;
	conn->address_counter = address_counter;
	conn->active_ns = io_now_ns(shard->io);
	conn->memory_wait.ready = memory_is_back;
	sendq_init(&conn->sendq);
	list_push_back(&shard->conns, &conn->node);
	shard->conn_count++;
	metrics_add(&shard->metrics.connections_opened, 1);
	if (shard->limits.idle_max_ns > 0)
		need_deadline(shard, conn->active_ns + shard->limits.idle_max_ns);
	advance(conn);
}

void conn_drain_all(struct shard *shard)
{
	LIST_FOR_EACH_SAFE(node, &shard->conns)
		drain(LIST_ENTRY(node, struct conn, node));
}

void conn_close_all(struct shard *shard)
{
	LIST_FOR_EACH_SAFE(node, &shard->conns)
		close_now(LIST_ENTRY(node, struct conn, node));
}
