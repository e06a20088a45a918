/* What the files of log/store share: the store itself. Private interfaces. */
#pragma once

#include "log/io/small_file.h"
#include "log/journal/journal.h"
#include "log/partition/partition_priv.h"
#include "log/segment/witness.h"
#include "log/store/dir_sync.h"
#include "log/store/retention_clock.h"
#include "log/store/scrub.h"
#include "log/store/store.h"

/* The kinds of journal entries. On disk: they must never change. */
enum entry_kind {
	ENTRY_BATCHES = 1,   /* the payload is whole batches, to be staged at (segment, position) */
	ENTRY_DIRECT = 2,    /* the batches lie in the segment file itself; data_checksum: log/store/direct_checksum.h */
	ENTRY_LOG_START = 3, /* base_offset is the partition's log start offset from now on */
	ENTRY_CATALOG = 4,   /* of no partition: the catalog's last durable record had the sequence base_offset, in the opening end_offset */
	ENTRY_DIRECT_TOLD = 5, /* as ENTRY_DIRECT, and the payload is its batches' headers: what they say need not be read from the file */
	ENTRY_LOG_ENDS = 6,  /* of no partition: the payload says where each log ends (log_ends.c) */
	ENTRY_LOG_FILES = 7, /* and this one's whose the files are that they go on in */
};

static inline bool entry_is_direct(const struct journal_entry *entry)
{
	return entry->kind == ENTRY_DIRECT || entry->kind == ENTRY_DIRECT_TOLD;
}

#define DIRECT_HEADERS_MAX 256u /* a piece of more batches, or of small ones, does not tell its headers */

/* One segment's part in a group. */
struct commit_item {
	struct partition *partition;
	struct segment *segment;
	struct mark target;
	bool is_direct;
};

/* The group in flight; one at a time: what arrives meanwhile rides the next one. */
struct group {
	bool is_in_flight;
	uint64_t seq;
	int64_t time_ms;               /* when it was closed, by the wall clock: the append time of all in it */
	uint32_t count, capacity;
	struct commit_item *items;
	uint32_t direct_size_min;      /* of what goes straight to its segment */
	uint32_t direct_count;         /* pieces on their way straight to their segments, and their bytes */
	uint64_t direct_bytes;
	uint64_t behind_bytes;         /* that the journal alone had before them, and that are written with them */
	struct list trims;
	struct list catalog_notes;     /* that it is what they wait for */
};

/* Write-behind: one cycle at a time files what is durable, writes the checkpoint, and lets the journal go. */
enum cycle_state { CYCLE_IDLE, CYCLE_FILING, CYCLE_SYNCING, CYCLE_CHECKPOINTING };

/* What the pace of a cycle is counted from. */
struct pace {
	uint64_t began_ns;
	uint64_t began_untrimmed;      /* what the cycle has to file, or a little less */
	uint64_t began_taken;          /* by groups, of the journal */
	uint64_t began_begun;          /* of what is filed */
	bool is_pressed;               /* somebody waits for its end (store__press_filing) */
};

struct cycle {
	enum cycle_state state;
	uint64_t trim_seq;             /* the journal is not needed up to here when the cycle ends */
	struct pace pace;
	uint32_t in_flight;
	uint32_t filed_count;          /* partitions that the cycle, or the last one, had to file */
	uint32_t saved_count;          /* partitions whose derived files were written */
	struct list queue;             /* partitions still to be filed */
	struct list untimed;           /* partitions whose append times are still to be written */
	struct io_timer timer;         /* the next cycle at the latest */
	struct io_timer retry;         /* after a full disk */
	uint64_t direct_bytes;         /* gone straight to segments since the last checkpoint */
	uint64_t told_direct_bytes;    /* the part of it that the checkpoint under way tells of; and so: */
	bool told_rolled, told_damage;
	bool is_retrying;              /* no cycle begins, and nothing is filed, until that timer has run */
	bool is_tidy;                  /* there is no pressure: files are cut to their size */
	bool is_due;                   /* a cycle must run, even if there is nothing to file: for what its end does */
	bool must_tell_ends;           /* to the journal, with its next group */
	uint64_t ends_seq;             /* the group that tells them, until one lets go what is before it; 0: none does */
};

