/* L5: read a Fetch request, read what it asks for from an O_DIRECT file, send it. One thread, one ring: the
 * reads of all connections are under way together, each in pieces of 512 KiB, and are sent from the memory
 * they were read into. Every partition has the same file, but begins elsewhere in it, so that no two
 * connections read the same blocks at the same time.
 *
 * l5_cold [PORT [DIRECTORY]]   the file is unlinked at once */
#include "bench/limits/limit_fetch.h"
#include "bench/limits/limit_uring.h"

#include <fcntl.h>
#include <sys/uio.h>

#define FILE_BYTES (1ll << 30)
#define BATCHES ((uint64_t)(FILE_BYTES / LIMIT_BATCH_BYTES))
#define SPREAD 517u /* batches between the beginnings of two partitions */
#define ANSWER_BYTES_MAX (1u << 20)
#define READ_BYTES_MAX (512u << 10)
#define CONNECTIONS_MAX 128
#define BUFFER_BYTES 16384

struct connection {
	int fd;
	uint32_t received, reads_open, request_size;
	struct limit_fetch fetch;
	uint8_t *memory;
	struct iovec pieces[3];
	struct msghdr message;
	uint8_t head[LIMIT_FETCH_HEAD_MAX], buffer[BUFFER_BYTES];
};

enum event { EVENT_ACCEPT = LIMIT_EVENT_ACCEPT, EVENT_RECEIVE, EVENT_READ, EVENT_SEND };

static int file;
static struct connection connections[CONNECTIONS_MAX];

static void receive(struct connection *connection)
{
	struct io_uring_sqe *sqe = limit_prepare();
	io_uring_prep_recv(sqe, connection->fd, connection->buffer + connection->received, BUFFER_BYTES - connection->received, 0);
	limit_tag(sqe, connection, EVENT_RECEIVE);
}

/* The last batch of the file and the first are neighbours, but an answer ends between them. */
static uint32_t start_reads(struct connection *connection)
{
	uint64_t place = (connection->fetch.offset + connection->fetch.partition * SPREAD) % BATCHES;
	uint64_t count = connection->fetch.bytes_max / LIMIT_BATCH_BYTES;
	count = count > ANSWER_BYTES_MAX / LIMIT_BATCH_BYTES ? ANSWER_BYTES_MAX / LIMIT_BATCH_BYTES : count ? count : 1;
	if (count > BATCHES - place)
		count = BATCHES - place;
	if (count > BATCHES - connection->fetch.offset)
		count = BATCHES - connection->fetch.offset;
	uint32_t size = (uint32_t)count * LIMIT_BATCH_BYTES;
	for (uint32_t at = 0; at < size; at += READ_BYTES_MAX) {
		uint32_t piece = size - at < READ_BYTES_MAX ? size - at : READ_BYTES_MAX;
		struct io_uring_sqe *sqe = limit_prepare();
		io_uring_prep_read(sqe, file, connection->memory + at, piece, place * LIMIT_BATCH_BYTES + at);
		limit_tag(sqe, connection, EVENT_READ);
		connection->reads_open++;
	}
	return size;
}

/* Begins the request at the start of the buffer if it is whole, or asks for more of it. */
static void start_request(struct connection *connection)
{
	static uint8_t tail[LIMIT_FETCH_TAIL_BYTES];
	uint32_t size = connection->received < 4 ? 0 : load_be32(connection->buffer);
	if (size + 4 > BUFFER_BYTES)
		limit_die("a request larger than the buffer", 0);
	if (connection->received < size + 4 || !size)
		return receive(connection);
	limit_parse_fetch(connection->buffer + 4, size, &connection->fetch);
	connection->request_size = size + 4;
	connection->fetch.offset %= BATCHES;
	uint32_t records_size = start_reads(connection);
	uint32_t head_size = limit_fetch_head(&connection->fetch, BATCHES, records_size, connection->head);
	connection->pieces[0] = (struct iovec){ connection->head, head_size };
	connection->pieces[1] = (struct iovec){ connection->memory, records_size };
	connection->pieces[2] = (struct iovec){ tail, sizeof tail };
}

/* The offsets in the file are those of its places; a partition that begins elsewhere counts from 0. */
static void patch_offsets(struct connection *connection)
{
	uint32_t size = (uint32_t)connection->pieces[1].iov_len;
	for (uint32_t i = 0; i * LIMIT_BATCH_BYTES < size; i++)
		store_be64(connection->memory + i * LIMIT_BATCH_BYTES, connection->fetch.offset + i);
}

static void send_answer(struct connection *connection)
{
	patch_offsets(connection);
	connection->message = (struct msghdr){ .msg_iov = connection->pieces, .msg_iovlen = 3 };
	struct io_uring_sqe *sqe = limit_prepare();
	io_uring_prep_sendmsg(sqe, connection->fd, &connection->message, MSG_NOSIGNAL | MSG_WAITALL);
	limit_tag(sqe, connection, EVENT_SEND);
}

static void end_connection(struct connection *connection)
{
	close(connection->fd);
	connection->fd = connection->received = 0;
}

static void sent(struct connection *connection, int result)
{
	if (result <= 0)
		return end_connection(connection);
	connection->received -= connection->request_size;
	memmove(connection->buffer, connection->buffer + connection->request_size, connection->received);
	start_request(connection);
}

static void accepted(int fd)
{
	struct connection *connection = connections;
	while (connection->fd)
		if (++connection == connections + CONNECTIONS_MAX)
			limit_die("too many connections", 0);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	connection->fd = fd;
	if (!connection->memory)
		connection->memory = limit_memory(2 * ANSWER_BYTES_MAX);
	receive(connection);
}

static void complete(void *object, unsigned event, int result)
{
	struct connection *connection = object;
	switch ((enum event)event) {
	case EVENT_ACCEPT:
		return accepted(result);
	case EVENT_RECEIVE:
		if (result <= 0)
			return end_connection(connection);
		connection->received += (uint32_t)result;
		return start_request(connection);
	case EVENT_READ:
		if (result <= 0 || result % LIMIT_BATCH_BYTES)
			limit_die("cannot read", -result);
		if (--connection->reads_open == 0)
			send_answer(connection);
		return;
	case EVENT_SEND:
		return sent(connection, result);
	}
}

static void make_file(const char *directory)
{
	uint32_t piece = 16u << 20;
	uint8_t *memory = limit_memory(piece);
	file = open(directory, O_TMPFILE | O_RDWR | O_DIRECT | O_CLOEXEC, 0600);
	if (file < 0)
		limit_die("cannot make a file", errno);
	limit_fill_batches(memory, piece, 0);
	for (int64_t at = 0; at < FILE_BYTES; at += piece)
		if (pwrite(file, memory, piece, at) != (ssize_t)piece)
			limit_die("cannot write", errno);
	if (fsync(file))
		limit_die("cannot sync", errno);
	munmap(memory, piece);
}

int main(int argc, char **argv)
{
	make_file(argc > 2 ? argv[2] : ".");
	int listener = limit_listen(argc > 1 ? (uint16_t)atoi(argv[1]) : 0);
	limit_ring_open(listener);
	for (;;)
		limit_ring_turn(complete);
}
