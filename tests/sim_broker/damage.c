#include "tests/sim_broker/damage.h"

#include <stdlib.h>

#include "log/base/check.h"
#include "log/batch/batch.h"

struct choice {
	const struct world *world;
	bool is_derived;
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

/* "/data/t-0/00000000000000000000.log" of a topic that lives. */
static bool is_meant(struct choice *choice, const char *path)
{
	for (uint32_t t = 0; t < TOPICS_MAX; t++) {
		const struct world_topic *topic = &choice->world->topics[t];
		for (uint32_t p = 0; topic->state == TOPIC_LIVE && p < topic->partition_count; p++) {
			char directory[32];
			int size = snprintf(directory, sizeof directory, "/data/%s-%u/", topic->name, p);
			if (strncmp(path, directory, (size_t)size) != 0)
				continue;
			choice->topic = t;
			choice->partition = p;
			return choice->is_derived ? ends_with(path, "index") : ends_with(path, ".log");
		}
	}
	return false;
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

static bool choose(struct world *world, struct choice *choice, uint64_t number)
{
	*choice = (struct choice){.world = world, .is_derived = number % 4 == 0};
	sim_disk_list(world->disk, look_at_file, choice);
	if (!choice->left)
		return false;
	choice->left = 1 + number / 4 % choice->left;
	choice->is_choosing = true;
	sim_disk_list(world->disk, look_at_file, choice);
	return true;
}

/* The batches of the file that the range touches; behind damage of before, where nothing can be told, all. */
static void allow_batches(struct world *world, const struct choice *choice, const uint8_t *file, uint64_t from, uint64_t to)
{
	uint32_t number = world->topics[choice->topic].parts[choice->partition].number;
	int64_t next = 0;
	for (uint64_t at = 0; at + BATCH_HEADER_SIZE <= choice->size;) {
		struct slice rest = {file + at, choice->size - at};
		struct batch batch;
		if (batch_parse_checked(rest, &batch)) {
			if (world->damages_seen)
				history_allow_damage(world->history, number, next, history_certain_end(world->history, number));
			return;
		}
		if (at < to && at + batch.size_bytes > from) {
			world_tell(world, (uint64_t)batch.base_offset, "offsets %ld to %ld are struck", (long)batch.base_offset, (long)batch_last_offset(&batch));
			history_allow_damage(world->history, number, batch.base_offset, batch_last_offset(&batch) + 1);
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

void damage_rot(struct world *world, const struct step *step)
{
	struct choice choice;
	if (!choose(world, &choice, step->a))
		return;
	uint8_t *file = malloc(choice.size);
	CHECK(file && sim_disk_peek(world->disk, choice.path, file, choice.size, 0) == (int64_t)choice.size);
	uint64_t position = choose_position(&choice, file, step->b), size = step->c % 3 == 0 ? 512 : 1;
	size = size < choice.size - position ? size : choice.size - position;
	world_tell(world, position, "rot: %s, %lu bytes at %lu of %lu", choice.path, (unsigned long)size, (unsigned long)position, (unsigned long)choice.size);
	if (!choice.is_derived)
		allow_batches(world, &choice, file, position, position + size);
	free(file);
	meet(world, MOMENT_ROT);
	int err = size > 1 ? sim_disk_corrupt(world->disk, choice.path, position, size) : sim_disk_flip_bit(world->disk, choice.path, position, (unsigned)step->c >> 8);
	CHECK(err == 0);
	world->damages_seen++;
}
