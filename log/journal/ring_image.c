/* Bytes of a ring, kept.
 *
 * Happy path: views come in the order of places. What is not there yet is read in pieces that soon get large, past the page cache: a clean start needs one block,
 * and a long walk the disk's full speed, which large pieces have, and huge pages, as a request takes so many of them. Where it is known how far the walk and the search
 * behind it will go, some pieces are on their way while the one before them is looked at.
 *
 * Memory that a process touches for the first time is dear, so what a replay has passed may be given to whoever needs some (ring_image_give): whole pages move, no byte does.
 *
 * Failures: a read that fails (one that was on its way: when it is asked for) ends the view with its error, and the same view may be tried again. Without memory for a verdict the group is checked again. */
#include "log/journal/ring_image.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "log/base/check.h"
#include "log/io/io.h"

#define RING_KEPT_MAX (1ull << 30)
#define READ_SIZE_FIRST (64u << 10)
#define READ_SIZE_MAX (4u << 20)
#define READ_GROWTH 8u
#define FETCH_SIZE (1u << 20)
#define SKIPPED_MAX READ_SIZE_MAX /* if nobody said how far groups reach: a walk skips no more than a group that was too long for its lap's rest */

struct ring_image *ring_image_create(uint64_t base_place, uint64_t ring_size, uint64_t file_size, uint64_t fingerprint)
{
	if (ring_size > RING_KEPT_MAX)
		return NULL;
	struct ring_image *image = calloc(1, sizeof *image);
	size_t size = ring_size + RING_GIFT_ALIGN;
	uint8_t *mapped = image ? mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) : MAP_FAILED;
	if (mapped == MAP_FAILED) {
		free(image);
		return NULL;
	}
	*image = (struct ring_image){.ring_size = ring_size, .file_size = file_size, .fingerprint = fingerprint, .base_place = base_place, .mapped = mapped, .mapped_size = size,
				     .bytes = mapped + (RING_GIFT_ALIGN - (uintptr_t)mapped % RING_GIFT_ALIGN) % RING_GIFT_ALIGN, .read_size = READ_SIZE_FIRST};
	return image;
}

void ring_image_free(struct ring_image *image)
{
	if (!image)
		return;
	ring_image_settle(image);
	if (image->fetch_count) /* the loop is broken, and the kernel may still write there */
		return;
	munmap(image->mapped, image->mapped_size);
	free(image->verdicts);
	free(image);
}

bool ring_image_fits(const struct ring_image *image, uint64_t base_place, uint64_t ring_size, uint64_t file_size, uint64_t fingerprint)
{
	return image->base_place == base_place && image->ring_size == ring_size && image->file_size == file_size && image->fingerprint == fingerprint;
}

/* ---- bytes ------------------------------------------------------------------------------------------------------------ */

/* Not over the ring's end, where the file goes on at its beginning. */
static uint64_t bound(const struct ring_image *image, uint64_t from, uint64_t size)
{
	uint64_t lap_rest = image->ring_size - (image->base_place + from) % image->ring_size, rest = image->ring_size - from;
	size = size < rest ? size : rest;
	return size < lap_rest ? size : lap_rest;
}

static uint64_t position_of(const struct ring_image *image, uint64_t at)
{
	return JOURNAL_RING_POSITION + (image->base_place + at) % image->ring_size;
}

/* What was cut off the file reads as zeros. */
static int take_read(struct ring_image *image, int64_t read, uint64_t size, uint64_t position)
{
	if (read < 0)
		return (int)read;
	if ((uint64_t)read < size && position + (uint64_t)read < image->file_size)
		return -EIO;
	memset(image->bytes + image->loaded + read, 0, size - (size_t)read);
	image->loaded += size;
	return 0;
}

static void enlarge(struct ring_image *image)
{
	if (!image->is_large)
		madvise(image->bytes, image->ring_size, MADV_HUGEPAGE);
	image->is_large = true;
}

/* The next piece, of `size_min` at least. */
static int load(struct ring_image *image, struct io *io, int fd, size_t size_min)
{
	uint64_t size = bound(image, image->loaded, size_min > image->read_size ? size_min : image->read_size), position = position_of(image, image->loaded);
	if (size > READ_SIZE_FIRST)
		enlarge(image);
	int err = take_read(image, io_file_read(io, fd, image->bytes + image->loaded, size, position), size, position);
	if (err)
		return err;
	image->asked = image->loaded;
	if (image->read_size < READ_SIZE_MAX)
		image->read_size *= READ_GROWTH;
	return 0;
}

/* ---- pieces on their way ---------------------------------------------------------------------------------------------- */

