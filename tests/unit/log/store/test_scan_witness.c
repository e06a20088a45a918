/* The checkpoint is lost, and a second thing is wrong: files were exchanged, cut or removed. The copy of the checkpoint knows; and without that, what lies
 * beside the segments. Nothing of another log is ever served, no acknowledged offset is given out again, and `log verify` says what the start does. */
#include "tests/unit/log/store/untold_ends.h"
#include "tests/unit/log/verify/rot.h"

#include <errno.h>

#include "log/store/store_priv.h"

static const char first_log[] = "/t-0/00000000000000000000.log", other_log[] = "/t-1/00000000000000000000.log";
static const char first_times[] = "/t-0/00000000000000000000.appendtime";

static bool are_ends_untold;

static void set_room(struct world *world, bool has_room)
{
	if (are_ends_untold)
		world_let_ends_be_told(world, has_room);
}

/* `count` records whose values say `number` and on, wherever they come to lie. */
static int64_t append(struct world *world, uint32_t index, uint64_t number, int count, bool is_roll)
{
	static uint8_t bytes[1 << 16];
	struct append append = {.op = {.done = append_done, .records = bytes, .begins_segment = is_roll, .is_zstd_allowed = true}};
	append.op.records_size_bytes = make_batch(bytes, sizeof bytes, number, count, 100, 1000 + (int64_t)number);
	set_room(world, true);
	cr_assert_eq(partition_append(partition_of(world, index), &append.op), 0);
	store_turn(world->store);
	while (!append.is_done)
		world_turn(world);
	set_room(world, false);
	cr_assert_eq(append.op.err, 0);
	world_idle(world, 1); /* so each has an append time of its own */
	return append.op.base_offset;
}

static void begin(struct world *world, uint64_t seed)
{
	world_init(world, seed);
	world_open(world);
	world_create_topic(world, "t", 2, NULL, 0);
}

/* t-0: 0 to 6 in batches of 2, 2 and 3; t-1: 0 to 5 in batches of 3 and 3, of other records. */
static void make(struct world *world, uint64_t seed)
{
	begin(world, seed);
	append(world, 0, 0, 2, false);
	append(world, 0, 2, 2, false);
	append(world, 0, 4, 3, false);
	append(world, 1, 1000, 3, false);
	append(world, 1, 1003, 3, false);
	world_stop(world);
}

static void exchange(struct world *world, const char *a, const char *b)
{
	size_t a_size, b_size;
	uint8_t *a_bytes = rot_read(world, a, &a_size), *b_bytes = rot_read(world, b, &b_size);
	rot_write(world, a, b_bytes, b_size);
	rot_write(world, b, a_bytes, a_size);
	free(a_bytes);
	free(b_bytes);
}

/* The checkpoint alone; rot_unlink takes its copy as well. */
static void lose_checkpoint(struct world *world)
{
	struct io *io = rot_open(world);
	cr_assert_eq(io_unlink(io, "/checkpoint-0"), 0);
	io_close(io);
}

static void expect_refused(struct world *world, const char *file)
{
	struct verdict verdict;
	for (int tries = 0; tries < 2; tries++) {
		cr_assert_eq(world_try_open(world), ERR_CORRUPT_LOG);
		cr_assert_not_null(strstr(world->report.why, file), "%s", world->report.why);
		cr_assert_not_null(strstr(world->report.why, "spate.accept.loss=true"), "%s", world->report.why);
		world_close(world);
	}
	rot_verify(world, &verdict);
	cr_assert_gt(verdict.report.counts.findings[FINDING_DAMAGE], 0);
}

/* The verifier names exactly [from, to) of the partition as damaged, and nothing of the other. */
static void expect_verdict(struct world *world, int32_t index, int64_t from, int64_t to)
{
	struct verdict verdict;
	int64_t low = INT64_MAX, high = -1;
	rot_verify(world, &verdict);
	cr_assert_eq(verdict.err, 0);
	for (uint32_t i = 0; i < verdict.count; i++) {
		const struct found *found = &verdict.found[i];
		if (found->kind != FINDING_DAMAGE)
			continue;
		cr_assert_eq(found->partition, index, "%s: %s", found->file, found->what);
		low = found->from < low ? found->from : low;
		high = found->to > high ? found->to : high;
	}
	cr_assert_eq(low, from, "from %ld", (long)low);
	cr_assert_eq(high, to, "to %ld", (long)high);
}

