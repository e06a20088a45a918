/* Memory of frames: classes, the budget, and who waits for it. */
#include "net/conn/frame_pool.h"

#include <criterion/criterion.h>

static struct frame_pool *open_pool(uint64_t budget)
{
	struct frame_pool *pool;
	cr_assert_eq(frame_pool_open(&pool, budget, 0), 0);
	return pool;
}

/* Every size gets at least what it asks for, and never more than a quarter more (or 1 KiB). */
Test(frame_pool, classes_waste_at_most_a_quarter)
{
	struct frame_pool *pool = open_pool(1ull << 31);
	for (uint64_t size = 1; size <= 200u << 20; size = size * 9 / 8 + 1) {
		struct frame *frame = frame_pool_take(pool, (uint32_t)size);
		cr_assert_not_null(frame, "%lu", (unsigned long)size);
		cr_assert_geq(frame->capacity, size);
		cr_assert(frame->capacity <= 1024 || frame->capacity <= size + size / 4 + 1, "%u for %lu", frame->capacity, (unsigned long)size);
		frame->data[0] = frame->data[size - 1] = 1;
		frame_pool_give(pool, frame);
	}
	frame_pool_close(pool);
}

/* The last one given back is the first handed out, as it is the warmest. */
Test(frame_pool, reuses_the_newest)
{
	struct frame_pool *pool = open_pool(1 << 20);
	struct frame *a = frame_pool_take(pool, 5000), *b = frame_pool_take(pool, 5000);
	frame_pool_give(pool, a);
	frame_pool_give(pool, b);
	cr_assert_eq(frame_pool_take(pool, 4900), b);
	cr_assert_eq(frame_pool_take(pool, 5100), a);
	frame_pool_give(pool, a);
	frame_pool_give(pool, b);
	frame_pool_close(pool);
}

/* Its bytes go to the next taker at once; what its owner keeps beside it stays charged until he says so. */
Test(frame_pool, gives_the_bytes_before_the_charge)
{
	struct frame_pool *pool;
	cr_assert_eq(frame_pool_open(&pool, 64 << 10, 4096), 0);
	struct frame *frame = frame_pool_take(pool, 5000);
	frame_pool_give_bytes(pool, frame);
	cr_assert_eq(frame_pool_used_bytes(pool), 4096);
	cr_assert_eq(frame_pool_take(pool, 5000), frame);
	frame_pool_give(pool, frame);
	cr_assert_eq(frame_pool_used_bytes(pool), 4096);
	frame_pool_give_charge(pool);
	cr_assert_eq(frame_pool_used_bytes(pool), 0);
	frame_pool_close(pool);
}

/* Requests that are over but for their answers still leave no room beyond the budget. */
Test(frame_pool, charges_count_in_the_budget)
{
	struct frame_pool *pool;
	cr_assert_eq(frame_pool_open(&pool, 64 << 10, 4096), 0);
	uint32_t count = 0;
	for (struct frame *frame; (frame = frame_pool_take(pool, 1024)); count++)
		frame_pool_give_bytes(pool, frame);
	cr_assert(count >= 14 && count <= 16, "%u", count);
	for (; count > 0; count--)
		frame_pool_give_charge(pool);
	frame_pool_close(pool);
}

/* The budget bounds what is out; what is kept of other classes makes way. */
Test(frame_pool, stays_within_its_budget)
{
	struct frame_pool *pool = open_pool(64 << 10);
	struct frame *small[4];
	for (int i = 0; i < 4; i++)
		cr_assert_not_null(small[i] = frame_pool_take(pool, 16 << 10));
	cr_assert_null(frame_pool_take(pool, 1));
	for (int i = 0; i < 4; i++)
		frame_pool_give(pool, small[i]);
	struct frame *large = frame_pool_take(pool, 64 << 10);
	cr_assert_not_null(large);
	cr_assert_null(frame_pool_take(pool, 1));
	struct frame *extra = frame_pool_take_small(pool, 100);
	cr_assert_not_null(extra, "small frames go beyond the budget");
	frame_pool_give(pool, extra);
	frame_pool_give(pool, large);
	cr_assert_eq(frame_pool_used_bytes(pool), 0);
	frame_pool_close(pool);
}

/* Takes so many frames of a size, and gives them all back. */
static void burst(struct frame_pool *pool, uint32_t size, int count)
{
	struct frame **frames = malloc((size_t)count * sizeof *frames);
	for (int i = 0; i < count; i++)
		cr_assert_not_null(frames[i] = frame_pool_take(pool, size));
	for (int i = 0; i < count; i++)
		frame_pool_give(pool, frames[i]);
	free(frames);
}

