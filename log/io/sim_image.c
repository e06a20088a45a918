/* Pages are counted: one that an image alone holds is written in place, one that is shared is copied first. */
#include "log/io/sim_image.h"

#include <stdlib.h>
#include <xxhash.h>

#include "log/base/bytes.h"
#include "log/base/check.h"

volatile bool sim_is_allocating;

void *sim__grow(void *memory, size_t size)
{
	sim_is_allocating = true;
	memory = realloc(memory, size);
	sim_is_allocating = false;
	CHECK(memory);
	return memory;
}

/* As large as gcc knows a page's part to be, it would move it with a string instruction, which is half as fast on pages that are not aligned. */
static __attribute__((noinline)) void copy(void *to, const void *from, size_t size)
{
	memcpy(to, from, size);
}

/* Most holes are read into memory that has zeros already, as a start reads the same journal that the start before it read. To see that costs a third of
 * writing them. */
static void clear(uint8_t *out, uint64_t size)
{
	static const uint8_t zeros[SIM_PAGE_SIZE];
	for (uint64_t done = 0, part; done < size; done += part) {
		part = size - done < SIM_PAGE_SIZE ? size - done : SIM_PAGE_SIZE;
		if (memcmp(out + done, zeros, part) != 0)
			memset(out + done, 0, part);
	}
}

void *sim__take_zeroed(size_t count, size_t size)
{
	sim_is_allocating = true;
	void *memory = calloc(count ? count : 1, size);
	sim_is_allocating = false;
	CHECK(memory);
	return memory;
}

static void release(struct sim_page *page)
{
	if (page && --page->references == 0)
		free(page);
}

void sim_image_fini(struct sim_image *image)
{
	for (uint64_t i = 0; i < image->page_count; i++)
		release(image->pages[i]);
	free(image->pages);
	*image = (struct sim_image){0};
}

static void reserve_pages(struct sim_image *image, uint64_t count)
{
	if (count <= image->page_count)
		return;
	image->pages = sim__grow(image->pages, count * sizeof(*image->pages));
	memset(image->pages + image->page_count, 0, (count - image->page_count) * sizeof(*image->pages));
	image->page_count = count;
}

/* What is written as a whole needs no bytes of before. */
static struct sim_page *writable_page(struct sim_image *image, uint64_t index, bool is_whole)
{
	struct sim_page *page = image->pages[index];
	if (page && page->references == 1) {
		page->is_hashed = false;
		return page;
	}
	struct sim_page *fresh = page || is_whole ? sim__grow(NULL, sizeof(*fresh)) : sim__take_zeroed(1, sizeof(*fresh));
	if (page && !is_whole)
		copy(fresh->data, page->data, SIM_PAGE_SIZE);
	fresh->references = 1;
	fresh->is_hashed = false;
	release(page);
	image->pages[index] = fresh;
	return fresh;
}

static void drop_page(struct sim_image *image, uint64_t index)
{
	release(image->pages[index]);
	image->pages[index] = NULL;
}

static void put_zeros(struct sim_image *image, uint64_t index, uint64_t within, uint64_t size)
{
	if (index >= image->page_count || !image->pages[index])
		return;
	if (size == SIM_PAGE_SIZE)
		drop_page(image, index);
	else
		memset(writable_page(image, index, false)->data + within, 0, size);
}

void sim_image_put(struct sim_image *image, uint64_t position, const uint8_t *data, uint64_t size)
{
	for (uint64_t done = 0, part; done < size; done += part) {
		uint64_t index = (position + done) / SIM_PAGE_SIZE, within = (position + done) % SIM_PAGE_SIZE;
		part = SIM_PAGE_SIZE - within < size - done ? SIM_PAGE_SIZE - within : size - done;
		if (!data || (part == SIM_PAGE_SIZE && bytes_are_zeros(data + done, SIM_PAGE_SIZE))) {
			put_zeros(image, index, within, part);
		} else {
			reserve_pages(image, index + 1);
			copy(writable_page(image, index, part == SIM_PAGE_SIZE)->data + within, data + done, part);
		}
	}
}

void sim_image_resize(struct sim_image *image, uint64_t size)
{
	uint64_t count = (size + SIM_PAGE_SIZE - 1) / SIM_PAGE_SIZE, within = size % SIM_PAGE_SIZE;
	for (uint64_t i = count; i < image->page_count; i++)
		drop_page(image, i);
	if (count < image->page_count)
		image->page_count = count;
	if (within && count <= image->page_count && image->pages[count - 1])
		memset(writable_page(image, count - 1, false)->data + within, 0, SIM_PAGE_SIZE - within);
	image->size = size;
}