static void expect_damaged(struct world *world, uint32_t index, int64_t from, int64_t to, int64_t end)
{
	world_expect_damaged(world, partition_of(world, index), from, to, end);
}

enum strike { IS_CUT, IS_EMPTY, IS_GONE, strike_count };

static void strike_log(struct world *world, enum strike strike, size_t cut_at)
{
	if (strike == IS_GONE)
		rot_unlink(world, first_log);
	else
		rot_cut(world, first_log, strike == IS_CUT ? cut_at : 0);
}

/* t-0 has lost [from, 7): named before the start and fenced by it, and the log goes on behind it, whatever `end` that life finds. */
static void expect_lost_end(struct world *world, int64_t from, void (*end)(struct world *))
{
	expect_verdict(world, 0, from, 7);
	world_open(world);
	expect_damaged(world, 0, from, 7, 7);
	cr_assert_eq(append(world, 0, 7, 1, false), 7);
	end(world);
	world_open(world);
	expect_damaged(world, 0, from, 7, 8);
}

/* After a clean stop the copy says all that the checkpoint did: nothing is scanned, and an exchanged file is known by its first batch. */
Test(scan_witness, the_copy_is_as_good)
{
	for (int is_exchanged = 0; is_exchanged < 2; is_exchanged++) {
		struct world world;
		make(&world, 1);
		lose_checkpoint(&world);
		if (is_exchanged)
			exchange(&world, first_log, other_log);
		world_open(&world);
		expect_damaged(&world, 0, 0, is_exchanged ? 7 : 0, 7);
		cr_assert_eq(partition_high_watermark(partition_of(&world, 1)), 6);
		cr_assert_eq(append(&world, 0, 7, 1, false), 7);
		cr_assert_eq(append(&world, 1, 1006, 1, false), 6);
		world_fini(&world);
	}
}

/* One that is of an earlier time than what the journal was let go for is not believed, as what was filed since is not in it. */
Test(scan_witness, an_earlier_copy_is_no_checkpoint)
{
	struct world world;
	make(&world, 2);
	size_t size;
	uint8_t *copy = rot_read(&world, "//checkpoint-0.copy", &size);
	world_open(&world);
	cr_assert_eq(append(&world, 0, 7, 2, false), 7);
	world_stop(&world);
	lose_checkpoint(&world);
	rot_write(&world, "//checkpoint-0.copy", copy, size);
	free(copy);
	world_open(&world);
	expect_damaged(&world, 0, 0, 0, 9);
	world_fini(&world);
}

/* But what it says was filed must be there: cut, emptied or gone, with nothing else to tell. */
Test(scan_witness, an_earlier_copy_knows_what_was_filed)
{
	are_ends_untold = true;
	for (enum strike strike = 0; strike < strike_count; strike++) {
		struct world world;
		make(&world, 3);
		size_t size;
		uint8_t *copy = rot_read(&world, "//checkpoint-0.copy", &size);
		world_open(&world);
		append(&world, 1, 1006, 1, false);
		world_stop(&world);
		rot_unlink(&world, "/checkpoint-0");
		rot_unlink(&world, first_times);
		rot_write(&world, "//checkpoint-0.copy", copy, size);
		free(copy);
		int64_t from = strike == IS_CUT ? 4 : 0;
		strike_log(&world, strike, rot_batch(&world, first_log, 2).position);
		expect_lost_end(&world, from, world_crash);
		world_fini(&world);
	}
}

