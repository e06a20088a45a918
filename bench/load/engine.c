/* One thread, epoll, non-blocking sockets. A connection sends as long as its window and the schedule
 * allow, several requests in one sendmsg; an answer opens the window again.
 *
 * Happy path: connect all, warm up, measure, stop asking, wait for what is still open, done.
 * Failures: an error answer is counted and the run goes on; a connection that ends takes its open
 * requests with it (`unanswered`); an answer that is not the next one, is too large, or silence for
 * `stall_ns` ends the run with `failure` set. */
#include "bench/load/engine.h"

#include "bench/load/process_cost.h"
#include "bench/load/socket.h"
#include "log/base/bytes.h"
#include "log/base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define RECEIVE_BYTES_START 16384
#define SEND_PIECES_MAX 48
#define SECOND_NS 1000000000ull

struct connection {
	int fd; /* -1 when it has ended */
	uint32_t number;
	bool wants_write;
	/* The window: requests are numbered; [answered, written) wait for their answers, [written, asked)
	 * are made but not wholly sent, and `written_bytes` of the first of those are gone. */
	uint64_t asked, written, answered;
	size_t written_bytes;
	uint64_t due; /* how many the schedule has started */
	struct engine_request *window;
	uint8_t *received;
	size_t received_size, received_capacity;
};

enum phase { PHASE_WARMUP, PHASE_MEASURE, PHASE_DRAIN, PHASE_DONE };

struct engine {
	const struct load_config *config;
	struct load_result *result;
	const struct engine_calls *calls;
	void *arg;
	int epoll;
	uint32_t connection_count, live_count, paced_count;
	struct connection *connections;
	struct engine_request *windows;

	enum phase phase;
	uint64_t now_ns, start_ns, measure_ns, end_ns; /* the last two: when these phases are due to begin */
	uint64_t heard_ns;                             /* the last answer, or the last time none was open */
	uint64_t open_count;                           /* requests asked and not answered */
	uint64_t good_answers;                         /* so far, the warm-up included */
	uint64_t scheduled;                            /* open loop: requests the schedule has started */
	struct process_cost server_before;
	uint64_t client_before_ns;
	struct {
		uint64_t due_ns, bytes;
		struct histogram latency;
	} second; /* what progress reports */
	int err;
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec time;
	clock_gettime(clock, &time);
	return (uint64_t)time.tv_sec * SECOND_NS + (uint64_t)time.tv_nsec;
}

/* The first failure is the one that is told. */
static int fail(struct engine *engine, int err, const char *format, ...) PRINTF_LIKE(3, 4);
static int fail(struct engine *engine, int err, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	if (!engine->err)
		vsnprintf(engine->result->failure, sizeof engine->result->failure, format, arguments);
	va_end(arguments);
	engine->err = engine->err ? engine->err : err;
	return engine->err;
}

/* ---- the window and the schedule ---------------------------------------------------------------- */

static bool is_open_loop(const struct engine *engine)
{
	return engine->config->requests_per_s > 0;
}

static bool is_paced(const struct engine *engine, const struct connection *connection)
{
	return is_open_loop(engine) && connection->number < engine->paced_count;
}

/* Requests are dealt to the paced connections in turn, so the n-th of a connection has its place in the schedule. */
static uint64_t intended_ns(const struct engine *engine, uint64_t place)
{
	return engine->start_ns + (uint64_t)((double)place * (1e9 / engine->config->requests_per_s));
}

static struct engine_request *request_of(const struct engine *engine, const struct connection *connection, uint64_t n)
{
	return &connection->window[n % engine->config->in_flight];
}

/* Makes the next request if the window, the schedule and the caller allow one. */
static bool make_request(struct engine *engine, struct connection *connection)
{
	bool has_room = connection->asked - connection->answered < engine->config->in_flight;
	if (engine->phase >= PHASE_DRAIN || !has_room || (is_paced(engine, connection) && connection->asked >= connection->due))
		return false;
	struct engine_request *request = request_of(engine, connection, connection->asked);
	request->connection = connection->number;
	request->correlation = (uint32_t)connection->asked & INT32_MAX;
	request->sent_ns = clock_ns(CLOCK_MONOTONIC);
	request->intended_ns = request->sent_ns;
	if (is_paced(engine, connection))
		request->intended_ns = intended_ns(engine, connection->asked * engine->paced_count + connection->number);
	if (!engine->calls->next_request(engine->arg, connection->number, request->correlation, request))
		return false;
	if (!engine->open_count++)
		engine->heard_ns = request->sent_ns;
	connection->asked++;
	return true;
}

