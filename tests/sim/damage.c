/* Damage that no correct disk does: bits that rot, blocks of junk, writes that went elsewhere or nowhere; and what of the log it may have reached.
 *
 * Which batches a segment's file holds is known from where each was put. A damaged journal may cost whatever was not in a file then. Files that are derived may cost
 * nothing at all. Damage to the last group of a journal, or to a piece that nothing vouched for yet, cannot be told from a power cut that tore
 * it: then the log ends earlier, and the run is over; but it must not end before what had been filed. */
#include <stdio.h>
#include <stdlib.h>

#include "log/base/check.h"
#include "log/batch/batch.h"
#include "tests/sim/run_priv.h"

/* ---- doing it ---------------------------------------------------------------------------------------------------------- */

struct choice {
	uint64_t left;
	char path[SIM_PATH_SIZE];
	uint64_t size;
};

static void count_file(void *context, const char *path, uint64_t size)
{
	*(uint64_t *)context += size > 0;
}

static void choose_file(void *context, const char *path, uint64_t size)
{
	struct choice *choice = context;
	if (size == 0 || choice->left == 0 || --choice->left)
		return;
	snprintf(choice->path, sizeof choice->path, "%s", path);
	choice->size = size;
}

/* "/a-0/00000000000000000000.log" */
static bool is_segment_of(const struct run *run, const char *path, uint32_t *number, int64_t *base_offset)
{
	for (uint32_t t = 0; t < TOPICS; t++)
		for (uint32_t p = 0; p < run->topics[t].number_count; p++) {
			char wanted[40];
			long base;
			int used = snprintf(wanted, sizeof wanted, "/%s-%u/", run->topics[t].name, p);
			size_t length = strlen(path);
			if (strncmp(path, wanted, (size_t)used) || length < 4 || strcmp(path + length - 4, ".log") || sscanf(path + used, "%ld", &base) != 1)
				continue;
			*number = run->topics[t].numbers[p];
			*base_offset = base;
			return true;
		}
	return false;
}

/* A start may have placed anew what it took from the journal: what the file holds now is what is struck. */
static void allow_batches_there(struct run *run, const struct choice *choice, uint64_t position, uint64_t size)
{
	uint32_t number;
	int64_t segment_base;
	struct batch batch;
	if (!run->plan->knobs.has_illegal_faults || !is_segment_of(run, choice->path, &number, &segment_base))
		return;
	uint8_t *file = malloc(choice->size);
	CHECK(file && sim_disk_peek(run->disk, choice->path, file, choice->size, 0) == (int64_t)choice->size);
	for (uint64_t at = 0; at < position + size && batch_parse_checked((struct slice){file + at, choice->size - at}, &batch) == 0; at += batch.size_bytes)
		if (at + batch.size_bytes > position)
			history_allow_damage(run->history, number, batch.base_offset, batch_next_offset(&batch));
	free(file);
}

void damage__rot(struct run *run, const struct step *step)
{
	uint64_t count = 0;
	sim_disk_list(run->disk, count_file, &count);
	if (!count)
		return;
	struct choice choice = {.left = 1 + step->a % count};
	sim_disk_list(run->disk, choose_file, &choice);
	uint64_t position = step->b % choice.size, size = step->c % 3 == 0 ? 1 : step->c % 3 == 1 ? 512 : 4096;
	size = size < choice.size - position ? size : choice.size - position;
	allow_batches_there(run, &choice, position, step->d % 2 ? 1 : size);
	int err = step->d % 2 ? sim_disk_flip_bit(run->disk, choice.path, position, (unsigned)step->d >> 1)
			      : sim_disk_corrupt(run->disk, choice.path, position, size);
	CHECK(err == 0);
	run__tell(run, position, "rot: %s, byte %lu, %s", choice.path, (unsigned long)position, step->d % 2 ? "one bit" : "every bit");
	damage__allow(run);
}

/* ---- what it may have reached --------------------------------------------------------------------------------------------- */

void damage__note_batch(struct run *run, uint32_t number, const struct segment *segment, uint32_t size_bytes, int64_t base_offset, int64_t end_offset)
{
	if (!run->plan->knobs.has_illegal_faults)
		return;
	run->placings = realloc(run->placings, (run->placing_count + 1) * sizeof *run->placings);
	CHECK(run->placings);
	run->placings[run->placing_count++] =
		(struct placing){number, segment->base_offset, segment->staged.position - size_bytes, size_bytes, base_offset, end_offset};
}

/* Everything below this is in files; the journal's damage cannot reach it. */
static int64_t filed_end(const struct partition *partition)
{
	int64_t end = partition_log_start_offset(partition);
	LIST_FOR_EACH(node, &partition->segments) {
		const struct segment *segment = LIST_ENTRY(node, struct segment, node);
		end = segment->filed.offset > end ? segment->filed.offset : end;
		if (segment->filed.position < segment->staged.position)
			break;
	}
	return end;
}

