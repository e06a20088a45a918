/* No CRC covers the first 21 bytes of a batch: base offset, length, leader epoch, magic, and the CRC itself. Whichever bit of them rots in a sealed segment, or in the one that goes on, no answer has it. */
#include "tests/unit/log/verify/rot.h"

#define UNCOVERED 21

static const char sealed[] = "/t-0/00000000000000000000.log", active[] = "/t-0/00000000000000000017.log";

static void append_one(struct world *world, uint64_t offset, size_t value_size)
{
	static uint8_t bytes[1 << 17];
	struct append append = {.op = {.done = append_done, .records = bytes, .begins_segment = offset == 17}};
	append.op.records_size_bytes = make_batch(bytes, sizeof bytes, offset, 1, value_size, 1000 + (int64_t)offset);
	cr_assert_eq(partition_append(the_partition(world), &append.op), 0);
	store_turn(world->store);
	while (!append.is_done)
		world_turn(world);
	cr_assert_eq(append.op.err, 0);
}

/* 0 to 16 are in a sealed segment, 17 to 24 in the next; in two lives, of two epochs. */
static void fill(struct world *world, size_t value_size)
{
	world_init(world, 3);
	world_open(world);
	world_create_topic(world, "t", 1, NULL, 0);
	for (uint64_t i = 0; i < 25; i++) {
		if (i == 12) {
			world_stop(world);
			world_open(world);
		}
		append_one(world, i, value_size);
	}
	world_stop(world);
}

/* All that is in the answer are batches that stand in the file as they were. */
static bool is_as_it_was(const struct read_op *op, const uint8_t *file, size_t size)
{
	for (uint32_t i = 0; i < op->piece_count; i++)
		if (!memmem(file, size, op->pieces[i].data, op->pieces[i].size))
			return false;
	return true;
}

static int read_from(struct world *world, int64_t offset, uint32_t size_max, const uint8_t *file, size_t size)
{
	struct read read;
	world_read_begin(world, the_partition(world), &read, offset, size_max);
	int answer = read.op.err ? 1 : is_as_it_was(&read.op, file, size) ? 0 : -1;
	partition_read_release(&read.op);
	return answer;
}

static void flip_each(size_t value_size, const char *path, uint32_t ordinal, int64_t offset)
{
	struct world world;
	size_t size, active_size;
	fill(&world, value_size);
	uint8_t *file = rot_read(&world, sealed, &size), *other = rot_read(&world, active, &active_size);
	file = realloc(file, size + active_size);
	memcpy(file + size, other, active_size);
	size += active_size;
	free(other);
	struct sim_disk *base = sim_disk_copy(world.disk);
	struct place place = rot_batch(&world, path, ordinal);
	for (int bit = 0; bit < UNCOVERED * 8; bit++) {
		sim_disk_close(world.disk);
		world.disk = sim_disk_copy(base);
		rot_flip(&world, path, place.position + (size_t)bit / 8, (uint8_t)(1 << bit % 8));
		world_open(&world);
		int whole = read_from(&world, offset, 1 << 20, file, size);
		int before = offset ? read_from(&world, offset - 1, 1 << 20, file, size) : 0;
		int behind = offset < 24 ? read_from(&world, offset + 1, 1 << 20, file, size) : 0;
		cr_expect(whole == 1 && !before && !behind, "%s: bit %d of byte %d: %d, %d, %d", path, bit % 8, bit / 8, before, whole, behind);
		world_stop(&world);
	}
	free(file);
	sim_disk_close(base);
	broker_config_destroy(world.config);
	sim_disk_close(world.disk);
}

static void flip_all(const char *path, uint32_t first, uint32_t count)
{
	static const size_t value_sizes[] = {60000, 100};
	for (size_t i = 0; i < COUNT_OF(value_sizes); i++) {
		flip_each(value_sizes[i], path, 0, first);
		flip_each(value_sizes[i], path, count / 2, first + count / 2);
		flip_each(value_sizes[i], path, count - 1, first + count - 1);
	}
}

Test(header_bits, of_a_sealed_segment, .timeout = 120) { flip_all(sealed, 0, 17); }
Test(header_bits, of_the_segment_that_goes_on, .timeout = 120) { flip_all(active, 17, 8); }

static bool is_named(struct world *world, int64_t offset)
{
	struct verdict verdict;
	rot_verify(world, &verdict);
	for (uint32_t i = 0; i < verdict.count; i++)
		if (verdict.found[i].kind == FINDING_DAMAGE && verdict.found[i].from == offset && verdict.found[i].to == offset + 1)
			return true;
	return false;
}

/* Nothing but the records is left: one bit costs one batch all the same, in a scan as to a reader. (The epoch is held against those that the batches tell themselves.) */
static void flip_before_scan(const char *path, uint32_t ordinal, int64_t offset)
{
	static const char *const beside[] = {"/t-0/00000000000000000000.appendtime", "/t-0/00000000000000000000.seal", "/t-0/00000000000000000017.appendtime"};
	struct world world;
	fill(&world, 100);
	rot_unlink(&world, "/checkpoint-0");
	for (size_t i = 0; i < COUNT_OF(beside); i++)
		rot_write(&world, beside[i], "", 0);
	struct sim_disk *base = sim_disk_copy(world.disk);
	struct place place = rot_batch(&world, path, ordinal);
	for (int bit = 0; bit < UNCOVERED * 8; bit++) {
		if (bit / 8 >= 12 && bit / 8 < 16)
			continue;
		sim_disk_close(world.disk);
		world.disk = sim_disk_copy(base);
		rot_flip(&world, path, place.position + (size_t)bit / 8, (uint8_t)(1 << bit % 8));
		cr_expect(is_named(&world, offset), "%ld: bit %d of byte %d", (long)offset, bit % 8, bit / 8);
		world_open(&world);
		world_expect_damaged(&world, the_partition(&world), offset, offset + 1, 25);
		world_stop(&world);
	}
	sim_disk_close(base);
	broker_config_destroy(world.config);
	sim_disk_close(world.disk);
}

Test(header_bits, in_a_scan, .timeout = 120)
{
	flip_before_scan(sealed, 0, 0);
	flip_before_scan(sealed, 8, 8);
	flip_before_scan(sealed, 16, 16);
	flip_before_scan(active, 3, 20);
	flip_before_scan(active, 7, 24);
}
