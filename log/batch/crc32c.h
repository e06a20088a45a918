/* CRC-32C (Castagnoli) as Kafka computes it over a record batch, through ISA-L: this is its one call site, which owns the
 * library's odd contract (non-const pointer, int length, no inversion). Owns nothing; any thread; never allocates. */
#pragma once

#include "log/base/types.h"

uint32_t crc32c(const void *data, size_t size);

/* Continues: crc32c_extend(crc32c(a), b) equals crc32c(a followed by b); crc32c of nothing is 0. */
uint32_t crc32c_extend(uint32_t crc, const void *data, size_t size);
