/* Happy path: the prefix is collected (it may come a byte at a time), a frame is taken from the pool, and filled. Of a large frame the start
 * is collected first, in a frame of its own, and then copied: a few microseconds, for what takes many to receive. */
#include "net/conn/frame_reader.h"

#include "log/base/bytes.h"
#include "log/base/check.h"

int32_t frame_reader_size(const struct frame_reader *reader)
{
	return (int32_t)load_be32(reader->prefix);
}

static size_t take_prefix(struct frame_reader *reader, const uint8_t *data, size_t size)
{
	size_t missing = sizeof reader->prefix - reader->prefix_size;
	size_t count = size < missing ? size : missing;
	memcpy(reader->prefix + reader->prefix_size, data, count);
	reader->prefix_size += (uint8_t)count;
	return count;
}

static bool is_large(const struct frame_reader *reader)
{
	return frame_reader_size(reader) > (int32_t)FRAME_ORDINARY_MAX;
}

static enum frame_result begin_frame(struct frame_reader *reader, struct frame_pool *pool, uint32_t size_max)
{
	int32_t size = frame_reader_size(reader);
	if (size < 0 || (uint32_t)size > size_max || !frame_pool_fits(pool, (uint32_t)size))
		return FRAME_BAD;
	reader->is_start = is_large(reader);
	reader->frame = reader->is_start ? frame_pool_take_start(pool) : frame_pool_take(pool, (uint32_t)size);
	if (!reader->frame)
		return FRAME_NO_MEMORY;
	reader->frame->size_bytes = reader->is_start ? FRAME_START_SIZE : (uint32_t)size;
	reader->filled = 0;
	return FRAME_WHOLE;
}

/* The start has come: the frame takes its place. */
static enum frame_result go_on_with_large(struct frame_reader *reader, struct frame_pool *pool)
{
	struct frame *start = reader->frame, *frame = frame_pool_take(pool, (uint32_t)frame_reader_size(reader));
	if (!frame)
		return FRAME_NO_MEMORY;
	frame->size_bytes = (uint32_t)frame_reader_size(reader);
	memcpy(frame->data, start->data, reader->filled);
	reader->frame = frame;
	reader->is_start = false;
	frame_pool_give(pool, start);
	return FRAME_WHOLE;
}

static bool is_filled(const struct frame_reader *reader)
{
	return reader->filled == reader->frame->size_bytes;
}

static size_t fill(struct frame_reader *reader, const uint8_t *data, size_t size)
{
	size_t missing = reader->frame->size_bytes - reader->filled;
	size_t count = size < missing ? size : missing;
	memcpy(reader->frame->data + reader->filled, data, count);
	reader->filled += (uint32_t)count;
	return count;
}

enum frame_result frame_reader_feed(struct frame_reader *reader, struct frame_pool *pool, uint32_t size_max,
				    const uint8_t *data, size_t size, size_t *used)
{
	enum frame_result result = FRAME_WHOLE;
	*used = 0;
	if (!reader->frame) {
		*used = take_prefix(reader, data, size);
		if (reader->prefix_size < sizeof reader->prefix)
			return FRAME_MORE;
		result = begin_frame(reader, pool, size_max);
	}
	if (result == FRAME_WHOLE)
		*used += fill(reader, data + *used, size - *used);
	if (result == FRAME_WHOLE && reader->is_start && is_filled(reader)) {
		result = go_on_with_large(reader, pool);
		if (result == FRAME_WHOLE)
			*used += fill(reader, data + *used, size - *used);
	}
	if (result != FRAME_WHOLE)
		return result;
	return is_filled(reader) && !reader->is_start ? FRAME_WHOLE : FRAME_MORE;
}

bool frame_reader_needs_memory(const struct frame_reader *reader)
{
	if (!reader->frame)
		return reader->prefix_size == sizeof reader->prefix;
	return reader->is_start && is_filled(reader);
}

void frame_reader_wait(const struct frame_reader *reader, struct frame_pool *pool, struct frame_wait *wait)
{
	if (!reader->frame && is_large(reader))
		frame_pool_wait_start(pool, wait);
	else
		frame_pool_wait(pool, wait, (uint32_t)frame_reader_size(reader));
}

struct frame *frame_reader_take(struct frame_reader *reader)
{
	struct frame *frame = reader->frame;
	CHECK(frame && is_filled(reader) && !reader->is_start);
	reader->frame = NULL;
	reader->prefix_size = 0;
	return frame;
}

bool frame_reader_room(struct frame_reader *reader, uint8_t **at, size_t *size)
{
	if (!reader->frame || is_filled(reader))
		return false;
	*at = reader->frame->data + reader->filled;
	*size = reader->frame->size_bytes - reader->filled;
	return true;
}

bool frame_reader_received(struct frame_reader *reader, size_t size)
{
	CHECK(size <= reader->frame->size_bytes - reader->filled);
	reader->filled += (uint32_t)size;
	return is_filled(reader) && !reader->is_start;
}

void frame_reader_drop(struct frame_reader *reader, struct frame_pool *pool)
{
	frame_pool_give(pool, reader->frame);
	reader->frame = NULL;
	reader->is_start = false;
	reader->prefix_size = 0;
}