/* What could not be opened, or had no memory, is tried again. */
struct shortage {
	struct io_timer timer;         /* brings the turn that tries again */
	int err;                       /* what ran short; 0: nothing does now */
	uint64_t count;
};

/* A checkpoint on its way to the disk. */
struct checkpoint_writing {
	struct small_file_replacing replacing;
	uint8_t *data;
	size_t size;
	uint64_t generation;
	bool is_over;                  /* and its error is for the cycle's end */
	bool is_copying;               /* it is in place, and its copy is under way */
	int err;
};

/* A partition whose files cannot be read or written, or could not before this start (offline.c). */
struct offline {
	struct uuid topic_id;
	uint32_t index;
	int err;                       /* why; 0: they can, and what was kept is taken up again */
	bool has_file;                 /* what is kept of it is in a file */
	bool is_going;                 /* memory has it still (go_offline.c) */
	bool is_kept;                  /* of one that goes: durably, what memory has */
	uint32_t held_count;           /* of one that goes: pieces of the group in flight that did not get into its files */
	int64_t from;                  /* what is kept in the file begins at this offset; INT64_MAX: no record is */
	struct slice file;             /* in a recovery: that file's bytes; malloc'ed */
	uint8_t *data;                 /* entries that are to be kept; malloc'ed */
	size_t size, capacity;
};

/* Directories of deleted partitions, which go a few files at a time. */
struct removals {
	struct list dirs;
	struct piecework work;
	char **names;                  /* of files in the first one, still to be removed */
	uint32_t name_count;
	struct io_op sync;             /* of the data directory, with their new names */
	bool are_names_unsynced, is_syncing;
};

struct store {
	struct partition_home home;
	struct store_options options;
	char *dir;
	struct cache *cache;
	struct journal *journal;
	const struct catalog_image *image;
	struct partition **buckets;
	uint32_t bucket_mask, partition_count;
	struct list partitions;
	struct group group;
	struct commit_item *spare_items; /* the array the next group fills while the last one's waiters are told */
	uint32_t spare_capacity;
	struct cycle cycle;
	struct dir_syncs dir_syncs;
	struct io_timer retention_timer;
	struct io_timer unseen_timer;  /* logs whose ends are looked at again */
	struct retention_clock retention_clock;
	struct scrub scrub;
	struct XXH3_state_s *hash;
	uint8_t *direct_headers;       /* of the piece that is being committed; DIRECT_HEADERS_MAX of them */
	uint32_t group_size_bytes_max;
	uint64_t journal_size_asked;   /* of a new one; 0: nobody has said */
	uint64_t catalog_sequence;     /* the last one that the journal was told; 0: none in this life */
	struct list catalog_notes;     /* for the next group */
	uint64_t room_generation;      /* cache_generation when those who wait for room were last told */
	int failure;                   /* nonzero: durability is broken, and why */
	bool is_full, is_stopping, is_stopped, is_recovering, is_closing;
	bool must_file_first;          /* recovery's first cycle is not over: the journal may not be written before. A full disk keeps it so */
	bool is_held;                  /* store_hold: another shard's may not be written yet, or the catalog does not know that all may */
	bool has_journal_started;
	bool is_start_put_off;         /* until store_start */
	uint64_t journal_looked_ns;    /* when it was looked for last */
	bool is_journal_gone;          /* its name leads elsewhere: nothing is taken any more; what was taken is filed, and the store fails (journal_gone.c) */
	bool may_checkpoint_be_foreign; /* the file of that name is none that can be used */
	struct journal_report journal_found; /* when this store was opened */
	uint64_t journal_seed;         /* of the journal in use */
	uint64_t journal_incarnation;  /* of the opening that has written its superblocks, as far as is certain */
	uint64_t starts_generation;    /* of the log-start file that was read or written last; 0: there is none, or it does not say */
	uint64_t checkpoint_generation; /* of the checkpoint on disk; 0: there is none, or it does not say */
	struct slice told;             /* in a recovery: a checkpoint of this journal, perhaps of an earlier time; malloc'ed */
	bool is_checkpoint_earlier;    /* what was read last is a checkpoint, but of an earlier time than the journal was let go for */
	bool is_checkpoint_anothers;   /* what was read last is a checkpoint, but not of this journal */
	struct checkpoint_writing checkpoint;
	struct shortage shortage;
	struct removals removals;
	struct offline *offline;       /* malloc'ed */
	uint32_t offline_count, going_count;
	bool has_reserve;
	bool is_journal_new;           /* made by this opening */
	bool is_journal_put_back;      /* the catalog knows a later opening that it had noted */
	bool is_journal_behind;        /* the checkpoint that was read last knows a later group than its last one */
	bool is_journal_alien;         /* one of these, or the checkpoint was not written beside it, or beside a later opening's state of it */
	bool is_all_filed;             /* the checkpoint that is believed says that a lost journal had nothing of its own */
	bool is_journal_whole;         /* it holds every group since the directory was made: none has ever been trimmed */
	bool is_final_cycle_done;      /* of the stop: everything is filed, and the checkpoint says so */
	uint32_t tries_at_stop;        /* how often the disk was found full, or the system short, since the stop began */
	uint64_t stop_began_ns;
};

