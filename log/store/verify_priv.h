/* What the files of the verifier share: a partition as it is found in several places, and where its offsets were found. Private interfaces. */
#pragma once

#include "log/store/verify.h"

/* Offsets [from, to). */
struct range {
	int64_t from, to;
};

struct ranges {
	struct range *items;
	uint32_t count, capacity;
};

/* Bytes of a segment that are no batch. */
struct bad_bytes {
	struct range offsets;      /* to = -1 at the end of a file */
	int64_t segment_base;
	uint64_t position, end_position;
	bool is_tail, is_zero;
};

struct verify_partition {
	struct list node;
	struct verify_partition *bucket_next;
	char topic[TOPIC_NAME_SIZE_MAX + 1];
	uint32_t index;
	bool is_compacted;
	bool has_directory;
	int64_t log_start;         /* -1 = nothing says */
	int64_t known_end;         /* everything below it was acknowledged, as journal and checkpoint know; -1 */
	struct ranges segments;    /* found whole in segments */
	struct ranges journal;     /* found whole in the journal */
	struct bad_bytes *bad;
	uint32_t bad_count, bad_capacity;
};

#define VERIFY_BUCKETS 4096u

struct verify {
	struct io *io;
	const char *dir;
	struct catalog *catalog;
	const struct catalog_image *image; /* NULL: no catalog */
	struct list partitions;
	struct verify_partition **buckets; /* by name */
	verify_found_fn *found;
	void *context;
	struct verify_totals *totals;
};

void verify__tell(struct verify *verify, const struct verify_finding *finding);
/* Adds a range behind the others; adjacent ones are joined. -ENOMEM. */
MUST_USE int verify__add_range(struct ranges *ranges, int64_t from, int64_t to);
/* The partition of that name, made if it is new. NULL = no memory. */
struct verify_partition *verify__partition(struct verify *verify, const char *topic, uint32_t index);
/* The same by id, if the catalog has the topic; *is_known says so. */
struct verify_partition *verify__partition_by_id(struct verify *verify, const struct uuid *id, uint32_t index, bool *is_known);

/* verify_sources.c: what the checkpoints and the journals say. */
MUST_USE int verify__read_sources(struct verify *verify);
/* verify_segments.c: what the segments hold. */
MUST_USE int verify__read_segments(struct verify *verify, struct verify_partition *partition);
