/* A segment's recent bytes in memory: wherever they are asked for, and in whatever order, also after the oldest have gone. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "log/batch/batch_builder.h"
#include "log/segment/segment.h"

#define BATCHES 3000

static struct cache *cache;
static struct segment_home home;
static struct segment *segment;
static uint64_t positions[BATCHES + 1];

/* Batches of many sizes: chunks of all classes, most batches in more than one. */
static void stage(int i)
{
	static uint8_t bytes[40000], value[30000];
	struct batch_builder_options options = BATCH_BUILDER_PLAIN;
	options.base_offset = i;
	struct batch_builder builder;
	struct record record = {.value = {value, i % 97 == 0 ? 29000 : (size_t)(i * 37 % 5000)}};
	uint32_t size;
	struct batch batch;
	cr_assert_eq(batch_builder_open(&builder, NULL, &options, bytes, sizeof bytes), 0);
	cr_assert_eq(batch_builder_append(&builder, &record), 0);
	cr_assert_eq(batch_builder_finish(&builder, &size), 0);
	cr_assert_eq(batch_parse_header((struct slice){bytes, size}, &batch), 0);
	cr_assert_eq(segment_reserve(segment, size), 0);
	segment_stage(segment, bytes, &batch, i);
	positions[i + 1] = segment->staged.position;
}

static void open_segment(void)
{
	cr_assert_eq(cache_open(&cache, 64 << 20, segment_evict), 0);
	cr_assert_eq(segment_home_open(&home, NULL, cache), 0);
	segment = segment_create(&home, "/nowhere", 0, 4096, 1 << 20);
	cr_assert_not_null(segment);
	for (int i = 0; i < BATCHES; i++)
		stage(i);
}

static void close_segment(void)
{
	segment_destroy(segment);
	segment_home_close(&home);
	cache_close(cache);
}

static void expect_batch(int i)
{
	struct batch batch;
	segment_peek_batch(segment, positions[i], &batch);
	cr_assert_eq(batch.base_offset, i, "batch %ld where %d was staged", (long)batch.base_offset, i);
	cr_assert_eq(batch.size_bytes, positions[i + 1] - positions[i]);
}

/* Forwards, backwards, and at random. */
Test(segment_memory, finds_every_batch_in_any_order, .init = open_segment, .fini = close_segment)
{
	for (int i = 0; i < BATCHES; i++)
		expect_batch(i);
	for (int i = BATCHES; i-- > 0;)
		expect_batch(i);
	srand(1);
	for (int i = 0; i < 20000; i++)
		expect_batch(rand() % BATCHES);
}

/* The chunk that was asked for last may be the one that goes. */
Test(segment_memory, finds_what_is_left_when_the_oldest_goes, .init = open_segment, .fini = close_segment)
{
	segment->durable = segment->committing = segment->staged;
	segment_set_filed(segment, segment->staged);
	for (int first = 0; first < BATCHES - 100; first++) {
		if (positions[first] < segment->memory_position)
			continue;
		expect_batch(BATCHES - 1);
		expect_batch(first);
		struct chunk *chunk = LIST_ENTRY(segment->chunks.next, struct chunk, node);
		cr_assert(segment_evict(chunk));
		list_remove(&chunk->filed_node);
		cr_assert_neq(segment->last_asked, chunk);
		cr_assert_geq(segment->memory_mark.position, segment->memory_position);
		cr_assert_lt(positions[segment->memory_mark.offset - 1], segment->memory_position, "the first one, not a later one");
		expect_batch((int)segment->memory_mark.offset);
	}
}

static uint32_t evicted;

static bool let_go(struct chunk *chunk)
{
	(void)chunk;
	evicted++;
	return true;
}

static void take_chunks(struct cache *from, uint32_t count, bool are_filed)
{
	for (uint32_t i = 0; i < count; i++) {
		struct chunk *chunk = cache_take(from, CHUNK_SIZE_MAX);
		cr_assert_not_null(chunk, "chunk %u", i);
		if (are_filed)
			cache_allow_eviction(from, chunk);
	}
}

