/* The faults that a scene's files can have, one by one: each has a kind and a number, and those of a kind are all there are, so that a run can take every one or every
 * n-th. One thread. */
#pragma once

#include "tests/crash/lib/scene.h"

enum rot_kind {
	ROT_FLIP,        /* a bit; of blocks that are zeros alone, one in each sector */
	ROT_BYTE,        /* a byte becomes 0, or 0xff */
	ROT_ZERO,        /* a sector becomes zeros */
	ROT_ZERO_BLOCK,  /* 4 KiB */
	ROT_CUT,         /* at each byte of a small file, else around each sector's begin */
	ROT_GROW,        /* by a sector of some file */
	ROT_GONE,        /* a file */
	ROT_STALE,       /* a sector is as it was before some operation: a lost write */
	ROT_WRITE,       /* a sector lands on another one's place, too */
	ROT_MISDIRECTED, /* the last write to a sector lands on another one that was written no later, and its own place is as it was before */
	ROT_SWAP,        /* two sectors, each in the other's place */
	ROT_WRITE_BLOCK, /* 4 KiB */
	ROT_SWAP_BLOCK,
	ROT_TWO,         /* two of the kinds above at once, by chance */
	rot_kind_count
};
extern const char *const rot_names[rot_kind_count];

/* Where something lies: a sector or a block of a file, in the past if `past` is not -1. */
struct rot_place {
	uint16_t file;
	int16_t past;
	uint32_t position, size;
};

struct rot_places {
	uint32_t count, capacity;
	struct rot_place *at;
};

struct rot_table {
	const struct scene *scene;
	uint64_t counts[rot_kind_count];
	struct rot_places sectors, blocks;         /* that hold more than zeros */
	struct rot_places all_sectors, all_blocks;
	uint64_t *flips_before;                    /* by index in all_blocks: those of the blocks before it; and the sum of all */
	struct rot_places stale;                   /* sectors of the past that are another now */
	struct rot_places last_stale;              /* those of them from before their last change */
	int16_t *changed;                          /* by index in all_sectors: the newest past in which it was another; -1 */
};

void rot_table_make(struct rot_table *table, const struct scene *scene);
void rot_table_free(struct rot_table *table);

struct rot_fault {
	enum rot_kind kind;
	uint64_t number;
};

/* What a fault does to a file. */
struct rot_change {
	enum { ROT_PUT, ROT_RESIZE, ROT_REMOVE } what;
	uint32_t file, size;
	uint64_t position; /* or the size that it gets */
	uint8_t bytes[4096];
};

struct rot_changes {
	uint32_t count;
	struct rot_change at[6];
};

/* False: it changes nothing. */
bool rot_work_out(const struct rot_table *table, struct rot_fault fault, struct rot_changes *out);
/* On a copy of the scene's disk. */
void rot_do(const struct rot_table *table, const struct rot_changes *changes, struct sim_disk *disk);
/* Does it strike what nothing vouches for (scene.h)? The past from before that, or -1. */
int rot_unvouched_past(const struct rot_table *table, const struct rot_changes *changes);
/* Are they two faults at once, and both in what a start holds against each other? */
bool rot_is_of_two_witnesses(const struct rot_table *table, struct rot_fault fault, const struct rot_changes *changes);
void rot_describe(const struct rot_table *table, const struct rot_changes *changes, char *out, size_t size);
