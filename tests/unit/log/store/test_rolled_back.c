/* A partition's directory is put back as it was at an earlier time, and the checkpoint that knows better is lost, alone or with its copy. After a clean stop and
 * after a kill: what was there since is named, before the start and by it, and none of its offsets is given out again. And with the checkpoints the time is lost
 * that retention went by: the journal tells that too. */
#include "log/store/store_priv.h"
#include "tests/unit/log/store/many_segments.h"
#include "tests/unit/log/verify/rot.h"

static const char first_log[] = "//t-0/00000000000000000000.log", first_times[] = "//t-0/00000000000000000000.appendtime";

/* Long enough for a cycle of write-behind, and for whatever the journal has to say behind it. */
static void idle(struct world *world)
{
	uint64_t until_ns = io_now_ns(world->io) + 12000000000ull;
	for (int turns = 0; io_now_ns(world->io) < until_ns && turns < 5000; turns++)
		world_turn(world);
}

static void append(struct world *world, uint32_t index, uint64_t number, int count)
{
	world_append(world, partition_of(world, index), number, count, 100);
}

static void expect_named(struct world *world, int64_t from, int64_t to)
{
	struct verdict verdict;
	int64_t low = INT64_MAX, high = -1;
	rot_verify(world, &verdict);
	for (uint32_t i = 0; i < verdict.count; i++)
		if (verdict.found[i].kind == FINDING_DAMAGE && verdict.found[i].partition == 0) {
			low = verdict.found[i].from < low ? verdict.found[i].from : low;
			high = verdict.found[i].to > high ? verdict.found[i].to : high;
		}
	cr_assert(low == from && high == to, "[%ld, %ld)", (long)low, (long)high);
}

enum lost { LOST_CHECKPOINT, LOST_BOTH, lost_count };
enum end { END_STOP, END_KILL, END_KILL_LATER, end_count };

static void lose(struct world *world, enum lost lost)
{
	if (lost == LOST_BOTH) {
		rot_unlink(world, "/checkpoint-0"); /* and its copy */
		return;
	}
	struct io *io = rot_open(world);
	cr_assert_eq(io_unlink(io, "/checkpoint-0"), 0);
	io_close(io);
}

/* t-0 has [0, 3) in the copy that is put back, and [0, 5) before the other partition went on alone, and the journal forgot t-0's records. */
static void make(struct world *world, uint64_t seed, enum end end)
{
	struct rot_kept log, times;
	world_init(world, seed);
	world_open(world);
	world_create_topic(world, "t", 2, NULL, 0);
	append(world, 0, 0, 3);
	world_stop(world);
	log = rot_keep(world, first_log);
	times = rot_keep(world, first_times);
	world_open(world);
	append(world, 0, 3, 2);
	append(world, 1, 0, 1);
	idle(world);
	for (int i = 0; i < 2; i++) {
		append(world, 1, 1 + (uint64_t)i, 1);
		idle(world);
	}
	if (end == END_KILL_LATER) /* nothing was filed since a start behind a stop */
		world_stop(world), world_open(world);
	if (end == END_STOP)
		world_stop(world);
	else
		world_kill(world);
	rot_put_back(world, first_log, log);
	rot_put_back(world, first_times, times);
}

Test(rolled_back, a_directory_beside_lost_checkpoints, .timeout = 60)
{
	for (enum end end = 0; end < end_count; end++)
		for (enum lost lost = 0; lost < lost_count; lost++) {
			struct world world;
			make(&world, 1, end);
			lose(&world, lost);
			expect_named(&world, 3, 5);
			world_open(&world);
			world_expect_damaged(&world, partition_of(&world, 0), 3, 5, 5);
			world_expect_damaged(&world, partition_of(&world, 1), 0, 0, 3);
			append(&world, 0, 5, 1);
			world_stop(&world);
			world_open(&world);
			world_expect_damaged(&world, partition_of(&world, 0), 3, 5, 6);
			world_fini(&world);
		}
}

