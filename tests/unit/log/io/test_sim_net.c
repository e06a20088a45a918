/* The simulated network under the ordinary verbs: an echo over many small pieces, windows that fill up, ends and resets. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

#include "log/base/types.h"
#include "log/io/io.h"
#include "log/io/sim.h"
#include "log/io/sim_net.h"

struct fixture {
	struct sim_disk *disk;
	struct sim_net *net;
	struct io *io;
	struct io_op accept, receive, send;
	struct iovec vector;
	int fd;
	uint8_t echo[1 << 16];
	uint64_t received;
	int32_t receive_end, send_end;
	uint16_t port;
};

static void accepted(struct io_op *op)
{
	CONTAINER_OF(op, struct fixture, accept)->fd = op->result;
}

static void open_all(struct fixture *f, uint64_t seed)
{
	*f = (struct fixture){.disk = sim_disk_open(seed), .fd = -1, .accept.done = accepted, .receive_end = 1, .send_end = 1};
	f->net = sim_net_open(f->disk, seed);
	struct io_options options = {.backend = IO_SIM, .disk = f->disk, .net = f->net, .seed = seed, .buffer_count = 2, .buffer_size_bytes = 1000};
	cr_assert_eq(io_open(&f->io, &options), 0);
	int fd = io_listen(f->io, "127.0.0.1", 0, false, &f->port);
	cr_assert_geq(fd, 0);
	io_accept(f->io, &f->accept, fd);
}

static void close_all(struct fixture *f)
{
	io_close(f->io);
	sim_net_lose_broker(f->net);
	sim_net_close(f->net);
	sim_disk_close(f->disk);
}

static void turn(struct fixture *f)
{
	cr_assert_geq(io_turn(f->io, true), 0);
}

static struct sim_link *connect_to(struct fixture *f)
{
	struct sim_link *link = sim_link_open(f->net, f->port);
	cr_assert_not_null(link);
	for (int i = 0; i < 10 && f->fd < 0; i++)
		turn(f);
	cr_assert_geq(f->fd, 0);
	return link;
}

static void receive_more(struct fixture *f);

static void echoed(struct io_op *op)
{
	struct fixture *f = CONTAINER_OF(op, struct fixture, send);
	f->send_end = op->result;
	if (op->result > 0)
		receive_more(f);
}

static void received(struct io_op *op)
{
	struct fixture *f = CONTAINER_OF(op, struct fixture, receive);
	if (op->result <= 0) {
		f->receive_end = op->result;
		return;
	}
	memcpy(f->echo, op->buffer, (size_t)op->result);
	io_buffer_return(f->io, op->buffer_id);
	f->received += (uint64_t)op->result;
	f->vector = (struct iovec){f->echo, (size_t)op->result};
	f->send.done = echoed;
	io_send(f->io, &f->send, f->fd, &f->vector, 1);
}

static void receive_more(struct fixture *f)
{
	f->receive.done = received;
	io_recv_pooled(f->io, &f->receive, f->fd);
}

/* All bytes come back in their order, through windows of 3,000 bytes; then the end of the stream does. */
Test(sim_net, echo)
{
	for (uint64_t seed = 1; seed < 30; seed++) {
		struct fixture f;
		enum { SIZE = 40000 };
		static uint8_t out[SIZE], in[SIZE];
		open_all(&f, seed);
		sim_net_set_pace(f.net, &(struct sim_net_pace){.latency_ns_max = 1000000, .stall_per_mille = 100, .stall_ns = 50000000,
							       .window_bytes = 3000, .piece_bytes_max = 700});
		struct sim_link *link = connect_to(&f);
		for (int i = 0; i < SIZE; i++)
			out[i] = (uint8_t)(i * 7 + i / 256);
		receive_more(&f);
		size_t sent = 0, got = 0;
		for (int turns = 0; got < SIZE && turns < 20000; turns++) {
			sent += sim_link_send(link, out + sent, SIZE - sent);
			int64_t more = sim_link_receive(link, in + got, SIZE - got);
			cr_assert_geq(more, 0);
			got += (size_t)more;
			turn(&f);
		}
		cr_assert_eq(got, SIZE, "seed %d: %zu", (int)seed, got);
		cr_assert_arr_eq(in, out, SIZE);
		sim_link_close(link);
		for (int turns = 0; f.receive_end == 1 && turns < 100; turns++)
			turn(&f);
		cr_assert_eq(f.receive_end, 0);
		io_close_fd(f.io, f.fd);
		close_all(&f);
	}
}

/* A client that reads nothing holds up a send; its reset ends it. */
Test(sim_net, reset)
{
	struct fixture f;
	open_all(&f, 5);
	struct sim_link *link = connect_to(&f);
	static uint8_t much[1 << 20];
	f.vector = (struct iovec){much, sizeof much};
	f.send.done = echoed;
	io_send(f.io, &f.send, f.fd, &f.vector, 1);
	for (int turns = 0; turns < 300; turns++)
		turn(&f);
	cr_assert_eq(f.send_end, 1);
	sim_link_reset(link);
	for (int turns = 0; f.send_end == 1 && turns < 100; turns++)
		turn(&f);
	cr_assert_eq(f.send_end, -EPIPE);
	close_all(&f);
}

/* A broker that is gone: its clients hear of it, nobody listens any more, and another one may. */
Test(sim_net, lost_broker)
{
	struct fixture f;
	uint8_t byte;
	open_all(&f, 6);
	struct sim_link *link = connect_to(&f);
	io_close(f.io);
	sim_net_lose_broker(f.net);
	cr_assert_eq(sim_link_receive(link, &byte, 1), -1);
	cr_assert_eq(sim_link_send(link, &byte, 1), 0);
	sim_link_close(link);
	cr_assert_null(sim_link_open(f.net, f.port));
	cr_assert_eq(io_open(&f.io, &(struct io_options){.backend = IO_SIM, .disk = f.disk, .net = f.net}), 0);
	cr_assert_geq(io_listen(f.io, "127.0.0.1", f.port, false, &f.port), 0);
	close_all(&f);
}

/* Shut down, a connection's receive ends, and so does its client's. */
Test(sim_net, shutdown)
{
	struct fixture f;
	uint8_t byte;
	open_all(&f, 7);
	struct sim_link *link = connect_to(&f);
	receive_more(&f);
	io_shutdown(f.io, f.fd);
	int64_t end = 0;
	for (int turns = 0; (f.receive_end == 1 || end == 0) && turns < 100; turns++) {
		turn(&f);
		end = sim_link_receive(link, &byte, 1);
	}
	cr_assert_eq(f.receive_end, 0);
	cr_assert_eq(end, -1);
	sim_link_close(link);
	close_all(&f);
}
