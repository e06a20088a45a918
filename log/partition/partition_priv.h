/* What the files of log/partition and the store share: the partition itself and the home of all partitions of a store.
 * Private interfaces: net/ and the others use partition.h. */
#pragma once

#include "log/batch/compress.h"
#include "log/io/piecework.h"
#include "log/partition/partition.h"
#include "log/partition/producer.h"
#include "log/partition/refused_first.h"
#include "log/segment/epoch_file.h"
#include "log/segment/segment.h"

/* What the partitions of a store share. Embedded in the store, which drains its lists. Owner: the shard. */
struct partition_home {
	struct segment_home segments;
	struct io *io;
	struct batch_workspace *workspace;
	const char *dir;
	uint64_t incarnation;
	uint32_t producers_max;
	uint8_t *rebuild_buffer;        /* for batches that are re-encoded; grows to the largest one needed */
	size_t rebuild_buffer_size;
	int refusal;                    /* nonzero: every append is refused with this, but for repeats */
	bool refuses_repeats;           /* a producer's batch that is there already too: nobody can say that it is durable, or will be */
	int trim_refusal;               /* why a new log start cannot be made durable now, or 0 */
	int internal_refusal;           /* the same for those of coordinators, which a full disk does not stop at once */
	struct list dirty;              /* partitions with something to commit */
	struct list unfiled;            /* partitions whose durable bytes are not all in their files */
	struct list finished;           /* append operations to be answered at the next turn */
	struct list room_waits;
	struct list unsynced_dirs;      /* partitions whose directory has entries that a crash might take */
	bool is_top_unsynced;           /* the data directory itself has */
	struct list untimed;            /* partitions with append times that are in no file yet */
	struct list dropping;           /* partitions with segments that can be dropped */
	struct piecework drops;         /* goes on with them */
	struct list reads_waiting;      /* reads that wait for read memory, or for their turn at the disk */
	uint32_t reads_in_flight;
	uint64_t committed_ns;          /* when a group was last given to the disk; 0: never */
	bool wants_room;                /* since the last filing, an append found no memory, or none of its ways open before more is filed */
	bool has_rolled;                /* some segment became complete: the next checkpoint is worth its while */
	bool has_moved_start;           /* some log start is not yet in the file that repeats them */
	uint64_t filing_steps;          /* segments that were looked at to find those to file and to seal */
	bool has_new_damage;            /* something was fenced since the last checkpoint: the next one says so for good */
	uint64_t damaged_ranges;        /* fenced since the start */
	uint8_t *read_buffers; /* room for all, or NULL: none was needed yet */
	struct read_buffer *free_read_buffers;
	uint32_t read_buffers_used;
	uint64_t large_bytes;           /* of buffers that hold one large batch each */
	struct list large_waiting;      /* reads that wait until others have given such back */
	struct io_timer large_timer;    /* goes on with them */
	bool lacks_read_buffers;        /* a read waits for one that is lent to an answer */
	bool are_ends_doubtful;         /* the last stop was clean, by files that may have been put back: a log's end is looked at before it moves */
};

struct partition {
	struct partition_home *home;
	const struct topic *topic;      /* of the store's current image, which holds it */
	struct uuid topic_id;
	uint32_t index;
	char *dir;
	int64_t start_offset;           /* log start offset */
	int64_t durable_offset;         /* high watermark */
	struct list segments;           /* by base offset; the last one is active; never empty once something was appended */
	struct segment *filed_before;   /* all before it are complete and wholly filed, so they stay so; NULL: nothing is known */
	struct segment *sealed_before;  /* all before it are sealed; NULL: nothing is known */
	struct segment *active;         /* NULL: nothing was ever appended here, or recovered */
	int64_t next_offset;            /* log end offset */
	struct epochs epochs;
	struct producer_state *producers;
	struct refused_first *refused_first;
	struct list waiting;            /* append operations, by end offset */
	struct list trims;              /* trim operations not yet in a group */
	int64_t trim_offset;            /* the highest log start that any asked for: what groups are given, for a repeat tells the last one alone */
	struct list watches;
	struct list dirty_node, unfiled_node, unsynced_node, untimed_node, drop_node, store_node;
	int64_t cycle_end_offset;       /* the cycle under way must have all below this in files before it trims the journal */
	struct partition *hash_next;
	int offline_err;                /* why its files cannot be read or written (log/store/offline.c): nothing of them is asked; 0: they can */
	bool has_unentered;             /* something was filed under a name that is not durable yet */
	uint64_t refused_ns;            /* since when its files may not be opened; 0: they may */
	uint64_t complete_bytes;        /* of all segments but the active one */
	uint32_t references;            /* commit items, filings and reads in flight */
	bool has_dir, is_dir_checked, is_dir_syncing, has_failed, is_closed, epochs_changed, has_unsealed;
	bool is_retaining;
	bool is_end_doubtful;           /* nobody has looked yet whether its directory holds more than is known of it (later.c) */
	bool is_tail_unseen;            /* the files could not be read since a crash: behind the log's end may be what nobody was told of, and nothing is appended */
	bool has_tail;                  /* in a recovery: its files have something behind the log's end */
	bool has_kept;                  /* in a recovery: what was kept while it was offline is still to be replayed */
	int64_t later_to;               /* it does, up to this offset at least: nothing is appended; 0: it does not */
	bool is_told;                   /* in a recovery with a journal that has lost groups unnamed: something later tells of this log's end */
	int64_t journal_from;           /* in a scan: the journal has all that the log holds from this offset on; INT64_MAX: nothing is known of it */
	uint32_t journal_crc;           /* of the batch there; 0: not known */
	const struct told_partition *told; /* in a scan: what a checkpoint of an earlier time says of it; NULL: nothing */
	struct partition_witness {      /* in a scan: offsets [from, to) were filed at some time, whatever is found of them; to = 0: nothing tells */
		int64_t from, to;
		int64_t start;          /* the log start, as far as its own file tells */
		bool is_among_anothers; /* append times of another partition lie in its directory */
		int64_t file_base;      /* the segment of this base begins with this batch, the journal says, and its headers come to this; a CRC of 0: it does not say */
		uint32_t file_crc;
		struct mark file_vouched;
	} witness;
	bool is_dir_doubtful;           /* in a scan: the directory says another id, and nothing yet that this log is not in there */
	int64_t given_up_base;          /* in a scan: the last segment begins at it, and is given up with whatever it held; -1: none is */
	char *stranger;                 /* while the directory is listed for what is none of ours */
	struct trim_op retention;
	uint32_t damage_count;
	struct damage *damages;         /* sorted */
	struct partition_counters counters;
};

