/* A segment's file that is cut, taken away, exchanged or unreadable under a running store: what is not there is named and fenced, what is there is served, nothing of
 * another's is, and a disk that does not answer fences nothing. */
#include <errno.h>

#include "log/store/store_priv.h"
#include "tests/unit/log/verify/rot.h"

#define BATCHES 6

static const char *const log_path = "/t-0/00000000000000000000.log";

/* Two partitions of one shape, filed, and started anew: nothing is in memory. */
static struct partition *begin(struct world *world, uint64_t seed)
{
	world_init(world, seed);
	world_open(world);
	world_create_topic(world, "t", 2, NULL, 0);
	for (uint32_t p = 0; p < 2; p++)
		for (uint64_t i = 0; i < BATCHES; i++)
			world_append(world, world_partition(world, "t", p), i, 1, 100 + p);
	world_stop(world);
	world_open(world);
	return world_partition(world, "t", 0);
}

static void expect_damages(const struct partition *partition, int64_t from, int64_t to)
{
	struct damage damages[4];
	cr_assert_eq(partition_damages(partition, damages, COUNT_OF(damages)), 1);
	cr_expect(damages[0].from == from && damages[0].to == to, "[%ld, %ld)", (long)damages[0].from, (long)damages[0].to);
}

static void let_it_file(struct world *world)
{
	uint64_t began_ns = io_now_ns(world->io);
	for (int turns = 0; io_now_ns(world->io) - began_ns < 7000000000ull && turns < 10000; turns++)
		world_turn(world);
}

Test(file_gone, it_is_taken_away)
{
	struct world world;
	struct partition *partition = begin(&world, 1);
	cr_assert_eq(io_unlink(world.io, log_path), 0);
	world_expect_damaged(&world, partition, 0, BATCHES, BATCHES);
	expect_damages(partition, 0, BATCHES);
	world_fini(&world);
}

/* Cut at any byte of a batch: that one and those behind it are gone, and those before it are not. */
Test(file_gone, it_is_cut)
{
	for (uint32_t bytes_left = 0; bytes_left < 150; bytes_left += 10) {
		struct world world;
		struct partition *partition = begin(&world, 2 + bytes_left);
		world_close(&world);
		struct place place = rot_batch(&world, log_path, 2);
		world_open(&world);
		partition = world_partition(&world, "t", 0);
		world_check_all(&world, partition, 0, 1 << 20); /* so the buffer holds what is about to be cut off */
		int fd = io_file_open(world.io, log_path, 0);
		cr_assert_eq(io_file_truncate(world.io, fd, place.position + bytes_left), 0);
		io_close_fd(world.io, fd);
		struct read read;
		world_read_begin(&world, partition, &read, 0, 1 << 20);
		cr_expect_eq(check_records(&read.op, 0), 2);
		partition_read_release(&read.op);
		world_expect_damaged(&world, partition, 2, BATCHES, BATCHES);
		expect_damages(partition, 2, BATCHES);
		world_fini(&world);
	}
}

/* Another partition's file in its place: not one read is answered from it, the first no more than those behind it. */
Test(file_gone, it_is_anothers)
{
	struct world world;
	size_t size;
	begin(&world, 3);
	world_stop(&world);
	uint8_t *other = rot_read(&world, "/t-1/00000000000000000000.log", &size);
	rot_write(&world, log_path, other, size);
	free(other);
	world_open(&world);
	world_expect_damaged(&world, world_partition(&world, "t", 0), 0, BATCHES, BATCHES);
	world_fini(&world);
}

/* A damaged batch, and reads that fail while its end is looked for: no more than that batch is ever fenced. */
Test(file_gone, the_disk_does_not_answer)
{
	uint64_t k = 1;
	for (bool has_struck = true; has_struck; k++) {
		struct world world;
		begin(&world, 4);
		world_close(&world);
		cr_assert_eq(sim_disk_flip_bit(world.disk, log_path, rot_batch(&world, log_path, 2).position + 16, 1), 0);
		world_open(&world);
		struct partition *partition = world_partition(&world, "t", 0);
		uint64_t before = sim_disk_fail_count(world.disk);
		struct read read;
		sim_disk_fail_kinds(world.disk, SIM_READ, k, EIO, true);
		world_read_begin(&world, partition, &read, 4, 1);
		cr_expect(read.op.err == 0 || read.op.err == -EIO, "read %lu: %s", (unsigned long)k, err_name(read.op.err));
		partition_read_release(&read.op);
		has_struck = sim_disk_fail_count(world.disk) > before;
		sim_disk_fail(world.disk, 0, EIO);
		world_expect_damaged(&world, partition, 2, 3, BATCHES);
		expect_damages(partition, 2, 3);
		world_fini(&world);
	}
	cr_expect_gt(k, 3);
}