/* And the first batch of a file must be the one it knew. */
Test(scan_witness, an_earlier_copy_knows_whose_file_it_is)
{
	are_ends_untold = true;
	struct world world;
	make(&world, 4);
	size_t size;
	uint8_t *copy = rot_read(&world, "//checkpoint-0.copy", &size);
	world_open(&world);
	append(&world, 1, 1006, 1, false);
	world_stop(&world);
	rot_unlink(&world, "/checkpoint-0");
	rot_unlink(&world, first_times);
	rot_unlink(&world, "/t-1/00000000000000000000.appendtime");
	rot_write(&world, "//checkpoint-0.copy", copy, size);
	free(copy);
	exchange(&world, first_log, other_log);
	expect_refused(&world, "t-0/00000000000000000000.log");
	exchange(&world, first_log, other_log);
	world_open(&world);
	expect_damaged(&world, 0, 0, 0, 7);
	world_fini(&world);
}

/* Without any checkpoint the append times know how far a log went. */
Test(scan_witness, append_times_know_the_end)
{
	are_ends_untold = true;
	for (enum strike strike = 0; strike < strike_count; strike++) {
		struct world world;
		make(&world, 5);
		rot_unlink(&world, "/checkpoint-0");
		int64_t from = strike == IS_CUT ? 4 : 0;
		strike_log(&world, strike, rot_batch(&world, first_log, 2).position);
		expect_lost_end(&world, from, world_stop);
		world_fini(&world);
	}
}

/* The files of all segments are gone, of a log that starts later: what was deleted is not missed. */
Test(scan_witness, append_times_do_not_miss_what_was_deleted)
{
	struct world world;
	begin(&world, 6);
	append(&world, 0, 0, 3, false);
	append(&world, 0, 3, 2, true);
	append(&world, 0, 5, 2, true);
	world_stop(&world);
	rot_unlink(&world, "/checkpoint-0");
	rot_unlink(&world, first_log);
	expect_verdict(&world, 0, 0, 3);
	world_open(&world);
	expect_damaged(&world, 0, 0, 3, 7);
	world_fini(&world);
}

/* They know batches too: another log's are not where theirs ended. */
Test(scan_witness, append_times_know_the_batches)
{
	are_ends_untold = true;
	struct world world;
	make(&world, 7);
	rot_unlink(&world, "/checkpoint-0");
	exchange(&world, first_log, other_log);
	expect_refused(&world, "t-0/00000000000000000000.log");
	world.options.is_loss_accepted = true;
	world_open(&world);
	expect_damaged(&world, 0, 0, 7, 7);
	expect_damaged(&world, 1, 0, 6, 6);
	cr_assert_eq(append(&world, 0, 7, 1, false), 7);
	cr_assert_eq(append(&world, 1, 1006, 1, false), 6);
	world_fini(&world);
}

/* t-0: 0 to 6 in three segments; no checkpoint. */
static void make_three(struct world *world, uint64_t seed, int64_t start)
{
	are_ends_untold = true;
	begin(world, seed);
	append(world, 0, 0, 2, false);
	append(world, 0, 2, 2, true);
	append(world, 0, 4, 3, true);
	if (start > 0) {
		world_trim(world, partition_of(world, 0), start);
		world_idle(world, 20);
	}
	world_stop(world);
	rot_unlink(world, "/checkpoint-0");
}

enum in_place { ANOTHERS_BATCH, NO_BATCH, NOTHING, in_place_count };

/* Of the middle segment nothing is left, and of the first one: the log has no segment in its place. One that is complete and empty may stand in no checkpoint: none
 * was believed from then on, and each start scanned. */
