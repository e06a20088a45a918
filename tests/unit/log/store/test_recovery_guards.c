/* Guards of recovery that hardly anything reaches: what an entry of the journal may say and still be refused, what of a file is believed in the place of a group that is
 * lost, and errors that must not pass for a loss. (Each was taken away first, and every other test passed: tests/mutants.) */
#include "tests/unit/log/store/piece.h"

#include <errno.h>

#include "log/journal/journal_format.h"
#include "log/segment/torn_file.h"
#include "log/store/store_priv.h"

static const char *const log_path = "/t-0/00000000000000000000.log";

static void begin(struct world *world, uint64_t seed)
{
	world_init(world, seed);
	world_open(world);
	world_create_topic(world, "t", 2, NULL, 0);
	world_append(world, the_partition(world), 0, 1, 100);
	let_file(world);
}

static bool is_there(struct world *world, const char *path)
{
	return sim_disk_peek(world->disk, path, NULL, 0, 0) >= 0;
}

/* ---- what an entry tells ------------------------------------------------------------------------------------------------- */

/* Headers that do not fill the piece, or whose offsets cannot be the entry's, are not taken, whoever wrote them: the file is asked then. */
Test(recovery_guards, told_headers_that_cannot_be)
{
	static const struct {
		int64_t first, second, end; /* offsets, from the log's end on */
		int size_more, cut;         /* bytes */
		int err;
	} cases[] = {
		{0, 1, 2, 1, 0, ERR_CORRUPT_LOG}, /* a byte that nobody tells of */
		{0, 1, 2, -1, 0, ERR_CORRUPT_LOG},
		{0, 0, 1, 0, 0, ERR_CORRUPT_LOG}, /* one offset twice */
		{1, 0, 2, 0, 0, ERR_CORRUPT_LOG}, /* backwards */
		{-1, 0, 1, 0, 0, ERR_CORRUPT_LOG}, /* before the entry's first */
		{0, 1, 1, 0, 0, ERR_CORRUPT_LOG}, /* behind its last */
		{0, 1, 3, 0, 0, ERR_CORRUPT_LOG}, /* short of it */
		{0, 1, 2, 0, 1, ERR_CORRUPT_LOG}, /* half a header */
		{0, 1, 2, 0, 0, 0},
	};
	struct world world;
	begin(&world, 1);
	struct partition *partition = the_partition(&world);
	struct segment *segment = partition->active;
	uint64_t count = segment->batch_count;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		uint8_t headers[2 * BATCH_HEADER_SIZE], bytes[512];
		int64_t next = partition->next_offset;
		uint32_t size = make_batch(bytes, sizeof bytes, 1, 1, 100, 1000);
		store_be64(bytes, (uint64_t)(next + cases[i].first));
		memcpy(headers, bytes, BATCH_HEADER_SIZE);
		store_be64(bytes, (uint64_t)(next + cases[i].second));
		memcpy(headers + BATCH_HEADER_SIZE, bytes, BATCH_HEADER_SIZE);
		struct journal_entry entry = {.base_offset = next, .end_offset = next + cases[i].end, .position = segment->staged.position,
					      .data_size_bytes = 2 * size + (uint32_t)cases[i].size_more};
		int err = store__learn_told(partition, segment, &entry, (struct slice){headers, sizeof headers - (size_t)cases[i].cut});
		cr_expect_eq(err, cases[i].err, "case %zu: %s", i, err_name(err));
		cr_expect_eq(segment->batch_count, count + (err ? 0 : 2), "case %zu: %lu", i, (unsigned long)segment->batch_count);
	}
	world_fini(&world);
}

/* In the place of what a lost group had, a file is believed if whole batches lead from where the log ends to exactly where it must go on, and none is of an opening
 * that came later. */
