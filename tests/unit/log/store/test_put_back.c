/* A journal that is of an earlier opening than the catalog knows it to have noted; and what comes after one that is lost: no offset that may have been
 * acknowledged is given out again. */
#include <xxhash.h>

#include "log/base/bytes.h"
#include "tests/unit/log/verify/rot.h"

#define RECORDS 5
#define ROOM (1ll << 33) /* a thousand offsets for each byte of the journal, which has 8 MiB */

static void append(struct world *world, const char *topic, uint64_t number)
{
	world_append(world, world_partition(world, topic, 0), number, RECORDS, 100);
}

static int64_t end_of(struct world *world, const char *topic)
{
	return partition_high_watermark(world_partition(world, topic, 0));
}

/* Read without regard for which records they are: the offset that the next one gets. */
static int64_t append_somewhere(struct world *world, const char *topic)
{
	struct append append;
	cr_assert_eq(world_append_begin(world_partition(world, topic, 0), &append, 0, RECORDS, 100), 0);
	while (!append.is_done)
		world_turn(world);
	cr_assert_eq(append.op.err, 0);
	return append.op.base_offset;
}

/* For a cycle, so that the checkpoint says so; after that nothing is due. */
static void wait_until_filed(struct world *world)
{
	uint64_t until_ns = io_now_ns(world->io) + 10ull * 1000 * 1000 * 1000;
	for (int turns = 0; turns < 2000 && io_now_ns(world->io) < until_ns; turns++)
		world_turn(world);
}

/* A first life with one append, stopped or killed, and the journal as it left it, for who wants it; then a second life with another, which writes no checkpoint. */
static void make_two_lives(struct world *world, bool is_first_clean, struct rot_kept *journal)
{
	world_init(world, 5);
	world_open(world);
	world_create_topic(world, "t", 1, NULL, 0);
	world_create_topic(world, "empty", 1, NULL, 0);
	append(world, "t", 0);
	if (is_first_clean)
		world_stop(world);
	else
		world_crash(world);
	if (journal)
		*journal = rot_keep(world, "//journal-0");
	world_open(world);
	append(world, "t", RECORDS);
	world_crash(world);
}

static void expect_refused(struct world *world, const char *what)
{
	cr_assert_eq(world_try_open(world), ERR_CORRUPT_LOG);
	cr_assert_not_null(strstr(world->report.why, what), "%s", world->report.why);
	cr_assert_not_null(strstr(world->report.why, "spate.accept.loss=true"), "%s", world->report.why);
	world_close(world);
	struct verdict verdict;
	rot_verify(world, &verdict);
	uint32_t damages = 0;
	for (uint32_t i = 0; i < verdict.count; i++)
		damages += verdict.found[i].kind == FINDING_DAMAGE && strcmp(verdict.found[i].file, "journal-0") == 0;
	cr_assert_eq(damages, 1, "journal-0 is not named");
}

/* It is opened once with the loss accepted, and then as ever: nothing that `first_free` records have had is given out again. */
static void expect_room(struct world *world, int64_t first_free)
{
	world->options.is_loss_accepted = true;
	world_open(world);
	cr_assert_not(world->report.was_clean);
	world->options.is_loss_accepted = false;
	int64_t end = end_of(world, "t");
	cr_assert_geq(end, ROOM);
	cr_assert_lt(end, ROOM + first_free + 1);
	cr_assert_eq(append_somewhere(world, "t"), end);
	cr_assert_eq(append_somewhere(world, "empty"), ROOM, "one without records begins there");
	for (int lives = 1; lives < 3; lives++) {
		world_crash(world);
		world_open(world);
		cr_assert_eq(end_of(world, "t"), end + RECORDS * lives);
		cr_assert_eq(append_somewhere(world, "t"), end + RECORDS * lives);
		cr_assert_eq(partition_log_start_offset(world_partition(world, "empty", 0)), ROOM);
	}
}

