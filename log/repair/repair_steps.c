/* From findings to steps: what is to be done about each, and how it is told.
 *
 * Happy path: each finding of the verifier is kept with its action; the plan tells them in the order in which they were found.
 * Failure modes: without memory for a finding nothing is repaired; without memory for what was told, it is told twice. */
#include <stdio.h>
#include <stdlib.h>

#include "log/repair/lost_catalog.h"
#include "log/repair/lost_journal.h"
#include "log/repair/repair_priv.h"

const char *repair_action_name(enum repair_action action)
{
	static const char *const names[repair_action_count] = {"rebuild", "fence", "unfence", "cut", "give up", "quarantine", "recover", "nothing"};
	return names[action];
}

static bool is_file(const struct finding *finding, const char *name)
{
	return finding->file && strcmp(finding->file, name) == 0;
}

bool repair__is_journal(const struct finding *finding)
{
	return !finding->topic && finding->file && strncmp(finding->file, "journal-", 8) == 0;
}

uint32_t repair__shard_of(const struct finding *finding)
{
	return (uint32_t)strtoul(finding->file + 8, NULL, 10);
}

/* Both superblocks are lost, and its groups are not. */
static bool can_salvage(struct repair *repair, const struct finding *finding)
{
	struct journal_salvage found;
	return repair__is_journal(finding) && finding->is_fatal &&
	       lost_journal_salvage(repair->io, repair->options->dir, repair__shard_of(finding), true, &found) == 0;
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
		if (repair__is_journal(finding))
			return "its groups are there: the superblocks are made anew from them, the old ones kept as .superblocks; what is lost of it is named then";
		return is_file(finding, "meta.properties")			   ? "made anew from catalog.log; the old one is kept as meta.properties.damaged"
		       : finding->file && strncmp(finding->file, "checkpoint-", 11) == 0 ? "made anew from the segments and the journal"
		       : finding->file && strstr(finding->file, ".appendtime")		   ? "kept as .damaged: what it said is nowhere else, and the records do not need it"
		       : finding->file && strstr(finding->file, ".snapshot")		   ? "kept as .damaged: the checkpoint knows the producers, and the records do not need it"
											   : "made anew from the log";
	case REPAIR_FENCE:
		return "these offsets are refused with CORRUPT_MESSAGE from now on; the bytes stay, all else is served";
	case REPAIR_CUT:
		return repair__is_journal(finding) ? "cut off: the journal ends before it" : "cut off: it was acknowledged to nobody";
	case REPAIR_GIVE_UP:
		if (finding->topic)
			return finding->from == NOWHERE ? "what is in the directory is given up: the topic goes on without it"
							: "kept aside as .log.foreign; the offsets that were there are refused with CORRUPT_MESSAGE";
		if (finding->file && strncmp(finding->file, "log-start-", 10) == 0)
			return "made anew: logs begin where it says, or with their first segments; records that were deleted since may be back: delete them again";
		if (is_file(finding, "meta.properties"))
			return "catalog.log is believed, and meta.properties made anew from it; the old one is kept as meta.properties.damaged";
		if (finding->is_anothers)
			return "kept aside as catalog.log.damaged, and made anew from the journals and the partitions' directories: configs, settings and topics without data are gone";
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

void repair__keep_finding(void *context, const struct finding *finding)
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

void repair__tell(struct repair *repair, const struct kept_finding *kept, const char *how)
{
	const struct repair_options *options = repair->options;
	struct repair_step step = {kept->action, kept->action == REPAIR_GIVE_UP && !options->is_loss_accepted, &kept->finding, how};
	repair->report->steps[kept->action]++;
	repair->report->refused += step.is_refused;
	if (options->told)
		options->told(options->context, &step);
}

void repair__plan(struct repair *repair, int round)
{
	for (uint32_t i = 0; i < repair->options->quarantined_count && round == 0; i++) {
		struct kept_finding asked = {.finding = {.kind = FINDING_NOTE, .topic = repair->options->quarantined[i], .partition = NOWHERE, .file = "",
							 .from = NOWHERE, .to = NOWHERE, .position_from = NOWHERE, .position_to = NOWHERE, .what = "asked for"},
					     .action = REPAIR_QUARANTINE};
		repair__tell(repair, &asked, "what the journal holds of it is filed, its directories are moved to quarantine/, and the topic is deleted, with the offsets that groups committed of it");
	}
	for (uint32_t i = 0; i < repair->count; i++) {
		struct kept_finding *kept = &repair->findings[i];
		if (repair_is_quarantined(repair->options, kept->topic))
			continue;
		repair->needs_catalog |= is_file(&kept->finding, "catalog.log") && kept->action == REPAIR_GIVE_UP;
		repair->is_catalog_anothers |= repair->needs_catalog && kept->finding.is_anothers;
		repair->needs_meta |= is_file(&kept->finding, "meta.properties");
		if (kept->action == REPAIR_NOTHING && kept->finding.is_fenced && round > 0 && was_told(repair, &kept->finding))
			continue;
		repair__tell(repair, kept, how_for(kept));
		note_told(repair, &kept->finding);
	}
}

void repair__free_findings(struct repair *repair)
{
	for (uint32_t i = 0; i < repair->count; i++) {
		free(repair->findings[i].topic);
		free(repair->findings[i].file);
		free(repair->findings[i].what);
	}
	free(repair->findings);
	repair->findings = NULL;
	repair->count = 0;
	repair->needs_catalog = repair->is_catalog_anothers = repair->needs_meta = false;
}
