/* Rot anywhere in a data directory. A load makes one (topics with rolled segments, idempotent producers, records deleted, a topic deleted and made
 * again, pieces that went straight to their segment, two shards) and leaves it stopped cleanly or killed. Then one thing at a time is done to one
 * file: bits flipped, cut, grown, emptied, deleted, replaced by another, exchanged with another, a block of it moved. Whatever it is:
 *
 *   - opening ends with a log, or with a refusal that says what to do, and `spate log repair` does it;
 *   - each acknowledged record is served as it was written, or refused as damaged, and then `log verify` had named it;
 *   - damage costs what it must: one batch in a segment, one group in the journal, nothing in a file that is derived;
 *   - nothing deleted comes back, lookups by time pass over the damage, appends go on behind the end that was acknowledged;
 *   - a second life says the same.
 *
 * A short run takes one mutation in many, chosen by a seed; ROT_TIME=seconds, ROT_SEED=n, ROT_FILE=part of a path make it longer, repeat it, narrow it. */
#include <time.h>

#include "tests/unit/log/store/rot_verdict.h"

#define FAILURES_MAX 12
#define SHORT_TRIALS 60

/* ---- which mutations ------------------------------------------------------------------------------------------------- */

static uint64_t random_state;

static uint64_t roll(uint64_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return below ? random_state % below : 0;
}

/* A log, or a file of log starts, exchanged with what would tell of it: two faults, not one. */
static enum mutation_kind as_one_fault(const char *path, const char *other)
{
	bool is_log = ends_with(path, ".log"), is_other_log = ends_with(other, ".log");
	bool is_starts = strstr(path, "log-start") || strstr(other, "log-start");
	return is_log != is_other_log || is_starts ? REPLACE : EXCHANGE;
}

static bool is_same_kind(const char *path, const char *other)
{
	const char *name = strrchr(path, '/') + 1, *other_name = strrchr(other, '/') + 1;
	size_t stem = strcspn(name, "-."), other_stem = strcspn(other_name, "-.");
	bool is_numbered = name[0] >= '0' && name[0] <= '9' && other_name[0] >= '0' && other_name[0] <= '9';
	return strcmp(path, other) && (is_numbered ? strcmp(name + stem, other_name + other_stem) == 0
						  : stem == other_stem && strncmp(name, other_name, stem) == 0);
}

/* Another file of the kind, if there is one. */
static bool choose_same_kind(const struct kept *kept, struct mutation *m)
{
	for (int tries = 0; tries < 1000; tries++) {
		m->other = (uint32_t)roll(kept->count);
		if (is_same_kind(kept->files[m->file].path, kept->files[m->other].path))
			return true;
	}
	return false;
}

static bool choose_other_dir(const struct kept *kept, struct mutation *m)
{
	for (int tries = 0; tries < 1000; tries++) {
		m->other = (uint32_t)roll(kept->count);
		const char *path = kept->files[m->file].path, *other = kept->files[m->other].path;
		if (dir_size(path) && dir_size(other) && !is_beside(&kept->files[m->other], path))
			return true;
	}
	return false;
}

static bool choose_old(const struct scene *scene, struct mutation *m)
{
	for (m->other = 0; m->other < scene->old.count; m->other++)
		if (strcmp(scene->old.files[m->other].path, scene->kept.files[m->file].path) == 0)
			return true;
	return false;
}

static struct mutation choose(const struct scene *scene)
{
	const struct kept *kept = &scene->kept;
	struct mutation m = {.kind = roll(3) ? FLIP : (enum mutation_kind)roll(mutation_kind_count), .file = (uint32_t)roll(kept->count)};
	const char *only = getenv("ROT_FILE");
	for (int tries = 0; only && tries < 1000 && !strstr(kept->files[m.file].path, only); tries++)
		m.file = (uint32_t)roll(kept->count);
	const char *kind = getenv("ROT_KIND");
	if (kind)
		for (int i = 0; i < mutation_kind_count; i++)
			if (strcmp(kind, mutation_names[i]) == 0)
				m.kind = (enum mutation_kind)i;
	size_t size = kept->files[m.file].size;
	/* Most of a journal is zeros that nobody reads: half of the flips go where it begins. */
	size_t span = size > 300000 && roll(2) ? 300000 : size;
	m.at = roll(span);
	m.bit = (uint8_t)roll(8);
	m.are_times_first = roll(2);
	m.size = 1 + roll(5000);
	m.other = (uint32_t)roll(kept->count);
	if (m.kind == MOVE || m.kind == ZERO || m.kind == SCRAMBLE) {
		m.size = size < 4096 ? size : roll(2) ? 512 : 4096;
		m.at = size > m.size ? roll(span / 512) * 512 : 0;
		m.other = size > m.size ? (uint32_t)(roll(span / 512) * 512) : 0;
		if (m.at + m.size > size)
			m.at = size - m.size;
		if (m.other + m.size > size)
			m.other = (uint32_t)(size - m.size);
	}
	if (m.kind == EXCHANGE)
		m.kind = as_one_fault(kept->files[m.file].path, kept->files[m.other].path);
	bool is_there = m.kind == SWAP ? choose_same_kind(kept, &m) : m.kind == OLD ? choose_old(scene, &m)
			: m.kind == RENAME || m.kind == TRADE ? choose_other_dir(kept, &m) : true;
	if (!is_there)
		m.kind = FLIP;
	if (m.kind == DOUBLE && m.size > size)
		m.size = size;
	if (m.kind == FLIP && size == 0)
		m.kind = DELETE;
	return m;
}

