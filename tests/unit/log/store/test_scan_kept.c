/* What a scan keeps, and what it leaves to the lives behind it: producers, log starts, names and bytes that a kill left in memory alone; and what it does not take. */
#include "tests/unit/log/verify/rot.h"

#include <errno.h>

#include "log/store/store_priv.h"

static const char log_path[] = "/t-0/00000000000000000000.log";

static void begin(struct world *world, uint64_t seed)
{
	world_init(world, seed);
	world_open(world);
	world_create_topic(world, "t", 1, NULL, 0);
}

/* The first of a segment of its own. */
static void append_behind_a_roll(struct world *world, struct partition *partition, uint64_t number)
{
	static uint8_t bytes[4096];
	struct append append = {.op = {.done = append_done, .records = bytes, .begins_segment = true, .is_zstd_allowed = true}};
	append.op.records_size_bytes = make_batch(bytes, sizeof bytes, number, 1, 100, 1000 + (int64_t)number);
	cr_assert_eq(partition_append(partition, &append.op), 0);
	store_turn(world->store);
	while (!append.is_done)
		world_turn(world);
	cr_assert_eq(append.op.err, 0);
	cr_assert_eq(append.op.base_offset, (int64_t)number);
}

static void lose(struct world *world, const char *path)
{
	struct io *io = rot_open(world);
	cr_assert_eq(io_unlink(io, path), 0, "%s", path);
	cr_assert_eq(io_dir_sync(io, "/"), 0);
	io_close(io);
	rot_lose_copy(world, path);
}

static void copy_file(struct world *world, const char *from, const char *to)
{
	size_t size;
	uint8_t *data = rot_read(world, from, &size);
	rot_write(world, to, data, size);
	free(data);
}

/* ---- log starts ------------------------------------------------------------------------------------------------------------- */

static void expect_start(struct world *world, int64_t start, int64_t end)
{
	cr_assert_eq(partition_log_start_offset(the_partition(world)), start, "it starts at %ld", (long)partition_log_start_offset(the_partition(world)));
	cr_assert_eq(world_check_all(world, the_partition(world), start, 1 << 20), end);
}

/* Whatever was wrong with log-start-0 at a start that had a checkpoint is right again at its stop; and what only the journal said is in it as well. */
static void expect_written_again(void (*spoil)(struct world *world))
{
	struct world world;
	begin(&world, 1);
	world_append(&world, the_partition(&world), 0, 6, 100);
	world_trim(&world, the_partition(&world), 1);
	world_stop(&world);
	copy_file(&world, "//log-start-0", "/earlier");
	world_open(&world);
	for (int64_t offset = 2; offset < 4; offset++)
		world_trim(&world, the_partition(&world), offset);
	if (spoil) {
		world_stop(&world);
		spoil(&world);
	} else {
		world_kill(&world);
	}
	world_open(&world);
	world_stop(&world);
	lose(&world, "/checkpoint-0");
	world_open(&world);
	cr_assert_eq(partition_log_start_offset(the_partition(&world)), 3);
	world_fini(&world);
}

static void put_back_earlier(struct world *world) { copy_file(world, "/earlier", "//log-start-0"); }
static void lose_it(struct world *world) { lose(world, "/log-start-0"); }
static void damage_it(struct world *world) { rot_flip(world, "//log-start-0", 30, 1); }

Test(scan_kept, log_starts_of_an_earlier_time) { expect_written_again(put_back_earlier); }
Test(scan_kept, log_starts_that_are_lost) { expect_written_again(lose_it); }
Test(scan_kept, log_starts_that_are_damaged) { expect_written_again(damage_it); }
Test(scan_kept, log_starts_that_were_replayed) { expect_written_again(NULL); }

