/* Faults of the simulated disk, of two classes. Those that a correct disk may have: I/Os that fail by order, slowness, short transfers, a wall
 * clock that jumps. And those that it may not: bits that rot, writes that land elsewhere or nowhere; of these it is noted where they
 * struck, so that a checker knows what may be missing. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/base/check.h"
#include "log/io/sim_disk_priv.h"

/* ---- I/Os that fail by order --------------------------------------------------------------------------------- */

bool sim__must_fail(struct sim_disk *disk, enum sim_kind kind)
{
	if (!disk->fail_countdown || !(disk->fail_kinds & kind))
		return false;
	if (disk->fail_countdown > 1) {
		disk->fail_countdown--;
		return false;
	}
	if (!disk->is_fail_sticky)
		disk->fail_countdown = 0;
	disk->fail_count++;
	return true;
}

uint64_t sim_disk_fail_count(const struct sim_disk *disk)
{
	return disk->fail_count;
}

void sim_disk_fail_kinds(struct sim_disk *disk, uint32_t kinds, uint64_t k, int error_number, bool is_sticky)
{
	CHECK(error_number > 0);
	disk->fail_kinds = kinds;
	disk->fail_countdown = k;
	disk->fail_error = error_number;
	disk->is_fail_sticky = is_sticky;
}

void sim_disk_fail(struct sim_disk *disk, uint64_t k, int error_number)
{
	sim_disk_fail_kinds(disk, SIM_ANY, k, error_number, false);
}

void sim__forget_orders(struct sim_disk *disk)
{
	disk->fail_countdown = disk->misdirect_countdown = disk->lose_countdown = 0;
}

/* ---- pace and clock ------------------------------------------------------------------------------------------ */

void sim_disk_set_pace(struct sim_disk *disk, const struct sim_pace *pace)
{
	disk->pace = *pace;
}

void sim_disk_shift_wall_clock(struct sim_disk *disk, int64_t by_ms)
{
	disk->wall_offset_ms += by_ms;
}

int64_t sim_disk__wall_offset_ms(const struct sim_disk *disk)
{
	return disk->wall_offset_ms;
}

const struct sim_pace *sim_disk__pace(const struct sim_disk *disk)
{
	return &disk->pace;
}

/* ---- walks ----------------------------------------------------------------------------------------------- */

static bool name_below(const char *path, const struct sim_entry *entry, char out[SIM_PATH_SIZE])
{
	return entry->current && snprintf(out, SIM_PATH_SIZE, "%s/%s", path, entry->name) < SIM_PATH_SIZE;
}

static void list_below(struct sim_node *directory, const char *path, sim_file_fn *each, void *context)
{
	LIST_FOR_EACH(link, &directory->entries) {
		struct sim_entry *entry = LIST_ENTRY(link, struct sim_entry, node);
		char below[SIM_PATH_SIZE];
		if (!name_below(path, entry, below))
			continue;
		if (entry->current->is_directory)
			list_below(entry->current, below, each, context);
		else
			each(context, below, entry->current->current.size);
	}
}

void sim_disk_list(struct sim_disk *disk, sim_file_fn *each, void *context)
{
	list_below(disk->root, "", each, context);
}

int64_t sim_disk_peek(struct sim_disk *disk, const char *path, void *data, size_t size, uint64_t position)
{
	struct sim_node *node;
	int err = sim__find_node(disk, path, &node);
	return err < 0 ? err : (int64_t)sim_node__read(node, data, size, position);
}

static bool find_path(const struct sim_node *directory, const struct sim_node *wanted, const char *path, char out[SIM_PATH_SIZE])
{
	LIST_FOR_EACH(link, (struct list *)&directory->entries) {
		struct sim_entry *entry = LIST_ENTRY(link, struct sim_entry, node);
		char below[SIM_PATH_SIZE];
		if (!name_below(path, entry, below))
			continue;
		if (entry->current == wanted) {
			memcpy(out, below, sizeof(below));
			return true;
		}
		if (entry->current->is_directory && find_path(entry->current, wanted, below, out))
			return true;
	}
	return false;
}

/* ---- faults that a correct disk may not have --------------------------------------------------------------- */

static void note_damage(struct sim_disk *disk, enum sim_damage_kind kind, const char *path, uint64_t position, uint64_t size)
{
	struct sim_damage *grown = sim__grow(disk->damages, (disk->damage_count + 1) * sizeof(*grown));
	CHECK(grown);
	disk->damages = grown;
	struct sim_damage *damage = &grown[disk->damage_count++];
	*damage = (struct sim_damage){.kind = kind, .position = position, .size = size};
	snprintf(damage->path, sizeof(damage->path), "%s", path);
}

