/* Journal files made by hand, group by group, and what opening one comes to: for the tests of recovery, and of whatever reads a journal. Each test program
 * includes it once. */
#pragma once

#include <criterion/criterion.h>

#include <errno.h>
#include <stdlib.h>

#include "log/base/bytes.h"
#include "log/io/sim.h"
#include "log/journal/journal_priv.h"

#define MIB ((uint64_t)1 << 20)
#define RING (MIB - JOURNAL_RING_POSITION)
#define SEED 77u
#define OURS 10u /* the incarnation of the opening under test */

/* ---- files made by hand --------------------------------------------------------------------------------------------- */

struct image {
	uint8_t *bytes;
	uint64_t place, seq, chain, incarnation; /* of the next group */
	uint64_t seed;
	bool tells;
	uint64_t told_from; /* of the next group: it repeats the entries of these groups, up to the one before it */
	uint32_t repeat_payload; /* that the first of them says to have */
};

static inline struct superblock superblock_at_start(void)
{
	return (struct superblock){.write_number = 1, .file_size_bytes = MIB, .seed = SEED, .incarnation = 5};
}

static inline void put_superblock(struct image *image, uint32_t slot, struct superblock superblock)
{
	superblock_encode(&superblock, image->bytes + slot * JOURNAL_BLOCK_SIZE);
}

static inline struct image make_image(void)
{
	struct image image = {.bytes = calloc(1, MIB), .seq = 1, .incarnation = 5, .seed = SEED};
	struct superblock superblock = superblock_at_start();
	put_superblock(&image, 0, superblock);
	superblock.write_number = 2;
	put_superblock(&image, 1, superblock);
	return image;
}

static inline uint8_t *at_place(struct image *image, uint64_t place)
{
	return image->bytes + JOURNAL_RING_POSITION + place % RING;
}

/* The newest first. Returns how many. */
static inline uint32_t put_repeats(uint64_t from, uint64_t before, uint8_t *at)
{
	uint32_t count = 0;
	for (uint64_t seq = before - 1; seq >= from; seq--, count++) {
		struct journal_entry entry = {.kind = 1, .base_offset = (int64_t)seq};
		(void)!group_entry_encode(&entry, 0, 0, at + count * GROUP_ENTRY_SIZE);
	}
	return count;
}

static inline void add_repeats(const struct image *image, struct group_header *header, uint8_t *at)
{
	uint8_t *repeats = at + GROUP_HEADER_SIZE + header->body_size_bytes;
	if (!image->tells)
		return;
	header->flags |= GROUP_TELLS;
	header->told_from = image->told_from;
	header->repeat_count = put_repeats(image->told_from, image->seq, repeats);
	store_le32(repeats + 4, image->repeat_payload);
	header->repeats_checksum = group_repeats_checksum(image->seed, (struct slice){repeats, header->repeat_count * GROUP_ENTRY_SIZE});
}

/* A group of one entry with this much payload; an entry's base offset is its group's seq. Returns where it
 * lies. */
static inline uint64_t put_group(struct image *image, size_t payload_size, uint64_t durable_seq)
{
	uint8_t *payload = malloc(payload_size + 1);
	memset(payload, (int)image->seq, payload_size);
	struct journal_entry entry = {.kind = 1, .base_offset = (int64_t)image->seq, .data_size_bytes = (uint32_t)payload_size,
				      .data_checksum = journal_data_checksum((struct slice){payload, payload_size})};
	struct group_header header = {
		.entry_count = 1,
		.body_size_bytes = (uint32_t)group_entry_size(payload_size),
		.length = (uint32_t)align_up(GROUP_HEADER_SIZE + group_entry_size(payload_size), JOURNAL_BLOCK_SIZE),
		.incarnation = image->incarnation,
		.seq = image->seq,
		.place = image->place,
		.durable_seq = durable_seq,
		.chain = image->chain,
	};
	uint8_t *at = at_place(image, image->place);
	memset(at, 0, header.length);
	header.body_checksum = group_entry_encode(&entry, (uint32_t)payload_size, group_body_checksum_start(image->seed), at + GROUP_HEADER_SIZE);
	memcpy(at + GROUP_HEADER_SIZE + GROUP_ENTRY_SIZE, payload, payload_size);
	add_repeats(image, &header, at);
	group_header_encode(&header, image->seed, at);
	free(payload);
	uint64_t place = image->place;
	image->place += header.length;
	image->seq++;
	image->chain = header.checksum;
	return place;
}

static inline void put_seal(struct image *image)
{
	struct group_header header = {.flags = GROUP_IS_SEAL, .length = JOURNAL_BLOCK_SIZE, .incarnation = image->incarnation, .seq = image->seq,
				      .place = image->place, .durable_seq = image->seq - 1, .chain = image->chain,
				      .body_checksum = group_body_checksum_start(image->seed)};
	group_header_encode(&header, image->seed, at_place(image, image->place));
	image->place += header.length;
	image->seq++;
	image->chain = header.checksum;
}

/* A group that repeats what the groups from this one on held. */
static inline uint64_t put_telling(struct image *image, uint64_t told_from)
{
	image->tells = true;
	image->told_from = told_from;
	return put_group(image, 100, image->seq - 1);
}

static inline void put_telling_superblock(struct image *image, uint64_t durable_seq, uint64_t told_from)
{
	struct superblock superblock = superblock_at_start();
	superblock.write_number = 3;
	superblock.durable_seq = durable_seq;
	superblock.tells = 1;
	superblock.told_from = told_from;
	superblock.repeat_count = put_repeats(told_from, durable_seq + 1, superblock.repeats);
	put_superblock(image, 0, superblock);
}

