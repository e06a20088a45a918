/* A segment: the batches of one partition from a base offset on, as one file of exactly the bytes of the wire, its indexes, and the
 * chunks of memory that hold its recent bytes. Its life: made in memory alone; filed (written and synced) as the log goes on;
 * complete when the partition rolls; sealed when all of it is filed.
 *
 * Its positions, as (position in the file, offset) pairs, move in this order only and through one function:
 *
 *   filed <= durable <= committing <= staged        (log/partition/partition.h says what each means)
 *
 * Owner: the shard's thread. It never decides durability (the store does), never returns bytes that fail their CRC, and never
 * truncates below `filed`. */
#pragma once

#include "log/batch/batch.h"
#include "log/io/io.h"
#include "log/segment/append_times.h"
#include "log/segment/cache.h"
#include "log/segment/mark.h"
#include "log/segment/offset_index.h"
#include "log/segment/seal.h"
#include "log/segment/segment_name.h"
#include "log/segment/time_index.h"

struct filing;
struct spares;

/* What all segments of a store share. Embedded in the store. */
struct segment_home {
	struct io *io;
	struct cache *cache;
	struct list open_segments;      /* with open files, the longest unused first */
	uint32_t open_count, open_max;  /* their descriptors; at most so many while none is in use */
	uint32_t write_round;           /* write-behind comes to each file that has something to file once in a round */
	struct list indexed_segments;   /* complete ones with loaded indexes, the longest unused first */
	uint32_t indexed_count, indexed_max;
	struct spares *spares;          /* the store's; NULL: there are none */
	struct filing *filings;         /* a fixed pool */
	struct list free_filings;
	uint32_t filings_in_flight;
	bool are_ends_found;            /* a scan has found where logs end, and nothing says for sure that they went no further */
	bool has_doubtful;              /* of some segment the file was changed: whoever reads them again clears it */
	uint64_t behind_bytes, behind_bytes_max; /* of filings that nobody waits for: written now, and at most at once */
	uint64_t behind_begun, behind_begun_max; /* and begun since the start: no pass of theirs begins from there on */
	struct list waiting_passes;     /* filings that have more to write, until it is raised */
	bool (*find_fence)(const void *partition, int64_t offset, int64_t *from); /* the partition's room knows what is fenced; NULL: nobody does */
};

MUST_USE int segment_home_open(struct segment_home *home, struct io *io, struct cache *cache);
/* Closes the files of one segment, none of which is in use now: of that which has been unused for longest, or is the last to be written to again. False: there
 * is none. */
bool segment_home_spare_files(struct segment_home *home);
void segment_home_close(struct segment_home *home);

struct segment {
	struct list node;               /* of the partition's segments, by base offset */
	struct list open_node, indexed_node;
	struct segment_home *home;
	const char *dir;                /* the partition's directory; owned by the partition */
	void *partition;                /* whose it is; for the store's callbacks */
	struct uuid topic_id;           /* whose it is, for what its files say of that; set by the partition */
	uint32_t partition_index;
	int64_t base_offset;
	struct mark filed, durable, committing, staged;
	struct mark vouched;            /* the last one filed whose headers are known: what the file has before it can be held against that; at 0: nothing */
	struct mark known_end;          /* what it was adopted for: a batch ended there before this life; at 0: nobody knows */
	struct mark_steps *steps;       /* and those on the way; some may lie behind it. NULL: none */
	uint64_t step_due;              /* staging need not look at them before it is here: they lie elsewhere in memory */

