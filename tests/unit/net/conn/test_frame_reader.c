/* Cutting bytes into frames, however they arrive. */
#include "net/conn/frame_reader.h"

#include "log/base/bytes.h"
#include <criterion/criterion.h>
#include <stdlib.h>

#define LIMIT 100000u

static struct frame_pool *pool;
static struct frame_reader reader;

static void set_up(void)
{
	cr_assert_eq(frame_pool_open(&pool, 1 << 20, 0), 0);
	reader = (struct frame_reader){0};
}

static void tear_down(void)
{
	frame_reader_drop(&reader, pool);
	frame_pool_close(pool);
}

TestSuite(frame_reader, .init = set_up, .fini = tear_down);

/* `count` frames of sizes 0, 1, 2 ... whose bytes are their size. */
static size_t write_frames(uint8_t *out, uint32_t count)
{
	size_t at = 0;
	for (uint32_t size = 0; size < count; size++) {
		store_be32(out + at, size);
		memset(out + at + 4, (int)size, size);
		at += 4 + size;
	}
	return at;
}

static void expect_frame(uint32_t size)
{
	struct frame *frame = frame_reader_take(&reader);
	cr_assert_eq(frame->size_bytes, size);
	for (uint32_t i = 0; i < size; i++)
		cr_assert_eq(frame->data[i], (uint8_t)size);
	frame_pool_give(pool, frame);
}

/* Fed in pieces of every size, the same frames come out. */
Test(frame_reader, frames_do_not_depend_on_how_bytes_arrive)
{
	static uint8_t bytes[30000];
	size_t total = write_frames(bytes, 200);
	for (size_t step = 1; step < 700; step = step * 2 + 1) {
		uint32_t seen = 0;
		for (size_t at = 0; at < total;) {
			size_t piece = total - at < step ? total - at : step;
			while (piece > 0) {
				size_t used;
				enum frame_result result = frame_reader_feed(&reader, pool, LIMIT, bytes + at, piece, &used);
				cr_assert(result == FRAME_MORE || result == FRAME_WHOLE);
				cr_assert(result == FRAME_WHOLE || used == piece);
				if (result == FRAME_WHOLE)
					expect_frame(seen++);
				at += used;
				piece -= used;
			}
		}
		cr_assert_eq(seen, 200, "in pieces of %zu", step);
	}
}

/* Sizes that are refused before anything is allocated: the table of the wire's worst. */
Test(frame_reader, refuses_impossible_sizes)
{
	static const uint32_t sizes[] = {LIMIT + 1, 0x7fffffff, 0x80000000, 0xffffffff, 0x47455420 /* "GET " */};
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		uint8_t prefix[4];
		size_t used;
		store_be32(prefix, sizes[i]);
		reader = (struct frame_reader){0};
		cr_assert_eq(frame_reader_feed(&reader, pool, LIMIT, prefix, 4, &used), FRAME_BAD);
		cr_assert_eq(frame_reader_size(&reader), (int32_t)sizes[i]);
		cr_assert_eq(frame_pool_used_bytes(pool), 0);
	}
	reader = (struct frame_reader){0};
}

/* A limit above what the pool can ever give does not help. */
Test(frame_reader, refuses_what_the_pool_never_has)
{
	uint8_t prefix[4];
	size_t used;
	store_be32(prefix, 2 << 20);
	cr_assert_eq(frame_reader_feed(&reader, pool, 100 << 20, prefix, 4, &used), FRAME_BAD);
}

/* Without memory the size is kept, and the same bytes go on later. */
Test(frame_reader, goes_on_when_memory_is_back)
{
	struct frame *hog = frame_pool_take(pool, 1 << 20);
	uint8_t bytes[104] = {0, 0, 0, 100};
	size_t used;
	memset(bytes + 4, 100, 100);
	cr_assert_eq(frame_reader_feed(&reader, pool, LIMIT, bytes, sizeof bytes, &used), FRAME_NO_MEMORY);
	cr_assert_eq(used, 4);
	cr_assert_eq(frame_reader_feed(&reader, pool, LIMIT, bytes + 4, 100, &used), FRAME_NO_MEMORY);
	cr_assert_eq(used, 0);
	frame_pool_give(pool, hog);
	cr_assert_eq(frame_reader_feed(&reader, pool, LIMIT, bytes + 4, 100, &used), FRAME_WHOLE);
	cr_assert_eq(used, 100);
	expect_frame(100);
}

