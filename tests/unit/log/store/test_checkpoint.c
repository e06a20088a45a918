/* The checkpoint is never evidence: flipped, forged or lost, what was acknowledged is there. */
#include "tests/unit/log/verify/rot.h"

#include <errno.h>
#include <xxhash.h>

#include "log/base/bytes.h"
#include "log/store/checkpoint_format.h"
#include "log/store/store_priv.h"

/* Where the first partition's segments begin, and how long they are (log/store/checkpoint_format.h). */
#define HEADER_SIZE 36
#define PARTITION_SIZE 44

static void idle(struct world *world, int seconds)
{
	uint64_t until_ns = io_now_ns(world->io) + (uint64_t)seconds * 1000000000ull;
	for (int turns = 0; io_now_ns(world->io) < until_ns && turns < 2000 && !store_has_failed(world->store); turns++) {
		cr_assert_geq(io_turn(world->io, true), 0);
		store_turn(world->store);
	}
}

/* Records 0 to 11 in two segments, all filed, and a clean stop. */
static void make(struct world *world, uint64_t seed)
{
	struct config_override overrides[] = {{"segment.ms", "1"}, {"retention.ms", "-1"}};
	world_init(world, seed);
	world->options.journal_size_bytes = 1 << 20;
	world_open(world);
	world_create_topic(world, "t", 1, overrides, 2);
	world_append(world, world_partition(world, "t", 0), 0, 6, 100);
	world_append(world, world_partition(world, "t", 0), 6, 6, 100);
	idle(world, 6);
	world_stop(world);
}

/* Any bit of it: another way is found to the same records. */
Test(checkpoint, every_byte_flipped, .timeout = 60)
{
	struct world world;
	size_t size;
	make(&world, 1);
	free(rot_read(&world, "//checkpoint-0", &size));
	struct sim_disk *base = sim_disk_copy(world.disk);
	for (size_t at = 0; at < size; at++) {
		sim_disk_close(world.disk);
		world.disk = sim_disk_copy(base);
		cr_assert_eq(sim_disk_flip_bit(world.disk, "/checkpoint-0", at, (unsigned)at % 8), 0);
		int err = world_try_open(&world);
		/* Its version and its generation may make it another's: a refusal loses nothing either. */
		if (!err) {
			cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 50000), 12, "byte %zu", at);
			cr_assert_eq(world.report.damaged_ranges, 0, "byte %zu", at);
		}
		world_close(&world);
	}
	sim_disk_close(base);
	int err = world_try_open(&world);
	(void)err;
	world_fini(&world);
}

/* Segments that cannot be, under a right checksum: refused or scanned over, never aborted on. */
Test(checkpoint, forged_segments, .timeout = 60)
{
	static const uint64_t values[] = {0, 1, 5, 7, UINT64_MAX, 1ull << 40, INT64_MAX};
	struct world world;
	size_t size;
	make(&world, 2);
	uint8_t *data = rot_read(&world, "//checkpoint-0", &size);
	struct sim_disk *base = sim_disk_copy(world.disk);
	uint32_t segments = 2;
	size_t first = 0;
	for (size_t at = HEADER_SIZE; at + PARTITION_SIZE < size && !first; at++)
		if (load_le32(data + at + 28) == segments && load_le32(data + at + 16) == 0 && load_le64(data + at + 20) == 0)
			first = at + PARTITION_SIZE;
	cr_assert_neq(first, 0, "no partition of two segments is told of");
	/* The segments' size comes from where the second one's base offset stands. */
	size_t stride = 60;
	while (load_le64(data + first + stride) != 6 || load_le64(data + first + stride + 8) != 12)
		cr_assert_lt(++stride, 120);
	for (uint32_t s = 0; s < segments; s++)
		for (size_t field = 0; field < 24; field += 8)
			for (size_t v = 0; v < COUNT_OF(values); v++) {
				uint8_t *forged = malloc(size);
				memcpy(forged, data, size);
				store_le64(forged + first + s * stride + field, values[v]);
				store_le64(forged + size - 8, XXH3_64bits(forged, size - 8));
				sim_disk_close(world.disk);
				world.disk = sim_disk_copy(base);
				rot_write(&world, "//checkpoint-0", forged, size);
				free(forged);
				int err = world_try_open(&world);
				/* Some say what could be, and may be believed. Segments that overlap cannot. */
				if (s == 1 && field == 0 && values[v] < 6) {
					cr_assert_eq(err, 0);
					cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 50000), 12);
				}
				world_close(&world);
			}
	free(data);
	sim_disk_close(base);
	int err = world_try_open(&world);
	(void)err;
	world_fini(&world);
}