/* store_commit.c */
void store__commit(struct store *store);
void store__group_durable(void *context, uint64_t seq);
/* The store has failed: the trims of the group in flight end with ERR_FAILED, and nothing is noted any more. */
void store__fail_group(struct store *store);

/* write_behind.c */
/* The one way into and out of the state of a full disk. */
void store__set_full(struct store *store, bool is_full);
/* There was no room for something: the disk is full, and it is to be tried in a second. */
void store__retry_later(struct store *store);
/* What waits for its next try on a full disk is tried now. */
void store__retry_now(struct store *store);
/* They try again, and are taken, refused, or wait once more. */
void store__wake_room_waits(struct store *store);
void store__cycle_turn(struct store *store);
bool store__cycle_is_idle(const struct store *store);
/* In a recovery: all that these partitions have is in their files, synced, when it returns, but for what is offline; nothing else is waited for or written. An error: *failed is who met it, or NULL. */
MUST_USE int store__file_now(struct store *store, struct partition *const *partitions, uint32_t count, struct partition **failed);
/* The store stops, and all that was ever accepted is in files. */
bool store__is_all_filed(const struct store *store);

/* filing_pace.c */
/* More waits in the journal than a cycle begins with. */
bool store__has_much_to_file(const struct store *store);
/* So much that filing does not keep up. */
bool store__is_filing_late(const struct store *store);
/* A large piece would go straight to its segment, which is being filed: a load that lasts is to be written once, so this cycle ends as soon as it can. */
void store__press_filing(struct store *store);
/* How much of the ring may be in use: by how many partitions there were to file in the last cycle. */
void store__set_journal_span(struct store *store);
/* And is there more for commits of groups, where nothing can be filed? Log starts have the last of it. */
bool store__has_room_for_commits(const struct store *store);
/* Behind the replay, and before the span is set: what is to be filed now counts as if a cycle had had it. */
void store__count_replayed(struct store *store);
/* Somebody waits for what is filed, or soon will: not for a group of the journal, but for room. */
bool store__must_hurry(const struct store *store);
/* With the cycle; and how much of what is filed may be written now, in each turn in which it files, of a store that failed as well. */
void store__begin_pace(struct store *store);
void store__set_pace(struct store *store);

/* store_stop.c */
/* Of a store that stops, behind all else: is it over? */
void store__stop_turn(struct store *store);

/* shortage.c */
/* Before anything was written: nobody says that it cannot be, but it cannot be now. A shortage; and what may not be opened, until somebody puts its mode or owner
 * right. */
