/* All files of the simulated disk as they are seen at one moment, and files made to be what they were, or what another was. The broker is down meanwhile. Owner: the world. */
#pragma once

#include "tests/sim_broker/world.h"

struct image_file {
	char path[SIM_PATH_SIZE];
	uint8_t *bytes;
	uint64_t size;
};
struct image {
	struct image_file *files;   /* in the disk's order */
	uint32_t count;
};

void image_take(struct image *image, struct sim_disk *disk);
void image_drop(struct image *image);
/* NULL: there is none. */
const struct image_file *image_find(const struct image *image, const char *path);
bool image_is_same(const struct image_file *one, const struct image_file *other);
/* "/data/t-0/x": size of "/data/t-0/"; 0: in no directory of a partition. */
size_t image_directory_size(const char *path);

/* Durably: the file at `path` has this content, or is gone (NULL). */
void image_put(struct world *world, const char *path, const struct image_file *content);
