/* Failure modes: no answer within twenty seconds, a malformed one, or a broken connection: all calls that wait have none, and the caller begins again. */
#include "tests/power/client.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "log/base/bytes.h"
#include "log/base/check.h"
#include "tests/requests/requests.h"

#define CALLS_MAX 16
#define PATIENCE_S 20
#define FRAME_MAX (64u << 20)

struct call {
	const struct kmsg_message *answer;
	int version;
	int32_t correlation_id;
};

struct client {
	int fd;
	int32_t correlation_id;
	struct call calls[CALLS_MAX];
	uint32_t first, count;
	uint8_t *out, *in;
	size_t out_room, in_room;
	void *answer;
	struct arena arena;
};

void nap_ms(uint64_t ms)
{
	nanosleep(&(struct timespec){(time_t)(ms / 1000), (long)(ms % 1000) * 1000000}, NULL);
}

uint64_t clock_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

struct client *client_create(void)
{
	struct client *client = calloc(1, sizeof *client);
	CHECK(client);
	client->fd = -1;
	arena_init(&client->arena, NULL, 0, 64 << 20);
	return client;
}

void client_break(struct client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	client->fd = -1;
	client->count = 0;
}

void client_destroy(struct client *client)
{
	client_break(client);
	arena_fini(&client->arena);
	free(client->answer);
	free(client->out);
	free(client->in);
	free(client);
}

uint32_t client_waiting(const struct client *client) { return client->count; }

bool client_connect(struct client *client, uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval patience = {.tv_sec = PATIENCE_S};
	int one = 1;
	if (client->fd >= 0)
		return true;
	client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(client->fd >= 0);
	setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (port && connect(client->fd, (struct sockaddr *)&address, sizeof address) == 0)
		return true;
	client_break(client);
	return false;
}

static uint8_t *room(uint8_t **bytes, size_t *has, size_t wanted)
{
	if (wanted > *has) {
		free(*bytes);
		*bytes = malloc(*has = wanted * 2);
		CHECK(*bytes);
	}
	return *bytes;
}

bool client_send(struct client *client, const char *api, int version, const void *body)
{
	const struct kmsg_message *message = request_message(api, "request");
	if (client->fd < 0 || client->count == CALLS_MAX)
		return false;
	struct request_header header = {.api_key = (int16_t)message->key, .api_version = (int16_t)version, .correlation_id = ++client->correlation_id,
					.client_id = slice_from("power")};
	size_t size = request_frame_size(&header, message, body);
	request_frame_write(&header, message, body, room(&client->out, &client->out_room, size), size);
	for (size_t sent = 0; sent < size;) {
		ssize_t more = send(client->fd, client->out + sent, size - sent, MSG_NOSIGNAL);
		if (more <= 0) {
			client_break(client);
			return false;
		}
		sent += (size_t)more;
	}
	client->calls[(client->first + client->count++) % CALLS_MAX] =
		(struct call){.answer = request_message(api, "response"), .version = version, .correlation_id = client->correlation_id};
	return true;
}

static bool receive_all(struct client *client, uint8_t *out, size_t size)
{
	while (size) {
		ssize_t more = recv(client->fd, out, size, 0);
		if (more <= 0)
			return false;
		out += more;
		size -= (size_t)more;
	}
	return true;
}

const void *client_receive(struct client *client)
{
	uint8_t head[4];
	int32_t correlation_id = 0;
	if (client->fd < 0 || !client->count)
		return NULL;
	struct call call = client->calls[client->first];
	if (!receive_all(client, head, 4) || load_be32(head) > FRAME_MAX ||
	    !receive_all(client, room(&client->in, &client->in_room, load_be32(head) + 1), load_be32(head))) {
		client_break(client);
		return NULL;
	}
	client->first = (client->first + 1) % CALLS_MAX;
	client->count--;
	arena_reset(&client->arena);
	free(client->answer);
	client->answer = calloc(1, call.answer->struct_size);
	CHECK(client->answer);
	struct reader reader = reader_over((struct slice){client->in, load_be32(head)});
	int err = response_header_decode(&reader, (int16_t)call.answer->key, call.version, &correlation_id);
	if (!err)
		err = call.answer->decode(&reader, &client->arena, call.version, client->answer);
	if (!err && correlation_id == call.correlation_id)
		return client->answer;
	client_break(client);
	return NULL;
}

const void *client_call(struct client *client, const char *api, int version, const void *message)
{
	return client_send(client, api, version, message) ? client_receive(client) : NULL;
}
