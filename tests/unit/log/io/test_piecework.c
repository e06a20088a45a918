/* Work in pieces: how many at a time, how long the pauses are, and that nothing stays behind. */
#include <criterion/criterion.h>

#include <errno.h>
#include <time.h>

#include "log/io/piecework.h"

#define MS UINT64_C(1000000)

struct heap {
	struct piecework work;
	struct io *io;
	uint32_t left, runs, done_max;
	uint64_t piece_ns;          /* that each takes */
	uint64_t ended_ns, rest_ns; /* of the last run; the shortest time between two */
	int err;                    /* of the next run */
};

static uint64_t clock_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 * MS + (uint64_t)now.tv_nsec;
}

static int carry(struct piecework *work, uint32_t count)
{
	struct heap *heap = CONTAINER_OF(work, struct heap, work);
	uint32_t done = count < heap->left ? count : heap->left;
	uint64_t began_ns = clock_ns(), rest_ns = began_ns - heap->ended_ns;
	struct timespec pause = {.tv_nsec = (long)(done * heap->piece_ns)};
	int err = heap->err;
	heap->err = 0;
	if (err)
		return err;
	if (heap->runs++ && rest_ns < heap->rest_ns)
		heap->rest_ns = rest_ns;
	nanosleep(&pause, NULL);
	heap->ended_ns = clock_ns();
	heap->left -= done;
	heap->done_max = done > heap->done_max ? done : heap->done_max;
	return (int)done;
}

static void heap_init(struct heap *heap, enum io_backend backend, uint32_t left)
{
	struct io_options options = {.backend = backend};
	*heap = (struct heap){.left = left, .rest_ns = UINT64_MAX};
	cr_assert_eq(io_open(&heap->io, &options), 0);
}

static void turn_until_idle(struct heap *heap)
{
	for (int turns = 0; heap->work.timer.heap_index && turns < 1000; turns++)
		cr_assert_geq(io_turn(heap->io, true), 0);
	cr_assert_eq(heap->work.timer.heap_index, 0, "without work it has no timer");
}

/* So many at a time, begun soon or at once; and again when there is more. */
Test(piecework, a_few_at_a_time)
{
	struct heap heap;
	heap_init(&heap, IO_SYSCALLS, 20);
	piecework_begin(&heap.work, heap.io, 8, carry);
	cr_assert_eq(heap.left, 20);
	turn_until_idle(&heap);
	cr_assert_eq(heap.left, 0);
	cr_assert_eq(heap.done_max, 8);
	heap.left = 20;
	piecework_begin_now(&heap.work, heap.io, 8, carry);
	cr_assert_eq(heap.left, 12);
	piecework_begin_now(&heap.work, heap.io, 8, carry);
	cr_assert_eq(heap.left, 12, "it is under way");
	piecework_stop(&heap.work);
	turn_until_idle(&heap);
	cr_assert_eq(heap.left, 12);
	io_close(heap.io);
}

/* What was short is tried again. */
Test(piecework, a_shortage)
{
	struct heap heap;
	heap_init(&heap, IO_SYSCALLS, 2);
	heap.err = -EMFILE;
	piecework_begin_now(&heap.work, heap.io, 8, carry);
	cr_assert_eq(heap.left, 2);
	turn_until_idle(&heap);
	cr_assert_eq(heap.left, 0);
	io_close(heap.io);
}

/* What cannot be done now is asked for soon, and one piece is not made of it. */
Test(piecework, later)
{
	struct heap heap;
	heap_init(&heap, IO_SYSCALLS, 2);
	heap.err = PIECEWORK_LATER;
	uint64_t began_ns = clock_ns();
	piecework_begin_now(&heap.work, heap.io, 8, carry);
	cr_assert_eq(heap.left, 2);
	turn_until_idle(&heap);
	cr_assert_eq(heap.left, 0);
	cr_assert_eq(heap.done_max, 2, "it was not slow work");
	cr_assert_geq(clock_ns() - began_ns, 9 * MS);
	cr_assert_lt(clock_ns() - began_ns, 900 * MS);
	io_close(heap.io);
}

/* Pieces of 10 ms: the first run does not know, the others do one, and others have four fifths of the time. */
Test(piecework, on_a_busy_disk)
{
	struct heap heap;
	heap_init(&heap, IO_SYSCALLS, 10);
	heap.piece_ns = 10 * MS;
	piecework_begin_now(&heap.work, heap.io, 4, carry);
	heap.done_max = 0;
	heap.runs = 0;
	turn_until_idle(&heap);
	cr_assert_eq(heap.left, 0);
	cr_assert_eq(heap.done_max, 1);
	cr_assert_geq(heap.rest_ns, 38 * MS);
	io_close(heap.io);
}

/* What is stopped before it ever began. */
Test(piecework, stopped_unused)
{
	struct piecework work = {0};
	piecework_stop(&work);
}
