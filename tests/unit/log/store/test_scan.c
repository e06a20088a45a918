/* The directories are asked where the checkpoint cannot be: what a scan believes, what it names, and where the log goes on. And a journal that is there and cannot be used. */
#include "tests/unit/log/verify/rot.h"

#include <errno.h>
#include <xxhash.h>

#include "log/base/bytes.h"
#include "log/partition/partition_priv.h"

#define LARGE 60000

/* Batches of one record at offsets 0..count - 1, in segments of 1 MiB, stopped cleanly, without a checkpoint that can be believed. */
static void make(struct world *world, int count, size_t value_size)
{
	world_init(world, 3);
	world_set(world, "log.segment.bytes", "1048576");
	world_open(world);
	world_create_topic(world, "t", 1, NULL, 0);
	for (int i = 0; i < count; i++)
		world_append(world, the_partition(world), (uint64_t)i, 1, value_size);
}

static void stop_without_checkpoint(struct world *world)
{
	world_stop(world);
	rot_flip(world, "//checkpoint-0", 40, 4);
}

/* Exactly [from, to) is refused as damaged, all else is served. */
static void expect_damage(struct world *world, int64_t from, int64_t to, int64_t end)
{
	struct partition *partition = the_partition(world);
	cr_assert_eq(partition_high_watermark(partition), end);
	for (int64_t offset = 0; offset < end; offset++) {
		struct read read;
		world_read_begin(world, partition, &read, offset, 100);
		bool is_damaged = offset >= from && offset < to;
		cr_assert_eq(read.op.err, is_damaged ? ERR_CORRUPT_LOG : 0, "offset %ld: %s", (long)offset, err_name(read.op.err));
		if (!is_damaged)
			cr_assert_gt(check_records(&read.op, offset), offset);
		partition_read_release(&read.op);
	}
}

/* A batch that rots in the middle of a segment ends nothing: the scan goes on behind it, in a sealed segment and in the last one. */
Test(scan, goes_on_behind_damage)
{
	for (int offset = 3; offset < 25; offset += 19) {
		struct world world;
		make(&world, 25, LARGE);
		stop_without_checkpoint(&world);
		const char *path = offset < 17 ? "/t-0/00000000000000000000.log" : "/t-0/00000000000000000017.log";
		rot_flip(&world, path, rot_batch(&world, path, (uint32_t)offset % 17).position + 500, 1);
		world_open(&world);
		expect_damage(&world, offset, offset + 1, 25);
		world_append(&world, the_partition(&world), 25, 1, 100);
		world_crash(&world);
		world_open(&world);
		expect_damage(&world, offset, offset + 1, 26);
		world_fini(&world);
	}
}

/* Another log's file among the segments, of a base within a batch of the one before: what is kept never overlaps, as no start takes a checkpoint that says so. */
Test(scan, a_file_whose_base_is_within_a_batch)
{
	static const char *const lost[] = {"//checkpoint-0", "//checkpoint-0.copy", "/t-0/00000000000000000000.appendtime"};
	static uint8_t bytes[4096];
	struct world world;
	make(&world, 1, 100);
	for (uint64_t i = 1; i < 41; i += 10)
		world_append(&world, the_partition(&world), i, 10, 100);
	world_stop(&world);
	for (size_t i = 0; i < COUNT_OF(lost); i++)
		rot_write(&world, lost[i], "", 0);
	size_t size;
	uint8_t *log = rot_read(&world, "/t-0/00000000000000000000.log", &size);
	uint32_t stray = make_batch(bytes, sizeof bytes, 14, 3, 100, 1000);
	store_be64(bytes, 14);
	memcpy(bytes + 12, log + 12, 4); /* the epoch */
	free(log);
	rot_write(&world, "/t-0/00000000000000000014.log", bytes, stray);
	world_open(&world);
	int64_t end = 0;
	LIST_FOR_EACH(node, &the_partition(&world)->segments) {
		const struct segment *segment = LIST_ENTRY(node, struct segment, node);
		cr_assert_geq(segment->base_offset, end);
		end = segment->staged.offset;
	}
	cr_assert_eq(partition_high_watermark(the_partition(&world)), 41);
	world_fini(&world);
}

