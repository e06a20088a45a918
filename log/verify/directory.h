/* What files there are in a data directory: shards' journals and checkpoints, partition directories with
 * their segments. For tools. Owner: the thread that reads it. Lists names and sizes; looks into no file, but for the head of
 * catalog.log, which says how many shards there are. */
#pragma once

#include "log/io/io.h"
#include "log/segment/segment_name.h"

struct segment_files {
	int64_t base_offset;
	bool has[segment_file_count];
	uint64_t size_bytes[segment_file_count];
};

struct partition_dir {
	/* of the directory: <topic>-<partition>; "" is the data directory itself */
	char *name;
	char *topic;                   /* the part before the last "-" */
	int32_t partition;             /* -1: the name does not end with a number */
	bool is_leftover;              /* <topic>-<partition>.<tag>-delete: what a deletion left */
	bool has_metadata, has_epochs;
	int unread;                    /* -errno: it cannot be listed, and what is in it is not known */
	uint32_t segment_count;
	struct segment_files *segments; /* by base offset; those of which some file is there */
};

struct data_dir {
	bool has_lock, has_meta, has_catalog;
	uint32_t shard_count;          /* by the catalog; if that does not say it, file_shard_count */
	uint32_t file_shard_count;     /* one more than the largest number of a journal or checkpoint */
	bool *has_journal, *has_checkpoint; /* as many as the larger of the two */
	uint32_t partition_count;
	struct partition_dir *partitions; /* by name */
	uint64_t log_bytes;            /* of all .log files */
};

/* -errno: it cannot be read. A partition directory that vanishes meanwhile is left out. */
MUST_USE int data_dir_read(struct data_dir *out, struct io *io, const char *path);
/* Nothing is in it then; freeing it again does nothing, and so it is behind a read that failed. */
void data_dir_free(struct data_dir *dir);

/* By topic and number, or NULL. */
const struct partition_dir *data_dir_find(const struct data_dir *dir, const char *topic, uint32_t partition);
