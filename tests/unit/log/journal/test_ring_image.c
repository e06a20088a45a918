/* What one opening of a journal has read counts in the next only if it is of the same lap of the same file. */
#include <criterion/criterion.h>

#include <errno.h>

#include "log/io/sim.h"
#include "log/journal/ring_image.h"

#define RING (64u << 10)
#define SIZE (JOURNAL_RING_POSITION + RING)

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
	struct sim_disk *disk = sim_disk_open(1);
	struct io *io;
	cr_assert_eq(io_open(&io, &(struct io_options){.backend = IO_SIM, .disk = disk, .seed = 1}), 0);
	int fd = io_file_open(io, "/j", IO_CREATE);
	cr_assert_geq(fd, 0);
	cr_assert_eq(io_file_write(io, fd, "x", 1, JOURNAL_RING_POSITION + RING / 4 - 1), 1);
	for (int is_cut_before = 0; is_cut_before < 2; is_cut_before++) {
		const uint8_t *bytes;
		struct ring_image *image = ring_image_create(0, RING, is_cut_before ? JOURNAL_RING_POSITION + RING / 4 : SIZE, 7);
		cr_assert_not_null(image);
		int seen = ring_image_view(image, io, fd, 0, RING / 2, &bytes);
		cr_assert_eq(seen, is_cut_before ? 1 : -EIO);
		if (is_cut_before)
			cr_expect(bytes[RING / 4 - 1] == 'x' && bytes[RING / 4] == 0);
		cr_expect_eq(ring_image_view(image, io, fd, RING / 2, RING, &bytes), 0);
		ring_image_free(image);
	}
	io_close_fd(io, fd);
	io_close(io);
	sim_disk_close(disk);
}

/* The walk ends, and looks whether it goes on at the ring's begin: what lies between is not read for that. (Every start after a clean stop read all of the ring: 90 ms.) */
Test(ring_image, what_lies_between_is_not_read)
{
	const uint64_t ring = 16u << 20;
	struct sim_disk *disk = sim_disk_open(1);
	struct io *io;
	cr_assert_eq(io_open(&io, &(struct io_options){.backend = IO_SIM, .disk = disk, .seed = 1}), 0);
	int fd = io_file_open(io, "/j", IO_CREATE);
	cr_assert_geq(fd, 0);
	cr_assert_eq(io_file_truncate(io, fd, JOURNAL_RING_POSITION + ring), 0);
	const uint8_t *bytes;
	struct ring_image *image = ring_image_create(0, ring, JOURNAL_RING_POSITION + ring, 7);
	cr_assert_not_null(image);
	cr_assert_eq(ring_image_view(image, io, fd, 0, JOURNAL_BLOCK_SIZE, &bytes), 1);
	cr_expect_eq(ring_image_view(image, io, fd, ring - JOURNAL_BLOCK_SIZE, JOURNAL_BLOCK_SIZE, &bytes), 0);
	cr_expect_not(ring_image_has(image, 1u << 20, JOURNAL_BLOCK_SIZE));
	cr_expect_eq(ring_image_view(image, io, fd, 1u << 20, JOURNAL_BLOCK_SIZE, &bytes), 1, "a skipped rest of a lap is");
	ring_image_free(image);
	io_close_fd(io, fd);
	io_close(io);
	sim_disk_close(disk);
}
