/* Sockets through both real backends: accept, receive, pooled receive, send, cancel, shutdown. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/socket.h>

#include "tests/unit/log/io/io_fixture.h"

static enum io_backend real_backends[] = {IO_URING, IO_SYSCALLS};

#define REAL_TEST(name)                                                                                    \
	ParameterizedTestParameters(sockets, name)                                                         \
	{                                                                                                  \
		return cr_make_param_array(enum io_backend, real_backends, COUNT_OF(real_backends));       \
	}                                                                                                  \
	ParameterizedTest(enum io_backend *backend, sockets, name, .timeout = 30)

static int connect_to(uint16_t port)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void make_pair(int pair[2])
{
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
}

struct acceptor {
	struct io_op op;
	int calls, last_result;
	int fds[16];
	bool is_more;
};

static void accepted(struct io_op *op)
{
	struct acceptor *a = CONTAINER_OF(op, struct acceptor, op);
	a->is_more = op->is_more;
	a->last_result = op->result;
	if (op->result >= 0)
		a->fds[a->calls] = op->result;
	a->calls++;
}

/* One accept yields every connection, in blocking mode and with TCP_NODELAY, and ends when it is
 * cancelled. */
REAL_TEST(accept_is_multishot)
{
	struct fixture f;
	fixture_open(&f, *backend);
	uint16_t port;
	int listener = io_listen(f.io, "127.0.0.1", 0, false, &port);
	cr_assert_geq(listener, 0);
	cr_assert_neq(port, 0);
	struct acceptor a = {.op.done = accepted};
	io_accept(f.io, &a.op, listener);
	int peers[5];
	for (int i = 0; i < 5; i++) {
		peers[i] = connect_to(port);
		if (i % 2)
			turn_until(f.io, &a.calls, i + 1);
	}
	turn_until(f.io, &a.calls, 5);
	cr_assert(a.is_more);
	for (int i = 0; i < 5; i++) {
		int no_delay = 0;
		socklen_t size = sizeof(no_delay);
		cr_assert_eq(getsockopt(a.fds[i], IPPROTO_TCP, TCP_NODELAY, &no_delay, &size), 0);
		cr_assert(no_delay);
		cr_assert_not(fcntl(a.fds[i], F_GETFL) & O_NONBLOCK);
		cr_assert(fcntl(a.fds[i], F_GETFD) & FD_CLOEXEC);
		io_close_fd(f.io, a.fds[i]);
		close(peers[i]);
	}
	io_cancel(f.io, &a.op);
	turn_until(f.io, &a.calls, 6);
	cr_assert_eq(a.last_result, -ECANCELED);
	cr_assert_not(a.is_more);
	cr_assert_not(a.op.is_in_flight);
	io_close_fd(f.io, listener);
	fixture_close(&f);
}

/* Shutting a listener down ends its accept. */
REAL_TEST(shutdown_ends_accept)
{
	struct fixture f;
	fixture_open(&f, *backend);
	int listener = io_listen(f.io, "127.0.0.1", 0, false, NULL);
	struct acceptor a = {.op.done = accepted};
	io_accept(f.io, &a.op, listener);
	cr_assert_geq(io_turn(f.io, false), 0);
	io_shutdown(f.io, listener);
	turn_until(f.io, &a.calls, 1);
	cr_assert_lt(a.last_result, 0);
	cr_assert_not(a.is_more);
	io_close_fd(f.io, listener);
	fixture_close(&f);
}

/* A port in use is refused unless both ask to share it; IPv6 and names work. */
REAL_TEST(listen_answers)
{
	struct fixture f;
	fixture_open(&f, *backend);
	uint16_t port, second;
	int a = io_listen(f.io, "127.0.0.1", 0, false, &port);
	cr_assert_geq(a, 0);
	cr_assert_eq(io_listen(f.io, "127.0.0.1", port, false, &second), -EADDRINUSE);
	io_close_fd(f.io, a);
	a = io_listen(f.io, "127.0.0.1", 0, true, &port);
	int b = io_listen(f.io, "127.0.0.1", port, true, &second);
	cr_assert_geq(b, 0);
	cr_assert_eq(second, port);
	io_close_fd(f.io, a);
	io_close_fd(f.io, b);
	a = io_listen(f.io, "localhost", 0, false, &port);
	cr_assert_geq(a, 0);
	io_close_fd(f.io, a);
	a = io_listen(f.io, "::1", 0, false, &port);
	cr_assert(a >= 0 || a == -EADDRNOTAVAIL || a == -EAFNOSUPPORT, "%d", a);
	if (a >= 0)
		io_close_fd(f.io, a);
	cr_assert_lt(io_listen(f.io, "no-such-host.invalid", 0, false, &port), 0);
	fixture_close(&f);
}

