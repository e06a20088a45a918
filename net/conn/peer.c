/* getpeername and what it takes to print it. */
#include "net/conn/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static bool read_peer(int fd, union address *out)
{
	socklen_t size = sizeof *out;
	return getpeername(fd, &out->any, &size) == 0 && (out->any.sa_family == AF_INET || out->any.sa_family == AF_INET6);
}

bool peer_address(int fd, uint8_t out[16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	union address peer;
	if (!read_peer(fd, &peer))
		return false;
	if (peer.any.sa_family == AF_INET6) {
		memcpy(out, &peer.v6.sin6_addr, 16);
		return true;
	}
	memcpy(out, mapped, sizeof mapped);
	memcpy(out + 12, &peer.v4.sin_addr, 4);
	return true;
}

bool peer_host(int fd, char *text, size_t size)
{
	uint8_t bytes[16];
	if (!peer_address(fd, bytes))
		return false;
	if (IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)(const void *)bytes))
		return inet_ntop(AF_INET, bytes + 12, text, (socklen_t)size) != NULL;
	int length = 0;
	for (int i = 0; i < 16; i += 2)
		length += snprintf(text + length, size - (size_t)length, i ? ":%x" : "%x", bytes[i] << 8 | bytes[i + 1]);
	return true;
}

void peer_describe(int fd, char out[PEER_TEXT_SIZE])
{
	char host[INET6_ADDRSTRLEN];
	union address peer;
	if (!read_peer(fd, &peer))
		snprintf(out, PEER_TEXT_SIZE, "an unknown address");
	else if (peer.any.sa_family == AF_INET)
		snprintf(out, PEER_TEXT_SIZE, "%s:%u", inet_ntop(AF_INET, &peer.v4.sin_addr, host, sizeof host), ntohs(peer.v4.sin_port));
	else
		snprintf(out, PEER_TEXT_SIZE, "[%s]:%u", inet_ntop(AF_INET6, &peer.v6.sin6_addr, host, sizeof host), ntohs(peer.v6.sin6_port));
}
