/* Blocking sockets with a time limit: connecting, and one request at a time. A signal ends neither: who is interrupted still has topics to delete. */
#include "bench/load/socket.h"

#include "log/base/bytes.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static int connect_address(const struct addrinfo *address, uint64_t timeout_ns)
{
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	struct timeval timeout = { (time_t)(timeout_ns / 1000000000), (suseconds_t)(timeout_ns / 1000 % 1000000) };
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	if (connect(fd, address->ai_addr, address->ai_addrlen) == 0)
		return fd;
	int err = errno == EINPROGRESS ? -ETIMEDOUT : -errno;
	close(fd);
	return err;
}

int socket_connect(const char *host, uint16_t port, uint64_t timeout_ns)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM }, *found;
	char service[8];
	snprintf(service, sizeof service, "%u", port);
	if (getaddrinfo(host, service, &hints, &found))
		return -EHOSTUNREACH;
	int fd = -EHOSTUNREACH;
	for (const struct addrinfo *at = found; at && fd < 0; at = at->ai_next)
		do
			fd = connect_address(at, timeout_ns);
		while (fd == -EINTR);
	freeaddrinfo(found);
	return fd;
}

static int send_all(int fd, struct slice bytes)
{
	while (bytes.size) {
		ssize_t sent = send(fd, bytes.data, bytes.size, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		bytes.data += sent;
		bytes.size -= (size_t)sent;
	}
	return 0;
}

static int receive_all(int fd, uint8_t *out, size_t size)
{
	while (size) {
		ssize_t got = recv(fd, out, size, MSG_WAITALL);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got == 0 ? -ECONNRESET : errno == EAGAIN ? -ETIMEDOUT : -errno;
		out += got;
		size -= (size_t)got;
	}
	return 0;
}

int socket_ask(int fd, struct slice request, uint8_t *answer, size_t capacity)
{
	uint8_t prefix[4];
	int err = send_all(fd, request);
	if (!err)
		err = receive_all(fd, prefix, sizeof prefix);
	if (err)
		return err;
	uint32_t size = load_be32(prefix);
	if (size > capacity)
		return -EMSGSIZE;
	err = receive_all(fd, answer, size);
	return err ? err : (int)size;
}
