/* Fuzzes recovery of a journal: a file with two sound superblocks and groups whose every field the input
 * chooses, their checksums set right so that the fuzzer gets past them, and some bytes flipped afterwards.
 * Opening must decide, replay must hand out what opening counted, the journal must go on, and the next
 * opening must find the same history and the new entry behind it. */
#include <stdlib.h>

#include "log/base/bytes.h"
#include "log/base/check.h"
#include "log/io/sim.h"
#include "log/journal/journal_format.h"

#define FILE_SIZE ((uint64_t)1 << 20)
#define RING (FILE_SIZE - JOURNAL_RING_POSITION)
#define SEED 5u
#define COMMAND_SIZE 16u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The entry once more, or one that says what it must not: a payload. */
static void put_repeat(uint8_t *at, const uint8_t *command, uint32_t ordinal)
{
	struct journal_entry entry = {.kind = command[0] % 8, .partition = (command[1] + ordinal) % 16, .base_offset = command[1], .end_offset = command[2]};
	(void)!group_entry_encode(&entry, command[0] == 255 ? 8 : 0, 0, at);
}

/* Behind the body, as many as the input says, if they fit the longest group that it makes. */
static void put_repeats(uint8_t *group, const uint8_t *command, struct group_header *header)
{
	uint64_t at = GROUP_HEADER_SIZE + (uint64_t)header->body_size_bytes;
	if (!(command[13] & 2))
		return;
	header->flags |= GROUP_TELLS;
	header->told_from = command[12] % 2 ? command[8] : header->seq - 1;
	header->repeat_count = command[13] & 4 ? load_le32(command + 8) : command[7] % 32;
	uint32_t count = header->repeat_count % 64;
	if (at + count * GROUP_ENTRY_SIZE > 8 * JOURNAL_BLOCK_SIZE)
		return;
	for (uint32_t i = 0; i < count; i++)
		put_repeat(group + at + i * GROUP_ENTRY_SIZE, command + 8, i);
	header->repeats_checksum = group_repeats_checksum(SEED, (struct slice){group + at, count * GROUP_ENTRY_SIZE});
}

static void put_superblocks(uint8_t *file, const uint8_t *command)
{
	struct superblock superblock = {.file_size_bytes = FILE_SIZE, .seed = SEED, .incarnation = command[0] % 8,
					.durable_seq = command[2] % 32, .trim_place = (uint64_t)command[4] * JOURNAL_BLOCK_SIZE, .trim_incarnation = command[5] % 8};
	superblock.trim_seq = superblock.durable_seq ? command[3] % superblock.durable_seq : 0;
	if (command[8] & 1)
		superblock_add_opening(&superblock, command[9] % 8, command[1] % 32);
	for (uint32_t slot = 0; slot < JOURNAL_SUPERBLOCKS; slot++) {
		superblock.write_number = 1 + (slot ^ (command[6] & 1));
		superblock.tells = command[10] & 1;
		superblock.told_from = command[11] % 32;
		superblock.repeat_count = command[12] % (SUPERBLOCK_REPEATS_MAX + 1);
		for (uint32_t i = 0; i < superblock.repeat_count; i++)
			put_repeat(superblock.repeats + i * GROUP_ENTRY_SIZE, command + 13, i);
		superblock_encode(&superblock, file + slot * JOURNAL_BLOCK_SIZE);
		superblock.incarnation = command[7] % 8;
	}
}

/* Most groups follow the one before; the input bends some field of some of them. */
static void put_group(uint8_t *file, const uint8_t *command, struct group_header *last)
{
	uint8_t bent = command[0];
	struct group_header header = {.flags = command[1] & 1, .length = (1 + command[2] % 8) * JOURNAL_BLOCK_SIZE, .seq = last->seq + 1,
				      .place = last->place + last->length, .chain = last->checksum, .incarnation = last->incarnation,
				      .durable_seq = last->seq - (last->seq ? command[3] % 2 : 0)};
	if (bent & 1)
		header.seq += command[4];
	if (bent & 2)
		header.place += (uint64_t)command[5] * JOURNAL_BLOCK_SIZE;
	if (bent & 4)
		header.chain ^= command[6];
	if (bent & 8)
		header.incarnation += command[7] % 4;
	if (bent & 16)
		header.durable_seq = command[8];
	if (bent & 32)
		header.length = load_le32(command + 8);
	uint64_t at = JOURNAL_RING_POSITION + header.place % RING;
	if (FILE_SIZE - at < 8 * JOURNAL_BLOCK_SIZE)
		return;
	uint32_t payload_size = load_le16(command + 9) % 4000;
	uint8_t *payload = file + at + GROUP_HEADER_SIZE + GROUP_ENTRY_SIZE;
	memset(payload, command[11], payload_size);
	struct journal_entry entry = {.kind = 1, .data_size_bytes = payload_size,
				      .data_checksum = journal_data_checksum((struct slice){payload, payload_size})};
	if (bent & 64)
		payload_size = load_le32(command + 12);
	header.entry_count = bent & 128 ? command[12] : 1;
	header.body_size_bytes = (uint32_t)group_entry_size(payload_size);
	header.body_checksum = group_entry_encode(&entry, payload_size, group_body_checksum_start(SEED), file + at + GROUP_HEADER_SIZE);
	put_repeats(file + at, command, &header);
	group_header_encode(&header, SEED, file + at);
	if (command[13] & 1)
		file[at + load_le16(command + 14) % (4 * JOURNAL_BLOCK_SIZE)] ^= 1;
	*last = header;
}