/* The journal of a life before, put back over a later one: refused, and named, whatever ended that life; accepted, what it has is served. */
Test(put_back, an_older_journal)
{
	for (int is_clean = 0; is_clean < 2; is_clean++) {
		struct world world;
		struct rot_kept journal;
		make_two_lives(&world, is_clean, &journal);
		rot_put_back(&world, "//journal-0", journal);
		for (int tries = 0; tries < 3; tries++)
			expect_refused(&world, "journal-0 is of an earlier time");
		expect_room(&world, 2 * RECORDS);
		struct partition *partition = world_partition(&world, "t", 0);
		struct read read;
		world_read_begin(&world, partition, &read, 0, 1 << 20);
		cr_assert_eq(read.op.err, 0);
		cr_assert_eq(check_records(&read.op, 0), RECORDS, "what the first life wrote is there");
		partition_read_release(&read.op);
		world_fini(&world);
	}
}

/* Catalog, journal and checkpoint as an earlier stop left them agree with each other. The checkpoint's copy was left, and is later: that is refused, and
 * when the loss is accepted, what was filed since is served, and no offset of it given out again. */
Test(put_back, all_but_the_copy_of_the_checkpoint)
{
	static const char *const paths[] = {"//catalog.log", "//journal-0", "//checkpoint-0"};
	struct world world;
	struct rot_kept old[3];
	world_init(&world, 6);
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	append(&world, "t", 0);
	world_stop(&world);
	for (int i = 0; i < 3; i++)
		old[i] = rot_keep(&world, paths[i]);
	world_open(&world);
	append(&world, "t", RECORDS);
	world_stop(&world);
	struct rot_kept later = rot_keep(&world, "//checkpoint-0.copy");
	for (int i = 0; i < 3; i++)
		rot_put_back(&world, paths[i], old[i]);
	rot_put_back(&world, "//checkpoint-0.copy", later);
	cr_assert_eq(world_try_open(&world), ERR_CORRUPT_LOG);
	world_close(&world);
	world.options.is_loss_accepted = true;
	world_open(&world);
	world.options.is_loss_accepted = false;
	for (int lives = 0; lives < 3; lives++) {
		struct read read;
		cr_assert_eq(end_of(&world, "t"), (2 + lives) * RECORDS);
		world_read_begin(&world, world_partition(&world, "t", 0), &read, 0, 1 << 20);
		cr_assert_eq(read.op.err, 0);
		cr_assert_eq(check_records(&read.op, 0), (2 + lives) * RECORDS);
		partition_read_release(&read.op);
		append(&world, "t", (uint64_t)(2 + lives) * RECORDS);
		world_crash(&world);
		world_open(&world);
	}
	world_fini(&world);
}

/* A catalog that is written anew says so as well: it is what the next try reads. */
Test(put_back, an_older_journal_and_a_catalog_that_was_compacted)
{
	struct world world;
	struct rot_kept journal;
	struct config_override override = {"retention.ms", "1"};
	make_two_lives(&world, true, &journal);
	world_open(&world);
	const struct topic *topic = catalog_topic_by_name(world.image, (struct slice){(const uint8_t *)"t", 1});
	for (int i = 0; i < 1500; i++) {
		char value[16];
		snprintf(value, sizeof value, "%d", 1000000 + i);
		override.value = value;
		cr_assert_eq(catalog_set_overrides(world.catalog, &topic->id, &override, 1), 0);
	}
	append(&world, "t", 2 * RECORDS);
	world_crash(&world);
	rot_put_back(&world, "//journal-0", journal);
	bool was_compacted = false;
	for (int tries = 0; tries < 3; tries++) {
		expect_refused(&world, "journal-0 is of an earlier time");
		was_compacted |= world.found.was_compacted;
	}
	cr_assert(was_compacted);
	world.options.is_loss_accepted = true;
	world_open(&world);
	world_fini(&world);
}