/* ---- sending --------------------------------------------------------------------------------------- */

static void drop_connection(struct engine *engine, struct connection *connection)
{
	uint64_t lost = connection->asked - connection->answered;
	close(connection->fd);
	connection->fd = -1;
	engine->live_count--;
	engine->open_count -= lost;
	engine->result->unanswered += lost;
	engine->result->disconnects++;
}

static void watch_writes(struct engine *engine, struct connection *connection, bool wants_write)
{
	if (connection->wants_write == wants_write)
		return;
	connection->wants_write = wants_write;
	struct epoll_event event = { .events = EPOLLIN | (wants_write ? EPOLLOUT : 0), .data.ptr = connection };
	epoll_ctl(engine->epoll, EPOLL_CTL_MOD, connection->fd, &event);
}

/* The pieces not yet sent, at most SEND_PIECES_MAX. */
static size_t collect_pieces(const struct engine *engine, const struct connection *connection, struct iovec *pieces)
{
	size_t count = 0, skip = connection->written_bytes;
	for (uint64_t n = connection->written; n < connection->asked; n++) {
		const struct engine_request *request = request_of(engine, connection, n);
		for (uint32_t i = 0; i < request->piece_count; i++) {
			struct iovec piece = request->pieces[i];
			size_t gone = skip < piece.iov_len ? skip : piece.iov_len;
			skip -= gone;
			if (gone == piece.iov_len)
				continue;
			pieces[count++] = (struct iovec){ (uint8_t *)piece.iov_base + gone, piece.iov_len - gone };
			if (count == SEND_PIECES_MAX)
				return count;
		}
	}
	return count;
}

static size_t size_of_request(const struct engine_request *request)
{
	size_t size = 0;
	for (uint32_t i = 0; i < request->piece_count; i++)
		size += request->pieces[i].iov_len;
	return size;
}

static void count_written(const struct engine *engine, struct connection *connection, size_t sent)
{
	connection->written_bytes += sent;
	while (connection->written < connection->asked) {
		size_t size = size_of_request(request_of(engine, connection, connection->written));
		if (connection->written_bytes < size)
			break;
		connection->written_bytes -= size;
		connection->written++;
	}
}

/* Makes and sends what may be sent, until the window is closed or the socket is full. */
static void send_requests(struct engine *engine, struct connection *connection)
{
	for (;;) {
		while (make_request(engine, connection))
			;
		struct iovec pieces[SEND_PIECES_MAX];
		struct msghdr message = { .msg_iov = pieces };
		message.msg_iovlen = collect_pieces(engine, connection, pieces);
		if (!message.msg_iovlen)
			break;
		ssize_t sent = sendmsg(connection->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno == EAGAIN)
			break;
		if (sent < 0)
			return drop_connection(engine, connection);
		count_written(engine, connection, (size_t)sent);
	}
	watch_writes(engine, connection, connection->written < connection->asked);
}

/* ---- answers --------------------------------------------------------------------------------------- */

static bool is_measuring(const struct engine *engine)
{
	return engine->phase == PHASE_MEASURE;
}

static void count_error(struct load_result *result, int error_code)
{
	bool is_known = error_code >= -1 && error_code < LOAD_ERROR_CODES - 2;
	result->errors[is_known ? error_code + 1 : LOAD_ERROR_CODES - 1]++;
	result->request_errors++;
}

bool engine_counts(const struct engine *engine, uint64_t since_ns)
{
	return engine->phase != PHASE_WARMUP && since_ns >= engine->measure_ns;
}

/* Errors count whenever they come. Throughput is what was answered while measuring; a latency belongs to
 * the run if its request was due while measuring, even if its answer comes in the drain. */
static void count_answer(struct engine *engine, const struct engine_request *request, struct engine_outcome outcome)
{
	struct load_result *result = outcome.into ? outcome.into : engine->result;
	if (outcome.is_damaged) {
		result->damaged++;
		return;
	}
	if (outcome.error_code)
		return count_error(result, outcome.error_code);
	uint64_t latency = engine->now_ns - request->intended_ns;
	engine->good_answers++;
	if (is_measuring(engine)) {
		result->requests++;
		result->records += outcome.records;
		result->bytes += outcome.bytes;
	}
	if (engine_counts(engine, request->intended_ns)) {
		histogram_add(&result->latency, latency);
		histogram_add(&result->send_delay, request->sent_ns - request->intended_ns);
	}
	if (result != engine->result)
		return;
	engine->second.bytes += outcome.bytes;
	histogram_add(&engine->second.latency, latency);
}

