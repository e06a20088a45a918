/* Index files that have rotted: those of a sealed segment do not fit its seal, those of another are believed no further than the log bears them out. */
#include "log/store/store_priv.h"
#include "tests/unit/log/verify/rot.h"

#define BATCHES 45

static const char *const index_path = "/t-0/00000000000000000000.index", *const time_path = "/t-0/00000000000000000000.timeindex";

/* A file of two segments at least, each with some index entries; a clean stop. */
static void begin(struct world *world, uint64_t seed, const char *segment_bytes)
{
	/* An entry for some batches, so that a wrong one still fits between its neighbours. */
	struct config_override sparse[] = {{"segment.bytes", (char *)segment_bytes}, {"index.interval.bytes", "100000"}};
	world_init(world, seed);
	world_open(world);
	world_create_topic(world, "t", 1, sparse, COUNT_OF(sparse));
	for (uint64_t i = 0; i < BATCHES; i++)
		world_append(world, world_partition(world, "t", 0), i, 1, 30000);
	for (int turns = 0; turns < 300; turns++)
		world_turn(world);
	world_stop(world);
}

static void check_lookups(struct partition *partition, const char *what, size_t position)
{
	for (int64_t i = 0; i < BATCHES; i++) {
		struct offset_found found;
		cr_assert_eq(partition_offset_for_time(partition, 1000 + i, &found), 0);
		cr_assert(found.found && found.offset == i, "%s, byte %zu: time %ld is at %ld", what, position, (long)i, found.found ? (long)found.offset : -1);
	}
}

/* Each entry of the offset index, as it is used, is a batch's. */
static void check_index(struct world *world, struct partition *partition, size_t at)
{
	const struct segment *segment = LIST_ENTRY(partition->segments.next, struct segment, node);
	cr_assert_gt(segment->offsets.count, 2);
	for (uint32_t i = 0; i < segment->offsets.count; i++) {
		const struct offset_index_entry *entry = &segment->offsets.entries[i];
		uint8_t header[BATCH_HEADER_SIZE];
		struct batch batch;
		cr_assert_eq(sim_disk_peek(world->disk, "/t-0/00000000000000000000.log", header, sizeof header, entry->position), (int64_t)sizeof header);
		cr_assert_eq(batch_parse_header((struct slice){header, sizeof header}, &batch), 0, "byte %zu: entry %u", at, i);
		cr_assert_eq(batch_last_offset(&batch), entry->relative_offset, "byte %zu: entry %u", at, i);
	}
}

static void rot_each(const char *path, const char *segment_bytes, size_t from, size_t step, bool must_check_index)
{
	struct world world;
	size_t size;
	begin(&world, 1, segment_bytes);
	free(rot_read(&world, path, &size));
	cr_assert_gt(size, from + step);
	struct sim_disk *base = sim_disk_copy(world.disk);
	for (size_t at = from; at < size; at += step) {
		sim_disk_close(world.disk);
		world.disk = sim_disk_copy(base);
		cr_assert_eq(sim_disk_flip_bit(world.disk, path, at, 1), 0);
		world_open(&world);
		struct partition *partition = world_partition(&world, "t", 0);
		check_lookups(partition, path, at);
		if (must_check_index)
			check_index(&world, partition, at);
		world_close(&world);
	}
	sim_disk_close(base);
	world_open(&world);
	world_fini(&world);
}

/* ---- the time index's last entry, which who goes on behind it takes for the largest time so far ------------------------ */

#define LARGEST_MS 9000

static void append_at(struct world *world, int64_t timestamp_ms, uint64_t number)
{
	static uint8_t bytes[40000];
	struct append append = {.op = {.done = append_done, .records = bytes, .is_zstd_allowed = true}};
	append.op.records_size_bytes = make_batch(bytes, sizeof bytes, number, 1, 30000, timestamp_ms);
	cr_assert_eq(partition_append(the_partition(world), &append.op), 0);
	for (int turns = 0; !append.is_done && turns < 100000; turns++)
		world_turn(world);
	cr_assert_eq(append.op.err, 0);
}

/* One record has the largest time of all; one segment without a seal, a clean stop. */
static void begin_with_largest(struct world *world, uint64_t largest)
{
	struct config_override sparse[] = {{"index.interval.bytes", "100000"}};
	world_init(world, 1);
	world_open(world);
	world_create_topic(world, "t", 1, sparse, COUNT_OF(sparse));
	for (uint64_t i = 0; i < BATCHES; i++)
		append_at(world, i == largest ? LARGEST_MS : 1000 + (int64_t)i, i);
	world_stop(world);
}

/* Each time is asked of a life of its own: an answer may have the indexes made anew. */
static void check_largest_is_found(struct world *world, uint64_t largest, const char *what, size_t at)
{
	static const int64_t times_ms[] = {1010, 1020, 1030, 1040, LARGEST_MS};
	for (size_t i = 0; i < COUNT_OF(times_ms); i++) {
		struct offset_found found;
		world_open(world);
		cr_assert_eq(partition_offset_for_time(the_partition(world), times_ms[i], &found), 0);
		cr_assert(found.found && found.offset == (int64_t)largest, "%s %zu: time %ld is at %ld", what, at, (long)times_ms[i],
			  found.found ? (long)found.offset : -1);
		world_close(world);
	}
}

/* The largest time is that of a batch that the first entries tell of, so the other index may go on right behind it. */
static void rot_largest_time(uint64_t largest)
{
	struct world world;
	begin_with_largest(&world, largest);
	struct sim_disk *base = sim_disk_copy(world.disk);
	for (size_t at = 6; at < 8; at++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			sim_disk_close(world.disk);
			world.disk = sim_disk_copy(base);
			cr_assert_eq(sim_disk_flip_bit(world.disk, time_path, at, bit), 0);
			check_largest_is_found(&world, largest, "byte", at);
		}
	}
	sim_disk_close(base);
	world_open(&world);
	world_fini(&world);
}

Test(index_files, a_largest_time_that_was_lowered, .timeout = 60)
{
	for (uint64_t largest = 2; largest < 6; largest++)
		rot_largest_time(largest);
}

/* As a power cut may leave them: an entry of zeros says that the first record, at time 0, has the largest time. */
Test(index_files, index_files_of_zeros, .timeout = 60)
{
	static const uint8_t zeros[TIME_INDEX_ENTRY_SIZE];
	struct world world;
	begin_with_largest(&world, 0);
	rot_write(&world, index_path, zeros, OFFSET_INDEX_ENTRY_SIZE);
	rot_write(&world, time_path, zeros, TIME_INDEX_ENTRY_SIZE);
	check_largest_is_found(&world, 0, "zeros", 0);
	world_open(&world);
	world_fini(&world);
}

Test(index_files, an_offset_index_that_does_not_fit_its_seal, .timeout = 60) { rot_each(index_path, "1048576", 3, 9, true); }
Test(index_files, a_time_index_that_does_not_fit_its_seal, .timeout = 60) { rot_each(time_path, "1048576", 3, 4, false); }
Test(index_files, a_time_index_without_a_seal, .timeout = 60) { rot_each(time_path, "10000000", 3, 4, false); }
