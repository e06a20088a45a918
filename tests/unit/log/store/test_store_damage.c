/* Rot in the journal under a store: what is lost is fenced by its offsets, everything else is served, and
 * the log goes on. */
#include "tests/unit/log/store/world.h"

#include <xxhash.h>

#include "log/base/bytes.h"

#define BATCHES 30
#define RECORDS 5

/* One group for each batch, as each is waited for; small ones, so that a group is one block of 4 KiB
 * behind the two superblocks. */
static uint64_t position_in_journal(int batch, uint64_t position_in_group)
{
	return 8192 + (uint64_t)batch * 4096 + position_in_group;
}

/* Reads all offsets one batch at a time and returns how many are fenced; they must be those of [from, to). */
static int64_t count_fenced(struct world *world, int64_t from, int64_t to, int64_t end)
{
	struct partition *partition = world_partition(world, "t", 0);
	int64_t fenced = 0;
	for (int64_t next = 0; next < end;) {
		struct read read;
		world_read_begin(world, partition, &read, next, 1);
		if (read.op.err) {
			cr_assert_eq(read.op.err, ERR_CORRUPT_LOG);
			cr_assert(next >= from && next < to, "offset %ld is fenced", (long)next);
			fenced++;
			next++;
		} else {
			cr_assert(next < from || next >= to, "offset %ld is served", (long)next);
			int64_t after = check_records(&read.op, next);
			cr_assert_gt(after, next);
			next = after;
		}
		partition_read_release(&read.op);
	}
	return fenced;
}

static void rot(int batch, uint64_t position_in_group, int64_t lost_batches)
{
	struct world world;
	world_init(&world, 11);
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	for (int i = 0; i < BATCHES; i++)
		world_append(&world, world_partition(&world, "t", 0), (uint64_t)i * RECORDS, RECORDS, 100);
	world_crash(&world);
	cr_assert_eq(sim_disk_corrupt(world.disk, "//journal-0", position_in_journal(batch, position_in_group), 3), 0);

	int64_t from = batch * RECORDS, to = from + lost_batches * RECORDS;
	for (int life = 0; life < 3; life++) {
		world_open(&world);
		if (life == 0)
			cr_assert_eq(world.report.damaged_ranges > 0, lost_batches > 0);
		struct partition *partition = world_partition(&world, "t", 0);
		int64_t end = (BATCHES + life) * RECORDS;
		cr_assert_eq(partition_high_watermark(partition), end);
		cr_assert_eq(count_fenced(&world, from, to, end), to - from, "life %d", life);
		world_append(&world, partition, (uint64_t)end, RECORDS, 100);
		world_crash(&world);
	}
	world_open(&world);
	world_fini(&world);
}

/* In a payload: the entry names the offsets. */
Test(store_damage, payload) { rot(10, 128 + 72 + 200, 1); }
/* In an entry or a header: the batch before and the one behind tell. */
Test(store_damage, entry) { rot(10, 128 + 40, 1); }
Test(store_damage, header) { rot(10, 30, 1); }
/* In the padding of a group: harmless. */
Test(store_damage, padding) { rot(10, 4090, 0); }

/* Changes one byte of the checkpoint and sets its checksum right, as no rot does. */
static void forge(struct world *world, uint64_t position, uint8_t change)
{
	struct io_options options = {.backend = IO_SIM, .disk = world->disk, .seed = 1};
	struct io *io;
	uint8_t bytes[4096];
	cr_assert_eq(io_open(&io, &options), 0);
	int fd = io_file_open(io, "/checkpoint-0", 0);
	int64_t size = io_file_read(io, fd, bytes, sizeof bytes, 0);
	cr_assert(size > 8 && size < (int64_t)sizeof bytes && position < (uint64_t)size - 8);
	bytes[position] ^= change;
	store_le64(bytes + size - 8, XXH3_64bits(bytes, (size_t)size - 8));
	cr_assert_eq(io_file_write(io, fd, bytes, (size_t)size, 0), size);
	io_close_fd(io, fd);
	io_close(io);
}

/* Whatever a checkpoint with a sound checksum says, opening ends with a log or an error, never with an abort: input from the disk is no
 * bug. (Found by fuzz_recovery: a last segment that was said to be complete was appended to.) */
Test(store_damage, a_forged_checkpoint_aborts_nothing)
{
	static const uint8_t changes[] = {0x01, 0x02, 0x80, 0xff};
	for (uint64_t position = 8; position < 28 + 44 + 76; position++) {
		for (size_t i = 0; i < sizeof changes; i++) {
			struct world world;
			struct append append;
			world_init(&world, 11);
			world_open(&world);
			world_create_topic(&world, "t", 1, NULL, 0);
			for (int n = 0; n < 3; n++)
				world_append(&world, world_partition(&world, "t", 0), (uint64_t)n * RECORDS, RECORDS, 100);
			world_stop(&world);
			forge(&world, position, changes[i]);
			if (world_try_open(&world) == 0 && world.image->topic_count == 1)
				(void)world_append_begin(world_partition(&world, "t", 0), &append, 15, 1, 100);
			world_fini(&world);
		}
	}
}

static void change_byte(struct world *world, const char *path, uint64_t position, uint8_t change)
{
	struct io_options options = {.backend = IO_SIM, .disk = world->disk, .seed = 1};
	struct io *io;
	uint8_t byte;
	cr_assert_eq(io_open(&io, &options), 0);
	int fd = io_file_open(io, path, 0);
	cr_assert_eq(io_file_read(io, fd, &byte, 1, position), 1);
	byte ^= change;
	cr_assert_eq(io_file_write(io, fd, &byte, 1, position), 1);
	io_close_fd(io, fd);
	io_close(io);
}

