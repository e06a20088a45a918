/* A bump arena: many small allocations that die together, under a hard limit of bytes. Owns the blocks
 * it chains behind the caller's first one. One thread at a time; the owner of the request it serves.
 * Never frees a single allocation, never grows past its limit, never aborts on a size off the wire. */
#pragma once

#include "log/base/types.h"

struct arena_block;

/* Embedded by value in its owner; the fields are the arena's own. */
struct arena {
	uint8_t *at, *end;
	struct arena_block *blocks;   /* Chained from malloc, newest first. */
	uint8_t *first;               /* The caller's block, used before any other; may be NULL. */
	size_t first_size;
	size_t reserved;              /* Bytes of all blocks, the first included. */
	size_t limit;
	bool overflow;
};

/* `first` is memory of the caller (it may be NULL with size 0) that outlives the arena: requests that
 * fit in it cost no malloc. `limit_bytes` bounds the sum of all blocks. */
void arena_init(struct arena *arena, void *first, size_t first_size, size_t limit_bytes);

/* Forgets every allocation and the overflow; gives all but the first block back. */
void arena_reset(struct arena *arena);

/* Gives the blocks back; the arena may not be used again before arena_init. */
void arena_fini(struct arena *arena);

/* Bytes of all blocks, the first included; and another limit for them from now on, for an owner that shares a budget among arenas. */
static inline size_t arena_reserved(const struct arena *arena) { return arena->reserved; }
static inline void arena_set_limit(struct arena *arena, size_t limit_bytes) { arena->limit = limit_bytes; }

/* The slow half of arena_alloc: takes another block or sets `overflow`. */
void *arena_alloc_block(struct arena *arena, size_t size);

/* `size` bytes aligned to 16, not zeroed; valid until reset. NULL, and `overflow` set for good (until
 * reset), if the limit or the machine's memory does not allow it. A size of 0 is never NULL for that. */
static inline void *arena_alloc(struct arena *arena, size_t size)
{
	size_t rounded = (size + 15) & ~(size_t)15;
	if (rounded < size || rounded > (size_t)(arena->end - arena->at))
		return arena_alloc_block(arena, size);
	void *result = arena->at;
	arena->at += rounded;
	return result;
}