/* Copied while the broker ran, and put back when that same life had been killed: the checkpoint, or its copy, knows a later group. */
Test(put_back, a_journal_copied_while_the_broker_ran)
{
	for (int is_checkpoint_lost = 0; is_checkpoint_lost < 2; is_checkpoint_lost++) {
		struct world world;
		world_init(&world, 5);
		world_open(&world);
		world_create_topic(&world, "t", 1, NULL, 0);
		world_create_topic(&world, "empty", 1, NULL, 0);
		append(&world, "t", 0);
		struct rot_kept journal = rot_keep(&world, "//journal-0");
		append(&world, "t", RECORDS);
		wait_until_filed(&world);
		append(&world, "t", 2 * RECORDS);
		world_crash(&world);
		rot_put_back(&world, "//journal-0", journal);
		if (is_checkpoint_lost)
			rot_write(&world, "//checkpoint-0", "", 0);
		for (int tries = 0; tries < 3; tries++)
			expect_refused(&world, "journal-0 is of an earlier time");
		expect_room(&world, 3 * RECORDS);
		world_fini(&world);
	}
}

/* Nothing was acknowledged since: a life in which no topic was there yet, or that ended before the catalog was told. */
Test(put_back, an_older_journal_that_lost_nothing)
{
	struct world world;
	world_init(&world, 5);
	world_open(&world);
	world_crash(&world);
	struct rot_kept journal = rot_keep(&world, "//journal-0");
	world_open(&world);
	world_crash(&world);
	rot_put_back(&world, "//journal-0", journal);
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	append(&world, "t", 0);
	world_crash(&world);
	world_open(&world);
	cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 50000), RECORDS);
	world_fini(&world);
}

/* The first topic of all is not created before the catalog knows that the journals are there. */
Test(put_back, the_journal_from_before_the_first_topic)
{
	struct world world;
	world_init(&world, 5);
	world_open(&world);
	world_stop(&world);
	struct rot_kept journal = rot_keep(&world, "//journal-0");
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	append(&world, "t", 0);
	world_crash(&world);
	rot_put_back(&world, "//journal-0", journal);
	expect_refused(&world, "journal-0 is of an earlier time");
	world.options.is_loss_accepted = true;
	world_open(&world);
	cr_assert_eq(append_somewhere(&world, "t"), ROOM, "no file has a record of it");
	world_fini(&world);
}

/* An opening that was cut anywhere leaves what the next one takes up. */
Test(put_back, an_opening_that_was_cut_anywhere, .timeout = 60)
{
	for (uint64_t k = 1; k < 60; k++) {
		struct world world;
		make_two_lives(&world, k % 2, NULL);
		sim_disk_cut_power(world.disk, k);
		int err = world_try_open(&world);
		bool was_cut = err != 0;
		sim_disk_crash(world.disk);
		world_close(&world);
		world_open(&world);
		cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 50000), 2 * RECORDS);
		append(&world, "t", 2 * RECORDS);
		world_fini(&world);
		if (!was_cut && k > 40)
			break;
	}
}

/* A journal that is lost after a kill may have had anything; after a clean stop it had nothing of its own, and the log goes on where it ended. */
static void lose_journal(struct world *world)
{
	rot_unlink(world, "//journal-0");
	expect_refused(world, "journal-0 is missing");
}

Test(put_back, a_lost_journal_leaves_room)
{
	struct world world;
	make_two_lives(&world, true, NULL);
	lose_journal(&world);
	expect_room(&world, 2 * RECORDS);
	world_fini(&world);
}

/* Neither the checkpoint of an earlier stop nor one of a running broker says that nothing came after it. */
Test(put_back, a_lost_journal_after_a_checkpoint_that_was_not_the_last_word)
{
	struct world world;
	make_two_lives(&world, true, NULL);
	world_open(&world);
	append(&world, "t", 2 * RECORDS);
	wait_until_filed(&world);
	append(&world, "t", 3 * RECORDS);
	world_crash(&world);
	lose_journal(&world);
	expect_room(&world, 4 * RECORDS);
	world_fini(&world);
}

