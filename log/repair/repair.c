/* In order: lock; look (verify_directory) and make a step of each finding; tell them; then, if nothing was refused: files that are in the way
 * moved aside (meta.properties, what the catalog can be made from), and one opening of catalog and stores with their losses accepted, the damaged ranges
 * fenced, the fences before what is whole again taken away, derived files of sealed segments marked to be made anew, a clean stop; quarantine, behind that stop, when nothing of a topic is in the journal
 * alone any more; then look again. What a broken catalog had hidden is found then, and makes another round.
 *
 * Failure modes: whatever fails ends the repair with a sentence; all that was done by then is complete in itself, and the repair can be begun again. */
#include "log/repair/repair.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/repair/lost_catalog.h"
#include "log/repair/lost_journal.h"
#include "log/repair/repair_priv.h"
#include "log/segment/foreign_file.h"
#include "log/verify/verify.h"

#define ROUNDS_MAX 3

int repair__fail(struct repair *repair, int err, const char *what, const char *why)
{
	char text[2048];
	snprintf(repair->report->why, sizeof repair->report->why, "%s: %s", what, *why ? why : io_explain(repair->io, err, text, sizeof text));
	return err;
}

void repair__path_of(const struct repair *repair, const char *name, char *out, size_t size)
{
	snprintf(out, size, "%s/%s", repair->options->dir, name);
}

/* The verifier takes the lock itself. */
static int look(struct repair *repair, finding_fn *found)
{
	struct verify_report report;
	struct verify_options options = {.dir = repair->options->dir, .found = found, .context = repair};
	int err = verify_directory(repair->io, &options, &report);
	if (err)
		return repair__fail(repair, err, "the directory cannot be checked", "");
	if (report.is_in_use)
		return repair__fail(repair, ERR_LOCKED, repair->options->dir, "a running broker holds the directory: stop it first");
	repair->report->damages_left = report.counts.findings[FINDING_DAMAGE] + repair->report->unfenced;
	repair->report->derived_left = report.counts.findings[FINDING_DERIVED];
	return repair->is_short_of_memory ? repair__fail(repair, -ENOMEM, "findings", "") : 0;
}

/* ---- files in the way ----------------------------------------------------------------------------------------------- */

static void tell_recovered(void *context, const struct finding *finding, const char *how)
{
	struct kept_finding kept = {.finding = *finding, .action = REPAIR_RECOVER};
	repair__tell(context, &kept, how);
}

static int salvage_catalog(struct repair *repair)
{
	int err = lost_catalog_make(repair->io, repair->options, &repair->dir, repair->shard_count, repair->options->is_dry_run, tell_recovered, repair);
	return err ? repair__fail(repair, err, "catalog.log cannot be made anew", "") : 0;
}

static int mend_journals(struct repair *repair)
{
	int err = 0;
	struct journal_salvage found;
	for (uint32_t i = 0; i < repair->count && !err; i++) {
		const struct kept_finding *kept = &repair->findings[i];
		if (!repair__is_journal(&kept->finding))
			continue;
		if (kept->action == REPAIR_CUT)
			err = lost_journal_cut(repair->io, repair->options->dir, kept->file, (uint64_t)kept->finding.position_from);
		else if (kept->action == REPAIR_REBUILD)
			err = lost_journal_salvage(repair->io, repair->options->dir, repair__shard_of(&kept->finding), false, &found);
		if (err)
			return repair__fail(repair, err, kept->file, "");
	}
	return 0;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------------ */

static int take_lock(struct repair *repair)
{
	int err = foreign_file_lock_dir(&repair->lock, repair->io, repair->options->dir, 0);
	if (err == ERR_LOCKED)
		return repair__fail(repair, ERR_LOCKED, repair->options->dir, "a running broker holds the directory: stop it first");
	return err ? repair__fail(repair, err, ".lock", "") : 0;
}

/* As a start and a stop do it; what the journal holds is filed. */
static int open_and_stop(struct repair *repair)
{
	int err = repair__open_catalog(repair);
	if (!err)
		err = repair__open_stores(repair);
	if (!err)
		repair__apply(repair);
	if (!err)
		err = repair__stop_stores(repair);
	repair__close(repair);
	return err;
}

static int mend(struct repair *repair)
{
	int err = take_lock(repair);
	if (!err && repair->needs_meta)
		err = repair__set_aside(repair, "meta.properties");
	if (!err && repair->is_catalog_anothers)
		err = repair__set_aside(repair, "catalog.log");
	if (!err && repair->needs_catalog)
		err = salvage_catalog(repair);
	if (!err)
		err = mend_journals(repair);
	if (!err)
		err = open_and_stop(repair);
	if (!err && repair->options->quarantined_count && !repair->is_quarantined)
		err = repair__quarantine(repair);
	dir_lock_drop(&repair->lock, repair->io);
	return err;
}

/* Is there anything that an opening would mend? A sound directory is left as it is. */
static uint32_t count_work(const struct repair_report *report)
{
	return report->steps[REPAIR_REBUILD] + report->steps[REPAIR_FENCE] + report->steps[REPAIR_UNFENCE] + report->steps[REPAIR_CUT] +
	       report->steps[REPAIR_GIVE_UP] + report->steps[REPAIR_QUARANTINE];
}

static int run(struct repair *repair)
{
	repair->shard_count = repair->dir.shard_count ? repair->dir.shard_count : 1;
	if (repair->shard_count > SHARDS_MAX)
		return repair__fail(repair, -EINVAL, repair->options->dir, "it has more shards than there can be");
	int err = repair__check_names(repair);
	if (!err)
		err = look(repair, repair__keep_finding);
	for (int round = 0; !err; round++) {
		uint32_t done = count_work(repair->report);
		repair__plan(repair, round);
		if (repair->options->is_dry_run && repair->needs_catalog)
			err = salvage_catalog(repair); /* what it would make up is told, too */
		if (repair->options->is_dry_run || repair->report->refused || round == ROUNDS_MAX || count_work(repair->report) == done)
			break;
		err = mend(repair);
		repair__free_findings(repair);
		if (!err)
			err = look(repair, repair__keep_finding);
	}
	return err;
}

int repair_directory(struct io *io, const struct repair_options *options, struct repair_report *report)
{
	struct repair repair = {.io = io, .options = options, .report = report, .lock = DIR_LOCK_NONE};
	*report = (struct repair_report){0};
	int err = data_dir_read(&repair.dir, io, options->dir);
	if (err)
		return repair__fail(&repair, err, options->dir, "");
	err = run(&repair);
	repair__free_findings(&repair);
	for (uint32_t i = 0; i < repair.told_count; i++)
		free(repair.told[i].topic);
	free(repair.told);
	data_dir_free(&repair.dir);
	return err;
}
