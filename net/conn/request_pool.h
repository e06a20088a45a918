/* Requests with a first piece of arena behind each, so that most are served without malloc. A bounded number is kept for reuse, and a smaller
 * one after request_pool_trim.
 *
 * Owner: the shard. */
#pragma once

#include "net/api/api.h"

#define REQUEST_BLOCK_SIZE 4096u

struct request_pool;

MUST_USE int request_pool_open(struct request_pool **out);
void request_pool_close(struct request_pool *pool);
/* Zeroed but for its arena; NULL: no memory. */
struct request *request_pool_take(struct request_pool *pool);
void request_pool_give(struct request_pool *pool, struct request *request);
/* How much has come back and was not kept, ever. */
uint64_t request_pool_freed_bytes(const struct request_pool *pool);
/* What a burst has left to keep, which a calm shard has no use for. */
uint64_t request_pool_excess_bytes(const struct request_pool *pool);
/* Frees that. */
void request_pool_trim(struct request_pool *pool);
