/* Writing catalog.log: a record behind the others, durably, and the whole file anew.
 *
 * Happy path: room ahead of the file's end is had first, then the record is written and synced, and the sequence counts it.
 * Failure modes: a full disk refuses the record, unless it may go into the room ahead; a write that failed is cut off again, and changes nothing; a failed sync is final, as nobody
 * knows what is on the disk: every later record is refused until a restart has read the file again. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "log/base/check.h"
#include "log/catalog/catalog_load.h"
#include "log/catalog/catalog_priv.h"
#include "log/io/small_file.h"

/* Of some 70 bytes that a start writes. */
#define ROOM_AHEAD 16384

/* The file is as before, or nobody knows what it is. */
static int undo_write(struct catalog *catalog, int err)
{
	catalog->allocated_end = 0; /* goes with the cut */
	if (io_file_truncate(catalog->io, catalog->fd, catalog->end))
		catalog->has_failed = true;
	return err;
}

/* It is durable; before its image is published, so that nobody notes less than what he sees. */
static void set_sequence(struct catalog *catalog, uint64_t sequence)
{
	catalog->sequence = sequence;
	__atomic_store_n(&catalog->room->sequence, sequence, __ATOMIC_RELEASE);
}

/* Room ahead of the file's end is had before a change is written: what the next starts have to write finds it there, on a disk of which nothing else is left. */
static int reserve_room(struct catalog *catalog, uint64_t size)
{
	uint64_t wanted = catalog->end + size + ROOM_AHEAD;
	if (wanted <= catalog->allocated_end)
		return 0;
	wanted += ROOM_AHEAD; /* not again with the next change */
	int err = io_file_allocate(catalog->io, catalog->fd, 0, wanted, false);
	if (err_is_full(err) && catalog->make_room && catalog->make_room(catalog->make_room_context))
		err = io_file_allocate(catalog->io, catalog->fd, 0, wanted, false);
	if (!err)
		catalog->allocated_end = wanted;
	return err_is_full(err) ? err : 0; /* a file system that allocates nothing ahead: the write says whether there is room */
}

static int append_record(struct catalog *catalog, const struct catalog_bytes *bytes)
{
	/* What is written to a file that nobody finds is not kept. It may be put back: only this change is refused. */
	if (io_file_check_name(catalog->io, catalog->fd, catalog->log_path) == ERR_GONE)
		return ERR_GONE;
	int64_t written = io_file_write(catalog->io, catalog->fd, bytes->data, bytes->size, catalog->end);
	bool is_full = err_is_full((int)written);
	if (is_full && catalog->make_room && catalog->make_room(catalog->make_room_context))
		written = io_file_write(catalog->io, catalog->fd, bytes->data, bytes->size, catalog->end);
	if (written < 0)
		return undo_write(catalog, (int)written);
	int err = io_file_sync(catalog->io, catalog->fd);
	if (err) {
		catalog->has_failed = true;
		return err;
	}
	catalog->end += bytes->size;
	set_sequence(catalog, catalog->sequence + 1);
	return 0;
}

static int commit_record(struct catalog *catalog, struct catalog_bytes *bytes, bool may_use_room_ahead)
{
	int err = bytes->has_failed ? -ENOMEM : catalog->end + bytes->size > CATALOG_FILE_SIZE_MAX ? -EFBIG : 0;
	int full = err ? 0 : reserve_room(catalog, bytes->size);
	if (!err && !may_use_room_ahead)
		err = full;
	if (!err)
		err = append_record(catalog, bytes);
	free(bytes->data);
	return err;
}

int catalog__commit(struct catalog *catalog, struct catalog_bytes *bytes)
{
	return commit_record(catalog, bytes, false);
}

int catalog__commit_into_room_ahead(struct catalog *catalog, struct catalog_bytes *bytes)
{
	return commit_record(catalog, bytes, true);
}

int catalog__begin_change(struct catalog *catalog)
{
	CHECK(!catalog->is_read_only);
	catalog_before_change_fn *before = catalog->before_change;
	catalog->before_change = NULL; /* what it does may be a change itself */
	int err = before && !catalog->has_failed ? before(catalog->before_change_context) : 0;
	if (err)
		catalog->before_change = before;
	return err ? err : catalog->has_failed ? ERR_FAILED : 0;
}

void catalog__begin(struct catalog *catalog, struct catalog_bytes *bytes, enum catalog_kind kind)
{
	*bytes = (struct catalog_bytes){0};
	catalog_begin(bytes, kind, catalog->sequence + 1);
}

static void take_written(struct catalog *catalog, const struct catalog_bytes *bytes, uint64_t sequence)
{
	catalog->end = bytes->size;
	set_sequence(catalog, sequence);
}

int catalog__write_anew(struct catalog *catalog, struct catalog_bytes *bytes, uint64_t sequence)
{
	int err = bytes->has_failed ? -ENOMEM : small_file_replace(catalog->io, catalog->log_path, bytes->data, bytes->size);
	if (!err)
		take_written(catalog, bytes, sequence);
	return err;
}

int catalog__write_unnamed(struct catalog *catalog, struct catalog_bytes *bytes, uint64_t sequence)
{
	int fd = bytes->has_failed ? -ENOMEM : small_file_write(catalog->io, catalog->log_path, bytes->data, bytes->size);
	if (fd < 0)
		return fd;
	catalog->fd = fd;
	catalog->is_put_off = true;
	take_written(catalog, bytes, sequence);
	return 0;
}

bool catalog_is_put_off(const struct catalog *catalog)
{
	return catalog->is_put_off;
}

int catalog_publish(struct catalog *catalog)
{
	if (!catalog->is_put_off || catalog->has_failed)
		return catalog->has_failed ? ERR_FAILED : 0;
	char dir[PATH_MAX];
	int err = io_parent_of(catalog->log_path, dir, sizeof dir);
	if (!err && catalog->is_dir_unsynced)
		err = io_parent_sync(catalog->io, dir);
	if (!err)
		err = small_file_publish(catalog->io, catalog->log_path, catalog->fd);
	catalog->is_put_off = err;
	catalog->has_failed = err && !err_is_full(err);
	return err;
}
