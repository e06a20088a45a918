/* That a peer is closed or reset is an outcome like an answer. */
#include "tests/hostile/player.h"

#include "net/wire/header.h"
#include "tests/differential/codec.h"
#include "tests/differential/link.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CODES_MAX 24

bool target_parse(struct target *target, const char *address)
{
	const char *colon = strrchr(address, ':');
	if (!colon || (size_t)(colon - address) >= sizeof target->host || strlen(colon + 1) >= sizeof target->port)
		return false;
	snprintf(target->host, sizeof target->host, "%.*s", (int)(colon - address), address);
	snprintf(target->port, sizeof target->port, "%s", colon + 1);
	return true;
}

int player_connect(const struct target *target)
{
	struct link link = {.fd = -1};
	return link_open(&link, target->host, target->port) ? link.fd : -1;
}

bool player_send(int fd, const void *bytes, size_t size)
{
	const uint8_t *at = bytes;
	while (size > 0) {
		ssize_t sent = send(fd, at, size, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return false;
		at += sent;
		size -= (size_t)sent;
	}
	return true;
}

int64_t player_now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool player_is_closed(int fd, int timeout_ms)
{
	uint8_t bytes[65536];
	int64_t until_ms = player_now_ms() + timeout_ms;
	for (;;) {
		int64_t left = until_ms - player_now_ms();
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		if (left < 0 || poll(&wait, 1, (int)left) == 0)
			return false;
		if (recv(fd, bytes, sizeof bytes, 0) <= 0)
			return true;
	}
}

void player_reset(int fd)
{
	struct linger linger = {1, 0};
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
	close(fd);
}

uint16_t player_port(int fd)
{
	struct sockaddr_in address = {0};
	socklen_t size = sizeof address;
	getsockname(fd, (struct sockaddr *)&address, &size);
	return ntohs(address.sin_port);
}

/* ---- what an answer says --------------------------------------------------------------------------- */

struct codes {
	int values[CODES_MAX], count;
};

static void add_code(struct codes *codes, int code)
{
	int at = 0;
	while (at < codes->count && codes->values[at] < code)
		at++;
	if (code == 0 || codes->count == CODES_MAX || (at < codes->count && codes->values[at] == code))
		return;
	memmove(codes->values + at + 1, codes->values + at, (size_t)(codes->count - at) * sizeof *codes->values);
	codes->values[at] = code;
	codes->count++;
}

static void collect_codes(struct codes *codes, const json_t *answer)
{
	const char *name;
	json_t *value;
	size_t i;
	json_object_foreach((json_t *)answer, name, value) {
		if (strcmp(name, "error_code") == 0)
			add_code(codes, (int)json_integer_value(value));
		collect_codes(codes, value);
	}
	json_array_foreach(answer, i, value)
		collect_codes(codes, value);
}

static void describe_answer(const json_t *answer, char *text, size_t size)
{
	struct codes codes = {.count = 0};
	collect_codes(&codes, answer);
	if (codes.count == 0)
		snprintf(text, size, "answered");
	int length = 0;
	for (int i = 0; i < codes.count && length < (int)size - 8; i++)
		length += snprintf(text + length, size - (size_t)length, "%s%d", i ? "," : "error ", codes.values[i]);
}

/* The version an answer is laid out in: ApiVersions' first, if it was asked in one that is not known (KIP-511). */
static int answer_version(const struct hostile_case *hostile, int asked)
{
	bool is_known = asked >= hostile->response->min && asked <= hostile->response->max;
	return hostile->response->key == 18 && !is_known ? 0 : asked;
}

static void read_answer(const struct hostile_case *hostile, struct slice frame, char *text, size_t size)
{
	const char *why = "";
	int32_t correlation_id = 0;
	int asked = hostile->bytes.size >= 8 ? (int16_t)(hostile->bytes.data[6] << 8 | hostile->bytes.data[7]) : 0;
	if (!hostile->response) {
		snprintf(text, size, "malformed: an answer to nothing");
		return;
	}
	struct reader reader = reader_over(frame);
	int version = answer_version(hostile, asked);
	if (response_header_decode(&reader, (int16_t)hostile->response->key, version, &correlation_id) != 0 || correlation_id != hostile->correlation_id) {
		snprintf(text, size, "malformed: header");
		return;
	}
	json_t *answer = codec_decode((struct slice){reader.at, reader_left(&reader)}, hostile->response, version, &why);
	if (answer)
		describe_answer(answer, text, size);
	else
		snprintf(text, size, "malformed: %s", why);
	json_decref(answer);
}

void player_play(const struct target *target, const struct hostile_case *hostile, struct outcome *outcome)
{
	struct link link = {.fd = -1};
	*outcome = (struct outcome){0};
	if (!link_open(&link, target->host, target->port)) {
		snprintf(outcome->text, sizeof outcome->text, "nobody listens");
		return;
	}
	outcome->port = player_port(link.fd);
	player_send(link.fd, hostile->bytes.data, hostile->bytes.size);
	if (hostile->is_half_closed)
		shutdown(link.fd, SHUT_WR);
	enum received got = link_receive(&link, ANSWER_TIMEOUT_MS);
	if (got == RECEIVED)
		read_answer(hostile, bytes_out_slice(&link.frame), outcome->text, sizeof outcome->text);
	else
		snprintf(outcome->text, sizeof outcome->text, got == RECEIVED_CLOSE ? "closed" : "waits");
	player_reset(link.fd);
	bytes_out_free(&link.frame);
}
