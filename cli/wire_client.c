/* Blocking requests over one socket: write the frame, read the frame. Failure modes: nobody listens, silence (ten seconds), an answer that cannot
 * be decoded, a broker that closes because it does not know the version: each is an errno, and the caller shows "-". */
#include "cli/wire_client_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/address.h"
#include "kmsg_api_versions.h"
#include "log/base/bytes.h"
#include "net/wire/header.h"

/* To connect; an answer may take twice as long. */
#define PATIENCE_MS 5000
#define ANSWER_SIZE_MAX (64u << 20)

/* ---- connecting ------------------------------------------------------------------------------------------------------ */

static int finish_connect(int fd, int patience_ms)
{
	struct pollfd wait = {.fd = fd, .events = POLLOUT};
	int err = 0;
	socklen_t size = sizeof err;
	int ready = poll(&wait, 1, patience_ms);
	if (ready == 0)
		return -ETIMEDOUT;
	if (ready < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size))
		return -errno;
	return -err;
}

static int connect_one(const struct addrinfo *info, int patience_ms)
{
	int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	int err = connect(fd, info->ai_addr, info->ai_addrlen) == 0 ? 0 : errno == EINPROGRESS ? finish_connect(fd, patience_ms) : -errno;
	if (!err)
		return fd;
	close(fd);
	return err;
}

