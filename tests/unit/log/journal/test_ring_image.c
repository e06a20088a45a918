/* What one opening of a journal has read counts in the next only if it is of the same lap of the same file. */
#include <criterion/criterion.h>

#include <errno.h>
#include <sys/mman.h>

#include "log/io/sim.h"
#include "log/journal/ring_image.h"

#define RING (64u << 10)
#define SIZE (JOURNAL_RING_POSITION + RING)

struct ring_file {
	struct sim_disk *disk;
	struct io *io;
	int fd;
};

static struct ring_file open_file(void)
{
	struct ring_file file = {.disk = sim_disk_open(1)};
	cr_assert_eq(io_open(&file.io, &(struct io_options){.backend = IO_SIM, .disk = file.disk, .seed = 1}), 0);
	file.fd = io_file_open(file.io, "/j", IO_CREATE);
	cr_assert_geq(file.fd, 0);
	return file;
}

static void close_file(struct ring_file *file)
{
	io_close_fd(file->io, file->fd);
	io_close(file->io);
	sim_disk_close(file->disk);
}

Test(ring_image, fits_its_own_alone)
{
	static const struct {
		uint64_t base_place, ring_size, file_size, fingerprint;
		bool fits;
	} cases[] = {
		{RING, RING, SIZE, 7, true},
		{2 * RING, RING, SIZE, 7, false},
		{RING, RING / 2, SIZE, 7, false},
		{RING, RING, SIZE - 1, 7, false},
		{RING, RING, SIZE, 8, false},
	};
	struct ring_image *image = ring_image_create(RING, RING, SIZE, 7);
	cr_assert_not_null(image);
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		cr_expect_eq(ring_image_fits(image, cases[i].base_place, cases[i].ring_size, cases[i].file_size, cases[i].fingerprint), cases[i].fits, "%zu", i);
	ring_image_free(image);
}

/* What was cut off the file before it was looked at reads as zeros; what is gone since is no zeros, nor is what another lap holds. */
Test(ring_image, what_cannot_be_read_is_not_zeros)
{
	struct ring_file file = open_file();
	cr_assert_eq(io_file_write(file.io, file.fd, "x", 1, JOURNAL_RING_POSITION + RING / 4 - 1), 1);
	for (int is_cut_before = 0; is_cut_before < 2; is_cut_before++) {
		const uint8_t *bytes;
		struct ring_image *image = ring_image_create(0, RING, is_cut_before ? JOURNAL_RING_POSITION + RING / 4 : SIZE, 7);
		cr_assert_not_null(image);
		int seen = ring_image_view(image, file.io, file.fd, 0, RING / 2, &bytes);
		cr_assert_eq(seen, is_cut_before ? 1 : -EIO);
		if (is_cut_before)
			cr_expect(bytes[RING / 4 - 1] == 'x' && bytes[RING / 4] == 0);
		cr_expect_eq(ring_image_view(image, file.io, file.fd, RING / 2, RING, &bytes), 0);
		ring_image_free(image);
	}
	close_file(&file);
}

/* The walk ends, and looks whether it goes on at the ring's begin: what lies between is not read for that. (Every start after a clean stop read all of the ring: 90 ms.) */
Test(ring_image, what_lies_between_is_not_read)
{
	const uint64_t ring = 16u << 20;
	struct ring_file file = open_file();
	cr_assert_eq(io_file_truncate(file.io, file.fd, JOURNAL_RING_POSITION + ring), 0);
	const uint8_t *bytes;
	struct ring_image *image = ring_image_create(0, ring, JOURNAL_RING_POSITION + ring, 7);
	cr_assert_not_null(image);
	cr_assert_eq(ring_image_view(image, file.io, file.fd, 0, JOURNAL_BLOCK_SIZE, &bytes), 1);
	cr_expect_eq(ring_image_view(image, file.io, file.fd, ring - JOURNAL_BLOCK_SIZE, JOURNAL_BLOCK_SIZE, &bytes), 0);
	cr_expect_not(ring_image_has(image, 1u << 20, JOURNAL_BLOCK_SIZE));
	cr_expect_eq(ring_image_view(image, file.io, file.fd, 1u << 20, JOURNAL_BLOCK_SIZE, &bytes), 1, "a skipped rest of a lap is");
	ring_image_free(image);
	close_file(&file);
}

