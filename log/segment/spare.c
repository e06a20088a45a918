/* Happy path of a file, one after the other, and none of it waited for:
 *   - it is renamed, and both directories are synced: from here on no crash brings it back where it was, so that nobody finds there what comes next;
 *   - it is opened, and is a regular file with one name that nobody else has open (a reader that is under way, somebody's backup, a hard link: they go on with
 *     what they have, and the file is removed as ever);
 *   - it is zeroed (FALLOC_FL_ZERO_RANGE: its blocks stay, marked unwritten) up to the size that its segment was to have, and that is synced;
 *   - from then on a segment may take it, by a rename. Was it changed meanwhile, by whomever, it is removed instead.
 *
 * What a crash leaves: a file under either name, in any state. Under the old one it is a file before the log start, whose content nobody asks for; under its own here
 * the next start zeroes it again, as nothing but this life's memory says that it was. Under the segment's, with its name not yet durable: nothing counts on it, the journal has
 * what was written there, and a start that finds it here again zeroes it.
 *
 * Failure modes: a file system that cannot zero, or cannot rename so, has no spares in this life. A sync or a rename that fails, no room, no memory, no descriptor: the
 * file is removed. A sync that failed here says nothing of anybody's records. What stands in a spare's name and is no such file stays, and the name is not used. */
#include "log/segment/spare.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log/base/check.h"
#include "log/base/err.h"

#define SPARES_MAX 16u                 /* names that each start looks for */
#define SIZE_MIN_DEFAULT (1u << 20)
#define PATH_SIZE 4096
#define BLOCK_SIZE 4096u

enum spare_state {
	SPARE_NONE,
	SPARE_UNREADY,
	SPARE_READY,
	SPARE_GIVEN_UP, /* removed while it was made ready, and open until that ends */
	SPARE_ANOTHERS,
};
enum spare_step { STEP_IDLE, STEP_TOP_SYNC, STEP_DIR_SYNC, STEP_ZERO, STEP_SYNC };

struct spare {
	enum spare_state state;
	char *dir;               /* where it was; NULL: not known */
	uint64_t size_bytes;     /* that it has, or is to have */
	int64_t changed_ns;      /* when it was ready */
};

struct spares {
	struct io *io;
	const char *dir;
	uint32_t shard;
	uint64_t bytes_max, size_bytes_min;
	bool cannot;             /* the file system refuses */
	bool is_open;            /* what an earlier life has left is known, and nothing was stopped since */
	struct spare files[SPARES_MAX];
	struct spare *at;        /* the one that `op` is for */
	enum spare_step step;
	int fd;                  /* of it; -1 = not open */
	struct io_op op;
};

static void name_of(const struct spares *spares, const struct spare *spare, char *out, size_t size)
{
	snprintf(out, size, "%s/spare-%u.%u", spares->dir, spares->shard, (unsigned)(spare - spares->files));
}

static void forget(struct spare *spare)
{
	free(spare->dir);
	*spare = (struct spare){0};
}

static void close_fd(struct spares *spares)
{
	if (spares->fd >= 0)
		io_close_fd(spares->io, spares->fd);
	spares->fd = -1;
}

static void drop(struct spares *spares, struct spare *spare)
{
	char path[PATH_SIZE];
	name_of(spares, spare, path, sizeof path);
	int err = io_unlink_behind(spares->io, path);
	(void)err; /* the next start finds it again */
	forget(spare);
}

uint64_t spares_bytes(const struct spares *spares)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; spares && i < SPARES_MAX; i++)
		sum += spares->files[i].state == SPARE_ANOTHERS ? 0 : spares->files[i].size_bytes;
	return sum;
}

static bool has_room(const struct spares *spares)
{
	uint64_t free_bytes, total_bytes;
	return io_space(spares->io, spares->dir, &free_bytes, &total_bytes) == 0 && free_bytes >= spares->bytes_max;
}

/* A segment that was cut to its end, some batches before its size, was to have a file of that size; a much shorter one keeps what it has. */
static uint64_t size_for(uint64_t size_bytes, uint64_t size_bytes_max)
{
	uint64_t most = align_up(size_bytes_max, BLOCK_SIZE), least = align_up(size_bytes, BLOCK_SIZE);
	return least < most && least >= most / 2 ? most : least;
}

/* ---- making one ready ------------------------------------------------------------------------------------------- */

static void go_on(struct spares *spares);

static int open_alone(struct spares *spares, const char *path)
{
	int fd = io_file_open(spares->io, path, IO_DIRECT);
	int err = fd < 0 ? fd : io_file_check_alone(spares->io, fd, path);
	if (err && fd >= 0)
		io_close_fd(spares->io, fd);
	return err ? err : fd;
}

