/* The memory of recent segment bytes of one shard: chunks of 4, 32 or 256 KiB from one reservation of fixed size, each a
 * 4 KiB-aligned image of a stretch of a segment file, so that it is written with O_DIRECT and sent to consumers from where it lies.
 *
 * Owner: the shard's thread. It never takes more than its size: when nothing is free it evicts chunks whose bytes are filed,
 * the longest filed first; when none is left, taking fails and the append waits. */
#pragma once

#include "log/base/list.h"
#include "log/base/types.h"

#define CHUNK_ALIGN 4096u
#define CHUNK_SIZE_MAX (256u << 10)

struct cache;

struct chunk {
	struct list node;        /* of the segment's chunks, by position */
	struct list filed_node;  /* of the cache's evictable chunks; not linked while its bytes are needed */
	uint8_t *data;
	uint64_t position;       /* in the segment file, of data[0] */
	uint32_t size_bytes;     /* its capacity */
	uint32_t references;     /* readers that still send from it */
	uint32_t block;          /* the cache's own */
	bool is_orphan;          /* its segment is gone: freed with the last reference */
	bool has_first;          /* a batch begins in it: the first one does so here */
	uint64_t first_position;
	int64_t first_offset;
	void *owner;             /* the segment */
};

/* Tells the owner that the chunk goes: unlink chunk->node. Refusing (false) keeps it. */
typedef bool cache_evict_fn(struct chunk *chunk);

/* Is there address space for caches of `size_bytes` together, be they opened now? A limit on it (ulimit -v), or a kernel that promises no more than it has, may say no. */
bool cache_is_possible(uint64_t size_bytes);
/* Reserves address space for `size_bytes`, which is the limit until cache_limit says another. */
MUST_USE int cache_open(struct cache **out, uint64_t size_bytes, cache_evict_fn *evict);
/* From now on no more than this (at most what was reserved) is taken; what is in use above it drains as it is filed. */
void cache_limit(struct cache *cache, uint64_t size_bytes);
/* Of bytes that are filed no more than about so much is kept: what needs more has them evicted first, and takes the rest of the limit only for bytes that still
 * have to be filed. All of the limit until it is called. */
void cache_keep(struct cache *cache, uint64_t size_bytes);
void cache_close(struct cache *cache);

/* Memory that was touched already, where memory would be touched for the first time, which is dear: what is at `to`, `size` bytes that nothing is in, is to be
 * exchanged for it. False: there is none now, and what is there stays. */
typedef bool cache_give_fn(void *context, void *to, size_t size);
/* Who is asked, for CACHE_GIFT_SIZE bytes each time; NULL: nobody is. */
#define CACHE_GIFT_SIZE (2u << 20)
void cache_set_giver(struct cache *cache, cache_give_fn *give, void *context);

/* By this clock (ns) it is measured what memory costs that is touched for the first time. Where that is dear, no more than some of each turn goes there (cache_turn begins one)
 * as long as bytes that are filed can be evicted instead. Without a clock memory is taken as it is needed. */
typedef uint64_t cache_clock_fn(void *context);
void cache_set_clock(struct cache *cache, cache_clock_fn *clock, void *context);
void cache_turn(struct cache *cache);

/* A chunk of at least CHUNK_ALIGN bytes, as near to `size_bytes` as its size classes and the memory left allow; contents undefined.
 * NULL: all memory is needed now. */
struct chunk *cache_take(struct cache *cache, uint64_t size_bytes);

/* The bytes are in the file: the chunk may be evicted. Harmless if it may already. */
void cache_allow_eviction(struct cache *cache, struct chunk *chunk);
/* The chunk is appended to again. */
void cache_forbid_eviction(struct cache *cache, struct chunk *chunk);

static inline void chunk_retain(struct chunk *chunk) { chunk->references++; }
void chunk_release(struct cache *cache, struct chunk *chunk);
/* The owner lets go of it; freed at once or with the last reader. It is in no list of the owner any more. */
void cache_give_back(struct cache *cache, struct chunk *chunk);

/* Bytes in chunks that may not be evicted (what limits appends), and the size of it all. */
uint64_t cache_pinned_bytes(const struct cache *cache);
uint64_t cache_size_bytes(const struct cache *cache); /* the limit */
/* Grows whenever memory may have become available: somebody who found none need not ask again before it has. */
uint64_t cache_generation(const struct cache *cache);
