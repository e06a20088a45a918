/* log/base/stream_copy.h. */
#include <criterion/criterion.h>

#include "log/base/stream_copy.h"

#define SIZE_MAX_TRIED (STREAM_COPY_MIN + 200)
#define GUARD 64

static uint8_t from[SIZE_MAX_TRIED + 2 * GUARD], to[SIZE_MAX_TRIED + 4 * GUARD];

/* Exactly the bytes asked for are copied: none is left out at either end, and none beside them is touched. */
static void expect_copied(size_t from_at, size_t to_at, size_t size)
{
	memset(to, 0xee, sizeof to);
	stream_copy(to + to_at, from + from_at, size);
	cr_assert(memcmp(to + to_at, from + from_at, size) == 0, "from %zu to %zu, %zu bytes", from_at, to_at, size);
	for (size_t i = 0; i < sizeof to; i++)
		cr_assert((i >= to_at && i < to_at + size) || to[i] == 0xee, "from %zu to %zu, %zu bytes: byte %zu", from_at, to_at, size, i);
}

/* Around the size from which on it goes past the caches, at every place of a line. */
Test(stream_copy, copies_what_memcpy_would)
{
	static const size_t sizes[] = {0, 1, 63, 4096, STREAM_COPY_MIN - 1, STREAM_COPY_MIN, STREAM_COPY_MIN + 1, STREAM_COPY_MIN + 63, STREAM_COPY_MIN + 129};
	for (size_t i = 0; i < sizeof from; i++)
		from[i] = (uint8_t)(i * 2654435761u >> 13);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		for (size_t place = 0; place < GUARD; place += sizes[i] < STREAM_COPY_MIN ? 9 : 1)
			expect_copied(place * 7 % GUARD, GUARD + place, sizes[i]);
}