/* Blocking from here on, but for so long at most. */
static void set_patience(int fd, int patience_ms)
{
	struct timeval patience = {.tv_sec = patience_ms / 1000, .tv_usec = patience_ms % 1000 * 1000};
	int one = 1;
	int flags = fcntl(fd, F_GETFL);
	if (flags >= 0 && fcntl(fd, F_SETFL, flags & ~O_NONBLOCK))
		return;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static int connect_to(const struct address *address, int patience_ms, char *why, size_t why_size)
{
	char port[8];
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
	snprintf(port, sizeof port, "%u", address->port);
	const char *host = address->host;
	int gai = getaddrinfo(host, port, &hints, &list);
	if (gai) {
		snprintf(why, why_size, "cannot find host '%s': %s; is --broker right?", host, gai_strerror(gai));
		return -EHOSTUNREACH;
	}
	int fd = -EHOSTUNREACH;
	for (struct addrinfo *info = list; info && fd < 0; info = info->ai_next)
		fd = connect_one(info, patience_ms);
	freeaddrinfo(list);
	if (fd < 0)
		snprintf(why, why_size, "no broker answers at %s:%s: %s; is it running ('spate serve'), and is --broker right?", host, port, strerror(-fd));
	else
		set_patience(fd, 2 * patience_ms);
	return fd;
}

/* The first broker of the list that answers. */
static int connect_any(const char *brokers, int patience_ms, char *why, size_t why_size)
{
	int fd = -EINVAL;
	for (const char *at = brokers; fd < 0 && *at;) {
		char one[512];
		struct address address;
		size_t size = strcspn(at, ",");
		snprintf(one, sizeof one, "%.*s", (int)size, at);
		at += size + (at[size] == ',');
		if (!address_parse_broker(&address, one, why, why_size))
			return -EINVAL;
		fd = connect_to(&address, patience_ms, why, why_size);
	}
	return fd;
}

int wire_client_open(struct wire_client **out, const char *brokers, char *why, size_t why_size)
{
	return wire_client_open_within(out, brokers, PATIENCE_MS, why, why_size);
}

int wire_client_open_within(struct wire_client **out, const char *brokers, int patience_ms, char *why, size_t why_size)
{
	snprintf(why, why_size, "no broker is named");
	int fd = connect_any(brokers, patience_ms, why, why_size);
	if (fd < 0)
		return fd;
	struct wire_client *client = calloc(1, sizeof *client);
	if (!client) {
		close(fd);
		return -ENOMEM;
	}
	client->fd = fd;
	arena_init(&client->arena, NULL, 0, 4 * (size_t)ANSWER_SIZE_MAX);
	*out = client;
	return 0;
}

void wire_client_close(struct wire_client *client)
{
	if (!client)
		return;
	close(client->fd);
	arena_fini(&client->arena);
	free(client->answer);
	free(client);
}

/* ---- one request ------------------------------------------------------------------------------------------------------- */

static int send_all(int fd, const uint8_t *data, size_t size)
{
	while (size) {
		ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return -errno;
		data += sent;
		size -= (size_t)sent;
	}
	return 0;
}

static int receive_all(int fd, uint8_t *data, size_t size)
{
	while (size) {
		ssize_t got = recv(fd, data, size, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -ECONNRESET;
		data += got;
		size -= (size_t)got;
	}
	return 0;
}

static int receive_frame(struct wire_client *client, struct slice *out)
{
	memset(client->head, 0, sizeof client->head);
	int err = receive_all(client->fd, client->head, sizeof client->head);
	if (err)
		return err;
	uint32_t size = load_be32(client->head);
	if (size > ANSWER_SIZE_MAX)
		return -EMSGSIZE;
	free(client->answer);
	client->answer = malloc(size ? size : 1);
	if (!client->answer)
		return -ENOMEM;
	*out = (struct slice){client->answer, size};
	return receive_all(client->fd, client->answer, size);
}

static void encode_frame(struct writer *writer, struct wire_client *client, int16_t key, int16_t version, wire_encode_fn *encode, const void *message)
{
	struct request_header header = {.api_key = key, .api_version = version, .correlation_id = client->correlation_id, .client_id = slice_from("spate")};
	writer_uint32(writer, 0);
	request_header_encode(writer, &header);
	encode(writer, message);
}

static int send_request(struct wire_client *client, int16_t key, int16_t version, wire_encode_fn *encode, const void *message)
{
	struct writer count = writer_counting();
	client->correlation_id++;
	encode_frame(&count, client, key, version, encode, message);
	uint8_t *frame = malloc(count.position);
	if (!frame)
		return -ENOMEM;
	struct writer writer = writer_into(frame, count.position);
	encode_frame(&writer, client, key, version, encode, message);
	store_be32(frame, (uint32_t)(count.position - 4));
	int err = writer.error ? writer.error : send_all(client->fd, frame, count.position);
	free(frame);
	return err;
}

int wire_client_call(struct wire_client *client, int16_t key, int16_t version, wire_encode_fn *encode,
		     const void *message, struct reader *reader)
{
	struct slice frame;
	int32_t correlation_id;
	int err = send_request(client, key, version, encode, message);
	err = err ? err : receive_frame(client, &frame);
	if (err)
		return err;
	*reader = reader_over(frame);
	err = response_header_decode(reader, key, version, &correlation_id);
	return err ? err : correlation_id == client->correlation_id ? 0 : -EBADMSG;
}

/* ---- is it a broker? ------------------------------------------------------------------------------------------------------------- */

/* "\r\n\r\n" in the frame's head: a server that waits for the end of a line answers at once, and so tells what it is. */
#define GREETING_ID 0x0d0a0d0a

static void encode_api_versions(struct writer *writer, const void *message)
{
	kmsg_api_versions_request_encode(writer, 0, message);
}

/* By the first bytes of what is no Kafka answer. */
static const char *guess_protocol(const uint8_t head[4])
{
	bool is_tls = head[0] == 0x15 && head[1] == 0x03;
	if (memcmp(head, "HTTP", 4) == 0 || head[0] == '<')
		return ": it speaks HTTP";
	if (memcmp(head, "SSH-", 4) == 0)
		return ": it speaks SSH";
	return is_tls ? ": it speaks TLS (-X security.protocol=ssl)" : "";
}

int wire_client_greet(struct wire_client *client, const char *brokers, char *why, size_t why_size)
{
	struct kmsg_api_versions_request request;
	struct reader reader;
	kmsg_api_versions_request_init(&request);
	client->correlation_id = GREETING_ID - 1;
	int err = wire_client_call(client, KMSG_API_VERSIONS_KEY, 0, encode_api_versions, &request, &reader);
	if (err == -EAGAIN || err == -EWOULDBLOCK)
		snprintf(why, why_size, "%s takes connections and answers nothing: either the broker hangs, or that is no broker; is --broker right?", brokers);
	else if (err)
		snprintf(why, why_size, "%s answers, but not as a Kafka broker does%s; is --broker right?", brokers, guess_protocol(client->head));
	return err;
}

void wire_client_mute(struct wire_client *client)
{
	close(client->fd);
	client->fd = -1;
}
