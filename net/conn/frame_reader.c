/* Happy path: the prefix is collected (it may come a byte at a time), a frame is taken from the pool, and filled. */
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

static enum frame_result begin_frame(struct frame_reader *reader, struct frame_pool *pool, uint32_t size_max)
{
	int32_t size = frame_reader_size(reader);
	if (size < 0 || (uint32_t)size > size_max || !frame_pool_fits(pool, (uint32_t)size))
		return FRAME_BAD;
	reader->frame = frame_pool_take(pool, (uint32_t)size);
	if (!reader->frame)
		return FRAME_NO_MEMORY;
	reader->frame->size_bytes = (uint32_t)size;
	reader->filled = 0;
	return FRAME_WHOLE;
}

enum frame_result frame_reader_feed(struct frame_reader *reader, struct frame_pool *pool, uint32_t size_max,
				    const uint8_t *data, size_t size, size_t *used)
{
	*used = 0;
	if (!reader->frame) {
		*used = take_prefix(reader, data, size);
		if (reader->prefix_size < sizeof reader->prefix)
			return FRAME_MORE;
		enum frame_result result = begin_frame(reader, pool, size_max);
		if (result != FRAME_WHOLE)
			return result;
	}
	size_t missing = reader->frame->size_bytes - reader->filled;
	size_t count = size - *used < missing ? size - *used : missing;
	memcpy(reader->frame->data + reader->filled, data + *used, count);
	*used += count;
	return frame_reader_received(reader, count) ? FRAME_WHOLE : FRAME_MORE;
}

struct frame *frame_reader_take(struct frame_reader *reader)
{
	struct frame *frame = reader->frame;
	CHECK(frame && reader->filled == frame->size_bytes);
	reader->frame = NULL;
	reader->prefix_size = 0;
	return frame;
}

bool frame_reader_room(struct frame_reader *reader, uint8_t **at, size_t *size)
{
	if (!reader->frame)
		return false;
	*at = reader->frame->data + reader->filled;
	*size = reader->frame->size_bytes - reader->filled;
	return true;
}

bool frame_reader_received(struct frame_reader *reader, size_t size)
{
	CHECK(size <= reader->frame->size_bytes - reader->filled);
	reader->filled += (uint32_t)size;
	return reader->filled == reader->frame->size_bytes;
}

void frame_reader_drop(struct frame_reader *reader, struct frame_pool *pool)
{
	frame_pool_give(pool, reader->frame);
	reader->frame = NULL;
	reader->prefix_size = 0;
}
