/* Recovery of journal files made by hand: groups that are lost, what later ones and superblocks tell of them, and where the history ends (the end table in
 * log/journal/journal_recover.c). */
#include "tests/unit/log/journal/image.h"

static void expect_repeated(const struct outcome *outcome, const uint64_t *seqs, uint32_t count)
{
	cr_expect_eq(outcome->repeat_count, count, "%u instead of %u", outcome->repeat_count, count);
	for (uint32_t i = 0; i < count && i < outcome->repeat_count; i++)
		cr_expect_eq(outcome->repeated[i], seqs[i]);
}
#define EXPECT_REPEATED(outcome, ...) expect_repeated(outcome, (const uint64_t[]){__VA_ARGS__}, COUNT_OF(((const uint64_t[]){__VA_ARGS__})))

/* Eight groups, each of which tells of the one before it; the last of all from this one on. */
static void put_eight(struct image *image, uint64_t *places, uint64_t last_told_from)
{
	for (uint64_t seq = 1; seq <= 8; seq++)
		places[seq] = put_telling(image, seq == 1 ? 1 : seq == 8 ? last_told_from : seq - 1);
}

/* R: nothing is lost, and nobody asks what is repeated. */
Test(journal_recover_lost, row_R)
{
	struct image image = make_image();
	uint64_t places[9];
	put_eight(&image, places, 7);
	struct outcome outcome = open_image(&image);
	EXPECT_SEQS(&outcome, 1, 2, 3, 4, 5, 6, 7, 8);
	cr_expect_eq(outcome.repeat_count, 0);
}

/* V: the group behind the lost one tells of it; what is lost is handed out before that group's own entries, without payload. Then nobody is asked any more. */
Test(journal_recover_lost, row_V)
{
	for (int i = 0; i < 2; i++) {
		struct image image = make_image();
		uint64_t places[9];
		put_eight(&image, places, 7);
		i ? break_header(&image, places[3]) : break_entry(&image, places[3]);
		struct outcome outcome = open_image(&image);
		EXPECT_SEQS(&outcome, 1, 2, 4, 5, 6, 7, 8);
		EXPECT_REPEATED(&outcome, 3);
		cr_expect_eq(outcome.report.damaged_groups, 1);
		cr_expect_eq(outcome.report.decision, 'P');
		cr_expect_eq(outcome.report.untold_to, 0);
	}
}

/* V: of several lost ones in a row a later group tells, if its list reaches back so far. All that is repeated on the way to it is handed out. */
Test(journal_recover_lost, row_V_a_later_group_tells)
{
	struct image image = make_image();
	uint64_t places[9];
	put_eight(&image, places, 2);
	break_header(&image, places[2]);
	break_header(&image, places[3]);
	break_header(&image, places[5]);
	struct outcome outcome = open_image(&image);
	EXPECT_SEQS(&outcome, 1, 4, 6, 7, 8);
	EXPECT_REPEATED(&outcome, 3, 5, 6, 7, 6, 5, 4, 3, 2);
	cr_expect_eq(outcome.report.damaged_groups, 3);
	cr_expect_eq(outcome.report.untold_to, 0);
}

/* V: a group whose entries are lost still tells what it repeats. */
Test(journal_recover_lost, row_V_a_broken_group_tells)
{
	struct image image = make_image();
	uint64_t places[9];
	put_eight(&image, places, 7);
	break_header(&image, places[4]);
	break_entry(&image, places[5]);
	struct outcome outcome = open_image(&image);
	EXPECT_SEQS(&outcome, 1, 2, 3, 6, 7, 8);
	EXPECT_REPEATED(&outcome, 4, 5);
	cr_expect_eq(outcome.report.damaged_groups, 2);
	cr_expect_eq(outcome.report.untold_to, 0);
}

/* V: what is repeated has no payload. One that says so would pass over those behind it: such a list tells nothing, whatever its checksum says. */
Test(journal_recover_lost, row_V_a_repeat_with_a_payload)
{
	struct image image = make_image();
	for (uint64_t seq = 1; seq <= 4; seq++) {
		image.repeat_payload = seq == 4 ? 40 : 0;
		uint64_t place = put_telling(&image, 1);
		if (seq > 1 && seq < 4)
			break_header(&image, place);
	}
	struct outcome outcome = replay_image(&image, MIB, false);
	cr_expect_eq(outcome.replay_err, ERR_CORRUPT_LOG);
	cr_expect_eq(outcome.repeat_count, 0);
}

