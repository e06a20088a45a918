/* What the parts of a repair share: what was found and told, the lock, and what is open. */
#pragma once

#include "log/io/dir_lock.h"
#include "log/repair/repair.h"
#include "log/store/store_priv.h"
#include "log/verify/directory.h"

#define SHARDS_MAX 256u

/* A finding that outlives the verifier's call. */
struct kept_finding {
	struct finding finding;
	char *topic, *file, *what;
	enum repair_action action;
};

/* A range that was told of in an earlier round: the second look finds what was fenced there. */
struct told_range {
	char *topic;
	int32_t partition;
	int64_t from, to; /* NOWHERE: to the log's end */
};

struct repair {
	struct io *io;
	const struct repair_options *options;
	struct repair_report *report;
	struct data_dir dir;
	struct dir_lock lock;
	bool is_quarantined; /* what was asked for is done */
	uint32_t count;
	struct kept_finding *findings;
	uint32_t told_count;
	struct told_range *told;
	bool is_short_of_memory, needs_catalog, needs_meta;
	bool is_catalog_anothers; /* with needs_catalog: no record of it is to be saved */
	struct catalog *catalog;
	const struct catalog_image *image;
	uint32_t shard_count;
	struct store *stores[SHARDS_MAX];
};

/* Says why in the report; returns `err`. `why`: "" for the error's own text. */
int repair__fail(struct repair *repair, int err, const char *what, const char *why);
void repair__path_of(const struct repair *repair, const char *name, char *out, size_t size);

/* ---- repair_steps.c: what is to be done ------------------------------------------------------------------------------ */

bool repair__is_journal(const struct finding *finding);
uint32_t repair__shard_of(const struct finding *finding);
/* A finding_fn: takes it with its step. Sets is_short_of_memory where that fails. */
void repair__keep_finding(void *context, const struct finding *finding);
void repair__tell(struct repair *repair, const struct kept_finding *kept, const char *how);
/* Tells the step of each finding, and notes what has to be made anew before the opening. Round 0 tells what was asked for as well. */
void repair__plan(struct repair *repair, int round);
void repair__free_findings(struct repair *repair);

/* ---- repair_opening.c: one opening of catalog and stores ---------------------------------------------------------------- */

/* To <name>.damaged, durably. */
MUST_USE int repair__set_aside(struct repair *repair, const char *name);
MUST_USE int repair__open_catalog(struct repair *repair);
MUST_USE int repair__open_stores(struct repair *repair);
/* Carries out the steps that need open stores. */
void repair__apply(struct repair *repair);
MUST_USE int repair__stop_stores(struct repair *repair);
/* Whatever is open. */
void repair__close(struct repair *repair);

/* ---- repair_quarantine.c ---------------------------------------------------------------------------------------------------- */

/* 0: each topic that was asked for is known, or nobody can say. */
MUST_USE int repair__check_names(struct repair *repair);
/* Behind a stop. */
MUST_USE int repair__quarantine(struct repair *repair);
