/* Memory for requests as they come off the wire, under one budget (spate.frame.memory.bytes). Buffers are reused while warm: they come in
 * classes, four to a doubling, and the last one given back is the first handed out. What is kept is bounded too (8 MiB): a burst's memory is freed.
 *
 * Frames above FRAME_ORDINARY_MAX are large: they may take three quarters of the budget, or one alone up to 29 of its 32 parts, and wait
 * in a queue of their own, so that ordinary requests always find memory. The first bytes of large ones ("starts") have a 32nd part and a
 * third queue: who only announces much holds no more than that.
 *
 * Owner: the shard. A taker that finds no budget waits its turn: nothing is ever allocated beyond the budget, but for the small
 * buffers of frame_pool_take_small, which are bounded by the number of connections. */
#pragma once

#include "log/base/list.h"

struct frame_pool;

enum frame_kind { FRAME_ORDINARY, FRAME_START, FRAME_LARGE };
#define FRAME_KINDS 3

/* Embedded in front of its bytes. */
struct frame {
	uint8_t *data;
	uint32_t capacity;
	uint32_t size_bytes;       /* the taker's */
	uint8_t class_index;
	uint8_t kind;              /* enum frame_kind */
	struct frame *next;        /* the pool's */
};

#define FRAME_SMALL_MAX (64u << 10)
/* What ordinary clients send at most: a batch of message.max.bytes and what a request has around it. */
#define FRAME_ORDINARY_MAX (5u << 18)
/* So much of a large frame has come before it gets its memory. */
#define FRAME_START_SIZE (64u << 10)

/* Each frame that is out is charged with its own size and `overhead_bytes`, for what its owner keeps beside it. -ENOMEM. */
MUST_USE int frame_pool_open(struct frame_pool **out, uint64_t budget_bytes, uint32_t overhead_bytes);
/* Every frame has been given back. */
void frame_pool_close(struct frame_pool *pool);

/* Can a frame of this size ever be had? */
bool frame_pool_fits(const struct frame_pool *pool, uint32_t size_bytes);

/* NULL: not now; wait with frame_pool_wait. The memory is not zeroed. */
struct frame *frame_pool_take(struct frame_pool *pool, uint32_t size_bytes);
/* FRAME_START_SIZE bytes for the start of a large frame. As above. */
struct frame *frame_pool_take_start(struct frame_pool *pool);
/* At most FRAME_SMALL_MAX bytes, beyond the budget if need be; NULL only if the machine has no memory. */
struct frame *frame_pool_take_small(struct frame_pool *pool, uint32_t size_bytes);
void frame_pool_give(struct frame_pool *pool, struct frame *frame);
/* The frame alone: what its owner keeps beside it stays charged, as an ordinary frame's, until frame_pool_give_charge. */
void frame_pool_give_bytes(struct frame_pool *pool, struct frame *frame);
void frame_pool_give_charge(struct frame_pool *pool);

/* Asks to be called when memory has come back; list_remove(&wait->node) gives up. */
struct frame_wait {
	struct list node;
	void (*ready)(struct frame_wait *wait);
	uint32_t size_bytes;       /* the pool's */
};
/* For a frame of this size, or for a start. */
void frame_pool_wait(struct frame_pool *pool, struct frame_wait *wait, uint32_t size_bytes);
void frame_pool_wait_start(struct frame_pool *pool, struct frame_wait *wait);
bool frame_pool_has_waiters(const struct frame_pool *pool);
/* Calls those who wait, of each queue the longest waiting first, if memory has come back since. Once a turn. */
void frame_pool_serve(struct frame_pool *pool);
/* Would frame_pool_serve call somebody? */
bool frame_pool_has_work(const struct frame_pool *pool);

/* How much has come back and was not kept, ever. */
uint64_t frame_pool_freed_bytes(const struct frame_pool *pool);
uint64_t frame_pool_used_bytes(const struct frame_pool *pool);
