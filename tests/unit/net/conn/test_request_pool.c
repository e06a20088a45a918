/* Requests' memory: kept for the next burst, and given back when a shard has calmed. */
#include "net/conn/request_pool.h"

#include <criterion/criterion.h>

#define COUNT 1000u

/* A burst's blocks serve the next burst; a trim leaves what a calm shard needs. */
Test(request_pool, keeps_a_burst_until_it_is_trimmed)
{
	static struct request *requests[COUNT];
	struct request_pool *pool;
	cr_assert_eq(request_pool_open(&pool), 0);
	for (unsigned i = 0; i < COUNT; i++)
		cr_assert_not_null(requests[i] = request_pool_take(pool));
	struct request *last = requests[COUNT - 1];
	for (unsigned i = 0; i < COUNT; i++)
		request_pool_give(pool, requests[i]);
	cr_assert_eq(request_pool_freed_bytes(pool), 0);
	uint64_t excess = request_pool_excess_bytes(pool);
	cr_assert(excess > 0 && excess < COUNT * (uint64_t)REQUEST_BLOCK_SIZE);
	cr_assert_eq(request_pool_take(pool), last, "the newest is the warmest");
	request_pool_give(pool, last);
	request_pool_trim(pool);
	cr_assert_eq(request_pool_excess_bytes(pool), 0);
	cr_assert_eq(request_pool_freed_bytes(pool), excess);
	request_pool_trim(pool);
	cr_assert_eq(request_pool_freed_bytes(pool), excess);
	request_pool_close(pool);
}
