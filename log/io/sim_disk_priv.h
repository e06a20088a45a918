/* What the files of the simulated disk share: its structures. sim_disk.c says how they work. Private to log/io/. */
#pragma once

#include "log/io/sim_disk.h"
#include "log/io/sim_image.h"

#define SIM_FILE_SIZE_MAX (1ull << 33)
#define SIM_NAME_SIZE_MAX 255u

/* Bytes [position, position + size) became `data` (zeros if NULL), and the file `size_after` long. */
struct sim_change {
	uint64_t position, size;
	uint8_t *data;
	uint64_t size_after;
};

struct sim_node {
	struct list node; /* in the disk's `nodes` */
	bool is_directory, is_locked, is_marked;
	uint32_t open_count, link_count;
	/* of a directory */
	struct list entries;
	/* of a file */
	struct sim_image current, durable;
	uint64_t allocated_bytes;
	uint64_t changed; /* how often it was written or cut, as its time of change */
	struct sim_change *changes; /* those with numbers [first, first + count) */
	uint64_t first, count, capacity;
	uint64_t *floors; /* by sector */
	uint64_t floor_count;
	uint64_t size_floor; /* durable.size is that before this change */
	uint64_t lost_below; /* changes with lower numbers were in a failed sync */
	/* of sim_crash.c, while it makes a disk: this node's copy there */
	struct sim_node *copy;
	uint64_t hash; /* of sim_hash.c, while it looks at a crash */
};

struct sim_entry {
	struct list node; /* in its directory's `entries` */
	struct sim_node *directory, *current, *durable;
	struct sim_node *after; /* of sim_crash.c, while it makes a disk: what the name leads to there */
	size_t name_size;
	char name[SIM_NAME_SIZE_MAX + 1];
};

/* All of it happened or none. A half that was overtaken has no entry any more. */
struct sim_dir_change {
	struct list node;
	uint64_t number;
	struct sim_entry *entries[2];
	struct sim_node *targets[2];
};

struct sim_disk {
	struct list nodes, dir_changes, users;
	struct sim_node *root;
	uint64_t random, generation, clock_ns;
	uint64_t dir_change_count;
	int64_t wall_offset_ms;
	struct sim_pace pace;
	uint64_t io_count, cut_at;
	uint32_t fail_kinds;
	int fail_error;
	bool is_fail_sticky;
	uint64_t fail_count;
	uint64_t fail_countdown, misdirect_countdown, lose_countdown; /* 0: none ordered */
	struct sim_damage *damages;
	uint32_t damage_count;
	uint64_t capacity_bytes;
	bool has_garbage;
	sim_disk_io_fn *on_io;
	void *on_io_context;
};

/* A new file or directory of the disk, which nothing leads to yet. */
struct sim_node *sim__make_node(struct sim_disk *disk, bool is_directory);
/* The changes to a sector below this number are in the durable image. */
uint64_t sim__floor_of(const struct sim_node *node, uint64_t sector);
/* A number in [low, high] from the disk's own randomness. */
uint64_t sim__draw(struct sim_disk *disk, uint64_t low, uint64_t high);
int sim__find_node(struct sim_disk *disk, const char *path, struct sim_node **out);

/* sim_fault.c */
/* Is it the turn of the I/O that was ordered to fail? */
bool sim__must_fail(struct sim_disk *disk, enum sim_kind kind);
void sim__forget_orders(struct sim_disk *disk);
/* Is this write one that was ordered to go astray or to be lost? Then what happens instead has happened. */
bool sim__write_astray(struct sim_disk *disk, struct sim_node *node, const void *data, size_t size, uint64_t position);
