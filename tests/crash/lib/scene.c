/* The operations are drawn from all there are, a few appends first. What an operation wrote to a file is known by comparing: the oracle has no idea of the
 * formats. */
#include "tests/crash/lib/scene.h"

#include <stdlib.h>

#include "log/journal/journal_format.h"

/* ---- the files ------------------------------------------------------------------------------------------------------------ */

struct taking {
	struct scene_files *files;
	struct sim_disk *disk;
};

static void take_file(void *context, const char *path, uint64_t size)
{
	const struct taking *taking = context;
	if (strstr(path, "/.lock") || taking->files->count == SCENE_FILES_MAX)
		return;
	struct scene_file *file = &taking->files->files[taking->files->count++];
	snprintf(file->path, sizeof file->path, "%s", path);
	file->size = size;
	file->bytes = malloc(size + 1);
	if (!file->bytes || sim_disk_peek(taking->disk, path, file->bytes, size, 0) != (int64_t)size)
		abort();
}

static void take_files(struct scene_files *files, struct sim_disk *disk)
{
	files->count = 0;
	sim_disk_list(disk, take_file, &(struct taking){files, disk});
}

static void free_files(struct scene_files *files)
{
	for (uint32_t i = 0; i < files->count; i++)
		free(files->files[i].bytes);
	files->count = 0;
}

const struct scene_file *scene_find(const struct scene_files *files, const char *path)
{
	for (uint32_t i = 0; i < files->count; i++)
		if (strcmp(files->files[i].path, path) == 0)
			return &files->files[i];
	return NULL;
}

/* ---- the workload --------------------------------------------------------------------------------------------------------- */

static const enum op first_ops[] = {OP_APPEND, OP_IDEMPOTENT, OP_ROLL, OP_APPEND, OP_DIRECT, OP_TWO, OP_ROLL, OP_CHECKPOINT};

static void draw_workload(struct workload *workload, uint64_t *random)
{
	uint32_t first = 1 + (uint32_t)(sim_random(random) % COUNT_OF(first_ops)), more = (uint32_t)(sim_random(random) % (WORKLOAD_OPS_MAX - first + 1));
	*workload = (struct workload){.count = first + more};
	for (uint32_t i = 0; i < workload->count; i++)
		workload->ops[i] = i < first ? first_ops[i] : (enum op)(sim_random(random) % op_count);
}

static const struct {
	const char *name;
	bool is_stopped;
	uint64_t idle_ms;
} ends[] = {{"stopped", true, 0}, {"killed at once", false, 0}, {"killed when idle", false, 200}, {"killed when filed", false, 6200}};

static void keep_past(void *context, struct sim_disk *disk, const struct model *model)
{
	struct scene *scene = context;
	struct scene_past *past = &scene->pasts[scene->past_count++];
	take_files(&past->files, disk);
	past->model = *model;
}

/* ---- what nothing vouches for ---------------------------------------------------------------------------------------------- */

static bool is_same(const struct scene_file *a, const struct scene_file *b, size_t from)
{
	return a && b && a->size == b->size && a->size >= from && memcmp(a->bytes + from, b->bytes + from, a->size - from) == 0;
}

/* The newest past in which the file was another, from a position on. */
static int last_change_of(const struct scene *scene, const char *path, size_t from)
{
	const struct scene_file *now = scene_find(&scene->now, path);
	int past = (int)scene->past_count - 1;
	while (past >= 0 && is_same(scene_find(&scene->pasts[past].files, path), now, from))
		past--;
	return past;
}

/* The last group of the journal has nothing behind it; the catalog's changes since then are told by no group and no checkpoint. Nor is its last one by a group that a cycle alone has written. */
static void find_unvouched(struct scene *scene, bool is_idle, bool is_catalog_told)
{
	int last_group = last_change_of(scene, "/journal-0", JOURNAL_RING_POSITION), last_change = last_change_of(scene, "/catalog.log", 0);
	if (!is_idle)
		scene->unvouched_journal = last_group;
	if (last_change > last_group)
		scene->unvouched_catalog = last_group + 1;
	else if (!is_catalog_told)
		scene->unvouched_catalog = last_change;
}

static bool has_changed(const struct scene_file *file, const struct scene_file *before, uint64_t from, uint64_t to)
{
	for (uint64_t at = from; at < to && at < file->size; at++)
		if (!before || at >= before->size || before->bytes[at] != file->bytes[at])
			return true;
	return false;
}

/* What is certain is what was so in the past; all up to now may be. */
static void allow_past(struct model *now, const struct model *past)
{
	now->setting = past->setting;
	for (uint32_t i = 0; i < now->topic_count; i++) {
		struct model_topic *topic = &now->topics[i];
		const struct model_topic *before = &past->topics[i];
		bool was_there = i < past->topic_count && before->state == MODEL_THERE;
		if (!was_there && topic->state == MODEL_THERE)
			topic->state = MODEL_ASKED;
		if (was_there && topic->state == MODEL_ABSENT)
			topic->state = MODEL_ASKED_AWAY;
		topic->partitions = was_there ? before->partitions : topic->partitions;
		topic->limit = was_there ? before->limit : topic->limit;
		for (uint32_t p = 0; p < MODEL_PARTITIONS_MAX; p++) {
			topic->logs[p].start = was_there ? before->logs[p].start : 0;
			topic->logs[p].end = was_there ? before->logs[p].end : 0;
		}
	}
}

