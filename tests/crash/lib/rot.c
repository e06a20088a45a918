/* Places are counted out once for each scene; a fault's number leads to them. */
#include "tests/crash/lib/rot.h"

#include <stdlib.h>

#include "log/io/io.h"

#define BLOCK 4096u
#define SMALL_FILE 8192u
/* Of a journal's blocks that were never written, one in so many has its sectors among the places. */
#define DEAD_PER_TAKEN 8
#define TWO_COUNT (1u << 20)

const char *const rot_names[rot_kind_count] = {"flip", "byte", "zero", "zero-block", "cut", "grow", "gone", "stale", "write", "misdirected", "swap",
					       "write-block", "swap-block", "two"};

/* ---- places ----------------------------------------------------------------------------------------------------------------- */

static void add_place(struct rot_places *places, struct rot_place place)
{
	if (places->count == places->capacity) {
		places->capacity = places->capacity ? places->capacity * 2 : 256;
		places->at = realloc(places->at, places->capacity * sizeof *places->at);
		if (!places->at)
			abort();
	}
	places->at[places->count++] = place;
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (bytes[i])
			return false;
	return true;
}

static void add_places(const struct scene *scene, uint32_t unit, struct rot_places *all, struct rot_places *live)
{
	for (uint32_t f = 0; f < scene->now.count; f++) {
		const struct scene_file *file = &scene->now.files[f];
		for (size_t at = 0; at < file->size; at += unit) {
			size_t size = file->size - at < unit ? file->size - at : unit;
			struct rot_place place = {(uint16_t)f, -1, (uint32_t)at, (uint32_t)size};
			bool is_live = !is_zero(file->bytes + at, size);
			if (is_live || unit == BLOCK || at % (DEAD_PER_TAKEN * BLOCK) < BLOCK)
				add_place(all, place);
			if (is_live)
				add_place(live, place);
		}
	}
}

/* The bytes of a place, with zeros behind the end of what the file was then. */
static void bytes_of(const struct scene *scene, const struct rot_place *place, uint8_t out[BLOCK])
{
	const struct scene_file *file = &scene->now.files[place->file];
	if (place->past >= 0)
		file = scene_find(&scene->pasts[place->past].files, file->path);
	size_t there = !file || file->size <= place->position ? 0 : file->size - place->position < place->size ? file->size - place->position : place->size;
	if (there)
		memcpy(out, file->bytes + place->position, there);
	memset(out + there, 0, BLOCK - there);
}

/* How a sector was in a past, against how it is in another one (-1: now). */
static bool is_other(const struct scene *scene, struct rot_place place, int past, int other)
{
	uint8_t bytes[2][BLOCK];
	place.past = (int16_t)past;
	bytes_of(scene, &place, bytes[0]);
	place.past = (int16_t)other;
	bytes_of(scene, &place, bytes[1]);
	return memcmp(bytes[0], bytes[1], place.size) != 0;
}

/* Each content that it had, once. */
static void add_stale(struct rot_table *table)
{
	const struct scene *scene = table->scene;
	int count = (int)scene->past_count;
	table->changed = calloc(table->all_sectors.count + 1, sizeof *table->changed);
	if (!table->changed)
		abort();
	for (uint32_t i = 0; i < table->all_sectors.count; i++) {
		struct rot_place place = table->all_sectors.at[i];
		table->changed[i] = -1;
		for (int past = 0; past < count; past++) {
			bool was_there = scene_find(&scene->pasts[past].files, scene->now.files[place.file].path);
			if (!was_there || !is_other(scene, place, past, -1))
				continue;
			place.past = table->changed[i] = (int16_t)past;
			if (past + 1 == count || is_other(scene, place, past, past + 1))
				add_place(&table->stale, place);
		}
		if (table->changed[i] >= 0)
			add_place(&table->last_stale, place);
	}
}

/* ---- how many there are ------------------------------------------------------------------------------------------------------ */

static uint64_t flips_of(const struct scene *scene, const struct rot_place *block)
{
	bool is_dead = is_zero(scene->now.files[block->file].bytes + block->position, block->size);
	return is_dead ? (block->size + SCENE_SECTOR - 1) / SCENE_SECTOR : block->size * 8ull;
}