uint64_t sim_image_next_data(const struct sim_image *image, uint64_t position)
{
	uint64_t index = position / SIM_PAGE_SIZE;
	if (index < image->page_count && image->pages[index])
		return position;
	while (index < image->page_count && !image->pages[index])
		index++;
	return index < image->page_count && index * SIM_PAGE_SIZE < image->size ? index * SIM_PAGE_SIZE : image->size;
}

/* How many bytes from here on, `size` at most, are in pages that are not there. */
static uint64_t hole_at(const struct sim_image *image, uint64_t position, uint64_t size)
{
	uint64_t index = position / SIM_PAGE_SIZE, end = (position + size + SIM_PAGE_SIZE - 1) / SIM_PAGE_SIZE;
	while (index < end && (index >= image->page_count || !image->pages[index]))
		index = index < image->page_count ? index + 1 : end;
	uint64_t hole = index * SIM_PAGE_SIZE > position ? index * SIM_PAGE_SIZE - position : 0;
	return hole < size ? hole : size;
}

void sim_image_read(const struct sim_image *image, uint64_t position, uint8_t *out, uint64_t size)
{
	for (uint64_t done = 0, part; done < size; done += part) {
		uint64_t index = (position + done) / SIM_PAGE_SIZE, within = (position + done) % SIM_PAGE_SIZE;
		part = hole_at(image, position + done, size - done);
		if (part) {
			clear(out + done, part);
			continue;
		}
		part = SIM_PAGE_SIZE - within < size - done ? SIM_PAGE_SIZE - within : size - done;
		copy(out + done, image->pages[index]->data + within, part);
	}
}

static void share_page(struct sim_image *image, uint64_t index, struct sim_page *page)
{
	if (!page) {
		put_zeros(image, index, 0, SIM_PAGE_SIZE);
		return;
	}
	reserve_pages(image, index + 1);
	page->references++;
	release(image->pages[index]);
	image->pages[index] = page;
}

void sim_image_put_range(struct sim_image *image, const struct sim_image *from, uint64_t position, uint64_t size)
{
	for (uint64_t done = 0, part; done < size; done += part) {
		uint64_t index = (position + done) / SIM_PAGE_SIZE, within = (position + done) % SIM_PAGE_SIZE;
		part = SIM_PAGE_SIZE - within < size - done ? SIM_PAGE_SIZE - within : size - done;
		struct sim_page *page = index < from->page_count ? from->pages[index] : NULL;
		if (part == SIM_PAGE_SIZE)
			share_page(image, index, page);
		else
			sim_image_put(image, position + done, page ? page->data + within : NULL, part);
	}
}

void sim_image_share(struct sim_image *image, const struct sim_image *from)
{
	reserve_pages(image, from->page_count);
	for (uint64_t i = 0; i < from->page_count; i++)
		share_page(image, i, from->pages[i]);
	image->size = from->size;
}

/* ---- sameness ------------------------------------------------------------------------------------------------------ */

#define SECTOR 512u
#define SECTORS_PER_PAGE (SIM_PAGE_SIZE / SECTOR)

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * 0xff51afd7ed558ccdull;
	return (hash ^ hash >> 32) * 0xc4ceb9fe1a85ec53ull;
}

/* Zeros, as of no page, are 0. */
static uint64_t hash_in_page(uint64_t sector, const uint8_t *bytes)
{
	static uint64_t of_zeros;
	if (!of_zeros) {
		static const uint8_t zeros[SECTOR];
		of_zeros = XXH3_64bits(zeros, SECTOR);
	}
	uint64_t hash = XXH3_64bits(bytes, SECTOR);
	return hash == of_zeros ? 0 : mix(hash, sector % SECTORS_PER_PAGE + 1);
}

static uint64_t page_hash(struct sim_page *page)
{
	if (page->is_hashed)
		return page->hash;
	page->hash = 0;
	for (uint64_t i = 0; i < SECTORS_PER_PAGE; i++)
		page->hash += hash_in_page(i, page->data + i * SECTOR);
	page->is_hashed = true;
	return page->hash;
}

/* Odd, so that no page's bits are lost. */
static uint64_t weight_of_page(uint64_t index)
{
	return mix(0x9e3779b97f4a7c15ull, index + 1) | 1;
}

uint64_t sim_image_sum_of_sector(uint64_t sector, const uint8_t *bytes)
{
	return weight_of_page(sector / SECTORS_PER_PAGE) * hash_in_page(sector, bytes);
}

uint64_t sim_image_sum(const struct sim_image *image)
{
	uint64_t sum = 0;
	for (uint64_t i = 0; i < image->page_count; i++)
		if (image->pages[i])
			sum += weight_of_page(i) * page_hash(image->pages[i]);
	return sum;
}