/* Two batches of one entry, of which a torn filing left one; and no checkpoint: the scan finds that one, the journal brings the other, once. */
Test(checkpoint, lost_behind_a_torn_filing)
{
	static const char log_path[] = "//t-0/00000000000000000000.log";
	static struct append appends[2];
	static uint8_t bytes[4096];
	struct world world;
	world_init(&world, 5);
	world.options.journal_size_bytes = 1 << 20;
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	world_append(&world, world_partition(&world, "t", 0), 0, 1, 100);
	idle(&world, 7); /* so the journal is not the whole history any more */
	for (int i = 0; i < 2; i++)
		cr_assert_eq(world_append_begin(world_partition(&world, "t", 0), &appends[i], (uint64_t)i + 1, 1, 700), 0);
	while (!appends[1].is_done)
		world_turn(&world);
	size_t end = make_batch(bytes, sizeof bytes, 0, 1, 100, 1000) + make_batch(bytes, sizeof bytes, 1, 1, 700, 1001), size = 0;
	/* Until they are in the file, and no further: the checkpoint does not say so yet. */
	while (size <= end + 100) {
		world_turn(&world);
		free(rot_read(&world, log_path, &size));
	}
	world_crash(&world);
	rot_cut(&world, log_path, end);
	rot_unlink(&world, "//checkpoint-0");
	world_open(&world);
	cr_assert_eq(world.report.damaged_ranges, 0);
	cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 50000), 3);
	world_stop(&world);
	world_open(&world);
	cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 50000), 3);
	world_fini(&world);
}

#define PIECE_APPENDS 9

/* More than one write takes, so that it is synced by itself. */
static void append_large_piece(struct world *world, struct append *appends)
{
	for (int i = 0; i < PIECE_APPENDS; i++)
		cr_assert_eq(world_append_begin(world_partition(world, "t", 0), &appends[i], (uint64_t)(1 + i), 1, 900000), 0);
	for (int turns = 0; !appends[0].is_done && turns < 1000; turns++)
		world_turn(world);
}

/* One sync fails, of the piece's several writes or of its group: whoever was told of success is there behind a power cut. */
Test(checkpoint, failed_sync_of_a_large_piece)
{
	uint32_t refused = 0;
	for (uint64_t run = 0; run < 16; run++) {
		struct world world;
		static struct append appends[PIECE_APPENDS];
		int acknowledged = 0;
		uint64_t k = 1 + run % 2;
		world_init(&world, 3 + run / 2); /* which says what a power cut leaves */
		world_open(&world);
		world_create_topic(&world, "t", 1, NULL, 0);
		world_append(&world, world_partition(&world, "t", 0), 0, 1, 1000); /* less than the piece, which would else go through the journal */
		sim_disk_fail_kinds(world.disk, SIM_SYNC, k, EIO, false);
		append_large_piece(&world, appends);
		cr_assert(appends[0].is_done);
		for (int i = 0; i < PIECE_APPENDS; i++)
			acknowledged += appends[i].is_done && appends[i].op.err == 0;
		refused += acknowledged == 0;
		world_crash(&world);
		world_open(&world);
		cr_assert_eq(world.report.damaged_ranges, 0, "sync %d", (int)k);
		cr_assert_geq(world_check_all(&world, world_partition(&world, "t", 0), 0, 50000), 1 + acknowledged, "sync %d", (int)k);
		world_fini(&world);
	}
	cr_assert_gt(refused, 0, "none was of the piece");
}