/* What a burst took is not kept for ever: of each size a few are, of all together a few megabytes. */
Test(frame_pool, keeps_little_of_a_burst)
{
	static const struct { uint32_t size; int count; uint64_t kept_max; } rows[] = {
		{1 << 10, 20000, 1 << 20}, {16 << 10, 4000, 8 << 20}, {1 << 20, 100, 8 << 20}, {16 << 20, 6, 0},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct frame_pool *pool = open_pool(256 << 20);
		burst(pool, rows[i].size, rows[i].count);
		uint64_t kept = (uint64_t)rows[i].size * (uint64_t)rows[i].count - frame_pool_freed_bytes(pool);
		cr_assert_leq(kept, rows[i].kept_max, "of %u: %llu bytes", rows[i].size, (unsigned long long)kept);
		burst(pool, 1 << 10, 1);
		frame_pool_close(pool);
	}
}

/* A size that can never be had is known as such. */
Test(frame_pool, knows_what_never_fits)
{
	struct frame_pool *pool = open_pool(1 << 20);
	cr_assert(frame_pool_fits(pool, 1 << 20));
	cr_assert_not(frame_pool_fits(pool, (1 << 20) + 1));
	cr_assert_not(frame_pool_fits(pool, UINT32_MAX));
	frame_pool_close(pool);
}

struct waiter {
	struct frame_wait wait;
	struct frame_pool *pool;
	uint32_t size;
	struct frame *got;
	int called;
};

static void try_again(struct frame_wait *wait)
{
	struct waiter *waiter = CONTAINER_OF(wait, struct waiter, wait);
	waiter->called++;
	waiter->got = frame_pool_take(waiter->pool, waiter->size);
	if (!waiter->got)
		frame_pool_wait(waiter->pool, wait, waiter->size);
}

/* Those who wait are served in order, and no ordinary one overtakes another. */
Test(frame_pool, serves_waiters_in_order)
{
	struct frame_pool *pool = open_pool(64 << 10);
	struct frame *a = frame_pool_take(pool, 32 << 10), *b = frame_pool_take(pool, 32 << 10);
	struct waiter large = {.wait.ready = try_again, .pool = pool, .size = 64 << 10};
	struct waiter small = {.wait.ready = try_again, .pool = pool, .size = 1000};
	frame_pool_wait(pool, &large.wait, large.size);
	frame_pool_wait(pool, &small.wait, small.size);
	frame_pool_serve(pool);
	cr_assert_eq(large.called, 0, "nothing has come back yet");
	frame_pool_give(pool, a);
	cr_assert_null(frame_pool_take(pool, 100), "who comes now waits behind them");
	frame_pool_serve(pool);
	cr_assert_eq(large.called, 1);
	cr_assert_eq(small.called, 0, "the small one stays behind the large one");
	frame_pool_give(pool, b);
	frame_pool_serve(pool);
	cr_assert_not_null(large.got);
	cr_assert_null(small.got);
	frame_pool_give(pool, large.got);
	frame_pool_serve(pool);
	cr_assert_not_null(small.got);
	cr_assert_not(frame_pool_has_waiters(pool));
	frame_pool_give(pool, small.got);
	frame_pool_close(pool);
}

/* What comes with a frame counts too, so that many small requests are as bounded as a few large ones. */
Test(frame_pool, charges_the_overhead)
{
	struct frame_pool *pool;
	struct frame *frames[20];
	int count = 0;
	cr_assert_eq(frame_pool_open(&pool, 50 << 10, 4 << 10), 0);
	while (count < 20 && (frames[count] = frame_pool_take(pool, 10)))
		count++;
	cr_assert_eq(count, 10);
	cr_assert_not(frame_pool_fits(pool, 50 << 10));
	while (count > 0)
		frame_pool_give(pool, frames[--count]);
	cr_assert_eq(frame_pool_used_bytes(pool), 0);
	frame_pool_close(pool);
}

/* ---- large frames ------------------------------------------------------------------------------------------------------------ */

#define MIB (1u << 20)

/* Large frames have three quarters together, or one alone a little more; ordinary ones always find something. */
Test(frame_pool, large_frames_leave_room_for_ordinary_ones)
{
	struct frame_pool *pool = open_pool(128 * MIB);
	struct frame *large[8], *ordinary;
	int count = 0;
	while (count < 8 && (large[count] = frame_pool_take(pool, 16 * MIB)))
		count++;
	cr_assert_eq(count, 6, "96 of 128 MiB");
	cr_assert_not_null(ordinary = frame_pool_take(pool, MIB));
	frame_pool_give(pool, ordinary);
	while (count > 0)
		frame_pool_give(pool, large[--count]);
	cr_assert(frame_pool_fits(pool, 100 * MIB), "the default of socket.request.max.bytes");
	cr_assert_not(frame_pool_fits(pool, 128 * MIB));
	cr_assert_not_null(large[0] = frame_pool_take(pool, 100 * MIB));
	cr_assert_null(frame_pool_take(pool, 2 * MIB));
	cr_assert_not_null(ordinary = frame_pool_take(pool, MIB));
	frame_pool_give(pool, ordinary);
	frame_pool_give(pool, large[0]);
	frame_pool_close(pool);
}