static uint64_t cuts_of(const struct scene_file *file)
{
	return file->size <= SMALL_FILE ? file->size : (file->size + SCENE_SECTOR - 1) / SCENE_SECTOR * 3;
}

void rot_table_make(struct rot_table *table, const struct scene *scene)
{
	*table = (struct rot_table){.scene = scene};
	add_places(scene, SCENE_SECTOR, &table->all_sectors, &table->sectors);
	add_places(scene, BLOCK, &table->all_blocks, &table->blocks);
	add_stale(table);
	uint64_t *counts = table->counts, sectors = table->sectors.count, blocks = table->blocks.count;
	table->flips_before = calloc(table->all_blocks.count + 1, sizeof *table->flips_before);
	if (!table->flips_before)
		abort();
	for (uint32_t i = 0; i < table->all_blocks.count; i++)
		table->flips_before[i + 1] = counts[ROT_FLIP] += flips_of(scene, &table->all_blocks.at[i]);
	for (uint32_t i = 0; i < blocks; i++)
		counts[ROT_BYTE] += table->blocks.at[i].size * 2;
	for (uint32_t f = 0; f < scene->now.count; f++)
		counts[ROT_CUT] += cuts_of(&scene->now.files[f]);
	counts[ROT_ZERO] = sectors;
	counts[ROT_ZERO_BLOCK] = blocks;
	counts[ROT_GROW] = scene->now.count * sectors;
	counts[ROT_GONE] = scene->now.count;
	counts[ROT_STALE] = table->stale.count;
	counts[ROT_WRITE] = counts[ROT_SWAP] = sectors * table->all_sectors.count;
	counts[ROT_MISDIRECTED] = (uint64_t)table->last_stale.count * table->all_sectors.count;
	counts[ROT_WRITE_BLOCK] = counts[ROT_SWAP_BLOCK] = blocks * table->all_blocks.count;
	counts[ROT_TWO] = TWO_COUNT;
}

void rot_table_free(struct rot_table *table)
{
	free(table->sectors.at);
	free(table->blocks.at);
	free(table->all_sectors.at);
	free(table->all_blocks.at);
	free(table->stale.at);
	free(table->last_stale.at);
	free(table->changed);
	free(table->flips_before);
	*table = (struct rot_table){0};
}

/* ---- one of them ------------------------------------------------------------------------------------------------------------- */

static const struct scene_file *file_of(const struct rot_table *table, uint32_t file)
{
	return &table->scene->now.files[file];
}

static struct rot_change *change(struct rot_changes *out, const struct rot_place *where)
{
	struct rot_change *change = &out->at[out->count++];
	change->what = ROT_PUT;
	change->file = where->file;
	change->position = where->position;
	change->size = where->size;
	return change;
}

static void flip(const struct rot_table *table, uint64_t number, struct rot_changes *out)
{
	uint32_t low = 0, high = table->all_blocks.count;
	while (high - low > 1) {
		uint32_t middle = (low + high) / 2;
		if (table->flips_before[middle] <= number)
			low = middle;
		else
			high = middle;
	}
	const struct rot_place *block = &table->all_blocks.at[low];
	bool is_dead = table->flips_before[low + 1] - table->flips_before[low] < block->size;
	number -= table->flips_before[low];
	uint32_t at = block->position + (uint32_t)(is_dead ? number * SCENE_SECTOR : number / 8), bit = (uint32_t)number % 8;
	struct rot_change *changed = change(out, &(struct rot_place){block->file, -1, at, 1});
	changed->bytes[0] = file_of(table, block->file)->bytes[at] ^ (uint8_t)(1u << bit);
}

static void set_byte(const struct rot_table *table, uint64_t number, struct rot_changes *out)
{
	const struct rot_place *block = table->blocks.at;
	for (; number >= block->size * 2ull; block++)
		number -= block->size * 2ull;
	struct rot_change *changed = change(out, &(struct rot_place){block->file, -1, block->position + (uint32_t)number / 2, 1});
	changed->bytes[0] = number & 1 ? 0xff : 0;
}

static void clear(const struct rot_place *place, struct rot_changes *out)
{
	memset(change(out, place)->bytes, 0, place->size);
}

