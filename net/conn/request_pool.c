/* A stack of blocks; the newest is the warmest. */
#include "net/conn/request_pool.h"

#include <stdlib.h>

/* 16 connections with 64 small requests on their way each have so many out: with 128, nine of ten blocks came from malloc and went back to it. */
#define KEPT_MAX 2048u
#define KEPT_AT_REST_MAX 128u

struct request_pool {
	void *kept[KEPT_MAX];
	uint32_t kept_count;
	uint64_t freed_bytes;
};

#define HEAD_SIZE ((sizeof(struct request) + 15u) & ~(size_t)15u)
_Static_assert(sizeof(struct request) < REQUEST_BLOCK_SIZE / 4, "most of a block is arena");

int request_pool_open(struct request_pool **out)
{
	*out = calloc(1, sizeof **out);
	return *out ? 0 : -ENOMEM;
}

void request_pool_close(struct request_pool *pool)
{
	if (!pool)
		return;
	while (pool->kept_count > 0)
		free(pool->kept[--pool->kept_count]);
	free(pool);
}

struct request *request_pool_take(struct request_pool *pool)
{
	uint8_t *block = pool->kept_count > 0 ? pool->kept[--pool->kept_count] : aligned_alloc(64, REQUEST_BLOCK_SIZE);
	if (!block)
		return NULL;
	struct request *request = (struct request *)block;
	memset(request, 0, sizeof *request);
	arena_init(&request->arena, block + HEAD_SIZE, REQUEST_BLOCK_SIZE - HEAD_SIZE, REQUEST_MEMORY_MAX);
	return request;
}

void request_pool_give(struct request_pool *pool, struct request *request)
{
	arena_fini(&request->arena);
	if (pool->kept_count < KEPT_MAX) {
		pool->kept[pool->kept_count++] = request;
		return;
	}
	pool->freed_bytes += REQUEST_BLOCK_SIZE;
	free(request);
}

static uint32_t excess(const struct request_pool *pool)
{
	return pool->kept_count > KEPT_AT_REST_MAX ? pool->kept_count - KEPT_AT_REST_MAX : 0;
}

uint64_t request_pool_excess_bytes(const struct request_pool *pool)
{
	return (uint64_t)excess(pool) * REQUEST_BLOCK_SIZE;
}

void request_pool_trim(struct request_pool *pool)
{
	pool->freed_bytes += request_pool_excess_bytes(pool);
	while (excess(pool) > 0)
		free(pool->kept[--pool->kept_count]);
}

uint64_t request_pool_freed_bytes(const struct request_pool *pool)
{
	return pool->freed_bytes;
}
