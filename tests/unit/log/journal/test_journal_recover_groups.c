/* Recovery of journal files made by hand: each row of the group table has the file that leads to it (log/journal/journal_recover.c). */
#include "tests/unit/log/journal/image.h"

/* H and P: whole groups are taken, of one opening or several; then nothing is there. All but the last are
 * vouched for. */
Test(journal_recover_groups, rows_H_and_P)
{
	struct image image = make_image();
	put_group(&image, 0, 0);
	put_group(&image, 10000, 1);
	image.incarnation = 7;
	put_group(&image, 200000, 2);
	struct outcome outcome = open_image(&image);
	EXPECT_SEQS(&outcome, 1, 2, 3);
	cr_expect_eq(outcome.report.decision, 'P');
	cr_expect(outcome.is_vouched[0] && outcome.is_vouched[1] && !outcome.is_vouched[2]);
	cr_expect_eq(outcome.report.torn_groups, 0);
	cr_expect_not(outcome.report.was_clean);
}

/* I: a group of our own incarnation. */
Test(journal_recover_groups, row_I)
{
	struct image image = make_image();
	put_group(&image, 100, 0);
	image.incarnation = OURS;
	put_group(&image, 100, 1);
	struct outcome outcome = open_image(&image);
	cr_expect_eq(outcome.err, ERR_CORRUPT_LOG);
	cr_expect_eq(outcome.report.decision, 'I');
}

/* I, behind a group that is lost: what vouches for that one is not passed over. */
Test(journal_recover_groups, row_I_behind_a_gap)
{
	struct image image = make_image();
	put_group(&image, 100, 0);
	uint64_t damaged = put_group(&image, 100, 1);
	image.incarnation = OURS;
	put_group(&image, 100, 2);
	break_header(&image, damaged);
	struct outcome outcome = open_image(&image);
	cr_expect_eq(outcome.err, ERR_CORRUPT_LOG);
	cr_expect_eq(outcome.report.decision, 'I');
}

/* J: a seal of the last opening that wrote. What lies behind it is not even looked at. */
Test(journal_recover_groups, row_J)
{
	struct image image = make_image();
	put_group(&image, 100, 0);
	put_seal(&image);
	struct outcome outcome = open_image(&image);
	EXPECT_SEQS(&outcome, 1);
	cr_expect_eq(outcome.report.decision, 'J');
	cr_expect(outcome.report.was_clean);
	cr_expect_lt(outcome.report.bytes_scanned, 512 << 10);
}

/* K: a group is damaged and a later one vouches for it: named, and history goes on. The header or an entry
 * may be broken. */
Test(journal_recover_groups, row_K)
{
	for (int i = 0; i < 2; i++) {
		struct image image = make_image();
		put_group(&image, 100, 0);
		uint64_t damaged = put_group(&image, 5000, 1);
		put_group(&image, 100, 1);
		put_group(&image, 100, 3);
		i ? break_header(&image, damaged) : break_entry(&image, damaged);
		struct outcome outcome = open_image(&image);
		EXPECT_SEQS(&outcome, 1, 3, 4);
		cr_expect_eq(outcome.report.damaged_groups, 1);
		cr_expect_eq(outcome.report.torn_groups, 0);
		cr_expect_eq(outcome.report.decision, 'P');
	}
}

/* K, and of the two groups that were in flight behind the damaged one the first was torn: the start goes on, and writes again what there is of them. (It looked for the torn
 * one, and refused: found by fuzz_journal.) */
Test(journal_recover_groups, row_K_and_a_torn_group_behind_it)
{
	struct image image = make_image();
	put_group(&image, 100, 0);
	uint64_t damaged = put_group(&image, 100, 1), torn = put_group(&image, 100, 2);
	put_group(&image, 100, 2);
	break_header(&image, damaged);
	break_header(&image, torn);
	struct outcome outcome = open_image(&image);
	EXPECT_SEQS(&outcome, 1, 4);
	cr_expect_eq(outcome.report.durable_seq, 2);
	cr_expect_eq(outcome.report.damaged_groups, 2);
}

/* A damaged group, and one behind it that vouches for it: it is found where the superblocks let groups be, and nowhere else is searched. Each slot says what it says,
 * counted in blocks from the damaged group on; -1: an earlier version wrote it; -2: it is lost. */
static struct outcome search_with_reaches(int newer, int older)
{
	struct image image = make_image();
	put_group(&image, 100, 0);
	put_group(&image, 100, 1);
	uint64_t damaged = put_group(&image, 5000, 2);
	put_group(&image, 100, 3);
	break_header(&image, damaged);
	int blocks[] = {newer, older};
	for (uint32_t slot = 0; slot < 2; slot++) {
		struct superblock superblock = superblock_at_start();
		superblock.write_number = 3 - slot;
		superblock.reach_place = blocks[slot] < 0 ? 0 : damaged + (uint64_t)blocks[slot] * JOURNAL_BLOCK_SIZE - JOURNAL_BLOCK_SIZE;
		put_superblock(&image, slot, superblock);
		image.bytes[slot * JOURNAL_BLOCK_SIZE + 200] ^= blocks[slot] == -2;
	}
	return open_image(&image);
}