	int write_fd, read_fd, direct_fd; /* -1 = not open; the last one reads with O_DIRECT */
	uint32_t open_count;            /* of them, as the home knows */
	uint32_t write_round;           /* the home's, when it was last opened, or found open, for writing */
	bool is_opening;                /* it is being opened for writing: its descriptors must stay */
	bool has_file;
	bool is_complete;               /* the partition has rolled behind it */
	bool is_sealed;
	bool is_checkpointed;           /* sealed, and a checkpoint says so: nothing in the journal needs its file any more */
	bool is_direct_pending;         /* a piece of the group in flight went straight to the file: `filed` moves when the group is durable */
	bool is_dropped;                /* its files are gone; the object goes with its last reader */
	bool is_cut;                    /* the file has been cut to `filed` since start, or never was longer */
	bool has_index;                 /* the indexes below cover all of it */
	bool is_index_trusted;          /* they were made from the batches, or fit the seal */
	bool has_places;                /* they fit the seal, or were made as the batches were staged: they tell where these stood before anything was damaged */
	uint32_t readers;               /* reads in flight that use direct_fd */
	uint64_t allocated_bytes;       /* reserved on disk by fallocate, counted from 0 */
	uint64_t size_bytes_max;        /* it rolls before it is longer: nothing behind that is reserved; 0: not known */
	uint64_t likely_bytes;          /* of the one before it: no spare file of more than twice that is taken for this one; 0: none at all */

	int64_t first_timestamp_ms;     /* of the first batch (its maximum); -1 = none yet */
	int64_t max_timestamp_ms;       /* -1 = none */
	int64_t max_timestamp_offset;
	uint64_t batch_count, record_count;
	int32_t first_leader_epoch, last_leader_epoch;
	uint32_t first_crc;             /* of the first batch: tells this file from another's, if it was not lost (log/segment/hole_mark.h); 0 = not known */
	bool has_new_name;              /* its file was made, under a name that its directory's next sync must make durable: for who syncs that */
	int64_t lost_from, lost_to;     /* these offsets were just found to be gone with the file, or to be another's; lost_to = 0: nothing. For who fences that */
	bool is_foreign;                /* another file stands in its place, or none at all */
	bool is_refusal_told;           /* that its file cannot be opened */
	bool is_identified;             /* the file was held against it in this life, or need not be */
	int64_t changed_ns;             /* of a sealed one: when its file was last changed, as this life saw it; 0: it has not looked */
	bool is_doubtful;               /* somebody has changed it since: the scrub reads it next */
	uint64_t unindexed_bytes;       /* since the last index entry */
	uint32_t index_interval_bytes, index_size_bytes_max;
	uint32_t index_written_count;   /* entries of the offset index that are in its file */
	struct offset_index offsets;
	struct time_index times;

	struct list chunks;             /* contiguous, by position */
	struct chunk *last_asked;       /* of them, or NULL: where the last search ended */
	uint64_t memory_position;       /* bytes from here to staged are in the chunks */
	bool is_first_block_filled;     /* the block that memory_position lies in is there from its begin, for writing alone: nobody has checked it */
	struct mark memory_mark;        /* the first batch that begins at or behind it: where tail readers start to look */
	struct filing *filing;          /* in flight, or NULL */
	uint8_t *snapshot;              /* what its partition wants written beside the seal, named by the segment's end; owned, or NULL */
	size_t snapshot_size;
	struct append_times *append_times; /* of what is durable and not yet in the file beside it; NULL: nothing */
	struct append_time_end append_times_filed;
	struct seal_hash *hash;         /* of the bytes up to staged; NULL if it did not see them all */
};

/* ---- life -------------------------------------------------------------------------------------------------- */

/* A segment without a file. NULL = no memory. */
struct segment *segment_create(struct segment_home *home, const char *dir, int64_t base_offset, uint32_t index_interval_bytes,
			       uint32_t index_size_bytes_max);
/* Says that everything up to `end` is in its file, durable and filed: for what recovery finds in place. */
void segment_adopt(struct segment *segment, struct mark end);
/* What was filed is what `told` says, as far as the segment goes, whatever its file holds. */
void segment_believe(struct segment *segment, const struct mark_check *told);
/* What is not in its file is not in memory any more: it ends where that does, and goes on there, as far as anybody knows. For who keeps it elsewhere. No filing is in flight. */
void segment_forget_unfiled(struct segment *segment);
/* Takes a batch's facts (timestamps, counts, epochs) into the segment's, and into the indexes if they are loaded. Staging does it by itself. */
void segment_learn(struct segment *segment, const struct batch *batch, uint64_t position, int64_t max_timestamp_offset);
/* The cache's question: may this chunk go? (cache_evict_fn for the home's cache) */
bool segment_evict(struct chunk *chunk);
/* Frees the object; readers and filings have ended. The files stay. */
void segment_destroy(struct segment *segment);
/* Removes its files; the log may become a spare one (log/segment/spare.h). */
void segment_unlink(struct segment *segment);

