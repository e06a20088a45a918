/* Catalog, journal, checkpoint and its copy are put back as a clean stop of an earlier time left them, over directories that went on since. All that is on top agrees;
 * what the directories hold is not lost without a word, and none of its offsets is given out again. */
#include <errno.h>

#include "log/store/store_priv.h"
#include "tests/unit/log/store/many_segments.h"
#include "tests/unit/log/verify/rot.h"

#define RECORDS 5
#define MANY 40 /* partitions: more than a start looks at */

static void append(struct world *world, uint32_t index, uint64_t number)
{
	world_append(world, partition_of(world, index), number, RECORDS, 100);
}

static int64_t end_of(struct world *world, uint32_t index)
{
	return partition_high_watermark(partition_of(world, index));
}

static int try_append(struct world *world, uint32_t index)
{
	struct append append;
	int err = world_append_begin(partition_of(world, index), &append, 0, RECORDS, 100);
	while (!err && !append.is_done)
		world_turn(world);
	return err ? err : append.op.err;
}

static int read_at(struct world *world, uint32_t index, int64_t offset)
{
	struct read read;
	world_read_begin(world, partition_of(world, index), &read, offset, 1 << 20);
	int err = read.op.err;
	partition_read_release(&read.op);
	return err;
}

static uint32_t count_fatal(struct world *world)
{
	struct verdict verdict;
	uint32_t count = 0;
	rot_verify(world, &verdict);
	rot_print(&verdict);
	for (uint32_t i = 0; i < verdict.count; i++)
		count += verdict.found[i].kind == FINDING_DAMAGE && strcmp(verdict.found[i].file, "journal-0") == 0;
	return count;
}

/* Refused, as often as it is tried, and named. */
static void expect_refused(struct world *world)
{
	for (int tries = 0; tries < 3; tries++) {
		cr_assert_eq(world_try_open(world), ERR_CORRUPT_LOG);
		cr_assert_not_null(strstr(world->report.why, "of an earlier time"), "%s", world->report.why);
		cr_assert_not_null(strstr(world->report.why, "log repair --accept-loss"), "%s", world->report.why);
		world_close(world);
		cr_assert_eq(count_fatal(world), 1);
	}
}

/* Once, as `spate log repair` does. */
static void open_accepting(struct world *world)
{
	world->options.is_loss_accepted = true;
	world_open(world);
	world->options.is_loss_accepted = false;
	cr_expect_not(world->report.was_clean);
}

/* All that the directory holds is served, now and later, and what comes then begins behind it. */
static void expect_all(struct world *world, uint32_t index, uint64_t records)
{
	for (int lives = 0; lives < 2; lives++) {
		struct read read;
		world_read_begin(world, partition_of(world, index), &read, 0, 8 << 20);
		cr_assert_eq(read.op.err, 0, "%s", err_name(read.op.err));
		cr_assert_geq((uint64_t)check_records(&read.op, 0), records);
		partition_read_release(&read.op);
		cr_assert_geq((uint64_t)end_of(world, index), records);
		cr_assert_eq(try_append(world, index), 0);
		world_stop(world);
		world_open(world);
	}
}

/* A life with one append, its top files, and a second one. */
static void make(struct world *world, uint64_t seed, bool is_kill)
{
	struct rot_kept top[ROT_TOP_COUNT];
	world_init(world, seed);
	world_open(world);
	world_create_topic(world, "t", 2, NULL, 0);
	append(world, 0, 0);
	world_stop(world);
	rot_keep_top(world, top);
	world_open(world);
	append(world, 0, RECORDS);
	world_idle(world, 12);
	if (is_kill)
		world_kill(world);
	else
		world_stop(world);
	rot_put_back_top(world, top);
}

Test(later_files, a_start_refuses)
{
	for (int is_kill = 0; is_kill < 2; is_kill++) {
		struct world world;
		make(&world, 3 + (uint64_t)is_kill, is_kill);
		expect_refused(&world);
		open_accepting(&world);
		expect_all(&world, 0, 2 * RECORDS);
		world_fini(&world);
	}
}

