/* The seal of a segment. */
#include <criterion/criterion.h>

#include <stdlib.h>

#include "log/base/bytes.h"
#include "log/segment/seal.h"

static const struct seal sample = {
	.base_offset = 1000,
	.next_offset = 2000,
	.log_size_bytes = 1 << 20,
	.batch_count = 50,
	.record_count = 1000,
	.max_timestamp_ms = 1700000000000,
	.max_timestamp_offset = 1999,
	.first_leader_epoch = 3,
	.last_leader_epoch = 5,
	.headers_checksum_low = 0x1122334455667788,
	.headers_checksum_high = 0x99aabbccddeeff00,
	.index_size_bytes = 80,
	.index_checksum = 7,
	.time_index_size_bytes = 120,
	.time_index_checksum = 9,
};

/* What is encoded is decoded, and the bytes lie where log/README.md says. */
Test(seal, round_trip)
{
	uint8_t bytes[SEAL_SIZE];
	seal_encode(&sample, bytes);
	cr_expect_arr_eq(bytes, "SPATESEA\1\0\0\0", 12);
	cr_expect_eq(load_le64(bytes + 16), 1000);
	cr_expect_eq(load_le64(bytes + 88), 0x99aabbccddeeff00);
	cr_expect_eq(load_le64(bytes + 120), 9);
	struct seal seal;
	cr_assert_eq(seal_decode(&seal, (struct slice){bytes, sizeof bytes}), 0);
	cr_expect_arr_eq(&seal, &sample, sizeof seal);
}

/* Every single bit that flips is seen; so is every shorter or longer file. */
Test(seal, damage)
{
	uint8_t bytes[SEAL_SIZE + 1] = {0};
	seal_encode(&sample, bytes);
	struct seal seal;
	for (size_t bit = 0; bit < SEAL_SIZE * 8; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		int err = seal_decode(&seal, (struct slice){bytes, SEAL_SIZE});
		cr_expect_eq(err, bit < 64 ? ERR_FORMAT : ERR_CORRUPT_LOG, "bit %zu: %d", bit, err);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t size = 0; size <= SEAL_SIZE + 1; size++)
		if (size != SEAL_SIZE)
			cr_expect_lt(seal_decode(&seal, (struct slice){bytes, size}), 0, "%zu", size);
}

/* A seal with a good checksum that says what cannot be is refused all the same. */
Test(seal, impossible)
{
	static const struct {
		const char *what;
		size_t position;
		uint64_t value;
		int err;
	} rows[] = {
		{"a later version", 8, 2, ERR_FORMAT},
		{"a negative base offset", 16, UINT64_MAX, ERR_CORRUPT_LOG},
		{"an end before the beginning", 24, 999, ERR_CORRUPT_LOG},
		{"more batches than offsets", 40, 1001, ERR_CORRUPT_LOG},
		{"more records than offsets", 48, 1001, ERR_CORRUPT_LOG},
		{"the largest timestamp before the segment", 64, 999, ERR_CORRUPT_LOG},
		{"the largest timestamp behind it", 64, 2000, ERR_CORRUPT_LOG},
		{"epochs that go back", 72, 6 | (uint64_t)5 << 32, ERR_CORRUPT_LOG},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint8_t bytes[SEAL_SIZE];
		seal_encode(&sample, bytes);
		store_le64(bytes + rows[i].position, rows[i].value);
		store_le64(bytes + SEAL_SIZE - 8, seal_index_checksum((struct slice){bytes, SEAL_SIZE - 8}));
		struct seal seal;
		cr_expect_eq(seal_decode(&seal, (struct slice){bytes, SEAL_SIZE}), rows[i].err, "%s", rows[i].what);
	}
}

static void hash_in_pieces(const uint8_t *bytes, size_t count, size_t first, uint64_t *low, uint64_t *high)
{
	struct seal_hash *hash;
	cr_assert_eq(seal_hash_create(&hash), 0);
	for (size_t at = 0, size = first; at < count; at += size, size = size * 3 % 7001 + 1) {
		size = size < count - at ? size : count - at;
		seal_hash_update(hash, bytes + at, size);
	}
	seal_hash_result(hash, low, high);
	seal_hash_destroy(hash);
}

/* The checksum does not depend on how the bytes come, and does on each of them. */
Test(seal, checksum_in_pieces)
{
	static uint8_t bytes[100000];
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i * i >> 3);
	uint64_t low, high, low_pieces, high_pieces;
	hash_in_pieces(bytes, sizeof bytes, sizeof bytes, &low, &high);
	hash_in_pieces(bytes, sizeof bytes, 1, &low_pieces, &high_pieces);
	cr_expect(low_pieces == low && high_pieces == high);
	bytes[77777] ^= 1;
	hash_in_pieces(bytes, sizeof bytes, 1, &low_pieces, &high_pieces);
	cr_expect(low_pieces != low || high_pieces != high);
}
