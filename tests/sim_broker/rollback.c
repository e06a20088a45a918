/* What it may cost is read from the files: the batches of a log whose bytes are not what they were, those may be named damaged. A journal may cost what it alone held, and
 * nothing after a clean stop; all else costs nothing, though a start may be refused. */
#include "tests/sim_broker/rollback.h"

#include <stdlib.h>

#include "log/base/check.h"
#include "log/batch/batch.h"
#include "tests/sim_broker/damage.h"
#include "tests/sim_broker/doubt.h"
#include "tests/sim_broker/image.h"

enum victim { VICTIM_JOURNAL, VICTIM_RUNNING_JOURNAL, VICTIM_TOP, VICTIM_STARTS, VICTIM_CHECKPOINT, VICTIM_CATALOG, VICTIM_META, VICTIM_LOG, VICTIM_DERIVED, VICTIM_DIRECTORY, VICTIM_TWO_LOGS, VICTIM_TWO_DIRECTORIES, victim_count };
static const char *const victim_names[] = {"a journal", "a journal of this life", "catalog and checkpoints, the journals lost,", "log starts", "a checkpoint", "the catalog", "meta.properties", "a log", "a derived file", "a directory", "two logs", "two directories"};

struct rollback {
	struct image kept[2];      /* of earlier stops */
};

struct strike {
	struct world *world;
	enum victim victim;
	bool was_clean, is_checkpoint_lost, is_copy_lost;
	const struct image *old;
	struct image now;
};

/* In the place of one of those. */
static void keep(struct world *world, const struct image *image)
{
	if (!world->rollback)
		world->rollback = calloc(1, sizeof *world->rollback);
	CHECK(world->rollback);
	struct image *kept = &world->rollback->kept[draw(&world->random, 2)];
	image_drop(kept);
	*kept = *image;
}

void rollback_keep(struct world *world)
{
	struct image image;
	if (!world->plan->knobs.may_roll_back)
		return;
	image_take(&image, world->disk);
	keep(world, &image);
}

/* ---- which file ---------------------------------------------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *end)
{
	size_t size = strlen(text), end_size = strlen(end);
	return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

static enum victim kind_of(const char *path)
{
	if (strncmp(path, "/data/journal-", 14) == 0)
		return VICTIM_JOURNAL;
	if (strncmp(path, "/data/checkpoint-", 17) == 0)
		return VICTIM_CHECKPOINT;
	if (strncmp(path, "/data/log-start-", 16) == 0)
		return VICTIM_STARTS;
	if (strncmp(path, "/data/catalog.log", 17) == 0)
		return VICTIM_CATALOG;
	if (strcmp(path, "/data/meta.properties") == 0)
		return VICTIM_META;
	return ends_with(path, ".log") ? VICTIM_LOG : VICTIM_DERIVED;
}

/* Of a directory or an exchange each log counts. */
static bool is_meant(const struct strike *strike, const struct image_file *now)
{
	enum victim kind = kind_of(now->path);
	if (strike->victim == VICTIM_RUNNING_JOURNAL || strike->victim == VICTIM_TOP)
		return kind == (strike->victim == VICTIM_TOP ? VICTIM_CATALOG : VICTIM_JOURNAL);
	return kind == (strike->victim >= VICTIM_DIRECTORY ? VICTIM_LOG : strike->victim);
}

static const struct image_file *choose(const struct strike *strike, uint64_t number)
{
	const struct image_file *found[256];
	uint32_t count = 0;
	for (uint32_t i = 0; i < strike->now.count && count < 256; i++) {
		const struct image_file *now = &strike->now.files[i], *old = strike->old ? image_find(strike->old, now->path) : NULL;
		bool is_exchange = strike->victim >= VICTIM_TWO_LOGS;
		if (is_meant(strike, now) && (is_exchange || (old && !image_is_same(now, old))))
			found[count++] = now;
	}
	return count ? found[number % count] : NULL;
}

