/* Leader epochs: the answers of Kafka's LeaderEpochFileCache, and the file. */
#include <criterion/criterion.h>

#include <stdlib.h>

#include "log/segment/epoch_file.h"

static struct epochs make(const struct epoch_entry *entries, uint32_t count)
{
	struct epochs epochs;
	epochs_init(&epochs);
	for (uint32_t i = 0; i < count; i++)
		cr_assert_eq(epochs_assign(&epochs, entries[i].epoch, entries[i].start_offset), 1);
	return epochs;
}

static const struct epoch_entry sample[] = {{2, 10}, {4, 20}, {5, 20 + 5}, {9, 40}};
#define MAKE_SAMPLE() make(sample, COUNT_OF(sample))

/* Which epoch an offset belongs to. */
Test(epochs, at)
{
	struct epochs epochs = MAKE_SAMPLE();
	static const struct {
		int64_t offset;
		int32_t epoch;
	} rows[] = {{INT64_MIN, -1}, {-1, -1}, {0, -1}, {9, -1}, {10, 2}, {19, 2}, {20, 4}, {24, 4}, {25, 5}, {39, 5}, {40, 9}, {1000, 9}, {INT64_MAX, 9}};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		cr_expect_eq(epochs_at(&epochs, rows[i].offset), rows[i].epoch, "offset %ld", rows[i].offset);
	cr_expect_eq(epochs_latest(&epochs), 9);
	epochs_fini(&epochs);
	cr_expect_eq(epochs_latest(&epochs), -1);
	cr_expect_eq(epochs_at(&epochs, 5), -1);
}

/* Where an epoch ends: the latest at the end of the log, an older one where the next known begins, unknown
 * ones by their neighbours. */
Test(epochs, end_offset)
{
	struct epochs epochs = MAKE_SAMPLE();
	static const struct {
		int32_t epoch, epoch_out;
		int64_t end_offset;
	} rows[] = {
		{-1, -1, -1}, {INT32_MIN, -1, -1}, {0, 0, 10}, {1, 1, 10}, {2, 2, 20}, {3, 2, 20}, {4, 4, 25}, {5, 5, 40}, {6, 5, 40}, {8, 5, 40}, {9, 9, 55},
		{10, -1, -1}, {INT32_MAX, -1, -1},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int32_t epoch;
		int64_t end_offset;
		epochs_end_offset(&epochs, rows[i].epoch, 55, &epoch, &end_offset);
		cr_expect_eq(epoch, rows[i].epoch_out, "epoch %d", rows[i].epoch);
		cr_expect_eq(end_offset, rows[i].end_offset, "epoch %d", rows[i].epoch);
	}
	epochs_fini(&epochs);
	int32_t epoch;
	int64_t end_offset;
	epochs_end_offset(&epochs, 0, 55, &epoch, &end_offset);
	cr_expect(epoch == -1 && end_offset == -1, "nothing is known");
}

/* An epoch is assigned once; entries without records of their own give way. */
Test(epochs, assign)
{
	struct epochs epochs = MAKE_SAMPLE();
	cr_expect_eq(epochs_assign(&epochs, 9, 50), 0);
	cr_expect_eq(epochs_assign(&epochs, 3, 50), 0);
	cr_expect_eq(epochs_assign(&epochs, -1, 50), 0);
	cr_expect_eq(epochs_assign(&epochs, 10, -1), 0);
	cr_expect_eq(epochs.count, 4);
	cr_expect_eq(epochs_assign(&epochs, 10, 40), 1);
	cr_expect_eq(epochs.count, 4);
	cr_expect_eq(epochs_at(&epochs, 40), 10);
	cr_expect_eq(epochs_assign(&epochs, 11, 15), 1);
	cr_expect_eq(epochs.count, 2);
	cr_expect_eq(epochs_at(&epochs, 14), 2);
	cr_expect_eq(epochs_at(&epochs, 15), 11);
	epochs_fini(&epochs);
}

/* Truncation from either side keeps what the rest of the log needs. */
Test(epochs, truncate)
{
	static const struct {
		int64_t offset;
		uint32_t count_end, count_start;
		int32_t first_epoch;
		int64_t first_start;
	} rows[] = {
		{0, 0, 4, 2, 10}, {10, 0, 4, 2, 10}, {11, 1, 4, 2, 11}, {19, 1, 4, 2, 19}, {20, 1, 3, 4, 20}, {21, 2, 3, 4, 21}, {25, 2, 2, 5, 25},
		{40, 3, 1, 9, 40}, {41, 4, 1, 9, 41}, {500, 4, 1, 9, 500},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct epochs epochs = MAKE_SAMPLE();
		cr_expect_eq(epochs_truncate_end(&epochs, rows[i].offset), rows[i].count_end != 4, "offset %ld", rows[i].offset);
		cr_expect_eq(epochs.count, rows[i].count_end, "offset %ld", rows[i].offset);
		epochs_fini(&epochs);
		epochs = MAKE_SAMPLE();
		cr_expect_eq(epochs_truncate_start(&epochs, rows[i].offset), rows[i].offset > 10, "offset %ld", rows[i].offset);
		cr_assert_eq(epochs.count, rows[i].count_start, "offset %ld", rows[i].offset);
		cr_expect_eq(epochs.entries[0].epoch, rows[i].first_epoch, "offset %ld", rows[i].offset);
		cr_expect_eq(epochs.entries[0].start_offset, rows[i].first_start, "offset %ld", rows[i].offset);
		epochs_fini(&epochs);
	}
}

