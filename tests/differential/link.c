/* Blocking sockets with a time limit. A peer that closes or resets is an outcome, not an error. */
#include "tests/differential/link.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FRAME_SIZE_MAX (64u << 20)

bool link_open(struct link *link, const char *host, const char *port)
{
	struct addrinfo *found = NULL, hints = {.ai_socktype = SOCK_STREAM};
	int one = 1;
	link->fd = -1;
	if (getaddrinfo(host, port, &hints, &found) != 0)
		return false;
	link->fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (link->fd >= 0 && connect(link->fd, found->ai_addr, found->ai_addrlen) != 0)
		link_close(link);
	if (link->fd >= 0)
		setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	freeaddrinfo(found);
	return link->fd >= 0;
}

void link_close(struct link *link)
{
	if (link->fd >= 0)
		close(link->fd);
	link->fd = -1;
}

static bool send_all(int fd, const uint8_t *bytes, size_t size)
{
	while (size > 0) {
		ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return false;
		bytes += sent;
		size -= (size_t)sent;
	}
	return true;
}

bool link_send(struct link *link, struct slice frame)
{
	uint8_t size[4];
	store_be32(size, (uint32_t)frame.size);
	return link->fd >= 0 && send_all(link->fd, size, 4) && send_all(link->fd, frame.data, frame.size);
}

static int64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static enum received receive_all(int fd, uint8_t *bytes, size_t size, int64_t until_ms)
{
	while (size > 0) {
		int64_t left = until_ms - now_ms();
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		if (left < 0 || poll(&wait, 1, (int)left) == 0)
			return RECEIVED_NOTHING;
		ssize_t got = recv(fd, bytes, size, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return RECEIVED_CLOSE;
		bytes += got;
		size -= (size_t)got;
	}
	return RECEIVED;
}

enum received link_receive(struct link *link, int timeout_ms)
{
	if (link->fd < 0)
		return RECEIVED_CLOSE;
	int64_t until_ms = now_ms() + timeout_ms;
	uint8_t head[4];
	enum received got = receive_all(link->fd, head, 4, until_ms);
	if (got != RECEIVED)
		return got;
	uint32_t size = load_be32(head);
	link->frame.size = 0;
	if (size > FRAME_SIZE_MAX)
		return RECEIVED_CLOSE;
	uint8_t *room = bytes_out_room(&link->frame, size);
	return receive_all(link->fd, room, size, until_ms);
}
