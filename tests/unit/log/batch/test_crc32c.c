/* CRC-32C against the vectors of RFC 3720, B.4, and in pieces. */
#include <criterion/criterion.h>

#include "log/batch/crc32c.h"

/* The published check value and the RFC's four buffers of 32 bytes come out. */
Test(crc32c, known_vectors)
{
	uint8_t zeros[32] = {0}, ones[32], rising[32], falling[32];
	memset(ones, 0xff, sizeof ones);
	for (int i = 0; i < 32; i++) {
		rising[i] = (uint8_t)i;
		falling[i] = (uint8_t)(31 - i);
	}
	cr_expect_eq(crc32c("123456789", 9), 0xE3069283u);
	cr_expect_eq(crc32c(zeros, 32), 0x8A9136AAu);
	cr_expect_eq(crc32c(ones, 32), 0x62A8AB43u);
	cr_expect_eq(crc32c(rising, 32), 0x46DD794Eu);
	cr_expect_eq(crc32c(falling, 32), 0x113FDB5Cu);
	cr_expect_eq(crc32c(NULL, 0), 0u);
}

/* Cut anywhere, the two pieces give the whole's CRC. */
Test(crc32c, extends)
{
	uint8_t bytes[300];
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i * 7 + 3);
	uint32_t whole = crc32c(bytes, sizeof bytes);
	for (size_t cut = 0; cut <= sizeof bytes; cut++)
		cr_assert_eq(crc32c_extend(crc32c(bytes, cut), bytes + cut, sizeof bytes - cut), whole);
}
