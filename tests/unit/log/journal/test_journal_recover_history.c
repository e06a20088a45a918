/* Recovery of journal files made by hand: hostile bytes that look like history are not taken for it, nor is what an earlier opening cut off. */
#include "tests/unit/log/journal/image.h"

/* A group that is wrong in one respect alone is not taken as the next one. */
Test(journal_recover_history, one_wrong_field)
{
	for (int i = 0; i < 7; i++) {
		struct image image = make_image();
		put_group(&image, 100, 0);
		uint64_t place = image.place;
		switch (i) {
		case 0: image.seq += 1; break;
		case 1: image.chain ^= 1; break;
		case 2: image.incarnation = 4; break;
		case 3: image.seed++; break;
		case 4: image.place += RING; break;
		case 5: image.seq -= 1; break;
		case 6: image.place += JOURNAL_BLOCK_SIZE; break;
		}
		put_group(&image, 100, 0);
		if (i == 6)
			memmove(at_place(&image, place), at_place(&image, place + JOURNAL_BLOCK_SIZE), JOURNAL_BLOCK_SIZE);
		struct outcome outcome = open_image(&image);
		EXPECT_SEQS(&outcome, 1);
		cr_expect_eq(outcome.report.damaged_groups, 0, "case %d", i);
	}
}

/* A payload that holds whole groups of a journal is a payload, even when the group around it is damaged. */
Test(journal_recover_history, payload_that_looks_like_groups)
{
	struct image image = make_image();
	put_group(&image, 100, 0);
	struct image forged = image;
	forged.seed++; /* nobody outside knows it */
	uint64_t damaged = put_group(&image, 60000, 1);
	forged.place = damaged + JOURNAL_BLOCK_SIZE;
	forged.seq = 3;
	put_group(&forged, 100, 2);
	break_header(&image, damaged);
	struct outcome outcome = open_image(&image);
	EXPECT_SEQS(&outcome, 1);
	cr_expect_eq(outcome.report.damaged_groups, 0);
	cr_expect_eq(outcome.report.decision, 'P');
}

/* The future that an earlier recovery cut off stays gone, even where the groups of later openings are
 * damaged and a group of that future could vouch for what is missing. */
Test(journal_recover_history, cut_off_future)
{
	struct image image = make_image();
	put_group(&image, 100, 0);
	uint64_t damaged = put_group(&image, 100, 1);
	put_group(&image, 100, 2);           /* 3: torn in truth */
	uint64_t torn = image.place - JOURNAL_BLOCK_SIZE;
	put_group(&image, 100, 2);           /* 4: whole, vouches for 2, was cut off with 3 */
	break_header(&image, torn);
	break_header(&image, damaged);
	struct superblock superblock = superblock_at_start();
	superblock.write_number = 3;
	superblock.incarnation = 6;
	superblock.durable_seq = 2;
	superblock_add_opening(&superblock, 6, 2);
	superblock_add_opening(&superblock, 7, 9); /* a later one that says nothing about them */
	put_superblock(&image, 0, superblock);
	struct outcome outcome = open_image(&image);
	EXPECT_SEQS(&outcome, 1);
	cr_expect_eq(outcome.report.decision, 'L');
	cr_expect_eq(outcome.report.damaged_groups, 1);
}

/* Behind damage, history goes on with what no opening has cut off, not with an older group that lies
 * before it by chance: the opening of incarnation 7 says whether group 3 of incarnation 5 was there when
 * it began, or whether it wrote a group 3 of its own. */
static void older_group(uint64_t start_seq)
{
	struct image image = make_image();
	struct superblock superblock = superblock_at_start();
	superblock.incarnation = 7;
	superblock.write_number = 3;
	superblock_add_opening(&superblock, 7, start_seq);
	put_superblock(&image, 0, superblock);
	put_group(&image, 100, 0);
	uint64_t damaged = put_group(&image, 100, 1);
	struct image older = image;
	put_group(&older, 100, 1);           /* 3, of opening 5 */
	image.place = older.place;
	image.incarnation = 7;
	image.seq = 4;
	if (start_seq == 2)
		image.chain = 12345;         /* of a group 3 that is lost */
	else
		image.chain = older.chain;
	put_group(&image, 100, 3);
	put_group(&image, 100, 4);
	break_header(&image, damaged);
	struct outcome outcome = open_image(&image);
	if (start_seq == 2)
		EXPECT_SEQS(&outcome, 1, 4, 5);
	else
		EXPECT_SEQS(&outcome, 1, 3, 4, 5);
	cr_expect_eq(outcome.report.damaged_groups, start_seq == 2 ? 2 : 1);
}

Test(journal_recover_history, older_group_that_was_cut_off) { older_group(2); }
Test(journal_recover_history, older_group_that_was_there) { older_group(3); }