static void resize(uint32_t file, uint64_t size, struct rot_changes *out)
{
	struct rot_change *changed = &out->at[out->count++];
	changed->what = ROT_RESIZE;
	changed->file = file;
	changed->position = size;
	changed->size = 0;
}

static void cut(const struct rot_table *table, uint64_t number, struct rot_changes *out)
{
	uint32_t f = 0;
	for (; number >= cuts_of(file_of(table, f)); f++)
		number -= cuts_of(file_of(table, f));
	size_t size = file_of(table, f)->size;
	uint64_t at = size <= SMALL_FILE ? number : number / 3 * SCENE_SECTOR + number % 3;
	resize(f, at < size ? at : size - 1, out);
}

static void grow(const struct rot_table *table, uint64_t number, struct rot_changes *out)
{
	uint32_t f = (uint32_t)(number / table->sectors.count);
	const struct rot_place *from = &table->sectors.at[number % table->sectors.count];
	uint64_t size = file_of(table, f)->size;
	resize(f, size + SCENE_SECTOR, out);
	bytes_of(table->scene, from, change(out, &(struct rot_place){(uint16_t)f, -1, (uint32_t)size, SCENE_SECTOR})->bytes);
}

static void write_there(const struct rot_table *table, const struct rot_place *from, const struct rot_place *to, struct rot_changes *out)
{
	bytes_of(table->scene, from, change(out, to)->bytes);
}

static void swap(const struct rot_table *table, const struct rot_place *a, const struct rot_place *b, struct rot_changes *out)
{
	write_there(table, a, b, out);
	write_there(table, b, a, out);
}

/* Its own place as it was before, and another one as this is now. */
static void misdirect(const struct rot_table *table, const struct rot_place *stale, uint32_t where, struct rot_changes *out)
{
	struct rot_place place = *stale;
	const struct rot_place *to = &table->all_sectors.at[where];
	if (table->changed[where] > stale->past)
		return; /* what was written there later is there */
	place.past = -1;
	write_there(table, stale, &place, out);
	write_there(table, &place, to, out);
}

static void work_out(const struct rot_table *table, struct rot_fault fault, struct rot_changes *out);

static void two(const struct rot_table *table, uint64_t number, struct rot_changes *out)
{
	static const enum rot_kind kinds[] = {ROT_FLIP, ROT_FLIP, ROT_BYTE, ROT_ZERO, ROT_CUT, ROT_STALE, ROT_WRITE};
	uint64_t random = table->scene->seed << 20 ^ number;
	for (int i = 0; i < 2; i++) {
		enum rot_kind kind = kinds[sim_random(&random) % COUNT_OF(kinds)];
		if (kind == ROT_CUT && i > 0) /* one that was cut and grown again has lost what it had, and not said so */
			kind = ROT_FLIP;
		if (table->counts[kind])
			work_out(table, (struct rot_fault){kind, sim_random(&random) % table->counts[kind]}, out);
	}
}

static void work_out(const struct rot_table *table, struct rot_fault fault, struct rot_changes *out)
{
	uint64_t n = fault.number, sectors = table->all_sectors.count, blocks = table->all_blocks.count;
	switch (fault.kind) {
	case ROT_FLIP: flip(table, n, out); return;
	case ROT_BYTE: set_byte(table, n, out); return;
	case ROT_ZERO: clear(&table->sectors.at[n], out); return;
	case ROT_ZERO_BLOCK: clear(&table->blocks.at[n], out); return;
	case ROT_CUT: cut(table, n, out); return;
	case ROT_GROW: grow(table, n, out); return;
	case ROT_GONE: out->at[out->count++] = (struct rot_change){.what = ROT_REMOVE, .file = (uint32_t)n}; return;
	case ROT_STALE: {
		struct rot_place place = table->stale.at[n];
		place.past = -1;
		write_there(table, &table->stale.at[n], &place, out);
		return;
	}
	case ROT_WRITE: write_there(table, &table->sectors.at[n / sectors], &table->all_sectors.at[n % sectors], out); return;
	case ROT_MISDIRECTED: misdirect(table, &table->last_stale.at[n / sectors], (uint32_t)(n % sectors), out); return;
	case ROT_SWAP: swap(table, &table->sectors.at[n / sectors], &table->all_sectors.at[n % sectors], out); return;
	case ROT_WRITE_BLOCK: write_there(table, &table->blocks.at[n / blocks], &table->all_blocks.at[n % blocks], out); return;
	case ROT_SWAP_BLOCK: swap(table, &table->blocks.at[n / blocks], &table->all_blocks.at[n % blocks], out); return;
	case ROT_TWO: two(table, n, out); return;
	case rot_kind_count: break;
	}
	abort();
}