bool store__may_pass(int err);
/* Such an error: nothing has failed, and a turn will come in which to try again. */
void store__note_shortage(struct store *store, int err);
/* It was a moment ago: not yet. */
bool store__must_wait(const struct store *store);
/* Something has ended that may have given back what was short: at once, then. */
void store__try_again(struct store *store);
/* All went well again. */
void store__end_shortage(struct store *store);

/* unseen_tail.c */
/* The end of this log could not be looked at behind a crash: nothing is appended to it until it was. */
void store__note_unseen_tail(struct store *store, struct partition *partition, int err);
/* What is behind it could not be cut off: likewise, or its partition is offline. */
void store__note_uncut_tail(struct store *store, struct partition *partition, int err);
/* Begins to try again, behind a recovery. */
void store__wait_for_unseen_tails(struct store *store);
/* Then no stop is a clean one: the next start has to look again. */
bool store__has_unseen_tails(const struct store *store);

/* removal.c */
/* The catalog has forgotten the partition's topic: its directory gives its name up at once, and goes behind everybody's back. */
void store__remove_dir(struct store *store, const struct partition *partition);
/* The same with those that an earlier life has left. */
void store__find_deleted(struct store *store);
/* Leaves the others where they are: the store closes. */
void store__stop_removing(struct store *store);

/* reserve.c */
void store__find_reserve(struct store *store);
/* False: there is no room for it. */
bool store__hold_reserve(struct store *store);
void store__release_reserve(struct store *store);

/* old_names.c */
/* Before the recovery: directories that have a name of earlier builds get theirs. An error: report->why says what to do. */
MUST_USE int store__take_old_names(struct store *store, struct store_report *report);

/* checkpoint.c */
/* Of a file that is replaced whole, when the one in its place is of generation `last`. */
uint64_t store__generation_after(const struct store *store, uint64_t last);
MUST_USE int store__write_checkpoint(struct store *store);
/* The same of what is so now, in the background: store->checkpoint.is_over says when it has ended. An error: nothing is under way. */
MUST_USE int store__start_checkpoint(struct store *store);
/* The bytes of `checkpoint-<shard>` (suffix "") or of its copy, to be freed: whole, if it is a file of a size that can be. Errors of small_file_read. */
MUST_USE int store__load_checkpoint(struct io *io, const char *dir, uint32_t shard, const char *suffix, uint8_t **data, size_t *size);
/* The last group of its journal that was durable when these bytes, whole, were written; 0: they do not say. */
uint64_t store__checkpoint_journal_end(struct slice header);
/* The seed of the journal beside it, and its own generation. ERR_CORRUPT_LOG: it fails its check, or is of a version that did not say. */
MUST_USE int store__checkpoint_journal(struct slice file, uint64_t *seed, uint64_t *generation);
/* How far the catalog had come when these bytes were written, and the seed of the journal beside them (0: an earlier version, which does not say). ERR_CORRUPT_LOG,
 * ERR_FORMAT: they are no checkpoint. */
MUST_USE int store__checkpoint_mark(struct slice file, struct catalog_mark *mark, uint64_t *journal_seed);
/* The partitions that these bytes tell of, as long as they are a checkpoint. */
void store__checkpoint_partitions(struct slice file, store_told_partition_fn *take, void *context);
/* And their segments whose first batch is known. */
void store__checkpoint_files(struct slice file, store_told_file_fn *take, void *context);
/* The same, and up to which offset all of a partition is filed. Nonzero ends it, and is returned. */
typedef int checkpoint_filed_fn(void *context, const struct uuid *topic_id, uint32_t partition, int64_t filed_offset);
MUST_USE int store__checkpoint_filed(struct slice file, checkpoint_filed_fn *take, void *context);
/* -ENOENT: there is none. ERR_CORRUPT_LOG, ERR_FORMAT: it cannot be used, and nothing was taken from it. */
MUST_USE int store__read_checkpoint(struct store *store);
/* The same of its copy. One that may be used is as good as the checkpoint. */
MUST_USE int store__read_checkpoint_copy(struct store *store);
/* The copy is whole, of this journal's, and of a later time than the checkpoint that was read. */
bool store__is_copy_later(struct store *store);

