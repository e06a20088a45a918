/* What the files of log/journal share: the journal's own structure and the functions between them. Nobody else includes this, but
 * for the room's tests.
 *
 *   journal.c           open, create, replay, start, seal, close, queries
 *   journal_group.c     the open group, commit, groups in flight, durable callbacks, failure
 *   journal_space.c     trim, superblocks, room, and what happens when the journal has been idle for a while
 *   journal_prewrite.c  writing the never-written part in the background
 *   journal_repeat.c    what earlier groups were about, to be told once more
 *   journal_recover.c   recovery; journal_format.c: the bytes */
#pragma once

#include "log/journal/journal_recover.h"
#include "log/journal/journal_repeat.h"

enum slot_state {
	SLOT_FREE,
	SLOT_OPEN,
	SLOT_QUEUED,  /* committed; a background write on the same blocks must end first */
	SLOT_WRITING,
	SLOT_SYNCING,
	SLOT_WRITTEN, /* on stable storage; reported when all before it are and nothing holds it */
};

struct group_slot;

struct group_op {
	struct io_op op;
	struct iovec vector;
	struct group_slot *slot;
};

/* One group's memory, from the first entry to the durable callback. */
struct group_slot {
	struct journal *journal;
	enum slot_state state;
	uint8_t *buffer;              /* mapped; group_length_max */
	uint32_t size_bytes;          /* header and entries so far */
	uint32_t entry_count;
	uint64_t body_checksum;
	int64_t time_ms;
	uint32_t holds;
	struct group_header header;   /* set by commit */
	uint32_t ops_in_flight;
	struct group_op *ops;         /* one for each piece of the longest group */
	struct list node;             /* in journal->free or, in order of seq, journal->in_flight */
};

/* A place in history that a trim can cut at. */
struct boundary {
	uint64_t seq;                 /* of the last group before it */
	uint64_t place;
	uint64_t chain;
	uint64_t incarnation;
};
#define BOUNDARIES 1024u              /* spaced by ring size / (BOUNDARIES / 2) at least, so they never run out */

/* Left free behind every group with entries, so that a seal always finds room. */
#define RESERVE_BYTES (4 * JOURNAL_BLOCK_SIZE)

struct superblock_writer {
	struct io_op op;
	struct iovec vector;
	uint8_t *block;
	struct superblock last;       /* the newest one written or being written */
	uint32_t slot;                /* of it */
	uint64_t slot_trim_place[JOURNAL_SUPERBLOCKS]; /* durable in each */
	uint64_t slot_reach_place[JOURNAL_SUPERBLOCKS]; /* the same */
	uint64_t slot_durable_seq[JOURNAL_SUPERBLOCKS]; /* what each vouches for; 0: not known */
	uint64_t reach_size;          /* what the load asks for: so far behind the head groups may reach (journal_space.c) */
	uint64_t asked_place;         /* where a group would have ended that found no room */
	uint32_t longest;             /* group of late */
	uint64_t begun_place, begun_seq, begun_ns; /* when the newest one was made */
	bool is_writing;
};

enum prewrite_state { PREWRITE_OFF, PREWRITE_WAITING, PREWRITE_WANTS_QUIET, PREWRITE_WRITING, PREWRITE_AHEAD /* far enough of the head */ };

struct prewriter {
	struct io_op op;
	struct iovec vector;
	struct io_timer timer;
	enum prewrite_state state;
	uint8_t *zeros;               /* mapped, read-only, never touched: the kernel's one zero page, many times */
	uint64_t place, place_end;    /* being written */
	uint64_t ahead_bytes;         /* so far before the head, and no further */
	uint64_t written_place;       /* all before it has been written, by groups or zeros */
	uint64_t seq_before;          /* the open seq when the piece began: has a group been committed since? */
};

struct journal {
	struct io *io;
	struct journal_options options;
	int fd;                        /* -1: read-only */
	bool is_unnamed;               /* made by this opening, and not published yet */
	int read_fd;                   /* buffered, while it is recovered; -1 afterwards */
	int direct_fd;                 /* the same past the page cache, of a read-only one; -1: fd or read_fd serves */
	int err;                      /* why it has failed; 0 */
	bool is_started, is_quiet, is_sealed;
	uint64_t size_bytes, ring_size, seed;
	uint64_t span_bytes;           /* of the ring, what entries may have in use */
	uint32_t group_length_max;

