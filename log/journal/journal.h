/* The commit journal of one shard: one sequential, pre-written, recycled file that makes what many
 * partitions received in one round durable with one write (DESIGN: the journal decides durability). It
 * carries opaque entries and knows neither batches nor segments.
 *
 * The interface is the one that a journal on another engine must offer as well: submit, in-order durable
 * callback, replay, trim, seal.
 *
 * Owner: the shard's thread. It never reads its file while it runs, never acknowledges before the bytes
 * are on stable storage, and never overwrites a group that has not been trimmed durably. */
#pragma once

#include "log/io/io.h"

struct journal;
struct ring_image; /* what one opening has read of the file (log/journal/ring_image.h) */

/* What an entry means is its writer's business (log/store); the journal stores and returns it whole. */
struct journal_entry {
	uint8_t kind;            /* 1..255, opaque */
	struct uuid topic_id;
	uint32_t partition;
	int64_t base_offset;
	int64_t end_offset;      /* one past the last offset */
	int64_t segment_base_offset;
	uint64_t position;       /* in that segment */
	uint32_t data_size_bytes; /* of the data meant, wherever it lies */
	uint64_t data_checksum;  /* XXH3-64 of the payload, by which recovery checks it (and by nothing else); without one it is the writer's */
	bool may_pass_span;      /* when it is added: room is taken for it beyond the span too (journal_set_span) */
	int64_t group_time_ms;   /* in a replay: what journal_set_time said of its group; 0: nothing */
	bool is_repeat;          /* in a replay: it is of a group that is lost, or of one before it; a later group repeats it, without its payload */
};

typedef void journal_durable_fn(void *context, uint64_t group_seq);
typedef void journal_failed_fn(void *context, int err);

struct journal_options {
	const char *path;
	uint64_t size_bytes;          /* of the file, kept from its creation on; a multiple of 64 KiB */
	uint32_t group_size_bytes_max; /* of one group's payload; bounds memory: that times groups_in_flight_max + 1 */
	uint32_t groups_in_flight_max; /* >= 1; callbacks come in order all the same */
	uint32_t shard_plus_one;      /* whose journal it is: another shard's is refused; 0: not said */
	struct uuid directory_id;     /* noted in the superblocks; zero: not said */
	uint64_t incarnation;         /* of this opening: larger than every one before (log/catalog/catalog.h), so never 0 */
	uint32_t chained_kinds;       /* bit k: entries of kind k go on from each other, so of one partition the newest of them tells all, whatever its kind */
	bool is_loss_accepted;        /* open even where nothing tells what was lost (row T): the report's untold_to says so, and the caller takes care */
	bool is_first;                /* nothing was acknowledged in this directory: a file that is made gets its name when the journal starts, which saves syncs */
	bool shows_all_repeats;       /* in a replay: also where nothing is lost, for people to look at */
	bool is_read_only;            /* for tools: nothing is created, only open, replay and close are allowed; of the rest only path matters; any loss is accepted */
	struct ring_image *image;     /* of an opening just before (journal_take_image), or NULL: what it has is not read again. It is the journal's then */
	journal_durable_fn *durable;  /* from the loop, in order of seq: every group up to and including it is durable */
	journal_failed_fn *failed;    /* a write or sync failed: the journal takes nothing more, ever */
	void *context;
};

/* What opening found; printed at start and by `spate log verify`. */
struct journal_report {
	bool was_created;
	bool was_clean;               /* the last group is a seal */
	uint64_t incarnation;         /* of the last opening that began to write; 0 if there was none, or nothing tells */
	uint64_t seed;                /* of this file: no other has it. 0: it cannot be read */
	struct uuid directory_id;     /* in whose data directory it was written; zero: not said (an earlier version) */
	uint64_t checkpoint;          /* the generation given to the last journal_trim that reached the superblock, 0 if none did */
	uint64_t log_starts;          /* the generation that journal_note_log_starts was told before that, 0 if none was */
	uint64_t groups;
	uint64_t group_bytes;         /* all that they take of the ring */
	uint64_t entries;
	uint64_t bytes_scanned;
	uint64_t first_seq, last_seq;
	uint64_t durable_seq;         /* the highest seq that some later whole group vouches for */
	uint64_t torn_groups;         /* at the end, never acknowledged: dropped */
	uint64_t damaged_groups;      /* below the durable point: acknowledged data is missing here; replay names it if the group's entries are whole */
	uint64_t untold_from, untold_to; /* such groups whose partitions and offsets nothing tells: [from, to]; 0: there are none */
	uint64_t size_bytes;          /* as its superblocks say, which counts */
	uint64_t cut_bytes;           /* of the file that are missing at its end: what was in them is lost */
	uint64_t tail_bytes;          /* behind its end, that somebody has added: nobody's */
	char decision;                /* the label of the recovery table's row */
};

