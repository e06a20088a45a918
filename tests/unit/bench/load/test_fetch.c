/* Where a lane reads on: the fetch room's own choice, for runs that read in order and for those that read anywhere. */
#include "bench/load/fetch.c"

#include <criterion/criterion.h>

static uint64_t starts[1] = { 100 };
static struct reading readings[1];

static struct fetch fetch_of(bool is_random)
{
	struct fetch fetch = { .config = { .fetch_random = is_random }, .readings = readings, .starts = starts };
	cr_assert(lanes_open(&fetch.lanes, 1, 1));
	readings[0] = (struct reading){ .offset = 100 };
	return fetch;
}

/* In order: behind what came, and from the start again at the end. */
Test(fetch, goes_on_and_begins_again)
{
	struct fetch fetch = fetch_of(false);
	move_on(&fetch, 0, 150, 200);
	cr_expect_eq(readings[0].offset, 150);
	move_on(&fetch, 0, 200, 200);
	cr_expect_eq(readings[0].offset, 100);
	cr_expect(!readings[0].is_over);
	lanes_close(&fetch.lanes);
}

/* Anywhere: every part of the partition is read, none before its start or behind its end; of an empty one there is nothing to read. */
Test(fetch, reads_anywhere)
{
	struct fetch fetch = fetch_of(true);
	uint32_t tenths[10] = { 0 };
	for (int i = 0; i < 1000; i++) {
		move_on(&fetch, 0, 150, 200);
		cr_assert(readings[0].offset >= 100 && readings[0].offset < 200);
		tenths[(readings[0].offset - 100) / 10]++;
	}
	for (int i = 0; i < 10; i++)
		cr_expect_gt(tenths[i], 50, "%d: %u", i, tenths[i]);
	move_on(&fetch, 0, 100, 100);
	cr_expect(readings[0].is_over);
	lanes_close(&fetch.lanes);
}
