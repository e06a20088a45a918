/* Listing. A directory is a partition's if it holds a segment file or partition.metadata, whatever its
 * name is. */
#include "log/verify/directory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/base/err.h"
#include "log/catalog/catalog.h"
#include "log/partition/partition_dir.h"
#include "log/store/store_priv.h"
#include "log/segment/partition_metadata.h"

#define SHARDS_MAX 4096u

struct listing {
	struct io *io;
	const char *path;
	struct data_dir *dir;
	struct partition_dir *into;    /* segment files go here */
	char **subdirs;
	uint32_t subdir_count;
};

/* ---- segment files ------------------------------------------------------------------------------------- */

static struct segment_files *find_segment(struct partition_dir *into, int64_t base_offset)
{
	for (uint32_t i = into->segment_count; i > 0; i--)
		if (into->segments[i - 1].base_offset == base_offset)
			return &into->segments[i - 1];
	if ((into->segment_count & (into->segment_count + 1)) == 0) { /* room for 1, 3, 7, ... */
		size_t count = 2 * (size_t)into->segment_count + 1;
		struct segment_files *grown = realloc(into->segments, count * sizeof *grown);
		if (!grown)
			return NULL;
		into->segments = grown;
	}
	struct segment_files *added = &into->segments[into->segment_count++];
	*added = (struct segment_files){.base_offset = base_offset};
	return added;
}

static int note_segment_file(struct listing *listing, const char *name, int64_t base_offset,
			     enum segment_file file)
{
	struct segment_files *segment = find_segment(listing->into, base_offset);
	if (!segment)
		return -ENOMEM;
	char path[4096];
	snprintf(path, sizeof path, "%s/%s", listing->path, name);
	int fd = io_file_open(listing->io, path, IO_READ_ONLY);
	int64_t size = fd < 0 ? fd : io_file_size(listing->io, fd);
	if (fd >= 0)
		io_close_fd(listing->io, fd);
	if (fd == -ENOENT) /* deleted meanwhile */
		return 0;
	segment->has[file] = true;
	segment->size_bytes[file] = size > 0 ? (uint64_t)size : 0;
	if (file == SEGMENT_FILE_LOG)
		listing->dir->log_bytes += segment->size_bytes[file];
	return 0;
}

static int compare_segments(const void *a, const void *b)
{
	const struct segment_files *x = a, *y = b;
	return x->base_offset < y->base_offset ? -1 : x->base_offset > y->base_offset;
}

static int note_partition_entry(void *context, const char *name, bool is_directory)
{
	struct listing *listing = context;
	int64_t base_offset;
	enum segment_file file;
	if (is_directory)
		return 0;
	if (segment_name_parse(name, &base_offset, &file))
		return note_segment_file(listing, name, base_offset, file);
	listing->into->has_metadata |= strcmp(name, PARTITION_METADATA_NAME) == 0;
	listing->into->has_epochs |= strcmp(name, "leader-epoch-checkpoint") == 0;
	return 0;
}

/* ---- the data directory -------------------------------------------------------------------------------- */

static int make_flags(struct data_dir *dir, uint32_t count)
{
	bool *journals = realloc(dir->has_journal, count);
	if (journals)
		dir->has_journal = journals;
	bool *checkpoints = realloc(dir->has_checkpoint, count);
	if (checkpoints)
		dir->has_checkpoint = checkpoints;
	if (!journals || !checkpoints)
		return -ENOMEM;
	memset(journals + dir->file_shard_count, 0, count - dir->file_shard_count);
	memset(checkpoints + dir->file_shard_count, 0, count - dir->file_shard_count);
	dir->file_shard_count = count;
	return 0;
}

static int note_shard(struct data_dir *dir, uint32_t shard, bool **flags)
{
	if (shard >= SHARDS_MAX)
		return 0;
	int err = shard >= dir->file_shard_count ? make_flags(dir, shard + 1) : 0;
	if (!err)
		(*flags)[shard] = true;
	return err;
}

static int note_subdir(struct listing *listing, const char *name)
{
	char **grown = realloc(listing->subdirs, (listing->subdir_count + 1) * sizeof *grown);
	if (!grown)
		return -ENOMEM;
	listing->subdirs = grown;
	grown[listing->subdir_count] = strdup(name);
	return grown[listing->subdir_count++] ? 0 : -ENOMEM;
}

static int note_top_entry(void *context, const char *name, bool is_directory)
{
	struct listing *listing = context;
	struct data_dir *dir = listing->dir;
	dir->has_lock |= strcmp(name, ".lock") == 0;
	if (is_directory)
		return note_subdir(listing, name);
	dir->has_meta |= strcmp(name, "meta.properties") == 0;
	dir->has_catalog |= strcmp(name, "catalog.log") == 0;
	uint32_t shard;
	if (store_is_shard_file(name, "journal-", &shard))
		return note_shard(dir, shard, &dir->has_journal);
	if (store_is_shard_file(name, "checkpoint-", &shard))
		return note_shard(dir, shard, &dir->has_checkpoint);
	return note_partition_entry(context, name, is_directory);
}