/* Opens or creates the file and finds its whole groups, by the decision table in journal_recover.c.
 * Nothing is written yet, but for the creation of a file that was not there (is_first: under another name). ERR_FORMAT: not a journal, or
 * one of a later version. ERR_CORRUPT_LOG: both superblocks are damaged, or an opening
 * with this incarnation or a later one has written it. -EINVAL: sizes that do not fit each other (a group
 * of the maximum may take a quarter of the ring, and all buffers together the ring). The report is filled
 * in either case; journal_why puts its decision into words. */
MUST_USE int journal_open(struct journal **out, struct io *io, const struct journal_options *options, struct journal_report *report);

/* The last group that is known to have been durable, whether it is there or lost. */
static inline uint64_t journal_end(const struct journal_report *found)
{
	return found->last_seq > found->durable_seq ? found->last_seq : found->durable_seq;
}

/* What its superblocks say, or, if none is whole, the size of the file. -errno. */
MUST_USE int64_t journal_size_of(struct io *io, const char *path);

/* Why opening refused, by the report's decision: a few words, static. */
const char *journal_why(const struct journal_report *report);

/* Calls `replay` for each entry of each group of the history in order. An entry that was added with a
 * payload and comes without one: its payload is damaged, though it had been acknowledged (counted in
 * damaged_groups). Behind a group that is lost come the entries that later groups repeat (is_repeat), before their own: the newest of each
 * partition in the lost ones, and of others, which say nothing new. `group_is_vouched`: a later group or a superblock
 * says that this one was durable, so data it points to that fail their check are damage, not a torn tail.
 * A nonzero return ends the walk and is returned. */
typedef int journal_replay_fn(void *context, uint64_t group_seq, bool group_is_vouched, const struct journal_entry *entry, struct slice payload);
MUST_USE int journal_replay(struct journal *journal, journal_replay_fn *replay, void *context);

/* What was read so far, for the next opening of the same file; nobody may write it in between. NULL: nothing was kept. The journal can only be closed then. For ring_image_free. */
struct ring_image *journal_take_image(struct journal *journal);

/* Before a replay, for hints: the same calls for the groups at the end that nobody vouches for, and without repeats. */
MUST_USE int journal_show_unvouched(struct journal *journal, journal_replay_fn *show, void *context);

/* From within the last replay: memory of groups that it has passed, `size` bytes, takes the place of what is at `to`, mapped and the caller's; both are multiples of 2 MiB. What else needs
 * those groups reads them again. False: there is not as much. `journal`: a struct journal. */
bool journal_give_memory(void *journal, void *to, size_t size);

/* From within `replay`: the opening that wrote the group. */
uint64_t journal_replayed_incarnation(const struct journal *journal);

/* Before a start that must wait: what the replay has handed out may be in the disk's cache alone, if a process was killed, and is about to be served. It is written again where
 * it stands, and synced. 0 or -errno: nothing of it may be served then. */
MUST_USE int journal_keep_history(struct journal *journal);

/* Starts writing behind the last whole group. Replay is over; everything torn is out of reach of a later
 * recovery (by chain, seq and incarnation), whatever its bytes. Also begins to pre-write the never-written
 * part of the file in the background. */
MUST_USE int journal_start(struct journal *journal);

/* ---- the open group: add, hold, commit ------------------------------------------------------------------ */