/* What is missing at the end of a segment that another follows was acknowledged: named, never given out again. */
Test(scan, names_the_lost_end_of_a_segment)
{
	struct world world;
	make(&world, 25, LARGE);
	stop_without_checkpoint(&world);
	size_t size;
	uint8_t *data = rot_read(&world, "/t-0/00000000000000000000.log", &size);
	free(data);
	rot_cut(&world, "/t-0/00000000000000000000.log", size - LARGE - 1000); /* the last batch, and a part of the one before */
	world_open(&world);
	expect_damage(&world, 15, 17, 25);
	world_fini(&world);
}

static bool has_log(struct world *world, const char *path)
{
	int fd = io_file_open(world->io, path, IO_READ_ONLY);
	if (fd >= 0)
		io_close_fd(world->io, fd);
	return fd >= 0;
}

/* A log whose records were all deleted has no file that says where it goes on. It goes on there, without a checkpoint too: no offset is given out twice. */
Test(scan, goes_on_behind_what_was_deleted)
{
	struct world world;
	make(&world, 9, 100);
	for (int turns = 0; turns < 300; turns++)
		world_turn(&world);
	cr_assert(partition__retain_check(the_partition(&world), INT64_MAX / 2));
	for (int turns = 0; has_log(&world, "/t-0/00000000000000000000.log") && turns < 1000; turns++) {
		world_turn(&world);
		partition__retain_check(the_partition(&world), INT64_MAX / 2);
	}
	cr_assert_not(has_log(&world, "/t-0/00000000000000000000.log"));
	stop_without_checkpoint(&world);
	world_open(&world);
	cr_assert_eq(partition_log_start_offset(the_partition(&world)), 9);
	cr_assert_eq(partition_high_watermark(the_partition(&world)), 9);
	world_append(&world, the_partition(&world), 9, 1, 100);
	world_fini(&world);
}

/* As of a topic that the catalog does not know. */
static const char unknown_metadata[] = "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ\n";

/* A directory that says another topic's id: what a deletion left, or ours, whose partition.metadata rotted. Without a checkpoint only the journal can
 * tell, if it has the log from its first record on; else the start is refused, and nothing is changed, until it says the right id again. */
Test(scan, a_directory_that_says_another_id)
{
	static const char *const metadata = "/t-0/partition.metadata";
	struct world world;
	make(&world, 9, 100);
	stop_without_checkpoint(&world);
	size_t size;
	uint8_t *right = rot_read(&world, metadata, &size);
	rot_write(&world, metadata, unknown_metadata, sizeof unknown_metadata - 1);
	rot_unlink(&world, "/t-0/00000000000000000000.appendtime"); /* it would say the right one */
	for (int tries = 0; tries < 2; tries++) {
		cr_assert_eq(world_try_open(&world), ERR_CORRUPT_LOG);
		cr_assert_not_null(strstr(world.report.why, "t-0/partition.metadata"), "%s", world.report.why);
		cr_assert_not_null(strstr(world.report.why, "spate.accept.loss=true"), "%s", world.report.why);
		world_close(&world);
	}
	rot_write(&world, metadata, right, size);
	free(right);
	world_open(&world);
	expect_damage(&world, 0, 0, 9);
	world_fini(&world);
}

/* So many other logs that the journal's entry of log ends does not hold them: it does not say where this one ended. */
static void make_untold(struct world *world, int count)
{
	world_init(world, 3);
	world->options.journal_size_bytes = 128 << 10;
	world_open(world);
	world_create_topic(world, "t", 1, NULL, 0);
	world_create_topic(world, "many", 40, NULL, 0);
	for (int i = 0; i < count; i++)
		world_append(world, the_partition(world), (uint64_t)i, 1, 100);
	for (uint32_t i = 0; i < 40; i++)
		world_append(world, world_partition(world, "many", i), 0, 1, 100);
}