Test(scan_witness, of_a_segment_nothing_is_left)
{
	for (int base = 0; base < 4; base += 2)
		for (enum in_place in_place = 0; in_place < in_place_count; in_place++) {
			struct world world;
			uint8_t bytes[512] = {0};
			char path[64];
			make_three(&world, 18, 0);
			uint32_t size = make_batch(bytes, sizeof bytes, 500, 2, 100, 1500);
			store_be64(bytes, in_place == ANOTHERS_BATCH ? (uint64_t)base : 90);
			bytes[80] ^= in_place == NO_BATCH;
			snprintf(path, sizeof path, "/t-0/%020d.log", base);
			rot_write(&world, path, bytes, in_place == NOTHING ? 0 : size);
			world.options.is_loss_accepted = in_place == ANOTHERS_BATCH;
			for (int life = 0; life < 3; life++) {
				world_open(&world);
				world.options.is_loss_accepted = false;
				cr_expect_eq(partition_log_start_offset(partition_of(&world, 0)), 0);
				expect_damaged(&world, 0, base, base + 2, 7 + life);
				LIST_FOR_EACH(node, &partition_of(&world, 0)->segments) {
					const struct segment *segment = LIST_ENTRY(node, struct segment, node);
					cr_expect_gt(segment->staged.position, 0, "life %d: %ld.log is complete, and empty", life, (long)segment->base_offset);
				}
				append(&world, 0, 7 + (uint64_t)life, 1, false);
				life == 1 ? world_crash(&world) : world_stop(&world);
			}
			world_open(&world);
			world_fini(&world);
		}
}

/* It was the first one, and where logs start is lost as well: the log starts with it all the same. */
Test(scan_witness, of_the_first_segment_nothing_is_left)
{
	struct world world;
	make_three(&world, 19, 2);
	cr_assert_lt(sim_disk_peek(world.disk, first_log, NULL, 0, 0), 0);
	rot_unlink(&world, "/log-start-0");
	rot_cut(&world, "/t-0/00000000000000000002.log", 0);
	rot_unlink(&world, "/t-0/00000000000000000002.appendtime");
	world.options.is_loss_accepted = true;
	world_open(&world);
	cr_expect_eq(partition_log_start_offset(partition_of(&world, 0)), 2);
	world_fini(&world);
}

/* Also behind a first batch that is the right one: from there on the file goes on with one batch where there were two. */
Test(scan_witness, append_times_know_the_later_batches)
{
	static uint8_t bytes[1 << 16];
	struct world world;
	are_ends_untold = true;
	make(&world, 15);
	rot_unlink(&world, "/checkpoint-0");
	size_t size, begin = rot_batch(&world, first_log, 0).end;
	uint8_t *log = rot_read(&world, first_log, &size);
	memcpy(bytes, log, begin);
	free(log);
	uint32_t more = make_batch(bytes + begin, sizeof bytes - begin, 2, 5, 100, 1002);
	store_be64(bytes + begin, 2);
	rot_write(&world, first_log, bytes, begin + more);
	expect_refused(&world, "t-0/00000000000000000000.log");
	world.options.is_loss_accepted = true;
	world_open(&world);
	world_fini(&world);
}

/* And whose they are: two directories that were exchanged, within a topic, are known by them. */
Test(scan_witness, append_times_know_their_partition)
{
	struct world world;
	make(&world, 8);
	rot_unlink(&world, "/checkpoint-0");
	exchange(&world, first_log, other_log);
	exchange(&world, first_times, "/t-1/00000000000000000000.appendtime");
	expect_refused(&world, "t-0/00000000000000000000.log");
	exchange(&world, first_log, other_log);
	exchange(&world, first_times, "/t-1/00000000000000000000.appendtime");
	world_open(&world);
	expect_damaged(&world, 0, 0, 0, 7);
	world_fini(&world);
}

/* And what the first of them is: another log's of the very same offsets are not theirs, after a kill as after a stop, and when the log goes on in a later life. */
Test(scan_witness, append_times_know_the_first_batch)
{
	are_ends_untold = true;
	for (int kind = 0; kind < 3; kind++) {
		struct world world;
		begin(&world, 13);
		for (uint32_t index = 0; index < 2; index++) {
			append(&world, index, index * 1000, 2, false);
			append(&world, index, index * 1000 + 2, 2, false);
		}
		world_idle(&world, 7);
		if (kind == 0)
			world_stop(&world);
		if (kind == 2) {
			world_kill(&world);
			world_open(&world);
			cr_assert_eq(append(&world, 0, 4, 1, false), 4);
			world_idle(&world, 7);
			cr_assert_eq(append(&world, 0, 5, 1, false), 5);
			world_idle(&world, 7);
		}
		if (kind > 0)
			world_kill(&world);
		rot_unlink(&world, "/checkpoint-0");
		exchange(&world, first_log, other_log);
		expect_refused(&world, "t-0/00000000000000000000.log");
		exchange(&world, first_log, other_log);
		world_open(&world);
		expect_damaged(&world, 0, 0, 0, kind == 2 ? 6 : 4);
		world_fini(&world);
	}
}

