/* Directories of partitions that are gone: a topic of many segments is tens of thousands of files, and the loop waits for each that is removed.
 *
 * Happy path: the catalog has forgotten the topic, durably. Its directory gets another name at once, `<topic>-<partition>.<topic id>-delete`, so that the old
 * one is free for who makes the topic again; that is made durable, as what is left of it under the old name might pass for that topic's; and its files go a few at a
 * time, by a timer. A stop, or a crash, leaves the rest to the next start, which finds it by its name, if the catalog does not know that id: a catalog that an operator
 * has put back may.
 *
 * Failures: a directory that cannot be renamed is removed at once, as nobody may find another's files under its name, and never later, as they may be another's then.
 * What cannot be removed is named and left. A crash before the new name is durable leaves the old one: it belongs to nobody, and is moved away when the name comes again (partition.c). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log/base/uuid_text.h"
#include "log/store/store_priv.h"

#define FILES_AT_ONCE 8                   /* among them may be large ones, of milliseconds each */
#define NAMES_MAX 512                     /* read at once, as a directory is searched from its begin each time */

struct removal {
	struct list node;
	char path[];
};

static void forget_names(struct removals *removals)
{
	while (removals->name_count > 0)
		free(removals->names[--removals->name_count]);
}

static int note_name(void *context, const char *name, bool is_directory)
{
	struct removals *removals = context;
	if (is_directory)
		return 0;
	char *copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	removals->names[removals->name_count++] = copy;
	return removals->name_count == NAMES_MAX;
}

static int read_names(struct store *store, const char *path)
{
	struct removals *removals = &store->removals;
	if (!removals->names)
		removals->names = malloc(NAMES_MAX * sizeof *removals->names);
	int err = removals->names ? io_dir_list(store->home.io, path, note_name, removals) : -ENOMEM;
	return err < 0 ? err : 0;
}

/* A log's blocks may take the disk a while to take back. */
static int unlink_one(struct store *store, const char *path, const char *name)
{
	int64_t base_offset;
	enum segment_file file;
	bool is_log = segment_name_parse(name, &base_offset, &file) && file == SEGMENT_FILE_LOG;
	return is_log ? io_unlink_behind(store->home.io, path) : io_unlink(store->home.io, path);
}

static int remove_one(struct store *store, const char *path)
{
	struct removals *removals = &store->removals;
	char file[4096], *name = removals->names[--removals->name_count];
	snprintf(file, sizeof file, "%s/%s", path, name);
	int err = unlink_one(store, file, name);
	free(name);
	return err == -ENOENT ? 0 : err;
}

/* A file of the first directory, or itself once it is empty. 1: that is done with; 0; or an error. */
static int remove_next(struct store *store, const char *path)
{
	struct removals *removals = &store->removals;
	int err = removals->name_count ? 0 : read_names(store, path);
	if (!err && removals->name_count)
		return remove_one(store, path);
	if (!err)
		err = io_dir_remove(store->home.io, path);
	return err && err != -ENOENT ? err : 1;
}

static void forget(struct removals *removals, struct removal *removal)
{
	if (removals->dirs.next == &removal->node)
		forget_names(removals);
	list_remove(&removal->node);
	free(removal);
}

/* How many it went on by, fewer if nothing is left; or a shortage. */
static int remove_some(struct store *store, uint32_t count)
{
	struct removals *removals = &store->removals;
	uint32_t done_count = 0;
	for (; done_count < count && !list_is_empty(&removals->dirs); done_count++) {
		struct removal *removal = LIST_ENTRY(removals->dirs.next, struct removal, node);
		int done = remove_next(store, removal->path);
		if (done == 0)
			continue;
		if (err_is_shortage(done))
			return done;
		if (done < 0)
			fprintf(stderr, "spate: %s: cannot be removed (%s); it holds nothing of a living topic\n", removal->path, err_text(done));
		forget(removals, removal);
	}
	return (int)done_count;
}

static void names_synced(struct io_op *op)
{
	struct store *store = CONTAINER_OF(op, struct store, removals.sync);
	store->removals.is_syncing = false;
	if (op->result == 0)
		return;
	store->removals.are_names_unsynced = true;
	if (!err_is_shortage(op->result))
		store__fail(store, op->result);
}

