/* What the tests of the seam share: an io of each backend, an operation that remembers how it ended, and a
 * directory that is there for one test. */
#pragma once

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "log/io/io.h"
#include "log/io/sim.h"

#define TURNS_MAX 100000

/* An operation and how often and with what it ended. */
struct probe {
	struct io_op op;
	int calls;
	int32_t result;
	bool is_more;
	uint8_t *buffer;
	uint16_t buffer_id;
};

static inline void probe_done(struct io_op *op)
{
	struct probe *probe = CONTAINER_OF(op, struct probe, op);
	probe->calls++;
	probe->result = op->result;
	probe->is_more = op->is_more;
	probe->buffer = op->buffer;
	probe->buffer_id = op->buffer_id;
}

static inline struct io_op *probe_op(struct probe *probe)
{
	if (!probe->op.is_in_flight)
		*probe = (struct probe){.op.done = probe_done};
	return &probe->op;
}

static inline void turn_until(struct io *io, const int *calls, int wanted)
{
	for (int i = 0; i < TURNS_MAX && *calls < wanted; i++)
		cr_assert_geq(io_turn(io, true), 0);
	cr_assert_geq(*calls, wanted, "the operation did not end");
}

static inline int32_t finish(struct io *io, struct probe *probe)
{
	turn_until(io, &probe->calls, 1);
	return probe->result;
}

/* Opens an io on a disk that outlives it. */
static inline struct io *power_on(struct sim_disk *disk, uint64_t seed)
{
	struct io_options options = {.backend = IO_SIM, .seed = seed, .disk = disk};
	struct io *io;
	cr_assert_eq(io_open(&io, &options), 0);
	return io;
}

static inline int create_durably(struct io *io, const char *path)
{
	int fd = io_file_open(io, path, IO_CREATE);
	cr_assert_geq(fd, 0);
	cr_assert_eq(io_dir_sync(io, "/"), 0);
	return fd;
}

static inline int32_t write_now(struct io *io, int fd, const void *data, size_t size, uint64_t position, uint32_t flags)
{
	struct probe p = {0};
	struct iovec piece = {(void *)data, size};
	io_write(io, probe_op(&p), fd, &piece, 1, position, flags);
	return finish(io, &p);
}

struct fixture {
	struct io *io;
	struct sim_disk *disk;
	char dir[128];
};

static inline void fixture_open_with(struct fixture *f, struct io_options options)
{
	*f = (struct fixture){0};
	if (options.backend == IO_SIM) {
		f->disk = sim_disk_open(1);
		options.disk = f->disk;
		options.seed = 1;
	}
	cr_assert_eq(io_open(&f->io, &options), 0);
	if (options.backend == IO_SIM) {
		snprintf(f->dir, sizeof(f->dir), "/dir");
		cr_assert_eq(io_dir_make(f->io, f->dir), 0);
		return;
	}
	const char *base = getenv("TMPDIR");
	snprintf(f->dir, sizeof(f->dir), "%s/spate-io-XXXXXX", base ? base : "/tmp");
	cr_assert(mkdtemp(f->dir));
}

static inline void fixture_open(struct fixture *f, enum io_backend backend)
{
	fixture_open_with(f, (struct io_options){.backend = backend});
}

static inline void fixture_close(struct fixture *f)
{
	io_close(f->io);
	sim_disk_close(f->disk);
	if (f->disk)
		return;
	char command[256];
	snprintf(command, sizeof(command), "rm -rf '%s'", f->dir);
	cr_assert_eq(system(command), 0);
}

/* Static storage, good until the fourth call after. */
static inline const char *fixture_path(struct fixture *f, const char *name)
{
	static char paths[4][256];
	static unsigned next;
	char *path = paths[next++ % 4];
	snprintf(path, sizeof(paths[0]), "%s/%s", f->dir, name);
	return path;
}

/* Deterministic bytes that differ from place to place. */
static inline void fill(uint8_t *data, size_t size, uint32_t seed)
{
	uint32_t x = seed * 2654435761u + 1;
	for (size_t i = 0; i < size; i++) {
		x = x * 1664525u + 1013904223u;
		data[i] = (uint8_t)(x >> 24);
	}
}
