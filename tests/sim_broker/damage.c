#include "tests/sim_broker/damage.h"

#include <stdlib.h>

#include "log/base/check.h"
#include "log/batch/batch.h"
#include "tests/sim_broker/doubt.h"
#include "tests/sim_broker/last_group.h"

/* What rots: a log, what is derived from one, the log of groups and offsets; or what all of them rest on, which brings doubt (doubt.h). */
enum victim { VICTIM_LOG, VICTIM_INDEX, VICTIM_OFFSETS, VICTIM_JOURNAL, VICTIM_CATALOG, VICTIM_OTHER };

struct choice {
	const struct world *world;
	enum victim victim;
	uint64_t left;              /* files to pass over; counted up first */
	bool is_choosing;
	char path[SIM_PATH_SIZE];
	uint64_t size;
	uint32_t topic, partition;
};

static bool ends_with(const char *text, const char *end)
{
	size_t size = strlen(text), end_size = strlen(end);
	return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

static bool begins_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

/* "/data/t-0/00000000000000000000.log". */
bool damage_find_partition(const struct world *world, const char *path, uint32_t *topic, uint32_t *partition)
{
	for (uint32_t t = 0; t < TOPICS_MAX; t++)
		for (uint32_t p = 0; world->topics[t].state == TOPIC_LIVE && p < world->topics[t].partition_count; p++) {
			char directory[32];
			int size = snprintf(directory, sizeof directory, "/data/%s-%u/", world->topics[t].name, p);
			if (strncmp(path, directory, (size_t)size) != 0)
				continue;
			*topic = t;
			*partition = p;
			return true;
		}
	return false;
}

void damage_allow(struct world *world, uint32_t topic, uint32_t partition, int64_t from, int64_t to)
{
	struct topic_part *part = &world->topics[topic].parts[partition];
	part->may_be_damaged = true;
	history_allow_damage(world->history, part->number, from, to);
}

static bool is_of_topic(struct choice *choice, const char *path)
{
	return ends_with(path, choice->victim == VICTIM_INDEX ? "index" : ".log") && damage_find_partition(choice->world, path, &choice->topic, &choice->partition);
}

static bool is_meant(struct choice *choice, const char *path)
{
	bool is_offsets = begins_with(path, "/data/__consumer_offsets-"), is_journal = begins_with(path, "/data/journal-"), is_catalog = begins_with(path, "/data/catalog.log");
	switch (choice->victim) {
	case VICTIM_LOG:
	case VICTIM_INDEX: return is_of_topic(choice, path);
	case VICTIM_OFFSETS: return is_offsets && ends_with(path, ".log");
	case VICTIM_JOURNAL: return is_journal;
	case VICTIM_CATALOG: return is_catalog;
	case VICTIM_OTHER: break;
	}
	return !is_offsets && !is_journal && !is_catalog && !ends_with(path, ".log") && !ends_with(path, "index");
}

static void look_at_file(void *context, const char *path, uint64_t size)
{
	struct choice *choice = context;
	struct choice seen = *choice;
	if (!size || !is_meant(&seen, path))
		return;
	if (!choice->is_choosing) {
		choice->left++;
	} else if (choice->left && --choice->left == 0) {
		choice->topic = seen.topic;
		choice->partition = seen.partition;
		choice->size = size;
		snprintf(choice->path, sizeof choice->path, "%s", path);
	}
}

static enum victim choose_victim(uint64_t number)
{
	static const enum victim victims[] = {VICTIM_LOG,	VICTIM_LOG,	VICTIM_LOG,	VICTIM_LOG,	VICTIM_INDEX,	VICTIM_INDEX,
					      VICTIM_OFFSETS, VICTIM_OFFSETS, VICTIM_JOURNAL, VICTIM_JOURNAL, VICTIM_CATALOG, VICTIM_OTHER};
	return victims[number % (sizeof victims / sizeof *victims)];
}

static bool choose(struct world *world, struct choice *choice, enum victim victim, uint64_t number)
{
	*choice = (struct choice){.world = world, .victim = victim};
	sim_disk_list(world->disk, look_at_file, choice);
	if (!choice->left)
		return false;
	choice->left = 1 + number % choice->left;
	choice->is_choosing = true;
	sim_disk_list(world->disk, look_at_file, choice);
	return true;
}

#define BETWEEN_MAX (64u << 10) /* log/README.md: what lies between two places where more has rotted than a byte of a header, and is no longer, goes with them */

/* The batches of the file that the range touches; behind damage of before, where nothing can be told, all; and what lies between it and the range. */
static void allow_batches(struct world *world, const struct choice *choice, const uint8_t *file, uint64_t from, uint64_t to)
{
	uint32_t number = world->topics[choice->topic].parts[choice->partition].number;
	int64_t next = 0, struck_offset = -1;
	uint64_t struck_end = 0;
	for (uint64_t at = 0; at + BATCH_HEADER_SIZE <= choice->size;) {
		struct slice rest = {file + at, choice->size - at};
		struct batch batch;
		if (batch_parse_checked(rest, &batch)) {
			bool is_end = bytes_are_zeros(rest.data, BATCH_HEADER_SIZE);
			bool is_between = struck_offset >= 0 && at - struck_end < BETWEEN_MAX && !is_end;
			if (world->damages_seen)
				damage_allow(world, choice->topic, choice->partition, is_between ? struck_offset : next, history_certain_end(world->history, number));
			return;
		}
		if (at < to && at + batch.size_bytes > from) {
			world_tell(world, (uint64_t)batch.base_offset, "offsets %ld to %ld are struck", (long)batch.base_offset, (long)batch_last_offset(&batch));
			damage_allow(world, choice->topic, choice->partition, batch.base_offset, batch_last_offset(&batch) + 1);
			struck_offset = batch.base_offset;
			struck_end = at + batch.size_bytes;
		}
		at += batch.size_bytes;
		next = batch_next_offset(&batch);
	}
}

/* Mostly where there is something: the end of a file is empty for long. */
static uint64_t choose_position(const struct choice *choice, const uint8_t *file, uint64_t number)
{
	uint64_t end = choice->size;
	while (end > 1 && file[end - 1] == 0)
		end--;
	return number % (number % 5 ? end : choice->size);
}

/* What is known now of whom the bytes may reach. */
static void allow(struct world *world, const struct choice *choice, const uint8_t *file, uint64_t position, uint64_t size)
{
	switch (choice->victim) {
	case VICTIM_LOG:
		meet(world, MOMENT_ROT);
		allow_batches(world, choice, file, position, position + size);
		break;
	case VICTIM_INDEX:
		break;
	case VICTIM_OFFSETS:
		meet(world, MOMENT_ROT_OFFSETS);
		world->are_groups_struck = true;
		break;
	case VICTIM_JOURNAL:
		meet(world, MOMENT_ROT_JOURNAL);
		last_group_note_rot(world, choice->path, file, choice->size, position);
		doubt_begin(world);
		break;
	case VICTIM_CATALOG:
		meet(world, MOMENT_ROT_CATALOG);
		/* fallthrough */
	case VICTIM_OTHER:
		doubt_starts(world);
		break;
	}
	world->damages_seen++;
}

void damage_rot(struct world *world, const struct step *step)
{
	struct choice choice;
	if (!choose(world, &choice, choose_victim(step->a), step->a / 64))
		return;
	uint8_t *file = malloc(choice.size);
	CHECK(file && sim_disk_peek(world->disk, choice.path, file, choice.size, 0) == (int64_t)choice.size);
	uint64_t position = choose_position(&choice, file, step->b), size = step->c % 3 == 0 ? 512 : 1;
	size = size < choice.size - position ? size : choice.size - position;
	world_tell(world, position, "rot: %s, %lu bytes at %lu of %lu", choice.path, (unsigned long)size, (unsigned long)position, (unsigned long)choice.size);
	allow(world, &choice, file, position, size);
	free(file);
	int err = size > 1 ? sim_disk_corrupt(world->disk, choice.path, position, size) : sim_disk_flip_bit(world->disk, choice.path, position, (unsigned)step->c >> 8);
	CHECK(err == 0);
}

/* It strikes when such a write comes: doubt_look sees it. */
void damage_astray(struct world *world, const struct step *step)
{
	uint64_t k = 1 + step->a % (step->b % 2 ? 200 : 20);
	world_tell(world, k, "the write %lu from now %s", (unsigned long)k, step->c % 2 ? "lands elsewhere" : "is lost");
	if (step->c % 2)
		sim_disk_misdirect(world->disk, k);
	else
		sim_disk_lose_write(world->disk, k);
}