static void sync_names(struct store *store)
{
	store->removals.are_names_unsynced = false;
	store->removals.is_syncing = true;
	store->removals.sync.done = names_synced;
	io_dir_sync_start(store->home.io, &store->removals.sync, store->dir);
}

static int remove_pieces(struct piecework *work, uint32_t count)
{
	struct store *store = CONTAINER_OF(work, struct store, removals.work);
	struct removals *removals = &store->removals;
	bool is_ready = !removals->is_syncing && !removals->are_names_unsynced;
	if (is_ready)
		return io_behind_count(store->home.io) < IO_BEHIND_MANY ? remove_some(store, count) : PIECEWORK_LATER;
	if (store->failure) /* the next life's */
		return 0;
	if (!removals->is_syncing)
		sync_names(store);
	return PIECEWORK_LATER;
}

static bool queue(struct store *store, const char *path)
{
	struct removals *removals = &store->removals;
	struct removal *removal = malloc(sizeof *removal + strlen(path) + 1);
	if (!removal)
		return false;
	*removal = (struct removal){0};
	strcpy(removal->path, path);
	list_push_back(&removals->dirs, &removal->node);
	removals->are_names_unsynced = true;
	piecework_begin(&removals->work, store->home.io, FILES_AT_ONCE, remove_pieces);
	return true;
}

/* All that is to go, this directory last. What is left of it then stays: it has its name still, and who makes the topic again may have files there by the next try. */
static void remove_now(struct store *store, const char *path)
{
	struct removals *removals = &store->removals;
	bool is_queued = queue(store, path);
	if (is_queued && remove_some(store, INT32_MAX) >= 0)
		return;
	if (is_queued)
		forget(removals, LIST_ENTRY(removals->dirs.prev, struct removal, node));
	fprintf(stderr, "spate: %s: cannot be removed now; it holds nothing of a living topic\n", path);
}

void store__remove_dir(struct store *store, const struct partition *partition)
{
	char tag[PARTITION_TAG_SIZE], path[4096];
	uuid_hex_format(tag, &partition->topic_id);
	partition__deleted_path(partition, tag, path, sizeof path);
	int err = io_rename(store->home.io, partition->dir, path);
	if (err && err != -ENOENT)
		remove_now(store, partition->dir);
	else if (!err)
		(void)queue(store, path); /* without memory, the next start has it */
}

/* ---- what an earlier life has left ---------------------------------------------------------------------------------- */

bool store_is_leftover(const char *name, struct uuid *id)
{
	size_t size = strlen(name), tag_size = UUID_HEX_SIZE - 1, end_size = sizeof ".-delete" - 1 + tag_size;
	if (size <= end_size)
		return false;
	const char *end = name + size - end_size, *tag = end + 1;
	return end[0] == '.' && strcmp(tag + tag_size, "-delete") == 0 && uuid_hex_parse(id, (struct slice){(const uint8_t *)tag, tag_size});
}

static bool is_deleted(const struct store *store, const char *name)
{
	struct uuid id;
	return store_is_leftover(name, &id) && !catalog_topic_by_id(store->image, &id);
}

static int note_dir(void *context, const char *name, bool is_directory)
{
	struct store *store = context;
	char path[4096];
	snprintf(path, sizeof path, "%s/%s", store->dir, name);
	return is_directory && is_deleted(store, name) && !queue(store, path) ? -ENOMEM : 0;
}

void store__find_deleted(struct store *store)
{
	int err = store->options.shard == 0 ? io_dir_list(store->home.io, store->dir, note_dir, store) : 0;
	(void)err; /* the next start finds them as well */
}

void store__stop_removing(struct store *store)
{
	struct removals *removals = &store->removals;
	struct list *node;
	piecework_stop(&removals->work);
	forget_names(removals);
	while ((node = list_pop_front(&removals->dirs)))
		free(LIST_ENTRY(node, struct removal, node));
	free(removals->names);
	removals->names = NULL;
}
