/* A catalog.log that cannot be used, made anew: what its good records say, and of topics that none of them names what the directories, checkpoints and journals tell.
 *
 * Owner: the calling thread, which holds the directory's lock (log/repair/repair.c). Says on stderr what had to be made up. */
#pragma once

#include "log/repair/repair.h"
#include "log/verify/directory.h"

/* Nothing of a topic that goes into quarantine is made anew. */
bool repair_is_quarantined(const struct repair_options *options, const char *topic);

/* Of each topic that is made of what the journals alone have, or whose directories do not say whose they are, before it is: the finding's texts and `how` live as long as the call. */
typedef void lost_catalog_step_fn(void *context, const struct finding *finding, const char *how);

/* Directories of a topic that a newer one of its name has replaced are moved to quarantine/. With `is_dry_run` all is said, and nothing done. -errno. */
MUST_USE int lost_catalog_make(struct io *io, const struct repair_options *options, const struct data_dir *dir, uint32_t shard_count, bool is_dry_run,
			       lost_catalog_step_fn *recovers, void *context);
