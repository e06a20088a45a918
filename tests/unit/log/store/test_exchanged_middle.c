/* Batches in the middle of a segment that goes on, exchanged with another partition's of the same offsets and sizes: each is whole, and nothing in it says whose
 * it is. What was filed in the segment is known by its headers all the same (struct mark), so verifier, scrub, seal and scan refuse it. */
#include "tests/unit/log/verify/rot.h"

#define RECORDS 5
#define BATCHES 20
#define VALUE_SIZE 300
#define END (BATCHES * RECORDS)

static const char *const logs[2] = {"/t-0/00000000000000000000.log", "/t-1/00000000000000000000.log"};

/* The key makes them another partition's. */
static void append(struct world *world, uint32_t index, uint64_t number)
{
	uint8_t bytes[RECORDS * (VALUE_SIZE + 64) + 128];
	struct slice key = {(const uint8_t *)(index ? "b" : "a"), 1};
	struct append append = {.op = {.done = append_done, .records = bytes}};
	append.op.records_size_bytes = make_keyed_batch(bytes, sizeof bytes, key, number, RECORDS, VALUE_SIZE, 1000 + (int64_t)number);
	cr_assert_eq(partition_append(world_partition(world, "t", index), &append.op), 0);
	store_turn(world->store);
	for (int turns = 0; !append.is_done && turns < 100000; turns++)
		world_turn(world);
	cr_assert(append.is_done && !append.op.err && append.op.base_offset == (int64_t)number);
}

static void append_all(struct world *world, uint64_t from)
{
	for (uint64_t i = 0; i < BATCHES; i++)
		for (uint32_t index = 0; index < 2; index++)
			append(world, index, from + i * RECORDS);
}

static void begin_with(struct world *world, const struct config_override *overrides, uint32_t count)
{
	world_init(world, 5);
	world->options.scrub_bytes_per_second = 1 << 20;
	world->options.scrub_interval_ms = 3600000;
	world_open(world);
	world_create_topic(world, "t", 2, overrides, count);
}

static void begin(struct world *world)
{
	begin_with(world, NULL, 0);
}

static void fill(struct world *world)
{
	begin(world);
	append_all(world, 0);
	world_stop(world);
}

static void exchange(struct world *world)
{
	size_t sizes[2];
	uint8_t *files[2], batch[RECORDS * (VALUE_SIZE + 64) + 128];
	struct place place = rot_batch(world, logs[0], 6);
	size_t from = place.position, size = place.end - place.position;
	for (int i = 0; i < 2; i++)
		files[i] = rot_read(world, logs[i], &sizes[i]);
	cr_assert(size < sizeof batch && memcmp(files[0] + from, files[1] + from, size) != 0);
	memcpy(batch, files[0] + from, size);
	memcpy(files[0] + from, files[1] + from, size);
	memcpy(files[1] + from, batch, size);
	for (int i = 0; i < 2; i++) {
		rot_write(world, logs[i], files[i], sizes[i]);
		free(files[i]);
	}
}

static void run_passes(struct world *world, uint64_t passes)
{
	for (int turns = 0; store_counters(world->store).scrub_passes < passes && turns < 100000; turns++)
		world_turn(world);
	cr_assert_eq(store_counters(world->store).scrub_passes, passes);
}

static void let_pass(struct world *world, uint64_t ns)
{
	uint64_t end_ns = io_now_ns(world->io) + ns;
	for (int turns = 0; io_now_ns(world->io) < end_ns && turns < 100000; turns++)
		world_turn(world);
}

/* The steps (log/segment/mark.h) before and behind the batch that is exchanged: one lies behind each third. */
#define STEP_BEFORE (6 * RECORDS)
#define STEP_BEHIND (9 * RECORDS)

static void expect_fenced(struct world *world, int64_t end)
{
	for (uint32_t index = 0; index < 2; index++)
		world_expect_damaged(world, world_partition(world, "t", index), STEP_BEFORE, STEP_BEHIND, end);
}

/* Of a sound log nothing is said, whoever looks at it, in lives that end with a stop and lives that are killed. */
Test(exchanged_middle, a_sound_log)
{
	struct world world;
	struct verdict verdict;
	begin(&world);
	for (uint64_t life = 0; life < 4; life++) {
		append_all(&world, life * END);
		if (life % 2)
			world_kill(&world);
		else
			world_stop(&world);
		rot_verify(&world, &verdict);
		cr_assert_eq(verdict.report.counts.findings[FINDING_DAMAGE], 0);
		world_open(&world);
		run_passes(&world, 1);
		cr_assert_eq(store_counters(world.store).damaged_ranges, 0);
	}
	world_fini(&world);
}