/* A start that accepts the loss, cut anywhere: a checkpoint that says beside which journal it was written has that journal beside it. */
Test(put_back, an_accepted_loss_that_was_cut_anywhere, .timeout = 60)
{
	uint32_t changed = 0;
	for (uint64_t k = 1; k < 300; k++) {
		struct world world;
		make_two_lives(&world, true, NULL);
		lose_journal(&world);
		struct rot_kept before = rot_keep(&world, "//checkpoint-0");
		world.options.is_loss_accepted = true;
		sim_disk_cut_power(world.disk, k);
		int err = world_try_open(&world);
		sim_disk_crash(world.disk);
		world_close(&world);
		struct rot_kept after = rot_keep(&world, "//checkpoint-0");
		bool is_changed = before.size != after.size || memcmp(before.bytes, after.bytes, after.size);
		struct io *io = rot_open(&world);
		int fd = io_file_open(io, "//journal-0", IO_READ_ONLY);
		cr_expect(!is_changed || fd >= 0, "cut at %d", (int)k);
		if (fd >= 0)
			io_close_fd(io, fd);
		io_close(io);
		changed += is_changed && err;
		free(before.bytes);
		free(after.bytes);
		broker_config_destroy(world.config);
		sim_disk_close(world.disk);
		if (!err)
			break;
	}
	cr_expect_gt(changed, 0);
}

Test(put_back, a_lost_journal_after_a_clean_stop_leaves_none)
{
	struct world world;
	make_two_lives(&world, true, NULL);
	world_open(&world);
	world_stop(&world);
	for (int lives = 0; lives < 2; lives++) {
		lose_journal(&world);
		world.options.is_loss_accepted = true;
		world_open(&world);
		world.options.is_loss_accepted = false;
		cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 50000), 2 * RECORDS);
		world_stop(&world);
	}
	world_open(&world);
	append(&world, "t", 2 * RECORDS);
	world_crash(&world);
	lose_journal(&world);
	expect_room(&world, 3 * RECORDS);
	world_fini(&world);
}

/* Catalog, checkpoint and its copy of that stop were put back as well: the segments hold more than the stop had filed, so it was not the last. */
Test(put_back, a_lost_journal_beside_a_clean_stop_of_an_earlier_time)
{
	static const char *const paths[] = {"//catalog.log", "//checkpoint-0", "//checkpoint-0.copy"};
	for (int is_clean = 0; is_clean < 2; is_clean++) {
		struct world world;
		struct rot_kept copies[3];
		make_two_lives(&world, true, NULL);
		world_open(&world);
		world_stop(&world);
		for (int i = 0; i < 3; i++)
			copies[i] = rot_keep(&world, paths[i]);
		world_open(&world);
		append(&world, "t", 2 * RECORDS);
		if (is_clean)
			world_stop(&world);
		else {
			wait_until_filed(&world);
			world_crash(&world);
		}
		for (int i = 0; i < 3; i++)
			rot_put_back(&world, paths[i], copies[i]);
		lose_journal(&world);
		expect_room(&world, 3 * RECORDS);
		world_fini(&world);
	}
}

/* With the checkpoint gone as well nothing says whether the stop was a clean one. */
Test(put_back, a_lost_journal_and_checkpoint_leave_room)
{
	struct world world;
	make_two_lives(&world, true, NULL);
	world_open(&world);
	world_stop(&world);
	rot_unlink(&world, "//checkpoint-0");
	rot_unlink(&world, "//journal-0");
	expect_room(&world, 2 * RECORDS);
	world_fini(&world);
}

/* Damaged beyond use is as lost as gone. */
Test(put_back, an_unusable_journal_leaves_room)
{
	struct world world;
	make_two_lives(&world, true, NULL);
	rot_cut(&world, "//journal-0", 100);
	expect_refused(&world, "journal-0 cannot be used");
	expect_room(&world, 2 * RECORDS);
	world_fini(&world);
}

/* ---- an older journal beside what a clean stop has left ------------------------------------------------------------------ */

#define LOG_FILE "//t-0/00000000000000000000.log"
#define TIMES_FILE "//t-0/00000000000000000000.appendtime"

