/* Which of the two it is: a look at what the C library's start has found out. */
#include "log/base/wide_hash.h"

#include <xxhash.h>

#include "log/base/wide_hash_priv.h"

uint64_t wide_hash(const void *bytes, size_t size_bytes)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx2"))
		return wide_hash__avx2(bytes, size_bytes);
#endif
	return XXH3_64bits(bytes, size_bytes);
}