/* V: the superblock that vouches for the last group tells of it. */
Test(journal_recover_lost, row_V_the_superblock_tells)
{
	for (int i = 0; i < 2; i++) {
		struct image image = make_image();
		uint64_t places[9];
		put_eight(&image, places, 7);
		put_telling_superblock(&image, 8, 7);
		i ? break_header(&image, places[8]) : break_entry(&image, places[8]);
		i ? break_header(&image, places[7]) : break_entry(&image, places[7]);
		struct outcome outcome = open_image(&image);
		EXPECT_SEQS(&outcome, 1, 2, 3, 4, 5, 6);
		if (i) /* as long as it has a header, a group is asked as well */
			EXPECT_REPEATED(&outcome, 8, 7);
		else
			EXPECT_REPEATED(&outcome, 7, 8, 7);
		cr_expect_eq(outcome.report.decision, 'L');
		cr_expect_eq(outcome.report.untold_to, 0);
	}
}

/* A superblock that tells of lost groups is older than what follows them: its word of a partition does not replace the last group's. */
Test(journal_recover_lost, row_V_an_older_superblock)
{
	struct image image = make_image();
	uint64_t lost[] = {put_telling(&image, 1), put_telling(&image, 2)}, from;
	put_telling(&image, 3);
	put_telling(&image, 4);
	put_telling_superblock(&image, 2, 1);
	break_header(&image, lost[0]);
	break_header(&image, lost[1]);
	struct opened opened;
	lay_on_disk(&opened, &image, MIB);
	struct outcome outcome = {0};
	cr_assert_eq(journal_open(&opened.journal, opened.io, &opened.options, &opened.report), 0);
	cr_assert_eq(journal_replay(opened.journal, note_entry, &outcome), 0);
	EXPECT_SEQS(&outcome, 3, 4);
	EXPECT_REPEATED(&outcome, 2, 1);
	uint8_t bytes[4 * GROUP_ENTRY_SIZE];
	struct journal_entry entry;
	struct slice payload;
	size_t position = 0;
	repeats_begin(&opened.journal->repeats, 5);
	cr_assert_eq(repeats_write(&opened.journal->repeats, 0, 4, bytes, &from), 1);
	cr_assert(group_entry_next((struct slice){bytes, sizeof bytes}, &position, &entry, &payload));
	cr_expect_eq(entry.base_offset, 4);
	cr_expect_eq(from, 0);
	journal_close(opened.journal);
	forget(&opened);
}

/* T: of two lost groups in a row the later one is told, and the earlier one is not; or what tells has rotted itself; or a superblock that tells is older than
 * what is lost, or tells of a part of it. U: if the loss is accepted, what there is is handed out, and the report says which groups are unknown. */
static struct outcome open_untold(int how, bool is_loss_accepted)
{
	struct image image = make_image();
	uint64_t places[9];
	put_eight(&image, places, how == 2 ? 8 : 7);
	if (how == 0)
		break_header(&image, places[3]);
	if (how == 1)
		at_place(&image, places[5])[GROUP_HEADER_SIZE + group_entry_size(100) + 33] ^= 1;
	if (how == 2) {
		break_header(&image, places[7]);
		put_telling_superblock(&image, 3, 1);
	} else if (how == 3) {
		break_header(&image, places[7]);
		break_header(&image, places[8]);
		put_telling_superblock(&image, 8, 8);
	} else {
		break_header(&image, places[4]);
	}
	return open_image_accepting(&image, MIB, is_loss_accepted);
}

Test(journal_recover_lost, rows_T_and_U)
{
	static const uint64_t untold[][2] = {{3, 4}, {4, 4}, {7, 7}, {7, 8}};
	for (int how = 0; how < 4; how++) {
		struct outcome outcome = open_untold(how, false);
		cr_expect_eq(outcome.err, ERR_CORRUPT_LOG, "case %d", how);
		cr_expect_eq(outcome.report.decision, 'T', "case %d: %c", how, outcome.report.decision);
		cr_expect_eq(outcome.report.untold_from, untold[how][0]);
		cr_expect_eq(outcome.report.untold_to, untold[how][1]);
		outcome = open_untold(how, true);
		cr_expect_eq(outcome.err, 0);
		cr_expect_eq(outcome.report.decision, 'U');
		cr_expect_eq(outcome.report.untold_to, untold[how][1]);
		cr_expect_eq(outcome.count, how == 0 || how == 3 ? 6 : 7);
	}
}