/* What is filed is kept up to a share of the memory, and makes place for what comes; all of the memory is for what is not filed. */
Test(segment_memory, of_what_is_filed_a_share_is_kept)
{
	struct cache *small;
	cr_assert_eq(cache_open(&small, 64 * CHUNK_SIZE_MAX, let_go), 0);
	cache_keep(small, 8 * CHUNK_SIZE_MAX);
	take_chunks(small, 8, true);
	cr_assert_eq(evicted, 0);
	take_chunks(small, 20, true);
	cr_assert_eq(evicted, 20);
	take_chunks(small, 64, false);
	cr_assert_eq(evicted, 28);
	cr_assert_null(cache_take(small, CHUNK_SIZE_MAX));
	cr_assert_eq(cache_pinned_bytes(small), 64 * CHUNK_SIZE_MAX);
	cache_close(small);
}

struct giver {
	struct cache *cache;
	uint32_t asked, left;
	uint8_t *last;
};

static bool give(void *context, void *to, size_t size)
{
	struct giver *giver = context;
	cr_assert_eq(size, CACHE_GIFT_SIZE);
	cr_assert_eq((uintptr_t)to % CACHE_GIFT_SIZE, 0);
	giver->asked++;
	giver->last = to;
	return giver->left-- > 0;
}

/* Whoever has memory that was touched is asked for it once for each piece that would be touched now, and for nothing that was used before. */
Test(segment_memory, touched_memory_is_asked_for)
{
	const uint32_t per_gift = CACHE_GIFT_SIZE / CHUNK_SIZE_MAX;
	struct cache *some;
	cr_assert_eq(cache_open(&some, 3 * CACHE_GIFT_SIZE + CHUNK_SIZE_MAX, let_go), 0);
	struct giver giver = {some, 0, 1, NULL};
	cache_set_giver(some, give, &giver);
	struct chunk *first = cache_take(some, CHUNK_SIZE_MAX);
	cr_assert_eq(giver.asked, 1);
	cr_assert_eq(first->data, giver.last, "that is what it gets");
	cache_give_back(some, first);
	take_chunks(some, per_gift, false);
	cr_assert_eq(giver.asked, 1);
	take_chunks(some, 1, false);
	cr_assert_eq(giver.asked, 2, "which was refused");
	cache_set_giver(some, NULL, NULL);
	take_chunks(some, per_gift, false);
	cr_assert_eq(giver.asked, 2);
	cache_set_giver(some, give, &giver);
	take_chunks(some, per_gift, false);
	cr_assert_eq(giver.asked, 2, "behind the last whole one");
	cr_assert_null(cache_take(some, CHUNK_SIZE_MAX));
	cache_close(some);
}

/* A limit below that share holds as ever. */
Test(segment_memory, a_limit_below_the_share)
{
	struct cache *small;
	cr_assert_eq(cache_open(&small, 64 * CHUNK_SIZE_MAX, let_go), 0);
	cache_limit(small, 8 * CHUNK_SIZE_MAX);
	cache_keep(small, 16 * CHUNK_SIZE_MAX);
	take_chunks(small, 12, true);
	cr_assert_eq(evicted, 4);
	cache_close(small);
}

struct slow_memory {
	uint64_t now_ns, touch_ns;
};

/* So much passes between a touch's begin and its end. */
static uint64_t slow_clock(void *context)
{
	struct slow_memory *slow = context;
	slow->now_ns += slow->touch_ns;
	return slow->now_ns;
}

/* What is filed goes before dear memory is touched, for a while; what is not filed gets its memory, dear or not. */
Test(segment_memory, dear_memory_is_touched_seldom)
{
	const uint32_t per_page = CACHE_GIFT_SIZE / CHUNK_SIZE_MAX;
	struct slow_memory slow = {0, 10000000};
	struct cache *some;
	evicted = 0;
	cr_assert_eq(cache_open(&some, 64 * CHUNK_SIZE_MAX, let_go), 0);
	cache_set_clock(some, slow_clock, &slow);
	take_chunks(some, per_page, true);
	cr_expect_eq(evicted, 0);
	cache_turn(some);
	slow.touch_ns = 0;
	take_chunks(some, 3, true);
	cr_expect_eq(evicted, 3, "rather than a second page");
	for (int turns = 0; turns < 20; turns++)
		cache_turn(some);
	take_chunks(some, per_page, true);
	cr_expect_eq(evicted, 3, "some turns later");
	slow.touch_ns = 10000000;
	take_chunks(some, 1, false);
	slow.touch_ns = 0;
	take_chunks(some, 4 * per_page - 1, false);
	cr_expect_leq(evicted, 3 + 2 * per_page, "no more than is filed");
	cr_expect_eq(cache_pinned_bytes(some), 4 * CACHE_GIFT_SIZE);
	cache_close(some);
}
