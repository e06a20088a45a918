/* Directories of topics that are called as files of the broker ("log-start", "journal"): builds before 22 Nov 2026 called them TOPIC-INDEX, as any other.
 *
 * Happy path, before anything of a partition is read: there is no topic of such a name, or its directories have theirs. Where one has the old name and none the new,
 * it gets the new one, durably, and a line says so. It may be anybody's directory: one that says another topic's id stays.
 *
 * Failure modes: a rename that fails refuses the start with what to do; nothing but names was changed by then, and the next start goes on. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/io/small_file.h"
#include "log/partition/partition_dir.h"
#include "log/segment/partition_metadata.h"
#include "log/store/store_priv.h"

static int note_nothing(void *context, const char *name, bool is_directory)
{
	(void)context, (void)name, (void)is_directory;
	return 0;
}

static bool is_directory(struct store *store, const char *path)
{
	return io_dir_list(store->home.io, path, note_nothing, NULL) == 0;
}

static bool is_anothers(struct store *store, const char *path, const struct uuid *id)
{
	char file[4096 + 32];
	uint8_t *text;
	size_t size;
	struct uuid said;
	snprintf(file, sizeof file, "%s/" PARTITION_METADATA_NAME, path);
	if (small_file_read(store->home.io, file, PARTITION_METADATA_SIZE_MAX, &text, &size))
		return false;
	bool is_another = partition_metadata_decode(&said, (struct slice){text, size}) == 0 && !uuid_equal(&said, id);
	free(text);
	return is_another;
}

static int take_partition(struct store *store, const struct topic *topic, const char *name, struct store_report *report)
{
	char path[4096], old_path[4096];
	snprintf(path, sizeof path, "%s/%s", store->dir, name);
	snprintf(old_path, sizeof old_path, "%s/%s", store->dir, name + 1);
	if (is_directory(store, path) || !is_directory(store, old_path) || is_anothers(store, old_path, &topic->id))
		return 0;
	int err = io_rename(store->home.io, old_path, path);
	if (!err)
		err = io_dir_sync(store->home.io, store->dir);
	if (err)
		snprintf(report->why, sizeof report->why, "the directory %s in %.300s has a name that an earlier version gave it, and cannot be renamed to %s (%s): do it by hand", name + 1,
			 store->dir, name, err_text(err));
	else
		fprintf(stderr, "spate: %s is called %s now: an earlier version gave it a name that is one of the broker's own files'\n", old_path, name);
	return err;
}

static int take_topic(struct store *store, const struct topic *topic, struct store_report *report)
{
	char name[PARTITION_DIR_NAME_SIZE];
	int err = 0;
	partition_dir_name(name, topic->name, 0);
	for (uint32_t i = 0; *name == '+' && i < topic->partition_count && !err; i++) {
		partition_dir_name(name, topic->name, i);
		if (store_owner(&topic->id, i, store->options.shard_count) == store->options.shard)
			err = take_partition(store, topic, name, report);
	}
	return err;
}

int store__take_old_names(struct store *store, struct store_report *report)
{
	int err = 0;
	for (uint32_t i = 0; i < store->image->topic_count && !err; i++)
		err = take_topic(store, store->image->topics[i], report);
	return err;
}