/* "orders-eu-3" -> "orders-eu", 3. What is no partition's is a topic of its whole name, -1. */
static int split_name(struct partition_dir *partition, const char *name)
{
	struct slice topic = {(const uint8_t *)name, strlen(name)};
	uint32_t index;
	size_t size = strlen(name);
	partition->is_leftover = size > 7 && strcmp(name + size - 7, "-delete") == 0;
	partition->partition = partition_dir_parse(name, &topic, &index) ? (int32_t)index : -1;
	partition->name = strdup(name);
	partition->topic = strndup((const char *)topic.data, topic.size);
	return partition->name && partition->topic ? 0 : -ENOMEM;
}

static bool is_partition(const struct partition_dir *partition)
{
	return partition->segment_count > 0 || partition->has_metadata;
}

static void free_partition(struct partition_dir *partition)
{
	free(partition->name);
	free(partition->topic);
	free(partition->segments);
}

static int keep_partition(struct data_dir *dir, struct partition_dir *partition)
{
	struct partition_dir *grown = realloc(dir->partitions, (dir->partition_count + 1) * sizeof *grown);
	if (!grown) {
		free_partition(partition);
		return -ENOMEM;
	}
	dir->partitions = grown;
	if (partition->segment_count)
		qsort(partition->segments, partition->segment_count, sizeof *partition->segments,
		      compare_segments);
	grown[dir->partition_count++] = *partition;
	return 0;
}

static int read_subdir(struct listing *listing, const char *data_path, const char *name)
{
	char path[4096];
	struct partition_dir partition = {0};
	snprintf(path, sizeof path, "%s/%s", data_path, name);
	listing->path = path;
	listing->into = &partition;
	int err = split_name(&partition, name);
	if (!err)
		err = io_dir_list(listing->io, path, note_partition_entry, listing);
	if (err == -ENOENT || err == -ENOTDIR) {
		err = 0;
	} else if (err_is_of_one_place(err) && partition.partition >= 0) {
		partition.unread = err;
		return keep_partition(listing->dir, &partition);
	} else if (!err && is_partition(&partition)) {
		return keep_partition(listing->dir, &partition);
	}
	free_partition(&partition);
	return err;
}

/* The directory is a partition's by itself: its own name says whose. */
static int keep_top(struct data_dir *dir, struct partition_dir *top, const char *path)
{
	size_t size = strlen(path);
	while (size > 1 && path[size - 1] == '/')
		size--;
	char *whole = strndup(path, size);
	if (!whole)
		return -ENOMEM;
	const char *slash = strrchr(whole, '/');
	int err = split_name(top, slash ? slash + 1 : whole);
	free(whole);
	if (err) {
		free_partition(top);
		return err;
	}
	*top->name = '\0';
	return keep_partition(dir, top);
}

static int compare_partitions(const void *a, const void *b)
{
	const struct partition_dir *x = a, *y = b;
	int order = strcmp(x->topic, y->topic);
	return order ? order : x->partition < y->partition ? -1 : x->partition > y->partition;
}

static int settle_shards(struct data_dir *dir, struct io *io, const char *path)
{
	uint32_t by_files = dir->file_shard_count, by_catalog = 0;
	int err = dir->has_catalog ? catalog_shards_of(io, path, &by_catalog) : 0;
	bool is_told = !err && by_catalog && by_catalog <= SHARDS_MAX;
	dir->shard_count = is_told ? by_catalog : by_files;
	err = dir->shard_count > by_files ? make_flags(dir, dir->shard_count) : 0; /* a catalog that cannot be read is told of when it is opened */
	dir->file_shard_count = by_files;
	return err;
}

int data_dir_read(struct data_dir *out, struct io *io, const char *path)
{
	*out = (struct data_dir){0};
	struct partition_dir top = {0};
	struct listing listing = {.io = io, .path = path, .dir = out, .into = &top};
	int err = io_dir_list(io, path, note_top_entry, &listing);
	if (!err && top.segment_count) {
		err = keep_top(out, &top, path);
	} else {
		free(top.segments);
	}
	for (uint32_t i = 0; i < listing.subdir_count; i++) {
		if (!err && listing.subdirs[i])
			err = read_subdir(&listing, path, listing.subdirs[i]);
		free(listing.subdirs[i]);
	}
	free(listing.subdirs);
	if (!err)
		err = settle_shards(out, io, path);
	if (out->partition_count)
		qsort(out->partitions, out->partition_count, sizeof *out->partitions, compare_partitions);
	if (err)
		data_dir_free(out);
	return err;
}

void data_dir_free(struct data_dir *dir)
{
	for (uint32_t i = 0; i < dir->partition_count; i++)
		free_partition(&dir->partitions[i]);
	free(dir->partitions);
	free(dir->has_journal);
	free(dir->has_checkpoint);
	*dir = (struct data_dir){0};
}

const struct partition_dir *data_dir_find(const struct data_dir *dir, const char *topic, uint32_t partition)
{
	uint32_t low = 0, high = dir->partition_count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct partition_dir *at = &dir->partitions[middle];
		int order = strcmp(at->topic, topic);
		if (order == 0)
			order = at->partition < (int32_t)partition ? -1 : at->partition > (int32_t)partition;
		if (order == 0)
			return at;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}
