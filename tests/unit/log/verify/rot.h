/* For the verifier's tests: a data directory on a simulated disk, made by the store; its bytes changed one
 * by one; and what the verifier finds. */
#pragma once

#include <errno.h>

#include "log/verify/verify.h"
#include "tests/unit/log/store/world.h"

#define FOUND_MAX 64

struct found {
	enum finding_kind kind;
	char topic[64], file[128], what[512];
	int32_t partition;
	int64_t from, to, position_from, position_to;
};

struct verdict {
	int err;
	struct verify_report report;
	uint32_t count;
	struct found found[FOUND_MAX];
};

static inline void keep_finding(void *context, const struct finding *finding)
{
	struct verdict *verdict = context;
	cr_assert_lt(verdict->count, FOUND_MAX);
	struct found *found = &verdict->found[verdict->count++];
	*found = (struct found){
		.kind = finding->kind,
		.partition = finding->partition,
		.from = finding->from,
		.to = finding->to,
		.position_from = finding->position_from,
		.position_to = finding->position_to,
	};
	snprintf(found->topic, sizeof found->topic, "%s", finding->topic ? finding->topic : "");
	snprintf(found->file, sizeof found->file, "%s", finding->file);
	snprintf(found->what, sizeof found->what, "%s", finding->what);
}

/* An io on the world's disk while no store is open there. */
static inline struct io *rot_open(struct world *world)
{
	struct io *io;
	struct io_options options = {.backend = IO_SIM, .disk = world->disk, .seed = 1};
	cr_assert_eq(io_open(&io, &options), 0);
	return io;
}

static inline void rot_verify_dir(struct world *world, const char *dir, struct verdict *verdict)
{
	struct io *io = rot_open(world);
	struct verify_options options = {.dir = dir, .found = keep_finding, .context = verdict};
	*verdict = (struct verdict){0};
	verdict->err = verify_directory(io, &options, &verdict->report);
	io_close(io);
}

static inline void rot_verify(struct world *world, struct verdict *verdict)
{
	rot_verify_dir(world, "/", verdict);
}

static inline void rot_print(const struct verdict *verdict)
{
	for (uint32_t i = 0; i < verdict->count; i++) {
		const struct found *found = &verdict->found[i];
		fprintf(stderr, "    %s %s-%d [%ld, %ld) %s [%ld, %ld): %s\n", finding_kind_name(found->kind),
			found->topic, found->partition, (long)found->from,
			(long)found->to, found->file, (long)found->position_from, (long)found->position_to, found->what);
	}
}

/* ---- bytes --------------------------------------------------------------------------------------------- */

static inline uint8_t *rot_read(struct world *world, const char *path, size_t *size)
{
	struct io *io = rot_open(world);
	int fd = io_file_open(io, path, IO_READ_ONLY);
	cr_assert_geq(fd, 0, "%s: %s", path, err_name(fd));
	int64_t file_size = io_file_size(io, fd);
	uint8_t *data = malloc((size_t)file_size + 1);
	cr_assert_eq(io_file_read(io, fd, data, (size_t)file_size, 0), file_size);
	io_close_fd(io, fd);
	io_close(io);
	*size = (size_t)file_size;
	return data;
}

/* Replaces the whole file, or makes it. */
static inline void rot_write(struct world *world, const char *path, const void *data, size_t size)
{
	struct io *io = rot_open(world);
	int fd = io_file_open(io, path, IO_CREATE);
	cr_assert_geq(fd, 0, "%s: %s", path, err_name(fd));
	cr_assert_eq(io_file_truncate(io, fd, 0), 0);
	cr_assert_eq(io_file_write(io, fd, data, size, 0), (int64_t)size);
	cr_assert_eq(io_file_sync(io, fd), 0);
	io_close_fd(io, fd);
	io_close(io);
}

/* A file as it is now, to be put back later, which frees what was kept. */
struct rot_kept {
	uint8_t *bytes;
	size_t size;
};

