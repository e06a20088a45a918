/* The checksums of a journal that another processor has written are the same numbers. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "log/base/wide_hash.h"

#define BYTES_MAX 70000u
#define SHIFTS 9u /* beginnings at any byte of a word */

static uint8_t *some_bytes(void)
{
	uint8_t *bytes = malloc(BYTES_MAX + SHIFTS);
	uint32_t state = 12345;
	for (size_t i = 0; i < BYTES_MAX + SHIFTS; i++)
		bytes[i] = (uint8_t)((state = state * 1103515245u + 12345u) >> 16);
	return bytes;
}

Test(wide_hash, it_is_xxh3_of_every_size)
{
	uint8_t *bytes = some_bytes();
	for (size_t size = 0; size <= BYTES_MAX; size += size < 2500 ? 1 : 997)
		for (size_t shift = 0; shift < SHIFTS; shift++)
			cr_assert_eq(wide_hash(bytes + shift, size), XXH3_64bits(bytes + shift, size), "%zu bytes from %zu on", size, shift);
	free(bytes);
}

/* As it was when the journals of today's directories were written: of no bytes, and of "spate" a hundred times. */
Test(wide_hash, its_numbers_stay)
{
	char text[501] = "";
	for (int i = 0; i < 100; i++)
		memcpy(text + 5 * i, "spate", 6);
	cr_assert_eq(wide_hash("", 0), 0x2d06800538d394c2u);
	cr_assert_eq(wide_hash(text, 500), 0x9fdfa78dd0130827u);
}
