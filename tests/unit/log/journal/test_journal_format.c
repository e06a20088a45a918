/* The journal's bytes: they lie where log/README.md says, every flipped bit is seen, and sizes that lie
 * lead nowhere. */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <xxhash.h>

#include "log/base/bytes.h"
#include "log/journal/journal_format.h"

#define SEED 0x123456789abcdefull

static const struct superblock superblock_sample = {
	.write_number = 9, .file_size_bytes = 64 << 20, .seed = SEED, .incarnation = 3, .durable_seq = 50, .trim_seq = 45,
	.trim_place = 4096 * 100, .trim_chain = 77, .trim_incarnation = 2, .written_place = 4096 * 200,
	.directory_id = {{1, 2, 3}}, .opening_count = 2, .openings = {{3, 44}, {5, 55}}, .tells = 1, .repeat_count = 2, .told_from = 49, .repeats = {9, 8, 7},
};

/* A superblock leads back, and lies as documented. */
Test(journal_format, superblock)
{
	uint8_t block[JOURNAL_BLOCK_SIZE];
	superblock_encode(&superblock_sample, block);
	cr_expect_arr_eq(block, "SPATEJNL\1\0\0\0", 12);
	for (int i = 0; i < 10; i++)
		cr_expect_eq(load_le64(block + 16 + 8 * i), ((const uint64_t *)&superblock_sample)[i]);
	cr_expect_eq(load_le32(block + 96), 2);
	cr_expect_eq(load_le64(block + 128 + 16), 5);
	cr_expect_eq(load_le64(block + 128 + 24), 55);
	cr_expect_eq(load_le32(block + 2176), 1);
	cr_expect_eq(load_le32(block + 2180), 2);
	cr_expect_eq(load_le64(block + 2184), 49);
	cr_expect_eq(block[2193], 8);
	cr_expect_eq(block[4073], 2);
	struct superblock superblock;
	cr_expect_eq(superblock_decode(&superblock, block), SUPERBLOCK_VALID);
	cr_expect_arr_eq(&superblock, &superblock_sample, sizeof superblock);
	store_le32(block + 2180, SUPERBLOCK_REPEATS_MAX + 1);
	store_le64(block + JOURNAL_BLOCK_SIZE - 8, journal_data_checksum((struct slice){block, JOURNAL_BLOCK_SIZE - 8}));
	cr_expect_eq(superblock_decode(&superblock, block), SUPERBLOCK_BROKEN);
	store_le32(block + 2180, 2);
	store_le32(block + 96, OPENINGS_MAX + 1);
	store_le64(block + JOURNAL_BLOCK_SIZE - 8, journal_data_checksum((struct slice){block, JOURNAL_BLOCK_SIZE - 8}));
	cr_expect_eq(superblock_decode(&superblock, block), SUPERBLOCK_BROKEN);
}

