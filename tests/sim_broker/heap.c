/* A heap is a range of addresses, taken from its start on. What is freed goes to a list of its size class, four classes to a doubling, and is taken from there again;
 * a reset forgets the lists and begins at the start. Each block has a header that says its class. What the simulated disk and network keep is the
 * run's, whoever asks (sim_is_allocating).
 *
 * Failure modes: a range that is full ends the program: a broker that takes without end is a failure of its seed. */
#include "tests/sim_broker/heap.h"

#if defined(__SANITIZE_ADDRESS__)
enum heap heap_enter(enum heap heap) { return heap; }
void heap_reset(enum heap heap) { (void)heap; }
bool heap_has_resets(void) { return false; }
#else
#include <errno.h>
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "log/io/sim.h"

#define RANGE_BYTES (4ull << 30)
#define HUGE_PAGE_BYTES (2ull << 20)
#define ALIGN 16u
#define CLASSES 128

struct header {
	uint32_t class_plus_one;   /* 0: `size` is the way back to the block's own header */
	uint32_t padding;
	uint64_t size;             /* that fits */
};

struct free_block {
	struct free_block *next;
};

struct range {
	uint8_t *start, *next, *end;
	struct free_block *free[CLASSES];
};

/* glibc's own, for what is no run's. */
void *__libc_malloc(size_t size);
void __libc_free(void *memory);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t align, size_t size);

static struct range ranges[heap_count];
static enum heap entered;

bool heap_has_resets(void)
{
	return true;
}

static void map_range(struct range *range)
{
	uint8_t *memory = mmap(NULL, RANGE_BYTES + HUGE_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (memory == MAP_FAILED)
		abort();
	range->start = range->next = memory + (-(uintptr_t)memory & (HUGE_PAGE_BYTES - 1));
	range->end = range->start + RANGE_BYTES;
	(void)madvise(range->start, RANGE_BYTES, MADV_HUGEPAGE);
}

enum heap heap_enter(enum heap heap)
{
	enum heap before = entered;
	if (heap != HEAP_SYSTEM && !ranges[heap].start)
		map_range(&ranges[heap]);
	entered = heap;
	return before;
}

void heap_reset(enum heap heap)
{
	struct range *range = &ranges[heap];
	range->next = range->start;
	memset(range->free, 0, sizeof range->free);
}

/* ---- size classes: 16, 20, 24, 28, 32, 40 ... times a power of two ------------------------------------------------------------ */

static size_t size_of_class(uint32_t class)
{
	size_t size = (size_t)(4 + class % 4) << (2 + class / 4);
	return (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

static uint32_t class_of(size_t size)
{
	if (size <= ALIGN)
		return 0;
	uint32_t power = 63u - (uint32_t)__builtin_clzll(size - 1);   /* size is in (2^power, 2^(power + 1)] */
	uint32_t quarter = (uint32_t)((size - 1) >> (power - 2)) & 3; /* and in this quarter of it */
	return (power - 4) * 4 + quarter + 1;
}

/* ---- blocks ------------------------------------------------------------------------------------------------------------------- */

static struct range *range_now(void)
{
	enum heap heap = entered == HEAP_BROKER && sim_is_allocating ? HEAP_RUN : entered;
	return heap == HEAP_SYSTEM ? NULL : &ranges[heap];
}

static struct range *range_of(const void *memory)
{
	for (int heap = HEAP_RUN; heap < heap_count; heap++)
		if ((const uint8_t *)memory >= ranges[heap].start && (const uint8_t *)memory < ranges[heap].end)
			return &ranges[heap];
	return NULL;
}

static struct header *header_of(void *memory)
{
	struct header *header = (struct header *)memory - 1;
	return header->class_plus_one ? header : (struct header *)((uint8_t *)header - header->size);
}

static void *take(struct range *range, size_t size)
{
	if (size > RANGE_BYTES / 2)
		return NULL;
	uint32_t class = class_of(size);
	struct free_block *block = range->free[class];
	if (block) {
		range->free[class] = block->next;
		return block;
	}
	size_t fits = size_of_class(class);
	if (fits + sizeof(struct header) > (size_t)(range->end - range->next))
		abort();
	struct header *header = (struct header *)range->next;
	*header = (struct header){.class_plus_one = class + 1, .size = fits};
	range->next += sizeof *header + fits;
	return header + 1;
}

static void put_back(struct range *range, void *memory)
{
	struct header *header = header_of(memory);
	struct free_block *block = (struct free_block *)(header + 1);
	block->next = range->free[header->class_plus_one - 1];
	range->free[header->class_plus_one - 1] = block;
}

/* Behind a header of its own, that leads back to the block's. */
static void *take_aligned(struct range *range, size_t align, size_t size)
{
	uint8_t *memory = take(range, size + align + sizeof(struct header));
	if (!memory || align <= ALIGN)
		return memory;
	uint8_t *aligned = (uint8_t *)(((uintptr_t)memory + sizeof(struct header) + align - 1) & ~(uintptr_t)(align - 1));
	struct header *way = (struct header *)aligned - 1;
	*way = (struct header){.size = (size_t)((uint8_t *)way - (memory - sizeof(struct header)))};
	return aligned;
}

/* ---- the program's own ---------------------------------------------------------------------------------------------------------- */

void *malloc(size_t size)
{
	struct range *range = range_now();
	return range ? take(range, size) : __libc_malloc(size);
}

void free(void *memory)
{
	struct range *range = range_of(memory);
	if (range)
		put_back(range, memory);
	else
		__libc_free(memory);
}

void *calloc(size_t count, size_t size)
{
	struct range *range = range_now();
	if (!range)
		return __libc_calloc(count, size);
	if (size && count > SIZE_MAX / size)
		return NULL;
	void *memory = take(range, count * size);
	return memory ? memset(memory, 0, count * size) : NULL;
}

void *realloc(void *memory, size_t size)
{
	if (!memory)
		return malloc(size);
	struct range *range = range_of(memory);
	if (!range)
		return __libc_realloc(memory, size);
	struct header *header = header_of(memory);
	size_t there = header->size - (size_t)((uint8_t *)memory - (uint8_t *)(header + 1));
	if (size <= there)
		return memory;
	void *copy = take(range, size);
	if (!copy)
		return NULL;
	memcpy(copy, memory, there);
	put_back(range, memory);
	return copy;
}

void *memalign(size_t align, size_t size)
{
	struct range *range = range_now();
	return range ? take_aligned(range, align, size) : __libc_memalign(align, size);
}

void *aligned_alloc(size_t align, size_t size)
{
	return memalign(align, size);
}

int posix_memalign(void **out, size_t align, size_t size)
{
	*out = memalign(align, size);
	return *out ? 0 : ENOMEM;
}

size_t malloc_usable_size(void *memory)
{
	struct header *header = memory && range_of(memory) ? header_of(memory) : NULL;
	return header ? header->size - (size_t)((uint8_t *)memory - (uint8_t *)(header + 1)) : 0;
}
#endif
