/* Every crash of a simulated disk, one by one: sim_disk_crash draws what is undecided, this tells what there is to draw, and makes another disk for each
 * draw, so that one run of a program is crashed in as many ways as somebody cares to try.
 *
 * A file in which something is undecided gets a `look`: its unsynced changes, those in flight behind them. Each of its sectors has as many outcomes
 * as it has different contents on the way; a content that repeats the one before is none, so writing zeros over zeros decides nothing. */
#include <stdlib.h>

#include "log/base/check.h"
#include "log/io/sim_crash_priv.h"

/* ---- what is undecided ------------------------------------------------------------------------------------------ */

static bool is_named(struct sim_disk *disk, const struct sim_node *file)
{
	LIST_FOR_EACH(link, &disk->nodes) {
		struct sim_node *directory = LIST_ENTRY(link, struct sim_node, node);
		if (!directory->is_directory)
			continue;
		LIST_FOR_EACH(entry_link, &directory->entries) {
			const struct sim_entry *entry = LIST_ENTRY(entry_link, struct sim_entry, node);
			if (entry->current == file || entry->durable == file)
				return true;
		}
	}
	LIST_FOR_EACH(link, &disk->dir_changes) {
		const struct sim_dir_change *change = LIST_ENTRY(link, struct sim_dir_change, node);
		for (int half = 0; half < 2; half++)
			if (change->entries[half] && change->targets[half] == file)
				return true;
	}
	return false;
}

static struct look *look_of(struct sim_crash *crash, struct sim_node *file)
{
	for (uint32_t i = 0; i < crash->look_count; i++)
		if (crash->looks[i].file == file)
			return &crash->looks[i];
	crash->looks = sim__grow(crash->looks, (crash->look_count + 1) * sizeof *crash->looks);
	struct look *look = &crash->looks[crash->look_count++];
	*look = (struct look){.file = file, .first = file->first, .count = file->count, .kept_count = file->count, .size_now = file->current.size};
	look->changes = sim__take_zeroed(file->count, sizeof *look->changes);
	if (file->count)
		memcpy(look->changes, file->changes, file->count * sizeof *look->changes);
	return look;
}

static void add_in_flight(void *context, struct sim_node *file, const struct iovec *vector, uint32_t count, uint64_t position)
{
	struct sim_crash *crash = context;
	if (!is_named(crash->disk, file))
		return;
	struct look *look = look_of(crash, file);
	size_t size = 0, done = 0;
	for (uint32_t i = 0; i < count; i++)
		size += vector[i].iov_len;
	uint8_t *data = sim__take_zeroed(size, 1);
	for (uint32_t i = 0; i < count; done += vector[i].iov_len, i++)
		memcpy(data + done, vector[i].iov_base, vector[i].iov_len);
	if (look->size_now < position + size)
		look->size_now = position + size;
	look->changes = sim__grow(look->changes, (look->count + 1) * sizeof *look->changes);
	look->changes[look->count++] = (struct sim_change){position, size, data, look->size_now};
}

static void find_looks(struct sim_crash *crash)
{
	LIST_FOR_EACH(link, &crash->disk->nodes) {
		struct sim_node *node = LIST_ENTRY(link, struct sim_node, node);
		if (!node->is_directory && node->count && is_named(crash->disk, node))
			look_of(crash, node);
	}
	LIST_FOR_EACH(link, &crash->disk->users) {
		struct sim_user *user = LIST_ENTRY(link, struct sim_user, node);
		user->each_write(user, add_in_flight, crash);
	}
	for (uint32_t i = 0; i < crash->look_count; i++) {
		struct look *look = &crash->looks[i];
		uint64_t end = 0;
		for (uint64_t c = 0; c < look->count; c++)
			if (look->changes[c].size && end < look->changes[c].position + look->changes[c].size)
				end = look->changes[c].position + look->changes[c].size;
		look->sector_count = (end + SIM_SECTOR - 1) / SIM_SECTOR;
	}
}

/* ---- items ------------------------------------------------------------------------------------------------------ */

