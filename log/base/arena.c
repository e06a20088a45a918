/* Bump allocation over chained blocks. The happy path is inline in the header; here is the taking of
 * blocks, which double in size up to a bound, so that a big request costs few of them. Fails only by
 * the limit or by malloc; both set `overflow`, and nothing is allocated until the next reset. */
#include "log/base/arena.h"

#include <stdlib.h>

#define BLOCK_SIZE_MIN ((size_t)4 << 10)
#define BLOCK_SIZE_MAX ((size_t)256 << 10)

struct arena_block {
	struct arena_block *next;
	size_t size;
	uint8_t bytes[] __attribute__((aligned(16)));
};

/* Where an arena without a first block begins: there is no room, but an allocation of nothing has an address. */
static uint8_t nowhere[16] __attribute__((aligned(16)));

static void use_first_block(struct arena *arena)
{
	uint8_t *aligned = (uint8_t *)align_up((uintptr_t)arena->first, 16);
	uint8_t *end = arena->first ? arena->first + arena->first_size : NULL;
	bool usable = arena->first && aligned < end;
	arena->at = usable ? aligned : nowhere;
	arena->end = usable ? end : nowhere;
	arena->reserved = arena->first_size;
	arena->overflow = false;
}

void arena_init(struct arena *arena, void *first, size_t first_size, size_t limit_bytes)
{
	*arena = (struct arena){.first = first, .first_size = first_size, .limit = limit_bytes};
	use_first_block(arena);
}

static void free_blocks(struct arena *arena)
{
	while (arena->blocks) {
		struct arena_block *block = arena->blocks;
		arena->blocks = block->next;
		free(block);
	}
}

void arena_reset(struct arena *arena)
{
	free_blocks(arena);
	use_first_block(arena);
}

void arena_fini(struct arena *arena)
{
	free_blocks(arena);
	*arena = (struct arena){.overflow = true};
}

static void *overflow(struct arena *arena)
{
	arena->overflow = true;
	arena->at = arena->end = NULL;
	return NULL;
}

/* The next block doubles what is reserved, within bounds, but never less than is asked for. */
static size_t next_block_size(const struct arena *arena, size_t size)
{
	size_t block_size = arena->reserved;
	if (block_size < BLOCK_SIZE_MIN)
		block_size = BLOCK_SIZE_MIN;
	if (block_size > BLOCK_SIZE_MAX)
		block_size = BLOCK_SIZE_MAX;
	size_t left = arena->limit - arena->reserved;
	if (block_size > left)
		block_size = left & ~(size_t)15;
	return block_size < size ? size : block_size;
}

void *arena_alloc_block(struct arena *arena, size_t size)
{
	if (arena->overflow || arena->reserved > arena->limit)
		return overflow(arena);
	size_t left = arena->limit - arena->reserved;
	size_t rounded = (size + 15) & ~(size_t)15;
	if (rounded < size || rounded > left)
		return overflow(arena);
	size_t block_size = next_block_size(arena, rounded);
	struct arena_block *block = malloc(sizeof *block + block_size);
	if (!block)
		return overflow(arena);
	*block = (struct arena_block){.next = arena->blocks, .size = block_size};
	arena->blocks = block;
	arena->reserved += block_size;
	arena->at = block->bytes + rounded;
	arena->end = block->bytes + block_size;
	return block->bytes;
}
