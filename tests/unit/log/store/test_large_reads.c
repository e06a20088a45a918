/* log/partition/disk_read.c: a batch that fits no usual read buffer has one of its own. What answers hold of those is bounded, as a peer that reads
 * nothing keeps its own for minutes; a read that finds no room waits, and is answered when some has come back. */
#include "log/partition/partition_priv.h"
#include "tests/unit/log/store/world.h"

#define READS 12
#define RECORDS 10
#define LARGE (10u << 20)  /* more pieces of memory than an answer takes */
#define HELD_MAX (64u << 20)
#define AT_ONCE (HELD_MAX / LARGE)

static struct partition *open_large(struct world *world, bool is_in_file)
{
	static const struct config_override sizes[] = {{"max.message.bytes", "20000000"}};
	world_init(world, 4);
	world->options.cache_size_bytes = 64 << 20;
	world_open(world);
	world_create_topic(world, "t", 1, sizes, 1);
	world_append(world, the_partition(world), 0, RECORDS, LARGE / RECORDS);
	if (is_in_file) {
		world_stop(world);
		world_open(world);
	}
	return the_partition(world);
}

static uint32_t begin_all(struct world *world, struct partition *partition, struct read *reads)
{
	uint32_t done = 0;
	for (int i = 0; i < READS; i++) {
		reads[i] = (struct read){.op = {.done = read_done, .size_bytes_max = 4096, .is_first = true}};
		reads[i].is_done = partition_read(partition, &reads[i].op) == READ_DONE;
	}
	world_rest(world, 1000000000);
	for (int i = 0; i < READS; i++)
		done += reads[i].is_done;
	return done;
}

/* The disk answers in an order of its own. */
static struct read *next_done(struct read *reads)
{
	for (int i = 0; i < READS; i++)
		if (reads[i].is_done)
			return &reads[i];
	cr_assert_fail("nobody was answered");
	return NULL;
}

/* Each that is given back makes place for another. */
static void finish_all(struct world *world, struct partition *partition, struct read *reads)
{
	for (int i = 0; i < READS; i++) {
		struct read *read = next_done(reads);
		cr_assert_eq(read->op.err, 0);
		cr_assert_eq(check_records(&read->op, 0), RECORDS);
		cr_assert_leq(partition->home->large_bytes, HELD_MAX);
		partition_read_release(&read->op);
		read->is_done = false;
		world_rest(world, 1000000000);
	}
	cr_assert_eq(partition->home->large_bytes, 0);
}

static void read_many(bool is_in_file)
{
	struct world world;
	struct read reads[READS];
	struct partition *partition = open_large(&world, is_in_file);
	cr_assert_eq(begin_all(&world, partition, reads), AT_ONCE);
	finish_all(&world, partition, reads);
	world_fini(&world);
}

Test(large_reads, are_bounded_from_files, .timeout = 60)
{
	read_many(true);
}

Test(large_reads, are_bounded_from_memory, .timeout = 60)
{
	read_many(false);
}

/* Read again, they find that there is no such topic any more. */
Test(large_reads, those_that_wait_end_with_their_topic, .timeout = 60)
{
	struct world world;
	struct read reads[READS];
	struct partition *partition = open_large(&world, true);
	uint32_t closed = 0;
	cr_assert_eq(begin_all(&world, partition, reads), AT_ONCE);
	world_delete_topic(&world, "t");
	for (uint32_t i = 0; i < READS; i++) {
		struct read *read = next_done(reads);
		cr_assert(read->op.err == ERR_CLOSED || read->op.err == 0);
		closed += read->op.err == ERR_CLOSED;
		partition_read_release(&read->op);
		read->is_done = false;
		world_rest(&world, 1000000000);
	}
	cr_assert_eq(closed, READS - AT_ONCE);
	world_fini(&world);
}
