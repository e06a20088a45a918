/* A scan of directories whose last files the journal still has: the power failed while a cycle filed them, and the checkpoint is lost as well. What is torn
 * there is no damage, as the replay has it; what is damaged before that is named as ever. */
#include "tests/unit/log/verify/rot.h"

#include "log/store/store_priv.h"

static const char first_log[] = "/t-0/00000000000000000000.log";
static const char second_log[] = "/t-0/00000000000000000006.log";

/* The batch of that offset; a segment may begin with it. */
static void append(struct world *world, int64_t offset, size_t value_size, bool begins_segment)
{
	static uint8_t bytes[1 << 20];
	struct append append = {.op = {.done = append_done, .records = bytes, .begins_segment = begins_segment, .is_zstd_allowed = true}};
	append.op.records_size_bytes = make_batch(bytes, sizeof bytes, (uint64_t)offset, 1, value_size, 1000 + offset);
	cr_assert_eq(partition_append(the_partition(world), &append.op), 0);
	store_turn(world->store);
	while (!append.is_done)
		world_turn(world);
	cr_assert_eq(append.op.err, 0);
	cr_assert_eq(append.op.base_offset, offset);
}

static bool has_bytes(struct world *world, const char *path, size_t size)
{
	static uint8_t bytes[1 << 16];
	return sim_disk_peek(world->disk, path, bytes, size, 0) == (int64_t)size;
}

/* Offsets 0 to 2 are filed, and no journal has them any more; 3 to 8 are in the journal, from 6 on in a segment of their own; killed when a cycle has filed those,
 * or a part of them, and the checkpoint does not say so yet. False: the cycle was over before so many turns. */
static bool leave_a_filing(struct world *world, int turns)
{
	world_init(world, 200 + (uint64_t)turns);
	world_open(world);
	world_create_topic(world, "t", 1, NULL, 0);
	for (int64_t offset = 0; offset < 3; offset++)
		append(world, offset, 2000, false);
	world_idle(world, 7);
	for (int64_t offset = 3; offset < 9; offset++)
		append(world, offset, 2000, offset == 6);
	while (world->store->cycle.state == CYCLE_IDLE)
		world_turn(world);
	bool is_over = false;
	for (; turns > 0 && !is_over; turns--) {
		world_turn(world);
		is_over = world->store->cycle.state == CYCLE_IDLE;
	}
	world_kill(world);
	rot_unlink(world, "/checkpoint-0");
	return !is_over;
}

static bool is_all_filed(struct world *world)
{
	return has_bytes(world, first_log, 6 * 2000) && has_bytes(world, second_log, 3 * 2000);
}

static void expect_all_but(struct world *world, int64_t from, int64_t to, int64_t end)
{
	struct partition *partition = the_partition(world);
	cr_assert_eq(partition_high_watermark(partition), end);
	cr_assert_eq(partition_damage_count(partition), from < to);
	for (int64_t offset = 0; offset < end; offset++) {
		struct read read;
		world_read_begin(world, partition, &read, offset, 100);
		cr_assert_eq(read.op.err, offset >= from && offset < to ? ERR_CORRUPT_LOG : 0, "offset %ld: %s", (long)offset, err_name(read.op.err));
		if (!read.op.err)
			cr_assert_gt(check_records(&read.op, offset), offset);
		partition_read_release(&read.op);
	}
}

/* A torn piece in the middle of a file, at a segment's end or beginning, and a tail that never came: all that the journal has is there, in this life and
 * in the next ones. What has rotted before that is fenced, alone. (sim, seed 7008) */
