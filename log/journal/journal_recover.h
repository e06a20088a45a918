/* Recovery of a journal: which of the bytes in the file are its history. It decides by a table
 * (journal_recover.c), reads through a bounded window, and changes nothing. For the files of log/journal
 * and their tests alone.
 *
 * Owner: the journal's thread, before the journal starts. */
#pragma once

#include "log/journal/journal_format.h"
#include "log/journal/ring_image.h"

/* ---- the table ------------------------------------------------------------------------------------------------- */

/* What was seen of the file itself. */
#define FACT_FILE 1u    /* it is there */
#define FACT_MAGIC 2u   /* a superblock slot begins with our magic */
#define FACT_VALID 4u   /* a slot is whole and of our version */
#define FACT_LATER_VERSION 8u /* a slot is whole and of a later version */
#define FACT_PAST 16u   /* the superblock was written by an opening before this one */
#define FILE_FACT_COUNT 5u

/* What was seen where the next group must begin. */
#define FACT_FITS 1u    /* a sound header whose place, seq, chain and incarnation follow the last group's */
#define FACT_FUTURE 2u  /* ... but its incarnation is not below that of this opening */
#define FACT_WHOLE 4u   /* ... and its entries and payloads pass their checks */
#define FACT_LATER 8u   /* further on there is a sound header of a later group that can be history */
#define FACT_VOUCHED 16u /* the superblock, or such a group, says that the next group was durable */
#define FACT_SEAL 32u   /* the last group taken is a seal */
#define FACT_LAST_OPENING 64u /* both superblocks are valid, and no opening after that seal's began to write */
#define FACT_ENTRIES 128u /* ... or at least its entries do, so that it is known what their payloads were */
#define GROUP_FACT_COUNT 8u

/* What is known where the history ends. */
#define FACT_MISSING 1u  /* acknowledged groups are lost, entries and all */
#define FACT_TELLS 2u    /* this journal repeats in each group what was before it */
#define FACT_TOLD 4u     /* ... and so all partitions and offsets of the lost ones are known */
#define FACT_ACCEPTED 8u /* whoever opens it takes care of what is not known */
#define END_FACT_COUNT 4u

enum recovery_decision {
	RECOVERY_CREATE,  /* make the file */
	RECOVERY_REFUSE,  /* with the row's error */
	RECOVERY_WALK,    /* go from group to group */
	RECOVERY_TAKE,    /* the group is history */
	RECOVERY_SALVAGE, /* the group is history, and acknowledged payloads of it are damaged: report, and take it with the rest */
	RECOVERY_SKIP,    /* acknowledged data is missing here: report, and go on with the later group */
	RECOVERY_END,     /* history ends before this place */
};

/* A row holds when the facts in `mask` are as in `value`. */
struct recovery_row {
	char label;
	uint8_t mask, value;
	enum recovery_decision decision;
	int err;               /* of REFUSE */
	const char *meaning;
};

/* What the row of that label means, of either table; "" if there is none. Static. */
const char *recovery_meaning(char label);

/* Combinations that cannot be seen, and why. */
struct recovery_impossible {
	uint8_t mask, value;
	const char *why;
};

struct recovery_table {
	const struct recovery_row *rows;
	uint32_t row_count;
	const struct recovery_impossible *impossible;
	uint32_t impossible_count;
	uint32_t fact_count;
};

extern const struct recovery_table recovery_file_table;
extern const struct recovery_table recovery_group_table;
extern const struct recovery_table recovery_end_table;

/* The row for these facts. CHECKs that there is one: the tests have walked all combinations. */
const struct recovery_row *recovery_decide(const struct recovery_table *table, uint32_t facts);

/* ---- reading groups --------------------------------------------------------------------------------------------- */

/* A window on the ring: bytes of it in memory. */
struct ring_reader {
	struct io *io;
	int fd;
	int direct_fd;          /* past the page cache: of the image */
	struct ring_image *image; /* what it holds is read once; NULL: the window alone */
	bool is_searching;      /* what is read now is for once */
	uint64_t ring_size;
	uint64_t seed;
	uint64_t file_size;     /* what is cut off behind it reads as zeros */
	uint8_t *buffer;
	size_t capacity;
	size_t read_size;       /* of the next refill; grows with each */
	uint64_t place;         /* what the buffer holds: [place, place + size) */
	size_t size;
	uint64_t bytes_read;
	uint64_t seen_place;    /* of the image, up to here */
	uint64_t asked_place;   /* the kernel was told that all before it will be read */
};

