/* L4: read a Fetch request, send what it asks for from warm memory. Each of 16 partitions has batches of its own,
 * 64 MiB together, as much as the experiment reads of a broker and more than the caches hold (of the same batches for all, what one connection was sent would be in the
 * caches for the next). One thread, one ring; an answer leaves
 * in one sendmsg, straight from where the batches lie, which the kernel goes on with by itself as the socket takes more. (With epoll, where the
 * thread begins again each time, it was slower than the broker that it is the limit of.)
 *
 * A socket's send buffer is bounded: as the kernel sizes it by itself (up to 4 MiB), what 16 connections have queued leaves the caches before it is received,
 * and the same program reads half as much (3.1 GB/s where it is 5.9).
 *
 * l4_fetch [PORT] */
#include "bench/limits/limit_fetch.h"
#include "bench/limits/limit_uring.h"

#include <sys/uio.h>

#define RING_BYTES (64u << 20)
#define PARTITIONS 16u
#define PARTITION_BYTES (RING_BYTES / PARTITIONS)
#define BATCHES (PARTITION_BYTES / LIMIT_BATCH_BYTES)
#define ANSWERS_MAX 1 /* several in one sendmsg are slower: what one connection is given fills the caches */
#define BUFFER_BYTES 16384
#define SEND_BUFFER_BYTES (512 << 10) /* the fastest of 64 KiB to 1 MiB */

struct answer {
	uint32_t head_size, records_size;
	const uint8_t *records;
	uint8_t head[LIMIT_FETCH_HEAD_MAX];
};

struct connection {
	int fd;
	uint32_t received, answers_count;
	struct answer answers[ANSWERS_MAX];
	struct iovec pieces[ANSWERS_MAX * 3];
	struct msghdr message;
	uint8_t buffer[BUFFER_BYTES];
};

enum event { EVENT_ACCEPT = LIMIT_EVENT_ACCEPT, EVENT_RECEIVE, EVENT_SEND };

static uint8_t *batches;

static void make_answer(const uint8_t *frame, uint32_t size, struct answer *answer)
{
	struct limit_fetch fetch;
	limit_parse_fetch(frame, size, &fetch);
	uint64_t first = fetch.offset < BATCHES ? fetch.offset : 0;
	uint64_t count = fetch.bytes_max / LIMIT_BATCH_BYTES ? fetch.bytes_max / LIMIT_BATCH_BYTES : 1;
	if (count > BATCHES - first)
		count = BATCHES - first;
	answer->records = batches + (size_t)(fetch.partition % PARTITIONS) * PARTITION_BYTES + first * LIMIT_BATCH_BYTES;
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

static void receive(struct connection *connection)
{
	struct io_uring_sqe *sqe = limit_prepare();
	io_uring_prep_recv(sqe, connection->fd, connection->buffer + connection->received, BUFFER_BYTES - connection->received, 0);
	limit_tag(sqe, connection, EVENT_RECEIVE);
}

static void send_answers(struct connection *connection)
{
	static const uint8_t tail[LIMIT_FETCH_TAIL_BYTES];
	struct iovec *piece = connection->pieces;
	for (uint32_t i = 0; i < connection->answers_count; i++) {
		const struct answer *answer = &connection->answers[i];
		*piece++ = (struct iovec){ (void *)answer->head, answer->head_size };
		*piece++ = (struct iovec){ (void *)answer->records, answer->records_size };
		*piece++ = (struct iovec){ (void *)tail, sizeof tail };
	}
	connection->message = (struct msghdr){ .msg_iov = connection->pieces, .msg_iovlen = 3 * (size_t)connection->answers_count };
	struct io_uring_sqe *sqe = limit_prepare();
	io_uring_prep_sendmsg(sqe, connection->fd, &connection->message, MSG_NOSIGNAL | MSG_WAITALL);
	limit_tag(sqe, connection, EVENT_SEND);
}

/* Either its answers are leaving, or it is listened to. */
static void go_on(struct connection *connection)
{
	take_requests(connection);
	if (connection->answers_count)
		send_answers(connection);
	else
		receive(connection);
}

static void accepted(int fd)
{
	struct connection *connection = calloc(1, sizeof *connection);
	if (!connection || fd < 0)
		limit_die("cannot accept", fd < 0 ? -fd : errno);
	connection->fd = fd;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &(int){ SEND_BUFFER_BYTES }, sizeof(int));
	receive(connection);
}

static void complete(void *object, unsigned event, int result)
{
	struct connection *connection = object;
	if (event == EVENT_ACCEPT)
		return accepted(result);
	if (result <= 0) {
		close(connection->fd);
		free(connection);
		return;
	}
	if (event == EVENT_RECEIVE)
		connection->received += (uint32_t)result;
	else
		connection->answers_count = 0;
	go_on(connection);
}

int main(int argc, char **argv)
{
	batches = limit_memory(RING_BYTES);
	for (size_t partition = 0; partition < PARTITIONS; partition++)
		limit_fill_batches(batches + partition * PARTITION_BYTES, PARTITION_BYTES, 0);
	int listener = limit_listen(argc > 1 ? (uint16_t)atoi(argv[1]) : 0);
	limit_ring_open(listener);
	for (;;)
		limit_ring_turn(complete);
}
