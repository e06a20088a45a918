/* A segment's file of another partition among this one's, while the checkpoint and all that lies beside the segments is lost. */
#include "tests/unit/log/store/untold_ends.h"
#include "tests/unit/log/verify/rot.h"

#include <errno.h>

#include "log/store/store_priv.h"

static bool are_ends_untold;

static void set_room(struct world *world, bool has_room)
{
	if (are_ends_untold)
		world_let_ends_be_told(world, has_room);
}

static void append(struct world *world, uint32_t index, uint64_t number, int count, bool is_roll)
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
	world_idle(world, 1);
}

static void lose(struct world *world, const char *path)
{
	struct io *io = rot_open(world);
	int err = io_unlink(io, path);
	cr_assert(err == 0 || err == -ENOENT);
	io_close(io);
}

/* The checkpoint, its copy, and what lies beside the segments. */
static void lose_all_but_logs(struct world *world, int kept_base)
{
	static const char *const endings[] = {"appendtime", "seal", "index", "timeindex"};
	char path[128];
	rot_unlink(world, "/checkpoint-0");
	for (int p = 0; p < 2; p++)
		for (int base = 0; base < 30; base++)
			for (size_t i = 0; i < COUNT_OF(endings); i++) {
				snprintf(path, sizeof path, "/t-%d/%020d.%s", p, base, endings[i]);
				if (base != kept_base)
					lose(world, path);
			}
}

/* t-0: 0 to 17 in batches of two and segments of six. */
static void fill(struct world *world)
{
	world_init(world, 5);
	world_open(world);
	world_create_topic(world, "t", 2, NULL, 0);
	for (int i = 0; i < 18; i += 2)
		append(world, 0, (uint64_t)i, 2, i && i % 6 == 0);
}

/* And a segment of two records of t-1 is put among those. */
static void make_with(struct world *world, int stray_base, int stray_count, int kept_base, bool is_killed)
{
	char from[64], to[64];
	size_t size;
	fill(world);
	append(world, 1, 1000, stray_base, false);
	append(world, 1, 1000 + (uint64_t)stray_base, stray_count, true);
	if (is_killed)
		world_crash(world);
	else
		world_stop(world);
	lose_all_but_logs(world, kept_base);
	snprintf(from, sizeof from, "/t-1/%020d.log", stray_base);
	snprintf(to, sizeof to, "/t-0/%020d.log", stray_base);
	uint8_t *bytes = rot_read(world, from, &size);
	rot_write(world, to, bytes, size);
	free(bytes);
}

static void make(struct world *world, int stray_base, int kept_base, bool is_killed)
{
	make_with(world, stray_base, 2, kept_base, is_killed);
}

static bool is_there(struct world *world, int base, const char *ending)
{
	char path[64];
	struct io *io = rot_open(world);
	snprintf(path, sizeof path, "/t-0/%020d.%s", base, ending);
	int fd = io_file_open(io, path, IO_READ_ONLY);
	if (fd >= 0)
		io_close_fd(io, fd);
	io_close(io);
	return fd >= 0;
}

/* Each record is as it was written, or refused; never another's. Returns how many are served. */
static int count_served(struct world *world)
{
	struct partition *partition = partition_of(world, 0);
	int served = 0;
	for (int64_t offset = 0; offset < 18; offset++) {
		struct read read;
		world_read_begin(world, partition, &read, offset, 1);
		cr_assert(!read.op.err || read.op.err == ERR_CORRUPT_LOG, "%ld: %s", (long)offset, err_name(read.op.err));
		if (!read.op.err)
			cr_assert_gt(check_records(&read.op, offset), offset, "%ld", (long)offset);
		served += !read.op.err;
		partition_read_release(&read.op);
	}
	return served;
}

static void count_findings(struct world *world, int *damaged, int *noted)
{
	struct verdict verdict;
	*damaged = *noted = 0;
	rot_verify(world, &verdict);
	cr_assert_eq(verdict.err, 0);
	for (uint32_t i = 0; i < verdict.count; i++) {
		*damaged += verdict.found[i].kind == FINDING_DAMAGE;
		*noted += verdict.found[i].kind == FINDING_NOTE && strstr(verdict.found[i].what, "not of this log");
	}
}

static void finish(struct world *world)
{
	broker_config_destroy(world->config);
	sim_disk_close(world->disk);
}

static void expect_left_out(int base, int kept_base, bool is_killed)
{
	struct world world;
	int damaged, noted;
	make(&world, base, kept_base, is_killed);
	count_findings(&world, &damaged, &noted);
	cr_expect_eq(damaged, 0, "base %d", base);
	cr_expect_eq(noted, 1, "base %d", base);
	for (int start = 0; start < 3; start++) {
		world_open(&world);
		cr_assert_eq(partition_high_watermark(partition_of(&world, 0)), 18 + start, "base %d", base);
		cr_expect_eq(count_served(&world), 18, "base %d", base);
		append(&world, 0, 18 + (uint64_t)start, 1, false);
		if (start == 1)
			world_crash(&world);
		else
			world_stop(&world);
		cr_expect(is_there(&world, base, "log.foreign") && !is_there(&world, base, "log"), "base %d", base);
		count_findings(&world, &damaged, &noted);
		cr_expect(!damaged && !noted, "base %d", base);
	}
	finish(&world);
}