static bool is_trimmed;

static void trimmed(struct trim_op *op)
{
	is_trimmed = op->err == 0;
}

/* A vouched piece that is damaged, and deleted since: nobody misses it. */
Test(checkpoint, damage_that_was_deleted)
{
	struct config_override overrides[] = {{"segment.ms", "1"}, {"retention.ms", "-1"}};
	struct world world;
	struct trim_op trim = {.done = trimmed, .offset = 2};
	world_init(&world, 4);
	world.options.direct_size_bytes_min = 300; /* so small that its entry does not tell its header, which recovery looks at then */
	world_open(&world);
	world_create_topic(&world, "t", 1, overrides, 2);
	world_append(&world, world_partition(&world, "t", 0), 0, 1, 100);
	idle(&world, 6);
	world_append(&world, world_partition(&world, "t", 0), 1, 1, 300);
	world_append(&world, world_partition(&world, "t", 0), 2, 5, 100);
	for (int is_deleted = 0; is_deleted < 2; is_deleted++) {
		struct world copy = world;
		copy.disk = sim_disk_copy(world.disk);
		cr_assert_eq(sim_disk_corrupt(copy.disk, "/t-0/00000000000000000000.log", 180, 40), 0);
		cr_assert_eq(world_try_open(&copy), 0);
		cr_assert_eq(copy.report.damaged_ranges, is_deleted ? 0 : 1);
		world_close(&copy);
		sim_disk_close(copy.disk);
		if (is_deleted)
			break;
		cr_assert_eq(partition_trim(world_partition(&world, "t", 0), &trim), 0);
		for (int turns = 0; turns < 50 && !is_trimmed; turns++)
			world_turn(&world);
		cr_assert(is_trimmed);
	}
	world_fini(&world);
}

/* One that is older than the journal was let go for, put back from a copy perhaps: what was filed and let go since is not lost with it, nor are its offsets
 * given out again. */
Test(checkpoint, an_earlier_one)
{
	for (int is_copy_too = 0; is_copy_too < 2; is_copy_too++) {
		struct world world;
		size_t size;
		world_init(&world, 6);
		world_open(&world);
		world_create_topic(&world, "t", 1, NULL, 0);
		world_append(&world, world_partition(&world, "t", 0), 0, 6, 100);
		idle(&world, 8);
		uint8_t *earlier = rot_read(&world, "//checkpoint-0", &size);
		world_append(&world, world_partition(&world, "t", 0), 6, 6, 100);
		idle(&world, 8);
		world_kill(&world);
		rot_write(&world, "//checkpoint-0", earlier, size);
		if (is_copy_too)
			rot_write(&world, "//checkpoint-0.copy", earlier, size);
		free(earlier);
		world_open(&world);
		cr_assert_eq(world.report.damaged_ranges, 0);
		cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 50000), 12);
		world_fini(&world);
	}
}

/* Two records in one segment, of which only the first is filed when the cycle ends, and a third in the next: the checkpoint stops at the second, and is believed
 * as it stands. (One that tells more is refused, and every directory is scanned at each start.) */
