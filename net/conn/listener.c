/* Happy path: one accept operation that yields every connection.
 *
 * Failure: no descriptors left ends it; it starts anew after a short while, as connections may have closed. */
#include "net/conn/listener.h"

#include <errno.h>
#include <stdlib.h>

#include "net/conn/conn.h"
#include "net/route/task.h"

#define RETRY_NS (100ull * 1000 * 1000)

struct adoption {
	struct message message;
	int fd;
};

static void hand_over(struct listener *listener, int fd)
{
	struct shard *shard = listener->shard, *to = shard->peers[listener->next++ % shard->shard_count];
	struct adoption *adoption = to == shard ? NULL : malloc(sizeof *adoption);
	if (!adoption) {
		conn_open(shard, fd);
		return;
	}
	*adoption = (struct adoption){.message.kind = MESSAGE_ADOPT, .fd = fd};
	shard_post(shard, to, &adoption->message);
}

void listener_receive(struct shard *shard, struct message *message)
{
	struct adoption *adoption = CONTAINER_OF(message, struct adoption, message);
	conn_open(shard, adoption->fd);
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
		hand_over(listener, op->result);
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

int listener_open(struct listener *listener, struct shard *shard, const char *host, uint16_t port, uint16_t *port_out)
{
	*listener = (struct listener){.shard = shard, .fd = -1, .retry.run = retry};
	int fd = io_listen(shard->io, host, port, false, port_out);
	if (fd < 0)
		return fd;
	listener->fd = fd;
	start_accept(listener);
	return 0;
}

void listener_stop(struct listener *listener)
{
	if (listener->fd < 0 || listener->is_stopping)
		return;
	listener->is_stopping = true;
	io_timer_cancel(listener->shard->io, &listener->retry);
	io_cancel(listener->shard->io, &listener->accept);
	close_if_stopping(listener);
}

bool listener_is_closed(const struct listener *listener)
{
	return listener->fd < 0;
}