/* A header that says that its batch goes on behind the log's end is damaged: a lookup by time does not end there, and finds what is behind it. */
Test(file_gone, a_header_that_says_more_than_there_is)
{
	struct world world;
	struct offset_found found;
	begin(&world, 5);
	world_close(&world);
	cr_assert_eq(sim_disk_flip_bit(world.disk, log_path, rot_batch(&world, log_path, 2).position + 9, 4), 0);
	world_open(&world);
	struct partition *partition = world_partition(&world, "t", 0);
	cr_assert_eq(partition_offset_for_time(partition, 1004, &found), 0);
	cr_expect(found.found);
	cr_expect_eq(found.offset, 4, "%ld", (long)found.offset);
	world_expect_damaged(&world, partition, 2, 3, BATCHES);
	world_fini(&world);
}

/* ---- a sealed file that somebody writes over, the same file by its name and number ----------------------------------------------- */

#define SEALED 20 /* batches of a record each, or so, in a segment: two of those, and behind them more than memory holds */
#define BEHIND 120

/* A record that says it is `number`, wherever it comes to lie. */
static void append_as(struct world *world, uint32_t index, uint64_t number, int64_t timestamp_ms)
{
	static uint8_t bytes[8192];
	struct append append = {.op = {.done = append_done, .records = bytes, .is_zstd_allowed = true}};
	append.op.records_size_bytes = make_batch(bytes, sizeof bytes, number, 1, 5000, timestamp_ms);
	cr_assert_eq(partition_append(world_partition(world, "t", index), &append.op), 0);
	store_turn(world->store);
	while (!append.is_done)
		world_turn(world);
	cr_assert_eq(append.op.err, 0);
}

static void begin_sealed(struct world *world, uint64_t seed, bool is_new_life)
{
	struct config_override override = {"segment.ms", "20"}; /* of the records' time */
	world_init(world, seed);
	world->options.scrub_bytes_per_second = 40 << 10; /* a segment in 3 s */
	world->options.scrub_interval_ms = 86400000;
	world->options.cache_size_bytes = 1 << 20;
	world_open(world);
	world_create_topic(world, "t", 2, &override, 1);
	for (uint32_t p = 0; p < 2; p++)
		for (uint64_t i = 0; i < 2 * SEALED + BEHIND; i++)
			append_as(world, p, i + p * 1000, 1000 + (int64_t)i);
	let_it_file(world);
	if (!is_new_life)
		return;
	world_stop(world);
	world_open(world);
}

static int64_t sealed_end(struct world *world)
{
	return LIST_ENTRY(world_partition(world, "t", 0)->segments.next, struct segment, node)->durable.offset;
}

static int read_at(struct world *world, int64_t offset)
{
	struct read read;
	world_read_begin(world, world_partition(world, "t", 0), &read, offset, 1);
	int err = read.op.err;
	partition_read_release(&read.op);
	return err;
}

/* All of another partition's in it, as `cp` leaves it, once it was read from, or sealed: nothing of that is served. */
Test(file_gone, another_is_written_over_it_meanwhile)
{
	for (int is_new_life = 0; is_new_life < 2; is_new_life++) {
		struct world world;
		size_t size;
		begin_sealed(&world, 40, is_new_life);
		cr_assert(!is_new_life || read_at(&world, 0) == 0);
		int64_t end = sealed_end(&world);
		uint8_t *other = rot_read(&world, "/t-1/00000000000000000000.log", &size);
		rot_write(&world, log_path, other, size);
		free(other);
		for (int64_t offset = 0; offset < end; offset++)
			cr_expect_eq(read_at(&world, offset), ERR_CORRUPT_LOG, "offset %ld", (long)offset);
		cr_expect_eq(read_at(&world, end), 0);
		world_fini(&world);
	}
}