Test(recovery_guards, what_a_file_must_lead_to)
{
	struct world world;
	bool is_whole;
	begin(&world, 2);
	world_append(&world, the_partition(&world), 1, 1, 100);
	world_stop(&world);
	world_open(&world);
	world_append(&world, the_partition(&world), 2, 1, 100); /* of epoch 1 */
	let_file(&world);
	struct partition *partition = the_partition(&world);
	struct segment *segment = partition->active;
	struct mark end = segment->staged;
	cr_assert(end.offset == 3 && segment->filed.offset == 3);
	const struct {
		struct mark to;
		int32_t epoch_max;
		bool is_whole;
	} cases[] = {
		{end, 1, true},
		{end, 0, false},
		{{.position = end.position, .offset = end.offset + 1}, 1, false},
		{{.position = end.position, .offset = end.offset - 1}, 1, false},
		{{.position = end.position - 1, .offset = end.offset}, 1, false},
		{{.position = end.position + 1, .offset = end.offset}, 1, false},
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		segment->staged = (struct mark){0};
		int err = store__check_up_to(partition, segment, cases[i].to, cases[i].epoch_max, &is_whole);
		segment->staged = end;
		cr_expect_eq(err, 0, "case %zu", i);
		cr_expect_eq(is_whole, cases[i].is_whole, "case %zu", i);
	}
	world_fini(&world);
}

/* A piece behind a gap that would begin before the segment's end: not of this log's history, so it is not taken into that segment. */
Test(recovery_guards, a_piece_over_what_is_there)
{
	struct world world;
	begin(&world, 3);
	uint64_t position = the_partition(&world)->active->staged.position;
	struct journal_entry entry = {.kind = ENTRY_DIRECT, .topic_id = the_partition(&world)->topic_id, .base_offset = 10, .end_offset = 12,
				      .position = position - 50, .data_size_bytes = 120};
	cr_assert(journal_add(world.store->journal, &entry, NULL, 0));
	for (uint64_t i = 0; i < 2; i++)
		world_append(&world, world_partition(&world, "t", 1), i, 1, 100);
	world_kill(&world);
	world_open(&world);
	world_expect_damaged(&world, the_partition(&world), 1, 12, 12);
	cr_assert_eq(the_partition(&world)->active->base_offset, 12);
	world_fini(&world);
}

/* ---- what is believed without a checkpoint ------------------------------------------------------------------------------- */

/* A directory that says another topic's id: that the journal has the log's last records does not tell whose the first ones are. */
Test(recovery_guards, a_doubtful_directory_and_a_late_entry)
{
	static const char metadata[] = "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ\n";
	struct world world;
	begin(&world, 4);
	world_append(&world, the_partition(&world), 1, 1, 100);
	world_kill(&world);
	rot_write(&world, "/t-0/partition.metadata", metadata, sizeof metadata - 1);
	rot_unlink(&world, "/t-0/00000000000000000000.appendtime"); /* it would say the right one */
	rot_unlink(&world, "/checkpoint-0");
	cr_assert_eq(world_try_open(&world), ERR_CORRUPT_LOG);
	cr_assert_not_null(strstr(world.report.why, "t-0/partition.metadata"), "%s", world.report.why);
	world_fini(&world);
}

/* The journal's file, cut where its last two groups (a block each) begin. */
static void cut_two_groups(struct world *world)
{
	size_t size, at;
	uint8_t *file = rot_read(world, "/journal-0", &size);
	for (at = size; at > JOURNAL_RING_POSITION && !file[at - 1]; at--)
		;
	free(file);
	rot_cut(world, "/journal-0", align_up(at, JOURNAL_BLOCK_SIZE) - 2 * JOURNAL_BLOCK_SIZE);
}

