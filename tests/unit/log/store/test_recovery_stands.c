/* Lines of recovery behind which another one stands in nearly all cases: here are those in which it does not. (Each was taken away first, and every other test
 * passed: tests/mutants.) */
#include "log/segment/partition_metadata.h"
#include "log/store/store_priv.h"
#include "tests/unit/log/store/piece.h"

#define RECORDS 5
#define GROUP 4096          /* each of the small ones here is one block behind the two superblocks */
#define IN_HEADER 30
#define IN_PAYLOAD (128 + 72 + 200)

static struct partition *nth(struct world *world, uint32_t index)
{
	return world_partition(world, "t", index);
}

static void begin(struct world *world, uint64_t seed)
{
	world_init(world, seed);
	world_open(world);
	world_create_topic(world, "t", 2, NULL, 0);
}

static void rot_group(struct world *world, int group, uint64_t position)
{
	cr_assert_eq(sim_disk_corrupt(world->disk, "/journal-0", 8192 + (uint64_t)group * GROUP + position, 3), 0);
}

/* What partition 0 has is filed, and no checkpoint tells of it, no group of where its log ends, nor is any new name durable: the process is killed before. Not by a
 * cycle, which has its directories' names made durable from its begin on, and tells of log ends in a group of its own. */
static void kill_before_the_checkpoint(struct world *world)
{
	struct partition *partition = nth(world, 0);
	struct partition *failed;
	cr_assert_eq(store__file_now(world->store, &partition, 1, &failed), 0);
	cr_assert(segment_is_filed(partition->active));
	world_kill(world);
}

/* No record is lost, in this life and the next ones. */
static void expect_all(struct world *world, int64_t end)
{
	for (int life = 0; life < 3; life++) {
		world_open(world);
		cr_assert_eq(world_check_all(world, nth(world, 0), 0, 50000), end + life * RECORDS, "life %d", life);
		cr_assert_eq(nth(world, 0)->damage_count, 0, "life %d", life);
		world_append(world, nth(world, 0), (uint64_t)(end + life * RECORDS), RECORDS, 100);
		life == 1 ? world_stop(world) : world_crash(world);
	}
	world_open(world);
	world_fini(world);
}

/* @L: the last entry of its partition has lost its payload, and what comes behind it is of another one: no gap shows it, the entry itself must. Its offsets are
 * given out to nobody else. */
Test(recovery_stands, the_last_payload_of_a_partition)
{
	struct world world;
	begin(&world, 1);
	world_append(&world, nth(&world, 0), 0, RECORDS, 100);
	world_append(&world, nth(&world, 0), RECORDS, RECORDS, 100);
	world_append(&world, nth(&world, 1), 0, RECORDS, 100); /* vouches for it */
	world_crash(&world);
	rot_group(&world, 1, IN_PAYLOAD);
	for (int life = 0; life < 3; life++) {
		world_open(&world);
		world_expect_damaged(&world, nth(&world, 0), RECORDS, 2 * RECORDS, (2 + life) * RECORDS);
		world_append(&world, nth(&world, 0), (uint64_t)(2 + life) * RECORDS, RECORDS, 100);
		life == 1 ? world_stop(&world) : world_crash(&world);
	}
	world_open(&world);
	world_fini(&world);
}

/* @B before @P: a lost group is told of by the one behind it, and what it held was found in the files, with more behind it. Nothing of that is lost, nor the log end
 * moved back. */
Test(recovery_stands, a_repeat_of_what_is_filed)
{
	struct world world;
	begin(&world, 2);
	world_append(&world, nth(&world, 0), 0, RECORDS, 100);
	world_append(&world, nth(&world, 1), 0, RECORDS, 100);
	world_append(&world, nth(&world, 0), RECORDS, RECORDS, 100);
	kill_before_the_checkpoint(&world);
	rot_group(&world, 0, IN_HEADER);
	expect_all(&world, 2 * RECORDS);
}

/* A journal whose only groups are lost is not the whole history, though it was never trimmed and there has never been a checkpoint: its files are looked at. */
Test(recovery_stands, a_journal_whose_only_group_is_lost)
{
	struct world world;
	begin(&world, 3);
	world_append(&world, nth(&world, 0), 0, RECORDS, 100);
	world_rest(&world, 1000000000); /* an idle journal writes superblocks, which vouch for the group; a cycle begins later */
	cr_assert_eq(journal_durable_seq(world.store->journal), 1);
	kill_before_the_checkpoint(&world);
	rot_group(&world, 0, IN_HEADER);
	expect_all(&world, RECORDS);
}

static void append_behind_a_roll(struct world *world, uint64_t number)
{
	static uint8_t bytes[4096];
	struct append append = {.op = {.done = append_done, .records = bytes, .begins_segment = true, .is_zstd_allowed = true}};
	append.op.records_size_bytes = make_batch(bytes, sizeof bytes, number, RECORDS, 100, 1000);
	cr_assert_eq(partition_append(nth(world, 0), &append.op), 0);
	store_turn(world->store);
	while (!append.is_done)
		world_turn(world);
}

