/* `stable` is the disk as of the last flush; the disk itself is that, and what is tried on it: behind each trial the blocks that it or the mounted system wrote are put back.
 *
 * A file system may count on a sector of 512 bytes being written whole; ext4 also on its superblock of two, which is therefore never torn here. XFS now and then cannot
 * mount what a torn block of metadata left (its recovery believes the block's first sector); such images are counted, and say nothing of us. */
#include "tests/power/cuts.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "log/base/check.h"
#include "log/io/sim.h"
#include "tests/power/client.h"

#define COPY_UNIT (64u << 10)
#define ANOMALIES_SHOWN 5
#define LAST_SAMPLES 10

static uint64_t draw(struct cuts *cuts, uint64_t below)
{
	return sim_random(&cuts->random) % below;
}

/* ---- which writes arrived ------------------------------------------------------------------------------------------------------ */

enum fate { ALL_ARRIVED, HALF_OF_WRITES, LAST_ALONE, HALF_OF_SECTORS, ONE_LOST, LAST_TORN, ONE_ALONE, fate_count };
static const char *const fate_names[] = {"all arrived", "half of the writes", "the last alone", "half of the sectors", "one lost", "the last torn", "one alone"};

struct trial {
	enum fate fate;
	uint64_t random;           /* so that it can be made once more */
	uint64_t chosen;
};

static bool must_be_whole(const struct cuts *cuts, const struct disk_op *op)
{
	return cuts->volume->type == VOLUME_EXT4 && op->position < 4096;
}

static void redo_sectors(const struct cuts *cuts, struct trial *trial, const struct disk_op *op, uint8_t *bytes)
{
	uint32_t sectors = (op->size_bytes + SECTOR_SIZE - 1) / SECTOR_SIZE;
	for (uint32_t i = 0; i < sectors; i++)
		if (sim_random(&trial->random) & 1)
			disk_redo(cuts->volume->disk, op, i, i + 1, bytes);
}

static void redo_one(const struct cuts *cuts, struct trial *trial, uint64_t number, uint64_t last)
{
	const struct disk_op *op = disk_op(cuts->volume->disk, number);
	uint8_t *bytes = disk_bytes(cuts->volume->disk);
	uint32_t to = op->size_bytes / SECTOR_SIZE + 1;
	bool is_whole = must_be_whole(cuts, op);
	if (op->kind != DISK_WRITE)
		return;
	switch (trial->fate) {
	case HALF_OF_WRITES:
		if (sim_random(&trial->random) & 1)
			return;
		break;
	case LAST_ALONE:
		if (number + 1 != last)
			return;
		break;
	case ONE_LOST:
		if (number == trial->chosen)
			return;
		break;
	case ONE_ALONE:
		if (number != trial->chosen)
			return;
		break;
	case HALF_OF_SECTORS:
		if (!is_whole) {
			redo_sectors(cuts, trial, op, bytes);
			return;
		}
		break;
	case LAST_TORN:
		if (number + 1 == last && !is_whole)
			to = (uint32_t)(sim_random(&trial->random) % to);
		break;
	default: break;
	}
	disk_redo(cuts->volume->disk, op, 0, to, bytes);
}

/* Ops [from, last) on the disk, as far as the trial lets them arrive: what lies before the last flush among them has. */
static void redo(const struct cuts *cuts, struct trial trial, uint64_t from, uint64_t last)
{
	struct trial all = {.fate = ALL_ARRIVED};
	uint64_t flushed = from;
	for (uint64_t i = from; i < last; i++)
		if (disk_op(cuts->volume->disk, i)->kind == DISK_FLUSH)
			flushed = i + 1;
	for (uint64_t i = from; i < last; i++)
		redo_one(cuts, i < flushed ? &all : &trial, i, last);
}

static void put_back(const struct cuts *cuts, const uint8_t *stable, uint64_t from, uint64_t last)
{
	for (uint64_t i = from; i < last; i++) {
		const struct disk_op *op = disk_op(cuts->volume->disk, i);
		if (op->kind == DISK_WRITE)
			memcpy(disk_bytes(cuts->volume->disk) + op->position, stable + op->position, op->size_bytes);
	}
}

