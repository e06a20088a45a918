/* Happy path: one accept operation that yields every connection.
 *
 * Failure: no descriptors left ends it; it starts anew after a short while, as connections may have closed. */
#include "net/conn/listener.h"

#include <errno.h>
#include <stdlib.h>

#include "net/conn/conn.h"
#include "net/route/quota_task.h"
#include "net/route/task.h"

#define RETRY_NS (100ull * 1000 * 1000)

struct adoption {
	struct message message;
	int fd;
	uint32_t *address_counter;
};

static void hand_over(struct listener *listener, int fd, uint32_t *address_counter)
{
	struct shard *shard = listener->shard, *to = shard->peers[listener->next++ % shard->shard_count];
	struct adoption *adoption = to == shard ? NULL : malloc(sizeof *adoption);
	if (!adoption) {
		conn_open(shard, fd, address_counter);
		return;
	}
	*adoption = (struct adoption){.message.kind = MESSAGE_ADOPT, .fd = fd, .address_counter = address_counter};
	shard_post(shard, to, &adoption->message);
}

/* Too many connections a second from its address: true, and the socket is the rates'. */
static bool is_too_often(struct listener *listener, int fd)
{
	struct shard *shard = listener->shard;
	if (!quota_is_set(shard, 1u << QUOTA_CONNECTION))
		return false;
	if (!listener->rates)
		listener->rates = address_rates_create(shard);
	return listener->rates && address_rates_refuse(listener->rates, fd);
}

static void take(struct listener *listener, int fd)
{
	struct shard *shard = listener->shard;
	uint32_t *counter = NULL, max = (uint32_t)broker_config_int(shard->image->config, "max.connections.per.ip");
	if (is_too_often(listener, fd)) {
		metrics_add(&shard->metrics.connections_refused, 1);
		return;
	}
	if (address_table_enter(listener->addresses, fd, max, &counter)) {
		hand_over(listener, fd, counter);
		return;
	}
	metrics_add(&shard->metrics.connections_refused, 1);
	log_line_limited(&shard->refusals, io_now_ns(shard->io), LOG_WARN, "a connection is refused: its address has max.connections.per.ip = %u",
			 max);
	io_close_fd(shard->io, fd);
}

void listener_receive(struct shard *shard, struct message *message)
{
	struct adoption *adoption = CONTAINER_OF(message, struct adoption, message);
	conn_open(shard, adoption->fd, adoption->address_counter);
	free(adoption);
}

static void close_if_stopping(struct listener *listener)
{
	if (!listener->is_stopping || listener->accept.is_in_flight || listener->fd < 0)
		return;
	io_close_fd(listener->shard->io, listener->fd);
	listener->fd = -1;
}

static void accepted(struct io_op *op)
{
	struct listener *listener = CONTAINER_OF(op, struct listener, accept);
	struct shard *shard = listener->shard;
	if (op->result >= 0)
		take(listener, op->result);
	if (op->is_more)
		return;
	if (listener->is_stopping) {
		close_if_stopping(listener);
		return;
	}
	if (op->result < 0)
		log_line_limited(&shard->refusals, io_now_ns(shard->io), LOG_WARN, "accepting connections failed: %s", err_text(op->result));
	io_timer_set(shard->io, &listener->retry, io_now_ns(shard->io) + (op->result < 0 ? RETRY_NS : 0));
}

static void start_accept(struct listener *listener)
{
	listener->accept.done = accepted;
	io_accept(listener->shard->io, &listener->accept, listener->fd);
}

static void retry(struct io_timer *timer)
{
	struct listener *listener = CONTAINER_OF(timer, struct listener, retry);
	if (!listener->is_stopping && !listener->accept.is_in_flight)
		start_accept(listener);
}

static int count_addresses(struct listener *listener)
{
	listener->addresses = calloc(1, sizeof *listener->addresses);
	return listener->addresses ? 0 : -ENOMEM;
}

/* Connections inherit the buffers of the socket they were accepted on. A kernel that refuses a size keeps its own: not worth failing for. */
static void apply_buffer_size(const struct broker_config *config, const char *key, int fd, int option)
{
	int size = (int)broker_config_int(config, key);
	if (broker_config_is_set(config, key) && size > 0 && setsockopt(fd, SOL_SOCKET, option, &size, sizeof size) != 0)
		log_line(LOG_WARN, "%s = %d is not to be had: %s", key, size, err_text(-errno));
}

static void apply_settings(const struct broker_config *config, int fd)
{
	apply_buffer_size(config, "socket.receive.buffer.bytes", fd, SO_RCVBUF);
	apply_buffer_size(config, "socket.send.buffer.bytes", fd, SO_SNDBUF);
	const char *backlog = "socket.listen.backlog.size";
	if (broker_config_is_set(config, backlog) && listen(fd, (int)broker_config_int(config, backlog)) != 0)
		log_line(LOG_WARN, "%s is not to be had: %s", backlog, err_text(-errno));
}

int listener_open(struct listener *listener, struct shard *shard, const char *host, uint16_t port, uint16_t *port_out)
{
	*listener = (struct listener){.shard = shard, .fd = -1, .retry.run = retry};
	int err = count_addresses(listener);
	int fd = err ? err : io_listen(shard->io, host, port, false, port_out);
	if (fd < 0)
		return fd;
	listener->fd = fd;
	apply_settings(shard->facts->config, fd);
	return 0;
}

void listener_start(struct listener *listener)
{
	start_accept(listener);
}

void listener_free(struct listener *listener)
{
	address_rates_destroy(listener->rates);
	listener->rates = NULL;
	free(listener->addresses);
	listener->addresses = NULL;
}

void listener_stop(struct listener *listener)
{
	if (listener->fd < 0 || listener->is_stopping)
		return;
	listener->is_stopping = true;
	if (listener->rates)
		address_rates_stop(listener->rates);
	io_timer_cancel(listener->shard->io, &listener->retry);
	if (listener->accept.is_in_flight)
		io_cancel(listener->shard->io, &listener->accept);
	else
		io_shutdown(listener->shard->io, listener->fd); /* at once, while the descriptor may close a little later */
	close_if_stopping(listener);
}

bool listener_is_closed(const struct listener *listener)
{
	return listener->fd < 0;
}