static bool does_change(const struct rot_table *table, const struct rot_change *change)
{
	const struct scene_file *file = file_of(table, change->file);
	return change->what != ROT_PUT || change->position + change->size > file->size || memcmp(file->bytes + change->position, change->bytes, change->size);
}

bool rot_work_out(const struct rot_table *table, struct rot_fault fault, struct rot_changes *out)
{
	out->count = 0;
	work_out(table, fault, out);
	bool is_any = false;
	for (uint32_t i = 0; i < out->count; i++)
		is_any |= does_change(table, &out->at[i]);
	return is_any;
}

static void remove_file(struct sim_disk *disk, const char *path)
{
	struct io *io;
	if (io_open(&io, &(struct io_options){.backend = IO_SIM, .disk = disk, .seed = 1}) || io_unlink(io, path))
		abort();
	io_close(io);
}

void rot_do(const struct rot_table *table, const struct rot_changes *changes, struct sim_disk *disk)
{
	for (uint32_t i = 0; i < changes->count; i++) {
		const struct rot_change *change = &changes->at[i];
		const char *path = file_of(table, change->file)->path;
		int err = 0;
		if (change->what == ROT_PUT)
			err = sim_disk_overwrite(disk, path, change->position, change->bytes, change->size);
		else if (change->what == ROT_RESIZE)
			err = sim_disk_resize(disk, path, change->position);
		else
			remove_file(disk, path);
		(void)err; /* the second of two, behind where the first has cut the file */
	}
}

int rot_unvouched_past(const struct rot_table *table, const struct rot_changes *changes)
{
	struct scene_strike strikes[COUNT_OF(changes->at)];
	for (uint32_t i = 0; i < changes->count; i++) {
		const struct rot_change *change = &changes->at[i];
		const struct scene_file *file = file_of(table, change->file);
		uint64_t from = change->what == ROT_REMOVE ? 0 : change->position;
		strikes[i] = (struct scene_strike){file, from, change->what == ROT_PUT ? from + change->size : file->size};
	}
	return scene_unvouched_past(table->scene, strikes, changes->count);
}

/* Of what a start holds against each other: the journal's superblocks and groups, the checkpoint and its copy, the catalog. */
static bool is_witness(const char *path)
{
	return strncmp(path, "/journal-0", 10) == 0 || strncmp(path, "/checkpoint-0", 13) == 0 || strcmp(path, "/catalog.log") == 0;
}

bool rot_is_of_two_witnesses(const struct rot_table *table, struct rot_fault fault, const struct rot_changes *changes)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < changes->count; i++)
		count += is_witness(file_of(table, changes->at[i].file)->path);
	return count > 1 && (fault.kind == ROT_TWO || fault.kind == ROT_SWAP || fault.kind == ROT_SWAP_BLOCK);
}

void rot_describe(const struct rot_table *table, const struct rot_changes *changes, char *out, size_t size)
{
	size_t used = 0;
	out[0] = 0;
	for (uint32_t i = 0; i < changes->count && used < size; i++) {
		const struct rot_change *change = &changes->at[i];
		const struct scene_file *file = file_of(table, change->file);
		const char *what = change->what == ROT_REMOVE ? "is gone" : change->what == ROT_RESIZE ? "gets the size" : "has other bytes at";
		used += (size_t)snprintf(out + used, size - used, "%s%s (%zu bytes) %s", i ? "; " : "", file->path, file->size, what);
		if (change->what != ROT_REMOVE && used < size)
			used += (size_t)snprintf(out + used, size - used, " %lu", (unsigned long)change->position);
		if (change->what == ROT_PUT && used < size)
			used += (size_t)snprintf(out + used, size - used, "+%u", change->size);
		if (change->what == ROT_PUT && change->size == 1 && used < size)
			used += (size_t)snprintf(out + used, size - used, " (%02x, was %02x)", change->bytes[0], file->bytes[change->position]);
	}
}
