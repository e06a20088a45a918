/* Segments that begin with a piece too large for a group of the journal, which tells the piece's headers: after a kill, before any checkpoint tells of the segment, the
 * journal alone knows what its file begins with. */
#include "log/store/store_priv.h"
#include "tests/unit/log/verify/rot.h"

#define TOO_LARGE_FOR_A_GROUP 300000 /* of a journal of 1 MiB */

static const char *const log_paths[] = {"/t-0/00000000000000000000.log", "/t-1/00000000000000000000.log"};

static void append_large(struct world *world, uint32_t index, uint64_t number, int count, size_t value_size)
{
	struct append append;
	size_t capacity = (size_t)count * (value_size + 64) + 128;
	uint8_t *bytes = malloc(capacity);
	uint32_t size = make_batch(bytes, capacity, number, count, value_size, 1000);
	append = (struct append){.op = {.done = append_done, .records = bytes, .records_size_bytes = size}};
	cr_assert_eq(partition_append(world_partition(world, "t", index), &append.op), 0);
	store_turn(world->store);
	while (!append.is_done)
		world_turn(world);
	cr_assert_eq(append.op.err, 0);
	free(bytes);
}

/* Records 0 to 3 of t-0 and 1000 to 1003 of t-1 go straight to new segments, in two batches; what follows vouches for them; killed. */
static void make(struct world *world, uint64_t seed, size_t other_size)
{
	world_init(world, seed);
	world->options.journal_size_bytes = 1 << 20;
	world_open(world);
	world_create_topic(world, "t", 2, NULL, 0);
	for (uint32_t p = 0; p < 2; p++) {
		append_large(world, p, p * 1000, 2, p ? other_size : TOO_LARGE_FOR_A_GROUP / 2);
		append_large(world, p, p * 1000 + 2, 2, p ? other_size : TOO_LARGE_FOR_A_GROUP / 2);
		append_large(world, p, p * 1000 + 4, 1, 100);
	}
	world_kill(world);
}

static void take_place(struct world *world)
{
	size_t size;
	uint8_t *bytes = rot_read(world, log_paths[1], &size);
	while (size > 0 && !bytes[size - 1]) /* what was reserved */
		size--;
	rot_write(world, log_paths[0], bytes, size + 1); /* a batch ends with a zero */
	free(bytes);
}

/* Of t-0 none of the other's records is served, whether its file is as long as the pieces or not; what is in the journal is. */
Test(told, another_file_in_a_first_pieces_place)
{
	static const size_t other_sizes[] = {TOO_LARGE_FOR_A_GROUP / 2, TOO_LARGE_FOR_A_GROUP / 2 + 100, TOO_LARGE_FOR_A_GROUP / 2 - 100};
	for (size_t i = 0; i < COUNT_OF(other_sizes); i++) {
		struct world world;
		struct verdict verdict;
		make(&world, 1 + i, other_sizes[i]);
		take_place(&world);
		rot_verify(&world, &verdict);
		int64_t damaged_to = 0;
		for (uint32_t k = 0; k < verdict.count; k++)
			if (verdict.found[k].kind == FINDING_DAMAGE && verdict.found[k].partition == 0 && verdict.found[k].to > damaged_to)
				damaged_to = verdict.found[k].to;
		cr_expect_eq(damaged_to, 4, "size %zu: %ld", other_sizes[i], (long)damaged_to);
		for (int life = 0; life < 2; life++) {
			world_open(&world);
			world_expect_damaged(&world, world_partition(&world, "t", 0), 0, 4, 5);
			world_stop(&world);
		}
		rot_unlink(&world, "/checkpoint-0");
		world.options.is_loss_accepted = true;
		world_open(&world);
		for (int64_t offset = 0; offset < 4; offset++) {
			struct read read;
			world_read_begin(&world, world_partition(&world, "t", 0), &read, offset, 1);
			cr_expect(read.op.err || !read.op.piece_count, "size %zu: %ld is served", other_sizes[i], (long)offset);
			partition_read_release(&read.op);
		}
		world_fini(&world);
	}
}

/* The first record is in the journal, and in the file as well, which no checkpoint tells of; the piece behind it is in the file alone; what follows vouches for it, if anything
 * does. Killed, and another file stands there. */
static void make_later(struct world *world, uint64_t seed, bool is_vouched)
{
	world_init(world, seed);
	world->options.journal_size_bytes = 1 << 20;
	world_open(world);
	world_create_topic(world, "t", 2, NULL, 0);
	for (uint32_t p = 0; p < 2; p++)
		append_large(world, p, p * 1000, 1, 100);
	world->store->cycle.is_due = true;
	while (world->store->cycle.state == CYCLE_IDLE)
		world_turn(world);
	world->store->cycle.in_flight++; /* so this cycle never ends */
	for (uint32_t p = 0; p < 2; p++)
		for (int turns = 0; turns < 100 && !segment_is_filed(world_partition(world, "t", p)->active); turns++)
			world_turn(world);
	for (uint32_t p = 2; p-- > 0;)
		append_large(world, p, p * 1000 + 1, 1, TOO_LARGE_FOR_A_GROUP);
	for (uint32_t p = 0; p < 2 && is_vouched; p++)
		append_large(world, p, p * 1000 + 2, 1, 100);
	world_kill(world);
	take_place(world);
}

/* What the journal has is served, and nothing of the other file, which is kept. */
Test(told, another_file_in_a_later_pieces_place)
{
	struct world world;
	struct verdict verdict;
	size_t size, kept_size;
	make_later(&world, 20, true);
	uint8_t *other = rot_read(&world, log_paths[0], &size);
	rot_verify(&world, &verdict);
	cr_expect_eq(verdict.report.counts.findings[FINDING_DAMAGE], 1);
	for (int life = 0; life < 2; life++) {
		world_open(&world);
		world_expect_damaged(&world, world_partition(&world, "t", 0), 1, 2, 3);
		world_stop(&world);
	}
	uint8_t *kept = rot_read(&world, "/t-0/00000000000000000000.log.foreign", &kept_size);
	cr_assert_eq(kept_size, size);
	cr_expect_eq(memcmp(kept, other, size), 0);
	free(kept);
	free(other);
	broker_config_destroy(world.config);
	sim_disk_close(world.disk);
}

/* Nobody vouches for the piece, so it is dropped, and the file put aside as a torn one is: the start does not look for it there again. */
Test(told, another_file_in_an_unvouched_pieces_place)
{
	struct world world;
	make_later(&world, 21, false);
	for (int life = 0; life < 2; life++) {
		world_open(&world);
		cr_assert_eq(world_check_all(&world, world_partition(&world, "t", 0), 0, 1 << 20), 1);
		world_stop(&world);
	}
	broker_config_destroy(world.config);
	sim_disk_close(world.disk);
}
