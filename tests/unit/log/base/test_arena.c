/* The arena: alignment, the caller's block first, the hard limit, and reset. */
#include "log/base/arena.h"

#include <criterion/criterion.h>

/* Every allocation is aligned to 16 and none overlaps another, across many blocks. */
Test(arena, allocations_are_aligned_and_apart)
{
	struct arena arena;
	arena_init(&arena, NULL, 0, 1 << 20);
	uint8_t *all[500];
	for (size_t i = 0; i < COUNT_OF(all); i++) {
		all[i] = arena_alloc(&arena, i + 1);
		cr_assert_not_null(all[i]);
		cr_expect_eq((uintptr_t)all[i] % 16, 0);
		memset(all[i], (int)i, i + 1);
	}
	for (size_t i = 0; i < COUNT_OF(all); i++)
		for (size_t k = 0; k <= i; k++)
			cr_assert_eq(all[i][k], (uint8_t)i);
	arena_fini(&arena);
}

/* What fits into the caller's block, odd as its address may be, comes from there; so does the first after reset. */
Test(arena, callers_block_comes_first)
{
	static uint8_t block[129];
	struct arena arena;
	arena_init(&arena, block + 1, 128, 1000);
	uint8_t *a = arena_alloc(&arena, 50);
	cr_expect(a >= block && a + 50 <= block + sizeof block);
	cr_expect_null(arena.blocks);
	uint8_t *b = arena_alloc(&arena, 100);
	cr_assert_not_null(b);
	cr_expect(b + 100 <= block || b >= block + sizeof block);
	cr_expect_not_null(arena.blocks);
	arena_reset(&arena);
	cr_expect_null(arena.blocks);
	cr_expect_eq(arena_alloc(&arena, 50), a);
	arena_fini(&arena);
}

/* The limit holds to the byte: all of it can be had, one more cannot, and the refusal lasts until reset. */
Test(arena, limit_is_hard)
{
	struct arena arena;
	arena_init(&arena, NULL, 0, 8192);
	cr_expect_not_null(arena_alloc(&arena, 8192));
	cr_expect_not(arena.overflow);
	arena_reset(&arena);
	cr_expect_null(arena_alloc(&arena, 8193));
	cr_expect(arena.overflow);
	cr_expect_null(arena_alloc(&arena, 1), "the overflow sticks");
	arena_reset(&arena);
	cr_expect_not(arena.overflow);
	size_t total = 0;
	while (arena_alloc(&arena, 16))
		total += 16;
	cr_expect_eq(total, 8192);
	cr_expect_leq(arena.reserved, 8192);
	arena_fini(&arena);
}

/* Sizes that wrap around when they are rounded up are refused, not handed out small. */
Test(arena, absurd_sizes_are_refused)
{
	static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 14, SIZE_MAX - 15, SIZE_MAX / 2};
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		struct arena arena;
		arena_init(&arena, NULL, 0, 1 << 16);
		cr_expect_null(arena_alloc(&arena, sizes[i]));
		cr_expect(arena.overflow);
		arena_fini(&arena);
	}
}

/* A first block larger than the limit may be used, but nothing is added to it. */
Test(arena, limit_below_first_block)
{
	static uint8_t block[256] __attribute__((aligned(16)));
	struct arena arena;
	arena_init(&arena, block, sizeof block, 100);
	cr_expect_not_null(arena_alloc(&arena, 256));
	cr_expect_null(arena_alloc(&arena, 16));
	arena_fini(&arena);
}

/* Nothing takes no memory and is not NULL, in an arena that has no block yet as well. */
Test(arena, nothing_is_not_null)
{
	struct arena arena;
	arena_init(&arena, NULL, 0, 1000);
	cr_expect_not_null(arena_alloc(&arena, 0));
	cr_expect_eq(arena_reserved(&arena), 0);
	uint8_t *bytes = arena_alloc(&arena, 10);
	cr_assert_not_null(bytes);
	memset(bytes, 1, 10);
	arena_reset(&arena);
	cr_expect_not_null(arena_alloc(&arena, 0));
	arena_fini(&arena);
}
