/* What lies behind the ends that recovery found: pieces that went straight to their segments, whole or torn, of a group that was not durable. Nobody
 * was told of them, and from now on consumers see that they are not there. So they must not be taken for a part of the log ever again; and a scan, on
 * the day the checkpoint is lost, would do that.
 *
 *   - a segment's file is cut to its end, durably, if anything but zeros is behind it;
 *   - a .log at or behind the log's end that nobody knows of (the log had rolled, and its first piece was that large) is renamed to .log.torn, and what was beside it goes.
 *
 * But if append times or a seal say that it was filed, somebody was told of it: journal and checkpoint are of an earlier time, and nothing is cut (recover_later.c).
 *
 * Only after a crash; a clean stop leaves nothing. A directory that cannot be read is looked at later (unseen_tail.c). The bytes are kept in .log.torn until the segment goes, or another crash takes their place. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/base/check.h"
#include "log/partition/partition_dir.h"
#include "log/segment/foreign_file.h"
#include "log/segment/torn_file.h"
#include "log/store/recover_priv.h"

struct stray {
	const struct partition *partition;
	int64_t from;        /* those before it were looked at */
	int64_t base_offset; /* the first of the others; -1: there is none */
};

/* A crash leaves one at most: a segment begins with what was durable, and one group is in flight at a time. There are more beside a journal and a checkpoint of an
 * earlier time, and each of them would stand among the segments of what comes now. */
static int note_stray(void *context, const char *name, bool is_directory)
{
	struct stray *stray = context;
	const struct partition *partition = stray->partition;
	int64_t base;
	enum segment_file file;
	if (is_directory || !segment_name_parse(name, &base, &file) || file != SEGMENT_FILE_LOG)
		return 0;
	bool is_active = partition->active && partition->active->base_offset == base;
	bool is_stray = is_active ? !partition->active->has_file : base >= partition->next_offset;
	if (is_stray && base >= stray->from && (stray->base_offset < 0 || base < stray->base_offset))
		stray->base_offset = base;
	return 0;
}

/* What of the file the journal has as well. */
static uint64_t known_bytes(const struct stray *stray)
{
	const struct segment *active = stray->partition->active;
	return active && active->base_offset == stray->base_offset ? active->staged.position : 0;
}

/* What tells of its batches is no witness any more. */
static int drop_derived(struct partition *partition, int64_t base_offset)
{
	static const enum segment_file files[] = {SEGMENT_FILE_INDEX, SEGMENT_FILE_TIME_INDEX, SEGMENT_FILE_SNAPSHOT, SEGMENT_FILE_SEAL, SEGMENT_FILE_APPEND_TIME};
	char name[SEGMENT_NAME_SIZE], path[4096];
	for (size_t i = 0; i < COUNT_OF(files); i++) {
		segment_name_format(name, base_offset, files[i]);
		snprintf(path, sizeof path, "%s/%s", partition->dir, name);
		int err = foreign_file_unlink(partition->home->io, path);
		if (err && err != -ENOENT)
			return err;
	}
	return 0;
}

static int put_aside(struct partition *partition, const struct stray *stray)
{
	struct io *io = partition->home->io;
	char name[SEGMENT_NAME_SIZE], path[4096], aside[4096 + sizeof TORN_FILE_SUFFIX];
	segment_name_format(name, stray->base_offset, SEGMENT_FILE_LOG);
	snprintf(path, sizeof path, "%s/%s", partition->dir, name);
	snprintf(aside, sizeof aside, "%s" TORN_FILE_SUFFIX, path);
	int fd = io_file_open(io, path, IO_READ_ONLY);
	int is_due = fd < 0 ? fd : torn_file_is_due(io, fd, known_bytes(stray));
	if (fd >= 0)
		io_close_fd(io, fd);
	if (is_due <= 0)
		return is_due;
	int err = drop_derived(partition, stray->base_offset); /* first: nothing but the file itself leads to them, and what is synced is both */
	if (!err)
		err = io_rename(io, path, aside);
	if (!err)
		err = io_dir_sync(io, partition->dir);
	if (!err)
		fprintf(stderr, "spate: %s %s: it is kept as %s\n", path,
			partition->home->segments.are_ends_found ? "is behind the end that was found of its log, and whether anybody was told of it is not known"
								 : "was begun and acknowledged to nobody", aside);
	return err;
}