/* The rest of a frame may be received straight into it. */
Test(frame_reader, gives_room_inside_a_frame)
{
	uint8_t bytes[14] = {0, 0, 0, 60, 60, 60, 60, 60, 60, 60, 60, 60, 60, 60};
	uint8_t *at;
	size_t size, used;
	cr_assert_not(frame_reader_room(&reader, &at, &size));
	cr_assert_eq(frame_reader_feed(&reader, pool, LIMIT, bytes, sizeof bytes, &used), FRAME_MORE);
	cr_assert(frame_reader_room(&reader, &at, &size));
	cr_assert_eq(size, 50);
	memset(at, 60, 20);
	cr_assert_not(frame_reader_received(&reader, 20));
	cr_assert(frame_reader_room(&reader, &at, &size));
	cr_assert_eq(size, 30);
	memset(at, 60, 30);
	cr_assert(frame_reader_received(&reader, 30));
	expect_frame(60);
}

/* ---- large frames ------------------------------------------------------------------------------------------------------------ */

#define LARGE_SIZE (3u << 20)

static struct frame_pool *large_pool;

static void open_large_pool(void)
{
	cr_assert_eq(frame_pool_open(&large_pool, 16 << 20, 0), 0);
	reader = (struct frame_reader){0};
}

static void close_large_pool(void)
{
	frame_reader_drop(&reader, large_pool);
	frame_pool_close(large_pool);
}

static uint8_t byte_at(size_t at)
{
	return (uint8_t)(at * 7 + at / 251);
}

static uint8_t *large_frame(void)
{
	uint8_t *bytes = malloc(4 + LARGE_SIZE);
	store_be32(bytes, LARGE_SIZE);
	for (size_t i = 0; i < LARGE_SIZE; i++)
		bytes[4 + i] = byte_at(i);
	return bytes;
}

static void expect_large_frame(void)
{
	struct frame *frame = frame_reader_take(&reader);
	cr_assert_eq(frame->size_bytes, LARGE_SIZE);
	for (size_t i = 0; i < LARGE_SIZE; i++)
		cr_assert_eq(frame->data[i], byte_at(i), "at %zu", i);
	frame_pool_give(large_pool, frame);
	cr_assert_eq(frame_pool_used_bytes(large_pool), 0);
}

/* A large frame takes its memory with the last byte of its start, not with its size; and comes out whole however it arrives. */
Test(frame_reader_large, takes_memory_when_the_start_has_come, .init = open_large_pool, .fini = close_large_pool)
{
	static const size_t steps[] = {1000, 8192, FRAME_START_SIZE, FRAME_START_SIZE + 4, 4u << 20};
	uint8_t *bytes = large_frame();
	for (size_t s = 0; s < COUNT_OF(steps); s++) {
		enum frame_result result = FRAME_MORE;
		for (size_t at = 0; at < 4 + LARGE_SIZE;) {
			size_t used, piece = 4 + LARGE_SIZE - at < steps[s] ? 4 + LARGE_SIZE - at : steps[s];
			result = frame_reader_feed(&reader, large_pool, 100 << 20, bytes + at, piece, &used);
			cr_assert_eq(used, piece);
			at += used;
			cr_assert_eq(frame_pool_used_bytes(large_pool) > FRAME_START_SIZE, at >= 4 + FRAME_START_SIZE, "at %zu", at);
		}
		cr_assert_eq(result, FRAME_WHOLE);
		expect_large_frame();
	}
	free(bytes);
}

/* The start is received straight into its place as well; then it waits for memory with all that came. */
Test(frame_reader_large, waits_with_its_start, .init = open_large_pool, .fini = close_large_pool)
{
	uint8_t *bytes = large_frame(), *at;
	size_t used, size;
	struct frame *hog = frame_pool_take(large_pool, 14 << 20);
	cr_assert_not_null(hog);
	cr_assert_eq(frame_reader_feed(&reader, large_pool, 100 << 20, bytes, 24, &used), FRAME_MORE);
	cr_assert_not(frame_reader_needs_memory(&reader));
	cr_assert(frame_reader_room(&reader, &at, &size));
	cr_assert_eq(size, FRAME_START_SIZE - 20);
	memcpy(at, bytes + 24, size);
	cr_assert_not(frame_reader_received(&reader, size));
	cr_assert(frame_reader_needs_memory(&reader));
	cr_assert_not(frame_reader_room(&reader, &at, &size));
	cr_assert_eq(frame_reader_feed(&reader, large_pool, 100 << 20, bytes + 4 + FRAME_START_SIZE, 100, &used), FRAME_NO_MEMORY);
	cr_assert_eq(used, 0);
	frame_pool_give(large_pool, hog);
	cr_assert_eq(frame_reader_feed(&reader, large_pool, 100 << 20, bytes + 4 + FRAME_START_SIZE, LARGE_SIZE, &used), FRAME_WHOLE);
	cr_assert_eq(used, LARGE_SIZE - FRAME_START_SIZE);
	expect_large_frame();
	free(bytes);
}
