/* A catalog that cannot be opened, made anew from what is left: the good records of catalog.log, wherever they lie in it, and what the partitions'
 * directories say of topics that no record names any more. What cannot be had again: the configs of such topics, and settings whose record is gone.
 *
 * Owner: the calling thread, which holds the directory's lock (spate log repair). Writes catalog.log alone, whole, and keeps the old one aside. */
#pragma once

#include "log/catalog/catalog.h"

/* A topic that checkpoints or journals tell of: deleted ones are told of no more after a while, so of two with one name the one that is told of last is the living one. */
struct salvage_told {
	struct uuid id;
	struct catalog_mark mark; /* how far the catalog had come at the latest of what tells of it */
};

/* A topic by its directories, those of one name following each other; behind those, what has none. */
struct salvage_topic {
	struct slice name;
	struct slice spare_name;  /* nothing says its name: `name` is made up, and if somebody has that, it is this (comes out as `name`); no data: it has directories */
	struct uuid id;
	bool is_gone;             /* what a deletion left says that this id was deleted, whatever a record says; nothing else of it is set */
	bool is_told;
	struct catalog_mark told; /* as in salvage_told, if it is told of */
	uint32_t partition_count; /* one more than the largest number that anything tells of */
	uint32_t made_count;      /* the same, if no record names the topic: what is known of it otherwise */
	/* What became of it: comes out, zero before. Refused: it cannot be made. Older: another topic of its name is newer, and has it. */
	enum salvage_fate { SALVAGE_KNOWN, SALVAGE_DELETED, SALVAGE_MADE, SALVAGE_REFUSED, SALVAGE_OLDER } fate;
	bool has_replaced;    /* comes out: a record knew another topic of that name, which was deleted since then, and is dropped: */
	struct uuid replaced; /* this one */
};

struct salvage_report {
	uint32_t records_good, records_bad; /* bad: a stretch of bytes between good ones, or a record that makes no sense without another */
	uint32_t topics_kept, topics_found; /* by records; by directories or the journals alone */
	bool is_identity_new;               /* nothing says whose directory it was: a new cluster id and directory id */
	uint32_t topics_unnamed;            /* of `told`: those that are not in the catalog now, nor known to be deleted, nor dropped for a newer one */
	uint32_t topics_unheard;            /* records name them, and nothing else tells of them: they never held a record, or were deleted since */
	char unheard[512];                  /* their names, as far as there is room */
	int32_t node_id;
	char aside[4096];                   /* where the old file is kept; "" if there was none */
};

/* `known`: the new catalog must not be behind it. `told`: topics that something speaks of, but no directory. With `is_dry_run` only the report is made. -errno. */
MUST_USE int catalog_salvage(struct io *io, const char *dir, const struct broker_config *broker, const struct catalog_mark *known,
			     struct salvage_topic *topics, uint32_t topic_count, const struct salvage_told *told, uint32_t told_count, bool is_dry_run,
			     struct salvage_report *report);
