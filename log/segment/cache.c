/* A reservation of address space is cut into blocks of 256 KiB; a block serves chunks of one size class until all of them are free
 * again. Free blocks are reused last in, first out, because memory touched lately is warm (and on many machines untouched memory
 * is dear). Pages that were never needed are never touched, so an idle broker does not pay for the size of its cache.
 *
 * Dear is 10 ms for a huge page, where a host has taken that memory back and brings it again page by page; a tenth of a millisecond elsewhere. The shard's thread, and all that
 * it serves, waits meanwhile. So while there is something that is filed, and could go, the cache grows slowly where that is so: each turn has some
 * time for it, and what a touch has taken beyond that the next turns have less.
 *
 * Failure: no memory is an answer (NULL), not an error; the reservation itself failing is an error at start. */
#include "log/segment/cache.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "log/base/check.h"

#define BLOCK_SIZE CHUNK_SIZE_MAX
#define CHUNKS_PER_BLOCK_MAX (BLOCK_SIZE / CHUNK_ALIGN)

static const uint32_t class_sizes[] = {4096, 32768, BLOCK_SIZE};
#define CLASS_COUNT COUNT_OF(class_sizes)

#define TOUCH_NS_A_TURN 1000000u
#define EVICTIONS_FOR_A_TOUCH 64u /* chunks that go, at most, so that nothing is touched: one may free a block, or those of a whole block must */

struct block {
	struct list node;      /* of the free blocks, or of the blocks of its class with free chunks */
	uint64_t free_chunks;  /* a bit each */
	uint8_t size_class;
};

struct cache {
	uint8_t *mapped;
	uint8_t *memory;               /* in there, from a multiple of a gift's size on */
	uint64_t reserved_bytes;
	uint32_t block_count;
	uint32_t blocks_touched;       /* blocks below this index have been handed out at least once */
	uint32_t blocks_in_use, blocks_in_use_max;
	uint32_t blocks_kept_max;      /* beyond them what is filed goes before a block is taken */
	uint64_t generation;
	struct block *blocks;
	struct chunk *chunks;          /* CHUNKS_PER_BLOCK_MAX headers a block */
	struct list free_blocks;
	struct list partial[CLASS_COUNT];
	struct list filed;             /* evictable chunks, the longest filed first */
	uint64_t pinned_bytes;
	cache_evict_fn *evict;
	cache_give_fn *give;
	void *give_context;
	cache_clock_fn *clock;
	void *clock_context;
	uint64_t touch_ns;             /* what touches have taken that turns have not made up for: nothing is touched then that need not be */
};

static void *reserve(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return memory == MAP_FAILED ? NULL : memory;
}

bool cache_is_possible(uint64_t size_bytes)
{
	size_t size = size_bytes + size_bytes / 16; /* and what describes its chunks */
	void *memory = reserve(size);
	if (memory)
		munmap(memory, size);
	return memory;
}

int cache_open(struct cache **out, uint64_t size_bytes, cache_evict_fn *evict)
{
	struct cache *cache = calloc(1, sizeof *cache);
	if (!cache)
		return -ENOMEM;
	cache->block_count = (uint32_t)(size_bytes / BLOCK_SIZE);
	if (cache->block_count < 4)
		cache->block_count = 4;
	cache->blocks_in_use_max = cache->blocks_kept_max = cache->block_count;
	cache->reserved_bytes = (uint64_t)cache->block_count * BLOCK_SIZE;
	cache->evict = evict;
	list_init(&cache->free_blocks);
	list_init(&cache->filed);
	for (size_t i = 0; i < CLASS_COUNT; i++)
		list_init(&cache->partial[i]);
	cache->mapped = reserve(cache->reserved_bytes + CACHE_GIFT_SIZE);
	cache->memory = cache->mapped ? cache->mapped + (CACHE_GIFT_SIZE - (uintptr_t)cache->mapped % CACHE_GIFT_SIZE) % CACHE_GIFT_SIZE : NULL;
	/* Huge pages where the kernel has them to give: the bytes are copied and handed to the disk in large pieces. A refusal costs speed alone. */
	if (cache->memory)
		madvise(cache->memory, cache->reserved_bytes, MADV_HUGEPAGE);
	cache->blocks = reserve(cache->block_count * sizeof *cache->blocks);
	cache->chunks = reserve((size_t)cache->block_count * CHUNKS_PER_BLOCK_MAX * sizeof *cache->chunks);
	if (!cache->memory || !cache->blocks || !cache->chunks) {
		cache_close(cache);
		return -ENOMEM;
	}
	*out = cache;
	return 0;
}