/* Where it is known how far groups reach, nothing behind that is read for such a look, however short the rest of the lap is; but a group that follows is seen. */
Test(ring_image, what_lies_behind_the_reach_is_not_read)
{
	const uint64_t ring = 1u << 20, reach = 256u << 10;
	struct ring_file file = open_file();
	cr_assert_eq(io_file_truncate(file.io, file.fd, JOURNAL_RING_POSITION + ring), 0);
	const uint8_t *bytes;
	struct ring_image *image = ring_image_create(0, ring, JOURNAL_RING_POSITION + ring, 7);
	cr_assert_not_null(image);
	ring_image_expect(image, reach);
	cr_assert_eq(ring_image_view(image, file.io, file.fd, 0, JOURNAL_BLOCK_SIZE, &bytes), 1);
	cr_expect_eq(ring_image_view(image, file.io, file.fd, ring - JOURNAL_BLOCK_SIZE, JOURNAL_BLOCK_SIZE, &bytes), 0);
	cr_expect_not(ring_image_has(image, reach, JOURNAL_BLOCK_SIZE));
	cr_expect_eq(ring_image_view(image, file.io, file.fd, reach - JOURNAL_BLOCK_SIZE, JOURNAL_BLOCK_SIZE, &bytes), 1, "up to there is");
	cr_expect_eq(ring_image_view(image, file.io, file.fd, reach, JOURNAL_BLOCK_SIZE, &bytes), 1, "and what follows what is there");
	ring_image_free(image);
	close_file(&file);
}

/* What is on its way comes in the order of places, around the ring's end, and is whole; what could not be read is an error when it is asked for, and read again. */
Test(ring_image, pieces_on_their_way)
{
	const uint64_t ring = 16u << 20, base = ring + (9u << 20), due = 11u << 20;
	static const uint8_t zeros[JOURNAL_BLOCK_SIZE];
	struct ring_file file = open_file();
	cr_assert_eq(io_file_truncate(file.io, file.fd, JOURNAL_RING_POSITION + ring), 0);
	for (uint64_t at = 0; at < due; at += JOURNAL_BLOCK_SIZE) {
		uint64_t place = base + at;
		cr_assert_eq(io_file_write(file.io, file.fd, &place, sizeof place, JOURNAL_RING_POSITION + place % ring), sizeof place);
	}
	struct ring_image *image = ring_image_create(base, ring, JOURNAL_RING_POSITION + ring, 7);
	cr_assert_not_null(image);
	ring_image_expect(image, base + due);
	bool has_failed = false, was_ahead = false;
	for (uint64_t at = 0; at < due; at += JOURNAL_BLOCK_SIZE) {
		const uint8_t *bytes;
		uint64_t place = base + at;
		if (at == 5u << 20)
			sim_disk_fail(file.disk, 1, EIO);
		int seen = ring_image_view(image, file.io, file.fd, place, JOURNAL_BLOCK_SIZE, &bytes);
		if (seen == -EIO && !has_failed) {
			has_failed = true;
			sim_disk_fail(file.disk, 0, EIO);
			seen = ring_image_view(image, file.io, file.fd, place, JOURNAL_BLOCK_SIZE, &bytes);
		}
		was_ahead |= image->asked > image->loaded;
		cr_assert(has_failed || image->asked <= due, "nothing is asked for that is not due");
		cr_assert_eq(seen, 1, "at %lu", at);
		cr_assert(memcmp(bytes, &place, sizeof place) == 0 && memcmp(bytes + sizeof place, zeros, sizeof zeros - sizeof place) == 0, "at %lu", at);
	}
	cr_expect(has_failed);
	cr_expect(was_ahead);
	ring_image_free(image);
	close_file(&file);
}

/* One that is freed, or carried on, while pieces are on their way: the kernel writes nowhere afterwards. */
Test(ring_image, pieces_on_their_way_are_waited_for)
{
	const uint64_t ring = 16u << 20;
	const uint8_t *bytes;
	struct ring_file file = open_file();
	cr_assert_eq(io_file_truncate(file.io, file.fd, JOURNAL_RING_POSITION + ring), 0);
	struct ring_image *image = ring_image_create(0, ring, JOURNAL_RING_POSITION + ring, 7);
	ring_image_expect(image, ring / 2);
	cr_assert_eq(ring_image_view(image, file.io, file.fd, 0, JOURNAL_BLOCK_SIZE, &bytes), 1);
	cr_assert_eq(ring_image_view(image, file.io, file.fd, 1u << 20, JOURNAL_BLOCK_SIZE, &bytes), 1);
	cr_assert_gt(image->fetch_count, 0);
	ring_image_settle(image);
	cr_expect_eq(image->fetch_count, 0);
	cr_expect_eq(io_turn(file.io, true), 0, "nothing is left of them");
	cr_assert_eq(ring_image_view(image, file.io, file.fd, 2u << 20, JOURNAL_BLOCK_SIZE, &bytes), 1);
	cr_assert_gt(image->fetch_count, 0);
	ring_image_free(image);
	cr_expect_eq(io_turn(file.io, true), 0);
	close_file(&file);
}

