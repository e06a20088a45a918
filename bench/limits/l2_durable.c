/* L2: receive, check the CRC-32C, write to a pre-written O_DIRECT file, flush, answer. Requests that have
 * arrived form a group; while groups are written and flushed, the next ones are received.
 *
 * One thread, one ring. A request is received into a slot of aligned memory and written from there, so its
 * bytes are copied once, by the kernel. What is written is the whole slot up to the next 4 KiB, header and
 * all. The file is a ring of recycled blocks, as a journal is.
 *
 * l2_durable [PORT [DIRECTORY [GROUP_SLOTS [FLIGHTS]]]]   the file is unlinked at once */
#include "bench/limits/limit_uring.h"

#include <fcntl.h>
#include <sys/uio.h>

/* l2_growing.c is this program with a file of fresh blocks. */
#ifndef FILE_IS_FRESH
#define FILE_IS_FRESH false
#endif

#define FILE_BYTES (FILE_IS_FRESH ? 16ll << 30 : 256ll << 20) /* where the ring closes */
#define RESERVE_BYTES (1ll << 30)
#define BLOCK 4096u
#define SLOT_BYTES (1u << 20) /* the largest request */
#define SLOTS 512
#define GROUP_SLOTS_MAX 128
#define FLIGHTS_MAX 16
#define WRITE_BYTES_MAX (512u << 10) /* larger writes are cut by the kernel, on a slower path */

struct slot {
	uint8_t *memory;
	uint32_t size; /* of the request, when it is whole */
	struct connection *connection;
	struct limit_produce produce;
};

struct connection {
	int fd;
	struct slot *slot; /* being received */
	uint32_t received, expected;
	uint32_t answers_size;
	uint8_t answers[8192];
};

struct group {
	uint32_t count, writes_open;
	int64_t size, written;
	bool is_flushed;
	struct slot *slots[GROUP_SLOTS_MAX];
	struct iovec pieces[GROUP_SLOTS_MAX];
};

static int file;
static struct slot slots[SLOTS], *free_slots[SLOTS];
static uint32_t free_count, group_slots = 16, flights = 3;
static struct connection connections[LIMIT_CONNECTIONS_MAX];
static uint32_t connection_count; /* used so far */
static struct group groups[FLIGHTS_MAX + 1]; /* a ring: [oldest, filling) are in flight */
static uint64_t oldest, filling;
static int64_t file_end, reserved;

enum event { EVENT_ACCEPT = LIMIT_EVENT_ACCEPT, EVENT_RECEIVE, EVENT_WRITE, EVENT_FLUSH };

static struct group *group_at(uint64_t number)
{
	return &groups[number % (flights + 1)];
}

/* ---- receiving ------------------------------------------------------------------------------------- */

/* Asks for the rest of the request, or for as much as the last one had: requests of a run are all alike. */
static void receive(struct connection *connection)
{
	if (!connection->slot) {
		if (!free_count)
			return; /* until a group is durable */
		connection->slot = free_slots[--free_count];
		connection->slot->connection = connection;
		connection->received = 0;
	}
	struct io_uring_sqe *sqe = limit_prepare();
	io_uring_prep_recv(sqe, connection->fd, connection->slot->memory + connection->received,
			   connection->expected - connection->received, MSG_WAITALL);
	limit_tag(sqe, connection, EVENT_RECEIVE);
}

/* Waits if all groups are full or in flight: the ring of groups has one more than may fly. */
static bool append_to_group(struct slot *slot)
{
	struct group *group = group_at(filling);
	if (group->count == group_slots)
		return false;
	group->pieces[group->count] = (struct iovec){ slot->memory, align_up(slot->size + 4, BLOCK) };
	group->size += (int64_t)group->pieces[group->count].iov_len;
	group->slots[group->count++] = slot;
	return true;
}