Test(journal_recover_groups, the_search_ends_where_no_group_can_be)
{
	static const struct {
		int newer, older;
		bool is_found;
		const char *why;
	} cases[] = {
		{4, 4, true, "it ends just there"}, {3, 3, false, "none can be there"}, {1, 1, false, "nor behind the last one taken"},
		{3, 4, true, "the older one says more: the newer may be a write that went elsewhere"}, {4, 3, true, "the newer one says more"},
		{-1, 3, true, "an earlier version has written since"}, {3, -1, true, "... or before"}, {-1, -1, true, "... and nothing else"},
		{-2, 4, true, "one is lost"}, {4, -2, true, "the other is"}, {3, -2, false, "what is left says enough"}, {-2, -1, true, "what is left says nothing"},
		{0, 0, true, "the walk has come further, so they are not to be believed"},
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct outcome outcome = search_with_reaches(cases[i].newer, cases[i].older);
		cr_expect_eq(outcome.err, 0);
		cr_expect_eq(outcome.count, cases[i].is_found ? 3 : 2, "%d, %d: %s", cases[i].newer, cases[i].older, cases[i].why);
		cr_expect_eq(outcome.report.damaged_groups, cases[i].is_found ? 1 : 0, "%d, %d: %s", cases[i].newer, cases[i].older, cases[i].why);
	}
}

/* L: the superblock vouches for groups that are not there. */
Test(journal_recover_groups, row_L)
{
	for (int i = 0; i < 2; i++) {
		struct image image = make_image();
		put_group(&image, 100, 0);
		uint64_t damaged = put_group(&image, 5000, 1);
		struct superblock superblock = superblock_at_start();
		superblock.write_number = 3;
		superblock.durable_seq = 2;
		put_superblock(&image, 0, superblock);
		i ? break_header(&image, damaged) : break_entry(&image, damaged);
		struct outcome outcome = open_image(&image);
		EXPECT_SEQS(&outcome, 1);
		cr_expect_eq(outcome.report.decision, 'L');
		cr_expect_eq(outcome.report.damaged_groups, 1);
	}
}

/* M: the last group is torn in its body; nothing behind it was durable before it. */
Test(journal_recover_groups, row_M)
{
	for (int i = 0; i < 2; i++) {
		struct image image = make_image();
		put_group(&image, 100, 0);
		uint64_t torn = put_group(&image, 5000, 1);
		put_group(&image, 100, 1);
		i ? break_payload(&image, torn) : break_entry(&image, torn);
		struct outcome outcome = open_image(&image);
		EXPECT_SEQS(&outcome, 1);
		cr_expect_eq(outcome.report.decision, 'M');
		cr_expect_eq(outcome.report.torn_groups, 2);
		cr_expect_eq(outcome.report.damaged_groups, 0);
	}
}

/* N: torn in its header, and one that was in flight with it is whole: both go. */
Test(journal_recover_groups, row_N)
{
	struct image image = make_image();
	put_group(&image, 100, 0);
	uint64_t torn = put_group(&image, 5000, 1);
	put_group(&image, 100, 1);
	break_header(&image, torn);
	struct outcome outcome = open_image(&image);
	EXPECT_SEQS(&outcome, 1);
	cr_expect_eq(outcome.report.decision, 'N');
	cr_expect_eq(outcome.report.torn_groups, 2);
	cr_expect_eq(outcome.report.damaged_groups, 0);
}

/* O: a seal, and an opening after it that wrote no group, or a superblock that cannot say. */
Test(journal_recover_groups, row_O)
{
	for (int i = 0; i < 2; i++) {
		struct image image = make_image();
		put_group(&image, 100, 0);
		put_seal(&image);
		struct superblock superblock = superblock_at_start();
		superblock.write_number = 3;
		superblock.incarnation = 6;
		superblock.durable_seq = 2;
		superblock_add_opening(&superblock, 6, 2);
		put_superblock(&image, 0, superblock);
		if (i)
			image.bytes[50]++;
		struct outcome outcome = open_image(&image);
		EXPECT_SEQS(&outcome, 1);
		cr_expect_eq(outcome.report.decision, 'O');
		cr_expect(outcome.report.was_clean);
	}
}

/* Q: payloads of a group that is vouched for are damaged, one group behind the other: its entries come all
 * the same, and say what is lost. A later group or the superblock may be the one that vouches. */
Test(journal_recover_groups, row_Q)
{
	for (int i = 0; i < 2; i++) {
		struct image image = make_image();
		put_group(&image, 100, 0);
		uint64_t damaged = put_group(&image, 5000, 1), damaged_too = put_group(&image, 70000, 2);
		break_payload(&image, damaged);
		break_payload(&image, damaged_too);
		if (i == 0) {
			put_group(&image, 100, 3);
		} else {
			struct superblock superblock = superblock_at_start();
			superblock.write_number = 3;
			superblock.durable_seq = 3;
			put_superblock(&image, 0, superblock);
		}
		struct outcome outcome = open_image(&image);
		if (i == 0)
			EXPECT_SEQS(&outcome, 1, 2, 3, 4);
		else
			EXPECT_SEQS(&outcome, 1, 2, 3);
		cr_expect_eq(outcome.report.damaged_groups, 2);
		cr_expect_eq(outcome.report.decision, 'P');
		cr_expect(outcome.has_payload[0] && !outcome.has_payload[1] && !outcome.has_payload[2]);
		cr_expect(outcome.is_vouched[1] && outcome.is_vouched[2]);
	}
}