static bool reaches(uint64_t a_from, uint64_t a_to, uint64_t b_from, uint64_t b_to)
{
	return a_from < b_to && b_from < a_to;
}

static bool is_journal(const struct scene_file *file)
{
	return strcmp(file->path, "/journal-0") == 0;
}

/* Of a segment's log: a header has so many zeros in a row at most, which a write leaves as they were in room that was reserved. */
#define UNCHANGED_IN_A_ROW 32u

/* Is something among the bytes that was written behind a past, and not behind a later one (-1: up to now)? A write to the journal is whole blocks. */
static bool strikes_between(const struct scene *scene, const struct scene_strike *strike, int past, int later)
{
	const struct scene_file *before = scene_find(&scene->pasts[past].files, strike->file->path);
	const struct scene_file *after = later < 0 ? strike->file : scene_find(&scene->pasts[later].files, strike->file->path);
	uint64_t block = is_journal(strike->file) ? JOURNAL_BLOCK_SIZE : 1, from = strike->from / block * block, to = (strike->to + block - 1) / block * block;
	if (!after)
		return false;
	if (strstr(strike->file->path, "-0/")) {
		from -= from < UNCHANGED_IN_A_ROW ? from : UNCHANGED_IN_A_ROW;
		to += UNCHANGED_IN_A_ROW;
	}
	return has_changed(after, before, from, to) || (before && reaches(strike->from, strike->to, before->size, after->size));
}

static bool is_any_struck(const struct scene *scene, const struct scene_strike *strikes, uint32_t count, bool is_catalog, int past, int later)
{
	for (uint32_t i = 0; i < count; i++) {
		bool is_catalogs = strcmp(strikes[i].file->path, "/catalog.log") == 0, is_logs = is_journal(strikes[i].file) || strstr(strikes[i].file->path, ".log");
		if ((is_catalog ? is_catalogs : is_logs && !is_catalogs) && strikes_between(scene, &strikes[i], past, later))
			return true;
	}
	return false;
}

/* The newest past before this one from which the journal's groups were others. */
static int group_before(const struct scene *scene, int past)
{
	const struct scene_file *then = scene_find(&scene->pasts[past].files, "/journal-0");
	int before = past - 1;
	while (before >= 0 && is_same(scene_find(&scene->pasts[before].files, "/journal-0"), then, JOURNAL_RING_POSITION))
		before--;
	return before;
}

/* A group may tell of a piece that went straight to its segment: rot in that piece counts with it. If the last group is struck, so may be the one that it alone vouched
 * for, as by a write of the last one that landed there; and so on. */
int scene_unvouched_past(const struct scene *scene, const struct scene_strike *strikes, uint32_t count)
{
	int oldest = -1, later = -1, past = scene->unvouched_journal;
	for (; past >= 0 && is_any_struck(scene, strikes, count, false, past, later); past = group_before(scene, past))
		oldest = later = past;
	int catalogs = scene->unvouched_catalog;
	if (catalogs >= 0 && (oldest < 0 || catalogs < oldest) && is_any_struck(scene, strikes, count, true, catalogs, -1))
		oldest = catalogs;
	return oldest;
}

/* One that was made and deleted since then may be there as well. */
static void allow_between(struct model *now, const struct model *then)
{
	for (uint32_t i = 0; i < then->topic_count && i < now->topic_count; i++)
		if (then->topics[i].state == MODEL_THERE && now->topics[i].state == MODEL_ABSENT)
			now->topics[i].state = MODEL_ASKED_AWAY;
}

void scene_allow_past(const struct scene *scene, int past, struct model *allowed)
{
	*allowed = scene->model;
	allow_past(allowed, &scene->pasts[past].model);
	for (uint32_t i = (uint32_t)past + 1; i < scene->past_count; i++)
		allow_between(allowed, &scene->pasts[i].model);
}

/* ---- making one ------------------------------------------------------------------------------------------------------------ */

bool scene_make(struct scene *scene, struct sim_disk *base, const struct model *base_model, uint64_t seed)
{
	uint64_t random = seed * 0x9e3779b97f4a7c15ull + 1;
	uint32_t which = (uint32_t)(sim_random(&random) % COUNT_OF(ends));
	*scene = (struct scene){.seed = seed, .model = *base_model, .is_stopped = ends[which].is_stopped, .unvouched_journal = -1, .unvouched_catalog = -1};
	draw_workload(&scene->workload, &random);
	char ops[200];
	workload_name(&scene->workload, ops, sizeof ops);
	snprintf(scene->story, sizeof scene->story, "%s; %s", ops, ends[which].name);
	scene->pasts = calloc(scene->workload.count + 1, sizeof *scene->pasts);
	if (!scene->pasts)
		abort();
	struct workload_end end = {.is_stopped = ends[which].is_stopped, .idle_ms = ends[which].idle_ms, .before = keep_past, .context = scene};
	struct sim_disk *left = workload_leave(&scene->workload, &end, base, &scene->model);
	if (!left)
		return false;
	scene->disk = sim_disk_copy(left);
	sim_disk_close(left);
	take_files(&scene->now, scene->disk);
	if (!scene->is_stopped)
		find_unvouched(scene, ends[which].idle_ms > 0, end.is_catalog_told);
	return true;
}

void scene_free(struct scene *scene)
{
	for (uint32_t i = 0; i < scene->past_count; i++)
		free_files(&scene->pasts[i].files);
	free(scene->pasts);
	free_files(&scene->now);
	if (scene->disk)
		sim_disk_close(scene->disk);
	*scene = (struct scene){0};
}