Test(checkpoint, is_believed_in_the_middle_of_filing)
{
	struct world world;
	static struct append appends[2];
	static uint8_t bytes[4096];
	size_t size, size_after, found = 0;
	world_init(&world, 7);
	world_open(&world);
	world_create_topic(&world, "t", 1, NULL, 0);
	struct partition *partition = world_partition(&world, "t", 0);
	world_append(&world, partition, 0, 1, 100);
	while (world.store->cycle.state != CYCLE_FILING)
		world_turn(&world);
	cr_assert_eq(world_append_begin(partition, &appends[0], 1, 1, 400), 0);
	appends[1] = (struct append){.op = {.done = append_done, .records = bytes, .begins_segment = true, .is_zstd_allowed = true}};
	appends[1].op.records_size_bytes = make_batch(bytes, sizeof bytes, 2, 1, 700, 1002);
	cr_assert_eq(partition_append(partition, &appends[1].op), 0);
	cr_assert(partition->segments.next->next->next == &partition->segments, "two segments");
	while (!appends[1].is_done || world.store->cycle.state != CYCLE_IDLE)
		world_turn(&world);
	const struct segment *first = LIST_ENTRY(partition->segments.next, struct segment, node);
	cr_assert(first->filed.offset == 1 && first->durable.offset == 2, "filed to %ld of %ld", (long)first->filed.offset, (long)first->durable.offset);
	world_kill(&world);
	uint8_t *before = rot_read(&world, "//checkpoint-0", &size);
	world_open(&world);
	cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 50000), 3);
	world_kill(&world);
	uint8_t *after = rot_read(&world, "//checkpoint-0", &size_after);
	while (found < size && size == size_after && before[found] == after[found])
		found++;
	cr_assert(size == size_after && found == size, "it was not believed, and made anew by a scan");
	free(before);
	free(after);
	world_open(&world);
	world_fini(&world);
}

/* ---- forged: a right checksum, and something that cannot be, or is another's ---------------------------------------------------- */

/* Where the first partition that is told of begins: one with these segments. */
static size_t find_partition(const uint8_t *data, size_t size, uint32_t segments)
{
	for (size_t at = HEADER_SIZE; at + PARTITION_SIZE < size; at++)
		if (load_le32(data + at + 28) == segments && load_le32(data + at + 16) == 0 && load_le64(data + at + 20) == 0)
			return at;
	cr_assert(false, "no partition of %u segments is told of", segments);
	return 0;
}

static void write_forged(struct world *world, uint8_t *data, size_t size)
{
	store_le64(data + size - 8, XXH3_64bits(data, size - 8));
	rot_write(world, "//checkpoint-0", data, size);
}

/* What the journal and the directories say instead: all of it. */
static void expect_not_believed(struct world *world, const char *what)
{
	world_open(world);
	cr_assert_eq(partition_log_start_offset(world_partition(world, "t", 0)), 0, "%s", what);
	cr_assert_eq(partition_damage_count(world_partition(world, "t", 0)), 0, "%s", what);
	cr_assert_eq(world_check_all(world, world_partition(world, "t", 0), 0, 50000), 12, "%s", what);
	world_append(world, world_partition(world, "t", 0), 12, 1, 100);
	world_fini(world);
}

/* A checkpoint of a later version, or of another shard, says nothing here, whatever it would say if it were ours: that the log starts at 5. One whose log
 * start cannot be says nothing either; nor one whose segments are more than there is room for. */
Test(checkpoint, forged_headers)
{
	static const struct {
		const char *what;
		size_t at; /* in the header; 0: nothing there */
		uint32_t value;
		int64_t start;
		uint32_t segments, epochs;
	} cases[] = {
		{"a later version", 8, 99, 5, 2, 1},
		{"another shard", 12, 1, 5, 2, 1},
		{"a start below zero", 0, 0, -5, 2, 1},
		{"too many segments", 0, 0, 0, 0x00ffffff, 1},
		{"too many epochs", 0, 0, 0, 2, 0x0fffffff},
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct world world;
		size_t size;
		make(&world, 20 + i);
		uint8_t *data = rot_read(&world, "//checkpoint-0", &size);
		size_t partition = find_partition(data, size, 2);
		if (cases[i].at)
			store_le32(data + cases[i].at, cases[i].value);
		store_le64(data + partition + 20, (uint64_t)cases[i].start);
		store_le32(data + partition + 28, cases[i].segments);
		cr_assert_eq(load_le32(data + partition + 32), 1);
		store_le32(data + partition + 32, cases[i].epochs);
		write_forged(&world, data, size);
		rot_write(&world, "//checkpoint-0.copy", data, size); /* one that is right would be taken instead */
		free(data);
		expect_not_believed(&world, cases[i].what);
	}
}