/* Without anything put back they are as good as the checkpoint: nothing is missed, not even what was deleted wholly. */
Test(rolled_back, nothing_is_missed_that_is_there, .timeout = 60)
{
	for (enum end end = 0; end < END_KILL_LATER; end++) {
		struct world world;
		struct verdict verdict;
		world_init(&world, 2);
		world_open(&world);
		world_create_topic(&world, "t", 2, NULL, 0);
		append(&world, 0, 0, 3);
		append(&world, 1, 0, 3);
		idle(&world);
		append(&world, 0, 3, 1);
		idle(&world);
		append(&world, 1, 3, 2);
		if (end == END_STOP)
			world_stop(&world);
		else
			world_kill(&world);
		lose(&world, LOST_BOTH);
		rot_verify(&world, &verdict);
		cr_assert_eq(verdict.report.counts.findings[FINDING_DAMAGE], 0);
		world_open(&world);
		cr_assert_eq(world.report.damaged_ranges, 0);
		world_expect_damaged(&world, partition_of(&world, 0), 0, 0, 4);
		world_expect_damaged(&world, partition_of(&world, 1), 0, 0, 5);
		world_fini(&world);
	}
}

/* Each checkpoint has its copy before the journal is let go: killed between two stops, a start that has lost the checkpoint alone scans nothing. */
Test(rolled_back, a_kill_leaves_a_copy, .timeout = 60)
{
	struct world world;
	world_init(&world, 4);
	world_open(&world);
	world_create_topic(&world, "t", 2, NULL, 0);
	for (int i = 0; i < 3; i++) {
		append(&world, 0, (uint64_t)i, 1);
		idle(&world);
	}
	uint64_t generation = world.store->checkpoint_generation;
	world_kill(&world);
	lose(&world, LOST_CHECKPOINT);
	world_open(&world);
	cr_assert_eq(world.store->checkpoint_generation, generation);
	world_expect_damaged(&world, partition_of(&world, 0), 0, 0, 3);
	world_fini(&world);
}

/* A stop lets all go but what tells where logs end, and whose the files are that they go on in: the next start replays nothing. */
Test(rolled_back, a_stop_leaves_the_ends_alone, .timeout = 60)
{
	struct world world;
	world_init(&world, 5);
	world_open(&world);
	world_create_topic(&world, "t", 2, NULL, 0);
	for (int life = 0; life < 3; life++) {
		for (int i = 0; i < 5; i++)
			append(&world, 0, (uint64_t)(5 * life + i), 1);
		world_stop(&world);
		world_open(&world);
		cr_assert_eq(world.report.entries_replayed, 0);
		cr_assert_eq(world.store->journal_found.entries, 2);
	}
	world_fini(&world);
}

/* Four records of now. */
static void append_stamped(struct world *world, uint64_t first)
{
	for (uint64_t i = first; i < first + 4; i++) {
		uint8_t bytes[512];
		struct append append = {.op = {.done = append_done, .records = bytes, .is_zstd_allowed = true}};
		append.op.records_size_bytes = make_batch(bytes, sizeof bytes, i, 1, 100, io_wall_ms(world->io));
		cr_assert_eq(partition_append(partition_of(world, 0), &append.op), 0);
		store_turn(world->store);
		for (int turns = 0; !append.is_done && turns < 10000; turns++)
			world_turn(world);
		cr_assert(append.is_done && !append.op.err);
	}
}