	struct recovery recovery;     /* until start */
	uint64_t replayed_incarnation; /* of the group that is being replayed */
	struct ring_reader reader;
	struct ring_image *image;      /* of the reader; until start */

	/* Groups. */
	struct group_slot *slots;
	struct group_op *ops;
	struct group_slot *open;
	struct list free, in_flight;
	struct repeats repeats;
	uint32_t in_flight_count;
	uint32_t ops_in_flight;       /* of groups */
	uint64_t head_place;          /* where the next group goes, or at the next beginning of the ring */
	uint64_t open_seq;
	uint64_t durable_seq;         /* reported */
	uint64_t chain;               /* checksum of the last header committed */
	uint64_t last_entry_seq;      /* the last group with entries that was committed */
	struct io_timer release_timer;

	/* Space. */
	struct boundary *boundaries;  /* a ring; oldest first */
	uint32_t boundary_first, boundary_count;
	struct boundary last;         /* behind the last group reported */
	struct boundary marked;       /* behind the last group reported when journal_mark was called */
	struct boundary trim;         /* nothing before it is needed */
	uint64_t trim_seq_asked;
	uint64_t checkpoint;        /* the generation that the next superblock notes */
	uint64_t log_starts;        /* the same of the log starts */
	bool is_short_of_room;
	struct superblock_writer superblock;
	struct io_timer idle_timer;
	bool idle_timer_is_set;
	uint64_t active_ns;           /* when something last became durable */

	struct prewriter prewriter;
};

/* ---- journal_group.c ------------------------------------------------------------------------------------------- */

MUST_USE int journal__groups_init(struct journal *journal);
void journal__groups_fini(struct journal *journal);
/* Opens the first group, when the journal starts. */
void journal__open_group(struct journal *journal);
/* Where a group of this length would begin now. */
uint64_t journal__place_for(const struct journal *journal, uint64_t length);
/* Fills the header of the open group; nothing is written yet. */
void journal__finish_group(struct journal *journal, uint16_t flags);
/* Starts the groups that waited for a background write. */
void journal__launch_queued(struct journal *journal);
/* The one way into FAILED. */
void journal__fail(struct journal *journal, int err);
bool journal__open_is_empty(const struct journal *journal);
/* Gives the memory of free groups back to the system. */
void journal__drop_pages(struct journal *journal);

/* ---- journal_space.c ------------------------------------------------------------------------------------------- */

MUST_USE int journal__space_init(struct journal *journal);
void journal__space_fini(struct journal *journal);
/* Is there room for a group of this length, with this much left behind it? */
bool journal__has_room(const struct journal *journal, uint64_t length, uint64_t reserve_bytes);
/* And is it within what may be in use? (journal_set_span) */
bool journal__is_within_span(const struct journal *journal, uint64_t length);
/* History has grown by this group: whole in recovery, or reported. */
void journal__note_group(struct journal *journal, const struct group_header *header);
/* Something became durable or was trimmed: look again when it has been quiet for a while. */
void journal__note_activity(struct journal *journal);
/* A group of this length found no room: a superblock gives it, if one can. */
void journal__ask_for_room(struct journal *journal, uint64_t length);
/* Starts to write a superblock if room is to be had from it, or groups will soon need to reach further. */
void journal__consider_superblock(struct journal *journal);
/* Starts to write a superblock, unless one is being written. */
void journal__write_superblock(struct journal *journal);
/* Now, and synchronously: for start and seal. */
MUST_USE int journal__write_superblock_now(struct journal *journal);
/* Both at once, of a file that has no name yet. */
MUST_USE int journal__write_first_superblocks(struct journal *journal);
/* Drops what is not needed, as far as journal_trim has said so and groups without entries go. */
void journal__apply_trim(struct journal *journal);
void journal__space_stop(struct journal *journal);

/* ---- journal_prewrite.c ------------------------------------------------------------------------------------------ */

MUST_USE int journal__prewriter_init(struct journal *journal);
void journal__prewriter_fini(struct journal *journal);
void journal__prewriter_start(struct journal *journal);
/* Begins nothing more. */
void journal__prewriter_stop(struct journal *journal);
/* No group is in flight. */
void journal__prewriter_quiet(struct journal *journal);
/* Is a background write under way on these blocks? */
bool journal__prewriter_overlaps(const struct journal *journal, uint64_t place, uint64_t length);