/* The room of a partition's data: made when it is first asked for, without any I/O. NULL = no memory. */
struct partition *partition__create(struct partition_home *home, const struct topic *topic, uint32_t index);
/* Ends every operation with ERR_CLOSED; the object goes when nothing is in flight any more. */
void partition__close(struct partition *partition);
void partition__retain(struct partition *partition);
void partition__release(struct partition *partition);

/* Makes the directory and its partition.metadata. Not yet synced: what is filed there counts only after partition__sync_dir. */
MUST_USE int partition__prepare_dir(struct partition *partition);
/* Does another topic's id stand in the directory of that name: what a deletion has left behind? 1, 0, or an error: it cannot be asked now. */
MUST_USE int partition__is_dir_anothers(struct partition *partition);
/* A file has been made in the directory. */
void partition__note_entry(struct partition *partition);
/* The same if the segment's file has been, since this was last asked: after whatever opens it for writing. What was lost with the one before is fenced. */
void partition__note_file(struct partition *partition, struct segment *segment);
/* What was found to be gone with the segment's file, or another's in it, when that was opened: after whatever opens it. */
void partition__note_lost(struct partition *partition, struct segment *segment);
/* Opens partition.metadata, written anew if it is not what it should be, to be synced. Descriptor or -errno. */
MUST_USE int partition__open_metadata(struct partition *partition);
/* The name of its directory once that is not the partition's any more: `<topic>-<index>.<tag>-delete`, the topic cut to what a name may be long. */
#define PARTITION_TAG_SIZE 33
void partition__deleted_path(const struct partition *partition, const char *tag, char *out, size_t size);
/* Makes the directory and what is in it durable; the data directory's own entry is the store's to sync. */
MUST_USE int partition__sync_dir(struct partition *partition);

/* A segment of this partition, in no list yet. NULL = no memory. */
struct segment *partition__create_segment(struct partition *partition, int64_t base_offset);
/* Starts a new active segment at the log end. -ENOMEM. */
MUST_USE int partition__roll(struct partition *partition);

/* Room for what is learnt of a batch: -ENOMEM, ERR_BUSY (producer_reserve). */
MUST_USE int partition__reserve(struct partition *partition, const struct batch *batch);

/* Takes one whole stamped batch at the log end, without judging it: for append and replay. The room was reserved. */
void partition__stage(struct partition *partition, const uint8_t *bytes, const struct batch *batch, int64_t max_timestamp_offset);
/* The parts of it that do not touch the segment: epochs, producers; for data that recovery finds in place. */
void partition__learn(struct partition *partition, const struct batch *batch);

/* The one function that moves the high watermark: up to `segment`'s new durable mark (which `is_filed` as well, if it went straight to
 * the file). Tells nobody. */
void partition__set_durable(struct partition *partition, struct segment *segment, struct mark durable, bool is_filed);
/* Answers what waited for the high watermark where it is now. */
void partition__tell_durable(struct partition *partition);

/* [from, to) of the segment was made durable by a group of that time (0: not known). */
void partition__note_append_time(struct partition *partition, struct segment *segment, int64_t from, int64_t to, int64_t time_ms);
/* Writes what was noted beside the segments, as far as these have files; at most *left of them, which are taken off it. True: some is left; if
 * *left is not 0, it could not be written, and is for another cycle. */
bool partition__write_append_times(struct partition *partition, uint32_t *left);

