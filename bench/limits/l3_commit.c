/* L3: one request outstanding: receive, check the CRC-32C, write to a pre-written O_DIRECT file with
 * RWF_DSYNC, answer. Blocking calls on one connection at a time, for there is nothing to overlap.
 *
 * l3_commit [PORT [DIRECTORY]]   the file is unlinked at once, so nothing stays behind */
#include "bench/limits/limit.h"

#include <fcntl.h>
#include <sys/uio.h>

#define FILE_BYTES (64 << 20)
#define FRAME_BYTES_MAX (1 << 20)
#define BLOCK 4096u

static uint8_t *frame;
static off_t position;

static int open_prewritten(const char *directory)
{
	int fd = open(directory, O_TMPFILE | O_RDWR | O_DIRECT | O_CLOEXEC, 0600);
	if (fd < 0)
		limit_die("cannot make a file", errno);
	for (int pass = 0; pass < 2; pass++) /* twice: the steady state of recycled blocks */
		for (off_t at = 0; at < FILE_BYTES; at += FRAME_BYTES_MAX)
			if (pwrite(fd, frame, FRAME_BYTES_MAX, at) != FRAME_BYTES_MAX)
				limit_die("cannot write", errno);
	if (fsync(fd))
		limit_die("cannot sync", errno);
	return fd;
}

static void write_durably(int file, size_t size)
{
	struct iovec piece = { frame, align_up(size, BLOCK) };
	if (position + (off_t)piece.iov_len > FILE_BYTES)
		position = 0;
	if (pwritev2(file, &piece, 1, position, RWF_DSYNC) != (ssize_t)piece.iov_len)
		limit_die("cannot write", errno);
	position += (off_t)piece.iov_len;
}

static bool receive(int fd, size_t *have, size_t want)
{
	while (*have < want) {
		ssize_t got = recv(fd, frame + *have, FRAME_BYTES_MAX - *have, 0);
		if (got <= 0)
			return false;
		*have += (size_t)got;
	}
	return true;
}

static void serve(int fd, int file)
{
	uint8_t answer[LIMIT_ANSWER_MAX];
	struct limit_produce produce;
	size_t have = 0;
	while (receive(fd, &have, 4)) {
		size_t size = load_be32(frame) + (size_t)4;
		if (size > FRAME_BYTES_MAX)
			limit_die("a request larger than the buffer", 0);
		if (!receive(fd, &have, size))
			return;
		limit_parse(frame + 4, (uint32_t)size - 4, &produce);
		write_durably(file, size);
		limit_send(fd, answer, limit_answer(&produce, answer));
		memmove(frame, frame + size, have -= size);
	}
}

int main(int argc, char **argv)
{
	frame = limit_memory(FRAME_BYTES_MAX);
	int file = open_prewritten(argc > 2 ? argv[2] : ".");
	int listener = limit_listen(argc > 1 ? (uint16_t)atoi(argv[1]) : 0);
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
		serve(fd, file);
		close(fd);
	}
}