/* What the last of both that was whole said, used or not: at some time of this journal's, these segments held at least that. */
struct told_partition {
	int64_t start_offset;
	uint32_t segment_count, version;
	const uint8_t *at;
};
struct told_segment {
	int64_t base_offset;
	struct mark filed;
	uint32_t first_crc; /* 0: not known */
	struct mark vouched; /* its position and headers; at 0: nothing */
	uint32_t i; /* of the partition's */
};
typedef int told_partition_fn(void *context, struct partition *partition, const struct told_partition *told);
/* Each partition of it that there is. */
MUST_USE int store__each_told(struct store *store, told_partition_fn *take, void *context);
struct told_segment store__told_segment(const struct told_partition *told, uint32_t i);
/* Its marks on the way, to be freed. NULL: none, or no memory. */
struct mark_steps *store__told_steps(const struct told_partition *told, const struct told_segment *segment);
void store__forget_told(struct store *store);

/* recover_told.c */
/* What a scan is held against. Before it: each partition gets what an earlier checkpoint says of it. */
MUST_USE int store__note_told(struct store *store);
/* Behind it. */
void store__release_told(struct store *store);
/* Behind it: does a log hold, or did it hold, more than that checkpoint says was filed? Then something was accepted after it. */
bool store__is_told_outgrown(const struct store *store);
/* The segment is to be the one that the checkpoint tells of: before its file is opened. */
void store__identify_by_told(struct partition *partition, struct segment *segment);
/* The CRC of its first batch as that checkpoint knows it; 0: it does not. */
uint32_t store__told_first_crc(const struct partition *partition, int64_t base_offset);
/* Whose are the append times of that base, and how far do they go? Into partition->witness. */
MUST_USE int store__ask_append_times(struct store *store, struct partition *partition, int64_t base_offset);
/* What lies beside a .log, to be held against its batches. */
MUST_USE int store__open_witness(struct store *store, struct partition *partition, int64_t base_offset, int64_t next_base, struct segment_witness *witness);
/* How far each log went when the journal was let go last, by its own word; but what it has of them itself is not filed. Into partition->witness. */
MUST_USE int store__ask_log_ends(struct store *store);
/* Before a scan: each partition gets what the journal says of the file that it goes on in. */
MUST_USE int store__ask_log_files(struct store *store);
/* Of the first batch that an entry of the journal tells of; 0: it does not. */
uint32_t store__first_crc(const struct journal_entry *entry, struct slice payload);

/* log_starts.c */
typedef void log_start_fn(struct partition *partition, int64_t start_offset);
MUST_USE int store__write_log_starts(struct store *store);
/* Hands out what the file says of partitions that there are; store->starts_generation becomes that of the file, 0 if it says none. -ENOENT; ERR_CORRUPT_LOG: it fails its check, and some may have been handed out. */
MUST_USE int store__read_log_starts(struct store *store, log_start_fn *take);
/* The same of the file's text, which is changed. 0 as its generation: it is an earlier build's. */
typedef int told_start_fn(void *context, const struct uuid *id, uint32_t index, int64_t offset);
MUST_USE int store__take_log_starts(char *text, size_t size, told_start_fn *take, void *context, uint64_t *generation);
/* Does the journal, which knows generation `known` (0: none), know of a later file than the one whose reading ended with `err`? */
bool store__are_log_starts_behind(int err, uint64_t generation, uint64_t known);
/* Of one that is behind, or cannot be used: it is ... */
const char *store__what_is_wrong_with_log_starts(int err);