/* Moves the log start offset (durable already) and drops the segments that lie wholly before it. */
void partition__set_start(struct partition *partition, int64_t start_offset);

/* damage.c: fences [from, to), and tells so on stderr. */
void partition__add_damage(struct partition *partition, int64_t from, int64_t to);
/* Takes away what of the fences stands before [from, to), for who has seen that what was filed there is in its file again. Nothing, without memory. */
void partition__lift_damage(struct partition *partition, int64_t from, int64_t to);
/* Is anything of [from, to) fenced? */
bool partition__is_damaged(const struct partition *partition, int64_t from, int64_t to);
/* Is the offset in a fenced range? Then *from is where that begins. For the segments' home, which knows a partition by its address alone. */
bool partition__find_damage(const void *partition, int64_t offset, int64_t *from);
/* Fences the damage at `position`, up to the next whole batch or the segment's end, and says where that is. Its offsets begin at `expected`; where
 * that is not known (-1: nothing good was read before it), only what certainly is damaged is fenced, `wanted` with it. 1: the next batch was
 * found; 0: none follows in this segment; or a read error, and nothing is fenced. Reads the disk in place: for damage alone. */
MUST_USE int partition__fence(struct partition *partition, struct segment *segment, uint64_t position, int64_t expected, int64_t wanted,
		      uint64_t *next_position, int64_t *next_offset);
/* Does the batch there fail its check? 1, 0, or a read error. For one that was passed over by its header alone, where no batch begins behind it: it may be
 * that header that lies. Reads the disk in place. */
MUST_USE int partition__is_batch_bad(struct segment *segment, uint64_t position);
/* later.c: are records there behind the log's end, up to *to at least? 1, 0, or a shortage. After a crash only of who has a tail. */
MUST_USE int partition__find_later(const struct partition *partition, bool was_clean, int64_t *to);
/* The same, noted and told. ERR_CORRUPT_LOG: there are; a shortage: nobody knows now. */
MUST_USE int partition__look_behind_end(struct partition *partition, bool was_clean);
/* Likewise, once in a life. */
MUST_USE int partition__look_at_end(struct partition *partition);
/* What a CRC does not cover, of a batch whose base offset should be `expected`: that, and the leader epoch. */
bool partition__is_header_right(const struct partition *partition, const struct batch *batch, int64_t expected);

/* Takes it out of the log, for who drops it or puts another in its place, and frees it; where somebody reads it, the last reader does. */
void partition__let_segment_go(struct partition *partition, struct segment *segment);

/* The next cycle writes its seal and indexes anew. The segment is complete and filed. */
void partition__seal_again(struct partition *partition, struct segment *segment);

/* Takes up a segment that recovery has found and linked: the log now ends with it. */
void partition__recovered_segment(struct partition *partition, struct segment *segment);

/* The partition is offline: what waits for what no group has yet ends with this, and who watches it is told. */
void partition__end_uncommitted(struct partition *partition, int err);
/* Nothing of it is under way: what its files have not is not in memory any more, nor any segment behind the first that lacks something. Its offsets stay. */
void partition__forget_unfiled(struct partition *partition);

/* Durability is broken: what waits ends with ERR_FAILED, and so does every append from now on. */
void partition__fail(struct partition *partition);

/* The segment that holds an offset in [start, log end), or NULL. */
struct segment *partition__segment_at(const struct partition *partition, int64_t offset);

/* Links the partition into its home's list of partitions to commit. */
void partition__mark_dirty(struct partition *partition);

/* Deletes what retention.ms and retention.bytes say, by way of a trim; true if it began one. */
bool partition__retain_check(struct partition *partition, int64_t now_ms);

/* The first damage that ends behind an offset, or NULL. */
const struct damage *partition__next_damage(const struct partition *partition, int64_t offset);
/* Says in the answer whether batches lie behind this position of the segment, where its pieces end. */
void partition__tell_more(struct read_op *op, const struct segment *segment, uint64_t end);
/* A read from its beginning, as partition_read makes it, for one that has waited. */
enum read_result partition__read_again(struct read_op *op);
/* Answers with the whole batches from `position` (in memory) on, none of them reaching `limit_offset` or further. false: it waits, as disk_read_take_large says. */
bool partition__answer_from_memory(struct read_op *op, struct segment *segment, uint64_t position, int64_t limit_offset);
/* Gives back the read buffers that are kept for reuse. */
void partition__free_read_buffers(struct partition_home *home);

/* Wakes every watch: the log start has moved, or the partition goes. */
void partition__wake_all(struct partition *partition);

/* Drops what lies wholly before the log start, is sealed, and is in a checkpoint: until then the journal's entries of direct pieces may need the file, for
 * who its producers are. The first few at once, the others a few at a time, by a timer: the loop waits for each file that is removed, and so does everybody. */
void partition__drop_segments(struct partition *partition);
/* Leaves the others where they are: the store closes, and the next one drops them. */
void partition__stop_dropping(struct partition_home *home);
