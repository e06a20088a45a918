/* A binary min-heap by deadline. A timer's heap_index is its 1-based place, so that a cancel or a move
 * costs one sift and an unset timer is all zero. The heap grows by doubling and never shrinks: its size is
 * that of the most timers ever set at once. */
#include "log/io/io_timers.h"

#include <errno.h>
#include <stdlib.h>

#include "log/base/check.h"

#define CAPACITY_AT_START 64u

int io_timers_init(struct io_timers *timers)
{
	*timers = (struct io_timers){.capacity = CAPACITY_AT_START};
	timers->heap = calloc(CAPACITY_AT_START, sizeof(*timers->heap));
	return timers->heap ? 0 : -ENOMEM;
}

void io_timers_fini(struct io_timers *timers)
{
	for (uint32_t i = 1; i <= timers->count; i++)
		timers->heap[i]->heap_index = 0;
	free(timers->heap);
	*timers = (struct io_timers){0};
}

static void place(struct io_timers *timers, struct io_timer *timer, uint32_t index)
{
	timers->heap[index] = timer;
	timer->heap_index = index;
}

static void sift_up(struct io_timers *timers, struct io_timer *timer, uint32_t index)
{
	while (index > 1 && timers->heap[index / 2]->deadline_ns > timer->deadline_ns) {
		place(timers, timers->heap[index / 2], index);
		index /= 2;
	}
	place(timers, timer, index);
}

static void sift_down(struct io_timers *timers, struct io_timer *timer, uint32_t index)
{
	uint32_t child;
	while ((child = 2 * index) <= timers->count) {
		if (child < timers->count && timers->heap[child + 1]->deadline_ns < timers->heap[child]->deadline_ns)
			child++;
		if (timers->heap[child]->deadline_ns >= timer->deadline_ns)
			break;
		place(timers, timers->heap[child], index);
		index = child;
	}
	place(timers, timer, index);
}

/* Puts a timer where it belongs, starting from a place that is free. */
static void settle(struct io_timers *timers, struct io_timer *timer, uint32_t index)
{
	if (index > 1 && timers->heap[index / 2]->deadline_ns > timer->deadline_ns)
		sift_up(timers, timer, index);
	else
		sift_down(timers, timer, index);
}

static void grow(struct io_timers *timers)
{
	uint32_t capacity = timers->capacity * 2;
	struct io_timer **heap = realloc(timers->heap, capacity * sizeof(*heap));
	CHECKF(heap, "no memory for %u timers", capacity);
	timers->heap = heap;
	timers->capacity = capacity;
}

void io_timers_set(struct io_timers *timers, struct io_timer *timer, uint64_t deadline_ns)
{
	CHECK(timer->run);
	timer->deadline_ns = deadline_ns;
	if (timer->heap_index) {
		settle(timers, timer, timer->heap_index);
		return;
	}
	if (timers->count + 1 == timers->capacity)
		grow(timers);
	sift_up(timers, timer, ++timers->count);
}

void io_timers_cancel(struct io_timers *timers, struct io_timer *timer)
{
	uint32_t index = timer->heap_index;
	if (!index)
		return;
	CHECK(index <= timers->count && timers->heap[index] == timer);
	timer->heap_index = 0;
	struct io_timer *last = timers->heap[timers->count--];
	if (last != timer)
		settle(timers, last, index);
}

uint64_t io_timers_next_ns(const struct io_timers *timers)
{
	return timers->count ? timers->heap[1]->deadline_ns : UINT64_MAX;
}

struct io_timer *io_timers_pop_due(struct io_timers *timers, uint64_t now_ns)
{
	if (!timers->count || timers->heap[1]->deadline_ns > now_ns)
		return NULL;
	struct io_timer *timer = timers->heap[1];
	io_timers_cancel(timers, timer);
	return timer;
}