static void let_checkpoint(struct world *world)
{
	uint64_t checkpoint = world->store->checkpoint_generation;
	world->store->cycle.is_due = true;
	for (int turns = 0; world->store->checkpoint_generation == checkpoint && turns < 1000; turns++)
		world_turn(world);
	cr_assert_neq(world->store->checkpoint_generation, checkpoint);
}

/* @O: what the journal has lost was filed, in a new file of a directory that the checkpoint knows. Its name is durable before the next checkpoint tells of it. */
Test(recovery_stands, the_name_of_a_file_that_has_what_was_lost)
{
	struct world world;
	begin(&world, 5);
	world_append(&world, nth(&world, 0), 0, RECORDS, 100);
	let_checkpoint(&world);
	int group = (int)journal_durable_seq(world.store->journal); /* the cycle's own, which tells of log ends, are before it */
	append_behind_a_roll(&world, RECORDS);
	world_append(&world, nth(&world, 1), 0, RECORDS, 100);
	kill_before_the_checkpoint(&world);
	rot_group(&world, group, IN_PAYLOAD);
	world_open(&world);
	cr_assert_eq(world.store->journal_found.damaged_groups, 1);
	cr_assert_eq(world_check_all(&world, nth(&world, 0), 0, 50000), 2 * RECORDS);
	let_checkpoint(&world);
	struct sim_disk *left = world_lose_all(world.disk);
	struct world other = {.disk = left, .config = world.config, .options = world.options, .seed = 1};
	world_open(&other);
	cr_assert_eq(world_check_all(&other, nth(&other, 0), 0, 50000), 2 * RECORDS);
	world_close(&other);
	sim_disk_close(left);
	world_fini(&world);
}

/* A directory of ours said another topic's id. That it says ours again is durable before the journal forgets what is in there: or the day that the checkpoint is
 * lost, its log would be another's. */
Test(recovery_stands, whose_a_directory_is_stays_so)
{
	struct world world;
	char text[PARTITION_METADATA_SIZE_MAX];
	struct uuid other_id = {.bytes = {1}};
	begin(&world, 4);
	world_append(&world, nth(&world, 0), 0, RECORDS, 100);
	world_stop(&world);
	rot_write(&world, "/t-0/partition.metadata", text, partition_metadata_encode(&other_id, text));
	world_open(&world);
	world_append(&world, nth(&world, 0), RECORDS, RECORDS, 100);
	let_checkpoint(&world);
	let_file(&world);
	struct sim_disk *left = world_lose_all(world.disk);
	struct world other = {.disk = left, .config = world.config, .options = world.options, .seed = 1};
	rot_unlink(&other, "/checkpoint-0");
	world_open(&other);
	cr_assert_eq(world_check_all(&other, nth(&other, 0), 0, 50000), 2 * RECORDS);
	world_close(&other);
	sim_disk_close(left);
	world_fini(&world);
}

/* A read that fails in a scan is not the end of a file: the start ends with it, or has all. */
Test(recovery_stands, a_scan_that_cannot_read, .timeout = 60)
{
	struct world world;
	begin(&world, 6);
	for (uint64_t i = 0; i < 4; i++)
		world_append(&world, nth(&world, 0), i * RECORDS, RECORDS, 100);
	world_stop(&world);
	rot_unlink(&world, "/checkpoint-0");
	struct sim_disk *base = sim_disk_copy(world.disk);
	uint32_t failed = 0;
	for (uint64_t k = 1; k < 40; k++) {
		sim_disk_close(world.disk);
		world.disk = sim_disk_copy(base);
		sim_disk_fail_kinds(world.disk, SIM_READ, k, EIO, false);
		int err = world_try_open(&world);
		sim_disk_fail(world.disk, 0, EIO);
		cr_assert(err == 0 || err == -EIO, "read %lu: %s", (unsigned long)k, err_name(err));
		failed += err != 0;
		if (!err)
			cr_assert_eq(world_check_all(&world, nth(&world, 0), 0, 50000), 4 * RECORDS, "read %lu", (unsigned long)k);
		world_close(&world);
	}
	cr_assert_gt(failed, 8); /* two reads a batch, those of the journal not counted */
	sim_disk_close(base);
	world_open(&world);
	world_fini(&world);
}

/* Two groups of partition 0, filed, and the second one lost in the journal, of which the file has it all. */
static void lose_what_the_file_has(struct world *world, uint64_t seed)
{
	begin(world, seed);
	world_append(world, nth(world, 0), 0, RECORDS, 100);
	world_append(world, nth(world, 0), RECORDS, RECORDS, 100);
	world_append(world, nth(world, 1), 0, RECORDS, 100);
	kill_before_the_checkpoint(world);
	rot_group(world, 1, IN_PAYLOAD);
}