/* Another partition's file of the same name. */
static const struct image_file *choose_other(const struct strike *strike, const struct image_file *one, uint64_t number)
{
	const struct image_file *found[256];
	uint32_t count = 0;
	const char *name = strrchr(one->path, '/');
	for (uint32_t i = 0; i < strike->now.count && count < 256; i++) {
		const struct image_file *now = &strike->now.files[i];
		if (now != one && ends_with(now->path, name) && !image_is_same(now, one))
			found[count++] = now;
	}
	return count ? found[number % count] : NULL;
}

/* ---- what it may cost ------------------------------------------------------------------------------------------------------ */

static void allow_log(struct strike *strike, const struct image_file *before, const struct image_file *after)
{
	struct world *world = strike->world;
	uint32_t topic, partition;
	struct batch batch;
	if (!damage_find_partition(world, before->path, &topic, &partition)) {
		world->are_groups_struck |= strncmp(before->path, "/data/__consumer_offsets-", 25) == 0;
		return;
	}
	uint32_t number = world->topics[topic].parts[partition].number;
	int64_t struck = -1, end = -1;
	for (uint64_t at = 0; at + BATCH_HEADER_SIZE <= before->size; at += batch.size_bytes) {
		if (batch_parse_checked((struct slice){before->bytes + at, before->size - at}, &batch)) {
			damage_allow(world, topic, partition, 0, history_certain_end(world->history, number) + IN_FLIGHT_MAX);
			break;
		}
		if (after && at + batch.size_bytes <= after->size && memcmp(before->bytes + at, after->bytes + at, batch.size_bytes) == 0)
			continue;
		struck = struck < 0 ? batch.base_offset : struck;
		end = batch_next_offset(&batch);
		damage_allow(world, topic, partition, batch.base_offset, end);
	}
	world_tell(world, (uint64_t)struck, "offsets from %ld on to %ld are struck", (long)struck, (long)end);
}

/* ---- doing it -------------------------------------------------------------------------------------------------------------- */

static void put(struct strike *strike, const char *path, const struct image_file *content)
{
	const struct image_file *before = image_find(&strike->now, path);
	world_tell(strike->world, content ? content->size : 0, "%s: %lu bytes, and is now %s%s", path, before ? (unsigned long)before->size : 0, content ? "what it was once, or another: " : "gone",
		   content ? content->path : "");
	if (before && kind_of(path) == VICTIM_LOG)
		allow_log(strike, before, content);
	image_put(strike->world, path, content);
}

/* All files in the first directory become those of `from` in the second, by their names. */
static void put_directory(struct strike *strike, const char *directory, const struct image *from, const char *other)
{
	size_t size = image_directory_size(directory), other_size = image_directory_size(other);
	for (uint32_t i = 0; i < strike->now.count; i++) {
		const struct image_file *now = &strike->now.files[i];
		char path[SIM_PATH_SIZE];
		if (strncmp(now->path, directory, size) != 0)
			continue;
		snprintf(path, sizeof path, "%.*s%s", (int)other_size, other, now->path + size);
		if (!image_find(from, path))
			put(strike, now->path, NULL);
	}
	for (uint32_t i = 0; i < from->count; i++) {
		const struct image_file *file = &from->files[i];
		char path[SIM_PATH_SIZE];
		if (strncmp(file->path, other, other_size) != 0)
			continue;
		snprintf(path, sizeof path, "%.*s%s", (int)size, directory, file->path + other_size);
		put(strike, path, file);
	}
}

static void lose_checkpoints(struct strike *strike)
{
	for (uint32_t i = 0; i < strike->now.count; i++)
		if (kind_of(strike->now.files[i].path) == VICTIM_CHECKPOINT && (strike->is_copy_lost || !ends_with(strike->now.files[i].path, ".copy")))
			put(strike, strike->now.files[i].path, NULL);
}

