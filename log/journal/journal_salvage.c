/* Happy path: read the ring, keep each header that passes its check and says that it belongs where it lies; sort by seq; begin with the newest group (of the
 * latest opening, the largest seq) and go back from each to the one it follows from. That is one lap at most, without a gap, as a ring is written over from
 * its beginning on. The first of them is where the new superblocks begin.
 *
 * Where the one before is missing, the next older one that can be history is gone on with: recovery will find the gap, and do what it does about lost groups.
 * What was vouched for by the superblocks alone (the last group, 100 ms after it was written) is there or is not; nobody can say that it was. */
#include "log/journal/journal_salvage.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log/io/small_file.h"
#include "log/journal/journal_format.h"

#define READ_SIZE ((size_t)1 << 20)
#define SIZE_UNIT (64u << 10)

struct headers {
	struct group_header *items;
	size_t count, capacity;
	uint64_t seed, votes; /* what most headers say, if it was not known: none has more than half against it */
};

static int keep(struct headers *headers, const struct group_header *header)
{
	if (headers->count == headers->capacity) {
		size_t capacity = headers->capacity ? 2 * headers->capacity : 64;
		struct group_header *grown = realloc(headers->items, capacity * sizeof *grown);
		if (!grown)
			return -ENOMEM;
		headers->items = grown;
		headers->capacity = capacity;
	}
	headers->items[headers->count++] = *header;
	return 0;
}

/* ---- looking ----------------------------------------------------------------------------------------------------------- */

/* Of copies of other journals, in somebody's records, there may be some: the seed that most have counts. */
static void vote(struct headers *headers, const uint8_t *block)
{
	uint64_t seed = group_header_seed(block);
	if (!seed)
		return;
	if (headers->votes == 0)
		headers->seed = seed;
	headers->votes += seed == headers->seed ? 1 : -1ull;
}

static int look_at_piece(struct headers *headers, uint64_t seed, uint64_t ring_size, uint64_t at, const uint8_t *bytes, size_t size)
{
	int err = 0;
	for (size_t i = 0; i + JOURNAL_BLOCK_SIZE <= size && !err; i += JOURNAL_BLOCK_SIZE) {
		struct group_header header;
		if (!seed) {
			vote(headers, bytes + i);
			continue;
		}
		uint64_t lap_rest = ring_size - (at + i), bound = ring_size / JOURNAL_GROUPS_PER_RING_MIN;
		if (group_header_decode(&header, seed, lap_rest < bound ? lap_rest : bound, bytes + i) && header.place % ring_size == at + i)
			err = keep(headers, &header);
	}
	return err;
}

static int find_headers(struct headers *headers, struct io *io, int fd, uint64_t seed, uint64_t ring_size)
{
	uint8_t *buffer = malloc(READ_SIZE);
	int64_t got = buffer ? 0 : -ENOMEM;
	for (uint64_t at = 0; at < ring_size && got >= 0; at += READ_SIZE) {
		size_t wanted = ring_size - at < READ_SIZE ? (size_t)(ring_size - at) : READ_SIZE;
		got = io_file_read(io, fd, buffer, wanted, JOURNAL_RING_POSITION + at);
		int err = got > 0 ? look_at_piece(headers, seed, ring_size, at, buffer, (size_t)got) : 0;
		got = err ? err : got;
	}
	free(buffer);
	return got < 0 ? (int)got : 0;
}

/* ---- the history ------------------------------------------------------------------------------------------------------- */

static int compare_seqs(const void *a, const void *b)
{
	const struct group_header *x = a, *y = b;
	return x->seq != y->seq ? (x->seq < y->seq ? -1 : 1) : x->incarnation < y->incarnation ? -1 : x->incarnation > y->incarnation;
}

static size_t newest(const struct headers *headers)
{
	size_t best = 0;
	for (size_t i = 1; i < headers->count; i++)
		if (headers->items[i].incarnation >= headers->items[best].incarnation)
			best = i;
	return best;
}

/* The one before it, by its chain; else the next older one that can be history. -1: none. */
static ssize_t before(const struct headers *headers, size_t at, uint64_t place_min)
{
	const struct group_header *group = &headers->items[at];
	ssize_t other = -1;
	for (size_t i = at; i-- > 0;) {
		const struct group_header *older = &headers->items[i];
		if (older->seq >= group->seq || older->incarnation > group->incarnation || older->place < place_min || older->place + older->length > group->place)
			continue;
		if (older->checksum == group->chain)
			return (ssize_t)i;
		if (other < 0)
			other = (ssize_t)i;
		if (older->seq + 1 < group->seq)
			break;
	}
	return other;
}

/* Moves what is history to the front, newest first; returns how many. */
static size_t choose(struct headers *headers, uint64_t ring_size)
{
	qsort(headers->items, headers->count, sizeof *headers->items, compare_seqs);
	size_t count = 0;
	struct group_header *history = malloc(headers->count * sizeof *history);
	ssize_t at = (ssize_t)newest(headers);
	uint64_t end = headers->items[at].place + headers->items[at].length, place_min = end > ring_size ? end - ring_size : 0;
	for (; history && at >= 0; at = before(headers, (size_t)at, place_min))
		history[count++] = headers->items[at];
	if (history)
		memcpy(headers->items, history, count * sizeof *history);
	free(history);
	return count;
}

