/* Requests here are of old versions, written by hand: Metadata v1 of the topic `hostile`, Fetch v4, ApiVersions v0. */
#include "tests/hostile/peers.h"

#include "log/base/check.h"
#include "tests/differential/bytes_out.h"
#include "tests/differential/link.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define MANY 300
#define PIPELINED 5000

static void put_request(struct bytes_out *out, int key, int version, int32_t correlation_id, struct slice body)
{
	bytes_out_number(out, (int64_t)body.size + 10, 4);
	bytes_out_number(out, key, 2);
	bytes_out_number(out, version, 2);
	bytes_out_number(out, correlation_id, 4);
	bytes_out_number(out, -1, 2);
	bytes_out_put(out, body.data, body.size);
}

static void put_metadata(struct bytes_out *out, int32_t correlation_id)
{
	put_request(out, 3, 1, correlation_id, (struct slice){(const uint8_t *)"\0\0\0\1\0\7hostile", 13});
}

static void put_fetch(struct bytes_out *out, int32_t correlation_id, int32_t wait_ms)
{
	struct bytes_out body = {0};
	bytes_out_number(&body, -1, 4);
	bytes_out_number(&body, wait_ms, 4);
	bytes_out_number(&body, wait_ms ? 1 << 30 : 0, 4);
	bytes_out_number(&body, 1 << 20, 4);
	bytes_out_number(&body, 0, 1);
	bytes_out_number(&body, 1, 4);
	bytes_out_put(&body, "\0\7hostile", 9);
	bytes_out_number(&body, 1, 4);
	bytes_out_number(&body, 0, 4);
	bytes_out_number(&body, 0, 8);
	bytes_out_number(&body, 1 << 20, 4);
	put_request(out, 1, 4, correlation_id, bytes_out_slice(&body));
	bytes_out_free(&body);
}

static bool receive_in_order(int fd, int32_t count)
{
	struct link link = {.fd = fd};
	bool is_right = true;
	for (int32_t i = 0; i < count && is_right; i++)
		is_right = link_receive(&link, 20000) == RECEIVED && link.frame.size >= 4 && (int32_t)load_be32(link.frame.data) == i;
	bytes_out_free(&link.frame);
	return is_right;
}

/* ---- one at a time --------------------------------------------------------------------------------- */

static const char *byte_by_byte(const struct target *target, uint64_t seed)
{
	struct bytes_out request = {0};
	int fd = player_connect(target);
	put_metadata(&request, 0);
	for (size_t at = 0; at < request.size; at++, usleep(1000))
		player_send(fd, request.data + at, 1);
	bool is_answered = receive_in_order(fd, 1);
	player_reset(fd);
	bytes_out_free(&request);
	return is_answered ? NULL : "it is not answered";
}

static const char *half_closed(const struct target *target, size_t left_away, const char *wrong)
{
	struct bytes_out request = {0};
	int fd = player_connect(target);
	put_metadata(&request, 0);
	player_send(fd, request.data, request.size - left_away);
	shutdown(fd, SHUT_WR);
	bool is_right = (left_away || receive_in_order(fd, 1)) && player_is_closed(fd, 3000);
	player_reset(fd);
	bytes_out_free(&request);
	return is_right ? NULL : wrong;
}

static const char *half_closed_whole(const struct target *target, uint64_t seed) { return half_closed(target, 0, "it is not answered, or not closed"); }
static const char *half_closed_cut(const struct target *target, uint64_t seed) { return half_closed(target, 5, "it stays open"); }

/* At every byte of a request. */
static const char *reset_inside(const struct target *target, uint64_t seed)
{
	struct bytes_out request = {0};
	put_fetch(&request, 0, 0);
	for (size_t size = 0; size < request.size; size++) {
		int fd = player_connect(target);
		player_send(fd, request.data, size);
		player_reset(fd);
	}
	bytes_out_free(&request);
	return NULL;
}

static const char *reset_parked(const struct target *target, uint64_t seed)
{
	struct bytes_out request = {0};
	put_fetch(&request, 0, 60000);
	for (int i = 0; i < MANY; i++) {
		int fd = player_connect(target);
		player_send(fd, request.data, request.size);
		player_reset(fd);
	}
	bytes_out_free(&request);
	return NULL;
}