static void exchange(struct strike *strike, const struct image_file *one, const struct image_file *other)
{
	if (strike->victim == VICTIM_TWO_LOGS) {
		put(strike, one->path, other);
		put(strike, other->path, one);
	} else {
		put_directory(strike, one->path, &strike->now, other->path);
		put_directory(strike, other->path, &strike->now, one->path);
	}
}

/* As of an earlier stop, and nothing of the journals. */
static void put_top(struct strike *strike)
{
	for (uint32_t i = 0; i < strike->now.count; i++) {
		const char *path = strike->now.files[i].path;
		enum victim kind = kind_of(path);
		if (kind == VICTIM_JOURNAL)
			put(strike, path, NULL);
		else if (kind == VICTIM_CATALOG || kind == VICTIM_CHECKPOINT)
			put(strike, path, image_find(strike->old, path));
	}
}

static void roll_back(struct strike *strike, const struct image_file *file)
{
	if (strike->victim == VICTIM_TOP)
		put_top(strike);
	else if (strike->victim == VICTIM_DIRECTORY)
		put_directory(strike, file->path, strike->old, file->path);
	else
		put(strike, file->path, image_find(strike->old, file->path));
}

/* By the catalog that comes back, too. Else another topic of that name may be back, or none, once that is accepted. */
static bool are_topics_named(const struct strike *strike)
{
	const struct image_file *catalog = strike->old ? image_find(strike->old, "/data/catalog.log") : NULL;
	if (strike->victim != VICTIM_CATALOG && strike->victim != VICTIM_TOP)
		return true;
	for (uint32_t i = 0; i < TOPICS_MAX && catalog; i++) {
		const struct world_topic *topic = &strike->world->topics[i];
		if (topic->state == TOPIC_LIVE && !memmem(catalog->bytes, catalog->size, topic->id.bytes, sizeof topic->id.bytes))
			return false;
	}
	return catalog != NULL;
}

static void do_it(struct strike *strike, const struct step *step)
{
	struct world *world = strike->world;
	bool is_exchange = strike->victim >= VICTIM_TWO_LOGS;
	const struct image_file *one = choose(strike, step->b), *other = one && is_exchange ? choose_other(strike, one, step->b / 256) : NULL;
	if (!one || (is_exchange && !other))
		return;
	meet(world, is_exchange ? MOMENT_EXCHANGED : MOMENT_ROLLED_BACK);
	world_tell(world, strike->victim, "%s after %s%s", victim_names[strike->victim], strike->was_clean ? "a clean stop" : "a kill", strike->is_copy_lost	 ? ", checkpoints and copies lost"
																			    : strike->is_checkpoint_lost ? ", checkpoints lost"
																						  : "");
	bool is_journals = strike->victim == VICTIM_JOURNAL || strike->victim == VICTIM_RUNNING_JOURNAL || strike->victim == VICTIM_TOP;
	if (is_journals && !strike->was_clean)
		doubt_begin(world);
	doubt_starts(world);
	world->must_survey_losses = are_topics_named(strike);
	if (is_exchange)
		exchange(strike, one, other);
	else
		roll_back(strike, one);
	if (strike->is_checkpoint_lost)
		lose_checkpoints(strike);
}

static enum victim choose_victim(const struct knobs *knobs, uint64_t number)
{
	static const enum victim victims[] = {VICTIM_JOURNAL, VICTIM_JOURNAL, VICTIM_JOURNAL, VICTIM_RUNNING_JOURNAL, VICTIM_RUNNING_JOURNAL, VICTIM_TOP, VICTIM_TOP,
					      VICTIM_STARTS, VICTIM_STARTS, VICTIM_CHECKPOINT, VICTIM_CHECKPOINT, VICTIM_CATALOG, VICTIM_META, VICTIM_LOG, VICTIM_LOG,
					      VICTIM_DERIVED, VICTIM_DIRECTORY, VICTIM_DIRECTORY, VICTIM_TWO_LOGS, VICTIM_TWO_DIRECTORIES};
	const uint32_t count = sizeof victims / sizeof *victims, exchanges = 2;
	uint32_t from = knobs->may_roll_back ? 0 : count - exchanges, to = knobs->may_exchange ? count : count - exchanges;
	return victims[from + number % (to - from)];
}