static inline void break_header(struct image *image, uint64_t place) { at_place(image, place)[30] ^= 1; }
static inline void break_entry(struct image *image, uint64_t place) { at_place(image, place)[GROUP_HEADER_SIZE + 33] ^= 1; }
static inline void break_payload(struct image *image, uint64_t place) { at_place(image, place)[GROUP_HEADER_SIZE + GROUP_ENTRY_SIZE + 5] ^= 1; }

/* ---- opening them ------------------------------------------------------------------------------------------------------- */

struct outcome {
	int err, replay_err;
	struct journal_report report;
	uint32_t count;
	uint64_t seqs[64];
	bool is_vouched[64], has_payload[64];
	uint32_t repeat_count;
	int64_t file_size;
	uint64_t repeated[64]; /* the seqs of the groups that are told once more, as they come */
};

static inline void note_repeat(struct outcome *outcome, const struct journal_entry *entry, struct slice payload)
{
	cr_assert_lt(outcome->repeat_count, 64);
	cr_expect_eq(payload.size, 0);
	outcome->repeated[outcome->repeat_count++] = (uint64_t)entry->base_offset;
}

static inline int note_entry(void *context, uint64_t group_seq, bool group_is_vouched, const struct journal_entry *entry, struct slice payload)
{
	struct outcome *outcome = context;
	if (entry->is_repeat) {
		note_repeat(outcome, entry, payload);
		return 0;
	}
	cr_assert_lt(outcome->count, 64);
	cr_expect_eq((uint64_t)entry->base_offset, group_seq);
	cr_expect(payload.size == 0 || payload.size == entry->data_size_bytes);
	outcome->is_vouched[outcome->count] = group_is_vouched;
	outcome->has_payload[outcome->count] = payload.size > 0;
	outcome->seqs[outcome->count++] = group_seq;
	return 0;
}

static inline void nothing_durable(void *context, uint64_t group_seq) {}
static inline void nothing_failed(void *context, int err) {}

/* An image on a disk. */
struct opened {
	struct sim_disk *disk;
	struct io *io;
	struct journal *journal;
	struct journal_options options;
	struct journal_report report;
};

/* Its first bytes, as a journal's file that is not opened yet. Frees the image. */
static inline void lay_on_disk(struct opened *opened, struct image *image, uint64_t size)
{
	*opened = (struct opened){.disk = sim_disk_open(1)};
	cr_assert_eq(io_open(&opened->io, &(struct io_options){.backend = IO_SIM, .disk = opened->disk, .seed = 1}), 0);
	int fd = io_file_open(opened->io, "/j", IO_CREATE);
	cr_assert_geq(fd, 0);
	cr_assert_eq(io_file_write(opened->io, fd, image->bytes, size, 0), (int64_t)size);
	io_close_fd(opened->io, fd);
	free(image->bytes);
	opened->options = (struct journal_options){.path = "/j", .size_bytes = MIB, .group_size_bytes_max = 64 << 10, .groups_in_flight_max = 2,
						   .incarnation = OURS, .durable = nothing_durable, .failed = nothing_failed};
}

static inline void forget(struct opened *opened)
{
	io_close(opened->io);
	sim_disk_close(opened->disk);
}

/* Writes the image to a disk, opens it as a journal and replays. Frees the image. */
static inline struct outcome replay_image(struct image *image, uint64_t size, bool is_loss_accepted)
{
	struct opened opened;
	lay_on_disk(&opened, image, size);
	opened.options.is_loss_accepted = is_loss_accepted;
	struct outcome outcome = {0};
	outcome.err = journal_open(&opened.journal, opened.io, &opened.options, &outcome.report);
	if (outcome.err == 0) {
		outcome.replay_err = journal_replay(opened.journal, note_entry, &outcome);
		if (!outcome.replay_err) {
			cr_assert_eq(outcome.count, outcome.report.entries);
			cr_assert_eq(journal_start(opened.journal), 0);
			cr_expect_gt(journal_open_seq(opened.journal), outcome.report.durable_seq, "a seq that was durable is never used again");
		}
		journal_close(opened.journal);
	}
	int fd = io_file_open(opened.io, "/j", IO_READ_ONLY);
	outcome.file_size = io_file_size(opened.io, fd);
	io_close_fd(opened.io, fd);
	forget(&opened);
	return outcome;
}

static inline struct outcome open_image_accepting(struct image *image, uint64_t size, bool is_loss_accepted)
{
	struct outcome outcome = replay_image(image, size, is_loss_accepted);
	cr_assert_eq(outcome.replay_err, 0);
	return outcome;
}

static inline struct outcome open_image_of_size(struct image *image, uint64_t size) { return open_image_accepting(image, size, false); }
static inline struct outcome open_image(struct image *image) { return open_image_of_size(image, MIB); }

static inline void expect_seqs(const struct outcome *outcome, const uint64_t *seqs, uint32_t count)
{
	cr_expect_eq(outcome->err, 0);
	cr_expect_eq(outcome->count, count);
	for (uint32_t i = 0; i < count && i < outcome->count; i++)
		cr_expect_eq(outcome->seqs[i], seqs[i]);
}
#define EXPECT_SEQS(outcome, ...) expect_seqs(outcome, (const uint64_t[]){__VA_ARGS__}, COUNT_OF(((const uint64_t[]){__VA_ARGS__})))