static int begin_zero(struct spares *spares, struct spare *spare)
{
	char path[PATH_SIZE];
	name_of(spares, spare, path, sizeof path);
	spares->fd = open_alone(spares, path);
	if (spares->fd < 0)
		return spares->fd;
	int64_t size = io_file_size(spares->io, spares->fd);
	if (size < 0)
		return (int)size;
	spare->size_bytes = size_for((uint64_t)size, spare->size_bytes);
	if (spare->size_bytes < spares->size_bytes_min || spares_bytes(spares) > spares->bytes_max || !has_room(spares))
		return -ENOSPC;
	spares->step = STEP_ZERO;
	io_zero(spares->io, &spares->op, spares->fd, spare->size_bytes);
	return 0;
}

static void note_ready(struct spares *spares, struct spare *spare)
{
	spare->changed_ns = io_file_changed_ns(spares->io, spares->fd);
	spare->state = SPARE_READY;
	free(spare->dir);
	spare->dir = NULL;
	spares->step = STEP_IDLE;
	close_fd(spares);
}

/* Of a rename, where it leads to is synced before where it came from: in between it has two names rather than none. */
static int begin_next(struct spares *spares, struct spare *spare)
{
	switch (spares->step) {
	case STEP_IDLE:
		spares->step = STEP_TOP_SYNC;
		io_dir_sync_start(spares->io, &spares->op, spares->dir);
		return 0;
	case STEP_TOP_SYNC:
		if (!spare->dir)
			return begin_zero(spares, spare);
		spares->step = STEP_DIR_SYNC;
		io_dir_sync_start(spares->io, &spares->op, spare->dir);
		return 0;
	case STEP_DIR_SYNC:
		return begin_zero(spares, spare);
	case STEP_ZERO:
		spares->step = STEP_SYNC;
		io_sync(spares->io, &spares->op, spares->fd);
		return 0;
	case STEP_SYNC:
		note_ready(spares, spare);
		return 0;
	}
	UNREACHABLE();
}

static void end_with(struct spares *spares, struct spare *spare, int err)
{
	spares->cannot |= err == -EOPNOTSUPP || err == -ENOSYS || err == -EINVAL;
	close_fd(spares);
	spares->step = STEP_IDLE;
	if (spare->state == SPARE_GIVEN_UP)
		forget(spare);
	else
		drop(spares, spare);
}

static void advance(struct spares *spares, int err)
{
	struct spare *spare = spares->at;
	if (!err)
		err = spare->state == SPARE_GIVEN_UP ? -ENOSPC : begin_next(spares, spare);
	if (err)
		end_with(spares, spare, err);
	if (spares->op.is_in_flight)
		return;
	spares->at = NULL;
	go_on(spares);
}

static void step_done(struct io_op *op)
{
	struct spares *spares = CONTAINER_OF(op, struct spares, op);
	if (spares->is_open) {
		advance(spares, op->result < 0 ? op->result : 0);
		return;
	}
	close_fd(spares);
	spares->at = NULL;
}

static void go_on(struct spares *spares)
{
	for (uint32_t i = 0; i < SPARES_MAX && !spares->at && spares->is_open; i++) {
		if (spares->files[i].state != SPARE_UNREADY)
			continue;
		spares->at = &spares->files[i];
		spares->op.done = step_done;
		advance(spares, spares->cannot ? -EOPNOTSUPP : 0);
	}
}

/* ---- giving and taking ------------------------------------------------------------------------------------------- */

static struct spare *free_one(struct spares *spares)
{
	for (uint32_t i = 0; i < SPARES_MAX; i++)
		if (spares->files[i].state == SPARE_NONE)
			return &spares->files[i];
	return NULL;
}

bool spares_give(struct spares *spares, const char *path, const char *dir, uint64_t size_bytes, uint64_t size_bytes_max)
{
	uint64_t size = size_for(size_bytes, size_bytes_max);
	if (!spares || !spares->is_open || spares->cannot || size < spares->size_bytes_min || spares_bytes(spares) + size > spares->bytes_max || !has_room(spares))
		return false;
	struct spare *spare = free_one(spares);
	char to[PATH_SIZE], *copy = spare ? strdup(dir) : NULL;
	if (!copy)
		return false;
	name_of(spares, spare, to, sizeof to);
	int err = io_rename_new(spares->io, path, to);
	if (err) {
		spares->cannot |= err == -EINVAL || err == -ENOSYS;
		spare->state = err == -EEXIST ? SPARE_ANOTHERS : SPARE_NONE;
		free(copy);
		return false;
	}
	*spare = (struct spare){.state = SPARE_UNREADY, .dir = copy, .size_bytes = size};
	go_on(spares);
	return true;
}