struct seen {
	uint64_t entries, hash, last_seq;
};

static int see(void *context, uint64_t group_seq, bool group_is_vouched, const struct journal_entry *entry, struct slice payload)
{
	struct seen *seen = context;
	if (entry->is_repeat) {
		CHECK(payload.size == 0);
		return 0;
	}
	CHECK(group_seq >= seen->last_seq);
	CHECK(payload.size == 0 || journal_data_checksum(payload) == entry->data_checksum);
	seen->entries++;
	seen->last_seq = group_seq;
	seen->hash = seen->hash * 31 + group_seq + payload.size;
	return 0;
}

static void nothing_durable(void *context, uint64_t group_seq) {}
static void nothing_failed(void *context, int err) { CHECK(!"failed"); }

/* Opens and replays; -1 if it was refused. */
static int open_and_replay(struct io *io, uint64_t incarnation, struct journal **journal, struct seen *seen)
{
	struct journal_options options = {.path = "/j", .size_bytes = FILE_SIZE, .group_size_bytes_max = 64 << 10, .groups_in_flight_max = 1,
					  .incarnation = incarnation, .durable = nothing_durable, .failed = nothing_failed,
					  .is_loss_accepted = incarnation > 100}; /* lists that lie may tell less the second time */
	struct journal_report report;
	int err = journal_open(journal, io, &options, &report);
	if (err < 0) {
		CHECK(err == ERR_CORRUPT_LOG || err == ERR_FORMAT);
		return -1;
	}
	int replayed = journal_replay(*journal, see, seen);
	CHECK(replayed == 0 || replayed == ERR_CORRUPT_LOG); /* a repeat with a payload, which nobody has written */
	if (replayed) {
		journal_close(*journal);
		return -1;
	}
	CHECK(seen->entries == report.entries);
	return 0;
}

static void go_on(struct io *io, struct journal *journal)
{
	int started = journal_start(journal);
	CHECKF(started == 0, "%s", err_name(started));
	struct journal_entry entry = {.kind = 2};
	if (journal_add(journal, &entry, NULL, 0))
		journal_commit(journal);
	journal_quiesce(journal);
	while (!journal_is_idle(journal))
		CHECK(io_turn(io, true) >= 0);
	journal_close(journal);
}

static void run(uint8_t *file)
{
	struct sim_disk *disk = sim_disk_open(1);
	struct io *io;
	CHECK(disk && io_open(&io, &(struct io_options){.backend = IO_SIM, .disk = disk, .seed = 1}) == 0);
	int fd = io_file_open(io, "/j", IO_CREATE);
	CHECK(fd >= 0 && io_file_write(io, fd, file, FILE_SIZE, 0) == (int64_t)FILE_SIZE);
	io_close_fd(io, fd);
	struct journal *journal;
	struct seen first = {0}, second = {0};
	if (open_and_replay(io, 100, &journal, &first) == 0) {
		go_on(io, journal);
		CHECK(open_and_replay(io, 101, &journal, &second) == 0);
		bool has_new = second.entries == first.entries + 1 && second.last_seq > first.last_seq;
		CHECK(has_new || (second.entries == first.entries && second.hash == first.hash));
		journal_close(journal);
	}
	io_close(io);
	sim_disk_close(disk);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < COMMAND_SIZE)
		return 0;
	uint8_t *file = calloc(1, FILE_SIZE);
	CHECK(file);
	put_superblocks(file, data);
	struct group_header last = {.seq = data[3] % 32, .place = (uint64_t)data[4] * JOURNAL_BLOCK_SIZE, .incarnation = data[5] % 8};
	for (size_t at = COMMAND_SIZE; at + COMMAND_SIZE <= size; at += COMMAND_SIZE)
		put_group(file, data + at, &last);
	run(file);
	free(file);
	return 0;
}
