/* Publishes to JetStream for a while, a window of messages outstanding on one connection, each acknowledged by the
 * server: NATS's own load tool is in no distribution. Makes the stream (file storage), and prints MB/s, p50 and p99 in us.
 *
 * NATS's protocol is text: PUB subject reply size, payload; the acknowledgement comes as a MSG to the reply subject.
 * Anything unexpected ends the program with a message.
 *
 * nats-publish PORT BYTES WINDOW SECONDS */
#include "bench/load/histogram.h"
#include "bench/load/socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define BUFFER_BYTES (1u << 20)
#define WINDOW_MAX 65536u

static int fd;
static char buffer[BUFFER_BYTES + 1];
static size_t start, end;
static uint64_t sent_ns[WINDOW_MAX], sent, answered;
static struct histogram latency;

_Noreturn static void die(const char *what, const char *more)
{
	fprintf(stderr, "nats-publish: %s %s\n", what, more);
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void send_all(const char *bytes, size_t size)
{
	while (size) {
		ssize_t gone = send(fd, bytes, size, MSG_NOSIGNAL);
		if (gone <= 0)
			die("cannot send:", strerror(errno));
		bytes += gone;
		size -= (size_t)gone;
	}
}

static void receive_more(void)
{
	memmove(buffer, buffer + start, end - start);
	end -= start;
	start = 0;
	ssize_t got = recv(fd, buffer + end, BUFFER_BYTES - end, 0);
	if (got <= 0)
		die("the server has gone:", got ? strerror(errno) : "it closed the connection");
	end += (size_t)got;
	buffer[end] = 0;
}

/* The next line without its end; it stays valid until more is received. */
static char *read_line(void)
{
	char *stop;
	while (!(stop = memchr(buffer + start, '\n', end - start)))
		receive_more();
	char *line = buffer + start;
	start = (size_t)(stop - buffer) + 1;
	stop[stop > line && stop[-1] == '\r' ? -1 : 0] = 0;
	return line;
}

/* The next message's payload; what else comes is answered or passed over. */
static char *read_message(void)
{
	for (;;) {
		char *line = read_line();
		if (strncmp(line, "PING", 4) == 0)
			send_all("PONG\r\n", 6);
		if (strncmp(line, "-ERR", 4) == 0)
			die("the server says", line);
		if (strncmp(line, "MSG ", 4) != 0)
			continue;
		size_t size = strtoul(strrchr(line, ' ') + 1, NULL, 10) + 2;
		if (size > BUFFER_BYTES)
			die("a message that is too large", "");
		while (end - start < size)
			receive_more();
		char *payload = buffer + start;
		start += size;
		payload[size - 2] = 0;
		return payload;
	}
}

static void make_stream(void)
{
	static const char hello[] = "CONNECT {\"verbose\":false,\"pedantic\":false}\r\nSUB _INBOX.bench.* 1\r\n";
	static const char stream[] = "{\"name\":\"bench\",\"subjects\":[\"bench\"],\"storage\":\"file\",\"retention\":\"limits\",\"num_replicas\":1,\"max_bytes\":4000000000,\"discard\":\"old\"}";
	char request[512];
	read_line(); /* INFO */
	send_all(hello, sizeof hello - 1);
	int size = snprintf(request, sizeof request, "PUB $JS.API.STREAM.CREATE.bench _INBOX.bench.c %zu\r\n%s\r\n", sizeof stream - 1, stream);
	send_all(request, (size_t)size);
	char *answer = read_message();
	if (strstr(answer, "\"error\""))
		die("the stream is refused:", answer);
}

/* Keeps the window full; what is due is sent together. */
static void publish(const char *message, size_t size, uint32_t window)
{
	static char batch[BUFFER_BYTES];
	size_t used = 0;
	while (sent - answered < window && used + size <= sizeof batch) {
		memcpy(batch + used, message, size);
		used += size;
		sent_ns[sent++ % WINDOW_MAX] = now_ns();
	}
	send_all(batch, used);
}

static void take_answers(void)
{
	do {
		char *answer = read_message();
		if (strstr(answer, "\"error\""))
			die("a message is refused:", answer);
		histogram_add(&latency, now_ns() - sent_ns[answered++ % WINDOW_MAX]);
	} while (answered < sent && memchr(buffer + start, '\n', end - start));
}

int main(int argc, char **argv)
{
	if (argc != 5)
		die("nats-publish PORT BYTES WINDOW SECONDS", "");
	uint32_t bytes = (uint32_t)atoi(argv[2]), window = (uint32_t)atoi(argv[3]);
	if (!bytes || bytes > BUFFER_BYTES / 4 || !window || window > WINDOW_MAX)
		die("1 to 262144 bytes, and a window of 1 to 65536", "");
	fd = socket_connect("127.0.0.1", (uint16_t)atoi(argv[1]), 30000000000ull);
	if (fd < 0)
		die("cannot connect:", strerror(-fd));
	make_stream();
	char *message = malloc(bytes + 64);
	size_t size = (size_t)sprintf(message, "PUB bench _INBOX.bench.p %u\r\n", bytes);
	memset(message + size, 'x', bytes);
	memcpy(message + size + bytes, "\r\n", 2);
	size += bytes + 2;
	histogram_init(&latency);
	uint64_t begin_ns = now_ns(), end_ns = begin_ns + (uint64_t)(atof(argv[4]) * 1e9);
	while (now_ns() < end_ns) {
		publish(message, size, window);
		take_answers();
	}
	double seconds = (double)(now_ns() - begin_ns) / 1e9;
	printf("%.3f %.1f %.1f\n", (double)answered * bytes / seconds / 1e6, (double)histogram_percentile(&latency, 50) / 1e3,
	       (double)histogram_percentile(&latency, 99) / 1e3);
	free(message);
}
