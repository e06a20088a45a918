/* What log/base/bytes.h says of bytes that a crash may leave as zeros. */
#include <criterion/criterion.h>

#include "log/base/bytes.h"

/* No bytes are zeros; some are when each is, wherever another one would stand. */
Test(bytes, are_zeros)
{
	uint8_t bytes[40] = {0};
	for (size_t size = 0; size <= sizeof bytes; size++) {
		cr_expect(bytes_are_zeros(bytes, size));
		for (size_t at = 0; at < sizeof bytes; at++) {
			bytes[at] = 1;
			cr_expect_eq(bytes_are_zeros(bytes, size), at >= size, "%zu of %zu", at, size);
			bytes[at] = 0;
		}
	}
}
