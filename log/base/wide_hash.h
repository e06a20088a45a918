/* XXH3-64 of many bytes: the number that XXH3_64bits has, with wider instructions where the processor has them (AVX2, asked for at run time). The library is built for
 * any processor of its kind, and takes twice as long over what is in a cache. Owns nothing; any thread. */
#pragma once

#include "log/base/types.h"

uint64_t wide_hash(const void *bytes, size_t size_bytes);
