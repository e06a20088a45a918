/* Recovery of journal files made by hand: the file table, row by row (log/journal/journal_recover.c), and files that were cut or grown. */
#include "tests/unit/log/journal/image.h"

/* B: a superblock of a later version, beside a valid one or not. */
Test(journal_recover_file, row_B)
{
	for (int slot = 0; slot < 2; slot++) {
		struct image image = make_image();
		uint8_t *block = image.bytes + slot * JOURNAL_BLOCK_SIZE;
		store_le32(block + 8, 2);
		store_le64(block + JOURNAL_BLOCK_SIZE - 8, journal_data_checksum((struct slice){block, JOURNAL_BLOCK_SIZE - 8}));
		struct outcome outcome = open_image(&image);
		cr_expect_eq(outcome.err, ERR_FORMAT);
		cr_expect_eq(outcome.report.decision, 'B');
	}
}

/* C: not a journal. */
Test(journal_recover_file, row_C)
{
	struct image image = make_image();
	memset(image.bytes, 0, JOURNAL_RING_POSITION);
	struct outcome outcome = open_image(&image);
	cr_expect_eq(outcome.err, ERR_FORMAT);
	cr_expect_eq(outcome.report.decision, 'C');
}

/* D: both superblocks are damaged: by their checksums, or saying what cannot be. */
Test(journal_recover_file, row_D)
{
	for (int i = 0; i < 4; i++) {
		struct image image = make_image();
		struct superblock wrong = superblock_at_start();
		wrong.trim_place = i == 1 ? 100 : 0;
		wrong.trim_seq = i == 2 ? 7 : 0;
		wrong.written_place = i == 3 ? 2 * MIB : 0;
		for (uint32_t slot = 0; slot < 2; slot++)
			put_superblock(&image, slot, wrong);
		if (i == 0)
			image.bytes[100]++, image.bytes[JOURNAL_BLOCK_SIZE + 4000]++;
		struct outcome outcome = open_image(&image);
		cr_expect_eq(outcome.err, ERR_CORRUPT_LOG);
		cr_expect_eq(outcome.report.decision, 'D', "case %d: %c", i, outcome.report.decision);
	}
}

/* F: an opening with our incarnation has written it before us. */
Test(journal_recover_file, row_F)
{
	struct image image = make_image();
	struct superblock superblock = superblock_at_start();
	superblock.write_number = 3;
	superblock.incarnation = OURS;
	put_superblock(&image, 0, superblock);
	struct outcome outcome = open_image(&image);
	cr_expect_eq(outcome.err, ERR_CORRUPT_LOG);
	cr_expect_eq(outcome.report.decision, 'F');
}

/* G: either slot alone is enough, and the newer one counts. */
Test(journal_recover_file, row_G)
{
	for (uint32_t broken = 0; broken < 3; broken++) {
		struct image image = make_image();
		put_group(&image, 100, 0);
		struct superblock trimmed = superblock_at_start();
		trimmed.write_number = 3;
		trimmed.durable_seq = trimmed.trim_seq = 1;
		trimmed.trim_place = image.place;
		trimmed.trim_chain = image.chain;
		trimmed.trim_incarnation = 5;
		put_superblock(&image, 0, trimmed);
		put_group(&image, 100, 1);
		if (broken < 2)
			image.bytes[broken * JOURNAL_BLOCK_SIZE + 17]++;
		struct outcome outcome = open_image(&image);
		if (broken == 0)
			EXPECT_SEQS(&outcome, 1, 2);
		else
			EXPECT_SEQS(&outcome, 2);
		cr_expect_eq(outcome.report.damaged_groups, 0);
	}
}

/* What was cut off the file where nothing of the history was costs nothing; where its next group would be, or reaches to, groups may have been, and only loss
 * accepted goes on, as where vouched ones are missing. A seal of the last opening says that nothing was there. */
Test(journal_recover_file, a_file_that_was_cut)
{
	static const struct {
		uint64_t blocks_left; /* of the ring; the groups take one each */
		bool has_seal, is_accepted;
		int err;
		char decision;
		uint32_t count;
		uint64_t vouched_seq;
	} cases[] = {
		{250, false, false, 0, 'P', 2, 0},
		{3, false, false, 0, 'P', 2, 0},
		{2, false, false, ERR_CORRUPT_LOG, 'T', 0, 0},
		{2, false, true, 0, 'U', 2, 0},
		{1, false, false, ERR_CORRUPT_LOG, 'T', 0, 0},
		{1, false, true, 0, 'U', 1, 0},
		{0, false, false, ERR_CORRUPT_LOG, 'T', 0, 1}, /* what is vouched for is told, and what came behind it is not */
		{0, false, true, 0, 'U', 0, 1},
		{3, true, false, 0, 'J', 2, 0},
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct image image = make_image();
		put_telling(&image, 1);
		put_telling(&image, 1);
		put_telling_superblock(&image, cases[i].vouched_seq, 1);
		if (cases[i].has_seal)
			put_seal(&image);
		struct outcome outcome = open_image_accepting(&image, JOURNAL_RING_POSITION + cases[i].blocks_left * JOURNAL_BLOCK_SIZE, cases[i].is_accepted);
		cr_expect_eq(outcome.err, cases[i].err, "case %zu", i);
		cr_expect_eq(outcome.report.decision, cases[i].decision, "case %zu: %c", i, outcome.report.decision);
		cr_expect_eq(outcome.count, cases[i].count, "case %zu", i);
		cr_expect_eq(outcome.report.cut_bytes, RING - cases[i].blocks_left * JOURNAL_BLOCK_SIZE);
		cr_expect_eq(outcome.file_size, (int64_t)(cases[i].err ? MIB - outcome.report.cut_bytes : MIB), "case %zu: a start puts it back", i);
	}
}

/* Half of a group was cut off: nobody vouches for it, but a crash does not cut files. */
Test(journal_recover_file, a_file_that_was_cut_in_a_group)
{
	struct image image = make_image();
	image.tells = true;
	image.told_from = 1;
	put_group(&image, 100, 0);
	put_group(&image, 20000, 1);
	put_telling_superblock(&image, 0, 1);
	struct outcome outcome = open_image_of_size(&image, JOURNAL_RING_POSITION + 3 * JOURNAL_BLOCK_SIZE);
	cr_expect_eq(outcome.err, ERR_CORRUPT_LOG);
	cr_expect_eq(outcome.report.untold_from, 2);
}

/* What somebody has added behind the end is nobody's. It stays: a start does not know what it is. */
Test(journal_recover_file, a_file_that_was_grown)
{
	struct image image = make_image();
	put_group(&image, 100, 0);
	image.bytes = realloc(image.bytes, MIB + 1);
	image.bytes[MIB] = 'x';
	struct outcome outcome = open_image_of_size(&image, MIB + 1);
	EXPECT_SEQS(&outcome, 1);
	cr_expect_eq(outcome.report.tail_bytes, 1);
	cr_expect_eq(outcome.file_size, MIB + 1);
}
