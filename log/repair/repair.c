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

#include "log/io/dir_lock.h"
#include "log/repair/aside.h"
#include "log/repair/lost_catalog.h"
#include "log/repair/lost_journal.h"
#include "log/segment/partition_metadata.h"
#include "log/segment/foreign_file.h"
#include "log/store/store_priv.h"
#include "log/verify/directory.h"
#include "log/verify/verify.h"

#define SHARDS_MAX 256u
#define TURNS_MAX 10000000
#define ROUNDS_MAX 3

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
	struct catalog *catalog;
	const struct catalog_image *image;
	uint32_t shard_count;
	struct store *stores[SHARDS_MAX];
};

const char *repair_action_name(enum repair_action action)
{
	static const char *const names[repair_action_count] = {"rebuild", "fence", "unfence", "cut", "give up", "quarantine", "recover", "nothing"};
	return names[action];
}

static int fail(struct repair *repair, int err, const char *what, const char *why)
{
	snprintf(repair->report->why, sizeof repair->report->why, "%s: %s", what, *why ? why : err_text(err));
	return err;
}

static void path_of(const struct repair *repair, const char *name, char *out, size_t size)
{
	snprintf(out, size, "%s/%s", repair->options->dir, name);
}

/* ---- from findings to steps ----------------------------------------------------------------------------------------- */

static bool is_file(const struct finding *finding, const char *name)
{
	return finding->file && strcmp(finding->file, name) == 0;
}

static bool is_journal(const struct finding *finding)
{
	return !finding->topic && finding->file && strncmp(finding->file, "journal-", 8) == 0;
}

static uint32_t shard_of(const struct finding *finding)
{
	return (uint32_t)strtoul(finding->file + 8, NULL, 10);
}

/* Both superblocks are lost, and its groups are not. */
static bool can_salvage(struct repair *repair, const struct finding *finding)
{
	struct journal_salvage found;
	return is_journal(finding) && finding->is_fatal &&
	       lost_journal_salvage(repair->io, repair->options->dir, shard_of(finding), true, &found) == 0;
}

static enum repair_action action_for(const struct finding *finding)
{
	if (finding->is_tail)
		return REPAIR_CUT;
	if (finding->is_whole_again)
		return REPAIR_UNFENCE;
	if (finding->kind == FINDING_NOTE || finding->is_fenced)
		return REPAIR_NOTHING;
	if (finding->is_fatal)
		return REPAIR_GIVE_UP;
	if (finding->kind == FINDING_DERIVED || is_file(finding, "meta.properties"))
		return REPAIR_REBUILD;
	if (finding->topic && finding->from != NOWHERE)
		return REPAIR_FENCE;
	return finding->topic ? REPAIR_REBUILD : REPAIR_NOTHING;
}

static const char *how_for(const struct kept_finding *kept)
{
	const struct finding *finding = &kept->finding;
	if (kept->action == REPAIR_UNFENCE)
		return "whole again: its file is what was filed, to the last byte; the fence is taken away, and these offsets are served";
	if (finding->is_fenced)
		return "it is fenced already: the range is refused with CORRUPT_MESSAGE, all else is served";
	switch (kept->action) {
	case REPAIR_REBUILD:
		if (is_journal(finding))
			return "its groups are there: the superblocks are made anew from them, the old ones kept as .superblocks; what is lost of it is named then";
		return is_file(finding, "meta.properties")			   ? "made anew from catalog.log; the old one is kept as meta.properties.damaged"
		       : finding->file && strncmp(finding->file, "checkpoint-", 11) == 0 ? "made anew from the segments and the journal"
		       : finding->file && strstr(finding->file, ".appendtime")		   ? "kept as .damaged: what it said is nowhere else, and the records do not need it"
		       : finding->file && strstr(finding->file, ".snapshot")		   ? "kept as .damaged: the checkpoint knows the producers, and the records do not need it"
											   : "made anew from the log";
	case REPAIR_FENCE:
		return "these offsets are refused with CORRUPT_MESSAGE from now on; the bytes stay, all else is served";
	case REPAIR_CUT:
		return is_journal(finding) ? "cut off: the journal ends before it" : "cut off: it was acknowledged to nobody";
	case REPAIR_GIVE_UP:
		if (finding->topic)
			return finding->from == NOWHERE ? "what is in the directory is given up: the topic goes on without it"
							: "kept aside as .log.foreign; the offsets that were there are refused with CORRUPT_MESSAGE";
		if (finding->file && strncmp(finding->file, "log-start-", 10) == 0)
			return "made anew: logs begin where it says, or with their first segments; records that were deleted since may be back: delete them again";
		if (is_file(finding, "meta.properties"))
			return "catalog.log is believed, and meta.properties made anew from it; the old one is kept as meta.properties.damaged";
		return is_file(finding, "catalog.log") ? "made anew from the records that are good and the partitions' directories; the old one is kept beside it, and "
							 "what only the lost records said (configs, settings, topics without data) is gone"
						       : "what is whole of it is used; if none is, a new journal is made, and the old one kept beside it. Acknowledged records that were in it alone are gone";
	default:
		return "nothing can be done about it";
	}
}