/* The text is Kafka's, and leads back; the largest numbers fit the room that was asked for. */
Test(epochs, text)
{
	struct epochs epochs = MAKE_SAMPLE();
	char text[1000];
	size_t size = epochs_encode(&epochs, text, sizeof text);
	cr_expect_str_eq(text, "0\n4\n2 10\n4 20\n5 25\n9 40\n");
	cr_expect_eq(size, strlen(text));
	struct epochs again;
	epochs_init(&again);
	cr_assert_eq(epochs_decode(&again, (struct slice){(const uint8_t *)text, size}), 0);
	cr_assert_eq(again.count, 4);
	cr_expect_arr_eq(again.entries, epochs.entries, 4 * sizeof *again.entries);
	cr_assert_eq(epochs_assign(&again, INT32_MAX, INT64_MAX), 1);
	size_t room = epochs_encoded_size_max(&again);
	cr_assert_leq(room, sizeof text);
	cr_expect_lt(epochs_encode(&again, text, room), room);
	epochs_fini(&again);
	epochs_fini(&epochs);
}

/* Texts that are no such file are refused and leave it empty. */
Test(epochs, refused_texts)
{
	static const struct {
		const char *text;
		int err;
	} rows[] = {
		{"0\n0\n", 0}, {"0\n0", 0}, {"0\n1\n3 7", 0}, {"0\n1\n3 7\n", 0}, {"0\n2\n3 7\n4 7\n", 0},
		{"", ERR_CORRUPT_LOG}, {"0", ERR_CORRUPT_LOG}, {"0\n", ERR_CORRUPT_LOG}, {"x\n0\n", ERR_CORRUPT_LOG}, {"1\n0\n", ERR_FORMAT},
		{"-1\n0\n", ERR_CORRUPT_LOG}, {"0\n1\n", ERR_CORRUPT_LOG}, {"0\n1\n3\n", ERR_CORRUPT_LOG}, {"0\n1\n3 \n", ERR_CORRUPT_LOG},
		{"0\n1\n3 7\n4 8\n", ERR_CORRUPT_LOG}, {"0\n2\n3 7\n", ERR_CORRUPT_LOG}, {"0\n2\n3 7\n3 8\n", ERR_CORRUPT_LOG}, {"0\n2\n3 7\n4 6\n", ERR_CORRUPT_LOG},
		{"0\n1\n-3 7\n", ERR_CORRUPT_LOG}, {"0\n1\n3 -7\n", ERR_CORRUPT_LOG}, {"0\n1\n3  7\n", ERR_CORRUPT_LOG}, {"0\n1\n3 7 \n", ERR_CORRUPT_LOG},
		{"0\n1\n2147483648 7\n", ERR_CORRUPT_LOG}, {"0\n1\n3 9223372036854775808\n", ERR_CORRUPT_LOG}, {"0\n100001\n3 7\n", ERR_CORRUPT_LOG},
		{"0\n99999999999999999999999\n", ERR_CORRUPT_LOG}, {"0\r\n0\r\n", ERR_CORRUPT_LOG}, {"0\n0\n\n", ERR_CORRUPT_LOG},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct epochs epochs = MAKE_SAMPLE();
		int err = epochs_decode(&epochs, (struct slice){(const uint8_t *)rows[i].text, strlen(rows[i].text)});
		cr_expect_eq(err, rows[i].err, "%s: %d", rows[i].text, err);
		if (rows[i].err)
			cr_expect_eq(epochs.count, 0);
		epochs_fini(&epochs);
	}
}

/* The beginning of a text, with zeros behind it or not, is what a power cut leaves of it; anything else is not. */
Test(epochs, torn_texts)
{
	static const struct { const char *text; size_t size; bool is_torn; } rows[] = {
		{"", 0, true}, {"\0\0\0\0", 4, true}, {"0", 1, true}, {"0\n2\n0 0\n1", 9, true}, {"0\n2\n0 0\n1 ", 10, true},
		{"0\n2\n0 0\n\0\0\0\0", 12, true}, {"0\n1\n0 0\n\0", 9, true}, {"x", 1, false}, {"1\n", 2, false},
		{"0\n2\n0 0\n1 x", 11, false}, {"0\n2\n\0 0\n1 1\n", 12, false}, {"0\n1 1\n", 6, false},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		cr_assert_eq(epochs_is_torn((struct slice){(const uint8_t *)rows[i].text, rows[i].size}), rows[i].is_torn, "row %zu", i);
}

/* A history without end is bounded. */
Test(epochs, bound)
{
	struct epochs epochs;
	epochs_init(&epochs);
	for (uint32_t i = 0; i < EPOCHS_COUNT_MAX; i++)
		cr_assert_eq(epochs_assign(&epochs, (int32_t)i, i), 1);
	cr_expect_lt(epochs_assign(&epochs, EPOCHS_COUNT_MAX, EPOCHS_COUNT_MAX), 0);
	size_t room = epochs_encoded_size_max(&epochs);
	cr_expect_leq(room, EPOCH_FILE_SIZE_MAX);
	char *text = malloc(room);
	size_t size = epochs_encode(&epochs, text, room);
	cr_assert_lt(size, room);
	cr_expect_eq(epochs_decode(&epochs, (struct slice){(const uint8_t *)text, size}), 0);
	cr_expect_eq(epochs.count, EPOCHS_COUNT_MAX);
	free(text);
	epochs_fini(&epochs);
}