void ring_reader_init(struct ring_reader *reader, struct io *io, int fd, uint64_t ring_size, uint64_t seed);
void ring_reader_fini(struct ring_reader *reader);

struct found_group {
	struct group_header header;
	enum group_state state;
	bool are_repeats_whole;
	const uint8_t *bytes;   /* header.length of them; valid until the next read */
};

/* 1: there is a sound header at `place` that says it belongs there. 0: there is none. -errno. */
MUST_USE int ring_read_group(struct ring_reader *reader, uint64_t place, struct found_group *out);

/* ---- the walk ---------------------------------------------------------------------------------------------------- */

/* Groups that follow each other without a gap. */
struct recovery_run {
	uint64_t place;
	uint64_t seq;
	uint64_t group_count;
	uint64_t missing_from;  /* groups from this one on, before this run, are lost and not told yet: its repeats are wanted; 0: none are */
	bool are_repeats_alone; /* one group, whose entries are lost, but not what it repeats */
};
#define RECOVERY_RUNS_MAX 1024u /* of damage that is no longer rot but ruin: refused */

/* As many groups may have been in flight at a crash, so nobody vouches for more of them. */
#define RECOVERY_PLACES 64u

/* Where the next group must begin and what it must say. */
struct recovery_cursor {
	uint64_t place;         /* here, or at the next beginning of the ring */
	uint64_t seq;
	uint64_t chain;
	uint64_t incarnation;   /* not below this */
};

struct recovery {
	struct superblock superblock;         /* the newer valid one */
	uint64_t file_size;                   /* what it is; what it should be the superblock says */
	uint64_t fingerprint;                 /* of both superblocks, as they are in the file */
	uint32_t superblock_slot;
	bool slot_is_valid[JOURNAL_SUPERBLOCKS];
	uint64_t slot_trim_place[JOURNAL_SUPERBLOCKS];
	uint64_t slot_reach_place[JOURNAL_SUPERBLOCKS];
	struct recovery_cursor cursor;        /* behind the last group taken */
	uint64_t vouched_seq;                 /* every group up to it was durable at some time */
	uint64_t last_entry_seq;              /* the last group with entries; 0 = none */
	uint64_t last_places[RECOVERY_PLACES]; /* by seq % RECOVERY_PLACES: where the last groups taken are */
	uint64_t missing_from, missing_to;    /* lost groups that nothing has told of yet: all of them are in here; 0: there are none */
	bool does_tell;                       /* groups or superblock are of a version that repeats what was before */
	bool must_ask_superblock;             /* what the groups at the end held, the superblock repeats */
	uint32_t run_count;
	struct recovery_run *runs;            /* malloc'ed; recovery_fini frees */
	struct journal_report report;
};

/* Called for every group taken, in order. */
typedef void recovery_group_fn(void *context, const struct group_header *header);

/* No group ends behind this place. 0: nobody says. */
uint64_t recovery_reach(const struct recovery *recovery);

/* Reads the superblocks and decides by the file table. 0 (then ring_reader_init may follow), or the row's
 * error or -errno; the report has the label. `incarnation`: of this opening. */
MUST_USE int recovery_read_superblocks(struct recovery *recovery, struct io *io, int fd, uint64_t incarnation);
/* Walks the groups and decides by the group table, and in the end by the end table. */
MUST_USE int recovery_walk(struct recovery *recovery, struct ring_reader *reader, uint64_t incarnation, bool is_loss_accepted, recovery_group_fn *taken,
			   void *context);
void recovery_fini(struct recovery *recovery);

/* Finds the group that the cursor expects, here or at the next beginning of the ring, and not one that a later opening has cut off: 1 and `out`; 0;
 * -errno. */
MUST_USE int recovery_find_next(const struct superblock *superblock, struct ring_reader *reader, const struct recovery_cursor *cursor, uint64_t place_end,
				struct found_group *out);
void recovery_advance(struct recovery_cursor *cursor, const struct group_header *header);