/* Segments that cannot be in a row: one with bytes and without a file, one that goes on before another, an empty one before another, and none that goes on. */
Test(checkpoint, forged_rows_of_segments)
{
	static const struct {
		const char *what;
		uint32_t segment, set, cleared;
		bool is_emptied;
	} cases[] = {
		{"bytes without a file", 0, 0, CHECKPOINT_SEGMENT_HAS_FILE, false},
		{"the first goes on", 0, 0, CHECKPOINT_SEGMENT_IS_COMPLETE, false},
		{"none goes on", 1, CHECKPOINT_SEGMENT_IS_COMPLETE, 0, false},
		{"an empty one before another", 0, 0, 0, true},
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct world world;
		size_t size;
		make(&world, 60 + i);
		uint8_t *data = rot_read(&world, "//checkpoint-0", &size);
		uint8_t *segment = data + find_partition(data, size, 2) + CHECKPOINT_PARTITION_SIZE + cases[i].segment * CHECKPOINT_SEGMENT_SIZE;
		store_le32(segment + 24, (load_le32(segment + 24) | cases[i].set) & ~cases[i].cleared);
		if (cases[i].is_emptied) {
			store_le64(segment + 8, load_le64(segment));
			store_le64(segment + 16, 0);
		}
		write_forged(&world, data, size);
		rot_write(&world, "//checkpoint-0.copy", data, size);
		free(data);
		expect_not_believed(&world, cases[i].what);
	}
}

/* A log that starts behind its end, as none does: it starts at its end. */
Test(checkpoint, forged_start_behind_the_end)
{
	struct world world;
	size_t size;
	make(&world, 30);
	uint8_t *data = rot_read(&world, "//checkpoint-0", &size);
	store_le64(data + find_partition(data, size, 2) + 20, 1000);
	write_forged(&world, data, size);
	free(data);
	world_open(&world);
	cr_assert_leq(partition_log_start_offset(world_partition(&world, "t", 0)), 12);
	world_append(&world, world_partition(&world, "t", 0), 12, 1, 100);
	world_stop(&world);
	world_open(&world);
	world_fini(&world);
}

/* A fence that ends before it begins. */
Test(checkpoint, forged_fences)
{
	static const int64_t fences[][2] = {{5, 3}, {-4, 2}, {7, 7}};
	for (size_t i = 0; i < COUNT_OF(fences); i++) {
		struct world world;
		size_t size;
		make(&world, 40 + i);
		uint8_t *data = rot_read(&world, "//checkpoint-0", &size);
		size_t partition = find_partition(data, size, 2);
		uint32_t epochs = load_le32(data + partition + 32);
		size_t at = partition + PARTITION_SIZE + 2 * 80 + (size_t)epochs * 12;
		uint8_t *forged = malloc(size + 16);
		memcpy(forged, data, at);
		memcpy(forged + at + 16, data + at, size - at);
		store_le32(forged + partition + 36, 1);
		store_le64(forged + at, (uint64_t)fences[i][0]);
		store_le64(forged + at + 8, (uint64_t)fences[i][1]);
		write_forged(&world, forged, size + 16);
		free(data);
		free(forged);
		expect_not_believed(&world, "a fence that cannot be");
	}
}

