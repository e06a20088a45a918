/* The wire primitives: first, last and one past the last of each; the sticky error; arrays, tagged fields and
 * records that stay where they lie. */
#include "net/wire/cursor.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define BYTES(...) ((struct slice){(const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})})

/* ---- integers ------------------------------------------------------------------------------------- */

/* Every width reads big-endian, the extremes included, and has nothing left after it. */
Test(cursor, integers_are_big_endian)
{
	struct reader r = reader_over(BYTES(0x80, 0x7f, 0xff));
	cr_expect_eq(reader_int8(&r), INT8_MIN);
	cr_expect_eq(reader_int8(&r), INT8_MAX);
	cr_expect_eq(reader_int8(&r), -1);
	cr_expect_eq(r.error, 0);

	r = reader_over(BYTES(0x80, 0, 0x7f, 0xff, 0xff, 0xfe, 0x12, 0x34));
	cr_expect_eq(reader_int16(&r), INT16_MIN);
	cr_expect_eq(reader_int16(&r), INT16_MAX);
	cr_expect_eq(reader_uint16(&r), 65534);
	cr_expect_eq(reader_int16(&r), 0x1234);

	r = reader_over(BYTES(0x80, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe));
	cr_expect_eq(reader_int32(&r), INT32_MIN);
	cr_expect_eq(reader_int32(&r), INT32_MAX);
	cr_expect_eq(reader_uint32(&r), 4294967294u);

	r = reader_over(BYTES(0x80, 0, 0, 0, 0, 0, 0, 0, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef));
	cr_expect_eq(reader_int64(&r), INT64_MIN);
	cr_expect_eq(reader_int64(&r), 0x0123456789abcdef);
	cr_expect_eq(r.error, 0);
	cr_expect_eq(reader_left(&r), 0);
}

static void read_int8(struct reader *r) { reader_int8(r); }
static void read_bool(struct reader *r) { reader_bool(r); }
static void read_int16(struct reader *r) { reader_int16(r); }
static void read_int32(struct reader *r) { reader_int32(r); }
static void read_int64(struct reader *r) { reader_int64(r); }
static void read_float64(struct reader *r) { reader_float64(r); }
static void read_uuid(struct reader *r) { reader_uuid(r); }

/* A fixed-width value is read if exactly its bytes are there, and is an error if one is missing. */
Test(cursor, one_byte_less_is_an_error)
{
	static const struct { void (*read)(struct reader *); size_t size; } rows[] = {
		{read_int8, 1}, {read_bool, 1}, {read_int16, 2}, {read_int32, 4}, {read_int64, 8}, {read_float64, 8}, {read_uuid, 16},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint8_t *bytes = calloc(1, rows[i].size);
		struct reader r = reader_over((struct slice){bytes, rows[i].size});
		rows[i].read(&r);
		cr_expect_eq(r.error, 0, "row %zu", i);
		cr_expect_eq(reader_left(&r), 0);
		r = reader_over((struct slice){bytes, rows[i].size - 1});
		rows[i].read(&r);
		cr_expect_eq(r.error, -EBADMSG, "row %zu", i);
		free(bytes);
	}
}

/* After the first error nothing is read, whatever is left, and the first reason stays. */
Test(cursor, errors_stick)
{
	struct reader r = reader_over(BYTES(1, 2, 3));
	reader_int32(&r);
	cr_expect_eq(r.error, -EBADMSG);
	cr_expect_str_eq(r.reason, "truncated");
	cr_expect_eq(reader_int8(&r), 0);
	cr_expect_null(reader_string(&r, false, NULLABLE).data);
	cr_expect(uuid_is_zero(&(struct uuid){0}));
	reader_fail(&r, -ENOMEM, "later");
	cr_expect_eq(r.error, -EBADMSG);
	cr_expect_str_eq(r.reason, "truncated");
}

/* Any byte but 0 is true, and true is written as 1. */
Test(cursor, booleans)
{
	struct reader r = reader_over(BYTES(0, 1, 2, 0xff));
	cr_expect_eq(reader_bool(&r), false);
	cr_expect_eq(reader_bool(&r), true);
	cr_expect_eq(reader_bool(&r), true);
	cr_expect_eq(reader_bool(&r), true);
}

