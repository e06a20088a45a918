/* A block of another partition's log over a part of this one's file: its batches are whole, and of offsets that are due here. A segment that is sealed knows by its
 * index where its own batches stood: what leads past such a place is fenced by whoever meets damage behind it, and the verifier names the same. */
#include "tests/unit/log/verify/rot.h"

#define BATCHES 700
#define LOG "/t-0/00000000000000000000.log"
#define OTHER_LOG "/t-1/00000000000000000000.log"
#define INDEX "/t-0/00000000000000000000.index"
#define NEAR 6000 /* bytes: an index interval, and the largest batch at each end */
#define STRETCH 20000 /* from one step to the next: the scrub holds headers against their sums as well */

static void append_stranger(struct world *world, struct partition *partition, uint64_t number, size_t value_size)
{
	struct append append;
	cr_assert_eq(world_append_begin(partition, &append, number + 1000000, 1, value_size), 0);
	store_turn(world->store);
	for (int turns = 0; !append.is_done && turns < 100000; turns++)
		world_turn(world);
	cr_assert(append.is_done && append.op.err == 0);
}

/* Two partitions of one record to a batch, each of other sizes; the first segment of each is sealed. The values of the second say other numbers. */
static void fill(struct world *world)
{
	struct config_override override = {"segment.ms", "400"};
	world_init(world, 7);
	world->options.scrub_bytes_per_second = 1 << 20;
	world->options.scrub_interval_ms = 3600000;
	world_open(world);
	world_create_topic(world, "t", 2, &override, 1);
	for (uint64_t i = 0; i < BATCHES; i++) {
		world_append(world, partition_of(world, 0), i, 1, 200 + i * 37 % 411);
		append_stranger(world, partition_of(world, 1), i, 180 + i * 53 % 403);
	}
	for (int turns = 0; turns < 300; turns++)
		world_turn(world);
	world_stop(world);
}

struct stray {
	size_t position, size, from; /* where in the one file, and of the other */
};

static void strike(struct world *world, const struct stray *stray)
{
	size_t size, other_size;
	uint8_t *file = rot_read(world, LOG, &size), *other = rot_read(world, OTHER_LOG, &other_size);
	cr_assert_leq(stray->position + stray->size, size);
	cr_assert_leq(stray->from + stray->size, other_size);
	memcpy(file + stray->position, other + stray->from, stray->size);
	rot_write(world, LOG, file, size);
	free(file);
	free(other);
}

/* Offsets that honest readers may lose: of batches about the block. */
static void find_near(struct world *world, const struct stray *stray, size_t distance, int64_t *from, int64_t *to)
{
	size_t size;
	uint8_t *file = rot_read(world, LOG, &size);
	struct batch batch;
	*from = INT64_MAX;
	for (size_t at = 0; at < size; at += batch.size_bytes) {
		cr_assert_eq(batch_parse_checked((struct slice){file + at, size - at}, &batch), 0);
		if (at + batch.size_bytes + distance <= stray->position || at >= stray->position + stray->size + distance)
			continue;
		*from = *from == INT64_MAX ? batch.base_offset : *from;
		*to = batch_next_offset(&batch);
	}
	free(file);
}

/* What is read is this log's; the rest is told as damaged. */
static void read_all(struct world *world, uint32_t size_max, bool *damaged)
{
	for (int64_t next = 0; next < BATCHES;) {
		struct read read;
		world_read_begin(world, partition_of(world, 0), &read, next, size_max);
		damaged[next] = read.op.err == ERR_CORRUPT_LOG;
		cr_assert(read.op.err == 0 || damaged[next], "offset %ld: %s", (long)next, err_name(read.op.err));
		next = read.op.err ? next + 1 : check_records(&read.op, next);
		partition_read_release(&read.op);
	}
}

/* Where the scrub has come by, it names just the same; else what the sums of headers tell as well. */
static void check_named(const struct verdict *verdict, const bool *damaged, bool is_scrubbed, int64_t near_from, int64_t near_to)
{
	int64_t count = 0;
	for (int64_t offset = 0; offset < BATCHES; offset++) {
		bool is_named = false;
		for (uint32_t i = 0; i < verdict->count; i++)
			is_named |= verdict->found[i].kind == FINDING_DAMAGE && verdict->found[i].from <= offset && offset < verdict->found[i].to;
		count += damaged[offset];
		cr_assert(is_scrubbed ? is_named == damaged[offset] : is_named || !damaged[offset], "offset %ld is %s, and verify says %d", (long)offset, damaged[offset] ? "fenced" : "served", is_named);
		cr_assert(!damaged[offset] || (offset >= near_from && offset < near_to), "offset %ld is far from [%ld, %ld)", (long)offset, (long)near_from, (long)near_to);
	}
	cr_assert_gt(count, 0);
	for (uint32_t i = 0; i < verdict->count; i++)
		cr_assert(verdict->found[i].kind != FINDING_DERIVED || strstr(verdict->found[i].what, "missing"), "%s: %s", verdict->found[i].file, verdict->found[i].what);
}