static char *copy_text(struct repair *repair, const char *text)
{
	char *copy = text ? strdup(text) : NULL;
	repair->is_short_of_memory |= text && !copy;
	return copy;
}

static void keep_finding(void *context, const struct finding *finding)
{
	struct repair *repair = context;
	enum repair_action action = can_salvage(repair, finding) ? REPAIR_REBUILD : action_for(finding);
	if (action == REPAIR_UNFENCE && repair->report->was_opened)
		action = REPAIR_NOTHING; /* the seal that says so may have been made anew from the file just now: that was not said, and is for the next call */
	if (action == REPAIR_NOTHING && finding->kind == FINDING_NOTE)
		return;
	struct kept_finding *grown = realloc(repair->findings, (repair->count + 1) * sizeof *grown);
	if (!grown) {
		repair->is_short_of_memory = true;
		return;
	}
	repair->findings = grown;
	struct kept_finding *kept = &grown[repair->count++];
	*kept = (struct kept_finding){*finding, copy_text(repair, finding->topic), copy_text(repair, finding->file), copy_text(repair, finding->what), action};
	kept->finding.topic = kept->topic;
	kept->finding.file = kept->file;
	kept->finding.what = kept->what;
}

static bool was_told(const struct repair *repair, const struct finding *finding)
{
	for (uint32_t i = 0; i < repair->told_count && finding->topic; i++) {
		const struct told_range *told = &repair->told[i];
		if (told->partition == finding->partition && told->from <= finding->from && (told->to == NOWHERE || finding->to <= told->to) && !strcmp(told->topic, finding->topic))
			return true;
	}
	return false;
}

/* Without memory it is told twice. */
static void note_told(struct repair *repair, const struct finding *finding)
{
	if (!finding->topic || finding->from == NOWHERE)
		return;
	struct told_range *grown = realloc(repair->told, (repair->told_count + 1) * sizeof *grown);
	char *topic = strdup(finding->topic);
	if (grown)
		repair->told = grown;
	if (grown && topic)
		grown[repair->told_count++] = (struct told_range){topic, finding->partition, finding->from, finding->to};
	else
		free(topic);
}

static void tell(struct repair *repair, const struct kept_finding *kept, const char *how)
{
	const struct repair_options *options = repair->options;
	struct repair_step step = {kept->action, kept->action == REPAIR_GIVE_UP && !options->is_loss_accepted, &kept->finding, how};
	repair->report->steps[kept->action]++;
	repair->report->refused += step.is_refused;
	if (options->told)
		options->told(options->context, &step);
}

static void plan(struct repair *repair, int round)
{
	for (uint32_t i = 0; i < repair->options->quarantined_count && round == 0; i++) {
		struct kept_finding asked = {.finding = {.kind = FINDING_NOTE, .topic = repair->options->quarantined[i], .partition = NOWHERE, .file = "",
							 .from = NOWHERE, .to = NOWHERE, .position_from = NOWHERE, .position_to = NOWHERE, .what = "asked for"},
					     .action = REPAIR_QUARANTINE};
		tell(repair, &asked, "what the journal holds of it is filed, its directories are moved to quarantine/, and the topic is deleted, with the offsets that groups committed of it");
	}
	for (uint32_t i = 0; i < repair->count; i++) {
		struct kept_finding *kept = &repair->findings[i];
		if (repair_is_quarantined(repair->options, kept->topic))
			continue;
		repair->needs_catalog |= is_file(&kept->finding, "catalog.log") && kept->action == REPAIR_GIVE_UP;
		repair->needs_meta |= is_file(&kept->finding, "meta.properties");
		if (kept->action == REPAIR_NOTHING && kept->finding.is_fenced && round > 0 && was_told(repair, &kept->finding))
			continue;
		tell(repair, kept, how_for(kept));
		note_told(repair, &kept->finding);
	}
}