Test(scan_journal, what_was_torn_while_it_was_filed, .timeout = 100)
{
	static const struct {
		const char *path;
		uint32_t ordinal;
		bool is_cut;
		int64_t from, to;
	} strikes[] = {
		{first_log, 3, false, 0, 0}, {first_log, 4, false, 0, 0}, {first_log, 5, false, 0, 0}, {first_log, 4, true, 0, 0}, {first_log, 3, true, 0, 0},
		{second_log, 0, false, 0, 0}, {second_log, 1, false, 0, 0}, {second_log, 0, true, 0, 0}, {first_log, 1, false, 1, 2},
	};
	for (size_t i = 0; i < sizeof strikes / sizeof *strikes; i++) {
		int struck = 0;
		for (int turns = 0;; turns++) {
			struct world world;
			bool is_in_time = leave_a_filing(&world, turns);
			if (is_in_time && is_all_filed(&world)) {
				struct place place = rot_batch(&world, strikes[i].path, strikes[i].ordinal);
				if (strikes[i].is_cut)
					rot_cut(&world, strikes[i].path, place.position);
				else
					cr_assert_eq(sim_disk_corrupt(world.disk, strikes[i].path, place.position, place.end - place.position), 0);
				struck++;
				for (int life = 0; life < 3; life++) {
					world_open(&world);
					expect_all_but(&world, strikes[i].from, strikes[i].to, 9 + life);
					append(&world, 9 + life, 100, false);
					life == 1 ? world_stop(&world) : world_crash(&world);
				}
				world_open(&world);
				expect_all_but(&world, strikes[i].from, strikes[i].to, 12);
			} else {
				world_open(&world);
			}
			world_fini(&world);
			if (!is_in_time)
				break;
		}
		cr_assert_gt(struck, 0, "strike %zu", i);
	}
}

/* Records were deleted up to the middle of the torn batch: the log starts there, and the rest of the batch is there as well. */
Test(scan_journal, a_log_start_within_what_was_torn)
{
	struct world world;
	world_init(&world, 300);
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	world_append(&world, the_partition(&world), 0, 3, 100);
	world_idle(&world, 7);
	world_append(&world, the_partition(&world), 3, 3, 1000);
	world_append(&world, the_partition(&world), 6, 3, 1000);
	world_trim(&world, the_partition(&world), 4);
	while (world.store->cycle.state == CYCLE_IDLE)
		world_turn(&world);
	while (world.store->cycle.state != CYCLE_IDLE)
		world_turn(&world);
	world_crash(&world); /* the journal's superblock is not written yet */
	rot_unlink(&world, "/checkpoint-0");
	struct place place = rot_batch(&world, first_log, 1);
	cr_assert_eq(sim_disk_corrupt(world.disk, first_log, place.position, place.end - place.position), 0);
	for (int life = 0; life < 2; life++) {
		world_open(&world);
		cr_assert_eq(partition_log_start_offset(the_partition(&world)), 4);
		cr_assert_eq(partition_damage_count(the_partition(&world)), 0);
		cr_assert_eq(world_check_all(&world, the_partition(&world), 4, 1 << 20), 9);
		world_crash(&world);
	}
	world_open(&world);
	world_fini(&world);
}

/* One batch of a piece that went straight to the segment has rotted: a scan stops there, the journal tells of the whole piece, and that batch alone is lost.
 * Whether its entry tells the headers or the file has to be looked into. */
Test(scan_journal, rot_in_a_direct_piece)
{
	for (int is_told = 0; is_told < 2; is_told++) {
		struct world world;
		struct append appends[3];
		size_t size = is_told ? 50000 : 200;
		world_init(&world, 310);
		world.options.direct_size_bytes_min = (uint32_t)size * 3;
		world_open(&world);
		world_create_topic(&world, "t", 1, NULL, 0);
		append(&world, 0, 100, false);
		world_idle(&world, 7);
		append(&world, 1, 100, false);
		for (int i = 0; i < 3; i++)
			cr_assert_eq(world_append_begin(the_partition(&world), &appends[i], 2 + (uint64_t)i, 1, size), 0);
		store_turn(world.store);
		for (int turns = 0; !appends[2].is_done && turns < 1000; turns++)
			world_turn(&world);
		append(&world, 5, 100, false);
		world_kill(&world);
		rot_unlink(&world, "/checkpoint-0");
		cr_assert_eq(sim_disk_corrupt(world.disk, first_log, rot_batch(&world, first_log, 3).position, 100), 0);
		for (int life = 0; life < 3; life++) {
			world_open(&world);
			const struct partition *partition = the_partition(&world);
			cr_assert_eq(partition_high_watermark(partition), 6 + life);
			cr_assert_eq(partition->segments.next, partition->segments.prev);
			if (life == 0)
				cr_assert_eq(partition->active->batch_count, is_told ? 6 : 5, "what the scan had met was taken twice");
			for (int64_t offset = 0; offset < 6; offset++) {
				struct read read;
				world_read_begin(&world, the_partition(&world), &read, offset, 100);
				cr_assert_eq(read.op.err, offset == 3 ? ERR_CORRUPT_LOG : 0, "offset %ld: %s", (long)offset, err_name(read.op.err));
				partition_read_release(&read.op);
			}
			append(&world, 6 + life, 100, false);
			life == 1 ? world_stop(&world) : world_crash(&world);
		}
		world_open(&world);
		world_fini(&world);
	}
}