/* log_ends.c */
struct log_end {
	struct uuid topic_id;
	uint32_t index;
	int64_t start_offset, end_offset;
};
typedef int log_end_fn(void *context, const struct log_end *end);
struct log_file {
	struct uuid topic_id;
	uint32_t index;
	int64_t base_offset;
	uint32_t first_crc;
	struct mark vouched; /* its position and headers */
};
typedef int log_file_fn(void *context, const struct log_file *file);
MUST_USE int store__each_log_file(struct slice payload, log_file_fn *take, void *context);
/* Into the journal's open group. False: it has not been added, as there is nothing to tell, or no room for it. */
bool store__add_log_ends(struct store *store);
/* What the payload of such an entry tells; one that is none tells nothing. */
MUST_USE int store__each_log_end(struct slice payload, log_end_fn *take, void *context);
/* And the time that retention went by (retention_clock_left); below 0: it does not say. */
int64_t store__told_retention_time(struct slice payload);

/* catalog_mark.c */
/* The larger of the two into `known`. */
void store__raise_mark(struct catalog_mark *known, struct catalog_mark mark);
/* Of who asks journals and checkpoints: 0 if what failed tells nothing, as it is damaged or not there. What may not be read tells perhaps what counts: nothing must be
 * changed before it was. */
int store__final_error(int err);
/* What the entry says, which is of the kind ENTRY_CATALOG. */
struct catalog_mark store__entry_mark(const struct journal_entry *entry);

/* recover_direct.c */
enum direct_state { DIRECT_FITS, DIRECT_IS_DAMAGED, DIRECT_HAS_NO_FILE };
/* Is the segment's file there, and as long as the entry says? 1, 0, or an error. Nothing of the piece is read. */
MUST_USE int store__has_direct(struct segment *segment, const struct journal_entry *entry);
/* Do the segment's bytes fit the entry? Headers always; the CRC of every batch if `must_check_all`. Learns nothing. -errno: the disk would not tell. */
MUST_USE int store__check_direct(struct segment *segment, const struct journal_entry *entry, bool must_check_all, enum direct_state *state);
/* Takes in what the headers of a piece that fits say. */
MUST_USE int store__learn_direct(struct partition *partition, struct segment *segment, const struct journal_entry *entry);
/* The same from the headers that the entry tells. ERR_CORRUPT_LOG: they are not those of such a piece, and nothing was taken in. */
MUST_USE int store__learn_told(struct partition *partition, struct segment *segment, const struct journal_entry *entry, struct slice headers);
/* Behind the piece, with what its headers come to if that is known of what lies before it. They were learnt. */
struct mark store__told_end(const struct segment *segment, const struct journal_entry *entry, struct slice headers);
/* Segments are filed in the order of their offsets, and the checkpoint stops at the first that is not: none behind it may be. */
bool store__are_filed_before(const struct partition *partition, const struct segment *segment);
/* Brings everything before a piece into files, now: the segments before `last`, and what of `last` is in memory alone. */
MUST_USE int store__file_before_direct(struct partition *partition, struct segment *last);
/* Takes those batches of a damaged piece, which the segment has adopted, that are whole; the offsets of the others are lost. */
typedef int lost_fn(void *context, struct partition *partition, int64_t from, int64_t to);
MUST_USE int store__salvage_direct(struct partition *partition, struct segment *segment, const struct journal_entry *entry, int32_t epoch, lost_fn *lost,
				   void *context);
/* Do whole batches of epochs up to this lead in the segment's file from what it has staged exactly to `to`? Learns nothing; opens the file if so. */
MUST_USE int store__check_up_to(struct partition *partition, struct segment *segment, struct mark to, int32_t epoch_max, bool *is_whole);
/* Room for what is learnt of a batch. */
MUST_USE int store__make_room_for(struct partition *partition, const struct batch *batch);