/* ---- one image -------------------------------------------------------------------------------------------------------------------- */

static void show(struct cuts *cuts, const struct story_place *place, const char *what)
{
	const struct anomaly *anomalies;
	uint32_t count = history_anomalies(place->history, &anomalies);
	if (!count)
		return;
	cuts->wrong++;
	printf("FAIL  %s, %s\n", volume_name(cuts->volume->type), what);
	for (uint32_t i = 0; i < count && i < ANOMALIES_SHOWN; i++)
		printf("      %s\n", anomalies[i].text);
	fflush(stdout);
}

static bool is_torn(const struct trial *trial)
{
	return trial->fate == HALF_OF_SECTORS || trial->fate == LAST_TORN;
}

/* What is on the disk now, mounted and judged. False: it cannot be mounted. */
static bool try_image(struct cuts *cuts, const struct story_place *promised, uint64_t op, bool lives, bool has_torn, const char *what)
{
	struct story_place place;
	char why[200];
	if (!volume_mount(cuts->volume, why, sizeof why)) {
		cuts->unmountable++;
		cuts->wrong += !has_torn;
		if (!has_torn)
			printf("FAIL  %s, %s: it cannot be mounted: %s\n", volume_name(cuts->volume->type), what, why);
		return false;
	}
	story_copy(&place, promised);
	judge_image(cuts->judge, &place, op, lives);
	if (!volume_drop(cuts->volume, why, sizeof why)) {
		printf("FAIL  %s: %s\n", volume_name(cuts->volume->type), why);
		exit(1);
	}
	show(cuts, &place, what);
	story_end(&place);
	return true;
}

