/* The part of the cursor that is not worth inlining: lengths, nulls, arrays and tagged fields. Each read
 * checks a length against the bytes left before it trusts it, so the worst that input can do is an error. */
#include "net/wire/cursor.h"

size_t records_size(const struct records *records)
{
	if (records->piece_count == 0)
		return records->whole.size;
	size_t size = 0;
	for (uint32_t i = 0; i < records->piece_count; i++)
		size += records->pieces[i].size;
	return size;
}

/* ---- reading -------------------------------------------------------------------------------------- */

void reader_fail(struct reader *reader, int error, const char *reason)
{
	if (!reader->error) {
		reader->error = error;
		reader->reason = reason;
	}
	reader->at = reader->end;
}

double reader_float64(struct reader *reader)
{
	uint64_t bits = reader_uint64(reader);
	double value;
	memcpy(&value, &bits, sizeof value);
	return value;
}

struct uuid reader_uuid(struct reader *reader)
{
	struct uuid id = {{0}};
	const uint8_t *p = reader_take(reader, sizeof id.bytes);
	if (p)
		memcpy(id.bytes, p, sizeof id.bytes);
	return id;
}

uint32_t reader_varint(struct reader *reader)
{
	uint64_t value = 0;
	unsigned size = varint_read(reader->at, reader->end, 5, &value);
	if (size == 0 || value > UINT32_MAX) {
		reader_fail(reader, -EBADMSG, size == 0 ? "varint truncated or too long" : "varint above 32 bits");
		return 0;
	}
	reader->at += size;
	return (uint32_t)value;
}

/* A length or count in compact form: one more than the value, 0 for null. Returns -1 for null. */
static int64_t read_compact_length(struct reader *reader)
{
	return (int64_t)reader_varint(reader) - 1;
}

/* Turns a length into a view; -1 is null, anything below is an error, and so is null where `nullable` is false. */
static struct slice take_slice(struct reader *reader, int64_t size, bool nullable)
{
	if (reader->error)
		return (struct slice){0};
	if (size == -1 && nullable)
		return (struct slice){0};
	if (size < 0) {
		reader_fail(reader, -EBADMSG, size == -1 ? "null where it may not be" : "negative length");
		return (struct slice){0};
	}
	const uint8_t *data = reader_take(reader, (size_t)size);
	return (struct slice){data, data ? (size_t)size : 0};
}

struct slice reader_string(struct reader *reader, bool flexible, bool nullable)
{
	int64_t size = flexible ? read_compact_length(reader) : reader_int16(reader);
	if (size > WIRE_STRING_SIZE_MAX)
		reader_fail(reader, -EBADMSG, "string too long");
	return take_slice(reader, size, nullable);
}

struct slice reader_bytes(struct reader *reader, bool flexible, bool nullable)
{
	int64_t size = flexible ? read_compact_length(reader) : reader_int32(reader);
	return take_slice(reader, size, nullable);
}

struct records reader_records(struct reader *reader, bool flexible, bool nullable)
{
	return (struct records){.whole = reader_bytes(reader, flexible, nullable)};
}

static void *alloc_items(struct reader *reader, struct arena *arena, size_t size)
{
	void *items = arena_alloc(arena, size);
	if (!items)
		reader_fail(reader, -ENOMEM, "message needs more memory than allowed");
	return items;
}

void *reader_array(struct reader *reader, struct arena *arena, bool flexible, bool nullable, size_t item_size,
		   int32_t *count)
{
	*count = 0;
	int64_t n = flexible ? read_compact_length(reader) : reader_int32(reader);
	if (n < -1 || (n == -1 && !nullable))
		reader_fail(reader, -EBADMSG, n == -1 ? "null where it may not be" : "negative count");
	else if (n > 0 && (uint64_t)n > reader_left(reader))
		reader_fail(reader, -EBADMSG, "count above the bytes left");
	if (reader->error)
		return NULL;
	if (n <= 0) {
		*count = (int32_t)n;
		return NULL;
	}
	void *items = alloc_items(reader, arena, (size_t)n * item_size);
	*count = items ? (int32_t)n : 0;
	return items;
}

void *reader_nullable_struct(struct reader *reader, struct arena *arena, size_t size)
{
	/* Kafka: a negative byte is null, any other says a struct follows. */
	if (reader_int8(reader) < 0 || reader->error)
		return NULL;
	return alloc_items(reader, arena, size);
}

void *reader_struct(struct reader *reader, struct arena *arena, size_t size)
{
	return reader->error ? NULL : alloc_items(reader, arena, size);
}

struct reader_tags reader_tags(struct reader *reader)
{
	return (struct reader_tags){.left = reader_varint(reader)};
}

