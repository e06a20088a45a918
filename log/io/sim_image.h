/* The bytes of a simulated file, as a list of pages that images share until one of them writes: a copy of an image costs a pointer a
 * page. A page that is not there is zeros. Private to log/io/'s simulation; one thread. Memory that cannot be had ends the program: this is a
 * machine for tests. */
#pragma once

#include "log/base/types.h"

#define SIM_PAGE_SIZE 4096u

struct sim_page {
	uint32_t references;
	bool is_hashed;
	uint64_t hash;
	uint8_t data[SIM_PAGE_SIZE];
};

/* The simulation's own memory: never NULL. Zeroed, an array; and as realloc. */
void *sim__take_zeroed(size_t count, size_t size);
void *sim__grow(void *memory, size_t size);

/* Zeroed: empty. */
struct sim_image {
	struct sim_page **pages;
	uint64_t page_count, size;
};

void sim_image_fini(struct sim_image *image);
/* What lies behind the new size is gone; what is new is zeros. */
void sim_image_resize(struct sim_image *image, uint64_t size);
/* Zeros if `data` is NULL. The size stays: what is put behind it shows once the size covers it. */
void sim_image_put(struct sim_image *image, uint64_t position, const uint8_t *data, uint64_t size);
void sim_image_read(const struct sim_image *image, uint64_t position, uint8_t *out, uint64_t size);
/* Where the next page is that is not a hole: at or behind a position inside the file; the size, if there is none. */
uint64_t sim_image_next_data(const struct sim_image *image, uint64_t position);
/* The bytes [position, position + size) of `from` into `image`. */
void sim_image_put_range(struct sim_image *image, const struct sim_image *from, uint64_t position, uint64_t size);
/* `image`, which is empty, becomes the same as `from`. */
void sim_image_share(struct sim_image *image, const struct sim_image *from);
/* A sum over all sectors, the same for the same bytes but for zeros at the end: what one of them adds depends on its place and its bytes alone. */
uint64_t sim_image_sum(const struct sim_image *image);
uint64_t sim_image_sum_of_sector(uint64_t sector, const uint8_t *bytes);