/* Beside a lost checkpoint as well: the journal knows the later one. Nothing that was deleted comes back unless that is accepted, and then once. */
static void expect_refused_starts(void (*spoil)(struct world *world), bool is_clean, bool is_one_life, int64_t start)
{
	struct world world;
	begin(&world, 1);
	world_append(&world, the_partition(&world), 0, 6, 100);
	world_trim(&world, the_partition(&world), 1);
	is_one_life ? world_idle(&world, 7) : world_stop(&world);
	copy_file(&world, "//log-start-0", "/earlier");
	if (!is_one_life)
		world_open(&world);
	world_trim(&world, the_partition(&world), 4);
	world_idle(&world, 7);
	world_append(&world, the_partition(&world), 6, 6, 100);
	world_idle(&world, 7);
	if (is_clean)
		world_stop(&world);
	else
		world_crash(&world);
	spoil(&world);
	lose(&world, "/checkpoint-0");
	for (int tries = 0; tries < 2; tries++) {
		cr_assert_eq(world_try_open(&world), ERR_CORRUPT_LOG);
		cr_assert_not_null(strstr(world.report.why, "log-start-0 is"), "%s", world.report.why);
		world_close(&world);
		struct verdict verdict;
		rot_verify(&world, &verdict);
		uint32_t named = 0;
		for (uint32_t i = 0; i < verdict.count; i++)
			named += verdict.found[i].kind == FINDING_DAMAGE && strcmp(verdict.found[i].file, "log-start-0") == 0;
		cr_assert_eq(named, 1);
	}
	world.options.is_loss_accepted = true;
	world_open(&world);
	world.options.is_loss_accepted = false;
	expect_start(&world, start, 12);
	world_crash(&world);
	lose(&world, "/checkpoint-0");
	world_open(&world);
	expect_start(&world, start, 12);
	world_fini(&world);
}

Test(scan_kept, log_starts_of_an_earlier_time_beside_a_lost_checkpoint)
{
	for (int is_clean = 0; is_clean < 2; is_clean++) {
		expect_refused_starts(put_back_earlier, is_clean, false, 1);
		expect_refused_starts(put_back_earlier, is_clean, true, 1);
		expect_refused_starts(lose_it, is_clean, false, 0);
		expect_refused_starts(damage_it, is_clean, false, 0);
	}
}

/* With checkpoint and log starts lost, and that accepted, a log begins with its first segment: what was before it is gone. */
Test(scan_kept, a_log_begins_with_its_first_segment)
{
	struct world world;
	begin(&world, 2);
	world_append(&world, the_partition(&world), 0, 3, 100);
	append_behind_a_roll(&world, the_partition(&world), 3);
	world_idle(&world, 7);
	world_trim(&world, the_partition(&world), 3);
	world_idle(&world, 14);
	cr_assert_lt(sim_disk_peek(world.disk, log_path, NULL, 0, 0), 0, "the first segment is still there");
	world_stop(&world);
	lose(&world, "/checkpoint-0");
	lose(&world, "/log-start-0");
	world.options.is_loss_accepted = true;
	world_open(&world);
	expect_start(&world, 3, 4);
	world_fini(&world);
}

/* Log starts that are damaged are not believed: accepted, the log begins with its first segment, and no record is given up for a digit. */
Test(scan_kept, log_starts_that_say_another_number)
{
	struct world world;
	begin(&world, 8);
	world_append(&world, the_partition(&world), 0, 6, 100);
	world_trim(&world, the_partition(&world), 4);
	world_stop(&world);
	lose(&world, "/checkpoint-0");
	size_t size;
	uint8_t *data = rot_read(&world, "/log-start-0", &size), *digit = memmem(data, size, " 0 4\n", 5);
	cr_assert_not_null(digit);
	digit[3] = '5';
	rot_write(&world, "/log-start-0", data, size);
	free(data);
	world.options.is_loss_accepted = true;
	world_open(&world);
	expect_start(&world, 0, 6);
	world_fini(&world);
}

/* The journal is lost, and accepted so: the checkpoint's log starts stay, though the file that repeats them is gone as well. */
Test(scan_kept, log_starts_of_a_checkpoint_without_its_journal)
{
	struct world world;
	begin(&world, 3);
	world_append(&world, the_partition(&world), 0, 6, 100);
	world_trim(&world, the_partition(&world), 4);
	world_stop(&world);
	lose(&world, "/journal-0");
	lose(&world, "/log-start-0");
	world.options.is_loss_accepted = true;
	world_open(&world);
	expect_start(&world, 4, 6);
	world_fini(&world);
}

/* ---- what is there ------------------------------------------------------------------------------------------------------------ */