static int find_strays(struct partition *partition)
{
	struct stray stray = {partition, 0, 0};
	int err = 0;
	for (; !err; stray.from = stray.base_offset + 1) {
		stray.base_offset = -1;
		err = io_dir_list(partition->home->io, partition->dir, note_stray, &stray);
		if (err)
			break;
		int is_anothers = stray.base_offset < 0 ? 1 : partition__is_dir_anothers(partition);
		if (is_anothers)
			return is_anothers < 0 ? is_anothers : 0;
		err = put_aside(partition, &stray);
	}
	return err == -ENOENT ? 0 : err;
}

/* A partition without any record that counts is known to nobody but its directory. */
static int note_directory(void *context, const char *name, bool is_directory)
{
	struct store *store = context;
	struct slice topic_name;
	uint32_t index;
	if (!is_directory || !partition_dir_parse(name, &topic_name, &index))
		return 0;
	const struct topic *topic = catalog_topic_by_name(store->image, topic_name);
	struct partition *partition;
	return topic && index < topic->partition_count ? store__find_partition(store, &topic->id, index, &partition) : 0;
}

int store__find_directories(struct store *store)
{
	return io_dir_list(store->home.io, store->dir, note_directory, store);
}

int store__has_tail(struct partition *partition)
{
	struct stray stray = {partition, 0, -1};
	int found = partition->active && partition->active->has_file ? segment_has_tail(partition->active) : 0;
	if (found)
		return found;
	int err = io_dir_list(partition->home->io, partition->dir, note_stray, &stray);
	return err ? (err == -ENOENT ? 0 : err) : stray.base_offset >= 0;
}

void store__explain_unread(const struct partition *partition, int err, struct store_report *report)
{
	char why[2048];
	if (!err_is_of_one_place(err))
		return;
	snprintf(report->why, sizeof report->why,
		 "%s: after a crash the end of each log is looked at before any is served, and of this one it cannot be: %.600s. Nothing was changed. If the partition's files are "
		 "lost for good, move that directory away: its records are told as damaged then, and all others are served", partition->dir,
		 io_explain(partition->home->io, err, why, sizeof why));
}

/* The journal alone has it, and could not let it go: filing would wait for ever, and everybody with it. */
static bool has_unfiled(const struct partition *partition)
{
	LIST_FOR_EACH(node, &partition->segments)
		if (!segment_is_filed(LIST_ENTRY(node, struct segment, node)))
			return true;
	return false;
}

int store__find_tails(struct replay *replay, uint32_t looked_at)
{
	struct store *store = replay->store;
	int err = store__find_directories(store);
	if (err)
		return err;
	store__look_at_new(store, looked_at);
	LIST_FOR_EACH(node, &store->partitions) {
		struct partition *partition = LIST_ENTRY(node, struct partition, store_node);
		int found = partition->offline_err ? 0 : store__has_tail(partition);
		if (found < 0 && !err_is_of_one_place(found))
			return found;
		if (found < 0 && has_unfiled(partition) && store__may_be_kept(replay))
			err = store__put_offline(replay, partition, found);
		else if (found < 0)
			store__note_unseen_tail(store, partition, found);
		if (err)
			return err;
		partition->has_tail = found > 0;
	}
	return 0;
}

int store__cut_tail(struct partition *partition)
{
	int err = partition->active && partition->active->has_file ? segment_cut_tail(partition->active) : 0;
	return err ? err : find_strays(partition);
}

int store__cut_tails(struct store *store)
{
	int err = 0;
	LIST_FOR_EACH(node, &store->partitions) {
		struct partition *partition = LIST_ENTRY(node, struct partition, store_node);
		if (!err && partition->has_tail)
			err = store__cut_tail(partition);
		if (!err_is_of_one_place(err))
			continue;
		store__note_uncut_tail(store, partition, err);
		err = 0;
	}
	return err;
}