static double seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct scene scene;
static struct trial trial;

static void open_scene(const char *name, bool is_clean)
{
	scene = (struct scene){.name = name};
	failures_told = 0;
	cr_assert_eq(broker_config_create(&config), 0);
	load(&scene, is_clean);
}

static void forget(struct kept *kept)
{
	for (uint32_t i = 0; i < kept->count; i++)
		free(kept->files[i].bytes);
}

static void close_scene(void)
{
	forget(&scene.kept);
	forget(&scene.old);
	broker_config_destroy(config);
	cr_assert_eq(failures_told, 0);
}

static void try_mutation(struct mutation mutation, uint32_t number)
{
	trial = (struct trial){.scene = &scene, .mutation = mutation, .number = number};
	run_trial(&trial);
	failures_told += trial.failures > 0;
}

static void run_scene(const char *name, bool is_clean)
{
	const char *time_text = getenv("ROT_TIME"), *seed_text = getenv("ROT_SEED");
	double end = seconds() + (time_text ? atof(time_text) : 0.4);
	uint64_t seed = seed_text ? strtoull(seed_text, NULL, 10) : 1;
	uint32_t trials = 0;
	open_scene(name, is_clean);
	random_state = seed * 0x9e3779b97f4a7c15u + 1;
	uint32_t trials_max = time_text ? UINT32_MAX : SHORT_TRIALS;
	const char *only_text = getenv("ROT_TRIAL");
	uint32_t only = only_text ? (uint32_t)strtoul(only_text, NULL, 10) : UINT32_MAX;
	for (; seconds() < end && failures_told < FAILURES_MAX && trials < trials_max && (only == UINT32_MAX || trials <= only); trials++) {
		struct mutation mutation = choose(&scene);
		if (only == UINT32_MAX || trials == only)
			try_mutation(mutation, trials);
	}
	fprintf(stderr, "ROT %s: %u trials, seed %lu\n", name, trials, (unsigned long)seed);
	close_scene();
}

static uint32_t file_at(const char *path)
{
	uint32_t file = 0;
	while (file < scene.kept.count && strcmp(scene.kept.files[file].path, path))
		file++;
	cr_assert_lt(file, scene.kept.count);
	return file;
}

Test(rot, stopped, .timeout = 0) { run_scene("stopped", true); }
Test(rot, killed, .timeout = 0) { run_scene("killed", false); }

/* One bit in three of the given bytes of every n-th batch's header; lookups by time are the first to meet it. */
static void flip_headers(const char *path, const size_t *fields, size_t field_count, uint32_t every)
{
	open_scene("lies", true);
	struct mutation mutation = {.kind = FLIP, .file = file_at(path), .are_times_first = true};
	const struct kept_file *file = &scene.kept.files[mutation.file];
	uint32_t trials = 0, ordinal = 0;
	struct batch batch;
	for (size_t at = 0; at < file->size; at += batch.size_bytes) {
		if (batch_parse_checked((struct slice){file->bytes + at, file->size - at}, &batch))
			break; /* zeros, up to a whole block */
		if (++ordinal % every)
			continue;
		for (size_t k = 0; k < field_count; k++) {
			mutation.at = at + fields[k];
			for (mutation.bit = 0; mutation.bit < 8; mutation.bit += 3)
				try_mutation(mutation, trials++);
		}
	}
	cr_assert_gt(trials, 0);
	close_scene();
}

/* What a header says that a CRC does not cover, or is not asked for, may lead a lookup by time astray: it fences what a read would. */
Test(rot, headers_that_lie_to_lookups)
{
	static const size_t fields[] = {8, 9, 10, 11, 12, 23, 25, 26, 35, 40, 41, 42};
	flip_headers("/again-0/00000000000000000000.log", fields, COUNT_OF(fields), 5);
}

/* In a topic whose cleanup.policy is compact a batch that says a later offset than is due is no more right than elsewhere. */
Test(rot, base_offsets_that_lie_in_a_compacted_topic)
{
	static const size_t fields[] = {6, 7};
	flip_headers("/rolled-0/00000000000000000021.log", fields, COUNT_OF(fields), 2);
}

/* A block that lies in a wrong place of a small segment brings whole batches that are not due there. Where the log goes on behind it is found by one rule: each
 * offset that the broker fences, verify has named. */
Test(rot, blocks_moved_within_a_segment, .timeout = 0)
{
	open_scene("moved", true);
	struct mutation mutation = {.kind = MOVE, .file = file_at("/rolled-0/00000000000000000000.log"), .size = 4096};
	size_t size = scene.kept.files[mutation.file].size;
	uint32_t trials = 0;
	for (mutation.at = 512; mutation.at + mutation.size <= size; mutation.at += 1536)
		for (mutation.other = 0; mutation.other + mutation.size <= size; mutation.other += 512)
			if (mutation.other != mutation.at)
				try_mutation(mutation, trials++);
	close_scene();
}