/* Copies an entry and its payload (count 0: none) into the open group. False: it does not fit the group or
 * the file now: commit, and add again after the next durable callback. An entry of at most
 * JOURNAL_ENTRY_MAX(group_size_bytes_max) fits an empty group. */
MUST_USE bool journal_add(struct journal *journal, const struct journal_entry *entry, const struct iovec *payload, uint32_t count);
#define JOURNAL_OVERHEAD 4096u
/* A quarter of a group is kept for what it repeats of earlier ones. */
#define JOURNAL_ENTRY_MAX(group_size) ((group_size) - (group_size) / 4 - JOURNAL_OVERHEAD)

/* The open group is not reported durable before each hold on it is released: for data that an entry of it
 * points to and that is being made durable elsewhere. Returns the group's seq, which names it to
 * journal_release. */
uint64_t journal_hold(struct journal *journal);
void journal_release(struct journal *journal, uint64_t group_seq);

/* When the open group's entries came to be, for whoever replays them: the wall clock's time, above 0. */
void journal_set_time(struct journal *journal, int64_t wall_ms);

/* True if a commit would start now: something was added, and fewer groups than the maximum are in flight. */
bool journal_can_commit(const struct journal *journal);
/* Writes the open group; its durable callback follows. Returns its seq, which was the open seq. CHECKs
 * journal_can_commit. */
uint64_t journal_commit(struct journal *journal);

/* ---- space ------------------------------------------------------------------------------------------------- */

/* Nothing up to and including this durable group is needed any more. The room returns once the file says
 * so durably, which is written in the background (no callback: try again in a later turn). May be called
 * between replay and start as well, with the last seq replayed. */
void journal_trim(struct journal *journal, uint64_t group_seq);
/* A trim is cut at a few places of the ring alone, unless all that has entries goes. So will one be at the end of the last durable group from now on, until the
 * next call: what is added behind it can stay, and all before it go. */
void journal_mark(struct journal *journal);
/* What is trimmed from now on is in the checkpoint of this generation, which is durable; they only grow. An older checkpoint beside this journal
 * is not to be believed. */
void journal_note_checkpoint(struct journal *journal, uint64_t generation);
/* The same of the log starts, which are beside it once more: those of an earlier generation, or none, are not to be believed. */
void journal_note_log_starts(struct journal *journal, uint64_t generation);
/* Bytes taken by groups that are not trimmed durably, and what there is in all. */
uint64_t journal_used_bytes(const struct journal *journal);
/* No more of the ring than this is to be in use at once, as far as entries go that may not pass it: at least what a group takes; the whole ring until somebody says so. */
void journal_set_span(struct journal *journal, uint64_t size_bytes);
/* Of these, what no trim has been asked for: all that a further trim could give back. */
uint64_t journal_untrimmed_bytes(const struct journal *journal);
/* What all groups since the ring was made have taken of it, what they left at its end included: it only grows. */
uint64_t journal_taken_bytes(const struct journal *journal);
uint64_t journal_size_bytes(const struct journal *journal);
uint64_t journal_open_seq(const struct journal *journal);    /* of the group that journal_add fills */
uint64_t journal_durable_seq(const struct journal *journal); /* the last one reported */
bool journal_is_idle(const struct journal *journal);         /* nothing in flight, background writes included */
bool journal_is_writing(const struct journal *journal);      /* the disk is at work for it: its memory must stay; groups that are held do not count */
bool journal_has_failed(const struct journal *journal);
/* Does the path that it was opened by still lead to it? 0, ERR_GONE, -errno. */
MUST_USE int journal_check_name(const struct journal *journal, const char *path);

/* Begins no background work any more, so that journal_is_idle comes true soon; groups go on as before. */
void journal_quiesce(struct journal *journal);
/* Writes a group that vouches for all before it and says that the stop was clean; synchronous; then only
 * close. CHECKs journal_is_idle and that nothing was added to the open group. */
MUST_USE int journal_seal(struct journal *journal);
/* Frees all. Nothing of it may be in flight (journal_is_idle). */
void journal_close(struct journal *journal);
