/* L7: 4 KiB to each of N partitions, made durable with one flush of one journal: check each batch's CRC-32C,
 * write all of them behind one another to a pre-written O_DIRECT file (512 KiB a write, all in flight), flush.
 * No network: what is timed is a round, and what is printed is its size and time.
 *
 * l7_spread [DIRECTORY [N...]]   prints "N p50_us p99_us" for each N (1 10 100 1000 10000) */
#include "bench/limits/limit.h"

#include <fcntl.h>
#include <liburing.h>
#include <time.h>

#define FILE_BYTES (256ll << 20)
#define BATCH_BYTES 4096u
#define PARTITIONS_MAX 16384u
#define WRITE_BYTES_MAX (512u << 10)
#define ROUNDS_MAX 2000u
#define ROUNDS_NS 700000000ull

static struct io_uring ring;
static int file;
static uint8_t *batches;
static int64_t file_end;

static uint64_t now_ns(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void make_batches(void)
{
	batches = limit_memory((size_t)PARTITIONS_MAX * BATCH_BYTES);
	for (uint32_t i = 0; i < PARTITIONS_MAX; i++) {
		uint8_t *batch = batches + (size_t)i * BATCH_BYTES;
		for (uint32_t j = 0; j < BATCH_BYTES; j++)
			batch[j] = (uint8_t)((i + j) * 2654435761u >> 24);
		store_be32(batch + 17, ~crc32_iscsi(batch + 21, BATCH_BYTES - 21, ~0u));
	}
}

static void open_prewritten(const char *directory)
{
	file = open(directory, O_TMPFILE | O_RDWR | O_DIRECT | O_CLOEXEC, 0600);
	if (file < 0)
		limit_die("cannot make a file", errno);
	for (int pass = 0; pass < 2; pass++) /* twice: the steady state of recycled blocks */
		for (int64_t at = 0; at < FILE_BYTES; at += 1 << 20)
			if (pwrite(file, batches, 1 << 20, at) != 1 << 20)
				limit_die("cannot write", errno);
	if (fsync(file))
		limit_die("cannot sync", errno);
}

/* `size` is what they write together. */
static void wait_for(uint32_t count, uint32_t size)
{
	uint32_t written = 0;
	int err = io_uring_submit_and_wait(&ring, count);
	if (err < 0)
		limit_die("ring", -err);
	while (count--) {
		struct io_uring_cqe *cqe;
		if (io_uring_wait_cqe(&ring, &cqe) || cqe->res < 0)
			limit_die("cannot write", -cqe->res);
		written += (uint32_t)cqe->res;
		io_uring_cqe_seen(&ring, cqe);
	}
	if (written != size)
		limit_die("a write was cut short", 0);
}

static void commit_round(uint32_t partitions)
{
	uint32_t size = partitions * BATCH_BYTES, writes = 0;
	if (file_end + size > FILE_BYTES)
		file_end = 0;
	for (uint32_t at = 0; at < size; at += WRITE_BYTES_MAX, writes++) {
		uint32_t piece = size - at < WRITE_BYTES_MAX ? size - at : WRITE_BYTES_MAX;
		for (uint32_t i = at; i < at + piece; i += BATCH_BYTES)
			if (~crc32_iscsi(batches + i + 21, BATCH_BYTES - 21, ~0u) != load_be32(batches + i + 17))
				limit_die("a batch that fails its CRC", 0);
		io_uring_prep_write(io_uring_get_sqe(&ring), file, batches + at, piece, (uint64_t)file_end + at);
		io_uring_submit(&ring);
	}
	wait_for(writes, size);
	io_uring_prep_fsync(io_uring_get_sqe(&ring), file, IORING_FSYNC_DATASYNC);
	wait_for(1, 0);
	file_end += size;
}

static int compare_u64(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
	return (a > b) - (a < b);
}

static void measure(uint32_t partitions)
{
	static uint64_t rounds[ROUNDS_MAX];
	uint32_t count = 0;
	if (!partitions || partitions > PARTITIONS_MAX)
		limit_die("1 to 16384 partitions", 0);
	for (uint64_t begin = now_ns(), end = begin; count < ROUNDS_MAX && end < begin + ROUNDS_NS; count++) {
		uint64_t start = end;
		commit_round(partitions);
		end = now_ns();
		rounds[count] = end - start;
	}
	qsort(rounds, count, sizeof *rounds, compare_u64);
	printf("%u %.1f %.1f\n", partitions, (double)rounds[count / 2] / 1e3, (double)rounds[count * 99 / 100] / 1e3);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static const uint32_t usual[] = { 1, 10, 100, 1000, 10000 };
	int err = io_uring_queue_init(256, &ring, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
	if (err)
		limit_die("io_uring", -err);
	make_batches();
	open_prewritten(argc > 1 ? argv[1] : ".");
	for (int i = 2; i < argc; i++)
		measure((uint32_t)atoi(argv[i]));
	for (size_t i = 0; argc <= 2 && i < COUNT_OF(usual); i++)
		measure(usual[i]);
}