/* A month ahead, and no checkpoint that says where the broker was left: what a week is to be kept is there. */
Test(rolled_back, the_clock_is_not_believed_without_a_checkpoint, .timeout = 60)
{
	for (enum end end = 0; end < END_KILL_LATER; end++) {
		struct world world;
		struct config_override override = {"retention.ms", "604800000"};
		world_init(&world, 3);
		world.options.retention_check_ms = 300000;
		world_open(&world);
		world_create_topic(&world, "t", 1, &override, 1);
		append_stamped(&world, 0);
		idle(&world);
		if (end == END_STOP)
			world_stop(&world);
		else
			world_kill(&world);
		lose(&world, LOST_BOTH);
		sim_disk_shift_wall_clock(world.disk, INT64_C(30) * 24 * 3600000);
		for (uint64_t life = 1; life < 3; life++) { /* the second finds groups that were written by the wrong clock */
			world_open(&world);
			uint64_t until_ns = io_now_ns(world.io) + 1200000000000ull;
			for (int turns = 0; io_now_ns(world.io) < until_ns && turns < 100000; turns++)
				world_turn(&world);
			cr_assert_eq(partition_log_start_offset(partition_of(&world, 0)), 0);
			if (life == 2)
				break;
			append_stamped(&world, 4);
			idle(&world);
			world_kill(&world);
			lose(&world, LOST_BOTH);
		}
		world_fini(&world);
	}
}

/* ---- journal, catalog and checkpoint of an earlier time, beside directories of a later one -------------------------------- */

static uint32_t count_of_kind(struct world *world, enum finding_kind kind)
{
	struct verdict verdict;
	rot_verify(world, &verdict);
	rot_print(&verdict);
	return (uint32_t)verdict.report.counts.findings[kind];
}

/* Killed with so many records, which is what the four files are of; and again with 60, whose logs and seals stay. */
static void put_back_top(struct world *world, uint64_t seed, uint64_t end)
{
	struct rot_kept kept[ROT_TOP_COUNT];
	struct config_override overrides[] = {{"segment.bytes", "1048576"}};
	world_init(world, seed);
	world_open(world);
	world_create_topic(world, "t", 1, overrides, 1);
	for (uint64_t i = 0; i < end; i++)
		world_append(world, the_partition(world), i, 1, 200000);
	idle(world);
	world_kill(world);
	rot_keep_top(world, kept);
	world_open(world);
	for (uint64_t i = end; i < 60; i += 2)
		world_append(world, the_partition(world), i, 2, 200000);
	idle(world);
	world_kill(world);
	rot_put_back_top(world, kept);
}

/* What tells that it was filed: without that it may be of groups that never were durable. */
static void lose_witnesses(struct world *world, int active_base)
{
	static const char *const suffixes[] = {"seal", "appendtime"};
	struct io *io = rot_open(world);
	char path[128];
	for (int base = active_base; base <= 60; base++)
		for (int i = 0; i < 2; i++) {
			snprintf(path, sizeof path, "//t-0/%020d.%s", base, suffixes[i]);
			int err = io_unlink(io, path);
			cr_assert(err == 0 || err == -ENOENT);
		}
	cr_assert_eq(io_dir_sync(io, "//t-0"), 0);
	io_close(io);
}

struct later_names {
	int64_t end;
	uint32_t count;
};

static int count_later(void *context, const char *name, bool is_directory)
{
	struct later_names *later = context;
	int64_t base;
	enum segment_file file;
	later->count += !is_directory && segment_name_parse(name, &base, &file) && base > later->end;
	return 0;
}