/* The verifier takes the lock itself. */
static int look(struct repair *repair, finding_fn *found)
{
	struct verify_report report;
	struct verify_options options = {.dir = repair->options->dir, .found = found, .context = repair};
	int err = verify_directory(repair->io, &options, &report);
	if (err)
		return fail(repair, err, "the directory cannot be checked", "");
	if (report.is_in_use)
		return fail(repair, ERR_LOCKED, repair->options->dir, "a running broker holds the directory: stop it first");
	repair->report->damages_left = report.counts.findings[FINDING_DAMAGE] + repair->report->unfenced;
	repair->report->derived_left = report.counts.findings[FINDING_DERIVED];
	return repair->is_short_of_memory ? fail(repair, -ENOMEM, "findings", "") : 0;
}

/* ---- files in the way ----------------------------------------------------------------------------------------------- */

/* Gone is as good. */
static int rename_damaged(struct repair *repair, const char *path)
{
	char aside[8192 + 16];
	snprintf(aside, sizeof aside, "%s.damaged", path);
	int err = io_rename(repair->io, path, aside);
	return err == -ENOENT ? 0 : err ? err : io_parent_sync(repair->io, path);
}

static int set_aside(struct repair *repair, const char *name)
{
	char path[4096];
	path_of(repair, name, path, sizeof path);
	int err = rename_damaged(repair, path);
	return err ? fail(repair, err, name, "") : 0;
}

static void tell_recovered(void *context, const struct finding *finding, const char *how)
{
	struct kept_finding kept = {.finding = *finding, .action = REPAIR_RECOVER};
	tell(context, &kept, how);
}

static int salvage_catalog(struct repair *repair)
{
	int err = lost_catalog_make(repair->io, repair->options, &repair->dir, repair->shard_count, repair->options->is_dry_run, tell_recovered, repair);
	return err ? fail(repair, err, "catalog.log cannot be made anew", "") : 0;
}

static int mend_journals(struct repair *repair)
{
	int err = 0;
	struct journal_salvage found;
	for (uint32_t i = 0; i < repair->count && !err; i++) {
		const struct kept_finding *kept = &repair->findings[i];
		if (!is_journal(&kept->finding))
			continue;
		if (kept->action == REPAIR_CUT)
			err = lost_journal_cut(repair->io, repair->options->dir, kept->file, (uint64_t)kept->finding.position_from);
		else if (kept->action == REPAIR_REBUILD)
			err = lost_journal_salvage(repair->io, repair->options->dir, shard_of(&kept->finding), false, &found);
		if (err)
			return fail(repair, err, kept->file, "");
	}
	return 0;
}

/* ---- one opening ------------------------------------------------------------------------------------------------------ */

static int open_catalog(struct repair *repair)
{
	struct catalog_knowledge known = {.is_loss_accepted = repair->options->is_loss_accepted, .shard_count = repair->shard_count};
	struct catalog_report found = {0};
	int err = store_read_catalog_mark(repair->io, repair->options->dir, repair->shard_count, &known.mark);
	if (!err)
		err = catalog_open_knowing(&repair->catalog, repair->io, repair->options->dir, repair->options->config, &known, &found);
	/* Nobody could hold the two against each other while catalog.log was not readable. What could be saved of it says whose directory this is. */
	if (err == ERR_FORMAT && found.is_another && repair->needs_catalog) {
		err = set_aside(repair, "meta.properties");
		if (!err)
			err = catalog_open_knowing(&repair->catalog, repair->io, repair->options->dir, repair->options->config, &known, &found);
	}
	if (!err)
		err = catalog_check_shards(repair->catalog, &found);
	if (err)
		return fail(repair, err, "the catalog cannot be opened", found.why);
	repair->image = catalog_image_acquire(repair->catalog);
	return 0;
}