static struct superblock make_superblock(const struct group_header *history, size_t count)
{
	const struct group_header *first = &history[count - 1], *last = &history[0];
	struct superblock superblock = {
		.incarnation = last->incarnation,
		.durable_seq = first->seq - 1, /* for the rest the groups vouch themselves */
		.trim_seq = first->seq - 1,
		.trim_place = first->place,
		.trim_chain = first->chain,
		.trim_incarnation = first->incarnation,
		.tells = last->flags & GROUP_TELLS ? 1 : 0,
	};
	for (size_t i = count; i-- > 0;)
		if (i + 1 == count || history[i].incarnation != history[i + 1].incarnation)
			superblock_add_opening(&superblock, history[i].incarnation, history[i].seq - 1);
	superblock.told_from = superblock.durable_seq + 1; /* it tells of nothing */
	return superblock;
}

/* ---- writing ----------------------------------------------------------------------------------------------------------- */

static int keep_old(struct io *io, const char *path, const uint8_t *blocks)
{
	char aside[PATH_MAX];
	if (snprintf(aside, sizeof aside, "%s.superblocks", path) >= (int)sizeof aside)
		return -ENAMETOOLONG;
	return small_file_replace(io, aside, blocks, JOURNAL_RING_POSITION);
}

static int write_both(struct io *io, const char *path, struct superblock *superblock)
{
	uint8_t blocks[JOURNAL_RING_POSITION];
	for (uint32_t slot = 0; slot < JOURNAL_SUPERBLOCKS; slot++) {
		superblock->write_number = slot + 1;
		superblock_encode(superblock, blocks + slot * JOURNAL_BLOCK_SIZE);
	}
	int fd = io_file_open(io, path, 0);
	if (fd < 0)
		return fd;
	int64_t written = io_file_write(io, fd, blocks, sizeof blocks, 0);
	int err = written < 0 ? (int)written : io_file_sync(io, fd);
	io_close_fd(io, fd);
	return err;
}

/* ---- the whole --------------------------------------------------------------------------------------------------------- */

static int read_old(struct io *io, int fd, uint8_t *blocks)
{
	int64_t got = io_file_read(io, fd, blocks, JOURNAL_RING_POSITION, 0);
	if (got != JOURNAL_RING_POSITION)
		return got < 0 ? (int)got : ERR_CORRUPT_LOG;
	for (uint32_t slot = 0; slot < JOURNAL_SUPERBLOCKS; slot++) {
		struct superblock superblock;
		enum superblock_state state = superblock_decode(&superblock, blocks + slot * JOURNAL_BLOCK_SIZE);
		if (state == SUPERBLOCK_VALID || state == SUPERBLOCK_LATER)
			return ERR_FORMAT;
	}
	return 0;
}

static int look(struct io *io, const char *path, uint64_t seed, uint8_t *old_blocks, struct headers *headers, uint64_t *file_size)
{
	int fd = io_file_open(io, path, IO_READ_ONLY);
	if (fd < 0)
		return fd;
	int64_t size = io_file_size(io, fd);
	int err = size < 0 ? (int)size : size <= (int64_t)JOURNAL_RING_POSITION || size % SIZE_UNIT ? ERR_CORRUPT_LOG : read_old(io, fd, old_blocks);
	headers->seed = seed;
	if (!err && !seed)
		err = find_headers(headers, io, fd, 0, (uint64_t)size - JOURNAL_RING_POSITION);
	if (!err && headers->seed)
		err = find_headers(headers, io, fd, headers->seed, (uint64_t)size - JOURNAL_RING_POSITION);
	io_close_fd(io, fd);
	*file_size = (uint64_t)size;
	return err ? err : headers->count ? 0 : ERR_CORRUPT_LOG;
}

int journal_salvage(struct io *io, const char *path, uint64_t seed, uint32_t shard_plus_one, uint64_t checkpoint, bool is_dry_run,
		    struct journal_salvage *found)
{
	uint8_t old_blocks[JOURNAL_RING_POSITION];
	struct headers headers = {0};
	uint64_t file_size;
	*found = (struct journal_salvage){0};
	int err = look(io, path, seed, old_blocks, &headers, &file_size);
	size_t count = err ? 0 : choose(&headers, file_size - JOURNAL_RING_POSITION);
	if (!err && !count)
		err = -ENOMEM;
	if (!err) {
		*found = (struct journal_salvage){count, headers.items[count - 1].seq, headers.items[0].seq};
		struct superblock superblock = make_superblock(headers.items, count);
		superblock.file_size_bytes = file_size;
		superblock.seed = headers.seed;
		superblock.shard_plus_one = shard_plus_one;
		superblock.checkpoint = checkpoint;
		superblock.written_place = file_size - JOURNAL_RING_POSITION;
		if (!is_dry_run)
			err = keep_old(io, path, old_blocks);
		if (!is_dry_run && !err)
			err = write_both(io, path, &superblock);
	}
	free(headers.items);
	return err;
}