/* In a stopped directory. */
Test(exchanged_middle, is_named_and_fenced)
{
	struct world world;
	struct verdict verdict;
	fill(&world);
	exchange(&world);
	rot_verify(&world, &verdict);
	cr_assert_eq(verdict.report.counts.findings[FINDING_DAMAGE], 2);
	cr_assert(verdict.found[0].from == STEP_BEFORE && verdict.found[0].to == STEP_BEHIND);
	world_open(&world);
	run_passes(&world, 1);
	expect_fenced(&world, END);
	run_passes(&world, 2);
	cr_assert_eq(store_counters(world.store).damaged_ranges, 2, "known damage is no news");
	world_fini(&world);
}

/* The next life appends to it, and is killed: what the life before had filed is known still, with what was filed behind it. */
Test(exchanged_middle, of_an_earlier_life)
{
	struct world world;
	fill(&world);
	exchange(&world);
	world_open(&world);
	append_all(&world, END);
	world_kill(&world);
	world_open(&world);
	run_passes(&world, 1);
	expect_fenced(&world, 2 * END);
	world_fini(&world);
}

static void expect_middle_refused(struct world *world)
{
	for (uint32_t index = 0; index < 2; index++) {
		struct read read;
		world_read_begin(world, world_partition(world, "t", index), &read, 6 * RECORDS, 1);
		cr_assert_eq(read.op.err, ERR_CORRUPT_LOG);
	}
}

/* It is complete: no seal is made of it, and the scrub comes at once. */
Test(exchanged_middle, makes_no_seal)
{
	struct config_override override = {"segment.ms", "100"}; /* of the records' time: what one life appends */
	struct world world;
	begin_with(&world, &override, 1);
	append_all(&world, 0);
	world_stop(&world);
	exchange(&world);
	world_open(&world);
	append_all(&world, END);
	let_pass(&world, 20ull * 1000 * 1000 * 1000);
	cr_assert_eq(store_counters(world.store).damaged_ranges, 2);
	expect_middle_refused(&world);
	world_fini(&world);
}

/* Written over in place, under the running broker. */
Test(exchanged_middle, under_the_broker)
{
	struct world world;
	begin(&world);
	append_all(&world, 0);
	let_pass(&world, 20ull * 1000 * 1000 * 1000); /* it is filed */
	exchange(&world);
	run_passes(&world, 1);
	expect_fenced(&world, END);
	world_fini(&world);
}

static void put_back_checkpoints(struct world *world, const uint8_t *bytes, size_t size)
{
	rot_write(world, "/checkpoint-0", bytes, size);
	rot_write(world, "/checkpoint-0.copy", bytes, size);
}

/* Checkpoint and copy are of an earlier time, so the directories are scanned: what they say was filed by then is held against them. Of a segment that its log goes on in the
 * journal tells as well; of one that is complete its seal would, if a power cut had not taken that. */
Test(exchanged_middle, is_known_to_a_scan)
{
	struct config_override rolling = {"segment.ms", "100"}; /* of the records' time: what one life appends */
	for (uint32_t is_complete = 0; is_complete < 2; is_complete++) {
		struct world world;
		struct verdict verdict;
		size_t size;
		begin_with(&world, &rolling, is_complete);
		append_all(&world, 0);
		world_stop(&world);
		uint8_t *earlier = rot_read(&world, "/checkpoint-0", &size);
		world_open(&world);
		append_all(&world, END);
		world_stop(&world);
		put_back_checkpoints(&world, earlier, size);
		free(earlier);
		exchange(&world);
		if (is_complete) {
			rot_unlink(&world, "/t-0/00000000000000000000.seal");
			rot_unlink(&world, "/t-1/00000000000000000000.seal");
		}
		rot_verify(&world, &verdict);
		cr_assert_eq(verdict.report.counts.findings[FINDING_DAMAGE], 2);
		world_open(&world);
		expect_fenced(&world, 2 * END);
		world_stop(&world);
		rot_verify(&world, &verdict);
		cr_assert(verdict.count >= 2 && strstr(verdict.found[0].what, "what was filed"), "the new checkpoint does not vouch for what the scan refused");
		world_open(&world);
		world_fini(&world);
	}
}