static int open_stores(struct repair *repair)
{
	const struct broker_config *config = repair->options->config;
	for (uint32_t shard = 0; shard < repair->shard_count; shard++) {
		struct store_options options = {
			.dir = repair->options->dir,
			.shard = shard,
			.shard_count = repair->shard_count,
			.incarnation = catalog_incarnation(repair->catalog),
			.journal_incarnation = catalog_journal_incarnation(repair->catalog),
			.journal_size_bytes = (uint64_t)broker_config_int(config, "spate.journal.bytes"),
			.cache_size_bytes = (uint64_t)broker_config_int(config, "spate.cache.bytes"),
			.producers_max = 100000,
			.producer_expiration_ms = broker_config_int(config, "producer.id.expiration.ms"),
			.is_loss_accepted = repair->options->is_loss_accepted,
		};
		struct store_report report;
		int err = store_open(&repair->stores[shard], repair->io, &options, repair->image, &report);
		if (err)
			return fail(repair, err, "the store cannot be opened", report.why);
	}
	bool have_started = true;
	for (uint32_t shard = 0; shard < repair->shard_count; shard++)
		have_started &= store_has_started(repair->stores[shard]);
	int err = have_started ? catalog_note_journals(repair->catalog) : 0;
	return err ? fail(repair, err, "the catalog cannot be written", "") : 0;
}

static struct partition *partition_of(struct repair *repair, const struct finding *finding)
{
	struct slice name = {(const uint8_t *)finding->topic, strlen(finding->topic)};
	const struct topic *topic = catalog_topic_by_name(repair->image, name);
	uint32_t index = (uint32_t)finding->partition;
	if (!topic || finding->partition < 0 || index >= topic->partition_count)
		return NULL;
	uint32_t shard = store_owner(&topic->id, index, repair->shard_count);
	return store_partition(repair->stores[shard], &topic->id, index);
}

/* False: the log ends before the range does. What the opening gave up of it nobody can fence any more, and the second look sees a log that ends there. */
static bool fence(struct repair *repair, const struct finding *finding)
{
	struct partition *partition = partition_of(repair, finding);
	int64_t end = partition ? partition_high_watermark(partition) : 0;
	int64_t to = finding->to == NOWHERE || finding->to > end ? end : finding->to;
	if (partition && to > finding->from)
		partition__add_damage(partition, finding->from, to);
	return !partition || finding->to == NOWHERE || finding->to <= end;
}

static void unfence(struct repair *repair, const struct finding *finding)
{
	struct partition *partition = partition_of(repair, finding);
	if (partition)
		partition__lift_damage(partition, finding->from, finding->to);
}

static void tell_unfenced(struct repair *repair, struct kept_finding *kept)
{
	kept->action = REPAIR_NOTHING;
	repair->report->unfenced++;
	tell(repair, kept, "NOT fenced as was said: after the opening the log ends before these offsets, and they will be given out again");
}

/* Of a complete segment: its derived files are written again with the seal, at the stop. The active one's are when it is complete. */
static void make_anew(struct repair *repair, const struct finding *finding)
{
	struct partition *partition = partition_of(repair, finding);
	const char *slash = strrchr(finding->file, '/');
	int64_t base = -1;
	enum segment_file file = SEGMENT_FILE_LOG;
	char path[8192];
	if (!partition || !slash)
		return;
	bool is_segments = segment_name_parse(slash + 1, &base, &file);
	if (is_segments && file == SEGMENT_FILE_LOG)
		return;
	path_of(repair, finding->file, path, sizeof path);
	/* Producers' state is in the checkpoint as well, and an old one is missed by nobody; append times are nowhere else. */
	bool is_made_anew = !is_segments || (file != SEGMENT_FILE_SNAPSHOT && file != SEGMENT_FILE_APPEND_TIME);
	int err = is_made_anew ? foreign_file_unlink(repair->io, path) : rename_damaged(repair, path);
	(void)err; /* it is written over then, or the second look tells */
	partition->epochs_changed |= !is_segments; /* leader-epoch-checkpoint is the other one */
	partition->home->has_rolled = true;        /* or a stop with nothing to file would not come by */
	if (!is_segments || !is_made_anew)
		return;
	struct segment *segment = partition__segment_at(partition, base);
	if (!segment || segment->base_offset != base || !segment->is_complete)
		return;
	partition__seal_again(partition, segment);
}