static void lie(uint32_t at, uint8_t change)
{
	struct config_override override = {"segment.ms", "20"};
	struct world world;
	uint8_t first[8192];
	uint32_t batch_size = make_batch(first, sizeof first, 0, RECORDS, 1000, 1000);
	world_init(&world, 12);
	world_open(&world);
	world_create_topic(&world, "t", 1, &override, 1);
	for (int i = 0; i < BATCHES; i++)
		world_append(&world, world_partition(&world, "t", 0), (uint64_t)i * RECORDS, RECORDS, 1000);
	world_stop(&world);
	change_byte(&world, "/t-0/00000000000000000000.log", 2 * batch_size + at, change);
	world_open(&world);
	cr_assert_eq(count_fenced(&world, 2 * RECORDS, 3 * RECORDS, BATCHES * RECORDS), RECORDS, "byte %u ^ %u", at, change);
	world_fini(&world);
}

/* Whatever the header of a batch in a complete segment says, every read ends, the batch's offsets are named damaged, and all others are served.
 * (Found by fuzz_recovery: a last offset below the base offset sent a read to the segment's beginning, again and again.) */
Test(store_damage, a_lying_header_keeps_no_read_going)
{
	static const uint8_t changes[] = {0x01, 0x80, 0xff};
	for (uint32_t at = 0; at < BATCH_HEADER_SIZE; at++)
		for (size_t i = 0; i < sizeof changes; i++)
			lie(at, changes[i]);
}

/* Rot in the block where the file ends, which is read back to be written again with what comes next: it must not be served from memory then as if it had been
 * checked. (Found by check-sim, seed 500903.) */
Test(store_damage, rot_is_not_served_from_memory)
{
	struct world world;
	world_init(&world, 13);
	world.options.direct_size_bytes_min = 1;
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	world_append(&world, world_partition(&world, "t", 0), 0, RECORDS, 100);
	world_stop(&world);
	world_open(&world);
	cr_assert_eq(sim_disk_corrupt(world.disk, "/t-0/00000000000000000000.log", 200, 1), 0);
	int64_t end = RECORDS;
	for (int i = 0; i < 3; i++, end += RECORDS)
		world_append(&world, world_partition(&world, "t", 0), (uint64_t)end, RECORDS, 100);
	cr_assert_eq(count_fenced(&world, 0, RECORDS, end), RECORDS);
	world_fini(&world);
}

static uint64_t size_of_file(struct world *world, const char *path)
{
	struct io_options options = {.backend = IO_SIM, .disk = world->disk, .seed = 1};
	struct io *io;
	cr_assert_eq(io_open(&io, &options), 0);
	int fd = io_file_open(io, path, IO_READ_ONLY);
	int64_t size = io_file_size(io, fd);
	io_close_fd(io, fd);
	io_close(io);
	return (uint64_t)size;
}

static void change_number(struct world *world, const char *path, uint64_t position, uint32_t from, uint32_t to)
{
	uint8_t before[4], after[4];
	store_be32(before, from);
	store_be32(after, to);
	for (int i = 0; i < 4; i++)
		change_byte(world, path, position + (uint64_t)i, before[i] ^ after[i]);
}

/* Changes a number in the header of a batch that lies so many before the end of the first segment, and asks for that segment's last offset alone. */
static void lead_to_end(uint32_t batches_behind, uint32_t at, uint32_t from, uint32_t to)
{
	static const char path[] = "/t-0/00000000000000000000.log";
	struct config_override override = {"segment.ms", "20"};
	struct world world;
	struct read read;
	uint8_t bytes[8192];
	uint32_t batch_size = make_batch(bytes, sizeof bytes, 0, RECORDS, 200, 1000);
	world_init(&world, 12);
	world_open(&world);
	world_create_topic(&world, "t", 1, &override, 1);
	for (int i = 0; i < BATCHES; i++)
		world_append(&world, world_partition(&world, "t", 0), (uint64_t)i * RECORDS, RECORDS, 200);
	world_stop(&world);
	uint64_t batches = size_of_file(&world, path) / batch_size;
	cr_assert(batches > 2 && batches < BATCHES);
	change_number(&world, path, (batches - batches_behind) * batch_size + at, from, to);
	world_open(&world);
	world_read_begin(&world, world_partition(&world, "t", 0), &read, (int64_t)batches * RECORDS - 1, 1);
	cr_assert(read.op.err == ERR_CORRUPT_LOG || read.op.piece_count > 0, "nothing answers");
	partition_read_release(&read.op);
	world_fini(&world);
}

/* A header that is passed over unchecked says that its batch reaches up to the segment's end, or nearly so. Whoever asks for what lies behind it in that
 * segment, and for nothing before, is served or told of damage: an answer of nothing would keep a consumer there for ever. */
Test(store_damage, a_header_that_leads_to_the_end)
{
	uint8_t bytes[8192];
	uint32_t batch_size = make_batch(bytes, sizeof bytes, 0, RECORDS, 200, 1000), length = batch_size - BATCH_LENGTH_OVERHEAD;
	lead_to_end(1, BATCH_AT_LAST_OFFSET_DELTA, RECORDS - 1, 0);
	for (uint32_t rest = 0; rest < BATCH_HEADER_SIZE; rest += 20)
		lead_to_end(2, BATCH_AT_LENGTH, length, length + batch_size - rest);
}