/* Checkpoint and copy are lost: the journal alone tells, of the segment that a log goes on in. Two cycles: the second has it tell what the first has filed. */
static void fill_and_file(struct world *world)
{
	begin(world);
	append_all(world, 0);
	let_pass(world, 20ull * 1000 * 1000 * 1000);
	append_all(world, END);
	let_pass(world, 20ull * 1000 * 1000 * 1000);
	world_stop(world);
	rot_unlink(world, "/checkpoint-0"); /* and its copy */
}

Test(exchanged_middle, is_known_to_the_journal)
{
	struct world world;
	struct verdict verdict;
	fill_and_file(&world);
	exchange(&world);
	rot_verify(&world, &verdict);
	cr_assert_eq(verdict.report.counts.findings[FINDING_DAMAGE], 2);
	world_open(&world);
	expect_middle_refused(&world);
	world_fini(&world);
}

/* Whole files, which no append times tell of. */
Test(exchanged_middle, of_whole_files_without_append_times)
{
	static const char *const times[2] = {"/t-0/00000000000000000000.appendtime", "/t-1/00000000000000000000.appendtime"};
	for (int is_exchanged = 0; is_exchanged < 2; is_exchanged++) {
		struct world world;
		struct verdict verdict;
		fill_and_file(&world);
		for (int i = 0; i < 2; i++)
			rot_unlink(&world, times[i]);
		if (is_exchanged) {
			rot_rename(&world, logs[0], "/away");
			rot_rename(&world, logs[1], logs[0]);
			rot_rename(&world, "/away", logs[1]);
		}
		rot_verify(&world, &verdict);
		cr_assert_eq(verdict.report.counts.findings[FINDING_DAMAGE] >= 2, is_exchanged);
		cr_assert_eq(world_try_open(&world), is_exchanged ? ERR_CORRUPT_LOG : 0);
		world_fini(&world);
	}
}

/* A copy of the log that went its own way behind its first batch, with batches of the same sizes or others: it begins as the log does, and does not end so. Known at once. */
Test(exchanged_middle, a_copy_that_diverged)
{
	for (int more = 0; more < 200; more += 100) {
		struct world world;
		size_t size;
		begin(&world);
		for (uint32_t index = 0; index < 2; index++)
			world_append(&world, world_partition(&world, "t", index), 0, RECORDS, VALUE_SIZE);
		for (uint64_t i = 1; i < BATCHES; i++) {
			append(&world, 0, i * RECORDS);
			if (more)
				world_append(&world, world_partition(&world, "t", 1), i * RECORDS, RECORDS, VALUE_SIZE + (size_t)more);
			else
				append(&world, 1, i * RECORDS);
		}
		world_stop(&world);
		uint8_t *other = rot_read(&world, logs[1], &size);
		rot_write(&world, logs[0], other, size);
		free(other);
		world_open(&world);
		world_expect_damaged(&world, world_partition(&world, "t", 0), 0, END, END);
		cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 1), 0, 1 << 20), END);
		world_fini(&world);
	}
}

/* The last batch filed has rotted, its CRC or a record: that one is damaged, and the file is no other's. */
Test(exchanged_middle, rot_in_the_last_batch)
{
	for (size_t at = BATCH_AT_CRC; at < 200; at += 120) {
		struct world world;
		fill(&world);
		rot_flip(&world, logs[0], rot_batch(&world, logs[0], BATCHES - 1).position + at, 1);
		world_open(&world);
		world_expect_damaged(&world, world_partition(&world, "t", 0), END - RECORDS, END, END);
		world_fini(&world);
	}
}

#define COMMON 8

/* Both logs alike up to there; then each its own, the first one further. With `more` the copy's batches are longer than ours. */
static void fill_diverging(struct world *world, uint64_t copy_batches, size_t more)
{
	begin(world);
	for (uint64_t i = 0; i < COMMON; i++)
		for (uint32_t index = 0; index < 2; index++)
			world_append(world, world_partition(world, "t", index), i * RECORDS, RECORDS, VALUE_SIZE);
	for (uint64_t i = COMMON; i < BATCHES; i++)
		append(world, 0, i * RECORDS);
	for (uint64_t i = COMMON; i < copy_batches; i++)
		world_append(world, world_partition(world, "t", 1), i * RECORDS, RECORDS, VALUE_SIZE + more);
	world_stop(world);
}

