/* Between wide_hash.c and what is compiled for one kind of processor. */
#pragma once

#include "log/base/types.h"

/* Only where the processor has AVX2. */
uint64_t wide_hash__avx2(const void *bytes, size_t size_bytes);