/* Nor are there append times: then the journal knows what lies where it goes on, in a batch of another log's, or across its begin. */
Test(scan_witness, the_journal_knows_where_it_goes_on)
{
	are_ends_untold = true;
	for (int count = 1; count < 3; count++) {
		struct world world;
		begin(&world, 14);
		append(&world, 0, 0, 3, false);
		append(&world, 1, 1000, 4 - count, false);
		append(&world, 1, 1002, 3, false);
		world_idle(&world, 7);
		set_room(&world, true);
		world_append(&world, partition_of(&world, 0), 3, 1, 100);
		world_append(&world, partition_of(&world, 0), 4, 1, 100);
		world_kill(&world);
		rot_unlink(&world, "/checkpoint-0");
		rot_unlink(&world, first_times);
		rot_unlink(&world, "/t-1/00000000000000000000.appendtime");
		exchange(&world, first_log, other_log);
		expect_refused(&world, "t-0/00000000000000000000.log");
		exchange(&world, first_log, other_log);
		world_open(&world);
		expect_damaged(&world, 0, 0, 0, 5);
		world_fini(&world);
	}
}

/* Two sealed segments of the same offsets, batch by batch: the seals alone know which is whose. */
Test(scan_witness, seals_know_their_batches)
{
	struct world world;
	begin(&world, 9);
	for (uint32_t index = 0; index < 2; index++) {
		append(&world, index, index * 1000, 2, false);
		append(&world, index, index * 1000 + 2, 2, false);
		append(&world, index, index * 1000 + 4, 1, true);
	}
	world_stop(&world);
	rot_unlink(&world, "/checkpoint-0");
	rot_unlink(&world, first_times);
	rot_unlink(&world, "/t-1/00000000000000000000.appendtime");
	exchange(&world, first_log, other_log);
	world_open(&world);
	expect_damaged(&world, 0, 0, 4, 5);
	cr_assert_eq(partition_damage_count(partition_of(&world, 1)), 1);
	world_fini(&world);
}

/* Append times that the deletion of a topic of the same name has left say nothing of this one. */
Test(scan_witness, leftovers_say_nothing)
{
	struct world world;
	make(&world, 10);
	uint8_t bytes[APPEND_TIME_HEADER_SIZE + APPEND_TIME_ENTRY_SIZE];
	struct append_time_owner owner = {.topic_id = {{7, 7}}, .partition = 0, .base_offset = 0};
	struct append_step step = {.end_offset = 50, .time_ms = 1000};
	uint32_t seed = append_time_header_encode(&owner, bytes);
	append_time_entry_encode(&step, 0, 0, seed, bytes + APPEND_TIME_HEADER_SIZE);
	rot_write(&world, first_times, bytes, sizeof bytes);
	rot_unlink(&world, "/checkpoint-0");
	world_open(&world);
	expect_damaged(&world, 0, 0, 0, 7);
	world_fini(&world);
}

/* The offsets below `end` that the verifier calls damaged. */
static void verified(struct world *world, bool *is_damaged, int64_t end)
{
	struct verdict verdict;
	rot_verify(world, &verdict);
	cr_assert_eq(verdict.err, 0);
	memset(is_damaged, 0, (size_t)end);
	for (uint32_t i = 0; i < verdict.count; i++)
		for (int64_t offset = verdict.found[i].from; verdict.found[i].kind == FINDING_DAMAGE && offset >= 0 && offset < verdict.found[i].to; offset++)
			is_damaged[offset < end ? offset : 0] = true;
}

