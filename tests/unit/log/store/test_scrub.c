/* The scrub on a simulated disk: rot in a sealed segment that nobody reads is found within an interval, fenced and remembered; at the rate that was asked
 * for; and between passes nothing happens. */
#include "log/segment/seal.h"
#include "tests/unit/log/verify/rot.h"

#define RECORDS 5
#define BATCHES 40
#define VALUE_SIZE 2000
#define DAY_NS (86400ull * 1000 * 1000 * 1000)

static void fill(struct world *world)
{
	struct config_override override = {"segment.ms", "50"}; /* of the records' time: 10 batches */
	world_init(world, 5);
	world->options.scrub_bytes_per_second = 1 << 20;
	world->options.scrub_interval_ms = 3600000;
	world_open(world);
	world_create_topic(world, "t", 2, &override, 1);
	for (int i = 0; i < BATCHES; i++)
		for (uint32_t index = 0; index < 2; index++)
			world_append(world, world_partition(world, "t", index), (uint64_t)i * RECORDS, RECORDS, VALUE_SIZE);
	world_stop(world);
}

/* Lets time pass until so many passes are over; returns how long that was. */
static uint64_t run_passes(struct world *world, uint64_t passes)
{
	uint64_t began_ns = io_now_ns(world->io);
	for (int turns = 0; store_counters(world->store).scrub_passes < passes && turns < 100000; turns++)
		world_turn(world);
	cr_assert_eq(store_counters(world->store).scrub_passes, passes);
	return io_now_ns(world->io) - began_ns;
}

static void let_pass(struct world *world, uint64_t ns)
{
	uint64_t end_ns = io_now_ns(world->io) + ns;
	for (int turns = 0; io_now_ns(world->io) < end_ns && turns < 100000; turns++)
		world_turn(world);
}

/* A sound log: all sealed segments are read, none fenced, no faster than the rate allows. */
Test(scrub, a_sound_log)
{
	struct world world;
	fill(&world);
	world_open(&world);
	uint64_t took_ns = run_passes(&world, 1);
	struct store_counters counters = store_counters(world.store);
	cr_assert_eq(counters.damaged_ranges, 0);
	cr_assert_geq(counters.scrub_segments, 6);
	cr_assert_geq(counters.scrub_bytes, 2 * 30 * RECORDS * VALUE_SIZE);
	cr_assert_geq(took_ns, 600000000000ull, "the first pass begins ten minutes after the start");
	double reading = (double)(took_ns - 600000000000ull) / 1e9;
	cr_assert_geq(reading * (1 << 20), 0.8 * (double)counters.scrub_bytes, "%.3f s for %lu bytes", reading, (unsigned long)counters.scrub_bytes);
	run_passes(&world, 3);
	cr_assert_eq(store_counters(world.store).damaged_ranges, 0);
	world_fini(&world);
}

/* A seal that is missing, and one that is of another segment by what it says of its end: no sound record is fenced for it, and it is made anew. */
Test(scrub, makes_seals_anew, .timeout = 60)
{
	static const char *const missing = "/t-0/00000000000000000000.seal", *const anothers = "/t-1/00000000000000000000.seal";
	struct world world;
	struct verdict verdict;
	size_t size;
	fill(&world);
	uint8_t *first = rot_read(&world, missing, &size), *second = rot_read(&world, anothers, &size), changed[SEAL_SIZE];
	struct seal seal;
	cr_assert_eq(seal_decode(&seal, (struct slice){second, size}), 0);
	seal.log_size_bytes += 100;
	seal_encode(&seal, changed);
	rot_unlink(&world, missing);
	rot_write(&world, anothers, changed, sizeof changed);
	rot_verify(&world, &verdict);
	cr_assert_eq(verdict.report.counts.findings[FINDING_DAMAGE], 0);
	cr_assert_eq(verdict.report.counts.findings[FINDING_DERIVED], 2);
	world_open(&world);
	run_passes(&world, 1);
	cr_assert_eq(store_counters(world.store).damaged_ranges, 0);
	world_stop(&world);
	rot_verify(&world, &verdict);
	cr_assert_eq(verdict.report.counts.findings[FINDING_DAMAGE] + verdict.report.counts.findings[FINDING_DERIVED], 0);
	uint8_t *again = rot_read(&world, missing, &size);
	cr_assert_eq(memcmp(again, first, SEAL_SIZE), 0);
	free(again);
	again = rot_read(&world, anothers, &size);
	cr_assert_eq(memcmp(again, second, SEAL_SIZE), 0);
	free(first);
	free(second);
	free(again);
	world_open(&world);
	world_fini(&world);
}