/* @O: what the journal has lost stands in the file, and a bit of a record there is another: it is not taken from there, and served from memory unchecked. */
Test(recovery_stands, what_was_lost_has_rotted_in_the_file)
{
	struct world world;
	lose_what_the_file_has(&world, 7);
	struct place place = rot_batch(&world, "/t-0/00000000000000000000.log", 1);
	cr_assert_eq(sim_disk_flip_bit(world.disk, "/t-0/00000000000000000000.log", place.end - 1, 1), 0);
	world_open(&world);
	world_expect_damaged(&world, nth(&world, 0), RECORDS, 2 * RECORDS, 2 * RECORDS);
	world_fini(&world);
}

/* Opens what `base` has with each of its reads failing in turn: the start ends with the error, or has all of partition 0 but [from, to), which is named. How many did. */
static uint32_t fail_each_read(struct world *world, int64_t from, int64_t to, int64_t end)
{
	struct sim_disk *base = sim_disk_copy(world->disk);
	uint32_t failed = 0;
	bool has_struck = true;
	for (uint64_t k = 1; has_struck; k++) {
		sim_disk_close(world->disk);
		world->disk = sim_disk_copy(base);
		uint64_t before = sim_disk_fail_count(world->disk);
		sim_disk_fail_kinds(world->disk, SIM_READ, k, EIO, false);
		int err = world_try_open(world);
		has_struck = sim_disk_fail_count(world->disk) > before;
		sim_disk_fail(world->disk, 0, EIO);
		cr_assert(err == 0 || err == -EIO, "read %lu: %s", (unsigned long)k, err_name(err));
		failed += world_lacks_any(world, err);
		if (!err && world_lacks_any(world, err)) { /* offline, and the next start has it all */
			world_close(world);
			world_open(world);
		}
		if (!err) {
			world_expect_damaged(world, nth(world, 0), from, to, end);
			cr_assert_eq(nth(world, 0)->damage_count, from < to, "read %lu", (unsigned long)k);
		}
		world_close(world);
	}
	sim_disk_close(base);
	world_open(world);
	return failed;
}

/* @O, @E: a disk that does not answer says nothing of what is on it: nothing is fenced for that, nor learnt. */
Test(recovery_stands, a_file_that_cannot_be_read, .timeout = 60)
{
	struct world world;
	lose_what_the_file_has(&world, 8);
	cr_expect_geq(fail_each_read(&world, 0, 0, 2 * RECORDS), 10u);
	world_fini(&world);
	leave_a_piece(&world, 9, UNTOLD);
	cr_expect_geq(fail_each_read(&world, 0, 0, 6), 17u);
	world_fini(&world);
}

#define BETWEEN 120 /* groups, each of another partition: more than the next one has room to repeat */

/* Partition 0's second group is lost with all that could tell of it, and its third one, or a large piece, is behind the gap. What was lost is in the file. */
static void leave_a_gap(struct world *world, uint64_t seed, bool is_piece)
{
	begin(world, seed);
	world_create_topic(world, "many", BETWEEN, NULL, 0);
	world_append(world, nth(world, 0), 0, RECORDS, 100);
	let_checkpoint(world); /* a piece goes where names are durable alone */
	int first = (int)journal_durable_seq(world->store->journal);
	world_append(world, nth(world, 0), RECORDS, RECORDS, 100);
	for (uint32_t i = 0; i < BETWEEN; i++)
		world_append(world, world_partition(world, "many", i), 0, 1, 100);
	world_append(world, nth(world, 0), 2 * RECORDS, 1, is_piece ? 100000 : 100);
	world_append(world, nth(world, 1), 0, 1, 100);
	if (is_piece)
		world_kill(world);
	else
		kill_before_the_checkpoint(world);
	for (int group = first; group < first + BETWEEN; group++)
		cr_assert_eq(sim_disk_corrupt(world->disk, "/journal-0", 8192 + (uint64_t)group * GROUP, GROUP), 0);
	world->options.is_loss_accepted = true;
}

/* @I, @F: nor is what is behind a gap staged over one that could not be looked into: its offsets would be nobody's, and not named. */
Test(recovery_stands, a_gap_that_cannot_be_read, .timeout = 60)
{
	static const char *const log = "/t-0/00000000000000000000.log";
	struct world world;
	leave_a_gap(&world, 10, false);
	cr_expect_gt(fail_each_read(&world, 0, 0, 2 * RECORDS + 1), 4u);
	world_fini(&world);
	leave_a_gap(&world, 11, true);
	cr_assert_eq(sim_disk_flip_bit(world.disk, log, rot_batch(&world, log, 1).position + 80, 1), 0);
	cr_expect_gt(fail_each_read(&world, RECORDS, 2 * RECORDS, 2 * RECORDS + 1), 4u);
	world_fini(&world);
}