static int take_answer(struct engine *engine, struct connection *connection, struct slice frame)
{
	if (connection->answered == connection->written)
		return fail(engine, -EPROTO, "the broker answered a request that was not sent");
	const struct engine_request *request = request_of(engine, connection, connection->answered);
	if (frame.size < 4 || load_be32(frame.data) != request->correlation)
		return fail(engine, -EPROTO, "the broker answered out of order: correlation id %u where %u is due",
			    frame.size < 4 ? 0 : load_be32(frame.data), request->correlation);
	struct engine_outcome outcome = engine->calls->read_answer(engine->arg, request, frame);
	count_answer(engine, request, outcome);
	connection->answered++;
	engine->open_count--;
	engine->heard_ns = engine->now_ns;
	return 0;
}

/* The size of the answer at the start of the buffer with its size field; 4 if that is not there yet. */
static size_t next_answer_size(const struct connection *connection, size_t at)
{
	return connection->received_size - at < 4 ? 4 : load_be32(connection->received + at) + (size_t)4;
}

static int take_answers(struct engine *engine, struct connection *connection)
{
	size_t at = 0, size;
	while ((size = next_answer_size(connection, at)) > 4 && connection->received_size - at >= size) {
		int err = take_answer(engine, connection, (struct slice){ connection->received + at + 4, size - 4 });
		if (err)
			return err;
		at += size;
	}
	connection->received_size -= at;
	memmove(connection->received, connection->received + at, connection->received_size);
	return 0;
}

/* How much to receive: for a large answer exactly its rest, so that it need not be moved afterwards.
 * Negative if the answer cannot be held. */
static ssize_t receive_room(struct engine *engine, struct connection *connection)
{
	size_t size = next_answer_size(connection, 0);
	if (size > ENGINE_ANSWER_MAX)
		return fail(engine, -EMSGSIZE, "the broker sent an answer of %zu bytes", size);
	if (size > connection->received_capacity) {
		uint8_t *grown = realloc(connection->received, size);
		if (!grown)
			return fail(engine, -ENOMEM, "no memory for an answer of %zu bytes", size);
		connection->received = grown;
		connection->received_capacity = size;
	}
	size_t end = size > RECEIVE_BYTES_START ? size : connection->received_capacity;
	return (ssize_t)(end - connection->received_size);
}

static void receive_answers(struct engine *engine, struct connection *connection)
{
	ssize_t room = receive_room(engine, connection);
	if (room < 0)
		return;
	ssize_t got = recv(connection->fd, connection->received + connection->received_size, (size_t)room, MSG_DONTWAIT);
	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0)
		return drop_connection(engine, connection);
	connection->received_size += (size_t)got;
	engine->now_ns = clock_ns(CLOCK_MONOTONIC);
	if (take_answers(engine, connection) == 0)
		send_requests(engine, connection);
}

/* ---- phases ---------------------------------------------------------------------------------------- */