/* Whatever the segment that the log ended in has become. */
enum became { BECAME_SEALED, BECAME_DROPPED, BECAME_AS_IT_WAS, became_count };

#define LAST 38

static void make_rolled(struct world *world, uint64_t before, enum became became)
{
	struct rot_kept top[ROT_TOP_COUNT];
	char path[128];
	size_t log_size;
	struct config_override overrides[] = {{"segment.bytes", "1048576"}};
	world_init(world, before);
	world_open(world);
	world_create_topic(world, "t", 1, overrides, 1);
	for (uint64_t i = 0; i < before; i++)
		world_append(world, the_partition(world), i, 1, 200000);
	snprintf(path, sizeof path, "//t-0/%020ld.log", (long)the_partition(world)->active->base_offset);
	world_stop(world);
	rot_keep_top(world, top);
	uint8_t *log = rot_read(world, path, &log_size);
	world_open(world);
	for (uint64_t i = before; i <= LAST; i++)
		world_append(world, the_partition(world), i, 1, 200000);
	if (became == BECAME_DROPPED)
		world_trim(world, the_partition(world), LAST);
	world_stop(world);
	rot_put_back_top(world, top);
	if (became == BECAME_AS_IT_WAS) /* put back with them, and its seal is of later */
		rot_write(world, path, log, log_size);
	free(log);
}

Test(later_files, a_log_that_rolled_since)
{
	for (uint64_t i = 0; i < 2 * became_count; i++) {
		struct world world;
		make_rolled(&world, 10 + 2 * (i / became_count), i % became_count); /* it rolls with the next record, or not yet */
		expect_refused(&world);
		open_accepting(&world);
		cr_assert_eq(read_at(&world, 0, LAST), 0, "the last of all");
		world_fini(&world);
	}
}

/* The first life has records in each but the last one, later ones in all but the first; the second appends to the first and the last. */
static void make_many(struct world *world)
{
	struct rot_kept top[ROT_TOP_COUNT];
	world_init(world, 11);
	world_open(world);
	world_create_topic(world, "t", MANY, NULL, 0);
	for (uint32_t i = 0; i + 1 < MANY; i++) {
		append(world, i, 0);
		if (i > 0)
			append(world, i, RECORDS);
	}
	world_stop(world);
	rot_keep_top(world, top);
	world_open(world);
	append(world, 0, RECORDS);
	append(world, MANY - 1, 0);
	world_stop(world);
	rot_put_back_top(world, top);
}

/* Those that a start does not look at: appends are refused before an offset is given out again, now and in the next life, and reads of what is there are told. */
Test(later_files, an_append_refuses)
{
	struct world world;
	make_many(&world);
	for (int lives = 0; lives < 2; lives++) {
		world_open(&world);
		cr_expect_eq(read_at(&world, 0, 0), 0);
		cr_expect_eq(read_at(&world, 0, RECORDS + 1), ERR_CORRUPT_LOG, "it is there");
		cr_expect_eq(read_at(&world, 1, (2 + lives) * RECORDS + 1), ERR_OFFSET_OUT_OF_RANGE, "it is not");
		cr_expect_eq(try_append(&world, 0), ERR_CORRUPT_LOG);
		cr_expect_eq(try_append(&world, MANY - 1), ERR_CORRUPT_LOG);
		cr_expect_eq(try_append(&world, MANY - 1), ERR_CORRUPT_LOG);
		cr_expect_eq(try_append(&world, 1), 0);
		cr_expect_eq(end_of(&world, 0), RECORDS);
		world_stop(&world);
		cr_expect_eq(count_fatal(&world), 1);
	}
	open_accepting(&world);
	expect_all(&world, 0, 2 * RECORDS);
	expect_all(&world, MANY - 1, RECORDS);
	world_fini(&world);
}

