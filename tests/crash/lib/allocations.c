/* Counting and failing; and mappings that are kept for the next recovery, as a fresh page costs the kernel more than all that a recovery does with
 * it. Small ones come back zeroed, as a table may count on it; large ones hold what was there, so that whoever counts on zeros in a buffer is
 * found out. */
#include "tests/crash/lib/allocations.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "log/io/sim.h"

#define KEPT_MAX 64
#define ZEROED_MAX (60u << 10)
#define SIZE_MAX_KEPT (128u << 20)

static volatile uint64_t count, fail_at;
static bool is_sticky_now;
static volatile uint32_t paused;

void allocations_fail(uint64_t k, bool is_sticky)
{
	if (k)
		count = 0;
	fail_at = k;
	is_sticky_now = is_sticky;
}

uint64_t allocations_count(void) { return count; }
void allocations_pause(void) { paused++; }
void allocations_resume(void) { paused--; }

static bool must_fail(void)
{
	if (paused || sim_is_allocating || !fail_at)
		return false;
	count++;
	if (count == fail_at && getenv("CRASH_ABORT"))
		abort();
	return count == fail_at || (is_sticky_now && count > fail_at);
}

#define WRAP(type, name, parameters, arguments, failed)                                                                                    \
	type __real_##name parameters;                                                                                                     \
	type __wrap_##name parameters;                                                                                                     \
	type __wrap_##name parameters                                                                                                      \
	{                                                                                                                                  \
		if (must_fail()) {                                                                                                         \
			errno = ENOMEM;                                                                                                    \
			return failed;                                                                                                     \
		}                                                                                                                          \
		return __real_##name arguments;                                                                                            \
	}

WRAP(void *, malloc, (size_t size), (size), NULL)
WRAP(void *, calloc, (size_t n, size_t size), (n, size), NULL)
WRAP(void *, realloc, (void *memory, size_t size), (memory, size), NULL)
WRAP(void *, aligned_alloc, (size_t alignment, size_t size), (alignment, size), NULL)
WRAP(int, posix_memalign, (void **out, size_t alignment, size_t size), (out, alignment, size), ENOMEM)
WRAP(char *, strdup, (const char *text), (text), NULL)
WRAP(char *, strndup, (const char *text, size_t size), (text, size), NULL)

int __wrap_asprintf(char **out, const char *format, ...);

int __wrap_asprintf(char **out, const char *format, ...)
{
	if (must_fail())
		return -1;
	va_list arguments;
	va_start(arguments, format);
	int size = vasprintf(out, format, arguments);
	va_end(arguments);
	return size;
}

void *__real_mmap(void *address, size_t size, int protection, int flags, int fd, off_t position);
int __real_munmap(void *address, size_t size);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t position);
int __wrap_munmap(void *address, size_t size);
int __real_madvise(void *address, size_t size, int advice);
int __wrap_madvise(void *address, size_t size, int advice);

static struct kept {
	void *address;
	size_t size;
	int protection;
} kept[KEPT_MAX], used[KEPT_MAX]; /* those that are free; and those in use that may be kept later */

static struct kept *find_mapping(struct kept *table, const void *address)
{
	for (int i = 0; i < KEPT_MAX; i++)
		if (table[i].address == address)
			return &table[i];
	return NULL;
}

static void *note_used(void *address, size_t size, int protection)
{
	struct kept *free_place = find_mapping(used, NULL);
	if (free_place && address != MAP_FAILED)
		*free_place = (struct kept){address, size, protection};
	return address;
}

void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t position)
{
	if (must_fail()) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	bool is_ours = fd == -1 && !address;
	for (int i = 0; is_ours && i < KEPT_MAX; i++) {
		if (kept[i].size != size || kept[i].protection != protection)
			continue;
		void *found = kept[i].address;
		kept[i] = (struct kept){0};
		if (size <= ZEROED_MAX && (protection & PROT_WRITE))
			memset(found, 0, size);
		return note_used(found, size, protection);
	}
	void *mapped = __real_mmap(address, size, protection, flags, fd, position);
	return is_ours ? note_used(mapped, size, protection) : mapped;
}

int __wrap_munmap(void *address, size_t size)
{
	struct kept *known = address ? find_mapping(used, address) : NULL;
	struct kept *place = known && known->size == size && size <= SIZE_MAX_KEPT ? find_mapping(kept, NULL) : NULL;
	if (place)
		*place = *known;
	if (known)
		*known = (struct kept){0};
	return place ? 0 : __real_munmap(address, size);
}

/* What is kept is not the kernel's to advise on. */
int __wrap_madvise(void *address, size_t size, int advice)
{
	for (int i = 0; i < KEPT_MAX; i++)
		if (used[i].address && (char *)address >= (char *)used[i].address && (char *)address < (char *)used[i].address + used[i].size)
			return 0;
	return __real_madvise(address, size, advice);
}