void cache_close(struct cache *cache)
{
	if (cache->mapped)
		munmap(cache->mapped, cache->reserved_bytes + CACHE_GIFT_SIZE);
	if (cache->blocks)
		munmap(cache->blocks, cache->block_count * sizeof *cache->blocks);
	if (cache->chunks)
		munmap(cache->chunks, (size_t)cache->block_count * CHUNKS_PER_BLOCK_MAX * sizeof *cache->chunks);
	free(cache);
}

void cache_limit(struct cache *cache, uint64_t size_bytes)
{
	uint64_t blocks = size_bytes / BLOCK_SIZE;
	cache->blocks_in_use_max = blocks < 4 ? 4 : blocks < cache->block_count ? (uint32_t)blocks : cache->block_count;
}

void cache_keep(struct cache *cache, uint64_t size_bytes)
{
	cache->blocks_kept_max = (uint32_t)(size_bytes / BLOCK_SIZE);
}

void cache_set_giver(struct cache *cache, cache_give_fn *give, void *context)
{
	cache->give = give;
	cache->give_context = context;
}

void cache_set_clock(struct cache *cache, cache_clock_fn *clock, void *context)
{
	cache->clock = clock;
	cache->clock_context = context;
}

/* The first of a huge page; without such pages, of as many small ones. */
static bool is_next_untouched(const struct cache *cache)
{
	return cache->blocks_touched % (CACHE_GIFT_SIZE / BLOCK_SIZE) == 0;
}

static void touch_page(struct cache *cache, uint8_t *page)
{
	uint64_t begin_ns = cache->clock(cache->clock_context);
	*(volatile uint8_t *)page = 0;
	cache->touch_ns += cache->clock(cache->clock_context) - begin_ns;
}

void cache_turn(struct cache *cache)
{
	cache->touch_ns -= cache->touch_ns < TOUCH_NS_A_TURN ? cache->touch_ns : TOUCH_NS_A_TURN;
}

/* A gift serves the blocks behind it as well. */
static struct block *touch_block(struct cache *cache)
{
	uint64_t at = (uint64_t)cache->blocks_touched * BLOCK_SIZE;
	bool is_given = cache->give && is_next_untouched(cache) && cache->reserved_bytes - at >= CACHE_GIFT_SIZE &&
			cache->give(cache->give_context, cache->memory + at, CACHE_GIFT_SIZE); /* without one it is touched */
	if (cache->clock && is_next_untouched(cache) && !is_given)
		touch_page(cache, cache->memory + at);
	return &cache->blocks[cache->blocks_touched++];
}

static struct block *take_free_block(struct cache *cache)
{
	if (cache->blocks_in_use >= cache->blocks_in_use_max)
		return NULL;
	cache->blocks_in_use++;
	struct list *node = list_pop_front(&cache->free_blocks);
	return node ? LIST_ENTRY(node, struct block, node) : touch_block(cache);
}

static uint64_t all_free(unsigned size_class)
{
	uint32_t count = BLOCK_SIZE / class_sizes[size_class];
	return count == 64 ? ~0ull : (1ull << count) - 1;
}

static struct block *block_with_room(struct cache *cache, unsigned size_class)
{
	if (!list_is_empty(&cache->partial[size_class]))
		return LIST_ENTRY(cache->partial[size_class].next, struct block, node);
	struct block *block = take_free_block(cache);
	if (!block)
		return NULL;
	block->size_class = (uint8_t)size_class;
	block->free_chunks = all_free(size_class);
	list_push_front(&cache->partial[size_class], &block->node);
	return block;
}

static struct chunk *take_from(struct cache *cache, struct block *block)
{
	uint32_t slot = (uint32_t)__builtin_ctzll(block->free_chunks);
	block->free_chunks &= block->free_chunks - 1;
	if (!block->free_chunks)
		list_remove(&block->node);

	uint32_t index = (uint32_t)(block - cache->blocks);
	uint32_t size = class_sizes[block->size_class];
	struct chunk *chunk = &cache->chunks[(size_t)index * CHUNKS_PER_BLOCK_MAX + slot];
	*chunk = (struct chunk){.data = cache->memory + (uint64_t)index * BLOCK_SIZE + (uint64_t)slot * size,
				.size_bytes = size, .block = index};
	cache->pinned_bytes += size;
	return chunk;
}

