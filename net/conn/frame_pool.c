/* Happy path: a take pops the newest frame of its class; a give pushes it back. A class that is empty asks malloc; if handing out and
 * keeping together would exceed the budget, kept frames of other classes are freed first, the largest ones first.
 *
 * Failure: the budget is handed out. The taker waits in the queue of its kind; what comes back goes to the queues before anybody else. What
 * the large frame at the front of its queue needs, and may have, is kept from ordinary ones meanwhile, so that they do not starve it; as
 * large frames never have everything, ordinary ones go on all the same. */
#include "net/conn/frame_pool.h"

#include <errno.h>
#include <stdlib.h>

#include "log/base/check.h"

#define SMALLEST_SHIFT 10u                /* 1 KiB */
#define CLASS_COUNT (4u * (31u - SMALLEST_SHIFT) + 1u)
/* What is kept for reuse: of each class so many, together so much. What a burst took beyond goes back to the system. */
#define KEPT_OF_CLASS_MAX 128u
#define KEPT_BYTES_MAX (8u << 20)
#define HEAD_SIZE 64u                     /* keeps the bytes on a cache line of their own */

_Static_assert(sizeof(struct frame) <= HEAD_SIZE, "the head of a frame fits");

struct frame_pool {
	uint64_t budget_bytes, used_bytes[FRAME_KINDS], kept_bytes, freed_bytes;
	uint64_t starts_bytes_max;         /* 0: the budget is too small for large frames */
	uint64_t large_bytes_max, one_large_bytes_max;
	uint32_t overhead_bytes;
	struct frame *kept[CLASS_COUNT];
	uint16_t kept_count[CLASS_COUNT];
	struct list waiters[FRAME_KINDS];
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

static enum frame_kind kind_of(uint32_t size_bytes)
{
	return size_bytes > FRAME_ORDINARY_MAX ? FRAME_LARGE : FRAME_ORDINARY;
}

/* What a frame is charged with. */
static uint64_t cost_of(const struct frame_pool *pool, uint32_t size_bytes)
{
	return (uint64_t)capacity_of(class_of(size_bytes)) + pool->overhead_bytes;
}

static void divide_budget(struct frame_pool *pool)
{
	uint64_t start = cost_of(pool, FRAME_START_SIZE), part = pool->budget_bytes / 32;
	uint64_t starts = part > start ? part : start;
	uint64_t one_large = pool->budget_bytes - pool->budget_bytes / 16;
	if (one_large < starts + cost_of(pool, FRAME_ORDINARY_MAX + 1))
		return;
	pool->starts_bytes_max = starts;
	pool->one_large_bytes_max = one_large - starts;
	pool->large_bytes_max = pool->budget_bytes / 4 * 3;
}

int frame_pool_open(struct frame_pool **out, uint64_t budget_bytes, uint32_t overhead_bytes)
{
	struct frame_pool *pool = calloc(1, sizeof *pool);
	if (!pool)
		return -ENOMEM;
	pool->budget_bytes = budget_bytes;
	pool->overhead_bytes = overhead_bytes;
	divide_budget(pool);
	for (unsigned kind = 0; kind < FRAME_KINDS; kind++)
		list_init(&pool->waiters[kind]);
	*out = pool;
	return 0;
}

static struct frame *take_kept(struct frame_pool *pool, unsigned class_index)
{
	struct frame *frame = pool->kept[class_index];
	if (!frame)
		return NULL;
	pool->kept[class_index] = frame->next;
	pool->kept_count[class_index]--;
	pool->kept_bytes -= frame->capacity;
	return frame;
}

static bool free_one_kept(struct frame_pool *pool)
{
	for (unsigned i = CLASS_COUNT; i-- > 0;) {
		struct frame *frame = take_kept(pool, i);
		if (!frame)
			continue;
		free(frame);
		return true;
	}
	return false;
}

void frame_pool_close(struct frame_pool *pool)
{
	if (!pool)
		return;
	CHECKF(frame_pool_used_bytes(pool) == 0, "%llu bytes of frames are still out", (unsigned long long)frame_pool_used_bytes(pool));
	while (free_one_kept(pool))
		;
	free(pool);
}

bool frame_pool_fits(const struct frame_pool *pool, uint32_t size_bytes)
{
	if (size_bytes > 1u << 30)
		return false;
	uint64_t most = kind_of(size_bytes) == FRAME_LARGE ? pool->one_large_bytes_max : pool->budget_bytes - pool->starts_bytes_max;
	return cost_of(pool, size_bytes) <= most;
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

static struct frame *take(struct frame_pool *pool, unsigned class_index, enum frame_kind kind)
{
	struct frame *frame = take_kept(pool, class_index);
	uint32_t capacity = capacity_of(class_index);
	if (!frame) {
		while (frame_pool_used_bytes(pool) + pool->kept_bytes + capacity + pool->overhead_bytes > pool->budget_bytes && free_one_kept(pool))
			;
		frame = make(class_index);
		if (!frame)
			return NULL;
	}
	pool->used_bytes[kind] += capacity + pool->overhead_bytes;
	frame->kind = (uint8_t)kind;
	frame->size_bytes = 0;
	return frame;
}

/* All of the budget but the part of the starts. */
static uint64_t shared_bytes(const struct frame_pool *pool)
{
	return pool->budget_bytes - pool->starts_bytes_max;
}

/* Do the large frames that are out let it in? */
static bool is_large_allowed(const struct frame_pool *pool, uint64_t cost)
{
	uint64_t used = pool->used_bytes[FRAME_LARGE];
	return used == 0 || used + cost <= pool->large_bytes_max;
}

/* What is kept for the large frame that waits longest, if only ordinary ones stand in its way. */
static uint64_t kept_for_large(const struct frame_pool *pool)
{
	const struct list *waiters = &pool->waiters[FRAME_LARGE];
	if (list_is_empty(waiters))
		return 0;
	uint64_t cost = cost_of(pool, LIST_ENTRY(waiters->next, struct frame_wait, node)->size_bytes);
	return is_large_allowed(pool, cost) ? cost : 0;
}

static bool has_room(const struct frame_pool *pool, enum frame_kind kind, uint64_t cost)
{
	uint64_t used = pool->used_bytes[FRAME_ORDINARY] + pool->used_bytes[FRAME_LARGE];
	switch (kind) {
	case FRAME_START: return pool->used_bytes[FRAME_START] + cost <= pool->starts_bytes_max;
	case FRAME_LARGE: return is_large_allowed(pool, cost) && used + cost <= shared_bytes(pool);
	case FRAME_ORDINARY: return used + kept_for_large(pool) + cost <= shared_bytes(pool);
	}
	UNREACHABLE();
}

static struct frame *take_if_room(struct frame_pool *pool, uint32_t size_bytes, enum frame_kind kind)
{
	if (!list_is_empty(&pool->waiters[kind]) || !has_room(pool, kind, cost_of(pool, size_bytes)))
		return NULL;
	return take(pool, class_of(size_bytes), kind);
}

struct frame *frame_pool_take(struct frame_pool *pool, uint32_t size_bytes)
{
	return take_if_room(pool, size_bytes, kind_of(size_bytes));
}

struct frame *frame_pool_take_start(struct frame_pool *pool)
{
	return take_if_room(pool, FRAME_START_SIZE, FRAME_START);
}

struct frame *frame_pool_take_small(struct frame_pool *pool, uint32_t size_bytes)
{
	CHECK(size_bytes <= FRAME_SMALL_MAX);
	return take(pool, class_of(size_bytes), FRAME_ORDINARY);
}

static bool is_worth_keeping(const struct frame_pool *pool, const struct frame *frame)
{
	uint64_t kept = pool->kept_bytes + frame->capacity;
	return kept <= KEPT_BYTES_MAX && pool->kept_count[frame->class_index] < KEPT_OF_CLASS_MAX &&
	       frame_pool_used_bytes(pool) + kept <= pool->budget_bytes;
}

void frame_pool_give(struct frame_pool *pool, struct frame *frame)
{
	if (!frame)
		return;
	CHECK(pool->used_bytes[frame->kind] >= frame->capacity + pool->overhead_bytes);
	pool->used_bytes[frame->kind] -= frame->capacity + pool->overhead_bytes;
	pool->has_news = true;
	if (!is_worth_keeping(pool, frame)) {
		pool->freed_bytes += frame->capacity;
		free(frame);
		return;
	}
	frame->next = pool->kept[frame->class_index];
	pool->kept[frame->class_index] = frame;
	pool->kept_count[frame->class_index]++;
	pool->kept_bytes += frame->capacity;
}

void frame_pool_give_bytes(struct frame_pool *pool, struct frame *frame)
{
	frame_pool_give(pool, frame);
	pool->used_bytes[FRAME_ORDINARY] += pool->overhead_bytes;
}

void frame_pool_give_charge(struct frame_pool *pool)
{
	CHECK(pool->used_bytes[FRAME_ORDINARY] >= pool->overhead_bytes);
	pool->used_bytes[FRAME_ORDINARY] -= pool->overhead_bytes;
	pool->has_news = true;
}

static void wait_in(struct frame_pool *pool, struct frame_wait *wait, uint32_t size_bytes, enum frame_kind kind)
{
	wait->size_bytes = size_bytes;
	list_push_back(&pool->waiters[kind], &wait->node);
}

void frame_pool_wait(struct frame_pool *pool, struct frame_wait *wait, uint32_t size_bytes)
{
	wait_in(pool, wait, size_bytes, kind_of(size_bytes));
}

void frame_pool_wait_start(struct frame_pool *pool, struct frame_wait *wait)
{
	wait_in(pool, wait, FRAME_START_SIZE, FRAME_START);
}

bool frame_pool_has_waiters(const struct frame_pool *pool)
{
	for (unsigned kind = 0; kind < FRAME_KINDS; kind++)
		if (!list_is_empty(&pool->waiters[kind]))
			return true;
	return false;
}

bool frame_pool_has_work(const struct frame_pool *pool)
{
	return pool->has_news && frame_pool_has_waiters(pool);
}

/* Each is tried once, with the queue out of its way; the first that finds nothing goes back to the front, and the others stay. */
static void serve_queue(struct list *queue)
{
	struct list waiters;
	list_init(&waiters);
	list_splice(&waiters, queue);
	while (!list_is_empty(&waiters) && list_is_empty(queue)) {
		struct frame_wait *wait = LIST_ENTRY(list_pop_front(&waiters), struct frame_wait, node);
		wait->ready(wait);
	}
	list_splice(queue, &waiters);
}

/* Large ones first: what is kept for them is known to the ordinary ones only while they wait. */
void frame_pool_serve(struct frame_pool *pool)
{
	if (!frame_pool_has_work(pool))
		return;
	pool->has_news = false;
	serve_queue(&pool->waiters[FRAME_LARGE]);
	serve_queue(&pool->waiters[FRAME_START]);
	serve_queue(&pool->waiters[FRAME_ORDINARY]);
}

uint64_t frame_pool_freed_bytes(const struct frame_pool *pool)
{
	return pool->freed_bytes;
}

uint64_t frame_pool_used_bytes(const struct frame_pool *pool)
{
	uint64_t used = 0;
	for (unsigned kind = 0; kind < FRAME_KINDS; kind++)
		used += pool->used_bytes[kind];
	return used;
}