/* Lives that end cleanly, with two batches; and the journal of the first one. */
static void make_clean_lives(struct world *world, bool is_first_clean, struct rot_kept *journal)
{
	make_two_lives(world, is_first_clean, journal);
	world_open(world);
	world_stop(world);
}

/* The second batch is not in its file any more, and the append times do not say that it was. */
static void cut_log(struct world *world)
{
	rot_cut(world, LOG_FILE, rot_batch(world, LOG_FILE, 1).position);
	rot_unlink(world, TIMES_FILE);
}

/* [from, to) is fenced, at the start that accepts the loss and at every later one, and no offset is given out again. */
static void expect_fenced(struct world *world, int64_t from, int64_t to, int64_t end)
{
	world->options.is_loss_accepted = true;
	world_open(world);
	cr_assert_not(world->report.was_clean);
	world->options.is_loss_accepted = false;
	world_expect_damaged(world, world_partition(world, "t", 0), from, to, end);
	for (int lives = 0; lives < 3; lives++) {
		world_crash(world);
		world_open(world);
		world_expect_damaged(world, world_partition(world, "t", 0), from, to, end + lives * RECORDS);
		append(world, "t", (uint64_t)(end + lives * RECORDS));
	}
	cr_assert_eq(append_somewhere(world, "empty"), 0, "no room was left");
	world_stop(world);
	world_open(world);
	world_expect_damaged(world, world_partition(world, "t", 0), from, to, end + 3 * RECORDS);
}

/* Its loss accepted, it is as good as a lost one: the checkpoint of the stop says that it had nothing of its own. */
Test(put_back, an_older_journal_after_a_clean_stop_loses_nothing)
{
	for (int is_clean = 0; is_clean < 2; is_clean++) {
		struct world world;
		struct rot_kept journal;
		make_clean_lives(&world, is_clean, &journal);
		rot_put_back(&world, "//journal-0", journal);
		cr_assert_eq(world_try_open(&world), ERR_CORRUPT_LOG);
		world_close(&world);
		expect_fenced(&world, 0, 0, 2 * RECORDS);
		world_fini(&world);
	}
}

/* The checkpoint says what was filed; without it its copy does. */
Test(put_back, an_older_journal_and_a_log_that_was_cut)
{
	for (int is_checkpoint_lost = 0; is_checkpoint_lost < 2; is_checkpoint_lost++) {
		struct world world;
		struct rot_kept journal;
		make_clean_lives(&world, true, &journal);
		rot_put_back(&world, "//journal-0", journal);
		cut_log(&world);
		if (is_checkpoint_lost)
			rot_cut(&world, "//checkpoint-0", 20);
		expect_fenced(&world, RECORDS, 2 * RECORDS, 2 * RECORDS);
		world_fini(&world);
	}
}

/* What the older journal has of it is served. */
Test(put_back, an_older_journal_that_has_a_part_of_what_was_cut)
{
	struct world world;
	struct rot_kept journal;
	make_two_lives(&world, false, NULL);
	journal = rot_keep(&world, "//journal-0");
	world_open(&world);
	append(&world, "t", 2 * RECORDS);
	world_stop(&world);
	rot_put_back(&world, "//journal-0", journal);
	cut_log(&world);
	expect_fenced(&world, 2 * RECORDS, 3 * RECORDS, 3 * RECORDS);
	world_fini(&world);
}

/* It lost nothing, and goes on as this directory's: what it had been written for is let go before. Else, on the day the checkpoint is lost, it would pass for all that
 * there ever was, and what the files alone have would be cut off, or fenced. */
Test(put_back, an_older_journal_tells_no_later_start_where_the_logs_end)
{
	for (int is_appended = 0; is_appended < 2; is_appended++) {
		struct world world;
		struct rot_kept journal;
		make_clean_lives(&world, false, &journal);
		rot_put_back(&world, "//journal-0", journal);
		world.options.is_loss_accepted = true;
		world_open(&world);
		world.options.is_loss_accepted = false;
		if (is_appended)
			append(&world, "t", 2 * RECORDS);
		world_crash(&world);
		rot_unlink(&world, "/checkpoint-0");
		world_open(&world);
		world_expect_damaged(&world, world_partition(&world, "t", 0), 0, 0, (2 + is_appended) * RECORDS);
		world_fini(&world);
	}
}

