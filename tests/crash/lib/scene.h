/* A data directory that a random workload has left, stopped or killed: its files, byte for byte, what each of them was before each operation, and the model
 * of what must be served from it. Two scenes of one seed are the same. One thread; nothing is judged but that the directory is sound. */
#pragma once

#include "tests/crash/lib/workload.h"

#define SCENE_FILES_MAX 96
#define SCENE_SECTOR 512u

struct scene_file {
	char path[96];
	uint8_t *bytes;
	size_t size;
};

struct scene_files {
	uint32_t count;
	struct scene_file files[SCENE_FILES_MAX];
};

/* As it was before an operation. */
struct scene_past {
	struct scene_files files;
	struct model model;
};

struct scene {
	uint64_t seed;
	char story[256];
	struct workload workload;
	bool is_stopped;
	struct sim_disk *disk;
	struct scene_files now;
	struct model model;
	uint32_t past_count;
	struct scene_past *pasts;
	/* What the last change of the journal or the catalog wrote is not vouched for by anything later if the process was killed: such rot looks like a write that a
	 * crash tore, and nobody can tell. The pasts from before them; -1: all is vouched for. */
	int unvouched_journal, unvouched_catalog;
};

/* False, and it is told: the workload itself went wrong. */
bool scene_make(struct scene *scene, struct sim_disk *base, const struct model *base_model, uint64_t seed);
void scene_free(struct scene *scene);
/* Where a file is among them; NULL: it is not. */
const struct scene_file *scene_find(const struct scene_files *files, const char *path);
/* A fault in these bytes of a file, of several places that it has. */
struct scene_strike {
	const struct scene_file *file;
	uint64_t from, to;
};

/* Does it strike what nothing vouches for, and perhaps with it what that alone vouched for? The past from before all that; -1: it does not. */
int scene_unvouched_past(const struct scene *scene, const struct scene_strike *strikes, uint32_t count);
/* What may be served if that is lost: all there is now, or what was in the past. */
void scene_allow_past(const struct scene *scene, int past, struct model *allowed);
