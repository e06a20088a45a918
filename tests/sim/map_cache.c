/* Mappings that are kept. A store maps a few megabytes when it opens and unmaps them when it closes, which costs a broker nothing and a simulator, that opens
 * thousands a second, three quarters of its time. So this program has its own mmap and munmap: what was unmapped waits for the next of its size. It comes
 * back with old bytes in it, not zeros, as memory does that a running broker uses again; who needs zeros must write them. Under a sanitizer, which has mmap
 * of its own, nothing of this is there. */
#include "tests/sim/map_cache.h"

#if defined(__SANITIZE_ADDRESS__)
void map_cache_take_all(void) {}
#else
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KEPT_MAX 512

struct mapping {
	void *memory;
	size_t size;
	int protection;
	bool is_used;
};

static struct mapping kept[KEPT_MAX];

static bool is_plain(int protection, int flags, int fd)
{
	return fd == -1 && (flags & MAP_ANONYMOUS) && (flags & MAP_PRIVATE) && !(flags & (MAP_FIXED | MAP_STACK)) &&
	       (protection == PROT_READ || protection == (PROT_READ | PROT_WRITE));
}

static struct mapping *find_free(size_t size, int protection)
{
	for (size_t i = 0; i < KEPT_MAX; i++)
		if (kept[i].memory && !kept[i].is_used && kept[i].size == size && kept[i].protection == protection)
			return &kept[i];
	return NULL;
}

static void keep(void *memory, size_t size, int protection)
{
	for (size_t i = 0; i < KEPT_MAX; i++) {
		if (kept[i].memory)
			continue;
		kept[i] = (struct mapping){memory, size, protection, true};
		return;
	}
}

void *mmap(void *where, size_t size, int protection, int flags, int fd, off_t offset)
{
	bool is_ours = is_plain(protection, flags, fd);
	struct mapping *found = is_ours ? find_free(size, protection) : NULL;
	if (found) {
		found->is_used = true;
		return found->memory;
	}
	void *memory = (void *)syscall(SYS_mmap, where, size, protection, flags, fd, offset);
	if (is_ours && memory != MAP_FAILED)
		keep(memory, size, protection);
	return memory;
}

int munmap(void *memory, size_t size)
{
	for (size_t i = 0; i < KEPT_MAX; i++)
		if (kept[i].memory == memory && kept[i].size == size) {
			kept[i].is_used = false;
			return 0;
		}
	return (int)syscall(SYS_munmap, memory, size);
}

void map_cache_take_all(void)
{
	for (size_t i = 0; i < KEPT_MAX; i++)
		kept[i].is_used = false;
}

int madvise(void *memory, size_t size, int advice)
{
	for (size_t i = 0; i < KEPT_MAX; i++)
		if (kept[i].memory && (char *)memory >= (char *)kept[i].memory && (char *)memory < (char *)kept[i].memory + kept[i].size)
			return 0;
	return (int)syscall(SYS_madvise, memory, size, advice);
}
#endif
