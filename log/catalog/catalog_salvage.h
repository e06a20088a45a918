/* A catalog that cannot be opened, made anew from what is left: the good records of catalog.log, wherever they lie in it, and what the partitions'
 * directories say of topics that no record names any more. What cannot be had again: the configs of such topics, and settings whose record is gone.
 *
 * Owner: the calling thread, which holds the directory's lock (spate log repair). Writes catalog.log alone, whole, and keeps the old one aside. */
#pragma once

#include "log/catalog/catalog.h"

/* A topic by its directories. */
struct salvage_topic {
	struct slice name;
	struct uuid id;
	uint32_t partition_count; /* one more than the largest number that anything tells of */
	uint32_t made_count;      /* the same, if no record names the topic: what is known of it otherwise */
	enum salvage_fate { SALVAGE_KNOWN, SALVAGE_DELETED, SALVAGE_MADE, SALVAGE_REFUSED } fate; /* what became of it: comes out. Refused: it cannot be made */
};

struct salvage_report {
	uint32_t records_good, records_bad; /* bad: a stretch of bytes between good ones, or a record that makes no sense without another */
	uint32_t topics_kept, topics_found; /* by records; by directories alone */
	bool is_identity_new;               /* nothing says whose directory it was: a new cluster id and directory id */
	uint32_t topics_unnamed;            /* of `told`: those that no record and no directory names */
	int32_t node_id;
	char aside[4096];                   /* where the old file is kept; "" if there was none */
};

/* `known`: the new catalog must not be behind it. `told`: ids of topics that something else speaks of. With `is_dry_run` only the report is made. -errno. */
MUST_USE int catalog_salvage(struct io *io, const char *dir, const struct broker_config *broker, const struct catalog_mark *known,
			     struct salvage_topic *topics, uint32_t topic_count, const struct uuid *told, uint32_t told_count, bool is_dry_run,
			     struct salvage_report *report);
