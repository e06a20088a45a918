/* The library's header, compiled into this file for AVX2 (the Makefile says so): nothing else may be in here, as it would not run elsewhere. */
#include "log/base/wide_hash_priv.h"

#ifdef __AVX2__
#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t wide_hash__avx2(const void *bytes, size_t size_bytes)
{
	return XXH3_64bits(bytes, size_bytes);
}
#endif