/* A piece that would reach over the ring's end is two: the second is at the file's begin. */
Test(ring_image, a_piece_ends_with_the_lap)
{
	const uint64_t base = 2 * RING - JOURNAL_BLOCK_SIZE;
	const uint8_t *bytes;
	struct ring_file file = open_file();
	cr_assert_eq(io_file_truncate(file.io, file.fd, SIZE), 0);
	cr_assert_eq(io_file_write(file.io, file.fd, "x", 1, JOURNAL_RING_POSITION), 1);
	struct ring_image *image = ring_image_create(base, RING, SIZE, 7);
	cr_assert_not_null(image);
	cr_assert_eq(ring_image_view(image, file.io, file.fd, base, 2 * JOURNAL_BLOCK_SIZE, &bytes), 1);
	cr_expect(bytes[0] == 0 && bytes[JOURNAL_BLOCK_SIZE] == 'x');
	ring_image_free(image);
	close_file(&file);
}

/* Verdicts are found by their places, whose order is theirs: one out of it is none, and the first of a place stays. */
Test(ring_image, one_verdict_a_place)
{
	struct ring_image *image = ring_image_create(0, RING, SIZE, 7);
	cr_assert_not_null(image);
	struct group_verdict verdict = {.place = 2 * JOURNAL_BLOCK_SIZE};
	ring_image_note(image, &verdict);
	ring_image_note(image, &verdict);
	verdict.place = JOURNAL_BLOCK_SIZE;
	ring_image_note(image, &verdict);
	cr_expect_eq(image->verdict_count, 1);
	cr_expect_null(ring_image_verdict(image, JOURNAL_BLOCK_SIZE));
	cr_assert_not_null(ring_image_verdict(image, 2 * JOURNAL_BLOCK_SIZE));
	ring_image_free(image);
}

/* Memory of what was passed moves, with what is in it; where it was is still the image's, and nothing is there. */
Test(ring_image, memory_that_is_given)
{
	const uint64_t ring = 16u << 20, gift = RING_GIFT_ALIGN;
	struct ring_file file = open_file();
	const uint8_t *bytes;
	cr_assert_eq(io_file_truncate(file.io, file.fd, JOURNAL_RING_POSITION + ring), 0);
	cr_assert_eq(io_file_write(file.io, file.fd, "x", 1, JOURNAL_RING_POSITION + 5), 1);
	struct ring_image *image = ring_image_create(0, ring, JOURNAL_RING_POSITION + ring, 7);
	cr_assert_not_null(image);
	uint8_t *to = mmap(NULL, 2 * gift, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *from = image->bytes;
	cr_assert_neq(to, MAP_FAILED);
	to += (gift - (uintptr_t)to % gift) % gift;
	cr_assert_eq(ring_image_view(image, file.io, file.fd, 0, gift + JOURNAL_BLOCK_SIZE, &bytes), 1);
	cr_expect_not(ring_image_give(image, to, gift), "nothing was passed");
	ring_image_pass(image, gift - 1);
	cr_expect_not(ring_image_give(image, to, gift));
	ring_image_pass(image, gift);
	cr_assert(ring_image_give(image, to, gift));
	cr_expect_eq(to[5], 'x');
	cr_expect_not(ring_image_give(image, to, gift));
	cr_expect_not(ring_image_has(image, gift - JOURNAL_BLOCK_SIZE, JOURNAL_BLOCK_SIZE));
	cr_expect(ring_image_has(image, gift, JOURNAL_BLOCK_SIZE));
	cr_expect_eq(ring_image_view(image, file.io, file.fd, 0, JOURNAL_BLOCK_SIZE, &bytes), 0);
	cr_expect_eq(from[5], 0);
	ring_image_free(image);
	cr_expect_eq(to[5], 'x');
	close_file(&file);
}