/* Some batches in its middle, each whole: who reads there has the scrub read all of it next, and not in a day. Written over with what it had, nothing is fenced. */
Test(file_gone, some_of_another_is_written_over_it_meanwhile)
{
	for (uint64_t round = 0; round < 8; round++) { /* as a pass begins where chance wants it */
		bool is_same = round % 2;
		struct world world;
		size_t size, other_size;
		struct damage damages[4];
		begin_sealed(&world, 41 + round, true);
		cr_assert_eq(read_at(&world, 0), 0);
		int64_t end = sealed_end(&world);
		uint8_t *bytes = rot_read(&world, log_path, &size), *other = rot_read(&world, "/t-1/00000000000000000000.log", &other_size);
		struct place place = rot_batch(&world, log_path, 3), same = rot_batch(&world, "/t-1/00000000000000000000.log", 3);
		cr_assert(place.position == same.position && place.end == same.end);
		if (!is_same)
			memcpy(bytes + place.position, other + place.position, place.end - place.position);
		rot_write(&world, log_path, bytes, size);
		cr_assert_eq(read_at(&world, 0), 0, "its first batch is its own");
		let_it_file(&world);
		cr_expect_eq(partition_damages(world_partition(&world, "t", 0), damages, COUNT_OF(damages)), is_same ? 0 : 1);
		if (!is_same) /* between two steps (log/segment/mark.h) */
			cr_expect(damages[0].from > 0 && damages[0].from <= 3 && damages[0].to > 3 && damages[0].to < end);
		cr_expect_geq(store_counters(world.store).scrub_segments, 1);
		cr_expect_eq(read_at(&world, 0), 0);
		cr_expect_eq(read_at(&world, 3), is_same ? 0 : ERR_CORRUPT_LOG);
		free(bytes);
		free(other);
		world_fini(&world);
	}
}

/* ---- under a running store that goes on writing --------------------------------------------------------------------------------- */

static void copy_in_place(struct world *world, const char *path)
{
	size_t size;
	uint8_t *bytes = rot_read(world, path, &size);
	cr_assert_eq(io_unlink(world->io, path), 0);
	rot_write(world, path, bytes, size);
	free(bytes);
}

/* What had been filed is gone and named, but for the last block, which memory has; what came then is there. */
static void expect_end_alone(struct world *world, struct partition *partition)
{
	uint32_t damaged = 0;
	cr_assert_eq(partition_high_watermark(partition), 2 * BATCHES);
	for (int64_t offset = 0; offset < 2 * BATCHES; offset++) {
		struct read read;
		world_read_begin(world, partition, &read, offset, 1);
		if (read.op.err)
			damaged++;
		else
			cr_assert_gt(check_records(&read.op, offset), offset);
		cr_assert(!read.op.err || (read.op.err == ERR_CORRUPT_LOG && offset < BATCHES), "offset %ld: %s", (long)offset, err_name(read.op.err));
		partition_read_release(&read.op);
	}
	cr_assert_geq(damaged, BATCHES - 1);
}

/* Removed (by something that cleans up), between two filings: what comes then is in a file of that name, whatever happens next. */
Test(file_gone, what_is_filed_after_it_was_removed_is_found)
{
	for (int is_crash = 0; is_crash < 2; is_crash++) {
		struct world world;
		world_init(&world, 6);
		world_open(&world);
		world_create_topic(&world, "t", 1, NULL, 0);
		struct partition *partition = world_partition(&world, "t", 0);
		for (uint64_t i = 0; i < BATCHES; i++)
			world_append(&world, partition, i, 1, 5000);
		let_it_file(&world);
		cr_assert_eq(io_unlink(world.io, log_path), 0);
		for (uint64_t i = 0; i < BATCHES; i++)
			world_append(&world, partition, BATCHES + i, 1, 5000);
		let_it_file(&world);
		if (is_crash)
			world_crash(&world);
		else
			world_stop(&world);
		world_open(&world);
		expect_end_alone(&world, world_partition(&world, "t", 0));
		world_fini(&world);
	}
}

/* A new segment's file, of which nothing is filed yet: removed while it is open, or with its descriptor given back, or before a start that the checkpoint tells of it. Memory and
 * journal have all that belongs there, so it is made again. */