/* A group that did not fit before the end lies at the beginning of the ring; bytes of the lap before are
 * all around. */
Test(journal_recover_history, wrap)
{
	struct image image = make_image();
	while (image.place + 70000 < RING)
		put_group(&image, 60000, image.seq - 1);
	uint64_t last_of_first_lap = image.seq - 1;
	struct superblock superblock = superblock_at_start();
	superblock.write_number = 3;
	superblock.trim_seq = superblock.durable_seq = last_of_first_lap;
	superblock.trim_place = image.place;
	superblock.trim_chain = image.chain;
	superblock.trim_incarnation = 5;
	put_superblock(&image, 0, superblock);
	image.place = RING;
	put_group(&image, 60000, image.seq - 1);
	uint64_t damaged = put_group(&image, 60000, image.seq - 1);
	put_group(&image, 60000, image.seq - 1);
	struct image copy = image;
	copy.bytes = malloc(MIB);
	memcpy(copy.bytes, image.bytes, MIB);
	struct outcome outcome = open_image(&image);
	EXPECT_SEQS(&outcome, last_of_first_lap + 1, last_of_first_lap + 2, last_of_first_lap + 3);
	cr_expect_eq(outcome.report.decision, 'P');
	break_header(&copy, damaged);
	outcome = open_image(&copy);
	EXPECT_SEQS(&outcome, last_of_first_lap + 1, last_of_first_lap + 3);
	cr_expect_eq(outcome.report.damaged_groups, 1);
}

/* The last group was torn at the end of the ring, and its header is whole. The next opening's group of that seq was longer, and so went to the beginning of
 * the ring: the torn one, which that opening has cut off, must not hide it. (Found by check-sim, seed 401305: acknowledged records were lost.) */
Test(journal_recover_history, torn_at_the_end_of_the_ring)
{
	struct image image = make_image();
	while (image.place + 70000 < RING)
		put_group(&image, 60000, image.seq - 1);
	uint64_t last_of_first_lap = image.seq - 1;
	struct superblock superblock = superblock_at_start();
	superblock.write_number = 3;
	superblock.incarnation = 6;
	superblock.trim_seq = superblock.durable_seq = last_of_first_lap;
	superblock.trim_place = image.place;
	superblock.trim_chain = image.chain;
	superblock.trim_incarnation = 5;
	superblock_add_opening(&superblock, 6, last_of_first_lap);
	put_superblock(&image, 0, superblock);
	struct image torn = image;
	break_payload(&image, put_group(&torn, 100, last_of_first_lap));
	image.incarnation = 6;
	image.place = RING;
	put_group(&image, 60000, last_of_first_lap);
	put_group(&image, 100, image.seq - 1);
	struct outcome outcome = open_image(&image);
	EXPECT_SEQS(&outcome, last_of_first_lap + 1, last_of_first_lap + 2);
	cr_expect_eq(outcome.report.decision, 'P');
	cr_expect_eq(outcome.report.torn_groups, 0);
}

/* A group that would reach over what is trimmed, or over the end of the ring, is none. */
Test(journal_recover_history, lengths)
{
	struct image image = make_image();
	struct superblock superblock = superblock_at_start();
	superblock.write_number = 3;
	superblock.trim_place = RING - 2 * JOURNAL_BLOCK_SIZE;
	put_superblock(&image, 0, superblock);
	static const uint32_t lengths[] = {3 * JOURNAL_BLOCK_SIZE, 1 << 19, 0, 1, 5000, UINT32_MAX & ~4095u};
	for (size_t i = 0; i < COUNT_OF(lengths); i++) {
		struct group_header header = {.length = lengths[i], .incarnation = 5, .seq = 1, .place = superblock.trim_place,
					      .body_checksum = group_body_checksum_start(SEED)};
		group_header_encode(&header, SEED, at_place(&image, header.place));
		struct image copy = image;
		copy.bytes = malloc(MIB);
		memcpy(copy.bytes, image.bytes, MIB);
		struct outcome outcome = open_image(&copy);
		cr_expect_eq(outcome.err, 0);
		cr_expect_eq(outcome.report.groups, 0, "length %u", lengths[i]);
	}
	free(image.bytes);
}

/* A sound header vouches even if its own body is damaged. */
Test(journal_recover_history, damaged_group_that_vouches)
{
	struct image image = make_image();
	put_group(&image, 100, 0);
	uint64_t damaged = put_group(&image, 5000, 1), last = put_group(&image, 5000, 2);
	break_header(&image, damaged);
	break_payload(&image, last);
	struct outcome outcome = open_image(&image);
	EXPECT_SEQS(&outcome, 1);
	cr_expect_eq(outcome.report.damaged_groups, 1);
	cr_expect_eq(outcome.report.torn_groups, 1);
	cr_expect_eq(outcome.report.decision, 'M');
}