/* A journal that has lost groups has not all that its first entry promises: behind a batch that has rotted, the scan goes on to those that the file alone has still. */
Test(recovery_guards, a_scan_beside_a_damaged_journal)
{
	size_t size = 0;
	uint8_t *whole = NULL;
	struct world world;
	for (int is_killed = 0; is_killed < 2; is_killed++) { /* what a stop would have filed, and then the same life without one */
		begin(&world, 5);
		for (uint64_t i = 1; i < 4; i++)
			world_append(&world, the_partition(&world), i, 1, 100);
		is_killed ? world_kill(&world) : world_stop(&world);
		if (is_killed)
			break;
		whole = rot_read(&world, log_path, &size);
		world_open(&world);
		world_fini(&world);
	}
	rot_write(&world, log_path, whole, size);
	free(whole);
	rot_flip(&world, log_path, rot_batch(&world, log_path, 1).position + 80, 1);
	cut_two_groups(&world);
	rot_unlink(&world, "/checkpoint-0");
	rot_unlink(&world, "/t-0/00000000000000000000.appendtime");
	world.options.is_loss_accepted = true;
	world_open(&world);
	for (int64_t offset = 0; offset < 5; offset++) {
		struct read read;
		world_read_begin(&world, the_partition(&world), &read, offset, 1);
		cr_expect_eq(read.op.err, offset == 1 || offset == 4 ? ERR_CORRUPT_LOG : 0, "offset %ld: %s", (long)offset, err_name(read.op.err));
		partition_read_release(&read.op);
	}
	world_fini(&world);
}

/* A file that is too large for a checkpoint is none: it is kept, and the directories are scanned. */
Test(recovery_guards, a_checkpoint_beyond_all_bounds)
{
	struct world world;
	begin(&world, 6);
	world_stop(&world);
	rot_unlink(&world, "/checkpoint-0");
	struct io *io = rot_open(&world);
	int fd = io_file_open(io, "/checkpoint-0", IO_CREATE);
	cr_assert_geq(fd, 0);
	cr_assert_eq(io_file_truncate(io, fd, (1ull << 30) + 1), 0);
	io_close_fd(io, fd);
	io_close(io);
	world_open(&world);
	world_expect_damaged(&world, the_partition(&world), 0, 0, 1);
	world_fini(&world);
}

/* ---- files ----------------------------------------------------------------------------------------------------------------- */

/* A segment that was filed, with a kill before any checkpoint told of it: the journal has all that is in the file, so it is nobody's torn piece. */
Test(recovery_guards, a_file_that_the_journal_has_as_well)
{
	static uint8_t bytes[1024];
	struct world world;
	begin(&world, 7);
	struct append append = {.op = {.done = append_done, .records = bytes, .begins_segment = true, .is_zstd_allowed = true}};
	append.op.records_size_bytes = make_batch(bytes, sizeof bytes, 1, 1, 100, 1001);
	cr_assert_eq(partition_append(the_partition(&world), &append.op), 0);
	store_turn(world.store);
	while (!append.is_done)
		world_turn(&world);
	world.store->cycle.is_due = true;
	while (world.store->cycle.state == CYCLE_IDLE)
		world_turn(&world);
	world.store->cycle.in_flight++; /* so this cycle never ends */
	for (int turns = 0; turns < 100 && !segment_is_filed(the_partition(&world)->active); turns++)
		world_turn(&world);
	cr_assert(segment_is_filed(the_partition(&world)->active));
	world_kill(&world);
	cr_assert(is_there(&world, "/t-0/00000000000000000001.log"));
	world_open(&world);
	cr_assert_not(is_there(&world, "/t-0/00000000000000000001.log" TORN_FILE_SUFFIX));
	cr_assert_eq(world_check_all(&world, the_partition(&world), 0, 1 << 20), 2);
	world_fini(&world);
}

/* Whose end could not be looked at: nothing is appended there, which is not for ever, and all others go on. */
static void expect_unseen(struct world *world, struct partition *unseen, struct partition *other)
{
	struct append append;
	uint64_t end = (uint64_t)partition_high_watermark(other);
	cr_expect_eq(world_append_begin(unseen, &append, (uint64_t)partition_high_watermark(unseen), 1, 100), -EIO);
	cr_expect_not_null(append.op.error_message);
	sim_disk_fail(world->disk, 0, EIO);
	world_append(world, other, end, 1, 100);
	for (int turns = 0; unseen->is_tail_unseen && turns < 10000; turns++)
		world_turn(world);
	world_append(world, unseen, (uint64_t)partition_high_watermark(unseen), 1, 100);
}