static struct item *add_item(struct sim_crash *crash, enum item_kind kind)
{
	if (crash->item_count == crash->item_capacity) {
		crash->item_capacity = crash->item_capacity ? crash->item_capacity * 2 : 64;
		crash->items = sim__grow(crash->items, crash->item_capacity * sizeof *crash->items);
	}
	struct item *item = &crash->items[crash->item_count++];
	*item = (struct item){.kind = kind};
	return item;
}

static void add_outcome(struct item *item, uint64_t cut, uint64_t adds)
{
	item->cuts = sim__grow(item->cuts, (item->outcome_count + 1) * sizeof *item->cuts);
	item->adds = sim__grow(item->adds, (item->outcome_count + 1) * sizeof *item->adds);
	item->cuts[item->outcome_count] = cut;
	item->adds[item->outcome_count++] = adds;
}

static void free_item(struct item *item)
{
	free(item->cuts);
	free(item->adds);
}

/* One outcome decides nothing. */
static void drop_if_decided(struct sim_crash *crash)
{
	if (crash->items[crash->item_count - 1].outcome_count < 2)
		free_item(&crash->items[--crash->item_count]);
}

static void add_size(struct sim_crash *crash, uint32_t index)
{
	const struct look *look = &crash->looks[index];
	struct item *item = add_item(crash, ITEM_SIZE);
	item->look = index;
	uint64_t floor = look->file->size_floor > look->first ? look->file->size_floor : look->first;
	uint64_t size = look->file->durable.size;
	add_outcome(item, floor, 0);
	for (uint64_t i = 0; i < look->count; i++) {
		if (look->first + i < floor || look->changes[i].size_after == size)
			continue;
		size = look->changes[i].size_after;
		add_outcome(item, look->first + i + 1, 0);
	}
	crash->looks[index].is_size_decided = item->outcome_count < 2;
	drop_if_decided(crash);
}

/* The part of a change that lies in a sector, put over it. */
static void change_sector(const struct sim_change *change, uint64_t sector, uint8_t *bytes)
{
	uint64_t start = sector * SIM_SECTOR, end = start + SIM_SECTOR;
	uint64_t from = change->position > start ? change->position : start;
	uint64_t to = change->position + change->size < end ? change->position + change->size : end;
	if (change->data)
		memcpy(bytes + (from - start), change->data + (from - change->position), to - from);
	else
		memset(bytes + (from - start), 0, to - from);
}

static bool is_in_sector(const struct sim_change *change, uint64_t sector)
{
	return change->size && change->position < (sector + 1) * SIM_SECTOR && change->position + change->size > sector * SIM_SECTOR;
}

static void add_sector(struct sim_crash *crash, uint32_t index, uint64_t sector)
{
	const struct look *look = &crash->looks[index];
	uint8_t before[SIM_SECTOR], now[SIM_SECTOR];
	uint64_t floor = sim__floor_of(look->file, sector);
	struct item *item = add_item(crash, ITEM_SECTOR);
	item->look = index;
	item->sector = sector;
	sim_image_read(&look->file->durable, sector * SIM_SECTOR, before, SIM_SECTOR);
	memcpy(now, before, SIM_SECTOR);
	uint64_t sum = sim_image_sum_of_sector(sector, now);
	add_outcome(item, floor, 0);
	for (uint64_t i = 0; i < look->count; i++) {
		if (look->first + i < floor || !is_in_sector(&look->changes[i], sector))
			continue;
		change_sector(&look->changes[i], sector, now);
		if (memcmp(now, before, SIM_SECTOR) == 0)
			continue;
		add_outcome(item, look->first + i + 1, sim_image_sum_of_sector(sector, now) - sum);
		memcpy(before, now, SIM_SECTOR);
	}
	if (item->outcome_count > 1 && (sector + 1) * SIM_SECTOR > look->file->durable.size)
		crash->looks[index].is_size_decided = false;
	drop_if_decided(crash);
}

static void add_sectors(struct sim_crash *crash, uint32_t index)
{
	const struct look *look = &crash->looks[index];
	bool *is_touched = sim__take_zeroed(look->sector_count, sizeof *is_touched);
	for (uint64_t i = 0; i < look->count; i++) {
		const struct sim_change *change = &look->changes[i];
		for (uint64_t s = change->position / SIM_SECTOR; change->size && s <= (change->position + change->size - 1) / SIM_SECTOR; s++)
			is_touched[s] = true;
	}
	for (uint64_t s = 0; s < look->sector_count; s++)
		if (is_touched[s])
			add_sector(crash, index, s);
	free(is_touched);
}