static inline uint64_t segment_size_bytes(const struct segment *segment) { return segment->staged.position; }
static inline bool segment_is_filed(const struct segment *segment) { return segment->filed.position == segment->staged.position; }

/* Checks the order of the four marks: the one place that says what may be. */
void segment_check(const struct segment *segment);

/* ---- append ------------------------------------------------------------------------------------------------ */

/* Staging so many bytes will come soon: what it looks at and writes is on its way from memory meanwhile. Only a hint. */
void segment_ask_ahead(const struct segment *segment, uint64_t size_bytes);
/* Makes sure that `size` bytes more can be staged without failing. ERR_BUSY: no memory now. */
MUST_USE int segment_reserve(struct segment *segment, uint64_t size_bytes);
/* Copies one whole, stamped batch behind what is staged and takes it into the indexes. The room was reserved. */
void segment_stage(struct segment *segment, const uint8_t *bytes, const struct batch *batch, int64_t max_timestamp_offset);

/* ---- recent bytes in memory ----------------------------------------------------------------------------------- */

static inline bool segment_is_in_memory(const struct segment *segment, uint64_t position)
{
	return position >= segment->memory_position;
}
/* Views of [from, to), which is in memory, as at most `count_max` pieces; returns how many, and in *size_bytes how many bytes they hold (fewer than
 * asked if the pieces did not suffice). `chunks`, if given, gets the chunk of each piece, unretained. */
uint32_t segment_view(struct segment *segment, uint64_t from, uint64_t to, struct slice *pieces, struct chunk **chunks, uint32_t count_max,
		      uint64_t *size_bytes);
/* Copies `size` bytes from memory. */
void segment_peek(struct segment *segment, uint64_t position, void *out, uint32_t size);
/* The header of the batch that begins there, in memory. */
void segment_peek_batch(struct segment *segment, uint64_t position, struct batch *out);

/* ---- files ------------------------------------------------------------------------------------------------------- */

/* The descriptor for reading through the page cache, or -errno. */
MUST_USE int segment_open_read(struct segment *segment);
/* The descriptor for reading whole blocks past the page cache, or -errno. */
MUST_USE int segment_open_direct(struct segment *segment);
/* Makes sure that the log file exists and is open for writing, cut to what is filed. The directory exists. Not yet synced. */
MUST_USE int segment_open_write(struct segment *segment);
/* Another file stands in this one's place: it gets another name, and the segment is without a file, and empty. */
MUST_USE int segment_set_aside(struct segment *segment);
/* Writes what is in memory alone into its place in the file, now and synced, without moving a mark: for a file that is damaged. The file is there. */
MUST_USE int segment_restore(struct segment *segment);
/* Has its file anything but zeros behind `staged`? 1, 0, or an error. */
MUST_USE int segment_has_tail(struct segment *segment);
/* That is cut off durably, and kept beside it: nobody was told of it. */
MUST_USE int segment_cut_tail(struct segment *segment);
void segment_close_files(struct segment *segment);
/* The path of one of its files. */
void segment_path(const struct segment *segment, enum segment_file file, char *out, size_t out_size);

/* Where to begin to look for an offset of this segment: the position of a batch at or before it, and the last offset of that batch by the index
 * (-1: it is the segment's first). May read or rebuild the indexes. */
MUST_USE int segment_find(struct segment *segment, int64_t offset, uint64_t *position, int64_t *last_offset);
/* The same for a timestamp: the first record at or after it is not before this position. */
MUST_USE int segment_find_time(struct segment *segment, int64_t timestamp_ms, uint64_t *position, int64_t *last_offset);