/* With KEEP=1 what was wrong stays as a file that can be mounted: as the cut left it, before anybody looked. */
static void keep_image(const struct cuts *cuts, uint64_t op)
{
	char path[200];
	snprintf(path, sizeof path, "%s/power-%s-%lu.img", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", volume_name(cuts->volume->type), (unsigned long)op);
	FILE *file = fopen(path, "w");
	const uint8_t *bytes = disk_bytes(cuts->volume->disk);
	static const uint8_t zeros[COPY_UNIT];
	for (uint64_t at = 0; file && at < disk_size(cuts->volume->disk); at += COPY_UNIT)
		if (memcmp(bytes + at, zeros, COPY_UNIT) != 0)
			CHECK(fseek(file, (long)at, SEEK_SET) == 0 && fwrite(bytes + at, COPY_UNIT, 1, file) == 1);
	if (file) {
		CHECK(ftruncate(fileno(file), (off_t)disk_size(cuts->volume->disk)) == 0 && fclose(file) == 0);
		printf("      kept: %s\n", path);
	}
}

/* An image, and now and then the power fails again in what was done with it: in the file system's recovery, or in ours. */
static void try_cut(struct cuts *cuts, const uint8_t *stable, const struct story_place *promised, struct trial trial, uint64_t flushed, uint64_t op)
{
	struct disk *disk = cuts->volume->disk;
	char what[200];
	uint64_t begin = disk_now(disk), wrong = cuts->wrong;
	bool is_nested = draw(cuts, 6) == 0;
	redo(cuts, trial, flushed, op);
	snprintf(what, sizeof what, "cut at op %lu (flushed: %lu), %s", (unsigned long)op, (unsigned long)flushed, fate_names[trial.fate]);
	bool is_mounted = try_image(cuts, promised, op, !is_nested && draw(cuts, 4) == 0, is_torn(&trial), what);
	uint64_t end = disk_now(disk);
	put_back(cuts, stable, flushed, op);
	put_back(cuts, stable, begin, end);
	if (cuts->wrong > wrong && getenv("KEEP")) {
		redo(cuts, trial, flushed, op);
		keep_image(cuts, op);
		put_back(cuts, stable, flushed, op);
	}
	if (is_nested && is_mounted && end > begin) {
		uint64_t second = begin + draw(cuts, end - begin);
		struct trial again = {.fate = (enum fate)draw(cuts, fate_count), .random = sim_random(&cuts->random), .chosen = second};
		redo(cuts, trial, flushed, op);
		redo(cuts, again, begin, second);
		snprintf(what + strlen(what), sizeof what - strlen(what), "; again %lu ops later, %s", (unsigned long)(second - begin), fate_names[again.fate]);
		try_image(cuts, promised, op, false, is_torn(&trial) || is_torn(&again), what);
		put_back(cuts, stable, flushed, op);
		put_back(cuts, stable, begin, disk_now(disk));
		cuts->nested++;
	}
	disk_forget_from(disk, begin);
}

/* ---- all of them ------------------------------------------------------------------------------------------------------------------ */

static void copy_sparse(uint8_t *to, const uint8_t *from, uint64_t size)
{
	for (uint64_t at = 0; at < size; at += COPY_UNIT)
		if (memcmp(to + at, from + at, COPY_UNIT) != 0)
			memcpy(to + at, from + at, COPY_UNIT);
}

static bool is_over(const struct cuts *cuts)
{
	return cuts->wrong >= 10 || (cuts->until_ms && clock_ms() > cuts->until_ms);
}

static void try_between(struct cuts *cuts, const uint8_t *stable, struct story_place *place, uint64_t flushed, uint64_t next_flush)
{
	uint64_t op = flushed + 1 + draw(cuts, next_flush - flushed);
	struct trial trial = {.fate = (enum fate)draw(cuts, fate_count), .random = sim_random(&cuts->random), .chosen = flushed + draw(cuts, op - flushed)};
	story_play(cuts->judge->story, place, op);
	try_cut(cuts, stable, place, trial, flushed, op);
	cuts->between++;
}

static uint64_t count_boundaries(const struct cuts *cuts)
{
	uint64_t count = 0;
	for (uint64_t i = cuts->first + 1; i < cuts->last; i++)
		count += disk_op(cuts->volume->disk, i)->kind == DISK_FLUSH && disk_op(cuts->volume->disk, i - 1)->kind == DISK_WRITE;
	return count;
}

void cuts_run(struct cuts *cuts)
{
	struct disk *disk = cuts->volume->disk;
	struct trial all = {.fate = ALL_ARRIVED};
	struct story_place place;
	uint64_t size = disk_size(disk), flushed = cuts->first, seen = 0;
	uint8_t *stable = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(stable != MAP_FAILED);
	copy_sparse(stable, cuts->base, size);
	copy_sparse(disk_bytes(disk), cuts->base, size);
	story_begin(&place);
	uint64_t boundaries = count_boundaries(cuts), stride = 1 + (cuts->images_max ? boundaries * (1 + cuts->samples) / cuts->images_max : 0);
	cuts->boundaries_all += boundaries;
	for (uint64_t i = cuts->first + 1; i < cuts->last && !is_over(cuts); i++) {
		if (disk_op(disk, i)->kind != DISK_FLUSH)
			continue;
		bool is_wanted = i > flushed && seen++ % stride == 0;
		/* Its events are played in order: the samples between are made at rising ops. */
		for (uint32_t n = 0; is_wanted && n < cuts->samples && !is_over(cuts); n++) {
			struct story_place there;
			story_copy(&there, &place);
			try_between(cuts, stable, &there, flushed, i);
			story_end(&there);
		}
		redo(cuts, all, flushed, i);
		for (uint64_t at = flushed; at < i; at++)
			disk_redo(disk, disk_op(disk, at), 0, UINT32_MAX, stable);
		flushed = i + 1;
		story_play(cuts->judge->story, &place, flushed);
		if (is_wanted) {
			try_cut(cuts, stable, &place, all, flushed, flushed);
			cuts->boundaries++;
		}
	}
	/* What no flush followed any more: of a disk that failed, mostly. */
	for (uint32_t n = 0; flushed < cuts->last && n < LAST_SAMPLES && !is_over(cuts); n++) {
		struct story_place there;
		story_copy(&there, &place);
		try_between(cuts, stable, &there, flushed, cuts->last);
		story_end(&there);
	}
	story_end(&place);
	munmap(stable, size);
}