/* What an opening cuts off is gone for all later ones, even if the group before it rots, and whichever superblock is lost. */
Test(journal_recover_history, cut_off_by_a_real_opening)
{
	for (uint32_t lost = 0; lost <= JOURNAL_SUPERBLOCKS; lost++) {
		struct image image = make_image();
		put_group(&image, 100, 0);
		uint64_t rotten = put_group(&image, 100, 1), torn = put_group(&image, 100, 1);
		put_group(&image, 100, 2); /* in flight with the torn one; vouches for the one before it */
		break_header(&image, torn);
		struct opened opened;
		lay_on_disk(&opened, &image, MIB);
		cr_assert_eq(journal_open(&opened.journal, opened.io, &opened.options, &opened.report), 0);
		cr_assert_eq(opened.report.last_seq, 2);
		cr_assert_eq(opened.report.torn_groups, 2);
		cr_assert_eq(journal_replay(opened.journal, note_entry, &(struct outcome){0}), 0);
		cr_assert_eq(journal_start(opened.journal), 0);
		journal_close(opened.journal);

		cr_assert_eq(sim_disk_corrupt(opened.disk, "/j", JOURNAL_RING_POSITION + rotten + 30, 1), 0);
		if (lost < JOURNAL_SUPERBLOCKS)
			cr_assert_eq(sim_disk_corrupt(opened.disk, "/j", lost * JOURNAL_BLOCK_SIZE + 20, 1), 0);
		opened.options.incarnation = OURS + 1;
		cr_assert_eq(journal_open(&opened.journal, opened.io, &opened.options, &opened.report), 0);
		cr_expect_eq(opened.report.last_seq, 1, "superblock %u lost: group %lu came back", lost, opened.report.last_seq);
		cr_expect_eq(opened.report.damaged_groups, 1);
		journal_close(opened.journal);
		forget(&opened);
	}
}

/* Behind a gap, a group of an older opening is no history, whatever its number, though no superblock says any more where the later opening began. */
Test(journal_recover_history, a_later_group_of_an_older_opening)
{
	struct image image = make_image();
	struct superblock superblock = superblock_at_start();
	superblock.write_number = 3;
	superblock.incarnation = 7;
	put_superblock(&image, 0, superblock);
	image.incarnation = 7;
	put_group(&image, 100, 0);
	uint64_t damaged = put_group(&image, 100, 1);
	image.incarnation = 5;
	put_group(&image, 100, 2);
	break_header(&image, damaged);
	struct outcome outcome = open_image(&image);
	EXPECT_SEQS(&outcome, 1);
	cr_expect_eq(outcome.report.decision, 'P');
	cr_expect_eq(outcome.report.damaged_groups, 0);
}

/* A torn group behind a gap still says, by its header, that the one before it was durable. */
Test(journal_recover_history, a_torn_group_behind_a_gap_vouches)
{
	struct image image = make_image();
	put_group(&image, 100, 0);
	uint64_t damaged = put_group(&image, 100, 1);
	put_group(&image, 100, 1);
	uint64_t torn = put_group(&image, 100, 3);
	break_header(&image, damaged);
	break_payload(&image, torn);
	struct outcome outcome = open_image(&image);
	EXPECT_SEQS(&outcome, 1, 3);
	cr_expect_eq(outcome.report.durable_seq, 3);
	cr_expect(outcome.is_vouched[1]);
}

/* History is one lap: a group that reaches over the place where it begins is none, and not a torn one either. */
Test(journal_recover_history, a_group_longer_than_the_lap)
{
	struct image image = make_image();
	struct superblock superblock = superblock_at_start();
	superblock.write_number = 3;
	superblock.trim_place = image.place = 2 * JOURNAL_BLOCK_SIZE;
	put_superblock(&image, 0, superblock);
	while (image.place + 70000 < RING)
		put_group(&image, 60000, image.seq - 1);
	struct group_header longer = {.length = 4 * JOURNAL_BLOCK_SIZE, .incarnation = 5, .seq = image.seq, .place = RING, .chain = image.chain,
				      .entry_count = 1, .body_size_bytes = 3 * JOURNAL_BLOCK_SIZE};
	group_header_encode(&longer, SEED, at_place(&image, longer.place));
	uint64_t count = image.seq - 1;
	struct outcome outcome = open_image(&image);
	cr_expect_eq(outcome.err, 0);
	cr_expect_eq(outcome.report.groups, count);
	cr_expect_eq(outcome.report.torn_groups, 0);
	cr_expect_eq(outcome.report.decision, 'P');
}