/* Every flipped bit of a superblock is seen. */
Test(journal_format, superblock_bits)
{
	uint8_t block[JOURNAL_BLOCK_SIZE];
	superblock_encode(&superblock_sample, block);
	for (size_t bit = 0; bit < sizeof block * 8; bit++) {
		struct superblock superblock;
		block[bit / 8] ^= (uint8_t)(1 << bit % 8);
		cr_expect_neq(superblock_decode(&superblock, block), SUPERBLOCK_VALID, "bit %zu", bit);
		block[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

/* Sound bytes that say what cannot be are none that a ring is walked by. */
Test(journal_format, superblock_that_cannot_be)
{
	for (int i = 0; i < 11; i++) {
		uint8_t block[JOURNAL_BLOCK_SIZE];
		struct superblock made = superblock_sample, superblock;
		switch (i) {
		case 0: made.file_size_bytes += 512; break;
		case 1: made.file_size_bytes = made.trim_place = made.written_place = 0; break;
		case 2: made.file_size_bytes = 1ull << 63; break;
		case 3: made.trim_place += 512; break;
		case 4: made.trim_place = 1ull << 63; break;
		case 5: made.written_place += 512; break;
		case 6: made.written_place = made.file_size_bytes; break;
		case 7: made.trim_seq = made.durable_seq + 1; break;
		case 8: made.durable_seq = 1ull << 63; break;
		case 9: made.file_size_bytes = JOURNAL_RING_POSITION + 15 * JOURNAL_BLOCK_SIZE; made.trim_place = made.written_place = 0; break;
		default: break;
		}
		superblock_encode(&made, block);
		cr_expect_eq(superblock_decode(&superblock, block), i == 10 ? SUPERBLOCK_VALID : SUPERBLOCK_BROKEN, "case %d", i);
	}
}

/* What an opening has cut off stays cut off by it, until all that it could be taken for is trimmed. */
Test(journal_format, openings)
{
	struct superblock superblock = {.trim_incarnation = 1};
	superblock_add_opening(&superblock, 2, 10);
	superblock_add_opening(&superblock, 4, 20);
	superblock_add_opening(&superblock, 5, 15);
	static const struct {
		uint64_t incarnation, seq;
		bool is_cut_off;
	} rows[] = {{1, 10, false}, {1, 11, true}, {2, 11, false}, {3, 15, false}, {3, 16, true}, {4, 15, false}, {4, 16, true}, {5, 100, false}};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		cr_expect_eq(superblock_has_cut_off(&superblock, rows[i].incarnation, rows[i].seq), rows[i].is_cut_off, "row %zu", i);
	superblock.trim_incarnation = 4;
	superblock_add_opening(&superblock, 6, 30);
	cr_expect_eq(superblock.opening_count, 2);
	cr_expect_eq(superblock.openings[0].incarnation, 5);
	for (uint64_t i = 7; i < 200; i++)
		superblock_add_opening(&superblock, i, i * 10);
	cr_expect_eq(superblock.opening_count, OPENINGS_MAX);
	cr_expect_eq(superblock.openings[OPENINGS_MAX - 1].incarnation, 199);
	cr_expect_eq(superblock.openings[0].incarnation, 200 - OPENINGS_MAX);
}

static size_t make_group(uint8_t *group, struct group_header *header)
{
	static const size_t payload_sizes[] = {0, 1, 8, 1000};
	size_t size = GROUP_HEADER_SIZE;
	uint64_t checksum = group_body_checksum_start(SEED);
	memset(group, 0, 8192);
	for (size_t i = 0; i < COUNT_OF(payload_sizes); i++) {
		uint8_t *payload = group + size + GROUP_ENTRY_SIZE;
		memset(payload, (int)(i + 1), payload_sizes[i]);
		struct journal_entry entry = {.kind = (uint8_t)(i + 1), .topic_id = {{9, 8, 7}}, .partition = 5, .base_offset = -1, .end_offset = 100,
					      .segment_base_offset = 50, .position = 1 << 20, .data_size_bytes = (uint32_t)payload_sizes[i],
					      .data_checksum = journal_data_checksum((struct slice){payload, payload_sizes[i]})};
		checksum = group_entry_encode(&entry, (uint32_t)payload_sizes[i], checksum, group + size);
		size += group_entry_size(payload_sizes[i]);
	}
	*header = (struct group_header){.length = 4096, .entry_count = COUNT_OF(payload_sizes), .body_size_bytes = (uint32_t)(size - GROUP_HEADER_SIZE),
					.incarnation = 3, .seq = 41, .place = 8192, .durable_seq = 40, .chain = 99, .body_checksum = checksum,
					.time_ms = 1700000000123};
	group_header_encode(header, SEED, group);
	return size;
}

/* A group leads back, entry by entry. */
Test(journal_format, group)
{
	static uint8_t group[8192];
	struct group_header made, header;
	size_t size = make_group(group, &made);
	cr_expect_arr_eq(group, "SPJG\1\0", 6);
	cr_expect_eq(load_le32(group + 8), 4096);
	cr_expect_eq(load_le64(group + 32), 41);
	cr_expect_eq(load_le64(group + 72), 1700000000123);
	cr_assert(group_header_decode(&header, SEED, 4096, group));
	cr_expect_eq(header.checksum, made.checksum);
	cr_expect_eq(header.time_ms, 1700000000123);
	cr_expect_eq(group_check(&header, SEED, group), GROUP_WHOLE);
	struct slice body = {group + GROUP_HEADER_SIZE, header.body_size_bytes};
	struct journal_entry entry;
	struct slice payload;
	size_t position = 0;
	for (uint32_t i = 0; i < header.entry_count; i++) {
		cr_assert(group_entry_next(body, &position, &entry, &payload));
		cr_expect_eq(entry.kind, i + 1);
		cr_expect_eq(entry.base_offset, -1);
		cr_expect_eq(entry.position, 1 << 20);
		cr_expect_eq(payload.size, entry.data_size_bytes);
		cr_expect_eq(entry.topic_id.bytes[2], 7);
	}
	cr_expect_eq(position, size - GROUP_HEADER_SIZE);
	cr_expect_not(group_entry_next(body, &position, &entry, &payload));
}

/* What a group repeats lies behind its body, and is whole or not for itself: rot in it does not touch the group, and rot in the group not it. */
Test(journal_format, repeats)
{
	static uint8_t group[8192];
	struct group_header made, header;
	struct slice repeats;
	size_t size = make_group(group, &made);
	cr_assert(group_header_decode(&header, SEED, 4096, group));
	cr_expect_not(group_repeats(&header, SEED, group, &repeats), "an earlier version's tells nothing");
	memset(group + size, 7, 3 * GROUP_ENTRY_SIZE);
	made.flags = GROUP_TELLS;
	made.repeat_count = 3;
	made.told_from = 38;
	made.repeats_checksum = group_repeats_checksum(SEED, (struct slice){group + size, 3 * GROUP_ENTRY_SIZE});
	group_header_encode(&made, SEED, group);
	cr_expect_eq(load_le16(group + 6), 2);
	cr_expect_eq(load_le32(group + 80), 3);
	cr_expect_eq(load_le64(group + 88), 38);
	for (size_t bit = 0; bit < (size + 3 * GROUP_ENTRY_SIZE) * 8; bit++) {
		group[bit / 8] ^= (uint8_t)(1 << bit % 8);
		bool is_in_repeats = bit / 8 >= size;
		bool has_header = group_header_decode(&header, SEED, 4096, group);
		cr_expect_eq(has_header, bit / 8 >= GROUP_HEADER_SIZE);
		if (has_header) {
			cr_expect_eq(group_repeats(&header, SEED, group, &repeats), !is_in_repeats, "bit %zu", bit);
			cr_expect(!is_in_repeats || group_check(&header, SEED, group) == GROUP_WHOLE);
		}
		group[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	cr_assert(group_header_decode(&header, SEED, 4096, group) && group_repeats(&header, SEED, group, &repeats));
	cr_expect_eq(repeats.data, group + size);
	cr_expect_eq(repeats.size, 3 * GROUP_ENTRY_SIZE);
	static const uint32_t counts[] = {1000, 1u << 31, UINT32_MAX};
	for (size_t i = 0; i < COUNT_OF(counts); i++) {
		made.repeat_count = counts[i];
		group_header_encode(&made, SEED, group);
		cr_expect_not(group_header_decode(&header, SEED, 1 << 20, group), "more than fits the group");
	}
}

/* Every flipped bit of a group is seen, or lies in padding that nobody reads. */
Test(journal_format, group_bits)
{
	static uint8_t group[8192];
	struct group_header made, header;
	size_t size = make_group(group, &made);
	size_t harmless = 0;
	for (size_t bit = 0; bit < size * 8; bit++) {
		group[bit / 8] ^= (uint8_t)(1 << bit % 8);
		bool is_whole = group_header_decode(&header, SEED, 4096, group) && group_check(&header, SEED, group) == GROUP_WHOLE;
		harmless += is_whole;
		group[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	cr_expect_eq(harmless, 7 * 8, "the seven bytes behind the payload of one byte");
}

/* A header made for another file, or longer than it may be, is none. */
Test(journal_format, header_refused)
{
	static uint8_t group[8192];
	struct group_header made, header;
	make_group(group, &made);
	cr_expect_not(group_header_decode(&header, SEED + 1, 4096, group));
	cr_expect_not(group_header_decode(&header, SEED, 4095, group));
	const struct group_header good = made;
	for (int i = 0; i < 9; i++) {
		made = good;
		switch (i) {
		case 0: made.length = 0; break;
		case 1: made.length = 4097; break;
		case 2: made.body_size_bytes = 4096 - GROUP_HEADER_SIZE + 1; break;
		case 3: made.body_size_bytes = UINT32_MAX; break;
		case 4: made.entry_count = made.body_size_bytes / GROUP_ENTRY_SIZE + 1; break;
		case 5: made.place = 100; break;
		case 6: made.durable_seq = made.seq; break;
		case 7: made.durable_seq = UINT64_MAX; break;
		case 8: made.seq = made.durable_seq = UINT64_MAX; break;
		}
		group_header_encode(&made, SEED, group);
		cr_expect_not(group_header_decode(&header, SEED, 1 << 20, group), "case %d", i);
	}
	for (int at = 0; at < 6; at++) { /* the magic, and the version */
		made = good;
		group_header_encode(&made, SEED, group);
		cr_assert(group_header_decode(&header, SEED, 1 << 20, group));
		group[at]++;
		store_le64(group + GROUP_HEADER_SIZE - 8, XXH3_64bits_withSeed(group, GROUP_HEADER_SIZE - 8, SEED));
		cr_expect_not(group_header_decode(&header, SEED, 1 << 20, group), "byte %d", at);
	}
}

/* Bodies that lie about their sizes end where the group ends. */
Test(journal_format, lying_entries)
{
	static const uint32_t payload_sizes[] = {2, 9, 3896, 3897, 100000, INT32_MAX, UINT32_MAX};
	for (size_t i = 0; i < COUNT_OF(payload_sizes); i++) {
		uint8_t *group = calloc(1, 4096); /* so that the sanitizer sees a step too far */
		struct journal_entry entry = {.kind = 1, .data_size_bytes = 1};
		uint64_t checksum = group_entry_encode(&entry, payload_sizes[i], group_body_checksum_start(SEED), group + GROUP_HEADER_SIZE);
		struct group_header header = {.length = 4096, .entry_count = 1, .body_size_bytes = 4096 - GROUP_HEADER_SIZE, .seq = 1,
					      .body_checksum = checksum};
		group_header_encode(&header, SEED, group);
		cr_assert(group_header_decode(&header, SEED, 4096, group));
		/* The one that fits exactly is an entry like any other, with a payload that is not its data. */
		enum group_state expected = payload_sizes[i] == 3896 ? GROUP_DAMAGED : GROUP_BROKEN;
		cr_expect_eq(group_check(&header, SEED, group), expected, "payload of %u", payload_sizes[i]);
		free(group);
	}
}