/* A receive takes what is there; a whole one waits for all of it; 0 is the end of the stream. */
REAL_TEST(receive_some_and_all)
{
	struct fixture f;
	fixture_open(&f, *backend);
	int pair[2];
	make_pair(pair);
	struct probe p = {0};
	uint8_t data[64] = {0};
	io_recv(f.io, probe_op(&p), pair[0], data, sizeof(data), false);
	cr_assert_eq(io_turn(f.io, false), 0);
	cr_assert_eq(write(pair[1], "hello", 5), 5);
	cr_assert_eq(finish(f.io, &p), 5);
	cr_assert_arr_eq(data, "hello", 5);

	io_recv(f.io, probe_op(&p), pair[0], data, 6, true);
	for (int i = 0; i < 6; i++) {
		cr_assert_eq(p.calls, 0);
		cr_assert_eq(write(pair[1], &"abcdef"[i], 1), 1);
		cr_assert_geq(io_turn(f.io, false), 0);
	}
	cr_assert_eq(finish(f.io, &p), 6);
	cr_assert_arr_eq(data, "abcdef", 6);

	io_recv(f.io, probe_op(&p), pair[0], data, 6, true);
	cr_assert_eq(write(pair[1], "xyz", 3), 3);
	cr_assert_geq(io_turn(f.io, false), 0);
	close(pair[1]);
	cr_assert_eq(finish(f.io, &p), 3);
	io_recv(f.io, probe_op(&p), pair[0], data, 6, false);
	cr_assert_eq(finish(f.io, &p), 0);
	io_close_fd(f.io, pair[0]);
	fixture_close(&f);
}

struct reader {
	int fd;
	size_t wanted;
	uint8_t *data;
};

/* Reads slowly and in odd pieces, so that the sender's buffer fills over and over. */
static void *read_slowly(void *context)
{
	struct reader *reader = context;
	size_t got = 0;
	for (unsigned i = 0; got < reader->wanted; i++) {
		size_t piece = 1 + (i * 7919u) % 40000u;
		ssize_t n = read(reader->fd, reader->data + got,
				 piece < reader->wanted - got ? piece : reader->wanted - got);
		if (n <= 0)
			break;
		got += (size_t)n;
		if (i % 16 == 0)
			usleep(1000);
	}
	reader->wanted = got;
	return NULL;
}

static void send_to_slow_reader(struct io *io, const uint8_t *data, struct iovec *vector, uint32_t count,
				size_t size)
{
	int pair[2];
	make_pair(pair);
	struct reader reader = {.fd = pair[1], .wanted = size, .data = malloc(size + 1)};
	pthread_t thread;
	pthread_create(&thread, NULL, read_slowly, &reader);
	struct probe p = {0};
	io_send(io, probe_op(&p), pair[0], vector, count);
	cr_assert_eq(finish(io, &p), (int32_t)size);
	pthread_join(thread, NULL);
	cr_assert_eq(reader.wanted, size);
	cr_assert_eq(memcmp(reader.data, data, size), 0);
	free(reader.data);
	io_close_fd(io, pair[0]);
	close(pair[1]);
}

/* A send is whole however slowly its reader reads: one piece, many pieces, empty ones among them, more
 * than IOV_MAX. */
REAL_TEST(send_is_whole)
{
	struct fixture f;
	fixture_open(&f, *backend);
	const size_t size = 3000000;
	uint8_t *data = malloc(size);
	fill(data, size, 5);
	static const uint32_t counts[] = {1, 2, 7, 1000, 1500, 3001};
	for (size_t c = 0; c < COUNT_OF(counts); c++) {
		uint32_t count = counts[c];
		struct iovec *vector = calloc(count, sizeof(*vector));
		size_t at = 0;
		for (uint32_t i = 0; i < count; i++) {
			size_t piece = i + 1 == count ? size - at : i % 5 == 0 && count > 2 ? 0 : size / count;
			vector[i] = (struct iovec){data + at, piece};
			at += piece;
		}
		struct iovec *copy = malloc(count * sizeof(*vector));
		memcpy(copy, vector, count * sizeof(*vector));
		send_to_slow_reader(f.io, data, vector, count, size);
		cr_assert_eq(memcmp(copy, vector, count * sizeof(*vector)), 0, "the caller's vector was changed");
		free(copy);
		free(vector);
	}
	free(data);
	fixture_close(&f);
}

