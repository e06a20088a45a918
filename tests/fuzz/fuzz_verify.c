/* Fuzzes the check of a data directory (log/verify): each of its files may hold any bytes. The input is a
 * list of files, each with a kind, a size and its bytes; checksums are set right half of the time, so that
 * the fuzzer gets past them. The check must end, with the same findings when it is done again, and
 * positions and offsets of findings must be ranges. */
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#include "log/batch/batch.h"
#include "log/base/check.h"
#include "log/io/io.h"
#include "log/io/sim.h"
#include "log/verify/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const files[] = {
	"/t-0/00000000000000000000.log",
	"/t-0/00000000000000000000.index",
	"/t-0/00000000000000000000.timeindex",
	"/t-0/00000000000000000000.seal",
	"/t-0/00000000000000000000.snapshot",
	"/t-0/00000000000000000010.log",
	"/t-0/00000000000000000010.seal",
	"/t-0/leader-epoch-checkpoint",
	"/t-0/partition.metadata",
	"/checkpoint-0",
	"/catalog.log",
	"/meta.properties",
};

/* ---- bytes with sound checksums ------------------------------------------------------------------------ */

static void stamp_batches(uint8_t *bytes, size_t size)
{
	struct batch batch;
	for (size_t at = 0; batch_parse_header((struct slice){bytes + at, size - at}, &batch) == 0 &&
	     batch.size_bytes <= size - at; at += batch.size_bytes)
		batch_stamp_crc(bytes + at, batch.size_bytes);
}

static void stamp_end(uint8_t *bytes, size_t size)
{
	if (size >= 8)
		store_le64(bytes + size - 8, XXH3_64bits(bytes, size - 8));
}

static void put_file(struct io *io, const char *path, uint8_t *bytes, size_t size, bool is_stamped)
{
	if (is_stamped && strstr(path, ".log") && path[1] == 't')
		stamp_batches(bytes, size);
	if (is_stamped && (strstr(path, ".seal") || strstr(path, "checkpoint-0")))
		stamp_end(bytes, size);
	int fd = io_file_open(io, path, IO_CREATE);
	CHECK(fd >= 0 && io_file_write(io, fd, bytes, size, 0) == (int64_t)size);
	io_close_fd(io, fd);
}

/* ---- the check ----------------------------------------------------------------------------------------- */

struct sum {
	uint64_t count, hash;
};

static void take_finding(void *context, const struct finding *finding)
{
	struct sum *sum = context;
	sum->count++;
	sum->hash = XXH3_64bits_withSeed(finding->what, strlen(finding->what),
					 sum->hash ^ (uint64_t)finding->from ^ (uint64_t)finding->position_to);
	CHECK(finding->file && finding->kind < finding_kind_count);
	CHECKF(finding->position_to >= finding->position_from, "%s [%ld, %ld)", finding->what,
	       (long)finding->position_from, (long)finding->position_to);
	CHECKF(finding->to == NOWHERE || finding->to >= finding->from, "%s: offsets [%ld, %ld)",
	       finding->what, (long)finding->from, (long)finding->to);
}

static struct sum check(struct io *io)
{
	struct sum sum = {0};
	struct verify_options options = {.dir = "/", .found = take_finding, .context = &sum};
	struct verify_report report;
	int err = verify_directory(io, &options, &report);
	CHECKF(err == 0, "%s", err_name(err));
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sim_disk *disk = sim_disk_open(1);
	struct io *io;
	struct io_options options = {.backend = IO_SIM, .disk = disk, .seed = 1};
	CHECK(io_open(&io, &options) == 0 && io_dir_make(io, "/t-0") == 0);
	while (size > 4) {
		size_t file_size = load_le16(data + 2);
		file_size = file_size < size - 4 ? file_size : size - 4;
		uint8_t *bytes = malloc(file_size + 1);
		memcpy(bytes, data + 4, file_size);
		put_file(io, files[data[0] % COUNT_OF(files)], bytes, file_size, data[1] & 1);
		free(bytes);
		data += 4 + file_size;
		size -= 4 + file_size;
	}
	struct sum first = check(io), second = check(io);
	CHECK(first.count == second.count && first.hash == second.hash);
	io_close(io);
	sim_disk_close(disk);
	return 0;
}
