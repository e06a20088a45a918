/* The bytes of a journal file, and nothing else: superblocks, group headers, entries and their checksums
 * (log/README.md has the tables). Owns nothing; any thread; never touches the disk. Everything decoded
 * here may be hostile: sizes are checked before use. */
#pragma once

#include "log/base/err.h"
#include "log/journal/journal.h"

#define JOURNAL_BLOCK_SIZE 4096u
#define JOURNAL_SUPERBLOCKS 2u
#define JOURNAL_RING_POSITION (JOURNAL_SUPERBLOCKS * JOURNAL_BLOCK_SIZE)
#define JOURNAL_GROUPS_PER_RING_MIN 4u /* no group is larger than this part of the ring */

/* A `place` is a position on the endless tape that the ring is a window of: it only grows, and lies in the
 * file at JOURNAL_RING_POSITION + place % ring size. So bytes of an earlier lap never pass for those of
 * this one. */

/* ---- the superblock ------------------------------------------------------------------------------------------ */

/* An opening that wrote, and the last group that was history when it began: later groups of earlier
 * openings were cut off by it. */
struct opening {
	uint64_t incarnation;
	uint64_t start_seq;
};
#define GROUP_ENTRY_SIZE 72u
#define SUPERBLOCK_REPEATS_MAX 26u
#define OPENINGS_MAX 128u /* of those since the last group that is trimmed: more means as many crashes in a row, and the oldest is forgotten */

struct superblock {
	uint64_t write_number;     /* the slot with the larger one is the newer */
	uint64_t file_size_bytes;
	uint64_t seed;             /* random, of this file: no bytes made elsewhere pass its checksums */
	uint64_t incarnation;      /* of the opening that wrote this */
	uint64_t durable_seq;
	uint64_t trim_seq;         /* the last group that is not needed; the rest of it: where the next begins, and its chain */
	uint64_t trim_place;
	uint64_t trim_chain;
	uint64_t trim_incarnation;
	uint64_t written_place;    /* the ring has been written up to here; its size once all of it has */
	uint32_t opening_count;
	uint32_t shard_plus_one;   /* whose journal it is; 0: written before that was noted */
	uint64_t checkpoint;       /* groups were let go for a checkpoint of this generation; an older one tells too little */
	uint64_t log_starts;       /* the generation of the log starts beside it that was durable by then, 0: none; only its owner knows what that is */
	struct uuid directory_id;  /* in whose data directory, as the catalog has it; zero: written before that was noted */
	uint64_t reach_place;      /* no group ends behind it before both superblocks say a later one; 0: not said, an earlier version wrote this */
	uint32_t tells;            /* 1: the three below count; 0: an earlier version wrote this */
	uint32_t repeat_count;
	uint64_t told_from;        /* the groups from this one on up to durable_seq are told by the repeats, as in a group */
	uint8_t repeats[SUPERBLOCK_REPEATS_MAX * GROUP_ENTRY_SIZE];
	struct opening openings[OPENINGS_MAX]; /* oldest first */
};

enum superblock_state { SUPERBLOCK_VALID, SUPERBLOCK_LATER, SUPERBLOCK_BROKEN, SUPERBLOCK_FOREIGN };

/* Adds an opening that goes on behind `start_seq`, and forgets those that no group still needed is older than. */
void superblock_add_opening(struct superblock *superblock, uint64_t incarnation, uint64_t start_seq);
/* Was a group of this incarnation and seq cut off by a later opening? */
MUST_USE bool superblock_has_cut_off(const struct superblock *superblock, uint64_t incarnation, uint64_t seq);

/* `out`: one block, all of it written. */
void superblock_encode(const struct superblock *superblock, uint8_t *out);
/* LATER: of a later format version. BROKEN: ours, but it fails its checksum or says what cannot be.
 * FOREIGN: not ours. */
enum superblock_state superblock_decode(struct superblock *superblock, const uint8_t *block);

/* ---- the group ------------------------------------------------------------------------------------------------- */

#define GROUP_HEADER_SIZE 128u

#define GROUP_IS_SEAL 1u /* no entries: a clean stop */
#define GROUP_TELLS 2u   /* it has a told_from, and repeats; an earlier version, which does not look at them, sees padding */

struct group_header {
	uint16_t flags;
	uint32_t length;          /* all of the group: header, entries, padding; whole blocks */
	uint32_t entry_count;
	uint32_t body_size_bytes; /* entries and payloads, behind the header */
	uint64_t incarnation;
	uint64_t seq;
	uint64_t place;
	uint64_t durable_seq;     /* every group up to it was durable when this one was built */
	uint64_t chain;           /* the checksum of the header before this one */
	uint64_t body_checksum;
	int64_t time_ms;          /* what journal_set_time said; 0: nothing, as before there was such a field */
	uint32_t repeat_count;    /* entries of earlier groups once more, without payloads, behind the body */
	uint64_t told_from;       /* what groups from this one on held is all told by the repeats, or goes on in this group's entries */
	uint64_t repeats_checksum;
	uint64_t checksum;        /* of this header; made by the encoder */
};

/* Writes the first GROUP_HEADER_SIZE bytes and sets header->checksum. */
void group_header_encode(struct group_header *header, uint64_t seed, uint8_t *out);
/* True if the bytes are a header made for this file, whole, and its sizes agree with each other and with
 * `length_max`. */
MUST_USE bool group_header_decode(struct group_header *header, uint64_t seed, uint64_t length_max, const uint8_t *bytes);

/* The first place in there where a header may begin. NULL: there is none. What follows is not looked at. */
const uint8_t *group_header_look_for(const uint8_t *bytes, size_t size);

/* The seed that a header says it was made with, if its checksum agrees: for a file whose superblocks, which have it, are lost. 0: there is no such header, or
 * an earlier version wrote it. */
MUST_USE uint64_t group_header_seed(const uint8_t *bytes);

/* What an entry takes in a group. */
static inline uint64_t group_entry_size(uint64_t payload_size_bytes)
{
	return GROUP_ENTRY_SIZE + align_up(payload_size_bytes, 8);
}

/* The checksum of a body without entries; each entry continues it. Payloads are covered by their entry's
 * data_checksum. */
static inline uint64_t group_body_checksum_start(uint64_t seed) { return seed; }

/* Writes the entry without its payload; returns the body checksum that includes it. */
MUST_USE uint64_t group_entry_encode(const struct journal_entry *entry, uint32_t payload_size_bytes, uint64_t body_checksum, uint8_t *out);

/* Reads the entry at *position of a body and moves *position behind it. False: it does not fit the body. */
MUST_USE bool group_entry_next(struct slice body, size_t *position, struct journal_entry *entry, struct slice *payload);

enum group_state {
	GROUP_BROKEN,          /* the entries are not what the header says */
	GROUP_DAMAGED,         /* the entries are, but payloads of them fail their checks */
	GROUP_WHOLE,
};

/* Looks at every entry and every payload. `group`: all of the group's bytes. */
MUST_USE enum group_state group_check(const struct group_header *header, uint64_t seed, const uint8_t *group);
/* Is the payload, if there is one, the entry's data? */
MUST_USE bool group_payload_is_whole(const struct journal_entry *entry, struct slice payload);

/* The group's repeats, each GROUP_ENTRY_SIZE. False: it has none that can be believed; the rest of the group is none the worse for it. */
MUST_USE bool group_repeats(const struct group_header *header, uint64_t seed, const uint8_t *group, struct slice *out);
uint64_t group_repeats_checksum(uint64_t seed, struct slice repeats);

/* The checksum that an entry's data_checksum must be. */
uint64_t journal_data_checksum(struct slice data);
