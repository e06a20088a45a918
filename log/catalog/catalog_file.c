/* Encoding and checking of catalog.log. Failure modes: no memory while writing (a flag), anything at all while reading (answers,
 * never a crash: sizes from the file are compared with what is there before they are used). */
#include "log/catalog/catalog_file.h"

#include <stdlib.h>
#include <xxhash.h>

#include "log/base/bytes.h"
#include "log/base/check.h"

static const char magic[8] = "SPATECAT";
#define VERSION 1

/* ---- writing --------------------------------------------------------------------------------------------------- */

static bool has_room(struct catalog_bytes *bytes, size_t more)
{
	if (bytes->has_failed)
		return false;
	if (bytes->capacity - bytes->size >= more)
		return true;
	size_t capacity = bytes->capacity ? bytes->capacity : 256;
	while (capacity - bytes->size < more)
		capacity *= 2;
	uint8_t *data = realloc(bytes->data, capacity);
	if (!data) {
		bytes->has_failed = true;
		return false;
	}
	bytes->data = data;
	bytes->capacity = capacity;
	return true;
}

void catalog_put(struct catalog_bytes *bytes, const void *data, size_t size)
{
	if (size == 0 || !has_room(bytes, size))
		return;
	memcpy(bytes->data + bytes->size, data, size);
	bytes->size += size;
}

void catalog_put_u32(struct catalog_bytes *bytes, uint32_t value)
{
	uint8_t raw[4];
	store_le32(raw, value);
	catalog_put(bytes, raw, sizeof raw);
}

void catalog_put_u64(struct catalog_bytes *bytes, uint64_t value)
{
	uint8_t raw[8];
	store_le64(raw, value);
	catalog_put(bytes, raw, sizeof raw);
}

void catalog_put_text(struct catalog_bytes *bytes, struct slice text)
{
	catalog_put_u32(bytes, (uint32_t)text.size);
	catalog_put(bytes, text.data, text.size);
}

void catalog_put_header(struct catalog_bytes *bytes)
{
	uint8_t header[CATALOG_HEADER_SIZE] = {0};
	memcpy(header, magic, sizeof magic);
	store_le32(header + 8, VERSION);
	store_le64(header + 16, XXH3_64bits(header, 16));
	catalog_put(bytes, header, sizeof header);
}

void catalog_begin(struct catalog_bytes *bytes, enum catalog_kind kind, uint64_t sequence)
{
	bytes->frame = bytes->size;
	catalog_put_u32(bytes, 0);
	catalog_put_u32(bytes, kind);
	catalog_put_u64(bytes, sequence);
	catalog_put_u64(bytes, 0);
}

/* Of the first 16 bytes of the frame and the body, without the checksum's own place between them. */
static uint64_t checksum_of(const uint8_t *frame, size_t body_size)
{
	uint64_t head = XXH3_64bits(frame, 16);
	return XXH3_64bits_withSeed(frame + CATALOG_FRAME_SIZE, body_size, head);
}

void catalog_end(struct catalog_bytes *bytes)
{
	if (bytes->has_failed)
		return;
	uint8_t *frame = bytes->data + bytes->frame;
	size_t body_size = bytes->size - bytes->frame - CATALOG_FRAME_SIZE;
	CHECK(body_size <= UINT32_MAX);
	store_le32(frame, (uint32_t)body_size);
	store_le64(frame + 16, checksum_of(frame, body_size));
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

bool catalog_header_is_good(struct slice file)
{
	return file.size >= CATALOG_HEADER_SIZE && memcmp(file.data, magic, sizeof magic) == 0 &&
	       load_le32(file.data + 8) == VERSION && load_le64(file.data + 16) == XXH3_64bits(file.data, 16);
}

/* Any good record at the position; its sequence comes out. The cheap comparisons come first, as the search tries every byte. */
static bool read_frame(struct slice file, size_t position, uint64_t sequence_min, uint64_t sequence_max, struct catalog_frame *frame)
{
	const uint8_t *head = file.data + position;
	if (file.size - position < CATALOG_FRAME_SIZE)
		return false;
	uint32_t body_size = load_le32(head), kind = load_le32(head + 4);
	uint64_t sequence = load_le64(head + 8);
	if (kind == 0 || kind > CATALOG_KIND_MAX || sequence < sequence_min || sequence > sequence_max)
		return false;
	if (body_size > file.size - position - CATALOG_FRAME_SIZE || load_le64(head + 16) != checksum_of(head, body_size))
		return false;
	*frame = (struct catalog_frame){
		.kind = (enum catalog_kind)kind,
		.body = {head + CATALOG_FRAME_SIZE, body_size},
		.end = position + CATALOG_FRAME_SIZE + body_size,
	};
	return true;
}

enum catalog_next catalog_next(struct slice file, size_t position, uint64_t sequence, struct catalog_frame *frame)
{
	if (position == file.size)
		return CATALOG_NEXT_END;
	return read_frame(file, position, sequence, sequence, frame) ? CATALOG_NEXT_RECORD : CATALOG_NEXT_BAD;
}

size_t catalog_find_later(struct slice file, size_t position, uint64_t sequence)
{
	struct catalog_frame frame;
	/* No later record can have a sequence further on than there are bytes. */
	for (size_t at = position; at < file.size; at++)
		if (read_frame(file, at, sequence + 1, sequence + file.size, &frame))
			return at;
	return 0;
}

const uint8_t *catalog_take(struct catalog_cursor *cursor, size_t size)
{
	static const uint8_t zeros[16];
	if (cursor->has_failed || (size_t)(cursor->end - cursor->at) < size) {
		CHECK(size <= sizeof zeros);
		cursor->has_failed = true;
		return zeros;
	}
	cursor->at += size;
	return cursor->at - size;
}

uint32_t catalog_take_u32(struct catalog_cursor *cursor)
{
	return load_le32(catalog_take(cursor, 4));
}

uint64_t catalog_take_u64(struct catalog_cursor *cursor)
{
	return load_le64(catalog_take(cursor, 8));
}

struct slice catalog_take_text(struct catalog_cursor *cursor)
{
	uint32_t size = catalog_take_u32(cursor);
	if (cursor->has_failed || (size_t)(cursor->end - cursor->at) < size) {
		cursor->has_failed = true;
		return (struct slice){0};
	}
	cursor->at += size;
	return (struct slice){cursor->at - size, size};
}
