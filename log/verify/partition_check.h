/* The check of one partition: its directory, its segments one after the other, and what lies between them.
 * Owner: the thread that verifies. Reads only; never prints: it calls back. */
#pragma once

#include "log/catalog/catalog.h"
#include "log/verify/directory.h"
#include "log/verify/picture.h"

struct partition_check {
	struct verify_sink *sink;
	const char *topic_name;
	int32_t index;
	const struct partition_dir *files;  /* NULL: there is no directory */
	/* NULL: the catalog does not know it, and the segments are checked alone */
	const struct topic *topic;
	const struct catalog_image *image;  /* NULL: no catalog can be read */
	bool is_scanned;                    /* no checkpoint tells of its shard: the next start scans the directory */
	bool are_starts_lost;               /* and nothing tells where its log starts */
	struct picture_partition *picture;  /* NULL: nothing tells of it */
	bool was_clean;                     /* the last stop: no crash can have taken files that are not synced */
	bool is_in_use;                     /* a broker is writing: sealed segments alone hold still */
};

/* Tells what it finds. -errno: the check itself failed. */
MUST_USE int partition_check_run(const struct partition_check *check);