/* A directory lists its files in any order. */
Test(scan_kept, segments_in_any_order)
{
	struct world world;
	begin(&world, 4);
	for (uint64_t i = 0; i < 4; i++)
		append_behind_a_roll(&world, the_partition(&world), i);
	world_stop(&world);
	lose(&world, "/checkpoint-0");
	char paths[2][64];
	uint8_t *bytes[2];
	size_t sizes[2];
	for (int i = 0; i < 2; i++) {
		snprintf(paths[i], sizeof paths[i], "/t-0/%020d.log", i);
		bytes[i] = rot_read(&world, paths[i], &sizes[i]);
		rot_unlink(&world, paths[i]);
	}
	struct io *io = rot_open(&world);
	cr_assert_eq(io_dir_sync(io, "/t-0"), 0);
	io_close(io);
	sim_disk_crash(world.disk); /* it forgets where their entries were */
	for (int i = 1; i >= 0; i--) { /* anew, and so at the end of the list */
		rot_write(&world, paths[i], bytes[i], sizes[i]);
		free(bytes[i]);
	}
	world_open(&world);
	cr_assert_eq(partition_damage_count(the_partition(&world)), 0);
	expect_start(&world, 0, 4);
	world_fini(&world);
}

/* A whole batch of offsets that were had already, as bytes of another time may be, ends the log; and of what has rotted the offsets are named, before anybody
 * asks for them. */
Test(scan_kept, batches_that_are_not_due)
{
	for (int is_rot = 0; is_rot < 2; is_rot++) {
		struct world world;
		begin(&world, 5);
		for (uint64_t i = 0; i < 5; i++)
			world_append(&world, the_partition(&world), i, 1, 100);
		world_stop(&world);
		lose(&world, "/checkpoint-0");
		size_t size, batch = rot_batch(&world, log_path, 0).end;
		uint8_t *data = rot_read(&world, log_path, &size), *longer = malloc(size + batch);
		memcpy(longer, data, size);
		memcpy(longer + size, data, batch);
		longer[2 * batch + 70] ^= (uint8_t)is_rot;
		rot_write(&world, log_path, longer, size + batch);
		free(data);
		free(longer);
		world_open(&world);
		cr_assert_eq(partition_damage_count(the_partition(&world)), (uint32_t)is_rot);
		cr_assert_eq(partition_high_watermark(the_partition(&world)), 5);
		world_append(&world, the_partition(&world), 5, 1, 100);
		world_fini(&world);
	}
}

/* Producers are known after a clean stop, by the checkpoint; and after a scan, by the batches: who repeats one gets the offset that it has. */
Test(scan_kept, producers)
{
	for (int is_scanned = 0; is_scanned < 2; is_scanned++) {
		struct world world;
		begin(&world, 6);
		for (int32_t i = 0; i < 3; i++)
			cr_assert_eq(world_produce(&world, the_partition(&world), i), i);
		world_idle(&world, 7);
		world_stop(&world);
		if (is_scanned)
			lose(&world, "/checkpoint-0");
		world_open(&world);
		cr_assert_eq(world_produce(&world, the_partition(&world), 2), 2, "written twice");
		cr_assert_eq(world_produce(&world, the_partition(&world), 5), ERR_OUT_OF_ORDER_SEQUENCE);
		cr_assert_eq(world_produce(&world, the_partition(&world), 3), 3);
		world_fini(&world);
	}
}

/* Another file's bytes in a segment's place are refused where no checkpoint says what was there; once its loss is accepted they are kept aside, what was in
 * the segment is named, and all else is served. */
Test(scan_kept, a_segment_that_is_another_file)
{
	struct world world;
	begin(&world, 7);
	world_append(&world, the_partition(&world), 0, 3, 100);
	append_behind_a_roll(&world, the_partition(&world), 3);
	world_idle(&world, 7);
	world_stop(&world);
	lose(&world, "/checkpoint-0");
	copy_file(&world, "/catalog.log", log_path);
	for (int tries = 0; tries < 2; tries++) {
		cr_assert_eq(world_try_open(&world), ERR_CORRUPT_LOG);
		cr_assert_not_null(strstr(world.report.why, "is not the file that was written there"), "%s", world.report.why);
		world_close(&world);
	}
	world.options.is_loss_accepted = true;
	world_open(&world);
	struct damage damage;
	cr_assert_eq(partition_damages(the_partition(&world), &damage, 1), 1);
	cr_assert(damage.from == 0 && damage.to == 3);
	cr_assert_eq(world_check_all(&world, the_partition(&world), 3, 1 << 20), 4);
	world_fini(&world);
}

/* ---- what a kill left in memory alone -------------------------------------------------------------------------------------------- */

/* Killed at each moment of a cycle that files two partitions, one of them new; then the checkpoint is lost, and a start scans; its own cycle lets the journal go;
 * and the power fails. What the scan took must have been on the disk by then: bytes, names of files, names of directories. */
