/* libFuzzer: bytes of a connection, cut into frames. The input is a stream of commands, each a byte that says how many of the bytes behind it come
 * at once, or that a frame before is given back; now and then a part is received straight into the frame, as large ones are. The pool is small, so
 * that frames wait for memory. Frames that come out must be those that a plain reading of the stream finds, in order; nothing may be left in
 * the pool's books at the end. */
#include <stdlib.h>
#include <string.h>

#include "log/base/bytes.h"
#include "log/base/check.h"
#include "net/conn/frame_reader.h"

#define BUDGET_BYTES (4u << 20)
#define SIZE_MAX_BYTES (3u << 20)
#define HELD_MAX 8
#define STREAM_MAX (1u << 16)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	struct frame_pool *pool;
	struct frame_reader reader;
	struct frame_wait wait;
	bool is_waiting;
	struct frame *held[HELD_MAX];
	unsigned held_count;
	struct slice expected;   /* of the stream: what has not come out as a frame yet */
};

static void memory_is_back(struct frame_wait *wait)
{
	CONTAINER_OF(wait, struct world, wait)->is_waiting = false;
}

static void take_frame(struct world *world)
{
	struct frame *frame = frame_reader_take(&world->reader);
	CHECK(world->expected.size >= 4);
	uint32_t size = load_be32(world->expected.data);
	CHECK(size == frame->size_bytes && size <= SIZE_MAX_BYTES && world->expected.size >= 4 + (size_t)size);
	CHECK(memcmp(frame->data, world->expected.data + 4, size) == 0);
	world->expected.data += 4 + (size_t)size;
	world->expected.size -= 4 + (size_t)size;
	if (world->held_count < HELD_MAX)
		world->held[world->held_count++] = frame;
	else
		frame_pool_give(world->pool, frame);
}

static void give_one(struct world *world)
{
	if (world->held_count > 0)
		frame_pool_give(world->pool, world->held[--world->held_count]);
	frame_pool_serve(world->pool);
}

/* Waits for memory until what is held has been given back: then there must be some. */
static void wait_for_memory(struct world *world)
{
	world->is_waiting = true;
	frame_reader_wait(&world->reader, world->pool, &world->wait);
	while (world->is_waiting && world->held_count > 0)
		give_one(world);
	list_remove(&world->wait.node);
	world->is_waiting = false;
}

/* False: the stream is refused. */
static bool feed(struct world *world, const uint8_t *bytes, size_t size)
{
	while (size > 0 || frame_reader_needs_memory(&world->reader)) {
		size_t used;
		enum frame_result result = frame_reader_feed(&world->reader, world->pool, SIZE_MAX_BYTES, bytes, size, &used);
		CHECK(used <= size);
		bytes += used;
		size -= used;
		if (result == FRAME_BAD)
			return false;
		if (result == FRAME_WHOLE)
			take_frame(world);
		else if (result == FRAME_NO_MEMORY)
			wait_for_memory(world);
		else
			CHECK(size == 0);
	}
	return true;
}

/* As a receive does that copies nothing. */
static void receive(struct world *world, const uint8_t **bytes, size_t *size)
{
	uint8_t *at;
	size_t room;
	if (!frame_reader_room(&world->reader, &at, &room))
		return;
	size_t count = *size < room ? *size : room;
	if (count == 0)
		return;
	memcpy(at, *bytes, count);
	*bytes += count;
	*size -= count;
	if (frame_reader_received(&world->reader, count))
		take_frame(world);
}

/* Sizes are made likely: of four bytes that begin a frame, half of the inputs have two that are zero anyway. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world world = {.wait.ready = memory_is_back};
	uint8_t *stream = malloc(STREAM_MAX);
	size_t stream_size = 0;
	CHECK(frame_pool_open(&world.pool, BUDGET_BYTES, 4096) == 0);
	for (size_t at = 0; at + 1 < size && stream_size < STREAM_MAX - 256;) {
		size_t count = data[at] & 0x3f ? data[at] & 0x3f : 200;
		count = count < size - at - 1 ? count : size - at - 1;
		memcpy(stream + stream_size, data + at + 1, count);
		stream_size += count;
		at += 1 + count;
	}
	world.expected = (struct slice){stream, stream_size};
	const uint8_t *next = stream;
	bool is_good = true;
	for (size_t at = 0; at + 1 < size && is_good;) {
		size_t count = data[at] & 0x3f ? data[at] & 0x3f : 200, left = (size_t)(stream + stream_size - next);
		count = count < size - at - 1 ? count : size - at - 1;
		size_t step = count < left ? count : left, rest = step;
		const uint8_t *part = next;
		if (data[at] & 0x40)
			give_one(&world);
		if (data[at] & 0x80)
			receive(&world, &part, &rest);
		is_good = feed(&world, part, rest);
		next += step;
		at += 1 + count;
	}
	frame_reader_drop(&world.reader, world.pool);
	while (world.held_count > 0)
		give_one(&world);
	CHECK(frame_pool_used_bytes(world.pool) == 0);
	frame_pool_close(world.pool);
	free(stream);
	return 0;
}
