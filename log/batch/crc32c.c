/* CRC-32C. ISA-L's crc32_iscsi neither inverts its seed nor its result and takes an int length, so Kafka's CRC is
 * ~crc32_iscsi(data, size, ~0), and larger input is cut into pieces that fit an int. It cannot fail. */
#include "log/batch/crc32c.h"

#include <isa-l/crc.h>

#define PIECE_SIZE_MAX ((size_t)1 << 30)

uint32_t crc32c(const void *data, size_t size)
{
	return crc32c_extend(0, data, size);
}

uint32_t crc32c_extend(uint32_t crc, const void *data, size_t size)
{
	const uint8_t *at = data;
	uint32_t state = ~crc;
	while (size > 0) {
		size_t piece = size < PIECE_SIZE_MAX ? size : PIECE_SIZE_MAX;
		state = crc32_iscsi((unsigned char *)(uintptr_t)at, (int)piece, state);
		at += piece;
		size -= piece;
	}
	return ~state;
}