typedef void partition_fn(struct run *run, uint32_t number, struct partition *partition);

static void each_partition(struct run *run, partition_fn *each)
{
	for (uint32_t t = 0; t < TOPICS && run->store; t++)
		for (uint32_t p = 0; run->topics[t].state == TOPIC_LIVE && p < run->topics[t].partition_count; p++)
			if (!topics__is_offline(run, t, p))
				each(run, run->topics[t].numbers[p], topics__partition(run, t, p));
}

static void pass_on(struct run *run, uint32_t number, struct partition *partition)
{
	CHECK(number < NUMBERS_MAX);
	run->filed_before[number] = run->filed_by_last[number];
	run->filed_by_last[number] = filed_end(partition);
}

void damage__note_group(struct run *run)
{
	if (!run->plan->knobs.has_illegal_faults || !run->store || journal_durable_seq(run->store->journal) == run->vouching_seq)
		return;
	run->vouching_seq = journal_durable_seq(run->store->journal);
	each_partition(run, pass_on);
}

static void take_floor(struct run *run, uint32_t number, struct partition *partition)
{
	int64_t filed = filed_end(partition), floor = filed < run->filed_before[number] ? filed : run->filed_before[number];
	if (!run->has_floor[number] || floor < run->floors[number])
		run->floors[number] = floor;
	run->has_floor[number] = true;
}

/* What an offline one has there does not know itself: it has not looked. */
static void allow_all_of(struct run *run, uint32_t number, struct partition *partition)
{
	int64_t end = partition_log_end_offset(partition), known_end = history_certain_end(run->history, number);
	history_allow_damage(run->history, number, partition_log_start_offset(partition), end > known_end ? end : known_end);
}

/* What is offline has its part of the journal too, until a start has kept it elsewhere. */
static void allow_all(struct run *run)
{
	for (uint32_t t = 0; t < TOPICS && run->store; t++)
		for (uint32_t p = 0; run->topics[t].state == TOPIC_LIVE && p < run->topics[t].partition_count; p++)
			allow_all_of(run, run->topics[t].numbers[p], topics__partition(run, t, p));
}

/* The batches that any of these bytes belongs to, and no other; but where another's block stands over the first one, the file is another's (log/README.md). */
static void allow_placed(struct run *run, uint32_t number, int64_t segment_base, const struct sim_damage *damage)
{
	bool is_anothers = damage->kind != SIM_ROT && damage->position == 0;
	for (uint32_t i = 0; i < run->placing_count; i++) {
		const struct placing *placing = &run->placings[i];
		bool is_struck = is_anothers || (placing->position < damage->position + damage->size && damage->position < placing->position + placing->size_bytes);
		if (placing->number == number && placing->segment_base == segment_base && is_struck)
			history_allow_damage(run->history, number, placing->base_offset, placing->end_offset);
	}
}

static void allow_damage(struct run *run, const struct sim_damage *damage)
{
	uint32_t number;
	int64_t segment_base;
	run__tell(run, damage->position, "struck: %s, bytes %lu to %lu", damage->path, (unsigned long)damage->position,
		  (unsigned long)(damage->position + damage->size));
	if (damage->kind != SIM_ROT)
		met(run, POINT_ASTRAY);
	if (is_segment_of(run, damage->path, &number, &segment_base)) {
		run->may_end_early = true;
		allow_placed(run, number, segment_base, damage);
	} else if (strncmp(damage->path, "/journal-0", 10) == 0) {
		met(run, POINT_FENCED_JOURNAL);
		run->may_end_early = true;
		allow_all(run);
		/* A log start that the journal alone told of is lost with it. */
		history_allow_resurrection(run->history);
	}
}

/* The log ends earlier than it did, for damage that cannot be told from a torn end: the run has nothing more to say. */
static void judge_end(struct run *run, uint32_t number, struct partition *partition)
{
	int64_t end = partition_high_watermark(partition);
	if (end >= history_certain_end(run->history, number) || !run->may_end_early)
		return;
	if (run->has_floor[number] && end < run->floors[number])
		history_report(run->history, ANOMALY_LOST_WRITE, number, end, "damage cut the log at %ld, and all below %ld was filed before", (long)end,
			       (long)run->floors[number]);
	run__tell(run, 98, "the log ends earlier, where damage cannot be told from a torn end: the run ends");
	run->result->has_failed = true;
}

void damage__allow(struct run *run)
{
	const struct sim_damage *damages;
	uint32_t count = sim_disk_damages(run->disk, &damages);
	if (!run->plan->knobs.has_illegal_faults || !run->store)
		return;
	if (count > run->damages_seen)
		each_partition(run, take_floor);
	for (; run->damages_seen < count; run->damages_seen++)
		allow_damage(run, &damages[run->damages_seen]);
}

void damage__judge_start(struct run *run)
{
	if (run->plan->knobs.has_illegal_faults)
		each_partition(run, judge_end);
}
