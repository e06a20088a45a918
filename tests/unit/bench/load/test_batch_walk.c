/* Walking a fetch answer: what is whole counts, what does not fit the offset asked for is damage. */
#include "bench/load/batch_walk.h"
#include "log/batch/batch.h"
#include "log/batch/batch_builder.h"

#include <criterion/criterion.h>

#define RECORDS 10

static uint8_t bytes[65536];

/* Appends a batch of RECORDS records that begins at `base_offset`; returns the new end. */
static size_t put_batch(size_t at, int64_t base_offset)
{
	struct batch_builder builder;
	uint32_t size;
	cr_assert_eq(batch_builder_open(&builder, NULL, &BATCH_BUILDER_PLAIN, bytes + at, sizeof bytes - at), 0);
	for (int i = 0; i < RECORDS; i++) {
		struct record record = { .timestamp_ms = 1, .value = { (const uint8_t *)"value", 5 } };
		cr_assert_eq(batch_builder_append(&builder, &record), 0);
	}
	cr_assert_eq(batch_builder_finish(&builder, &size), 0);
	batch_stamp_offset(bytes + at, base_offset, 0);
	return at + size;
}

/* Three batches in sequence, asked for in the middle of the first: all count, and the next offset is behind the third. */
Test(batch_walk, whole_batches_count)
{
	size_t end = put_batch(put_batch(put_batch(0, 100), 110), 120);
	struct batch_walk walk = batch_walk((struct slice){ bytes, end }, 104, true);
	cr_expect_not(walk.is_damaged);
	cr_expect_eq(walk.next_offset, 130);
	cr_expect_eq(walk.records, 3 * RECORDS);
	cr_expect_eq(walk.bytes, end);
}

/* A last batch that is cut anywhere does not count and is no damage; a first one that is cut is. */
Test(batch_walk, only_the_last_batch_may_be_cut)
{
	size_t first = put_batch(0, 100), end = put_batch(first, 110);
	for (size_t cut = first; cut < end; cut++) {
		struct batch_walk walk = batch_walk((struct slice){ bytes, cut }, 100, true);
		cr_expect(!walk.is_damaged && walk.next_offset == 110 && walk.bytes == first, "cut at %zu", cut);
	}
	for (size_t cut = 1; cut < first; cut++)
		cr_expect(batch_walk((struct slice){ bytes, cut }, 100, false).is_damaged, "cut at %zu", cut);
}

/* Nothing there is nothing wrong: the offset stays. */
Test(batch_walk, empty_stays)
{
	struct batch_walk walk = batch_walk((struct slice){ bytes, 0 }, 77, true);
	cr_expect(!walk.is_damaged && walk.next_offset == 77 && walk.records == 0);
}

/* A batch before or behind the offset asked for, or a gap or a repeat between batches, is damage; the batches before it count. */
Test(batch_walk, offsets_must_follow)
{
	static const struct {
		int64_t first, second;
		uint64_t asked;
		uint64_t counted;
	} rows[] = {
		{ 100, 110, 99, 0 }, { 100, 110, 110, 0 }, { 100, 111, 100, RECORDS }, { 100, 100, 100, RECORDS }, { 100, 109, 105, RECORDS },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		size_t end = put_batch(put_batch(0, rows[i].first), rows[i].second);
		struct batch_walk walk = batch_walk((struct slice){ bytes, end }, rows[i].asked, false);
		cr_expect(walk.is_damaged && walk.records == rows[i].counted, "row %zu", i);
	}
}

/* Damage of a record is seen by those who asked for CRCs to be checked. */
Test(batch_walk, crcs_are_checked_on_demand)
{
	size_t end = put_batch(0, 0);
	bytes[end - 2] ^= 1;
	cr_expect_not(batch_walk((struct slice){ bytes, end }, 0, false).is_damaged);
	cr_expect(batch_walk((struct slice){ bytes, end }, 0, true).is_damaged);
}