/* True if a whole request was taken out of the connection's slot into the group. */
static bool take_request(struct connection *connection)
{
	struct slot *slot = connection->slot;
	if (!slot || connection->received < 4)
		return false;
	slot->size = load_be32(slot->memory);
	if (slot->size + 4 > SLOT_BYTES)
		limit_die("a request larger than a slot", 0);
	connection->expected = slot->size + 4;
	if (connection->received < connection->expected || !append_to_group(slot))
		return false;
	limit_parse(slot->memory + 4, slot->size, &slot->produce);
	uint32_t rest = connection->received - connection->expected;
	connection->slot = NULL;
	if (rest) {
		if (!free_count)
			limit_die("no slot for a request that was received with another", 0);
		connection->slot = free_slots[--free_count];
		connection->slot->connection = connection;
		memcpy(connection->slot->memory, slot->memory + connection->expected, rest);
	}
	connection->received = rest;
	return true;
}

/* Whether the connection waits for a group to take its request, not for bytes. */
static bool has_whole_request(const struct connection *connection)
{
	return connection->slot && connection->received >= 4 && connection->received >= connection->expected;
}

static void received(struct connection *connection, int result)
{
	if (result <= 0) {
		free_slots[free_count++] = connection->slot;
		connection->slot = NULL;
		close(connection->fd);
		connection->fd = 0;
		return;
	}
	connection->received += (uint32_t)result;
	while (take_request(connection))
		;
	if (!has_whole_request(connection))
		receive(connection);
}

static void accepted(int fd)
{
	struct connection *connection = connections;
	while (connection->fd)
		if (++connection == connections + LIMIT_CONNECTIONS_MAX)
			limit_die("too many connections", 0);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	*connection = (struct connection){ .fd = fd, .expected = 4 };
	if (connection >= connections + connection_count)
		connection_count = (uint32_t)(connection - connections) + 1;
	receive(connection);
}

/* ---- groups ---------------------------------------------------------------------------------------- */

static void write_pieces(struct group *group, uint32_t first, uint32_t count, int64_t position)
{
	struct io_uring_sqe *sqe = limit_prepare();
	io_uring_prep_writev(sqe, file, group->pieces + first, count, (uint64_t)position);
	limit_tag(sqe, group, EVENT_WRITE);
	group->writes_open++;
}

/* As a log does: room ahead, not blocks that were written. */
static void reserve_until(int64_t end)
{
	while (reserved < end) {
		if (fallocate(file, 0, reserved, RESERVE_BYTES))
			limit_die("cannot reserve", errno);
		reserved += RESERVE_BYTES;
	}
}

static void write_group(struct group *group)
{
	if (file_end + group->size > FILE_BYTES)
		file_end = 0;
	if (FILE_IS_FRESH)
		reserve_until(file_end + group->size);
	int64_t position = file_end, size = 0;
	uint32_t first = 0;
	for (uint32_t i = 0; i < group->count; i++) {
		if (size && size + (int64_t)group->pieces[i].iov_len > WRITE_BYTES_MAX) {
			write_pieces(group, first, i - first, position);
			position += size;
			first = i;
			size = 0;
		}
		size += (int64_t)group->pieces[i].iov_len;
	}
	write_pieces(group, first, group->count - first, position);
	file_end = position + size;
}

static void flush_group(struct group *group)
{
	struct io_uring_sqe *sqe = limit_prepare();
	io_uring_prep_fsync(sqe, file, IORING_FSYNC_DATASYNC);
	limit_tag(sqe, group, EVENT_FLUSH);
}