static void leave_tag(struct reader *reader, struct reader_tags *tags)
{
	if (reader->at != reader->end) {
		reader_fail(reader, -EBADMSG, "tagged field longer than its value");
		return;
	}
	reader->end = tags->outer_end;
	tags->inside = false;
}

bool reader_next_tag(struct reader *reader, struct reader_tags *tags)
{
	if (tags->inside && !reader->error)
		leave_tag(reader, tags);
	if (reader->error || tags->left == 0)
		return false;
	tags->left--;
	tags->tag = reader_varint(reader);
	uint32_t size = reader_varint(reader);
	if (size > reader_left(reader))
		reader_fail(reader, -EBADMSG, "tagged field longer than the message");
	if (reader->error)
		return false;
	tags->outer_end = reader->end;
	tags->inside = true;
	reader->end = reader->at + size;
	return true;
}

/* ---- writing -------------------------------------------------------------------------------------- */

void writer_fail(struct writer *writer, int error)
{
	if (!writer->error)
		writer->error = error;
	writer->capacity = writer->position;
}

void writer_count_error(struct writer *writer, int16_t code)
{
	if (!writer->error_counts || writer->error)
		return;
	uint64_t *counter = &writer->error_counts[code < -1 || code >= WIRE_ERROR_CODES - 1 ? 0 : code + 1];
	/* Others may read it meanwhile: one whole word, as all counters (net/metrics.h). */
	__atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED);
}

void writer_float64(struct writer *writer, double value)
{
	uint64_t bits;
	memcpy(&bits, &value, sizeof bits);
	writer_uint64(writer, bits);
}

static void write_raw(struct writer *writer, const void *data, size_t size)
{
	uint8_t *p = writer_reserve(writer, size);
	if (p && size)
		memcpy(p, data, size);
}

void writer_uuid(struct writer *writer, struct uuid value)
{
	write_raw(writer, value.bytes, sizeof value.bytes);
}

void writer_varint(struct writer *writer, uint32_t value)
{
	uint8_t bytes[VARINT_SIZE_MAX];
	write_raw(writer, bytes, varint_write(bytes, value));
}

/* The length before variable-size data: null is 0 in compact form, else -1. */
static void write_length(struct writer *writer, bool flexible, bool is_null, size_t size)
{
	if (size >= INT32_MAX)
		writer_fail(writer, -EINVAL);
	else if (flexible)
		writer_varint(writer, is_null ? 0 : (uint32_t)size + 1);
	else
		writer_int32(writer, is_null ? -1 : (int32_t)size);
}

void writer_string(struct writer *writer, bool flexible, bool nullable, struct slice value)
{
	bool is_null = nullable && !value.data;
	if (value.size > WIRE_STRING_SIZE_MAX)
		writer_fail(writer, -EINVAL);
	else if (flexible)
		writer_varint(writer, is_null ? 0 : (uint32_t)value.size + 1);
	else
		writer_int16(writer, is_null ? -1 : (int16_t)value.size);
	write_raw(writer, value.data, value.size);
}

void writer_bytes(struct writer *writer, bool flexible, bool nullable, struct slice value)
{
	write_length(writer, flexible, nullable && !value.data, value.size);
	write_raw(writer, value.data, value.size);
}

static void write_external(struct writer *writer, struct slice bytes)
{
	if (writer->error || bytes.size == 0)
		return;
	if (writer->data) {
		if (writer->external_count == writer->external_capacity) {
			writer_fail(writer, -ENOBUFS);
			return;
		}
		writer->externals[writer->external_count] =
			(struct writer_external){.position = writer->position, .bytes = bytes};
	}
	writer->external_count++;
	writer->external_size += bytes.size;
}

static void write_piece(struct writer *writer, struct slice bytes)
{
	if (writer->keeps_records_apart)
		write_external(writer, bytes);
	else
		write_raw(writer, bytes.data, bytes.size);
}

void writer_records(struct writer *writer, bool flexible, bool nullable, const struct records *records)
{
	bool is_null = nullable && records->piece_count == 0 && !records->whole.data;
	write_length(writer, flexible, is_null, records_size(records));
	if (records->piece_count == 0)
		write_piece(writer, records->whole);
	for (uint32_t i = 0; i < records->piece_count; i++)
		write_piece(writer, records->pieces[i]);
}

int32_t writer_array(struct writer *writer, bool flexible, bool nullable, int32_t count)
{
	bool is_null = nullable && count < 0;
	int32_t following = count < 0 ? 0 : count;
	write_length(writer, flexible, is_null, (size_t)following);
	return following;
}

void writer_tag(struct writer *writer, uint32_t tag, size_t size)
{
	if (size >= INT32_MAX)
		writer_fail(writer, -EINVAL);
	writer_varint(writer, tag);
	writer_varint(writer, (uint32_t)size);
}