/* After a kill, the active segment is struck, with pieces that went straight to it; what the journal holds between them is served. Broker and verifier name
 * the same offsets, before the start and behind it. */
static void lose_direct_pieces(enum strike strike)
{
	struct world world;
	bool before[9], after[9];
	world_init(&world, 11);
	world.options.direct_size_bytes_min = 2000;
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	world_append(&world, partition_of(&world, 0), 0, 3, 100);
	world_idle(&world, 7);
	for (uint64_t i = 3; i < 9; i++)
		world_append(&world, partition_of(&world, 0), i, 1, i % 3 ? 100 : 3000);
	world_kill(&world);
	strike_log(&world, strike, 4096);
	verified(&world, before, 9);
	world_open(&world);
	cr_assert_eq(partition_high_watermark(partition_of(&world, 0)), 9);
	for (int64_t offset = 0; offset < 9; offset++) {
		struct read read;
		world_read_begin(&world, partition_of(&world, 0), &read, offset, 1);
		cr_assert_eq(read.op.err, before[offset] ? ERR_CORRUPT_LOG : 0, "offset %ld: %s", (long)offset, err_name(read.op.err));
		partition_read_release(&read.op);
	}
	world_stop(&world);
	verified(&world, after, 9);
	for (int64_t offset = 0; offset < 9; offset++)
		cr_assert_eq(after[offset], before[offset], "offset %ld", (long)offset);
	world_open(&world);
	world_fini(&world);
}

Test(scan_witness, a_lost_segment_with_direct_pieces)
{
	for (enum strike strike = 0; strike < strike_count; strike++)
		lose_direct_pieces(strike);
}

static void rename_dir(struct world *world, const char *from, const char *to)
{
	struct io *io = rot_open(world);
	cr_assert_eq(io_rename(io, from, to), 0);
	cr_assert_eq(io_dir_sync(io, "/"), 0);
	io_close(io);
}

/* Two topics' directories were exchanged; the log goes on in one of them. What was the other's there is no part of this log for a scan later on, though it lies behind all
 * that this one has, and the journal says nothing of either. */
Test(scan_witness, segments_of_another_topic_are_put_aside)
{
	are_ends_untold = true;
	struct world world;
	begin(&world, 12);
	world_create_topic(&world, "u", 1, NULL, 0);
	append(&world, 0, 0, 5, false);
	world_append(&world, world_partition(&world, "u", 0), 0, 30, 100);
	struct append rolling;
	static uint8_t bytes[4096];
	rolling = (struct append){.op = {.done = append_done, .records = bytes, .begins_segment = true, .is_zstd_allowed = true}};
	rolling.op.records_size_bytes = make_batch(bytes, sizeof bytes, 30, 1, 100, 1003);
	cr_assert_eq(partition_append(world_partition(&world, "u", 0), &rolling.op), 0);
	store_turn(world.store);
	while (!rolling.is_done)
		world_turn(&world);
	world_stop(&world);
	rename_dir(&world, "/t-0", "/x");
	rename_dir(&world, "/u-0", "/t-0");
	rename_dir(&world, "/x", "/u-0");
	world_open(&world);
	expect_damaged(&world, 0, 0, 5, 5);
	cr_assert_eq(append(&world, 0, 5, 1, false), 5);
	world_idle(&world, 7);
	world_stop(&world);
	rot_unlink(&world, "/checkpoint-0");
	rot_unlink(&world, "/u-0/partition.metadata");
	world.options.is_loss_accepted = true;
	world_open(&world);
	expect_damaged(&world, 0, 0, 5, 6);
	world_fini(&world);
}

/* ---- directories exchanged ---------------------------------------------------------------------------------------------------- */

static const char last_log[] = "/t-0/00000000000000000004.log", other_last_log[] = "/t-1/00000000000000000004.log";