static void begin_measuring(struct engine *engine)
{
	engine->phase = PHASE_MEASURE;
	/* If all that the warm-up brought were errors, more of them tell nothing new. */
	if (engine->result->request_errors && !engine->good_answers)
		engine->phase = PHASE_DRAIN;
	engine->measure_ns = engine->now_ns;
	engine->end_ns = engine->now_ns + engine->config->duration_ns;
	engine->server_before = process_cost_now(engine->config->server_pid);
	engine->client_before_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

/* What was due and waits for room in a window when measuring ends has waited at least so long: left out, a broker that cannot keep up would look better the less it takes. */
static void count_never_sent(struct engine *engine)
{
	struct load_result *result = engine->result;
	for (uint32_t i = 0; is_open_loop(engine) && i < engine->paced_count; i++) {
		const struct connection *connection = &engine->connections[i];
		for (uint64_t n = connection->asked; n < connection->due; n++) {
			uint64_t due_ns = intended_ns(engine, n * engine->paced_count + i);
			if (!engine_counts(engine, due_ns) || due_ns > engine->now_ns)
				continue;
			histogram_add(&result->latency, engine->now_ns - due_ns);
			histogram_add(&result->send_delay, engine->now_ns - due_ns);
			result->never_sent++;
		}
	}
}

static void end_measuring(struct engine *engine)
{
	struct load_result *result = engine->result;
	struct process_cost server = process_cost_now(engine->config->server_pid);
	engine->phase = PHASE_DRAIN;
	engine->heard_ns = engine->now_ns;
	count_never_sent(engine);
	result->elapsed_ns = engine->now_ns - engine->measure_ns;
	result->client_cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - engine->client_before_ns;
	result->server_rss_bytes = server.rss_bytes;
	if (server.cpu_ns >= engine->server_before.cpu_ns)
		result->server_cpu_ns = server.cpu_ns - engine->server_before.cpu_ns;
	if (server.switches >= engine->server_before.switches)
		result->server_switches = server.switches - engine->server_before.switches;
}

static void report_second(struct engine *engine)
{
	if (engine->now_ns < engine->second.due_ns)
		return;
	double seconds = (double)(engine->now_ns - engine->start_ns) / 1e9;
	double span_s = (double)(engine->now_ns - engine->second.due_ns + SECOND_NS) / 1e9;
	struct load_second second = { (double)engine->second.bytes / span_s / 1e6, histogram_percentile(&engine->second.latency, 99),
				      engine->second.latency.max };
	if (engine->config->progress)
		engine->config->progress(engine->config->progress_arg, seconds, second.mb_per_s, second.p99_ns);
	if (is_measuring(engine) && engine->result->seconds_count < LOAD_SECONDS_MAX)
		engine->result->seconds[engine->result->seconds_count++] = second;
	engine->second.due_ns = engine->now_ns + SECOND_NS;
	engine->second.bytes = 0;
	histogram_init(&engine->second.latency);
}

static void check_stall(struct engine *engine)
{
	uint64_t stall_ns = engine->config->stall_ns ? engine->config->stall_ns : 10 * SECOND_NS;
	if (!engine->open_count || engine->now_ns < engine->heard_ns + stall_ns)
		return;
	engine->result->unanswered += engine->open_count;
	fail(engine, -ETIMEDOUT, "nothing was answered for %.0f s", (double)stall_ns / 1e9);
}

static bool has_counted_enough(const struct engine *engine)
{
	return engine->config->requests_max && engine->result->requests >= engine->config->requests_max;
}

/* What was measured so far is the result; in the warm-up that is nothing. */
static bool is_interrupted(const struct engine *engine)
{
	return engine->phase < PHASE_DRAIN && engine->config->is_interrupted && engine->config->is_interrupted();
}

/* Nothing is open and nothing was asked for when it could have been: the caller has come to its end. */
static void step_phase(struct engine *engine)
{
	engine->now_ns = clock_ns(CLOCK_MONOTONIC);
	if (engine->phase == PHASE_WARMUP && engine->now_ns >= engine->measure_ns)
		begin_measuring(engine);
	bool is_idle = !is_open_loop(engine) && !engine->open_count, ends_now = is_interrupted(engine);
	if (is_measuring(engine) && (engine->now_ns >= engine->end_ns || has_counted_enough(engine) || is_idle || ends_now))
		end_measuring(engine);
	else if (ends_now)
		engine->phase = PHASE_DRAIN;
	if (engine->phase == PHASE_DRAIN && !engine->open_count)
		engine->phase = PHASE_DONE;
	if (!engine->live_count)
		fail(engine, -ECONNRESET, "the broker closed every connection");
	report_second(engine);
	check_stall(engine);
}

/* Open loop: starts every request whose time has come. */
static void run_schedule(struct engine *engine)
{
	while (is_open_loop(engine) && intended_ns(engine, engine->scheduled) <= engine->now_ns) {
		struct connection *connection = &engine->connections[engine->scheduled++ % engine->paced_count];
		connection->due++;
		if (connection->fd >= 0)
			send_requests(engine, connection);
	}
}

/* Sleeps to the next request due, and never longer than 50 ms, so that phases turn in time. */
static struct timespec time_to_wait(const struct engine *engine)
{
	uint64_t wake_ns = engine->now_ns + 50000000;
	uint64_t phase_ns = engine->phase == PHASE_WARMUP ? engine->measure_ns : engine->end_ns;
	if (engine->phase < PHASE_DRAIN && phase_ns < wake_ns)
		wake_ns = phase_ns;
	if (engine->phase < PHASE_DRAIN && is_open_loop(engine) && intended_ns(engine, engine->scheduled) < wake_ns)
		wake_ns = intended_ns(engine, engine->scheduled);
	uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
	uint64_t wait_ns = wake_ns > now_ns ? wake_ns - now_ns : 0;
	return (struct timespec){ (time_t)(wait_ns / SECOND_NS), (long)(wait_ns % SECOND_NS) };
}

static void run_events(struct engine *engine)
{
	struct epoll_event events[64];
	struct timespec wait = time_to_wait(engine);
	int count = epoll_pwait2(engine->epoll, events, COUNT_OF(events), &wait, NULL);
	for (int i = 0; i < count && !engine->err; i++) {
		struct connection *connection = events[i].data.ptr;
		if (connection->fd >= 0 && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
			receive_answers(engine, connection);
		if (connection->fd >= 0 && events[i].events & EPOLLOUT)
			send_requests(engine, connection);
	}
}

int engine_run(struct engine *engine)
{
	prctl(PR_SET_TIMERSLACK, 1ul, 0, 0, 0); /* the schedule is kept to the microsecond, not to 50 */
	engine->start_ns = engine->now_ns = engine->heard_ns = clock_ns(CLOCK_MONOTONIC);
	engine->measure_ns = engine->start_ns + engine->config->warmup_ns;
	engine->second.due_ns = engine->start_ns + SECOND_NS;
	histogram_init(&engine->second.latency);
	if (!engine->config->warmup_ns)
		begin_measuring(engine);
	for (uint32_t i = is_open_loop(engine) ? engine->paced_count : 0; i < engine->connection_count; i++)
		send_requests(engine, &engine->connections[i]);
	while (engine->phase != PHASE_DONE && !engine->err) {
		run_schedule(engine);
		run_events(engine);
		step_phase(engine);
	}
	if (is_measuring(engine))
		end_measuring(engine);
	return engine->err;
}

/* ---- opening --------------------------------------------------------------------------------------- */

/* One descriptor a connection, and a few. */
static void raise_descriptor_limit(uint32_t connections)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= connections + 64ull)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int open_connection(struct engine *engine, uint32_t number)
{
	struct connection *connection = &engine->connections[number];
	const struct load_config *config = engine->config;
	connection->number = number;
	connection->window = engine->windows + (size_t)number * config->in_flight;
	connection->received_capacity = RECEIVE_BYTES_START;
	connection->received = malloc(RECEIVE_BYTES_START);
	if (!connection->received)
		return fail(engine, -ENOMEM, "no memory for %u connections", config->connections);
	int fd = socket_connect(config->host, config->port, 5 * SECOND_NS);
	if (fd < 0)
		return fail(engine, fd, "cannot connect to %s:%u: %s", config->host, config->port, strerror(-fd));
	connection->fd = fd;
	engine->live_count++;
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = connection };
	if (epoll_ctl(engine->epoll, EPOLL_CTL_ADD, fd, &event))
		return fail(engine, -errno, "epoll: %s", strerror(errno));
	return 0;
}