uint32_t sim_disk_damages(const struct sim_disk *disk, const struct sim_damage **out)
{
	*out = disk->damages;
	return disk->damage_count;
}

/* Changes bytes under everybody's eyes: in what is read, and in what survives. */
static void poke(struct sim_node *node, uint64_t position, const uint8_t *data, uint64_t size)
{
	sim_image_put(&node->current, position, data, size);
	if (position < node->durable.size)
		sim_image_put(&node->durable, position, data, position + size <= node->durable.size ? size : node->durable.size - position);
}

static void change_byte(struct sim_image *image, uint64_t position, uint8_t mask)
{
	uint8_t byte;
	sim_image_read(image, position, &byte, 1);
	byte ^= mask;
	sim_image_put(image, position, &byte, 1);
}

static int change_bits(struct sim_disk *disk, const char *path, uint64_t position, uint64_t size, uint8_t mask)
{
	struct sim_node *node;
	int err = sim__find_node(disk, path, &node);
	if (err < 0)
		return err;
	if (position > node->current.size || size > node->current.size - position)
		return -EINVAL;
	for (uint64_t at = position; at < position + size; at++) {
		change_byte(&node->current, at, mask);
		if (at < node->durable.size)
			change_byte(&node->durable, at, mask);
	}
	note_damage(disk, SIM_ROT, path, position, size);
	return 0;
}

int sim_disk_corrupt(struct sim_disk *disk, const char *path, uint64_t position, uint64_t size)
{
	return change_bits(disk, path, position, size, 0xff);
}

int sim_disk_flip_bit(struct sim_disk *disk, const char *path, uint64_t position, unsigned bit)
{
	return change_bits(disk, path, position, 1, (uint8_t)(1u << (bit & 7)));
}

int sim_disk_overwrite(struct sim_disk *disk, const char *path, uint64_t position, const void *data, uint64_t size)
{
	struct sim_node *node;
	int err = sim__find_node(disk, path, &node);
	if (err < 0)
		return err;
	if (position > node->current.size || size > node->current.size - position)
		return -EINVAL;
	poke(node, position, data, size);
	note_damage(disk, SIM_ROT, path, position, size);
	return 0;
}

int sim_disk_resize(struct sim_disk *disk, const char *path, uint64_t size)
{
	struct sim_node *node;
	int err = sim__find_node(disk, path, &node);
	if (err < 0)
		return err;
	sim_image_resize(&node->current, size);
	sim_image_resize(&node->durable, size);
	note_damage(disk, SIM_ROT, path, size, 0);
	return 0;
}

void sim_disk_misdirect(struct sim_disk *disk, uint64_t k)
{
	disk->misdirect_countdown = k;
}

void sim_disk_lose_write(struct sim_disk *disk, uint64_t k)
{
	disk->lose_countdown = k;
}

static struct sim_node *draw_victim(struct sim_disk *disk, uint64_t size)
{
	uint64_t count = 0;
	LIST_FOR_EACH(link, &disk->nodes) {
		struct sim_node *node = LIST_ENTRY(link, struct sim_node, node);
		count += !node->is_directory && node->link_count && node->durable.size >= size;
	}
	uint64_t chosen = count ? sim__draw(disk, 1, count) : 0;
	LIST_FOR_EACH(link, &disk->nodes) {
		struct sim_node *node = LIST_ENTRY(link, struct sim_node, node);
		if (!node->is_directory && node->link_count && node->durable.size >= size && chosen && --chosen == 0)
			return node;
	}
	return NULL;
}

static void note_damage_of(struct sim_disk *disk, enum sim_damage_kind kind, const struct sim_node *node, uint64_t position, uint64_t size)
{
	char path[SIM_PATH_SIZE];
	path[0] = 0;
	(void)find_path(disk->root, node, "", path);
	note_damage(disk, kind, path, position, size);
}

static bool is_due(uint64_t *countdown)
{
	return *countdown && --*countdown == 0;
}

bool sim__write_astray(struct sim_disk *disk, struct sim_node *node, const void *data, size_t size, uint64_t position)
{
	if (is_due(&disk->lose_countdown)) {
		note_damage_of(disk, SIM_LOST_WRITE, node, position, size);
		return true;
	}
	if (!is_due(&disk->misdirect_countdown))
		return false;
	struct sim_node *victim = draw_victim(disk, size);
	if (!victim)
		return false;
	uint64_t slots = (victim->durable.size - size) / SIM_SECTOR;
	uint64_t astray = sim__draw(disk, 0, slots) * SIM_SECTOR;
	note_damage_of(disk, SIM_LOST_WRITE, node, position, size);
	note_damage_of(disk, SIM_MISDIRECTED, victim, astray, size);
	if (victim->current.size >= astray + size)
		poke(victim, astray, data, size);
	return true;
}