/* recover_end.c */
/* Is anything behind its end? 1, 0, or an error. */
MUST_USE int store__has_tail(struct partition *partition);
/* Takes that away: it is kept beside the log, and nobody was told of it. */
MUST_USE int store__cut_tail(struct partition *partition);
/* What of a partition could not be read, where that refuses a whole start: why it does, and the ways out. */
void store__explain_unread(const struct partition *partition, int err, struct store_report *report);
/* Likewise of all that have one, before anybody is served. */
MUST_USE int store__cut_tails(struct store *store);
/* Makes the partitions that have a directory, whether anything else knows of them or not. */
MUST_USE int store__find_directories(struct store *store);

/* offline.c (what a recovery asks of it: recover_priv.h) */
/* An entry as it is kept. */
struct kept_entry {
	struct journal_entry entry;
	uint64_t seq, incarnation;
	bool is_vouched;
	uint32_t payload_size;
};
/* Where it is noted: valid until another is. NULL: no memory. */
struct offline *store__note_offline(struct store *store, const struct partition *partition);
/* Behind what is to be kept; the payload's bytes are to be written to *payload. */
MUST_USE int store__keep(struct offline *offline, const struct kept_entry *kept, uint8_t **payload);
/* All that is to be kept, durably, and what was kept before and is loaded, behind it. */
MUST_USE int store__write_kept_file(struct store *store, struct offline *offline);
/* What is loaded or collected of it goes. */
void store__forget_kept_data(struct offline *offline);
/* Why the partition is offline, or 0. */
int store__offline_err(const struct store *store, const struct uuid *topic_id, uint32_t index);
/* Is anything kept of partitions that can be read again? Until it is filed, and a checkpoint says so, nothing new may be taken. */
bool store__has_returned(const struct store *store);
/* Then, durably: they are as any. */
MUST_USE int store__drop_kept(struct store *store);
/* Of a partition whose topic was deleted. */
void store__forget_kept(struct store *store, const struct partition *partition);
void store__free_offline(struct store *store);

/* go_offline.c */
/* An error that tells of one partition's files alone, while the store runs. */
bool store__is_its_own_fault(int err);
/* For such an error: the partition is offline from now on, and its part of the journal is let go when a later turn has kept it. */
void store__go_offline(struct store *store, struct partition *partition, int err);
/* A piece of the group in flight, which the journal is held for, did not get into its files: it is released when it is kept. */
void store__hold_piece(struct store *store, const struct partition *partition);
/* Of an error that may pass (store__may_pass): it has not, and the partition is to go offline. */
bool store__has_waited_enough(const struct store *store, struct partition *partition, int err);
/* dir_sync.c: something is in its files that was not before; perhaps under a name that is not durable yet. */
void store__note_filed(struct partition *partition);
/* Memory has partitions still that are offline: no cycle may end. */
bool store__is_any_going(const struct store *store);
/* In each turn of the cycle, while there are any. */
void store__go_offline_turn(struct store *store);

/* recover_look.c */
/* What the replay, and the cutting behind it, will open and list, is fetched at once. How many partitions that were: looked_at. */
uint32_t store__look_before_replay(struct store *store);
/* And behind it, of those that have come since. */
void store__look_at_new(struct store *store, uint32_t known_count);

/* recover.c (what its files share: recover_priv.h) */
MUST_USE int store__recover(struct store *store, struct store_report *report);

/* store.c */
void store__fail(struct store *store, int err);
void store__update_refusal(struct store *store);
void store__journal_path(const struct store *store, char *out, size_t size);
/* What the shard's journal can have had. */
uint64_t store__journal_size_max(const struct store *store);
/* journal_gone.c: does its name still lead to the journal? If not, nothing is taken any more. */
void store__look_for_journal(struct store *store);
/* The same, now and then. */
void store__glance_at_journal(struct store *store);
/* From here on the journal vouches for what was replayed, and takes groups. */
MUST_USE int store__start_journal(struct store *store);
/* Finds, or makes if the image has it and this shard owns it; else *out is NULL. -ENOMEM: nobody knows, and recovery must not take it for a
 * partition that is not there. */
MUST_USE int store__find_partition(struct store *store, const struct uuid *topic_id, uint32_t index, struct partition **out);
void store__forget_partitions(struct store *store);