static void expect_given_up(struct world *world, int64_t end)
{
	stop_without_checkpoint(world);
	rot_write(world, "/t-0/partition.metadata", unknown_metadata, sizeof unknown_metadata - 1);
	rot_unlink(world, "/t-0/00000000000000000000.appendtime");
	world->options.is_loss_accepted = true;
	world_open(world);
	cr_expect_eq(partition_high_watermark(the_partition(world)), end);
	world->options.is_loss_accepted = false;
	for (int64_t life = 0; life < 2; life++) {
		world_crash(world);
		world_open(world);
		cr_expect_eq(partition_high_watermark(the_partition(world)), end + life);
		struct append append;
		cr_assert_eq(world_append_begin(the_partition(world), &append, (uint64_t)life, 1, 100), 0);
		while (!append.is_done)
			world_turn(world);
		cr_expect_eq(append.op.base_offset, end + life);
	}
	world_fini(world);
}

/* The same, given up: none of the offsets that the log may have had is given out again, in that life or a later one. (Found by sim-broker --exchange, seed 1611.)
 * The journal tells how many they were, unless there were too many logs to tell of. */
Test(scan, a_directory_that_is_given_up)
{
	struct world world;
	make(&world, 9, 100);
	expect_given_up(&world, 9);
	make_untold(&world, 9);
	expect_given_up(&world, STORE_ROOM_OFFSETS);
}

/* What is in there is not served, and nothing is missed: the journal has it all. */
Test(scan, a_directory_that_a_deletion_left)
{
	struct world world;
	make(&world, 1, 100);
	world_stop(&world);
	world_open(&world);
	world_create_topic(&world, "u", 1, NULL, 0);
	for (int i = 0; i < 3; i++)
		world_append(&world, world_partition(&world, "u", 0), (uint64_t)i, 1, 100);
	world_crash(&world);
	struct io *io = rot_open(&world);
	int made = io_dir_make(io, "/u-0");
	cr_assert(made == 0 || made == -EEXIST);
	cr_assert_eq(io_dir_sync(io, "/"), 0);
	io_close(io);
	size_t size;
	uint8_t *log = rot_read(&world, "/t-0/00000000000000000000.log", &size);
	rot_write(&world, "/u-0/00000000000000000000.log", log, size);
	rot_write(&world, "/u-0/partition.metadata", unknown_metadata, sizeof unknown_metadata - 1);
	free(log);
	rot_flip(&world, "//checkpoint-0", 40, 4);
	world_open(&world);
	cr_assert_eq(world_check_all(&world, world_partition(&world, "u", 0), 0, 1 << 20), 3);
	world_fini(&world);
}

/* ---- a journal that cannot be used --------------------------------------------------------------------------------------- */

static void spoil(struct world *world)
{
	rot_flip(world, "//journal-0", 30, 1);
	rot_flip(world, "//journal-0", 4096 + 30, 1);
}

/* As another shard's: the superblocks are sound, and say so. */
static void make_anothers(struct world *world)
{
	size_t size;
	uint8_t *data = rot_read(world, "//journal-0", &size);
	for (size_t at = 0; at < 8192; at += 4096) {
		store_le32(data + at + 100, 2);
		store_le64(data + at + 4088, XXH3_64bits(data + at, 4088));
	}
	rot_write(world, "//journal-0", data, size);
	free(data);
}

static int count_aside(void *context, const char *name, bool is_directory)
{
	*(int *)context += strncmp(name, "journal-0.lost-", 15) == 0;
	return 0;
}

static int asides(struct world *world)
{
	int count = 0;
	struct io *io = rot_open(world);
	cr_assert_eq(io_dir_list(io, "/", count_aside, &count), 0);
	io_close(io);
	return count;
}