/* Also writes partition.metadata again where it does not say whose the directory is. */
static void mend_directory(struct repair *repair, const struct finding *finding)
{
	struct partition *partition = partition_of(repair, finding);
	int err = partition ? partition__prepare_dir(partition) : 0;
	(void)err; /* the second look tells */
}

static void apply(struct repair *repair)
{
	for (uint32_t i = 0; i < repair->count; i++) {
		struct kept_finding *kept = &repair->findings[i];
		if (!kept->topic || repair_is_quarantined(repair->options, kept->topic))
			continue;
		bool is_fenced = kept->action != REPAIR_FENCE || fence(repair, &kept->finding);
		if (!is_fenced)
			tell_unfenced(repair, kept);
		else if (kept->action == REPAIR_UNFENCE)
			unfence(repair, &kept->finding);
		else if (kept->action == REPAIR_REBUILD && strstr(kept->file, PARTITION_METADATA_NAME))
			mend_directory(repair, &kept->finding);
		else if (kept->action == REPAIR_REBUILD)
			make_anew(repair, &kept->finding);
	}
}

static bool are_stopped(const struct repair *repair)
{
	for (uint32_t shard = 0; shard < repair->shard_count; shard++)
		if (!store_is_stopped(repair->stores[shard]))
			return false;
	return true;
}

static int stop_stores(struct repair *repair)
{
	bool has_failed = false;
	for (uint32_t shard = 0; shard < repair->shard_count; shard++)
		store_stop(repair->stores[shard]);
	for (int turns = 0; !are_stopped(repair) && turns < TURNS_MAX; turns++) {
		for (uint32_t shard = 0; shard < repair->shard_count; shard++)
			store_turn(repair->stores[shard]);
		int err = are_stopped(repair) ? 0 : io_turn(repair->io, true);
		if (err < 0)
			return fail(repair, err, "the stop", "");
	}
	for (uint32_t shard = 0; shard < repair->shard_count; shard++)
		has_failed |= store_has_failed(repair->stores[shard]);
	if (has_failed || !are_stopped(repair))
		return fail(repair, -EIO, "the stop", "it did not come to its end: see the lines above, and begin again");
	repair->report->was_opened = true;
	return 0;
}

static void close_all(struct repair *repair)
{
	for (uint32_t shard = 0; shard < repair->shard_count; shard++)
		if (repair->stores[shard])
			store_close(repair->stores[shard]);
	if (repair->image)
		catalog_image_release(repair->image);
	if (repair->catalog)
		catalog_close(repair->catalog);
	memset(repair->stores, 0, sizeof repair->stores);
	repair->image = NULL;
	repair->catalog = NULL;
}

/* ---- quarantine --------------------------------------------------------------------------------------------------------- */

static int move_directories(struct repair *repair, const char *topic)
{
	int err = 0;
	for (uint32_t i = 0; i < repair->dir.partition_count && !err; i++)
		if (!strcmp(repair->dir.partitions[i].topic, topic))
			err = repair_move_aside(repair->io, repair->options->dir, repair->dir.partitions[i].name);
	return err;
}

/* With the directories that filing has made since. */
static int list_again(struct repair *repair)
{
	data_dir_free(&repair->dir);
	int err = data_dir_read(&repair->dir, repair->io, repair->options->dir);
	return err ? fail(repair, err, repair->options->dir, "") : 0;
}

/* Directories first: a topic that is deleted takes them with it. */
static int move_topics(struct repair *repair)
{
	for (uint32_t i = 0; i < repair->options->quarantined_count; i++) {
		const char *name = repair->options->quarantined[i];
		const struct topic *topic = catalog_topic_by_name(repair->image, (struct slice){(const uint8_t *)name, strlen(name)});
		int err = move_directories(repair, name), topic_err = 0;
		if (!err && topic)
			err = catalog_delete_topics(repair->catalog, &topic->id, 1, &topic_err);
		if (err)
			return fail(repair, err, name, "");
		catalog_image_release(repair->image);
		repair->image = catalog_image_acquire(repair->catalog);
	}
	return 0;
}

/* Behind a stop, when all of them is in their files. A start and a stop more, that the stores forget them too. */
static int quarantine(struct repair *repair)
{
	int err = list_again(repair);
	if (!err)
		err = open_catalog(repair);
	if (!err)
		err = move_topics(repair);
	repair->is_quarantined = !err;
	if (!err)
		err = open_stores(repair);
	if (!err)
		err = stop_stores(repair);
	close_all(repair);
	return err;
}