/* An index alone is taken, and its seal is not: it is as it was after one pass. */
static void take_index(struct world *world, const char *path, bool is_emptied)
{
	struct verdict verdict;
	size_t size, size_again;
	uint8_t *before = rot_read(world, path, &size);
	cr_assert_gt(size, 0);
	if (is_emptied)
		rot_write(world, path, "", 0);
	else
		rot_unlink(world, path);
	world_open(world);
	run_passes(world, 1);
	cr_assert_eq(store_counters(world->store).damaged_ranges, 0);
	let_pass(world, 20ull * 1000 * 1000 * 1000);
	world_stop(world);
	rot_verify(world, &verdict);
	cr_assert_eq(verdict.count, 0, "%s", path);
	uint8_t *again = rot_read(world, path, &size_again);
	cr_assert(size_again == size && memcmp(again, before, size) == 0, "%s", path);
	free(again);
	free(before);
}

/* As a power cut leaves them, of seals and leader epochs written just before: empty, zeros, not there. That is noted, costs nobody a record, and they are as
 * they were after one pass; but no seal blesses a segment that has rotted meanwhile. */
Test(scrub, makes_anew_what_a_power_cut_took, .timeout = 60)
{
	static const char *const seals[] = {"/t-0/00000000000000000000.seal", "/t-1/00000000000000000000.seal"};
	static const char *const epochs[] = {"/t-0/leader-epoch-checkpoint", "/t-1/leader-epoch-checkpoint"};
	static const char *const indexes[] = {"/t-0/00000000000000000000.index", "/t-0/00000000000000000000.timeindex"};
	static const uint8_t zeros[SEAL_SIZE];
	struct world world;
	struct verdict verdict;
	size_t size, sizes[2];
	fill(&world);
	take_index(&world, indexes[0], true);
	take_index(&world, indexes[1], false);
	uint8_t *whole = rot_read(&world, seals[0], &size), *texts[2];
	for (int i = 0; i < 2; i++)
		texts[i] = rot_read(&world, epochs[i], &sizes[i]);
	rot_write(&world, seals[0], zeros, sizeof zeros);
	rot_write(&world, seals[1], zeros, sizeof zeros);
	rot_write(&world, epochs[0], zeros, sizes[0]);
	rot_unlink(&world, epochs[1]);
	rot_verify(&world, &verdict);
	cr_assert_eq(verdict.report.counts.findings[FINDING_DAMAGE] + verdict.report.counts.findings[FINDING_DERIVED], 0);
	cr_assert_eq(verdict.report.counts.findings[FINDING_NOTE], 3);
	rot_flip(&world, "/t-1/00000000000000000000.log", rot_batch(&world, "/t-1/00000000000000000000.log", 3).position + 500, 1);
	world_open(&world);
	run_passes(&world, 1);
	cr_assert_eq(store_counters(world.store).damaged_ranges, 1);
	let_pass(&world, 20ull * 1000 * 1000 * 1000);
	world_stop(&world);
	uint8_t *again = rot_read(&world, seals[0], &size);
	cr_assert_eq(memcmp(again, whole, SEAL_SIZE), 0);
	free(again);
	again = rot_read(&world, seals[1], &size);
	cr_assert_eq(memcmp(again, zeros, SEAL_SIZE), 0);
	free(again);
	for (int i = 0; i < 2; i++) {
		again = rot_read(&world, epochs[i], &size);
		cr_assert(size == sizes[i] && memcmp(again, texts[i], size) == 0, "%s", epochs[i]);
		free(again);
		free(texts[i]);
	}
	free(whole);
	world_open(&world);
	world_fini(&world);
}

