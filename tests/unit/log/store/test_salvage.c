/* What recovery takes of a damaged piece: batches that are whole, are the ones that are due, and say no more than the entry promised; and what is missing is named. */
#include "log/store/store_priv.h"
#include "tests/unit/log/store/piece.h"

static const char *const log_path = "/t-0/00000000000000000000.log";

/* Writes over [from, to) of the log a whole batch of exactly that size: `count` records from `base_offset` on, of the epoch that was there. */
static void put_batch(struct world *world, struct place from, struct place to, int64_t base_offset, int count)
{
	size_t size, wanted = to.end - from.position;
	uint8_t *log = rot_read(world, log_path, &size), *bytes = malloc(wanted + 1000);
	uint32_t made = 0;
	for (size_t value_size = 8; made != wanted; value_size++) {
		cr_assert_leq(value_size, wanted, "no batch of %d records has %zu bytes", count, wanted);
		struct batch_builder builder;
		static uint8_t value[1 << 16];
		cr_assert_eq(batch_builder_open(&builder, NULL, &BATCH_BUILDER_PLAIN, bytes, wanted + 1000), 0);
		for (int i = 0; i < count; i++) { /* the last one takes what is left */
			store_le64(value, (uint64_t)base_offset + (uint64_t)i);
			struct record record = {.timestamp_ms = 1000, .value = {value, i + 1 < count ? 8 : value_size}};
			if (batch_builder_append(&builder, &record))
				break;
		}
		cr_assert_eq(batch_builder_finish(&builder, &made), 0);
	}
	store_be64(bytes, (uint64_t)base_offset);
	memcpy(bytes + 12, log + from.position + 12, 4); /* the epoch, which no checksum covers */
	memcpy(log + from.position, bytes, wanted);
	rot_write(world, log_path, log, size);
	free(log);
	free(bytes);
}

/* In this life and the next ones. */
static void expect_in_all_lives(struct world *world, int64_t from, int64_t to)
{
	for (int life = 0; life < 3; life++) {
		world_open(world);
		cr_assert(life > 0 || world->report.damaged_ranges == 1, "the start itself names it: %u", world->report.damaged_ranges);
		world_expect_damaged(world, the_partition(world), from, to, 6 + life);
		world_append(world, the_partition(world), 6 + (uint64_t)life, 1, 100);
		life == 1 ? world_stop(world) : world_crash(world);
	}
	world_open(world);
	world_fini(world);
}

/* A whole batch in the last one's place has an offset more than was given out: that offset is another record's. */
Test(salvage, no_offset_behind_the_entry)
{
	struct world world;
	leave_a_piece(&world, 1, UNTOLD);
	struct place last = rot_batch(&world, log_path, 4);
	put_batch(&world, last, last, 4, 2);
	expect_in_all_lives(&world, 4, 5);
}

/* One whole batch stands where two were: the offset that is missing at the end is named, as it was acknowledged. */
Test(salvage, what_is_missing_at_the_end_is_named)
{
	struct world world;
	leave_a_piece(&world, 2, UNTOLD);
	put_batch(&world, rot_batch(&world, log_path, 3), rot_batch(&world, log_path, 4), 3, 1);
	expect_in_all_lives(&world, 4, 5);
}

/* The damage was that of one write with what lies before the piece in the file. That is written there again from the journal, and is durable before a checkpoint
 * says that the log is filed so far. */