/* A checkpoint of an earlier time as well says nothing of what came after it. */
Test(put_back, an_older_journal_and_checkpoint_leave_room)
{
	struct world world;
	struct rot_kept journal;
	make_two_lives(&world, true, &journal);
	struct rot_kept checkpoint = rot_keep(&world, "//checkpoint-0"), second = rot_keep(&world, "//checkpoint-0.copy");
	world_open(&world);
	world_stop(&world);
	rot_put_back(&world, "//journal-0", journal);
	rot_put_back(&world, "//checkpoint-0", checkpoint);
	rot_put_back(&world, "//checkpoint-0.copy", second);
	cut_log(&world);
	expect_room(&world, 2 * RECORDS);
	world_fini(&world);
}

/* Nor does one that was not written beside this journal. */
Test(put_back, the_journal_before_the_lost_one_leaves_room)
{
	struct world world;
	struct rot_kept journal;
	make_clean_lives(&world, true, &journal);
	lose_journal(&world);
	world.options.is_loss_accepted = true;
	world_open(&world);
	world.options.is_loss_accepted = false;
	append(&world, "t", 2 * RECORDS);
	world_stop(&world);
	rot_put_back(&world, "//journal-0", journal);
	cut_log(&world);
	expect_room(&world, 3 * RECORDS);
	world_fini(&world);
}

/* As a build wrote it that did not note the journal's last group. */
static void forget_journal_end(struct world *world)
{
	size_t size;
	uint8_t *data = rot_read(world, "/checkpoint-0", &size);
	memset(data + 62, 0, 6);
	store_le64(data + size - 8, XXH3_64bits(data, size - 8));
	rot_write(world, "/checkpoint-0", data, size);
	rot_lose_copy(world, "/checkpoint-0");
	free(data);
}

/* The catalog put back with it says nothing against it; but the checkpoint is of a later opening than either, and what that opening has acknowledged since is not known. */
Test(put_back, an_older_journal_with_its_catalog)
{
	for (int is_earlier_build = 0; is_earlier_build < 2; is_earlier_build++) {
		struct world world;
		world_init(&world, 5);
		world_open(&world);
		world_create_topic(&world, "t", 1, NULL, 0);
		append(&world, "t", 0);
		world_crash(&world);
		struct rot_kept journal = rot_keep(&world, "//journal-0"), catalog = rot_keep(&world, "//catalog.log");
		world_open(&world);
		append(&world, "t", RECORDS);
		wait_until_filed(&world);
		append(&world, "t", 2 * RECORDS);
		world_crash(&world);
		rot_put_back(&world, "//journal-0", journal);
		rot_put_back(&world, "//catalog.log", catalog);
		if (is_earlier_build)
			forget_journal_end(&world);
		world.options.is_loss_accepted = true;
		world_open(&world);
		cr_assert_geq(end_of(&world, "t"), ROOM, "%d", is_earlier_build);
		world_fini(&world);
	}
}

/* The catalog, the checkpoints and a log put back to a clean stop, the journal lost: all say that nothing came after it. The append times alone know of more. */
Test(put_back, append_times_know_of_a_later_life)
{
	static const char *const paths[] = {"//catalog.log", "//checkpoint-0", "//checkpoint-0.copy", LOG_FILE};
	struct world world;
	struct rot_kept copies[COUNT_OF(paths)];
	world_init(&world, 6);
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	world_create_topic(&world, "empty", 1, NULL, 0);
	append(&world, "t", 0);
	world_stop(&world);
	for (size_t i = 0; i < COUNT_OF(paths); i++)
		copies[i] = rot_keep(&world, paths[i]);
	world_open(&world);
	append(&world, "t", RECORDS);
	world_stop(&world);
	rot_unlink(&world, "//journal-0");
	for (size_t i = 0; i < COUNT_OF(paths); i++)
		rot_put_back(&world, paths[i], copies[i]);
	expect_room(&world, 2 * RECORDS);
	world_fini(&world);
}