/* Refused, each time, and nothing is changed; once its loss is accepted it is kept aside, what is filed is served, and later starts are as any. */
static void expect_unusable(void (*change)(struct world *))
{
	struct world world;
	make(&world, 6, 100);
	world_stop(&world);
	change(&world);
	for (int tries = 0; tries < 2; tries++) {
		size_t before_size, after_size;
		uint8_t *before = rot_read(&world, "//journal-0", &before_size);
		cr_assert_eq(world_try_open(&world), ERR_CORRUPT_LOG);
		cr_assert_not_null(strstr(world.report.why, "journal-0 cannot be used"), "%s", world.report.why);
		cr_assert_not_null(strstr(world.report.why, "spate.accept.loss=true"), "%s", world.report.why);
		world_close(&world);
		uint8_t *after = rot_read(&world, "//journal-0", &after_size);
		cr_assert(before_size == after_size && memcmp(before, after, before_size) == 0);
		free(before);
		free(after);
	}
	cr_assert_eq(asides(&world), 0);
	world.options.is_loss_accepted = true;
	world_open(&world);
	cr_assert(world.report.is_journal_lost);
	cr_assert_eq(world_check_all(&world, the_partition(&world), 0, 1 << 20), 6);
	world_append(&world, the_partition(&world), 6, 1, 100);
	world_crash(&world);
	cr_assert_eq(asides(&world), 1);
	world.options.is_loss_accepted = false;
	world_open(&world);
	cr_assert_not(world.report.is_journal_lost);
	cr_assert_eq(world_check_all(&world, the_partition(&world), 0, 1 << 20), 7);
	world_fini(&world);
}

Test(scan, a_journal_whose_superblocks_are_damaged) { expect_unusable(spoil); }
Test(scan, a_journal_of_another_shard) { expect_unusable(make_anothers); }

/* A journal that is older than the checkpoint, put back from a copy perhaps, or another directory's: which of the two is right nobody knows, so it is refused. What is
 * filed is served once that is accepted. */
static void expect_alien(const uint8_t *journal, size_t size, struct world *world, int count, int64_t room, const char *what)
{
	struct read read;
	rot_write(world, "//journal-0", journal, size);
	for (int tries = 0; tries < 2; tries++) {
		cr_assert_eq(world_try_open(world), ERR_CORRUPT_LOG);
		cr_assert_not_null(strstr(world->report.why, what), "%s", world->report.why);
		world_close(world);
	}
	world->options.is_loss_accepted = true;
	world_open(world);
	for (int64_t offset = 0; offset < count; partition_read_release(&read.op)) {
		world_read_begin(world, the_partition(world), &read, offset, 1 << 20);
		cr_assert_eq(read.op.err, 0);
		offset = check_records(&read.op, offset);
	}
	cr_assert_eq(partition_high_watermark(the_partition(world)), count + room);
	world_fini(world);
}

Test(scan, a_journal_of_an_earlier_time)
{
	struct world world;
	make(&world, 6, 100);
	world_stop(&world);
	size_t size;
	uint8_t *earlier = rot_read(&world, "//journal-0", &size);
	world_open(&world);
	world_append(&world, the_partition(&world), 6, 1, 100);
	world_stop(&world);
	expect_alien(earlier, size, &world, 7, 0, "is of an earlier time");
	free(earlier);
}

Test(scan, a_journal_of_another_directory)
{
	struct world world, other;
	make(&other, 2, 100);
	world_stop(&other);
	size_t size;
	uint8_t *journal = rot_read(&other, "//journal-0", &size);
	world_init(&world, 77); /* its random numbers differ, and so the journal's seed */
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	world_append(&world, the_partition(&world), 0, 1, 100);
	world_stop(&world);
	/* Which of both is the right one, nobody knows: the checkpoint's word that all was filed does not count. */
	expect_alien(journal, size, &world, 1, 1ll << 33, "do not belong together");
	world_open(&other);
	world_fini(&other);
	free(journal);
}
