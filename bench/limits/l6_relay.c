/* L6: a batch comes from a producer and goes to the consumers that wait for it: receive, check the CRC-32C,
 * keep it in memory, answer the producer, answer every parked Fetch with it. One partition, nothing durable:
 * what is measured is two wake-ups. Blocking sends, epoll on one thread.
 *
 * Batches of a run are all alike, so the one that holds an offset is found by a division. The last 256 are kept.
 *
 * l6_relay [PORT] */
#include "bench/limits/limit_fetch.h"

#include <sys/epoll.h>
#include <sys/uio.h>

#define BUFFER_BYTES (1 << 20)
#define KEPT 256u
#define ANSWER_BATCHES_MAX 16u
#define SILENCE_MS 100 /* after which who waits is told that there is nothing */

struct connection {
	int fd; /* 0: free */
	bool is_parked;
	struct limit_fetch fetch;
	uint8_t topic[256]; /* what `fetch` of a parked one points to */
	size_t received;
	uint8_t *buffer;
};

static struct connection connections[LIMIT_CONNECTIONS_MAX];
static uint32_t connection_count; /* used so far */
static uint8_t *kept[KEPT];
static uint32_t batch_size, batch_records;
static uint64_t batch_count;

static void keep(const struct limit_produce *produce)
{
	if (!batch_size) {
		batch_size = produce->batch_size;
		batch_records = load_be32(produce->batch + 57);
		for (uint32_t i = 0; i < KEPT; i++)
			kept[i] = limit_memory(batch_size);
	}
	if (produce->batch_size != batch_size)
		limit_die("batches of several sizes", 0);
	uint8_t *place = kept[batch_count % KEPT];
	memcpy(place, produce->batch, batch_size);
	store_be64(place, batch_count++ * batch_records); /* its base offset, which the CRC does not cover */
}

/* Answers the Fetch if what it waits for is there, or if it has waited long enough; otherwise it stays parked. */
static void answer_fetch(struct connection *connection, bool is_over)
{
	static uint8_t head[LIMIT_FETCH_HEAD_MAX], tail[LIMIT_FETCH_TAIL_BYTES];
	uint64_t first = batch_records ? connection->fetch.offset / batch_records : 0;
	connection->is_parked = first >= batch_count && !is_over;
	if (connection->is_parked)
		return;
	if (first + KEPT < batch_count)
		limit_die("a consumer that fell behind what is kept", 0);
	struct iovec pieces[ANSWER_BATCHES_MAX + 2];
	int count = 1;
	for (uint64_t i = first; i < batch_count && count <= (int)ANSWER_BATCHES_MAX; i++)
		pieces[count++] = (struct iovec){ kept[i % KEPT], batch_size };
	uint32_t head_size = limit_fetch_head(&connection->fetch, batch_count * batch_records, (uint32_t)(count - 1) * batch_size, head);
	pieces[0] = (struct iovec){ head, head_size };
	pieces[count++] = (struct iovec){ tail, sizeof tail };
	if (writev(connection->fd, pieces, count) < 0 && errno != EPIPE && errno != ECONNRESET)
		limit_die("cannot send", errno);
}

static void answer_parked(bool is_over)
{
	for (uint32_t i = 0; i < connection_count; i++)
		if (connections[i].fd && connections[i].is_parked)
			answer_fetch(&connections[i], is_over);
}

/* The batch goes to the consumers first: that is what is timed. */
static void relay(struct connection *producer, const uint8_t *frame, uint32_t size)
{
	struct limit_produce produce;
	uint8_t answer[LIMIT_ANSWER_MAX];
	limit_parse(frame, size, &produce);
	keep(&produce);
	answer_parked(false);
	limit_send(producer->fd, answer, limit_answer(&produce, answer));
}

static void park(struct connection *connection, const uint8_t *frame, uint32_t size)
{
	limit_parse_fetch(frame, size, &connection->fetch);
	if (connection->fetch.topic_size > sizeof connection->topic)
		limit_die("a topic's name that is too long", 0);
	memcpy(connection->topic, connection->fetch.topic, connection->fetch.topic_size);
	connection->fetch.topic = connection->topic;
	answer_fetch(connection, false);
}

static void take_requests(struct connection *connection)
{
	size_t at = 0;
	while (connection->received - at >= 4) {
		uint32_t size = load_be32(connection->buffer + at);
		if (size + (size_t)4 > BUFFER_BYTES)
			limit_die("a request larger than the buffer", 0);
		if (connection->received - at < size + (size_t)4)
			break;
		const uint8_t *frame = connection->buffer + at + 4;
		if (limit_is_fetch(frame))
			park(connection, frame, size);
		else
			relay(connection, frame, size);
		at += size + (size_t)4;
	}
	connection->received -= at;
	memmove(connection->buffer, connection->buffer + at, connection->received);
}

static void receive(struct connection *connection)
{
	ssize_t got = recv(connection->fd, connection->buffer + connection->received, BUFFER_BYTES - connection->received, 0);
	if (got <= 0) {
		close(connection->fd);
		connection->fd = 0;
		return;
	}
	connection->received += (size_t)got;
	take_requests(connection);
}

static void take_connection(int epoll, int listener)
{
	struct connection *connection = connections;
	while (connection->fd)
		if (++connection == connections + LIMIT_CONNECTIONS_MAX)
			limit_die("too many connections", 0);
	if (connection == connections + connection_count)
		connection_count++;
	connection->fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	connection->is_parked = false;
	connection->received = 0;
	if (!connection->buffer)
		connection->buffer = limit_memory(BUFFER_BYTES);
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = connection };
	if (connection->fd < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, connection->fd, &event))
		limit_die("cannot accept", errno);
	setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
}

int main(int argc, char **argv)
{
	int listener = limit_listen(argc > 1 ? (uint16_t)atoi(argv[1]) : 0), epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event events[64] = { { .events = EPOLLIN } };
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, events))
		limit_die("epoll", errno);
	for (;;) {
		int count = epoll_wait(epoll, events, 64, SILENCE_MS);
		if (count == 0)
			answer_parked(true);
		for (int i = 0; i < count; i++)
			if (events[i].data.ptr)
				receive(events[i].data.ptr);
			else
				take_connection(epoll, listener);
	}
}