/* Both logs have segments of 0 to 3 and of 4 to 6; the copy knows them. The last segments' append times were not written yet, or a power cut took them. */
static void make_of_two_segments(struct world *world, uint64_t seed)
{
	begin(world, seed);
	for (uint32_t index = 0; index < 2; index++) {
		append(world, index, index * 1000, 2, false);
		append(world, index, index * 1000 + 2, 2, false);
		append(world, index, index * 1000 + 4, 3, true);
	}
	world_stop(world);
	rot_unlink(world, "/t-0/00000000000000000004.appendtime");
	rot_unlink(world, "/t-1/00000000000000000004.appendtime");
}

static void exchange_first_segments(struct world *world)
{
	exchange(world, first_log, other_log);
	exchange(world, first_times, "/t-1/00000000000000000000.appendtime");
}

static bool is_served(struct world *world, int64_t offset)
{
	struct read read;
	world_read_begin(world, partition_of(world, 0), &read, offset, 1);
	bool is_there = !read.op.err && read.op.piece_count;
	if (is_there)
		cr_expect_gt(check_records(&read.op, offset), offset);
	partition_read_release(&read.op);
	return is_there;
}

/* Where one segment is another partition's, one that nothing says anything of came with it, in all likelihood: it is not believed. */
Test(scan_witness, a_segment_without_append_times_among_anothers)
{
	struct world world;
	struct verdict verdict;
	make_of_two_segments(&world, 20);
	rot_unlink(&world, "/checkpoint-0");
	exchange_first_segments(&world);
	exchange(&world, last_log, other_last_log);
	rot_verify(&world, &verdict);
	int named = 0;
	for (uint32_t i = 0; i < verdict.count; i++)
		if (verdict.found[i].kind == FINDING_DAMAGE && verdict.found[i].from == 4 && verdict.found[i].to == 7)
			named |= 1 << verdict.found[i].partition;
	cr_expect_eq(named, 3, "%d", named);
	expect_refused(&world, "t-0/00000000000000000000.log");
	world.options.is_loss_accepted = true;
	world_open(&world);
	for (int64_t offset = 0; offset < 7; offset++)
		cr_expect_not(is_served(&world, offset), "offset %ld", (long)offset);
	world_fini(&world);
}

/* The same of one that its log does not go on in any more, so that the journal says nothing of it either; its seal came along. */
Test(scan_witness, a_complete_segment_without_append_times_among_anothers)
{
	struct world world;
	begin(&world, 22);
	for (uint32_t index = 0; index < 2; index++)
		for (uint64_t number = 0; number < 8; number += 2)
			append(&world, index, index * 1000 + number, 2, number >= 4);
	world_stop(&world);
	rot_unlink(&world, "/t-0/00000000000000000004.appendtime");
	rot_unlink(&world, "/t-1/00000000000000000004.appendtime");
	rot_unlink(&world, "/checkpoint-0");
	exchange_first_segments(&world);
	exchange(&world, last_log, other_last_log);
	exchange(&world, "/t-0/00000000000000000004.seal", "/t-1/00000000000000000004.seal");
	expect_refused(&world, "t-0/00000000000000000000.log");
	world.options.is_loss_accepted = true;
	world_open(&world);
	for (int64_t offset = 0; offset < 8; offset++)
		cr_expect_eq(is_served(&world, offset), offset >= 6, "offset %ld", (long)offset);
	world_fini(&world);
}

/* But one that an earlier checkpoint knows is known. */
Test(scan_witness, a_segment_that_the_copy_knows_among_anothers)
{
	are_ends_untold = true;
	struct world world;
	make_of_two_segments(&world, 21);
	size_t size;
	uint8_t *copy = rot_read(&world, "//checkpoint-0.copy", &size);
	world_open(&world);
	append(&world, 1, 1007, 1, false);
	world_stop(&world);
	rot_unlink(&world, "/checkpoint-0");
	rot_write(&world, "//checkpoint-0.copy", copy, size);
	free(copy);
	exchange_first_segments(&world);
	expect_refused(&world, "t-0/00000000000000000000.log");
	world.options.is_loss_accepted = true;
	world_open(&world);
	for (int64_t offset = 0; offset < 7; offset++)
		cr_expect_eq(is_served(&world, offset), offset >= 4, "offset %ld", (long)offset);
	world_fini(&world);
}
