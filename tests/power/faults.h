/* A disk that fails or rots below a real file system: what the broker does then, and that it comes back. */
#pragma once

#include "tests/power/volume.h"

struct faults_run {
	const char *binary, *dir;
	enum volume_type type;
};

/* Each scene on a fresh file system, a line "ok    ..." or "FAIL  ...: why" each. How many failed; -1, and why: none could be tried here. */
int faults_run(const struct faults_run *run, char *why, size_t why_size);