/* The largest that is no longer than it may be: what is behind the segment's end is cut off one day. */
static struct spare *best_for(struct spares *spares, uint64_t size_bytes_max)
{
	struct spare *best = NULL;
	for (uint32_t i = 0; i < SPARES_MAX; i++) {
		struct spare *spare = &spares->files[i];
		if (spare->state == SPARE_READY && spare->size_bytes <= size_bytes_max && (!best || spare->size_bytes > best->size_bytes))
			best = spare;
	}
	return best;
}

/* It is the file that was zeroed, and is as it was left. */
static int open_ready(struct spares *spares, const struct spare *spare, const char *path)
{
	int fd = open_alone(spares, path);
	if (fd < 0)
		return fd;
	if (io_file_size(spares->io, fd) == (int64_t)spare->size_bytes && io_file_changed_ns(spares->io, fd) == spare->changed_ns && spare->changed_ns > 0)
		return fd;
	io_close_fd(spares->io, fd);
	return ERR_GONE;
}

int spares_take(struct spares *spares, const char *path, uint64_t size_bytes_max, uint64_t *size_bytes)
{
	struct spare *spare = spares ? best_for(spares, align_up(size_bytes_max, BLOCK_SIZE)) : NULL;
	char from[PATH_SIZE];
	if (!spare)
		return -ENOENT;
	name_of(spares, spare, from, sizeof from);
	int fd = open_ready(spares, spare, from);
	if (err_is_shortage(fd))
		return fd;
	if (fd < 0) {
		drop(spares, spare);
		return -ENOENT;
	}
	int err = io_rename_new(spares->io, from, path);
	if (err) {
		io_close_fd(spares->io, fd);
		return err;
	}
	*size_bytes = spare->size_bytes;
	forget(spare);
	return fd;
}

/* ---- room ---------------------------------------------------------------------------------------------------------- */

bool spares_give_up(struct spares *spares)
{
	bool had_any = false;
	for (uint32_t i = 0; spares && i < SPARES_MAX; i++) {
		struct spare *spare = &spares->files[i];
		char path[PATH_SIZE];
		if (spare->state != SPARE_UNREADY && spare->state != SPARE_READY)
			continue;
		name_of(spares, spare, path, sizeof path);
		int err = io_unlink(spares->io, path);
		(void)err; /* the next start finds it again */
		had_any = true;
		if (spare == spares->at)
			spare->state = SPARE_GIVEN_UP;
		else
			forget(spare);
	}
	return had_any;
}

void spares_look_at_room(struct spares *spares)
{
	if (spares_bytes(spares) > 0 && !has_room(spares))
		(void)spares_give_up(spares);
}

/* ---- life ------------------------------------------------------------------------------------------------------------ */

int spares_open(struct spares **out, struct io *io, const char *dir, uint32_t shard, uint64_t bytes_max, uint64_t size_bytes_min)
{
	struct spares *spares = calloc(1, sizeof *spares);
	if (!spares)
		return -ENOMEM;
	*spares = (struct spares){.io = io, .dir = dir, .shard = shard, .bytes_max = bytes_max, .fd = -1};
	spares->size_bytes_min = size_bytes_min ? size_bytes_min : SIZE_MIN_DEFAULT;
	*out = spares;
	return 0;
}

void spares_find(struct spares *spares)
{
	for (uint32_t i = 0; i < SPARES_MAX; i++) {
		struct spare *spare = &spares->files[i];
		char path[PATH_SIZE];
		name_of(spares, spare, path, sizeof path);
		int fd = spare->state == SPARE_NONE ? io_file_open(spares->io, path, IO_READ_ONLY) : -ENOENT;
		if (fd >= 0 || (fd != -ENOENT && fd != ERR_NOT_A_FILE))
			spare->state = SPARE_UNREADY;
		if (fd == ERR_NOT_A_FILE)
			spare->state = SPARE_ANOTHERS;
		if (fd >= 0)
			io_close_fd(spares->io, fd);
	}
	spares->is_open = true;
	go_on(spares);
}

void spares_stop(struct spares *spares)
{
	if (spares)
		spares->is_open = false;
}

bool spares_are_busy(const struct spares *spares)
{
	return spares && spares->op.is_in_flight;
}

void spares_close(struct spares *spares)
{
	if (!spares)
		return;
	close_fd(spares);
	for (uint32_t i = 0; i < SPARES_MAX; i++)
		forget(&spares->files[i]);
	free(spares);
}