static void add_names(struct sim_crash *crash, struct sim_dir_change *change)
{
	if (!change->entries[0] && !change->entries[1])
		return; /* overtaken */
	struct item *item = add_item(crash, ITEM_NAMES);
	item->names = change;
	add_outcome(item, 0, 0);
	add_outcome(item, 1, 0);
}

struct sim_crash *sim_crash_look(struct sim_disk *disk)
{
	struct sim_crash *crash = sim__take_zeroed(1, sizeof *crash);
	crash->disk = disk;
	find_looks(crash);
	LIST_FOR_EACH(link, &disk->dir_changes)
		add_names(crash, LIST_ENTRY(link, struct sim_dir_change, node));
	for (uint32_t i = 0; i < crash->look_count; i++) {
		crash->looks[i].sum = sim_image_sum(&crash->looks[i].file->durable);
		add_size(crash, i);
		add_sectors(crash, i);
	}
	return crash;
}

uint32_t sim_crash_items(const struct sim_crash *crash)
{
	return crash->item_count;
}

uint32_t sim_crash_outcomes(const struct sim_crash *crash, uint32_t item)
{
	CHECK(item < crash->item_count);
	return crash->items[item].outcome_count;
}

void sim_crash_close(struct sim_crash *crash)
{
	for (uint32_t i = 0; i < crash->item_count; i++)
		free_item(&crash->items[i]);
	for (uint32_t i = 0; i < crash->look_count; i++) {
		for (uint64_t c = crash->looks[i].kept_count; c < crash->looks[i].count; c++)
			free(crash->looks[i].changes[c].data);
		free(crash->looks[i].changes);
	}
	free(crash->items);
	free(crash->looks);
	free(crash);
}

/* ---- another disk ------------------------------------------------------------------------------------------------ */

struct making {
	const struct sim_crash *crash;
	const uint32_t *outcomes;
	struct sim_disk *disk;
};

/* A truncation that is in the size is in the bytes too (sim_disk.c says the same of its own crash). */
static void respect_truncations(const struct look *look, uint64_t *cuts, uint64_t size_cut)
{
	for (uint64_t i = 0; i < look->count && look->first + i < size_cut; i++) {
		const struct sim_change *change = &look->changes[i];
		for (uint64_t s = change->position / SIM_SECTOR; !change->data && s < look->sector_count; s++)
			if (cuts[s] < look->first + i + 1)
				cuts[s] = look->first + i + 1;
	}
}

static void apply_cuts(const struct look *look, const uint64_t *cuts, struct sim_image *image)
{
	for (uint64_t i = 0; i < look->count; i++) {
		const struct sim_change *change = &look->changes[i];
		uint64_t end = change->position + change->size;
		for (uint64_t at = change->position, next; at < end; at = next) {
			uint64_t sector = at / SIM_SECTOR;
			next = (sector + 1) * SIM_SECTOR < end ? (sector + 1) * SIM_SECTOR : end;
			if (look->first + i >= sim__floor_of(look->file, sector) && look->first + i < cuts[sector])
				sim_image_put(image, at, change->data ? change->data + (at - change->position) : NULL, next - at);
		}
	}
}

static uint64_t size_at(const struct look *look, uint64_t cut)
{
	uint64_t floor = look->file->size_floor > look->first ? look->file->size_floor : look->first;
	return cut > floor ? look->changes[cut - 1 - look->first].size_after : look->file->durable.size;
}

void sim__decide_file(const struct sim_crash *crash, const uint32_t *outcomes, uint32_t index, struct sim_image *image)
{
	const struct look *look = &crash->looks[index];
	uint64_t *cuts = sim__take_zeroed(look->sector_count, sizeof *cuts), size_cut = 0;
	for (uint32_t i = 0; i < crash->item_count; i++) {
		const struct item *item = &crash->items[i];
		if (item->kind == ITEM_SIZE && item->look == index)
			size_cut = item->cuts[outcomes[i]];
		else if (item->kind == ITEM_SECTOR && item->look == index)
			cuts[item->sector] = item->cuts[outcomes[i]];
	}
	respect_truncations(look, cuts, size_cut);
	apply_cuts(look, cuts, image);
	sim_image_resize(image, size_at(look, size_cut));
	free(cuts);
}