/* Could the batch stand there, by its header: an offset range of this segment, and its bytes within what is staged? */
bool segment_header_fits(const struct segment *segment, uint64_t position, const struct batch *batch);
/* Reads the header of the batch at `position` from memory or the file, now. ERR_CORRUPT_LOG if there is none, or not one of this segment. */
MUST_USE int segment_read_header(struct segment *segment, uint64_t position, struct batch *out);
/* Reads bytes from memory or the file, now. ERR_CORRUPT_LOG: they are not all there. */
MUST_USE int segment_read_bytes(struct segment *segment, void *out, uint32_t size_bytes, uint64_t position);
/* The next whole batch behind the damaged one at `damaged_position`, whose offsets begin at `from_offset`. ERR_CORRUPT_LOG: there is none in
 * this segment. Reads the disk in place: for damage alone. */
MUST_USE int segment_resync(struct segment *segment, uint64_t damaged_position, int64_t from_offset, uint64_t *position, struct batch *out);
/* At `*position`, where `*due_offset` is due, a batch is damaged: where the damage begins (resync_find_begin). 0, or a read error. */
MUST_USE int segment_find_damage_begin(struct segment *segment, uint64_t *position, int64_t *due_offset);
/* Do the headers from this batch on lead to the next place that is known (resync_leads_on)? 1, 0, or a read error. */
MUST_USE int segment_leads_on(struct segment *segment, uint64_t position, const struct batch *batch);
/* Reads a whole checked batch into malloc'ed memory, now: for lookups by time. */
MUST_USE int segment_read_batch(struct segment *segment, const struct batch *batch, uint64_t position, uint8_t **out);

/* Writes new index entries to their files (not synced: they are derived), when there are many, or in any case if `is_final`. */
MUST_USE int segment_save_indexes(struct segment *segment, bool is_final);
/* The segment is complete and filed: cut the file to its size, write indexes and seal, close for writing. `is_fenced`: something of it is not served, so what is in
 * the file makes no seal that says anything else than the one that is there. */
MUST_USE int segment_seal(struct segment *segment, bool is_fenced);

/* ---- filing ------------------------------------------------------------------------------------------------------ */

typedef void filing_done_fn(struct segment *segment, void *context, struct mark target, int err);

/* Is there a filing free, so that segment_file will not say -EAGAIN? */
bool segment_can_file(const struct segment_home *home);
/* Begins to write [filed, target) and sync it; done() runs from the loop, and moves nothing: the caller does. -EAGAIN: all filings are taken;
 * -EBUSY: this segment has one in flight; other errors: the file cannot be made. */
MUST_USE int segment_file(struct segment *segment, struct mark target, filing_done_fn *done, void *context);
/* The same where nobody waits for it. The disk serves writes in the order in which it gets them, so a group of the journal would wait behind all that
 * is filed at once: a filing writes a share of behind_bytes_max at a time, and another should begin only when segment_can_file_behind(). And so that not all comes at
 * once: nothing more is written once behind_begun has come to behind_begun_max, in the middle of a filing too, which then waits for segment_let_behind(). */
MUST_USE int segment_file_behind(struct segment *segment, struct mark target, filing_done_fn *done, void *context);
void segment_let_behind(struct segment_home *home, uint64_t begun_max);
bool segment_can_file_behind(const struct segment_home *home);
/* Opens the file and reserves disk space up to `to`, so that filing so far cannot meet a full disk; and, begun before another file is opened, can always be
 * begun. -ENOSPC and others. */
MUST_USE int segment_prepare(struct segment *segment, uint64_t to);
/* Reserves as much as the file will have up to `to` once more, if it has been filed into before: a file that grows by many small pieces is then seldom
 * made longer by a write. Without room for that it does without. Errors: the file cannot be opened. */
MUST_USE int segment_prepare_growth(struct segment *segment, uint64_t to);
/* Cuts the zeros that pad the last filed block off the file, so that other tools see whole batches alone. `is_final`: what was reserved ahead goes
 * as well. Best effort. */
void segment_trim_padding(struct segment *segment, bool is_final);
/* Behind a filing that ended with ERR_GONE: the next one opens what has the name then, and looks at it as at the file of an earlier life. */
void segment_forget_file(struct segment *segment);
/* Moves `filed` and lets the memory below it go. */
void segment_set_filed(struct segment *segment, struct mark filed);