/* That the journal has where a log starts is not that it has the log from there on: behind a batch that has rotted, the scan goes on to those that the file alone has. */
Test(scan_journal, a_log_start_is_no_batch)
{
	struct world world;
	world_init(&world, 320);
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	for (uint64_t i = 0; i < 6; i++)
		world_append(&world, the_partition(&world), i, 1, 100);
	world_stop(&world);
	world_open(&world);
	world_trim(&world, the_partition(&world), 2);
	world_kill(&world);
	rot_unlink(&world, "/checkpoint-0");
	rot_flip(&world, first_log, rot_batch(&world, first_log, 3).position + 80, 1);
	world_open(&world);
	cr_assert_eq(partition_log_start_offset(the_partition(&world)), 2);
	cr_assert_eq(partition_high_watermark(the_partition(&world)), 6);
	for (int64_t offset = 2; offset < 6; offset++) {
		struct read read;
		world_read_begin(&world, the_partition(&world), &read, offset, 1);
		cr_expect_eq(read.op.err, offset == 3 ? ERR_CORRUPT_LOG : 0, "offset %ld: %s", (long)offset, err_name(read.op.err));
		partition_read_release(&read.op);
	}
	world_fini(&world);
}

/* Behind what was filed the file has a whole batch that nobody counted on, of the offset that the journal has another for: that one is the log's. */
Test(scan_journal, another_batch_than_the_journals)
{
	struct world world;
	uint8_t bytes[512];
	world_init(&world, 330);
	world_open(&world);
	world_create_topic(&world, "t", 2, NULL, 0);
	world_append(&world, the_partition(&world), 0, 1, 100);
	world_idle(&world, 7);
	world_append(&world, the_partition(&world), 1, 1, 100);
	world_append(&world, world_partition(&world, "t", 1), 0, 1, 100); /* vouches for it */
	world_kill(&world);
	rot_unlink(&world, "/checkpoint-0");
	uint32_t size = make_batch(bytes, sizeof bytes, 77, 1, 100, 1000);
	store_be64(bytes, 1);
	size_t log_size, end = rot_batch(&world, first_log, 0).end;
	uint8_t *log = rot_read(&world, first_log, &log_size);
	log = realloc(log, end + size);
	memcpy(log + end, bytes, size);
	rot_write(&world, first_log, log, end + size);
	free(log);
	for (int life = 0; life < 2; life++) {
		world_open(&world);
		cr_assert_eq(world_check_all(&world, the_partition(&world), 0, 1 << 20), 2); /* each value says its offset */
		cr_assert_eq(partition_damage_count(the_partition(&world)), 0);
		world_crash(&world);
	}
	world_open(&world);
	world_fini(&world);
}

/* What the journal tells of the ends and files of a topic that was deleted since is nobody's: the scan of the others goes on. */
Test(scan_journal, what_it_tells_of_a_topic_that_is_gone)
{
	struct world world;
	world_init(&world, 340);
	world_open(&world);
	world_create_topic(&world, "gone", 1, NULL, 0);
	world_create_topic(&world, "t", 1, NULL, 0);
	for (uint64_t i = 0; i < 3; i++) {
		world_append(&world, world_partition(&world, "gone", 0), i, 1, 100);
		world_append(&world, the_partition(&world), i, 1, 100);
		world_idle(&world, 7);
	}
	world_delete_topic(&world, "gone");
	world_append(&world, the_partition(&world), 3, 1, 100);
	world_kill(&world);
	rot_unlink(&world, "/checkpoint-0");
	world_open(&world);
	cr_assert_eq(world_check_all(&world, the_partition(&world), 0, 1 << 20), 4);
	world_fini(&world);
}
