/* Which disks are the same. Four of five crashes leave a disk that another has left; that must be known without making it. So a file's hash is
 * built on a sum over its sectors (sim_image.h), and sim_crash_look has worked out what each outcome of a sector adds to it. A file whose size
 * is undecided is made all the same, as its size says which sectors count. */
#include <string.h>
#include <xxhash.h>

#include "log/io/sim_crash_priv.h"

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * 0xff51afd7ed558ccdull;
	return hash ^ hash >> 32;
}

static uint64_t hash_of_file(uint64_t sum, uint64_t size)
{
	return mix(mix(1, size), sum);
}

static uint64_t hash_of_entry(const struct sim_entry *entry, uint64_t hash_of_target)
{
	return mix(XXH3_64bits(entry->name, strlen(entry->name)), hash_of_target);
}

/* In no order of names: a directory keeps none. */
static uint64_t hash_node(const struct sim_node *node)
{
	if (!node->is_directory)
		return hash_of_file(sim_image_sum(&node->current), node->current.size);
	uint64_t sum = 2;
	LIST_FOR_EACH(link, (struct list *)&node->entries) {
		const struct sim_entry *entry = LIST_ENTRY(link, struct sim_entry, node);
		if (entry->current)
			sum += hash_of_entry(entry, hash_node(entry->current));
	}
	return mix(2, sum);
}

uint64_t sim_disk_hash(struct sim_disk *disk)
{
	return hash_node(disk->root);
}

/* ---- of a crash ------------------------------------------------------------------------------------------------------ */

static uint64_t hash_after(const struct sim_node *node)
{
	if (!node->is_directory)
		return node->hash;
	uint64_t sum = 2;
	LIST_FOR_EACH(link, (struct list *)&node->entries) {
		const struct sim_entry *entry = LIST_ENTRY(link, struct sim_entry, node);
		if (entry->after)
			sum += hash_of_entry(entry, hash_after(entry->after));
	}
	return mix(2, sum);
}

static uint64_t hash_made(const struct sim_crash *crash, const uint32_t *outcomes, uint32_t index)
{
	struct sim_image image = {0};
	sim_image_share(&image, &crash->looks[index].file->durable);
	sim__decide_file(crash, outcomes, index, &image);
	uint64_t hash = hash_of_file(sim_image_sum(&image), image.size);
	sim_image_fini(&image);
	return hash;
}

static uint64_t hash_decided(const struct sim_crash *crash, const uint32_t *outcomes, uint32_t index)
{
	const struct look *look = &crash->looks[index];
	uint64_t sum = look->sum;
	for (uint32_t i = 0; i < crash->item_count; i++)
		if (crash->items[i].kind == ITEM_SECTOR && crash->items[i].look == index)
			sum += crash->items[i].adds[outcomes[i]];
	return hash_of_file(sum, look->file->durable.size);
}

uint64_t sim_crash_hash(const struct sim_crash *crash, const uint32_t *outcomes)
{
	LIST_FOR_EACH(link, &crash->disk->nodes) {
		struct sim_node *node = LIST_ENTRY(link, struct sim_node, node);
		if (!node->is_directory)
			node->hash = hash_of_file(sim_image_sum(&node->durable), node->durable.size);
	}
	for (uint32_t i = 0; i < crash->look_count; i++)
		crash->looks[i].file->hash = crash->looks[i].is_size_decided ? hash_decided(crash, outcomes, i) : hash_made(crash, outcomes, i);
	sim__decide_names(crash, outcomes);
	return hash_after(crash->disk->root);
}