Test(scan_kept, what_the_scan_took_is_durable, .timeout = 100)
{
	bool is_over = false;
	for (int moment = 0; !is_over; moment++) {
		struct world world;
		begin(&world, 100 + (uint64_t)moment);
		world_append(&world, the_partition(&world), 0, 1, 100);
		world_idle(&world, 7);
		world_create_topic(&world, "u", 1, NULL, 0);
		world_append(&world, the_partition(&world), 1, 3, 2000);
		append_behind_a_roll(&world, the_partition(&world), 4);
		world_append(&world, world_partition(&world, "u", 0), 0, 3, 2000);
		while (world.store->cycle.state == CYCLE_IDLE)
			world_turn(&world);
		for (int turns = 0; turns < moment && !is_over; turns++) {
			world_turn(&world);
			is_over = world.store->cycle.state == CYCLE_IDLE;
		}
		world_kill(&world);
		lose(&world, "/checkpoint-0");
		world_open(&world);
		world_idle(&world, 7);
		world_crash(&world);
		world_open(&world);
		cr_assert_eq(world.report.damaged_ranges, 0, "killed after %d turns", moment);
		cr_assert_eq(world_check_all(&world, the_partition(&world), 0, 1 << 20), 5, "killed after %d turns", moment);
		cr_assert_eq(world_check_all(&world, world_partition(&world, "u", 0), 0, 1 << 20), 3, "killed after %d turns", moment);
		world_fini(&world);
	}
}

/* Behind a segment's last batch, or a damaged one, lies another whose offset is the next segment's, or behind that: the next segment's are served. */
Test(scan_kept, what_lies_over_the_next_segment)
{
	for (int is_damaged = 0; is_damaged < 2; is_damaged++) {
		struct world world;
		uint8_t bytes[1024];
		size_t size;
		begin(&world, 9);
		world_append(&world, the_partition(&world), 0, 2, 100);
		world_append(&world, the_partition(&world), 2, 2, 100);
		append_behind_a_roll(&world, the_partition(&world), 4);
		world_stop(&world);
		uint32_t stray_size = make_batch(bytes, sizeof bytes, 777, 1, 100, 1000);
		bytes[7] = is_damaged ? 6 : 4;
		uint8_t *log = rot_read(&world, log_path, &size);
		log = realloc(log, size + stray_size);
		memcpy(log + size, bytes, stray_size);
		if (is_damaged)
			log[size - 1] ^= 1;
		rot_write(&world, log_path, log, size + stray_size);
		free(log);
		rot_unlink(&world, "/checkpoint-0");
		rot_unlink(&world, "/t-0/00000000000000000000.appendtime");
		rot_unlink(&world, "/t-0/00000000000000000000.seal");
		world_open(&world);
		world_expect_damaged(&world, the_partition(&world), is_damaged ? 2 : 0, is_damaged ? 4 : 0, 5);
		if (!is_damaged)
			cr_assert_eq(world_check_all(&world, the_partition(&world), 0, 1 << 20), 5);
		world_stop(&world);
		struct verdict verdict;
		rot_verify(&world, &verdict);
		rot_print(&verdict);
		cr_expect_eq(verdict.report.counts.findings[FINDING_DERIVED], 0, "the checkpoint can be used");
		world_open(&world);
		world_expect_damaged(&world, the_partition(&world), is_damaged ? 2 : 0, is_damaged ? 4 : 0, 5);
		world_fini(&world);
	}
}

/* A sealed segment behind which the next one is lost is held against its seal all the same: a header that rotted where no CRC covers it is not served. And what is
 * behind it is not judged by the epoch that it says now, an earlier or a later one. */
Test(scan_kept, a_seal_whose_next_segment_is_lost)
{
	for (uint32_t bit = 0; bit < 2; bit++) {
		struct world world;
		begin(&world, 9);
		world_append(&world, the_partition(&world), 0, 3, 100);
		for (uint64_t i = 3; i < 5; i++)
			append_behind_a_roll(&world, the_partition(&world), i);
		world_stop(&world);
		lose(&world, "/checkpoint-0");
		rot_unlink(&world, "/t-0/00000000000000000003.log");
		cr_assert_eq(sim_disk_flip_bit(world.disk, log_path, 15, bit), 0);
		world_open(&world);
		world_expect_damaged(&world, the_partition(&world), 0, 4, 5);
		world_fini(&world);
	}
}