static bool has_directory(const struct repair *repair, const char *topic)
{
	for (uint32_t i = 0; i < repair->dir.partition_count; i++)
		if (!strcmp(repair->dir.partitions[i].topic, topic))
			return true;
	return false;
}

/* A slip in a name is told before anything is done; a catalog that cannot be read knows nobody. */
static int check_names(struct repair *repair)
{
	struct catalog *catalog = NULL;
	struct catalog_report found = {0};
	const char *unknown = NULL;
	int err = repair->options->quarantined_count ? catalog_open_read_only(&catalog, repair->io, repair->options->dir, repair->options->config, &found) : -ENOENT;
	if (err)
		return 0;
	const struct catalog_image *image = catalog_image_acquire(catalog);
	for (uint32_t i = 0; i < repair->options->quarantined_count && !unknown; i++) {
		const char *name = repair->options->quarantined[i];
		bool is_known = catalog_topic_by_name(image, (struct slice){(const uint8_t *)name, strlen(name)}) || has_directory(repair, name);
		unknown = is_known ? NULL : name;
	}
	catalog_image_release(image);
	catalog_close(catalog);
	return unknown ? fail(repair, -ENOENT, unknown, "there is no such topic here") : 0;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------------ */

static int take_lock(struct repair *repair)
{
	int err = dir_lock_take(&repair->lock, repair->io, repair->options->dir, 0);
	if (err == ERR_LOCKED)
		return fail(repair, ERR_LOCKED, repair->options->dir, "a running broker holds the directory: stop it first");
	return err ? fail(repair, err, ".lock", "") : 0;
}

/* As a start and a stop do it; what the journal holds is filed. */
static int open_and_stop(struct repair *repair)
{
	int err = open_catalog(repair);
	if (!err)
		err = open_stores(repair);
	if (!err)
		apply(repair);
	if (!err)
		err = stop_stores(repair);
	close_all(repair);
	return err;
}

static int mend(struct repair *repair)
{
	int err = take_lock(repair);
	if (!err && repair->needs_meta)
		err = set_aside(repair, "meta.properties");
	if (!err && repair->needs_catalog)
		err = salvage_catalog(repair);
	if (!err)
		err = mend_journals(repair);
	if (!err)
		err = open_and_stop(repair);
	if (!err && repair->options->quarantined_count && !repair->is_quarantined)
		err = quarantine(repair);
	dir_lock_drop(&repair->lock, repair->io);
	return err;
}

static void free_findings(struct repair *repair)
{
	for (uint32_t i = 0; i < repair->count; i++) {
		free(repair->findings[i].topic);
		free(repair->findings[i].file);
		free(repair->findings[i].what);
	}
	free(repair->findings);
	repair->findings = NULL;
	repair->count = 0;
	repair->needs_catalog = repair->needs_meta = false;
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
		return fail(repair, -EINVAL, repair->options->dir, "it has more shards than there can be");
	int err = check_names(repair);
	if (!err)
		err = look(repair, keep_finding);
	for (int round = 0; !err; round++) {
		uint32_t done = count_work(repair->report);
		plan(repair, round);
		if (repair->options->is_dry_run && repair->needs_catalog)
			err = salvage_catalog(repair); /* what it would make up is told, too */
		if (repair->options->is_dry_run || repair->report->refused || round == ROUNDS_MAX || count_work(repair->report) == done)
			break;
		err = mend(repair);
		free_findings(repair);
		if (!err)
			err = look(repair, keep_finding);
	}
	return err;
}

int repair_directory(struct io *io, const struct repair_options *options, struct repair_report *report)
{
	struct repair repair = {.io = io, .options = options, .report = report, .lock = DIR_LOCK_NONE};
	*report = (struct repair_report){0};
	int err = data_dir_read(&repair.dir, io, options->dir);
	if (err)
		return fail(&repair, err, options->dir, "");
	err = run(&repair);
	free_findings(&repair);
	for (uint32_t i = 0; i < repair.told_count; i++)
		free(repair.told[i].topic);
	free(repair.told);
	data_dir_free(&repair.dir);
	return err;
}