/* Nothing on top knows of any record of it. */
Test(later_files, a_log_that_was_empty)
{
	struct world world;
	struct rot_kept top[ROT_TOP_COUNT];
	world_init(&world, 12);
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	world_create_topic(&world, "other", 1, NULL, 0);
	world_append(&world, world_partition(&world, "other", 0), 0, RECORDS, 100);
	world_stop(&world);
	rot_keep_top(&world, top);
	world_open(&world);
	append(&world, 0, 0);
	world_stop(&world);
	rot_put_back_top(&world, top);
	world_open(&world);
	cr_expect_eq(try_append(&world, 0), ERR_CORRUPT_LOG);
	world_stop(&world);
	open_accepting(&world);
	expect_all(&world, 0, RECORDS);
	world_fini(&world);
}

static const char seal_path[] = "//t-0/00000000000000000000.seal", log_path[] = "//t-0/00000000000000000000.log";

/* A directory that a deletion has left under the name is none of a later time: this file of it says whose it is. */
static void leave_anothers(uint64_t seed, const char *named_by)
{
	struct world world;
	struct config_override overrides[] = {{"segment.bytes", "1048576"}};
	world_init(&world, seed);
	world_open(&world);
	world_create_topic(&world, "t", 1, overrides, 1);
	for (uint64_t i = 0; i < 12; i++)
		world_append(&world, the_partition(&world), i, 1, 200000);
	world_stop(&world);
	size_t log_size, seal_size, name_size;
	uint8_t *log = rot_read(&world, log_path, &log_size), *name = rot_read(&world, named_by, &name_size);
	uint8_t *seal = rot_read(&world, seal_path, &seal_size);
	world_open(&world);
	world_fini(&world);
	world_init(&world, seed + 1);
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	world_create_topic(&world, "other", 1, NULL, 0);
	world_append(&world, world_partition(&world, "other", 0), 0, RECORDS, 100);
	world_stop(&world);
	struct io *io = rot_open(&world);
	int err = io_dir_make(io, "//t-0");
	cr_assert(err == 0 || err == -EEXIST);
	io_close(io);
	rot_write(&world, log_path, log, log_size);
	rot_write(&world, seal_path, seal, seal_size);
	rot_write(&world, named_by, name, name_size);
	world_open(&world);
	cr_expect_eq(try_append(&world, 0), 0);
	world_stop(&world);
	world_open(&world);
	cr_expect_eq(end_of(&world, 0), RECORDS);
	free(log);
	free(seal);
	free(name);
	world_fini(&world);
}

Test(later_files, what_is_another_topics) { leave_anothers(5, "//t-0/partition.metadata"); }
/* Which a power cut may have taken; a seal does not say whose it is. */
Test(later_files, what_has_another_topics_append_times) { leave_anothers(7, "//t-0/00000000000000000000.appendtime"); }

/* While the end cannot be looked at, what is new has to wait; a retry of what is in the log has not: what was sent behind it would come in its place. */
Test(later_files, a_retry_is_answered_though_nobody_can_look)
{
	struct world world;
	world_init(&world, 12);
	world_open(&world);
	world_create_topic(&world, "t", MANY, NULL, 0); /* of which a start looks at a few */
	for (uint32_t i = 1; i < MANY; i++)
		append(&world, i, 0);
	cr_assert_eq(world_produce(&world, partition_of(&world, 0), 0), 0);
	world_stop(&world);
	world_open(&world);
	cr_assert(partition_of(&world, 0)->is_end_doubtful);
	sim_disk_fail_kinds(world.disk, SIM_OPEN | SIM_LIST, 1, EMFILE, true);
	cr_expect_eq(world_produce(&world, partition_of(&world, 0), 0), 0);
	cr_expect_eq(world_produce(&world, partition_of(&world, 0), 1), -EMFILE);
	sim_disk_fail(world.disk, 0, EIO);
	cr_expect_eq(world_produce(&world, partition_of(&world, 0), 1), 1);
	world_fini(&world);
}