Test(file_gone, a_new_file_is_removed_before_anything_is_filed)
{
	for (int way = 0; way < 3; way++) {
		struct world world;
		world_init(&world, 8);
		world_open(&world);
		world_create_topic(&world, "t", 1, NULL, 0);
		struct partition *partition = world_partition(&world, "t", 0);
		for (uint64_t i = 0; i < BATCHES; i++)
			world_append(&world, partition, i, 1, 5000);
		cr_assert_eq(partition__prepare_dir(partition), 0);
		cr_assert_eq(segment_open_write(partition->active), 0);
		cr_assert(partition->active->has_file && partition->active->filed.position == 0);
		if (way)
			segment_close_files(partition->active);
		if (way == 2) {
			cr_assert_eq(store__write_checkpoint(world.store), 0);
			cr_assert_eq(io_unlink(world.io, log_path), 0);
			world_kill(&world);
			world_open(&world);
			partition = world_partition(&world, "t", 0);
		} else {
			cr_assert_eq(io_unlink(world.io, log_path), 0);
		}
		let_it_file(&world);
		cr_expect_not(store_has_failed(world.store), "way %d", way);
		world_append(&world, partition, BATCHES, 1, 5000);
		let_it_file(&world);
		world_crash(&world);
		world_open(&world);
		partition = world_partition(&world, "t", 0);
		cr_expect_eq(world_check_all(&world, partition, 0, 1 << 20), BATCHES + 1, "way %d", way);
		world_fini(&world);
	}
}

/* A copy of it in its place, as `sed -i` and many a backup leave it: nothing is lost. */
Test(file_gone, what_is_filed_after_it_was_copied_is_in_the_copy)
{
	struct world world;
	world_init(&world, 7);
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	struct partition *partition = world_partition(&world, "t", 0);
	for (uint64_t i = 0; i < BATCHES; i++)
		world_append(&world, partition, i, 1, 100);
	let_it_file(&world);
	copy_in_place(&world, log_path);
	for (uint64_t i = 0; i < BATCHES; i++)
		world_append(&world, partition, BATCHES + i, 1, 100);
	let_it_file(&world);
	world_stop(&world);
	world_open(&world);
	partition = world_partition(&world, "t", 0);
	cr_expect_eq(world_check_all(&world, partition, 0, 1 << 20), 2 * BATCHES);
	world_fini(&world);
}

/* The same, and the power fails later: whoever put the copy there has not made its name durable, and what was filed into it is in the journal no more. */
Test(file_gone, what_is_filed_after_it_was_copied_survives_a_power_cut)
{
	for (uint64_t seed = 20; seed < 30; seed++) {
		struct world world;
		world_init(&world, seed);
		world_open(&world);
		world_create_topic(&world, "t", 1, NULL, 0);
		struct partition *partition = world_partition(&world, "t", 0);
		for (uint64_t i = 0; i < BATCHES; i++)
			world_append(&world, partition, i, 1, 100);
		let_it_file(&world);
		copy_in_place(&world, log_path);
		for (uint64_t i = 0; i < BATCHES; i++) {
			world_append(&world, partition, BATCHES + i, 1, 100);
			let_it_file(&world);
		}
		world_crash(&world);
		world_open(&world);
		partition = world_partition(&world, "t", 0);
		cr_expect_eq(world_check_all(&world, partition, 0, 1 << 20), 2 * BATCHES, "seed %lu", (unsigned long)seed);
		world_fini(&world);
	}
}

/* Who read from the one that was there reads from the copy now, as what is filed behind that is there alone. */
Test(file_gone, what_is_filed_after_it_was_copied_is_read_from_the_copy, .timeout = 60)
{
	struct world world;
	const uint64_t batches = 300; /* more than memory has */
	world_init(&world, 31);
	world.options.cache_size_bytes = 1 << 20;
	world_open(&world);
	world_create_topic(&world, "t", 2, NULL, 0);
	struct partition *partition = world_partition(&world, "t", 0);
	for (uint64_t i = 0; i < batches; i++)
		world_append(&world, partition, i, 1, 5000);
	let_it_file(&world);
	cr_assert_eq(world_check_all(&world, partition, 0, 1 << 20), (int64_t)batches);
	cr_assert_geq(partition->active->open_count, 2u, "to write and to read");
	copy_in_place(&world, log_path);
	for (uint64_t i = 0; i < batches; i++)
		world_append(&world, partition, batches + i, 1, 5000);
	let_it_file(&world);
	for (uint64_t i = 0; i < batches; i++)
		world_append(&world, world_partition(&world, "t", 1), i, 1, 5000);
	let_it_file(&world);
	cr_expect_eq(world_check_all(&world, partition, 0, 1 << 20), 2 * (int64_t)batches);
	cr_expect_eq(partition->damage_count, 0);
	world_fini(&world);
}