static void reset(struct world *world, struct sim_disk *base)
{
	sim_disk_close(world->disk);
	world->disk = sim_disk_copy(base);
}

enum circumstance { AS_IT_IS, WITHOUT_INDEX, SCRUBBED };

/* Where the scrub has come by, even one batch at a time none of the other log's is read. */
static void try(struct world *world, struct sim_disk *base, const struct stray *stray, enum circumstance circumstance, uint32_t size_max)
{
	bool is_scrubbed = circumstance == SCRUBBED;
	bool damaged[BATCHES] = {false};
	struct verdict verdict;
	int64_t from, to = 0;
	reset(world, base);
	find_near(world, stray, is_scrubbed ? STRETCH : NEAR, &from, &to);
	strike(world, stray);
	if (circumstance == WITHOUT_INDEX)
		rot_unlink(world, INDEX);
	rot_verify(world, &verdict);
	world_open(world);
	for (int turns = 0; is_scrubbed && store_counters(world->store).scrub_passes < 1 && turns < 100000; turns++)
		world_turn(world);
	read_all(world, size_max, damaged);
	check_named(&verdict, damaged, is_scrubbed, from, to);
	world_close(world);
}

static void end(struct world *world, struct sim_disk *base)
{
	sim_disk_close(world->disk);
	world->disk = base;
	world_open(world);
	world_fini(world);
}

static void land_anywhere(enum circumstance circumstance)
{
	static const size_t sizes[] = {512, 4096, 20480, 32768, 65536};
	struct world world;
	fill(&world);
	struct sim_disk *base = sim_disk_copy(world.disk);
	for (size_t i = 0; i < COUNT_OF(sizes); i++)
		for (size_t position = 5120; position + sizes[i] < 130000; position += 31232)
			for (size_t ahead = 0; ahead < 12000; ahead += 2900)
				try(&world, base, &(struct stray){position, sizes[i], position + ahead}, circumstance, 1);
	end(&world, base);
}

/* Wherever it lands: what a search finds in it is not taken, however long it is. */
Test(stray, a_block_of_another_log, .timeout = 120) { land_anywhere(AS_IT_IS); }

/* Nor where no index tells of places, up to the 64 KiB of such a block that are thought of. */
Test(stray, a_block_where_no_index_tells, .timeout = 120) { land_anywhere(WITHOUT_INDEX); }

/* It begins just where a batch is due, with that offset: whoever reads on to its end, as the scrub does, fences what led there. */
static void begin_where_due(enum circumstance circumstance, uint32_t size_max)
{
	static const size_t sizes[] = {8192, 32768, 65536};
	struct world world;
	fill(&world);
	struct sim_disk *base = sim_disk_copy(world.disk);
	for (uint32_t ordinal = 3; ordinal < 200; ordinal += 23) {
		reset(&world, base);
		size_t position = rot_batch(&world, LOG, ordinal).position, from = rot_batch(&world, OTHER_LOG, ordinal).position;
		for (size_t i = 0; i < COUNT_OF(sizes); i++)
			try(&world, base, &(struct stray){position, sizes[i], from}, circumstance, size_max);
	}
	end(&world, base);
}

Test(stray, one_that_begins_where_a_batch_is_due, .timeout = 120) { begin_where_due(AS_IT_IS, 1 << 20); }
Test(stray, is_found_by_the_scrub, .timeout = 120) { begin_where_due(SCRUBBED, 1); }

static void expect_only(struct world *world, int64_t offset, size_t byte)
{
	bool damaged[BATCHES] = {false};
	struct verdict verdict;
	rot_verify(world, &verdict);
	world_open(world);
	read_all(world, 1, damaged);
	for (int64_t i = 0; i < BATCHES; i++)
		cr_assert_eq(damaged[i], i == offset, "byte %zu of the header of offset %ld: offset %ld is %s", byte, (long)offset, (long)i, damaged[i] ? "fenced" : "served");
	check_named(&verdict, damaged, true, offset, offset + 1);
	world_close(world);
}

/* A flipped bit of a header costs its batch, whatever stands on either side of it, a known place or none. */
Test(stray, a_flipped_bit_costs_one_batch, .timeout = 120)
{
	struct world world;
	fill(&world);
	struct sim_disk *base = sim_disk_copy(world.disk);
	for (uint32_t ordinal = 20; ordinal < 36; ordinal++)
		for (size_t byte = ordinal % 7; byte < BATCH_HEADER_SIZE; byte += 7) {
			reset(&world, base);
			rot_flip(&world, LOG, rot_batch(&world, LOG, ordinal).position + byte, (uint8_t)(1u << ordinal % 8));
			expect_only(&world, ordinal, byte);
		}
	end(&world, base);
}

