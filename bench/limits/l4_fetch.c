/* L4: read a Fetch request, send what it asks for from warm memory. Every partition has the same batches:
 * 64 MiB of them, as much as the experiment reads of a broker and more than the caches hold. epoll on one thread; the answers of a connection leave together
 * in one sendmsg, straight from where the batches lie.
 *
 * l4_fetch [PORT] */
#include "bench/limits/limit_fetch.h"

#include <sys/epoll.h>
#include <sys/uio.h>

#define RING_BYTES (64u << 20)
#define BATCHES (RING_BYTES / LIMIT_BATCH_BYTES)
#define ANSWERS_MAX 16
#define BUFFER_BYTES 16384

struct answer {
	uint32_t head_size, records_size;
	const uint8_t *records;
	uint8_t head[LIMIT_FETCH_HEAD_MAX];
};

struct connection {
	int fd;
	uint32_t received, answers_count;
	size_t sent; /* bytes of the answers that are gone */
	struct answer answers[ANSWERS_MAX];
	uint8_t buffer[BUFFER_BYTES];
};

static uint8_t *ring;

static void make_answer(const uint8_t *frame, uint32_t size, struct answer *answer)
{
	struct limit_fetch fetch;
	limit_parse_fetch(frame, size, &fetch);
	uint64_t first = fetch.offset < BATCHES ? fetch.offset : 0;
	uint64_t count = fetch.bytes_max / LIMIT_BATCH_BYTES ? fetch.bytes_max / LIMIT_BATCH_BYTES : 1;
	if (count > BATCHES - first)
		count = BATCHES - first;
	answer->records = ring + first * LIMIT_BATCH_BYTES;
	answer->records_size = (uint32_t)count * LIMIT_BATCH_BYTES;
	answer->head_size = limit_fetch_head(&fetch, BATCHES, answer->records_size, answer->head);
}

/* Answers the whole requests in the buffer, as far as there is room for answers. */
static void take_requests(struct connection *connection)
{
	uint32_t at = 0;
	while (connection->answers_count < ANSWERS_MAX && connection->received - at >= 4) {
		uint32_t size = load_be32(connection->buffer + at);
		if (size + 4 > BUFFER_BYTES)
			limit_die("a request larger than the buffer", 0);
		if (connection->received - at < size + 4)
			break;
		make_answer(connection->buffer + at + 4, size, &connection->answers[connection->answers_count++]);
		at += size + 4;
	}
	connection->received -= at;
	memmove(connection->buffer, connection->buffer + at, connection->received);
}

static size_t collect(struct connection *connection, struct iovec *pieces)
{
	static const uint8_t tail[LIMIT_FETCH_TAIL_BYTES];
	size_t count = 0, skip = connection->sent;
	for (uint32_t i = 0; i < connection->answers_count; i++) {
		const struct answer *answer = &connection->answers[i];
		const struct iovec parts[] = { { (void *)answer->head, answer->head_size },
					       { (void *)answer->records, answer->records_size },
					       { (void *)tail, sizeof tail } };
		for (int j = 0; j < 3; j++) {
			size_t gone = skip < parts[j].iov_len ? skip : parts[j].iov_len;
			skip -= gone;
			if (gone < parts[j].iov_len)
				pieces[count++] = (struct iovec){ (uint8_t *)parts[j].iov_base + gone, parts[j].iov_len - gone };
		}
	}
	return count;
}

static void drop_sent(struct connection *connection)
{
	uint32_t done = 0;
	for (; done < connection->answers_count; done++) {
		const struct answer *answer = &connection->answers[done];
		size_t size = answer->head_size + answer->records_size + LIMIT_FETCH_TAIL_BYTES;
		if (connection->sent < size)
			break;
		connection->sent -= size;
	}
	connection->answers_count -= done;
	memmove(connection->answers, connection->answers + done, connection->answers_count * sizeof *connection->answers);
}

/* False when the socket is full or gone. */
static bool send_answers(struct connection *connection)
{
	while (connection->answers_count) {
		struct iovec pieces[ANSWERS_MAX * 3];
		struct msghdr message = { .msg_iov = pieces, .msg_iovlen = collect(connection, pieces) };
		ssize_t sent = sendmsg(connection->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0)
			return false;
		connection->sent += (size_t)sent;
		drop_sent(connection);
	}
	return true;
}

/* Edge-triggered: goes on until the socket has nothing more, or takes nothing more. */
static void serve(struct connection *connection)
{
	while (send_answers(connection)) {
		ssize_t got = recv(connection->fd, connection->buffer + connection->received, BUFFER_BYTES - connection->received,
				   MSG_DONTWAIT);
		if (got < 0 && errno == EAGAIN)
			return;
		if (got <= 0) {
			close(connection->fd);
			free(connection);
			return;
		}
		connection->received += (uint32_t)got;
		take_requests(connection);
	}
}

static void take_connection(int epoll, int listener)
{
	struct connection *connection = calloc(1, sizeof *connection);
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = connection };
	if (!connection || (connection->fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) < 0 ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, connection->fd, &event))
		limit_die("cannot accept", errno);
	setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
}

int main(int argc, char **argv)
{
	ring = limit_memory(RING_BYTES);
	limit_fill_batches(ring, RING_BYTES, 0);
	int listener = limit_listen(argc > 1 ? (uint16_t)atoi(argv[1]) : 0), epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event events[64] = { { .events = EPOLLIN } };
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, events))
		limit_die("epoll", errno);
	for (;;) {
		int count = epoll_wait(epoll, events, 64, -1);
		for (int i = 0; i < count; i++)
			if (events[i].data.ptr)
				serve(events[i].data.ptr);
			else
				take_connection(epoll, listener);
	}
}
