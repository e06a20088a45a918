/* The check of a whole data directory without its broker: what `spate log verify` does. Everything below
 * the durable point is read and judged: meta.properties, the catalog, journals, checkpoints, and every
 * batch of every segment with its indexes and seal.
 *
 * What is not damage: the tail of an active segment behind the durable point (the journal holds what of it
 * was acknowledged), a torn last group of a journal, a torn last record of the catalog. A directory of
 * Apache Kafka's, or one partition's, is checked as segments alone.
 *
 * Owner: the calling thread. Changes nothing on disk; holds the directory's lock meanwhile, if it can be
 * had; never prints. */
#pragma once

#include "log/verify/segment_check.h"
#include "log/verify/unowned.h"

struct verify_options {
	const char *dir;
	finding_fn *found;               /* told of each finding, in the order of the directory */
	verify_progress_fn *progress;    /* may be NULL */
	void *context;
};

struct verify_report {
	struct verify_counts counts;
	/* a broker holds the lock: only sealed segments, which hold still, were checked */
	bool is_in_use;
	bool has_catalog;                /* it could be read; without it, segments were checked alone */
	uint32_t topics, partitions;     /* partitions: that have files */
	uint32_t unknown_partitions;     /* of them: those that the catalog does not know */
	struct unowned unowned;          /* of these: those that hold records, and no deletion left them; nobody serves them. None without a catalog */
	uint32_t journals;
	uint64_t journal_groups, journal_entries;
	uint64_t journal_records;        /* offsets that the journals hold; of them some may be in segments, too */
	uint32_t journal_partitions;     /* whose they are */
	bool was_clean;                  /* every journal ends with a clean stop */
};

/* 0 when everything was looked at, whatever was found. -errno: the directory cannot be read, or no memory; or a partition cannot, then all others were looked at. */
MUST_USE int verify_directory(struct io *io, const struct verify_options *options,
			      struct verify_report *report);