/* A journal can be told from its copy when a checkpoint knows of a group behind that: of each shard the second that says another. */
#define WAITS_MAX 60
#define WAIT_NS 500000000ull
#define CHECKPOINT_JOURNAL_AT 60 /* log/store/checkpoint.c */

static uint64_t told_end(struct world *world, uint32_t shard)
{
	char path[SIM_PATH_SIZE];
	uint64_t word = 0;
	snprintf(path, sizeof path, "/data/checkpoint-%u", shard);
	int64_t got = sim_disk_peek(world->disk, path, &word, sizeof word, CHECKPOINT_JOURNAL_AT);
	return got == sizeof word ? word >> 16 : 0;
}

static bool are_told(struct world *world, uint64_t *ends, uint32_t *changes)
{
	bool are_all = true;
	for (uint32_t shard = 0; shard < world->plan->knobs.shards; shard++) {
		uint64_t end = told_end(world, shard);
		changes[shard] += end > ends[shard];
		ends[shard] = end;
		are_all &= changes[shard] > 1;
	}
	return are_all;
}

/* An empty image if that takes too long. */
static void copy_while_it_runs(struct world *world, struct image *running)
{
	uint64_t ends[8] = {0};
	uint32_t changes[8] = {0}, waits = 0;
	CHECK(world->plan->knobs.shards <= 8);
	(void)are_told(world, ends, changes);
	memset(changes, 0, sizeof changes);
	image_take(running, world->disk);
	while (!world_is_over(world) && waits++ < WAITS_MAX && !are_told(world, ends, changes))
		world_pass(world, WAIT_NS);
	if (waits > WAITS_MAX || world_is_over(world))
		image_drop(running);
}

/* With its copy gone as well nothing can tell of a directory that came back, nor of a journal of this life; and a checkpoint that is rolled back is there. */
static void lose_what(struct strike *strike, uint64_t number)
{
	bool may_lose = strike->victim != VICTIM_CHECKPOINT && strike->victim != VICTIM_TOP && strike->victim != VICTIM_RUNNING_JOURNAL;
	bool may_lose_copy = strike->victim == VICTIM_JOURNAL || strike->victim == VICTIM_STARTS || strike->victim == VICTIM_CATALOG || strike->victim == VICTIM_META;
	strike->is_checkpoint_lost = strike->victim >= VICTIM_TWO_LOGS || (may_lose && (number % 3 == 0 || strike->victim == VICTIM_STARTS));
	strike->is_copy_lost = strike->is_checkpoint_lost && may_lose_copy && number / 3 % 2 == 0;
}

void rollback_befall(struct world *world, const struct step *step)
{
	struct strike strike = {.world = world, .victim = choose_victim(&world->plan->knobs, step->a)};
	struct image running = {0};
	bool is_running = strike.victim == VICTIM_RUNNING_JOURNAL;
	if (is_running)
		copy_while_it_runs(world, &running);
	if (world_is_over(world)) { /* there is no broker any more */
		image_drop(&running);
		return;
	}
	strike.was_clean = broker_go_down(world, strike.victim == VICTIM_TOP || (!is_running && step->c % 2));
	lose_what(&strike, step->c / 2);
	if (world->rollback)
		strike.old = &world->rollback->kept[step->c / 8 % 2];
	if (is_running)
		strike.old = running.count ? &running : NULL;
	image_take(&strike.now, world->disk);
	bool can_be_told = strike.victim != VICTIM_TOP || strike.was_clean; /* after a kill the lost journals may have had all, and nothing else anything */
	if (!world_is_over(world) && can_be_told && (strike.old || strike.victim >= VICTIM_TWO_LOGS))
		do_it(&strike, step);
	image_drop(&running);
	keep(world, &strike.now);
	broker_begin(world);
}