/* A topic is deleted while its bytes are on their way to its file, straight there or behind the journal: the file is gone because the store has removed it.
 * Others go on. (It broke durability. Found by check-sim, seed 900006.) */
Test(file_gone, its_topic_is_deleted_meanwhile)
{
	for (int is_direct = 0; is_direct < 2; is_direct++) {
		struct world world;
		world_init(&world, 11);
		world.options.direct_size_bytes_min = 64 << 10;
		world_open(&world);
		world_create_topic(&world, "t", 1, NULL, 0);
		world_create_topic(&world, "u", 1, NULL, 0);
		struct partition *partition = world_partition(&world, "t", 0);
		world_append(&world, partition, 0, 1, 100);
		let_it_file(&world);
		struct append append;
		if (is_direct) {
			cr_assert_eq(world_append_begin(partition, &append, 1, 1, 100000), 0);
			store_turn(world.store);
		} else {
			world_append(&world, partition, 1, 1, 100);
			for (int turns = 0; !world.store->home.segments.filings_in_flight && turns < 10000; turns++)
				world_turn(&world);
		}
		cr_assert_eq(world.store->home.segments.filings_in_flight, 1);
		world_delete_topic(&world, "t");
		for (uint64_t i = 0; i < BATCHES; i++)
			world_append(&world, world_partition(&world, "u", 0), i, 1, 100);
		let_it_file(&world);
		cr_expect(!store_has_failed(world.store), "direct %d", is_direct);
		world_stop(&world);
		world_open(&world);
		cr_expect_eq(world_check_all(&world, world_partition(&world, "u", 0), 0, 1 << 20), BATCHES);
		world_fini(&world);
	}
}

/* The journal removed, or a copy in its place: nothing is acknowledged any more, what was is filed, the next start refuses, and accepting the loss loses nothing. */
static void take_journal(bool is_copied, bool is_crash)
{
	struct world world;
	world_init(&world, 8);
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	struct partition *partition = world_partition(&world, "t", 0);
	for (uint64_t i = 0; i < BATCHES; i++)
		world_append(&world, partition, i, 1, 100);
	if (is_copied)
		copy_in_place(&world, "/journal-0");
	else
		cr_assert_eq(io_unlink(world.io, "/journal-0"), 0);
	world_append(&world, partition, BATCHES, 1, 100); /* the group that is under way */
	let_it_file(&world);
	cr_expect(store_has_failed(world.store));
	struct append refused = {0};
	cr_expect_eq(world_append_begin(partition, &refused, BATCHES + 1, 1, 100), ERR_FAILED);
	if (is_crash)
		world_crash(&world);
	else
		world_close(&world);
	cr_expect_eq(world_try_open(&world), ERR_CORRUPT_LOG);
	world_close(&world);
	world.options.is_loss_accepted = true;
	world_open(&world);
	partition = world_partition(&world, "t", 0);
	cr_expect_eq(partition_high_watermark(partition), BATCHES + 1);
	cr_expect_eq(world_check_all(&world, partition, 0, 1 << 20), BATCHES + 1);
	world_fini(&world);
}

Test(file_gone, the_journal_is_removed)
{
	take_journal(false, false);
	take_journal(false, true);
}

Test(file_gone, the_journal_is_copied)
{
	take_journal(true, false);
	take_journal(true, true);
}

static uint64_t ns_until_it_fails(struct world *world)
{
	uint64_t began_ns = io_now_ns(world->io);
	for (int turns = 0; !store_has_failed(world->store) && turns < 10000; turns++)
		world_turn(world);
	cr_assert(store_has_failed(world->store));
	return io_now_ns(world->io) - began_ns;
}

