/* A crash as sim_crash.c finds it and sim_hash.c knows it again. Private to these two. */
#pragma once

#include "log/io/sim_disk_priv.h"

enum item_kind { ITEM_NAMES, ITEM_SIZE, ITEM_SECTOR };

struct item {
	enum item_kind kind;
	uint32_t outcome_count;
	uint32_t look;              /* of a size or a sector */
	uint64_t sector;
	uint64_t *cuts;             /* by outcome: what is of the changes below this number; of names 0 or 1 */
	uint64_t *adds;             /* by outcome: what it adds to the file's sum (sim_image.h), which has the durable contents */
	struct sim_dir_change *names;
};

/* A file's changes with numbers from `first` on. */
struct look {
	struct sim_node *file;
	struct sim_change *changes;
	uint64_t first, count, kept_count; /* those behind kept_count are in flight, and their data ours */
	uint64_t sector_count;
	uint64_t size_now;
	uint64_t sum;               /* of the durable image */
	bool is_size_decided;       /* and all that is undecided lies below it, so that sums tell all */
};

struct sim_crash {
	struct sim_disk *disk;
	struct item *items;
	uint32_t item_count, item_capacity;
	struct look *looks;
	uint32_t look_count;
};

/* The bytes of a file after the crash; `image` shares the durable ones. */
void sim__decide_file(const struct sim_crash *crash, const uint32_t *outcomes, uint32_t look, struct sim_image *image);
/* Each name's `after`. */
void sim__decide_names(const struct sim_crash *crash, const uint32_t *outcomes);
