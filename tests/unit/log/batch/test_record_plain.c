/* The short way to take a record apart says what the long one says, or nothing. */
#include "log/batch/record_priv.h"

#include <criterion/criterion.h>

#define SIZE_MAX_TRIED 400

static uint64_t random_state = 1;

static uint32_t pick(uint32_t below)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(random_state >> 33) % below;
}

/* What both ways make of the bytes; true if the short one took them. */
static bool agree(const uint8_t *bytes, size_t size)
{
	struct record_fields plain, fields;
	int32_t body_size;
	const uint8_t *end = bytes + size, *next = record__parse_plain(bytes, end, &plain);
	if (!next)
		return false;
	const uint8_t *body = record__read_int(bytes, end, &body_size);
	cr_assert(body && body_size >= 0 && body_size <= end - body);
	cr_assert(record__parse(body, body + body_size, &fields));
	cr_assert_eq(next, body + body_size);
	cr_assert_eq(plain.timestamp_delta, fields.timestamp_delta);
	cr_assert_eq(plain.offset_delta, fields.offset_delta);
	cr_assert_eq(plain.key_size, fields.key_size);
	cr_assert_eq(plain.value_size, fields.value_size);
	cr_assert_eq(plain.key, fields.key);
	cr_assert_eq(plain.value, fields.value);
	cr_assert_eq(plain.header_count, 0);
	cr_assert_eq(fields.header_count, 0);
	cr_assert_eq(plain.headers, fields.headers);
	return true;
}

static size_t write_record(uint8_t *out, int64_t timestamp_delta, int32_t offset_delta, int32_t key_size, int32_t value_size)
{
	uint8_t body[SIZE_MAX_TRIED];
	size_t at = 0;
	body[at++] = 0;
	at += record__write_long(body + at, timestamp_delta);
	at += record__write_int(body + at, offset_delta);
	at += record__write_int(body + at, key_size);
	for (int32_t i = 0; i < key_size; i++)
		body[at++] = (uint8_t)pick(256);
	at += record__write_int(body + at, value_size);
	for (int32_t i = 0; i < value_size; i++)
		body[at++] = (uint8_t)pick(256);
	body[at++] = 0;
	size_t head = record__write_int(out, (int32_t)at);
	memcpy(out + head, body, at);
	return head + at;
}

/* Ordinary records go the short way: else it would be worth nothing. */
Test(record_plain, takes_ordinary_records)
{
	uint8_t bytes[SIZE_MAX_TRIED + 8];
	for (int32_t value_size = 12; value_size < 200; value_size += 7)
		for (int32_t key_size = -1; key_size < 100; key_size += 9) {
			size_t size = write_record(bytes, value_size * 41 - 1000, key_size * 300 + 300, key_size, value_size);
			cr_assert(agree(bytes, size), "key of %d, value of %d bytes", key_size, value_size);
			cr_assert_null(record__parse_plain(bytes, bytes + size - 1, &(struct record_fields){0}), "cut off");
		}
}

/* Any bytes may be changed, and any may be missing. The bytes lie at the end of their memory, so that a sanitizer sees whoever reads on. */
Test(record_plain, agrees_about_broken_ones)
{
	uint32_t taken = 0;
	for (uint32_t round = 0; round < 400000; round++) {
		uint8_t bytes[SIZE_MAX_TRIED + 8];
		size_t size = write_record(bytes, (int64_t)pick(1u << pick(24)) - 5, (int32_t)pick(1u << pick(24)), (int32_t)pick(20) - 1, (int32_t)pick(150) - 1);
		for (uint32_t changes = pick(3); changes > 0; changes--)
			bytes[pick(pick(4) ? 16 : (uint32_t)size) % size] = (uint8_t)pick(256);
		size -= pick(4) ? 0 : pick((uint32_t)size);
		uint8_t *exact = malloc(size ? size : 1);
		memcpy(exact, bytes, size);
		taken += agree(exact, size);
		free(exact);
	}
	cr_assert_gt(taken, 100000u);
}
