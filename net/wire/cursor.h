/* The reader and the writer of Kafka's wire primitives. A reader walks bytes somebody else owns; a writer
 * fills a buffer of the caller, or only counts. Both carry a sticky error: after the first one every read
 * gives zero or empty, every write does nothing, and the caller looks at `error` once, at the end.
 * Any thread, one at a time. Neither ever allocates (arrays come from the caller's arena) nor aborts on
 * what the bytes say.
 *
 * `flexible` selects the compact forms of KIP-482 (varint length + 1) over the older ones (fixed length).
 * A null string, bytes or records is a slice whose data is NULL; a null array has count -1. */
#pragma once

#include "log/base/arena.h"
#include "log/base/bytes.h"

#include <errno.h>

#define NULLABLE true
#define NOT_NULL false

/* Kafka's own bound on any string, in the compact form as well. */
#define WIRE_STRING_SIZE_MAX 32767

/* Present and empty, where a zeroed slice would say null. */
#define SLICE_EMPTY ((struct slice){(const uint8_t *)"", 0})

static inline bool slice_equal(struct slice a, struct slice b)
{
	return a.size == b.size && (!a.data) == (!b.data) && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* Record batches: one slice (`whole`, data NULL = null), or, if piece_count is not 0, the concatenation of
 * `pieces`. Decoding always gives `whole`; a fetch answers with pieces that lie where the log has them. */
struct records {
	struct slice whole;
	const struct slice *pieces;
	uint32_t piece_count;
};

size_t records_size(const struct records *records);

/* ---- reading -------------------------------------------------------------------------------------- */

/* Embedded by value. error: 0, -EBADMSG (malformed; `reason` says how), -ENOMEM (the arena is full). */
struct reader {
	const uint8_t *at, *end;
	int error;
	const char *reason;
};

static inline struct reader reader_over(struct slice bytes)
{
	return (struct reader){.at = bytes.data, .end = bytes.data ? bytes.data + bytes.size : NULL};
}

static inline size_t reader_left(const struct reader *reader) { return (size_t)(reader->end - reader->at); }

/* Sets the error if there is none yet, and uses up the input. `reason` is static storage. */
void reader_fail(struct reader *reader, int error, const char *reason);

/* The next `size` bytes, or NULL and an error if there are fewer. */
static inline const uint8_t *reader_take(struct reader *reader, size_t size)
{
	if (__builtin_expect(size > reader_left(reader), 0)) {
		reader_fail(reader, -EBADMSG, "truncated");
		return NULL;
	}
	const uint8_t *bytes = reader->at;
	reader->at += size;
	return bytes;
}

static inline uint8_t reader_uint8(struct reader *reader)
{
	const uint8_t *p = reader_take(reader, 1);
	return p ? *p : 0;
}

static inline uint16_t reader_uint16(struct reader *reader)
{
	const uint8_t *p = reader_take(reader, 2);
	return p ? load_be16(p) : 0;
}

static inline uint32_t reader_uint32(struct reader *reader)
{
	const uint8_t *p = reader_take(reader, 4);
	return p ? load_be32(p) : 0;
}

static inline uint64_t reader_uint64(struct reader *reader)
{
	const uint8_t *p = reader_take(reader, 8);
	return p ? load_be64(p) : 0;
}

static inline int8_t reader_int8(struct reader *reader) { return (int8_t)reader_uint8(reader); }
static inline int16_t reader_int16(struct reader *reader) { return (int16_t)reader_uint16(reader); }
static inline int32_t reader_int32(struct reader *reader) { return (int32_t)reader_uint32(reader); }
static inline int64_t reader_int64(struct reader *reader) { return (int64_t)reader_uint64(reader); }

/* Any byte but 0 is true, as Kafka reads it. */
static inline bool reader_bool(struct reader *reader) { return reader_uint8(reader) != 0; }

double reader_float64(struct reader *reader);
struct uuid reader_uuid(struct reader *reader);

/* At most five bytes; a value that does not fit 32 bits is an error. */
uint32_t reader_varint(struct reader *reader);

/* Views into the input. Null where it may not be, a negative or too large length: errors. */
struct slice reader_string(struct reader *reader, bool flexible, bool nullable);
struct slice reader_bytes(struct reader *reader, bool flexible, bool nullable);
struct records reader_records(struct reader *reader, bool flexible, bool nullable);

/* Reads the count of an array and takes room for it from the arena, but only after the count has been held
 * against the bytes left: each element needs at least one. *count is -1 for null, 0 after an error. */
void *reader_array(struct reader *reader, struct arena *arena, bool flexible, bool nullable, size_t item_size,
		   int32_t *count);

/* The byte before a nullable struct: room for the struct, or NULL if it is null (or after an error). */
void *reader_nullable_struct(struct reader *reader, struct arena *arena, size_t size);

/* Room for a struct; NULL after an error. */
void *reader_struct(struct reader *reader, struct arena *arena, size_t size);

/* The tagged fields at the end of a flexible struct:
 *	struct reader_tags tags = reader_tags(reader);
 *	while (reader_next_tag(reader, &tags))
 *		switch (tags.tag) { case 0: ...; break; default: reader_skip_tag(reader); }
 * While inside, the reader ends where the field ends; a field not read to its end is an error. */
struct reader_tags {
	uint32_t left, tag;
	const uint8_t *outer_end;
	bool inside;
};

struct reader_tags reader_tags(struct reader *reader);
bool reader_next_tag(struct reader *reader, struct reader_tags *tags);
static inline void reader_skip_tag(struct reader *reader) { reader->at = reader->end; }

/* Codes are counted by their number plus one, from -1 (UNKNOWN_SERVER_ERROR) on; what is beyond counts as that. */
#define WIRE_ERROR_CODES 140

/* ---- writing -------------------------------------------------------------------------------------- */

/* Bytes that belong at `position` of the writer's buffer but were not copied into it. */
struct writer_external {
	size_t position;
	struct slice bytes;
};

/* Embedded by value. With data NULL nothing is stored: the writer counts, so one encoder gives both the
 * size and the bytes. error: 0, -ENOBUFS (the buffer or the externals are full), -EINVAL (the value cannot
 * be written, such as a string that is too long). */
struct writer {
	uint8_t *data;
	size_t position, capacity;
	int error;
	bool keeps_records_apart;              /* Records become externals; else they are copied. */
	struct writer_external *externals;
	uint32_t external_count, external_capacity;
	size_t external_size;
	uint64_t *error_counts;                /* NULL, or the WIRE_ERROR_CODES counters of what writer_error_code writes */
};

/* Writes into a fixed buffer; records are copied. */
static inline struct writer writer_into(void *data, size_t capacity)
{
	return (struct writer){.data = data, .capacity = capacity};
}

/* Counts: afterwards `position` is the encoded size, records included. */
static inline struct writer writer_counting(void)
{
	return (struct writer){.capacity = SIZE_MAX};
}

/* The same two, for answers whose records are sent from where they lie. Counting: `position` is the size of
 * the buffer needed, external_count the externals, and position + external_size the size on the wire.
 * Writing: `externals` lists the records' bytes, in order; each goes before the buffer's byte at its position.
 * Length prefixes count them in either way. The bytes must stay until they are sent. */
static inline struct writer writer_counting_apart(void)
{
	return (struct writer){.capacity = SIZE_MAX, .keeps_records_apart = true};
}

static inline struct writer writer_into_apart(void *data, size_t capacity, struct writer_external *externals,
					      uint32_t external_capacity)
{
	return (struct writer){.data = data,
			       .capacity = capacity,
			       .keeps_records_apart = true,
			       .externals = externals,
			       .external_capacity = external_capacity};
}

/* Sets the error if there is none yet; nothing more is written. */
void writer_fail(struct writer *writer, int error);

/* Room for `size` bytes; NULL when counting or after an error. */
static inline uint8_t *writer_reserve(struct writer *writer, size_t size)
{
	if (__builtin_expect(size > writer->capacity - writer->position, 0)) {
		writer_fail(writer, -ENOBUFS);
		return NULL;
	}
	uint8_t *at = writer->data ? writer->data + writer->position : NULL;
	writer->position += size;
	return at;
}

static inline void writer_uint8(struct writer *writer, uint8_t value)
{
	uint8_t *p = writer_reserve(writer, 1);
	if (p)
		*p = value;
}

static inline void writer_uint16(struct writer *writer, uint16_t value)
{
	uint8_t *p = writer_reserve(writer, 2);
	if (p)
		store_be16(p, value);
}

static inline void writer_uint32(struct writer *writer, uint32_t value)
{
	uint8_t *p = writer_reserve(writer, 4);
	if (p)
		store_be32(p, value);
}

static inline void writer_uint64(struct writer *writer, uint64_t value)
{
	uint8_t *p = writer_reserve(writer, 8);
	if (p)
		store_be64(p, value);
}

static inline void writer_int8(struct writer *writer, int8_t value) { writer_uint8(writer, (uint8_t)value); }
static inline void writer_int16(struct writer *writer, int16_t value) { writer_uint16(writer, (uint16_t)value); }
static inline void writer_int32(struct writer *writer, int32_t value) { writer_uint32(writer, (uint32_t)value); }
static inline void writer_int64(struct writer *writer, int64_t value) { writer_uint64(writer, (uint64_t)value); }
static inline void writer_bool(struct writer *writer, bool value) { writer_uint8(writer, value); }

/* Counts an error code that is not 0, if the writer counts. */
void writer_count_error(struct writer *writer, int16_t code);

static inline void writer_error_code(struct writer *writer, int16_t code)
{
	writer_int16(writer, code);
	if (__builtin_expect(code != 0, 0))
		writer_count_error(writer, code);
}

void writer_float64(struct writer *writer, double value);
void writer_uuid(struct writer *writer, struct uuid value);
void writer_varint(struct writer *writer, uint32_t value);

/* Null where it may not be is written as empty, so a zeroed struct is a valid message. */
void writer_string(struct writer *writer, bool flexible, bool nullable, struct slice value);
void writer_bytes(struct writer *writer, bool flexible, bool nullable, struct slice value);
void writer_records(struct writer *writer, bool flexible, bool nullable, const struct records *records);

/* The count before an array's elements; returns how many follow: 0 for null. */
int32_t writer_array(struct writer *writer, bool flexible, bool nullable, int32_t count);

/* The tag and the size before a tagged field's value. */
void writer_tag(struct writer *writer, uint32_t tag, size_t size);