/* Missed by a group: what was acknowledged is filed at once, and not when a cycle is due. */
Test(file_gone, a_journal_that_is_missed_is_not_waited_for)
{
	struct world world;
	world_init(&world, 13);
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	struct partition *partition = world_partition(&world, "t", 0);
	world_append(&world, partition, 0, 1, 100);
	cr_assert_eq(io_unlink(world.io, "/journal-0"), 0);
	world_rest(&world, 150000000); /* it is looked for ten times a second */
	cr_assert(!world.store->is_journal_gone && store__cycle_is_idle(world.store));
	world_append(&world, partition, 1, 1, 100);
	cr_assert(world.store->is_journal_gone);
	cr_expect_lt(ns_until_it_fails(&world), 1000000000ull);
	world_close(&world);
	world.options.is_loss_accepted = true;
	world_open(&world);
	cr_expect_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 1 << 20), 2);
	world_fini(&world);
}

/* Missed by a cycle: what was taken and is in no group yet is not acknowledged, and not waited for. */
Test(file_gone, what_waits_for_a_group_is_refused)
{
	struct world world;
	struct append append;
	world_init(&world, 14);
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	struct partition *partition = world_partition(&world, "t", 0);
	world_append(&world, partition, 0, 1, 100);
	cr_assert_eq(io_unlink(world.io, "/journal-0"), 0);
	cr_assert_eq(world_append_begin(partition, &append, 1, 1, 100), 0);
	world.store->cycle.is_due = true;
	store_turn(world.store);
	cr_assert(world.store->is_journal_gone);
	cr_expect_lt(ns_until_it_fails(&world), 1000000000ull);
	for (int turns = 0; !append.is_done && turns < 1000; turns++)
		world_turn(&world);
	cr_expect(append.is_done && append.op.err != 0);
	world_fini(&world);
}

/* From the moment on that it is missed nobody's records are taken, though what was acknowledged is still on its way to the files. */
Test(file_gone, nothing_is_taken_without_the_journal)
{
	struct world world;
	struct append refused = {0};
	world_init(&world, 12);
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	struct partition *partition = world_partition(&world, "t", 0);
	world_append(&world, partition, 0, 1, 100);
	cr_assert_eq(io_unlink(world.io, "/journal-0"), 0);
	for (int turns = 0; !world.store->is_journal_gone && turns < 10000; turns++)
		world_turn(&world);
	cr_assert(world.store->is_journal_gone && !store_has_failed(world.store));
	cr_expect_eq(world_append_begin(partition, &refused, 1, 1, 100), ERR_FAILED);
	cr_expect_eq(world.store->home.internal_refusal, ERR_FAILED);
	let_it_file(&world);
	cr_expect(store_has_failed(world.store));
	world_fini(&world);
}

/* At a stop that finds nothing to file it is looked for once more: "all is on disk" is not said of a journal that no start will find. */
Test(file_gone, the_journal_is_removed_before_a_stop)
{
	struct world world;
	begin(&world, 9);
	cr_assert_eq(io_unlink(world.io, "/journal-0"), 0);
	store_stop(world.store);
	for (int turns = 0; !store_is_stopped(world.store) && turns < 10000; turns++)
		world_turn(&world);
	cr_expect(store_has_failed(world.store));
	world_fini(&world);
}

/* So is one that goes while the stop's last cycle is under way: that cycle has looked for it already. */
Test(file_gone, the_journal_is_removed_during_a_stop)
{
	struct world world;
	begin(&world, 15);
	store_stop(world.store);
	for (int turns = 0; store__cycle_is_idle(world.store) && turns < 10000; turns++)
		store_turn(world.store);
	cr_assert(!store__cycle_is_idle(world.store) && !store_is_stopped(world.store));
	cr_assert_eq(io_unlink(world.io, "/journal-0"), 0);
	for (int turns = 0; !store_is_stopped(world.store) && turns < 10000; turns++)
		world_turn(&world);
	cr_expect(store_has_failed(world.store));
	world_fini(&world);
}

/* A change of the catalog is refused while its file is not where the next start looks for it, and taken again when it is. */
Test(file_gone, the_catalog_is_moved)
{
	struct world world;
	begin(&world, 10);
	struct topic_spec spec = {{(const uint8_t *)"u", 1}, 1, 0, NULL};
	int topic_err;
	cr_assert_eq(io_rename(world.io, "/catalog.log", "/elsewhere"), 0);
	cr_expect_eq(catalog_create_topics(world.catalog, &spec, 1, &topic_err), ERR_GONE);
	cr_assert_eq(io_rename(world.io, "/elsewhere", "/catalog.log"), 0);
	cr_expect_eq(catalog_create_topics(world.catalog, &spec, 1, &topic_err), 0);
	world_fini(&world);
}