/* Doubles and uuids survive the way there and back. */
Test(cursor, doubles_and_uuids)
{
	uint8_t bytes[24];
	struct uuid id = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 255}};
	struct writer w = writer_into(bytes, sizeof bytes);
	writer_float64(&w, -0.1);
	writer_uuid(&w, id);
	cr_expect_eq(w.error, 0);
	cr_expect_eq(bytes[0], 0xbf);
	struct reader r = reader_over((struct slice){bytes, sizeof bytes});
	cr_expect_eq(reader_float64(&r), -0.1);
	struct uuid back = reader_uuid(&r);
	cr_expect(uuid_equal(&back, &id));
}

/* Varints at each border of length, and those that are too long or too large. */
Test(cursor, varints)
{
	static const struct { uint32_t value; size_t size; } rows[] = {
		{0, 1}, {127, 1}, {128, 2}, {16383, 2}, {16384, 3}, {2097151, 3}, {2097152, 4}, {268435455, 4}, {268435456, 5},
		{UINT32_MAX, 5},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint8_t bytes[5];
		struct writer w = writer_into(bytes, sizeof bytes);
		writer_varint(&w, rows[i].value);
		cr_expect_eq(w.position, rows[i].size);
		struct reader r = reader_over((struct slice){bytes, w.position});
		cr_expect_eq(reader_varint(&r), rows[i].value);
		cr_expect_eq(r.error, 0);
		r = reader_over((struct slice){bytes, w.position - 1});
		reader_varint(&r);
		cr_expect_eq(r.error, -EBADMSG);
	}
	struct reader too_large = reader_over(BYTES(0xff, 0xff, 0xff, 0xff, 0x1f));
	cr_expect_eq(reader_varint(&too_large), 0);
	cr_expect_eq(too_large.error, -EBADMSG);
	struct reader too_long = reader_over(BYTES(0x80, 0x80, 0x80, 0x80, 0x80, 0));
	reader_varint(&too_long);
	cr_expect_eq(too_long.error, -EBADMSG);
}

/* ---- strings and bytes ---------------------------------------------------------------------------- */

struct string_row {
	const char *what;
	struct slice wire;
	bool flexible, nullable;
	int error;
	int size;   /* -1: null. */
};

/* Lengths of strings in both forms: null, negative, empty, exact, one too long for what is there. */
Test(cursor, string_lengths)
{
	const struct string_row rows[] = {
		{"empty", BYTES(0, 0), false, NOT_NULL, 0, 0},
		{"exact", BYTES(0, 2, 'a', 'b'), false, NOT_NULL, 0, 2},
		{"one byte short", BYTES(0, 3, 'a', 'b'), false, NOT_NULL, -EBADMSG, -1},
		{"null", BYTES(0xff, 0xff), false, NULLABLE, 0, -1},
		{"null refused", BYTES(0xff, 0xff), false, NOT_NULL, -EBADMSG, -1},
		{"below null", BYTES(0xff, 0xfe), false, NULLABLE, -EBADMSG, -1},
		{"no length", BYTES(0), false, NULLABLE, -EBADMSG, -1},
		{"compact empty", BYTES(1), true, NOT_NULL, 0, 0},
		{"compact exact", BYTES(3, 'a', 'b'), true, NOT_NULL, 0, 2},
		{"compact one byte short", BYTES(4, 'a', 'b'), true, NOT_NULL, -EBADMSG, -1},
		{"compact null", BYTES(0), true, NULLABLE, 0, -1},
		{"compact null refused", BYTES(0), true, NOT_NULL, -EBADMSG, -1},
		{"compact huge", BYTES(0xff, 0xff, 0xff, 0xff, 0x0f), true, NULLABLE, -EBADMSG, -1},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct reader r = reader_over(rows[i].wire);
		struct slice s = reader_string(&r, rows[i].flexible, rows[i].nullable);
		cr_expect_eq(r.error, rows[i].error, "%s", rows[i].what);
		cr_expect_eq(s.data ? (int)s.size : -1, rows[i].size, "%s", rows[i].what);
	}
}