/* W: a journal whose groups repeat nothing is an earlier version's, and opens as it did there. */
Test(journal_recover_lost, row_W)
{
	struct image image = make_image();
	put_group(&image, 100, 0);
	uint64_t damaged = put_group(&image, 100, 1);
	put_group(&image, 100, 2);
	break_header(&image, damaged);
	struct outcome outcome = open_image(&image);
	EXPECT_SEQS(&outcome, 1, 3);
	cr_expect_eq(outcome.report.damaged_groups, 1);
	cr_expect_eq(outcome.report.untold_to, 0);
}

enum move { PUT_IN, TAKEN_OUT };

/* All behind the byte is where it was not written; the file's size stays. */
static void move_by_a_byte(struct image *image, uint64_t place, enum move how)
{
	uint8_t *at = at_place(image, place), *end = image->bytes + MIB;
	if (how == PUT_IN)
		memmove(at + 1, at, (size_t)(end - at - 1));
	else
		memmove(at, at + 1, (size_t)(end - at - 1));
	*(how == PUT_IN ? at : end - 1) = 0;
}

/* A byte was put in or taken out, in the group before the one that is found to have moved: no later group is where one belongs, and nobody else vouches for what is lost. No crash does that. */
Test(journal_recover_lost, groups_that_have_moved_are_missing)
{
	for (int how = PUT_IN; how <= TAKEN_OUT; how++)
		for (uint64_t at = 2; at <= 7; at++)
			for (int is_in_padding = 0; is_in_padding < 2; is_in_padding++)
				for (int is_loss_accepted = 0; is_loss_accepted < 2; is_loss_accepted++) {
					struct image image = make_image();
					uint64_t places[9];
					put_eight(&image, places, 7);
					move_by_a_byte(&image, places[at] + (is_in_padding ? JOURNAL_BLOCK_SIZE - 1 : GROUP_HEADER_SIZE + 10), (enum move)how);
					struct outcome outcome = open_image_accepting(&image, MIB, is_loss_accepted);
					uint64_t first = at + (uint64_t)is_in_padding;
					cr_expect_eq(outcome.err, is_loss_accepted ? 0 : ERR_CORRUPT_LOG, "%d %lu", how, (unsigned long)at);
					cr_expect_eq(outcome.report.decision, is_loss_accepted ? 'U' : 'T', "%c", outcome.report.decision);
					cr_expect_eq(outcome.report.untold_from, first, "%lu", (unsigned long)outcome.report.untold_from);
					cr_expect_eq(outcome.report.untold_to, 8, "%lu", (unsigned long)outcome.report.untold_to);
					cr_expect_eq(outcome.count, is_loss_accepted ? first - 1 : 0);
				}
}

/* The superblock tells of some of them, and not of the last. */
Test(journal_recover_lost, groups_that_have_moved_behind_those_that_are_told)
{
	struct image image = make_image();
	uint64_t places[9];
	put_eight(&image, places, 7);
	put_telling_superblock(&image, 6, 5);
	move_by_a_byte(&image, places[5] - 1, PUT_IN);
	struct outcome outcome = open_image(&image);
	cr_expect_eq(outcome.report.decision, 'T');
	cr_expect_eq(outcome.report.untold_to, 8);
}

/* What an earlier lap has left has moved as well, and so has what an opening cut off: neither is missing. */
Test(journal_recover_lost, what_is_no_history_may_have_moved)
{
	struct image image = make_image();
	uint64_t places[9];
	put_eight(&image, places, 7);
	struct superblock superblock = superblock_at_start();
	superblock.write_number = 3;
	superblock.incarnation = 6;
	superblock_add_opening(&superblock, 6, 5);
	put_superblock(&image, 0, superblock);
	superblock.write_number = 4;
	put_superblock(&image, 1, superblock);
	move_by_a_byte(&image, places[6] - 1, PUT_IN);
	struct outcome outcome = open_image(&image);
	EXPECT_SEQS(&outcome, 1, 2, 3, 4, 5);
	cr_expect_eq(outcome.report.decision, 'P', "%c", outcome.report.decision);
	cr_expect_eq(outcome.report.damaged_groups, 0);
}
