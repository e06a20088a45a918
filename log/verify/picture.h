/* What the checkpoints and journals of a data directory say of each partition: where its log begins and
 * ends, and up to which byte each segment file must be right. It is what recovery would do
 * (log/store/recover.c), done without changing anything.
 *
 * Owner: the thread that verifies or inspects. Reads only. */
#pragma once

#include "log/catalog/catalog.h"
#include "log/journal/journal.h"
#include "log/segment/epoch_file.h"
#include "log/segment/segment.h"
#include "log/verify/segment_check.h"

/* Can a segment of this base end there? What a checksum vouches for may still be nonsense, and no file is
 * that large. */
bool picture_is_possible(int64_t base_offset, uint64_t position, int64_t offset);

struct picture_segment {
	int64_t base_offset;
	struct mark filed;             /* what the checkpoint says is in the file */
	/* the same, or the end of a piece that the journal says went straight to the file */
	struct mark required;
	bool is_complete, is_sealed;
	uint32_t first_crc;            /* of its first batch; 0: not known */
	struct mark vouched;           /* its position and headers, as the checkpoint says; at 0: nothing */
	struct mark_steps *steps;      /* and those on the way; NULL: nothing */
};

struct picture_partition {
	struct uuid topic_id;
	uint32_t index;
	/* a checkpoint that can be read tells where its log begins and ends, be it that it held nothing */
	bool is_known;
	/* a piece that nobody vouches for does not fit: what follows was never acknowledged */
	bool is_torn;
	int64_t start_offset;
	int64_t next_offset;           /* the log's end; NOWHERE: not known */
	/* not known: [filed_from, filed_to) was filed at some time, an earlier checkpoint says; filed_to = 0: none does */
	int64_t filed_from, filed_to;
	int64_t ends_from, ends_to;    /* and so much was durable when the journal was let go last, by its own word; ends_to = 0: it does not say */
	int64_t file_base;             /* the journal tells of the segment of this base: the CRC of its first batch (0: it does not), and what its headers come to */
	uint32_t file_crc;
	bool is_file_last;             /* and the journal has lost nothing: a later segment's first batch is in it */
	struct mark file_vouched;
	int64_t journal_from;          /* the first offset that the journal holds; NOWHERE: none */
	uint32_t journal_crc;          /* of the batch there; 0: not known, or the journal has lost groups */
	int64_t begun_base;            /* the last segment whose first batch is in the journal, and that batch's CRC; 0: not known */
	uint32_t begun_crc;
	uint32_t segment_count;
	struct picture_segment *segments; /* by base offset; not known: as an earlier checkpoint tells */
	struct epochs epochs;          /* of the checkpoint and what the journal goes on with: known for offsets below epochs_limit */
	int64_t epochs_limit;
	struct damaged_ranges fenced;  /* known to be damaged since an earlier start */
	struct damaged_ranges held;    /* the journal has their batches */
	struct damaged_ranges lost;    /* the journal goes on behind offsets that are nowhere */
	uint64_t checkpoint_incarnation;
	struct picture_partition *hash_next;
};

struct picture {
	struct verify_sink *sink;
	const struct catalog_image *image;
	struct picture_partition **partitions;
	uint32_t count, capacity;
	struct picture_partition **buckets;
	uint32_t bucket_mask;
	bool are_starts_lost;          /* no checkpoint says where logs start, nor does the file that repeats it */
	uint8_t scanned[512];          /* a bit for each shard whose checkpoint cannot be used, nor its copy */
	uint32_t alien_shard_plus_one; /* of the shards read so far, the last whose journal and checkpoint do not belong together */
	uint64_t entries;              /* of journals */
	struct catalog_mark catalog_mark; /* how far the catalog had come, as checkpoints and journals know */
	int err;
};

MUST_USE int picture_open(struct picture *picture, struct verify_sink *sink,
			  const struct catalog_image *image);
void picture_close(struct picture *picture);

/* Takes in the shard's checkpoint and then its journal, and tells what is wrong with them. Call it for
 * each shard. `*journal` is what opening the journal reported. -errno when the check itself failed. */
MUST_USE int picture_add_shard(struct picture *picture, uint32_t shard, bool has_checkpoint, bool has_journal,
			       struct journal_report *journal);

/* The next start scans this shard's directories. */
bool picture_is_scanned(const struct picture *picture, uint32_t shard);
/* NULL: nothing tells of it. */
struct picture_partition *picture_find(const struct picture *picture, const struct uuid *topic_id,
				       uint32_t index);
struct picture_segment *picture_segment(struct picture_partition *partition, int64_t base_offset);
