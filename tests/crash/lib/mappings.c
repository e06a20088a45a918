/* Mappings that are kept for the next recovery: the programs here are linked with --wrap=mmap,--wrap=munmap, as a fresh page costs the kernel more
 * than all that a recovery does with it. Small ones come back zeroed, as a table may count on it; large ones hold what was there, so that
 * whoever counts on zeros in a buffer is found out. */
#include <string.h>
#include <sys/mman.h>

#define KEPT_MAX 64
#define ZEROED_MAX (512u << 10)
#define SIZE_MAX_KEPT (16u << 20)

void *__real_mmap(void *address, size_t size, int protection, int flags, int fd, off_t position);
int __real_munmap(void *address, size_t size);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t position);
int __wrap_munmap(void *address, size_t size);

static struct kept {
	void *address;
	size_t size;
} kept[KEPT_MAX];

void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t position)
{
	for (int i = 0; fd == -1 && !address && i < KEPT_MAX; i++) {
		if (kept[i].size != size)
			continue;
		void *found = kept[i].address;
		kept[i] = (struct kept){0};
		if (size <= ZEROED_MAX)
			memset(found, 0, size);
		return found;
	}
	return __real_mmap(address, size, protection, flags, fd, position);
}

int __wrap_munmap(void *address, size_t size)
{
	for (int i = 0; size && size <= SIZE_MAX_KEPT && i < KEPT_MAX; i++) {
		if (kept[i].size)
			continue;
		kept[i] = (struct kept){address, size};
		return 0;
	}
	return __real_munmap(address, size);
}