/* A string of 32767 bytes is the longest either way; one more is refused even if the bytes are there. */
Test(cursor, longest_string)
{
	static uint8_t text[WIRE_STRING_SIZE_MAX + 1], wire[WIRE_STRING_SIZE_MAX + 8];
	for (int flexible = 0; flexible <= 1; flexible++) {
		struct writer w = writer_into(wire, sizeof wire);
		writer_string(&w, flexible, NOT_NULL, (struct slice){text, WIRE_STRING_SIZE_MAX});
		cr_expect_eq(w.error, 0);
		struct reader r = reader_over((struct slice){wire, w.position});
		cr_expect_eq(reader_string(&r, flexible, NOT_NULL).size, WIRE_STRING_SIZE_MAX);
		w = writer_into(wire, sizeof wire);
		writer_string(&w, flexible, NOT_NULL, (struct slice){text, WIRE_STRING_SIZE_MAX + 1});
		cr_expect_eq(w.error, -EINVAL);
	}
	struct writer w = writer_into(wire, sizeof wire);
	writer_varint(&w, WIRE_STRING_SIZE_MAX + 2);
	struct reader r = reader_over((struct slice){wire, sizeof wire});
	cr_expect_null(reader_string(&r, true, NOT_NULL).data);
	cr_expect_eq(r.error, -EBADMSG);
	cr_expect_str_eq(r.reason, "string too long");
}

/* Bytes: as strings, but with four bytes of length, where negative and huge lengths are refused. */
Test(cursor, bytes_lengths)
{
	const struct string_row rows[] = {
		{"empty", BYTES(0, 0, 0, 0), false, NOT_NULL, 0, 0},
		{"exact", BYTES(0, 0, 0, 1, 9), false, NOT_NULL, 0, 1},
		{"short", BYTES(0, 0, 0, 2, 9), false, NOT_NULL, -EBADMSG, -1},
		{"null", BYTES(0xff, 0xff, 0xff, 0xff), false, NULLABLE, 0, -1},
		{"null refused", BYTES(0xff, 0xff, 0xff, 0xff), false, NOT_NULL, -EBADMSG, -1},
		{"negative", BYTES(0x80, 0, 0, 0), false, NULLABLE, -EBADMSG, -1},
		{"huge", BYTES(0x7f, 0xff, 0xff, 0xff, 1), false, NULLABLE, -EBADMSG, -1},
		{"compact", BYTES(2, 9), true, NOT_NULL, 0, 1},
		{"compact huge", BYTES(0xff, 0xff, 0xff, 0xff, 0x0f, 1), true, NULLABLE, -EBADMSG, -1},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct reader r = reader_over(rows[i].wire);
		struct slice s = reader_bytes(&r, rows[i].flexible, rows[i].nullable);
		cr_expect_eq(r.error, rows[i].error, "%s", rows[i].what);
		cr_expect_eq(s.data ? (int)s.size : -1, rows[i].size, "%s", rows[i].what);
	}
}

/* An empty string is not null, not even at the very end of the input. */
Test(cursor, empty_is_not_null)
{
	struct reader r = reader_over(BYTES(0, 0));
	cr_expect_not_null(reader_string(&r, false, NULLABLE).data);
	uint8_t wire[4];
	struct writer w = writer_into(wire, sizeof wire);
	writer_string(&w, true, NULLABLE, SLICE_EMPTY);
	writer_string(&w, true, NULLABLE, (struct slice){0});
	writer_string(&w, true, NOT_NULL, (struct slice){0});
	cr_expect_eq(w.position, 3);
	cr_expect_eq(wire[0], 1);
	cr_expect_eq(wire[1], 0);
	cr_expect_eq(wire[2], 1);
}

/* ---- arrays ----------------------------------------------------------------------------------------- */

struct array_row {
	const char *what;
	struct slice wire;
	bool flexible, nullable;
	int error, count;
};

