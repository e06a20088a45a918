/* Recovery of a journal whose reads fail, fall short, or answer otherwise the second time. */
#include "tests/unit/log/journal/image.h"

/* Three groups on a disk, not opened yet. */
static void make_three(struct opened *opened)
{
	struct image image = make_image();
	for (uint64_t seq = 0; seq < 3; seq++)
		put_group(&image, 100, seq);
	lay_on_disk(opened, &image, MIB);
}

Test(journal_recover_reads, reads_that_fail)
{
	bool has_struck = true;
	for (uint64_t k = 1; has_struck; k++) {
		struct opened opened;
		make_three(&opened);
		sim_disk_fail_kinds(opened.disk, SIM_READ, k, EIO, false);
		int err = journal_open(&opened.journal, opened.io, &opened.options, &opened.report);
		has_struck = sim_disk_fail_count(opened.disk) > 0;
		cr_expect_eq(err, has_struck ? -EIO : 0, "read %lu: row %c", (unsigned long)k, opened.report.decision);
		if (!err)
			journal_close(opened.journal);
		cr_assert(has_struck || k > 2, "it reads no group");
		forget(&opened);
	}
}

/* A file that ends before the ring does, as it may be cut while it is read: what is missing is not taken for zeros. */
Test(journal_recover_reads, reads_that_fall_short)
{
	struct opened opened;
	struct ring_reader reader;
	struct found_group group;
	make_three(&opened);
	int fd = io_file_open(opened.io, "/j", IO_READ_ONLY);
	ring_reader_init(&reader, opened.io, fd, 2 * RING, SEED);
	cr_expect_eq(ring_read_group(&reader, RING, &group), -EIO);
	ring_reader_fini(&reader);
	io_close_fd(opened.io, fd);
	forget(&opened);
}

static int count_entry(void *context, uint64_t group_seq, bool group_is_vouched, const struct journal_entry *entry, struct slice payload)
{
	++*(int *)context;
	return 0;
}

/* The last group, which nothing vouches for, was whole when it was opened, and is not when it is replayed. */
Test(journal_recover_reads, another_answer)
{
	struct opened opened;
	int count = 0;
	make_three(&opened);
	cr_assert_eq(journal_open(&opened.journal, opened.io, &opened.options, &opened.report), 0);
	cr_assert_eq(sim_disk_corrupt(opened.disk, "/j", JOURNAL_RING_POSITION + 2 * JOURNAL_BLOCK_SIZE + GROUP_HEADER_SIZE + GROUP_ENTRY_SIZE + 5, 1), 0);
	opened.journal->reader.image = NULL; /* what was kept, or a window that it has seen already, says nothing of the disk */
	opened.journal->reader.size = 0;
	cr_expect_eq(journal_replay(opened.journal, count_entry, &count), ERR_CORRUPT_LOG);
	cr_expect_eq(count, 2);
	journal_close(opened.journal);
	forget(&opened);
}