/* What the log goes on with is all there is of it from then on, on the day the checkpoint is lost as well: no segment of the later time stands among its own. */
Test(rolled_back, top_files_beside_later_directories, .timeout = 60)
{
	for (uint64_t end = 20; end < 26; end++) {
		struct world world;
		put_back_top(&world, end, end);
		cr_assert_gt(count_of_kind(&world, FINDING_DERIVED), 0, "what is ahead is named");
		int active_base = (int)((end - 1) / 5 * 5);
		char seal_path[128];
		snprintf(seal_path, sizeof seal_path, "/t-0/%020d.seal", active_base);
		struct rot_kept seal = rot_keep(&world, seal_path);
		lose_witnesses(&world, active_base);
		world_open(&world);
		cr_assert_eq(partition_high_watermark(the_partition(&world)), (int64_t)end);
		cr_expect_eq(logs_of(&world, the_partition(&world)->dir), segments_of(the_partition(&world)));
		struct later_names later = {(int64_t)end, 0};
		cr_assert_eq(io_dir_list(world.io, the_partition(&world)->dir, count_later, &later), 0);
		cr_expect_eq(later.count, 0, "nor what was beside them");
		world_stop(&world);
		cr_expect_eq(count_of_kind(&world, FINDING_DAMAGE) + count_of_kind(&world, FINDING_DERIVED), 0);
		rot_put_back(&world, seal_path, seal); /* alone: what it tells of is nowhere, and it goes when the log goes on */
		world_open(&world);
		world_append(&world, the_partition(&world), end, 1, 200000);
		world_stop(&world);
		world_open(&world);
		cr_expect(end % 5 == 0 || io_file_open(world.io, seal_path, IO_READ_ONLY) == -ENOENT, "it goes on, and has no seal");
		for (uint64_t i = end + 1; i < 40; i++)
			world_append(&world, the_partition(&world), i, 1, 200000);
		world_stop(&world);
		cr_expect_eq(count_of_kind(&world, FINDING_DAMAGE) + count_of_kind(&world, FINDING_DERIVED), 0);
		lose(&world, LOST_BOTH);
		world_open(&world);
		cr_expect_eq(world.report.damaged_ranges, 0);
		cr_expect_eq(world_check_all(&world, the_partition(&world), 0, 4 << 20), 40);
		world_fini(&world);
	}
}

/* What was filed by their word is not cut off without being asked: refused; accepted, all that is there is served. */
Test(rolled_back, top_files_beside_what_was_filed_later, .timeout = 60)
{
	for (uint64_t end = 20; end < 26; end++) {
		struct world world;
		put_back_top(&world, end, end);
		for (int tries = 0; tries < 2; tries++) {
			cr_assert_eq(world_try_open(&world), ERR_CORRUPT_LOG);
			cr_assert_not_null(strstr(world.report.why, "of an earlier time"), "%s", world.report.why);
			world_close(&world);
		}
		world.options.is_loss_accepted = true;
		world_open(&world);
		world.options.is_loss_accepted = false;
		for (int lives = 0; lives < 2; lives++) {
			int64_t next = 0;
			while (next < 60) {
				struct read read;
				world_read_begin(&world, the_partition(&world), &read, next, 4 << 20);
				cr_assert_eq(read.op.err, 0, "at %ld: %s", (long)next, err_name(read.op.err));
				next = check_records(&read.op, next);
				partition_read_release(&read.op);
			}
			cr_assert_gt(partition_high_watermark(the_partition(&world)), 60);
			world_stop(&world);
			world_open(&world);
		}
		world_fini(&world);
	}
}

/* All of a backup is put back, of a time when the journal alone had the end of a segment; that one's seal came later, and is right: the file has less than it says, and
 * nothing of it is damaged. */
Test(rolled_back, all_files_beside_later_seals, .timeout = 60)
{
	static const char log_path[] = "/t-0/00000000000000000020.log";
	struct rot_kept kept[ROT_TOP_COUNT], log;
	struct config_override overrides[] = {{"segment.bytes", "1048576"}};
	struct world world;
	world_init(&world, 1);
	world.options.direct_size_bytes_min = 1 << 20; /* through the journal */
	world_open(&world);
	world_create_topic(&world, "t", 1, overrides, 1);
	for (uint64_t i = 0; i < 26; i++) {
		world_append(&world, the_partition(&world), i, 1, 200000);
		if (i == 23)
			idle(&world);
	}
	world_kill(&world);
	log = rot_keep(&world, log_path);
	rot_keep_top(&world, kept);
	world_open(&world);
	idle(&world);
	world_stop(&world);
	rot_put_back_top(&world, kept);
	rot_put_back(&world, log_path, log);
	cr_expect_eq(count_of_kind(&world, FINDING_DAMAGE), 0);
	world_open(&world);
	cr_expect_eq(world_check_all(&world, the_partition(&world), 0, 4 << 20), 26);
	world_fini(&world);
}
