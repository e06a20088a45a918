/* The loop of L0 and L1: receive, check, answer, with epoll on one thread. Each connection has a buffer
 * that holds several requests; all that are whole in it are answered with one send. */
#pragma once

#include "bench/limits/limit.h"

#include <sys/epoll.h>

#define LIMIT_BUFFER_BYTES (1 << 20)

typedef void limit_keep(const uint8_t *batch, size_t size);

struct limit_connection {
	int fd;
	size_t start, end; /* the bytes not yet answered */
	uint8_t *buffer;
};

static struct limit_connection limit_connections[LIMIT_CONNECTIONS_MAX];

static inline void limit_accept(int epoll, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct limit_connection *connection = limit_connections;
	while (connection->fd)
		if (++connection == limit_connections + LIMIT_CONNECTIONS_MAX)
			limit_die("too many connections", 0);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	connection->fd = fd;
	connection->start = connection->end = 0;
	if (!connection->buffer)
		connection->buffer = limit_memory(LIMIT_BUFFER_BYTES);
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = connection };
	if (fd < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
		limit_die("cannot accept", errno);
}

/* Answers the whole requests in the buffer. */
static inline void limit_answer_requests(struct limit_connection *connection, limit_keep *keep)
{
	static uint8_t answers[64 * LIMIT_ANSWER_MAX];
	size_t answers_size = 0;
	while (connection->end - connection->start >= 4) {
		const uint8_t *frame = connection->buffer + connection->start;
		size_t size = load_be32(frame);
		if (size + 4 > LIMIT_BUFFER_BYTES)
			limit_die("a request larger than the buffer", 0);
		if (connection->end - connection->start < size + 4)
			break;
		struct limit_produce produce;
		limit_parse(frame + 4, (uint32_t)size, &produce);
		if (keep)
			keep(produce.batch, produce.batch_size);
		answers_size += limit_answer(&produce, answers + answers_size);
		connection->start += size + 4;
		if (answers_size + LIMIT_ANSWER_MAX > sizeof answers) {
			limit_send(connection->fd, answers, answers_size);
			answers_size = 0;
		}
	}
	if (answers_size)
		limit_send(connection->fd, answers, answers_size);
}

/* Moves a request that the end of the buffer would cut back to its start. */
static inline void limit_make_room(struct limit_connection *connection)
{
	size_t have = connection->end - connection->start;
	if (have && connection->end < LIMIT_BUFFER_BYTES)
		return;
	memmove(connection->buffer, connection->buffer + connection->start, have);
	connection->start = 0;
	connection->end = have;
}

static inline void limit_receive(struct limit_connection *connection, limit_keep *keep)
{
	limit_make_room(connection);
	ssize_t got = recv(connection->fd, connection->buffer + connection->end, LIMIT_BUFFER_BYTES - connection->end, 0);
	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0) {
		close(connection->fd);
		connection->fd = 0;
		return;
	}
	connection->end += (size_t)got;
	limit_answer_requests(connection, keep);
}

/* Serves for ever; `keep` is shown each batch before its answer is made, and may be NULL. */
_Noreturn static inline void limit_serve(int listener, limit_keep *keep)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event events[64] = { { .events = EPOLLIN } };
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, events))
		limit_die("epoll", errno);
	for (;;) {
		int count = epoll_wait(epoll, events, 64, -1);
		for (int i = 0; i < count; i++)
			if (events[i].data.ptr)
				limit_receive(events[i].data.ptr, keep);
			else
				limit_accept(epoll, listener);
	}
}