/* Counts are held against the bytes left and the arena's limit before anything is allocated. */
Test(cursor, array_counts)
{
	const struct array_row rows[] = {
		{"empty", BYTES(0, 0, 0, 0), false, NOT_NULL, 0, 0},
		{"null", BYTES(0xff, 0xff, 0xff, 0xff), false, NULLABLE, 0, -1},
		{"null refused", BYTES(0xff, 0xff, 0xff, 0xff), false, NOT_NULL, -EBADMSG, 0},
		{"negative", BYTES(0xff, 0xff, 0xff, 0xfe), false, NULLABLE, -EBADMSG, 0},
		{"as many as bytes", BYTES(0, 0, 0, 2, 1, 1), false, NOT_NULL, 0, 2},
		{"one more than bytes", BYTES(0, 0, 0, 3, 1, 1), false, NOT_NULL, -EBADMSG, 0},
		{"two thousand million", BYTES(0x7f, 0xff, 0xff, 0xff, 1), false, NOT_NULL, -EBADMSG, 0},
		{"compact null", BYTES(0), true, NULLABLE, 0, -1},
		{"compact empty", BYTES(1), true, NOT_NULL, 0, 0},
		{"compact one", BYTES(2, 7), true, NOT_NULL, 0, 1},
		{"compact huge", BYTES(0xff, 0xff, 0xff, 0xff, 0x0f, 1), true, NULLABLE, -EBADMSG, 0},
		{"above the arena's limit", BYTES(5, 1, 1, 1, 1), true, NOT_NULL, -ENOMEM, 0},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct arena arena;
		arena_init(&arena, NULL, 0, 3000);
		struct reader r = reader_over(rows[i].wire);
		int32_t count = 99;
		void *items = reader_array(&r, &arena, rows[i].flexible, rows[i].nullable, 1000, &count);
		cr_expect_eq(r.error, rows[i].error, "%s: %s", rows[i].what, r.reason);
		cr_expect_eq(count, rows[i].count, "%s", rows[i].what);
		cr_expect_eq(items != NULL, rows[i].count > 0, "%s", rows[i].what);
		cr_expect_leq(arena.reserved, 3000);
		arena_fini(&arena);
	}
}

/* A null array is written as null where that is allowed, and as empty where it is not. */
Test(cursor, array_counts_written)
{
	uint8_t wire[16];
	struct writer w = writer_into(wire, sizeof wire);
	cr_expect_eq(writer_array(&w, false, NULLABLE, -1), 0);
	cr_expect_eq(writer_array(&w, false, NOT_NULL, -1), 0);
	cr_expect_eq(writer_array(&w, true, NULLABLE, -1), 0);
	cr_expect_eq(writer_array(&w, true, NOT_NULL, 3), 3);
	static const uint8_t expected[] = {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 4};
	cr_expect_eq(w.position, sizeof expected);
	cr_expect_arr_eq(wire, expected, sizeof expected);
}

/* ---- tagged fields ---------------------------------------------------------------------------------- */

/* Reads tag 1 as an int16, skips the others; returns the sum of what it read. */
static int read_tags(struct reader *r)
{
	int sum = 0;
	struct reader_tags tags = reader_tags(r);
	while (reader_next_tag(r, &tags))
		switch (tags.tag) {
		case 1:
			sum += reader_int16(r);
			break;
		default:
			reader_skip_tag(r);
		}
	return sum;
}

/* Known tags are read, unknown ones skipped, and the reader ends up behind them all. */
Test(cursor, tags_known_and_unknown)
{
	struct reader r = reader_over(BYTES(3, 0, 2, 9, 9, 1, 2, 0, 42, 0x80, 1, 0, 7));
	cr_expect_eq(read_tags(&r), 42);
	cr_expect_eq(r.error, 0);
	cr_expect_eq(reader_int8(&r), 7, "the byte behind the tags");
}

/* A tag's value may neither end before its size nor go beyond it, nor may its size go beyond the message. */
Test(cursor, tags_hold_their_size)
{
	struct reader longer = reader_over(BYTES(1, 1, 3, 0, 42, 0, 7));
	read_tags(&longer);
	cr_expect_eq(longer.error, -EBADMSG);
	struct reader shorter = reader_over(BYTES(1, 1, 1, 0, 42, 0, 7));
	cr_expect_eq(read_tags(&shorter), 0);
	cr_expect_eq(shorter.error, -EBADMSG);
	cr_expect_eq(reader_int8(&shorter), 0, "nothing is read after the error, not behind the tag either");
	struct reader beyond = reader_over(BYTES(1, 1, 9, 0, 42));
	read_tags(&beyond);
	cr_expect_eq(beyond.error, -EBADMSG);
	struct reader missing = reader_over(BYTES(2, 1, 2, 0, 42));
	read_tags(&missing);
	cr_expect_eq(missing.error, -EBADMSG);
}