/* A peer that has gone is an error (and no SIGPIPE); one that never reads holds the send until it is
 * cancelled. */
REAL_TEST(send_fails_and_cancels)
{
	struct fixture f;
	fixture_open(&f, *backend);
	int pair[2];
	make_pair(pair);
	struct probe p = {0};
	size_t size = 8u << 20;
	uint8_t *data = calloc(1, size);
	struct iovec piece = {data, size};
	io_send(f.io, probe_op(&p), pair[0], &piece, 1);
	for (int i = 0; i < 10; i++)
		cr_assert_geq(io_turn(f.io, false), 0);
	cr_assert_eq(p.calls, 0);
	io_cancel(f.io, &p.op);
	io_cancel(f.io, &p.op);
	int32_t result = finish(f.io, &p);
	cr_assert_eq(result, -ECANCELED, "%d", result);
	close(pair[1]);
	io_send(f.io, probe_op(&p), pair[0], &piece, 1);
	result = finish(f.io, &p);
	cr_assert(result == -EPIPE || result == -ECONNRESET, "%d", result);
	free(data);
	io_close_fd(f.io, pair[0]);
	fixture_close(&f);
}

/* Cancel of a receive that waits ends it; of one that has ended already, it is harmless; shutdown ends it
 * with 0. */
REAL_TEST(receive_cancels)
{
	struct fixture f;
	fixture_open_with(&f, (struct io_options){.backend = *backend, .buffer_count = 2, .buffer_size_bytes = 4096});
	int pair[2];
	make_pair(pair);
	uint8_t data[8];
	for (int is_pooled = 0; is_pooled < 2; is_pooled++) {
		for (int turns = 0; turns < 3; turns++) {
			struct probe p = {0};
			if (is_pooled)
				io_recv_pooled(f.io, probe_op(&p), pair[0]);
			else
				io_recv(f.io, probe_op(&p), pair[0], data, sizeof(data), false);
			for (int i = 0; i < turns; i++)
				cr_assert_geq(io_turn(f.io, false), 0);
			io_cancel(f.io, &p.op);
			cr_assert_eq(p.calls, 0, "a callback ran from within a submit");
			cr_assert_eq(finish(f.io, &p), -ECANCELED);
			io_cancel(f.io, &p.op);
		}
	}
	struct probe p = {0};
	io_recv(f.io, probe_op(&p), pair[0], data, sizeof(data), true);
	cr_assert_geq(io_turn(f.io, false), 0);
	io_shutdown(f.io, pair[0]);
	cr_assert_eq(finish(f.io, &p), 0);
	io_close_fd(f.io, pair[0]);
	close(pair[1]);
	fixture_close(&f);
}

/* A connection may be cancelled and a new operation started in the same memory at once. */
REAL_TEST(cancel_then_reuse)
{
	struct fixture f;
	fixture_open(&f, *backend);
	int pair[2];
	make_pair(pair);
	uint8_t data[8];
	for (int i = 0; i < 100; i++) {
		struct probe p = {0};
		io_recv(f.io, probe_op(&p), pair[0], data, 1, false);
		cr_assert_geq(io_turn(f.io, false), 0);
		cr_assert_eq(write(pair[1], "x", 1), 1);
		io_cancel(f.io, &p.op);
		int32_t result = finish(f.io, &p);
		cr_assert(result == 1 || result == -ECANCELED);
		if (result == 1)
			continue;
		io_recv(f.io, probe_op(&p), pair[0], data, 1, false);
		cr_assert_eq(finish(f.io, &p), 1);
	}
	io_close_fd(f.io, pair[0]);
	close(pair[1]);
	fixture_close(&f);
}

/* What has arrived, and no waiting for what has not. */
REAL_TEST(receives_now_or_not_at_all)
{
	struct fixture f;
	fixture_open(&f, *backend);
	int pair[2];
	struct probe probe = {0};
	uint8_t data[4096];
	make_pair(pair);
	io_recv_now(f.io, probe_op(&probe), pair[0], data, sizeof data);
	cr_assert_eq(finish(f.io, &probe), -EAGAIN);
	cr_assert_eq(write(pair[1], "some", 4), 4);
	io_recv_now(f.io, probe_op(&probe), pair[0], data, sizeof data);
	cr_assert_eq(finish(f.io, &probe), 4);
	cr_assert_arr_eq(data, "some", 4);
	io_recv_now(f.io, probe_op(&probe), pair[0], data, sizeof data);
	cr_assert_eq(finish(f.io, &probe), -EAGAIN);
	close(pair[1]);
	io_recv_now(f.io, probe_op(&probe), pair[0], data, sizeof data);
	cr_assert_eq(finish(f.io, &probe), 0);
	io_close_fd(f.io, pair[0]);
	fixture_close(&f);
}