static const char *pipelined(const struct target *target, uint64_t seed)
{
	struct bytes_out all = {0};
	int fd = player_connect(target);
	for (int32_t i = 0; i < PIPELINED; i++)
		put_metadata(&all, i);
	/* Answers are read while requests are written: otherwise both sides would wait for the other to read. */
	int pid = fork();
	if (pid == 0)
		_exit(player_send(fd, all.data, all.size) ? 0 : 1);
	bool is_right = pid > 0 && receive_in_order(fd, PIPELINED);
	player_reset(fd);
	bytes_out_free(&all);
	return is_right ? NULL : "its answers do not come in order";
}

/* ---- many ------------------------------------------------------------------------------------------ */

static void open_many(const struct target *target, int fds[MANY], struct slice first)
{
	for (int i = 0; i < MANY; i++) {
		fds[i] = player_connect(target);
		if (fds[i] >= 0)
			player_send(fds[i], first.data, first.size);
	}
}

static void reset_many(int fds[MANY])
{
	for (int i = 0; i < MANY; i++)
		if (fds[i] >= 0)
			player_reset(fds[i]);
}

static const char *abandoned(const struct target *target, uint64_t seed)
{
	int fds[MANY];
	open_many(target, fds, (struct slice){(const uint8_t *)"", 0});
	for (int i = 0; i < MANY; i++)
		close(fds[i]);
	return NULL;
}

/* Fetches and fetches, and reads nothing. */
static const char *deaf(const struct target *target, uint64_t seed)
{
	struct bytes_out requests = {0};
	int fds[MANY];
	for (int32_t i = 0; i < 50; i++)
		put_fetch(&requests, i, 0);
	open_many(target, fds, bytes_out_slice(&requests));
	usleep(200000);
	reset_many(fds);
	bytes_out_free(&requests);
	return NULL;
}

/* Announces the largest request there may be, and leaves it at that. */
static const char *boasting(const struct target *target, uint64_t seed)
{
	int fds[MANY];
	open_many(target, fds, (struct slice){(const uint8_t *)"\6\x3f\xff\xff\0\0\0\7", 8});
	usleep(100000);
	reset_many(fds);
	return NULL;
}

/* ---- noise ----------------------------------------------------------------------------------------- */

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15ull);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

/* Random bytes behind a size that is right and a key and version that are served. */
static const char *noise(const struct target *target, uint64_t seed)
{
	static const uint8_t keys[] = {0, 1, 2, 3, 8, 9, 10, 11, 14, 18, 19, 20, 22, 32, 44, 60, 68, 75};
	const char *wrong = NULL;
	for (int i = 0; i < MANY && !wrong; i++) {
		uint8_t frame[300];
		size_t size = 16 + next_random(&seed) % 280;
		for (size_t at = 0; at < size; at++)
			frame[at] = (uint8_t)next_random(&seed);
		store_be32(frame, (uint32_t)size - 4);
		store_be16(frame + 4, keys[next_random(&seed) % sizeof keys]);
		store_be16(frame + 6, (uint16_t)(next_random(&seed) % 14));
		store_be16(frame + 12, 0xffff);
		int fd = player_connect(target);
		player_send(fd, frame, size);
		shutdown(fd, SHUT_WR);
		if (!player_is_closed(fd, 3000))
			wrong = "it stays open";
		player_reset(fd);
	}
	return wrong;
}

const struct peer_case peer_cases[] = {
	{"a request sent byte by byte", byte_by_byte},
	{"half-closed behind a request", half_closed_whole},
	{"half-closed inside a request", half_closed_cut},
	{"reset at every byte of a request", reset_inside},
	{"300 reset while their fetches wait", reset_parked},
	{"5,000 requests written at once", pipelined},
	{"300 connections opened and abandoned", abandoned},
	{"300 that ask for 50 fetches and read nothing", deaf},
	{"300 that announce 100 MiB and send 4 bytes", boasting},
	{"300 requests of noise", noise},
};
const size_t peer_case_count = COUNT_OF(peer_cases);