static void free_chunk(struct cache *cache, struct chunk *chunk)
{
	struct block *block = &cache->blocks[chunk->block];
	uint32_t slot = (uint32_t)((chunk->data - cache->memory) % BLOCK_SIZE / class_sizes[block->size_class]);
	CHECK(!(block->free_chunks & (1ull << slot)));
	if (!block->free_chunks)
		list_push_front(&cache->partial[block->size_class], &block->node);
	block->free_chunks |= 1ull << slot;
	cache->generation++;
	if (block->free_chunks == all_free(block->size_class)) {
		list_remove(&block->node);
		list_push_front(&cache->free_blocks, &block->node);
		cache->blocks_in_use--;
	}
}

/* Evicts the longest filed chunk that nobody reads and whose owner agrees. */
static bool evict_one(struct cache *cache)
{
	LIST_FOR_EACH_SAFE(node, &cache->filed) {
		struct chunk *chunk = LIST_ENTRY(node, struct chunk, filed_node);
		if (chunk->references || !cache->evict(chunk))
			continue;
		list_remove(&chunk->filed_node);
		free_chunk(cache, chunk);
		return true;
	}
	return false;
}

static unsigned class_for(uint64_t size_bytes)
{
	unsigned size_class = 0;
	while (size_class + 1 < CLASS_COUNT && class_sizes[size_class] < size_bytes)
		size_class++;
	/* A size just above a class is served by two chunks of it rather than by one much larger. */
	if (size_class > 0 && size_bytes <= 2ull * class_sizes[size_class - 1])
		size_class--;
	return size_class;
}

/* Of what is kept though it is filed: another block is for what has to be. */
static bool is_full(const struct cache *cache)
{
	return cache->blocks_in_use >= cache->blocks_kept_max || cache->blocks_in_use >= cache->blocks_in_use_max;
}

/* Would another block be of memory that was never touched, and has enough of that been touched for now? */
static bool is_resting(const struct cache *cache)
{
	return cache->touch_ns >= TOUCH_NS_A_TURN && list_is_empty(&cache->free_blocks) && is_next_untouched(cache) && !list_is_empty(&cache->filed);
}

struct chunk *cache_take(struct cache *cache, uint64_t size_bytes)
{
	unsigned size_class = class_for(size_bytes);
	for (uint32_t evicted = 0;;) {
		bool needs_block = list_is_empty(&cache->partial[size_class]);
		if (needs_block && is_full(cache) && evict_one(cache))
			continue;
		if (needs_block && evicted++ < EVICTIONS_FOR_A_TOUCH && is_resting(cache) && evict_one(cache))
			continue;
		struct block *block = block_with_room(cache, size_class);
		if (block)
			return take_from(cache, block);
		if (size_class == 0)
			return NULL;
		size_class--;
	}
}

void cache_allow_eviction(struct cache *cache, struct chunk *chunk)
{
	if (list_is_linked(&chunk->filed_node))
		return;
	list_push_back(&cache->filed, &chunk->filed_node);
	cache->pinned_bytes -= chunk->size_bytes;
	cache->generation++;
}

void cache_forbid_eviction(struct cache *cache, struct chunk *chunk)
{
	if (!list_is_linked(&chunk->filed_node))
		return;
	list_remove(&chunk->filed_node);
	cache->pinned_bytes += chunk->size_bytes;
}

void chunk_release(struct cache *cache, struct chunk *chunk)
{
	CHECK(chunk->references > 0);
	if (--chunk->references > 0)
		return;
	cache->generation++;
	if (chunk->is_orphan)
		free_chunk(cache, chunk);
}

void cache_give_back(struct cache *cache, struct chunk *chunk)
{
	if (list_is_linked(&chunk->filed_node))
		list_remove(&chunk->filed_node);
	else
		cache->pinned_bytes -= chunk->size_bytes;
	chunk->owner = NULL;
	if (chunk->references)
		chunk->is_orphan = true;
	else
		free_chunk(cache, chunk);
}

uint64_t cache_pinned_bytes(const struct cache *cache)
{
	return cache->pinned_bytes;
}

uint64_t cache_size_bytes(const struct cache *cache)
{
	return (uint64_t)cache->blocks_in_use_max * BLOCK_SIZE;
}

uint64_t cache_generation(const struct cache *cache)
{
	return cache->generation;
}