#define CONNECTIONS 24
#define BUFFERS 3

static void write_filled(int fd, int value, unsigned size)
{
	uint8_t data[4096];
	memset(data, value, size);
	cr_assert_eq(write(fd, data, size), size);
}

/* More connections with data than buffers: each waits its turn and none is lost or mixed up. The even ones
 * stay silent until the odd ones are served: silent ones must not stand in the way of the others. */
REAL_TEST(pooled_more_connections_than_buffers)
{
	struct fixture f;
	fixture_open_with(&f, (struct io_options){
				      .backend = *backend, .buffer_count = BUFFERS, .buffer_size_bytes = 512});
	int pairs[CONNECTIONS][2];
	static struct probe probes[CONNECTIONS];
	unsigned received[CONNECTIONS] = {0}, rounds = 0, complete = 0, held = 0;
	const unsigned wanted = 3000;
	uint16_t held_ids[BUFFERS];
	bool is_even_sent = false;
	for (int i = 0; i < CONNECTIONS; i++) {
		make_pair(pairs[i]);
		io_recv_pooled(f.io, probe_op(&probes[i]), pairs[i][0]);
	}
	cr_assert_geq(io_turn(f.io, false), 0);
	for (int i = 1; i < CONNECTIONS; i += 2)
		write_filled(pairs[i][1], i, wanted);
	while (complete < CONNECTIONS) {
		cr_assert_lt(rounds++, 20000u, "stuck with %u connections complete", complete);
		cr_assert_geq(io_turn(f.io, held == 0), 0);
		for (int i = 0; i < CONNECTIONS; i++) {
			struct probe *p = &probes[i];
			if (!p->calls)
				continue;
			cr_assert_gt(p->result, 0);
			for (int32_t b = 0; b < p->result; b++)
				cr_assert_eq(p->buffer[b], i);
			cr_assert_lt(held, (unsigned)BUFFERS);
			held_ids[held++] = p->buffer_id;
			received[i] += (unsigned)p->result;
			p->calls = 0;
			if (received[i] < wanted)
				io_recv_pooled(f.io, probe_op(p), pairs[i][0]);
			else
				complete++;
		}
		/* Give back late, and the newest first. */
		if (held && rounds % 3 == 0)
			io_buffer_return(f.io, held_ids[--held]);
		if (complete == CONNECTIONS / 2 && !is_even_sent) {
			is_even_sent = true;
			for (int i = 0; i < CONNECTIONS; i += 2)
				write_filled(pairs[i][1], i, wanted);
		}
	}
	for (int i = 0; i < CONNECTIONS; i++) {
		cr_assert_eq(received[i], wanted);
		io_close_fd(f.io, pairs[i][0]);
		close(pairs[i][1]);
	}
	fixture_close(&f);
}

/* The end of a stream takes no buffer, and a receive that found none at the end of its stream passes its
 * turn on. */
REAL_TEST(pooled_end_of_stream)
{
	struct fixture f;
	fixture_open_with(&f, (struct io_options){
				      .backend = *backend, .buffer_count = 1, .buffer_size_bytes = 512});
	int pairs[4][2];
	struct probe probes[4] = {0};
	for (int i = 0; i < 4; i++) {
		make_pair(pairs[i]);
		if (i == 0 || i == 3)
			write_filled(pairs[i][1], i + 1, 10);
	}
	io_recv_pooled(f.io, probe_op(&probes[0]), pairs[0][0]);
	cr_assert_eq(finish(f.io, &probes[0]), 10);
	for (int i = 1; i < 4; i++)
		io_recv_pooled(f.io, probe_op(&probes[i]), pairs[i][0]);
	close(pairs[1][1]);
	close(pairs[2][1]);
	for (int i = 0; i < 5; i++)
		cr_assert_geq(io_turn(f.io, false), 0);
	cr_assert_eq(probes[3].calls, 0);
	io_buffer_return(f.io, probes[0].buffer_id);
	cr_assert_eq(finish(f.io, &probes[3]), 10);
	cr_assert_eq(finish(f.io, &probes[1]), 0);
	cr_assert_eq(finish(f.io, &probes[2]), 0);
	cr_assert_null(probes[1].buffer);
	fixture_close(&f);
}
