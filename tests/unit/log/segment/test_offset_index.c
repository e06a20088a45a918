/* The offset index: lookups against a plain search, its bytes, its refusals. */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdlib.h>

#include "log/segment/offset_index.h"

/* Any offset leads to the last entry not above it. */
Test(offset_index, floor)
{
	struct offset_index index;
	offset_index_init(&index, 1000, 1 << 20);
	cr_expect_eq(offset_index_floor(&index, 1000), 0, "an empty index begins at the beginning");
	for (uint32_t i = 0; i < 500; i++)
		cr_assert_eq(offset_index_add(&index, 1000 + 10 * i, 4096 * i + 1), 0);
	cr_expect_eq(offset_index_floor(&index, 999), 0);
	cr_expect_eq(offset_index_floor(&index, INT64_MIN), 0);
	for (int64_t offset = 1000; offset < 6100; offset++) {
		uint32_t expected = (uint32_t)((offset - 1000) / 10 < 499 ? (offset - 1000) / 10 : 499) * 4096 + 1;
		cr_assert_eq(offset_index_floor(&index, offset), expected, "%ld", offset);
	}
	cr_expect_eq(offset_index_floor(&index, INT64_MAX), 499 * 4096 + 1);
	offset_index_fini(&index);
}

/* What does not lie behind the last entry, or not in a segment, is not added and changes nothing. */
Test(offset_index, refused_entries)
{
	struct offset_index index;
	offset_index_init(&index, 100, 24);
	static const struct {
		int64_t offset;
		uint32_t position;
		int err;
	} rows[] = {
		{99, 5, -EINVAL}, {100, 5, 0}, {100, 6, -EINVAL}, {101, 5, -EINVAL}, {99, 9, -EINVAL}, {100 + (int64_t)INT32_MAX + 1, 9, -EINVAL},
		{INT64_MAX, 9, -EINVAL}, {101, 6, 0}, {100 + (int64_t)INT32_MAX, UINT32_MAX, 0}, {102, 7, -EINVAL},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint32_t count = index.count;
		cr_expect_eq(offset_index_add(&index, rows[i].offset, rows[i].position), rows[i].err, "row %zu", i);
		cr_expect_eq(index.count, count + (rows[i].err == 0));
	}
	cr_expect(offset_index_is_full(&index));
	offset_index_fini(&index);
}

/* It grows up to segment.index.bytes and no further. */
Test(offset_index, bound)
{
	static const struct {
		uint32_t size_bytes_max, count_max;
	} rows[] = {{0, 1}, {7, 1}, {8, 1}, {15, 1}, {16, 2}, {8 * 100 + 1, 100}};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct offset_index index;
		offset_index_init(&index, 0, rows[i].size_bytes_max);
		for (uint32_t n = 0; n < rows[i].count_max; n++) {
			cr_expect_not(offset_index_is_full(&index));
			cr_assert_eq(offset_index_add(&index, n, n), 0);
		}
		cr_expect(offset_index_is_full(&index));
		cr_expect_eq(offset_index_add(&index, 1000, 1000), -ENOSPC);
		cr_expect_eq(index.count, rows[i].count_max);
		offset_index_fini(&index);
	}
}

/* A truncation leaves the entries below the offset, and adding goes on behind them. */
Test(offset_index, truncate)
{
	for (int64_t cut = 98; cut <= 112; cut++) {
		struct offset_index index;
		offset_index_init(&index, 100, 800);
		for (uint32_t i = 0; i < 10; i++)
			cr_assert_eq(offset_index_add(&index, 100 + i, i * 10), 0);
		offset_index_truncate(&index, cut);
		uint32_t expected = cut <= 100 ? 0 : cut >= 110 ? 10 : (uint32_t)(cut - 100);
		cr_expect_eq(index.count, expected, "cut at %ld", cut);
		cr_expect_eq(offset_index_add(&index, 200, 1000), 0);
		offset_index_shrink(&index);
		cr_expect_eq(index.capacity, index.count);
		cr_expect_eq(offset_index_floor(&index, 200), 1000);
		offset_index_fini(&index);
	}
}

/* The bytes are Kafka's: big-endian pairs. */
Test(offset_index, bytes)
{
	static const uint8_t bytes[] = {0, 0, 0, 7, 0, 0, 0x10, 0, 0x01, 0x02, 0x03, 0x04, 0x7f, 0xff, 0xff, 0xff};
	struct offset_index index;
	offset_index_init(&index, 5000, 80);
	cr_assert_eq(offset_index_decode(&index, (struct slice){bytes, sizeof bytes}, 0x80000000), 0);
	cr_assert_eq(index.count, 2);
	cr_expect_eq(offset_index_floor(&index, 5007), 0x1000);
	cr_expect_eq(offset_index_floor(&index, 5000 + 0x01020304), 0x7fffffff);
	cr_assert_eq(offset_index_encoded_size(&index), sizeof bytes);
	uint8_t again[sizeof bytes];
	offset_index_encode(&index, again);
	cr_expect_arr_eq(again, bytes, sizeof bytes);
	offset_index_fini(&index);
}

/* Bytes that are no index of this segment are refused and leave it empty; none at all is an empty index. */
Test(offset_index, refused_bytes)
{
	static const struct {
		const char *what;
		uint8_t bytes[24];
		size_t size;
		uint64_t log_size_bytes;
		int err;
	} rows[] = {
		{"empty", {0}, 0, 0, 0},
		{"half an entry", {0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2}, 12, 100, ERR_CORRUPT_LOG},
		{"more than the bound", {0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 3}, 24, 100, ERR_CORRUPT_LOG},
		{"offsets that repeat", {0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2}, 16, 100, ERR_CORRUPT_LOG},
		{"positions that repeat", {0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1}, 16, 100, ERR_CORRUPT_LOG},
		{"a negative offset", {0x80, 0, 0, 0, 0, 0, 0, 1}, 8, 100, ERR_CORRUPT_LOG},
		{"a position at the end of the log", {0, 0, 0, 1, 0, 0, 0, 100}, 8, 100, ERR_CORRUPT_LOG},
		{"the last position there is", {0, 0, 0, 1, 0, 0, 0, 99}, 8, 100, 0},
		{"zeros behind entries, as a Kafka leaves that was killed", {0, 0, 0, 1, 0, 0, 0, 1}, 16, 100, ERR_CORRUPT_LOG},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct offset_index index;
		offset_index_init(&index, 0, 16);
		cr_assert_eq(offset_index_add(&index, 5, 5), 0);
		cr_expect_eq(offset_index_decode(&index, (struct slice){rows[i].bytes, rows[i].size}, rows[i].log_size_bytes), rows[i].err, "%s",
			     rows[i].what);
		cr_expect_eq(index.count, rows[i].err == 0 ? rows[i].size / 8 : 0, "%s", rows[i].what);
		offset_index_fini(&index);
	}
}