/* A seal with the indexes that it vouches for, and all are of another segment: they tell nothing of this one. */
Test(stray, anothers_seal_vouches_for_no_index)
{
	static const char *const endings[] = {"seal", "index", "timeindex"};
	struct world world;
	fill(&world);
	struct sim_disk *base = sim_disk_copy(world.disk);
	for (size_t i = 0; i < COUNT_OF(endings); i++) {
		char path[64], other[64];
		snprintf(path, sizeof path, "/t-0/%020d.%s", 0, endings[i]);
		snprintf(other, sizeof other, "/t-1/%020d.%s", 0, endings[i]);
		struct rot_kept kept = rot_keep(&world, other);
		rot_put_back(&world, path, kept);
	}
	rot_flip(&world, LOG, rot_batch(&world, LOG, 100).position + BATCH_AT_LENGTH + 3, 1);
	bool damaged[BATCHES] = {false};
	world_open(&world);
	read_all(&world, 1, damaged);
	for (int64_t i = 0; i < BATCHES; i++)
		cr_assert_eq(damaged[i], i == 100, "offset %ld is %s", (long)i, damaged[i] ? "fenced" : "served");
	world_close(&world);
	end(&world, base);
}

/* An index file that nothing vouched for had rotted, and the segment goes on and is sealed: the file that the seal vouches for is right. */
Test(stray, a_seal_vouches_for_no_rotten_index)
{
	struct config_override override = {"segment.ms", "400"};
	struct world world;
	world_init(&world, 7);
	world_open(&world);
	world_create_topic(&world, "t", 1, &override, 1);
	for (uint64_t i = 0; i < 300; i++)
		world_append(&world, the_partition(&world), i, 1, 200 + i * 37 % 411);
	world_stop(&world);
	rot_flip(&world, INDEX, 8 * 5 + 7, 0x10);
	world_open(&world);
	world_check_all(&world, the_partition(&world), 0, 1);
	for (uint64_t i = 300; i < BATCHES; i++)
		world_append(&world, the_partition(&world), i, 1, 200 + i * 37 % 411);
	for (int turns = 0; turns < 300; turns++)
		world_turn(&world);
	world_stop(&world);
	struct verdict verdict;
	rot_verify(&world, &verdict);
	rot_print(&verdict);
	cr_assert_eq(verdict.count, 0);
	world_open(&world);
	world_fini(&world);
}

static void append_to_next_segment(struct world *world, struct partition *partition, uint64_t number)
{
	uint8_t bytes[1024];
	struct append append = {.op = {.done = append_done, .records = bytes, .begins_segment = true}};
	append.op.records_size_bytes = make_batch(bytes, sizeof bytes, number, 1, 400, 1000);
	cr_assert_eq(partition_append(partition, &append.op), 0);
	while (!append.is_done)
		world_turn(world);
	cr_assert_eq(append.op.err, 0);
}

/* A block that hides a segment's first batch, and what comes behind it there, when the segment is to be sealed: the seal is not made, and what was known of the first batch is what is known. (check-sim, seed
 * 6054995, a misdirected write: the checkpoint said from then on that the segment begins with the other's batch, which was served.) */
Test(stray, over_the_first_batch_of_a_segment_to_be_sealed, .timeout = 60)
{
	struct world world;
	size_t size;
	world_init(&world, 8);
	world_open(&world);
	world_create_topic(&world, "t", 2, NULL, 0);
	append_stranger(&world, partition_of(&world, 1), 0, 300);
	for (uint64_t i = 0; i < 3; i++)
		world_append(&world, partition_of(&world, 0), i, 1, 400);
	world_stop(&world);
	world_open(&world); /* which has not counted these batches, and knows the file from a read of it */
	cr_assert_eq(world_check_all(&world, partition_of(&world, 0), 0, 1 << 20), 3);
	uint8_t *other = rot_read(&world, OTHER_LOG, &size);
	struct place first = rot_batch(&world, OTHER_LOG, 0);
	memset(other + first.end, 0, size - first.end);
	other = realloc(other, 4096);
	memset(other + size, 0, 4096 - size);
	int fd = io_file_open(world.io, LOG, 0);
	cr_assert_eq(io_file_write(world.io, fd, other, 4096, 0), 4096);
	cr_assert_eq(io_file_sync(world.io, fd), 0);
	io_close_fd(world.io, fd);
	free(other);
	append_to_next_segment(&world, partition_of(&world, 0), 3);
	for (int turns = 0; turns < 300; turns++)
		world_turn(&world);
	world_stop(&world);
	world_open(&world);
	world_expect_damaged(&world, partition_of(&world, 0), 0, 3, 4);
	world_fini(&world);
}