static inline struct rot_kept rot_keep(struct world *world, const char *path)
{
	struct rot_kept kept;
	kept.bytes = rot_read(world, path, &kept.size);
	return kept;
}

static inline void rot_put_back(struct world *world, const char *path, struct rot_kept kept)
{
	rot_write(world, path, kept.bytes, kept.size);
	free(kept.bytes);
}

/* The files of a directory of one shard that know where its logs end, all of them. */
#define ROT_TOP_COUNT 4
static const char *const rot_top_files[ROT_TOP_COUNT] = {"//catalog.log", "//journal-0", "//checkpoint-0", "//checkpoint-0.copy"};

static inline void rot_keep_top(struct world *world, struct rot_kept top[ROT_TOP_COUNT])
{
	for (int i = 0; i < ROT_TOP_COUNT; i++)
		top[i] = rot_keep(world, rot_top_files[i]);
}

static inline void rot_put_back_top(struct world *world, const struct rot_kept top[ROT_TOP_COUNT])
{
	for (int i = 0; i < ROT_TOP_COUNT; i++)
		rot_put_back(world, rot_top_files[i], top[i]);
}

/* Is the checkpoint struck, its copy is gone: for the tests of what is done without either. */
static inline void rot_lose_copy(struct world *world, const char *path)
{
	if (!strstr(path, "/checkpoint-0") || strstr(path, ".copy"))
		return;
	struct io *io = rot_open(world);
	int err = io_unlink(io, "/checkpoint-0.copy");
	cr_assert(err == 0 || err == -ENOENT);
	cr_assert_eq(io_dir_sync(io, "/"), 0);
	io_close(io);
}

static inline void rot_flip(struct world *world, const char *path, size_t position, uint8_t bits)
{
	size_t size;
	uint8_t *data = rot_read(world, path, &size);
	cr_assert_lt(position, size);
	data[position] ^= bits;
	rot_write(world, path, data, size);
	free(data);
	rot_lose_copy(world, path);
}

static inline void rot_cut(struct world *world, const char *path, size_t size_new)
{
	size_t size;
	uint8_t *data = rot_read(world, path, &size);
	cr_assert_leq(size_new, size);
	rot_write(world, path, data, size_new);
	free(data);
}

static inline void rot_rename(struct world *world, const char *from, const char *to)
{
	struct io *io = rot_open(world);
	cr_assert_eq(io_rename(io, from, to), 0);
	io_close(io);
}

static inline void rot_unlink(struct world *world, const char *path)
{
	struct io *io = rot_open(world);
	cr_assert_eq(io_unlink(io, path), 0);
	io_close(io);
	rot_lose_copy(world, path);
}

/* ---- batches of a .log --------------------------------------------------------------------------------- */

struct place {
	size_t position, end;
	int64_t base_offset, next_offset;
};

/* Where the batch with the number `ordinal` lies; its end may be the file's. */
static inline struct place rot_batch(struct world *world, const char *path, uint32_t ordinal)
{
	size_t size, at = 0;
	uint8_t *data = rot_read(world, path, &size);
	struct batch batch = {0};
	for (uint32_t i = 0; i <= ordinal; i++) {
		at += batch.size_bytes;
		cr_assert_eq(batch_parse_checked((struct slice){data + at, size - at}, &batch), 0,
			     "%s has no batch %u", path, i);
	}
	free(data);
	return (struct place){at, at + batch.size_bytes, batch.base_offset, batch_next_offset(&batch)};
}

static inline uint32_t rot_batch_count(struct world *world, const char *path)
{
	size_t size;
	uint8_t *data = rot_read(world, path, &size);
	uint32_t count = 0;
	struct batch batch;
	for (size_t at = 0; at < size; at += batch.size_bytes, count++)
		cr_assert_eq(batch_parse_checked((struct slice){data + at, size - at}, &batch), 0);
	free(data);
	return count;
}
