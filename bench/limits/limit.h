/* What every limit program shares: a listening socket, the fields of a Produce v9 request that cannot
 * be avoided, its CRC, and a ready-made answer in which only the correlation id and the partition are
 * patched. A limit program does nothing else that a broker does: no topics, no offsets, no validation.
 * Single thread. Anything unexpected ends the program with a message: it is a yardstick, not a server. */
#pragma once

#include "log/base/bytes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <isa-l.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define LIMIT_CONNECTIONS_MAX 1024
#define LIMIT_ANSWER_MAX 512

_Noreturn static inline void limit_die(const char *what, int error)
{
	fprintf(stderr, "limit program: %s%s%s\n", what, error ? ": " : "", error ? strerror(error) : "");
	exit(1);
}

/* Listens on 127.0.0.1 and prints the port, which is chosen by the system where `port` is 0. */
static inline int limit_listen(uint16_t port)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t size = sizeof address;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) || listen(fd, 1024) ||
	    getsockname(fd, (struct sockaddr *)&address, &size))
		limit_die("cannot listen", errno);
	printf("%u\n", ntohs(address.sin_port));
	fflush(stdout);
	return fd;
}

/* Touched memory in huge pages where there are any, so that first-touch costs stay out of the figures. */
static inline uint8_t *limit_memory(size_t bytes)
{
	uint8_t *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		limit_die("no memory", errno);
	madvise(memory, bytes, MADV_HUGEPAGE);
	memset(memory, 1, bytes);
	return memory;
}

struct limit_produce {
	uint32_t correlation, partition;
	const uint8_t *topic; /* the compact string as it stands in the request */
	uint32_t topic_size;
	const uint8_t *batch;
	uint32_t batch_size;
};

/* A compact length: the varint holds the length plus one. */
static inline uint32_t limit_compact(const uint8_t **at, const uint8_t *end)
{
	uint64_t value = 0;
	unsigned read = varint_read(*at, end, 5, &value);
	if (!read || !value || value - 1 > (uint64_t)(end - *at - read))
		limit_die("a request that is not Produce v9 as the load generator sends it", 0);
	*at += read;
	return (uint32_t)value - 1;
}

/* Finds the one batch of a Produce v9 request (after its size field) and checks its CRC-32C. */
static inline void limit_parse(const uint8_t *frame, uint32_t size, struct limit_produce *produce)
{
	const uint8_t *at = frame, *end = frame + size;
	if (size < 64 || load_be16(at) != 0 || load_be16(at + 2) != 9)
		limit_die("a request that is not Produce v9", 0);
	produce->correlation = load_be32(at + 4);
	at += 10 + (int16_t)load_be16(at + 8); /* api key, version, correlation id, client id */
	at += 1 + 1 + 2 + 4;                   /* no tags, no transactional id, acks, timeout */
	limit_compact(&at, end);               /* one topic */
	produce->topic = at;
	at += limit_compact(&at, end);
	produce->topic_size = (uint32_t)(at - produce->topic);
	limit_compact(&at, end); /* one partition */
	produce->partition = load_be32(at);
	at += 4;
	produce->batch_size = limit_compact(&at, end);
	produce->batch = at;
	if (produce->batch_size < 61)
		limit_die("a batch shorter than its header", 0);
	uint32_t crc = ~crc32_iscsi((uint8_t *)produce->batch + 21, (int)produce->batch_size - 21, ~0u);
	if (crc != load_be32(produce->batch + 17))
		limit_die("a batch that fails its CRC", 0);
}

/* The answer to one request: "stored, no error", with its size in front. Returns its bytes. */
static inline uint32_t limit_answer(const struct limit_produce *produce, uint8_t *out)
{
	static uint8_t answer[LIMIT_ANSWER_MAX];
	static uint32_t size, partition_at;
	if (!size) {
		uint8_t *at = answer + 4 + 4;
		*at++ = 0; /* no tags */
		*at++ = 2; /* one topic */
		memcpy(at, produce->topic, produce->topic_size);
		at += produce->topic_size;
		*at++ = 2; /* one partition */
		partition_at = (uint32_t)(at - answer);
		at += 4;
		memset(at, 0, 2 + 8); /* error, base offset */
		memset(at + 10, 0xff, 8); /* no log append time */
		memset(at + 18, 0, 8); /* log start offset */
		at += 26;
		static const uint8_t rest[] = { 1, 0, 0, 0, /* no record errors, no message, no tags twice */
						0, 0, 0, 0, 0 /* no throttling, no tags */ };
		memcpy(at, rest, sizeof rest);
		at += sizeof rest;
		size = (uint32_t)(at - answer);
		store_be32(answer, size - 4);
	}
	memcpy(out, answer, size);
	store_be32(out + 4, produce->correlation);
	store_be32(out + partition_at, produce->partition);
	return size;
}

/* Answers are small and the window of the generator is bounded, so a full socket buffer is a fault. */
static inline void limit_send(int fd, const uint8_t *answers, size_t size)
{
	if (send(fd, answers, size, MSG_NOSIGNAL) != (ssize_t)size && errno != EPIPE && errno != ECONNRESET)
		limit_die("cannot send", errno);
}
