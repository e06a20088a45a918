/* The time index: lookups against a plain search, its bytes, its refusals. */
#include <criterion/criterion.h>

#include <errno.h>

#include "log/segment/time_index.h"

/* Any timestamp leads to the last entry not above it. */
Test(time_index, floor)
{
	struct time_index index;
	time_index_init(&index, 500, 1 << 20);
	int64_t timestamp, offset;
	time_index_floor(&index, 77, &timestamp, &offset);
	cr_expect(timestamp == -1 && offset == 500, "an empty index begins at the beginning");
	time_index_last(&index, &timestamp, &offset);
	cr_expect(timestamp == -1 && offset == 500);
	for (int64_t i = 0; i < 300; i++)
		cr_assert_eq(time_index_add(&index, 10000 + i * 7, 500 + i / 2 * 3), 0);
	cr_assert_eq(index.count, 300);
	for (int64_t t = 9990; t < 12200; t++) {
		int64_t i = t < 10000 ? -1 : (t - 10000) / 7 < 299 ? (t - 10000) / 7 : 299;
		time_index_floor(&index, t, &timestamp, &offset);
		cr_assert_eq(timestamp, i < 0 ? -1 : 10000 + i * 7, "%ld", t);
		cr_assert_eq(offset, i < 0 ? 500 : 500 + i / 2 * 3, "%ld", t);
	}
	time_index_last(&index, &timestamp, &offset);
	cr_expect(timestamp == 10000 + 299 * 7 && offset == 500 + 149 * 3);
	time_index_fini(&index);
}

/* Kafka's rule: a timestamp that is not larger adds nothing; an offset that goes back is an error. */
Test(time_index, add)
{
	struct time_index index;
	time_index_init(&index, 100, 60);
	static const struct {
		int64_t timestamp_ms, offset;
		int err;
		uint32_t count;
	} rows[] = {
		{-1, 100, 0, 0}, {0, 99, -EINVAL, 0}, {0, 110, 0, 1}, {0, 111, 0, 1}, {5, 109, -EINVAL, 1}, {5, 110, 0, 2}, {4, 100, 0, 2},
		{6, 100 + (int64_t)INT32_MAX + 1, -EINVAL, 2}, {6, 120, 0, 3}, {7, 120, 0, 4}, {INT64_MAX, 120, 0, 5}, {INT64_MAX, 130, 0, 5},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		cr_expect_eq(time_index_add(&index, rows[i].timestamp_ms, rows[i].offset), rows[i].err, "row %zu", i);
		cr_expect_eq(index.count, rows[i].count, "row %zu", i);
	}
	time_index_fini(&index);
}

/* Full one entry early: the last place is for the entry of the roll. */
Test(time_index, bound)
{
	struct time_index index;
	time_index_init(&index, 0, 36);
	cr_assert_eq(time_index_add(&index, 1, 1), 0);
	cr_expect_not(time_index_is_full(&index));
	cr_assert_eq(time_index_add(&index, 2, 2), 0);
	cr_expect(time_index_is_full(&index));
	cr_assert_eq(time_index_add(&index, 3, 3), 0);
	cr_expect_eq(time_index_add(&index, 4, 4), -ENOSPC);
	cr_expect_eq(index.count, 3);
	time_index_fini(&index);
}

/* A truncation leaves the entries below the offset. */
Test(time_index, truncate)
{
	for (int64_t cut = 98; cut <= 112; cut++) {
		struct time_index index;
		time_index_init(&index, 100, 1200);
		for (int64_t i = 0; i < 10; i++)
			cr_assert_eq(time_index_add(&index, i, 100 + i), 0);
		time_index_truncate(&index, cut);
		cr_expect_eq(index.count, cut <= 100 ? 0 : cut >= 110 ? 10 : cut - 100, "cut at %ld", cut);
		time_index_shrink(&index);
		cr_expect_eq(index.capacity, index.count);
		time_index_fini(&index);
	}
}

/* The bytes are Kafka's: big-endian timestamp and relative offset. */
Test(time_index, bytes)
{
	static const uint8_t bytes[] = {0, 0, 1, 0x8b, 0xcf, 0xe5, 0x68, 0x00, 0, 0, 0, 9, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 1, 0};
	struct time_index index;
	time_index_init(&index, 5000, 1200);
	cr_assert_eq(time_index_decode(&index, (struct slice){bytes, sizeof bytes}), 0);
	int64_t timestamp, offset;
	time_index_floor(&index, 1700000000000, &timestamp, &offset);
	cr_expect(timestamp == 1700000000000 && offset == 5009);
	cr_assert_eq(time_index_encoded_size(&index), sizeof bytes);
	uint8_t again[sizeof bytes];
	time_index_encode(&index, again);
	cr_expect_arr_eq(again, bytes, sizeof bytes);
	time_index_fini(&index);
}

/* Bytes that are no index are refused and leave it empty. */
Test(time_index, refused_bytes)
{
	static const struct {
		const char *what;
		uint8_t bytes[36];
		size_t size;
		int err;
	} rows[] = {
		{"empty", {0}, 0, 0},
		{"half an entry", {0, 0, 0, 0, 0, 0, 0, 1, 0}, 9, ERR_CORRUPT_LOG},
		{"more than the bound", {[7] = 1, [19] = 2, [31] = 3}, 36, ERR_CORRUPT_LOG},
		{"a negative timestamp", {0xff, [7] = 1}, 12, ERR_CORRUPT_LOG},
		{"a negative offset", {[7] = 1, [8] = 0x80}, 12, ERR_CORRUPT_LOG},
		{"timestamps that repeat", {[7] = 1, [19] = 1, [23] = 1}, 24, ERR_CORRUPT_LOG},
		{"offsets that go back", {[7] = 1, [11] = 5, [19] = 2, [23] = 4}, 24, ERR_CORRUPT_LOG},
		{"offsets that repeat", {[7] = 1, [11] = 5, [19] = 2, [23] = 5}, 24, 0},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct time_index index;
		time_index_init(&index, 0, 24);
		cr_assert_eq(time_index_add(&index, 5, 5), 0);
		cr_expect_eq(time_index_decode(&index, (struct slice){rows[i].bytes, rows[i].size}), rows[i].err, "%s", rows[i].what);
		cr_expect_eq(index.count, rows[i].err == 0 ? rows[i].size / 12 : 0, "%s", rows[i].what);
		time_index_fini(&index);
	}
}