static void fetched(struct io_op *op)
{
	CONTAINER_OF(op, struct ring_fetch, op)->is_in_flight = false;
}

static void fetch_more(struct ring_image *image, struct io *io, int fd)
{
	while (image->fetch_count < RING_FETCHES_MAX && image->asked < image->due) {
		struct ring_fetch *fetch = &image->fetches[(image->fetch_first + image->fetch_count++) % RING_FETCHES_MAX];
		uint64_t rest = image->due - image->asked, size = bound(image, image->asked, rest < FETCH_SIZE ? rest : FETCH_SIZE);
		*fetch = (struct ring_fetch){.op.done = fetched, .piece = {image->bytes + image->asked, size}, .position = position_of(image, image->asked), .is_in_flight = true};
		image->asked += size;
		io_read(io, &fetch->op, fd, &fetch->piece, 1, fetch->position);
	}
	image->io = io;
	io_flush(io);
}

static int wait_for(struct io *io, const struct ring_fetch *fetch)
{
	while (fetch->is_in_flight) {
		int turned = io_turn(io, true);
		if (turned < 0)
			return turned;
	}
	return 0;
}

void ring_image_settle(struct ring_image *image)
{
	for (; image->fetch_count; image->fetch_count--) {
		if (wait_for(image->io, &image->fetches[image->fetch_first]))
			return;
		image->fetch_first = (image->fetch_first + 1) % RING_FETCHES_MAX;
	}
	image->asked = image->loaded;
}

/* The oldest is what comes next. Behind one that failed nothing is: the next try reads for itself. */
static int take_fetched(struct ring_image *image, struct io *io, int fd)
{
	struct ring_fetch *fetch = &image->fetches[image->fetch_first];
	int err = wait_for(io, fetch);
	if (!err)
		err = take_read(image, fetch->op.result, fetch->piece.iov_len, fetch->position);
	if (err) {
		ring_image_settle(image);
		image->due = 0;
		return err;
	}
	image->fetch_first = (image->fetch_first + 1) % RING_FETCHES_MAX;
	image->fetch_count--;
	fetch_more(image, io, fd);
	return 0;
}

static int load_next(struct ring_image *image, struct io *io, int fd, size_t size_min)
{
	if (image->loaded && !image->fetch_count && image->asked < image->due) {
		enlarge(image);
		fetch_more(image, io, fd);
	}
	return image->fetch_count ? take_fetched(image, io, fd) : load(image, io, fd, size_min);
}

void ring_image_expect(struct ring_image *image, uint64_t place)
{
	if (place > image->base_place)
		image->due = place - image->base_place < image->ring_size ? place - image->base_place : image->ring_size;
}

/* Who looks whether history goes on in the next lap skips all of this one. It is skipped for nothing where groups do not reach. */
static size_t reached(const struct ring_image *image)
{
	return !image->due ? image->loaded + SKIPPED_MAX : image->due > image->loaded ? image->due : image->loaded;
}

int ring_image_view(struct ring_image *image, struct io *io, int fd, uint64_t place, size_t size, const uint8_t **out)
{
	if (place < image->base_place || place - image->base_place > image->ring_size || size > image->ring_size - (place - image->base_place))
		return 0;
	if (place - image->base_place < image->given || place - image->base_place > reached(image))
		return 0;
	size_t end = place - image->base_place + size;
	while (image->loaded < end) {
		int err = load_next(image, io, fd, end - image->loaded);
		if (err < 0)
			return err;
	}
	*out = image->bytes + (place - image->base_place);
	return 1;
}

bool ring_image_has(const struct ring_image *image, uint64_t place, size_t size)
{
	return place >= image->base_place + image->given && place - image->base_place + size <= image->loaded;
}

/* ---- memory that is given away ---------------------------------------------------------------------------------------- */

void ring_image_pass(struct ring_image *image, uint64_t place)
{
	uint64_t passed = place > image->base_place ? place - image->base_place : 0;
	image->passed = passed < image->loaded ? passed : image->loaded;
}

/* Whatever the kernel says, there is memory at both places afterwards; untouched where the pages came from, so that nothing of somebody else's ever lies in the image. */
static bool move_pages(uint8_t *from, void *to, size_t size)
{
	if (mremap(from, size, size, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, to) == to)
		return true;
	void *again = mmap(to, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
	CHECK(again == to);
	return false;
}

bool ring_image_give(struct ring_image *image, void *to, size_t size)
{
	if (image->passed < image->given || image->passed - image->given < size)
		return false;
	if (!move_pages(image->bytes + image->given, to, size)) {
		image->passed = 0;
		return false;
	}
	image->given += size;
	return true;
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
	if (place < image->base_place + image->given) /* what is read again is judged again */
		return NULL;
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