/* Between two passes there is one timer, and no turn of the loop. */
Test(scrub, rests_between_passes)
{
	struct world world;
	fill(&world);
	world_open(&world);
	run_passes(&world, 1);
	uint64_t before_ns = io_now_ns(world.io);
	world_turn(&world);
	cr_assert_geq(io_now_ns(world.io) - before_ns, 3000ull * 1000 * 1000 * 1000, "it woke after %lu ms",
		      (unsigned long)((io_now_ns(world.io) - before_ns) / 1000000));
	world_fini(&world);
}

struct rot_row {
	const char *name;
	uint32_t batch;
	size_t at;        /* in the batch */
	uint8_t bits;
	int64_t from, to; /* fenced */
};

static const struct rot_row rows[] = {
	{"a record", 3, 500, 0x10, 15, 20},
	{"the CRC", 0, BATCH_AT_CRC, 0x01, 0, 5},
	{"a base offset", 4, BATCH_AT_BASE_OFFSET + 7, 0x02, 20, 25},
	{"a leader epoch", 5, BATCH_AT_LEADER_EPOCH + 3, 0x04, 25, 30},
	{"a length", 6, BATCH_AT_LENGTH + 2, 0x08, 30, 35},
	{"the magic", 7, BATCH_AT_MAGIC, 0x01, 35, 40},
};

/* Rot of each kind is fenced before anybody reads there, with just its offsets; the checkpoint remembers it. */
Test(scrub, finds_rot, .timeout = 60)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct rot_row *row = &rows[i];
		const char *log = "/t-1/00000000000000000000.log";
		struct world world;
		fill(&world);
		rot_flip(&world, log, rot_batch(&world, log, row->batch).position + row->at, row->bits);
		world_open(&world);
		cr_assert_eq(store_counters(world.store).damaged_ranges, 0);
		run_passes(&world, 1);
		cr_assert_eq(store_counters(world.store).damaged_ranges, 1, "%s", row->name);
		run_passes(&world, 2);
		cr_assert_eq(store_counters(world.store).damaged_ranges, 1, "%s: known damage is no news", row->name);
		let_pass(&world, 20ull * 1000 * 1000 * 1000);
		world_crash(&world);
		world_open(&world);
		for (int64_t offset = 0; offset < BATCHES * RECORDS; offset += RECORDS) {
			struct read read;
			world_read_begin(&world, world_partition(&world, "t", 1), &read, offset, 1);
			bool is_fenced = offset >= row->from && offset < row->to;
			cr_assert_eq(read.op.err, is_fenced ? ERR_CORRUPT_LOG : 0, "%s: offset %ld: %s", row->name, (long)offset, err_name(read.op.err));
			partition_read_release(&read.op);
		}
		world_fini(&world);
	}
}

/* A file that is gone, and one that was cut: found as well. The partition is deleted in the middle of a pass, and nothing happens. */
Test(scrub, lost_files_and_lost_topics)
{
	struct world world;
	fill(&world);
	rot_unlink(&world, "/t-0/00000000000000000000.log");
	rot_cut(&world, "/t-1/00000000000000000000.log", 25000);
	world_open(&world);
	run_passes(&world, 1);
	cr_assert_eq(store_counters(world.store).damaged_ranges, 2);
	world_fini(&world);

	fill(&world);
	world_open(&world);
	let_pass(&world, 600ull * 1000 * 1000 * 1000);
	for (int turns = 0; store_counters(world.store).scrub_bytes == 0 && turns < 1000; turns++)
		world_turn(&world);
	world_delete_topic(&world, "t");
	run_passes(&world, 2);
	cr_assert_eq(store_counters(world.store).damaged_ranges, 0);
	world_fini(&world);
}
