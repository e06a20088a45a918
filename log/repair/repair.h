/* A damaged data directory put in order, as far as that can be, without its broker: what `spate log repair` does. It is the verifier's findings, each with
 * what can be done about it, and then one opening of the directory as a broker would open it, which rebuilds what is derived, fences what is damaged
 * and stops cleanly.
 *
 * Rules: nothing is done to a directory in use. What would give up acknowledged records or changes for good (a journal that is lost, a catalog with a hole,
 * a topic put into quarantine) is done only when it was asked for. Bytes that are cut off or replaced are kept beside, under a name that is told; derived
 * files are made anew from the log. Done twice, the second time finds nothing to do but what cannot be mended.
 *
 * Owner: the calling thread. Prints nothing but what the store's recovery does on stderr. */
#pragma once

#include "log/config/config.h"
#include "log/verify/finding.h"
#include "log/io/io.h"

enum repair_action {
	REPAIR_REBUILD,    /* a derived file: made anew from what it is derived from */
	REPAIR_FENCE,      /* a damaged range: its offsets are refused from now on without looking; the bytes stay */
	REPAIR_UNFENCE,    /* offsets that are fenced, and whose file is whole again: served from now on */
	REPAIR_CUT,        /* a torn tail, acknowledged to nobody: cut off */
	REPAIR_GIVE_UP,    /* acknowledged records or changes cannot be had again: goes on without (needs is_loss_accepted) */
	REPAIR_QUARANTINE, /* what the journal holds of a topic filed, its directories moved to quarantine/, the topic deleted (asked for by name) */
	REPAIR_RECOVER,    /* a topic whose name is lost with the catalog, and whose records are in the journal alone: made anew as recovered-<topic id> */
	REPAIR_NOTHING,    /* known and fenced already, or nothing that can be done */
	repair_action_count
};
/* "rebuild", "fence", "unfence", "cut", "give up", "quarantine", "recover", "nothing". Static. */
const char *repair_action_name(enum repair_action action);

struct repair_step {
	enum repair_action action;
	bool is_refused;                 /* it needs what was not asked for */
	const struct finding *finding;   /* why; its texts live as long as the call */
	const char *how;                 /* what is done, a sentence without a stop */
};

typedef void repair_step_fn(void *context, const struct repair_step *step);

struct repair_options {
	const char *dir;
	const struct broker_config *config;
	bool is_dry_run;
	bool is_loss_accepted;
	const char *const *quarantined;  /* names of topics */
	uint32_t quarantined_count;
	repair_step_fn *told;            /* of each step, before anything is done */
	void *context;
	/* This room knows nothing of groups; both may be NULL, and are asked if the catalog is lost. How many partitions __consumer_offsets had, going by the groups in its
	 * directories and in the journals' batches of this topic id: at least `known`; `usual` if nothing speaks against it (so it is without this). */
	uint32_t (*count_internal)(struct io *io, const char *dir, uint32_t shard_count, const struct uuid *id, uint32_t known, uint32_t usual);
	/* Can these batches, which are whole, be of __consumer_offsets? (Without this: no.) */
	bool (*is_internal)(struct slice batches);
};

struct repair_report {
	uint32_t steps[repair_action_count];
	uint32_t refused;                /* steps that need is_loss_accepted: nothing at all was done */
	bool was_opened;                 /* and stopped cleanly */
	uint64_t damages_left, derived_left; /* what the verifier says afterwards (of a dry run: now); and those that are unfenced */
	uint32_t unfenced;               /* ranges that were to be fenced, and the log ended before them all the same */
	char why[1280];                  /* of a failure */
};

/* 0: done, or a dry run, or refused (report->refused). ERR_LOCKED: a broker has it. -errno and others: report->why. */
MUST_USE int repair_directory(struct io *io, const struct repair_options *options, struct repair_report *report);