static void answer_group(struct group *group)
{
	for (uint32_t i = 0; i < group->count; i++) {
		struct slot *slot = group->slots[i];
		struct connection *connection = slot->connection;
		connection->answers_size += limit_answer(&slot->produce, connection->answers + connection->answers_size);
		if (connection->answers_size + LIMIT_ANSWER_MAX > sizeof connection->answers) {
			limit_send(connection->fd, connection->answers, connection->answers_size);
			connection->answers_size = 0;
		}
	}
	for (uint32_t i = 0; i < group->count; i++) {
		struct connection *connection = group->slots[i]->connection;
		if (connection->answers_size && connection->fd)
			limit_send(connection->fd, connection->answers, connection->answers_size);
		connection->answers_size = 0;
		free_slots[free_count++] = group->slots[i];
	}
	*group = (struct group){ 0 };
}

/* Takes a request that waited for a group or a slot, and asks for the next one. */
static void resume(struct connection *connection)
{
	bool waited = !connection->slot || has_whole_request(connection);
	while (take_request(connection))
		;
	if (waited && !has_whole_request(connection))
		receive(connection);
}

/* Answers leave in order, so a group that is durable waits for those before it. Each time another
 * connection is resumed first, or those at the end would starve. */
static void answer_durable_groups(void)
{
	static uint32_t first;
	while (oldest < filling && group_at(oldest)->is_flushed)
		answer_group(group_at(oldest++));
	first++;
	for (uint32_t i = 0; i < connection_count; i++) {
		struct connection *connection = &connections[(first + i) % connection_count];
		if (connection->fd)
			resume(connection);
	}
}

static void start_group(void)
{
	if (!group_at(filling)->count || filling - oldest == flights)
		return;
	write_group(group_at(filling));
	filling++;
}

/* ---- the loop --------------------------------------------------------------------------------------- */

static void complete(void *object, unsigned event, int result)
{
	struct group *group = object;
	switch ((enum event)event) {
	case EVENT_ACCEPT:
		return accepted(result);
	case EVENT_RECEIVE:
		return received(object, result);
	case EVENT_WRITE:
		if (result <= 0)
			limit_die("cannot write", -result);
		group->written += result;
		if (--group->writes_open)
			return;
		if (group->written != group->size)
			limit_die("a write was cut short", 0);
		return flush_group(group);
	case EVENT_FLUSH:
		if (result)
			limit_die("cannot flush", -result);
		group->is_flushed = true;
		return answer_durable_groups();
	}
}

static void prewrite(const uint8_t *memory)
{
	for (int pass = 0; pass < 2; pass++) /* twice: the steady state of recycled blocks */
		for (int64_t at = 0; at < FILE_BYTES; at += SLOT_BYTES)
			if (pwrite(file, memory, SLOT_BYTES, at) != SLOT_BYTES)
				limit_die("cannot write", errno);
}

static void make_file(const char *directory, const uint8_t *memory)
{
	file = open(directory, O_TMPFILE | O_RDWR | O_DIRECT | O_CLOEXEC, 0600);
	if (file < 0)
		limit_die("cannot make a file", errno);
	if (FILE_IS_FRESH)
		reserve_until(RESERVE_BYTES);
	else
		prewrite(memory);
	if (fsync(file))
		limit_die("cannot sync", errno);
}

int main(int argc, char **argv)
{
	uint8_t *memory = limit_memory((size_t)SLOTS * SLOT_BYTES);
	for (int i = SLOTS - 1; i >= 0; i--) {
		slots[i].memory = memory + (size_t)i * SLOT_BYTES;
		free_slots[free_count++] = &slots[i];
	}
	group_slots = argc > 3 ? (uint32_t)atoi(argv[3]) : group_slots;
	flights = argc > 4 ? (uint32_t)atoi(argv[4]) : flights;
	if (!group_slots || group_slots > GROUP_SLOTS_MAX || !flights || flights > FLIGHTS_MAX)
		limit_die("1 to 128 slots in a group and 1 to 16 groups in flight", 0);
	make_file(argc > 2 ? argv[2] : ".", memory);
	int listener = limit_listen(argc > 1 ? (uint16_t)atoi(argv[1]) : 0);
	limit_ring_open(listener);
	for (;;) {
		start_group();
		limit_ring_turn(complete);
	}
}