/* After a crash, a partition whose directory or files cannot be read (its disk is not mounted or fails, its owner is another) costs that partition alone, until it can be read (what the
 * journal has of it: test_offline.c), with a way out that holds: without the directory all others are served, and what was filed there is told as damaged. */
Test(recovery_guards, a_directory_that_cannot_be_read, .timeout = 60)
{
	static const int errors[] = {EACCES, EPERM, ENOTDIR, EIO};
	struct world world;
	uint32_t unseen = 0;
	begin(&world, 9);
	world_append(&world, partition_of(&world, 1), 0, 2, 100);
	world_rest(&world, 8000000000ull); /* it is filed */
	world_append(&world, the_partition(&world), 1, 1, 100000);
	world_crash(&world);
	struct sim_disk *base = sim_disk_copy(world.disk);
	for (size_t i = 0; i < COUNT_OF(errors); i++) {
		uint64_t before, k = 1;
		bool has_struck;
		do {
			sim_disk_close(world.disk);
			world.disk = sim_disk_copy(base);
			before = sim_disk_fail_count(world.disk);
			sim_disk_fail_kinds(world.disk, i & 1 ? SIM_LIST : SIM_OPEN, k++, errors[i], true);
			int err = world_try_open(&world);
			has_struck = sim_disk_fail_count(world.disk) > before;
			if (!err && partition_of(&world, 1)->is_tail_unseen && !the_partition(&world)->is_tail_unseen && ++unseen)
				expect_unseen(&world, partition_of(&world, 1), the_partition(&world));
			world_close(&world);
		} while (has_struck);
	}
	cr_expect_gt(unseen, 0);
	sim_disk_close(world.disk);
	world.disk = base;
	rot_rename(&world, "/t-0", "/elsewhere");
	world_open(&world);
	world_expect_damaged(&world, the_partition(&world), 0, 2, 2);
	cr_expect_eq(world_check_all(&world, partition_of(&world, 1), 0, 1 << 20), 2);
	world_fini(&world);
}

/* A file that may not be opened says nothing of what is in it: without a checkpoint, the start is refused, or the file was not needed. The log start does not go back,
 * at this start or at the next. (It did: log-start-0 with another owner.) */
Test(recovery_guards, a_file_that_may_not_be_opened, .timeout = 60)
{
	static const int errors[] = {EACCES, EMFILE, EIO, EACCES}; /* the last with losses accepted: what may not be opened is none */
	struct world world;
	begin(&world, 8);
	for (uint64_t i = 1; i < 6; i++)
		world_append(&world, the_partition(&world), i, 1, 100);
	world_trim(&world, the_partition(&world), 4);
	world_stop(&world);
	rot_unlink(&world, "/checkpoint-0");
	struct sim_disk *base = sim_disk_copy(world.disk);
	for (size_t i = 0; i < COUNT_OF(errors); i++) {
		uint64_t refused = 0, k = 1, before;
		do {
			sim_disk_close(world.disk);
			world.disk = sim_disk_copy(base);
			before = sim_disk_fail_count(world.disk);
			world.options.is_loss_accepted = i == 3;
			sim_disk_fail_kinds(world.disk, SIM_OPEN, k, errors[i], false);
			int err = world_try_open(&world);
			sim_disk_fail(world.disk, 0, EIO);
			refused += err != 0;
			cr_expect(!err || err == -errors[i], "open %lu: %s, not %s", (unsigned long)k, err_name(err), err_name(-errors[i]));
			if (err)
				world_close(&world);
			for (int life = 0; life < 2; life++) {
				if (life > 0 || err)
					world_open(&world);
				cr_assert_eq(partition_log_start_offset(the_partition(&world)), 4, "open %lu: %s, life %d", (unsigned long)k, strerror(errors[i]), life);
				cr_assert_eq(partition_high_watermark(the_partition(&world)), 6);
				world_stop(&world);
				err = 0;
			}
			k++;
		} while (sim_disk_fail_count(world.disk) > before);
		cr_assert_gt(k, 6);
		cr_assert_gt(refused, 2);
	}
	sim_disk_close(base);
	world_open(&world);
	world_fini(&world);
}