/* Who waits for much is not in the way of who wants little, however long it takes. */
Test(frame_pool, ordinary_ones_overtake_large_ones_that_wait)
{
	struct frame_pool *pool = open_pool(128 * MIB);
	struct frame *hog = frame_pool_take(pool, 100 * MIB), *ordinary[8];
	struct waiter large = {.wait.ready = try_again, .pool = pool, .size = 100 * MIB};
	frame_pool_wait(pool, &large.wait, large.size);
	for (int i = 0; i < 8; i++)
		cr_assert_not_null(ordinary[i] = frame_pool_take(pool, MIB), "%d", i);
	for (int i = 0; i < 8; i++)
		frame_pool_give(pool, ordinary[i]);
	frame_pool_serve(pool);
	cr_assert_null(large.got);
	frame_pool_give(pool, hog);
	frame_pool_serve(pool);
	cr_assert_not_null(large.got);
	frame_pool_give(pool, large.got);
	frame_pool_close(pool);
}

/* A stream of ordinary frames does not starve a large one: what it needs is kept for it, and they go on with the rest. */
Test(frame_pool, a_large_one_is_not_starved)
{
	struct frame_pool *pool = open_pool(128 * MIB);
	struct frame *frames[200], *one;
	int count = 0;
	while (count < 200 && (frames[count] = frame_pool_take(pool, MIB)))
		count++;
	cr_assert_geq(count, 120);
	struct waiter large = {.wait.ready = try_again, .pool = pool, .size = 64 * MIB};
	frame_pool_wait(pool, &large.wait, large.size);
	for (int i = 0; i < 64; i++) {
		cr_assert_null(large.got, "%d", i);
		cr_assert_null(frame_pool_take(pool, MIB), "what comes back is kept");
		frame_pool_give(pool, frames[--count]);
		frame_pool_serve(pool);
	}
	cr_assert_not_null(large.got);
	frame_pool_give(pool, frames[--count]);
	cr_assert_not_null(one = frame_pool_take(pool, MIB));
	frame_pool_give(pool, one);
	while (count > 0)
		frame_pool_give(pool, frames[--count]);
	frame_pool_give(pool, large.got);
	frame_pool_close(pool);
}

static void take_start(struct frame_wait *wait)
{
	struct waiter *waiter = CONTAINER_OF(wait, struct waiter, wait);
	waiter->called++;
	waiter->got = frame_pool_take_start(waiter->pool);
}

/* Starts have a part of their own, whatever else is out, and who finds none waits for that alone. */
Test(frame_pool, starts_have_their_part)
{
	struct frame_pool *pool = open_pool(64 * MIB);
	struct frame *starts[100], *ordinary[100], *large = frame_pool_take(pool, 48 * MIB);
	int count = 0, ordinary_count = 0;
	cr_assert_not_null(large);
	while (ordinary_count < 100 && (ordinary[ordinary_count] = frame_pool_take(pool, MIB)))
		ordinary_count++;
	while (count < 100 && (starts[count] = frame_pool_take_start(pool)))
		count++;
	cr_assert_eq(count, 32, "2 of 64 MiB");
	cr_assert_eq(frame_pool_used_bytes(pool), 64ull * MIB);
	struct waiter waiter = {.wait.ready = take_start, .pool = pool};
	frame_pool_wait_start(pool, &waiter.wait);
	frame_pool_give(pool, ordinary[--ordinary_count]);
	struct frame *again = frame_pool_take(pool, MIB);
	cr_assert_not_null(again, "who waits for a start is in nobody's way");
	frame_pool_give(pool, starts[--count]);
	cr_assert(frame_pool_has_work(pool));
	frame_pool_serve(pool);
	cr_assert_not_null(waiter.got);
	frame_pool_give(pool, waiter.got);
	frame_pool_give(pool, again);
	frame_pool_give(pool, large);
	while (count > 0)
		frame_pool_give(pool, starts[--count]);
	while (ordinary_count > 0)
		frame_pool_give(pool, ordinary[--ordinary_count]);
	frame_pool_close(pool);
}
