/* Happy path: a take pops the newest frame of its class; a give pushes it back. A class that is empty asks malloc; if handing out and
 * keeping together would exceed the budget, kept frames of other classes are freed first, the largest ones first.
 *
 * Failure: the budget is handed out. The taker waits in a queue; what comes back goes to the queue before anybody else, so that a large
 * frame is not starved by small ones. */
#include "net/conn/frame_pool.h"

#include <errno.h>
#include <stdlib.h>

#include "log/base/check.h"

#define SMALLEST_SHIFT 10u                /* 1 KiB */
#define CLASS_COUNT (4u * (31u - SMALLEST_SHIFT) + 1u)
#define HEAD_SIZE 64u                     /* keeps the bytes on a cache line of their own */

_Static_assert(sizeof(struct frame) <= HEAD_SIZE, "the head of a frame fits");

struct frame_pool {
	uint64_t budget_bytes, used_bytes, kept_bytes;
	uint32_t overhead_bytes;
	struct frame *kept[CLASS_COUNT];
	struct list waiters;
	bool has_news;
};

/* Sizes up to 1 KiB are class 0; then 1.25, 1.5, 1.75, 2 KiB, 2.5 ... */
static unsigned class_of(uint32_t size)
{
	if (size <= 1u << SMALLEST_SHIFT)
		return 0;
	unsigned shift = 31u - (unsigned)__builtin_clz(size - 1);
	return (shift - SMALLEST_SHIFT) * 4 + ((size - 1 - (1u << shift)) >> (shift - 2)) + 1;
}

static uint32_t capacity_of(unsigned class_index)
{
	if (class_index == 0)
		return 1u << SMALLEST_SHIFT;
	unsigned shift = SMALLEST_SHIFT + (class_index - 1) / 4;
	return (1u << shift) + ((class_index - 1) % 4 + 1) * (1u << (shift - 2));
}

int frame_pool_open(struct frame_pool **out, uint64_t budget_bytes, uint32_t overhead_bytes)
{
	struct frame_pool *pool = calloc(1, sizeof *pool);
	if (!pool)
		return -ENOMEM;
	pool->budget_bytes = budget_bytes;
	pool->overhead_bytes = overhead_bytes;
	list_init(&pool->waiters);
	*out = pool;
	return 0;
}

static bool free_one_kept(struct frame_pool *pool)
{
	for (unsigned i = CLASS_COUNT; i-- > 0;) {
		struct frame *frame = pool->kept[i];
		if (!frame)
			continue;
		pool->kept[i] = frame->next;
		pool->kept_bytes -= frame->capacity;
		free(frame);
		return true;
	}
	return false;
}

void frame_pool_close(struct frame_pool *pool)
{
	if (!pool)
		return;
	CHECKF(pool->used_bytes == 0, "%llu bytes of frames are still out", (unsigned long long)pool->used_bytes);
	while (free_one_kept(pool))
		;
	free(pool);
}

bool frame_pool_fits(const struct frame_pool *pool, uint32_t size_bytes)
{
	return size_bytes <= 1u << 30 && (uint64_t)capacity_of(class_of(size_bytes)) + pool->overhead_bytes <= pool->budget_bytes;
}

static struct frame *make(unsigned class_index)
{
	uint32_t capacity = capacity_of(class_index);
	struct frame *frame = malloc(HEAD_SIZE + (size_t)capacity);
	if (!frame)
		return NULL;
	*frame = (struct frame){.data = (uint8_t *)frame + HEAD_SIZE, .capacity = capacity, .class_index = (uint8_t)class_index};
	return frame;
}

static struct frame *take(struct frame_pool *pool, unsigned class_index)
{
	struct frame *frame = pool->kept[class_index];
	uint32_t capacity = capacity_of(class_index);
	if (frame) {
		pool->kept[class_index] = frame->next;
		pool->kept_bytes -= capacity;
	} else {
		while (pool->used_bytes + pool->kept_bytes + capacity + pool->overhead_bytes > pool->budget_bytes && free_one_kept(pool))
			;
		frame = make(class_index);
		if (!frame)
			return NULL;
	}
	pool->used_bytes += capacity + pool->overhead_bytes;
	frame->size_bytes = 0;
	return frame;
}

struct frame *frame_pool_take(struct frame_pool *pool, uint32_t size_bytes)
{
	unsigned class_index = class_of(size_bytes);
	if (pool->used_bytes + capacity_of(class_index) + pool->overhead_bytes > pool->budget_bytes || !list_is_empty(&pool->waiters))
		return NULL;
	return take(pool, class_index);
}

struct frame *frame_pool_take_small(struct frame_pool *pool, uint32_t size_bytes)
{
	CHECK(size_bytes <= FRAME_SMALL_MAX);
	return take(pool, class_of(size_bytes));
}

void frame_pool_give(struct frame_pool *pool, struct frame *frame)
{
	if (!frame)
		return;
	CHECK(pool->used_bytes >= frame->capacity + pool->overhead_bytes);
	pool->used_bytes -= frame->capacity + pool->overhead_bytes;
	pool->has_news = true;
	if (pool->used_bytes + pool->kept_bytes + frame->capacity > pool->budget_bytes) {
		free(frame);
		return;
	}
	frame->next = pool->kept[frame->class_index];
	pool->kept[frame->class_index] = frame;
	pool->kept_bytes += frame->capacity;
}

void frame_pool_wait(struct frame_pool *pool, struct frame_wait *wait)
{
	list_push_back(&pool->waiters, &wait->node);
}

bool frame_pool_has_waiters(const struct frame_pool *pool)
{
	return !list_is_empty(&pool->waiters);
}

/* Each is tried once, with the queue out of its way; the first that finds nothing goes back to the front, and the others stay. */
void frame_pool_serve(struct frame_pool *pool)
{
	if (!pool->has_news || list_is_empty(&pool->waiters))
		return;
	pool->has_news = false;
	struct list waiters;
	list_init(&waiters);
	list_splice(&waiters, &pool->waiters);
	while (!list_is_empty(&waiters) && list_is_empty(&pool->waiters)) {
		struct frame_wait *wait = LIST_ENTRY(list_pop_front(&waiters), struct frame_wait, node);
		wait->ready(wait);
	}
	list_splice(&pool->waiters, &waiters);
}

uint64_t frame_pool_used_bytes(const struct frame_pool *pool)
{
	return pool->used_bytes;
}
