/* Happy path: quarantine/ made and its name synced, one rename, both directories synced. Failure modes: a name that is taken gets a number; all else ends with its error, and
 * the directory is in the one place or the other. */
#include "log/repair/aside.h"

#include <errno.h>
#include <stdio.h>

#include "log/base/err.h"

#define NUMBERS_MAX 1000u

static int rename_to_free(struct io *io, const char *path, const char *quarantine, const char *name)
{
	char to[8192];
	snprintf(to, sizeof to, "%s/%s", quarantine, name);
	int err = io_rename(io, path, to);
	for (uint32_t n = 1; (err == -EEXIST || err == -ENOTEMPTY) && n < NUMBERS_MAX; n++) {
		snprintf(to, sizeof to, "%s/%s.%u", quarantine, name, n);
		err = io_rename(io, path, to);
	}
	return err == -ENOENT ? 0 : err;
}

int repair_move_aside(struct io *io, const char *dir, const char *name)
{
	char path[8192], quarantine[4096];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	snprintf(quarantine, sizeof quarantine, "%s/quarantine", dir);
	int err = io_dir_make(io, quarantine);
	if (err && err != -EEXIST)
		return err;
	err = io_dir_sync(io, dir); /* its own name first: a directory that is moved into one without a name goes with it when the power fails */
	if (!err)
		err = rename_to_free(io, path, quarantine, name);
	if (!err)
		err = io_dir_sync(io, quarantine);
	return err ? err : io_dir_sync(io, dir);
}

int repair_rename_damaged(struct io *io, const char *path)
{
	char aside[8192 + 16];
	snprintf(aside, sizeof aside, "%s.damaged", path);
	int err = io_rename(io, path, aside);
	return err == -ENOENT ? 0 : err ? err : io_parent_sync(io, path);
}