/* ---- writing ----------------------------------------------------------------------------------------- */

/* A full buffer is an error that sticks: no later write slips in, and nothing is written past the end. */
Test(cursor, overflow_sticks)
{
	uint8_t bytes[4] = {0xee, 0xee, 0xee, 0xee};
	struct writer w = writer_into(bytes, 3);
	writer_int16(&w, 1);
	writer_int16(&w, 2);
	writer_int8(&w, 3);
	cr_expect_eq(w.error, -ENOBUFS);
	cr_expect_eq(w.position, 2);
	cr_expect_eq(bytes[2], 0xee);
	cr_expect_eq(bytes[3], 0xee);
}

/* ---- records ----------------------------------------------------------------------------------------- */

static const struct slice pieces[] = {{(const uint8_t *)"abc", 3}, {(const uint8_t *)"", 0}, {(const uint8_t *)"defgh", 5}};

/* Pieces are written one behind the other, and their length prefix is that of them all. */
Test(cursor, records_in_pieces_are_copied)
{
	struct records records = {.pieces = pieces, .piece_count = COUNT_OF(pieces)};
	uint8_t bytes[16];
	struct writer w = writer_into(bytes, sizeof bytes);
	writer_records(&w, false, NULLABLE, &records);
	cr_expect_eq(w.position, 12);
	cr_expect_arr_eq(bytes, "\0\0\0\10abcdefgh", 12);
	struct reader r = reader_over((struct slice){bytes, w.position});
	struct records back = reader_records(&r, false, NULLABLE);
	cr_expect(slice_equal(back.whole, slice_from("abcdefgh")));
	cr_expect_eq(back.piece_count, 0);
}

/* Puts what a writer kept apart back together: what a vectored send does. */
static size_t join(const struct writer *w, uint8_t *target)
{
	size_t size = 0, from = 0;
	for (uint32_t i = 0; i < w->external_count; i++) {
		const struct writer_external *e = &w->externals[i];
		memcpy(target + size, w->data + from, e->position - from);
		size += e->position - from;
		from = e->position;
		memcpy(target + size, e->bytes.data, e->bytes.size);
		size += e->bytes.size;
	}
	memcpy(target + size, w->data + from, w->position - from);
	return size + w->position - from;
}

static void write_sample(struct writer *w)
{
	struct records records = {.pieces = pieces, .piece_count = COUNT_OF(pieces)};
	struct records whole = {.whole = slice_from("xyz")};
	writer_int16(w, 7);
	writer_records(w, true, NULLABLE, &records);
	writer_records(w, true, NULLABLE, &(struct records){0});
	writer_records(w, true, NULLABLE, &whole);
	writer_int8(w, 1);
}

/* Records kept apart and records copied are the same bytes on the wire, and counting foretells both. */
Test(cursor, records_kept_apart)
{
	uint8_t copied[64], buffer[64], joined[128];
	struct writer plain = writer_into(copied, sizeof copied);
	write_sample(&plain);

	struct writer count = writer_counting_apart();
	write_sample(&count);
	cr_expect_eq(count.external_count, 3, "empty pieces are no externals");
	cr_expect_eq(count.position + count.external_size, plain.position);

	struct writer_external externals[3];
	struct writer apart = writer_into_apart(buffer, count.position, externals, count.external_count);
	write_sample(&apart);
	cr_expect_eq(apart.error, 0);
	cr_expect_eq(externals[0].bytes.data, pieces[0].data, "the bytes themselves, not a copy");
	cr_expect_eq(join(&apart, joined), plain.position);
	cr_expect_arr_eq(joined, copied, plain.position);
}

/* Too few externals are an error like a full buffer. */
Test(cursor, too_few_externals)
{
	uint8_t buffer[64];
	struct writer_external externals[2];
	struct writer w = writer_into_apart(buffer, sizeof buffer, externals, 2);
	write_sample(&w);
	cr_expect_eq(w.error, -ENOBUFS);
	cr_expect_eq(w.external_count, 2);
}