/* Where two segments join it belongs to neither; in the last one, and behind it, the journal knows what the log went on in. */
Test(stray_file, is_left_out)
{
	static const int bases[] = {3, 4, 9, 10, 14, 15, 16, 20};
	are_ends_untold = false;
	for (size_t i = 0; i < COUNT_OF(bases); i++)
		expect_left_out(bases[i], -1, false);
}

Test(stray_file, is_left_out_where_the_segments_join)
{
	static const int bases[] = {1, 2, 3, 8, 10, 11};
	are_ends_untold = true;
	for (size_t i = 0; i < COUNT_OF(bases); i++)
		expect_left_out(bases[i], -1, false);
}

Test(stray_file, is_left_out_where_append_times_know_the_other)
{
	are_ends_untold = true;
	expect_left_out(15, 12, false);
}

/* The journal has the last batches itself. */
Test(stray_file, is_left_out_where_the_journal_goes_on)
{
	are_ends_untold = false;
	for (int base = 13; base < 17; base++)
		expect_left_out(base, -1, true);
}

static void expect_refused(struct world *world)
{
	int damaged, noted;
	count_findings(world, &damaged, &noted);
	cr_expect_geq(damaged, 2);
	for (int tries = 0; tries < 2; tries++) {
		cr_assert_eq(world_try_open(world), ERR_CORRUPT_LOG);
		cr_expect(strstr(world->report.why, "00000000000000000012.log") && strstr(world->report.why, "00000000000000000015.log"), "%s", world->report.why);
		cr_expect(strstr(world->report.why, "spate.accept.loss=true") && strstr(world->report.why, "not known"), "%s", world->report.why);
		world_close(world);
	}
	cr_expect(is_there(world, 12, "log") && is_there(world, 15, "log") && !is_there(world, 12, "log.torn"));
}

/* Nothing tells which: the one that does not belong there is moved away, and all is served. */
Test(stray_file, is_named_with_the_other)
{
	struct world world;
	are_ends_untold = true;
	make(&world, 15, -1, false);
	expect_refused(&world);
	rot_unlink(&world, "/t-0/00000000000000000015.log");
	world_open(&world);
	cr_expect_eq(partition_high_watermark(partition_of(&world, 0)), 18);
	cr_expect_eq(count_served(&world), 18);
	world_fini(&world);
}

/* Nobody knows: neither is served, both are kept, and no offset of either is given out again. */
Test(stray_file, is_given_up_with_the_other)
{
	struct world world;
	are_ends_untold = true;
	make(&world, 15, -1, false);
	expect_refused(&world);
	world.options.is_loss_accepted = true;
	for (int start = 0; start < 2; start++) {
		world_open(&world);
		cr_expect_gt(partition_high_watermark(partition_of(&world, 0)), 18);
		cr_expect_eq(count_served(&world), 12);
		append(&world, 0, 100, 1, false);
		world_stop(&world);
		cr_expect(is_there(&world, 12, "log.foreign") && is_there(&world, 15, "log.foreign"));
		world.options.is_loss_accepted = false;
	}
	finish(&world);
}

/* A batch that says more offsets than it has is damage, not an overlap. */
Test(stray_file, is_no_damaged_batch)
{
	struct world world;
	are_ends_untold = true;
	fill(&world);
	world_stop(&world);
	lose_all_but_logs(&world, -1);
	struct place last = rot_batch(&world, "/t-0/00000000000000000000.log", 2);
	rot_flip(&world, "/t-0/00000000000000000000.log", last.position + 26, 4);
	world_open(&world);
	cr_expect_eq(count_served(&world), 16);
	world_fini(&world);
}

/* In the place of a segment, with a batch that reaches into the next one, which the journal knows: that one is served. */
Test(stray_file, reaches_into_a_known_file)
{
	struct world world;
	int damaged, noted;
	are_ends_untold = false;
	make_with(&world, 6, 8, -1, false);
	count_findings(&world, &damaged, &noted);
	cr_expect(damaged && !noted);
	cr_assert_eq(world_try_open(&world), ERR_CORRUPT_LOG);
	cr_expect_not_null(strstr(world.report.why, "00000000000000000006.log"), "%s", world.report.why);
	world_close(&world);
	world.options.is_loss_accepted = true;
	world_open(&world);
	cr_expect_eq(partition_high_watermark(partition_of(&world, 0)), 18);
	cr_expect_eq(count_served(&world), 12);
	world_fini(&world);
}