/* One partition is as it should be, and the one behind it is not: of the first nothing is kept, or its segments would be there twice. */
Test(checkpoint, forged_second_partition)
{
	struct world world;
	size_t size;
	make(&world, 50);
	world_open(&world);
	world_create_topic(&world, "u", 1, NULL, 0);
	world_append(&world, world_partition(&world, "u", 0), 0, 5, 100);
	world_stop(&world);
	uint64_t bytes[2];
	world_open(&world);
	for (int i = 0; i < 2; i++)
		bytes[i] = partition_size_bytes(world_partition(&world, i ? "u" : "t", 0));
	world_stop(&world);
	uint8_t *data = rot_read(&world, "//checkpoint-0", &size);
	size_t first = find_partition(data, size, 2), second = find_partition(data, size, 1), last = first > second ? first : second;
	store_le64(data + last + 20, (uint64_t)-1);
	write_forged(&world, data, size);
	free(data);
	world_open(&world);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(partition_size_bytes(world_partition(&world, i ? "u" : "t", 0)), bytes[i]);
	world_stop(&world);
	world_open(&world);
	cr_assert_eq(world_check_all(&world, world_partition(&world, "u", 0), 0, 50000), 5);
	cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 50000), 12);
	world_fini(&world);
}

/* What is once named damaged stays so, in all lives, though neither the journal nor a file has anything of it any more. */
Test(checkpoint, keeps_fences_and_log_starts)
{
	struct world world;
	make(&world, 60);
	world_open(&world);
	partition__add_damage(world_partition(&world, "t", 0), 7, 9);
	struct trim_op trim = {.done = trimmed, .offset = 2};
	is_trimmed = false;
	cr_assert_eq(partition_trim(world_partition(&world, "t", 0), &trim), 0);
	store_turn(world.store);
	while (!is_trimmed)
		world_turn(&world);
	for (int life = 0; life < 3; life++) {
		idle(&world, 7);
		world_stop(&world);
		world_open(&world);
		struct damage damage = {0};
		cr_assert_eq(partition_damages(world_partition(&world, "t", 0), &damage, 1), 1);
		cr_assert(damage.from == 7 && damage.to == 9);
		cr_assert_eq(partition_log_start_offset(world_partition(&world, "t", 0)), 2);
	}
	world_fini(&world);
}

static void count_partition(void *context, const struct uuid *id, uint32_t index, const struct catalog_mark *mark)
{
	(void)id;
	(void)index;
	(void)mark;
	++*(uint32_t *)context;
}

/* A file that is cut anywhere, or has a bit changed, tells nobody anything; nor is it read beyond its end (which ASan tells). */
Test(checkpoint, what_is_no_checkpoint_tells_nothing)
{
	struct world world;
	uint64_t seed = 1, generation = 2;
	uint32_t count = 0;
	size_t size;
	world_init(&world, 40);
	world_open(&world);
	world_create_topic(&world, "t", 2, NULL, 0);
	for (uint32_t index = 0; index < 2; index++)
		world_append(&world, world_partition(&world, "t", index), 0, 3, 100);
	world_stop(&world);
	uint8_t *whole = rot_read(&world, "/checkpoint-0", &size);
	store__checkpoint_partitions((struct slice){whole, size}, count_partition, &count);
	cr_assert_eq(count, 2);
	cr_assert_eq(store__checkpoint_journal((struct slice){whole, size}, &seed, &generation), 0);
	count = 0;
	for (size_t cut = 0; cut < size; cut++) {
		uint8_t *bytes = malloc(cut + 1);
		memcpy(bytes, whole, cut);
		struct slice file = {bytes, cut};
		cr_expect_eq(store__checkpoint_journal(file, &seed, &generation), ERR_CORRUPT_LOG, "cut at %zu", cut);
		store__checkpoint_partitions(file, count_partition, &count);
		free(bytes);
	}
	for (size_t at = 0; at < size; at++) {
		whole[at] ^= 1;
		cr_expect_eq(store__checkpoint_journal((struct slice){whole, size}, &seed, &generation), ERR_CORRUPT_LOG, "byte %zu", at);
		store__checkpoint_partitions((struct slice){whole, size}, count_partition, &count);
		whole[at] ^= 1;
	}
	cr_expect_eq(count, 0);
	free(whole);
	world_open(&world);
	world_fini(&world);
}
