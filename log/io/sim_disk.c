/* The simulated disk. A file has two images, `current` (what a read sees) and `durable`, and the list of
 * changes between them, numbered in order for ever. For each sector, `floors` says up to which change the
 * durable image has it. A sync lifts the floors of the sectors that were changed; a crash draws for each
 * sector a number of changes between its floor and the end, which is what a page cache that writes back
 * sectors at its leisure can leave.
 *
 * Names work alike: an entry has a current and a durable target, and between them is one list of directory
 * changes for the whole disk (a rename is one change with two entries). A crash keeps any subset of them.
 *
 * Memory that cannot be had ends the program: this is a machine for tests. */
#include "log/io/sim_disk_priv.h"

#include <errno.h>
#include <stdlib.h>

#include "log/base/check.h"
#include "log/base/err.h"

/* How a crash treats the undecided. */
enum crash_mode { CRASH_LOSE_ALL, CRASH_KEEP_ALL, CRASH_PREFIX, CRASH_SUBSET, crash_mode_count };

/* ---- randomness and memory ------------------------------------------------------------------------------- */

uint64_t sim_random(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15ull;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

/* A number in [low, high]. */
uint64_t sim__draw(struct sim_disk *disk, uint64_t low, uint64_t high)
{
	return low + sim_random(&disk->random) % (high - low + 1);
}

bool sim_disk__flip(struct sim_disk *disk)
{
	return sim__draw(disk, 0, 1);
}

/* ---- nodes ----------------------------------------------------------------------------------------------- */

struct sim_node *sim__make_node(struct sim_disk *disk, bool is_directory)
{
	struct sim_node *node = sim__take_zeroed(1, sizeof(*node));
	node->is_directory = is_directory;
	list_init(&node->entries);
	list_push_back(&disk->nodes, &node->node);
	return node;
}

static void forget_changes(struct sim_node *node, uint64_t below)
{
	uint64_t gone = below - node->first;
	for (uint64_t i = 0; i < gone; i++)
		free(node->changes[i].data);
	node->count -= gone;
	if (node->count)
		memmove(node->changes, node->changes + gone, node->count * sizeof(*node->changes));
	node->first = below;
}

static void free_node(struct sim_node *node)
{
	struct list *link;
	while ((link = list_pop_front(&node->entries)))
		free(LIST_ENTRY(link, struct sim_entry, node));
	forget_changes(node, node->first + node->count);
	free(node->changes);
	free(node->floors);
	sim_image_fini(&node->current);
	sim_image_fini(&node->durable);
	list_remove(&node->node);
	free(node);
}

static void mark(struct sim_node *node)
{
	if (!node || node->is_marked)
		return;
	node->is_marked = true;
	LIST_FOR_EACH(link, &node->entries) {
		struct sim_entry *entry = LIST_ENTRY(link, struct sim_entry, node);
		mark(entry->current);
		mark(entry->durable);
	}
}

/* Frees what no name, no undecided change and no descriptor leads to. */
static void sweep(struct sim_disk *disk)
{
	mark(disk->root);
	LIST_FOR_EACH(link, &disk->dir_changes) {
		struct sim_dir_change *change = LIST_ENTRY(link, struct sim_dir_change, node);
		for (int half = 0; half < 2; half++) {
			mark(change->targets[half]);
			mark(change->entries[half] ? change->entries[half]->directory : NULL);
		}
	}
	LIST_FOR_EACH(link, &disk->nodes) {
		struct sim_node *node = LIST_ENTRY(link, struct sim_node, node);
		if (node->open_count)
			mark(node);
	}
	LIST_FOR_EACH_SAFE(link, &disk->nodes) {
		struct sim_node *node = LIST_ENTRY(link, struct sim_node, node);
		if (!node->is_marked)
			free_node(node);
		else
			node->is_marked = false;
	}
	disk->has_garbage = false;
}

/* ---- names ----------------------------------------------------------------------------------------------- */

static struct sim_entry *find_entry(struct sim_node *directory, const char *name, size_t size)
{
	LIST_FOR_EACH(link, &directory->entries) {
		struct sim_entry *entry = LIST_ENTRY(link, struct sim_entry, node);
		if (entry->name_size == size && memcmp(entry->name, name, size) == 0)
			return entry;
	}
	return NULL;
}

static struct sim_entry *take_entry(struct sim_node *directory, const char *name)
{
	struct sim_entry *entry = find_entry(directory, name, strlen(name));
	if (entry)
		return entry;
	entry = sim__take_zeroed(1, sizeof(*entry));
	entry->name_size = strlen(name);
	memcpy(entry->name, name, entry->name_size + 1);
	entry->directory = directory;
	list_push_back(&directory->entries, &entry->node);
	return entry;
}

static struct sim_node *find_child(struct sim_node *directory, const char *name)
{
	struct sim_entry *entry = find_entry(directory, name, strlen(name));
	return entry ? entry->current : NULL;
}

/* Splits a path into its directory and its last name (empty for the root itself). */
static int walk(struct sim_disk *disk, const char *path, struct sim_node **directory, char name[SIM_NAME_SIZE_MAX + 1])
{
	struct sim_node *at = disk->root;
	name[0] = 0;
	for (;;) {
		while (*path == '/')
			path++;
		size_t size = 0;
		while (path[size] && path[size] != '/')
			size++;
		if (!size)
			break;
		if (size > SIM_NAME_SIZE_MAX)
			return -ENAMETOOLONG;
		if (name[0]) {
			at = find_child(at, name);
			if (!at)
				return -ENOENT;
			if (!at->is_directory)
				return -ENOTDIR;
			name[0] = 0;
		}
		if (!(size == 1 && path[0] == '.')) {
			memcpy(name, path, size);
			name[size] = 0;
		}
		path += size;
	}
	*directory = at;
	return 0;
}

int sim__find_node(struct sim_disk *disk, const char *path, struct sim_node **out)
{
	char name[SIM_NAME_SIZE_MAX + 1];
	struct sim_node *directory;
	int err = walk(disk, path, &directory, name);
	if (err < 0)
		return err;
	*out = name[0] ? find_child(directory, name) : directory;
	return *out ? 0 : -ENOENT;
}

static int find_directory(struct sim_disk *disk, const char *path, struct sim_node **out)
{
	int err = sim__find_node(disk, path, out);
	return err < 0 ? err : (*out)->is_directory ? 0 : -ENOTDIR;
}

static void set_current(struct sim_disk *disk, struct sim_entry *entry, struct sim_node *target)
{
	if (entry->current) {
		entry->current->link_count--;
		disk->has_garbage = true;
	}
	entry->current = target;
	if (target)
		target->link_count++;
}

/* Enters a change of one or two names: done for who looks, undecided for who loses power. */
static void change_names(struct sim_disk *disk, struct sim_entry *a, struct sim_node *to_a, struct sim_entry *b,
			 struct sim_node *to_b)
{
	struct sim_dir_change *change = sim__take_zeroed(1, sizeof(*change));
	*change = (struct sim_dir_change){.number = ++disk->dir_change_count, .entries = {a, b}, .targets = {to_a, to_b}};
	list_push_back(&disk->dir_changes, &change->node);
	set_current(disk, a, to_a);
	if (b)
		set_current(disk, b, to_b);
}

int sim_disk__open_file(struct sim_disk *disk, const char *path, uint32_t flags, struct sim_node **out)
{
	char name[SIM_NAME_SIZE_MAX + 1];
	struct sim_node *directory;
	int err = walk(disk, path, &directory, name);
	if (err < 0)
		return err;
	struct sim_node *node = name[0] ? find_child(directory, name) : directory;
	if (node && (flags & IO_CREATE) && (flags & IO_EXCLUSIVE))
		return -EEXIST;
	if (node && node->is_directory)
		return ERR_NOT_A_FILE;
	if (!node && !(flags & IO_CREATE))
		return -ENOENT;
	if (!node) {
		node = sim__make_node(disk, false);
		change_names(disk, take_entry(directory, name), node, NULL, NULL);
	}
	node->open_count++;
	*out = node;
	return 0;
}

void sim_disk__release(struct sim_disk *disk, struct sim_node *node)
{
	CHECK(node->open_count);
	node->open_count--;
	disk->has_garbage = true;
}

int sim_disk__make_dir(struct sim_disk *disk, const char *path)
{
	char name[SIM_NAME_SIZE_MAX + 1];
	struct sim_node *directory;
	int err = walk(disk, path, &directory, name);
	if (err < 0)
		return err;
	if (!name[0] || find_child(directory, name))
		return -EEXIST;
	change_names(disk, take_entry(directory, name), sim__make_node(disk, true), NULL, NULL);
	return 0;
}

static bool is_empty(const struct sim_node *directory)
{
	LIST_FOR_EACH(link, (struct list *)&directory->entries)
		if (LIST_ENTRY(link, struct sim_entry, node)->current)
			return false;
	return true;
}

bool sim_disk__leads_to(struct sim_disk *disk, const char *path, const struct sim_node *node)
{
	char name[SIM_NAME_SIZE_MAX + 1];
	struct sim_node *directory;
	return walk(disk, path, &directory, name) >= 0 && name[0] && find_child(directory, name) == node;
}

bool sim_disk__is_there(struct sim_disk *disk, const char *path)
{
	struct sim_node *node;
	return sim__find_node(disk, path, &node) == 0;
}

static int remove_name(struct sim_disk *disk, const char *path, bool is_directory)
{
	char name[SIM_NAME_SIZE_MAX + 1];
	struct sim_node *directory;
	int err = walk(disk, path, &directory, name);
	if (err < 0)
		return err;
	struct sim_node *node = name[0] ? find_child(directory, name) : NULL;
	if (!node)
		return name[0] ? -ENOENT : -EBUSY;
	if (node->is_directory != is_directory)
		return is_directory ? -ENOTDIR : -EISDIR;
	if (is_directory && !is_empty(node))
		return -ENOTEMPTY;
	change_names(disk, take_entry(directory, name), NULL, NULL, NULL);
	return 0;
}

int sim_disk__unlink(struct sim_disk *disk, const char *path)
{
	return remove_name(disk, path, false);
}

int sim_disk__remove_dir(struct sim_disk *disk, const char *path)
{
	return remove_name(disk, path, true);
}

static int check_rename(const struct sim_node *source, const struct sim_node *target)
{
	if (!source)
		return -ENOENT;
	if (!target)
		return 0;
	if (source->is_directory != target->is_directory)
		return target->is_directory ? -EISDIR : -ENOTDIR;
	return target->is_directory && !is_empty(target) ? -ENOTEMPTY : 0;
}

int sim_disk__rename(struct sim_disk *disk, const char *from, const char *to)
{
	char from_name[SIM_NAME_SIZE_MAX + 1], to_name[SIM_NAME_SIZE_MAX + 1];
	struct sim_node *from_dir, *to_dir;
	int err = walk(disk, from, &from_dir, from_name);
	if (err == 0)
		err = walk(disk, to, &to_dir, to_name);
	if (err < 0)
		return err;
	if (!from_name[0] || !to_name[0])
		return -EBUSY;
	struct sim_node *source = find_child(from_dir, from_name);
	err = check_rename(source, find_child(to_dir, to_name));
	if (err < 0 || source == find_child(to_dir, to_name))
		return err;
	change_names(disk, take_entry(to_dir, to_name), source, take_entry(from_dir, from_name), NULL);
	return 0;
}

int sim_disk__list_dir(struct sim_disk *disk, const char *path, io_dir_entry_fn *entry_fn, void *context)
{
	struct sim_node *directory;
	int err = find_directory(disk, path, &directory);
	if (err < 0)
		return err;
	/* The callback may unlink; entries themselves stay. */
	LIST_FOR_EACH(link, &directory->entries) {
		struct sim_entry *entry = LIST_ENTRY(link, struct sim_entry, node);
		int result = entry->current ? entry_fn(context, entry->name, entry->current->is_directory) : 0;
		if (result)
			return result;
	}
	return 0;
}

/* What was entered earlier for this name has been overtaken. */
static void overtake(struct sim_disk *disk, const struct sim_dir_change *by, const struct sim_entry *entry)
{
	LIST_FOR_EACH(link, &disk->dir_changes) {
		struct sim_dir_change *change = LIST_ENTRY(link, struct sim_dir_change, node);
		if (change == by)
			return;
		for (int half = 0; half < 2; half++)
			if (change->entries[half] == entry)
				change->entries[half] = NULL;
	}
}

static bool touches(const struct sim_dir_change *change, const struct sim_node *directory)
{
	for (int half = 0; half < 2; half++)
		if (change->entries[half] && change->entries[half]->directory == directory)
			return true;
	return false;
}

static void apply_names(struct sim_dir_change *change)
{
	for (int half = 0; half < 2; half++)
		if (change->entries[half])
			change->entries[half]->durable = change->targets[half];
}

uint64_t sim_disk__dir_mark(const struct sim_disk *disk)
{
	return disk->dir_change_count;
}

int sim_disk__sync_dir(struct sim_disk *disk, const char *path, uint64_t mark)
{
	struct sim_node *directory;
	int err = find_directory(disk, path, &directory);
	if (err < 0)
		return err;
	LIST_FOR_EACH_SAFE(link, &disk->dir_changes) {
		struct sim_dir_change *change = LIST_ENTRY(link, struct sim_dir_change, node);
		if (change->number > mark)
			break;
		if (!touches(change, directory))
			continue;
		for (int half = 0; half < 2; half++)
			if (change->entries[half])
				overtake(disk, change, change->entries[half]);
		apply_names(change);
		list_remove(&change->node);
		free(change);
	}
	if (disk->has_garbage)
		sweep(disk);
	return 0;
}

/* ---- room ------------------------------------------------------------------------------------------------ */

static uint64_t charge_of(const struct sim_node *node)
{
	uint64_t bytes = node->current.size > node->allocated_bytes ? node->current.size : node->allocated_bytes;
	return align_up(bytes, SIM_PAGE_SIZE);
}

static uint64_t used_bytes(struct sim_disk *disk)
{
	uint64_t used = 0;
	LIST_FOR_EACH(link, &disk->nodes) {
		struct sim_node *node = LIST_ENTRY(link, struct sim_node, node);
		used += node->link_count || node->open_count ? charge_of(node) : 0;
	}
	return used;
}

void sim_disk__space(struct sim_disk *disk, uint64_t *free_bytes, uint64_t *total_bytes)
{
	uint64_t used = used_bytes(disk);
	*total_bytes = disk->capacity_bytes ? disk->capacity_bytes : 1ull << 40;
	*free_bytes = *total_bytes > used ? *total_bytes - used : 0;
}

uint64_t sim_disk_used(struct sim_disk *disk)
{
	return used_bytes(disk);
}

/* How far the file may reach. */
static uint64_t end_max(struct sim_disk *disk, const struct sim_node *node)
{
	uint64_t free_bytes, total_bytes;
	sim_disk__space(disk, &free_bytes, &total_bytes);
	return charge_of(node) + align_down(free_bytes, SIM_PAGE_SIZE);
}

/* ---- the changes of a file ------------------------------------------------------------------------------- */

static uint64_t end_number(const struct sim_node *node)
{
	return node->first + node->count;
}

static void add_change(struct sim_node *node, struct sim_change change)
{
	if (node->count == node->capacity) {
		node->capacity = node->capacity ? node->capacity * 2 : 8;
		node->changes = sim__grow(node->changes, node->capacity * sizeof(*node->changes));
	}
	node->changes[node->count++] = change;
}

uint64_t sim__floor_of(const struct sim_node *node, uint64_t sector)
{
	uint64_t floor = sector < node->floor_count ? node->floors[sector] : 0;
	return floor > node->first ? floor : node->first;
}

static void lift_floor(struct sim_node *node, uint64_t sector, uint64_t floor)
{
	if (sector >= node->floor_count) {
		uint64_t count = sector + sector / 2 + 8;
		node->floors = sim__grow(node->floors, count * sizeof(*node->floors));
		memset(node->floors + node->floor_count, 0, (count - node->floor_count) * sizeof(*node->floors));
		node->floor_count = count;
	}
	node->floors[sector] = floor > node->floors[sector] ? floor : node->floors[sector];
}

/* The sectors [0, result) are all that any change touches. */
static uint64_t sectors_changed(const struct sim_node *node)
{
	uint64_t end = 0;
	for (uint64_t i = 0; i < node->count; i++) {
		uint64_t change_end = node->changes[i].position + node->changes[i].size;
		end = change_end > end ? change_end : end;
	}
	return (end + SIM_SECTOR - 1) / SIM_SECTOR;
}

/* Puts into the durable image, sector by sector, the changes from its floor up to its cut. */
static void apply_cuts(struct sim_node *node, const uint64_t *cuts)
{
	for (uint64_t i = 0; i < node->count; i++) {
		const struct sim_change *change = &node->changes[i];
		uint64_t number = node->first + i, end = change->position + change->size;
		for (uint64_t at = change->position, next; at < end; at = next) {
			uint64_t sector = at / SIM_SECTOR;
			next = (sector + 1) * SIM_SECTOR < end ? (sector + 1) * SIM_SECTOR : end;
			if (number >= sim__floor_of(node, sector) && number < cuts[sector])
				sim_image_put(&node->durable, at,
					  change->data ? change->data + (at - change->position) : NULL, next - at);
		}
	}
}

/* The size of the file after the changes below `cut`. */
static uint64_t size_at(const struct sim_node *node, uint64_t cut)
{
	return cut > node->size_floor && cut > node->first ? node->changes[cut - 1 - node->first].size_after
							   : node->durable.size;
}

uint64_t sim_node__mark(const struct sim_node *node)
{
	return end_number(node);
}

void sim_node__sync(struct sim_node *node, uint64_t mark_number)
{
	if (mark_number <= node->first)
		return;
	uint64_t count = sectors_changed(node);
	uint64_t *cuts = sim__take_zeroed(count, sizeof(*cuts));
	for (uint64_t i = 0; i < mark_number - node->first; i++) {
		const struct sim_change *change = &node->changes[i];
		if (node->first + i < node->lost_below || !change->size)
			continue;
		for (uint64_t s = change->position / SIM_SECTOR; s <= (change->position + change->size - 1) / SIM_SECTOR; s++)
			cuts[s] = mark_number;
	}
	uint64_t size = size_at(node, mark_number);
	apply_cuts(node, cuts);
	for (uint64_t s = 0; s < count; s++)
		if (cuts[s])
			lift_floor(node, s, cuts[s]);
	free(cuts);
	sim_image_resize(&node->durable, size);
	node->size_floor = mark_number > node->size_floor ? mark_number : node->size_floor;
	if (node->lost_below <= node->first)
		forget_changes(node, mark_number);
}

void sim_node__sync_failed(struct sim_node *node, uint64_t mark_number)
{
	node->lost_below = mark_number > node->lost_below ? mark_number : node->lost_below;
}

/* Makes the sectors of a range durable as they are now. */
static void settle(struct sim_node *node, uint64_t position, uint64_t size)
{
	uint64_t end = align_up(position + size, SIM_SECTOR);
	end = end < node->current.size ? end : node->current.size;
	uint64_t at = align_down(position, SIM_SECTOR);
	sim_image_put_range(&node->durable, &node->current, at, end - at);
	for (uint64_t s = at / SIM_SECTOR; s * SIM_SECTOR < end; s++)
		lift_floor(node, s, end_number(node));
	sim_image_resize(&node->durable, node->current.size);
	node->size_floor = end_number(node);
}

static void write_current(struct sim_node *node, const uint8_t *data, uint64_t size, uint64_t position)
{
	if (position + size > node->current.size)
		sim_image_resize(&node->current, position + size);
	sim_image_put(&node->current, position, data, size);
}

static void write_undecided(struct sim_node *node, const uint8_t *data, uint64_t size, uint64_t position)
{
	write_current(node, data, size, position);
	uint8_t *copy = sim__grow(NULL, size);
	memcpy(copy, data, size);
	add_change(node, (struct sim_change){position, size, copy, node->current.size});
}

int sim_disk__write(struct sim_disk *disk, struct sim_node *node, const void *data, size_t size, uint64_t position,
		    bool is_durable)
{
	if (position > SIM_FILE_SIZE_MAX || size > SIM_FILE_SIZE_MAX - position)
		return -EFBIG;
	if (sim__write_astray(disk, node, data, size, position))
		return 0;
	node->changed++;
	size_t fitting = size;
	if (disk->capacity_bytes && position + size > charge_of(node)) {
		uint64_t end = end_max(disk, node);
		fitting = position >= end ? 0 : size < end - position ? size : (size_t)(end - position);
	}
	if (fitting && is_durable) {
		write_current(node, data, fitting, position);
		settle(node, position, fitting);
	} else if (fitting) {
		write_undecided(node, data, fitting, position);
	}
	return fitting < size ? -ENOSPC : 0;
}

int sim_disk__truncate(struct sim_disk *disk, struct sim_node *node, uint64_t size)
{
	if (size > SIM_FILE_SIZE_MAX)
		return -EFBIG;
	uint64_t old = node->current.size;
	node->changed++;
	if (size == old)
		return 0;
	sim_image_resize(&node->current, size);
	node->allocated_bytes = size < old ? 0 : node->allocated_bytes;
	add_change(node, (struct sim_change){size < old ? size : old, size < old ? old - size : 0, NULL, size});
	return 0;
}

int sim_disk__allocate(struct sim_disk *disk, struct sim_node *node, uint64_t end, bool does_extend)
{
	if (end > SIM_FILE_SIZE_MAX)
		return -EFBIG;
	if (disk->capacity_bytes && end > charge_of(node) && end > end_max(disk, node))
		return -ENOSPC;
	node->allocated_bytes = end > node->allocated_bytes ? end : node->allocated_bytes;
	return does_extend && end > node->current.size ? sim_disk__truncate(disk, node, end) : 0;
}

/* A change of data, not a truncation: what the metadata say of one sector says nothing of the next. */
int sim_disk__zero(struct sim_disk *disk, struct sim_node *node, uint64_t size)
{
	int err = sim_disk__allocate(disk, node, size, false);
	if (err || size == 0)
		return err;
	node->changed++;
	if (size > node->current.size)
		sim_image_resize(&node->current, size);
	sim_image_put(&node->current, 0, NULL, size);
	add_change(node, (struct sim_change){0, size, sim__take_zeroed(size, 1), node->current.size});
	return 0;
}

bool sim_node__is_alone(const struct sim_node *node)
{
	return node->link_count == 1 && node->open_count == 1;
}

uint64_t sim_node__changed(const struct sim_node *node)
{
	return 1 + node->changed;
}

uint64_t sim_node__size(const struct sim_node *node)
{
	return node->current.size;
}

size_t sim_node__read(const struct sim_node *node, void *data, size_t size, uint64_t position)
{
	if (position >= node->current.size)
		return 0;
	uint64_t there = node->current.size - position;
	size = size < there ? size : (size_t)there;
	sim_image_read(&node->current, position, data, size);
	return size;
}

uint64_t sim_node__next_data(const struct sim_node *node, uint64_t position)
{
	return position < node->current.size ? sim_image_next_data(&node->current, position) : node->current.size;
}

bool sim_node__lock(struct sim_node *node)
{
	bool was_locked = node->is_locked;
	node->is_locked = true;
	return !was_locked;
}

void sim_node__unlock(struct sim_node *node)
{
	node->is_locked = false;
}

/* ---- faults and crashes ---------------------------------------------------------------------------------- */

int sim_disk__count_io(struct sim_disk *disk, enum sim_kind kind, bool is_begun, bool *does_happen)
{
	if (disk->on_io)
		disk->on_io(disk->on_io_context);
	uint64_t number = ++disk->io_count;
	*does_happen = true;
	if (disk->cut_at && number >= disk->cut_at) {
		*does_happen = (is_begun || number == disk->cut_at) && sim_disk__flip(disk);
		return -EIO;
	}
	if (sim__must_fail(disk, kind)) {
		*does_happen = false;
		return -disk->fail_error;
	}
	return 0;
}

bool sim_disk__has_power(const struct sim_disk *disk)
{
	return !disk->cut_at || disk->io_count < disk->cut_at;
}

void sim_disk_cut_power(struct sim_disk *disk, uint64_t k)
{
	disk->cut_at = k ? disk->io_count + k : 0;
}

void sim_disk_on_io(struct sim_disk *disk, sim_disk_io_fn *fn, void *context)
{
	disk->on_io = fn;
	disk->on_io_context = context;
}

uint64_t sim_disk_io_count(const struct sim_disk *disk)
{
	return disk->io_count;
}

/* A truncation that is in the size is in the bytes too: a file system never shows what it has cut off. */
static void respect_truncations(const struct sim_node *node, uint64_t *cuts, uint64_t sector_count, uint64_t size_cut)
{
	for (uint64_t i = 0; i < node->count && node->first + i < size_cut; i++) {
		const struct sim_change *change = &node->changes[i];
		if (change->data)
			continue;
		for (uint64_t s = change->position / SIM_SECTOR; s < sector_count; s++)
			if (cuts[s] < node->first + i + 1)
				cuts[s] = node->first + i + 1;
	}
}

static uint64_t draw_cut(struct sim_disk *disk, enum crash_mode mode, uint64_t prefix, uint64_t floor, uint64_t end)
{
	switch (mode) {
	case CRASH_LOSE_ALL:
		return floor;
	case CRASH_KEEP_ALL:
		return end;
	case CRASH_PREFIX:
		return prefix > floor ? prefix : floor;
	case CRASH_SUBSET:
	case crash_mode_count:
		break;
	}
	return sim__draw(disk, floor, end);
}

static void crash_changes(struct sim_disk *disk, struct sim_node *node)
{
	uint64_t end = end_number(node), count = sectors_changed(node);
	enum crash_mode mode = (enum crash_mode)sim__draw(disk, 0, crash_mode_count - 1);
	uint64_t prefix = sim__draw(disk, node->first, end);
	uint64_t *cuts = sim__take_zeroed(count, sizeof(*cuts));
	for (uint64_t s = 0; s < count; s++)
		cuts[s] = draw_cut(disk, mode, prefix, sim__floor_of(node, s), end);
	uint64_t size_floor = node->size_floor > node->first ? node->size_floor : node->first;
	uint64_t size_cut = draw_cut(disk, mode, prefix, size_floor, end);
	respect_truncations(node, cuts, count, size_cut);
	uint64_t size = size_at(node, size_cut);
	apply_cuts(node, cuts);
	free(cuts);
	/* Bytes put beyond the size that the file came to have are gone. */
	sim_image_resize(&node->durable, size);
	forget_changes(node, end);
	node->size_floor = node->lost_below = 0;
	sim_image_fini(&node->current);
	sim_image_share(&node->current, &node->durable);
}

static void crash_file(struct sim_disk *disk, struct sim_node *node)
{
	if (node->count) /* else what is seen is durable */
		crash_changes(disk, node);
	node->allocated_bytes = 0;
	node->is_locked = false;
	node->open_count = 0;
}

static void crash_names(struct sim_disk *disk)
{
	enum crash_mode mode = (enum crash_mode)sim__draw(disk, 0, crash_mode_count - 1);
	uint64_t count = 0, number = 0;
	LIST_FOR_EACH(link, &disk->dir_changes)
		count++;
	uint64_t prefix = sim__draw(disk, 0, count);
	struct list *link;
	while ((link = list_pop_front(&disk->dir_changes))) {
		struct sim_dir_change *change = LIST_ENTRY(link, struct sim_dir_change, node);
		bool is_kept = mode == CRASH_SUBSET ? sim_disk__flip(disk)
						    : draw_cut(disk, mode, prefix, 0, count) > number;
		if (is_kept)
			apply_names(change);
		free(change);
		number++;
	}
}

static void restore_names(struct sim_disk *disk)
{
	LIST_FOR_EACH(link, &disk->nodes)
		LIST_ENTRY(link, struct sim_node, node)->link_count = 0;
	LIST_FOR_EACH(link, &disk->nodes) {
		struct sim_node *directory = LIST_ENTRY(link, struct sim_node, node);
		LIST_FOR_EACH_SAFE(entry_link, &directory->entries) {
			struct sim_entry *entry = LIST_ENTRY(entry_link, struct sim_entry, node);
			entry->current = entry->durable;
			if (entry->current) {
				entry->current->link_count++;
			} else {
				list_remove(&entry->node);
				free(entry);
			}
		}
	}
}

void sim_disk_crash(struct sim_disk *disk)
{
	LIST_FOR_EACH(link, &disk->users) {
		struct sim_user *user = LIST_ENTRY(link, struct sim_user, node);
		user->lose_power(user);
	}
	disk->generation++;
	disk->cut_at = 0;
	sim__forget_orders(disk);
	crash_names(disk);
	restore_names(disk);
	LIST_FOR_EACH(link, &disk->nodes)
		crash_file(disk, LIST_ENTRY(link, struct sim_node, node));
	sweep(disk);
}

/* The page cache outlives the process; its locks and open files do not. */
void sim_disk_kill(struct sim_disk *disk)
{
	sim_disk_write_in_flight(disk);
	disk->generation++;
	LIST_FOR_EACH(link, &disk->nodes) {
		struct sim_node *node = LIST_ENTRY(link, struct sim_node, node);
		node->is_locked = false;
		node->open_count = 0;
	}
	sweep(disk);
}

void sim_disk_set_capacity(struct sim_disk *disk, uint64_t capacity_bytes)
{
	disk->capacity_bytes = capacity_bytes;
}

/* ---- the disk itself ------------------------------------------------------------------------------------- */

void sim_disk__attach(struct sim_disk *disk, struct sim_user *user)
{
	list_push_back(&disk->users, &user->node);
}

void sim_disk__detach(struct sim_user *user)
{
	list_remove(&user->node);
}

uint64_t sim_disk__next_of_others(const struct sim_disk *disk, const struct sim_user *user)
{
	uint64_t next_ns = UINT64_MAX;
	LIST_FOR_EACH(link, (struct list *)&disk->users) {
		struct sim_user *other = LIST_ENTRY(link, struct sim_user, node);
		uint64_t its_ns = other == user ? UINT64_MAX : other->next_ns(other);
		next_ns = its_ns < next_ns ? its_ns : next_ns;
	}
	return next_ns;
}

uint64_t sim_disk__generation(const struct sim_disk *disk)
{
	return disk->generation;
}

uint64_t *sim_disk__clock_ns(struct sim_disk *disk)
{
	return &disk->clock_ns;
}

struct sim_disk *sim_disk_open(uint64_t seed)
{
	struct sim_disk *disk = calloc(1, sizeof(*disk));
	if (!disk)
		return NULL;
	list_init(&disk->nodes);
	list_init(&disk->dir_changes);
	list_init(&disk->users);
	disk->random = seed;
	disk->clock_ns = 1000000000;
	disk->pace = (struct sim_pace){.latency_percent = 100};
	disk->root = sim__make_node(disk, true);
	return disk;
}

void sim_disk_close(struct sim_disk *disk)
{
	if (!disk)
		return;
	CHECK(list_is_empty(&disk->users));
	struct list *link;
	while ((link = list_pop_front(&disk->dir_changes)))
		free(LIST_ENTRY(link, struct sim_dir_change, node));
	while (!list_is_empty(&disk->nodes))
		free_node(LIST_ENTRY(disk->nodes.next, struct sim_node, node));
	free(disk->damages);
	free(disk);
}