static void copy_bytes(const struct making *making, struct sim_node *file, struct sim_node *copy)
{
	if (!making->crash) {
		sim_image_share(&copy->durable, &file->current);
	} else {
		sim_image_share(&copy->durable, &file->durable);
		for (uint32_t i = 0; i < making->crash->look_count; i++)
			if (making->crash->looks[i].file == file)
				sim__decide_file(making->crash, making->outcomes, i, &copy->durable);
	}
	sim_image_share(&copy->current, &copy->durable);
}

static struct sim_node *copy_node(const struct making *making, struct sim_node *node);

static void copy_entries(const struct making *making, struct sim_node *directory, struct sim_node *copy)
{
	LIST_FOR_EACH(link, &directory->entries) {
		struct sim_entry *entry = LIST_ENTRY(link, struct sim_entry, node);
		if (!entry->after)
			continue;
		struct sim_entry *twin = sim__take_zeroed(1, sizeof *twin);
		twin->name_size = entry->name_size;
		memcpy(twin->name, entry->name, entry->name_size + 1);
		twin->directory = copy;
		twin->current = twin->durable = copy_node(making, entry->after);
		twin->current->link_count++;
		list_push_back(&copy->entries, &twin->node);
	}
}

static struct sim_node *copy_node(const struct making *making, struct sim_node *node)
{
	if (node->copy)
		return node->copy;
	struct sim_node *copy = node->copy = sim__make_node(making->disk, node->is_directory);
	if (node->is_directory)
		copy_entries(making, node, copy);
	else
		copy_bytes(making, node, copy);
	return copy;
}

static void each_entry(struct sim_disk *disk, bool is_crash)
{
	LIST_FOR_EACH(link, &disk->nodes) {
		struct sim_node *node = LIST_ENTRY(link, struct sim_node, node);
		LIST_FOR_EACH(entry_link, &node->entries) {
			struct sim_entry *entry = LIST_ENTRY(entry_link, struct sim_entry, node);
			entry->after = is_crash ? entry->durable : entry->current;
		}
	}
}

void sim__decide_names(const struct sim_crash *crash, const uint32_t *outcomes)
{
	each_entry(crash->disk, true);
	for (uint32_t i = 0; i < crash->item_count; i++) {
		const struct item *item = &crash->items[i];
		for (int half = 0; item->kind == ITEM_NAMES && outcomes[i] && half < 2; half++)
			if (item->names->entries[half])
				item->names->entries[half]->after = item->names->targets[half];
	}
}

static struct sim_disk *make(struct sim_disk *from, const struct making *how)
{
	struct making making = *how;
	LIST_FOR_EACH(link, &from->nodes)
		LIST_ENTRY(link, struct sim_node, node)->copy = NULL;
	making.disk = sim_disk_open(from->random);
	CHECK(making.disk);
	making.disk->clock_ns = from->clock_ns;
	making.disk->capacity_bytes = from->capacity_bytes;
	from->root->copy = making.disk->root;
	copy_entries(&making, from->root, making.disk->root);
	return making.disk;
}

struct sim_disk *sim_crash_make(const struct sim_crash *crash, const uint32_t *outcomes)
{
	sim__decide_names(crash, outcomes);
	return make(crash->disk, &(struct making){.crash = crash, .outcomes = outcomes});
}

struct sim_disk *sim_disk_copy(struct sim_disk *disk)
{
	each_entry(disk, false);
	return make(disk, &(struct making){0});
}

static void write_in_flight(void *context, struct sim_node *file, const struct iovec *vector, uint32_t count, uint64_t position)
{
	for (uint32_t i = 0; i < count; position += vector[i].iov_len, i++) {
		int err = sim_disk__write(context, file, vector[i].iov_base, vector[i].iov_len, position, false);
		(void)err; /* a full disk: nobody is told */
	}
}

void sim_disk_write_in_flight(struct sim_disk *disk)
{
	LIST_FOR_EACH(link, &disk->users) {
		struct sim_user *user = LIST_ENTRY(link, struct sim_user, node);
		user->each_write(user, write_in_flight, disk);
	}
}
