/* L9: reads a file with O_DIRECT, 512 KiB a read and eight in flight, and takes the CRC-32C of all bytes in
 * order: the floor of a recovery. What is printed: bytes, microseconds, CRC.
 *
 * l9_scan FILE [BYTES]   the first BYTES of it (all) */
#include "bench/limits/limit.h"

#include <fcntl.h>
#include <liburing.h>
#include <sys/stat.h>
#include <time.h>

#define READ_BYTES (512u << 10)
#define READS 8u

static struct io_uring ring;
static uint8_t *memory;
static uint64_t total;
static uint32_t crc = ~0u;

static uint64_t now_ns(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void start_read(int fd, uint64_t number)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
	io_uring_prep_read(sqe, fd, memory + number % READS * READ_BYTES, READ_BYTES, number * READ_BYTES);
	sqe->user_data = number;
	io_uring_submit(&ring);
}

/* Reads end in any order, and their bytes are taken in order. */
static void scan(int fd, uint64_t size)
{
	uint64_t count = (size + READ_BYTES - 1) / READ_BYTES, started = 0, done = 0;
	int results[READS];
	bool is_there[READS] = { false };
	for (; started < count && started < READS; started++)
		start_read(fd, started);
	while (done < count) {
		struct io_uring_cqe *cqe;
		if (io_uring_wait_cqe(&ring, &cqe) || cqe->res < 0)
			limit_die("cannot read", -cqe->res);
		results[cqe->user_data % READS] = cqe->res;
		is_there[cqe->user_data % READS] = true;
		io_uring_cqe_seen(&ring, cqe);
		for (; done < count && is_there[done % READS]; done++) {
			is_there[done % READS] = false;
			crc = crc32_iscsi(memory + done % READS * READ_BYTES, results[done % READS], crc);
			total += (uint64_t)results[done % READS];
			if (started < count)
				start_read(fd, started++);
		}
	}
}

int main(int argc, char **argv)
{
	struct stat status;
	memory = limit_memory(READS * READ_BYTES);
	int err = io_uring_queue_init(64, &ring, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
	int fd = argc > 1 ? open(argv[1], O_RDONLY | O_DIRECT | O_CLOEXEC) : -1;
	if (err || fd < 0 || fstat(fd, &status))
		limit_die("cannot open the file or the ring", err ? -err : errno);
	uint64_t size = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)status.st_size;
	uint64_t begin = now_ns();
	scan(fd, size < (uint64_t)status.st_size ? size : (uint64_t)status.st_size);
	printf("%llu %.1f %08x\n", (unsigned long long)total, (double)(now_ns() - begin) / 1e3, ~crc);
}
