/* The reserve: a file that holds disk space for what must go on when the disk is full: the checkpoint, what was acknowledged and is not filed yet, commits of
 * groups, changes of the catalog, deletes.
 *
 * Happy path: allocated at the end of the first cycle, `reserve-<shard>`; a start takes up the one of the life before, as it may find the disk full. When a write finds no space the file is removed: produce is refused, all the
 * rest has its room. The disk counts as full until the reserve can be had again, so that what it is for is never eaten by produce.
 * Failure modes: a file system that allocates nothing ahead: there is no reserve, and a full disk is over when a write succeeds. No room for the reserve:
 * the disk is as good as full, and is treated so. */
#include <errno.h>
#include <stdio.h>

#include "log/segment/foreign_file.h"
#include "log/store/store_priv.h"

static void path_of(const struct store *store, char *out, size_t size)
{
	snprintf(out, size, "%s/reserve-%u", store->dir, store->options.shard);
}

void store__find_reserve(struct store *store)
{
	char path[4096];
	path_of(store, path, sizeof path);
	int fd = foreign_file_keep(store->home.io, path) ? -EIO : io_file_open(store->home.io, path, IO_READ_ONLY);
	if (fd < 0)
		return;
	store->has_reserve = io_file_size(store->home.io, fd) > 0;
	io_close_fd(store->home.io, fd);
}

void store__release_reserve(struct store *store)
{
	char path[4096];
	if (!store->has_reserve)
		return;
	path_of(store, path, sizeof path);
	int err = io_unlink(store->home.io, path);
	(void)err; /* then it goes on holding it: no worse than without */
	store->has_reserve = false;
}

static int allocate(struct store *store, const char *path)
{
	struct io *io = store->home.io;
	int fd = io_file_open(io, path, IO_CREATE);
	if (fd < 0)
		return fd;
	int64_t size = io_file_size(io, fd);
	int err = 0;
	if (size >= 0 && (uint64_t)size > store->options.reserve_bytes) /* it was configured larger once */
		err = io_file_truncate(io, fd, store->options.reserve_bytes);
	if (!err)
		err = io_file_allocate(io, fd, 0, store->options.reserve_bytes, true);
	io_close_fd(io, fd);
	return err;
}

bool store__hold_reserve(struct store *store)
{
	char path[4096];
	if (store->has_reserve || store->options.reserve_bytes == 0)
		return true;
	path_of(store, path, sizeof path);
	int err = allocate(store, path);
	if (err) {
		int ignored = io_unlink(store->home.io, path);
		(void)ignored;
	}
	store->has_reserve = !err;
	return !err_is_full(err);
}