/* Another broker's journal and copy of a checkpoint, of one opening as here: together they look whole, and know of no record here. The checkpoint says that the
 * journal is not the one it was written beside, and so no copy that goes with that journal is believed in its stead. */
Test(put_back, a_journal_and_a_copy_of_another_directory)
{
	static const char *const paths[] = {"//journal-0", "//checkpoint-0.copy"};
	struct world world, other;
	struct rot_kept copies[2];
	world_init(&other, 77);
	world_init(&world, 5);
	for (struct world *each = &other;; each = &world) {
		world_open(each);
		world_create_topic(each, "t", 1, NULL, 0);
		append(each, "t", 0);
		world_stop(each);
		if (each == &world)
			break;
		for (int i = 0; i < 2; i++)
			copies[i] = rot_keep(&other, paths[i]);
	}
	for (int i = 0; i < 2; i++)
		rot_put_back(&world, paths[i], copies[i]);
	for (int tries = 0; tries < 2; tries++) {
		cr_assert_eq(world_try_open(&world), ERR_CORRUPT_LOG);
		cr_assert_not_null(strstr(world.report.why, "do not belong together"), "%s", world.report.why);
		world_close(&world);
	}
	world.options.is_loss_accepted = true;
	world_open(&world);
	struct read read;
	world_read_begin(&world, world_partition(&world, "t", 0), &read, 0, 1 << 20);
	cr_assert_eq(read.op.err, 0);
	cr_assert_eq(check_records(&read.op, 0), RECORDS);
	partition_read_release(&read.op);
	world_fini(&world);
	broker_config_destroy(other.config);
	sim_disk_close(other.disk);
}

/* Another broker's clean stop says nothing of what was acknowledged here. The journal is of an earlier time of the same life, no file has a record: nothing else tells
 * that there were any. */
Test(put_back, an_older_journal_beside_a_clean_stop_of_another_directory)
{
	static const char *const paths[] = {"//checkpoint-0", "//checkpoint-0.copy"};
	struct world world, other;
	struct rot_kept copies[2];
	world_init(&other, 77);
	world_open(&other);
	world_create_topic(&other, "t", 1, NULL, 0);
	append(&other, "t", 0);
	world_stop(&other);
	for (int i = 0; i < 2; i++)
		copies[i] = rot_keep(&other, paths[i]);
	world_init(&world, 5);
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	world_create_topic(&world, "empty", 1, NULL, 0);
	struct rot_kept journal = rot_keep(&world, "//journal-0");
	append(&world, "t", 0);
	world_crash(&world);
	rot_put_back(&world, "//journal-0", journal);
	for (int i = 0; i < 2; i++)
		rot_put_back(&world, paths[i], copies[i]);
	cr_assert_eq(world_try_open(&world), ERR_CORRUPT_LOG);
	world_close(&world);
	expect_room(&world, RECORDS);
	world_fini(&world);
	broker_config_destroy(other.config);
	sim_disk_close(other.disk);
}

/* A copy of another directory's checkpoint, of a later time: the right one beside it is believed. */
Test(put_back, a_copy_of_another_directory_beside_the_right_checkpoint)
{
	struct world world, other;
	world_init(&other, 77);
	for (int lives = 0; lives < 4; lives++) {
		world_open(&other);
		if (!lives)
			world_create_topic(&other, "t", 1, NULL, 0);
		append(&other, "t", (uint64_t)lives * RECORDS);
		world_stop(&other);
	}
	struct rot_kept copy = rot_keep(&other, "//checkpoint-0.copy");
	make_two_lives(&world, true, NULL);
	rot_put_back(&world, "//checkpoint-0.copy", copy);
	world_open(&world);
	cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 50000), 2 * RECORDS);
	world_fini(&world);
	broker_config_destroy(other.config);
	sim_disk_close(other.disk);
}