static void put_copy(struct world *world)
{
	size_t size;
	uint8_t *other = rot_read(world, logs[1], &size);
	rot_write(world, logs[0], other, size);
	free(other);
}

/* A step of the mark lies behind each third batch: what is before the last that both have is served, and nothing of what the copy went on with. */
#define LAST_COMMON_STEP STEP_BEFORE

static void expect_served_to_last_step(struct world *world)
{
	world_expect_damaged(world, world_partition(world, "t", 0), LAST_COMMON_STEP, END, END);
}

/* Such a copy that is shorter than what was filed, which the batch that was filed last cannot be asked of. Whoever meets it: a read, one by time, an append, the verifier, the scrub. */
Test(exchanged_middle, a_shorter_copy)
{
	for (size_t more = 0; more < 200; more += 100) {
		struct world world;
		struct verdict verdict;
		fill_diverging(&world, COMMON + 6, more);
		put_copy(&world);
		rot_verify(&world, &verdict);
		bool is_named = false;
		for (uint32_t i = 0; i < verdict.count; i++)
			is_named |= verdict.found[i].kind == FINDING_DAMAGE && verdict.found[i].from == LAST_COMMON_STEP;
		cr_assert(is_named);
		world_open(&world);
		expect_served_to_last_step(&world);
		run_passes(&world, 1);
		expect_served_to_last_step(&world);
		world_fini(&world);
	}
}

/* The same beside a checkpoint and a copy of an earlier time, which a scan is held against. */
Test(exchanged_middle, a_shorter_copy_is_known_to_a_scan)
{
	struct world world;
	size_t size;
	fill_diverging(&world, COMMON + 6, 0);
	uint8_t *earlier = rot_read(&world, "/checkpoint-0", &size);
	world_open(&world);
	append(&world, 0, END);
	world_stop(&world);
	rot_write(&world, "/checkpoint-0", earlier, size);
	rot_write(&world, "/checkpoint-0.copy", earlier, size);
	free(earlier);
	put_copy(&world);
	world_open(&world);
	world_expect_damaged(&world, world_partition(&world, "t", 0), LAST_COMMON_STEP, END + RECORDS, END + RECORDS);
	world_fini(&world);
}

/* A longer one, or one as long, is served as far as it is ours. */
Test(exchanged_middle, a_longer_copy)
{
	for (uint64_t batches = BATCHES; batches < BATCHES + 8; batches += 7) {
		struct world world;
		fill_diverging(&world, batches, 0);
		put_copy(&world);
		world_open(&world);
		expect_served_to_last_step(&world);
		world_fini(&world);
	}
}

Test(exchanged_middle, a_shorter_copy_is_appended_to)
{
	struct world world;
	struct verdict verdict;
	fill_diverging(&world, COMMON + 6, 0);
	put_copy(&world);
	world_open(&world);
	append(&world, 0, END);
	world_stop(&world);
	rot_verify(&world, &verdict);
	cr_assert(verdict.report.counts.findings[FINDING_DAMAGE] > 0);
	world_open(&world);
	world_expect_damaged(&world, world_partition(&world, "t", 0), LAST_COMMON_STEP, END, END + RECORDS);
	world_fini(&world);
}

Test(exchanged_middle, a_shorter_copy_is_looked_up_by_time)
{
	struct world world;
	struct offset_found found;
	fill_diverging(&world, COMMON + 6, 0);
	put_copy(&world);
	world_open(&world);
	cr_assert_eq(partition_offset_for_time(world_partition(&world, "t", 0), (int64_t)(COMMON + 1) * RECORDS + 1000, &found), 0);
	cr_assert(!found.found || found.offset < LAST_COMMON_STEP || found.offset >= END);
	expect_served_to_last_step(&world);
	world_fini(&world);
}

/* The file is ours, and was cut: what is left of it is served. */
Test(exchanged_middle, a_cut_file_is_no_copy)
{
	struct world world;
	fill_diverging(&world, BATCHES, 0);
	rot_cut(&world, logs[0], rot_batch(&world, logs[0], 13).position + 100);
	world_open(&world);
	world_expect_damaged(&world, world_partition(&world, "t", 0), 13 * RECORDS, END, END);
	world_fini(&world);
}