static int take_memory(struct engine *engine, uint32_t connections, uint32_t in_flight)
{
	engine->connections = calloc(connections, sizeof *engine->connections);
	engine->windows = calloc((size_t)connections * in_flight, sizeof *engine->windows);
	if (!engine->connections || !engine->windows)
		return fail(engine, -ENOMEM, "no memory for %u x %u requests in flight", connections, in_flight);
	for (uint32_t i = 0; i < connections; i++)
		engine->connections[i].fd = -1;
	engine->connection_count = connections;
	return 0;
}

int engine_open(struct engine **out, const struct load_config *config, struct load_result *result,
		const struct engine_calls *calls, void *arg)
{
	struct engine *engine = calloc(1, sizeof *engine);
	*out = engine;
	if (!engine)
		return -ENOMEM;
	engine->config = config;
	engine->result = result;
	engine->calls = calls;
	engine->arg = arg;
	engine->paced_count = calls->paced_connections ? calls->paced_connections : config->connections;
	engine->epoll = epoll_create1(EPOLL_CLOEXEC);
	raise_descriptor_limit(config->connections);
	int err = take_memory(engine, config->connections, config->in_flight);
	for (uint32_t i = 0; !err && i < config->connections; i++)
		err = open_connection(engine, i);
	return err;
}

void engine_close(struct engine *engine)
{
	if (!engine)
		return;
	for (uint32_t i = 0; i < engine->connection_count; i++) {
		if (engine->connections[i].fd >= 0)
			close(engine->connections[i].fd);
		free(engine->connections[i].received);
	}
	close(engine->epoll);
	free(engine->connections);
	free(engine->windows);
	free(engine);
}