Test(salvage, what_lies_before_the_piece_is_restored_durably)
{
	struct world world;
	struct append append;
	world_init(&world, 3);
	world.options.direct_size_bytes_min = UNTOLD;
	world_open(&world);
	world_create_topic(&world, "t", 2, NULL, 0);
	for (uint32_t p = 0; p < 2; p++)
		world_append(&world, world_partition(&world, "t", p), 0, 1, 100);
	let_file(&world);
	world_append(&world, the_partition(&world), 1, 1, 100);
	cr_assert_eq(world_append_begin(the_partition(&world), &append, 2, 1, UNTOLD), 0);
	for (store_turn(world.store); !append.is_done;)
		world_turn(&world);
	world_append(&world, world_partition(&world, "t", 1), 1, 1, 100); /* vouches for it */
	world_crash(&world);
	struct place before = rot_batch(&world, log_path, 1), piece = rot_batch(&world, log_path, 2);
	cr_assert_eq(sim_disk_corrupt(world.disk, log_path, before.position, before.end - before.position), 0);
	cr_assert_eq(sim_disk_flip_bit(world.disk, log_path, piece.position + 50, 1), 0);
	world_open(&world);
	world_expect_damaged(&world, the_partition(&world), 2, 3, 3);
	uint64_t checkpoint = world.store->checkpoint_generation;
	world.store->cycle.is_due = true;
	for (int turns = 0; world.store->checkpoint_generation == checkpoint && turns < 1000; turns++)
		world_turn(&world);
	cr_assert_neq(world.store->checkpoint_generation, checkpoint);
	struct sim_disk *left = world_lose_all(world.disk);
	struct world other = {.disk = left, .config = world.config, .options = world.options, .seed = 1};
	world_open(&other);
	world_expect_damaged(&other, the_partition(&other), 2, 3, 3);
	world_close(&other);
	sim_disk_close(left);
	world_fini(&world);
}

/* A file of a piece that nobody vouches for is gone: the piece was acknowledged to nobody, and the log goes on in a file that is made, not in one that is taken for
 * there. */
Test(salvage, a_torn_piece_without_a_file)
{
	struct world world;
	struct append append;
	world_init(&world, 4);
	world.options.journal_size_bytes = 1 << 20;
	world_open(&world);
	world_create_topic(&world, "t", 2, NULL, 0);
	world_append(&world, world_partition(&world, "t", 1), 0, 1, 100);
	let_file(&world);
	cr_assert_eq(world_append_begin(the_partition(&world), &append, 0, 1, 100000), 0);
	for (store_turn(world.store); !append.is_done;)
		world_turn(&world);
	world_crash(&world);
	rot_unlink(&world, log_path);
	struct io *io = rot_open(&world);
	cr_assert_eq(io_dir_sync(io, "/t-0"), 0);
	io_close(io);
	world_open(&world);
	cr_assert_eq(partition_high_watermark(the_partition(&world)), 0);
	world_append(&world, the_partition(&world), 0, 1, 100);
	let_file(&world);
	cr_assert_not(store_has_failed(world.store));
	world_stop(&world);
	world_open(&world);
	cr_assert_eq(world_check_all(&world, the_partition(&world), 0, 1 << 20), 1);
	world_fini(&world);
}

/* Another's whole batch stands where a piece that nobody vouches for was to be. It is put aside by this start, however little comes after it: for a scan, on the day the
 * checkpoint is lost, it would be this log's first record. */
Test(salvage, a_torn_piece_in_whose_place_another_file_is)
{
	struct world world;
	struct append append;
	size_t size;
	world_init(&world, 5);
	world.options.journal_size_bytes = 1 << 20;
	world_open(&world);
	world_create_topic(&world, "t", 2, NULL, 0);
	world_append(&world, world_partition(&world, "t", 1), 0, 1, 100);
	let_file(&world);
	cr_assert_eq(world_append_begin(the_partition(&world), &append, 0, 1, 100000), 0);
	for (store_turn(world.store); !append.is_done;)
		world_turn(&world);
	world_crash(&world);
	uint8_t *other = rot_read(&world, "/t-1/00000000000000000000.log", &size);
	rot_write(&world, log_path, other, size);
	free(other);
	world_open(&world);
	cr_assert_eq(partition_high_watermark(the_partition(&world)), 0);
	world_stop(&world);
	rot_unlink(&world, "/checkpoint-0");
	world_open(&world);
	cr_assert_eq(partition_high_watermark(the_partition(&world)), 0, "it was taken for a record of this log");
	world_append(&world, the_partition(&world), 0, 1, 100);
	world_fini(&world);
}
