/* Bytes of a ring, kept.
 *
 * Happy path: views come in the order of places. What is not there yet is read in pieces that soon get large, past the page cache: a clean start needs one block,
 * and a long walk the disk's full speed, which large pieces have, and huge pages, as a request takes so many of them.
 *
 * Failures: a read that fails ends the view with its error, and the same view may be tried again. Without memory for a verdict the group is checked again. */
#include "log/journal/ring_image.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "log/io/io.h"

#define RING_KEPT_MAX (256ull << 20)
#define READ_SIZE_FIRST (64u << 10)
#define READ_SIZE_MAX (4u << 20)
#define READ_GROWTH 8u
#define SKIPPED_MAX READ_SIZE_MAX /* a walk skips no more than a group that was too long for its lap's rest; who looks whether it goes on in the next lap, all of this one */

struct ring_image *ring_image_create(uint64_t base_place, uint64_t ring_size, uint64_t file_size, uint64_t fingerprint)
{
	if (ring_size > RING_KEPT_MAX)
		return NULL;
	struct ring_image *image = calloc(1, sizeof *image);
	void *bytes = image ? mmap(NULL, ring_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) : MAP_FAILED;
	if (bytes == MAP_FAILED) {
		free(image);
		return NULL;
	}
	*image = (struct ring_image){.ring_size = ring_size, .file_size = file_size, .fingerprint = fingerprint, .base_place = base_place, .bytes = bytes,
				     .read_size = READ_SIZE_FIRST};
	return image;
}

void ring_image_free(struct ring_image *image)
{
	if (!image)
		return;
	munmap(image->bytes, image->ring_size);
	free(image->verdicts);
	free(image);
}

bool ring_image_fits(const struct ring_image *image, uint64_t base_place, uint64_t ring_size, uint64_t file_size, uint64_t fingerprint)
{
	return image->base_place == base_place && image->ring_size == ring_size && image->file_size == file_size && image->fingerprint == fingerprint;
}

/* ---- bytes ------------------------------------------------------------------------------------------------------------ */

/* The next piece, of `size_min` at least: not over the ring's end, where the file goes on at its beginning. */
static int load(struct ring_image *image, struct io *io, int fd, size_t size_min)
{
	uint64_t place = image->base_place + image->loaded, lap_rest = image->ring_size - place % image->ring_size;
	uint64_t rest = image->ring_size - image->loaded, size = size_min > image->read_size ? size_min : image->read_size;
	size = size < rest ? size : rest;
	size = size < lap_rest ? size : lap_rest;
	uint64_t position = JOURNAL_RING_POSITION + place % image->ring_size;
	if (size > READ_SIZE_FIRST && !image->is_large) {
		madvise(image->bytes, image->ring_size, MADV_HUGEPAGE);
		image->is_large = true;
	}
	int64_t read = io_file_read(io, fd, image->bytes + image->loaded, size, position);
	if (read < 0)
		return (int)read;
	if ((uint64_t)read < size && position + (uint64_t)read < image->file_size)
		return -EIO;
	memset(image->bytes + image->loaded + read, 0, size - (size_t)read);
	image->loaded += size;
	if (image->read_size < READ_SIZE_MAX)
		image->read_size *= READ_GROWTH;
	return 0;
}

int ring_image_view(struct ring_image *image, struct io *io, int fd, uint64_t place, size_t size, const uint8_t **out)
{
	if (place < image->base_place || place - image->base_place > image->ring_size || size > image->ring_size - (place - image->base_place))
		return 0;
	if (place - image->base_place > image->loaded + SKIPPED_MAX)
		return 0;
	size_t end = place - image->base_place + size;
	while (image->loaded < end) {
		int err = load(image, io, fd, end - image->loaded);
		if (err < 0)
			return err;
	}
	*out = image->bytes + (place - image->base_place);
	return 1;
}

bool ring_image_has(const struct ring_image *image, uint64_t place, size_t size)
{
	return place >= image->base_place && place - image->base_place + size <= image->loaded;
}

/* ---- where nothing begins ------------------------------------------------------------------------------------------- */

void ring_image_note_blank(struct ring_image *image, uint64_t place)
{
	if (image->blank_to == 0)
		image->blank_from = image->blank_to = place;
	if (image->blank_to == place)
		image->blank_to = place + JOURNAL_BLOCK_SIZE;
}

uint64_t ring_image_pass_blank(const struct ring_image *image, uint64_t place)
{
	return place >= image->blank_from && place < image->blank_to ? image->blank_to : place;
}

/* ---- verdicts --------------------------------------------------------------------------------------------------------- */

const struct group_verdict *ring_image_verdict(const struct ring_image *image, uint64_t place)
{
	uint32_t from = 0, to = image->verdict_count;
	while (from < to) {
		uint32_t middle = from + (to - from) / 2;
		const struct group_verdict *verdict = &image->verdicts[middle];
		if (verdict->place == place)
			return verdict;
		if (verdict->place < place)
			from = middle + 1;
		else
			to = middle;
	}
	return NULL;
}

void ring_image_note(struct ring_image *image, const struct group_verdict *verdict)
{
	if (image->verdict_count && image->verdicts[image->verdict_count - 1].place >= verdict->place)
		return;
	if (image->verdict_count == image->verdict_capacity) {
		uint32_t capacity = image->verdict_capacity ? image->verdict_capacity * 2 : 64;
		struct group_verdict *grown = realloc(image->verdicts, capacity * sizeof *grown);
		if (!grown)
			return;
		image->verdicts = grown;
		image->verdict_capacity = capacity;
	}
	image->verdicts[image->verdict_count++] = *verdict;
}
